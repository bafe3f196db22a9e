//! The engine's thread: the one place where venue events, plugins' commands and the
//! clock meet, one after another. Nothing here waits for a socket or a plugin.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use ringfence_engine::{DeskCommand, Engine, EngineConfig, EngineError, Output, SeatConfig, SeatDesk, seat_of};
use ringfence_model::event::{HaltReason, Kline};
use ringfence_model::venue::{ClientOrderId, VenueEvent, VenueFill};
use ringfence_model::{EventBody, Instrument, Micros, SeatId, Timestamp};
use ringfence_sandbox::Mailbox;
use tokio::sync::mpsc::UnboundedSender;

use crate::view::Feed;

/// Room of the engine's inbox. When it is full the sockets wait (the venue buffers),
/// and so do plugins that command faster than the engine works: nothing is dropped.
const INBOX: usize = 1 << 16;
/// How often the engine looks at the clock when nothing happens.
const BEAT: Duration = Duration::from_millis(50);
/// How long an order may be without a word before the venue is asked.
const QUERY_AFTER: Micros = Micros::from_secs(2);

/// What reaches the engine.
pub(super) enum Input {
    Venue { received: Timestamp, event: VenueEvent },
    Desk(DeskCommand),
    Open { config: SeatConfig, reply: Sender<Result<(SeatId, SeatDesk), EngineError>> },
    Mailbox(Mailbox),
    Trades { id: ClientOrderId, fills: Vec<VenueFill> },
    History { seat: SeatId, request: u64, klines: Option<Vec<Kline>> },
    Halt,
    Unhalt,
    CancelAll,
    OpenOrders { reply: Sender<usize> },
    Stop,
}

/// The way in.
#[derive(Clone)]
pub(super) struct HubSender {
    inbox: Sender<Input>,
    halted: Arc<AtomicBool>,
}

/// A fresh inbox.
pub(super) fn channel() -> (HubSender, Receiver<Input>) {
    let (sender, inbox) = bounded(INBOX);
    (HubSender { inbox: sender, halted: Arc::default() }, inbox)
}

impl HubSender {
    /// Sends; after the engine has ended there is nobody to tell.
    pub(super) fn send(&self, input: Input) {
        match input {
            Input::Halt => self.halted.store(true, Ordering::Relaxed),
            Input::Unhalt => self.halted.store(false, Ordering::Relaxed),
            _ => {}
        }
        drop(self.inbox.send(input));
    }

    /// Whether somebody halted trading and nobody resumed it.
    pub(super) fn is_halted(&self) -> bool {
        self.halted.load(Ordering::Relaxed)
    }

    pub(super) fn open_seat(&self, config: SeatConfig) -> Result<(SeatId, SeatDesk), String> {
        let (reply, answer) = bounded(1);
        self.send(Input::Open { config, reply });
        answer.recv().map_err(|_| "the engine has ended".to_owned())?.map_err(|error| error.to_string())
    }

    pub(super) fn open_orders(&self) -> Option<usize> {
        let (reply, answer) = bounded(1);
        self.send(Input::OpenOrders { reply });
        answer.recv().ok()
    }
}

/// The running thread.
pub(super) struct Hub {
    sender: HubSender,
    thread: JoinHandle<()>,
}

impl Hub {
    /// Starts the thread; `now` is the venue's time.
    pub(super) fn start(
        (sender, inbox): (HubSender, Receiver<Input>),
        instruments: Vec<Instrument>,
        now: Timestamp,
        courier: UnboundedSender<Output>,
        feed: Feed,
    ) -> anyhow::Result<Self> {
        let engine = Engine::new(EngineConfig { session: session(now), instruments, query_after: QUERY_AFTER })?;
        let state = State {
            engine,
            clock: (now, Instant::now()),
            out: Vec::new(),
            mailbox: None,
            early: Vec::new(),
            courier,
            desk_sink: Arc::new({
                let sender = sender.clone();
                move |command| sender.send(Input::Desk(command))
            }),
            feed,
        };
        let thread = std::thread::Builder::new().name("engine".to_owned()).spawn(move || state.run(&inbox))?;
        Ok(Hub { sender, thread })
    }

    /// Ends the thread after what is in its inbox.
    pub(super) fn stop(self) {
        self.sender.send(Input::Stop);
        if self.thread.join().is_err() {
            tracing::error!("the engine's thread panicked");
        }
    }
}

/// Unique for each start within a thousand years, in ten letters and digits.
fn session(now: Timestamp) -> String {
    let mut rest = now.as_millis();
    let mut name = Vec::new();
    while rest > 0 && name.len() < 10 {
        let digit = u32::try_from(rest % 36).unwrap_or(0);
        name.push(char::from_digit(digit, 36).unwrap_or('0'));
        rest /= 36;
    }
    name.iter().rev().collect()
}

/// Whether an order or list was named by a run that began between 2024 and `now`.
pub(super) fn is_of_a_run(id: &ClientOrderId, now: Timestamp) -> bool {
    const FIRST: u64 = 1_704_067_200_000;
    let began = id.0.split_once('-').and_then(|(session, _)| u64::from_str_radix(session, 36).ok());
    seat_of(id).is_some() && began.is_some_and(|began| (FIRST..=now.as_millis()).contains(&began))
}

struct State {
    engine: Engine,
    /// Venue time when it was last learned, and when that was.
    clock: (Timestamp, Instant),
    out: Vec<Output>,
    mailbox: Option<Mailbox>,
    /// Deliveries before the plugins' mailboxes were known.
    early: Vec<(SeatId, Timestamp, EventBody)>,
    courier: UnboundedSender<Output>,
    desk_sink: Arc<dyn Fn(DeskCommand) + Send + Sync>,
    feed: Feed,
}

impl State {
    fn now(&self) -> Timestamp {
        let elapsed = u64::try_from(self.clock.1.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.clock.0.plus(Micros(elapsed))
    }

    fn run(mut self, inbox: &Receiver<Input>) {
        let mut beat = Instant::now();
        loop {
            match inbox.recv_timeout(BEAT) {
                Ok(Input::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(input) => self.take(input),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if beat.elapsed() >= BEAT {
                beat = Instant::now();
                self.engine.clock(self.now(), &mut self.out);
            }
            self.hand_out();
        }
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Venue { received, event } => {
                if received > self.now() {
                    self.clock = (received, Instant::now());
                }
                self.engine.venue(self.now(), event, &mut self.out);
            }
            Input::Desk(command) => self.engine.command(self.now(), command, &mut self.out),
            Input::Open { config, reply } => {
                let sink = Arc::clone(&self.desk_sink);
                drop(reply.send(self.engine.open_seat(config, Box::new(move |command| sink(command)))));
            }
            Input::Mailbox(mailbox) => {
                for (seat, ts, body) in self.early.drain(..) {
                    mailbox.deliver(seat, ts, body);
                }
                self.mailbox = Some(mailbox);
            }
            Input::Trades { id, fills } => self.engine.trades(self.now(), &id, &fills, &mut self.out),
            Input::History { seat, request, klines } => {
                let complete = klines.is_some();
                self.engine.history(self.now(), seat, request, klines.unwrap_or_default(), complete, &mut self.out);
            }
            Input::Halt => self.engine.halt(self.now(), HaltReason::Operator, &mut self.out),
            Input::Unhalt => self.engine.resume(self.now(), &mut self.out),
            Input::CancelAll => self.engine.cancel_all(self.now(), &mut self.out),
            // A reply that nobody waits for any more is no harm.
            Input::OpenOrders { reply } => drop(reply.send(self.engine.open_orders())),
            Input::Stop => {}
        }
    }

    fn hand_out(&mut self) {
        for output in self.out.drain(..) {
            match output {
                Output::Deliver { seat, ts, body } => match &self.mailbox {
                    Some(mailbox) => mailbox.deliver(seat, ts, body),
                    None => self.early.push((seat, ts, body)),
                },
                Output::Unattributed { what } => {
                    self.feed.say(format!("the venue told of what no plugin owns: {what}"))
                }
                Output::Alarm { what } => {
                    self.feed.problem(what.clone());
                    self.feed.say(what);
                }
                // The courier ends only after the engine.
                other => drop(self.courier.send(other)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_knows_the_names_of_earlier_ones() {
        let now = Timestamp::from_millis(1_795_000_000_000);
        let named = |name: &str| is_of_a_run(&ClientOrderId(name.to_owned()), now);
        let earlier = session(Timestamp::from_millis(1_794_999_999_999));
        assert!(named(&format!("{earlier}-0-1")) && named(&format!("{earlier}-1z-L9")));
        let later = session(Timestamp::from_millis(1_795_000_000_001));
        for other in
            [&format!("{later}-0-1"), &earlier, &format!("{earlier}-1"), "my-bot-1", "x-0-1", "web_abc-0-1", ""]
        {
            assert!(!named(other), "{other}");
        }
    }
}

//! Market streams over sockets: a task that knows who wants what, and a task for each
//! connection. What they decide stands in `crate::streams`; here it is carried out.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use ringfence_model::venue::{MarketData, VenueEvent};
use ringfence_model::{InstrumentId, StreamKind, Timestamp};
use ringfence_wire::WireError;
use ringfence_wire::stream::name::SymbolStream;
use ringfence_wire::stream::payload::Payload;
use ringfence_wire::stream::{MarketStream, StreamParser, split};
use serde::Deserialize;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::books::Books;
use super::socket::SHUTDOWN;
use super::transport::Socket;
use super::{Shared, StreamNews, closed, other_port};
use crate::streams::Mark;
use crate::streams::shard::{Answer, Effect, LegId, Shard};
use crate::streams::shares::{Change, Shares};
use crate::streams::silence::Silence;

/// A message of ours that takes longer to leave means that nobody reads.
const SEND_WITHIN: Duration = Duration::from_secs(10);
/// How long the venue may take to hear a goodbye.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// Who is told what a stream says. It goes by the stream's name, so there is one for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// The engine: plugins can have it.
    Engine { instrument: InstrumentId, stream: StreamKind },
    /// The client's owner, in the venue's own words.
    Owner(MarketStream),
}

impl Place {
    /// The instrument whose book is built of it.
    fn book(&self) -> Option<InstrumentId> {
        match self {
            Place::Engine { instrument, stream: StreamKind::Depth } => Some(*instrument),
            Place::Engine { .. } | Place::Owner(_) => None,
        }
    }

    fn silence(&self, now: Timestamp) -> Silence {
        match self {
            Place::Owner(MarketStream::Symbol { stream, .. }) if stream.is_rare() => Silence::rare(now),
            Place::Engine { .. } | Place::Owner(_) => Silence::new(now),
        }
    }
}

impl Shared {
    /// Where a stream's messages go.
    pub(super) fn place(&self, stream: &MarketStream) -> Place {
        let MarketStream::Symbol { symbol, stream: of_symbol } = stream else {
            return Place::Owner(stream.clone());
        };
        // Plugins know one of several speeds.
        let kind = of_symbol.kind().filter(|kind| SymbolStream::of(*kind) == Some(*of_symbol));
        match (self.instruments.iter().find(|known| known.symbol == *symbol), kind) {
            (Some(instrument), Some(kind)) => Place::Engine { instrument: instrument.id, stream: kind },
            _ => Place::Owner(stream.clone()),
        }
    }
}

/// What is asked for.
#[derive(Debug)]
pub(super) enum StreamCommand {
    Begin { name: String, place: Place },
    End { name: String },
}

/// What a connection's task is told.
#[derive(Debug)]
enum ShardCommand {
    Begin {
        name: String,
        place: Place,
    },
    End {
        name: String,
    },
    /// Somebody who came later needs the book of a depth stream that runs already.
    Snapshot(InstrumentId),
}

/// What a stream says.
#[derive(Debug)]
enum Said {
    Market(MarketData),
    Other(Box<(MarketStream, Payload)>),
}

/// The answer to a message of ours. Errors come in two forms, one of them without a number.
#[derive(Deserialize)]
struct Control {
    id: Option<u64>,
    error: Option<serde_json::Value>,
    code: Option<i64>,
    msg: Option<String>,
}

impl Control {
    fn of(text: &str) -> Option<Answer> {
        if text.starts_with("{\"stream\"") {
            return None;
        }
        let control: Control = serde_json::from_str(text).ok()?;
        let refusal = match (&control.error, control.code, &control.msg) {
            (Some(error), ..) => Some(error.to_string()),
            (None, Some(code), msg) => Some(format!("{code}: {}", msg.as_deref().unwrap_or_default())),
            (None, None, _) => None,
        };
        (control.id.is_some() || refusal.is_some()).then_some(Answer { id: control.id, refusal })
    }
}

/// Runs until the client is closed.
pub(super) async fn run(
    shared: Arc<Shared>,
    mut inbox: mpsc::UnboundedReceiver<StreamCommand>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut shares = Shares::new(shared.tuning.shares, &shared.config.sockets);
    let mut shards: Vec<mpsc::UnboundedSender<ShardCommand>> = Vec::new();
    let mut tasks = JoinSet::new();
    loop {
        let due = shares.next().map(|at| shared.instant(at));
        let changes = tokio::select! {
            biased;
            () = closed(&mut stopped) => break,
            // Before the commands: it ends what is over and then waits, so it keeps nobody out.
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => shares
                .due(shared.machine())
                .into_iter()
                .filter_map(|change| match change {
                    Change::End { shard, name } => Some((shard, ShardCommand::End { name })),
                    Change::Begin { .. } => None,
                })
                .collect(),
            command = inbox.recv() => match command {
                None => break,
                Some(StreamCommand::End { name }) => {
                    shares.leave(shared.machine(), &name);
                    continue;
                }
                Some(StreamCommand::Begin { name, place }) => match (shares.want(&name), place.book()) {
                    (Some(Change::Begin { shard, name }), _) => vec![(shard, ShardCommand::Begin { name, place })],
                    (_, Some(instrument)) => {
                        shares.shard_of(&name).map(|shard| (shard, ShardCommand::Snapshot(instrument))).into_iter().collect()
                    }
                    _ => continue,
                },
            },
        };
        for (shard, command) in changes {
            while shards.len() <= shard {
                let (sender, commands) = mpsc::unbounded_channel();
                let number = u64::try_from(shards.len()).unwrap_or(u64::MAX);
                tasks.spawn(Connections::new(Arc::clone(&shared), number).run(commands, stopped.clone()));
                shards.push(sender);
            }
            if let Some(sender) = shards.get(shard) {
                // A connection's task ends only with the client.
                drop(sender.send(command));
            }
        }
    }
    drop(shards);
    while tasks.join_next().await.is_some() {}
}

/// One connection, and the one that replaces it.
struct Connections {
    shared: Arc<Shared>,
    parser: StreamParser,
    shard: Shard<Said>,
    sockets: Vec<(LegId, Socket)>,
    /// The socket that is read first.
    turn: usize,
    opening: JoinSet<(LegId, Result<Option<Socket>, String>)>,
    books: Books,
    places: HashMap<String, Place>,
    /// How many of them are not the engine's.
    others: usize,
    effects: Vec<Effect<Said>>,
}

/// The next frame of any socket. They take turns: one that always has something to say keeps no other waiting.
async fn frame(sockets: &mut [(LegId, Socket)], turn: &mut usize) -> (LegId, Option<Result<Message, Error>>) {
    poll_fn(|context| {
        let first = if *turn < sockets.len() { *turn } else { 0 };
        let (last, next) = sockets.split_at_mut(first);
        for (place, (leg, socket)) in (first..).zip(next).chain((0..).zip(last)) {
            if let Poll::Ready(frame) = socket.poll_next_unpin(context) {
                *turn = place.saturating_add(1);
                return Poll::Ready((*leg, frame));
            }
        }
        Poll::Pending
    })
    .await
}

impl Connections {
    fn new(shared: Arc<Shared>, number: u64) -> Self {
        let seed = shared.machine().0 ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Connections {
            parser: StreamParser::new(&shared.instruments),
            shard: Shard::new(shared.tuning.connection, shared.config.sockets, seed),
            sockets: Vec::new(),
            turn: 0,
            opening: JoinSet::new(),
            books: Books::new(Arc::clone(&shared)),
            places: HashMap::new(),
            others: 0,
            effects: Vec::new(),
            shared,
        }
    }

    async fn run(mut self, mut commands: mpsc::UnboundedReceiver<ShardCommand>, mut stopped: watch::Receiver<bool>) {
        let mut due = Instant::now();
        loop {
            // Whether anything but messages happened: only then the plan can have changed.
            let plan = tokio::select! {
                biased;
                () = closed(&mut stopped) => break,
                command = commands.recv() => match command {
                    None => break,
                    Some(command) => {
                        self.take(command);
                        true
                    }
                },
                Some(opened) = self.opening.join_next(), if !self.opening.is_empty() => {
                    if let Ok((leg, result)) = opened {
                        match result {
                            Ok(Some(socket)) => {
                                if self.shard.opened(self.shared.machine(), leg) {
                                    self.sockets.push((leg, socket));
                                }
                            }
                            Ok(None) => break,
                            Err(why) => self.lost(leg, &why),
                        }
                    }
                    true
                }
                Some(fetched) = self.books.fetches.join_next(), if !self.books.fetches.is_empty() => {
                    // Those that were aborted mean nothing.
                    if let Ok(fetched) = fetched {
                        self.books.fetched(fetched);
                    }
                    false
                }
                () = sleep_until(due) => true,
                (leg, frame) = frame(&mut self.sockets, &mut self.turn) => self.came(leg, frame),
            };
            if plan {
                self.shard.tick(self.shared.machine(), &mut self.effects);
            }
            if !self.effects.is_empty() {
                self.act(&stopped).await;
            }
            if plan {
                let now = self.shared.machine();
                let next = self.shard.next(now).unwrap_or_else(|| Timestamp(now.0.saturating_add(3_600_000_000)));
                due = self.shared.instant(next);
            }
        }
        for (_, mut socket) in self.sockets {
            // The venue may be gone already; then there is nobody to say goodbye to.
            drop(timeout(CLOSE_WITHIN, socket.close()).await);
        }
    }

    fn take(&mut self, command: ShardCommand) {
        match command {
            ShardCommand::Begin { name, place } => {
                self.shard.want(&name, place.silence(self.shared.machine()));
                self.places.insert(name, place);
                self.count_others();
            }
            ShardCommand::End { name } => self.shard.unwant(&name, &mut self.effects),
            ShardCommand::Snapshot(instrument) => self.books.again(instrument),
        }
    }

    fn lost(&mut self, leg: LegId, why: &str) {
        self.sockets.retain(|(known, _)| *known != leg);
        self.shard.lost(self.shared.machine(), leg, why, &mut self.effects);
    }

    /// A frame of a socket; whether the plan may have changed.
    fn came(&mut self, leg: LegId, frame: Option<Result<Message, Error>>) -> bool {
        let changed = match frame {
            Some(Ok(Message::Text(text))) => {
                if let Some(answer) = Control::of(&text) {
                    self.shard.answered(self.shared.machine(), leg, &answer, &mut self.effects);
                    true
                } else {
                    self.message(leg, text.as_bytes())
                }
            }
            Some(Ok(Message::Close(frame))) => {
                let why = frame.map_or_else(|| "closed by the venue".to_owned(), |frame| frame.to_string());
                self.lost(leg, &why);
                return true;
            }
            // Pings are answered by the library.
            Some(Ok(_)) => false,
            Some(Err(error)) => {
                self.lost(leg, &error.to_string());
                return true;
            }
            None => {
                self.lost(leg, "closed by the venue");
                return true;
            }
        };
        // The sink may have kept us waiting; that is no silence of the venue's.
        self.shard.heard(self.shared.machine(), leg);
        changed
    }

    fn count_others(&mut self) {
        self.others = self.places.values().filter(|place| matches!(place, Place::Owner(_))).count();
    }

    fn message(&mut self, leg: LegId, raw: &[u8]) -> bool {
        self.shared.received.fetch_add(1, Ordering::Relaxed);
        if self.others > 0
            && let Some((name, payload)) = split(raw)
            && let Some(Place::Owner(stream)) = self.places.get(name)
        {
            match Payload::read(stream, payload) {
                Ok(payload) => {
                    let (mark, said) = (Mark::of_payload(&payload), Said::Other(Box::new((stream.clone(), payload))));
                    self.shard.message(self.shared.machine(), leg, name, mark, said, &mut self.effects);
                }
                Err(error) => self.shared.unparsed(&format!("stream {name}"), &error),
            }
            return false;
        }
        match self.parser.parse_named(raw) {
            Ok((Some(name), data)) => {
                let (mark, said) = (Mark::of(&data), Said::Market(data));
                self.shard.message(self.shared.machine(), leg, name, mark, said, &mut self.effects);
                false
            }
            // The endpoint of combined streams names each.
            Ok((None, data)) => {
                self.tell(Said::Market(data));
                false
            }
            Err(WireError::Unknown { found, .. }) if found.trim_start_matches('!') == SHUTDOWN => {
                self.shard.goodbye(self.shared.machine(), leg, &mut self.effects);
                true
            }
            Err(error) => {
                let what =
                    split(raw).map_or_else(|| "a market stream".to_owned(), |(name, _)| format!("stream {name}"));
                self.shared.unparsed(&what, &error);
                false
            }
        }
    }

    fn tell(&mut self, said: Said) {
        match said {
            Said::Market(data) => {
                if let MarketData::Depth { update, .. } = &data {
                    self.books.update(update);
                }
                self.shared.tell(VenueEvent::Market(data));
            }
            Said::Other(other) => {
                let (stream, payload) = *other;
                self.shared.tell_stream(stream, StreamNews::Message(payload));
            }
        }
    }

    async fn send(&mut self, leg: LegId, message: Message) {
        let Some((_, socket)) = self.sockets.iter_mut().find(|(known, _)| *known == leg) else {
            return;
        };
        let why = match timeout(SEND_WITHIN, socket.send(message)).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "nobody reads what is sent".to_owned(),
        };
        self.lost(leg, &why);
    }

    fn depth(&self, name: &str) -> Option<InstrumentId> {
        self.places.get(name).and_then(Place::book)
    }

    /// Does what was decided. More may be decided meanwhile.
    async fn act(&mut self, stopped: &watch::Receiver<bool>) {
        while !self.effects.is_empty() {
            for effect in std::mem::take(&mut self.effects) {
                match effect {
                    Effect::Pass(said) => self.tell(said),
                    Effect::Open { leg, failures } => {
                        let (shared, mut stopped) = (Arc::clone(&self.shared), stopped.clone());
                        self.opening.spawn(async move {
                            let url = format!("{}/stream", other_port(&shared.config.stream_url, failures));
                            (leg, shared.open(&url, 0, &mut stopped).await)
                        });
                    }
                    Effect::Send { leg, text } => self.send(leg, Message::text(text)).await,
                    Effect::Ping { leg } => self.send(leg, Message::Ping(Vec::new().into())).await,
                    Effect::Close { leg } => {
                        if let Some(place) = self.sockets.iter().position(|(known, _)| *known == leg) {
                            let (_, mut socket) = self.sockets.remove(place);
                            tokio::spawn(async move { drop(timeout(CLOSE_WITHIN, socket.close()).await) });
                        }
                    }
                    Effect::Asked { name } => {
                        if let Some(instrument) = self.depth(&name) {
                            self.books.asked(instrument);
                        }
                    }
                    Effect::Begun { name } => {
                        if let Some(instrument) = self.depth(&name) {
                            self.books.begun(instrument);
                        }
                    }
                    Effect::Ended { name } => {
                        if let Some(instrument) = self.depth(&name) {
                            self.books.ended(instrument);
                        }
                        self.places.remove(&name);
                        self.count_others();
                    }
                    Effect::Down { name } => {
                        if let Some(instrument) = self.depth(&name) {
                            self.books.asked(instrument);
                        }
                        match self.places.get(&name).cloned() {
                            Some(Place::Engine { instrument, stream }) => {
                                self.shared.tell(VenueEvent::StreamDown { instrument, stream });
                            }
                            Some(Place::Owner(stream)) => self.shared.tell_stream(stream, StreamNews::Down),
                            None => {}
                        }
                    }
                    Effect::Up { name } => {
                        match self.places.get(&name).cloned() {
                            Some(Place::Engine { instrument, stream }) => {
                                self.shared.tell(VenueEvent::StreamUp { instrument, stream });
                            }
                            Some(Place::Owner(stream)) => self.shared.tell_stream(stream, StreamNews::Up),
                            None => {}
                        }
                        if let Some(instrument) = self.depth(&name) {
                            self.books.again(instrument);
                        }
                    }
                    Effect::Notice(text) => self.shared.notice(text),
                    Effect::Alarm(text) => self.shared.alarm(text),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::Context;

    use futures_util::{FutureExt as _, Sink, Stream};

    use super::*;

    /// Says something whenever it is asked, or nothing at all.
    struct Talks(bool);

    impl Stream for Talks {
        type Item = Result<Message, Error>;

        fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            if self.0 { Poll::Ready(Some(Ok(Message::text("")))) } else { Poll::Pending }
        }
    }

    impl Sink<Message> for Talks {
        type Error = Error;

        fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
            Poll::Ready(Ok(()))
        }

        fn start_send(self: Pin<&mut Self>, _: Message) -> Result<(), Error> {
            Ok(())
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
            Poll::Ready(Ok(()))
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn sockets_take_turns() {
        let of = |leg: LegId, talks| (leg, Box::pin(Talks(talks)) as Socket);
        let mut sockets = vec![of(1, true), of(2, false), of(3, true)];
        let mut turn = 0;
        let mut next = |sockets: &mut Vec<_>| frame(sockets, &mut turn).now_or_never().map(|(leg, _)| leg);
        let heard: Vec<_> = (0..5).map(|_| next(&mut sockets)).collect();
        assert_eq!(heard, [Some(1), Some(3), Some(1), Some(3), Some(1)]);
        // One is gone, whosever turn it was.
        sockets.truncate(1);
        assert_eq!(next(&mut sockets), Some(1));
        sockets.clear();
        assert_eq!(next(&mut sockets), None);
    }
}

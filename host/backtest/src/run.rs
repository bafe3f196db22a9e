//! The loop of a lock-step run. Everything that happens is ordered by virtual time,
//! then by seat: nothing depends on how fast this machine is.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use ringfence_binance::Credentials;
use ringfence_engine::book::LocalBook;
use ringfence_engine::{DeskCommand, Engine, EngineConfig, EngineError, Output};
use ringfence_exchange::recording::{Recording, RecordingError, first_time, symbol_of};
use ringfence_exchange::{AccountConfig, Exchange, ExchangeConfig, ExchangeError, SymbolConfig};
use ringfence_model::event::Book;
use ringfence_model::strategy::{Mode, StopReason, Value};
use ringfence_model::venue::{MarketData, VenueEvent};
use ringfence_model::{Balance, Decimal, Instrument, InstrumentId, Micros, StreamKind, Timestamp};
use ringfence_sandbox::{LogLevel, Plugin, Refusal, Sandbox, Seat, SeatConfig, SeatReport, SeatState, Settings};
use ringfence_wire::WireError;
use ringfence_wire::rest::ExchangeInfo;
use ringfence_wire::stream::{StreamParser, combined, stream_name};

use crate::clock::VirtualClock;
use crate::venue::Venue;

/// How many problems are kept word for word; all are counted.
const PROBLEMS_KEPT: usize = 100;
/// Levels a side of a book that a recording's messages make.
const BOOK_LEVELS: usize = 1_000;
/// How often the engine's own clock is looked at.
const ENGINE_BEAT: Micros = Micros::from_millis(500);
/// A run that isn't quiet after this many steps of cancelling is reported as it stands.
const CLOSING_STEPS: usize = 100_000;

/// Where the market comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A recording, one raw message a line.
    Recording(PathBuf),
    /// The simulated exchange's own seeded market, for this long in virtual time.
    Generator {
        /// Length of the run.
        length: Micros,
        /// Symbols to trade.
        symbols: Vec<String>,
    },
}

/// What a run is made of.
#[derive(Debug, Clone)]
pub struct RunConfig {
    /// Where the market comes from.
    pub source: Source,
    /// Seed of the generated market and of the plugins' random numbers.
    pub seed: u64,
    /// What the account starts with.
    pub balances: Vec<(String, Decimal)>,
    /// One way from the host to the venue; at least a microsecond.
    pub latency: Micros,
    /// Start of a generated market, so that a run doesn't depend on today; a recording has its own.
    pub start: Timestamp,
    /// Ends a recording early, after this long in virtual time.
    pub length: Option<Micros>,
}

/// Why a run cannot be made or go on.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum BacktestError {
    #[error(transparent)]
    Recording(#[from] RecordingError),
    #[error("the simulated exchange knows no symbol {symbol}; it knows BTCUSDT and ETHUSDT, among others")]
    UnknownSymbol { symbol: String },
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("the simulated exchange said what the client can't read: {0}")]
    Wire(#[from] WireError),
    #[error("plugin {name}: {refusal}")]
    Plugin { name: String, refusal: Refusal },
}

/// How far a run is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Messages so far.
    pub received: u64,
    /// Virtual time.
    pub now: Timestamp,
}

/// What a plugin wrote, or did wrong.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// A line of its log.
    Log(LogLevel, String),
    /// A fault, and whether it was one too many.
    Fault {
        /// What it did.
        reason: String,
        /// It runs no more.
        quarantined: bool,
    },
}

/// Whoever wants to hear of the plugins: when, whose name, what.
type Hear = Box<dyn FnMut(Timestamp, &str, Told)>;

struct Listener(Hear);

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Listener")
    }
}

/// What a run came to.
#[derive(Debug, Clone)]
pub struct Report {
    /// Lines of the recording, or messages of the generated market.
    pub received: u64,
    /// Of these, not readable.
    pub unparsed: u64,
    /// The first of the unreadable ones, with line number and reason.
    pub problems: Vec<String>,
    /// Virtual time from first to last message.
    pub length: Micros,
    /// Each seat after the last event.
    pub seats: Vec<SeatReport>,
    /// The account at the end.
    pub account: Vec<Balance>,
    /// Orders that were not final at the end; zero in a healthy run.
    pub left_open: usize,
}

/// A run that is set up.
#[derive(Debug)]
pub struct Run {
    config: RunConfig,
    venue: Venue,
    instruments: Vec<Instrument>,
    /// Of a recording, by instrument: for who follows depth when its snapshot is long past.
    books: Vec<LocalBook>,
    parser: StreamParser,
    engine: Engine,
    seats: Vec<Seat>,
    /// Faults of each seat that were told.
    faults: Vec<u64>,
    listener: Option<Listener>,
    sandbox: Arc<Sandbox>,
    desk_commands: (Sender<DeskCommand>, Receiver<DeskCommand>),
    in_flight: VecDeque<(Timestamp, Output)>,
    out: Vec<Output>,
    clock: VirtualClock,
    next_beat: Timestamp,
    problems: Vec<String>,
    received: u64,
    unparsed: u64,
}

impl Run {
    /// Opens the source and builds exchange and engine around it.
    ///
    /// # Errors
    /// The recording can't be opened, a symbol is unknown.
    pub fn open(mut config: RunConfig, sandbox: Arc<Sandbox>) -> Result<Self, BacktestError> {
        if let Source::Recording(path) = &config.source {
            // Time begins where the recording does: a plugin's clock never runs backwards.
            config.start = first_time(path)?;
        }
        let symbols = match &config.source {
            Source::Recording(path) => vec![symbol_of(path)?],
            Source::Generator { symbols, .. } => symbols.clone(),
        };
        let known = symbols
            .iter()
            .map(|symbol| {
                SymbolConfig::known(symbol).ok_or_else(|| BacktestError::UnknownSymbol { symbol: symbol.clone() })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let account = AccountConfig {
            api_key: "lock-step".to_owned(),
            secret: "never leaves this process".to_owned(),
            balances: config.balances.clone(),
            ..AccountConfig::default()
        };
        let credentials = Credentials::new(account.api_key.clone(), account.secret.clone());
        let exchange = Exchange::new(ExchangeConfig {
            seed: config.seed,
            symbols: known,
            accounts: vec![account],
            start: config.start,
            ..ExchangeConfig::default()
        })?;
        let info: ExchangeInfo = ringfence_wire::rest::read(exchange.instruments_json().as_bytes())?;
        let instruments = info.instruments(&symbols)?;
        let mut parser = StreamParser::new(&instruments);
        if matches!(config.source, Source::Recording(_)) {
            parser = parser.with_bare_snapshot(InstrumentId(0));
        }
        let engine = Engine::new(EngineConfig {
            session: "lockstep".to_owned(),
            instruments: instruments.clone(),
            query_after: Micros::from_secs(2),
        })?;
        Ok(Run {
            venue: Venue::new(exchange, credentials),
            books: instruments.iter().map(|instrument| LocalBook::new(instrument.id)).collect(),
            instruments,
            parser,
            engine,
            seats: Vec::new(),
            faults: Vec::new(),
            listener: None,
            sandbox,
            desk_commands: channel(),
            in_flight: VecDeque::new(),
            out: Vec::new(),
            clock: VirtualClock::default(),
            next_beat: Timestamp(0),
            problems: Vec::new(),
            received: 0,
            unparsed: 0,
            config,
        })
    }

    /// The instruments of the run.
    pub fn instruments(&self) -> &[Instrument] {
        &self.instruments
    }

    /// Seats a plugin with its budgets and policies. It gets its first event with the first message of the market.
    ///
    /// # Errors
    /// The engine refuses the seat, or the plugin its parameters.
    pub fn seat(
        &mut self,
        plugin: Arc<Plugin>,
        config: ringfence_engine::SeatConfig,
        parameters: Vec<(String, Value)>,
        settings: Settings,
    ) -> Result<(), BacktestError> {
        let name = config.name.clone();
        let sender = self.desk_commands.0.clone();
        // The receiver lives as long as the run, so sending can't fail.
        let sink = Box::new(move |command| drop(sender.send(command)));
        let (_, desk) = self.engine.open_seat(config, sink)?;
        let seat = SeatConfig {
            name: name.clone(),
            mode: if matches!(self.config.source, Source::Recording(_)) { Mode::Replay } else { Mode::Backtest },
            seed: self.config.seed,
            lookahead: self.config.latency,
            queue: usize::MAX,
            clocked: false,
            settings,
        };
        let mut seat = Seat::new(Arc::clone(&self.sandbox), seat, Box::new(desk));
        seat.start(self.config.start, plugin, parameters).map_err(|refusal| BacktestError::Plugin { name, refusal })?;
        self.seats.push(seat);
        self.faults.push(0);
        Ok(())
    }

    /// The seats' names.
    pub fn names(&self) -> Vec<String> {
        self.seats.iter().map(|seat| seat.name().to_owned()).collect()
    }

    /// Hears what plugins write and do wrong. Without a listener it is lost.
    pub fn listen(&mut self, hear: impl FnMut(Timestamp, &str, Told) + 'static) {
        self.listener = Some(Listener(Box::new(hear)));
    }

    fn tell(&mut self) {
        let now = self.clock.now();
        let Some(Listener(hear)) = &mut self.listener else { return };
        for (seat, told) in self.seats.iter_mut().zip(&mut self.faults) {
            if seat.has_log() {
                for (level, message) in seat.take_log() {
                    hear(now, seat.name(), Told::Log(level, message));
                }
            }
            let faults = seat.life().faults();
            if faults != std::mem::replace(told, faults) {
                let quarantined = seat.state() == SeatState::Quarantined;
                hear(now, seat.name(), Told::Fault { reason: seat.last_fault().to_owned(), quarantined });
            }
        }
    }

    /// Plays the market to its end, then cancels what is open.
    ///
    /// # Errors
    /// The source or the exchange fails as a whole; a broken line is only counted.
    pub fn play(mut self, progress: &mut dyn FnMut(Progress)) -> Result<Report, BacktestError> {
        let first = match self.config.source.clone() {
            Source::Recording(path) => self.play_recording(&path, progress)?,
            Source::Generator { length, .. } => self.play_generator(length, progress)?,
        };
        let length = self.clock.now().since(first);
        let running: Vec<_> = self.seats.iter().map(|seat| seat.report().state).collect();
        for seat in &mut self.seats {
            seat.stop(self.clock.now(), StopReason::HostShutdown);
        }
        self.settle()?;
        let mut steps = 0usize;
        while !(self.in_flight.is_empty() && self.engine.open_orders() == 0) && steps < CLOSING_STEPS {
            self.advance(self.clock.now().plus(self.config.latency))?;
            steps = steps.saturating_add(1);
        }
        let account = self.venue.account(self.clock.now())?;
        let mut seats: Vec<SeatReport> = self.seats.iter().map(Seat::report).collect();
        for (report, state) in seats.iter_mut().zip(running) {
            report.state = state;
        }
        seats.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Report {
            received: self.received,
            unparsed: self.unparsed,
            problems: self.problems,
            length,
            seats,
            account,
            left_open: self.engine.open_orders(),
        })
    }

    fn play_recording(&mut self, path: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Timestamp, BacktestError> {
        let mut first = None;
        for line in Recording::open(path)? {
            self.received = self.received.saturating_add(1);
            let line = match line {
                Ok(line) => line,
                Err(error) => {
                    self.problem(format!("{}: {error}", path.display()));
                    continue;
                }
            };
            match self.parser.parse(&line.raw) {
                Ok(data) => {
                    let now = self.clock.arrival(line.received, data.sent());
                    if first.is_none() {
                        self.begin(now);
                        first = Some(now);
                    }
                    if self.config.length.is_some_and(|length| first.is_some_and(|first| now.since(first) > length)) {
                        self.received = self.received.saturating_sub(1);
                        break;
                    }
                    self.advance(now)?;
                    self.venue.exchange.play(now, &data);
                    self.record_book(&data);
                    self.market(data)?;
                }
                Err(error) => self.problem(format!("{}: line {}: {error}", path.display(), line.number)),
            }
            if self.received.is_multiple_of(4_096) {
                progress(Progress { received: self.received, now: self.clock.now() });
            }
        }
        Ok(first.unwrap_or_default())
    }

    fn play_generator(
        &mut self,
        length: Micros,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Timestamp, BacktestError> {
        let first = self.config.start;
        self.begin(first);
        let end = first.plus(length);
        while self.clock.now() < end {
            let now = self.clock.now().plus(Micros::from_millis(10)).min(end);
            self.advance(now)?;
            self.venue.exchange.advance(now);
            for message in self.venue.exchange.drain_streams() {
                self.received = self.received.saturating_add(1);
                match self.parser.parse(combined(&message.stream, &message.data).as_bytes()) {
                    Ok(data) => self.market(data)?,
                    Err(error) => self.problem(format!("message {}: {error}", self.received)),
                }
            }
            self.settle()?;
            if self.received.is_multiple_of(512) {
                progress(Progress { received: self.received, now });
            }
        }
        Ok(first)
    }

    /// Time starts with the market, not in 1970.
    fn begin(&mut self, now: Timestamp) {
        self.clock.to(now);
        self.next_beat = now;
    }

    fn problem(&mut self, what: String) {
        self.unparsed = self.unparsed.saturating_add(1);
        if self.problems.len() < PROBLEMS_KEPT {
            self.problems.push(what);
        }
    }

    fn record_book(&mut self, data: &MarketData) {
        let instrument = match data {
            MarketData::Depth { update, .. } => update.instrument,
            MarketData::Book { book, .. } => book.instrument,
            _ => return,
        };
        let Some(known) = usize::try_from(instrument.0).ok().and_then(|index| self.books.get_mut(index)) else {
            return;
        };
        match data {
            MarketData::Depth { update, .. } => drop(known.update(update)),
            MarketData::Book { book, .. } => known.snapshot(book),
            _ => {}
        }
    }

    /// Whether who begins to follow depth now must be given a book: the generated market never
    /// tells one by itself, a recording does so once.
    fn owes_book(&self, instrument: InstrumentId) -> bool {
        let recorded = || usize::try_from(instrument.0).ok().and_then(|index| self.books.get(index));
        !matches!(self.config.source, Source::Recording(_)) || recorded().is_some_and(LocalBook::is_in_sync)
    }

    /// What the venue answers to a request for a depth snapshot. Of a recording only what it has
    /// told of depth: the exchange's own book knows newer quotes, too, and is of no update.
    fn book(&mut self, now: Timestamp, instrument: InstrumentId) -> Result<Option<Book>, BacktestError> {
        let Ok(index) = usize::try_from(instrument.0) else { return Ok(None) };
        if matches!(self.config.source, Source::Recording(_)) {
            return Ok(self.books.get(index).and_then(|book| book.top(BOOK_LEVELS)));
        }
        let Some(instrument) = self.instruments.get(index) else { return Ok(None) };
        Ok(Some(self.venue.book(now, instrument)?))
    }

    /// A market message: own orders that it touched come first, as they would on the venue.
    fn market(&mut self, data: MarketData) -> Result<(), BacktestError> {
        let now = self.clock.now();
        self.user_events()?;
        self.engine.venue(now, VenueEvent::Market(data), &mut self.out);
        self.settle()
    }

    /// Lets everything happen that is due up to `until`, in order of time.
    fn advance(&mut self, until: Timestamp) -> Result<(), BacktestError> {
        loop {
            let flight = self.in_flight.front().map(|(due, _)| *due);
            let timer = self.seats.iter().filter_map(Seat::next_timer).min();
            let next = [flight, timer, Some(self.next_beat)].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= until) else {
                break;
            };
            let now = self.clock.to(next);
            if self.next_beat <= now {
                self.next_beat = now.plus(ENGINE_BEAT);
                self.engine.clock(now, &mut self.out);
            }
            while self.in_flight.front().is_some_and(|(due, _)| *due <= now) {
                if let Some((_, output)) = self.in_flight.pop_front() {
                    self.arrive(output)?;
                }
            }
            for seat in &mut self.seats {
                seat.advance(now);
            }
            self.settle()?;
        }
        self.clock.to(until);
        Ok(())
    }

    /// A command reaches the venue.
    fn arrive(&mut self, output: Output) -> Result<(), BacktestError> {
        let now = self.clock.now();
        let answer = match output {
            Output::Place(approved) => Some(self.venue.place(now, approved.order())),
            Output::Cancel { symbol, client_order_id } => Some(self.venue.cancel(now, &symbol, &client_order_id)),
            Output::Amend { symbol, client_order_id, quantity } => {
                Some(self.venue.amend(now, &symbol, &client_order_id, quantity))
            }
            Output::PlaceList(approved) => Some(self.venue.place_list(now, approved.id(), approved.list())),
            Output::CancelList { symbol, list } => Some(self.venue.cancel_list(now, &symbol, &list)),
            Output::QueryList { list, question } => self.venue.query_list(now, &list, question),
            Output::Query { symbol, client_order_id, question } => {
                self.venue.query(now, &symbol, &client_order_id, question)
            }
            Output::Trades { symbol, client_order_id, venue_order_id } => {
                let fills = self.venue.trades(now, &symbol, venue_order_id)?;
                self.engine.trades(now, &client_order_id, &fills, &mut self.out);
                None
            }
            Output::History { seat, request, instrument, interval, start, limit } => {
                let klines = usize::try_from(instrument.0)
                    .ok()
                    .and_then(|index| self.instruments.get(index))
                    .and_then(|instrument| self.venue.klines(now, instrument, interval, start, limit));
                let complete = klines.is_some();
                self.engine.history(now, seat, request, klines.unwrap_or_default(), complete, &mut self.out);
                None
            }
            // The stream runs already; this is its book.
            Output::Subscribe { instrument, .. } => {
                self.book(now, instrument)?.map(|book| VenueEvent::Market(MarketData::Book { ts: None, book }))
            }
            Output::Deliver { .. }
            | Output::Unsubscribe { .. }
            | Output::Unattributed { .. }
            | Output::Alarm { .. } => None,
        };
        // The venue's user stream speaks before the answer is back.
        self.user_events()?;
        if let Some(answer) = answer {
            self.engine.venue(now, answer, &mut self.out);
        }
        Ok(())
    }

    fn user_events(&mut self) -> Result<(), BacktestError> {
        let mut events = Vec::new();
        self.venue.user_events(&mut events)?;
        for event in events {
            self.engine.venue(self.clock.now(), event, &mut self.out);
        }
        Ok(())
    }

    /// Hands out what the engine said and lets the plugins answer, until all are quiet.
    fn settle(&mut self) -> Result<(), BacktestError> {
        let now = self.clock.now();
        loop {
            while let Ok(command) = self.desk_commands.1.try_recv() {
                self.engine.command(now, command, &mut self.out);
            }
            for output in std::mem::take(&mut self.out) {
                match output {
                    Output::Deliver { seat, ts, body } => {
                        if let Some(seat) = usize::try_from(seat.0).ok().and_then(|index| self.seats.get_mut(index)) {
                            seat.push(ts, body);
                        }
                    }
                    Output::Subscribe { instrument, stream } => {
                        self.follow(instrument, stream, true);
                        // Whoever follows depth gets a book, as from the real client.
                        if stream == StreamKind::Depth && self.owes_book(instrument) {
                            let due = now.plus(self.config.latency);
                            self.in_flight.push_back((due, Output::Subscribe { instrument, stream }));
                        }
                    }
                    Output::Unsubscribe { instrument, stream } => self.follow(instrument, stream, false),
                    Output::Unattributed { what } => {
                        tracing::warn!(what, "the venue told of an order that no plugin owns")
                    }
                    Output::Alarm { what } => tracing::error!(what, "the venue and the host do not agree"),
                    command => self.in_flight.push_back((now.plus(self.config.latency), command)),
                }
            }
            let mut moved = false;
            for seat in &mut self.seats {
                while seat.run(usize::MAX).consumed > 0 {
                    moved = true;
                }
            }
            if !moved && self.out.is_empty() {
                match self.desk_commands.1.try_recv() {
                    Ok(command) => self.engine.command(now, command, &mut self.out),
                    Err(_) => break,
                }
            }
        }
        self.tell();
        Ok(())
    }

    /// A generated market only says what somebody follows; a recording says what it has.
    fn follow(&mut self, instrument: InstrumentId, stream: StreamKind, on: bool) {
        if matches!(self.config.source, Source::Recording(_)) {
            return;
        }
        let symbol = usize::try_from(instrument.0).ok().and_then(|index| self.instruments.get(index));
        let Some(name) = symbol.and_then(|instrument| stream_name(&instrument.symbol, stream)) else { return };
        if !on {
            self.venue.exchange.unlisten(&name);
        } else if !self.venue.exchange.listen(&name) {
            tracing::warn!(name, "the simulated exchange has no such stream");
        }
    }
}

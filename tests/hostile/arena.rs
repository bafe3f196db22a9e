//! A culprit between two neighbours, on a real engine and the real simulated exchange, on one
//! thread and in virtual time: nothing here waits, and the same seed gives the same run.
//!
//! The neighbours check the number of every event that they are told, and give up at the first
//! that is missing or comes twice; one of them has an order resting that nobody may touch.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use ringfence_backtest::venue::Venue;
use ringfence_binance::Credentials;
use ringfence_engine::{DeskCommand, Engine, EngineConfig, Limits, Output, Permissions, SeatConfig, seat_of};
use ringfence_exchange::{AccountConfig, Exchange, ExchangeConfig, HttpRequest, SymbolConfig};
use ringfence_model::event::OrderUpdate;
use ringfence_model::instrument::Filters;
use ringfence_model::strategy::{FaultPolicy, Mode};
use ringfence_model::venue::{MarketData, VenueEvent};
use ringfence_model::{Decimal, EventBody, Instrument, InstrumentId, Micros, OrderId, SeatId, Timestamp};
use ringfence_sandbox::budgets::CallTime;
use ringfence_sandbox::{
    Budgets, FaultKind, LogLevel, Mitigation, Plugin, Refusal, Sandbox, SandboxConfig, Seat, SeatReport, SeatState,
    Settings,
};
use ringfence_wire::rest::ExchangeInfo;
use ringfence_wire::stream::{StreamParser, combined, stream_name};

use crate::common::Guest;
use crate::common::guest::checker;
use crate::guests::{also, limit, once, with_trades};

/// The neighbours and the culprit, in the order of their seats.
pub const ALPHA: usize = 0;
pub const BETA: usize = 1;
pub const EVIL: usize = 2;
/// Virtual time of one step; one way to the venue takes less.
const STEP: Micros = Micros::from_millis(10);
const LATENCY: Micros = Micros::from_millis(1);
/// Seventy trades or so.
const WHILE: usize = 200;

pub const BTC: InstrumentId = InstrumentId(0);
pub const ETH: InstrumentId = InstrumentId(1);

/// That an attack did no harm: only a look at the neighbours makes one of these.
#[derive(Debug)]
#[must_use]
pub struct Held(());

impl Held {
    /// Whoever looked elsewhere says so here.
    pub fn seen() -> Self {
        Held(())
    }
}

/// What the culprit is given.
#[derive(Debug, Clone)]
pub struct Plan {
    pub budgets: Budgets,
    pub limits: Limits,
    pub permissions: Permissions,
    pub symbols: Vec<InstrumentId>,
    pub on_fault: FaultPolicy,
    pub without: Option<Mitigation>,
    /// The host does not know the venue's filters.
    pub unfiltered: bool,
}

/// A hard bound in milliseconds; nothing is soft.
pub fn call(millis: u64) -> CallTime {
    let hard = Duration::from_millis(millis);
    CallTime { soft: hard, hard }
}

/// Budgets whose end is quickly reached; the share of a core is nobody's concern.
pub fn swift() -> Budgets {
    Budgets {
        market: call(20),
        order: call(20),
        timer: call(20),
        each: CallTime { soft: Duration::ZERO, hard: Duration::ZERO },
        describe: call(20),
        init: call(20),
        save: call(20),
        shutdown: call(20),
        share_percent: 100_000,
        share_strike_percent: 100_000,
        turn: Duration::from_secs(10),
        ..Budgets::default()
    }
}

/// Budgets under which a call may take as long as any attack here does.
pub fn patient() -> Budgets {
    Budgets {
        market: call(60_000),
        order: call(60_000),
        timer: call(60_000),
        events_most: Duration::from_secs(60),
        describe: call(60_000),
        init: call(60_000),
        save: call(60_000),
        shutdown: call(60_000),
        ..swift()
    }
}

/// No limit that any attack here meets; each test sets the one that it is about.
pub fn roomy() -> Limits {
    Limits {
        orders_per_second: 1_000_000,
        orders_per_day: 1_000_000,
        cancels_per_second: 1_000_000,
        open_orders: 1_000_000,
        subscriptions: 1_000,
        history_requests_per_minute: 1_000_000,
        order_notional: Decimal::ZERO,
        open_notional: Decimal::ZERO,
        position_notional: Decimal::ZERO,
        price_collar: Decimal::ZERO,
        daily_loss: Decimal::ZERO,
    }
}

impl Default for Plan {
    fn default() -> Self {
        Plan {
            budgets: swift(),
            limits: roomy(),
            permissions: Permissions::default(),
            symbols: vec![BTC],
            on_fault: FaultPolicy::Cancel,
            without: None,
            unfiltered: false,
        }
    }
}

impl Plan {
    pub fn budgets(budgets: Budgets) -> Self {
        Plan { budgets, ..Plan::default() }
    }

    pub fn without(mitigation: Mitigation) -> Self {
        Plan { without: Some(mitigation), ..Plan::default() }
    }
}

pub struct Arena {
    pub sandbox: Arc<Sandbox>,
    pub engine: Engine,
    pub venue: Venue,
    instruments: Vec<Instrument>,
    parser: StreamParser,
    seats: Vec<Seat>,
    /// Events that the engine handed to each seat.
    delivered: Vec<u64>,
    commands: (Sender<DeskCommand>, Receiver<DeskCommand>),
    in_flight: VecDeque<(Timestamp, Output)>,
    /// Everything that was asked of the venue, in its order.
    pub sent: Vec<Output>,
    /// What each seat was told of its orders.
    pub updates: Vec<(usize, OrderUpdate)>,
    /// What the venue answered to orders and cancels.
    pub answers: Vec<VenueEvent>,
    pub now: Timestamp,
    last: BTreeMap<InstrumentId, Decimal>,
    /// Somebody asks the venue behind the gate's back; what it then tells of his orders.
    ungated: bool,
    pub strangers: Vec<String>,
}

fn amounts(usdt: i64, btc: i64, eth: i64) -> Vec<(String, Decimal)> {
    [("USDT", usdt), ("BTC", btc), ("ETH", eth)].map(|(asset, amount)| (asset.to_owned(), Decimal::from(amount))).into()
}

impl Arena {
    pub fn new(plan: Plan) -> Self {
        let account = AccountConfig { balances: amounts(100_000_000, 40, 400), ..AccountConfig::default() };
        let credentials = Credentials::new(account.api_key.clone(), account.secret.clone());
        let start = Timestamp::from_millis(1_767_225_600_000);
        let symbols = ["BTCUSDT", "ETHUSDT"].map(|symbol| SymbolConfig::known(symbol).expect("a known symbol"));
        let config =
            ExchangeConfig { symbols: symbols.into(), accounts: vec![account], start, ..ExchangeConfig::default() };
        let exchange = Exchange::new(config).expect("an exchange");
        let info: ExchangeInfo = ringfence_wire::rest::read(exchange.instruments_json().as_bytes()).expect("its rules");
        let mut instruments = info.instruments(&["BTCUSDT".to_owned(), "ETHUSDT".to_owned()]).expect("both");
        let parser = StreamParser::new(&instruments);
        if plan.unfiltered {
            for one in &mut instruments {
                (one.tick_size, one.min_price, one.max_price) = (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
                (one.step_size, one.min_quantity, one.max_quantity) = (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
                (one.min_notional, one.max_notional) = (Decimal::ZERO, Decimal::ZERO);
                (one.market_max_quantity, one.max_open_orders) = (Decimal::ZERO, 0);
                one.filters = Filters::default();
            }
        }
        let engine = Engine::new(EngineConfig {
            session: "arena".to_owned(),
            instruments: instruments.clone(),
            query_after: Micros::from_secs(2),
        })
        .expect("an engine");
        let sandbox = Sandbox::new(SandboxConfig {
            budgets: plan.budgets.clone(),
            without: plan.without,
            ..SandboxConfig::in_process()
        })
        .expect("a sandbox");
        let mut arena = Arena {
            sandbox,
            engine,
            venue: Venue::new(exchange, credentials),
            instruments,
            parser,
            seats: Vec::new(),
            delivered: Vec::new(),
            commands: channel(),
            in_flight: VecDeque::new(),
            sent: Vec::new(),
            updates: Vec::new(),
            answers: Vec::new(),
            now: start,
            last: BTreeMap::new(),
            ungated: false,
            strangers: Vec::new(),
        };
        let usual = Plan { budgets: Budgets::default(), limits: Limits::default(), ..Plan::default() };
        for name in ["alpha", "beta"] {
            arena.open(name, &usual);
        }
        arena.open("evil", &plan);
        let watcher = arena.sandbox.admit(&checker().bytes()).expect("a good guest");
        arena.seats[BETA].start(arena.now, watcher, Vec::new()).expect("a good start");
        while !arena.last.contains_key(&BTC) {
            arena.tick();
        }
        // Far below the market: it rests for as long as nobody takes it away.
        let price = (arena.price() * Decimal::new(95, 2)).round();
        let rests = also(checker(), &with_trades(&once(&limit(0, (100, 5), (cents(price), 2)))));
        let rests = arena.sandbox.admit(&rests.bytes()).expect("a good guest");
        arena.seats[ALPHA].start(arena.now, rests, Vec::new()).expect("a good start");
        let rests = |arena: &mut Arena| arena.answers.len() == 1 && arena.report_at(ALPHA).desk.open_orders == 1;
        arena.until("the neighbour's order", rests);
        arena.sent.clear();
        arena.answers.clear();
        arena
    }

    /// With a guest that runs and has had its first event.
    pub fn with(plan: Plan, guest: &Guest) -> Self {
        let mut arena = Arena::new(plan);
        arena.start(guest).unwrap_or_else(|refusal| panic!("{refusal}"));
        arena.settle();
        arena
    }

    /// A seat more; the number is its place.
    pub fn open(&mut self, name: &str, plan: &Plan) -> usize {
        let sender = self.commands.0.clone();
        let config = SeatConfig {
            name: name.to_owned(),
            instruments: plan.symbols.clone(),
            allocation: amounts(10_000_000, 9, 90),
            limits: plan.limits.clone(),
            permissions: plan.permissions.clone(),
        };
        let (_, desk) =
            self.engine.open_seat(config, Box::new(move |command| drop(sender.send(command)))).expect("a seat");
        let settings =
            Settings { budgets: Arc::new(plan.budgets.clone()), on_fault: plan.on_fault, ..Settings::default() };
        let config = ringfence_sandbox::SeatConfig {
            name: name.to_owned(),
            mode: Mode::Sim,
            seed: 1,
            lookahead: Micros::MAX,
            queue: plan.budgets.queue,
            clocked: true,
            settings,
        };
        self.seats.push(Seat::new(Arc::clone(&self.sandbox), config, Box::new(desk)));
        self.delivered.push(0);
        self.seats.len() - 1
    }

    /// The last price of BTCUSDT.
    pub fn price(&self) -> Decimal {
        self.last.get(&BTC).copied().unwrap_or_default()
    }

    pub fn admit(&self, guest: &Guest) -> Result<Arc<Plugin>, Refusal> {
        self.sandbox.admit(&guest.bytes())
    }

    pub fn start(&mut self, guest: &Guest) -> Result<(), Refusal> {
        self.start_at(EVIL, guest)
    }

    pub fn start_at(&mut self, seat: usize, guest: &Guest) -> Result<(), Refusal> {
        let plugin = self.admit(guest)?;
        self.seats[seat].start(self.now, plugin, Vec::new())
    }

    pub fn seat(&mut self) -> &mut Seat {
        &mut self.seats[EVIL]
    }

    pub fn report(&self) -> SeatReport {
        self.seats[EVIL].report()
    }

    pub fn report_at(&self, seat: usize) -> SeatReport {
        self.seats[seat].report()
    }

    pub fn log(&mut self) -> Vec<(LogLevel, String)> {
        self.seats[EVIL].take_log()
    }

    /// The culprit's guest has written these lines, without what the host says.
    pub fn lines(&mut self) -> Vec<String> {
        self.log().into_iter().map(|(_, line)| line).collect()
    }

    /// Answers to the culprit's commands, as its guest has counted them.
    pub fn outcomes(&self) -> BTreeMap<String, u64> {
        crate::guests::outcomes(&self.report())
    }

    pub fn outcome(&self, what: &str) -> u64 {
        self.outcomes().get(what).copied().unwrap_or(0)
    }

    /// Orders of the culprit that went to the venue.
    pub fn placed(&self) -> usize {
        self.placed_by(EVIL)
    }

    pub fn placed_by(&self, seat: usize) -> usize {
        let of = |output: &&Output| match output {
            Output::Place(approved) => seat_of(&approved.order().client_order_id) == Some(seat_id(seat)),
            _ => false,
        };
        self.sent.iter().filter(of).count()
    }

    /// Lists of orders that went to the venue; nobody but the culprit places any.
    pub fn lists(&self) -> usize {
        self.sent.iter().filter(|output| matches!(output, Output::PlaceList(_))).count()
    }

    /// Cancels of the culprit's orders that went to the venue.
    pub fn cancels(&self) -> usize {
        let of = |output: &&Output| match output {
            Output::Cancel { client_order_id, .. } => seat_of(client_order_id) == Some(seat_id(EVIL)),
            _ => false,
        };
        self.sent.iter().filter(of).count()
    }

    /// A command that no desk has made.
    pub fn forge(&mut self, command: DeskCommand) {
        let mut out = Vec::new();
        self.engine.command(self.now, command, &mut out);
        self.take(out);
        self.settle();
    }

    /// The best offer of BTCUSDT at the venue.
    pub fn ask_price(&mut self) -> Decimal {
        let request = HttpRequest {
            method: "GET",
            path: "/api/v3/ticker/bookTicker",
            query: "symbol=BTCUSDT",
            body: "",
            ..HttpRequest::default()
        };
        let now = self.now;
        let response = self.venue.exchange().http(now, &request);
        let ticker: serde_json::Value = serde_json::from_str(&response.body).expect("a ticker");
        ticker["askPrice"].as_str().and_then(|price| price.parse().ok()).expect("a price")
    }

    /// A request of the account's own that no gate has seen.
    pub fn ask(&mut self, request: &ringfence_binance::request::Request) -> String {
        self.ungated = true;
        let account = AccountConfig::default();
        let credentials = Credentials::new(account.api_key, account.secret);
        let sent = request.sign(&credentials, self.now.as_millis(), 5_000);
        let request = HttpRequest {
            method: sent.method.as_str(),
            path: sent.path,
            query: &sent.query,
            body: "",
            api_key: Some(credentials.api_key()),
            ..HttpRequest::default()
        };
        let now = self.now;
        let response = self.venue.exchange().http(now, &request);
        assert_eq!(response.status, 200, "{}", response.body);
        self.user_events();
        self.settle();
        response.body
    }

    pub fn run(&mut self, steps: usize) {
        for _ in 0..steps {
            self.tick();
        }
    }

    /// Time goes on by a step: commands arrive, the market moves, everybody is told.
    pub fn tick(&mut self) {
        self.now = self.now.plus(STEP);
        let (now, mut out) = (self.now, Vec::new());
        self.engine.clock(now, &mut out);
        self.take(out);
        while self.in_flight.front().is_some_and(|(due, _)| *due <= now) {
            if let Some((_, output)) = self.in_flight.pop_front() {
                self.arrive(output);
            }
        }
        self.venue.exchange().advance(now);
        self.user_events();
        let mut out = Vec::new();
        for message in self.venue.exchange().drain_streams() {
            let data = self.parser.parse(combined(&message.stream, &message.data).as_bytes()).expect("a message");
            if let MarketData::Trade { instrument, price, .. } = &data {
                self.last.insert(*instrument, *price);
            }
            self.engine.venue(now, VenueEvent::Market(data), &mut out);
        }
        self.take(out);
        for seat in &mut self.seats {
            seat.advance(now);
        }
        self.settle();
    }

    fn arrive(&mut self, output: Output) {
        let (now, mut out) = (self.now, Vec::new());
        self.sent.push(output.clone());
        let answer = match output {
            Output::Place(approved) => Some(self.venue.place(now, approved.order())),
            Output::Cancel { symbol, client_order_id } => Some(self.venue.cancel(now, &symbol, &client_order_id)),
            Output::PlaceList(approved) => Some(self.venue.place_list(now, approved.id(), approved.list())),
            Output::CancelList { symbol, list } => Some(self.venue.cancel_list(now, &symbol, &list)),
            Output::QueryList { list, question } => self.venue.query_list(now, &list, question),
            Output::Amend { symbol, client_order_id, quantity } => {
                Some(self.venue.amend(now, &symbol, &client_order_id, quantity))
            }
            Output::Query { symbol, client_order_id, question } => {
                self.venue.query(now, &symbol, &client_order_id, question)
            }
            Output::Trades { symbol, client_order_id, venue_order_id } => {
                let fills = self.venue.trades(now, &symbol, venue_order_id).unwrap_or_default();
                self.engine.trades(now, &client_order_id, &fills, &mut out);
                None
            }
            Output::History { seat, request, instrument, interval, start, limit } => {
                let of = self.instruments.iter().find(|one| one.id == instrument).cloned().expect("an instrument");
                let klines = self.venue.klines(now, &of, interval, start, limit);
                let complete = klines.is_some();
                self.engine.history(now, seat, request, klines.unwrap_or_default(), complete, &mut out);
                None
            }
            _ => None,
        };
        self.take(out);
        self.user_events();
        if let Some(answer) = answer {
            self.answers.push(answer.clone());
            let mut out = Vec::new();
            self.engine.venue(now, answer, &mut out);
            self.take(out);
        }
    }

    fn user_events(&mut self) {
        let (mut events, mut out) = (Vec::new(), Vec::new());
        self.venue.user_events(&mut events).expect("what the exchange says can be read");
        for event in events {
            self.engine.venue(self.now, event, &mut out);
        }
        self.take(out);
    }

    fn take(&mut self, out: Vec<Output>) {
        for output in out {
            match output {
                Output::Deliver { seat, ts, body } => {
                    let seat = seat.0 as usize;
                    self.delivered[seat] += 1;
                    if let EventBody::Order(update) = &body {
                        self.updates.push((seat, *update));
                    }
                    self.seats[seat].push(ts, body);
                }
                Output::Subscribe { instrument, stream } => {
                    let name = stream_name(&self.instruments[instrument.0 as usize].symbol, stream);
                    self.venue.exchange().listen(&name.expect("a stream of the venue"));
                    self.sent.push(Output::Subscribe { instrument, stream });
                }
                Output::Unsubscribe { instrument, stream } => {
                    let name = stream_name(&self.instruments[instrument.0 as usize].symbol, stream);
                    self.venue.exchange().unlisten(&name.expect("a stream of the venue"));
                    self.sent.push(Output::Unsubscribe { instrument, stream });
                }
                Output::Unattributed { what } if self.ungated => self.strangers.push(what),
                Output::Unattributed { what } => panic!("the venue told of {what}, which nobody placed"),
                Output::Alarm { what } => panic!("{what}"),
                command => self.in_flight.push_back((self.now.plus(LATENCY), command)),
            }
        }
    }

    /// Lets everybody handle what is due, as a worker does, until all are quiet.
    pub fn settle(&mut self) {
        loop {
            let mut moved = false;
            while let Ok(command) = self.commands.1.try_recv() {
                let mut out = Vec::new();
                self.engine.command(self.now, command, &mut out);
                self.take(out);
                moved = true;
            }
            for seat in &mut self.seats {
                if seat.is_due() {
                    seat.run(usize::MAX);
                    moved = true;
                }
            }
            if !moved {
                return;
            }
        }
    }

    /// An event for the culprit alone.
    pub fn tell(&mut self, body: EventBody) {
        self.delivered[EVIL] += 1;
        self.seats[EVIL].push(self.now, body);
    }

    /// Until something is so; a test that waits for what never comes fails here.
    #[track_caller]
    pub fn until(&mut self, what: &str, holds: impl Fn(&mut Arena) -> bool) {
        for _ in 0..20_000 {
            if holds(self) {
                return;
            }
            self.tick();
        }
        panic!("{what} never came about: {:?}", self.report());
    }

    /// The culprit runs, without a fault, and handles what it is told.
    #[track_caller]
    pub fn goes_on(&mut self) {
        self.run(WHILE);
        let report = self.report();
        assert_eq!((report.state, report.faults), (SeatState::Running, 0), "{report:?}");
        assert!(report.events > 10, "{report:?}");
    }

    /// The culprit faulted once, in this way and with these words. It is one strike; its orders are
    /// gone, here and at the venue, and nothing stays reserved for them.
    #[track_caller]
    pub fn faulted(&mut self, kind: FaultKind, words: &str) {
        self.until("a fault", |arena| arena.report().faults > 0);
        self.run(5);
        let report = self.report();
        let told = report.last_fault.clone().unwrap_or_default();
        assert_eq!(report.last_fault_kind, Some(kind), "{told}");
        assert!(told.contains(words), "{told:?} does not say {words:?}");
        assert!(told.len() < 1_024, "{} bytes of fault", told.len());
        let strikes = if kind == FaultKind::Host { 0 } else { 4 };
        assert_eq!((report.faults, report.strike_quarters, report.state), (1, strikes, SeatState::Restarting));
        self.holds_nothing();
    }

    /// No order of the culprit is open, and nothing is reserved for one.
    #[track_caller]
    pub fn holds_nothing(&self) {
        let desk = self.report().desk;
        assert_eq!(desk.open_orders, 0);
        assert!(desk.balances.iter().all(|balance| balance.locked.is_zero()), "{:?}", desk.balances);
    }

    /// The file is refused with this code, and the words name what is wrong.
    #[track_caller]
    pub fn refuses(&mut self, guest: &Guest, code: &str, words: &str) {
        self.refuses_bytes(&guest.bytes(), code, words);
    }

    #[track_caller]
    pub fn refuses_bytes(&mut self, bytes: &[u8], code: &str, words: &str) {
        let refusal = match self.sandbox.admit(bytes) {
            Err(refusal) => refusal,
            Ok(plugin) => panic!("it was taken: {plugin:?}"),
        };
        let told = refusal.to_string();
        assert_eq!(refusal.code(), code, "{told}");
        assert!(told.contains(words), "{told:?} does not say {words:?}");
        assert!((20..2_000).contains(&told.len()), "{told}");
    }

    /// The neighbours had every event once, in order and within their budgets; the order of one of
    /// them rests where it was.
    #[track_caller]
    pub fn neighbours_are_well(&mut self) {
        for seat in [ALPHA, BETA] {
            let report = self.report_at(seat);
            let name = &report.name;
            assert_eq!((report.state, report.faults), (SeatState::Running, 0), "{report:?}");
            // Every event that was handed out, and the start, which the seat itself tells.
            assert_eq!((report.events, report.waiting), (self.delivered[seat] + 1, 0), "{name} missed something");
            assert_eq!((report.slow_calls, report.strike_quarters), (0, 0), "{name} was slow by its own CPU time");
            assert!(!report.conflated, "{name} was conflated");
        }
        assert_eq!(self.report_at(ALPHA).desk.open_orders, 1, "nobody takes a neighbour's order away");
    }

    /// The rest of the house goes on: more events for the neighbours, and the ledgers together are the
    /// account.
    #[track_caller]
    pub fn conclude(mut self) -> Held {
        let before = [ALPHA, BETA].map(|seat| self.report_at(seat).events);
        self.run(50);
        for (seat, before) in [ALPHA, BETA].into_iter().zip(before) {
            assert!(self.report_at(seat).events > before, "nothing reaches the neighbours any more");
        }
        self.neighbours_are_well();
        let account = self.venue.account(self.now).expect("an account");
        for (asset, start) in amounts(100_000_000, 40, 400) {
            let changed: Decimal = self
                .seats
                .iter()
                .flat_map(|seat| seat.report().desk.changes)
                .filter(|(of, _)| *of == asset)
                .map(|(_, change)| change)
                .sum();
            let total = account.iter().find(|one| one.asset == asset).map(|one| one.free + one.locked);
            assert_eq!(total, Some(start + changed), "{asset}: the ledgers are the account");
        }
        Held(())
    }
}

pub fn seat_id(seat: usize) -> SeatId {
    SeatId(u32::try_from(seat).unwrap())
}

/// The resting order of the first neighbour.
pub const RESTING: OrderId = OrderId(1);

/// A price in hundredths.
pub fn cents(price: Decimal) -> i64 {
    i64::try_from(
        (price * Decimal::ONE_HUNDRED).round().mantissa() / 10i128.pow((price * Decimal::ONE_HUNDRED).round().scale()),
    )
    .unwrap()
}

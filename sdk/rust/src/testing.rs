//! A host in memory: drives a strategy as ordinary Rust, without any wasm. What lives here: a double of the
//! host that records commands and keeps a simple account. What may not: the host's rules; nothing is locked,
//! checked or limited unless a test says so with [`Host::deny`].
//!
//! ```
//! use ringfence_sdk::testing::Host;
//! use ringfence_sdk::*;
//!
//! struct Buyer { btc: Instrument }
//! impl Strategy for Buyer {
//!     fn manifest() -> Manifest { Manifest::new("buyer", "0.1.0") }
//!     fn new(setup: &Setup) -> Result<Self, InitError> { Ok(Buyer { btc: setup.instrument("BTCUSDT")? }) }
//!     fn on_trade(&mut self, ctx: &mut Ctx, _: &Trade) {
//!         ctx.market(&self.btc, Side::Buy, decimal!("0.001")).ok();
//!     }
//! }
//!
//! let mut host = Host::<Buyer>::new();
//! host.trade("BTCUSDT", "60000.10", "0.5", Side::Sell);
//! assert_eq!(host.orders().len(), 1);
//! host.settle();
//! assert_eq!(host.position("BTCUSDT"), decimal!("0.001"));
//! ```

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::rc::Rc;

use crate::ctx::Backend;
use crate::{
    Balance, Batch, Book, Context, Decimal, Denial, Depth, DepthColumns, Duration, Event, EventBody, Fill, InitError,
    Instrument, InstrumentId, LogLevel, Mode, NewOrder, OpenOrder, OrderChange, OrderId, OrderKind, OrderList,
    OrderReason, OrderStatus, OrderUpdate, Parameter, Position, QuotaState, Quote, QuoteColumns, RestoreError, Seat,
    Seq, Side, StateError, StopReason, Strategy, Stream, Timestamp, Trade, TradeColumns, Value, decimal,
};

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Value::Integer(value)
    }
}

impl From<Decimal> for Value {
    fn from(value: Decimal) -> Self {
        Value::Number(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Value::Boolean(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Value::Text(value.to_owned())
    }
}

/// A decimal of a test's text.
#[track_caller]
fn amount(text: &str) -> Decimal {
    let parsed = text.parse();
    assert!(parsed.is_ok(), "{text:?} is not a decimal");
    parsed.unwrap_or_default()
}

fn instrument(id: InstrumentId, base: &str, step: Decimal) -> Instrument {
    Instrument {
        id,
        symbol: format!("{base}USDT"),
        base: base.to_owned(),
        quote: "USDT".to_owned(),
        price_scale: 2,
        quantity_scale: step.scale,
        tick_size: decimal!("0.01"),
        step_size: step,
        min_quantity: step,
        max_quantity: decimal!("9000"),
        min_notional: decimal!("5"),
        trading: true,
    }
}

/// BTCUSDT as number 0, with the rules of the real one.
pub fn btcusdt() -> Instrument {
    instrument(0, "BTC", decimal!("0.00001"))
}

/// ETHUSDT as number 1, with the rules of the real one.
pub fn ethusdt() -> Instrument {
    instrument(1, "ETH", decimal!("0.0001"))
}

/// How a test starts a strategy.
#[derive(Debug, Clone)]
pub struct Setting {
    context: Context,
}

impl Default for Setting {
    fn default() -> Self {
        Setting::new()
    }
}

impl Setting {
    /// BTCUSDT and ETHUSDT, 10 000 USDT, default parameters.
    pub fn new() -> Setting {
        let context = Context {
            instance: "test".to_owned(),
            mode: Mode::Sim,
            now: 1_700_000_000_000_000,
            seed: 7,
            instruments: vec![btcusdt(), ethusdt()],
            parameters: Vec::new(),
            allocation: Vec::new(),
        };
        Setting { context }.allocation("USDT", "10000")
    }

    /// These instruments instead.
    pub fn instruments(mut self, instruments: Vec<Instrument>) -> Setting {
        self.context.instruments = instruments;
        self
    }

    /// A parameter's value.
    pub fn parameter(mut self, name: &str, value: impl Into<Value>) -> Setting {
        self.context.parameters.push(Parameter { name: name.to_owned(), value: value.into() });
        self
    }

    /// What the strategy may trade with of an asset.
    #[track_caller]
    pub fn allocation(mut self, asset: &str, free: &str) -> Setting {
        self.context.allocation.retain(|balance| balance.asset != asset);
        let balance = Balance { asset: asset.to_owned(), free: amount(free), locked: Decimal::ZERO };
        self.context.allocation.push(balance);
        self
    }

    /// The seed of [`Ctx::random`](crate::Ctx::random).
    pub fn seed(mut self, seed: u64) -> Setting {
        self.context.seed = seed;
        self
    }

    /// Makes the strategy. It has not been started yet: see [`Host::start`].
    pub fn host<S: Strategy>(self) -> Result<Host<S>, InitError> {
        let world = World {
            instruments: self.context.instruments.clone(),
            balances: self.context.allocation.iter().map(|b| (b.asset.clone(), b.free)).collect(),
            now: self.context.now,
            ..World::default()
        };
        let world = Rc::new(RefCell::new(world));
        let seat = Seat::with(self.context, Box::new(Double(world.clone())))?;
        Ok(Host { seat, world, seq: 0 })
    }
}

/// A command as the strategy gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// One order and its ticket.
    Submit(OrderId, NewOrder),
    /// A list and its tickets.
    SubmitList(Vec<OrderId>, Box<OrderList>),
    /// A cancel.
    Cancel(OrderId),
    /// A cancel of all orders, of one instrument or of all.
    CancelAll(Option<InstrumentId>),
    /// An order made smaller.
    Amend(OrderId, Decimal),
    /// A timer and when it fires.
    Timer(u64, Timestamp),
    /// A repeating timer and its period.
    Every(u64, Duration),
    /// A request for klines: its number, the instrument, the interval, how many.
    History(u64, InstrumentId, u32, u32),
}

/// A command with what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The command; of a denied order the ticket is 0.
    pub command: Command,
    /// Number of the event that it answers.
    pub cause: Seq,
    /// Why it was denied.
    pub denial: Option<Denial>,
}

/// Something that happens to the strategy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// A trade of the market.
    Trade(Trade),
    /// An aggregate trade of the market.
    AggregateTrade(Trade),
    /// A new best bid or ask.
    Quote(Quote),
    /// A change of the book.
    Depth(Depth),
    /// Anything else, and when.
    Event(Timestamp, EventBody),
}

impl Happening {
    /// When it happens.
    pub fn ts(&self) -> Timestamp {
        match self {
            Happening::Trade(trade) | Happening::AggregateTrade(trade) => trade.ts,
            Happening::Quote(quote) => quote.ts,
            Happening::Depth(depth) => depth.ts,
            Happening::Event(ts, _) => *ts,
        }
    }
}

/// An order that is not final.
#[derive(Debug, Clone)]
struct Resting {
    id: OrderId,
    order: NewOrder,
    quantity: Decimal,
    filled: Decimal,
    status: OrderStatus,
}

#[derive(Debug, Default)]
struct World {
    instruments: Vec<Instrument>,
    now: Timestamp,
    quotes: BTreeMap<InstrumentId, Quote>,
    books: BTreeMap<InstrumentId, Book>,
    last: BTreeMap<InstrumentId, Decimal>,
    balances: BTreeMap<String, Decimal>,
    positions: BTreeMap<InstrumentId, Position>,
    orders: Vec<Resting>,
    tickets: OrderId,
    fills: u64,
    sent: Vec<Sent>,
    denials: VecDeque<Denial>,
    /// Number, next time, period.
    timers: Vec<(u64, Timestamp, Option<Duration>)>,
    numbers: u64,
    streams: Vec<(InstrumentId, Stream)>,
    store: BTreeMap<String, Vec<u8>>,
    logs: Vec<(LogLevel, String)>,
    points: Vec<(String, Decimal)>,
}

impl World {
    /// Records a command; the next waiting denial is for it.
    fn command(&mut self, cause: Seq, make: impl FnOnce(&mut World, bool) -> Command) -> Result<Command, Denial> {
        let denial = self.denials.pop_front();
        let command = make(self, denial.is_none());
        self.sent.push(Sent { command: command.clone(), cause, denial: denial.clone() });
        denial.map_or(Ok(command), Err)
    }

    fn ticket(&mut self, order: &NewOrder) -> OrderId {
        self.tickets += 1;
        self.orders.push(Resting {
            id: self.tickets,
            order: order.clone(),
            quantity: order.quantity().unwrap_or_default(),
            filled: Decimal::ZERO,
            status: OrderStatus::PendingNew,
        });
        self.tickets
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn pay(&mut self, asset: &str, change: Option<Decimal>) {
        let balance = self.balances.entry(asset.to_owned()).or_default();
        let after = change.and_then(|change| balance.checked_add(change));
        assert!(after.is_some(), "a balance of {asset} does not fit a decimal");
        *balance = after.unwrap_or_default();
    }

    /// Books a fill on balances and position.
    fn book_fill(&mut self, instrument: &Instrument, side: Side, price: Decimal, quantity: Decimal) -> Option<()> {
        let signed = if side == Side::Buy { quantity } else { -quantity };
        self.pay(&instrument.base, Some(signed));
        self.pay(&instrument.quote, price.checked_mul(-signed));
        let position = self.positions.entry(instrument.id).or_insert(Position {
            instrument: instrument.id,
            quantity: Decimal::ZERO,
            average_price: Decimal::ZERO,
            realised_pnl: Decimal::ZERO,
        });
        let (before, after) = (position.quantity, position.quantity.checked_add(signed)?);
        if before.is_zero() || before.is_negative() == signed.is_negative() {
            let cost = before.checked_mul(position.average_price)?.checked_add(signed.checked_mul(price)?)?;
            position.average_price = cost.checked_div(after, 8)?;
        } else {
            let closed = if signed.abs() > before.abs() { -before } else { signed };
            let gain = position.average_price.checked_sub(price)?.checked_mul(closed)?;
            position.realised_pnl = position.realised_pnl.checked_add(gain)?;
            if after.is_zero() {
                position.average_price = Decimal::ZERO;
            } else if after.is_negative() != before.is_negative() {
                position.average_price = price;
            }
        }
        position.quantity = after;
        Some(())
    }
}

struct Double(Rc<RefCell<World>>);

impl Backend for Double {
    fn submit(&self, order: &NewOrder, cause: Seq) -> Result<OrderId, Denial> {
        let made = self.0.borrow_mut().command(cause, |world, allowed| {
            Command::Submit(if allowed { world.ticket(order) } else { 0 }, order.clone())
        });
        made.map(|command| if let Command::Submit(id, _) = command { id } else { 0 })
    }

    fn submit_list(&self, orders: &OrderList, cause: Seq) -> Result<Vec<OrderId>, Denial> {
        let legs = match orders {
            OrderList::Oco((a, b)) | OrderList::Oto((a, b)) => vec![a, b],
            OrderList::Otoco((a, b, c)) => vec![a, b, c],
        };
        let made = self.0.borrow_mut().command(cause, |world, allowed| {
            let tickets = legs.iter().filter(|_| allowed).map(|leg| world.ticket(leg)).collect();
            Command::SubmitList(tickets, Box::new(orders.clone()))
        });
        made.map(|command| if let Command::SubmitList(ids, _) = command { ids } else { Vec::new() })
    }

    fn cancel(&self, order: OrderId, cause: Seq) -> Result<(), Denial> {
        let mut world = self.0.borrow_mut();
        if !world.orders.iter().any(|open| open.id == order) {
            world.denials.push_front(Denial::UnknownOrder);
        }
        world.command(cause, |world, allowed| {
            for open in world.orders.iter_mut().filter(|open| allowed && open.id == order) {
                open.status = OrderStatus::PendingCancel;
            }
            Command::Cancel(order)
        })?;
        Ok(())
    }

    fn cancel_all(&self, instrument: Option<InstrumentId>, cause: Seq) -> Result<u32, Denial> {
        let mut count = 0;
        self.0.borrow_mut().command(cause, |world, allowed| {
            let meant = |open: &Resting| allowed && instrument.is_none_or(|id| open.order.instrument == id);
            for open in world.orders.iter_mut().filter(|open| meant(open)) {
                open.status = OrderStatus::PendingCancel;
                count += 1;
            }
            Command::CancelAll(instrument)
        })?;
        Ok(count)
    }

    fn amend(&self, order: OrderId, quantity: Decimal, cause: Seq) -> Result<(), Denial> {
        self.0.borrow_mut().command(cause, |_, _| Command::Amend(order, quantity))?;
        Ok(())
    }

    fn instruments(&self) -> Vec<Instrument> {
        self.0.borrow().instruments.clone()
    }

    fn subscribe(&self, instrument: InstrumentId, stream: Stream) -> Result<(), Denial> {
        self.0.borrow_mut().streams.push((instrument, stream));
        Ok(())
    }

    fn unsubscribe(&self, instrument: InstrumentId, stream: Stream) -> Result<(), Denial> {
        self.0.borrow_mut().streams.retain(|known| *known != (instrument, stream));
        Ok(())
    }

    fn last_quote(&self, instrument: InstrumentId, _as_of: Seq) -> Option<Quote> {
        self.0.borrow().quotes.get(&instrument).copied()
    }

    fn book(&self, instrument: InstrumentId, levels: u32, _as_of: Seq) -> Option<Book> {
        let mut book = self.0.borrow().books.get(&instrument)?.clone();
        book.bids.truncate(levels as usize);
        book.asks.truncate(levels as usize);
        Some(book)
    }

    fn request_history(
        &self,
        instrument: InstrumentId,
        interval: u32,
        _start: Option<Timestamp>,
        limit: u32,
        cause: Seq,
    ) -> Result<u64, Denial> {
        let mut number = 0;
        self.0.borrow_mut().command(cause, |world, _| {
            number = world.number();
            Command::History(number, instrument, interval, limit)
        })?;
        Ok(number)
    }

    fn balances(&self) -> Vec<Balance> {
        let world = self.0.borrow();
        let balances = world.balances.iter();
        balances.map(|(asset, free)| Balance { asset: asset.clone(), free: *free, locked: Decimal::ZERO }).collect()
    }

    fn positions(&self) -> Vec<Position> {
        self.0.borrow().positions.values().filter(|position| !position.quantity.is_zero()).copied().collect()
    }

    fn open_orders(&self) -> Vec<OpenOrder> {
        let world = self.0.borrow();
        let open = world.orders.iter().map(|open| OpenOrder {
            order: open.id,
            instrument: open.order.instrument,
            side: open.order.side,
            price: open.order.price().unwrap_or_default(),
            quantity: open.quantity,
            filled: open.filled,
            status: open.status,
            client_order_id: format!("test-{}", open.id),
            tag: open.order.tag.clone(),
        });
        open.collect()
    }

    fn timer_at(&self, at: Timestamp, cause: Seq) -> Result<u64, Denial> {
        let mut number = 0;
        self.0.borrow_mut().command(cause, |world, allowed| {
            number = world.number();
            world.timers.extend(allowed.then_some((number, at, None)));
            Command::Timer(number, at)
        })?;
        Ok(number)
    }

    fn every(&self, period: Duration, cause: Seq) -> Result<u64, Denial> {
        let mut number = 0;
        self.0.borrow_mut().command(cause, |world, allowed| {
            number = world.number();
            let first = world.now.saturating_add(period);
            world.timers.extend(allowed.then_some((number, first, Some(period))));
            Command::Every(number, period)
        })?;
        Ok(number)
    }

    fn cancel_timer(&self, timer: u64) {
        self.0.borrow_mut().timers.retain(|(number, ..)| *number != timer);
    }

    fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.0.borrow().store.get(key).cloned()
    }

    fn set(&self, key: &str, value: &[u8]) -> Result<(), StateError> {
        self.0.borrow_mut().store.insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    fn delete(&self, key: &str) {
        self.0.borrow_mut().store.remove(key);
    }

    fn keys(&self) -> Vec<String> {
        self.0.borrow().store.keys().cloned().collect()
    }

    fn log(&self, level: LogLevel, message: &str) {
        self.0.borrow_mut().logs.push((level, message.to_owned()));
    }

    fn gauge(&self, name: &str, value: Decimal) {
        self.0.borrow_mut().points.push((name.to_owned(), value));
    }

    fn point(&self, series: &str, _ts: Timestamp, value: Decimal) {
        self.0.borrow_mut().points.push((series.to_owned(), value));
    }

    fn quotas(&self) -> Vec<QuotaState> {
        Vec::new()
    }
}

/// The host around one strategy. Each event comes one millisecond after the one before, unless [`Host::advance`] is called.
pub struct Host<S> {
    seat: Seat<S>,
    world: Rc<RefCell<World>>,
    seq: Seq,
}

impl<S> fmt::Debug for Host<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("seq", &self.seq).field("world", &self.world).finish_non_exhaustive()
    }
}

impl<S: Strategy> Default for Host<S> {
    fn default() -> Self {
        Host::new()
    }
}

impl<S: Strategy> Host<S> {
    /// With the default [`Setting`].
    #[track_caller]
    pub fn new() -> Host<S> {
        Setting::new().host().expect("the strategy starts with its default parameters")
    }

    /// The strategy itself.
    pub fn strategy(&self) -> &S {
        &self.seat.strategy
    }

    /// Event time now.
    pub fn now(&self) -> Timestamp {
        self.world.borrow().now
    }

    /// Lets time pass; timers that are due fire in order.
    pub fn advance(&mut self, time: Duration) {
        let until = self.now().saturating_add(time);
        loop {
            let mut world = self.world.borrow_mut();
            let due =
                world.timers.iter_mut().filter(|(_, at, _)| *at <= until).min_by_key(|(number, at, _)| (*at, *number));
            let Some((number, at, period)) = due else {
                break;
            };
            let (number, fires) = (*number, *at);
            match *period {
                Some(period) => *at = at.saturating_add(period.max(1)),
                None => world.timers.retain(|(known, ..)| *known != number),
            }
            world.now = world.now.max(fires);
            let now = world.now;
            drop(world);
            self.batch(&[Happening::Event(now, EventBody::Timer(number))], Duration::MAX);
        }
        self.world.borrow_mut().now = until;
    }

    fn tick(&mut self) -> Timestamp {
        let mut world = self.world.borrow_mut();
        world.now += 1_000;
        world.now
    }

    #[track_caller]
    fn instrument(&self, symbol: &str) -> Instrument {
        let world = self.world.borrow();
        let found = world.instruments.iter().find(|instrument| instrument.symbol == symbol).cloned();
        found.expect("a symbol of the setting")
    }

    /// `on_start`.
    pub fn start(&mut self) {
        self.event(EventBody::Started);
    }

    /// Any event that does not come in columns.
    pub fn event(&mut self, body: EventBody) {
        let ts = self.tick();
        self.batch(&[Happening::Event(ts, body)], Duration::MAX);
    }

    /// A trade of the market.
    #[track_caller]
    pub fn trade(&mut self, symbol: &str, price: &str, quantity: &str, aggressor: Side) {
        let instrument = self.instrument(symbol).id;
        let (price, quantity, ts) = (amount(price), amount(quantity), self.tick());
        self.batch(
            &[Happening::Trade(Trade { instrument, ts, id: self.seq + 1, price, quantity, aggressor })],
            Duration::MAX,
        );
    }

    /// A new best bid and ask, of one base unit each.
    #[track_caller]
    pub fn quote(&mut self, symbol: &str, bid: &str, ask: &str) {
        let quote = Quote {
            instrument: self.instrument(symbol).id,
            ts: self.tick(),
            bid_price: amount(bid),
            bid_quantity: Decimal::ONE,
            ask_price: amount(ask),
            ask_quantity: Decimal::ONE,
        };
        self.batch(&[Happening::Quote(quote)], Duration::MAX);
    }

    /// What [`Ctx::book`](crate::Ctx::book) answers from now on.
    pub fn set_book(&mut self, book: Book) {
        self.world.borrow_mut().books.insert(book.instrument, book);
    }

    /// Hands over several happenings as one batch. The answer is how many the strategy took; the rest it has not seen.
    #[track_caller]
    pub fn batch(&mut self, happenings: &[Happening], lookahead: Duration) -> usize {
        let mut world = self.world.borrow_mut();
        for happening in happenings {
            world.now = world.now.max(happening.ts());
            match happening {
                Happening::Trade(trade) => drop(world.last.insert(trade.instrument, trade.price)),
                Happening::Quote(quote) => drop(world.quotes.insert(quote.instrument, *quote)),
                _ => {}
            }
        }
        let batch = batch_of(self.seq + 1, happenings, &world.instruments);
        drop(world);
        let taken = self.seat.on_events(&batch, lookahead);
        self.seq += u64::from(taken);
        taken as usize
    }

    /// Denies the next command that is not spoken for yet; call it several times for several commands.
    pub fn deny(&mut self, denial: Denial) {
        self.world.borrow_mut().denials.push_back(denial);
    }

    /// All commands so far.
    pub fn commands(&self) -> Vec<Sent> {
        self.world.borrow().sent.clone()
    }

    /// All commands since the last call.
    pub fn take_commands(&mut self) -> Vec<Sent> {
        std::mem::take(&mut self.world.borrow_mut().sent)
    }

    /// All single orders that were submitted and not denied, with their tickets.
    pub fn orders(&self) -> Vec<(OrderId, NewOrder)> {
        let commands = self.commands().into_iter().filter(|sent| sent.denial.is_none());
        commands
            .filter_map(|sent| if let Command::Submit(id, order) = sent.command { Some((id, order)) } else { None })
            .collect()
    }

    /// Orders that are not final.
    pub fn open_orders(&self) -> Vec<OpenOrder> {
        Double(self.world.clone()).open_orders()
    }

    /// Signed quantity of the position in a symbol.
    #[track_caller]
    pub fn position(&self, symbol: &str) -> Decimal {
        let id = self.instrument(symbol).id;
        self.world.borrow().positions.get(&id).map_or(Decimal::ZERO, |position| position.quantity)
    }

    /// What the allocation holds of an asset.
    pub fn balance(&self, asset: &str) -> Decimal {
        self.world.borrow().balances.get(asset).copied().unwrap_or_default()
    }

    /// Lines that the strategy logged.
    pub fn logs(&self) -> Vec<(LogLevel, String)> {
        self.world.borrow().logs.clone()
    }

    /// Gauges and points that the strategy gave.
    pub fn points(&self) -> Vec<(String, Decimal)> {
        self.world.borrow().points.clone()
    }

    #[track_caller]
    fn resting(&self, order: OrderId) -> Resting {
        let found = self.world.borrow().orders.iter().find(|open| open.id == order).cloned();
        found.expect("an order that is open")
    }

    fn set_status(&mut self, order: OrderId, status: OrderStatus) {
        let mut world = self.world.borrow_mut();
        if is_final(status) {
            world.orders.retain(|open| open.id != order);
        } else if let Some(open) = world.orders.iter_mut().find(|open| open.id == order) {
            open.status = status;
        }
    }

    /// Something other than a fill happens to an open order; a final status ends it.
    #[track_caller]
    pub fn update(&mut self, order: OrderId, change: OrderChange, status: OrderStatus, reason: OrderReason) {
        let Resting { order: new, quantity, filled, .. } = self.resting(order);
        self.set_status(order, status);
        let instrument = new.instrument;
        let update = OrderUpdate { order, instrument, change, status, reason, quantity, filled, recovered: false };
        self.event(EventBody::Order(update));
    }

    /// The venue takes an order.
    #[track_caller]
    pub fn accept(&mut self, order: OrderId) {
        self.update(order, OrderChange::Accepted, OrderStatus::Accepted, OrderReason::None);
    }

    /// The venue refuses an order.
    #[track_caller]
    pub fn reject(&mut self, order: OrderId, reason: OrderReason) {
        self.update(order, OrderChange::Rejected, OrderStatus::Rejected, reason);
    }

    /// An order is cancelled.
    #[track_caller]
    pub fn canceled(&mut self, order: OrderId) {
        self.update(order, OrderChange::Canceled, OrderStatus::Canceled, OrderReason::None);
    }

    /// An order trades a quantity at a price, without commission.
    #[track_caller]
    pub fn fill_part(&mut self, order: OrderId, quantity: &str, price: &str) {
        self.trade_order(order, amount(quantity), amount(price));
    }

    /// The rest of an order trades: at its limit, otherwise at the touch, otherwise at the last trade.
    #[track_caller]
    pub fn fill(&mut self, order: OrderId) {
        let Resting { order: new, quantity, filled, .. } = self.resting(order);
        let world = self.world.borrow();
        let touch = world.quotes.get(&new.instrument);
        let touch = touch.map(|quote| if new.side == Side::Buy { quote.ask_price } else { quote.bid_price });
        let price = new.price().or(touch).or_else(|| world.last.get(&new.instrument).copied());
        drop(world);
        let price = price.expect("a price: a limit, a quote or a trade");
        let quantity = match &new.kind {
            OrderKind::Market(crate::MarketSize::Quote(spent)) => spent.checked_div(price, 5),
            _ => quantity.checked_sub(filled),
        };
        self.trade_order(order, quantity.expect("a quantity that fits"), price);
    }

    #[track_caller]
    fn trade_order(&mut self, order: OrderId, quantity: Decimal, price: Decimal) {
        let resting = self.resting(order);
        let mut world = self.world.borrow_mut();
        let id = resting.order.instrument;
        let instrument = world.instruments.iter().find(|known| known.id == id).cloned().expect("a known instrument");
        world.book_fill(&instrument, resting.order.side, price, quantity).expect("amounts that fit");
        let filled = resting.filled.checked_add(quantity).expect("a quantity that fits");
        let done = filled >= resting.quantity;
        let status = match resting.status {
            _ if done => OrderStatus::Filled,
            OrderStatus::PendingCancel => OrderStatus::PendingCancel,
            _ => OrderStatus::PartiallyFilled,
        };
        for open in world.orders.iter_mut().filter(|open| open.id == order) {
            open.filled = filled;
        }
        world.fills += 1;
        let trade_id = world.fills;
        drop(world);
        self.set_status(order, status);
        self.event(EventBody::Fill(Fill {
            order,
            instrument: id,
            side: resting.order.side,
            trade_id,
            price,
            quantity,
            commission: Decimal::ZERO,
            commission_asset: instrument.quote,
            maker: resting.order.price().is_some(),
            status,
            recovered: false,
        }));
    }

    /// Plays the venue until nothing is pending: market orders are filled, cancels confirmed, all other orders accepted.
    #[track_caller]
    pub fn settle(&mut self) {
        for _ in 0..100 {
            let pending = self.world.borrow().orders.iter().find_map(|open| match open.status {
                OrderStatus::PendingNew | OrderStatus::PendingCancel => Some((open.id, open.status, open.order.kind)),
                _ => None,
            });
            match pending {
                None => return,
                Some((order, OrderStatus::PendingCancel, _)) => self.canceled(order),
                Some((order, _, OrderKind::Market(_))) => self.fill(order),
                Some((order, ..)) => self.accept(order),
            }
        }
    }

    /// What the strategy would hand to the next generation.
    pub fn save(&self) -> Vec<u8> {
        self.seat.save()
    }

    /// Hands over what the generation before saved.
    pub fn restore(&mut self, state: &[u8]) -> Result<(), RestoreError> {
        self.seat.restore(state)
    }

    /// The end of the instance.
    pub fn stop(&mut self, reason: StopReason) {
        self.seat.shutdown(reason);
    }
}

fn is_final(status: OrderStatus) -> bool {
    matches!(status, OrderStatus::Filled | OrderStatus::Canceled | OrderStatus::Expired | OrderStatus::Rejected)
}

/// Happenings as the contract hands them over: numbered, and in columns where there are some.
#[track_caller]
fn batch_of(first: Seq, happenings: &[Happening], instruments: &[Instrument]) -> Batch {
    let scales = |id: InstrumentId| {
        let found = instruments.iter().find(|instrument| instrument.id == id);
        found.map(|found| (found.price_scale, found.quantity_scale)).expect("a known instrument")
    };
    let scaled = |value: Decimal, scale: u8| {
        let exact = value.rescale(scale);
        assert!(exact.is_some(), "{value} has more than {scale} decimal places");
        exact.unwrap_or_default().mantissa
    };
    let mut batch = Batch { trades: None, aggregate_trades: None, quotes: None, depth: None, events: Vec::new() };
    for (seq, happening) in (first..).zip(happenings) {
        match happening {
            Happening::Trade(trade) | Happening::AggregateTrade(trade) => {
                let place = if matches!(happening, Happening::Trade(_)) {
                    &mut batch.trades
                } else {
                    &mut batch.aggregate_trades
                };
                let columns = place.get_or_insert_with(|| TradeColumns {
                    seq: Vec::new(),
                    ts: Vec::new(),
                    instrument: Vec::new(),
                    id: Vec::new(),
                    price: Vec::new(),
                    quantity: Vec::new(),
                    aggressor: Vec::new(),
                });
                let (price, quantity) = scales(trade.instrument);
                columns.seq.push(seq);
                columns.ts.push(trade.ts);
                columns.instrument.push(trade.instrument);
                columns.id.push(trade.id);
                columns.price.push(scaled(trade.price, price));
                columns.quantity.push(scaled(trade.quantity, quantity));
                columns.aggressor.push(u8::from(trade.aggressor == Side::Sell));
            }
            Happening::Quote(quote) => {
                let columns = batch.quotes.get_or_insert_with(|| QuoteColumns {
                    seq: Vec::new(),
                    ts: Vec::new(),
                    instrument: Vec::new(),
                    bid_price: Vec::new(),
                    bid_quantity: Vec::new(),
                    ask_price: Vec::new(),
                    ask_quantity: Vec::new(),
                });
                let (price, quantity) = scales(quote.instrument);
                columns.seq.push(seq);
                columns.ts.push(quote.ts);
                columns.instrument.push(quote.instrument);
                columns.bid_price.push(scaled(quote.bid_price, price));
                columns.bid_quantity.push(scaled(quote.bid_quantity, quantity));
                columns.ask_price.push(scaled(quote.ask_price, price));
                columns.ask_quantity.push(scaled(quote.ask_quantity, quantity));
            }
            Happening::Depth(depth) => {
                let columns = batch.depth.get_or_insert_with(|| DepthColumns {
                    seq: Vec::new(),
                    ts: Vec::new(),
                    instrument: Vec::new(),
                    first_update_id: Vec::new(),
                    last_update_id: Vec::new(),
                    bids: Vec::new(),
                    asks: Vec::new(),
                    price: Vec::new(),
                    quantity: Vec::new(),
                });
                let (price, quantity) = scales(depth.instrument);
                columns.seq.push(seq);
                columns.ts.push(depth.ts);
                columns.instrument.push(depth.instrument);
                columns.first_update_id.push(depth.first_update_id);
                columns.last_update_id.push(depth.last_update_id);
                columns.bids.push(depth.bids.len() as u32);
                columns.asks.push(depth.asks.len() as u32);
                for level in depth.bids.iter().chain(&depth.asks) {
                    columns.price.push(scaled(level.price, price));
                    columns.quantity.push(scaled(level.quantity, quantity));
                }
            }
            Happening::Event(ts, body) => batch.events.push(Event { seq, ts: *ts, body: body.clone() }),
        }
    }
    batch
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

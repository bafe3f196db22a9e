//! The host around a strategy: what a test makes happen, and what it can look at afterwards.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use super::batch::{Happening, batch_of};
use super::double::Double;
use super::world::{Command, Resting, Sent, World, is_final};
use super::{Setting, amount};
use crate::ctx::Backend;
use crate::{
    Book, BudgetState, Decimal, Denial, Duration, EventBody, Fill, Instrument, LogLevel, NewOrder, OpenOrder,
    OrderChange, OrderId, OrderKind, OrderReason, OrderStatus, OrderUpdate, Quote, RestoreError, Seat, Seq, Side,
    StopReason, Strategy, Timestamp, Trade,
};

/// The host around one strategy. Each event comes one millisecond after the one before, unless [`Host::advance`] is called.
pub struct Host<S> {
    pub(super) seat: Seat<S>,
    pub(super) world: Rc<RefCell<World>>,
    pub(super) seq: Seq,
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

    pub(super) fn tick(&mut self) -> Timestamp {
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

    /// Says how a budget of the sandbox stands, from now on. Without it the host has none.
    pub fn budget(&mut self, budget: BudgetState) {
        let mut world = self.world.borrow_mut();
        match world.budgets.iter_mut().find(|one| one.key == budget.key) {
            Some(known) => *known = budget,
            None => world.budgets.push(budget),
        }
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

//! One plugin's place in the engine. It lives on the seat's thread and answers at once:
//! nothing here waits, and only the plugin's own commands and events change it.
//!
//! What it does to orders is in `submit`; here is what it tells and what it books.

mod submit;

pub use submit::seat_of;

use std::collections::BTreeSet;

use ringfence_model::denial::{OrderField, QuotaKind, QuotaState};
use ringfence_model::desk::{Desk, DeskReport, orders_to_end};
use ringfence_model::event::{Book, Fill, OrderChange, OrderUpdate, Quote};
use ringfence_model::order::{OpenOrder, OrderList};
use ringfence_model::strategy::FaultPolicy;
use ringfence_model::{
    Balance, Decimal, Denial, Event, EventBody, Instrument, InstrumentId, Micros, NewOrder, OrderId, Position, SeatId,
    Seq, Side, StreamKind, Timestamp,
};

use crate::actions::{CommandSink, DeskCommand, SeatConfig};
use crate::board::Board;
use crate::ledger::Ledger;
use crate::limits::{Limits, Window};
use crate::open::{DeskOrder, Freed, OpenOrders};
use crate::permissions::Permissions;

/// The venue's kline intervals, in seconds (a month is told as 30 days).
const KLINE_SECONDS: [u32; 16] =
    [1, 60, 180, 300, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 28_800, 43_200, 86_400, 259_200, 604_800, 2_592_000];

/// Most levels that a book answers with.
const BOOK_LEVELS: u32 = 100;
/// Most klines of one history request: the venue's own bound.
const HISTORY_LIMIT: u32 = 1_000;
const DAY: u64 = 86_400_000_000;

/// One plugin's gate, orders, allocation and ledger.
pub struct SeatDesk {
    seat: SeatId,
    session: String,
    limits: Limits,
    permissions: Permissions,
    instruments: Vec<Instrument>,
    ledger: Ledger,
    board: Board,
    orders: OpenOrders,
    next_order: u64,
    next_request: u64,
    followed: BTreeSet<(InstrumentId, StreamKind)>,
    orders_second: Window,
    orders_day: Window,
    cancels_second: Window,
    history_minute: Window,
    halted: bool,
    /// UTC day and the profit and loss at its start.
    day: Option<(u64, Decimal)>,
    counts: Counts,
    sink: CommandSink,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    orders: u64,
    denials: u64,
    fills: u64,
}

impl std::fmt::Debug for SeatDesk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SeatDesk").field("seat", &self.seat).field("orders", &self.orders).finish_non_exhaustive()
    }
}

impl SeatDesk {
    pub(crate) fn new(
        seat: SeatId,
        session: &str,
        config: &SeatConfig,
        instruments: Vec<Instrument>,
        halted: bool,
        sink: CommandSink,
    ) -> Self {
        let limits = config.limits.clone();
        SeatDesk {
            seat,
            session: session.to_owned(),
            permissions: config.permissions.clone(),
            ledger: Ledger::new(&config.allocation, &instruments),
            board: Board::default(),
            orders: OpenOrders::default(),
            next_order: 1,
            next_request: 1,
            followed: BTreeSet::new(),
            orders_second: Window::new(QuotaKind::OrdersPerSecond, limits.orders_per_second, Micros::from_secs(1)),
            orders_day: Window::new(QuotaKind::OrdersPerDay, limits.orders_per_day, Micros(DAY)),
            cancels_second: Window::new(QuotaKind::CancelsPerSecond, limits.cancels_per_second, Micros::from_secs(1)),
            history_minute: Window::new(
                QuotaKind::HistoryRequests,
                limits.history_requests_per_minute,
                Micros::from_secs(60),
            ),
            halted,
            day: None,
            counts: Counts::default(),
            limits,
            instruments,
            sink,
        }
    }

    /// The plugin's ledger.
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn instrument(&self, id: InstrumentId) -> Option<&Instrument> {
        self.instruments.iter().find(|instrument| instrument.id == id)
    }

    fn pnl(&self) -> Decimal {
        self.ledger.pnl(|instrument| self.board.last_price(instrument))
    }

    /// Notes where a UTC day starts. Events call it too: what is lost before the day's first order counts.
    /// Days only go forward: around midnight an event may carry a time of yesterday.
    fn turn_day(&mut self, now: Timestamp) {
        let day = now.0 / DAY;
        if self.day.is_none_or(|(known, _)| day > known) {
            self.day = Some((day, self.pnl()));
        }
    }

    fn day_pnl(&mut self, now: Timestamp) -> Decimal {
        self.turn_day(now);
        self.pnl().saturating_sub(self.day.map(|(_, start)| start).unwrap_or_default())
    }

    fn counted<T>(&mut self, result: Result<T, Denial>) -> Result<T, Denial> {
        if result.is_err() {
            self.counts.denials = self.counts.denials.saturating_add(1);
        }
        result
    }

    /// What orders no longer hold is free again; whether that was anything.
    fn unlock(&mut self, freed: Freed) -> bool {
        let Some((asset, amount)) = freed else { return false };
        self.ledger.lock(&asset, -amount);
        true
    }

    /// Whether a plugin that follows books of several depths sees this one: the deepest is the book.
    fn feeds_board(&self, body: &EventBody) -> bool {
        let (instrument, levels) = match body {
            EventBody::Book(book) => (book.instrument, book.best),
            EventBody::FeedGap { instrument, stream: StreamKind::Book(levels), .. } => (*instrument, Some(*levels)),
            _ => return true,
        };
        let Some(levels) = levels else { return true };
        !self.followed.iter().any(|(of, stream)| {
            *of == instrument
                && match stream {
                    StreamKind::Depth => true,
                    StreamKind::Book(more) => *more > levels,
                    _ => false,
                }
        })
    }

    /// A stream begins or ends: levels of a partial book are none of the whole one's, and what nobody tells any more is
    /// no book.
    fn refeed(&mut self, instrument: InstrumentId, stream: StreamKind) {
        let is_book = |stream: &StreamKind| matches!(stream, StreamKind::Depth | StreamKind::Book(_));
        let fed = || self.followed.iter().any(|(of, stream)| *of == instrument && is_book(stream));
        if stream == StreamKind::Depth || is_book(&stream) && !fed() {
            self.board.lose_book(instrument);
        }
    }

    fn apply_update(&mut self, update: &OrderUpdate) -> Vec<EventBody> {
        let Some(open) = self.orders.get_mut(update.order) else {
            return Vec::new();
        };
        open.status = update.status;
        match update.change {
            OrderChange::CancelRejected => open.cancelling = false,
            OrderChange::AmendRejected => open.amending = open.amending.saturating_sub(1),
            OrderChange::Amended => {
                open.amended = open.amended.saturating_add(1);
                open.amending = open.amending.saturating_sub(1);
            }
            _ => {}
        }
        if update.quantity > Decimal::ZERO {
            open.quantity = update.quantity;
        }
        let id = open.instrument;
        let freed = match (update.status.is_final(), update.change) {
            (true, _) => self.orders.close(update.order),
            (false, OrderChange::Amended) => self.orders.resized(update.order),
            (false, _) => return Vec::new(),
        };
        self.unlock(freed);
        self.balance_events(id)
    }

    fn apply_fill(&mut self, fill: &Fill) -> Vec<EventBody> {
        self.counts.fills = self.counts.fills.saturating_add(1);
        let assets = self.ledger.fill(fill);
        let freed = self.orders.fill(fill);
        self.unlock(freed);
        let mut told: Vec<_> = assets.iter().map(|asset| EventBody::Balance(self.ledger.balance(asset))).collect();
        told.push(EventBody::Position(self.ledger.position(fill.instrument)));
        told
    }

    fn balance_events(&self, id: InstrumentId) -> Vec<EventBody> {
        let Some(instrument) = self.instrument(id) else {
            return Vec::new();
        };
        [&instrument.base, &instrument.quote].map(|asset| EventBody::Balance(self.ledger.balance(asset))).to_vec()
    }

    /// Whether what is locked is exactly what open orders hold. For tests and audits.
    pub fn reservations_agree(&self) -> bool {
        let held = self.orders.locked();
        self.instruments
            .iter()
            .flat_map(|instrument| [instrument.base.as_str(), instrument.quote.as_str()])
            .all(|asset| self.ledger.locked(asset) == held.get(asset).copied().unwrap_or_default())
    }
}

fn reserved_asset(instrument: &Instrument, side: Side) -> &str {
    match side {
        Side::Buy => &instrument.quote,
        Side::Sell => &instrument.base,
    }
}

impl Desk for SeatDesk {
    fn submit(&mut self, now: Timestamp, order: NewOrder, cause: Seq) -> Result<OrderId, Denial> {
        if !self.permissions.allows_order(&order.kind) {
            return self.counted(Err(Denial::NotPermitted));
        }
        let result = self.try_submit(now, &order, cause);
        self.counted(result)
    }

    fn submit_list(&mut self, now: Timestamp, orders: OrderList, cause: Seq) -> Result<Vec<OrderId>, Denial> {
        let granted = |order: &NewOrder| self.permissions.allows_order(&order.kind);
        if !self.permissions.allows_lists() || !orders.orders().iter().all(granted) {
            return self.counted(Err(Denial::NotPermitted));
        }
        let result = self.try_submit_list(now, &orders, cause);
        self.counted(result)
    }

    fn cancel(&mut self, now: Timestamp, order: OrderId, cause: Seq) -> Result<(), Denial> {
        let result = self.try_cancel(now, order, cause);
        self.counted(result)
    }

    /// Counts as one cancel: getting out must not fail for want of quota.
    fn cancel_all(&mut self, now: Timestamp, instrument: Option<InstrumentId>, cause: Seq) -> Result<u32, Denial> {
        let of = |open: &DeskOrder| instrument.is_none_or(|wanted| wanted == open.instrument);
        let orders: Vec<_> = self.orders.iter().filter(|(_, open)| of(open)).map(|(order, _)| order).collect();
        Ok(self.send_cancels(now, &orders, cause))
    }

    fn end_orders(
        &mut self,
        now: Timestamp,
        policy: FaultPolicy,
        spare: &[OrderId],
        cause: Seq,
    ) -> Result<u32, Denial> {
        let ending = orders_to_end(policy, spare, &self.orders.shown_once(), &self.positions());
        Ok(self.send_cancels(now, &ending, cause))
    }

    fn amend(&mut self, now: Timestamp, order: OrderId, quantity: Decimal, cause: Seq) -> Result<(), Denial> {
        let result = self.try_amend(now, order, quantity, cause);
        self.counted(result)
    }

    fn instruments(&self) -> &[Instrument] {
        &self.instruments
    }

    fn subscribe(&mut self, instrument: InstrumentId, stream: StreamKind) -> Result<(), Denial> {
        if self.instrument(instrument).is_none() || !self.permissions.allows_stream(stream) {
            return self.counted(Err(Denial::NotPermitted));
        }
        // What the venue has no stream of would stay silent for ever.
        let exists = match stream {
            StreamKind::Book(levels) => [5, 10, 20].contains(&levels),
            StreamKind::Klines(seconds) => KLINE_SECONDS.contains(&seconds),
            _ => true,
        };
        if !exists {
            return self.counted(Err(Denial::InvalidField(OrderField::Quantity)));
        }
        if self.followed.contains(&(instrument, stream)) {
            return Ok(());
        }
        if self.followed.len() >= usize::try_from(self.limits.subscriptions).unwrap_or(usize::MAX) {
            let limit = u64::from(self.limits.subscriptions);
            return self.counted(Err(Denial::Quota { kind: QuotaKind::Subscriptions, limit, retry_after: Micros(0) }));
        }
        self.followed.insert((instrument, stream));
        self.refeed(instrument, stream);
        (self.sink)(DeskCommand::Subscribe { seat: self.seat, instrument, stream });
        Ok(())
    }

    fn unsubscribe(&mut self, instrument: InstrumentId, stream: StreamKind) -> Result<(), Denial> {
        if self.followed.remove(&(instrument, stream)) {
            self.refeed(instrument, stream);
            (self.sink)(DeskCommand::Unsubscribe { seat: self.seat, instrument, stream });
        }
        Ok(())
    }

    fn last_quote(&self, instrument: InstrumentId, _as_of: Seq) -> Option<(Timestamp, Quote)> {
        self.board.quote(instrument)
    }

    fn book(&self, instrument: InstrumentId, levels: u32, _as_of: Seq) -> Option<Book> {
        self.board.book(instrument, usize::try_from(levels.min(BOOK_LEVELS)).unwrap_or(0))
    }

    fn request_history(
        &mut self,
        now: Timestamp,
        instrument: InstrumentId,
        interval: u32,
        start: Option<Timestamp>,
        limit: u32,
        _cause: Seq,
    ) -> Result<u64, Denial> {
        if self.instrument(instrument).is_none() {
            return self.counted(Err(Denial::NotPermitted));
        }
        // The venue has none; the request would cost a place in the minute and bring nothing.
        if !KLINE_SECONDS.contains(&interval) {
            return self.counted(Err(Denial::InvalidField(OrderField::Quantity)));
        }
        if let Err(denial) = self.history_minute.check(now, 1) {
            return self.counted(Err(denial));
        }
        self.history_minute.count(now, 1);
        let request = self.next_request;
        self.next_request = self.next_request.saturating_add(1);
        let limit = limit.clamp(1, HISTORY_LIMIT);
        (self.sink)(DeskCommand::History { seat: self.seat, request, instrument, interval, start, limit });
        Ok(request)
    }

    fn balances(&self) -> Vec<Balance> {
        self.ledger.balances()
    }

    fn positions(&self) -> Vec<Position> {
        self.ledger.positions()
    }

    fn open_orders(&self) -> Vec<OpenOrder> {
        self.orders.shown()
    }

    fn quotas(&self, now: Timestamp) -> Vec<QuotaState> {
        let stock = |kind, limit: u32, used: usize| QuotaState {
            kind,
            limit: u64::from(limit),
            used: u64::try_from(used).unwrap_or(u64::MAX),
            resets_in: Micros(0),
        };
        vec![
            self.orders_second.state(now),
            self.orders_day.state(now),
            self.cancels_second.state(now),
            self.history_minute.state(now),
            stock(QuotaKind::OpenOrders, self.limits.open_orders, self.orders.len()),
            stock(QuotaKind::Subscriptions, self.limits.subscriptions, self.followed.len()),
        ]
    }

    fn apply(&mut self, event: &Event) -> Vec<EventBody> {
        self.turn_day(event.ts);
        if self.feeds_board(&event.body) {
            self.board.apply(event);
        }
        match &event.body {
            EventBody::Order(update) => self.apply_update(update),
            EventBody::Fill(fill) => self.apply_fill(fill),
            EventBody::Halted(_) => {
                self.halted = true;
                Vec::new()
            }
            EventBody::Resumed => {
                self.halted = false;
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn report(&self) -> DeskReport {
        DeskReport {
            orders: self.counts.orders,
            denials: self.counts.denials,
            fills: self.counts.fills,
            open_orders: u64::try_from(self.orders.len()).unwrap_or(u64::MAX),
            positions: self.ledger.positions(),
            balances: self.ledger.balances(),
            changes: self.ledger.changes(),
            pnl: self.pnl(),
        }
    }
}

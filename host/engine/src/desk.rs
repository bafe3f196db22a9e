//! One plugin's place in the engine. It lives on the seat's thread and answers at once:
//! nothing here waits, and only the plugin's own commands and events change it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ringfence_model::denial::{OrderField, QuotaKind, QuotaState};
use ringfence_model::desk::{Desk, DeskReport, orders_to_end};
use ringfence_model::event::{Book, Fill, OrderChange, OrderUpdate, Quote};
use ringfence_model::order::{OpenOrder, OrderList};
use ringfence_model::strategy::FaultPolicy;
use ringfence_model::venue::ClientOrderId;
use ringfence_model::{
    Balance, Decimal, Denial, Event, EventBody, Instrument, InstrumentId, Micros, NewOrder, OrderId, OrderKind,
    OrderStatus, Position, SeatId, Seq, Side, StreamKind, Timestamp,
};

use crate::actions::{CommandSink, DeskCommand, SeatConfig};
use crate::board::Board;
use crate::filters::Known;
use crate::gate::{self, Picture, Reservation};
use crate::ledger::Ledger;
use crate::limits::{Limits, Window};
use crate::permissions::Permissions;

/// Most levels that a book answers with.
const BOOK_LEVELS: u32 = 100;
/// Most klines of one history request: the venue's own bound.
const HISTORY_LIMIT: u32 = 1_000;
const DAY: u64 = 86_400_000_000;

/// An order that is not final.
#[derive(Debug, Clone)]
struct DeskOrder {
    instrument: InstrumentId,
    side: Side,
    kind: OrderKind,
    client_order_id: ClientOrderId,
    tag: Option<String>,
    status: OrderStatus,
    /// Zero for a quote-sized market order until the venue says.
    quantity: Decimal,
    filled: Decimal,
    reservation: Reservation,
    /// What is still locked of it.
    locked: Decimal,
    /// A cancel is on its way: asking again would only cost the venue's patience.
    cancelling: bool,
}

impl DeskOrder {
    fn remaining(&self) -> Decimal {
        self.quantity.saturating_sub(self.filled).max(Decimal::ZERO)
    }

    /// What may still fill, in base; expected as long as the venue has not said.
    fn exposure(&self) -> Decimal {
        let whole = if self.quantity.is_zero() { self.reservation.quantity } else { self.quantity };
        whole.saturating_sub(self.filled).max(Decimal::ZERO)
    }

    /// Expected value of what is not filled.
    fn open_notional(&self) -> Decimal {
        match self.reservation.notional.checked_div(self.quantity) {
            Some(price) => price.saturating_mul(self.remaining()),
            None => self.reservation.notional,
        }
    }
}

/// One plugin's gate, orders, allocation and ledger.
pub struct SeatDesk {
    seat: SeatId,
    session: String,
    limits: Limits,
    permissions: Permissions,
    instruments: Vec<Instrument>,
    ledger: Ledger,
    board: Board,
    orders: BTreeMap<OrderId, DeskOrder>,
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
            orders: BTreeMap::new(),
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

    fn check(&mut self, now: Timestamp, order: &NewOrder) -> Result<Reservation, Denial> {
        if self.halted {
            return Err(Denial::Halted);
        }
        let day_pnl = self.day_pnl(now);
        let instrument = self.instrument(order.instrument).ok_or(Denial::NotPermitted)?;
        let same_side =
            self.orders.values().filter(|open| open.instrument == order.instrument && open.side == order.side);
        let of_instrument = || self.orders.values().filter(|open| open.instrument == order.instrument);
        let known = Known {
            last_price: self.board.last_price(order.instrument),
            algo_orders: of_instrument().filter(|open| is_algo(&open.kind)).count(),
            iceberg_orders: of_instrument().filter(|open| is_iceberg(&open.kind)).count(),
            base: self.ledger.free(&instrument.base).saturating_add(self.ledger.locked(&instrument.base)),
            open_buys: of_instrument()
                .filter(|open| open.side == Side::Buy)
                .fold(Decimal::ZERO, |sum, open| sum.saturating_add(open.remaining())),
        };
        let picture = Picture {
            known,
            instrument,
            limits: &self.limits,
            last_price: self.board.last_price(order.instrument),
            touch: self.board.touch(order.instrument, order.side),
            position: self.ledger.quantity(order.instrument),
            open_same_side: same_side.fold(Decimal::ZERO, |sum, open| sum.saturating_add(open.exposure())),
            open_orders: (
                self.orders.values().filter(|open| open.instrument == order.instrument).count(),
                self.orders.len(),
            ),
            open_notional: self
                .orders
                .values()
                .fold(Decimal::ZERO, |sum, open| sum.saturating_add(open.open_notional())),
            day_pnl,
            free: (self.ledger.free(&instrument.base), self.ledger.free(&instrument.quote)),
        };
        let reservation = gate::check(&picture, order)?;
        self.orders_second.check(now)?;
        self.orders_day.check(now)?;
        Ok(reservation)
    }

    fn count_order(&mut self, now: Timestamp) {
        self.orders_second.count(now);
        self.orders_day.count(now);
    }

    fn try_submit(&mut self, now: Timestamp, order: NewOrder, cause: Seq) -> Result<OrderId, Denial> {
        let reservation = self.check(now, &order)?;
        let instrument = self.instrument(order.instrument).ok_or(Denial::NotPermitted)?;
        let id = OrderId(self.next_order);
        let client_order_id =
            ClientOrderId(format!("{}-{}-{}", self.session, base36(u64::from(self.seat.0)), base36(id.0)));
        let approved = gate::approve(instrument, &order, &reservation, client_order_id.clone());
        let asset = reserved_asset(instrument, order.side).to_owned();
        self.next_order = self.next_order.saturating_add(1);
        self.ledger.lock(&asset, reservation.amount);
        self.count_order(now);
        self.counts.orders = self.counts.orders.saturating_add(1);
        self.orders.insert(
            id,
            DeskOrder {
                instrument: order.instrument,
                side: order.side,
                kind: order.kind,
                client_order_id,
                tag: order.tag,
                status: OrderStatus::PendingNew,
                quantity: order.kind.quantity().unwrap_or_default(),
                filled: Decimal::ZERO,
                reservation,
                locked: reservation.amount,
                cancelling: false,
            },
        );
        let command = DeskCommand::Place { seat: self.seat, order: id, instrument: order.instrument, cause, approved };
        (self.sink)(command);
        Ok(id)
    }

    fn try_cancel(&mut self, now: Timestamp, order: OrderId, cause: Seq) -> Result<(), Denial> {
        let open = self.orders.get(&order).ok_or(Denial::UnknownOrder)?;
        if open.cancelling {
            return Ok(());
        }
        self.cancels_second.check(now)?;
        self.cancels_second.count(now);
        self.send_cancel(order, cause);
        Ok(())
    }

    /// Sends a cancel once; false if one is on its way.
    fn send_cancel(&mut self, order: OrderId, cause: Seq) -> bool {
        let Some(open) = self.orders.get_mut(&order) else { return false };
        if std::mem::replace(&mut open.cancelling, true) {
            return false;
        }
        // An order without the venue's word stays what it is; the engine holds the cancel until then.
        if !matches!(open.status, OrderStatus::PendingNew | OrderStatus::Unknown) {
            open.status = OrderStatus::PendingCancel;
        }
        (self.sink)(DeskCommand::Cancel { seat: self.seat, order, cause });
        true
    }

    fn send_cancels(&mut self, now: Timestamp, orders: &[OrderId], cause: Seq) -> u32 {
        let sent = orders.iter().filter(|order| self.send_cancel(**order, cause)).count();
        if sent > 0 {
            self.cancels_second.count(now);
        }
        u32::try_from(sent).unwrap_or(u32::MAX)
    }

    fn try_amend(&mut self, now: Timestamp, order: OrderId, quantity: Decimal, cause: Seq) -> Result<(), Denial> {
        if self.halted {
            return Err(Denial::Halted);
        }
        let open = self.orders.get(&order).ok_or(Denial::UnknownOrder)?;
        if !matches!(open.status, OrderStatus::Accepted | OrderStatus::PartiallyFilled) {
            return Err(Denial::UnknownOrder);
        }
        let instrument = self.instrument(open.instrument).ok_or(Denial::NotPermitted)?;
        gate::check_amend(instrument, open.filled, open.quantity, quantity)?;
        self.orders_second.check(now)?;
        self.orders_day.check(now)?;
        self.count_order(now);
        (self.sink)(DeskCommand::Amend { seat: self.seat, order, quantity, cause });
        Ok(())
    }

    fn counted<T>(&mut self, result: Result<T, Denial>) -> Result<T, Denial> {
        if result.is_err() {
            self.counts.denials = self.counts.denials.saturating_add(1);
        }
        result
    }

    /// Frees what an order holds beyond `keep`.
    fn unlock_to(&mut self, order: OrderId, keep: Decimal) {
        let Some(open) = self.orders.get_mut(&order) else {
            return;
        };
        let freed = open.locked.saturating_sub(keep);
        if freed <= Decimal::ZERO {
            return;
        }
        open.locked = keep;
        let (id, side) = (open.instrument, open.side);
        if let Some(asset) = self.instrument(id).map(|instrument| reserved_asset(instrument, side).to_owned()) {
            self.ledger.lock(&asset, -freed);
        }
    }

    fn apply_update(&mut self, update: &OrderUpdate) -> Vec<EventBody> {
        let Some(open) = self.orders.get_mut(&update.order) else {
            return Vec::new();
        };
        open.status = update.status;
        if update.change == OrderChange::CancelRejected {
            open.cancelling = false;
        }
        if update.quantity > Decimal::ZERO {
            open.quantity = update.quantity;
        }
        let (id, keep) = (open.instrument, open.remaining().saturating_mul(open.reservation.per_unit));
        let freed = if update.status.is_final() {
            self.unlock_to(update.order, Decimal::ZERO);
            self.orders.remove(&update.order);
            true
        } else if update.change == OrderChange::Amended {
            self.unlock_to(update.order, keep);
            true
        } else {
            false
        };
        if freed { self.balance_events(id) } else { Vec::new() }
    }

    fn apply_fill(&mut self, fill: &Fill) -> Vec<EventBody> {
        self.counts.fills = self.counts.fills.saturating_add(1);
        let assets = self.ledger.fill(fill);
        if let Some(open) = self.orders.get_mut(&fill.order) {
            open.filled = open.filled.saturating_add(fill.quantity);
            open.status = fill.status;
            let by_quote = open.kind.quantity().is_none();
            let keep = match (fill.status.is_final(), by_quote, open.side) {
                (true, ..) => Decimal::ZERO,
                (false, true, Side::Buy) => {
                    open.locked.saturating_sub(fill.quantity.saturating_mul(fill.price)).max(Decimal::ZERO)
                }
                (false, true, Side::Sell) => open.locked.saturating_sub(fill.quantity).max(Decimal::ZERO),
                (false, false, _) => open.remaining().saturating_mul(open.reservation.per_unit),
            };
            self.unlock_to(fill.order, keep);
            if fill.status.is_final() {
                self.orders.remove(&fill.order);
            }
        }
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
        let mut held: HashMap<&str, Decimal> = HashMap::new();
        for open in self.orders.values() {
            if let Some(instrument) = self.instrument(open.instrument) {
                let entry = held.entry(reserved_asset(instrument, open.side)).or_default();
                *entry = entry.saturating_add(open.locked);
            }
        }
        self.instruments
            .iter()
            .flat_map(|instrument| [instrument.base.as_str(), instrument.quote.as_str()])
            .all(|asset| self.ledger.locked(asset) == held.get(asset).copied().unwrap_or_default())
    }
}

/// What the venue counts as algorithmic: all that waits for a trigger.
const fn is_algo(kind: &OrderKind) -> bool {
    matches!(
        kind,
        OrderKind::StopLoss { .. }
            | OrderKind::StopLossLimit { .. }
            | OrderKind::TakeProfit { .. }
            | OrderKind::TakeProfitLimit { .. }
    )
}

const fn is_iceberg(kind: &OrderKind) -> bool {
    matches!(kind, OrderKind::Limit { iceberg_quantity: Some(_), .. })
}

fn reserved_asset(instrument: &Instrument, side: Side) -> &str {
    match side {
        Side::Buy => &instrument.quote,
        Side::Sell => &instrument.base,
    }
}

fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        // A remainder of 36 is a digit.
        digits.push(char::from_digit(u32::try_from(number % 36).unwrap_or(0), 36).unwrap_or('0'));
        number /= 36;
        if number == 0 {
            return digits.iter().rev().collect();
        }
    }
}

/// The seat that an order of ours belongs to, from the id that its desk gave it; `None` if it is no such id.
pub fn seat_of(id: &ClientOrderId) -> Option<SeatId> {
    let mut parts = id.0.rsplit('-');
    let (_number, seat, _session) = (parts.next()?, parts.next()?, parts.next()?);
    u32::from_str_radix(seat, 36).ok().map(SeatId)
}

impl Desk for SeatDesk {
    fn submit(&mut self, now: Timestamp, order: NewOrder, cause: Seq) -> Result<OrderId, Denial> {
        if !self.permissions.allows_order(&order.kind) {
            return self.counted(Err(Denial::NotPermitted));
        }
        let result = self.try_submit(now, order, cause);
        self.counted(result)
    }

    fn submit_list(&mut self, _now: Timestamp, _orders: OrderList, _cause: Seq) -> Result<Vec<OrderId>, Denial> {
        let denial = if self.permissions.allows_lists() { Denial::Unsupported } else { Denial::NotPermitted };
        self.counted(Err(denial))
    }

    fn cancel(&mut self, now: Timestamp, order: OrderId, cause: Seq) -> Result<(), Denial> {
        let result = self.try_cancel(now, order, cause);
        self.counted(result)
    }

    /// Counts as one cancel: getting out must not fail for want of quota.
    fn cancel_all(&mut self, now: Timestamp, instrument: Option<InstrumentId>, cause: Seq) -> Result<u32, Denial> {
        let of = |open: &DeskOrder| instrument.is_none_or(|wanted| wanted == open.instrument);
        let orders: Vec<_> = self.orders.iter().filter(|(_, open)| of(open)).map(|(order, _)| *order).collect();
        Ok(self.send_cancels(now, &orders, cause))
    }

    fn end_orders(
        &mut self,
        now: Timestamp,
        policy: FaultPolicy,
        spare: &[OrderId],
        cause: Seq,
    ) -> Result<u32, Denial> {
        let ending = orders_to_end(policy, spare, &self.open_orders(), &self.positions());
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
        if matches!(stream, StreamKind::Book(levels) if ![5, 10, 20].contains(&levels)) {
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
        (self.sink)(DeskCommand::Subscribe { seat: self.seat, instrument, stream });
        Ok(())
    }

    fn unsubscribe(&mut self, instrument: InstrumentId, stream: StreamKind) -> Result<(), Denial> {
        if self.followed.remove(&(instrument, stream)) {
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
        if let Err(denial) = self.history_minute.check(now) {
            return self.counted(Err(denial));
        }
        self.history_minute.count(now);
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
        self.orders
            .iter()
            .map(|(id, open)| OpenOrder {
                order: *id,
                instrument: open.instrument,
                side: open.side,
                price: open.kind.price().unwrap_or_default(),
                quantity: open.quantity,
                filled: open.filled,
                status: open.status,
                client_order_id: open.client_order_id.0.clone(),
                tag: open.tag.clone(),
            })
            .collect()
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
        self.board.apply(event);
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

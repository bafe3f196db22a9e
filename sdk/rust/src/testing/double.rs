//! The imports of the contract, answered from the [`World`].

use std::cell::RefCell;
use std::rc::Rc;

use super::world::{Command, Resting, World};
use crate::ctx::Backend;
use crate::{
    Balance, Book, BudgetState, Decimal, Denial, Duration, Instrument, InstrumentId, LogLevel, NewOrder, OpenOrder,
    OrderId, OrderList, OrderStatus, Position, QuotaKind, QuotaState, Quote, Seq, StateError, Stream, Timestamp,
};

pub(super) struct Double(pub(super) Rc<RefCell<World>>);

impl Backend for Double {
    fn submit(&self, order: &NewOrder, cause: Seq) -> Result<OrderId, Denial> {
        let mut world = self.0.borrow_mut();
        world.meter(QuotaKind::OrdersPerSecond, 1);
        let made = world.command(cause, |world, allowed| {
            Command::Submit(if allowed { world.ticket(order) } else { 0 }, order.clone())
        });
        made.map(|command| if let Command::Submit(id, _) = command { id } else { 0 })
    }

    fn submit_list(&self, orders: &OrderList, cause: Seq) -> Result<Vec<OrderId>, Denial> {
        let legs = match orders {
            OrderList::Oco((a, b)) | OrderList::Oto((a, b)) => vec![a, b],
            OrderList::Otoco((a, b, c)) => vec![a, b, c],
        };
        let mut world = self.0.borrow_mut();
        world.meter(QuotaKind::OrdersPerSecond, legs.len());
        let made = world.command(cause, |world, allowed| {
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
        world.meter(QuotaKind::CancelsPerSecond, 1);
        world.command(cause, |world, allowed| {
            for open in world.orders.iter_mut().filter(|open| allowed && open.id == order) {
                open.status = OrderStatus::PendingCancel;
            }
            Command::Cancel(order)
        })?;
        Ok(())
    }

    fn cancel_all(&self, instrument: Option<InstrumentId>, cause: Seq) -> Result<u32, Denial> {
        let meant = |open: &Resting| instrument.is_none_or(|id| open.order.instrument == id);
        let mut count = 0;
        let mut world = self.0.borrow_mut();
        let orders = world.orders.iter().filter(|open| meant(open)).count();
        world.meter(QuotaKind::CancelsPerSecond, orders);
        world.command(cause, |world, allowed| {
            for open in world.orders.iter_mut().filter(|open| allowed && meant(open)) {
                open.status = OrderStatus::PendingCancel;
                count += 1;
            }
            Command::CancelAll(instrument)
        })?;
        Ok(count)
    }

    fn amend(&self, order: OrderId, quantity: Decimal, cause: Seq) -> Result<(), Denial> {
        let mut world = self.0.borrow_mut();
        world.meter(QuotaKind::OrdersPerSecond, 1);
        world.command(cause, |_, _| Command::Amend(order, quantity))?;
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
        let world = self.0.borrow();
        world.meters.iter().map(|meter| meter.state(world.now)).collect()
    }

    fn budgets(&self) -> Vec<BudgetState> {
        self.0.borrow().budgets.clone()
    }

    fn budget(&self, key: &str) -> Option<BudgetState> {
        self.0.borrow().budgets.iter().find(|budget| budget.key == key).cloned()
    }
}

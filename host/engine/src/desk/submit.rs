//! What a plugin does to orders: submit, cancel, amend. Whatever is asked for is decided at
//! once; what passes goes to the engine as a command.

use ringfence_model::denial::OrderField;
use ringfence_model::order::OrderList;
use ringfence_model::venue::ClientOrderId;
use ringfence_model::{Decimal, Denial, InstrumentId, NewOrder, OrderId, OrderStatus, SeatId, Seq, Side, Timestamp};

use super::{SeatDesk, reserved_asset};
use crate::actions::DeskCommand;
use crate::filters::Open;
use crate::gate::{self, BySide, Picture, Reservation};
use crate::open::DeskOrder;

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

/// The seat that an order (or a list) of ours belongs to, from the id that its desk gave it; `None` if it is no such id.
pub fn seat_of(id: &ClientOrderId) -> Option<SeatId> {
    let mut parts = id.0.rsplit('-');
    let (_number, seat, _session) = (parts.next()?, parts.next()?, parts.next()?);
    u32::from_str_radix(seat, 36).ok().map(SeatId)
}

/// An order as it begins. `list` is the first order of its list, `pot` the first of those that it shares funds with.
fn entry(
    order: &NewOrder,
    reservation: Reservation,
    client_order_id: ClientOrderId,
    list: Option<OrderId>,
    pot: OrderId,
) -> DeskOrder {
    DeskOrder {
        instrument: order.instrument,
        side: order.side,
        kind: order.kind,
        client_order_id,
        tag: order.tag.clone(),
        status: OrderStatus::PendingNew,
        quantity: order.kind.quantity().unwrap_or_default(),
        filled: Decimal::ZERO,
        reservation,
        cancelling: false,
        list,
        pot,
        amended: 0,
        amending: 0,
    }
}

impl SeatDesk {
    fn picture(&self, id: InstrumentId, day_pnl: Decimal) -> Result<Picture<'_>, Denial> {
        let instrument = self.instrument(id).ok_or(Denial::NotPermitted)?;
        let base = &instrument.base;
        Ok(Picture {
            instrument,
            limits: &self.limits,
            last_price: self.board.last_price(id),
            touch: BySide { buy: self.board.touch(id, Side::Buy), sell: self.board.touch(id, Side::Sell) },
            position: self.ledger.quantity(id),
            exposure: BySide { buy: self.orders.exposure(id, Side::Buy), sell: self.orders.exposure(id, Side::Sell) },
            open: Open {
                here: self.orders.counts(Some(id)),
                everywhere: self.orders.counts(None),
                base: self.ledger.free(base).saturating_add(self.ledger.locked(base)),
            },
            open_notional: self.orders.notional(),
            day_pnl,
            free: (self.ledger.free(base), self.ledger.free(&instrument.quote)),
        })
    }

    /// Quotas of time for so many orders.
    fn check_rates(&mut self, now: Timestamp, orders: usize) -> Result<(), Denial> {
        self.orders_second.check(now, orders)?;
        self.orders_day.check(now, orders)
    }

    fn count_rates(&mut self, now: Timestamp, orders: usize) {
        self.orders_second.count(now, orders);
        self.orders_day.count(now, orders);
    }

    /// Orders that were approved have these tickets.
    fn count_orders(&mut self, now: Timestamp, orders: usize) {
        self.count_rates(now, orders);
        let more = u64::try_from(orders).unwrap_or(u64::MAX);
        self.next_order = self.next_order.saturating_add(more);
        self.counts.orders = self.counts.orders.saturating_add(more);
    }

    /// The venue's name of a ticket; the list of a first order has its ticket with an `L`.
    fn name(&self, order: OrderId, list: bool) -> ClientOrderId {
        let mark = if list { "L" } else { "" };
        ClientOrderId(format!("{}-{}-{mark}{}", self.session, base36(u64::from(self.seat.0)), base36(order.0)))
    }

    /// Orders of which only one can be done hold the largest of their amounts.
    fn hold(&mut self, orders: Vec<(OrderId, DeskOrder)>) {
        let asset = orders.first().and_then(|(_, order)| {
            self.instrument(order.instrument).map(|instrument| reserved_asset(instrument, order.side).to_owned())
        });
        let Some(asset) = asset else { return };
        let amount = orders.iter().map(|(_, order)| order.reservation.amount).max().unwrap_or_default();
        self.ledger.lock(&asset, amount);
        self.orders.open(asset, amount, orders);
    }

    pub(super) fn try_submit(&mut self, now: Timestamp, order: &NewOrder, cause: Seq) -> Result<OrderId, Denial> {
        if self.halted {
            return Err(Denial::Halted);
        }
        let day_pnl = self.day_pnl(now);
        let picture = self.picture(order.instrument, day_pnl)?;
        let reservation = gate::check(&picture, order)?;
        let id = OrderId(self.next_order);
        let name = self.name(id, false);
        let approved = gate::approve(picture.instrument, order, &reservation, name.clone());
        self.check_rates(now, 1)?;
        self.count_orders(now, 1);
        self.hold(vec![(id, entry(order, reservation, name, None, id))]);
        let instrument = order.instrument;
        (self.sink)(DeskCommand::Place { seat: self.seat, order: id, instrument, cause, approved });
        Ok(id)
    }

    pub(super) fn try_submit_list(
        &mut self,
        now: Timestamp,
        list: &OrderList,
        cause: Seq,
    ) -> Result<Vec<OrderId>, Denial> {
        if self.halted {
            return Err(Denial::Halted);
        }
        let orders = list.orders();
        let no_legs = || Denial::InvalidField(OrderField::Legs);
        let instrument = orders.first().map(|order| order.instrument).ok_or_else(no_legs)?;
        let day_pnl = self.day_pnl(now);
        let picture = self.picture(instrument, day_pnl)?;
        let held = gate::check_list(&picture, list)?;
        let ids: Vec<OrderId> = (self.next_order..).take(orders.len()).map(OrderId).collect();
        let first = OrderId(self.next_order);
        let names: Vec<_> = ids.iter().map(|id| self.name(*id, false)).collect();
        let approved =
            gate::approve_list(picture.instrument, list, &held, self.name(first, true), &names).ok_or_else(no_legs)?;
        self.check_rates(now, orders.len())?;
        self.count_orders(now, orders.len());
        // The order that the others wait for holds its own funds; of the others only one can be done.
        let own = usize::from(!matches!(list, OrderList::Oco(_)));
        let legs = ids.get(own).copied().unwrap_or(first);
        let mut entries: Vec<_> = ids
            .iter()
            .zip(orders)
            .zip(held.into_iter().zip(names))
            .map(|((id, order), (reservation, name))| {
                let pot = if *id < legs { *id } else { legs };
                (*id, entry(order, reservation, name, Some(first), pot))
            })
            .collect();
        let waiting = entries.split_off(own.min(entries.len()));
        self.hold(entries);
        self.hold(waiting);
        (self.sink)(DeskCommand::PlaceList {
            seat: self.seat,
            orders: ids.clone(),
            instrument,
            cause,
            approved: Box::new(approved),
        });
        Ok(ids)
    }

    pub(super) fn try_cancel(&mut self, now: Timestamp, order: OrderId, cause: Seq) -> Result<(), Denial> {
        let open = self.orders.get(order).ok_or(Denial::UnknownOrder)?;
        if open.cancelling {
            return Ok(());
        }
        self.cancels_second.check(now, 1)?;
        self.cancels_second.count(now, 1);
        self.send_cancel(order, cause);
        Ok(())
    }

    /// Sends a cancel once; how many orders it ends. One for a list ends all of its orders: each is named, as
    /// the engine may know already that some of them are over.
    fn send_cancel(&mut self, order: OrderId, cause: Seq) -> usize {
        let mut ending: usize = 0;
        for order in self.orders.together(order) {
            let Some(open) = self.orders.get_mut(order) else { continue };
            if std::mem::replace(&mut open.cancelling, true) {
                continue;
            }
            ending = ending.saturating_add(1);
            // An order without the venue's word stays what it is; the engine holds the cancel until then.
            if !matches!(open.status, OrderStatus::PendingNew | OrderStatus::Unknown) {
                open.status = OrderStatus::PendingCancel;
            }
            (self.sink)(DeskCommand::Cancel { seat: self.seat, order, cause });
        }
        ending
    }

    pub(super) fn send_cancels(&mut self, now: Timestamp, orders: &[OrderId], cause: Seq) -> u32 {
        let sent: usize = orders.iter().map(|order| self.send_cancel(*order, cause)).sum();
        if sent > 0 {
            self.cancels_second.count(now, 1);
        }
        u32::try_from(sent).unwrap_or(u32::MAX)
    }

    pub(super) fn try_amend(
        &mut self,
        now: Timestamp,
        order: OrderId,
        quantity: Decimal,
        cause: Seq,
    ) -> Result<(), Denial> {
        if self.halted {
            return Err(Denial::Halted);
        }
        let open = self.orders.get(order).ok_or(Denial::UnknownOrder)?;
        if !matches!(open.status, OrderStatus::Accepted | OrderStatus::PartiallyFilled) {
            return Err(Denial::UnknownOrder);
        }
        let instrument = self.instrument(open.instrument).ok_or(Denial::NotPermitted)?;
        let amended = open.amended.saturating_add(open.amending);
        gate::check_amend(instrument, &open.kind, (open.filled, open.quantity), amended, quantity)?;
        self.check_rates(now, 1)?;
        self.count_rates(now, 1);
        if let Some(open) = self.orders.get_mut(order) {
            open.amending = open.amending.saturating_add(1);
        }
        (self.sink)(DeskCommand::Amend { seat: self.seat, order, quantity, cause });
        Ok(())
    }
}

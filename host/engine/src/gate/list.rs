//! Orders that depend on each other: all of them pass or none does.
//!
//! Source: Binance, "New Order list - OCO / OTO / OTOCO", spot. Of a pair only one can be
//! done, so it holds what its dearer order needs, once. What waits for another order holds its
//! funds from the beginning: only One-Pays-the-Other lists go without them ("One Pays the
//! Other": *the only balance requirement is that of the working order*).

use ringfence_model::denial::OrderField;
use ringfence_model::instrument::Feature;
use ringfence_model::order::{MarketSize, OrderList, Trigger};
use ringfence_model::venue::{ClientOrderId, VenueList};
use ringfence_model::{Decimal, Denial, Instrument, NewOrder, OrderKind, Side};

use super::{Picture, Reservation, check_open, check_order, venue_order};
use crate::filters::Counts;

/// A list that passed the gate. Only the gate makes one, and only one of these can be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovedList {
    id: ClientOrderId,
    list: VenueList,
    reduces: bool,
}

impl ApprovedList {
    /// The name of the list itself.
    pub const fn id(&self) -> &ClientOrderId {
        &self.id
    }

    /// Its orders as the venue gets them.
    pub const fn list(&self) -> &VenueList {
        &self.list
    }

    /// None of its orders can make the plugin's position larger.
    pub const fn reduces(&self) -> bool {
        self.reduces
    }
}

/// The order that works at once, if the others wait for it, and those others.
fn parts(list: &OrderList) -> (Option<&NewOrder>, &[NewOrder]) {
    match list {
        OrderList::Oco(pair) => (None, &pair[..]),
        OrderList::Oto(two) => (two.first(), two.get(1..).unwrap_or_default()),
        OrderList::Otoco(three) => (three.first(), three.get(1..).unwrap_or_default()),
    }
}

/// Everything but quotas of time and sending; what each order will hold if the list passes.
/// The orders of a pair hold the larger of their two amounts together.
pub(crate) fn check_list(picture: &Picture<'_>, list: &OrderList) -> Result<Vec<Reservation>, Denial> {
    let instrument = picture.instrument;
    check_form(instrument, list)?;
    let (working, legs) = parts(list);
    let mut after = picture.clone();
    let mut held = Vec::new();
    let mut enters_at = None;
    if let Some(order) = working {
        let reservation = check_order(picture, order, None)?;
        // The others enter when this one is filled, at about its price.
        let signed = match order.side {
            Side::Buy => reservation.quantity,
            Side::Sell => -reservation.quantity,
        };
        after.position = after.position.saturating_add(signed);
        after.open_notional = after.open_notional.saturating_add(reservation.notional);
        enters_at = order.kind.price();
        held.push(reservation);
    }
    for leg in legs {
        held.push(check_order(&after, leg, enters_at)?);
    }
    let counts = list.orders().iter().fold(Counts { lists: 1, ..Counts::default() }, |sum, order| {
        sum.plus(Counts::of(order.side, &order.kind, order.kind.quantity().unwrap_or_default()))
    });
    check_open(picture, counts)?;
    check_free(picture, list, &held)?;
    Ok(held)
}

/// Both parts together must be covered.
fn check_free(picture: &Picture<'_>, list: &OrderList, held: &[Reservation]) -> Result<(), Denial> {
    let (working, legs) = parts(list);
    let (mut base, mut quote) = (Decimal::ZERO, Decimal::ZERO);
    let mut add = |side: Side, amount: Decimal| {
        let sum = if side == Side::Buy { &mut quote } else { &mut base };
        *sum = sum.saturating_add(amount);
    };
    let (first, rest) = held.split_at(usize::from(working.is_some()).min(held.len()));
    for (order, reservation) in working.iter().zip(first) {
        add(order.side, reservation.amount);
    }
    if let (Some(leg), Some(dearest)) = (legs.first(), rest.iter().map(|one| one.amount).max()) {
        add(leg.side, dearest);
    }
    let instrument = picture.instrument;
    for (asset, needed, free) in [(&instrument.base, base, picture.free.0), (&instrument.quote, quote, picture.free.1)]
    {
        if needed > free {
            return Err(Denial::InsufficientBalance { asset: asset.clone(), needed, free });
        }
    }
    Ok(())
}

/// What the venue takes as a list at all.
fn check_form(instrument: &Instrument, list: &OrderList) -> Result<(), Denial> {
    let lacks = |feature| instrument.filters.lacks.has(feature);
    let (oco, oto) = (!matches!(list, OrderList::Oto(_)), !matches!(list, OrderList::Oco(_)));
    if (oco && lacks(Feature::Oco)) || (oto && lacks(Feature::Oto)) {
        return Err(Denial::Unsupported);
    }
    let wrong = Err(Denial::InvalidField(OrderField::Legs));
    if list.orders().iter().any(|order| order.instrument != instrument.id) {
        return wrong;
    }
    let (working, legs) = parts(list);
    // The working order must be able to stand on the book.
    if working.is_some_and(|order| !matches!(order.kind, OrderKind::Limit { .. } | OrderKind::LimitMaker { .. })) {
        return wrong;
    }
    match legs {
        [above, below] if is_pair(above, below) => Ok(()),
        [pending] if !matches!(pending.kind, OrderKind::Market(MarketSize::Quote(_))) => Ok(()),
        _ => wrong,
    }
}

/// The price at which an order of a pair is done or set off, if it is fixed.
fn pivot(kind: &OrderKind) -> Option<Decimal> {
    match (kind, kind.trigger()) {
        (OrderKind::LimitMaker { price, .. }, _) => Some(*price),
        (_, Some(Trigger::Price(price))) => Some(price),
        _ => None,
    }
}

/// One limits a loss, the other takes a profit, each on its side of the market.
fn is_pair(above: &NewOrder, below: &NewOrder) -> bool {
    let (profit, loss) = match above.side {
        Side::Sell => (&above.kind, &below.kind),
        Side::Buy => (&below.kind, &above.kind),
    };
    let takes_profit = profit.is_take_profit() || matches!(profit, OrderKind::LimitMaker { .. });
    let in_order = match (pivot(&above.kind), pivot(&below.kind)) {
        (Some(above), Some(below)) => above > below,
        _ => true,
    };
    above.side == below.side
        && above.kind.quantity() == below.kind.quantity()
        && loss.is_stop_loss()
        && takes_profit
        && in_order
}

/// Stamps a list that passed [`check_list`]; `ids` are the names of its orders, the working one first.
pub(crate) fn approve_list(
    instrument: &Instrument,
    list: &OrderList,
    held: &[Reservation],
    id: ClientOrderId,
    ids: &[ClientOrderId],
) -> Option<ApprovedList> {
    let mut orders = list.orders().iter().zip(ids).map(|(order, id)| venue_order(instrument, order, id.clone()));
    let (first, second) = (orders.next()?, orders.next()?);
    let venue = match list {
        OrderList::Oco(_) => VenueList::Oco { above: first, below: second },
        OrderList::Oto(_) => VenueList::Oto { working: first, pending: second },
        OrderList::Otoco(_) => VenueList::Otoco { working: first, above: second, below: orders.next()? },
    };
    Some(ApprovedList { id, list: venue, reduces: held.iter().all(|one| one.reduces) })
}

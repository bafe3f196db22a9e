//! The checks before an order: grant, fields, the venue's filters, risk limits, quotas,
//! balance. Pure: it reads a picture of the desk and answers. The only maker of
//! [`Approved`] and [`ApprovedList`], so an order that was not checked can't be expressed.
//!
//! What is here is about one order; [`list`] has what is about several.

mod list;

use ringfence_model::denial::{OrderField, QuotaKind, RiskLimit};
use ringfence_model::instrument::Feature;
use ringfence_model::order::{MarketSize, Trigger};
use ringfence_model::venue::{ClientOrderId, VenueOrder};
use ringfence_model::{Decimal, Denial, Instrument, Micros, NewOrder, OrderKind, Side, TimeInForce};

use crate::filters::{self, Counts, Open};
use crate::limits::Limits;

pub use list::ApprovedList;
pub(crate) use list::{approve_list, check_list};

/// Longest tag of an order.
const TAG_LENGTH: usize = 8;
/// What a market buy reserves beyond the price that it meets first.
const MARKET_MARGIN: Decimal = Decimal::from_parts(105, 0, 0, false, 2);
/// A whole, in basis points.
const BASIS_POINTS: u32 = 10_000;

/// An order that passed the gate. Only the gate makes one, and only one of these can be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approved {
    order: VenueOrder,
    reduces: bool,
}

impl Approved {
    /// The order as the venue gets it.
    pub const fn order(&self) -> &VenueOrder {
        &self.order
    }

    /// It can only make the plugin's position smaller: it goes before others when the venue's limits are near.
    pub const fn reduces(&self) -> bool {
        self.reduces
    }
}

/// Something that each side has of its own.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BySide<T> {
    pub(crate) buy: T,
    pub(crate) sell: T,
}

impl<T: Copy> BySide<T> {
    pub(crate) const fn of(&self, side: Side) -> T {
        match side {
            Side::Buy => self.buy,
            Side::Sell => self.sell,
        }
    }
}

/// What the gate needs to know of the desk.
#[derive(Debug, Clone)]
pub(crate) struct Picture<'a> {
    pub(crate) instrument: &'a Instrument,
    pub(crate) limits: &'a Limits,
    /// Last price that the plugin has seen.
    pub(crate) last_price: Option<Decimal>,
    /// The price that a market order would meet first.
    pub(crate) touch: BySide<Option<Decimal>>,
    /// Signed position of the instrument.
    pub(crate) position: Decimal,
    /// Open quantity on the instrument.
    pub(crate) exposure: BySide<Decimal>,
    /// What the venue's filters ask for.
    pub(crate) open: Open,
    /// Notional of all open orders.
    pub(crate) open_notional: Decimal,
    /// Profit and loss of the UTC day.
    pub(crate) day_pnl: Decimal,
    /// Free balance of base and of quote.
    pub(crate) free: (Decimal, Decimal),
}

/// What an approved order holds until it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reservation {
    /// Reserved of the base asset (sells) or of the quote asset (buys).
    pub(crate) amount: Decimal,
    /// Quote per base that was reserved (buys by base quantity); one for sells.
    pub(crate) per_unit: Decimal,
    /// Expected value in the quote asset.
    pub(crate) notional: Decimal,
    /// Expected quantity in the base asset: what a quote-sized order will come to.
    pub(crate) quantity: Decimal,
    /// The order can only make the position smaller.
    pub(crate) reduces: bool,
}

fn risk(limit: RiskLimit, allowed: Decimal, asked: Decimal) -> Denial {
    Denial::Risk { limit, allowed, asked }
}

fn tag_is_sound(tag: Option<&str>) -> bool {
    tag.is_none_or(|tag| {
        (1..=TAG_LENGTH).contains(&tag.len())
            && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    })
}

fn product(a: Decimal, b: Decimal) -> Result<Decimal, Denial> {
    a.checked_mul(b).ok_or(Denial::InvalidField(OrderField::Quantity))
}

fn unknown_price() -> Denial {
    risk(RiskLimit::PriceCollar, Decimal::ZERO, Decimal::ZERO)
}

/// Everything but quotas of time and sending; what the order will hold if it passes.
pub(crate) fn check(picture: &Picture<'_>, order: &NewOrder) -> Result<Reservation, Denial> {
    let reservation = check_order(picture, order, None)?;
    let quantity = order.kind.quantity().unwrap_or_default();
    check_open(picture, Counts::of(order.side, &order.kind, quantity))?;
    let instrument = picture.instrument;
    let (asset, free) = match order.side {
        Side::Buy => (&instrument.quote, picture.free.1),
        Side::Sell => (&instrument.base, picture.free.0),
    };
    if reservation.amount > free {
        return Err(Denial::InsufficientBalance { asset: asset.clone(), needed: reservation.amount, free });
    }
    Ok(reservation)
}

/// What one order asks for.
struct Size {
    quantity: Decimal,
    notional: Decimal,
    /// Quote that a buy reserves per unit of base.
    per_unit: Decimal,
    /// What the notional filters look at.
    filtered: Decimal,
    /// Where the order begins to work, as far as that is known: its limit may not be far from it.
    works_at: Option<Decimal>,
}

/// What is about this order alone. `enters_at` is the price at which it enters if it waits for
/// another order of its list.
fn check_order(picture: &Picture<'_>, order: &NewOrder, enters_at: Option<Decimal>) -> Result<Reservation, Denial> {
    let (instrument, limits) = (picture.instrument, picture.limits);
    if !instrument.trading {
        return Err(Denial::Halted);
    }
    if !tag_is_sound(order.tag.as_deref()) {
        return Err(Denial::InvalidField(OrderField::Tag));
    }
    check_form(instrument, &order.kind)?;
    let size = size(picture, order, enters_at)?;
    filters::kind(instrument, order.side, &order.kind, picture.last_price)?;
    filters::notional(instrument, size.filtered, order.kind.takes_any_price())?;
    filters::assets(instrument, size.quantity, size.notional)?;
    if let Some(price) = order.kind.price() {
        check_collar(limits, price, size.works_at)?;
    }
    let reduces = check_risk(picture, order, size.quantity, size.notional)?;
    let Size { quantity, notional, per_unit, .. } = size;
    let held = |amount, per_unit| Reservation { amount, per_unit, notional, quantity, reduces };
    Ok(match (order.side, order.kind) {
        // A quote-sized sell gives base away, as much as the price will make it.
        (Side::Sell, OrderKind::Market(MarketSize::Quote(_))) => {
            held(product(quantity, MARKET_MARGIN)?.round_dp(8), Decimal::ONE)
        }
        (Side::Sell, _) => held(quantity, Decimal::ONE),
        (Side::Buy, OrderKind::Market(MarketSize::Quote(amount))) => held(amount, per_unit),
        (Side::Buy, _) => held(product(quantity, per_unit)?, per_unit),
    })
}

/// Fields that make no sense together, and what the venue does not do for the symbol.
fn check_form(instrument: &Instrument, kind: &OrderKind) -> Result<(), Denial> {
    let lacks = |feature| instrument.filters.lacks.has(feature);
    let trails = matches!(kind.trigger(), Some(Trigger::Trailing(_)));
    if lacks(Feature::of(kind))
        || (trails && lacks(Feature::TrailingStop))
        || (kind.iceberg_quantity().is_some() && lacks(Feature::Iceberg))
        || (matches!(kind, OrderKind::Market(MarketSize::Quote(_))) && lacks(Feature::QuoteSized))
    {
        return Err(Denial::Unsupported);
    }
    if let OrderKind::Limit { quantity, time_in_force, iceberg_quantity: Some(part), .. } = *kind {
        if part <= Decimal::ZERO || part > quantity {
            return Err(Denial::InvalidField(OrderField::IcebergQuantity));
        }
        // What shows a part of itself must stay: the venue takes icebergs with GTC only.
        if time_in_force != TimeInForce::Gtc {
            return Err(Denial::InvalidField(OrderField::TimeInForce));
        }
    }
    if let Some(Trigger::Trailing(points)) = kind.trigger()
        && !(1..BASIS_POINTS).contains(&points)
    {
        return Err(Denial::InvalidField(OrderField::TrailingDelta));
    }
    Ok(())
}

/// The price at which a trigger goes off: a trailing one from where the market is now, which
/// for a buy is the highest that it can be, as its lowest price only falls.
fn trigger_price(side: Side, trigger: Trigger, market: Option<Decimal>) -> Result<Decimal, Denial> {
    match trigger {
        Trigger::Price(price) => Ok(price),
        Trigger::Trailing(points) => {
            let market = market.ok_or_else(unknown_price)?;
            let way = Decimal::new(i64::from(points), 4);
            let part = match side {
                Side::Buy => Decimal::ONE.saturating_add(way),
                Side::Sell => Decimal::ONE.saturating_sub(way),
            };
            product(market, part)
        }
    }
}

/// Quantity, value and what a buy reserves, after the filters on quantities and prices.
fn size(picture: &Picture<'_>, order: &NewOrder, enters_at: Option<Decimal>) -> Result<Size, Denial> {
    let (instrument, limits) = (picture.instrument, picture.limits);
    let touch = enters_at.or(picture.touch.of(order.side));
    let market = enters_at.or(picture.last_price).or(touch);
    let limit = |quantity: Decimal, price: Decimal, works_at: Option<Decimal>| {
        filters::quantity(instrument, quantity, false)?;
        filters::price(instrument, price, OrderField::Price)?;
        let notional = product(quantity, price)?;
        Ok(Size { quantity, notional, per_unit: price, filtered: notional, works_at })
    };
    match order.kind {
        OrderKind::Market(MarketSize::Base(quantity)) => {
            filters::quantity(instrument, quantity, true)?;
            let price = touch.ok_or_else(unknown_price)?;
            let (notional, per_unit) = (product(quantity, price)?, product(price, MARKET_MARGIN)?);
            Ok(Size { quantity, notional, per_unit, filtered: notional, works_at: None })
        }
        OrderKind::Market(MarketSize::Quote(amount)) => {
            if amount <= Decimal::ZERO {
                return Err(Denial::InvalidField(OrderField::Quantity));
            }
            let price = touch.ok_or_else(unknown_price)?;
            let quantity = amount.checked_div(price).ok_or_else(unknown_price)?;
            Ok(Size { quantity, notional: amount, per_unit: price, filtered: amount, works_at: None })
        }
        OrderKind::Limit { quantity, price, .. } | OrderKind::LimitMaker { quantity, price } => {
            limit(quantity, price, enters_at.or(picture.last_price))
        }
        OrderKind::StopLoss { quantity, trigger } | OrderKind::TakeProfit { quantity, trigger } => {
            filters::quantity(instrument, quantity, true)?;
            let price = trigger_price(order.side, trigger, market)?;
            // It takes any price once it is set off: as much as a market order, and at least what
            // the operator lets a limit be away.
            let margin = Decimal::ONE.saturating_add(limits.price_collar).max(MARKET_MARGIN);
            let filtered = match trigger {
                Trigger::Price(_) => price,
                Trigger::Trailing(_) => market.unwrap_or(price),
            };
            Ok(Size {
                quantity,
                notional: product(quantity, price)?,
                per_unit: product(price, margin)?,
                filtered: product(quantity, filtered)?,
                works_at: None,
            })
        }
        OrderKind::StopLossLimit { quantity, trigger, price, .. }
        | OrderKind::TakeProfitLimit { quantity, trigger, price, .. } => {
            // Only a collar needs it.
            let works_at = trigger_price(order.side, trigger, market).ok();
            limit(quantity, price, works_at)
        }
    }
}

/// Filters and quota on what may be open.
fn check_open(picture: &Picture<'_>, more: Counts) -> Result<(), Denial> {
    filters::counts(picture.instrument, &picture.open, more)?;
    let limit = picture.limits.open_orders;
    let after = picture.open.everywhere.orders.saturating_add(more.orders);
    if after > usize::try_from(limit).unwrap_or(usize::MAX) {
        return Err(Denial::Quota { kind: QuotaKind::OpenOrders, limit: u64::from(limit), retry_after: Micros(0) });
    }
    Ok(())
}

/// Without a price to measure from nothing passes: a plugin that follows no stream has no way around its collar.
fn check_collar(limits: &Limits, price: Decimal, from: Option<Decimal>) -> Result<(), Denial> {
    if limits.price_collar.is_zero() {
        return Ok(());
    }
    let from = from.ok_or_else(|| risk(RiskLimit::PriceCollar, Decimal::ZERO, price))?;
    let room = from.saturating_mul(limits.price_collar);
    let (low, high) = (from.saturating_sub(room), from.saturating_add(room));
    if price < low {
        return Err(risk(RiskLimit::PriceCollar, low, price));
    }
    if price > high {
        return Err(risk(RiskLimit::PriceCollar, high, price));
    }
    Ok(())
}

/// Whether the order only reduces, if the risk limits let it pass.
fn check_risk(picture: &Picture<'_>, order: &NewOrder, quantity: Decimal, notional: Decimal) -> Result<bool, Denial> {
    let limits = picture.limits;
    let position = picture.position;
    let open_same_side = picture.exposure.of(order.side);
    // What is left to close once all open orders of this side are done.
    let closable = match order.side {
        Side::Buy => -position,
        Side::Sell => position,
    }
    .saturating_sub(open_same_side)
    .max(Decimal::ZERO);
    let reduces = quantity <= closable;
    if order.reduce_only && !reduces {
        return Err(risk(RiskLimit::ReduceOnly, closable, quantity));
    }
    if !limits.daily_loss.is_zero() && !reduces && picture.day_pnl < -limits.daily_loss {
        return Err(risk(RiskLimit::DailyLoss, limits.daily_loss, -picture.day_pnl));
    }
    if !limits.order_notional.is_zero() && notional > limits.order_notional {
        return Err(risk(RiskLimit::OrderNotional, limits.order_notional, notional));
    }
    let open = picture.open_notional.saturating_add(notional);
    if !limits.open_notional.is_zero() && open > limits.open_notional {
        return Err(risk(RiskLimit::OpenNotional, limits.open_notional, open));
    }
    if !limits.position_notional.is_zero() && !reduces {
        let signed = match order.side {
            Side::Buy => position,
            Side::Sell => -position,
        };
        let after = signed.saturating_add(open_same_side).saturating_add(quantity);
        let price = notional.checked_div(quantity).unwrap_or_default();
        let value = after.saturating_mul(price);
        if value > limits.position_notional {
            return Err(risk(RiskLimit::Position, limits.position_notional, value));
        }
    }
    Ok(reduces)
}

/// Stamps an order that passed [`check`].
pub(crate) fn approve(
    instrument: &Instrument,
    order: &NewOrder,
    reservation: &Reservation,
    client_order_id: ClientOrderId,
) -> Approved {
    let order = venue_order(instrument, order, client_order_id);
    Approved { order, reduces: reservation.reduces }
}

fn venue_order(instrument: &Instrument, order: &NewOrder, client_order_id: ClientOrderId) -> VenueOrder {
    VenueOrder { symbol: instrument.symbol.clone(), side: order.side, kind: order.kind, client_order_id }
}

/// Checks the smaller quantity of an amendment.
pub(crate) fn check_amend(
    instrument: &Instrument,
    kind: &OrderKind,
    (filled, now): (Decimal, Decimal),
    amended: u32,
    wanted: Decimal,
) -> Result<(), Denial> {
    if instrument.filters.lacks.has(Feature::Amend) {
        return Err(Denial::Unsupported);
    }
    filters::quantity(instrument, wanted, false)?;
    if wanted <= filled || wanted >= now {
        return Err(Denial::InvalidField(OrderField::Quantity));
    }
    let price = kind.price().or(match kind.trigger() {
        Some(Trigger::Price(price)) => Some(price),
        _ => None,
    });
    if let Some(price) = price {
        filters::notional(instrument, product(wanted, price)?, kind.takes_any_price())?;
    }
    filters::amends(instrument, amended)
}

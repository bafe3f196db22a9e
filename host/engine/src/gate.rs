//! The checks before an order: grant, fields, the venue's filters, risk limits, quotas,
//! balance. Pure: it reads a picture of the desk and answers. The only maker of
//! [`Approved`], so an order that was not checked can't be expressed.

use ringfence_model::denial::{FilterKind, OrderField, QuotaKind, RiskLimit};
use ringfence_model::order::MarketSize;
use ringfence_model::venue::{ClientOrderId, VenueOrder};
use ringfence_model::{Decimal, Denial, Instrument, Micros, NewOrder, OrderKind, Side};

use crate::filters::{self, Known};
use crate::limits::Limits;

/// Longest tag of an order.
const TAG_LENGTH: usize = 8;
/// What a market buy reserves beyond the price that it meets first.
const MARKET_MARGIN: Decimal = Decimal::from_parts(105, 0, 0, false, 2);

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

/// What the gate needs to know of the desk.
#[derive(Debug)]
pub(crate) struct Picture<'a> {
    pub(crate) instrument: &'a Instrument,
    pub(crate) limits: &'a Limits,
    /// Last price that the plugin has seen.
    pub(crate) last_price: Option<Decimal>,
    /// The price that a market order would meet first.
    pub(crate) touch: Option<Decimal>,
    /// Signed position of the instrument.
    pub(crate) position: Decimal,
    /// Open quantity of the order's side on the instrument.
    pub(crate) open_same_side: Decimal,
    /// Open orders of the instrument, and of all instruments.
    pub(crate) open_orders: (usize, usize),
    /// Notional of all open orders.
    pub(crate) open_notional: Decimal,
    /// Profit and loss of the UTC day.
    pub(crate) day_pnl: Decimal,
    /// Free balance of base and of quote.
    pub(crate) free: (Decimal, Decimal),
    /// What the venue's filters ask for.
    pub(crate) known: Known,
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

/// Everything but quotas of time and sending; what the order will hold if it passes.
pub(crate) fn check(picture: &Picture<'_>, order: &NewOrder) -> Result<Reservation, Denial> {
    let (instrument, limits) = (picture.instrument, picture.limits);
    if !instrument.trading {
        return Err(Denial::Halted);
    }
    if !tag_is_sound(order.tag.as_deref()) {
        return Err(Denial::InvalidField(OrderField::Tag));
    }
    let unknown_price = || risk(RiskLimit::PriceCollar, Decimal::ZERO, Decimal::ZERO);
    let too_large = |_| Denial::InvalidField(OrderField::Quantity);
    let product = |a: Decimal, b: Decimal| a.checked_mul(b).ok_or(()).map_err(too_large);
    // Base quantity, value in quote, and what a buy reserves per unit of base.
    let (quantity, notional, per_unit) = match order.kind {
        OrderKind::Market(MarketSize::Base(quantity)) => {
            filters::quantity(instrument, quantity, true)?;
            let price = picture.touch.ok_or_else(unknown_price)?;
            (quantity, product(quantity, price)?, product(price, MARKET_MARGIN)?)
        }
        OrderKind::Market(MarketSize::Quote(amount)) => {
            if amount <= Decimal::ZERO {
                return Err(Denial::InvalidField(OrderField::Quantity));
            }
            let price = picture.touch.ok_or_else(unknown_price)?;
            let quantity = amount.checked_div(price).ok_or_else(unknown_price)?;
            (quantity, amount, price)
        }
        OrderKind::Limit { quantity, price, iceberg_quantity, .. } => {
            if iceberg_quantity.is_some() {
                return Err(Denial::Unsupported);
            }
            filters::quantity(instrument, quantity, false)?;
            filters::price(instrument, price, OrderField::Price)?;
            (quantity, product(quantity, price)?, price)
        }
        OrderKind::LimitMaker { quantity, price } => {
            filters::quantity(instrument, quantity, false)?;
            filters::price(instrument, price, OrderField::Price)?;
            (quantity, product(quantity, price)?, price)
        }
        _ => return Err(Denial::Unsupported),
    };
    let is_market = matches!(order.kind, OrderKind::Market(_));
    filters::notional(instrument, notional, is_market)?;
    filters::kind(instrument, order.side, &order.kind, &picture.known)?;
    if let Some(price) = order.kind.price() {
        check_collar(limits, price, picture.last_price)?;
    }
    let reduces = check_risk(picture, order, quantity, notional)?;
    let (in_instrument, in_all) = picture.open_orders;
    if instrument.max_open_orders > 0
        && in_instrument >= usize::try_from(instrument.max_open_orders).unwrap_or(usize::MAX)
    {
        let bound = Decimal::from(instrument.max_open_orders);
        return Err(Denial::Filter {
            kind: FilterKind::MaxNumOrders,
            bound,
            asked: Decimal::from(in_instrument.saturating_add(1)),
        });
    }
    if in_all >= usize::try_from(limits.open_orders).unwrap_or(usize::MAX) {
        let limit = u64::from(limits.open_orders);
        return Err(Denial::Quota { kind: QuotaKind::OpenOrders, limit, retry_after: Micros(0) });
    }
    let reservation = match (order.side, order.kind) {
        // A quote-sized sell gives base away, as much as the price will make it.
        (Side::Sell, OrderKind::Market(MarketSize::Quote(_))) => Reservation {
            amount: product(quantity, MARKET_MARGIN)?.round_dp(8),
            per_unit: Decimal::ONE,
            notional,
            quantity,
            reduces,
        },
        (Side::Sell, _) => Reservation { amount: quantity, per_unit: Decimal::ONE, notional, quantity, reduces },
        (Side::Buy, OrderKind::Market(MarketSize::Quote(amount))) => {
            Reservation { amount, per_unit, notional, quantity, reduces }
        }
        (Side::Buy, _) => Reservation { amount: product(quantity, per_unit)?, per_unit, notional, quantity, reduces },
    };
    let (asset, free) = match order.side {
        Side::Buy => (&instrument.quote, picture.free.1),
        Side::Sell => (&instrument.base, picture.free.0),
    };
    if reservation.amount > free {
        return Err(Denial::InsufficientBalance { asset: asset.clone(), needed: reservation.amount, free });
    }
    Ok(reservation)
}

/// Without a price to measure from nothing passes: a plugin that follows no stream has no way around its collar.
fn check_collar(limits: &Limits, price: Decimal, last: Option<Decimal>) -> Result<(), Denial> {
    if limits.price_collar.is_zero() {
        return Ok(());
    }
    let last = last.ok_or_else(|| risk(RiskLimit::PriceCollar, Decimal::ZERO, price))?;
    let room = last.saturating_mul(limits.price_collar);
    let (low, high) = (last.saturating_sub(room), last.saturating_add(room));
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
    // What is left to close once all open orders of this side are done.
    let closable = match order.side {
        Side::Buy => -position,
        Side::Sell => position,
    }
    .saturating_sub(picture.open_same_side)
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
        let after = signed.saturating_add(picture.open_same_side).saturating_add(quantity);
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
    let order = VenueOrder { symbol: instrument.symbol.clone(), side: order.side, kind: order.kind, client_order_id };
    Approved { order, reduces: reservation.reduces }
}

/// Checks the smaller quantity of an amendment.
pub(crate) fn check_amend(
    instrument: &Instrument,
    filled: Decimal,
    now: Decimal,
    wanted: Decimal,
) -> Result<(), Denial> {
    filters::quantity(instrument, wanted, false)?;
    if wanted <= filled || wanted >= now {
        return Err(Denial::InvalidField(OrderField::Quantity));
    }
    Ok(())
}

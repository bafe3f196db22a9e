//! The venue's filters, each by its formula, before anything is sent.
//!
//! Source: Binance, "Filters", spot. Two things only the venue knows exactly: its reference
//! price (the last price that the plugin has seen stands in for it) and orders of the account
//! that are none of this plugin's (its own are counted, so no order is denied that the venue
//! would have taken for want of room).

use ringfence_model::denial::{FilterKind, OrderField};
use ringfence_model::order::Trigger;
use ringfence_model::{Decimal, Denial, Instrument, OrderKind, Side};

/// What is open, or would come to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) orders: usize,
    /// Stop and take-profit orders.
    pub(crate) algo: usize,
    pub(crate) icebergs: usize,
    pub(crate) lists: usize,
    /// Quantity of buys.
    pub(crate) buying: Decimal,
}

impl Counts {
    /// One order of this kind, of which so much is open.
    pub(crate) fn of(side: Side, kind: &OrderKind, open: Decimal) -> Self {
        Counts {
            orders: 1,
            algo: usize::from(kind.trigger().is_some()),
            icebergs: usize::from(kind.iceberg_quantity().is_some()),
            lists: 0,
            buying: if side == Side::Buy { open } else { Decimal::ZERO },
        }
    }

    /// Both together.
    pub(crate) fn plus(self, other: Self) -> Self {
        Counts {
            orders: self.orders.saturating_add(other.orders),
            algo: self.algo.saturating_add(other.algo),
            icebergs: self.icebergs.saturating_add(other.icebergs),
            lists: self.lists.saturating_add(other.lists),
            buying: self.buying.saturating_add(other.buying),
        }
    }
}

/// What the filters on open orders ask for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Open {
    /// Of the instrument.
    pub(crate) here: Counts,
    /// Of all instruments.
    pub(crate) everywhere: Counts,
    /// Base asset that is free or locked.
    pub(crate) base: Decimal,
}

fn refused<T>(kind: FilterKind, bound: Decimal, asked: Decimal) -> Result<T, Denial> {
    Err(Denial::Filter { kind, bound, asked })
}

fn is_multiple(value: Decimal, step: Decimal) -> bool {
    step.is_zero() || value.checked_rem(step).is_some_and(|rest| rest.is_zero())
}

/// Bounds and step; a bound or step of zero is off.
fn within(kind: FilterKind, value: Decimal, min: Decimal, max: Decimal, step: Decimal) -> Result<(), Denial> {
    if value < min {
        return refused(kind, min, value);
    }
    if !max.is_zero() && value > max {
        return refused(kind, max, value);
    }
    if !is_multiple(value, step) {
        return refused(kind, step, value);
    }
    Ok(())
}

/// More decimal places than the venue reads are refused before any filter.
fn precision(value: Decimal, places: Option<u32>) -> Result<(), Denial> {
    match places {
        Some(places) if value.normalize().scale() > places => {
            refused(FilterKind::Precision, Decimal::from(places), value)
        }
        _ => Ok(()),
    }
}

/// LOT_SIZE, and for market orders MARKET_LOT_SIZE.
pub(crate) fn quantity(instrument: &Instrument, quantity: Decimal, market: bool) -> Result<(), Denial> {
    if quantity <= Decimal::ZERO {
        return Err(Denial::InvalidField(OrderField::Quantity));
    }
    precision(quantity, instrument.filters.base_precision)?;
    let of = instrument;
    within(FilterKind::LotSize, quantity, of.min_quantity, of.max_quantity, of.step_size)?;
    if market {
        let (min, step) = (of.filters.market_min_quantity, of.filters.market_step_size);
        within(FilterKind::MarketLotSize, quantity, min, of.market_max_quantity, step)?;
    }
    Ok(())
}

/// PRICE_FILTER, for prices and stop prices.
pub(crate) fn price(instrument: &Instrument, price: Decimal, field: OrderField) -> Result<(), Denial> {
    if price <= Decimal::ZERO {
        return Err(Denial::InvalidField(field));
    }
    precision(price, instrument.filters.quote_precision)?;
    within(FilterKind::PriceFilter, price, instrument.min_price, instrument.max_price, instrument.tick_size)
}

/// MIN_NOTIONAL and NOTIONAL; market orders only where the venue says so.
pub(crate) fn notional(instrument: &Instrument, notional: Decimal, market: bool) -> Result<(), Denial> {
    if notional < instrument.min_notional && (!market || instrument.min_notional_on_market) {
        return refused(FilterKind::MinNotional, instrument.min_notional, notional);
    }
    let max = instrument.max_notional;
    if !max.is_zero() && (!market || instrument.filters.max_notional_on_market) && notional > max {
        return refused(FilterKind::MaxNotional, max, notional);
    }
    Ok(())
}

/// PERCENT_PRICE or PERCENT_PRICE_BY_SIDE.
fn percent_price(
    instrument: &Instrument,
    side: Side,
    price: Decimal,
    reference: Option<Decimal>,
) -> Result<(), Denial> {
    let range = match side {
        Side::Buy => instrument.filters.buy_range,
        Side::Sell => instrument.filters.sell_range,
    };
    let (Some((down, up)), Some(reference)) = (range, reference) else {
        return Ok(());
    };
    for (bound, is_out) in [
        (reference.saturating_mul(down), price < reference.saturating_mul(down)),
        (reference.saturating_mul(up), price > reference.saturating_mul(up)),
    ] {
        if is_out {
            return refused(FilterKind::PercentPrice, bound, price);
        }
    }
    Ok(())
}

/// TRAILING_DELTA: a stop-loss buy and a take-profit sell trigger above the market.
fn trailing(instrument: &Instrument, above: bool, delta: u32) -> Result<(), Denial> {
    let range = if above { instrument.filters.trailing_above } else { instrument.filters.trailing_below };
    match range {
        Some((min, _)) if delta < min => refused(FilterKind::TrailingDelta, min.into(), delta.into()),
        Some((_, max)) if delta > max => refused(FilterKind::TrailingDelta, max.into(), delta.into()),
        _ => Ok(()),
    }
}

/// ICEBERG_PARTS: `ceil(quantity / iceberg)`.
fn iceberg(instrument: &Instrument, whole: Decimal, part: Decimal) -> Result<(), Denial> {
    quantity(instrument, part, false).map_err(|denial| match denial {
        Denial::InvalidField(_) => Denial::InvalidField(OrderField::IcebergQuantity),
        other => other,
    })?;
    let limit = Decimal::from(instrument.filters.iceberg_parts);
    match whole.checked_div(part).map(|parts| parts.ceil()) {
        Some(parts) if !limit.is_zero() && parts > limit => refused(FilterKind::IcebergParts, limit, parts),
        _ => Ok(()),
    }
}

fn room(kind: FilterKind, limit: u32, open: usize, more: usize) -> Result<(), Denial> {
    let asked = open.saturating_add(more);
    if more > 0 && limit > 0 && asked > usize::try_from(limit).unwrap_or(usize::MAX) {
        return refused(kind, limit.into(), Decimal::from(asked));
    }
    Ok(())
}

/// Filters of the order's kind; quantity, price and notional have checks of their own.
pub(crate) fn kind(
    instrument: &Instrument,
    side: Side,
    order: &OrderKind,
    last_price: Option<Decimal>,
) -> Result<(), Denial> {
    if let Some(limit) = order.price() {
        percent_price(instrument, side, limit, last_price)?;
    }
    match order.trigger() {
        Some(Trigger::Price(at)) => price(instrument, at, OrderField::StopPrice)?,
        Some(Trigger::Trailing(delta)) => {
            trailing(instrument, order.is_stop_loss() == (side == Side::Buy), delta)?;
        }
        None => {}
    }
    if let (Some(part), Some(quantity)) = (order.iceberg_quantity(), order.quantity()) {
        iceberg(instrument, quantity, part)?;
    }
    Ok(())
}

/// MAX_ASSET: what one order may move of either asset.
pub(crate) fn assets(instrument: &Instrument, quantity: Decimal, notional: Decimal) -> Result<(), Denial> {
    for (limit, asked) in [(instrument.filters.max_base, quantity), (instrument.filters.max_quote, notional)] {
        if !limit.is_zero() && asked > limit {
            return refused(FilterKind::MaxAsset, limit, asked);
        }
    }
    Ok(())
}

/// Filters on what may be open, for orders that would come together.
pub(crate) fn counts(instrument: &Instrument, open: &Open, more: Counts) -> Result<(), Denial> {
    use FilterKind as Kind;
    let (of, here, all) = (&instrument.filters, &open.here, &open.everywhere);
    room(Kind::MaxNumOrders, instrument.max_open_orders, here.orders, more.orders)?;
    room(Kind::ExchangeMaxNumOrders, of.exchange_max_orders, all.orders, more.orders)?;
    room(Kind::MaxNumAlgoOrders, of.max_algo_orders, here.algo, more.algo)?;
    room(Kind::ExchangeMaxNumAlgoOrders, of.exchange_max_algo_orders, all.algo, more.algo)?;
    room(Kind::MaxNumIcebergOrders, of.max_iceberg_orders, here.icebergs, more.icebergs)?;
    room(Kind::ExchangeMaxNumIcebergOrders, of.exchange_max_iceberg_orders, all.icebergs, more.icebergs)?;
    room(Kind::MaxNumOrderLists, of.max_order_lists, here.lists, more.lists)?;
    room(Kind::ExchangeMaxNumOrderLists, of.exchange_max_order_lists, all.lists, more.lists)?;
    let max = of.max_position;
    if !max.is_zero() && more.buying > Decimal::ZERO {
        let after = open.base.saturating_add(here.buying).saturating_add(more.buying);
        if after > max {
            return refused(Kind::MaxPosition, max, after);
        }
    }
    Ok(())
}

/// MAX_NUM_ORDER_AMENDS of an order that was amended so often.
pub(crate) fn amends(instrument: &Instrument, made: u32) -> Result<(), Denial> {
    let (limit, asked) = (instrument.filters.max_amends, made.saturating_add(1));
    if limit > 0 && asked > limit {
        return refused(FilterKind::MaxNumOrderAmends, limit.into(), asked.into());
    }
    Ok(())
}

#[cfg(test)]
#[path = "filters_tests.rs"]
mod tests;

//! The symbol's filters on a new order, in the venue's order and words.

use ringfence_model::Decimal;

use crate::answer::Refusal;
use crate::config::SymbolConfig;

fn steps(value: Decimal, step: Decimal) -> bool {
    step.is_zero() || value.checked_rem(step).is_some_and(|rest| rest.is_zero())
}

/// PRICE_FILTER.
pub(crate) fn price(rules: &SymbolConfig, price: Decimal) -> Result<(), Refusal> {
    let fits =
        price >= rules.filters.price.min && price <= rules.filters.price.max && steps(price, rules.filters.price.tick);
    fits.then_some(()).ok_or_else(|| Refusal::filter("PRICE_FILTER"))
}

/// LOT_SIZE.
pub(crate) fn quantity(rules: &SymbolConfig, quantity: Decimal) -> Result<(), Refusal> {
    let fits = quantity >= rules.filters.lot_size.min
        && quantity <= rules.filters.lot_size.max
        && steps(quantity, rules.filters.lot_size.step);
    fits.then_some(()).ok_or_else(|| Refusal::filter("LOT_SIZE"))
}

/// MARKET_LOT_SIZE; its minimum and step are off, as at the venue.
pub(crate) fn market_quantity(rules: &SymbolConfig, quantity: Decimal) -> Result<(), Refusal> {
    rules
        .filters
        .market_lot_size
        .is_none_or(|market| quantity <= market.max)
        .then_some(())
        .ok_or_else(|| Refusal::filter("MARKET_LOT_SIZE"))
}

/// The largest notional; the venue does not hold market orders to it.
pub(crate) fn max_notional(rules: &SymbolConfig) -> Decimal {
    rules.filters.notional.map_or(Decimal::MAX, |notional| notional.max)
}

/// NOTIONAL.
pub(crate) fn notional(rules: &SymbolConfig, notional: Option<Decimal>) -> Result<(), Refusal> {
    notional
        .is_some_and(|notional| {
            rules.filters.notional.is_none_or(|bounds| notional >= bounds.min && notional <= bounds.max)
        })
        .then_some(())
        .ok_or_else(|| Refusal::filter("NOTIONAL"))
}

/// MAX_NUM_ORDERS.
pub(crate) fn open_orders(rules: &SymbolConfig, open: usize) -> Result<(), Refusal> {
    (open < rules.filters.max_num_orders.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX))
        .then_some(())
        .ok_or_else(|| Refusal::filter("MAX_NUM_ORDERS"))
}

/// More places than the asset has.
pub(crate) fn precision(name: &str, value: Decimal) -> Result<(), Refusal> {
    (value.normalize().scale() <= 8)
        .then_some(())
        .ok_or_else(|| Refusal::new(-1111, format!("Parameter '{name}' has too much precision.")))
}

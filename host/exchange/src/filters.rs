//! The symbol's filters on a new order, in the venue's order and words.

use ringfence_model::Decimal;

use crate::answer::Refusal;
use crate::config::SymbolConfig;

fn steps(value: Decimal, step: Decimal) -> bool {
    step.is_zero() || value.checked_rem(step).is_some_and(|rest| rest.is_zero())
}

/// PRICE_FILTER.
pub(crate) fn price(rules: &SymbolConfig, price: Decimal) -> Result<(), Refusal> {
    let fits = price >= rules.min_price && price <= rules.max_price && steps(price, rules.tick_size);
    fits.then_some(()).ok_or_else(|| Refusal::filter("PRICE_FILTER"))
}

/// LOT_SIZE.
pub(crate) fn quantity(rules: &SymbolConfig, quantity: Decimal) -> Result<(), Refusal> {
    let fits = quantity >= rules.min_quantity && quantity <= rules.max_quantity && steps(quantity, rules.step_size);
    fits.then_some(()).ok_or_else(|| Refusal::filter("LOT_SIZE"))
}

/// MARKET_LOT_SIZE; its minimum and step are off, as at the venue.
pub(crate) fn market_quantity(rules: &SymbolConfig, quantity: Decimal) -> Result<(), Refusal> {
    (quantity <= rules.market_max_quantity).then_some(()).ok_or_else(|| Refusal::filter("MARKET_LOT_SIZE"))
}

/// NOTIONAL.
pub(crate) fn notional(rules: &SymbolConfig, notional: Option<Decimal>) -> Result<(), Refusal> {
    notional
        .is_some_and(|notional| notional >= rules.min_notional && notional <= rules.max_notional)
        .then_some(())
        .ok_or_else(|| Refusal::filter("NOTIONAL"))
}

/// MAX_NUM_ORDERS.
pub(crate) fn open_orders(rules: &SymbolConfig, open: usize) -> Result<(), Refusal> {
    (open < usize::try_from(rules.max_open_orders).unwrap_or(usize::MAX))
        .then_some(())
        .ok_or_else(|| Refusal::filter("MAX_NUM_ORDERS"))
}

/// More places than the asset has.
pub(crate) fn precision(name: &str, value: Decimal) -> Result<(), Refusal> {
    (value.normalize().scale() <= 8)
        .then_some(())
        .ok_or_else(|| Refusal::new(-1111, format!("Parameter '{name}' has too much precision.")))
}

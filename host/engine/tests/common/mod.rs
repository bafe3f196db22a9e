//! What the tests of the engine share: an instrument.

use ringfence_model::instrument::Filters;
use ringfence_model::{Decimal, Instrument, InstrumentId};

pub(crate) const BTC: InstrumentId = InstrumentId(0);

/// BTCUSDT with steps, and no bound but those.
pub(crate) fn instrument() -> Instrument {
    let zero = Decimal::ZERO;
    Instrument {
        id: BTC,
        symbol: "BTCUSDT".into(),
        base: "BTC".into(),
        quote: "USDT".into(),
        price_scale: 2,
        quantity_scale: 3,
        tick_size: Decimal::new(1, 2),
        min_price: zero,
        max_price: zero,
        step_size: Decimal::new(1, 3),
        min_quantity: zero,
        max_quantity: zero,
        market_max_quantity: zero,
        min_notional: zero,
        max_notional: zero,
        min_notional_on_market: false,
        max_open_orders: 0,
        trading: true,
        filters: Filters::default(),
    }
}

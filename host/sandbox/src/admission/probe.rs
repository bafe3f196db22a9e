//! The first start, tried out before it counts: a plugin is told of instruments that it wished
//! for, but nothing stands behind them, so whatever it orders or asks for is denied. It may
//! refuse to start like that; it may not trap, loop or eat memory.

use ringfence_model::strategy::{Context, Manifest, Mode};
use ringfence_model::{Decimal, Instrument, InstrumentId, Timestamp};

/// Quote assets by which a symbol's parts are guessed; a plugin only reads them.
const QUOTES: [&str; 8] = ["USDT", "USDC", "FDUSD", "BTC", "ETH", "BNB", "EUR", "TRY"];

/// The time of a probe: 2026-01-01, so that two probes are equal.
const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// What a plugin is started with when it has no grant.
pub(super) fn context(manifest: &Manifest) -> Context {
    let instruments = manifest.wishes.iter().zip(0..).map(|((symbol, _), id)| instrument(InstrumentId(id), symbol));
    Context {
        instance: manifest.name.clone(),
        mode: Mode::Sim,
        now: NOW,
        seed: 1,
        instruments: instruments.collect(),
        parameters: manifest.parameters.iter().map(|spec| (spec.name.clone(), spec.default.clone())).collect(),
        allocation: Vec::new(),
    }
}

fn instrument(id: InstrumentId, symbol: &str) -> Instrument {
    let parts = QUOTES.iter().find_map(|quote| Some((symbol.strip_suffix(quote)?, *quote)));
    let (base, quote) = parts.filter(|(base, _)| !base.is_empty()).unwrap_or((symbol, "USDT"));
    Instrument {
        id,
        symbol: symbol.to_owned(),
        base: base.to_owned(),
        quote: quote.to_owned(),
        price_scale: 2,
        quantity_scale: 5,
        tick_size: Decimal::new(1, 2),
        min_price: Decimal::new(1, 2),
        max_price: Decimal::new(1_000_000, 0),
        step_size: Decimal::new(1, 5),
        min_quantity: Decimal::new(1, 5),
        max_quantity: Decimal::new(9_000, 0),
        market_max_quantity: Decimal::new(100, 0),
        min_notional: Decimal::new(5, 0),
        max_notional: Decimal::new(9_000_000, 0),
        min_notional_on_market: true,
        max_open_orders: 200,
        trading: true,
        filters: ringfence_model::instrument::Filters::default(),
    }
}

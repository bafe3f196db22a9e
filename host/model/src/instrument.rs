//! Instruments, their scales and the venue's filters.

use crate::Decimal;

/// Index of an instrument in the host's table; the same number that plugins see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InstrumentId(pub u32);

/// An instrument with the rules that orders must obey. A bound of zero is off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instrument {
    /// Its place in the host's table.
    pub id: InstrumentId,
    /// The venue's name, upper case: `BTCUSDT`.
    pub symbol: String,
    /// Base asset.
    pub base: String,
    /// Quote asset.
    pub quote: String,
    /// Decimal places of prices in columns.
    pub price_scale: u8,
    /// Decimal places of quantities in columns.
    pub quantity_scale: u8,
    /// PRICE_FILTER.
    pub tick_size: Decimal,
    /// PRICE_FILTER.
    pub min_price: Decimal,
    /// PRICE_FILTER.
    pub max_price: Decimal,
    /// LOT_SIZE.
    pub step_size: Decimal,
    /// LOT_SIZE.
    pub min_quantity: Decimal,
    /// LOT_SIZE.
    pub max_quantity: Decimal,
    /// MARKET_LOT_SIZE.
    pub market_max_quantity: Decimal,
    /// NOTIONAL or MIN_NOTIONAL.
    pub min_notional: Decimal,
    /// NOTIONAL.
    pub max_notional: Decimal,
    /// Whether `min_notional` holds for market orders.
    pub min_notional_on_market: bool,
    /// MAX_NUM_ORDERS.
    pub max_open_orders: u32,
    /// Whether the venue takes orders for it now.
    pub trading: bool,
}

/// `value * 10^scale` as an integer; `None` if it is not exact or does not fit.
///
/// ```
/// use ringfence_model::{Decimal, instrument::to_scaled};
/// assert_eq!(to_scaled(Decimal::new(6_183_763_000_000, 8), 2), Some(6_183_763));
/// assert_eq!(to_scaled(Decimal::new(1, 3), 2), None);
/// ```
pub fn to_scaled(value: Decimal, scale: u8) -> Option<i64> {
    let have = value.scale();
    let want = u32::from(scale);
    let mantissa = value.mantissa();
    let scaled = if have > want {
        let divisor = 10i128.checked_pow(have.checked_sub(want)?)?;
        if mantissa % divisor != 0 {
            return None;
        }
        mantissa / divisor
    } else {
        mantissa.checked_mul(10i128.checked_pow(want.checked_sub(have)?)?)?
    };
    i64::try_from(scaled).ok()
}

/// The decimal that `mantissa` at `scale` stands for; `None` beyond scale 28.
pub fn from_scaled(mantissa: i64, scale: u8) -> Option<Decimal> {
    Decimal::try_new(mantissa, u32::from(scale)).ok()
}

/// A kind of market data stream of one instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StreamKind {
    /// Every trade.
    Trades,
    /// Trades of one taker order at one price, summed.
    AggregateTrades,
    /// Best bid and ask.
    Quotes,
    /// Book changes.
    Depth,
    /// Snapshots of the best 5, 10 or 20 levels.
    Book(u8),
    /// Klines of an interval in seconds.
    Klines(u32),
    /// Rolling 24 h statistics.
    Ticker,
}

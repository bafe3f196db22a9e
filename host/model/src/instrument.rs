//! Instruments, their scales and the venue's filters.

use crate::{Decimal, OrderKind};

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
    /// The venue's further filters.
    pub filters: Filters,
}

/// Filters beyond steps and bounds, as the venue writes them. What is zero or `None` is off.
///
/// Source: Binance, "Filters", spot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Filters {
    /// MARKET_LOT_SIZE.
    pub market_min_quantity: Decimal,
    /// MARKET_LOT_SIZE.
    pub market_step_size: Decimal,
    /// NOTIONAL: whether the upper bound holds for market orders.
    pub max_notional_on_market: bool,
    /// PERCENT_PRICE(_BY_SIDE): lowest and highest price of a buy, in parts of the reference price.
    pub buy_range: Option<(Decimal, Decimal)>,
    /// PERCENT_PRICE(_BY_SIDE): the same of a sell.
    pub sell_range: Option<(Decimal, Decimal)>,
    /// ICEBERG_PARTS: most parts of an iceberg order.
    pub iceberg_parts: u32,
    /// MAX_NUM_ALGO_ORDERS: open stop and take-profit orders.
    pub max_algo_orders: u32,
    /// MAX_NUM_ICEBERG_ORDERS.
    pub max_iceberg_orders: u32,
    /// MAX_NUM_ORDER_LISTS.
    pub max_order_lists: u32,
    /// MAX_NUM_ORDER_AMENDS: amendments of one order.
    pub max_amends: u32,
    /// MAX_POSITION: base asset held and being bought.
    pub max_position: Decimal,
    /// TRAILING_DELTA: smallest and largest distance above the market, in basis points.
    pub trailing_above: Option<(u32, u32)>,
    /// TRAILING_DELTA: the same below.
    pub trailing_below: Option<(u32, u32)>,
    /// Decimal places of quantities that the venue reads.
    pub base_precision: Option<u32>,
    /// Decimal places of quote amounts that the venue reads.
    pub quote_precision: Option<u32>,
    /// EXCHANGE_MAX_NUM_ORDERS: open orders of all symbols.
    pub exchange_max_orders: u32,
    /// EXCHANGE_MAX_NUM_ALGO_ORDERS.
    pub exchange_max_algo_orders: u32,
    /// EXCHANGE_MAX_NUM_ICEBERG_ORDERS.
    pub exchange_max_iceberg_orders: u32,
    /// EXCHANGE_MAX_NUM_ORDER_LISTS.
    pub exchange_max_order_lists: u32,
    /// MAX_ASSET of the base asset: largest quantity of one order.
    pub max_base: Decimal,
    /// MAX_ASSET of the quote asset: largest notional of one order.
    pub max_quote: Decimal,
    /// What the venue does not do for the symbol.
    pub lacks: Features,
}

/// Something that a venue may do for a symbol or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the venue's names")]
pub enum Feature {
    Market,
    Limit,
    LimitMaker,
    StopLoss,
    StopLossLimit,
    TakeProfit,
    TakeProfitLimit,
    Iceberg,
    TrailingStop,
    /// Market orders by an amount of the quote asset.
    QuoteSized,
    Amend,
    Oco,
    Oto,
}

impl Feature {
    /// The order type itself.
    pub const fn of(kind: &OrderKind) -> Self {
        match kind {
            OrderKind::Market(_) => Feature::Market,
            OrderKind::Limit { .. } => Feature::Limit,
            OrderKind::LimitMaker { .. } => Feature::LimitMaker,
            OrderKind::StopLoss { .. } => Feature::StopLoss,
            OrderKind::StopLossLimit { .. } => Feature::StopLossLimit,
            OrderKind::TakeProfit { .. } => Feature::TakeProfit,
            OrderKind::TakeProfitLimit { .. } => Feature::TakeProfitLimit,
        }
    }

    const fn bit(self) -> u16 {
        1 << (self as u16)
    }
}

/// A set of [`Feature`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Features(u16);

impl Features {
    /// Whether it is in the set.
    pub const fn has(self, feature: Feature) -> bool {
        self.0 & feature.bit() != 0
    }

    /// The set with one more.
    #[must_use]
    pub const fn with(self, feature: Feature) -> Self {
        Features(self.0 | feature.bit())
    }
}

/// The largest multiple of `step` that is not above `value`; a step of zero is off.
fn down_to(value: Decimal, step: Decimal) -> Option<Decimal> {
    if step.is_zero() {
        return Some(value);
    }
    value.checked_sub(value.checked_rem(step)?)
}

impl Instrument {
    /// The price rounded down to a tick, if that is within PRICE_FILTER.
    pub fn round_price(&self, price: Decimal) -> Option<Decimal> {
        let price = down_to(price, self.tick_size)?;
        let within = price >= self.min_price && (self.max_price.is_zero() || price <= self.max_price);
        (price > Decimal::ZERO && within).then_some(price)
    }

    /// The quantity rounded down to a step and to the largest that is allowed; `None` if
    /// that is less than the smallest.
    pub fn round_quantity(&self, quantity: Decimal, market: bool) -> Option<Decimal> {
        let at_most = |bound: Decimal, value: Decimal| if bound.is_zero() { value } else { value.min(bound) };
        let mut rounded = down_to(at_most(self.max_quantity, quantity), self.step_size)?;
        let mut least = self.min_quantity;
        if market {
            // Both steps must divide it. The coarser one is a multiple of the finer one at the venue.
            let step = self.step_size.max(self.filters.market_step_size);
            rounded = down_to(at_most(self.market_max_quantity, rounded), step)?;
            least = least.max(self.filters.market_min_quantity);
        }
        (rounded > Decimal::ZERO && rounded >= least).then_some(rounded)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn instrument() -> Instrument {
        let zero = Decimal::ZERO;
        Instrument {
            id: InstrumentId(0),
            symbol: "BTCUSDT".into(),
            base: "BTC".into(),
            quote: "USDT".into(),
            price_scale: 2,
            quantity_scale: 3,
            tick_size: Decimal::new(5, 2),
            min_price: Decimal::new(10, 0),
            max_price: Decimal::new(1_000, 0),
            step_size: Decimal::new(1, 3),
            min_quantity: Decimal::new(2, 3),
            max_quantity: Decimal::new(9, 0),
            market_max_quantity: Decimal::new(5, 0),
            min_notional: zero,
            max_notional: zero,
            min_notional_on_market: false,
            max_open_orders: 0,
            trading: true,
            filters: Filters {
                market_min_quantity: Decimal::new(1, 1),
                market_step_size: Decimal::new(1, 2),
                ..Filters::default()
            },
        }
    }

    #[test]
    fn rounded_down_to_what_is_allowed() {
        let of = instrument();
        let price = |cents| of.round_price(Decimal::new(cents, 2));
        assert_eq!(price(10_004), Some(Decimal::new(10_000, 2)));
        assert_eq!((price(999), price(100_001), price(100_006)), (None, Some(Decimal::new(1_000, 0)), None));
        let quantity = |tenth_thousandths, market| of.round_quantity(Decimal::new(tenth_thousandths, 4), market);
        assert_eq!(quantity(12_345, false), Some(Decimal::new(1_234, 3)));
        assert_eq!(quantity(12_345, true), Some(Decimal::new(123, 2)));
        assert_eq!((quantity(19, false), quantity(999, true)), (None, None));
        assert_eq!(
            (quantity(100_000, false), quantity(100_000, true)),
            (Some(Decimal::from(9)), Some(Decimal::from(5)))
        );
    }
}

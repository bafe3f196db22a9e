//! The venue's filters of a symbol and of the exchange, as `exchangeInfo` lists them.
//! Their formulas are in `crate::filters`.
//!
//! Source: Binance, "Filters". A filter that is `None` is not listed and not checked.

use ringfence_model::Decimal;

/// PRICE_FILTER, on `price` and `stopPrice`. A bound of zero is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriceFilter {
    /// `minPrice`.
    pub min: Decimal,
    /// `maxPrice`.
    pub max: Decimal,
    /// `tickSize`, above zero.
    pub tick: Decimal,
}

/// LOT_SIZE and MARKET_LOT_SIZE, on `quantity` and `icebergQty`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LotSize {
    /// `minQty`.
    pub min: Decimal,
    /// `maxQty`.
    pub max: Decimal,
    /// `stepSize`; zero is off (MARKET_LOT_SIZE only).
    pub step: Decimal,
}

/// PERCENT_PRICE: bounds around the reference price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PercentPrice {
    /// `multiplierUp`.
    pub up: Decimal,
    /// `multiplierDown`.
    pub down: Decimal,
    /// `avgPriceMins`; zero takes the last price.
    pub minutes: u32,
}

/// PERCENT_PRICE_BY_SIDE: bounds around the reference price for each side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PercentPriceBySide {
    /// `bidMultiplierUp`.
    pub bid_up: Decimal,
    /// `bidMultiplierDown`.
    pub bid_down: Decimal,
    /// `askMultiplierUp`.
    pub ask_up: Decimal,
    /// `askMultiplierDown`.
    pub ask_down: Decimal,
    /// `avgPriceMins`; zero takes the last price.
    pub minutes: u32,
}

/// MIN_NOTIONAL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinNotional {
    /// `minNotional`.
    pub min: Decimal,
    /// `applyToMarket`.
    pub on_market: bool,
    /// `avgPriceMins`.
    pub minutes: u32,
}

/// NOTIONAL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notional {
    /// `minNotional`.
    pub min: Decimal,
    /// `applyMinToMarket`.
    pub min_on_market: bool,
    /// `maxNotional`.
    pub max: Decimal,
    /// `applyMaxToMarket`.
    pub max_on_market: bool,
    /// `avgPriceMins`.
    pub minutes: u32,
}

/// TRAILING_DELTA, in basis points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrailingDelta {
    /// `minTrailingAboveDelta`.
    pub min_above: u32,
    /// `maxTrailingAboveDelta`.
    pub max_above: u32,
    /// `minTrailingBelowDelta`.
    pub min_below: u32,
    /// `maxTrailingBelowDelta`.
    pub max_below: u32,
}

/// All filters of a symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filters {
    /// PRICE_FILTER.
    pub price: PriceFilter,
    /// LOT_SIZE.
    pub lot_size: LotSize,
    /// ICEBERG_PARTS.
    pub iceberg_parts: Option<u32>,
    /// MARKET_LOT_SIZE.
    pub market_lot_size: Option<LotSize>,
    /// TRAILING_DELTA.
    pub trailing_delta: Option<TrailingDelta>,
    /// PERCENT_PRICE.
    pub percent_price: Option<PercentPrice>,
    /// PERCENT_PRICE_BY_SIDE.
    pub percent_price_by_side: Option<PercentPriceBySide>,
    /// MIN_NOTIONAL.
    pub min_notional: Option<MinNotional>,
    /// NOTIONAL.
    pub notional: Option<Notional>,
    /// MAX_NUM_ORDERS.
    pub max_num_orders: Option<u32>,
    /// MAX_NUM_ORDER_LISTS.
    pub max_num_order_lists: Option<u32>,
    /// MAX_NUM_ALGO_ORDERS.
    pub max_num_algo_orders: Option<u32>,
    /// MAX_NUM_ICEBERG_ORDERS.
    pub max_num_iceberg_orders: Option<u32>,
    /// MAX_NUM_ORDER_AMENDS.
    pub max_num_order_amends: Option<u32>,
    /// MAX_POSITION, of the base asset.
    pub max_position: Option<Decimal>,
}

impl Filters {
    /// The filters that the venue's liquid symbols carry, around these steps and bounds.
    pub fn usual(price: PriceFilter, lot_size: LotSize, market_max: Decimal) -> Self {
        Filters {
            price,
            lot_size,
            iceberg_parts: Some(100),
            market_lot_size: Some(LotSize { min: Decimal::ZERO, max: market_max, step: Decimal::ZERO }),
            trailing_delta: Some(TrailingDelta { min_above: 10, max_above: 2_000, min_below: 10, max_below: 2_000 }),
            percent_price: None,
            percent_price_by_side: Some(PercentPriceBySide {
                bid_up: Decimal::new(5, 0),
                bid_down: Decimal::new(2, 1),
                ask_up: Decimal::new(5, 0),
                ask_down: Decimal::new(2, 1),
                minutes: 5,
            }),
            min_notional: None,
            notional: Some(Notional {
                min: Decimal::new(5, 0),
                min_on_market: true,
                max: Decimal::new(9_000_000, 0),
                max_on_market: false,
                minutes: 5,
            }),
            max_num_orders: Some(200),
            max_num_order_lists: Some(20),
            max_num_algo_orders: Some(5),
            max_num_iceberg_orders: None,
            max_num_order_amends: Some(10),
            max_position: None,
        }
    }
}

/// Filters over all symbols (`exchangeFilters`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExchangeFilters {
    /// EXCHANGE_MAX_NUM_ORDERS.
    pub max_num_orders: Option<u32>,
    /// EXCHANGE_MAX_NUM_ALGO_ORDERS.
    pub max_num_algo_orders: Option<u32>,
    /// EXCHANGE_MAX_NUM_ICEBERG_ORDERS.
    pub max_num_iceberg_orders: Option<u32>,
    /// EXCHANGE_MAX_NUM_ORDER_LISTS.
    pub max_num_order_lists: Option<u32>,
}

/// PRICE_RANGE execution rule: a taker trades only within these multiples of the
/// reference price. A multiplier that is `None` is not enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PriceRange {
    /// `bidLimitMultUp`.
    pub bid_up: Option<Decimal>,
    /// `bidLimitMultDown`.
    pub bid_down: Option<Decimal>,
    /// `askLimitMultUp`.
    pub ask_up: Option<Decimal>,
    /// `askLimitMultDown`.
    pub ask_down: Option<Decimal>,
}

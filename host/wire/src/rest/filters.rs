//! The filters of `exchangeInfo` and `myFilters`.
//!
//! Source: Binance, "Filters", spot. One that is new is [`Filter::Other`] and breaks nothing.

use ringfence_model::Decimal;
use serde::{Deserialize, Serialize};

use crate::number;

/// A rule that orders must obey.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "filterType")]
#[allow(missing_docs, reason = "the venue's names")]
pub enum Filter {
    #[serde(rename = "PRICE_FILTER", rename_all = "camelCase")]
    Price {
        #[serde(with = "number")]
        min_price: Decimal,
        #[serde(with = "number")]
        max_price: Decimal,
        #[serde(with = "number")]
        tick_size: Decimal,
    },
    #[serde(rename = "PERCENT_PRICE", rename_all = "camelCase")]
    PercentPrice {
        #[serde(with = "number")]
        multiplier_up: Decimal,
        #[serde(with = "number")]
        multiplier_down: Decimal,
        avg_price_mins: u32,
    },
    #[serde(rename = "PERCENT_PRICE_BY_SIDE", rename_all = "camelCase")]
    PercentPriceBySide {
        #[serde(with = "number")]
        bid_multiplier_up: Decimal,
        #[serde(with = "number")]
        bid_multiplier_down: Decimal,
        #[serde(with = "number")]
        ask_multiplier_up: Decimal,
        #[serde(with = "number")]
        ask_multiplier_down: Decimal,
        avg_price_mins: u32,
    },
    #[serde(rename = "LOT_SIZE", rename_all = "camelCase")]
    LotSize {
        #[serde(with = "number")]
        min_qty: Decimal,
        #[serde(with = "number")]
        max_qty: Decimal,
        #[serde(with = "number")]
        step_size: Decimal,
    },
    #[serde(rename = "MARKET_LOT_SIZE", rename_all = "camelCase")]
    MarketLotSize {
        #[serde(with = "number")]
        min_qty: Decimal,
        #[serde(with = "number")]
        max_qty: Decimal,
        #[serde(with = "number")]
        step_size: Decimal,
    },
    #[serde(rename = "NOTIONAL", rename_all = "camelCase")]
    Notional {
        #[serde(with = "number")]
        min_notional: Decimal,
        apply_min_to_market: bool,
        #[serde(with = "number")]
        max_notional: Decimal,
        apply_max_to_market: bool,
        avg_price_mins: u32,
    },
    #[serde(rename = "MIN_NOTIONAL", rename_all = "camelCase")]
    MinNotional {
        #[serde(with = "number")]
        min_notional: Decimal,
        apply_to_market: bool,
        avg_price_mins: u32,
    },
    #[serde(rename = "ICEBERG_PARTS")]
    IcebergParts { limit: u32 },
    #[serde(rename = "MAX_NUM_ORDERS", rename_all = "camelCase")]
    MaxNumOrders { max_num_orders: u32 },
    #[serde(rename = "MAX_NUM_ALGO_ORDERS", rename_all = "camelCase")]
    MaxNumAlgoOrders { max_num_algo_orders: u32 },
    #[serde(rename = "MAX_NUM_ICEBERG_ORDERS", rename_all = "camelCase")]
    MaxNumIcebergOrders { max_num_iceberg_orders: u32 },
    #[serde(rename = "MAX_NUM_ORDER_LISTS", rename_all = "camelCase")]
    MaxNumOrderLists { max_num_order_lists: u32 },
    #[serde(rename = "MAX_NUM_ORDER_AMENDS", rename_all = "camelCase")]
    MaxNumOrderAmends { max_num_order_amends: u32 },
    #[serde(rename = "MAX_POSITION", rename_all = "camelCase")]
    MaxPosition {
        #[serde(with = "number")]
        max_position: Decimal,
    },
    #[serde(rename = "TRAILING_DELTA", rename_all = "camelCase")]
    TrailingDelta {
        min_trailing_above_delta: u32,
        max_trailing_above_delta: u32,
        min_trailing_below_delta: u32,
        max_trailing_below_delta: u32,
    },
    #[serde(rename = "EXCHANGE_MAX_NUM_ORDERS", rename_all = "camelCase")]
    ExchangeMaxNumOrders { max_num_orders: u32 },
    #[serde(rename = "EXCHANGE_MAX_NUM_ALGO_ORDERS", rename_all = "camelCase")]
    ExchangeMaxNumAlgoOrders { max_num_algo_orders: u32 },
    #[serde(rename = "EXCHANGE_MAX_NUM_ICEBERG_ORDERS", rename_all = "camelCase")]
    ExchangeMaxNumIcebergOrders { max_num_iceberg_orders: u32 },
    #[serde(rename = "EXCHANGE_MAX_NUM_ORDER_LISTS", rename_all = "camelCase")]
    ExchangeMaxNumOrderLists { max_num_order_lists: u32 },
    #[serde(rename = "MAX_ASSET")]
    MaxAsset {
        asset: String,
        #[serde(with = "number")]
        limit: Decimal,
    },
    #[serde(other)]
    Other,
}

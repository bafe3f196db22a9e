//! The filters of `exchangeInfo` and `myFilters`.
//!
//! Source: Binance, "Filters", spot. One that is new is [`Filter::Other`] and breaks nothing.

use ringfence_model::{Decimal, Instrument};
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

impl Filter {
    /// Puts the rule into an instrument's. One that is new says nothing.
    pub fn narrow(&self, instrument: &mut Instrument) {
        let more = &mut instrument.filters;
        match *self {
            Filter::Price { min_price, max_price, tick_size } => {
                instrument.min_price = min_price;
                instrument.max_price = max_price;
                instrument.tick_size = tick_size.normalize();
            }
            Filter::LotSize { min_qty, max_qty, step_size } => {
                instrument.min_quantity = min_qty.normalize();
                instrument.max_quantity = max_qty;
                instrument.step_size = step_size.normalize();
            }
            Filter::MarketLotSize { min_qty, max_qty, step_size } => {
                more.market_min_quantity = min_qty.normalize();
                more.market_step_size = step_size.normalize();
                instrument.market_max_quantity = max_qty;
            }
            Filter::Notional { min_notional, apply_min_to_market, max_notional, apply_max_to_market, .. } => {
                instrument.min_notional = min_notional.normalize();
                instrument.min_notional_on_market = apply_min_to_market;
                instrument.max_notional = max_notional;
                more.max_notional_on_market = apply_max_to_market;
            }
            Filter::MinNotional { min_notional, apply_to_market, .. } => {
                instrument.min_notional = min_notional.normalize();
                instrument.min_notional_on_market = apply_to_market;
            }
            Filter::PercentPrice { multiplier_up, multiplier_down, .. } => {
                more.buy_range = Some((multiplier_down, multiplier_up));
                more.sell_range = more.buy_range;
            }
            Filter::PercentPriceBySide {
                bid_multiplier_up,
                bid_multiplier_down,
                ask_multiplier_up,
                ask_multiplier_down,
                ..
            } => {
                more.buy_range = Some((bid_multiplier_down, bid_multiplier_up));
                more.sell_range = Some((ask_multiplier_down, ask_multiplier_up));
            }
            Filter::IcebergParts { limit } => more.iceberg_parts = limit,
            Filter::MaxNumOrders { max_num_orders } => instrument.max_open_orders = max_num_orders,
            Filter::MaxNumAlgoOrders { max_num_algo_orders } => more.max_algo_orders = max_num_algo_orders,
            Filter::MaxNumIcebergOrders { max_num_iceberg_orders } => more.max_iceberg_orders = max_num_iceberg_orders,
            Filter::MaxNumOrderLists { max_num_order_lists } => more.max_order_lists = max_num_order_lists,
            Filter::MaxNumOrderAmends { max_num_order_amends } => more.max_amends = max_num_order_amends,
            Filter::MaxPosition { max_position } => more.max_position = max_position,
            Filter::TrailingDelta {
                min_trailing_above_delta,
                max_trailing_above_delta,
                min_trailing_below_delta,
                max_trailing_below_delta,
            } => {
                more.trailing_above = Some((min_trailing_above_delta, max_trailing_above_delta));
                more.trailing_below = Some((min_trailing_below_delta, max_trailing_below_delta));
            }
            Filter::ExchangeMaxNumOrders { max_num_orders } => more.exchange_max_orders = max_num_orders,
            Filter::ExchangeMaxNumAlgoOrders { max_num_algo_orders } => {
                more.exchange_max_algo_orders = max_num_algo_orders;
            }
            Filter::ExchangeMaxNumIcebergOrders { max_num_iceberg_orders } => {
                more.exchange_max_iceberg_orders = max_num_iceberg_orders;
            }
            Filter::ExchangeMaxNumOrderLists { max_num_order_lists } => {
                more.exchange_max_order_lists = max_num_order_lists;
            }
            Filter::MaxAsset { ref asset, limit } => {
                if *asset == instrument.base {
                    more.max_base = limit;
                }
                if *asset == instrument.quote {
                    more.max_quote = limit;
                }
            }
            Filter::Other => {}
        }
    }
}

//! Answers about the market, with all fields.

use std::fmt;
use std::marker::PhantomData;

use ringfence_model::Decimal;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::{Filter, RateLimit};
use crate::number::{self, optional};

/// A row of `GET /api/v3/trades`, `historicalTrades` and `historicalBlockTrades`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the venue's names")]
pub struct PublicTrade {
    pub id: u64,
    #[serde(with = "number")]
    pub price: Decimal,
    #[serde(with = "number")]
    pub qty: Decimal,
    #[serde(with = "number")]
    pub quote_qty: Decimal,
    pub time: u64,
    pub is_buyer_maker: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_best_match: Option<bool>,
}

/// A row of `GET /api/v3/aggTrades`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields carry the venue's long names")]
pub struct AggregateTrade {
    #[serde(rename = "a")]
    pub id: u64,
    #[serde(rename = "p", with = "number")]
    pub price: Decimal,
    #[serde(rename = "q", with = "number")]
    pub quantity: Decimal,
    #[serde(rename = "f")]
    pub first_trade: u64,
    #[serde(rename = "l")]
    pub last_trade: u64,
    #[serde(rename = "T")]
    pub time: u64,
    #[serde(rename = "m")]
    pub buyer_is_maker: bool,
    #[serde(rename = "M")]
    pub best_match: bool,
}

/// `GET /api/v3/avgPrice`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the venue's names")]
pub struct AveragePrice {
    pub mins: u32,
    #[serde(with = "number")]
    pub price: Decimal,
    pub close_time: u64,
}

/// A row of `ticker/24hr`, `ticker/tradingDay` and `ticker`; `MINI` leaves most of it out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the venue's names")]
pub struct Statistics {
    pub symbol: String,
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub price_change: Option<Decimal>,
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub price_change_percent: Option<Decimal>,
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub weighted_avg_price: Option<Decimal>,
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub prev_close_price: Option<Decimal>,
    #[serde(with = "number")]
    pub last_price: Decimal,
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub last_qty: Option<Decimal>,
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub bid_price: Option<Decimal>,
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub bid_qty: Option<Decimal>,
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub ask_price: Option<Decimal>,
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub ask_qty: Option<Decimal>,
    #[serde(with = "number")]
    pub open_price: Decimal,
    #[serde(with = "number")]
    pub high_price: Decimal,
    #[serde(with = "number")]
    pub low_price: Decimal,
    #[serde(with = "number")]
    pub volume: Decimal,
    #[serde(with = "number")]
    pub quote_volume: Decimal,
    pub open_time: u64,
    pub close_time: u64,
    /// -1 if there was no trade, as the next one.
    pub first_id: i64,
    pub last_id: i64,
    pub count: u64,
}

/// A row of `GET /api/v3/ticker/price`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the venue's names")]
pub struct PriceTicker {
    pub symbol: String,
    #[serde(with = "number")]
    pub price: Decimal,
}

/// A row of `GET /api/v3/ticker/bookTicker`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the venue's names")]
pub struct BookTicker {
    pub symbol: String,
    #[serde(with = "number")]
    pub bid_price: Decimal,
    #[serde(with = "number")]
    pub bid_qty: Decimal,
    #[serde(with = "number")]
    pub ask_price: Decimal,
    #[serde(with = "number")]
    pub ask_qty: Decimal,
}

/// One row, or many: the venue answers as it was asked.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum OneOrMany<T> {
    /// For `symbol`.
    One(T),
    /// For `symbols`, or for all.
    Many(Vec<T>),
}

/// By its first sign, so that an error says what is wrong and where.
impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = OneOrMany<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object or a list of them")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(OneOrMany::One)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(OneOrMany::Many)
            }
        }
        deserializer.deserialize_any(Either(PhantomData))
    }
}

/// `GET /api/v3/referencePrice`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the venue's names")]
pub struct ReferencePrice {
    pub symbol: String,
    /// The venue says `null` while it has none.
    #[serde(with = "optional")]
    pub reference_price: Option<Decimal>,
    pub timestamp: u64,
}

/// `GET /api/v3/referencePrice/calculation`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the venue's names")]
pub struct ReferencePriceCalculation {
    pub symbol: String,
    pub calculation_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket_count: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket_width_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_calculation_id: Option<u64>,
}

/// `GET /api/v3/executionRules`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the venue's names")]
pub struct ExecutionRules {
    pub symbol_rules: Vec<SymbolExecutionRules>,
}

/// The rules of one symbol.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the venue's names")]
pub struct SymbolExecutionRules {
    pub symbol: String,
    pub rules: Vec<ExecutionRule>,
}

/// A rule; `PRICE_RANGE` ends a taker that would trade too far from the reference price.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the venue's names")]
pub struct ExecutionRule {
    pub rule_type: String,
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub bid_limit_mult_up: Option<Decimal>,
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub bid_limit_mult_down: Option<Decimal>,
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub ask_limit_mult_up: Option<Decimal>,
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub ask_limit_mult_down: Option<Decimal>,
}

/// `GET /api/v3/exchangeInfo` with all fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the venue's names")]
pub struct VenueRules {
    pub timezone: String,
    pub server_time: u64,
    pub rate_limits: Vec<RateLimit>,
    #[serde(default)]
    pub exchange_filters: Vec<Filter>,
    pub symbols: Vec<SymbolRules>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sors: Option<Vec<SmartOrderRouting>>,
}

/// Symbols between which orders of a base asset may be routed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the venue's names")]
pub struct SmartOrderRouting {
    pub base_asset: String,
    pub symbols: Vec<String>,
}

/// A symbol of `exchangeInfo` with all fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the venue's names")]
pub struct SymbolRules {
    pub symbol: String,
    pub status: String,
    pub base_asset: String,
    pub base_asset_precision: u32,
    pub quote_asset: String,
    #[serde(default)]
    pub quote_precision: u32,
    pub quote_asset_precision: u32,
    #[serde(default)]
    pub base_commission_precision: u32,
    #[serde(default)]
    pub quote_commission_precision: u32,
    #[serde(default)]
    pub order_types: Vec<String>,
    #[serde(default)]
    pub iceberg_allowed: bool,
    #[serde(default)]
    pub oco_allowed: bool,
    #[serde(default)]
    pub oto_allowed: bool,
    #[serde(default)]
    pub opo_allowed: bool,
    #[serde(default)]
    pub quote_order_qty_market_allowed: bool,
    #[serde(default)]
    pub allow_trailing_stop: bool,
    #[serde(default)]
    pub cancel_replace_allowed: bool,
    #[serde(default)]
    pub amend_allowed: bool,
    #[serde(default)]
    pub peg_instructions_allowed: bool,
    #[serde(default)]
    pub is_spot_trading_allowed: bool,
    #[serde(default)]
    pub is_margin_trading_allowed: bool,
    pub filters: Vec<Filter>,
    #[serde(default)]
    pub permissions: Vec<String>,
    #[serde(default)]
    pub permission_sets: Vec<Vec<String>>,
    #[serde(default)]
    pub default_self_trade_prevention_mode: String,
    #[serde(default)]
    pub allowed_self_trade_prevention_modes: Vec<String>,
}

//! Bodies of REST answers, both ways.
//!
//! Source: Binance, "Public Rest API", spot. Structs hold what host or simulated
//! exchange use; other fields are ignored when read. Answers with all of their fields are in
//! the modules:
//!
//! | module | holds |
//! |--|--|
//! | [`market`] | trades, statistics, prices, the venue's rules |
//! | [`orders`] | orders, lists, amendments, self-trade prevention |
//! | [`account`] | the account, commissions, its own filters |
//! | [`filters`] | the filters of `exchangeInfo` |

pub mod account;
pub mod filters;
pub mod market;
pub mod orders;

use ringfence_model::event::Kline;
use ringfence_model::instrument::{Feature, Features, Filters};
use ringfence_model::venue::{ClientOrderId, ExecutionReport, VenueFill};
use ringfence_model::{Balance, Decimal, Instrument, InstrumentId, OrderStatus, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::WireError;
use crate::enums;
use crate::number::{self, Amount, optional};
use crate::user;

pub use filters::Filter;

/// Reads a body.
///
/// # Errors
/// It is no JSON, or lacks a field.
pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, WireError> {
    serde_json::from_slice(body).map_err(|error| WireError::json(short_name::<T>(), &error, body))
}

fn short_name<T>() -> &'static str {
    std::any::type_name::<T>().rsplit("::").next().unwrap_or("body").trim_end_matches('>')
}

/// Writes a body. These structs have only text keys, so it can't fail.
pub fn write<T: Serialize>(body: &T) -> String {
    serde_json::to_string(body).unwrap_or_default()
}

/// An error's body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the venue's names")]
pub struct ErrorBody {
    pub code: i64,
    pub msg: String,
}

/// `GET /api/v3/time`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the venue's names")]
pub struct ServerTime {
    pub server_time: u64,
}

/// `GET /api/v3/exchangeInfo`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the venue's names")]
pub struct ExchangeInfo {
    pub timezone: String,
    pub server_time: u64,
    pub rate_limits: Vec<RateLimit>,
    #[serde(default)]
    pub exchange_filters: Vec<serde_json::Value>,
    pub symbols: Vec<SymbolInfo>,
}

/// A limit of the venue, and in answers of the WebSocket API how much of it is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the venue's names")]
pub struct RateLimit {
    pub rate_limit_type: String,
    pub interval: String,
    pub interval_num: u64,
    pub limit: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

/// A symbol of `exchangeInfo`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the venue's names")]
pub struct SymbolInfo {
    pub symbol: String,
    pub status: String,
    pub base_asset: String,
    pub base_asset_precision: u32,
    pub quote_asset: String,
    pub quote_asset_precision: u32,
    #[serde(default)]
    pub order_types: Vec<String>,
    pub filters: Vec<Filter>,
    #[serde(default)]
    pub permission_sets: Vec<Vec<String>>,
    /// What is left out is not forbidden, as with the following.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iceberg_allowed: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oco_allowed: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oto_allowed: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_trailing_stop: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amend_allowed: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote_order_qty_market_allowed: Option<bool>,
}

impl ExchangeInfo {
    /// The instruments of these symbols, numbered in their order.
    ///
    /// # Errors
    /// A symbol is not listed, or its filters can't be used.
    pub fn instruments(&self, symbols: &[String]) -> Result<Vec<Instrument>, WireError> {
        symbols
            .iter()
            .zip(0u32..)
            .map(|(symbol, id)| {
                let info = self
                    .symbols
                    .iter()
                    .find(|info| info.symbol == *symbol)
                    .ok_or_else(|| WireError::NotListed { symbol: symbol.clone() })?;
                let mut instrument = info.instrument(InstrumentId(id))?;
                for filter in &self.exchange_filters {
                    // One that is new breaks nothing.
                    if let Ok(filter) = serde_json::from_value::<Filter>(filter.clone()) {
                        filter.narrow(&mut instrument);
                    }
                }
                Ok(instrument)
            })
            .collect()
    }
}

impl SymbolInfo {
    /// What the venue says that it does not do.
    fn lacks(&self) -> Features {
        let types = [
            ("MARKET", Feature::Market),
            ("LIMIT", Feature::Limit),
            ("LIMIT_MAKER", Feature::LimitMaker),
            ("STOP_LOSS", Feature::StopLoss),
            ("STOP_LOSS_LIMIT", Feature::StopLossLimit),
            ("TAKE_PROFIT", Feature::TakeProfit),
            ("TAKE_PROFIT_LIMIT", Feature::TakeProfitLimit),
        ];
        let missing = types
            .into_iter()
            .filter(|(name, _)| !self.order_types.is_empty() && !self.order_types.iter().any(|listed| listed == name));
        let denied = [
            (self.iceberg_allowed, Feature::Iceberg),
            (self.allow_trailing_stop, Feature::TrailingStop),
            (self.quote_order_qty_market_allowed, Feature::QuoteSized),
            (self.amend_allowed, Feature::Amend),
            (self.oco_allowed, Feature::Oco),
            (self.oto_allowed, Feature::Oto),
        ];
        let denied = denied.into_iter().filter(|(allowed, _)| *allowed == Some(false));
        missing
            .map(|(_, feature)| feature)
            .chain(denied.map(|(_, feature)| feature))
            .fold(Features::default(), Features::with)
    }

    /// The instrument, with the rules of the filters.
    ///
    /// # Errors
    /// PRICE_FILTER or LOT_SIZE is missing or has no step.
    pub fn instrument(&self, id: InstrumentId) -> Result<Instrument, WireError> {
        let bad = |filter| WireError::BadFilter { symbol: self.symbol.clone(), filter };
        let zero = Decimal::ZERO;
        let mut instrument = Instrument {
            id,
            symbol: self.symbol.clone(),
            base: self.base_asset.clone(),
            quote: self.quote_asset.clone(),
            price_scale: 0,
            quantity_scale: 0,
            tick_size: zero,
            min_price: zero,
            max_price: zero,
            step_size: zero,
            min_quantity: zero,
            max_quantity: zero,
            market_max_quantity: zero,
            min_notional: zero,
            max_notional: zero,
            min_notional_on_market: false,
            max_open_orders: 0,
            trading: self.status == "TRADING",
            filters: Filters {
                base_precision: Some(self.base_asset_precision),
                quote_precision: Some(self.quote_asset_precision),
                lacks: self.lacks(),
                ..Filters::default()
            },
        };
        for filter in &self.filters {
            filter.narrow(&mut instrument);
        }
        if instrument.tick_size <= zero {
            return Err(bad("PRICE_FILTER tickSize"));
        }
        if instrument.step_size <= zero {
            return Err(bad("LOT_SIZE stepSize"));
        }
        let scale = |value: Decimal, filter| u8::try_from(value.scale()).map_err(|_| bad(filter));
        instrument.price_scale = scale(instrument.tick_size, "PRICE_FILTER tickSize")?;
        instrument.quantity_scale = scale(instrument.step_size, "LOT_SIZE stepSize")?;
        Ok(instrument)
    }
}

/// `GET /api/v3/account`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the venue's names")]
pub struct AccountInfo {
    #[serde(default)]
    pub maker_commission: u32,
    #[serde(default)]
    pub taker_commission: u32,
    #[serde(default)]
    pub can_trade: bool,
    #[serde(default)]
    pub update_time: u64,
    #[serde(default)]
    pub account_type: String,
    pub balances: Vec<AccountBalance>,
}

/// A balance of the account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the venue's names")]
pub struct AccountBalance {
    pub asset: String,
    #[serde(with = "number")]
    pub free: Decimal,
    #[serde(with = "number")]
    pub locked: Decimal,
}

impl From<AccountBalance> for Balance {
    fn from(balance: AccountBalance) -> Self {
        Balance { asset: balance.asset, free: balance.free, locked: balance.locked }
    }
}

/// Answer of `POST /api/v3/order` with `newOrderRespType=ACK`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the venue's names")]
pub struct OrderAck {
    pub symbol: String,
    pub order_id: u64,
    pub order_list_id: i64,
    pub client_order_id: String,
    pub transact_time: u64,
}

/// A fill within [`OrderFull`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the venue's names")]
pub struct FillInfo {
    #[serde(with = "number")]
    pub price: Decimal,
    #[serde(with = "number")]
    pub qty: Decimal,
    #[serde(with = "number")]
    pub commission: Decimal,
    pub commission_asset: String,
    pub trade_id: u64,
}

/// Answer of `POST /api/v3/order` with `RESULT` (no fills) or `FULL`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the venue's names")]
pub struct OrderFull {
    pub symbol: String,
    pub order_id: u64,
    pub order_list_id: i64,
    pub client_order_id: String,
    pub transact_time: u64,
    #[serde(with = "number")]
    pub price: Decimal,
    #[serde(with = "number")]
    pub orig_qty: Decimal,
    #[serde(with = "number")]
    pub executed_qty: Decimal,
    #[serde(with = "number")]
    pub orig_quote_order_qty: Decimal,
    #[serde(with = "number")]
    pub cummulative_quote_qty: Decimal,
    pub status: String,
    pub time_in_force: String,
    #[serde(rename = "type")]
    pub order_type: String,
    pub side: String,
    /// -1 while the order does not work.
    pub working_time: i64,
    pub self_trade_prevention_mode: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fills: Vec<FillInfo>,
}

/// `GET /api/v3/order` and `openOrders`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the venue's names")]
pub struct OrderInfo {
    pub symbol: String,
    pub order_id: u64,
    pub order_list_id: i64,
    pub client_order_id: String,
    #[serde(with = "number")]
    pub price: Decimal,
    #[serde(with = "number")]
    pub orig_qty: Decimal,
    #[serde(with = "number")]
    pub executed_qty: Decimal,
    #[serde(with = "number")]
    pub cummulative_quote_qty: Decimal,
    pub status: String,
    pub time_in_force: String,
    #[serde(rename = "type")]
    pub order_type: String,
    pub side: String,
    #[serde(with = "number", default)]
    pub stop_price: Decimal,
    #[serde(with = "number", default)]
    pub iceberg_qty: Decimal,
    pub time: u64,
    pub update_time: u64,
    pub is_working: bool,
    /// -1 while the order does not work.
    #[serde(default)]
    pub working_time: i64,
    #[serde(with = "number", default)]
    pub orig_quote_order_qty: Decimal,
    #[serde(default)]
    pub self_trade_prevention_mode: String,
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub prevented_quantity: Option<Decimal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiry_reason: Option<String>,
}

impl OrderInfo {
    /// The state as a report without a fill.
    ///
    /// # Errors
    /// The side is unknown.
    pub fn report(&self) -> Result<ExecutionReport, WireError> {
        let unknown = |what, found: &str| WireError::Unknown { what, found: found.to_owned() };
        let status = enums::status(&self.status).unwrap_or(OrderStatus::Unknown);
        let said = self.expiry_reason.as_deref().and_then(user::expiry_reason);
        Ok(ExecutionReport {
            ts: Timestamp::from_millis(self.update_time),
            symbol: self.symbol.clone(),
            client_order_id: ClientOrderId(self.client_order_id.clone()),
            venue_order_id: self.order_id,
            side: enums::side(&self.side).ok_or_else(|| unknown("side", &self.side))?,
            status,
            quantity: self.orig_qty.saturating_sub(self.prevented_quantity.unwrap_or_default()),
            filled: self.executed_qty,
            reason: match (said, status.is_final()) {
                (Some(said), true) => said,
                _ => user::reason(status, &self.status, "", &self.time_in_force),
            },
            fill: None,
            amended: false,
            // Of an order that is over it does not say whether it ever worked.
            works: (self.is_working && !status.is_final()) || !self.executed_qty.is_zero(),
        })
    }
}

/// `DELETE /api/v3/order`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the venue's names")]
pub struct CancelResponse {
    pub symbol: String,
    pub orig_client_order_id: String,
    pub order_id: u64,
    pub order_list_id: i64,
    pub client_order_id: String,
    pub transact_time: u64,
    #[serde(with = "number")]
    pub price: Decimal,
    #[serde(with = "number")]
    pub orig_qty: Decimal,
    #[serde(with = "number")]
    pub executed_qty: Decimal,
    #[serde(with = "number")]
    pub cummulative_quote_qty: Decimal,
    pub status: String,
    pub time_in_force: String,
    #[serde(rename = "type")]
    pub order_type: String,
    pub side: String,
}

/// `GET /api/v3/myTrades`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the venue's names")]
pub struct MyTrade {
    pub symbol: String,
    pub id: u64,
    pub order_id: u64,
    #[serde(with = "number")]
    pub price: Decimal,
    #[serde(with = "number")]
    pub qty: Decimal,
    #[serde(with = "number")]
    pub quote_qty: Decimal,
    #[serde(with = "number")]
    pub commission: Decimal,
    pub commission_asset: String,
    pub time: u64,
    pub is_buyer: bool,
    pub is_maker: bool,
    #[serde(default)]
    pub is_best_match: bool,
}

impl MyTrade {
    /// The fill in the model's words.
    pub fn fill(&self) -> VenueFill {
        VenueFill {
            trade_id: self.id,
            price: self.price,
            quantity: self.qty,
            commission: self.commission,
            commission_asset: self.commission_asset.clone(),
            maker: self.is_maker,
        }
    }
}

/// `GET /api/v3/depth`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the venue's names")]
pub struct DepthSnapshot {
    pub last_update_id: u64,
    pub bids: Vec<(Amount, Amount)>,
    pub asks: Vec<(Amount, Amount)>,
}

/// A row of `GET /api/v3/klines`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KlineRow(
    /// Open time in milliseconds.
    pub u64,
    /// Open.
    pub Amount,
    /// High.
    pub Amount,
    /// Low.
    pub Amount,
    /// Close.
    pub Amount,
    /// Volume in base.
    pub Amount,
    /// Close time in milliseconds.
    pub u64,
    /// Volume in quote.
    pub Amount,
    /// Trades.
    pub u64,
    /// Taker buy volume in base.
    pub Amount,
    /// Taker buy volume in quote.
    pub Amount,
    /// Unused.
    pub String,
);

impl KlineRow {
    /// The kline in the model's words; `now` tells whether it has ended.
    pub fn kline(&self, instrument: InstrumentId, interval: u32, now: Timestamp) -> Kline {
        Kline {
            instrument,
            interval,
            open_time: Timestamp::from_millis(self.0),
            open: self.1.0,
            high: self.2.0,
            low: self.3.0,
            close: self.4.0,
            volume: self.5.0,
            quote_volume: self.7.0,
            trades: self.8,
            closed: self.6 < now.as_millis(),
        }
    }

    /// The row of a kline.
    pub fn of(kline: &Kline) -> Self {
        let open = kline.open_time.as_millis();
        let zero = Amount(Decimal::ZERO);
        KlineRow(
            open,
            Amount(kline.open),
            Amount(kline.high),
            Amount(kline.low),
            Amount(kline.close),
            Amount(kline.volume),
            open.saturating_add(u64::from(kline.interval).saturating_mul(1_000)).saturating_sub(1),
            Amount(kline.quote_volume),
            kline.trades,
            zero,
            zero,
            "0".to_owned(),
        )
    }
}

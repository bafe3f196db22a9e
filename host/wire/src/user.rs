//! User data: execution reports and balances, both ways.
//!
//! Source: Binance, "User Data Streams", spot. Events come over the WebSocket API as
//! `{"subscriptionId":0,"event":{…}}`; a bare event is read as well.

use ringfence_model::event::OrderReason;
use ringfence_model::venue::{ClientOrderId, ExecutionReport, VenueFill};
use ringfence_model::{Balance, Decimal, OrderStatus, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::WireError;
use crate::enums;
use crate::number::{self, optional};

/// What the user stream says.
#[derive(Debug, Clone, PartialEq)]
pub enum UserEvent {
    /// An order changed.
    Report(ExecutionReport),
    /// Balances that may have changed, as they are now.
    Balances {
        /// When.
        ts: Timestamp,
        /// Assets with what is free and locked.
        balances: Vec<Balance>,
    },
    /// A deposit, a withdrawal or a transfer.
    BalanceDelta {
        /// The asset.
        asset: String,
        /// What came (or went, if negative).
        delta: Decimal,
    },
    /// The venue ends this subscription.
    Terminated,
    /// An event without meaning for the host, by its name.
    Other(String),
}

/// `executionReport`. Field names are the venue's single letters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields carry the venue's long names")]
pub struct ExecutionReportPayload {
    #[serde(rename = "e")]
    pub event: String,
    #[serde(rename = "E")]
    pub event_time: u64,
    #[serde(rename = "s")]
    pub symbol: String,
    #[serde(rename = "c")]
    pub client_order_id: String,
    #[serde(rename = "S")]
    pub side: String,
    #[serde(rename = "o")]
    pub order_type: String,
    #[serde(rename = "f")]
    pub time_in_force: String,
    #[serde(rename = "q", with = "number")]
    pub quantity: Decimal,
    #[serde(rename = "p", with = "number")]
    pub price: Decimal,
    #[serde(rename = "P", with = "number", default)]
    pub stop_price: Decimal,
    #[serde(rename = "F", with = "number", default)]
    pub iceberg_quantity: Decimal,
    #[serde(rename = "g", default = "none_id")]
    pub order_list_id: i64,
    /// On a cancel: the client order id of the order that was cancelled.
    #[serde(rename = "C", default)]
    pub original_client_order_id: String,
    #[serde(rename = "x")]
    pub execution_type: String,
    #[serde(rename = "X")]
    pub status: String,
    #[serde(rename = "r", default)]
    pub reject_reason: String,
    #[serde(rename = "i")]
    pub order_id: u64,
    #[serde(rename = "l", with = "number")]
    pub last_quantity: Decimal,
    #[serde(rename = "z", with = "number")]
    pub filled: Decimal,
    #[serde(rename = "L", with = "number")]
    pub last_price: Decimal,
    #[serde(rename = "n", with = "number", default)]
    pub commission: Decimal,
    #[serde(rename = "N", default)]
    pub commission_asset: Option<String>,
    #[serde(rename = "T")]
    pub transaction_time: u64,
    /// -1 when the report is no fill.
    #[serde(rename = "t", default = "none_id")]
    pub trade_id: i64,
    #[serde(rename = "I", default)]
    pub execution_id: u64,
    #[serde(rename = "w", default)]
    pub on_book: bool,
    #[serde(rename = "m", default)]
    pub maker: bool,
    #[serde(rename = "M", default)]
    pub ignore: bool,
    #[serde(rename = "O", default)]
    pub order_creation_time: u64,
    #[serde(rename = "Z", with = "number", default)]
    pub filled_quote: Decimal,
    #[serde(rename = "Y", with = "number", default)]
    pub last_quote: Decimal,
    #[serde(rename = "Q", with = "number", default)]
    pub quote_order_quantity: Decimal,
    #[serde(rename = "W", default)]
    pub working_time: u64,
    #[serde(rename = "V", default)]
    pub self_trade_prevention: String,
}

/// Fields of an `executionReport` that are there only if they apply.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields carry the venue's long names")]
pub struct Conditional {
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub trailing_delta: Option<i64>,
    #[serde(rename = "D", default, skip_serializing_if = "Option::is_none")]
    pub trailing_time: Option<i64>,
    #[serde(rename = "j", default, skip_serializing_if = "Option::is_none")]
    pub strategy_id: Option<i64>,
    #[serde(rename = "J", default, skip_serializing_if = "Option::is_none")]
    pub strategy_type: Option<i64>,
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    pub prevented_match_id: Option<u64>,
    #[serde(rename = "A", default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub prevented_quantity: Option<Decimal>,
    #[serde(rename = "B", default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub last_prevented_quantity: Option<Decimal>,
    /// -1 for an account without a group.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub trade_group_id: Option<i64>,
    #[serde(rename = "U", default, skip_serializing_if = "Option::is_none")]
    pub counter_order_id: Option<u64>,
    #[serde(rename = "Cs", default, skip_serializing_if = "Option::is_none")]
    pub counter_symbol: Option<String>,
    #[serde(rename = "pl", default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub prevented_execution_quantity: Option<Decimal>,
    #[serde(rename = "pL", default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub prevented_execution_price: Option<Decimal>,
    #[serde(rename = "pY", default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub prevented_execution_quote: Option<Decimal>,
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub match_type: Option<String>,
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub allocation_id: Option<u64>,
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    pub working_floor: Option<String>,
    #[serde(rename = "uS", default, skip_serializing_if = "Option::is_none")]
    pub used_sor: Option<bool>,
    #[serde(rename = "gP", default, skip_serializing_if = "Option::is_none")]
    pub peg_price_type: Option<String>,
    #[serde(rename = "gOT", default, skip_serializing_if = "Option::is_none")]
    pub peg_offset_type: Option<String>,
    #[serde(rename = "gOV", default, skip_serializing_if = "Option::is_none")]
    pub peg_offset_value: Option<i64>,
    #[serde(rename = "gp", default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub pegged_price: Option<Decimal>,
    #[serde(rename = "eR", default, skip_serializing_if = "Option::is_none")]
    pub expiry_reason: Option<String>,
}

/// `executionReport` with everything that the venue may say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FullReport {
    /// What is always there.
    #[serde(flatten)]
    pub report: ExecutionReportPayload,
    /// What is there only if it applies.
    #[serde(flatten)]
    pub conditional: Conditional,
}

/// Why the venue ended an order, from its word of it.
pub fn expiry_reason(word: &str) -> Option<OrderReason> {
    Some(match word {
        "OCO_TRIGGER" | "OTO_PHASE_ONE_EXPIRED" => OrderReason::List,
        "UNFILLED_IOC_QUANTITY_EXPIRED" | "UNFILLED_FOK_ORDER_EXPIRED" => OrderReason::TimeInForce,
        "INSUFFICIENT_LIQUIDITY" => OrderReason::NoLiquidity,
        "EXECUTION_RULE_PRICE_RANGE_EXCEEDED" => OrderReason::Filter,
        "EXCHANGE_CANCELED" => OrderReason::Operator,
        "NONE" => return None,
        _ => OrderReason::Other,
    })
}

/// Sets the numbers of allocations apart from those of trades.
pub const ALLOCATIONS: i64 = 1 << 62;

const fn none_id() -> i64 {
    -1
}

impl ExecutionReportPayload {
    /// The report in the model's words. A state that is new here is [`OrderStatus::Unknown`]: what was filled counts
    /// nevertheless.
    ///
    /// # Errors
    /// The side is unknown, or a fill has no number.
    pub fn report(&self) -> Result<ExecutionReport, WireError> {
        let unknown = |what, found: &str| WireError::Unknown { what, found: found.to_owned() };
        let status = enums::status(&self.status).unwrap_or(OrderStatus::Unknown);
        let cancel = self.execution_type == "CANCELED" && !self.original_client_order_id.is_empty();
        let id = if cancel { &self.original_client_order_id } else { &self.client_order_id };
        let fill = if self.execution_type == "TRADE" {
            Some(VenueFill {
                trade_id: u64::try_from(self.trade_id)
                    .map_err(|_| unknown("trade id of a fill", &self.trade_id.to_string()))?,
                price: self.last_price,
                quantity: self.last_quantity,
                commission: self.commission,
                commission_asset: self.commission_asset.clone().unwrap_or_default(),
                maker: self.maker,
            })
        } else {
            None
        };
        Ok(ExecutionReport {
            ts: Timestamp::from_millis(self.transaction_time),
            symbol: self.symbol.clone(),
            client_order_id: ClientOrderId(id.clone()),
            venue_order_id: self.order_id,
            side: enums::side(&self.side).ok_or_else(|| unknown("side", &self.side))?,
            status,
            quantity: self.quantity,
            filled: self.filled,
            reason: reason(status, &self.status, &self.reject_reason, &self.time_in_force),
            works: self.on_book || fill.is_some(),
            fill,
            amended: self.execution_type == "REPLACED",
        })
    }
}

/// Why an order ended, from state and the venue's reject word.
pub(crate) fn reason(status: OrderStatus, word: &str, reject: &str, time_in_force: &str) -> OrderReason {
    match (status, word) {
        (_, "EXPIRED_IN_MATCH") => OrderReason::SelfTradePrevention,
        (OrderStatus::Expired, _) if time_in_force == "GTC" => OrderReason::NoLiquidity,
        (OrderStatus::Expired, _) => OrderReason::TimeInForce,
        (OrderStatus::Rejected, _) => reject_reason(reject),
        _ => OrderReason::None,
    }
}

/// Why an order could not enter, from the venue's word of it.
fn reject_reason(word: &str) -> OrderReason {
    match word {
        "INSUFFICIENT_BALANCE" | "INSUFFICIENT_BALANCES" => OrderReason::InsufficientBalance,
        "WOULD_MATCH_IMMEDIATELY" => OrderReason::WouldMatch,
        "STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY" => OrderReason::WouldTrigger,
        "OCO_BAD_PRICES" => OrderReason::List,
        _ => OrderReason::Other,
    }
}

/// One balance of `outboundAccountPosition`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields carry the venue's long names")]
pub struct BalancePayload {
    #[serde(rename = "a")]
    pub asset: String,
    #[serde(rename = "f", with = "number")]
    pub free: Decimal,
    #[serde(rename = "l", with = "number")]
    pub locked: Decimal,
}

/// `outboundAccountPosition`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields carry the venue's long names")]
pub struct AccountPositionPayload {
    #[serde(rename = "e")]
    pub event: String,
    #[serde(rename = "E")]
    pub event_time: u64,
    #[serde(rename = "u")]
    pub last_update: u64,
    #[serde(rename = "B")]
    pub balances: Vec<BalancePayload>,
}

#[derive(Deserialize)]
struct DeltaPayload {
    #[serde(rename = "a")]
    asset: String,
    #[serde(rename = "d", with = "number")]
    delta: Decimal,
}

#[derive(Deserialize)]
struct Wrapped<'a> {
    #[serde(borrow)]
    event: &'a RawValue,
}

#[derive(Deserialize)]
struct Name {
    e: String,
}

/// Reads a user event, bare or wrapped.
///
/// # Errors
/// The payload is no JSON, lacks a field or uses an unknown word.
pub fn parse(raw: &[u8]) -> Result<UserEvent, WireError> {
    fn json<'a, T: Deserialize<'a>>(what: &'static str, raw: &'a [u8]) -> Result<T, WireError> {
        serde_json::from_slice(raw).map_err(|error| WireError::json(what, &error, raw))
    }
    let raw = match serde_json::from_slice::<Wrapped<'_>>(raw) {
        Ok(wrapped) => wrapped.event.get().as_bytes(),
        Err(_) => raw,
    };
    let name: Name = json("user event", raw)?;
    match name.e.as_str() {
        "executionReport" => {
            let mut payload: ExecutionReportPayload = json("executionReport", raw)?;
            // Smart order routing allots instead of trading: such a fill has a number of another kind.
            if payload.execution_type == "TRADE" && payload.trade_id < 0 {
                let said: Conditional = json("executionReport", raw)?;
                let allocation = said.allocation_id.and_then(|id| i64::try_from(id).ok());
                payload.trade_id = allocation.map_or(-1, |id| id | ALLOCATIONS);
            }
            let mut report = payload.report()?;
            // Said only of what is rare; the rest of the path need not look for it.
            if report.status == OrderStatus::Expired && report.reason != OrderReason::SelfTradePrevention {
                let said: Conditional = json("executionReport", raw)?;
                match said.expiry_reason.as_deref() {
                    // Accepted once, but when it was to enter the book it could not.
                    Some("REJECTED") => report.reason = reject_reason(&payload.reject_reason),
                    Some(word) => report.reason = expiry_reason(word).unwrap_or(report.reason),
                    None => {}
                }
            }
            if payload.execution_type == "TRADE_PREVENTION" {
                let said: Conditional = json("executionReport", raw)?;
                let prevented = said.prevented_quantity.unwrap_or_default();
                report.quantity = report.quantity.saturating_sub(prevented);
                report.amended = !report.status.is_final();
            }
            Ok(UserEvent::Report(report))
        }
        "outboundAccountPosition" => {
            let payload: AccountPositionPayload = json("outboundAccountPosition", raw)?;
            let balances = payload
                .balances
                .into_iter()
                .map(|balance| Balance { asset: balance.asset, free: balance.free, locked: balance.locked })
                .collect();
            Ok(UserEvent::Balances { ts: Timestamp::from_millis(payload.last_update), balances })
        }
        "balanceUpdate" => {
            let payload: DeltaPayload = json("balanceUpdate", raw)?;
            Ok(UserEvent::BalanceDelta { asset: payload.asset, delta: payload.delta })
        }
        "eventStreamTerminated" => Ok(UserEvent::Terminated),
        _ => Ok(UserEvent::Other(name.e)),
    }
}

/// The WebSocket API's wrapping of an event.
pub fn wrap(subscription_id: u64, event_json: &str) -> String {
    format!(r#"{{"subscriptionId":{subscription_id},"event":{event_json}}}"#)
}

/// `listStatus`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields carry the venue's long names")]
pub struct ListStatusPayload {
    #[serde(rename = "e")]
    pub event: String,
    #[serde(rename = "E")]
    pub event_time: u64,
    #[serde(rename = "s")]
    pub symbol: String,
    #[serde(rename = "g")]
    pub order_list_id: i64,
    #[serde(rename = "c")]
    pub contingency_type: String,
    #[serde(rename = "l")]
    pub list_status_type: String,
    #[serde(rename = "L")]
    pub list_order_status: String,
    #[serde(rename = "r")]
    pub reject_reason: String,
    #[serde(rename = "C")]
    pub list_client_order_id: String,
    #[serde(rename = "T")]
    pub transaction_time: u64,
    #[serde(rename = "O")]
    pub orders: Vec<ListedPayload>,
}

/// An order of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields carry the venue's long names")]
pub struct ListedPayload {
    #[serde(rename = "s")]
    pub symbol: String,
    #[serde(rename = "i")]
    pub order_id: u64,
    #[serde(rename = "c")]
    pub client_order_id: String,
}

/// `balanceUpdate` and `externalLockUpdate`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields carry the venue's long names")]
pub struct DeltaEvent {
    #[serde(rename = "e")]
    pub event: String,
    #[serde(rename = "E")]
    pub event_time: u64,
    #[serde(rename = "a")]
    pub asset: String,
    #[serde(rename = "d", with = "number")]
    pub delta: Decimal,
    #[serde(rename = "T")]
    pub transaction_time: u64,
}

//! Answers about orders and order lists, with every field that the venue may send.
//!
//! The venue leaves out what does not apply, so nearly all is optional. Words (states,
//! types, modes) stay text: one that is new breaks nothing.

use ringfence_model::Decimal;
use serde::{Deserialize, Serialize};

use super::{ErrorBody, MyTrade};
use crate::number::{self, optional};

/// Any answer about one order: placed, cancelled, replaced, queried, or within a list.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the venue's names")]
pub struct OrderReport {
    pub symbol: String,
    /// On a cancel: the order's own id; `client_order_id` is then the cancel's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orig_client_order_id: Option<String>,
    pub order_id: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_list_id: Option<i64>,
    pub client_order_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transact_time: Option<u64>,
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub price: Option<Decimal>,
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub orig_qty: Option<Decimal>,
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub executed_qty: Option<Decimal>,
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub orig_quote_order_qty: Option<Decimal>,
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub cummulative_quote_qty: Option<Decimal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_in_force: Option<String>,
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub order_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<String>,
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub stop_price: Option<Decimal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trailing_delta: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trailing_time: Option<i64>,
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub iceberg_qty: Option<Decimal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy_id: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy_type: Option<i64>,
    /// -1 while the order does not work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_time: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_trade_prevention_mode: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prevented_match_id: Option<u64>,
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub prevented_quantity: Option<Decimal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_sor: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_floor: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peg_price_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peg_offset_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peg_offset_value: Option<i64>,
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub pegged_price: Option<Decimal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiry_reason: Option<String>,
    /// Queries only, as the next two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_time: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_working: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fills: Option<Vec<OrderFill>>,
}

/// A fill within an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the venue's names")]
pub struct OrderFill {
    /// Smart order routing only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub match_type: Option<String>,
    #[serde(with = "number")]
    pub price: Decimal,
    #[serde(with = "number")]
    pub qty: Decimal,
    #[serde(with = "number")]
    pub commission: Decimal,
    pub commission_asset: String,
    /// -1 if it was allocated by smart order routing.
    pub trade_id: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alloc_id: Option<u64>,
}

/// An order within a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the venue's names")]
pub struct ListedOrder {
    pub symbol: String,
    pub order_id: u64,
    pub client_order_id: String,
}

/// An order list: placed, cancelled or queried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the venue's names")]
pub struct OrderListReport {
    pub order_list_id: i64,
    /// `OCO` or `OTO`.
    pub contingency_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list_status_type: Option<String>,
    pub list_order_status: String,
    pub list_client_order_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_time: Option<u64>,
    pub symbol: String,
    pub orders: Vec<ListedOrder>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_reports: Option<Vec<OrderReport>>,
}

/// One row of `DELETE /api/v3/openOrders`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Canceled {
    /// A list with its orders.
    List(Box<OrderListReport>),
    /// An order of its own.
    Order(Box<OrderReport>),
}

/// One half of a cancel-replace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Half {
    /// It was refused.
    Refused(ErrorBody),
    /// It was done.
    Done(Box<OrderReport>),
}

/// `POST /api/v3/order/cancelReplace`; also the `data` of its errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the venue's names")]
pub struct CancelReplaceReport {
    /// `SUCCESS`, `FAILURE` or `NOT_ATTEMPTED`, as the next one.
    pub cancel_result: String,
    pub new_order_result: String,
    pub cancel_response: Option<Half>,
    pub new_order_response: Option<Half>,
}

/// -2021 (one half was done) or -2022 (none was).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the venue's names")]
pub struct CancelReplaceError {
    pub code: i64,
    pub msg: String,
    pub data: CancelReplaceReport,
}

/// `PUT /api/v3/order/amend/keepPriority`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the venue's names")]
pub struct AmendReport {
    pub transact_time: u64,
    pub execution_id: u64,
    pub amended_order: AmendedOrder,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list_status: Option<OrderListReport>,
}

/// The order as it is after an amendment; here the venue spells `cumulativeQuoteQty` with one m.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the venue's names")]
pub struct AmendedOrder {
    pub symbol: String,
    pub order_id: u64,
    pub order_list_id: i64,
    pub orig_client_order_id: String,
    pub client_order_id: String,
    #[serde(with = "number")]
    pub price: Decimal,
    #[serde(with = "number")]
    pub qty: Decimal,
    #[serde(with = "number")]
    pub executed_qty: Decimal,
    #[serde(with = "number")]
    pub prevented_qty: Decimal,
    #[serde(with = "number")]
    pub quote_order_qty: Decimal,
    #[serde(with = "number")]
    pub cumulative_quote_qty: Decimal,
    pub status: String,
    pub time_in_force: String,
    #[serde(rename = "type")]
    pub order_type: String,
    pub side: String,
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub stop_price: Option<Decimal>,
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub iceberg_qty: Option<Decimal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_time: Option<i64>,
    pub self_trade_prevention_mode: String,
}

/// A row of `GET /api/v3/myTrades` with all fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the venue's names")]
pub struct AccountTrade {
    #[serde(flatten)]
    pub trade: MyTrade,
    pub order_list_id: i64,
}

/// A row of `GET /api/v3/order/amendments`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the venue's names")]
pub struct Amendment {
    pub symbol: String,
    pub order_id: u64,
    pub execution_id: u64,
    pub orig_client_order_id: String,
    pub new_client_order_id: String,
    #[serde(with = "number")]
    pub orig_qty: Decimal,
    #[serde(with = "number")]
    pub new_qty: Decimal,
    pub time: u64,
}

/// A row of `GET /api/v3/myPreventedMatches`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the venue's names")]
pub struct PreventedMatch {
    pub symbol: String,
    pub prevented_match_id: u64,
    pub taker_order_id: u64,
    pub maker_symbol: String,
    pub maker_order_id: u64,
    /// -1 for an account without a group.
    pub trade_group_id: i64,
    pub self_trade_prevention_mode: String,
    #[serde(with = "number")]
    pub price: Decimal,
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub taker_prevented_quantity: Option<Decimal>,
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub maker_prevented_quantity: Option<Decimal>,
    pub transact_time: u64,
}

/// A row of `GET /api/v3/myAllocations`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the venue's names")]
pub struct Allocation {
    pub symbol: String,
    pub allocation_id: u64,
    pub allocation_type: String,
    pub order_id: u64,
    pub order_list_id: i64,
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
    pub is_allocator: bool,
}

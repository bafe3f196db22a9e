//! Answers about the account: what it has, what it pays, what is counted of it.

use ringfence_model::Decimal;
use serde::{Deserialize, Serialize};

use super::{AccountBalance, Filter};
use crate::number::{self, optional};

/// `GET /api/v3/account` with all fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the venue's names")]
pub struct Account {
    pub maker_commission: i64,
    pub taker_commission: i64,
    pub buyer_commission: i64,
    pub seller_commission: i64,
    pub commission_rates: Rates,
    pub can_trade: bool,
    pub can_withdraw: bool,
    pub can_deposit: bool,
    #[serde(default)]
    pub brokered: bool,
    #[serde(default)]
    pub require_self_trade_prevention: bool,
    #[serde(default)]
    pub prevent_sor: bool,
    pub update_time: u64,
    pub account_type: String,
    pub balances: Vec<AccountBalance>,
    #[serde(default)]
    pub permissions: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u64>,
}

/// Parts of a commission; those that apply are added.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the venue's names")]
pub struct Rates {
    #[serde(with = "number")]
    pub maker: Decimal,
    #[serde(with = "number")]
    pub taker: Decimal,
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub buyer: Option<Decimal>,
    #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
    pub seller: Option<Decimal>,
}

/// What the discount asset saves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the venue's names")]
pub struct Discount {
    pub enabled_for_account: bool,
    pub enabled_for_symbol: bool,
    pub discount_asset: String,
    #[serde(with = "number")]
    pub discount: Decimal,
}

/// `GET /api/v3/account/commission`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the venue's names")]
pub struct Commission {
    pub symbol: String,
    pub standard_commission: Rates,
    pub special_commission: Rates,
    pub tax_commission: Rates,
    pub discount: Discount,
}

/// `POST /api/v3/order/test`: empty unless `computeCommissionRates` was asked for.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the venue's names")]
pub struct TestOrder {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_commission_for_order: Option<Rates>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub special_commission_for_order: Option<Rates>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_commission_for_order: Option<Rates>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount: Option<Discount>,
}

/// `GET /api/v3/myFilters`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the venue's names")]
pub struct RelevantFilters {
    pub exchange_filters: Vec<Filter>,
    pub symbol_filters: Vec<Filter>,
    pub asset_filters: Vec<Filter>,
}

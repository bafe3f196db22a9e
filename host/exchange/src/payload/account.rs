//! What the exchange writes about an account.

use ringfence_model::{Balance, Decimal};
use ringfence_wire::number;
use ringfence_wire::rest::{self, AccountBalance};
use serde::Serialize;

use crate::accounts::Account;
use crate::config::commission::{Commission, Discount, Rates};
use crate::units::TimeUnit;

/// The first account's `uid`; the others follow.
const FIRST_UID: u64 = 354_937_868;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RatesBody {
    #[serde(with = "number")]
    maker: Decimal,
    #[serde(with = "number")]
    taker: Decimal,
    #[serde(with = "number")]
    buyer: Decimal,
    #[serde(with = "number")]
    seller: Decimal,
}

impl From<Rates> for RatesBody {
    fn from(rates: Rates) -> Self {
        RatesBody { maker: rates.maker, taker: rates.taker, buyer: rates.buyer, seller: rates.seller }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    maker_commission: u64,
    taker_commission: u64,
    buyer_commission: u64,
    seller_commission: u64,
    commission_rates: RatesBody,
    can_trade: bool,
    can_withdraw: bool,
    can_deposit: bool,
    brokered: bool,
    require_self_trade_prevention: bool,
    prevent_sor: bool,
    update_time: u64,
    account_type: &'static str,
    balances: Vec<AccountBalance>,
    permissions: [&'static str; 1],
    uid: u64,
}

/// A rate in basis points, as the oldest fields have it.
fn basis_points(rate: Decimal) -> u64 {
    u64::try_from(rate.saturating_mul(Decimal::from(10_000)).trunc()).unwrap_or(0)
}

/// `GET /api/v3/account`.
pub(crate) fn account(
    place: usize,
    account: &Account,
    balances: Vec<Balance>,
    commission: &Commission,
    omit_zero: bool,
    unit: TimeUnit,
) -> String {
    let rates = commission.standard;
    rest::write(&Body {
        maker_commission: basis_points(rates.maker),
        taker_commission: basis_points(rates.taker),
        buyer_commission: basis_points(rates.buyer),
        seller_commission: basis_points(rates.seller),
        commission_rates: rates.into(),
        can_trade: account.can_trade,
        can_withdraw: true,
        can_deposit: true,
        brokered: false,
        require_self_trade_prevention: false,
        prevent_sor: false,
        update_time: unit.write(account.updated),
        account_type: "SPOT",
        balances: balances
            .into_iter()
            .filter(|balance| !omit_zero || !balance.free.is_zero() || !balance.locked.is_zero())
            .map(|balance| AccountBalance { asset: balance.asset, free: balance.free, locked: balance.locked })
            .collect(),
        permissions: ["SPOT"],
        uid: FIRST_UID.saturating_add(u64::try_from(place).unwrap_or(0)),
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CommissionBody<'a> {
    symbol: &'a str,
    standard_commission: RatesBody,
    special_commission: RatesBody,
    tax_commission: RatesBody,
    discount: DiscountBody<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DiscountBody<'a> {
    enabled_for_account: bool,
    enabled_for_symbol: bool,
    discount_asset: &'a str,
    #[serde(with = "number")]
    discount: Decimal,
}

/// `GET /api/v3/account/commission`.
pub(crate) fn commission(symbol: &str, rates: &Commission, discount: Option<&Discount>, pays: bool) -> String {
    rest::write(&CommissionBody {
        symbol,
        standard_commission: rates.standard.into(),
        special_commission: rates.special.into(),
        tax_commission: rates.tax.into(),
        discount: DiscountBody {
            enabled_for_account: pays && discount.is_some(),
            enabled_for_symbol: discount.is_some(),
            discount_asset: discount.map_or("BNB", |discount| discount.asset.as_str()),
            discount: discount.map(|discount| discount.rate).unwrap_or_default(),
        },
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TradeFeeBody<'a> {
    symbol: &'a str,
    maker_commission: String,
    taker_commission: String,
}

/// `GET /sapi/v1/asset/tradeFee`. Unlike elsewhere its numbers have no zeros at their end.
pub(crate) fn trade_fees<'a>(rows: impl Iterator<Item = (&'a str, Rates)>) -> String {
    let rows: Vec<_> = rows
        .map(|(symbol, rates)| TradeFeeBody {
            symbol,
            maker_commission: rates.maker.normalize().to_string(),
            taker_commission: rates.taker.normalize().to_string(),
        })
        .collect();
    rest::write(&rows)
}

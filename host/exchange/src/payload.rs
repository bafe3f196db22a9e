//! What the exchange writes about orders, built from the wire's structs. No decision is
//! made here.
//!
//! | module | holds |
//! |--|--|
//! | [`info`] | the exchange itself: limits, symbols, filters, rules |
//! | [`market`] | trades, klines, tickers |
//! | [`account`] | an account and its rates |

pub(crate) mod account;
pub(crate) mod info;
pub(crate) mod market;

use ringfence_model::{Balance, Decimal, Timestamp};
use ringfence_wire::enums::{side_text, time_in_force_text};
use ringfence_wire::number;
use ringfence_wire::rest::{self, CancelResponse, FillInfo, MyTrade, OrderAck, OrderFull, OrderInfo};
use ringfence_wire::user::{AccountPositionPayload, BalancePayload, ExecutionReportPayload};
use serde::Serialize;

use crate::order::{Order, OwnTrade};

/// What an execution report tells.
#[derive(Debug, Clone)]
pub(crate) enum Happened<'a> {
    New,
    Trade(&'a OwnTrade),
    Canceled { cancel_id: &'a str },
    Expired,
    Replaced { old_id: &'a str },
    Prevented { other: u64, price: Decimal, quantity: Decimal, prevented_match: u64, maker: bool },
}

/// Self-trade prevention's own fields.
#[derive(Serialize)]
#[allow(non_snake_case, reason = "the venue's names")]
struct Prevention {
    #[serde(flatten)]
    report: ExecutionReportPayload,
    v: u64,
    #[serde(with = "number")]
    A: Decimal,
    #[serde(with = "number")]
    B: Decimal,
    u: i64,
    U: u64,
    Cs: String,
    #[serde(with = "number")]
    pl: Decimal,
    #[serde(with = "number")]
    pL: Decimal,
    #[serde(with = "number")]
    pY: Decimal,
}

#[derive(Serialize)]
#[allow(non_snake_case, reason = "the venue's names")]
struct WithExpiry {
    #[serde(flatten)]
    report: ExecutionReportPayload,
    eR: &'static str,
}

/// `executionReport`.
pub(crate) fn report(order: &Order, symbol: &str, happened: &Happened<'_>, now: Timestamp, execution: u64) -> String {
    let zero = Decimal::ZERO;
    let trade = match happened {
        Happened::Trade(trade) => Some(*trade),
        _ => None,
    };
    let (client_order_id, original) = match happened {
        Happened::Canceled { cancel_id } => ((*cancel_id).to_owned(), order.client_order_id.clone()),
        Happened::Replaced { old_id } => (order.client_order_id.clone(), (*old_id).to_owned()),
        _ => (order.client_order_id.clone(), String::new()),
    };
    let payload = ExecutionReportPayload {
        event: "executionReport".to_owned(),
        event_time: now.as_millis(),
        symbol: symbol.to_owned(),
        client_order_id,
        side: side_text(order.side).to_owned(),
        order_type: order.order_type.word().to_owned(),
        time_in_force: time_in_force_text(order.time_in_force).to_owned(),
        quantity: order.quantity,
        price: order.price,
        stop_price: zero,
        iceberg_quantity: zero,
        order_list_id: -1,
        original_client_order_id: original,
        execution_type: match happened {
            Happened::New => "NEW",
            Happened::Trade(_) => "TRADE",
            Happened::Canceled { .. } => "CANCELED",
            Happened::Expired => "EXPIRED",
            Happened::Replaced { .. } => "REPLACED",
            Happened::Prevented { .. } => "TRADE_PREVENTION",
        }
        .to_owned(),
        status: order.status.word().to_owned(),
        reject_reason: "NONE".to_owned(),
        order_id: order.id,
        last_quantity: trade.map_or(zero, |trade| trade.quantity),
        filled: order.executed,
        last_price: trade.map_or(zero, |trade| trade.price),
        commission: trade.map_or(zero, |trade| trade.commission),
        commission_asset: trade.map(|trade| trade.commission_asset.clone()),
        transaction_time: now.as_millis(),
        trade_id: trade.and_then(|trade| i64::try_from(trade.id).ok()).unwrap_or(-1),
        execution_id: execution,
        on_book: order.on_book && order.status.is_open(),
        maker: trade.is_some_and(|trade| trade.maker),
        ignore: false,
        order_creation_time: order.created.as_millis(),
        filled_quote: order.quote_executed,
        last_quote: trade.map_or(zero, |trade| trade.price.saturating_mul(trade.quantity)),
        quote_order_quantity: order.quote_quantity,
        working_time: order.created.as_millis(),
        self_trade_prevention: order.self_trade.word().to_owned(),
    };
    match *happened {
        Happened::Prevented { other, price, quantity, prevented_match, maker } => rest::write(&Prevention {
            report: payload,
            v: prevented_match,
            A: order.prevented,
            B: quantity,
            u: 1,
            U: other,
            Cs: symbol.to_owned(),
            pl: if maker { quantity } else { zero },
            pL: price,
            pY: price.saturating_mul(quantity),
        }),
        Happened::Expired => match order.expiry_reason {
            Some(reason) => rest::write(&WithExpiry { report: payload, eR: reason }),
            None => rest::write(&payload),
        },
        _ => rest::write(&payload),
    }
}

/// `outboundAccountPosition`.
pub(crate) fn position(balances: Vec<Balance>, now: Timestamp) -> String {
    rest::write(&AccountPositionPayload {
        event: "outboundAccountPosition".to_owned(),
        event_time: now.as_millis(),
        last_update: now.as_millis(),
        balances: balances
            .into_iter()
            .map(|balance| BalancePayload { asset: balance.asset, free: balance.free, locked: balance.locked })
            .collect(),
    })
}

/// Which answer an order wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResponseType {
    Ack,
    Result,
    Full,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FullWithExpiry {
    #[serde(flatten)]
    full: OrderFull,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiry_reason: Option<&'static str>,
}

/// Answer to a new order.
pub(crate) fn placed(order: &Order, symbol: &str, trades: &[&OwnTrade], kind: ResponseType) -> String {
    if kind == ResponseType::Ack {
        return rest::write(&OrderAck {
            symbol: symbol.to_owned(),
            order_id: order.id,
            order_list_id: -1,
            client_order_id: order.client_order_id.clone(),
            transact_time: order.updated.as_millis(),
        });
    }
    let fills = if kind == ResponseType::Full { trades } else { &[] };
    rest::write(&FullWithExpiry {
        expiry_reason: order.expiry_reason,
        full: OrderFull {
            symbol: symbol.to_owned(),
            order_id: order.id,
            order_list_id: -1,
            client_order_id: order.client_order_id.clone(),
            transact_time: order.updated.as_millis(),
            price: order.price,
            orig_qty: order.quantity,
            executed_qty: order.executed,
            orig_quote_order_qty: order.quote_quantity,
            cummulative_quote_qty: order.quote_executed,
            status: order.status.word().to_owned(),
            time_in_force: time_in_force_text(order.time_in_force).to_owned(),
            order_type: order.order_type.word().to_owned(),
            side: side_text(order.side).to_owned(),
            working_time: order.created.as_millis(),
            self_trade_prevention_mode: order.self_trade.word().to_owned(),
            fills: fills
                .iter()
                .map(|trade| FillInfo {
                    price: trade.price,
                    qty: trade.quantity,
                    commission: trade.commission,
                    commission_asset: trade.commission_asset.clone(),
                    trade_id: trade.id,
                })
                .collect(),
        },
    })
}

/// `GET /api/v3/order`, one of `openOrders`.
pub(crate) fn order_info(order: &Order, symbol: &str) -> OrderInfo {
    OrderInfo {
        symbol: symbol.to_owned(),
        order_id: order.id,
        order_list_id: -1,
        client_order_id: order.client_order_id.clone(),
        price: order.price,
        orig_qty: order.quantity,
        executed_qty: order.executed,
        cummulative_quote_qty: order.quote_executed,
        status: order.status.word().to_owned(),
        time_in_force: time_in_force_text(order.time_in_force).to_owned(),
        order_type: order.order_type.word().to_owned(),
        side: side_text(order.side).to_owned(),
        stop_price: Decimal::ZERO,
        iceberg_qty: Decimal::ZERO,
        time: order.created.as_millis(),
        update_time: order.updated.as_millis(),
        is_working: true,
        working_time: order.created.as_millis(),
        orig_quote_order_qty: order.quote_quantity,
        self_trade_prevention_mode: order.self_trade.word().to_owned(),
    }
}

/// `DELETE /api/v3/order`.
pub(crate) fn canceled(order: &Order, symbol: &str, cancel_id: &str) -> CancelResponse {
    CancelResponse {
        symbol: symbol.to_owned(),
        orig_client_order_id: order.client_order_id.clone(),
        order_id: order.id,
        order_list_id: -1,
        client_order_id: cancel_id.to_owned(),
        transact_time: order.updated.as_millis(),
        price: order.price,
        orig_qty: order.quantity,
        executed_qty: order.executed,
        cummulative_quote_qty: order.quote_executed,
        status: order.status.word().to_owned(),
        time_in_force: time_in_force_text(order.time_in_force).to_owned(),
        order_type: order.order_type.word().to_owned(),
        side: side_text(order.side).to_owned(),
    }
}

/// `PUT /api/v3/order/amend/keepPriority`. The only body that spells `cumulative` right.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Amended<'a> {
    transact_time: u64,
    execution_id: u64,
    amended_order: AmendedOrder<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AmendedOrder<'a> {
    symbol: &'a str,
    order_id: u64,
    order_list_id: i64,
    orig_client_order_id: &'a str,
    client_order_id: &'a str,
    #[serde(with = "number")]
    price: Decimal,
    #[serde(with = "number")]
    qty: Decimal,
    #[serde(with = "number")]
    executed_qty: Decimal,
    #[serde(with = "number")]
    prevented_qty: Decimal,
    #[serde(with = "number")]
    quote_order_qty: Decimal,
    #[serde(with = "number")]
    cumulative_quote_qty: Decimal,
    status: &'static str,
    time_in_force: &'static str,
    #[serde(rename = "type")]
    order_type: &'static str,
    side: &'static str,
    working_time: u64,
    self_trade_prevention_mode: &'static str,
}

/// Answer to an amendment.
pub(crate) fn amended(order: &Order, symbol: &str, old_id: &str, execution_id: u64) -> String {
    rest::write(&Amended {
        transact_time: order.updated.as_millis(),
        execution_id,
        amended_order: AmendedOrder {
            symbol,
            order_id: order.id,
            order_list_id: -1,
            orig_client_order_id: old_id,
            client_order_id: &order.client_order_id,
            price: order.price,
            qty: order.quantity,
            executed_qty: order.executed,
            prevented_qty: order.prevented,
            quote_order_qty: order.quote_quantity,
            cumulative_quote_qty: order.quote_executed,
            status: order.status.word(),
            time_in_force: time_in_force_text(order.time_in_force),
            order_type: order.order_type.word(),
            side: side_text(order.side),
            working_time: order.created.as_millis(),
            self_trade_prevention_mode: order.self_trade.word(),
        },
    })
}

/// One of `myTrades`.
pub(crate) fn my_trade(trade: &OwnTrade, symbol: &str) -> MyTrade {
    MyTrade {
        symbol: symbol.to_owned(),
        id: trade.id,
        order_id: trade.order,
        price: trade.price,
        qty: trade.quantity,
        quote_qty: trade.price.saturating_mul(trade.quantity),
        commission: trade.commission,
        commission_asset: trade.commission_asset.clone(),
        time: trade.time.as_millis(),
        is_buyer: trade.side == ringfence_model::Side::Buy,
        is_maker: trade.maker,
        is_best_match: true,
    }
}

/// `balanceUpdate`: a deposit or a withdrawal.
pub(crate) fn balance_update(asset: &str, delta: Decimal, now: Timestamp) -> String {
    format!(
        r#"{{"e":"balanceUpdate","E":{now},"a":"{asset}","d":"{}","T":{now}}}"#,
        number::text(delta),
        now = now.as_millis()
    )
}

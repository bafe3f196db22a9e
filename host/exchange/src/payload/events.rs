//! Events of an account: `executionReport`, `listStatus`, `outboundAccountPosition`.

use ringfence_model::{Balance, Decimal, Timestamp};
use ringfence_wire::enums::{side_text, time_in_force_text};
use ringfence_wire::number;
use ringfence_wire::rest;
use ringfence_wire::user::{AccountPositionPayload, BalancePayload};
use serde::Serialize;
use serde::ser::Serializer;

use super::orders::{Style, list_id};
use crate::fixed::Fixed;
use crate::order::list::OrderList;
use crate::order::{Order, OwnTrade, Phase, PreventedMatch, Status};
use crate::units::TimeUnit;

/// What an execution report tells.
#[derive(Debug, Clone)]
pub(crate) enum Happened<'a> {
    New,
    Trade { trade: &'a OwnTrade, asset: &'a str },
    Canceled { cancel_id: &'a str },
    Expired { reject: &'static str },
    Rejected { reject: &'static str },
    Replaced { old_id: &'a str },
    Prevented { matched: &'a PreventedMatch, maker: bool },
}

/// A commission; "0" without one.
#[derive(Debug, Clone, Copy)]
struct Commission(Option<Fixed>);

impl Serialize for Commission {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(commission) => commission.serialize(serializer),
            None => serializer.serialize_str("0"),
        }
    }
}

#[derive(Serialize)]
#[allow(non_snake_case, reason = "the venue's names")]
struct Report<'a> {
    e: &'static str,
    E: u64,
    s: &'a str,
    c: &'a str,
    S: &'static str,
    o: &'static str,
    f: &'static str,
    q: Fixed,
    p: Fixed,
    P: Fixed,
    #[serde(skip_serializing_if = "Option::is_none")]
    d: Option<u32>,
    F: Fixed,
    g: i64,
    C: &'a str,
    x: &'static str,
    X: &'static str,
    r: &'static str,
    i: u64,
    l: Fixed,
    z: Fixed,
    L: Fixed,
    n: Commission,
    N: Option<&'a str>,
    T: u64,
    t: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    v: Option<u64>,
    I: u64,
    w: bool,
    m: bool,
    M: bool,
    O: u64,
    Z: Fixed,
    Y: Fixed,
    Q: Fixed,
    #[serde(skip_serializing_if = "Option::is_none")]
    D: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    j: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    J: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    W: Option<u64>,
    V: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    A: Option<Fixed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    B: Option<Fixed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    u: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    U: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    Cs: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pl: Option<Fixed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pL: Option<Fixed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pY: Option<Fixed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gP: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gOT: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gOV: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gp: Option<Fixed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    eR: Option<&'static str>,
}

/// `executionReport`.
pub(crate) fn report(
    order: &Order,
    style: Style<'_>,
    happened: &Happened<'_>,
    now: Timestamp,
    execution: u64,
) -> String {
    let zero = Fixed::ZERO;
    let trade = match happened {
        Happened::Trade { trade, asset } => Some((*trade, *asset)),
        _ => None,
    };
    let prevented = match happened {
        Happened::Prevented { matched, maker } => Some((*matched, *maker)),
        _ => None,
    };
    let (name, original): (&str, &str) = match happened {
        Happened::Canceled { cancel_id } => (*cancel_id, &*order.client_order_id),
        Happened::Replaced { old_id } => (&*order.client_order_id, *old_id),
        _ => (&*order.client_order_id, ""),
    };
    let stands = match happened {
        Happened::New => !matches!(order.phase, Phase::Pending | Phase::Waiting),
        _ => order.may_rest() && !matches!(order.phase, Phase::Pending | Phase::Waiting),
    };
    let reason = match (order.status, happened) {
        (Status::Expired, Happened::Expired { .. }) => order.expiry_reason,
        _ => None,
    };
    rest::write(&Report {
        e: "executionReport",
        E: style.unit.write(now),
        s: style.symbol,
        c: name,
        S: side_text(order.side),
        o: order.order_type.word(),
        f: time_in_force_text(order.time_in_force),
        q: order.quantity.unwrap_or_default(),
        p: order.price,
        P: order.stop_price.unwrap_or_default(),
        d: order.trailing.map(|trailing| trailing.delta),
        F: order.iceberg.unwrap_or_default(),
        g: list_id(order.list),
        C: original,
        x: match happened {
            Happened::New => "NEW",
            Happened::Trade { .. } => "TRADE",
            Happened::Canceled { .. } => "CANCELED",
            Happened::Expired { .. } => "EXPIRED",
            Happened::Rejected { .. } => "REJECTED",
            Happened::Replaced { .. } => "REPLACED",
            Happened::Prevented { .. } => "TRADE_PREVENTION",
        },
        X: order.status.word(),
        r: match happened {
            Happened::Expired { reject } | Happened::Rejected { reject } => reject,
            _ => "NONE",
        },
        i: order.id,
        l: trade.map_or(zero, |(trade, _)| trade.quantity),
        z: order.executed,
        L: trade.map_or(zero, |(trade, _)| trade.price),
        n: Commission(trade.map(|(trade, _)| trade.commission)),
        N: trade.map(|(_, asset)| asset),
        T: style.unit.write(now),
        t: trade.and_then(|(trade, _)| i64::try_from(trade.id).ok()).unwrap_or(-1),
        v: prevented.map(|(matched, _)| matched.id),
        I: execution,
        w: stands && order.status.is_open(),
        m: trade.is_some_and(|(trade, _)| trade.maker),
        // The documents say to ignore it; it is true on trades.
        M: trade.is_some(),
        O: style.unit.write(order.created),
        Z: order.quote_executed,
        Y: trade.map_or(zero, |(trade, _)| trade.notional),
        Q: order.quote_quantity,
        D: order.trailing.map(|trailing| style.optional(trailing.since)),
        j: order.strategy_id,
        J: order.strategy_type,
        W: order.working.map(|time| style.unit.write(time)),
        V: order.self_trade.word(),
        A: prevented.map(|_| order.prevented),
        B: prevented.map(|(matched, maker)| if maker { matched.maker_prevented } else { matched.taker_prevented }),
        u: prevented.map(|(matched, _)| matched.group.map_or(-1, i64::from)),
        U: prevented.map(|(matched, maker)| if maker { matched.taker_order } else { matched.maker_order }),
        Cs: prevented.map(|_| style.symbol),
        pl: prevented.map(|(matched, _)| matched.quantity),
        pL: prevented.map(|(matched, _)| matched.price),
        pY: prevented.map(|(matched, _)| matched.price.times(matched.quantity)),
        gP: order.peg.map(|peg| peg.word()),
        gOT: order.peg.and_then(|peg| peg.offset).map(|_| "PRICE_LEVEL"),
        gOV: order.peg.and_then(|peg| peg.offset),
        gp: order.peg.and_then(|peg| peg.price),
        eR: reason.map(|reason| reason.word()),
    })
}

#[derive(Serialize)]
#[allow(non_snake_case, reason = "the venue's names")]
struct ListStatus<'a> {
    e: &'static str,
    E: u64,
    s: &'a str,
    g: u64,
    c: &'static str,
    l: &'static str,
    L: &'static str,
    r: &'static str,
    C: &'a str,
    T: u64,
    O: Vec<ListedOrder<'a>>,
}

#[derive(Serialize)]
struct ListedOrder<'a> {
    s: &'a str,
    i: u64,
    c: &'a str,
}

/// `listStatus`; `renamed` tells that an order has another name.
pub(crate) fn list_status<'a>(
    list: &OrderList,
    orders: impl Iterator<Item = &'a Order>,
    style: Style<'_>,
    renamed: bool,
    now: Timestamp,
) -> String {
    rest::write(&ListStatus {
        e: "listStatus",
        E: style.unit.write(now),
        s: style.symbol,
        g: list.id,
        c: list.contingency.word(),
        l: if renamed { "UPDATED" } else { list.status_type() },
        L: list.order_status(),
        r: "NONE",
        C: &list.client_order_id,
        T: style.unit.write(now),
        O: orders
            .map(|order| ListedOrder { s: style.symbol, i: order.id, c: &order.client_order_id })
            .collect::<Vec<_>>(),
    })
}

/// `outboundAccountPosition`.
pub(crate) fn position(balances: &[Balance], unit: TimeUnit, now: Timestamp) -> String {
    rest::write(&AccountPositionPayload {
        event: "outboundAccountPosition".to_owned(),
        event_time: unit.write(now),
        last_update: unit.write(now),
        balances: balances
            .iter()
            .map(|balance| BalancePayload { asset: balance.asset.clone(), free: balance.free, locked: balance.locked })
            .collect(),
    })
}

/// `balanceUpdate`: a deposit or a withdrawal.
pub(crate) fn balance_update(asset: &str, delta: Decimal, unit: TimeUnit, now: Timestamp) -> String {
    format!(
        r#"{{"e":"balanceUpdate","E":{now},"a":"{asset}","d":"{}","T":{now}}}"#,
        number::text(delta),
        now = unit.write(now)
    )
}

//! Bodies about orders, lists and trades: answers to placing, cancelling, amending and
//! asking. Fields stand in the venue's order; those that do not apply are left out.

use ringfence_wire::enums::{side_text, time_in_force_text};
use ringfence_wire::rest;
use serde::Serialize;

use crate::accounts::Accounts;
use crate::fixed::Fixed;
use crate::matching::SelfTrade;
use crate::order::list::OrderList;
use crate::order::{Amendment, Order, OwnTrade, Phase, PreventedMatch};
use crate::units::TimeUnit;
use ringfence_model::{Side, Timestamp};

/// Which answer an order wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResponseType {
    Ack,
    Result,
    Full,
}

/// The symbol's name and the unit of times: what an order does not know itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style<'a> {
    pub(crate) symbol: &'a str,
    pub(crate) unit: TimeUnit,
}

impl Style<'_> {
    /// A time, or −1 for none.
    pub(crate) fn optional(&self, time: Option<Timestamp>) -> i64 {
        time.and_then(|time| i64::try_from(self.unit.write(time)).ok()).unwrap_or(-1)
    }
}

/// A list's number, or −1.
pub(crate) fn list_id(list: Option<u64>) -> i64 {
    list.and_then(|list| i64::try_from(list).ok()).unwrap_or(-1)
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Fill<'a> {
    price: Fixed,
    qty: Fixed,
    commission: Fixed,
    commission_asset: &'a str,
    trade_id: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PreventedRow<'a> {
    prevented_match_id: u64,
    maker_symbol: &'a str,
    maker_order_id: u64,
    price: Fixed,
    #[serde(skip_serializing_if = "Option::is_none")]
    taker_prevented_quantity: Option<Fixed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maker_prevented_quantity: Option<Fixed>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ack<'a> {
    symbol: &'a str,
    order_id: u64,
    order_list_id: i64,
    client_order_id: &'a str,
    transact_time: u64,
}

/// The body of an order in all its forms; some fields have several places.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Body<'a> {
    symbol: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    orig_client_order_id: Option<&'a str>,
    order_id: u64,
    order_list_id: i64,
    client_order_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    transact_time: Option<u64>,
    price: Fixed,
    #[serde(skip_serializing_if = "Option::is_none")]
    peg_price_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peg_offset_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peg_offset_value: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pegged_price: Option<Fixed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    orig_qty: Option<Fixed>,
    executed_qty: Fixed,
    #[serde(rename = "origQuoteOrderQty", skip_serializing_if = "Option::is_none")]
    quote_early: Option<Fixed>,
    cummulative_quote_qty: Fixed,
    status: &'static str,
    time_in_force: &'static str,
    #[serde(rename = "type")]
    order_type: &'static str,
    side: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_price: Option<Fixed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trailing_delta: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trailing_time: Option<i64>,
    #[serde(rename = "workingTime", skip_serializing_if = "Option::is_none")]
    working_early: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iceberg_qty: Option<Fixed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    update_time: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_working: Option<bool>,
    #[serde(rename = "origQuoteOrderQty", skip_serializing_if = "Option::is_none")]
    quote_listed: Option<Fixed>,
    #[serde(rename = "workingTime", skip_serializing_if = "Option::is_none")]
    working_late: Option<i64>,
    #[serde(rename = "origQuoteOrderQty", skip_serializing_if = "Option::is_none")]
    quote_late: Option<Fixed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strategy_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strategy_type: Option<u64>,
    #[serde(rename = "fills", skip_serializing_if = "Option::is_none")]
    fills_early: Option<Vec<Fill<'a>>>,
    self_trade_prevention_mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    prevented_match_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prevented_quantity: Option<Fixed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiry_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fills: Option<Vec<Fill<'a>>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    prevented_matches: Vec<PreventedRow<'a>>,
}

/// What all forms of an order have.
fn body<'a>(order: &'a Order, style: Style<'a>) -> Body<'a> {
    Body {
        symbol: style.symbol,
        orig_client_order_id: None,
        order_id: order.id,
        order_list_id: list_id(order.list),
        client_order_id: &order.client_order_id,
        transact_time: None,
        price: order.price,
        peg_price_type: order.peg.map(|peg| peg.word()),
        peg_offset_type: order.peg.and_then(|peg| peg.offset).map(|_| "PRICE_LEVEL"),
        peg_offset_value: order.peg.and_then(|peg| peg.offset),
        pegged_price: order.peg.and_then(|peg| peg.price),
        orig_qty: order.quantity,
        executed_qty: order.executed,
        quote_early: None,
        cummulative_quote_qty: order.quote_executed,
        status: order.status.word(),
        time_in_force: time_in_force_text(order.time_in_force),
        order_type: order.order_type.word(),
        side: side_text(order.side),
        stop_price: order.order_type.is_contingent().then(|| order.stop_price.unwrap_or_default()),
        trailing_delta: order.trailing.map(|trailing| trailing.delta),
        trailing_time: order.trailing.map(|trailing| style.optional(trailing.since)),
        working_early: None,
        iceberg_qty: order.iceberg,
        time: None,
        update_time: None,
        is_working: None,
        quote_listed: None,
        working_late: None,
        quote_late: None,
        strategy_id: order.strategy_id,
        strategy_type: order.strategy_type,
        fills_early: None,
        self_trade_prevention_mode: order.self_trade.word(),
        prevented_match_id: order.prevented_match,
        prevented_quantity: order.prevented_match.map(|_| order.prevented),
        expiry_reason: order.expiry_reason.map(|reason| reason.word()),
        fills: None,
        prevented_matches: Vec::new(),
    }
}

/// An order as the answer to placing it shows it.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Placed<'a> {
    Ack(Ack<'a>),
    Body(Box<Body<'a>>),
}

impl Placed<'_> {
    /// As the new order of a cancel-replace shows it: its fills stand elsewhere.
    pub(crate) fn in_replacement(mut self) -> Self {
        if let Placed::Body(body) = &mut self {
            body.fills_early = body.fills.take();
        }
        self
    }
}

/// Answer to a new order.
pub(crate) fn placed<'a>(
    order: &'a Order,
    style: Style<'a>,
    kind: ResponseType,
    trades: impl Iterator<Item = &'a OwnTrade>,
    prevented: impl Iterator<Item = &'a PreventedMatch>,
    accounts: &'a Accounts,
) -> Placed<'a> {
    if kind == ResponseType::Ack {
        return Placed::Ack(Ack {
            symbol: style.symbol,
            order_id: order.id,
            order_list_id: list_id(order.list),
            client_order_id: &order.client_order_id,
            transact_time: style.unit.write(order.updated),
        });
    }
    let fills = trades.map(|trade| Fill {
        price: trade.price,
        qty: trade.quantity,
        commission: trade.commission,
        commission_asset: accounts.asset_name(trade.commission_asset),
        trade_id: trade.id,
    });
    let taker_rows = prevented.map(|row| PreventedRow {
        prevented_match_id: row.id,
        maker_symbol: style.symbol,
        maker_order_id: row.maker_order,
        price: row.price,
        taker_prevented_quantity: row.taker_prevented.is_positive().then_some(row.taker_prevented),
        maker_prevented_quantity: row.maker_prevented.is_positive().then_some(row.maker_prevented),
    });
    Placed::Body(Box::new(Body {
        transact_time: Some(style.unit.write(order.updated)),
        quote_early: Some(order.quote_quantity),
        working_early: Some(style.optional(order.working)),
        fills: (kind == ResponseType::Full).then(|| fills.collect()),
        prevented_matches: taker_rows.collect(),
        ..body(order, style)
    }))
}

/// One of `openOrders` and `allOrders`.
pub(crate) fn listed_order<'a>(order: &'a Order, style: Style<'a>) -> Body<'a> {
    let info = order_info(order, style);
    Body { quote_listed: info.quote_late, quote_late: None, ..info }
}

/// `GET /api/v3/order`.
pub(crate) fn order_info<'a>(order: &'a Order, style: Style<'a>) -> Body<'a> {
    Body {
        stop_price: Some(order.stop_price.unwrap_or_default()),
        iceberg_qty: Some(order.iceberg.unwrap_or_default()),
        time: Some(style.unit.write(order.created)),
        update_time: Some(style.unit.write(order.updated)),
        is_working: Some(!matches!(order.phase, Phase::Pending | Phase::Waiting)),
        working_late: Some(style.optional(order.working)),
        quote_late: Some(order.quote_quantity),
        ..body(order, style)
    }
}

/// A cancelled order.
pub(crate) fn canceled<'a>(order: &'a Order, style: Style<'a>, cancel_id: &'a str) -> Body<'a> {
    Body {
        orig_client_order_id: Some(&order.client_order_id),
        client_order_id: cancel_id,
        transact_time: Some(style.unit.write(order.updated)),
        quote_early: Some(order.quote_quantity),
        ..body(order, style)
    }
}

/// An order within a list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListedOrder<'a> {
    symbol: &'a str,
    order_id: u64,
    client_order_id: &'a str,
}

/// A list, with reports of its orders where the answer has them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListBody<'a, R> {
    order_list_id: u64,
    contingency_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    list_status_type: Option<&'static str>,
    list_order_status: &'static str,
    list_client_order_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_time: Option<u64>,
    symbol: &'a str,
    orders: Vec<ListedOrder<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_reports: Option<Vec<R>>,
}

/// A list and its orders.
pub(crate) fn list<'a, R>(
    list: &'a OrderList,
    orders: impl Iterator<Item = &'a Order>,
    style: Style<'a>,
    reports: Option<Vec<R>>,
) -> ListBody<'a, R> {
    ListBody {
        order_list_id: list.id,
        contingency_type: list.contingency.word(),
        list_status_type: Some(list.status_type()),
        list_order_status: list.order_status(),
        list_client_order_id: &list.client_order_id,
        transaction_time: Some(style.unit.write(list.updated)),
        symbol: style.symbol,
        orders: orders
            .map(|order| ListedOrder {
                symbol: style.symbol,
                order_id: order.id,
                client_order_id: &order.client_order_id,
            })
            .collect(),
        order_reports: reports,
    }
}

/// `PUT /api/v3/order/amend/keepPriority`. The only body that spells `cumulative` right.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Amended<'a> {
    transact_time: u64,
    execution_id: u64,
    amended_order: AmendedOrder<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    list_status: Option<ListBody<'a, ()>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AmendedOrder<'a> {
    symbol: &'a str,
    order_id: u64,
    order_list_id: i64,
    orig_client_order_id: &'a str,
    client_order_id: &'a str,
    price: Fixed,
    qty: Fixed,
    executed_qty: Fixed,
    prevented_qty: Fixed,
    quote_order_qty: Fixed,
    cumulative_quote_qty: Fixed,
    status: &'static str,
    time_in_force: &'static str,
    #[serde(rename = "type")]
    order_type: &'static str,
    side: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_price: Option<Fixed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iceberg_qty: Option<Fixed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    working_time: Option<u64>,
    self_trade_prevention_mode: &'static str,
}

/// Answer to an amendment; `of_list` is the order's list.
pub(crate) fn amended<'a>(
    order: &'a Order,
    style: Style<'a>,
    old_id: &'a str,
    execution_id: u64,
    of_list: Option<ListBody<'a, ()>>,
) -> String {
    rest::write(&Amended {
        transact_time: style.unit.write(order.updated),
        execution_id,
        amended_order: AmendedOrder {
            symbol: style.symbol,
            order_id: order.id,
            order_list_id: list_id(order.list),
            orig_client_order_id: old_id,
            client_order_id: &order.client_order_id,
            price: order.price,
            qty: order.quantity.unwrap_or_default(),
            executed_qty: order.executed,
            prevented_qty: order.prevented,
            quote_order_qty: order.quote_quantity,
            cumulative_quote_qty: order.quote_executed,
            status: order.status.word(),
            time_in_force: time_in_force_text(order.time_in_force),
            order_type: order.order_type.word(),
            side: side_text(order.side),
            stop_price: order.stop_price,
            iceberg_qty: order.iceberg,
            working_time: order.working.map(|time| style.unit.write(time)),
            self_trade_prevention_mode: order.self_trade.word(),
        },
        list_status: of_list.map(|list| ListBody { list_status_type: None, transaction_time: None, ..list }),
    })
}

/// One of `order/amendments`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AmendmentRow<'a> {
    symbol: &'a str,
    order_id: u64,
    execution_id: u64,
    orig_client_order_id: &'a str,
    new_client_order_id: &'a str,
    orig_qty: Fixed,
    new_qty: Fixed,
    time: u64,
}

pub(crate) fn amendment<'a>(order: u64, amendment: &'a Amendment, style: Style<'a>) -> AmendmentRow<'a> {
    AmendmentRow {
        symbol: style.symbol,
        order_id: order,
        execution_id: amendment.execution,
        orig_client_order_id: &amendment.old_client_order_id,
        new_client_order_id: &amendment.new_client_order_id,
        orig_qty: amendment.old_quantity,
        new_qty: amendment.new_quantity,
        time: style.unit.write(amendment.time),
    }
}

/// One of `myTrades`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TradeRow<'a> {
    symbol: &'a str,
    id: u64,
    order_id: u64,
    order_list_id: i64,
    price: Fixed,
    qty: Fixed,
    quote_qty: Fixed,
    commission: Fixed,
    commission_asset: &'a str,
    time: u64,
    is_buyer: bool,
    is_maker: bool,
    is_best_match: bool,
}

pub(crate) fn my_trade<'a>(trade: &'a OwnTrade, style: Style<'a>, accounts: &'a Accounts) -> TradeRow<'a> {
    TradeRow {
        symbol: style.symbol,
        id: trade.id,
        order_id: trade.order,
        order_list_id: list_id(trade.list),
        price: trade.price,
        qty: trade.quantity,
        quote_qty: trade.notional,
        commission: trade.commission,
        commission_asset: accounts.asset_name(trade.commission_asset),
        time: style.unit.write(trade.time),
        is_buyer: trade.side == Side::Buy,
        is_maker: trade.maker,
        is_best_match: true,
    }
}

/// One of `myPreventedMatches`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PreventedMatchRow<'a> {
    symbol: &'a str,
    prevented_match_id: u64,
    taker_order_id: u64,
    maker_symbol: &'a str,
    maker_order_id: u64,
    trade_group_id: i64,
    self_trade_prevention_mode: &'static str,
    price: Fixed,
    #[serde(skip_serializing_if = "Option::is_none")]
    taker_prevented_quantity: Option<Fixed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maker_prevented_quantity: Option<Fixed>,
    transact_time: u64,
}

pub(crate) fn prevented_match<'a>(row: &PreventedMatch, style: Style<'a>) -> PreventedMatchRow<'a> {
    PreventedMatchRow {
        symbol: style.symbol,
        prevented_match_id: row.id,
        taker_order_id: row.taker_order,
        maker_symbol: style.symbol,
        maker_order_id: row.maker_order,
        trade_group_id: row.group.map_or(-1, i64::from),
        self_trade_prevention_mode: SelfTrade::word(row.mode),
        price: row.price,
        taker_prevented_quantity: row.taker_prevented.is_positive().then_some(row.taker_prevented),
        maker_prevented_quantity: row.maker_prevented.is_positive().then_some(row.maker_prevented),
        transact_time: style.unit.write(row.time),
    }
}

//! REST: the account and its orders.

use ringfence_exchange::LimitConfig;

use super::{BUYS, OCO, Row, any_order, but, row};

/// A new order that rests, one that would take though it may not.
const RESTS: &str = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=51000";
const WOULD_TAKE: &str = "symbol=BTCUSDT&side=BUY&type=LIMIT_MAKER&quantity=0.01&price=65000";

pub const ROWS: &[Row] = &[
    row("rest/account-information.1", |desk, _| desk.signed("GET", "account", "")),
    row("rest/query-commission-rates.1", |desk, _| desk.signed("GET", "account/commission", "symbol=BTCUSDT")),
    row("rest/query-unfilled-order-count.1", |desk, _| desk.signed("GET", "rateLimit/order", "")),
    but("rest/query-relevant-filters.1", &["assetFilters"], &[], |desk, _| {
        desk.signed("GET", "myFilters", "symbol=BTCUSDT")
    }),
    row("rest/new-order.1", |desk, _| {
        desk.signed(
            "POST",
            "order",
            "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=50000&newOrderRespType=ACK",
        )
    }),
    row("rest/new-order.2", |desk, _| {
        desk.signed(
            "POST",
            "order",
            "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=50000&newOrderRespType=RESULT",
        )
    }),
    row("rest/new-order.3", |desk, _| desk.take()),
    row("rest/query-order.1", |desk, _| {
        let id = desk.rest("");
        desk.signed("GET", "order", &format!("symbol=BTCUSDT&orderId={id}"))
    }),
    any_order("rest/current-open-orders.1", |desk, _| {
        desk.rest("");
        desk.signed("GET", "openOrders", "")
    }),
    any_order("rest/all-orders.1", |desk, _| {
        desk.rest("");
        desk.signed("GET", "allOrders", "symbol=BTCUSDT")
    }),
    row("rest/order-amend-keep-priority.1", |desk, _| {
        let id = desk.rest("");
        desk.signed("PUT", "order/amend/keepPriority", &format!("symbol=BTCUSDT&orderId={id}&newQty=0.005"))
    }),
    row("rest/cancel-order.2", |desk, _| {
        let id = desk.rest("");
        desk.signed("DELETE", "order", &format!("symbol=BTCUSDT&orderId={id}&cancelRestrictions=NOPE"))
    }),
    row("rest/cancel-order.3", |desk, _| {
        let id = desk.rest("");
        desk.signed("DELETE", "order", &format!("symbol=BTCUSDT&orderId={id}&cancelRestrictions=ONLY_PARTIALLY_FILLED"))
    }),
    row("rest/cancel-order.1", |desk, _| {
        let id = desk.rest("&newClientOrderId=mine");
        desk.signed("DELETE", "order", &format!("symbol=BTCUSDT&orderId={id}&newClientOrderId=gone"))
    }),
    row("rest/account-trade-list.1", |desk, _| {
        desk.take();
        desk.signed("GET", "myTrades", "symbol=BTCUSDT")
    }),
    row("rest/test-new-order.1", |desk, _| {
        let order = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=50000";
        desk.signed("POST", "order/test", &format!("{order}&computeCommissionRates=true"))
    }),
    row("rest/order-amend-keep-priority.2", |desk, _| {
        let pending = "pendingType=MARKET&pendingSide=SELL&pendingQuantity=0.01";
        let id = desk.list("oto", &format!("{BUYS}&{pending}"))["orders"][1]["orderId"].clone();
        desk.signed("PUT", "order/amend/keepPriority", &format!("symbol=BTCUSDT&orderId={id}&newQty=0.005"))
    }),
    row("rest/query-order-amendments.1", |desk, _| {
        let id = desk.rest("");
        for quantity in ["0.005", "0.004"] {
            let amend = format!("symbol=BTCUSDT&orderId={id}&newQty={quantity}");
            desk.signed("PUT", "order/amend/keepPriority", &amend);
        }
        desk.signed("GET", "order/amendments", &format!("symbol=BTCUSDT&orderId={id}"))
    }),
    row("rest/query-prevented-matches.1", |desk, _| {
        let taker = desk.meet_oneself();
        desk.signed("GET", "myPreventedMatches", &format!("symbol=BTCUSDT&orderId={taker}"))
    }),
    row("rest/cancel-all-open-orders-on-a-symbol.1", |desk, _| {
        desk.rest("");
        desk.rest("");
        desk.list("oco", &format!("{OCO}&aboveIcebergQty=0.005&belowIcebergQty=0.005"));
        desk.signed("DELETE", "openOrders", "symbol=BTCUSDT")
    }),
    row("rest/cancel-an-existing-order-and-send-a-new-order.1", |desk, _| {
        let id = desk.rest("");
        desk.replace(&format!("{RESTS}&cancelReplaceMode=STOP_ON_FAILURE&cancelOrderId={id}"))
    }),
    row("rest/cancel-an-existing-order-and-send-a-new-order.2", |desk, _| {
        desk.replace(&format!("{RESTS}&cancelReplaceMode=STOP_ON_FAILURE&cancelOrderId=999"))
    }),
    row("rest/cancel-an-existing-order-and-send-a-new-order.3", |desk, _| {
        let id = desk.rest("");
        desk.replace(&format!("{WOULD_TAKE}&cancelReplaceMode=STOP_ON_FAILURE&cancelOrderId={id}"))
    }),
    row("rest/cancel-an-existing-order-and-send-a-new-order.4", |desk, _| {
        desk.replace(&format!("{RESTS}&newOrderRespType=ACK&cancelReplaceMode=ALLOW_FAILURE&cancelOrderId=999"))
    }),
    row("rest/cancel-an-existing-order-and-send-a-new-order.5", |desk, _| {
        desk.replace(&format!("{WOULD_TAKE}&cancelReplaceMode=ALLOW_FAILURE&cancelOrderId=999"))
    }),
    row("rest/cancel-an-existing-order-and-send-a-new-order.6", |desk, _| {
        desk.limit_to(LimitConfig { orders_per_ten_seconds: 1, ..LimitConfig::default() });
        let id = desk.rest("");
        desk.replace(&format!("{RESTS}&cancelReplaceMode=STOP_ON_FAILURE&cancelOrderId={id}"))
    }),
    row("rest/cancel-an-existing-order-and-send-a-new-order.7", |desk, _| {
        desk.limit_to(LimitConfig { orders_per_ten_seconds: 1, ..LimitConfig::default() });
        let id = desk.rest("");
        let mode = "cancelReplaceMode=ALLOW_FAILURE&orderRateLimitExceededMode=CANCEL_ONLY";
        desk.replace(&format!("{RESTS}&{mode}&cancelOrderId={id}"))
    }),
];

//! Order lists, by both doors.

use serde_json::{Value, json};

use super::{BUYS, CONDITIONAL, OCO, OTO, Row, but, lately, row};

pub const ROWS: &[Row] = &[
    row("ws-api/place-new-order-list-oco.2", |desk, recorded| desk.oco(recorded)),
    row("ws-api/query-order-list.2", |desk, recorded| {
        desk.oco(recorded);
        desk.example(&recorded("ws-api/query-order-list.1"), json!({"origClientOrderId": "both"}))
    }),
    row("ws-api/current-open-order-lists.2", |desk, recorded| {
        desk.oco(recorded);
        desk.example(&recorded("ws-api/current-open-order-lists.1"), json!({}))
    }),
    row("ws-api/account-order-list-history.2", |desk, recorded| {
        desk.oco(recorded);
        desk.example(&recorded("ws-api/account-order-list-history.1"), lately(desk.now))
    }),
    // This door's example lacks what REST's has.
    but("ws-api/cancel-order-list.2", &[], &["origClientOrderId"], |desk, recorded| {
        let placed: Value = serde_json::from_str(&desk.oco(recorded)).unwrap();
        let id = placed["result"]["orderListId"].clone();
        desk.example(&recorded("ws-api/cancel-order-list.1"), json!({"orderListId": id}))
    }),
    row("rest/new-order-list-oco.1", |desk, _| {
        // A sale with an iceberg below, as in the example.
        let pair = "side=SELL&quantity=0.01&aboveType=LIMIT_MAKER&abovePrice=70000&belowType=STOP_LOSS_LIMIT&belowStopPrice=50000&belowPrice=49000&belowTimeInForce=GTC&belowIcebergQty=0.005";
        desk.post_list("orderList/oco", pair)
    }),
    row("rest/new-oco-deprecated.1", |desk, _| {
        desk.post_list("order/oco", "side=BUY&quantity=0.01&price=50000&stopPrice=70000")
    }),
    row("rest/new-order-list-oto.1", |desk, _| {
        let pair = "workingType=LIMIT&workingSide=SELL&workingPrice=70000&workingQuantity=0.01&workingTimeInForce=GTC&pendingType=MARKET&pendingSide=BUY&pendingQuantity=0.02";
        desk.post_list("orderList/oto", pair)
    }),
    row("rest/new-order-list-otoco.1", |desk, _| {
        let working =
            "workingType=LIMIT&workingSide=SELL&workingPrice=70000&workingQuantity=0.01&workingTimeInForce=GTC";
        let pair = "pendingSide=BUY&pendingQuantity=0.02&pendingBelowType=LIMIT_MAKER&pendingBelowPrice=50000&pendingAboveType=STOP_LOSS_LIMIT&pendingAboveStopPrice=70000&pendingAbovePrice=71000&pendingAboveTimeInForce=IOC";
        desk.post_list("orderList/otoco", &format!("{working}&{pair}"))
    }),
    row("rest/new-order-list-opo.1", |desk, _| {
        desk.post_list("orderList/opo", &format!("{BUYS}&pendingType=MARKET&pendingSide=SELL"))
    }),
    row("rest/new-order-list-opoco.1", |desk, _| {
        let pair = "pendingSide=SELL&pendingAboveType=LIMIT_MAKER&pendingAbovePrice=70000&pendingBelowType=STOP_LOSS_LIMIT&pendingBelowStopPrice=45000&pendingBelowPrice=44000&pendingBelowTimeInForce=GTC";
        desk.post_list("orderList/opoco", &format!("{BUYS}&{pair}"))
    }),
    row("rest/query-order-list.1", |desk, _| {
        let id = desk.list("oco", OCO)["orderListId"].clone();
        desk.signed("GET", "orderList", &format!("orderListId={id}"))
    }),
    row("rest/query-open-order-lists.1", |desk, _| {
        desk.list("oco", OCO);
        desk.signed("GET", "openOrderList", "")
    }),
    row("rest/query-all-order-lists.1", |desk, _| {
        desk.list("oco", OCO);
        desk.signed("GET", "allOrderList", "")
    }),
    row("rest/cancel-order-list.1", |desk, _| {
        let pair = "side=SELL&quantity=0.01&aboveType=LIMIT_MAKER&abovePrice=70000&belowType=STOP_LOSS_LIMIT&belowStopPrice=50000&belowPrice=49000&belowTimeInForce=GTC";
        let id = desk.list("oco", pair)["orderListId"].clone();
        desk.signed("DELETE", "orderList", &format!("symbol=BTCUSDT&orderListId={id}"))
    }),
    row("ws-api/place-new-oco-deprecated.2", |desk, recorded| {
        let changes =
            json!({"quantity": "0.01", "price": "70000.00", "stopPrice": "50000.00", "stopLimitPrice": "49000.00"});
        desk.example(&recorded("ws-api/place-new-oco-deprecated.1"), changes)
    }),
    row("ws-api/place-new-order-list-oto.2", |desk, recorded| {
        let changes = json!({"workingPrice": "70000.00", "workingQuantity": "0.01", "pendingQuantity": "0.01"});
        desk.example(&recorded("ws-api/place-new-order-list-oto.1"), changes)
    }),
    row("ws-api/place-new-order-list-otoco.2", |desk, recorded| {
        // The example's prices are those of a market in which its stop is below, though it is named the other way.
        let changes = json!({"workingPrice": "50000.00", "workingQuantity": "0.01", "pendingQuantity": "0.01",
            "pendingSide": "BUY", "pendingAboveStopPrice": "70000.00", "pendingBelowPrice": "45000.00"});
        desk.example(&recorded("ws-api/place-new-order-list-otoco.1"), changes)
    }),
    but("ws-api/opo.2", &[], &["rateLimits"], |desk, recorded| {
        let changes = json!({"workingPrice": "50000.00", "workingQuantity": "0.01"});
        desk.example(&recorded("ws-api/opo.1"), changes)
    }),
    but("ws-api/opoco.2", &[], &["rateLimits"], |desk, recorded| {
        let changes = json!({"workingPrice": "50000.00", "workingQuantity": "0.01", "pendingAbovePrice": "70000.00",
            "pendingBelowStopPrice": "45000.00", "pendingBelowPrice": "44000.00"});
        desk.example(&recorded("ws-api/opoco.1"), changes)
    }),
    but("ws-api/cancel-open-orders.2", CONDITIONAL, &[], |desk, recorded| {
        desk.rest("&strategyId=1&strategyType=1000000");
        desk.list("oco", OCO);
        desk.example(&recorded("ws-api/cancel-open-orders.1"), json!({}))
    }),
    row("ws-api/cancel-order.3", |desk, recorded| {
        let name = desk.list("oco", OCO)["orders"][0]["clientOrderId"].clone();
        desk.example(&recorded("ws-api/cancel-order.1"), json!({"origClientOrderId": name}))
    }),
    row("ws-api/order-amend-keep-priority.3", |desk, recorded| {
        let name = desk.list("oto", OTO)["orders"][0]["clientOrderId"].clone();
        let changes = json!({"origClientOrderId": name, "newQty": "0.005"});
        desk.example(&recorded("ws-api/order-amend-keep-priority.1"), changes)
    }),
];

//! WebSocket API: the account and its orders.

use ringfence_exchange::LimitConfig;
use serde_json::{Value, json};

use super::{CONDITIONAL, Row, any_order, but, lately, part, row};
use crate::json::Allowed;

/// Makes an example's order one that rests below this market.
fn resting(answer: &str) -> Value {
    json!({"side": "BUY", "price": "50000.00", "quantity": "0.01", "newOrderRespType": answer})
}

/// A replacement of the order of this name by one that rests; `more` is on top.
fn replacing(name: &str, more: Value) -> Value {
    let mut changes = json!({"cancelOrigClientOrderId": name, "side": "BUY", "price": "51000.00", "quantity": "0.01"});
    for (name, value) in more.as_object().unwrap() {
        changes[name] = value.clone();
    }
    changes
}

/// An order that would take though it may not.
fn would_take() -> Value {
    json!({"type": "LIMIT_MAKER", "timeInForce": null, "price": "65000.00"})
}

pub const ROWS: &[Row] = &[
    any_order("ws-api/account-information.2", |desk, recorded| {
        desk.example(&recorded("ws-api/account-information.1"), json!({}))
    }),
    row("ws-api/account-commission-rates.2", |desk, recorded| {
        desk.example(&recorded("ws-api/account-commission-rates.1"), json!({}))
    }),
    row("ws-api/unfilled-order-count.3", |desk, recorded| {
        desk.example(&recorded("ws-api/unfilled-order-count.2"), json!({}))
    }),
    but("ws-api/query-relevant-filters.2", &["assetFilters"], &["rateLimits"], |desk, recorded| {
        desk.example(&recorded("ws-api/query-relevant-filters.1"), json!({}))
    }),
    row("ws-api/place-new-order.2", |desk, recorded| {
        desk.example(&recorded("ws-api/place-new-order.1"), resting("ACK"))
    }),
    row("ws-api/place-new-order.3", |desk, recorded| {
        desk.example(&recorded("ws-api/place-new-order.1"), resting("RESULT"))
    }),
    but("ws-api/place-new-order.4", &[], &["selfTradePreventionMode"], |desk, recorded| {
        let sold = json!({"price": "58000.00", "quantity": "0.01", "newOrderRespType": "FULL"});
        desk.example(&recorded("ws-api/place-new-order.1"), sold)
    }),
    row("ws-api/response-format.1", |desk, recorded| {
        desk.example(&recorded("ws-api/request-format.1"), resting("RESULT"))
    }),
    row("ws-api/response-format.2", |desk, recorded| {
        desk.example(&recorded("ws-api/request-format.1"), json!({"price": "50000.00", "quantity": "150"}))
    }),
    row("ws-api/unfilled-order-count.1", |desk, recorded| {
        desk.example(&recorded("ws-api/request-format.1"), resting("RESULT"))
    }),
    row("ws-api/test-new-order.2", |desk, recorded| desk.example(&recorded("ws-api/test-new-order.1"), resting("ACK"))),
    but("ws-api/query-order.2", CONDITIONAL, &[], |desk, recorded| {
        let id = desk.rest("&strategyId=1&strategyType=1000000");
        desk.example(&recorded("ws-api/query-order.1"), json!({"orderId": id}))
    }),
    // The examples of REST and of this door disagree on where `origQuoteOrderQty` stands; here it stands as in REST.
    any_order("ws-api/current-open-orders.2", |desk, recorded| {
        desk.rest("");
        desk.example(&recorded("ws-api/current-open-orders.1"), json!({}))
    }),
    but("ws-api/cancel-order.2", CONDITIONAL, &[], |desk, recorded| {
        desk.rest("&newClientOrderId=mine&strategyId=1&strategyType=1000000");
        desk.example(&recorded("ws-api/cancel-order.1"), json!({"origClientOrderId": "mine"}))
    }),
    row("ws-api/account-trade-history.2", |desk, recorded| {
        desk.take();
        desk.example(&recorded("ws-api/account-trade-history.1"), lately(desk.now))
    }),
    Row {
        allowed: Allowed { missing: &["preventedMatchId", "preventedQuantity"], more: &[], any_order: true },
        ..row("ws-api/account-order-history.2", |desk, recorded| {
            desk.rest("");
            desk.example(&recorded("ws-api/account-order-history.1"), lately(desk.now))
        })
    },
    row("ws-api/order-amend-keep-priority.2", |desk, recorded| {
        desk.rest("&newClientOrderId=mine");
        let changes = json!({"origClientOrderId": "mine", "newQty": "0.005"});
        desk.example(&recorded("ws-api/order-amend-keep-priority.1"), changes)
    }),
    row("ws-api/query-order-amendments.2", |desk, recorded| {
        let id = desk.rest("&newClientOrderId=mine");
        let changes = json!({"origClientOrderId": "mine", "newQty": "0.005"});
        desk.example(&recorded("ws-api/order-amend-keep-priority.1"), changes);
        desk.example(&recorded("ws-api/query-order-amendments.1"), json!({"orderId": id}))
    }),
    row("ws-api/test-new-order.3", |desk, recorded| {
        let changes = json!({"side": "BUY", "price": "50000.00", "quantity": "0.01", "computeCommissionRates": true});
        desk.example(&recorded("ws-api/test-new-order.1"), changes)
    }),
    row("ws-api/account-prevented-matches.2", |desk, recorded| {
        let taker = desk.meet_oneself();
        desk.example(&recorded("ws-api/account-prevented-matches.1"), json!({"orderId": taker}))
    }),
    // Answers without their frame.
    row("ws-api/cancel-order.4", |desk, recorded| {
        desk.rest("&newClientOrderId=mine");
        let changes = json!({"origClientOrderId": "mine", "cancelRestrictions": "NOPE"});
        part(&desk.example(&recorded("ws-api/cancel-order.1"), changes), "error")
    }),
    row("ws-api/cancel-order.5", |desk, recorded| {
        desk.rest("&newClientOrderId=mine");
        let changes = json!({"origClientOrderId": "mine", "cancelRestrictions": "ONLY_PARTIALLY_FILLED"});
        part(&desk.example(&recorded("ws-api/cancel-order.1"), changes), "error")
    }),
    row("ws-api/ip-limits.1", |desk, recorded| desk.example(&recorded("ws-api/current-open-orders.1"), json!({}))),
    row("ws-api/ip-limits.2", |desk, recorded| {
        desk.limit_to(LimitConfig { weight_per_minute: 10, refusals_before_ban: 2, ..LimitConfig::default() });
        let request = recorded("ws-api/check-server-time.1");
        let answers = (0..20).map(|_| desk.frame(&request));
        answers.into_iter().find(|answer| answer.contains("\"status\":418")).unwrap_or_else(|| panic!("no ban"))
    }),
    // Both orders of this example are older than `workingTime`.
    but("ws-api/cancel-and-replace-order.2", &[], &["workingTime"], |desk, recorded| {
        desk.rest("&newClientOrderId=mine");
        let changes = replacing("mine", json!({"newOrderRespType": "RESULT"}));
        desk.example(&recorded("ws-api/cancel-and-replace-order.1"), changes)
    }),
    row("ws-api/cancel-and-replace-order.3", |desk, recorded| {
        let changes = replacing("nobody", json!({"cancelReplaceMode": "STOP_ON_FAILURE"}));
        desk.example(&recorded("ws-api/cancel-and-replace-order.1"), changes)
    }),
    row("ws-api/cancel-and-replace-order.4", |desk, recorded| {
        desk.rest("&newClientOrderId=mine");
        desk.example(&recorded("ws-api/cancel-and-replace-order.1"), replacing("mine", would_take()))
    }),
    row("ws-api/cancel-and-replace-order.5", |desk, recorded| {
        desk.example(&recorded("ws-api/cancel-and-replace-order.1"), replacing("nobody", json!({})))
    }),
    row("ws-api/cancel-and-replace-order.6", |desk, recorded| {
        desk.example(&recorded("ws-api/cancel-and-replace-order.1"), replacing("nobody", would_take()))
    }),
    row("ws-api/cancel-and-replace-order.7", |desk, recorded| {
        desk.limit_to(LimitConfig { orders_per_ten_seconds: 1, ..LimitConfig::default() });
        desk.rest("&newClientOrderId=mine");
        desk.example(&recorded("ws-api/cancel-and-replace-order.1"), replacing("mine", json!({})))
    }),
    row("ws-api/cancel-and-replace-order.8", |desk, recorded| {
        desk.limit_to(LimitConfig { orders_per_ten_seconds: 1, ..LimitConfig::default() });
        desk.rest("&newClientOrderId=mine");
        let changes = replacing("mine", json!({"orderRateLimitExceededMode": "CANCEL_ONLY"}));
        desk.example(&recorded("ws-api/cancel-and-replace-order.1"), changes)
    }),
];

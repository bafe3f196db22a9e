#[path = "ws_api/session_tests.rs"]
mod session;

use serde_json::{Value, json};

use super::*;
use crate::testing::{Desk, config, signature};

fn frame(desk: &mut Desk, session: &mut WsSession, request: &Value) -> Value {
    let answer = desk.exchange.ws_api(desk.now, session, &request.to_string());
    serde_json::from_str(&answer).unwrap()
}

/// Signs as the venue's documents say: sorted by name, not encoded.
fn signed(desk: &Desk, key: &str, mut params: Value) -> Value {
    params["apiKey"] = json!(key);
    params["timestamp"] = json!(desk.now.as_millis());
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut pairs: Vec<_> =
        params.as_object().unwrap().iter().map(|(name, value)| format!("{name}={}", text(value))).collect();
    pairs.sort();
    params["signature"] = json!(signature(key, &pairs.join("&")));
    params
}

#[test]
fn orders_are_placed_asked_for_and_cancelled_in_frames() {
    let (mut desk, mut session) = (Desk::open(config(1)), WsSession::default());
    let order = json!({"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "50000.00", "quantity": 0.25});
    let params = signed(&desk, "ada", order);
    let placed = frame(&mut desk, &mut session, &json!({"id": "a-1", "method": "order.place", "params": params}));
    assert_eq!((&placed["id"], &placed["status"]), (&json!("a-1"), &json!(200)));
    assert_eq!(placed["result"]["origQty"], "0.25000000");
    let counted = placed["rateLimits"].as_array().unwrap().iter().filter(|row| row["rateLimitType"] == "ORDERS");
    assert_eq!(counted.map(|row| row["count"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 1]);

    let named = json!({"symbol": "BTCUSDT", "orderId": placed["result"]["orderId"], "returnRateLimits": false});
    let params = signed(&desk, "ada", named);
    let found = frame(&mut desk, &mut session, &json!({"id": 2, "method": "v3/order.status", "params": params}));
    assert_eq!((&found["result"]["status"], &found["rateLimits"]), (&json!("NEW"), &Value::Null));
    let gone = frame(&mut desk, &mut session, &json!({"id": null, "method": "order.cancel", "params": params}));
    assert_eq!((&gone["result"]["status"], &gone["id"]), (&json!("CANCELED"), &Value::Null));
    let again = frame(&mut desk, &mut session, &json!({"id": 3, "method": "order.cancel", "params": params}));
    assert_eq!(
        (&again["status"], &again["error"]),
        (&json!(400), &json!({"code": -2011, "msg": "Unknown order sent."}))
    );
}

#[test]
fn an_account_is_subscribed_to_once_with_its_signature() {
    let (mut desk, mut session) = (Desk::open(config(1)), WsSession::default());
    let mut ask = |method: &str, params: &Value| {
        let answer = frame(&mut desk, &mut session, &json!({"id": 1, "method": method, "params": params}));
        (answer["result"].clone(), answer["error"]["code"].clone())
    };
    let start = Desk::quiet(config(1));
    let (ada, bob) = (signed(&start, "ada", json!({})), signed(&start, "bob", json!({})));
    let subscribe = "userDataStream.subscribe.signature";
    assert_eq!(ask(subscribe, &ada), (json!({"subscriptionId": 0}), Value::Null));
    assert_eq!(ask(subscribe, &ada).1, -2035);
    assert_eq!(ask(subscribe, &bob).0, json!({"subscriptionId": 1}));
    let mut forged = ada.clone();
    forged["signature"] = bob["signature"].clone();
    assert_eq!(ask(subscribe, &forged).1, -1022);
    assert_eq!(ask("session.subscriptions", &json!({})).0, json!([{"subscriptionId": 0}, {"subscriptionId": 1}]));
    assert_eq!(ask("userDataStream.unsubscribe", &json!({"subscriptionId": 7})).1, -2036);
    assert_eq!(ask("userDataStream.unsubscribe", &json!({"subscriptionId": 0})).0, json!({}));
    assert_eq!(ask("userDataStream.unsubscribe", &json!({})).0, json!({}));
    assert_eq!(ask("session.subscriptions", &json!({})).0, json!([]));
    assert_eq!(ask("session.logon", &ada).1, -4056);
    assert_eq!(ask("no.such.method", &json!({})).1, -1020);
    assert_eq!(session.subscriptions().count(), 0);
    let answer = desk.exchange.ws_api(desk.now, &mut session, "{no json");
    assert!(answer.contains("-1135"), "{answer}");
    // Whoever can be told apart is answered by name.
    let twice = r#"{"id":"me","method":"depth","params":{"symbol":"BTCUSDT","symbol":"ETHUSDT"}}"#;
    let answer = desk.exchange.ws_api(desk.now, &mut session, twice);
    assert!(answer.starts_with(r#"{"id":"me","status":400,"error":{"code":-1101,"#), "{answer}");
}

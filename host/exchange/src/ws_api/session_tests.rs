//! Logging on, subscriptions, units, and what a banned session hears.

use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Map, Value, json};

use super::super::{WsSession, server_shutdown};
use crate::config::LimitConfig;
use crate::keys::{ApiKey, Rights, Verifier};
use crate::testing::{Desk, config, signature};
use crate::{ExchangeConfig, TimeUnit};

const HOME: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap()
}

fn key(name: &str, rights: Rights) -> ApiKey {
    let public = pair().public_key().as_ref().try_into().unwrap();
    ApiKey { api_key: name.to_owned(), verifier: Verifier::Ed25519(public), rights, addresses: Vec::new() }
}

/// Ada has two Ed25519 keys besides her first one: one that may do everything, one that
/// only reads.
fn desk() -> Desk {
    let mut config = config(1);
    config.accounts[0].keys = vec![key("ada-all", Rights::ALL), key("ada-reads", Rights::READ)];
    Desk::open(config)
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn ask(desk: &mut Desk, session: &mut WsSession, method: &str, params: &Value) -> Value {
    let request = json!({"id": 7, "method": method, "params": params});
    serde_json::from_str(&desk.exchange.ws_api(desk.now, session, &request.to_string())).unwrap()
}

fn log_on(desk: &mut Desk, session: &mut WsSession, name: &str) -> Value {
    let payload = format!("apiKey={name}&timestamp={}", desk.now.as_millis());
    let signature = base64(pair().sign(payload.as_bytes()).as_ref());
    let params = json!({"apiKey": name, "timestamp": desk.now.as_millis(), "signature": signature});
    ask(desk, session, "session.logon", &params)
}

fn stamped(desk: &Desk, more: Value) -> Value {
    let mut params: Map<String, Value> = more.as_object().cloned().unwrap();
    params.insert("timestamp".to_owned(), desk.now.as_millis().into());
    Value::Object(params)
}

fn order() -> Value {
    json!({"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "50000.00"})
}

#[test]
fn who_is_logged_on_signs_no_more() {
    let mut desk = desk();
    let mut session = WsSession::open(desk.now, HOME, "").unwrap();
    let refused = ask(&mut desk, &mut session, "account.status", &stamped(&Desk::quiet(config(1)), json!({})));
    assert_eq!(refused["error"]["code"], -2014);
    assert_eq!(ask(&mut desk, &mut session, "userDataStream.subscribe", &json!({}))["status"], 401);
    let on = log_on(&mut desk, &mut session, "ada-all");
    assert_eq!((&on["status"], &on["result"]["apiKey"]), (&json!(200), &json!("ada-all")), "{on}");
    assert_eq!(on["result"]["authorizedSince"], desk.now.as_millis());
    let params = stamped(&desk, order());
    let placed = ask(&mut desk, &mut session, "order.place", &params);
    assert_eq!(placed["status"], 200, "{placed}");
    // A request still needs its time, and may be signed by another key.
    let timeless = ask(&mut desk, &mut session, "order.place", &order());
    assert_eq!(timeless["error"]["code"], -1102);
    let payload = format!("apiKey=bob&timestamp={}", desk.now.as_millis());
    let params = json!({"apiKey": "bob", "timestamp": desk.now.as_millis(), "signature": signature("bob", &payload)});
    let other = ask(&mut desk, &mut session, "openOrders.status", &params);
    assert_eq!(other["result"], json!([]), "bob has no orders");
    let params = stamped(&desk, json!({}));
    let own = ask(&mut desk, &mut session, "openOrders.status", &params);
    assert_eq!(own["result"].as_array().unwrap().len(), 1);
    let off = ask(&mut desk, &mut session, "session.logout", &json!({}));
    assert_eq!(off["result"]["apiKey"], Value::Null);
    let params = stamped(&desk, json!({}));
    assert_eq!(ask(&mut desk, &mut session, "account.status", &params)["error"]["code"], -2014);
}

#[test]
fn a_key_that_reads_does_not_trade() {
    let mut desk = desk();
    let mut session = WsSession::open(desk.now, HOME, "").unwrap();
    assert_eq!(log_on(&mut desk, &mut session, "ada-reads")["status"], 200);
    let params = stamped(&desk, json!({}));
    assert_eq!(ask(&mut desk, &mut session, "account.status", &params)["status"], 200);
    let params = stamped(&desk, order());
    let refused = ask(&mut desk, &mut session, "order.place", &params);
    assert_eq!((&refused["status"], &refused["error"]["code"]), (&json!(401), &json!(-2015)));
    let hmac =
        ask(&mut desk, &mut session, "session.logon", &json!({"apiKey": "ada", "signature": "0", "timestamp": 1}));
    assert_eq!(hmac["error"], json!({"code": -4056, "msg": "HMAC_SHA256 API key is not supported."}));
}

#[test]
fn logging_out_ends_only_what_the_logon_subscribed() {
    let mut desk = desk();
    let mut session = WsSession::open(desk.now, HOME, "").unwrap();
    log_on(&mut desk, &mut session, "ada-all");
    assert_eq!(ask(&mut desk, &mut session, "userDataStream.subscribe", &json!({}))["result"]["subscriptionId"], 0);
    let again = ask(&mut desk, &mut session, "userDataStream.subscribe", &json!({}));
    assert_eq!(again["error"]["code"], -2035, "one subscription for an account, whatever its key");
    let payload = format!("apiKey=bob&timestamp={}", desk.now.as_millis());
    let params = json!({"apiKey": "bob", "timestamp": desk.now.as_millis(), "signature": signature("bob", &payload)});
    let signed = ask(&mut desk, &mut session, "userDataStream.subscribe.signature", &params);
    assert_eq!(signed["result"]["subscriptionId"], 1);
    let status = ask(&mut desk, &mut session, "session.status", &json!({}));
    assert_eq!(status["result"]["userDataStream"], true);
    ask(&mut desk, &mut session, "session.logout", &json!({}));
    let now = desk.now.as_millis();
    let ended = format!(r#"{{"subscriptionId":0,"event":{{"e":"eventStreamTerminated","E":{now}}}}}"#);
    assert_eq!(session.take_events(), [ended]);
    assert_eq!(session.subscriptions().collect::<Vec<_>>(), [(1, "bob")]);
    ask(&mut desk, &mut session, "userDataStream.unsubscribe", &json!({"subscriptionId": 1}));
    assert_eq!(session.take_events().len(), 1);
    // Numbers are not given twice.
    let signed = ask(&mut desk, &mut session, "userDataStream.subscribe.signature", &params);
    assert_eq!(signed["result"]["subscriptionId"], 2);
}

#[test]
fn the_address_chooses_unit_and_limits() {
    let mut desk = desk();
    let mut session = WsSession::open(desk.now, HOME, "returnRateLimits=false&timeUnit=MICROSECOND").unwrap();
    let time = ask(&mut desk, &mut session, "time", &json!({}));
    assert_eq!(time, json!({"id": 7, "status": 200, "result": {"serverTime": desk.now.0}}));
    let shown = ask(&mut desk, &mut session, "time", &json!({"returnRateLimits": true}));
    assert_eq!(shown["rateLimits"][0]["rateLimitType"], "REQUEST_WEIGHT");
    assert!(WsSession::open(desk.now, HOME, "timeUnit=hour").unwrap_err().contains("-1194"));
    assert_eq!(
        server_shutdown(desk.now),
        format!(r#"{{"event":{{"e":"serverShutdown","E":{}}}}}"#, desk.now.as_millis())
    );
    assert_eq!(TimeUnit::default(), TimeUnit::Milliseconds);
}

#[test]
fn what_is_sent_is_signed_as_it_stands() {
    let mut desk = desk();
    let mut session = WsSession::open(desk.now, HOME, "").unwrap();
    let now = desk.now.as_millis();
    // Numbers keep their zeros; texts are not encoded.
    let payload = format!(
        "apiKey=ada&price=50000.00&quantity=0.0100&recvWindow=5000.250&side=BUY&symbol=BTCUSDT&timeInForce=GTC&timestamp={now}&type=LIMIT"
    );
    let text = format!(
        r#"{{"id":"x","method":"v3/order.place","params":{{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","timeInForce":"GTC","quantity":0.0100,"price":50000.00,"recvWindow":5000.250,"apiKey":"ada","timestamp":{now},"signature":"{}"}}}}"#,
        signature("ada", &payload).to_uppercase()
    );
    let answer: Value = serde_json::from_str(&desk.exchange.ws_api(desk.now, &mut session, &text)).unwrap();
    assert_eq!((&answer["status"], &answer["id"]), (&json!(200), &json!("x")), "{answer}");
}

#[test]
fn a_banned_session_is_told_until_when_and_ends() {
    let limits = LimitConfig { weight_per_minute: 5, refusals_before_ban: 1, ..LimitConfig::default() };
    let mut desk = Desk::open(ExchangeConfig { limits, ..config(1) });
    let mut session = WsSession::open(desk.now, HOME, "").unwrap();
    let mut time = |session: &mut WsSession| ask(&mut desk, session, "ticker.price", &json!({}));
    assert_eq!(time(&mut session)["status"], 200);
    let refused = time(&mut session);
    let data = &refused["error"]["data"];
    assert_eq!((&refused["status"], &refused["error"]["code"]), (&json!(429), &json!(-1003)));
    let (now, until) = (data["serverTime"].as_u64().unwrap(), data["retryAfter"].as_u64().unwrap());
    assert!(until > now && until - now <= 60_000, "a moment, not a length: {data}");
    assert!(!session.is_ended());
    let banned = time(&mut session);
    assert_eq!(banned["status"], 418);
    assert!(banned["error"]["msg"].as_str().unwrap().starts_with("Way too much request weight used; IP banned until "));
    assert_eq!(banned["error"]["data"]["retryAfter"], now + 120_000);
    assert!(session.is_ended());
}

#[test]
fn too_many_orders_are_told_when_to_try_again() {
    let limits = LimitConfig { orders_per_ten_seconds: 1, ..LimitConfig::default() };
    let mut desk = Desk::open(ExchangeConfig { limits, ..config(1) });
    let mut session = WsSession::open(desk.now, HOME, "").unwrap();
    let now = desk.now.as_millis();
    let order = "quantity=0.01&price=50000&side=BUY&symbol=BTCUSDT&timeInForce=GTC&type=LIMIT";
    let mut send = |method: &str, more: &str| {
        let mut pairs: Vec<(&str, &str)> =
            format_pairs(order).chain(format_pairs(more)).chain([("apiKey", "ada")]).collect();
        let time = now.to_string();
        pairs.push(("timestamp", &time));
        pairs.sort_unstable();
        let payload = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
        let mut params: serde_json::Map<String, Value> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        params.insert("signature".to_owned(), json!(signature("ada", &payload)));
        ask(&mut desk, &mut session, method, &Value::Object(params))
    };
    let placed = send("order.place", "");
    assert_eq!(placed["status"], 200, "{placed}");
    let refused = send("order.place", "");
    let data = &refused["error"]["data"];
    assert_eq!((&refused["status"], &refused["error"]["code"]), (&json!(429), &json!(-1015)));
    assert_eq!(data["serverTime"], now);
    let after = data["retryAfter"].as_u64().unwrap();
    assert!(after > now && after <= now + 10_000, "a moment, not a length: {data}");
    // The documented example of this one has no data.
    let cancelled = format!("cancelOrderId={}&cancelReplaceMode=STOP_ON_FAILURE", placed["result"]["orderId"]);
    let refused = send("order.cancelReplace", &cancelled);
    assert_eq!((&refused["error"]["code"], refused["error"].get("data")), (&json!(-1015), None));
}

fn format_pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').filter_map(|pair| pair.split_once('='))
}

/// Each session hears the same events, and each its own unit: microseconds are those of the
/// event, not milliseconds with three zeros.
#[test]
fn events_are_told_in_the_unit_of_the_session() {
    let mut desk = desk();
    desk.now = desk.now.plus(ringfence_model::Micros(789));
    let mut fine = WsSession::open(desk.now, HOME, "timeUnit=MICROSECOND").unwrap();
    let mut coarse = WsSession::open(desk.now, HOME, "").unwrap();
    let payload = format!("apiKey=ada&timestamp={}", desk.now.as_millis());
    let params = json!({"apiKey": "ada", "timestamp": desk.now.as_millis(), "signature": signature("ada", &payload)});
    for session in [&mut fine, &mut coarse] {
        let answer = ask(&mut desk, session, "userDataStream.subscribe.signature", &params);
        assert_eq!(answer["status"], 200, "{answer}");
    }
    desk.limit("ada", "BUY", "0.01", 50_000);
    desk.exchange.transfer(desk.now, "ada", "USDT", crate::testing::decimal("5")).unwrap();
    let events = desk.exchange.drain_user();
    let kinds: Vec<Value> = events.iter().map(|event| serde_json::from_str(&event.json).unwrap()).collect();
    let kinds: Vec<&str> = kinds.iter().map(|event| event["e"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["executionReport", "outboundAccountPosition", "balanceUpdate", "outboundAccountPosition"]);
    for event in &events {
        let heard = |session: &WsSession| -> Value { serde_json::from_str(&session.event(0, event)).unwrap() };
        let (fine, coarse) = (heard(&fine)["event"].clone(), heard(&coarse)["event"].clone());
        for (name, time) in fine.as_object().unwrap() {
            let is_time = matches!(name.as_str(), "E" | "T" | "O" | "W")
                || (name == "u" && fine["e"] == "outboundAccountPosition");
            let wanted =
                if is_time { (json!(desk.now.0), json!(desk.now.as_millis())) } else { (time.clone(), time.clone()) };
            assert_eq!((time, &coarse[name]), (&wanted.0, &wanted.1), "{name}");
        }
    }
}

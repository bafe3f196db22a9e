//! Orders, lists and their answers as the venue's documents show them.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{AMEND, ORDER, error};
use crate::testing::{Desk, config, decimal};
use crate::{ExchangeConfig, LimitConfig, SymbolConfig};

/// An object's fields in the order in which they are written.
struct Fields(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Fields;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Read)
    }
}

/// Fields, their order and the types of their values, all the way down; of a list its
/// first row counts.
fn shape(json: &str, path: &str, out: &mut Vec<String>) {
    match json.trim_start().as_bytes()[0] {
        b'{' => {
            for (name, value) in serde_json::from_str::<Fields>(json).unwrap().0 {
                shape(value.get(), &format!("{path}.{name}"), out);
            }
        }
        b'[' => {
            let rows: Vec<Box<RawValue>> = serde_json::from_str(json).unwrap();
            out.push(format!("{path}: list"));
            if let Some(row) = rows.first() {
                shape(row.get(), &format!("{path}[]"), out);
            }
        }
        b'"' => {
            let text: String = serde_json::from_str(json).unwrap();
            let number = text.parse::<f64>().is_ok();
            out.push(format!("{path}: {}", if number { "amount" } else { "text" }));
        }
        b'-' | b'0'..=b'9' => out.push(format!("{path}: number")),
        _ => out.push(format!("{path}: {}", json.trim())),
    }
}

/// The answer has the fields of the documents, in their order and with their types.
fn like(fixture: &str, body: &str) {
    let file = format!("{}/../../tests/fixtures/binance/rest/{fixture}.json", env!("CARGO_MANIFEST_DIR"));
    let documented = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
    let (mut wanted, mut found) = (Vec::new(), Vec::new());
    shape(&documented, "", &mut wanted);
    shape(body, "", &mut found);
    assert_eq!(found, wanted, "{fixture}: {body}");
}

const S: &str = "symbol=BTCUSDT";

/// A signed request of ada that must succeed, as it was written.
fn raw(desk: &mut Desk, method: &str, path: &str, query: &str) -> String {
    let answer = desk.signed("ada", method, path, query);
    assert_eq!(answer.status, 200, "{method} {path}?{query}: {}", answer.body);
    answer.body
}

fn place(desk: &mut Desk, query: &str) -> Value {
    serde_json::from_str(&raw(desk, "POST", ORDER, &format!("{S}&{query}"))).unwrap()
}

fn list(desk: &mut Desk, kind: &str, query: &str) -> Value {
    serde_json::from_str(&raw(desk, "POST", &format!("/api/v3/orderList/{kind}"), &format!("{S}&{query}"))).unwrap()
}

fn status(desk: &mut Desk, id: &Value) -> Value {
    serde_json::from_str(&raw(desk, "GET", ORDER, &format!("{S}&orderId={id}"))).unwrap()
}

fn refused(desk: &mut Desk, path: &str, query: &str) -> (i64, String) {
    let answer = desk.signed("ada", "POST", &format!("/api/v3/{path}"), &format!("{S}&{query}"));
    let (_, code, msg) = error(&answer);
    (code, msg)
}

/// Bob trades with himself (he is allowed to), so that the last price is this.
fn trade_at(desk: &mut Desk, price: u32) {
    let query = format!("{S}&type=LIMIT&timeInForce=GTC&price={price}&quantity=0.001&selfTradePreventionMode=NONE");
    desk.ask("bob", "POST", ORDER, &format!("{query}&side=SELL"));
    desk.ask("bob", "POST", ORDER, &format!("{query}&side=BUY"));
}

fn quiet() -> Desk {
    let mut desk = Desk::quiet(config(1));
    trade_at(&mut desk, 60_000);
    desk.exchange.drain_user();
    desk
}

/// What the account was told, in short: kind or list status, order, status.
fn heard(desk: &mut Desk) -> Vec<String> {
    let short = |event: &Value| match event["e"].as_str().unwrap() {
        "executionReport" => {
            let reason = event["eR"].as_str().map(|reason| format!(" {reason}")).unwrap_or_default();
            format!("{} {} {}{reason}", event["i"], event["x"].as_str().unwrap(), event["X"].as_str().unwrap())
        }
        "listStatus" => format!("list {} {}", event["l"].as_str().unwrap(), event["L"].as_str().unwrap()),
        _ => "position".to_owned(),
    };
    desk.events("ada").iter().map(short).collect()
}

#[test]
fn answers_have_the_documented_fields_in_the_documented_order() {
    let mut desk = quiet();
    let limit = format!("{S}&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&price=59000");
    like("new-order.1", &raw(&mut desk, "POST", ORDER, &format!("{limit}&newOrderRespType=ACK")));
    like("new-order.2", &raw(&mut desk, "POST", ORDER, &format!("{limit}&newOrderRespType=RESULT")));
    desk.limit("bob", "SELL", "1", 60_000);
    like("new-order.3", &raw(&mut desk, "POST", ORDER, &format!("{S}&side=BUY&type=MARKET&quantity=0.2")));
    like("query-order.1", &raw(&mut desk, "GET", ORDER, &format!("{S}&orderId=3")));
    like("all-orders.1", &raw(&mut desk, "GET", "/api/v3/allOrders", S));
    like("current-open-orders.1", &raw(&mut desk, "GET", "/api/v3/openOrders", S));
    like("account-trade-list.1", &raw(&mut desk, "GET", "/api/v3/myTrades", S));
    like(
        "test-new-order.1",
        &raw(&mut desk, "POST", "/api/v3/order/test", &format!("{limit}&computeCommissionRates=true")),
    );
    assert_eq!(raw(&mut desk, "POST", "/api/v3/order/test", &limit), "{}");
    like("order-amend-keep-priority.1", &raw(&mut desk, "PUT", AMEND, &format!("{S}&orderId=3&newQty=0.05")));
    like("query-order-amendments.1", &raw(&mut desk, "GET", "/api/v3/order/amendments", &format!("{S}&orderId=3")));
    like("cancel-order.1", &raw(&mut desk, "DELETE", ORDER, &format!("{S}&orderId=3")));
    let replace = format!("{S}&side=BUY&type=LIMIT_MAKER&quantity=0.1&price=58000&cancelReplaceMode=STOP_ON_FAILURE");
    let answer = desk.signed("ada", "POST", "/api/v3/order/cancelReplace", &format!("{replace}&cancelOrderId=3"));
    assert_eq!(error_with_data(&answer.body), (-2022, "Order cancel-replace failed.".into()));
    like("cancel-an-existing-order-and-send-a-new-order.2", &answer.body);
    assert_eq!(answer.status, 400);
    desk.check();
}

fn error_with_data(body: &str) -> (i64, String) {
    let body: Value = serde_json::from_str(body).unwrap();
    (body["code"].as_i64().unwrap(), body["msg"].as_str().unwrap().to_owned())
}

#[test]
fn lists_answer_as_documented() {
    let mut desk = quiet();
    let oco = "side=SELL&quantity=0.1&aboveType=LIMIT_MAKER&abovePrice=61000&belowType=STOP_LOSS_LIMIT&belowStopPrice=59000&belowPrice=58000&belowTimeInForce=GTC&belowIcebergQty=0.05";
    like("new-order-list-oco.1", &raw(&mut desk, "POST", "/api/v3/orderList/oco", &format!("{S}&{oco}")));
    let old = "side=BUY&quantity=0.1&price=59000&stopPrice=61000";
    like("new-oco-deprecated.1", &raw(&mut desk, "POST", "/api/v3/order/oco", &format!("{S}&{old}")));
    let working = "workingType=LIMIT&workingSide=SELL&workingPrice=62000&workingQuantity=0.1&workingTimeInForce=GTC";
    let oto = format!("{S}&{working}&pendingType=MARKET&pendingSide=BUY&pendingQuantity=0.2");
    like("new-order-list-oto.1", &raw(&mut desk, "POST", "/api/v3/orderList/oto", &oto));
    let otoco = format!(
        "{S}&{working}&pendingSide=BUY&pendingQuantity=0.2&pendingBelowType=LIMIT_MAKER&pendingBelowPrice=50000&pendingAboveType=STOP_LOSS_LIMIT&pendingAboveStopPrice=70000&pendingAbovePrice=71000&pendingAboveTimeInForce=IOC"
    );
    // A limit order may stand below in a buying pair.
    like("new-order-list-otoco.1", &raw(&mut desk, "POST", "/api/v3/orderList/otoco", &otoco));
    let buys = "workingType=LIMIT&workingSide=BUY&workingPrice=59000&workingQuantity=0.1&workingTimeInForce=GTC";
    let opo = format!("{S}&{buys}&pendingType=MARKET&pendingSide=SELL");
    like("new-order-list-opo.1", &raw(&mut desk, "POST", "/api/v3/orderList/opo", &opo));
    let opoco = format!(
        "{S}&{buys}&pendingSide=SELL&pendingAboveType=LIMIT_MAKER&pendingAbovePrice=65000&pendingBelowType=STOP_LOSS_LIMIT&pendingBelowStopPrice=50000&pendingBelowPrice=49000&pendingBelowTimeInForce=GTC"
    );
    like("new-order-list-opoco.1", &raw(&mut desk, "POST", "/api/v3/orderList/opoco", &opoco));
    like("query-open-order-lists.1", &raw(&mut desk, "GET", "/api/v3/openOrderList", ""));
    like("query-all-order-lists.1", &raw(&mut desk, "GET", "/api/v3/allOrderList", ""));
    like("query-order-list.1", &raw(&mut desk, "GET", "/api/v3/orderList", "orderListId=0"));
    let amend = raw(&mut desk, "PUT", AMEND, &format!("{S}&orderId=8&newQty=0.1"));
    like("order-amend-keep-priority.2", &amend);
    desk.check();
    raw(&mut desk, "DELETE", "/api/v3/orderList", &format!("{S}&orderListId=1"));
    let oco = "side=SELL&quantity=0.1&aboveType=LIMIT_MAKER&abovePrice=61000&belowType=STOP_LOSS_LIMIT&belowStopPrice=59000&belowPrice=58000&belowTimeInForce=GTC&listClientOrderId=mine";
    raw(&mut desk, "POST", "/api/v3/orderList/oco", &format!("{S}&{oco}"));
    like("cancel-order-list.1", &raw(&mut desk, "DELETE", "/api/v3/orderList", &format!("{S}&listClientOrderId=mine")));
    let all = raw(&mut desk, "DELETE", "/api/v3/openOrders", S);
    let rows: Vec<Value> = serde_json::from_str(&all).unwrap();
    assert_eq!(rows.len(), 5, "{all}");
    assert!(rows.iter().all(|row| row["listOrderStatus"] == "ALL_DONE"));
    assert_eq!(desk.holding(0, "BTC").locked, decimal("0"));
    assert_eq!(desk.holding(0, "USDT").locked, decimal("0"));
    desk.check();
}

#[test]
fn one_cancels_the_other() {
    let mut desk = quiet();
    let oco = "side=SELL&quantity=0.1&aboveType=LIMIT_MAKER&abovePrice=61000&belowType=STOP_LOSS&belowStopPrice=59000";
    // The limit order fills in part: the stop is over.
    let placed = list(&mut desk, "oco", oco);
    let (stop, limit) = (placed["orders"][0]["orderId"].clone(), placed["orders"][1]["orderId"].clone());
    assert_eq!(desk.holding(0, "BTC").locked, decimal("0.1"), "locked once");
    assert_eq!(
        heard(&mut desk),
        [
            format!("{stop} NEW NEW"),
            format!("{limit} NEW NEW"),
            "list EXEC_STARTED EXECUTING".into(),
            "position".into()
        ]
    );
    desk.limit("bob", "BUY", "0.04", 61_000);
    assert_eq!(
        heard(&mut desk),
        [format!("{stop} EXPIRED EXPIRED OCO_TRIGGER"), format!("{limit} TRADE PARTIALLY_FILLED"), "position".into()]
    );
    desk.check();
    desk.limit("bob", "BUY", "0.06", 61_000);
    assert_eq!(heard(&mut desk), [format!("{limit} TRADE FILLED"), "list ALL_DONE ALL_DONE".into(), "position".into()]);
    // The stop triggers: the limit order is over.
    trade_at(&mut desk, 60_000);
    let placed = list(&mut desk, "oco", oco);
    let (stop, limit) = (placed["orders"][0]["orderId"].clone(), placed["orders"][1]["orderId"].clone());
    desk.limit("bob", "BUY", "1", 58_990);
    desk.events("ada");
    trade_at(&mut desk, 59_000);
    assert_eq!(
        heard(&mut desk),
        [
            format!("{limit} EXPIRED EXPIRED OCO_TRIGGER"),
            format!("{stop} NEW NEW"),
            format!("{stop} TRADE FILLED"),
            "list ALL_DONE ALL_DONE".into(),
            "position".into()
        ]
    );
    assert_eq!(status(&mut desk, &stop)["cummulativeQuoteQty"], "5899.00000000");
    desk.check();
    // Cancelling one of them cancels both, and answers with the list.
    trade_at(&mut desk, 60_000);
    let placed = list(&mut desk, "oco", oco);
    let query = format!("{S}&orderId={}", placed["orders"][0]["orderId"]);
    let body = raw(&mut desk, "DELETE", ORDER, &query);
    let gone: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&gone["listOrderStatus"], gone["orderReports"].as_array().unwrap().len()), (&json!("ALL_DONE"), 2));
    desk.check();
}

#[test]
fn a_pair_is_refused_with_the_venues_codes() {
    let mut desk = quiet();
    for (query, code) in [
        ("side=SELL&aboveType=LIMIT&abovePrice=61000&belowType=STOP_LOSS&belowStopPrice=59000", -1158),
        ("side=SELL&aboveType=LIMIT_MAKER&abovePrice=61000&belowType=LIMIT_MAKER&belowPrice=59000", -1168),
        ("side=BUY&aboveType=LIMIT_MAKER&abovePrice=61000&belowType=TAKE_PROFIT&belowStopPrice=59000", -1165),
        ("side=SELL&aboveType=TAKE_PROFIT&aboveStopPrice=61000&belowType=LIMIT_MAKER&belowPrice=59000", -1166),
        ("side=BUY&aboveType=LIMIT_MAKER&abovePrice=61000&belowType=STOP_LOSS&belowStopPrice=59000", -1196),
        ("side=SELL&aboveType=STOP_LOSS&aboveStopPrice=61000&belowType=LIMIT_MAKER&belowPrice=59000", -1197),
        ("side=BUY&aboveType=TAKE_PROFIT&aboveStopPrice=61000&belowType=TAKE_PROFIT&belowStopPrice=59000", -1198),
        ("side=SELL&aboveType=TAKE_PROFIT&aboveStopPrice=61000&belowType=TAKE_PROFIT&belowStopPrice=59000", -1199),
        ("side=SELL&aboveType=LIMIT_MAKER&abovePrice=59900&belowType=STOP_LOSS&belowStopPrice=59000", -2010),
        ("side=SELL&aboveType=LIMIT_MAKER&abovePrice=61000&belowType=STOP_LOSS&belowStopPrice=60100", -2010),
        (
            "side=SELL&aboveType=LIMIT_MAKER&abovePrice=61000&belowType=STOP_LOSS_LIMIT&belowStopPrice=59000&belowPrice=59000&belowTimeInForce=IOC&belowIcebergQty=0.01",
            -1160,
        ),
    ] {
        let (found, msg) = refused(&mut desk, "orderList/oco", &format!("quantity=0.1&{query}"));
        assert_eq!(found, code, "{query}: {msg}");
    }
    let (_, msg) = refused(
        &mut desk,
        "orderList/oco",
        "quantity=0.1&side=SELL&aboveType=LIMIT_MAKER&abovePrice=59900&belowType=STOP_LOSS&belowStopPrice=59000",
    );
    assert_eq!(msg, "The relationship of the prices for the orders is not correct.");
    let opo = "workingType=LIMIT&workingSide=SELL&workingPrice=62000&workingQuantity=0.1&workingTimeInForce=GTC&pendingType=MARKET&pendingSide=BUY";
    assert_eq!(refused(&mut desk, "orderList/opo", opo).0, -1222);
    let opo = "workingType=LIMIT&workingSide=BUY&workingPrice=52000&workingQuantity=0.1&workingTimeInForce=GTC&pendingType=MARKET";
    assert_eq!(refused(&mut desk, "orderList/opo", &format!("{opo}&pendingSide=BUY")).0, -1223);
    assert_eq!(refused(&mut desk, "orderList/opo", &format!("{opo}&pendingSide=SELL&pendingQuantity=1")).0, -1225);
    assert_eq!(desk.events("ada"), Vec::<Value>::new());
    desk.check();
}

#[test]
fn one_triggers_the_other_and_one_pays_the_other() {
    let mut desk = quiet();
    let working = "workingType=LIMIT&workingSide=BUY&workingPrice=59000&workingQuantity=0.1&workingTimeInForce=GTC";
    let placed = list(
        &mut desk,
        "oto",
        &format!("{working}&pendingType=LIMIT_MAKER&pendingPrice=61000&pendingSide=SELL&pendingQuantity=0.3"),
    );
    let (first, pending) = (placed["orders"][0]["orderId"].clone(), placed["orders"][1]["orderId"].clone());
    assert_eq!((desk.holding(0, "BTC").locked, desk.holding(0, "USDT").locked), (decimal("0.3"), decimal("5900")));
    desk.events("ada");
    desk.limit("bob", "SELL", "0.04", 59_000);
    assert_eq!(heard(&mut desk), [format!("{first} TRADE PARTIALLY_FILLED"), "position".into()]);
    desk.limit("bob", "SELL", "0.06", 59_000);
    assert_eq!(heard(&mut desk), [format!("{first} TRADE FILLED"), format!("{pending} NEW NEW"), "position".into()]);
    assert_eq!(status(&mut desk, &pending)["isWorking"], true);
    desk.check();
    raw(&mut desk, "DELETE", "/api/v3/openOrders", S);

    // The working order is over without a fill: so is the other one.
    let placed = list(
        &mut desk,
        "oto",
        &format!("{working}&pendingType=MARKET&pendingSide=SELL&pendingQuantity=0.3").replace("GTC", "IOC"),
    );
    assert_eq!(placed["orderReports"][1]["status"], "EXPIRED");
    assert_eq!(placed["orderReports"][1]["expiryReason"], "OTO_PHASE_ONE_EXPIRED");
    assert_eq!(placed["listOrderStatus"], "ALL_DONE");

    // What the working order receives is what the other one sells; here the commission is
    // taken from what is free.
    let placed =
        list(&mut desk, "opo", &format!("{working}&pendingType=LIMIT_MAKER&pendingPrice=61000&pendingSide=SELL"));
    let pending = placed["orders"][1]["orderId"].clone();
    assert_eq!(refused_amend(&mut desk, &pending), (-2038, "Order amend (pending OPO order) is not supported.".into()));
    desk.limit("bob", "SELL", "0.04", 59_000);
    assert_eq!(desk.holding(0, "BTC").locked, decimal("0.04"));
    desk.check();
    desk.limit("bob", "SELL", "0.06", 59_000);
    let sold = status(&mut desk, &pending);
    assert_eq!((&sold["origQty"], &sold["status"]), (&json!("0.10000000"), &json!("NEW")));
    desk.check();

    // A pending order that can't enter is over, and says why.
    desk.events("ada");
    trade_at(&mut desk, 60_000);
    let placed = list(
        &mut desk,
        "oto",
        &format!("{working}&pendingType=STOP_LOSS&pendingStopPrice=65000&pendingSide=SELL&pendingQuantity=0.1"),
    );
    let pending = placed["orders"][1]["orderId"].clone();
    desk.events("ada");
    desk.limit("bob", "SELL", "0.1", 59_000);
    let events = desk.events("ada");
    let told = events.iter().find(|event| event["i"] == pending).unwrap();
    assert_eq!((&told["eR"], &told["r"]), (&json!("REJECTED"), &json!("STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY")));
    desk.check();
}

fn refused_amend(desk: &mut Desk, id: &Value) -> (i64, String) {
    let answer = desk.signed("ada", "PUT", AMEND, &format!("{S}&orderId={id}&newQty=0.01"));
    let (_, code, msg) = error(&answer);
    (code, msg)
}

#[test]
fn stops_wait_for_a_trade_and_then_work() {
    let mut desk = quiet();
    let stop = place(
        &mut desk,
        "side=BUY&type=STOP_LOSS_LIMIT&timeInForce=GTC&stopPrice=61000&price=62000&quantity=0.1&newOrderRespType=RESULT",
    );
    assert_eq!(
        (&stop["status"], &stop["workingTime"], &stop["stopPrice"]),
        (&json!("NEW"), &json!(-1), &json!("61000.00000000"))
    );
    assert_eq!(desk.holding(0, "USDT").locked, decimal("6200"));
    let waiting = status(&mut desk, &stop["orderId"]);
    assert_eq!((&waiting["isWorking"], &waiting["workingTime"]), (&json!(false), &json!(-1)));
    let told = &desk.events("ada")[0];
    assert_eq!((&told["w"], &told["W"]), (&json!(false), &Value::Null));
    for (query, msg) in [
        ("side=BUY&type=STOP_LOSS&stopPrice=60000&quantity=0.1", "Order would trigger immediately."),
        ("side=SELL&type=TAKE_PROFIT&stopPrice=59000&quantity=0.1", "Order would trigger immediately."),
        (
            "side=SELL&type=STOP_LOSS&stopPrice=59000&quantity=10.1",
            "Account has insufficient balance for requested action.",
        ),
    ] {
        assert_eq!(refused(&mut desk, "order", query), (-2010, msg.into()), "{query}");
    }
    let (code, msg) = refused(&mut desk, "order", "side=BUY&type=STOP_LOSS&quantity=0.1");
    assert_eq!(
        (code, msg.as_str()),
        (-1102, "Param 'stopPrice' or 'trailingDelta' must be sent, but both were empty/null!")
    );
    trade_at(&mut desk, 61_000);
    let works = status(&mut desk, &stop["orderId"]);
    assert_eq!((&works["isWorking"], &works["price"]), (&json!(true), &json!("62000.00000000")));
    desk.check();

    // A trailing stop sells at what is there when the price has fallen by one per cent.
    raw(&mut desk, "DELETE", "/api/v3/openOrders", S);
    let trailing = place(
        &mut desk,
        "side=SELL&type=STOP_LOSS&trailingDelta=100&stopPrice=60500&quantity=0.1&newOrderRespType=RESULT",
    );
    assert_eq!((&trailing["trailingDelta"], &trailing["trailingTime"]), (&json!(100), &json!(-1)));
    trade_at(&mut desk, 60_500);
    assert!(status(&mut desk, &trailing["orderId"])["trailingTime"].as_u64().unwrap() > 0);
    trade_at(&mut desk, 60_900);
    desk.limit("bob", "BUY", "1", 59_000);
    trade_at(&mut desk, 60_300);
    assert_eq!(status(&mut desk, &trailing["orderId"])["status"], "NEW");
    trade_at(&mut desk, 60_291);
    assert_eq!(status(&mut desk, &trailing["orderId"])["status"], "FILLED");
    assert_eq!(
        refused(&mut desk, "order", "side=SELL&type=STOP_LOSS&trailingDelta=5&quantity=0.1").1,
        "Filter failure: TRAILING_DELTA"
    );
    desk.check();
}

#[test]
fn self_trades_are_prevented_as_documented() {
    let maker = "side=BUY&type=LIMIT&timeInForce=GTC&selfTradePreventionMode=NONE";
    let taker = "side=SELL&type=LIMIT&timeInForce=GTC&quantity=3&price=50000&newOrderRespType=FULL";
    let stand = |desk: &mut Desk| -> Vec<Value> {
        ["quantity=1.2&price=50002", "quantity=1.3&price=50001", "quantity=8.1&price=50000"]
            .iter()
            .map(|row| place(desk, &format!("{maker}&{row}"))["orderId"].clone())
            .collect()
    };
    // Scenario B.
    let mut desk = Desk::quiet(config(1));
    let makers = stand(&mut desk);
    let body = place(&mut desk, &format!("{taker}&selfTradePreventionMode=EXPIRE_MAKER"));
    assert_eq!((&body["status"], &body["fills"]), (&json!("NEW"), &json!([])));
    let rows: Vec<_> =
        body["preventedMatches"].as_array().unwrap().iter().map(|row| row["makerPreventedQuantity"].clone()).collect();
    assert_eq!(rows, ["1.20000000", "1.30000000", "8.10000000"]);
    let last = status(&mut desk, &makers[2]);
    assert_eq!(
        (&last["status"], &last["preventedMatchId"], &last["preventedQuantity"]),
        (&json!("EXPIRED_IN_MATCH"), &json!(2), &json!("8.10000000"))
    );
    like(
        "query-prevented-matches.1",
        &raw(&mut desk, "GET", "/api/v3/myPreventedMatches", &format!("{S}&preventedMatchId=1")),
    );
    let told = desk.events("ada");
    let report = told.iter().find(|event| event["x"] == "TRADE_PREVENTION").unwrap();
    assert_eq!(
        (&report["A"], &report["B"], &report["U"], &report["v"]),
        (&json!("1.20000000"), &json!("1.20000000"), &body["orderId"], &json!(0))
    );
    desk.check();
    // Scenario C.
    let mut desk = Desk::quiet(config(1));
    let makers = stand(&mut desk);
    let body = place(&mut desk, &format!("{taker}&selfTradePreventionMode=EXPIRE_TAKER"));
    assert_eq!((&body["status"], &body["preventedQuantity"]), (&json!("EXPIRED_IN_MATCH"), &json!("3.00000000")));
    assert_eq!(status(&mut desk, &makers[0])["status"], "NEW");
    desk.check();
    // Scenario D.
    let mut desk = Desk::quiet(config(1));
    let first = place(&mut desk, &format!("{maker}&quantity=1&price=50000"));
    let body = place(&mut desk, &format!("{taker}&selfTradePreventionMode=EXPIRE_BOTH"));
    let row = &body["preventedMatches"][0];
    assert_eq!(
        (&row["takerPreventedQuantity"], &row["makerPreventedQuantity"]),
        (&json!("3.00000000"), &json!("1.00000000"))
    );
    assert_eq!(status(&mut desk, &first["orderId"])["status"], "EXPIRED_IN_MATCH");
    // Scenario F.
    let first = place(&mut desk, &format!("{maker}&quantity=1&price=50000"));
    let body = place(&mut desk, "side=SELL&type=MARKET&quantity=1&selfTradePreventionMode=EXPIRE_MAKER");
    assert_eq!((&body["status"], &body["expiryReason"]), (&json!("EXPIRED"), &json!("INSUFFICIENT_LIQUIDITY")));
    assert_eq!(status(&mut desk, &first["orderId"])["status"], "EXPIRED_IN_MATCH");
    // Scenario G.
    let first = place(&mut desk, &format!("{maker}&quantity=6&price=50000"));
    let body = place(
        &mut desk,
        "side=SELL&type=LIMIT&timeInForce=GTC&quantity=2&price=50000&selfTradePreventionMode=DECREMENT",
    );
    assert_eq!((&body["status"], &body["preventedQuantity"]), (&json!("EXPIRED_IN_MATCH"), &json!("2.00000000")));
    let left = status(&mut desk, &first["orderId"]);
    assert_eq!((&left["status"], &left["preventedQuantity"]), (&json!("NEW"), &json!("2.00000000")));
    assert_eq!(desk.holding(0, "USDT").locked, decimal("200000"));
    desk.check();
}

/// Scenario H, with the documented balances.
#[test]
fn a_trade_group_transfers_what_it_would_have_traded() {
    let mut config = config(1);
    for account in &mut config.accounts {
        account.trade_group = Some(1);
        account.balances = vec![("BTC".into(), decimal("20000")), ("USDT".into(), decimal("20000"))];
    }
    config.symbols[0].filters.notional = None;
    config.symbols[0].filters.lot_size.step = decimal("0.1");
    let mut desk = Desk::quiet(config);
    let mode = "type=LIMIT&timeInForce=GTC&price=0.2&selfTradePreventionMode=TRANSFER";
    desk.ask("bob", "POST", ORDER, &format!("{S}&side=BUY&quantity=0.6&{mode}"));
    let body = place(&mut desk, &format!("side=SELL&quantity=0.2&{mode}"));
    assert_eq!((&body["status"], &body["fills"]), (&json!("EXPIRED_IN_MATCH"), &json!([])));
    let has = |desk: &Desk, account, asset| desk.holding(account, asset);
    assert_eq!((has(&desk, 1, "BTC").free, has(&desk, 1, "USDT").free), (decimal("20000.2"), decimal("19999.88")));
    assert_eq!(has(&desk, 1, "USDT").locked, decimal("0.08"));
    assert_eq!((has(&desk, 0, "BTC").free, has(&desk, 0, "USDT").free), (decimal("19999.8"), decimal("20000.04")));
    desk.check();
}

#[test]
fn cancel_replace_in_all_outcomes() {
    let mut desk = quiet();
    desk.limit("bob", "SELL", "1", 60_500);
    let path = "/api/v3/order/cancelReplace";
    let ask = |desk: &mut Desk, query: &str| {
        let answer = desk.signed("ada", "POST", path, &format!("{S}&side=BUY&{query}"));
        (answer.status, serde_json::from_str::<Value>(&answer.body).unwrap(), answer.body)
    };
    let good = "type=LIMIT&timeInForce=GTC&quantity=0.1&price=58000";
    let takes = "type=LIMIT_MAKER&quantity=0.1&price=60500";
    let first = desk.limit("ada", "BUY", "0.1", 59_000)["orderId"].clone();
    let (status, body, _) = ask(&mut desk, &format!("{good}&cancelReplaceMode=STOP_ON_FAILURE&cancelOrderId={first}"));
    assert_eq!((status, &body["cancelResult"], &body["newOrderResult"]), (200, &json!("SUCCESS"), &json!("SUCCESS")));
    let second = body["newOrderResponse"]["orderId"].clone();
    desk.events("ada");
    let (status, body, text) =
        ask(&mut desk, &format!("{takes}&cancelReplaceMode=STOP_ON_FAILURE&cancelOrderId={second}"));
    assert_eq!((status, &body["code"]), (409, &json!(-2021)));
    like("cancel-an-existing-order-and-send-a-new-order.3", &text);
    assert!(heard(&mut desk).iter().any(|told| told.ends_with("REJECTED REJECTED")));
    let (status, _, text) =
        ask(&mut desk, &format!("{good}&newOrderRespType=ACK&cancelReplaceMode=ALLOW_FAILURE&cancelOrderId=999"));
    assert_eq!(status, 409);
    like("cancel-an-existing-order-and-send-a-new-order.4", &text);
    let (status, _, text) = ask(&mut desk, &format!("{takes}&cancelReplaceMode=ALLOW_FAILURE&cancelOrderId=999"));
    assert_eq!(status, 400);
    like("cancel-an-existing-order-and-send-a-new-order.5", &text);
    assert_eq!(ask(&mut desk, &format!("{good}&cancelReplaceMode=MAYBE&cancelOrderId=1")).1["code"], -1130);
    assert_eq!(ask(&mut desk, &format!("{good}&cancelReplaceMode=ALLOW_FAILURE")).1["code"], -1102);
    // Filters come first: nothing is cancelled.
    let bad = "type=LIMIT&timeInForce=GTC&quantity=0.1&price=58000.001&cancelReplaceMode=ALLOW_FAILURE";
    let open = desk.exchange.orders.open(0, None);
    assert_eq!(ask(&mut desk, &format!("{bad}&cancelOrderId={}", open[0])).1["code"], -1013);
    assert_eq!(desk.exchange.orders.open(0, None), open);
    desk.check();
}

#[test]
fn cancel_replace_when_too_many_orders_are_unfilled() {
    let limits = LimitConfig { orders_per_ten_seconds: 1, ..LimitConfig::default() };
    let mut desk = Desk::quiet(ExchangeConfig { limits, ..config(1) });
    let first = desk.limit("ada", "BUY", "0.1", 59_000)["orderId"].clone();
    let replace = format!("{S}&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&price=58000&cancelOrderId={first}");
    let mut ask =
        |query: &str| desk.signed("ada", "POST", "/api/v3/order/cancelReplace", &format!("{replace}&{query}"));
    let answer = ask("cancelReplaceMode=STOP_ON_FAILURE");
    assert_eq!(error(&answer), (429, -1015, "Too many new orders; current limit is 1 orders per 10 SECOND.".into()));
    let answer = ask("cancelReplaceMode=ALLOW_FAILURE&orderRateLimitExceededMode=CANCEL_ONLY");
    assert_eq!(answer.status, 409);
    like("cancel-an-existing-order-and-send-a-new-order.7", &answer.body);
    assert!(desk.exchange.orders.open(0, None).is_empty());
}

#[test]
fn pegged_orders_take_their_price_from_the_book() {
    let mut desk = quiet();
    assert_eq!(
        refused(&mut desk, "order", "side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&pegPriceType=PRIMARY_PEG").1,
        "Order book liquidity is too low for this pegged order."
    );
    desk.limit("bob", "BUY", "1", 59_000);
    desk.limit("bob", "BUY", "1", 58_000);
    desk.limit("bob", "SELL", "1", 61_000);
    let body = place(
        &mut desk,
        "side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&pegPriceType=PRIMARY_PEG&pegOffsetType=PRICE_LEVEL&pegOffsetValue=1",
    );
    assert_eq!(
        (&body["price"], &body["peggedPrice"], &body["pegOffsetValue"]),
        (&json!("0.00000000"), &json!("58000.00000000"), &json!(1))
    );
    assert_eq!(desk.holding(0, "USDT").locked, decimal("5800"));
    let body = place(&mut desk, "side=BUY&type=LIMIT&timeInForce=IOC&quantity=0.1&pegPriceType=MARKET_PEG");
    assert_eq!((&body["status"], &body["fills"][0]["price"]), (&json!("FILLED"), &json!("61000.00000000")));
    for (query, code) in [
        ("type=MARKET&quantity=1&pegPriceType=MARKET_PEG", -2010),
        ("type=LIMIT_MAKER&quantity=1&pegPriceType=MARKET_PEG", -2010),
        ("type=LIMIT&timeInForce=GTC&quantity=1&pegPriceType=BEST", -1210),
        ("type=LIMIT&timeInForce=GTC&quantity=1&pegPriceType=MARKET_PEG&pegOffsetType=TICKS&pegOffsetValue=1", -1211),
        ("type=LIMIT&timeInForce=GTC&quantity=1&pegPriceType=MARKET_PEG&pegOffsetValue=1", -1128),
        (
            "type=LIMIT&timeInForce=GTC&quantity=1&pegPriceType=MARKET_PEG&pegOffsetType=PRICE_LEVEL&pegOffsetValue=101",
            -1102,
        ),
        ("type=LIMIT&timeInForce=GTC&quantity=1&price=60000&strategyType=5", -1134),
    ] {
        assert_eq!(refused(&mut desk, "order", &format!("side=BUY&{query}")).0, code, "{query}");
    }
    let sor = "side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=60000";
    assert_eq!(refused(&mut desk, "sor/order", sor), (-1013, "This symbol has no SOR.".into()));
    desk.check();
}

#[test]
fn every_filter_refuses_by_its_name() {
    let mut config = config(1);
    let filters = &mut config.symbols[0].filters;
    filters.percent_price =
        Some(crate::config::filters::PercentPrice { up: decimal("1.5"), down: decimal("0.5"), minutes: 0 });
    filters.min_notional =
        Some(crate::config::filters::MinNotional { min: decimal("20"), on_market: false, minutes: 0 });
    filters.iceberg_parts = Some(4);
    filters.max_num_orders = Some(3);
    filters.max_num_algo_orders = Some(1);
    filters.max_num_iceberg_orders = Some(1);
    filters.max_num_order_lists = Some(0);
    filters.max_num_order_amends = Some(1);
    filters.max_position = Some(decimal("11"));
    let mut desk = Desk::quiet(config);
    trade_at(&mut desk, 60_000);
    let limit = "side=BUY&type=LIMIT&timeInForce=GTC";
    for (query, name) in [
        (format!("{limit}&quantity=0.1&price=90001"), "PERCENT_PRICE"),
        (format!("{limit}&quantity=0.1&price=20000"), "PERCENT_PRICE"),
        (format!("{limit}&quantity=0.0003&price=60000"), "MIN_NOTIONAL"),
        (format!("{limit}&quantity=0.1&price=60000&icebergQty=0.02"), "ICEBERG_PARTS"),
        (format!("{limit}&quantity=0.1&price=60000&icebergQty=0.000001"), "LOT_SIZE"),
        (format!("{limit}&quantity=1.1&price=50000"), "MAX_POSITION"),
        ("side=BUY&type=STOP_LOSS&quantity=0.1&stopPrice=70000.001".into(), "PRICE_FILTER"),
    ] {
        assert_eq!(refused(&mut desk, "order", &query), (-1013, format!("Filter failure: {name}")), "{query}");
    }
    assert_eq!(
        refused(&mut desk, "order", &format!("{limit}&quantity=0.1&price=60000&icebergQty=0.2")).1,
        "IcebergQty exceeds QTY."
    );
    assert_eq!(
        refused(&mut desk, "order", &format!("{limit}&quantity=0.1&price=60000&icebergQty=0.05").replace("GTC", "IOC"))
            .0,
        -1014
    );
    let oco = "side=SELL&quantity=0.1&aboveType=LIMIT_MAKER&abovePrice=61000&belowType=STOP_LOSS&belowStopPrice=59000";
    assert_eq!(refused(&mut desk, "orderList/oco", oco).1, "Filter failure: MAX_NUM_ORDER_LISTS");
    place(&mut desk, "side=SELL&type=STOP_LOSS&stopPrice=50000&quantity=0.1");
    assert_eq!(
        refused(&mut desk, "order", "side=SELL&type=STOP_LOSS&stopPrice=50000&quantity=0.1").1,
        "Filter failure: MAX_NUM_ALGO_ORDERS"
    );
    let iceberg = format!("{limit}&quantity=0.1&price=50000&icebergQty=0.05");
    let id = place(&mut desk, &iceberg)["orderId"].clone();
    assert_eq!(refused(&mut desk, "order", &iceberg).1, "Filter failure: MAX_NUM_ICEBERG_ORDERS");
    place(&mut desk, &format!("{limit}&quantity=0.1&price=50000"));
    assert_eq!(
        refused(&mut desk, "order", &format!("{limit}&quantity=0.1&price=50000")).1,
        "Filter failure: MAX_NUM_ORDERS"
    );
    raw(&mut desk, "PUT", AMEND, &format!("{S}&orderId={id}&newQty=0.09"));
    assert_eq!(refused_amend(&mut desk, &id), (-2038, "Filter failure: MAX_NUM_ORDER_AMENDS".into()));
    desk.check();
}

#[test]
fn filters_over_all_symbols_count_together() {
    let mut config = config(1);
    config.filters.max_num_orders = Some(1);
    let mut desk = Desk::quiet(config);
    desk.limit("ada", "BUY", "0.1", 50_000);
    let query = "symbol=ETHUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&price=2000";
    let answer = desk.signed("ada", "POST", ORDER, query);
    assert_eq!(error(&answer).2, "Filter failure: EXCHANGE_MAX_NUM_ORDERS");
}

#[test]
fn a_price_range_ends_a_taker_and_a_closed_market_takes_no_orders() {
    let mut config = config(1);
    config.symbols[0].reference_price = Some(decimal("60000"));
    config.symbols[0].price_range =
        Some(crate::config::filters::PriceRange { bid_up: Some(decimal("1.01")), ..Default::default() });
    let mut desk = Desk::quiet(config);
    desk.limit("bob", "SELL", "0.1", 60_000);
    desk.limit("bob", "SELL", "0.1", 61_000);
    let body = place(&mut desk, "side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.2&price=62000");
    assert_eq!((&body["status"], &body["executedQty"]), (&json!("EXPIRED"), &json!("0.10000000")));
    assert_eq!(body["expiryReason"], "EXECUTION_RULE_PRICE_RANGE_EXCEEDED");
    assert!(desk.exchange.set_status("BTCUSDT", crate::config::SymbolStatus::Break));
    let (code, msg) = refused(&mut desk, "order", "side=BUY&type=MARKET&quantity=0.1");
    assert_eq!((code, msg.as_str()), (-1013, "Market is closed."));
    desk.check();
}

#[test]
fn commissions_add_up_and_are_cheaper_in_the_discount_asset() {
    use crate::config::commission::{Commission, Rates};
    let rates = |maker, taker, buyer, seller| Rates {
        maker: decimal(maker),
        taker: decimal(taker),
        buyer: decimal(buyer),
        seller: decimal(seller),
    };
    let mut config = config(1);
    config.symbols.extend(SymbolConfig::known("BNBUSDT"));
    // The rates of the documents' example.
    config.symbols[0].commission = Some(Commission {
        standard: rates("0.00000010", "0.00000020", "0.00000030", "0.00000040"),
        special: rates("0.01000000", "0.02000000", "0.03000000", "0.04000000"),
        tax: rates("0.00000112", "0.00000114", "0.00000118", "0.00000116"),
    });
    config.accounts[0].balances.push(("BNB".into(), decimal("5")));
    let mut desk = Desk::quiet(config);
    let bnb = "symbol=BNBUSDT&type=LIMIT&timeInForce=GTC&price=260&quantity=0.1&selfTradePreventionMode=NONE";
    desk.ask("bob", "POST", ORDER, "symbol=BNBUSDT&side=BUY&type=LIMIT&timeInForce=GTC&price=260&quantity=0.1");
    desk.ask("ada", "POST", ORDER, &format!("{bnb}&side=SELL"));
    desk.limit("bob", "BUY", "2", 35_000);
    let rates = place_test(&mut desk);
    assert_eq!(rates["standardCommissionForOrder"], json!({"maker": "0.00000050", "taker": "0.00000060"}));
    let before = desk.holding(0, "BNB").free;
    let sold = place(&mut desk, "side=SELL&type=MARKET&quantity=0.49975");
    let fill = &sold["fills"][0];
    assert_eq!(fill["commissionAsset"], "BNB");
    // 17491.25 at (0.0000006 * 0.75 + 0.06 + 0.0000023) in USDT, at 260 in BNB.
    assert_eq!(fill["commission"], "4.03662731");
    assert_eq!(desk.holding(0, "BNB").free, before - decimal("4.03662731"));
    // The next one costs more BNB than is left: all of it is taken from what is received.
    let sold = place(&mut desk, "side=SELL&type=MARKET&quantity=0.49975");
    let fill = &sold["fills"][0];
    assert_eq!((&fill["commissionAsset"], &fill["commission"]), (&json!("USDT"), &json!("1049.52572462")));
    desk.check();
}

fn place_test(desk: &mut Desk) -> Value {
    let query = format!("{S}&side=SELL&type=MARKET&quantity=0.49975&computeCommissionRates=true");
    serde_json::from_str(&raw(desk, "POST", "/api/v3/order/test", &query)).unwrap()
}

#[path = "order_tests.rs"]
mod orders;
#[path = "refusal_tests.rs"]
mod refusals;
#[path = "sequence_tests.rs"]
mod sequences;
#[path = "surface_tests.rs"]
mod surface;

use serde_json::{Value, json};

use crate::HttpResponse;
use crate::testing::{Desk, config, decimal};

const ORDER: &str = "/api/v3/order";
const AMEND: &str = "/api/v3/order/amend/keepPriority";

fn error(answer: &HttpResponse) -> (u16, i64, String) {
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(body.as_object().unwrap().len(), 2, "{body}");
    (answer.status, body["code"].as_i64().unwrap(), body["msg"].as_str().unwrap().to_owned())
}

fn header<'a>(answer: &'a HttpResponse, name: &str) -> Option<&'a str> {
    let found = answer.headers.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| value.as_str())
}

#[test]
fn public_calls_answer_without_a_key() {
    let mut desk = Desk::open(config(1));
    desk.advance(2_000);
    assert_eq!(desk.get("/api/v3/ping", ""), json!({}));
    let time = desk.get("/api/v3/time", "");
    assert_eq!(time, json!({ "serverTime": desk.now.as_millis() }));

    let names = |info: &Value| -> Vec<String> {
        let symbols = info["symbols"].as_array().unwrap();
        symbols.iter().map(|symbol| symbol["symbol"].as_str().unwrap().to_owned()).collect()
    };
    let all = desk.get("/api/v3/exchangeInfo", "");
    assert_eq!(names(&all), ["BTCUSDT", "ETHUSDT"]);
    assert_eq!(all["rateLimits"][0]["limit"], 6_000);
    let one = desk.get("/api/v3/exchangeInfo", "symbol=ETHUSDT");
    assert_eq!(names(&one), ["ETHUSDT"]);
    for query in [r#"symbols=["ETHUSDT","BTCUSDT"]"#, "symbols=%5B%22ETHUSDT%22,%22BTCUSDT%22%5D"] {
        assert_eq!(names(&desk.get("/api/v3/exchangeInfo", query)), ["ETHUSDT", "BTCUSDT"]);
    }

    let depth = desk.get("/api/v3/depth", "symbol=BTCUSDT&limit=5");
    assert_eq!((depth["bids"].as_array().unwrap().len(), depth["asks"].as_array().unwrap().len()), (5, 5));
    assert!(depth["lastUpdateId"].as_u64().unwrap() > 0);
    let klines = desk.get("/api/v3/klines", "symbol=BTCUSDT&interval=1m&limit=50");
    let klines = klines.as_array().unwrap();
    assert_eq!(klines.len(), 50);
    assert!(klines.windows(2).all(|pair| pair[1][0].as_u64().unwrap() - pair[0][0].as_u64().unwrap() == 60_000));
    assert_eq!(klines[0].as_array().unwrap().len(), 12);
    let book = desk.get("/api/v3/ticker/bookTicker", "symbol=BTCUSDT");
    assert_eq!((&book["bidPrice"], &book["askQty"]), (&depth["bids"][0][0], &depth["asks"][0][1]));
    assert_eq!(desk.get("/api/v3/ticker/price", "").as_array().unwrap().len(), 2);
}

#[test]
fn parameters_may_stand_in_query_and_body_and_the_query_wins() {
    let mut desk = Desk::open(config(1));
    let query = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&price=50000";
    let body = format!("price=1&quantity=0.01&unknown=extra&timestamp={}", desk.now.as_millis());
    let signature = crate::testing::signature("ada", &format!("{query}{body}"));
    for (query, body) in [
        (query.to_owned(), format!("signature={signature}&{body}")),
        (format!("{query}&signature={signature}"), body.clone()),
    ] {
        let answer = desk.send("POST", ORDER, &query, &body, Some("ada"));
        assert_eq!(answer.status, 200, "{}", answer.body);
        let placed: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!((&placed["price"], &placed["origQty"]), (&json!("50000.00000000"), &json!("0.01000000")));
    }
}

#[test]
fn an_order_is_answered_as_short_or_long_as_it_wants() {
    let mut desk = Desk::open(config(1));
    let mut keys = |kind: &str, response: &str, rest: &str| {
        let query = format!("symbol=BTCUSDT&side=BUY&type={kind}&quantity=0.01{rest}{response}");
        let answer = desk.ask("ada", "POST", ORDER, &query);
        let fills = answer["fills"].as_array().map(Vec::len);
        (answer.as_object().unwrap().len(), fills, answer["status"].clone())
    };
    let (market, resting) = ("", "&timeInForce=GTC&price=50000");
    let (short, null) = (5, Value::Null);
    assert_eq!(keys("MARKET", "&newOrderRespType=ACK", market), (short, None, null.clone()));
    assert_eq!(keys("LIMIT_MAKER", "", "&price=50000"), (short, None, null));
    let (_, fills, status) = keys("MARKET", "", market);
    assert!(fills.unwrap() >= 1);
    assert_eq!(status, "FILLED");
    let (result, fills, _) = keys("MARKET", "&newOrderRespType=RESULT", market);
    assert!(result > short && fills.unwrap_or(0) == 0);
    let (_, fills, status) = keys("LIMIT", "&newOrderRespType=FULL", resting);
    assert_eq!((fills.unwrap_or(0), status), (0, json!("NEW")));
}

#[test]
fn the_answer_the_events_and_the_trades_of_an_order_agree() {
    let mut desk = Desk::open(config(1));
    let before = (desk.holding(0, "USDT"), desk.holding(0, "BTC"));
    let query = "symbol=BTCUSDT&side=BUY&type=MARKET&quoteOrderQty=100000&newClientOrderId=mine";
    let placed = desk.ask("ada", "POST", ORDER, query);
    let field = |row: &Value, name: &str| decimal(row[name].as_str().unwrap());
    let sum = |rows: &[Value], name: &str| rows.iter().map(|row| field(row, name)).sum::<ringfence_model::Decimal>();
    let fills = placed["fills"].as_array().unwrap();
    assert!(fills.len() > 1, "several levels are taken");
    assert_eq!(sum(fills, "qty"), field(&placed, "executedQty"));
    assert!(field(&placed, "cummulativeQuoteQty") <= decimal("100000"));
    assert_eq!((&placed["origQuoteOrderQty"], &placed["clientOrderId"]), (&json!("100000.00000000"), &json!("mine")));

    let events = desk.events("ada");
    let kinds: Vec<_> = events.iter().map(|event| event["x"].as_str().unwrap_or("position")).collect();
    assert_eq!((kinds[0], kinds.last()), ("NEW", Some(&"position")));
    assert_eq!(kinds.iter().filter(|kind| **kind == "TRADE").count(), fills.len());
    let filled = &events[events.len() - 2];
    assert_eq!((&filled["X"], &filled["c"], &filled["m"]), (&json!("FILLED"), &json!("mine"), &json!(false)));
    assert_eq!(field(filled, "z"), field(&placed, "executedQty"));
    assert!(events[..events.len() - 1].iter().all(|event| event["i"] == placed["orderId"]));

    let id = format!("symbol=BTCUSDT&orderId={}", placed["orderId"]);
    let trades = desk.ask("ada", "GET", "/api/v3/myTrades", &id);
    let trades = trades.as_array().unwrap();
    assert_eq!(sum(trades, "qty"), sum(fills, "qty"));
    assert_eq!(sum(trades, "quoteQty"), field(&placed, "cummulativeQuoteQty"));
    let ids = |rows: &[Value], name: &str| rows.iter().map(|row| row[name].clone()).collect::<Vec<_>>();
    assert_eq!(ids(trades, "id"), ids(fills, "tradeId"));
    assert_eq!(desk.ask("bob", "GET", "/api/v3/myTrades", &id), json!([]));
    let other = desk.ask("ada", "GET", "/api/v3/myTrades", "symbol=BTCUSDT&orderId=4711");
    assert_eq!(other, json!([]));

    let got = sum(trades, "qty") - sum(trades, "commission");
    assert_eq!(desk.holding(0, "BTC").free, before.1.free + got);
    assert_eq!(desk.holding(0, "USDT").free, before.0.free - sum(trades, "quoteQty"));
    let account = desk.ask("ada", "GET", "/api/v3/account", "omitZeroBalances=true");
    let btc = account["balances"].as_array().unwrap().iter().find(|row| row["asset"] == "BTC").unwrap();
    assert_eq!(field(btc, "free"), desk.holding(0, "BTC").free);
}

#[test]
fn empty_balances_are_left_out_if_asked() {
    let mut desk = Desk::open(config(1));
    desk.ask("ada", "POST", ORDER, "symbol=ETHUSDT&side=SELL&type=MARKET&quantity=100");
    let mut assets =
        |query: &str| desk.ask("ada", "GET", "/api/v3/account", query)["balances"].as_array().unwrap().len();
    assert_eq!((assets(""), assets("omitZeroBalances=true"), assets("omitZeroBalances=TRUE")), (3, 2, 2));
}

#[test]
fn time_in_force_decides_what_happens_to_the_rest() {
    let mut desk = Desk::open(config(1));
    let ask = desk.best(ringfence_model::Side::Sell);
    let mut place = |tif: &str, quantity: &str| {
        let query = format!("symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce={tif}&price={ask}&quantity={quantity}");
        let placed = desk.ask("ada", "POST", ORDER, &query);
        desk.check();
        (placed["status"].clone(), placed["expiryReason"].clone(), placed["fills"].as_array().map_or(0, Vec::len))
    };
    assert_eq!(place("FOK", "9"), (json!("EXPIRED"), json!("UNFILLED_FOK_ORDER_EXPIRED"), 0));
    assert_eq!(place("FOK", "0.001"), (json!("FILLED"), Value::Null, 1));
    assert_eq!(place("IOC", "9"), (json!("EXPIRED"), json!("UNFILLED_IOC_QUANTITY_EXPIRED"), 1));
    assert_eq!(place("GTC", "0.5"), (json!("NEW"), Value::Null, 0));
    let reasons: Vec<_> = desk.events("ada").into_iter().filter(|event| event["x"] == "EXPIRED").collect();
    assert_eq!(reasons.len(), 2);
    assert_eq!(reasons[0]["eR"], "UNFILLED_FOK_ORDER_EXPIRED");

    let sweep = desk.ask("ada", "POST", ORDER, "symbol=ETHUSDT&side=SELL&type=MARKET&quantity=100");
    assert_eq!(sweep["status"], "FILLED");
    for buyer in ["bob", "ada"] {
        let sweep = desk.ask(buyer, "POST", ORDER, "symbol=ETHUSDT&side=BUY&type=MARKET&quoteOrderQty=900000");
        assert_eq!(sweep["status"], "FILLED", "as much as the book has");
    }
    let nothing = desk.ask("bob", "POST", ORDER, "symbol=ETHUSDT&side=BUY&type=MARKET&quantity=0.1");
    assert_eq!((&nothing["status"], &nothing["expiryReason"]), (&json!("EXPIRED"), &json!("INSUFFICIENT_LIQUIDITY")));
}

#[test]
fn cancels_name_the_order_and_themselves() {
    let mut desk = Desk::open(config(1));
    let placed = desk.ask(
        "ada",
        "POST",
        ORDER,
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&price=50000&quantity=0.1&newClientOrderId=first",
    );
    let id = placed["orderId"].as_u64().unwrap();
    let again = "symbol=BTCUSDT&side=BUY&type=LIMIT_MAKER&price=50000&quantity=0.1&newClientOrderId=first";
    assert_eq!(error(&desk.signed("ada", "POST", ORDER, again)), (400, -2010, "Duplicate order sent.".into()));
    desk.ask("bob", "POST", ORDER, again);
    let wrong = format!("symbol=BTCUSDT&orderId={id}&origClientOrderId=second");
    assert_eq!(error(&desk.signed("ada", "DELETE", ORDER, &wrong)).1, -2039);
    let restricted = format!("symbol=BTCUSDT&orderId={id}&cancelRestrictions=ONLY_PARTIALLY_FILLED");
    assert_eq!(
        error(&desk.signed("ada", "DELETE", ORDER, &restricted)),
        (400, -2011, "Order was not canceled due to cancel restrictions.".into())
    );
    let foreign = format!("symbol=BTCUSDT&orderId={id}");
    assert_eq!(error(&desk.signed("bob", "DELETE", ORDER, &foreign)).1, -2011);
    let elsewhere = format!("symbol=ETHUSDT&orderId={id}");
    assert_eq!(error(&desk.signed("ada", "DELETE", ORDER, &elsewhere)).1, -2011);

    desk.events("ada");
    let gone = desk.ask("ada", "DELETE", ORDER, "symbol=BTCUSDT&origClientOrderId=first&newClientOrderId=bye");
    assert_eq!(
        (&gone["origClientOrderId"], &gone["clientOrderId"], &gone["status"]),
        (&json!("first"), &json!("bye"), &json!("CANCELED"))
    );
    let events = desk.events("ada");
    assert_eq!(
        (&events[0]["c"], &events[0]["C"], &events[0]["x"]),
        (&json!("bye"), &json!("first"), &json!("CANCELED"))
    );
    assert_eq!(events[1]["e"], "outboundAccountPosition");
    assert_eq!(error(&desk.signed("ada", "DELETE", ORDER, &foreign)), (400, -2011, "Unknown order sent.".into()));
    let found = desk.ask("ada", "GET", ORDER, "symbol=BTCUSDT&origClientOrderId=first");
    assert_eq!((&found["status"], &found["orderId"]), (&json!("CANCELED"), &json!(id)));
    // A name is free again once its order is done.
    let reused = desk.ask("ada", "POST", ORDER, again);
    desk.limit("ada", "SELL", "0.1", 70_000);
    assert_eq!(desk.ask("ada", "GET", "/api/v3/openOrders", "").as_array().unwrap().len(), 2);
    let all = desk.ask("ada", "DELETE", "/api/v3/openOrders", "symbol=BTCUSDT");
    assert_eq!(all.as_array().unwrap().len(), 2);
    assert_eq!(all[0]["orderId"], reused["orderId"]);
    assert_eq!(desk.ask("ada", "GET", "/api/v3/allOrders", "symbol=BTCUSDT").as_array().unwrap().len(), 3);
    desk.check();
}

#[test]
fn an_amended_order_keeps_its_place_and_its_name_if_that_is_sent_again() {
    let mut desk = Desk::open(config(1));
    let price = desk.best(ringfence_model::Side::Buy);
    let placed = desk.limit("ada", "BUY", "0.5", price);
    let (id, name) = (placed["orderId"].as_u64().unwrap(), placed["clientOrderId"].as_str().unwrap().to_owned());
    let behind = desk.limit("bob", "BUY", "0.3", price)["orderId"].as_u64().unwrap();
    desk.events("ada");
    let amend = |rest: &str| format!("symbol=BTCUSDT&orderId={id}&{rest}");
    let kept = desk.ask("ada", "PUT", AMEND, &amend(&format!("newQty=0.4&newClientOrderId={name}")));
    let kept = &kept["amendedOrder"];
    assert_eq!((&kept["origClientOrderId"], &kept["clientOrderId"]), (&json!(name), &json!(name)));
    assert_eq!((&kept["qty"], &kept["status"], &kept["orderId"]), (&json!("0.40000000"), &json!("NEW"), &json!(id)));
    let events = desk.events("ada");
    assert_eq!((&events[0]["x"], &events[0]["q"]), (&json!("REPLACED"), &json!("0.40000000")));
    assert_eq!(desk.holding(0, "USDT").locked, price * decimal("0.4"));
    let own = desk.exchange.markets[0].book.own_orders();
    assert_eq!(own, [id, behind]);

    let renamed = desk.ask("ada", "PUT", AMEND, &amend("newQty=0.3"));
    let new_name = renamed["amendedOrder"]["clientOrderId"].as_str().unwrap();
    assert_ne!(new_name, name);
    let found = desk.ask("ada", "GET", ORDER, &format!("symbol=BTCUSDT&origClientOrderId={new_name}"));
    assert_eq!((&found["orderId"], &found["origQty"]), (&json!(id), &json!("0.30000000")));
    for (rest, code, msg) in [
        ("newQty=0.3", -2038, "The requested action would change no state; rejecting."),
        ("newQty=0.31", -2038, "Order amend (quantity increase) is not supported."),
        ("newQty=0", -1013, "Filter failure: LOT_SIZE"),
        ("newQty=0.00001", -1013, "Filter failure: NOTIONAL"),
    ] {
        assert_eq!(error(&desk.signed("ada", "PUT", AMEND, &amend(rest))), (400, code, msg.into()));
    }
    desk.check();
}

/// As the venue's changelog of 2026-04-02 has it.
#[test]
fn an_amendment_is_free_only_if_it_ends_its_order() {
    let mut desk = Desk::quiet(config(1));
    let used = |answer: &HttpResponse| header(answer, "X-MBX-USED-WEIGHT-1M").unwrap().parse::<u64>().unwrap();
    let id = desk.limit("ada", "BUY", "0.5", 50_000)["orderId"].as_u64().unwrap();
    desk.limit("bob", "SELL", "0.2", 50_000);
    let mut amend = |quantity: &str, status: &str, weight: u64| {
        let before = used(&desk.send("GET", "/api/v3/ping", "", "", None));
        let query = format!("symbol=BTCUSDT&orderId={id}&newQty={quantity}");
        let answer = desk.signed("ada", "PUT", AMEND, &query);
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(body["amendedOrder"]["status"].as_str().unwrap_or_default(), status, "{body}");
        assert_eq!(used(&answer) - before, weight, "{body}");
    };
    amend("0.4", "PARTIALLY_FILLED", 4);
    amend("0.4", "", 4);
    amend("0.1", "EXPIRED", 0);
    amend("0.05", "", 4);
    desk.check();
}

#[test]
fn headers_count_weight_and_orders() {
    let mut desk = Desk::open(config(1));
    let used = |answer: &HttpResponse| header(answer, "X-MBX-USED-WEIGHT-1M").unwrap().parse::<u64>().unwrap();
    let info = desk.send("GET", "/api/v3/exchangeInfo", "", "", None);
    assert_eq!((used(&info), header(&info, "X-MBX-ORDER-COUNT-10S")), (20, None));
    let order = "symbol=BTCUSDT&side=BUY&type=LIMIT_MAKER&price=50000&quantity=0.1";
    let placed = desk.signed("ada", "POST", ORDER, order);
    assert_eq!(used(&placed), 20, "what succeeds is free");
    assert_eq!(
        (header(&placed, "X-MBX-ORDER-COUNT-10S"), header(&placed, "X-MBX-ORDER-COUNT-1D")),
        (Some("1"), Some("1"))
    );
    let refused = desk.signed("ada", "POST", ORDER, "symbol=NOPE");
    assert_eq!(used(&refused), 21, "what fails is not");
    let counts = desk.ask("ada", "GET", "/api/v3/rateLimit/order", "");
    assert_eq!((&counts[0]["count"], &counts[1]["interval"]), (&json!(1), &json!("DAY")));
    assert_eq!(desk.ask("bob", "GET", "/api/v3/rateLimit/order", "")[0]["count"], 0);
    desk.advance(60_000);
    assert_eq!(used(&desk.send("GET", "/api/v3/depth", "symbol=BTCUSDT&limit=5000", "", None)), 250);
}

#[test]
fn an_account_does_not_trade_with_itself() {
    let mut desk = Desk::quiet(config(1));
    let rest = |desk: &mut Desk| desk.limit("ada", "SELL", "0.2", 60_000)["orderId"].clone();
    let take = |desk: &mut Desk, mode: &str| {
        let query = format!(
            "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&price=60000&quantity=0.1&selfTradePreventionMode={mode}"
        );
        let placed = desk.ask("ada", "POST", ORDER, &query);
        desk.check();
        placed["status"].clone()
    };
    let status = |desk: &mut Desk, id: &Value| {
        desk.ask("ada", "GET", ORDER, &format!("symbol=BTCUSDT&orderId={id}"))["status"].clone()
    };
    for (mode, taker, maker) in [
        ("EXPIRE_TAKER", "EXPIRED_IN_MATCH", "NEW"),
        ("EXPIRE_BOTH", "EXPIRED_IN_MATCH", "EXPIRED_IN_MATCH"),
        ("EXPIRE_MAKER", "NEW", "EXPIRED_IN_MATCH"),
        ("NONE", "FILLED", "PARTIALLY_FILLED"),
    ] {
        let id = rest(&mut desk);
        desk.events("ada");
        assert_eq!(take(&mut desk, mode), taker, "{mode}");
        assert_eq!(status(&mut desk, &id), maker, "{mode}");
        let prevented = desk.events("ada").iter().any(|event| event["x"] == "TRADE_PREVENTION");
        assert_eq!(prevented, mode != "NONE");
        desk.signed("ada", "DELETE", "/api/v3/openOrders", "symbol=BTCUSDT");
    }
}

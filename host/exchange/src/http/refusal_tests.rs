//! What is refused, and in which words.

use serde_json::Value;

use super::{ORDER, error, header};
use crate::testing::{Desk, config, sign};
use crate::{ExchangeConfig, LimitConfig};

/// Method, path, query; code and, where the venue has one, text. `L` stands for a limit
/// order, `M` for a market order, `S` for the symbol.
const REFUSED: &str = r"
GET    openOrders  | symbol=NOPE                                    | -1121 Invalid symbol.
POST   order       |                                                | -1102 Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.
POST   order       | S                                              | -1102 Mandatory parameter 'side' was not sent, was empty/null, or malformed.
POST   order       | S&side=BUY                                     | -1102 Mandatory parameter 'type' was not sent, was empty/null, or malformed.
POST   order       | S&side=buy&type=LIMIT                          | -1117 Invalid side.
POST   order       | S&side=BUY&type=ICEBERG                        | -1116 Invalid orderType.
POST   order       | S&side=BUY&type=LIMIT&quantity=1&price=1       | -1102 Mandatory parameter 'timeInForce' was not sent, was empty/null, or malformed.
POST   order       | S&side=BUY&type=LIMIT&timeInForce=DAY          | -1115 Invalid timeInForce.
POST   order       | L&quantity=1                                   | -1102 Mandatory parameter 'price' was not sent, was empty/null, or malformed.
POST   order       | L&quantity=1&price=                            | -1102 Mandatory parameter 'price' was not sent, was empty/null, or malformed.
POST   order       | L&price=1                                      | -1102 Mandatory parameter 'quantity' was not sent, was empty/null, or malformed.
POST   order       | M                                              | -1102 Mandatory parameter 'quantity' was not sent, was empty/null, or malformed.
POST   order       | L&quantity=1&price=1e5                         | -1100
POST   order       | L&quantity=1&price=-1                          | -1100
POST   order       | L&quantity=1&price=1&newClientOrderId=a%20b    | -1100
POST   order       | L&quantity=1&price=1&stopPrice=2               | -1106 Parameter 'stopPrice' sent when not required.
POST   order       | L&quantity=1&price=1&quoteOrderQty=2           | -1106 Parameter 'quoteOrderQty' sent when not required.
POST   order       | L&quantity=1&price=1&newOrderRespType=ALL      | -1130 Data sent for parameter 'newOrderRespType' is not valid.
POST   order       | L&quantity=1&price=1&selfTradePreventionMode=X | -1013 This symbol does not allow the specified self-trade prevention mode.
POST   order       | L&quantity=1&price=1.123456789                 | -1111 Parameter 'price' has too much precision.
POST   order       | L&quantity=1&price=50000.001                   | -1013 Filter failure: PRICE_FILTER
POST   order       | L&quantity=1&price=0                           | -1013 Filter failure: PRICE_FILTER
POST   order       | L&quantity=1&price=1000000.01                  | -1013 Filter failure: PRICE_FILTER
POST   order       | L&quantity=0&price=50000                       | -1013 Filter failure: LOT_SIZE
POST   order       | L&quantity=0.000001&price=50000                | -1013 Filter failure: LOT_SIZE
POST   order       | L&quantity=9001&price=50000                    | -1013 Filter failure: LOT_SIZE
POST   order       | L&quantity=0.00001&price=50000                 | -1013 Filter failure: NOTIONAL
POST   order       | L&quantity=1000&price=50000                    | -1013 Filter failure: NOTIONAL
POST   order       | M&quantity=121                                 | -1013 Filter failure: MARKET_LOT_SIZE
POST   order       | M&quoteOrderQty=1                              | -1013 Filter failure: NOTIONAL
POST   order       | M&quantity=1&price=5                           | -1106 Parameter 'price' sent when not required.
POST   order       | M&quantity=1&timeInForce=GTC                   | -1106 Parameter 'timeInForce' sent when not required.
POST   order       | M&quantity=1&quoteOrderQty=9                   | -1106 Parameter 'quoteOrderQty' sent when not required.
POST   order       | M&quantity=1&recvWindow=60001                  | -1102 'recvWindow' contains unexpected value. Cannot be greater than 60000.
POST   order       | M&quantity=1&recvWindow=5000.1234              | -1111 Parameter 'recvWindow' has too much precision.
POST   order       | L&quantity=100&price=59000                     | -2010 Account has insufficient balance for requested action.
POST   order       | S&side=SELL&type=MARKET&quantity=11            | -2010 Account has insufficient balance for requested action.
POST   order       | S&side=BUY&type=LIMIT_MAKER&price=70000&quantity=0.1 | -2010 Order would immediately match and take.
POST   order       | S&side=BUY&type=STOP_LOSS&stopPrice=30000&quantity=1 | -2010 Order would trigger immediately.
POST   order/test  | L&quantity=1&price=50000.001                   | -1013 Filter failure: PRICE_FILTER
POST   orderList/oco       | S                                      | -1102 Mandatory parameter 'side' was not sent, was empty/null, or malformed.
POST   order/cancelReplace | L&quantity=1&price=50000               | -1102 Mandatory parameter 'cancelReplaceMode' was not sent, was empty/null, or malformed.
DELETE order       | S&orderId=77                                   | -2011 Unknown order sent.
DELETE order       | S&origClientOrderId=none                       | -2011 Unknown order sent.
DELETE order       | S                                              | -1102 Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!
DELETE openOrders  | S                                              | -2011 Unknown order sent.
GET    order       | S&orderId=77                                   | -2013 Order does not exist.
GET    order       | S&orderId=x                                    | -1100
GET    order       | S                                              | -1102 Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!
PUT    order/amend/keepPriority | S&orderId=77&newQty=1             | -2013 Order does not exist.
PUT    order/amend/keepPriority | S&orderId=77                      | -1102 Mandatory parameter 'newQty' was not sent, was empty/null, or malformed.
GET    myTrades    | S&orderId=1&startTime=1                        | -1128 Combination of optional parameters invalid.
GET    account     | omitZeroBalances=perhaps                       | -1130 Data sent for parameter 'omitZeroBalances' is not valid.
GET    account     | a=1&a=2                                        | -1101 Duplicate values for a parameter detected.
";

#[test]
fn what_is_wrong_with_a_request_is_said_in_the_venues_words() {
    let mut desk = Desk::open(config(1));
    for line in REFUSED.trim().lines() {
        let mut parts = line.split('|').map(str::trim);
        let (call, query, told) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        let (method, path) = call.split_once(' ').unwrap();
        let (code, msg) = told.split_once(' ').unwrap_or((told, ""));
        let query = match query.split_at_checked(1) {
            Some(("L", rest)) => {
                format!("symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC{rest}")
            }
            Some(("M", rest)) => format!("symbol=BTCUSDT&side=BUY&type=MARKET{rest}"),
            Some(("S", rest)) => format!("symbol=BTCUSDT{rest}"),
            _ => query.to_owned(),
        };
        let answer = desk.signed("ada", method, &format!("/api/v3/{}", path.trim()), &query);
        let found = error(&answer);
        assert_eq!((found.0, found.1), (400, code.parse().unwrap()), "{line}: {found:?}");
        assert!(msg.is_empty() || found.2 == msg, "{line}: {found:?}");
    }
    desk.check();
    let told = desk.events("ada");
    assert_eq!(told, Vec::<Value>::new(), "a refused order is not told as an event");
}

#[test]
fn market_data_is_refused_too() {
    let mut desk = Desk::open(config(1));
    for (path, query, code) in [
        ("depth", "symbol=btcusdt", -1100),
        ("depth", "", -1102),
        ("depth", "symbol=BTCUSDT&limit=0", -1130),
        ("klines", "symbol=BTCUSDT&interval=7m", -1120),
        ("exchangeInfo", r#"symbols=["BTCUSDT","NOPE"]"#, -1121),
        ("exchangeInfo", "symbols=BTCUSDT", -1100),
        ("exchangeInfo", r#"symbol=BTCUSDT&symbols=["BTCUSDT"]"#, -1128),
        ("depth", "symbol=%zz", -1100),
    ] {
        let answer = desk.send("GET", &format!("/api/v3/{path}"), query, "", None);
        assert_eq!(error(&answer).1, code, "{path}?{query}: {}", answer.body);
    }
    let lost = desk.send("GET", "/sapi/v1/margin/allPairs", "", "", None);
    assert_eq!(error(&lost).0, 404);
}

#[test]
fn who_asks_is_checked_before_what_is_asked() {
    let mut desk = Desk::open(config(1));
    let now = desk.now.as_millis();
    let mut ask = |query: &str, key| desk.send("GET", "/api/v3/account", query, "", key);
    let stamped = |time: u64| format!("timestamp={time}");
    let good = sign("ada", &stamped(now));

    let keyless = error(&ask(&good, None));
    assert_eq!(keyless, (401, -2014, "API-key format invalid.".into()));
    let stranger = error(&ask(&good, Some("eve")));
    assert_eq!(stranger, (401, -2015, "Invalid API-key, IP, or permissions for action.".into()));
    for (query, key) in [
        (good.clone(), "bob"),
        (format!("{}&signature=00", stamped(now)), "ada"),
        (format!("recvWindow=9&{good}"), "ada"),
    ] {
        let forged = error(&ask(&query, Some(key)));
        assert_eq!(forged, (400, -1022, "Signature for this request is not valid.".into()), "{query}");
    }
    for (query, name) in [(stamped(now), "signature"), (sign("ada", "recvWindow=5000"), "timestamp")] {
        let msg = format!("Mandatory parameter '{name}' was not sent, was empty/null, or malformed.");
        assert_eq!(error(&ask(&query, Some("ada"))), (400, -1102, msg));
    }
    let ahead = Some("Timestamp for this request was 1000ms ahead of the server's time.");
    let outside = Some("Timestamp for this request is outside of the recvWindow.");
    for (query, refused) in [
        (stamped(now + 1_000), ahead),
        (stamped(now + 999), None),
        (stamped(now - 5_000), None),
        (stamped(now - 5_001), outside),
        (format!("recvWindow=10.5&timestamp={}", now * 1_000 - 10_500), None),
        (format!("recvWindow=10.5&timestamp={}", now * 1_000 - 10_501), outside),
    ] {
        let answer = ask(&sign("ada", &query), Some("ada"));
        match refused {
            Some(msg) => assert_eq!(error(&answer), (400, -1021, msg.into()), "{query}"),
            None => assert_eq!(answer.status, 200, "{query}: {}", answer.body),
        }
    }
    desk.exchange.set_strict_time(false);
    let late = desk.send("GET", "/api/v3/account", &sign("ada", "timestamp=1"), "", Some("ada"));
    assert_eq!(late.status, 200);
}

#[test]
fn limits_refuse_with_the_time_to_wait() {
    let limits = LimitConfig { weight_per_minute: 30, orders_per_ten_seconds: 2, ..LimitConfig::default() };
    let mut desk = Desk::open(ExchangeConfig { limits, ..config(1) });
    for _ in 0..2 {
        desk.limit("ada", "BUY", "0.01", 50_000);
    }
    let order = "symbol=BTCUSDT&side=BUY&type=LIMIT_MAKER&price=50000&quantity=0.1";
    let refused = desk.signed("ada", "POST", ORDER, order);
    assert_eq!(error(&refused), (429, -1015, "Too many new orders; current limit is 2 orders per 10 SECOND.".into()));
    assert!(header(&refused, "Retry-After").unwrap().parse::<u64>().unwrap() <= 10);
    assert_eq!(desk.signed("bob", "POST", ORDER, order).status, 200);
    desk.get("/api/v3/exchangeInfo", "");
    let refused = desk.send("GET", "/api/v3/exchangeInfo", "", "", None);
    let (status, code, msg) = error(&refused);
    assert_eq!((status, code), (429, -1003));
    assert!(msg.contains("current limit is 30 request weight per 1 MINUTE"), "{msg}");
    assert!(header(&refused, "Retry-After").is_some());
    desk.advance(60_000);
    desk.get("/api/v3/exchangeInfo", "");
}

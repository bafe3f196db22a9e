//! Keys and rights, both tests of the time window, units, bans, listen keys, and what the
//! market data calls answer.

use std::net::{IpAddr, Ipv4Addr};

use ringfence_model::{Decimal, Micros, Timestamp};
use serde_json::{Value, json};

use super::{ORDER, error, header};
use crate::config::SymbolStatus;
use crate::keys::{ApiKey, Rights, Verifier};
use crate::testing::{Desk, config, decimal, sign};
use crate::{ExchangeConfig, HttpRequest, HttpResponse, LimitConfig};

const AWAY: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9));

fn with_keys(keys: Vec<ApiKey>) -> ExchangeConfig {
    let mut config = config(1);
    config.accounts[0].keys = keys;
    config
}

fn hmac_key(name: &str, rights: Rights, addresses: Vec<IpAddr>) -> ApiKey {
    ApiKey { api_key: name.to_owned(), verifier: Verifier::hmac(name.to_uppercase()), rights, addresses }
}

#[test]
fn a_get_has_its_parameters_in_the_query() {
    let mut desk = Desk::open(config(1));
    assert_eq!(desk.send("GET", "/api/v3/depth", "symbol=BTCUSDT", "", None).status, 200);
    assert_eq!(error(&desk.send("GET", "/api/v3/depth", "", "symbol=BTCUSDT", None)).1, -1102);
    // What stands there is not signed either.
    let query = sign("ada", &format!("timestamp={}", desk.now.as_millis()));
    assert_eq!(desk.send("GET", "/api/v3/account", &query, "omitZeroBalances=true", Some("ada")).status, 200);
}

#[test]
fn keys_of_all_kinds_sign_and_their_rights_are_kept() {
    let rsa = ApiKey {
        api_key: "rsa".to_owned(),
        verifier: Verifier::public(crate::keys::tests::RSA_PEM).unwrap(),
        rights: Rights::ALL,
        addresses: Vec::new(),
    };
    let reads = hmac_key("reads", Rights::READ, Vec::new());
    let home = hmac_key("home", Rights::ALL, vec![AWAY]);
    let mut desk = Desk::open(with_keys(vec![rsa, reads, home]));
    let encoded = crate::keys::tests::RSA_SIGNATURE.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let query = format!("{}&signature={encoded}", crate::keys::tests::RSA_PAYLOAD);
    let answer = desk.send("GET", "/api/v3/account", &query, "", Some("rsa"));
    assert_eq!(answer.status, 200, "{}", answer.body);
    let forged = query.replacen("true", "TRUE", 1);
    assert_eq!(error(&desk.send("GET", "/api/v3/account", &forged, "", Some("rsa"))).1, -1022);

    assert_eq!(desk.signed("reads", "GET", "/api/v3/account", "").status, 200);
    let order = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=50000";
    assert_eq!(error(&desk.signed("reads", "POST", ORDER, order)).0, 401);
    assert_eq!(error(&desk.signed("reads", "POST", ORDER, order)).1, -2015);
    assert_eq!(error(&desk.signed("home", "GET", "/api/v3/account", "")).1, -2015, "from another address");
    let query = sign("home", &format!("timestamp={}", desk.now.as_millis()));
    let request = HttpRequest {
        path: "/api/v3/account",
        query: &query,
        api_key: Some("home"),
        ip: AWAY,
        ..HttpRequest::default()
    };
    assert_eq!(desk.exchange.http(desk.now, &request).status, 200);
    // All keys are the same account.
    desk.ask("ada", "POST", ORDER, order);
    assert_eq!(desk.ask("reads", "GET", "/api/v3/openOrders", "").as_array().unwrap().len(), 1);
}

#[test]
fn an_account_or_a_symbol_that_may_not_trade_takes_no_orders() {
    let mut config = config(1);
    config.accounts[1].can_trade = false;
    let mut desk = Desk::open(config);
    let order = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=50000";
    let refused = error(&desk.signed("bob", "POST", ORDER, order));
    assert_eq!(refused, (400, -2010, "This action is disabled on this account.".into()));
    assert_eq!(desk.ask("bob", "GET", "/api/v3/account", "")["canTrade"], false);
    let id = desk.limit("ada", "BUY", "0.01", 50_000)["orderId"].clone();
    assert!(desk.exchange.set_status("BTCUSDT", SymbolStatus::Break));
    assert!(!desk.exchange.set_status("NOPE", SymbolStatus::Break));
    let refused = error(&desk.signed("ada", "POST", ORDER, order));
    assert_eq!(refused, (400, -1013, "Market is closed.".into()));
    desk.ask("ada", "DELETE", ORDER, &format!("symbol=BTCUSDT&orderId={id}"));
    let info = desk.get("/api/v3/exchangeInfo", "symbolStatus=BREAK");
    assert_eq!((info["symbols"].as_array().unwrap().len(), &info["symbols"][0]["status"]), (1, &json!("BREAK")));
}

#[test]
fn the_time_window_is_tested_at_receipt_and_before_the_engine() {
    let mut desk = Desk::open(config(1));
    let sent = desk.now;
    let query = |at: Timestamp| {
        let order = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=50000&recvWindow=100.5";
        sign("ada", &format!("{order}&timestamp={}", at.as_millis()))
    };
    let ask = |received: u64, now: u64, desk: &mut Desk| {
        let query = query(sent);
        let request = HttpRequest {
            method: "POST",
            path: ORDER,
            query: &query,
            api_key: Some("ada"),
            received: Some(sent.plus(Micros(received))),
            ..HttpRequest::default()
        };
        desk.exchange.http(sent.plus(Micros(now)), &request)
    };
    assert_eq!(ask(50_000, 100_500, &mut desk).status, 200);
    let before = desk.ask("ada", "GET", "/api/v3/rateLimit/order", "")[0]["count"].clone();
    let late = ask(50_000, 100_501, &mut desk);
    assert_eq!(error(&late), (400, -1021, "Timestamp for this request is outside of the recvWindow.".into()));
    let after = desk.ask("ada", "GET", "/api/v3/rateLimit/order", "")[0]["count"].clone();
    assert_eq!((before, after), (json!(1), json!(2)), "it came as far as the engine's door");
    assert_eq!(error(&ask(100_501, 100_501, &mut desk)).1, -1021);
    assert_eq!(desk.ask("ada", "GET", "/api/v3/rateLimit/order", "")[0]["count"], 2, "this one did not");
}

#[test]
fn times_are_told_in_the_unit_that_was_asked_for() {
    let mut desk = Desk::open(config(1));
    desk.advance(3_000);
    let mut ask = |path: &str, query: &str, unit: &str| -> HttpResponse {
        let path = format!("/api/v3/{path}");
        let request = HttpRequest { path: &path, query, time_unit: Some(unit), ..HttpRequest::default() };
        desk.exchange.http(desk.now, &request)
    };
    let value = |answer: HttpResponse| serde_json::from_str::<Value>(&answer.body).unwrap();
    for unit in ["MICROSECOND", "microsecond"] {
        assert_eq!(value(ask("time", "", unit))["serverTime"], 1_700_000_003_000_000u64);
    }
    assert_eq!(value(ask("time", "", "MILLISECOND"))["serverTime"], 1_700_000_003_000u64);
    let trade = value(ask("trades", "symbol=BTCUSDT&limit=1", "MICROSECOND"));
    assert!(trade[0]["time"].as_u64().unwrap() > 1_700_000_000_000_000);
    let kline = value(ask("klines", "symbol=BTCUSDT&interval=1m&limit=1", "MICROSECOND"));
    assert_eq!(kline[0][6].as_u64().unwrap() - kline[0][0].as_u64().unwrap(), 59_999_999);
    let told = error(&ask("time", "", "SECOND"));
    assert_eq!(told, (400, -1194, "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.".into()));
}

#[test]
fn going_on_after_429_is_a_ban_for_this_address_alone() {
    let limits = LimitConfig { weight_per_minute: 20, refusals_before_ban: 2, ..LimitConfig::default() };
    let mut desk = Desk::open(ExchangeConfig { limits, ..config(1) });
    let mut ask = |ip, wait| {
        let request = HttpRequest { path: "/api/v3/exchangeInfo", ip, ..HttpRequest::default() };
        desk.advance(wait);
        desk.exchange.http(desk.now, &request)
    };
    let home = HttpRequest::default().ip;
    assert_eq!(ask(home, 0).status, 200);
    for _ in 0..2 {
        assert_eq!(error(&ask(home, 0)).0, 429);
    }
    let banned = ask(home, 0);
    let (status, code, msg) = error(&banned);
    assert_eq!((status, code), (418, -1003));
    assert!(msg.starts_with("Way too much request weight used; IP banned until 17000001"), "{msg}");
    assert_eq!(header(&banned, "Retry-After"), Some("120"));
    assert_eq!(ask(AWAY, 0).status, 200);
    assert_eq!(error(&ask(home, 119_000)).0, 418);
    assert_eq!(ask(home, 1_000).status, 200);
}

#[test]
fn every_answer_tells_the_weight_and_raw_requests_are_counted_too() {
    let limits = LimitConfig { raw_per_five_minutes: 3, ..LimitConfig::default() };
    let mut desk = Desk::open(ExchangeConfig { limits, ..config(1) });
    for (path, used) in [("/api/v3/ping", "1"), ("/sapi/v1/nothing", "2"), ("/api/v3/time", "3")] {
        let answer = desk.send("GET", path, "", "", None);
        assert_eq!(header(&answer, "X-MBX-USED-WEIGHT-1M"), Some(used), "{path}");
    }
    let refused = desk.send("GET", "/api/v3/ping", "", "", None);
    assert_eq!(error(&refused), (429, -1003, "Too many requests queued.".into()));
    assert!(header(&refused, "Retry-After").is_some() && header(&refused, "X-MBX-USED-WEIGHT-1M") == Some("3"));
}

/// What NautilusTrader asks before it loads an instrument.
#[test]
fn the_wallet_tells_the_fees() {
    let mut desk = Desk::open(config(1));
    let mut ask = |query: &str| desk.signed("ada", "GET", "/sapi/v1/asset/tradeFee", query);
    let one: Value = serde_json::from_str(&ask("symbol=BTCUSDT").body).unwrap();
    assert_eq!(one, json!([{"symbol": "BTCUSDT", "makerCommission": "0.001", "takerCommission": "0.001"}]));
    let all: Value = serde_json::from_str(&ask("").body).unwrap();
    assert_eq!(all.as_array().unwrap().len(), config(1).symbols.len());
    assert_eq!(error(&ask("symbol=NOPE")).1, -1121);
    assert_eq!(error(&desk.send("GET", "/sapi/v1/asset/tradeFee", "", "", None)).1, -2014);
    let status = desk.send("GET", "/sapi/v1/system/status", "", "", None);
    assert_eq!((status.status, status.body.as_str()), (200, r#"{"status":0,"msg":"normal"}"#));
    // Only those two, and the paths of one API are not those of another.
    for path in ["/sapi/v1/asset/transfer", "/api/v3//sapi/v1/system/status", "/account", "account"] {
        assert_eq!(error(&desk.signed("ada", "GET", path, "")).0, 404, "{path}");
    }
}

#[test]
fn connections_are_attempts_and_cost_weight_at_the_api() {
    let limits = LimitConfig { connections_per_five_minutes: 2, ..LimitConfig::default() };
    let mut desk = Desk::open(ExchangeConfig { limits, ..config(1) });
    let home = HttpRequest::default().ip;
    assert_eq!(desk.exchange.connect(desk.now, home, true), Ok(()));
    assert_eq!(desk.exchange.connect(desk.now, home, false), Ok(()));
    let refused = desk.exchange.connect(desk.now, home, false).unwrap_err();
    let told = error(&refused);
    assert_eq!(told, (429, -1034, "Too many connection attempts from IP; current limit is 2 per '5 MINUTE'.".into()));
    assert_eq!(header(&refused, "X-MBX-USED-WEIGHT-1M"), Some("2"));
}

#[test]
fn listen_keys_are_gone_unless_they_are_wanted() {
    let mut desk = Desk::open(config(1));
    let path = "/api/v3/userDataStream";
    assert_eq!(error(&desk.send("POST", path, "", "", Some("ada"))).0, 410);
    let mut desk = Desk::open(ExchangeConfig { listen_keys: true, ..config(1) });
    assert_eq!(error(&desk.send("POST", path, "", "", None)).1, -2014);
    let made = desk.send("POST", path, "", "", Some("ada"));
    let made: Value = serde_json::from_str(&made.body).unwrap();
    let key = made["listenKey"].as_str().unwrap().to_owned();
    assert_eq!(key.len(), 60);
    assert_eq!(desk.exchange.listen_key_of(desk.now, "ada"), Some(key.as_str()));
    let query = format!("listenKey={key}");
    assert_eq!(error(&desk.send("PUT", path, &query, "", Some("bob"))).1, -1125);
    let hour = Micros::from_secs(3_600);
    desk.now = desk.now.plus(Micros(hour.0 - 1));
    assert_eq!(desk.send("PUT", path, &query, "", Some("ada")).body, "{}");
    desk.now = desk.now.plus(Micros(hour.0 - 1));
    assert_eq!(desk.exchange.listen_key_of(desk.now, "ada"), Some(key.as_str()), "it was renewed");
    desk.now = desk.now.plus(Micros(1));
    assert_eq!(desk.exchange.listen_key_of(desk.now, "ada"), None);
    let again: Value = serde_json::from_str(&desk.send("POST", path, "", "", Some("ada")).body).unwrap();
    let again = again["listenKey"].as_str().unwrap().to_owned();
    assert_ne!(again, key);
    assert_eq!(desk.send("DELETE", path, "", &format!("listenKey={again}"), Some("ada")).status, 200);
    assert_eq!(desk.exchange.listen_key_of(desk.now, "ada"), None);
}

#[test]
fn deposits_are_told_and_counted() {
    let mut desk = Desk::open(config(1));
    let before = desk.exchange.total("BTC");
    desk.exchange.transfer(desk.now, "ada", "BTC", decimal("1.5")).unwrap();
    assert_eq!(desk.exchange.total("BTC"), before + decimal("1.5"));
    let told = desk.events("ada");
    assert_eq!(
        (&told[0]["e"], &told[0]["a"], &told[0]["d"]),
        (&json!("balanceUpdate"), &json!("BTC"), &json!("1.50000000"))
    );
    assert_eq!((&told[1]["e"], &told[1]["B"][0]["f"]), (&json!("outboundAccountPosition"), &json!("11.50000000")));
    desk.exchange.transfer(desk.now, "ada", "BTC", decimal("-11.5")).unwrap();
    assert!(desk.exchange.transfer(desk.now, "ada", "BTC", decimal("-0.1")).is_err());
    assert!(desk.exchange.transfer(desk.now, "eve", "BTC", Decimal::ONE).is_err());
    assert_eq!(desk.holding(0, "BTC").free, Decimal::ZERO);
}

#[test]
fn trades_aggregates_klines_and_tickers_tell_the_same_market() {
    let mut desk = Desk::open(config(5));
    desk.advance(12_000);
    let trades = desk.get("/api/v3/historicalTrades", "symbol=BTCUSDT&fromId=1&limit=1000");
    let trades = trades.as_array().unwrap();
    let aggregates = desk.get("/api/v3/aggTrades", "symbol=BTCUSDT&fromId=1&limit=1000");
    let aggregates = aggregates.as_array().unwrap();
    assert!(trades.len() > 200 && trades.len() < 1_000, "{}", trades.len());
    let sum = |rows: &[Value], name: &str| rows.iter().map(|row| decimal(row[name].as_str().unwrap())).sum::<Decimal>();
    assert_eq!(sum(trades, "qty"), sum(aggregates, "q"));
    let mut next = 1;
    for row in aggregates {
        assert_eq!(row["f"], next, "no trade is missing or told twice");
        next = row["l"].as_u64().unwrap() + 1;
        let price = decimal(row["p"].as_str().unwrap());
        let own = trades
            .iter()
            .filter(|trade| trade["id"].as_u64() >= row["f"].as_u64() && trade["id"].as_u64() <= row["l"].as_u64());
        assert!(own.map(|trade| decimal(trade["price"].as_str().unwrap())).all(|own| own == price));
    }
    assert_eq!(next - 1, trades.last().unwrap()["id"].as_u64().unwrap());
    let from = trades[100]["time"].as_u64().unwrap();
    let ranged = desk.get("/api/v3/aggTrades", &format!("symbol=BTCUSDT&startTime={from}&endTime={}", from + 999));
    assert!(ranged.as_array().unwrap().iter().all(|row| (from..from + 1_000).contains(&row["T"].as_u64().unwrap())));
    let start = desk.exchange.start().as_millis();
    let klines = desk.get("/api/v3/klines", &format!("symbol=BTCUSDT&interval=1s&startTime={start}"));
    let klines = klines.as_array().unwrap();
    let column = |place: usize| klines.iter().map(|row| decimal(row[place].as_str().unwrap())).sum::<Decimal>();
    assert_eq!(column(5), sum(trades, "qty"));
    let bought = trades.iter().filter(|trade| trade["isBuyerMaker"] == false).cloned().collect::<Vec<_>>();
    assert_eq!((column(9), column(10)), (sum(&bought, "qty"), sum(&bought, "quoteQty")));
    let ticker = desk.get("/api/v3/ticker", "symbol=BTCUSDT&windowSize=1m");
    assert_eq!(ticker["lastPrice"], trades.last().unwrap()["price"]);
    assert_eq!(ticker["lastId"], trades.last().unwrap()["id"]);
    assert_eq!(ticker["openTime"].as_u64().unwrap() % 60_000, 0);
    let day = desk.get("/api/v3/ticker/24hr", "symbol=BTCUSDT");
    assert_eq!(day["closeTime"].as_u64().unwrap() - day["openTime"].as_u64().unwrap(), 86_400_000);
    assert_eq!(day["lastPrice"], ticker["lastPrice"]);
    let change = decimal(day["lastPrice"].as_str().unwrap()) - decimal(day["openPrice"].as_str().unwrap());
    assert_eq!(decimal(day["priceChange"].as_str().unwrap()), change);
    let shanghai = desk.get("/api/v3/ticker/tradingDay", "symbol=BTCUSDT&timeZone=8");
    assert_eq!((shanghai["openTime"].as_u64().unwrap() + 8 * 3_600_000) % 86_400_000, 0);
}

#[test]
fn exchange_info_is_chosen_by_permission_and_status() {
    let mut config = config(1);
    config.symbols[1].permission_sets = vec![vec!["TRD_GRP_004".to_owned(), "TRD_GRP_005".to_owned()]];
    let mut desk = Desk::open(config);
    let mut names = |query: &str| -> Vec<String> {
        let info = desk.get("/api/v3/exchangeInfo", query);
        info["symbols"].as_array().unwrap().iter().map(|row| row["symbol"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(""), ["BTCUSDT"]);
    assert_eq!(names("permissions=TRD_GRP_004"), ["ETHUSDT"]);
    assert_eq!(names(r#"permissions=["SPOT","TRD_GRP_005"]"#), ["BTCUSDT", "ETHUSDT"]);
    assert_eq!(names("symbol=ETHUSDT"), ["ETHUSDT"]);
    assert_eq!(names("symbolStatus=HALT"), [""; 0]);
    let info = desk.get("/api/v3/exchangeInfo", "showPermissionSets=false");
    assert_eq!(info["symbols"][0]["permissionSets"], json!([]));
    for (path, query, code) in [
        ("exchangeInfo", "symbol=BTCUSDT&permissions=SPOT", -1128),
        ("exchangeInfo", "symbol=BTCUSDT&symbolStatus=TRADING", -1128),
        ("exchangeInfo", "symbolStatus=OPEN", -1122),
        ("exchangeInfo", r#"symbols=["BTCUSDT","BTCUSDT"]"#, -1151),
        ("executionRules", r#"symbol=BTCUSDT&symbols=["BTCUSDT"]"#, -1128),
        ("depth", "symbol=BTCUSDT&symbolStatus=HALT", -1220),
        ("ticker/price", "symbol=BTCUSDT&symbolStatus=HALT", -1220),
        ("ticker/24hr", "symbol=BTCUSDT&type=BIG", -1139),
        ("ticker", "", -1102),
        ("ticker", "symbol=BTCUSDT&windowSize=2w", -1130),
        ("ticker/tradingDay", "symbol=BTCUSDT&timeZone=15", -1100),
        ("klines", "symbol=BTCUSDT", -1102),
        ("aggTrades", "symbol=BTCUSDT&fromId=1&startTime=1", -1128),
        ("historicalBlockTrades", "symbol=BTCUSDT", -1102),
        ("referencePrice", "symbol=BTCUSDT", -2043),
    ] {
        let answer = desk.send("GET", &format!("/api/v3/{path}"), query, "", None);
        assert_eq!(error(&answer).1, code, "{path}?{query}: {}", answer.body);
    }
    let listed = desk.get("/api/v3/ticker/price", "symbolStatus=HALT");
    assert_eq!(listed, json!([]));
}

#[test]
fn weights_are_those_of_the_documents() {
    let mut desk = Desk::open(config(1));
    let mut used = 0;
    for (path, query, weight) in [
        ("ping", "", 1),
        ("exchangeInfo", "", 20),
        ("executionRules", "symbol=BTCUSDT", 2),
        ("executionRules", r#"symbols=["BTCUSDT","ETHUSDT"]"#, 4),
        ("executionRules", "", 40),
        ("depth", "symbol=BTCUSDT&limit=100", 5),
        ("depth", "symbol=BTCUSDT&limit=101", 25),
        ("depth", "symbol=BTCUSDT&limit=1000", 50),
        ("depth", "symbol=BTCUSDT&limit=9999", 250),
        ("trades", "symbol=BTCUSDT", 25),
        ("historicalTrades", "symbol=BTCUSDT", 25),
        ("historicalBlockTrades", "symbol=BTCUSDT&fromId=0", 25),
        ("aggTrades", "symbol=BTCUSDT", 4),
        ("klines", "symbol=BTCUSDT&interval=1m", 2),
        ("uiKlines", "symbol=BTCUSDT&interval=1m", 2),
        ("avgPrice", "symbol=BTCUSDT", 2),
        ("ticker/24hr", "symbol=BTCUSDT", 2),
        ("ticker/24hr", "", 80),
        ("ticker/tradingDay", r#"symbols=["BTCUSDT","ETHUSDT"]"#, 8),
        ("ticker", "symbol=BTCUSDT", 4),
        ("ticker/price", "symbol=BTCUSDT", 2),
        ("ticker/price", "", 4),
        ("ticker/bookTicker", "", 4),
        ("referencePrice", "symbol=BTCUSDT", 2),
    ] {
        let answer = desk.send("GET", &format!("/api/v3/{path}"), query, "", None);
        used += weight;
        assert_eq!(header(&answer, "X-MBX-USED-WEIGHT-1M"), Some(used.to_string().as_str()), "{path}?{query}");
    }
    for (path, query, weight) in [
        ("account", "", 20),
        ("account/commission", "symbol=BTCUSDT", 20),
        ("rateLimit/order", "", 40),
        ("myFilters", "symbol=BTCUSDT", 40),
    ] {
        let answer = desk.signed("ada", "GET", &format!("/api/v3/{path}"), query);
        used += weight;
        assert_eq!(header(&answer, "X-MBX-USED-WEIGHT-1M"), Some(used.to_string().as_str()), "{path}?{query}");
    }
    // A signature that is not theirs costs as much.
    let forged = desk.send("GET", "/api/v3/account", "timestamp=1&signature=00", "", Some("ada"));
    used += 20;
    assert_eq!(header(&forged, "X-MBX-USED-WEIGHT-1M"), Some(used.to_string().as_str()));
    let order = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=50000";
    let placed = desk.signed("ada", "POST", ORDER, order);
    assert_eq!(header(&placed, "X-MBX-USED-WEIGHT-1M"), Some(used.to_string().as_str()), "refunded");
}

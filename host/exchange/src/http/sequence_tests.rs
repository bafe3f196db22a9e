//! Sequences of requests to one exchange, each valid but for what was done to it, by both
//! doors. Whatever is answered, nothing is made or lost, the book is not crossed, and what
//! is locked is what the open orders need.
//!
//! `PROPTEST_CASES=100000` looks longer.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use ringfence_model::{Decimal, Side};
use serde_json::{Map, Value};

use super::super::call::{Call, Run};
use crate::testing::{Desk, KEYS, config, sign, signature};
use crate::{ExchangeConfig, LimitConfig, WsSession};

const ASSETS: [&str; 3] = ["USDT", "BTC", "ETH"];

/// Calls by their REST path, with what they are sent. Words in braces stand for values that
/// fit the exchange's present: see [`Sender::value`].
const WELL_FORMED: &[(&str, &str)] = &[
    ("GET ping", ""),
    ("GET time", ""),
    ("GET exchangeInfo", ""),
    ("GET exchangeInfo", "symbols=[\"BTCUSDT\",\"ETHUSDT\"]&showPermissionSets=false"),
    ("GET exchangeInfo", "permissions=[\"SPOT\"]&symbolStatus=TRADING"),
    ("GET executionRules", "symbol={symbol}"),
    ("GET depth", "symbol={symbol}&limit={limit}"),
    ("GET trades", "symbol={symbol}&limit={limit}"),
    ("GET historicalTrades", "symbol={symbol}&limit={limit}&fromId={id}"),
    ("GET historicalBlockTrades", "symbol={symbol}&limit={limit}&fromId=1"),
    ("GET aggTrades", "symbol={symbol}&startTime={start}&endTime={now}&limit={limit}"),
    ("GET aggTrades", "symbol={symbol}&fromId={id}&limit={limit}"),
    ("GET klines", "symbol={symbol}&interval={interval}&limit={limit}&timeZone={zone}"),
    ("GET klines", "symbol={symbol}&interval={interval}&startTime={start}&endTime={now}"),
    ("GET uiKlines", "symbol={symbol}&interval={interval}&limit={limit}"),
    ("GET avgPrice", "symbol={symbol}"),
    ("GET referencePrice", "symbol={symbol}"),
    ("GET referencePrice/calculation", "symbol={symbol}"),
    ("GET ticker/24hr", "symbol={symbol}&type=MINI"),
    ("GET ticker/24hr", ""),
    ("GET ticker/tradingDay", "symbol={symbol}&timeZone={zone}"),
    ("GET ticker", "symbols=[\"BTCUSDT\",\"ETHUSDT\"]&windowSize=7d"),
    ("GET ticker/price", "symbol={symbol}"),
    ("GET ticker/bookTicker", ""),
    ("GET account", "omitZeroBalances=true"),
    ("GET account/commission", "symbol={symbol}"),
    ("GET /sapi/v1/system/status", ""),
    ("GET /sapi/v1/asset/tradeFee", "symbol={symbol}"),
    ("GET rateLimit/order", ""),
    ("GET myFilters", "symbol={symbol}"),
    (
        "POST order",
        "symbol={symbol}&side=BUY&type=LIMIT&timeInForce={tif}&price={near}&quantity={quantity}&newClientOrderId={new}",
    ),
    (
        "POST order",
        "symbol={symbol}&side=SELL&type=LIMIT&timeInForce={tif}&price={near}&quantity={quantity}&newOrderRespType={shown}",
    ),
    ("POST order", "symbol={symbol}&side=BUY&type=LIMIT_MAKER&price={low}&quantity={quantity}&icebergQty={quantity}"),
    (
        "POST order",
        "symbol={symbol}&side=SELL&type=LIMIT_MAKER&price={high}&quantity={quantity}&strategyId=7&strategyType=1000000",
    ),
    ("POST order", "symbol={symbol}&side={side}&type=MARKET&quantity={quantity}&selfTradePreventionMode={mode}"),
    ("POST order", "symbol={symbol}&side={side}&type=MARKET&quoteOrderQty={money}"),
    ("POST order", "symbol={symbol}&side=BUY&type=STOP_LOSS&stopPrice={high}&quantity={quantity}"),
    (
        "POST order",
        "symbol={symbol}&side=SELL&type=STOP_LOSS_LIMIT&timeInForce=GTC&stopPrice={low}&price={low}&quantity={quantity}",
    ),
    ("POST order", "symbol={symbol}&side=BUY&type=TAKE_PROFIT&stopPrice={low}&quantity={quantity}"),
    (
        "POST order",
        "symbol={symbol}&side=SELL&type=TAKE_PROFIT_LIMIT&timeInForce=GTC&trailingDelta=20&price={high}&quantity={quantity}",
    ),
    ("POST order", "symbol={symbol}&side=BUY&type=LIMIT&timeInForce=GTC&pegPriceType=PRIMARY_PEG&quantity={quantity}"),
    ("POST order/test", "symbol={symbol}&side={side}&type=MARKET&quantity={quantity}&computeCommissionRates=true"),
    ("POST sor/order", "symbol={symbol}&side={side}&type=MARKET&quantity={quantity}"),
    ("POST sor/order/test", "symbol={symbol}&side={side}&type=MARKET&quantity={quantity}"),
    (
        "POST order/cancelReplace",
        "symbol={symbol}&side=BUY&type=LIMIT_MAKER&price={low}&quantity={quantity}&cancelReplaceMode=STOP_ON_FAILURE&cancelOrderId={id}",
    ),
    (
        "POST order/cancelReplace",
        "symbol={symbol}&side=SELL&type=LIMIT&timeInForce=GTC&price={near}&quantity={quantity}&cancelReplaceMode=ALLOW_FAILURE&cancelOrderId={id}",
    ),
    ("PUT order/amend/keepPriority", "symbol={symbol}&orderId={id}&newQty={quantity}"),
    ("DELETE order", "symbol={symbol}&orderId={id}"),
    ("DELETE order", "symbol={symbol}&origClientOrderId={old}&cancelRestrictions=ONLY_NEW"),
    ("DELETE openOrders", "symbol={symbol}"),
    (
        "POST order/oco",
        "symbol={symbol}&side=SELL&quantity={quantity}&price={high}&stopPrice={low}&stopLimitPrice={low}&stopLimitTimeInForce=GTC",
    ),
    (
        "POST orderList/oco",
        "symbol={symbol}&side=SELL&quantity={quantity}&aboveType=LIMIT_MAKER&abovePrice={high}&belowType=STOP_LOSS&belowStopPrice={low}",
    ),
    (
        "POST orderList/oco",
        "symbol={symbol}&side=BUY&quantity={quantity}&aboveType=STOP_LOSS&aboveStopPrice={high}&belowType=LIMIT_MAKER&belowPrice={low}",
    ),
    (
        "POST orderList/oto",
        "symbol={symbol}&workingType=LIMIT&workingSide=BUY&workingPrice={near}&workingQuantity={quantity}&workingTimeInForce=GTC&pendingType=MARKET&pendingSide=SELL&pendingQuantity={quantity}",
    ),
    (
        "POST orderList/otoco",
        "symbol={symbol}&workingType=LIMIT&workingSide=BUY&workingPrice={near}&workingQuantity={quantity}&workingTimeInForce=GTC&pendingSide=SELL&pendingQuantity={quantity}&pendingAboveType=LIMIT_MAKER&pendingAbovePrice={high}&pendingBelowType=STOP_LOSS&pendingBelowStopPrice={low}",
    ),
    (
        "POST orderList/opo",
        "symbol={symbol}&workingType=LIMIT&workingSide=BUY&workingPrice={near}&workingQuantity={quantity}&workingTimeInForce=GTC&pendingType=LIMIT_MAKER&pendingPrice={high}&pendingSide=SELL",
    ),
    (
        "POST orderList/opoco",
        "symbol={symbol}&workingType=LIMIT&workingSide=BUY&workingPrice={near}&workingQuantity={quantity}&workingTimeInForce=GTC&pendingSide=SELL&pendingAboveType=LIMIT_MAKER&pendingAbovePrice={high}&pendingBelowType=STOP_LOSS&pendingBelowStopPrice={low}",
    ),
    ("DELETE orderList", "symbol={symbol}&orderListId={list}"),
    ("GET order", "symbol={symbol}&orderId={id}"),
    ("GET openOrders", ""),
    ("GET openOrders", "symbol={symbol}"),
    ("GET allOrders", "symbol={symbol}&limit={limit}"),
    ("GET orderList", "orderListId={list}"),
    ("GET openOrderList", ""),
    ("GET allOrderList", "limit={limit}"),
    ("GET myTrades", "symbol={symbol}&limit={limit}"),
    ("GET order/amendments", "symbol={symbol}&orderId={id}"),
    ("GET myPreventedMatches", "symbol={symbol}&orderId={id}"),
    ("GET myAllocations", "symbol={symbol}"),
    ("POST userDataStream", ""),
    ("PUT userDataStream", "listenKey={key}"),
    ("DELETE userDataStream", "listenKey={key}"),
];

/// Calls that never succeed: there is no order routing here.
const NEVER: &[&str] = &["POST sor/order", "POST sor/order/test"];

/// Values that fit nowhere.
const ABSURD: &[&str] = &[
    "",
    "0",
    "-1",
    "1e9",
    "NaN",
    "null",
    "[]",
    "[[",
    "{}",
    "true",
    "0.000000001",
    "99999999999999999999.99999999999999999999",
    "79228162514264337593543950335",
    "18446744073709551615",
    "18446744073709551616",
    "BUY",
    "MARKET",
    "GTC",
    "nopeusdt",
    "币安",
    "' OR 1=1 --",
    "\u{0}\u{7f}\"\\",
];

/// A path as it is sent: those of this API stand in the tables without their beginning.
fn whole(path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("/api/v3/{path}") }
}

/// Makes requests of chance.
struct Sender {
    rng: ChaCha8Rng,
    names: u64,
    listen_key: String,
}

impl Sender {
    fn new(seed: u64) -> Self {
        Sender { rng: ChaCha8Rng::seed_from_u64(seed), names: 0, listen_key: String::new() }
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.rng.next_u64() % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    /// A value for a word in braces.
    fn value(&mut self, word: &str, desk: &Desk, symbol: usize) -> String {
        let rules = &desk.exchange.config.symbols[symbol];
        let best =
            |side: Side| desk.exchange.markets[symbol].book.best(side).map_or(rules.start_price, |row| row.price);
        let tick = rules.filters.price.tick;
        let ticks = |count: usize| tick * Decimal::from(count);
        match word {
            "symbol" => rules.symbol.clone(),
            "near" => (best(Side::Buy) + ticks(self.below(80)) - ticks(40)).to_string(),
            "low" => (best(Side::Buy) - ticks(1 + self.below(300))).to_string(),
            "high" => (best(Side::Sell) + ticks(1 + self.below(300))).to_string(),
            "quantity" => (rules.filters.lot_size.step * Decimal::from(100 + self.below(9_000))).to_string(),
            "money" => (10 + self.below(5_000)).to_string(),
            "side" => self.one(&["BUY", "SELL"]).to_owned(),
            "tif" => self.one(&["GTC", "GTC", "IOC", "FOK"]).to_owned(),
            "shown" => self.one(&["ACK", "RESULT", "FULL"]).to_owned(),
            "mode" => self.one(&["NONE", "EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH", "DECREMENT"]).to_owned(),
            "interval" => self.one(&["1s", "1m", "5m", "1h", "12h", "1d", "1w", "1M"]).to_owned(),
            "zone" => self.one(&["0", "8", "-12:00", "5:45"]).to_owned(),
            "limit" => (1 + self.below(1_200)).to_string(),
            "start" => (desk.now.as_millis() - 1_000 * u64::try_from(self.below(100_000)).unwrap()).to_string(),
            "now" => desk.now.as_millis().to_string(),
            "new" => {
                self.names += 1;
                format!("n-{}", self.names)
            }
            "old" => format!("n-{}", 1 + self.below(usize::try_from(self.names).unwrap())),
            // Usually one of the newest, and usually there.
            "id" => {
                let open: Vec<u64> =
                    (0..KEYS.len()).flat_map(|of| desk.exchange.orders.open(of, Some(symbol))).collect();
                let newest = desk.exchange.orders.all().last().map_or(1, |order| order.id);
                match open.get(self.below(open.len() + 1)) {
                    Some(id) => id.to_string(),
                    None => newest.saturating_sub(u64::try_from(self.below(9)).unwrap()).to_string(),
                }
            }
            "list" => {
                let lists: Vec<u64> = (0..KEYS.len())
                    .flat_map(|of| desk.exchange.orders.lists_of(of, true))
                    .filter(|list| list.symbol == symbol)
                    .map(|list| list.id)
                    .collect();
                lists.get(self.below(lists.len())).map_or("0".to_owned(), u64::to_string)
            }
            "key" => self.listen_key.clone(),
            other => panic!("nothing is known of {other}"),
        }
    }

    fn pairs(&mut self, query: &str, desk: &Desk) -> Vec<(String, String)> {
        let symbol = self.below(desk.exchange.config.symbols.len());
        let value = |sender: &mut Self, text: &str| match text.strip_prefix('{').and_then(|text| text.strip_suffix('}'))
        {
            Some(word) => sender.value(word, desk, symbol),
            None => text.to_owned(),
        };
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.map(|(name, text)| (name.to_owned(), value(self, text))).collect()
    }

    /// Does something to a request that is well-formed.
    fn damage(&mut self, pairs: &mut Vec<(String, String)>) {
        let (place, other) = (self.below(pairs.len()), self.below(pairs.len()));
        let absurd = self.one(ABSURD).to_owned();
        match self.below(7) {
            0 if !pairs.is_empty() => drop(pairs.remove(place)),
            1 | 2 if !pairs.is_empty() => pairs[place].1 = absurd,
            3 if !pairs.is_empty() => pairs.push((pairs[place].0.clone(), absurd)),
            4 if !pairs.is_empty() => {
                let value = pairs[place].1.clone();
                pairs[other].1 = value;
            }
            5 => pairs
                .push((self.one(&["stopPrice", "icebergQty", "price", "quoteOrderQty", "unknown"]).to_owned(), absurd)),
            _ => pairs.reverse(),
        }
    }

    /// One request by one of the doors; tells its name, status and body.
    fn send(&mut self, desk: &mut Desk, session: &mut WsSession, damages: bool) -> (String, u64, Value) {
        let (name, query) = WELL_FORMED[self.below(WELL_FORMED.len())];
        let (method, path) = name.split_once(' ').unwrap();
        let call = Call::of_http(method, &whole(path)).unwrap();
        let mut pairs = self.pairs(query, desk);
        if damages && self.below(2) == 0 {
            self.damage(&mut pairs);
        }
        let key = self.one(&KEYS);
        let sent = if self.below(2) == 0 || call.ws.is_empty() {
            let answer = self.rest(desk, call, (method, path), &pairs, key);
            (name.to_owned(), u64::from(answer.0), answer.1)
        } else {
            let method = self.one(call.ws);
            let answer = self.frame(desk, session, call, method, pairs, key);
            (method.to_owned(), answer.0, answer.1)
        };
        if let Some(key) = sent.2.get("listenKey").or(sent.2["result"].get("listenKey")).and_then(Value::as_str) {
            self.listen_key = key.to_owned();
        }
        sent
    }

    fn rest(
        &mut self,
        desk: &mut Desk,
        call: &Call,
        name: (&str, &str),
        pairs: &[(String, String)],
        key: &str,
    ) -> (u16, Value) {
        let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let parts: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        // Parameters may stand in the query, in the body, or in both.
        let split = if name.0 == "GET" { parts.len() } else { self.below(parts.len() + 1) };
        let (query, body) = (parts[..split].join("&"), parts[split..].join("&"));
        let path = whole(name.1);
        let answer = match call.run {
            Run::Public(_) => desk.send(name.0, &path, &query, &body, None),
            Run::Keyed(_) => desk.send(name.0, &path, &query, &body, Some(key)),
            Run::Signed(..) => {
                let blank = if query.is_empty() { "" } else { "&" };
                let query = format!("{query}{blank}timestamp={}", desk.now.as_millis());
                let query = format!("{query}&signature={}", signature(key, &format!("{query}{body}")));
                desk.send(name.0, &path, &query, &body, Some(key))
            }
        };
        let body =
            serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("no JSON ({error}): {}", answer.body));
        (answer.status, body)
    }

    fn frame(
        &mut self,
        desk: &mut Desk,
        session: &mut WsSession,
        call: &Call,
        method: &str,
        mut pairs: Vec<(String, String)>,
        key: &str,
    ) -> (u64, Value) {
        if !matches!(call.run, Run::Public(_)) {
            pairs.push(("apiKey".to_owned(), key.to_owned()));
        }
        if matches!(call.run, Run::Signed(..)) {
            pairs.push(("timestamp".to_owned(), desk.now.as_millis().to_string()));
            let mut sorted = pairs.clone();
            sorted.sort();
            let payload: Vec<String> = sorted.iter().map(|(name, value)| format!("{name}={value}")).collect();
            pairs.push(("signature".to_owned(), signature(key, &payload.join("&"))));
        }
        // A name that is there twice stays so in the text, which a map would not.
        let params: Vec<String> = pairs
            .iter()
            .map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), Value::from(value.as_str())))
            .collect();
        let text = format!(r#"{{"id":7,"method":"{method}","params":{{{}}}}}"#, params.join(","));
        let answer = desk.exchange.ws_api(desk.now, session, &text);
        let told: Map<String, Value> =
            serde_json::from_str(&answer).unwrap_or_else(|error| panic!("no JSON ({error}): {answer}"));
        assert_eq!(told["id"], 7, "{answer}");
        let status = told["status"].as_u64().unwrap();
        let body = if status == 200 { told["result"].clone() } else { told["error"].clone() };
        (status, body)
    }
}

fn setting(seed: u64) -> (Desk, WsSession) {
    let most = u64::MAX / 2;
    let limits = LimitConfig {
        weight_per_minute: most,
        raw_per_five_minutes: most,
        orders_per_ten_seconds: most,
        orders_per_day: most,
        ..LimitConfig::default()
    };
    let mut config = ExchangeConfig { limits, listen_keys: true, ..config(seed) };
    for symbol in &mut config.symbols {
        symbol.reference_price = Some(symbol.start_price);
    }
    (Desk::open(config), WsSession::default())
}

/// What must hold after each request.
fn holds(desk: &mut Desk, totals: &[Decimal]) -> Result<(), TestCaseError> {
    desk.check();
    let now: Vec<Decimal> = ASSETS.iter().map(|asset| desk.exchange.total(asset)).collect();
    prop_assert_eq!(&now, totals);
    for market in &desk.exchange.markets {
        if let Some((bid, ask)) = market.book.best(Side::Buy).zip(market.book.best(Side::Sell)) {
            prop_assert!(bid.price < ask.price, "crossed: {:?} {:?}", bid, ask);
        }
    }
    for event in desk.exchange.drain_user() {
        prop_assert!(serde_json::from_str::<Value>(&event.json).is_ok(), "{}", event.json);
    }
    Ok(())
}

/// `PROPTEST_CASES`, or so many.
fn cases(usual: u32) -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(usual)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(96)))]

    #[test]
    fn whatever_is_asked_the_books_are_right(seed: u64, steps in 1usize..120) {
        let (mut desk, mut session) = setting(seed % 7);
        let mut sender = Sender::new(seed);
        let totals: Vec<Decimal> = ASSETS.iter().map(|asset| desk.exchange.total(asset)).collect();
        for _ in 0..steps {
            let (name, status, body) = sender.send(&mut desk, &mut session, true);
            if status != 200 {
                prop_assert!([400, 409].contains(&status), "{}: {} {}", name, status, body);
                prop_assert!(body["code"].is_i64() && body["msg"].is_string(), "{}: {}", name, body);
                prop_assert_ne!(&body["code"], -1000, "{}: {}", name, body);
            }
            holds(&mut desk, &totals)?;
            if sender.below(3) == 0 {
                desk.advance(u64::try_from(sender.below(400)).unwrap());
                holds(&mut desk, &totals)?;
            }
        }
    }
}

/// The requests above are of use only if they get through: each call of the tables succeeds
/// by each of its names.
#[test]
fn each_call_is_reached_by_both_doors() {
    let (mut desk, mut session) = setting(3);
    let mut sender = Sender::new(3);
    let mut reached = BTreeSet::new();
    for _ in 0..6_000 {
        let (name, status, _) = sender.send(&mut desk, &mut session, false);
        if status == 200 {
            reached.insert(name);
        }
        if sender.below(3) == 0 {
            desk.advance(u64::try_from(sender.below(400)).unwrap());
        }
        desk.exchange.drain_user();
    }
    let known: BTreeSet<&str> = WELL_FORMED.iter().map(|(name, _)| *name).collect();
    for call in Call::all() {
        let names: Vec<String> = call.http.iter().map(|(method, path)| format!("{method} {path}")).collect();
        assert!(names.iter().all(|name| known.contains(name.as_str())), "{names:?} is not asked for");
        let never = names.iter().any(|name| NEVER.contains(&name.as_str()));
        for name in names.iter().map(String::as_str).chain(call.ws.iter().copied()) {
            assert_eq!(reached.contains(name), !never, "{name}");
        }
    }
}

/// What is signed is what is sent: one byte more or less and nothing happens.
#[test]
fn a_changed_request_is_refused_by_its_signature() {
    let (mut desk, _) = setting(1);
    let query = format!("symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.1&timestamp={}", desk.now.as_millis());
    let good = sign("ada", &query);
    let end = good.len() - "&signature=".len() - 64;
    for place in 0..end {
        let mut bytes = good.clone().into_bytes();
        bytes[place] = if bytes[place] == b'7' { b'8' } else { b'7' };
        let changed = String::from_utf8(bytes).unwrap();
        let answer = desk.send("POST", "/api/v3/order", &changed, "", Some("ada"));
        assert_eq!(answer.status, 400, "{changed}: {}", answer.body);
    }
    assert_eq!(desk.exchange.orders.all().len(), 0);
    assert_eq!(desk.send("POST", "/api/v3/order", &good, "", Some("ada")).status, 200);
}

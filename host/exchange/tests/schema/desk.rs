//! An exchange with a generated market, and a client of it.

use hmac::{Hmac, KeyInit, Mac};
use ring::signature::{Ed25519KeyPair, KeyPair};
use ringfence_exchange::keys::{ApiKey, Rights, Verifier};
use ringfence_exchange::{AccountConfig, Exchange, ExchangeConfig, HttpRequest, LimitConfig, SymbolConfig, WsSession};
use ringfence_model::{Decimal, Micros, Timestamp};
use serde_json::{Map, Value, json};
use sha2::Sha256;

pub const KEY: &str = "ada";
const SECRET: &str = "ADA";
/// A key that can log on.
pub const SESSION_KEY: &str = "ada-session";

fn pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap()
}

pub struct Desk {
    pub exchange: Exchange,
    pub now: Timestamp,
    pub session: WsSession,
}

/// What every desk trades on.
fn config() -> ExchangeConfig {
    let public = pair().public_key().as_ref().try_into().unwrap();
    let account = AccountConfig {
        api_key: KEY.to_owned(),
        secret: SECRET.to_owned(),
        keys: vec![ApiKey {
            api_key: SESSION_KEY.to_owned(),
            verifier: Verifier::Ed25519(public),
            rights: Rights::ALL,
            addresses: Vec::new(),
        }],
        ..AccountConfig::default()
    };
    let mut symbols: Vec<_> =
        ["BTCUSDT", "ETHUSDT", "BNBUSDT"].iter().filter_map(|symbol| SymbolConfig::known(symbol)).collect();
    symbols[0].reference_price = Some(Decimal::new(60_000, 0));
    symbols[0].price_range = Some(ringfence_exchange::config::filters::PriceRange {
        bid_up: Some(Decimal::new(11, 1)),
        bid_down: Some(Decimal::new(9, 1)),
        ask_up: Some(Decimal::new(11, 1)),
        ask_down: Some(Decimal::new(9, 1)),
    });
    let filters =
        ringfence_exchange::config::filters::ExchangeFilters { max_num_orders: Some(1_000), ..Default::default() };
    ExchangeConfig { accounts: vec![account], symbols, filters, ..ExchangeConfig::default() }
}

impl Desk {
    pub fn new() -> Self {
        Self::with(config(), true)
    }

    /// With a generated market three seconds old, or with empty books.
    pub fn with(config: ExchangeConfig, market: bool) -> Self {
        let mut exchange = Exchange::new(config).unwrap();
        let mut now = exchange.start();
        if market {
            now = now.plus(Micros::from_millis(3_000));
            exchange.advance(now);
        }
        Desk { exchange, now, session: WsSession::open(now, [127, 0, 0, 1].into(), "").unwrap() }
    }

    /// Begins again with other limits.
    pub fn limit_to(&mut self, limits: LimitConfig) {
        *self = Self::with(ExchangeConfig { limits, ..config() }, true);
    }

    /// Begins again without a market, where a sale meets an order of the same account; the
    /// number of the sale.
    pub fn meet_oneself(&mut self) -> u64 {
        *self = Self::with(config(), false);
        // Near the reference price, from which a taker must not be far.
        let order = "symbol=BTCUSDT&type=LIMIT&timeInForce=GTC&quantity=0.01&price=60000.00";
        self.signed("POST", "order", &format!("{order}&side=BUY"));
        let placed = self.signed("POST", "order", &format!("{order}&side=SELL&selfTradePreventionMode=EXPIRE_MAKER"));
        let placed: Value = serde_json::from_str(&placed).unwrap();
        placed["orderId"].as_u64().unwrap_or_else(|| panic!("{placed}"))
    }

    /// A list by its own path: the answer as it was written.
    pub fn post_list(&mut self, path: &str, query: &str) -> String {
        self.signed("POST", path, &format!("symbol=BTCUSDT&{query}"))
    }

    /// A list of this kind that must be accepted.
    pub fn list(&mut self, kind: &str, query: &str) -> Value {
        let placed = self.post_list(&format!("orderList/{kind}"), query);
        let placed: Value = serde_json::from_str(&placed).unwrap();
        assert!(placed["orderListId"].is_u64(), "{placed}");
        placed
    }

    /// A cancel with a new order.
    pub fn replace(&mut self, query: &str) -> String {
        self.signed("POST", "order/cancelReplace", query)
    }

    pub fn advance(&mut self, millis: u64) {
        self.now = self.now.plus(Micros::from_millis(millis));
        self.exchange.advance(self.now);
    }

    fn hmac(payload: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(payload.as_bytes());
        mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn send(&mut self, method: &str, path: &str, query: &str, key: Option<&str>) -> String {
        let path = format!("/api/v3/{path}");
        let request = HttpRequest { method, path: &path, query, api_key: key, ..HttpRequest::default() };
        self.exchange.http(self.now, &request).body
    }

    pub fn get(&mut self, path: &str, query: &str) -> String {
        self.send("GET", path, query, None)
    }

    pub fn signed(&mut self, method: &str, path: &str, query: &str) -> String {
        let blank = if query.is_empty() { "" } else { "&" };
        let query = format!("{query}{blank}timestamp={}", self.now.as_millis());
        let query = format!("{query}&signature={}", Self::hmac(&query));
        self.send(method, path, &query, Some(KEY))
    }

    /// A resting order of BTCUSDT, well below the market; its id.
    pub fn rest(&mut self, more: &str) -> u64 {
        let query = format!("symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=50000.00{more}");
        let placed: Value = serde_json::from_str(&self.signed("POST", "order", &query)).unwrap();
        placed["orderId"].as_u64().unwrap_or_else(|| panic!("{placed}"))
    }

    /// A market order that takes something.
    pub fn take(&mut self) -> String {
        self.signed("POST", "order", "symbol=BTCUSDT&side=SELL&type=MARKET&quantity=0.01")
    }

    /// A frame as it is.
    pub fn frame(&mut self, text: &str) -> String {
        self.exchange.ws_api(self.now, &mut self.session, text)
    }

    /// The venue's own example of a request, changed where it must be: symbols that are
    /// traded here, and key, time and signature if it has them. A change to null leaves a
    /// parameter out.
    pub fn example(&mut self, text: &str, changes: Value) -> String {
        let mut request: Map<String, Value> = serde_json::from_str(text).unwrap();
        let mut params = request.get("params").and_then(Value::as_object).cloned().unwrap_or_default();
        for (name, value) in &mut params {
            let known = |symbol: &str| if symbol == "BNBBTC" { "BNBUSDT" } else { "BTCUSDT" };
            match (name.as_str(), &value) {
                ("symbol", Value::String(symbol)) => *value = json!(known(symbol)),
                ("symbols", Value::Array(symbols)) => {
                    *value = symbols.iter().map(|symbol| json!(known(symbol.as_str().unwrap()))).collect();
                }
                _ => {}
            }
        }
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => params.remove(name),
                value => params.insert(name.clone(), value.clone()),
            };
        }
        if params.contains_key("signature") {
            let logon = request["method"] == "session.logon";
            params.remove("signature");
            params.insert("apiKey".to_owned(), json!(if logon { SESSION_KEY } else { KEY }));
            params.insert("timestamp".to_owned(), json!(self.now.as_millis()));
            let pairs: Vec<String> = params
                .iter()
                .map(|(name, value)| format!("{name}={}", value.as_str().map_or(value.to_string(), str::to_owned)))
                .collect();
            let payload = pairs.join("&");
            let signature = if logon { base64(pair().sign(payload.as_bytes()).as_ref()) } else { Self::hmac(&payload) };
            params.insert("signature".to_owned(), json!(signature));
        }
        if !params.is_empty() {
            request.insert("params".to_owned(), Value::Object(params));
        }
        self.frame(&Value::Object(request).to_string())
    }

    /// A resting list of two, named `both`: the answer.
    pub fn oco(&mut self, recorded: &dyn Fn(&str) -> String) -> String {
        let changes = json!({"quantity": "0.01", "listClientOrderId": "both", "abovePrice": "70000.00",
            "aboveStopPrice": "70000.00", "belowPrice": "50000.00"});
        self.example(&recorded("ws-api/place-new-order-list-oco.1"), changes)
    }

    /// The session is logged on.
    pub fn log_on(&mut self) {
        let request = r#"{"id":1,"method":"session.logon","params":{"apiKey":"","signature":"","timestamp":0}}"#;
        let answer = self.example(request, json!({}));
        assert!(answer.contains("\"status\":200"), "{answer}");
    }

    /// The session hears the account.
    pub fn subscribe(&mut self) {
        let request = r#"{"id":1,"method":"userDataStream.subscribe.signature","params":{"apiKey":"","signature":"","timestamp":0}}"#;
        let answer = self.example(request, json!({}));
        assert!(answer.contains("\"status\":200"), "{answer}");
    }

    /// The first event of this kind, in its envelope.
    pub fn event(&mut self, kind: &str) -> String {
        let name = format!(r#"{{"e":"{kind}""#);
        let found = self.exchange.drain_user().into_iter().find(|event| event.json.starts_with(&name));
        self.session.event(0, &found.unwrap_or_else(|| panic!("no {kind}")))
    }

    /// The first message of a stream within seconds.
    pub fn hear(&mut self, stream: &str) -> String {
        assert!(self.exchange.listen(stream), "{stream}");
        for _ in 0..50 {
            self.advance(100);
            if let Some(message) = self.exchange.drain_streams().into_iter().find(|message| message.stream == stream) {
                return message.data;
            }
        }
        panic!("nothing on {stream}");
    }
}

pub fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

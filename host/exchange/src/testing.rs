//! What the tests of several modules need: a client without sockets.

use hmac::{Hmac, KeyInit, Mac};
use ringfence_model::{Decimal, Micros, Side, Timestamp};
use serde_json::Value;
use sha2::Sha256;

use crate::accounts::Holding;
use crate::http::{HttpRequest, HttpResponse};
use crate::matching::book::Maker;
use crate::{AccountConfig, Exchange, ExchangeConfig};

/// Keys of the accounts; each secret is its key in upper case.
pub(crate) const KEYS: [&str; 2] = ["ada", "bob"];

pub(crate) fn decimal(text: &str) -> Decimal {
    Decimal::from_str_exact(text).unwrap()
}

pub(crate) fn config(seed: u64) -> ExchangeConfig {
    let accounts = KEYS.iter().map(|key| AccountConfig {
        api_key: (*key).to_owned(),
        secret: key.to_uppercase(),
        ..AccountConfig::default()
    });
    ExchangeConfig { seed, accounts: accounts.collect(), ..ExchangeConfig::default() }
}

/// The signature of an account under `payload`.
pub(crate) fn signature(key: &str, payload: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.to_uppercase().as_bytes()).unwrap();
    mac.update(payload.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Appends a signature to `query`.
pub(crate) fn sign(key: &str, query: &str) -> String {
    format!("{query}&signature={}", signature(key, query))
}

/// An exchange, its time, and requests to it.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) exchange: Exchange,
    pub(crate) now: Timestamp,
}

impl Desk {
    /// Without a market: the books are empty.
    pub(crate) fn quiet(config: ExchangeConfig) -> Self {
        let exchange = Exchange::new(config).unwrap();
        Desk { now: exchange.start(), exchange }
    }

    /// With a generated market that stands at the start.
    pub(crate) fn open(config: ExchangeConfig) -> Self {
        let mut desk = Self::quiet(config);
        desk.advance(0);
        desk
    }

    pub(crate) fn advance(&mut self, millis: u64) {
        self.now = self.now.plus(Micros::from_millis(millis));
        self.exchange.advance(self.now);
    }

    pub(crate) fn send(
        &mut self,
        method: &str,
        path: &str,
        query: &str,
        body: &str,
        key: Option<&str>,
    ) -> HttpResponse {
        let request = HttpRequest { method, path, query, body, api_key: key, ..HttpRequest::default() };
        self.exchange.http(self.now, &request)
    }

    pub(crate) fn get(&mut self, path: &str, query: &str) -> Value {
        let answer = self.send("GET", path, query, "", None);
        assert_eq!(answer.status, 200, "{path}?{query}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    /// A signed request of an account.
    pub(crate) fn signed(&mut self, key: &str, method: &str, path: &str, query: &str) -> HttpResponse {
        let blank = if query.is_empty() { "" } else { "&" };
        let query = format!("{query}{blank}timestamp={}", self.now.as_millis());
        self.send(method, path, &sign(key, &query), "", Some(key))
    }

    /// A signed request that must succeed.
    pub(crate) fn ask(&mut self, key: &str, method: &str, path: &str, query: &str) -> Value {
        let answer = self.signed(key, method, path, query);
        assert_eq!(answer.status, 200, "{method} {path}?{query}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    /// A limit order of BTCUSDT that must be accepted.
    pub(crate) fn limit(&mut self, key: &str, side: &str, quantity: &str, price: impl std::fmt::Display) -> Value {
        let query = format!("symbol=BTCUSDT&side={side}&type=LIMIT&timeInForce=GTC&quantity={quantity}&price={price}");
        self.ask(key, "POST", "/api/v3/order", &query)
    }

    /// Best price of BTCUSDT.
    pub(crate) fn best(&self, side: Side) -> Decimal {
        self.exchange.markets[0].book.best(side).unwrap().price
    }

    /// Own events since the last call, for one account.
    pub(crate) fn events(&mut self, key: &str) -> Vec<Value> {
        let events = self.exchange.drain_user().into_iter();
        events.filter(|event| event.api_key == key).map(|event| serde_json::from_str(&event.json).unwrap()).collect()
    }

    pub(crate) fn holding(&self, account: usize, asset: &str) -> Holding {
        self.exchange.accounts.get(account).unwrap().holding(asset)
    }

    /// What must hold at any time: funds that are locked are those of the open orders,
    /// nothing is negative, and open orders stand on their books with what is left of them.
    pub(crate) fn check(&self) {
        let exchange = &self.exchange;
        for (account, key) in KEYS.iter().enumerate() {
            for asset in ["USDT", "BTC", "ETH"] {
                let locked: Decimal = exchange
                    .open
                    .iter()
                    .map(|id| &exchange.orders[id])
                    .filter(|order| order.account == account)
                    .map(|order| {
                        let rules = &exchange.config.symbols[order.symbol];
                        match order.side {
                            Side::Buy if rules.quote == asset => order.price * order.remaining(),
                            Side::Sell if rules.base == asset => order.remaining(),
                            _ => Decimal::ZERO,
                        }
                    })
                    .sum();
                let holding = self.holding(account, asset);
                assert_eq!(holding.locked, locked, "{asset} of {key}");
                assert!(holding.free >= Decimal::ZERO, "{asset} of {key}: {holding:?}");
            }
        }
        for (symbol, market) in exchange.markets.iter().enumerate() {
            for side in [Side::Buy, Side::Sell] {
                let mut standing: Vec<_> = market
                    .book
                    .offers(side)
                    .filter_map(|offer| match offer.maker {
                        Maker::Own(order) => Some((order, offer.price, offer.quantity)),
                        Maker::Market => None,
                    })
                    .collect();
                standing.sort();
                let open: Vec<_> = exchange
                    .open
                    .iter()
                    .map(|id| &exchange.orders[id])
                    .filter(|order| order.symbol == symbol && order.side == side)
                    .map(|order| (order.id, order.price, order.remaining()))
                    .collect();
                assert_eq!(standing, open);
            }
        }
    }
}

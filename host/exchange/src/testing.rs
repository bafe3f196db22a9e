//! What the tests of several modules need: a client without sockets.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use ringfence_model::{Decimal, Micros, Side, Timestamp};
use serde_json::Value;
use sha2::Sha256;

use crate::fixed::Fixed;
use crate::http::{HttpRequest, HttpResponse};
use crate::order::store::Counts;
use crate::order::{Order, Phase};
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
        let balances = self.exchange.accounts.balances(account);
        let found = balances.into_iter().find(|balance| balance.asset == asset).unwrap();
        Holding { free: found.free, locked: found.locked }
    }

    /// What must hold at any time: funds that are locked are those of the open orders and
    /// lists, nothing is negative, open orders stand where they say, with what is left of
    /// them, and the counts are those of what is open.
    pub(crate) fn check(&self) {
        let exchange = &self.exchange;
        for account in 0..KEYS.len() {
            let open: Vec<&Order> =
                exchange.orders.open(account, None).iter().map(|id| exchange.orders.get(*id).unwrap()).collect();
            let mut locked: BTreeMap<usize, Fixed> = BTreeMap::new();
            let mut counts = Counts::default();
            for order in &open {
                assert!(order.status.is_open() && order.phase != Phase::Done, "{order:?}");
                let (base, quote) = exchange.assets(order.symbol);
                *locked.entry(if order.side == Side::Buy { quote } else { base }).or_default() += order.locked;
                counts.orders += 1;
                counts.algo += u32::from(order.order_type.is_contingent());
                counts.icebergs += u32::from(order.iceberg.is_some());
                let price = order.limit().unwrap_or_default();
                match (order.phase, order.side) {
                    (Phase::Resting(node), side) => {
                        let book = &exchange.markets[order.symbol].book;
                        assert_eq!(book.remaining(node), order.remaining(), "{order:?}");
                        let in_pair = order.list.is_some();
                        let needed = if side == Side::Buy { price.times(order.remaining()) } else { order.remaining() };
                        assert!(in_pair || order.locked == needed, "{order:?}");
                        assert!(order.remaining().is_positive(), "{order:?}");
                    }
                    (phase, _) => assert!(matches!(phase, Phase::Waiting | Phase::Pending), "{order:?}"),
                }
            }
            for list in exchange.orders.lists_of(account, true) {
                assert!(!list.done);
                let base = exchange.assets(list.symbol).0;
                *locked.entry(base).or_default() += list.received;
                counts.lists += 1;
                let open = |id: &u64| exchange.orders.get(*id).unwrap().status.is_open();
                assert!(list.orders.iter().any(open), "{list:?}");
            }
            let total = exchange.orders.total(account);
            assert_eq!(
                (total.orders, total.algo, total.icebergs, total.lists),
                (counts.orders, counts.algo, counts.icebergs, counts.lists)
            );
            for (asset, name) in exchange.accounts.balances(account).iter().enumerate() {
                let holding = exchange.accounts.get(account).unwrap().holding(asset);
                assert_eq!(
                    holding.locked,
                    locked.get(&asset).copied().unwrap_or_default(),
                    "{} of {account}",
                    name.asset
                );
                assert!(holding.free >= Fixed::ZERO, "{} of {account}: {holding:?}", name.asset);
            }
        }
        assert!(exchange.todo.is_empty());
        for (symbol, market) in exchange.markets.iter().enumerate() {
            let mut standing = market.book.own_orders();
            standing.sort_unstable();
            let mut open: Vec<u64> = (0..KEYS.len())
                .flat_map(|account| exchange.orders.open(account, Some(symbol)))
                .filter(|id| matches!(exchange.orders.get(*id).unwrap().phase, Phase::Resting(_)))
                .collect();
            open.sort_unstable();
            assert_eq!(standing, open);
        }
    }
}

/// What an account has of an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holding {
    pub(crate) free: Decimal,
    pub(crate) locked: Decimal,
}

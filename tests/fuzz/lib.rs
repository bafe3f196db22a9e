//! What several targets need: an exchange with room for everything, signatures, and what an
//! answer of the venue looks like.

use hmac::{Hmac, KeyInit, Mac};
use ringfence_exchange::{AccountConfig, Bustle, Exchange, ExchangeConfig, LimitConfig, SymbolConfig};
use ringfence_model::{Decimal, Micros, Timestamp};
use serde_json::Value;
use sha2::Sha256;

/// The account's key.
pub const KEY: &str = "ada";
const SECRET: &str = "ADA";

/// An exchange that counts no limits, a second after its start.
pub fn exchange() -> (Exchange, Timestamp) {
    let account = AccountConfig { api_key: KEY.to_owned(), secret: SECRET.to_owned(), ..AccountConfig::default() };
    let limits = LimitConfig {
        weight_per_minute: u64::MAX / 2,
        raw_per_five_minutes: u64::MAX,
        orders_per_ten_seconds: u64::MAX,
        orders_per_day: u64::MAX,
        ..LimitConfig::default()
    };
    let config = ExchangeConfig {
        symbols: SymbolConfig::known("BTCUSDT").into_iter().collect(),
        accounts: vec![account],
        limits,
        listen_keys: true,
        bustle: Bustle::Calm,
        ..ExchangeConfig::default()
    };
    let mut exchange = Exchange::new(config).expect("the configuration is right");
    let now = exchange.start().plus(Micros::from_millis(1_000));
    exchange.advance(now);
    (exchange, now)
}

/// The account's signature, in hexadecimal digits.
pub fn sign(payload: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any length is a key");
    mac.update(payload.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Everything that is owned, by everybody.
pub fn totals(exchange: &Exchange) -> [Decimal; 2] {
    ["USDT", "BTC"].map(|asset| exchange.total(asset))
}

/// An answer is JSON; a refusal has the venue's form, and is never its word for "we do not
/// know what went wrong".
pub fn check_answer(status: u64, body: &str) {
    let told: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("no JSON ({error}): {body}"));
    if status == 200 {
        return;
    }
    assert!([400, 401, 404, 409, 410, 429].contains(&status), "{status}: {body}");
    assert!(told["code"].is_i64() && told["msg"].is_string(), "{body}");
    assert_ne!(told["code"], -1000, "{body}");
}

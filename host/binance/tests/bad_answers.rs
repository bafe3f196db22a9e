//! Bad answers of the venue: every documented body, cut off, with wrong types, huge numbers and
//! noise in it, through everything that makes the model's words of an answer. Never a panic, and
//! an error that says what was read; an answer that can't be read is no rejection of an order.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use proptest::prelude::*;
use ringfence_binance::credentials::store::KeyStore;
use ringfence_binance::{Credentials, answer};
use ringfence_model::venue::{ClientOrderId, CommandOutcome};
use ringfence_model::{Instrument, InstrumentId, Timestamp};
use ringfence_wire::WireError;
use ringfence_wire::rest::{self, SymbolInfo};

fn instrument() -> Instrument {
    let info = r#"{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","baseAssetPrecision":8,"quoteAsset":"USDT",
        "quoteAssetPrecision":8,"filters":[
        {"filterType":"PRICE_FILTER","minPrice":"0.01","maxPrice":"1000000","tickSize":"0.01"},
        {"filterType":"LOT_SIZE","minQty":"0.00001","maxQty":"9000","stepSize":"0.00001"}]}"#;
    rest::read::<SymbolInfo>(info.as_bytes()).unwrap().instrument(InstrumentId(0)).unwrap()
}

fn bodies() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/binance/rest");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// Through all of them; an error is short and says more than that there is one.
fn read_all(status: u16, body: &[u8]) {
    let id = ClientOrderId("r-0-1".into());
    let outcome = answer::outcome(status, body);
    if status >= 500 {
        assert_eq!(outcome, CommandOutcome::Unknown, "5xx says nothing of the order");
    }
    drop((answer::error_code(body), answer::query(&id, 1, status, body)));
    let instrument = instrument();
    let errors: [Option<WireError>; 4] = [
        answer::trades(body).err(),
        answer::account(body).err(),
        answer::klines(&instrument, 60, Timestamp(1), body).err(),
        answer::depth(&instrument, body).err(),
    ];
    for error in errors.into_iter().flatten() {
        let text = error.to_string();
        assert!(text.len() > 20 && text.len() < 1_500, "{text}");
    }
}

const NASTY: [&str; 10] = [
    "null",
    "-1",
    "1e400",
    "18446744073709551616",
    "\"\"",
    "\"NaN\"",
    "[]",
    "{}",
    "[[\"1\"]]",
    "\"9999999999999999999999999999999\"",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]
    #[test]
    fn no_answer_makes_it_panic(
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        how in 0u8..4,
        byte in any::<u8>(),
        nasty in prop::sample::select(NASTY.as_slice()),
        status in prop::sample::select([200u16, 400, 401, 409, 418, 429, 503].as_slice()),
    ) {
        let bodies = bodies();
        let mut body = which.get(&bodies).clone();
        let at = at.index(body.len());
        match how {
            0 => body.truncate(at),
            1 => body[at] = byte,
            2 => drop(body.splice(at..at, nasty.bytes())),
            _ => {
                // Another value after the next colon.
                let from = body[at..].iter().position(|byte| *byte == b':').map_or(body.len(), |colon| at + colon + 1);
                let to = body[from..].iter().position(|byte| b",}]".contains(byte)).map_or(body.len(), |end| from + end);
                body.splice(from..to, nasty.bytes());
            }
        }
        read_all(status, &body);
    }

    /// Keys and key stores come from files that anybody may have damaged.
    #[test]
    fn no_key_file_makes_it_panic(text in "(-----BEGIN (EC |RSA |)PRIVATE KEY-----\n)?[ -~\n]{0,200}(\n-----END PRIVATE KEY-----)?") {
        if let Err(error) = Credentials::recognise("key", &text) {
            prop_assert!(!error.to_string().is_empty());
        }
        prop_assert!(KeyStore::open(&text, "passphrase").is_err());
    }
}

#[test]
fn deep_and_long_answers_are_errors() {
    const MANY: usize = 1_000_000;
    let nested = [
        "[".repeat(MANY),
        "{\"a\":".repeat(MANY),
        format!("{{\"code\":-1013,\"msg\":\"{}\"}}", "x".repeat(10 * MANY)),
        format!("{{\"lastUpdateId\":1,\"bids\":{},\"asks\":[]}}", "[".repeat(MANY)),
        format!("[{{\"price\":\"{}\"}}]", "9".repeat(10 * MANY)),
    ];
    for body in nested {
        for status in [200, 400, 503] {
            read_all(status, body.as_bytes());
        }
    }
}

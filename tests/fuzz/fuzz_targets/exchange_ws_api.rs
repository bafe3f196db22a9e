//! Frames to the WebSocket API of the simulated exchange, a line each. A frame without a
//! signature, of a user's session, is signed, so that frames reach the engine.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ringfence_exchange::WsSession;
use ringfence_fuzz::{KEY, check_answer, exchange, sign, totals};
use serde_json::{Map, Value, json};

const MOST_FRAMES: usize = 12;

/// The frame with key, time and signature, if it is an object with plain parameters.
fn signed(frame: &str, now: u64) -> Option<String> {
    let mut frame: Map<String, Value> = serde_json::from_str(frame).ok()?;
    let params = frame.entry("params").or_insert_with(|| json!({})).as_object_mut()?;
    params.remove("signature");
    params.insert("apiKey".to_owned(), KEY.into());
    params.insert("timestamp".to_owned(), now.into());
    let mut pairs: Vec<String> = params
        .iter()
        .map(|(name, value)| match value {
            Value::String(text) => format!("{name}={text}"),
            other => format!("{name}={other}"),
        })
        .collect();
    pairs.sort_unstable();
    let signature = sign(&pairs.join("&"));
    params.insert("signature".to_owned(), signature.into());
    serde_json::to_string(&frame).ok()
}

fuzz_target!(|script: &str| {
    let (mut exchange, now) = exchange();
    let before = totals(&exchange);
    let mut session = WsSession::default();
    for line in script.lines().take(MOST_FRAMES) {
        let frame = match line.strip_prefix('!') {
            Some(line) => signed(line, now.as_millis()).unwrap_or_else(|| line.to_owned()),
            None => line.to_owned(),
        };
        let answer = exchange.ws_api(now, &mut session, &frame);
        let told: Value = serde_json::from_str(&answer).unwrap_or_else(|error| panic!("no JSON ({error}): {answer}"));
        assert!(told.get("id").is_some(), "{answer}");
        let status = told["status"].as_u64().expect("a status");
        if status == 200 {
            assert!(told.get("result").is_some(), "{answer}");
        } else {
            check_answer(status, &told["error"].to_string());
        }
        exchange.drain_user();
    }
    assert_eq!(totals(&exchange), before);
});

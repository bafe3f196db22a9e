//! Control frames of market streams, a line each, and the names of streams.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ringfence_exchange::{LimitConfig, StreamSession};
use ringfence_fuzz::exchange;
use serde_json::Value;

fuzz_target!(|script: &str| {
    let limits = LimitConfig { streams_per_connection: 8, ..LimitConfig::default() };
    let (mut exchange, _) = exchange();
    let mut session = StreamSession::default();
    for line in script.lines().take(24) {
        let reply = session.message(line, &limits);
        assert!(serde_json::from_str::<Value>(&reply.text).is_ok(), "{}", reply.text);
        let count = session.names().count();
        assert!(count <= 8, "{count} streams");
        for name in &reply.subscribed {
            exchange.listen(name);
        }
        for name in &reply.unsubscribed {
            exchange.unlisten(name);
        }
    }
});

//! REST requests to the simulated exchange, a line each: `METHOD path query body`, signed
//! when it begins with `!`. Whatever is asked, the answer has the venue's form and no money
//! comes or goes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ringfence_exchange::HttpRequest;
use ringfence_fuzz::{KEY, check_answer, exchange, sign, totals};

/// More would only repeat itself.
const MOST_REQUESTS: usize = 12;

fuzz_target!(|script: &str| {
    let (mut exchange, now) = exchange();
    let before = totals(&exchange);
    for line in script.lines().take(MOST_REQUESTS) {
        let (signed, line) = line.strip_prefix('!').map_or((false, line), |line| (true, line));
        let mut words = line.splitn(4, ' ');
        let mut word = || words.next().unwrap_or_default();
        let (method, path, query, body) = (word(), word(), word(), word());
        let query = if signed {
            // A GET's body is no parameter.
            let body = if method == "GET" { "" } else { body };
            let and = if query.is_empty() { "" } else { "&" };
            let query = format!("{query}{and}timestamp={}", now.as_millis());
            format!("{query}&signature={}", sign(&format!("{query}{body}")))
        } else {
            query.to_owned()
        };
        let request =
            HttpRequest { method, path, query: &query, body, api_key: signed.then_some(KEY), ..HttpRequest::default() };
        let answer = exchange.http(now, &request);
        check_answer(answer.status.into(), &answer.body);
        for event in exchange.drain_user() {
            assert!(serde_json::from_str::<serde_json::Value>(&event.json).is_ok(), "{}", event.json);
        }
    }
    assert_eq!(totals(&exchange), before);
});

//! Rules and scripts of faults: what is read is written and read again the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ringfence_exchange::faults::{Rule, Script};

fuzz_target!(|text: &str| {
    if let Ok(rule) = Rule::parse(text) {
        let written = rule.to_json();
        let again = Rule::parse(&written).unwrap_or_else(|error| panic!("{error}: {written}"));
        assert_eq!(again.to_json(), written);
    }
    let _ = Script::parse(text);
});

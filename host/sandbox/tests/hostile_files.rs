//! Files that are no plugins, or no longer: each is refused in words, quickly, and never
//! with a panic.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::house::sandbox;
use common::{Guest, tight};
use proptest::prelude::*;
use ringfence_sandbox::{Refusal, Sandbox};

fn component(sandbox: &Arc<Sandbox>, text: &str) -> Refusal {
    sandbox.admit(&wat::parse_str(text).unwrap()).unwrap_err()
}

#[test]
fn each_kind_of_wrong_file_has_its_own_words() {
    let sandbox = sandbox(tight());
    assert_eq!(sandbox.admit(b"").unwrap_err(), Refusal::Empty);
    assert!(matches!(sandbox.admit(b"#!/bin/sh").unwrap_err(), Refusal::NotWasm { .. }));
    assert!(matches!(sandbox.admit(b"\0asm\x07\0\0\0").unwrap_err(), Refusal::Broken { .. }));
    assert_eq!(sandbox.admit(b"\0asm\x01\0\0\0").unwrap_err(), Refusal::NoContract);
    assert!(matches!(sandbox.admit(&vec![0; 33 << 20]).unwrap_err(), Refusal::TooLarge { .. }));
    assert!(matches!(component(&sandbox, "(component)"), Refusal::WrongWorld { .. }));
    let import = "(component (import \"evil:fs/files@1.0.0\" (instance (export \"open\" (func)))))";
    assert_eq!(component(&sandbox, import), Refusal::Import { import: "evil:fs/files@1.0.0".into() });
    let newer = "(component (import \"ringfence:strategy/log@0.2.0\" (instance (export \"x\" (func)))))";
    assert_eq!(component(&sandbox, newer), Refusal::Version { found: "0.2.0".into() });
    // Text is not compiled, even if it would be a component.
    assert!(matches!(sandbox.admit(b"(component)").unwrap_err(), Refusal::NotWasm { .. }));
    // An import beside the contract.
    let steals =
        Guest { imports: "(import \"ringfence:strategy/orders@0.1.0\" \"steal\" (func))".into(), ..Guest::new("evil") };
    assert!(matches!(sandbox.admit(&steals.bytes()).unwrap_err(), Refusal::Encoding(_)));
    for refusal in [sandbox.admit(b"").unwrap_err(), component(&sandbox, "(component)")] {
        assert!(refusal.to_string().len() > 30, "{refusal}");
    }
}

#[test]
fn half_a_file_is_refused_wherever_it_ends() {
    let sandbox = sandbox(tight());
    let whole = Guest::new("good").bytes();
    sandbox.admit(&whole).unwrap();
    for part in 0..60 {
        let cut = whole.len() * part / 60;
        assert!(sandbox.admit(&whole[..cut]).is_err(), "cut at {cut} of {}", whole.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Bytes of a good plugin turned over: taken or refused, never a panic, never for long.
    #[test]
    fn mutants_are_taken_or_refused(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        thread_local! {
            static HOUSE: (Arc<Sandbox>, Vec<u8>) = (sandbox(tight()), Guest::new("good").bytes());
        }
        HOUSE.with(|(sandbox, good)| {
            let mut mutant = good.clone();
            for (at, byte) in &changes {
                let at = at.index(mutant.len());
                mutant[at] = *byte;
            }
            let started = Instant::now();
            drop(sandbox.admit(&mutant));
            assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        });
    }
}

//! Files that are no plugins any more, wherever they were cut or turned over: each is refused in
//! words, and never with a panic. What attacks on purpose is in `tests/hostile`.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::house::sandbox;
use common::{Guest, tight};
use proptest::prelude::*;
use ringfence_sandbox::{CompileLimits, Compiler, Refusal, Sandbox, SandboxConfig};

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

/// The compiler as in production: in a process of its own.
fn guarded() -> Arc<Sandbox> {
    let program = env!("CARGO_BIN_EXE_ringfence-compile").into();
    let compiler = Compiler::child_of(program, CompileLimits::default());
    Sandbox::new(SandboxConfig { budgets: tight(), compiler, ..SandboxConfig::in_process() }).unwrap()
}

#[test]
fn the_child_makes_what_the_host_runs() {
    let sandbox = guarded();
    let plugin = sandbox.admit(&Guest::new("good").bytes()).unwrap();
    assert_eq!(plugin.manifest().name, "good");
    // A refusal comes back whole.
    let steals =
        Guest { imports: "(import \"ringfence:strategy/orders@0.1.0\" \"steal\" (func))".into(), ..Guest::new("evil") };
    assert!(matches!(sandbox.admit(&steals.bytes()).unwrap_err(), Refusal::Encoding(_)));
}

fn mutate(good: &[u8], changes: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    let mut mutant = good.to_vec();
    for (at, byte) in changes {
        let at = at.index(mutant.len());
        mutant[at] = *byte;
    }
    mutant
}

fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)
}

/// Taken or refused with a reason, not for long, and nobody dies of it.
fn is_judged(sandbox: &Sandbox, mutant: &[u8]) {
    let started = Instant::now();
    if let Err(refusal) = sandbox.admit(mutant) {
        assert!(!refusal.code().is_empty() && refusal.to_string().len() > 20, "{refusal:?}");
    }
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

thread_local! {
    static HOUSE: Arc<Sandbox> = guarded();
    static GOOD: Vec<u8> = Guest::new("good").bytes();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// Bytes of a good plugin turned over.
    #[test]
    fn mutants_are_taken_or_refused(changes in changes()) {
        let mutant = GOOD.with(|good| mutate(good, &changes));
        HOUSE.with(|sandbox| is_judged(sandbox, &mutant));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    /// The same with the kept builds of the examples.
    #[test]
    fn mutants_of_real_plugins_are_taken_or_refused(which in 0..2usize, changes in changes()) {
        let name = ["ema-cross", "market-maker"][which];
        let file = format!("{}/../../plugins/{name}.wasm", env!("CARGO_MANIFEST_DIR"));
        let mutant = mutate(&std::fs::read(file).unwrap(), &changes);
        HOUSE.with(|sandbox| is_judged(sandbox, &mutant));
    }
}

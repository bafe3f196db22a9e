//! Files that are no plugins, or no longer: each is refused in words, quickly, and never
//! with a panic.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::house::sandbox;
use common::{Guest, tight};
use proptest::prelude::*;
use ringfence_sandbox::admission::rules::Rule;
use ringfence_sandbox::refusal::CompilerFailure;
use ringfence_sandbox::{CompileLimits, Compiler, Refusal, Sandbox, SandboxConfig};

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

/// A contract whose packages need each other: the library that reads it never comes back, and
/// overflows its stack. Found by the mutants below.
#[test]
fn what_crashes_the_compiler_is_tried_twice_and_never_again() {
    let sandbox = guarded();
    let evil = include_bytes!("fixtures/contract-cycle.wasm");
    let refusal = sandbox.admit(evil).unwrap_err();
    assert!(matches!(refusal, Refusal::Compiler { how: CompilerFailure::Crash, .. }), "{refusal}");
    let again = sandbox.admit(evil).unwrap_err();
    assert!(matches!(again, Refusal::Quarantined(_)), "{again}");
    // The compiler is none the worse for it.
    sandbox.admit(&Guest::new("good").bytes()).unwrap();
}

#[test]
fn a_compiler_without_memory_or_time_is_told_apart() {
    let with = |limits| {
        let compiler = Compiler::child_of(env!("CARGO_BIN_EXE_ringfence-compile").into(), limits);
        let config = SandboxConfig { budgets: tight(), compiler, ..SandboxConfig::in_process() };
        // Some thousand functions are more than either of the limits below.
        let many = "(func (param i64) (result i64) (i64.mul (local.get 0) (i64.add (local.get 0) (i64.const 3))))";
        Sandbox::new(config).unwrap().admit(&Guest::new("large").fields(&many.repeat(30_000)).bytes()).unwrap_err()
    };
    let little = CompileLimits { memory_bytes: 150 << 20, ..CompileLimits::default() };
    assert!(matches!(with(little), Refusal::Compiler { how: CompilerFailure::Memory, .. }), "{}", with(little));
    let hurried = CompileLimits { wall: Duration::from_millis(1), ..CompileLimits::default() };
    assert!(matches!(with(hurried), Refusal::Compiler { how: CompilerFailure::Wall, .. }));
    let brief = CompileLimits { artefact_bytes: 1_000, ..CompileLimits::default() };
    assert!(matches!(with(brief), Refusal::Compiler { .. }));
}

#[test]
fn limits_of_the_scan_name_their_rule() {
    let sandbox = sandbox(tight());
    let refused = |guest: Guest| match sandbox.admit(&guest.bytes()).unwrap_err() {
        Refusal::TooLarge { rule, found, allowed } => {
            assert!(found > allowed, "{rule}");
            rule
        }
        other => panic!("{other}"),
    };
    let evil = || Guest::new("evil");
    assert_eq!(refused(evil().fields(&"(func)".repeat(100_001))), Rule::Functions);
    assert_eq!(refused(evil().fields("(memory $large 2000)")), Rule::MemoryBytes);
    assert_eq!(refused(evil().fields(&format!("(func (param {}))", "i32 ".repeat(101)))), Rule::Parameters);
    assert_eq!(refused(evil().fields(&format!("(func (local {}))", "i32 ".repeat(10_001)))), Rule::Locals);
    assert_eq!(refused(evil().fields(&format!("(func {})", "nop ".repeat(1_100_000)))), Rule::BodyBytes);
    let table = format!("(func (block (br_table {} (i32.const 0))))", "0 ".repeat(100_000));
    assert_eq!(refused(evil().fields(&table.repeat(11))), Rule::BranchTargets);
    assert_eq!(
        refused(evil().fields(&format!("(global (export \"{}\") i32 (i32.const 0))", "x".repeat(1_025)))),
        Rule::NameBytes
    );
    assert_eq!(refused(evil().fields(&"(global i32 (i32.const 0))".repeat(50_001))), Rule::Globals);
    let mut padded = evil().bytes();
    padded.extend_from_slice(&b"\0\x02\x01a".repeat(1_001));
    let refusal = sandbox.admit(&padded).unwrap_err();
    assert!(matches!(refusal, Refusal::TooLarge { rule: Rule::CustomSections, .. }), "{refusal}");
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

//! Files, loading, supply.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use ringfence_sandbox::admission::rules::Rule;
use ringfence_sandbox::refusal::CompilerFailure;
use ringfence_sandbox::{
    CompileLimits, Compiler, FleetEvent, Mitigation, NoSnapshot, Refusal, Sandbox, SandboxConfig, SeatState, Settings,
    SignaturePolicy, SignerKey, Snapshot, Trust,
};
use serde_json::Value;

use crate::arena::{Arena, BTC, ETH, Held, Plan, swift};
use crate::common::Guest;
use crate::common::folder::Folder;
use crate::common::guest::{checker, marked};
use crate::guests::{counted, evil, limit_of, once, with_wasi};

cases! {
    F1: f1, f1_twin;
    F2: f2, f2_twin;
    F3: f3, f3_twin;
    F4: f4, f4_twin;
    F5: f5, f5_twin;
    F6: f6, f6_twin;
    F7: f7, f7_twin;
    F8: f8, f8_twin;
    F9: f9, f9_twin;
    F10: f10, f10_twin;
    F11: f11, f11_twin;
    F12: f12, f12_twin;
    F13: f13, f13_twin;
}

/// The program, in a folder of its own.
fn ringfence(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ringfence")).args(args).current_dir(dir).output().expect("ringfence starts")
}

fn check(dir: &Path, file: &str) -> Value {
    let output = ringfence(dir, &["check", file, "--json"]);
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}\n{}", String::from_utf8_lossy(&output.stderr)))
}

/// What a good plugin of this name would be granted.
pub fn checked_grant(name: &str, config: &str) -> Value {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(format!("{name}.wasm")), Guest::new("good").bytes()).unwrap();
    std::fs::write(dir.path().join("ringfence.toml"), config).unwrap();
    check(dir.path(), &format!("{name}.wasm"))["grant"].clone()
}

/// What the program says of a configuration that it must refuse.
pub fn refused_configuration(config: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("good.wasm"), Guest::new("good").bytes()).unwrap();
    std::fs::write(dir.path().join("ringfence.toml"), config).unwrap();
    let output = ringfence(dir.path(), &["check", "good.wasm", "--json"]);
    assert_eq!(output.status.code(), Some(2), "{config} was taken");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn broken() -> Vec<(Vec<u8>, &'static str)> {
    let good = Guest::new("good").bytes();
    let component = wat::parse_str("(component)").unwrap();
    vec![
        (Vec::new(), "empty"),
        (b"(component)".to_vec(), "not-wasm"),
        (b"#!/bin/sh\nrm -rf /\n".to_vec(), "not-wasm"),
        (good[..good.len() / 2].to_vec(), "broken"),
        ([&good[..], &good[..]].concat(), "broken"),
        ([&good[..], b"\0"].concat(), "broken"),
        (b"\0asm\x07\0\0\0".to_vec(), "broken"),
        (b"\0asm\x01\0\0\0".to_vec(), "no-contract"),
        (component, "wrong-world"),
    ]
}

fn f1() -> Held {
    let files = [("evil", checker().bytes()), ("meek", checker().bytes())];
    let mut folder = Folder::with(&files, Settings::default());
    folder.trades("evil", 10);
    // Each reload counts, also of what is refused: time goes on between them.
    for (bytes, code) in broken() {
        folder.clock_goes_on(ringfence_model::Micros::from_secs(61));
        folder.put("evil", &bytes);
        let told = folder.wait_for(|event| matches!(event, FleetEvent::Refused { .. }));
        let FleetEvent::Refused { reason, .. } = told else { unreachable!() };
        assert_eq!(reason.code(), code, "{reason}");
    }
    let report = folder.report("evil");
    assert_eq!((report.generation, report.state, report.faults), (1, SeatState::Running, 0), "the old one goes on");
    folder.neighbour_is_well("evil");
    folder.neighbour_is_well("meek");
    Held::seen()
}

/// An engine that takes text would have compiled the second of them.
fn f1_twin() {
    let text = broken().remove(1).0;
    assert!(wat::parse_bytes(&text).unwrap().starts_with(b"\0asm"));
    // And a reader that stops where a module ends would have taken the first half of two.
    let good = Guest::new("good").bytes();
    Arena::new(Plan::default()).sandbox.admit(&good).unwrap();
}

/// The compiled form of a good plugin, as the cache keeps it.
fn artefact(dir: &Path) -> (std::path::PathBuf, Vec<u8>) {
    let config = SandboxConfig { cache_dir: Some(dir.to_owned()), ..SandboxConfig::in_process() };
    Sandbox::new(config).unwrap().admit(&Guest::new("good").bytes()).unwrap();
    let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let file = files.max_by_key(|path| std::fs::metadata(path).unwrap().len()).unwrap();
    let bytes = std::fs::read(&file).unwrap();
    assert!(bytes.len() > 4_096, "compiled code");
    (file, bytes)
}

fn f2() -> Held {
    let dir = tempfile::tempdir().unwrap();
    let (file, bytes) = artefact(dir.path());
    let mut arena = Arena::new(Plan::default());
    arena.refuses_bytes(&bytes, "not-wasm", "no WebAssembly");
    // Without what the cache puts around it.
    let elf = bytes.windows(4).position(|window| window == b"\x7fELF").expect("code of the machine");
    arena.refuses_bytes(&bytes[elf..], "not-wasm", "no WebAssembly");
    // In the cache only what this installation wrote counts: a byte more or less, and it is compiled anew.
    let mut turned = bytes.clone();
    let middle = turned.len() / 2;
    turned[middle] ^= 1;
    std::fs::write(&file, turned).unwrap();
    let config = SandboxConfig { cache_dir: Some(dir.path().to_owned()), ..SandboxConfig::in_process() };
    let plugin = Sandbox::new(config).unwrap().admit(&Guest::new("good").bytes()).unwrap();
    assert!(!plugin.admission().0, "compiled, not loaded");
    arena.conclude()
}

/// The same bytes run where they are vouched for.
fn f2_twin() {
    let dir = tempfile::tempdir().unwrap();
    artefact(dir.path());
    let config = SandboxConfig { cache_dir: Some(dir.path().to_owned()), ..SandboxConfig::in_process() };
    let plugin = Sandbox::new(config).unwrap().admit(&Guest::new("good").bytes()).unwrap();
    assert!(plugin.admission().0, "loaded as it stood there");
}

const MOST: usize = 32 << 20;

fn not_taken(path: &Path) -> Refusal {
    match Snapshot::take(path, MOST) {
        Err(NoSnapshot::Refused(refusal)) => refusal,
        other => panic!("{}: {other:?}", path.display()),
    }
}

fn f3() -> Held {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::write(at("good.txt"), Guest::new("good").bytes()).unwrap();
    std::os::unix::fs::symlink(at("good.txt"), at("link.wasm")).unwrap();
    std::os::unix::fs::symlink(at("nowhere"), at("dangling.wasm")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", at("device.wasm")).unwrap();
    std::os::unix::fs::symlink("/proc/self/environ", at("environ.wasm")).unwrap();
    std::fs::create_dir(at("folder.wasm")).unwrap();
    assert!(Command::new("mkfifo").arg(at("pipe.wasm")).status().unwrap().success());
    for name in ["link", "dangling", "device", "environ", "folder", "pipe"] {
        assert_eq!(not_taken(&at(&format!("{name}.wasm"))).code(), "not-a-file", "{name}");
    }
    assert_eq!(not_taken(Path::new("/dev/null.wasm/../null.wasm/x.wasm/..")).code(), "name");
    for odd in ["a b.wasm", "a.b.wasm", "..wasm", "\u{43e}dd.wasm", "a\u{202e}.wasm", "-.-.wasm"] {
        std::fs::write(at(odd), b"\0asm").unwrap();
        assert_eq!(not_taken(&at(odd)).code(), "name", "{odd}");
    }
    let long = format!("{}.wasm", "a".repeat(65));
    std::fs::write(at(&long), b"\0asm").unwrap();
    assert_eq!(not_taken(&at(&long)).code(), "name");
    // A hard link is the file itself: what counts is what is in it.
    std::fs::hard_link(at("good.txt"), at("hard.wasm")).unwrap();
    assert!(Snapshot::take(&at("hard.wasm"), MOST).is_ok());
    Arena::new(Plan::default()).conclude()
}

/// Whoever just reads the name follows the link.
fn f3_twin() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::write(at("good.txt"), Guest::new("good").bytes()).unwrap();
    std::os::unix::fs::symlink(at("good.txt"), at("link.wasm")).unwrap();
    let bytes = std::fs::read(at("link.wasm")).unwrap();
    Arena::new(Plan::default()).sandbox.admit(&bytes).unwrap();
}

fn f4() -> Held {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("evil.wasm");
    let (first, second) = (Guest::new("first").bytes(), Guest::new("second").bytes());
    std::fs::write(&path, &first).unwrap();
    let snapshot = Snapshot::take(&path, MOST).unwrap();
    // Swapped by name, and written over in place.
    std::fs::write(dir.path().join("beside"), &second).unwrap();
    std::fs::rename(dir.path().join("beside"), &path).unwrap();
    let arena = Arena::new(Plan::default());
    let plugin = arena.sandbox.admit_file(&snapshot).unwrap();
    assert_eq!((plugin.manifest().name.as_str(), plugin.hash()), ("first", snapshot.hash()));
    arena.conclude()
}

/// Whoever opens it a second time runs what nobody has looked at.
fn f4_twin() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("evil.wasm");
    std::fs::write(&path, Guest::new("first").bytes()).unwrap();
    let looked_at = Snapshot::take(&path, MOST).unwrap();
    std::fs::write(&path, Guest::new("second").bytes()).unwrap();
    let plugin = Arena::new(Plan::default()).sandbox.admit(&std::fs::read(&path).unwrap()).unwrap();
    assert_ne!(plugin.hash(), looked_at.hash());
}

fn f5() -> Held {
    let marks: [Vec<u8>; 2] = [marked(&checker().bytes(), 1), marked(&checker().bytes(), 2)];
    let mut folder = Folder::with(&[("a", marks[0].clone()), ("b", marks[1].clone())], Settings::default());
    let at = |name: &str| folder.dir.path().join(name);
    // Exchanged, so that each name is there all the time but for a moment.
    std::fs::rename(at("a.wasm"), at("c.tmp")).unwrap();
    std::fs::rename(at("b.wasm"), at("a.wasm")).unwrap();
    std::fs::rename(at("c.tmp"), at("b.wasm")).unwrap();
    let runs = |folder: &Folder, name: &str, content: &[u8]| {
        let hash = ringfence_sandbox::admission::hash(content);
        let control = folder.fleet.control();
        folder.wait_for(|_| {
            control
                .history(name)
                .unwrap()
                .iter()
                .rev()
                .find(|one| one.state.to_string() == "running")
                .map(|one| one.hash)
                == Some(hash)
        });
    };
    runs(&folder, "a", &marks[1]);
    let b = folder.fleet.control().history("b").unwrap();
    if b.last().unwrap().hash != ringfence_sandbox::admission::hash(&marks[0]) {
        runs(&folder, "b", &marks[0]);
    }
    folder.neighbour_is_well("a");
    folder.neighbour_is_well("b");
    Held::seen()
}

/// Whoever only compares size and name sees nothing of it.
fn f5_twin() {
    let marks = [1, 2].map(|mark| marked(&checker().bytes(), mark));
    assert_eq!(marks[0].len(), marks[1].len());
    assert_ne!(ringfence_sandbox::admission::hash(&marks[0]), ringfence_sandbox::admission::hash(&marks[1]));
}

/// The same guest with another version: five letters, as the old one.
fn version(number: &str) -> Vec<u8> {
    let mut guest = checker();
    let at = 1_200 - 1_024 + guest.name.len();
    guest.manifest[at..at + 5].copy_from_slice(number.as_bytes());
    guest.bytes()
}

fn versions(downgrade: bool) -> Folder {
    let files = [("evil", version("0.2.0")), ("meek", checker().bytes())];
    Folder::with(&files, Settings { downgrade, ..Settings::default() })
}

fn f6() -> Held {
    let mut folder = versions(false);
    folder.put("evil", &version("0.1.9"));
    let told = folder.wait_for(|event| matches!(event, FleetEvent::Refused { .. }));
    assert!(format!("{told:?}").contains("0.1.9 is older than 0.2.0"), "{told:?}");
    // A second file that is the same name to half of all file systems.
    folder.put("EVIL", &version("0.3.0"));
    let told = folder.wait_for(|event| matches!(event, FleetEvent::Refused { .. }));
    assert!(format!("{told:?}").contains("evil.wasm has this name already"), "{told:?}");
    let report = folder.report("evil");
    assert_eq!((report.generation, report.version.as_str(), report.faults), (1, "0.2.0", 0));
    folder.neighbour_is_well("evil");
    folder.neighbour_is_well("meek");
    Held::seen()
}

fn f6_twin() {
    let folder = versions(true);
    folder.put("evil", &version("0.1.9"));
    folder.wait_for(|event| matches!(event, FleetEvent::Reloaded { name, .. } if name == "evil"));
    assert_eq!(folder.report("evil").version, "0.1.9");
}

fn component(import: &str) -> Vec<u8> {
    wat::parse_str(format!("(component (import \"{import}\" (instance (export \"open\" (func)))))")).unwrap()
}

fn f7() -> Held {
    let mut arena = Arena::new(Plan::default());
    for import in
        ["evil:fs/files@1.0.0", "wasi:sockets/tcp@0.2.0", "wasi:http/types@0.2.0", "ringfence:strategy/evil@0.1.0"]
    {
        arena.refuses_bytes(&component(import), "import", import);
    }
    arena.refuses_bytes(&component("ringfence:strategy/log@0.2.0"), "version", "0.2.0");
    arena.refuses_bytes(&component("ringfence:strategy/log@1.0.0"), "version", "1.0.0");
    let steals = Guest { imports: "(import \"ringfence:strategy/orders@0.1.0\" \"steal\" (func))".into(), ..evil() };
    arena.refuses(&steals, "encoding", "steal");
    let bare = Guest { imports: "(import \"env\" \"system\" (func))".into(), ..evil() };
    arena.refuses(&bare, "encoding", "env");
    arena.conclude()
}

/// What is on the list is linked and answered: it is the list that keeps the others out.
fn f7_twin() {
    let stdout = "(import \"wasi:cli/stdout@0.2.0\" \"get-stdout\" (func $stdout (result i32)))";
    let mut arena = Arena::with(Plan::default(), &with_wasi(stdout).does("(drop (call $stdout))"));
    arena.run(10);
    assert_eq!(arena.report().faults, 0);
}

/// Wishes for ETHUSDT, too.
fn wants_more() -> Guest {
    let mut guest = evil();
    guest.manifest[1_130 - 1_024..][..7].copy_from_slice(b"ETHUSDT");
    guest
}

fn f8() -> Held {
    // A first file that wishes for more than is granted is not taken.
    let mut arena = Arena::new(Plan::default());
    let refusal = arena.start(&wants_more()).unwrap_err();
    assert_eq!(refusal.code(), "not-granted", "{refusal}");
    assert!(refusal.to_string().contains("granted are: BTCUSDT"), "{refusal}");
    // A later one runs under the grant of its name, which has not grown by it.
    arena.start(&evil()).unwrap();
    arena.run(20);
    let next = wants_more().does(&once(&counted(&[limit_of(1, 0, (1, 1), (250_000, 2), 0)])));
    arena.start(&next).unwrap();
    arena.run(20);
    let report = arena.report();
    assert_eq!((report.generation, report.faults, report.state), (3, 0, SeatState::Running));
    assert_eq!((arena.outcome("not-permitted"), arena.placed()), (1, 0), "{:?}", arena.outcomes());
    let eth = |output: &&ringfence_engine::Output| matches!(output, ringfence_engine::Output::Subscribe { instrument, .. } if *instrument == ETH);
    assert_eq!(arena.sent.iter().filter(eth).count(), 0);
    assert!(arena.lines().iter().any(|line| line.contains("ETHUSDT") && line.contains("not granted")));
    arena.conclude()
}

fn f8_twin() {
    let mut arena = Arena::with(Plan { symbols: vec![BTC, ETH], ..Plan::default() }, &evil());
    arena.start(&wants_more().does(&once(&counted(&[limit_of(1, 0, (1, 1), (250_000, 2), 0)])))).unwrap();
    arena.run(200);
    assert_eq!((arena.report().generation, arena.outcome("ok"), arena.placed()), (2, 1, 1));
}

fn f9() -> Held {
    // A plugin's table reaches nothing of the host's, and its parameters are no tables.
    for (config, line) in [
        ("[plugins.evil]\nvenue = { kind = \"binance\" }\n", 2),
        ("[plugins.evil.venue]\nkind = \"binance\"\n", 1),
        ("[plugins.evil.signing]\npolicy = \"off\"\n", 1),
        ("[plugins.evil.parameters]\na = { b = 1 }\n", 2),
        ("[plugins.evil.budgets]\nmemory_bytes = 99999999999999\n", 2),
        ("[plugins.evil.budgets]\n__proto__ = 1\n", 2),
    ] {
        let told = refused_configuration(config);
        assert!(told.contains(&format!("ringfence.toml:{line}: ")), "{config}{told}");
    }
    // Nothing is put in for what looks like a variable: it stays what it is, and is no parameter of this plugin.
    let grant = checked_grant("good", "[plugins.good.parameters]\nevil = \"${HOME}\"\n");
    let told = grant["problems"].to_string();
    assert!(told.contains("`evil`") && !told.contains(&std::env::var("HOME").unwrap_or("/root".into())), "{told}");
    Arena::new(Plan::default()).conclude()
}

/// The very same keys count where the operator may write them.
fn f9_twin() {
    let grant = checked_grant("good", "[venue]\nkind = \"binance-testnet\"\n[signing]\npolicy = \"off\"\n");
    assert_eq!(grant["order_types"], serde_json::json!([]), "{grant:#}");
    let grant = checked_grant("good", "[venue]\nkind = \"sim\"\n");
    assert_ne!(grant["order_types"], serde_json::json!([]), "{grant:#}");
}

fn signed(policy: SignaturePolicy) -> (Arena, tempfile::TempDir) {
    let arena = Arena::new(Plan::default());
    arena.sandbox.set_trust(Trust { policy, ..Trust::default() });
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("evil.wasm"), Guest::new("evil").bytes()).unwrap();
    (arena, dir)
}

fn f10() -> Held {
    let (arena, dir) = signed(SignaturePolicy::Require);
    let path = dir.path().join("evil.wasm");
    let admit = |arena: &Arena| arena.sandbox.admit_file(&Snapshot::take(&path, MOST).unwrap()).map(drop);
    assert_eq!(admit(&arena).unwrap_err().code(), "unsigned");
    // Signed by somebody.
    let made = ringfence(dir.path(), &["sign", "evil.wasm", "--generate", "--key", "mallory.key", "--json"]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    assert_eq!(admit(&arena).unwrap_err().code(), "unknown-signer");
    // By somebody who is known, it is taken.
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let key = SignerKey::parse(made["public_key"].as_str().unwrap()).unwrap();
    let trust = |policy| Trust { policy, keys: [("mallory".to_owned(), key.clone())].into(), ..Trust::default() };
    arena.sandbox.set_trust(trust(SignaturePolicy::Require));
    admit(&arena).unwrap();
    // A good signature of other bytes is bad, whatever the policy is.
    std::fs::write(&path, marked(&Guest::new("evil").bytes(), 1)).unwrap();
    for policy in [SignaturePolicy::Require, SignaturePolicy::Warn, SignaturePolicy::Off] {
        arena.sandbox.set_trust(trust(policy));
        assert_eq!(admit(&arena).unwrap_err().code(), "bad-signature", "{policy:?}");
    }
    arena.conclude()
}

fn f10_twin() {
    let (arena, dir) = signed(SignaturePolicy::Off);
    arena.sandbox.admit_file(&Snapshot::take(&dir.path().join("evil.wasm"), MOST).unwrap()).unwrap();
}

fn padded(section: &[u8], times: usize) -> Vec<u8> {
    let mut bytes = Guest::new("evil").bytes();
    bytes.extend(section.repeat(times));
    bytes
}

fn exports() -> Guest {
    let all: String = (0..50_001).map(|number| format!("(export \"x{number}\" (func $fresh))")).collect();
    evil().fields(&all)
}

fn f11() -> Held {
    let mut arena = Arena::new(Plan::default());
    arena.refuses_bytes(&padded(b"\0\x02\x01a", 1_001), "too-large", "custom-sections");
    // One section of seventeen megabytes.
    let mut large = vec![0];
    let mut length = (17u32 << 20) + 2;
    while length >= 0x80 {
        large.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    large.push(length as u8);
    large.extend(b"\x01a");
    large.resize(large.len() + (17 << 20), 0);
    arena.refuses_bytes(&padded(&large, 1), "too-large", "custom-bytes");
    arena.refuses_bytes(&vec![0; 33 << 20], "too-large", "file-bytes");
    arena.refuses(&exports(), "too-large", "exports");
    let name = format!("(global (export \"{}\") i32 (i32.const 0))", "x".repeat(1_025));
    arena.refuses(&evil().fields(&name), "too-large", "name-bytes");
    arena.conclude()
}

fn f11_twin() {
    let plan = || Plan::without(Mitigation::Scan(Rule::CustomSections));
    Arena::new(plan()).sandbox.admit(&padded(b"\0\x02\x01a", 1_001)).unwrap();
    let plan = Plan { budgets: crate::arena::patient(), ..Plan::without(Mitigation::Scan(Rule::NameBytes)) };
    let name = format!("(global (export \"{}\") i32 (i32.const 0))", "x".repeat(1_025));
    Arena::new(plan).sandbox.admit(&evil().fields(&name).bytes()).unwrap();
}

/// A contract whose packages need each other: the library that reads it overflows its stack.
const CYCLE: &[u8] = include_bytes!("../../host/sandbox/tests/fixtures/contract-cycle.wasm");

fn with_compiler(compiler: Compiler) -> Arc<Sandbox> {
    Sandbox::new(SandboxConfig { budgets: swift(), compiler, ..SandboxConfig::in_process() }).unwrap()
}

/// A compiler that is a shell script.
fn script(script: &str, limits: CompileLimits) -> Refusal {
    let arguments = ["-c", script, "sh"].map(Into::into).into();
    let sandbox = with_compiler(Compiler::Child { program: "/bin/sh".into(), arguments, limits });
    sandbox.admit(&Guest::new("good").bytes()).unwrap_err()
}

fn f12() -> Held {
    let program = || env!("CARGO_BIN_EXE_ringfence").into();
    let sandbox = with_compiler(Compiler::child_of(program(), CompileLimits::default()));
    let refusal = sandbox.admit(CYCLE).unwrap_err();
    assert!(matches!(refusal, Refusal::Compiler { how: CompilerFailure::Crash, .. }), "{refusal}");
    assert_eq!(sandbox.admit(CYCLE).unwrap_err().code(), "quarantined");
    sandbox.admit(&Guest::new("good").bytes()).unwrap();
    let short = CompileLimits { wall: Duration::from_millis(500), ..CompileLimits::default() };
    for (words, limits, how) in [
        ("exec sleep 100", short, CompilerFailure::Wall),
        (
            "cat >/dev/null; echo 'RFCODE, all is well and nothing else is here'",
            CompileLimits::default(),
            CompilerFailure::Garbage,
        ),
        ("exit 7", CompileLimits::default(), CompilerFailure::Crash),
        ("exec cat /dev/zero", CompileLimits { artefact_bytes: 1_000, ..short }, CompilerFailure::Crash),
    ] {
        let refusal = script(words, limits);
        assert!(matches!(&refusal, Refusal::Compiler { how: found, .. } if *found == how), "{words}: {refusal}");
    }
    let little = CompileLimits { memory_bytes: 150 << 20, ..CompileLimits::default() };
    let many = "(func (param i64) (result i64) (i64.mul (local.get 0) (i64.add (local.get 0) (i64.const 3))))";
    let large = evil().fields(&many.repeat(30_000)).bytes();
    let refusal = with_compiler(Compiler::child_of(program(), little)).admit(&large).unwrap_err();
    assert!(matches!(refusal, Refusal::Compiler { how: CompilerFailure::Memory, .. }), "{refusal}");
    Arena::new(Plan::default()).conclude()
}

/// In the host's own process the same file ends the host; here that is a child of this test.
fn f12_twin() {
    let itself = std::env::current_exe().unwrap();
    let dies = ["files::dies_of_the_contract", "--exact", "--ignored", "--nocapture"];
    let output = Command::new(itself).args(dies).output().unwrap();
    let signal = std::os::unix::process::ExitStatusExt::signal(&output.status);
    assert!(signal.is_some(), "{:?} {}", output.status, String::from_utf8_lossy(&output.stderr));
}

/// Only for the twin above, in a process of its own.
#[test]
#[ignore = "it kills the process that it runs in"]
fn dies_of_the_contract() {
    // No core file of it stays behind.
    rlimit::setrlimit(rlimit::Resource::CORE, 0, 0).unwrap();
    let _ = with_compiler(Compiler::InProcess).admit(CYCLE);
}

/// A module that carries another contract.
fn foreign(world: &str) -> Guest {
    Guest { world: Some(world.to_owned()), ..evil() }
}

/// A contract of megabytes: types that nobody uses.
fn heavy() -> Guest {
    let many: String =
        (0..9_000).map(|number| format!("record r{number} {{ a{number}: u32, b{number}: string }}\n")).collect();
    foreign(&format!(
        "package ringfence:hostile@0.1.0;\ninterface heavy {{ {many} }}\n
         world evil {{ include ringfence:strategy/strategy@0.1.0; import heavy; }}"
    ))
}

fn f13() -> Held {
    let mut arena = Arena::new(Plan::default());
    arena.refuses(&heavy(), "too-large", "contract-bytes");
    let strange = "package ringfence:hostile@0.1.0; interface files { open: func() -> u32; }
        world evil { include ringfence:strategy/strategy@0.1.0; import files; }";
    arena.refuses(&foreign(strange), "import", "ringfence:hostile/files@0.1.0");
    let other = "package ringfence:hostile@0.1.0; world evil { export run: func(); }";
    let bare = wat::parse_str("(module (func (export \"run\")))").unwrap();
    arena.refuses_bytes(&embedded(&bare, other), "wrong-world", "handler");
    // Garbage where a contract should be.
    let mut torn = Guest::new("evil").bytes();
    let at = torn.windows(14).position(|window| window == b"component-type").unwrap();
    torn[at + 40] ^= 0xff;
    torn[at + 60] ^= 0xff;
    let refusal = arena.sandbox.admit(&torn).unwrap_err();
    assert!(["encoding", "wrong-world", "import", "compile"].contains(&refusal.code()), "{refusal}");
    arena.conclude()
}

fn embedded(module: &[u8], world: &str) -> Vec<u8> {
    let mut module = module.to_vec();
    let mut resolve = wit_parser::Resolve::default();
    let package = resolve.push_str("world.wit", world).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    wit_component::embed_component_metadata(&mut module, &resolve, world, wit_component::StringEncoding::UTF8).unwrap();
    module
}

/// Without the bound it is read whole, and only then compared.
fn f13_twin() {
    let mut arena = Arena::new(Plan::without(Mitigation::Scan(Rule::ContractBytes)));
    arena.refuses(&heavy(), "import", "ringfence:hostile/heavy@0.1.0");
}

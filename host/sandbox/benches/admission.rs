//! What taking a file in costs: anew, with the compiler in a process of its own, and from the
//! cache. Each line is one figure of one run; `cargo bench --workspace --bench admission`. It ends with 1 if a figure of a
//! plugin of 100 KB misses its bound.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a bench")]

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use ringfence_sandbox::{Compiler, Sandbox, SandboxConfig, compiler::child};

const ROUNDS: usize = 15;
/// Bounds of a plugin of 100 KB, in milliseconds.
const NEW: f64 = 500.0;
const CACHED: f64 = 5.0;

/// Middle and worst of some rounds; the middle in milliseconds.
fn told(what: &str, mut times: Vec<Duration>) -> f64 {
    times.sort();
    let millis = |time: Option<&Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1e3);
    println!(
        "{what:<48} middle {:>8.2} ms, worst {:>8.2} ms",
        millis(times.get(times.len() / 2)),
        millis(times.last())
    );
    millis(times.get(times.len() / 2))
}

fn admit(bytes: &[u8], cache: &Path, compiler: Compiler) -> Duration {
    let config = SandboxConfig { cache_dir: Some(cache.to_owned()), compiler, ..SandboxConfig::in_process() };
    let sandbox = Sandbox::new(config).unwrap();
    let started = Instant::now();
    sandbox.admit(bytes).unwrap();
    started.elapsed()
}

fn main() -> ExitCode {
    // This program is its own compiler, as the host is.
    if let Some(code) = child::run_if_asked(std::env::args_os()) {
        return code;
    }
    let mut missed = Vec::new();
    for name in ["ema-cross", "market-maker", "rsi-reversion"] {
        let file = format!("{}/../../plugins/{name}.wasm", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(file).unwrap();
        let kept = tempfile::tempdir().unwrap();
        let rounds = if bytes.len() > 1 << 20 { 3 } else { ROUNDS };
        let new = (0..rounds).map(|_| admit(&bytes, tempfile::tempdir().unwrap().path(), Compiler::this_program()));
        let middle = told(&format!("{name} ({} KB), new, in a child", bytes.len() / 1_000), new.collect());
        if bytes.len() < 120_000 && middle > NEW {
            missed.push(format!("{name}, new: {middle:.2} ms, at most {NEW} ms"));
        }
        let inside = (0..rounds).map(|_| admit(&bytes, tempfile::tempdir().unwrap().path(), Compiler::InProcess));
        told(&format!("{name}, new, in this process"), inside.collect());
        admit(&bytes, kept.path(), Compiler::this_program());
        let cached = (0..ROUNDS).map(|_| admit(&bytes, kept.path(), Compiler::this_program()));
        let middle = told(&format!("{name}, from the cache"), cached.collect());
        if bytes.len() < 120_000 && middle > CACHED {
            missed.push(format!("{name}, from the cache: {middle:.2} ms, at most {CACHED} ms"));
        }
    }
    missed.iter().for_each(|line| println!("MISSED  {line}"));
    if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

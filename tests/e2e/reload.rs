//! Hot reload from outside: files change while the program runs.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Stdio};
use std::time::{Duration, Instant};

use common::{assert_healthy, folder_with, plugin, plugins};

struct Running {
    child: Child,
    stderr: BufReader<ChildStderr>,
    log: String,
}

impl Running {
    fn start(dir: &std::path::Path) -> Self {
        let mut child = common::command(dir, &["--json", "--plugins", ".", "--for", "60s"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("ringfence starts");
        let stderr = BufReader::new(child.stderr.take().expect("stderr"));
        Running { child, stderr, log: String::new() }
    }

    /// Waits for a line with these words; says how long it took.
    fn wait_for(&mut self, words: &str) -> Duration {
        let started = Instant::now();
        loop {
            let mut line = String::new();
            let read = self.stderr.read_line(&mut line).expect("a line");
            assert_ne!(read, 0, "ended before {words:?}\n{}", self.log);
            self.log.push_str(&line);
            if line.contains(words) {
                return started.elapsed();
            }
        }
    }

    /// Waits for lines that may come in any order.
    fn wait_for_all(&mut self, all: &[&str]) {
        while !all.iter().all(|words| self.log.contains(words)) {
            self.wait_for("");
        }
    }

    fn end(mut self) -> serde_json::Value {
        let killed =
            std::process::Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().expect("kill");
        assert!(killed.success());
        let mut out = String::new();
        self.child.stdout.take().expect("stdout").read_to_string(&mut out).expect("output");
        drop(self.stderr);
        assert!(self.child.wait().expect("an end").success(), "{}", self.log);
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}\n{}", self.log))
    }
}

/// Replace, break, mend, add, remove: each is seen, and the ledgers still agree at the end.
#[test]
fn files_change_while_strategies_trade() {
    let dir = folder_with(&["ema-cross", "market-maker"]);
    let file = dir.path().join("ema-cross.wasm");
    let good = std::fs::read(&file).expect("a kept build");
    let mut running = Running::start(dir.path());
    running.wait_for_all(&["ema-cross: loaded, generation 1", "market-maker: loaded, generation 1"]);

    // Another content with the same meaning: a custom section at the end.
    let mut changed = good.clone();
    changed.extend_from_slice(b"\0\x05\x04note");
    std::fs::write(&file, &changed).expect("a write");
    running.wait_for("ema-cross: reloaded, generation 2");

    // A broken file is refused, the old generation goes on.
    std::fs::write(&file, &good[..good.len() / 3]).expect("a write");
    running.wait_for("ema-cross.wasm: refused");

    // Mended by a rename into place.
    let beside = dir.path().join("next.tmp");
    std::fs::write(&beside, &good).expect("a write");
    std::fs::rename(&beside, &file).expect("a rename");
    running.wait_for("ema-cross: reloaded, generation 3");

    // A new one appears, another goes.
    std::fs::copy(plugins().join("rsi-reversion.wasm"), dir.path().join("rsi-reversion.wasm")).expect("a copy");
    running.wait_for("rsi-reversion: loaded, generation 1");
    std::fs::remove_file(dir.path().join("market-maker.wasm")).expect("a removal");
    running.wait_for("market-maker: removed");

    let summary = running.end();
    assert_eq!(plugin(&summary, "ema-cross")["generation"], 3, "{summary:#}");
    assert_eq!(plugin(&summary, "market-maker")["state"], "removed", "{summary:#}");
    assert_eq!(summary["refused"], serde_json::json!([]), "{summary:#}");
    let mut rest = summary;
    rest["plugins"].as_array_mut().expect("plugins").retain(|plugin| plugin["state"] != "removed");
    assert_healthy(&rest);
}

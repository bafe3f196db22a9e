//! The main job: strategies trade, and every ledger agrees with the account.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{assert_healthy, plugin, plugins, run, summary, top, without_timing};

const KEPT: [&str; 3] = ["ema-cross", "market-maker", "rsi-reversion"];

/// Over real sockets, in real time. The Python example is there when it was built; in CI it always is.
#[test]
fn every_strategy_fills_and_the_ledgers_agree() {
    let dir = tempfile::tempdir().expect("a folder");
    let plugins = plugins();
    let summary = summary(dir.path(), &["--for", "20s", "--json", "--plugins", &plugins.display().to_string()]);
    let mut expected = KEPT.to_vec();
    if std::env::var_os("CI").is_some() || plugins.join("breakout.wasm").exists() {
        expected.push("breakout");
    }
    for name in expected {
        assert!(plugin(&summary, name)["fills"].as_u64().expect("fills") > 0, "{name}: {summary:#}");
    }
    assert_eq!(summary["mode"], "sim");
    assert_eq!(summary["venue"], "sim");
    assert_healthy(&summary);
}

/// In virtual time two runs are equal to the last order.
#[test]
fn two_runs_of_a_generated_market_are_equal() {
    let dir = common::folder_with(&KEPT);
    let folder = dir.path().display().to_string();
    let once =
        || without_timing(summary(dir.path(), &["--speed", "max", "--for", "60s", "--json", "--plugins", &folder]));
    let first = once();
    assert_healthy(&first);
    for name in KEPT {
        assert!(plugin(&first, name)["fills"].as_u64().expect("fills") > 0, "{name}: {first:#}");
    }
    assert_eq!(first, once());
    let other = without_timing(summary(
        dir.path(),
        &["--speed", "max", "--for", "60s", "--seed", "2", "--json", "--plugins", &folder],
    ));
    assert_ne!(first["plugins"], other["plugins"], "the seed must matter");
}

/// Real messages through the same parsers as live.
#[test]
fn two_replays_of_a_recording_are_equal() {
    let dir = common::folder_with(&["ema-cross", "market-maker"]);
    let recording = top().join("tests/fixtures/recordings/spot_btcusdt_cut.gz").display().to_string();
    let folder = dir.path().display().to_string();
    let once = || {
        without_timing(summary(dir.path(), &["--replay", &recording, "--speed", "max", "--json", "--plugins", &folder]))
    };
    let first = once();
    assert_healthy(&first);
    assert_eq!(first["mode"], "replay");
    assert!(plugin(&first, "ema-cross")["events"].as_u64().expect("events") > 0, "{first:#}");
    assert_eq!(first, once());
}

/// Over sockets, ten times as fast as it was: the recording's end ends the run, and its time is nobody's wrong clock.
#[test]
fn a_recording_is_played_over_sockets() {
    let dir = common::folder_with(&["ema-cross", "market-maker"]);
    let recording = top().join("tests/fixtures/recordings/spot_btcusdt_cut.gz").display().to_string();
    let output = run(dir.path(), &["--replay", &recording, "--speed", "10", "--json", "--plugins", "."]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(!told.contains("clock"), "{told}");
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a summary");
    assert_healthy(&summary);
    assert_eq!(summary["mode"], "replay");
    for name in ["ema-cross", "market-maker"] {
        assert!(plugin(&summary, name)["fills"].as_u64().expect("fills") > 0, "{name}: {summary:#}");
    }
}

/// The whole recordings are large and not part of the project; a folder of them can be named.
#[test]
fn whole_recordings_replay_without_an_unreadable_message() {
    let Some(folder) = std::env::var_os("RINGFENCE_RECORDINGS") else {
        eprintln!("skipped: RINGFENCE_RECORDINGS names no folder of recordings");
        return;
    };
    let dir = common::folder_with(&["ema-cross", "market-maker"]);
    let plugins = dir.path().display().to_string();
    let recording = std::path::Path::new(&folder).join("spot_btcusdt_20240808.gz").display().to_string();
    let once = || {
        without_timing(summary(
            dir.path(),
            &["--replay", &recording, "--speed", "max", "--json", "--plugins", &plugins],
        ))
    };
    let first = once();
    assert_healthy(&first);
    assert_eq!(first["messages"]["received"], 41_249);
    assert_eq!(first, once());
}

/// Prices from another venue's public streams, fills from the embedded exchange; the other venue is a second one of these.
#[test]
fn a_paper_run_takes_its_prices_from_elsewhere_and_fills_here() {
    use std::io::BufRead;
    let mut real = std::process::Command::new(env!("CARGO_BIN_EXE_ringfence"))
        .args(["sim", "--listen", "127.0.0.1:0", "--json", "--symbols", "BTCUSDT,ETHUSDT", "--seed", "5"])
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("ringfence starts");
    let mut line = String::new();
    std::io::BufReader::new(real.stdout.take().expect("stdout")).read_line(&mut line).expect("a line");
    let ready: serde_json::Value = serde_json::from_str(&line).expect("where it is");
    let dir = common::folder_with(&["ema-cross", "market-maker"]);
    let config = format!(
        "[venue]\nkind = \"paper\"\nstream_url = {}\n\n[sim]\nbalances = {{ USDT = \"1000000\", BTC = \"10\", ETH = \"100\" }}\n",
        ready["stream"]
    );
    std::fs::write(dir.path().join("ringfence.toml"), config).expect("a configuration");
    let paper = summary(dir.path(), &["--for", "10s", "--json", "--plugins", "."]);
    let ended = real.kill().and_then(|()| real.wait());
    assert!(ended.is_ok());
    assert_eq!((&paper["mode"], &paper["venue"]), (&"paper".into(), &"paper".into()));
    assert!(plugin(&paper, "market-maker")["orders"].as_u64().expect("orders") > 0, "{paper:#}");
    assert!(paper["messages"]["received"].as_u64().expect("messages") > 0, "{paper:#}");
    assert_healthy(&paper);
    // Without that market there is none.
    let silent = run(dir.path(), &["--for", "1s", "--json", "--plugins", "."]);
    let told = String::from_utf8_lossy(&silent.stderr);
    assert!(!silent.status.success() && told.contains("can't take the market"), "{told}");
}

/// Ctrl-C cancels what is open, prints the summary and ends well.
#[test]
fn the_end_signal_closes_cleanly() {
    use std::io::{BufRead, BufReader, Read};
    let dir = common::folder_with(&["market-maker"]);
    let mut child = common::command(dir.path(), &["--json", "--plugins", "."])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("ringfence starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("stderr"));
    let mut seen = String::new();
    // The first status line comes after five seconds: by then orders are open.
    while !seen.contains("events ·") {
        let mut line = String::new();
        assert_ne!(stderr.read_line(&mut line).expect("a line"), 0, "{seen}");
        seen.push_str(&line);
    }
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    assert!(killed.success());
    let mut out = String::new();
    child.stdout.take().expect("stdout").read_to_string(&mut out).expect("output");
    drop(stderr);
    assert!(child.wait().expect("an end").success(), "{seen}");
    let summary: serde_json::Value = serde_json::from_str(&out).expect("a summary");
    assert!(plugin(&summary, "market-maker")["orders"].as_u64().expect("orders") > 0, "{summary:#}");
    assert_healthy(&summary);
}

#[test]
fn people_get_a_table() {
    let dir = common::folder_with(&["ema-cross"]);
    let output = run(dir.path(), &["--speed", "max", "--for", "5s", "--plugins", "."]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success());
    for part in ["ema-cross", "agree to the last digit", "account"] {
        assert!(text.contains(part), "{text}");
    }
}

/// A build of the JavaScript example that keeps its engine's WASI imports trades exactly like the one without.
/// The checks build it (`node sdk/js/build.mjs … --wasi`); without it there is nothing to run.
#[test]
fn languages_that_want_wasi_get_an_inert_one() {
    let built = top().join("target/virtual-wasi/rsi-reversion.wasm");
    if !built.exists() && std::env::var_os("CI").is_none() {
        eprintln!("skipped: {} was not built", built.display());
        return;
    }
    let run = |file: &std::path::Path| {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::copy(file, dir.path().join("rsi-reversion.wasm")).expect("a build");
        let mut summary =
            without_timing(summary(dir.path(), &["--speed", "max", "--for", "30s", "--json", "--plugins", "."]));
        // The builds differ in this: each has its own glue.
        summary["plugins"][0]["budgets"].as_object_mut().expect("budgets").remove("table_elements");
        summary
    };
    let with_wasi = run(&built);
    assert_healthy(&with_wasi);
    assert!(plugin(&with_wasi, "rsi-reversion")["fills"].as_u64().expect("fills") > 0, "{with_wasi:#}");
    assert_eq!(with_wasi, run(&plugins().join("rsi-reversion.wasm")));
}

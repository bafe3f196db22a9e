//! Bad input gets a clear error, and nothing else stops.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::io::Write as _;

use common::{assert_healthy, folder_with, plugin, plugins, run, summary, top};

/// Every kind of bad file beside a good one: the good one trades, each bad one is named with its reason.
#[test]
fn bad_plugin_files_are_refused_one_by_one() {
    let dir = folder_with(&["ema-cross"]);
    let good = std::fs::read(plugins().join("ema-cross.wasm")).expect("a kept build");
    let put = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).expect("a file");
    put("empty.wasm", b"");
    put("truncated.wasm", &good[..good.len() / 2]);
    put("text.wasm", b"this is no module\n");
    put("picture.wasm", b"\x89PNG\r\n\x1a\n0000000000000000");
    put("bare.wasm", b"\0asm\x01\0\0\0");
    put("future.wasm", b"\0asm\x07\0\0\0");
    put("world.wasm", b"\0asm\x0d\0\x01\0");
    put("version.wasm", &of_another_version(&good));
    put("notes.txt", b"not looked at");
    for args in [&["--speed", "max", "--for", "5s"][..], &["--for", "6s"][..]] {
        let summary = summary(dir.path(), &[args, &["--json", "--plugins", "."]].concat());
        assert!(plugin(&summary, "ema-cross")["events"].as_u64().expect("events") > 0, "{summary:#}");
        assert_healthy(&summary);
        let refused = summary["refused"].as_array().expect("refused");
        let mut names: Vec<_> = refused.iter().map(|refused| refused["file"].as_str().expect("a name")).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "bare.wasm",
                "empty.wasm",
                "future.wasm",
                "picture.wasm",
                "text.wasm",
                "truncated.wasm",
                "version.wasm",
                "world.wasm"
            ],
            "{summary:#}"
        );
        for refused in refused {
            let reason = refused["reason"].as_str().expect("a reason");
            assert!(reason.len() > 20, "{refused}");
            let code = match refused["file"].as_str() {
                Some("empty.wasm") => "empty",
                Some("text.wasm" | "picture.wasm") => "not-wasm",
                Some("bare.wasm") => "no-contract",
                Some("version.wasm") => "version",
                Some("world.wasm") => "wrong-world",
                _ => "broken",
            };
            assert_eq!(refused["code"], code, "{refused}");
            match refused["file"].as_str() {
                Some("version.wasm") => assert!(reason.contains("0.9.0") && reason.contains("0.1.0"), "{refused}"),
                Some("world.wasm") => assert!(reason.contains("ringfence:strategy/handler"), "{refused}"),
                _ => {}
            }
        }
    }
}

/// The same file, as if it were made for another version of the contract.
fn of_another_version(good: &[u8]) -> Vec<u8> {
    let mut bytes = good.to_vec();
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(6).position(|window| window == b"@0.1.0") {
        bytes[at + found..at + found + 6].copy_from_slice(b"@0.9.0");
        at += found + 6;
    }
    assert!(at > 0, "it names the contract's version");
    bytes
}

/// A folder without plugins is no error: one may come.
#[test]
fn an_empty_folder_is_told() {
    let dir = tempfile::tempdir().expect("a folder");
    let output = run(dir.path(), &["--for", "1s", "--plugins", "."]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("no plugins in .: copy a .wasm file there"), "{text}");
}

#[test]
fn an_unreadable_folder_is_named() {
    let dir = tempfile::tempdir().expect("a folder");
    for args in [&["--speed", "max"][..], &["--for", "1s"][..]] {
        let output = run(dir.path(), &[args, &["--plugins", "no-such-folder"]].concat());
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains("no-such-folder") && text.contains("--plugins"), "{text}");
        assert_eq!(text.matches("No such file").count(), 1, "{text}");
    }
}

#[test]
fn every_mistake_of_the_configuration_is_told_at_once() {
    let dir = folder_with(&["ema-cross"]);
    std::fs::write(dir.path().join("ringfence.toml"), "[venue]\nsymbol = []\n[sim]\nseed = \"x\"\n[plugin]\n")
        .expect("a file");
    let output = run(dir.path(), &["--plugins", "."]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    for part in ["ringfence.toml:2: ", "`symbols`", "ringfence.toml:4: ", "ringfence.toml:5: ", "`plugins`"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn unknown_symbols_are_named() {
    let dir = folder_with(&["ema-cross"]);
    std::fs::write(dir.path().join("a.toml"), "[venue]\nsymbols = [\"NOSUCHUSDT\"]\n").expect("a file");
    for args in [&["--speed", "max"][..], &["--for", "1s"][..]] {
        let output = run(dir.path(), &[args, &["--plugins", ".", "--config", "a.toml"]].concat());
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains("NOSUCHUSDT"), "{text}");
    }
    // A plugin that wishes for what isn't there is refused, the others go on.
    let dir = folder_with(&["ema-cross", "rsi-reversion"]);
    std::fs::write(dir.path().join("b.toml"), "[venue]\nsymbols = [\"BTCUSDT\"]\n").expect("a file");
    let summary =
        summary(dir.path(), &["--speed", "max", "--for", "5s", "--json", "--plugins", ".", "--config", "b.toml"]);
    assert_healthy(&summary);
    assert_eq!(summary["refused"][0]["file"], "rsi-reversion.wasm");
    assert!(summary["refused"][0]["reason"].as_str().expect("a reason").contains("ETHUSDT"), "{summary:#}");
}

#[test]
fn wrong_parameters_are_named() {
    let dir = folder_with(&["ema-cross", "market-maker"]);
    std::fs::write(dir.path().join("ringfence.toml"), "[plugins.ema-cross.parameters]\nfats = 5\nfast = \"x\"\n")
        .expect("a file");
    let summary = summary(dir.path(), &["--speed", "max", "--for", "5s", "--json", "--plugins", "."]);
    let reason = summary["refused"][0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("`fats`") && reason.contains("`fast`"), "{reason}");
    plugin(&summary, "market-maker");
}

/// Broken lines of a recording are skipped, counted, and told with their number.
#[test]
fn broken_lines_of_a_recording_are_counted() {
    let dir = folder_with(&["ema-cross"]);
    let cut = top().join("tests/fixtures/recordings/spot_btcusdt_cut.gz");
    let mut text = Vec::new();
    let unpacked = std::process::Command::new("gzip").arg("-dc").arg(&cut).output().expect("gzip");
    assert!(unpacked.status.success());
    let lines: Vec<&[u8]> = unpacked.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    for (index, line) in lines.iter().enumerate() {
        if index == 10 {
            text.extend_from_slice(b"1723161254036059768 {\"stream\":\"btcusdt@trade\",\"data\":{\"e\":\n");
        }
        if index == 20 {
            text.extend_from_slice(b"no time at all\n");
        }
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    let file = dir.path().join("broken.txt");
    std::fs::File::create(&file).and_then(|mut file| file.write_all(&text)).expect("a file");
    let summary = summary(dir.path(), &["--replay", "broken.txt", "--speed", "max", "--json", "--plugins", "."]);
    assert_eq!(summary["messages"]["unparsed"], 2, "{summary:#}");
    assert_eq!(summary["messages"]["received"], lines.len() + 2, "{summary:#}");
    let problems = summary["problems"].to_string();
    assert!(problems.contains("line 11") && problems.contains("line 22"), "{problems}");
    let output = run(dir.path(), &["--replay", "none.gz", "--speed", "max", "--plugins", "."]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("none.gz"));
}

/// A file of Binance's archive is played by `sim`; `run` says so at once, in real and in virtual time.
#[test]
fn an_archive_is_no_recording_to_run() {
    let dir = folder_with(&["ema-cross"]);
    let name = "BTCUSDT-aggTrades-2024-03-01.csv";
    std::fs::write(dir.path().join(name), "1,61000.1,0.5,1,1,1709251200000,true,true\n").expect("a file");
    for speed in ["max", "10"] {
        let output = run(dir.path(), &["--replay", name, "--speed", speed, "--plugins", "."]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(name) && said.contains("ringfence sim --replay"), "{said}");
    }
}

/// A mistyped table would leave its plugin with the defaults without a word.
#[test]
fn a_table_of_no_plugin_is_told() {
    let dir = folder_with(&["ema-cross"]);
    std::fs::write(dir.path().join("ringfence.toml"), "[plugins.ema-cros]\non_fault = \"keep\"\n").expect("a file");
    for args in [&["--speed", "max"][..], &[]] {
        let output = run(dir.path(), &[args, &["--for", "2s", "--plugins", "."]].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("[plugins.ema-cros]") && said.contains("did you mean [plugins.ema-cross]?"), "{said}");
    }
}

#[test]
fn wrong_usage_has_its_own_code() {
    let dir = tempfile::tempdir().expect("a folder");
    for args in [&["--for", "soon"][..], &["--speed", "0"], &["--speed", "10"], &["--colour"]] {
        assert_eq!(run(dir.path(), args).status.code(), Some(2), "{args:?}");
    }
}

//! Files at the front door: what is checked, told, signed and pinned, with the real compiler
//! in a process of its own.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::path::Path;

use common::{folder_with, plugins};
use serde_json::Value;

fn run(dir: &Path, args: &[&str]) -> std::process::Output {
    std::process::Command::new(env!("CARGO_BIN_EXE_ringfence"))
        .args(args)
        .current_dir(dir)
        .output()
        .expect("ringfence starts")
}

fn json(dir: &Path, args: &[&str]) -> (Value, Option<i32>) {
    let output = run(dir, args);
    let text = String::from_utf8_lossy(&output.stdout);
    let value = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{error}: {text}\n{}", String::from_utf8_lossy(&output.stderr)));
    (value, output.status.code())
}

#[test]
fn a_good_file_passes_every_step() {
    let dir = folder_with(&["ema-cross"]);
    let (report, code) = json(dir.path(), &["check", "ema-cross.wasm", "--json"]);
    assert_eq!((report["verdict"].as_str(), code), (Some("taken"), Some(0)), "{report:#}");
    let steps: Vec<_> = report["steps"].as_array().unwrap().iter().map(|step| step["name"].as_str().unwrap()).collect();
    assert_eq!(steps, ["file", "signature", "scan", "compile", "contract", "describe", "probe"]);
    let scan = &report["steps"][2]["findings"];
    assert!(
        scan.as_array().unwrap().iter().all(|found| found["value"].as_u64() <= found["limit"].as_u64()),
        "{scan:#}"
    );
    assert_eq!(report["grant"]["problems"], serde_json::json!([]));
    let output = run(dir.path(), &["check", "ema-cross.wasm"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("functions") && text.contains("of 100000") && !text.contains("REFUSED"), "{text}");
}

/// Whoever reads no further than the first lines is no error.
#[test]
fn a_reader_that_has_gone_ends_the_output() {
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_ringfence"))
        .arg("budgets")
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("ringfence starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("an end");
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(141), &b""[..]));
}

#[test]
fn each_refusal_has_its_step_and_code() {
    let dir = folder_with(&["ema-cross"]);
    let at = |name: &str| dir.path().join(name);
    let good = std::fs::read(at("ema-cross.wasm")).unwrap();
    std::fs::write(at("half.wasm"), &good[..good.len() / 2]).unwrap();
    std::fs::write(at("odd name.wasm"), &good).unwrap();
    let crash = common::top().join("host/sandbox/tests/fixtures/contract-cycle.wasm");
    std::fs::copy(crash, at("crash.wasm")).unwrap();
    std::os::unix::fs::symlink(at("ema-cross.wasm"), at("link.wasm")).unwrap();
    for (file, step, refusal) in [
        ("half.wasm", "scan", "broken"),
        ("odd name.wasm", "file", "name"),
        ("link.wasm", "file", "not-a-file"),
        ("none.wasm", "file", "unreadable"),
        ("crash.wasm", "compile", "compiler"),
    ] {
        let (report, code) = json(dir.path(), &["check", file, "--json"]);
        assert_eq!(code, Some(1), "{report:#}");
        assert_eq!(report["refusal"]["code"], refusal, "{report:#}");
        let last = report["steps"].as_array().unwrap().last().unwrap();
        assert_eq!(last["name"], step, "{report:#}");
        assert!(report["refusal"]["message"].as_str().unwrap().len() > 20);
    }
    // The same at a run: links are not followed, odd names not taken, and the good one trades.
    let (summary, code) = json(dir.path(), &["run", "--speed", "max", "--for", "2s", "--json", "--plugins", "."]);
    assert_eq!(code, Some(0));
    let mut refused: Vec<_> =
        summary["refused"].as_array().unwrap().iter().map(|one| one["file"].as_str().unwrap()).collect();
    refused.sort_unstable();
    assert_eq!(refused, ["crash.wasm", "half.wasm", "link.wasm", "odd name.wasm"], "{summary:#}");
    assert!(run(dir.path(), &["check"]).status.code() == Some(2));
}

#[test]
fn the_sheet_says_what_a_plugin_is() {
    let dir = folder_with(&["market-maker", "rsi-reversion"]);
    let (sheet, code) = json(dir.path(), &["inspect", "market-maker.wasm", "--json"]);
    assert_eq!(code, Some(0));
    assert_eq!(sheet["language"], "rust", "{sheet:#}");
    assert_eq!(sheet["orders"]["submits"], true, "{sheet:#}");
    assert_eq!(sheet["wasi"], serde_json::json!([]), "{sheet:#}");
    assert!(!sheet["wishes"].as_array().unwrap().is_empty(), "{sheet:#}");
    let parameter = &sheet["parameters"][0];
    assert!(parameter["name"].is_string() && !parameter["range"].is_null(), "{sheet:#}");
    assert!(sheet["memory_bytes"].as_u64().unwrap() > 0, "{sheet:#}");
    assert_eq!(sheet["sha256"].as_str().unwrap().len(), 64);
    let output = run(dir.path(), &["inspect", "rsi-reversion.wasm"]);
    let text = String::from_utf8_lossy(&output.stdout);
    for part in ["javascript", "wishes for", "ETHUSDT", "parameter", "imports"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

/// Keys, a signature, a pin; a signature that doesn't fit is refused whatever the policy is.
#[test]
fn signatures_and_pins_bind_a_grant() {
    let dir = folder_with(&["ema-cross"]);
    let at = |name: &str| dir.path().join(name);
    let config = |text: &str| std::fs::write(at("ringfence.toml"), text).unwrap();
    let check = || {
        let (report, code) = json(dir.path(), &["check", "ema-cross.wasm", "--json"]);
        (report["refusal"]["code"].as_str().unwrap_or("none").to_owned(), code, report)
    };
    let (made, code) = json(dir.path(), &["sign", "ema-cross.wasm", "--generate", "--key", "alice.key", "--json"]);
    assert_eq!(code, Some(0), "{made:#}");
    let alice = made["public_key"].as_str().unwrap().to_owned();
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(at("alice.key")).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600, "a secret key is its owner's alone");
    // A key is never written over.
    assert_eq!(run(dir.path(), &["sign", "--generate", "--key", "alice.key"]).status.code(), Some(1));

    let keys = format!("[signing]\npolicy = \"require\"\nkeys = {{ alice = \"{alice}\" }}\n");
    config(&keys);
    let (refusal, code, report) = check();
    assert_eq!((refusal.as_str(), code), ("none", Some(0)), "{report:#}");
    assert!(report.to_string().contains("\"alice\""), "{report:#}");
    config(&format!("{keys}[plugins.ema-cross]\nkey = \"alice\""));
    assert_eq!(check().0, "none");
    config(&format!("{keys}[plugins.ema-cross]\nsha256 = \"{}\"", "0".repeat(64)));
    assert_eq!(check().0, "pinned");

    // One byte more, and the signature is bad, even where none is asked for.
    let good = std::fs::read(at("ema-cross.wasm")).unwrap();
    std::fs::write(at("ema-cross.wasm"), [&good[..], b"\0\x05\x04note"].concat()).unwrap();
    config(&keys.replace("require", "off"));
    assert_eq!(check().0, "bad-signature");
    std::fs::write(at("ema-cross.wasm"), &good).unwrap();
    assert_eq!(check().0, "none");

    // Somebody else's signature, or none.
    std::fs::remove_file(at("ema-cross.wasm.minisig")).unwrap();
    config(&keys);
    assert_eq!(check().0, "unsigned");
    let (made, _) = json(dir.path(), &["sign", "ema-cross.wasm", "--generate", "--key", "bob.key", "--json"]);
    assert_eq!(check().0, "unknown-signer");
    let bob = made["public_key"].as_str().unwrap();
    config(&format!(
        "[signing]\nkeys = {{ alice = \"{alice}\", bob = \"{bob}\" }}\n[plugins.ema-cross]\nkey = \"alice\""
    ));
    assert_eq!(check().0, "pinned");
    config(&keys.replace("require", "warn"));
    assert_eq!(check().0, "none");
    std::fs::write(at("ema-cross.wasm.minisig"), "no signature").unwrap();
    assert_eq!(check().0, "bad-signature");
}

/// Builds with a runtime's own WASI: inert interfaces are answered, anything more is refused by
/// name. The checks build them; without them there is nothing to look at.
#[test]
fn a_runtime_that_wants_more_than_the_inert_wasi_is_refused_by_name() {
    let built = common::top().join("target/virtual-wasi");
    for (file, verdict) in [("rsi-reversion.wasm", "taken"), ("breakout.wasm", "refused")] {
        if !built.join(file).exists() {
            eprintln!("skipped: {file} was not built");
            continue;
        }
        let dir = tempfile::tempdir().unwrap();
        std::fs::copy(built.join(file), dir.path().join(file)).unwrap();
        let (report, _) = json(dir.path(), &["check", file, "--json"]);
        assert_eq!(report["verdict"], verdict, "{report:#}");
        if verdict == "refused" {
            assert_eq!(report["refusal"]["code"], "import");
            let message = report["refusal"]["message"].as_str().unwrap();
            assert!(message.contains("wasi:sockets/") || message.contains("wasi:http/"), "{message}");
        }
    }
    let stubbed = plugins().join("breakout.wasm");
    if stubbed.exists() {
        let dir = folder_with(&["breakout"]);
        let (report, code) = json(dir.path(), &["check", "breakout.wasm", "--json"]);
        assert_eq!(code, Some(0), "{report:#}");
    }
}

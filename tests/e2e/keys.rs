//! `ringfence keys` as a script uses it: what goes in comes out as a name, and never as a secret.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const SECRET: &str = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";
const API_KEY: &str = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A";
const PASSPHRASE: &str = "correct horse battery";

fn keys(dir: &Path, args: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_ringfence"))
        .arg("keys")
        .args(args)
        .args(["--store", "keys.json"])
        .env("THE_SECRET", SECRET)
        .env("THE_PASSPHRASE", PASSPHRASE)
        .env_remove("RINGFENCE_PASSPHRASE")
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .expect("ringfence starts");
    let shown = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    for hidden in [SECRET, PASSPHRASE, API_KEY] {
        assert!(!shown.contains(hidden), "{shown}");
    }
    output
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

const FROM_ENV: [&str; 2] = ["--passphrase-env", "THE_PASSPHRASE"];

#[test]
fn keys_are_added_listed_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    let add = ["add", "main", "--api-key", API_KEY, "--secret-env", "THE_SECRET", "--json"];
    let output = keys(dir.path(), &[&add[..], &FROM_ENV].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["added"]["kind"], "HMAC-SHA-256");
    // An Ed25519 key from a file, whose kind is recognised.
    let pem = Path::new(env!("CARGO_MANIFEST_DIR")).join("../binance/tests/fixtures/keys/ed25519.pem");
    let file = dir.path().join("key.pem");
    std::fs::copy(pem, &file).unwrap();
    let add = ["add", "ed", "--api-key", API_KEY, "--secret-file", "key.pem"];
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let output = keys(dir.path(), &[&add[..], &FROM_ENV].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("chmod 600"), "{}", text(&output));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let output = keys(dir.path(), &[&add[..], &FROM_ENV].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let output = keys(dir.path(), &[&["list"][..], &FROM_ENV].concat());
    assert!(text(&output).contains("Ed25519") && text(&output).contains("main"), "{}", text(&output));

    let mode = std::fs::metadata(dir.path().join("keys.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let stored = std::fs::read_to_string(dir.path().join("keys.json")).unwrap();
    assert!(!stored.contains(SECRET) && !stored.contains("main"), "{stored}");

    let output = keys(dir.path(), &[&["remove", "main"][..], &FROM_ENV].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let output = keys(dir.path(), &[&["remove", "main"][..], &FROM_ENV].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("there is no key main; the store has ed"), "{}", text(&output));
}

#[test]
fn mistakes_are_told() {
    let dir = tempfile::tempdir().unwrap();
    // Nobody is there to be asked.
    let output = keys(dir.path(), &["add", "main", "--api-key", API_KEY, "--secret-env", "THE_SECRET"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("RINGFENCE_PASSPHRASE"), "{}", text(&output));
    let output = keys(dir.path(), &[&["add", "main", "--api-key", API_KEY][..], &FROM_ENV].concat());
    assert!(text(&output).contains("--secret-file FILE"), "{}", text(&output));
    // A secret has no place on the command line.
    let output = keys(dir.path(), &["add", "main", "--secret", "x"]);
    assert_eq!(output.status.code(), Some(2));
    let add = ["add", "main", "--api-key", API_KEY, "--secret-env", "THE_SECRET"];
    keys(dir.path(), &[&add[..], &FROM_ENV].concat());
    let file = dir.path().join("passphrase");
    std::fs::write(&file, "another one\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let output = keys(dir.path(), &["list", "--passphrase-file", "passphrase"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("the passphrase is wrong"), "{}", text(&output));
}

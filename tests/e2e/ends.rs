//! However a run is left, its open orders are cancelled first.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use common::{assert_healthy, command, folder_with};

/// A run of the market maker with both outputs caught, after its first line.
fn started(dir: &std::path::Path, length: &str) -> (Child, BufReader<std::process::ChildStderr>) {
    let folder = dir.display().to_string();
    let mut child = command(dir, &["--for", length, "--json", "--plugins", &folder])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    lines.read_line(&mut String::new()).unwrap();
    (child, lines)
}

#[test]
fn a_closed_terminal_ends_the_run_in_good_order() {
    let dir = folder_with(&["market-maker"]);
    let (mut child, mut lines) = started(dir.path(), "10m");
    let mut line = String::new();
    // A fill: the maker has quotes on the book.
    while !line.contains("Info: ") {
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0, "it trades");
    }
    let sent = Command::new("kill").args(["-HUP", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    assert!(child.wait().unwrap().success(), "{rest}");
    assert_healthy(&serde_json::from_str(&out).unwrap());
}

#[test]
fn nobody_reads_standard_error_any_more_and_the_run_goes_on() {
    let dir = folder_with(&["market-maker"]);
    let (mut child, lines) = started(dir.path(), "3s");
    drop(lines);
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    assert!(child.wait().unwrap().success());
    assert_healthy(&serde_json::from_str(&out).unwrap());
}

#[test]
fn a_summary_that_nobody_reads_is_an_error_and_no_panic() {
    let dir = folder_with(&["market-maker"]);
    let (mut child, mut lines) = started(dir.path(), "1s");
    drop(child.stdout.take());
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{rest}");
    assert!(rest.contains("can't print the summary") && !rest.contains("panicked"), "{rest}");
}

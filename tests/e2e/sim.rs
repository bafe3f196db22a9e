//! `ringfence sim`: one line when it is ready, then a venue for anybody.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

fn sim(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringfence"));
    command.arg("sim").args(args).stdin(Stdio::null());
    command
}

/// Starts it and reads its first line.
fn ready(args: &[&str]) -> (Child, Value) {
    let mut child = sim(args).stdout(Stdio::piped()).spawn().expect("ringfence starts");
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().expect("stdout")).read_line(&mut line).expect("a line");
    let ready = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
    (child, ready)
}

fn get(rest: &str, path: &str) -> String {
    let address = rest.strip_prefix("http://").expect("plain HTTP");
    let mut stream = TcpStream::connect(address).expect("a connection");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn it_says_where_it_is_and_ends_well_when_told() {
    let (mut child, ready) = ready(&["--listen", "127.0.0.1:0", "--json", "--account", "k:s"]);
    let keys: Vec<_> = ready.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["api_key", "rest", "secret_key", "stream", "ws_api"]);
    assert_eq!((&ready["api_key"], &ready["secret_key"]), (&Value::from("k"), &Value::from("s")));
    assert!(ready["stream"].as_str().unwrap().starts_with("ws://127.0.0.1:"));
    assert!(ready["ws_api"].as_str().unwrap().ends_with("/ws-api/v3"));
    let answer = get(ready["rest"].as_str().unwrap(), "/api/v3/ping");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("{}"), "{answer}");
    let killed = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill");
    assert!(killed.success());
    assert!(child.wait().expect("an end").success());
}

#[test]
fn people_learn_how_to_use_it() {
    let output = sim(&["--listen", "127.0.0.1:0", "--for", "1ms"]).output().expect("ringfence starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success());
    for part in ["REST", "http://127.0.0.1:", "API key", "curl"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn wrong_usage_is_told_and_is_exit_code_two() {
    for (args, named) in [
        (&["--listen", "0.0.0.0:0"][..], "--listen-publicly"),
        (&["--listen", "nowhere"], "--listen"),
        (&["--symbols", "NOPEUSDT"], "NOPEUSDT"),
        (&["--limit", "speed=1"], "speed"),
        (&["--account", "nocolon"], "KEY:SECRET"),
    ] {
        let output = sim(args).output().expect("ringfence starts");
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(named), "{text}");
        assert!(output.stdout.is_empty());
    }
}

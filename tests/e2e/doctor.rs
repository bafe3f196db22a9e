//! `ringfence doctor` against the embedded exchange, against one on loopback with keys of each
//! way, and against a venue that isn't there.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use ringfence_exchange::server::{self, Market};
use ringfence_exchange::{AccountConfig, Exchange, ExchangeConfig};
use ringfence_model::Timestamp;
use serde_json::Value;

const KEY: &str = "doctors-key";
const SECRET: &str = "doctors-secret-that-nobody-sees";

async fn doctor(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringfence"));
    command
        .arg("doctor")
        .args(args)
        .env("BINANCE_API_KEY", KEY)
        .env("BINANCE_API_SECRET", SECRET)
        .env("XDG_STATE_HOME", dir)
        .env("XDG_CONFIG_HOME", dir)
        .current_dir(dir)
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().expect("ringfence starts");
    let shown = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!shown.contains(SECRET), "{shown}");
    output
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

fn verdict<'a>(report: &'a Value, check: &str) -> &'a str {
    let found = report["checks"].as_array().unwrap().iter().find(|found| found["check"] == check);
    found.unwrap_or_else(|| panic!("no {check} in {report:#}"))["verdict"].as_str().unwrap()
}

const ALL: [&str; 8] =
    ["connection", "clock", "symbols", "limits", "key", "permissions", "market stream", "user stream"];

#[tokio::test]
async fn the_embedded_exchange_is_healthy() {
    let dir = tempfile::tempdir().unwrap();
    let output = doctor(dir.path(), &["--json"]).await;
    let report = report(&output);
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    assert_eq!(report["healthy"], true);
    for check in ALL {
        assert_eq!(verdict(&report, check), "ok", "{report:#}");
    }
    assert!(report["limits"].as_array().unwrap().len() >= 4, "{report:#}");
    let output = doctor(dir.path(), &[]).await;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("A run would work.") && text.contains("market stream"), "{text}");
}

async fn exchange() -> (server::ServerHandle, String) {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let account = AccountConfig { api_key: KEY.to_owned(), secret: SECRET.to_owned(), ..AccountConfig::default() };
    let exchange = Exchange::new(ExchangeConfig {
        accounts: vec![account],
        start: Timestamp(u64::try_from(since.as_micros()).unwrap()),
        ..ExchangeConfig::default()
    });
    let handle = server::start(exchange.unwrap(), Market::Generator, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let handle = handle.await.unwrap();
    let config = format!(
        "[venue]\nkind = \"binance-testnet\"\nrest_url = \"{}\"\nstream_url = \"{}\"\nws_api_url = \"{}\"\n",
        handle.rest_url, handle.stream_url, handle.ws_api_url
    );
    (handle, config)
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_judged() {
    let dir = tempfile::tempdir().unwrap();
    let (handle, config) = exchange().await;
    let file = dir.path().join("ringfence.toml");
    std::fs::write(&file, &config).unwrap();
    let output = doctor(dir.path(), &["--json"]).await;
    let good = report(&output);
    assert_eq!(output.status.code(), Some(0), "{good:#}");
    assert_eq!(good["key_kind"], "HMAC-SHA-256");
    // What it has cost outlives it.
    let states: Vec<_> = std::fs::read_dir(dir.path().join("ringfence")).unwrap().collect();
    assert_eq!(states.len(), 1, "{states:?}");

    // A secret of another key: the market works, the key does not.
    let wrong = dir.path().join("wrong");
    std::fs::write(&wrong, "not-the-secret").unwrap();
    std::fs::set_permissions(&wrong, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&file, format!("{config}secret_file = \"wrong\"\n")).unwrap();
    let output = doctor(dir.path(), &["--json"]).await;
    let bad = report(&output);
    assert_eq!(output.status.code(), Some(1), "{bad:#}");
    assert_eq!((verdict(&bad, "key"), verdict(&bad, "market stream")), ("failed", "ok"), "{bad:#}");
    let text = bad.to_string();
    assert!(text.contains("the secret does not belong to this API key"), "{text}");
    assert!(!text.contains("not-the-secret"), "{text}");

    // A symbol that is not listed.
    std::fs::write(&file, format!("{config}symbols = [\"NOSUCH\"]\n")).unwrap();
    let output = doctor(dir.path(), &["--json"]).await;
    let bad = report(&output);
    assert_eq!((output.status.code(), verdict(&bad, "symbols")), (Some(1), "failed"), "{bad:#}");
    handle.stop().await;

    // Nobody is there any more.
    std::fs::write(&file, &config).unwrap();
    let output = doctor(dir.path(), &["--json"]).await;
    let gone = report(&output);
    assert_eq!(output.status.code(), Some(1), "{gone:#}");
    assert_eq!((verdict(&gone, "connection"), verdict(&gone, "clock")), ("failed", "skipped"), "{gone:#}");
    let output = doctor(dir.path(), &[]).await;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("FAILED") && text.contains("A run would not work"), "{text}");
    // A mistake in the command line is another matter.
    assert_eq!(doctor(dir.path(), &["--venue", "moon"]).await.status.code(), Some(2));
}

//! `ringfence doctor` against the embedded exchange, against one on loopback with keys of each
//! way, and against a venue that isn't there.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use ringfence_exchange::keys::{ApiKey, Rights, Verifier};
use ringfence_exchange::server::{self, Market};
use ringfence_exchange::{AccountConfig, Exchange, ExchangeConfig};
use ringfence_model::Timestamp;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const KEY: &str = "doctors-key";
const SECRET: &str = "doctors-secret-that-nobody-sees";
const ED25519_KEY: &str = "doctors-ed25519-key";

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

/// An exchange on loopback whose clock is so far ahead of this machine's, with an HMAC and an Ed25519 key; and the
/// configuration that leads there.
async fn exchange_ahead(ahead: Duration) -> (server::ServerHandle, String) {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap() + ahead;
    let ed25519 = ApiKey {
        api_key: ED25519_KEY.to_owned(),
        verifier: Verifier::public(&key_file("ed25519-public.pem")).unwrap(),
        rights: Rights::ALL,
        addresses: Vec::new(),
    };
    let account = AccountConfig {
        api_key: KEY.to_owned(),
        secret: SECRET.to_owned(),
        keys: vec![ed25519],
        ..AccountConfig::default()
    };
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

async fn exchange() -> (server::ServerHandle, String) {
    exchange_ahead(Duration::ZERO).await
}

fn key_file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../binance/tests/fixtures/keys").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn says<'a>(report: &'a Value, check: &str) -> Vec<&'a str> {
    let checks = report["checks"].as_array().unwrap().iter().filter(|found| found["check"] == check);
    checks.map(|found| found["says"].as_str().unwrap()).collect()
}

/// The live venue's wallet service in front of a simulated exchange, which has none: tells these permissions, and
/// hands on everything else.
async fn wallet(rest_url: &str, permissions: &'static str) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let behind = rest_url.strip_prefix("http://").unwrap().to_owned();
    let task = tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let behind = behind.clone();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    if !matches!(client.read_buf(&mut head).await, Ok(1..)) {
                        return;
                    }
                }
                let text = String::from_utf8(head).unwrap();
                let answer = if text.starts_with("GET /sapi/v1/account/apiRestrictions?") {
                    format!(
                        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{permissions}",
                        permissions.len()
                    )
                    .into_bytes()
                } else {
                    let mut server = TcpStream::connect(&behind).await.unwrap();
                    let once = text.replacen("\r\n", "\r\nconnection: close\r\n", 1);
                    server.write_all(once.as_bytes()).await.unwrap();
                    let mut answer = Vec::new();
                    server.read_to_end(&mut answer).await.unwrap();
                    answer
                };
                // The client may have gone.
                drop(client.write_all(&answer).await);
                drop(client.shutdown().await);
            });
        }
    });
    (url, task)
}

/// A key that may take the money away works, and is told in capitals, in words and in JSON.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_may_withdraw_is_told_loudly() {
    const MAY_WITHDRAW: &str = r#"{"ipRestrict":false,"createTime":1623840271000,"enableReading":true,
        "enableWithdrawals":true,"enableInternalTransfer":true,"permitsUniversalTransfer":false,"enableMargin":false,
        "enableFutures":false,"enableVanillaOptions":false,"enableSpotAndMarginTrading":true}"#;
    const MAY_NOT_TRADE: &str = r#"{"ipRestrict":true,"enableReading":true,"enableWithdrawals":false,
        "enableInternalTransfer":false,"permitsUniversalTransfer":false,"enableSpotAndMarginTrading":false}"#;
    const SOUND: &str = r#"{"ipRestrict":true,"enableReading":true,"enableWithdrawals":false,
        "enableInternalTransfer":false,"permitsUniversalTransfer":false,"enableSpotAndMarginTrading":true}"#;
    let dir = tempfile::tempdir().unwrap();
    let (handle, config) = exchange().await;
    let file = dir.path().join("ringfence.toml");
    let mut tasks = Vec::new();
    for (permissions, code, worst) in [(MAY_WITHDRAW, 0, "warning"), (MAY_NOT_TRADE, 1, "failed"), (SOUND, 0, "ok")] {
        let (url, task) = wallet(&handle.rest_url, permissions).await;
        tasks.push(task);
        let live = config.replace(&handle.rest_url, &url).replace("binance-testnet", "binance");
        std::fs::write(&file, live).unwrap();
        let output = doctor(dir.path(), &["--json"]).await;
        let report = report(&output);
        assert_eq!(output.status.code(), Some(code), "{report:#}");
        assert_eq!((report["venue"].as_str(), verdict(&report, "permissions")), (Some("binance"), worst), "{report:#}");
        let loud = says(&report, "permissions").iter().any(|says| says.starts_with("THIS KEY MAY WITHDRAW"));
        assert_eq!((loud, &report["permissions"]["enable_withdrawals"]), (code == 0 && worst != "ok", &loud.into()));
        let output = doctor(dir.path(), &[]).await;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!((output.status.code(), text.contains("THIS KEY MAY WITHDRAW")), (Some(code), loud), "{text}");
        assert_eq!(text.contains("switch withdrawals off for this key at the venue, now"), loud, "{text}");
    }
    // What does not say whether the key may withdraw is no "no".
    for nothing in ["{}", "<html>", r#"{"ipRestrict":true,"enableReading":true,"enableSpotAndMarginTrading":true}"#] {
        let (url, task) = wallet(&handle.rest_url, nothing).await;
        tasks.push(task);
        std::fs::write(&file, config.replace(&handle.rest_url, &url).replace("binance-testnet", "binance")).unwrap();
        let output = doctor(dir.path(), &["--json"]).await;
        let report = report(&output);
        assert_eq!((output.status.code(), verdict(&report, "permissions")), (Some(0), "warning"), "{nothing}");
    }
    tasks.iter().for_each(JoinHandle::abort);
    handle.stop().await;
}

/// Each kind of venue by its own words, under a clock that is half a minute wrong; an Ed25519 key logs on to the session
/// of the user stream.
#[tokio::test(flavor = "multi_thread")]
async fn every_venue_is_looked_at_and_a_wrong_clock_works() {
    let dir = tempfile::tempdir().unwrap();
    let (handle, config) = exchange_ahead(Duration::from_secs(30)).await;
    let file = dir.path().join("ringfence.toml");
    std::fs::write(dir.path().join("private.pem"), key_file("ed25519.pem")).unwrap();
    std::fs::set_permissions(dir.path().join("private.pem"), std::fs::Permissions::from_mode(0o600)).unwrap();
    for (kind, more) in [
        ("binance", ""),
        ("binance-demo", ""),
        ("binance-testnet", "api_key = \"doctors-ed25519-key\"\nsecret_file = \"private.pem\"\n"),
    ] {
        // The addresses are those of the exchange on loopback.
        std::fs::write(&file, format!("{}{more}", config.replace("binance-testnet", kind))).unwrap();
        let output = doctor(dir.path(), &["--json"]).await;
        let report = report(&output);
        assert_eq!((output.status.code(), report["venue"].as_str()), (Some(0), Some(kind)), "{report:#}");
        for check in ALL {
            // The exchange has no wallet service, which the live venue has: that nobody tells is no good sign there.
            let silent = check == "permissions" && kind == "binance";
            let expected = if check == "clock" || silent { "warning" } else { "ok" };
            assert_eq!(verdict(&report, check), expected, "{kind}: {report:#}");
        }
        let offset = report["clock_offset_ms"].as_i64().unwrap();
        assert!((29_000..31_000).contains(&offset), "{offset}");
        assert!(says(&report, "clock")[0].contains("behind the venue's"), "{report:#}");
        assert_eq!(report["key_kind"], if more.is_empty() { "HMAC-SHA-256" } else { "Ed25519" });
    }
    handle.stop().await;
    // The embedded one needs neither addresses nor keys, whatever stands there.
    let output = doctor(dir.path(), &["--json", "--venue", "sim"]).await;
    let report = report(&output);
    assert_eq!((output.status.code(), report["venue"].as_str()), (Some(0), Some("sim")), "{report:#}");
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

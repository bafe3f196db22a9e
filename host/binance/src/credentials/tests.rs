//! Signatures against the documented ones and against OpenSSL's; what may be shown of keys.

#![allow(clippy::unwrap_used)]

use super::*;
use serde_json::Value;

fn fixture(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/keys").join(name);
    std::fs::read_to_string(path).unwrap()
}

/// The worked examples of Binance's documents whose secret they give: REST and WebSocket API,
/// plain and with letters beyond ASCII.
#[test]
fn the_documented_signatures() {
    let key = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A";
    let credentials =
        Credentials::recognise(key, "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j\n").unwrap();
    assert_eq!(credentials.kind(), KeyKind::Hmac);
    for (payload, signature) in [
        (
            "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559".to_owned(),
            "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
        ),
        (
            "symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559".to_owned(),
            "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
        ),
        (
            format!("apiKey={key}&price=52000.00&quantity=0.01000000&recvWindow=100&side=SELL&symbol=BTCUSDT&timeInForce=GTC&timestamp=1645423376532&type=LIMIT"),
            "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24",
        ),
        (
            format!("apiKey={key}&price=0.10000000&quantity=1.00000000&recvWindow=5000&side=BUY&symbol=１２３４５６&timeInForce=GTC&timestamp=1645423376532&type=LIMIT"),
            "b33892ae8e687c939f4468c6268ddd4c40ac1af18ad19a064864c47bae0752cd",
        ),
    ] {
        assert_eq!(credentials.sign(&payload), signature);
        let mut text = payload.clone();
        credentials.sign_into(&mut text, 0);
        assert_eq!(text, format!("{payload}&signature={signature}"));
    }
}

/// Each example request of the WebSocket API's document that is signed with the documented secret; with what the rest
/// was signed the document does not say, or a placeholder stands there.
#[test]
fn the_documented_requests_of_the_websocket_api() {
    let credentials =
        Credentials::recognise("k", "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j").unwrap();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/binance/ws-api");
    let (mut right, mut others) = (Vec::new(), 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let request: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let Some(signature) = request["params"]["signature"].as_str() else { continue };
        // Sorted by name, as the map is.
        let params = request["params"].as_object().unwrap().iter().filter(|(name, _)| *name != "signature");
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let mut pairs: Vec<_> = params.map(|(name, value)| format!("{name}={}", text(value))).collect();
        pairs.sort();
        if credentials.sign(&pairs.join("&")) == signature {
            right.push(path.file_stem().unwrap().to_string_lossy().into_owned());
        } else {
            others += 1;
        }
    }
    right.sort();
    let expected = [
        "account-information.1",
        "account-order-history.1",
        "account-order-list-history.1",
        "account-trade-history.1",
        "cancel-and-replace-order.1",
        "cancel-open-orders.1",
        "cancel-order.1",
        "current-open-order-lists.1",
        "current-open-orders.1",
        "log-in-with-api-key.1",
        "place-new-oco-deprecated.1",
        "place-new-order.1",
        "query-order.1",
        "signed-request-example.3",
        "signed-request-example.4",
        "test-new-order.1",
        "unfilled-order-count.2",
    ];
    assert_eq!((right, others), (expected.map(str::to_owned).to_vec(), 27));
}

/// The documents give no private keys for their RSA and Ed25519 examples. So their payloads are signed
/// with keys of our own, and OpenSSL says what the signatures must be.
#[test]
fn the_documented_payloads_as_openssl_signs_them() {
    let list: Value = serde_json::from_str(&fixture("signatures.json")).unwrap();
    let rows = list["signatures"].as_array().unwrap();
    assert_eq!(rows.len(), 30);
    for row in rows {
        let name = row["key"].as_str().unwrap();
        let credentials = Credentials::recognise("k", &fixture(&format!("{name}.pem"))).unwrap();
        assert_eq!(credentials.kind(), if name == "ed25519" { KeyKind::Ed25519 } else { KeyKind::Rsa });
        let (payload, signature) = (row["payload"].as_str().unwrap(), row["signature"].as_str().unwrap());
        assert_eq!(credentials.sign(payload), signature, "{name}");
        let mut text = payload.to_owned();
        credentials.sign_into(&mut text, 0);
        let encoded = signature.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        assert_eq!(text, format!("{payload}&signature={encoded}"), "{name}");
    }
    // PKCS#1 is the same key in another wrapping.
    let one = Credentials::recognise("k", &fixture("rsa2048.pem")).unwrap();
    let other = Credentials::recognise("k", &fixture("rsa2048-pkcs1.pem")).unwrap();
    assert_eq!(one.sign("x"), other.sign("x"));
}

/// RFC 8032, section 7.1, test 1: the empty message.
#[test]
fn the_signature_of_the_standard() {
    let seed: Vec<u8> = (0..32)
        .map(|at| {
            let hex = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
            u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap()
        })
        .collect();
    let mut der = vec![0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    der.extend(seed);
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", BASE64.encode(der));
    let signature = BASE64.decode(Credentials::recognise("k", &pem).unwrap().sign("")).unwrap();
    let hex: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        hex,
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    );
}

#[test]
fn what_is_no_key_is_told_without_showing_it() {
    for (secret, wanted) in [
        (fixture("ed25519-encrypted.pem"), KeyError::Encrypted),
        (fixture("ed25519-public.pem"), KeyError::Public),
        (fixture("p256.pem"), KeyError::Kind),
        (fixture("rsa1024.pem"), KeyError::Kind),
        ("-----BEGIN PRIVATE KEY-----\nc2VjcmV0IHRleHQ=\n-----END PRIVATE KEY-----".to_owned(), KeyError::Kind),
        ("-----BEGIN PRIVATE KEY-----\n!!\n-----END".to_owned(), KeyError::Pem),
        (" \n".to_owned(), KeyError::Empty),
        ("two words".to_owned(), KeyError::Secret),
        ("x".repeat(300), KeyError::Secret),
    ] {
        let error = Credentials::recognise("the-key", &secret).unwrap_err();
        assert_eq!(error, wanted);
        let shown = format!("{error} {error:?}");
        assert!(secret.trim().len() < 3 || !shown.contains(secret.trim()), "{shown}");
    }
    for key in ["", "a b", "a\nb", &"k".repeat(300)] {
        assert_eq!(Credentials::recognise(key, "s").unwrap_err(), KeyError::ApiKey);
    }
}

/// Whatever holds a secret is printed in every way there is, and searched for it.
#[test]
fn secrets_are_never_shown() {
    let ed25519 = fixture("ed25519.pem");
    let rsa = fixture("rsa2048.pem");
    for secret in ["hushhushhush", ed25519.as_str(), rsa.as_str()] {
        let credentials = Credentials::recognise("vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utI", secret).unwrap();
        let request = crate::request::account();
        let sent = request.sign(&credentials, 1_700_000_000_000, 5_000);
        let shown = format!("{credentials:?} {credentials:#?} {request:?} {sent:?}");
        assert!(shown.contains("vmPUZE6m…"), "{shown}");
        // Each line of a key is a secret, and so is any signature.
        for line in secret.lines().filter(|line| !line.starts_with("-----")) {
            assert!(!shown.contains(line), "{shown}");
        }
        let (_, signature) = sent.query.rsplit_once("&signature=").unwrap();
        assert!(!shown.contains(signature), "{shown}");
    }
}

#[test]
fn signatures_are_taken_out_of_texts() {
    let hmac = Credentials::new("key".into(), "hush".into()).sign("x");
    let ed25519 = Credentials::recognise("key", &fixture("ed25519.pem")).unwrap();
    let mut address = "https://venue/api?a=1".to_owned();
    ed25519.sign_into(&mut address, 18);
    for (text, quiet) in [
        (format!("é a=1&signature={hmac}"), "é a=1&signature=<signature>"),
        (format!("{hmac}, {hmac}!"), "<signature>, <signature>!"),
        (format!(r#"{{"signature":"{}"}}"#, ed25519.sign("x")), r#"{"signature":"<signature>"}"#),
        (address, "https://venue/api?a=1&signature=<signature>"),
        ("deadbeef 12".to_owned(), "deadbeef 12"),
        ("a=b=c, x=".to_owned(), "a=b=c, x="),
        (String::new(), ""),
    ] {
        assert_eq!(without_signatures(&text), quiet);
    }
}

//! The exchange's answers, events and stream messages against the venue's own examples,
//! field by field: names, their order, JSON types, and how numbers are written.
//!
//! `rows` says which example belongs to which request. An example without a row fails.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub)]

mod desk;
mod json;
mod rows;
mod silent;
mod surface;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use desk::Desk;
use json::{Json, differences};
use ringfence_exchange::{AccountConfig, ExchangeConfig};
use ringfence_model::Timestamp;
use rows::{Recorded, Row};
use serde_json::{Value, json};
use silent::SILENT;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/binance")
}

fn recorded(name: &str) -> String {
    let path = folder().join(format!("{name}.json"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn check(row: &Row, read: Recorded<'_>) -> Vec<String> {
    let mut desk = Desk::new();
    let ours = (row.make)(&mut desk, read);
    let like = Json::parse(&recorded(row.fixture));
    let shown: String = ours.chars().take(500).collect();
    differences(&like, &Json::parse(&ours), row.allowed)
        .into_iter()
        .take(3)
        .map(|difference| format!("{}: {difference}\n    {shown}", row.fixture))
        .collect()
}

#[test]
fn every_answer_looks_like_the_venues_own() {
    let wrong: Vec<String> = rows::all().flat_map(|row| check(row, &recorded)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Requests of which the exchange has nothing to tell, and how it says so.
fn answered_with_nothing(read: Recorded<'_>) {
    let mut desk = Desk::new();
    for request in ["ws-api/historical-block-trades.1", "ws-api/account-allocations.1"] {
        let answer: Value = serde_json::from_str(&desk.example(&read(request), json!({}))).unwrap();
        assert_eq!((&answer["status"], &answer["result"]), (&json!(200), &json!([])), "{answer}");
    }
    for request in ["ws-api/place-new-order-using-sor.1", "ws-api/test-new-order-using-sor.1"] {
        let answer: Value = serde_json::from_str(&desk.example(&read(request), json!({}))).unwrap();
        let told = json!({"code": -1013, "msg": "This symbol has no SOR."});
        assert_eq!((&answer["status"], &answer["error"]), (&json!(400), &told), "{answer}");
    }
}

#[test]
fn every_example_has_a_row_or_a_reason() {
    let read = RefCell::new(BTreeSet::new());
    let reads = |name: &str| {
        read.borrow_mut().insert(name.to_owned());
        recorded(name)
    };
    for row in rows::all() {
        (row.make)(&mut Desk::new(), &reads);
    }
    answered_with_nothing(&reads);
    let read = read.into_inner();

    let (mut answers, mut requests) = (BTreeSet::new(), BTreeSet::new());
    for kind in ["rest", "ws-api", "streams", "user-data"] {
        for entry in std::fs::read_dir(folder().join(kind)).unwrap() {
            let file = entry.unwrap().file_name().into_string().unwrap();
            let name = format!("{kind}/{}", file.strip_suffix(".json").unwrap());
            let example: Value = serde_json::from_str(&recorded(&name)).unwrap();
            if example.get("method").is_some() {
                requests.insert(name)
            } else {
                answers.insert(name)
            };
        }
    }
    let rows: BTreeSet<String> = rows::all().map(|row| row.fixture.to_owned()).collect();
    assert_eq!(rows.len(), rows::all().count(), "an example has two rows");
    let silent: BTreeSet<String> = SILENT.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(silent.len(), SILENT.len(), "an example has two reasons");
    let known: BTreeSet<String> = rows.union(&silent).cloned().collect();
    let without: Vec<_> = answers.difference(&known).collect();
    assert!(without.is_empty(), "answers without a row: {without:?}");
    let known: BTreeSet<String> = read.union(&silent).cloned().collect();
    let unsent: Vec<_> = requests.difference(&known).collect();
    assert!(unsent.is_empty(), "requests that no row sends: {unsent:?}");
    let both: Vec<_> = silent.iter().filter(|name| rows.contains(*name) || read.contains(*name)).collect();
    assert!(both.is_empty(), "a row and a reason: {both:?}");
    let all: BTreeSet<String> = answers.union(&requests).cloned().collect();
    let lost: Vec<_> = rows.union(&silent).filter(|name| !all.contains(*name)).collect();
    assert!(lost.is_empty(), "rows without an example: {lost:?}");
}

/// The documents' own key, their time, and their frames, byte for byte.
#[test]
fn documented_signatures_are_accepted() {
    let account = AccountConfig {
        api_key: "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A".to_owned(),
        secret: "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j".to_owned(),
        ..AccountConfig::default()
    };
    let start = Timestamp::from_millis(1_645_423_376_532);
    let mut desk = Desk::with(ExchangeConfig { accounts: vec![account], start, ..ExchangeConfig::default() }, false);
    let frame = recorded("ws-api/signed-request-example.3");
    let answer: Value = serde_json::from_str(&desk.frame(&frame)).unwrap();
    assert_eq!((&answer["status"], &answer["result"]["status"]), (&json!(200), &json!("NEW")), "{answer}");
    let forged: Value = serde_json::from_str(&desk.frame(&frame.replace("52000.00", "52000.01"))).unwrap();
    assert_eq!(forged["error"]["code"], -1022, "{forged}");
    // A symbol that is not traded here, in letters beyond ASCII: the signature holds.
    let answer: Value = serde_json::from_str(&desk.frame(&recorded("ws-api/signed-request-example.4"))).unwrap();
    assert_eq!(answer["error"]["code"], -1121, "{answer}");
}

/// The comparison itself must see what it is there for.
#[test]
fn what_differs_is_found() {
    let like = Json::parse(r#"{"a":1,"p":"0.10000000","rows":[{"x":true}],"n":null,"P":"1.000"}"#);
    let same = |text: &str| differences(&like, &Json::parse(text), json::Allowed::default()).len();
    assert_eq!(same(r#"{"a":2,"p":"7.00000000","rows":[{"x":false},{"x":true}],"n":"BNB","P":"-0.125"}"#), 0);
    for wrong in [
        r#"{"p":"7.00000000","a":2,"rows":[{"x":false}],"n":null,"P":"0.125"}"#,
        r#"{"a":"2","p":"7.00000000","rows":[{"x":false}],"n":null,"P":"0.125"}"#,
        r#"{"a":2.5,"p":"7.00000000","rows":[{"x":false}],"n":null,"P":"0.125"}"#,
        r#"{"a":2,"p":"7.0","rows":[{"x":false}],"n":null,"P":"0.125"}"#,
        r#"{"a":2,"p":"x","rows":[{"x":false}],"n":null,"P":"0.125"}"#,
        r#"{"a":2,"p":"7.00000000","rows":[],"n":null,"P":"0.125"}"#,
        r#"{"a":2,"p":"7.00000000","rows":[{"x":false},{}],"n":null,"P":"0.125"}"#,
        r#"{"a":2,"p":"7.00000000","rows":[{"x":1}],"n":null,"P":"0.125"}"#,
        r#"{"a":2,"p":"7.00000000","rows":[{"x":false}],"n":null,"P":"0.12500000"}"#,
        r#"{"a":2,"p":"7.00000000","rows":[{"x":false}],"n":null,"P":"0.125","z":1}"#,
    ] {
        assert_ne!(same(wrong), 0, "{wrong}");
    }
}

//! The exchange's answers, events and stream messages against the venue's own examples,
//! field by field: names, their order, JSON types, and how numbers are written.
//!
//! `rows` says which example belongs to which request. An example without a row fails.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub)]

mod desk;
mod json;
mod rows;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use desk::Desk;
use json::{Json, differences};
use rows::{ROWS, Row, SILENT};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/binance")
}

fn recorded(name: &str) -> String {
    let path = folder().join(format!("{name}.json"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn check(row: &Row) -> Vec<String> {
    let mut desk = Desk::new();
    let ours = (row.make)(&mut desk, &recorded);
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
    let wrong: Vec<String> = ROWS.iter().flat_map(check).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_example_has_a_row() {
    let mut names = BTreeSet::new();
    for kind in ["rest", "ws-api", "streams", "user-data"] {
        for entry in std::fs::read_dir(folder().join(kind)).unwrap() {
            let file = entry.unwrap().file_name().into_string().unwrap();
            names.insert(format!("{kind}/{}", file.strip_suffix(".json").unwrap()));
        }
    }
    let rows: BTreeSet<String> = ROWS.iter().map(|row| row.fixture.to_owned()).collect();
    assert_eq!(rows.len(), ROWS.len(), "an example has two rows");
    let known: BTreeSet<String> =
        rows.iter().cloned().chain(SILENT.iter().map(|(name, _)| (*name).to_owned())).collect();
    let without: Vec<_> = names.difference(&known).collect();
    assert!(without.is_empty(), "examples without a row: {without:?}");
    let lost: Vec<_> = rows.difference(&names).collect();
    assert!(lost.is_empty(), "rows without an example: {lost:?}");
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

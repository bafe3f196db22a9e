//! Pins the arrows of the house: who may use whom. A new arrow is a decision, made
//! here and in ARCHITECTURE.md, not by a line in some Cargo.toml.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Each room and all that it may use of ours.
const ARROWS: &[(&str, &[&str])] = &[
    ("ringfence-model", &[]),
    ("ringfence-wire", &["ringfence-model"]),
    ("ringfence-binance", &["ringfence-model", "ringfence-wire"]),
    ("ringfence-exchange", &["ringfence-model", "ringfence-wire"]),
    ("ringfence-engine", &["ringfence-model"]),
    ("ringfence-sandbox", &["ringfence-model"]),
    (
        "ringfence-backtest",
        &[
            "ringfence-binance",
            "ringfence-engine",
            "ringfence-exchange",
            "ringfence-model",
            "ringfence-sandbox",
            "ringfence-wire",
        ],
    ),
    (
        "ringfence",
        &[
            "ringfence-backtest",
            "ringfence-binance",
            "ringfence-engine",
            "ringfence-exchange",
            "ringfence-model",
            "ringfence-sandbox",
            "ringfence-wire",
        ],
    ),
    ("ringfence-sdk", &[]),
    ("xtask", &[]),
];

/// What only one room may use.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("wasmtime", &["ringfence-sandbox"]),
    ("notify", &["ringfence-sandbox"]),
    ("reqwest", &["ringfence-binance"]),
    ("axum", &["ringfence-exchange"]),
    ("anyhow", &["ringfence", "xtask"]),
    ("clap", &["ringfence", "xtask"]),
    ("ratatui", &["ringfence"]),
];

fn metadata() -> serde_json::Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON")
}

/// Package → what it is built with; dependencies of tests alone are left out.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    metadata()["packages"]
        .as_array()
        .expect("packages")
        .iter()
        .map(|package| {
            let name = package["name"].as_str().expect("a name").to_owned();
            let uses = package["dependencies"]
                .as_array()
                .expect("dependencies")
                .iter()
                .filter(|dependency| dependency["kind"].is_null())
                .map(|dependency| dependency["name"].as_str().expect("a name").to_owned())
                .collect();
            (name, uses)
        })
        .collect()
}

#[test]
fn rooms_use_only_what_stands_below_them() {
    let allowed: BTreeMap<_, BTreeSet<_>> =
        ARROWS.iter().map(|(room, uses)| (*room, uses.iter().copied().collect())).collect();
    for (package, uses) in dependencies() {
        let allowed = allowed.get(package.as_str()).unwrap_or_else(|| panic!("{package} has no place in the house"));
        let own: BTreeSet<&str> =
            uses.iter().map(String::as_str).filter(|name| ARROWS.iter().any(|(room, _)| room == name)).collect();
        let extra: Vec<_> = own.difference(allowed).collect();
        assert!(extra.is_empty(), "{package} must not use {extra:?}");
    }
}

#[test]
fn what_belongs_to_one_room_stays_there() {
    for (package, uses) in dependencies() {
        for (library, rooms) in ONLY_IN {
            assert!(
                !uses.contains(*library) || rooms.contains(&package.as_str()),
                "{package} must not use {library}; it lives in {rooms:?}"
            );
        }
    }
}

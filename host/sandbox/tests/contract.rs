//! The contract as it grows: what a guest reads of its budgets, and builds from before it could.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::collections::BTreeMap;

use common::guest::wit;
use common::house::{sandbox, seat_with};
use common::{Guest, House, tight};
use ringfence_model::{Micros, Timestamp};
use ringfence_sandbox::budgets::TABLE;
use ringfence_sandbox::{Budgets, SeatConfig, SeatState, Settings};
use rust_decimal::prelude::ToPrimitive;
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Calls `body` for each row of `quota.budgets`; the row is at `$i`.
fn each_row(body: &str) -> String {
    format!(
        "(call $quota.budgets (i32.const 0))
         (local.set $i (i32.load (i32.const 0)))
         (local.set $j (i64.extend_i32_u (i32.add (local.get $i) (i32.mul (i32.load (i32.const 4)) (i32.const 40)))))
         (loop $rows {body}
           (local.set $i (i32.add (local.get $i) (i32.const 40)))
           (br_if $rows (i64.lt_u (i64.extend_i32_u (local.get $i)) (local.get $j))))"
    )
}

/// A gauge of the row's own name.
fn shown(value: &str) -> String {
    format!("(call $gauge (i32.load (local.get $i)) (i32.load offset=4 (local.get $i)) {value} (i32.const 0))")
}

fn gauges(house: &House) -> BTreeMap<String, u64> {
    house.seat.report().gauges.into_iter().map(|(name, value)| (name, value.to_u64().unwrap())).collect()
}

/// What a plugin reads is the operator's own table, with the values that he has set for this name.
#[test]
fn a_plugin_reads_every_budget_as_it_counts_for_it() {
    let budgets = Budgets { queue: 77, share_percent: 33, ..tight() };
    let limits = Guest::new("evil").does(&each_row(&shown("(i64.load offset=16 (local.get $i))")));
    let mut house = House::with(budgets.clone(), &limits);
    house.run(1);
    house.goes_on();
    let wanted: BTreeMap<_, _> = TABLE.iter().map(|row| (row.key.to_owned(), row.value(&budgets))).collect();
    assert_eq!(gauges(&house), wanted);
    // The operator's figures are the same.
    let told = house.seat.report().budgets;
    assert_eq!(told.iter().map(|state| (state.key.to_owned(), state.limit)).collect::<BTreeMap<_, _>>(), wanted);
}

fn users(setting: impl Fn(&mut SeatConfig)) -> BTreeMap<String, u64> {
    let used = "(if (i32.load8_u offset=24 (local.get $i)) (then SHOWN))"
        .replace("SHOWN", &shown("(i64.load offset=32 (local.get $i))"));
    // One timer, one key of 8 bytes, one line; then what has become of the budgets.
    let guest = Guest::new("evil").does(&format!(
        "(if (i32.load8_u (local.get $batch)) (then
           (call $timer (i64.const 9000000) (call $seq (local.get $batch)) (i32.const 0))
           (call $store (i32.const 4096) (i32.const 3) (i32.const 8192) (i32.const 8) (i32.const 0))
           (call $log (i32.const 1) (i32.const 4096) (i32.const 5))
           {}))",
        each_row(&used)
    ));
    let sandbox = sandbox(tight());
    let (desk, _notes) = common::NotingDesk::new();
    let mut config = SeatConfig {
        name: "evil".to_owned(),
        mode: ringfence_model::strategy::Mode::Sim,
        seed: 1,
        lookahead: Micros::MAX,
        queue: 1_000,
        clocked: true,
        settings: Settings { budgets: sandbox.budgets().clone(), ..Settings::default() },
    };
    setting(&mut config);
    let mut seat = ringfence_sandbox::Seat::new(sandbox.clone(), config, Box::new(desk));
    let now = Timestamp(1_000_000);
    seat.start(now, sandbox.admit(&guest.bytes()).unwrap(), Vec::new()).unwrap();
    seat.run(1);
    for id in 1..=5 {
        seat.push(now, common::desk::trade(id));
    }
    seat.run(1);
    let report = seat.report();
    assert_eq!((report.state, report.faults), (SeatState::Running, 0), "{report:?}");
    report.gauges.into_iter().map(|(name, value)| (name, value.to_u64().unwrap())).collect()
}

#[test]
fn a_plugin_reads_what_is_used_of_its_budgets() {
    let mut used = users(|_| {});
    assert!(used.remove("share_percent").unwrap() < 100);
    assert!(used.remove("share_strike_percent").unwrap() < 100);
    // The pieces between the parts of a component have tables of their own.
    assert!(used.remove("table_elements").unwrap() > 0);
    // Names of gauges are made one after another while the rows are gone through.
    assert!(used.remove("metrics").is_some());
    let wanted = [
        ("queue", 4),
        ("memory_bytes", 8 << 16),
        ("commands", 1),
        ("subscription_changes", 0),
        ("timers", 1),
        ("log_lines_at_once", 1),
        ("store_keys", 1),
        ("store_bytes", 8),
        ("strikes", 0),
    ];
    assert_eq!(used, wanted.map(|(key, value)| (key.to_owned(), value)).into());
    // In virtual time nobody measures a share, so nobody is told one.
    let used = users(|config| config.clocked = false);
    assert!(!used.contains_key("share_percent") && used["queue"] == 4, "{used:?}");
}

/// One budget is asked for by its key; one that there is not is none.
#[test]
fn a_plugin_asks_for_one_budget_by_its_key() {
    let ask = |length: u32| format!("(call $quota.budget (i32.const 9000) (i32.const {length}) (i32.const 0))");
    let guest = Guest::new("evil").fields("(data (i32.const 9000) \"queue_of_nobody\")").does(&format!(
        "{} (if (i32.load8_u (i32.const 0)) (then unreachable))
         {} (if (i32.eqz (i32.load8_u (i32.const 0))) (then unreachable))
         (call $gauge (i32.load (i32.const 8)) (i32.load (i32.const 12)) (i64.load (i32.const 24)) (i32.const 0))",
        ask(15),
        ask(5)
    ));
    let mut house = House::with(Budgets { queue: 77, ..tight() }, &guest);
    house.run(1);
    house.goes_on();
    assert_eq!(gauges(&house), [("queue".to_owned(), 77)].into());
}

/// The contract as it was before `quota` told of budgets.
fn contract_before() -> Resolve {
    let dir = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(wit()).unwrap() {
        let path = entry.unwrap().path();
        let mut text = std::fs::read_to_string(&path).unwrap();
        if let Some(from) = text.find("    enum budget-unit") {
            let end = text[from..].find("\n}").unwrap() + from;
            text.replace_range(from..end, "");
            assert!(text.contains("remaining: func()") && !text.contains("budgets: func()"), "{text}");
        }
        std::fs::write(dir.path().join(path.file_name().unwrap()), text).unwrap();
    }
    let mut resolve = Resolve::default();
    resolve.push_dir(dir.path()).unwrap();
    resolve
}

/// Additions break no build: a plugin whose contract knows fewer functions of an interface loads and runs.
#[test]
fn a_build_of_an_older_contract_runs() {
    let reads = "(call $quota.remaining (i32.const 0)) (call $gauge (i32.const 4096) (i32.const 3)
        (i64.extend_i32_u (i32.load (i32.const 4))) (i32.const 0))";
    let mut module = wat::parse_str(Guest::new("evil").does(reads).text()).unwrap();
    let resolve = contract_before();
    let (package, _) = resolve.packages.iter().find(|(_, package)| package.name.namespace == "ringfence").unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();

    let sandbox = sandbox(tight());
    let settings = Settings { budgets: sandbox.budgets().clone(), ..Settings::default() };
    let (mut seat, _notes) = seat_with(&sandbox, "evil", settings);
    seat.start(Timestamp(1_000_000), sandbox.admit(&module).unwrap(), Vec::new()).unwrap();
    seat.run(1);
    let report = seat.report();
    assert_eq!((report.state, report.faults, report.events), (SeatState::Running, 0, 1), "{report:?}");
    let quotas = report.gauges[0].1.to_u64().unwrap();
    assert_eq!(quotas, report.quotas.len() as u64, "it reads what it knows");
}

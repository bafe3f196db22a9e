//! An operator beside a running host: the control socket, logs, and a configuration that
//! changes while strategies trade.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use common::{folder_with, plugin};
use serde_json::Value;

fn ringfence(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ringfence")).args(args).current_dir(dir).output().expect("ringfence starts")
}

fn json(dir: &Path, args: &[&str]) -> Value {
    let output = ringfence(dir, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn entry<'a>(list: &'a Value, name: &str) -> &'a Value {
    list.as_array().unwrap().iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("no {name} in {list:#}"))
}

#[test]
fn an_operator_commands_a_running_host() {
    let dir = folder_with(&["ema-cross", "market-maker"]);
    let dir = dir.path();
    let config = dir.join("ringfence.toml");
    std::fs::write(&config, "[plugins.ema-cross]\nparameters = { fast = 5 }\n").unwrap();
    for args in [&["plugins", "list"][..], &["halt"], &["logs", "ema-cross"]] {
        let output = ringfence(dir, args);
        assert_eq!(output.status.code(), Some(1), "nobody runs yet: {args:?}");
    }
    let mut child = common::command(dir, &["--json", "--plugins", ".", "--for", "120s"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("ringfence starts");
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut log = String::new();
    let mut wait_for = |words: &str| {
        while !log.contains(words) {
            assert_ne!(stderr.read_line(&mut log).unwrap(), 0, "ended before {words:?}\n{log}");
        }
    };
    wait_for("ema-cross: loaded, generation 1");
    wait_for("market-maker: loaded, generation 1");
    // The socket opens when every plugin of the start is there.
    while ringfence(dir, &["plugins", "list"]).status.code() != Some(0) {
        assert!(child.try_wait().unwrap().is_none(), "it runs");
    }

    let list = json(dir, &["plugins", "list", "--json"]);
    assert_eq!(entry(&list, "ema-cross")["state"], "running");
    assert!(entry(&list, "ema-cross")["quotas"].as_array().unwrap().len() >= 10, "{list:#}");
    // Every budget, with what is used where something adds up; the same keys as the table of all.
    let budgets = entry(&list, "ema-cross")["budgets"].as_object().unwrap().clone();
    let all = json(dir, &["budgets", "--json"]);
    let keys =
        all.as_array().unwrap().iter().filter(|row| row["table"] == "budgets").map(|row| row["key"].as_str().unwrap());
    assert!(keys.clone().count() > 40 && keys.clone().all(|key| budgets[key]["limit"].is_u64()), "{budgets:#?}");
    assert!(budgets["memory_bytes"]["used"].as_u64().unwrap() >= 65_536, "{budgets:#?}");
    assert!(budgets["share_percent"]["used"].is_u64() && budgets["market_hard_us"]["used"].is_null(), "{budgets:#?}");
    let table = String::from_utf8(ringfence(dir, &["plugins", "list"]).stdout).unwrap();
    assert!(table.contains("market-maker") && table.contains("strikes"), "{table}");

    assert!(json(dir, &["plugins", "pause", "ema-cross", "--json"]).as_str().unwrap().contains("paused"));
    assert_eq!(entry(&json(dir, &["plugins", "list", "--json"]), "ema-cross")["state"], "paused");
    let again = ringfence(dir, &["plugins", "pause", "ema-cross"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("it is paused"));
    assert!(json(dir, &["plugins", "resume", "ema-cross", "--json"]).as_str().unwrap().contains("running"));

    // Parameters change while it runs; what can't, is told; a broken file changes nothing.
    std::fs::write(&config, "[plugins.ema-cross]\nparameters = { fast = 7 }\n").unwrap();
    wait_for("the configuration was read again");
    wait_for("ema-cross: reloaded, generation 2");
    std::fs::write(&config, "[plugins.ema-cross]\nparameters = { fast = 7000 }\n").unwrap();
    wait_for("parameters of ema-cross: refused");
    std::fs::write(&config, "[plugins.ema-cross\n").unwrap();
    wait_for("what counted before goes on");
    std::fs::write(
        &config,
        "[plugins.ema-cross]\nparameters = { fast = 7 }\n[plugins.ema-cross.limits]\nopen_orders = 3\n",
    )
    .unwrap();
    wait_for("limits of ema-cross count after a restart");
    std::fs::write(&config, "[plugins.ema-cross]\nparameters = { fast = 7 }\norder_types = [\"limit\"]\n").unwrap();
    wait_for("order_types and streams of ema-cross");

    let history = json(dir, &["plugins", "history", "ema-cross", "--json"]);
    assert!(history.to_string().contains("its parameters changed"), "{history:#}");
    assert_eq!(json(dir, &["halt", "--json"])["trading"], "halted: no new orders; cancels go on");
    wait_for("trading is halted by the operator");
    assert_eq!(entry(&json(dir, &["plugins", "list", "--json"]), "ema-cross")["trading_halted"], true);
    let table = String::from_utf8(ringfence(dir, &["plugins", "list"]).stdout).unwrap();
    assert!(table.starts_with("trading is halted"), "{table}");
    assert_eq!(json(dir, &["resume", "--json"])["trading"], "resumed");
    wait_for("trading goes on");
    assert_eq!(entry(&json(dir, &["plugins", "list", "--json"]), "ema-cross")["trading_halted"], false);

    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    drop(stderr);
    assert!(child.wait().unwrap().success());
    let summary: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(plugin(&summary, "ema-cross")["generation"], 2, "{summary:#}");
    // The figures of the end are those of its last instance, which is gone by then.
    let memory = &plugin(&summary, "ema-cross")["budgets"]["memory_bytes"];
    assert!(memory["used"].as_u64().unwrap() >= 65_536, "{summary:#}");
    assert_eq!(summary["ledger_difference"], serde_json::json!({}), "{summary:#}");

    // Logs stay after the end.
    let output = ringfence(dir, &["logs", "ema-cross", "--json"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{text}");
    assert!(text.contains("loaded, generation 1") && text.contains("reloaded, generation 2"), "{text}");
    assert!(!dir.join(".ringfence/control.sock").exists(), "the socket is gone with its host");
}

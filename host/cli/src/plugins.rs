//! `ringfence plugins`: what runs in a host, and commands to it.

use std::fmt::Write as _;

use serde_json::Value;

use crate::args::{PluginsArgs, PluginsCommand};
use crate::control::{Request, client};

/// Asks the host and prints what it says.
pub(crate) fn run(args: &PluginsArgs) -> anyhow::Result<()> {
    let request = match &args.command {
        PluginsCommand::List => Request::List,
        PluginsCommand::Pause { name } => Request::Pause { name: name.clone() },
        PluginsCommand::Resume { name } => Request::Resume { name: name.clone() },
        PluginsCommand::Reload { name } => Request::Reload { name: name.clone() },
        PluginsCommand::Rollback { name } => Request::Rollback { name: name.clone() },
        PluginsCommand::History { name } => Request::History { name: name.clone() },
    };
    let result = client::ask(&args.host.state, &request)?;
    if args.host.json {
        say!("{}", serde_json::to_string_pretty(&result)?);
        return Ok(());
    }
    match (&args.command, &result) {
        (PluginsCommand::List, Value::Array(plugins)) => {
            if plugins.iter().any(|plugin| plugin["trading_halted"] == true) {
                say!("trading is halted: no new orders of any plugin; `ringfence resume` ends it");
            }
            crate::view::out(&list(plugins));
        }
        (PluginsCommand::History { .. }, Value::Array(generations)) => crate::view::out(&history(generations)),
        (_, Value::String(text)) => say!("{text}"),
        (_, other) => say!("{other}"),
    }
    Ok(())
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Columns as wide as their widest cell.
fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let widths: Vec<usize> = (0..header.len())
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
            cells.chain(header.get(column).map(|head| head.len())).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    let head: Vec<String> = header.iter().map(|&head| head.to_owned()).collect();
    for row in std::iter::once(&head).chain(rows) {
        let start = text.len();
        for (cell, width) in row.iter().zip(&widths) {
            // Writing to a String can't fail.
            let _ = write!(text, "{cell:<width$}  ");
        }
        text.truncate(start + text.get(start..).unwrap_or_default().trim_end().len());
        text.push('\n');
    }
    text
}

fn list(plugins: &[Value]) -> String {
    let rows: Vec<Vec<String>> = plugins
        .iter()
        .map(|plugin| {
            let memory = plugin["memory_bytes"].as_u64().unwrap_or(0) >> 10;
            let strikes = plugin["strike_quarters"].as_u64().unwrap_or(0);
            let state = match (&plugin["on_trial"], &plugin["conflated"]) {
                (Value::Bool(true), _) => format!("{} (on trial)", cell(&plugin["state"])),
                (_, Value::Bool(true)) => format!("{} (conflated)", cell(&plugin["state"])),
                _ => cell(&plugin["state"]),
            };
            vec![
                cell(&plugin["name"]),
                state,
                cell(&plugin["generation"]),
                cell(&plugin["version"]),
                cell(&plugin["events"]),
                cell(&plugin["waiting"]),
                cell(&plugin["orders"]),
                cell(&plugin["fills"]),
                cell(&plugin["pnl"]),
                format!("{} %", cell(&plugin["cpu_percent"])),
                format!("{memory} KiB"),
                cell(&plugin["faults"]),
                format!("{}.{:02}", strikes / 4, strikes % 4 * 25),
                cell(&plugin["last_fault"]),
            ]
        })
        .collect();
    let header = [
        "plugin",
        "state",
        "gen",
        "version",
        "events",
        "waiting",
        "orders",
        "fills",
        "pnl",
        "cpu",
        "memory",
        "faults",
        "strikes",
        "last fault",
    ];
    table(&header, &rows)
}

fn history(generations: &[Value]) -> String {
    let rows: Vec<Vec<String>> = generations
        .iter()
        .map(|generation| {
            let number = generation["number"].as_u64().filter(|number| *number > 0);
            vec![
                number.map_or_else(|| "-".to_owned(), |number| number.to_string()),
                cell(&generation["state"]),
                cell(&generation["version"]),
                cell(&generation["sha256"]).chars().take(12).collect(),
                cell(&generation["offered"]),
                cell(&generation["note"]),
            ]
        })
        .collect();
    table(&["gen", "state", "version", "sha256", "offered (UTC)", "what happened"], &rows)
}

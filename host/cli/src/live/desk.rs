//! What the control socket answers: the operator's desk.

use std::sync::Arc;

use ringfence_sandbox::{Control, Generation, PluginCommand, SeatReport};
use serde_json::{Value, json};

use super::hub::{HubSender, Input};
use crate::control::Request;
use crate::control::server::Handler;
use crate::logs::utc;
use crate::view::Feed;

/// Does what is asked of a running host.
pub(super) fn handler(control: Control, hub: HubSender, feed: Feed) -> Handler {
    Arc::new(move |request| {
        let told =
            |name: &str, command| control.command(name, command).map(|what| Value::String(format!("{name}: {what}")));
        match request {
            Request::List => Ok(control.reports().iter().map(|seat| plugin(seat, hub.is_halted())).collect()),
            Request::History { name } => Ok(control.history(&name)?.iter().map(generation).collect()),
            Request::Pause { name } => told(&name, PluginCommand::Pause),
            Request::Resume { name } => told(&name, PluginCommand::Resume),
            Request::Reload { name } => told(&name, PluginCommand::Reload),
            Request::Rollback { name } => told(&name, PluginCommand::Rollback),
            Request::Halt => {
                hub.send(Input::Halt);
                feed.say("trading is halted by the operator: no new orders; `ringfence resume` ends it".to_owned());
                Ok(json!({"trading": "halted: no new orders; cancels go on"}))
            }
            Request::Unhalt => {
                hub.send(Input::Unhalt);
                feed.say("trading goes on".to_owned());
                Ok(json!({"trading": "resumed"}))
            }
        }
    })
}

fn generation(generation: &Generation) -> Value {
    let hash = generation.hash.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    json!({
        "number": generation.number,
        "version": generation.version,
        "sha256": hash,
        "state": generation.state.to_string(),
        "offered": utc(generation.offered.0),
        "since": utc(generation.since.0),
        "note": generation.note,
        "ran": generation.ran,
    })
}

fn plugin(seat: &SeatReport, halted: bool) -> Value {
    let quotas: Vec<Value> = seat
        .quotas
        .iter()
        .map(|quota| {
            json!({
                "kind": format!("{:?}", quota.kind),
                "limit": quota.limit,
                "used": quota.used,
                "resets_in_us": quota.resets_in.0,
            })
        })
        .collect();
    let budgets: serde_json::Map<String, Value> = seat
        .budgets
        .iter()
        .map(|budget| {
            let unit = format!("{:?}", budget.unit).to_lowercase();
            (budget.key.to_owned(), json!({"unit": unit, "limit": budget.limit, "used": budget.used}))
        })
        .collect();
    let shadow = seat.shadow.as_ref().map(|shadow| {
        json!({
            "generation": shadow.generation,
            "events": shadow.events,
            "same": shadow.same,
            "differences": shadow.differences,
            "examples": shadow.examples,
        })
    });
    json!({
        "name": seat.name,
        "language": seat.language,
        "version": seat.version,
        "generation": seat.generation,
        "state": seat.state.to_string(),
        "on_trial": seat.on_trial,
        "trading_halted": halted,
        "events": seat.events,
        "waiting": seat.waiting,
        "faults": seat.faults,
        "strike_quarters": seat.strike_quarters,
        "slow_calls": seat.slow_calls,
        "cpu_percent": seat.cpu_percent,
        "conflated": seat.conflated,
        "memory_bytes": seat.memory_bytes,
        "handler_p50_ns": seat.handler_p50_ns,
        "handler_p99_ns": seat.handler_p99_ns,
        "latency_p50_ns": seat.latency_p50_ns,
        "latency_p99_ns": seat.latency_p99_ns,
        "quotas": quotas,
        "budgets": budgets,
        "orders": seat.desk.orders,
        "denials": seat.desk.denials,
        "open_orders": seat.desk.open_orders,
        "fills": seat.desk.fills,
        "pnl": seat.desk.pnl.round_dp(8),
        "last_fault": seat.last_fault,
        "last_fault_kind": seat.last_fault_kind.map(|kind| kind.to_string()),
        "shadow": shadow,
    })
}

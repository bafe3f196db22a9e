//! `ringfence inspect FILE`: the capability sheet of a plugin: what it is, what it imports,
//! what it wishes for, its parameters, and what it costs. It says nothing of what it gets.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::anyhow;
use ringfence_model::strategy::{ParameterSpec, Value as Setting, ValueRange};
use ringfence_sandbox::admission::report::StepName;
use ringfence_sandbox::admission::rules::Rule;
use ringfence_sandbox::text::{escaped, hex};
use ringfence_sandbox::{Examination, Plugin};
use serde_json::{Value, json};

use crate::args::FileArgs;
use crate::check::{examine, stream_name};
use crate::config::Config;

/// Most bytes of a plugin's own words.
const TEXT: usize = 400;

/// Prints the sheet; an error if the file is no plugin.
pub(crate) fn run(args: &FileArgs, config: &Config) -> anyhow::Result<()> {
    let examination = examine(args, config)?;
    let plugin = examination
        .outcome
        .as_ref()
        .map_err(|refusal| anyhow!("{} is refused ({}): {refusal}", args.file.display(), refusal.code()))?;
    let sheet = sheet(&examination, plugin);
    if args.json {
        say!("{}", serde_json::to_string_pretty(&sheet)?);
    } else {
        crate::view::out(&as_text(&sheet));
    }
    Ok(())
}

fn sheet(examination: &Examination, plugin: &Plugin) -> Value {
    let manifest = plugin.manifest();
    let imports = plugin.imports();
    let (wasi, ours): (Vec<_>, Vec<_>) = imports.into_iter().partition(|(name, _)| name.starts_with("wasi:"));
    let functions: BTreeMap<_, _> = ours.into_iter().filter(|(_, functions)| !functions.is_empty()).collect();
    let calls = |name: &str| functions.values().flatten().any(|function| function == name);
    let found = |step: StepName, what: &str| {
        let step = examination.steps.iter().find(|one| one.name == step)?;
        step.findings.iter().find(|finding| finding.what == what).map(|finding| &finding.value)
    };
    json!({
        "name": manifest.name,
        "version": manifest.version,
        "description": escaped(&manifest.description, TEXT),
        "language": manifest.language,
        "made_by": examination.producers.iter().map(|(_, name, version)| format!("{name} {version}")).collect::<Vec<_>>(),
        "sha256": hex(plugin.hash()),
        "signed_by": found(StepName::Signature, "signed-by"),
        "form": if examination.core_module { "core module with the contract in it" } else { "component" },
        "bytes": examination.measures.map(|measures| measures.get(Rule::FileBytes)),
        "functions": examination.measures.map(|measures| measures.get(Rule::Functions)),
        "memory_bytes": found(StepName::Probe, "memory-bytes"),
        "wishes": manifest.wishes.iter().map(|(symbol, streams)| json!({
            "symbol": symbol,
            "streams": streams.iter().copied().map(stream_name).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "orders": {
            "submits": calls("submit"),
            "submits_lists": calls("submit-list"),
            "cancels": calls("cancel") || calls("cancel-all"),
            "amends": calls("amend"),
            // The contract has no words for these two: the grant alone decides.
            "types": "as granted",
            "rates": "as granted",
        },
        "parameters": manifest.parameters.iter().map(parameter).collect::<Vec<_>>(),
        "imports": functions,
        "wasi": wasi.into_iter().map(|(name, _)| name).collect::<Vec<_>>(),
        "start_without_grants": found(StepName::Probe, "answer"),
    })
}

fn setting(value: &Setting) -> Value {
    match value {
        Setting::Integer(number) => json!(number),
        Setting::Number(number) => json!(number.to_string()),
        Setting::Boolean(flag) => json!(flag),
        Setting::Text(text) => json!(escaped(text, TEXT)),
    }
}

fn parameter(spec: &ParameterSpec) -> Value {
    let range = match &spec.range {
        ValueRange::Integer(low, high) => json!({"from": low, "to": high}),
        ValueRange::Number(low, high) => json!({"from": low.to_string(), "to": high.to_string()}),
        ValueRange::Choice(choices) => {
            json!({"one_of": choices.iter().map(|choice| escaped(choice, TEXT)).collect::<Vec<_>>()})
        }
        ValueRange::Any => Value::Null,
    };
    json!({
        "name": spec.name,
        "default": setting(&spec.default),
        "range": range,
        "description": escaped(&spec.description, TEXT),
    })
}

/// A value without the marks of JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

fn range(range: &Value) -> String {
    match (range.get("from"), range.get("to"), range.get("one_of")) {
        (Some(from), Some(to), _) => format!("from {} to {}", plain(from), plain(to)),
        (_, _, Some(choices)) => format!("one of {}", plain(choices)),
        _ => "any".to_owned(),
    }
}

fn as_text(sheet: &Value) -> String {
    let mut text = String::new();
    // Writing to a String can't fail.
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<22} {value}");
    };
    for key in ["name", "version", "description", "language", "made_by", "form", "bytes", "functions", "memory_bytes"] {
        line(key, plain(&sheet[key]));
    }
    for key in ["sha256", "signed_by"] {
        line(key, plain(&sheet[key]));
    }
    for wish in sheet["wishes"].as_array().into_iter().flatten() {
        line("wishes for", format!("{}: {}", plain(&wish["symbol"]), plain(&wish["streams"])));
    }
    for (what, value) in sheet["orders"].as_object().into_iter().flatten() {
        let value = match value {
            Value::Bool(true) => "yes".to_owned(),
            Value::Bool(false) => "no".to_owned(),
            other => plain(other),
        };
        line(&format!("orders: {what}"), value);
    }
    for parameter in sheet["parameters"].as_array().into_iter().flatten() {
        let (default, description) = (plain(&parameter["default"]), plain(&parameter["description"]));
        let name = format!("parameter {}", plain(&parameter["name"]));
        line(&name, format!("{default} ({}) {description}", range(&parameter["range"])));
    }
    for (interface, functions) in sheet["imports"].as_object().into_iter().flatten() {
        line("imports", format!("{interface}: {}", plain(functions)));
    }
    line("wasi (inert)", plain(&sheet["wasi"]));
    line("start without grants", plain(&sheet["start_without_grants"]));
    text
}

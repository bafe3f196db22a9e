//! `ringfence check FILE`: the whole of admission and the grant, step by step: what each looked
//! at, what it found, what is allowed, and its verdict.

use std::path::Path;

use anyhow::bail;
use ringfence_model::StreamKind;
use ringfence_model::strategy::Manifest;
use ringfence_sandbox::admission::report::Step;
use ringfence_sandbox::{Examination, Sandbox, SandboxConfig};
use serde_json::{Value, json};

use crate::args::FileArgs;
use crate::config::Config;
use crate::grants::Grants;

/// What the configuration says of a plugin that passed.
struct GrantStep {
    table: String,
    /// Kinds of orders that it may send.
    order_types: Vec<&'static str>,
    problems: Vec<String>,
}

/// Examines the file as a host with this configuration would.
pub(crate) fn examine(args: &FileArgs, config: &Config) -> anyhow::Result<Examination> {
    let sandbox = Sandbox::new(SandboxConfig::host())?;
    sandbox.set_trust(config.trust());
    Ok(sandbox.examine_file(&args.file))
}

/// Prints the report; an error if the file would not run.
pub(crate) fn run(args: &FileArgs, config: Config) -> anyhow::Result<()> {
    let examination = examine(args, &config)?;
    let grant = examination.outcome.as_ref().ok().map(|plugin| grant(&args.file, plugin.manifest(), config));
    if args.json {
        say!("{}", serde_json::to_string_pretty(&as_json(&args.file, &examination, grant.as_ref()))?);
    } else {
        crate::view::out(&as_table(&examination, grant.as_ref()));
    }
    match (&examination.outcome, grant) {
        (Err(refusal), _) => bail!("{} is refused ({}): {refusal}", args.file.display(), refusal.code()),
        (Ok(_), Some(GrantStep { problems, .. })) if !problems.is_empty() => {
            bail!("{} would not run with this configuration: {}", args.file.display(), problems.join("; "))
        }
        _ => {
            if !args.json {
                say!("{} would be taken", args.file.display());
            }
            Ok(())
        }
    }
}

/// The plugin's wishes and parameters against what its name is granted.
fn grant(file: &Path, manifest: &Manifest, config: Config) -> GrantStep {
    let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let granted = config.grant(&name).clone();
    let symbols = granted.symbols.unwrap_or_else(|| config.venue.symbols.clone());
    let mut problems = Vec::new();
    if !granted.enabled {
        problems.push("it is disabled".to_owned());
    }
    for (symbol, streams) in &manifest.wishes {
        if !symbols.contains(symbol) {
            problems.push(format!("it wishes for {symbol}, granted are {}", symbols.join(", ")));
        }
        for stream in streams.iter().filter(|stream| !granted.permissions.allows_stream(**stream)) {
            problems.push(format!("it wishes for {} of {symbol}, which is not granted", stream_name(*stream)));
        }
    }
    let grants = Grants::new(config, Vec::new(), &[]);
    if let Err(problem) = grants.parameters(&name, manifest) {
        problems.push(problem);
    }
    let order_types = granted.permissions.order_types.iter().map(|one| one.name()).collect();
    GrantStep { table: grants.table(&name), order_types, problems }
}

/// A stream as people write it.
pub(crate) fn stream_name(stream: StreamKind) -> String {
    match stream {
        StreamKind::Trades => "trades".to_owned(),
        StreamKind::AggregateTrades => "aggregate-trades".to_owned(),
        StreamKind::Quotes => "quotes".to_owned(),
        StreamKind::Depth => "depth".to_owned(),
        StreamKind::Book(levels) => format!("book of {levels} levels"),
        StreamKind::Klines(seconds) => format!("klines of {seconds} s"),
        StreamKind::Ticker => "ticker".to_owned(),
    }
}

fn as_json(file: &Path, examination: &Examination, grant: Option<&GrantStep>) -> Value {
    let refusal = examination.outcome.as_ref().err();
    let taken = refusal.is_none() && grant.is_none_or(|grant| grant.problems.is_empty());
    json!({
        "file": file.display().to_string(),
        "verdict": if taken { "taken" } else { "refused" },
        "refusal": refusal.map(|refusal| json!({
            "code": refusal.code(), "message": refusal.to_string(), "detail": refusal,
        })),
        "steps": examination.steps,
        "grant": grant.map(|grant| json!({
            "table": grant.table, "order_types": grant.order_types, "problems": grant.problems,
        })),
    })
}

fn verdict(refused: bool) -> &'static str {
    if refused { "REFUSED" } else { "ok" }
}

fn as_table(examination: &Examination, grant: Option<&GrantStep>) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    // Writing to a String can't fail.
    let mut line = |words: String| {
        let _ = writeln!(text, "{words}");
    };
    for Step { name, took, findings, refusal } in &examination.steps {
        let millis = took.as_secs_f64() * 1e3;
        line(format!("{:<50} {:>10.1} ms  {}", name.words(), millis, verdict(refusal.is_some())));
        for finding in findings {
            let limit = finding.limit.map_or_else(String::new, |limit| format!("of {limit}"));
            line(format!("    {:<24} {:>14} {limit}", finding.what, finding.value.to_string()).trim_end().to_owned());
        }
        if let Some(refusal) = refusal {
            line(format!("    {}: {refusal}", refusal.code()));
        }
    }
    if let Some(grant) = grant {
        line(format!("{:<64}  {}", format!("held against {}", grant.table), verdict(!grant.problems.is_empty())));
        let orders = if grant.order_types.is_empty() { "none".to_owned() } else { grant.order_types.join(", ") };
        line(format!("    {:<24} {orders}", "orders"));
        for problem in &grant.problems {
            line(format!("    {problem}"));
        }
    }
    text
}

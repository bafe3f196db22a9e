//! A run in virtual time: plugins of the folder on a recording or a generated market.

use std::cell::Cell;
use std::io::{IsTerminal, Write as _};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Instant;

use anyhow::{Context as _, bail};
use ringfence_backtest::{BacktestError, Progress, Run, RunConfig, Source, Told};
use ringfence_model::{Balance, Decimal, Micros, Timestamp};
use ringfence_sandbox::{NoSnapshot, Refusal, Sandbox, SandboxConfig, Snapshot};

use crate::args::RunArgs;
use crate::config::{Config, VenueKind};
use crate::grants::Grants;
use crate::live::plugin_log::{Line, PluginLog};
use crate::live::{messages_per_second, refuse_archive, stray_tables};
use crate::summary::{Messages, PluginSummary, Refused, Summary, Timing, account_lines, ledger_difference};

/// One way to the venue: what a host near it sees, rounded up.
const LATENCY: Micros = Micros::from_millis(5);
/// Where a generated market starts: 2026-01-01, so that a run doesn't depend on today.
const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);
/// Length of a generated market when nobody says.
const LENGTH: Micros = Micros::from_secs(60);

/// Plays the market to its end.
pub(crate) fn run(args: &RunArgs, config: Config) -> anyhow::Result<Summary> {
    if config.venue.kind != VenueKind::Sim {
        bail!("--speed max runs in virtual time on the simulated exchange; set [venue] kind = \"sim\" or leave it out");
    }
    let started = Instant::now();
    let source = match &args.replay {
        Some(path) => {
            refuse_archive(path)?;
            Source::Recording(path.clone())
        }
        None => Source::Generator {
            length: args.length.map_or(LENGTH, |length| Micros(u64::try_from(length.as_micros()).unwrap_or(u64::MAX))),
            symbols: config.venue.symbols.clone(),
        },
    };
    let mode = if args.replay.is_some() { "replay" } else { "backtest" };
    let sandbox = Sandbox::new(SandboxConfig::host())?;
    sandbox.set_trust(config.trust());
    let mut run = Run::open(
        RunConfig {
            source,
            seed: config.sim.seed,
            balances: config.sim.balances.clone(),
            latency: LATENCY,
            start: START,
            length: args
                .replay
                .as_ref()
                .and(args.length)
                .map(|length| Micros(u64::try_from(length.as_micros()).unwrap_or(u64::MAX))),
        },
        std::sync::Arc::clone(&sandbox),
    )?;
    let instruments = run.instruments().to_vec();
    let before: Vec<Balance> = config
        .sim
        .balances
        .iter()
        .map(|(asset, free)| Balance { asset: asset.clone(), free: *free, locked: Decimal::ZERO })
        .collect();
    let mut grants = Grants::new(config.clone(), instruments.clone(), &before);
    let mut refused = Vec::new();
    let mut seats = 0usize;
    for file in wasm_files(&args.plugins)? {
        let label = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match seat(&mut run, &sandbox, &mut grants, &file) {
            Ok(()) => seats = seats.saturating_add(1),
            Err(error) => {
                let reason = format!("{error:#}");
                crate::view::line(&format!("{label}: refused: {reason}"));
                refused.push(Refused { file: label, code: code(&error), reason });
            }
        }
    }
    if seats == 0 {
        bail!("no plugin of {} can run here; see the reasons above", args.plugins.display());
    }
    let (log, log_thread) = match PluginLog::start(&args.state) {
        Ok((log, thread)) => (Some(log), Some(thread)),
        Err(error) => {
            crate::view::line(&format!("plugins' logs can't be kept in {}: {error}", args.state.display()));
            (None, None)
        }
    };
    let lines = Rc::new(Cell::new(0u64));
    let counted = Rc::clone(&lines);
    run.listen(move |now, name, told| {
        let (level, message) = match told {
            Told::Log(level, message) => (format!("{level:?}").to_lowercase(), message),
            Told::Fault { reason, quarantined } => {
                let what = if quarantined { "quarantined" } else { "fault" };
                crate::view::line(&format!("{name}: {what}: {reason}"));
                ("host".to_owned(), format!("{what}: {reason}"))
            }
        };
        counted.set(counted.get().saturating_add(1));
        if let Some(log) = &log {
            log.write(name, Line { ts: now.0, level, message });
        }
    });
    let names = run.names();
    for stray in stray_tables(&config, names.into_iter(), &refused) {
        crate::view::line(&stray);
    }
    let on_terminal = std::io::stderr().is_terminal();
    let mut progress = |progress: Progress| {
        if on_terminal {
            let elapsed = started.elapsed().as_secs_f64();
            // A terminal that is gone is no reason to stop.
            drop(write!(std::io::stderr(), "\r{} messages, {elapsed:.1} s", progress.received));
        }
    };
    let playing = Instant::now();
    let report = run.play(&mut progress)?;
    let wall = playing.elapsed();
    if on_terminal {
        crate::view::line("");
    }
    if let Some(thread) = log_thread {
        // Its sender went with the run, so it ends with its last line; one that panicked has told so.
        drop(thread.join());
        if lines.get() > 0 {
            let (lines, state) = (lines.get(), args.state.display());
            crate::view::line(&format!(
                "the plugins wrote {lines} lines: `ringfence logs NAME`, files in {state}/logs"
            ));
        }
    }
    #[allow(clippy::cast_precision_loss, reason = "a length for people")]
    let duration_s = report.length.0 as f64 / 1e6;
    Ok(Summary {
        mode,
        venue: VenueKind::Sim.name(),
        duration_s,
        messages: Messages { received: report.received, unparsed: report.unparsed },
        plugins: report.seats.iter().map(|seat| PluginSummary::new(seat, &instruments)).collect(),
        refused,
        account: account_lines(&report.account),
        ledger_difference: ledger_difference(&before, &report.account, &report.seats),
        left_open: report.left_open,
        problems: report.problems,
        timing: Timing {
            wall_s: started.elapsed().as_secs_f64(),
            messages_per_s: messages_per_second(report.received, wall),
        },
    })
}

/// The word for machines of why a file is not taken.
fn code(error: &anyhow::Error) -> &'static str {
    let of_seat = error.downcast_ref::<BacktestError>().and_then(|error| match error {
        BacktestError::Plugin { refusal, .. } => Some(refusal),
        _ => None,
    });
    // What is left is the operator's own: a grant that can't be made.
    of_seat.or_else(|| error.downcast_ref::<Refusal>()).map_or("operator", Refusal::code)
}

/// The `.wasm` files of a folder, by name.
fn wasm_files(dir: &std::path::Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(dir)
        .with_context(|| format!("can't read the plugin folder {}; name another with --plugins DIR", dir.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("can't read the plugin folder {}", dir.display()))?.path();
        // Links and folders too: they are refused in words.
        if path.extension().is_some_and(|extension| extension == "wasm") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn seat(run: &mut Run, sandbox: &Sandbox, grants: &mut Grants, file: &std::path::Path) -> anyhow::Result<()> {
    let snapshot = match Snapshot::take(file, sandbox.budgets().file_bytes) {
        Ok(snapshot) => snapshot,
        Err(NoSnapshot::Gone) => bail!("it is gone again"),
        Err(NoSnapshot::Refused(refusal)) => return Err(refusal.into()),
    };
    let name = snapshot.name().to_owned();
    let plugin = sandbox.admit_file(&snapshot)?;
    let parameters = grants.parameters(&name, plugin.manifest()).map_err(anyhow::Error::msg)?;
    let config = grants.seat(&name).map_err(anyhow::Error::msg)?;
    run.seat(plugin, config, parameters, grants.settings(&name))?;
    Ok(())
}

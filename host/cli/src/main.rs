//! `ringfence`: runs sandboxed trading strategies.
//!
//! | module | holds |
//! |--|--|
//! | [`args`] | the command line |
//! | [`budgets`], [`check`], [`halt`], [`inspect`], [`logs`], [`plugins`], [`sign`] | a command each |
//! | [`config`] | `ringfence.toml` |
//! | [`control`] | the socket by which an operator speaks with a running host |
//! | [`credentials`] | API keys from store, file or environment |
//! | [`doctor`] | `ringfence doctor`: does everything work that a run needs? |
//! | [`grants`] | what a plugin gets, from the configuration and its own wishes |
//! | [`keys`] | `ringfence keys`: the encrypted key store |
//! | [`live`] | the wiring over sockets: exchange or Binance, engine thread, plugins |
//! | [`lockstep`] | the wiring in virtual time |
//! | [`places`] | where the user's files live |
//! | [`sim`] | the simulated exchange as a server |
//! | [`summary`] | the figures at the end, as JSON and as a table |
//! | [`view`] | what a person sees while it runs |

#![forbid(unsafe_code)]

/// A line for whoever reads the output.
macro_rules! say {
    ($($words:tt)*) => { $crate::view::out(&format!("{}\n", format_args!($($words)*))) };
}

mod args;
mod budgets;
mod check;
mod config;
mod control;
mod credentials;
mod doctor;
mod grants;
mod halt;
mod inspect;
mod keys;
mod live;
mod lockstep;
mod logs;
mod places;
mod plugins;
mod sign;
mod sim;
mod summary;
mod view;

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;

use args::{Args, Command, RunArgs, Speed};
use config::Config;

fn main() -> ExitCode {
    // The sandbox starts this program again to compile a plugin; that one is to do nothing else.
    if let Some(code) = ringfence_sandbox::compiler::child::run_if_asked(std::env::args_os()) {
        return code;
    }
    let args = Args::parse();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_env("RINGFENCE_LOG").unwrap_or_else(|_| "warn".into()))
        .with_writer(|| view::Diagnostics)
        // A line of the live view has no escapes.
        .with_ansi(false)
        .with_target(false)
        .init();
    let run = match args.command {
        Command::Run(run) => run,
        Command::Sim(args) => return sim::run(&args),
        Command::Plugins(args) => return end(plugins::run(&args)),
        Command::Logs(args) => return end(logs::run(&args)),
        Command::Halt(host) => return end(halt::run(&host, &control::Request::Halt)),
        Command::Resume(host) => return end(halt::run(&host, &control::Request::Unhalt)),
        Command::Budgets(args) => return end(budgets::run(&args)),
        Command::Keys(args) => return end(keys::run(&args)),
        Command::Doctor(args) => return doctor_command(&args),
        Command::Sign(args) => return end(sign::run(&args)),
        Command::Check(args) => return with_config(args.config.as_deref(), |config| check::run(&args, config)),
        Command::Inspect(args) => return with_config(args.config.as_deref(), |config| inspect::run(&args, &config)),
    };
    if run.replay.is_none() && matches!(run.speed, Some(Speed::Times(_))) {
        view::line(
            "error: --speed N plays a recording: name it with --replay FILE, or use --speed max for a generated market",
        );
        return ExitCode::from(2);
    }
    with_config(run.config.as_deref(), |mut config| {
        if let Some(seed) = run.seed {
            config.sim.seed = seed;
        }
        start(&run, config)
    })
}

/// Does something with the configuration, if that is sound.
fn with_config(file: Option<&Path>, run: impl FnOnce(Config) -> anyhow::Result<()>) -> ExitCode {
    match config_of(file) {
        Ok(config) => end(run(config)),
        Err(error) => {
            view::line(&error.to_string());
            ExitCode::from(2)
        }
    }
}

/// The exit code of what a command came to; its error is told.
fn end(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            view::line(&format!("error: {}", whole(&error)));
            ExitCode::FAILURE
        }
    }
}

/// An error with its causes. Some say their cause themselves; nothing is said twice.
fn whole(error: &anyhow::Error) -> String {
    error.chain().skip(1).fold(error.to_string(), |told, cause| match cause.to_string() {
        cause if told.contains(&cause) => told,
        cause => format!("{told}: {cause}"),
    })
}

fn doctor_command(args: &doctor::DoctorArgs) -> ExitCode {
    let mut config = match config_of(args.config.as_deref()) {
        Ok(config) => config,
        Err(error) => {
            view::line(&error.to_string());
            return ExitCode::from(2);
        }
    };
    if let Some(kind) = args.venue.as_deref().and_then(config::VenueKind::of) {
        if kind != config.venue.kind {
            // Other addresses in the file are another venue's.
            (config.venue.rest_url, config.venue.stream_url, config.venue.ws_api_url) = (None, None, None);
        }
        config.venue.kind = kind;
    }
    match doctor::run(args, config) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => end(Err(error)),
    }
}

/// The named file, or `ringfence.toml` of this folder if there is one, or the defaults.
fn config_of(file: Option<&Path>) -> Result<Config, config::ConfigError> {
    let here = Path::new("ringfence.toml");
    match file {
        Some(file) => Config::read(file),
        None if here.exists() => Config::read(here),
        None => Ok(Config::default()),
    }
}

fn start(run: &RunArgs, config: Config) -> anyhow::Result<()> {
    let summary = match run.speed {
        Some(Speed::Max) => lockstep::run(run, config)?,
        _ => live::run(run, config)?,
    };
    let text = if run.json { format!("{}\n", serde_json::to_string_pretty(&summary)?) } else { summary.table() };
    // Not `print!`: a closed pipe is an error to tell, not a panic.
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("can't print the summary")
}

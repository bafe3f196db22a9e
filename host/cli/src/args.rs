//! The command line. Only meaning of words, no behaviour.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};

/// Runs sandboxed trading strategies on Binance, or on an exchange of its own.
#[derive(Debug, Parser)]
#[command(name = "ringfence", version, about)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs every strategy of a folder; by default on the embedded simulated exchange.
    Run(RunArgs),
    /// Looks whether everything works that a run needs: venue, clock, keys, limits, streams.
    Doctor(crate::doctor::DoctorArgs),
    /// Keeps API keys in an encrypted store.
    Keys(crate::keys::KeysArgs),
    /// Serves the simulated exchange to any Binance client: REST, streams, WebSocket API.
    Sim(crate::sim::SimArgs),
    /// What runs in a host of this folder, and commands to it.
    Plugins(PluginsArgs),
    /// What a plugin wrote.
    Logs(LogsArgs),
    /// Stops trading of a running host: no new orders of any plugin; cancels go on.
    Halt(HostArgs),
    /// Lets a halted host trade again.
    Resume(HostArgs),
    /// Every limit of a plugin: default, range, reason, and what happens beyond it.
    Budgets(BudgetsArgs),
    /// Whether a plugin's file would be taken: every step of admission, value, limit, verdict.
    Check(FileArgs),
    /// What a plugin is, imports, wishes for and can be set to.
    Inspect(FileArgs),
    /// Signs a plugin's file, or makes the keys for it.
    Sign(SignArgs),
}

/// A plugin's file, and the configuration that it is held against.
#[derive(Debug, clap::Args)]
pub(crate) struct FileArgs {
    /// The plugin's .wasm file.
    pub(crate) file: PathBuf,
    /// Configuration; `ringfence.toml` of this folder is read if there is one.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Prints JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct SignArgs {
    /// The plugin's .wasm file; the signature is written beside it as FILE.minisig.
    #[arg(required_unless_present = "generate")]
    pub(crate) file: Option<PathBuf>,
    /// The secret key, as --generate made it.
    #[arg(long, default_value = "ringfence.key", value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// Makes a new key pair first: KEY and KEY.pub, neither of which may be there.
    #[arg(long)]
    pub(crate) generate: bool,
    /// Prints JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which host, and how it is told.
#[derive(Debug, clap::Args)]
pub(crate) struct HostArgs {
    /// State folder of the host.
    #[arg(long, default_value = STATE, value_name = "DIR", global = true)]
    pub(crate) state: PathBuf,
    /// Prints JSON.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// The state folder, beside `ringfence.toml`.
const STATE: &str = ".ringfence";

#[derive(Debug, clap::Args)]
pub(crate) struct PluginsArgs {
    #[command(subcommand)]
    pub(crate) command: PluginsCommand,
    #[command(flatten)]
    pub(crate) host: HostArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PluginsCommand {
    /// All plugins and how they do.
    List,
    /// Gives a plugin no more events; its open orders end by its `on_fault` policy.
    Pause { name: String },
    /// Lets a plugin go on: after a pause, before its restart is due, or out of quarantine.
    Resume { name: String },
    /// Takes a plugin's file again.
    Reload { name: String },
    /// Goes back to the file before.
    Rollback { name: String },
    /// All generations of a plugin since the host started.
    History { name: String },
}

#[derive(Debug, clap::Args)]
pub(crate) struct LogsArgs {
    /// The plugin.
    pub(crate) name: String,
    /// Goes on with what comes.
    #[arg(short = 'f', long)]
    pub(crate) follow: bool,
    /// How many of the last lines.
    #[arg(short = 'n', long, default_value_t = 50, value_name = "N")]
    pub(crate) lines: usize,
    #[command(flatten)]
    pub(crate) host: HostArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct BudgetsArgs {
    /// Prints the document host/sandbox/BUDGETS.md.
    #[arg(long, conflicts_with = "json")]
    pub(crate) markdown: bool,
    /// Prints JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// Folder of the strategies' .wasm files.
    #[arg(long, default_value = "plugins", value_name = "DIR")]
    pub(crate) plugins: PathBuf,
    /// Configuration; `ringfence.toml` of this folder is read if there is one.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Folder of the control socket and the plugins' logs.
    #[arg(long, default_value = STATE, value_name = "DIR")]
    pub(crate) state: PathBuf,
    /// Stops after this long: 30s, 5m, 1h.
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration)]
    pub(crate) length: Option<Duration>,
    /// Plays a recording instead of a generated market.
    #[arg(long, value_name = "FILE")]
    pub(crate) replay: Option<PathBuf>,
    /// Speed of a replay: 1, 10, or max: as fast as it goes, in virtual time, the same each time.
    #[arg(long, value_name = "N|max", value_parser = parse_speed)]
    pub(crate) speed: Option<Speed>,
    /// Seed of the generated market and of the strategies' random numbers.
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Prints the summary as one JSON object; everything else goes to standard error.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How fast a market is played.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Speed {
    Times(f64),
    Max,
}

fn parse_speed(text: &str) -> Result<Speed, String> {
    if text == "max" {
        return Ok(Speed::Max);
    }
    match text.parse::<f64>() {
        Ok(times) if times.is_finite() && times > 0.0 && times <= 1_000.0 => Ok(Speed::Times(times)),
        _ => Err("must be a number above 0 and up to 1000, or max".to_owned()),
    }
}

pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text.get(digits.len()..).unwrap_or_default();
    let wrong = || "must be a time above 0 such as 500ms, 30s, 5m or 1h".to_owned();
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let millis = match unit {
        "ms" => Some(number),
        "s" | "" => number.checked_mul(1_000),
        "m" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        _ => None,
    };
    millis.filter(|millis| *millis > 0).map(Duration::from_millis).ok_or_else(wrong)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        assert_eq!(parse_duration("20s").unwrap(), Duration::from_secs(20));
        assert_eq!(parse_duration("5m").unwrap(), Duration::from_secs(300));
        assert_eq!(parse_duration("7").unwrap(), Duration::from_secs(7));
        for wrong in ["", "s", "0s", "1d", "-1s", "1.5s", "99999999999999999h"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn speeds() {
        assert_eq!(parse_speed("max").unwrap(), Speed::Max);
        assert_eq!(parse_speed("2.5").unwrap(), Speed::Times(2.5));
        for wrong in ["0", "-1", "NaN", "inf", "fast"] {
            assert!(parse_speed(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Args::command().debug_assert();
    }
}

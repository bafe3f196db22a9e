//! `ringfence doctor`: does everything work that a run needs? One line each, in plain words.
//! Trades nothing. Exit code 0 if a run would work, else 1.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ringfence_binance::client::checkup::{Checkup, Permissions};
use ringfence_binance::credentials::KeyKind;
use ringfence_binance::{Client, ClientConfig, ClientError, ClientEvent};
use ringfence_model::StreamKind;
use ringfence_model::venue::VenueEvent;
use serde::Serialize;
use tokio::sync::mpsc;

use crate::config::{Config, VenueKind};
use crate::{credentials, live};

/// How long the first message of a stream may take.
const STREAM_WITHIN: Duration = Duration::from_secs(15);
/// A clock that is known worse than this makes requests fail now and then.
const DOUBT_MS: u64 = 500;
/// Of a limit that is used, in percent, when it is told.
const NEARLY_USED: u64 = 80;

#[derive(Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    /// Configuration; `ringfence.toml` of this folder is read if there is one.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Looks at this venue instead of the configured one.
    #[arg(long, value_name = "KIND", value_parser = ["sim", "paper", "binance-testnet", "binance-demo", "binance"])]
    pub(crate) venue: Option<String>,
    /// Prints one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Warning,
    Failed,
    /// Something before it failed.
    Skipped,
}

#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    verdict: Verdict,
    says: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

#[derive(Debug, Serialize)]
struct LimitLine {
    name: String,
    used: u64,
    limit: u64,
}

/// What the look has found.
#[derive(Debug, Default, Serialize)]
struct Report {
    healthy: bool,
    venue: &'static str,
    rest_url: String,
    checks: Vec<Finding>,
    /// Of the venue's clock over this machine's, and how far that may be off.
    #[serde(skip_serializing_if = "Option::is_none")]
    clock_offset_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    clock_doubt_ms: Option<u64>,
    limits: Vec<LimitLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    permissions: Option<Permissions>,
    /// The venue knows what a key may do: silence of it is no good sign.
    #[serde(skip)]
    has_wallet: bool,
}

/// Where nobody says whether a key may withdraw.
const LOOK_YOURSELF: &str = "look at the key's page at the venue: withdrawals must be off";

/// Looks, and tells; whether a run would work.
pub(crate) fn run(args: &DoctorArgs, config: Config) -> anyhow::Result<bool> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let report = runtime.block_on(examine(config));
    runtime.shutdown_timeout(Duration::from_secs(1));
    let report = report?;
    if args.json {
        say!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        crate::view::out(&report.table(std::io::stdout().is_terminal()));
    }
    Ok(report.healthy)
}

async fn examine(config: Config) -> anyhow::Result<Report> {
    let kind = config.venue.kind;
    let mut report = Report { venue: kind.name(), has_wallet: kind == VenueKind::Binance, ..Report::default() };
    let (client, server) = if config.venue.kind.is_embedded() {
        let (client, server) = live::sim_client(&config).await?;
        (client, Some(server))
    } else {
        let keys = credentials::of_venue(&config.venue);
        let keys = keys.map_err(|error| {
            let advice = "without keys only market data works";
            report.add("key", Verdict::Failed, format!("{error:#}"), Some(advice));
        });
        (live::client_config(&config.venue, keys.ok()), None)
    };
    report.rest_url = client.rest_url.clone();
    report.look(&client, &config.venue.symbols).await;
    if let Some(server) = server {
        server.stop().await;
    }
    report.healthy = report.checks.iter().all(|finding| finding.verdict != Verdict::Failed);
    Ok(report)
}

impl Report {
    fn add(&mut self, check: &'static str, verdict: Verdict, says: impl Into<String>, advice: Option<&str>) {
        self.checks.push(Finding { check, verdict, says: says.into(), advice: advice.map(str::to_owned) });
    }

    fn skip(&mut self, checks: &[&'static str], because: &str) {
        for check in checks {
            self.add(check, Verdict::Skipped, because, None);
        }
    }

    async fn look(&mut self, client: &ClientConfig, symbols: &[String]) {
        let checkup = match Checkup::new(client.clone(), Arc::new(|event| tracing::debug!(?event, "doctor"))) {
            Ok(checkup) => checkup,
            Err(error) => return self.add("connection", Verdict::Failed, error.to_string(), None),
        };
        let reached = self.connection(&checkup).await;
        if reached {
            self.clock(&checkup, client.recv_window_ms).await;
            let listed = self.rules(&checkup, symbols).await;
            let key_works = self.key(&checkup, client).await;
            checkup.save();
            if listed {
                self.market_stream(client, symbols).await;
                if key_works {
                    self.user_stream(client, symbols).await;
                }
            } else {
                self.skip(&["market stream"], "the symbols must be right first");
            }
        } else {
            self.skip(&["clock", "limits", "market stream"], "the venue can't be reached");
        }
    }

    async fn connection(&mut self, checkup: &Checkup) -> bool {
        match checkup.ping().await {
            Ok(took) => {
                self.add("connection", Verdict::Ok, format!("REST answers in {} ms", took.0.div_ceil(1_000)), None);
                true
            }
            Err(error) => {
                let advice = "is the address right, and does the network let it through?";
                self.add("connection", Verdict::Failed, error.to_string(), Some(advice));
                false
            }
        }
    }

    async fn clock(&mut self, checkup: &Checkup, recv_window_ms: u64) {
        let estimate = match checkup.clock().await {
            Ok(estimate) => estimate,
            Err(error) => return self.add("clock", Verdict::Failed, error.to_string(), None),
        };
        let doubt = estimate.doubt.0.div_ceil(1_000);
        (self.clock_offset_ms, self.clock_doubt_ms) = (Some(estimate.offset_us / 1_000), Some(doubt));
        if let Some(wrong) = Checkup::wrong_clock(&estimate) {
            let advice = "requests are corrected by that; still, start the machine's time service (NTP)";
            return self.add("clock", Verdict::Warning, wrong, Some(advice));
        }
        let says = format!(
            "{} ms apart from the venue's, give or take {doubt} ms; requests are valid for {recv_window_ms} ms",
            estimate.offset_us / 1_000
        );
        if doubt > DOUBT_MS {
            self.add("clock", Verdict::Warning, says, Some("the connection is slow; requests may come too late"));
        } else {
            self.add("clock", Verdict::Ok, says, None);
        }
    }

    async fn rules(&mut self, checkup: &Checkup, symbols: &[String]) -> bool {
        let rules = match checkup.rules(symbols).await {
            Ok(rules) => rules,
            Err(error) => {
                let advice = "see [venue] symbols in ringfence.toml";
                self.add("symbols", Verdict::Failed, error.to_string(), Some(advice));
                self.skip(&["limits"], "the venue's rules are not known");
                return false;
            }
        };
        let closed: Vec<_> = rules.symbols.iter().filter(|(_, status)| status != "TRADING").collect();
        if closed.is_empty() {
            let names: Vec<_> = rules.symbols.iter().map(|(symbol, _)| symbol.as_str()).collect();
            self.add("symbols", Verdict::Ok, format!("{} trade", names.join(", ")), None);
        }
        for (symbol, status) in closed {
            self.add("symbols", Verdict::Warning, format!("{symbol} does not trade now: {status}"), None);
        }
        let near = |(_, used, limit): &&(String, u64, u64)| {
            *limit > 0 && used.saturating_mul(100) / (*limit).max(1) >= NEARLY_USED
        };
        let nearly: Vec<_> = rules.limits.iter().filter(near).map(|(name, ..)| name.as_str()).collect();
        let all: Vec<_> = rules.limits.iter().map(|(name, used, limit)| format!("{name} {used} of {limit}")).collect();
        if nearly.is_empty() {
            self.add("limits", Verdict::Ok, all.join(", "), None);
        } else {
            let advice =
                format!("{} nearly used up: does another program use this address or account?", nearly.join(", "));
            self.add("limits", Verdict::Warning, all.join(", "), Some(&advice));
        }
        self.limits = rules.limits.into_iter().map(|(name, used, limit)| LimitLine { name, used, limit }).collect();
        true
    }

    /// Whether the venue takes the key.
    async fn key(&mut self, checkup: &Checkup, client: &ClientConfig) -> bool {
        // Without one it was told before.
        let Some(credentials) = &client.credentials else {
            return false;
        };
        let kind = credentials.kind();
        self.key_kind = Some(kind.name());
        match checkup.account_may_trade().await {
            Err(error) => {
                let advice = refused_key(&error);
                self.add("key", Verdict::Failed, error.to_string(), advice);
                return false;
            }
            Ok(may_trade) => {
                let advice = (kind == KeyKind::Hmac).then_some("the venue calls HMAC keys deprecated; prefer Ed25519");
                self.add("key", Verdict::Ok, format!("the venue takes it; kind {}", kind.name()), advice);
                if !may_trade {
                    self.add("account", Verdict::Failed, "the account may not trade", Some("ask the venue why"));
                }
            }
        }
        match checkup.permissions().await {
            Ok(Some(permissions)) => self.permissions(permissions),
            Ok(None) if self.has_wallet => {
                self.add("permissions", Verdict::Warning, "nobody told what the key may do", Some(LOOK_YOURSELF));
            }
            Ok(None) => self.add("permissions", Verdict::Ok, "this venue does not tell what a key may do", None),
            Err(error) => self.add("permissions", Verdict::Warning, error.to_string(), Some(LOOK_YOURSELF)),
        }
        true
    }

    fn permissions(&mut self, may: Permissions) {
        self.permissions = Some(may);
        let mut sound = true;
        let mut warn = |report: &mut Report, verdict, says: &str, advice: &str| {
            sound = false;
            report.add("permissions", verdict, says, Some(advice));
        };
        if may.enable_withdrawals {
            let says = "THIS KEY MAY WITHDRAW: whoever gets it can take all of the money away";
            warn(
                self,
                Verdict::Warning,
                says,
                "switch withdrawals off for this key at the venue, now; trading never needs them",
            );
        }
        if may.enable_internal_transfer || may.permits_universal_transfer {
            let says = "the key may move money between accounts";
            warn(self, Verdict::Warning, says, "switch it off at the venue; trading never needs it");
        }
        if !may.enable_reading || !may.enable_spot_and_margin_trading {
            let says = "the key may not trade";
            warn(self, Verdict::Failed, says, "enable reading and spot trading for it at the venue");
        }
        if !may.ip_restrict {
            let says = "the key works from any address";
            warn(self, Verdict::Warning, says, "list this machine's address for it at the venue");
        }
        if sound {
            self.add("permissions", Verdict::Ok, "reading and spot trading, from listed addresses only", None);
        }
    }

    async fn market_stream(&mut self, client: &ClientConfig, symbols: &[String]) {
        const CHECK: &str = "market stream";
        let config = ClientConfig { credentials: None, ..client.clone() };
        let (sender, mut inbox) = mpsc::unbounded_channel();
        let sink = Arc::new(move |event| drop(sender.send(event)));
        let (client, instruments) = match Client::connect(config, symbols, sink).await {
            Ok(connected) => connected,
            Err(error) => return self.add(CHECK, Verdict::Failed, error.to_string(), None),
        };
        for instrument in &instruments {
            client.subscribe(instrument.id, StreamKind::Quotes);
        }
        let mut last = "nothing came".to_owned();
        let first = async {
            while let Some(event) = inbox.recv().await {
                match event {
                    ClientEvent::Venue { event: VenueEvent::Market(_), .. } => return true,
                    ClientEvent::Notice(text) | ClientEvent::Alarm(text) | ClientEvent::Unparsed { error: text } => {
                        last = text;
                    }
                    ClientEvent::Venue { .. } | ClientEvent::Stream { .. } => {}
                }
            }
            false
        };
        let alive = tokio::time::timeout(STREAM_WITHIN, first).await == Ok(true);
        client.close().await;
        if alive {
            self.add(CHECK, Verdict::Ok, "prices arrive", None);
        } else {
            let says = format!("no price within {} s: {last}", STREAM_WITHIN.as_secs());
            self.add(CHECK, Verdict::Failed, says, Some("does the network let WebSockets through?"));
        }
    }

    async fn user_stream(&mut self, client: &ClientConfig, symbols: &[String]) {
        const CHECK: &str = "user stream";
        match Client::connect(client.clone(), symbols, Arc::new(|_| {})).await {
            Ok((client, _)) => {
                client.close().await;
                self.add(CHECK, Verdict::Ok, "the venue tells what happens to orders", None);
            }
            Err(error) => self.add(CHECK, Verdict::Failed, error.to_string(), None),
        }
    }

    fn table(&self, colour: bool) -> String {
        let mut text = format!("venue {} at {}\n", self.venue, self.rest_url);
        for finding in &self.checks {
            let (word, code) = match finding.verdict {
                Verdict::Ok => ("ok", "32"),
                Verdict::Warning => ("WARNING", "33"),
                Verdict::Failed => ("FAILED", "31"),
                Verdict::Skipped => ("skipped", "2"),
            };
            let padded = format!("{word:<8}");
            let word = if colour { format!("\x1b[{code}m{padded}\x1b[0m") } else { padded };
            text.push_str(&format!("  {word} {:<14} {}\n", finding.check, finding.says));
            if let Some(advice) = &finding.advice {
                text.push_str(&format!("{:26}→ {advice}\n", ""));
            }
        }
        text.push_str(if self.healthy { "A run would work.\n" } else { "A run would not work; see above.\n" });
        text
    }
}

/// What to do when the venue refuses a key.
fn refused_key(error: &ClientError) -> Option<&'static str> {
    let ClientError::Refused { body, .. } = error else {
        return None;
    };
    [
        (
            "-2015",
            "is it a key of this venue (live, testnet and demo have their own), and is this address on its list?",
        ),
        ("-2014", "the API key is damaged; copy it again"),
        ("-1022", "the secret does not belong to this API key"),
        ("-1021", "the clock: see above"),
    ]
    .into_iter()
    .find_map(|(code, advice)| body.contains(code).then_some(advice))
}

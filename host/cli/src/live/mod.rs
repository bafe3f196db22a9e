//! A run over sockets: the embedded exchange (or Binance), the client, the engine's
//! thread and the plugins. Each part lives in its own room; here they are only joined.
//!
//! | module | holds |
//! |--|--|
//! | [`hub`] | the engine's thread |
//! | [`courier`] | carries approved commands to the venue and answers back |
//! | [`operator`] | grants of plugins, and the configuration that may change while they run |
//! | [`leftovers`] | open orders of an earlier run |
//! | [`desk`] | what the control socket answers |
//! | [`plugin_log`] | plugins' logs in files |

mod courier;
mod desk;
mod hub;
mod leftovers;
mod operator;
pub(crate) mod plugin_log;

use std::collections::{BTreeSet, HashMap};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Parser as _;
use ringfence_binance::limits::SocketLimits;
use ringfence_binance::{Client, ClientConfig, ClientEvent, Credentials};
use ringfence_exchange::recording::archive::is_archive;
use ringfence_exchange::recording::{first_time, symbol_of};
use ringfence_exchange::server::{self, Market, ServerHandle};
use ringfence_exchange::{AccountConfig, Exchange, ExchangeConfig, SymbolConfig};
use ringfence_model::strategy::Mode;
use ringfence_model::{Balance, Timestamp};
use ringfence_sandbox::{Fleet, FleetConfig, FleetEvent, LogLevel, Sandbox, SandboxConfig};

use crate::args::{Args, Command, RunArgs, Speed};
use crate::config::{Config, VenueConfig, VenueKind, distance};
use crate::control::server::Server;
use crate::grants::Grants;
use crate::summary::{Messages, PluginSummary, Refused, Summary, Timing, account_lines, ledger_difference};
use crate::view::{Feed, Picture, View, Wish};
use crate::{credentials, places};
use hub::{Hub, HubSender, Input};
use operator::LiveOperator;
use plugin_log::{Line, PluginLog};

/// How often the account is asked for at the end, a second apart.
const ACCOUNT_TRIES: u32 = 5;
/// How long open orders may take to end at the close.
const CLOSE_DEADLINE: Duration = Duration::from_secs(10);
/// How often the view is drawn and the end is looked for.
const BEAT: Duration = Duration::from_millis(200);

/// Runs until the time is over, the recording ends, or the operator stops it.
pub(crate) fn run(args: &RunArgs, config: Config) -> anyhow::Result<Summary> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let summary = runtime.block_on(run_async(args, config));
    runtime.shutdown_timeout(Duration::from_secs(1));
    summary
}

/// The venue as this run reaches it.
struct Venue {
    client: ClientConfig,
    symbols: Vec<String>,
    mode: Mode,
    server: Option<ServerHandle>,
}

async fn open_venue(args: &RunArgs, config: &Config) -> anyhow::Result<Venue> {
    match config.venue.kind {
        VenueKind::Sim | VenueKind::Paper => open_embedded(args, config).await,
        kind => {
            if args.replay.is_some() {
                bail!("--replay plays on the simulated exchange; set [venue] kind = \"sim\" or leave it out");
            }
            open_binance(config, kind)
        }
    }
}

/// The embedded exchange with its market: generated, recorded, or a real one as it happens.
async fn open_embedded(args: &RunArgs, config: &Config) -> anyhow::Result<Venue> {
    let (symbols, market, start) = match &args.replay {
        Some(_) if config.venue.kind == VenueKind::Paper => {
            bail!("--replay brings its own market; leave it out, or set [venue] kind = \"sim\"")
        }
        Some(path) => {
            refuse_archive(path)?;
            let speed = match args.speed {
                Some(Speed::Times(times)) => times,
                _ => 1.0,
            };
            let market = Market::Replay { path: path.clone(), speed };
            (vec![symbol_of(path)?], market, first_time(path)?)
        }
        None => (config.venue.symbols.clone(), own_market(&config.venue), wall_clock()),
    };
    let known = symbols
        .iter()
        .map(|symbol| {
            SymbolConfig::known(symbol).with_context(|| {
                format!("[venue] symbols: the simulated exchange knows no {symbol}; try BTCUSDT or ETHUSDT")
            })
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let account = AccountConfig {
        api_key: "ringfence-sim".to_owned(),
        secret: format!("sim-{:x}", wall_clock().0),
        balances: config.sim.balances.clone(),
        ..AccountConfig::default()
    };
    let credentials = Credentials::new(account.api_key.clone(), account.secret.clone());
    let exchange = Exchange::new(ExchangeConfig {
        seed: config.sim.seed,
        symbols: known,
        accounts: vec![account],
        start,
        ..ExchangeConfig::default()
    })?;
    let handle = server::start(exchange, market, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let client = ClientConfig {
        rest_url: handle.rest_url.clone(),
        stream_url: handle.stream_url.clone(),
        ws_api_url: handle.ws_api_url.clone(),
        credentials: Some(credentials),
        recv_window_ms: config.venue.recv_window_ms,
        sockets: SocketLimits::default(),
        // Each start is a new exchange.
        state_file: None,
    };
    let mode = match config.venue.kind {
        VenueKind::Paper => Mode::Paper,
        _ if args.replay.is_some() => Mode::Replay,
        _ => Mode::Sim,
    };
    Ok(Venue { client, symbols, mode, server: Some(handle) })
}

/// What `sim` plays and `run` does not.
pub(crate) fn refuse_archive(path: &Path) -> anyhow::Result<()> {
    if is_archive(path) {
        bail!(
            "--replay {file}: this is a file of Binance's archive, and `run` replays raw stream messages; \
             `ringfence sim --replay {file}` plays it as a venue, to which [venue] kind = \"binance-testnet\" with its addresses connects",
            file = path.display()
        );
    }
    Ok(())
}

/// Where the prices of the embedded exchange come from when nothing is replayed.
fn own_market(venue: &VenueConfig) -> Market {
    match venue.kind {
        VenueKind::Paper => {
            let (_, official, _) = venue.kind.addresses();
            Market::Paper { url: venue.stream_url.clone().unwrap_or_else(|| official.to_owned()) }
        }
        _ => Market::Generator,
    }
}

/// The embedded exchange and how to reach it, as a run would start it.
pub(crate) async fn sim_client(config: &Config) -> anyhow::Result<(ClientConfig, ServerHandle)> {
    let Command::Run(args) = Args::try_parse_from(["ringfence", "run"])?.command else {
        bail!("`run` is no command");
    };
    let venue = open_embedded(&args, config).await?;
    Ok((venue.client, venue.server.context("the simulated exchange has no server")?))
}

fn open_binance(config: &Config, kind: VenueKind) -> anyhow::Result<Venue> {
    let credentials = credentials::of_venue(&config.venue)?;
    Ok(Venue {
        client: client_config(&config.venue, Some(credentials)),
        symbols: config.venue.symbols.clone(),
        mode: if kind == VenueKind::Binance { Mode::Live } else { Mode::Testnet },
        server: None,
    })
}

/// A real venue as the configuration reaches it.
pub(crate) fn client_config(venue: &VenueConfig, credentials: Option<Credentials>) -> ClientConfig {
    let (rest, stream, ws_api) = venue.kind.addresses();
    let or = |own: &Option<String>, official: &str| own.clone().unwrap_or_else(|| official.to_owned());
    let rest_url = or(&venue.rest_url, rest);
    ClientConfig {
        stream_url: or(&venue.stream_url, stream),
        ws_api_url: or(&venue.ws_api_url, ws_api),
        credentials,
        recv_window_ms: venue.recv_window_ms,
        sockets: SocketLimits::default(),
        state_file: places::limits_state(&rest_url),
        rest_url,
    }
}

/// The time of this machine. Only the venue's clock decides anything later.
pub(crate) fn wall_clock() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

async fn run_async(args: &RunArgs, config: Config) -> anyhow::Result<Summary> {
    let venue = open_venue(args, &config).await?;
    let (hub_sender, hub_inbox) = hub::channel();
    let feed = Feed::new();
    let sink = {
        let (hub, feed) = (hub_sender.clone(), feed.clone());
        Arc::new(move |event: ClientEvent| match event {
            ClientEvent::Venue { received, event } => hub.send(Input::Venue { received, event }),
            // Nobody here asks for what plugins can't have.
            ClientEvent::Stream { .. } => {}
            ClientEvent::Unparsed { error } => feed.problem(error),
            ClientEvent::Notice(text) => feed.say(text),
            ClientEvent::Alarm(text) => {
                feed.problem(text.clone());
                feed.say(text);
            }
        })
    };
    let (client, mut instruments) = Client::connect(venue.client, &venue.symbols, sink)
        .await
        .with_context(|| format!("can't connect to venue {}", config.venue.kind.name()))?;
    // The time of a recording is another one on purpose.
    if let Some(wrong) = client.wrong_clock().filter(|_| venue.mode != Mode::Replay) {
        feed.say(wrong);
    }
    for instrument in &mut instruments {
        // The public filters are known; those of this account alone the venue will tell by refusing.
        if let Err(error) = client.narrow(instrument).await {
            feed.say(format!("filters of this account on {} are not known: {error}", instrument.symbol));
        }
    }
    leftovers::look(&client, &venue.symbols, config.venue.left_over, &feed)
        .await
        .context("can't read the open orders")?;
    let before = client.account().await.context("can't read the account")?;

    let (courier_sender, courier_inbox) = tokio::sync::mpsc::unbounded_channel();
    let hub =
        Hub::start((hub_sender.clone(), hub_inbox), instruments.clone(), client.now(), courier_sender, feed.clone())?;
    let courier = tokio::spawn(courier::run(courier_inbox, client.clone(), hub_sender.clone(), instruments.clone()));

    let sandbox = Sandbox::new(SandboxConfig::host())?;
    let grants = Grants::new(config.clone(), instruments.clone(), &before);
    let operator = LiveOperator::new(grants, config.file.clone(), hub_sender.clone(), feed.clone());
    let fleet_config = FleetConfig {
        dir: args.plugins.clone(),
        workers: std::thread::available_parallelism().map_or(1, usize::from).clamp(1, 8),
        mode: venue.mode,
        seed: config.sim.seed,
        clock: {
            let client = client.clone();
            Arc::new(move || client.now())
        },
    };
    let mut view = View::start(args.json, feed.clone())?;
    let (plugin_log, log_thread) = match PluginLog::start(&args.state) {
        Ok((log, thread)) => (Some(log), Some(thread)),
        Err(error) => {
            feed.say(format!("plugins' logs can't be kept in {}: {error}", args.state.display()));
            (None, None)
        }
    };
    let told = Teller { feed: feed.clone(), log: plugin_log, clock: client.clone() };
    let fleet = tokio::task::spawn_blocking(move || {
        Fleet::start(sandbox, fleet_config, Box::new(operator), Arc::new(move |event| told.tell(event)))
    })
    .await??;
    if fleet.reports().is_empty() && feed.refused().is_empty() {
        feed.say(format!("no plugins in {}: copy a .wasm file there, the folder is watched", args.plugins.display()));
    }
    for stray in stray_tables(&config, fleet.reports().iter().map(|seat| seat.name.clone()), &feed.refused()) {
        feed.say(stray);
    }
    hub_sender.send(Input::Mailbox(fleet.mailbox()));
    let server = Server::open(&args.state, desk::handler(fleet.control(), hub_sender.clone(), feed.clone()));
    if let Err(error) = &server {
        feed.say(format!("no commands are taken while this host runs: {error:#}"));
    }
    // The first start of a plugin compiles it; that time is not the run's.
    let started = Instant::now();

    let venue_name = config.venue.kind.name();
    let picture = |fleet: &Fleet| Picture {
        venue: venue_name,
        mode: mode_name(venue.mode),
        elapsed: started.elapsed(),
        messages: client.counts().received,
        plugins: fleet.reports().iter().map(|seat| PluginSummary::new(seat, &instruments)).collect(),
        usage: client.usage(),
        halted: hub_sender.is_halted(),
    };
    let deadline = args.length.and_then(|length| started.checked_add(length));
    let mut stop = std::pin::pin!(stop_signal());
    loop {
        tokio::select! {
            () = &mut stop => break,
            () = tokio::time::sleep(BEAT) => {}
        }
        match view.draw(&picture(&fleet)) {
            Ok(Wish::GoOn) => {}
            Ok(Wish::Quit) => break,
            Err(error) => {
                // Orders are open: whatever happens to the terminal, they are cancelled first.
                feed.problem(format!("the terminal is gone ({error}); ending"));
                break;
            }
        }
        let over = deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if over || venue.server.as_ref().is_some_and(ServerHandle::finished) {
            break;
        }
    }
    let duration = started.elapsed();
    let counts = client.counts();

    drop(server);
    // From here on nothing new is placed; what is open is cancelled and waited for.
    feed.say("closing: cancelling open orders".to_owned());
    let states: HashMap<String, String> =
        fleet.reports().into_iter().map(|seat| (seat.name, seat.state.to_string())).collect();
    hub_sender.send(Input::Halt);
    let fleet = close(fleet, &hub_sender).await?;
    let left_open = hub_sender.open_orders().unwrap_or(0);
    let now = client.now();
    let seats = tokio::task::spawn_blocking(move || fleet.stop(now)).await?;
    let after = match account_at_end(&client).await {
        Ok(after) => after,
        Err(error) => {
            // The summary must not be lost for it, and what was not compared must not look as if it agreed.
            feed.problem(format!(
                "the account can't be read at the end ({error:#}); it is shown as it was at the start, and what the plugins \
                 traded counts as difference"
            ));
            before.clone()
        }
    };
    client.close().await;
    hub.stop();
    courier.abort();
    if let Some(thread) = log_thread {
        // Its senders are gone with the fleet, so it ends with its last line.
        drop(tokio::task::spawn_blocking(move || thread.join()).await);
    }
    let broken = match venue.server {
        Some(server) => {
            let broken = server.broken_lines();
            server.stop().await;
            broken
        }
        None => Vec::new(),
    };
    view.end();

    let mut plugins: Vec<_> = seats.iter().map(|seat| PluginSummary::new(seat, &instruments)).collect();
    for plugin in &mut plugins {
        if let Some(state) = states.get(&plugin.name) {
            plugin.state.clone_from(state);
        }
    }
    let broken_count = u64::try_from(broken.len()).unwrap_or(u64::MAX);
    Ok(Summary {
        mode: mode_name(venue.mode),
        venue: venue_name,
        duration_s: duration.as_secs_f64(),
        messages: Messages {
            received: counts.received.saturating_add(broken_count),
            unparsed: counts.unparsed.saturating_add(broken_count),
        },
        plugins,
        refused: feed.refused(),
        account: account_lines(&after),
        ledger_difference: ledger_difference(&before, &after, &seats),
        left_open,
        problems: broken.into_iter().chain(feed.problems()).take(100).collect(),
        timing: Timing {
            wall_s: duration.as_secs_f64(),
            messages_per_s: messages_per_second(counts.received, duration),
        },
    })
}

/// The account, asked again when the venue is hard to reach.
async fn account_at_end(client: &Client) -> anyhow::Result<Vec<Balance>> {
    let mut tries = 1;
    loop {
        match client.account().await {
            Ok(account) => return Ok(account),
            Err(error) if tries == ACCOUNT_TRIES => return Err(error.into()),
            Err(_) => tries += 1,
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Tables of plugins that are not there: a name that was mistyped would leave its plugin with `[defaults]`.
pub(crate) fn stray_tables(config: &Config, running: impl Iterator<Item = String>, refused: &[Refused]) -> Vec<String> {
    let known: BTreeSet<String> =
        running.chain(refused.iter().map(|one| one.file.trim_end_matches(".wasm").to_owned())).collect();
    let strays = config.plugins.iter().filter(|(name, grant)| grant.enabled && !known.contains(*name));
    strays
        .map(|(name, _)| {
            let near = known.iter().find(|other| !config.plugins.contains_key(*other) && distance(name, other) <= 2);
            let hint = near.map(|other| format!("; did you mean [plugins.{other}]?")).unwrap_or_default();
            format!("[plugins.{name}] counts for nothing yet: there is no {name}.wasm in the plugin folder{hint}")
        })
        .collect()
}

/// Waits until no order is open and every plugin has seen the end of its orders.
async fn close(mut fleet: Fleet, hub: &HubSender) -> anyhow::Result<Fleet> {
    let deadline = Instant::now() + CLOSE_DEADLINE;
    loop {
        hub.send(Input::CancelAll);
        tokio::time::sleep(Duration::from_millis(100)).await;
        let (back, quiet) = tokio::task::spawn_blocking(move || {
            let quiet = fleet.drain(Duration::from_secs(1));
            (fleet, quiet)
        })
        .await?;
        fleet = back;
        let open = hub.open_orders().unwrap_or(0);
        let desks_open: u64 = fleet.reports().iter().map(|seat| seat.desk.open_orders).sum();
        if (quiet && open == 0 && desks_open == 0) || Instant::now() >= deadline {
            return Ok(fleet);
        }
    }
}

/// Ctrl-C, the polite end of a service manager, or a terminal that was closed.
pub(crate) async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let caught = signal(SignalKind::terminate()).and_then(|term| Ok((term, signal(SignalKind::hangup())?)));
    let (mut term, mut hangup) = match caught {
        Ok(caught) => caught,
        Err(error) => {
            tracing::warn!(%error, "the end signals can't be caught");
            return drop(tokio::signal::ctrl_c().await);
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = term.recv() => {}
        _ = hangup.recv() => {}
    }
}

/// Tells the operator what happens to plugins: in the view, and in each plugin's log.
struct Teller {
    feed: Feed,
    log: Option<PluginLog>,
    clock: Client,
}

impl Teller {
    fn keep(&self, name: &str, level: &str, message: &str) {
        if let Some(log) = &self.log {
            let line = Line { ts: self.clock.now().0, level: level.to_owned(), message: message.to_owned() };
            log.write(name, line);
        }
    }

    /// A line of the host about a plugin.
    fn say(&self, name: &str, what: String) {
        self.keep(name, "host", &what);
        self.feed.say(format!("{name}: {what}"));
    }

    fn tell(&self, event: FleetEvent) {
        match event {
            FleetEvent::Loaded { name, generation, language } => {
                self.feed.accept(&name);
                self.say(&name, format!("loaded, generation {generation} ({language})"));
            }
            FleetEvent::Reloaded { name, generation, pause } => {
                self.feed.accept(&name);
                let pause = pause.as_secs_f64() * 1e3;
                self.say(&name, format!("reloaded, generation {generation}, {pause:.1} ms without it"));
            }
            FleetEvent::Watching { name } => {
                self.feed.accept(&name);
                self.say(&name, "a new generation watches; its orders are compared, not sent".to_owned());
            }
            FleetEvent::Taken { name, generation } => {
                self.say(&name, format!("generation {generation} has watched long enough and trades now"));
            }
            FleetEvent::NotTaken { name, generation, reason } => {
                self.say(&name, format!("generation {generation} ends: {reason}; the one before goes on"));
            }
            FleetEvent::RolledBack { name, generation, reason } => {
                self.say(&name, format!("the new generation failed ({reason}); generation {generation} goes on"));
            }
            FleetEvent::Moved { name, slow: true } => {
                self.say(&name, "moved to the worker for the slow: it uses much of a core".to_owned());
            }
            FleetEvent::Moved { name, slow: false } => self.say(&name, "back from the worker for the slow".to_owned()),
            FleetEvent::Delayed { name, wait } => {
                let wait = wait.as_secs();
                self.say(&name, format!("its file changes too often; the newest is taken in {wait} s"));
            }
            FleetEvent::Configuration { problem: None } => self.feed.say("the configuration was read again".to_owned()),
            FleetEvent::Configuration { problem: Some(problem) } => {
                self.feed.say(format!("the configuration on disk: {problem}"));
            }
            FleetEvent::Refused { file, reason } => {
                let name = file.trim_end_matches(".wasm");
                self.keep(name, "host", &format!("refused: {reason}"));
                self.feed.refuse(Refused { file, code: reason.code(), reason: reason.to_string() });
            }
            FleetEvent::Removed { name } => self.say(&name, "removed, its open orders are cancelled".to_owned()),
            FleetEvent::Faulted { name, reason } => self.say(&name, format!("fault: {reason}")),
            FleetEvent::Quarantined { name, reason } => {
                let help = format!("replace the file, or `ringfence plugins resume {name}`");
                self.say(&name, format!("quarantined: {reason}; {help}"));
            }
            FleetEvent::Log { name, level, message } => {
                let word = format!("{level:?}").to_lowercase();
                self.keep(&name, &word, &message);
                if level == LogLevel::Debug {
                    tracing::debug!(plugin = name, "{message}");
                } else {
                    self.feed.say(format!("{name}: {level:?}: {message}"));
                }
            }
        }
    }
}

pub(crate) const fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Live => "live",
        Mode::Testnet => "testnet",
        Mode::Paper => "paper",
        Mode::Sim => "sim",
        Mode::Backtest => "backtest",
        Mode::Replay => "replay",
    }
}

/// For people; not used for money.
pub(crate) fn messages_per_second(messages: u64, length: Duration) -> f64 {
    let seconds = length.as_secs_f64();
    #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
    if seconds > 0.0 { (messages as f64 / seconds).round() } else { 0.0 }
}

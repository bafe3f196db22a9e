//! `ringfence.toml`: what the operator grants. Read whole, checked whole: every
//! error of the file is told at once, each with its line.
//!
//! No defaults hide elsewhere; [`Config::default`] is what runs without a file.

#[cfg(test)]
mod fuzz;
mod grant;
mod reader;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ringfence_engine::{Limits, Permissions};
use ringfence_model::Decimal;
use ringfence_model::strategy::{FaultPolicy, Value};
use ringfence_sandbox::budgets::{Budget, TABLE};
use ringfence_sandbox::{Pin, Settings, SignaturePolicy, SignerKey, Trust};

pub(crate) use reader::distance;
use reader::{Reader, Table};

/// Where orders go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VenueKind {
    /// The embedded simulated exchange.
    Sim,
    /// The same with a real venue's market: prices from its public streams, fills from here.
    Paper,
    /// Binance's spot testnet.
    BinanceTestnet,
    /// Binance's demo mode: live prices, play money.
    BinanceDemo,
    /// Binance spot, real money.
    Binance,
}

impl VenueKind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            VenueKind::Sim => "sim",
            VenueKind::Paper => "paper",
            VenueKind::BinanceTestnet => "binance-testnet",
            VenueKind::BinanceDemo => "binance-demo",
            VenueKind::Binance => "binance",
        }
    }

    /// From its name in the file and on the command line.
    pub(crate) fn of(name: &str) -> Option<Self> {
        [VenueKind::Sim, VenueKind::Paper, VenueKind::BinanceTestnet, VenueKind::BinanceDemo, VenueKind::Binance]
            .into_iter()
            .find(|kind| kind.name() == name)
    }

    /// Whether orders stay in the embedded exchange.
    pub(crate) const fn is_embedded(self) -> bool {
        matches!(self, VenueKind::Sim | VenueKind::Paper)
    }

    /// REST, market streams and WebSocket API; nothing for the embedded exchange, whose addresses come with it. On
    /// paper the streams are those of the real market.
    pub(crate) const fn addresses(self) -> (&'static str, &'static str, &'static str) {
        match self {
            VenueKind::Sim => ("", "", ""),
            VenueKind::Paper => ("", "wss://stream.binance.com:9443", ""),
            VenueKind::BinanceTestnet => (
                "https://testnet.binance.vision",
                "wss://stream.testnet.binance.vision",
                "wss://ws-api.testnet.binance.vision/ws-api/v3",
            ),
            VenueKind::BinanceDemo => (
                "https://demo-api.binance.com",
                "wss://demo-stream.binance.com",
                "wss://demo-ws-api.binance.com/ws-api/v3",
            ),
            VenueKind::Binance => {
                ("https://api.binance.com", "wss://stream.binance.com:9443", "wss://ws-api.binance.com:443/ws-api/v3")
            }
        }
    }
}

/// What becomes of orders that stand open on the account when the host starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum LeftOver {
    /// They stay and are told.
    #[default]
    Keep,
    /// Those that an earlier run placed are cancelled.
    Cancel,
}

/// The `[venue]` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VenueConfig {
    pub(crate) kind: VenueKind,
    /// Upper case, in the order of instrument ids.
    pub(crate) symbols: Vec<String>,
    pub(crate) rest_url: Option<String>,
    pub(crate) stream_url: Option<String>,
    pub(crate) ws_api_url: Option<String>,
    /// How long a signed request is valid.
    pub(crate) recv_window_ms: u64,
    pub(crate) left_over: LeftOver,
    /// A key of the key store. Then the ways below are not looked at.
    pub(crate) key: Option<String>,
    /// Another key store than the user's.
    pub(crate) key_store: Option<PathBuf>,
    /// Where the key store's passphrase comes from, if not from the terminal.
    pub(crate) passphrase_env: Option<String>,
    pub(crate) passphrase_file: Option<PathBuf>,
    /// The API key, which is no secret, and a file with its secret or private key.
    pub(crate) api_key: Option<String>,
    pub(crate) secret_file: Option<PathBuf>,
    /// Names of the environment variables that hold the keys otherwise; secrets never stand in this file.
    pub(crate) api_key_env: String,
    pub(crate) secret_env: String,
}

/// The `[sim]` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SimConfig {
    pub(crate) seed: u64,
    /// What the account starts with.
    pub(crate) balances: Vec<(String, Decimal)>,
}

/// What one plugin may do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Grant {
    pub(crate) enabled: bool,
    /// `None`: every symbol of the venue table.
    pub(crate) symbols: Option<Vec<String>>,
    pub(crate) allocation: Vec<(String, Decimal)>,
    pub(crate) limits: Limits,
    /// Values by name; checked against the plugin's own declaration when it is loaded.
    pub(crate) parameters: BTreeMap<String, Value>,
    /// Budgets and policies of the sandbox.
    pub(crate) settings: Settings,
    /// Order types and market data.
    pub(crate) permissions: Permissions,
    /// The one content or signer that this grant is for.
    pub(crate) pin: Pin,
}

/// The whole file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Config {
    /// The file it came from.
    pub(crate) file: Option<PathBuf>,
    pub(crate) venue: VenueConfig,
    pub(crate) sim: SimConfig,
    pub(crate) defaults: Grant,
    pub(crate) plugins: BTreeMap<String, Grant>,
    pub(crate) signing: SigningConfig,
}

/// The `[signing]` table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct SigningConfig {
    pub(crate) policy: SignaturePolicy,
    /// Public keys of the signers, by name.
    pub(crate) keys: BTreeMap<String, SignerKey>,
}

fn amounts(list: &[(&str, i64, u32)]) -> Vec<(String, Decimal)> {
    list.iter().map(|&(asset, mantissa, scale)| (asset.to_owned(), Decimal::new(mantissa, scale))).collect()
}

impl Default for Config {
    fn default() -> Self {
        Config {
            file: None,
            venue: VenueConfig {
                kind: VenueKind::Sim,
                symbols: vec!["BTCUSDT".to_owned(), "ETHUSDT".to_owned()],
                rest_url: None,
                stream_url: None,
                ws_api_url: None,
                recv_window_ms: 5_000,
                left_over: LeftOver::Keep,
                key: None,
                key_store: None,
                passphrase_env: None,
                passphrase_file: None,
                api_key: None,
                secret_file: None,
                api_key_env: "BINANCE_API_KEY".to_owned(),
                secret_env: "BINANCE_API_SECRET".to_owned(),
            },
            sim: SimConfig { seed: 1, balances: amounts(&[("USDT", 1_000_000, 0), ("BTC", 10, 0), ("ETH", 100, 0)]) },
            defaults: Grant {
                enabled: true,
                symbols: None,
                allocation: amounts(&[("USDT", 50_000, 0), ("BTC", 5, 1), ("ETH", 5, 0)]),
                limits: Limits::default(),
                parameters: BTreeMap::new(),
                settings: Settings::default(),
                permissions: Permissions::default(),
                pin: Pin::default(),
            },
            plugins: BTreeMap::new(),
            signing: SigningConfig::default(),
        }
    }
}

/// Everything that is wrong with a configuration file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("can't read {}: {source}", file.display())]
    Unreadable { file: PathBuf, source: std::io::Error },
    /// One or more lines are wrong.
    #[error("{}", problems.join("\n"))]
    Wrong { problems: Vec<String> },
}

impl Config {
    /// Reads and checks a file.
    pub(crate) fn read(file: &Path) -> Result<Config, ConfigError> {
        let text = std::fs::read_to_string(file)
            .map_err(|source| ConfigError::Unreadable { file: file.to_owned(), source })?;
        let mut config =
            Config::parse(&text, &file.display().to_string()).map_err(|problems| ConfigError::Wrong { problems })?;
        config.file = Some(file.to_owned());
        Ok(config)
    }

    /// Checks a text; `name` leads each problem.
    pub(crate) fn parse(text: &str, name: &str) -> Result<Config, Vec<String>> {
        let mut config = Config::default();
        let (reader, root) = Reader::new(text, name);
        if let Some(root) = &root {
            root.keys(&reader, &["venue", "sim", "signing", "defaults", "plugins"]);
            if let Some(table) = root.table(&reader, "venue") {
                read_venue(&reader, &table, &mut config.venue);
            }
            if !config.venue.kind.is_embedded() {
                // Real money is only what the operator names.
                config.defaults.allocation.clear();
                // A plugin that nobody has named gets market data, and nothing to trade with.
                config.defaults.permissions.order_types.clear();
            }
            if let Some(table) = root.table(&reader, "signing") {
                grant::read_signing(&reader, &table, &mut config.signing);
            }
            if let Some(table) = root.table(&reader, "sim") {
                table.keys(&reader, &["seed", "balances"]);
                if let Some(seed) = table.whole(&reader, "seed", u64::MAX) {
                    config.sim.seed = seed;
                }
                if let Some(balances) = table.amounts(&reader, "balances") {
                    config.sim.balances = balances;
                }
            }
            let symbols = config.venue.symbols.clone();
            let mut named = false;
            if let Some(table) = root.table(&reader, "defaults") {
                named = table.has("order_types");
                read_grant(&reader, &table, &symbols, &mut config.defaults, None);
            }
            if let Some(plugins) = root.table(&reader, "plugins") {
                for (plugin, table) in plugins.tables(&reader) {
                    let mut grant = config.defaults.clone();
                    if !named {
                        // What a plugin trades is said by its allocation; its types may narrow that.
                        grant.permissions.order_types = Permissions::default().order_types;
                    }
                    read_grant(&reader, &table, &symbols, &mut grant, Some(&config.signing));
                    config.plugins.insert(plugin, grant);
                }
            }
        }
        let problems = reader.problems();
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    /// What is granted to the plugin of this name.
    pub(crate) fn grant(&self, plugin: &str) -> &Grant {
        self.plugins.get(plugin).unwrap_or(&self.defaults)
    }

    /// Whose files are taken.
    pub(crate) fn trust(&self) -> Trust {
        let pins = self.plugins.iter().map(|(name, grant)| (name.clone(), grant.pin.clone()));
        Trust { policy: self.signing.policy, keys: self.signing.keys.clone(), pins: pins.collect() }
    }
}

fn read_venue(reader: &Reader<'_>, table: &Table<'_>, venue: &mut VenueConfig) {
    table.keys(
        reader,
        &[
            "kind",
            "symbols",
            "rest_url",
            "stream_url",
            "ws_api_url",
            "recv_window_ms",
            "left_over",
            "key",
            "key_store",
            "passphrase_env",
            "passphrase_file",
            "api_key",
            "secret_file",
            "api_key_env",
            "secret_env",
        ],
    );
    let kind = table.choice(reader, "kind", &["sim", "paper", "binance-testnet", "binance-demo", "binance"]);
    if let Some(kind) = kind.as_deref().and_then(VenueKind::of) {
        venue.kind = kind;
    }
    // The venue takes more but advises against it, and an order in doubt would have to be waited for as much longer.
    if let Some(window) = table.whole(reader, "recv_window_ms", 5_000) {
        if window == 0 {
            table.wrong(reader, "recv_window_ms", "must be at least 1");
        } else {
            venue.recv_window_ms = window;
        }
    }
    if let Some(word) = table.choice(reader, "left_over", &["keep", "cancel"]) {
        venue.left_over = if word == "cancel" { LeftOver::Cancel } else { LeftOver::Keep };
    }
    if let Some(symbols) = table.symbols(reader, "symbols", None) {
        venue.symbols = symbols;
    }
    for (key, slot, schemes) in [
        ("rest_url", &mut venue.rest_url, ["http://", "https://"]),
        ("stream_url", &mut venue.stream_url, ["ws://", "wss://"]),
        ("ws_api_url", &mut venue.ws_api_url, ["ws://", "wss://"]),
    ] {
        if let Some(url) = table.text(reader, key) {
            if schemes.iter().any(|scheme| url.starts_with(scheme)) {
                *slot = Some(url);
            } else {
                table.wrong(reader, key, &format!("must start with {} or {}", schemes[0], schemes[1]));
            }
        }
    }
    if venue.kind == VenueKind::Paper {
        for key in ["rest_url", "ws_api_url"] {
            if table.has(key) {
                table.wrong(reader, key, "is not used on paper: only the market's streams come from outside");
            }
        }
    }
    for (key, slot) in
        [("key", &mut venue.key), ("passphrase_env", &mut venue.passphrase_env), ("api_key", &mut venue.api_key)]
    {
        if let Some(text) = table.text(reader, key) {
            *slot = Some(text);
        }
    }
    for (key, slot) in [
        ("key_store", &mut venue.key_store),
        ("passphrase_file", &mut venue.passphrase_file),
        ("secret_file", &mut venue.secret_file),
    ] {
        if let Some(path) = table.text(reader, key) {
            *slot = Some(PathBuf::from(path));
        }
    }
    for (key, slot) in [("api_key_env", &mut venue.api_key_env), ("secret_env", &mut venue.secret_env)] {
        if let Some(name) = table.text(reader, key) {
            *slot = name;
        }
    }
    if venue.key.is_some() {
        for key in ["api_key", "secret_file", "api_key_env", "secret_env"] {
            if table.has(key) {
                table.wrong(reader, key, "can't stand beside `venue.key`, which names a key of the key store");
            }
        }
    }
}

fn read_grant(
    reader: &Reader<'_>,
    table: &Table<'_>,
    symbols: &[String],
    grant: &mut Grant,
    signing: Option<&SigningConfig>,
) {
    // Pins bind one name, so the defaults have none.
    let pins: &[&str] = if signing.is_some() { &["sha256", "key"] } else { &[] };
    let known: Vec<&str> = pins
        .iter()
        .chain(&[
            "order_types",
            "streams",
            "enabled",
            "symbols",
            "allocation",
            "limits",
            "parameters",
            "budgets",
            "on_fault",
            "shadow_events",
            "shadow_differences",
            "downgrade",
        ])
        .copied()
        .collect();
    table.keys(reader, &known);
    grant::read_permissions(reader, table, &mut grant.permissions);
    if let Some(signing) = signing {
        grant::read_pin(reader, table, signing, &mut grant.pin);
    }
    if let Some(enabled) = table.boolean(reader, "enabled") {
        grant.enabled = enabled;
    }
    if let Some(list) = table.symbols(reader, "symbols", Some(symbols)) {
        grant.symbols = Some(list);
    }
    if let Some(allocation) = table.amounts(reader, "allocation") {
        grant.allocation = allocation;
    }
    if let Some(parameters) = table.values(reader, "parameters") {
        grant.parameters = parameters;
    }
    read_settings(reader, table, &mut grant.settings);
    let Some(limits) = table.table(reader, "limits") else {
        return;
    };
    limits.keys(
        reader,
        &[
            "orders_per_second",
            "orders_per_day",
            "cancels_per_second",
            "open_orders",
            "subscriptions",
            "history_requests_per_minute",
            "order_notional",
            "open_notional",
            "position_notional",
            "price_collar",
            "daily_loss",
        ],
    );
    let into = &mut grant.limits;
    for (key, slot) in [
        ("orders_per_second", &mut into.orders_per_second),
        ("orders_per_day", &mut into.orders_per_day),
        ("cancels_per_second", &mut into.cancels_per_second),
        ("open_orders", &mut into.open_orders),
        ("subscriptions", &mut into.subscriptions),
        ("history_requests_per_minute", &mut into.history_requests_per_minute),
    ] {
        if let Some(value) = limits.whole(reader, key, u64::from(u32::MAX)) {
            // Bounded by u32::MAX just above.
            *slot = u32::try_from(value).unwrap_or(u32::MAX);
        }
    }
    for (key, slot) in [
        ("order_notional", &mut into.order_notional),
        ("open_notional", &mut into.open_notional),
        ("position_notional", &mut into.position_notional),
        ("price_collar", &mut into.price_collar),
        ("daily_loss", &mut into.daily_loss),
    ] {
        if let Some(value) = limits.amount(reader, key) {
            *slot = value;
        }
    }
}

fn read_settings(reader: &Reader<'_>, table: &Table<'_>, settings: &mut Settings) {
    if let Some(policy) = table.choice(reader, "on_fault", &["cancel", "keep", "reduce-only"]) {
        settings.on_fault = match policy.as_str() {
            "keep" => FaultPolicy::Keep,
            "reduce-only" => FaultPolicy::ReduceOnly,
            _ => FaultPolicy::Cancel,
        };
    }
    if let Some(events) = table.whole(reader, "shadow_events", 1_000_000) {
        settings.shadow_events = usize::try_from(events).unwrap_or(usize::MAX);
    }
    if let Some(most) = table.whole(reader, "shadow_differences", 1_000_000) {
        settings.shadow_differences = usize::try_from(most).ok();
    }
    if let Some(downgrade) = table.boolean(reader, "downgrade") {
        settings.downgrade = downgrade;
    }
    let Some(budgets) = table.table(reader, "budgets") else { return };
    let keys: Vec<&str> = TABLE.iter().map(|budget| budget.key).collect();
    budgets.keys(reader, &keys);
    let mut set = (*settings.budgets).clone();
    for budget in keys.iter().filter_map(|key| Budget::find(key)) {
        if let Some(value) = budgets.whole(reader, budget.key, budget.range.1) {
            if value < budget.range.0 {
                budgets.wrong(reader, budget.key, &format!("must be {} or more", budget.range.0));
            }
            budget.set(&mut set, value);
        }
    }
    settings.budgets = std::sync::Arc::new(set);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_is_the_default() {
        assert_eq!(Config::parse("", "ringfence.toml").unwrap(), Config::default());
    }

    #[test]
    fn real_money_is_only_what_the_operator_names() {
        let config =
            Config::parse("[venue]\nkind = \"binance\"\n[plugins.a.allocation]\nUSDT = \"10\"", "r.toml").unwrap();
        assert_eq!(config.grant("b").allocation, []);
        assert_eq!(config.grant("a").allocation, [("USDT".to_owned(), Decimal::TEN)]);
    }

    /// A public key: the one of minisign itself.
    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

    #[test]
    fn on_a_real_venue_an_unknown_plugin_gets_market_data_only() {
        for kind in ["binance", "binance-testnet"] {
            let text = format!("[venue]\nkind = \"{kind}\"\n[plugins.a]\nallocation = {{ USDT = \"10\" }}");
            let config = Config::parse(&text, "r.toml").unwrap();
            let unknown = config.grant("b");
            assert!(unknown.permissions.order_types.is_empty() && unknown.allocation.is_empty());
            assert_eq!(unknown.permissions.streams, Permissions::default().streams);
            assert_eq!(config.grant("a").permissions, Permissions::default());
        }
        // What the defaults name, everybody gets.
        let text =
            "[venue]\nkind = \"binance\"\n[defaults]\norder_types = [\"limit-maker\"]\n[plugins.a]\nenabled = true";
        let config = Config::parse(text, "r.toml").unwrap();
        for name in ["a", "b"] {
            let types: Vec<_> = config.grant(name).permissions.order_types.iter().map(|one| one.name()).collect();
            assert_eq!(types, ["limit-maker"]);
        }
        assert_eq!(Config::parse("", "r.toml").unwrap().grant("b").permissions, Permissions::default());
    }

    #[test]
    fn a_grant_can_be_pinned_to_a_content_or_a_signer() {
        let hash = "ab".repeat(32);
        let text = format!(
            "[signing]\npolicy = \"warn\"\nkeys = {{ alice = \"{KEY}\" }}\n[plugins.a]\nsha256 = \"{hash}\"\n\
             streams = [\"quotes\"]\n[plugins.b]\nkey = \"alice\""
        );
        let config = Config::parse(&text, "r.toml").unwrap();
        let trust = config.trust();
        assert_eq!(trust.policy, SignaturePolicy::Warn);
        assert_eq!(trust.pins["a"].sha256, Some([0xab; 32]));
        assert_eq!(trust.pins["b"].signer.as_deref(), Some("alice"));
        assert_eq!(config.grant("a").permissions.streams.len(), 1);
        let wrong = "[signing]\npolicy = \"require\"\n[defaults]\nsha256 = \"x\"\n[plugins.a]\nsha256 = \"x\"\nkey = \"bob\"\n\
                     order_types = [\"limits\"]\n[signing.keys]\nbob = \"x\"";
        let problems = Config::parse(wrong, "r.toml").unwrap_err();
        let lines: Vec<&str> = problems.iter().map(|p| p.split(": ").next().unwrap()).collect();
        assert_eq!(lines, ["r.toml:4", "r.toml:6", "r.toml:7", "r.toml:8", "r.toml:10"], "{problems:#?}");
        assert!(Config::parse("[signing]\npolicy = \"require\"", "r.toml").is_err(), "nobody could run");
    }
    #[test]
    fn a_plugin_inherits_the_defaults_key_by_key() {
        let text = r#"
[venue]
symbols = ["btcusdt", "ETHUSDT"]
[defaults]
allocation = { USDT = "1000.5" }
[defaults.limits]
open_orders = 7
[plugins.ema-cross]
symbols = ["BTCUSDT"]
parameters = { fast = 12, quantity = 0.002, name = "x", on = true }
[plugins.ema-cross.limits]
order_notional = "250.000000001"
"#;
        let config = Config::parse(text, "ringfence.toml").unwrap();
        let grant = config.grant("ema-cross");
        assert_eq!(grant.allocation, vec![("USDT".to_owned(), Decimal::new(10_005, 1))]);
        assert_eq!(grant.limits.open_orders, 7);
        assert_eq!(grant.limits.order_notional, Decimal::new(250_000_000_001, 9));
        assert_eq!(grant.symbols.as_deref(), Some(&["BTCUSDT".to_owned()][..]));
        assert_eq!(grant.parameters["quantity"], Value::Number(Decimal::new(2, 3)));
        assert_eq!(grant.parameters["fast"], Value::Integer(12));
        assert_eq!(config.grant("other").limits.open_orders, 7);
    }

    #[test]
    fn every_problem_is_told_at_once_with_its_line() {
        let text = "\
[venue]
kind = \"kraken\"
symbol = [\"BTCUSDT\"]
rest_url = \"ftp://x\"
[sim]
seed = -1
balances = { USDT = \"-5\", BTC = \"ten\" }
[defaults]
symbols = [\"DOGEUSDT\"]
[plugins.a.limits]
open_orders = \"many\"
";
        let problems = Config::parse(text, "r.toml").unwrap_err();
        let lines: Vec<&str> = problems.iter().map(|p| p.split(": ").next().unwrap()).collect();
        assert_eq!(
            lines,
            ["r.toml:2", "r.toml:3", "r.toml:4", "r.toml:6", "r.toml:7", "r.toml:7", "r.toml:9", "r.toml:11"]
        );
        assert!(problems[1].contains("did you mean `symbols`"), "{}", problems[1]);
    }

    #[test]
    fn budgets_and_policies_are_set_within_their_hard_maxima() {
        let text = "[defaults]\non_fault = \"keep\"\n[defaults.budgets]\ntimers = 10\n\
            [plugins.a]\non_fault = \"reduce-only\"\nshadow_events = 500\ndowngrade = true\n[plugins.a.budgets]\nmarket_hard_us = 5_000\n";
        let config = Config::parse(text, "r.toml").unwrap();
        let a = &config.grant("a").settings;
        assert_eq!((a.on_fault, a.shadow_events, a.downgrade), (FaultPolicy::ReduceOnly, 500, true));
        assert_eq!((a.budgets.timers, a.budgets.market.hard.as_micros()), (10, 5_000));
        assert_eq!(config.grant("b").settings.on_fault, FaultPolicy::Keep);
        let text = "[plugins.a]\non_fault = \"sell\"\n[plugins.a.budgets]\nmemory_bytes = 999_999_999_999\nbatch = 0\ntimer = 1\n";
        let problems = Config::parse(text, "r.toml").unwrap_err();
        let lines: Vec<&str> = problems.iter().map(|p| p.split(": ").next().unwrap()).collect();
        assert_eq!(lines, ["r.toml:2", "r.toml:4", "r.toml:5", "r.toml:6"], "{problems:?}");
        assert!(problems[3].contains("did you mean `timers`"), "{problems:?}");
    }

    #[test]
    fn keys_come_from_one_place() {
        let text = "[venue]\nkind = \"binance-demo\"\nkey = \"main\"\nrecv_window_ms = 2500";
        let venue = Config::parse(text, "r.toml").unwrap().venue;
        assert_eq!(
            (venue.kind, venue.key.as_deref(), venue.recv_window_ms),
            (VenueKind::BinanceDemo, Some("main"), 2_500)
        );
        let text = "[venue]\nkey = \"main\"\nsecret_file = \"x.pem\"\nrecv_window_ms = 5001";
        let problems = Config::parse(text, "r.toml").unwrap_err();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].starts_with("r.toml:3: `venue.secret_file` can't stand beside"), "{problems:?}");
        let problems = Config::parse("[venue]\nrecv_window_ms = 0", "r.toml").unwrap_err();
        assert!(problems[0].contains("at least 1"), "{problems:?}");
    }

    #[test]
    fn broken_syntax_has_a_line() {
        let problems = Config::parse("[venue]\nkind = \n[sim\n", "r.toml").unwrap_err();
        assert!(problems.len() >= 2, "{problems:?}");
        assert!(problems[0].starts_with("r.toml:2: "), "{problems:?}");
    }
}

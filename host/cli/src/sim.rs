//! `ringfence sim`: the simulated exchange as a server for any Binance client.
//!
//! Turns the command line into an exchange and serves it until it is told to end. What
//! the exchange does is in its own room; the accounts' file is read in `accounts`.

mod accounts;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use ringfence_exchange::faults::Script;
use ringfence_exchange::recording::{first_time, symbol_of};
use ringfence_exchange::server::{self, Market, ServerHandle, Settings};
use ringfence_exchange::time::Pace;
use ringfence_exchange::{AccountConfig, Exchange, ExchangeConfig, LimitConfig, SymbolConfig};
use serde_json::json;

use crate::args::parse_duration;
use crate::live::{stop_signal, wall_clock};

/// What is served when nothing else is asked for.
const DEFAULT_SYMBOLS: &str = "BTCUSDT,ETHUSDT,BNBUSDT,SOLUSDT,XRPUSDT";

#[derive(Debug, clap::Args)]
pub(crate) struct SimArgs {
    /// Where to listen; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:9000", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Allows an address that other machines can reach. The server speaks plain text and its default keys are public.
    #[arg(long)]
    listen_publicly: bool,
    /// Seed of the generated market.
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Symbols of the generated market, or of the paper market.
    #[arg(long, default_value = DEFAULT_SYMBOLS, value_delimiter = ',', value_name = "SYMBOL,…")]
    symbols: Vec<String>,
    /// An account; may be repeated. Without one there is a default account, whose keys are printed.
    #[arg(long = "account", value_name = "KEY:SECRET")]
    accounts: Vec<String>,
    /// Accounts in a JSON file: a list of {"api_key", "secret_key" or "public_key" (PEM), "balances"}.
    #[arg(long = "accounts", value_name = "FILE", conflicts_with = "accounts")]
    accounts_file: Option<PathBuf>,
    /// What each account owns at the start.
    #[arg(long, value_delimiter = ',', value_name = "ASSET=AMOUNT,…")]
    balances: Vec<String>,
    /// A limit of the exchange: weight, raw, orders-10s, orders-1d, connections, messages; may be repeated.
    #[arg(long = "limit", value_delimiter = ',', value_name = "NAME=N,…")]
    limits: Vec<String>,
    /// Serves listen keys, which the venue has removed, for older clients.
    #[arg(long)]
    listen_keys: bool,
    /// Plays a recording of raw stream messages, or a CSV or zip file of Binance's archive, instead of a generated market.
    #[arg(long, value_name = "FILE", conflicts_with = "paper")]
    replay: Option<PathBuf>,
    /// Takes the market from another venue's streams (wss://stream.binance.com:9443) and fills orders here.
    #[arg(long, value_name = "URL")]
    paper: Option<String>,
    /// Speed of the exchange's time: 2 is twice as fast, 0 stands until the control API steps it.
    #[arg(long, value_name = "N")]
    speed: Option<f64>,
    /// Faults from a script: one JSON object a line.
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// Token of the control API; without one this machine may use it.
    #[arg(long, value_name = "TOKEN")]
    control_token: Option<String>,
    /// Ends after this long: 30s, 5m, 1h.
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration)]
    length: Option<Duration>,
    /// Prints one line of JSON when the exchange is ready; everything else goes to standard error.
    #[arg(long)]
    json: bool,
}

/// All that is served.
struct SetUp {
    config: ExchangeConfig,
    market: Market,
    settings: Settings,
}

/// Serves until the time is over or the operator stops it.
pub(crate) fn run(args: &SimArgs) -> ExitCode {
    let set_up = match set_up(args) {
        Ok(set_up) => set_up,
        Err(error) => {
            eprintln!("error: {error:#}");
            return ExitCode::from(2);
        }
    };
    match serve(args, set_up) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn refuse_public(args: &SimArgs) -> anyhow::Result<()> {
    if !args.listen.ip().is_loopback() && !args.listen_publicly {
        bail!(
            "--listen {}: other machines could reach this address, and the exchange speaks plain text; use 127.0.0.1, or add --listen-publicly if you mean it",
            args.listen
        );
    }
    Ok(())
}

fn serve(args: &SimArgs, set_up: SetUp) -> anyhow::Result<()> {
    let SetUp { config, market, settings } = set_up;
    let accounts = config.accounts.clone();
    let exchange = Exchange::new(config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(async {
        let handle = server::serve(exchange, market, settings).await?;
        announce(args, &handle, &accounts)?;
        tokio::select! {
            () = stop_signal() => {}
            () = over(args.length) => {}
        }
        for line in handle.broken_lines() {
            eprintln!("warning: {line}");
        }
        handle.stop().await;
        Ok(())
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    served
}

async fn over(length: Option<Duration>) {
    match length {
        Some(length) => tokio::time::sleep(length).await,
        None => std::future::pending().await,
    }
}

fn set_up(args: &SimArgs) -> anyhow::Result<SetUp> {
    refuse_public(args)?;
    let mut settings = Settings::at(args.listen);
    settings.control_token.clone_from(&args.control_token);
    if let Some(path) = &args.faults {
        let name = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("--faults {name}: it can't be read"))?;
        let script = Script::parse(&text).map_err(|error| anyhow::anyhow!("--faults {name}:\n{error}"))?;
        settings.faults = Some(script);
    }
    let pace = match args.speed {
        None => Pace::REAL,
        Some(0.0) => Pace::Stepped,
        Some(speed) => Pace::times(speed).with_context(|| format!("--speed {speed} is no speed"))?,
    };
    settings.pace = pace;
    let (symbols, market, start) = match (&args.replay, &args.paper) {
        (Some(path), _) => {
            let speed = args.speed.filter(|speed| *speed != 0.0).unwrap_or(1.0);
            (vec![symbol_of(path)?], Market::Replay { path: path.clone(), speed }, first_time(path)?)
        }
        (None, Some(_)) if pace != Pace::REAL => bail!("--paper goes with real time: leave --speed out"),
        (None, Some(url)) => (args.symbols.clone(), Market::Paper { url: url.clone() }, wall_clock()),
        (None, None) => (args.symbols.clone(), Market::Generator, wall_clock()),
    };
    let symbols = symbols
        .iter()
        .map(|symbol| {
            SymbolConfig::known(symbol)
                .with_context(|| format!("--symbols: there are no rules for {symbol}; known are {DEFAULT_SYMBOLS}"))
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let config = ExchangeConfig {
        seed: args.seed,
        symbols,
        accounts: accounts(args)?,
        start,
        limits: limits(&args.limits)?,
        listen_keys: args.listen_keys,
        ..ExchangeConfig::default()
    };
    Ok(SetUp { config, market, settings })
}

fn accounts(args: &SimArgs) -> anyhow::Result<Vec<AccountConfig>> {
    let balances = args
        .balances
        .iter()
        .map(|text| {
            let (asset, amount) =
                text.split_once('=').with_context(|| format!("--balances {text}: write ASSET=AMOUNT"))?;
            let amount = amount.parse().with_context(|| format!("--balances {text}: {amount} is no amount"))?;
            Ok((asset.to_owned(), amount))
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut accounts = args
        .accounts
        .iter()
        .map(|text| {
            let (key, secret) = text.split_once(':').context("--account: write KEY:SECRET")?;
            Ok(AccountConfig { api_key: key.to_owned(), secret: secret.to_owned(), ..AccountConfig::default() })
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    if let Some(path) = &args.accounts_file {
        accounts = accounts::read(path)?;
    }
    if accounts.is_empty() {
        accounts.push(AccountConfig::default());
    }
    if !balances.is_empty() {
        accounts.iter_mut().for_each(|account| account.balances.clone_from(&balances));
    }
    Ok(accounts)
}

fn limits(texts: &[String]) -> anyhow::Result<LimitConfig> {
    let mut limits = LimitConfig::default();
    for text in texts {
        let (name, number) = text.split_once('=').with_context(|| format!("--limit {text}: write NAME=N"))?;
        let number = number.parse().with_context(|| format!("--limit {text}: {number} is no whole number"))?;
        match name {
            "weight" => limits.weight_per_minute = number,
            "raw" => limits.raw_per_five_minutes = number,
            "orders-10s" => limits.orders_per_ten_seconds = number,
            "orders-1d" => limits.orders_per_day = number,
            "connections" => limits.connections_per_five_minutes = number,
            "messages" => limits.stream_messages_per_second = number,
            _ => bail!(
                "--limit {text}: there is no limit {name}; known are weight, raw, orders-10s, orders-1d, connections, messages"
            ),
        }
    }
    Ok(limits)
}

/// Says where the exchange is and how to reach it. Printing a secret is the point here:
/// it opens an account of play money, and who started the program must learn it.
fn announce(args: &SimArgs, handle: &ServerHandle, accounts: &[AccountConfig]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let first = accounts.first();
    let (key, secret) = first.map_or(("", ""), |account| (account.api_key.as_str(), account.secret.as_str()));
    let (rest, stream, ws_api) = (&handle.rest_url, &handle.stream_url, &handle.ws_api_url);
    if args.json {
        let line = json!({ "rest": rest, "stream": stream, "ws_api": ws_api, "api_key": key, "secret_key": secret });
        writeln!(out, "{line}")?;
    } else {
        writeln!(out, "The simulated exchange is ready. Ctrl-C ends it.\n")?;
        writeln!(out, "  REST            {rest}")?;
        writeln!(out, "  streams         {stream}")?;
        writeln!(out, "  WebSocket API   {ws_api}\n")?;
        for account in accounts {
            writeln!(out, "  API key         {}", account.api_key)?;
            writeln!(out, "  secret key      {}", account.secret)?;
            let owned: Vec<_> = account.balances.iter().map(|(asset, amount)| format!("{amount} {asset}")).collect();
            writeln!(out, "  owns            {}\n", owned.join(", "))?;
        }
        if args.replay.is_some() {
            writeln!(
                out,
                "The recording begins when the first client subscribes to a stream of it; until then time stands.\n"
            )?;
        }
        writeln!(out, "Try:\n  curl '{rest}/api/v3/ticker/price?symbol=BTCUSDT'")?;
        writeln!(
            out,
            "  q=\"timestamp=$(date +%s000)\"; s=$(printf %s \"$q\" | openssl dgst -sha256 -hmac {secret} -r | cut -d' ' -f1)"
        )?;
        writeln!(out, "  curl -H 'X-MBX-APIKEY: {key}' \"{rest}/api/v3/account?$q&signature=$s\"")?;
    }
    out.flush()?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        sim: SimArgs,
    }

    fn line(words: &[&str]) -> SimArgs {
        Line::parse_from(std::iter::once("sim").chain(words.iter().copied())).sim
    }

    #[test]
    fn accounts_and_limits_are_read() {
        let args = line(&["--account", "k:s:t", "--balances", "USDT=5.5,BTC=1", "--limit", "weight=10,orders-10s=3"]);
        let config = set_up(&args).unwrap().config;
        assert_eq!((config.accounts[0].api_key.as_str(), config.accounts[0].secret.as_str()), ("k", "s:t"));
        assert_eq!(config.accounts[0].balances.len(), 2);
        assert_eq!((config.limits.weight_per_minute, config.limits.orders_per_ten_seconds), (10, 3));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (words, named) in [
            (["--account", "nocolon"], "--account"),
            (["--balances", "USDT"], "--balances USDT"),
            (["--balances", "USDT=much"], "much"),
            (["--limit", "speed=1"], "speed"),
            (["--symbols", "NOPEUSDT"], "NOPEUSDT"),
            (["--listen", "0.0.0.0:0"], "--listen-publicly"),
        ] {
            let error = set_up(&line(&words)).err().unwrap();
            assert!(format!("{error:#}").contains(named), "{error:#}");
        }
    }
}

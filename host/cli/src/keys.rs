//! `ringfence keys`: the encrypted key store. What is typed is not shown, and no secret comes on
//! the command line, where every user of the machine could read it.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Subcommand;
use ringfence_binance::credentials::store::{Effort, KeyStore, Listed};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::credentials::{self, PassphraseFrom, variable};
use crate::places;

#[derive(Debug, clap::Args)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Puts an API key and its secret into the store. The kind (HMAC, Ed25519, RSA) is recognised.
    Add(AddArgs),
    /// Shows names, kinds and the start of the API keys; never a secret.
    List(StoreArgs),
    /// Takes a key out of the store.
    Remove(RemoveArgs),
}

#[derive(Debug, clap::Args)]
struct StoreArgs {
    /// The key store; by default keys.json in ringfence's folder of your configuration.
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
    /// Reads the passphrase from a file that only you may read, instead of asking.
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_env")]
    passphrase_file: Option<PathBuf>,
    /// Takes the passphrase from this environment variable; RINGFENCE_PASSPHRASE is taken without being named.
    #[arg(long, value_name = "NAME")]
    passphrase_env: Option<String>,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct AddArgs {
    /// Your name for it: letters, digits, - and _.
    name: String,
    /// The API key, which is no secret. Asked for if left out.
    #[arg(long, value_name = "KEY")]
    api_key: Option<String>,
    /// Reads the secret or the PEM private key from a file that only you may read; - is standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "secret_env")]
    secret_file: Option<PathBuf>,
    /// Takes the secret from this environment variable.
    #[arg(long, value_name = "NAME")]
    secret_env: Option<String>,
    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Debug, clap::Args)]
struct RemoveArgs {
    /// The key's name.
    name: String,
    #[command(flatten)]
    store: StoreArgs,
}

/// What was done, for machines.
#[derive(Debug, Serialize)]
struct Report {
    store: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    added: Option<Listed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    removed: Option<Listed>,
    keys: Vec<Listed>,
}

/// Does what the command line asks for.
pub(crate) fn run(args: &KeysArgs) -> anyhow::Result<()> {
    let report = match &args.command {
        KeysCommand::List(store) => (store.json, list(store)?),
        KeysCommand::Add(args) => (args.store.json, add(args)?),
        KeysCommand::Remove(args) => (args.store.json, remove(args)?),
    };
    match report {
        (true, report) => say!("{}", serde_json::to_string_pretty(&report)?),
        (false, report) => crate::view::out(&report.table()),
    }
    Ok(())
}

impl StoreArgs {
    fn file(&self) -> anyhow::Result<PathBuf> {
        match &self.store {
            Some(file) => Ok(file.clone()),
            None => places::key_store().context("there is no home folder; name the key store with --store FILE"),
        }
    }

    fn open(&self, file: &Path) -> anyhow::Result<(KeyStore, Zeroizing<String>)> {
        let from = PassphraseFrom { file: self.passphrase_file.as_deref(), env: self.passphrase_env.as_deref() };
        let passphrase = credentials::passphrase(from, !file.exists())?;
        let store = KeyStore::read(file, &passphrase)
            .with_context(|| format!("can't open the key store {}", file.display()))?;
        Ok((store, passphrase))
    }
}

fn report(file: &Path, store: &KeyStore) -> Report {
    Report { store: file.display().to_string(), added: None, removed: None, keys: store.list() }
}

fn list(args: &StoreArgs) -> anyhow::Result<Report> {
    let file = args.file()?;
    if !file.exists() {
        return Ok(report(&file, &KeyStore::default()));
    }
    let (store, _) = args.open(&file)?;
    Ok(report(&file, &store))
}

fn add(args: &AddArgs) -> anyhow::Result<Report> {
    let file = args.store.file()?;
    // Asked before anything else is: a wrong passphrase should cost no typing.
    let (mut store, passphrase) = args.store.open(&file)?;
    let api_key = match &args.api_key {
        Some(key) => Zeroizing::new(key.clone()),
        None => typed("API key", "--api-key KEY", false)?,
    };
    let secret = match (&args.secret_file, &args.secret_env) {
        (Some(path), _) => credentials::file(path)?,
        (None, Some(name)) => variable(name).with_context(|| format!("the environment variable {name} is not set"))?,
        (None, None) => typed("Secret (of a PEM key name the file with --secret-file)", "--secret-file FILE", true)?,
    };
    let added = store.add(&args.name, &api_key, secret)?;
    store.write(&file, &passphrase, Effort::default())?;
    Ok(Report { added: Some(added), ..report(&file, &store) })
}

fn remove(args: &RemoveArgs) -> anyhow::Result<Report> {
    let file = args.store.file()?;
    if !file.exists() {
        bail!("there is no key store {}", file.display());
    }
    let (mut store, passphrase) = args.store.open(&file)?;
    let removed = store.remove(&args.name)?;
    store.write(&file, &passphrase, Effort::default())?;
    Ok(Report { removed: Some(removed), ..report(&file, &store) })
}

/// Asks on the terminal for what the command line did not say.
fn typed(what: &str, instead: &str, secret: bool) -> anyhow::Result<Zeroizing<String>> {
    if !std::io::stdin().is_terminal() {
        bail!("{what} is missing: give {instead}, or start it in a terminal");
    }
    if secret {
        return credentials::ask(&format!("{what}: "));
    }
    eprint!("{what}: ");
    std::io::stderr().flush()?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(Zeroizing::new(line.trim().to_owned()))
}

impl Report {
    fn table(&self) -> String {
        let mut text = String::new();
        if let Some(added) = &self.added {
            text.push_str(&format!("added {} ({})\n", added.name, added.kind));
        }
        if let Some(removed) = &self.removed {
            text.push_str(&format!("removed {} ({})\n", removed.name, removed.kind));
        }
        if self.keys.is_empty() {
            text.push_str(&format!("no keys in {}\n", self.store));
            return text;
        }
        text.push_str(&format!("{} in {}\n", if self.keys.len() == 1 { "1 key" } else { "keys" }, self.store));
        for key in &self.keys {
            text.push_str(&format!("  {:<20} {:<13} {}\n", key.name, key.kind, key.api_key));
        }
        text
    }
}

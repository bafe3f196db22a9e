//! From the configuration to an API key that signs: the key store, a file, or the environment.
//! Secrets come on no command line and stand in no configuration.

use std::io::{IsTerminal as _, Read as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use ringfence_binance::Credentials;
use ringfence_binance::credentials::source;
use ringfence_binance::credentials::store::KeyStore;
use zeroize::Zeroizing;

use crate::config::VenueConfig;
use crate::places;

/// The environment variable of the key store's passphrase, unless another is named.
pub(crate) const PASSPHRASE_ENV: &str = "RINGFENCE_PASSPHRASE";

/// A variable that is set and not empty.
pub(crate) fn variable(name: &str) -> Option<Zeroizing<String>> {
    std::env::var(name).ok().filter(|value| !value.is_empty()).map(Zeroizing::new)
}

/// A secret file; `-` is standard input.
pub(crate) fn file(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    if path == Path::new("-") {
        let mut text = Zeroizing::new(String::with_capacity(8_192));
        std::io::stdin().take(64 * 1_024).read_to_string(&mut text).context("can't read standard input")?;
        return Ok(text);
    }
    Ok(source::read(path)?)
}

/// Asks on the terminal, without showing what is typed.
pub(crate) fn ask(prompt: &str) -> anyhow::Result<Zeroizing<String>> {
    rpassword::prompt_password(prompt).map(Zeroizing::new).context("can't ask on the terminal")
}

/// Where a passphrase may come from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PassphraseFrom<'a> {
    pub(crate) file: Option<&'a Path>,
    /// Named by the operator; then it must be set.
    pub(crate) env: Option<&'a str>,
}

/// The passphrase of the key store; asked for on the terminal if nobody named another way. Twice if
/// it is a new one.
pub(crate) fn passphrase(from: PassphraseFrom<'_>, new: bool) -> anyhow::Result<Zeroizing<String>> {
    if let Some(path) = from.file {
        let text = file(path)?;
        return Ok(Zeroizing::new(text.trim_end_matches(['\n', '\r']).to_owned()));
    }
    if let Some(name) = from.env {
        return variable(name).with_context(|| format!("the environment variable {name} is not set"));
    }
    if let Some(text) = variable(PASSPHRASE_ENV) {
        return Ok(text);
    }
    if !std::io::stdin().is_terminal() {
        bail!(
            "the key store needs its passphrase: set {PASSPHRASE_ENV}, name a file ([venue] passphrase_file in ringfence.toml; \
             of `ringfence keys`: --passphrase-file), or start it in a terminal"
        );
    }
    let first = ask(if new { "New passphrase (8 characters or more): " } else { "Passphrase of the key store: " })?;
    if new && *first != *ask("Once more: ")? {
        bail!("the two passphrases differ");
    }
    Ok(first)
}

/// The key that `[venue]` names.
pub(crate) fn of_venue(venue: &VenueConfig) -> anyhow::Result<Credentials> {
    if let Some(name) = &venue.key {
        let store = match &venue.key_store {
            Some(path) => path.clone(),
            None => places::key_store().context("there is no home folder; name the key store in [venue] key_store")?,
        };
        if !store.exists() {
            let own = venue.key_store.as_ref().map(|path| format!(" --store {}", path.display())).unwrap_or_default();
            bail!("there is no key store {}; make one with: ringfence keys add {name}{own}", store.display());
        }
        let from = PassphraseFrom { file: venue.passphrase_file.as_deref(), env: venue.passphrase_env.as_deref() };
        let opened = KeyStore::read(&store, &passphrase(from, false)?)
            .with_context(|| format!("can't open the key store {}", store.display()))?;
        return opened.credentials(name).with_context(|| format!("key store {}", store.display()));
    }
    let needs = |name: &str| {
        variable(name).with_context(|| {
            format!(
                "venue {} needs keys: set the environment variable {name}, or name a key of the key store in [venue] key \
                 (see Keys in the README)",
                venue.kind.name()
            )
        })
    };
    let api_key = match &venue.api_key {
        Some(key) => Zeroizing::new(key.clone()),
        None => needs(&venue.api_key_env)?,
    };
    let secret = match &venue.secret_file {
        Some(path) => file(path)?,
        None => needs(&venue.secret_env)?,
    };
    Ok(Credentials::recognise(&api_key, &secret)?)
}

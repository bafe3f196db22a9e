//! The file of accounts: a JSON list. Accounts sign with a secret (HMAC) or bring the
//! public half of an Ed25519 or RSA key.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;

use anyhow::{Context as _, bail};
use ringfence_exchange::AccountConfig;
use ringfence_exchange::keys::{ApiKey, Rights, Verifier};
use rust_decimal::Decimal;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    api_key: String,
    secret_key: Option<String>,
    public_key: Option<String>,
    balances: Option<BTreeMap<String, Decimal>>,
}

/// A secret that nobody learns, for accounts that have only a public key.
fn nobodys() -> String {
    (0u8..4).map(|part| format!("{:016x}", RandomState::new().hash_one(part))).collect()
}

fn account(row: Row) -> anyhow::Result<AccountConfig> {
    let mut account = AccountConfig { api_key: row.api_key.clone(), ..AccountConfig::default() };
    if let Some(balances) = row.balances {
        account.balances = balances.into_iter().collect();
    }
    match (row.secret_key, row.public_key) {
        (Some(secret), None) => account.secret = secret,
        (None, Some(pem)) => {
            let verifier = Verifier::public(&pem).with_context(|| format!("account {}", row.api_key))?;
            account.api_key = format!("{}.hmac", row.api_key);
            account.secret = nobodys();
            account.keys.push(ApiKey { api_key: row.api_key, verifier, rights: Rights::ALL, addresses: Vec::new() });
        }
        _ => bail!("account {}: give it either a secret_key or a public_key", row.api_key),
    }
    Ok(account)
}

/// Reads the file; every account that is wrong is named.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<AccountConfig>> {
    let name = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("--accounts {name}: it can't be read"))?;
    let rows: Vec<Row> = serde_json::from_str(&text).with_context(|| format!("--accounts {name}"))?;
    let (accounts, wrong): (Vec<_>, Vec<_>) = rows.into_iter().map(account).partition(Result::is_ok);
    if !wrong.is_empty() {
        let wrong: Vec<_> = wrong.into_iter().filter_map(Result::err).map(|error| format!("{error:#}")).collect();
        bail!("--accounts {name}:\n{}", wrong.join("\n"));
    }
    Ok(accounts.into_iter().flatten().collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    #[test]
    fn accounts_sign_with_a_secret_or_a_key() {
        let pem = "-----BEGIN PUBLIC KEY-----\\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\\n-----END PUBLIC KEY-----\\n";
        let text = format!(
            r#"[{{"api_key":"a","secret_key":"s","balances":{{"BTC":"1.5"}}}},{{"api_key":"b","public_key":"{pem}"}}]"#
        );
        let accounts = read(file(&text).path()).unwrap();
        assert_eq!((accounts[0].api_key.as_str(), accounts[0].balances.len()), ("a", 1));
        assert_eq!(accounts[1].keys[0].api_key, "b");
    }

    #[test]
    fn all_wrong_ones_are_named() {
        let text = r#"[{"api_key":"a"},{"api_key":"b","public_key":"x"},{"api_key":"c","secret_key":"s"}]"#;
        let error = format!("{:#}", read(file(text).path()).unwrap_err());
        assert!(error.contains("account a") && error.contains("account b") && !error.contains("account c"), "{error}");
        assert!(read(file("[{\"api_key\":\"a\",\n\"sekret\":1}]").path()).map(|_| ()).is_err());
    }
}

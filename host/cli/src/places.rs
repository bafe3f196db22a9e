//! Where files of the user's live: keys, and what must outlive a restart. Follows the XDG
//! base directories; no file is read here.

use std::path::PathBuf;

fn folder(variable: &str, below_home: &str) -> Option<PathBuf> {
    let of = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    // The standard says that relative ones are to be ignored.
    let base = of(variable).filter(|path| path.is_absolute());
    Some(base.or_else(|| Some(of("HOME")?.join(below_home)))?.join("ringfence"))
}

/// The key store, unless another is named.
pub(crate) fn key_store() -> Option<PathBuf> {
    Some(folder("XDG_CONFIG_HOME", ".config")?.join("keys.json"))
}

/// What is known of the limits of a venue, so that a restart does not forget bans and counts.
pub(crate) fn limits_state(rest_url: &str) -> Option<PathBuf> {
    let host = rest_url.split("://").nth(1).unwrap_or(rest_url);
    let host: String =
        host.chars().map(|letter| if letter.is_ascii_alphanumeric() || letter == '.' { letter } else { '-' }).collect();
    Some(folder("XDG_STATE_HOME", ".local/state")?.join(format!("limits-{host}.json")))
}

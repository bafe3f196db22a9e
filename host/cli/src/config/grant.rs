//! The parts of a grant that say who may use it and what for: pins, signers, order types and
//! market data.

use ringfence_engine::{OrderType, Permissions, StreamType};
use ringfence_sandbox::{Pin, SignaturePolicy, SignerKey};

use super::SigningConfig;
use super::reader::{Reader, Table};

/// The `[signing]` table.
pub(super) fn read_signing(reader: &Reader<'_>, table: &Table<'_>, signing: &mut SigningConfig) {
    table.keys(reader, &["policy", "keys"]);
    if let Some(policy) = table.choice(reader, "policy", &["off", "warn", "require"]) {
        signing.policy = match policy.as_str() {
            "require" => SignaturePolicy::Require,
            "warn" => SignaturePolicy::Warn,
            _ => SignaturePolicy::Off,
        };
    }
    if let Some(keys) = table.table(reader, "keys") {
        for name in keys.names() {
            let Some(text) = keys.text(reader, &name) else { continue };
            match SignerKey::parse(&text) {
                Ok(key) => drop(signing.keys.insert(name, key)),
                Err(why) => keys.wrong(
                    reader,
                    &name,
                    &format!("is no public key of minisign ({why}); it is the last line of a .pub file"),
                ),
            }
        }
    }
    if signing.policy == SignaturePolicy::Require && !table.has("keys") {
        table.wrong(reader, "policy", "is \"require\", but `signing.keys` names no key, so no plugin could run");
    }
}

/// `sha256` and `key` of one plugin.
pub(super) fn read_pin(reader: &Reader<'_>, table: &Table<'_>, signing: &SigningConfig, pin: &mut Pin) {
    if let Some(text) = table.text(reader, "sha256") {
        match digest(&text) {
            Some(digest) => pin.sha256 = Some(digest),
            None => table.wrong(
                reader,
                "sha256",
                "must be 64 hexadecimal digits, as `ringfence inspect FILE` and `sha256sum FILE` print them",
            ),
        }
    }
    if let Some(name) = table.text(reader, "key") {
        if signing.keys.contains_key(&name) {
            pin.signer = Some(name);
        } else {
            let known: Vec<_> = signing.keys.keys().map(String::as_str).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            table.wrong(reader, "key", &format!("must be a name of [signing] keys ({known})"));
        }
    }
}

fn digest(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0u8; 32];
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (index, byte) in digest.iter_mut().enumerate() {
        let start = index.checked_mul(2)?;
        *byte = u8::from_str_radix(text.get(start..start.checked_add(2)?)?, 16).ok()?;
    }
    Some(digest)
}

/// `order_types` and `streams`.
pub(super) fn read_permissions(reader: &Reader<'_>, table: &Table<'_>, permissions: &mut Permissions) {
    let words: Vec<&str> = OrderType::ALL.iter().map(|one| one.name()).collect();
    if let Some(list) = table.words(reader, "order_types", &words) {
        let named = |one: &&OrderType| list.iter().any(|word| word == one.name());
        permissions.order_types = OrderType::ALL.iter().filter(named).copied().collect();
    }
    let words: Vec<&str> = StreamType::ALL.iter().map(|one| one.name()).collect();
    if let Some(list) = table.words(reader, "streams", &words) {
        let named = |one: &&StreamType| list.iter().any(|word| word == one.name());
        permissions.streams = StreamType::ALL.iter().filter(named).copied().collect();
    }
}

//! The key store: API keys and their secrets in one encrypted file.
//!
//! The passphrase becomes a key with Argon2id; ChaCha20-Poly1305 seals all entries with it, and
//! covers the parameters in front of them, so that nobody can weaken or swap a part. Each save
//! takes a fresh salt and with it a fresh key. Reading and writing files is at the end; the rest is pure.

use std::fmt;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use super::source::{self, SourceError};
use super::{Credentials, KeyError, KeyKind, short};

const SALT: usize = 16;
const KEY: usize = 32;
const FORMAT: &str = "ringfence keys 1";
/// Longest name of an entry.
const NAME: usize = 40;

/// What trying one passphrase costs whoever tries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effort {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
}

impl Default for Effort {
    /// The second choice of RFC 9106, for machines without gigabytes to spare.
    fn default() -> Self {
        Effort { memory_kib: 64 * 1_024, passes: 3 }
    }
}

impl Effort {
    /// A file is not trusted before it is opened: what it asks for is bounded.
    const fn is_sane(self) -> bool {
        self.memory_kib >= 8 && self.memory_kib <= 1_024 * 1_024 && self.passes >= 1 && self.passes <= 20
    }
}

/// Why the store can't be used.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum StoreError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error("can't write {}: {source}", file.display())]
    Unwritable { file: PathBuf, source: std::io::Error },
    #[error("this is no key store, or one of a newer version")]
    Format,
    #[error("the passphrase is wrong, or the key store was changed by somebody else")]
    Passphrase,
    #[error("a passphrase must have at least {} characters", KeyStore::SHORTEST_PASSPHRASE)]
    Short,
    #[error("the system gives no random numbers")]
    Random,
    #[error("{0:?} is no name for a key: use up to 40 letters, digits, - and _")]
    Name(String),
    #[error("there is a key {0} already; remove it first: ringfence keys remove {0}")]
    Taken(String),
    #[error("there is no key {name}; {}", if known.is_empty() { "the store is empty".to_owned() } else { format!("the store has {}", known.join(", ")) })]
    Unknown { name: String, known: Vec<String> },
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// What may be shown of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// The operator's name of it.
    pub name: String,
    /// The start of the API key.
    pub api_key: String,
    /// How it signs.
    pub kind: &'static str,
}

#[derive(Clone)]
struct Entry {
    name: String,
    api_key: String,
    secret: Zeroizing<String>,
    kind: KeyKind,
}

/// The file around the sealed entries.
#[derive(Serialize, Deserialize)]
struct Envelope {
    format: String,
    #[serde(flatten)]
    effort: Effort,
    salt: String,
    nonce: String,
    sealed: String,
}

impl Envelope {
    /// What the seal covers besides the entries.
    fn header(&self) -> String {
        let Effort { memory_kib, passes } = self.effort;
        format!("{}|argon2id|{memory_kib}|{passes}|{}|{}", self.format, self.salt, self.nonce)
    }
}

/// Entries as they are sealed.
#[derive(Serialize, Deserialize)]
struct Plain {
    name: String,
    api_key: String,
    secret: String,
}

/// An opened store.
#[derive(Clone, Default)]
pub struct KeyStore {
    entries: Vec<Entry>,
}

impl fmt::Debug for KeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.list()).finish()
    }
}

/// The key that a passphrase makes.
fn sealing_key(passphrase: &str, salt: &[u8], effort: Effort) -> Result<LessSafeKey, StoreError> {
    let params = Params::new(effort.memory_kib, effort.passes, 1, Some(KEY)).map_err(|_| StoreError::Format)?;
    let mut key = Zeroizing::new([0u8; KEY]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, key.as_mut())
        .map_err(|_| StoreError::Format)?;
    UnboundKey::new(&CHACHA20_POLY1305, key.as_ref()).map(LessSafeKey::new).map_err(|_| StoreError::Format)
}

impl KeyStore {
    /// A shorter one is found by trying.
    pub const SHORTEST_PASSPHRASE: usize = 8;

    /// Opens a sealed store.
    ///
    /// # Errors
    /// It is no store, or the passphrase is wrong.
    pub fn open(text: &str, passphrase: &str) -> Result<Self, StoreError> {
        let envelope: Envelope = serde_json::from_str(text).map_err(|_| StoreError::Format)?;
        if envelope.format != FORMAT || !envelope.effort.is_sane() {
            return Err(StoreError::Format);
        }
        let bytes = |text: &str| BASE64.decode(text).map_err(|_| StoreError::Format);
        let (salt, nonce) = (bytes(&envelope.salt)?, bytes(&envelope.nonce)?);
        let nonce: [u8; NONCE_LEN] = nonce.try_into().map_err(|_| StoreError::Format)?;
        let mut sealed = Zeroizing::new(bytes(&envelope.sealed)?);
        let key = sealing_key(passphrase, &salt, envelope.effort)?;
        let plain = key
            .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(envelope.header()), &mut sealed)
            .map_err(|_| StoreError::Passphrase)?;
        let entries: Vec<Plain> = serde_json::from_slice(plain).map_err(|_| StoreError::Format)?;
        let mut store = KeyStore::default();
        for mut entry in entries {
            let secret = Zeroizing::new(std::mem::take(&mut entry.secret));
            store.add(&entry.name, &entry.api_key, secret)?;
        }
        Ok(store)
    }

    /// Seals it for a file.
    ///
    /// # Errors
    /// The passphrase is too short, or there are no random numbers.
    pub fn seal(&self, passphrase: &str, effort: Effort) -> Result<String, StoreError> {
        if passphrase.chars().count() < Self::SHORTEST_PASSPHRASE {
            return Err(StoreError::Short);
        }
        let random = SystemRandom::new();
        let (mut salt, mut nonce) = ([0; SALT], [0; NONCE_LEN]);
        random.fill(&mut salt).and_then(|()| random.fill(&mut nonce)).map_err(|_| StoreError::Random)?;
        let mut envelope = Envelope {
            format: FORMAT.to_owned(),
            effort,
            salt: BASE64.encode(salt),
            nonce: BASE64.encode(nonce),
            sealed: String::new(),
        };
        let mut plain: Vec<_> = self
            .entries
            .iter()
            .map(|entry| Plain {
                name: entry.name.clone(),
                api_key: entry.api_key.clone(),
                secret: entry.secret.to_string(),
            })
            .collect();
        // Room for all of it, so that no part is left behind by growing.
        let room = self.entries.iter().map(|entry| entry.secret.len().saturating_mul(2).saturating_add(512)).sum();
        let mut bytes = Zeroizing::new(Vec::with_capacity(room));
        let written = serde_json::to_writer(&mut *bytes, &plain);
        plain.iter_mut().for_each(|entry| entry.secret.zeroize());
        written.map_err(|_| StoreError::Format)?;
        sealing_key(passphrase, &salt, effort)?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(envelope.header()), &mut *bytes)
            .map_err(|_| StoreError::Format)?;
        envelope.sealed = BASE64.encode(&*bytes);
        serde_json::to_string_pretty(&envelope).map_err(|_| StoreError::Format)
    }

    /// Adds a key of any kind.
    ///
    /// # Errors
    /// The name is taken or no name, or the key is none.
    pub fn add(&mut self, name: &str, api_key: &str, secret: Zeroizing<String>) -> Result<Listed, StoreError> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if name.is_empty() || name.len() > NAME || !name.bytes().all(good) {
            return Err(StoreError::Name(name.to_owned()));
        }
        if self.entries.iter().any(|entry| entry.name == name) {
            return Err(StoreError::Taken(name.to_owned()));
        }
        let credentials = Credentials::recognise(api_key, &secret)?;
        let (api_key, kind) = (credentials.api_key().to_owned(), credentials.kind());
        let entry = Entry { name: name.to_owned(), api_key, secret, kind };
        let listed = entry.listed();
        self.entries.push(entry);
        Ok(listed)
    }

    /// Takes a key out.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn remove(&mut self, name: &str) -> Result<Listed, StoreError> {
        let place = self.entries.iter().position(|entry| entry.name == name).ok_or_else(|| self.unknown(name))?;
        Ok(self.entries.remove(place).listed())
    }

    /// The key of this name, ready to sign.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn credentials(&self, name: &str) -> Result<Credentials, StoreError> {
        let entry = self.entries.iter().find(|entry| entry.name == name).ok_or_else(|| self.unknown(name))?;
        Ok(Credentials::recognise(&entry.api_key, &entry.secret)?)
    }

    /// What is in it.
    pub fn list(&self) -> Vec<Listed> {
        self.entries.iter().map(Entry::listed).collect()
    }

    fn unknown(&self, name: &str) -> StoreError {
        let known = self.entries.iter().map(|entry| entry.name.clone()).collect();
        StoreError::Unknown { name: name.to_owned(), known }
    }

    /// Opens the store of a file; an empty one if there is no file.
    ///
    /// # Errors
    /// It can't be read, others may read it, or it can't be opened.
    pub fn read(file: &Path, passphrase: &str) -> Result<Self, StoreError> {
        if !file.exists() {
            return Ok(KeyStore::default());
        }
        KeyStore::open(&source::read(file)?, passphrase)
    }

    /// Writes the store to a file that only its owner may read: whole, or not at all.
    ///
    /// # Errors
    /// It can't be sealed or written.
    pub fn write(&self, file: &Path, passphrase: &str, effort: Effort) -> Result<(), StoreError> {
        let sealed = self.seal(passphrase, effort)?;
        let unwritable = |source| StoreError::Unwritable { file: file.to_owned(), source };
        if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(unwritable)?;
        }
        let mut name = file.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.new", std::process::id()));
        let fresh = file.with_file_name(name);
        let written = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&fresh)
            .and_then(|mut opened| {
                opened.write_all(sealed.as_bytes())?;
                opened.sync_all()
            })
            .and_then(|()| std::fs::rename(&fresh, file));
        if written.is_err() {
            // The old one stays; the error that matters is the first.
            drop(std::fs::remove_file(&fresh));
        }
        written.map_err(unwritable)
    }
}

impl Entry {
    fn listed(&self) -> Listed {
        Listed { name: self.name.clone(), api_key: short(&self.api_key), kind: self.kind.name() }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    const QUICK: Effort = Effort { memory_kib: 64, passes: 1 };
    const PASSPHRASE: &str = "correct horse";

    fn store() -> KeyStore {
        let mut store = KeyStore::default();
        store.add("main", "abcdefghijkl", Zeroizing::new("the-secret".to_owned())).unwrap();
        let pem =
            std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/keys/ed25519.pem"))
                .unwrap();
        store.add("ed", "mnopqrstuvwx", Zeroizing::new(pem)).unwrap();
        store
    }

    #[test]
    fn what_was_sealed_comes_back_and_nothing_of_it_shows() {
        let sealed = store().seal(PASSPHRASE, QUICK).unwrap();
        for word in ["the-secret", "abcdefgh", "main", "PRIVATE", PASSPHRASE] {
            assert!(!sealed.contains(word), "{word} shows");
        }
        let opened = KeyStore::open(&sealed, PASSPHRASE).unwrap();
        assert_eq!(opened.list(), store().list());
        assert_eq!(opened.credentials("main").unwrap().sign("x"), store().credentials("main").unwrap().sign("x"));
        assert_eq!(opened.credentials("ed").unwrap().kind(), KeyKind::Ed25519);
        assert!(!format!("{opened:?}").contains("the-secret"));
        assert_ne!(sealed, store().seal(PASSPHRASE, QUICK).unwrap(), "each seal is fresh");
    }

    #[test]
    fn a_wrong_passphrase_or_any_change_is_noticed() {
        let sealed = store().seal(PASSPHRASE, QUICK).unwrap();
        assert!(matches!(KeyStore::open(&sealed, "wrong passphrase"), Err(StoreError::Passphrase)));
        // Each letter of the file matters: it is refused, or (a space) it says the same.
        for at in 0..sealed.len() {
            let mut bytes = sealed.clone().into_bytes();
            bytes[at] ^= 1;
            let Ok(text) = String::from_utf8(bytes) else { continue };
            if let Ok(opened) = KeyStore::open(&text, PASSPHRASE) {
                panic!("a change at {at} went unnoticed: {opened:?}");
            }
        }
        for text in ["", "{}", "[]", &sealed.replace("\"memory_kib\": 64", "\"memory_kib\": 4294967295")] {
            assert!(matches!(KeyStore::open(text, PASSPHRASE), Err(StoreError::Format)), "{text}");
        }
    }

    #[test]
    fn names_and_keys_are_checked() {
        let mut store = store();
        let secret = || Zeroizing::new("s3cret".to_owned());
        assert!(matches!(store.add("main", "k", secret()), Err(StoreError::Taken(_))));
        for name in ["", "a b", "../x", &"x".repeat(41)] {
            assert!(matches!(store.add(name, "k", secret()), Err(StoreError::Name(_))), "{name}");
        }
        assert!(matches!(store.add("x", "a b", secret()), Err(StoreError::Key(KeyError::ApiKey))));
        assert!(matches!(store.seal("short", QUICK), Err(StoreError::Short)));
        let error = store.remove("nobody").unwrap_err().to_string();
        assert_eq!(error, "there is no key nobody; the store has main, ed");
        store.remove("main").unwrap();
        assert!(store.credentials("main").is_err());
    }

    #[test]
    fn the_file_is_the_owners_alone_and_is_replaced_whole() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("deep/keys");
        assert_eq!(KeyStore::read(&file, PASSPHRASE).unwrap().list(), []);
        store().write(&file, PASSPHRASE, QUICK).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(KeyStore::read(&file, PASSPHRASE).unwrap().list().len(), 2);
        store().write(&file, "another passphrase", QUICK).unwrap();
        assert!(KeyStore::read(&file, PASSPHRASE).is_err());
        assert_eq!(std::fs::read_dir(file.parent().unwrap()).unwrap().count(), 1, "nothing is left lying about");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(KeyStore::read(&file, PASSPHRASE), Err(StoreError::Source(SourceError::Open { .. }))));
    }
}

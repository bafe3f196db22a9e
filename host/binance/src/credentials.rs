//! API keys: who we are to the venue, and how requests are signed. Secrets are wiped when they
//! are dropped and never shown: not by `Debug`, not in errors.
//!
//! | module | holds |
//! |--|--|
//! | [`source`] | reading keys from files that nobody else may read |
//! | [`store`] | the encrypted key store |
//!
//! Source: Binance, "SIGNED endpoint security" and "API Key Types": HMAC-SHA-256 in hex, RSA
//! PKCS#1 v1.5 with SHA-256 and Ed25519 in base64, which REST wants percent-encoded.

pub mod source;
pub mod store;

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::pkcs8::DecodePrivateKey as _;
use ed25519_dalek::{Signer as _, SigningKey};
use hmac::{Hmac, KeyInit, Mac};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use sha2::Sha256;
use zeroize::{Zeroize as _, Zeroizing};

/// How a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// HMAC-SHA-256 with a shared secret. The venue calls it deprecated.
    Hmac,
    /// The venue recommends it, and only it may log a session on.
    Ed25519,
    /// RSA of 2048 to 4096 bits.
    Rsa,
}

impl KeyKind {
    /// For people and files.
    pub const fn name(self) -> &'static str {
        match self {
            KeyKind::Hmac => "HMAC-SHA-256",
            KeyKind::Ed25519 => "Ed25519",
            KeyKind::Rsa => "RSA",
        }
    }
}

/// What is wrong with a key. Never holds any of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum KeyError {
    #[error("the API key is empty or has characters that no API key has; copy it again from the venue")]
    ApiKey,
    #[error("the secret is empty")]
    Empty,
    #[error(
        "the secret is neither a PEM private key nor a secret of the venue's (letters and digits on one line); \
         copy it again"
    )]
    Secret,
    #[error("this is a public key; the private key is needed (its file begins with BEGIN PRIVATE KEY)")]
    Public,
    #[error(
        "the private key is encrypted; decrypt it into the key store: \
         openssl pkcs8 -in KEY.pem | ringfence keys add NAME --api-key KEY --secret-file -"
    )]
    Encrypted,
    #[error("the PEM text can't be read as a private key")]
    Pem,
    #[error("the private key is neither Ed25519 nor RSA of 2048 to 4096 bits, which is all that the venue takes")]
    Kind,
}

#[derive(Clone)]
enum Key {
    /// Keyed once; cloned for each signature, which skips hashing the secret again.
    Hmac(Box<Hmac<Sha256>>),
    Ed25519(Box<SigningKey>),
    /// The library keeps its numbers in memory of its own, which it does not wipe.
    Rsa(Arc<RsaKeyPair>),
}

/// An API key and what signs for it.
#[derive(Clone)]
pub struct Credentials {
    api_key: String,
    key: Key,
}

impl Credentials {
    /// Key and secret of an HMAC key.
    pub fn new(api_key: String, secret: String) -> Self {
        let secret = Zeroizing::new(secret);
        // HMAC takes a key of any length, so this can't fail; an empty key would sign nothing that the venue accepts.
        let mac = Hmac::new_from_slice(secret.as_bytes()).unwrap_or_else(|_| Hmac::new(&Default::default()));
        Credentials { api_key, key: Key::Hmac(Box::new(mac)) }
    }

    /// Takes an API key and its secret of any kind: a PEM private key (PKCS#8; PKCS#1 for RSA) or
    /// the text that the venue gave for an HMAC key.
    ///
    /// # Errors
    /// It is none of these.
    pub fn recognise(api_key: &str, secret: &str) -> Result<Self, KeyError> {
        let api_key = api_key.trim();
        let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !plain(api_key) || api_key.len() > 256 {
            return Err(KeyError::ApiKey);
        }
        let secret = secret.trim();
        if secret.is_empty() {
            return Err(KeyError::Empty);
        }
        if secret.contains("-----BEGIN") {
            return Ok(Credentials { api_key: api_key.to_owned(), key: private_key(secret)? });
        }
        if !plain(secret) || secret.len() > 256 {
            return Err(KeyError::Secret);
        }
        Ok(Credentials::new(api_key.to_owned(), secret.to_owned()))
    }

    /// Sent with each signed request; not secret.
    pub fn api_key(&self) -> &str {
        &self.api_key
    }

    /// How it signs.
    pub fn kind(&self) -> KeyKind {
        match &self.key {
            Key::Hmac(_) => KeyKind::Hmac,
            Key::Ed25519(_) => KeyKind::Ed25519,
            Key::Rsa(_) => KeyKind::Rsa,
        }
    }

    /// For a REST request: appends the signature of all of `text` from `from` on, as it stands in an address.
    pub fn sign_into(&self, text: &mut String, from: usize) {
        let payload = text.len();
        text.push_str("&signature=");
        let begin = text.len();
        self.signature(text, from..payload);
        if !matches!(self.key, Key::Hmac(_)) {
            let raw = text.split_off(begin);
            for letter in raw.chars() {
                match letter {
                    '+' => text.push_str("%2B"),
                    '/' => text.push_str("%2F"),
                    '=' => text.push_str("%3D"),
                    plain => text.push(plain),
                }
            }
        }
    }

    /// The signature of a payload: lower-case hex of HMAC, base64 of the other kinds.
    pub fn sign(&self, payload: &str) -> String {
        let mut text = payload.to_owned();
        self.signature(&mut text, 0..payload.len());
        text.split_off(payload.len())
    }

    /// Appends the signature of a part of `text`.
    fn signature(&self, text: &mut String, part: std::ops::Range<usize>) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let payload = text.as_bytes().get(part).unwrap_or_default();
        match &self.key {
            Key::Hmac(mac) => {
                let mut mac = mac.clone();
                mac.update(payload);
                for byte in mac.finalize().into_bytes() {
                    for digit in [byte >> 4, byte & 15] {
                        text.push(char::from(HEX[usize::from(digit)]));
                    }
                }
            }
            Key::Ed25519(key) => {
                let signature = key.sign(payload).to_bytes();
                BASE64.encode_string(signature, text);
            }
            Key::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                // It fails only if the system gives no random numbers for blinding. Then the
                // signature is one that the venue refuses, which is told.
                if key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), payload, &mut signature).is_err() {
                    tracing::error!("a request could not be signed: the system gives no random numbers");
                }
                BASE64.encode_string(signature, text);
            }
        }
    }
}

fn private_key(pem: &str) -> Result<Key, KeyError> {
    if pem.contains("BEGIN ENCRYPTED PRIVATE KEY") || pem.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(KeyError::Encrypted);
    }
    if pem.contains("PUBLIC KEY-----") && !pem.contains("PRIVATE KEY-----") {
        return Err(KeyError::Public);
    }
    let mut der = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| KeyError::Pem)?;
    let key = match &der {
        PrivateKeyDer::Pkcs8(pkcs8) => {
            let bytes = pkcs8.secret_pkcs8_der();
            match SigningKey::from_pkcs8_der(bytes) {
                Ok(key) => Some(Key::Ed25519(Box::new(key))),
                Err(_) => RsaKeyPair::from_pkcs8(bytes).ok().map(|key| Key::Rsa(Arc::new(key))),
            }
        }
        PrivateKeyDer::Pkcs1(pkcs1) => {
            RsaKeyPair::from_der(pkcs1.secret_pkcs1_der()).ok().map(|key| Key::Rsa(Arc::new(key)))
        }
        _ => None,
    };
    der.zeroize();
    key.ok_or(KeyError::Kind)
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("api_key", &short(&self.api_key))
            .field("kind", &self.kind())
            .finish_non_exhaustive()
    }
}

/// The start of an API key: enough to know it by.
pub fn short(api_key: &str) -> String {
    let shown: String = api_key.chars().take(8).collect();
    if shown.len() < api_key.len() { format!("{shown}…") } else { shown }
}

/// Without anything that could be a key or a signature: firewalls and venues like to repeat what they refuse.
pub(crate) fn without_signatures(text: &str) -> String {
    /// Hex of HMAC; base64 of the other kinds is longer.
    const LENGTH: usize = 64;
    let may_be = |letter: char| letter.is_ascii_alphanumeric() || "+/=%_-".contains(letter);
    let mut quiet = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let begin = rest.find(may_be).unwrap_or(rest.len());
        let (plain, after) = rest.split_at(begin);
        quiet.push_str(plain);
        let end = after.find(|letter: char| !may_be(letter)).unwrap_or(after.len());
        let (run, after) = after.split_at(end);
        rest = after;
        // A name and its value are one run of these letters.
        let value = run.find('=').map_or(0, |at| at.saturating_add(1));
        // A run that ends in `=` is base64.
        let value = if run.get(value..).is_some_and(|rest| !rest.trim_matches('=').is_empty()) { value } else { 0 };
        let (name, value) = run.split_at(value);
        quiet.push_str(name);
        quiet.push_str(if value.len() < LENGTH { value } else { "<signature>" });
    }
    quiet
}

#[cfg(test)]
mod tests;

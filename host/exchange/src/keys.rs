//! Keys of accounts: what checks a signature, and what a key may do.
//!
//! The exchange holds the secret of HMAC keys, as the venue does, and only the public half
//! of Ed25519 and RSA keys.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use ring::signature::{ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Header of an Ed25519 public key (RFC 8410); thirty-two bytes follow.
const ED25519_HEADER: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// `rsaEncryption` with its empty parameters (RFC 8017).
const RSA_ALGORITHM: [u8; 15] =
    [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
/// Longest public key that is looked at; 4096 bit RSA takes 800 characters.
const LONGEST_PEM: usize = 8_192;

/// A public key that can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not PEM, or PEM of something else.
    #[error("the key is no public key in PEM form (`-----BEGIN PUBLIC KEY-----`)")]
    NoPublicKey,
    /// A public key of another algorithm.
    #[error("the key is neither Ed25519 nor RSA of 2048 to 4096 bits")]
    Algorithm,
}

/// What checks the signatures of one key.
#[derive(Clone)]
pub enum Verifier {
    /// HMAC-SHA-256; signatures are hex, in any case.
    Hmac(Zeroizing<String>),
    /// Ed25519, the 32 bytes of the public key; signatures are base64.
    Ed25519([u8; 32]),
    /// RSASSA-PKCS1-v1_5 with SHA-256, the key as `RSAPublicKey`; signatures are base64.
    Rsa(Vec<u8>),
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verifier::Hmac(_) => "Hmac(<redacted>)",
            Verifier::Ed25519(_) => "Ed25519",
            Verifier::Rsa(_) => "Rsa",
        })
    }
}

/// Value and rest of a DER element with this tag.
fn element(tag: u8, from: &[u8]) -> Option<(&[u8], &[u8])> {
    let (found, rest) = from.split_first()?;
    let (first, mut rest) = rest.split_first().filter(|_| *found == tag)?;
    let mut length = usize::from(*first);
    if length > 0x7f {
        let (bytes, after) = rest.split_at_checked(length & 0x7f).filter(|(bytes, _)| bytes.len() <= 2)?;
        length = bytes.iter().fold(0, |sum, byte| sum * 256 + usize::from(*byte));
        rest = after;
    }
    rest.split_at_checked(length)
}

/// `RSAPublicKey` within a `SubjectPublicKeyInfo`.
fn rsa(der: &[u8]) -> Option<Vec<u8>> {
    let (info, _) = element(0x30, der)?;
    let (bits, _) = element(0x03, info.strip_prefix(&RSA_ALGORITHM)?)?;
    let key = bits.strip_prefix(&[0])?;
    let (numbers, _) = element(0x30, key)?;
    let (modulus, _) = element(0x02, numbers)?;
    // A leading zero keeps the number positive.
    let length = modulus.strip_prefix(&[0]).unwrap_or(modulus).len();
    (256..=512).contains(&length).then(|| key.to_vec())
}

impl Verifier {
    /// Of an HMAC key's secret.
    pub fn hmac(secret: impl Into<String>) -> Self {
        Verifier::Hmac(Zeroizing::new(secret.into()))
    }

    /// Of an Ed25519 or RSA public key in PEM form, as it is registered at the venue.
    ///
    /// # Errors
    /// The text is no such key.
    pub fn public(pem: &str) -> Result<Self, KeyError> {
        let body = (pem.len() <= LONGEST_PEM)
            .then(|| pem.trim().strip_prefix("-----BEGIN PUBLIC KEY-----")?.strip_suffix("-----END PUBLIC KEY-----"))
            .flatten()
            .ok_or(KeyError::NoPublicKey)?;
        let text: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        let der = BASE64.decode(text).map_err(|_| KeyError::NoPublicKey)?;
        if let Some(key) = der.strip_prefix(&ED25519_HEADER).and_then(|key| <[u8; 32]>::try_from(key).ok()) {
            return Ok(Verifier::Ed25519(key));
        }
        rsa(&der).map(Verifier::Rsa).ok_or(KeyError::Algorithm)
    }

    /// The venue's word for this kind of key. Only Ed25519 keys log on to a session.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Verifier::Hmac(_) => "HMAC_SHA256",
            Verifier::Ed25519(_) => "ED25519",
            Verifier::Rsa(_) => "RSA",
        }
    }

    /// Whether `signature` is this key's under `payload`. HMACs are compared in constant time.
    pub(crate) fn verify(&self, payload: &str, signature: &str) -> bool {
        let public = |algorithm, key: &[u8]| {
            let Ok(bytes) = BASE64.decode(signature) else {
                return false;
            };
            UnparsedPublicKey::new(algorithm, key).verify(payload.as_bytes(), &bytes).is_ok()
        };
        match self {
            Verifier::Hmac(secret) => {
                let (Some(bytes), Ok(mut mac)) =
                    (from_hex(signature), Hmac::<Sha256>::new_from_slice(secret.as_bytes()))
                else {
                    return false;
                };
                mac.update(payload.as_bytes());
                mac.verify_slice(&bytes).is_ok()
            }
            Verifier::Ed25519(key) => public(&ED25519 as &dyn ring::signature::VerificationAlgorithm, key),
            Verifier::Rsa(key) => public(&RSA_PKCS1_2048_8192_SHA256, key),
        }
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| text.get(at..at.saturating_add(2)).and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect()
}

/// What a key may do. Market data needs no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    /// `TRADE`: placing, cancelling, amending.
    pub trade: bool,
    /// `USER_DATA`: account, orders, trades.
    pub user_data: bool,
    /// `USER_STREAM`: subscriptions to user data.
    pub user_stream: bool,
}

impl Rights {
    /// Everything.
    pub const ALL: Rights = Rights { trade: true, user_data: true, user_stream: true };
    /// Everything but trading: how the venue makes new keys.
    pub const READ: Rights = Rights { trade: false, user_data: true, user_stream: true };
}

/// A key of an account.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// Sent with each signed request.
    pub api_key: String,
    /// Checks its signatures.
    pub verifier: Verifier,
    /// What it may do.
    pub rights: Rights,
    /// Addresses that may use it; all if empty.
    pub addresses: Vec<std::net::IpAddr>,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "keys_tests.rs"]
pub(crate) mod tests;

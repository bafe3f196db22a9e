//! Whose files are taken: signatures in minisign's format over the very bytes that are loaded,
//! and pins of a name to one content or one signer. The operator's configuration decides;
//! nothing in the plugin folder can.

use std::collections::BTreeMap;

use minisign_verify::{PublicKey, Signature};

use crate::admission::report::Finding;
use crate::admission::snapshot::Snapshot;
use crate::refusal::{Refusal, first_line};
use crate::text::hex;

/// What is asked of plugins that have no pin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SignaturePolicy {
    /// Nothing. A signature that is there must still be a good one.
    #[default]
    Off,
    /// A file without a known signature is taken, and told.
    Warn,
    /// A file without a known signature is refused.
    Require,
}

/// A signer's public key.
#[derive(Clone)]
pub struct SignerKey {
    text: String,
    key: PublicKey,
}

impl std::fmt::Debug for SignerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SignerKey").field(&self.text).finish()
    }
}

impl PartialEq for SignerKey {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for SignerKey {}

impl SignerKey {
    /// The line of letters in minisign's `.pub` files.
    ///
    /// # Errors
    /// It is no such key.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let key = PublicKey::from_base64(text).map_err(|error| error.to_string())?;
        Ok(SignerKey { text: text.to_owned(), key })
    }

    /// The key as text.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// What a name is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pin {
    /// SHA-256 of the one content that may have this name.
    pub sha256: Option<[u8; 32]>,
    /// The one signer, by the name of the key.
    pub signer: Option<String>,
}

/// Whom the operator trusts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trust {
    /// What is asked of plugins that have no pin.
    pub policy: SignaturePolicy,
    /// Known signers by name.
    pub keys: BTreeMap<String, SignerKey>,
    /// Plugins whose grant is for one content or one signer only.
    pub pins: BTreeMap<String, Pin>,
}

impl Trust {
    /// Who signed a file, if that may run under its name.
    ///
    /// # Errors
    /// A bad signature, whatever the policy; a missing or unknown one if it is required; a pin
    /// that names another content or signer.
    pub(crate) fn check(&self, file: &Snapshot, findings: &mut Vec<Finding>) -> Result<(), Refusal> {
        let pin = self.pins.get(file.name()).cloned().unwrap_or_default();
        findings.push(Finding::text("sha256", hex(file.hash())));
        if let Some(pinned) = pin.sha256
            && pinned != *file.hash()
        {
            return Err(Refusal::Pinned {
                pinned: format!("sha256 {}", hex(&pinned)),
                found: format!("sha256 {}", hex(file.hash())),
            });
        }
        let signer = match file.signature() {
            None => None,
            Some(signature) => Some(self.signer(file.bytes(), signature)?),
        };
        findings.push(Finding::text(
            "signed-by",
            match &signer {
                None => "nobody".to_owned(),
                Some(Err(key)) => format!("unknown key {key}"),
                Some(Ok(name)) => name.clone(),
            },
        ));
        let required = self.policy == SignaturePolicy::Require || pin.signer.is_some();
        match signer {
            Some(Ok(name)) => match pin.signer {
                Some(pinned) if pinned != name => Err(Refusal::Pinned {
                    pinned: format!("key `{pinned}`"),
                    found: format!("a signature of `{name}`"),
                }),
                _ => Ok(()),
            },
            Some(Err(key)) if required => Err(Refusal::UnknownSigner { key }),
            None if required => Err(Refusal::Unsigned { file: format!("{}.wasm.minisig", file.name()) }),
            Some(Err(key)) if self.policy == SignaturePolicy::Warn => {
                tracing::warn!(plugin = file.name(), key, "it is signed with an unknown key");
                Ok(())
            }
            None if self.policy == SignaturePolicy::Warn => {
                tracing::warn!(plugin = file.name(), "it is not signed");
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The signer's name, or the number of a key that is not known.
    fn signer(&self, bytes: &[u8], signature: &[u8]) -> Result<Result<String, String>, Refusal> {
        let bad = |why: &str| Refusal::BadSignature(first_line(why));
        let text = std::str::from_utf8(signature).map_err(|_| bad("the signature file is no text"))?;
        let signature = Signature::decode(text).map_err(|error| bad(&error.to_string()))?;
        for (name, key) in &self.keys {
            match key.key.verify(bytes, &signature, true) {
                Ok(()) => return Ok(Ok(name.clone())),
                // Another's key: the next one may be it.
                Err(minisign_verify::Error::UnexpectedKeyId) => {}
                Err(error) => return Err(bad(&format!("key `{name}`: {error}"))),
            }
        }
        Ok(Err(key_number(text)))
    }
}

/// The number by which minisign calls a key: bytes 2 to 10 of the signature, last one first.
fn key_number(text: &str) -> String {
    let line = text.lines().nth(1).unwrap_or_default();
    let mut bits = 0u32;
    let mut held = 0u32;
    let mut bytes = Vec::new();
    for c in line.bytes() {
        let value = match c {
            b'A'..=b'Z' => c.wrapping_sub(b'A'),
            b'a'..=b'z' => c.wrapping_sub(b'a').wrapping_add(26),
            b'0'..=b'9' => c.wrapping_sub(b'0').wrapping_add(52),
            b'+' => 62,
            b'/' => 63,
            _ => break,
        };
        held = (held << 6 | u32::from(value)) & 0x3fff;
        bits = bits.saturating_add(6);
        if bits >= 8 {
            bits = bits.saturating_sub(8);
            bytes.push(u8::try_from(held >> bits & 0xff).unwrap_or(0));
        }
    }
    let mut number: Vec<u8> = bytes.into_iter().skip(2).take(8).collect();
    number.reverse();
    hex(&number).to_uppercase()
}

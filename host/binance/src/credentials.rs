//! API key and secret. The secret signs and is never shown: not by `Debug`, not in errors.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Key and secret of an HMAC-SHA-256 API key.
#[derive(Clone)]
pub struct Credentials {
    api_key: String,
    /// Keyed once; cloned for each signature, which skips hashing the secret again.
    mac: Hmac<Sha256>,
    secret: Zeroizing<String>,
}

impl Credentials {
    /// Takes key and secret.
    pub fn new(api_key: String, secret: String) -> Self {
        let secret = Zeroizing::new(secret);
        // HMAC takes a key of any length, so this can't fail; an empty key would sign nothing that the venue accepts.
        let mac = Hmac::new_from_slice(secret.as_bytes()).unwrap_or_else(|_| Hmac::new(&Default::default()));
        Credentials { api_key, mac, secret }
    }

    /// Sent with each signed request; not secret.
    pub fn api_key(&self) -> &str {
        &self.api_key
    }

    /// Appends the signature of all of `text` from `from` on, as lower-case hex.
    pub fn sign_into(&self, text: &mut String, from: usize) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut mac = self.mac.clone();
        mac.update(text.as_bytes().get(from..).unwrap_or_default());
        text.push_str("&signature=");
        for byte in mac.finalize().into_bytes() {
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from(HEX[usize::from(digit)]));
            }
        }
    }

    /// The signature of a payload, as lower-case hex.
    pub fn sign(&self, payload: &str) -> String {
        let mut text = payload.to_owned();
        self.sign_into(&mut text, 0);
        text.split_off(payload.len().saturating_add("&signature=".len()))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secret = if self.secret.is_empty() { "<none>" } else { "<redacted>" };
        f.debug_struct("Credentials").field("api_key", &self.api_key).field("secret", &secret).finish_non_exhaustive()
    }
}

/// Without anything that could be a signature: firewalls and venues like to repeat what they refuse.
pub(crate) fn without_signatures(text: &str) -> String {
    const LENGTH: usize = 64;
    let mut quiet = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let begin = rest.find(|letter: char| letter.is_ascii_hexdigit()).unwrap_or(rest.len());
        let (plain, after) = rest.split_at(begin);
        quiet.push_str(plain);
        rest = after;
        let end = rest.find(|letter: char| !letter.is_ascii_hexdigit()).unwrap_or(rest.len());
        let (digits, after) = rest.split_at(end);
        quiet.push_str(if end < LENGTH { digits } else { "<signature>" });
        rest = after;
    }
    quiet
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worked examples of Binance's REST documentation.
    #[test]
    fn the_documented_signatures() {
        let credentials = Credentials::new(
            "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A".into(),
            "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j".into(),
        );
        for (payload, signature) in [
            (
                "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559",
                "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
            ),
            (
                "symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559",
                "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
            ),
        ] {
            assert_eq!(credentials.sign(payload), signature);
        }
    }

    #[test]
    fn the_secret_is_never_shown() {
        let credentials = Credentials::new("key".into(), "hush".into());
        assert!(!format!("{credentials:?}").contains("hush"));
    }

    #[test]
    fn signatures_are_taken_out_of_texts() {
        let signature = Credentials::new("key".into(), "hush".into()).sign("x");
        for (text, quiet) in [
            (format!("é a=1&signature={signature}"), "é a=1&signature=<signature>"),
            (format!("{signature}, {signature}!"), "<signature>, <signature>!"),
            ("deadbeef 12".to_owned(), "deadbeef 12"),
            (String::new(), ""),
        ] {
            assert_eq!(without_signatures(&text), quiet);
        }
    }
}

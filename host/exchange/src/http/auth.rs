//! Who asks: key, signature over the exact bytes that were sent, and time.

use hmac::{Hmac, KeyInit, Mac};
use ringfence_model::{Decimal, Timestamp};
use sha2::Sha256;

use super::params::Params;
use crate::answer::Refusal;
use crate::exchange::Exchange;

/// A request may be this much ahead of the venue's clock.
const AHEAD_US: u64 = 1_000_000;

/// What a signed request brings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Credentials<'a> {
    pub(crate) api_key: Option<&'a str>,
    pub(crate) payload: &'a str,
    pub(crate) signature: Option<&'a str>,
}

/// Query and body as they were signed: without the signature, nothing between them.
pub(crate) fn http_payload(query: &str, body: &str) -> String {
    let without =
        |text: &str| text.split('&').filter(|pair| !pair.starts_with("signature=")).collect::<Vec<_>>().join("&");
    let mut payload = without(query);
    payload.push_str(&without(body));
    payload
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| text.get(at..at.saturating_add(2)).and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect()
}

/// Whether `signature` (hex) is the HMAC-SHA-256 of `payload`. Compared in constant time.
pub(crate) fn verify(secret: &str, payload: &str, signature: &str) -> bool {
    let Some(signature) = from_hex(signature) else {
        return false;
    };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return false;
    };
    mac.update(payload.as_bytes());
    mac.verify_slice(&signature).is_ok()
}

impl Exchange {
    /// The account that signed the request.
    pub(crate) fn authenticate(
        &self,
        now: Timestamp,
        credentials: &Credentials<'_>,
        params: &Params,
    ) -> Result<usize, Refusal> {
        let key = credentials
            .api_key
            .filter(|key| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic()))
            .ok_or_else(|| Refusal::new(-2014, "API-key format invalid."))?;
        let account = self
            .accounts
            .by_key(key)
            .ok_or_else(|| Refusal::new(-2015, "Invalid API-key, IP, or permissions for action."))?;
        let timestamp = params.time("timestamp")?.ok_or_else(|| Refusal::missing("timestamp"))?;
        let window = params.decimal("recvWindow")?.unwrap_or(Decimal::new(5_000, 0));
        if window > Decimal::new(60_000, 0) {
            return Err(Refusal::new(-1131, "recvWindow must be less than 60000"));
        }
        let signature = credentials.signature.ok_or_else(|| Refusal::missing("signature"))?;
        let secret = self.accounts.get(account).map(|found| found.secret.as_str()).unwrap_or_default();
        if !verify(secret, credentials.payload, signature) {
            return Err(Refusal::new(-1022, "Signature for this request is not valid."));
        }
        if self.strict_time {
            if timestamp.0 >= now.0.saturating_add(AHEAD_US) {
                return Err(Refusal::new(-1021, "Timestamp for this request was 1000ms ahead of the server's time."));
            }
            let age_ms =
                Decimal::from(now.since(timestamp).0).checked_div(Decimal::new(1_000, 0)).unwrap_or(Decimal::MAX);
            if age_ms > window {
                return Err(Refusal::new(-1021, "Timestamp for this request is outside of the recvWindow."));
            }
        }
        Ok(account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";

    #[test]
    fn the_documented_vectors() {
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
            assert!(verify(SECRET, payload, signature));
            assert!(verify(SECRET, payload, &signature.to_uppercase()));
            assert!(!verify(SECRET, &payload.replace("0.1", "0.2"), signature));
        }
        assert!(!verify(SECRET, "a=1", "zz"));
        assert!(!verify(SECRET, "a=1", "é"));
    }

    #[test]
    fn the_signature_may_stand_anywhere() {
        assert_eq!(http_payload("a=1&signature=ff&b=2", "c=3"), "a=1&b=2c=3");
        assert_eq!(http_payload("a=1", "c=3&signature=ff"), "a=1c=3");
    }
}

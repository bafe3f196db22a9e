//! Who asks: key, rights, signature over the exact bytes that were sent, and time.

use std::net::IpAddr;

use ringfence_model::{Decimal, Timestamp};

use super::call::Right;
use super::params::Params;
use crate::answer::Refusal;
use crate::exchange::Exchange;
use crate::keys::Rights;

/// A request may be this much ahead of the venue's clock.
const AHEAD_US: u64 = 1_000_000;
/// `recvWindow` if none is sent, and the largest one, in milliseconds.
const WINDOW: i64 = 5_000;
const LARGEST_WINDOW: i64 = 60_000;

/// What a signed request brings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Credentials<'a> {
    pub(crate) api_key: Option<&'a str>,
    pub(crate) payload: &'a str,
    pub(crate) signature: Option<&'a str>,
    pub(crate) ip: IpAddr,
}

/// When a request came, and when it is carried out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moments {
    pub(crate) received: Timestamp,
    pub(crate) now: Timestamp,
}

/// Why a request is not carried out, and whether it came as far as the engine's door.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) refusal: Refusal,
    /// The second test of the time window failed: an order counts as placed then.
    pub(crate) late_for: Option<usize>,
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        Failed { refusal, late_for: None }
    }
}

/// Query and body as they were signed: without the signature, nothing between them.
pub(crate) fn http_payload(query: &str, body: &str) -> String {
    let mut payload = String::with_capacity(query.len().saturating_add(body.len()));
    for part in [query, body] {
        let pairs = part.split('&').filter(|pair| !pair.starts_with("signature="));
        for (place, pair) in pairs.enumerate() {
            if place > 0 {
                payload.push('&');
            }
            payload.push_str(pair);
        }
    }
    payload
}

fn outside() -> Refusal {
    Refusal::new(-1021, "Timestamp for this request is outside of the recvWindow.")
}

/// Whether the request is still within its window: `now - timestamp <= window`.
fn fresh(timestamp: Timestamp, window: Decimal, now: Timestamp) -> bool {
    let age = Decimal::from(now.since(timestamp).0).checked_div(Decimal::from(1_000)).unwrap_or(Decimal::MAX);
    age <= window
}

/// `recvWindow` in milliseconds, with up to three places.
fn window(params: &Params) -> Result<Decimal, Refusal> {
    let window = params.decimal("recvWindow")?.unwrap_or(Decimal::from(WINDOW));
    if window > Decimal::from(LARGEST_WINDOW) {
        return Err(Refusal::new(-1102, "'recvWindow' contains unexpected value. Cannot be greater than 60000."));
    }
    if window.normalize().scale() > 3 {
        return Err(Refusal::new(-1111, "Parameter 'recvWindow' has too much precision."));
    }
    Ok(window)
}

impl Right {
    fn granted(self, rights: Rights) -> bool {
        match self {
            Right::Trade => rights.trade,
            Right::UserData => rights.user_data,
            Right::UserStream => rights.user_stream,
        }
    }
}

impl Exchange {
    /// The account of a key that may do this from there.
    pub(crate) fn key_account(&self, api_key: Option<&str>, ip: IpAddr, right: Right) -> Result<usize, Refusal> {
        let name = api_key
            .filter(|key| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic()))
            .ok_or_else(|| Refusal::new(-2014, "API-key format invalid."))?;
        let (account, key) = self.accounts.key(name).ok_or_else(Refusal::no_rights)?;
        if !right.granted(key.rights) || !(key.addresses.is_empty() || key.addresses.contains(&ip)) {
            return Err(Refusal::no_rights());
        }
        Ok(account)
    }

    /// The account that signed the request.
    pub(crate) fn authenticate(
        &self,
        moments: Moments,
        credentials: &Credentials<'_>,
        params: &Params,
        right: Right,
    ) -> Result<usize, Failed> {
        let account = self.key_account(credentials.api_key, credentials.ip, right)?;
        let timestamp = params.time("timestamp")?.ok_or_else(|| Refusal::missing("timestamp"))?;
        let window = window(params)?;
        let signature = credentials.signature.ok_or_else(|| Refusal::missing("signature"))?;
        let key = credentials.api_key.and_then(|name| self.accounts.key(name));
        if !key.is_some_and(|(_, key)| key.verifier.verify(credentials.payload, signature)) {
            return Err(Refusal::new(-1022, "Signature for this request is not valid.").into());
        }
        self.in_time(moments, account, timestamp, window)?;
        Ok(account)
    }

    /// The time of a request that needs no signature: its session is logged on.
    pub(crate) fn session_in_time(&self, moments: Moments, account: usize, params: &Params) -> Result<(), Failed> {
        let timestamp = params.time("timestamp")?.ok_or_else(|| Refusal::missing("timestamp"))?;
        self.in_time(moments, account, timestamp, window(params)?)
    }

    /// Both tests of the window: at receipt, and just before the engine takes the request.
    fn in_time(&self, moments: Moments, account: usize, timestamp: Timestamp, window: Decimal) -> Result<(), Failed> {
        if !self.strict_time {
            return Ok(());
        }
        if timestamp.0 >= moments.received.0.saturating_add(AHEAD_US) {
            return Err(Refusal::new(-1021, "Timestamp for this request was 1000ms ahead of the server's time.").into());
        }
        if !fresh(timestamp, window, moments.received) {
            return Err(outside().into());
        }
        if !fresh(timestamp, window, moments.now) {
            return Err(Failed { refusal: outside(), late_for: Some(account) });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_may_stand_anywhere() {
        assert_eq!(http_payload("a=1&signature=ff&b=2", "c=3"), "a=1&b=2c=3");
        assert_eq!(http_payload("signature=ff&a=1", "c=3&signature=ff"), "a=1c=3");
        assert_eq!(http_payload("", "c=3&d=%5B&signature=ff"), "c=3&d=%5B");
        assert_eq!(http_payload("a=1&", ""), "a=1&");
    }
}

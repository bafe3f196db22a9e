//! Looks at a venue step by step, where connecting would stop at the first failure: for an
//! operator who wants to know what works and what doesn't. Trades nothing.

use std::sync::Arc;

use ringfence_model::{Micros, Timestamp};
use ringfence_wire::rest::{AccountInfo, ExchangeInfo, read};
use serde::{Deserialize, Serialize};

use super::net::Net;
use super::{ClientConfig, ClientError, Shared, Sink, Tuning, lock, timekeeper};
use crate::clock::Estimate;
use crate::error::{Class, classify};
use crate::limits::Requester;
use crate::request;

/// Round trips of the clock's estimate: more than a start takes, for a tighter one.
const SAMPLES: usize = 8;

/// The venue's code of an operation that it does not have.
const UNSUPPORTED: i64 = -1_020;

/// A look at one venue. Within its limits, as everything.
#[derive(Clone)]
pub struct Checkup {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Checkup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checkup").field("rest_url", &self.shared.config.rest_url).finish_non_exhaustive()
    }
}

/// The venue's rules, as far as they concern the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Name, used, limit.
    pub limits: Vec<(String, u64, u64)>,
    /// Symbol and status, for example `TRADING`.
    pub symbols: Vec<(String, String)>,
}

/// What a key may do. The venue has many more fields; these matter to a strategy host. An answer without one of those
/// that decide is not read as a "no".
///
/// Source: Binance, "Wallet", `GET /sapi/v1/account/apiRestrictions`; on the live venue only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all(deserialize = "camelCase"))]
pub struct Permissions {
    /// The key works from listed addresses only.
    pub ip_restrict: bool,
    /// Reading the account.
    pub enable_reading: bool,
    /// Taking money out. A strategy host never needs it.
    pub enable_withdrawals: bool,
    /// Moving money between accounts.
    #[serde(default)]
    pub enable_internal_transfer: bool,
    /// Moving money between account types.
    #[serde(default)]
    pub permits_universal_transfer: bool,
    /// Placing spot orders.
    pub enable_spot_and_margin_trading: bool,
}

impl Checkup {
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// HTTP can't be set up.
    pub fn new(config: ClientConfig, sink: Sink) -> Result<Self, ClientError> {
        let net = Net::new().map_err(ClientError::Setup)?;
        let shared = Shared::new(Arc::new(net), Tuning::default(), config, sink);
        shared.restore();
        Ok(Checkup { shared: Arc::new(shared) })
    }

    /// Whether the venue answers, and how long it takes.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<Micros, ClientError> {
        let sent = self.shared.machine();
        self.shared.read(Requester::Host, "ping", &request::ping(), false).await?;
        Ok(self.shared.machine().since(sent))
    }

    /// The venue's clock, from several round trips.
    ///
    /// # Errors
    /// The venue does not tell it.
    pub async fn clock(&self) -> Result<Estimate, ClientError> {
        for _ in 0..SAMPLES {
            self.shared.sample_clock().await?;
        }
        Ok(self.shared.estimate().unwrap_or(Estimate { offset_us: 0, doubt: Micros::MAX }))
    }

    /// How a machine's clock differs, in words; `None` if it is right enough.
    pub fn wrong_clock(estimate: &Estimate) -> Option<String> {
        timekeeper::far_off(*estimate)
    }

    /// Limits in force and what is used of them; the status of the symbols.
    ///
    /// # Errors
    /// The venue does not tell them, or lacks a symbol.
    pub async fn rules(&self, symbols: &[String]) -> Result<Rules, ClientError> {
        let body =
            self.shared.read(Requester::Host, "exchange information", &request::exchange_info(symbols), false).await?;
        let info: ExchangeInfo = read(&body)?;
        info.instruments(symbols)?;
        let now = self.shared.now();
        let limits = {
            let mut limits = lock(&self.shared.limits);
            limits.learn(now, &info.rate_limits);
            limits.usage(now)
        };
        let symbols = info.symbols.into_iter().map(|symbol| (symbol.symbol, symbol.status)).collect();
        Ok(Rules { limits, symbols })
    }

    /// Whether the key is taken, and whether the account may trade.
    ///
    /// # Errors
    /// The venue refuses the key or can't be reached.
    pub async fn account_may_trade(&self) -> Result<bool, ClientError> {
        let body = self.shared.read(Requester::Host, "the account", &request::account(), true).await?;
        Ok(read::<AccountInfo>(&body)?.can_trade)
    }

    /// What the key may do; `None` at a venue that does not tell.
    ///
    /// # Errors
    /// The venue refuses the key or can't be reached.
    pub async fn permissions(&self) -> Result<Option<Permissions>, ClientError> {
        const WHAT: &str = "the key's permissions";
        let sent = self.shared.send(Requester::Host, &request::key_permissions(), true).await;
        let (status, body) = sent.map_err(|source| ClientError::Send { what: WHAT, source })?;
        if (200..300).contains(&status) {
            return Ok(Some(read(&body)?));
        }
        let code = crate::answer::error_code(&body);
        let verdict = classify(status, code);
        // Testnet, demo mode and simulated exchanges have no such endpoint: 404, -1020, or a page of some proxy.
        let is_a_page = verdict.code.is_none() && verdict.class == Class::BadRequest;
        if status == 404 || code == Some(UNSUPPORTED) || is_a_page {
            return Ok(None);
        }
        Err(ClientError::refused(WHAT, status, &body))
    }

    /// The venue's time, as well as it is known.
    pub fn now(&self) -> Timestamp {
        self.shared.now()
    }

    /// Keeps what the look has cost for the next start.
    pub fn save(&self) {
        self.shared.save_state();
    }
}

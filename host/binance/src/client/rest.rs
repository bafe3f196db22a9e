//! Sending one request, within the limits, once.

use std::time::Duration;

use ringfence_model::Micros;

use super::{ClientError, Shared, lock, seconds};
use crate::answer::{BAD_TIMESTAMP, error_code};
use crate::breaker::{Change, Family};
use crate::error::classify;
use crate::limits::counter::Reading;
use crate::limits::{Ended, Requester, Ticket, Why};
use crate::request::{Method, Request};

/// Longest time for a whole request; the venue itself gives up on an order after ten seconds.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The venue's limits leave no room; nothing was sent.
    #[error("{why}; try again in {}", seconds(*retry_after))]
    Limited {
        /// When there will be room.
        retry_after: Micros,
        /// What is in the way.
        why: Why,
    },
    /// This part of the venue has failed again and again; nothing was sent.
    #[error("{} failed again and again and is left alone for {}", family.name(), seconds(*retry_after))]
    Unwell {
        /// Which part.
        family: Family,
        /// When it is tried again.
        retry_after: Micros,
    },
    /// No connection; nothing was sent.
    #[error("can't connect: {0}")]
    NotSent(String),
    /// The venue may or may not have got it.
    #[error("no answer: {0}")]
    Lost(String),
    /// The request needs keys.
    #[error("there are no API keys")]
    NoCredentials,
}

/// A request under way. Whatever becomes of it, the limits are told; if nobody says what, it
/// counts as sent.
pub(super) struct Flight<'a> {
    shared: &'a Shared,
    ticket: Option<Ticket>,
}

impl Flight<'_> {
    /// It has ended so, and the venue has told these counts.
    pub(super) fn end(mut self, ended: Ended, readings: &[Reading]) {
        self.settle(ended, readings);
    }

    fn settle(&mut self, ended: Ended, readings: &[Reading]) {
        if let Some(ticket) = self.ticket.take() {
            let now = self.shared.now();
            lock(&self.shared.limits).settle(now, ticket, ended, readings);
        }
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.settle(Ended::Counted, &[]);
    }
}

impl Shared {
    /// Asks the limits for a request of this requester's.
    pub(super) fn admit(&self, by: Requester, request: &Request) -> Result<Flight<'_>, SendError> {
        let now = self.now();
        let ticket = lock(&self.limits)
            .admit(now, by, request.priority, request.cost())
            .map_err(|refusal| SendError::Limited { retry_after: refusal.wait, why: refusal.why })?;
        Ok(Flight { shared: self, ticket: Some(ticket) })
    }

    /// Sends a request; status and body of the answer.
    pub(super) async fn send(
        &self,
        by: Requester,
        request: &Request,
        signed: bool,
    ) -> Result<(u16, Vec<u8>), SendError> {
        let family = request.family(signed);
        lock(&self.breakers)
            .admit(self.now(), family, request.priority)
            .map_err(|retry_after| SendError::Unwell { family, retry_after })?;
        let answer = self.send_once(by, request, signed).await;
        let good = match &answer {
            Ok((status, body)) => {
                (200..300).contains(status) || !classify(*status, error_code(body)).class.is_the_venues_failure()
            }
            Err(SendError::NotSent(_) | SendError::Lost(_)) => false,
            // The venue was not asked.
            Err(_) => return answer,
        };
        self.judge(family, good);
        answer
    }

    /// Tells the breaker how a request ended.
    pub(super) fn judge(&self, family: Family, good: bool) {
        let change = lock(&self.breakers).result(self.now(), family, good);
        match change {
            Change::None => {}
            Change::Opened(wait) => self.notice(format!(
                "the venue failed again and again with {}; left alone for {}",
                family.name(),
                seconds(wait)
            )),
            Change::Closed => self.notice(format!("the venue works again with {}", family.name())),
        }
    }

    async fn send_once(&self, by: Requester, request: &Request, signed: bool) -> Result<(u16, Vec<u8>), SendError> {
        let flight = self.admit(by, request)?;
        let now = self.now();
        let (sent, key) = if signed {
            let Some(credentials) = self.config.credentials.as_ref() else {
                flight.end(Ended::NotSent, &[]);
                return Err(SendError::NoCredentials);
            };
            (request.sign(credentials, now.as_millis(), self.config.recv_window_ms), Some(credentials.api_key()))
        } else {
            (request.unsigned(), None)
        };
        let question = if sent.query.is_empty() { "" } else { "?" };
        let url = format!("{}{}{question}{}", self.config.rest_url, sent.path, sent.query);
        let mut http = match sent.method {
            Method::Get => self.http.get(url),
            Method::Post => self.http.post(url),
            Method::Put => self.http.put(url),
            Method::Delete => self.http.delete(url),
        };
        if let Some(key) = key {
            http = http.header("X-MBX-APIKEY", key);
        }
        // Errors of the library name the URL, and with it the signature; they are told without.
        let told = |error: reqwest::Error| {
            // What can't be written as a request was not sent either.
            let not_sent = error.is_connect() || error.is_builder();
            let error = error.without_url();
            let mut text = error.to_string();
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                text = format!("{text}: {cause}");
                source = cause.source();
            }
            if not_sent { SendError::NotSent(text) } else { SendError::Lost(text) }
        };
        let response = match http.send().await.map_err(told) {
            Ok(response) => response,
            Err(error) => {
                if matches!(error, SendError::NotSent(_)) {
                    flight.end(Ended::NotSent, &[]);
                }
                return Err(error);
            }
        };
        let status = response.status().as_u16();
        let readings: Vec<_> = response
            .headers()
            .iter()
            .filter_map(|(name, value)| Reading::header(name.as_str(), value.to_str().ok()?))
            .collect();
        flight.end(if (200..300).contains(&status) { Ended::Done } else { Ended::Counted }, &readings);
        let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        let body = response.bytes().await.map_err(told);
        // The end of the silence must be known even if the rest of the answer is lost.
        let code = body.as_ref().ok().filter(|_| status >= 400).and_then(|body| error_code(body));
        self.heed(status, code, retry_after);
        let body = body?;
        if signed && (400..500).contains(&status) && code == Some(BAD_TIMESTAMP) {
            self.mend_clock();
        }
        Ok((status, body.to_vec()))
    }

    /// Sends a question; the body of a good answer.
    pub(super) async fn read(
        &self,
        by: Requester,
        what: &'static str,
        request: &Request,
        signed: bool,
    ) -> Result<Vec<u8>, ClientError> {
        let (status, body) =
            self.send(by, request, signed).await.map_err(|source| ClientError::Send { what, source })?;
        if (200..300).contains(&status) {
            return Ok(body);
        }
        Err(ClientError::refused(what, status, &body))
    }
}

//! Sending one request, within the limits, once.

use std::time::Duration;

use ringfence_model::Micros;

use super::transport::{HttpCall, HttpError};
use super::{ClientError, Shared, lock, seconds};
use crate::answer::{BAD_TIMESTAMP, BROKEN_FILTER, error_code};
use crate::breaker::{Change, Family};
use crate::error::classify;
use crate::limits::counter::Reading;
use crate::limits::{Ended, Requester, Ticket, Why};
use crate::request::Request;

/// Longest time for a whole request; the venue itself gives up on an order after ten seconds.
pub(super) const TIMEOUT: Duration = Duration::from_secs(12);

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

impl From<HttpError> for SendError {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::NotSent(why) => SendError::NotSent(why),
            HttpError::Lost(why) => SendError::Lost(why),
        }
    }
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

    /// Sends a request over REST; status and body of the answer.
    pub(super) async fn send(
        &self,
        by: Requester,
        request: &Request,
        signed: bool,
    ) -> Result<(u16, Vec<u8>), SendError> {
        let flight = self.may_send(by, request, signed)?;
        let answer = self.send_once(flight, request, signed).await;
        self.weigh(request, signed, answer)
    }

    /// Sends a signed request over the WebSocket API, or over REST if it surely was not sent there.
    pub(super) async fn submit(&self, by: Requester, request: &Request) -> Result<(u16, Vec<u8>), SendError> {
        let flight = self.may_send(by, request, true)?;
        let answer = self.submit_once(flight, request).await;
        self.weigh(request, true, answer)
    }

    /// Asks the limits, and then the breaker: its one trial is not for what the limits refuse.
    fn may_send(&self, by: Requester, request: &Request, signed: bool) -> Result<Flight<'_>, SendError> {
        let flight = self.admit(by, request)?;
        let family = request.family(signed);
        let admitted = lock(&self.breakers).admit(self.now(), family, request.priority);
        match admitted {
            Ok(()) => Ok(flight),
            Err(retry_after) => {
                flight.end(Ended::NotSent, &[]);
                Err(SendError::Unwell { family, retry_after })
            }
        }
    }

    /// Tells the breaker.
    fn weigh(
        &self,
        request: &Request,
        signed: bool,
        answer: Result<(u16, Vec<u8>), SendError>,
    ) -> Result<(u16, Vec<u8>), SendError> {
        let good = match &answer {
            Ok((status, body)) => {
                (200..300).contains(status) || !classify(*status, error_code(body)).class.is_the_venues_failure()
            }
            Err(SendError::NotSent(_) | SendError::Lost(_)) => false,
            // The venue was not asked.
            Err(_) => return answer,
        };
        self.judge(request.family(signed), good);
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

    async fn submit_once(&self, flight: Flight<'_>, request: &Request) -> Result<(u16, Vec<u8>), SendError> {
        let usable = self.tuning.orders_over_socket && request.ws_method().is_some();
        let line = lock(&self.line).as_ref().map(|(_, line)| line.clone()).filter(|_| usable);
        let Some(line) = line else {
            return self.send_once(flight, request, true).await;
        };
        let answered = match line.ask(request, TIMEOUT).await {
            Err(SendError::NotSent(_)) => return self.send_once(flight, request, true).await,
            other => other?,
        };
        let readings: Vec<_> = answered.rate_limits.iter().filter_map(Reading::of).collect();
        self.ended(flight, answered.status, &readings, answered.retry_after, &answered.body, true);
        Ok((answered.status, answered.body))
    }

    async fn send_once(
        &self,
        flight: Flight<'_>,
        request: &Request,
        signed: bool,
    ) -> Result<(u16, Vec<u8>), SendError> {
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
        let call = HttpCall { method: sent.method, url, api_key: key.map(str::to_owned) };
        let answer = match tokio::time::timeout(TIMEOUT, self.transport.http(call)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                if matches!(error, HttpError::NotSent(_)) {
                    flight.end(Ended::NotSent, &[]);
                }
                return Err(error.into());
            }
            Err(_) => return Err(SendError::Lost(format!("nothing within {} s", TIMEOUT.as_secs()))),
        };
        let readings: Vec<_> = answer.headers.iter().filter_map(|(name, value)| Reading::header(name, value)).collect();
        let retry_after = answer.header("retry-after").and_then(|value| value.parse().ok());
        self.ended(flight, answer.status, &readings, retry_after, &answer.body, signed);
        Ok((answer.status, answer.body))
    }

    /// What follows from any answer.
    fn ended(
        &self,
        flight: Flight<'_>,
        status: u16,
        readings: &[Reading],
        retry_after: Option<u64>,
        body: &[u8],
        signed: bool,
    ) {
        flight.end(if (200..300).contains(&status) { Ended::Done } else { Ended::Counted }, readings);
        let code = (status >= 400).then(|| error_code(body)).flatten();
        self.heed(status, code, retry_after);
        if signed && (400..500).contains(&status) && code == Some(BAD_TIMESTAMP) {
            self.mend_clock();
        }
        if signed && code == Some(BROKEN_FILTER) {
            self.filter_refused.notify_one();
        }
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

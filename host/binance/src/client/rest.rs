//! Sending one request, within the limits, once.

use std::time::Duration;

use ringfence_model::Micros;

use super::{ClientError, Shared, lock, seconds};
use crate::answer::{BAD_TIMESTAMP, error_code};
use crate::credentials::without_signatures;
use crate::request::{Method, Request};

/// Longest time for a whole request; the venue itself gives up on an order after ten seconds.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Of an answer that is shown in an error.
const EXCERPT: usize = 300;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The venue's limits leave no room; nothing was sent.
    #[error("the venue's limits leave no room for {}", seconds(*retry_after))]
    Limited {
        /// When there will be room.
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

impl Shared {
    /// Sends a request; status and body of the answer.
    pub(super) async fn send(&self, request: &Request, signed: bool) -> Result<(u16, Vec<u8>), SendError> {
        let now = self.now();
        lock(&self.limits)
            .admit(now, request.weight, request.orders, request.priority)
            .map_err(|retry_after| SendError::Limited { retry_after })?;
        let (sent, key) = if signed {
            let credentials = self.config.credentials.as_ref().ok_or(SendError::NoCredentials)?;
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
        let response = http.send().await.map_err(told)?;
        let status = response.status().as_u16();
        let now = self.now();
        {
            let mut limits = lock(&self.limits);
            for (name, value) in response.headers() {
                if let Ok(value) = value.to_str() {
                    limits.header(now, name.as_str(), value);
                }
            }
        }
        let retry_after = response.headers().get("retry-after");
        self.heed(status, retry_after.and_then(|value| value.to_str().ok()?.parse().ok()));
        let body = response.bytes().await.map_err(told)?;
        if signed && (400..500).contains(&status) && error_code(&body) == Some(BAD_TIMESTAMP) {
            self.mend_clock();
        }
        Ok((status, body.to_vec()))
    }

    /// Sends a question; the body of a good answer.
    pub(super) async fn read(
        &self,
        what: &'static str,
        request: &Request,
        signed: bool,
    ) -> Result<Vec<u8>, ClientError> {
        let (status, body) = self.send(request, signed).await.map_err(|source| ClientError::Send { what, source })?;
        if (200..300).contains(&status) {
            return Ok(body);
        }
        // The whole of it first: half of a signature would not be found.
        let body = without_signatures(&String::from_utf8_lossy(&body));
        let body = body.chars().take(EXCERPT).collect();
        Err(ClientError::Refused { what, status, body })
    }
}

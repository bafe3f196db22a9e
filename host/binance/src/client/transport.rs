//! What the client stands on: HTTP requests that get an answer, sockets that carry frames,
//! and a clock. Real ones live in `net`; tests put an exchange of their own here and drive
//! the same client in virtual time. Nothing here knows what a request means.

use std::pin::Pin;

use futures_util::future::BoxFuture;
use futures_util::{Sink, Stream};
use ringfence_model::Timestamp;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::request::Method;

/// A request as it goes out.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpCall {
    /// HTTP method.
    pub method: Method,
    /// The whole address with the query exactly as it was signed.
    pub url: String,
    /// For `X-MBX-APIKEY`.
    pub api_key: Option<String>,
}

impl std::fmt::Debug for HttpCall {
    /// Without the query: it holds a signature.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = self.url.split('?').next().unwrap_or_default();
        f.debug_struct("HttpCall").field("method", &self.method).field("url", &path).finish_non_exhaustive()
    }
}

/// An answer, whatever it says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HttpAnswer {
    /// HTTP status.
    pub status: u16,
    /// Names in lower case. Headers that are no text are left out.
    pub headers: Vec<(String, String)>,
    /// As it came.
    pub body: Vec<u8>,
}

impl HttpAnswer {
    /// A header by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Why there is no answer. The text never holds the address, which may be signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// Surely nothing has left this machine.
    #[error("can't connect: {0}")]
    NotSent(String),
    /// The venue may or may not have got it.
    #[error("no answer: {0}")]
    Lost(String),
}

/// Why a socket did not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct OpenError {
    /// For people.
    pub why: String,
    /// The venue's HTTP status, if it answered with one.
    pub status: Option<u16>,
    /// Seconds of its `Retry-After`.
    pub retry_after: Option<u64>,
}

/// Frames in, frames out.
pub trait WebSocket: Stream<Item = Result<Message, Error>> + Sink<Message, Error = Error> + Send {}

impl<T: Stream<Item = Result<Message, Error>> + Sink<Message, Error = Error> + Send> WebSocket for T {}

/// An open socket.
pub type Socket = Pin<Box<dyn WebSocket>>;

/// The way to the venue.
pub trait Transport: Send + Sync + 'static {
    /// Sends a request, once. How long to wait is the caller's matter.
    fn http(&self, call: HttpCall) -> BoxFuture<'static, Result<HttpAnswer, HttpError>>;

    /// Opens a socket.
    fn open(&self, url: String) -> BoxFuture<'static, Result<Socket, OpenError>>;

    /// The machine's time of day, as wrong as it may be.
    fn unix_time(&self) -> Timestamp;
}

//! The real way to the venue: `reqwest` for HTTP, `tokio-tungstenite` for sockets.

use std::time::{Duration, SystemTime};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use ringfence_model::Timestamp;
use tokio_tungstenite::connect_async_with_config;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::transport::{HttpAnswer, HttpCall, HttpError, OpenError, Socket, Transport};
use crate::request::Method;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Much more than the venue ever sends in one message; what is larger ends the connection.
const LARGEST_MESSAGE: usize = 32 << 20;

/// Sockets of this machine.
#[derive(Debug, Clone)]
pub struct Net {
    http: reqwest::Client,
}

impl Net {
    /// Connections are made when they are needed.
    ///
    /// # Errors
    /// The HTTP library can't be set up; its own text.
    pub fn new() -> Result<Self, String> {
        // The second client of a process finds the provider set; that is no error.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            // Following one would send an order twice, or take some page for the venue's answer.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Net { http })
    }
}

/// Errors of the library name the address, and with it the signature; they are told without.
fn told(error: reqwest::Error) -> HttpError {
    // What can't be written as a request was not sent either.
    let not_sent = error.is_connect() || error.is_builder();
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    if not_sent { HttpError::NotSent(text) } else { HttpError::Lost(text) }
}

impl Transport for Net {
    fn http(&self, call: HttpCall) -> BoxFuture<'static, Result<HttpAnswer, HttpError>> {
        let mut request = match call.method {
            Method::Get => self.http.get(call.url),
            Method::Post => self.http.post(call.url),
            Method::Put => self.http.put(call.url),
            Method::Delete => self.http.delete(call.url),
        };
        if let Some(key) = call.api_key {
            request = request.header("X-MBX-APIKEY", key);
        }
        async move {
            let response = request.send().await.map_err(told)?;
            let status = response.status().as_u16();
            let headers = response
                .headers()
                .iter()
                .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
                .collect();
            // The venue has it from here on, whatever happens to the rest of the answer.
            let body = response.bytes().await.map_err(|error| match told(error) {
                HttpError::NotSent(why) | HttpError::Lost(why) => HttpError::Lost(why),
            })?;
            Ok(HttpAnswer { status, headers, body: body.to_vec() })
        }
        .boxed()
    }

    fn open(&self, url: String) -> BoxFuture<'static, Result<Socket, OpenError>> {
        async move {
            let config = WebSocketConfig::default()
                .max_message_size(Some(LARGEST_MESSAGE))
                .max_frame_size(Some(LARGEST_MESSAGE));
            match connect_async_with_config(url, Some(config), true).await {
                Ok((socket, _)) => Ok(Box::pin(socket) as Socket),
                Err(error) => {
                    let response = match &error {
                        Error::Http(response) => Some(response),
                        _ => None,
                    };
                    Err(OpenError {
                        status: response.map(|response| response.status().as_u16()),
                        retry_after: response
                            .and_then(|response| response.headers().get("retry-after")?.to_str().ok()?.parse().ok()),
                        why: error.to_string(),
                    })
                }
            }
        }
        .boxed()
    }

    fn unix_time(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }
}

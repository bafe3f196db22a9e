//! The user data socket: a subscription of the WebSocket API, opened again when lost.
//!
//! Source: Binance, "WebSocket API", `userDataStream.subscribe.signature`: parameters are
//! signed in alphabetical order; events come as `{"subscriptionId":…,"event":{…}}`.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::{SinkExt, StreamExt};
use ringfence_model::venue::VenueEvent;
use ringfence_wire::user::{self, UserEvent};
use ringfence_wire::ws_api::Response;
use tokio::sync::watch;
use tokio::time::{Instant, interval_at, sleep_until};
use tokio_tungstenite::tungstenite::Message;

use super::socket::{CONFIRM_WITHIN, PING_EVERY, SHUTDOWN, SILENT_AFTER};
use super::{Shared, closed};
use crate::answer::BAD_TIMESTAMP;
use crate::credentials::{Credentials, without_signatures};
use crate::reconnect::Backoff;

/// What a connection and a subscription cost.
const WEIGHT: u64 = 4;

/// Where the stream stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Status {
    /// Not up; why not.
    Trying(String),
    Up,
}

/// Runs until the client is closed.
pub(super) async fn run(
    shared: Arc<Shared>,
    credentials: Credentials,
    status: watch::Sender<Status>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut backoff = Backoff::new(shared.machine().0 ^ 1);
    loop {
        let mut up_since = None;
        let why = match connection(&shared, &credentials, &status, &mut stopped, &mut up_since).await {
            None => return,
            Some(why) => without_signatures(&why),
        };
        if let Some(since) = up_since {
            backoff.lasted(since.elapsed());
        }
        if *status.borrow() == Status::Up {
            shared.tell(VenueEvent::UserDown);
        }
        let wait = backoff.wait();
        shared.notice(format!("user data stream lost ({why}); next attempt in {} ms", wait.as_millis()));
        status.send_replace(Status::Trying(why));
        tokio::select! {
            () = closed(&mut stopped) => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// The frame that subscribes.
fn subscribe(shared: &Shared, credentials: &Credentials) -> String {
    let (key, time) = (credentials.api_key(), shared.now().as_millis());
    let window = shared.config.recv_window_ms;
    let signature = credentials.sign(&format!("apiKey={key}&recvWindow={window}&timestamp={time}"));
    serde_json::json!({
        "id": 1,
        "method": "userDataStream.subscribe.signature",
        "params": { "apiKey": key, "recvWindow": window, "timestamp": time, "signature": signature },
    })
    .to_string()
}

/// What a refusal says, after what follows from it.
fn refused(shared: &Shared, answer: &Response, text: &str) -> String {
    // Here the venue says a moment, not a length.
    let until = serde_json::from_str::<serde_json::Value>(text)
        .ok()
        .and_then(|value| value.pointer("/error/data/retryAfter")?.as_u64());
    let wait = until.map(|until| until.saturating_sub(shared.now().as_millis()).div_ceil(1_000));
    shared.heed(answer.status, answer.error.as_ref().map(|error| error.code), wait);
    let error = answer.error.as_ref();
    if error.is_some_and(|error| error.code == BAD_TIMESTAMP) {
        shared.mend_clock();
    }
    let error = error.map_or_else(String::new, |error| format!("{}: {}", error.code, error.msg));
    format!("the venue refuses the subscription with {}: {error}", answer.status)
}

/// One connection; why it ended, or `None` when the client is closed.
async fn connection(
    shared: &Arc<Shared>,
    credentials: &Credentials,
    status: &watch::Sender<Status>,
    stopped: &mut watch::Receiver<bool>,
    up_since: &mut Option<Instant>,
) -> Option<String> {
    let mut socket = match shared.open(&shared.config.ws_api_url, WEIGHT, stopped).await {
        Ok(Some(socket)) => socket,
        Ok(None) => return None,
        Err(why) => return Some(why),
    };
    if let Err(error) = socket.send(Message::text(subscribe(shared, credentials))).await {
        return Some(error.to_string());
    }
    let opened = Instant::now();
    let mut ping = interval_at(opened + PING_EVERY, PING_EVERY);
    let mut heard = opened;
    loop {
        tokio::select! {
            () = closed(stopped) => {
                drop(socket.close(None).await);
                return None;
            }
            () = sleep_until(opened + CONFIRM_WITHIN), if up_since.is_none() => {
                return Some("the subscription was not confirmed in time".to_owned());
            }
            _ = ping.tick() => {
                if heard.elapsed() > SILENT_AFTER {
                    return Some("silent".to_owned());
                }
                if let Err(error) = socket.send(Message::Ping(Vec::new().into())).await {
                    return Some(error.to_string());
                }
            }
            message = socket.next() => {
                let text = match message {
                    Some(Ok(Message::Text(text))) => text,
                    Some(Ok(Message::Close(frame))) => {
                        return Some(frame.map_or_else(|| "closed by the venue".to_owned(), |frame| frame.to_string()));
                    }
                    Some(Ok(_)) => {
                        heard = Instant::now();
                        continue;
                    }
                    Some(Err(error)) => return Some(error.to_string()),
                    None => return Some("closed by the venue".to_owned()),
                };
                // Only answers have a status.
                if let Ok(answer) = serde_json::from_str::<Response>(&text) {
                    if answer.status != 200 {
                        return Some(refused(shared, &answer, &text));
                    }
                    heard = Instant::now();
                    *up_since = Some(heard);
                    status.send_replace(Status::Up);
                    shared.tell(VenueEvent::UserUp);
                    continue;
                }
                shared.received.fetch_add(1, Ordering::Relaxed);
                match user::parse(text.as_bytes()) {
                    Ok(UserEvent::Report(report)) => shared.tell(VenueEvent::Report(report)),
                    Ok(UserEvent::Balances { balances, .. }) => shared.tell(VenueEvent::Balances(balances)),
                    Ok(UserEvent::BalanceDelta { asset, delta }) => {
                        shared.notice(format!("the account got {delta} {asset} from outside (deposit, withdrawal or transfer)"));
                    }
                    Ok(UserEvent::Terminated) => return Some("ended by the venue".to_owned()),
                    Ok(UserEvent::Other(name)) if name == SHUTDOWN => return Some("the venue shuts this server down".to_owned()),
                    Ok(UserEvent::Other(name)) => tracing::debug!(name, "user event without meaning here"),
                    Err(error) => shared.unparsed(&error),
                }
                // The sink may have kept us waiting; that is no silence of the venue's.
                heard = Instant::now();
            }
        }
    }
}

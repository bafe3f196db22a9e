//! The user data socket: a subscription of the WebSocket API, opened again when lost.
//!
//! Source: Binance, "WebSocket API", `userDataStream.subscribe.signature`: parameters are
//! signed in alphabetical order; events come as `{"subscriptionId":…,"event":{…}}`.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use ringfence_model::venue::VenueEvent;
use ringfence_wire::user::{self, UserEvent};
use ringfence_wire::ws_api::Response;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use super::{ClientEvent, Shared, closed};
use crate::credentials::Credentials;
use crate::reconnect::Backoff;

const CONNECT_WITHIN: Duration = Duration::from_secs(10);
const PING_EVERY: Duration = Duration::from_secs(15);
const SILENT_AFTER: Duration = Duration::from_secs(45);

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
        let why = match connection(&shared, &credentials, &status, &mut stopped, &mut backoff).await {
            None => return,
            Some(why) => why,
        };
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

/// One connection; why it ended, or `None` when the client is closed.
async fn connection(
    shared: &Arc<Shared>,
    credentials: &Credentials,
    status: &watch::Sender<Status>,
    stopped: &mut watch::Receiver<bool>,
    backoff: &mut Backoff,
) -> Option<String> {
    let url = shared.config.ws_api_url.as_str();
    let connecting = tokio::time::timeout(CONNECT_WITHIN, tokio_tungstenite::connect_async(url));
    let (mut socket, _) = tokio::select! {
        () = closed(stopped) => return None,
        connected = connecting => match connected {
            Ok(Ok(connected)) => connected,
            Ok(Err(error)) => return Some(error.to_string()),
            Err(_) => return Some("no connection in time".to_owned()),
        },
    };
    if let Err(error) = socket.send(Message::text(subscribe(shared, credentials))).await {
        return Some(error.to_string());
    }
    let mut ping = tokio::time::interval(PING_EVERY);
    let mut heard = Instant::now();
    loop {
        tokio::select! {
            () = closed(stopped) => {
                drop(socket.close(None).await);
                return None;
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
                heard = Instant::now();
                let text = match message {
                    Some(Ok(Message::Text(text))) => text,
                    Some(Ok(Message::Close(frame))) => {
                        return Some(frame.map_or_else(|| "closed by the venue".to_owned(), |frame| frame.to_string()));
                    }
                    Some(Ok(_)) => continue,
                    Some(Err(error)) => return Some(error.to_string()),
                    None => return Some("closed by the venue".to_owned()),
                };
                // Only answers have a status.
                if let Ok(answer) = serde_json::from_str::<Response>(&text) {
                    if answer.status != 200 {
                        let error = answer.error.map_or_else(String::new, |error| format!("{}: {}", error.code, error.msg));
                        return Some(format!("the venue refuses the subscription with {}: {error}", answer.status));
                    }
                    backoff.reset();
                    status.send_replace(Status::Up);
                    shared.tell(VenueEvent::UserUp);
                    continue;
                }
                match user::parse(text.as_bytes()) {
                    Ok(UserEvent::Report(report)) => shared.tell(VenueEvent::Report(report)),
                    Ok(UserEvent::Balances { balances, .. }) => shared.tell(VenueEvent::Balances(balances)),
                    Ok(UserEvent::BalanceDelta { asset, delta }) => {
                        shared.notice(format!("the account got {delta} {asset} from outside (deposit, withdrawal or transfer)"));
                    }
                    Ok(UserEvent::Terminated) => return Some("ended by the venue".to_owned()),
                    Ok(UserEvent::Other(name)) => tracing::debug!(name, "user event without meaning here"),
                    Err(error) => (shared.sink)(ClientEvent::Unparsed { error: error.to_string() }),
                }
            }
        }
    }
}

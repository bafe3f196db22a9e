//! What leaves for the sockets: who gets it, and what the faults make of it.

use axum::extract::ws::Utf8Bytes;
use ringfence_model::Timestamp;
use ringfence_wire::stream;
use tokio::sync::mpsc;

use super::{Ending, Purpose, QUEUE, Socket, State};
use crate::exchange::UserMessage;
use crate::units::TimeUnit;
use crate::{streams, ws_api};

/// A message that leaves later.
#[derive(Debug, Clone)]
pub(super) enum Late {
    Market { stream: String, unit: Option<TimeUnit>, combined: Utf8Bytes, inner: Utf8Bytes },
    User(UserMessage),
}

/// The event's name, as it stands at the start of every event.
fn event_name(json: &str) -> &str {
    json.split_once(r#""e":""#).and_then(|(_, rest)| rest.split('"').next()).unwrap_or_default()
}

impl State {
    /// Puts a message into a socket's queue; a full queue ends the socket.
    pub(in crate::server) fn send(&mut self, id: u64, text: Utf8Bytes) {
        let Some(socket) = self.sockets.get(&id) else {
            return;
        };
        if let Err(error) = socket.queue.try_send(text) {
            if matches!(error, mpsc::error::TrySendError::Full(_)) {
                tracing::warn!(socket = id, waiting = QUEUE, "a socket does not read and is dropped");
            }
            self.end(id, Ending::Cut);
        }
    }

    /// Sends a message of a stream to those who hear it in this unit; a recording has no
    /// unit, and who asked for another one hears it as it is.
    fn publish(&mut self, stream: &str, unit: Option<TimeUnit>, combined: &Utf8Bytes, inner: &Utf8Bytes) {
        let Some(listeners) = self.by_stream.get(stream) else {
            return;
        };
        let mut full = Vec::new();
        for id in listeners {
            let Some(Socket { purpose: Purpose::Streams(session), queue, .. }) = self.sockets.get(id) else {
                continue;
            };
            let hears = unit.is_none_or(|unit| unit == session.unit());
            let text = if session.is_combined() { combined } else { inner };
            if hears && queue.try_send(text.clone()).is_err() {
                full.push(*id);
            }
        }
        for id in full {
            tracing::warn!(socket = id, waiting = QUEUE, "a socket does not read and is dropped");
            self.end(id, Ending::Cut);
        }
    }

    fn tell(&mut self, now: Timestamp, message: &UserMessage) {
        let mut told: Vec<(u64, String)> = Vec::new();
        for id in &self.api {
            if let Some(Socket { purpose: Purpose::Api(session), .. }) = self.sockets.get(id) {
                let own = session.subscriptions().filter(|(_, key)| *key == message.api_key);
                told.extend(own.map(|(number, _)| (*id, session.event(number, message))));
            }
        }
        // An account's listen key is a stream's name.
        let key = self.exchange.listen_key_of(now, &message.api_key);
        if let Some((name, listeners)) = key.and_then(|key| self.by_stream.get_key_value(key)) {
            for id in listeners {
                if let Some(Socket { purpose: Purpose::Streams(session), .. }) = self.sockets.get(id) {
                    let json = message.text(session.unit());
                    let combined = session.is_combined().then(|| stream::combined(name, json));
                    told.push((*id, combined.unwrap_or_else(|| json.to_owned())));
                }
            }
        }
        told.into_iter().for_each(|(id, text)| self.send(id, text.into()));
    }

    fn later(&mut self, at: Timestamp, late: Late) {
        self.late.insert((at, self.next_late), late);
        self.next_late = self.next_late.wrapping_add(1);
    }

    /// Sends a market message to those who listen, if the faults let it.
    pub(super) fn say(
        &mut self,
        now: Timestamp,
        stream: &str,
        unit: Option<TimeUnit>,
        combined: &Utf8Bytes,
        inner: &Utf8Bytes,
    ) {
        if self.faults.is_idle() && self.late.is_empty() {
            return self.publish(stream, unit, combined, inner);
        }
        let delivery = self.faults.message(now, &format!("stream {stream}"));
        for _ in 0..delivery.copies {
            if delivery.at <= now {
                self.publish(stream, unit, combined, inner);
            } else {
                let (stream, combined, inner) = (stream.to_owned(), combined.clone(), inner.clone());
                self.later(delivery.at, Late::Market { stream, unit, combined, inner });
            }
        }
    }

    /// Hands out what the core has to say.
    pub(super) fn deliver(&mut self, now: Timestamp) {
        for message in self.exchange.drain_streams() {
            if self.recorded.contains(&message.stream) {
                continue;
            }
            let envelope = stream::combined(&message.stream, &message.data).into();
            self.say(now, &message.stream, Some(message.unit), &envelope, &message.data.into());
        }
        for message in self.exchange.drain_user() {
            if self.faults.is_idle() && self.late.is_empty() {
                self.tell(now, &message);
                continue;
            }
            let delivery = self.faults.message(now, &format!("user {}", event_name(&message.json)));
            for _ in 0..delivery.copies {
                if delivery.at <= now {
                    self.tell(now, &message);
                } else {
                    self.later(delivery.at, Late::User(message.clone()));
                }
            }
        }
    }

    /// Messages that were held back and are due.
    pub(super) fn deliver_late(&mut self, now: Timestamp) {
        while let Some(entry) = self.late.first_entry().filter(|entry| entry.key().0 <= now) {
            match entry.remove() {
                Late::Market { stream, unit, combined, inner } => self.publish(&stream, unit, &combined, &inner),
                Late::User(message) => self.tell(now, &message),
            }
        }
    }

    /// All sockets hear that the server will go away.
    pub(super) fn say_shutdown(&mut self, now: Timestamp) {
        let texts: Vec<(u64, String)> = self
            .sockets
            .iter()
            .map(|(id, socket)| match &socket.purpose {
                Purpose::Api(_) => (*id, ws_api::server_shutdown(now)),
                Purpose::Streams(session) => (*id, streams::server_shutdown(now, session.is_combined())),
            })
            .collect();
        for (id, text) in texts {
            self.send(id, text.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_names_itself() {
        assert_eq!(event_name(r#"{"e":"executionReport","E":1,"s":"x"}"#), "executionReport");
        assert_eq!(event_name("{}"), "");
    }
}

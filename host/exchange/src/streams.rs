//! A stream socket as a value: which streams it hears, in which form, and the messages
//! that change this. The server carries out what a message asks for.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use ringfence_model::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::config::LimitConfig;
use crate::exchange::Exchange;
use crate::http::params;
use crate::limits::Window;
use crate::units::TimeUnit;

/// Longest id that a text may be.
const LONGEST_ID: usize = 36;

/// The goodbye before the server ends, as a raw or a combined stream tells it.
pub fn server_shutdown(now: Timestamp, combined: bool) -> String {
    let event = format!(r#"{{"e":"serverShutdown","E":{}}}"#, now.as_millis());
    if combined { format!(r#"{{"stream":"!serverShutdown","data":{event}}}"#) } else { event }
}

/// One stream socket.
#[derive(Debug, Clone)]
pub struct StreamSession {
    ip: IpAddr,
    names: BTreeSet<String>,
    combined: bool,
    unit: TimeUnit,
    messages: Window,
}

/// What a message of the client leads to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StreamReply {
    /// The answer.
    pub text: String,
    /// Streams that it hears from now on.
    pub subscribed: Vec<String>,
    /// Streams that it hears no more.
    pub unsubscribed: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Method {
    Subscribe,
    Unsubscribe,
    ListSubscriptions,
    SetProperty,
    GetProperty,
}

#[derive(Deserialize)]
struct Control {
    method: Method,
    #[serde(default)]
    params: Option<Vec<Value>>,
    #[serde(default, deserialize_with = "present")]
    id: Option<Value>,
}

/// Tells a null apart from nothing.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

fn is_id(id: &Value) -> bool {
    match id {
        Value::Null => true,
        Value::Number(number) => number.as_i64().is_some(),
        Value::String(text) => text.len() <= LONGEST_ID,
        _ => false,
    }
}

fn wrong(code: u8, msg: &str) -> String {
    json!({ "code": code, "msg": msg }).to_string()
}

fn invalid(what: &str) -> String {
    wrong(2, &format!("Invalid request: {what}"))
}

/// The venue's order of fields.
fn result(result: &Value, id: &Value) -> String {
    format!(r#"{{"result":{result},"id":{id}}}"#)
}

impl StreamSession {
    /// A socket; `query` is that of its address. Streams that the address names are
    /// subscribed with [`StreamSession::add`].
    ///
    /// # Errors
    /// The body of the answer to give instead (400): a parameter is not valid.
    pub fn open(ip: IpAddr, query: &str, combined: bool) -> Result<Self, String> {
        let mut session = StreamSession { ip, combined, ..StreamSession::default() };
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            if name == "timeUnit" {
                let word = params::decode(value).unwrap_or_default();
                session.unit = TimeUnit::read(&word).ok_or_else(|| crate::answer::Refusal::bad_time_unit().body())?;
            }
        }
        Ok(session)
    }

    /// Streams that it hears.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Whether messages come in their envelope.
    pub fn is_combined(&self) -> bool {
        self.combined
    }

    /// The unit of its times.
    pub fn unit(&self) -> TimeUnit {
        self.unit
    }

    /// Hears one stream more; `false` if it does already, or if it hears too many.
    pub fn add(&mut self, name: &str, limits: &LimitConfig) -> bool {
        self.names.len() < limits.streams_per_connection && self.names.insert(name.to_owned())
    }

    /// Answers a message of the client.
    pub fn message(&mut self, text: &str, limits: &LimitConfig) -> StreamReply {
        let said = |text: String| StreamReply { text, ..StreamReply::default() };
        if let Err(error) = serde_json::from_str::<&RawValue>(text) {
            return said(wrong(3, &format!("Invalid JSON: {error}")));
        }
        let control: Control = match serde_json::from_str(text) {
            Ok(control) => control,
            Err(error) => return said(invalid(&error.to_string())),
        };
        let Some(id) = control.id.filter(is_id) else {
            return said(invalid("request ID must be an unsigned integer"));
        };
        let params = control.params.unwrap_or_default();
        match control.method {
            Method::Subscribe | Method::Unsubscribe => {
                let names: Option<Vec<String>> = params.iter().map(|name| name.as_str().map(str::to_owned)).collect();
                match names {
                    Some(names) if !names.is_empty() => self.change(control.method, names, &id, limits),
                    _ => said(invalid("params must be a list of stream names")),
                }
            }
            Method::ListSubscriptions if params.is_empty() => said(result(&self.names.iter().cloned().collect(), &id)),
            Method::ListSubscriptions => said(invalid("too many parameters")),
            Method::GetProperty => said(match params.as_slice() {
                [Value::String(name)] if name == "combined" => result(&self.combined.into(), &id),
                [Value::String(_)] => unknown_property(&id),
                [] | [_] => invalid("property name must be a string"),
                _ => invalid("too many parameters"),
            }),
            Method::SetProperty => said(match params.as_slice() {
                [Value::String(name), Value::Bool(on)] if name == "combined" => {
                    self.combined = *on;
                    result(&Value::Null, &id)
                }
                [Value::String(name), ..] if name != "combined" => unknown_property(&id),
                [Value::String(_)] | [Value::String(_), _] => wrong(1, "Invalid value type: expected Boolean"),
                [] | [_] | [_, _] => invalid("property name must be a string"),
                _ => invalid("too many parameters"),
            }),
        }
    }

    fn change(&mut self, method: Method, names: Vec<String>, id: &Value, limits: &LimitConfig) -> StreamReply {
        let mut reply = StreamReply { text: result(&Value::Null, id), ..StreamReply::default() };
        if method == Method::Unsubscribe {
            reply.unsubscribed = names.into_iter().filter(|name| self.names.remove(name)).collect();
            return reply;
        }
        let new: BTreeSet<&String> = names.iter().filter(|name| !self.names.contains(*name)).collect();
        if self.names.len().saturating_add(new.len()) > limits.streams_per_connection {
            reply.text = invalid("too many streams on this connection");
            return reply;
        }
        reply.subscribed = names.into_iter().filter(|name| self.names.insert(name.clone())).collect();
        reply
    }
}

fn unknown_property(id: &Value) -> String {
    format!(r#"{{"code":0,"msg":"Unknown property","id":{id}}}"#)
}

impl Default for StreamSession {
    /// From this machine, raw, in milliseconds.
    fn default() -> Self {
        StreamSession {
            ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            names: BTreeSet::new(),
            combined: false,
            unit: TimeUnit::default(),
            messages: Window::second(),
        }
    }
}

impl Exchange {
    /// Counts a message of a stream socket: a ping, a pong, or a text. `false` means that
    /// it talks too much and is to be disconnected; who goes on like this is banned.
    pub fn stream_message(&mut self, now: Timestamp, session: &mut StreamSession) -> bool {
        let fits = session.messages.add(now, 1) <= self.limits.config().stream_messages_per_second;
        if !fits {
            self.limits.cut(now, session.ip);
        }
        fits
    }

    /// The limits that hold here.
    pub fn limit_config(&self) -> &LimitConfig {
        self.limits.config()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "streams_tests.rs"]
mod tests;

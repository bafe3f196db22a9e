//! Frames as text: requests are read with every value as it was sent (it is signed), and
//! answers are written without another look at their result.

use std::fmt;

use ringfence_model::{Micros, Timestamp};
use ringfence_wire::rest::{self, RateLimit};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::answer::Refusal;
use crate::http::params::Params;
use crate::units::TimeUnit;

/// A request.
#[derive(Debug)]
pub(super) struct Request<'a> {
    /// As it was sent; it is echoed.
    pub(super) id: &'a str,
    pub(super) method: String,
    pub(super) params: Params,
}

#[derive(Deserialize)]
struct Parts<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    method: String,
    #[serde(default)]
    params: Option<Pairs>,
}

/// Names and values in the text in which they were sent.
struct Pairs(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("parameters by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
                    let text = value.get();
                    if text == "null" {
                        continue;
                    }
                    let text = match serde_json::from_str::<String>(text) {
                        Ok(inner) => inner,
                        Err(_) => text.to_owned(),
                    };
                    pairs.push((name, text));
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

/// Numbers without a fraction, texts and null may name a request.
fn is_id(text: &str) -> bool {
    text == "null" || text.starts_with('"') || serde_json::from_str::<i64>(text).is_ok()
}

/// A request that can't be carried out, and by which id to refuse it.
#[derive(Debug)]
pub(super) struct Unreadable<'a> {
    pub(super) id: &'a str,
    pub(super) refusal: Refusal,
}

impl<'a> Request<'a> {
    pub(super) fn read(text: &'a str) -> Result<Self, Unreadable<'a>> {
        let invalid = || Unreadable { id: "null", refusal: Refusal::new(-1135, "Invalid JSON Request") };
        let parts: Parts<'a> = serde_json::from_str(text).map_err(|_| invalid())?;
        let id = parts.id.map_or("null", RawValue::get);
        if !is_id(id) {
            return Err(invalid());
        }
        let pairs = parts.params.map(|pairs| pairs.0).unwrap_or_default();
        let params = Params::of_pairs(pairs).map_err(|refusal| Unreadable { id, refusal })?;
        Ok(Request { id, method: parts.method, params })
    }
}

/// An answer.
#[derive(Debug)]
pub(super) struct Told<'a> {
    pub(super) id: &'a str,
    pub(super) now: Timestamp,
    pub(super) unit: TimeUnit,
    pub(super) result: Result<String, Refusal>,
    pub(super) limits: Option<Vec<RateLimit>>,
}

impl Told<'_> {
    pub(super) fn write(self) -> String {
        let mut text = String::with_capacity(256);
        text.push_str(r#"{"id":"#);
        text.push_str(self.id);
        match self.result {
            Ok(result) => {
                text.push_str(r#","status":200,"result":"#);
                text.push_str(&result);
            }
            Err(mut refusal) => {
                if let Some(seconds) = refusal.retry_after {
                    // Here it is a moment, not a length.
                    let until = self.unit.write(self.now.plus(Micros::from_secs(seconds)));
                    let now = self.unit.write(self.now);
                    refusal.data.get_or_insert(format!(r#"{{"serverTime":{now},"retryAfter":{until}}}"#));
                }
                text.push_str(&format!(r#","status":{},"error":{}"#, refusal.status, refusal.body()));
            }
        }
        if let Some(limits) = self.limits {
            text.push_str(r#","rateLimits":"#);
            text.push_str(&rest::write(&limits));
        }
        text.push('}');
        text
    }
}

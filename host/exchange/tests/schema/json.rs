//! JSON that keeps the order of fields and the text of numbers, and how an answer is held
//! against a recorded one.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    pub fn parse(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_else(|error| panic!("no JSON ({error}): {text}"))
    }

    pub fn get(&self, name: &str) -> Option<&Json> {
        match self {
            Json::Object(fields) => fields.iter().find(|(known, _)| known == name).map(|(_, value)| value),
            _ => None,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Bool(_) => "a boolean",
            Json::Integer(_) => "an integer",
            Json::Float(_) => "a float",
            Json::Text(_) => "a text",
            Json::List(_) => "a list",
            Json::Object(_) => "an object",
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Json;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_unit<E>(self) -> Result<Json, E> {
                Ok(Json::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
                Ok(Json::Bool(value))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
                Ok(Json::Integer(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
                Ok(Json::Integer(value.into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
                Ok(Json::Float(value))
            }

            fn visit_str<E>(self, value: &str) -> Result<Json, E> {
                Ok(Json::Text(value.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Json, A::Error> {
                let mut list = Vec::new();
                while let Some(row) = rows.next_element()? {
                    list.push(row);
                }
                Ok(Json::List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Json::Object(fields))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// Places after the point, if the text is a decimal number.
fn places(text: &str) -> Option<usize> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    (!whole.is_empty() && number(whole) && number(fraction)).then_some(fraction.len())
}

/// Changes in percent have three places.
const PERCENT: &[&str] = &["P", "priceChangePercent"];

fn is_factor(name: &str) -> bool {
    name.contains("Mult") || name.contains("ultiplier")
}

/// How two answers may differ.
#[derive(Debug, Clone, Copy, Default)]
pub struct Allowed {
    /// Fields of the recorded one that apply to other orders or symbols only; if lists,
    /// they may be empty.
    pub missing: &'static [&'static str],
    /// Documented fields that the recorded one has not.
    pub more: &'static [&'static str],
    /// The documents give this answer with its fields in two orders.
    pub any_order: bool,
}

/// What differs between a recorded answer and ours: names, their order, types, formats.
pub fn differences(recorded: &Json, ours: &Json, allowed: Allowed) -> Vec<String> {
    let mut found = Vec::new();
    compare("", "", recorded, ours, allowed, &mut found);
    found
}

fn compare(path: &str, name: &str, recorded: &Json, ours: &Json, allowed: Allowed, found: &mut Vec<String>) {
    match (recorded, ours) {
        (Json::Object(recorded), Json::Object(ours)) => {
            // An example that only says "an object".
            if recorded.is_empty() && name != "result" {
                return;
            }
            fields(path, recorded, ours, allowed, found);
        }
        (Json::List(recorded), Json::List(ours)) => rows(path, name, recorded, ours, allowed, found),
        // An id is the client's own; a symbol is a name even if it looks like a number.
        (Json::Text(_), Json::Text(_)) if name == "id" || name == "symbol" => {}
        (Json::Text(recorded), Json::Text(ours)) => {
            let (Some(like), told) = (places(recorded), places(ours)) else {
                return;
            };
            let wanted = match name {
                _ if is_factor(name) => told,
                // `P` is also a stop price.
                _ if PERCENT.contains(&name) && like != 8 => Some(3),
                // Text that is a whole number, and no amount.
                _ if like == 0 && told == Some(0) => told,
                _ => Some(8),
            };
            if told.is_none() || told != wanted {
                found.push(format!("{path}: `{ours}` is not formatted like `{recorded}`"));
            }
        }
        // A value that may be absent.
        (Json::Null, Json::Text(_) | Json::Null) => {}
        _ if recorded.kind() == ours.kind() => {}
        _ => found.push(format!("{path}: {} instead of {}", ours.kind(), recorded.kind())),
    }
}

fn fields(path: &str, recorded: &[(String, Json)], ours: &[(String, Json)], allowed: Allowed, found: &mut Vec<String>) {
    let has = |fields: &[(String, Json)], name: &str| fields.iter().any(|(known, _)| known == name);
    let mut wanted: Vec<&str> = recorded
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| has(ours, name) || !allowed.missing.contains(name))
        .collect();
    let mut told: Vec<&str> = ours
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| has(recorded, name) || !allowed.more.contains(name))
        .collect();
    if allowed.any_order {
        wanted.sort_unstable();
        told.sort_unstable();
    }
    if wanted != told {
        found.push(format!("{path}: fields {told:?} instead of {wanted:?}"));
        return;
    }
    for (name, value) in recorded {
        if let Some((_, own)) = ours.iter().find(|(known, _)| known == name) {
            compare(&format!("{path}.{name}"), name, value, own, allowed, found);
        }
    }
}

fn rows(path: &str, name: &str, recorded: &[Json], ours: &[Json], allowed: Allowed, found: &mut Vec<String>) {
    let Some(first) = recorded.first() else {
        return;
    };
    if ours.is_empty() && !allowed.missing.contains(&name) {
        found.push(format!("{path}: an empty list instead of rows"));
    }
    // Rows of a kline, or price and quantity: each place has its own type.
    let tuple = recorded.len() == ours.len() && !matches!(first, Json::Object(_) | Json::List(_));
    for (place, own) in ours.iter().enumerate() {
        let like = match (tuple, own.get("filterType")) {
            (true, _) => recorded.get(place),
            // As many as there: each is like the one in its place (orders and lists, legs of a list).
            (false, None) if recorded.len() == ours.len() => recorded.get(place),
            (false, None) => Some(first),
            // Filters are told apart by their type; one that is not recorded is not compared.
            (false, kind) => recorded.iter().find(|row| row.get("filterType") == kind),
        };
        if let Some(like) = like {
            compare(&format!("{path}[{place}]"), name, like, own, allowed, found);
        }
    }
}

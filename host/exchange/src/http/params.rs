//! Parameters of a request, and reading them with the venue's refusals.

use ringfence_model::{Decimal, Timestamp};

use crate::answer::Refusal;

/// More than any call has; the venue refuses such requests too.
const MOST: usize = 64;
const NUMBER: &str = r"^([0-9]{1,20})(\.[0-9]{1,20})?$";
const SYMBOL: &str = r"^[\w\-._&&[^a-z]]{1,50}$";
const SYMBOLS: &str = r#"^\[("[\w\-._&&[^a-z]]{1,50}"(,"[\w\-._&&[^a-z]]{1,50}"){0,}){0,1}\]$"#;
const ZONE: &str = r"^(?:[+-]?(?:0?[0-9]|1[0-4])(?::[0-5][0-9])?)$";
const CLIENT_ID: &str = r"^[\.A-Z\:/a-z0-9_-]{1,36}$";

/// Names and decoded values.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params(Vec<(String, String)>);

/// Letters of a symbol's name: any script's, but no lower-case Latin ones.
fn symbol_letter(letter: char) -> bool {
    (letter.is_alphanumeric() && !letter.is_ascii_lowercase()) || matches!(letter, '-' | '_' | '.')
}

fn is_symbol(name: &str) -> bool {
    (1..=50).contains(&name.chars().count()) && name.chars().all(symbol_letter)
}

pub(crate) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (high, low) = (char::from(rest.next()?).to_digit(16)?, char::from(rest.next()?).to_digit(16)?);
                u8::try_from(high.checked_mul(16)?.checked_add(low)?).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

impl Params {
    /// Of query and form; the query wins a clash of names.
    pub(crate) fn of_http(query: &str, body: &str) -> Result<Self, Refusal> {
        let mut found: Vec<(String, String)> = Vec::new();
        for (part, text) in [query, body].into_iter().enumerate() {
            let from = if part == 0 { 0 } else { found.len() };
            for pair in text.split('&').filter(|pair| !pair.is_empty()) {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                let illegal = || Refusal::new(-1100, "Illegal characters found in a parameter.");
                let (name, value) = (decode(name).ok_or_else(illegal)?, decode(value).ok_or_else(illegal)?);
                if found.get(from..).is_some_and(|own| own.iter().any(|(known, _)| *known == name)) {
                    return Err(Refusal::new(-1101, "Duplicate values for a parameter detected."));
                }
                if found.len() >= MOST {
                    return Err(Refusal::new(-1101, "Too many parameters sent for this endpoint."));
                }
                if !found.iter().any(|(known, _)| *known == name) {
                    found.push((name, value));
                }
            }
        }
        Ok(Params(found))
    }

    /// Of a WebSocket API request, each with the text in which it was sent.
    pub(crate) fn of_pairs(pairs: Vec<(String, String)>) -> Result<Self, Refusal> {
        if pairs.len() > MOST {
            return Err(Refusal::new(-1101, "Too many parameters sent for this endpoint."));
        }
        for (place, (name, _)) in pairs.iter().enumerate() {
            if pairs.iter().take(place).any(|(known, _)| known == name) {
                return Err(Refusal::new(-1101, "Duplicate values for a parameter detected."));
            }
        }
        Ok(Params(pairs))
    }

    /// What a WebSocket API request signs: sorted by name, not encoded.
    pub(crate) fn payload(&self) -> String {
        let mut pairs: Vec<_> = self.0.iter().filter(|(name, _)| name != "signature").collect();
        pairs.sort();
        pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    }

    /// A value that is there and not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).filter(|v| !v.is_empty())
    }

    pub(crate) fn need(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| Refusal::missing(name))
    }

    /// A decimal above or equal to zero.
    pub(crate) fn decimal(&self, name: &str) -> Result<Option<Decimal>, Refusal> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let digits = |part: &str| (1..=20).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        let legal = match text.split_once('.') {
            Some((whole, fraction)) => digits(whole) && digits(fraction),
            None => digits(text),
        };
        if !legal {
            return Err(Refusal::illegal(name, NUMBER));
        }
        Decimal::from_str_exact(text)
            .map(Some)
            .map_err(|_| Refusal::new(-1108, format!("Parameter '{name}' overflowed.")))
    }

    pub(crate) fn integer(&self, name: &str) -> Result<Option<u64>, Refusal> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Refusal::illegal(name, "^[0-9]{1,20}$"));
        }
        text.parse().map(Some).map_err(|_| Refusal::new(-1108, format!("Parameter '{name}' overflowed.")))
    }

    /// A time in milliseconds or microseconds.
    pub(crate) fn time(&self, name: &str) -> Result<Option<Timestamp>, Refusal> {
        // Milliseconds have sixteen digits only from the year 33658 on.
        const MICROSECONDS: u64 = 1_000_000_000_000_000;
        Ok(self.integer(name)?.map(
            |time| {
                if time >= MICROSECONDS { Timestamp(time) } else { Timestamp::from_millis(time) }
            },
        ))
    }

    /// `limit`, cut to what the call allows.
    pub(crate) fn limit(&self, default: usize, most: usize) -> Result<usize, Refusal> {
        match self.integer("limit")? {
            Some(0) => Err(Refusal::new(-1130, "Data sent for parameter 'limit' is not valid.")),
            Some(limit) => Ok(usize::try_from(limit).unwrap_or(most).min(most)),
            None => Ok(default),
        }
    }

    /// A name that the client gives to an order or a cancel.
    pub(crate) fn client_id(&self, name: &str) -> Result<Option<&str>, Refusal> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b".:/_-".contains(&byte);
        if text.len() > 36 || !text.bytes().all(legal) {
            return Err(Refusal::illegal(name, CLIENT_ID));
        }
        Ok(Some(text))
    }

    pub(crate) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.get(name).map(str::to_ascii_lowercase).as_deref() {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(_) => Err(Refusal::new(-1130, format!("Data sent for parameter '{name}' is not valid."))),
        }
    }

    /// The name of a symbol.
    pub(crate) fn symbol(&self) -> Result<&str, Refusal> {
        let name = self.need("symbol")?;
        if is_symbol(name) { Ok(name) } else { Err(Refusal::illegal("symbol", SYMBOL)) }
    }

    /// A list of names in JSON: `["BTCUSDT","ETHUSDT"]`.
    pub(crate) fn list(&self, name: &str) -> Result<Option<Vec<String>>, Refusal> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        match serde_json::from_str::<Vec<String>>(text) {
            Ok(names) if names.iter().all(|name| is_symbol(name)) => Ok(Some(names)),
            _ => Err(Refusal::illegal(name, SYMBOLS)),
        }
    }

    /// One word, or a list of words in JSON.
    pub(crate) fn words(&self, name: &str) -> Result<Option<Vec<String>>, Refusal> {
        match self.get(name) {
            Some(word) if !word.starts_with('[') => {
                if is_symbol(word) {
                    Ok(Some(vec![word.to_owned()]))
                } else {
                    Err(Refusal::illegal(name, SYMBOLS))
                }
            }
            _ => self.list(name),
        }
    }

    /// A time zone as seconds ahead of UTC: `8`, `-1:00`, `05:45`; from -12:00 to +14:00.
    pub(crate) fn zone(&self, name: &str) -> Result<i32, Refusal> {
        let Some(text) = self.get(name) else {
            return Ok(0);
        };
        let (sign, clock) = match text.as_bytes().first() {
            Some(b'-') => (-1, text.get(1..)),
            Some(b'+') => (1, text.get(1..)),
            _ => (1, Some(text)),
        };
        let digits = |text: &str| (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        let seconds = clock.and_then(|clock| {
            let (hours, minutes) = clock.split_once(':').unwrap_or((clock, "00"));
            if !digits(hours) || !digits(minutes) || minutes.len() != 2 {
                return None;
            }
            let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
            hours.checked_mul(3_600)?.checked_add(minutes.checked_mul(60).filter(|_| minutes < 60)?)?.checked_mul(sign)
        });
        seconds
            .filter(|seconds| (-12 * 3_600..=14 * 3_600).contains(seconds))
            .ok_or_else(|| Refusal::illegal(name, ZONE))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "params_tests.rs"]
mod tests;

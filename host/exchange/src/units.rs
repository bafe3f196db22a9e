//! The unit in which answers and events write times: milliseconds, or microseconds if the
//! client asked for them (`X-MBX-TIME-UNIT`, `timeUnit`).

use ringfence_model::Timestamp;

/// The unit of times in answers, events and stream messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum TimeUnit {
    /// The venue's default.
    #[default]
    Milliseconds,
    /// `MICROSECOND`.
    Microseconds,
}

impl TimeUnit {
    /// Both units.
    pub(crate) const ALL: [TimeUnit; 2] = [TimeUnit::Milliseconds, TimeUnit::Microseconds];

    /// Reads the venue's word; `None` for any other.
    pub fn read(word: &str) -> Option<Self> {
        match word {
            "MILLISECOND" | "millisecond" => Some(TimeUnit::Milliseconds),
            "MICROSECOND" | "microsecond" => Some(TimeUnit::Microseconds),
            _ => None,
        }
    }

    /// A time as the answer writes it.
    pub const fn write(self, time: Timestamp) -> u64 {
        match self {
            TimeUnit::Milliseconds => time.as_millis(),
            TimeUnit::Microseconds => time.0,
        }
    }

    /// A time in milliseconds as the answer writes it.
    pub(crate) const fn of_millis(self, millis: u64) -> u64 {
        match self {
            TimeUnit::Milliseconds => millis,
            TimeUnit::Microseconds => millis.saturating_mul(1_000),
        }
    }

    /// Rewrites the times of an event that was written in milliseconds. Only numbers above
    /// zero that belong to one of `keys` are times.
    pub(crate) fn rewrite(self, json: &str, keys: &[&str]) -> String {
        if self == TimeUnit::Milliseconds {
            return json.to_owned();
        }
        let mut out = String::with_capacity(json.len().saturating_add(32));
        let mut rest = json;
        while let Some(quote) = rest.find('"') {
            let (before, from) = rest.split_at(quote);
            out.push_str(before);
            let length = text_length(from);
            let (text, after) = from.split_at(length);
            out.push_str(text);
            rest = after;
            let name = text.get(1..text.len().saturating_sub(1)).unwrap_or_default();
            if let Some(value) = rest.strip_prefix(':').filter(|_| keys.contains(&name)) {
                let digits = value.bytes().take_while(u8::is_ascii_digit).count();
                if digits > 0 && !value.starts_with('0') {
                    let (number, after) = value.split_at(digits);
                    out.push(':');
                    out.push_str(number);
                    out.push_str("000");
                    rest = after;
                }
            }
        }
        out.push_str(rest);
        out
    }
}

/// Bytes of the JSON text that `from` begins with, quotes included.
fn text_length(from: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in from.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at.saturating_add(1),
            _ => {}
        }
    }
    from.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_of_the_named_keys_are_times() {
        let json = r#"{"e":"x","E":15,"T":0,"W":-1,"c":"\"E\":15","t":9,"o":[{"E":7}],"E ":1}"#;
        assert_eq!(
            TimeUnit::Microseconds.rewrite(json, &["E", "T", "W"]),
            r#"{"e":"x","E":15000,"T":0,"W":-1,"c":"\"E\":15","t":9,"o":[{"E":7000}],"E ":1}"#
        );
        assert_eq!(TimeUnit::Milliseconds.rewrite(json, &["E"]), json);
    }

    #[test]
    fn words() {
        assert_eq!(TimeUnit::read("MICROSECOND"), Some(TimeUnit::Microseconds));
        assert_eq!(TimeUnit::read("microsecond"), Some(TimeUnit::Microseconds));
        assert_eq!(TimeUnit::read("Microsecond"), None);
    }
}

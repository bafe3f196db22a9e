//! What the venue's refusals mean, as one classification: what to do about them, and what
//! they say about an order. Pure; the codes stand in [`table`](self).
//!
//! Source: Binance, "Error codes for Binance Spot" and "HTTP return codes": 4xx says that
//! nothing happened, 5xx, -1006 and -1007 say nothing at all, so the state is unknown.

mod table;

use table::CODES;

/// What a refusal means, and so what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// A failure of the venue's that passes: a question may be asked again after a while.
    Retry,
    /// A limit: wait as long as the venue says.
    RateLimit,
    /// The venue is overloaded: back off, then again.
    Overloaded,
    /// The timestamp was wrong: estimate the clock, then once more.
    TimeSync,
    /// Key, signature or permission: a person must act.
    Auth,
    /// The request is wrong and always will be.
    BadRequest,
    /// The venue refuses this order or this question: tell who asked.
    Reject,
    /// There is no such order.
    NotFound,
    /// One half of a cancel-replace worked: ask about both orders.
    Partial,
    /// It may have happened: ask what did.
    UnknownStatus,
    /// The user stream is gone: open it anew.
    Resubscribe,
    /// It can't go on like this: stop.
    Fatal,
}

impl Class {
    /// What to do, for people.
    pub const fn advice(self) -> &'static str {
        match self {
            Class::Retry => "the venue failed; questions are asked again",
            Class::RateLimit => "too much was asked; waiting as long as the venue says",
            Class::Overloaded => "the venue is overloaded; backing off",
            Class::TimeSync => "the timestamp was wrong; estimating the venue's clock again",
            Class::Auth => "check the API key, its permissions and its list of addresses",
            Class::BadRequest => "the request is wrong and is not repeated",
            Class::Reject => "the venue refuses it",
            Class::NotFound => "the venue knows no such order",
            Class::Partial => "one half of it worked; asking about both orders",
            Class::UnknownStatus => "it may have happened; asking the venue",
            Class::Resubscribe => "the user stream is opened anew",
            Class::Fatal => "it can't go on like this",
        }
    }

    /// Whether a question (never an order) may be asked again by itself.
    pub const fn may_ask_again(self) -> bool {
        matches!(self, Class::Retry | Class::RateLimit | Class::Overloaded | Class::TimeSync | Class::UnknownStatus)
    }

    /// Whether it says that the venue is unwell, as the circuit breaker counts it.
    pub const fn is_the_venues_failure(self) -> bool {
        matches!(self, Class::Retry | Class::Overloaded | Class::UnknownStatus)
    }
}

/// What an answer says about the order that it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// It may have been executed: never send it again, ask until it is sure.
    Unknown,
    /// It was not.
    NotPlaced,
}

/// A code of the venue's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// As the venue sends it.
    pub code: i64,
    /// The venue's name of it.
    pub name: &'static str,
    /// What to do.
    pub class: Class,
    /// When it answers an order.
    pub order: Order,
}

impl Code {
    /// The code in the venue's list, if it is there.
    pub fn known(code: i64) -> Option<&'static Code> {
        let place = CODES.binary_search_by(|known| code.cmp(&known.code)).ok()?;
        CODES.get(place)
    }

    /// All of them, by falling code.
    pub fn all() -> &'static [Code] {
        &CODES
    }
}

/// What an answer other than success means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// What to do.
    pub class: Class,
    /// What it says about an order.
    pub order: Order,
    /// The code, if the venue's list has it.
    pub code: Option<&'static Code>,
}

/// Judges an answer by its HTTP status (the WebSocket API has the same numbers) and the code
/// of its body. The status decides where it is certain; otherwise the code does.
pub fn classify(status: u16, code: Option<i64>) -> Verdict {
    let known = code.and_then(Code::known);
    let of = |class, order| Verdict { class, order, code: known };
    match (status, known) {
        (418 | 429, _) => of(Class::RateLimit, Order::NotPlaced),
        // For spot every 5xx is unknown, whatever its text says; the code may still tell how the venue is.
        (500.., Some(known)) if known.class.is_the_venues_failure() => of(known.class, Order::Unknown),
        (500.., _) => of(Class::UnknownStatus, Order::Unknown),
        // One half of a cancel-replace was done, and nobody can read which.
        (409, None) => of(Class::Partial, Order::Unknown),
        (400..500, Some(known)) => of(known.class, known.order),
        (401, None) => of(Class::Auth, Order::NotPlaced),
        // Whoever answered would not take the request as it is. The firewall answers 403 in HTML: it must not be repeated.
        (400 | 403..=406 | 410..=417 | 422 | 426 | 428 | 431 | 451, None) => of(Class::BadRequest, Order::NotPlaced),
        // All other 4xx without a code that is known are of proxies that gave up waiting (408, 460, 499): the request may
        // have gone on. Neither success nor refusal, for example a redirect: whoever answered is not the venue.
        _ => of(Class::UnknownStatus, Order::Unknown),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use serde_json::Value;

    /// The list as it was collected from the venue's documents.
    fn list() -> Value {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/errors.json");
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    fn class(word: &str) -> Class {
        match word {
            "retry" => Class::Retry,
            "rate-limit" => Class::RateLimit,
            "overloaded" => Class::Overloaded,
            "time-sync" => Class::TimeSync,
            "auth" => Class::Auth,
            "bad-request" => Class::BadRequest,
            "reject" => Class::Reject,
            "not-found" => Class::NotFound,
            "partial" => Class::Partial,
            "unknown-status" => Class::UnknownStatus,
            "resubscribe" => Class::Resubscribe,
            "fatal" => Class::Fatal,
            other => panic!("{other} is no class"),
        }
    }

    #[test]
    fn every_code_of_the_list_is_classified_as_it_says() {
        let list = list();
        let rows = list["errors"].as_array().unwrap();
        assert_eq!(rows.len(), Code::all().len());
        for row in rows {
            let code = row["code"].as_i64().unwrap();
            let known = Code::known(code).unwrap_or_else(|| panic!("{code} is missing"));
            let order = if row["orders"] == "unknown" { Order::Unknown } else { Order::NotPlaced };
            let wanted = (row["name"].as_str().unwrap(), class(row["class"].as_str().unwrap()), order);
            assert_eq!((known.name, known.class, known.order), wanted, "{code}");
            // With the status that most errors have, the code decides.
            let verdict = classify(400, Some(code));
            assert_eq!((verdict.class, verdict.order), (known.class, known.order), "{code}");
            assert_eq!(verdict.code, Some(known));
            // A 5xx is never certain, whatever code comes with it.
            assert_eq!(classify(503, Some(code)).order, Order::Unknown, "{code}");
            // A limit is a limit.
            assert_eq!(classify(429, Some(code)).class, Class::RateLimit, "{code}");
        }
        assert!(Code::all().is_sorted_by(|one, other| one.code > other.code));
    }

    #[test]
    fn a_status_alone_says_enough() {
        for (status, class, order) in [
            (400, Class::BadRequest, Order::NotPlaced),
            (401, Class::Auth, Order::NotPlaced),
            (403, Class::BadRequest, Order::NotPlaced),
            (404, Class::BadRequest, Order::NotPlaced),
            (408, Class::UnknownStatus, Order::Unknown),
            (409, Class::Partial, Order::Unknown),
            (418, Class::RateLimit, Order::NotPlaced),
            (429, Class::RateLimit, Order::NotPlaced),
            (413, Class::BadRequest, Order::NotPlaced),
            (414, Class::BadRequest, Order::NotPlaced),
            (425, Class::UnknownStatus, Order::Unknown),
            (460, Class::UnknownStatus, Order::Unknown),
            (499, Class::UnknownStatus, Order::Unknown),
            (301, Class::UnknownStatus, Order::Unknown),
            (500, Class::UnknownStatus, Order::Unknown),
            (504, Class::UnknownStatus, Order::Unknown),
            (999, Class::UnknownStatus, Order::Unknown),
        ] {
            let verdict = classify(status, None);
            assert_eq!((verdict.class, verdict.order), (class, order), "{status}");
            assert_eq!(classify(status, Some(-999_999)), verdict, "an unknown code changes nothing");
        }
        assert_eq!(classify(503, Some(-1_008)).class, Class::Overloaded);
    }

    /// What must never be repeated blindly is never said to be askable again, and so on.
    #[test]
    fn the_classes_are_consistent() {
        for code in Code::all() {
            if code.order == Order::Unknown {
                assert!(code.class.is_the_venues_failure(), "{code:?}");
            }
            if matches!(code.class, Class::Auth | Class::BadRequest | Class::Fatal | Class::Reject) {
                assert!(!code.class.may_ask_again(), "{code:?}");
            }
            assert!(!code.class.advice().is_empty());
        }
    }
}

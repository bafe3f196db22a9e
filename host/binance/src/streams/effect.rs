//! What a connection's decisions ask for, and what it is told of the venue's answers.

use super::leg::LegId;

/// What has to be done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields are named after what they hold")]
pub enum Effect<T> {
    /// Open a connection; the number of failures so far chooses the address.
    Open {
        leg: LegId,
        failures: u32,
    },
    Send {
        leg: LegId,
        text: String,
    },
    Ping {
        leg: LegId,
    },
    Close {
        leg: LegId,
    },
    /// The venue was asked for a stream: from now on there may be messages.
    Asked {
        name: String,
    },
    /// The venue has begun the stream: what was read elsewhere from now on is not older.
    Begun {
        name: String,
    },
    Ended {
        name: String,
    },
    /// Messages may be missing from here.
    Down {
        name: String,
    },
    /// Nothing is missing any more from here.
    Up {
        name: String,
    },
    /// A message, once and in order.
    Pass(T),
    /// For the operator.
    Notice(String),
    /// For the operator, loudly: it does not mend itself.
    Alarm(String),
}

/// The venue's answer to a message of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Echoed; errors may come without.
    pub id: Option<u64>,
    /// Why the venue refuses, if it does.
    pub refusal: Option<String>,
}

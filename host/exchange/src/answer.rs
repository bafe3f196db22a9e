//! A refused request, as the venue words it: HTTP status, code, text.

use ringfence_model::Timestamp;
use ringfence_wire::rest::{self, ErrorBody};

use crate::limits::{Exceeded, Refused};

/// More orders than a window allows.
pub(crate) const TOO_MANY_ORDERS: i64 = -1015;

/// The venue's refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: i64,
    pub(crate) msg: String,
    /// Seconds; 429 and 418 only.
    pub(crate) retry_after: Option<u64>,
    /// More about it, as JSON.
    pub(crate) data: Option<String>,
}

impl Refusal {
    pub(crate) fn new(code: i64, msg: impl Into<String>) -> Self {
        let status = match code {
            -2014 | -2015 => 401,
            _ => 400,
        };
        Refusal { status, code, msg: msg.into(), retry_after: None, data: None }
    }

    /// The error's body.
    pub(crate) fn body(&self) -> String {
        let body = rest::write(&ErrorBody { code: self.code, msg: self.msg.clone() });
        match (&self.data, body.strip_suffix('}')) {
            (Some(data), Some(open)) => format!(r#"{open},"data":{data}}}"#),
            _ => body,
        }
    }

    /// No such path.
    pub(crate) fn not_found() -> Self {
        Refusal { status: 404, ..Self::new(-1020, "This operation is not supported.") }
    }

    /// The key is unknown, or may not do this from there.
    pub(crate) fn no_rights() -> Self {
        Self::new(-2015, "Invalid API-key, IP, or permissions for action.")
    }

    pub(crate) fn missing(parameter: &str) -> Self {
        Self::new(-1102, format!("Mandatory parameter '{parameter}' was not sent, was empty/null, or malformed."))
    }

    pub(crate) fn not_required(parameter: &str) -> Self {
        Self::new(-1106, format!("Parameter '{parameter}' sent when not required."))
    }

    pub(crate) fn illegal(parameter: &str, legal: &str) -> Self {
        Self::new(-1100, format!("Illegal characters found in parameter '{parameter}'; legal range is '{legal}'."))
    }

    pub(crate) fn filter(name: &str) -> Self {
        Self::new(-1013, format!("Filter failure: {name}"))
    }

    pub(crate) fn rejected(msg: &str) -> Self {
        Self::new(-2010, msg)
    }

    pub(crate) fn bad_time_unit() -> Self {
        Self::new(-1194, "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.")
    }

    /// The address used up a limit, or is banned.
    pub(crate) fn limited(now: Timestamp, refused: Refused) -> Self {
        let (status, msg, retry_after) = match refused {
            Refused::Weight(exceeded) => (
                429,
                format!(
                    "Too much request weight used; current limit is {} request weight per {}. Please use WebSocket Streams for live updates to avoid polling the API.",
                    exceeded.limit, exceeded.interval
                ),
                exceeded.retry_after,
            ),
            Refused::Raw(exceeded) => (429, "Too many requests queued.".to_owned(), exceeded.retry_after),
            Refused::Connections(exceeded) => {
                return Refusal {
                    status: 429,
                    retry_after: Some(exceeded.retry_after),
                    ..Self::new(
                        -1034,
                        format!(
                            "Too many connection attempts from IP; current limit is {} per '{}'.",
                            exceeded.limit, exceeded.interval
                        ),
                    )
                };
            }
            Refused::Banned { until } => (
                418,
                format!(
                    "Way too much request weight used; IP banned until {}. Please use WebSocket Streams for live updates to avoid bans.",
                    until.as_millis()
                ),
                until.since(now).0.div_ceil(1_000_000).max(1),
            ),
        };
        Refusal { status, retry_after: Some(retry_after), ..Self::new(-1003, msg) }
    }

    pub(crate) fn too_many_orders(exceeded: Exceeded) -> Self {
        Refusal {
            status: 429,
            code: TOO_MANY_ORDERS,
            msg: format!("Too many new orders; current limit is {} orders per {}.", exceeded.limit, exceeded.interval),
            retry_after: Some(exceeded.retry_after),
            data: None,
        }
    }
}

//! Answers as values: what status and body mean for an order.
//!
//! Source: Binance, "Error codes for Binance Spot" and "HTTP return codes": 4xx says that
//! nothing happened; 5xx, -1006 and -1007 say nothing at all, so the state is unknown.

use ringfence_model::event::{Book, Kline, Level, OrderReason};
use ringfence_model::venue::{ClientOrderId, CommandKind, CommandOutcome, ExecutionReport, VenueEvent, VenueFill};
use ringfence_model::{Balance, Instrument, Timestamp};
use ringfence_wire::WireError;
use ringfence_wire::rest::orders::{CancelReplaceError, Half, OrderListReport};
use ringfence_wire::rest::{AccountInfo, DepthSnapshot, ErrorBody, KlineRow, MyTrade, OrderInfo, read};

use crate::error::{Class, Order, classify};

/// The venue's code of an unknown order in a query.
const NO_SUCH_ORDER: i64 = -2_013;
/// The timestamp is outside of the window: the clock must be set again.
pub const BAD_TIMESTAMP: i64 = -1_021;
/// An order breaks a filter.
pub const BROKEN_FILTER: i64 = -1_013;
/// One half of a cancel-replace was done.
const PARTLY_REPLACED: i64 = -2_021;
/// No half of a cancel-replace was done.
const NOT_REPLACED: i64 = -2_022;
/// Too many unfilled orders: no new ones for a while; all else may go on.
pub const TOO_MANY_ORDERS: i64 = -1_015;

/// The code of an error's body.
pub fn error_code(body: &[u8]) -> Option<i64> {
    read::<ErrorBody>(body).ok().map(|error| error.code)
}

/// Why the venue refused, in the model's words.
fn reason(error: &ErrorBody) -> OrderReason {
    let says = |words: &str| error.msg.to_ascii_lowercase().contains(words);
    match error.code {
        BROKEN_FILTER | -1_111 => OrderReason::Filter,
        -2_011 | NO_SUCH_ORDER if says("unknown order") || says("does not exist") => OrderReason::NotFound,
        -2_010 | -2_011 if says("insufficient balance") => OrderReason::InsufficientBalance,
        -2_010 if says("immediately match") => OrderReason::WouldMatch,
        -2_010 if says("trigger immediately") => OrderReason::WouldTrigger,
        -2_010 if says("duplicate") => OrderReason::Duplicate,
        -2_010 if says("market is closed") => OrderReason::MarketClosed,
        -2_010 if says("filter") => OrderReason::Filter,
        -2_010 if says("relationship of the prices") => OrderReason::List,
        _ => OrderReason::Other,
    }
}

/// How a command ended.
pub fn outcome(status: u16, body: &[u8]) -> CommandOutcome {
    if (200..300).contains(&status) {
        return CommandOutcome::Accepted;
    }
    refused(status, read::<ErrorBody>(body).ok().as_ref()).map_or(CommandOutcome::Unknown, CommandOutcome::Rejected)
}

/// Why nothing happened, from an answer that is no success; `None` if something may have.
fn refused(status: u16, error: Option<&ErrorBody>) -> Option<OrderReason> {
    let verdict = classify(status, error.map(|error| error.code));
    match (verdict.order, verdict.class) {
        (Order::Unknown, _) => None,
        (Order::NotPlaced, Class::RateLimit | Class::Overloaded) => Some(OrderReason::RateLimit),
        // A firewall in front of the venue answers in HTML: the order never came to it.
        (Order::NotPlaced, _) => Some(error.map_or(OrderReason::Other, reason)),
    }
}

/// The answer to a command on one order.
pub fn command(kind: CommandKind, id: &ClientOrderId, status: u16, body: &[u8]) -> VenueEvent {
    VenueEvent::Answer { client_order_id: id.clone(), kind, outcome: outcome(status, body) }
}

/// The answer to the question of this number for one order; `None` if it says nothing.
pub fn query(id: &ClientOrderId, question: u64, status: u16, body: &[u8]) -> Option<VenueEvent> {
    let report = if (200..300).contains(&status) {
        Some(read::<OrderInfo>(body).and_then(|order| order.report()).ok()?)
    } else if (400..500).contains(&status) && error_code(body) == Some(NO_SUCH_ORDER) {
        None
    } else {
        return None;
    };
    Some(VenueEvent::Queried { client_order_id: id.clone(), question, report })
}

/// The answer to the question of this number for one list; `None` if it says nothing.
pub fn query_list(id: &ClientOrderId, question: u64, status: u16, body: &[u8]) -> Option<VenueEvent> {
    let orders = if (200..300).contains(&status) {
        let list = read::<OrderListReport>(body).ok().filter(|list| list.list_client_order_id == id.0)?;
        Some(list.orders.into_iter().map(|order| ClientOrderId(order.client_order_id)).collect())
    } else if (400..500).contains(&status) && error_code(body) == Some(NO_SUCH_ORDER) {
        None
    } else {
        return None;
    };
    Some(VenueEvent::ListQueried { list: id.clone(), question, orders })
}

/// What became of one half of a cancel-replace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HalfOutcome {
    /// The venue did it.
    Done,
    /// The venue refused it for certain.
    Refused(OrderReason),
    /// The venue did not try, because the other half failed.
    NotAttempted,
    /// No word. Never resend; ask.
    Unknown,
}

/// How a cancel-replace ended. Either half may have been done without the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplaceOutcome {
    /// The old order's end.
    pub canceled: HalfOutcome,
    /// The new order.
    pub placed: HalfOutcome,
}

impl ReplaceOutcome {
    /// Both halves ended alike.
    pub const fn both(half: HalfOutcome) -> Self {
        ReplaceOutcome { canceled: half, placed: half }
    }
}

/// What a cancel-replace came to: 200 both were done, 409 with -2021 one was, 400 with -2022 none.
pub fn replaced(status: u16, body: &[u8]) -> ReplaceOutcome {
    if (200..300).contains(&status) {
        return ReplaceOutcome::both(HalfOutcome::Done);
    }
    if let Ok(CancelReplaceError { data, .. }) = read::<CancelReplaceError>(body) {
        return ReplaceOutcome {
            canceled: half(&data.cancel_result, data.cancel_response.as_ref()),
            placed: half(&data.new_order_result, data.new_order_response.as_ref()),
        };
    }
    match (outcome(status, body), error_code(body)) {
        // It says that one half was done, and not which.
        (_, Some(PARTLY_REPLACED | NOT_REPLACED)) => ReplaceOutcome::both(HalfOutcome::Unknown),
        // Filters and limits are tested before anything happens.
        (CommandOutcome::Rejected(reason), _) => {
            ReplaceOutcome { canceled: HalfOutcome::NotAttempted, placed: HalfOutcome::Refused(reason) }
        }
        (CommandOutcome::Accepted | CommandOutcome::Unknown, _) => ReplaceOutcome::both(HalfOutcome::Unknown),
    }
}

fn half(result: &str, response: Option<&Half>) -> HalfOutcome {
    match (result, response) {
        ("SUCCESS", _) => HalfOutcome::Done,
        ("NOT_ATTEMPTED", _) => HalfOutcome::NotAttempted,
        ("FAILURE", Some(Half::Refused(error))) => {
            refused(400, Some(error)).map_or(HalfOutcome::Unknown, HalfOutcome::Refused)
        }
        // A word that is new, or a failure without a reason.
        _ => HalfOutcome::Unknown,
    }
}

/// Open orders, of one symbol or of all.
///
/// # Errors
/// The body is no list of orders.
pub fn open_orders(body: &[u8]) -> Result<Vec<ExecutionReport>, WireError> {
    read::<Vec<OrderInfo>>(body)?.iter().map(OrderInfo::report).collect()
}

/// Fills of one order.
///
/// # Errors
/// The body is no list of trades.
pub fn trades(body: &[u8]) -> Result<Vec<VenueFill>, WireError> {
    Ok(read::<Vec<MyTrade>>(body)?.iter().map(MyTrade::fill).collect())
}

/// Balances of the account.
///
/// # Errors
/// The body is no account.
pub fn account(body: &[u8]) -> Result<Vec<Balance>, WireError> {
    Ok(read::<AccountInfo>(body)?.balances.into_iter().map(Balance::from).collect())
}

/// Klines of an instrument.
///
/// # Errors
/// The body is no list of klines.
pub fn klines(instrument: &Instrument, interval: u32, now: Timestamp, body: &[u8]) -> Result<Vec<Kline>, WireError> {
    Ok(read::<Vec<KlineRow>>(body)?.iter().map(|row| row.kline(instrument.id, interval, now)).collect())
}

/// A depth snapshot.
///
/// # Errors
/// The body is none.
pub fn depth(instrument: &Instrument, body: &[u8]) -> Result<Book, WireError> {
    let snapshot: DepthSnapshot = read(body)?;
    let side = |levels: Vec<(ringfence_wire::number::Amount, ringfence_wire::number::Amount)>| {
        levels.into_iter().map(|(price, quantity)| Level { price: price.0, quantity: quantity.0 }).collect()
    };
    Ok(Book {
        instrument: instrument.id,
        last_update_id: snapshot.last_update_id,
        best: None,
        bids: side(snapshot.bids),
        asks: side(snapshot.asks),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_venues_word_is_certain() {
        let of = |status, body: &str| outcome(status, body.as_bytes());
        let rejected = |reason| CommandOutcome::Rejected(reason);
        assert_eq!(of(200, "{}"), CommandOutcome::Accepted);
        assert_eq!(of(503, "Unknown error, please check your request or try again later."), CommandOutcome::Unknown);
        assert_eq!(of(504, ""), CommandOutcome::Unknown);
        assert_eq!(of(400, r#"{"code":-1007,"msg":"Timeout waiting for response"}"#), CommandOutcome::Unknown);
        assert_eq!(of(408, r#"{"code":-1006,"msg":"unexpected"}"#), CommandOutcome::Unknown);
        assert_eq!(of(400, r#"{"code":-1000,"msg":"An unknown error occurred"}"#), CommandOutcome::Unknown);
        assert_eq!(of(400, r#"{"code":-1008,"msg":"overloaded"}"#), rejected(OrderReason::RateLimit));
        assert_eq!(of(302, "elsewhere"), CommandOutcome::Unknown);
        assert_eq!(of(429, r#"{"code":-1003,"msg":"Too many requests"}"#), rejected(OrderReason::RateLimit));
        assert_eq!(of(403, "<html>"), rejected(OrderReason::Other));
        for (code, msg, reason) in [
            (-2010, "Account has insufficient balance for requested action.", OrderReason::InsufficientBalance),
            (-2010, "Order would immediately match and take.", OrderReason::WouldMatch),
            (-2010, "Duplicate order sent.", OrderReason::Duplicate),
            (-1013, "Filter failure: LOT_SIZE", OrderReason::Filter),
            (-2011, "Unknown order sent.", OrderReason::NotFound),
            (-1015, "Too many new orders", OrderReason::RateLimit),
            (-9999, "?", OrderReason::Other),
        ] {
            assert_eq!(of(400, &format!(r#"{{"code":{code},"msg":"{msg}"}}"#)), rejected(reason), "{msg}");
        }
    }

    #[test]
    fn not_found_is_an_answer_and_silence_is_not() {
        let id = ClientOrderId("a".into());
        let none = query(&id, 7, 400, br#"{"code":-2013,"msg":"Order does not exist."}"#);
        assert_eq!(none, Some(VenueEvent::Queried { client_order_id: id.clone(), question: 7, report: None }));
        assert_eq!(query(&id, 7, 503, b""), None);
        assert_eq!(query(&id, 7, 429, br#"{"code":-1003,"msg":""}"#), None);
    }
}

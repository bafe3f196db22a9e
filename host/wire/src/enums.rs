//! The venue's words for sides, types, times in force and states.

use ringfence_model::{OrderStatus, Side, TimeInForce};

/// `BUY` or `SELL`.
pub const fn side_text(side: Side) -> &'static str {
    match side {
        Side::Buy => "BUY",
        Side::Sell => "SELL",
    }
}

/// Reads [`side_text`].
pub fn side(text: &str) -> Option<Side> {
    match text {
        "BUY" => Some(Side::Buy),
        "SELL" => Some(Side::Sell),
        _ => None,
    }
}

/// `GTC`, `IOC` or `FOK`.
pub const fn time_in_force_text(time_in_force: TimeInForce) -> &'static str {
    match time_in_force {
        TimeInForce::Gtc => "GTC",
        TimeInForce::Ioc => "IOC",
        TimeInForce::Fok => "FOK",
    }
}

/// Reads [`time_in_force_text`].
pub fn time_in_force(text: &str) -> Option<TimeInForce> {
    match text {
        "GTC" => Some(TimeInForce::Gtc),
        "IOC" => Some(TimeInForce::Ioc),
        "FOK" => Some(TimeInForce::Fok),
        _ => None,
    }
}

/// What the venue calls a state; states that only the host knows have no word.
pub const fn status_text(status: OrderStatus) -> Option<&'static str> {
    match status {
        OrderStatus::Accepted => Some("NEW"),
        OrderStatus::PartiallyFilled => Some("PARTIALLY_FILLED"),
        OrderStatus::Filled => Some("FILLED"),
        OrderStatus::Canceled => Some("CANCELED"),
        OrderStatus::Expired => Some("EXPIRED"),
        OrderStatus::Rejected => Some("REJECTED"),
        OrderStatus::PendingCancel => Some("PENDING_CANCEL"),
        OrderStatus::PendingNew | OrderStatus::Unknown => None,
    }
}

/// Reads a venue's state. `PENDING_NEW` (a leg that waits) counts as accepted,
/// `EXPIRED_IN_MATCH` (self-trade prevention) as expired; `None` for a word that is new here.
pub fn status(text: &str) -> Option<OrderStatus> {
    match text {
        "NEW" | "PENDING_NEW" => Some(OrderStatus::Accepted),
        "PARTIALLY_FILLED" => Some(OrderStatus::PartiallyFilled),
        "FILLED" => Some(OrderStatus::Filled),
        "CANCELED" => Some(OrderStatus::Canceled),
        "EXPIRED" | "EXPIRED_IN_MATCH" => Some(OrderStatus::Expired),
        "REJECTED" => Some(OrderStatus::Rejected),
        "PENDING_CANCEL" => Some(OrderStatus::PendingCancel),
        _ => None,
    }
}

/// Kline intervals: the venue's name and the length in seconds (a month counts 30 days).
pub const INTERVALS: &[(&str, u32)] = &[
    ("1s", 1),
    ("1m", 60),
    ("3m", 180),
    ("5m", 300),
    ("15m", 900),
    ("30m", 1_800),
    ("1h", 3_600),
    ("2h", 7_200),
    ("4h", 14_400),
    ("6h", 21_600),
    ("8h", 28_800),
    ("12h", 43_200),
    ("1d", 86_400),
    ("3d", 259_200),
    ("1w", 604_800),
    ("1M", 2_592_000),
];

/// The venue's name of an interval.
pub fn interval_text(seconds: u32) -> Option<&'static str> {
    INTERVALS.iter().find(|(_, length)| *length == seconds).map(|(name, _)| *name)
}

/// Reads [`interval_text`].
pub fn interval(text: &str) -> Option<u32> {
    INTERVALS.iter().find(|(name, _)| *name == text).map(|(_, length)| *length)
}

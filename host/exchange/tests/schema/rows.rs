//! Which example belongs to which request. Each row begins with a new exchange.
//!
//! An example that is a request itself belongs to the row that sends it.

mod lists;
mod market;
mod orders;
mod session;
mod streams;
mod ws_market;
mod ws_orders;

use ringfence_model::Timestamp;
use serde_json::{Value, json};

use crate::desk::Desk;
use crate::json::Allowed;

/// Reads an example by its name.
pub type Recorded<'a> = &'a dyn Fn(&str) -> String;

pub struct Row {
    /// The example, below `tests/fixtures/binance`.
    pub fixture: &'static str,
    /// Makes the exchange say the same kind of thing.
    pub make: fn(&mut Desk, Recorded<'_>) -> String,
    pub allowed: Allowed,
}

/// All rows.
pub fn all() -> impl Iterator<Item = &'static Row> {
    [market::ROWS, ws_market::ROWS, session::ROWS, streams::ROWS, orders::ROWS, ws_orders::ROWS, lists::ROWS]
        .into_iter()
        .flatten()
}

const fn row(fixture: &'static str, make: fn(&mut Desk, Recorded<'_>) -> String) -> Row {
    Row { fixture, make, allowed: Allowed { missing: &[], more: &[], any_order: false } }
}

const fn but(
    fixture: &'static str,
    missing: &'static [&'static str],
    more: &'static [&'static str],
    make: fn(&mut Desk, Recorded<'_>) -> String,
) -> Row {
    Row { fixture, make, allowed: Allowed { missing, more, any_order: false } }
}

const fn any_order(fixture: &'static str, make: fn(&mut Desk, Recorded<'_>) -> String) -> Row {
    Row { fixture, make, allowed: Allowed { missing: &[], more: &[], any_order: true } }
}

/// Fields that the venue sends only for orders that have them; its examples show them all.
const CONDITIONAL: &[&str] = &[
    "stopPrice",
    "trailingDelta",
    "trailingTime",
    "icebergQty",
    "strategyId",
    "strategyType",
    "preventedMatchId",
    "preventedQuantity",
];

/// A pair that buys: a stop above this market, a maker below it.
const OCO: &str = "side=BUY&quantity=0.01&aboveType=STOP_LOSS_LIMIT&aboveStopPrice=70000&abovePrice=70000&aboveTimeInForce=GTC&belowType=LIMIT_MAKER&belowPrice=50000";
/// A buy that rests, and a sale that waits for it.
const OTO: &str = "workingType=LIMIT&workingSide=BUY&workingPrice=50000&workingQuantity=0.01&workingTimeInForce=GTC&pendingType=LIMIT_MAKER&pendingPrice=70000&pendingSide=SELL&pendingQuantity=0.01";

/// A working order that buys below this market.
const BUYS: &str = "workingType=LIMIT&workingSide=BUY&workingPrice=50000&workingQuantity=0.01&workingTimeInForce=GTC";

/// The span of a history that holds what was just done.
fn lately(now: Timestamp) -> Value {
    json!({"startTime": now.as_millis() - 1_000, "endTime": now.as_millis() + 1_000})
}

/// A field of an answer, as it was written.
fn part(answer: &str, name: &str) -> String {
    let fields: std::collections::BTreeMap<String, Box<serde_json::value::RawValue>> =
        serde_json::from_str(answer).unwrap();
    fields.get(name).unwrap_or_else(|| panic!("no {name}: {answer}")).get().to_owned()
}

//! What a plugin says of itself and what it is given at its start.

use crate::{Balance, Decimal, Instrument, StreamKind, Timestamp};

/// A parameter's value.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Value {
    Integer(i64),
    Number(Decimal),
    Boolean(bool),
    Text(String),
}

/// What values a parameter takes; bounds are inclusive.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum ValueRange {
    Integer(i64, i64),
    Number(Decimal, Decimal),
    Choice(Vec<String>),
    Any,
}

/// A parameter that a plugin declares.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "fields are named after what they hold")]
pub struct ParameterSpec {
    pub name: String,
    pub description: String,
    pub default: Value,
    pub range: ValueRange,
}

/// What a plugin says of itself. Wishes, never rights.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "fields are named after what they hold")]
pub struct Manifest {
    pub name: String,
    pub version: String,
    pub description: String,
    pub language: String,
    /// Symbol and streams.
    pub wishes: Vec<(String, Vec<StreamKind>)>,
    pub parameters: Vec<ParameterSpec>,
}

/// How the parts are wired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Mode {
    Live,
    Testnet,
    Paper,
    Sim,
    Backtest,
    Replay,
}

/// What an instance is given at its start.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "documented in wit/handler.wit")]
pub struct Context {
    pub instance: String,
    pub mode: Mode,
    pub now: Timestamp,
    pub seed: u64,
    pub instruments: Vec<Instrument>,
    pub parameters: Vec<(String, Value)>,
    pub allocation: Vec<Balance>,
}

/// Why an instance is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum StopReason {
    Reload,
    Removed,
    Operator,
    Quota,
    Fault,
    HostShutdown,
}

/// What becomes of a plugin's open orders when it faults or is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum FaultPolicy {
    /// All are cancelled.
    #[default]
    Cancel,
    /// They stay; their fills are told to the next instance.
    Keep,
    /// Those that make the position smaller stay, as far as there is a position; the rest is cancelled.
    ReduceOnly,
}

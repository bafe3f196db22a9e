//! What a guest can do wrong in a call. It costs the guest its life.

use std::fmt;

use crate::budgets::CallClass;

/// Kinds of faults, for figures and labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FaultKind {
    /// More time than its budget.
    Deadline,
    /// Its stack overflowed.
    Stack,
    /// It reached outside of its memory or table.
    Bounds,
    /// It gave up by itself: a panic or an exception.
    GaveUp,
    /// Any other trap of WebAssembly.
    Trap,
    /// It made the host copy too much, made too many handles, or handed over what is no value of the contract.
    Boundary,
    /// It broke the rules of the contract.
    Contract,
    /// It used too much of a core for too long.
    Share,
    /// Too many calls took longer than their soft bound.
    Slow,
    /// It could not be started again.
    Restart,
    /// The host failed: no strike for the plugin.
    Host,
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FaultKind::Deadline => "deadline",
            FaultKind::Stack => "stack",
            FaultKind::Bounds => "bounds",
            FaultKind::GaveUp => "gave-up",
            FaultKind::Trap => "trap",
            FaultKind::Boundary => "boundary",
            FaultKind::Contract => "contract",
            FaultKind::Share => "share",
            FaultKind::Slow => "slow",
            FaultKind::Restart => "restart",
            FaultKind::Host => "host",
        })
    }
}

/// What a guest did wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// More CPU time than its budget.
    Deadline { class: CallClass, millis: u128 },
    /// It trapped.
    Trap(FaultKind, String),
    /// It said that it handled more events than there were, or none.
    Consumed { said: usize, given: usize },
    /// It cited an event that it then did not handle.
    Ahead,
    /// `save` returned too much.
    Saved { bytes: usize, allowed: usize },
    /// A manifest with a number out of range.
    Manifest,
    /// Too much of a core for too long.
    Share { percent: u32, allowed: u32 },
    /// The host itself panicked in a call of the guest.
    Host,
}

impl Fault {
    pub(crate) const fn kind(&self) -> FaultKind {
        match self {
            Fault::Deadline { .. } => FaultKind::Deadline,
            Fault::Trap(kind, _) => *kind,
            Fault::Consumed { .. } | Fault::Ahead | Fault::Saved { .. } | Fault::Manifest => FaultKind::Contract,
            Fault::Share { .. } => FaultKind::Share,
            Fault::Host => FaultKind::Host,
        }
    }
}

impl fmt::Display for CallClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallClass::Describe => f.write_str("describe"),
            CallClass::Init => f.write_str("init or restore"),
            CallClass::Events(_, 1) => f.write_str("on-events with one event"),
            CallClass::Events(_, count) => write!(f, "on-events with {count} events"),
            CallClass::Save => f.write_str("save"),
            CallClass::Shutdown => f.write_str("shutdown"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Deadline { class, millis } => write!(f, "{class} used up its {millis} ms of CPU time"),
            Fault::Trap(_, what) => f.write_str(what),
            Fault::Consumed { said, given } => write!(f, "it says it handled {said} of {given} events"),
            Fault::Ahead => f.write_str("it gave a command for an event that it then left unhandled"),
            Fault::Saved { bytes, allowed } => write!(f, "its saved state has {bytes} bytes, the limit is {allowed}"),
            Fault::Manifest => f.write_str("its manifest has a decimal of more than 18 places"),
            Fault::Share { percent, allowed } => {
                write!(f, "it used {percent} % of a core for ten seconds, {allowed} % are allowed")
            }
            Fault::Host => f.write_str("the host failed inside of a call (this is a bug of Ringfence)"),
        }
    }
}

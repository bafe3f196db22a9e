//! Protections that can be switched off, one at a time, so that a test can show what each is
//! for. A host has all of them: no configuration, command line or plugin reaches this. What is
//! a number is no switch: it stands in [`Budgets`](crate::Budgets) or with the engine's limits.

use crate::admission::rules::Rule;

/// One protection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mitigation {
    /// A rule of the scan.
    Scan(Rule),
    /// Text of plugins is made harmless before anybody sees it.
    Escape,
    /// The bound of a guest's stack, which without it is 2 MiB: the thread must have more.
    Stack,
}

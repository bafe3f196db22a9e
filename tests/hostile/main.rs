//! The hostile suite: one small guest for each way to attack the host, as [`list`] names them.
//!
//! Each attack asserts that the host lives, that its neighbours get every event once, in order
//! and within their own budgets (by CPU time, not by the clock), what fault or refusal it ends
//! in, and what becomes of its orders, its strikes and what it had reserved. Each has a *twin*: the
//! same attack where exactly that one protection is switched off, which shows that it works there.
//! Switches are numbers (budgets, limits of a grant) or [`ringfence_sandbox::Mitigation`].
//!
//! | module | holds |
//! |--|--|
//! | [`list`] | every attack, and the test that none lacks its guest or its twin |
//! | [`arena`] | a culprit and neighbours on a real engine and a real exchange, in virtual time |
//! | [`guests`] | pieces of guests: orders, tallies of answers |
//! | `cpu`, `memory`, `orders`, `kinds`, `values`, `files`, `secrets` | the attacks |
//! | `imports` | every import with arguments that nobody would write |
//! | `model` | files, faults and time against the machine of `life` |

#![allow(clippy::unwrap_used, clippy::panic)]
#![allow(
    unreachable_pub,
    missing_docs,
    missing_debug_implementations,
    reason = "modules of one test, seen by nobody else"
)]

#[path = "../../host/sandbox/tests/common/mod.rs"]
mod common;

mod arena;
mod guests;
#[macro_use]
mod list;

mod cpu;
mod files;
mod imports;
mod kinds;
mod memory;
mod model;
mod orders;
mod secrets;
mod values;

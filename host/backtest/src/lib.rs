//! Lock-step runs: exchange, parsers, engine and plugins stepped in one thread in
//! virtual time, so that two runs are equal to the last order. No socket, no clock
//! and no thread is used here.
//!
//! | module | holds |
//! |--|--|
//! | [`clock`] | the virtual clock that follows a recording |
//! | [`venue`] | the exchange as values: signed requests in, the same JSON out |
//! | [`run`] | the loop and its report |

#![forbid(unsafe_code)]

pub mod clock;
pub mod run;
pub mod venue;

pub use run::{BacktestError, Progress, Report, Run, RunConfig, Source, Told};

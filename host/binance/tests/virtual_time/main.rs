//! The client and the engine against the simulated exchange, all in one process and in
//! virtual time: no socket, no waiting, thousands of schedules of faults.
//!
//! `RINGFENCE_SEED=7 cargo nextest run --workspace -E 'test(faults_of_every_kind)'` runs one
//! schedule again; `RINGFENCE_SEEDS=5000` runs more of them.
//!
//! | module | holds |
//! |--|--|
//! | [`world`] | the exchange behind a transport that fails |
//! | [`host`] | client, engine and one desk, wired as in the real host |
//! | [`schedule`] | what is done and what must hold in the end |
//! | [`calls`] | each call on orders, without faults |

#![allow(clippy::unwrap_used, clippy::panic)]

mod calls;
mod host;
mod schedule;
mod world;

//! The client and the engine against the simulated exchange, all in one process and in
//! virtual time: no socket, no waiting, thousands of schedules of faults.
//!
//! `RINGFENCE_SEED=7 cargo nextest run --workspace -E 'test(faults_of_every_kind)'` runs one
//! schedule again and prints what happens; `RINGFENCE_SEEDS=5000` (or `9000..9500`) runs more of them than the everyday
//! 300. A seed is some 60 s of virtual time and 35 ms of one core, and does the same each time.
//!
//! What must hold: no order leaves twice; every fill that the exchange has told is told to
//! the desk, once, before anybody touches the order; the ledger is the account; public
//! trades come once, in order, and no hole is left untold; a book that says it is in sync is
//! the exchange's with all its levels; what went silent speaks again; nothing stays in doubt.
//!
//! That these find what they should was tried by breaking the code, 300 seeds each:
//!
//! | broken | seeds that found it |
//! |--|--|
//! | an order is sent again when its answer was lost | 268 |
//! | a lost request counts as refused | 154 |
//! | a fill is lost in recovery | 222 |
//! | orders are not asked for after a reconnect | 44 |
//! | they are asked for once, answered or not | 5 |
//! | no snapshot when a stream is up again | 2 |
//! | a snapshot older than its stream is taken | 43 |
//! | the book takes an update after a gap | 250 |
//! | what both connections of a renewal say is told twice | 97 |
//! | the new connection speaks before the old one has told all | 11 |
//! | a lost stream is not told | 257 |
//! | a silent stream is not noticed | 41 |
//!
//! What needs several things at once needs more seeds: that a user stream is left as soon as another one is up, with reports
//! on the way and nobody asked, was found by 1 of 4,000.
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

//! How much the server carries, over real sockets of this machine, and what that costs it.
//!
//! `cargo bench --workspace --bench load` runs all parts and stops by itself; `-- rest`,
//! `-- streams` or `-- idle` runs one. The server runs in a process of its own (this
//! program again), so its CPU time and its memory are its own; clients and server share
//! the machine's cores. Each part checks what it measures and fails if an answer is wrong, a
//! message is lost or one is out of order.
//!
//! | module | holds |
//! |--|--|
//! | `server` | the server's process and what it used |
//! | `rest` | signed orders over kept-alive connections |
//! | `streams` | two hundred stream clients, and one that does not read |
//! | `idle` | memory of connections that say nothing |

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a measurement, not a product"
)]

mod idle;
mod rest;
mod server;
mod streams;

use std::time::Duration;

/// The value below which this part of the sorted values lies.
fn at<T: Copy>(sorted: &[T], part: f64) -> T {
    sorted[((sorted.len() - 1) as f64 * part) as usize]
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn load() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().unwrap_or("?").to_owned()
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    if let Some(("serve", rest)) = words.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return server::serve(rest);
    }
    let wants = |part: &str| words.is_empty() || words.iter().any(|word| word == part);
    // One thread for all clients: they must not take the server's cores.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    println!("load of the machine before: {}", load());
    if wants("rest") {
        for mix in rest::MIXES {
            runtime.block_on(rest::run(mix));
        }
    }
    if wants("streams") {
        for (speed, length) in [(1.0, Duration::from_secs(30)), (4.0, Duration::from_secs(10))] {
            runtime.block_on(streams::run(speed, length));
        }
    }
    if wants("idle") {
        runtime.block_on(idle::run());
    }
    println!("load of the machine after: {}", load());
}

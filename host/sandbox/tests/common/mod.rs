//! What the suites share: guests written as text, a desk that only takes notes, and a house
//! with a hostile plugin beside a good one. No wasm toolchain is needed.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "each suite uses its part of it"
)]

pub mod desk;
pub mod folder;
pub mod guest;
pub mod house;

pub use desk::{Notes, NotingDesk};
pub use guest::Guest;
pub use house::{House, tight};

//! The engine: venue events and plugins' commands in, actions out. One pure state
//! machine and one desk a plugin. No I/O, no clock, no threads: `now` is handed in.
//!
//! | module | holds |
//! |--|--|
//! | [`actions`] | what goes in and out: [`DeskCommand`], [`Output`] |
//! | [`engine`] | [`Engine`]: who gets what, what is asked of the venue |
//! | `orders` | the life of each order and list as the venue tells it |
//! | `routing` | who follows which stream |
//! | [`desk`] | [`SeatDesk`]: one plugin's place; answers it at once |
//! | `open` | a plugin's open orders and what they hold |
//! | `gate` | the checks before an order or a list; the only maker of [`Approved`] and [`ApprovedList`] |
//! | `filters` | the filters of the venue, each by its formula |
//! | [`ledger`] | one plugin's balances, reservations and positions, exact |
//! | [`permissions`] | kinds of orders and of market data that a plugin is granted |
//! | [`limits`] | what the operator allows one plugin, and sliding windows |
//! | [`board`] | what one plugin has seen of the market |
//! | [`book`] | a local order book by the venue's sequence rules |
//!
//! What may not live here: wasm, sockets, files, the venue's wire format.

#![forbid(unsafe_code)]

pub mod actions;
pub mod board;
pub mod book;
pub mod desk;
pub mod engine;
mod filters;
mod gate;
pub mod ledger;
pub mod limits;
mod open;
mod orders;
pub mod permissions;
mod routing;

pub use actions::{DeskCommand, Output, SeatConfig};
pub use desk::{SeatDesk, seat_of};
pub use engine::{Engine, EngineConfig, EngineError};
pub use gate::{Approved, ApprovedList};
pub use limits::Limits;
pub use permissions::{OrderType, Permissions, StreamType};

//! The client of Binance spot: signing, REST, market streams, user data, limits,
//! reconnection. It carries; it decides nothing about orders.
//!
//! | module | holds |
//! |--|--|
//! | [`credentials`] | API key and secret; signing |
//! | [`request`] | requests as values: parameters, weight, signature |
//! | [`answer`] | answers as values: what they mean for an order |
//! | [`limits`] | the venue's windows, pure |
//! | [`reconnect`] | when to try again, pure |
//! | [`clock`] | the venue's clock, estimated from round trips, pure |
//! | [`client`] | [`Client`]: the sockets around all of it |
//!
//! What may not live here: strategies, the gate, retries of orders. An order is sent once.

#![forbid(unsafe_code)]

pub mod answer;
pub mod client;
pub mod clock;
pub mod credentials;
pub mod limits;
pub mod reconnect;
pub mod request;

pub use client::{Client, ClientConfig, ClientError, ClientEvent, Counts};
pub use credentials::Credentials;

//! The client of Binance spot: signing, REST, market streams, user data, limits,
//! reconnection. It carries; it decides nothing about orders.
//!
//! | module | holds |
//! |--|--|
//! | [`credentials`] | API keys of all kinds, the key store; signing |
//! | [`request`] | requests as values: parameters, weight, signature |
//! | [`answer`] | answers as values: what they mean for an order |
//! | [`error`] | what the venue's refusals mean, pure |
//! | [`limits`] | the venue's windows, pure |
//! | [`breaker`] | leaving alone what fails again and again, pure |
//! | [`reconnect`] | when to try again, pure |
//! | [`streams`] | market streams: sharing, renewal, silence, pure |
//! | [`clock`] | the venue's clock, estimated from round trips, pure |
//! | [`client`] | [`Client`]: the sockets around all of it |
//!
//! What may not live here: strategies, the gate, retries of orders. An order is sent once.

#![forbid(unsafe_code)]

pub mod answer;
pub mod breaker;
pub mod client;
pub mod clock;
pub mod credentials;
pub mod error;
pub mod limits;
pub mod reconnect;
pub mod request;
pub mod streams;

pub use client::{Client, ClientConfig, ClientError, ClientEvent, Counts, StreamNews, Tuning};
pub use credentials::Credentials;

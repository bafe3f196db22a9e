//! The simulated exchange: Binance spot as a state machine, and a server around it.
//!
//! The core ([`Exchange`]) has no I/O and no clock: requests come in as values with the
//! time, answers and events go out as the venue's own JSON. The same seed, orders and
//! times give the same outcome. Its market is either generated or recorded.
//!
//! | module | holds |
//! |--|--|
//! | [`config`] | symbols, accounts, limits |
//! | [`exchange`] | the core: [`Exchange`] |
//! | [`matching`], [`fixed`] | the book and price-time matching, in exact units |
//! | `accounts` | balances, exact; nothing is made or lost |
//! | `filters`, `limits` | the venue's rules on orders and requests |
//! | `trading` | what happens to own orders |
//! | `market` | generated and recorded markets, klines, streams |
//! | [`http`], [`ws_api`], [`streams`] | requests, frames and stream sockets as values |
//! | [`keys`] | API keys: what checks their signatures, what they may do |
//! | [`faults`] | what goes wrong on demand |
//! | [`time`] | the clock: real, accelerated, stepped |
//! | `order` | orders, lists and trades as they are kept |
//! | `payload` | what is written about orders and accounts |
//! | [`recording`] | recordings of market streams |
//! | [`server`] | REST and sockets on loopback |
//!
//! What may not live here: anything about strategies, plugins or the host's own gate.

#![forbid(unsafe_code)]

mod accounts;
mod answer;
pub mod config;
mod error;
pub mod exchange;
pub mod faults;
mod filters;
pub mod fixed;
pub mod http;
pub mod keys;
mod limits;
mod market;
pub mod matching;
mod order;
mod payload;
pub mod recording;
pub mod server;
pub mod streams;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod testing;
pub mod time;
mod trading;
mod units;
pub mod ws_api;

pub use config::{AccountConfig, Bustle, ExchangeConfig, LimitConfig, SymbolConfig, SymbolStatus};
pub use error::{ExchangeError, TransferError};
pub use exchange::{Exchange, UserMessage};
pub use http::{HttpRequest, HttpResponse};
pub use market::feed::StreamMessage;
pub use streams::StreamSession;
pub use units::TimeUnit;
pub use ws_api::WsSession;

//! The client against a scripted venue on loopback: what it sends, what it tells, and what
//! it does when sockets fail.
//!
//! | module | holds |
//! |--|--|
//! | [`venue`] | the scripted venue and the list of what the client told |
//! | [`commands`] | connecting, orders, limits, the clock |
//! | [`replies`] | lists, replacements, test orders |
//! | [`guard`] | limits over restarts, clocks, breakers, kinds of keys |
//! | [`api`] | orders over the WebSocket API |
//! | [`streams`] | market streams and books |
//! | [`user`] | the user stream |
//! | [`faults`] | seeded schedules of lost connections |

#![allow(clippy::unwrap_used, clippy::panic)]

mod api;
mod commands;
mod faults;
mod guard;
mod replies;
mod streams;
mod user;
mod venue;

//! What the gate lets through.
//!
//! | module | holds |
//! |--|--|
//! | [`common`] | a desk with some money |
//! | [`orders`] | each rule by name; quotas, risk limits, grants |
//! | [`kinds`] | what each kind of order holds and how it may look |
//! | [`lists`] | the same of orders that depend on each other |

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;
mod kinds;
mod lists;
mod orders;

//! What the exchange writes. No decision is made here.
//!
//! | module | holds |
//! |--|--|
//! | [`info`] | the exchange itself: limits, symbols, filters, rules |
//! | [`market`] | trades, klines, tickers |
//! | [`account`] | an account and its rates |
//! | [`orders`] | orders, lists and own trades |
//! | [`events`] | events of an account |

pub(crate) mod account;
pub(crate) mod events;
pub(crate) mod info;
pub(crate) mod market;
pub(crate) mod orders;

//! Each Binance payload once: bytes on one side, `model` words on the other. Used by
//! the client and by the simulated exchange, so what one writes the other reads.
//! No socket, no clock, no decision lives here.
//!
//! | module | holds |
//! |--|--|
//! | [`stream`] | market data streams, their names and messages |
//! | [`user`] | user data: execution reports, balances |
//! | [`rest`] | bodies of REST answers |
//! | [`ws_api`] | frames of the WebSocket API |
//! | [`enums`] | the venue's words for sides, types and states |
//! | `fast` | the payloads that come by the thousand, straight from their bytes |
//! | [`number`] | decimals as the venue writes them |
//! | `symbols` | which instrument a symbol is |
//!
//! Shapes follow Binance's spot documentation of July 2026. Unknown fields are
//! ignored; a missing one is an error that names it.

#![forbid(unsafe_code)]

pub mod enums;
mod fast;
pub mod number;
pub mod rest;
pub mod stream;
mod symbols;
pub mod user;
pub mod ws_api;

/// A payload that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Not JSON, a field missing, or of another type.
    #[error("{what}: {why} in `{excerpt}`")]
    Json {
        /// Which payload was expected.
        what: &'static str,
        /// What the parser says, with the field.
        why: String,
        /// The start of the input.
        excerpt: String,
    },
    /// A message for a symbol that this host does not follow.
    #[error("symbol {symbol} is not among the configured ones")]
    UnknownSymbol {
        /// The symbol as the venue wrote it.
        symbol: String,
    },
    /// A kind of message that is not known.
    #[error("{what}: `{found}` is not known")]
    Unknown {
        /// Where it was found.
        what: &'static str,
        /// The venue's word.
        found: String,
    },
    /// The venue does not list a symbol that was asked for.
    #[error("the venue does not list symbol {symbol}; check [venue] symbols in ringfence.toml")]
    NotListed {
        /// The symbol that was asked for.
        symbol: String,
    },
    /// A symbol without a filter that orders need.
    #[error("exchangeInfo: {symbol} has no usable {filter}")]
    BadFilter {
        /// The symbol.
        symbol: String,
        /// The venue's name of the filter.
        filter: &'static str,
    },
}

/// Letters of the parser's reason that are kept.
const WHY: usize = 300;

impl WireError {
    pub(crate) fn json(what: &'static str, error: &serde_json::Error, input: &[u8]) -> Self {
        let head = input.get(..120).unwrap_or(input);
        let more = if head.len() < input.len() { "…" } else { "" };
        // The parser repeats what it did not like, however long that is.
        let why = error.to_string();
        let why = match why.char_indices().nth(WHY) {
            Some((end, _)) => format!("{}…", why.get(..end).unwrap_or_default()),
            None => why,
        };
        WireError::Json { what, why, excerpt: format!("{}{more}", String::from_utf8_lossy(head)) }
    }
}

//! Why the exchange can't be set up or served.

use std::net::SocketAddr;

/// A set-up error. Errors of requests are answers ([`crate::HttpResponse`]), not these.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// A symbol appears twice, or none is configured.
    #[error("the exchange's symbols must be named once each and at least one is needed; `{symbol}` breaks this")]
    Symbols {
        /// The symbol at fault; empty if there is none at all.
        symbol: String,
    },
    /// A symbol's rules contradict each other.
    #[error("symbol {symbol}: {what}; correct its SymbolConfig")]
    SymbolRules {
        /// The symbol.
        symbol: String,
        /// What does not hold.
        what: &'static str,
    },
    /// An account that can't be used.
    #[error("account with key `{api_key}`: {what}; correct its AccountConfig")]
    Account {
        /// The account's key.
        api_key: String,
        /// What does not hold.
        what: &'static str,
    },
    /// The listening socket.
    #[error("can't listen on {address}: {source}; choose another address or port 0")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The streams of the venue that a paper market is taken from.
    #[error("can't take the market from {url}: {what}")]
    Paper {
        /// Base of its streams.
        url: String,
        /// Why not.
        what: String,
    },
    /// The recording to replay.
    #[error(transparent)]
    Recording(#[from] crate::recording::RecordingError),
    /// A replay needs a speed above zero.
    #[error("replay speed {speed} is not a number above zero")]
    Speed {
        /// What was asked for.
        speed: f64,
    },
}

/// A transfer that can't be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    /// No account has this key.
    #[error("no account has the key `{api_key}`; name one of the exchange's keys")]
    UnknownKey {
        /// The key.
        api_key: String,
    },
    /// The account has not that much free.
    #[error("the account can't give {amount} {asset}: it has not that much free")]
    Insufficient {
        /// The asset.
        asset: String,
        /// What was asked for; negative for a withdrawal.
        amount: ringfence_model::Decimal,
    },
}

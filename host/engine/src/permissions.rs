//! What kinds of orders and of market data a plugin is granted.

use std::collections::BTreeSet;

use ringfence_model::{OrderKind, StreamKind};

/// A kind of order, as a grant names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the venue's names")]
pub enum OrderType {
    Market,
    Limit,
    LimitMaker,
    StopLoss,
    StopLossLimit,
    TakeProfit,
    TakeProfitLimit,
    /// Any list of orders: OCO, OTO, OTOCO. Its legs must be granted too.
    List,
}

impl OrderType {
    /// Every kind.
    pub const ALL: [OrderType; 8] = [
        OrderType::Market,
        OrderType::Limit,
        OrderType::LimitMaker,
        OrderType::StopLoss,
        OrderType::StopLossLimit,
        OrderType::TakeProfit,
        OrderType::TakeProfitLimit,
        OrderType::List,
    ];

    /// The word of the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            OrderType::Market => "market",
            OrderType::Limit => "limit",
            OrderType::LimitMaker => "limit-maker",
            OrderType::StopLoss => "stop-loss",
            OrderType::StopLossLimit => "stop-loss-limit",
            OrderType::TakeProfit => "take-profit",
            OrderType::TakeProfitLimit => "take-profit-limit",
            OrderType::List => "list",
        }
    }

    const fn of(kind: &OrderKind) -> Self {
        match kind {
            OrderKind::Market(_) => OrderType::Market,
            OrderKind::Limit { .. } => OrderType::Limit,
            OrderKind::LimitMaker { .. } => OrderType::LimitMaker,
            OrderKind::StopLoss { .. } => OrderType::StopLoss,
            OrderKind::StopLossLimit { .. } => OrderType::StopLossLimit,
            OrderKind::TakeProfit { .. } => OrderType::TakeProfit,
            OrderKind::TakeProfitLimit { .. } => OrderType::TakeProfitLimit,
        }
    }
}

/// A kind of market data, as a grant names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the contract's names")]
pub enum StreamType {
    Trades,
    AggregateTrades,
    Quotes,
    Depth,
    Book,
    Klines,
    Ticker,
}

impl StreamType {
    /// Every kind.
    pub const ALL: [StreamType; 7] = [
        StreamType::Trades,
        StreamType::AggregateTrades,
        StreamType::Quotes,
        StreamType::Depth,
        StreamType::Book,
        StreamType::Klines,
        StreamType::Ticker,
    ];

    /// The word of the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            StreamType::Trades => "trades",
            StreamType::AggregateTrades => "aggregate-trades",
            StreamType::Quotes => "quotes",
            StreamType::Depth => "depth",
            StreamType::Book => "book",
            StreamType::Klines => "klines",
            StreamType::Ticker => "ticker",
        }
    }

    const fn of(kind: StreamKind) -> Self {
        match kind {
            StreamKind::Trades => StreamType::Trades,
            StreamKind::AggregateTrades => StreamType::AggregateTrades,
            StreamKind::Quotes => StreamType::Quotes,
            StreamKind::Depth => StreamType::Depth,
            StreamKind::Book(_) => StreamType::Book,
            StreamKind::Klines(_) => StreamType::Klines,
            StreamKind::Ticker => StreamType::Ticker,
        }
    }
}

/// What a plugin may send and follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permissions {
    /// Kinds of orders; none: it may not trade.
    pub order_types: BTreeSet<OrderType>,
    /// Kinds of market data.
    pub streams: BTreeSet<StreamType>,
}

impl Default for Permissions {
    /// All of both.
    fn default() -> Self {
        Permissions { order_types: OrderType::ALL.into(), streams: StreamType::ALL.into() }
    }
}

impl Permissions {
    /// Whether an order of this kind may be sent.
    pub fn allows_order(&self, kind: &OrderKind) -> bool {
        self.order_types.contains(&OrderType::of(kind))
    }

    /// Whether lists of orders may be sent.
    pub fn allows_lists(&self) -> bool {
        self.order_types.contains(&OrderType::List)
    }

    /// Whether market data of this kind may be followed.
    pub fn allows_stream(&self, kind: StreamKind) -> bool {
        self.streams.contains(&StreamType::of(kind))
    }
}

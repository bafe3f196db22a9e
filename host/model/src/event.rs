//! What a strategy receives. Market data that crosses in columns keeps its own structs.

use std::sync::Arc;

use crate::{Balance, Decimal, InstrumentId, OrderId, OrderStatus, Position, Seq, Side, StreamKind, Timestamp};

/// An event with its place in one strategy's sequence.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// 1, 2, 3 … without holes.
    pub seq: Seq,
    /// Event time.
    pub ts: Timestamp,
    /// What happened.
    pub body: EventBody,
}

/// What happened. Cheap to clone: fat bodies are shared.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "each is documented at its type or in wit/events.wit")]
pub enum EventBody {
    /// First event of every generation.
    Started,
    Trade(Trade),
    AggregateTrade(Trade),
    Quote(Quote),
    Depth(Arc<DepthUpdate>),
    Book(Arc<Book>),
    Kline(Arc<Kline>),
    Ticker(Arc<Ticker>),
    Order(OrderUpdate),
    Fill(Fill),
    Balance(Balance),
    Position(Position),
    Timer(u64),
    History(Arc<History>),
    FeedGap {
        instrument: InstrumentId,
        stream: StreamKind,
        reason: GapReason,
        missed: u64,
    },
    FeedResumed {
        instrument: InstrumentId,
        stream: StreamKind,
    },
    Halted(HaltReason),
    Resumed,
}

impl EventBody {
    /// Changes what `account` answers: must lead its batch, must never be dropped.
    pub const fn changes_account(&self) -> bool {
        matches!(self, Self::Order(_) | Self::Fill(_) | Self::Balance(_) | Self::Position(_))
    }

    /// Market data, which may be conflated or dropped with a gap told.
    pub const fn is_market(&self) -> bool {
        matches!(
            self,
            Self::Trade(_)
                | Self::AggregateTrade(_)
                | Self::Quote(_)
                | Self::Depth(_)
                | Self::Book(_)
                | Self::Kline(_)
                | Self::Ticker(_)
        )
    }
}

/// A trade, or an aggregate trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields carry the field's standard names")]
pub struct Trade {
    pub instrument: InstrumentId,
    pub id: u64,
    pub price: Decimal,
    pub quantity: Decimal,
    /// Side of the taker.
    pub aggressor: Side,
}

/// Best bid and ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields carry the field's standard names")]
pub struct Quote {
    pub instrument: InstrumentId,
    pub bid_price: Decimal,
    pub bid_quantity: Decimal,
    pub ask_price: Decimal,
    pub ask_quantity: Decimal,
}

/// A price with what stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields carry the field's standard names")]
pub struct Level {
    pub price: Decimal,
    pub quantity: Decimal,
}

/// Levels that changed; quantities are absolute, zero removes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields carry the venue's names")]
pub struct DepthUpdate {
    pub instrument: InstrumentId,
    pub first_update_id: u64,
    pub last_update_id: u64,
    pub bids: Vec<Level>,
    pub asks: Vec<Level>,
}

/// Best levels, best first.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields carry the venue's names")]
pub struct Book {
    pub instrument: InstrumentId,
    pub last_update_id: u64,
    /// Of a stream that tells only so many of the best levels (5, 10 or 20); `None`: all that the venue has, a book to
    /// which updates can be added.
    pub best: Option<u8>,
    pub bids: Vec<Level>,
    pub asks: Vec<Level>,
}

/// A kline.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields carry the field's standard names")]
pub struct Kline {
    pub instrument: InstrumentId,
    /// Seconds.
    pub interval: u32,
    pub open_time: Timestamp,
    pub open: Decimal,
    pub high: Decimal,
    pub low: Decimal,
    pub close: Decimal,
    pub volume: Decimal,
    pub quote_volume: Decimal,
    pub trades: u64,
    pub closed: bool,
}

/// Rolling 24 h statistics.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields carry the field's standard names")]
pub struct Ticker {
    pub instrument: InstrumentId,
    pub open: Decimal,
    pub high: Decimal,
    pub low: Decimal,
    pub last: Decimal,
    pub volume: Decimal,
    pub quote_volume: Decimal,
}

/// Answer to a history request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields are named after what they hold")]
pub struct History {
    pub request: u64,
    pub klines: Vec<Kline>,
    pub complete: bool,
}

/// What an order update is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "documented in wit/events.wit")]
pub enum OrderChange {
    Accepted,
    Rejected,
    Amended,
    Canceled,
    Expired,
    Triggered,
    CancelRejected,
    AmendRejected,
    Unknown,
}

/// Why the venue refused an order or ended it. Never the venue's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum OrderReason {
    None,
    InsufficientBalance,
    WouldMatch,
    WouldTrigger,
    Filter,
    RateLimit,
    Duplicate,
    MarketClosed,
    NoLiquidity,
    TimeInForce,
    SelfTradePrevention,
    List,
    Operator,
    NotFound,
    Other,
}

/// An order moved from one state to another without a fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "documented in wit/events.wit")]
pub struct OrderUpdate {
    pub order: OrderId,
    pub instrument: InstrumentId,
    pub change: OrderChange,
    pub status: OrderStatus,
    pub reason: OrderReason,
    pub quantity: Decimal,
    pub filled: Decimal,
    pub recovered: bool,
}

/// A fill.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "documented in wit/events.wit")]
pub struct Fill {
    pub order: OrderId,
    pub instrument: InstrumentId,
    pub side: Side,
    pub trade_id: u64,
    pub price: Decimal,
    pub quantity: Decimal,
    pub commission: Decimal,
    pub commission_asset: String,
    pub maker: bool,
    pub status: OrderStatus,
    pub recovered: bool,
}

/// Why data is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum GapReason {
    Disconnected,
    SlowConsumer,
    OutOfSync,
}

/// Why trading is halted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum HaltReason {
    Operator,
    DailyLoss,
    Venue,
    Reconciling,
    Fault,
}

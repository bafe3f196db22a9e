//! What the engine and a venue client say to each other, free of any wire format.

use crate::event::{Book, DepthUpdate, Kline, Level, OrderReason, Ticker};
use crate::{Decimal, InstrumentId, OrderKind, OrderStatus, Side, StreamKind, Timestamp};

/// The venue's name of an order: at most 36 of `[A-Za-z0-9_-]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientOrderId(pub String);

/// An order as a venue client sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields carry the field's standard names")]
pub struct VenueOrder {
    pub symbol: String,
    pub side: Side,
    pub kind: OrderKind,
    pub client_order_id: ClientOrderId,
}

/// Orders that belong together, as a venue client sends them: all or none are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields carry the venue's names")]
pub enum VenueList {
    /// One cancels the other; both have the same side and quantity.
    Oco { above: VenueOrder, below: VenueOrder },
    /// The pending one enters when the working one is filled.
    Oto { working: VenueOrder, pending: VenueOrder },
    /// An OCO that enters when the working one is filled.
    Otoco { working: VenueOrder, above: VenueOrder, below: VenueOrder },
}

impl VenueList {
    /// Its orders, the working one first.
    pub fn orders(&self) -> Vec<&VenueOrder> {
        match self {
            VenueList::Oco { above, below } => vec![above, below],
            VenueList::Oto { working, pending } => vec![working, pending],
            VenueList::Otoco { working, above, below } => vec![working, above, below],
        }
    }

    /// The symbol of all of them.
    pub const fn symbol(&self) -> &String {
        match self {
            VenueList::Oco { above: first, .. }
            | VenueList::Oto { working: first, .. }
            | VenueList::Otoco { working: first, .. } => &first.symbol,
        }
    }
}

/// Parsed market data with the symbol still in the venue's words.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "documented at the types")]
pub enum MarketData {
    Trade {
        instrument: InstrumentId,
        ts: Timestamp,
        id: u64,
        price: Decimal,
        quantity: Decimal,
        aggressor: Side,
    },
    AggregateTrade {
        instrument: InstrumentId,
        ts: Timestamp,
        id: u64,
        price: Decimal,
        quantity: Decimal,
        aggressor: Side,
    },
    /// Spot best bid and ask carry no time; `ts` is then `None` and the receiver's clock counts.
    Quote {
        instrument: InstrumentId,
        ts: Option<Timestamp>,
        update_id: u64,
        bid: Level,
        ask: Level,
    },
    Depth {
        ts: Timestamp,
        update: DepthUpdate,
    },
    Book {
        ts: Option<Timestamp>,
        book: Book,
    },
    Kline {
        ts: Timestamp,
        kline: Kline,
    },
    Ticker {
        ts: Timestamp,
        ticker: Ticker,
    },
}

impl MarketData {
    /// The venue's own time of it, if it says one.
    pub const fn sent(&self) -> Option<Timestamp> {
        match self {
            MarketData::Trade { ts, .. }
            | MarketData::AggregateTrade { ts, .. }
            | MarketData::Depth { ts, .. }
            | MarketData::Kline { ts, .. }
            | MarketData::Ticker { ts, .. } => Some(*ts),
            MarketData::Quote { ts, .. } | MarketData::Book { ts, .. } => *ts,
        }
    }
}

/// What the venue says of an order: by the user stream, by an answer, or by a query.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields carry the field's standard names")]
pub struct ExecutionReport {
    pub ts: Timestamp,
    pub symbol: String,
    /// The order's own client order id (on a cancel the `C`, not the `c`).
    pub client_order_id: ClientOrderId,
    pub venue_order_id: u64,
    pub side: Side,
    pub status: OrderStatus,
    /// Without what self-trade prevention took away.
    pub quantity: Decimal,
    /// Cumulative.
    pub filled: Decimal,
    pub reason: OrderReason,
    /// Set if this report is a fill.
    pub fill: Option<VenueFill>,
    /// The report is about an amendment, or about self-trade prevention that left a part of the order.
    pub amended: bool,
    /// It meets the book or has met it: it waits neither for its trigger nor for another order of its list.
    pub works: bool,
}

/// The fill of an execution report.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields carry the field's standard names")]
pub struct VenueFill {
    pub trade_id: u64,
    pub price: Decimal,
    pub quantity: Decimal,
    pub commission: Decimal,
    pub commission_asset: String,
    pub maker: bool,
}

/// What a command was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum CommandKind {
    Place,
    Cancel,
    Amend,
}

/// How a command sent to the venue ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandOutcome {
    /// The venue took it; details come as execution reports.
    Accepted,
    /// The venue refused it for certain; nothing happened.
    Rejected(OrderReason),
    /// No word: timeout, lost socket, -1006, -1007, 5xx. Never resend; ask.
    Unknown,
}

/// What a venue client tells the engine.
#[derive(Debug, Clone, PartialEq)]
pub enum VenueEvent {
    /// Market data.
    Market(MarketData),
    /// The user stream (or a query) on one order.
    Report(ExecutionReport),
    /// Free and locked of assets that changed, as the venue has them.
    Balances {
        /// When they were so: while one connection replaces another, an older word may come later.
        ts: Timestamp,
        /// The assets.
        balances: Vec<crate::Balance>,
    },
    /// How a command ended.
    Answer {
        /// The order that it was about, or the list.
        client_order_id: ClientOrderId,
        /// What was asked.
        kind: CommandKind,
        /// How it ended.
        outcome: CommandOutcome,
    },
    /// Answer to a query for one order: `None` means the venue does not know it (-2013).
    Queried {
        /// The order that was asked for.
        client_order_id: ClientOrderId,
        /// The engine's number of the question: the answer tells of no earlier time.
        question: u64,
        /// What the venue says.
        report: Option<ExecutionReport>,
    },
    /// Answer to a query for an order list: its orders, or `None` if the venue does not know it (-2013).
    ListQueried {
        /// The list that was asked for.
        list: ClientOrderId,
        /// The engine's number of the question.
        question: u64,
        /// Its orders by their names.
        orders: Option<Vec<ClientOrderId>>,
    },
    /// A market stream was lost, or has a hole: data is missing from here.
    StreamDown {
        /// Of which instrument.
        instrument: InstrumentId,
        /// Which stream.
        stream: StreamKind,
    },
    /// It is whole again from here.
    StreamUp {
        /// Of which instrument.
        instrument: InstrumentId,
        /// Which stream.
        stream: StreamKind,
    },
    /// The user stream was lost; reports may be missing from here.
    UserDown,
    /// The user stream is back; reconcile.
    UserUp,
    /// The user stream goes on, but something that it said may be lost: it can't be read, or one connection has replaced
    /// another. Reconcile.
    UserGap,
}

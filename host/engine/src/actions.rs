//! What goes in and out of the engine: commands of desks, things to do. Plain data.

use ringfence_model::venue::ClientOrderId;
use ringfence_model::{Decimal, EventBody, InstrumentId, OrderId, SeatId, Seq, StreamKind, Timestamp};

use crate::gate::{Approved, ApprovedList};
use crate::limits::Limits;
use crate::permissions::Permissions;

/// One plugin's place.
#[derive(Debug, Clone)]
pub struct SeatConfig {
    /// The plugin's name.
    pub name: String,
    /// What it may see and trade.
    pub instruments: Vec<InstrumentId>,
    /// What it may spend, by asset.
    pub allocation: Vec<(String, Decimal)>,
    /// Quotas and risk limits.
    pub limits: Limits,
    /// Kinds of orders and of market data.
    pub permissions: Permissions,
}

/// What a desk asks of the engine. Commands of one desk arrive in their order.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "fields are named after what they hold")]
pub enum DeskCommand {
    Place {
        seat: SeatId,
        order: OrderId,
        instrument: InstrumentId,
        cause: Seq,
        approved: Approved,
    },
    /// All orders of a list or none; `orders` are their tickets, the working one first.
    PlaceList {
        seat: SeatId,
        orders: Vec<OrderId>,
        instrument: InstrumentId,
        cause: Seq,
        approved: Box<ApprovedList>,
    },
    /// One of a list takes the others with it; the desk names them, too.
    Cancel {
        seat: SeatId,
        order: OrderId,
        cause: Seq,
    },
    Amend {
        seat: SeatId,
        order: OrderId,
        quantity: Decimal,
        cause: Seq,
    },
    Subscribe {
        seat: SeatId,
        instrument: InstrumentId,
        stream: StreamKind,
    },
    Unsubscribe {
        seat: SeatId,
        instrument: InstrumentId,
        stream: StreamKind,
    },
    History {
        seat: SeatId,
        request: u64,
        instrument: InstrumentId,
        interval: u32,
        start: Option<Timestamp>,
        limit: u32,
    },
}

/// Takes a desk's commands to the engine.
pub type CommandSink = Box<dyn Fn(DeskCommand) + Send>;

/// What has to be done.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "fields are named after what they hold")]
pub enum Output {
    /// Hand an event to a plugin.
    Deliver { seat: SeatId, ts: Timestamp, body: EventBody },
    /// Begin a market stream.
    Subscribe { instrument: InstrumentId, stream: StreamKind },
    /// End a market stream.
    Unsubscribe { instrument: InstrumentId, stream: StreamKind },
    /// Send an order, once.
    Place(Approved),
    /// Send a list of orders, once.
    PlaceList(Box<ApprovedList>),
    /// Cancel all orders of a list.
    CancelList { symbol: String, list: ClientOrderId },
    /// Ask for a list.
    QueryList { list: ClientOrderId, question: u64 },
    /// Cancel an order.
    Cancel { symbol: String, client_order_id: ClientOrderId },
    /// Make an order smaller.
    Amend { symbol: String, client_order_id: ClientOrderId, quantity: Decimal },
    /// Ask for an order. The answer must name the question, so that it is known of what time it tells.
    Query { symbol: String, client_order_id: ClientOrderId, question: u64 },
    /// Ask for the fills of an order.
    Trades { symbol: String, client_order_id: ClientOrderId, venue_order_id: u64 },
    /// Ask for klines of the past.
    History {
        seat: SeatId,
        request: u64,
        instrument: InstrumentId,
        interval: u32,
        start: Option<Timestamp>,
        limit: u32,
    },
    /// The venue told of an order that is none of this session.
    Unattributed { what: String },
    /// For the operator, loudly: the venue and the host do not agree on an order.
    Alarm { what: String },
}

//! The words of Ringfence as types: instruments, orders, events, commands, time.
//!
//! What lives here: plain data that two or more rooms speak about, and the traits at
//! which rooms meet ([`desk::Desk`]). What may not: I/O, async, knowledge of a venue's
//! wire format, of wasm, or of any rule of the business. Depends on nothing of ours.
//!
//! | module | holds |
//! |--|--|
//! | [`time`] | [`Timestamp`] (event time) and [`Micros`] |
//! | [`instrument`] | [`Instrument`], its scales and filters, [`StreamKind`] |
//! | [`order`] | what a strategy can ask for and what an order is |
//! | [`event`] | what a strategy receives |
//! | [`denial`] | why a command was denied |
//! | [`desk`] | the trait through which the sandbox reaches the engine |
//! | [`venue`] | what the engine and a venue client say to each other |
//! | [`strategy`] | manifest, parameters, context |
//!
//! Money is [`Decimal`], never a float.

pub mod denial;
pub mod desk;
pub mod event;
pub mod instrument;
pub mod order;
pub mod strategy;
pub mod time;
pub mod venue;

pub use denial::Denial;
pub use event::{Event, EventBody};
pub use instrument::{Instrument, InstrumentId, StreamKind};
pub use order::{NewOrder, OrderId, OrderKind, OrderStatus, Side, TimeInForce};
pub use rust_decimal::Decimal;
pub use time::{Micros, Timestamp};

/// Number of an event as one strategy receives it: 1, 2, 3 … without holes.
pub type Seq = u64;

/// Index of a plugin's seat: the place in the host that outlives its generations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeatId(pub u32);

/// An asset within an allocation or an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// The asset's name, for example `USDT`.
    pub asset: String,
    /// What may be spent.
    pub free: Decimal,
    /// What open orders hold.
    pub locked: Decimal,
}

/// One plugin's own position in an instrument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The instrument.
    pub instrument: InstrumentId,
    /// Signed quantity in the base asset, beyond the allocation.
    pub quantity: Decimal,
    /// Average entry price of the open quantity; zero when flat.
    pub average_price: Decimal,
    /// Realised profit and loss in the quote asset, commissions included.
    pub realised_pnl: Decimal,
}

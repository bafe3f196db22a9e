//! What a strategy can ask for, and what an order is.

use crate::{Decimal, InstrumentId};

/// A strategy's own ticket for an order: 1, 2, 3 … within its seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrderId(pub u64);

/// Side of an order, or of a trade's taker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Side {
    Buy,
    Sell,
}

impl Side {
    /// The other side.
    pub const fn opposite(self) -> Self {
        match self {
            Side::Buy => Side::Sell,
            Side::Sell => Side::Buy,
        }
    }
}

/// How long an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimeInForce {
    /// Until cancelled.
    Gtc,
    /// What fills at once; the rest expires.
    Ioc,
    /// All at once or nothing.
    Fok,
}

/// Size of a market order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarketSize {
    /// Quantity of the base asset.
    Base(Decimal),
    /// Amount of the quote asset to spend or to receive.
    Quote(Decimal),
}

/// What sets off a stop or take-profit order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// A last trade price.
    Price(Decimal),
    /// A trailing distance in basis points.
    Trailing(u32),
}

/// Order type with exactly the fields that it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields carry the field's standard names")]
pub enum OrderKind {
    Market(MarketSize),
    Limit {
        quantity: Decimal,
        price: Decimal,
        time_in_force: TimeInForce,
        iceberg_quantity: Option<Decimal>,
    },
    /// Post-only.
    LimitMaker {
        quantity: Decimal,
        price: Decimal,
    },
    StopLoss {
        quantity: Decimal,
        trigger: Trigger,
    },
    StopLossLimit {
        quantity: Decimal,
        trigger: Trigger,
        price: Decimal,
        time_in_force: TimeInForce,
    },
    TakeProfit {
        quantity: Decimal,
        trigger: Trigger,
    },
    TakeProfitLimit {
        quantity: Decimal,
        trigger: Trigger,
        price: Decimal,
        time_in_force: TimeInForce,
    },
}

impl OrderKind {
    /// Quantity in base; `None` for a quote-sized market order.
    pub fn quantity(&self) -> Option<Decimal> {
        match *self {
            OrderKind::Market(MarketSize::Quote(_)) => None,
            OrderKind::Market(MarketSize::Base(quantity))
            | OrderKind::Limit { quantity, .. }
            | OrderKind::LimitMaker { quantity, .. }
            | OrderKind::StopLoss { quantity, .. }
            | OrderKind::StopLossLimit { quantity, .. }
            | OrderKind::TakeProfit { quantity, .. }
            | OrderKind::TakeProfitLimit { quantity, .. } => Some(quantity),
        }
    }

    /// Limit price, if the kind has one.
    pub fn price(&self) -> Option<Decimal> {
        match *self {
            OrderKind::Limit { price, .. }
            | OrderKind::LimitMaker { price, .. }
            | OrderKind::StopLossLimit { price, .. }
            | OrderKind::TakeProfitLimit { price, .. } => Some(price),
            _ => None,
        }
    }

    /// What sets it off, if it waits for a trade.
    pub fn trigger(&self) -> Option<Trigger> {
        match *self {
            OrderKind::StopLoss { trigger, .. }
            | OrderKind::StopLossLimit { trigger, .. }
            | OrderKind::TakeProfit { trigger, .. }
            | OrderKind::TakeProfitLimit { trigger, .. } => Some(trigger),
            _ => None,
        }
    }

    /// What of it may be seen on the book, if that is not all.
    pub fn iceberg_quantity(&self) -> Option<Decimal> {
        match *self {
            OrderKind::Limit { iceberg_quantity, .. } => iceberg_quantity,
            _ => None,
        }
    }

    /// Once it works it takes any price.
    pub const fn takes_any_price(&self) -> bool {
        matches!(self, OrderKind::Market(_) | OrderKind::StopLoss { .. } | OrderKind::TakeProfit { .. })
    }

    /// Limits its loss when the price moves against a position: a stop-loss of either form.
    pub const fn is_stop_loss(&self) -> bool {
        matches!(self, OrderKind::StopLoss { .. } | OrderKind::StopLossLimit { .. })
    }

    /// Takes a profit at a price: a take-profit of either form.
    pub const fn is_take_profit(&self) -> bool {
        matches!(self, OrderKind::TakeProfit { .. } | OrderKind::TakeProfitLimit { .. })
    }
}

/// What a strategy hands to the gate.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields carry the field's standard names")]
pub struct NewOrder {
    pub instrument: InstrumentId,
    pub side: Side,
    pub kind: OrderKind,
    /// Deny it unless it makes the position smaller.
    pub reduce_only: bool,
    /// The strategy's own mark; stays in the host.
    pub tag: Option<String>,
}

/// Orders that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderList {
    /// Above and below: one cancels the other.
    Oco(Box<[NewOrder; 2]>),
    /// The second enters when the first is filled.
    Oto(Box<[NewOrder; 2]>),
    /// An OCO that enters when the first is filled.
    Otoco(Box<[NewOrder; 3]>),
}

impl OrderList {
    /// Its orders, the working one first.
    pub fn orders(&self) -> &[NewOrder] {
        match self {
            OrderList::Oco(pair) | OrderList::Oto(pair) => &pair[..],
            OrderList::Otoco(three) => &three[..],
        }
    }
}

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrderStatus {
    /// Approved, not yet answered.
    PendingNew,
    /// On the book (or waiting for its trigger).
    Accepted,
    /// On the book, part done.
    PartiallyFilled,
    /// Done.
    Filled,
    /// Ended by request.
    Canceled,
    /// Ended by the venue's rules.
    Expired,
    /// Never taken.
    Rejected,
    /// Asked to cancel, not yet answered.
    PendingCancel,
    /// The venue did not answer; only its word ends this.
    Unknown,
}

impl OrderStatus {
    /// Nothing can happen to the order any more.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Filled | Self::Canceled | Self::Expired | Self::Rejected)
    }
}

/// A strategy's open order, as it may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields carry the field's standard names")]
pub struct OpenOrder {
    pub order: OrderId,
    pub instrument: InstrumentId,
    pub side: Side,
    /// Zero for orders without a limit.
    pub price: Decimal,
    pub quantity: Decimal,
    pub filled: Decimal,
    pub status: OrderStatus,
    pub client_order_id: String,
    pub tag: Option<String>,
}

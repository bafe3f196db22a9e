//! Why a command was denied by the host. Data for a program, not prose.

use crate::{Decimal, Micros};

/// A command that was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "fields are named after what they hold")]
pub enum Denial {
    #[error("quota {kind:?} of {limit} is used up, retry in {} ms", retry_after.0 / 1_000)]
    Quota { kind: QuotaKind, limit: u64, retry_after: Micros },
    #[error("risk limit {limit:?} allows {allowed}, asked {asked}")]
    Risk { limit: RiskLimit, allowed: Decimal, asked: Decimal },
    #[error("filter {kind:?} with bound {bound} refuses {asked}")]
    Filter { kind: FilterKind, bound: Decimal, asked: Decimal },
    #[error("needs {needed} {asset}, free are {free}")]
    InsufficientBalance { asset: String, needed: Decimal, free: Decimal },
    #[error("not permitted by the grant")]
    NotPermitted,
    #[error("trading is halted")]
    Halted,
    #[error("field {0:?} is invalid")]
    InvalidField(OrderField),
    #[error("no such open order of this strategy")]
    UnknownOrder,
    #[error("commands work in on-events only")]
    NotNow,
    #[error("not supported yet")]
    Unsupported,
}

/// What is counted per plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum QuotaKind {
    OrdersPerSecond,
    OrdersPerDay,
    CancelsPerSecond,
    OpenOrders,
    Subscriptions,
    HistoryRequests,
    Timers,
    LogBytes,
    StateBytes,
    Metrics,
}

/// A limit that the operator sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum RiskLimit {
    OrderNotional,
    OpenNotional,
    Position,
    PriceCollar,
    DailyLoss,
    ReduceOnly,
}

/// A filter of `exchangeInfo`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the venue's names")]
pub enum FilterKind {
    PriceFilter,
    PercentPrice,
    LotSize,
    MarketLotSize,
    MinNotional,
    MaxNotional,
    IcebergParts,
    MaxNumOrders,
    MaxNumAlgoOrders,
    MaxNumIcebergOrders,
    MaxPosition,
    TrailingDelta,
    Precision,
    MaxNumOrderLists,
    MaxNumOrderAmends,
    MaxAsset,
    ExchangeMaxNumOrders,
    ExchangeMaxNumAlgoOrders,
    ExchangeMaxNumIcebergOrders,
    ExchangeMaxNumOrderLists,
}

/// A field of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum OrderField {
    Instrument,
    Quantity,
    Price,
    StopPrice,
    TrailingDelta,
    IcebergQuantity,
    TimeInForce,
    Tag,
    Legs,
    Cause,
}

/// How much of a quota is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields are named after what they hold")]
pub struct QuotaState {
    pub kind: QuotaKind,
    pub limit: u64,
    pub used: u64,
    pub resets_in: Micros,
}

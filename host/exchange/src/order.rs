//! An order as the venue keeps it, and the venue's words for its parts. Data only.
//!
//! | module | holds |
//! |--|--|
//! | [`list`] | order lists |
//! | [`store`] | all orders, with what is asked of them |

pub(crate) mod list;
pub(crate) mod store;

use ringfence_model::{Side, TimeInForce, Timestamp};

use crate::fixed::Fixed;
use crate::matching::SelfTrade;
use crate::matching::book::NodeId;
use crate::matching::triggers::Condition;

/// Order types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OrderType {
    Limit,
    LimitMaker,
    Market,
    StopLoss,
    StopLossLimit,
    TakeProfit,
    TakeProfitLimit,
}

impl OrderType {
    pub(crate) const ALL: [OrderType; 7] = [
        OrderType::Limit,
        OrderType::LimitMaker,
        OrderType::Market,
        OrderType::StopLoss,
        OrderType::StopLossLimit,
        OrderType::TakeProfit,
        OrderType::TakeProfitLimit,
    ];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            OrderType::Limit => "LIMIT",
            OrderType::LimitMaker => "LIMIT_MAKER",
            OrderType::Market => "MARKET",
            OrderType::StopLoss => "STOP_LOSS",
            OrderType::StopLossLimit => "STOP_LOSS_LIMIT",
            OrderType::TakeProfit => "TAKE_PROFIT",
            OrderType::TakeProfitLimit => "TAKE_PROFIT_LIMIT",
        }
    }

    pub(crate) fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Waits for a trade; the venue calls these "algo" orders.
    pub(crate) const fn is_contingent(self) -> bool {
        !matches!(self, OrderType::Limit | OrderType::LimitMaker | OrderType::Market)
    }

    pub(crate) const fn is_stop_loss(self) -> bool {
        matches!(self, OrderType::StopLoss | OrderType::StopLossLimit)
    }

    pub(crate) const fn is_take_profit(self) -> bool {
        matches!(self, OrderType::TakeProfit | OrderType::TakeProfitLimit)
    }

    /// Once it works it takes any price.
    pub(crate) const fn is_market(self) -> bool {
        matches!(self, OrderType::Market | OrderType::StopLoss | OrderType::TakeProfit)
    }

    /// Whether the last trade must rise to the stop price (or fall to it).
    pub(crate) const fn triggers_above(self, side: Side) -> bool {
        matches!((self.is_stop_loss(), side), (true, Side::Buy) | (false, Side::Sell))
    }
}

/// The venue's states. Finer than the model's: self-trade prevention has its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    New,
    PendingNew,
    PartiallyFilled,
    Filled,
    Canceled,
    Rejected,
    Expired,
    ExpiredInMatch,
}

impl Status {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Status::New => "NEW",
            Status::PendingNew => "PENDING_NEW",
            Status::PartiallyFilled => "PARTIALLY_FILLED",
            Status::Filled => "FILLED",
            Status::Canceled => "CANCELED",
            Status::Rejected => "REJECTED",
            Status::Expired => "EXPIRED",
            Status::ExpiredInMatch => "EXPIRED_IN_MATCH",
        }
    }

    pub(crate) const fn is_open(self) -> bool {
        matches!(self, Status::New | Status::PendingNew | Status::PartiallyFilled)
    }
}

/// Why an order expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExpiryReason {
    /// Refused when it was to enter the book.
    Rejected,
    OcoTrigger,
    OtoPhaseOneExpired,
    UnfilledIoc,
    UnfilledFok,
    InsufficientLiquidity,
    PriceRangeExceeded,
}

impl ExpiryReason {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            ExpiryReason::Rejected => "REJECTED",
            ExpiryReason::OcoTrigger => "OCO_TRIGGER",
            ExpiryReason::OtoPhaseOneExpired => "OTO_PHASE_ONE_EXPIRED",
            ExpiryReason::UnfilledIoc => "UNFILLED_IOC_QUANTITY_EXPIRED",
            ExpiryReason::UnfilledFok => "UNFILLED_FOK_ORDER_EXPIRED",
            ExpiryReason::InsufficientLiquidity => "INSUFFICIENT_LIQUIDITY",
            ExpiryReason::PriceRangeExceeded => "EXECUTION_RULE_PRICE_RANGE_EXCEEDED",
        }
    }
}

/// Where an order takes its price from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peg {
    /// The opposite side's price (MARKET_PEG) or the own side's (PRIMARY_PEG).
    pub(crate) market: bool,
    /// Levels behind the best one; `None` if not asked for.
    pub(crate) offset: Option<u32>,
    /// The price, once it is determined.
    pub(crate) price: Option<Fixed>,
}

impl Peg {
    pub(crate) const fn word(&self) -> &'static str {
        if self.market { "MARKET_PEG" } else { "PRIMARY_PEG" }
    }
}

/// A trailing stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trailing {
    /// Basis points.
    pub(crate) delta: u32,
    /// Since when it tracks prices.
    pub(crate) since: Option<Timestamp>,
}

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Waits for the working order of its list.
    Pending,
    /// Waits for a trade.
    Waiting,
    /// Meets the book.
    Taking,
    /// Stands in the book.
    Resting(NodeId),
    /// Is over.
    Done,
}

/// An order that was accepted.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) id: u64,
    pub(crate) account: usize,
    pub(crate) symbol: usize,
    pub(crate) list: Option<u64>,
    pub(crate) client_order_id: Box<str>,
    pub(crate) side: Side,
    pub(crate) order_type: OrderType,
    pub(crate) time_in_force: TimeInForce,
    /// As it was sent; zero without one.
    pub(crate) price: Fixed,
    /// `None` while it waits for what its list's working order receives.
    pub(crate) quantity: Option<Fixed>,
    pub(crate) quote_quantity: Fixed,
    pub(crate) iceberg: Option<Fixed>,
    pub(crate) stop_price: Option<Fixed>,
    pub(crate) trailing: Option<Trailing>,
    pub(crate) peg: Option<Peg>,
    pub(crate) strategy_id: Option<u64>,
    pub(crate) strategy_type: Option<u64>,
    pub(crate) self_trade: SelfTrade,
    pub(crate) executed: Fixed,
    pub(crate) quote_executed: Fixed,
    pub(crate) prevented: Fixed,
    pub(crate) prevented_match: Option<u64>,
    pub(crate) status: Status,
    pub(crate) phase: Phase,
    pub(crate) expiry_reason: Option<ExpiryReason>,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
    /// Since when it works.
    pub(crate) working: Option<Timestamp>,
    /// What the order holds of the asset that it spends.
    pub(crate) locked: Fixed,
    pub(crate) amendments: u32,
}

impl Order {
    /// What may still execute.
    pub(crate) fn remaining(&self) -> Fixed {
        (self.quantity.unwrap_or(Fixed::ZERO) - self.executed - self.prevented).max(Fixed::ZERO)
    }

    /// The price at which it stands or would stand; `None` for one that takes any price.
    pub(crate) fn limit(&self) -> Option<Fixed> {
        if self.order_type.is_market() {
            return None;
        }
        Some(self.peg.and_then(|peg| peg.price).unwrap_or(self.price))
    }

    /// What the last trade must meet before it works (or tracks).
    pub(crate) fn condition(&self) -> Option<Condition> {
        let stop = self.stop_price.filter(|_| self.order_type.is_contingent())?;
        Some(if self.order_type.triggers_above(self.side) { Condition::Above(stop) } else { Condition::Below(stop) })
    }

    /// Limit orders that stay may rest on the book.
    pub(crate) fn may_rest(&self) -> bool {
        !self.order_type.is_market() && self.time_in_force == TimeInForce::Gtc
    }
}

/// A trade of an own order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnTrade {
    pub(crate) id: u64,
    pub(crate) order: u64,
    pub(crate) list: Option<u64>,
    pub(crate) account: usize,
    pub(crate) symbol: usize,
    pub(crate) side: Side,
    pub(crate) price: Fixed,
    pub(crate) quantity: Fixed,
    pub(crate) notional: Fixed,
    pub(crate) commission: Fixed,
    /// An asset's number.
    pub(crate) commission_asset: usize,
    pub(crate) time: Timestamp,
    pub(crate) maker: bool,
}

/// A match that self-trade prevention prevented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PreventedMatch {
    pub(crate) id: u64,
    pub(crate) symbol: usize,
    pub(crate) taker_order: u64,
    pub(crate) taker_account: usize,
    pub(crate) maker_order: u64,
    pub(crate) maker_account: usize,
    pub(crate) group: Option<u32>,
    pub(crate) mode: SelfTrade,
    pub(crate) price: Fixed,
    pub(crate) quantity: Fixed,
    pub(crate) taker_prevented: Fixed,
    pub(crate) maker_prevented: Fixed,
    pub(crate) time: Timestamp,
}

/// An amendment of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Amendment {
    pub(crate) execution: u64,
    pub(crate) old_client_order_id: Box<str>,
    pub(crate) new_client_order_id: Box<str>,
    pub(crate) old_quantity: Fixed,
    pub(crate) new_quantity: Fixed,
    pub(crate) time: Timestamp,
}

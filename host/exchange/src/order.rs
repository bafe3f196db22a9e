//! An own order as the venue keeps it, and the venue's words for its parts. Data only.

use ringfence_model::{Decimal, Side, TimeInForce, Timestamp};

/// Order types that are matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OrderType {
    Limit,
    LimitMaker,
    Market,
}

impl OrderType {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            OrderType::Limit => "LIMIT",
            OrderType::LimitMaker => "LIMIT_MAKER",
            OrderType::Market => "MARKET",
        }
    }
}

/// What happens when an order would trade with one of the same account. The taker's
/// mode decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SelfTrade {
    None,
    ExpireTaker,
    ExpireMaker,
    ExpireBoth,
}

impl SelfTrade {
    /// What `exchangeInfo` says: the default first.
    pub(crate) const ALLOWED: [SelfTrade; 4] =
        [SelfTrade::ExpireMaker, SelfTrade::ExpireTaker, SelfTrade::ExpireBoth, SelfTrade::None];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            SelfTrade::None => "NONE",
            SelfTrade::ExpireTaker => "EXPIRE_TAKER",
            SelfTrade::ExpireMaker => "EXPIRE_MAKER",
            SelfTrade::ExpireBoth => "EXPIRE_BOTH",
        }
    }

    pub(crate) fn read(word: &str) -> Option<Self> {
        Self::ALLOWED.into_iter().find(|mode| mode.word() == word)
    }
}

/// The venue's states. Finer than the model's: self-trade prevention has its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    New,
    PartiallyFilled,
    Filled,
    Canceled,
    Expired,
    ExpiredInMatch,
}

impl Status {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Status::New => "NEW",
            Status::PartiallyFilled => "PARTIALLY_FILLED",
            Status::Filled => "FILLED",
            Status::Canceled => "CANCELED",
            Status::Expired => "EXPIRED",
            Status::ExpiredInMatch => "EXPIRED_IN_MATCH",
        }
    }

    pub(crate) const fn is_open(self) -> bool {
        matches!(self, Status::New | Status::PartiallyFilled)
    }
}

/// An order that was accepted.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) id: u64,
    pub(crate) account: usize,
    pub(crate) symbol: usize,
    pub(crate) client_order_id: String,
    pub(crate) side: Side,
    pub(crate) order_type: OrderType,
    pub(crate) time_in_force: TimeInForce,
    pub(crate) price: Decimal,
    pub(crate) quantity: Decimal,
    pub(crate) quote_quantity: Decimal,
    pub(crate) executed: Decimal,
    pub(crate) quote_executed: Decimal,
    pub(crate) prevented: Decimal,
    pub(crate) status: Status,
    pub(crate) expiry_reason: Option<&'static str>,
    pub(crate) self_trade: SelfTrade,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
    /// What the order still holds of the asset that it spends.
    pub(crate) locked: Decimal,
    /// Taker and resting orders report this differently.
    pub(crate) on_book: bool,
}

impl Order {
    pub(crate) fn remaining(&self) -> Decimal {
        self.quantity.saturating_sub(self.executed).saturating_sub(self.prevented).max(Decimal::ZERO)
    }
}

/// A trade of an own order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnTrade {
    pub(crate) id: u64,
    pub(crate) order: u64,
    pub(crate) account: usize,
    pub(crate) symbol: usize,
    pub(crate) side: Side,
    pub(crate) price: Decimal,
    pub(crate) quantity: Decimal,
    pub(crate) commission: Decimal,
    pub(crate) commission_asset: String,
    pub(crate) time: Timestamp,
    pub(crate) maker: bool,
}

//! The contract's words as text, for log lines. What lives here: one word a value, as `wit/` spells it, and a
//! sentence a [`Denial`]. What may not: deciding anything by them.

use std::fmt;

use crate::{
    Denial, Duration, FilterKind, GapReason, HaltReason, MILLISECOND, Mode, OrderChange, OrderField, OrderReason,
    OrderStatus, QuotaKind, RiskLimit, Side, StopReason, TimeInForce,
};

/// One word a value, as the contract spells it.
macro_rules! words {
    ($($kind:ident { $($value:ident $word:literal),+ $(,)? })+) => {$(
        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self { $($kind::$value => $word),+ })
            }
        }
    )+};
}

words! {
    Side { Buy "buy", Sell "sell" }
    TimeInForce { Gtc "gtc", Ioc "ioc", Fok "fok" }
    Mode {
        Live "live", Testnet "testnet", Paper "paper", Sim "sim", Backtest "backtest", Replay "replay",
    }
    OrderStatus {
        PendingNew "pending-new", Accepted "accepted", PartiallyFilled "partially-filled", Filled "filled",
        Canceled "canceled", Expired "expired", Rejected "rejected", PendingCancel "pending-cancel",
        Unknown "unknown",
    }
    OrderChange {
        Accepted "accepted", Rejected "rejected", Amended "amended", Canceled "canceled", Expired "expired",
        Triggered "triggered", CancelRejected "cancel-rejected", AmendRejected "amend-rejected",
        Unknown "unknown",
    }
    OrderReason {
        None "none", InsufficientBalance "insufficient-balance", WouldMatch "would-match",
        WouldTrigger "would-trigger", Filter "filter", RateLimit "rate-limit", Duplicate "duplicate",
        MarketClosed "market-closed", NoLiquidity "no-liquidity", TimeInForce "time-in-force",
        SelfTradePrevention "self-trade-prevention", List "list", Operator "operator", NotFound "not-found",
        Other "other",
    }
    QuotaKind {
        OrdersPerSecond "orders-per-second", OrdersPerDay "orders-per-day",
        CancelsPerSecond "cancels-per-second", OpenOrders "open-orders", Subscriptions "subscriptions",
        HistoryRequests "history-requests", Timers "timers", LogBytes "log-bytes", StateBytes "state-bytes",
        Metrics "metrics",
    }
    RiskLimit {
        OrderNotional "order-notional", OpenNotional "open-notional", Position "position",
        PriceCollar "price-collar", DailyLoss "daily-loss", ReduceOnly "reduce-only",
    }
    FilterKind {
        PriceFilter "price-filter", PercentPrice "percent-price", LotSize "lot-size",
        MarketLotSize "market-lot-size", MinNotional "min-notional", MaxNotional "max-notional",
        IcebergParts "iceberg-parts", MaxNumOrders "max-num-orders", MaxNumAlgoOrders "max-num-algo-orders",
        MaxNumIcebergOrders "max-num-iceberg-orders", MaxPosition "max-position",
        TrailingDelta "trailing-delta", Precision "precision",
    }
    OrderField {
        Instrument "instrument", Quantity "quantity", Price "price", StopPrice "stop-price",
        TrailingDelta "trailing-delta", IcebergQuantity "iceberg-quantity", TimeInForce "time-in-force",
        Tag "tag", Legs "legs", Cause "cause",
    }
    GapReason { Disconnected "disconnected", SlowConsumer "slow-consumer", OutOfSync "out-of-sync" }
    HaltReason {
        Operator "operator", DailyLoss "daily-loss", Venue "venue", Reconciling "reconciling", Fault "fault",
    }
    StopReason {
        Reload "reload", Removed "removed", Operator "operator", Quota "quota", Fault "fault",
        HostShutdown "host-shutdown",
    }
}

impl Denial {
    /// What the operator should read. (`Display` is generated, and shows the fields as a program has them.)
    pub fn describe(&self) -> String {
        match self {
            Denial::Quota(quota) => {
                let wait = quota.retry_after.div_ceil(MILLISECOND);
                format!("the quota of {} {} is used up, retry in {wait} ms", quota.limit, quota.kind)
            }
            Denial::Risk(risk) => format!("the limit {} allows {}, not {}", risk.limit, risk.allowed, risk.asked),
            Denial::Filter(filter) => {
                format!("the venue's {} refuses {}, its bound is {}", filter.kind, filter.asked, filter.bound)
            }
            Denial::InsufficientBalance(balance) => {
                format!("it takes {} {}, free are {}", balance.needed, balance.asset, balance.free)
            }
            Denial::NotPermitted => "not granted".to_owned(),
            Denial::Halted => "trading is halted".to_owned(),
            Denial::InvalidField(field) => format!("the field {field} is invalid"),
            Denial::UnknownOrder => "no such open order".to_owned(),
            Denial::NotNow => "commands work while events are handled only".to_owned(),
            Denial::Unsupported => "not supported".to_owned(),
        }
    }

    /// How long a quota stays used up; `None` if it is no quota that denied.
    pub fn retry_after(&self) -> Option<Duration> {
        if let Denial::Quota(quota) = self { Some(quota.retry_after) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BalanceDenial, FilterDenial, QuotaDenial, RiskDenial, decimal};

    #[test]
    fn a_denial_reads_as_a_sentence() {
        let quota = QuotaDenial { kind: QuotaKind::OrdersPerSecond, limit: 10, retry_after: 50_749 };
        let (asked, bound) = (decimal!("700"), decimal!("500.5"));
        let (needed, free) = (decimal!("12.5"), decimal!("3"));
        let told = [
            (Denial::Quota(quota), "the quota of 10 orders-per-second is used up, retry in 51 ms"),
            (
                Denial::Risk(RiskDenial { limit: RiskLimit::OrderNotional, allowed: bound, asked }),
                "the limit order-notional allows 500.5, not 700",
            ),
            (
                Denial::Filter(FilterDenial { kind: FilterKind::LotSize, bound, asked }),
                "the venue's lot-size refuses 700, its bound is 500.5",
            ),
            (
                Denial::InsufficientBalance(BalanceDenial { asset: "USDT".to_owned(), needed, free }),
                "it takes 12.5 USDT, free are 3",
            ),
            (Denial::InvalidField(OrderField::StopPrice), "the field stop-price is invalid"),
            (Denial::Halted, "trading is halted"),
        ];
        for (denial, text) in told {
            assert_eq!(denial.describe(), text);
            assert_eq!(denial.retry_after(), matches!(denial, Denial::Quota(_)).then_some(50_749));
        }
    }

    /// Each word is the name of its value, in the spelling of the contract.
    #[test]
    fn words_are_those_of_the_contract() {
        let kebab = |debug: String| {
            let name = debug.rsplit("::").next().unwrap_or_default().to_owned();
            let mut word = String::new();
            for letter in name.chars() {
                if letter.is_uppercase() && !word.is_empty() {
                    word.push('-');
                }
                word.extend(letter.to_lowercase());
            }
            word
        };
        macro_rules! spelled {
            ($($value:expr),+) => { $( assert_eq!($value.to_string(), kebab(format!("{:?}", $value))); )+ };
        }
        spelled!(Side::Buy, Side::Sell, OrderStatus::PartiallyFilled, OrderChange::CancelRejected);
        spelled!(OrderReason::SelfTradePrevention, QuotaKind::HistoryRequests, RiskLimit::PriceCollar);
        spelled!(FilterKind::MaxNumIcebergOrders, OrderField::TimeInForce, GapReason::SlowConsumer);
        spelled!(HaltReason::DailyLoss, StopReason::HostShutdown, Mode::Testnet, TimeInForce::Gtc);
        assert_eq!(format!("{:>5}|", Side::Buy), "  buy|");
    }
}

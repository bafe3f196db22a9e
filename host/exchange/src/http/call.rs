//! Which calls there are, by REST path and by WebSocket API method, with weight and rights.

use super::params::Params;

/// A call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Ping,
    Time,
    ExchangeInfo,
    Depth,
    Klines,
    TickerPrice,
    TickerBook,
    Account,
    Place,
    Test,
    Cancel,
    CancelAll,
    Amend,
    Query,
    OpenOrders,
    AllOrders,
    MyTrades,
    OrderCount,
    /// Known at the venue, not here: refused with the venue's words.
    Unsupported(&'static str),
}

const NO_OCO: Call = Call::Unsupported("OCO orders are not supported for this symbol");
const NO_REPLACE: Call = Call::Unsupported("Order cancel-replace is not supported for this symbol.");
const NO_OPO: Call = Call::Unsupported("OPO orders are not supported for this symbol.");

impl Call {
    pub(crate) fn of_http(method: &str, path: &str) -> Option<Self> {
        let path = path.strip_prefix("/api/v3/")?;
        Some(match (method, path) {
            ("GET", "ping") => Call::Ping,
            ("GET", "time") => Call::Time,
            ("GET", "exchangeInfo") => Call::ExchangeInfo,
            ("GET", "depth") => Call::Depth,
            ("GET", "klines" | "uiKlines") => Call::Klines,
            ("GET", "ticker/price") => Call::TickerPrice,
            ("GET", "ticker/bookTicker") => Call::TickerBook,
            ("GET", "account") => Call::Account,
            ("POST", "order") => Call::Place,
            ("POST", "order/test") => Call::Test,
            ("DELETE", "order") => Call::Cancel,
            ("GET", "order") => Call::Query,
            ("PUT", "order/amend/keepPriority") => Call::Amend,
            ("GET", "openOrders") => Call::OpenOrders,
            ("DELETE", "openOrders") => Call::CancelAll,
            ("GET", "allOrders") => Call::AllOrders,
            ("GET", "myTrades") => Call::MyTrades,
            ("GET", "rateLimit/order") => Call::OrderCount,
            ("POST", "order/oco" | "orderList/oco" | "orderList/oto" | "orderList/otoco") => NO_OCO,
            ("POST", "orderList/opo" | "orderList/opoco") => NO_OPO,
            ("POST", "order/cancelReplace") => NO_REPLACE,
            _ => return None,
        })
    }

    pub(crate) fn of_ws(method: &str) -> Option<Self> {
        Some(match method.strip_prefix("v3/").unwrap_or(method) {
            "ping" => Call::Ping,
            "time" => Call::Time,
            "exchangeInfo" => Call::ExchangeInfo,
            "depth" => Call::Depth,
            "klines" | "uiKlines" => Call::Klines,
            "ticker.price" => Call::TickerPrice,
            "ticker.book" => Call::TickerBook,
            "account.status" => Call::Account,
            "order.place" => Call::Place,
            "order.test" => Call::Test,
            "order.cancel" => Call::Cancel,
            "order.status" => Call::Query,
            "order.amend.keepPriority" => Call::Amend,
            "openOrders.status" => Call::OpenOrders,
            "openOrders.cancelAll" => Call::CancelAll,
            "allOrders" => Call::AllOrders,
            "myTrades" => Call::MyTrades,
            "account.rateLimits.orders" => Call::OrderCount,
            "orderList.place" | "orderList.place.oco" | "orderList.place.oto" | "orderList.place.otoco" => NO_OCO,
            "orderList.place.opo" | "orderList.place.opoco" => NO_OPO,
            "order.cancelReplace" => NO_REPLACE,
            _ => return None,
        })
    }

    /// Needs key, signature and timestamp.
    pub(crate) const fn signed(self) -> bool {
        !matches!(
            self,
            Call::Ping
                | Call::Time
                | Call::ExchangeInfo
                | Call::Depth
                | Call::Klines
                | Call::TickerPrice
                | Call::TickerBook
        )
    }

    /// Costs nothing if it succeeds.
    pub(crate) const fn refunded(self) -> bool {
        matches!(self, Call::Place | Call::Cancel | Call::CancelAll)
    }

    /// Request weight.
    pub(crate) fn weight(self, params: &Params) -> u64 {
        let one_symbol = params.get("symbol").is_some();
        match self {
            Call::Ping | Call::Time | Call::Place | Call::Cancel | Call::CancelAll | Call::Unsupported(_) => 1,
            Call::Test if params.get("computeCommissionRates") == Some("true") => 20,
            Call::Test => 1,
            Call::Klines => 2,
            Call::TickerPrice | Call::TickerBook if one_symbol => 2,
            Call::TickerPrice | Call::TickerBook | Call::Query | Call::Amend => 4,
            Call::Depth => match params.limit(100, 5_000).unwrap_or(100) {
                0..=100 => 5,
                101..=500 => 25,
                501..=1_000 => 50,
                _ => 250,
            },
            Call::OpenOrders if one_symbol => 6,
            Call::OpenOrders => 80,
            Call::MyTrades if params.get("orderId").is_some() => 5,
            Call::ExchangeInfo | Call::Account | Call::AllOrders | Call::MyTrades => 20,
            Call::OrderCount => 40,
        }
    }
}

//! Placing, cancelling, replacing and amending single orders. Each is sent once.

use ringfence_model::order::{MarketSize, Trigger};
use ringfence_model::venue::{ClientOrderId, VenueOrder};
use ringfence_model::{Decimal, OrderKind, TimeInForce};
use ringfence_wire::enums::{side_text, time_in_force_text};

use super::{Method, Request};
use crate::limits::Priority;

/// What is done with an order that would trade with one of the same owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the venue's names")]
pub enum SelfTradePrevention {
    None,
    ExpireTaker,
    ExpireMaker,
    ExpireBoth,
    Decrement,
    Transfer,
}

impl SelfTradePrevention {
    /// The venue's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            SelfTradePrevention::None => "NONE",
            SelfTradePrevention::ExpireTaker => "EXPIRE_TAKER",
            SelfTradePrevention::ExpireMaker => "EXPIRE_MAKER",
            SelfTradePrevention::ExpireBoth => "EXPIRE_BOTH",
            SelfTradePrevention::Decrement => "DECREMENT",
            SelfTradePrevention::Transfer => "TRANSFER",
        }
    }
}

/// How much an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the venue's names")]
pub enum Detail {
    /// The quickest; what follows comes as execution reports.
    #[default]
    Ack,
    Result,
    Full,
}

impl Detail {
    /// The venue's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Detail::Ack => "ACK",
            Detail::Result => "RESULT",
            Detail::Full => "FULL",
        }
    }
}

/// Which of an order's two names is meant. Its owner's may be used again after its end; the venue's never is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderName<'a> {
    /// Its owner's: the client order id.
    Own(&'a ClientOrderId),
    /// The venue's number of it.
    Venue(u64),
}

/// An order is cancelled only in this state; else the venue refuses with -2011.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the venue's names")]
pub enum CancelRestriction {
    OnlyNew,
    OnlyPartiallyFilled,
}

impl CancelRestriction {
    /// The venue's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            CancelRestriction::OnlyNew => "ONLY_NEW",
            CancelRestriction::OnlyPartiallyFilled => "ONLY_PARTIALLY_FILLED",
        }
    }
}

/// A price that the venue takes from the book when the order enters.
///
/// Source: Binance, "Pegged orders": `LIMIT`, `LIMIT_MAKER`, `STOP_LOSS_LIMIT` and `TAKE_PROFIT_LIMIT` only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peg {
    /// What it goes by.
    pub price: PegPrice,
    /// So many levels deeper in the book, 1 to 100.
    pub levels: Option<u8>,
}

/// What a pegged price goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PegPrice {
    /// The best price of the order's own side.
    Primary,
    /// The best price of the other side.
    Market,
}

impl PegPrice {
    /// The venue's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            PegPrice::Primary => "PRIMARY_PEG",
            PegPrice::Market => "MARKET_PEG",
        }
    }
}

/// What may be said of an order beside what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OrderOptions {
    /// The symbol's default if left out.
    pub self_trade_prevention: Option<SelfTradePrevention>,
    /// The order's place in a strategy of the sender's.
    pub strategy_id: Option<u64>,
    /// The kind of that strategy; the venue keeps numbers below 1,000,000 for itself.
    pub strategy_type: Option<u64>,
    /// The venue sets the price, and that of the order may be left out as zero. Of single orders only.
    pub peg: Option<Peg>,
    /// How much the answer says.
    pub detail: Detail,
}

/// What happens to the new order when the old one can't be cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplaceMode {
    /// It is not placed.
    StopOnFailure,
    /// It is placed.
    AllowFailure,
}

/// What becomes of a replacement for whose new order the limit of unfilled orders leaves no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverLimit {
    /// Nothing is done; the venue says 429. This is its default.
    DoNothing,
    /// The old order is cancelled; the venue says 409.
    CancelOnly,
}

/// How one order replaces another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replacement {
    /// What happens when the old one can't be cancelled.
    pub mode: ReplaceMode,
    /// The state in which it is cancelled.
    pub restriction: Option<CancelRestriction>,
    /// What is done at the limit of unfilled orders; the venue's default if left out.
    pub over_limit: Option<OverLimit>,
}

/// `BUY LIMIT …` as parameters; names begin with a prefix in lists.
pub(super) struct Leg<'a> {
    pub(super) prefix: &'static str,
    pub(super) kind: &'a OrderKind,
    /// Lists name it once for two legs.
    pub(super) with_quantity: bool,
}

impl Leg<'_> {
    fn name(&self, name: &'static str) -> std::borrow::Cow<'static, str> {
        if self.prefix.is_empty() {
            return name.into();
        }
        let mut letters = name.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase()).unwrap_or_default();
        format!("{}{first}{}", self.prefix, letters.as_str()).into()
    }

    pub(super) fn write(&self, request: Request) -> Request {
        let kind = |request: Request, word| request.with(self.name("type"), word);
        let quantity = |request: Request, quantity| {
            if self.with_quantity { request.amount(self.name("quantity"), quantity) } else { request }
        };
        let time =
            |request: Request, time: TimeInForce| request.with(self.name("timeInForce"), time_in_force_text(time));
        // A pegged order has none of its own.
        let price = |request: Request, price: Decimal| {
            if price.is_zero() { request } else { request.amount(self.name("price"), price) }
        };
        let trigger = |request: Request, trigger| match trigger {
            Trigger::Price(price) => request.amount(self.name("stopPrice"), price),
            Trigger::Trailing(points) => request.number(self.name("trailingDelta"), points),
        };
        match *self.kind {
            OrderKind::Market(MarketSize::Base(base)) => quantity(kind(request, "MARKET"), base),
            OrderKind::Market(MarketSize::Quote(amount)) => {
                kind(request, "MARKET").amount(self.name("quoteOrderQty"), amount)
            }
            OrderKind::Limit { quantity: base, price: at, time_in_force, iceberg_quantity } => {
                price(quantity(time(kind(request, "LIMIT"), time_in_force), base), at)
                    .some(iceberg_quantity, |request, iceberg| request.amount(self.name("icebergQty"), iceberg))
            }
            OrderKind::LimitMaker { quantity: base, price: at } => {
                price(quantity(kind(request, "LIMIT_MAKER"), base), at)
            }
            OrderKind::StopLoss { quantity: base, trigger: on } => {
                trigger(quantity(kind(request, "STOP_LOSS"), base), on)
            }
            OrderKind::TakeProfit { quantity: base, trigger: on } => {
                trigger(quantity(kind(request, "TAKE_PROFIT"), base), on)
            }
            OrderKind::StopLossLimit { quantity: base, trigger: on, price: at, time_in_force } => {
                trigger(price(quantity(time(kind(request, "STOP_LOSS_LIMIT"), time_in_force), base), at), on)
            }
            OrderKind::TakeProfitLimit { quantity: base, trigger: on, price: at, time_in_force } => {
                trigger(price(quantity(time(kind(request, "TAKE_PROFIT_LIMIT"), time_in_force), base), at), on)
            }
        }
    }
}

impl Request {
    fn order(self, order: &VenueOrder) -> Self {
        let request = self.with("symbol", &order.symbol).with("side", side_text(order.side));
        Leg { prefix: "", kind: &order.kind, with_quantity: true }
            .write(request)
            .with("newClientOrderId", &order.client_order_id.0)
    }

    pub(super) fn options(self, options: &OrderOptions) -> Self {
        self.some(options.strategy_id, |request, id| request.number("strategyId", id))
            .some(options.strategy_type, |request, kind| request.number("strategyType", kind))
            .some(options.self_trade_prevention, |request, mode| request.with("selfTradePreventionMode", mode.as_str()))
            .some(options.peg, |request, peg| {
                request.with("pegPriceType", peg.price.as_str()).some(peg.levels, |request, levels| {
                    request.with("pegOffsetType", "PRICE_LEVEL").number("pegOffsetValue", levels)
                })
            })
            .with("newOrderRespType", options.detail.as_str())
    }
}

/// What the host says of whatever it places. Plugins share one account: the order that comes second
/// expires where it would trade with another plugin's, so nobody can trade with himself, or sweep away
/// what a neighbour has resting (which the venue's default, `EXPIRE_MAKER`, would let him do).
pub fn among_plugins() -> OrderOptions {
    OrderOptions { self_trade_prevention: Some(SelfTradePrevention::ExpireTaker), ..OrderOptions::default() }
}

/// `POST /api/v3/order` as the host places it, see [`among_plugins`].
pub fn place(order: &VenueOrder) -> Request {
    place_with(order, &among_plugins())
}

/// `POST /api/v3/order` with all that may be said of an order.
pub fn place_with(order: &VenueOrder, options: &OrderOptions) -> Request {
    Request::new(Method::Post, "/api/v3/order", "order.place", 1).ordering(1).order(order).options(options)
}

/// `POST /api/v3/order/test`: checked by the venue, never placed, no order of the limits.
pub fn test(order: &VenueOrder, options: &OrderOptions, with_commission: bool) -> Request {
    let weight = if with_commission { 20 } else { 1 };
    let request = Request::new(Method::Post, "/api/v3/order/test", "order.test", weight).order(order).options(options);
    if with_commission { request.number("computeCommissionRates", true) } else { request }
}

/// `POST /api/v3/sor/order`: smart order routing; `LIMIT` and `MARKET` by base quantity only.
pub fn place_sor(order: &VenueOrder, options: &OrderOptions) -> Request {
    Request::new(Method::Post, "/api/v3/sor/order", "sor.order.place", 1).ordering(1).order(order).options(options)
}

/// `POST /api/v3/sor/order/test`: what [`place_sor`] would come to, never placed.
pub fn test_sor(order: &VenueOrder, options: &OrderOptions, with_commission: bool) -> Request {
    let weight = if with_commission { 20 } else { 1 };
    let request =
        Request::new(Method::Post, "/api/v3/sor/order/test", "sor.order.test", weight).order(order).options(options);
    if with_commission { request.number("computeCommissionRates", true) } else { request }
}

impl Request {
    /// Which order is meant.
    pub(super) fn named(self, name: OrderName<'_>) -> Self {
        match name {
            OrderName::Own(id) => self.with("origClientOrderId", &id.0),
            OrderName::Venue(number) => self.number("orderId", number),
        }
    }

    fn restricted(self, restriction: Option<CancelRestriction>) -> Self {
        self.some(restriction, |request, only| request.with("cancelRestrictions", only.as_str()))
    }
}

/// `DELETE /api/v3/order`.
pub fn cancel(symbol: &str, id: &ClientOrderId) -> Request {
    cancel_named(symbol, OrderName::Own(id), None)
}

/// `DELETE /api/v3/order` by either of its names, perhaps in one state only.
pub fn cancel_named(symbol: &str, name: OrderName<'_>, restriction: Option<CancelRestriction>) -> Request {
    Request::new(Method::Delete, "/api/v3/order", "order.cancel", 1)
        .with("symbol", symbol)
        .named(name)
        .restricted(restriction)
}

/// `DELETE /api/v3/openOrders`: all of a symbol.
pub fn cancel_all(symbol: &str) -> Request {
    Request::new(Method::Delete, "/api/v3/openOrders", "openOrders.cancelAll", 1).with("symbol", symbol)
}

/// `POST /api/v3/order/cancelReplace`: cancels one order and places another.
pub fn cancel_replace(id: &ClientOrderId, order: &VenueOrder, mode: ReplaceMode, options: &OrderOptions) -> Request {
    let how = Replacement { mode, restriction: None, over_limit: None };
    cancel_replace_with(OrderName::Own(id), order, &how, options)
}

/// `POST /api/v3/order/cancelReplace` with all that may be said of it.
pub fn cancel_replace_with(
    name: OrderName<'_>,
    order: &VenueOrder,
    how: &Replacement,
    options: &OrderOptions,
) -> Request {
    let mode = match how.mode {
        ReplaceMode::StopOnFailure => "STOP_ON_FAILURE",
        ReplaceMode::AllowFailure => "ALLOW_FAILURE",
    };
    let request = Request::new(Method::Post, "/api/v3/order/cancelReplace", "order.cancelReplace", 1)
        .ordering(1)
        .order(order)
        .with("cancelReplaceMode", mode);
    let request = match name {
        OrderName::Own(id) => request.with("cancelOrigClientOrderId", &id.0),
        OrderName::Venue(number) => request.number("cancelOrderId", number),
    };
    request
        .restricted(how.restriction)
        .some(how.over_limit, |request, over| {
            let word = match over {
                OverLimit::DoNothing => "DO_NOTHING",
                OverLimit::CancelOnly => "CANCEL_ONLY",
            };
            request.with("orderRateLimitExceededMode", word)
        })
        .options(options)
}

/// `PUT /api/v3/order/amend/keepPriority`; the order keeps its client order id.
pub fn amend(symbol: &str, id: &ClientOrderId, quantity: Decimal) -> Request {
    let path = "/api/v3/order/amend/keepPriority";
    let mut request = Request::new(Method::Put, path, "order.amend.keepPriority", 4)
        .with("symbol", symbol)
        .named(OrderName::Own(id))
        .with("newClientOrderId", &id.0)
        .amount("newQty", quantity);
    // An amendment makes an order smaller: it reduces.
    request.priority = Priority::Cancel;
    request
}

//! The model's words as the contract's types, and back. Only here are both known.

use ringfence_model as model;
use ringfence_model::denial::{FilterKind, OrderField, QuotaKind, RiskLimit};
use ringfence_model::event::{GapReason, HaltReason, OrderChange, OrderReason};
use ringfence_model::order::{MarketSize, Trigger};
use ringfence_model::strategy::{Mode, StopReason, Value, ValueRange};
use ringfence_model::{
    Denial, Instrument, InstrumentId, NewOrder, OrderKind, OrderStatus, Side, StreamKind, TimeInForce,
};

use crate::bindings::exports::ringfence::strategy::handler as wh;
use crate::bindings::ringfence::strategy::{account as wa, events as we, orders as wo, quota as wq, types as wt};
use crate::budgets::{BudgetState, Unit};

/// Most places that the contract's decimals have.
const PLACES: u32 = 18;

/// A decimal of the contract, exact wherever its 63 bits allow; averages with endless
/// places are rounded to fit.
pub(crate) fn decimal(value: model::Decimal) -> wt::Decimal {
    let mut value = value.normalize();
    if value.scale() > PLACES {
        value = value.round_dp(PLACES).normalize();
    }
    loop {
        if let (Ok(mantissa), Ok(scale)) = (i64::try_from(value.mantissa()), u8::try_from(value.scale())) {
            return wt::Decimal { mantissa, scale };
        }
        match value.scale().checked_sub(1) {
            Some(places) => value = value.round_dp(places),
            // No amount of any market comes near 2^63 whole units.
            None => {
                return wt::Decimal { mantissa: if value.is_sign_negative() { i64::MIN } else { i64::MAX }, scale: 0 };
            }
        }
    }
}

/// A guest's decimal; `None` if its scale is beyond the contract's.
pub(crate) fn from_decimal(value: wt::Decimal) -> Option<model::Decimal> {
    if u32::from(value.scale) > PLACES {
        return None;
    }
    model::Decimal::try_new(value.mantissa, u32::from(value.scale)).ok()
}

pub(crate) fn side(side: Side) -> wt::Side {
    match side {
        Side::Buy => wt::Side::Buy,
        Side::Sell => wt::Side::Sell,
    }
}

fn from_side(side: wt::Side) -> Side {
    match side {
        wt::Side::Buy => Side::Buy,
        wt::Side::Sell => Side::Sell,
    }
}

fn from_time_in_force(time_in_force: wt::TimeInForce) -> TimeInForce {
    match time_in_force {
        wt::TimeInForce::Gtc => TimeInForce::Gtc,
        wt::TimeInForce::Ioc => TimeInForce::Ioc,
        wt::TimeInForce::Fok => TimeInForce::Fok,
    }
}

pub(crate) fn stream(kind: StreamKind) -> wt::Stream {
    match kind {
        StreamKind::Trades => wt::Stream::Trades,
        StreamKind::AggregateTrades => wt::Stream::AggregateTrades,
        StreamKind::Quotes => wt::Stream::Quotes,
        StreamKind::Depth => wt::Stream::Depth,
        StreamKind::Book(levels) => wt::Stream::Book(levels),
        StreamKind::Klines(seconds) => wt::Stream::Klines(seconds),
        StreamKind::Ticker => wt::Stream::Ticker,
    }
}

pub(crate) fn from_stream(stream: wt::Stream) -> StreamKind {
    match stream {
        wt::Stream::Trades => StreamKind::Trades,
        wt::Stream::AggregateTrades => StreamKind::AggregateTrades,
        wt::Stream::Quotes => StreamKind::Quotes,
        wt::Stream::Depth => StreamKind::Depth,
        wt::Stream::Book(levels) => StreamKind::Book(levels),
        wt::Stream::Klines(seconds) => StreamKind::Klines(seconds),
        wt::Stream::Ticker => StreamKind::Ticker,
    }
}

pub(crate) fn instrument(instrument: &Instrument) -> wt::Instrument {
    wt::Instrument {
        id: instrument.id.0,
        symbol: instrument.symbol.clone(),
        base: instrument.base.clone(),
        quote: instrument.quote.clone(),
        price_scale: instrument.price_scale,
        quantity_scale: instrument.quantity_scale,
        tick_size: decimal(instrument.tick_size),
        step_size: decimal(instrument.step_size),
        min_quantity: decimal(instrument.min_quantity),
        max_quantity: decimal(instrument.max_quantity),
        min_notional: decimal(instrument.min_notional),
        trading: instrument.trading,
    }
}

pub(crate) fn balance(balance: &model::Balance) -> wt::Balance {
    wt::Balance { asset: balance.asset.clone(), free: decimal(balance.free), locked: decimal(balance.locked) }
}

pub(crate) fn position(position: &model::Position) -> wt::Position {
    wt::Position {
        instrument: position.instrument.0,
        quantity: decimal(position.quantity),
        average_price: decimal(position.average_price),
        realised_pnl: decimal(position.realised_pnl),
    }
}

pub(crate) fn status(status: OrderStatus) -> we::OrderStatus {
    match status {
        OrderStatus::PendingNew => we::OrderStatus::PendingNew,
        OrderStatus::Accepted => we::OrderStatus::Accepted,
        OrderStatus::PartiallyFilled => we::OrderStatus::PartiallyFilled,
        OrderStatus::Filled => we::OrderStatus::Filled,
        OrderStatus::Canceled => we::OrderStatus::Canceled,
        OrderStatus::Expired => we::OrderStatus::Expired,
        OrderStatus::Rejected => we::OrderStatus::Rejected,
        OrderStatus::PendingCancel => we::OrderStatus::PendingCancel,
        OrderStatus::Unknown => we::OrderStatus::Unknown,
    }
}

fn change(change: OrderChange) -> we::OrderChange {
    match change {
        OrderChange::Accepted => we::OrderChange::Accepted,
        OrderChange::Rejected => we::OrderChange::Rejected,
        OrderChange::Amended => we::OrderChange::Amended,
        OrderChange::Canceled => we::OrderChange::Canceled,
        OrderChange::Expired => we::OrderChange::Expired,
        OrderChange::Triggered => we::OrderChange::Triggered,
        OrderChange::CancelRejected => we::OrderChange::CancelRejected,
        OrderChange::AmendRejected => we::OrderChange::AmendRejected,
        OrderChange::Unknown => we::OrderChange::Unknown,
    }
}

fn reason(reason: OrderReason) -> we::OrderReason {
    match reason {
        OrderReason::None => we::OrderReason::None,
        OrderReason::InsufficientBalance => we::OrderReason::InsufficientBalance,
        OrderReason::WouldMatch => we::OrderReason::WouldMatch,
        OrderReason::WouldTrigger => we::OrderReason::WouldTrigger,
        OrderReason::Filter => we::OrderReason::Filter,
        OrderReason::RateLimit => we::OrderReason::RateLimit,
        OrderReason::Duplicate => we::OrderReason::Duplicate,
        OrderReason::MarketClosed => we::OrderReason::MarketClosed,
        OrderReason::NoLiquidity => we::OrderReason::NoLiquidity,
        OrderReason::TimeInForce => we::OrderReason::TimeInForce,
        OrderReason::SelfTradePrevention => we::OrderReason::SelfTradePrevention,
        OrderReason::List => we::OrderReason::List,
        OrderReason::Operator => we::OrderReason::Operator,
        OrderReason::NotFound => we::OrderReason::NotFound,
        OrderReason::Other => we::OrderReason::Other,
    }
}

fn level(level: &model::event::Level) -> we::Level {
    we::Level { price: decimal(level.price), quantity: decimal(level.quantity) }
}

pub(crate) fn book(book: &model::event::Book) -> we::Book {
    we::Book {
        instrument: book.instrument.0,
        last_update_id: book.last_update_id,
        bids: book.bids.iter().map(level).collect(),
        asks: book.asks.iter().map(level).collect(),
    }
}

fn kline(kline: &model::event::Kline) -> we::Kline {
    we::Kline {
        instrument: kline.instrument.0,
        interval: kline.interval,
        open_time: kline.open_time.0,
        open: decimal(kline.open),
        high: decimal(kline.high),
        low: decimal(kline.low),
        close: decimal(kline.close),
        volume: decimal(kline.volume),
        quote_volume: decimal(kline.quote_volume),
        trades: kline.trades,
        closed: kline.closed,
    }
}

/// A typed event's body; `None` for what crosses in columns.
pub(crate) fn body(body: &model::EventBody) -> Option<we::EventBody> {
    use model::EventBody as Body;
    Some(match body {
        Body::Trade(_) | Body::AggregateTrade(_) | Body::Quote(_) | Body::Depth(_) => return None,
        Body::Started => we::EventBody::Started,
        Body::Kline(one) => we::EventBody::Kline(kline(one)),
        Body::Book(one) => we::EventBody::Book(book(one)),
        Body::Ticker(ticker) => we::EventBody::Ticker(we::Ticker {
            instrument: ticker.instrument.0,
            open: decimal(ticker.open),
            high: decimal(ticker.high),
            low: decimal(ticker.low),
            last: decimal(ticker.last),
            volume: decimal(ticker.volume),
            quote_volume: decimal(ticker.quote_volume),
        }),
        Body::Order(update) => we::EventBody::Order(we::OrderUpdate {
            order: update.order.0,
            instrument: update.instrument.0,
            change: change(update.change),
            status: status(update.status),
            reason: reason(update.reason),
            quantity: decimal(update.quantity),
            filled: decimal(update.filled),
            recovered: update.recovered,
        }),
        Body::Fill(fill) => we::EventBody::Fill(we::Fill {
            order: fill.order.0,
            instrument: fill.instrument.0,
            side: side(fill.side),
            trade_id: fill.trade_id,
            price: decimal(fill.price),
            quantity: decimal(fill.quantity),
            commission: decimal(fill.commission),
            commission_asset: fill.commission_asset.clone(),
            maker: fill.maker,
            status: status(fill.status),
            recovered: fill.recovered,
        }),
        Body::Balance(one) => we::EventBody::Balance(balance(one)),
        Body::Position(one) => we::EventBody::Position(position(one)),
        Body::Timer(timer) => we::EventBody::Timer(*timer),
        Body::History(history) => we::EventBody::History(we::History {
            request: history.request,
            klines: history.klines.iter().map(kline).collect(),
            complete: history.complete,
        }),
        Body::FeedGap { instrument, stream: kind, reason, missed } => we::EventBody::FeedGap(we::FeedGap {
            instrument: instrument.0,
            stream: stream(*kind),
            reason: match reason {
                GapReason::Disconnected => we::GapReason::Disconnected,
                GapReason::SlowConsumer => we::GapReason::SlowConsumer,
                GapReason::OutOfSync => we::GapReason::OutOfSync,
            },
            missed: *missed,
        }),
        Body::FeedResumed { instrument, stream: kind } => {
            we::EventBody::FeedResumed(we::Feed { instrument: instrument.0, stream: stream(*kind) })
        }
        Body::Halted(reason) => we::EventBody::Halted(match reason {
            HaltReason::Operator => we::HaltReason::Operator,
            HaltReason::DailyLoss => we::HaltReason::DailyLoss,
            HaltReason::Venue => we::HaltReason::Venue,
            HaltReason::Reconciling => we::HaltReason::Reconciling,
            HaltReason::Fault => we::HaltReason::Fault,
        }),
        Body::Resumed => we::EventBody::Resumed,
    })
}

fn quota_kind(kind: QuotaKind) -> wt::QuotaKind {
    match kind {
        QuotaKind::OrdersPerSecond => wt::QuotaKind::OrdersPerSecond,
        QuotaKind::OrdersPerDay => wt::QuotaKind::OrdersPerDay,
        QuotaKind::CancelsPerSecond => wt::QuotaKind::CancelsPerSecond,
        QuotaKind::OpenOrders => wt::QuotaKind::OpenOrders,
        QuotaKind::Subscriptions => wt::QuotaKind::Subscriptions,
        QuotaKind::HistoryRequests => wt::QuotaKind::HistoryRequests,
        QuotaKind::Timers => wt::QuotaKind::Timers,
        QuotaKind::LogBytes => wt::QuotaKind::LogBytes,
        QuotaKind::StateBytes => wt::QuotaKind::StateBytes,
        QuotaKind::Metrics => wt::QuotaKind::Metrics,
    }
}

pub(crate) fn budget(state: &BudgetState) -> wq::BudgetState {
    let unit = match state.unit {
        Unit::Count => wq::BudgetUnit::Count,
        Unit::Bytes => wq::BudgetUnit::Bytes,
        Unit::Micros => wq::BudgetUnit::Microseconds,
        Unit::Percent => wq::BudgetUnit::Percent,
    };
    wq::BudgetState { key: state.key.to_owned(), unit, limit: state.limit, used: state.used }
}

pub(crate) fn quota(state: &model::denial::QuotaState) -> wq::QuotaState {
    wq::QuotaState { kind: quota_kind(state.kind), limit: state.limit, used: state.used, resets_in: state.resets_in.0 }
}

fn risk_limit(limit: RiskLimit) -> wt::RiskLimit {
    match limit {
        RiskLimit::OrderNotional => wt::RiskLimit::OrderNotional,
        RiskLimit::OpenNotional => wt::RiskLimit::OpenNotional,
        RiskLimit::Position => wt::RiskLimit::Position,
        RiskLimit::PriceCollar => wt::RiskLimit::PriceCollar,
        RiskLimit::DailyLoss => wt::RiskLimit::DailyLoss,
        RiskLimit::ReduceOnly => wt::RiskLimit::ReduceOnly,
    }
}

/// The contract has no words of its own for the newer filters: each is told as the one that is
/// nearest, with its own bound.
fn filter_kind(kind: FilterKind) -> wt::FilterKind {
    match kind {
        FilterKind::MaxNumOrderLists
        | FilterKind::MaxNumOrderAmends
        | FilterKind::ExchangeMaxNumOrders
        | FilterKind::ExchangeMaxNumOrderLists => wt::FilterKind::MaxNumOrders,
        FilterKind::ExchangeMaxNumAlgoOrders => wt::FilterKind::MaxNumAlgoOrders,
        FilterKind::ExchangeMaxNumIcebergOrders => wt::FilterKind::MaxNumIcebergOrders,
        FilterKind::MaxAsset => wt::FilterKind::MaxNotional,
        FilterKind::PriceFilter => wt::FilterKind::PriceFilter,
        FilterKind::PercentPrice => wt::FilterKind::PercentPrice,
        FilterKind::LotSize => wt::FilterKind::LotSize,
        FilterKind::MarketLotSize => wt::FilterKind::MarketLotSize,
        FilterKind::MinNotional => wt::FilterKind::MinNotional,
        FilterKind::MaxNotional => wt::FilterKind::MaxNotional,
        FilterKind::IcebergParts => wt::FilterKind::IcebergParts,
        FilterKind::MaxNumOrders => wt::FilterKind::MaxNumOrders,
        FilterKind::MaxNumAlgoOrders => wt::FilterKind::MaxNumAlgoOrders,
        FilterKind::MaxNumIcebergOrders => wt::FilterKind::MaxNumIcebergOrders,
        FilterKind::MaxPosition => wt::FilterKind::MaxPosition,
        FilterKind::TrailingDelta => wt::FilterKind::TrailingDelta,
        FilterKind::Precision => wt::FilterKind::Precision,
    }
}

fn order_field(field: OrderField) -> wt::OrderField {
    match field {
        OrderField::Instrument => wt::OrderField::Instrument,
        OrderField::Quantity => wt::OrderField::Quantity,
        OrderField::Price => wt::OrderField::Price,
        OrderField::StopPrice => wt::OrderField::StopPrice,
        OrderField::TrailingDelta => wt::OrderField::TrailingDelta,
        OrderField::IcebergQuantity => wt::OrderField::IcebergQuantity,
        OrderField::TimeInForce => wt::OrderField::TimeInForce,
        OrderField::Tag => wt::OrderField::Tag,
        OrderField::Legs => wt::OrderField::Legs,
        OrderField::Cause => wt::OrderField::Cause,
    }
}

pub(crate) fn denial(denial: Denial) -> wt::Denial {
    match denial {
        Denial::Quota { kind, limit, retry_after } => {
            wt::Denial::Quota(wt::QuotaDenial { kind: quota_kind(kind), limit, retry_after: retry_after.0 })
        }
        Denial::Risk { limit, allowed, asked } => wt::Denial::Risk(wt::RiskDenial {
            limit: risk_limit(limit),
            allowed: decimal(allowed),
            asked: decimal(asked),
        }),
        Denial::Filter { kind, bound, asked } => wt::Denial::Filter(wt::FilterDenial {
            kind: filter_kind(kind),
            bound: decimal(bound),
            asked: decimal(asked),
        }),
        Denial::InsufficientBalance { asset, needed, free } => {
            wt::Denial::InsufficientBalance(wt::BalanceDenial { asset, needed: decimal(needed), free: decimal(free) })
        }
        Denial::NotPermitted => wt::Denial::NotPermitted,
        Denial::Halted => wt::Denial::Halted,
        Denial::InvalidField(field) => wt::Denial::InvalidField(order_field(field)),
        Denial::UnknownOrder => wt::Denial::UnknownOrder,
        Denial::NotNow => wt::Denial::NotNow,
        Denial::Unsupported => wt::Denial::Unsupported,
    }
}

fn amount(value: wt::Decimal, field: OrderField) -> Result<model::Decimal, Denial> {
    from_decimal(value).ok_or(Denial::InvalidField(field))
}

fn trigger(trigger: wo::Trigger) -> Result<Trigger, Denial> {
    Ok(match trigger {
        wo::Trigger::Price(price) => Trigger::Price(amount(price, OrderField::StopPrice)?),
        wo::Trigger::Trailing(points) => Trigger::Trailing(points),
    })
}

fn order_kind(kind: wo::OrderKind) -> Result<OrderKind, Denial> {
    let quantity = |value| amount(value, OrderField::Quantity);
    let price = |value| amount(value, OrderField::Price);
    Ok(match kind {
        wo::OrderKind::Market(wo::MarketSize::Base(base)) => OrderKind::Market(MarketSize::Base(quantity(base)?)),
        wo::OrderKind::Market(wo::MarketSize::Quote(quote)) => OrderKind::Market(MarketSize::Quote(quantity(quote)?)),
        wo::OrderKind::Limit(limit) => OrderKind::Limit {
            quantity: quantity(limit.quantity)?,
            price: price(limit.price)?,
            time_in_force: from_time_in_force(limit.time_in_force),
            iceberg_quantity: limit
                .iceberg_quantity
                .map(|iceberg| amount(iceberg, OrderField::IcebergQuantity))
                .transpose()?,
        },
        wo::OrderKind::LimitMaker(maker) => {
            OrderKind::LimitMaker { quantity: quantity(maker.quantity)?, price: price(maker.price)? }
        }
        wo::OrderKind::StopLoss(stop) => {
            OrderKind::StopLoss { quantity: quantity(stop.quantity)?, trigger: trigger(stop.trigger)? }
        }
        wo::OrderKind::TakeProfit(stop) => {
            OrderKind::TakeProfit { quantity: quantity(stop.quantity)?, trigger: trigger(stop.trigger)? }
        }
        wo::OrderKind::StopLossLimit(stop) => OrderKind::StopLossLimit {
            quantity: quantity(stop.quantity)?,
            trigger: trigger(stop.trigger)?,
            price: price(stop.price)?,
            time_in_force: from_time_in_force(stop.time_in_force),
        },
        wo::OrderKind::TakeProfitLimit(stop) => OrderKind::TakeProfitLimit {
            quantity: quantity(stop.quantity)?,
            trigger: trigger(stop.trigger)?,
            price: price(stop.price)?,
            time_in_force: from_time_in_force(stop.time_in_force),
        },
    })
}

pub(crate) fn new_order(order: wo::NewOrder) -> Result<NewOrder, Denial> {
    Ok(NewOrder {
        instrument: InstrumentId(order.instrument),
        side: from_side(order.side),
        kind: order_kind(order.kind)?,
        reduce_only: order.reduce_only,
        tag: order.tag,
    })
}

pub(crate) fn order_list(list: wo::OrderList) -> Result<model::order::OrderList, Denial> {
    use model::order::OrderList as List;
    Ok(match list {
        wo::OrderList::Oco((a, b)) => List::Oco(Box::new([new_order(a)?, new_order(b)?])),
        wo::OrderList::Oto((a, b)) => List::Oto(Box::new([new_order(a)?, new_order(b)?])),
        wo::OrderList::Otoco((a, b, c)) => List::Otoco(Box::new([new_order(a)?, new_order(b)?, new_order(c)?])),
    })
}

pub(crate) fn open_order(open: &model::order::OpenOrder) -> wa::OpenOrder {
    wa::OpenOrder {
        order: open.order.0,
        instrument: open.instrument.0,
        side: side(open.side),
        price: decimal(open.price),
        quantity: decimal(open.quantity),
        filled: decimal(open.filled),
        status: status(open.status),
        client_order_id: open.client_order_id.clone(),
        tag: open.tag.clone(),
    }
}

fn value(value: &Value) -> wh::Value {
    match value {
        Value::Integer(number) => wh::Value::Integer(*number),
        Value::Number(number) => wh::Value::Number(decimal(*number)),
        Value::Boolean(on) => wh::Value::Boolean(*on),
        Value::Text(text) => wh::Value::Text(text.clone()),
    }
}

fn from_value(value: wh::Value) -> Option<Value> {
    Some(match value {
        wh::Value::Integer(number) => Value::Integer(number),
        wh::Value::Number(number) => Value::Number(from_decimal(number)?),
        wh::Value::Boolean(on) => Value::Boolean(on),
        wh::Value::Text(text) => Value::Text(text),
    })
}

/// A guest's manifest; `None` if a decimal of it is out of range.
pub(crate) fn from_manifest(manifest: wh::Manifest) -> Option<model::strategy::Manifest> {
    let parameters = manifest
        .parameters
        .into_iter()
        .map(|spec| {
            Some(model::strategy::ParameterSpec {
                name: spec.name,
                description: spec.description,
                default: from_value(spec.default)?,
                range: match spec.range {
                    wh::ValueRange::Integer((low, high)) => ValueRange::Integer(low, high),
                    wh::ValueRange::Number((low, high)) => ValueRange::Number(from_decimal(low)?, from_decimal(high)?),
                    wh::ValueRange::Choice(choices) => ValueRange::Choice(choices),
                    wh::ValueRange::Any => ValueRange::Any,
                },
            })
        })
        .collect::<Option<Vec<_>>>()?;
    Some(model::strategy::Manifest {
        name: manifest.name,
        version: manifest.version,
        description: manifest.description,
        language: manifest.language,
        wishes: manifest
            .wishes
            .into_iter()
            .map(|wish| (wish.symbol, wish.streams.into_iter().map(from_stream).collect()))
            .collect(),
        parameters,
    })
}

pub(crate) fn context(context: &model::strategy::Context) -> wh::Context {
    wh::Context {
        instance: context.instance.clone(),
        mode: match context.mode {
            Mode::Live => wh::Mode::Live,
            Mode::Testnet => wh::Mode::Testnet,
            Mode::Paper => wh::Mode::Paper,
            Mode::Sim => wh::Mode::Sim,
            Mode::Backtest => wh::Mode::Backtest,
            Mode::Replay => wh::Mode::Replay,
        },
        now: context.now.0,
        seed: context.seed,
        instruments: context.instruments.iter().map(instrument).collect(),
        parameters: context
            .parameters
            .iter()
            .map(|(name, given)| wh::Parameter { name: name.clone(), value: value(given) })
            .collect(),
        allocation: context.allocation.iter().map(balance).collect(),
    }
}

pub(crate) fn stop_reason(reason: StopReason) -> wh::StopReason {
    match reason {
        StopReason::Reload => wh::StopReason::Reload,
        StopReason::Removed => wh::StopReason::Removed,
        StopReason::Operator => wh::StopReason::Operator,
        StopReason::Quota => wh::StopReason::Quota,
        StopReason::Fault => wh::StopReason::Fault,
        StopReason::HostShutdown => wh::StopReason::HostShutdown,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Every amount that fits crosses exactly, both ways.
        #[test]
        fn decimals_cross_exactly(mantissa in any::<i64>(), scale in 0u32..=18) {
            let value = model::Decimal::new(mantissa, scale);
            let crossed = decimal(value);
            prop_assert_eq!(from_decimal(crossed), Some(value));
            prop_assert!(u32::from(crossed.scale) <= scale);
        }

        /// What doesn't fit is rounded in its last place, never wrapped.
        #[test]
        fn long_averages_are_rounded(low in any::<u32>(), mid in any::<u32>(), high in any::<u32>(), scale in 12u32..=28) {
            let value = model::Decimal::from_parts(low, mid, high, false, scale);
            if value < model::Decimal::from(9_000_000_000i64) {
                let crossed = from_decimal(decimal(value)).unwrap();
                prop_assert!((crossed - value).abs() <= model::Decimal::new(1, 8), "{} {}", crossed, value);
            }
        }
    }

    #[test]
    fn a_guests_scale_is_bounded() {
        assert_eq!(from_decimal(wt::Decimal { mantissa: 1, scale: 19 }), None);
    }
}

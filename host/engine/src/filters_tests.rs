use super::*;
use ringfence_model::instrument::{Features, Filters};
use ringfence_model::{InstrumentId, TimeInForce};

fn decimal(text: &str) -> Decimal {
    Decimal::from_str_exact(text).unwrap_or_default()
}

fn instrument() -> Instrument {
    Instrument {
        id: InstrumentId(0),
        symbol: "BTCUSDT".into(),
        base: "BTC".into(),
        quote: "USDT".into(),
        price_scale: 2,
        quantity_scale: 3,
        tick_size: decimal("0.01"),
        min_price: decimal("1"),
        max_price: decimal("1000"),
        step_size: decimal("0.001"),
        min_quantity: decimal("0.002"),
        max_quantity: decimal("100"),
        market_max_quantity: decimal("50"),
        min_notional: decimal("5"),
        max_notional: decimal("5000"),
        min_notional_on_market: false,
        max_open_orders: 5,
        trading: true,
        filters: Filters {
            market_min_quantity: decimal("0.01"),
            market_step_size: decimal("0.01"),
            max_notional_on_market: false,
            buy_range: Some((decimal("0.2"), decimal("1.2"))),
            sell_range: Some((decimal("0.8"), decimal("5"))),
            iceberg_parts: 10,
            max_algo_orders: 2,
            max_iceberg_orders: 1,
            max_order_lists: 1,
            max_amends: 2,
            max_position: decimal("10"),
            trailing_above: Some((10, 2_000)),
            trailing_below: Some((20, 1_000)),
            base_precision: Some(8),
            quote_precision: Some(8),
            exchange_max_orders: 8,
            exchange_max_algo_orders: 3,
            exchange_max_iceberg_orders: 2,
            exchange_max_order_lists: 2,
            max_base: decimal("50"),
            max_quote: decimal("4000"),
            lacks: Features::default(),
        },
    }
}

fn filter<T: std::fmt::Debug>(result: Result<T, Denial>) -> Option<(FilterKind, Decimal)> {
    match result {
        Err(Denial::Filter { kind, bound, .. }) => Some((kind, bound)),
        _ => None,
    }
}

fn limit(quantity: &str, price: &str, iceberg: Option<&str>) -> OrderKind {
    OrderKind::Limit {
        quantity: decimal(quantity),
        price: decimal(price),
        time_in_force: TimeInForce::Gtc,
        iceberg_quantity: iceberg.map(decimal),
    }
}

#[test]
fn quantities() {
    let of = instrument();
    let check = |text: &str, market| filter(quantity(&of, decimal(text), market));
    assert_eq!(check("0.002", false), None);
    assert_eq!(check("0.001", false), Some((FilterKind::LotSize, decimal("0.002"))));
    assert_eq!(check("100.001", false), Some((FilterKind::LotSize, decimal("100"))));
    assert_eq!(check("1.0005", false), Some((FilterKind::LotSize, decimal("0.001"))));
    assert_eq!(check("0.002", true), Some((FilterKind::MarketLotSize, decimal("0.01"))));
    assert_eq!(check("1.001", true), Some((FilterKind::MarketLotSize, decimal("0.01"))));
    assert_eq!(check("50.01", true), Some((FilterKind::MarketLotSize, decimal("50"))));
    assert_eq!(check("1.000000001", false), Some((FilterKind::Precision, decimal("8"))));
    assert_eq!(quantity(&of, Decimal::ZERO, false), Err(Denial::InvalidField(OrderField::Quantity)));
}

#[test]
fn prices_and_notionals() {
    let of = instrument();
    let check = |text: &str| filter(price(&of, decimal(text), OrderField::Price));
    assert_eq!(check("10.01"), None);
    assert_eq!(check("0.99"), Some((FilterKind::PriceFilter, decimal("1"))));
    assert_eq!(check("1000.01"), Some((FilterKind::PriceFilter, decimal("1000"))));
    assert_eq!(check("10.005"), Some((FilterKind::PriceFilter, decimal("0.01"))));
    assert_eq!(price(&of, Decimal::ZERO, OrderField::StopPrice), Err(Denial::InvalidField(OrderField::StopPrice)));
    let worth = |text: &str, market| filter(notional(&of, decimal(text), market));
    assert_eq!(worth("4.99", false), Some((FilterKind::MinNotional, decimal("5"))));
    assert_eq!(worth("4.99", true), None, "not applied to market orders");
    assert_eq!(worth("5000.01", false), Some((FilterKind::MaxNotional, decimal("5000"))));
    assert_eq!(worth("5000.01", true), None);
}

#[test]
fn kinds() {
    let of = instrument();
    let check = |side, order: OrderKind| filter(kind(&of, side, &order, Some(decimal("100"))));
    assert_eq!(check(Side::Buy, limit("1", "120", None)), None);
    assert_eq!(check(Side::Buy, limit("1", "120.01", None)), Some((FilterKind::PercentPrice, decimal("120"))));
    assert_eq!(check(Side::Buy, limit("1", "19.99", None)), Some((FilterKind::PercentPrice, decimal("20"))));
    assert_eq!(check(Side::Sell, limit("1", "79.99", None)), Some((FilterKind::PercentPrice, decimal("80"))));
    assert_eq!(check(Side::Sell, limit("1", "500", None)), None);
    assert_eq!(check(Side::Sell, limit("10", "100", Some("1"))), None);
    assert_eq!(check(Side::Sell, limit("10.001", "100", Some("1"))), Some((FilterKind::IcebergParts, decimal("10"))));
    assert_eq!(check(Side::Sell, limit("1", "100", Some("0.001"))), Some((FilterKind::LotSize, decimal("0.002"))));
    let stop = |delta| OrderKind::StopLoss { quantity: decimal("1"), trigger: Trigger::Trailing(delta) };
    let take = |delta| OrderKind::TakeProfit { quantity: decimal("1"), trigger: Trigger::Trailing(delta) };
    assert_eq!(check(Side::Buy, stop(10)), None);
    assert_eq!(check(Side::Sell, stop(10)), Some((FilterKind::TrailingDelta, decimal("20"))));
    assert_eq!(check(Side::Sell, take(2_001)), Some((FilterKind::TrailingDelta, decimal("2000"))));
    assert_eq!(check(Side::Buy, take(1_000)), None);
    let at = OrderKind::StopLoss { quantity: decimal("1"), trigger: Trigger::Price(decimal("10.005")) };
    assert_eq!(check(Side::Sell, at), Some((FilterKind::PriceFilter, decimal("0.01"))));
}

#[test]
fn counts_and_what_is_held() {
    let of = instrument();
    let here = Counts { orders: 4, algo: 1, icebergs: 0, lists: 0, buying: decimal("5") };
    let everywhere = Counts { orders: 6, algo: 1, icebergs: 1, lists: 1, buying: decimal("5") };
    let open = Open { here, everywhere, base: decimal("4") };
    let check = |open: &Open, more: Counts| filter(counts(&of, open, more));
    let of_kind = |side, order: &OrderKind| Counts::of(side, order, order.quantity().unwrap_or_default());
    let stop = of_kind(Side::Sell, &OrderKind::StopLoss { quantity: decimal("1"), trigger: Trigger::Trailing(50) });
    let iceberg = of_kind(Side::Sell, &limit("1", "100", Some("1")));
    let list = Counts { lists: 1, ..Counts::default() };
    for one in [stop, iceberg, list, of_kind(Side::Buy, &limit("1", "100", None))] {
        assert_eq!(check(&open, one), None, "{one:?}");
    }
    assert_eq!(check(&open, stop.plus(iceberg)), Some((FilterKind::MaxNumOrders, decimal("5"))));
    let elsewhere = Open { everywhere: Counts { orders: 8, ..everywhere }, ..open };
    assert_eq!(check(&elsewhere, stop), Some((FilterKind::ExchangeMaxNumOrders, decimal("8"))));
    // What is full refuses only what would need room in it.
    let full = |here: Counts, all: Counts| Open {
        here: Counts { orders: 0, ..here },
        everywhere: Counts { orders: 0, ..all },
        base: Decimal::ZERO,
    };
    let none = Counts::default();
    let table = [
        (Counts { algo: 2, ..none }, none, stop, FilterKind::MaxNumAlgoOrders, "2"),
        (none, Counts { algo: 3, ..none }, stop, FilterKind::ExchangeMaxNumAlgoOrders, "3"),
        (Counts { icebergs: 1, ..none }, none, iceberg, FilterKind::MaxNumIcebergOrders, "1"),
        (none, Counts { icebergs: 2, ..none }, iceberg, FilterKind::ExchangeMaxNumIcebergOrders, "2"),
        (Counts { lists: 1, ..none }, none, list, FilterKind::MaxNumOrderLists, "1"),
        (none, Counts { lists: 2, ..none }, list, FilterKind::ExchangeMaxNumOrderLists, "2"),
    ];
    for (here, all, more, kind, bound) in table {
        assert_eq!(check(&full(here, all), more), Some((kind, decimal(bound))));
        let plain = of_kind(Side::Sell, &limit("1", "100", None));
        assert_eq!(check(&full(here, all), plain), None, "{kind:?}");
    }
    let buy = |quantity: &str| of_kind(Side::Buy, &limit(quantity, "100", None));
    assert_eq!(check(&open, buy("1.001")), Some((FilterKind::MaxPosition, decimal("10"))));
    assert_eq!(check(&open, of_kind(Side::Sell, &limit("1.001", "100", None))), None);
    // Without a price nobody knows the range.
    assert_eq!(filter(kind(&of, Side::Sell, &limit("1", "999", None), None)), None);
}

#[test]
fn assets_and_amendments() {
    let of = instrument();
    let check = |quantity: &str, notional: &str| filter(assets(&of, decimal(quantity), decimal(notional)));
    assert_eq!(check("50", "4000"), None);
    assert_eq!(check("50.001", "1"), Some((FilterKind::MaxAsset, decimal("50"))));
    assert_eq!(check("1", "4000.01"), Some((FilterKind::MaxAsset, decimal("4000"))));
    assert_eq!(filter(amends(&of, 1)), None);
    assert_eq!(filter(amends(&of, 2)), Some((FilterKind::MaxNumOrderAmends, decimal("2"))));
}

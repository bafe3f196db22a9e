use super::*;
use crate::request::market::Span;
use crate::request::orders::{OrderOptions, ReplaceMode, SelfTradePrevention};
use ringfence_model::order::{MarketSize, Trigger};
use ringfence_model::venue::{ClientOrderId, VenueList, VenueOrder};
use ringfence_model::{OrderKind, Side, TimeInForce};

fn id(text: &str) -> ClientOrderId {
    ClientOrderId(text.into())
}

fn order(kind: OrderKind, name: &str) -> VenueOrder {
    VenueOrder { symbol: "BTCUSDT".into(), side: Side::Buy, kind, client_order_id: id(name) }
}

fn limit() -> OrderKind {
    OrderKind::Limit {
        quantity: Decimal::new(100, 5),
        price: Decimal::new(6_183_700, 2),
        time_in_force: TimeInForce::Gtc,
        iceberg_quantity: None,
    }
}

fn stop() -> OrderKind {
    OrderKind::StopLossLimit {
        quantity: Decimal::new(1, 3),
        trigger: Trigger::Price(Decimal::from(60_000)),
        price: Decimal::from(59_900),
        time_in_force: TimeInForce::Gtc,
    }
}

fn keys() -> Credentials {
    Credentials::new("k".into(), "s".into())
}

#[test]
fn an_order_as_the_venue_wants_it() {
    let sent = place(&order(limit(), "s-0-1")).sign(&keys(), 1_700_000_000_000, 5_000);
    assert_eq!((sent.method.as_str(), sent.path), ("POST", "/api/v3/order"));
    let (payload, signature) = sent.query.rsplit_once("&signature=").unwrap_or_default();
    assert_eq!(
        payload,
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=61837&newClientOrderId=s-0-1&selfTradePreventionMode=EXPIRE_TAKER&newOrderRespType=ACK&recvWindow=5000&timestamp=1700000000000"
    );
    assert_eq!(signature, keys().sign(payload));
}

#[test]
fn what_is_not_plain_is_encoded_before_it_is_signed() {
    assert_eq!(query("１２", &id("a b")).unsigned().query, "symbol=%EF%BC%91%EF%BC%92&origClientOrderId=a%20b");
    assert_eq!(exchange_info(&["A".into(), "B".into()]).unsigned().query, "symbols=%5B%22A%22%2C%22B%22%5D");
}

/// The worked example of the WebSocket API's documentation, through the code that sends.
#[test]
fn the_documented_frame() {
    let keys = Credentials::new(
        "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A".into(),
        "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j".into(),
    );
    let request = Request::new(Method::Post, "/api/v3/order", "order.place", 1)
        .with("symbol", "BTCUSDT")
        .with("side", "SELL")
        .with("type", "LIMIT")
        .with("timeInForce", "GTC")
        .with("quantity", "0.01000000")
        .with("price", "52000.00");
    let frame = request.frame(7, Some(&keys), 1_645_423_376_532, 100).unwrap_or_default();
    assert!(
        frame.ends_with(r#","signature":"aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24"}}"#),
        "{frame}"
    );
    assert!(frame.starts_with(r#"{"id":7,"method":"order.place","params":{"apiKey":"vmPUZE"#), "{frame}");
    assert!(frame.contains(r#""recvWindow":100,"side":"SELL""#), "{frame}");
    let logged_on = request.frame(7, None, 1, 2).unwrap_or_default();
    assert!(!logged_on.contains("apiKey") && !logged_on.contains("signature"), "{logged_on}");
}

#[test]
fn a_frame_is_json_whatever_is_in_it() {
    let frame = query("１\"\\\n", &id("a b")).frame(1, Some(&keys()), 1, 1).unwrap_or_default();
    let json: serde_json::Value = serde_json::from_str(&frame).unwrap_or_default();
    assert_eq!(json["params"]["symbol"], "１\"\\\n");
    assert_eq!(json["params"]["timestamp"], 1);
}

/// All order types and lists, as the documents name their parameters.
#[test]
fn every_kind_of_order() {
    let one = Decimal::ONE;
    let params = |request: Request| request.unsigned().query;
    let of = |kind| params(place(&order(kind, "a")));
    let ends = "&newClientOrderId=a&selfTradePreventionMode=EXPIRE_TAKER&newOrderRespType=ACK";
    for (kind, middle) in [
        (OrderKind::Market(MarketSize::Base(one)), "type=MARKET&quantity=1"),
        (OrderKind::Market(MarketSize::Quote(one)), "type=MARKET&quoteOrderQty=1"),
        (OrderKind::LimitMaker { quantity: one, price: one }, "type=LIMIT_MAKER&quantity=1&price=1"),
        (
            OrderKind::StopLoss { quantity: one, trigger: Trigger::Trailing(50) },
            "type=STOP_LOSS&quantity=1&trailingDelta=50",
        ),
        (
            OrderKind::TakeProfit { quantity: one, trigger: Trigger::Price(one) },
            "type=TAKE_PROFIT&quantity=1&stopPrice=1",
        ),
        (stop(), "type=STOP_LOSS_LIMIT&timeInForce=GTC&quantity=0.001&price=59900&stopPrice=60000"),
    ] {
        assert_eq!(of(kind), format!("symbol=BTCUSDT&side=BUY&{middle}{ends}"));
    }
    let options = OrderOptions { self_trade_prevention: Some(SelfTradePrevention::ExpireMaker), ..Default::default() };
    let oco = VenueList::Oco {
        above: order(OrderKind::LimitMaker { quantity: one, price: one }, "a"),
        below: order(stop(), "b"),
    };
    let request = lists::place(&id("l"), &oco, &options);
    assert_eq!((request.orders, request.ws_method()), (2, Some("orderList.place.oco")));
    assert_eq!(
        params(request),
        "symbol=BTCUSDT&listClientOrderId=l&side=BUY&quantity=1&aboveType=LIMIT_MAKER&abovePrice=1&aboveClientOrderId=a\
         &belowType=STOP_LOSS_LIMIT&belowTimeInForce=GTC&belowPrice=59900&belowStopPrice=60000&belowClientOrderId=b\
         &selfTradePreventionMode=EXPIRE_MAKER&newOrderRespType=ACK"
    );
    let oto = VenueList::Oto { working: order(limit(), "w"), pending: order(stop(), "p") };
    assert_eq!(
        params(lists::place(&id("l"), &oto, &OrderOptions::default())),
        "symbol=BTCUSDT&listClientOrderId=l&workingSide=BUY&workingType=LIMIT&workingTimeInForce=GTC&workingQuantity=0.001\
         &workingPrice=61837&workingClientOrderId=w&pendingSide=BUY&pendingType=STOP_LOSS_LIMIT&pendingTimeInForce=GTC\
         &pendingQuantity=0.001&pendingPrice=59900&pendingStopPrice=60000&pendingClientOrderId=p&newOrderRespType=ACK"
    );
    let otoco =
        VenueList::Otoco { working: order(limit(), "w"), above: order(limit(), "a"), below: order(stop(), "b") };
    let request = lists::place(&id("l"), &otoco, &OrderOptions::default());
    assert_eq!(request.orders, 3);
    let query = params(request);
    for part in [
        "pendingSide=BUY&pendingQuantity=0.001",
        "pendingAboveType=LIMIT&pendingAboveTimeInForce=GTC&pendingAbovePrice=61837&pendingAboveClientOrderId=a",
        "pendingBelowStopPrice=60000&pendingBelowClientOrderId=b",
    ] {
        assert!(query.contains(part), "{query}");
    }
    let replace = orders::cancel_replace(&id("old"), &order(limit(), "new"), ReplaceMode::StopOnFailure, &options);
    assert!(params(replace).contains("&cancelReplaceMode=STOP_ON_FAILURE&cancelOrigClientOrderId=old&"));
}

/// What else may be said of an order, as the documents name it.
#[test]
fn every_option_of_an_order() {
    use crate::request::orders::{CancelRestriction, Detail, OrderName, OverLimit, Peg, PegPrice, Replacement};
    let query = |request: Request| request.unsigned().query;
    let (own, venue) = (id("a"), OrderName::Venue(7));
    let own = OrderName::Own(&own);
    let limits = |mode, restriction, over_limit| Replacement { mode, restriction, over_limit };
    let replace = |name, how| orders::cancel_replace_with(name, &order(limit(), "n"), &how, &OrderOptions::default());
    let pegged = |price, levels, at: Decimal| {
        let kind = OrderKind::LimitMaker { quantity: Decimal::ONE, price: at };
        let options = OrderOptions { peg: Some(Peg { price, levels }), detail: Detail::Full, ..Default::default() };
        orders::place_with(&order(kind, "p"), &options)
    };
    let new = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=61837&newClientOrderId=n";
    let peg = "symbol=BTCUSDT&side=BUY&type=LIMIT_MAKER&quantity=1";
    for (request, path, method, wanted) in [
        (
            orders::cancel_named("A", own, None),
            "DELETE /api/v3/order",
            "order.cancel",
            "symbol=A&origClientOrderId=a".to_owned(),
        ),
        (
            orders::cancel_named("A", venue, None),
            "DELETE /api/v3/order",
            "order.cancel",
            "symbol=A&orderId=7".to_owned(),
        ),
        (
            orders::cancel_named("A", venue, Some(CancelRestriction::OnlyNew)),
            "DELETE /api/v3/order",
            "order.cancel",
            "symbol=A&orderId=7&cancelRestrictions=ONLY_NEW".to_owned(),
        ),
        (
            orders::cancel_named("A", own, Some(CancelRestriction::OnlyPartiallyFilled)),
            "DELETE /api/v3/order",
            "order.cancel",
            "symbol=A&origClientOrderId=a&cancelRestrictions=ONLY_PARTIALLY_FILLED".to_owned(),
        ),
        (account::query_named("A", venue), "GET /api/v3/order", "order.status", "symbol=A&orderId=7".to_owned()),
        (
            replace(
                venue,
                limits(ReplaceMode::AllowFailure, Some(CancelRestriction::OnlyNew), Some(OverLimit::CancelOnly)),
            ),
            "POST /api/v3/order/cancelReplace",
            "order.cancelReplace",
            format!(
                "{new}&cancelReplaceMode=ALLOW_FAILURE&cancelOrderId=7&cancelRestrictions=ONLY_NEW\
                 &orderRateLimitExceededMode=CANCEL_ONLY&newOrderRespType=ACK"
            ),
        ),
        (
            replace(own, limits(ReplaceMode::StopOnFailure, None, Some(OverLimit::DoNothing))),
            "POST /api/v3/order/cancelReplace",
            "order.cancelReplace",
            format!(
                "{new}&cancelReplaceMode=STOP_ON_FAILURE&cancelOrigClientOrderId=a\
                 &orderRateLimitExceededMode=DO_NOTHING&newOrderRespType=ACK"
            ),
        ),
        (
            pegged(PegPrice::Primary, None, Decimal::ZERO),
            "POST /api/v3/order",
            "order.place",
            format!("{peg}&newClientOrderId=p&pegPriceType=PRIMARY_PEG&newOrderRespType=FULL"),
        ),
        (
            pegged(PegPrice::Market, Some(3), Decimal::TWO),
            "POST /api/v3/order",
            "order.place",
            format!(
                "{peg}&price=2&newClientOrderId=p&pegPriceType=MARKET_PEG&pegOffsetType=PRICE_LEVEL&pegOffsetValue=3\
                 &newOrderRespType=FULL"
            ),
        ),
    ] {
        assert_eq!((request.what().as_str(), request.ws_method()), (path, Some(method)));
        assert_eq!(query(request), wanted);
    }
}

/// What else may be asked of the market, as the documents name it.
#[test]
fn every_question_for_the_market() {
    use crate::request::market::SymbolStatus;
    use ringfence_model::Timestamp;
    let at = |ms| Some(Timestamp::from_millis(ms));
    let span = Span { start: at(5), end: at(9), limit: Some(3) };
    let one = || vec!["A".to_owned()];
    for (request, path, method, weight, wanted) in [
        (
            market::klines_of("A", 60, span).unwrap(),
            "/api/v3/klines",
            "klines",
            2,
            "symbol=A&interval=1m&startTime=5&endTime=9&limit=3",
        ),
        (
            market::klines_of("A", 3_600, Span { end: at(9), ..Span::default() }).unwrap(),
            "/api/v3/klines",
            "klines",
            2,
            "symbol=A&interval=1h&endTime=9",
        ),
        (
            market::ui_klines("A", 2_592_000, span).unwrap(),
            "/api/v3/uiKlines",
            "uiKlines",
            2,
            "symbol=A&interval=1M&startTime=5&endTime=9&limit=3",
        ),
        (
            market::historical_block_trades("A", 7, 10),
            "/api/v3/historicalBlockTrades",
            "blockTrades.historical",
            25,
            "symbol=A&fromId=7&limit=10",
        ),
        (market::exchange_info_of(SymbolStatus::Halt), "/api/v3/exchangeInfo", "exchangeInfo", 20, "symbolStatus=HALT"),
        (
            market::execution_rules_of(SymbolStatus::CancelOnly),
            "/api/v3/executionRules",
            "executionRules",
            40,
            "symbolStatus=CANCEL_ONLY",
        ),
        (
            market::depth_of("A", 5).of_status(SymbolStatus::Trading),
            "/api/v3/depth",
            "depth",
            5,
            "symbol=A&limit=5&symbolStatus=TRADING",
        ),
        (
            market::ticker_24h(&one()).of_status(SymbolStatus::Break),
            "/api/v3/ticker/24hr",
            "ticker.24hr",
            2,
            "symbols=%5B%22A%22%5D&symbolStatus=BREAK",
        ),
    ] {
        assert_eq!((request.what(), request.ws_method()), (format!("GET {path}"), Some(method)));
        assert_eq!((request.weight, request.unsigned().query.as_str()), (weight, wanted));
    }
    assert_eq!(market::ui_klines("A", 7, span), None);
}

/// Weights that depend on parameters, as the documents list them.
#[test]
fn weights() {
    let many = |count: usize| vec!["A".to_owned(); count];
    for (request, weight) in [
        (market::depth_of("A", 100), 5),
        (market::depth_of("A", 500), 25),
        (market::depth_of("A", 1_000), 50),
        (market::depth_of("A", 5_000), 250),
        (market::ticker_24h(&many(1)), 2),
        (market::ticker_24h(&many(21)), 40),
        (market::ticker_24h(&many(101)), 80),
        (market::ticker_24h(&[]), 80),
        (market::ticker_trading_day(&many(3)), 12),
        (market::ticker_rolling(&many(80), "1h"), 200),
        (market::ticker_price(Some("A")), 2),
        (market::ticker_book(None), 4),
        (market::execution_rules(&many(3)), 6),
        (market::execution_rules(&[]), 40),
        (account::open_orders(Some("A")), 6),
        (account::open_orders(None), 80),
        (account::my_trades("A", 1, None), 5),
        (account::my_trades_since("A", None, Span::default()), 20),
        (orders::test(&order(limit(), "a"), &OrderOptions::default(), true), 20),
        (orders::test(&order(limit(), "a"), &OrderOptions::default(), false), 1),
    ] {
        assert_eq!(request.weight, weight, "{request:?}");
    }
}

//! Documented payloads and real traffic through the parsers.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::Read as _;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use ringfence_model::event::{DepthUpdate, Level, OrderReason};
use ringfence_model::instrument::{Feature, Features};
use ringfence_model::venue::MarketData;
use ringfence_model::{Decimal, Instrument, InstrumentId, OrderStatus, Side, StreamKind, Timestamp};
use ringfence_wire::rest::{self, AccountInfo, CancelResponse, KlineRow, MyTrade, OrderAck, OrderFull, OrderInfo};
use ringfence_wire::stream::{StreamParser, combined, parse_stream_name, stream_name, write};
use ringfence_wire::user::{self, UserEvent};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures")
}

fn documented(name: &str) -> Vec<u8> {
    std::fs::read(fixtures().join("binance").join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn instrument(symbol: &str, id: u32) -> Instrument {
    let info = format!(
        r#"{{"symbol":"{symbol}","status":"TRADING","baseAsset":"BTC","baseAssetPrecision":8,"quoteAsset":"USDT","quoteAssetPrecision":8,
        "filters":[{{"filterType":"PRICE_FILTER","minPrice":"0.01000000","maxPrice":"1000000.00000000","tickSize":"0.01000000"}},
        {{"filterType":"LOT_SIZE","minQty":"0.00001000","maxQty":"9000.00000000","stepSize":"0.00001000"}},
        {{"filterType":"ICEBERG_PARTS","limit":100}},
        {{"filterType":"NOTIONAL","minNotional":"5.00000000","applyMinToMarket":true,"maxNotional":"9000000.00000000","applyMaxToMarket":false,"avgPriceMins":5}}]}}"#
    );
    rest::read::<rest::SymbolInfo>(info.as_bytes()).unwrap().instrument(InstrumentId(id)).unwrap()
}

#[test]
fn scales_come_from_the_filters() {
    let btc = instrument("BTCUSDT", 0);
    assert_eq!((btc.price_scale, btc.quantity_scale), (2, 5));
    assert_eq!(btc.min_notional, Decimal::from(5));
    assert!(btc.min_notional_on_market);
}

#[test]
fn documented_stream_payloads_are_read() {
    let parser =
        StreamParser::new(&[instrument("BNBBTC", 0), instrument("BNBUSDT", 1)]).with_bare_snapshot(InstrumentId(0));
    for name in [
        "streams/trade-streams.1.json",
        "streams/aggregate-trade-streams.1.json",
        "streams/diff-depth-stream.1.json",
        "streams/individual-symbol-book-ticker-streams.1.json",
        "streams/kline-candlestick-streams-for-utc.1.json",
        "streams/individual-symbol-ticker-streams.1.json",
        "streams/partial-book-depth-streams.1.json",
    ] {
        let parsed = parser.parse(&documented(name));
        assert!(parsed.is_ok(), "{name}: {parsed:?}");
    }
}

#[test]
fn documented_user_events_are_read() {
    let read = |name| user::parse(&documented(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let UserEvent::Report(report) = read("user-data/order-update.1.json") else { panic!() };
    assert_eq!(report.client_order_id.0, "mUvoqJxFIILMdfAW5iGSOW");
    assert_eq!((report.status, report.side, report.fill), (OrderStatus::Accepted, Side::Buy, None));
    let UserEvent::Balances { balances, .. } = read("user-data/account-update.1.json") else { panic!() };
    assert_eq!((balances[0].asset.as_str(), balances[0].free), ("ETH", Decimal::from(10_000)));
    assert!(matches!(read("user-data/balance-update.1.json"), UserEvent::BalanceDelta { .. }));
    assert_eq!(read("user-data/event-stream-terminated.1.json"), UserEvent::Terminated);
}

#[test]
fn a_cancel_is_attributed_to_the_order_not_to_the_cancel() {
    let text = String::from_utf8(documented("user-data/order-update.1.json")).unwrap();
    let cancel = text
        .replace(r#""C": """#, r#""C": "own-order""#)
        .replace(r#""x": "NEW""#, r#""x": "CANCELED""#)
        .replace(r#""X": "NEW""#, r#""X": "CANCELED""#);
    let UserEvent::Report(report) = user::parse(cancel.as_bytes()).unwrap() else { panic!() };
    assert_eq!(report.client_order_id.0, "own-order");
    assert_eq!((report.status, report.reason), (OrderStatus::Canceled, OrderReason::None));
}

#[test]
fn documented_answers_are_read() {
    rest::read::<AccountInfo>(&documented("rest/account-information.1.json")).unwrap();
    rest::read::<Vec<MyTrade>>(&documented("rest/account-trade-list.1.json")).unwrap();
    rest::read::<OrderInfo>(&documented("rest/query-order.1.json")).unwrap().report().unwrap();
    rest::read::<OrderAck>(&documented("rest/new-order.1.json")).unwrap();
    rest::read::<OrderFull>(&documented("rest/new-order.2.json")).unwrap();
    let full = rest::read::<OrderFull>(&documented("rest/new-order.3.json")).unwrap();
    assert!(!full.fills.is_empty());
    rest::read::<CancelResponse>(&documented("rest/cancel-order.1.json")).unwrap();
    rest::read::<Vec<KlineRow>>(&documented("rest/kline-candlestick-data.1.json")).unwrap();
    rest::read::<rest::DepthSnapshot>(&documented("rest/order-book.1.json")).unwrap();
}

/// What waits says so; what self-trade prevention took away is not there any more.
#[test]
fn orders_that_wait_and_orders_that_were_cut() {
    let text = String::from_utf8(documented("user-data/order-update.1.json")).unwrap();
    let report = |text: &str| match user::parse(text.as_bytes()).unwrap() {
        UserEvent::Report(report) => report,
        other => panic!("{other:?}"),
    };
    assert!(report(&text).works);
    assert!(!report(&text.replace(r#""w": true"#, r#""w": false"#)).works);
    let prevented = text
        .replace(r#""x": "NEW""#, r#""x": "TRADE_PREVENTION""#)
        .replace(r#""v": 3"#, r#""v": 3, "A": "0.30000000", "B": "0.30000000", "u": -1"#);
    let left = report(&prevented);
    assert_eq!((left.quantity, left.amended, left.status), (Decimal::new(7, 1), true, OrderStatus::Accepted));
    let ended = report(&prevented.replace(r#""X": "NEW""#, r#""X": "EXPIRED_IN_MATCH""#));
    assert_eq!(
        (ended.amended, ended.status, ended.reason),
        (false, OrderStatus::Expired, OrderReason::SelfTradePrevention)
    );

    // It was accepted, and could not enter the book when its time came.
    let late = text
        .replace(r#""x": "NEW""#, r#""x": "EXPIRED""#)
        .replace(r#""X": "NEW""#, r#""X": "EXPIRED", "eR": "REJECTED""#)
        .replace(r#""r": "NONE""#, r#""r": "WOULD_MATCH_IMMEDIATELY""#);
    let late = report(&late);
    assert_eq!((late.status, late.reason), (OrderStatus::Expired, OrderReason::WouldMatch));

    let text = String::from_utf8(documented("rest/query-order.1.json")).unwrap();
    let asked = |text: &str| rest::read::<OrderInfo>(text.as_bytes()).unwrap().report().unwrap();
    assert!(asked(&text).works);
    let waits = text
        .replace(r#""isWorking": true"#, r#""isWorking": false"#)
        .replace(r#""workingTime": 1499827319559"#, r#""workingTime": -1, "preventedQuantity": "0.4""#);
    let waits = asked(&waits);
    assert_eq!((waits.works, waits.quantity), (false, Decimal::new(6, 1)));
    // Of an order that is over it is not said whether it ever worked, but why it ended.
    let over = text.replace(r#""status": "NEW""#, r#""status": "EXPIRED", "expiryReason": "OCO_TRIGGER""#);
    let over = asked(&over);
    assert_eq!((over.works, over.reason), (false, OrderReason::List));
}

#[test]
fn what_the_venue_does_not_do_and_what_it_allows_altogether() {
    let mut info: serde_json::Value = serde_json::from_slice(&documented("rest/exchange-information.1.json")).unwrap();
    // The documents only hint at these.
    info["rateLimits"] = serde_json::json!([]);
    info["exchangeFilters"] = serde_json::json!([
        {"filterType": "EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders": 1_000},
        {"filterType": "EXCHANGE_MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 200},
        {"filterType": "EXCHANGE_MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders": 10},
        {"filterType": "EXCHANGE_MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 20},
        {"filterType": "SOMETHING_NEW", "limit": 1},
    ]);
    info["symbols"][0]["filters"] = serde_json::json!([
        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000", "tickSize": "0.01"},
        {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "9000", "stepSize": "0.001"},
    ]);
    let read = |info: &serde_json::Value| {
        let info: rest::ExchangeInfo = rest::read(info.to_string().as_bytes()).unwrap();
        info.instruments(&["ETHBTC".to_owned()]).unwrap().remove(0).filters
    };
    let filters = read(&info);
    let everywhere = (
        filters.exchange_max_orders,
        filters.exchange_max_algo_orders,
        filters.exchange_max_iceberg_orders,
        filters.exchange_max_order_lists,
    );
    assert_eq!(everywhere, (1_000, 200, 10, 20));
    let missing = Features::default().with(Feature::TrailingStop).with(Feature::Amend);
    assert_eq!(filters.lacks, missing, "the documented symbol does all but these");
    info["symbols"][0]["orderTypes"] = serde_json::json!(["LIMIT", "MARKET"]);
    info["symbols"][0].as_object_mut().unwrap().remove("amendAllowed");
    let lacks = read(&info).lacks;
    assert!(lacks.has(Feature::StopLoss) && lacks.has(Feature::LimitMaker) && !lacks.has(Feature::Limit));
    assert!(!lacks.has(Feature::Amend), "what is left out is not forbidden");
}

fn unread(path: &Path, symbol: &str) -> (u64, Vec<String>) {
    let mut raw = Vec::new();
    let packed = std::process::Command::new("gzip").arg("-dc").arg(path).output().unwrap();
    assert!(packed.status.success());
    packed.stdout.as_slice().read_to_end(&mut raw).unwrap();
    let parser = StreamParser::new(&[instrument(symbol, 0)]).with_bare_snapshot(InstrumentId(0));
    let mut lines = 0;
    let mut problems = Vec::new();
    for line in raw.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        lines += 1;
        let space = line.iter().position(|byte| *byte == b' ').unwrap();
        if let Err(error) = parser.parse(&line[space + 1..]) {
            problems.push(error.to_string());
        }
    }
    (lines, problems)
}

#[test]
fn real_traffic_is_read_without_a_loss() {
    let (lines, problems) = unread(&fixtures().join("recordings/spot_btcusdt_cut.gz"), "BTCUSDT");
    assert_eq!((lines, problems), (3_000, Vec::new()));
}

#[test]
fn whole_recordings_are_read_without_a_loss() {
    let Some(folder) = std::env::var_os("RINGFENCE_RECORDINGS") else {
        eprintln!("skipped: RINGFENCE_RECORDINGS names no folder of recordings");
        return;
    };
    for (file, symbol, count) in [
        ("spot_btcusdt_20240808.gz", "BTCUSDT", 41_249),
        ("spot_ethusdt_20240808.gz", "ETHUSDT", 33_618),
        ("usdm_btcusdt_20240808.gz", "BTCUSDT", 93_954),
    ] {
        let (lines, problems) = unread(&Path::new(&folder).join(file), symbol);
        assert_eq!((lines, problems.first()), (count, None), "{file}");
    }
}

/// USD-M futures number updates with holes and name the one before: nothing is missing if that one is known.
#[test]
fn futures_depth_follows_the_same_rule_as_spot() {
    let parser = StreamParser::new(&[instrument("BTCUSDT", 0)]);
    let data = r#"{"e":"depthUpdate","E":1,"T":1,"s":"BTCUSDT","U":105,"u":110,"pu":99,"b":[["1.5","2"]],"a":[]}"#;
    // The quick way and, with another blank, the general one.
    for text in [data.to_owned(), data.replace("{\"e\"", "{ \"e\"")] {
        let MarketData::Depth { update, .. } = parser.parse(text.as_bytes()).unwrap() else { panic!() };
        assert_eq!((update.first_update_id, update.last_update_id, update.bids.len()), (100, 110, 1));
    }
}

#[test]
fn errors_name_the_field() {
    let parser = StreamParser::new(&[instrument("BTCUSDT", 0)]);
    let error = parser.parse(br#"{"stream":"btcusdt@trade","data":{"e":"trade","s":"BTCUSDT","t":1}}"#).unwrap_err();
    assert!(error.to_string().contains("missing field `p`"), "{error}");
    let error =
        parser.parse(br#"{"stream":"dogeusdt@trade","data":{"s":"DOGEUSDT","t":1,"p":"1","q":"1","T":1,"m":true}}"#);
    assert!(error.unwrap_err().to_string().contains("DOGEUSDT"));
    assert!(parser.parse(b"no json").is_err());
    assert!(
        parser
            .parse(br#"{"stream":"btcusdt@trade","data":{"s":"BTCUSDT","t":1,"p":"1e400","q":"1","T":1,"m":true}}"#)
            .is_err()
    );
}

fn amount() -> impl Strategy<Value = Decimal> {
    (0i64..1_000_000_000_000, 0u32..9).prop_map(|(mantissa, scale)| Decimal::new(mantissa, scale))
}

fn level() -> impl Strategy<Value = Level> {
    (amount(), amount()).prop_map(|(price, quantity)| Level { price, quantity })
}

fn data() -> impl Strategy<Value = (StreamKind, MarketData)> {
    let id = InstrumentId(0);
    let ts = (0u64..4_000_000_000_000).prop_map(Timestamp::from_millis);
    prop_oneof![
        (ts.clone(), any::<u32>(), amount(), amount(), any::<bool>()).prop_map(
            move |(ts, n, price, quantity, sell)| {
                let aggressor = if sell { Side::Sell } else { Side::Buy };
                (StreamKind::Trades, MarketData::Trade { instrument: id, ts, id: n.into(), price, quantity, aggressor })
            }
        ),
        (any::<u32>(), level(), level()).prop_map(move |(n, bid, ask)| {
            (StreamKind::Quotes, MarketData::Quote { instrument: id, ts: None, update_id: n.into(), bid, ask })
        }),
        (ts, any::<u32>(), prop::collection::vec(level(), 0..5), prop::collection::vec(level(), 0..5)).prop_map(
            move |(ts, n, bids, asks)| {
                let update = DepthUpdate {
                    instrument: id,
                    first_update_id: n.into(),
                    last_update_id: u64::from(n) + 3,
                    bids,
                    asks,
                };
                (StreamKind::Depth, MarketData::Depth { ts, update })
            }
        ),
    ]
}

proptest! {
    /// What the simulated exchange writes, the client reads: combined and raw.
    #[test]
    fn what_is_written_is_read((kind, data) in data()) {
        let parser = StreamParser::new(&[instrument("BTCUSDT", 0)]);
        let event_ms = match &data { MarketData::Depth { ts, .. } => ts.as_millis(), _ => 1 };
        let payload = write("BTCUSDT", &data, event_ms);
        let name = stream_name("BTCUSDT", kind).unwrap();
        prop_assert_eq!(parser.parse(payload.as_bytes()).unwrap(), data.clone());
        prop_assert_eq!(parser.parse(combined(&name, &payload).as_bytes()).unwrap(), data.clone());
        let spaced = format!("{{ \"data\" : {payload}, \"stream\" : \"{name}\" }}");
        prop_assert_eq!(parser.parse(spaced.as_bytes()).unwrap(), data);
        prop_assert_eq!(parse_stream_name(&name), Some(("BTCUSDT".to_owned(), kind)));
    }

    /// No input makes the parsers panic.
    #[test]
    fn noise_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let parser = StreamParser::new(&[instrument("BTCUSDT", 0)]);
        let _ = parser.parse(&bytes);
        let _ = user::parse(&bytes);
    }
}

fn report(json: &serde_json::Value) -> ringfence_model::venue::ExecutionReport {
    match user::parse(json.to_string().as_bytes()) {
        Ok(UserEvent::Report(report)) => report,
        other => panic!("{other:?}"),
    }
}

/// A word for a state that is new here must not hide a fill, nor all open orders behind one of them.
#[test]
fn a_state_that_is_new_breaks_nothing() {
    let mut event: serde_json::Value = serde_json::from_slice(&documented("user-data/order-update.1.json")).unwrap();
    let of = if event["event"].is_object() { &mut event["event"] } else { &mut event };
    of["X"] = "HALF_BAKED".into();
    of["x"] = "TRADE".into();
    of["t"] = 7.into();
    of["l"] = "0.5".into();
    let said = report(&event);
    assert_eq!((said.status, said.fill.unwrap().trade_id), (OrderStatus::Unknown, 7));
    let mut order: serde_json::Value = serde_json::from_slice(&documented("rest/query-order.1.json")).unwrap();
    order["status"] = "HALF_BAKED".into();
    let order: OrderInfo = rest::read(order.to_string().as_bytes()).unwrap();
    assert_eq!(order.report().unwrap().status, OrderStatus::Unknown);
}

/// Smart order routing allots: the fill has no trade's number, but one of its own.
#[test]
fn an_allocation_is_a_fill() {
    let mut event: serde_json::Value = serde_json::from_slice(&documented("user-data/order-update.1.json")).unwrap();
    let of = if event["event"].is_object() { &mut event["event"] } else { &mut event };
    for (field, value) in [("x", "TRADE"), ("X", "PARTIALLY_FILLED"), ("l", "0.5"), ("b", "ONE_PARTY_TRADE_REPORT")] {
        of[field] = value.into();
    }
    of["t"] = (-1).into();
    assert!(user::parse(event.to_string().as_bytes()).is_err(), "a fill without any number");
    let of = if event["event"].is_object() { &mut event["event"] } else { &mut event };
    of["a"] = 1_234.into();
    let number = report(&event).fill.unwrap().trade_id;
    assert_eq!(number, 1_234 + (1 << 62), "apart from the number of any trade");
}

#[test]
fn a_few_levels_say_how_many() {
    let parser = StreamParser::new(&[instrument("BNBBTC", 0)]).with_bare_snapshot(InstrumentId(0));
    let bare = documented("streams/partial-book-depth-streams.1.json");
    let bare = std::str::from_utf8(&bare).unwrap();
    let best = |raw: &str| match parser.parse(raw.as_bytes()) {
        Ok(MarketData::Book { book, .. }) => book.best,
        other => panic!("{other:?}"),
    };
    for (name, levels) in [("depth5", 5), ("depth10@100ms", 10), ("depth20", 20)] {
        assert_eq!(best(&combined(&format!("bnbbtc@{name}"), bare)), Some(levels));
    }
    // Of a snapshot nobody says it.
    assert_eq!(best(bare), None);
}

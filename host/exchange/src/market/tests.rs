//! The generated market is lively and the same for the same seed; its streams tell the book.

use std::collections::BTreeMap;

use proptest::prelude::*;
use ringfence_model::{Decimal, Micros, Side, Timestamp};
use serde_json::Value;

use crate::testing::{Desk, config, decimal};

type Rows = BTreeMap<Decimal, Decimal>;

const SYMBOLS: [&str; 2] = ["BTCUSDT", "ETHUSDT"];

fn rows(value: &Value) -> Vec<(Decimal, Decimal)> {
    let number = |value: &Value| decimal(value.as_str().unwrap());
    value.as_array().unwrap().iter().map(|row| (number(&row[0]), number(&row[1]))).collect()
}

/// A local book as the venue's documents tell a client to keep it.
#[derive(Debug)]
struct Local {
    id: u64,
    sides: [Rows; 2],
}

impl Local {
    fn new(snapshot: &Value) -> Self {
        let side = |name: &str| rows(&snapshot[name]).into_iter().collect();
        Local { id: snapshot["lastUpdateId"].as_u64().unwrap(), sides: [side("bids"), side("asks")] }
    }

    fn apply(&mut self, update: &Value) {
        let (first, last) = (update["U"].as_u64().unwrap(), update["u"].as_u64().unwrap());
        assert!(first <= last);
        if last <= self.id {
            return;
        }
        assert!(first <= self.id + 1, "a gap before {first}: the book is at {}", self.id);
        self.id = last;
        for (side, name) in self.sides.iter_mut().zip(["b", "a"]) {
            for (price, quantity) in rows(&update[name]) {
                if quantity.is_zero() {
                    side.remove(&price);
                } else {
                    side.insert(price, quantity);
                }
            }
        }
    }
}

/// Messages of one stream since the last call.
fn heard(desk: &mut Desk, stream: &str) -> Vec<Value> {
    let messages = desk.exchange.drain_streams().into_iter();
    messages
        .filter(|message| message.stream == stream)
        .map(|message| serde_json::from_str(&message.data).unwrap())
        .collect()
}

#[test]
fn it_trades_and_moves_and_has_depth() {
    let mut moves = Vec::new();
    for seed in 0..4 {
        let mut desk = Desk::open(config(seed));
        for symbol in SYMBOLS {
            assert!(desk.exchange.listen(&format!("{}@trade", symbol.to_lowercase())));
        }
        let mut trades = BTreeMap::<String, usize>::new();
        let mut prices = [desk.exchange.markets[0].last_price.unwrap(), desk.exchange.markets[1].last_price.unwrap()];
        for _ in 0..18 {
            for _ in 0..20 {
                desk.advance(500);
                for market in &desk.exchange.markets {
                    for side in [Side::Buy, Side::Sell] {
                        let rows = market.book.rows(side, 100);
                        assert!(rows.len() >= 15, "seed {seed}: {} levels", rows.len());
                    }
                    let (bid, ask) = (market.book.best(Side::Buy).unwrap(), market.book.best(Side::Sell).unwrap());
                    assert!(bid.price < ask.price);
                    assert!(ask.price - bid.price < ask.price * decimal("0.0005"), "seed {seed}: {bid:?} {ask:?}");
                }
            }
            for message in desk.exchange.drain_streams() {
                *trades.entry(message.stream).or_default() += 1;
            }
            for (before, market) in prices.iter_mut().zip(&desk.exchange.markets) {
                let price = market.last_price.unwrap();
                moves.push((price - *before).abs() / *before * decimal("100"));
                *before = price;
            }
        }
        for (stream, count) in trades {
            let each_second = count / 180;
            assert!((20..=60).contains(&each_second), "seed {seed}: {each_second} trades a second on {stream}");
        }
    }
    moves.sort();
    let [few, middle, most] = [20, 50, 80].map(|percent| moves[moves.len() * percent / 100]);
    assert!(
        few >= decimal("0.02") && middle >= decimal("0.05") && most <= decimal("0.2"),
        "{few}, {middle}, {most} % in ten seconds"
    );
}

#[test]
fn an_order_at_the_touch_fills_within_seconds() {
    let (mut orders, mut quick) = (0, 0);
    for seed in 0..4 {
        let mut desk = Desk::open(config(seed));
        desk.advance(1_000);
        for round in 0..20 {
            let side = if round % 2 == 0 { "BUY" } else { "SELL" };
            let price = desk.best(if round % 2 == 0 { Side::Buy } else { Side::Sell });
            let placed = desk.limit("ada", side, "0.05", price);
            assert_eq!(placed["status"], "NEW");
            let query = format!("symbol=BTCUSDT&orderId={}", placed["orderId"]);
            let filled = (0..30).any(|_| {
                desk.advance(500);
                desk.exchange.orders.open(0, None).is_empty()
            });
            orders += 1;
            quick += usize::from(filled);
            if !filled {
                desk.ask("ada", "DELETE", "/api/v3/order", &query);
            }
            desk.check();
        }
    }
    assert!(quick * 10 >= orders * 9, "{quick} of {orders} were filled within fifteen seconds");
}

#[test]
fn how_often_the_clock_is_told_does_not_matter() {
    let run = |pieces: u64| {
        let mut desk = Desk::open(config(7));
        desk.exchange.listen("ethusdt@trade");
        desk.exchange.listen("btcusdt@depth");
        (0..pieces).for_each(|_| desk.advance(12_000 / pieces));
        desk.exchange.drain_streams()
    };
    let once = run(1);
    assert!(!once.is_empty());
    assert_eq!(once, run(12_000));
    assert_ne!(once, {
        let mut desk = Desk::open(config(8));
        desk.exchange.listen("ethusdt@trade");
        desk.exchange.listen("btcusdt@depth");
        desk.advance(12_000);
        desk.exchange.drain_streams()
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_snapshot_and_the_updates_after_it_are_the_book(
        seed: u64,
        slow: bool,
        before in 0u64..1_500,
        late in 0u64..700,
        pauses in prop::collection::vec((1u64..500, -300i64..300, any::<bool>()), 1..12),
    ) {
        let mut desk = Desk::open(config(seed));
        desk.advance(before);
        let stream = if slow { "btcusdt@depth" } else { "btcusdt@depth@100ms" };
        prop_assert!(desk.exchange.listen(stream));
        desk.advance(late);
        let mut buffered = heard(&mut desk, stream);
        let mut local = Local::new(&desk.get("/api/v3/depth", "symbol=BTCUSDT&limit=5000"));
        for (pause, ticks, buys) in pauses {
            let (side, name) = if buys { (Side::Sell, "BUY") } else { (Side::Buy, "SELL") };
            let price = desk.best(side) + Decimal::new(ticks, 2);
            desk.limit(if buys { "ada" } else { "bob" }, name, "0.02", price);
            desk.advance(pause);
            buffered.extend(heard(&mut desk, stream));
            buffered.drain(..).for_each(|update| local.apply(&update));
        }
        // On the period's next multiple nothing is waiting to be told.
        let period = if slow { 1_000 } else { 100 };
        let rest = period - desk.now.as_millis() % period;
        desk.advance(rest);
        heard(&mut desk, stream).iter().for_each(|update| local.apply(update));
        let now = Local::new(&desk.get("/api/v3/depth", "symbol=BTCUSDT&limit=5000"));
        prop_assert_eq!(&local.sides, &now.sides);
        prop_assert_eq!(local.id, now.id);
    }
}

#[test]
fn the_other_streams_tell_the_same_market() {
    let mut desk = Desk::open(config(3));
    let streams = [
        "btcusdt@bookTicker",
        "btcusdt@depth20@100ms",
        "btcusdt@trade",
        "btcusdt@aggTrade",
        "btcusdt@kline_1s",
        "btcusdt@ticker",
    ];
    for stream in streams {
        assert!(desk.exchange.listen(stream), "{stream}");
    }
    for silent in ["BTCUSDT@trade", "nopeusdt@trade", "btcusdt@nothing", "btcusdt"] {
        assert!(!desk.exchange.listen(silent), "{silent}");
    }
    desk.advance(10_000);
    let mut by_stream = BTreeMap::<String, Vec<Value>>::new();
    for message in desk.exchange.drain_streams() {
        by_stream.entry(message.stream).or_default().push(serde_json::from_str(&message.data).unwrap());
    }
    let last = |stream: &str| by_stream[stream].last().unwrap().clone();
    let quote = last("btcusdt@bookTicker");
    let depth = last("btcusdt@depth20@100ms");
    assert_eq!(decimal(quote["b"].as_str().unwrap()), desk.best(Side::Buy));
    assert_eq!((&depth["bids"][0][0], &depth["asks"][0][0]), (&quote["b"], &quote["a"]));
    assert_eq!(last("btcusdt@ticker")["c"], last("btcusdt@trade")["p"]);
    let sum =
        |stream: &str| by_stream[stream].iter().map(|trade| decimal(trade["q"].as_str().unwrap())).sum::<Decimal>();
    assert_eq!(sum("btcusdt@trade"), sum("btcusdt@aggTrade"));
    let seconds: Vec<_> =
        by_stream["btcusdt@kline_1s"].iter().map(|kline| (kline["k"]["x"].clone(), kline["k"]["v"].clone())).collect();
    assert_eq!(seconds.len(), 10);
    assert!(seconds.iter().all(|(closed, _)| *closed == Value::Bool(true)));
    for stream in streams {
        desk.exchange.unlisten(stream);
    }
    desk.advance(2_000);
    assert_eq!(desk.exchange.drain_streams(), []);
}

#[test]
fn history_reaches_back_and_joins_the_present() {
    let mut desk = Desk::open(config(1));
    desk.advance(65_000);
    let klines = desk.get("/api/v3/klines", "symbol=BTCUSDT&interval=1m&limit=1000");
    let klines = klines.as_array().unwrap();
    assert_eq!(klines.len(), 1_000);
    let number = |value: &Value| decimal(value.as_str().unwrap());
    for kline in klines {
        let [open, high, low, close] = [1, 2, 3, 4].map(|place| number(&kline[place]));
        assert!(low <= open && low <= close && high >= open && high >= close, "{kline}");
    }
    let newest = Timestamp::from_millis(klines[999][0].as_u64().unwrap());
    assert!(desk.now.since(newest) < Micros::from_secs(60));
    let hours = desk.get("/api/v3/klines", "symbol=BTCUSDT&interval=1h&limit=3");
    assert_eq!(hours.as_array().unwrap().len(), 3);
}

/// Klines of a symbol as rows of numbers, oldest first, all that are served.
fn klines(desk: &mut Desk, interval: &str) -> BTreeMap<u64, [Decimal; 9]> {
    let mut found = BTreeMap::new();
    let mut start = 0;
    loop {
        let query = format!("symbol=BTCUSDT&interval={interval}&limit=1000&startTime={start}");
        let page = desk.get("/api/v3/klines", &query);
        let page = page.as_array().unwrap();
        for kline in page {
            let number = |place: usize| match &kline[place] {
                Value::String(text) => decimal(text),
                other => Decimal::from(other.as_u64().unwrap()),
            };
            let row = [1, 2, 3, 4, 5, 7, 8, 9, 10].map(number);
            assert!(found.insert(kline[0].as_u64().unwrap(), row).is_none(), "{kline}");
        }
        match page.last() {
            Some(last) => start = last[6].as_u64().unwrap() + 1,
            None => return found,
        }
    }
}

/// What a client asks for when it starts, at the venue's largest page.
#[test]
fn every_interval_has_a_history() {
    let mut desk = Desk::open(config(1));
    for (interval, least) in [
        ("1s", 1_000),
        ("1m", 1_000),
        ("3m", 1_000),
        ("5m", 1_000),
        ("15m", 1_000),
        ("30m", 1_000),
        ("1h", 1_000),
        ("2h", 1_000),
        ("4h", 1_000),
        ("6h", 1_000),
        ("8h", 500),
        ("12h", 500),
        ("1d", 1_000),
        ("3d", 500),
        ("1w", 500),
        ("1M", 100),
    ] {
        let query = format!("symbol=BTCUSDT&interval={interval}&limit={least}");
        let rows = desk.get("/api/v3/klines", &query).as_array().unwrap().len();
        assert_eq!(rows, least, "{interval}");
    }
}

#[test]
fn klines_of_all_intervals_tell_the_same_story() {
    const MS: u64 = 1_000;
    let mut desk = Desk::open(config(5));
    desk.advance(125_000);
    let intervals = [
        ("1s", 1),
        ("1m", 60),
        ("5m", 300),
        ("15m", 900),
        ("1h", 3_600),
        ("4h", 14_400),
        ("1d", 86_400),
        ("3d", 259_200),
    ];
    let all = intervals.map(|(name, seconds)| (seconds * MS, klines(&mut desk, name)));
    for (length, rows) in &all {
        let mut before: Option<(u64, Decimal)> = None;
        for (open_time, [open, high, low, close, ..]) in rows {
            assert!(low <= open && low <= close && high >= open && high >= close);
            if let Some((time, close)) = before {
                assert_eq!(time + length, *open_time, "none is missing");
                // The live market begins with a spread.
                assert!((close - open).abs() < close * decimal("0.001"), "{close} {open}");
            }
            before = Some((*open_time, *close));
        }
    }
    let mut compared = 0;
    for ((short, finer), (long, coarser)) in all.iter().zip(&all[1..]) {
        let first = *finer.keys().next().unwrap();
        for (open_time, row) in coarser.range(first..) {
            let parts: Vec<_> = finer.range(open_time..&(open_time + long)).map(|(_, row)| *row).collect();
            assert!(parts.len() as u64 <= long / short);
            let of = |place: usize| parts.iter().map(move |part| part[place]);
            let sums = [4, 5, 6, 7, 8].map(|place| of(place).sum::<Decimal>());
            let wanted = [
                parts[0][0],
                of(1).max().unwrap(),
                of(2).min().unwrap(),
                parts[parts.len() - 1][3],
                sums[0],
                sums[1],
                sums[2],
                sums[3],
                sums[4],
            ];
            assert_eq!(*row, wanted, "{open_time} of {long} ms");
            compared += 1;
        }
    }
    assert!(compared > 5_000, "{compared}");
}

/// It is made when it is first asked for; when that is makes no difference.
#[test]
fn history_is_the_same_whenever_it_is_asked_for() {
    let [mut early, mut late] = [9, 9].map(|seed| Desk::open(config(seed)));
    let asked = |desk: &mut Desk| {
        let end = desk.exchange.start().as_millis();
        desk.get("/api/v3/klines", &format!("symbol=ETHUSDT&interval=1d&limit=1000&endTime={end}"))
            .as_array()
            .unwrap()
            .iter()
            .rev()
            .skip(1)
            .cloned()
            .collect::<Vec<_>>()
    };
    let before = asked(&mut early);
    for desk in [&mut early, &mut late] {
        desk.advance(3_000);
    }
    assert_eq!(before, asked(&mut late));
    assert_eq!(before.len(), 999);
    for path in ["/api/v3/ticker/24hr", "/api/v3/depth"] {
        assert_eq!(early.get(path, "symbol=ETHUSDT"), late.get(path, "symbol=ETHUSDT"));
    }
}

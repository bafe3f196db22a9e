//! Accounts on a recorded market: nothing is made or lost, and two runs are equal.

use proptest::prelude::*;
use ringfence_model::event::{DepthUpdate, Level};
use ringfence_model::venue::MarketData;
use ringfence_model::{Decimal, InstrumentId, Side};
use serde_json::Value;

use crate::exchange::UserMessage;
use crate::testing::{Desk, KEYS, config, decimal};

const ASSETS: [&str; 3] = ["USDT", "BTC", "ETH"];
const INSTRUMENT: InstrumentId = InstrumentId(0);

fn row(price: i64, lots: u32) -> Level {
    // Recorded quantities may be finer than lots: the book around a tape shows means.
    Level { price: Decimal::new(price, 0), quantity: Decimal::new(i64::from(lots) * 1_007, 6) }
}

#[derive(Debug, Clone)]
enum Doing {
    Quote { bid: i64, lots: (u32, u32) },
    Depth { price: i64, lots: u32 },
    Trade { price: i64, lots: u32, sells: bool },
    Order { account: usize, buys: bool, kind: usize, price: i64, lots: u32 },
    CancelAll { account: usize },
    Wait { millis: u64 },
}

fn doing() -> impl Strategy<Value = Doing> {
    let price = 59_996i64..60_005;
    prop_oneof![
        4 => (price.clone(), (1u32..90, 1u32..90)).prop_map(|(bid, lots)| Doing::Quote { bid, lots }),
        2 => (price.clone(), 0u32..90).prop_map(|(price, lots)| Doing::Depth { price, lots }),
        5 => (price.clone(), 1u32..90, any::<bool>()).prop_map(|(price, lots, sells)| Doing::Trade { price, lots, sells }),
        6 => (0..2usize, any::<bool>(), 0..7usize, price, 1u32..90)
            .prop_map(|(account, buys, kind, price, lots)| Doing::Order { account, buys, kind, price, lots }),
        1 => (0..2usize).prop_map(|account| Doing::CancelAll { account }),
        3 => (1u64..300).prop_map(|millis| Doing::Wait { millis }),
    ]
}

fn run(doings: &[Doing]) -> (Vec<String>, Vec<UserMessage>) {
    let mut desk = Desk::quiet(config(1));
    desk.exchange.begin_replay();
    let before = ASSETS.map(|asset| desk.exchange.total(asset));
    let step = desk.exchange.config.symbols[0].filters.lot_size.step;
    let (mut said, mut heard) = (Vec::new(), Vec::new());
    for (update_id, doing) in (1u64..).zip(doings) {
        let ts = desk.now;
        match *doing {
            Doing::Quote { bid, lots } => {
                let (bid, ask) = (row(bid, lots.0), row(bid + 1, lots.1));
                desk.exchange.play(ts, &MarketData::Quote { instrument: INSTRUMENT, ts: None, update_id, bid, ask });
            }
            Doing::Depth { price, lots } => {
                let best = desk.exchange.markets[0].book.best(Side::Buy);
                let is_bid = best.is_some_and(|best| Decimal::new(price, 0) <= best.price);
                let (mut bids, mut asks) = (Vec::new(), Vec::new());
                if is_bid { &mut bids } else { &mut asks }.push(row(price, lots));
                let (first_update_id, last_update_id) = (update_id, update_id);
                let update = DepthUpdate { instrument: INSTRUMENT, first_update_id, last_update_id, bids, asks };
                desk.exchange.play(ts, &MarketData::Depth { ts, update });
            }
            Doing::Trade { price, lots, sells } => {
                let Level { price, quantity } = row(price, lots);
                let aggressor = if sells { Side::Sell } else { Side::Buy };
                let trade = MarketData::Trade { instrument: INSTRUMENT, ts, id: update_id, price, quantity, aggressor };
                desk.exchange.play(ts, &trade);
            }
            Doing::Order { account, buys, kind, price, lots } => {
                let (side, far) = if buys { ("BUY", price + 3) } else { ("SELL", price - 3) };
                let quantity = Decimal::new(lots.into(), 3);
                let kind = match kind {
                    0 | 1 => format!("type=LIMIT&timeInForce=GTC&price={price}"),
                    2 => format!("type=LIMIT&timeInForce=GTC&price={price}&icebergQty={}", quantity / decimal("5")),
                    3 => format!("type=LIMIT&timeInForce=IOC&price={price}"),
                    4 => "type=MARKET".to_owned(),
                    5 => format!("type=LIMIT_MAKER&price={price}"),
                    _ => format!("type=STOP_LOSS&stopPrice={far}"),
                };
                let query = format!("symbol=BTCUSDT&side={side}&quantity={quantity}&{kind}");
                said.push(desk.signed(KEYS[account], "POST", "/api/v3/order", &query).body);
            }
            Doing::CancelAll { account } => {
                said.push(desk.signed(KEYS[account], "DELETE", "/api/v3/openOrders", "symbol=BTCUSDT").body);
            }
            Doing::Wait { millis } => desk.advance(millis),
        }
        for event in desk.exchange.drain_user() {
            let told: Value = serde_json::from_str(&event.json).unwrap();
            if told["x"] == "TRADE" {
                let quantity = decimal(told["l"].as_str().unwrap());
                assert!((quantity % step).is_zero(), "{quantity} is no whole lot: {told}");
            }
            heard.push(event);
        }
        desk.check();
        assert_eq!(ASSETS.map(|asset| desk.exchange.total(asset)), before, "{doing:?}");
    }
    (said, heard)
}

proptest! {
    #[test]
    fn money_is_conserved_on_a_recorded_market_and_two_runs_are_equal(doings in prop::collection::vec(doing(), 1..60)) {
        prop_assert_eq!(run(&doings), run(&doings));
    }
}

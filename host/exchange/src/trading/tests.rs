//! Whatever accounts do, nothing is made or lost, and the same doings give the same bytes.

use std::collections::BTreeMap;

use proptest::prelude::*;
use ringfence_model::Side;
use serde_json::Value;

use crate::testing::{Desk, KEYS, config, decimal};

const ASSETS: [&str; 3] = ["USDT", "BTC", "ETH"];

/// Something that an account does, or time that goes by.
#[derive(Debug, Clone)]
enum Doing {
    Place {
        account: usize,
        symbol: usize,
        buys: bool,
        kind: usize,
        /// From the best price of the other side, in ticks of a hundredth.
        ticks: i64,
        lots: u32,
        self_trade: usize,
    },
    Cancel {
        place: usize,
    },
    Amend {
        place: usize,
        percent: u32,
        keeps_name: bool,
    },
    CancelAll {
        account: usize,
        symbol: usize,
    },
    Wait {
        millis: u64,
    },
}

fn doing() -> impl Strategy<Value = Doing> {
    let place = (0..2usize, 0..2usize, any::<bool>(), 0..7usize, -400i64..400, 1u32..40_000, 0..5usize).prop_map(
        |(account, symbol, buys, kind, ticks, lots, self_trade)| Doing::Place {
            account,
            symbol,
            buys,
            kind,
            ticks,
            lots,
            self_trade,
        },
    );
    prop_oneof![
        6 => place,
        2 => (0..40usize).prop_map(|place| Doing::Cancel { place }),
        2 => (0..40usize, 1u32..130, any::<bool>())
            .prop_map(|(place, percent, keeps_name)| Doing::Amend { place, percent, keeps_name }),
        1 => (0..2usize, 0..2usize).prop_map(|(account, symbol)| Doing::CancelAll { account, symbol }),
        3 => (1u64..400).prop_map(|millis| Doing::Wait { millis }),
    ]
}

/// Does it, and returns all that was said.
fn act(desk: &mut Desk, doing: &Doing) -> Vec<String> {
    let mut said = Vec::new();
    let open = |desk: &Desk, place: usize| {
        let open = &desk.exchange.open;
        let id = *open.iter().nth(place % open.len().max(1))?;
        let order = desk.exchange.orders[&id].clone();
        let symbol = desk.exchange.config.symbols[order.symbol].symbol.clone();
        Some((KEYS[order.account], symbol, order))
    };
    match *doing {
        Doing::Place { account, symbol, buys, kind, ticks, lots, self_trade } => {
            let rules = desk.exchange.config.symbols[symbol].clone();
            let side = if buys { Side::Buy } else { Side::Sell };
            let best = desk.exchange.markets[symbol].book.best(side.opposite());
            let price = best.map_or(rules.start_price, |best| best.price)
                + rules.filters.price.tick
                    * decimal(&format!("{}", ticks.abs()))
                    * if ticks < 0 { -decimal("1") } else { decimal("1") };
            let quantity = rules.filters.lot_size.step * decimal(&lots.to_string());
            let kind = [
                format!("LIMIT&timeInForce=GTC&price={price}&quantity={quantity}"),
                format!("LIMIT&timeInForce=GTC&price={price}&quantity={quantity}"),
                format!("LIMIT&timeInForce=IOC&price={price}&quantity={quantity}"),
                format!("LIMIT&timeInForce=FOK&price={price}&quantity={quantity}"),
                format!("LIMIT_MAKER&price={price}&quantity={quantity}"),
                format!("MARKET&quantity={quantity}"),
                format!("MARKET&quoteOrderQty={}", lots * 7),
            ][kind]
                .clone();
            let mode = ["", "NONE", "EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH"][self_trade];
            let side = if buys { "BUY" } else { "SELL" };
            let query = format!("symbol={}&side={side}&type={kind}&selfTradePreventionMode={mode}", rules.symbol);
            said.push(desk.signed(KEYS[account], "POST", "/api/v3/order", &query).body);
        }
        Doing::Cancel { place } => {
            if let Some((key, symbol, order)) = open(desk, place) {
                let query = format!("symbol={symbol}&orderId={}", order.id);
                said.push(desk.signed(key, "DELETE", "/api/v3/order", &query).body);
            }
        }
        Doing::Amend { place, percent, keeps_name } => {
            if let Some((key, symbol, order)) = open(desk, place) {
                let step = desk.exchange.config.symbols[order.symbol].filters.lot_size.step;
                let lots = (order.quantity * decimal(&percent.to_string()) / decimal("100") / step).trunc();
                let name = if keeps_name { order.client_order_id.as_str() } else { "" };
                let query =
                    format!("symbol={symbol}&orderId={}&newQty={}&newClientOrderId={name}", order.id, lots * step);
                said.push(desk.signed(key, "PUT", "/api/v3/order/amend/keepPriority", &query).body);
            }
        }
        Doing::CancelAll { account, symbol } => {
            let query = format!("symbol={}", desk.exchange.config.symbols[symbol].symbol);
            said.push(desk.signed(KEYS[account], "DELETE", "/api/v3/openOrders", &query).body);
        }
        Doing::Wait { millis } => desk.advance(millis),
    }
    said.extend(desk.exchange.drain_streams().into_iter().map(|message| message.stream + &message.data));
    said
}

fn listening(seed: u64) -> Desk {
    let mut desk = Desk::open(config(seed));
    for stream in [
        "btcusdt@trade",
        "btcusdt@aggTrade",
        "ethusdt@depth@100ms",
        "btcusdt@bookTicker",
        "ethusdt@depth20@100ms",
        "btcusdt@kline_1m",
    ] {
        assert!(desk.exchange.listen(stream), "{stream}");
    }
    desk
}

/// What the events of an account say that it owns, and what its orders have got.
#[derive(Debug, Default)]
struct Told {
    balances: BTreeMap<String, (String, String)>,
    filled: BTreeMap<u64, String>,
}

impl Told {
    fn hear(&mut self, event: &Value) {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        if event["e"] == "outboundAccountPosition" {
            for row in event["B"].as_array().unwrap() {
                self.balances.insert(text(&row["a"]), (text(&row["f"]), text(&row["l"])));
            }
        } else {
            self.filled.insert(event["i"].as_u64().unwrap(), text(&event["z"]));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn nothing_is_made_or_lost(seed: u64, doings in prop::collection::vec(doing(), 1..60)) {
        let mut desk = listening(seed);
        let totals = ASSETS.map(|asset| desk.exchange.total(asset));
        let mut told = [Told::default(), Told::default()];
        for doing in &doings {
            act(&mut desk, doing);
            desk.check();
            prop_assert_eq!(ASSETS.map(|asset| desk.exchange.total(asset)), totals);
            for event in desk.exchange.drain_user() {
                let account = usize::from(event.api_key == KEYS[1]);
                told[account].hear(&serde_json::from_str(&event.json).unwrap());
            }
            for (account, told) in told.iter().enumerate() {
                for (asset, (free, locked)) in &told.balances {
                    let holding = desk.holding(account, asset);
                    prop_assert_eq!(decimal(free), holding.free);
                    prop_assert_eq!(decimal(locked), holding.locked);
                }
                for (order, filled) in &told.filled {
                    prop_assert_eq!(decimal(filled), desk.exchange.orders[order].executed);
                }
            }
            for market in &desk.exchange.markets {
                if let Some((bid, ask)) = market.book.best(Side::Buy).zip(market.book.best(Side::Sell)) {
                    prop_assert!(bid.price < ask.price, "crossed: {:?} {:?}", bid, ask);
                }
            }
        }
        for order in desk.exchange.orders.values() {
            let trades = desk.exchange.trades.iter().filter(|trade| trade.order == order.id);
            let (mut quantity, mut notional) = (decimal("0"), decimal("0"));
            for trade in trades {
                quantity += trade.quantity;
                notional += trade.quantity * trade.price;
                let through = order.price > decimal("0") && match order.side {
                    Side::Buy => trade.price > order.price,
                    Side::Sell => trade.price < order.price,
                };
                prop_assert!(!through && (!trade.maker || trade.price == order.price));
            }
            prop_assert_eq!((order.executed, order.quote_executed), (quantity, notional));
            prop_assert!(order.executed <= order.quantity);
        }
    }

    #[test]
    fn the_same_doings_give_the_same_bytes(seed: u64, doings in prop::collection::vec(doing(), 1..40)) {
        let run = || {
            let mut desk = listening(seed);
            let mut said: Vec<String> = doings.iter().flat_map(|doing| act(&mut desk, doing)).collect();
            said.extend(desk.exchange.drain_user().into_iter().map(|event| event.api_key + &event.json));
            said
        };
        prop_assert_eq!(run(), run());
    }
}

#[test]
fn an_amendment_below_what_was_executed_ends_the_order() {
    let mut desk = Desk::quiet(config(1));
    let order = desk.limit("ada", "SELL", "1", 60_000)["orderId"].clone();
    desk.limit("bob", "BUY", "0.4", 60_000);
    desk.events("ada");
    let query = format!("symbol=BTCUSDT&orderId={order}&newQty=0.3");
    let amended = desk.ask("ada", "PUT", "/api/v3/order/amend/keepPriority", &query);
    assert_eq!(amended["amendedOrder"]["executedQty"], "0.40000000");
    desk.check();
    assert_eq!(desk.holding(0, "BTC").locked, decimal("0"));
    assert!(desk.exchange.open.is_empty());
    let kinds: Vec<_> = desk.events("ada").iter().map(|event| event["x"].clone()).collect();
    assert_eq!(kinds, [Value::from("REPLACED"), Value::from("EXPIRED"), Value::Null]);
}

#[test]
fn two_accounts_trade_with_each_other_at_the_makers_price() {
    let mut desk = Desk::quiet(config(1));
    desk.limit("ada", "SELL", "0.5", 60_000);
    let taken = desk.limit("bob", "BUY", "0.5", 61_000);
    assert_eq!(
        (&taken["status"], &taken["fills"][0]["price"]),
        (&Value::from("FILLED"), &Value::from("60000.00000000"))
    );
    assert_eq!(desk.holding(1, "USDT").free, decimal("970000"));
    assert_eq!(desk.holding(1, "USDT").locked, decimal("0"));
    assert_eq!(desk.holding(1, "BTC").free, decimal("10.4995"));
    assert_eq!(desk.holding(0, "USDT").free, decimal("1029970"));
    let (maker, taker) = (
        desk.ask("ada", "GET", "/api/v3/myTrades", "symbol=BTCUSDT"),
        desk.ask("bob", "GET", "/api/v3/myTrades", "symbol=BTCUSDT"),
    );
    assert_eq!((&maker[0]["isMaker"], &taker[0]["isMaker"]), (&Value::from(true), &Value::from(false)));
    assert_eq!(maker[0]["id"], taker[0]["id"]);
    desk.check();
}

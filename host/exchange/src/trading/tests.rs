//! Whatever accounts do, nothing is made or lost, and the same doings give the same bytes.

use std::collections::BTreeMap;

use proptest::prelude::*;
use ringfence_model::{Decimal, Side};
use serde_json::Value;

use crate::order::Status;
use crate::testing::{Desk, KEYS, config, decimal};
use crate::{AccountConfig, ExchangeConfig};

const ASSETS: [&str; 4] = ["USDT", "BTC", "ETH", "BNB"];
const MODES: [&str; 7] = ["", "NONE", "EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH", "DECREMENT", "TRANSFER"];

/// Something that an account does, or time that goes by. Ticks count from the best price
/// of the other side, in hundredths.
#[derive(Debug, Clone)]
enum Doing {
    Place { account: usize, symbol: usize, buys: bool, kind: usize, ticks: i64, more: i64, lots: u32, mode: usize },
    List { account: usize, symbol: usize, buys: bool, kind: usize, ticks: i64, more: i64, lots: u32 },
    Replace { place: usize, ticks: i64, lots: u32, stops: bool },
    Cancel { place: usize },
    CancelList { place: usize },
    Amend { place: usize, percent: u32, keeps_name: bool },
    CancelAll { account: usize, symbol: usize },
    Wait { millis: u64 },
}

fn doing() -> impl Strategy<Value = Doing> {
    let place = (0..2usize, 0..2usize, any::<bool>(), 0..14usize, -400i64..400, 1i64..300, 1u32..40_000, 0..7usize)
        .prop_map(|(account, symbol, buys, kind, ticks, more, lots, mode)| Doing::Place {
            account,
            symbol,
            buys,
            kind,
            ticks,
            more,
            lots,
            mode,
        });
    let list = (0..2usize, 0..2usize, any::<bool>(), 0..7usize, -60i64..200, 1i64..300, 1u32..40_000).prop_map(
        |(account, symbol, buys, kind, ticks, more, lots)| Doing::List {
            account,
            symbol,
            buys,
            kind,
            ticks,
            more,
            lots,
        },
    );
    prop_oneof![
        8 => place,
        4 => list,
        1 => (0..40usize, -100i64..100, 1u32..20_000, any::<bool>())
            .prop_map(|(place, ticks, lots, stops)| Doing::Replace { place, ticks, lots, stops }),
        2 => (0..40usize).prop_map(|place| Doing::Cancel { place }),
        1 => (0..10usize).prop_map(|place| Doing::CancelList { place }),
        2 => (0..40usize, 1u32..130, any::<bool>())
            .prop_map(|(place, percent, keeps_name)| Doing::Amend { place, percent, keeps_name }),
        1 => (0..2usize, 0..2usize).prop_map(|(account, symbol)| Doing::CancelAll { account, symbol }),
        4 => (1u64..600).prop_map(|millis| Doing::Wait { millis }),
    ]
}

/// An order that is open: whose, of which symbol, its number.
fn open(desk: &Desk, place: usize) -> Option<(&'static str, String, u64)> {
    let all: Vec<_> = (0..KEYS.len())
        .flat_map(|account| desk.exchange.orders.open(account, None).into_iter().map(move |id| (account, id)))
        .collect();
    let (account, id) = *all.get(place % all.len().max(1))?;
    let symbol = desk.exchange.orders.get(id).unwrap().symbol;
    Some((KEYS[account], desk.exchange.config.symbols[symbol].symbol.clone(), id))
}

/// Does it, and returns all that was said.
fn act(desk: &mut Desk, doing: &Doing) -> Vec<String> {
    let mut said = Vec::new();
    let price = |desk: &Desk, symbol: usize, side: Side, ticks: i64| -> Decimal {
        let rules = &desk.exchange.config.symbols[symbol];
        let best = desk.exchange.markets[symbol].book.best(side.opposite());
        best.map_or(rules.start_price, |best| best.price) + rules.filters.price.tick * Decimal::from(ticks)
    };
    let quantity = |desk: &Desk, symbol: usize, lots: u32| {
        desk.exchange.config.symbols[symbol].filters.lot_size.step * Decimal::from(lots)
    };
    match *doing {
        Doing::Place { account, symbol, buys, kind, ticks, more, lots, mode } => {
            let side = if buys { Side::Buy } else { Side::Sell };
            let name = desk.exchange.config.symbols[symbol].symbol.clone();
            let (p, q) = (price(desk, symbol, side, ticks), quantity(desk, symbol, lots));
            let (above, below) = (price(desk, symbol, side, more), price(desk, symbol, side, -more));
            let (stop, profit) = if buys { (above, below) } else { (below, above) };
            let slice = quantity(desk, symbol, lots.div_ceil(5));
            let kind = [
                format!("LIMIT&timeInForce=GTC&price={p}&quantity={q}"),
                format!("LIMIT&timeInForce=GTC&price={p}&quantity={q}&icebergQty={slice}"),
                format!("LIMIT&timeInForce=IOC&price={p}&quantity={q}"),
                format!("LIMIT&timeInForce=FOK&price={p}&quantity={q}"),
                format!("LIMIT_MAKER&price={p}&quantity={q}"),
                format!("MARKET&quantity={q}"),
                format!("MARKET&quoteOrderQty={}", lots * 7),
                format!("STOP_LOSS&stopPrice={stop}&quantity={q}"),
                format!("STOP_LOSS_LIMIT&timeInForce=GTC&stopPrice={stop}&price={p}&quantity={q}"),
                format!("TAKE_PROFIT&stopPrice={profit}&quantity={q}"),
                format!("TAKE_PROFIT_LIMIT&timeInForce=IOC&stopPrice={profit}&price={p}&quantity={q}"),
                format!("STOP_LOSS_LIMIT&timeInForce=GTC&trailingDelta=10&price={p}&quantity={q}&icebergQty={slice}"),
                format!("LIMIT&timeInForce=GTC&pegPriceType=PRIMARY_PEG&quantity={q}"),
                format!("TAKE_PROFIT_LIMIT&timeInForce=GTC&stopPrice={profit}&pegPriceType=MARKET_PEG&pegOffsetType=PRICE_LEVEL&pegOffsetValue=2&quantity={q}"),
            ][kind]
                .clone();
            let side = if buys { "BUY" } else { "SELL" };
            let query = format!("symbol={name}&side={side}&type={kind}&selfTradePreventionMode={}", MODES[mode]);
            said.push(desk.signed(KEYS[account], "POST", "/api/v3/order", &query).body);
        }
        Doing::List { account, symbol, buys, kind, ticks, more, lots } => {
            let side = if buys { Side::Buy } else { Side::Sell };
            let name = desk.exchange.config.symbols[symbol].symbol.clone();
            let q = quantity(desk, symbol, lots);
            let working = price(desk, symbol, side, if buys { -ticks } else { ticks });
            let (above, below) = (price(desk, symbol, side, more), price(desk, symbol, side, -more));
            let (word, other) = if buys { ("BUY", "SELL") } else { ("SELL", "BUY") };
            let work = format!(
                "workingType=LIMIT&workingSide={word}&workingPrice={working}&workingQuantity={q}&workingTimeInForce=GTC"
            );
            let pair = |prefix: &str, sells: bool| {
                let leg = |text: &str| format!("{prefix}{text}");
                let (up, down) = if prefix.is_empty() {
                    ("above", "below")
                } else {
                    (leg("Above").leak() as &str, leg("Below").leak() as &str)
                };
                if sells {
                    format!("{up}Type=LIMIT_MAKER&{up}Price={above}&{down}Type=STOP_LOSS&{down}StopPrice={below}")
                } else {
                    format!(
                        "{up}Type=STOP_LOSS_LIMIT&{up}StopPrice={above}&{up}Price={above}&{up}TimeInForce=GTC&{down}Type=TAKE_PROFIT&{down}StopPrice={below}"
                    )
                }
            };
            let (path, query) = match kind {
                0 => ("orderList/oco", format!("side={word}&quantity={q}&{}", pair("", !buys))),
                1 => (
                    "order/oco",
                    format!(
                        "side=SELL&quantity={q}&price={above}&stopPrice={below}&stopLimitPrice={below}&stopLimitTimeInForce=GTC"
                    ),
                ),
                2 => ("orderList/oto", format!("{work}&pendingType=MARKET&pendingSide={other}&pendingQuantity={q}")),
                3 => (
                    "orderList/oto",
                    format!(
                        "{work}&pendingType=LIMIT&pendingTimeInForce=GTC&pendingPrice={above}&pendingSide={other}&pendingQuantity={q}"
                    ),
                ),
                4 => (
                    "orderList/otoco",
                    format!("{work}&pendingSide={other}&pendingQuantity={q}&{}", pair("pending", buys)),
                ),
                5 => (
                    "orderList/opo",
                    format!("{work}&pendingType=LIMIT_MAKER&pendingPrice={above}&pendingSide={other}"),
                ),
                _ => ("orderList/opoco", format!("{work}&pendingSide={other}&{}", pair("pending", buys))),
            };
            let query = format!("symbol={name}&{query}&newOrderRespType=FULL");
            said.push(desk.signed(KEYS[account], "POST", &format!("/api/v3/{path}"), &query).body);
        }
        Doing::Replace { place, ticks, lots, stops } => {
            if let Some((key, symbol, id)) = open(desk, place) {
                let index = desk.exchange.symbol_index(&symbol).unwrap();
                let (p, q) = (price(desk, index, Side::Buy, ticks), quantity(desk, index, lots));
                let mode = if stops { "STOP_ON_FAILURE" } else { "ALLOW_FAILURE" };
                let query = format!(
                    "symbol={symbol}&side=BUY&type=LIMIT_MAKER&price={p}&quantity={q}&cancelReplaceMode={mode}&cancelOrderId={id}"
                );
                said.push(desk.signed(key, "POST", "/api/v3/order/cancelReplace", &query).body);
            }
        }
        Doing::Cancel { place } => {
            if let Some((key, symbol, id)) = open(desk, place) {
                said.push(desk.signed(key, "DELETE", "/api/v3/order", &format!("symbol={symbol}&orderId={id}")).body);
            }
        }
        Doing::CancelList { place } => {
            let lists: Vec<_> = (0..KEYS.len())
                .flat_map(|account| desk.exchange.orders.lists_of(account, true))
                .map(|list| (list.account, list.symbol, list.id))
                .collect();
            if let Some((account, symbol, id)) = lists.get(place % lists.len().max(1)).copied() {
                let query = format!("symbol={}&orderListId={id}", desk.exchange.config.symbols[symbol].symbol);
                said.push(desk.ask(KEYS[account], "DELETE", "/api/v3/orderList", &query).to_string());
            }
        }
        Doing::Amend { place, percent, keeps_name } => {
            if let Some((key, symbol, id)) = open(desk, place) {
                let order = desk.exchange.orders.get(id).unwrap();
                let step = desk.exchange.config.symbols[order.symbol].filters.lot_size.step;
                let quantity = order.quantity.unwrap_or_default().decimal();
                let lots = (quantity * Decimal::from(percent) / decimal("100") / step).trunc();
                let name = if keeps_name { order.client_order_id.to_string() } else { String::new() };
                let query = format!("symbol={symbol}&orderId={id}&newQty={}&newClientOrderId={name}", lots * step);
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

/// Two accounts of one trade group; the second pays commissions in BNB while it has some.
fn setting(seed: u64) -> ExchangeConfig {
    let mut config = config(seed);
    config.symbols.extend(crate::SymbolConfig::known("BNBUSDT"));
    for account in &mut config.accounts {
        account.trade_group = Some(9);
    }
    if let Some(AccountConfig { balances, .. }) = config.accounts.get_mut(1) {
        balances.push(("BNB".to_owned(), decimal("0.05")));
    }
    config
}

fn listening(seed: u64) -> Desk {
    let mut desk = Desk::open(setting(seed));
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
    filled: BTreeMap<u64, (String, String)>,
}

impl Told {
    fn hear(&mut self, event: &Value) {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        match event["e"].as_str().unwrap() {
            "outboundAccountPosition" => {
                for row in event["B"].as_array().unwrap() {
                    self.balances.insert(text(&row["a"]), (text(&row["f"]), text(&row["l"])));
                }
            }
            "executionReport" if event["x"] != "REJECTED" => {
                self.filled.insert(event["i"].as_u64().unwrap(), (text(&event["z"]), text(&event["X"])));
            }
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_is_made_or_lost(seed: u64, doings in prop::collection::vec(doing(), 1..70)) {
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
                for (order, (filled, status)) in &told.filled {
                    let order = desk.exchange.orders.get(*order).unwrap();
                    prop_assert_eq!(filled, &order.executed.to_string());
                    prop_assert_eq!(status, order.status.word());
                }
            }
            for market in &desk.exchange.markets {
                if let Some((bid, ask)) = market.book.best(Side::Buy).zip(market.book.best(Side::Sell)) {
                    prop_assert!(bid.price < ask.price, "crossed: {:?} {:?}", bid, ask);
                }
            }
        }
        for order in desk.exchange.orders.all() {
            let desk_of = desk.exchange.orders.desk(order.account, order.symbol).unwrap();
            let trades = desk_of.trades.iter().filter(|trade| trade.order == order.id);
            let (mut quantity, mut notional) = Default::default();
            for trade in trades {
                quantity += trade.quantity;
                notional += trade.notional;
                let limit = order.limit();
                let through = limit.is_some_and(|limit| match order.side {
                    Side::Buy => trade.price > limit,
                    Side::Sell => trade.price < limit,
                });
                prop_assert!(!through && (!trade.maker || Some(trade.price) == limit));
            }
            prop_assert_eq!((order.executed, order.quote_executed), (quantity, notional));
            prop_assert!(order.executed + order.prevented <= order.quantity.unwrap_or_default());
            prop_assert!(order.status != Status::Filled || order.remaining().is_zero());
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
    assert!(desk.exchange.orders.open(0, None).is_empty());
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

//! How many orders a second the matching core takes on one core, and how many signed
//! requests the whole exchange answers in process.
//!
//! `cargo bench -p ringfence-exchange --bench matching`. The mix: half limit orders around
//! a walking price (some of them meet the book), four in ten cancels, one in ten market
//! orders. Each figure is the median of seven runs; peak memory is that of the process.

#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Instant;

use hmac::{Hmac, KeyInit, Mac};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use ringfence_exchange::fixed::Fixed;
use ringfence_exchange::matching::book::{Book, Display, Maker, NodeId, Resting};
use ringfence_exchange::matching::{Amount, Owner, SelfTrade, Step, Taker, plan};
use ringfence_exchange::{AccountConfig, Exchange, ExchangeConfig, HttpRequest, LimitConfig, SymbolConfig};
use ringfence_model::{Decimal, Side, Timestamp};
use sha2::Sha256;

const ORDERS: usize = 1_000_000;
const REQUESTS: usize = 60_000;
const RUNS: usize = 7;

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "unknown".to_owned(), |line| line.trim().to_owned())
}

/// What a client does, made before the clock runs.
#[derive(Clone, Copy)]
enum Doing {
    Limit { side: Side, ticks: u32, lots: u32 },
    Market { side: Side, lots: u32 },
    Cancel { place: usize },
}

fn doings(count: usize) -> Vec<Doing> {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut below = move |bound: u32| rng.next_u32() % bound;
    let mut mid = 600_000i64;
    (0..count)
        .map(|_| {
            mid = (mid + i64::from(below(3)) - 1).clamp(400_000, 800_000);
            let side = if below(2) == 0 { Side::Buy } else { Side::Sell };
            let lots = below(500) + 1;
            match below(10) {
                0..5 => {
                    // From ten ticks beyond the middle to ninety behind it.
                    let behind = i64::from(below(100)) - 10;
                    let ticks = if side == Side::Buy { mid - behind } else { mid + behind };
                    Doing::Limit { side, ticks: u32::try_from(ticks).unwrap(), lots }
                }
                5..9 => Doing::Cancel { place: usize::try_from(below(u32::MAX)).unwrap() },
                _ => Doing::Market { side, lots },
            }
        })
        .collect()
}

/// The matching core alone: plan, carry out, rest, cancel.
fn core(doings: &[Doing]) -> (f64, u64, usize) {
    let mut book = Book::new(Display::Live);
    let mut open: Vec<(u64, NodeId)> = Vec::new();
    let mut place_of: Vec<usize> = vec![usize::MAX; doings.len() + 1];
    let (mut trades, mut deepest) = (0u64, 0usize);
    let lot = |lots: u32| Fixed::from_units(i128::from(lots) * 1_000);
    let begun = Instant::now();
    for (order, doing) in (1u64..).zip(doings) {
        let (side, limit, quantity) = match *doing {
            Doing::Limit { side, ticks, lots } => {
                (side, Some(Fixed::from_units(i128::from(ticks) * 1_000_000)), lot(lots))
            }
            Doing::Market { side, lots } => (side, None, lot(lots)),
            Doing::Cancel { place } => {
                if !open.is_empty() {
                    let (order, node) = open.swap_remove(place % open.len());
                    place_of[order as usize] = usize::MAX;
                    if let Some((moved, _)) = open.get(place % (open.len() + 1)) {
                        place_of[*moved as usize] = place % (open.len() + 1);
                    }
                    book.remove(node);
                }
                continue;
            }
        };
        let owner = Owner { account: (order % 50) as usize, group: None };
        let amount = Amount::Base(quantity);
        let plan =
            plan(&book, &Taker { side, limit, amount, self_trade: SelfTrade::None, owner: Some(owner), range: None });
        for step in &plan.steps {
            if let Step::Trade { node, quantity, maker, .. } = *step {
                trades += 1;
                let left = book.remaining(node);
                book.take(node, quantity);
                if let (true, Maker::Own(order)) = (left == quantity, maker) {
                    let place = std::mem::replace(&mut place_of[order as usize], usize::MAX);
                    open.swap_remove(place);
                    if let Some((moved, _)) = open.get(place) {
                        place_of[*moved as usize] = place;
                    }
                }
            }
        }
        let left = quantity - plan.filled;
        if let (Some(price), true) = (limit, left.is_positive()) {
            let resting = Resting { order, owner, self_trade: SelfTrade::None, quantity: left, iceberg: None };
            let node = book.rest(side, price, resting);
            place_of[order as usize] = open.len();
            open.push((order, node));
            deepest = deepest.max(open.len());
        }
    }
    (begun.elapsed().as_secs_f64(), trades, deepest)
}

fn signed(query: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(b"secret").unwrap();
    mac.update(query.as_bytes());
    let signature: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{query}&signature={signature}")
}

/// Everything but sockets: signature, limits, filters, funds, matching, events, answers.
fn whole(doings: &[Doing]) -> (f64, usize) {
    let mut symbols: Vec<SymbolConfig> = SymbolConfig::known("BTCUSDT").into_iter().collect();
    for symbol in &mut symbols {
        symbol.filters.max_num_orders = None;
    }
    let limits = LimitConfig {
        weight_per_minute: u64::MAX,
        raw_per_five_minutes: u64::MAX,
        orders_per_ten_seconds: u64::MAX,
        orders_per_day: u64::MAX,
        ..LimitConfig::default()
    };
    let balances =
        vec![("USDT".to_owned(), Decimal::new(10_000_000_000, 0)), ("BTC".to_owned(), Decimal::new(1_000_000, 0))];
    let account =
        AccountConfig { api_key: "key".to_owned(), secret: "secret".to_owned(), balances, ..AccountConfig::default() };
    let mut exchange =
        Exchange::new(ExchangeConfig { symbols, accounts: vec![account], limits, ..ExchangeConfig::default() })
            .unwrap();
    let start = exchange.start();
    let stamp = start.as_millis();
    let decimal = |number: u32, scale| Decimal::new(i64::from(number), scale);
    let requests: Vec<(&str, String)> = (1u64..)
        .zip(doings)
        .map(|(order, doing)| match *doing {
            Doing::Limit { side, ticks, lots } => {
                let side = if side == Side::Buy { "BUY" } else { "SELL" };
                let (price, quantity) = (decimal(ticks * 10, 2), decimal(lots + 10, 5));
                ("POST", format!("symbol=BTCUSDT&side={side}&type=LIMIT&timeInForce=GTC&price={price}&quantity={quantity}&selfTradePreventionMode=NONE&newClientOrderId=o{order}&timestamp={stamp}"))
            }
            Doing::Market { side, lots } => {
                let side = if side == Side::Buy { "BUY" } else { "SELL" };
                let quantity = decimal(lots + 10, 5);
                ("POST", format!("symbol=BTCUSDT&side={side}&type=MARKET&quantity={quantity}&selfTradePreventionMode=NONE&timestamp={stamp}"))
            }
            Doing::Cancel { place } => {
                // One of the last thousand orders; some are gone and are refused.
                let back = u64::try_from(place % 1_000).unwrap() + 1;
                ("DELETE", format!("symbol=BTCUSDT&origClientOrderId=o{}&timestamp={stamp}", order.saturating_sub(back)))
            }
        })
        .map(|(method, query)| (method, signed(&query)))
        .collect();
    let mut accepted = 0;
    let begun = Instant::now();
    for (method, query) in &requests {
        let request = HttpRequest {
            method,
            path: "/api/v3/order",
            query,
            body: "",
            api_key: Some("key"),
            ..HttpRequest::default()
        };
        let answer = exchange.http(Timestamp(start.0), &request);
        accepted += usize::from(answer.status == 200);
        drop(exchange.drain_user());
    }
    (begun.elapsed().as_secs_f64(), accepted)
}

fn main() {
    let mix = doings(ORDERS);
    let runs: Vec<_> = (0..RUNS).map(|_| core(&mix)).collect();
    let seconds = median(runs.iter().map(|run| run.0).collect());
    println!(
        "matching core: {:.2} million orders/s ({ORDERS} orders, {} trades, at most {} resting), peak memory {}",
        ORDERS as f64 / seconds / 1e6,
        runs[0].1,
        runs[0].2,
        peak_memory(),
    );
    let mix = doings(REQUESTS);
    let runs: Vec<_> = (0..RUNS).map(|_| whole(&mix)).collect();
    let seconds = median(runs.iter().map(|run| run.0).collect());
    println!(
        "whole exchange in process: {:.0} thousand signed requests/s ({REQUESTS} requests, {} accepted), peak memory {}",
        REQUESTS as f64 / seconds / 1e3,
        runs[0].1,
        peak_memory(),
    );
}

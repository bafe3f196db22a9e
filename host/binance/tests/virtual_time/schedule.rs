//! One schedule: orders while everything goes wrong, then quiet; and what must hold then.

use std::collections::BTreeSet;
use std::time::Duration;

use ringfence_exchange::{AccountConfig, Bustle, Exchange, ExchangeConfig, SymbolConfig};
use ringfence_model::Decimal;
use ringfence_model::desk::Desk as _;
use tokio::time::Instant;

use super::host::{BTC, Host};
use super::world::{Chance, Shared, Trace, World};

/// Schedules of the everyday run; `RINGFENCE_SEEDS` asks for more.
const SEEDS: u64 = 300;
/// How long things go wrong.
const ROUGH: u64 = 25;
/// Longest time until all is settled after that: a silent socket takes 45 s to be noticed, doubt about an order
/// half a minute.
const SETTLED_WITHIN: u64 = 180;

/// A silent stream is suspected after four times its longest pause, one that never spoke after five minutes.
const SPEAKS_WITHIN: u64 = 400;

pub(crate) fn world(seed: u64) -> Shared {
    let exchange = Exchange::new(ExchangeConfig {
        seed,
        symbols: vec![SymbolConfig::known("BTCUSDT").unwrap()],
        // The market is only the scenery here, and most of what a schedule costs.
        bustle: Bustle::Calm,
        ..ExchangeConfig::default()
    })
    .unwrap();
    World::shared(exchange, seed)
}

/// What happened, for the sum over all seeds.
#[derive(Debug, Default, Clone, Copy)]
struct Happened {
    /// Of virtual time.
    seconds: u64,
    orders: u64,
    fills: u64,
    books: u64,
    lists: u64,
    /// Orders that waited and then worked.
    set_off: u64,
    /// Orders that ended because of another one of their list.
    by_list: u64,
}

async fn beat(world: &Shared, host: &mut Host) {
    host.run_until(Instant::now() + Duration::from_millis(100)).await;
    world.0.lock().unwrap().advance();
}

/// Fills that the exchange has told of and the host has not.
fn untold(world: &Shared, host: &Host) -> Vec<u64> {
    let world = world.0.lock().unwrap();
    world.fills.iter().filter(|id| !host.fills.contains_key(id)).copied().collect()
}

async fn schedule(seed: u64, world: Shared) -> Happened {
    let began = Instant::now();
    world.0.lock().unwrap().advance();
    let mut host = Host::start(world.clone()).await;
    for _ in 0..20 {
        beat(&world, &mut host).await;
    }
    world.0.lock().unwrap().quiet = false;
    let mut chance = Chance::new(seed ^ 0x0dd);
    for _ in 0..ROUGH * 10 {
        beat(&world, &mut host).await;
        if chance.one_in(3) {
            host.act(&mut chance);
        }
        if chance.one_in(30) {
            world.0.lock().unwrap().disturb();
        }
    }
    world.0.lock().unwrap().quiet = true;
    // What happened meanwhile comes to light by itself, not only when somebody touches an order.
    let mut left = SETTLED_WITHIN * 10;
    while left > 0 && !untold(&world, &host).is_empty() {
        beat(&world, &mut host).await;
        left -= 1;
    }
    let missed = untold(&world, &host);
    assert!(missed.is_empty(), "not told in time: {missed:?}");
    let mut left = SETTLED_WITHIN * 10;
    while left > 0 && (host.engine.open_orders() > 0 || !host.desk.open_orders().is_empty()) {
        if left.is_multiple_of(20) {
            host.cancel_all();
        }
        beat(&world, &mut host).await;
        left -= 1;
    }
    assert_eq!(host.engine.open_orders(), 0, "orders in doubt for ever: {:?}", host.desk.open_orders());
    assert!(host.desk.open_orders().is_empty(), "{:?}", host.desk.open_orders());
    // A stream that went silent speaks again.
    host.heard.clear();
    let mut left = SPEAKS_WITHIN * 10;
    while left > 0 && host.heard.len() < 4 {
        beat(&world, &mut host).await;
        left -= 1;
    }
    assert_eq!(host.heard.len(), 4, "a stream stays silent, only these speak: {:?}", host.heard);
    // The book comes back, too.
    let mut compared = host.compared;
    let mut left = 1_200;
    while left > 0 && (host.desk.book(BTC, 5, 0).is_none() || host.compared < compared + 5) {
        if host.desk.book(BTC, 5, 0).is_none() {
            compared = host.compared;
        }
        beat(&world, &mut host).await;
        left -= 1;
    }
    assert!(left > 0, "the book does not come back: {:?}, compared {}", host.desk.book(BTC, 1, 0), host.compared);

    let world = world.0.lock().unwrap();
    let twice: Vec<_> = world.sent.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "sent twice: {twice:?}");
    let doubled: Vec<_> = host.fills.iter().filter(|(_, count)| **count > 1).collect();
    assert!(doubled.is_empty(), "told twice: {doubled:?}");
    assert!(host.fills.keys().eq(&world.fills), "never told, or told and not true: {:?} {:?}", world.fills, host.fills);
    assert!(host.desk.reservations_agree());
    let account = AccountConfig::default();
    let report = host.desk.report();
    for (asset, start) in &account.balances {
        let changed =
            report.changes.iter().find(|(known, _)| known == asset).map_or(Decimal::ZERO, |(_, change)| *change);
        let balances = world.exchange.balances(&account.api_key);
        let now = balances
            .iter()
            .find(|known| known.asset == *asset)
            .map_or(Decimal::ZERO, |known| known.free + known.locked);
        assert_eq!(start + changed, now, "the ledger's {asset} is not the account's");
    }
    assert!(host.told.is_empty(), "{:?}", host.told);
    Happened {
        seconds: began.elapsed().as_secs(),
        orders: world.sent.len() as u64,
        fills: host.fills.len() as u64,
        books: host.compared,
        lists: host.lists,
        set_off: host.set_off,
        by_list: host.by_list,
    }
}

fn run(seed: u64, trace: Trace) -> (Happened, Trace) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let world = world(seed);
        world.0.lock().unwrap().trace = trace;
        let happened = schedule(seed, world.clone()).await;
        let trace = std::mem::replace(&mut world.0.lock().unwrap().trace, Trace::Off);
        (happened, trace)
    })
}

/// A subscription dies while its connection lives and answers pings: nothing tells, but a fill is not lost for ever.
#[test]
fn a_silent_user_stream_costs_no_fill() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let world = world(5);
        world.0.lock().unwrap().advance();
        let mut host = Host::start(world.clone()).await;
        for _ in 0..20 {
            beat(&world, &mut host).await;
        }
        // Orders stand at the market; from here on nobody says what becomes of them.
        host.quote_both_sides();
        for _ in 0..5 {
            beat(&world, &mut host).await;
        }
        assert!(untold(&world, &host).is_empty());
        world.0.lock().unwrap().mute = true;
        for _ in 0..600 {
            beat(&world, &mut host).await;
        }
        let missed = untold(&world, &host);
        assert!(!missed.is_empty(), "nothing happened, or somebody told");
        // Five minutes after the last word on an order at the latest, and a round trip for each question.
        for _ in 0..3_100 {
            beat(&world, &mut host).await;
        }
        let still: BTreeSet<_> = untold(&world, &host).into_iter().collect();
        assert!(missed.iter().all(|fill| !still.contains(fill)), "never told: {missed:?} {still:?}");
    });
}

/// A printed seed is worth something only if it does the same again: every request, frame and event at its time.
#[test]
fn a_seed_does_the_same_again() {
    let lines = |seed| match run(seed, Trace::Kept(Vec::new())).1 {
        Trace::Kept(lines) => lines,
        other => panic!("{other:?}"),
    };
    for seed in 0..10 {
        // On threads of their own, as the runs of many seeds: nothing of a thread may matter.
        let (one, other) = std::thread::scope(|scope| {
            let other = scope.spawn(|| lines(seed));
            (lines(seed), other.join().unwrap())
        });
        assert!(one.len() > 1_000, "{}", one.len());
        let differs = one.iter().zip(&other).enumerate().find(|(_, (one, other))| one != other);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(one.len(), other.len(), "seed {seed}");
    }
}

#[test]
fn faults_of_every_kind_cost_no_order_no_fill_and_no_level() {
    if let Ok(seed) = std::env::var("RINGFENCE_SEED") {
        let happened = run(seed.parse().expect("RINGFENCE_SEED is a number"), Trace::Printed);
        println!("{happened:?}");
        return;
    }
    let (first, end) = std::env::var("RINGFENCE_SEEDS").map_or((0, SEEDS), |seeds| {
        let number = |text: &str| text.parse().expect("RINGFENCE_SEEDS is a number, or two with .. between");
        seeds.split_once("..").map_or_else(|| (0, number(&seeds)), |(first, end)| (number(first), number(end)))
    });
    let seeds = end - first;
    let next = std::sync::atomic::AtomicU64::new(first);
    let failed = std::sync::Mutex::new(Vec::new());
    let sum = std::sync::Mutex::new(Happened::default());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    match std::panic::catch_unwind(|| run(seed, Trace::Off)) {
                        Ok((happened, _)) => {
                            let mut sum = sum.lock().unwrap();
                            sum.seconds += happened.seconds;
                            sum.orders += happened.orders;
                            sum.fills += happened.fills;
                            sum.books += happened.books;
                            sum.lists += happened.lists;
                            sum.set_off += happened.set_off;
                            sum.by_list += happened.by_list;
                        }
                        Err(_) => failed.lock().unwrap().push(seed),
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "run again with RINGFENCE_SEED={}: {failed:?}", failed[0]);
    let sum = sum.into_inner().unwrap();
    println!("{seeds} seeds: {sum:?}");
    assert!(
        sum.lists > seeds && sum.set_off > seeds && sum.by_list > seeds / 2,
        "lists and stops do too little: {sum:?}"
    );
    assert!(
        sum.orders > seeds * 10 && sum.fills > seeds && sum.books > seeds * 20,
        "the schedules do too little: {sum:?}"
    );
}

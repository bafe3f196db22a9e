//! The strategy as ordinary Rust, without wasm.

use ema_cross::EmaCross;
use ringfence_sdk::testing::{Host, Setting};
use ringfence_sdk::{Denial, InitError, LogLevel, MILLISECOND, Side, decimal};

fn setting() -> Setting {
    Setting::new().parameter("fast", 2).parameter("slow", 4)
}

/// Trades at whole prices, `gap` milliseconds apart; the venue answers each order at once.
fn trades(host: &mut Host<EmaCross>, prices: impl IntoIterator<Item = i64>, gap: u64) {
    for price in prices {
        host.advance(gap * MILLISECOND);
        host.trade("BTCUSDT", &price.to_string(), "0.01", Side::Buy);
        host.settle();
    }
}

fn sides(host: &Host<EmaCross>) -> Vec<Side> {
    host.orders().into_iter().map(|(_, order)| order.side).collect()
}

#[test]
fn long_on_the_way_up_and_flat_on_the_way_down() {
    let mut host = setting().host::<EmaCross>().unwrap();
    trades(&mut host, 60_000..60_010, 100);
    assert_eq!((sides(&host), host.position("BTCUSDT")), (vec![Side::Buy], decimal!("0.002")));
    trades(&mut host, (59_990..60_005).rev(), 100);
    // It was given no BTC, so it sells what it bought and no more.
    assert_eq!((sides(&host), host.position("BTCUSDT")), (vec![Side::Buy, Side::Sell], decimal!("0")));
    trades(&mut host, 60_000..60_010, 100);
    assert_eq!(host.position("BTCUSDT"), decimal!("0.002"));
}

#[test]
fn sells_out_of_its_allocation() {
    let mut host = setting().allocation("BTC", "0.5").host::<EmaCross>().unwrap();
    trades(&mut host, (59_990..60_005).rev(), 100);
    assert_eq!(host.position("BTCUSDT"), decimal!("-0.002"));
    trades(&mut host, 60_000..60_020, 100);
    assert_eq!(host.position("BTCUSDT"), decimal!("0.002"));
}

#[test]
fn waits_between_orders_and_for_its_own() {
    let mut host = setting().allocation("BTC", "0.5").host::<EmaCross>().unwrap();
    let zigzag = || (0..400).map(|i| if i / 5 % 2 == 0 { 60_000 + i % 5 } else { 60_005 - i % 5 * 3 });
    trades(&mut host, zigzag(), 20);
    let orders = host.orders().len();
    assert!((10..=16).contains(&orders), "{orders} orders in eight seconds");

    let mut host = setting().allocation("BTC", "0.5").host::<EmaCross>().unwrap();
    for price in zigzag() {
        host.advance(20 * MILLISECOND);
        host.trade("BTCUSDT", &price.to_string(), "0.01", Side::Buy);
    }
    assert_eq!(host.orders().len(), 1, "the first one was never answered");
}

/// As in the simulated market: some forty trades a second that wander by ticks and bounce between bid and ask.
#[test]
fn trades_within_seconds_on_a_random_walk() {
    for seed in 1u64..=20 {
        let mut host = Setting::new().allocation("BTC", "0.5").host::<EmaCross>().unwrap();
        let mut dice = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut price = 6_000_000i64;
        for _ in 0..20 * 40 {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            price += (dice >> 33) as i64 % 201 - 100;
            host.advance(24 * MILLISECOND);
            host.trade("BTCUSDT", &format!("{}.{:02}", price / 100, price % 100), "0.01", Side::Buy);
            host.settle();
        }
        assert!(host.orders().len() >= 3, "seed {seed}: {} orders", host.orders().len());
    }
}

#[test]
fn goes_on_where_the_generation_before_was() {
    let mut before = setting().host::<EmaCross>().unwrap();
    trades(&mut before, 60_000..60_010, 100);
    let mut after = setting().host::<EmaCross>().unwrap();
    after.restore(&before.save()).unwrap();
    assert_eq!(after.save(), before.save());
    trades(&mut after, 60_010..60_020, 100);
    assert!(after.orders().is_empty(), "it is long already");

    let mut other = Setting::new().host::<EmaCross>().unwrap();
    other.restore(&before.save()).unwrap();
    assert_ne!(other.save(), before.save(), "averages of other lengths start anew");
    assert!(other.restore(b"nonsense").is_err());
}

#[test]
fn a_denial_is_told_and_does_not_stop_it() {
    let mut host = setting().host::<EmaCross>().unwrap();
    host.deny(Denial::Halted);
    trades(&mut host, 60_000..60_010, 100);
    assert!(matches!(&host.logs()[..], [(LogLevel::Warn, _)]), "{:?}", host.logs());
    trades(&mut host, (59_990..60_005).rev(), 100);
    trades(&mut host, 60_000..60_010, 100);
    assert_eq!(host.position("BTCUSDT"), decimal!("0.002"));
}

#[test]
fn refuses_averages_the_wrong_way_round() {
    let refused = Setting::new().parameter("fast", 40).parameter("slow", 10).host::<EmaCross>();
    assert!(matches!(refused, Err(InitError::InvalidParameter(_))));
    let refused = Setting::new().instruments(Vec::new()).host::<EmaCross>();
    assert!(matches!(refused, Err(InitError::MissingGrant(_))));
}

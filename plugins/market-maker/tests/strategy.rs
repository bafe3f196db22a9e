//! The strategy as ordinary Rust, without wasm.

use market_maker::MarketMaker;
use ringfence_sdk::testing::{Command, Host, Setting};
use ringfence_sdk::{
    Decimal, Denial, LogLevel, MILLISECOND, OrderChange, OrderKind, OrderReason, OrderStatus, QuotaDenial, QuotaKind,
    Side, decimal,
};

fn setting() -> Setting {
    Setting::new().allocation("BTC", "0.5").parameter("tolerance", 20).parameter("requote-ms", 0)
}

fn host() -> Host<MarketMaker> {
    let mut host = setting().host().expect("it starts");
    host.start();
    host
}

fn quote(host: &mut Host<MarketMaker>, bid: &str, ask: &str) {
    host.quote("BTCUSDT", bid, ask);
}

/// Own bid and ask.
fn own(host: &Host<MarketMaker>) -> (Option<Decimal>, Option<Decimal>) {
    let open = host.open_orders();
    let price = |side| {
        let of_side: Vec<_> = open.iter().filter(|order| order.side == side).collect();
        assert!(of_side.len() <= 1, "more than one order of a side: {of_side:?}");
        of_side.first().map(|order| order.price)
    };
    (price(Side::Buy), price(Side::Sell))
}

#[test]
fn quotes_both_sides_post_only_at_the_touch() {
    let mut host = host();
    quote(&mut host, "60000.00", "60000.10");
    host.settle();
    assert_eq!(own(&host), (Some(decimal!("60000.00")), Some(decimal!("60000.10"))));
    for (_, order) in host.orders() {
        assert!(matches!(order.kind, OrderKind::LimitMaker(_)));
        assert_eq!(order.quantity(), Some(decimal!("0.002")));
    }
    let mut host: Host<MarketMaker> = setting().parameter("spread-ticks", 50).host().expect("starts");
    quote(&mut host, "60000.00", "60000.10");
    assert_eq!(own(&host), (Some(decimal!("59999.50")), Some(decimal!("60000.60"))));
}

#[test]
fn follows_the_market_beyond_the_tolerance_and_waits_for_the_cancel() {
    let mut host = host();
    quote(&mut host, "60000.00", "60000.10");
    host.settle();
    host.take_commands();
    quote(&mut host, "60000.20", "60000.30");
    assert!(host.take_commands().is_empty(), "20 ticks are tolerated");
    quote(&mut host, "60000.21", "60000.31");
    quote(&mut host, "60000.50", "60000.60");
    let commands: Vec<_> = host.take_commands().into_iter().map(|sent| sent.command).collect();
    assert_eq!(commands, [Command::Cancel(1), Command::Cancel(2)], "each is cancelled once, nothing is placed yet");
    host.settle();
    quote(&mut host, "60000.60", "60000.70");
    assert_eq!(own(&host), (Some(decimal!("60000.60")), Some(decimal!("60000.70"))));
}

#[test]
fn an_order_on_its_way_is_left_alone_until_the_venue_answers() {
    let mut host = host();
    quote(&mut host, "60000.00", "60000.10");
    quote(&mut host, "60010.00", "60010.10");
    assert_eq!(host.commands().len(), 2);
    host.update(1, OrderChange::Unknown, OrderStatus::Unknown, OrderReason::None);
    quote(&mut host, "60020.00", "60020.10");
    assert_eq!(host.commands().len(), 2, "an order of unknown fate is never sent twice");
    host.reject(2, OrderReason::WouldMatch);
    quote(&mut host, "60020.00", "60020.10");
    assert_eq!(own(&host).1, Some(decimal!("60020.10")), "what was refused is placed anew");
}

#[test]
fn steps_back_on_the_side_that_grows_the_position() {
    let mut host = host();
    quote(&mut host, "60000.00", "60000.10");
    host.settle();
    host.fill(1);
    assert_eq!(host.position("BTCUSDT"), decimal!("0.002"));
    quote(&mut host, "60000.00", "60000.10");
    assert_eq!(own(&host), (Some(decimal!("59999.00")), Some(decimal!("60000.10"))), "100 ticks below");
}

#[test]
fn never_holds_or_owes_more_than_allowed() {
    for side in [Side::Buy, Side::Sell] {
        let mut host: Host<MarketMaker> =
            setting().parameter("max-position", decimal!("0.005")).host().expect("starts");
        for _ in 0..10 {
            quote(&mut host, "60000.00", "60000.10");
            host.settle();
            let hit = host.open_orders().into_iter().find(|order| order.side == side);
            if let Some(order) = hit {
                host.fill(order.order);
            }
        }
        let position = host.position("BTCUSDT");
        assert_eq!(position.abs(), decimal!("0.004"), "{side:?}");
        assert_eq!(position.is_positive(), side == Side::Buy);
    }
}

#[test]
fn a_part_that_was_filled_counts() {
    let mut host = host();
    quote(&mut host, "60000.00", "60000.10");
    host.settle();
    host.fill_part(1, "0.0005", "60000.00");
    quote(&mut host, "60000.00", "60000.10");
    assert_eq!(host.open_orders().len(), 2, "the rest keeps its place");
    assert_eq!(host.points().last().map(|(_, value)| *value), Some(decimal!("0.0005")));
}

#[test]
fn a_denial_is_told_once_and_tried_again_when_it_may() {
    let mut host = host();
    let wait = 250 * MILLISECOND;
    host.deny(Denial::Quota(QuotaDenial { kind: QuotaKind::OrdersPerSecond, limit: 10, retry_after: wait }));
    for _ in 0..3 {
        quote(&mut host, "60000.00", "60000.10");
    }
    assert!(matches!(&host.logs()[..], [(LogLevel::Warn, _)]), "{:?}", host.logs());
    assert!(host.open_orders().is_empty());
    host.advance(wait);
    quote(&mut host, "60000.00", "60000.10");
    assert_eq!(host.open_orders().len(), 2);
}

/// Twenty seconds of 130 quotes a second with the host's default quota: hardly a denial, many orders.
#[test]
fn stays_within_the_quota_of_a_lively_market() {
    let setting = Setting::new().allocation("BTC", "0.5");
    let setting = setting.per_second(QuotaKind::OrdersPerSecond, 10).per_second(QuotaKind::CancelsPerSecond, 20);
    let mut host: Host<MarketMaker> = setting.host().expect("it starts");
    let (mut chance, mut cents) = (7u64, 6_000_000i64);
    let (mut ordered, mut denied) = (0, 0);
    for round in 0..2_600 {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        cents += i64::try_from(chance >> 33).expect("31 bits") % 601 - 300;
        host.advance(7_700);
        quote(
            &mut host,
            &format!("{}.{:02}", cents / 100, cents % 100),
            &format!("{}.{:02}", (cents + 10) / 100, (cents + 10) % 100),
        );
        for sent in host.take_commands() {
            denied += usize::from(sent.denial.is_some());
            ordered += usize::from(sent.denial.is_none() && matches!(sent.command, Command::Submit(..)));
        }
        if round % 5 == 0 {
            host.settle();
            let hit = host.open_orders().first().map(|order| order.order);
            if let (Some(order), 0) = (hit, round % 25) {
                host.fill(order);
            }
        }
    }
    assert!(denied <= 5, "{denied} denials");
    assert!(ordered > 60, "{ordered} orders");
}

#[test]
fn the_next_generation_goes_on_with_the_open_orders() {
    let mut host = host();
    quote(&mut host, "60000.00", "60000.10");
    host.settle();
    host.restore(&host.save()).expect("nothing is kept");
    host.start();
    quote(&mut host, "60000.00", "60000.10");
    assert_eq!(host.orders().len(), 2);
}

//! Signing and admitting, which every order waits for. The bare HMAC stands next to ours:
//! the first keyed for each signature, the second from a keyed state that is cloned.

#![allow(missing_docs, reason = "criterion's macros write functions without any")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use hmac::{Hmac, KeyInit, Mac};
use ringfence_binance::Credentials;
use ringfence_binance::limits::{Cost, Ended, Limits, Priority, Requester};
use ringfence_binance::request;
use ringfence_model::venue::{ClientOrderId, VenueOrder};
use ringfence_model::{Decimal, OrderKind, SeatId, Side, TimeInForce, Timestamp};
use ringfence_wire::rest::RateLimit;
use sha2::Sha256;

const SECRET: &str = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";
const NOW_MS: u64 = 1_700_006_400_000;

fn order() -> VenueOrder {
    VenueOrder {
        symbol: "BTCUSDT".into(),
        side: Side::Buy,
        kind: OrderKind::Limit {
            quantity: Decimal::new(100, 5),
            price: Decimal::new(6_183_712, 2),
            time_in_force: TimeInForce::Gtc,
            iceberg_quantity: None,
        },
        client_order_id: ClientOrderId("r-1700006400-000001".into()),
    }
}

fn signing(criterion: &mut Criterion) {
    let credentials = Credentials::new("key".into(), SECRET.into());
    let mut query = "symbol=BTCUSDT&side=BUY&type=LIMIT&".to_owned();
    query.extend(std::iter::repeat_n('x', 200 - query.len()));
    let mut group = criterion.benchmark_group("sign 200 bytes");
    group.bench_function("ours, with hex", |bencher| {
        let mut text = String::with_capacity(400);
        bencher.iter(|| {
            text.clear();
            text.push_str(black_box(&query));
            credentials.sign_into(&mut text, 0);
            black_box(text.len())
        });
    });
    group.bench_function("bare hmac, keyed each time", |bencher| {
        bencher.iter(|| {
            let mut mac = Hmac::<Sha256>::new_from_slice(black_box(SECRET.as_bytes())).expect("any length");
            mac.update(black_box(query.as_bytes()));
            mac.finalize().into_bytes()
        });
    });
    group.bench_function("bare hmac, keyed once", |bencher| {
        let keyed = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any length");
        bencher.iter(|| {
            let mut mac = black_box(&keyed).clone();
            mac.update(black_box(query.as_bytes()));
            mac.finalize().into_bytes()
        });
    });
    group.finish();
    let order = order();
    criterion.bench_function("place: request and signature", |bencher| {
        bencher.iter(|| request::place(black_box(&order)).sign(&credentials, NOW_MS, 5_000));
    });
}

fn admitting(criterion: &mut Criterion) {
    let rule = |kind: &str, interval: &str, interval_num, limit| RateLimit {
        rate_limit_type: kind.into(),
        interval: interval.into(),
        interval_num,
        limit,
        count: None,
    };
    // The venue's own limits, so high that every request is counted and none refused.
    let rules = [
        rule("REQUEST_WEIGHT", "MINUTE", 1, u64::MAX / 100),
        rule("ORDERS", "SECOND", 10, u64::MAX / 100),
        rule("ORDERS", "DAY", 1, u64::MAX / 100),
        rule("RAW_REQUESTS", "MINUTE", 5, u64::MAX / 100),
    ];
    let order = Cost { weight: 1, orders: 1, refund: true };
    let now = Timestamp::from_millis(NOW_MS);
    let mut group = criterion.benchmark_group("limits");
    // Alone, and with sixteen plugins that all ask.
    for plugins in [1, 16] {
        let mut limits = Limits::new(&rules);
        let seats: Vec<_> = (0..plugins).map(|seat| Requester::Seat(SeatId(seat))).collect();
        let mut turn = seats.iter().cycle();
        group.bench_function(format!("admit and settle an order, {plugins} plugins"), |bencher| {
            bencher.iter(|| {
                let by = turn.next().copied().unwrap_or(Requester::Host);
                let ticket = limits.admit(black_box(now), by, Priority::Order, order);
                if let Ok(ticket) = ticket {
                    limits.settle(now, ticket, Ended::Done, &[]);
                }
            });
        });
        group.bench_function(format!("admit an order, {plugins} plugins"), |bencher| {
            bencher.iter_with_large_drop(|| {
                let by = turn.next().copied().unwrap_or(Requester::Host);
                limits.admit(black_box(now), by, Priority::Order, order)
            });
        });
    }
    // The dearest answer: everybody's claim is added up, and it is no.
    let full = [rule("REQUEST_WEIGHT", "MINUTE", 1, 1_600), rule("ORDERS", "SECOND", 10, 1_600)];
    let mut limits = Limits::new(&full);
    let seats: Vec<_> = (0..16).map(|seat| Requester::Seat(SeatId(seat))).collect();
    for by in &seats {
        drop(limits.admit(now, *by, Priority::Order, order));
    }
    let greedy = Requester::Seat(SeatId(0));
    while limits.admit(now, greedy, Priority::Order, order).is_ok() {}
    group.bench_function("refuse an order beyond its fair share, 16 plugins", |bencher| {
        bencher.iter(|| limits.admit(black_box(now), greedy, Priority::Order, order));
    });
    let full = [rule("REQUEST_WEIGHT", "MINUTE", 1, 0), rule("ORDERS", "SECOND", 10, 0)];
    let mut limits = Limits::new(&full);
    group.bench_function("refuse an order", |bencher| {
        bencher.iter(|| limits.admit(black_box(now), Requester::Host, Priority::Order, order));
    });
    group.finish();
}

criterion_group!(benches, signing, admitting);
criterion_main!(benches);

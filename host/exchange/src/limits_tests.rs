use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

fn small() -> LimitConfig {
    LimitConfig {
        weight_per_minute: 10,
        raw_per_five_minutes: 1_000,
        connections_per_five_minutes: 3,
        refusals_before_ban: 2,
        first_ban_seconds: 120,
        orders_per_ten_seconds: 2,
        orders_per_day: 3,
        ..LimitConfig::default()
    }
}

fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(MINUTE_MS * 1_000_000 + ms)
}

#[test]
fn windows_are_aligned_to_the_clock_and_tell_when_they_end() {
    let mut limits = Limits::new(small(), 1);
    let late = at(MINUTE_MS * 7 - 1_500);
    assert_eq!(limits.request(late, HOME, 10), Ok(()));
    assert_eq!(limits.add_weight(late, HOME, 10), 10);
    let Err(Refused::Weight(exceeded)) = limits.request(late, HOME, 1) else { panic!("not refused") };
    assert_eq!((exceeded.limit, exceeded.interval, exceeded.retry_after), (10, "1 MINUTE", 2));
    assert_eq!(limits.request(late, OTHER, 10), Ok(()), "another address has its own counters");
    assert_eq!(limits.request(at(MINUTE_MS * 7), HOME, 1), Ok(()));
}

#[test]
fn who_goes_on_after_refusals_is_banned_each_time_longer() {
    let mut limits = Limits::new(small(), 1);
    let mut now = at(0);
    let mut bans = Vec::new();
    for _ in 0..14 {
        limits.add_weight(now, HOME, 10);
        for _ in 0..2 {
            assert!(matches!(limits.request(now, HOME, 1), Err(Refused::Weight(_))));
        }
        let Err(Refused::Banned { until }) = limits.request(now, HOME, 1) else { panic!("not banned") };
        let length = until.since(now).0 / 1_000_000;
        bans.push(length);
        let last = Timestamp(until.0 - 1);
        assert_eq!(limits.request(last, HOME, 1), Err(Refused::Banned { until }), "a ban does not grow by asking");
        assert_eq!(limits.connect(last, HOME), Err(Refused::Banned { until }));
        assert_eq!(limits.request(last, OTHER, 1), Ok(()));
        assert_eq!(limits.request(until, HOME, 1), Ok(()));
        now = until;
    }
    assert_eq!(bans[..4], [120, 240, 480, 960]);
    assert_eq!(bans.last(), Some(&LONGEST_BAN_SECONDS));
    // Three days of peace are forgotten, and so is the last ban.
    now = now.plus(Micros::from_secs(LONGEST_BAN_SECONDS + 1));
    limits.add_weight(now, HOME, 10);
    for _ in 0..2 {
        assert!(limits.request(now, HOME, 1).is_err());
    }
    let Err(Refused::Banned { until }) = limits.request(now, HOME, 1) else { panic!("not banned") };
    assert_eq!(until.since(now), Micros::from_secs(120));
}

#[test]
fn connections_are_counted_and_cut_ones_are_offences() {
    let mut limits = Limits::new(small(), 1);
    for _ in 0..3 {
        assert_eq!(limits.connect(at(0), HOME), Ok(()));
    }
    let Err(Refused::Connections(exceeded)) = limits.connect(at(0), HOME) else { panic!("not refused") };
    assert_eq!((exceeded.limit, exceeded.interval), (3, "5 MINUTE"));
    limits.cut(at(1), HOME);
    limits.cut(at(2), HOME);
    assert!(matches!(limits.connect(at(3), HOME), Err(Refused::Banned { .. })));
}

#[test]
fn fills_give_back_and_the_floor_is_zero() {
    let mut limits = Limits::new(small(), 1);
    let now = at(5_000);
    limits.ordered(now, 0);
    limits.ordered(now, 0);
    assert_eq!(limits.may_order(now, 0, 1).unwrap_err().interval, "10 SECOND");
    limits.first_fill(now, 0, false);
    assert_eq!(limits.order_counts(now, 0), OrderCounts { short: 1, day: 1 });
    limits.first_fill(now, 0, true);
    assert_eq!(limits.order_counts(now, 0), OrderCounts::default());
    assert_eq!(limits.may_order(now, 0, 1), Ok(()));
}

#[test]
fn a_used_up_day_stops_the_short_window_too() {
    let mut limits = Limits::new(small(), 1);
    for _ in 0..5 {
        limits.ordered(at(0), 0);
    }
    assert_eq!(limits.order_counts(at(0), 0), OrderCounts { short: 3, day: 5 });
    assert_eq!(limits.may_order(at(20_000), 0, 1).unwrap_err().interval, "1 DAY");
}

#[test]
fn addresses_take_bounded_memory() {
    let mut limits = Limits::new(small(), 1);
    for number in 0..u32::try_from(MOST_ADDRESSES).unwrap() * 2 {
        assert_eq!(limits.request(at(0), IpAddr::V4(Ipv4Addr::from(number)), 1), Ok(()));
        assert!(limits.addresses.len() <= MOST_ADDRESSES);
    }
}

proptest! {
    #[test]
    fn no_window_ever_serves_more_than_its_limit(
        steps in prop::collection::vec((0u64..40_000, 1u64..5, any::<bool>()), 1..200),
    ) {
        let mut limits = Limits::new(LimitConfig { refusals_before_ban: 1_000, ..small() }, 1);
        let mut ms = 0;
        let mut served = BTreeMap::<(u64, bool), u64>::new();
        for (pause, weight, other) in steps {
            ms += pause;
            let ip = if other { OTHER } else { HOME };
            if limits.request(at(ms), ip, weight).is_ok() {
                limits.add_weight(at(ms), ip, weight);
                let used = served.entry((at(ms).as_millis() / MINUTE_MS, other)).or_default();
                *used += weight;
                prop_assert!(*used <= 10);
            }
        }
    }
}

#[test]
fn a_list_is_counted_whole_before_it_is_let_in() {
    let config = LimitConfig { orders_per_ten_seconds: 4, ..LimitConfig::default() };
    let mut limits = Limits::new(config, 1);
    limits.ordered(at(0), 0);
    limits.ordered(at(0), 0);
    assert_eq!(limits.may_order(at(0), 0, 2), Ok(()));
    assert_eq!(limits.may_order(at(0), 0, 3).unwrap_err().interval, "10 SECOND");
}

//! The limits against a model of the venue's accounting, which knows nothing of ours.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;

use super::*;

fn rule(kind: &str, interval: &str, interval_num: u64, limit: u64) -> RateLimit {
    RateLimit { rate_limit_type: kind.into(), interval: interval.into(), interval_num, limit, count: None }
}

fn weight(weight: u64) -> Cost {
    Cost::query(weight)
}

const ORDER: Cost = Cost { weight: 1, orders: 1, refund: true };
const CANCEL: Cost = Cost { weight: 1, orders: 0, refund: true };
const HOST: Requester = Requester::Host;
const fn seat(number: u32) -> Requester {
    Requester::Seat(SeatId(number))
}
const SECOND: u64 = 1_000_000;
const MINUTE: u64 = 60 * SECOND;

/// Admitted and answered at once, counted in full.
fn used_up(limits: &mut Limits, now: Timestamp, by: Requester, priority: Priority, cost: Cost) {
    let ticket = limits.admit(now, by, priority, cost).unwrap();
    limits.settle(now, ticket, Ended::Counted, &[]);
}

#[test]
fn cancels_go_on_when_queries_must_wait() {
    let mut limits = Limits::new(&[rule("REQUEST_WEIGHT", "MINUTE", 1, 100)]);
    let now = Timestamp(MINUTE * 7 + SECOND);
    used_up(&mut limits, now, HOST, Priority::Query, weight(75));
    let refusal = limits.admit(now.plus(Micros(10 * SECOND)), HOST, Priority::Query, weight(1)).unwrap_err();
    // The margin waits for the venue's clock.
    assert_eq!(refusal, Refusal { wait: Micros(49 * SECOND + 250_000), why: Why::Limit("weight/1m".into()) });
    used_up(&mut limits, now, HOST, Priority::Order, weight(15));
    assert!(limits.admit(now, HOST, Priority::Order, weight(1)).is_err());
    used_up(&mut limits, now, HOST, Priority::Cancel, weight(10));
    assert!(limits.admit(now, HOST, Priority::Cancel, weight(1)).is_err());
    used_up(&mut limits, now.plus(Micros(MINUTE)), HOST, Priority::Query, weight(75));
}

#[test]
fn the_venue_knows_better_and_blocks() {
    let mut limits = Limits::new(&[rule("REQUEST_WEIGHT", "MINUTE", 1, 100), rule("ORDERS", "SECOND", 10, 50)]);
    let now = Timestamp(MINUTE + SECOND);
    let ticket = limits.admit(now, HOST, Priority::Order, ORDER).unwrap();
    let headers = [
        ("x-mbx-used-weight-1m", "99"),
        ("X-MBX-ORDER-COUNT-10S", "7"),
        ("X-MBX-USED-WEIGHT", "12"),
        ("x-mbx-used-weight-", "1"),
        ("date", "1"),
    ];
    let readings: Vec<_> = headers.iter().filter_map(|(name, value)| Reading::header(name, value)).collect();
    assert_eq!(readings.len(), 2);
    limits.settle(now, ticket, Ended::Done, &readings);
    assert_eq!(limits.usage(now), [("weight/1m".into(), 99, 100), ("orders/10s".into(), 7, 50)]);
    assert!(limits.admit(now, HOST, Priority::Order, ORDER).is_err());
    limits.block(now, true, false, Some(Micros(120 * SECOND)));
    let refusal = limits.admit(now.plus(Micros(SECOND)), HOST, Priority::Cancel, CANCEL).unwrap_err();
    assert_eq!(refusal, Refusal { wait: Micros(119 * SECOND), why: Why::Blocked });
}

/// -1015 is about new orders: cancels must go on.
#[test]
fn too_many_orders_stop_orders_only() {
    let mut limits = Limits::new(&[rule("ORDERS", "SECOND", 10, 50)]);
    let now = Timestamp(MINUTE + SECOND);
    limits.block(now, false, true, Some(Micros(8 * SECOND)));
    assert_eq!(limits.admit(now, HOST, Priority::Order, ORDER).unwrap_err().why, Why::OrdersBlocked);
    used_up(&mut limits, now, HOST, Priority::Cancel, CANCEL);
    used_up(&mut limits, now.plus(Micros(8 * SECOND)), HOST, Priority::Order, ORDER);
}

#[test]
fn what_succeeds_gives_its_weight_back_and_fills_free_orders() {
    let mut limits = Limits::new(&[rule("REQUEST_WEIGHT", "MINUTE", 1, 100), rule("ORDERS", "DAY", 1, 10)]);
    let now = Timestamp(86_400 * SECOND * 20_000 + MINUTE * 5 + SECOND);
    for _ in 0..9 {
        let ticket = limits.admit(now, seat(1), Priority::Order, ORDER).unwrap();
        limits.settle(now, ticket, Ended::Done, &[]);
    }
    assert_eq!(limits.usage(now), [("weight/1m".into(), 0, 100), ("orders/1d".into(), 9, 10)]);
    assert!(limits.admit(now, seat(1), Priority::Order, ORDER).is_err());
    // An order that reduces may use the rest, and its answer tells that the others were filled.
    let ticket = limits.admit(now, seat(1), Priority::Cancel, ORDER).unwrap();
    limits.settle(now, ticket, Ended::Done, &[Reading::header("x-mbx-order-count-1d", "1").unwrap()]);
    assert_eq!(limits.usage(now)[1].1, 1);
    let ticket = limits.admit(now, seat(1), Priority::Order, ORDER).unwrap();
    limits.settle(now, ticket, Ended::NotSent, &[]);
    assert_eq!(limits.usage(now)[1].1, 1);
}

/// An answer to an earlier question says less than one to a later question.
#[test]
fn a_late_answer_does_not_undo_a_newer_word() {
    let mut limits = Limits::new(&[rule("REQUEST_WEIGHT", "MINUTE", 1, 1_000)]);
    let now = Timestamp(MINUTE + SECOND);
    let word = |used: &str| [Reading::header("x-mbx-used-weight-1m", used).unwrap()];
    let first = limits.admit(now, HOST, Priority::Query, weight(10)).unwrap();
    let second = limits.admit(now, HOST, Priority::Query, weight(20)).unwrap();
    limits.settle(now, second, Ended::Counted, &word("530"));
    assert_eq!(limits.usage(now)[0].1, 540, "the first may not be in it yet");
    limits.settle(now, first, Ended::Counted, &word("510"));
    assert_eq!(limits.usage(now)[0].1, 540);
    let third = limits.admit(now, HOST, Priority::Query, weight(5)).unwrap();
    limits.settle(now, third, Ended::Counted, &word("535"));
    assert_eq!(limits.usage(now)[0].1, 535);
}

#[test]
fn a_busy_plugin_leaves_the_others_their_share() {
    let mut limits = Limits::new(&[rule("REQUEST_WEIGHT", "MINUTE", 1, 400), rule("ORDERS", "SECOND", 10, 100)]);
    let now = Timestamp(MINUTE + SECOND);
    // Alone: all of the orders' part; the host places none.
    let mut alone = 0;
    while let Ok(ticket) = limits.admit(now, seat(1), Priority::Order, ORDER) {
        limits.settle(now, ticket, Ended::Done, &[]);
        alone += 1;
    }
    assert_eq!(alone, 90);
    let why = limits.admit(now, seat(1), Priority::Order, ORDER).unwrap_err();
    assert_eq!(why.why, Why::Limit("orders/10s".into()));
    // The next window: a second one asks from the start.
    let now = now.plus(Micros(10 * SECOND));
    let ticket = limits.admit(now, seat(2), Priority::Order, ORDER).unwrap();
    limits.settle(now, ticket, Ended::Done, &[]);
    let mut first = 0;
    while let Ok(ticket) = limits.admit(now, seat(1), Priority::Order, ORDER) {
        limits.settle(now, ticket, Ended::Done, &[]);
        first += 1;
    }
    assert_eq!(first, 45);
    let why = limits.admit(now, seat(1), Priority::Order, ORDER).unwrap_err();
    assert_eq!(why.why, Why::Share("orders/10s".into()));
    let mut second = 1;
    while let Ok(ticket) = limits.admit(now, seat(2), Priority::Order, ORDER) {
        limits.settle(now, ticket, Ended::Done, &[]);
        second += 1;
    }
    assert_eq!(second, 45);
    // Whoever is quiet for a minute has no claim any more.
    let now = now.plus(Micros(70 * SECOND));
    let mut first = 0;
    while let Ok(ticket) = limits.admit(now, seat(1), Priority::Order, ORDER) {
        limits.settle(now, ticket, Ended::Done, &[]);
        first += 1;
    }
    assert_eq!(first, 90);
}

#[test]
fn a_restart_forgets_neither_bans_nor_counts() {
    let rules =
        [rule("REQUEST_WEIGHT", "MINUTE", 1, 100), rule("ORDERS", "DAY", 1, 10), rule("RAW_REQUESTS", "MINUTE", 5, 50)];
    let mut limits = Limits::new(&rules);
    let now = Timestamp(86_400 * SECOND * 20_000 + 7 * MINUTE + SECOND);
    used_up(&mut limits, now, seat(1), Priority::Order, ORDER);
    let _under_way = limits.admit(now, seat(1), Priority::Query, weight(20)).unwrap();
    limits.connections.admit(now).unwrap();
    limits.block(now, true, false, Some(Micros(3 * 86_400 * SECOND)));
    let text = serde_json::to_string(&limits.save()).unwrap();

    let mut again = Limits::default();
    again.restore(serde_json::from_str(&text).unwrap());
    assert_eq!(again.blocked(now), Micros(3 * 86_400 * SECOND), "before anything is sent");
    again.learn(now, &rules);
    assert_eq!(
        again.usage(now),
        [("weight/1m".into(), 21, 100), ("orders/1d".into(), 1, 10), ("requests/5m".into(), 2, 50)]
    );
    assert_eq!(again.connections.usage(now).0, 1);
    // A minute later only the longer windows are the same.
    let mut later = Limits::default();
    later.restore(serde_json::from_str(&text).unwrap());
    let now = now.plus(Micros(MINUTE));
    later.learn(now, &rules);
    assert_eq!(
        later.usage(now),
        [("weight/1m".into(), 0, 100), ("orders/1d".into(), 1, 10), ("requests/5m".into(), 2, 50)]
    );
}

/// A start that ends before the venue has told its rules (at a ban, for example) loses nothing of the run before it.
#[test]
fn a_start_that_fails_early_forgets_nothing() {
    let rules =
        [rule("REQUEST_WEIGHT", "MINUTE", 1, 100), rule("ORDERS", "DAY", 1, 10), rule("RAW_REQUESTS", "MINUTE", 5, 50)];
    let mut limits = Limits::new(&rules);
    let now = Timestamp(86_400 * SECOND * 20_000 + 7 * MINUTE + SECOND);
    used_up(&mut limits, now, seat(1), Priority::Order, ORDER);
    used_up(&mut limits, now, seat(1), Priority::Query, weight(20));
    let mut short = Limits::default();
    short.restore(limits.save());
    used_up(&mut short, now, HOST, Priority::Query, weight(3));
    let mut again = Limits::default();
    again.restore(short.save());
    used_up(&mut again, now, HOST, Priority::Query, weight(3));
    again.learn(now, &rules);
    assert_eq!(
        again.usage(now),
        [("weight/1m".into(), 27, 100), ("orders/1d".into(), 1, 10), ("requests/5m".into(), 4, 50)]
    );
    // What the venue said meanwhile is kept as well, of a window that the run before knew and of one that it did not.
    let mut short = Limits::default();
    short.restore(limits.save());
    let ticket = short.admit(now, HOST, Priority::Query, weight(3)).unwrap();
    short.settle(now, ticket, Ended::Counted, &[Reading::header("X-MBX-USED-WEIGHT-1M", "88").unwrap()]);
    let later = now.plus(Micros(MINUTE));
    let ticket = short.admit(later, HOST, Priority::Query, weight(3)).unwrap();
    let (saved, mut again) = (short.save(), Limits::default());
    short.settle(later, ticket, Ended::Counted, &[Reading::header("X-MBX-USED-WEIGHT-1M", "9").unwrap()]);
    again.restore(saved);
    again.learn(now, &rules);
    assert_eq!(again.usage(now)[0], ("weight/1m".into(), 88, 100));
    let mut again = Limits::default();
    again.restore(short.save());
    again.learn(later, &rules);
    assert_eq!(again.usage(later)[0], ("weight/1m".into(), 9, 100));
}

/// A clock that is less sure than it was must not make the counter step back over a window's end and forget what it has
/// counted behind it.
#[test]
fn doubt_that_grows_forgets_nothing() {
    let mut limits = Limits::new(&[rule("REQUEST_WEIGHT", "MINUTE", 1, 100)]);
    limits.set_margin(Micros(0));
    let now = Timestamp(MINUTE * 7 + 3 * SECOND);
    used_up(&mut limits, now, HOST, Priority::Query, weight(70));
    limits.set_margin(Micros(10 * SECOND));
    let later = now.plus(Micros(SECOND));
    assert!(limits.admit(later, HOST, Priority::Query, weight(50)).is_err());
    limits.set_margin(Micros(0));
    assert_eq!(limits.usage(later.plus(Micros(SECOND)))[0].1, 70);
    assert!(limits.admit(later.plus(Micros(SECOND)), HOST, Priority::Query, weight(50)).is_err());
}

/// What was sent and heard before the rules were known counts when they are.
#[test]
fn the_first_requests_count_too() {
    let mut limits = Limits::default();
    let now = Timestamp(MINUTE + SECOND);
    for _ in 0..3 {
        used_up(&mut limits, now, HOST, Priority::Query, weight(1));
    }
    let ticket = limits.admit(now, HOST, Priority::Query, weight(20)).unwrap();
    limits.settle(now, ticket, Ended::Counted, &[Reading::header("X-MBX-USED-WEIGHT-1M", "77").unwrap()]);
    let rules =
        [rule("REQUEST_WEIGHT", "MINUTE", 1, 100), rule("RAW_REQUESTS", "MINUTE", 5, 50), rule("PHASES", "MOON", 1, 5)];
    limits.learn(now, &rules);
    assert_eq!(limits.usage(now), [("weight/1m".into(), 77, 100), ("requests/5m".into(), 4, 50)]);
    // The venue changes a rule; what was counted stays.
    limits.learn(now, &[rule("REQUEST_WEIGHT", "MINUTE", 1, 50)]);
    assert_eq!(limits.usage(now), [("weight/1m".into(), 77, 50)]);
}

#[test]
fn a_rolling_limit_is_kept_when_its_rule_changes() {
    let mut rolling = Rolling::new(Micros(SECOND), 3);
    let at = |tenths: u64| Timestamp(MINUTE + tenths * SECOND / 10);
    for tenths in [0, 1, 9] {
        rolling.admit(at(tenths)).unwrap();
    }
    assert_eq!(rolling.admit(at(9)), Err(Micros(SECOND / 10)));
    rolling.set(Micros(2 * SECOND), 3);
    assert_eq!(rolling.admit(at(10)), Err(Micros(SECOND)));
    assert_eq!(rolling.usage(at(10)), (3, 3));
}

#[test]
fn a_pong_always_has_room() {
    for (limit, own) in [(5, 4), (2, 1), (1, 1), (0, 1)] {
        let sockets = SocketLimits { messages_per_second: limit, ..SocketLimits::default() };
        let mut messages = sockets.messages();
        let admitted = (0..10).filter(|_| messages.admit(Timestamp(MINUTE)).is_ok()).count();
        assert_eq!(admitted, own);
    }
}

proptest! {
    /// However the requests fall, no stretch holds more than it may, and none is refused without need.
    #[test]
    fn no_stretch_holds_too_much(gaps in prop::collection::vec(0u64..700_000, 1..80), limit in 1usize..6) {
        let mut rolling = Rolling::new(Micros(SECOND), limit);
        let mut done: Vec<u64> = Vec::new();
        let mut now = 5 * SECOND;
        for gap in gaps {
            now += gap;
            let recent = done.iter().filter(|then| **then + SECOND > now).count();
            prop_assert_eq!(rolling.usage(Timestamp(now)).0, recent);
            match rolling.admit(Timestamp(now)) {
                Ok(()) => {
                    prop_assert!(recent < limit);
                    done.push(now);
                }
                Err(wait) => {
                    prop_assert!(recent >= limit);
                    prop_assert_eq!(rolling.wait(Timestamp(now).plus(wait)), Micros(0));
                    prop_assert!(rolling.wait(Timestamp(now + wait.0 - 1)).0 > 0);
                }
            }
        }
    }
}

/// What the venue counts, by its own clock.
#[derive(Default)]
struct Venue {
    used: HashMap<(Kind, u64, u64), u64>,
}

#[derive(Debug, Clone, Copy)]
struct Rule {
    kind: Kind,
    length: u64,
    limit: u64,
}

const RULES: [Rule; 5] = [
    Rule { kind: Kind::Weight, length: MINUTE, limit: 240 },
    Rule { kind: Kind::Orders, length: 10 * SECOND, limit: 20 },
    Rule { kind: Kind::Orders, length: SECOND, limit: 8 },
    Rule { kind: Kind::Orders, length: 1_440 * MINUTE, limit: 90 },
    Rule { kind: Kind::Raw, length: 5 * MINUTE, limit: 300 },
];

impl Venue {
    fn counter(&mut self, rule: Rule, at: u64) -> &mut u64 {
        self.used.entry((rule.kind, rule.length, at / rule.length)).or_default()
    }

    /// Counts a request as the documents say; what is over a limit is refused with 429.
    fn process(&mut self, at: u64, cost: Cost, succeeds: bool) -> Result<Vec<Reading>, String> {
        for rule in RULES {
            let used = self.counter(rule, at);
            let after = *used + cost.of(rule.kind);
            if cost.of(rule.kind) > 0 && after > rule.limit {
                return Err(format!("429: {rule:?} would be at {after}"));
            }
            if rule.kind != Kind::Orders || succeeds {
                *used = after;
            }
        }
        if succeeds && cost.refund {
            *self.counter(RULES[0], at) -= cost.weight;
        }
        let told = RULES.iter().filter(|rule| match rule.kind {
            Kind::Weight => true,
            Kind::Orders => succeeds && cost.orders > 0,
            Kind::Raw => false,
        });
        Ok(told
            .map(|rule| Reading {
                kind: rule.kind,
                length: rule.length,
                used: self.used[&(rule.kind, rule.length, at / rule.length)],
            })
            .collect())
    }

    /// A first fill gives an order back, never below zero.
    fn fill(&mut self, at: u64) {
        for rule in RULES.into_iter().filter(|rule| rule.kind == Kind::Orders) {
            let used = self.counter(rule, at);
            *used = used.saturating_sub(1);
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Step {
    /// Microseconds since the step before.
    gap: u64,
    by: u32,
    what: u8,
    there: u64,
    back: u64,
    /// 0 lost answer, 1 never sent, 2 refused, 3.. succeeds; 6 and more are filled.
    fate: u8,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Bursts, a steady pace, and long pauses; answers quick and slow.
    let gap = prop_oneof![6 => 0u64..40_000, 2 => 0u64..1_500_000, 1 => 0u64..40_000_000];
    let latency = || prop_oneof![8 => 0u64..60_000, 1 => 0u64..3_000_000];
    let step = (gap, 0u32..4, 0u8..8, latency(), latency(), 0u8..10)
        .prop_map(|(gap, by, what, there, back, fate)| Step { gap, by, what, there, back, fate });
    prop::collection::vec(step, 1..700)
}

enum Event {
    Arrives { cost: Cost, succeeds: bool, ticket: Ticket, step: Step },
    Answered { ticket: Ticket, ended: Ended, readings: Vec<Reading> },
    Filled,
}

/// Requests on their way, by time.
#[derive(Default)]
struct Wires {
    under_way: BTreeMap<(u64, u64), Event>,
    next: u64,
}

impl Wires {
    fn at(&mut self, at: u64, event: Event) {
        self.next += 1;
        self.under_way.insert((at, self.next), event);
    }

    fn until(&mut self, until: u64) -> Option<(u64, Event)> {
        let first = self.under_way.first_entry()?;
        if first.key().0 > until {
            return None;
        }
        let ((at, _), event) = first.remove_entry();
        Some((at, event))
    }
}

fn rules() -> Vec<RateLimit> {
    RULES
        .iter()
        .map(|known| {
            let kind = match known.kind {
                Kind::Weight => "REQUEST_WEIGHT",
                Kind::Orders => "ORDERS",
                Kind::Raw => "RAW_REQUESTS",
            };
            rule(kind, "SECOND", known.length / SECOND, known.limit)
        })
        .collect()
}

/// `PROPTEST_CASES=100000` looks longer.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(300)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    /// Whatever is asked by whom and when, however long it is under way, whatever is lost, and with a
    /// clock that is off by as much as is admitted: the venue never answers 429.
    #[test]
    fn the_venue_never_says_429(steps in steps(), start in 0u64..MINUTE, off in -150_000i64..150_000) {
        let mut limits = Limits::new(&rules());
        limits.set_margin(Micros(150_000));
        let (mut venue, mut wires) = (Venue::default(), Wires::default());
        let mut now = 86_400 * SECOND * 20_000 - 20 * MINUTE + start;
        let ours = |at: u64| Timestamp(at.saturating_add_signed(off));
        for step in steps.into_iter().map(Some).chain([None]) {
            now = step.map_or(u64::MAX, |step| now + step.gap);
            while let Some((at, event)) = wires.until(now) {
                match event {
                    Event::Arrives { cost, succeeds, ticket, step } => {
                        let readings = venue.process(at, cost, succeeds).map_err(TestCaseError::fail)?;
                        let lost = step.fate == 0;
                        let ended = if succeeds && !lost { Ended::Done } else { Ended::Counted };
                        let readings = if lost { Vec::new() } else { readings };
                        wires.at(at + step.back, Event::Answered { ticket, ended, readings });
                        if succeeds && cost.orders > 0 && step.fate > 5 {
                            wires.at(at + 2 * step.back, Event::Filled);
                        }
                    }
                    Event::Answered { ticket, ended, readings } => limits.settle(ours(at), ticket, ended, &readings),
                    Event::Filled => venue.fill(at),
                }
            }
            let Some(step) = step else { break };
            let (priority, cost) = match step.what {
                0 => (Priority::Cancel, CANCEL),
                1..4 => (Priority::Order, ORDER),
                4 => (Priority::Order, Cost { orders: 3, ..ORDER }),
                5 => (Priority::Query, weight(20)),
                6 => (Priority::Query, weight(80)),
                _ => (Priority::Query, weight(4)),
            };
            let by = step.by.checked_sub(1).map_or(HOST, seat);
            if let Ok(ticket) = limits.admit(ours(now), by, priority, cost) {
                if step.fate == 1 {
                    limits.settle(ours(now), ticket, Ended::NotSent, &[]);
                    continue;
                }
                wires.at(now + step.there, Event::Arrives { cost, succeeds: step.fate != 2, ticket, step });
            }
        }
        // Nothing is under way any more.
        prop_assert!(limits.counters.iter().all(|counter| counter.under_way() == 0));
    }

    /// Queries may come as fast as they like, from anybody: a cancel goes at once as long as
    /// cancels and orders alone don't fill the limit.
    #[test]
    fn a_cancel_never_waits_behind_a_query(
        asks in prop::collection::vec((0u64..300_000, 0u32..5, prop_oneof![4 => Just(0u8), 1 => Just(1u8), 1 => Just(2u8)], 1u64..60), 1..800),
        refused in any::<bool>(),
    ) {
        const LIMIT: u64 = 400;
        let mut limits = Limits::new(&[rule("REQUEST_WEIGHT", "MINUTE", 1, LIMIT)]);
        let mut now = MINUTE * 1_000 + SECOND;
        let mut needed: HashMap<u64, u64> = HashMap::new();
        for (gap, by, what, size) in asks {
            now += gap;
            let (priority, cost) = match what {
                0 => (Priority::Query, weight(size)),
                1 => (Priority::Order, ORDER),
                _ => (Priority::Cancel, CANCEL),
            };
            let mut window = |at: u64| *needed.entry(at / MINUTE).or_default();
            let before = window(now).max(window(now - MARGIN.0)).max(window(now + MARGIN.0));
            match limits.admit(Timestamp(now), seat(by), priority, cost) {
                // An order or cancel that fails counts.
                Ok(ticket) => {
                    limits.settle(Timestamp(now), ticket, if refused { Ended::Counted } else { Ended::Done }, &[]);
                    if what > 0 {
                        for at in [now - MARGIN.0, now, now + MARGIN.0].map(|at| at / MINUTE).into_iter().collect::<std::collections::BTreeSet<_>>() {
                            *needed.entry(at).or_default() += 1;
                        }
                    }
                }
                Err(refusal) if what == 2 => {
                    prop_assert!(before >= LIMIT / 4, "refused with {before} of {LIMIT}: {refusal:?}");
                }
                Err(_) => {}
            }
        }
    }

    /// However the others hammer, whoever asks keeps getting its part of each window.
    #[test]
    fn nobody_starves(
        asks in prop::collection::vec((0u64..40_000, 1u32..4, 1u64..30), 400..1_500),
        begin in 0u64..MINUTE,
    ) {
        let mut limits = Limits::new(&[rule("REQUEST_WEIGHT", "MINUTE", 1, 400)]);
        // The margin is not what is looked at here.
        limits.set_margin(Micros(0));
        let mut now = MINUTE * 1_000 + begin;
        let mut got: HashMap<(u64, u32), u64> = HashMap::new();
        // All of them are known.
        for by in 1..4 {
            drop(limits.admit(Timestamp(now), seat(by), Priority::Query, weight(1)));
        }
        for (gap, by, size) in asks {
            now += gap;
            let used = got.entry((now.saturating_sub(20_000) / MINUTE, by)).or_default();
            match limits.admit(Timestamp(now), seat(by), Priority::Query, weight(size)) {
                Ok(ticket) => {
                    limits.settle(Timestamp(now), ticket, Ended::Counted, &[]);
                    *used += size;
                }
                // Three plugins and the host: 75 % of 400 makes 75 for each.
                Err(refusal) => prop_assert!(*used + size > 75 - 30, "{by} has {used}, wants {size}: {refusal:?}"),
            }
        }
    }
}

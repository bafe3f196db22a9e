//! The connection against a model of the venue in its own time: whatever is lost, late or
//! silent, each message is told once and in order, and no hole stays untold.

#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;
use std::collections::{HashMap, VecDeque};

const SECOND: u64 = 1_000_000;

fn at(micros: u64) -> Timestamp {
    Timestamp(micros)
}

fn numbered(id: u64) -> Mark {
    Mark { at: (id, 0), after: id.checked_sub(1) }
}

struct Desk {
    shard: Shard<u64>,
    now: u64,
    out: Vec<Effect<u64>>,
}

impl Desk {
    fn new(names: &[&str]) -> Desk {
        let shard = Shard::new(ShardRules::default(), SocketLimits::default(), 1);
        let mut desk = Desk { shard, now: SECOND, out: Vec::new() };
        names.iter().for_each(|name| desk.shard.want(name, Silence::new(at(SECOND))));
        desk
    }

    fn tick(&mut self) -> Vec<Effect<u64>> {
        self.shard.tick(at(self.now), &mut self.out);
        std::mem::take(&mut self.out)
    }

    /// Lets time go on as a caller would: from one due moment to the next.
    fn run(&mut self, until: u64) -> Vec<Effect<u64>> {
        let mut all = self.tick();
        loop {
            let next = self.shard.next(at(self.now)).map_or(u64::MAX, |next| next.0);
            if next > until {
                self.now = until;
                return all;
            }
            self.now = next;
            all.extend(self.tick());
        }
    }

    fn lost(&mut self, leg: LegId, why: &str) -> Vec<Effect<u64>> {
        self.shard.lost(at(self.now), leg, why, &mut self.out);
        std::mem::take(&mut self.out)
    }

    fn confirm(&mut self, leg: LegId, id: u64) -> Vec<Effect<u64>> {
        self.shard.heard(at(self.now), leg);
        self.shard.answered(at(self.now), leg, &Answer { id: Some(id), refusal: None }, &mut self.out);
        std::mem::take(&mut self.out)
    }

    fn message(&mut self, leg: LegId, name: &str, id: u64) -> Vec<Effect<u64>> {
        self.shard.heard(at(self.now), leg);
        self.shard.message(at(self.now), leg, name, numbered(id), id, &mut self.out);
        std::mem::take(&mut self.out)
    }

    /// Opens, subscribes, confirms.
    fn up(&mut self) -> LegId {
        let leg = opened(&self.tick()).unwrap();
        self.shard.opened(at(self.now), leg);
        let sent = sent(&self.tick());
        assert_eq!(sent.len(), 1);
        self.confirm(leg, sent[0].1);
        leg
    }
}

fn opened(effects: &[Effect<u64>]) -> Option<LegId> {
    effects.iter().find_map(|effect| match effect {
        Effect::Open { leg, .. } => Some(*leg),
        _ => None,
    })
}

/// Connection, number and names of each control message.
fn sent(effects: &[Effect<u64>]) -> Vec<(LegId, u64, String, Vec<String>)> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Send { leg, text } => {
                let json: serde_json::Value = serde_json::from_str(text).unwrap();
                let names = serde_json::from_value(json["params"].clone()).unwrap();
                Some((*leg, json["id"].as_u64().unwrap(), json["method"].as_str().unwrap().to_owned(), names))
            }
            _ => None,
        })
        .collect()
}

fn passed(effects: &[Effect<u64>]) -> Vec<u64> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Pass(id) => Some(*id),
            _ => None,
        })
        .collect()
}

#[test]
fn many_streams_keep_to_the_venues_pace() {
    let names: Vec<String> = (0..900).map(|n| format!("s{n}@trade")).collect();
    let mut desk = Desk::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let leg = opened(&desk.tick()).unwrap();
    desk.shard.opened(at(desk.now), leg);
    let first = sent(&desk.tick());
    assert_eq!(first.len(), 1, "one message a beat");
    let all = [first, sent(&desk.run(3 * SECOND))].concat();
    assert_eq!(all.iter().map(|(_, _, _, names)| names.len()).sum::<usize>(), 900);
    assert!(all.iter().all(|(_, _, method, names)| method == "SUBSCRIBE" && names.len() <= 200));
    assert_eq!(all.len(), 5);
}

#[test]
fn a_renewal_loses_nothing_and_tells_nothing() {
    let mut desk = Desk::new(&["a@trade"]);
    let old = desk.up();
    assert_eq!(passed(&desk.message(old, "a@trade", 1)), [1]);
    // A day, with a message and an answered ping now and then.
    let mut id = 1;
    let mut second = None;
    while second.is_none() {
        let until = desk.now + 10 * SECOND;
        let effects = desk.run(until);
        assert!(!effects.iter().any(|effect| matches!(effect, Effect::Down { .. } | Effect::Close { .. })));
        second = opened(&effects);
        id += 1;
        assert_eq!(passed(&desk.message(old, "a@trade", id)), [id]);
        assert!(desk.now < 24 * 3_600 * SECOND, "the venue would cut");
    }
    let new = second.unwrap();
    desk.shard.opened(at(desk.now), new);
    let asked = sent(&desk.tick());
    assert_eq!((asked[0].0, asked[0].2.as_str()), (new, "SUBSCRIBE"));
    // The new connection is ahead by two: they wait for what the old one still has.
    assert_eq!(passed(&desk.message(new, "a@trade", id + 2)), [0u64; 0]);
    assert!(
        desk.confirm(new, asked[0].1).iter().all(|effect| !matches!(effect, Effect::Begun { .. } | Effect::Up { .. }))
    );
    assert_eq!(passed(&desk.message(old, "a@trade", id + 1)), [id + 1]);
    assert_eq!(passed(&desk.message(old, "a@trade", id + 2)), [id + 2]);
    assert_eq!(passed(&desk.message(new, "a@trade", id + 3)), [id + 3]);
    assert_eq!(passed(&desk.message(old, "a@trade", id + 3)), [0u64; 0]);
    let until = desk.now + 4 * SECOND;
    let effects = desk.run(until);
    assert!(effects.contains(&Effect::Close { leg: old }), "{effects:?}");
    assert_eq!(passed(&desk.message(new, "a@trade", id + 4)), [id + 4]);
    assert!(desk.shard.is_plain());
}

#[test]
fn a_goodbye_renews_and_a_cut_meanwhile_is_told_if_something_is_missing() {
    for ready in [true, false] {
        let mut desk = Desk::new(&["a@trade"]);
        let old = desk.up();
        desk.message(old, "a@trade", 1);
        desk.shard.goodbye(at(desk.now), old, &mut desk.out);
        let new = opened(&std::mem::take(&mut desk.out)).unwrap();
        desk.shard.opened(at(desk.now), new);
        let asked = sent(&desk.tick());
        if ready {
            desk.confirm(new, asked[0].1);
            let effects = desk.lost(old, "cut");
            assert!(effects.iter().all(|effect| matches!(effect, Effect::Notice(_))), "{effects:?}");
        } else {
            let effects = desk.lost(old, "cut");
            assert!(effects.contains(&Effect::Down { name: "a@trade".into() }), "{effects:?}");
            let effects = desk.confirm(new, asked[0].1);
            assert!(effects.contains(&Effect::Up { name: "a@trade".into() }), "{effects:?}");
            assert!(effects.contains(&Effect::Begun { name: "a@trade".into() }), "{effects:?}");
        }
        assert_eq!(passed(&desk.message(new, "a@trade", 2)), [2]);
    }
}

#[test]
fn a_silent_stream_is_looked_for_on_a_new_connection_and_its_hole_is_told() {
    let mut desk = Desk::new(&["a@trade", "b@trade"]);
    let old = desk.up();
    desk.message(old, "b@trade", 1);
    let (mut id, mut second) = (0, None);
    while second.is_none() {
        id += 1;
        assert_eq!(passed(&desk.message(old, "a@trade", id)), [id], "the other stream is as lively as before");
        let until = desk.now + SECOND;
        second = opened(&desk.run(until));
        assert!(id < 100, "still not suspected");
    }
    assert!(id >= 60);
    let new = second.unwrap();
    desk.shard.opened(at(desk.now), new);
    let asked = sent(&desk.tick());
    desk.confirm(new, asked[0].1);
    desk.message(new, "b@trade", 50);
    let until = desk.now + 4 * SECOND;
    let effects = desk.run(until);
    let down = effects.iter().position(|effect| *effect == Effect::Down { name: "b@trade".into() }).unwrap();
    assert_eq!(effects[down + 1..down + 3], [Effect::Up { name: "b@trade".into() }, Effect::Pass(50)]);
    assert!(!effects.contains(&Effect::Down { name: "a@trade".into() }));
}

#[test]
fn failures_back_off_and_become_loud() {
    let mut desk = Desk::new(&["a@trade"]);
    let (mut alarms, mut waits) = (0, Vec::new());
    for attempt in 1..=8 {
        let before = desk.now;
        let effects = desk.run(before + 40 * SECOND);
        let leg = opened(&effects).unwrap();
        let Some(Effect::Open { failures, .. }) = effects.iter().find(|effect| matches!(effect, Effect::Open { .. }))
        else {
            unreachable!()
        };
        assert_eq!(*failures, attempt - 1);
        let lost_at = desk.now;
        let effects = desk.lost(leg, "refused");
        alarms += effects.iter().filter(|effect| matches!(effect, Effect::Alarm(_))).count();
        waits.push(desk.shard.next(at(lost_at)).unwrap().0 - lost_at);
    }
    assert_eq!(alarms, 2, "at the fifth and the eighth");
    assert!(waits.windows(2).all(|two| two[1] * 2 >= two[0]) && waits[7] > 10 * SECOND, "{waits:?}");
}

#[test]
fn what_is_not_confirmed_or_answers_no_ping_is_given_up() {
    let mut desk = Desk::new(&["a@trade"]);
    let leg = opened(&desk.tick()).unwrap();
    desk.shard.opened(at(desk.now), leg);
    let effects = desk.run(20 * SECOND);
    assert!(effects.contains(&Effect::Close { leg }), "{effects:?}");

    let mut desk = Desk::new(&["a@trade"]);
    let leg = desk.up();
    let effects = desk.run(100 * SECOND);
    let pings = effects.iter().filter(|effect| matches!(effect, Effect::Ping { .. })).count();
    assert!(effects.contains(&Effect::Close { leg }) && pings >= 2, "{effects:?}");
    assert!(effects.contains(&Effect::Down { name: "a@trade".into() }));
}

/// Streams that a connection carries, what it has not delivered, and what was asked of it.
type Carried = (Vec<String>, VecDeque<(String, u64)>, Vec<(u64, Vec<String>, bool)>);

/// The venue of the property: numbered messages, and what is under way on each connection.
struct Wire {
    names: Vec<String>,
    made: HashMap<String, u64>,
    legs: HashMap<LegId, Carried>,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    /// Loss, goodbye, renewal, late confirmation and slow connections in any order.
    #[test]
    fn each_message_once_in_order_and_no_hole_untold(
        steps in prop::collection::vec((0u8..12, 0u8..4, 0u64..3_000_000), 1..250),
    ) {
        let names = ["a@trade", "b@trade"];
        let mut desk = Desk::new(&names);
        let mut wire = Wire { names: names.map(String::from).to_vec(), made: HashMap::new(), legs: HashMap::new() };
        let mut last: HashMap<String, u64> = HashMap::new();
        let mut hole_told: HashMap<String, bool> = HashMap::new();
        let mut opening: Vec<LegId> = Vec::new();
        let mut open: Vec<LegId> = Vec::new();
        let mut effects = desk.tick();
        for (what, which, gap) in steps {
            let until = desk.now + gap;
            effects.extend(desk.run(until));
            match what {
                // A message is made and goes on every connection that carries its stream.
                0..=3 => {
                    let name = wire.names[usize::from(which) % 2].clone();
                    let id = wire.made.entry(name.clone()).or_default();
                    *id += 1;
                    for (carried, queue, _) in wire.legs.values_mut() {
                        if carried.contains(&name) {
                            queue.push_back((name.clone(), *id));
                        }
                    }
                }
                // A connection delivers something.
                4..=7 => {
                    let mut legs: Vec<_> = open.clone();
                    legs.sort_unstable();
                    if let Some(leg) = legs.get(usize::from(which) % legs.len().max(1)).copied()
                        && let Some((name, id)) = wire.legs.get_mut(&leg).and_then(|(_, queue, _)| queue.pop_front())
                    {
                        // The item says whose number it is.
                        let item = if name == "a@trade" { 1_000_000 } else { 2_000_000 } + id;
                        desk.shard.heard(at(desk.now), leg);
                        desk.shard.message(at(desk.now), leg, &name, numbered(id), item, &mut desk.out);
                        effects.extend(std::mem::take(&mut desk.out));
                    }
                }
                // A subscription is taken up and confirmed.
                8 | 9 => {
                    for leg in open.clone() {
                        let Some((carried, _, asked)) = wire.legs.get_mut(&leg) else { continue };
                        for (id, names, begins) in std::mem::take(asked) {
                            if begins {
                                carried.extend(names);
                            } else {
                                carried.retain(|name| !names.contains(name));
                            }
                            effects.extend(desk.confirm(leg, id));
                        }
                    }
                }
                10 => {
                    if let Some(leg) = open.iter().min().copied() {
                        desk.shard.goodbye(at(desk.now), leg, &mut desk.out);
                        effects.extend(std::mem::take(&mut desk.out));
                    }
                }
                _ => {
                    let mut all: Vec<_> = open.iter().chain(&opening).copied().collect();
                    all.sort_unstable();
                    if let Some(leg) = all.get(usize::from(which) % all.len().max(1)).copied() {
                        wire.legs.remove(&leg);
                        open.retain(|known| *known != leg);
                        opening.retain(|known| *known != leg);
                        effects.extend(desk.lost(leg, "lost"));
                    }
                }
            }
            let mut again = true;
            while again {
                again = false;
                for effect in std::mem::take(&mut effects) {
                    match effect {
                        Effect::Open { leg, .. } => opening.push(leg),
                        Effect::Close { leg } => {
                            wire.legs.remove(&leg);
                            open.retain(|known| *known != leg);
                            opening.retain(|known| *known != leg);
                        }
                        Effect::Send { leg, text } => {
                            let (_, id, method, names) = sent(&[Effect::Send { leg, text }]).remove(0);
                            if let Some((_, _, asked)) = wire.legs.get_mut(&leg) {
                                asked.push((id, names, method == "SUBSCRIBE"));
                            }
                        }
                        Effect::Down { name } => { hole_told.insert(name, true); }
                        Effect::Pass(id) => {
                            let (name, id) = if id < 2_000_000 { ("a@trade", id - 1_000_000) } else { ("b@trade", id - 2_000_000) };
                            let before = last.insert(name.to_owned(), id);
                            if let Some(before) = before {
                                prop_assert!(id > before, "{name}: {id} after {before}");
                                prop_assert!(id == before + 1 || hole_told.get(name) == Some(&true), "{name}: a hole before {id}");
                            }
                            hole_told.insert(name.to_owned(), false);
                        }
                        _ => {}
                    }
                }
                if let Some(leg) = opening.pop() {
                    wire.legs.insert(leg, (Vec::new(), VecDeque::new(), Vec::new()));
                    open.push(leg);
                    desk.shard.opened(at(desk.now), leg);
                    effects.extend(desk.tick());
                    again = true;
                }
            }
        }
    }
}

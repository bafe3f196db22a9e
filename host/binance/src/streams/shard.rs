//! One connection of market streams, or two while one replaces the other: what is asked of
//! the venue, when, and what is told. Sockets report what happened; this says what to do.

use std::collections::{BTreeMap, BTreeSet};

use ringfence_model::{Micros, Timestamp};

use super::Mark;
pub use super::effect::{Answer, Effect};
use super::handover::Handover;
pub use super::leg::LegId;
use super::leg::{Asked, Leg};
use super::silence::Silence;
use crate::limits::SocketLimits;
use crate::reconnect::Backoff;

/// How patient one connection is. What the venue allows on it is in [`SocketLimits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardRules {
    /// Names in one message; longer ones are refused by the venue.
    pub names: usize,
    /// How often a ping is sent. The venue counts pings, so none is sent at the start.
    pub ping_every: Micros,
    /// A connection without any frame for so long is dead: it should have answered pings.
    pub silent_after: Micros,
    /// How long the venue may take to confirm what it was asked for.
    pub confirm_within: Micros,
    /// While messages come, a late confirmation may still be among those that wait to be read, but not for ever.
    pub confirm_at_last: Micros,
    /// Before the venue cuts at 24 h.
    pub renew_after: Micros,
    /// How long both connections run when the new one carries everything.
    pub settle: Micros,
}

impl Default for ShardRules {
    fn default() -> Self {
        ShardRules {
            names: 200,
            ping_every: Micros::from_secs(15),
            silent_after: Micros::from_secs(45),
            confirm_within: Micros::from_secs(10),
            confirm_at_last: Micros::from_secs(60),
            renew_after: Micros::from_secs(23 * 3_600),
            settle: Micros::from_secs(3),
        }
    }
}

#[derive(Debug)]
struct Want {
    is_up: bool,
    told_down: bool,
    silence: Silence,
    /// The last message that was told.
    last: Option<Mark>,
    /// The next message is the first after a connection was cut: it may not follow.
    cut: bool,
}

/// One connection. See the module's documentation.
#[derive(Debug)]
pub struct Shard<T> {
    rules: ShardRules,
    sockets: SocketLimits,
    wanted: BTreeMap<String, Want>,
    /// The one that counts, and the one that shall replace it.
    legs: Vec<Leg>,
    handover: Option<Handover<T>>,
    settle_at: Option<Timestamp>,
    next_leg: LegId,
    next_id: u64,
    backoff: Backoff,
    retry_at: Timestamp,
    renewal: Backoff,
    renew_at: Timestamp,
}

/// Failures in a row that the operator is told of loudly: the first, and each doubling.
fn alarming(failures: u32) -> bool {
    failures >= 5 && (failures == 5 || failures.is_power_of_two())
}

impl<T> Shard<T> {
    /// Nothing is wanted yet; `seed` spreads what happens at random.
    pub fn new(rules: ShardRules, sockets: SocketLimits, seed: u64) -> Self {
        Shard {
            rules,
            sockets,
            wanted: BTreeMap::new(),
            legs: Vec::new(),
            handover: None,
            settle_at: None,
            next_leg: 1,
            next_id: 1,
            backoff: Backoff::new(seed),
            retry_at: Timestamp(0),
            renewal: Backoff::new(seed ^ 0x5eed),
            renew_at: Timestamp(u64::MAX),
        }
    }

    /// A stream is wanted from now on; `silence` is what is thought of its pauses.
    pub fn want(&mut self, name: &str, silence: Silence) {
        let want = || Want { is_up: false, told_down: false, silence, last: None, cut: false };
        self.wanted.entry(name.to_owned()).or_insert_with(want);
    }

    /// A stream is not wanted any more.
    pub fn unwant(&mut self, name: &str, out: &mut Vec<Effect<T>>) {
        if self.wanted.remove(name).is_some() {
            if let Some(handover) = &mut self.handover {
                handover.ended(name);
            }
            out.push(Effect::Ended { name: name.to_owned() });
        }
    }

    /// Whether nothing is wanted.
    pub fn is_idle(&self) -> bool {
        self.wanted.is_empty()
    }

    /// Streams that are wanted and not up.
    pub fn missing(&self) -> usize {
        self.wanted.values().filter(|want| !want.is_up).count()
    }

    fn open(&mut self, now: Timestamp, out: &mut Vec<Effect<T>>) {
        let id = self.next_leg;
        self.next_leg = self.next_leg.saturating_add(1);
        self.legs.push(Leg::new(id, now, &self.sockets));
        let failures = if self.legs.len() > 1 { self.renewal.attempts() } else { self.backoff.attempts() };
        out.push(Effect::Open { leg: id, failures });
    }

    fn leg(&mut self, id: LegId) -> Option<&mut Leg> {
        self.legs.iter_mut().find(|leg| leg.id == id)
    }

    /// A connection is open; false if it is not wanted any more.
    pub fn opened(&mut self, now: Timestamp, id: LegId) -> bool {
        let ping_every = self.rules.ping_every;
        let Some(leg) = self.leg(id) else {
            return false;
        };
        leg.opened = Some(now);
        leg.heard = now;
        leg.ping_at = now.plus(ping_every);
        true
    }

    /// A connection did not open, or ended, by whoever's will.
    pub fn lost(&mut self, now: Timestamp, id: LegId, why: &str, out: &mut Vec<Effect<T>>) {
        let Some(place) = self.legs.iter().position(|leg| leg.id == id) else {
            return;
        };
        let leg = self.legs.remove(place);
        if place > 0 {
            self.settle_at = None;
            if let Some(handover) = &mut self.handover {
                handover.abandon();
            }
            let wait = self.renewal.wait();
            self.renew_at = now.plus(micros(wait));
            out.push(Effect::Notice(format!(
                "market streams could not be renewed ({why}); attempt {} in {} ms",
                self.renewal.attempts(),
                wait.as_millis()
            )));
            return;
        }
        if let Some(since) = leg.confirmed {
            self.backoff.lasted(std::time::Duration::from_micros(now.since(since).0));
        }
        if self.legs.first().is_some_and(Leg::is_settled) {
            // The new one carries everything already.
            out.push(Effect::Notice(format!("market streams lost while they were renewed ({why})")));
            self.take_over(now, out);
            return;
        }
        let mut passed = Vec::new();
        if let Some(handover) = self.handover.take() {
            for (name, last) in handover.settle(&mut passed).1 {
                if let Some(want) = self.wanted.get_mut(&name) {
                    want.last = Some(last);
                }
            }
        }
        self.settle_at = None;
        let goes_on = !self.legs.is_empty();
        for (name, want) in &mut self.wanted {
            // One that was asked for may have said something before it was confirmed.
            let may_miss = std::mem::take(&mut want.is_up) || leg.asked.contains(name);
            // The one that goes on may repeat what the lost one has told.
            want.cut = goes_on;
            want.last = want.last.filter(|_| goes_on);
            if may_miss && !std::mem::replace(&mut want.told_down, true) {
                out.push(Effect::Down { name: name.clone() });
            }
        }
        // One that is being opened goes on in its place.
        if goes_on {
            out.extend(passed.into_iter().map(Effect::Pass));
            let (names, unconfirmed) = self.legs.first().map_or((BTreeSet::new(), BTreeSet::new()), |leg| {
                let waiting = leg.unconfirmed.values().flat_map(|asked| asked.names.iter().cloned()).collect();
                (leg.asked.clone(), waiting)
            });
            for name in names.difference(&unconfirmed) {
                self.begun(now, name, out);
            }
            self.renew_at = now.plus(self.rules.renew_after);
            return;
        }
        let wait = self.backoff.wait();
        self.retry_at = now.plus(micros(wait));
        let failures = self.backoff.attempts();
        let text = format!("market streams lost ({why}); attempt {failures} in {} ms", wait.as_millis());
        out.push(if alarming(failures) { Effect::Alarm(text) } else { Effect::Notice(text) });
    }

    /// A frame came, whatever is in it.
    pub fn heard(&mut self, now: Timestamp, id: LegId) {
        if let Some(leg) = self.leg(id) {
            leg.heard = now;
        }
    }

    /// The venue says goodbye on a connection and promises no time: replaced at once.
    pub fn goodbye(&mut self, now: Timestamp, id: LegId, out: &mut Vec<Effect<T>>) {
        if self.legs.first().is_some_and(|leg| leg.id == id) && self.legs.len() == 1 {
            self.renew(now, "the venue shuts this server down", out);
        }
    }

    fn renew(&mut self, now: Timestamp, why: &str, out: &mut Vec<Effect<T>>) {
        out.push(Effect::Notice(format!("market streams are renewed: {why}")));
        let handover = self.handover.get_or_insert_default();
        handover.begin();
        for (name, want) in &self.wanted {
            if let Some(last) = want.last {
                handover.told(name, last);
            }
        }
        self.settle_at = None;
        self.open(now, out);
    }

    fn begun(&mut self, now: Timestamp, name: &str, out: &mut Vec<Effect<T>>) {
        let Some(want) = self.wanted.get_mut(name) else {
            return;
        };
        if std::mem::replace(&mut want.is_up, true) {
            return;
        }
        want.silence.restart(now);
        if let Some(handover) = &mut self.handover {
            handover.begun(name);
        }
        out.push(Effect::Begun { name: name.to_owned() });
        if std::mem::take(&mut want.told_down) {
            out.push(Effect::Up { name: name.to_owned() });
        }
    }

    /// The venue has begun or ended streams, or refused to.
    pub fn answered(&mut self, now: Timestamp, id: LegId, answer: &Answer, out: &mut Vec<Effect<T>>) {
        let Some(leg) = self.leg(id) else {
            return;
        };
        let asked = match answer.id {
            Some(id) => leg.unconfirmed.remove(&id),
            // Answers come in order.
            None => leg.unconfirmed.pop_first().map(|(_, asked)| asked),
        };
        if let Some(refusal) = &answer.refusal {
            let names = asked.map(|asked| asked.names.join(", ")).unwrap_or_default();
            out.push(Effect::Notice(format!("the venue refuses streams {names}: {refusal}")));
            return;
        }
        leg.confirmed.get_or_insert(now);
        for name in asked.filter(|asked| asked.begins).into_iter().flat_map(|asked| asked.names) {
            self.begun(now, &name, out);
        }
    }

    /// A message of a stream. What is told of it, if anything, is in `out`.
    pub fn message(&mut self, now: Timestamp, id: LegId, name: &str, mark: Mark, item: T, out: &mut Vec<Effect<T>>) {
        let Some(want) = self.wanted.get_mut(name) else {
            return;
        };
        // What a connection that was left still says was told by the one that took over.
        if !self.legs.iter().any(|leg| leg.id == id) {
            return;
        }
        let is_old = self.legs.first().is_some_and(|leg| leg.id == id);
        if is_old || self.handover.is_none() {
            want.silence.heard(now);
        }
        if (is_old || self.handover.is_none())
            && std::mem::take(&mut want.cut)
            && let (Some(last), Some(after)) = (want.last, mark.after)
        {
            if mark.at <= last.at {
                want.cut = true;
                return;
            }
            if after > last.at.0 {
                out.push(Effect::Down { name: name.to_owned() });
                out.push(Effect::Up { name: name.to_owned() });
            }
        }
        match &mut self.handover {
            None => {
                want.last = Some(mark);
                out.push(Effect::Pass(item));
            }
            Some(handover) => {
                let mut passed = Vec::new();
                if is_old {
                    handover.from_old(name, mark, item, &mut passed);
                } else {
                    handover.from_new(name, mark, item, &mut passed);
                }
                out.extend(passed.into_iter().map(Effect::Pass));
            }
        }
    }

    /// Whether messages of this connection can be told as they come, so that nobody has to ask.
    pub fn is_plain(&self) -> bool {
        self.handover.is_none()
    }

    fn take_over(&mut self, now: Timestamp, out: &mut Vec<Effect<T>>) {
        self.settle_at = None;
        let mut passed = Vec::new();
        let (missing, told) = match self.handover.take() {
            Some(handover) => handover.settle(&mut passed),
            None => (Vec::new(), Vec::new()),
        };
        for (name, last) in told {
            if let Some(want) = self.wanted.get_mut(&name) {
                want.last = Some(last);
                want.cut = true;
            }
        }
        for name in missing {
            if self.wanted.contains_key(&name) {
                out.push(Effect::Down { name: name.clone() });
                out.push(Effect::Up { name });
            }
        }
        out.extend(passed.into_iter().map(Effect::Pass));
        self.renewal.reset();
        self.renew_at = now.plus(self.rules.renew_after);
        for want in self.wanted.values_mut() {
            want.silence.restart(now);
        }
    }

    /// Sends one message of what is wanted and not asked for, or the other way around.
    fn ask(&mut self, now: Timestamp, out: &mut Vec<Effect<T>>) {
        let Some(leg) = self.legs.last_mut().filter(|leg| leg.opened.is_some() && leg.messages.wait(now).0 == 0) else {
            return;
        };
        let begin: Vec<_> =
            self.wanted.keys().filter(|name| !leg.asked.contains(*name)).take(self.rules.names).cloned().collect();
        let begins = !begin.is_empty();
        let (method, names) = if begins {
            ("SUBSCRIBE", begin)
        } else {
            let unwanted = |name: &&String| !self.wanted.contains_key(*name);
            ("UNSUBSCRIBE", leg.asked.iter().filter(unwanted).take(self.rules.names).cloned().collect::<Vec<_>>())
        };
        if names.is_empty() {
            return;
        }
        let id = self.next_id;
        self.next_id = self.next_id.saturating_add(1);
        leg.messages.count(now);
        let text = serde_json::json!({ "method": method, "params": names, "id": id }).to_string();
        for name in &names {
            if begins {
                leg.asked.insert(name.clone());
                // Its messages have a beginning only if nobody tells them yet.
                if self.wanted.get(name).is_some_and(|want| !want.is_up) {
                    out.push(Effect::Asked { name: name.clone() });
                }
            } else {
                leg.asked.remove(name);
            }
        }
        out.push(Effect::Send { leg: leg.id, text });
        leg.unconfirmed.insert(id, Asked { at: now, names, begins });
    }

    fn differs(&self) -> bool {
        self.legs.last().is_some_and(|leg| {
            leg.asked.len() != self.wanted.len() || !self.wanted.keys().all(|name| leg.asked.contains(name))
        })
    }

    /// Time goes on. Call it after anything that happened, and when [`Shard::next`] says so.
    pub fn tick(&mut self, now: Timestamp, out: &mut Vec<Effect<T>>) {
        for leg in self.legs.iter().filter(|leg| leg.opened.is_some()).map(|leg| leg.id).collect::<Vec<_>>() {
            let rules = self.rules;
            let Some(leg) = self.legs.iter().find(|known| known.id == leg) else {
                continue;
            };
            let dead = leg.dead(&rules, now);
            let id = leg.id;
            if let Some(why) = dead {
                out.push(Effect::Close { leg: id });
                self.lost(now, id, why, out);
            } else if let Some(leg) = self.leg(id).filter(|leg| leg.ping_at <= now && leg.messages.wait(now).0 == 0) {
                leg.messages.count(now);
                leg.ping_at = now.plus(rules.ping_every);
                out.push(Effect::Ping { leg: id });
            }
        }
        if self.legs.is_empty() && !self.wanted.is_empty() && self.retry_at <= now {
            self.renew_at = now.plus(self.rules.renew_after);
            self.open(now, out);
        }
        if self.differs() {
            self.ask(now, out);
        }
        if self.legs.len() == 1 {
            self.look_after(now, out);
        } else if self.legs.len() > 1 && !self.differs() {
            let ready = self.legs.last().is_some_and(Leg::is_settled);
            if ready {
                let at = *self.settle_at.get_or_insert(now.plus(self.rules.settle));
                if at <= now {
                    let old = self.legs.remove(0);
                    self.take_over(now, out);
                    out.push(Effect::Close { leg: old.id });
                }
            }
        }
    }

    /// Renews a connection that is old, or one of whose streams has stopped.
    fn look_after(&mut self, now: Timestamp, out: &mut Vec<Effect<T>>) {
        let settled = self.legs.first().is_some_and(Leg::is_settled);
        if !settled || self.differs() {
            return;
        }
        if self.renew_at <= now {
            self.renew(now, "a day is nearly over, or the last attempt failed", out);
            return;
        }
        let suspects: Vec<_> = self
            .wanted
            .iter_mut()
            .filter(|(_, want)| want.silence.suspect_at() <= now)
            .map(|(name, want)| {
                want.silence.suspect();
                (name.clone(), want.silence.is_dead())
            })
            .collect();
        if let Some((name, _)) = suspects.first() {
            for (name, _) in suspects.iter().filter(|(_, is_dead)| *is_dead) {
                out.push(Effect::Alarm(format!("stream {name} says nothing, on a new connection neither")));
            }
            self.renew(now, &format!("stream {name} says nothing any more"), out);
        }
    }

    /// When [`Shard::tick`] has something to do, unless something happens before.
    pub fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let mut next: Option<Timestamp> = None;
        let mut at = |time: Timestamp| next = Some(next.map_or(time, |known| known.min(time)));
        for leg in self.legs.iter().filter(|leg| leg.opened.is_some()) {
            at(leg.ping_at.max(now.plus(leg.messages.wait(now))));
            at(leg.heard.plus(self.rules.silent_after).plus(Micros(1)));
            if let Some(overdue) = leg.overdue(&self.rules) {
                at(overdue);
            }
        }
        if self.legs.is_empty() && !self.wanted.is_empty() {
            at(self.retry_at);
        }
        if let Some(leg) = self.legs.last().filter(|leg| leg.opened.is_some() && self.differs()) {
            at(now.plus(leg.messages.wait(now)));
        }
        if let Some(settle) = self.settle_at {
            at(settle);
        }
        if self.legs.len() == 1 {
            at(self.renew_at);
            if let Some(suspect) = self.wanted.values().map(|want| want.silence.suspect_at()).min() {
                at(suspect);
            }
        }
        // What is due but has to wait for something else must not keep the caller awake.
        next.map(|time| time.max(now.plus(Micros(1_000))))
    }
}

fn micros(duration: std::time::Duration) -> Micros {
    Micros(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}

#[cfg(test)]
#[path = "shard_tests.rs"]
mod tests;

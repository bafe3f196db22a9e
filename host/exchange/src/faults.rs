//! Faults on demand: what goes wrong, when, and how often. A pure, seeded state machine:
//! `now` is handed in, the same calls give the same verdicts. The server asks it about
//! every request and every message; tests may ask it in virtual time.
//!
//! | what | target, as [`Rule::on`] sees it | asked by |
//! |--|--|--|
//! | a REST request | `POST /api/v3/order` | [`Faults::request`] |
//! | a request of the WebSocket API | `ws order.place` | [`Faults::request`] |
//! | a market message | `stream btcusdt@trade` | [`Faults::message`] |
//! | an account's event | `user executionReport` | [`Faults::message`] |
//! | a socket | `stream btcusdt@trade` (any of its streams), `ws` | [`Action::Cut`] |
//! | a symbol | `BTCUSDT` | [`Action::Halt`] |
//!
//! What may not live here: sockets, clocks, or what the exchange answers without faults.

mod rule;

use std::collections::HashMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use ringfence_model::{Micros, Timestamp};
use serde_json::{Value, json};

pub use rule::{Kind, Rule, RuleError, Script};

use crate::http::HttpResponse;

const MILLION: u32 = 1_000_000;

/// What happens to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// It reaches the exchange this much later.
    pub before: Micros,
    /// How often the exchange carries it out: 0, 1 or 2.
    pub times: u8,
    /// The answer leaves this much later.
    pub after: Micros,
    /// What the client gets.
    pub answer: Answer,
}

impl Verdict {
    const CLEAN: Verdict = Verdict { before: Micros(0), times: 1, after: Micros(0), answer: Answer::Own };

    /// Nothing happens to the request.
    pub fn is_clean(&self) -> bool {
        *self == Self::CLEAN
    }
}

/// What the client gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// What the exchange said (of two times the second).
    Own,
    /// Nothing; the connection stays open.
    Silence,
    /// Nothing; the connection is cut.
    Cut,
    /// This instead.
    Refused(Refused),
}

/// An answer that the exchange did not give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// HTTP status, also of the WebSocket API.
    pub status: u16,
    /// The venue's code.
    pub code: i64,
    /// The venue's text.
    pub msg: String,
    /// When it may be tried again; 429 and 418.
    pub until: Option<Timestamp>,
}

impl Refused {
    fn error(status: u16) -> Self {
        let (code, msg) = match status {
            504 => (
                -1007,
                "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
            ),
            503 => (-1008, "Server is currently overloaded with other requests. Please try again in a few minutes."),
            _ => (-1000, "An unknown error occurred while processing the request."),
        };
        Refused { status, code, msg: msg.to_owned(), until: None }
    }

    fn rate_limit(until: Timestamp) -> Self {
        let msg = "Too much request weight used; current limit is 6000 request weight per 1 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API.";
        Refused { status: 429, code: -1003, msg: msg.to_owned(), until: Some(until) }
    }

    fn ban(until: Timestamp) -> Self {
        let msg = format!(
            "Way too much request weight used; IP banned until {}. Please use WebSocket Streams for live updates to avoid bans.",
            until.as_millis()
        );
        Refused { status: 418, code: -1003, msg, until: Some(until) }
    }

    /// As an answer of REST. A bad gateway speaks no JSON.
    pub fn http(&self, now: Timestamp) -> HttpResponse {
        let retry = self.until.map(|until| ("Retry-After", until.since(now).0.div_ceil(1_000_000).max(1).to_string()));
        let body = match self.status {
            502 => "<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>".to_owned(),
            _ => json!({ "code": self.code, "msg": self.msg }).to_string(),
        };
        HttpResponse { status: self.status, headers: retry.into_iter().collect(), body }
    }

    /// As an answer of the WebSocket API to the request with this id.
    pub fn frame(&self, now: Timestamp, id: &Value) -> String {
        let mut error = json!({ "code": self.code, "msg": self.msg });
        if let (Some(until), Some(error)) = (self.until, error.as_object_mut()) {
            let data = json!({ "serverTime": now.as_millis(), "retryAfter": until.as_millis() });
            error.insert("data".to_owned(), data);
        }
        json!({ "id": id, "status": self.status, "error": error, "rateLimits": [] }).to_string()
    }
}

/// What happens to one message to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// How often it arrives: 0, 1 or 2.
    pub copies: u8,
    /// When it leaves. Messages of one target keep their order.
    pub at: Timestamp,
}

/// What the server has to do by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Say to all sockets that the server will go away.
    SayShutdown,
    /// Cut the sockets that match (see the module's table).
    Cut {
        /// Pattern of targets.
        on: String,
    },
    /// Trading on the symbols that match stops (symbol status BREAK) or goes on.
    Halt {
        /// Pattern of symbols.
        on: String,
        /// Stops, or goes on.
        halted: bool,
    },
}

#[derive(Debug, Clone)]
struct Active {
    id: u64,
    rule: Rule,
    from: Timestamp,
    until: Option<Timestamp>,
    left: Option<u64>,
    /// When its next action is due; kinds with actions only.
    due: Option<Timestamp>,
    halting: bool,
}

impl Active {
    fn in_time(&self, now: Timestamp) -> bool {
        self.from <= now && self.until.is_none_or(|until| now < until) && self.left != Some(0)
    }

    fn over(&self, now: Timestamp) -> bool {
        self.left == Some(0) || self.until.is_some_and(|until| until <= now)
    }
}

/// All faults that are set. See the module's documentation.
#[derive(Debug, Clone)]
pub struct Faults {
    rng: ChaCha8Rng,
    rules: Vec<Active>,
    next: u64,
    pending: Vec<(Timestamp, Action)>,
    /// When the last delayed message of a target leaves.
    last: HashMap<String, Timestamp>,
}

impl Faults {
    /// Nothing goes wrong yet.
    pub fn new(seed: u64) -> Self {
        Faults {
            rng: ChaCha8Rng::seed_from_u64(seed ^ 0xfa17),
            rules: Vec::new(),
            next: 1,
            pending: Vec::new(),
            last: HashMap::new(),
        }
    }

    /// The faults of a script. Their times count from `now`.
    pub fn of_script(script: &Script, now: Timestamp) -> Self {
        let mut faults = Faults::new(script.seed);
        for rule in &script.rules {
            faults.add(rule.clone(), now);
        }
        faults
    }

    /// Sets one more fault and returns its number.
    pub fn add(&mut self, rule: Rule, now: Timestamp) -> u64 {
        let id = self.next;
        self.next = id.saturating_add(1);
        let from = now.plus(rule.after);
        let has_action =
            matches!(rule.kind, Kind::Disconnect | Kind::Shutdown { .. } | Kind::DayCut | Kind::Halt | Kind::Ban)
                && !is_request(&rule.on);
        self.rules.push(Active {
            id,
            from,
            until: rule.lasts.map(|lasts| from.plus(lasts)),
            left: rule.count,
            due: has_action.then_some(from),
            halting: false,
            rule,
        });
        id
    }

    /// Ends a fault; `false` if there is none of this number. A halt is taken back by the
    /// next [`Faults::tick`].
    pub fn remove(&mut self, id: u64) -> bool {
        let Some(place) = self.rules.iter().position(|active| active.id == id) else {
            return false;
        };
        let active = self.rules.remove(place);
        if active.halting {
            self.pending.push((active.from, Action::Halt { on: active.rule.on, halted: false }));
        }
        true
    }

    /// Ends all faults.
    pub fn clear(&mut self) {
        for id in self.rules.iter().map(|active| active.id).collect::<Vec<_>>() {
            self.remove(id);
        }
    }

    /// Numbers and rules of what is set and not over.
    pub fn list(&self, now: Timestamp) -> Vec<(u64, &Rule)> {
        self.rules.iter().filter(|active| !active.over(now)).map(|active| (active.id, &active.rule)).collect()
    }

    /// Whether nothing at all is set: the common case must cost nothing.
    pub fn is_idle(&self) -> bool {
        self.rules.is_empty() && self.pending.is_empty()
    }

    /// How far the exchange's clock is off, in microseconds.
    pub fn skew(&self, now: Timestamp) -> i64 {
        let of = |active: &Active| match active.rule.kind {
            Kind::ClockSkew { by_us } if active.in_time(now) => by_us,
            _ => 0,
        };
        self.rules.iter().map(of).fold(0, i64::saturating_add)
    }

    /// The time as the exchange sees it.
    pub fn seen(&self, now: Timestamp) -> Timestamp {
        Timestamp(now.0.saturating_add_signed(self.skew(now)))
    }

    fn draw(rng: &mut ChaCha8Rng, chance: u32) -> bool {
        // No draw for certain things: a rule without chance changes no other rule's luck.
        chance >= MILLION || rng.next_u32() % MILLION < chance
    }

    /// Judges a request (targets: see the module).
    pub fn request(&mut self, now: Timestamp, target: &str) -> Verdict {
        let mut verdict = Verdict::CLEAN;
        let mut decided = false;
        for active in &mut self.rules {
            let rule = &active.rule;
            if !active.in_time(now) || !rule.judges_requests() || !matches(&rule.on, target) {
                continue;
            }
            let only_delay = matches!(rule.kind, Kind::Delay { .. });
            if (decided && !only_delay) || !Self::draw(&mut self.rng, rule.chance) {
                continue;
            }
            let until = || active.until.unwrap_or_else(|| now.plus(Micros::from_secs(60)));
            match rule.kind {
                Kind::Delay { by, jitter } => {
                    let jitter = Micros(if jitter.0 == 0 { 0 } else { self.rng.next_u64() % jitter.0 });
                    let half = by.0.saturating_add(jitter.0) / 2;
                    verdict.before = Micros(verdict.before.0.saturating_add(half));
                    let rest = by.0.saturating_add(jitter.0).saturating_sub(half);
                    verdict.after = Micros(verdict.after.0.saturating_add(rest));
                }
                Kind::DropBefore { cut } => {
                    verdict.times = 0;
                    verdict.answer = if cut { Answer::Cut } else { Answer::Silence };
                }
                Kind::DropAfter { cut } => verdict.answer = if cut { Answer::Cut } else { Answer::Silence },
                Kind::Duplicate => verdict.times = 2,
                Kind::Disconnect => {
                    verdict.times = 0;
                    verdict.answer = Answer::Cut;
                }
                Kind::Error { status, processed } => {
                    verdict.times = u8::from(processed);
                    verdict.answer = Answer::Refused(Refused::error(status));
                }
                Kind::RateLimit => {
                    verdict.times = 0;
                    verdict.answer = Answer::Refused(Refused::rate_limit(until()));
                }
                Kind::Ban => {
                    verdict.times = 0;
                    verdict.answer = Answer::Refused(Refused::ban(until()));
                }
                Kind::Silent
                | Kind::Gap
                | Kind::ClockSkew { .. }
                | Kind::Shutdown { .. }
                | Kind::DayCut
                | Kind::Halt => continue,
            }
            decided |= !only_delay;
            active.left = active.left.map(|left| left.saturating_sub(1));
        }
        verdict
    }

    /// Judges a message to a client (targets: see the module).
    pub fn message(&mut self, now: Timestamp, target: &str) -> Delivery {
        let mut delivery = Delivery { copies: 1, at: now };
        for active in &mut self.rules {
            let rule = &active.rule;
            let kind = rule.kind;
            let concerned = matches!(kind, Kind::Delay { .. } | Kind::Duplicate | Kind::Silent | Kind::Gap);
            if !concerned || !active.in_time(now) || !matches(&rule.on, target) {
                continue;
            }
            if !Self::draw(&mut self.rng, rule.chance) {
                continue;
            }
            match kind {
                Kind::Delay { by, jitter } => {
                    let jitter = if jitter.0 == 0 { 0 } else { self.rng.next_u64() % jitter.0 };
                    delivery.at = delivery.at.plus(by).plus(Micros(jitter));
                }
                Kind::Duplicate => delivery.copies = delivery.copies.saturating_mul(2),
                _ => delivery.copies = 0,
            }
            active.left = active.left.map(|left| left.saturating_sub(1));
        }
        match self.last.get_mut(target) {
            Some(last) if *last > delivery.at => delivery.at = *last,
            Some(last) if delivery.at > now => *last = delivery.at,
            Some(_) => drop(self.last.remove(target)),
            None if delivery.at > now => drop(self.last.insert(target.to_owned(), delivery.at)),
            None => {}
        }
        delivery
    }

    /// What is due by itself up to `now`, in order.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Action> {
        for active in &mut self.rules {
            while let Some(due) = active.due.filter(|due| *due <= now && active.left != Some(0)) {
                let on = active.rule.on.clone();
                match active.rule.kind {
                    Kind::Shutdown { grace } => {
                        self.pending.push((due, Action::SayShutdown));
                        self.pending.push((due.plus(grace), Action::Cut { on: "*".to_owned() }));
                    }
                    Kind::Halt => {
                        active.halting = true;
                        self.pending.push((due, Action::Halt { on, halted: true }));
                    }
                    // A ban also ends what is connected.
                    Kind::Ban | Kind::DayCut => self.pending.push((due, Action::Cut { on: "*".to_owned() })),
                    _ => self.pending.push((due, Action::Cut { on })),
                }
                let next = active.rule.every.filter(|every| every.0 > 0).map(|every| due.plus(every));
                active.due = next.filter(|next| active.until.is_none_or(|until| *next < until));
                if active.rule.is_moment() {
                    active.left = match active.left {
                        Some(left) => Some(left.saturating_sub(1)),
                        // Once, or as long as it repeats.
                        None if active.rule.every.is_none() => Some(0),
                        None => None,
                    };
                }
            }
            if active.halting && active.over(now) {
                active.halting = false;
                let at = active.until.unwrap_or(now);
                self.pending.push((at, Action::Halt { on: active.rule.on.clone(), halted: false }));
            }
        }
        self.rules.retain(|active| active.halting || !active.over(now));
        self.pending.sort_by_key(|(at, _)| *at);
        let due = self.pending.partition_point(|(at, _)| *at <= now);
        self.pending.drain(..due).map(|(_, action)| action).collect()
    }
}

fn is_request(on: &str) -> bool {
    on.starts_with("ws ") || on.contains(" /")
}

/// Whether a target matches a pattern: `*` stands for any text, all else for itself.
pub fn matches(pattern: &str, target: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| target.strip_prefix(first)) else {
        return false;
    };
    if !pattern.contains('*') {
        return rest.is_empty();
    }
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = rest.get(at.saturating_add(part.len())..).unwrap_or_default(),
            None => return false,
        }
    }
    true
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
#[path = "faults/tests.rs"]
mod tests;

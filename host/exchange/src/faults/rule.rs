//! Rules of faults, and how they are written: one JSON object a line, the same in a script
//! file and in the control API.
//!
//! ```text
//! {"seed": 7}
//! {"kind": "delay", "on": "POST /api/v3/order", "ms": 200, "jitter_ms": 100, "chance": 0.5}
//! {"kind": "drop-after", "on": "ws order.place", "count": 1, "after_ms": 5000}
//! {"kind": "gap", "on": "stream btcusdt@depth*", "count": 3}
//! ```

use ringfence_model::Micros;
use serde::{Deserialize, Serialize};

/// Longer waits are mistakes.
const LONGEST_MS: u64 = 7 * 86_400_000;
/// More rules are a mistake.
const MOST_RULES: usize = 10_000;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Requests and answers, or messages, take longer: half of it each way for requests.
    Delay {
        /// At least.
        by: Micros,
        /// Up to this much more.
        jitter: Micros,
    },
    /// A request is lost on its way to the exchange.
    DropBefore {
        /// The connection is cut, instead of staying silent.
        cut: bool,
    },
    /// A request is carried out and its answer is lost.
    DropAfter {
        /// The connection is cut, instead of staying silent.
        cut: bool,
    },
    /// A request is carried out twice, or a message comes twice.
    Duplicate,
    /// Sockets are cut; with the target of a request, its connection before it is carried out.
    Disconnect,
    /// A server error.
    Error {
        /// 500 to 599.
        status: u16,
        /// Whether the request was carried out all the same.
        processed: bool,
    },
    /// Every request gets 429 until the fault's end.
    RateLimit,
    /// Every request gets 418 until the fault's end, and sockets are cut.
    Ban,
    /// The exchange's clock is off.
    ClockSkew {
        /// In microseconds; above zero means ahead.
        by_us: i64,
    },
    /// Matching messages are not sent; the sockets stay open.
    Silent,
    /// Matching messages are left out: a gap in their sequence.
    Gap,
    /// The `serverShutdown` event, then all sockets are cut.
    Shutdown {
        /// Time between the two.
        grace: Micros,
    },
    /// All sockets are cut as if they had been open for 24 hours.
    DayCut,
    /// Matching symbols have the status BREAK and take no orders.
    Halt,
}

impl Kind {
    /// Name as it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Delay { .. } => "delay",
            Kind::DropBefore { .. } => "drop-before",
            Kind::DropAfter { .. } => "drop-after",
            Kind::Duplicate => "duplicate",
            Kind::Disconnect => "disconnect",
            Kind::Error { .. } => "error",
            Kind::RateLimit => "rate-limit",
            Kind::Ban => "ban",
            Kind::ClockSkew { .. } => "clock-skew",
            Kind::Silent => "silent",
            Kind::Gap => "gap",
            Kind::Shutdown { .. } => "shutdown",
            Kind::DayCut => "day-cut",
            Kind::Halt => "halt",
        }
    }
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What goes wrong.
    pub kind: Kind,
    /// With what: a pattern of targets in which `*` stands for any text.
    pub on: String,
    /// How likely, in parts of a million.
    pub chance: u32,
    /// At most this often.
    pub count: Option<u64>,
    /// Begins this long after it was set.
    pub after: Micros,
    /// Ends this long after it began.
    pub lasts: Option<Micros>,
    /// Disconnect, shutdown, day-cut: again and again at this distance.
    pub every: Option<Micros>,
}

impl Rule {
    /// A fault that concerns everything of its kind, always, from now on.
    pub fn new(kind: Kind) -> Self {
        let on = match kind {
            Kind::Silent | Kind::Gap => "stream *",
            _ => "*",
        };
        Rule { kind, on: on.to_owned(), chance: 1_000_000, count: None, after: Micros(0), lasts: None, every: None }
    }

    /// Only with targets that match.
    #[must_use]
    pub fn on(mut self, pattern: &str) -> Self {
        pattern.clone_into(&mut self.on);
        self
    }

    /// At most this often.
    #[must_use]
    pub fn times(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }

    /// With this likelihood, in parts of a million.
    #[must_use]
    pub fn chance(mut self, parts: u32) -> Self {
        self.chance = parts;
        self
    }

    /// Begins this long after it was set.
    #[must_use]
    pub fn after(mut self, after: Micros) -> Self {
        self.after = after;
        self
    }

    /// Ends this long after it began.
    #[must_use]
    pub fn lasting(mut self, lasts: Micros) -> Self {
        self.lasts = Some(lasts);
        self
    }

    pub(super) fn judges_requests(&self) -> bool {
        let messages = self.on.starts_with("stream ") || self.on.starts_with("user ");
        match self.kind {
            Kind::Disconnect => super::is_request(&self.on),
            _ => !messages,
        }
    }

    /// Happens at a moment, and not over a time.
    pub(super) const fn is_moment(&self) -> bool {
        matches!(self.kind, Kind::Disconnect | Kind::Shutdown { .. } | Kind::DayCut)
    }

    /// Reads one rule from its JSON.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let raw: Raw = serde_json::from_str(text).map_err(|error| error.to_string())?;
        raw.rule()
    }

    /// As it is written.
    pub fn to_json(&self) -> String {
        let ms = |micros: Micros| micros.0 / 1_000;
        let mut raw = Raw {
            kind: self.kind.name().to_owned(),
            on: Some(self.on.clone()),
            chance: Some(f64::from(self.chance) / 1e6),
            count: self.count,
            after_ms: Some(ms(self.after)),
            for_ms: self.lasts.map(ms),
            every_ms: self.every.map(ms),
            ..Raw::default()
        };
        match self.kind {
            Kind::Delay { by, jitter } => {
                raw.ms = i64::try_from(ms(by)).ok();
                raw.jitter_ms = Some(ms(jitter));
            }
            Kind::DropBefore { cut } | Kind::DropAfter { cut } => raw.cut = Some(cut),
            Kind::Error { status, processed } => {
                raw.status = Some(status);
                raw.processed = Some(processed);
            }
            Kind::ClockSkew { by_us } => raw.ms = Some(by_us / 1_000),
            Kind::Shutdown { grace } => raw.ms = i64::try_from(ms(grace)).ok(),
            _ => {}
        }
        ringfence_wire::rest::write(&raw)
    }
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    on: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chance: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    for_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    every_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jitter_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    processed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cut: Option<bool>,
}

fn micros(name: &str, ms: u64) -> Result<Micros, String> {
    if ms > LONGEST_MS {
        return Err(format!("`{name}` is longer than a week"));
    }
    Ok(Micros(ms.saturating_mul(1_000)))
}

impl Raw {
    fn rule(self) -> Result<Rule, String> {
        let mut wrong = Vec::new();
        let kind = self.kind(&mut wrong);
        let mut time = |name, ms: Option<u64>| match ms.map(|ms| micros(name, ms)) {
            Some(Err(what)) => {
                wrong.push(what);
                None
            }
            Some(Ok(micros)) => Some(micros),
            None => None,
        };
        let (after, lasts, every) =
            (time("after_ms", self.after_ms), time("for_ms", self.for_ms), time("every_ms", self.every_ms));
        let chance = self.chance.unwrap_or(1.0);
        if !(0.0..=1.0).contains(&chance) {
            wrong.push("`chance` must be between 0 and 1".to_owned());
        }
        if every == Some(Micros(0)) {
            wrong.push("`every_ms` must be above 0".to_owned());
        }
        match kind {
            Some(kind) if wrong.is_empty() => {
                let mut rule = Rule::new(kind);
                rule.on = self.on.unwrap_or(rule.on);
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and a million")]
                {
                    rule.chance = (chance * 1e6).round() as u32;
                }
                rule.count = self.count;
                rule.after = after.unwrap_or(Micros(0));
                rule.lasts = lasts;
                rule.every = every;
                if every.is_some() && !rule.is_moment() {
                    return Err(format!("`every_ms` has no meaning for {}", self.kind));
                }
                Ok(rule)
            }
            _ => Err(wrong.join("; ")),
        }
    }

    fn kind(&self, wrong: &mut Vec<String>) -> Option<Kind> {
        let mut extra: Vec<&str> = [
            ("ms", self.ms.is_some()),
            ("jitter_ms", self.jitter_ms.is_some()),
            ("status", self.status.is_some()),
            ("processed", self.processed.is_some()),
            ("cut", self.cut.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, there)| there.then_some(name))
        .collect();
        let mut takes = |names: &[&str]| extra.retain(|name| !names.contains(name));
        let span = |wrong: &mut Vec<String>, default: Option<u64>| match (self.ms, default) {
            (Some(ms), _) => match u64::try_from(ms).map_err(|_| "`ms` must not be below 0".to_owned()) {
                Ok(ms) => micros("ms", ms).map_err(|what| wrong.push(what)).ok(),
                Err(what) => {
                    wrong.push(what);
                    None
                }
            },
            (None, Some(default)) => Some(Micros(default.saturating_mul(1_000))),
            (None, None) => {
                wrong.push(format!("{} needs `ms`", self.kind));
                None
            }
        };
        let cut = self.cut.unwrap_or(false);
        let kind = match self.kind.as_str() {
            "delay" => {
                takes(&["ms", "jitter_ms"]);
                let jitter = micros("jitter_ms", self.jitter_ms.unwrap_or(0)).map_err(|what| wrong.push(what)).ok();
                span(wrong, None).zip(jitter).map(|(by, jitter)| Kind::Delay { by, jitter })
            }
            "drop-before" => {
                takes(&["cut"]);
                Some(Kind::DropBefore { cut })
            }
            "drop-after" => {
                takes(&["cut"]);
                Some(Kind::DropAfter { cut })
            }
            "error" => {
                takes(&["status", "processed"]);
                let status = self.status.unwrap_or(503);
                if !(500..=599).contains(&status) {
                    wrong.push(format!("`status` {status} is no server error (500 to 599)"));
                }
                Some(Kind::Error { status, processed: self.processed.unwrap_or(false) })
            }
            "clock-skew" => {
                takes(&["ms"]);
                match self.ms.filter(|ms| ms.unsigned_abs() <= LONGEST_MS) {
                    Some(ms) => Some(Kind::ClockSkew { by_us: ms.saturating_mul(1_000) }),
                    None => {
                        wrong.push("clock-skew needs `ms`, at most a week".to_owned());
                        None
                    }
                }
            }
            "shutdown" => {
                takes(&["ms"]);
                span(wrong, Some(10_000)).map(|grace| Kind::Shutdown { grace })
            }
            "duplicate" => Some(Kind::Duplicate),
            "disconnect" => Some(Kind::Disconnect),
            "rate-limit" => Some(Kind::RateLimit),
            "ban" => Some(Kind::Ban),
            "silent" => Some(Kind::Silent),
            "gap" => Some(Kind::Gap),
            "day-cut" => Some(Kind::DayCut),
            "halt" => Some(Kind::Halt),
            other => {
                wrong.push(format!(
                    "there is no kind `{other}`; known are delay, drop-before, drop-after, duplicate, disconnect, error, rate-limit, ban, clock-skew, silent, gap, shutdown, day-cut, halt"
                ));
                return None;
            }
        };
        wrong.extend(extra.iter().map(|name| format!("`{name}` has no meaning for {}", self.kind)));
        kind
    }
}

/// Faults in a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    /// Seed of chances and jitter.
    pub seed: u64,
    /// The faults.
    pub rules: Vec<Rule>,
}

/// Everything that is wrong with a script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct RuleError(pub Vec<String>);

impl Script {
    /// Reads a script: one JSON object a line; empty lines and lines that begin with `#` are
    /// passed over. `{"seed": N}` sets the seed.
    ///
    /// # Errors
    /// All broken lines, each with its number.
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Seed {
            seed: u64,
        }
        let mut script = Script::default();
        let mut wrong = Vec::new();
        for (number, line) in (1u64..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Ok(Seed { seed }) = serde_json::from_str(line) {
                script.seed = seed;
                continue;
            }
            match Rule::parse(line) {
                Ok(rule) if script.rules.len() < MOST_RULES => script.rules.push(rule),
                Ok(_) => wrong.push(format!("line {number}: more than {MOST_RULES} faults")),
                Err(what) => wrong.push(format!("line {number}: {what}")),
            }
        }
        if wrong.is_empty() { Ok(script) } else { Err(RuleError(wrong)) }
    }
}

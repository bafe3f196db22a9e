//! Which file of a name may be taken now. Pure: it is told what was found and when, and
//! answers; nothing is read here.

use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};

use ringfence_model::{Micros, Timestamp};

/// The time within which reloads are counted.
const MINUTE: Micros = Micros::from_secs(60);

/// What becomes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is taken.
    Take,
    /// The same bytes as before.
    Same,
    /// Too many of late; it is looked at again after this.
    Wait(Micros),
    /// It is not taken, and why.
    Refuse(String),
}

#[derive(Debug, Default)]
struct Entry {
    /// Content that was taken or refused last.
    content: Option<[u8; 32]>,
    /// Version that runs.
    version: Option<String>,
    /// Whether a file of this name is in the folder.
    present: bool,
    loads: VecDeque<Timestamp>,
    /// A file waits for its turn.
    waiting: bool,
}

/// All names of the folder.
#[derive(Debug, Default)]
pub(super) struct Roster {
    entries: BTreeMap<String, Entry>,
}

/// Versions by their numbers, `None` if one of them has none.
fn compare(one: &str, other: &str) -> Option<Ordering> {
    let numbers = |text: &str| {
        let core = text.trim_start_matches('v').split(['-', '+']).next().unwrap_or_default().to_owned();
        core.split('.').map(|part| part.parse::<u64>().ok()).collect::<Option<Vec<_>>>()
    };
    Some(numbers(one)?.cmp(&numbers(other)?))
}

impl Roster {
    /// Before a file is read: whether its name is free and has room for a reload.
    pub(super) fn look(&mut self, now: Timestamp, name: &str, per_minute: u32) -> Verdict {
        let clash = self
            .entries
            .iter()
            .find(|(other, entry)| entry.present && other.as_str() != name && other.eq_ignore_ascii_case(name));
        if let Some((other, _)) = clash {
            return Verdict::Refuse(format!(
                "{other}.wasm has this name already (upper and lower case count as the same); remove or rename one of them"
            ));
        }
        let entry = self.entries.entry(name.to_owned()).or_default();
        entry.present = true;
        while entry.loads.front().is_some_and(|at| now.since(*at) >= MINUTE) {
            entry.loads.pop_front();
        }
        match entry.loads.front() {
            Some(first) if entry.loads.len() >= usize::try_from(per_minute).unwrap_or(usize::MAX) => {
                entry.waiting = true;
                Verdict::Wait(first.plus(MINUTE).since(now))
            }
            _ => {
                entry.waiting = false;
                Verdict::Take
            }
        }
    }

    /// After it was read: whether these bytes are to be taken.
    pub(super) fn offer(
        &mut self,
        now: Timestamp,
        name: &str,
        content: [u8; 32],
        version: Option<&str>,
        downgrade: bool,
    ) -> Verdict {
        let entry = self.entries.entry(name.to_owned()).or_default();
        if entry.content == Some(content) {
            return Verdict::Same;
        }
        entry.content = Some(content);
        entry.loads.push_back(now);
        if let (Some(new), Some(old)) = (version, &entry.version)
            && !downgrade
            && compare(new, old) == Some(Ordering::Less)
        {
            return Verdict::Refuse(format!(
                "its version {new} is older than {old}, which ran before; set downgrade = true in [plugins.{name}] of \
                 ringfence.toml to allow it, or use `ringfence plugins rollback {name}`"
            ));
        }
        Verdict::Take
    }

    /// A file was looked at for nothing: it changed meanwhile, or is gone.
    pub(super) fn spent(&mut self, now: Timestamp, name: &str) {
        self.entries.entry(name.to_owned()).or_default().loads.push_back(now);
    }

    /// A version runs.
    pub(super) fn runs(&mut self, name: &str, version: &str) {
        self.entries.entry(name.to_owned()).or_default().version = Some(version.to_owned());
    }

    /// The file of a name is gone. Its reloads stay counted.
    pub(super) fn gone(&mut self, name: &str) {
        if let Some(entry) = self.entries.get_mut(name) {
            entry.present = false;
            entry.content = None;
            entry.waiting = false;
        }
    }

    /// The next file of a name is taken whatever it is: an operator wants it.
    pub(super) fn forget(&mut self, name: &str) {
        if let Some(entry) = self.entries.get_mut(name) {
            entry.content = None;
            entry.loads.clear();
        }
    }

    /// Names whose file waits.
    pub(super) fn waiting(&self) -> Vec<String> {
        self.entries.iter().filter(|(_, entry)| entry.waiting && entry.present).map(|(name, _)| name.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp(1_000_000 * (1_000 + seconds))
    }

    #[test]
    fn one_name_one_file() {
        let mut roster = Roster::default();
        assert_eq!(roster.look(at(0), "alpha", 6), Verdict::Take);
        assert!(matches!(roster.look(at(0), "Alpha", 6), Verdict::Refuse(why) if why.contains("alpha.wasm")));
        roster.gone("alpha");
        assert_eq!(roster.look(at(0), "Alpha", 6), Verdict::Take);
    }

    #[test]
    fn versions_go_backwards_only_with_leave() {
        let mut roster = Roster::default();
        assert_eq!(roster.offer(at(0), "a", [1; 32], Some("1.10.0"), false), Verdict::Take);
        roster.runs("a", "1.10.0");
        assert_eq!(roster.offer(at(1), "a", [1; 32], Some("1.10.0"), false), Verdict::Same);
        assert!(matches!(roster.offer(at(1), "a", [2; 32], Some("1.9.9"), false), Verdict::Refuse(_)));
        assert_eq!(roster.offer(at(1), "a", [2; 32], Some("1.9.9"), false), Verdict::Same, "told once");
        assert_eq!(roster.offer(at(1), "a", [3; 32], Some("1.9.9"), true), Verdict::Take);
        assert_eq!(roster.offer(at(1), "a", [4; 32], Some("1.10.0"), false), Verdict::Take, "the same is not older");
        assert_eq!(roster.offer(at(1), "a", [5; 32], Some("nightly"), false), Verdict::Take);
        // Away and back: still older than what ran.
        roster.gone("a");
        assert!(matches!(roster.offer(at(2), "a", [2; 32], Some("1.9.9"), false), Verdict::Refuse(_)));
    }

    proptest! {
        /// However a script touches, removes and writes: never more reloads a minute than allowed,
        /// and a file that waits has its turn.
        #[test]
        fn flapping_is_bounded(limit in 1u32..8, steps in prop::collection::vec((0u64..9, 0u8..3), 1..200)) {
            let (mut roster, mut now, mut taken, mut content) = (Roster::default(), 0u64, Vec::new(), 0u8);
            for (gap, what) in steps {
                now += gap;
                match what {
                    0 => roster.gone("a"),
                    _ => {
                        content = content.wrapping_add(1);
                        match roster.look(at(now), "a", limit) {
                            Verdict::Take => {
                                prop_assert_eq!(roster.offer(at(now), "a", [content; 32], None, false), Verdict::Take);
                                taken.push(now);
                            }
                            Verdict::Wait(wait) => {
                                prop_assert_eq!(roster.waiting(), ["a"]);
                                let later = at(now).plus(wait);
                                let mut then = Roster { entries: std::mem::take(&mut roster.entries) };
                                prop_assert_eq!(then.look(later, "a", limit), Verdict::Take);
                                // The look forgot what is older than a minute then; that is all it changed.
                                roster = then;
                                now = (later.0 / 1_000_000) - 1_000 + 1;
                            }
                            other => prop_assert!(false, "{:?}", other),
                        }
                    }
                }
                let recent = taken.iter().filter(|at| now - **at < 60).count();
                prop_assert!(recent <= limit as usize);
            }
        }
    }
}

//! One connection replaces another: both carry the same streams for a while, and each
//! message is told once, in order, with nothing missing.
//!
//! The new connection begins somewhere in the middle of what the old one still delivers. So
//! its messages are held until the old one has told everything before the first of them.
//! From then on both are complete, and whoever is first is believed.

use std::collections::BTreeMap;

use super::Mark;

#[derive(Debug)]
struct Stream<T> {
    /// The last one that was told.
    last: Option<Mark>,
    /// From the new connection, while what lies before them may be missing; `None` when both are complete.
    held: Option<Vec<(Mark, T)>>,
}

impl<T> Default for Stream<T> {
    fn default() -> Self {
        Stream { last: None, held: Some(Vec::new()) }
    }
}

impl<T> Stream<T> {
    fn is_news(&self, mark: Mark) -> bool {
        self.last.is_none_or(|last| mark.at > last.at)
    }

    fn pass(&mut self, mark: Mark, item: T, out: &mut Vec<T>) {
        if self.is_news(mark) {
            self.last = Some(mark);
            out.push(item);
        }
    }

    fn release(&mut self, out: &mut Vec<T>) {
        for (mark, item) in self.held.take().unwrap_or_default() {
            self.pass(mark, item, out);
        }
    }
}

/// The streams of a connection that is being replaced.
#[derive(Debug)]
pub struct Handover<T> {
    streams: BTreeMap<String, Stream<T>>,
}

impl<T> Default for Handover<T> {
    fn default() -> Self {
        Handover { streams: BTreeMap::new() }
    }
}

impl<T> Handover<T> {
    /// A new connection is about to be tried (again).
    pub fn begin(&mut self) {
        for stream in self.streams.values_mut() {
            stream.held = Some(Vec::new());
        }
    }

    /// The new connection is gone before it could take over; the old one goes on.
    pub fn abandon(&mut self) {
        for stream in self.streams.values_mut() {
            stream.held = None;
        }
    }

    /// What was told of a stream before anybody watched.
    pub fn told(&mut self, name: &str, last: Mark) {
        let stream = self.stream(name);
        if stream.is_news(last) {
            stream.last = Some(last);
        }
    }

    /// A stream that only the new connection carries: nothing lies before it.
    pub fn begun(&mut self, name: &str) {
        self.streams.insert(name.to_owned(), Stream { last: None, held: None });
    }

    /// A stream that nobody wants any more.
    pub fn ended(&mut self, name: &str) {
        self.streams.remove(name);
    }

    fn stream(&mut self, name: &str) -> &mut Stream<T> {
        if !self.streams.contains_key(name) {
            self.streams.insert(name.to_owned(), Stream::default());
        }
        self.streams.entry(name.to_owned()).or_default()
    }

    /// A message of the old connection.
    pub fn from_old(&mut self, name: &str, mark: Mark, item: T, out: &mut Vec<T>) {
        let stream = self.stream(name);
        stream.pass(mark, item, out);
        let caught_up =
            stream.held.as_ref().and_then(|held| held.first()).is_some_and(|(first, _)| first.at <= mark.at);
        if caught_up {
            stream.release(out);
        }
    }

    /// A message of the new connection.
    pub fn from_new(&mut self, name: &str, mark: Mark, item: T, out: &mut Vec<T>) {
        let stream = self.stream(name);
        let follows = match (stream.last, mark.after) {
            // Told before, so all before it was told as well.
            (Some(last), _) if mark.at <= last.at => true,
            (Some(last), Some(after)) => after <= last.at.0,
            _ => false,
        };
        match &mut stream.held {
            Some(held) if held.is_empty() && follows => {
                stream.held = None;
                stream.pass(mark, item, out);
            }
            Some(held) => held.push((mark, item)),
            None => stream.pass(mark, item, out),
        }
    }

    /// Every stream that has said anything is complete on the new connection.
    pub fn is_done(&self) -> bool {
        self.streams.values().all(|stream| stream.held.as_ref().is_none_or(Vec::is_empty))
    }

    /// The old connection has nothing more to say. The streams of which something is
    /// missing: the new one told what the old one never did, and it does not follow. And the
    /// last that was told of each stream.
    pub fn settle(mut self, out: &mut Vec<T>) -> (Vec<String>, Vec<(String, Mark)>) {
        let mut missing = Vec::new();
        for (name, stream) in &mut self.streams {
            let first = stream.held.as_ref().and_then(|held| held.first()).map(|(mark, _)| *mark);
            let follows =
                |first: Mark| stream.last.is_some_and(|last| first.after.is_some_and(|after| after <= last.at.0));
            if first.is_some_and(|first| !follows(first)) {
                missing.push(name.clone());
            }
            stream.release(out);
        }
        missing.sort();
        let last = self.streams.into_iter().filter_map(|(name, stream)| Some((name, stream.last?))).collect();
        (missing, last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mark(id: u64, numbered: bool) -> Mark {
        // Without numbers ids have holes: only order is known.
        Mark { at: (if numbered { id } else { id * 7 }, 0), after: numbered.then(|| id.saturating_sub(1)) }
    }

    proptest! {
        /// Wherever the new connection begins, whoever is ahead and whichever is lost: each once, in order, none missing.
        #[test]
        fn each_message_once_and_in_order(
            begins in 1u64..40,
            turns in prop::collection::vec(any::<bool>(), 200),
            numbered in any::<bool>(),
            new_dies in any::<bool>(),
        ) {
            const ALL: u64 = 60;
            let mut handover = Handover::default();
            let mut out = Vec::new();
            let (mut old, mut new) = (1, begins);
            let mut abandoned = false;
            for turn in turns {
                if turn && new <= ALL && !abandoned {
                    // Nothing arrives before it was made: the old connection has it under way at least.
                    handover.from_new("s", mark(new, numbered), new, &mut out);
                    new += 1;
                    if new_dies && new > 45 {
                        handover.abandon();
                        abandoned = true;
                    }
                } else if old <= ALL {
                    handover.from_old("s", mark(old, numbered), old, &mut out);
                    old += 1;
                }
            }
            for id in old..=ALL {
                handover.from_old("s", mark(id, numbered), id, &mut out);
            }
            if !abandoned {
                for id in new..=ALL {
                    handover.from_new("s", mark(id, numbered), id, &mut out);
                }
            }
            prop_assert!(handover.is_done());
            prop_assert!(handover.settle(&mut out).0.is_empty());
            prop_assert_eq!(out, (1..=ALL).collect::<Vec<_>>());
        }

        /// The old connection dies on the way: nothing twice, and a hole is told exactly if there is one.
        #[test]
        fn a_hole_is_told(begins in 1u64..40, dies_at in 0u64..60, first_new in 0u64..20) {
            let mut handover = Handover::default();
            let mut out = Vec::new();
            let upto = |handover: &mut Handover<u64>, to: u64, out: &mut Vec<u64>| {
                for id in begins..=to.max(begins) {
                    handover.from_new("s", mark(id, true), id, out);
                }
            };
            for id in 1..=first_new {
                handover.from_old("s", mark(id, true), id, &mut out);
            }
            upto(&mut handover, 60, &mut out);
            for id in first_new + 1..=dies_at {
                handover.from_old("s", mark(id, true), id, &mut out);
            }
            let told = dies_at.max(first_new);
            let missing = handover.settle(&mut out).0;
            prop_assert_eq!(!missing.is_empty(), begins > told + 1 || told == 0);
            let mut expected: Vec<u64> = (1..=told).collect();
            expected.extend(begins.max(told + 1)..=60);
            prop_assert_eq!(out, expected);
        }
    }

    #[test]
    fn a_stream_that_died_silently_is_told() {
        let mut handover = Handover::default();
        let mut out = Vec::new();
        handover.from_old("quotes", mark(1, false), 1, &mut out);
        handover.from_new("quotes", mark(9, false), 9, &mut out);
        assert!(!handover.is_done());
        assert_eq!(handover.settle(&mut out).0, ["quotes"]);
        assert_eq!(out, [1, 9]);
    }
}

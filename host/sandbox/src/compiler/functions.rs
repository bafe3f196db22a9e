//! The compiled functions of a plugin's last build, so that its next one costs only those that
//! changed: the interpreter inside a script's build never does.
//!
//! They are kept by the plugin's *name*: what one plugin's compiler answered is given back to that
//! plugin's compiler alone. A file that could bring the compiler under its control can spoil only
//! later versions of itself, never a neighbour.
//!
//! ```text
//! functions: (key 32 bytes, length u32 LE, code)*      one a function, in the order of keys
//! ```
//! In the compiler's answer the length [`GIVEN`] stands for the code that it was given.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use wasmtime::CacheStore;

/// Cranelift's hash over a function and all settings that shape its code.
type Key = [u8; 32];

/// In an answer: the code is the one that was given.
const GIVEN: u32 = u32::MAX;

/// Compiled functions as they are stored and sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Functions(Vec<u8>);

impl Functions {
    /// Whoever calls this vouches that this installation's compiler made them for the plugin they are given back to.
    pub(crate) const fn vouched_for(bytes: Vec<u8>) -> Self {
        Functions(bytes)
    }

    /// What may be kept.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// What the answer says, with the code that was given put in its place; `None` if it makes no sense.
    pub(super) fn renewed(&self, answer: &[u8]) -> Option<Self> {
        let given = index(&self.0)?;
        let mut all = Vec::with_capacity(answer.len().max(self.0.len()));
        for entry in entries(answer) {
            let (key, code) = entry?;
            let code = match code {
                Some(at) => answer.get(at)?,
                None => self.0.get(given.get(&key)?.clone())?,
            };
            push(&mut all, &key, code)?;
        }
        Some(Functions(all))
    }
}

fn push(to: &mut Vec<u8>, key: &Key, code: &[u8]) -> Option<()> {
    let length = u32::try_from(code.len()).ok().filter(|length| *length != GIVEN)?;
    to.extend_from_slice(key);
    to.extend_from_slice(&length.to_le_bytes());
    to.extend_from_slice(code);
    Some(())
}

/// Keys with where their code stands (`None`: it was given); ends after the first entry that is not whole.
fn entries(bytes: &[u8]) -> impl Iterator<Item = Option<(Key, Option<Range<usize>>)>> {
    let mut at = 0usize;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
        let entry = (|| {
            let (key, rest) = rest.split_first_chunk::<32>()?;
            let (length, rest) = rest.split_first_chunk::<4>()?;
            let length = u32::from_le_bytes(*length);
            let start = at.checked_add(key.len())?.checked_add(4)?;
            if length == GIVEN {
                return Some((start, (*key, None)));
            }
            let length = usize::try_from(length).ok().filter(|length| *length <= rest.len())?;
            let end = start.checked_add(length)?;
            Some((end, (*key, Some(start..end))))
        })();
        at = entry.as_ref().map_or(bytes.len(), |(end, _)| *end);
        Some(entry.map(|(_, entry)| entry))
    })
}

fn index(bytes: &[u8]) -> Option<HashMap<Key, Range<usize>>> {
    entries(bytes).map(|entry| entry.and_then(|(key, code)| Some((key, code?)))).collect()
}

/// The compiler's side: what it was given, and what it used and made.
#[derive(Debug)]
pub(super) struct Store {
    given: Vec<u8>,
    index: HashMap<Key, Range<usize>>,
    /// `None`: it was given.
    used: Mutex<BTreeMap<Key, Option<Vec<u8>>>>,
}

impl Store {
    /// Given something that makes no sense, it starts with nothing.
    pub(super) fn new(given: Vec<u8>) -> Self {
        let index = index(&given).unwrap_or_default();
        Store { given, index, used: Mutex::default() }
    }

    fn used(&self) -> std::sync::MutexGuard<'_, BTreeMap<Key, Option<Vec<u8>>>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the next build of the same plugin should be given, as an answer; nothing if that is too much.
    pub(super) fn answer(&self, most: u64) -> Vec<u8> {
        let mut all = Vec::new();
        for (key, code) in self.used().iter() {
            match code {
                Some(code) => {
                    if push(&mut all, key, code).is_none() {
                        return Vec::new();
                    }
                }
                None => {
                    all.extend_from_slice(key);
                    all.extend_from_slice(&GIVEN.to_le_bytes());
                }
            }
            if u64::try_from(all.len()).unwrap_or(u64::MAX) > most {
                return Vec::new();
            }
        }
        all
    }
}

impl CacheStore for Store {
    fn get(&self, key: &[u8]) -> Option<Cow<'_, [u8]>> {
        let key = Key::try_from(key).ok()?;
        let code = self.given.get(self.index.get(&key)?.clone())?;
        self.used().entry(key).or_insert(None);
        Some(Cow::Borrowed(code))
    }

    fn insert(&self, key: &[u8], code: Vec<u8>) -> bool {
        // It also comes here when what was given could not be read.
        Key::try_from(key).is_ok_and(|key| {
            self.used().insert(key, Some(code));
            true
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    fn key(of: u8) -> Key {
        [of; 32]
    }

    #[test]
    fn the_next_build_gets_what_the_last_one_used() {
        let first = Store::new(Vec::new());
        assert_eq!(first.get(&key(1)), None);
        for of in [2, 1, 3] {
            assert!(first.insert(&key(of), vec![of; usize::from(of)]));
        }
        let kept = Functions::default().renewed(&first.answer(1_000)).unwrap();
        assert_eq!(first.answer(40), Vec::<u8>::new());

        let second = Store::new(kept.bytes().to_vec());
        assert_eq!(second.get(&key(3)).as_deref(), Some(&[3, 3, 3][..]));
        assert_eq!(second.get(&key(4)), None);
        assert!(second.insert(&key(4), b"new".to_vec()));
        let answer = second.answer(1_000);
        // Function 3 is not sent again; 1 and 2 are gone with the build that had them.
        assert_eq!(answer.len(), 2 * 36 + 3);
        let third = Store::new(kept.renewed(&answer).unwrap().bytes().to_vec());
        assert_eq!([1, 2, 3, 4].map(|of| third.get(&key(of)).is_some()), [false, false, true, true]);
        // What was never given can't be meant.
        assert_eq!(Functions::default().renewed(&answer), None);
    }

    /// A real build, twice: the second time nearly everything was given (a few of the engine's own trampolines have
    /// another key each time), and the code is the same as without any help.
    #[test]
    fn what_was_given_makes_the_same_code() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugins/market-maker.wasm");
        let component = crate::compiler::encode(&std::fs::read(file).unwrap()).unwrap();
        let compile = |store: Option<&Arc<Store>>| {
            let store = store.cloned().map(|store| -> Arc<dyn CacheStore> { store });
            crate::sandbox::engine(store).unwrap().precompile_component(&component).unwrap()
        };
        let alone = compile(None);
        let first = Arc::new(Store::new(Vec::new()));
        assert!(compile(Some(&first)) == alone);
        let kept = Functions::default().renewed(&first.answer(u64::MAX)).unwrap();
        let second = Arc::new(Store::new(kept.bytes().to_vec()));
        assert!(compile(Some(&second)) == alone);
        let made = second.used().values().filter(|code| code.is_some()).count();
        assert!(made * 5 < second.used().len(), "{made} of {}", second.used().len());
    }

    proptest! {
        #[test]
        fn no_bytes_are_believed_beyond_their_end(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0usize..200) {
            let _ = Store::new(bytes.clone()).get(&key(0));
            let _ = Functions::vouched_for(bytes.clone()).renewed(&bytes);
            let whole = Store::new(Vec::new());
            whole.insert(&key(1), bytes);
            let mut answer = whole.answer(1_000);
            let length = answer.len();
            answer.truncate(cut);
            let renewed = Functions::default().renewed(&answer);
            prop_assert_eq!(renewed.is_some(), cut == 0 || cut >= length);
        }
    }
}

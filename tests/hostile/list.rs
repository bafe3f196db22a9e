//! Every attack that is known, by its id. A new one is a line here; without a guest and a twin
//! the test below fails.

use std::collections::BTreeMap;

use crate::arena::Held;

/// An attack's test and its twin's.
#[derive(Debug)]
#[allow(dead_code, reason = "that both are there is the point; the macro below runs them")]
pub struct Case {
    pub id: &'static str,
    /// An attack must have looked at the neighbours to be done.
    pub attack: fn() -> Held,
    pub twin: fn(),
}

/// How the twin shows what the protection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twin {
    /// The attack works where a number or a [`ringfence_sandbox::Mitigation`] is off.
    Off,
    /// The protection is in the construction and has no switch; the attack works one layer below it.
    Beside,
    /// It would bring this machine or the test down, so it is done in small or in a process of its own.
    Bounded,
}

/// Id, what is attacked, how its twin works.
pub const ATTACKS: &[(&str, &str, Twin)] = &[
    ("C1", "an endless loop in the handler", Twin::Off),
    ("C2", "a loop in init, describe, save or shutdown", Twin::Off),
    ("C3", "a loop in the start function", Twin::Off),
    ("C4", "a loop or a trap after a call has returned", Twin::Off),
    ("C5", "just under the limit on every event", Twin::Off),
    ("C6", "the largest fill of memory, again and again", Twin::Off),
    ("C7", "endless recursion, also through the host", Twin::Off),
    ("C8", "branch tables, functions and nesting for the compiler", Twin::Off),
    ("C9", "a storm of timers", Twin::Off),
    ("C10", "flapping subscriptions", Twin::Off),
    ("C11", "a file that is touched again and again", Twin::Off),
    ("M1", "memory to the end, at once or bit by bit", Twin::Off),
    ("M2", "several memories, each within the limit", Twin::Off),
    ("M3", "a text of megabytes, and many that are the same bytes", Twin::Off),
    ("M4", "tables that grow", Twin::Off),
    ("M5", "handles that are never dropped", Twin::Off),
    ("M6", "a giant answer of an export", Twin::Off),
    ("M7", "the store filled with keys, keys that are none", Twin::Off),
    ("M8", "a giant state, and a hostile one at its restore", Twin::Off),
    ("M9", "a slow leak", Twin::Off),
    ("M10", "a storm of traps", Twin::Off),
    ("O1", "a flood of orders in one call", Twin::Off),
    ("O2", "a flood of cancels", Twin::Off),
    ("O3", "the account's request weight burned by questions", Twin::Off),
    ("O4", "orders that the venue must refuse, until it bans", Twin::Off),
    ("O5", "symbols that are not granted, and look-alikes", Twin::Off),
    ("O6", "another plugin's orders by guessing", Twin::Beside),
    ("O7", "trades between two plugins of one account", Twin::Beside),
    ("O8", "many small orders past a limit, before any is filled", Twin::Off),
    ("O9", "prices and quantities that cannot be", Twin::Off),
    ("O10", "orders left open, then a trap", Twin::Off),
    ("O11", "order events that pile up behind a slow handler", Twin::Beside),
    ("O12", "a new version that forgets what it has used", Twin::Beside),
    ("O13", "another name for fresh quotas", Twin::Off),
    ("O14", "labels without end for whoever watches", Twin::Off),
    ("O15", "quotas of single orders evaded by lists of them", Twin::Off),
    ("O16", "stops, trailing stops and icebergs for which nothing is reserved yet", Twin::Off),
    ("O17", "a list that hides in one leg what alone is denied", Twin::Off),
    ("V1", "texts that are none", Twin::Beside),
    ("V2", "commands to a terminal in a text", Twin::Off),
    ("V3", "values outside of their type, pointers outside of memory", Twin::Beside),
    ("V4", "NaN and infinity", Twin::Beside),
    ("V5", "decimals that overflow", Twin::Beside),
    ("V6", "times before and after all times", Twin::Beside),
    ("V7", "indexes near the end of 32 bits", Twin::Beside),
    ("V8", "commands in describe, init, save and shutdown", Twin::Beside),
    ("V9", "cancels of what is over, twice", Twin::Beside),
    ("V10", "a bug of the host", Twin::Beside),
    ("V11", "triggers, trails and icebergs that cannot be", Twin::Beside),
    ("F1", "files that are cut, turned over, empty, text", Twin::Beside),
    ("F2", "compiled code under the name of a plugin", Twin::Beside),
    ("F3", "links, pipes, folders, odd names", Twin::Beside),
    ("F4", "a file swapped between check and use", Twin::Beside),
    ("F5", "files that are exchanged and come back", Twin::Beside),
    ("F6", "two files of one name, versions backwards", Twin::Off),
    ("F7", "imports outside of the contract", Twin::Beside),
    ("F8", "an update that wants more than before", Twin::Off),
    ("F9", "a configuration that reaches elsewhere", Twin::Beside),
    ("F10", "an update that is stolen or not signed", Twin::Off),
    ("F11", "sections, names and exports without end", Twin::Off),
    ("F12", "a compiler that crashes, hangs, eats memory, talks nonsense", Twin::Bounded),
    ("F13", "a hostile contract in a core module", Twin::Off),
    ("S1", "the key, from the environment or a text", Twin::Beside),
    ("S2", "data out through client order ids and tags", Twin::Beside),
    ("S3", "another plugin's store", Twin::Beside),
    ("S4", "clocks that measure the host", Twin::Beside),
    ("S5", "shared memory and threads, which speculation needs", Twin::Beside),
    ("S6", "what an earlier guest left in memory", Twin::Beside),
    ("S7", "memory in the words of a fault", Twin::Beside),
];

/// Registers attacks with their twins and makes a test of each.
macro_rules! cases {
    ($($id:ident: $name:ident, $twin:ident;)*) => {
        pub const CASES: &[$crate::list::Case] =
            &[$($crate::list::Case { id: stringify!($id), attack: $name, twin: $twin }),*];

        mod attack {
            $(#[test] fn $name() { let _held = super::$name(); })*
        }

        mod twin {
            $(#[test] fn $name() { super::$twin(); })*
        }
    };
}

const ROOMS: [&[Case]; 7] = [
    crate::cpu::CASES,
    crate::memory::CASES,
    crate::orders::CASES,
    crate::kinds::CASES,
    crate::values::CASES,
    crate::files::CASES,
    crate::secrets::CASES,
];

#[test]
fn every_attack_has_its_guest_and_its_twin() {
    let mut cases = BTreeMap::new();
    for case in ROOMS.into_iter().flatten() {
        assert!(cases.insert(case.id, case).is_none(), "{} stands there twice", case.id);
    }
    let mut twins = BTreeMap::<String, u32>::new();
    for (id, what, twin) in ATTACKS {
        let case = cases.remove(id).unwrap_or_else(|| panic!("{id} ({what}) has no test"));
        assert_eq!(case.id, *id, "{case:?}");
        *twins.entry(format!("{twin:?}")).or_default() += 1;
    }
    assert!(cases.is_empty(), "{:?} are not on the list", cases.keys());
    assert_eq!(ATTACKS.len(), 69, "the list has lost something");
    println!("{} attacks; twins: {twins:?}", ATTACKS.len());
}

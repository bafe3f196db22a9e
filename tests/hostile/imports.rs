//! Every import with arguments that nobody would write: huge lists, pointers that overlap or lead
//! nowhere, discriminants that are none, bytes that are no text, numbers at the ends of their range.
//! The answer is a typed one or a trap of the guest; the host never panics, and nobody else notices.
//!
//! `RINGFENCE_SEED=n` plays one seed again, `RINGFENCE_SEEDS=n` plays so many.

use ringfence_sandbox::{Budgets, FaultKind, SeatState};

use crate::arena::{Arena, Plan, swift};
use crate::common::Guest;
use crate::common::desk::trade;
use crate::common::guest::{core_type, imports};
use crate::guests::{CAUSE, with_trades};
use crate::model::Dice;

/// Calls of each import, each with its own arguments.
const CALLS: u64 = 64;

/// Numbers that are something to a host: bounds of pages and of memory, lengths, ends of types.
const EDGES: [i64; 26] = [
    0,
    1,
    2,
    3,
    7,
    8,
    9,
    16,
    18,
    19,
    255,
    256,
    4_096,
    65_535,
    65_536,
    262_144,
    263_000,
    524_284,
    524_287,
    524_288,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fff0,
    0xffff_ffff,
    i64::MAX,
    i64::MIN,
];

fn argument(dice: &mut Dice, ty: &str) -> String {
    let number = match dice.below(4) {
        0 => i64::from_le_bytes(dice.next().to_le_bytes()),
        1 => i64::try_from(dice.below(12)).unwrap(),
        _ => dice.pick(&EDGES),
    };
    match ty {
        "i32" => format!("(i32.const {})", i32::from_le_bytes(number.to_le_bytes()[..4].try_into().unwrap())),
        _ => format!("(i64.const {number})"),
    }
}

/// A guest that makes one of its calls for each trade: the one that the trade's number says.
fn caller(dice: &mut Dice, name: &str, function: &wit_parser::Function) -> Guest {
    let (params, results) = core_type(function);
    let drop = if results.is_empty() { "" } else { "drop" };
    // The last parameter, before the place of the answer, if the answer has one.
    // (Where there are too many for that, all of them stand in memory.)
    let cause = function.params.last().filter(|param| param.name == "cause").map(|_| params.len() - 2);
    let cause = cause.filter(|index| params[*index] == "i64");
    let mut calls = String::new();
    for number in 0..CALLS {
        let mut arguments = String::new();
        for (index, ty) in params.iter().enumerate() {
            // Mostly a cause that is one: behind it everything else is looked at.
            if cause == Some(index) && dice.below(8) > 0 {
                arguments.push_str(CAUSE);
            } else if index + 1 == params.len() && cause.is_some() && dice.below(4) > 0 {
                arguments.push_str("(i32.const 0)");
            } else {
                arguments.push_str(&argument(dice, ty));
            }
        }
        let call = format!("(call {name} {arguments}) {drop}");
        calls.push_str(&format!("(if (i64.eq (local.get $j) (i64.const {number})) (then {call}))"));
    }
    let noise: String = (0..2_048).map(|_| format!("\\{:02x}", dice.below(256))).collect();
    let body = format!("(local.set $j (i64.load (i32.load offset=28 (local.get $batch)))) {calls}");
    Guest::new("evil").fields(&format!("(data (i32.const 262144) \"{noise}\")")).does(&with_trades(&body))
}

/// The names that the guests of this suite use for some of the imports.
fn alias(interface: &str, function: &str) -> String {
    let known = match (interface, function) {
        ("orders", "cancel") => "cancel",
        ("market", "subscribe") => "subscribe",
        ("timers", "set") => "timer",
        ("timers", "set-interval") => "interval",
        ("state", "set") => "store",
        ("state", "delete") => "delete",
        ("state", "keys") => "keys",
        ("log", "write") => "log",
        ("metrics", "gauge") => "gauge",
        _ => return format!("${interface}.{function}"),
    };
    format!("${known}")
}

fn play(seed: u64) {
    println!("RINGFENCE_SEED={seed}");
    let mut dice = Dice(seed);
    let budgets = Budgets { strikes: 1_000_000, probation: 0, ..swift() };
    let mut arena = Arena::new(Plan { unfiltered: seed.is_multiple_of(2), ..Plan::budgets(budgets) });
    let (mut answered, mut trapped) = (0u64, 0u64);
    for (interface, function) in imports() {
        let guest = caller(&mut dice, &alias(&interface, &function.name), function);
        arena.start(&guest).unwrap_or_else(|refusal| panic!("{}: {refusal}", function.name));
        arena.settle();
        for number in 0..CALLS {
            let before = arena.report().faults;
            arena.tell(trade(number));
            arena.settle();
            let report = arena.report();
            if report.faults == before {
                answered += 1;
                continue;
            }
            trapped += 1;
            let what = format!("{interface}.{} call {number}: {:?}", function.name, report.last_fault);
            let kind = report.last_fault_kind.expect("a kind");
            // Where the answer was written over its own batch, the guest makes no sense any more.
            let its_own = [FaultKind::Boundary, FaultKind::Trap, FaultKind::Bounds, FaultKind::Contract];
            assert!(its_own.contains(&kind), "{kind}: {what}");
            assert_eq!(report.state, SeatState::Restarting, "{what}");
            arena.start(&guest).expect("the same again");
            arena.settle();
        }
        // What it ordered arrives, what is left of it ends, and the others have had their events.
        arena.run(2);
        arena.neighbours_are_well();
    }
    println!("{answered} calls were answered, {trapped} were traps of the guest");
    assert!(answered > 200 && trapped > 200, "{answered} and {trapped}: both must come often");
    let _ = arena.conclude();
}

#[test]
fn no_argument_of_an_import_brings_the_host_down() {
    if let Ok(seed) = std::env::var("RINGFENCE_SEED") {
        return play(seed.parse().expect("RINGFENCE_SEED is a number"));
    }
    let seeds = std::env::var("RINGFENCE_SEEDS").map_or(2, |seeds| seeds.parse().expect("RINGFENCE_SEEDS is a number"));
    (1..=seeds).for_each(play);
}

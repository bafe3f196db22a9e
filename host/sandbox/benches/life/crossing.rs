//! From the host into the guest, an event, at several sizes of a batch: a bare engine with four columns of integers; a bare engine with the contract's batch of trades; the same batch into the same guest under all protections;
//! and the whole seat, from an event of the model in its queue until the guest has handled it and the desk has booked it.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringfence_model::{Event, Timestamp};
use ringfence_sandbox::crossing::Crossing;
use ringfence_sandbox::{Budgets, Sandbox, SandboxConfig, Seat, SeatConfig, Settings};
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, Store};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::bindings::Strategy;
use crate::bindings::ringfence::strategy::events::{Batch, TradeColumns};
use crate::common::Guest;
use crate::common::desk::{instrument, trade};
use crate::{Clocked, Verdicts};

const SIZES: [usize; 4] = [1, 8, 64, 1_024];
/// Events of one round, and rounds; the least counts, by turns, so that a busy machine spoils none of the four more than
/// the others.
const EVENTS: usize = 200_000;
const ROUNDS: usize = 12;

const FOUR: &str = r#"(module
  (memory (export "memory") 8)
  (global $heap (mut i32) (i32.const 1024))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $heap) (i32.sub (local.get 2) (i32.const 1)))
                            (i32.sub (i32.const 0) (local.get 2))))
    (global.set $heap (i32.add (local.get $at) (local.get 3)))
    (local.get $at))
  (func (export "on-columns") (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (global.set $heap (i32.const 1024)) (local.get 1)))"#;

fn component(module: &[u8]) -> Vec<u8> {
    ComponentEncoder::default().module(module).unwrap().validate(true).encode().unwrap()
}

fn bare() -> Engine {
    let mut config = Config::new();
    config.concurrency_support(false);
    Engine::new(&config).unwrap()
}

/// Four columns of integers and nothing else.
fn four_columns(engine: &Engine) -> impl FnMut(usize) {
    let mut resolve = Resolve::default();
    let world = "package bench:columns@0.1.0;
        world columns { export on-columns: func(a: list<s64>, b: list<s64>, c: list<u64>, d: list<u32>) -> u32; }";
    let package = resolve.push_str("world.wit", world).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let mut module = wat::parse_str(FOUR).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    let component = Component::from_binary(engine, &component(&module)).unwrap();
    let mut store = Store::new(engine, ());
    let instance = Linker::new(engine).instantiate(&mut store, &component).unwrap();
    type Columns<'a> = (&'a [i64], &'a [i64], &'a [u64], &'a [u32]);
    let on = instance.get_typed_func::<Columns<'_>, (u32,)>(&mut store, "on-columns").unwrap();
    let all = (vec![1i64; 1_024], vec![2i64; 1_024], vec![3u64; 1_024], vec![4u32; 1_024]);
    move |size| {
        let (took,) = on.call(&mut store, (&all.0[..size], &all.1[..size], &all.2[..size], &all.3[..size])).unwrap();
        assert_eq!(black_box(took) as usize, size);
    }
}

/// The contract's batch into the contract's world, without budgets, limits or deadlines.
fn bare_contract(engine: &Engine, guest: &[u8], size: usize) -> impl FnMut() {
    let component = Component::from_binary(engine, &component(guest)).unwrap();
    let mut linker = Linker::new(engine);
    linker.define_unknown_imports_as_traps(&component).unwrap();
    let mut store = Store::new(engine, ());
    let strategy = Strategy::instantiate(&mut store, &component, &linker).unwrap();
    let numbers = |from: u64| (from..from + size as u64).collect::<Vec<_>>();
    let batch = Batch {
        trades: Some(TradeColumns {
            seq: numbers(1),
            ts: numbers(1_000_000),
            instrument: vec![0; size],
            id: numbers(1),
            price: vec![6_000_000; size],
            quantity: vec![100; size],
            aggressor: vec![0; size],
        }),
        aggregate_trades: None,
        quotes: None,
        depth: None,
        events: Vec::new(),
    };
    move || {
        let took = strategy.ringfence_strategy_handler().call_on_events(&mut store, &batch, u64::MAX).unwrap();
        assert_eq!(black_box(took) as usize, size);
    }
}

fn sandboxed(sandbox: &Sandbox, guest: &[u8], size: usize) -> impl FnMut() + use<> {
    let plugin = sandbox.admit(guest).unwrap();
    let events: Vec<_> =
        (1..=size as u64).map(|seq| Event { seq, ts: Timestamp(1_000_000 + seq), body: trade(seq) }).collect();
    let budgets = Arc::new(Budgets::default());
    let mut crossing = Crossing::new(sandbox, &plugin, &budgets, &[instrument()], &events).unwrap();
    move || assert_eq!(black_box(crossing.cross().unwrap()), size)
}

fn seated(sandbox: &Arc<Sandbox>, guest: &[u8], size: usize) -> impl FnMut() + use<> {
    // However busy the machine is, a call takes all that waits.
    let turn = Duration::from_secs(10);
    let budgets = Budgets { share_percent: 100, share_strike_percent: 100, turn, ..Budgets::default() };
    let settings = Settings { budgets: Arc::new(budgets), ..Settings::default() };
    let config = SeatConfig {
        name: format!("seat-{size}"),
        mode: ringfence_model::strategy::Mode::Sim,
        seed: 1,
        lookahead: ringfence_model::Micros::MAX,
        queue: 8_192,
        clocked: true,
        settings,
    };
    let desk = Clocked::silent();
    let mut seat = Seat::new(Arc::clone(sandbox), config, Box::new(desk));
    seat.start(Timestamp(1), sandbox.admit(guest).unwrap(), Vec::new()).unwrap();
    seat.run(usize::MAX);
    let mut id = 0;
    move || {
        for _ in 0..size {
            id += 1;
            seat.push(Timestamp(1_000_000 + id), trade(id));
        }
        assert_eq!(black_box(seat.run(usize::MAX).consumed), size);
    }
}

/// Nanoseconds an event.
fn timed(size: usize, call: &mut dyn FnMut()) -> f64 {
    let calls = EVENTS / size / if size == 1 { 4 } else { 1 };
    let started = Instant::now();
    for _ in 0..calls {
        call();
    }
    nanos(started.elapsed()) / (calls * size) as f64
}

fn nanos(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}

pub(crate) fn run(verdicts: &mut Verdicts) {
    let guest = Guest::new("crossing").bytes();
    let engine = bare();
    let sandbox = Sandbox::new(SandboxConfig::in_process()).unwrap();
    let mut columns = four_columns(&engine);
    println!("crossing, ns an event: four columns bare | batch of trades bare | the same, sandboxed | whole seat");
    for size in SIZES {
        let mut four = || columns(size);
        let mut plain = bare_contract(&engine, &guest, size);
        let mut guarded = sandboxed(&sandbox, &guest, size);
        let mut whole = seated(&sandbox, &guest, size);
        let mut ways: [&mut dyn FnMut(); 4] = [&mut four, &mut plain, &mut guarded, &mut whole];
        let mut least = [f64::MAX; 4];
        for _ in 0..ROUNDS {
            for (way, least) in ways.iter_mut().zip(&mut least) {
                *least = least.min(timed(size, *way));
            }
        }
        let [four, plain, guarded, whole] = least;
        println!(
            "  batch of {size:>5}: {four:>7.1} | {plain:>7.1} | {guarded:>7.1} ({:.2}×) | {whole:>7.1}",
            guarded / plain
        );
        verdicts.at_most(&format!("crossing at a batch of {size}, beside the bare engine"), guarded / plain, 1.5, "×");
    }
}

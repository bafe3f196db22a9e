//! Every type of the contract with random values, both ways: as the engine's own dynamic values
//! into a guest's memory, from there into the host's types, back from those, and out again. What
//! comes out must be what went in. The guest copies bytes and knows nothing of what they mean.
//!
//! `RINGFENCE_SEED=n` begins with another seed; it is printed.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fmt::Write as _;

use wasmtime::component::{Component, Lift, Linker, Lower, Type, Val};
use wasmtime::{Config, Engine, Store};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, TypeDefKind};

use crate::bindings::exports::ringfence::strategy::handler as wh;
use crate::bindings::ringfence::strategy::{
    account as wa, events as we, log as wl, orders as wo, quota as wq, state as ws, types as wt,
};

/// Lists of each type, and how long they are at most.
const ROUNDS: usize = 40;
const LONGEST: u64 = 5;

/// SplitMix64: the same numbers for the same seed, everywhere.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Of 64 bits; the ends of the range come often.
    fn bits(&mut self) -> u64 {
        match self.below(6) {
            0 => 0,
            1 => u64::MAX,
            2 => 1 << 63,
            3 => self.below(1_000),
            _ => self.next(),
        }
    }

    fn text(&mut self) -> String {
        let letters = ['a', 'Z', '0', '-', ' ', '\n', '\u{1b}', '\0', 'é', '\u{202e}', '漢', '😀', '\u{10ffff}'];
        (0..self.below(12)).map(|_| letters[self.below(letters.len() as u64) as usize]).collect()
    }

    #[allow(clippy::cast_possible_truncation, reason = "any bits will do")]
    fn value(&mut self, ty: &Type, depth: u32) -> Val {
        let bits = self.bits();
        match ty {
            Type::Bool => Val::Bool(bits & 1 == 1),
            Type::S8 => Val::S8(bits as i8),
            Type::U8 => Val::U8(bits as u8),
            Type::S16 => Val::S16(bits as i16),
            Type::U16 => Val::U16(bits as u16),
            Type::S32 => Val::S32(bits as i32),
            Type::U32 => Val::U32(bits as u32),
            Type::S64 => Val::S64(bits as i64),
            Type::U64 => Val::U64(bits),
            Type::String => Val::String(self.text()),
            Type::List(list) => self.list(&list.ty(), depth),
            Type::Record(record) => Val::Record(
                record.fields().map(|field| (field.name.to_owned(), self.value(&field.ty, depth))).collect(),
            ),
            Type::Tuple(tuple) => Val::Tuple(tuple.types().map(|ty| self.value(&ty, depth)).collect()),
            Type::Variant(variant) => {
                let cases: Vec<_> = variant.cases().map(|case| (case.name.to_owned(), case.ty)).collect();
                let (name, ty) = &cases[self.below(cases.len() as u64) as usize];
                Val::Variant(name.clone(), ty.as_ref().map(|ty| Box::new(self.value(ty, depth))))
            }
            Type::Enum(of) => {
                let names: Vec<_> = of.names().map(str::to_owned).collect();
                Val::Enum(names[self.below(names.len() as u64) as usize].clone())
            }
            Type::Option(option) => {
                Val::Option((!bits.is_multiple_of(3)).then(|| Box::new(self.value(&option.ty(), depth))))
            }
            Type::Result(result) => {
                let mut of = |ty: Option<Type>| ty.map(|ty| Box::new(self.value(&ty, depth)));
                Val::Result(if bits & 1 == 1 { Ok(of(result.ok())) } else { Err(of(result.err())) })
            }
            other => panic!("the contract has no {other:?}"),
        }
    }

    fn list(&mut self, ty: &Type, depth: u32) -> Val {
        let longest = if depth > 2 { 2 } else { LONGEST };
        Val::List((0..self.below(longest + 1)).map(|_| self.value(ty, depth + 1)).collect())
    }
}

/// Every named type that is more than another name: interface and type.
fn contract() -> (Resolve, Vec<(String, String)>) {
    let mut resolve = Resolve::default();
    resolve.push_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit")).unwrap();
    let mut all = Vec::new();
    for (_, interface) in &resolve.interfaces {
        for (name, id) in &interface.types {
            let kind = &resolve.types[*id].kind;
            if matches!(kind, TypeDefKind::Record(_) | TypeDefKind::Variant(_) | TypeDefKind::Enum(_)) {
                all.push((interface.name.clone().unwrap(), name.clone()));
            }
        }
    }
    (resolve, all)
}

/// The name of a type's functions.
fn label(interface: &str, name: &str) -> String {
    format!("{interface}-{name}")
}

/// A component that keeps the last list it was given, of any type, and gives it back.
fn keeper(mut resolve: Resolve, types: &[(String, String)]) -> Vec<u8> {
    let (mut uses, mut functions, mut exports) = (String::new(), String::new(), String::new());
    for (interface, name) in types {
        let label = label(interface, name);
        writeln!(uses, "use ringfence:strategy/{interface}@0.1.0.{{%{name} as x-{label}}};").unwrap();
        writeln!(functions, "export put-{label}: func(all: list<x-{label}>);").unwrap();
        writeln!(functions, "export get-{label}: func() -> list<x-{label}>;").unwrap();
        writeln!(
            exports,
            "(func (export \"put-{label}\") (param i32 i32) (i32.store (i32.const 16) (local.get 0)) (i32.store (i32.const 20) (local.get 1)))
             (func (export \"get-{label}\") (result i32) (i32.const 16))"
        )
        .unwrap();
    }
    let world = format!("package ringfence:keeper@0.1.0; world keeper {{ {uses} {functions} }}");
    let package = resolve.push_str("world.wit", &world).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    // The host asks for room while it writes, and never twice for the same list.
    let module = format!(
        "(module (memory (export \"memory\") 256) (global $heap (mut i32) (i32.const 1024))
           (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (local $at i32)
             (local.set $at (i32.and (i32.add (global.get $heap) (i32.sub (local.get 2) (i32.const 1)))
                                     (i32.sub (i32.const 0) (local.get 2))))
             (global.set $heap (i32.add (local.get $at) (local.get 3)))
             (local.get $at))
           {exports})"
    );
    let mut module = wat::parse_str(module).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
}

struct Boundary {
    engine: Engine,
    component: Component,
    linker: Linker<()>,
    dice: Dice,
    seen: Vec<String>,
}

impl Boundary {
    /// Random values of one type, there and back.
    fn cross<T>(&mut self, label: &str)
    where
        T: Lift + Lower + 'static,
    {
        self.seen.push(label.to_owned());
        for _ in 0..ROUNDS {
            // A fresh one, so that nothing is left of the round before.
            let mut store = Store::new(&self.engine, ());
            let instance = self.linker.instantiate(&mut store, &self.component).unwrap();
            let put = instance.get_func(&mut store, format!("put-{label}").as_str()).unwrap();
            let get = instance.get_func(&mut store, format!("get-{label}").as_str()).unwrap();
            let (_, ty) = put.ty(&store).params().next().map(|(name, ty)| (name.to_owned(), ty)).unwrap();
            let Type::List(list) = ty else { panic!("{label}: a list") };
            let sent = self.dice.list(&list.ty(), 0);
            put.call(&mut store, std::slice::from_ref(&sent), &mut []).unwrap();
            // From the guest into the host's own types, and from those to the guest again.
            let (mine,) = get.typed::<(), (Vec<T>,)>(&store).unwrap().call(&mut store, ()).unwrap();
            put.typed::<(Vec<T>,), ()>(&store).unwrap().call(&mut store, (mine,)).unwrap();
            let mut back = [Val::Bool(false)];
            get.call(&mut store, &[], &mut back).unwrap();
            assert_eq!(back[0], sent, "{label}");
        }
    }
}

#[test]
fn every_type_of_the_contract_crosses_both_ways() {
    let seed = std::env::var("RINGFENCE_SEED").map_or(1, |seed| seed.parse().expect("RINGFENCE_SEED is a number"));
    println!("RINGFENCE_SEED={seed}");
    let (resolve, types) = contract();
    let engine = Engine::new(Config::new().concurrency_support(false)).unwrap();
    let component = Component::from_binary(&engine, &keeper(resolve, &types)).unwrap();
    let mut linker = Linker::new(&engine);
    // Types alone are imported; there is nothing to call.
    for (name, _) in component.component_type().imports(&engine) {
        linker.instance(name).unwrap();
    }
    let mut boundary = Boundary { engine, component, linker, dice: Dice(seed), seen: Vec::new() };
    macro_rules! cross {
        ($($label:literal: $ty:ty),* $(,)?) => { $(boundary.cross::<$ty>($label);)* };
    }
    cross! {
        "events-batch": we::Batch,
        "events-trade-columns": we::TradeColumns,
        "events-quote-columns": we::QuoteColumns,
        "events-depth-columns": we::DepthColumns,
        "events-event": we::Event,
        "events-event-body": we::EventBody,
        "events-kline": we::Kline,
        "events-level": we::Level,
        "events-book": we::Book,
        "events-ticker": we::Ticker,
        "events-quote": we::Quote,
        "events-order-status": we::OrderStatus,
        "events-order-change": we::OrderChange,
        "events-order-reason": we::OrderReason,
        "events-order-update": we::OrderUpdate,
        "events-fill": we::Fill,
        "events-history": we::History,
        "events-feed": we::Feed,
        "events-gap-reason": we::GapReason,
        "events-feed-gap": we::FeedGap,
        "events-halt-reason": we::HaltReason,
        "handler-value": wh::Value,
        "handler-value-range": wh::ValueRange,
        "handler-parameter-spec": wh::ParameterSpec,
        "handler-wish": wh::Wish,
        "handler-manifest": wh::Manifest,
        "handler-mode": wh::Mode,
        "handler-parameter": wh::Parameter,
        "handler-context": wh::Context,
        "handler-init-error": wh::InitError,
        "handler-restore-error": wh::RestoreError,
        "handler-stop-reason": wh::StopReason,
        "orders-trigger": wo::Trigger,
        "orders-market-size": wo::MarketSize,
        "orders-limit": wo::Limit,
        "orders-limit-maker": wo::LimitMaker,
        "orders-stop": wo::Stop,
        "orders-stop-limit": wo::StopLimit,
        "orders-order-kind": wo::OrderKind,
        "orders-new-order": wo::NewOrder,
        "orders-order-list": wo::OrderList,
        "account-open-order": wa::OpenOrder,
        "state-state-error": ws::StateError,
        "log-level": wl::Level,
        "quota-quota-state": wq::QuotaState,
        "quota-budget-unit": wq::BudgetUnit,
        "quota-budget-state": wq::BudgetState,
        "types-decimal": wt::Decimal,
        "types-side": wt::Side,
        "types-time-in-force": wt::TimeInForce,
        "types-instrument": wt::Instrument,
        "types-balance": wt::Balance,
        "types-position": wt::Position,
        "types-stream": wt::Stream,
        "types-denial": wt::Denial,
        "types-quota-kind": wt::QuotaKind,
        "types-quota-denial": wt::QuotaDenial,
        "types-risk-limit": wt::RiskLimit,
        "types-risk-denial": wt::RiskDenial,
        "types-filter-kind": wt::FilterKind,
        "types-filter-denial": wt::FilterDenial,
        "types-balance-denial": wt::BalanceDenial,
        "types-order-field": wt::OrderField,
    }
    let mut all: Vec<String> = types.iter().map(|(interface, name)| label(interface, name)).collect();
    all.sort_unstable();
    boundary.seen.sort_unstable();
    assert_eq!(boundary.seen, all, "every type of the contract, and nothing else");
}

//! The way of the data, timed on the kept example plugins: a stream message until the
//! strategy has handled it, a command until it is signed, and a reload until the next
//! generation runs. `cargo bench -p ringfence-backtest`; the figures are in BENCHMARKS.md.

#![allow(missing_docs, reason = "criterion's macros make undocumented items")]
#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ringfence_binance::{Credentials, request};
use ringfence_engine::{
    DeskCommand, Engine, EngineConfig, Limits, Output, Permissions, SeatConfig as EngineSeat, SeatDesk,
};
use ringfence_exchange::SymbolConfig;
use ringfence_model::desk::Desk;
use ringfence_model::event::{OrderReason, Quote};
use ringfence_model::strategy::{Mode, Value};
use ringfence_model::venue::{CommandKind, CommandOutcome, VenueEvent};
use ringfence_model::{
    Decimal, Event, EventBody, Instrument, InstrumentId, Micros, NewOrder, OrderKind, SeatId, Side, TimeInForce,
    Timestamp,
};
use ringfence_sandbox::{Plugin, Sandbox, SandboxConfig, Seat, SeatConfig, Settings};
use ringfence_wire::stream::StreamParser;

const TRADE: &str = r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161254035,"s":"BTCUSDT","t":3756371246,"p":"61837.63000000","q":"0.00082000","T":1723161254034,"m":true,"M":true}}"#;
const QUOTE: &str = r#"{"stream":"btcusdt@bookTicker","data":{"u":50001234567,"s":"BTCUSDT","b":"61837.62000000","B":"1.20000000","a":"61837.63000000","A":"0.80000000"}}"#;

fn instrument() -> Instrument {
    SymbolConfig::known("BTCUSDT").unwrap().instrument(InstrumentId(0))
}

fn engine() -> (Engine, SeatDesk, Receiver<DeskCommand>) {
    let config = EngineConfig {
        session: "bench".to_owned(),
        instruments: vec![instrument()],
        query_after: Micros::from_secs(2),
    };
    let mut engine = Engine::new(config).unwrap();
    let (sender, commands) = channel();
    let limits = Limits { orders_per_second: u32::MAX, orders_per_day: u32::MAX, ..Limits::default() };
    let seat = EngineSeat {
        name: "bench".to_owned(),
        instruments: vec![InstrumentId(0)],
        allocation: vec![("USDT".to_owned(), Decimal::from(50_000)), ("BTC".to_owned(), Decimal::ONE)],
        limits,
        permissions: Permissions::default(),
    };
    let (_, desk) = engine.open_seat(seat, Box::new(move |command| sender.send(command).unwrap())).unwrap();
    (engine, desk, commands)
}

fn plugin(sandbox: &Arc<Sandbox>, name: &str) -> Arc<Plugin> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../plugins/{name}.wasm"));
    sandbox.admit(&std::fs::read(path).unwrap()).unwrap()
}

fn parameters(plugin: &Plugin) -> Vec<(String, Value)> {
    plugin.manifest().parameters.iter().map(|spec| (spec.name.clone(), spec.default.clone())).collect()
}

fn seat(sandbox: &Arc<Sandbox>, plugin: &Arc<Plugin>, desk: SeatDesk) -> Seat {
    let config = SeatConfig {
        name: "bench".to_owned(),
        mode: Mode::Sim,
        seed: 1,
        lookahead: Micros::MAX,
        queue: 1 << 20,
        clocked: false,
        settings: Settings::default(),
    };
    let mut seat = Seat::new(Arc::clone(sandbox), config, Box::new(desk));
    seat.start(Timestamp(1), Arc::clone(plugin), parameters(plugin)).unwrap();
    seat
}

/// Bytes of one trade message: only read, and until `ema-cross` has handled it, in batches of several sizes.
fn message_to_handler(c: &mut Criterion) {
    let sandbox = Sandbox::new(SandboxConfig::in_process()).unwrap();
    let ema_cross = plugin(&sandbox, "ema-cross");
    let parser = StreamParser::new(&[instrument()]);
    let mut group = c.benchmark_group("message_to_handler");
    group.throughput(Throughput::Elements(1));
    group.bench_function("parse_only", |b| b.iter(|| parser.parse(black_box(TRADE.as_bytes())).unwrap()));
    for batch in [1usize, 8, 64] {
        let (mut engine, desk, commands) = engine();
        let mut seat = seat(&sandbox, &ema_cross, desk);
        let mut out = Vec::new();
        let mut now = 1u64;
        while let Ok(command) = commands.try_recv() {
            engine.command(Timestamp(now), command, &mut out);
        }
        out.clear();
        group.bench_function(format!("whole_way_batch_{batch}"), |b| {
            b.iter_custom(|rounds| {
                let started = Instant::now();
                let mut left = rounds;
                while left > 0 {
                    let count = left.min(u64::try_from(batch).unwrap());
                    left -= count;
                    for _ in 0..count {
                        now += 1;
                        let data = parser.parse(black_box(TRADE.as_bytes())).unwrap();
                        engine.venue(Timestamp(now), VenueEvent::Market(data), &mut out);
                        for output in out.drain(..) {
                            if let Output::Deliver { ts, body, .. } = output {
                                seat.push(ts, body);
                            }
                        }
                    }
                    assert!(seat.run(usize::MAX).consumed > 0);
                }
                started.elapsed()
            });
        });
    }
    group.finish();
}

/// A strategy's order: through the gate, the engine, until its bytes are signed.
fn handler_to_signed(c: &mut Criterion) {
    let credentials = Credentials::new("k".repeat(64), "s".repeat(64));
    let (mut engine, mut desk, commands) = engine();
    let price = Decimal::new(6_183_762, 2);
    let quote = Quote {
        instrument: InstrumentId(0),
        bid_price: price,
        bid_quantity: Decimal::ONE,
        ask_price: price,
        ask_quantity: Decimal::ONE,
    };
    drop(desk.apply(&Event { seq: 1, ts: Timestamp(1), body: EventBody::Quote(quote) }));
    let order = NewOrder {
        instrument: InstrumentId(0),
        side: Side::Buy,
        kind: OrderKind::Limit {
            quantity: Decimal::new(2, 3),
            price,
            time_in_force: TimeInForce::Gtc,
            iceberg_quantity: None,
        },
        reduce_only: false,
        tag: None,
    };
    let mut group = c.benchmark_group("handler_to_signed");
    let (mut out, mut now, mut seq) = (Vec::new(), 1_000_000u64, 1);
    group.bench_function("gate_engine_sign", |b| {
        b.iter_custom(|rounds| {
            let mut taken = Duration::ZERO;
            for _ in 0..rounds {
                now += 2_000_000;
                let at = Timestamp(now);
                let started = Instant::now();
                desk.submit(at, order.clone(), seq).unwrap();
                engine.command(at, commands.recv().unwrap(), &mut out);
                let Some(Output::Place(approved)) = out.pop() else { unreachable!("an order was approved") };
                let sent = request::place(approved.order()).sign(&credentials, at.as_millis(), 5_000);
                taken += started.elapsed();
                black_box(&sent);
                // The venue refuses it, so that the desk is as before.
                let answer = VenueEvent::Answer {
                    client_order_id: approved.order().client_order_id.clone(),
                    kind: CommandKind::Place,
                    outcome: CommandOutcome::Rejected(OrderReason::Other),
                };
                engine.venue(at, answer, &mut out);
                for output in out.drain(..) {
                    if let Output::Deliver { ts, body, .. } = output {
                        seq += 1;
                        drop(desk.apply(&Event { seq, ts, body }));
                    }
                }
            }
            taken
        });
    });
    group.finish();
}

/// The whole way: bytes of a quote in, `market-maker` decides, signed bytes of its orders out.
fn message_to_signed(c: &mut Criterion) {
    let credentials = Credentials::new("k".repeat(64), "s".repeat(64));
    let sandbox = Sandbox::new(SandboxConfig::in_process()).unwrap();
    let market_maker = plugin(&sandbox, "market-maker");
    let parser = StreamParser::new(&[instrument()]);
    let mut group = c.benchmark_group("message_to_signed");
    group.bench_function("quote_to_first_order", |b| {
        b.iter_custom(|rounds| {
            let mut taken = Duration::ZERO;
            for _ in 0..rounds {
                let (mut engine, desk, commands) = engine();
                let mut seat = seat(&sandbox, &market_maker, desk);
                let mut out = Vec::new();
                while let Ok(command) = commands.try_recv() {
                    engine.command(Timestamp(1), command, &mut out);
                }
                out.clear();
                seat.run(usize::MAX);
                let now = Timestamp(5_000_000);
                let started = Instant::now();
                let data = parser.parse(black_box(QUOTE.as_bytes())).unwrap();
                engine.venue(now, VenueEvent::Market(data), &mut out);
                for output in out.drain(..) {
                    if let Output::Deliver { ts, body, .. } = output {
                        seat.push(ts, body);
                    }
                }
                seat.run(usize::MAX);
                engine.command(now, commands.try_recv().unwrap(), &mut out);
                let Some(Output::Place(approved)) = out.pop() else { unreachable!("the maker quotes") };
                black_box(request::place(approved.order()).sign(&credentials, now.as_millis(), 5_000));
                taken += started.elapsed();
            }
            taken
        });
    });
    group.finish();
}

/// From the decision to swap until the next generation is ready: save, instantiate, init, restore.
fn reload_pause(c: &mut Criterion) {
    let sandbox = Sandbox::new(SandboxConfig::in_process()).unwrap();
    let mut group = c.benchmark_group("reload_pause");
    group.sample_size(20);
    for name in ["ema-cross", "market-maker", "rsi-reversion"] {
        let plugin = plugin(&sandbox, name);
        let mut config = vec![instrument()];
        config.extend(SymbolConfig::known("ETHUSDT").map(|symbol| symbol.instrument(InstrumentId(1))));
        let mut engine = Engine::new(EngineConfig {
            session: "bench".to_owned(),
            instruments: config,
            query_after: Micros::from_secs(2),
        })
        .unwrap();
        let granted = EngineSeat {
            name: "bench".to_owned(),
            instruments: vec![InstrumentId(0), InstrumentId(1)],
            allocation: Vec::new(),
            limits: Limits::default(),
            permissions: Permissions::default(),
        };
        let (id, desk) = engine.open_seat(granted, Box::new(drop)).unwrap();
        assert_eq!(id, SeatId(0));
        let mut seat = seat(&sandbox, &plugin, desk);
        group.bench_function(name, |b| {
            b.iter(|| {
                seat.start(Timestamp(1), Arc::clone(&plugin), parameters(&plugin)).unwrap();
                seat.run(1)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, message_to_handler, handler_to_signed, message_to_signed, reload_pause);
criterion_main!(benches);

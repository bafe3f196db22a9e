//! What a plugin's life costs: a crossing into it, the pause of a reload while events come, a thousand
//! seats of one file, the end of an endless loop, and what neighbours notice of a hog. Each line is one
//! figure of one run; `cargo bench --workspace --bench life [crossing|reload|thousand|loop|neighbours]`.
//! It ends with 1 if a figure misses its bound.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a bench")]

/// The contract as any embedder sees it.
#[allow(missing_debug_implementations, unreachable_pub, clippy::all, reason = "generated")]
mod bindings {
    wasmtime::component::bindgen!({ path: "../../wit", world: "strategy" });
}
#[path = "../../tests/common/mod.rs"]
mod common;
mod crossing;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::Guest;
use common::desk::{instrument, trade};
use common::guest::times;
use common::house::seat_with;
use ringfence_model::denial::QuotaState;
use ringfence_model::desk::{Desk, DeskReport};
use ringfence_model::event::{Book, Quote};
use ringfence_model::order::{OpenOrder, OrderList};
use ringfence_model::strategy::{Manifest, Mode, Value};
use ringfence_model::{
    Balance, Decimal, Denial, Event, EventBody, Instrument, InstrumentId, NewOrder, OrderId, Position, SeatId, Seq,
    StreamKind, Timestamp,
};
use ringfence_sandbox::{
    Budgets, Fleet, FleetConfig, FleetEvent, Operator, PluginCommand, Sandbox, SandboxConfig, Settings,
};

/// Microseconds, of one plugin and of all.
type Latencies = Arc<Mutex<Vec<u64>>>;
type AllLatencies = Arc<Mutex<HashMap<String, Latencies>>>;

/// A desk that takes the time between an event's own time and its booking, which follows its handling.
struct Clocked {
    instruments: Vec<Instrument>,
    start: Instant,
    handled: Arc<AtomicUsize>,
    latencies: Option<Latencies>,
}

impl Clocked {
    /// One that only counts.
    fn silent() -> Self {
        let (instruments, start) = (vec![instrument()], Instant::now());
        Clocked { instruments, start, handled: Arc::default(), latencies: None }
    }
}

impl Desk for Clocked {
    fn submit(&mut self, _: Timestamp, _: NewOrder, _: Seq) -> Result<OrderId, Denial> {
        Err(Denial::Unsupported)
    }
    fn submit_list(&mut self, _: Timestamp, _: OrderList, _: Seq) -> Result<Vec<OrderId>, Denial> {
        Err(Denial::Unsupported)
    }
    fn cancel(&mut self, _: Timestamp, _: OrderId, _: Seq) -> Result<(), Denial> {
        Ok(())
    }
    fn cancel_all(&mut self, _: Timestamp, _: Option<InstrumentId>, _: Seq) -> Result<u32, Denial> {
        Ok(0)
    }
    fn amend(&mut self, _: Timestamp, _: OrderId, _: Decimal, _: Seq) -> Result<(), Denial> {
        Ok(())
    }
    fn instruments(&self) -> &[Instrument] {
        &self.instruments
    }
    fn subscribe(&mut self, _: InstrumentId, _: StreamKind) -> Result<(), Denial> {
        Ok(())
    }
    fn unsubscribe(&mut self, _: InstrumentId, _: StreamKind) -> Result<(), Denial> {
        Ok(())
    }
    fn last_quote(&self, _: InstrumentId, _: Seq) -> Option<(Timestamp, Quote)> {
        None
    }
    fn book(&self, _: InstrumentId, _: u32, _: Seq) -> Option<Book> {
        None
    }
    fn request_history(
        &mut self,
        _: Timestamp,
        _: InstrumentId,
        _: u32,
        _: Option<Timestamp>,
        _: u32,
        _: Seq,
    ) -> Result<u64, Denial> {
        Ok(1)
    }
    fn balances(&self) -> Vec<Balance> {
        Vec::new()
    }
    fn positions(&self) -> Vec<Position> {
        Vec::new()
    }
    fn open_orders(&self) -> Vec<OpenOrder> {
        Vec::new()
    }
    fn quotas(&self, _: Timestamp) -> Vec<QuotaState> {
        Vec::new()
    }
    fn apply(&mut self, event: &Event) -> Vec<EventBody> {
        if event.body.is_market() {
            if let Some(latencies) = &self.latencies {
                let now = u64::try_from(self.start.elapsed().as_micros()).unwrap();
                latencies.lock().unwrap().push(now.saturating_sub(event.ts.0));
            }
            self.handled.fetch_add(1, Ordering::Relaxed);
        }
        Vec::new()
    }
    fn report(&self) -> DeskReport {
        DeskReport::default()
    }
}

struct Keys {
    start: Instant,
    settings: Settings,
    seats: HashMap<String, SeatId>,
    handled: Arc<AtomicUsize>,
    latencies: AllLatencies,
}

impl Operator for Keys {
    fn open(&mut self, name: &str, _: &Manifest) -> Result<Box<dyn Desk>, String> {
        let id = SeatId(u32::try_from(self.seats.len()).unwrap());
        self.seats.insert(name.to_owned(), id);
        let latencies = Latencies::default();
        self.latencies.lock().unwrap().insert(name.to_owned(), Arc::clone(&latencies));
        let mut other = instrument();
        (other.id, other.symbol) = (InstrumentId(1), "ETHUSDT".to_owned());
        let instruments = vec![instrument(), other];
        Ok(Box::new(Clocked {
            instruments,
            start: self.start,
            handled: Arc::clone(&self.handled),
            latencies: Some(latencies),
        }))
    }
    fn parameters(&mut self, _: &str, manifest: &Manifest) -> Result<Vec<(String, Value)>, String> {
        Ok(manifest.parameters.iter().map(|spec| (spec.name.clone(), spec.default.clone())).collect())
    }
    fn settings(&mut self, _: &str) -> Settings {
        self.settings.clone()
    }
    fn seat_id(&self, name: &str) -> Option<SeatId> {
        self.seats.get(name).copied()
    }
}

struct House {
    fleet: Fleet,
    events: Receiver<FleetEvent>,
    start: Instant,
    handled: Arc<AtomicUsize>,
    latencies: AllLatencies,
    _dir: tempfile::TempDir,
}

impl House {
    fn of<B: AsRef<[u8]>>(files: &[(String, B)], workers: usize, budgets: Budgets) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            std::fs::write(dir.path().join(format!("{name}.wasm")), bytes).unwrap();
        }
        let start = Instant::now();
        let (told, events) = channel();
        let told = Mutex::new(told);
        let (handled, latencies) = (Arc::default(), AllLatencies::default());
        let settings = Settings { budgets: Arc::new(budgets.clone()), ..Settings::default() };
        let keys = Keys {
            start,
            settings,
            seats: HashMap::new(),
            handled: Arc::clone(&handled),
            latencies: Arc::clone(&latencies),
        };
        let sandbox = Sandbox::new(SandboxConfig {
            cache_dir: Some(dir.path().join("cache")),
            budgets,
            ..SandboxConfig::in_process()
        })
        .unwrap();
        let config = FleetConfig {
            dir: dir.path().to_owned(),
            workers,
            mode: Mode::Sim,
            seed: 1,
            clock: Arc::new(move || since(start)),
        };
        let notify = Arc::new(move |event| drop(told.lock().unwrap().send(event)));
        let fleet = Fleet::start(sandbox, config, Box::new(keys), notify).unwrap();
        House { fleet, events, start, handled, latencies, _dir: dir }
    }

    fn p(&self, name: &str, quantile: f64) -> u64 {
        let latencies = Arc::clone(&self.latencies.lock().unwrap()[name]);
        let mut all = latencies.lock().unwrap().clone();
        all.sort_unstable();
        all[((all.len() - 1) as f64 * quantile) as usize]
    }
}

fn since(start: Instant) -> Timestamp {
    Timestamp(u64::try_from(start.elapsed().as_micros()).unwrap())
}

fn kept(name: &str) -> Vec<u8> {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../plugins/{name}.wasm"));
    std::fs::read(path).unwrap()
}

/// Prints them; the middle and the 99th of a hundred, in milliseconds.
fn quantiles(name: &str, mut all: Vec<Duration>) -> (f64, f64) {
    all.sort_unstable();
    let at = |quantile: f64| all[((all.len() - 1) as f64 * quantile) as usize];
    println!("{name}: n {} p50 {:?} p99 {:?} max {:?}", all.len(), at(0.5), at(0.99), at(1.0));
    (at(0.5).as_secs_f64() * 1e3, at(0.99).as_secs_f64() * 1e3)
}

/// Figures that have a bound.
#[derive(Default)]
pub(crate) struct Verdicts {
    lines: Vec<String>,
    missed: usize,
}

impl Verdicts {
    pub(crate) fn at_most(&mut self, what: &str, found: f64, bound: f64, unit: &str) {
        let held = found <= bound;
        self.missed += usize::from(!held);
        let word = if held { "held" } else { "MISSED" };
        self.lines.push(format!("{word:<7} {what}: {found:.2} {unit}, at most {bound} {unit}"));
    }

    /// Prints all of them; 1 if one was missed.
    fn end(self) -> ExitCode {
        println!();
        self.lines.iter().for_each(|line| println!("{line}"));
        if self.missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// Reloads of one file while 100,000 trades a second come.
fn reload(verdicts: &mut Verdicts) {
    for name in ["ema-cross", "market-maker", "rsi-reversion"] {
        let bytes = kept(name);
        let budgets = Budgets { reloads: 60, ..Budgets::default() };
        let house = House::of(&[(name.to_owned(), bytes)], 1, budgets);
        let (mailbox, stop, start) = (house.fleet.mailbox(), AtomicBool::new(false), house.start);
        let mut pauses = Vec::new();
        let fed = std::thread::scope(|scope| {
            let feeder = scope.spawn(|| {
                let mut id = 0u64;
                let began = Instant::now();
                while !stop.load(Ordering::Relaxed) {
                    let due = u64::try_from(began.elapsed().as_micros()).unwrap() / 10;
                    while id < due {
                        id += 1;
                        mailbox.deliver(SeatId(0), since(start), trade(id));
                    }
                    std::thread::sleep(Duration::from_micros(500));
                }
                (id, began.elapsed())
            });
            let control = house.fleet.control();
            for _ in 0..200 {
                control.command(name, PluginCommand::Reload).unwrap();
                while let Ok(event) = house.events.try_recv() {
                    if let FleetEvent::Reloaded { pause, .. } = event {
                        pauses.push(pause);
                    }
                }
            }
            stop.store(true, Ordering::Relaxed);
            feeder.join().unwrap()
        });
        let report = house.fleet.reports().remove(0);
        println!(
            "reload {name}: {} trades in {:?} ({:.0} a second), faults {}, generation {}",
            fed.0,
            fed.1,
            fed.0 as f64 / fed.1.as_secs_f64(),
            report.faults,
            report.generation
        );
        let (_, p99) = quantiles(&format!("reload pause {name}"), pauses);
        if report.language == "rust" {
            verdicts.at_most(&format!("reload pause of {name}, p99"), p99, 1.0, "ms");
        }
    }
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

/// A thousand seats of one Rust strategy, and one trade for all of them.
fn thousand(verdicts: &mut Verdicts) {
    let before = resident();
    let bytes = kept("ema-cross");
    let files: Vec<_> = (0..1_000).map(|number| (format!("s{number:04}"), bytes.as_slice())).collect();
    let mut house = House::of(&files, 2, Budgets::default());
    println!("thousand: resident {before} MiB before, {} MiB with 1,000 instances", resident());
    let mailbox = house.fleet.mailbox();
    let (mut all, mut sends, mut used) = (Vec::new(), Vec::new(), Vec::new());
    for id in 1..=200u64 {
        assert!(house.fleet.drain(Duration::from_secs(10)));
        let target = house.handled.load(Ordering::Relaxed) + 1_000;
        let (started, before, own) = (Instant::now(), process_cpu(), cpu());
        for seat in 0..1_000 {
            mailbox.deliver(SeatId(seat), Timestamp(id), trade(id));
        }
        sends.push(started.elapsed());
        while house.handled.load(Ordering::Relaxed) < target {
            // The workers need the cores.
            std::thread::yield_now();
        }
        all.push(started.elapsed());
        used.push((process_cpu() - before) - (cpu() - own));
    }
    quantiles("thousand: CPU time of the workers for one trade", used);
    quantiles("thousand: one trade sent to all", sends);
    let (middle, _) = quantiles("thousand: one trade handled by all", all);
    let after = resident();
    println!("thousand: resident {after} MiB after 200 trades each");
    verdicts.at_most("1,000 instances, resident", after as f64, 500.0, "MiB");
    verdicts.at_most("one trade fanned out to 1,000, middle", middle, 1.0, "ms");
}

/// CPU time of all threads.
fn process_cpu() -> Duration {
    clock(rustix::time::ClockId::ProcessCPUTime)
}

/// CPU time of this thread.
fn cpu() -> Duration {
    clock(rustix::time::ClockId::ThreadCPUTime)
}

fn clock(id: rustix::time::ClockId) -> Duration {
    let time = rustix::time::clock_gettime(id);
    Duration::new(u64::try_from(time.tv_sec).unwrap(), u32::try_from(time.tv_nsec).unwrap())
}

/// An endless loop: by how much its end comes after its hard bound.
fn endless(verdicts: &mut Verdicts) {
    let sandbox = Sandbox::new(SandboxConfig::in_process()).unwrap();
    let plugin = sandbox.admit(&Guest::new("evil").does("(call $loop)").bytes()).unwrap();
    let (mut over_cpu, mut over_wall) = (Vec::new(), Vec::new());
    for _ in 0..100 {
        let (mut seat, _) = seat_with(&sandbox, "evil", Settings::default());
        seat.start(Timestamp(1), Arc::clone(&plugin), Vec::new()).unwrap();
        let hard = Budgets::default().timer.hard + Budgets::default().each.hard;
        let (started, used) = (Instant::now(), cpu());
        assert!(seat.run(1).fault.is_some());
        over_wall.push(started.elapsed().saturating_sub(hard));
        over_cpu.push((cpu() - used).saturating_sub(hard));
    }
    let (_, p99) = quantiles("endless loop: CPU time beyond its hard bound", over_cpu);
    quantiles("endless loop: wall time beyond its hard bound", over_wall);
    verdicts.at_most("endless loop ended beyond its hard bound, CPU time, p99", p99, 2.0, "ms");
}

/// Latency of good plugins alone, and beside a hog, a flooder and a crasher on the same two workers.
fn neighbours(_: &mut Verdicts) {
    let burn = |name: &str| Guest::new(name).does(&times(2_000_000, "")).bytes();
    let flood = "(call $cancel (i64.const 1) (call $seq (local.get $batch)) (i32.const 0))
        (call $log (i32.const 1) (i32.const 4096) (i32.const 36))";
    let evil = [
        ("z-hog".to_owned(), burn("hog")),
        ("z-flood".to_owned(), Guest::new("flood").does(&times(20_000, flood)).bytes()),
        ("z-crash".to_owned(), Guest::new("crash").on_events("unreachable").bytes()),
    ];
    let good: Vec<_> = (0..6).map(|number| (format!("good-{number}"), kept("ema-cross"))).collect();
    for (title, files) in [("alone", good.clone()), ("beside the hostile", good.iter().cloned().chain(evil).collect())]
    {
        let house = House::of(&files, 2, Budgets { strikes: 100, ..Budgets::default() });
        let mailbox = house.fleet.mailbox();
        let seats = u32::try_from(files.len()).unwrap();
        for id in 0..10_000u64 {
            let ts = since(house.start);
            for seat in 0..seats {
                mailbox.deliver(SeatId(seat), ts, trade(id));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let p = |quantile| (0..6).map(|number| house.p(&format!("good-{number}"), quantile)).max().unwrap();
        println!("neighbours {title}: worst of six: p50 {} µs, p99 {} µs, p99.9 {} µs", p(0.5), p(0.99), p(0.999));
        for report in house.fleet.reports().iter().filter(|report| report.name.starts_with('z')) {
            println!(
                "  {}: {} events, {} waiting, conflated {}, cpu {} %, faults {}, {}",
                report.name,
                report.events,
                report.waiting,
                report.conflated,
                report.cpu_percent,
                report.faults,
                report.state
            );
        }
    }
}

/// A part that can be asked for by its name.
type Part = (&'static str, fn(&mut Verdicts));

fn main() -> ExitCode {
    let asked: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let all: [Part; 5] = [
        ("crossing", crossing::run),
        ("reload", reload),
        ("thousand", thousand),
        ("loop", endless),
        ("neighbours", neighbours),
    ];
    let mut verdicts = Verdicts::default();
    for (name, bench) in all {
        if asked.is_empty() || asked.iter().any(|word| word == name) {
            bench(&mut verdicts);
        }
    }
    verdicts.end()
}

//! One run of the whole host: an exchange in a process of its own plays a recording at the market's pace, and `ringfence`
//! trades on it with a folder of good plugins, with or without the hostile ones among them. What lives here: starting both,
//! looking at them while they run, and what is read at the end.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::hostile::{self, Hostile, Shows};

/// How a run is set up.
pub(crate) struct Plan {
    pub(crate) good: usize,
    pub(crate) hostile: Vec<Hostile>,
    pub(crate) length: Duration,
    pub(crate) recording: PathBuf,
    /// Of the recording; 1 is the market's own pace.
    pub(crate) speed: f64,
    /// How often figures are taken and told.
    pub(crate) every: Duration,
}

/// What a run came to.
pub(crate) struct Outcome {
    /// Seconds since the start, and KiB of the host's process.
    pub(crate) resident: Vec<(f64, u64)>,
    pub(crate) summary: Value,
    /// The last `plugins list --json` before the end.
    pub(crate) list: Value,
    /// What the host said on its standard error, its last lines.
    pub(crate) said: String,
    pub(crate) ended_well: bool,
}

/// A process that ends with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn ringfence() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringfence"));
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../plugins/{name}.wasm"))
}

/// Names of the good: three of five follow trades, the rest quote.
fn good(count: usize) -> Vec<(String, &'static str)> {
    let kind = |number: usize| if number % 5 < 3 { "ema-cross" } else { "market-maker" };
    (0..count).map(|number| (format!("good-{number:02}"), kind(number))).collect()
}

fn exchange(plan: &Plan) -> (Running, Value) {
    let mut child = ringfence()
        .args(["sim", "--listen", "127.0.0.1:0", "--json", "--balances", "USDT=100000000,BTC=1000", "--replay"])
        .arg(&plan.recording)
        .args(["--speed", &plan.speed.to_string()])
        .stderr(Stdio::null())
        .spawn()
        .expect("the exchange starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("its addresses");
    (Running(child), serde_json::from_str(&line).expect("its addresses"))
}

fn configuration(plan: &Plan, venue: &Value) -> String {
    let at = |key: &str| venue[key].as_str().expect("an address").to_owned();
    let mut text = format!(
        "[venue]\nkind = \"binance-testnet\"\nsymbols = [\"BTCUSDT\"]\nrest_url = \"{}\"\nstream_url = \"{}\"\nws_api_url = \"{}\"\n",
        at("rest"),
        at("stream"),
        at("ws_api")
    );
    for (name, _) in good(plan.good) {
        text.push_str(&format!("[plugins.{name}]\nallocation = {{ USDT = \"10000\", BTC = \"0.1\" }}\n"));
    }
    for Hostile { name, .. } in &plan.hostile {
        // Quarantine would end the attack; here it is to go on.
        text.push_str(&format!(
            "[plugins.{name}]\nallocation = {{ USDT = \"10000\", BTC = \"0.1\" }}\n[plugins.{name}.budgets]\nstrikes = 100\n"
        ));
    }
    text
}

/// KiB of a process.
fn resident(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.split_whitespace().next()?.parse().ok()
}

fn list(dir: &Path) -> Option<Value> {
    let output =
        ringfence().args(["plugins", "list", "--json"]).current_dir(dir).stderr(Stdio::null()).output().ok()?;
    serde_json::from_slice(&output.stdout).ok()
}

fn of<'a>(list: &'a Value, part: &str) -> Vec<&'a Value> {
    let is_of = |one: &&Value| one["name"].as_str().is_some_and(|name| name.starts_with(part));
    list.as_array().map(|all| all.iter().filter(is_of).collect()).unwrap_or_default()
}

fn progress(title: &str, at: Duration, plan: &Plan, resident: Option<u64>, list: &Value) {
    let sum = |plugins: &[&Value], key: &str| plugins.iter().filter_map(|one| one[key].as_u64()).sum::<u64>();
    let (good, hostile) = (of(list, "good-"), of(list, "z-"));
    let mut p99: Vec<u64> = good.iter().filter_map(|one| one["latency_p99_ns"].as_u64()).collect();
    p99.sort_unstable();
    let micros = |at: Option<&u64>| at.copied().unwrap_or(0) / 1_000;
    println!(
        "{title} {:>4}/{} s: {} MiB; good {}, faults {}, p99 middle {} µs, worst {} µs; hostile {}, faults {}, denials {}",
        at.as_secs(),
        plan.length.as_secs(),
        resident.unwrap_or(0) >> 10,
        good.len(),
        sum(&good, "faults"),
        micros(p99.get(p99.len() / 2)),
        micros(p99.last()),
        hostile.len(),
        sum(&hostile, "faults"),
        sum(&hostile, "denials"),
    );
}

/// Runs the host for as long as the plan says. Its folder is gone afterwards.
pub(crate) fn run(title: &str, plan: &Plan) -> Outcome {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    let plugins = dir.join("plugins");
    std::fs::create_dir(&plugins).expect("a folder");
    for (name, kind) in good(plan.good) {
        std::fs::copy(kept(kind), plugins.join(format!("{name}.wasm"))).expect("a kept build");
    }
    for Hostile { name, guest, .. } in &plan.hostile {
        std::fs::write(plugins.join(format!("{name}.wasm")), guest.bytes()).expect("a guest");
    }
    let (exchange, venue) = exchange(plan);
    std::fs::write(dir.join("ringfence.toml"), configuration(plan, &venue)).expect("a configuration");
    let secret = |key: &str| venue[key].as_str().expect("a key").to_owned();
    let errors = std::fs::File::create(dir.join("stderr")).expect("a file");
    let mut host = Running(
        ringfence()
            .args(["run", "--json"])
            .current_dir(dir)
            .env("BINANCE_API_KEY", secret("api_key"))
            .env("BINANCE_API_SECRET", secret("secret_key"))
            .env("XDG_STATE_HOME", dir)
            .env("XDG_CACHE_HOME", dir)
            .stderr(errors)
            .spawn()
            .expect("the host starts"),
    );
    let said = || std::fs::read_to_string(dir.join("stderr")).unwrap_or_default();
    // The clock starts when everybody is there. Until then nothing is measured.
    let all = plan.good + plan.hostile.len();
    let mut found = Value::Null;
    while found.as_array().map_or(0, Vec::len) < all {
        assert!(host.0.try_wait().expect("its state").is_none(), "the host ended before its plugins ran: {}", said());
        std::thread::sleep(Duration::from_millis(200));
        found = list(dir).unwrap_or(Value::Null);
    }
    let (began, mut resident_at, mut next) = (Instant::now(), Vec::new(), plan.every);
    let mut alive = true;
    while alive && began.elapsed() < plan.length {
        std::thread::sleep(Duration::from_millis(250));
        alive = host.0.try_wait().expect("its state").is_none();
        if began.elapsed() >= next {
            next += plan.every;
            let now = resident(host.0.id());
            resident_at.extend(now.map(|kib| (began.elapsed().as_secs_f64(), kib)));
            found = list(dir).unwrap_or(found);
            progress(title, began.elapsed(), plan, now, &found);
        }
    }
    found = list(dir).unwrap_or(found);
    let ended = Command::new("kill").args(["-INT", &host.0.id().to_string()]).status();
    let mut out = String::new();
    let ended_well = alive && ended.is_ok_and(|status| status.success()) && {
        let read = host.0.stdout.take().map(|mut pipe| pipe.read_to_string(&mut out));
        matches!(read, Some(Ok(_))) && host.0.wait().is_ok_and(|status| status.success())
    };
    drop(exchange);
    let said = said();
    let last: Vec<&str> = said.lines().rev().take(20).collect();
    Outcome {
        resident: resident_at,
        summary: serde_json::from_str(&out).unwrap_or(Value::Null),
        list: found,
        said: last.into_iter().rev().collect::<Vec<_>>().join("\n"),
        ended_well,
    }
}

/// One thing that must hold, and whether it did.
pub(crate) struct Verdict {
    pub(crate) held: bool,
    pub(crate) what: String,
}

fn verdict(held: bool, what: String) -> Verdict {
    Verdict { held, what }
}

/// What holds of every run, however long and on whatever machine.
pub(crate) fn judge(outcome: &Outcome, plan: &Plan) -> Vec<Verdict> {
    let count = |plugins: &[&Value], key: &str| plugins.iter().filter_map(|one| one[key].as_u64()).sum::<u64>();
    let (good, evil) = (of(&outcome.list, "good-"), of(&outcome.list, "z-"));
    let summary = &outcome.summary;
    let running = good.iter().filter(|one| one["state"] == "running").count();
    let conflated = good.iter().filter(|one| one["conflated"] == true).count();
    let silent = good.iter().filter(|one| one["events"].as_u64().unwrap_or(0) == 0).count();
    let mut verdicts = vec![
        verdict(outcome.ended_well, "the host lived to the end and ended well".to_owned()),
        verdict(running == plan.good, format!("{running} of {} good plugins run", plan.good)),
        verdict(count(&good, "faults") == 0, format!("{} faults of good plugins", count(&good, "faults"))),
        verdict(conflated == 0, format!("{conflated} good plugins are conflated")),
        verdict(silent == 0, format!("{silent} good plugins had no event")),
        verdict(count(&good, "orders") > 0, format!("{} orders of good plugins", count(&good, "orders"))),
        verdict(
            summary["messages"]["unparsed"] == 0,
            format!("unreadable messages: {}", summary["messages"]["unparsed"]),
        ),
        verdict(
            summary["ledger_difference"].as_object().is_some_and(serde_json::Map::is_empty),
            format!("the ledgers and the account differ by {}", summary["ledger_difference"]),
        ),
        verdict(summary["left_open"] == 0, format!("orders left open: {}", summary["left_open"])),
    ];
    for Hostile { name, shows, .. } in &plan.hostile {
        let one = evil.iter().find(|one| one["name"] == *name).copied().unwrap_or(&Value::Null);
        verdicts.push(verdict(shown(one, *shows), format!("{name} was at work ({shows:?}): {}", told(one))));
    }
    verdicts
}

fn shown(one: &Value, shows: Shows) -> bool {
    let number = |key: &str| one[key].as_u64().unwrap_or(0);
    let full = |key: &str| {
        let budget = &one["budgets"][key];
        // What is a rate comes back while nobody looks.
        budget["used"].as_u64().unwrap_or(0) * 2 >= budget["limit"].as_u64().unwrap_or(u64::MAX)
    };
    match shows {
        Shows::Faults => number("faults") > 0,
        Shows::Denials => number("denials") > 50 || full("subscription_changes"),
        Shows::Slow => number("slow_calls") > 0 || one["conflated"] == true,
        Shows::Memory => full("memory_bytes"),
        Shows::Full => full("log_lines_at_once") || full("store_bytes"),
    }
}

fn told(one: &Value) -> String {
    let budgets = one["budgets"].as_object().into_iter().flatten();
    let used = budgets.filter(|(_, state)| state["used"].as_u64().unwrap_or(0) > 0);
    let used: Vec<_> = used.map(|(key, state)| format!("{key} {}/{}", state["used"], state["limit"])).collect();
    format!(
        "state {}, faults {}, denials {}, slow calls {}, {}",
        one["state"],
        one["faults"],
        one["denials"],
        one["slow_calls"],
        used.join(", ")
    )
}

/// What a long run on a quiet machine must keep: memory flat, and the good as quick as without the hostile.
pub(crate) fn compare(without: &Outcome, with: &Outcome) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for (title, outcome) in [("without", without), ("with", with)] {
        let end = outcome.resident.last().map_or(0.0, |(at, _)| *at);
        let mean = |from: f64, to: f64| {
            let part: Vec<u64> = outcome
                .resident
                .iter()
                .filter(|(at, _)| (from * end..=to * end).contains(at))
                .map(|(_, kib)| *kib)
                .collect();
            part.iter().sum::<u64>() / (part.len() as u64).max(1)
        };
        let (middle, last) = (mean(0.4, 0.6), mean(0.8, 1.0));
        // The allocator and the log's file cache may breathe.
        let allowed = middle / 33 + 2_048;
        verdicts.push(verdict(
            middle > 0 && last <= middle + allowed,
            format!("memory {title} the hostile: {middle} KiB in the middle, {last} KiB at the end, {allowed} KiB more are allowed"),
        ));
    }
    let p99 = |outcome: &Outcome| -> Vec<u64> {
        of(&outcome.list, "good-").iter().filter_map(|one| one["latency_p99_ns"].as_u64()).collect()
    };
    let (alone, beside) = (p99(without), p99(with));
    let mut ratios: Vec<f64> =
        alone.iter().zip(&beside).map(|(one, other)| *other as f64 / (*one).max(1) as f64).collect();
    ratios.sort_by(f64::total_cmp);
    let middle = ratios.get(ratios.len() / 2).copied().unwrap_or(f64::MAX);
    let of_all = |mut all: Vec<u64>| {
        all.sort_unstable();
        (all.get(all.len() / 2).copied().unwrap_or(0) / 1_000, all.last().copied().unwrap_or(0) / 1_000)
    };
    let (alone, beside) = (of_all(alone), of_all(beside));
    verdicts.push(verdict(
        middle <= 1.2,
        format!(
            "p99 of the good from arrival to handled: {} µs without, {} µs with the hostile (worst {} and {} µs); each beside \
             itself {middle:.2} in the middle, {:.2} at worst, 1.2 is allowed",
            alone.0,
            beside.0,
            alone.1,
            beside.1,
            ratios.last().copied().unwrap_or(f64::MAX)
        ),
    ));
    verdicts
}

/// All hostile guests, or none.
pub(crate) fn hostile(wanted: bool) -> Vec<Hostile> {
    if wanted { hostile::all() } else { Vec::new() }
}

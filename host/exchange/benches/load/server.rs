//! The server in a process of its own, and what the machine says of that process.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use ringfence_exchange::server::{self, Market, Settings};
use ringfence_exchange::time::Pace;
use ringfence_exchange::{Exchange, ExchangeConfig, LimitConfig, SymbolConfig};
use ringfence_model::Timestamp;

/// The kernel counts CPU time of a process in hundredths of a second.
const TICK: Duration = Duration::from_millis(10);

pub(crate) fn wall_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Timestamp(u64::try_from(since.as_micros()).unwrap())
}

/// The child's part: `speed symbol…`. It serves until its standard input ends, which it
/// does with its parent.
pub(crate) fn serve(words: &[String]) {
    let (speed, symbols) = words.split_first().unwrap();
    let most = u64::MAX / 2;
    let config = ExchangeConfig {
        symbols: symbols.iter().map(|symbol| SymbolConfig::known(symbol).unwrap()).collect(),
        start: wall_clock(),
        limits: LimitConfig {
            weight_per_minute: most,
            raw_per_five_minutes: most,
            orders_per_ten_seconds: most,
            orders_per_day: most,
            connections_per_five_minutes: most,
            ..LimitConfig::default()
        },
        ..ExchangeConfig::default()
    };
    let mut settings = Settings::at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    settings.pace = Pace::times(speed.parse().unwrap()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let handle = runtime.block_on(server::serve(Exchange::new(config).unwrap(), Market::Generator, settings)).unwrap();
    println!("{}", handle.rest_url.trim_start_matches("http://"));
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    runtime.block_on(handle.stop());
}

/// A running server; dropping it ends it.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn start(speed: f64, symbols: &[&str]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("serve")
            .arg(speed.to_string())
            .args(symbols)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Server { address: line.trim().parse().unwrap(), child }
    }

    /// CPU time that it has used.
    pub(crate) fn cpu(&self) -> Duration {
        cpu(&self.child.id().to_string())
    }

    /// A figure of its memory in kB: `VmRSS` now, `VmHWM` at the most.
    pub(crate) fn memory(&self, figure: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(figure)?.strip_prefix(':')).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// CPU time of a process, or of this one (`self`).
pub(crate) fn cpu(process: &str) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The name before the last parenthesis may hold anything; times are words 14 and 15.
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    let ticks: u32 = rest.split(' ').skip(11).take(2).map(|word| word.parse::<u32>().unwrap()).sum();
    TICK * ticks
}

//! The soak: good strategies on a recorded feed, alone and then beside hostile ones, with the whole host and the exchange as
//! processes of their own. It prints its progress and a verdict, and ends with 1 if something did not hold.
//!
//! ```sh
//! cargo bench --workspace --bench soak -- --for 600 --recording FILE
//! ```
//!
//! `--for` is the length of each of the two runs in seconds (600); `--good` the number of good strategies (50); without
//! `--recording` a short one of the repository is played slowly.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    unreachable_pub,
    missing_docs,
    missing_debug_implementations,
    reason = "a bench"
)]

#[path = "../../host/sandbox/tests/common/mod.rs"]
mod common;
#[allow(dead_code, reason = "the hostile suite uses all of it")]
#[path = "../hostile/guests.rs"]
mod guests;
mod hostile;
mod run;

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use run::{Plan, compare, judge};

/// Between two figures.
const EVERY: Duration = Duration::from_secs(10);

/// How long a recording is, in seconds of its own time.
fn length_of(recording: &Path) -> f64 {
    let file = std::fs::File::open(recording).unwrap_or_else(|error| panic!("{}: {error}", recording.display()));
    let mut magic = [0u8; 2];
    (&file).read_exact(&mut magic).unwrap();
    let file = std::fs::File::open(recording).unwrap();
    let reader: Box<dyn Read> =
        if magic == [0x1f, 0x8b] { Box::new(flate2::read::MultiGzDecoder::new(file)) } else { Box::new(file) };
    let time = |line: String| line.split_whitespace().next().and_then(|number| number.parse::<u64>().ok());
    let times: Vec<u64> = BufReader::new(reader).lines().map_while(Result::ok).filter_map(time).collect();
    let (first, last) = (times.iter().min().copied().unwrap_or(0), times.iter().max().copied().unwrap_or(0));
    (last - first) as f64 / 1e9
}

fn main() -> ExitCode {
    let (mut length, mut good) = (600u64, 50usize);
    let mut recording =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/recordings/spot_btcusdt_cut.gz");
    let mut args = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = args.next() {
        let value = args.next();
        match (word.as_str(), value.as_deref()) {
            ("--for", Some(value)) => length = value.trim_end_matches('s').parse().expect("--for is in seconds"),
            ("--good", Some(value)) => good = value.parse().expect("--good is a number"),
            ("--recording", Some(value)) => recording = PathBuf::from(value),
            _ => {
                eprintln!(
                    "usage: cargo bench --workspace --bench soak -- [--for SECONDS] [--good N] [--recording FILE]"
                );
                return ExitCode::from(2);
            }
        }
    }
    let recording = recording.canonicalize().unwrap_or_else(|error| panic!("{}: {error}", recording.display()));
    // A recording that is shorter is played slower; none is played faster than it was. The start takes a while, too.
    let speed = (length_of(&recording) / (length as f64 + 60.0)).min(1.0);
    println!("{good} good strategies, {length} s each run, {} at {speed:.2} of its pace", recording.display());
    let plan = |hostile| Plan {
        good,
        hostile: run::hostile(hostile),
        length: Duration::from_secs(length),
        recording: recording.clone(),
        speed,
        every: EVERY,
    };
    let (alone, beside) = (plan(false), plan(true));
    let without = run::run("without", &alone);
    let with = run::run("with", &beside);
    let mut missed = 0;
    let verdicts =
        [("without", judge(&without, &alone)), ("with", judge(&with, &beside)), ("both", compare(&without, &with))];
    for (title, verdicts) in verdicts {
        println!("\n{title}:");
        for verdict in verdicts {
            missed += usize::from(!verdict.held);
            println!("  {:<6} {}", if verdict.held { "held" } else { "MISSED" }, verdict.what);
        }
    }
    if missed == 0 {
        println!("\nthe soak held");
        return ExitCode::SUCCESS;
    }
    println!(
        "\n{missed} MISSED; the host's last words without the hostile:\n{}\nand with them:\n{}",
        without.said, with.said
    );
    ExitCode::FAILURE
}

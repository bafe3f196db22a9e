//! `ringfence logs`: what a plugin wrote, from the files of the state folder; also of a host
//! that has ended.

use std::fs::File;
use std::io::{BufRead, BufReader, Write as _};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use anyhow::bail;

use crate::args::LogsArgs;
use crate::live::plugin_log::{Line, OLD_FILES, file, old_file};

/// How often a followed file is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Prints the last lines, and with `-f` those that come.
pub(crate) fn run(args: &LogsArgs) -> anyhow::Result<()> {
    let current = file(&args.host.state, &args.name);
    let mut lines = Vec::new();
    for number in (1..=OLD_FILES).rev() {
        if let Ok(file) = File::open(old_file(&current, number)) {
            read(&mut BufReader::new(file), &mut lines);
        }
    }
    let mut open = File::open(&current).ok().map(BufReader::new);
    if let Some(reader) = &mut open {
        read(reader, &mut lines);
    }
    if lines.is_empty() && !args.follow {
        let logs = args.host.state.join("logs");
        bail!("there is no log of {} in {}; name another state folder with --state DIR", args.name, logs.display());
    }
    let skip = lines.len().saturating_sub(args.lines);
    print(&lines.split_off(skip), args.host.json)?;
    if !args.follow {
        return Ok(());
    }
    loop {
        std::thread::sleep(LOOK);
        let mut lines = Vec::new();
        if let Some(reader) = &mut open {
            read(reader, &mut lines);
        }
        // Rotated, or written for the first time: what is left of the old file was read just now.
        if inode(&current) != open.as_ref().and_then(|open| open.get_ref().metadata().ok()).map(|file| file.ino()) {
            open = File::open(&current).ok().map(BufReader::new);
            if let Some(reader) = &mut open {
                read(reader, &mut lines);
            }
        }
        print(&lines, args.host.json)?;
    }
}

fn inode(path: &Path) -> Option<u64> {
    std::fs::metadata(path).ok().map(|file| file.ino())
}

/// Whole lines; half of one is left for the next look by the writer's habit of writing whole lines.
fn read(reader: &mut BufReader<File>, lines: &mut Vec<Line>) {
    let mut text = String::new();
    while reader.read_line(&mut text).is_ok_and(|bytes| bytes > 0) {
        if let Ok(line) = serde_json::from_str(&text) {
            lines.push(line);
        }
        text.clear();
    }
}

fn print(lines: &[Line], json: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for line in lines {
        let written = if json {
            writeln!(out, "{}", serde_json::to_string(line)?)
        } else {
            // Files can be changed by others: what reaches a terminal is made harmless here, too.
            let message = ringfence_sandbox::text::escaped(&line.message, 16 << 10);
            let level = ringfence_sandbox::text::escaped(&line.level, 8);
            writeln!(out, "{} {level:<5} {message}", utc(line.ts))
        };
        match written {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
            other => other?,
        }
    }
    out.flush()?;
    Ok(())
}

/// `2026-01-31 23:59:59.123` of microseconds since 1970.
pub(crate) fn utc(micros: u64) -> String {
    let (seconds, millis) = (micros / 1_000_000, micros % 1_000_000 / 1_000);
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Civil date of a day number, counted in eras of 400 years from 0000-03-01.
    let shifted = days.saturating_add(719_468);
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = year_of_era + era * 400 + carry;
    format!(
        "{year:04}-{month:02}-{day_of_month:02} {:02}:{:02}:{:02}.{millis:03}",
        rest / 3_600,
        rest % 3_600 / 60,
        rest % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc() {
        assert_eq!(utc(0), "1970-01-01 00:00:00.000");
        assert_eq!(utc(951_782_400_000_000), "2000-02-29 00:00:00.000");
        assert_eq!(utc(1_767_225_599_123_456), "2025-12-31 23:59:59.123");
        assert_eq!(utc(4_102_444_800_000_000), "2100-01-01 00:00:00.000");
    }
}

//! What a person sees while a run goes on: a live view in a terminal, plain lines
//! elsewhere. Shows figures, changes nothing.

use std::collections::{BTreeMap, VecDeque};
use std::io::{IsTerminal, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ratatui::crossterm::event::{self, Event, KeyCode, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::Line;
use ratatui::widgets::{Block, Cell, Paragraph, Row, Table};

use crate::summary::{PluginSummary, Refused, row};

/// Lines of the feed that are kept.
const LINES: usize = 200;
/// Unreadable messages that are kept word for word.
const PROBLEMS: usize = 100;
/// How often plain output tells where things stand.
const STATUS_EVERY: Duration = Duration::from_secs(5);

/// What happened, told from any thread.
#[derive(Debug, Clone, Default)]
pub(crate) struct Feed(Arc<Mutex<FeedState>>);

#[derive(Debug, Default)]
struct FeedState {
    lines: VecDeque<String>,
    refused: BTreeMap<String, Refused>,
    problems: Vec<String>,
    /// A live view draws the lines itself.
    drawn: bool,
}

impl Feed {
    pub(crate) fn new() -> Self {
        Feed::default()
    }

    fn with<T>(&self, work: impl FnOnce(&mut FeedState) -> T) -> T {
        // The state is plain data: a panic elsewhere can't leave it half done.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A line for the operator.
    pub(crate) fn say(&self, text: String) {
        self.with(|state| {
            if !state.drawn {
                line(&text);
            }
            if state.lines.len() == LINES {
                state.lines.pop_front();
            }
            state.lines.push_back(text);
        });
    }

    /// A file that was not taken.
    pub(crate) fn refuse(&self, refused: Refused) {
        self.say(format!("{}: refused: {}", refused.file, refused.reason));
        self.with(|state| state.refused.insert(refused.file.clone(), refused));
    }

    /// A file that is fine now.
    pub(crate) fn accept(&self, plugin: &str) {
        self.with(|state| state.refused.retain(|file, _| file.trim_end_matches(".wasm") != plugin));
    }

    /// A message that can't be read.
    pub(crate) fn problem(&self, text: String) {
        let first = self.with(|state| {
            if state.problems.len() < PROBLEMS {
                state.problems.push(text.clone());
            }
            state.problems.len() == 1
        });
        if first {
            self.say(format!("unreadable message: {text}"));
        }
    }

    pub(crate) fn refused(&self) -> Vec<Refused> {
        self.with(|state| state.refused.values().cloned().collect())
    }

    pub(crate) fn problems(&self) -> Vec<String> {
        self.with(|state| state.problems.clone())
    }

    fn last(&self, count: usize) -> Vec<String> {
        self.with(|state| state.lines.iter().rev().take(count).rev().cloned().collect())
    }
}

/// Text for whoever reads the output. A reader that has gone (`| head`) wants no more of it: the program ends as others do
/// then, without a word.
pub(crate) fn out(text: &str) {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
        std::process::exit(141);
    }
}

/// A line on standard error. When nobody reads it any more (a closed pipe, a terminal that
/// is gone) the run goes on: `eprintln!` would end the thread, and open orders would stay.
pub(crate) fn line(text: &str) {
    drop(writeln!(std::io::stderr(), "{text}"));
}

/// The feed of the live view, while one is drawn.
static DRAWN: Mutex<Option<Feed>> = Mutex::new(None);

/// Where diagnostics of the program go: to standard error, or, while a view has the terminal, into its lines.
#[derive(Debug)]
pub(crate) struct Diagnostics;

impl std::io::Write for Diagnostics {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let feed = DRAWN.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match feed {
            Some(feed) => feed.say(text.trim_end().to_owned()),
            None => line(text.trim_end()),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The figures of one moment.
#[derive(Debug)]
pub(crate) struct Picture {
    pub(crate) venue: &'static str,
    pub(crate) mode: &'static str,
    pub(crate) elapsed: Duration,
    pub(crate) messages: u64,
    pub(crate) plugins: Vec<PluginSummary>,
    /// Limit, used, allowed.
    pub(crate) usage: Vec<(String, u64, u64)>,
    /// No new orders of any plugin.
    pub(crate) halted: bool,
}

/// What the person wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    GoOn,
    Quit,
}

/// A terminal that was taken. Dropping it gives it back, also on the way out of an error.
#[derive(Debug)]
pub(crate) struct Live {
    terminal: ratatui::DefaultTerminal,
    feed: Feed,
    rates: Rates,
}

impl Drop for Live {
    fn drop(&mut self) {
        self.feed.with(|state| state.drawn = false);
        *DRAWN.lock().unwrap_or_else(PoisonError::into_inner) = None;
        if let Err(error) = ratatui::try_restore() {
            tracing::warn!(%error, "the terminal can't be given back; `reset` does it");
        }
    }
}

/// The output of a run.
#[derive(Debug)]
pub(crate) enum View {
    /// Lines on standard error.
    Plain { last: Instant },
    /// The whole terminal.
    Live(Box<Live>),
}

impl View {
    /// Takes the terminal if there is one and nobody asked for JSON.
    pub(crate) fn start(json: bool, feed: Feed) -> std::io::Result<Self> {
        if json || !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
            return Ok(View::Plain { last: Instant::now() });
        }
        let terminal = ratatui::try_init()?;
        feed.with(|state| state.drawn = true);
        *DRAWN.lock().unwrap_or_else(PoisonError::into_inner) = Some(feed.clone());
        Ok(View::Live(Box::new(Live { terminal, feed, rates: Rates::default() })))
    }

    /// Shows the picture, and says what the keys said.
    pub(crate) fn draw(&mut self, picture: &Picture) -> std::io::Result<Wish> {
        match self {
            View::Plain { last } => {
                if last.elapsed() >= STATUS_EVERY {
                    *last = Instant::now();
                    for plugin in &picture.plugins {
                        line(&format!(
                            "{:>5.0}s {}: {} · {} events · {} orders · {} fills · {} · pnl {}",
                            picture.elapsed.as_secs_f64(),
                            plugin.name,
                            plugin.state,
                            plugin.events,
                            plugin.orders,
                            plugin.fills,
                            plugin.position_text(),
                            plugin.pnl.round_dp(4)
                        ));
                    }
                }
                Ok(Wish::GoOn)
            }
            View::Live(live) => {
                let Live { terminal, feed, rates } = &mut **live;
                rates.learn(picture);
                terminal.draw(|frame| draw(frame, picture, feed, rates))?;
                while event::poll(Duration::ZERO)? {
                    if let Event::Key(key) = event::read()? {
                        let control_c = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
                        if control_c || key.code == KeyCode::Char('q') {
                            return Ok(Wish::Quit);
                        }
                    }
                }
                Ok(Wish::GoOn)
            }
        }
    }

    /// Gives the terminal back.
    pub(crate) fn end(&mut self) {
        *self = View::Plain { last: Instant::now() };
    }
}

/// Events a second by plugin, over the last second or so.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    at: Duration,
    events: BTreeMap<String, u64>,
    per_second: BTreeMap<String, u64>,
}

impl Rates {
    fn learn(&mut self, picture: &Picture) {
        let span = picture.elapsed.saturating_sub(self.at);
        if span < Duration::from_secs(1) {
            return;
        }
        for plugin in &picture.plugins {
            let before = self.events.insert(plugin.name.clone(), plugin.events).unwrap_or(plugin.events);
            let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX).max(1);
            let rate = plugin.events.saturating_sub(before).saturating_mul(1_000) / millis;
            self.per_second.insert(plugin.name.clone(), rate);
        }
        self.at = picture.elapsed;
    }
}

fn draw(frame: &mut ratatui::Frame<'_>, picture: &Picture, feed: &Feed, rates: &Rates) {
    let rows = u16::try_from(picture.plugins.len()).unwrap_or(u16::MAX).saturating_add(3);
    let [head, table, lines, foot] =
        Layout::vertical([Constraint::Length(1), Constraint::Length(rows), Constraint::Min(3), Constraint::Length(1)])
            .areas(frame.area());
    let title = format!(
        " Ringfence · {} on {} · {:.0} s · {} messages",
        picture.mode,
        picture.venue,
        picture.elapsed.as_secs_f64(),
        picture.messages
    );
    let halted = if picture.halted { " · HALTED, no new orders: `ringfence resume` ends it" } else { "" };
    frame.render_widget(Line::from(vec![title.bold(), halted.fg(Color::Red).bold()]), head);

    let table_of = plugin_table(picture, rates);
    let shown = fitting(&table_of, table.width.saturating_sub(2));
    let body = picture.plugins.iter().zip(&table_of.rows).map(|(plugin, cells)| {
        Row::new(shown.iter().map(|(column, _)| {
            let cell = Cell::from(cells.get(*column).cloned().unwrap_or_default());
            match COLUMNS.get(*column).map(|(name, _)| *name) {
                Some("plugin") => cell.bold(),
                Some("state") if plugin.state == "running" => cell.style(Style::new().fg(Color::Green)),
                Some("state") => cell.style(Style::new().fg(Color::Yellow)),
                Some("pnl") if plugin.pnl.is_sign_negative() => cell.style(Style::new().fg(Color::Red)),
                Some("pnl") => cell.style(Style::new().fg(Color::Green)),
                _ => cell,
            }
        }))
    });
    let header = Row::new(shown.iter().filter_map(|(column, _)| COLUMNS.get(*column)).map(|(name, _)| *name));
    let widths = shown.iter().map(|(_, width)| Constraint::Length(*width));
    let header = header.style(Style::new().fg(Color::DarkGray));
    frame.render_widget(Table::new(body, widths).header(header).block(Block::bordered()), table);

    let room = usize::from(lines.height.saturating_sub(2));
    let text: Vec<Line<'_>> = feed.last(room).into_iter().map(Line::from).collect();
    frame.render_widget(Paragraph::new(text).block(Block::bordered().title(" last events ")), lines);

    let usage: Vec<_> = picture.usage.iter().map(|(name, used, limit)| format!("{name} {used}/{limit}")).collect();
    let foot_text = format!(" q or Ctrl-C: cancel open orders and end · {}", usage.join(" · "));
    frame.render_widget(Line::from(foot_text).fg(Color::DarkGray), foot);
}

/// The columns of the table of plugins, and how soon each goes when the terminal is narrow: the highest first.
const COLUMNS: [(&str, u8); 15] = [
    ("plugin", 0),
    ("state", 2),
    ("gen", 6),
    ("events/s", 5),
    ("orders", 4),
    ("fills", 3),
    ("position", 1),
    ("pnl", 1),
    ("p50", 8),
    ("p99", 7),
    ("cpu", 9),
    ("mem", 10),
    ("strikes", 11),
    ("fullest budget", 12),
    ("faults", 2),
];
/// Longest cell that is shown whole.
const CELL: usize = 26;

/// The cells of the table, one row a plugin, each in the order of [`COLUMNS`].
struct PluginTable {
    rows: Vec<[String; COLUMNS.len()]>,
}

fn plugin_table(picture: &Picture, rates: &Rates) -> PluginTable {
    let rows = picture.plugins.iter().map(|plugin| {
        let [name, _, generation, state, _, orders, _, fills, faults, position, pnl, p50, p99] = row(plugin);
        let rate = rates.per_second.get(&plugin.name).copied().unwrap_or(0).to_string();
        let cpu = format!("{}%", plugin.cpu_percent);
        let memory = format!("{} KiB", plugin.memory_bytes >> 10);
        let strikes = format!("{:.2}", plugin.strikes);
        let fullest = plugin.fullest_text();
        [name, state, generation, rate, orders, fills, position, pnl, p50, p99, cpu, memory, strikes, fullest, faults]
    });
    PluginTable { rows: rows.collect() }
}

/// Which columns fit into a width, and how wide each is: whole cells, or the column is left out.
fn fitting(table: &PluginTable, width: u16) -> Vec<(usize, u16)> {
    let mut shown: Vec<(usize, u16)> = COLUMNS
        .iter()
        .enumerate()
        .map(|(column, (name, _))| {
            let cells = table.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
            let widest = cells.chain([name.len()]).max().unwrap_or_default().min(CELL);
            (column, u16::try_from(widest).unwrap_or(u16::MAX))
        })
        .collect();
    let needed =
        |shown: &[(usize, u16)]| shown.iter().fold(0u16, |sum, (_, width)| sum.saturating_add(width.saturating_add(1)));
    while shown.len() > 1 && needed(&shown).saturating_sub(1) > width {
        let first_to_go = |(place, (column, _)): (usize, &(usize, u16))| (COLUMNS.get(*column).map(|one| one.1), place);
        let Some((_, place)) = shown.iter().enumerate().map(first_to_go).max() else { break };
        shown.remove(place);
    }
    shown
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn names(width: u16) -> Vec<&'static str> {
        let row = [
            "market-maker",
            "running",
            "1",
            "129",
            "130",
            "115",
            "-0.002114 BTCUSDT",
            "-14.1861",
            "42.4µs",
            "95.2µs",
            "1%",
            "1088 KiB",
            "0.00",
            "store_bytes 12%",
            "0",
        ];
        let table = PluginTable { rows: vec![row.map(str::to_owned)] };
        fitting(&table, width).iter().map(|(column, _)| COLUMNS[*column].0).collect()
    }

    #[test]
    fn a_narrow_terminal_leaves_columns_out_and_cuts_none() {
        assert_eq!(names(200).len(), COLUMNS.len());
        let at_80 = names(78);
        assert!(["plugin", "state", "position", "pnl", "fills", "faults"].iter().all(|name| at_80.contains(name)));
        assert!(!at_80.contains(&"p50"), "{at_80:?}");
        assert_eq!(names(1), ["plugin"]);
    }
}

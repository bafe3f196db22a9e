//! The figures at the end of a run: one object for machines, one table for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ringfence_model::{Balance, Decimal, Instrument};
use ringfence_sandbox::SeatReport;
use ringfence_sandbox::budgets::BudgetState;
use serde::Serialize;

/// What a run came to. Amounts are exact and therefore texts.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Summary {
    pub(crate) mode: &'static str,
    pub(crate) venue: &'static str,
    /// Of the market; in lock-step it is virtual time.
    pub(crate) duration_s: f64,
    pub(crate) messages: Messages,
    pub(crate) plugins: Vec<PluginSummary>,
    /// Files that were not taken, with the reason.
    pub(crate) refused: Vec<Refused>,
    pub(crate) account: Vec<AccountLine>,
    /// Account minus what it had at the start minus what the plugins' ledgers say, by asset.
    pub(crate) ledger_difference: BTreeMap<String, Decimal>,
    /// Orders that were still open at the end; zero in a healthy run.
    pub(crate) left_open: usize,
    /// Unreadable messages word for word, the first hundred.
    pub(crate) problems: Vec<String>,
    pub(crate) timing: Timing,
}

/// What differs between two runs that are otherwise the same.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Timing {
    pub(crate) wall_s: f64,
    pub(crate) messages_per_s: f64,
}

#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Messages {
    pub(crate) received: u64,
    pub(crate) unparsed: u64,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Refused {
    pub(crate) file: String,
    /// One word for machines, as in `ringfence check --json`.
    pub(crate) code: &'static str,
    pub(crate) reason: String,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct AccountLine {
    asset: String,
    free: Decimal,
    locked: Decimal,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct PluginSummary {
    pub(crate) name: String,
    pub(crate) language: String,
    pub(crate) version: String,
    pub(crate) generation: u64,
    pub(crate) state: String,
    pub(crate) events: u64,
    pub(crate) orders: u64,
    pub(crate) denials: u64,
    pub(crate) fills: u64,
    pub(crate) faults: u64,
    /// Of the three within ten minutes that end in quarantine.
    pub(crate) strikes: f64,
    /// Calls beyond their soft bound.
    pub(crate) slow_calls: u64,
    /// Percent of one core over the last second.
    pub(crate) cpu_percent: u32,
    pub(crate) memory_bytes: usize,
    /// What is used of each budget that fills up.
    pub(crate) budgets: BTreeMap<&'static str, Used>,
    pub(crate) position: Vec<PositionLine>,
    /// Realised and unrealised, in the quote asset.
    pub(crate) pnl: Decimal,
    pub(crate) handler_ns: HandlerTime,
    /// From an event's arrival among the plugins until it was handled; not in virtual time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) latency_ns: Option<HandlerTime>,
    /// Newest values of the plugin's own gauges and plots.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) gauges: BTreeMap<String, Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_fault: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct PositionLine {
    pub(crate) symbol: String,
    pub(crate) quantity: Decimal,
    average_price: Decimal,
    realised_pnl: Decimal,
}

/// A budget, in the unit of its key.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Used {
    pub(crate) used: u64,
    pub(crate) limit: u64,
}

impl Used {
    fn percent(self) -> u64 {
        self.used.saturating_mul(100).checked_div(self.limit).unwrap_or(0)
    }
}

/// The budgets of a plugin that fill up.
pub(crate) fn budgets(seat: &SeatReport) -> BTreeMap<&'static str, Used> {
    let used = |state: &BudgetState| Some((state.key, Used { used: state.used?, limit: state.limit }));
    seat.budgets.iter().filter_map(used).collect()
}

#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct HandlerTime {
    pub(crate) p50: u64,
    pub(crate) p99: u64,
}

impl PluginSummary {
    pub(crate) fn new(seat: &SeatReport, instruments: &[Instrument]) -> Self {
        let position = seat
            .desk
            .positions
            .iter()
            .filter_map(|position| {
                let instrument = instruments.iter().find(|instrument| instrument.id == position.instrument)?;
                Some(PositionLine {
                    symbol: instrument.symbol.clone(),
                    quantity: position.quantity.normalize(),
                    average_price: position.average_price.round_dp(8).normalize(),
                    realised_pnl: position.realised_pnl.round_dp(8).normalize(),
                })
            })
            .collect();
        PluginSummary {
            name: seat.name.clone(),
            language: seat.language.clone(),
            version: seat.version.clone(),
            generation: seat.generation,
            state: seat.state.to_string(),
            events: seat.events,
            orders: seat.desk.orders,
            denials: seat.desk.denials,
            fills: seat.desk.fills,
            faults: seat.faults,
            strikes: f64::from(seat.strike_quarters) / 4.0,
            slow_calls: seat.slow_calls,
            cpu_percent: seat.cpu_percent,
            memory_bytes: seat.memory_bytes,
            budgets: budgets(seat),
            position,
            pnl: seat.desk.pnl.round_dp(8).normalize(),
            handler_ns: HandlerTime { p50: seat.handler_p50_ns, p99: seat.handler_p99_ns },
            latency_ns: (seat.latency_p99_ns > 0)
                .then_some(HandlerTime { p50: seat.latency_p50_ns, p99: seat.latency_p99_ns }),
            gauges: seat.gauges.iter().cloned().collect(),
            last_fault: seat.last_fault.clone(),
        }
    }

    /// The budget that is nearest to its end, in one cell.
    pub(crate) fn fullest_text(&self) -> String {
        // The share's two bounds are told by the first of them alone.
        let told = self.budgets.iter().filter(|(key, _)| **key != "share_strike_percent");
        match told.max_by_key(|(_, used)| used.percent()) {
            Some((key, used)) if used.used > 0 => format!("{key} {}%", used.percent()),
            _ => "-".to_owned(),
        }
    }

    /// Positions in one cell.
    pub(crate) fn position_text(&self) -> String {
        let open: Vec<_> = self
            .position
            .iter()
            .filter(|line| !line.quantity.is_zero())
            .map(|line| format!("{} {}", line.quantity, line.symbol))
            .collect();
        if open.is_empty() { "flat".to_owned() } else { open.join(", ") }
    }
}

/// Lines of the account, zero ones left out.
pub(crate) fn account_lines(account: &[Balance]) -> Vec<AccountLine> {
    account
        .iter()
        .filter(|balance| !(balance.free.is_zero() && balance.locked.is_zero()))
        .map(|balance| AccountLine {
            asset: balance.asset.clone(),
            free: balance.free.normalize(),
            locked: balance.locked.normalize(),
        })
        .collect()
}

/// What the account has and neither its start nor the plugins' ledgers explain.
pub(crate) fn ledger_difference(
    before: &[Balance],
    after: &[Balance],
    seats: &[SeatReport],
) -> BTreeMap<String, Decimal> {
    let mut difference: BTreeMap<String, Decimal> = BTreeMap::new();
    // Saturating sums stay on the far side of any real balance, so they would show as a difference.
    let mut add = |asset: &str, amount: Decimal| {
        let entry = difference.entry(asset.to_owned()).or_default();
        *entry = entry.saturating_add(amount);
    };
    for balance in after {
        add(&balance.asset, balance.free.saturating_add(balance.locked));
    }
    for balance in before {
        add(&balance.asset, -balance.free.saturating_add(balance.locked));
    }
    for (asset, change) in seats.iter().flat_map(|seat| &seat.desk.changes) {
        add(asset, -*change);
    }
    difference.retain(|_, amount| !amount.is_zero());
    difference.values_mut().for_each(|amount| *amount = amount.normalize());
    difference
}

impl Summary {
    /// The summary for people.
    pub(crate) fn table(&self) -> String {
        let mut text = String::new();
        // Writing to a String can't fail.
        let _ = writeln!(
            text,
            "\n{} on {} · {:.1} s · {} messages ({} unreadable)",
            self.mode, self.venue, self.duration_s, self.messages.received, self.messages.unparsed
        );
        let header = [
            "plugin", "language", "gen", "state", "events", "orders", "denied", "fills", "faults", "position", "pnl",
            "p50", "p99",
        ];
        let rows: Vec<[String; 13]> = self.plugins.iter().map(row).collect();
        let widths: Vec<usize> = (0..header.len())
            .map(|column| {
                rows.iter().map(|row| row[column].chars().count()).chain([header[column].len()]).max().unwrap_or(0)
            })
            .collect();
        let mut line = |cells: &[&str]| {
            for (cell, width) in cells.iter().zip(&widths) {
                let _ = write!(text, "{cell:<width$}  ");
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        };
        line(&header);
        for row in &rows {
            line(&row.each_ref().map(String::as_str));
        }
        for refused in &self.refused {
            let _ = writeln!(text, "refused {}: {}", refused.file, refused.reason);
        }
        for problem in &self.problems {
            let _ = writeln!(text, "unreadable: {problem}");
        }
        let account: Vec<_> = self
            .account
            .iter()
            .map(|line| {
                if line.locked.is_zero() {
                    format!("{} {}", line.free, line.asset)
                } else {
                    format!("{} {} (+{} locked)", line.free, line.asset, line.locked)
                }
            })
            .collect();
        let _ = writeln!(text, "account  {}", account.join(" · "));
        if self.ledger_difference.is_empty() {
            let _ = writeln!(text, "ledger   the plugins' ledgers and the account agree to the last digit");
        } else {
            let parts: Vec<_> =
                self.ledger_difference.iter().map(|(asset, amount)| format!("{amount} {asset}")).collect();
            let _ = writeln!(text, "ledger   DIFFERENCE not explained by the plugins: {}", parts.join(", "));
        }
        if self.left_open > 0 {
            let _ = writeln!(text, "orders   {} are still open on the venue: look at them there", self.left_open);
        }
        text
    }
}

/// A plugin's cells, shared by the live view.
pub(crate) fn row(plugin: &PluginSummary) -> [String; 13] {
    [
        plugin.name.clone(),
        plugin.language.clone(),
        plugin.generation.to_string(),
        plugin.state.clone(),
        plugin.events.to_string(),
        plugin.orders.to_string(),
        plugin.denials.to_string(),
        plugin.fills.to_string(),
        plugin.faults.to_string(),
        plugin.position_text(),
        plugin.pnl.round_dp(4).to_string(),
        nanos(plugin.handler_ns.p50),
        nanos(plugin.handler_ns.p99),
    ]
}

/// A time in the unit that reads best.
pub(crate) fn nanos(nanos: u64) -> String {
    match nanos {
        0..1_000 => format!("{nanos}ns"),
        1_000..1_000_000 => format!("{}.{}µs", nanos / 1_000, nanos % 1_000 / 100),
        _ => format!("{}.{}ms", nanos / 1_000_000, nanos % 1_000_000 / 100_000),
    }
}

//! Figures of a seat for the operator.

use ringfence_model::Decimal;
use ringfence_model::denial::QuotaState;
use ringfence_model::desk::DeskReport;

use super::{Seat, ShadowReport};
use crate::budgets::{BudgetState, states};
use crate::fault::FaultKind;
use crate::life::{Generation, SeatState};

/// Figures of one seat.
#[derive(Debug, Clone)]
pub struct SeatReport {
    /// The plugin's name.
    pub name: String,
    /// As its manifest says.
    pub language: String,
    /// As its manifest says.
    pub version: String,
    /// 1 for the first file, one more with each reload.
    pub generation: u64,
    /// Where it stands.
    pub state: SeatState,
    /// The generation before waits, in case this one fails.
    pub on_trial: bool,
    /// Events that it handled.
    pub events: u64,
    /// Events that wait for it.
    pub waiting: usize,
    /// Faults since the seat was opened.
    pub faults: u64,
    /// Quarters of strikes that count now.
    pub strike_quarters: u32,
    /// Calls that took longer than their soft bound.
    pub slow_calls: u64,
    /// Middle time of a handler call.
    pub handler_p50_ns: u64,
    /// Time that one of a hundred handler calls exceeds.
    pub handler_p99_ns: u64,
    /// Middle time from an event's arrival until it was handled; 0 in virtual time.
    pub latency_p50_ns: u64,
    /// Time that one of a hundred events exceeds.
    pub latency_p99_ns: u64,
    /// Percent of one core over the last second.
    pub cpu_percent: u32,
    /// Whether its market data is conflated because it uses too much of a core.
    pub conflated: bool,
    /// Bytes of its memories.
    pub memory_bytes: usize,
    /// What is used of each quota.
    pub quotas: Vec<QuotaState>,
    /// Every budget of the sandbox, and what is used of it.
    pub budgets: Vec<BudgetState>,
    /// Orders, fills, money.
    pub desk: DeskReport,
    /// What it did wrong last.
    pub last_fault: Option<String>,
    /// The kind of it.
    pub last_fault_kind: Option<FaultKind>,
    /// Newest values of its gauges and plots.
    pub gauges: Vec<(String, Decimal)>,
    /// The comparison with a generation that watches, or the last one.
    pub shadow: Option<ShadowReport>,
}

impl Seat {
    /// Figures for the operator.
    pub fn report(&self) -> SeatReport {
        let manifest = self.plugin.as_ref().map(|plugin| plugin.manifest());
        let post = self.post.as_ref();
        let load = self.measured(self.born.elapsed());
        let memory = self.instance.as_ref().map(crate::instance::Instance::memory).or(self.left.as_ref());
        SeatReport {
            name: self.config.name.clone(),
            language: manifest.map(|one| one.language.clone()).unwrap_or_default(),
            version: manifest.map(|one| one.version.clone()).unwrap_or_default(),
            generation: self.life.generation(),
            state: self.state(),
            on_trial: self.life.on_trial(),
            events: self.events,
            waiting: self.waiting(),
            faults: self.life.faults(),
            strike_quarters: self.life.strikes(self.last_ts),
            slow_calls: self.soft,
            handler_p50_ns: self.handler.value_at_quantile(0.5),
            handler_p99_ns: self.handler.value_at_quantile(0.99),
            latency_p50_ns: self.latency.value_at_quantile(0.5),
            latency_p99_ns: self.latency.value_at_quantile(0.99),
            cpu_percent: load.share.unwrap_or(0),
            conflated: self.conflated,
            memory_bytes: memory.map_or(0, crate::host::Memory::bytes),
            quotas: post
                .map(|post| {
                    let mut quotas = post.desk.quotas(post.now);
                    quotas.extend(post.quotas(self.budgets()));
                    quotas
                })
                .unwrap_or_default(),
            budgets: post.map(|post| states(self.budgets(), memory, post, load)).unwrap_or_default(),
            desk: post.map(|post| post.desk.report()).unwrap_or_default(),
            last_fault: self.last_fault.clone(),
            last_fault_kind: self.last_kind,
            gauges: post.map(|post| post.metrics.values()).unwrap_or_default(),
            shadow: self.shadow_report(),
        }
    }

    /// All generations that are remembered, oldest first.
    pub fn history(&self) -> Vec<Generation> {
        self.life.history().cloned().collect()
    }
}

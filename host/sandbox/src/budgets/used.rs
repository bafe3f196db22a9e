//! What is used of each budget: one list, which plugin and operator read alike.

use super::{Budget, Budgets, TABLE, Unit};
use crate::host::{Memory, Post};

/// What the seat knows, as it was before the guest was called.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Load {
    /// Percent of a core over the last second; in virtual time nobody measures it.
    pub(crate) share: Option<u32>,
    /// Events that wait, without those of the call.
    pub(crate) waiting: usize,
    /// Quarters of strikes that count.
    pub(crate) strike_quarters: u32,
}

/// A budget as it stands for one plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetState {
    /// Its key in [`TABLE`].
    pub key: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// The value that counts for this plugin.
    pub limit: u64,
    /// What is used of it now; `None` where nothing adds up.
    pub used: Option<u64>,
}

impl BudgetState {
    pub(crate) fn of(
        budget: &'static Budget,
        budgets: &Budgets,
        memory: Option<&Memory>,
        post: &Post,
        load: Load,
    ) -> Self {
        let used = used(budget.key, budgets, memory, post, load);
        BudgetState { key: budget.key, unit: budget.unit, limit: budget.value(budgets), used }
    }
}

/// All of them, in the order of the table.
pub(crate) fn states(budgets: &Budgets, memory: Option<&Memory>, post: &Post, load: Load) -> Vec<BudgetState> {
    TABLE.iter().map(|budget| BudgetState::of(budget, budgets, memory, post, load)).collect()
}

fn used(key: &str, budgets: &Budgets, memory: Option<&Memory>, post: &Post, load: Load) -> Option<u64> {
    let count = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
    Some(match key {
        "share_percent" | "share_strike_percent" => u64::from(load.share?),
        "queue" => count(load.waiting),
        "memory_bytes" => memory.map_or(0, |memory| count(memory.bytes())),
        "table_elements" => memory.map_or(0, |memory| count(memory.elements())),
        "commands" => u64::from(post.call.as_ref().map_or(0, |call| budgets.commands.saturating_sub(call.commands))),
        "subscription_changes" => post.feeds.used(post.now).0,
        "timers" => count(post.timers.len()),
        "log_lines_at_once" => post.log.used(post.now).0,
        "store_keys" => count(post.store.len()),
        "store_bytes" => count(post.store.bytes()),
        "metrics" => count(post.metrics.len()),
        // Whole ones; three and three quarters are three.
        "strikes" => u64::from(load.strike_quarters / 4),
        _ => return None,
    })
}

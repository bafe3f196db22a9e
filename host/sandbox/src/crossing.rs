//! A door for benches: one instance under all protections, and a batch that is made already. So the price of a crossing is
//! seen alone, beside a bare engine's. Nothing of the host goes this way.

use std::sync::Arc;

use ringfence_model::{Event, Instrument, Micros};

use crate::admission::Plugin;
use crate::batch::{Builder, Scales};
use crate::budgets::{Budgets, EventsKind};
use crate::instance::Instance;
use crate::refusal::Refusal;
use crate::sandbox::Sandbox;

/// An instance that is given the same batch again and again.
pub struct Crossing {
    instance: Instance,
    batch: Builder,
    count: usize,
}

impl std::fmt::Debug for Crossing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Crossing").field("count", &self.count).finish_non_exhaustive()
    }
}

impl Crossing {
    /// An instance of a plugin that needs no `init`, and these events.
    ///
    /// # Errors
    /// The instance can't be made.
    pub fn new(
        sandbox: &Sandbox,
        plugin: &Plugin,
        budgets: &Arc<Budgets>,
        instruments: &[Instrument],
        events: &[Event],
    ) -> Result<Self, Refusal> {
        let scales = Scales::new(instruments);
        let mut batch = Builder::new();
        let count = events.iter().filter(|event| batch.push(&scales, event).is_some()).count();
        Ok(Crossing { instance: plugin.instance(sandbox, budgets, 1)?, batch, count })
    }

    /// One call. The answer is how many events the guest took.
    ///
    /// # Errors
    /// What it did wrong, in words.
    pub fn cross(&mut self) -> Result<usize, String> {
        let kind = (EventsKind::Market, self.count);
        self.instance.on_events(self.batch.batch(), kind, Micros::MAX).map_err(|fault| fault.to_string())
    }
}

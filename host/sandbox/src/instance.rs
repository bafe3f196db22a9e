//! One running guest. Every call goes through [`Instance::enter`], which sets deadline and
//! budget first; there is no other way in. After a fault the store is dead and is dropped.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use ringfence_model::Micros;
use ringfence_model::strategy::{Context, Manifest, StopReason};
use wasmtime::{Store, Trap, UpdateDeadline};

use crate::bindings::exports::ringfence::strategy::handler::{InitError, RestoreError};
use crate::bindings::ringfence::strategy::events::Batch;
use crate::bindings::{Strategy, StrategyPre};
use crate::budgets::{Budgets, CallClass, EventsKind};
use crate::convert;
use crate::fault::{Fault, FaultKind};
use crate::host::{Entry, Host, Memory, Post};
use crate::imports::Guarded;
use crate::refusal::{Refusal, first_line};
use crate::sandbox::Sandbox;

/// A guest and its store.
pub(crate) struct Instance {
    store: Store<Guarded>,
    strategy: Strategy,
    budgets: Arc<Budgets>,
    /// CPU time of the last call.
    used: Duration,
}

impl Instance {
    /// Makes a store and instantiates.
    pub(crate) fn new(
        sandbox: &Sandbox,
        pre: &StrategyPre<Guarded>,
        budgets: &Arc<Budgets>,
        seed: u64,
    ) -> Result<Self, Fault> {
        let entry = Entry::new(budgets.time(CallClass::Init).hard, budgets.wall_factor);
        let host = Host { post: None, entry, memory: Memory::new(budgets), random: seed };
        let mut store = Store::new(sandbox.engine(), Guarded { host, budgets: Arc::clone(budgets) });
        store.limiter(|guarded| &mut guarded.host.memory);
        store.set_max_component_handles(budgets.handles);
        store.epoch_deadline_callback(|mut context| {
            let over = context.data_mut().host.entry.is_over();
            Ok(if over { UpdateDeadline::Interrupt } else { UpdateDeadline::Continue(1) })
        });
        store.set_epoch_deadline(1);
        store.set_hostcall_fuel(budgets.hostcall(CallClass::Init));
        let made = catch_unwind(AssertUnwindSafe(|| pre.instantiate(&mut store)));
        match made {
            Ok(Ok(strategy)) => Ok(Instance { store, strategy, budgets: Arc::clone(budgets), used: Duration::ZERO }),
            Ok(Err(error)) => Err(fault_of(&error, CallClass::Init, budgets)),
            Err(_) => Err(Fault::Host),
        }
    }

    /// CPU time of the last call.
    pub(crate) const fn used(&self) -> Duration {
        self.used
    }

    /// The sum of all its memories and tables.
    pub(crate) fn memory(&self) -> &Memory {
        &self.store.data().host.memory
    }

    /// Lends the seat's things to the guest, or takes them back.
    pub(crate) fn post(&mut self) -> &mut Option<Box<Post>> {
        &mut self.store.data_mut().host.post
    }

    fn enter<T>(
        &mut self,
        class: CallClass,
        call: impl FnOnce(&Strategy, &mut Store<Guarded>) -> wasmtime::Result<T>,
    ) -> Result<T, Fault> {
        self.store.data_mut().host.entry = Entry::new(self.budgets.time(class).hard, self.budgets.wall_factor);
        self.store.set_epoch_deadline(1);
        self.store.set_hostcall_fuel(self.budgets.hostcall(class));
        let (strategy, store) = (&self.strategy, &mut self.store);
        let result = catch_unwind(AssertUnwindSafe(|| call(strategy, store)));
        self.used = self.store.data().host.entry.used();
        match result {
            Ok(result) => result.map_err(|error| fault_of(&error, class, &self.budgets)),
            Err(_) => Err(Fault::Host),
        }
    }

    pub(crate) fn describe(&mut self) -> Result<Manifest, Fault> {
        let manifest = self
            .enter(CallClass::Describe, |strategy, store| strategy.ringfence_strategy_handler().call_describe(store))?;
        convert::from_manifest(manifest).ok_or(Fault::Manifest)
    }

    /// `Ok(Err(…))` is the guest's own refusal, in words.
    pub(crate) fn init(&mut self, context: &Context) -> Result<Result<(), String>, Fault> {
        let context = convert::context(context);
        let answer = self.enter(CallClass::Init, |strategy, store| {
            strategy.ringfence_strategy_handler().call_init(store, &context)
        })?;
        Ok(answer.map_err(|error| match error {
            InitError::InvalidParameter((name, why)) => {
                format!("parameter `{}`: {}", first_line(&name), first_line(&why))
            }
            InitError::MissingGrant(what) => format!("it lacks a grant: {}", first_line(&what)),
            InitError::Other(why) => first_line(&why),
        }))
    }

    /// `Ok(Err(…))` is the guest's own refusal, in words.
    pub(crate) fn restore(&mut self, state: &[u8]) -> Result<Result<(), String>, Fault> {
        let answer = self.enter(CallClass::Init, |strategy, store| {
            strategy.ringfence_strategy_handler().call_restore(store, state)
        })?;
        Ok(answer.map_err(|error| match error {
            RestoreError::Version(what) => format!("it can't read that version: {}", first_line(&what)),
            RestoreError::Corrupt(what) => format!("it finds it damaged: {}", first_line(&what)),
        }))
    }

    /// `init`, and `restore` if there is a state.
    pub(crate) fn begin(&mut self, context: &Context, saved: Option<&[u8]>) -> Result<(), Refusal> {
        let failed = |fault: Fault| Refusal::Fault(fault.to_string());
        self.init(context).map_err(failed)?.map_err(Refusal::Init)?;
        let used = self.used;
        if let Some(state) = saved {
            self.restore(state).map_err(failed)?.map_err(Refusal::Restore)?;
        }
        self.used = self.used.max(used);
        Ok(())
    }

    /// New budgets, for everything but its memory.
    pub(crate) fn set_budgets(&mut self, budgets: &Arc<Budgets>) {
        self.budgets = Arc::clone(budgets);
        self.store.data_mut().budgets = Arc::clone(budgets);
        self.store.set_max_component_handles(budgets.handles);
    }

    pub(crate) fn save(&mut self) -> Result<Vec<u8>, Fault> {
        let state =
            self.enter(CallClass::Save, |strategy, store| strategy.ringfence_strategy_handler().call_save(store))?;
        let (bytes, allowed) = (state.len(), self.budgets.saved_bytes);
        if bytes > allowed {
            return Err(Fault::Saved { bytes, allowed });
        }
        Ok(state)
    }

    /// How many events it handled, as it says.
    pub(crate) fn on_events(
        &mut self,
        batch: &Batch,
        (kind, count): (EventsKind, usize),
        lookahead: Micros,
    ) -> Result<usize, Fault> {
        let said = self.enter(CallClass::Events(kind, count), |strategy, store| {
            strategy.ringfence_strategy_handler().call_on_events(store, batch, lookahead.0)
        })?;
        let said = usize::try_from(said).unwrap_or(usize::MAX);
        if said == 0 || said > count {
            return Err(Fault::Consumed { said, given: count });
        }
        Ok(said)
    }

    pub(crate) fn shutdown(&mut self, reason: StopReason) -> Result<(), Fault> {
        let reason = convert::stop_reason(reason);
        self.enter(CallClass::Shutdown, |strategy, store| {
            strategy.ringfence_strategy_handler().call_shutdown(store, reason)
        })
    }
}

/// What an error of the engine says of the guest, without addresses and paths.
fn fault_of(error: &wasmtime::Error, class: CallClass, budgets: &Budgets) -> Fault {
    let (kind, what) = match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => {
            return Fault::Deadline { class, millis: budgets.time(class).hard.as_millis() };
        }
        Some(Trap::StackOverflow) => (FaultKind::Stack, "its stack overflowed: endless recursion?".to_owned()),
        Some(Trap::UnreachableCodeReached) => {
            (FaultKind::GaveUp, "it gave up (a panic or an exception); its log may say why".to_owned())
        }
        Some(Trap::MemoryOutOfBounds) => (FaultKind::Bounds, "it reached outside of its memory".to_owned()),
        Some(trap @ Trap::TableOutOfBounds) => (FaultKind::Bounds, format!("it trapped: {trap}")),
        Some(trap) => (FaultKind::Trap, format!("it trapped: {trap}")),
        None => {
            let root = first_line(&error.root_cause().to_string());
            (FaultKind::Boundary, format!("it failed: {root}"))
        }
    };
    Fault::Trap(kind, what)
}

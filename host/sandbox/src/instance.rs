//! One running guest. Every call goes through [`Instance::enter`], which sets deadline and
//! budget first; there is no other way in. After a fault the store is dead and is dropped.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ringfence_model::Micros;
use ringfence_model::strategy::{Context, Manifest, StopReason};
use wasmtime::{Store, Trap, UpdateDeadline};

use crate::bindings::exports::ringfence::strategy::handler::{InitError, RestoreError};
use crate::bindings::ringfence::strategy::events::Batch;
use crate::bindings::{Strategy, StrategyPre};
use crate::budgets::{Budgets, CallClass};
use crate::convert;
use crate::host::{Entry, Host, Memory, Post};
use crate::imports::Guarded;
use crate::refusal::first_line;
use crate::sandbox::Sandbox;

/// What a guest did wrong. It costs the guest its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// More CPU time than its budget.
    Deadline { class: CallClass, millis: u128 },
    /// It trapped.
    Trap(String),
    /// It said that it handled more events than there were, or none.
    Consumed { said: usize, given: usize },
    /// It cited an event that it then did not handle.
    Ahead,
    /// `save` returned too much.
    Saved { bytes: usize, allowed: usize },
    /// A manifest with a number out of range.
    Manifest,
    /// The host itself panicked in a call of the guest.
    Host,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Deadline { class, millis } => {
                let call = match class {
                    CallClass::Describe => "describe".to_owned(),
                    CallClass::Init => "init or restore".to_owned(),
                    CallClass::Events(1) => "on-events with one event".to_owned(),
                    CallClass::Events(count) => format!("on-events with {count} events"),
                    CallClass::Save => "save".to_owned(),
                    CallClass::Shutdown => "shutdown".to_owned(),
                };
                write!(f, "{call} used up its {millis} ms of CPU time")
            }
            Fault::Trap(what) => f.write_str(what),
            Fault::Consumed { said, given } => write!(f, "it says it handled {said} of {given} events"),
            Fault::Ahead => f.write_str("it gave a command for an event that it then left unhandled"),
            Fault::Saved { bytes, allowed } => write!(f, "its saved state has {bytes} bytes, the limit is {allowed}"),
            Fault::Manifest => f.write_str("its manifest has a decimal of more than 18 places"),
            Fault::Host => f.write_str("the host failed inside of a call (this is a bug of Ringfence)"),
        }
    }
}

/// A guest and its store.
pub(crate) struct Instance {
    store: Store<Guarded>,
    strategy: Strategy,
    budgets: Arc<Budgets>,
}

impl Instance {
    /// Makes a store and instantiates. On a fault the post comes back.
    #[allow(clippy::type_complexity, reason = "the post must not be lost with the fault")]
    pub(crate) fn new(
        sandbox: &Sandbox,
        pre: &StrategyPre<Guarded>,
        seed: u64,
        post: Option<Box<Post>>,
    ) -> Result<Self, (Fault, Option<Box<Post>>)> {
        let budgets = Arc::clone(sandbox.budgets());
        let entry = Entry::new(budgets.cpu(CallClass::Init), budgets.wall_factor);
        let host = Host { post, entry, memory: Memory::new(&budgets), random: seed };
        let mut store = Store::new(sandbox.engine(), Guarded { host, budgets: Arc::clone(&budgets) });
        store.limiter(|guarded| &mut guarded.host.memory);
        store.epoch_deadline_callback(|context| {
            let over = context.data().host.entry.is_over();
            Ok(if over { UpdateDeadline::Interrupt } else { UpdateDeadline::Continue(1) })
        });
        store.set_epoch_deadline(1);
        store.set_hostcall_fuel(budgets.hostcall(CallClass::Init));
        let made = catch_unwind(AssertUnwindSafe(|| pre.instantiate(&mut store)));
        let fault = match made {
            Ok(Ok(strategy)) => return Ok(Instance { store, strategy, budgets }),
            Ok(Err(error)) => fault_of(&error, CallClass::Init, &budgets),
            Err(_) => Fault::Host,
        };
        Err((fault, store.into_data().host.post))
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
        self.store.data_mut().host.entry = Entry::new(self.budgets.cpu(class), self.budgets.wall_factor);
        self.store.set_epoch_deadline(1);
        self.store.set_hostcall_fuel(self.budgets.hostcall(class));
        let (strategy, store) = (&self.strategy, &mut self.store);
        match catch_unwind(AssertUnwindSafe(|| call(strategy, store))) {
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
    pub(crate) fn on_events(&mut self, batch: &Batch, count: usize, lookahead: Micros) -> Result<usize, Fault> {
        let said = self.enter(CallClass::Events(count), |strategy, store| {
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
    let what = match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => return Fault::Deadline { class, millis: budgets.cpu(class).as_millis() },
        Some(Trap::StackOverflow) => "its stack overflowed: endless recursion?".to_owned(),
        Some(Trap::UnreachableCodeReached) => "it gave up (a panic or an exception); its log may say why".to_owned(),
        Some(Trap::MemoryOutOfBounds) => "it reached outside of its memory".to_owned(),
        Some(trap) => format!("it trapped: {trap}"),
        None => {
            let root = first_line(&error.root_cause().to_string());
            format!("it failed: {root}")
        }
    };
    Fault::Trap(what)
}

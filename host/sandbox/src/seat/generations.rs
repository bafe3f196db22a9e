//! Making, swapping, bringing back and ending instances: what `Life` decides is done here.
//!
//! A swap, in order: the old instance gives its state; the new one is made, initialised and
//! given it; streams are followed; the new one takes over between two events. While it is on
//! trial the old one waits, and what the new one is given is kept. If the new one fails, the
//! old one is given exactly that (so it has seen every event once), but may not trade on it:
//! the orders of the failed one end by the operator's policy, its own stay.

use ringfence_model::strategy::{Context, Manifest, StopReason, Value};
use ringfence_model::{Event, EventBody, InstrumentId, StreamKind, Timestamp};
use std::sync::Arc;

use super::{Archived, Booked, KEPT, Offered, Reserve, SAVE_EVERY, Seat, SeatState};
use crate::admission::Plugin;
use crate::budgets::CallClass;
use crate::fault::{Fault, FaultKind};
use crate::host::LogLevel;
use crate::instance::Instance;
use crate::life::{Action, Input};
use crate::queue::Item;
use crate::refusal::Refusal;

impl Seat {
    /// Begins a generation: the first, or the next one. If anything of its start fails, the
    /// one that runs goes on as if nothing had happened. With a shadow phase it only begins
    /// to watch.
    ///
    /// # Errors
    /// The plugin wishes for what is not granted, or refuses to start.
    pub fn start(
        &mut self,
        now: Timestamp,
        plugin: Arc<Plugin>,
        parameters: Vec<(String, Value)>,
    ) -> Result<(), Refusal> {
        self.offer(now, plugin, parameters, None, String::new())
    }

    /// The same with an instance that was made beforehand, and words for the history.
    pub(crate) fn offer(
        &mut self,
        now: Timestamp,
        plugin: Arc<Plugin>,
        parameters: Vec<(String, Value)>,
        instance: Option<Instance>,
        note: String,
    ) -> Result<(), Refusal> {
        self.last_ts = self.last_ts.max(now);
        let (version, hash) = (plugin.manifest().version.clone(), *plugin.hash());
        // A fault of the old one while it is asked is its own; the new one then gets the state before.
        let saved = self.save(now);
        self.offered = Some(Offered { plugin, parameters, instance, saved });
        self.refusal = None;
        self.act(now, Input::Offer { version, hash, note });
        match self.refusal.take() {
            Some(refusal) => Err(refusal),
            None => Ok(()),
        }
    }

    /// A file that was not taken, for the history.
    pub(crate) fn note_refused(&mut self, now: Timestamp, why: String) {
        self.life.refused(now, why);
    }

    /// An operator's word: paused, resumed, rolled back.
    ///
    /// # Errors
    /// There is nothing to do, and why.
    pub(crate) fn command(&mut self, now: Timestamp, input: Input) -> Result<String, String> {
        let (before, generation) = (self.state(), self.life.generation());
        match input {
            Input::Pause if !matches!(before, SeatState::Running | SeatState::Restarting) => {
                return Err(format!("it is {before}"));
            }
            Input::Resume if !matches!(before, SeatState::Paused | SeatState::Quarantined | SeatState::Restarting) => {
                return Err(format!("it is {before}; only what is paused, quarantined or restarting can be resumed"));
            }
            Input::Rollback if self.life.rollback_target().is_none() => {
                return Err("no other file has run here since the host started".to_owned());
            }
            _ => {}
        }
        self.refusal = None;
        self.act(now, input);
        if let Some(refusal) = self.refusal.take() {
            return Err(refusal.to_string());
        }
        if self.state() == SeatState::Paused {
            self.set_aside();
        }
        let (after, next) = (self.state(), self.life.generation());
        Ok(if next == generation { format!("it is {after}") } else { format!("it is {after}, generation {next}") })
    }

    /// Tells the machine what happened and does what it says.
    pub(super) fn act(&mut self, now: Timestamp, input: Input) {
        let mut todo: std::collections::VecDeque<Action> = self.life.step(now, input).into();
        while let Some(action) = todo.pop_front() {
            let answer = match action {
                Action::Warm => Some(Input::Made(self.warm(now))),
                Action::Shadow => Some(Input::Made(self.watch(now))),
                Action::DropShadow => {
                    self.end_shadow();
                    None
                }
                Action::Swap { keep } => {
                    self.swap(now, keep);
                    None
                }
                Action::LetGo => {
                    if let Some(reserve) = self.reserve.take() {
                        self.part(reserve.instance, StopReason::Reload);
                    }
                    None
                }
                Action::Back => {
                    self.bring_back(now);
                    None
                }
                Action::Drop => {
                    self.drop_instance(now);
                    None
                }
                Action::EndOrders => {
                    self.end_orders(now, &[]);
                    None
                }
                Action::Restart if self.instance.is_some() => Some(Input::Restarted(Ok(()))),
                Action::Restart => {
                    let restarted = self.restart(now);
                    if let Err(what) = &restarted {
                        self.last_fault = Some(format!("its restart failed: {what}"));
                        self.last_kind = Some(FaultKind::Restart);
                    }
                    Some(Input::Restarted(restarted))
                }
                Action::OfferAgain(number) => {
                    self.offer_again(now, number);
                    None
                }
                Action::Shutdown(reason) => {
                    self.shut_down(now, reason);
                    None
                }
            };
            if let Some(answer) = answer {
                // What follows from an answer comes before what was still to do: there is none then.
                todo.extend(self.life.step(now, answer));
            }
        }
    }

    /// Lends the seat's things to an instance for a call.
    pub(super) fn lend<T>(&mut self, instance: &mut Instance, call: impl FnOnce(&mut Instance) -> T) -> T {
        *instance.post() = self.post.take();
        let result = call(instance);
        self.post = instance.post().take();
        result
    }

    /// A call took its time: beyond the soft bound it is told and counts.
    pub(super) fn look_at(&mut self, now: Timestamp, class: CallClass, used: std::time::Duration) {
        if !self.config.clocked {
            return;
        }
        let soft = self.budgets().time(class).soft;
        if used <= soft {
            return;
        }
        self.soft = self.soft.saturating_add(1);
        let what =
            format!("{class} took {} µs of CPU time, {} µs are its soft bound", used.as_micros(), soft.as_micros());
        let (before, faults) = (self.life.strikes(now), self.life.faults());
        self.act(now, Input::Slow { quarters: 1, what: what.clone() });
        if self.life.strikes(now) != before {
            self.say(LogLevel::Warn, what.clone());
        }
        if self.life.faults() != faults {
            self.last_fault = Some(format!("it was too slow too often; the last: {what}"));
            self.last_kind = Some(FaultKind::Slow);
        }
    }

    /// An instance of the offered generation, started and given a state.
    fn warm(&mut self, now: Timestamp) -> Result<(), String> {
        let Some(mut offered) = self.offered.take() else { return Err("nothing is offered".to_owned()) };
        let made = self.wishes(offered.plugin.manifest()).and_then(|wished| {
            let (prepared, saved) = (offered.instance.take(), offered.saved.take());
            let saved = saved.or_else(|| self.save(now)).or_else(|| self.saved.clone());
            let instance = self.make(now, &offered.plugin, &offered.parameters, prepared, saved.as_deref())?;
            self.follow(wished)?;
            Ok((instance, saved))
        });
        match made {
            Ok((instance, saved)) => {
                self.offered = Some(Offered { instance: Some(instance), saved, ..offered });
                Ok(())
            }
            Err(refusal) => {
                let why = refusal.to_string();
                self.refusal = Some(refusal);
                Err(why)
            }
        }
    }

    fn swap(&mut self, now: Timestamp, keep: bool) {
        let Some(Offered { plugin, parameters, instance: Some(next), saved }) = self.offered.take() else { return };
        let old = self.instance.replace(next);
        let old_plugin = self.plugin.replace(Arc::clone(&plugin));
        let old_parameters = std::mem::replace(&mut self.parameters, parameters);
        if let Some(old) = old {
            match (keep, old_plugin, self.post.as_deref()) {
                (true, Some(old_plugin), Some(post)) => {
                    self.reserve = Some(Reserve {
                        instance: old,
                        plugin: old_plugin,
                        parameters: old_parameters,
                        saved: saved.clone(),
                        wished: self.wished_before.clone(),
                        timers: post.timers.clone(),
                        store: post.store.clone(),
                        orders: post.desk.open_orders().iter().map(|order| order.order).collect(),
                        kept: Vec::new(),
                    });
                }
                _ => self.part(old, StopReason::Reload),
            }
        }
        if let Some(last) = self.archive.back_mut() {
            last.saved.clone_from(&saved);
        }
        if self.archive.len() >= KEPT {
            self.archive.pop_front();
        }
        self.archive.push_back(Archived { number: self.life.generation(), plugin, saved: None });
        self.saved = saved;
        self.begin(now);
    }

    /// The first event of an instance.
    fn begin(&mut self, now: Timestamp) {
        self.next_save = now.plus(SAVE_EVERY);
        match self.booked.front() {
            // Told at the fault already, before what came since.
            Some(Booked { event: Event { body: EventBody::Started, .. }, .. }) => {}
            // No guest has seen these yet, so the start can take the first one's number.
            Some(first) => {
                let (seq, ts) = (first.event.seq, first.event.ts);
                for booked in &mut self.booked {
                    booked.event.seq = booked.event.seq.saturating_add(1);
                }
                self.seq = self.seq.saturating_add(1);
                let event = Event { seq, ts, body: EventBody::Started };
                self.booked.push_front(Booked { event, past: false });
            }
            None => self.queue.put_back(Item { ts: now, body: EventBody::Started, arrived: None }),
        }
    }

    /// The instance that waited runs again, and is given what it missed.
    fn bring_back(&mut self, now: Timestamp) {
        let Some(reserve) = self.reserve.take() else { return };
        let Reserve { instance, plugin, parameters, saved, wished, timers, store, orders, kept } = reserve;
        self.end_orders(now, &orders);
        let balance = self.post.as_ref().and_then(|post| post.desk.balances().into_iter().next());
        let fired: Vec<u64> = kept
            .iter()
            .filter_map(|event| if let EventBody::Timer(id) = event.body { Some(id) } else { None })
            .collect();
        self.queue.drop_timers(|id| !timers.knows(id));
        if let Some(post) = self.post.as_deref_mut() {
            post.timers.back_to(timers, &fired, now);
            post.store = store;
        }
        for mut event in kept.into_iter().rev() {
            // The start was the other's. The number must not be missing: a balance is always true.
            if matches!(event.body, EventBody::Started) {
                event.body = match &balance {
                    Some(balance) => EventBody::Balance(balance.clone()),
                    None => EventBody::Resumed,
                };
            }
            self.booked.push_front(Booked { event, past: true });
        }
        if let Err(refusal) = self.follow(wished) {
            tracing::error!(plugin = self.config.name, %refusal, "streams of the generation that came back");
        }
        self.archive.pop_back();
        self.instance = Some(instance);
        self.plugin = Some(plugin);
        self.parameters = parameters;
        self.saved = saved;
        self.next_save = now.plus(SAVE_EVERY);
        let generation = self.life.generation();
        self.say(LogLevel::Warn, format!("rolled back to generation {generation}"));
    }

    /// The instance is gone without a word; what it had not handled is booked.
    fn drop_instance(&mut self, _now: Timestamp) {
        self.instance = None;
        let stays = self.reserve.is_some();
        if let Some(post) = self.post() {
            post.call = None;
            if !stays {
                post.timers.clear();
            }
        }
        if stays {
            return;
        }
        // The next one starts with these, in this order.
        self.booked.clear();
        self.seq = self.seq.saturating_add(1);
        let started = Event { seq: self.seq, ts: self.last_ts, body: EventBody::Started };
        self.booked.push_back(Booked { event: started, past: false });
        // Timers and market data of the dead are nothing to the next one; money is booked and told.
        while let Some(item) = self.queue.pop() {
            if item.body.changes_account() {
                self.book(item.ts, item.body, true);
            }
        }
    }

    /// What waits while it is paused: money is booked in its order, market data is missed.
    fn set_aside(&mut self) {
        let mut rest = Vec::new();
        while let Some(item) = self.queue.pop() {
            if item.body.changes_account() {
                self.book(item.ts, item.body, true);
            } else {
                rest.push(item);
            }
        }
        for item in rest {
            if item.body.is_market() {
                self.queue.miss(item);
            } else {
                self.queue.push(item);
            }
        }
    }

    pub(super) fn end_orders(&mut self, now: Timestamp, spare: &[ringfence_model::OrderId]) {
        let (seq, policy) = (self.seq, self.config.settings.on_fault);
        if let Some(post) = self.post()
            && let Err(denial) = post.desk.end_orders(now, policy, spare, seq)
        {
            post.log.tell(LogLevel::Error, format!("open orders can't be cancelled: {denial}"));
        }
    }

    fn restart(&mut self, now: Timestamp) -> Result<(), String> {
        let Some(plugin) = self.plugin.clone() else { return Err("there is no plugin".to_owned()) };
        let (parameters, saved) = (self.parameters.clone(), self.saved.clone());
        let instance =
            self.make(now, &plugin, &parameters, None, saved.as_deref()).map_err(|refusal| refusal.to_string())?;
        self.instance = Some(instance);
        self.begin(now);
        Ok(())
    }

    fn offer_again(&mut self, now: Timestamp, number: u64) {
        let Some(archived) = self.archive.iter().find(|one| one.number == number) else {
            self.refusal = Some(Refusal::Operator(format!("generation {number} is no longer kept")));
            return;
        };
        let (plugin, own) = (Arc::clone(&archived.plugin), archived.saved.clone());
        let parameters = self.parameters.clone();
        let note = format!("rolled back to generation {number} by the operator");
        let first = self.offer(now, Arc::clone(&plugin), parameters.clone(), None, note.clone());
        if let (Err(Refusal::Restore(_)), Some(own)) = (&first, own) {
            // An older version can't be expected to read the newer one's state: it gets its own last one.
            let kept = self.saved.replace(own.clone());
            let (version, hash) = (plugin.manifest().version.clone(), *plugin.hash());
            self.offered = Some(Offered { plugin, parameters, instance: None, saved: Some(own) });
            self.refusal = None;
            self.act(now, Input::Offer { version, hash, note: format!("{note}, with its own last state") });
            if self.refusal.is_some() {
                self.saved = kept;
            }
            return;
        }
        self.refusal = first.err();
    }

    fn part(&mut self, mut old: Instance, reason: StopReason) {
        // A fault on the way out changes nothing any more.
        if let Err(fault) = self.lend(&mut old, |old| old.shutdown(reason)) {
            self.say(LogLevel::Warn, format!("it failed at its end: {fault}"));
        }
    }

    /// Ends the plugin: it is told, its orders are cancelled, its streams left. Events of
    /// its orders are still booked.
    pub fn stop(&mut self, now: Timestamp, reason: StopReason) {
        // What it was told before its end, it handles before its end.
        while self.is_served() && self.run(usize::MAX).consumed > 0 {}
        // A plugin whose file comes back goes on where it was.
        if let Some(state) = self.save(now) {
            self.saved = Some(state);
        }
        self.act(now, Input::End(reason));
    }

    fn shut_down(&mut self, now: Timestamp, reason: StopReason) {
        if let Some(instance) = self.instance.take() {
            self.left = (reason == StopReason::HostShutdown).then(|| instance.memory().clone());
            self.part(instance, reason);
        }
        self.booked.clear();
        let (seq, wished) = (self.seq, std::mem::take(&mut self.wished));
        if let Some(post) = self.post() {
            post.timers.clear();
            if let Err(denial) = post.desk.cancel_all(now, None, seq) {
                post.log.tell(LogLevel::Error, format!("open orders can't be cancelled: {denial}"));
            }
            for (instrument, stream) in wished {
                drop(post.desk.unsubscribe(instrument, stream));
            }
        }
    }

    /// The streams that a manifest wishes for, as far as they are granted. A plugin's first file that wishes for more is
    /// refused, so that somebody grants it or doesn't; a later one keeps what the name was granted, and is told.
    pub(super) fn wishes(&mut self, manifest: &Manifest) -> Result<Vec<(InstrumentId, StreamKind)>, Refusal> {
        let instruments = self.post.as_ref().map_or(&[][..], |post| post.desk.instruments());
        let mut wished = Vec::new();
        let mut beyond = Vec::new();
        for (symbol, streams) in &manifest.wishes {
            let Some(instrument) = instruments.iter().find(|one| one.symbol == *symbol) else {
                let granted: Vec<_> = instruments.iter().map(|one| one.symbol.as_str()).collect();
                let granted = if granted.is_empty() { "none".to_owned() } else { granted.join(", ") };
                beyond.push(Refusal::NotGranted { symbol: symbol.clone(), granted });
                continue;
            };
            wished.extend(streams.iter().map(|stream| (instrument.id, *stream)));
        }
        beyond.into_iter().try_for_each(|refusal| self.keep_to_grant(refusal)).map(|()| wished)
    }

    /// A wish beyond the grant of a name that has run already is told and left out.
    fn keep_to_grant(&mut self, refusal: Refusal) -> Result<(), Refusal> {
        if self.plugin.is_none() {
            return Err(refusal);
        }
        self.say(LogLevel::Warn, format!("{refusal}; until then this version has what the one before had"));
        Ok(())
    }

    /// Follows what is wished for and leaves what no longer is.
    fn follow(&mut self, mut wished: Vec<(InstrumentId, StreamKind)>) -> Result<(), Refusal> {
        let before = self.wished.clone();
        let mut denied = Vec::new();
        let Some(post) = self.post() else { return Ok(()) };
        wished.retain(|(instrument, stream)| {
            let Err(denial) = post.desk.subscribe(*instrument, *stream) else { return true };
            let symbol = post.desk.instruments().iter().find(|one| one.id == *instrument);
            denied.push(Refusal::Wish {
                symbol: symbol.map(|one| one.symbol.clone()).unwrap_or_default(),
                stream: format!("{stream:?}"),
                why: denial.to_string(),
            });
            false
        });
        denied.into_iter().try_for_each(|refusal| self.keep_to_grant(refusal))?;
        let Some(post) = self.post() else { return Ok(()) };
        for (instrument, stream) in before.iter().filter(|feed| !wished.contains(feed)) {
            // Leaving can't be denied.
            drop(post.desk.unsubscribe(*instrument, *stream));
        }
        self.wished_before = before;
        self.wished = wished;
        Ok(())
    }

    /// What an instance is told at its start.
    pub(super) fn context(&self, now: Timestamp, parameters: &[(String, Value)]) -> Result<Context, Refusal> {
        let Some(post) = &self.post else {
            return Err(Refusal::Fault("the seat's desk was lost with a fault of the host".to_owned()));
        };
        Ok(Context {
            instance: self.config.name.clone(),
            mode: self.config.mode,
            now,
            seed: self.config.seed,
            instruments: post.desk.instruments().to_vec(),
            parameters: parameters.to_vec(),
            allocation: post.desk.balances(),
        })
    }

    /// A new instance that has been started and given a state.
    fn make(
        &mut self,
        now: Timestamp,
        plugin: &Plugin,
        parameters: &[(String, Value)],
        prepared: Option<Instance>,
        saved: Option<&[u8]>,
    ) -> Result<Instance, Refusal> {
        let context = self.context(now, parameters)?;
        let mut instance = match prepared {
            Some(instance) => instance,
            None => plugin.instance(&self.sandbox, self.budgets(), self.config.seed)?,
        };
        let (answer, used) = self.lend(&mut instance, |instance| {
            let answer = instance.begin(&context, saved);
            (answer, instance.used())
        });
        self.look_at(now, CallClass::Init, used);
        answer.map(|()| instance)
    }

    /// Asks the running guest for its state; `None` if there is none, or it faulted, which is a strike.
    pub(super) fn save(&mut self, now: Timestamp) -> Option<Vec<u8>> {
        let mut instance = self.instance.take()?;
        let (saved, used) = self.lend(&mut instance, |instance| (instance.save(), instance.used()));
        match saved {
            Ok(state) => {
                self.instance = Some(instance);
                self.look_at(now, CallClass::Save, used);
                Some(state)
            }
            Err(fault) => {
                self.fault(now, &fault);
                None
            }
        }
    }

    /// A fault ended the guest.
    pub(super) fn fault(&mut self, now: Timestamp, fault: &Fault) {
        self.last_fault = Some(fault.to_string());
        self.last_kind = Some(fault.kind());
        self.act(now, Input::Fault { kind: fault.kind(), what: fault.to_string() });
    }

    /// A fault that is not of one call.
    pub(super) fn slow(&mut self, now: Timestamp, fault: &Fault) {
        let faults = self.life.faults();
        self.act(now, Input::Slow { quarters: 4, what: fault.to_string() });
        if self.life.faults() != faults {
            self.last_fault = Some(fault.to_string());
            self.last_kind = Some(FaultKind::Share);
        } else {
            self.say(LogLevel::Warn, fault.to_string());
        }
    }
}

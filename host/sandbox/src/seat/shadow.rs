//! A generation that only watches: it is given what the running one has handled, its
//! commands reach nobody, and both are compared event by event.
//!
//! It reads the real desk, after the running generation has handled the same events; what
//! it cannot know are the numbers of orders that it only thinks it has. So cancels are
//! compared as such, orders and amendments with all that they say. At its end it is
//! dropped, and a fresh instance takes over with the running one's state.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use ringfence_model::denial::QuotaState;
use ringfence_model::desk::{Desk, DeskReport};
use ringfence_model::event::{Book, Quote};
use ringfence_model::order::{OpenOrder, OrderList};
use ringfence_model::{
    Balance, Decimal, Denial, Event, EventBody, Instrument, InstrumentId, NewOrder, OrderId, Position, Seq, StreamKind,
    Timestamp,
};

use super::turn::Turn;
use super::{Offered, Seat, new_feeds};
use crate::host::{Log, Metrics, Post};
use crate::instance::Instance;
use crate::life::Input;
use crate::text::escaped;

/// Differences that are told in words.
const TOLD: usize = 16;
/// Events that may wait for the watching one before it counts as failed.
const ROOM: usize = 16_384;
/// Numbers of orders that exist for the watching one only begin here.
const NOT_REAL: u64 = 1 << 48;

/// What a comparison has come to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ShadowReport {
    /// Number of the generation that watches.
    pub generation: u64,
    /// Events that both have handled.
    pub events: usize,
    /// Commands that both gave alike.
    pub same: usize,
    /// Commands that only one of them gave.
    pub differences: usize,
    /// The first of them, in words.
    pub examples: Vec<String>,
}

/// A watching generation.
pub(super) struct Shadow {
    instance: Instance,
    post: Option<Box<Post>>,
    slot: Slot,
    pending: Vec<Event>,
    report: ShadowReport,
}

impl Shadow {
    /// What the running generation has handled.
    pub(super) fn give(&mut self, events: Vec<Event>) {
        self.pending.extend(events);
    }
}

impl Seat {
    /// Makes the offered generation watch.
    pub(super) fn watch(&mut self, now: Timestamp) -> Result<(), String> {
        let Some(mut offered) = self.offered.take() else { return Err("nothing is offered".to_owned()) };
        let made = self
            .wishes(offered.plugin.manifest())
            .and_then(|_| self.context(now, &offered.parameters))
            .and_then(|context| {
                let mut instance = match offered.instance.take() {
                    Some(instance) => instance,
                    None => offered.plugin.instance(&self.sandbox, self.budgets(), self.config.seed)?,
                };
                let slot = Slot::default();
                let saved = offered.saved.take().or_else(|| self.saved.clone());
                *instance.post() = self.shadow_post(&slot);
                self.lend_desk(&slot);
                let begun = instance.begin(&context, saved.as_deref());
                self.take_desk(&slot);
                let post = instance.post().take();
                begun.map(|()| (instance, post, slot))
            });
        match made {
            Ok((instance, post, slot)) => {
                let generation = self.life.history().last().map_or(0, |generation| generation.number);
                let report = ShadowReport { generation, ..ShadowReport::default() };
                self.shadow = Some(Shadow { instance, post, slot, pending: Vec::new(), report });
                if let Some(post) = self.post() {
                    post.asked = Some(Vec::new());
                }
                self.offered = Some(Offered { instance: None, saved: None, ..offered });
                Ok(())
            }
            Err(refusal) => {
                let why = refusal.to_string();
                self.refusal = Some(refusal);
                Err(why)
            }
        }
    }

    fn shadow_post(&self, slot: &Slot) -> Option<Box<Post>> {
        let real = self.post.as_deref()?;
        let budgets = self.budgets();
        let instruments = real.desk.instruments().to_vec();
        Some(Box::new(Post {
            desk: Box::new(ShadowDesk { instruments, slot: Arc::clone(slot), next: NOT_REAL }),
            timers: real.timers.clone(),
            store: real.store.clone(),
            log: Log::new(budgets, false),
            metrics: Metrics::default(),
            feeds: new_feeds(budgets),
            call: None,
            now: real.now,
            load: real.load,
            asked: Some(Vec::new()),
        }))
    }

    /// Puts the real desk where the watching one can read it.
    fn lend_desk(&mut self, slot: &Slot) {
        if let Some(post) = self.post.as_deref_mut() {
            let nobody = ShadowDesk { instruments: Vec::new(), slot: Slot::default(), next: NOT_REAL };
            let real = std::mem::replace(&mut post.desk, Box::new(nobody));
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(real);
        }
    }

    fn take_desk(&mut self, slot: &Slot) {
        let real = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let (Some(post), Some(real)) = (self.post.as_deref_mut(), real) {
            post.desk = real;
        }
    }

    pub(super) fn end_shadow(&mut self) {
        if let Some(shadow) = self.shadow.take() {
            self.shadowed = Some(shadow.report);
        }
        if let Some(post) = self.post() {
            post.asked = None;
        }
    }

    /// Whether the watching generation has something to look at.
    pub(super) fn shadow_waits(&self) -> bool {
        self.shadow.as_ref().is_some_and(|shadow| !shadow.pending.is_empty())
    }

    /// One call of the watching generation, and what it comes to.
    pub(super) fn run_shadow(&mut self) {
        if !self.shadow_waits() {
            return;
        }
        let Some(mut shadow) = self.shadow.take() else { return };
        let now = self.last_ts;
        if shadow.pending.len() > ROOM {
            self.shadow = Some(shadow);
            return self.act(now, Input::ShadowFailed("it is too slow to keep up".to_owned()));
        }
        let budgets = Arc::clone(self.budgets());
        let rest = shadow.pending.split_off(shadow.pending.len().min(budgets.batch));
        let events = std::mem::replace(&mut shadow.pending, rest);
        let Turn { builder, call, kind, .. } = Turn::of_booked(&self.scales, events.clone(), budgets.commands, false);
        let count = events.len();
        if let Some(post) = shadow.post.as_deref_mut() {
            post.now = events.last().map_or(post.now, |event| event.ts);
            post.call = Some(call);
        }
        self.lend_desk(&shadow.slot);
        *shadow.instance.post() = shadow.post.take();
        let handled = shadow.instance.on_events(builder.batch(), (kind, count), self.config.lookahead);
        shadow.post = shadow.instance.post().take();
        self.take_desk(&shadow.slot);
        let used = shadow.instance.used();
        if self.config.clocked {
            self.meter.spend(self.born.elapsed(), used);
        }
        if let Some(post) = shadow.post.as_deref_mut() {
            post.call = None;
            for (level, line) in post.log.take() {
                self.say(level, format!("(shadow) {line}"));
            }
        }
        let input = match handled {
            Ok(consumed) => {
                let consumed = consumed.min(count);
                let mut events = events;
                let unseen = events.split_off(consumed);
                shadow.pending.splice(0..0, unseen);
                let through = events.last().map_or(0, |event| event.seq);
                self.compare(&mut shadow, through);
                shadow.report.events = shadow.report.events.saturating_add(consumed);
                Input::Compared { events: consumed, differences: shadow.report.differences }
            }
            Err(fault) => Input::ShadowFailed(fault.to_string()),
        };
        self.shadow = Some(shadow);
        self.act(now, input);
    }

    /// Holds the commands of both against each other, up to an event.
    fn compare(&mut self, shadow: &mut Shadow, through: Seq) {
        let take = |post: Option<&mut Post>| {
            let asked = post.and_then(|post| post.asked.as_mut());
            let mut commands: BTreeMap<(Seq, String), i64> = BTreeMap::new();
            if let Some(asked) = asked {
                let later = asked.iter().position(|(cause, _)| *cause > through).unwrap_or(asked.len());
                for key in asked.drain(..later) {
                    let count = commands.entry(key).or_default();
                    *count = count.saturating_add(1);
                }
            }
            commands
        };
        let old = take(self.post.as_deref_mut());
        let mut new = take(shadow.post.as_deref_mut());
        let report = &mut shadow.report;
        let mut differ = |seq: Seq, what: &str, who: &str, count: i64| {
            let count = usize::try_from(count).unwrap_or(0);
            report.differences = report.differences.saturating_add(count);
            if report.examples.len() < TOLD && count > 0 {
                report.examples.push(escaped(&format!("event {seq}: only the {who} one: {what}"), 400));
            }
        };
        let mut same = 0usize;
        for ((seq, what), count) in old {
            let other = new.remove(&(seq, what.clone())).unwrap_or(0);
            same = same.saturating_add(usize::try_from(count.min(other)).unwrap_or(0));
            differ(seq, &what, "old", count.saturating_sub(other));
            differ(seq, &what, "new", other.saturating_sub(count));
        }
        for ((seq, what), count) in new {
            differ(seq, &what, "new", count);
        }
        report.same = report.same.saturating_add(same);
    }

    /// The comparison that is going on, or the last one.
    pub(super) fn shadow_report(&self) -> Option<ShadowReport> {
        self.shadow.as_ref().map(|shadow| shadow.report.clone()).or_else(|| self.shadowed.clone())
    }
}

/// Where the real desk is while a watching generation is called.
type Slot = Arc<Mutex<Option<Box<dyn Desk>>>>;

/// Reads go to the real desk while it is lent; commands reach nobody.
struct ShadowDesk {
    instruments: Vec<Instrument>,
    slot: Slot,
    next: u64,
}

impl ShadowDesk {
    fn read<T: Default>(&self, read: impl FnOnce(&dyn Desk) -> T) -> T {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner).as_deref().map(read).unwrap_or_default()
    }

    fn number(&mut self) -> u64 {
        self.next = self.next.saturating_add(1);
        self.next
    }
}

impl Desk for ShadowDesk {
    fn submit(&mut self, _now: Timestamp, _order: NewOrder, _cause: Seq) -> Result<OrderId, Denial> {
        Ok(OrderId(self.number()))
    }

    fn submit_list(&mut self, _now: Timestamp, orders: OrderList, _cause: Seq) -> Result<Vec<OrderId>, Denial> {
        let legs = match orders {
            OrderList::Otoco(..) => 3,
            _ => 2,
        };
        Ok((0..legs).map(|_| OrderId(self.number())).collect())
    }

    fn cancel(&mut self, _now: Timestamp, _order: OrderId, _cause: Seq) -> Result<(), Denial> {
        Ok(())
    }

    fn cancel_all(&mut self, _now: Timestamp, _of: Option<InstrumentId>, _cause: Seq) -> Result<u32, Denial> {
        Ok(0)
    }

    fn amend(&mut self, _now: Timestamp, _order: OrderId, _quantity: Decimal, _cause: Seq) -> Result<(), Denial> {
        Ok(())
    }

    fn instruments(&self) -> &[Instrument] {
        &self.instruments
    }

    fn subscribe(&mut self, _instrument: InstrumentId, _stream: StreamKind) -> Result<(), Denial> {
        Ok(())
    }

    fn unsubscribe(&mut self, _instrument: InstrumentId, _stream: StreamKind) -> Result<(), Denial> {
        Ok(())
    }

    fn last_quote(&self, instrument: InstrumentId, as_of: Seq) -> Option<(Timestamp, Quote)> {
        self.read(|desk| desk.last_quote(instrument, as_of))
    }

    fn book(&self, instrument: InstrumentId, levels: u32, as_of: Seq) -> Option<Book> {
        self.read(|desk| desk.book(instrument, levels, as_of))
    }

    fn request_history(
        &mut self,
        _now: Timestamp,
        _instrument: InstrumentId,
        _interval: u32,
        _start: Option<Timestamp>,
        _limit: u32,
        _cause: Seq,
    ) -> Result<u64, Denial> {
        Ok(self.number())
    }

    fn balances(&self) -> Vec<Balance> {
        self.read(|desk| desk.balances())
    }

    fn positions(&self) -> Vec<Position> {
        self.read(|desk| desk.positions())
    }

    fn open_orders(&self) -> Vec<OpenOrder> {
        self.read(|desk| desk.open_orders())
    }

    fn quotas(&self, now: Timestamp) -> Vec<QuotaState> {
        self.read(|desk| desk.quotas(now))
    }

    fn apply(&mut self, _event: &Event) -> Vec<EventBody> {
        Vec::new()
    }

    fn report(&self) -> DeskReport {
        self.read(|desk| desk.report())
    }
}

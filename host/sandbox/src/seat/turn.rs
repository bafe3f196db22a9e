//! One call with events: what goes in, and what becomes of it.

use std::time::{Duration, Instant};

use ringfence_model::event::GapReason;
use ringfence_model::{Event, EventBody, StreamKind, Timestamp};

use super::{Ran, Seat};
use crate::batch::{Builder, Scales};
use crate::budgets::{CallClass, EventsKind};
use crate::fault::Fault;
use crate::host::Call;
use crate::life::Input;
use crate::meter::Share;
use crate::queue::Item;

/// A call that is ready to be made.
pub(super) struct Turn {
    pub(super) builder: Builder,
    pub(super) call: Call,
    pub(super) kind: EventsKind,
    /// Events that were booked before; they are not from the queue.
    from_booked: bool,
    /// When the oldest of its events arrived.
    arrived: Option<Instant>,
}

impl Turn {
    /// A call with events that the desk has booked.
    pub(super) fn of_booked(scales: &Scales, events: Vec<Event>, commands: u32, past: bool) -> Self {
        let mut builder = Builder::new();
        let mut kind = EventsKind::Market;
        for event in &events {
            kind = dearer(kind, &event.body);
            if builder.push(scales, event).is_none() {
                let told = Event { body: inexpressible(&event.body), ..event.clone() };
                let told = builder.push(scales, &told);
                debug_assert!(told.is_some(), "a gap always crosses");
            }
        }
        let applied = events.len();
        Turn {
            builder,
            call: Call { events, applied, booked: applied, commands, past },
            kind,
            from_booked: true,
            arrived: None,
        }
    }
}

fn dearer(kind: EventsKind, body: &EventBody) -> EventsKind {
    match body {
        EventBody::Timer(_) | EventBody::History(_) | EventBody::Started => EventsKind::Timer,
        body if body.changes_account() && kind == EventsKind::Market => EventsKind::Order,
        _ => kind,
    }
}

impl Seat {
    /// Hands over what waits, at most `max` events in one call.
    pub fn run(&mut self, max: usize) -> Ran {
        let mut ran = self.run_guest(max);
        self.run_shadow();
        ran.left = if self.is_served() { self.waiting() } else { 0 };
        ran
    }

    /// How many events a call should have so that it takes its turn's time.
    fn room(&self, max: usize) -> usize {
        let budgets = self.budgets();
        let most = max.min(budgets.batch).max(1);
        if !self.config.clocked || self.each.is_zero() {
            return most;
        }
        let fits = budgets.turn.as_nanos() / self.each.as_nanos().max(1);
        most.min(usize::try_from(fits).unwrap_or(usize::MAX)).max(1)
    }

    fn run_guest(&mut self, max: usize) -> Ran {
        let none = Ran { consumed: 0, fault: None, left: 0 };
        // What is kept for a restart waits for time, not for another call.
        if !self.is_served() || self.waiting() == 0 {
            return none;
        }
        let limit = self.room(max);
        let Turn { builder, call, kind, from_booked, arrived } = self.next_turn(limit);
        let count = call.events.len();
        if count == 0 {
            return none;
        }
        let Some(mut instance) = self.instance.take() else { return none };
        let lookahead = self.config.lookahead;
        let started = Instant::now();
        let load = self.measured(started.saturating_duration_since(self.born));
        if let Some(post) = self.post() {
            post.call = Some(call);
            post.load = load;
        }
        let handled =
            self.lend(&mut instance, |instance| instance.on_events(builder.batch(), (kind, count), lookahead));
        let elapsed = started.elapsed();
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).max(1);
        self.handler.saturating_record(nanos(elapsed));
        if let Some(arrived) = arrived {
            self.latency.saturating_record(nanos(started.saturating_duration_since(arrived).saturating_add(elapsed)));
        }
        let used = instance.used();
        let now = self.last_ts;
        let faults = self.life.faults();
        let consumed = match self.settle(handled, count, from_booked, arrived) {
            Ok(consumed) => {
                self.instance = Some(instance);
                if self.life.on_trial() {
                    self.act(now, Input::Handled(consumed));
                }
                self.look_at(now, CallClass::Events(kind, count), used);
                consumed
            }
            Err(fault) => {
                drop(instance);
                self.fault(now, &fault);
                count
            }
        };
        if self.config.clocked {
            self.meter_call(now, used, consumed);
        }
        let fault = if self.life.faults() == faults { None } else { self.last_fault.clone() };
        Ran { consumed, fault, left: 0 }
    }

    /// Counts a call's time against the plugin's share of a core.
    fn meter_call(&mut self, now: Timestamp, used: Duration, consumed: usize) {
        let wall = self.born.elapsed();
        self.meter.spend(wall, used);
        let each = used / u32::try_from(consumed.max(1)).unwrap_or(u32::MAX);
        self.each = if self.each.is_zero() { each } else { (self.each.saturating_mul(7)).saturating_add(each) / 8 };
        let budgets = std::sync::Arc::clone(self.budgets());
        match self.meter.verdict(wall, &budgets) {
            Share::Fair => self.conflated = false,
            Share::Conflate => self.conflated = true,
            Share::Strike => {
                self.conflated = true;
                let (percent, allowed) = (self.meter.percent(wall), budgets.share_strike_percent);
                self.slow(now, &Fault::Share { percent, allowed });
            }
        }
        self.queue.set_narrow(self.conflated);
    }

    /// Books what was handled and puts the rest back.
    fn settle(
        &mut self,
        handled: Result<usize, Fault>,
        count: usize,
        from_booked: bool,
        arrived: Option<Instant>,
    ) -> Result<usize, Fault> {
        let Some(post) = self.post.as_deref_mut() else { return Err(Fault::Host) };
        let (applied, booked) = post.call.as_ref().map_or((0, 0), |call| (call.applied, call.booked));
        let mut result = match handled {
            // What was booked for a command is handled, whatever the guest says.
            Ok(consumed) if consumed < applied.min(count) && applied > booked => Err(Fault::Ahead),
            other => other,
        };
        // After a fault nobody will handle the rest; it is booked and gone.
        let through = *result.as_ref().unwrap_or(&count);
        if let Some(last) = through.checked_sub(1) {
            post.apply_through(last);
        }
        let Some(call) = post.call.take() else { return Err(Fault::Host) };
        self.events = self.events.saturating_add(u64::try_from(through).unwrap_or(u64::MAX));
        if !from_booked {
            self.seq = self.seq.saturating_add(u64::try_from(through).unwrap_or(u64::MAX));
        }
        let past = call.past;
        let mut rest = call.events;
        let unhandled = rest.split_off(through.min(rest.len()));
        if let Some(reserve) = &mut self.reserve {
            reserve.kept.extend(rest.iter().cloned());
        }
        if let Some(shadow) = &mut self.shadow {
            shadow.give(rest);
        }
        for event in unhandled.into_iter().rev() {
            if from_booked {
                self.booked.push_front(super::Booked { event, past });
            } else {
                self.queue.put_back(Item { ts: event.ts, body: event.body, arrived });
            }
        }
        if let Ok(0) = result {
            result = Err(Fault::Consumed { said: 0, given: count });
        }
        result
    }

    /// What is booked already comes first; then the queue.
    fn next_turn(&mut self, limit: usize) -> Turn {
        let commands = self.budgets().commands;
        let Some(past) = self.booked.front().map(|booked| booked.past) else {
            return self.fill_batch(limit, commands);
        };
        let mut events = Vec::new();
        while events.len() < limit {
            match self.booked.pop_front_if(|booked| booked.past == past) {
                Some(booked) => events.push(booked.event),
                None => break,
            }
        }
        Turn::of_booked(&self.scales, events, commands, past)
    }

    /// Takes events from the queue: an event that changes the account only as the first,
    /// followed by the balances and the position that it changed.
    fn fill_batch(&mut self, limit: usize, commands: u32) -> Turn {
        let mut builder = Builder::new();
        let mut call = Call { events: Vec::new(), applied: 0, booked: 0, commands, past: false };
        let (mut kind, mut arrived) = (EventsKind::Market, None);
        let mut ts_floor = self.post.as_ref().map_or(Timestamp::default(), |post| post.now);
        let mut number = self.seq;
        let mut add = |builder: &mut Builder, call: &mut Call, scales: &Scales, ts: Timestamp, body: EventBody| {
            number = number.saturating_add(1);
            ts_floor = ts_floor.max(ts);
            kind = dearer(kind, &body);
            let mut event = Event { seq: number, ts: ts_floor, body };
            if builder.push(scales, &event).is_none() {
                // A number with more places than its instrument has can't cross; the plugin is told.
                event.body = inexpressible(&event.body);
                let told = builder.push(scales, &event);
                debug_assert!(told.is_some(), "a gap always crosses");
            }
            call.events.push(event);
        };
        while call.events.len() < limit.max(1) {
            let account = match self.queue.peek() {
                Some(body) if body.changes_account() && !call.events.is_empty() => break,
                Some(body) => body.changes_account(),
                None => false,
            };
            let Some(item) = self.queue.pop() else { break };
            let ts = item.ts;
            arrived = arrived.or(item.arrived);
            add(&mut builder, &mut call, &self.scales, ts, item.body);
            if account && let (Some(post), Some(event)) = (self.post.as_deref_mut(), call.events.first()) {
                post.now = post.now.max(event.ts);
                let follows = post.desk.apply(event);
                for body in follows {
                    add(&mut builder, &mut call, &self.scales, ts, body);
                }
                call.applied = call.events.len();
                call.booked = call.applied;
            }
        }
        Turn { builder, call, kind, from_booked: false, arrived }
    }
}

/// What is told instead of an event whose numbers can't cross.
fn inexpressible(body: &EventBody) -> EventBody {
    let (instrument, stream) = match body {
        EventBody::Trade(trade) => (trade.instrument, StreamKind::Trades),
        EventBody::AggregateTrade(trade) => (trade.instrument, StreamKind::AggregateTrades),
        EventBody::Quote(quote) => (quote.instrument, StreamKind::Quotes),
        EventBody::Depth(update) => (update.instrument, StreamKind::Depth),
        other => return other.clone(),
    };
    EventBody::FeedGap { instrument, stream, reason: GapReason::OutOfSync, missed: 1 }
}

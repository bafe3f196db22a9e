//! One thread with the seats that are pinned to it. It first empties its inbox, then lets
//! each seat that has something to do handle one call, and so on; when nothing waits, it
//! sleeps until the next job or timer.
//!
//! What a seat can take from its neighbours is one call's hard bound, once: a call that
//! takes long gets fewer events the next time, a plugin above its share of a core gets only
//! what is not market data, and one that stays above it is moved to the worker for the slow,
//! where it meets its like. It comes back when it has been calm for a while.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use ringfence_model::strategy::{StopReason, Value};
use ringfence_model::{EventBody, SeatId, Timestamp};

use super::{Clock, FleetEvent, Notify, Places};
use crate::admission::Plugin;
use crate::instance::Instance;
use crate::life::{Generation, GenerationState, Input};
use crate::refusal::Refusal;
use crate::seat::{Seat, SeatReport, SeatState, Settings};

/// Timers are looked at this often while nothing happens.
const BEAT: Duration = Duration::from_millis(5);
/// How often shares are looked at.
const LOADS: Duration = Duration::from_secs(1);
/// Looks above its share after which a plugin is moved to the slow.
const HEAVY: u32 = 3;
/// Looks below half of its share after which it comes back.
const CALM: u32 = 60;

/// What a worker is asked to do. Jobs are done in their order.
pub(super) enum Job {
    Deliver {
        ts: Timestamp,
        body: EventBody,
        arrived: Instant,
    },
    Open {
        seat: Box<Seat>,
    },
    /// A seat comes from another worker; what was sent here before it comes after it.
    Arrive {
        guest: Box<Guest>,
    },
    Load {
        plugin: Arc<Plugin>,
        parameters: Vec<(String, Value)>,
        settings: Settings,
        instance: Option<Box<Instance>>,
        note: String,
        now: Timestamp,
        reply: Sender<Result<(), Refusal>>,
    },
    Set {
        settings: Settings,
    },
    Refused {
        why: String,
        now: Timestamp,
    },
    Command {
        input: Input,
        now: Timestamp,
        reply: Sender<Result<String, String>>,
    },
    History {
        reply: Sender<Vec<Generation>>,
    },
    Remove {
        now: Timestamp,
    },
    Report {
        reply: Sender<Vec<SeatReport>>,
    },
    /// Answers when nothing waits.
    Drain {
        reply: Sender<()>,
    },
    Stop {
        now: Timestamp,
    },
    End,
}

/// A job, and the seat that it is for, if it is for one.
pub(super) type Mail = (Option<SeatId>, Job);

/// A seat as its worker knows it.
pub(super) struct Guest {
    id: SeatId,
    seat: Box<Seat>,
    /// Looks in a row above its share, and below half of it.
    heavy: u32,
    calm: u32,
    /// Faults that were told.
    faults: u64,
    /// The generation that watches.
    watches: Option<u64>,
    /// It is among those that are looked at next.
    ready: bool,
}

/// Where a worker stands among the others.
pub(super) struct Address {
    pub(super) number: usize,
    /// Ways to all workers; the last one is for the slow.
    pub(super) all: Vec<Sender<Mail>>,
    pub(super) places: Places,
}

pub(super) struct Worker {
    inbox: Receiver<Mail>,
    clock: Clock,
    notify: Notify,
    address: Address,
    guests: Vec<Guest>,
    index: HashMap<SeatId, usize>,
    /// Who has had mail or has more to do, once each: of a thousand seats few are looked at for one event. Time alone
    /// makes others ready; for them all are looked at on each beat.
    ready: Vec<SeatId>,
    /// Mail for seats that are on their way here.
    strangers: HashMap<SeatId, Vec<Job>>,
    drains: Vec<Sender<()>>,
}

impl Worker {
    pub(super) fn new(inbox: Receiver<Mail>, clock: Clock, notify: Notify, address: Address) -> Self {
        Worker {
            inbox,
            clock,
            notify,
            address,
            guests: Vec::new(),
            index: HashMap::new(),
            ready: Vec::new(),
            strangers: HashMap::new(),
            drains: Vec::new(),
        }
    }

    pub(super) fn run(mut self) {
        let (mut beat, mut loads) = (Instant::now(), Instant::now());
        let mut waits = false;
        loop {
            let mail = if waits {
                self.inbox.try_recv().map_err(|error| match error {
                    std::sync::mpsc::TryRecvError::Empty => RecvTimeoutError::Timeout,
                    std::sync::mpsc::TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
                })
            } else {
                self.inbox.recv_timeout(BEAT)
            };
            match mail {
                Ok(mail) => {
                    // Whatever else has come goes into the seats' queues first: they know their bounds.
                    if !self.work(mail) || !self.empty_inbox() {
                        return;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if beat.elapsed() >= BEAT {
                beat = Instant::now();
                let now = (self.clock)();
                self.ready.clear();
                for guest in &mut self.guests {
                    guest.seat.advance(now);
                    guest.ready = true;
                    self.ready.push(guest.id);
                }
            }
            if loads.elapsed() >= LOADS {
                loads = Instant::now();
                if !self.look_at_loads() {
                    return;
                }
            }
            self.serve();
            waits = !self.ready.is_empty();
            if !waits && !self.drains.is_empty() && self.guests.iter().all(|guest| guest.seat.is_quiet()) {
                for drained in self.drains.drain(..) {
                    // Whoever asked may have stopped waiting.
                    let _ = drained.send(());
                }
            }
        }
    }

    /// One call for each that is due; who still has something to do afterwards stays ready.
    fn serve(&mut self) {
        for id in std::mem::take(&mut self.ready) {
            // Who was sent away is ready elsewhere.
            let Some(guest) = self.index.get(&id).and_then(|at| self.guests.get_mut(*at)) else { continue };
            guest.ready = false;
            if guest.seat.is_due() {
                guest.seat.run(usize::MAX);
                if guest.seat.is_due() {
                    guest.ready = true;
                    self.ready.push(id);
                }
            }
            tell(&self.notify, guest);
        }
    }

    /// False when the worker is to end.
    fn empty_inbox(&mut self) -> bool {
        while let Ok(mail) = self.inbox.try_recv() {
            if !self.work(mail) {
                return false;
            }
        }
        true
    }

    /// Moves whoever has been above its share for long to the slow, and back. False when the worker is to end.
    fn look_at_loads(&mut self) -> bool {
        let slow = self.address.all.len().saturating_sub(1);
        let among_slow = self.address.number == slow && slow > 0;
        let alone = self.guests.len() < 2;
        let mut moves = Vec::new();
        for guest in &mut self.guests {
            let (percent, share) = guest.seat.load();
            let above = percent > share;
            guest.heavy = if above { guest.heavy.saturating_add(1) } else { 0 };
            guest.calm = if percent.saturating_mul(2) < share { guest.calm.saturating_add(1) } else { 0 };
            if !among_slow && !alone && guest.heavy >= HEAVY {
                moves.push((guest.id, slow));
            }
            if among_slow && guest.calm >= CALM {
                let home = usize::try_from(guest.id.0).unwrap_or(0) % slow.max(1);
                moves.push((guest.id, home));
            }
        }
        moves.into_iter().all(|(id, to)| self.send_away(id, to))
    }

    /// Sends a seat to another worker; no event is lost or overtakes another.
    fn send_away(&mut self, id: SeatId, to: usize) -> bool {
        let Some(there) = self.address.all.get(to).cloned().filter(|_| to != self.address.number) else { return true };
        // Mail is sent under the same lock: what was addressed here is here now, the rest goes there.
        self.address.places.write().unwrap_or_else(PoisonError::into_inner).insert(id, to);
        if !self.empty_inbox() {
            return false;
        }
        let Some(at) = self.index.remove(&id) else { return true };
        let mut guest = self.guests.swap_remove(at);
        if let Some(moved) = self.guests.get(at) {
            self.index.insert(moved.id, at);
        }
        (guest.heavy, guest.calm) = (0, 0);
        let name = guest.seat.name().to_owned();
        let slow = to.saturating_add(1) == self.address.all.len();
        drop(there.send((Some(id), Job::Arrive { guest: Box::new(guest) })));
        (self.notify)(FleetEvent::Moved { name, slow });
        true
    }

    fn take_in(&mut self, mut guest: Guest) {
        let id = guest.id;
        guest.ready = true;
        self.ready.push(id);
        self.index.insert(id, self.guests.len());
        self.guests.push(guest);
        for job in self.strangers.remove(&id).unwrap_or_default() {
            self.for_seat(id, job);
        }
    }

    /// False when the worker is to end.
    fn work(&mut self, (id, job): Mail) -> bool {
        if let Some(id) = id {
            self.for_seat(id, job);
            return true;
        }
        match job {
            Job::Report { reply } => {
                // A seat whose only file was refused has nothing to report.
                let open = self.guests.iter().filter(|guest| guest.seat.state() != SeatState::Empty);
                drop(reply.send(open.map(|guest| guest.seat.report()).collect()));
            }
            Job::Drain { reply } => self.drains.push(reply),
            Job::Stop { now } => {
                for guest in &mut self.guests {
                    if !matches!(guest.seat.state(), SeatState::Removed) {
                        guest.seat.stop(now, StopReason::HostShutdown);
                    }
                    tell(&self.notify, guest);
                }
            }
            Job::End => return false,
            // All others are for a seat.
            _ => {}
        }
        true
    }

    fn for_seat(&mut self, id: SeatId, job: Job) {
        match job {
            Job::Open { seat } => {
                return self.take_in(Guest { id, seat, heavy: 0, calm: 0, faults: 0, watches: None, ready: false });
            }
            Job::Arrive { guest } => return self.take_in(*guest),
            _ => {}
        }
        let Some(guest) = self.index.get(&id).and_then(|at| self.guests.get_mut(*at)) else {
            self.strangers.entry(id).or_default().push(job);
            return;
        };
        if !std::mem::replace(&mut guest.ready, true) {
            self.ready.push(id);
        }
        let seat = guest.seat.as_mut();
        match job {
            Job::Deliver { ts, body, arrived } => seat.push_arrived(ts, body, Some(arrived)),
            Job::Load { plugin, parameters, settings, instance, note, now, reply } => {
                seat.set(settings);
                let language = plugin.manifest().language.clone();
                let (was, before) = (seat.state(), seat.life().generation());
                let started = Instant::now();
                let result = seat.offer(now, plugin, parameters, instance.map(|instance| *instance), note);
                let (pause, generation) = (started.elapsed(), seat.life().generation());
                let name = seat.name().to_owned();
                if result.is_ok() {
                    (self.notify)(if generation == before {
                        FleetEvent::Watching { name }
                    } else if was == SeatState::Running {
                        FleetEvent::Reloaded { name, generation, pause }
                    } else {
                        FleetEvent::Loaded { name, generation, language }
                    });
                }
                drop(reply.send(result));
                // A generation that watches must be known before its first event: one turn may be all of its phase.
                tell(&self.notify, guest);
            }
            Job::Set { settings } => seat.set(settings),
            Job::Refused { why, now } => seat.note_refused(now, why),
            Job::Command { input, now, reply } => drop(reply.send(seat.command(now, input))),
            Job::History { reply } => drop(reply.send(seat.history())),
            Job::Remove { now } => {
                seat.stop(now, StopReason::Removed);
                let name = seat.name().to_owned();
                tell(&self.notify, guest);
                (self.notify)(FleetEvent::Removed { name });
            }
            // All others are for the worker itself.
            _ => {}
        }
    }
}

/// What a plugin wrote and did.
fn tell(notify: &Notify, guest: &mut Guest) {
    let seat = guest.seat.as_mut();
    if seat.has_log() {
        for (level, message) in seat.take_log() {
            notify(FleetEvent::Log { name: seat.name().to_owned(), level, message });
        }
    }
    let watches = seat.life().watching();
    if let Some(generation) = guest.watches.filter(|number| watches != Some(*number)) {
        let came_to = seat.life().history().find(|known| known.number == generation);
        let name = seat.name().to_owned();
        match came_to.map(|known| (known.state, known.note.clone())) {
            // Not yet decided.
            Some((GenerationState::Warming, _)) => {}
            Some((GenerationState::Running, _)) => {
                guest.watches = None;
                notify(FleetEvent::Taken { name, generation });
            }
            Some((_, reason)) => {
                guest.watches = None;
                notify(FleetEvent::NotTaken { name, generation, reason });
            }
            None => guest.watches = None,
        }
    }
    if watches.is_some() {
        guest.watches = watches;
    }
    let faults = seat.life().faults();
    if faults == guest.faults {
        return;
    }
    guest.faults = faults;
    let (name, reason) = (seat.name().to_owned(), seat.last_fault().to_owned());
    notify(match seat.state() {
        SeatState::Quarantined => FleetEvent::Quarantined { name, reason },
        // The generation before came back.
        SeatState::Running => FleetEvent::RolledBack { name, generation: seat.life().generation(), reason },
        _ => FleetEvent::Faulted { name, reason },
    });
}

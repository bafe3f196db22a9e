//! One thread with the seats that are pinned to it. It first empties its inbox, then lets
//! each seat handle one batch, and so on; when nothing waits, it sleeps until the next
//! job or timer.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use ringfence_model::strategy::{StopReason, Value};
use ringfence_model::{EventBody, SeatId, Timestamp};

use super::{Clock, FleetEvent, Notify};
use crate::admission::Plugin;
use crate::refusal::Refusal;
use crate::seat::{Ran, Seat, SeatReport, SeatState};

/// Timers are looked at this often while nothing happens.
const BEAT: Duration = Duration::from_millis(5);

/// What a worker is asked to do. Jobs are done in their order.
pub(super) enum Job {
    Deliver {
        seat: SeatId,
        ts: Timestamp,
        body: EventBody,
    },
    Open {
        id: SeatId,
        seat: Box<Seat>,
    },
    Load {
        name: String,
        plugin: Arc<Plugin>,
        parameters: Vec<(String, Value)>,
        now: Timestamp,
        reply: Sender<Result<(), Refusal>>,
    },
    Remove {
        name: String,
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

pub(super) struct Worker {
    inbox: Receiver<Job>,
    clock: Clock,
    notify: Notify,
    seats: Vec<(SeatId, Box<Seat>)>,
    drains: Vec<Sender<()>>,
}

impl Worker {
    pub(super) fn new(inbox: Receiver<Job>, clock: Clock, notify: Notify) -> Self {
        Worker { inbox, clock, notify, seats: Vec::new(), drains: Vec::new() }
    }

    pub(super) fn run(mut self) {
        let mut beat = Instant::now();
        let mut waits = false;
        loop {
            let job = if waits {
                self.inbox.try_recv().map_err(|error| match error {
                    std::sync::mpsc::TryRecvError::Empty => RecvTimeoutError::Timeout,
                    std::sync::mpsc::TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
                })
            } else {
                self.inbox.recv_timeout(BEAT)
            };
            match job {
                Ok(job) => {
                    if !self.work(job) {
                        return;
                    }
                    // Whatever else has come goes into the seats' queues first: they know their bounds.
                    while let Ok(job) = self.inbox.try_recv() {
                        if !self.work(job) {
                            return;
                        }
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if beat.elapsed() >= BEAT {
                beat = Instant::now();
                let now = (self.clock)();
                self.seats.iter_mut().for_each(|(_, seat)| seat.advance(now));
            }
            waits = false;
            for (_, seat) in &mut self.seats {
                let ran = seat.run(usize::MAX);
                waits |= ran.left > 0;
                tell(&self.notify, seat, ran);
            }
            if !waits {
                for drained in self.drains.drain(..) {
                    // Whoever asked may have stopped waiting.
                    let _ = drained.send(());
                }
            }
        }
    }

    fn seat(&mut self, name: &str) -> Option<&mut Seat> {
        self.seats.iter_mut().map(|(_, seat)| seat.as_mut()).find(|seat| seat.name() == name)
    }

    /// False when the worker is to end.
    fn work(&mut self, job: Job) -> bool {
        match job {
            Job::Deliver { seat, ts, body } => {
                if let Some((_, seat)) = self.seats.iter_mut().find(|(id, _)| *id == seat) {
                    seat.push(ts, body);
                }
            }
            Job::Open { id, seat } => self.seats.push((id, seat)),
            Job::Load { name, plugin, parameters, now, reply } => {
                let notify = Arc::clone(&self.notify);
                let Some(seat) = self.seat(&name) else { return true };
                let was = seat.state();
                let language = plugin.manifest().language.clone();
                let started = Instant::now();
                let result = seat.start(now, plugin, parameters);
                let pause = started.elapsed();
                if result.is_ok() {
                    let generation = seat.report().generation;
                    let event = if was == SeatState::Running {
                        FleetEvent::Reloaded { name, generation, pause }
                    } else {
                        FleetEvent::Loaded { name, generation, language }
                    };
                    notify(event);
                }
                drop(reply.send(result));
            }
            Job::Remove { name, now } => {
                let notify = Arc::clone(&self.notify);
                if let Some(seat) = self.seat(&name) {
                    seat.stop(now, StopReason::Removed);
                    notify(FleetEvent::Removed { name });
                }
            }
            Job::Report { reply } => {
                // A seat whose only file was refused has nothing to report.
                let open = self.seats.iter().filter(|(_, seat)| seat.state() != SeatState::Empty);
                let reports = open.map(|(_, seat)| seat.report()).collect();
                drop(reply.send(reports));
            }
            Job::Drain { reply } => self.drains.push(reply),
            Job::Stop { now } => {
                for (_, seat) in &mut self.seats {
                    if !matches!(seat.state(), SeatState::Removed) {
                        seat.stop(now, StopReason::HostShutdown);
                    }
                    tell(&self.notify, seat, Ran { consumed: 0, fault: None, left: 0 });
                }
            }
            Job::End => return false,
        }
        true
    }
}

/// What a plugin wrote and did.
fn tell(notify: &Notify, seat: &mut Seat, ran: Ran) {
    for (level, message) in seat.take_log() {
        notify(FleetEvent::Log { name: seat.name().to_owned(), level, message });
    }
    if let Some(reason) = ran.fault {
        let name = seat.name().to_owned();
        notify(match seat.state() {
            SeatState::Quarantined => FleetEvent::Quarantined { name, reason },
            _ => FleetEvent::Faulted { name, reason },
        });
    }
}

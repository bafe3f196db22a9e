//! The machine under any order of files, faults, time and operators' words.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Offer { fails: bool },
    Handle(usize),
    Compare(usize, usize),
    Fault(bool),
    Slow,
    Wait(u64),
    Pause,
    Resume,
    Rollback,
    Remove,
    ShadowFails,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<bool>().prop_map(|fails| Step::Offer { fails }),
        6 => (0usize..40).prop_map(Step::Handle),
        3 => (0usize..40, 0usize..3).prop_map(|(events, differences)| Step::Compare(events, differences)),
        3 => any::<bool>().prop_map(Step::Fault),
        2 => Just(Step::Slow),
        4 => (0u64..120).prop_map(Step::Wait),
        1 => Just(Step::Pause),
        2 => Just(Step::Resume),
        1 => Just(Step::Rollback),
        1 => Just(Step::Remove),
        1 => Just(Step::ShadowFails),
    ]
}

/// What a seat would hold after the actions: the running, the waiting and the watching instance.
#[derive(Debug, Default)]
struct Shell {
    running: bool,
    waiting: bool,
    watching: bool,
    archived: u32,
}

impl Shell {
    fn act(&mut self, life: &mut Life, now: Timestamp, input: Input, fails: bool) -> Result<(), TestCaseError> {
        let mut todo: VecDeque<Action> = life.step(now, input).into();
        let mut rounds = 0;
        while let Some(action) = todo.pop_front() {
            rounds += 1;
            prop_assert!(rounds < 50, "it ends");
            let made = if fails { Err("no".to_owned()) } else { Ok(()) };
            let answer = match action {
                Action::Warm => Some(Input::Made(made)),
                Action::Shadow => {
                    prop_assert!(!self.watching && self.running, "one watches beside one that runs");
                    self.watching = !fails;
                    Some(Input::Made(made))
                }
                Action::DropShadow => {
                    prop_assert!(std::mem::take(&mut self.watching));
                    None
                }
                Action::Swap { keep } => {
                    prop_assert!(!self.waiting, "the one before was let go first");
                    prop_assert!(!keep || self.running, "only one that runs can wait");
                    self.waiting = keep;
                    self.running = true;
                    self.archived += 1;
                    None
                }
                Action::LetGo => {
                    prop_assert!(std::mem::take(&mut self.waiting));
                    None
                }
                Action::Back => {
                    prop_assert!(std::mem::take(&mut self.waiting) && !self.running);
                    self.running = true;
                    None
                }
                Action::Drop => {
                    prop_assert!(std::mem::take(&mut self.running));
                    None
                }
                Action::EndOrders | Action::OfferAgain(_) => None,
                Action::Restart => {
                    self.running |= !fails || self.running;
                    let restarted = if self.running { Ok(()) } else { Err("no".to_owned()) };
                    // A restart that failed drops an instance that is not there: the seat's drop is idempotent.
                    self.running = true;
                    Some(Input::Restarted(restarted))
                }
                Action::Shutdown(_) => {
                    self.running = false;
                    None
                }
            };
            if let Some(answer) = answer {
                todo.extend(life.step(now, answer));
            }
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn whatever_happens_the_books_agree(
        probation in 0usize..60,
        shadow in 0usize..60,
        steps in prop::collection::vec((step(), any::<bool>()), 1..120),
    ) {
        let mut life = Life::new(Rules { strikes: 3, probation, shadow, differences: Some(2) });
        let (mut shell, mut now, mut hash) = (Shell::default(), Timestamp(1_000_000), 0u8);
        for (step, fails) in steps {
            let faults = life.faults();
            let (strikes, was) = (life.strikes(now), life.state());
            let serves = life.state() == SeatState::Running;
            let input = match step {
                Step::Offer { .. } => {
                    hash = hash.wrapping_add(1);
                    Input::Offer { version: hash.to_string(), hash: [hash; 32], note: String::new() }
                }
                Step::Handle(events) if serves => Input::Handled(events),
                Step::Compare(events, differences) if life.has_shadow() => Input::Compared { events, differences },
                Step::ShadowFails => Input::ShadowFailed("no".to_owned()),
                Step::Fault(host) if serves => {
                    let kind = if host { FaultKind::Host } else { FaultKind::Trap };
                    Input::Fault { kind, what: "trap".to_owned() }
                }
                Step::Slow => Input::Slow { quarters: 1, what: "slow".to_owned() },
                Step::Wait(seconds) => {
                    now = now.plus(Micros::from_secs(seconds));
                    Input::Time
                }
                Step::Pause => Input::Pause,
                Step::Resume => Input::Resume,
                Step::Rollback => Input::Rollback,
                Step::Remove => Input::End(StopReason::Removed),
                _ => continue,
            };
            let fails = matches!(step, Step::Offer { fails: true }) || (fails && !matches!(step, Step::Offer { .. }));
            let (resumes, waits) = (matches!(step, Step::Resume), matches!(step, Step::Wait(_)));
            shell.act(&mut life, now, input, fails)?;

            prop_assert_eq!(shell.waiting, life.on_trial());
            prop_assert_eq!(shell.watching, life.has_shadow());
            if life.state() == SeatState::Running {
                prop_assert!(shell.running, "who runs has an instance");
            }
            if matches!(life.state(), SeatState::Removed | SeatState::Quarantined) {
                prop_assert!(!life.on_trial() && !life.has_shadow());
            }
            if life.state() == SeatState::Restarting {
                prop_assert!(life.restart_at().is_some(), "it will be restarted");
            }
            let running = life.history().filter(|one| one.state == GenerationState::Running).count();
            prop_assert!(running <= 1);
            let draining = life.history().filter(|one| one.state == GenerationState::Draining).count();
            prop_assert_eq!(draining, usize::from(life.on_trial()));
            let forgives = resumes && was == SeatState::Quarantined;
            if !waits && !forgives {
                prop_assert!(life.strikes(now) >= strikes, "strikes go by time or by an operator's word only");
            }
            prop_assert!(life.faults() >= faults);
            prop_assert!(life.history().count() <= HISTORY);
            if life.state() == SeatState::Running && was == SeatState::Quarantined {
                prop_assert!(matches!(step, Step::Resume | Step::Offer { .. }), "{:?} ends no quarantine", step);
            }
        }
    }
}

#[test]
fn backoff_doubles_and_is_forgiven_by_health() {
    let mut life = Life::new(Rules { strikes: 100, probation: 0, shadow: 0, differences: None });
    let mut now = Timestamp(1_000_000);
    life.step(now, Input::Offer { version: "1".to_owned(), hash: [1; 32], note: String::new() });
    life.step(now, Input::Made(Ok(())));
    let fault = |life: &mut Life, now: &mut Timestamp| {
        life.step(*now, Input::Fault { kind: FaultKind::Trap, what: String::new() });
        let at = life.restart_at().unwrap_or_default();
        let wait = at.since(*now).0 / 1_000_000;
        *now = at;
        assert_eq!(life.step(*now, Input::Time), [Action::Restart]);
        life.step(*now, Input::Restarted(Ok(())));
        wait
    };
    let waits: Vec<u64> = (0..8).map(|_| fault(&mut life, &mut now)).collect();
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    now = now.plus(HEALTHY);
    assert_eq!(fault(&mut life, &mut now), 1);
}

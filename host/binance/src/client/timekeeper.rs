//! Keeps the estimate of the venue's clock: at the start, every few minutes, when the venue
//! finds our time wrong, and when the machine was asleep or its clock was set.

use std::sync::Arc;
use std::time::Duration;

use ringfence_model::Timestamp;
use ringfence_wire::rest::{ServerTime, read};
use tokio::sync::watch;

use super::{ClientError, Shared, closed, lock};
use crate::clock::{Change, Estimate, JumpWatch};
use crate::limits::Requester;
use crate::request;

/// Round trips of one estimate.
pub(super) const SAMPLES: usize = 3;
/// How often the clock is looked at again.
const EVERY: Duration = Duration::from_secs(300);
/// How often it is looked whether the machine was asleep.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// What a machine's clock may be wrong before it is told: the venue takes no more, either.
pub(super) const WRONG_US: u64 = 1_000_000;

/// `1.5 s`, for people.
pub(crate) fn in_seconds(micros: u64) -> String {
    format!("{}.{:03} s", micros / 1_000_000, micros % 1_000_000 / 1_000)
}

impl Shared {
    /// One round trip.
    pub(super) async fn sample_clock(&self) -> Result<(), ClientError> {
        let sent = self.machine();
        let body = self.read(Requester::Host, "server time", &request::time(), false).await?;
        let time: ServerTime = read(&body)?;
        let received = self.machine();
        let venue = Timestamp::from_millis(time.server_time);
        let (change, doubt) = {
            let mut clock = lock(&self.clock);
            (clock.sample(sent, received, venue), clock.estimate(received).map(|estimate| estimate.doubt))
        };
        if let Some(doubt) = doubt {
            lock(&self.limits).set_margin(doubt);
        }
        match change {
            Change::None => {}
            Change::Jumped(by) => self.notice(format!(
                "a clock has jumped: the venue's is {} {} ours than before; taken over",
                in_seconds(by.unsigned_abs()),
                if by > 0 { "further ahead of" } else { "less ahead of" }
            )),
            Change::Drifts(ppm) => self.notice(format!(
                "this machine's clock runs {} s a day too {}; it is corrected, but look at its time service",
                ppm.unsigned_abs().saturating_mul(86_400) / 1_000_000,
                if ppm > 0 { "slow" } else { "fast" }
            )),
        }
        Ok(())
    }

    /// What is known of the venue's clock.
    pub(super) fn estimate(&self) -> Option<Estimate> {
        lock(&self.clock).estimate(self.machine())
    }

    /// The venue found our timestamp wrong: estimate again, soon.
    pub(super) fn mend_clock(&self) {
        self.notice("the venue finds our clock wrong; estimating its time again".to_owned());
        self.clock_wrong.notify_one();
    }
}

/// How this machine's clock differs from the venue's.
pub(crate) fn wrong_clock(estimate: &Estimate) -> String {
    format!(
        "this machine's clock is {} {} the venue's",
        in_seconds(estimate.offset_us.unsigned_abs()),
        if estimate.offset_us > 0 { "behind" } else { "ahead of" }
    )
}

/// The same, if it is worth telling.
pub(super) fn far_off(estimate: Estimate) -> Option<String> {
    (estimate.offset_us.unsigned_abs() > WRONG_US).then(|| wrong_clock(&estimate))
}

/// Runs until the client is closed.
pub(super) async fn run(shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let mut interval = tokio::time::interval(EVERY);
    interval.tick().await;
    let mut look = tokio::time::interval(LOOK_EVERY);
    let mut jumps = JumpWatch::default();
    loop {
        let (samples, again) = tokio::select! {
            biased;
            () = closed(&mut stopped) => return,
            () = shared.clock_wrong.notified() => (SAMPLES, true),
            _ = interval.tick() => (1, false),
            _ = look.tick() => {
                let Some(by) = jumps.look(shared.transport.unix_time(), shared.machine()) else {
                    continue;
                };
                shared.notice(format!(
                    "this machine was asleep or its clock was set (by {}); estimating the venue's time again",
                    in_seconds(by.unsigned_abs())
                ));
                (SAMPLES, true)
            }
        };
        if again {
            lock(&shared.clock).restart();
        }
        for _ in 0..samples {
            let sampled = tokio::select! {
                biased;
                () = closed(&mut stopped) => return,
                sampled = shared.sample_clock() => sampled,
            };
            if let Err(error) = sampled {
                shared.notice(format!("the venue's time can't be read: {error}"));
            }
        }
    }
}

//! Plays a recording at its own pace, or faster.

use std::sync::Arc;
use std::time::Duration;

use ringfence_model::venue::MarketData;
use ringfence_model::{Instrument, InstrumentId, Timestamp};
use ringfence_wire::stream::StreamParser;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::state::Shared;
use crate::recording::{Line, Recording, RecordingError, data_of, stream_of};

/// Lines that are read ahead.
const AHEAD: usize = 1_024;

pub(super) async fn play(shared: Arc<Shared>, recording: Recording, speed: f64, instruments: Vec<Instrument>) {
    let parser = StreamParser::new(&instruments).with_bare_snapshot(InstrumentId(0));
    let (read, mut lines) = mpsc::channel::<Result<Line, RecordingError>>(AHEAD);
    // Ends by itself when the player is gone: the channel is closed then.
    tokio::task::spawn_blocking(move || {
        for line in recording {
            if read.blocking_send(line).is_err() {
                return;
            }
        }
    });
    let mut begun = shared.lock().first_subscription();
    if begun.wait_for(|begun| *begun).await.is_err() {
        return;
    }
    let started = Instant::now();
    let mut first = None;
    // The recorder's clock may be behind the venue's. Nothing arrives before it was sent,
    // so the largest lead of a venue time is the least correction.
    let mut lead = 0;
    while let Some(line) = lines.recv().await {
        let line = match line {
            Ok(line) => line,
            Err(error) => {
                shared.lock().broken_line(error.to_string());
                continue;
            }
        };
        let first = *first.get_or_insert(line.received);
        let after = Duration::from_micros(line.received.since(first).0).as_secs_f64() / speed;
        let due = Duration::try_from_secs_f64(after).ok().and_then(|after| started.checked_add(after));
        if let Some(due) = due.filter(|due| *due > Instant::now()) {
            tokio::time::sleep_until(due).await;
        }
        let parsed = parser.parse(&line.raw);
        let sent_at = parsed.as_ref().ok().and_then(MarketData::sent);
        if let Some(sent_at) = sent_at {
            lead = sent_at.0.saturating_sub(line.received.0).max(lead);
        }
        let now = Timestamp(line.received.0.saturating_add(lead));
        let mut state = shared.lock();
        if let Err(error) = &parsed {
            state.broken_line(format!("line {}: {error}", line.number));
        }
        state.play(now, parsed.as_ref().ok(), &line.raw, stream_of(&line.raw), data_of(&line.raw));
    }
    shared.lock().finished = true;
}

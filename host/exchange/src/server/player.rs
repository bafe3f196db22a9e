//! Plays a recording when the exchange's clock gets there.

use std::path::PathBuf;
use std::sync::Arc;

use ringfence_model::venue::MarketData;
use ringfence_model::{Decimal, Instrument, InstrumentId, Timestamp};
use ringfence_wire::stream::StreamParser;
use tokio::sync::mpsc;

use super::state::Shared;
use crate::recording::{Recording, RecordingError, archive, data_of, stream_of};

/// Lines that are read ahead.
const AHEAD: usize = 1_024;

/// What is played.
#[derive(Debug)]
pub(super) enum Source {
    /// Raw messages of streams.
    Raw(Recording),
    /// A file of the venue's archive, and the tick of its symbol.
    Archive(PathBuf, Decimal),
}

/// One thing that happened.
#[derive(Debug)]
struct Happened {
    received: Timestamp,
    data: Option<MarketData>,
    /// The message that told it, if there was one.
    raw: Option<Vec<u8>>,
    /// What was wrong with that message.
    broken: Option<String>,
}

fn read(source: Source, instruments: &[Instrument], next: &mut dyn FnMut(Result<Happened, RecordingError>) -> bool) {
    match source {
        Source::Raw(recording) => {
            let parser = StreamParser::new(instruments).with_bare_snapshot(InstrumentId(0));
            for line in recording {
                let happened = line.map(|line| {
                    let parsed = parser.parse(&line.raw);
                    let broken = parsed.as_ref().err().map(|error| format!("line {}: {error}", line.number));
                    Happened { received: line.received, data: parsed.ok(), raw: Some(line.raw), broken }
                });
                if !next(happened) {
                    return;
                }
            }
        }
        Source::Archive(path, tick) => {
            let mut all = |row: Result<(Timestamp, MarketData), RecordingError>| {
                next(row.map(|(received, data)| Happened { received, data: Some(data), raw: None, broken: None }))
            };
            // It was opened before; what breaks later is told like a broken row.
            if let Err(error) = archive::read(&path, tick, &mut all) {
                next(Err(error));
            }
        }
    }
}

pub(super) async fn play(shared: Arc<Shared>, source: Source, instruments: Vec<Instrument>) {
    let (sender, mut lines) = mpsc::channel::<Result<Happened, RecordingError>>(AHEAD);
    // Ends by itself when the player is gone: the channel is closed then.
    tokio::task::spawn_blocking(move || {
        read(source, &instruments, &mut |line| sender.blocking_send(line).is_ok());
    });
    let mut begun = shared.lock().first_subscription();
    if begun.wait_for(|begun| *begun).await.is_err() {
        return;
    }
    shared.lock().begin();
    // The recorder's clock may be behind the venue's. Nothing arrives before it was sent,
    // so the largest lead of a venue time is the least correction.
    let mut lead = 0;
    while let Some(line) = lines.recv().await {
        let Happened { received, data, raw, broken } = match line {
            Ok(line) => line,
            Err(error) => {
                shared.lock().broken_line(error.to_string());
                continue;
            }
        };
        if let Some(sent_at) = data.as_ref().and_then(MarketData::sent) {
            lead = sent_at.0.saturating_sub(received.0).max(lead);
        }
        let due = Timestamp(received.0.saturating_add(lead));
        shared.lock().next_line(Some(due));
        shared.until(due).await;
        let mut state = shared.lock();
        if let Some(broken) = broken {
            state.broken_line(broken);
        }
        let raw = raw.as_deref().unwrap_or_default();
        state.play(due, data.as_ref(), raw, stream_of(raw), data_of(raw));
    }
    shared.lock().next_line(None);
}

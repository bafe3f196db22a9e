//! Depth snapshots for the depth streams of one connection: fetched when a stream has
//! begun, again when one failed, is older than its stream, or the stream has a gap.
//!
//! Source: Binance, "How to manage a local order book correctly", spot.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ringfence_model::InstrumentId;
use ringfence_model::event::{Book, DepthUpdate};
use ringfence_model::venue::{MarketData, VenueEvent};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use super::rest::SendError;
use super::{ClientError, Shared};
use crate::answer;
use crate::limits::Requester;
use crate::reconnect::Backoff;
use crate::request;

/// What is known of one depth stream.
struct Stream {
    /// First update since the beginning or the last gap: a snapshot must reach it.
    first: Option<u64>,
    /// All is known up to here.
    last: Option<u64>,
    fetch: Option<AbortHandle>,
    /// When the last snapshot fitted.
    fitted: Option<Instant>,
    backoff: Backoff,
    /// Answers for an earlier one of the same instrument mean nothing.
    generation: u64,
}

/// The end of a fetch: for whom, and the book or why not and how long to wait at least.
pub(super) type Fetched = (InstrumentId, u64, Result<Book, (String, Duration)>);

/// The depth streams of one connection. Its fetches end with it.
pub(super) struct Books {
    shared: Arc<Shared>,
    streams: HashMap<InstrumentId, Stream>,
    /// Under way.
    pub(super) fetches: JoinSet<Fetched>,
    generation: u64,
}

impl Books {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Books { shared, streams: HashMap::new(), fetches: JoinSet::new(), generation: 0 }
    }

    /// A depth stream was asked for: from now on there may be updates.
    pub(super) fn asked(&mut self, id: InstrumentId) {
        self.ended(id);
        self.generation = self.generation.saturating_add(1);
        let (backoff, generation) = (Backoff::new(self.shared.machine().0), self.generation);
        let stream = Stream { first: None, last: None, fetch: None, fitted: None, backoff, generation };
        self.streams.insert(id, stream);
    }

    /// The venue has begun the stream: a snapshot can't miss what comes after it any more.
    pub(super) fn begun(&mut self, id: InstrumentId) {
        self.fetch(id, Duration::ZERO);
    }

    /// Another snapshot is needed, if none is on its way: somebody came later, or something is missing.
    pub(super) fn again(&mut self, id: InstrumentId) {
        let Some(stream) = self.streams.get_mut(&id).filter(|stream| stream.fetch.is_none()) else {
            return;
        };
        if let Some(fitted) = stream.fitted.take() {
            stream.backoff.lasted(fitted.elapsed());
        }
        self.fetch(id, Duration::ZERO);
    }

    pub(super) fn ended(&mut self, id: InstrumentId) {
        if let Some(Stream { fetch: Some(fetch), .. }) = self.streams.remove(&id) {
            fetch.abort();
        }
    }

    /// An update came.
    pub(super) fn update(&mut self, update: &DepthUpdate) {
        let Some(stream) = self.streams.get_mut(&update.instrument) else {
            return;
        };
        let gap = stream.last.is_some_and(|last| update.first_update_id > last.saturating_add(1));
        if gap || stream.first.is_none() {
            stream.first = Some(update.first_update_id);
        }
        stream.last = stream.last.max(Some(update.last_update_id));
        if gap {
            self.again(update.instrument);
        }
    }

    /// A fetch has ended.
    pub(super) fn fetched(&mut self, (id, generation, result): Fetched) {
        let Some(stream) = self.streams.get_mut(&id).filter(|stream| stream.generation == generation) else {
            return;
        };
        stream.fetch = None;
        let (why, wait) = match result {
            Ok(book) => match stream.first.filter(|first| book.last_update_id.saturating_add(1) < *first) {
                None => {
                    stream.last = stream.last.max(Some(book.last_update_id));
                    stream.fitted = Some(Instant::now());
                    self.shared.tell(VenueEvent::Market(MarketData::Book { ts: None, book }));
                    return;
                }
                Some(first) => {
                    let why =
                        format!("update {} is older than the stream, which begins at {first}", book.last_update_id);
                    (why, Duration::ZERO)
                }
            },
            Err(failure) => failure,
        };
        let symbol = self.shared.instruments.iter().find(|known| known.id == id).map(|known| known.symbol.as_str());
        self.shared.notice(format!("{}: no book yet: {why}", symbol.unwrap_or("?")));
        self.fetch(id, wait);
    }

    /// The first one at once, more of them with growing waits.
    fn fetch(&mut self, id: InstrumentId, at_least: Duration) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        let first = stream.backoff.attempts() == 0;
        let wait = stream.backoff.wait();
        let wait = if first { at_least } else { wait.max(at_least) };
        let (shared, generation) = (Arc::clone(&self.shared), stream.generation);
        let task = async move {
            tokio::time::sleep(wait).await;
            (id, generation, shared.book(id).await)
        };
        stream.fetch = Some(self.fetches.spawn(task));
    }
}

impl Shared {
    async fn book(&self, id: InstrumentId) -> Result<Book, (String, Duration)> {
        let told = |error: ClientError| {
            let wait = match &error {
                ClientError::Send { source: SendError::Limited { retry_after, .. }, .. } => retry_after.0,
                _ => 0,
            };
            (error.to_string(), Duration::from_micros(wait))
        };
        let instrument = self.instruments.iter().find(|known| known.id == id);
        let instrument = instrument.ok_or_else(|| ("not among the symbols".to_owned(), Duration::ZERO))?;
        let body = self
            .read(Requester::Host, "depth snapshot", &request::depth(&instrument.symbol), false)
            .await
            .map_err(told)?;
        answer::depth(instrument, &body).map_err(|error| told(error.into()))
    }
}

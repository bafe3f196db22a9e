//! What waits for a plugin. Orders, fills, timers and the rest always find room; market
//! data beyond the limit is conflated (quotes, books, tickers, klines: the newest counts)
//! or counted and told as a gap (trades, depth updates).

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use ringfence_model::event::GapReason;
use ringfence_model::{EventBody, InstrumentId, StreamKind, Timestamp};

/// Market events that may wait for a plugin that uses too much of a core.
const NARROW: usize = 64;

type Feed = (InstrumentId, StreamKind);

/// An event that waits.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) ts: Timestamp,
    pub(crate) body: EventBody,
    /// When it reached the host's plugins; not in virtual time.
    pub(crate) arrived: Option<Instant>,
}

#[derive(Debug)]
pub(crate) struct Queue {
    limit: usize,
    /// Room that is left to market data while its plugin uses too much of a core.
    narrow: bool,
    /// Events that are not market data.
    others: usize,
    items: VecDeque<Item>,
    /// What was left out of each feed since the queue was full.
    missed: BTreeMap<Feed, u64>,
    latest: BTreeMap<Feed, Item>,
}

/// The feed of a market event, and whether its newest event says all.
fn feed(body: &EventBody) -> Option<(Feed, bool)> {
    Some(match body {
        EventBody::Trade(trade) => ((trade.instrument, StreamKind::Trades), false),
        EventBody::AggregateTrade(trade) => ((trade.instrument, StreamKind::AggregateTrades), false),
        EventBody::Depth(update) => ((update.instrument, StreamKind::Depth), false),
        EventBody::Quote(quote) => ((quote.instrument, StreamKind::Quotes), true),
        EventBody::Book(book) => ((book.instrument, StreamKind::Book(book.best.unwrap_or(0))), true),
        EventBody::Kline(kline) => ((kline.instrument, StreamKind::Klines(kline.interval)), !kline.closed),
        EventBody::Ticker(ticker) => ((ticker.instrument, StreamKind::Ticker), true),
        _ => return None,
    })
}

impl Queue {
    pub(crate) fn new(limit: usize) -> Self {
        Queue {
            limit,
            narrow: false,
            others: 0,
            items: VecDeque::new(),
            missed: BTreeMap::new(),
            latest: BTreeMap::new(),
        }
    }

    /// Sets the room anew; what waits already stays.
    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// With or without the narrow room of a plugin that uses too much of a core.
    pub(crate) fn set_narrow(&mut self, narrow: bool) {
        self.narrow = narrow;
    }

    /// Whether something waits that is not market data.
    pub(crate) const fn has_others(&self) -> bool {
        self.others > 0
    }

    /// Takes out the timers that nobody knows any more.
    pub(crate) fn drop_timers(&mut self, unknown: impl Fn(u64) -> bool) {
        self.items.retain(|item| !matches!(item.body, EventBody::Timer(id) if unknown(id)));
        self.others = self.items.iter().filter(|item| feed(&item.body).is_none()).count();
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len().saturating_add(self.missed.len()).saturating_add(self.latest.len())
    }

    fn sheds(&self) -> bool {
        !(self.missed.is_empty() && self.latest.is_empty())
    }

    pub(crate) fn push(&mut self, item: Item) {
        // Once it sheds, it goes on until half of the room is free, so that gaps are few.
        let limit = if self.narrow { self.limit.min(NARROW) } else { self.limit };
        let full = self.items.len() >= if self.sheds() { limit / 2 } else { limit };
        match feed(&item.body) {
            Some(_) if full => self.miss(item),
            Some(_) => {
                self.tell(item.ts);
                self.items.push_back(item);
            }
            None => {
                self.others = self.others.saturating_add(1);
                self.items.push_back(item);
            }
        }
    }

    /// Keeps the newest of market data that there is no room or nobody for, or counts it.
    pub(crate) fn miss(&mut self, item: Item) {
        if let Some((feed, newest_says_all)) = feed(&item.body) {
            if newest_says_all {
                self.latest.insert(feed, item);
            } else {
                let missed = self.missed.entry(feed).or_default();
                *missed = missed.saturating_add(1);
            }
        }
    }

    /// Puts what was shed in its place: gaps, then the newest of each conflated feed.
    fn tell(&mut self, ts: Timestamp) {
        for ((instrument, stream), missed) in std::mem::take(&mut self.missed) {
            let reason = GapReason::SlowConsumer;
            self.others = self.others.saturating_add(2);
            for body in [
                EventBody::FeedGap { instrument, stream, reason, missed },
                EventBody::FeedResumed { instrument, stream },
            ] {
                self.items.push_back(Item { ts, body, arrived: None });
            }
        }
        self.items.extend(std::mem::take(&mut self.latest).into_values());
    }

    pub(crate) fn pop(&mut self) -> Option<Item> {
        if self.items.is_empty() && self.sheds() {
            let ts = self.latest.values().map(|item| item.ts).max().unwrap_or_default();
            self.tell(ts);
        }
        let item = self.items.pop_front();
        if item.as_ref().is_some_and(|item| feed(&item.body).is_none()) {
            self.others = self.others.saturating_sub(1);
        }
        item
    }

    /// What is next, without taking it.
    pub(crate) fn peek(&self) -> Option<&EventBody> {
        self.items.front().map(|item| &item.body)
    }

    /// Back to the front: it was not handled.
    pub(crate) fn put_back(&mut self, item: Item) {
        self.others = self.others.saturating_add(usize::from(feed(&item.body).is_none()));
        self.items.push_front(item);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ringfence_model::event::{Quote, Trade};
    use ringfence_model::{Decimal, Side};

    fn trade(id: u64) -> EventBody {
        EventBody::Trade(Trade {
            instrument: InstrumentId(0),
            id,
            price: Decimal::ONE,
            quantity: Decimal::ONE,
            aggressor: Side::Buy,
        })
    }

    fn quote(number: u64) -> EventBody {
        let price = Decimal::from(number);
        EventBody::Quote(Quote {
            instrument: InstrumentId(0),
            bid_price: price,
            bid_quantity: price,
            ask_price: price,
            ask_quantity: price,
        })
    }

    fn item(number: u64, body: EventBody) -> Item {
        Item { ts: Timestamp(number), body, arrived: None }
    }

    proptest! {
        /// Whoever is slow: timers all come, in order; each trade comes or is counted as missed
        /// exactly where it is missing; the last quote always comes.
        #[test]
        fn nothing_is_lost_in_silence(limit in 2usize..20, steps in prop::collection::vec((0u8..4, 1usize..6), 1..300)) {
            let mut queue = Queue::new(limit);
            let (mut number, mut timers, mut trades, mut quotes) = (0u64, 0u64, 0u64, 0u64);
            let (mut next_timer, mut next_trade, mut last_quote) = (1u64, 1u64, 0u64);
            let mut check = |body: EventBody| -> Result<(), TestCaseError> {
                match body {
                    EventBody::Timer(id) => { prop_assert_eq!(id, next_timer); next_timer += 1; }
                    EventBody::Trade(trade) => { prop_assert_eq!(trade.id, next_trade); next_trade += 1; }
                    EventBody::FeedGap { missed, .. } => next_trade += missed,
                    EventBody::Quote(quote) => {
                        let number = u64::try_from(quote.bid_price).unwrap();
                        prop_assert!(number > last_quote);
                        last_quote = number;
                    }
                    _ => {}
                }
                Ok(())
            };
            for (kind, count) in steps {
                for _ in 0..count {
                    number += 1;
                    match kind {
                        0 => { timers += 1; queue.push(item(number, EventBody::Timer(timers))); }
                        1 => { trades += 1; queue.push(item(number, trade(trades))); }
                        2 => { quotes += 1; queue.push(item(number, quote(quotes))); }
                        _ => if let Some(item) = queue.pop() { check(item.body)?; },
                    }
                }
            }
            while let Some(item) = queue.pop() { check(item.body)?; }
            prop_assert_eq!((next_timer - 1, next_trade - 1, last_quote), (timers, trades, quotes));
        }
    }
}

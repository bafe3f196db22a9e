//! What one plugin has seen of the market: last prices, best quotes, books. It knows
//! nothing that the plugin was not told, so a batch of any size sees the same.

use std::collections::HashMap;

use ringfence_model::event::{Book, Quote};
use ringfence_model::{Decimal, Event, EventBody, InstrumentId, Side, StreamKind, Timestamp};

use crate::book::LocalBook;

/// One instrument as seen.
#[derive(Debug, Clone)]
struct Seen {
    last: Option<Decimal>,
    quote: Option<(Timestamp, Quote)>,
    book: LocalBook,
}

/// The market as one plugin has seen it.
#[derive(Debug, Clone, Default)]
pub struct Board {
    seen: HashMap<InstrumentId, Seen>,
}

impl Board {
    fn seen(&mut self, instrument: InstrumentId) -> &mut Seen {
        self.seen.entry(instrument).or_insert_with(|| Seen {
            last: None,
            quote: None,
            book: LocalBook::new(instrument),
        })
    }

    /// Takes a market event in; others are ignored.
    pub fn apply(&mut self, event: &Event) {
        match &event.body {
            EventBody::Trade(trade) | EventBody::AggregateTrade(trade) => {
                self.seen(trade.instrument).last = Some(trade.price);
            }
            EventBody::Quote(quote) => self.seen(quote.instrument).quote = Some((event.ts, *quote)),
            EventBody::Depth(update) => drop(self.seen(update.instrument).book.update(update)),
            EventBody::Book(book) => self.seen(book.instrument).book.snapshot(book),
            EventBody::Kline(kline) => {
                let seen = self.seen(kline.instrument);
                seen.last = seen.last.or(Some(kline.close));
            }
            EventBody::Ticker(ticker) => {
                let seen = self.seen(ticker.instrument);
                seen.last = seen.last.or(Some(ticker.last));
            }
            EventBody::Fill(fill) => {
                let seen = self.seen(fill.instrument);
                seen.last = seen.last.or(Some(fill.price));
            }
            EventBody::FeedGap { instrument, stream, .. } => match stream {
                StreamKind::Quotes => self.seen(*instrument).quote = None,
                StreamKind::Depth | StreamKind::Book(_) => self.seen(*instrument).book.lose(),
                _ => {}
            },
            _ => {}
        }
    }

    /// The book is none until the next snapshot.
    pub fn lose_book(&mut self, instrument: InstrumentId) {
        if let Some(seen) = self.seen.get_mut(&instrument) {
            seen.book.lose();
        }
    }

    /// The newest quote.
    pub fn quote(&self, instrument: InstrumentId) -> Option<(Timestamp, Quote)> {
        self.seen.get(&instrument)?.quote
    }

    /// The best levels of the book; `None` while it is not in sync.
    pub fn book(&self, instrument: InstrumentId, levels: usize) -> Option<Book> {
        self.seen.get(&instrument)?.book.top(levels)
    }

    /// Last price: a trade's, or else the middle of the quote or book.
    pub fn last_price(&self, instrument: InstrumentId) -> Option<Decimal> {
        let seen = self.seen.get(&instrument)?;
        let middle = |bid: Decimal, ask: Decimal| bid.checked_add(ask)?.checked_div(Decimal::TWO);
        seen.last.or_else(|| seen.quote.and_then(|(_, quote)| middle(quote.bid_price, quote.ask_price))).or_else(|| {
            let book = seen.book.top(1)?;
            middle(book.bids.first()?.price, book.asks.first()?.price)
        })
    }

    /// The price that a market order meets first, as far as is known.
    pub fn touch(&self, instrument: InstrumentId, side: Side) -> Option<Decimal> {
        let of = |bid: Decimal, ask: Decimal| match side {
            Side::Buy => ask,
            Side::Sell => bid,
        };
        let seen = self.seen.get(&instrument)?;
        seen.quote
            .map(|(_, quote)| of(quote.bid_price, quote.ask_price))
            .or_else(|| {
                let book = seen.book.top(1)?;
                Some(of(book.bids.first()?.price, book.asks.first()?.price))
            })
            .or(seen.last)
    }
}

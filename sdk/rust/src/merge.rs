//! From a batch of the contract to events in their one true order. What lives here: merging by `seq`, and
//! rows of columns as values. What may not: anything about strategies.

use crate::{
    Batch, Decimal, DepthColumns, InstrumentId, Level, Quote, QuoteColumns, Seq, Side, Timestamp, TradeColumns,
};

/// A trade of the market, or an aggregate trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trade {
    /// What was traded.
    pub instrument: InstrumentId,
    /// When.
    pub ts: Timestamp,
    /// The venue's trade id (of an aggregate trade: its own id).
    pub id: u64,
    /// At which price.
    pub price: Decimal,
    /// How much of the base asset.
    pub quantity: Decimal,
    /// Side of the taker.
    pub aggressor: Side,
}

/// A depth update: changed levels of the book. A quantity of zero removes the level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Depth {
    /// Whose book.
    pub instrument: InstrumentId,
    /// When.
    pub ts: Timestamp,
    /// First of the venue's updates in this one.
    pub first_update_id: u64,
    /// Last of the venue's updates in this one.
    pub last_update_id: u64,
    /// Changed bid levels.
    pub bids: Vec<Level>,
    /// Changed ask levels.
    pub asks: Vec<Level>,
}

/// Where an event of a batch stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Trades,
    AggregateTrades,
    Quotes,
    Depth,
    Events,
}

const SOURCES: [Source; 5] = [Source::Trades, Source::AggregateTrades, Source::Quotes, Source::Depth, Source::Events];

/// The place of the next event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) seq: Seq,
    pub(crate) ts: Timestamp,
    pub(crate) source: Source,
    pub(crate) row: usize,
    /// First of its levels, of a depth update.
    pub(crate) level: usize,
}

/// All places of a batch by `seq`.
#[derive(Debug)]
pub(crate) struct Merge<'a> {
    batch: &'a Batch,
    rows: [usize; 5],
    /// The next place of each source.
    heads: [Option<(Seq, Timestamp)>; 5],
    level: usize,
}

impl<'a> Merge<'a> {
    pub(crate) fn new(batch: &'a Batch) -> Self {
        let mut merge = Merge { batch, rows: [0; 5], heads: [None; 5], level: 0 };
        merge.heads = SOURCES.map(|source| merge.head(source));
        merge
    }

    fn head(&self, source: Source) -> Option<(Seq, Timestamp)> {
        let row = self.rows[source as usize];
        let batch = self.batch;
        let (seq, ts) = match source {
            Source::Trades => batch.trades.as_ref().map(|c| (&c.seq, &c.ts))?,
            Source::AggregateTrades => batch.aggregate_trades.as_ref().map(|c| (&c.seq, &c.ts))?,
            Source::Quotes => batch.quotes.as_ref().map(|c| (&c.seq, &c.ts))?,
            Source::Depth => batch.depth.as_ref().map(|c| (&c.seq, &c.ts))?,
            Source::Events => return batch.events.get(row).map(|event| (event.seq, event.ts)),
        };
        Some((*seq.get(row)?, *ts.get(row)?))
    }
}

impl Iterator for Merge<'_> {
    type Item = Place;

    fn next(&mut self) -> Option<Place> {
        let heads = self.heads.iter().zip(SOURCES);
        let ((seq, ts), source) =
            heads.filter_map(|(head, source)| Some(((*head)?, source))).min_by_key(|((seq, _), _)| *seq)?;
        let index = source as usize;
        let place = Place { seq, ts, source, row: self.rows[index], level: self.level };
        if let (Source::Depth, Some(depth)) = (source, &self.batch.depth) {
            self.level += (depth.bids[place.row] + depth.asks[place.row]) as usize;
        }
        self.rows[index] += 1;
        self.heads[index] = self.head(source);
        Some(place)
    }
}

pub(crate) fn trade(columns: &TradeColumns, row: usize, (price, quantity): (u8, u8)) -> Trade {
    Trade {
        instrument: columns.instrument[row],
        ts: columns.ts[row],
        id: columns.id[row],
        price: Decimal::from_scaled(columns.price[row], price),
        quantity: Decimal::from_scaled(columns.quantity[row], quantity),
        aggressor: if columns.aggressor[row] == 0 { Side::Buy } else { Side::Sell },
    }
}

pub(crate) fn quote(columns: &QuoteColumns, row: usize, (price, quantity): (u8, u8)) -> Quote {
    Quote {
        instrument: columns.instrument[row],
        ts: columns.ts[row],
        bid_price: Decimal::from_scaled(columns.bid_price[row], price),
        bid_quantity: Decimal::from_scaled(columns.bid_quantity[row], quantity),
        ask_price: Decimal::from_scaled(columns.ask_price[row], price),
        ask_quantity: Decimal::from_scaled(columns.ask_quantity[row], quantity),
    }
}

pub(crate) fn depth(columns: &DepthColumns, row: usize, first: usize, (price, quantity): (u8, u8)) -> Depth {
    let middle = first + columns.bids[row] as usize;
    let end = middle + columns.asks[row] as usize;
    let levels = |range: std::ops::Range<usize>| {
        let rows = columns.price[range.clone()].iter().zip(&columns.quantity[range]);
        rows.map(|(p, q)| Level {
            price: Decimal::from_scaled(*p, price),
            quantity: Decimal::from_scaled(*q, quantity),
        })
        .collect()
    };
    Depth {
        instrument: columns.instrument[row],
        ts: columns.ts[row],
        first_update_id: columns.first_update_id[row],
        last_update_id: columns.last_update_id[row],
        bids: levels(first..middle),
        asks: levels(middle..end),
    }
}

//! What happens to a strategy, and the batch that the contract makes of it.

use crate::{
    Batch, Decimal, Depth, DepthColumns, Event, EventBody, Instrument, InstrumentId, Quote, QuoteColumns, Seq, Side,
    Timestamp, Trade, TradeColumns,
};

/// Something that happens to the strategy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// A trade of the market.
    Trade(Trade),
    /// An aggregate trade of the market.
    AggregateTrade(Trade),
    /// A new best bid or ask.
    Quote(Quote),
    /// A change of the book.
    Depth(Depth),
    /// Anything else, and when.
    Event(Timestamp, EventBody),
}

impl Happening {
    /// When it happens.
    pub fn ts(&self) -> Timestamp {
        match self {
            Happening::Trade(trade) | Happening::AggregateTrade(trade) => trade.ts,
            Happening::Quote(quote) => quote.ts,
            Happening::Depth(depth) => depth.ts,
            Happening::Event(ts, _) => *ts,
        }
    }
}

/// Happenings as the contract hands them over: numbered, and in columns where there are some.
#[track_caller]
pub(super) fn batch_of(first: Seq, happenings: &[Happening], instruments: &[Instrument]) -> Batch {
    let scales = |id: InstrumentId| {
        let found = instruments.iter().find(|instrument| instrument.id == id);
        found.map(|found| (found.price_scale, found.quantity_scale)).expect("a known instrument")
    };
    let scaled = |value: Decimal, scale: u8| {
        let exact = value.rescale(scale);
        assert!(exact.is_some(), "{value} has more than {scale} decimal places");
        exact.unwrap_or_default().mantissa
    };
    let mut batch = Batch { trades: None, aggregate_trades: None, quotes: None, depth: None, events: Vec::new() };
    for (seq, happening) in (first..).zip(happenings) {
        match happening {
            Happening::Trade(trade) | Happening::AggregateTrade(trade) => {
                let place = if matches!(happening, Happening::Trade(_)) {
                    &mut batch.trades
                } else {
                    &mut batch.aggregate_trades
                };
                let columns = place.get_or_insert_with(|| TradeColumns {
                    seq: Vec::new(),
                    ts: Vec::new(),
                    instrument: Vec::new(),
                    id: Vec::new(),
                    price: Vec::new(),
                    quantity: Vec::new(),
                    aggressor: Vec::new(),
                });
                let (price, quantity) = scales(trade.instrument);
                columns.seq.push(seq);
                columns.ts.push(trade.ts);
                columns.instrument.push(trade.instrument);
                columns.id.push(trade.id);
                columns.price.push(scaled(trade.price, price));
                columns.quantity.push(scaled(trade.quantity, quantity));
                columns.aggressor.push(u8::from(trade.aggressor == Side::Sell));
            }
            Happening::Quote(quote) => {
                let columns = batch.quotes.get_or_insert_with(|| QuoteColumns {
                    seq: Vec::new(),
                    ts: Vec::new(),
                    instrument: Vec::new(),
                    bid_price: Vec::new(),
                    bid_quantity: Vec::new(),
                    ask_price: Vec::new(),
                    ask_quantity: Vec::new(),
                });
                let (price, quantity) = scales(quote.instrument);
                columns.seq.push(seq);
                columns.ts.push(quote.ts);
                columns.instrument.push(quote.instrument);
                columns.bid_price.push(scaled(quote.bid_price, price));
                columns.bid_quantity.push(scaled(quote.bid_quantity, quantity));
                columns.ask_price.push(scaled(quote.ask_price, price));
                columns.ask_quantity.push(scaled(quote.ask_quantity, quantity));
            }
            Happening::Depth(depth) => {
                let columns = batch.depth.get_or_insert_with(|| DepthColumns {
                    seq: Vec::new(),
                    ts: Vec::new(),
                    instrument: Vec::new(),
                    first_update_id: Vec::new(),
                    last_update_id: Vec::new(),
                    bids: Vec::new(),
                    asks: Vec::new(),
                    price: Vec::new(),
                    quantity: Vec::new(),
                });
                let (price, quantity) = scales(depth.instrument);
                columns.seq.push(seq);
                columns.ts.push(depth.ts);
                columns.instrument.push(depth.instrument);
                columns.first_update_id.push(depth.first_update_id);
                columns.last_update_id.push(depth.last_update_id);
                columns.bids.push(depth.bids.len() as u32);
                columns.asks.push(depth.asks.len() as u32);
                for level in depth.bids.iter().chain(&depth.asks) {
                    columns.price.push(scaled(level.price, price));
                    columns.quantity.push(scaled(level.quantity, quantity));
                }
            }
            Happening::Event(ts, body) => batch.events.push(Event { seq, ts: *ts, body: body.clone() }),
        }
    }
    batch
}

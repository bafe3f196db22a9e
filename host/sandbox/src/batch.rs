//! Events in the contract's form: hot market data in columns, the rest as a list.

use ringfence_model::instrument::to_scaled;
use ringfence_model::{Decimal, Event, EventBody, Instrument, InstrumentId, Side};

use crate::bindings::ringfence::strategy::events::{
    Batch, DepthColumns, Event as WireEvent, QuoteColumns, TradeColumns,
};
use crate::convert;

/// Scales of the instruments, by number.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scales(Vec<Option<(u8, u8)>>);

impl Scales {
    pub(crate) fn new(instruments: &[Instrument]) -> Self {
        let mut scales = Vec::new();
        for instrument in instruments {
            let Ok(index) = usize::try_from(instrument.id.0) else { continue };
            if scales.len() <= index {
                scales.resize(index.saturating_add(1), None);
            }
            if let Some(slot) = scales.get_mut(index) {
                *slot = Some((instrument.price_scale, instrument.quantity_scale));
            }
        }
        Scales(scales)
    }

    fn of(&self, instrument: InstrumentId) -> Option<(u8, u8)> {
        *self.0.get(usize::try_from(instrument.0).ok()?)?
    }
}

/// A batch that is being filled.
pub(crate) struct Builder {
    batch: Batch,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Builder { batch: Batch { trades: None, aggregate_trades: None, quotes: None, depth: None, events: Vec::new() } }
    }

    pub(crate) const fn batch(&self) -> &Batch {
        &self.batch
    }

    /// Adds an event; `None` if one of its numbers has more places than its instrument,
    /// or the instrument is not granted. Nothing of it is then in the batch.
    pub(crate) fn push(&mut self, scales: &Scales, event: &Event) -> Option<()> {
        let (seq, ts) = (event.seq, event.ts.0);
        match &event.body {
            EventBody::Trade(trade) | EventBody::AggregateTrade(trade) => {
                let (price_scale, quantity_scale) = scales.of(trade.instrument)?;
                let price = to_scaled(trade.price, price_scale)?;
                let quantity = to_scaled(trade.quantity, quantity_scale)?;
                let slot = match event.body {
                    EventBody::Trade(_) => &mut self.batch.trades,
                    _ => &mut self.batch.aggregate_trades,
                };
                let columns = slot.get_or_insert_with(|| TradeColumns {
                    seq: Vec::new(),
                    ts: Vec::new(),
                    instrument: Vec::new(),
                    id: Vec::new(),
                    price: Vec::new(),
                    quantity: Vec::new(),
                    aggressor: Vec::new(),
                });
                columns.seq.push(seq);
                columns.ts.push(ts);
                columns.instrument.push(trade.instrument.0);
                columns.id.push(trade.id);
                columns.price.push(price);
                columns.quantity.push(quantity);
                columns.aggressor.push(u8::from(trade.aggressor == Side::Sell));
            }
            EventBody::Quote(quote) => {
                let (price_scale, quantity_scale) = scales.of(quote.instrument)?;
                let price = |value: Decimal| to_scaled(value, price_scale);
                let quantity = |value: Decimal| to_scaled(value, quantity_scale);
                let (bid_price, ask_price) = (price(quote.bid_price)?, price(quote.ask_price)?);
                let (bid_quantity, ask_quantity) = (quantity(quote.bid_quantity)?, quantity(quote.ask_quantity)?);
                let columns = self.batch.quotes.get_or_insert_with(|| QuoteColumns {
                    seq: Vec::new(),
                    ts: Vec::new(),
                    instrument: Vec::new(),
                    bid_price: Vec::new(),
                    bid_quantity: Vec::new(),
                    ask_price: Vec::new(),
                    ask_quantity: Vec::new(),
                });
                columns.seq.push(seq);
                columns.ts.push(ts);
                columns.instrument.push(quote.instrument.0);
                columns.bid_price.push(bid_price);
                columns.bid_quantity.push(bid_quantity);
                columns.ask_price.push(ask_price);
                columns.ask_quantity.push(ask_quantity);
            }
            EventBody::Depth(update) => {
                let (price_scale, quantity_scale) = scales.of(update.instrument)?;
                let levels = update
                    .bids
                    .iter()
                    .chain(&update.asks)
                    .map(|level| {
                        Some((to_scaled(level.price, price_scale)?, to_scaled(level.quantity, quantity_scale)?))
                    })
                    .collect::<Option<Vec<_>>>()?;
                let (bids, asks) = (u32::try_from(update.bids.len()).ok()?, u32::try_from(update.asks.len()).ok()?);
                let columns = self.batch.depth.get_or_insert_with(|| DepthColumns {
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
                columns.seq.push(seq);
                columns.ts.push(ts);
                columns.instrument.push(update.instrument.0);
                columns.first_update_id.push(update.first_update_id);
                columns.last_update_id.push(update.last_update_id);
                columns.bids.push(bids);
                columns.asks.push(asks);
                for (price, quantity) in levels {
                    columns.price.push(price);
                    columns.quantity.push(quantity);
                }
            }
            other => {
                let body = convert::body(other)?;
                self.batch.events.push(WireEvent { seq, ts, body });
            }
        }
        Some(())
    }
}

//! A desk that takes notes and checks the order of what it is given.

use std::sync::{Arc, Mutex};

use ringfence_model::denial::QuotaState;
use ringfence_model::desk::{Desk, DeskReport};
use ringfence_model::event::{Book, Quote, Trade};
use ringfence_model::order::{OpenOrder, OrderList};
use ringfence_model::{
    Balance, Decimal, Denial, Event, EventBody, Instrument, InstrumentId, NewOrder, OrderId, Position, Seq, Side,
    StreamKind, Timestamp,
};

/// What a desk has seen.
#[derive(Debug, Default)]
pub struct Notes {
    /// Events that were booked, and the number of the last one.
    pub applied: u64,
    pub last_seq: u64,
    /// Trades among them, by their ids, and market data that was told as missing.
    pub trades: Vec<u64>,
    pub missed: u64,
    /// Orders and cancels of the guest, with their causes.
    pub commands: Vec<(String, Seq)>,
    /// Calls of `cancel_all`, which the host makes at a fault and at the end.
    pub cancelled_all: usize,
    pub subscribed: Vec<(InstrumentId, StreamKind)>,
    pub unsubscribed: Vec<(InstrumentId, StreamKind)>,
    /// A stream that is denied.
    pub denied: Option<StreamKind>,
    /// A bug of the host: cancels panic.
    pub panics: bool,
}

pub struct NotingDesk {
    notes: Arc<Mutex<Notes>>,
    instruments: Vec<Instrument>,
}

impl NotingDesk {
    pub fn new() -> (Self, Arc<Mutex<Notes>>) {
        let notes = Arc::new(Mutex::new(Notes::default()));
        (NotingDesk { notes: Arc::clone(&notes), instruments: vec![instrument()] }, notes)
    }

    fn note(&self, what: &str, cause: Seq) {
        let mut notes = self.notes.lock().unwrap();
        if notes.panics {
            drop(notes);
            panic!("a bug of the host, on purpose");
        }
        assert!(notes.last_seq >= cause, "the desk has booked everything up to the cause of a command");
        notes.commands.push((what.to_owned(), cause));
    }
}

pub fn instrument() -> Instrument {
    Instrument {
        id: InstrumentId(0),
        symbol: "BTCUSDT".to_owned(),
        base: "BTC".to_owned(),
        quote: "USDT".to_owned(),
        price_scale: 2,
        quantity_scale: 5,
        tick_size: Decimal::new(1, 2),
        min_price: Decimal::ZERO,
        max_price: Decimal::ZERO,
        step_size: Decimal::new(1, 5),
        min_quantity: Decimal::new(1, 5),
        max_quantity: Decimal::ZERO,
        market_max_quantity: Decimal::ZERO,
        min_notional: Decimal::ZERO,
        max_notional: Decimal::ZERO,
        min_notional_on_market: false,
        max_open_orders: 0,
        trading: true,
        filters: ringfence_model::instrument::Filters::default(),
    }
}

pub fn trade(id: u64) -> EventBody {
    EventBody::Trade(Trade {
        instrument: InstrumentId(0),
        id,
        price: Decimal::new(6_000_000, 2),
        quantity: Decimal::new(1, 5),
        aggressor: Side::Buy,
    })
}

impl Desk for NotingDesk {
    fn submit(&mut self, _now: Timestamp, _order: NewOrder, cause: Seq) -> Result<OrderId, Denial> {
        self.note("submit", cause);
        Ok(OrderId(1))
    }

    fn submit_list(&mut self, _now: Timestamp, _orders: OrderList, cause: Seq) -> Result<Vec<OrderId>, Denial> {
        self.note("submit-list", cause);
        Err(Denial::Unsupported)
    }

    fn cancel(&mut self, _now: Timestamp, order: OrderId, cause: Seq) -> Result<(), Denial> {
        self.note(&format!("cancel {}", order.0), cause);
        Ok(())
    }

    fn cancel_all(&mut self, _now: Timestamp, _of: Option<InstrumentId>, _cause: Seq) -> Result<u32, Denial> {
        self.notes.lock().unwrap().cancelled_all += 1;
        Ok(0)
    }

    fn amend(&mut self, _now: Timestamp, _order: OrderId, _quantity: Decimal, cause: Seq) -> Result<(), Denial> {
        self.note("amend", cause);
        Ok(())
    }

    fn instruments(&self) -> &[Instrument] {
        &self.instruments
    }

    fn subscribe(&mut self, instrument: InstrumentId, stream: StreamKind) -> Result<(), Denial> {
        let mut notes = self.notes.lock().unwrap();
        if notes.denied == Some(stream) {
            return Err(Denial::NotPermitted);
        }
        notes.subscribed.push((instrument, stream));
        Ok(())
    }

    fn unsubscribe(&mut self, instrument: InstrumentId, stream: StreamKind) -> Result<(), Denial> {
        self.notes.lock().unwrap().unsubscribed.push((instrument, stream));
        Ok(())
    }

    fn last_quote(&self, _instrument: InstrumentId, _as_of: Seq) -> Option<(Timestamp, Quote)> {
        None
    }

    fn book(&self, _instrument: InstrumentId, _levels: u32, _as_of: Seq) -> Option<Book> {
        None
    }

    fn request_history(
        &mut self,
        _now: Timestamp,
        _instrument: InstrumentId,
        _interval: u32,
        _start: Option<Timestamp>,
        _limit: u32,
        cause: Seq,
    ) -> Result<u64, Denial> {
        self.note("request-history", cause);
        Ok(1)
    }

    fn balances(&self) -> Vec<Balance> {
        Vec::new()
    }

    fn positions(&self) -> Vec<Position> {
        Vec::new()
    }

    fn open_orders(&self) -> Vec<OpenOrder> {
        Vec::new()
    }

    fn quotas(&self, _now: Timestamp) -> Vec<QuotaState> {
        Vec::new()
    }

    fn apply(&mut self, event: &Event) -> Vec<EventBody> {
        let mut notes = self.notes.lock().unwrap();
        assert!(event.seq > notes.last_seq, "event {} after event {}", event.seq, notes.last_seq);
        notes.applied += 1;
        notes.last_seq = event.seq;
        match &event.body {
            EventBody::Trade(trade) => notes.trades.push(trade.id),
            EventBody::FeedGap { missed, .. } => notes.missed += missed,
            _ => {}
        }
        Vec::new()
    }

    fn report(&self) -> DeskReport {
        DeskReport::default()
    }
}

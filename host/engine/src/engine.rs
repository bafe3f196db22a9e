//! Venue events and plugins' commands in; deliveries to plugins and questions to the
//! venue out, in the order in which they must happen.

use std::collections::BTreeSet;
use std::sync::Arc;

use ringfence_model::event::{
    GapReason, HaltReason, History, Kline, OrderChange, OrderReason, OrderUpdate, Quote, Trade,
};
use ringfence_model::venue::{ClientOrderId, MarketData, VenueEvent, VenueFill, VenueList, VenueOrder};
use ringfence_model::{
    Decimal, EventBody, Instrument, InstrumentId, Micros, OrderId, OrderStatus, SeatId, StreamKind, Timestamp,
};

use crate::actions::{CommandSink, DeskCommand, Output, SeatConfig};
use crate::desk::SeatDesk;
use crate::orders::{Orders, Placed};
use crate::routing::Routing;

/// Longest session name: with seat and order it stays within the venue's 36 characters.
const SESSION_LENGTH: usize = 12;

/// What an engine is made of.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Leads every client order id; different for each start, letters and digits only.
    pub session: String,
    /// The host's table of instruments.
    pub instruments: Vec<Instrument>,
    /// How long an order may be without a word before the venue is asked.
    pub query_after: Micros,
}

/// A configuration that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// Not fit for a client order id.
    #[error("session name `{0}` must be 1 to {SESSION_LENGTH} letters and digits")]
    Session(String),
    /// A seat of this name is open.
    #[error("plugin {0} has a seat already")]
    SeatTaken(String),
    /// The host's table has no such instrument.
    #[error("plugin {plugin}: there is no instrument number {instrument}")]
    NoInstrument {
        /// The plugin.
        plugin: String,
        /// What was named.
        instrument: u32,
    },
}

/// The engine.
#[derive(Debug)]
pub struct Engine {
    config: EngineConfig,
    prefix: String,
    seats: Vec<String>,
    routing: Routing,
    orders: Orders,
    halted: Option<HaltReason>,
    /// Orders of others that were told of already.
    strangers: BTreeSet<ClientOrderId>,
}

impl Engine {
    /// An engine without seats.
    ///
    /// # Errors
    /// The session name can't lead a client order id.
    pub fn new(config: EngineConfig) -> Result<Self, EngineError> {
        let session = &config.session;
        if !(1..=SESSION_LENGTH).contains(&session.len()) || !session.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(EngineError::Session(session.clone()));
        }
        Ok(Engine {
            prefix: format!("{session}-"),
            config,
            seats: Vec::new(),
            routing: Routing::default(),
            orders: Orders::default(),
            halted: None,
            strangers: BTreeSet::new(),
        })
    }

    /// Opens a seat. Its desk sends commands through `sink`; they come back by [`Engine::command`].
    ///
    /// # Errors
    /// The name is taken, or an instrument does not exist.
    pub fn open_seat(&mut self, config: SeatConfig, sink: CommandSink) -> Result<(SeatId, SeatDesk), EngineError> {
        if self.seats.contains(&config.name) {
            return Err(EngineError::SeatTaken(config.name));
        }
        let instruments = config
            .instruments
            .iter()
            .map(|id| {
                self.instrument(*id)
                    .cloned()
                    .ok_or_else(|| EngineError::NoInstrument { plugin: config.name.clone(), instrument: id.0 })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let seat = SeatId(u32::try_from(self.seats.len()).unwrap_or(u32::MAX));
        let desk = SeatDesk::new(seat, &self.config.session, &config, instruments, self.halted.is_some(), sink);
        self.seats.push(config.name);
        Ok((seat, desk))
    }

    /// Orders that are not final.
    pub fn open_orders(&self) -> usize {
        self.orders.len()
    }

    fn instrument(&self, id: InstrumentId) -> Option<&Instrument> {
        self.config.instruments.iter().find(|instrument| instrument.id == id)
    }

    /// A plugin's command. Commands of one desk must come in their order.
    pub fn command(&mut self, now: Timestamp, command: DeskCommand, out: &mut Vec<Output>) {
        match command {
            DeskCommand::Place { seat, order, instrument, approved, .. } => {
                let placed = placed(seat, order, instrument, approved.order(), false);
                if self.halted.is_some() {
                    out.push(refused(now, &placed));
                    return;
                }
                self.orders.place(now, approved.order().client_order_id.clone(), placed);
                out.push(Output::Place(approved));
            }
            DeskCommand::PlaceList { seat, orders, instrument, approved, .. } => {
                let waits = |place: usize| place > 0 && !matches!(approved.list(), VenueList::Oco { .. });
                let sent = approved.list().orders();
                let entries: Vec<_> = orders
                    .into_iter()
                    .zip(sent)
                    .enumerate()
                    .map(|(place, (order, sent))| {
                        (sent.client_order_id.clone(), placed(seat, order, instrument, sent, waits(place)))
                    })
                    .collect();
                if self.halted.is_some() {
                    out.extend(entries.iter().map(|(_, placed)| refused(now, placed)));
                    return;
                }
                self.orders.place_list(now, approved.id(), entries);
                out.push(Output::PlaceList(approved));
            }
            DeskCommand::Cancel { seat, order, .. } => self.orders.cancel(now, seat, order, out),
            DeskCommand::Amend { seat, order, quantity, .. } => self.orders.amend(now, seat, order, quantity, out),
            DeskCommand::Subscribe { seat, instrument, stream } => {
                // The client counts who wants what; a later follower of depth needs a book of its own.
                if self.routing.follow(seat, instrument, stream) {
                    out.push(Output::Subscribe { instrument, stream });
                }
            }
            DeskCommand::Unsubscribe { seat, instrument, stream } => {
                if self.routing.leave(seat, instrument, stream) {
                    out.push(Output::Unsubscribe { instrument, stream });
                }
            }
            DeskCommand::History { seat, request, instrument, interval, start, limit } => {
                out.push(Output::History { seat, request, instrument, interval, start, limit });
            }
        }
    }

    /// What the venue said.
    pub fn venue(&mut self, now: Timestamp, event: VenueEvent, out: &mut Vec<Output>) {
        match event {
            VenueEvent::Market(data) => self.market(now, data, out),
            VenueEvent::Report(report) => {
                let known = self.orders.report(now, &report, None, out);
                // The end of an order of this session was told long ago; what is said twice of it is no news.
                let is_old = report.client_order_id.0.starts_with(&self.prefix) && report.fill.is_none();
                if !known && !is_old {
                    self.stranger(&report.client_order_id, &report.symbol, out);
                }
            }
            VenueEvent::Answer { client_order_id, kind, outcome } => {
                self.orders.answer(now, &client_order_id, kind, &outcome, out);
            }
            VenueEvent::Queried { client_order_id, question, report } => match report {
                Some(report) => drop(self.orders.report(now, &report, Some(question), out)),
                None => self.orders.not_found(now, &client_order_id, question, out),
            },
            VenueEvent::ListQueried { list, question, orders } => match orders {
                Some(_) => self.orders.list_found(now, &list, out),
                None => self.orders.list_not_found(now, &list, question, out),
            },
            VenueEvent::StreamDown { instrument, stream } => {
                for seat in self.routing.of(instrument, stream) {
                    let body = EventBody::FeedGap { instrument, stream, reason: GapReason::Disconnected, missed: 0 };
                    out.push(Output::Deliver { seat, ts: now, body });
                }
            }
            VenueEvent::StreamUp { instrument, stream } => {
                for seat in self.routing.of(instrument, stream) {
                    out.push(Output::Deliver { seat, ts: now, body: EventBody::FeedResumed { instrument, stream } });
                }
            }
            VenueEvent::UserUp => self.orders.reconcile(now, true, out),
            VenueEvent::UserGap => self.orders.reconcile(now, false, out),
            // The account as a whole is compared with the ledgers by whoever shows both.
            VenueEvent::Balances { .. } | VenueEvent::UserDown => {}
        }
    }

    fn stranger(&mut self, id: &ClientOrderId, symbol: &str, out: &mut Vec<Output>) {
        if self.strangers.insert(id.clone()) {
            out.push(Output::Unattributed { what: format!("order {} on {symbol}", id.0) });
        }
    }

    /// Fills of one order, as the venue lists them.
    pub fn trades(&mut self, now: Timestamp, id: &ClientOrderId, fills: &[VenueFill], out: &mut Vec<Output>) {
        self.orders.trades(now, id, fills, out);
    }

    /// Klines that a plugin asked for.
    pub fn history(
        &mut self,
        now: Timestamp,
        seat: SeatId,
        request: u64,
        klines: Vec<Kline>,
        complete: bool,
        out: &mut Vec<Output>,
    ) {
        let body = EventBody::History(Arc::new(History { request, klines, complete }));
        out.push(Output::Deliver { seat, ts: now, body });
    }

    /// Time goes on: what has had no word for too long is asked for.
    pub fn clock(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        self.orders.clock(now, self.config.query_after, out);
    }

    /// No new orders from here on. Cancels go on.
    pub fn halt(&mut self, now: Timestamp, reason: HaltReason, out: &mut Vec<Output>) {
        self.halted = Some(reason);
        for seat in self.seat_ids() {
            out.push(Output::Deliver { seat, ts: now, body: EventBody::Halted(reason) });
        }
    }

    /// Ends [`Engine::halt`].
    pub fn resume(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        if self.halted.take().is_some() {
            for seat in self.seat_ids() {
                out.push(Output::Deliver { seat, ts: now, body: EventBody::Resumed });
            }
        }
    }

    fn seat_ids(&self) -> impl Iterator<Item = SeatId> + use<> {
        (0..u32::try_from(self.seats.len()).unwrap_or(u32::MAX)).map(SeatId)
    }

    /// Cancels every order of every plugin.
    pub fn cancel_all(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        self.orders.cancel_all(now, out);
    }

    fn market(&mut self, now: Timestamp, data: MarketData, out: &mut Vec<Output>) {
        let mut tell = |seats: &mut dyn Iterator<Item = SeatId>, ts: Timestamp, body: EventBody| {
            for seat in seats {
                out.push(Output::Deliver { seat, ts, body: body.clone() });
            }
        };
        let routing = &self.routing;
        match data {
            MarketData::Trade { instrument, ts, id, price, quantity, aggressor } => {
                let trade = Trade { instrument, id, price, quantity, aggressor };
                tell(&mut routing.of(instrument, StreamKind::Trades), ts, EventBody::Trade(trade));
            }
            MarketData::AggregateTrade { instrument, ts, id, price, quantity, aggressor } => {
                let trade = Trade { instrument, id, price, quantity, aggressor };
                tell(&mut routing.of(instrument, StreamKind::AggregateTrades), ts, EventBody::AggregateTrade(trade));
            }
            MarketData::Quote { instrument, ts, bid, ask, .. } => {
                let quote = Quote {
                    instrument,
                    bid_price: bid.price,
                    bid_quantity: bid.quantity,
                    ask_price: ask.price,
                    ask_quantity: ask.quantity,
                };
                tell(&mut routing.of(instrument, StreamKind::Quotes), ts.unwrap_or(now), EventBody::Quote(quote));
            }
            MarketData::Depth { ts, update } => {
                let instrument = update.instrument;
                tell(&mut routing.of(instrument, StreamKind::Depth), ts, EventBody::Depth(Arc::new(update)));
            }
            MarketData::Book { ts, book } => {
                // A few levels are no book that updates can be added to.
                let stream = book.best.map_or(StreamKind::Depth, StreamKind::Book);
                tell(&mut routing.of(book.instrument, stream), ts.unwrap_or(now), EventBody::Book(Arc::new(book)));
            }
            MarketData::Kline { ts, kline } => {
                let (instrument, stream) = (kline.instrument, StreamKind::Klines(kline.interval));
                tell(&mut routing.of(instrument, stream), ts, EventBody::Kline(Arc::new(kline)));
            }
            MarketData::Ticker { ts, ticker } => {
                let instrument = ticker.instrument;
                tell(&mut routing.of(instrument, StreamKind::Ticker), ts, EventBody::Ticker(Arc::new(ticker)));
            }
        }
    }
}

/// What is known of an order that is sent. `waits`: for another order of its list.
fn placed(seat: SeatId, order: OrderId, instrument: InstrumentId, sent: &VenueOrder, waits: bool) -> Placed {
    Placed {
        seat,
        order,
        instrument,
        symbol: sent.symbol.clone(),
        side: sent.side,
        quantity: sent.kind.quantity().unwrap_or_default(),
        dormant: waits || sent.kind.trigger().is_some(),
    }
}

/// An order that was approved before the desk knew of a halt.
fn refused(now: Timestamp, placed: &Placed) -> Output {
    let body = EventBody::Order(OrderUpdate {
        order: placed.order,
        instrument: placed.instrument,
        change: OrderChange::Rejected,
        status: OrderStatus::Rejected,
        reason: OrderReason::Operator,
        quantity: placed.quantity,
        filled: Decimal::ZERO,
        recovered: false,
    });
    Output::Deliver { seat: placed.seat, ts: now, body }
}

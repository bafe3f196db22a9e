//! Client, engine and one desk, wired as the real host wires them, on one task.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use ringfence_binance::limits::SocketLimits;
use ringfence_binance::{Client, ClientConfig, ClientEvent, Credentials, Tuning};
use ringfence_engine::{DeskCommand, Engine, EngineConfig, Limits, Output, SeatConfig, SeatDesk};
use ringfence_exchange::AccountConfig;
use ringfence_model::desk::Desk as _;
use ringfence_model::order::MarketSize;
use ringfence_model::venue::{ClientOrderId, VenueEvent, VenueFill};
use ringfence_model::{
    Decimal, Event, EventBody, InstrumentId, Micros, NewOrder, OrderId, OrderKind, Side, StreamKind, TimeInForce,
    Timestamp,
};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::world::{Chance, Shared};

/// What comes back to the engine.
enum Input {
    Venue(VenueEvent),
    Trades(ClientOrderId, Vec<VenueFill>),
}

pub(crate) struct Host {
    pub(crate) client: Client,
    pub(crate) engine: Engine,
    pub(crate) desk: SeatDesk,
    world: Shared,
    commands: Receiver<DeskCommand>,
    inputs: mpsc::UnboundedReceiver<Input>,
    back: mpsc::UnboundedSender<Input>,
    out: Vec<Output>,
    seq: u64,
    /// How often each fill was told.
    pub(crate) fills: BTreeMap<u64, u32>,
    /// How often the book was compared with the exchange's.
    pub(crate) compared: u64,
    pub(crate) told: Vec<String>,
}

pub(crate) const BTC: InstrumentId = InstrumentId(0);

impl Host {
    pub(crate) async fn start(world: Shared) -> Host {
        let (back, inputs) = mpsc::unbounded_channel();
        let account = AccountConfig::default();
        let config = ClientConfig {
            rest_url: "memory://rest".into(),
            stream_url: "memory://streams".into(),
            ws_api_url: "memory://ws-api".into(),
            credentials: Some(Credentials::new(account.api_key.clone(), account.secret.clone())),
            recv_window_ms: 5_000,
            sockets: SocketLimits::default(),
            state_file: None,
        };
        let to = back.clone();
        let loud = std::env::var_os("RINGFENCE_SEED").is_some();
        let began = Instant::now();
        let sink = Arc::new(move |event| match event {
            ClientEvent::Venue { event, .. } => {
                if loud && !matches!(event, VenueEvent::Market(_)) {
                    println!("{:?} {event:?}", began.elapsed());
                }
                drop(to.send(Input::Venue(event)));
            }
            other if loud => println!("{:?} {other:?}", began.elapsed()),
            _ => {}
        });
        let symbols = ["BTCUSDT".to_owned()];
        let transport = Arc::new(world.clone());
        let (client, instruments) =
            Client::connect_over(transport, Tuning::default(), config, &symbols, sink).await.unwrap();
        let mut engine =
            Engine::new(EngineConfig { session: "v".into(), instruments, query_after: Micros::from_secs(5) }).unwrap();
        let (sender, commands) = channel();
        let seat = SeatConfig {
            name: "p".into(),
            permissions: ringfence_engine::Permissions::default(),
            instruments: vec![BTC],
            allocation: account.balances.clone(),
            limits: Limits {
                order_notional: Decimal::ZERO,
                open_notional: Decimal::ZERO,
                position_notional: Decimal::ZERO,
                daily_loss: Decimal::ZERO,
                ..Limits::default()
            },
        };
        let sink = Box::new(move |command| drop(sender.send(command)));
        let (_, desk) = engine.open_seat(seat, sink).unwrap();
        let mut host = Host {
            client,
            engine,
            desk,
            world,
            commands,
            inputs,
            back,
            out: Vec::new(),
            seq: 0,
            fills: BTreeMap::new(),
            compared: 0,
            told: Vec::new(),
        };
        for stream in [StreamKind::Trades, StreamKind::Quotes, StreamKind::Depth, StreamKind::Klines(1)] {
            host.desk.subscribe(BTC, stream).unwrap();
        }
        host.settle();
        host
    }

    /// Works until a moment.
    pub(crate) async fn run_until(&mut self, until: Instant) {
        let mut beat = Instant::now();
        loop {
            tokio::select! {
                Some(input) = self.inputs.recv() => {
                    let now = self.client.now();
                    match input {
                        Input::Venue(event) => self.engine.venue(now, event, &mut self.out),
                        Input::Trades(id, fills) => self.engine.trades(now, &id, &fills, &mut self.out),
                    }
                }
                () = sleep_until(beat) => {
                    beat += Duration::from_millis(250);
                    let now = self.client.now();
                    self.engine.clock(now, &mut self.out);
                }
                () = sleep_until(until) => return,
            }
            self.settle();
        }
    }

    fn spawn(&self, doing: impl Future<Output = Option<Input>> + Send + 'static) {
        let back = self.back.clone();
        tokio::spawn(async move {
            if let Some(input) = doing.await {
                drop(back.send(input));
            }
        });
    }

    fn settle(&mut self) {
        loop {
            while let Ok(command) = self.commands.try_recv() {
                let now = self.client.now();
                self.engine.command(now, command, &mut self.out);
            }
            if self.out.is_empty() {
                return;
            }
            for output in std::mem::take(&mut self.out) {
                let client = self.client.clone();
                match output {
                    Output::Deliver { ts, body, .. } => self.deliver(ts, body),
                    Output::Subscribe { instrument, stream } => client.subscribe(instrument, stream),
                    Output::Unsubscribe { instrument, stream } => client.unsubscribe(instrument, stream),
                    Output::Place(approved) => {
                        self.spawn(async move {
                            Some(Input::Venue(client.place(approved.order(), approved.reduces()).await))
                        });
                    }
                    Output::Cancel { symbol, client_order_id } => {
                        self.spawn(async move { Some(Input::Venue(client.cancel(&symbol, &client_order_id).await)) });
                    }
                    Output::Amend { symbol, client_order_id, quantity } => self.spawn(async move {
                        Some(Input::Venue(client.amend(&symbol, &client_order_id, quantity).await))
                    }),
                    Output::Query { symbol, client_order_id } => {
                        self.spawn(async move { client.query(&symbol, &client_order_id).await.map(Input::Venue) });
                    }
                    Output::Trades { symbol, client_order_id, venue_order_id } => self.spawn(async move {
                        let fills = client.trades(&symbol, venue_order_id).await.ok()?;
                        Some(Input::Trades(client_order_id, fills))
                    }),
                    Output::History { .. } => {}
                    Output::Unattributed { what } => self.told.push(what),
                }
            }
        }
    }

    fn deliver(&mut self, ts: Timestamp, body: EventBody) {
        if let EventBody::Fill(fill) = &body {
            *self.fills.entry(fill.trade_id).or_default() += 1;
        }
        let of_book = matches!(body, EventBody::Book(_) | EventBody::Depth(_));
        self.push(ts, body);
        if of_book {
            self.compare_book();
        }
    }

    fn push(&mut self, ts: Timestamp, body: EventBody) {
        self.seq += 1;
        let event = Event { seq: self.seq, ts, body };
        for follows in self.desk.apply(&event) {
            self.push(ts, follows);
        }
    }

    /// A book that says it is in sync is the exchange's at that update.
    fn compare_book(&mut self) {
        let Some(book) = self.desk.book(BTC, 5, 0) else { return };
        let world = self.world.0.lock().unwrap();
        let Some(truth) = world.books.get(&book.last_update_id) else { return };
        let side = |levels: &[ringfence_model::event::Level]| {
            levels
                .iter()
                .map(|level| [ringfence_wire::number::text(level.price), ringfence_wire::number::text(level.quantity)])
                .collect::<Vec<_>>()
        };
        let ours = serde_json::json!([side(&book.bids), side(&book.asks)]).to_string();
        assert_eq!(ours, *truth, "the book at update {}", book.last_update_id);
        self.compared += 1;
    }

    /// The strategy does something.
    pub(crate) fn act(&mut self, chance: &mut Chance) {
        let now = self.client.now();
        let open: Vec<OrderId> = self.desk.open_orders().iter().map(|open| open.order).collect();
        let one =
            |chance: &mut Chance| open.get(usize::try_from(chance.below(open.len().max(1) as u64)).unwrap()).copied();
        match chance.below(8) {
            0..=4 => {
                let Some((_, quote)) = self.desk.last_quote(BTC, 0) else { return };
                let side = if chance.one_in(2) { Side::Buy } else { Side::Sell };
                let quantity = Decimal::new(1 + i64::try_from(chance.below(40)).unwrap(), 4);
                let tick = Decimal::new(1, 2);
                let away = tick * Decimal::from(chance.below(400));
                let price = match side {
                    Side::Buy => quote.bid_price - away + tick * Decimal::from(200),
                    Side::Sell => quote.ask_price + away - tick * Decimal::from(200),
                };
                let kind = match chance.below(4) {
                    0 => OrderKind::Market(MarketSize::Base(quantity)),
                    1 => OrderKind::LimitMaker { quantity, price },
                    _ => OrderKind::Limit {
                        quantity,
                        price,
                        time_in_force: if chance.one_in(4) { TimeInForce::Ioc } else { TimeInForce::Gtc },
                        iceberg_quantity: None,
                    },
                };
                // A denial is an answer as good as any.
                drop(self.desk.submit(now, NewOrder { instrument: BTC, side, kind, reduce_only: false, tag: None }, 0));
            }
            5 | 6 => {
                if let Some(order) = one(chance) {
                    drop(self.desk.cancel(now, order, 0));
                }
            }
            _ => {
                if let Some(order) = one(chance) {
                    drop(self.desk.amend(now, order, Decimal::new(1, 4), 0));
                }
            }
        }
        self.settle();
    }

    pub(crate) fn cancel_all(&mut self) {
        let now = self.client.now();
        drop(self.desk.cancel_all(now, None, 0));
        self.settle();
    }
}

//! Client, engine and one desk, wired as the real host wires them, on one task.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use ringfence_binance::limits::SocketLimits;
use ringfence_binance::{Client, ClientConfig, ClientEvent, Credentials, Tuning};
use ringfence_engine::{DeskCommand, Engine, EngineConfig, Limits, Output, SeatConfig, SeatDesk};
use ringfence_exchange::AccountConfig;
use ringfence_model::desk::Desk as _;
use ringfence_model::event::{OrderChange, OrderReason};
use ringfence_model::order::{MarketSize, OrderList, Trigger};
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
    /// What the venue said of an order can't be read.
    Unread(String),
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
    /// Streams that said something since somebody looked.
    pub(crate) heard: BTreeSet<&'static str>,
    /// How often each fill was told.
    pub(crate) fills: BTreeMap<u64, u32>,
    /// The last public trade that was told, until a gap is.
    last_trade: Option<u64>,
    /// How often the book was compared with the exchange's.
    pub(crate) compared: u64,
    pub(crate) told: Vec<String>,
    /// Lists that were sent, orders that were set off, and orders that ended because of another one.
    pub(crate) lists: u64,
    pub(crate) set_off: u64,
    pub(crate) by_list: u64,
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
        let of = world.clone();
        let sink = Arc::new(move |event: ClientEvent| {
            let of_market = matches!(event, ClientEvent::Venue { event: VenueEvent::Market(_), .. });
            of.0.lock().unwrap().note(of_market, || format!("told {event:?}"));
            match event {
                ClientEvent::Venue { event, .. } => drop(to.send(Input::Venue(event))),
                ClientEvent::Unparsed { error } if error.contains("executionReport") => {
                    drop(to.send(Input::Unread(error)));
                }
                _ => {}
            }
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
            heard: BTreeSet::new(),
            fills: BTreeMap::new(),
            last_trade: None,
            compared: 0,
            told: Vec::new(),
            lists: 0,
            set_off: 0,
            by_list: 0,
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
                biased;
                Some(input) = self.inputs.recv() => {
                    let now = self.client.now();
                    match input {
                        Input::Venue(event) => self.engine.venue(now, event, &mut self.out),
                        Input::Trades(id, fills) => self.engine.trades(now, &id, &fills, &mut self.out),
                        Input::Unread(error) => self.told.push(error),
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
                    Output::PlaceList(approved) => self.spawn(async move {
                        let answer = client.place_list(approved.id(), approved.list(), approved.reduces()).await;
                        Some(Input::Venue(answer))
                    }),
                    Output::CancelList { symbol, list } => {
                        self.spawn(async move { Some(Input::Venue(client.cancel_list(&symbol, &list).await)) });
                    }
                    Output::QueryList { list, question } => {
                        self.spawn(async move { client.query_list(&list, question).await.map(Input::Venue) });
                    }
                    Output::Cancel { symbol, client_order_id } => {
                        self.spawn(async move { Some(Input::Venue(client.cancel(&symbol, &client_order_id).await)) });
                    }
                    Output::Amend { symbol, client_order_id, quantity } => self.spawn(async move {
                        Some(Input::Venue(client.amend(&symbol, &client_order_id, quantity).await))
                    }),
                    Output::Query { symbol, client_order_id, question } => {
                        self.spawn(
                            async move { client.query(&symbol, &client_order_id, question).await.map(Input::Venue) },
                        );
                    }
                    Output::Trades { symbol, client_order_id, venue_order_id } => self.spawn(async move {
                        let fills = client.trades(&symbol, venue_order_id).await.ok()?;
                        Some(Input::Trades(client_order_id, fills))
                    }),
                    Output::History { .. } => {}
                    Output::Unattributed { what } | Output::Alarm { what } => self.told.push(what),
                }
            }
        }
    }

    fn deliver(&mut self, ts: Timestamp, body: EventBody) {
        let of_market = !matches!(body, EventBody::Order(_) | EventBody::Fill(_));
        self.world.0.lock().unwrap().note(of_market, || format!("delivered {ts:?} {body:?}"));
        match &body {
            EventBody::Fill(fill) => *self.fills.entry(fill.trade_id).or_default() += 1,
            // Each once and in order, and no hole that was not told.
            EventBody::Trade(trade) => {
                assert!(
                    self.last_trade.is_none_or(|last| trade.id == last + 1),
                    "{} after {:?}",
                    trade.id,
                    self.last_trade
                );
                self.last_trade = Some(trade.id);
                self.heard.insert("trades");
            }
            EventBody::Quote(_) => drop(self.heard.insert("quotes")),
            EventBody::Depth(_) => drop(self.heard.insert("depth")),
            EventBody::Kline(_) => drop(self.heard.insert("klines")),
            EventBody::FeedGap { stream: StreamKind::Trades, .. } => self.last_trade = None,
            _ => {}
        }
        if let EventBody::Order(update) = &body {
            // The allocation is the account: what the gate lets through can be paid.
            assert_ne!(update.reason, OrderReason::InsufficientBalance, "{update:?}");
            self.set_off += u64::from(update.change == OrderChange::Triggered);
            self.by_list += u64::from(update.change == OrderChange::Expired && update.reason == OrderReason::List);
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

    /// A book that says it is in sync is the exchange's at that update, level by level.
    fn compare_book(&mut self) {
        let Some(best) = self.desk.book(BTC, 1, 0) else { return };
        let world = self.world.0.lock().unwrap();
        let Some(truth) = world.books.get(&best.last_update_id) else { return };
        let Some(book) = self.desk.book(BTC, 1_000, 0) else { return };
        let side = |levels: &[ringfence_model::event::Level]| {
            let text = ringfence_wire::number::text;
            let rows = levels.iter().map(|level| [text(level.price), text(level.quantity)]);
            serde_json::to_string(&rows.collect::<Vec<_>>()).unwrap()
        };
        let ours = format!(
            r#"{{"lastUpdateId":{},"bids":{},"asks":{}}}"#,
            book.last_update_id,
            side(&book.bids),
            side(&book.asks)
        );
        assert_eq!(ours, *truth);
        self.compared += 1;
    }

    /// Some order of some kind near the market.
    fn wish(&self, chance: &mut Chance) -> Option<NewOrder> {
        let (_, quote) = self.desk.last_quote(BTC, 0)?;
        let side = if chance.one_in(2) { Side::Buy } else { Side::Sell };
        let quantity = Decimal::new(1 + i64::try_from(chance.below(40)).unwrap(), 4);
        let tick = Decimal::new(1, 2);
        let away = tick * Decimal::from(chance.below(400));
        let price = match side {
            Side::Buy => quote.bid_price - away + tick * Decimal::from(200),
            Side::Sell => quote.ask_price + away - tick * Decimal::from(200),
        };
        let (above, below) = (quote.ask_price + away, quote.bid_price - away);
        // Where a stop-loss of this side waits, and a take-profit.
        let (loss, profit) = if side == Side::Buy { (above, below) } else { (below, above) };
        let trigger = |chance: &mut Chance, at| {
            if chance.one_in(4) {
                Trigger::Trailing(10 + u32::try_from(chance.below(20)).unwrap())
            } else {
                Trigger::Price(at)
            }
        };
        let time_in_force = if chance.one_in(4) { TimeInForce::Ioc } else { TimeInForce::Gtc };
        let kind = match chance.below(10) {
            0 => OrderKind::Market(MarketSize::Base(quantity)),
            1 => OrderKind::Market(MarketSize::Quote(Decimal::from(20 + chance.below(100)))),
            2 => OrderKind::LimitMaker { quantity, price },
            3 => OrderKind::StopLoss { quantity, trigger: trigger(chance, loss) },
            4 => OrderKind::TakeProfit { quantity, trigger: trigger(chance, profit) },
            5 => OrderKind::StopLossLimit { quantity, trigger: trigger(chance, loss), price, time_in_force },
            6 => OrderKind::TakeProfitLimit { quantity, trigger: trigger(chance, profit), price, time_in_force },
            7 => OrderKind::Limit {
                quantity,
                price,
                time_in_force: TimeInForce::Gtc,
                iceberg_quantity: Some(Decimal::new(1, 4)),
            },
            _ => OrderKind::Limit { quantity, price, time_in_force, iceberg_quantity: None },
        };
        Some(NewOrder { instrument: BTC, side, kind, reduce_only: false, tag: None })
    }

    /// Orders that depend on each other, near enough to the market that they do.
    fn wish_for_list(&self, chance: &mut Chance) -> Option<OrderList> {
        let (_, quote) = self.desk.last_quote(BTC, 0)?;
        let side = if chance.one_in(2) { Side::Buy } else { Side::Sell };
        let quantity = Decimal::new(2 + i64::try_from(chance.below(40)).unwrap(), 4);
        let tick = Decimal::new(1, 2);
        let away = |chance: &mut Chance| tick * Decimal::from(1 + chance.below(300));
        let (above, below) = (quote.ask_price + away(chance), quote.bid_price - away(chance));
        let (loss, profit) = if side == Side::Buy { (above, below) } else { (below, above) };
        let of = |side, kind| NewOrder { instrument: BTC, side, kind, reduce_only: false, tag: None };
        let time_in_force = TimeInForce::Gtc;
        let stop = match chance.below(3) {
            0 => OrderKind::StopLoss { quantity, trigger: Trigger::Price(loss) },
            1 => OrderKind::StopLoss { quantity, trigger: Trigger::Trailing(10) },
            _ => OrderKind::StopLossLimit { quantity, trigger: Trigger::Price(loss), price: loss, time_in_force },
        };
        let take = if chance.one_in(3) {
            OrderKind::TakeProfit { quantity, trigger: Trigger::Price(profit) }
        } else {
            OrderKind::LimitMaker { quantity, price: profit }
        };
        let (upper, lower) = if side == Side::Buy { (stop, take) } else { (take, stop) };
        let pair = [of(side, upper), of(side, lower)];
        // What they wait for: the other side, at a price that may be met at once.
        let first = side.opposite();
        let near = tick * Decimal::from(chance.below(200));
        let price = if first == Side::Buy { quote.ask_price - near } else { quote.bid_price + near };
        let working = of(first, OrderKind::Limit { quantity, price, time_in_force, iceberg_quantity: None });
        let [upper, lower] = pair;
        Some(match chance.below(3) {
            0 => OrderList::Oco(Box::new([upper, lower])),
            1 => OrderList::Oto(Box::new([working, if chance.one_in(2) { upper } else { lower }])),
            _ => OrderList::Otoco(Box::new([working, upper, lower])),
        })
    }

    /// The strategy does something.
    pub(crate) fn act(&mut self, chance: &mut Chance) {
        let now = self.client.now();
        let open: Vec<OrderId> = self.desk.open_orders().iter().map(|open| open.order).collect();
        let one =
            |chance: &mut Chance| open.get(usize::try_from(chance.below(open.len().max(1) as u64)).unwrap()).copied();
        match chance.below(9) {
            0..=4 => {
                let Some(order) = self.wish(chance) else { return };
                // A denial is an answer as good as any.
                drop(self.desk.submit(now, order, 0));
            }
            8 => {
                let Some(list) = self.wish_for_list(chance) else { return };
                self.lists += u64::from(self.desk.submit_list(now, list, 0).is_ok());
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

    /// Rests orders at the best prices and behind them.
    pub(crate) fn quote_both_sides(&mut self) {
        let now = self.client.now();
        let (_, quote) = self.desk.last_quote(BTC, 0).expect("a market");
        for step in 0..5 {
            let away = Decimal::from(step * 4);
            for (side, price) in [(Side::Buy, quote.bid_price - away), (Side::Sell, quote.ask_price + away)] {
                let kind = OrderKind::LimitMaker { quantity: Decimal::new(1, 3), price };
                let order = NewOrder { instrument: BTC, side, kind, reduce_only: false, tag: None };
                self.desk.submit(now, order, 0).expect("it is within the limits");
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

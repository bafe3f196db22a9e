//! Socket bytes in, order bytes out: the client over real loopback sockets, the engine on a
//! thread of its own as in the host, and a strategy that orders at each quote. Measured
//! from the moment a quote's frame is read off its socket until the order's frame is given
//! to the other one. `cargo bench -p ringfence-binance --bench path`.

#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, Sink, Stream};
use ringfence_binance::client::net::Net;
use ringfence_binance::client::transport::{HttpAnswer, HttpCall, HttpError, OpenError, Socket, Transport};
use ringfence_binance::limits::SocketLimits;
use ringfence_binance::{Client, ClientConfig, ClientEvent, Credentials, Tuning};
use ringfence_engine::{Engine, EngineConfig, Limits, Output, SeatConfig};
use ringfence_exchange::config::LimitConfig;
use ringfence_exchange::server::{self, Market};
use ringfence_exchange::{AccountConfig, Exchange, ExchangeConfig, SymbolConfig};
use ringfence_model::desk::Desk as _;
use ringfence_model::{
    Decimal, Event, EventBody, InstrumentId, Micros, NewOrder, OrderKind, Side, StreamKind, TimeInForce, Timestamp,
};
use tokio_tungstenite::tungstenite::{Error, Message};

const SAMPLES: usize = 2_000;
const WARM_UP: usize = 200;

#[derive(Default)]
struct Times {
    /// When quotes were read that no order has answered yet.
    read: VecDeque<Instant>,
    took: Vec<Duration>,
}

/// The real transport with a watch at its sockets.
#[derive(Clone)]
struct Watched {
    net: Net,
    times: Arc<Mutex<Times>>,
}

struct WatchedSocket {
    socket: Socket,
    times: Arc<Mutex<Times>>,
}

impl Stream for WatchedSocket {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let frame = self.socket.as_mut().poll_next(context);
        if let Poll::Ready(Some(Ok(Message::Text(text)))) = &frame
            && text.contains("bookTicker")
        {
            self.times.lock().unwrap().read.push_back(Instant::now());
        }
        frame
    }
}

impl Sink<Message> for WatchedSocket {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.socket.as_mut().poll_ready(context)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        if matches!(&message, Message::Text(text) if text.contains("order.place")) {
            let now = Instant::now();
            let mut times = self.times.lock().unwrap();
            let read = times.read.pop_front().expect("a quote before each order");
            times.took.push(now - read);
        }
        self.socket.as_mut().start_send(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.socket.as_mut().poll_flush(context)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.socket.as_mut().poll_close(context)
    }
}

impl Transport for Watched {
    fn http(&self, call: HttpCall) -> BoxFuture<'static, Result<HttpAnswer, HttpError>> {
        self.net.http(call)
    }

    fn open(&self, url: String) -> BoxFuture<'static, Result<Socket, OpenError>> {
        let (opening, times) = (self.net.open(url), Arc::clone(&self.times));
        async move {
            let socket = opening.await?;
            Ok(Box::pin(WatchedSocket { socket, times }) as Socket)
        }
        .boxed()
    }

    fn unix_time(&self) -> Timestamp {
        self.net.unix_time()
    }
}

async fn run() -> Vec<Duration> {
    let account = AccountConfig::default();
    let exchange = Exchange::new(ExchangeConfig {
        symbols: vec![SymbolConfig::known("BTCUSDT").unwrap()],
        start: Net::new().unwrap().unix_time(),
        limits: LimitConfig {
            weight_per_minute: 10_000_000,
            raw_per_five_minutes: 10_000_000,
            orders_per_ten_seconds: 1_000_000,
            orders_per_day: 10_000_000,
            ..LimitConfig::default()
        },
        ..ExchangeConfig::default()
    })
    .unwrap();
    let server = server::start(exchange, Market::Generator, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
    let config = ClientConfig {
        rest_url: server.rest_url.clone(),
        stream_url: server.stream_url.clone(),
        ws_api_url: server.ws_api_url.clone(),
        credentials: Some(Credentials::new(account.api_key.clone(), account.secret.clone())),
        recv_window_ms: 5_000,
        sockets: SocketLimits::default(),
        state_file: None,
    };
    let times = Arc::new(Mutex::new(Times::default()));
    let transport = Arc::new(Watched { net: Net::new().unwrap(), times: Arc::clone(&times) });
    let (events, inbox) = channel();
    let sink = Arc::new(move |event| {
        if let ClientEvent::Venue { event, .. } = event {
            drop(events.send(event));
        }
    });
    let (client, instruments) =
        Client::connect_over(transport, Tuning::default(), config, &["BTCUSDT".to_owned()], sink).await.unwrap();
    let session = EngineConfig { session: "b".into(), instruments, query_after: Micros::from_secs(5) };
    let mut engine = Engine::new(session).unwrap();
    let (commands, wishes) = channel();
    let seat = SeatConfig {
        name: "p".into(),
        permissions: ringfence_engine::Permissions::default(),
        instruments: vec![InstrumentId(0)],
        allocation: account.balances.clone(),
        limits: Limits {
            orders_per_second: u32::MAX,
            orders_per_day: u32::MAX,
            open_orders: u32::MAX,
            order_notional: Decimal::ZERO,
            open_notional: Decimal::ZERO,
            position_notional: Decimal::ZERO,
            price_collar: Decimal::ZERO,
            daily_loss: Decimal::ZERO,
            ..Limits::default()
        },
    };
    let (_, mut desk) = engine.open_seat(seat, Box::new(move |command| drop(commands.send(command)))).unwrap();
    desk.subscribe(InstrumentId(0), StreamKind::Quotes).unwrap();
    engine.command(client.now(), wishes.recv().unwrap(), &mut Vec::new());
    client.subscribe(InstrumentId(0), StreamKind::Quotes);
    let runtime = tokio::runtime::Handle::current();
    let worker = {
        let client = client.clone();
        std::thread::spawn(move || {
            let (mut out, mut seq) = (Vec::new(), 0);
            while let Ok(event) = inbox.recv() {
                let now = client.now();
                engine.venue(now, event, &mut out);
                let mut at = 0;
                while at < out.len() {
                    match &out[at] {
                        Output::Deliver { ts, body, .. } => {
                            seq += 1;
                            drop(desk.apply(&Event { seq, ts: *ts, body: body.clone() }));
                            if let EventBody::Quote(quote) = body {
                                // Far below the market and gone at once.
                                let kind = OrderKind::Limit {
                                    quantity: Decimal::new(1, 3),
                                    price: (quote.bid_price * Decimal::new(9, 1)).round_dp(2),
                                    time_in_force: TimeInForce::Ioc,
                                    iceberg_quantity: None,
                                };
                                let order = NewOrder {
                                    instrument: InstrumentId(0),
                                    side: Side::Buy,
                                    kind,
                                    reduce_only: false,
                                    tag: None,
                                };
                                desk.submit(now, order, seq).unwrap();
                            }
                        }
                        Output::Place(approved) => {
                            let (client, approved) = (client.clone(), approved.clone());
                            runtime
                                .spawn(async move { drop(client.place(approved.order(), approved.reduces()).await) });
                        }
                        _ => {}
                    }
                    while let Ok(command) = wishes.try_recv() {
                        engine.command(now, command, &mut out);
                    }
                    at += 1;
                }
                out.clear();
            }
        })
    };
    while times.lock().unwrap().took.len() < WARM_UP + SAMPLES {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let took = times.lock().unwrap().took[WARM_UP..].to_vec();
    client.close().await;
    drop(client);
    server.stop().await;
    drop(worker);
    took
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut took = runtime.block_on(run());
    took.sort_unstable();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
    println!(
        "socket bytes in -> order bytes out, {} orders: p50 {:?}, p90 {:?}, p99 {:?}, max {:?}",
        took.len(),
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0)
    );
}

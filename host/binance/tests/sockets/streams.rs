//! Market streams: what is asked for, what comes out, what happens when the socket is lost;
//! depth snapshots; the end of a client.

use std::collections::BTreeSet;

use ringfence_binance::{Client, ClientEvent, StreamNews};
use ringfence_model::venue::{MarketData, VenueEvent};
use ringfence_model::{Instrument, InstrumentId, StreamKind, Timestamp};
use ringfence_wire::stream::MarketStream;
use ringfence_wire::stream::name::{Interval, Levels, Speed, SymbolStream, Window, Zone};
use ringfence_wire::stream::payload::Payload;
use serde_json::json;

use super::venue::{PATIENCE, Peer, Reply, Told, Venue, combined, documented, is, is_down, is_up, told, trade_id};

const DEPTH: &str = "GET /api/v3/depth";

/// A client with a confirmed stream of trades of each of these symbols.
async fn trading(venue: &mut Venue, symbols: &[&str]) -> (Client, Vec<Instrument>, Told, Peer) {
    let (client, instruments, told) = venue.market_client().await;
    for symbol in symbols {
        client.subscribe(of(&instruments, symbol), StreamKind::Trades);
    }
    let mut peer = venue.stream().await;
    let mut asked = Vec::new();
    while asked.len() < symbols.len() {
        asked.extend(peer.begin().await);
    }
    asked.sort();
    let mut wanted: Vec<_> = symbols.iter().map(|symbol| format!("{}@trade", symbol.to_lowercase())).collect();
    wanted.sort();
    assert_eq!(asked, wanted);
    (client, instruments, told, peer)
}

fn of(instruments: &[Instrument], symbol: &str) -> InstrumentId {
    instruments.iter().find(|known| known.symbol == symbol).unwrap().id
}

fn notices(all: &[ClientEvent], words: &str) -> usize {
    all.iter().filter(|event| matches!(event, ClientEvent::Notice(text) if text.contains(words))).count()
}

fn count(all: &[ClientEvent], wanted: &VenueEvent) -> usize {
    all.iter().filter(|event| is(event, wanted)).count()
}

#[tokio::test]
async fn documented_events_come_out_parsed() {
    let mut venue = Venue::start().await;
    let (client, instruments, mut told) = venue.market_client().await;
    let kinds = [
        ("BNBBTC", StreamKind::Trades, "bnbbtc@trade", "trade-streams"),
        ("BNBBTC", StreamKind::AggregateTrades, "bnbbtc@aggTrade", "aggregate-trade-streams"),
        ("BNBUSDT", StreamKind::Quotes, "bnbusdt@bookTicker", "individual-symbol-book-ticker-streams"),
        ("BNBBTC", StreamKind::Klines(60), "bnbbtc@kline_1m", "kline-candlestick-streams-for-utc"),
        ("BNBBTC", StreamKind::Ticker, "bnbbtc@ticker", "individual-symbol-ticker-streams"),
        ("BNBBTC", StreamKind::Book(5), "bnbbtc@depth5@100ms", "partial-book-depth-streams"),
        ("BNBBTC", StreamKind::Depth, "bnbbtc@depth@100ms", "diff-depth-stream"),
    ];
    for (symbol, kind, ..) in &kinds {
        client.subscribe(of(&instruments, symbol), *kind);
    }
    client.subscribe(InstrumentId(0), StreamKind::Book(7));
    told.notice("the venue has no stream Book(7) of BNBBTC").await;
    let mut peer = venue.stream().await;
    let mut asked = BTreeSet::new();
    while asked.len() < kinds.len() {
        // Not confirmed: so no depth snapshot is fetched.
        asked.extend(peer.ask_for("SUBSCRIBE").await.1);
    }
    assert_eq!(asked, kinds.iter().map(|kind| kind.2.to_owned()).collect());
    for (.., name, file) in &kinds {
        peer.send(combined(name, &documented(&format!("streams/{file}.1.json")))).await;
    }
    let mut got = Vec::new();
    while got.len() < kinds.len() {
        let ClientEvent::Venue { received, event: VenueEvent::Market(data) } = told.next("market data").await else {
            continue;
        };
        assert!(received.as_millis().abs_diff(venue.now_ms()) < 3_000);
        got.push(data);
    }
    let bnb = of(&instruments, "BNBBTC");
    assert!(
        matches!(&got[0], MarketData::Trade { instrument, id: 12_345, ts, .. } if *instrument == bnb && *ts == Timestamp::from_millis(1_672_515_782_136))
    );
    assert!(matches!(&got[1], MarketData::AggregateTrade { id: 12_345, .. }));
    assert!(
        matches!(&got[2], MarketData::Quote { instrument, update_id: 400_900_217, .. } if *instrument == of(&instruments, "BNBUSDT"))
    );
    assert!(matches!(&got[3], MarketData::Kline { kline, .. } if kline.interval == 60 && !kline.closed));
    assert!(matches!(&got[4], MarketData::Ticker { .. }));
    assert!(matches!(&got[5], MarketData::Book { book, .. } if book.instrument == bnb && book.last_update_id == 160));
    assert!(
        matches!(&got[6], MarketData::Depth { update, .. } if (update.first_update_id, update.last_update_id) == (157, 160))
    );
    assert_eq!((client.counts().received, client.counts().unparsed), (7, 0));
    assert!(venue.seen(DEPTH).is_empty());
}

/// Each spot stream that plugins can't have: asked for by its name, told in the venue's own
/// words, ended when the last who wanted it has left.
#[tokio::test]
async fn every_other_stream_of_the_venue_can_be_followed() {
    let mut venue = Venue::start().await;
    let (client, instruments, mut told) = venue.market_client().await;
    let of_bnb = |stream| MarketStream::of("BNBBTC", stream);
    let day = Interval::of_name("1d").unwrap();
    let streams = [
        (of_bnb(SymbolStream::BlockTrade), "bnbbtc@blockTrade", "block-trade-streams"),
        (of_bnb(SymbolStream::AveragePrice), "bnbbtc@avgPrice", "average-price"),
        (of_bnb(SymbolStream::ReferencePrice), "bnbbtc@referencePrice", "reference-price-streams"),
        (of_bnb(SymbolStream::MiniTicker), "bnbbtc@miniTicker", "individual-symbol-mini-ticker-stream"),
        (
            of_bnb(SymbolStream::WindowTicker(Window::OneHour)),
            "bnbbtc@ticker_1h",
            "individual-symbol-rolling-window-statistics-streams",
        ),
        (
            of_bnb(SymbolStream::Kline(day, Zone::East8)),
            "bnbbtc@kline_1d@+08:00",
            "kline-candlestick-streams-with-timezone-offset",
        ),
        (of_bnb(SymbolStream::PartialDepth(Levels::Ten, Speed::Slow)), "bnbbtc@depth10", "partial-book-depth-streams"),
        (of_bnb(SymbolStream::Depth(Speed::Slow)), "bnbbtc@depth", "diff-depth-stream"),
        (MarketStream::AllMiniTickers, "!miniTicker@arr", "individual-symbol-mini-ticker-stream"),
        (
            MarketStream::AllWindowTickers(Window::FourHours),
            "!ticker_4h@arr",
            "individual-symbol-rolling-window-statistics-streams",
        ),
        // Nobody's instrument: plugins can't have it, whatever it is.
        (MarketStream::of("DOGEUSDT", SymbolStream::Trade), "dogeusdt@trade", "trade-streams"),
    ];
    for (stream, ..) in &streams {
        client.follow(stream);
    }
    // Twice wanted, one of them plugins' by another way, is once asked for.
    client.follow(&streams[0].0);
    client.follow(&of_bnb(SymbolStream::Trade));
    client.subscribe(of(&instruments, "BNBBTC"), StreamKind::Trades);
    let mut peer = venue.stream().await;
    let mut asked = Vec::new();
    while asked.len() < streams.len() + 1 {
        asked.extend(peer.begin().await);
    }
    asked.sort();
    let mut wanted: Vec<_> = streams.iter().map(|(_, name, _)| (*name).to_owned()).collect();
    wanted.push("bnbbtc@trade".to_owned());
    wanted.sort();
    assert_eq!(asked, wanted);

    let body = |name: &str, file: &str| {
        let one = documented(&format!("streams/{file}.1.json"));
        if name.ends_with("@arr") { format!("[{one}]") } else { one }
    };
    for (_, name, file) in &streams {
        peer.send(combined(name, &body(name, file))).await;
    }
    peer.send(combined("bnbbtc@blockTrade", "{}")).await;
    peer.trade("BNBBTC", 7).await;
    let all = told.trade(7).await;
    let mut got = Vec::new();
    for event in &all {
        match event {
            ClientEvent::Stream { stream, news: StreamNews::Message(payload), .. } => got.push((stream, payload)),
            ClientEvent::Unparsed { error } => {
                assert!(error.starts_with("stream bnbbtc@blockTrade: blockTrade:"), "{error}")
            }
            ClientEvent::Notice(_) => {}
            ClientEvent::Venue { event: VenueEvent::Market(MarketData::Trade { .. }), .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(got.len(), streams.len(), "{all:?}");
    for ((stream, payload), (wanted, name, file)) in got.into_iter().zip(&streams) {
        assert_eq!(stream, wanted);
        assert_eq!(payload, &Payload::read(wanted, body(name, file).as_bytes()).unwrap(), "{name}");
    }
    assert_eq!(client.counts().unparsed, 1);
    assert!(venue.seen(DEPTH).is_empty(), "a book is for who has it built");

    // A lost connection is told of each, and when it is back.
    peer.goodbye().await;
    let mut down = BTreeSet::new();
    while down.len() < streams.len() {
        if let ClientEvent::Stream { stream, news: StreamNews::Down, .. } = told.next("all down").await {
            assert!(down.insert(stream));
        }
    }
    let mut peer = venue.stream().await;
    let mut again = Vec::new();
    while again.len() < wanted.len() {
        again.extend(peer.begin().await);
    }
    let mut up = BTreeSet::new();
    while up.len() < streams.len() {
        if let ClientEvent::Stream { stream, news: StreamNews::Up, .. } = told.next("all up").await {
            assert!(up.insert(stream));
        }
    }
    assert_eq!(up, down);
    // Two of three, and one of two, have left: both go on.
    client.unfollow(&of_bnb(SymbolStream::Trade));
    client.unfollow(&streams[0].0);
    client.unfollow(&streams[1].0);
    assert_eq!(peer.ask_for("UNSUBSCRIBE").await.1, ["bnbbtc@avgPrice"]);
    client.unfollow(&streams[0].0);
    assert_eq!(peer.ask_for("UNSUBSCRIBE").await.1, ["bnbbtc@blockTrade"]);
    client.unsubscribe(of(&instruments, "BNBBTC"), StreamKind::Trades);
    assert_eq!(peer.ask_for("UNSUBSCRIBE").await.1, ["bnbbtc@trade"]);
}

#[tokio::test]
async fn unreadable_messages_are_counted_and_stop_nothing() {
    let mut venue = Venue::start().await;
    let (client, _, mut told, mut peer) = trading(&mut venue, &["BTCUSDT"]).await;
    let bad = [
        "".to_owned(),
        "{".to_owned(),
        "null".to_owned(),
        combined("btcusdt@trade", "{}"),
        combined("btcusdt@nonsense", "{}"),
        super::venue::trade("DOGEUSDT", 1),
        "\u{0}".repeat(5_000),
    ];
    for text in &bad {
        peer.send(text.clone()).await;
    }
    peer.trade("BTCUSDT", 7).await;
    let mut all = told.trade(7).await;
    // This venue's clock is not of this year, which is told.
    all.retain(|event| !matches!(event, ClientEvent::Notice(text) if text.contains("machine's clock")));
    let errors = all.iter().filter(|event| matches!(event, ClientEvent::Unparsed { .. })).count();
    assert_eq!((errors, all.len()), (bad.len(), bad.len() + 1), "{all:?}");
    assert_eq!((client.counts().received, client.counts().unparsed), (8, 7));
}

#[tokio::test]
async fn streams_end_and_begin_on_the_running_socket() {
    let mut venue = Venue::start().await;
    let (client, instruments, mut told, mut peer) = trading(&mut venue, &["BTCUSDT", "ETHUSDT"]).await;
    let (btc, eth) = (of(&instruments, "BTCUSDT"), of(&instruments, "ETHUSDT"));
    client.unsubscribe(btc, StreamKind::Trades);
    let (id, names) = peer.ask_for("UNSUBSCRIBE").await;
    assert_eq!(names, ["btcusdt@trade"]);
    peer.confirm(id).await;
    client.subscribe(btc, StreamKind::Quotes);
    assert_eq!(peer.begin().await, ["btcusdt@bookTicker"]);
    // What is wanted twice is asked for once.
    client.subscribe(eth, StreamKind::Trades);
    client.subscribe(eth, StreamKind::Ticker);
    assert_eq!(peer.begin().await, ["ethusdt@ticker"]);
    drop(peer);
    told.streams(false, 3).await;
    let mut peer = venue.stream().await;
    assert_eq!(peer.begin().await, ["btcusdt@bookTicker", "ethusdt@ticker", "ethusdt@trade"], "all of it, only it");
    told.streams(true, 3).await;
}

#[tokio::test]
async fn refused_streams_are_told() {
    let mut venue = Venue::start().await;
    let (client, instruments, mut told, mut peer) = trading(&mut venue, &["BTCUSDT"]).await;
    for with_id in [true, false] {
        client.subscribe(of(&instruments, "BTCUSDT"), StreamKind::Klines(if with_id { 60 } else { 300 }));
        let (id, names) = peer.ask_for("SUBSCRIBE").await;
        let error = json!({"code": 2, "msg": "Invalid request"});
        let answer = if with_id { json!({"error": error, "id": id}) } else { error };
        peer.send(answer.to_string()).await;
        let all = told.notice("Invalid request").await;
        assert!(with_id || all.len() == 1, "{all:?}");
        let Some(ClientEvent::Notice(text)) = all.last() else { panic!("{all:?}") };
        assert!(!with_id || text.contains(&names[0]), "{text}");
    }
    peer.trade("BTCUSDT", 1).await;
    told.trade(1).await;
    assert_eq!(client.counts().unparsed, 0);
    // A refusal ends nothing: what comes is told.
    drop(peer);
    let mut peer = venue.stream().await;
    peer.ask_for("SUBSCRIBE").await;
    peer.send(r#"{"code":2,"msg":"Invalid request"}"#).await;
    told.notice("Invalid request").await;
    peer.trade("BTCUSDT", 2).await;
    told.trade(2).await;
}

#[tokio::test]
async fn a_lost_socket_is_told_and_all_streams_come_back() {
    let mut venue = Venue::start().await;
    let symbols = ["BTCUSDT", "ETHBTC", "ETHUSDT"];
    let (_client, _, mut told, mut peer) = trading(&mut venue, &symbols).await;
    for (round, how) in (1..).zip(["dropped", "closed"]) {
        peer.trade("BTCUSDT", round).await;
        told.trade(round).await;
        match how {
            "dropped" => drop(peer),
            _ => peer.goodbye().await,
        }
        let all = told.streams(false, 3).await;
        assert_eq!(all.len(), 3, "{how}: {all:?}");
        told.notice("market streams lost").await;
        peer = venue.stream().await;
        let (id, names) = peer.ask_for("SUBSCRIBE").await;
        assert_eq!(names, ["btcusdt@trade", "ethbtc@trade", "ethusdt@trade"]);
        // Up is said when the venue has confirmed, not before.
        peer.trade("ETHBTC", 1_000 + round).await;
        let all = told.trade(1_000 + round).await;
        assert!(!all.iter().any(is_up), "{how}: {all:?}");
        peer.confirm(id).await;
        let all = told.streams(true, 3).await;
        assert_eq!(all.len(), 3, "{how}: {all:?}");
    }
}

/// The venue shuts a server down: the next connection is up before the last one is left.
#[tokio::test]
async fn a_goodbye_is_followed_without_a_hole() {
    let mut venue = Venue::start().await;
    let (_client, _, mut told, mut old) = trading(&mut venue, &["BTCUSDT"]).await;
    old.trade("BTCUSDT", 1).await;
    old.send(r#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}"#).await;
    let mut new = venue.stream().await;
    let (id, names) = new.ask_for("SUBSCRIBE").await;
    assert_eq!(names, ["btcusdt@trade"]);
    // The new one is ahead of the old one, then behind it.
    new.trade("BTCUSDT", 3).await;
    new.confirm(id).await;
    for trade in 2..=4 {
        old.trade("BTCUSDT", trade).await;
    }
    for trade in 4..=5 {
        new.trade("BTCUSDT", trade).await;
    }
    let all = told.trade(5).await;
    old.ended().await;
    let trades: Vec<_> = all.iter().filter_map(trade_id).collect();
    assert_eq!(trades, [1, 2, 3, 4, 5]);
    assert!(!all.iter().any(|event| is_down(event) || is_up(event)), "{all:?}");
}

#[tokio::test]
async fn streams_are_up_when_their_message_is_confirmed() {
    let mut venue = Venue::start().await;
    let (client, instruments, mut told) = venue.market_client().await;
    let klines = [1, 60, 180, 300, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 28_800, 43_200, 86_400];
    let mut kinds: Vec<_> = klines.into_iter().map(StreamKind::Klines).collect();
    kinds.extend([5, 10, 20].map(StreamKind::Book));
    kinds.extend([StreamKind::Trades, StreamKind::AggregateTrades, StreamKind::Quotes, StreamKind::Ticker]);
    kinds.push(StreamKind::Klines(259_200));
    for known in &instruments {
        kinds.iter().for_each(|kind| client.subscribe(known.id, *kind));
    }
    let all = instruments.len() * kinds.len();
    let mut peer = venue.stream().await;
    let mut names = BTreeSet::new();
    while names.len() < all {
        names.extend(peer.begin().await);
    }
    drop(peer);
    told.streams(false, all).await;
    let mut peer = venue.stream().await;
    let first = peer.begin().await;
    assert_eq!(first.len(), 200);
    let (id, rest) = peer.ask_for("SUBSCRIBE").await;
    assert_eq!(first.len() + rest.len(), all);
    peer.trade("BTCUSDT", 1).await;
    let before = told.trade(1).await;
    assert_eq!(before.iter().filter(|event| is_up(event)).count(), 200);
    peer.confirm(id).await;
    told.streams(true, rest.len()).await;
    assert!(first.into_iter().chain(rest).collect::<BTreeSet<_>>() == names);
}

/// Attempts cost: the venue bans addresses that come back too often.
#[tokio::test]
async fn a_venue_that_takes_and_drops_is_asked_less_and_less_and_down_is_told_once() {
    let mut venue = Venue::start().await;
    let (_client, _, mut told, peer) = trading(&mut venue, &["BTCUSDT"]).await;
    peer.goodbye().await;
    told.streams(false, 1).await;
    told.notice("attempt 1 in").await;
    for attempt in 1..=3 {
        if attempt == 2 {
            // Not even a handshake.
            drop(venue.stream_socket().await);
        } else {
            let mut peer = venue.stream().await;
            peer.begin().await;
            told.streams(true, 1).await;
            peer.goodbye().await;
        }
        let all = told.notice("market streams lost").await;
        assert_eq!(all.iter().filter(|event| is_down(event)).count(), usize::from(attempt != 2), "{attempt}: {all:?}");
        assert_eq!(notices(&all, &format!("attempt {} in", attempt + 1)), 1, "{all:?}");
    }
}

#[tokio::test]
async fn a_venue_that_never_confirms_is_left() {
    let mut venue = Venue::start().await;
    let (client, instruments, mut told) = venue.market_client().await;
    client.subscribe(of(&instruments, "BTCUSDT"), StreamKind::Trades);
    let mut peer = venue.stream().await;
    peer.ask_for("SUBSCRIBE").await;
    // Nothing can happen any more but time.
    tokio::time::pause();
    told.notice_within(PATIENCE * 3, "not confirmed").await;
    tokio::time::resume();
    peer.ended().await;
}

/// A machine that is gone closes nothing: only missing pongs show it.
#[tokio::test]
async fn silent_sockets_are_given_up() {
    let mut venue = Venue::start().await;
    let (client, mut told, user) = venue.client().await;
    client.subscribe(InstrumentId(0), StreamKind::Trades);
    let mut peer = venue.stream().await;
    peer.begin().await;
    peer.trade("BNBBTC", 1).await;
    told.trade(1).await;
    tokio::time::pause();
    // Both are silent; in which order they are given up does not matter.
    let all = told.notice_within(PATIENCE * 20, "lost (silent)").await;
    let all = [all, told.notice_within(PATIENCE * 20, "lost (silent)").await].concat();
    let downs = all.iter().filter(|event| is_down(event)).count();
    assert_eq!((downs, count(&all, &VenueEvent::UserDown)), (1, 1), "{all:?}");
    tokio::time::resume();
    peer.ended().await;
    user.ended().await;
}

#[tokio::test]
async fn a_depth_stream_gets_a_snapshot_after_it_was_confirmed() {
    let mut venue = Venue::start().await;
    let (client, instruments, mut told) = venue.market_client().await;
    client.subscribe(of(&instruments, "BNBBTC"), StreamKind::Depth);
    client.subscribe(of(&instruments, "BNBBTC"), StreamKind::Trades);
    for round in 1..=2 {
        let mut peer = venue.stream().await;
        let (id, names) = peer.ask_for("SUBSCRIBE").await;
        assert_eq!(names, ["bnbbtc@depth@100ms", "bnbbtc@trade"]);
        peer.trade("BNBBTC", round).await;
        told.trade(round).await;
        assert_eq!(venue.seen(DEPTH).len() as u64, round - 1);
        peer.confirm(id).await;
        assert_eq!(told.book().await.1, 1_027_024);
        assert_eq!(venue.seen(DEPTH).last().unwrap().query, "symbol=BNBBTC&limit=1000");
    }
}

fn update(first: u64, last: u64) -> String {
    let data = json!({"e": "depthUpdate", "E": 1, "s": "BNBBTC", "U": first, "u": last, "b": [], "a": []});
    combined("bnbbtc@depth@100ms", &data.to_string())
}

fn book(last: u64) -> Reply {
    Reply::new(200, json!({"lastUpdateId": last, "bids": [], "asks": []}).to_string())
}

/// Binance, "How to manage a local order book correctly".
#[tokio::test]
async fn a_book_that_does_not_fit_is_fetched_again() {
    let mut venue = Venue::start().await;
    let (client, instruments, mut told) = venue.market_client().await;
    client.subscribe(of(&instruments, "BNBBTC"), StreamKind::Depth);
    client.subscribe(of(&instruments, "BNBBTC"), StreamKind::Trades);
    let mut peer = venue.stream().await;
    let (id, _) = peer.ask_for("SUBSCRIBE").await;
    peer.send(update(101, 103)).await;
    // No answer, then one that is older than the stream, then one that fits.
    venue.script(DEPTH, [Reply::new(503, ""), book(99), book(102)]);
    peer.confirm(id).await;
    let (all, last) = told.book().await;
    assert_eq!((last, venue.seen(DEPTH).len(), notices(&all, "BNBBTC: no book")), (102, 3, 2), "{all:?}");
    // No gap, nothing to do; a gap, a new book.
    venue.script(DEPTH, [book(120)]);
    peer.send(update(104, 110)).await;
    peer.trade("BNBBTC", 1).await;
    told.trade(1).await;
    assert_eq!(venue.seen(DEPTH).len(), 3);
    peer.send(update(115, 118)).await;
    assert_eq!((told.book().await.1, venue.seen(DEPTH).len()), (120, 4));
    // The stream goes on where the book ends.
    peer.send(update(119, 121)).await;
    peer.trade("BNBBTC", 2).await;
    told.trade(2).await;
    assert_eq!(venue.seen(DEPTH).len(), 4);
}

#[tokio::test]
async fn an_ended_depth_stream_fetches_no_book() {
    let mut venue = Venue::start().await;
    let (client, instruments, mut told) = venue.market_client().await;
    let id = of(&instruments, "BNBBTC");
    client.subscribe(id, StreamKind::Depth);
    venue.script(DEPTH, [Reply::Silence, book(5)]);
    let mut peer = venue.stream().await;
    peer.begin().await;
    venue.wait_seen(DEPTH, 1).await;
    client.unsubscribe(id, StreamKind::Depth);
    let (confirm, _) = peer.ask_for("UNSUBSCRIBE").await;
    peer.confirm(confirm).await;
    client.subscribe(id, StreamKind::Depth);
    // Begun again, it waits for no old answer.
    peer.begin().await;
    assert_eq!(told.book().await.1, 5);
}

#[tokio::test]
async fn a_closed_client_has_no_tasks_left() {
    for close in [true, false] {
        let mut venue = Venue::start().await;
        let (client, mut told, user) = venue.client().await;
        client.subscribe(InstrumentId(0), StreamKind::Depth);
        let mut peer = venue.stream().await;
        // A snapshot is under way and never comes.
        venue.script(DEPTH, [Reply::Silence]);
        peer.begin().await;
        venue.wait_seen(DEPTH, 1).await;
        if close {
            let closing = tokio::spawn({
                let client = client.clone();
                async move { client.close().await }
            });
            peer.ended().await;
            user.ended().await;
            closing.await.unwrap();
            // What is left of it is silent.
            client.subscribe(InstrumentId(1), StreamKind::Trades);
        }
        drop(client);
        // The last owner of the sink is gone.
        told.ended().await;
    }
}

#[tokio::test]
async fn a_client_that_waits_to_try_again_can_be_closed() {
    let mut venue = Venue::start().await;
    let (client, _, mut told, peer) = trading(&mut venue, &["BTCUSDT"]).await;
    drop(peer);
    told.notice("market streams lost").await;
    client.close().await;
    drop(client);
    told.ended().await;
}

#[tokio::test]
async fn a_failed_start_leaves_nothing() {
    let mut venue = Venue::start().await;
    let (sink, mut told) = told();
    let config = venue.config.clone();
    let connecting = tokio::spawn(async move { Client::connect(config, &["BTCUSDT".to_owned()], sink).await });
    let user = venue.user().await;
    connecting.abort();
    drop(connecting.await);
    user.ended().await;
    told.ended().await;
    assert!(told.rest().iter().all(|event| trade_id(event).is_none()));
}

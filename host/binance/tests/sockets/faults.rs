//! Seeded schedules of lost connections: whatever happens to the socket, each trade that
//! the client could read arrives once and in order, and no gap stays untold.
//!
//! `RINGFENCE_SEED=7 cargo test -p ringfence-binance faults` runs one schedule again.

use std::time::Duration;

use ringfence_binance::ClientEvent;
use ringfence_model::venue::VenueEvent;
use ringfence_model::{InstrumentId, StreamKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

use super::venue::{Peer, SYMBOLS, Venue, trade_id};

const SEEDS: u64 = 40;
/// Connections of one schedule that get as far as a subscription.
const SESSIONS: u64 = 3;
/// Connections of one schedule that don't; with more of them the waits would grow too long for a test.
const FAILURES: u64 = 2;
const TRADES: u64 = 500;

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % end
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }
}

/// What happened to one session.
#[derive(Debug)]
struct Session {
    sent: Vec<u64>,
    /// The client has read all that was sent.
    whole: bool,
    /// The venue confirmed the subscription, and the client read that.
    confirmed: bool,
    /// Messages that nobody can read.
    nonsense: usize,
}

/// Runs one connection to its end.
async fn session(venue: &mut Venue, chance: &mut Chance, number: u64, failures: &mut u64) -> Session {
    let mut socket = venue.stream_socket().await;
    while number > 0 && *failures < FAILURES && chance.one_in(4) {
        *failures += 1;
        // Lost before or within the handshake.
        if chance.one_in(2) {
            drop(socket.write_all(b"HTTP/1.1 101 Switching").await);
        }
        drop(socket);
        socket = venue.stream_socket().await;
    }
    let mut peer = Peer::accept(socket).await;
    let (id, names) = peer.ask_for("SUBSCRIBE").await;
    assert_eq!(names, ["btcusdt@trade"]);
    let mut done = Session { sent: Vec::new(), whole: false, confirmed: false, nonsense: 0 };
    let confirm_at = if chance.one_in(3) { chance.below(20) } else { 0 };
    let cut_at = if chance.one_in(3) { TRADES } else { chance.below(TRADES) };
    for trade in 0..TRADES {
        if trade == confirm_at {
            peer.confirm(id).await;
            done.confirmed = true;
        }
        if trade == cut_at {
            break;
        }
        match chance.below(80) {
            0 => tokio::time::sleep(Duration::from_millis(chance.below(4))).await,
            1 => {
                let nonsense = ["{", "{}", r#"{"stream":"btcusdt@trade","data":{"e":"trade"}}"#];
                peer.send(nonsense[chance.below(3) as usize]).await;
                done.nonsense += 1;
            }
            2 => futures_util::SinkExt::send(&mut peer.socket, Message::Ping("still there?".into())).await.unwrap(),
            3 => futures_util::SinkExt::send(&mut peer.socket, Message::binary("?")).await.unwrap(),
            _ => {}
        }
        let trade = number * TRADES + trade;
        peer.trade("BTCUSDT", trade).await;
        done.sent.push(trade);
    }
    match chance.below(4) {
        // The client reads up to the goodbye and answers it.
        0 | 1 => {
            peer.goodbye().await;
            done.whole = true;
        }
        // A frame that promises more than comes, then the end of the data: all before is read.
        2 => {
            let socket = peer.socket.get_mut();
            socket.write_all(&[0x81, 0x7e, 0x01, 0x00, b'{']).await.unwrap();
            socket.shutdown().await.unwrap();
            // Without the library, which would answer pings on a closed socket.
            while socket.read(&mut [0; 64]).await.is_ok_and(|read| read > 0) {}
            done.whole = true;
        }
        // Gone; what was under way may be lost.
        _ => {
            peer.socket.get_ref().set_zero_linger().unwrap();
            drop(peer);
        }
    }
    done
}

async fn schedule(seed: u64) {
    let mut chance = Chance(seed);
    let mut venue = Venue::start().await;
    let (client, instruments, mut told) = venue.market_client().await;
    let id = instruments[SYMBOLS.iter().position(|symbol| *symbol == "BTCUSDT").unwrap()].id;
    assert_ne!(id, InstrumentId(0));
    client.subscribe(id, StreamKind::Trades);
    let (mut sessions, mut failures) = (Vec::new(), 0);
    for number in 0..SESSIONS {
        sessions.push(session(&mut venue, &mut chance, number, &mut failures).await);
    }
    // One more, which nothing happens to.
    let mut peer = venue.stream().await;
    peer.begin().await;
    let end = SESSIONS * TRADES;
    peer.trade("BTCUSDT", end).await;
    sessions.push(Session { sent: vec![end], whole: true, confirmed: true, nonsense: 0 });
    let all = told.trade(end).await;
    check(&sessions, &all);
    let unparsed = all.iter().filter(|event| matches!(event, ClientEvent::Unparsed { .. })).count();
    assert!(unparsed <= sessions.iter().map(|session| session.nonsense).sum());
    assert_eq!(client.counts().unparsed, unparsed as u64);
    client.close().await;
    drop(client);
    told.ended().await;
}

/// Each trade once and in order; between trades of two connections a gap that was told.
fn check(sessions: &[Session], all: &[ClientEvent]) {
    let (mut up, mut downs) = (true, 0);
    // Number of the session, and whether a gap was told since its last trade.
    let mut last: Option<(u64, u64)> = None;
    let mut got = vec![Vec::new(); sessions.len()];
    for event in all {
        match event {
            ClientEvent::Venue { event: VenueEvent::StreamDown { .. }, .. } => {
                assert!(up, "down twice");
                up = false;
                downs += 1;
            }
            ClientEvent::Venue { event: VenueEvent::StreamUp { .. }, .. } => {
                assert!(!up, "up twice");
                up = true;
            }
            _ => {}
        }
        let Some(id) = trade_id(event) else { continue };
        let number = id / TRADES;
        if let Some((before, downs_before)) = last {
            assert!(before == number || downs > downs_before, "a gap before {id} was not told");
            assert!(before != number || downs == downs_before, "a gap that is none before {id}");
        }
        last = Some((number, downs));
        got[usize::try_from(number).unwrap()].push(id);
    }
    assert!(up, "the end of a gap was not told");
    for (session, got) in sessions.iter().zip(&got) {
        assert!(session.sent.starts_with(got), "not in order or twice: {got:?}");
        assert!(!session.whole || got.len() == session.sent.len(), "{} of {}", got.len(), session.sent.len());
        assert!(session.confirmed || session.sent.len() < 20, "{session:?}");
    }
}

#[tokio::test]
async fn every_readable_trade_arrives_once_and_gaps_are_told() {
    let one = std::env::var("RINGFENCE_SEED").ok().map(|seed| seed.parse().expect("RINGFENCE_SEED is a number"));
    let seeds: Vec<u64> = one.map_or_else(|| (0..SEEDS).collect(), |seed| vec![seed]);
    let mut running = JoinSet::new();
    for seed in seeds {
        running.spawn(async move { (seed, tokio::spawn(schedule(seed)).await) });
    }
    let mut failed = Vec::new();
    while let Some(done) = running.join_next().await {
        let (seed, result) = done.unwrap();
        if result.is_err() {
            failed.push(seed);
        }
    }
    assert!(failed.is_empty(), "run again with RINGFENCE_SEED={}: {failed:?}", failed[0]);
}

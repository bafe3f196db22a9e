//! Connecting; orders and what their answers mean; limits; the clock.

use std::net::TcpListener;

use ringfence_binance::{Client, ClientConfig, ClientEvent};
use ringfence_model::event::OrderReason;
use ringfence_model::order::MarketSize;
use ringfence_model::venue::{ClientOrderId, CommandOutcome, VenueEvent, VenueOrder};
use ringfence_model::{Decimal, OrderKind, Side};

use super::venue::{PATIENCE, Reply, SECRET, START_MS, SYMBOLS, Venue, assert_hush, documented, told, wait_for};

const PLACE: &str = "POST /api/v3/order";
const CANCEL: &str = "DELETE /api/v3/order";
const AMEND: &str = "PUT /api/v3/order/amend/keepPriority";
const QUERY: &str = "GET /api/v3/order";
const TIME: &str = "GET /api/v3/time";

fn order() -> VenueOrder {
    VenueOrder {
        symbol: "BTCUSDT".into(),
        side: Side::Buy,
        kind: OrderKind::Market(MarketSize::Base(Decimal::ONE)),
        client_order_id: id(),
    }
}

fn id() -> ClientOrderId {
    ClientOrderId("r-0-1".into())
}

fn outcome(event: VenueEvent) -> CommandOutcome {
    assert_hush(&format!("{event:?}"));
    match event {
        VenueEvent::Answer { outcome, client_order_id, .. } if client_order_id == id() => outcome,
        other => panic!("no answer to our order: {other:?}"),
    }
}

async fn do_it(client: &Client, what: &str) -> CommandOutcome {
    outcome(match what {
        PLACE => client.place(&order(), false).await,
        CANCEL => client.cancel("BTCUSDT", &id()).await,
        _ => client.amend("BTCUSDT", &id(), Decimal::ONE).await,
    })
}

fn used(client: &Client, name: &str) -> u64 {
    client.usage().iter().find(|(known, ..)| known == name).unwrap().1
}

#[tokio::test]
async fn connecting_learns_clock_rules_and_symbols() {
    let venue = Venue::start().await;
    let (client, instruments, _told) = venue.market_client().await;
    assert_eq!(venue.seen(TIME).len(), 3);
    let info = venue.seen("GET /api/v3/exchangeInfo");
    assert!(info.len() == 1 && info[0].query.starts_with("symbols=%5B%22BNBBTC%22%2C"), "{info:?}");
    assert!(venue.seen("").iter().all(|seen| seen.key.is_none() && !seen.query.contains("signature")));
    assert_eq!(instruments.iter().map(|known| known.symbol.as_str()).collect::<Vec<_>>(), SYMBOLS);
    assert_eq!(instruments[3].tick_size, Decimal::new(1, 5));
    assert!(client.now().as_millis().abs_diff(venue.now_ms()) < 1_000);
    let limits: Vec<_> = client.usage().into_iter().map(|(name, _, limit)| (name, limit)).collect();
    let wanted = [("weight/1m", 6_000), ("orders/10s", 50), ("orders/1d", 160_000), ("requests/5m", 300_000)];
    assert_eq!(limits, wanted.map(|(name, limit)| (name.to_owned(), limit)));
    assert_eq!(do_it(&client, PLACE).await, CommandOutcome::Rejected(OrderReason::Other), "there are no keys");
    assert!(venue.seen(PLACE).is_empty());
}

#[tokio::test]
async fn a_venue_that_lacks_a_symbol_or_answers_nonsense_is_an_error() {
    let venue = Venue::start().await;
    let connect = async |symbol: &str| Client::connect(venue.config.clone(), &[symbol.to_owned()], told().0).await;
    let error = connect("NOSUCH").await.unwrap_err();
    assert!(error.to_string().contains("does not list symbol NOSUCH"), "{error}");
    venue.script(TIME, [Reply::new(200, "<html>")]);
    let error = connect("BTCUSDT").await.unwrap_err();
    assert!(error.to_string().contains("ServerTime"), "{error}");
    venue.script(TIME, [Reply::new(403, "<html>go away</html>")]);
    let error = connect("BTCUSDT").await.unwrap_err();
    assert!(error.to_string().contains("the venue answered 403"), "{error}");
}

#[tokio::test]
async fn commands_end_as_the_venue_says_and_are_sent_once() {
    use CommandOutcome::{Accepted, Rejected, Unknown};
    let mut venue = Venue::start().await;
    let (client, mut told, _user) = venue.client().await;
    let accepted = [(PLACE, "new-order.1"), (CANCEL, "cancel-order.1"), (AMEND, "order-amend-keep-priority.1")];
    for (what, body) in accepted {
        let cases = [
            (Reply::new(200, documented(&format!("rest/{body}.json"))), Accepted),
            (Reply::error(400, -2010, "Duplicate order sent."), Rejected(OrderReason::Duplicate)),
            (Reply::error(400, -2011, "Unknown order sent."), Rejected(OrderReason::NotFound)),
            (Reply::error(400, -1013, "Filter failure: LOT_SIZE"), Rejected(OrderReason::Filter)),
            (Reply::error(400, -1007, "Timeout waiting for response"), Unknown),
            (Reply::new(403, "<html>"), Rejected(OrderReason::Other)),
            (Reply::new(500, ""), Unknown),
            (Reply::new(503, "Unknown error, please check your request or try again later."), Unknown),
            (Reply::Half, Unknown),
            (Reply::Drop, Unknown),
            (Reply::new(200, ""), Accepted),
        ];
        for (count, (reply, wanted)) in cases.into_iter().enumerate() {
            venue.script(what, [reply.clone()]);
            assert_eq!(do_it(&client, what).await, wanted, "{what}: {reply:?}");
            // A later request on the same pool shows that nothing was sent in between.
            client.account().await.unwrap();
            let seen: Vec<_> = venue.seen(what).into_iter().filter(|seen| seen.what == what).collect();
            assert_eq!(seen.len(), count + 1, "{what}: {reply:?}");
            seen[count].assert_signed(venue.now_ms());
        }
    }
    // Each loss is told to the operator.
    let lost = told
        .rest()
        .into_iter()
        .filter(|event| matches!(event, ClientEvent::Notice(text) if text.contains("no answer")));
    assert_eq!(lost.count(), 6);
}

#[tokio::test]
async fn a_venue_that_never_answers_leaves_the_order_unknown() {
    let mut venue = Venue::start().await;
    let (client, ..) = venue.client().await;
    venue.script(PLACE, [Reply::Silence]);
    let placing = tokio::spawn({
        let client = client.clone();
        async move { do_it(&client, PLACE).await }
    });
    venue.wait_seen(PLACE, 1).await;
    // Nothing can happen any more but time.
    tokio::time::pause();
    assert_eq!(placing.await.unwrap(), CommandOutcome::Unknown);
    tokio::time::resume();
    assert_eq!(venue.seen(PLACE).len(), 1);
}

/// Following one would send an order twice, or take the page at its end for an answer.
#[tokio::test]
async fn redirects_are_not_followed() {
    let mut venue = Venue::start().await;
    let (client, ..) = venue.client().await;
    for status in [301, 302, 303, 307, 308] {
        let elsewhere = format!("{}/elsewhere", venue.config.rest_url);
        venue.script(PLACE, [Reply::new(status, "").header("location", elsewhere)]);
        venue.script("POST /elsewhere", [Reply::new(200, "{}")]);
        venue.script("GET /elsewhere", [Reply::new(200, "{}")]);
        assert_eq!(do_it(&client, PLACE).await, CommandOutcome::Unknown, "{status}");
    }
    assert!(venue.seen("POST /elsewhere").is_empty() && venue.seen("GET /elsewhere").is_empty());
}

#[tokio::test]
async fn what_can_not_be_sent_is_rejected() {
    let mut venue = Venue::start().await;
    // Keys that HTTP can't carry: the request is never made.
    let bad = ringfence_binance::Credentials::new("a\nb".into(), SECRET.into());
    let (client, ..) = venue.client_of(ClientConfig { credentials: Some(bad), ..venue.config.clone() }).await;
    assert_eq!(do_it(&client, PLACE).await, CommandOutcome::Rejected(OrderReason::Other));
    // Nobody listens there any more.
    let (client, ..) = venue.client().await;
    drop(venue);
    wait_gone(&client).await;
    for what in [PLACE, CANCEL, AMEND] {
        assert_eq!(do_it(&client, what).await, CommandOutcome::Rejected(OrderReason::Other));
    }
    let error = client.account().await.unwrap_err();
    assert!(error.to_string().starts_with("the account: can't connect"), "{error}");
    assert_hush(&format!("{error} {error:?} {client:?}"));
}

/// Until the pool has noticed that its connections are closed.
async fn wait_gone(client: &Client) {
    let look = async {
        while !client.account().await.is_err_and(|error| error.to_string().contains("can't connect")) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, look).await.expect("the venue is gone");
}

#[tokio::test]
async fn no_venue_no_client() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let venue = Venue::start().await;
    let config = ClientConfig { rest_url: format!("http://{free}"), ..venue.config.clone() };
    assert_hush(&format!("{config:?}"));
    let error = Client::connect(config, &["BTCUSDT".to_owned()], told().0).await.unwrap_err();
    assert!(error.to_string().starts_with("server time: can't connect"), "{error}");
}

#[tokio::test]
async fn after_429_nothing_is_sent_until_the_time_is_over() {
    for status in [429, 418] {
        let mut venue = Venue::start().await;
        let (client, mut told, user) = venue.client().await;
        let reply = Reply::error(status, -1003, "Too many requests").header("Retry-After", 2);
        venue.script(PLACE, [reply, Reply::new(200, "{}")]);
        assert_eq!(do_it(&client, PLACE).await, CommandOutcome::Rejected(OrderReason::RateLimit));
        told.notice(&format!("{status}: nothing is sent for 2 s")).await;
        let (seen, blocked) = (venue.seen("").len(), venue.now_ms());
        for what in [PLACE, CANCEL, AMEND] {
            assert_eq!(do_it(&client, what).await, CommandOutcome::Rejected(OrderReason::RateLimit));
        }
        assert!(client.query("BTCUSDT", &id(), 1).await.is_none());
        let error = client.account().await.unwrap_err().to_string();
        assert!(error.contains("wants to hear nothing from this address; try again in 1."), "{error}");
        assert_eq!(venue.seen("").len(), seen, "nothing was sent");
        // Sockets don't knock either.
        drop(user);
        told.venue(&VenueEvent::UserDown).await;
        let mut user = venue.user().await;
        user.grant().await;
        assert!(venue.now_ms() >= blocked + 1_900, "the socket came back too early");
        assert_eq!(do_it(&client, PLACE).await, CommandOutcome::Accepted);
    }
}

#[tokio::test]
async fn the_venues_counts_correct_ours() {
    let mut venue = Venue::start().await;
    let (client, ..) = venue.client().await;
    let reply = Reply::new(200, "{}")
        .header("X-MBX-USED-WEIGHT-1M", 3_000)
        .header("x-mbx-order-count-10s", 49)
        .header("x-mbx-order-count-1d", "many");
    venue.script(PLACE, [reply]);
    assert_eq!(do_it(&client, PLACE).await, CommandOutcome::Accepted);
    assert_eq!((used(&client, "weight/1m"), used(&client, "orders/10s"), used(&client, "orders/1d")), (3_000, 49, 1));
    // 49 of 50 are used: a new order would be too much, a cancel is none.
    assert_eq!(do_it(&client, PLACE).await, CommandOutcome::Rejected(OrderReason::RateLimit));
    venue.script(CANCEL, [Reply::new(200, "{}").header("x-mbx-used-weight-1m", 6_000)]);
    assert_eq!(do_it(&client, CANCEL).await, CommandOutcome::Accepted);
    assert_eq!(do_it(&client, CANCEL).await, CommandOutcome::Rejected(OrderReason::RateLimit));
    assert_eq!((venue.seen(PLACE).len(), venue.seen(CANCEL).len()), (1, 1));
}

#[tokio::test]
async fn a_wrong_clock_is_set_again_whoever_finds_out() {
    let mut venue = Venue::start().await;
    let (client, mut told, _user) = venue.client().await;
    let wrong = || Reply::error(400, -1021, "Timestamp for this request is outside of the recvWindow.");
    for (count, what) in [PLACE, QUERY, "GET /api/v3/account"].into_iter().enumerate() {
        venue.move_clock(20_000);
        venue.script(what, [wrong()]);
        match what {
            PLACE => assert_eq!(do_it(&client, what).await, CommandOutcome::Rejected(OrderReason::Other)),
            QUERY => assert!(client.query("BTCUSDT", &id(), 1).await.is_none()),
            _ => assert!(client.account().await.is_err()),
        }
        told.notice("finds our clock wrong").await;
        venue.wait_seen(TIME, 3 * (count + 2)).await;
        wait_for(what, || client.now().as_millis().abs_diff(venue.now_ms()) < 1_000).await;
    }
    assert!(client.now().as_millis() > START_MS + 60_000);
}

#[tokio::test]
async fn questions_are_answered_or_not() {
    let mut venue = Venue::start().await;
    let (client, ..) = venue.client().await;
    venue.script(
        QUERY,
        [
            Reply::new(200, documented("rest/query-order.1.json")),
            Reply::error(400, -2013, "Order does not exist."),
            Reply::new(503, ""),
            Reply::Drop,
        ],
    );
    let query = async || client.query("LTCBTC", &id(), 1).await;
    assert!(matches!(query().await, Some(VenueEvent::Queried { report: Some(_), .. })));
    assert!(matches!(query().await, Some(VenueEvent::Queried { report: None, .. })));
    assert_eq!(query().await, None);
    assert_eq!(query().await, None);
    assert!(!client.account().await.unwrap().is_empty());
    venue.script("GET /api/v3/myTrades", [Reply::new(200, documented("rest/account-trade-list.1.json"))]);
    assert_eq!(client.trades("BNBBTC", 100_234).await.unwrap().len(), 1);
}

/// The venue gives a thousand fills at a time; an order may have more.
#[tokio::test]
async fn fills_of_an_order_are_read_to_the_last() {
    const TRADES: &str = "GET /api/v3/myTrades";
    let mut venue = Venue::start().await;
    let (client, ..) = venue.client().await;
    let documented: serde_json::Value = serde_json::from_str(&documented("rest/account-trade-list.1.json")).unwrap();
    let page = |ids: std::ops::Range<u64>| {
        let row = |id: u64| {
            let mut row = documented[0].clone();
            row["id"] = id.into();
            row
        };
        Reply::new(200, serde_json::Value::Array(ids.map(row).collect()).to_string())
    };
    venue.script(TRADES, [page(5..1_005), page(1_005..2_005), page(2_005..2_008)]);
    let ids: Vec<_> = client.trades("BNBBTC", 7).await.unwrap().iter().map(|fill| fill.trade_id).collect();
    assert_eq!(ids, (5..2_008).collect::<Vec<_>>());
    let from = |seen: &super::venue::Seen| {
        seen.query.split('&').find_map(|part| part.strip_prefix("fromId=")).map(str::to_owned)
    };
    let asked: Vec<_> = venue.seen(TRADES).iter().map(from).collect();
    assert_eq!(asked, [None, Some("1005".to_owned()), Some("2005".to_owned())]);
    // A page that is full by chance is followed by an empty one.
    venue.script(TRADES, [page(0..1_000), page(0..0)]);
    assert_eq!(client.trades("BNBBTC", 7).await.unwrap().len(), 1_000);
}

/// Firewalls like to show the whole address that they refuse.
#[tokio::test]
async fn a_venue_that_repeats_the_request_gives_nothing_away() {
    let mut venue = Venue::start().await;
    let (client, ..) = venue.client().await;
    let signature = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71";
    venue.script("GET /api/v3/account", [Reply::new(403, format!("no: /api/v3/account?signature={signature}"))]);
    let error = client.account().await.unwrap_err();
    assert!(error.to_string().contains("the venue answered 403: no: /api/v3/account?signature=<"), "{error}");
    assert_hush(&format!("{error} {error:?}"));
    venue.script("GET /api/v3/account", [Reply::new(200, format!("\"{signature}\""))]);
    let error = client.account().await.unwrap_err();
    assert_hush(&format!("{error} {error:?}"));
    let sent = ringfence_binance::request::account().sign(&super::venue::credentials(), START_MS, 5_000);
    assert_hush(&format!("{sent:?}"));
}

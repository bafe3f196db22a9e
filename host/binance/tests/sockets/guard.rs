//! What keeps the client from harm: limits over a restart, a wrong clock, breakers, keys of
//! every kind, and what a look at the venue finds.

use ringfence_binance::breaker::Family;
use ringfence_binance::client::checkup::Checkup;
use ringfence_binance::limits::Requester;
use ringfence_binance::{Client, ClientConfig, ClientEvent, Credentials};
use ringfence_model::event::OrderReason;
use ringfence_model::order::MarketSize;
use ringfence_model::venue::{ClientOrderId, CommandOutcome, VenueEvent, VenueOrder};
use ringfence_model::{Decimal, OrderKind, SeatId, Side};

use super::venue::{Reply, SYMBOLS, Venue, assert_hush, exchange_info, told};

const PLACE: &str = "POST /api/v3/order";
const ACCOUNT: &str = "GET /api/v3/account";
const TIME: &str = "GET /api/v3/time";
const PERMISSIONS: &str = "GET /sapi/v1/account/apiRestrictions";

fn order() -> VenueOrder {
    VenueOrder {
        symbol: "BTCUSDT".into(),
        side: Side::Buy,
        kind: OrderKind::Market(MarketSize::Base(Decimal::ONE)),
        client_order_id: ClientOrderId("r-0-1".into()),
    }
}

async fn place(client: &Client, reduces: bool) -> CommandOutcome {
    match client.place(&order(), reduces).await {
        VenueEvent::Answer { outcome, .. } => outcome,
        other => panic!("no answer: {other:?}"),
    }
}

fn symbols() -> Vec<String> {
    SYMBOLS.map(String::from).to_vec()
}

/// A ban is a promise to the venue: the next start keeps it, and asks for nothing.
#[tokio::test]
async fn a_restart_keeps_bans_and_counts() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("limits.json");
    let mut venue = Venue::start().await;
    let config = ClientConfig { state_file: Some(file.clone()), ..venue.config.clone() };
    let (client, ..) = venue.client_of(config.clone()).await;
    venue.script(
        PLACE,
        [Reply::new(200, "{}").header("X-MBX-USED-WEIGHT-1M", 1_234).header("X-MBX-ORDER-COUNT-1D", 17)],
    );
    assert_eq!(place(&client, false).await, CommandOutcome::Accepted);
    client.close().await;

    let (again, ..) = venue.client_of(config.clone()).await;
    let usage = again.usage();
    assert_eq!(usage.iter().find(|(name, ..)| name == "orders/1d").unwrap().1, 17);
    assert!(usage[0].1 >= 1_234, "{usage:?}");
    let reply = Reply::error(418, -1003, "Way too much request weight used; IP banned").header("Retry-After", 7_200);
    venue.script(ACCOUNT, [reply]);
    assert!(again.account().await.is_err());
    // No polite end: as if the process had been killed.
    drop(again);
    let seen = venue.seen("").len();
    let error = Client::connect(config.clone(), &symbols(), told().0).await.unwrap_err().to_string();
    assert!(error.contains("wants to hear nothing from this address; try again in 7"), "{error}");
    assert_eq!(venue.seen("").len(), seen, "nothing was asked");

    // A file that can't be read is told, and does not stop the start.
    std::fs::write(&file, "{").unwrap();
    let (sink, mut notices) = told();
    let market = ClientConfig { credentials: None, ..config };
    Client::connect(market, &symbols(), sink).await.unwrap();
    notices.notice("starting without it").await;
}

/// The venue's clock is thirty seconds ahead of this machine's and years behind: both work.
#[tokio::test]
async fn a_wrong_machine_clock_works_and_is_told() {
    let mut venue = Venue::start().await;
    // The venue of these tests lives in 2023.
    let (client, ..) = venue.client().await;
    let wrong = client.wrong_clock().unwrap();
    assert!(wrong.starts_with("this machine's clock is") && wrong.contains("ahead of the venue's"), "{wrong}");
    assert!(client.clock().unwrap().offset_us < -30_000_000);
    venue.script(PLACE, [Reply::new(200, "{}")]);
    assert_eq!(place(&client, false).await, CommandOutcome::Accepted);
    venue.seen(PLACE)[0].assert_signed(venue.now_ms());

    // It jumps by thirty seconds while the client runs; the next round trips find it.
    venue.move_clock(30_000);
    let wrong = Reply::error(400, -1021, "Timestamp for this request is outside of the recvWindow.");
    venue.script(PLACE, [wrong, Reply::new(200, "{}")]);
    assert_eq!(place(&client, false).await, CommandOutcome::Rejected(OrderReason::Other));
    venue.wait_seen(TIME, 6).await;
    super::venue::wait_for("the clock", || client.now().as_millis().abs_diff(venue.now_ms()) < 1_000).await;
    assert_eq!(place(&client, false).await, CommandOutcome::Accepted);
    venue.seen(PLACE)[2].assert_signed(venue.now_ms());
}

#[tokio::test]
async fn what_fails_again_and_again_is_left_alone_but_the_way_out_stays_open() {
    let mut venue = Venue::start().await;
    let (client, mut notices, _user) = venue.client().await;
    for _ in 0..5 {
        venue.script(PLACE, [Reply::new(503, "")]);
        assert_eq!(place(&client, false).await, CommandOutcome::Unknown);
    }
    notices.notice("failed again and again with orders").await;
    assert_eq!(client.unwell().iter().map(|(family, _)| *family).collect::<Vec<_>>(), [Family::Orders]);
    assert_eq!(place(&client, false).await, CommandOutcome::Rejected(OrderReason::Other));
    assert_eq!(venue.seen(PLACE).len(), 5, "the sixth was not sent");
    // Other parts of the venue, and orders that reduce, go on.
    client.account().await.unwrap();
    venue.script(PLACE, [Reply::new(200, "{}")]);
    assert_eq!(place(&client, true).await, CommandOutcome::Accepted);
    notices.notice("works again with orders").await;
    assert!(client.unwell().is_empty());
}

/// What the limits refuse is no trial of a part of the venue that had failed.
#[tokio::test]
async fn a_breakers_trial_is_not_used_up_by_what_is_not_sent() {
    let mut venue = Venue::start().await;
    let (client, mut notices, _user) = venue.client().await;
    venue.script(ACCOUNT, (0..5).map(|_| Reply::new(503, "")));
    for _ in 0..5 {
        client.account().await.unwrap_err();
    }
    notices.notice("failed again and again with the account").await;
    // Longer than the breaker waits before its trial.
    venue.script(PLACE, [Reply::error(429, -1003, "Too many requests").header("Retry-After", 3)]);
    assert_eq!(place(&client, false).await, CommandOutcome::Rejected(OrderReason::RateLimit));
    let first = loop {
        match client.account().await {
            Err(error) if error.to_string().contains("wants to hear nothing") => {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            other => break other,
        }
    };
    first.unwrap();
}

/// The venue may make its rules stricter while the host runs; its refusal is the first that is heard of it.
#[tokio::test]
async fn changed_rules_are_noticed() {
    const INFO: &str = "GET /api/v3/exchangeInfo";
    let mut venue = Venue::start().await;
    let (client, mut notices, _user) = venue.client().await;
    let before = exchange_info();
    let after = before.replace(r#""tickSize":"0.00001""#, r#""tickSize":"0.0001""#);
    assert_ne!(before, after);
    venue.script(INFO, [Reply::new(200, after)]);
    venue.script(PLACE, (0..3).map(|_| Reply::error(400, -1013, "Filter failure: PRICE_FILTER")));
    for _ in 0..3 {
        assert_eq!(place(&client, false).await, CommandOutcome::Rejected(OrderReason::Filter));
    }
    let alarm = |event: &ClientEvent| matches!(event, ClientEvent::Alarm(text) if text.contains("tick size 0.00001 -> 0.0001;"));
    notices.until("an alarm", alarm).await;
    assert_eq!(venue.seen(INFO).len(), 2, "once at the start, once again");
}

/// One plugin's questions don't use up what another may ask.
#[tokio::test]
async fn limits_are_shared_between_plugins() {
    let mut venue = Venue::start().await;
    let (client, ..) = venue.client().await;
    let (one, other) = (client.of(Requester::Seat(SeatId(1))), client.of(Requester::Seat(SeatId(2))));
    let asked = async |client: &Client| {
        let mut asked = 0;
        while client.account().await.is_ok() {
            asked += 1;
        }
        asked
    };
    other.account().await.unwrap();
    // 75 % of 6,000 for questions, three parts of it, 20 each time.
    let first = asked(&one).await;
    assert!((70..=76).contains(&first), "{first}");
    let second = asked(&other).await;
    assert!((70..=76).contains(&second), "{second}");
    let error = one.account().await.unwrap_err().to_string();
    assert!(error.contains("weight/1m"), "{error}");
    // The host still learns what became of an order.
    client.account().await.unwrap();
}

#[tokio::test]
async fn keys_of_every_kind_sign_what_is_sent() {
    for name in ["ed25519", "rsa2048"] {
        let mut venue = Venue::start().await;
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/keys/{name}.pem"));
        let pem = std::fs::read_to_string(path).unwrap();
        let credentials = Credentials::recognise("a-key", &pem).unwrap();
        let config = ClientConfig { credentials: Some(credentials.clone()), ..venue.config.clone() };
        assert_hush(&format!("{config:?}"));
        let (client, mut notices, _user) = venue.client_of(config).await;
        client.account().await.unwrap();
        let seen = venue.seen(ACCOUNT);
        let (payload, signature) = seen[0].query.rsplit_once("&signature=").unwrap();
        let raw = signature.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=");
        assert_eq!(raw, credentials.sign(payload), "{name}");
        assert!(signature.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'%'), "{signature}");
        for event in notices.rest() {
            let text = format!("{event:?}");
            assert!(!text.contains(&raw) && !text.contains(signature), "{text}");
        }
    }
}

#[tokio::test]
async fn a_look_tells_what_a_key_may_do() {
    let venue = Venue::start().await;
    let look = Checkup::new(venue.config.clone(), told().0).unwrap();
    look.clock().await.unwrap();
    let permissions = r#"{"ipRestrict":false,"createTime":1698645219000,"enableReading":true,"enableWithdrawals":true,
        "enableInternalTransfer":true,"enableMargin":false,"enableSpotAndMarginTrading":true,"tomorrow":[1]}"#;
    let key = Reply::error(401, -2015, "Invalid API-key, IP, or permissions for action.");
    venue.script(
        PERMISSIONS,
        [
            Reply::new(200, permissions),
            Reply::new(404, r#"{"timestamp":1,"status":404,"error":"Not Found"}"#),
            Reply::new(403, "<html>"),
            key,
            Reply::new(503, ""),
        ],
    );
    let may = look.permissions().await.unwrap().unwrap();
    assert!(may.enable_withdrawals && may.enable_internal_transfer && !may.ip_restrict && may.enable_reading);
    assert_eq!(look.permissions().await.unwrap(), None, "a venue without the endpoint");
    assert_eq!(look.permissions().await.unwrap(), None, "a firewall in front of it");
    let error = look.permissions().await.unwrap_err().to_string();
    assert!(error.contains("-2015"), "{error}");
    assert!(look.permissions().await.is_err());
    assert!(look.account_may_trade().await.unwrap());
    let rules = look.rules(&["BTCUSDT".to_owned()]).await.unwrap();
    assert_eq!(rules.limits.len(), 4);
    assert!(look.rules(&["NOSUCH".to_owned()]).await.unwrap_err().to_string().contains("NOSUCH"));
}

/// Everything that the client tells or shows is searched for what must not be in it.
#[tokio::test]
async fn nothing_that_is_told_holds_a_secret() {
    let mut venue = Venue::start().await;
    let (client, mut notices, _user) = venue.client().await;
    // A venue that repeats every request whole, in every kind of failure.
    for status in [400, 403, 500, 503, 429] {
        venue.script(ACCOUNT, [Reply::Echo(status)]);
        let error = client.account().await.unwrap_err();
        assert_hush(&format!("{error} {error:?}"));
    }
    for event in notices.rest() {
        assert_hush(&format!("{event:?}"));
        if let ClientEvent::Notice(text) = &event {
            assert_hush(text);
        }
    }
    assert_hush(&format!("{client:?} {:?}", venue.config));
}

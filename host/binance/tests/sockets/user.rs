//! The user stream: its subscription, its events, its loss.

use ringfence_binance::{Client, ClientEvent};
use ringfence_model::venue::VenueEvent;
use serde_json::json;

use super::venue::{KEY, SYMBOLS, Venue, credentials, documented, told};

fn event(name: &str) -> String {
    documented(&format!("user-data/{name}.1.json"))
}

#[tokio::test]
async fn the_subscription_is_signed_and_reports_come_out() {
    let mut venue = Venue::start().await;
    let (sink, mut told) = told();
    let (config, symbols) = (venue.config.clone(), SYMBOLS.map(String::from));
    let connecting = tokio::spawn(async move { Client::connect(config, &symbols, sink).await });
    let mut user = venue.user().await;
    let params = user.grant().await;
    let (client, _) = connecting.await.unwrap().unwrap();
    let time = params["timestamp"].as_u64().unwrap();
    assert!(time.abs_diff(venue.now_ms()) < 3_000);
    let payload = format!("apiKey={KEY}&recvWindow=5000&timestamp={time}");
    let signature = credentials().sign(&payload);
    assert_eq!(params, json!({"apiKey": KEY, "recvWindow": 5_000, "timestamp": time, "signature": signature}));

    told.venue(&VenueEvent::UserUp).await;
    let before = client.counts();
    for name in ["order-update", "account-update"] {
        user.send(event(name)).await;
    }
    for nonsense in ["{", "[]", r#"{"subscriptionId":0,"event":{"e":"executionReport"}}"#] {
        user.send(nonsense).await;
    }
    user.send(r#"{"subscriptionId":0,"event":{"e":"listStatus"}}"#).await;
    user.send(event("balance-update")).await;
    let all = told.notice("the account got 100.00000000 BTC from outside").await;
    let mut kinds = Vec::new();
    for event in &all {
        kinds.push(match event {
            ClientEvent::Venue { event: VenueEvent::Report(report), .. } if report.symbol == "ETHBTC" => "report",
            ClientEvent::Venue { event: VenueEvent::Balances { balances, .. }, .. } if balances.len() == 1 => {
                "balances"
            }
            ClientEvent::Unparsed { .. } => "unparsed",
            ClientEvent::Venue { event: VenueEvent::UserGap, .. } => "gap",
            ClientEvent::Notice(_) => "notice",
            other => panic!("{other:?}"),
        });
    }
    // What can't be read may have been a fill.
    let wanted = ["report", "balances", "unparsed", "gap", "unparsed", "gap", "unparsed", "gap", "notice"];
    assert_eq!(kinds, wanted);
    let after = client.counts();
    assert_eq!((after.received - before.received, after.unparsed - before.unparsed), (7, 3));
}

#[tokio::test]
async fn a_lost_stream_is_told_and_comes_back() {
    let mut venue = Venue::start().await;
    let (_client, mut told, mut user) = venue.client().await;
    for how in ["dropped", "closed", "terminated"] {
        match how {
            "dropped" => drop(user),
            "closed" => user.goodbye().await,
            _ => {
                user.send(event("event-stream-terminated")).await;
                user.ended().await;
            }
        }
        let all = told.venue(&VenueEvent::UserDown).await;
        assert_eq!(all.len(), 1, "{how}: {all:?}");
        user = venue.user().await;
        user.grant().await;
        told.venue(&VenueEvent::UserUp).await;
        // It works.
        user.send(event("order-update")).await;
        told.until("a report", |event| matches!(event, ClientEvent::Venue { event: VenueEvent::Report(_), .. })).await;
    }
}

/// The venue shuts a server down: the next subscription is up before the last one ends, and what was under way on that one
/// is still told. Nobody knows what else was, so the engine is to ask.
#[tokio::test]
async fn a_goodbye_is_followed_without_a_hole() {
    let mut venue = Venue::start().await;
    let (_client, mut told, mut old) = venue.client().await;
    old.send(r#"{"event":{"e":"serverShutdown","E":1770123456789}}"#).await;
    let mut new = venue.user().await;
    new.grant().await;
    let mut all = told.venue(&VenueEvent::UserGap).await;
    let report = |event: &ClientEvent| matches!(event, ClientEvent::Venue { event: VenueEvent::Report(_), .. });
    for user in [&mut old, &mut new] {
        user.send(event("order-update")).await;
        all.extend(told.until("a report", report).await);
    }
    old.ended().await;
    let told = |wanted: &VenueEvent| all.iter().any(|event| super::venue::is(event, wanted));
    assert!(!told(&VenueEvent::UserDown) && !told(&VenueEvent::UserUp), "{all:?}");
}

/// Down is told once, and what the venue refuses says why without giving anything away.
#[tokio::test]
async fn a_refused_subscription_is_tried_again() {
    let mut venue = Venue::start().await;
    let (_client, mut told, user) = venue.client().await;
    drop(user);
    told.venue(&VenueEvent::UserDown).await;
    for _ in 0..2 {
        let mut user = venue.user().await;
        let asked = user.ask().await;
        let msg = format!("Signature for this request is not valid: {}", asked["params"]["signature"]);
        user.send(json!({"id": asked["id"], "status": 400, "error": {"code": -1022, "msg": msg}}).to_string()).await;
        user.ended().await;
        let all = told.notice("the venue refuses the subscription with 400: -1022: Signature").await;
        assert!(all.iter().all(|event| matches!(event, ClientEvent::Notice(_))), "{all:?}");
    }
    let mut user = venue.user().await;
    user.grant().await;
    told.venue(&VenueEvent::UserUp).await;
}

#[tokio::test]
async fn a_wrong_clock_is_set_before_the_next_attempt() {
    let mut venue = Venue::start().await;
    let (_client, mut told, user) = venue.client().await;
    venue.move_clock(30_000);
    drop(user);
    let mut user = venue.user().await;
    let asked = user.ask().await;
    let error = json!({"code": -1021, "msg": "Timestamp for this request is outside"});
    user.send(json!({"id": asked["id"], "status": 400, "error": error}).to_string()).await;
    told.notice("finds our clock wrong").await;
    let mut user = venue.user().await;
    let params = user.grant().await;
    let time = params["timestamp"].as_u64().unwrap();
    assert!(time.abs_diff(venue.now_ms()) < 3_000, "{time}");
}

/// The API's limits hold for the socket, too; it says when they end as a moment.
#[tokio::test]
async fn a_limited_subscription_waits() {
    let mut venue = Venue::start().await;
    let (client, mut told, user) = venue.client().await;
    drop(user);
    let mut user = venue.user().await;
    let asked = user.ask().await;
    let (now, seen) = (venue.now_ms(), venue.seen("").len());
    let data = json!({"serverTime": now, "retryAfter": now + 2_000});
    let error = json!({"code": -1003, "msg": "Too much request weight used", "data": data});
    user.send(json!({"id": asked["id"], "status": 429, "error": error}).to_string()).await;
    told.notice("429: nothing is sent for").await;
    assert!(client.account().await.is_err());
    assert_eq!(venue.seen("").len(), seen);
    let mut user = venue.user().await;
    assert!(venue.now_ms() >= now + 1_900);
    user.grant().await;
    told.venue(&VenueEvent::UserUp).await;
}

//! Orders over the WebSocket API: sent once, by REST only if they surely were not sent, and
//! in doubt whenever nobody knows.

use ringfence_binance::{Client, ClientError};
use ringfence_model::event::OrderReason;
use ringfence_model::order::MarketSize;
use ringfence_model::venue::{ClientOrderId, CommandOutcome, VenueEvent, VenueOrder};
use ringfence_model::{Decimal, OrderKind, Side};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::venue::{KEY, PATIENCE, Reply, SECRET, Venue, credentials, documented, told};

const PLACE: &str = "POST /api/v3/order";

fn order() -> VenueOrder {
    VenueOrder {
        symbol: "BTCUSDT".into(),
        side: Side::Sell,
        kind: OrderKind::Market(MarketSize::Base(Decimal::ONE)),
        client_order_id: ClientOrderId("r-0-1".into()),
    }
}

fn place(client: &Client) -> JoinHandle<CommandOutcome> {
    let client = client.clone();
    tokio::spawn(async move {
        match client.place(&order(), false).await {
            VenueEvent::Answer { outcome, .. } => outcome,
            other => panic!("{other:?}"),
        }
    })
}

#[tokio::test]
async fn an_order_goes_over_the_socket_signed_and_answers_may_cross() {
    let mut venue = Venue::start().await;
    let (client, _told, mut user) = venue.socket_client().await;
    let (first, second) = (place(&client), place(&client));
    let asked = [user.ask().await, user.ask().await];
    let params = &asked[0]["params"];
    assert_eq!(asked[0]["method"], "order.place");
    let payload = format!(
        "apiKey={KEY}&newClientOrderId=r-0-1&newOrderRespType=ACK&quantity=1&recvWindow=5000&selfTradePreventionMode=EXPIRE_TAKER&side=SELL&symbol=BTCUSDT&timestamp={}&type=MARKET",
        params["timestamp"]
    );
    assert_eq!(params["signature"], credentials().sign(&payload));
    assert_ne!(asked[0]["id"], asked[1]["id"]);
    let error = json!({"code": -2010, "msg": "Account has insufficient balance for requested action."});
    user.send(json!({"id": asked[1]["id"], "status": 400, "error": error}).to_string()).await;
    let result: serde_json::Value = serde_json::from_str(&documented("rest/new-order.1.json")).unwrap();
    user.send(json!({"id": asked[0]["id"], "status": 200, "result": result}).to_string()).await;
    let mut outcomes = [first.await.unwrap(), second.await.unwrap()];
    outcomes.sort_by_key(|outcome| *outcome != CommandOutcome::Accepted);
    assert_eq!(outcomes, [CommandOutcome::Accepted, CommandOutcome::Rejected(OrderReason::InsufficientBalance)]);
    assert!(venue.seen(PLACE).is_empty(), "not by REST as well");
}

/// A wrong secret stays wrong: nobody is to wait for it, and the venue is asked once.
#[tokio::test]
async fn a_key_that_the_venue_does_not_take_ends_the_start_at_once() {
    for (status, code, msg) in [
        (400, -1022, "Signature for this request is not valid."),
        (401, -2015, "Invalid API-key, IP, or permissions for action."),
    ] {
        let mut venue = Venue::start().await;
        let config = venue.config.clone();
        let connecting =
            tokio::spawn(async move { Client::connect(config, &["BTCUSDT".to_owned()], told().0).await.map(drop) });
        let mut user = venue.user().await;
        let asked = user.ask().await;
        let error = json!({"code": code, "msg": msg});
        user.send(json!({"id": asked["id"], "status": status, "error": error}).to_string()).await;
        let error = timeout(PATIENCE, connecting).await.unwrap().unwrap().unwrap_err();
        assert!(matches!(&error, ClientError::KeyRefused { why } if why.contains(&code.to_string())), "{error}");
        assert!(!error.to_string().contains(SECRET));
    }
}

#[tokio::test]
async fn what_is_lost_after_it_was_sent_is_unknown_and_not_sent_again() {
    for how in ["dropped", "500", "-1007"] {
        let mut venue = Venue::start().await;
        let (client, _told, mut user) = venue.socket_client().await;
        let placing = place(&client);
        let asked = user.ask().await;
        match how {
            "dropped" => drop(user),
            "500" => {
                user.send(json!({"id": asked["id"], "status": 500, "error": {"code": -1000, "msg": "?"}}).to_string())
                    .await
            }
            _ => {
                user.send(
                    json!({"id": asked["id"], "status": 400, "error": {"code": -1007, "msg": "Timeout"}}).to_string(),
                )
                .await
            }
        }
        assert_eq!(placing.await.unwrap(), CommandOutcome::Unknown, "{how}");
        assert!(venue.seen(PLACE).is_empty(), "{how}");
    }
}

#[tokio::test]
async fn while_the_socket_is_down_rest_carries_orders() {
    let mut venue = Venue::start().await;
    let (client, mut told, user) = venue.socket_client().await;
    drop(user);
    told.venue(&VenueEvent::UserDown).await;
    venue.script(PLACE, [Reply::new(200, documented("rest/new-order.1.json"))]);
    assert_eq!(place(&client).await.unwrap(), CommandOutcome::Accepted);
    assert_eq!(venue.seen(PLACE).len(), 1);
    // And the socket again when it is back.
    let mut user = venue.user().await;
    user.grant().await;
    told.venue(&VenueEvent::UserUp).await;
    let placing = place(&client);
    let asked = user.ask().await;
    user.send(json!({"id": asked["id"], "status": 200, "result": {}}).to_string()).await;
    assert_eq!(placing.await.unwrap(), CommandOutcome::Accepted);
    assert_eq!(venue.seen(PLACE).len(), 1);
}

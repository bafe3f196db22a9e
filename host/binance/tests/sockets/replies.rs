//! Lists, replacements and test orders as the venue answers them: sent once, whatever comes back.

use ringfence_binance::Client;
use ringfence_binance::answer::{HalfOutcome, ReplaceOutcome};
use ringfence_binance::request::orders::ReplaceMode;
use ringfence_model::event::OrderReason;
use ringfence_model::order::Trigger;
use ringfence_model::venue::{ClientOrderId, CommandOutcome, VenueEvent, VenueList, VenueOrder};
use ringfence_model::{Decimal, OrderKind, Side, TimeInForce};

use super::venue::{Reply, Venue, documented};

const LIST: &str = "POST /api/v3/orderList/oco";
const CANCEL_LIST: &str = "DELETE /api/v3/orderList";
const TEST: &str = "POST /api/v3/order/test";
const SOR: &str = "POST /api/v3/sor/order";
const REPLACE: &str = "POST /api/v3/order/cancelReplace";
const QUERY_LIST: &str = "GET /api/v3/orderList";

fn id(name: &str) -> ClientOrderId {
    ClientOrderId(name.to_owned())
}

fn order(name: &str, kind: OrderKind) -> VenueOrder {
    VenueOrder { symbol: "BTCUSDT".into(), side: Side::Sell, kind, client_order_id: id(name) }
}

fn limit(name: &str) -> VenueOrder {
    let (quantity, price) = (Decimal::ONE, Decimal::from(100));
    order(name, OrderKind::Limit { quantity, price, time_in_force: TimeInForce::Gtc, iceberg_quantity: None })
}

fn pair() -> VenueList {
    let (quantity, price) = (Decimal::ONE, Decimal::from(110));
    let loss = OrderKind::StopLoss { quantity, trigger: Trigger::Price(Decimal::from(90)) };
    VenueList::Oco { above: order("r-0-1", OrderKind::LimitMaker { quantity, price }), below: order("r-0-2", loss) }
}

async fn do_it(client: &Client, what: &str) -> CommandOutcome {
    let told = match what {
        LIST => client.place_list(&id("r-0-L1"), &pair(), false).await,
        CANCEL_LIST => client.cancel_list("BTCUSDT", &id("r-0-L1")).await,
        SOR => client.place_sor(&limit("r-0-3")).await,
        _ => return client.test(&limit("r-0-3")).await,
    };
    match told {
        VenueEvent::Answer { outcome, client_order_id, .. } => {
            let named = if what == SOR { "r-0-3" } else { "r-0-L1" };
            assert_eq!(client_order_id, id(named));
            outcome
        }
        other => panic!("no answer: {other:?}"),
    }
}

#[tokio::test]
async fn lists_routed_and_tested_orders_end_as_the_venue_says_and_are_sent_once() {
    use CommandOutcome::{Accepted, Rejected, Unknown};
    let mut venue = Venue::start().await;
    let (client, ..) = venue.client().await;
    let calls = [
        (LIST, "new-order-list-oco.1"),
        (CANCEL_LIST, "cancel-order-list.1"),
        (SOR, "new-order-using-sor.1"),
        (TEST, "test-new-order.1"),
    ];
    for (what, body) in calls {
        let prices = "The relationship of the prices for the orders is not correct.";
        let cases = [
            (Reply::new(200, documented(&format!("rest/{body}.json"))), Accepted),
            (Reply::error(400, -2010, prices), Rejected(OrderReason::List)),
            (Reply::error(400, -2011, "Unknown order sent."), Rejected(OrderReason::NotFound)),
            (Reply::error(400, -1007, "Timeout waiting for response"), Unknown),
            (Reply::new(500, ""), Unknown),
            (Reply::Half, Unknown),
            (Reply::Drop, Unknown),
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
    let list = &venue.seen(LIST)[0].query;
    for part in [
        "side=SELL",
        "quantity=1",
        "aboveType=LIMIT_MAKER",
        "belowStopPrice=90",
        "listClientOrderId=r-0-L1",
        // Nobody sweeps away what a neighbour has resting.
        "selfTradePreventionMode=EXPIRE_TAKER",
    ] {
        assert!(list.contains(part), "{list} lacks {part}");
    }
}

#[tokio::test]
async fn a_replacement_is_read_half_by_half() {
    use HalfOutcome::{Done, NotAttempted, Refused, Unknown};
    let mut venue = Venue::start().await;
    let (client, ..) = venue.client().await;
    let sample = |number: u32| documented(&format!("rest/cancel-an-existing-order-and-send-a-new-order.{number}.json"));
    let half = |canceled, placed| ReplaceOutcome { canceled, placed };
    let (gone, meets) = (Refused(OrderReason::NotFound), Refused(OrderReason::WouldMatch));
    let limited = Refused(OrderReason::RateLimit);
    let in_doubt = r#"{"code":-2021,"msg":"Order cancel-replace partially failed.","data":{"cancelResult":"SUCCESS",
        "newOrderResult":"FAILURE","cancelResponse":null,"newOrderResponse":{"code":-1007,"msg":"Timeout"}}}"#;
    let cases = [
        (Reply::new(200, sample(1)), half(Done, Done)),
        (Reply::new(400, sample(2)), half(gone, NotAttempted)),
        (Reply::new(409, sample(3)), half(Done, meets)),
        (Reply::new(409, sample(4)), half(gone, Done)),
        (Reply::new(400, sample(5)), half(gone, meets)),
        (Reply::new(409, sample(7)), half(Done, limited)),
        (Reply::new(409, in_doubt), half(Done, Unknown)),
        // Without its data nobody knows which half was done.
        (Reply::error(409, -2021, "Order cancel-replace partially failed."), half(Unknown, Unknown)),
        (Reply::error(400, -1013, "Filter failure: LOT_SIZE"), half(NotAttempted, Refused(OrderReason::Filter))),
        (Reply::error(400, -1006, "unexpected"), half(Unknown, Unknown)),
        (Reply::new(504, ""), half(Unknown, Unknown)),
        (Reply::Drop, half(Unknown, Unknown)),
    ];
    for (count, (reply, wanted)) in cases.into_iter().enumerate() {
        venue.script(REPLACE, [reply.clone()]);
        let outcome = client.replace(&id("r-0-1"), &limit("r-0-2"), ReplaceMode::StopOnFailure).await;
        assert_eq!(outcome, wanted, "{reply:?}");
        client.account().await.unwrap();
        assert_eq!(venue.seen(REPLACE).len(), count + 1, "sent once: {reply:?}");
    }
    let asked = &venue.seen(REPLACE)[0].query;
    for part in ["cancelOrigClientOrderId=r-0-1", "newClientOrderId=r-0-2", "cancelReplaceMode=STOP_ON_FAILURE"] {
        assert!(asked.contains(part), "{asked} lacks {part}");
    }
}

#[tokio::test]
async fn a_list_is_known_not_known_or_nobody_says() {
    let mut venue = Venue::start().await;
    let (client, ..) = venue.client().await;
    let told = |orders: Option<Vec<&str>>| {
        let orders = orders.map(|names| names.into_iter().map(id).collect());
        Some(VenueEvent::ListQueried { list: id("h2USkA5YQpaXHPIrkd96xE"), question: 4, orders })
    };
    let names = vec!["qD1gy3kc3Gx0rihm9Y3xwS", "ARzZ9I00CPM8i3NhmU9Ega"];
    let cases = [
        (Reply::new(200, documented("rest/query-order-list.1.json")), told(Some(names))),
        (Reply::error(400, -2013, "Order list does not exist."), told(None)),
        (Reply::error(400, -1100, "?"), None),
        (Reply::new(503, ""), None),
        (Reply::new(200, "{}"), None),
        (Reply::Drop, None),
    ];
    for (reply, wanted) in cases {
        venue.script(QUERY_LIST, [reply.clone()]);
        assert_eq!(client.query_list(&id("h2USkA5YQpaXHPIrkd96xE"), 4).await, wanted, "{reply:?}");
    }
}

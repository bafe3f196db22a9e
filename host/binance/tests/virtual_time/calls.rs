//! Each call on orders and lists against the simulated exchange, without faults: what it
//! says, and what stands on the exchange afterwards.

use std::time::Duration;

use ringfence_binance::answer::{HalfOutcome, ReplaceOutcome};
use ringfence_binance::request::orders::ReplaceMode;
use ringfence_model::desk::Desk as _;
use ringfence_model::event::OrderReason;
use ringfence_model::order::{MarketSize, Trigger};
use ringfence_model::venue::{ClientOrderId, CommandOutcome, VenueEvent, VenueList, VenueOrder};
use ringfence_model::{Decimal, OrderKind, Side, TimeInForce};
use tokio::time::Instant;

use super::host::{BTC, Host};
use super::schedule::world;

fn id(name: &str) -> ClientOrderId {
    ClientOrderId(name.to_owned())
}

fn order(name: &str, side: Side, kind: OrderKind) -> VenueOrder {
    VenueOrder { symbol: "BTCUSDT".into(), side, kind, client_order_id: id(name) }
}

fn limit(price: Decimal) -> OrderKind {
    let quantity = Decimal::new(1, 3);
    OrderKind::Limit { quantity, price, time_in_force: TimeInForce::Gtc, iceberg_quantity: None }
}

fn outcome(event: &VenueEvent) -> CommandOutcome {
    match event {
        VenueEvent::Answer { outcome, .. } => outcome.clone(),
        other => panic!("no answer: {other:?}"),
    }
}

struct Desk {
    host: Host,
    bid: Decimal,
    ask: Decimal,
}

impl Desk {
    async fn start() -> Desk {
        let world = world(11);
        world.0.lock().unwrap().advance();
        let mut host = Host::start(world.clone()).await;
        for _ in 0..20 {
            host.run_until(Instant::now() + Duration::from_millis(100)).await;
            world.0.lock().unwrap().advance();
        }
        let (_, quote) = host.desk.last_quote(BTC, 0).expect("a market");
        Desk { host, bid: quote.bid_price, ask: quote.ask_price }
    }

    /// Names of open orders, in order.
    async fn open(&self) -> Vec<String> {
        let open = self.host.client.open_orders("BTCUSDT").await.unwrap();
        let mut names: Vec<_> = open.into_iter().map(|order| order.client_order_id.0).collect();
        names.sort();
        names
    }

    fn far(&self) -> Decimal {
        Decimal::from(300)
    }

    /// Sells far above, or at a loss far below.
    fn pair(&self, above: &str, below: &str) -> (VenueOrder, VenueOrder) {
        let quantity = Decimal::new(1, 3);
        let trigger = Trigger::Price(self.bid - self.far());
        (
            order(above, Side::Sell, OrderKind::LimitMaker { quantity, price: self.ask + self.far() }),
            order(below, Side::Sell, OrderKind::StopLoss { quantity, trigger }),
        )
    }

    fn entry(&self, name: &str) -> VenueOrder {
        order(name, Side::Buy, limit(self.bid - self.far()))
    }
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(test);
}

#[test]
fn tests_and_smart_routing_place_nothing_here() {
    run(async {
        let desk = Desk::start().await;
        let client = &desk.host.client;
        assert_eq!(client.test(&desk.entry("t")).await, CommandOutcome::Accepted);
        let small = order("t", Side::Buy, OrderKind::Market(MarketSize::Base(Decimal::new(1, 8))));
        assert_eq!(client.test(&small).await, CommandOutcome::Rejected(OrderReason::Filter));
        // The simulated exchange routes nothing: a refusal, not a doubt.
        let refused = |outcome| matches!(outcome, CommandOutcome::Rejected(_));
        assert!(refused(client.test_sor(&desk.entry("s")).await));
        assert!(refused(outcome(&client.place_sor(&desk.entry("s")).await)));
        assert!(desk.open().await.is_empty());
    });
}

#[test]
fn lists_are_placed_asked_for_and_cancelled_as_one() {
    run(async {
        let desk = Desk::start().await;
        let client = &desk.host.client;
        let (above, below) = desk.pair("a", "b");
        let oco = VenueList::Oco { above: above.clone(), below: below.clone() };
        assert_eq!(
            client.query_list(&id("L"), 3).await,
            Some(VenueEvent::ListQueried { list: id("L"), question: 3, orders: None })
        );
        assert_eq!(outcome(&client.place_list(&id("L"), &oco, false).await), CommandOutcome::Accepted);
        let orders = Some(vec![id("b"), id("a")]);
        assert_eq!(
            client.query_list(&id("L"), 3).await,
            Some(VenueEvent::ListQueried { list: id("L"), question: 3, orders })
        );
        assert_eq!(desk.open().await, ["a", "b"]);
        assert_eq!(client.open_lists().await.unwrap().len(), 1);
        assert_eq!(outcome(&client.cancel_list("BTCUSDT", &id("L")).await), CommandOutcome::Accepted);
        let gone = CommandOutcome::Rejected(OrderReason::NotFound);
        assert_eq!(outcome(&client.cancel_list("BTCUSDT", &id("L")).await), gone);

        let oto = VenueList::Oto { working: desk.entry("w"), pending: above.clone() };
        let otoco = VenueList::Otoco { working: desk.entry("w"), above, below };
        for list in [&oto, &otoco] {
            assert_eq!(outcome(&client.place_list(&id("M"), list, true).await), CommandOutcome::Accepted, "{list:?}");
            assert_eq!(desk.open().await.len(), list.orders().len());
            // One of them takes the others with it.
            assert_eq!(outcome(&client.cancel("BTCUSDT", &id("a")).await), CommandOutcome::Accepted);
            assert!(desk.open().await.is_empty(), "{list:?}");
        }
        for list in [&oto, &otoco] {
            let placed = client.place_paying_list(&id("P"), list).await.expect("something waits");
            assert_eq!(outcome(&placed), CommandOutcome::Accepted, "{list:?}");
            assert_eq!(outcome(&client.cancel_list("BTCUSDT", &id("P")).await), CommandOutcome::Accepted);
        }
        assert_eq!(client.place_paying_list(&id("P"), &oco).await, None);

        // Prices the wrong way round: the venue says so, and nothing is there.
        let (mut above, mut below) = desk.pair("a", "b");
        std::mem::swap(&mut above.kind, &mut below.kind);
        let wrong = outcome(&client.place_list(&id("W"), &VenueList::Oco { above, below }, false).await);
        assert!(matches!(wrong, CommandOutcome::Rejected(_)), "{wrong:?}");
        let (above, mut below) = desk.pair("a", "b");
        below.kind = OrderKind::StopLoss {
            quantity: Decimal::new(1, 3),
            trigger: Trigger::Price(desk.ask + Decimal::from(100)),
        };
        let wrong = outcome(&client.place_list(&id("W"), &VenueList::Oco { above, below }, false).await);
        assert_eq!(wrong, CommandOutcome::Rejected(OrderReason::List));
        assert!(desk.open().await.is_empty());
    });
}

#[test]
fn a_replacement_says_what_became_of_each_half() {
    run(async {
        let desk = Desk::start().await;
        let client = &desk.host.client;
        let replace = async |old: &str, new: &VenueOrder, mode| client.replace(&id(old), new, mode).await;
        let (stop, go_on) = (ReplaceMode::StopOnFailure, ReplaceMode::AllowFailure);
        let half = |canceled, placed| ReplaceOutcome { canceled, placed };
        use HalfOutcome::{Done, NotAttempted, Refused};
        client.place(&desk.entry("one"), false).await;
        assert_eq!(replace("one", &desk.entry("two"), stop).await, half(Done, Done));
        assert_eq!(desk.open().await, ["two"]);
        let gone = Refused(OrderReason::NotFound);
        assert_eq!(replace("one", &desk.entry("three"), stop).await, half(gone, NotAttempted));
        assert_eq!(desk.open().await, ["two"]);
        assert_eq!(replace("one", &desk.entry("three"), go_on).await, half(gone, Done));
        assert_eq!(desk.open().await, ["three", "two"]);
        let mut dear = order("four", Side::Sell, limit(desk.ask + desk.far()));
        if let OrderKind::Limit { quantity, .. } = &mut dear.kind {
            *quantity = Decimal::from(100);
        }
        let poor = Refused(OrderReason::InsufficientBalance);
        assert_eq!(replace("one", &dear, go_on).await, half(gone, poor));
        assert_eq!(replace("two", &dear, stop).await, half(Done, poor));
        assert_eq!(desk.open().await, ["three"]);
        // A filter is tested before anything happens.
        let small = order("five", Side::Buy, OrderKind::Market(MarketSize::Base(Decimal::new(1, 8))));
        assert_eq!(replace("three", &small, stop).await, half(NotAttempted, Refused(OrderReason::Filter)));
        assert_eq!(desk.open().await, ["three"]);
    });
}

#[test]
fn the_accounts_own_filters_are_learnt() {
    run(async {
        let desk = Desk::start().await;
        let mut instrument = desk.host.desk.instruments()[0].clone();
        let public = instrument.clone();
        instrument.max_open_orders = 0;
        instrument.filters.max_algo_orders = 0;
        desk.host.client.narrow(&mut instrument).await.unwrap();
        assert_eq!(instrument, public);
        assert!(public.max_open_orders > 0 && public.filters.max_algo_orders > 0 && public.filters.max_order_lists > 0);
    });
}

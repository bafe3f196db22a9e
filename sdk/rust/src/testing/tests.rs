//! The double itself, and the order and the stop rule of batches, which it drives.

use super::*;
use crate::{
    BudgetState, BudgetUnit, Ctx, Denial, Depth, Duration, EventBody, HaltReason, Level, Manifest, NewOrder, OrderId,
    OrderStatus, QuotaState, Quote, SECOND, Seq, Setup, Side, Trade,
};
use proptest::prelude::{Just, any, prop_assert_eq, prop_oneof, proptest};
use proptest::strategy::Strategy as Arbitrary;

/// Writes down what it is called with, and obeys the ids of trades: 1 orders, 2 sets a timer.
struct Scribe {
    seen: Vec<(Seq, Happening)>,
    tickets: Vec<OrderId>,
}

impl Scribe {
    fn note(&mut self, ctx: &Ctx, happening: Happening) {
        assert_eq!(ctx.now(), happening.ts());
        self.seen.push((ctx.seq(), happening));
    }
}

impl Strategy for Scribe {
    fn manifest() -> Manifest {
        Manifest::new("scribe", "1").integer("n", 1, 0..=9, "")
    }

    fn new(_: &Setup) -> Result<Self, InitError> {
        Ok(Scribe { seen: Vec::new(), tickets: Vec::new() })
    }

    fn on_trade(&mut self, ctx: &mut Ctx, trade: &Trade) {
        self.note(ctx, Happening::Trade(*trade));
        match trade.id {
            1 => self.tickets.extend(ctx.submit(&NewOrder::market(trade.instrument, Side::Buy, decimal!("0.1")))),
            2 => self.tickets.extend(ctx.timer_after(SECOND)),
            _ => {}
        }
    }

    fn on_aggregate_trade(&mut self, ctx: &mut Ctx, trade: &Trade) {
        self.note(ctx, Happening::AggregateTrade(*trade));
    }

    fn on_quote(&mut self, ctx: &mut Ctx, quote: &Quote) {
        self.note(ctx, Happening::Quote(*quote));
    }

    fn on_depth(&mut self, ctx: &mut Ctx, depth: &Depth) {
        self.note(ctx, Happening::Depth(depth.clone()));
    }

    fn on_timer(&mut self, ctx: &mut Ctx, timer: u64) {
        self.note(ctx, Happening::Event(ctx.now(), EventBody::Timer(timer)));
    }

    fn on_halted(&mut self, ctx: &mut Ctx, reason: &HaltReason) {
        self.note(ctx, Happening::Event(ctx.now(), EventBody::Halted(*reason)));
    }
}

fn level() -> impl Arbitrary<Value = Level> + Clone {
    (1i64..10_000_000, 0i64..100_000)
        .prop_map(|(p, q)| Level { price: Decimal::new(p, 2), quantity: Decimal::new(q, 4) })
}

fn levels() -> impl Arbitrary<Value = Vec<Level>> {
    proptest::collection::vec(level(), 0..4)
}

/// A happening at some time after the one before.
fn happening() -> impl Arbitrary<Value = (u64, Happening)> {
    let trade =
        (0u32..2, 10u64..20, level(), any::<bool>()).prop_map(|(instrument, id, Level { price, quantity }, sell)| {
            Trade { instrument, ts: 0, id, price, quantity, aggressor: if sell { Side::Sell } else { Side::Buy } }
        });
    let quote = (0u32..2, level(), level()).prop_map(|(instrument, bid, ask)| Quote {
        instrument,
        ts: 0,
        bid_price: bid.price,
        bid_quantity: bid.quantity,
        ask_price: ask.price,
        ask_quantity: ask.quantity,
    });
    let depth = (0u32..2, levels(), levels(), 0u64..9).prop_map(|(instrument, bids, asks, id)| Depth {
        instrument,
        ts: 0,
        first_update_id: id,
        last_update_id: id + 1,
        bids,
        asks,
    });
    let any = prop_oneof![
        trade.clone().prop_map(Happening::Trade),
        trade.prop_map(Happening::AggregateTrade),
        quote.prop_map(Happening::Quote),
        depth.prop_map(Happening::Depth),
        (0u64..9).prop_map(|timer| Happening::Event(0, EventBody::Timer(timer))),
        Just(Happening::Event(0, EventBody::Halted(HaltReason::Venue))),
    ];
    (0u64..50, any)
}

fn timed(happenings: Vec<(u64, Happening)>) -> Vec<Happening> {
    let mut now = 1_700_000_000_000_000;
    let timed = happenings.into_iter().map(|(gap, mut happening)| {
        now += gap;
        match &mut happening {
            Happening::Trade(trade) | Happening::AggregateTrade(trade) => trade.ts = now,
            Happening::Quote(quote) => quote.ts = now,
            Happening::Depth(depth) => depth.ts = now,
            Happening::Event(ts, _) => *ts = now,
        }
        happening
    });
    timed.collect()
}

proptest! {
    /// Whatever the mix of columns and events, and however it is cut into batches, it is replayed in its order.
    #[test]
    fn any_split_is_replayed_in_order(happenings in proptest::collection::vec(happening(), 0..40), cut in 1usize..40) {
        let happenings = timed(happenings);
        let mut host = Host::<Scribe>::new();
        for batch in happenings.chunks(cut) {
            prop_assert_eq!(host.batch(batch, Duration::MAX), batch.len());
        }
        let expected: Vec<_> = (1u64..).zip(happenings).collect();
        prop_assert_eq!(&host.strategy().seen, &expected);
    }

    /// After the first command it goes on only while `ts < t + lookahead`; the rest comes again and is seen once.
    #[test]
    fn stops_after_a_command(happenings in proptest::collection::vec(happening(), 1..40), at in 0usize..40, timer: bool, lookahead in 0u64..200) {
        let mut happenings = timed(happenings);
        let at = at % happenings.len();
        let t = happenings[at].ts();
        let id = if timer { 2 } else { 1 };
        happenings[at] = Happening::Trade(Trade { instrument: 0, ts: t, id, price: Decimal::new(1, 2), quantity: Decimal::ONE, aggressor: Side::Buy });
        let expected = at + 1 + happenings[at + 1..].iter().take_while(|h| h.ts() < t + lookahead).count();
        let mut host = Host::<Scribe>::new();
        let taken = host.batch(&happenings, lookahead);
        prop_assert_eq!(taken, expected);
        prop_assert_eq!(host.commands()[0].cause, at as u64 + 1);
        host.batch(&happenings[taken..], lookahead);
        prop_assert_eq!(host.strategy().seen.len(), happenings.len());
    }
}

#[test]
fn the_account_follows_the_fills() {
    let mut host = Setting::new().allocation("USDT", "1000").host::<Scribe>().unwrap();
    let order = |host: &mut Host<Scribe>, id| {
        let now = host.tick();
        let trade =
            Trade { instrument: 0, ts: now, id, price: decimal!("100"), quantity: Decimal::ONE, aggressor: Side::Buy };
        host.batch(&[Happening::Trade(trade)], Duration::MAX);
    };
    order(&mut host, 1);
    host.settle();
    assert_eq!(host.position("BTCUSDT"), decimal!("0.1"));
    assert_eq!((host.balance("USDT"), host.balance("BTC")), (decimal!("990"), decimal!("0.1")));
    order(&mut host, 1);
    let ticket = *host.strategy().tickets.last().unwrap();
    host.fill_part(ticket, "0.05", "130");
    assert_eq!(host.open_orders()[0].status, OrderStatus::PartiallyFilled);
    host.fill_part(ticket, "0.05", "130");
    assert!(host.open_orders().is_empty());
    let position = host.seat.ctx.position(0u32);
    assert_eq!((position.quantity, position.average_price), (decimal!("0.2"), decimal!("115")));
    host.world.borrow_mut().book_fill(&btcusdt(), Side::Sell, decimal!("125"), decimal!("0.3")).unwrap();
    let position = host.seat.ctx.position(0u32);
    assert_eq!((position.quantity, position.average_price), (decimal!("-0.1"), decimal!("125")));
    assert_eq!(position.realised_pnl, decimal!("2"));
}

#[test]
fn timers_fire_as_time_passes_and_denials_reach_the_strategy() {
    let mut host = Host::<Scribe>::new();
    let start = host.now();
    let trade = |id, ts| {
        Happening::Trade(Trade {
            instrument: 0,
            ts,
            id,
            price: Decimal::ONE,
            quantity: Decimal::ONE,
            aggressor: Side::Buy,
        })
    };
    host.batch(&[trade(2, start)], Duration::MAX);
    host.advance(SECOND - 1);
    assert_eq!(host.strategy().seen.len(), 1);
    host.advance(SECOND);
    assert_eq!(host.strategy().seen.last(), Some(&(2, Happening::Event(start + SECOND, EventBody::Timer(1)))));
    host.deny(Denial::Halted);
    host.batch(&[trade(1, host.now())], Duration::MAX);
    assert_eq!(host.commands().last().unwrap().denial, Some(Denial::Halted));
    assert!(host.orders().is_empty());
}

#[test]
fn chance_is_the_same_in_every_language() {
    let mut host = Host::<Scribe>::new();
    // The first three of mulberry32 with seed 7, as the JavaScript SDK gives them.
    let found: Vec<_> = (0..3).map(|_| host.seat.ctx.random()).collect();
    assert_eq!(found, CHANCE);
}

const CHANCE: [f64; 3] = [0.011704753153026104, 0.06195825757458806, 0.97690763277933];

#[test]
fn a_wrong_parameter_ends_the_start() {
    let refused = Setting::new().parameter("n", 10).host::<Scribe>();
    assert_eq!(refused.unwrap_err(), InitError::InvalidParameter(("n".to_owned(), "must be from 0 to 9".to_owned())));
}

#[test]
fn budgets_stand_as_the_test_says() {
    let mut host = Host::<Scribe>::new();
    assert!(host.seat.ctx.budgets().is_empty());
    let budget = |used| BudgetState { key: "queue".to_owned(), unit: BudgetUnit::Count, limit: 100, used: Some(used) };
    host.budget(budget(1));
    host.budget(budget(2));
    assert_eq!(host.seat.ctx.budgets(), [budget(2)]);
    assert_eq!((host.seat.ctx.budget("queue"), host.seat.ctx.budget("other")), (Some(budget(2)), None));
}

#[test]
fn a_quota_of_a_second_counts_what_was_taken() {
    let mut host = Setting::new().per_second(QuotaKind::OrdersPerSecond, 2).host::<Scribe>().unwrap();
    let order = |host: &mut Host<Scribe>, after| {
        host.advance(after);
        let ts = host.now();
        let (price, quantity) = (Decimal::ONE, Decimal::ONE);
        let trade = Trade { instrument: 0, ts, id: 1, price, quantity, aggressor: Side::Buy };
        host.batch(&[Happening::Trade(trade)], Duration::MAX);
        host.take_commands().remove(0).denial
    };
    assert_eq!(order(&mut host, 0), None);
    assert_eq!(order(&mut host, 300), None);
    let denial = order(&mut host, 200).unwrap();
    assert_eq!(denial.retry_after(), Some(SECOND - 500));
    let state = QuotaState { kind: QuotaKind::OrdersPerSecond, limit: 2, used: 2, resets_in: SECOND - 500 };
    assert_eq!(host.seat.ctx.quotas(), [state]);
    assert!(order(&mut host, SECOND - 501).is_some());
    assert_eq!(order(&mut host, 1), None, "the promised time must do");
    assert!(order(&mut host, 0).is_some(), "what was denied did not count, the one before did");
}

//! Market maker on BTCUSDT: one bid and one ask, each at the touch or some ticks behind. The side that makes the position
//! larger steps back with each order's worth that is held. The host knows the open orders, so a reload goes on with them.

use ringfence_sdk::*;

const SYMBOL: &str = "BTCUSDT";

/// The strategy.
#[derive(Debug)]
pub struct MarketMaker {
    btc: Instrument,
    spread: i64,
    tolerance: i64,
    skew: i64,
    size: Decimal,
    max_position: Decimal,
    requote: Duration,
    /// Nothing is sent for a side before: buy, sell.
    due: [Timestamp; 2],
    /// No order is sent before, because one was denied; cancels still are.
    orders_due: Timestamp,
}

impl Strategy for MarketMaker {
    fn manifest() -> Manifest {
        let amounts = decimal!("0.00001")..=decimal!("100");
        Manifest::new("market-maker", env!("CARGO_PKG_VERSION"))
            .description("Keeps a bid and an ask around the market of BTCUSDT")
            .wish(SYMBOL, &[Stream::Quotes])
            .integer("spread-ticks", 0, 0..=100_000, "from the touch to an own order")
            .integer("tolerance", 1_000, 0..=100_000, "ticks that an own order may be off")
            .integer("skew", 100, 0..=100_000, "ticks to step back for each order's worth held")
            .integer("requote-ms", 400, 0..=60_000, "between two orders of a side; a third less after a fill")
            .number("size", decimal!("0.002"), amounts.clone(), "BTC of one order")
            .number("max-position", decimal!("0.02"), amounts, "never hold or owe more BTC")
    }

    fn new(setup: &Setup) -> Result<Self, InitError> {
        let [spread, tolerance, skew] = ["spread-ticks", "tolerance", "skew"].map(|name| setup.integer(name));
        let (spread, tolerance, skew) = (spread?, tolerance?, skew?);
        let (size, max_position) = (setup.number("size")?, setup.number("max-position")?);
        let (btc, requote) = (setup.instrument(SYMBOL)?, setup.count("requote-ms")? as Duration * MILLISECOND);
        let (due, orders_due) = ([0; 2], 0);
        Ok(MarketMaker { btc, spread, tolerance, skew, size, max_position, requote, due, orders_due })
    }

    fn on_quote(&mut self, ctx: &mut Ctx, quote: &Quote) {
        let position = ctx.position(&self.btc).quantity;
        self.keep(ctx, Side::Buy, quote.bid_price, position);
        self.keep(ctx, Side::Sell, quote.ask_price, -position);
    }

    fn on_fill(&mut self, ctx: &mut Ctx, fill: &Fill) {
        // A side that was filled is back sooner, and yet both sides together stay below eight orders a second.
        let sooner = if fill.status == OrderStatus::Filled { self.requote / 3 } else { 0 };
        self.due[fill.side as usize] = self.due[fill.side as usize].saturating_sub(sooner);
        ctx.gauge("position", ctx.position(&self.btc).quantity);
        ctx.info(format_args!("{} {} at {}", fill.side, fill.quantity, fill.price));
    }
}

impl MarketMaker {
    /// Keeps the order of a side in its place; `held` is the position that the side adds to.
    fn keep(&mut self, ctx: &mut Ctx, side: Side, touch: Decimal, held: Decimal) {
        let (now, due) = (ctx.now(), self.due[side as usize]);
        let Some(price) = self.place(side, touch, held).filter(|_| now >= due) else { return };
        let rests = |own: &OpenOrder| matches!(own.status, OrderStatus::Accepted | OrderStatus::PartiallyFilled);
        let room = held.checked_add(self.size).is_some_and(|after| after <= self.max_position);
        let own = ctx.open_orders().into_iter().find(|own| own.side == side);
        let answer = match &own {
            None if room && now >= self.orders_due => ctx.limit_maker(&self.btc, side, self.size, price).map(drop),
            // What is on its way has an answer coming; what rests well enough keeps its queue.
            Some(own) if rests(own) && self.is_off(own.price, price) => ctx.cancel(own.order),
            _ => return,
        };
        // After a cancel the new order may follow at once.
        if own.is_none() || answer.is_err() {
            self.due[side as usize] = now + self.requote;
        }
        if let Err(denial) = answer {
            self.orders_due = now + denial.retry_after().unwrap_or(SECOND);
            ctx.warn(denial.describe());
        }
    }

    /// Where an order of a side should rest.
    fn place(&self, side: Side, touch: Decimal, held: Decimal) -> Option<Decimal> {
        let orders_held = held.checked_div(self.size, 0)?.mantissa.max(0);
        let back = Decimal::from(self.spread + self.skew * orders_held).checked_mul(self.btc.tick_size)?;
        touch.checked_add(if side == Side::Buy { -back } else { back }).filter(|price| price.is_positive())
    }

    fn is_off(&self, rests: Decimal, wanted: Decimal) -> bool {
        let off = rests.checked_sub(wanted).and_then(|off| off.abs().checked_div(self.btc.tick_size, 0));
        off.is_none_or(|ticks| ticks > Decimal::from(self.tolerance))
    }
}

export!(MarketMaker);

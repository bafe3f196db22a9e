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
    /// The last command was denied.
    denied: bool,
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
            .number("size", decimal!("0.002"), amounts.clone(), "BTC of one order")
            .number("max-position", decimal!("0.02"), amounts, "never hold or owe more BTC")
    }

    fn new(setup: &Setup) -> Result<Self, InitError> {
        Ok(MarketMaker {
            btc: setup.instrument(SYMBOL)?,
            spread: setup.integer("spread-ticks")?,
            tolerance: setup.integer("tolerance")?,
            skew: setup.integer("skew")?,
            size: setup.number("size")?,
            max_position: setup.number("max-position")?,
            denied: false,
        })
    }

    fn on_quote(&mut self, ctx: &mut Ctx, quote: &Quote) {
        let position = ctx.position(&self.btc).quantity;
        self.keep(ctx, Side::Buy, quote.bid_price, position);
        self.keep(ctx, Side::Sell, quote.ask_price, -position);
    }

    fn on_order(&mut self, ctx: &mut Ctx, update: &OrderUpdate) {
        if update.change == OrderChange::Rejected {
            // Usually the market moved onto the price meanwhile; the next quote places it anew.
            ctx.debug(format_args!("order {} rejected: {:?}", update.order, update.reason));
        }
    }

    fn on_fill(&mut self, ctx: &mut Ctx, fill: &Fill) {
        ctx.gauge("position", ctx.position(&self.btc).quantity);
        ctx.debug(format_args!("{:?} {} at {}", fill.side, fill.quantity, fill.price));
    }
}

impl MarketMaker {
    /// Keeps the order of a side in its place; `held` is the position that the side adds to.
    fn keep(&mut self, ctx: &mut Ctx, side: Side, touch: Decimal, held: Decimal) {
        let Some(price) = self.place(side, touch, held) else {
            return;
        };
        let rests = |own: &OpenOrder| matches!(own.status, OrderStatus::Accepted | OrderStatus::PartiallyFilled);
        let room = held.checked_add(self.size).is_some_and(|after| after <= self.max_position);
        let answer = match ctx.open_orders().into_iter().find(|own| own.side == side) {
            None if room => ctx.limit_maker(&self.btc, side, self.size, price).map(drop),
            // What is on its way has an answer coming; what rests well enough keeps its queue.
            Some(own) if rests(&own) && self.is_off(own.price, price) => ctx.cancel(own.order),
            _ => return,
        };
        // Denied: the next quote tries again. Only the first one in a row is told.
        if let (Err(denial), false) = (&answer, self.denied) {
            ctx.warn(denial);
        }
        self.denied = answer.is_err();
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

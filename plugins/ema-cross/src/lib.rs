//! EMA crossover on BTCUSDT: long while the fast average of trade prices is above the slow one, short by as much
//! while it is below, as far as there is BTC in the allocation to sell.

use ringfence_sdk::indicators::Ema;
use ringfence_sdk::*;

const SYMBOL: &str = "BTCUSDT";
const STATE_VERSION: u32 = 1;

/// The strategy.
#[derive(Debug)]
pub struct EmaCross {
    btc: Instrument,
    fast: Ema,
    slow: Ema,
    quantity: Decimal,
    pause: Duration,
    /// What was ordered last: whether to be long.
    long: Option<bool>,
    next_order: Timestamp,
}

impl Strategy for EmaCross {
    fn manifest() -> Manifest {
        let amounts = decimal!("0.00001")..=decimal!("100");
        Manifest::new("ema-cross", env!("CARGO_PKG_VERSION"))
            .description("Follows the crossing of two moving averages of BTCUSDT")
            .wish(SYMBOL, &[Stream::Trades])
            .integer("fast", 10, 1..=10_000, "trades in the fast average")
            .integer("slow", 40, 2..=100_000, "trades in the slow average")
            .number("quantity", decimal!("0.002"), amounts, "BTC to be long or short")
            .integer("pause", 500, 0..=3_600_000, "least milliseconds between two orders")
    }

    fn new(setup: &Setup) -> Result<Self, InitError> {
        let (fast, slow) = (setup.count("fast")?, setup.count("slow")?);
        if fast >= slow {
            return Err(InitError::InvalidParameter(("fast".into(), "must be below slow".into())));
        }
        Ok(EmaCross {
            btc: setup.instrument(SYMBOL)?,
            fast: Ema::new(fast),
            slow: Ema::new(slow),
            quantity: setup.number("quantity")?,
            pause: setup.count("pause")? as Duration * MILLISECOND,
            long: None,
            next_order: 0,
        })
    }

    fn on_trade(&mut self, ctx: &mut Ctx, trade: &Trade) {
        let price = trade.price.to_f64();
        let Some((fast, slow)) = self.fast.update(price).zip(self.slow.update(price)) else {
            return;
        };
        let long = Some(fast > slow);
        // An order that is still under way would be counted twice: wait for its fill.
        if self.long == long || ctx.now() < self.next_order || !ctx.open_orders().is_empty() {
            return;
        }
        (self.long, self.next_order) = (long, ctx.now() + self.pause);
        let side = if fast > slow { Side::Buy } else { Side::Sell };
        let missing = self.missing(ctx, side).filter(|missing| missing.is_positive());
        if let Some(Err(denial)) = missing.map(|missing| ctx.market(&self.btc, side, missing)) {
            ctx.warn(denial.describe());
        }
    }

    fn on_fill(&mut self, ctx: &mut Ctx, fill: &Fill) {
        ctx.info(format_args!("{} {} at {}", fill.side, fill.quantity, fill.price));
    }

    fn save(&self) -> Vec<u8> {
        state::pack(STATE_VERSION, &((self.fast.clone(), self.slow.clone()), self.long, self.next_order))
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), RestoreError> {
        let ((fast, slow), long, next_order): ((Ema, Ema), _, _) = state::unpack(STATE_VERSION, bytes)?;
        // Averages of other lengths start anew.
        if fast.length() == self.fast.length() && slow.length() == self.slow.length() {
            (self.fast, self.slow, self.long, self.next_order) = (fast, slow, long, next_order);
        }
        Ok(())
    }
}

impl EmaCross {
    /// What a side has to trade to get to its position.
    fn missing(&self, ctx: &Ctx, side: Side) -> Option<Decimal> {
        let held = ctx.position(&self.btc).quantity;
        let amount = match side {
            Side::Buy => self.quantity.checked_sub(held)?,
            Side::Sell => held.checked_add(self.quantity)?.min(ctx.balance(&self.btc.base).free),
        };
        amount.floor_to(self.btc.step_size)
    }
}

export!(EmaCross);

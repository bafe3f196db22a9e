//! A host in memory: drives a strategy as ordinary Rust, without any wasm. What lives here: a double of the
//! host that records commands and keeps a simple account. What may not: the host's rules; nothing is locked,
//! checked or limited unless a test says so with [`Host::deny`] or
//! [`Setting::per_second`].
//!
//! ```
//! use ringfence_sdk::testing::Host;
//! use ringfence_sdk::*;
//!
//! struct Buyer { btc: Instrument }
//! impl Strategy for Buyer {
//!     fn manifest() -> Manifest { Manifest::new("buyer", "0.1.0") }
//!     fn new(setup: &Setup) -> Result<Self, InitError> { Ok(Buyer { btc: setup.instrument("BTCUSDT")? }) }
//!     fn on_trade(&mut self, ctx: &mut Ctx, _: &Trade) {
//!         ctx.market(&self.btc, Side::Buy, decimal!("0.001")).ok();
//!     }
//! }
//!
//! let mut host = Host::<Buyer>::new();
//! host.trade("BTCUSDT", "60000.10", "0.5", Side::Sell);
//! assert_eq!(host.orders().len(), 1);
//! host.settle();
//! assert_eq!(host.position("BTCUSDT"), decimal!("0.001"));
//! ```

mod batch;
mod double;
mod host;
mod world;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

pub use batch::Happening;
pub use host::Host;
pub use world::{Command, Sent};

use crate::{
    Balance, Context, Decimal, InitError, Instrument, InstrumentId, Mode, Parameter, QuotaKind, Seat, Strategy, Value,
    decimal,
};
use double::Double;
use world::{Meter, World};

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Value::Integer(value)
    }
}

impl From<Decimal> for Value {
    fn from(value: Decimal) -> Self {
        Value::Number(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Value::Boolean(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Value::Text(value.to_owned())
    }
}

/// A decimal of a test's text.
#[track_caller]
fn amount(text: &str) -> Decimal {
    let parsed = text.parse();
    assert!(parsed.is_ok(), "{text:?} is not a decimal");
    parsed.unwrap_or_default()
}

fn instrument(id: InstrumentId, base: &str, step: Decimal) -> Instrument {
    Instrument {
        id,
        symbol: format!("{base}USDT"),
        base: base.to_owned(),
        quote: "USDT".to_owned(),
        price_scale: 2,
        quantity_scale: step.scale,
        tick_size: decimal!("0.01"),
        step_size: step,
        min_quantity: step,
        max_quantity: decimal!("9000"),
        min_notional: decimal!("5"),
        trading: true,
    }
}

/// BTCUSDT as number 0, with the rules of the real one.
pub fn btcusdt() -> Instrument {
    instrument(0, "BTC", decimal!("0.00001"))
}

/// ETHUSDT as number 1, with the rules of the real one.
pub fn ethusdt() -> Instrument {
    instrument(1, "ETH", decimal!("0.0001"))
}

/// How a test starts a strategy.
#[derive(Debug, Clone)]
pub struct Setting {
    context: Context,
    meters: Vec<Meter>,
}

impl Default for Setting {
    fn default() -> Self {
        Setting::new()
    }
}

impl Setting {
    /// BTCUSDT and ETHUSDT, 10 000 USDT, default parameters.
    pub fn new() -> Setting {
        let context = Context {
            instance: "test".to_owned(),
            mode: Mode::Sim,
            now: 1_700_000_000_000_000,
            seed: 7,
            instruments: vec![btcusdt(), ethusdt()],
            parameters: Vec::new(),
            allocation: Vec::new(),
        };
        Setting { context, meters: Vec::new() }.allocation("USDT", "10000")
    }

    /// These instruments instead.
    pub fn instruments(mut self, instruments: Vec<Instrument>) -> Setting {
        self.context.instruments = instruments;
        self
    }

    /// A parameter's value.
    pub fn parameter(mut self, name: &str, value: impl Into<Value>) -> Setting {
        self.context.parameters.push(Parameter { name: name.to_owned(), value: value.into() });
        self
    }

    /// What the strategy may trade with of an asset.
    #[track_caller]
    pub fn allocation(mut self, asset: &str, free: &str) -> Setting {
        self.context.allocation.retain(|balance| balance.asset != asset);
        let balance = Balance { asset: asset.to_owned(), free: amount(free), locked: Decimal::ZERO };
        self.context.allocation.push(balance);
        self
    }

    /// A quota of a second: [`QuotaKind::OrdersPerSecond`] or [`QuotaKind::CancelsPerSecond`]. Without it nothing is counted.
    pub fn per_second(mut self, kind: QuotaKind, limit: usize) -> Setting {
        self.meters.retain(|meter| meter.kind != kind);
        self.meters.push(Meter { kind, limit, times: VecDeque::new() });
        self
    }

    /// The seed of [`Ctx::random`](crate::Ctx::random).
    pub fn seed(mut self, seed: u64) -> Setting {
        self.context.seed = seed;
        self
    }

    /// Makes the strategy. It has not been started yet: see [`Host::start`].
    pub fn host<S: Strategy>(self) -> Result<Host<S>, InitError> {
        let world = World {
            instruments: self.context.instruments.clone(),
            balances: self.context.allocation.iter().map(|b| (b.asset.clone(), b.free)).collect(),
            now: self.context.now,
            meters: self.meters,
            ..World::default()
        };
        let world = Rc::new(RefCell::new(world));
        let seat = Seat::with(self.context, Box::new(Double(world.clone())))?;
        Ok(Host { seat, world, seq: 0 })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

//! The trait that every strategy implements. What lives here: the callbacks and when they come. What may
//! not: anything that happens behind them.

use crate::{
    Balance, Book, Ctx, Depth, Feed, FeedGap, Fill, HaltReason, History, InitError, Kline, Manifest, OrderUpdate,
    Position, Quote, RestoreError, Setup, StopReason, Ticker, Trade,
};

/// A strategy: a function of events. Implement what you need; each callback gets one event, in order,
/// [`Ctx::now`] is its time.
pub trait Strategy: Sized {
    /// What it is called, what it would like to see, which parameters it has.
    fn manifest() -> Manifest;

    /// Makes it from what is granted. No commands here; those start with [`on_start`](Strategy::on_start).
    fn new(setup: &Setup) -> Result<Self, InitError>;

    /// First event of an instance, after `new` and `restore`.
    fn on_start(&mut self, _ctx: &mut Ctx) {}

    /// A trade of the market.
    fn on_trade(&mut self, _ctx: &mut Ctx, _trade: &Trade) {}

    /// All fills of one taker at one price.
    fn on_aggregate_trade(&mut self, _ctx: &mut Ctx, _trade: &Trade) {}

    /// The best bid or ask changed.
    fn on_quote(&mut self, _ctx: &mut Ctx, _quote: &Quote) {}

    /// Levels of the book changed.
    fn on_depth(&mut self, _ctx: &mut Ctx, _depth: &Depth) {}

    /// The best levels of the book.
    fn on_book(&mut self, _ctx: &mut Ctx, _book: &Book) {}

    /// A kline grew or closed.
    fn on_kline(&mut self, _ctx: &mut Ctx, _kline: &Kline) {}

    /// Statistics of the last 24 hours.
    fn on_ticker(&mut self, _ctx: &mut Ctx, _ticker: &Ticker) {}

    /// Something happened to an order of this strategy, other than a fill.
    fn on_order(&mut self, _ctx: &mut Ctx, _update: &OrderUpdate) {}

    /// An order of this strategy traded; `fill.status` tells whether it is done.
    fn on_fill(&mut self, _ctx: &mut Ctx, _fill: &Fill) {}

    /// An asset of the allocation changed.
    fn on_balance(&mut self, _ctx: &mut Ctx, _balance: &Balance) {}

    /// A position changed.
    fn on_position(&mut self, _ctx: &mut Ctx, _position: &Position) {}

    /// A timer fired; the number is the one that setting it returned.
    fn on_timer(&mut self, _ctx: &mut Ctx, _timer: u64) {}

    /// The answer to [`Ctx::request_history`].
    fn on_history(&mut self, _ctx: &mut Ctx, _history: &History) {}

    /// Data of a stream was lost or withheld, until `on_feed_resumed`.
    fn on_feed_gap(&mut self, _ctx: &mut Ctx, _gap: &FeedGap) {}

    /// A stream is whole again.
    fn on_feed_resumed(&mut self, _ctx: &mut Ctx, _feed: &Feed) {}

    /// Trading is halted: commands will be denied.
    fn on_halted(&mut self, _ctx: &mut Ctx, _reason: &HaltReason) {}

    /// Trading goes on.
    fn on_resumed(&mut self, _ctx: &mut Ctx) {}

    /// The last call of an instance. No commands here.
    fn on_stop(&mut self, _ctx: &mut Ctx, _reason: &StopReason) {}

    /// State for the next generation; [`state::pack`](crate::state::pack) makes it easy.
    fn save(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Takes what `save` of the generation before gave.
    fn restore(&mut self, _state: &[u8]) -> Result<(), RestoreError> {
        Ok(())
    }
}

//! A strategy and its context: what the exports of the contract do. What lives here: calling the callbacks
//! in order, and the rule when to stop.

use crate::ctx::{Backend, Ctx};
use crate::merge::{self, Merge, Place, Source};
use crate::{Batch, Context, Duration, EventBody, InitError, RestoreError, Setup, StopReason, Strategy};

/// A strategy in its place; behind [`export!`](crate::export).
#[derive(Debug)]
pub struct Seat<S> {
    pub(crate) strategy: S,
    pub(crate) ctx: Ctx,
}

impl<S: Strategy> Seat<S> {
    /// Makes the strategy for the host that is really there. A panic is told to the operator before it ends the instance.
    #[cfg(target_family = "wasm")]
    pub fn open(context: Context) -> Result<Self, InitError> {
        std::panic::set_hook(Box::new(|panic| crate::wire::Wire.log(crate::LogLevel::Error, &panic.to_string())));
        Seat::with(context, Box::new(crate::wire::Wire))
    }

    pub(crate) fn with(context: Context, backend: Box<dyn Backend>) -> Result<Self, InitError> {
        let ctx = Ctx::new(&context, backend);
        let setup = Setup::new(&S::manifest(), context)?;
        Ok(Seat { strategy: S::new(&setup)?, ctx })
    }

    /// Handles events in order of `seq` and says how many it took: after the first command, with its cause at time t, only
    /// while `ts < t + lookahead`, because what the command brings could come before the rest.
    pub fn on_events(&mut self, batch: &Batch, lookahead: Duration) -> u32 {
        self.ctx.commanded = None;
        let mut taken = 0;
        for place in Merge::new(batch) {
            if self.ctx.commanded.is_some_and(|first| place.ts >= first.saturating_add(lookahead)) {
                break;
            }
            self.ctx.seq = place.seq;
            self.ctx.now = place.ts;
            self.handle(batch, place);
            taken += 1;
        }
        taken
    }

    fn handle(&mut self, batch: &Batch, Place { source, row, level, .. }: Place) {
        let Seat { strategy, ctx } = self;
        match source {
            Source::Trades => {
                if let Some(columns) = &batch.trades {
                    let trade = merge::trade(columns, row, ctx.scales(columns.instrument[row]));
                    strategy.on_trade(ctx, &trade);
                }
            }
            Source::AggregateTrades => {
                if let Some(columns) = &batch.aggregate_trades {
                    let trade = merge::trade(columns, row, ctx.scales(columns.instrument[row]));
                    strategy.on_aggregate_trade(ctx, &trade);
                }
            }
            Source::Quotes => {
                if let Some(columns) = &batch.quotes {
                    let quote = merge::quote(columns, row, ctx.scales(columns.instrument[row]));
                    strategy.on_quote(ctx, &quote);
                }
            }
            Source::Depth => {
                if let Some(columns) = &batch.depth {
                    let depth = merge::depth(columns, row, level, ctx.scales(columns.instrument[row]));
                    strategy.on_depth(ctx, &depth);
                }
            }
            Source::Events => match &batch.events[row].body {
                EventBody::Started => strategy.on_start(ctx),
                EventBody::Kline(kline) => strategy.on_kline(ctx, kline),
                EventBody::Book(book) => strategy.on_book(ctx, book),
                EventBody::Ticker(ticker) => strategy.on_ticker(ctx, ticker),
                EventBody::Order(update) => strategy.on_order(ctx, update),
                EventBody::Fill(fill) => strategy.on_fill(ctx, fill),
                EventBody::Balance(balance) => strategy.on_balance(ctx, balance),
                EventBody::Position(position) => strategy.on_position(ctx, position),
                EventBody::Timer(timer) => strategy.on_timer(ctx, *timer),
                EventBody::History(history) => strategy.on_history(ctx, history),
                EventBody::FeedGap(gap) => strategy.on_feed_gap(ctx, gap),
                EventBody::FeedResumed(feed) => strategy.on_feed_resumed(ctx, feed),
                EventBody::Halted(reason) => strategy.on_halted(ctx, reason),
                EventBody::Resumed => strategy.on_resumed(ctx),
            },
        }
    }

    /// State for the next generation.
    pub fn save(&self) -> Vec<u8> {
        self.strategy.save()
    }

    /// Takes the state of the generation before.
    pub fn restore(&mut self, state: &[u8]) -> Result<(), RestoreError> {
        self.strategy.restore(state)
    }

    /// The end of this instance.
    pub fn shutdown(&mut self, reason: StopReason) {
        self.strategy.on_stop(&mut self.ctx, &reason);
    }
}

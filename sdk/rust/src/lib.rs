//! Ringfence for Rust: implement [`Strategy`], hand it to [`export!`], build for `wasm32-unknown-unknown`.
//!
//! | module | holds |
//! |--|--|
//! | `strategy` | [`Strategy`]: what a strategy says of itself and what it is called with |
//! | `manifest` | [`Manifest`] and its parameters, [`Setup`] with their values |
//! | `ctx` | [`Ctx`]: what a strategy can ask the host for |
//! | `order` | [`NewOrder`]: every kind of order |
//! | `decimal` | [`Decimal`]: exact amounts |
//! | [`indicators`] | averages, RSI, MACD, ATR, Bollinger bands, VWAP |
//! | [`state`] | state as bytes, for `save` and `restore` |
//! | `text` | words for log lines: [`Denial::describe`], `Display` of sides, kinds, reasons |
//! | `testing` | a host in memory, for tests of strategies (not in wasm) |
//! | `merge`, `seat`, `wire` | from the contract to callbacks and back |
//!
//! ```
//! use ringfence_sdk::*;
//!
//! struct Contrarian { btc: Instrument }
//!
//! impl Strategy for Contrarian {
//!     fn manifest() -> Manifest {
//!         Manifest::new("contrarian", "0.1.0").wish("BTCUSDT", &[Stream::Trades])
//!     }
//!
//!     fn new(setup: &Setup) -> Result<Self, InitError> {
//!         Ok(Contrarian { btc: setup.instrument("BTCUSDT")? })
//!     }
//!
//!     fn on_trade(&mut self, ctx: &mut Ctx, trade: &Trade) {
//!         if trade.aggressor == Side::Sell
//!             && let Err(denial) = ctx.market(&self.btc, Side::Buy, decimal!("0.001"))
//!         {
//!             ctx.warn(denial.describe());
//!         }
//!     }
//! }
//!
//! export!(Contrarian);
//! # fn main() {}
//! ```

#[allow(
    unsafe_code,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    clippy::all,
    clippy::unwrap_used,
    clippy::panic
)]
#[doc(hidden)]
pub mod bindings;
mod ctx;
mod decimal;
pub mod indicators;
mod manifest;
mod merge;
mod order;
mod seat;
pub mod state;
mod strategy;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
mod text;
#[cfg(target_family = "wasm")]
mod wire;

pub use bindings::exports::ringfence::strategy::handler::{
    Context, InitError, Mode, Parameter, ParameterSpec, RestoreError, StopReason, Value, ValueRange, Wish,
};
pub use bindings::ringfence::strategy::account::OpenOrder;
pub use bindings::ringfence::strategy::events::{
    Batch, Book, DepthColumns, Event, EventBody, Feed, FeedGap, Fill, GapReason, HaltReason, History, Kline, Level,
    OrderChange, OrderReason, OrderStatus, OrderUpdate, Quote, QuoteColumns, Ticker, TradeColumns,
};
pub use bindings::ringfence::strategy::log::Level as LogLevel;
pub use bindings::ringfence::strategy::orders::{
    Limit, LimitMaker, MarketSize, OrderKind, OrderList, Stop, StopLimit, Trigger,
};
pub use bindings::ringfence::strategy::quota::{BudgetState, BudgetUnit, QuotaState};
pub use bindings::ringfence::strategy::state::StateError;
pub use bindings::ringfence::strategy::types::{
    Balance, BalanceDenial, Denial, Duration, FilterDenial, FilterKind, Instrument, InstrumentId, OrderField, OrderId,
    Position, QuotaDenial, QuotaKind, RiskDenial, RiskLimit, Seq, Side, Stream, TimeInForce, Timestamp,
};
pub use ctx::{Ctx, Measure, Store};
pub use decimal::{Decimal, MAX_SCALE, ParseDecimalError};
pub use manifest::{Manifest, Setup};
pub use merge::{Depth, Trade};
pub use order::NewOrder;
#[doc(hidden)]
pub use seat::Seat;
pub use strategy::Strategy;

/// One millisecond as a [`Duration`].
pub const MILLISECOND: Duration = 1_000;
/// One second as a [`Duration`].
pub const SECOND: Duration = 1_000_000;

/// Makes a plugin of a [`Strategy`]: the exports of the contract, in wasm only. Elsewhere it only checks the type, so
/// that the strategy is tested as ordinary Rust.
#[macro_export]
macro_rules! export {
    ($strategy:ty) => {
        #[cfg(not(target_family = "wasm"))]
        const _: fn() = || {
            fn is_a_strategy<S: $crate::Strategy>() {}
            is_a_strategy::<$strategy>();
        };

        #[cfg(target_family = "wasm")]
        #[allow(unsafe_code)]
        const _: () = {
            use $crate::bindings::exports::ringfence::strategy::handler;

            ::std::thread_local! {
                static SEAT: ::std::cell::RefCell<::std::option::Option<$crate::Seat<$strategy>>> =
                    const { ::std::cell::RefCell::new(::std::option::Option::None) };
            }

            struct Component;

            impl handler::Guest for Component {
                fn describe() -> $crate::Manifest {
                    <$strategy as $crate::Strategy>::manifest()
                }

                fn init(context: $crate::Context) -> ::std::result::Result<(), $crate::InitError> {
                    let seat = $crate::Seat::open(context)?;
                    SEAT.with_borrow_mut(|place| *place = ::std::option::Option::Some(seat));
                    ::std::result::Result::Ok(())
                }

                fn on_events(batch: $crate::Batch, lookahead: $crate::Duration) -> u32 {
                    SEAT.with_borrow_mut(|seat| seat.as_mut().map_or(0, |seat| seat.on_events(&batch, lookahead)))
                }

                fn save() -> ::std::vec::Vec<u8> {
                    SEAT.with_borrow(|seat| seat.as_ref().map_or_else(::std::vec::Vec::new, |seat| seat.save()))
                }

                fn restore(state: ::std::vec::Vec<u8>) -> ::std::result::Result<(), $crate::RestoreError> {
                    SEAT.with_borrow_mut(|seat| {
                        seat.as_mut().map_or_else(
                            || ::std::result::Result::Err($crate::RestoreError::Corrupt("restore before init".into())),
                            |seat| seat.restore(&state),
                        )
                    })
                }

                fn shutdown(reason: $crate::StopReason) {
                    SEAT.with_borrow_mut(|seat| {
                        if let ::std::option::Option::Some(seat) = seat {
                            seat.shutdown(reason);
                        }
                    });
                }
            }

    $crate::bindings::export_handler!(Component with_types_in $crate::bindings);
        };
    };
}

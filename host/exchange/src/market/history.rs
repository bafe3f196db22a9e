//! What klines of the generated market show of the time before it began.
//!
//! A walk back from the start's price, in layers: the last minutes are made of seconds (the
//! generator makes them at once), the last week of minutes, what is older of quarters of an
//! hour, then of hours, then of days. Within a layer's reach each
//! longer candle is the sum of its shorter ones, so klines of different intervals tell the
//! same story wherever both are told. It is made when somebody asks for it first: most
//! exchanges are never asked.
//!
//! What may not live here: trades. History has none, only sums of them.

use std::cell::OnceCell;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use ringfence_model::Decimal;

use super::candles::Candle;
use super::grid::Grid;
use crate::fixed::Fixed;

const DAY: u64 = 86_400;
/// A minute's candle moves and trades as much as the generator would in it.
const MINUTE: u64 = 60;
/// Prices are kept in millionths of a tick.
pub(super) const MICRO: i128 = 1_000_000;
/// Returns are kept in parts of 10^9.
pub(super) const NANO: i128 = 1_000_000_000;
/// The price stays within so many times the start's, and so many parts of it.
const WIDEST: i128 = 8;
/// Layers: seconds of a candle, and how many days before the start they begin. The venue
/// gives 1000 candles at a time: these reach for 1000 of up to 5 minutes, of 30 minutes and
/// of 4 hours, for 500 of 12 hours and of a week.
const LAYERS: [(u32, u64); 4] = [(60, 7), (900, 30), (3_600, 256), (86_400, 3_650)];

/// How a symbol's candles look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) tick: Fixed,
    pub(crate) step: Fixed,
    /// Usual return of a minute, in parts of 10^9.
    pub(crate) minute_move: i128,
    /// Usual quantity of a level of the book, in steps.
    pub(crate) level_lots: u64,
    /// The start's price, in millionths of a tick.
    pub(crate) anchor: i128,
}

/// Standard normal in units of 2^-32: the sum of twelve uniform draws.
pub(crate) fn normal(rng: &mut ChaCha8Rng) -> i128 {
    let sum: i128 = (0..12).map(|_| i128::from(rng.next_u32())).sum();
    sum.saturating_sub(6i128 << 32)
}

fn below(rng: &mut ChaCha8Rng, bound: u64) -> u64 {
    rng.next_u64() % bound.max(1)
}

impl Shape {
    fn price(&self, price: i128) -> Decimal {
        let ticks = (price / MICRO).max(1);
        Fixed::from_units(self.tick.units().saturating_mul(ticks)).decimal()
    }

    /// The candle that ends at the price `close`, and the price at which it began.
    pub(crate) fn back(&self, rng: &mut ChaCha8Rng, interval: u32, open_time: u64, close: i128) -> (Candle, i128) {
        // Moves grow with the square root of time, quantities with time.
        let of_minutes = |one_minute: u64| one_minute.saturating_mul(interval.into()) / MINUTE;
        let thousandths = i128::from(of_minutes(1_000_000).isqrt());
        let usual = self.minute_move.saturating_mul(thousandths) / 1_000;
        let change = usual.saturating_mul(normal(rng)) >> 32;
        let open = close
            .saturating_sub(close.saturating_mul(change) / NANO)
            .clamp((self.anchor / WIDEST).max(MICRO), self.anchor.saturating_mul(WIDEST).max(MICRO));
        let wick = |draw: u64| close.saturating_mul(usual) / NANO * i128::from(draw) / 100;
        let (up, down) = (wick(below(rng, 60)), wick(below(rng, 60)));
        let (low, high) = (open.min(close).saturating_sub(down), open.max(close).saturating_add(up));
        let lots = of_minutes(self.level_lots.saturating_mul(below(rng, 200).saturating_add(40))).max(1);
        let volume = Fixed::from_units(self.step.units().saturating_mul(lots.into())).decimal();
        let trades = of_minutes(below(rng, 1_500).saturating_add(1_000));
        let half = Decimal::new(5, 1);
        let close_price = self.price(close);
        let quote_volume = volume.saturating_mul(close_price);
        let candle = Candle {
            open: self.price(open),
            high: self.price(high),
            low: self.price(low),
            volume,
            quote_volume,
            trades,
            // History has no single trades: takers bought half of it.
            taker_volume: volume.saturating_mul(half),
            taker_quote_volume: quote_volume.saturating_mul(half),
            ..Candle::flat(open_time, close_price)
        };
        (candle, open)
    }
}

/// The time before a moment.
#[derive(Debug, Clone)]
pub(crate) struct History {
    shape: Shape,
    rng: ChaCha8Rng,
    /// Where it ends: the first second of a day.
    end: u64,
    /// The price there, in millionths of a tick.
    close: i128,
    rows: OnceCell<Vec<Vec<Candle>>>,
}

impl History {
    pub(crate) fn new(shape: Shape, rng: ChaCha8Rng, end: u64, close: i128) -> Self {
        History { shape, rng, end, close, rows: OnceCell::new() }
    }

    /// Where it ends.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// The layer with the longest candles that a grid's intervals are made of.
    fn layer(grid: Grid) -> Option<usize> {
        LAYERS.iter().rposition(|(length, _)| {
            grid.interval.is_multiple_of(*length)
                && i32::try_from(*length).is_ok_and(|length| grid.offset % length == 0)
        })
    }

    /// Where it begins for a grid; `None` if it has nothing for it.
    pub(crate) fn begin(&self, grid: Grid) -> Option<u64> {
        let (_, days) = LAYERS.get(Self::layer(grid)?)?;
        Some(self.end.saturating_sub(days.saturating_mul(DAY)))
    }

    /// Candles that a grid's intervals are made of, oldest first.
    pub(crate) fn row(&self, grid: Grid) -> &[Candle] {
        let rows = self.rows.get_or_init(|| self.make());
        Self::layer(grid).and_then(|layer| rows.get(layer)).map(Vec::as_slice).unwrap_or_default()
    }

    fn make(&self) -> Vec<Vec<Candle>> {
        let mut rng = self.rng.clone();
        let (mut close, mut end) = (self.close, self.end);
        let mut rows: Vec<Vec<Candle>> = Vec::new();
        for (interval, days) in LAYERS {
            let begin = self.end.saturating_sub(days.saturating_mul(DAY));
            let mut row = Vec::new();
            while end > begin {
                end = end.saturating_sub(interval.into());
                let (candle, open) = self.shape.back(&mut rng, interval, end, close);
                row.push(candle);
                close = open;
            }
            row.reverse();
            let finer = rows.last().map(Vec::as_slice).unwrap_or_default();
            row.extend(sums(finer, Grid::utc(interval)));
            rows.push(row);
        }
        rows
    }
}

/// Candles put together to those of a grid.
fn sums(candles: &[Candle], grid: Grid) -> impl Iterator<Item = Candle> {
    candles.chunk_by(move |one, other| grid.floor(one.open_time) == grid.floor(other.open_time)).filter_map(|chunk| {
        let (first, rest) = chunk.split_first()?;
        let mut sum = *first;
        rest.iter().for_each(|candle| sum.join(candle));
        Some(sum)
    })
}

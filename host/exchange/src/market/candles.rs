//! Klines and rolling figures from trades. Seconds, minutes and hours are kept; longer
//! intervals are put together when asked for. A generated market has a [`History`] before
//! its first trade.

use std::collections::VecDeque;

use ringfence_model::{Decimal, Side, Timestamp};

use super::PublicTrade;
use super::grid::Grid;
use super::history::History;

/// Two hours of seconds.
const KEPT_SECONDS: usize = 7_200;
/// A week of minutes, the longest rolling window, and a little more.
const KEPT_MINUTES: usize = 10_200;
/// More than a year of hours.
const KEPT_HOURS: usize = 10_000;
/// No trade has this id.
const NO_TRADE: i64 = -1;

/// What happened in one interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candle {
    /// In seconds.
    pub(crate) open_time: u64,
    pub(crate) open: Decimal,
    pub(crate) high: Decimal,
    pub(crate) low: Decimal,
    pub(crate) close: Decimal,
    pub(crate) volume: Decimal,
    pub(crate) quote_volume: Decimal,
    pub(crate) trades: u64,
    /// Of takers that bought.
    pub(crate) taker_volume: Decimal,
    pub(crate) taker_quote_volume: Decimal,
    /// Minus one if there was no trade.
    pub(crate) first_id: i64,
    pub(crate) last_id: i64,
}

impl Candle {
    /// An interval without a trade.
    pub(crate) fn flat(open_time: u64, price: Decimal) -> Self {
        Candle {
            open_time,
            open: price,
            high: price,
            low: price,
            close: price,
            volume: Decimal::ZERO,
            quote_volume: Decimal::ZERO,
            trades: 0,
            taker_volume: Decimal::ZERO,
            taker_quote_volume: Decimal::ZERO,
            first_id: NO_TRADE,
            last_id: NO_TRADE,
        }
    }

    fn of_trade(trade: &PublicTrade) -> Self {
        let quote = trade.price.saturating_mul(trade.quantity);
        let id = i64::try_from(trade.id).unwrap_or(NO_TRADE);
        let bought = trade.aggressor == Side::Buy;
        Candle {
            volume: trade.quantity,
            quote_volume: quote,
            trades: 1,
            taker_volume: if bought { trade.quantity } else { Decimal::ZERO },
            taker_quote_volume: if bought { quote } else { Decimal::ZERO },
            first_id: id,
            last_id: id,
            ..Candle::flat(trade.time.as_millis() / 1_000, trade.price)
        }
    }

    /// What happened from here to the end of a later candle.
    pub(crate) fn join(&mut self, later: &Candle) {
        self.high = self.high.max(later.high);
        self.low = self.low.min(later.low);
        self.close = later.close;
        self.volume = self.volume.saturating_add(later.volume);
        self.quote_volume = self.quote_volume.saturating_add(later.quote_volume);
        self.trades = self.trades.saturating_add(later.trades);
        self.taker_volume = self.taker_volume.saturating_add(later.taker_volume);
        self.taker_quote_volume = self.taker_quote_volume.saturating_add(later.taker_quote_volume);
        if self.first_id < 0 {
            self.first_id = later.first_id;
        }
        if later.last_id >= 0 {
            self.last_id = later.last_id;
        }
    }

    /// Volume-weighted average price; the last price if nothing was traded.
    pub(crate) fn average(&self) -> Decimal {
        let average = if self.volume.is_zero() { None } else { self.quote_volume.checked_div(self.volume) };
        average.unwrap_or(self.close).round_dp(8)
    }
}

/// Which klines are asked for. Without `start` the newest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Range {
    pub(crate) start: Option<Timestamp>,
    pub(crate) end: Option<Timestamp>,
    pub(crate) limit: usize,
}

/// Figures of a window; its times are those of the question, not those of trades.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) sum: Candle,
    /// Price of the last trade before the window.
    pub(crate) before: Decimal,
}

/// Candles of one length, oldest first.
#[derive(Debug, Clone)]
struct Row {
    interval: u32,
    kept: usize,
    candles: VecDeque<Candle>,
}

impl Row {
    const fn new(interval: u32, kept: usize) -> Self {
        Row { interval, kept, candles: VecDeque::new() }
    }

    /// A late trade counts for the newest candle.
    fn add(&mut self, one: &Candle) {
        let open_time = Grid::utc(self.interval).floor(one.open_time);
        match self.candles.back_mut() {
            Some(last) if last.open_time >= open_time => last.join(one),
            _ => {
                if self.candles.len() >= self.kept {
                    self.candles.pop_front();
                }
                self.candles.push_back(Candle { open_time, ..*one });
            }
        }
    }
}

/// The candles since a second, older ones first.
#[derive(Debug)]
struct Since<'a> {
    older: &'a [Candle],
    newer: &'a VecDeque<Candle>,
    /// Counted through both.
    place: usize,
}

impl<'a> Since<'a> {
    fn new(older: &'a [Candle], newer: &'a VecDeque<Candle>, from: u64) -> Self {
        let before = |candle: &Candle| candle.open_time < from;
        let place = older.partition_point(before).saturating_add(newer.partition_point(before));
        Since { older, newer, place }
    }

    fn at(&self, place: usize) -> Option<&'a Candle> {
        self.older.get(place).or_else(|| self.newer.get(place.checked_sub(self.older.len())?))
    }

    /// The last one that came before.
    fn before(&self) -> Option<&'a Candle> {
        self.at(self.place.checked_sub(1)?)
    }

    /// The next one that begins before `end`.
    fn next_before(&mut self, end: u64) -> Option<&'a Candle> {
        let candle = self.at(self.place).filter(|candle| candle.open_time < end)?;
        self.place = self.place.saturating_add(1);
        Some(candle)
    }
}

/// Seconds, minutes and hours of one symbol.
#[derive(Debug, Clone)]
pub(crate) struct Candles {
    seconds: Row,
    minutes: Row,
    hours: Row,
    history: Option<History>,
}

impl Default for Candles {
    fn default() -> Self {
        Candles {
            seconds: Row::new(1, KEPT_SECONDS),
            minutes: Row::new(60, KEPT_MINUTES),
            hours: Row::new(3_600, KEPT_HOURS),
            history: None,
        }
    }
}

impl Candles {
    /// Books a trade.
    pub(crate) fn trade(&mut self, trade: &PublicTrade) {
        self.second(&Candle::of_trade(trade));
    }

    /// A second, or a part of one.
    pub(crate) fn second(&mut self, second: &Candle) {
        for row in [&mut self.seconds, &mut self.minutes, &mut self.hours] {
            row.add(second);
        }
    }

    /// A minute before the first second, oldest first.
    pub(crate) fn seed_minute(&mut self, minute: &Candle) {
        self.minutes.add(minute);
        self.hours.add(minute);
    }

    /// What was before the first minute.
    pub(crate) fn reach_back(&mut self, history: History) {
        self.history = Some(history);
    }

    /// Whether nothing has happened yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.minutes.candles.is_empty()
    }

    /// The history, if nothing is missing between it and a row's first candle.
    fn before(&self, first: &Candle) -> Option<&History> {
        self.history.as_ref().filter(|history| history.end() == first.open_time)
    }

    /// The longest candles that the grid's intervals are made of.
    fn source(&self, grid: Grid) -> &VecDeque<Candle> {
        let whole = |row: &Row| {
            grid.interval.is_multiple_of(row.interval) && {
                let length = i32::try_from(row.interval).unwrap_or(1);
                grid.offset % length == 0
            }
        };
        match () {
            () if whole(&self.hours) && !self.hours.candles.is_empty() => &self.hours.candles,
            () if whole(&self.minutes) => &self.minutes.candles,
            () => &self.seconds.candles,
        }
    }

    /// Candles of a grid, oldest first. Intervals without a trade are flat, as at the venue.
    pub(crate) fn list(&self, grid: Grid, range: Range, now: Timestamp) -> Vec<Candle> {
        let source = self.source(grid);
        let Some(first) = source.front() else {
            return Vec::new();
        };
        let history = self.before(first);
        let begin = history.and_then(|history| history.begin(grid)).unwrap_or(first.open_time);
        let now = now.as_millis() / 1_000;
        let last_open = grid.floor(range.end.map_or(now, |end| now.min(end.as_millis() / 1_000)));
        let from = match range.start {
            Some(start) => {
                let second = start.as_millis().div_ceil(1_000);
                let floored = grid.floor(second);
                if floored < second { grid.next(floored) } else { floored }
            }
            None => grid.back(last_open, range.limit.saturating_sub(1)),
        }
        .max(grid.floor(begin));
        let older = history.filter(|_| from < first.open_time).map(|history| history.row(grid)).unwrap_or_default();
        let mut candles = Since::new(older, source, from);
        let mut close = candles.before().map_or(first.open, |candle| candle.close);
        let mut rows = Vec::new();
        let mut open_time = from;
        while open_time <= last_open && rows.len() < range.limit {
            let end = grid.next(open_time);
            let mut row: Option<Candle> = None;
            while let Some(candle) = candles.next_before(end) {
                match &mut row {
                    Some(row) => row.join(candle),
                    None => row = Some(Candle { open_time, ..*candle }),
                }
            }
            let row = row.unwrap_or_else(|| Candle::flat(open_time, close));
            close = row.close;
            rows.push(row);
            open_time = end;
        }
        rows
    }

    /// The candle of an interval that `now` lies in.
    pub(crate) fn current(&self, grid: Grid, now: Timestamp) -> Option<Candle> {
        self.list(grid, Range { start: None, end: None, limit: 1 }, now).pop()
    }

    /// The candle that ended just before the one that `now` lies in.
    pub(crate) fn previous(&self, grid: Grid, now: Timestamp) -> Option<Candle> {
        let open = grid.floor(now.as_millis() / 1_000);
        let end = Timestamp::from_millis(open.checked_sub(1)?.saturating_mul(1_000));
        self.list(grid, Range { start: None, end: Some(end), limit: 1 }, now).pop()
    }

    /// Figures from a second on, to the minute; `None` before the first trade of all.
    pub(crate) fn window(&self, from: u64) -> Option<Window> {
        let minutes = &self.minutes.candles;
        let (first, minute) = (minutes.front()?, from / 60 * 60);
        let history = self.before(first).filter(|_| minute < first.open_time);
        let older = history.map(|history| history.row(Grid::utc(60))).unwrap_or_default();
        let mut rows = Since::new(older, minutes, minute);
        let before = rows.before().map_or(older.first().unwrap_or(first).open, |candle| candle.close);
        let mut sum = rows.next_before(u64::MAX).copied().unwrap_or_else(|| Candle::flat(from, before));
        while let Some(candle) = rows.next_before(u64::MAX) {
            sum.join(candle);
        }
        Some(Window { sum, before })
    }

    /// Average price of the last minutes, the running one included.
    pub(crate) fn average(&self, minutes: u64, now: Timestamp) -> Option<Decimal> {
        let minute = now.as_millis() / 60_000;
        let from = minute.saturating_add(1).saturating_sub(minutes).saturating_mul(60);
        self.window(from).map(|window| window.sum.average())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(second: u64) -> Timestamp {
        Timestamp::from_millis(second * 1_000)
    }

    fn trade(candles: &mut Candles, id: u64, price: i64, aggressor: Side, second: u64) {
        let (price, quantity) = (Decimal::new(price, 0), Decimal::ONE);
        candles.trade(&PublicTrade { id, price, quantity, aggressor, time: at(second) });
    }

    fn newest(limit: usize) -> Range {
        Range { start: None, end: None, limit }
    }

    fn three() -> Candles {
        let mut candles = Candles::default();
        trade(&mut candles, 7, 10, Side::Buy, 600);
        trade(&mut candles, 8, 12, Side::Sell, 601);
        trade(&mut candles, 9, 11, Side::Buy, 781);
        candles
    }

    #[test]
    fn intervals_without_trades_are_flat_and_longer_ones_are_joined() {
        let candles = three();
        let minute = Grid::utc(60);
        let minutes = candles.list(minute, newest(10), at(790));
        let shape: Vec<_> = minutes.iter().map(|c| (c.open_time, c.close.to_string(), c.trades, c.first_id)).collect();
        let close = |text: &str| text.to_owned();
        assert_eq!(
            shape,
            [(600, close("12"), 2, 7), (660, close("12"), 0, -1), (720, close("12"), 0, -1), (780, close("11"), 1, 9)]
        );
        let five = candles.list(Grid::utc(300), Range { start: Some(at(600)), ..newest(10) }, at(790));
        assert_eq!(five.len(), 1);
        assert_eq!((five[0].high, five[0].trades, five[0].first_id, five[0].last_id), (Decimal::new(12, 0), 3, 7, 9));
        assert_eq!((five[0].taker_volume, five[0].taker_quote_volume), (Decimal::new(2, 0), Decimal::new(21, 0)));
        assert_eq!(candles.list(minute, newest(2), at(790)).len(), 2);
        assert_eq!(candles.previous(minute, at(790)).unwrap().open_time, 720);
        assert_eq!(candles.current(minute, at(790)).unwrap().open_time, 780);
        let month = candles.current(Grid::utc(crate::market::grid::MONTH), at(790)).unwrap();
        assert_eq!((month.open_time, month.trades), (0, 3));
        // Half an hour off, hours can't be put together from hours.
        let india = Grid { interval: 3_600, offset: 19_800 };
        assert_eq!(candles.current(india, at(790)).unwrap().trades, 3);
    }

    #[test]
    fn a_window_counts_from_its_minute_on_and_knows_the_price_before() {
        let candles = three();
        let window = candles.window(785).unwrap();
        assert_eq!((window.sum.trades, window.sum.open, window.before), (1, Decimal::new(11, 0), Decimal::new(12, 0)));
        let empty = candles.window(900).unwrap();
        assert_eq!((empty.sum.trades, empty.sum.close, empty.sum.first_id), (0, Decimal::new(11, 0), -1));
        assert_eq!(candles.average(5, at(790)), Some(Decimal::new(11, 0)));
        assert_eq!(candles.average(1, at(790)), Some(Decimal::new(11, 0)));
        assert_eq!(Candles::default().window(0), None);
    }
}

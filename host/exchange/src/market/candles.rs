//! Klines and rolling figures from trades. Seconds and minutes are kept; longer
//! intervals are put together when asked for.

use std::collections::VecDeque;

use ringfence_model::event::{Kline, Ticker};
use ringfence_model::{Decimal, InstrumentId, Micros, Timestamp};

/// Two hours of seconds.
const KEPT_SECONDS: usize = 7_200;
/// A week of minutes.
const KEPT_MINUTES: usize = 10_080;
const DAY: Micros = Micros::from_secs(86_400);

/// What happened in one interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candle {
    pub(crate) open_time: u64,
    pub(crate) open: Decimal,
    pub(crate) high: Decimal,
    pub(crate) low: Decimal,
    pub(crate) close: Decimal,
    pub(crate) volume: Decimal,
    pub(crate) quote_volume: Decimal,
    pub(crate) trades: u64,
}

impl Candle {
    fn new(open_time: u64, price: Decimal) -> Self {
        Candle {
            open_time,
            open: price,
            high: price,
            low: price,
            close: price,
            volume: Decimal::ZERO,
            quote_volume: Decimal::ZERO,
            trades: 0,
        }
    }

    fn join(&mut self, later: &Candle) {
        self.high = self.high.max(later.high);
        self.low = self.low.min(later.low);
        self.close = later.close;
        self.volume = self.volume.saturating_add(later.volume);
        self.quote_volume = self.quote_volume.saturating_add(later.quote_volume);
        self.trades = self.trades.saturating_add(later.trades);
    }

    /// In the model's words.
    pub(crate) fn kline(&self, instrument: InstrumentId, interval: u32, now: Timestamp) -> Kline {
        Kline {
            instrument,
            interval,
            open_time: Timestamp::from_millis(self.open_time.saturating_mul(1_000)),
            open: self.open,
            high: self.high,
            low: self.low,
            close: self.close,
            volume: self.volume,
            quote_volume: self.quote_volume,
            trades: self.trades,
            closed: self.open_time.saturating_add(u64::from(interval)) <= now.as_millis() / 1_000,
        }
    }
}

/// Begin of the interval that a second lies in. Weeks begin on Monday; a month counts
/// thirty days.
pub(crate) fn floor(second: u64, interval: u32) -> u64 {
    // 1970-01-01 was a Thursday; Monday is four days later.
    let offset = if interval == 604_800 { 4 * 86_400 } else { 0 };
    let shifted = second.saturating_sub(offset);
    shifted.saturating_sub(shifted % u64::from(interval.max(1))).saturating_add(offset)
}

/// Seconds and minutes of one symbol; open times are in seconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Candles {
    seconds: VecDeque<Candle>,
    minutes: VecDeque<Candle>,
}

impl Candles {
    /// Books a trade. Times never run backwards by more than the venue's own disorder; a
    /// late trade counts for the newest candle.
    pub(crate) fn trade(&mut self, price: Decimal, quantity: Decimal, time: Timestamp) {
        let second = time.as_millis() / 1_000;
        let mut one = Candle::new(second, price);
        one.volume = quantity;
        one.quote_volume = price.saturating_mul(quantity);
        one.trades = 1;
        for (candles, interval, kept) in [(&mut self.seconds, 1, KEPT_SECONDS), (&mut self.minutes, 60, KEPT_MINUTES)] {
            let open_time = floor(second, interval);
            match candles.back_mut() {
                Some(last) if last.open_time >= open_time => last.join(&one),
                _ => {
                    candles.push_back(Candle { open_time, ..one });
                    if candles.len() > kept {
                        candles.pop_front();
                    }
                }
            }
        }
    }

    /// A minute before the first trade, oldest first.
    pub(crate) fn seed_minute(&mut self, minute: Candle) {
        self.minutes.push_back(minute);
    }

    /// Candles of an interval from `start` on (or the newest), oldest first, at most
    /// `limit`. Intervals without a trade are flat, as at the venue.
    pub(crate) fn list(
        &self,
        interval: u32,
        start: Option<Timestamp>,
        end: Option<Timestamp>,
        now: Timestamp,
        limit: usize,
    ) -> Vec<Candle> {
        let source = if interval < 60 { &self.seconds } else { &self.minutes };
        let Some(first) = source.front() else {
            return Vec::new();
        };
        let step = u64::from(interval.max(1));
        let now = now.as_millis() / 1_000;
        let last_open = floor(end.map_or(now, |end| now.min(end.as_millis() / 1_000)), interval);
        let oldest = floor(first.open_time, interval);
        let length = step.saturating_mul(u64::try_from(limit.saturating_sub(1)).unwrap_or(u64::MAX));
        let from = match start {
            Some(start) => {
                let second = start.as_millis().div_ceil(1_000);
                let floored = floor(second, interval);
                if floored < second { floored.saturating_add(step) } else { floored }
            }
            None => last_open.saturating_sub(length),
        }
        .max(oldest);
        let until = last_open.min(from.saturating_add(length));
        let mut rows = Vec::new();
        let mut index = source.partition_point(|candle| candle.open_time < from);
        let mut close = index.checked_sub(1).and_then(|before| source.get(before)).map_or(first.open, |c| c.close);
        let mut open_time = from;
        while open_time <= until && rows.len() < limit {
            let end = open_time.saturating_add(step);
            let mut row: Option<Candle> = None;
            while let Some(candle) = source.get(index).filter(|candle| candle.open_time < end) {
                match &mut row {
                    Some(row) => row.join(candle),
                    None => row = Some(Candle { open_time, ..*candle }),
                }
                index = index.saturating_add(1);
            }
            let row = row.unwrap_or_else(|| Candle::new(open_time, close));
            close = row.close;
            rows.push(row);
            open_time = end;
        }
        rows
    }

    /// The candle of an interval that `now` lies in.
    pub(crate) fn current(&self, interval: u32, now: Timestamp) -> Option<Candle> {
        self.list(interval, None, None, now, 1).pop()
    }

    /// The candle that ended just before the one that `now` lies in.
    pub(crate) fn previous(&self, interval: u32, now: Timestamp) -> Option<Candle> {
        let open = floor(now.as_millis() / 1_000, interval);
        let end = Timestamp::from_millis(open.checked_sub(1)?.saturating_mul(1_000));
        self.list(interval, None, Some(end), now, 1).pop()
    }

    /// Rolling figures of the last day.
    pub(crate) fn ticker(&self, instrument: InstrumentId, now: Timestamp) -> Option<Ticker> {
        let from = Timestamp(now.0.saturating_sub(DAY.0)).as_millis() / 1_000;
        let index = self.minutes.partition_point(|candle| candle.open_time < from);
        let mut rows = self.minutes.iter().skip(index);
        let mut sum = *rows.next().or_else(|| self.minutes.back())?;
        rows.for_each(|candle| sum.join(candle));
        Some(Ticker {
            instrument,
            open: sum.open,
            high: sum.high,
            low: sum.low,
            last: sum.close,
            volume: sum.volume,
            quote_volume: sum.quote_volume,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(second: u64) -> Timestamp {
        Timestamp::from_millis(second * 1_000)
    }

    #[test]
    fn intervals_without_trades_are_flat_and_longer_ones_are_joined() {
        let mut candles = Candles::default();
        candles.trade(Decimal::new(10, 0), Decimal::ONE, at(600));
        candles.trade(Decimal::new(12, 0), Decimal::ONE, at(601));
        candles.trade(Decimal::new(11, 0), Decimal::ONE, at(781));
        let minutes = candles.list(60, None, None, at(790), 10);
        let shape: Vec<_> = minutes.iter().map(|c| (c.open_time, c.close.to_string(), c.trades)).collect();
        assert_eq!(
            shape,
            [
                (600, "12".to_owned(), 2),
                (660, "12".to_owned(), 0),
                (720, "12".to_owned(), 0),
                (780, "11".to_owned(), 1)
            ]
        );
        let five = candles.list(300, Some(at(600)), None, at(790), 10);
        assert_eq!(five.len(), 1);
        assert_eq!((five[0].high, five[0].trades), (Decimal::new(12, 0), 3));
        assert_eq!(candles.list(60, None, None, at(790), 2).len(), 2);
        assert_eq!(candles.previous(60, at(790)).unwrap().open_time, 720);
        assert!(candles.previous(60, at(790)).unwrap().kline(InstrumentId(0), 60, at(790)).closed);
        assert!(!candles.current(60, at(790)).unwrap().kline(InstrumentId(0), 60, at(790)).closed);
    }
}

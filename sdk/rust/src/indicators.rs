//! Indicators over binary numbers: statistics that steer, never money. Each takes one value at a time and
//! answers `None` until it has seen enough. All can be packed into the state of a strategy (see
//! [`state`](crate::state)). A length of 0 counts as 1.

use std::collections::VecDeque;

use crate::RestoreError;
use crate::state::{Keep, Reader};

/// The last `length` values.
#[derive(Debug, Clone, PartialEq)]
struct Window {
    length: usize,
    values: VecDeque<f64>,
}

impl Window {
    fn new(length: usize) -> Self {
        Window { length: length.max(1), values: VecDeque::new() }
    }

    fn push(&mut self, value: f64) {
        if self.values.len() == self.length {
            self.values.pop_front();
        }
        self.values.push_back(value);
    }

    /// Summed anew: a running sum drifts, and the window is short.
    fn mean(&self) -> Option<f64> {
        (self.values.len() == self.length).then(|| self.values.iter().sum::<f64>() / self.length as f64)
    }
}

/// A mean that starts as the plain average of `length` values and goes on with a fixed weight.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Smoothed {
    length: u64,
    weight: f64,
    seen: u64,
    mean: f64,
}

impl Smoothed {
    fn new(length: usize, weight: impl Fn(f64) -> f64) -> Self {
        let length = length.max(1) as u64;
        Smoothed { length, weight: weight(length as f64), seen: 0, mean: 0.0 }
    }

    fn update(&mut self, value: f64) -> Option<f64> {
        self.seen = self.seen.saturating_add(1);
        let weight = if self.seen <= self.length { 1.0 / self.seen as f64 } else { self.weight };
        self.mean += (value - self.mean) * weight;
        self.value()
    }

    fn value(&self) -> Option<f64> {
        (self.seen >= self.length).then_some(self.mean)
    }
}

/// Simple moving average.
#[derive(Debug, Clone, PartialEq)]
pub struct Sma(Window);

impl Sma {
    /// Over the last `length` values.
    pub fn new(length: usize) -> Self {
        Sma(Window::new(length))
    }

    /// Takes the next value.
    pub fn update(&mut self, value: f64) -> Option<f64> {
        self.0.push(value);
        self.value()
    }

    /// The average now.
    pub fn value(&self) -> Option<f64> {
        self.0.mean()
    }

    /// How many values it looks back on.
    pub fn length(&self) -> usize {
        self.0.length
    }
}

/// Exponential moving average with weight `2 / (length + 1)`, started by the simple average of the first `length` values.
#[derive(Debug, Clone, PartialEq)]
pub struct Ema(Smoothed);

impl Ema {
    /// With the weight of `length` values.
    pub fn new(length: usize) -> Self {
        Ema(Smoothed::new(length, |length| 2.0 / (length + 1.0)))
    }

    /// Takes the next value.
    pub fn update(&mut self, value: f64) -> Option<f64> {
        self.0.update(value)
    }

    /// The average now.
    pub fn value(&self) -> Option<f64> {
        self.0.value()
    }

    /// The length it was made with.
    pub fn length(&self) -> usize {
        self.0.length as usize
    }
}

/// Wilder's relative strength index, 0 to 100. Needs `length` changes, so `length + 1` values. 50 when nothing moved.
#[derive(Debug, Clone, PartialEq)]
pub struct Rsi {
    last: Option<f64>,
    gain: Smoothed,
    loss: Smoothed,
}

impl Rsi {
    /// Over `length` changes; Wilder took 14.
    pub fn new(length: usize) -> Self {
        let side = Smoothed::new(length, |length| 1.0 / length);
        Rsi { last: None, gain: side, loss: side }
    }

    /// Takes the next value.
    pub fn update(&mut self, value: f64) -> Option<f64> {
        if let Some(last) = self.last.replace(value) {
            self.gain.update((value - last).max(0.0));
            self.loss.update((last - value).max(0.0));
        }
        self.value()
    }

    /// The index now.
    pub fn value(&self) -> Option<f64> {
        let (gain, loss) = (self.gain.value()?, self.loss.value()?);
        Some(if gain + loss == 0.0 { 50.0 } else { 100.0 * gain / (gain + loss) })
    }

    /// How many changes it looks back on.
    pub fn length(&self) -> usize {
        self.gain.length as usize
    }
}

/// What [`Macd`] says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MacdValue {
    /// Fast average less slow average.
    pub macd: f64,
    /// Average of `macd`.
    pub signal: f64,
    /// `macd` less `signal`.
    pub histogram: f64,
}

/// Moving average convergence and divergence.
#[derive(Debug, Clone, PartialEq)]
pub struct Macd {
    fast: Ema,
    slow: Ema,
    signal: Ema,
}

impl Macd {
    /// Usually 12, 26 and 9.
    pub fn new(fast: usize, slow: usize, signal: usize) -> Self {
        Macd { fast: Ema::new(fast), slow: Ema::new(slow), signal: Ema::new(signal) }
    }

    /// Takes the next value. The first answer comes with value `slow + signal - 1`.
    pub fn update(&mut self, value: f64) -> Option<MacdValue> {
        let (fast, slow) = (self.fast.update(value), self.slow.update(value));
        self.signal.update(fast? - slow?);
        self.value()
    }

    /// Fast average less slow average, which is there before the signal is.
    pub fn line(&self) -> Option<f64> {
        Some(self.fast.value()? - self.slow.value()?)
    }

    /// All three now.
    pub fn value(&self) -> Option<MacdValue> {
        let (macd, signal) = (self.line()?, self.signal.value()?);
        Some(MacdValue { macd, signal, histogram: macd - signal })
    }
}

/// Wilder's average true range.
#[derive(Debug, Clone, PartialEq)]
pub struct Atr {
    close: Option<f64>,
    range: Smoothed,
}

impl Atr {
    /// Over `length` bars; Wilder took 14.
    pub fn new(length: usize) -> Self {
        Atr { close: None, range: Smoothed::new(length, |length| 1.0 / length) }
    }

    /// Takes the next bar.
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> Option<f64> {
        let before = self.close.replace(close).unwrap_or(low);
        self.range.update(high.max(before) - low.min(before))
    }

    /// The average now.
    pub fn value(&self) -> Option<f64> {
        self.range.value()
    }
}

/// What [`Bollinger`] says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bands {
    /// `width` deviations below the middle.
    pub lower: f64,
    /// The simple moving average.
    pub middle: f64,
    /// `width` deviations above the middle.
    pub upper: f64,
}

/// Bollinger bands: a simple average and `width` standard deviations (of the population) around it.
#[derive(Debug, Clone, PartialEq)]
pub struct Bollinger {
    window: Window,
    width: f64,
}

impl Bollinger {
    /// Usually 20 values and 2 deviations.
    pub fn new(length: usize, width: f64) -> Self {
        Bollinger { window: Window::new(length), width }
    }

    /// Takes the next value.
    pub fn update(&mut self, value: f64) -> Option<Bands> {
        self.window.push(value);
        self.value()
    }

    /// The bands now.
    pub fn value(&self) -> Option<Bands> {
        let middle = self.window.mean()?;
        let square: f64 = self.window.values.iter().map(|value| (value - middle).powi(2)).sum();
        let reach = self.width * (square / self.window.length as f64).sqrt();
        Some(Bands { lower: middle - reach, middle, upper: middle + reach })
    }
}

/// Volume-weighted average price since the start or the last `reset`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Vwap {
    turnover: f64,
    volume: f64,
}

impl Vwap {
    /// Nothing traded yet.
    pub fn new() -> Self {
        Vwap::default()
    }

    /// Takes the next trade.
    pub fn update(&mut self, price: f64, quantity: f64) -> Option<f64> {
        self.turnover += price * quantity;
        self.volume += quantity;
        self.value()
    }

    /// The average now; `None` before anything was traded.
    pub fn value(&self) -> Option<f64> {
        (self.volume > 0.0).then(|| self.turnover / self.volume)
    }

    /// Starts anew, as at the start of a session.
    pub fn reset(&mut self) {
        *self = Vwap::default();
    }
}

/// Writes and reads the fields in the order in which they stand here.
macro_rules! keep {
    ($($kind:ident { $($field:tt),* })*) => {$(
        impl Keep for $kind {
            fn write(&self, out: &mut Vec<u8>) {
                $(self.$field.write(out);)*
            }

            fn read(from: &mut Reader<'_>) -> Result<Self, RestoreError> {
                Ok($kind { $($field: Keep::read(from)?),* })
            }
        }
    )*};
}

keep! {
    Window { length, values }
    Smoothed { length, weight, seen, mean }
    Sma { 0 }
    Ema { 0 }
    Rsi { last, gain, loss }
    Macd { fast, slow, signal }
    Atr { close, range }
    Bollinger { window, width }
    Vwap { turnover, volume }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::state::{pack, unpack};

    #[track_caller]
    fn close(found: impl IntoIterator<Item = f64>, expected: &[f64], within: f64) {
        let found: Vec<_> = found.into_iter().collect();
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (at, (a, b)) in found.iter().zip(expected).enumerate() {
            assert!((a - b).abs() <= within, "value {at}: {a} is not {b}");
        }
    }

    /// The bars with which Tulip Indicators tests itself (tests/untest.txt of TulipCharts/tulipindicators).
    const HIGH: [f64; 15] =
        [82.15, 81.89, 83.03, 83.30, 83.85, 83.90, 83.33, 84.30, 84.84, 85.00, 85.90, 86.58, 86.98, 88.00, 87.87];
    const LOW: [f64; 15] =
        [81.29, 80.64, 81.31, 82.65, 83.07, 83.11, 82.49, 82.30, 84.15, 84.11, 84.03, 85.39, 85.76, 87.17, 87.01];
    const CLOSE: [f64; 15] =
        [81.59, 81.06, 82.87, 83.00, 83.61, 83.15, 82.84, 83.99, 84.55, 84.36, 85.53, 86.54, 86.89, 87.77, 87.29];
    const VOLUME: [f64; 5] = [5_653_100.0, 6_447_400.0, 7_690_900.0, 3_831_400.0, 4_455_100.0];

    /// Source: Tulip Indicators, `sma 5`.
    #[test]
    fn sma_as_published() {
        let mut sma = Sma::new(5);
        let expected = [82.426, 82.738, 83.094, 83.318, 83.628, 83.778, 84.254, 84.994, 85.574, 86.218, 86.804];
        close(CLOSE.iter().filter_map(|x| sma.update(*x)), &expected, 5e-4);
    }

    /// Source: StockCharts ChartSchool, "Moving Averages - Simple and Exponential", the 10-day EMA of Intel.
    #[test]
    fn ema_as_published() {
        let closes = [
            22.2734, 22.1940, 22.0847, 22.1741, 22.1840, 22.1344, 22.2337, 22.4323, 22.2436, 22.2933, 22.1542, 22.3926,
            22.3816, 22.6109, 23.3558, 24.0519, 23.7530, 23.8324, 23.9516, 23.6338, 23.8225, 23.8722, 23.6537, 23.1870,
            23.0976, 23.3260, 22.6805, 23.0976, 22.4025, 22.1725,
        ];
        let expected = [
            22.22, 22.21, 22.24, 22.27, 22.33, 22.52, 22.80, 22.97, 23.13, 23.28, 23.34, 23.43, 23.51, 23.54, 23.47,
            23.40, 23.39, 23.26, 23.23, 23.08, 22.92,
        ];
        let mut ema = Ema::new(10);
        close(closes.iter().filter_map(|x| ema.update(*x)), &expected, 0.0051);
    }

    /// Source: StockCharts ChartSchool, "Relative Strength Index", the 14-day RSI of QQQQ after Wilder.
    #[test]
    fn rsi_as_published() {
        let closes = [
            44.3389, 44.0902, 44.1497, 43.6124, 44.3278, 44.8264, 45.0955, 45.4245, 45.8433, 46.0826, 45.8931, 46.0328,
            45.6140, 46.2820, 46.2820, 46.0028, 46.0328, 46.4116, 46.2222, 45.6439, 46.2122, 46.2521, 45.7137, 46.4515,
            45.7835, 45.3548, 44.0288, 44.1783, 44.2181, 44.5672, 43.4205, 42.6628, 43.1314,
        ];
        let expected = [
            70.53, 66.32, 66.55, 69.41, 66.36, 57.97, 62.93, 63.26, 56.06, 62.38, 54.71, 50.42, 39.99, 41.46, 41.87,
            45.46, 37.30, 33.08, 37.77,
        ];
        let mut rsi = Rsi::new(14);
        close(closes.iter().filter_map(|x| rsi.update(*x)), &expected, 0.0051);
    }

    #[test]
    fn rsi_at_its_ends() {
        let run = |step: f64| {
            let mut rsi = Rsi::new(3);
            (0..10).filter_map(|i| rsi.update(100.0 + step * f64::from(i))).last()
        };
        assert_eq!((run(1.0), run(-1.0), run(0.0)), (Some(100.0), Some(0.0), Some(50.0)));
    }

    /// Source: InvestExcel, "How to Calculate MACD in Excel": Apple's closes from February 2013, 12, 26 and 9 days.
    #[test]
    fn macd_as_published() {
        let closes = [
            459.99, 448.85, 446.06, 450.81, 442.80, 448.97, 444.57, 441.40, 430.47, 420.05, 431.14, 425.66, 430.58,
            431.72, 437.87, 428.43, 428.35, 432.50, 443.66, 455.72, 454.49, 452.08, 452.73, 461.91, 463.58, 461.14,
            452.08, 442.66, 428.91, 429.79, 431.99, 427.72, 423.20, 426.21, 426.98, 435.69, 434.33,
        ];
        let mut macd = Macd::new(12, 26, 9);
        let (mut lines, mut signals) = (Vec::new(), Vec::new());
        for x in closes {
            signals.extend(macd.update(x).map(|value| value.signal));
            lines.extend(macd.line());
        }
        let expected =
            [8.275269504, 7.703378381, 6.416074757, 4.237519783, 2.552583325, 1.378885720, 0.102981491, -1.258401953];
        close(lines.iter().copied().take(8), &expected, 1e-8);
        close(signals, &[3.037525869, 1.905652229, 1.058708435, 0.410640325], 1e-8);
        let value = macd.value().unwrap();
        assert_eq!(value.histogram, value.macd - value.signal);
    }

    /// Source: Tulip Indicators, `atr 5`; and StockCharts ChartSchool, "Average True Range", 14 days.
    #[test]
    fn atr_as_published() {
        let mut atr = Atr::new(5);
        let expected = [1.116, 1.051, 1.009, 1.207, 1.136, 1.086, 1.243, 1.233, 1.230, 1.206, 1.137];
        close((0..15).filter_map(|i| atr.update(HIGH[i], LOW[i], CLOSE[i])), &expected, 5e-4);

        // Its inputs are printed with two decimal places, the averages were made from more.
        let high = [
            48.70, 48.72, 48.90, 48.87, 48.82, 49.05, 49.20, 49.35, 49.92, 50.19, 50.12, 49.66, 49.88, 50.19, 50.36,
            50.57, 50.65,
        ];
        let low = [
            47.79, 48.14, 48.39, 48.37, 48.24, 48.64, 48.94, 48.86, 49.50, 49.87, 49.20, 48.90, 49.43, 49.73, 49.26,
            50.09, 50.30,
        ];
        let last = [
            48.16, 48.61, 48.75, 48.63, 48.74, 49.03, 49.07, 49.32, 49.91, 50.13, 49.53, 49.50, 49.75, 50.03, 50.31,
            50.52, 50.41,
        ];
        let mut atr = Atr::new(14);
        close((0..17).filter_map(|i| atr.update(high[i], low[i], last[i])), &[0.56, 0.59, 0.59, 0.57], 0.006);
    }

    /// Source: Tulip Indicators, `bbands 5 2`.
    #[test]
    fn bollinger_as_published() {
        let mut bollinger = Bollinger::new(5, 2.0);
        let bands: Vec<_> = CLOSE.iter().filter_map(|x| bollinger.update(*x)).collect();
        let lower = [80.530, 80.987, 82.533, 82.472, 82.418, 82.435, 82.511, 83.143, 83.536, 83.870, 85.289];
        let upper = [84.322, 84.489, 83.655, 84.164, 84.838, 85.121, 85.997, 86.845, 87.612, 88.566, 88.319];
        close(bands.iter().map(|b| b.lower), &lower, 6e-4);
        close(bands.iter().map(|b| b.upper), &upper, 6e-4);
    }

    /// Source: Tulip Indicators, `vwma 5`, whose first value is the average over the first five bars.
    #[test]
    fn vwap_as_published() {
        let mut vwap = Vwap::new();
        assert_eq!(vwap.value(), None);
        let last = CLOSE.iter().zip(VOLUME).filter_map(|(x, v)| vwap.update(*x, v)).last();
        close(last, &[82.332], 5e-4);
        vwap.reset();
        assert_eq!(vwap.value(), None);
    }

    #[test]
    fn a_packed_indicator_goes_on_where_it_was() {
        let mut all = (Sma::new(3), Ema::new(4), Rsi::new(5), Bollinger::new(3, 2.0), Macd::new(2, 4, 3));
        for (at, x) in CLOSE.iter().enumerate() {
            let bytes = pack(1, &all);
            let mut back: (Sma, Ema, Rsi, Bollinger, Macd) = unpack(1, &bytes).unwrap();
            assert_eq!(back, all, "after {at}");
            assert_eq!(back.2.update(*x), all.2.update(*x));
            all.0.update(*x);
            all.1.update(*x);
            all.3.update(*x);
            all.4.update(*x);
        }
        assert_eq!((all.0.length(), all.1.length(), all.2.length()), (3, 4, 5));
    }
}

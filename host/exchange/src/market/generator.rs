//! The generated market of one symbol, in steps of ten milliseconds (or longer ones, see
//! [`crate::config::Bustle`]; figures are of the usual ones).
//!
//! A fair price walks with clustering volatility (GARCH(1,1)) on top of trends that last
//! some seconds and turn. Around it stands a book of twenty levels a side: the best level
//! follows the fair price tick by tick, the ones behind stand on a grid. Takers hit the
//! book some thirty-five times a second, more on the side of the trend. When the quotes
//! have to move across own orders, takers trade these away first, so the book is never
//! crossed and a resting order near the top is filled within seconds.
//!
//! Everything is integer arithmetic on a seeded generator: a seed gives the same market
//! on every machine. Normal draws are sums of twelve uniform ones.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use ringfence_model::{Decimal, Side};

use super::candles::Candles;
use super::grid::Grid;
use super::history::{History, MICRO, NANO, Shape, normal};
use crate::config::SymbolConfig;
use crate::fixed::Fixed;
use crate::matching::book::{Book, Maker};
use crate::matching::{Amount, SelfTrade, Step, Taker, plan};

const LEVELS: i64 = 20;
/// Chance of a taker in one step, in parts of 1000.
const TAKER_CHANCE: u64 = 320;
/// Chance that the quotes follow the price in one step, in parts of 1000.
const QUOTE_CHANCE: u64 = 800;
/// Seconds of history before the start, at least: the venue gives 1000 klines at a time.
const HISTORY_SECONDS: u64 = 1_000;
/// Minutes of history before the start, at least.
const HISTORY_MINUTES: u64 = 1_000;
/// What is older is drawn from a stream of its own: it is made late, or never.
const HISTORY_STREAM: u64 = 1 << 32;
const DAY: u32 = 86_400;

/// A trade that the market made; the book has it booked already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flow {
    /// Trades of one taker have the same number.
    pub(crate) taker: u32,
    pub(crate) price: Fixed,
    pub(crate) quantity: Fixed,
    pub(crate) aggressor: Side,
    pub(crate) maker: Maker,
}

/// The state of the price process.
#[derive(Debug, Clone)]
pub(crate) struct Generator {
    rng: ChaCha8Rng,
    tick: Fixed,
    step: Fixed,
    /// In millionths of a tick.
    price: i128,
    anchor: i128,
    /// Variance of one step's return, in (10^-9)^2; now and in the long run.
    variance: i128,
    usual_variance: i128,
    /// Return of one step by the trend, in 10^-9; and for how many steps more.
    drift: i128,
    drift_left: u64,
    volatility: i128,
    level_ticks: i64,
    /// Usual quantity of a level in steps of the lot size.
    level_lots: u64,
    takers: u32,
}

impl Generator {
    /// The market of a symbol. `None` if its rules leave no room for a price.
    pub(crate) fn new(config: &SymbolConfig, seed: u64, place: u64) -> Option<Self> {
        let ticks = whole(config.start_price.checked_div(config.filters.price.tick)?)?;
        let level_lots =
            u64::try_from(whole(config.level_quantity.checked_div(config.filters.lot_size.step)?)?).ok()?.max(1);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(place);
        let volatility = i128::from(config.volatility);
        // 0.7 of the usual move is diffusion over a thousand steps: 1000 * 0.7 / sqrt(1000).
        let usual_variance = volatility.saturating_mul(22).saturating_pow(2).max(1);
        let price = ticks.checked_mul(MICRO)?;
        (ticks > LEVELS as i128 * i128::from(config.level_ticks) * 2).then_some(Generator {
            rng,
            tick: Fixed::floor(config.filters.price.tick),
            step: Fixed::floor(config.filters.lot_size.step),
            price,
            anchor: price,
            variance: usual_variance,
            usual_variance,
            drift: 0,
            drift_left: 0,
            volatility,
            level_ticks: i64::from(config.level_ticks.max(1)),
            level_lots,
            takers: 0,
        })
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.rng.next_u64() % bound.max(1)
    }

    fn at(&self, ticks: i64) -> Fixed {
        Fixed::from_units(self.tick.units().saturating_mul(ticks.into()))
    }

    fn lots(&self, lots: u64) -> Fixed {
        Fixed::from_units(self.step.units().saturating_mul(lots.max(1).into()))
    }

    /// A level's quantity: between a tenth and twice the usual.
    fn level_quantity(&mut self) -> Fixed {
        let tenth = (self.level_lots / 10).max(1);
        let lots = tenth.saturating_add(self.below(self.level_lots.saturating_mul(2)));
        self.lots(lots)
    }

    /// The time before the start: seconds of the last minutes, minutes since the begin of a
    /// day, which the rolling figures need at once, and what is older for who asks. All of it
    /// ends at the start's price.
    pub(crate) fn history(&mut self, candles: &mut Candles, start_second: u64) {
        let minute = Grid::utc(60);
        let shape = Shape {
            tick: self.tick,
            step: self.step,
            minute_move: self.volatility.saturating_mul(2_000),
            level_lots: self.level_lots,
            anchor: self.anchor,
        };
        let day = Grid::utc(DAY).floor(start_second.saturating_sub(HISTORY_MINUTES.saturating_mul(60)));
        let mut older = self.rng.clone();
        older.set_stream(self.rng.get_stream() ^ HISTORY_STREAM);
        let (mut close, mut second) = (self.price, start_second);
        // A minute that has seconds is the sum of them.
        let finest = minute.floor(start_second.saturating_sub(HISTORY_SECONDS));
        let mut seconds = Vec::new();
        while second > finest {
            second = second.saturating_sub(1);
            let (candle, open) = shape.back(&mut older, 1, second, close);
            seconds.push(candle);
            close = open;
        }
        let mut minutes = Vec::new();
        while second > day {
            second = second.saturating_sub(60);
            let (candle, open) = shape.back(&mut older, 60, second, close);
            minutes.push(candle);
            close = open;
        }
        minutes.iter().rev().for_each(|candle| candles.seed_minute(candle));
        seconds.iter().rev().for_each(|candle| candles.second(candle));
        candles.reach_back(History::new(shape, older, day, close));
    }

    /// One step of the price process.
    fn walk(&mut self) {
        if self.drift_left == 0 {
            self.drift_left = self.below(1_200).saturating_add(300);
            let strength = i128::from(self.below(900).saturating_add(400));
            let size = self.volatility.saturating_mul(strength) / 1_000;
            // Usually the trend turns; far from the start it leads back more often than not.
            let turn = self.below(100) < 65;
            let mut up = if self.drift == 0 { self.below(2) == 0 } else { (self.drift < 0) == turn };
            let away = self.price.saturating_sub(self.anchor);
            if away.abs() > self.anchor / 50 && self.below(100) < 70 {
                up = away < 0;
            }
            self.drift = if up { size } else { -size };
        }
        self.drift_left = self.drift_left.saturating_sub(1);
        let deviation = i128::try_from(self.variance.unsigned_abs().isqrt()).unwrap_or(i128::MAX);
        let shock = deviation.saturating_mul(normal(&mut self.rng)) >> 32;
        self.price = self
            .price
            .saturating_add(self.price.saturating_mul(shock.saturating_add(self.drift)) / NANO)
            .clamp(self.anchor / 2, self.anchor.saturating_mul(2));
        // Persistence 0.9995 a step: a half-life of some fourteen seconds.
        let next = self
            .usual_variance
            .saturating_mul(5)
            .saturating_add(shock.saturating_mul(shock).saturating_mul(100))
            .saturating_add(self.variance.saturating_mul(9_895))
            / 10_000;
        self.variance = next.clamp(self.usual_variance / 16, self.usual_variance.saturating_mul(16));
    }

    fn take(&mut self, book: &mut Book, side: Side, limit: Option<Fixed>, quantity: Fixed, out: &mut Vec<Flow>) {
        let taker = Taker {
            side,
            limit,
            amount: Amount::Base(quantity),
            self_trade: SelfTrade::None,
            owner: None,
            range: None,
        };
        self.takers = self.takers.wrapping_add(1);
        for step in plan(book, &taker).steps {
            if let Step::Trade { node, price, quantity, maker } = step {
                book.take(node, quantity);
                out.push(Flow { taker: self.takers, price, quantity, aggressor: side, maker });
            }
        }
    }

    /// Trades away own orders that stand where the quotes of the other side want to be.
    fn press(&mut self, book: &mut Book, side: Side, limit: Fixed, out: &mut Vec<Flow>) {
        let crossed = |own: Fixed| {
            if side == Side::Sell { own >= limit } else { own <= limit }
        };
        if book.best_own(side.opposite()).is_some_and(crossed) {
            let lots = self.level_lots.saturating_mul(self.below(28).saturating_add(4)) / 10;
            let quantity = self.lots(lots);
            self.take(book, side, Some(limit), quantity, out);
        }
    }

    /// Moves the quotes to the fair price.
    fn quote(&mut self, book: &mut Book, out: &mut Vec<Flow>) {
        let fair = i64::try_from(self.price / MICRO).unwrap_or(i64::MAX / 2);
        let wide = if self.below(4) == 0 { i64::try_from(self.below(3)).unwrap_or(0) } else { 0 };
        let (mut bid, mut ask) = (fair, fair.saturating_add(1).saturating_add(wide));
        for price in book.market_prices(Side::Buy) {
            if price > self.at(bid) {
                book.set_market(Side::Buy, price, Fixed::ZERO);
            }
        }
        for price in book.market_prices(Side::Sell) {
            if price < self.at(ask) {
                book.set_market(Side::Sell, price, Fixed::ZERO);
            }
        }
        self.press(book, Side::Sell, self.at(ask), out);
        self.press(book, Side::Buy, self.at(bid), out);
        // A large own order that is left holds the quotes back.
        let ticks =
            |price: Fixed| price.units().checked_div(self.tick.units()).and_then(|ticks| i64::try_from(ticks).ok());
        if let Some(own) = book.best_own(Side::Buy).and_then(ticks) {
            ask = ask.max(own.saturating_add(1));
        }
        if let Some(own) = book.best_own(Side::Sell).and_then(ticks) {
            bid = bid.min(own.saturating_sub(1));
        }
        self.fill_side(book, Side::Buy, bid);
        self.fill_side(book, Side::Sell, ask);
    }

    fn fill_side(&mut self, book: &mut Book, side: Side, best: i64) {
        let grid = self.level_ticks;
        let behind = |n: i64| match side {
            Side::Buy => best.saturating_sub(1).div_euclid(grid).saturating_sub(n).saturating_mul(grid),
            Side::Sell => best.div_euclid(grid).saturating_add(1).saturating_add(n).saturating_mul(grid),
        };
        let prices: Vec<Fixed> =
            std::iter::once(best).chain((0..LEVELS - 1).map(behind)).map(|ticks| self.at(ticks)).collect();
        for price in book.market_prices(side) {
            if !prices.contains(&price) {
                book.set_market(side, price, Fixed::ZERO);
            }
        }
        let standing = book.market_prices(side);
        let changes = [self.below(LEVELS.unsigned_abs()), self.below(40), self.below(40)];
        for (place, price) in (0u64..).zip(prices) {
            if !standing.contains(&price) || changes.contains(&place) {
                let quantity = self.level_quantity();
                book.set_market(side, price, quantity);
            }
        }
    }

    /// One step: the price, the quotes, the takers.
    pub(crate) fn step(&mut self, book: &mut Book, out: &mut Vec<Flow>) {
        self.walk();
        if self.below(1_000) < QUOTE_CHANCE {
            self.quote(book, out);
        }
        let mut takers = u64::from(self.below(1_000) < TAKER_CHANCE);
        if takers == 1 && self.below(20) == 0 {
            takers = 3;
        }
        for _ in 0..takers {
            let with_trend = self.below(100) < 62;
            let side = if (self.drift >= 0) == with_trend { Side::Buy } else { Side::Sell };
            // Small trades are common, large ones rare.
            let shift = self.below(9);
            let lots = (self.level_lots.saturating_mul(self.below(1_000).saturating_add(1)) / 1_000) >> shift;
            let quantity = self.lots(lots);
            self.take(book, side, None, quantity, out);
        }
    }

    /// Fills the empty book before the first step.
    pub(crate) fn open(&mut self, book: &mut Book) {
        self.quote(book, &mut Vec::new());
    }
}

fn whole(value: Decimal) -> Option<i128> {
    let value = value.trunc();
    value.mantissa().checked_div(10i128.checked_pow(value.scale())?)
}

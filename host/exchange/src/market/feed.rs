//! Stream messages of the generated market. A stream that nobody listens to costs a
//! look-up and builds nothing.

use std::collections::{BTreeMap, BTreeSet};

use ringfence_model::event::{DepthUpdate, Level};
use ringfence_model::{Decimal, InstrumentId, Side, Timestamp};

use super::grid::Grid;
use super::names::{Channel, Rolling, Stream, channel};
use super::tape::Aggregate;
use super::{Market, PublicTrade, messages};
use crate::units::TimeUnit;

/// Minutes over which the average price is taken.
pub(crate) const AVERAGE_MINUTES: u64 = 5;
const DAY_US: u64 = 86_400_000_000;

/// A message of a market stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamMessage {
    /// The stream's name, for example `btcusdt@trade`.
    pub stream: String,
    /// The unit of its times; each unit that is listened to has messages of its own.
    pub unit: TimeUnit,
    /// The message's `data`.
    pub data: String,
}

/// Names by which a stream is listened to, each with how many do: some streams have more
/// than one.
type Listened = BTreeMap<String, usize>;

/// What a depth stream has to tell next.
#[derive(Debug, Clone, Default)]
struct Pending {
    levels: BTreeSet<(bool, Decimal)>,
    last_update_id: u64,
}

#[derive(Debug, Clone, Default)]
struct SymbolState {
    quote: Option<(Level, Level)>,
    fast: Pending,
    slow: Pending,
}

/// Who listens, and what waits to be fetched.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    symbols: Vec<String>,
    /// As they stand in names of streams.
    lower: Vec<String>,
    states: Vec<SymbolState>,
    listened: BTreeMap<(Channel, TimeUnit), Listened>,
    /// Newest trade of each symbol that an array stream has told.
    told: BTreeMap<Channel, Vec<Option<u64>>>,
    out: Vec<StreamMessage>,
}

impl Feed {
    pub(crate) fn new(symbols: Vec<String>) -> Self {
        let states = vec![SymbolState::default(); symbols.len()];
        let lower = symbols.iter().map(|symbol| symbol.to_lowercase()).collect();
        Feed { symbols, lower, states, listened: BTreeMap::new(), told: BTreeMap::new(), out: Vec::new() }
    }

    /// Starts to build a stream; `false` if there is no such stream.
    pub(crate) fn listen(&mut self, name: &str, unit: TimeUnit) -> bool {
        let Some(channel) = channel(name, &self.lower) else {
            return false;
        };
        let count = self.listened.entry((channel, unit)).or_default().entry(name.to_owned()).or_default();
        *count = count.saturating_add(1);
        true
    }

    /// One listener less.
    pub(crate) fn unlisten(&mut self, name: &str, unit: TimeUnit) {
        let Some(channel) = channel(name, &self.lower) else {
            return;
        };
        let Some(names) = self.listened.get_mut(&(channel, unit)) else {
            return;
        };
        if let Some(count) = names.get_mut(name) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                names.remove(name);
            }
        }
        if names.is_empty() {
            self.listened.remove(&(channel, unit));
            self.told.remove(&channel);
        }
    }

    pub(crate) fn drain(&mut self) -> Vec<StreamMessage> {
        std::mem::take(&mut self.out)
    }

    /// Puts out what `write` says of a symbol, in each unit that is listened to.
    fn send(&mut self, symbol: usize, stream: Stream, write: impl Fn(&str, TimeUnit) -> String) {
        let Some(name) = self.symbols.get(symbol) else {
            return;
        };
        for unit in TimeUnit::ALL {
            if let Some(names) = self.listened.get(&(Channel::Symbol(symbol, stream), unit)) {
                name_each(names, unit, write(name, unit), &mut self.out);
            }
        }
    }

    fn wanted(&self, symbol: usize, stream: Stream) -> bool {
        TimeUnit::ALL.iter().any(|unit| self.listened.contains_key(&(Channel::Symbol(symbol, stream), *unit)))
    }

    fn id(symbol: usize) -> InstrumentId {
        InstrumentId(u32::try_from(symbol).unwrap_or(u32::MAX))
    }

    /// A trade happened.
    pub(crate) fn trade(&mut self, symbol: usize, trade: &PublicTrade) {
        self.send(symbol, Stream::Trade, |name, unit| messages::trade(name, trade, trade.time, unit));
    }

    /// Trades of one taker at one price, summed.
    pub(crate) fn aggregate(&mut self, symbol: usize, trade: &Aggregate) {
        self.send(symbol, Stream::AggregateTrade, |name, unit| messages::aggregate(name, trade, trade.time, unit));
    }

    /// The book may have changed.
    pub(crate) fn book(&mut self, symbol: usize, market: &mut Market) {
        let changed = market.book.take_changed();
        if changed.is_empty() {
            return;
        }
        let fast = self.wanted(symbol, Stream::Depth { slow: false });
        let slow = self.wanted(symbol, Stream::Depth { slow: true });
        let quotes = self.wanted(symbol, Stream::BookTicker);
        let Some(state) = self.states.get_mut(symbol) else {
            return;
        };
        for (wanted, pending) in [(fast, &mut state.fast), (slow, &mut state.slow)] {
            if wanted {
                pending.levels.extend(changed.iter().copied());
            } else {
                pending.levels.clear();
                pending.last_update_id = market.book.update_id();
            }
        }
        if !quotes {
            state.quote = None;
            return;
        }
        let best = market.book.best(Side::Buy).zip(market.book.best(Side::Sell));
        if let Some((bid, ask)) = best
            && state.quote != best
        {
            state.quote = best;
            let update_id = market.book.update_id();
            self.send(symbol, Stream::BookTicker, |name, _| messages::book_ticker(name, update_id, bid, ask));
        }
    }

    /// A step of virtual time ended; streams with a period are due on its multiples.
    pub(crate) fn clock(&mut self, markets: &[Market], references: &[Option<Decimal>], now: Timestamp) {
        let ms = now.as_millis();
        if self.listened.is_empty() || !ms.is_multiple_of(100) {
            return;
        }
        let full = ms.is_multiple_of(1_000);
        let due: BTreeSet<Channel> = self
            .listened
            .keys()
            .map(|(channel, _)| *channel)
            .filter(|channel| match channel {
                Channel::Symbol(_, Stream::Depth { slow } | Stream::Book { slow, .. }) => !*slow || full,
                Channel::Symbol(
                    _,
                    Stream::Trade | Stream::AggregateTrade | Stream::BlockTrade | Stream::BookTicker,
                ) => false,
                Channel::MiniTickers { seconds } => ms.is_multiple_of(seconds.saturating_mul(1_000)),
                Channel::Symbol(..) | Channel::Rollings(_) => full,
            })
            .collect();
        for channel in due {
            match channel {
                Channel::Symbol(symbol, stream) => {
                    if let Some(market) = markets.get(symbol) {
                        let reference = references.get(symbol).copied().flatten();
                        self.symbol_due(symbol, stream, market, reference, now);
                    }
                }
                Channel::MiniTickers { .. } => self.array(channel, markets, |name, market, unit| {
                    let (from, _) = day(now);
                    let window = market.candles.window(from)?;
                    Some(messages::mini_ticker(name, &window.sum, now, unit))
                }),
                Channel::Rollings(window) => {
                    self.array(channel, markets, |name, market, unit| rolling(name, market, window, now, unit))
                }
            }
        }
    }

    fn symbol_due(
        &mut self,
        symbol: usize,
        stream: Stream,
        market: &Market,
        reference: Option<Decimal>,
        now: Timestamp,
    ) {
        match stream {
            Stream::Depth { slow } => self.depth(symbol, slow, market, now),
            Stream::Book { levels, .. } => {
                let book = market.book.snapshot(Self::id(symbol), usize::from(levels));
                self.send(symbol, stream, |_, _| messages::book(&book));
            }
            Stream::Ticker => {
                let (second, from) = day(now);
                if let Some(window) = market.candles.window(second) {
                    self.send(symbol, stream, |name, unit| messages::ticker(name, market, &window, from, now, unit));
                }
            }
            Stream::MiniTicker => {
                if let Some(window) = market.candles.window(day(now).0) {
                    self.send(symbol, stream, |name, unit| messages::mini_ticker(name, &window.sum, now, unit));
                }
            }
            Stream::Rolling(window) => {
                if !market.candles.is_empty() {
                    self.send(symbol, stream, |name, unit| {
                        rolling(name, market, window, now, unit).unwrap_or_default()
                    });
                }
            }
            Stream::AveragePrice => {
                if let Some(price) = market.candles.average(AVERAGE_MINUTES, now) {
                    let last = market.tape.last().map_or(now, |trade| trade.time);
                    self.send(symbol, stream, |name, unit| messages::average_price(name, price, last, now, unit));
                }
            }
            Stream::ReferencePrice => {
                if reference.is_some() {
                    self.send(symbol, stream, |name, unit| messages::reference_price(name, reference, now, unit));
                }
            }
            Stream::Kline(grid) => self.klines(symbol, grid, market, now),
            Stream::Trade | Stream::AggregateTrade | Stream::BlockTrade | Stream::BookTicker => {}
        }
    }

    /// A stream of all symbols that were traded since it last told something.
    fn array(
        &mut self,
        channel: Channel,
        markets: &[Market],
        write: impl Fn(&str, &Market, TimeUnit) -> Option<String>,
    ) {
        let newest: Vec<Option<u64>> = markets.iter().map(|market| market.tape.last().map(|trade| trade.id)).collect();
        let told = self.told.insert(channel, newest.clone()).unwrap_or_default();
        let changed: Vec<(&String, &Market)> = self
            .symbols
            .iter()
            .zip(markets)
            .zip(newest.iter().enumerate())
            .filter(|(_, (place, newest))| told.get(*place) != Some(newest))
            .map(|(symbol, _)| symbol)
            .collect();
        for unit in TimeUnit::ALL {
            let Some(names) = self.listened.get(&(channel, unit)) else {
                continue;
            };
            let rows: Vec<_> = changed.iter().filter_map(|(name, market)| write(name, market, unit)).collect();
            if !rows.is_empty() {
                name_each(names, unit, format!("[{}]", rows.join(",")), &mut self.out);
            }
        }
    }

    fn depth(&mut self, symbol: usize, slow: bool, market: &Market, now: Timestamp) {
        let Some(state) = self.states.get_mut(symbol) else {
            return;
        };
        let pending = if slow { &mut state.slow } else { &mut state.fast };
        if pending.levels.is_empty() {
            return;
        }
        let rows = |is_bid: bool, side: Side| -> Vec<Level> {
            let price = |(bid, price): &(bool, Decimal)| (*bid == is_bid).then_some(*price);
            let row = |price| Level { price, quantity: market.book.displayed(side, price) };
            pending.levels.iter().filter_map(price).map(row).collect()
        };
        let (mut bids, asks) = (rows(true, Side::Buy), rows(false, Side::Sell));
        bids.reverse();
        let update = DepthUpdate {
            instrument: Self::id(symbol),
            first_update_id: pending.last_update_id.saturating_add(1),
            last_update_id: market.book.update_id(),
            bids,
            asks,
        };
        pending.levels.clear();
        pending.last_update_id = market.book.update_id();
        self.send(symbol, Stream::Depth { slow }, |name, unit| messages::depth(name, &update, now, unit));
    }

    /// The kline that ended just now, and each second (1 s) or two seconds the open one.
    fn klines(&mut self, symbol: usize, grid: Grid, market: &Market, now: Timestamp) {
        let second = now.as_millis() / 1_000;
        let closed = if grid.floor(second) == second { market.candles.previous(grid, now) } else { None };
        let open = if grid.interval > 1 && second.is_multiple_of(2) { market.candles.current(grid, now) } else { None };
        for (candle, closed) in
            closed.map(|candle| (candle, true)).into_iter().chain(open.map(|candle| (candle, false)))
        {
            self.send(symbol, Stream::Kline(grid), |name, unit| {
                messages::kline(name, grid, &candle, closed, now, unit)
            });
        }
    }
}

/// A message of a stream, by each of the names that are listened to.
fn name_each(names: &Listened, unit: TimeUnit, data: String, out: &mut Vec<StreamMessage>) {
    let mut names = names.keys().peekable();
    let mut data = Some(data);
    while let Some(name) = names.next() {
        // The last one takes it.
        let own = if names.peek().is_some() { data.clone() } else { data.take() };
        out.extend(own.map(|data| StreamMessage { stream: name.clone(), unit, data }));
    }
}

/// Second and moment at which the last 24 hours began.
pub(crate) fn day(now: Timestamp) -> (u64, Timestamp) {
    let from = Timestamp(now.0.saturating_sub(DAY_US));
    (from.as_millis() / 1_000, from)
}

/// The minute at which a rolling window began: the window is up to a minute wider than
/// its name says.
pub(crate) fn rolling_start(now: Timestamp, seconds: u64) -> u64 {
    (now.as_millis() / 1_000).saturating_sub(seconds) / 60 * 60
}

fn rolling(name: &str, market: &Market, window: Rolling, now: Timestamp, unit: TimeUnit) -> Option<String> {
    let from = rolling_start(now, window.seconds());
    let found = market.candles.window(from)?;
    let from = Timestamp::from_millis(from.saturating_mul(1_000));
    Some(messages::rolling(name, window.word(), &found.sum, from, now, unit))
}

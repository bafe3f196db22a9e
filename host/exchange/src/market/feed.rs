//! Stream messages of the generated market. A stream that nobody listens to costs a
//! look-up and builds nothing.

use std::collections::{BTreeMap, BTreeSet};

use ringfence_model::event::{DepthUpdate, Level};
use ringfence_model::venue::MarketData;
use ringfence_model::{Decimal, InstrumentId, Side, StreamKind, Timestamp};
use ringfence_wire::stream;

use super::{Market, PublicTrade, candles};

/// A message of a market stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamMessage {
    /// The stream's name, for example `btcusdt@trade`.
    pub stream: String,
    /// The message's `data`.
    pub data: String,
}

#[derive(Debug, Clone)]
struct Listened {
    count: usize,
    symbol: usize,
    kind: StreamKind,
    /// Depth streams once a second instead of every 100 ms.
    slow: bool,
}

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
    states: Vec<SymbolState>,
    listened: BTreeMap<String, Listened>,
    out: Vec<StreamMessage>,
}

impl Feed {
    pub(crate) fn new(symbols: Vec<String>) -> Self {
        let states = vec![SymbolState::default(); symbols.len()];
        Feed { symbols, states, listened: BTreeMap::new(), out: Vec::new() }
    }

    /// Starts to build a stream; `false` if there is no such stream.
    pub(crate) fn listen(&mut self, name: &str) -> bool {
        if let Some(listened) = self.listened.get_mut(name) {
            listened.count = listened.count.saturating_add(1);
            return true;
        }
        // Names are case-sensitive at the venue: upper case is silent.
        let known = stream::parse_stream_name(name)
            .filter(|_| name.split_once('@').is_some_and(|(symbol, _)| !symbol.chars().any(char::is_uppercase)));
        let Some((symbol, kind)) = known else {
            return false;
        };
        let Some(symbol) = self.symbols.iter().position(|known| *known == symbol) else {
            return false;
        };
        let slow = matches!(kind, StreamKind::Depth | StreamKind::Book(_)) && !name.ends_with("@100ms");
        self.listened.insert(name.to_owned(), Listened { count: 1, symbol, kind, slow });
        true
    }

    /// One listener less.
    pub(crate) fn unlisten(&mut self, name: &str) {
        if let Some(listened) = self.listened.get_mut(name) {
            listened.count = listened.count.saturating_sub(1);
            if listened.count == 0 {
                self.listened.remove(name);
            }
        }
    }

    pub(crate) fn drain(&mut self) -> Vec<StreamMessage> {
        std::mem::take(&mut self.out)
    }

    fn send(&mut self, symbol: usize, kind: StreamKind, slow: bool, data: &MarketData, now: Timestamp) {
        let Some(name) = self.symbols.get(symbol) else {
            return;
        };
        let mut text = None;
        for (stream, listened) in &self.listened {
            if listened.symbol == symbol && listened.kind == kind && listened.slow == slow {
                let data = text.get_or_insert_with(|| stream::write(name, data, now.as_millis()));
                self.out.push(StreamMessage { stream: stream.clone(), data: data.clone() });
            }
        }
    }

    fn wanted(&self, symbol: usize, kind: StreamKind, slow: bool) -> bool {
        self.listened.values().any(|l| l.symbol == symbol && l.kind == kind && l.slow == slow)
    }

    fn id(symbol: usize) -> InstrumentId {
        InstrumentId(u32::try_from(symbol).unwrap_or(u32::MAX))
    }

    /// A trade happened.
    pub(crate) fn trade(&mut self, symbol: usize, trade: PublicTrade) {
        let PublicTrade { id, price, quantity, aggressor, time } = trade;
        let data = MarketData::Trade { instrument: Self::id(symbol), ts: time, id, price, quantity, aggressor };
        self.send(symbol, StreamKind::Trades, false, &data, time);
    }

    /// Trades of one taker at one price, summed.
    pub(crate) fn aggregate(&mut self, symbol: usize, trade: PublicTrade) {
        let PublicTrade { id, price, quantity, aggressor, time } = trade;
        let data =
            MarketData::AggregateTrade { instrument: Self::id(symbol), ts: time, id, price, quantity, aggressor };
        self.send(symbol, StreamKind::AggregateTrades, false, &data, time);
    }

    /// The book may have changed.
    pub(crate) fn book(&mut self, symbol: usize, market: &mut Market, now: Timestamp) {
        let changed = market.book.take_changed();
        if changed.is_empty() {
            return;
        }
        let fast = self.wanted(symbol, StreamKind::Depth, false);
        let slow = self.wanted(symbol, StreamKind::Depth, true);
        let quotes = self.wanted(symbol, StreamKind::Quotes, false);
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
            let data = MarketData::Quote { instrument: Self::id(symbol), ts: None, update_id, bid, ask };
            self.send(symbol, StreamKind::Quotes, false, &data, now);
        }
    }

    /// A step of virtual time ended; streams with a period are due on its multiples.
    pub(crate) fn clock(&mut self, markets: &[Market], now: Timestamp) {
        let ms = now.as_millis();
        if self.listened.is_empty() || !ms.is_multiple_of(100) {
            return;
        }
        let mut due: BTreeSet<(usize, bool, StreamKind)> = BTreeSet::new();
        for listened in self.listened.values() {
            let now_due = match listened.kind {
                StreamKind::Depth | StreamKind::Book(_) => !listened.slow || ms.is_multiple_of(1_000),
                StreamKind::Klines(_) | StreamKind::Ticker => ms.is_multiple_of(1_000),
                StreamKind::Trades | StreamKind::AggregateTrades | StreamKind::Quotes => false,
            };
            if now_due {
                due.insert((listened.symbol, listened.slow, listened.kind));
            }
        }
        for (symbol, slow, kind) in due {
            let Some(market) = markets.get(symbol) else {
                continue;
            };
            match kind {
                StreamKind::Depth => self.depth(symbol, slow, market, now),
                StreamKind::Book(levels) => {
                    let book = market.book.snapshot(Self::id(symbol), usize::from(levels));
                    self.send(symbol, kind, slow, &MarketData::Book { ts: Some(now), book }, now);
                }
                StreamKind::Ticker => {
                    if let Some(ticker) = market.candles.ticker(Self::id(symbol), now) {
                        self.send(symbol, kind, slow, &MarketData::Ticker { ts: now, ticker }, now);
                    }
                }
                StreamKind::Klines(interval) => self.klines(symbol, interval, market, now),
                StreamKind::Trades | StreamKind::AggregateTrades | StreamKind::Quotes => {}
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
        self.send(symbol, StreamKind::Depth, slow, &MarketData::Depth { ts: now, update }, now);
    }

    /// The kline that ended just now, and each second (1 s) or two seconds the open one.
    fn klines(&mut self, symbol: usize, interval: u32, market: &Market, now: Timestamp) {
        let second = now.as_millis() / 1_000;
        let closed = (candles::floor(second, interval) == second).then(|| market.candles.previous(interval, now));
        let open = (interval > 1 && second.is_multiple_of(2)).then(|| market.candles.current(interval, now));
        for candle in [closed.flatten(), open.flatten()].into_iter().flatten() {
            let kline = candle.kline(Self::id(symbol), interval, now);
            self.send(symbol, StreamKind::Klines(interval), false, &MarketData::Kline { ts: now, kline }, now);
        }
    }
}

//! The core: markets, accounts and orders behind one door. No I/O and no clock; `now` is
//! handed in. What happens to orders is in `crate::trading`, requests are in
//! [`crate::http`].

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use ringfence_model::venue::MarketData;
use ringfence_model::{Balance, Decimal, Instrument, InstrumentId, Timestamp};

use crate::accounts::Accounts;
use crate::config::ExchangeConfig;
use crate::error::ExchangeError;
use crate::limits::Limits;
use crate::market::feed::{Feed, StreamMessage};
use crate::market::generator::{Flow, Generator, STEP_US};
use crate::market::{Market, PublicTrade, replay};
use crate::matching::book::{Book, Display, Maker};
use crate::order::{Order, OwnTrade};
use crate::payload;

/// An event of an account, as the venue writes it, without the WebSocket API's wrapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserMessage {
    /// The account's key.
    pub api_key: String,
    /// The event.
    pub json: String,
}

/// Who moves the market.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Nobody yet: the first call of `advance` or `play` decides.
    Open,
    Generator,
    Replay,
}

/// The simulated exchange. See the crate's documentation.
#[derive(Debug)]
pub struct Exchange {
    pub(crate) config: ExchangeConfig,
    pub(crate) markets: Vec<Market>,
    pub(crate) accounts: Accounts,
    pub(crate) limits: Limits,
    pub(crate) orders: HashMap<u64, Order>,
    /// Open orders by age.
    pub(crate) open: BTreeSet<u64>,
    /// Newest order of each client order id.
    pub(crate) by_client: HashMap<(usize, String), u64>,
    /// Done orders, oldest first; the oldest are forgotten.
    pub(crate) done: VecDeque<u64>,
    pub(crate) trades: VecDeque<OwnTrade>,
    pub(crate) user: Vec<UserMessage>,
    pub(crate) feed: Feed,
    pub(crate) ids: ChaCha8Rng,
    pub(crate) next_order: u64,
    pub(crate) next_execution: u64,
    pub(crate) next_prevented: u64,
    pub(crate) strict_time: bool,
    /// Accounts that the current action touched.
    pub(crate) touched: BTreeSet<usize>,
    generators: Vec<Generator>,
    mode: Mode,
    next_step: Timestamp,
}

impl Exchange {
    /// An exchange without a market: [`Exchange::advance`] begins a generated one,
    /// [`Exchange::play`] a recorded one.
    ///
    /// # Errors
    /// The config contradicts itself; the error says where.
    pub fn new(config: ExchangeConfig) -> Result<Self, ExchangeError> {
        let mut names = HashSet::new();
        if config.symbols.is_empty() {
            return Err(ExchangeError::Symbols { symbol: String::new() });
        }
        let mut generators = Vec::new();
        for (place, symbol) in (0u64..).zip(&config.symbols) {
            if !names.insert(symbol.symbol.as_str()) {
                return Err(ExchangeError::Symbols { symbol: symbol.symbol.clone() });
            }
            let rules = |what| ExchangeError::SymbolRules { symbol: symbol.symbol.clone(), what };
            let (tick, step) = (symbol.filters.price.tick, symbol.filters.lot_size.step);
            if tick <= Decimal::ZERO || step <= Decimal::ZERO {
                return Err(rules("tick and step must be above zero"));
            }
            if tick.normalize().scale() > 8 || step.normalize().scale() > 8 {
                return Err(rules("tick and step have at most eight places"));
            }
            if symbol.filters.price.max.checked_mul(symbol.filters.lot_size.max).is_none() {
                return Err(rules("the largest order is too large to count"));
            }
            generators.push(
                Generator::new(symbol, config.seed, place)
                    .ok_or_else(|| rules("the start price leaves no room for twenty levels"))?,
            );
        }
        let mut keys = HashSet::new();
        for account in &config.accounts {
            let wrong = |what| ExchangeError::Account { api_key: account.api_key.clone(), what };
            if account.api_key.is_empty() || account.secret.is_empty() {
                return Err(wrong("key and secret must not be empty"));
            }
            if !keys.insert(account.api_key.as_str()) {
                return Err(wrong("the key is used twice"));
            }
            if account.balances.iter().any(|(_, amount)| amount.is_sign_negative() && !amount.is_zero()) {
                return Err(wrong("balances must not be negative"));
            }
        }
        // The generated market moves on whole steps of the clock.
        let next_step = Timestamp(config.start.0.div_ceil(STEP_US).saturating_mul(STEP_US));
        Ok(Exchange {
            markets: config.symbols.iter().map(|_| Market::new(Book::new(Display::Live))).collect(),
            accounts: Accounts::new(&config.accounts, config.start),
            limits: Limits::new(config.limits, config.accounts.len()),
            orders: HashMap::new(),
            open: BTreeSet::new(),
            by_client: HashMap::new(),
            done: VecDeque::new(),
            trades: VecDeque::new(),
            user: Vec::new(),
            feed: Feed::new(config.symbols.iter().map(|symbol| symbol.symbol.clone()).collect()),
            ids: ChaCha8Rng::seed_from_u64(config.seed ^ 0x1d5),
            next_order: 1,
            next_execution: 1,
            next_prevented: 1,
            strict_time: true,
            touched: BTreeSet::new(),
            generators,
            mode: Mode::Open,
            next_step,
            config,
        })
    }

    /// The instruments, numbered in the order of the config; market data handed to
    /// [`Exchange::play`] uses these numbers.
    pub fn instruments(&self) -> Vec<Instrument> {
        (0u32..).zip(&self.config.symbols).map(|(id, symbol)| symbol.instrument(InstrumentId(id))).collect()
    }

    /// When virtual time begins.
    pub fn start(&self) -> Timestamp {
        self.config.start
    }

    /// Whether timestamps of requests are compared with `now`. On by default. A server
    /// that plays a recording at another speed turns it off: no client's clock can follow.
    pub fn set_strict_time(&mut self, strict: bool) {
        self.strict_time = strict;
    }

    /// Generator mode: moves the market up to `now` in fixed steps, so the outcome depends
    /// on seed and orders only. Does nothing once a recording was played.
    pub fn advance(&mut self, now: Timestamp) {
        match self.mode {
            Mode::Replay => return,
            Mode::Generator => {}
            Mode::Open => {
                self.mode = Mode::Generator;
                let second = self.next_step.as_millis() / 1_000;
                for (generator, market) in self.generators.iter_mut().zip(&mut self.markets) {
                    generator.history(&mut market.candles, second);
                    market.last_price = market.candles.current(60, self.next_step).map(|candle| candle.close);
                    generator.open(&mut market.book);
                }
            }
        }
        while self.next_step <= now {
            let step = self.next_step;
            self.next_step = Timestamp(step.0.saturating_add(STEP_US));
            self.step(step);
        }
    }

    fn step(&mut self, now: Timestamp) {
        let mut flows = Vec::new();
        for symbol in 0..self.markets.len() {
            flows.clear();
            if let (Some(generator), Some(market)) = (self.generators.get_mut(symbol), self.markets.get_mut(symbol)) {
                generator.step(&mut market.book, &mut flows);
            }
            for taker in flows.chunk_by(|one, other| one.taker == other.taker) {
                self.market_taker(symbol, taker, now);
            }
            self.show_book(symbol, now);
        }
        self.feed.clock(&self.markets, now);
    }

    /// Trades of one taker of the generated market.
    fn market_taker(&mut self, symbol: usize, flows: &[Flow], now: Timestamp) {
        let mut public = Vec::with_capacity(flows.len());
        for flow in flows {
            let id = self.public_trade(symbol, flow.price, flow.quantity, flow.aggressor, now);
            public.push((flow.price, flow.quantity));
            if let (Maker::Own(order), Some(id)) = (flow.maker, id) {
                self.fill(order, flow.price, flow.quantity, id, true, now);
            }
        }
        if let Some(flow) = flows.first() {
            self.aggregate(symbol, &public, flow.aggressor, now);
        }
        self.tell_positions(now);
    }

    /// A trade everybody sees; `None` only for a symbol that does not exist.
    pub(crate) fn public_trade(
        &mut self,
        symbol: usize,
        price: Decimal,
        quantity: Decimal,
        aggressor: ringfence_model::Side,
        now: Timestamp,
    ) -> Option<u64> {
        let market = self.markets.get_mut(symbol)?;
        let id = market.trade_id();
        if self.mode != Mode::Replay {
            market.traded(price, quantity, now);
            self.feed.trade(symbol, PublicTrade { id, price, quantity, aggressor, time: now });
        }
        Some(id)
    }

    /// One taker's trades as aggregate trades: one for each price.
    pub(crate) fn aggregate(
        &mut self,
        symbol: usize,
        trades: &[(Decimal, Decimal)],
        aggressor: ringfence_model::Side,
        now: Timestamp,
    ) {
        if self.mode == Mode::Replay {
            return;
        }
        for same in trades.chunk_by(|one, other| one.0 == other.0) {
            let quantity = same.iter().fold(Decimal::ZERO, |sum, (_, quantity)| sum.saturating_add(*quantity));
            if let (Some(market), Some((price, _))) = (self.markets.get_mut(symbol), same.first()) {
                let trade = PublicTrade { id: market.aggregate_id(), price: *price, quantity, aggressor, time: now };
                self.feed.aggregate(symbol, trade);
            }
        }
    }

    /// Quote and depth streams after the book may have changed.
    pub(crate) fn show_book(&mut self, symbol: usize, now: Timestamp) {
        if self.mode == Mode::Generator
            && let Some(market) = self.markets.get_mut(symbol)
        {
            self.feed.book(symbol, market, now);
        }
    }

    /// Replay mode: a recorded message moves the market. Own orders never change it. Does
    /// nothing once a market was generated.
    pub fn play(&mut self, now: Timestamp, data: &MarketData) {
        match self.mode {
            Mode::Generator => return,
            Mode::Replay => {}
            Mode::Open => {
                self.mode = Mode::Replay;
                self.markets.iter_mut().for_each(|market| market.book.record());
            }
        }
        let instrument = match data {
            MarketData::Trade { instrument, .. }
            | MarketData::AggregateTrade { instrument, .. }
            | MarketData::Quote { instrument, .. } => *instrument,
            MarketData::Depth { update, .. } => update.instrument,
            MarketData::Book { book, .. } => book.instrument,
            MarketData::Kline { kline, .. } => kline.instrument,
            MarketData::Ticker { ticker, .. } => ticker.instrument,
        };
        let Some(market) = usize::try_from(instrument.0).ok().and_then(|symbol| self.markets.get_mut(symbol)) else {
            return;
        };
        let reached = replay::play(market, data);
        if reached.is_empty() {
            return;
        }
        let fills: Vec<_> = reached.into_iter().map(|reached| (market.trade_id(), reached)).collect();
        for (id, reached) in fills {
            self.fill(reached.order, reached.price, reached.quantity, id, true, now);
        }
        self.tell_positions(now);
    }

    /// User events since the last call, in order.
    pub fn drain_user(&mut self) -> Vec<UserMessage> {
        std::mem::take(&mut self.user)
    }

    /// Begins to build a market stream (generator mode); `false` if there is none of this
    /// name. Each call asks for one [`Exchange::unlisten`].
    pub fn listen(&mut self, stream: &str) -> bool {
        self.feed.listen(stream)
    }

    /// Ends one [`Exchange::listen`].
    pub fn unlisten(&mut self, stream: &str) {
        self.feed.unlisten(stream);
    }

    /// Messages of the streams that are listened to, since the last call. Generator mode
    /// only.
    pub fn drain_streams(&mut self) -> Vec<StreamMessage> {
        self.feed.drain()
    }

    /// The body of `exchangeInfo` with all symbols.
    pub fn instruments_json(&self) -> String {
        payload::exchange_info(self.config.symbols.iter(), self.limits.config(), self.config.start)
    }

    /// What an account owns; empty for an unknown key.
    pub fn balances(&self, api_key: &str) -> Vec<Balance> {
        self.accounts
            .by_key(api_key)
            .and_then(|account| self.accounts.get(account))
            .map(crate::accounts::Account::balances)
            .unwrap_or_default()
    }

    /// All that exists of an asset: accounts, commissions, and the rest of the market's
    /// gains from them. It never changes; tests hold the exchange to it.
    pub fn total(&self, asset: &str) -> Decimal {
        self.accounts.total(asset)
    }

    pub(crate) fn symbol_index(&self, symbol: &str) -> Option<usize> {
        self.config.symbols.iter().position(|config| config.symbol == symbol)
    }
}

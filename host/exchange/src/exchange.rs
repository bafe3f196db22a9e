//! The core: markets, accounts and orders behind one door. No I/O and no clock; `now` is
//! handed in. What happens to orders is in `crate::trading`, requests are in
//! [`crate::http`].

use std::collections::{BTreeSet, HashSet, VecDeque};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use ringfence_model::venue::MarketData;
use ringfence_model::{Balance, Decimal, Instrument, InstrumentId, Timestamp};

use crate::accounts::Accounts;
use crate::answer::Refusal;
use crate::config::{ExchangeConfig, SymbolStatus};
use crate::error::{ExchangeError, TransferError};
use crate::filters::Rules;
use crate::fixed::Fixed;
use crate::http::call::{Ask, Door};
use crate::http::listen_keys::ListenKey;
use crate::http::params::Params;
use crate::limits::Limits;
use crate::market::feed::{Feed, StreamMessage};
use crate::market::generator::{Flow, Generator};
use crate::market::grid::Grid;
use crate::market::{Market, PublicTrade, replay};
use crate::matching::book::{Book, Display, Maker};
use crate::order::store::Orders;
use crate::payload::{events, info};
use crate::units::TimeUnit;

/// An event of an account, as the venue writes it, without the WebSocket API's wrapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserMessage {
    /// The account's key.
    pub api_key: String,
    /// The event, with times in milliseconds.
    pub json: String,
    /// The event with times in microseconds; made only once somebody listens in them.
    micros: Option<String>,
}

impl UserMessage {
    /// The event with its times in this unit.
    pub fn text(&self, unit: TimeUnit) -> &str {
        match unit {
            TimeUnit::Milliseconds => &self.json,
            TimeUnit::Microseconds => self.micros.as_ref().unwrap_or(&self.json),
        }
    }
}

/// What an action set off and what still has to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Todo {
    /// A trade met what an order waits for.
    Trigger(u64),
    /// The working order of a list is filled.
    PhaseTwo(u64),
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
    /// By symbol.
    pub(crate) rules: Vec<Rules>,
    /// Base and quote asset by symbol.
    pub(crate) pairs: Vec<(usize, usize)>,
    pub(crate) orders: Orders,
    pub(crate) todo: VecDeque<Todo>,
    /// Lists that began or ended in the current action.
    pub(crate) changed_lists: Vec<u64>,
    /// First trade and first prevented match of the current action.
    pub(crate) first_trade: u64,
    pub(crate) first_prevented: u64,
    /// Whether the last amendment ended its order.
    pub(crate) amended_away: bool,
    pub(crate) user: Vec<UserMessage>,
    /// Whether anybody has asked for times in microseconds.
    pub(crate) tells_micros: bool,
    pub(crate) feed: Feed,
    pub(crate) ids: ChaCha8Rng,
    pub(crate) next_execution: u64,
    /// By symbol.
    pub(crate) next_prevented: Vec<u64>,
    pub(crate) strict_time: bool,
    pub(crate) listen_keys: Vec<ListenKey>,
    statuses: Vec<SymbolStatus>,
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
            let more = account.keys.iter().map(|key| key.api_key.as_str());
            for key in std::iter::once(account.api_key.as_str()).chain(more) {
                if key.is_empty() || !keys.insert(key) {
                    return Err(wrong("a key is empty or used twice"));
                }
            }
            if account.balances.iter().any(|(_, amount)| amount.is_sign_negative() && !amount.is_zero()) {
                return Err(wrong("balances must not be negative"));
            }
            if account.balances.iter().any(|(_, amount)| Fixed::exact(*amount).is_none()) {
                return Err(wrong("balances have at most eight places, and at most some 90 thousand million"));
            }
        }
        let accounts = Accounts::new(&config.accounts, &config.symbols, config.start);
        // The generated market moves on whole steps of the clock.
        let step_us = config.bustle.step_us();
        let next_step = Timestamp(config.start.0.div_ceil(step_us).saturating_mul(step_us));
        Ok(Exchange {
            markets: config.symbols.iter().map(|_| Market::new(Book::new(Display::Live))).collect(),
            rules: config.symbols.iter().map(Rules::new).collect(),
            pairs: config
                .symbols
                .iter()
                .filter_map(|symbol| Some((accounts.asset(&symbol.base)?, accounts.asset(&symbol.quote)?)))
                .collect(),
            orders: Orders::new(config.accounts.len(), config.symbols.len()),
            todo: VecDeque::new(),
            changed_lists: Vec::new(),
            first_trade: 0,
            first_prevented: 0,
            next_prevented: vec![0; config.symbols.len()],
            accounts,
            limits: Limits::new(config.limits, config.accounts.len()),
            amended_away: false,
            user: Vec::new(),
            tells_micros: false,
            feed: Feed::new(config.symbols.iter().map(|symbol| symbol.symbol.clone()).collect()),
            ids: ChaCha8Rng::seed_from_u64(config.seed ^ 0x1d5),
            next_execution: 1,
            strict_time: true,
            listen_keys: Vec::new(),
            statuses: vec![SymbolStatus::default(); config.symbols.len()],
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

    /// When the market moves next.
    pub(crate) fn next_step(&self) -> Timestamp {
        self.next_step
    }

    /// Whether timestamps of requests are compared with `now`. On by default. A server
    /// that plays a recording at another speed turns it off: no client's clock can follow.
    pub fn set_strict_time(&mut self, strict: bool) {
        self.strict_time = strict;
    }

    /// From now on the market is a recorded one, also before [`Exchange::play`] has told
    /// anything. Does nothing once a market was generated.
    pub fn begin_replay(&mut self) {
        if self.mode == Mode::Open {
            self.mode = Mode::Replay;
            for (market, rules) in self.markets.iter_mut().zip(&self.rules) {
                market.book.record(rules.step());
            }
        }
    }

    /// Generator mode: moves the market up to `now` in fixed steps, so the outcome depends
    /// on seed and orders only. With a recording only streams that have a period are told.
    pub fn advance(&mut self, now: Timestamp) {
        match self.mode {
            Mode::Replay => return self.tell_periods(now),
            Mode::Generator => {}
            Mode::Open => {
                self.mode = Mode::Generator;
                let second = self.next_step.as_millis() / 1_000;
                for (generator, market) in self.generators.iter_mut().zip(&mut self.markets) {
                    generator.history(&mut market.candles, second);
                    market.last_price =
                        market.candles.current(Grid::utc(60), self.next_step).map(|candle| candle.close);
                    generator.open(&mut market.book);
                }
            }
        }
        while self.next_step <= now {
            let step = self.next_step;
            self.next_step = Timestamp(step.0.saturating_add(self.config.bustle.step_us()));
            self.step(step);
        }
    }

    /// Streams with a period, up to `now`. Time that a recording leaps over is left out.
    fn tell_periods(&mut self, now: Timestamp) {
        /// The shortest period of a stream.
        const PERIOD_US: u64 = 100_000;
        const LONGEST_US: u64 = 10_000_000;
        let from = self.next_step.0.max(now.0.saturating_sub(LONGEST_US)).div_ceil(PERIOD_US);
        let mut next = Timestamp(from.saturating_mul(PERIOD_US));
        while next <= now {
            let references: Vec<_> = (0..self.markets.len()).map(|symbol| self.reference(symbol)).collect();
            self.feed.clock(&self.markets, &references, next);
            next = Timestamp(next.0.saturating_add(PERIOD_US));
        }
        self.next_step = next;
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
        let references: Vec<_> = (0..self.markets.len()).map(|symbol| self.reference(symbol)).collect();
        self.feed.clock(&self.markets, &references, now);
    }

    /// Trades of one taker of the generated market.
    fn market_taker(&mut self, symbol: usize, flows: &[Flow], now: Timestamp) {
        let mut public = Vec::with_capacity(flows.len());
        for flow in flows {
            let (price, quantity) = (flow.price.decimal(), flow.quantity.decimal());
            let id = self.public_trade(symbol, price, quantity, flow.aggressor, now);
            public.push((price, quantity));
            if let (Maker::Own(order), Some(id)) = (flow.maker, id) {
                self.fill(order, flow.price, flow.quantity, id, true, now);
            }
        }
        if let Some(flow) = flows.first() {
            self.aggregate(symbol, &public, flow.aggressor, now);
        }
        self.conclude(now);
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
            let trade = PublicTrade { id, price, quantity, aggressor, time: now };
            market.traded(&trade);
            self.feed.trade(symbol, &trade);
            self.collect_fired(symbol, now);
        }
        Some(id)
    }

    /// What the last trades set off is done when the current action is.
    fn collect_fired(&mut self, symbol: usize, now: Timestamp) {
        let Some(market) = self.markets.get_mut(symbol) else {
            return;
        };
        let fired = market.take_fired();
        for id in fired.tracking {
            if let Some(trailing) = self.orders.get_mut(id).and_then(|order| order.trailing.as_mut()) {
                trailing.since = Some(now);
            }
        }
        self.todo.extend(fired.orders.into_iter().map(Todo::Trigger));
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
        if let Some(market) = self.markets.get_mut(symbol) {
            for trade in market.aggregated(trades, aggressor, now) {
                self.feed.aggregate(symbol, &trade);
            }
        }
    }

    /// Quote and depth streams after the book may have changed.
    pub(crate) fn show_book(&mut self, symbol: usize, _now: Timestamp) {
        if self.mode == Mode::Generator
            && let Some(market) = self.markets.get_mut(symbol)
        {
            self.feed.book(symbol, market);
        }
    }

    /// Replay mode: a recorded message moves the market. Own orders never change it. Does
    /// nothing once a market was generated.
    pub fn play(&mut self, now: Timestamp, data: &MarketData) {
        self.begin_replay();
        if self.mode == Mode::Generator {
            return;
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
        let Some((symbol, market)) = usize::try_from(instrument.0)
            .ok()
            .and_then(|symbol| self.markets.get_mut(symbol).map(|market| (symbol, market)))
        else {
            return;
        };
        let reached = replay::play(market, now, data);
        match data {
            MarketData::Trade { .. } => {
                if let Some(trade) = market.tape.last() {
                    self.feed.trade(symbol, trade);
                }
            }
            MarketData::AggregateTrade { .. } => {
                if let Some(trade) = market.tape.last_aggregate() {
                    self.feed.aggregate(symbol, trade);
                }
            }
            MarketData::Quote { .. } | MarketData::Depth { .. } | MarketData::Book { .. } => {
                self.feed.book(symbol, market);
            }
            MarketData::Kline { .. } | MarketData::Ticker { .. } => {}
        }
        let fills: Vec<_> = reached.into_iter().map(|reached| (market.trade_id(), reached)).collect();
        for (id, reached) in fills {
            self.fill(reached.order, reached.price, reached.quantity, id, true, now);
        }
        self.collect_fired(symbol, now);
        self.conclude(now);
    }

    /// An event of an account, in each unit that is listened to.
    pub(crate) fn user_message(&self, api_key: String, write: impl Fn(TimeUnit) -> String) -> UserMessage {
        let micros = self.tells_micros.then(|| write(TimeUnit::Microseconds));
        UserMessage { api_key, json: write(TimeUnit::Milliseconds), micros }
    }

    /// User events since the last call, in order.
    pub fn drain_user(&mut self) -> Vec<UserMessage> {
        std::mem::take(&mut self.user)
    }

    /// Begins to build a market stream with times in milliseconds (generator mode);
    /// `false` if there is none of this name. Each call asks for one [`Exchange::unlisten`].
    pub fn listen(&mut self, stream: &str) -> bool {
        self.listen_in(stream, TimeUnit::Milliseconds)
    }

    /// [`Exchange::listen`] with the unit of times.
    pub fn listen_in(&mut self, stream: &str, unit: TimeUnit) -> bool {
        // It may be a listen key.
        self.tells_micros |= unit == TimeUnit::Microseconds;
        self.feed.listen(stream, unit)
    }

    /// Ends one [`Exchange::listen`].
    pub fn unlisten(&mut self, stream: &str) {
        self.unlisten_in(stream, TimeUnit::Milliseconds);
    }

    /// Ends one [`Exchange::listen_in`].
    pub fn unlisten_in(&mut self, stream: &str, unit: TimeUnit) {
        self.feed.unlisten(stream, unit);
    }

    /// Messages of the streams that are listened to, since the last call. Generator mode
    /// only.
    pub fn drain_streams(&mut self) -> Vec<StreamMessage> {
        self.feed.drain()
    }

    /// The body of `exchangeInfo` with all symbols.
    pub fn instruments_json(&self) -> String {
        let rows: Vec<_> =
            self.config.symbols.iter().enumerate().map(|(place, rules)| (rules, self.status(place))).collect();
        let ask =
            Ask { now: self.config.start, params: &Params::default(), unit: TimeUnit::default(), door: Door::Rest };
        info::exchange_info(&rows, &self.config.filters, self.limits.config(), &ask, true)
    }

    /// Whether a symbol is traded now.
    pub(crate) fn status(&self, symbol: usize) -> SymbolStatus {
        self.statuses.get(symbol).copied().unwrap_or_default()
    }

    /// Halts a symbol or lets it trade again; `false` for an unknown symbol.
    pub fn set_status(&mut self, symbol: &str, status: SymbolStatus) -> bool {
        let place = self.symbol_index(symbol);
        match place.and_then(|place| self.statuses.get_mut(place)) {
            Some(known) => {
                *known = status;
                true
            }
            None => false,
        }
    }

    /// Whether new orders are taken: the symbol trades, and the account may trade.
    pub(crate) fn takes_orders(&self, account: usize, symbol: usize) -> Result<(), Refusal> {
        if self.status(symbol) != SymbolStatus::Trading {
            return Err(Refusal::new(-1013, "Market is closed."));
        }
        if self.accounts.get(account).is_some_and(|found| !found.can_trade) {
            return Err(Refusal::rejected("This action is disabled on this account."));
        }
        Ok(())
    }

    /// A deposit, or a withdrawal if `amount` is negative, by any key of the account. It is
    /// told as `balanceUpdate` and as an account position.
    ///
    /// # Errors
    /// The key is unknown, or the account has not that much free.
    pub fn transfer(
        &mut self,
        now: Timestamp,
        api_key: &str,
        asset: &str,
        amount: Decimal,
    ) -> Result<(), TransferError> {
        let unknown = || TransferError::UnknownKey { api_key: api_key.to_owned() };
        let account = self.accounts.by_key(api_key).ok_or_else(unknown)?;
        let first = self.accounts.get(account).map(|found| found.api_key.clone()).ok_or_else(unknown)?;
        self.accounts
            .bring(account, asset, amount)
            .map_err(|_| TransferError::Insufficient { asset: asset.to_owned(), amount })?;
        let update = self.user_message(first, |unit| events::balance_update(asset, amount, unit, now));
        self.user.push(update);
        self.touched.insert(account);
        self.tell_positions(now);
        Ok(())
    }

    /// What an account owns; empty for an unknown key.
    pub fn balances(&self, api_key: &str) -> Vec<Balance> {
        self.accounts.by_key(api_key).map(|account| self.accounts.balances(account)).unwrap_or_default()
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

//! What an exchange is made of: symbols with their rules and their generated market,
//! accounts with their keys, limits. Plain data; the checks are in [`crate::Exchange::new`].

pub mod commission;
pub mod filters;

use std::fmt;

use commission::{Commission, Discount};
use filters::{ExchangeFilters, Filters, LotSize, PriceFilter, PriceRange};
use ringfence_model::{Decimal, Instrument, InstrumentId, Timestamp};

use crate::keys::{ApiKey, Rights, Verifier};

/// Everything that makes an exchange. The same config and the same requests at the same
/// times give the same outcome.
#[derive(Debug, Clone)]
pub struct ExchangeConfig {
    /// Seed of the generated market and of generated client order ids.
    pub seed: u64,
    /// The symbols that are traded.
    pub symbols: Vec<SymbolConfig>,
    /// The accounts that may trade.
    pub accounts: Vec<AccountConfig>,
    /// When virtual time begins.
    pub start: Timestamp,
    /// Commission of symbols that have none of their own.
    pub commission: Commission,
    /// The asset in which commissions are cheaper.
    pub discount: Option<Discount>,
    /// Filters over all symbols.
    pub filters: ExchangeFilters,
    /// Limits on requests and orders.
    pub limits: LimitConfig,
    /// Serves listen keys (`/api/v3/userDataStream`, `/ws/<listenKey>`), which the venue
    /// has removed, for older clients.
    pub listen_keys: bool,
    /// How busy the generated market is.
    pub bustle: Bustle,
}

/// How busy the generated market is: how often price, quotes and takers move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Bustle {
    /// A hundred times a second, with some thirty-five takers.
    #[default]
    Usual,
    /// Twenty times a second: for whom the market is only the scenery.
    Calm,
}

impl Bustle {
    /// Between two moves, in microseconds. Streams speak every 100 ms, so that is a multiple.
    pub(crate) const fn step_us(self) -> u64 {
        match self {
            Bustle::Usual => 10_000,
            Bustle::Calm => 50_000,
        }
    }
}

impl Default for ExchangeConfig {
    fn default() -> Self {
        ExchangeConfig {
            seed: 1,
            symbols: ["BTCUSDT", "ETHUSDT"].iter().filter_map(|symbol| SymbolConfig::known(symbol)).collect(),
            accounts: vec![AccountConfig::default()],
            start: Timestamp::from_millis(1_700_000_000_000),
            commission: Commission::flat(Decimal::new(1, 3)),
            discount: Some(Discount::default()),
            filters: ExchangeFilters::default(),
            limits: LimitConfig::default(),
            listen_keys: false,
            bustle: Bustle::Usual,
        }
    }
}

/// Limits as the venue publishes them in `exchangeInfo.rateLimits`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitConfig {
    /// REQUEST_WEIGHT per minute.
    pub weight_per_minute: u64,
    /// RAW_REQUESTS per five minutes.
    pub raw_per_five_minutes: u64,
    /// ORDERS (unfilled) per ten seconds.
    pub orders_per_ten_seconds: u64,
    /// ORDERS (unfilled) per day.
    pub orders_per_day: u64,
    /// What the first fill as a maker gives back of the unfilled order count. The venue
    /// does not publish the rule; its example shows five.
    pub maker_refund: u64,
    /// Attempts to connect per five minutes and address (CONNECTIONS).
    pub connections_per_five_minutes: u64,
    /// Messages that a stream socket may send in a second, pings and pongs included.
    pub stream_messages_per_second: u64,
    /// Streams that one socket may listen to.
    pub streams_per_connection: usize,
    /// Refusals (429) within a minute after which an address is banned (418). The venue
    /// does not publish the number.
    pub refusals_before_ban: u64,
    /// Length of the first ban; each further one is twice as long, up to three days.
    pub first_ban_seconds: u64,
}

impl Default for LimitConfig {
    fn default() -> Self {
        LimitConfig {
            weight_per_minute: 6_000,
            raw_per_five_minutes: 300_000,
            orders_per_ten_seconds: 100,
            orders_per_day: 200_000,
            maker_refund: 5,
            connections_per_five_minutes: 300,
            stream_messages_per_second: 5,
            streams_per_connection: 1_024,
            refusals_before_ban: 20,
            first_ban_seconds: 120,
        }
    }
}

/// An account: its keys and what it owns at the start.
#[derive(Clone)]
pub struct AccountConfig {
    /// Sent with each signed request.
    pub api_key: String,
    /// Signs requests (HMAC-SHA-256).
    pub secret: String,
    /// Free amounts by asset.
    pub balances: Vec<(String, Decimal)>,
    /// Accounts of one trade group count as one for self-trade prevention.
    pub trade_group: Option<u32>,
    /// Pays commissions in the discount asset while it has enough of it.
    pub pays_with_discount: bool,
    /// Keys besides the first one, which may do everything.
    pub keys: Vec<ApiKey>,
    /// Accounts that may not trade are refused new orders.
    pub can_trade: bool,
}

impl Default for AccountConfig {
    fn default() -> Self {
        AccountConfig {
            api_key: "ringfence-sim-key".to_owned(),
            secret: "ringfence-sim-secret".to_owned(),
            balances: vec![
                ("USDT".to_owned(), Decimal::new(1_000_000, 0)),
                ("BTC".to_owned(), Decimal::new(10, 0)),
                ("ETH".to_owned(), Decimal::new(100, 0)),
            ],
            trade_group: None,
            pays_with_discount: true,
            keys: Vec::new(),
            can_trade: true,
        }
    }
}

impl AccountConfig {
    pub(crate) fn first_key(&self) -> ApiKey {
        ApiKey {
            api_key: self.api_key.clone(),
            verifier: Verifier::hmac(self.secret.clone()),
            rights: Rights::ALL,
            addresses: Vec::new(),
        }
    }
}

impl fmt::Debug for AccountConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountConfig")
            .field("api_key", &self.api_key)
            .field("secret", &"<redacted>")
            .field("balances", &self.balances)
            .finish_non_exhaustive()
    }
}

/// What may be done with a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SymbolStatus {
    /// Everything.
    #[default]
    Trading,
    /// The day is over.
    EndOfDay,
    /// Stopped by the venue.
    Halt,
    /// A pause.
    Break,
    /// Orders are only cancelled.
    CancelOnly,
}

impl SymbolStatus {
    const ALL: [SymbolStatus; 5] = [
        SymbolStatus::Trading,
        SymbolStatus::EndOfDay,
        SymbolStatus::Halt,
        SymbolStatus::Break,
        SymbolStatus::CancelOnly,
    ];

    /// The venue's word.
    pub const fn word(self) -> &'static str {
        match self {
            SymbolStatus::Trading => "TRADING",
            SymbolStatus::EndOfDay => "END_OF_DAY",
            SymbolStatus::Halt => "HALT",
            SymbolStatus::Break => "BREAK",
            SymbolStatus::CancelOnly => "CANCEL_ONLY",
        }
    }

    /// Reads [`SymbolStatus::word`].
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == word)
    }
}

/// A symbol: its filters, and the character of its generated market.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SymbolConfig {
    /// The venue's name, upper case.
    pub symbol: String,
    /// Base asset.
    pub base: String,
    /// Quote asset.
    pub quote: String,
    /// Its filters.
    pub filters: Filters,
    /// Its commission; `None` takes the exchange's.
    pub commission: Option<Commission>,
    /// The PRICE_RANGE execution rule; enforced while there is a reference price.
    pub price_range: Option<PriceRange>,
    /// A reference price that is set from outside; filters and the price range use it.
    pub reference_price: Option<Decimal>,
    /// Permissions that an account needs: one of each inner list.
    pub permission_sets: Vec<Vec<String>>,
    /// Generated market: price at the start.
    pub start_price: Decimal,
    /// Generated market: usual move within ten seconds, in hundredths of a basis point.
    pub volatility: u32,
    /// Generated market: distance of the levels behind the best ones, in ticks.
    pub level_ticks: u32,
    /// Generated market: usual quantity of a level.
    pub level_quantity: Decimal,
}

impl SymbolConfig {
    /// Real-looking rules of a well-known symbol; `None` for others.
    pub fn known(symbol: &str) -> Option<Self> {
        // base, tick (scale), step (scale), max, market max, start price (whole, cents), level ticks, level lots
        let (base, tick, step, max, market_max, start, level_ticks, level) = match symbol {
            "BTCUSDT" => ("BTC", 2, 5, 9_000, 120, 6_000_000, 50, Decimal::new(8, 1)),
            "ETHUSDT" => ("ETH", 2, 4, 9_000, 3_000, 300_000, 4, Decimal::new(12, 0)),
            "BNBUSDT" => ("BNB", 2, 3, 900_000, 2_500, 60_000, 2, Decimal::new(30, 0)),
            "SOLUSDT" => ("SOL", 2, 3, 90_000, 20_000, 15_000, 1, Decimal::new(150, 0)),
            "XRPUSDT" => ("XRP", 4, 1, 9_222_449, 500_000, 60, 2, Decimal::new(20_000, 0)),
            _ => return None,
        };
        Some(SymbolConfig {
            symbol: symbol.to_owned(),
            base: base.to_owned(),
            quote: "USDT".to_owned(),
            filters: Filters::usual(
                PriceFilter {
                    min: Decimal::new(1, tick),
                    max: Decimal::new(1_000_000, 0),
                    tick: Decimal::new(1, tick),
                },
                LotSize { min: Decimal::new(1, step), max: Decimal::new(max, 0), step: Decimal::new(1, step) },
                Decimal::new(market_max, 0),
            ),
            commission: None,
            price_range: None,
            reference_price: None,
            permission_sets: vec![vec!["SPOT".to_owned()]],
            start_price: Decimal::new(start, 2),
            volatility: 1_200,
            level_ticks,
            level_quantity: level,
        })
    }

    /// The symbol as an instrument at a place in a table.
    pub fn instrument(&self, id: InstrumentId) -> Instrument {
        let scale = |step: Decimal| u8::try_from(step.normalize().scale()).unwrap_or(8);
        let filters = &self.filters;
        let (price, lot) = (filters.price, filters.lot_size);
        let (min_notional, min_notional_on_market) = match (filters.notional, filters.min_notional) {
            (Some(notional), _) => (notional.min, notional.min_on_market),
            (None, Some(notional)) => (notional.min, notional.on_market),
            (None, None) => (Decimal::ZERO, false),
        };
        Instrument {
            id,
            symbol: self.symbol.clone(),
            base: self.base.clone(),
            quote: self.quote.clone(),
            price_scale: scale(price.tick),
            quantity_scale: scale(lot.step),
            tick_size: price.tick,
            min_price: price.min,
            max_price: price.max,
            step_size: lot.step,
            min_quantity: lot.min,
            max_quantity: lot.max,
            market_max_quantity: filters.market_lot_size.map_or(lot.max, |market| market.max),
            min_notional,
            max_notional: filters.notional.map_or(Decimal::ZERO, |notional| notional.max),
            min_notional_on_market,
            max_open_orders: filters.max_num_orders.unwrap_or(0),
            trading: true,
            filters: ringfence_model::instrument::Filters::default(),
        }
    }
}

//! What accounts own, exact to the last place. No order logic: the caller says what to
//! lock, free and settle.
//!
//! Nothing is made or lost: whatever leaves an account goes to another one, into the
//! commission pot, or to the market's own ledger. [`Accounts::total`] is constant.

use std::collections::{BTreeMap, BTreeSet};

use ringfence_model::{Balance, Decimal, Side, Timestamp};

use crate::config::AccountConfig;
use crate::keys::ApiKey;

/// The account can't pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Insufficient;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Holding {
    pub(crate) free: Decimal,
    pub(crate) locked: Decimal,
}

/// One account.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    /// The first key: it names the account.
    pub(crate) api_key: String,
    pub(crate) can_trade: bool,
    pub(crate) holdings: BTreeMap<String, Holding>,
    pub(crate) updated: Timestamp,
    /// Assets that may have changed since the last account position event.
    changed: BTreeSet<String>,
}

impl Account {
    pub(crate) fn holding(&self, asset: &str) -> Holding {
        self.holdings.get(asset).copied().unwrap_or_default()
    }

    pub(crate) fn balances(&self) -> Vec<Balance> {
        self.holdings
            .iter()
            .map(|(asset, holding)| Balance { asset: asset.clone(), free: holding.free, locked: holding.locked })
            .collect()
    }
}

/// One fill from the view of one own order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settlement<'a> {
    pub(crate) base: &'a str,
    pub(crate) quote: &'a str,
    pub(crate) side: Side,
    pub(crate) quantity: Decimal,
    pub(crate) notional: Decimal,
    /// How much of what was locked for the order is set free by this fill.
    pub(crate) release: Decimal,
    /// Rate on the received asset.
    pub(crate) rate: Decimal,
}

/// All accounts, the commission pot and the market's ledger.
#[derive(Debug, Clone)]
pub(crate) struct Accounts {
    accounts: Vec<Account>,
    /// Keys of all accounts, each with its account.
    keys: BTreeMap<String, (usize, ApiKey)>,
    pot: BTreeMap<String, Decimal>,
    /// What the rest of the market won or lost against own orders.
    market: BTreeMap<String, Decimal>,
}

impl Accounts {
    pub(crate) fn new(configs: &[AccountConfig], start: Timestamp) -> Self {
        let accounts = configs
            .iter()
            .map(|config| {
                let mut holdings = BTreeMap::<String, Holding>::new();
                for (asset, amount) in &config.balances {
                    let holding = holdings.entry(asset.clone()).or_default();
                    holding.free = holding.free.saturating_add(*amount);
                }
                Account {
                    api_key: config.api_key.clone(),
                    can_trade: config.can_trade,
                    holdings,
                    updated: start,
                    changed: BTreeSet::new(),
                }
            })
            .collect();
        let mut keys = BTreeMap::new();
        for (place, config) in configs.iter().enumerate() {
            for key in std::iter::once(config.first_key()).chain(config.keys.iter().cloned()) {
                keys.insert(key.api_key.clone(), (place, key));
            }
        }
        Accounts { accounts, keys, pot: BTreeMap::new(), market: BTreeMap::new() }
    }

    /// The account of one of its keys.
    pub(crate) fn by_key(&self, api_key: &str) -> Option<usize> {
        self.key(api_key).map(|(account, _)| account)
    }

    /// A key and its account.
    pub(crate) fn key(&self, api_key: &str) -> Option<(usize, &ApiKey)> {
        self.keys.get(api_key).map(|(account, key)| (*account, key))
    }

    /// Brings in `amount` from outside (or takes it out, if negative).
    pub(crate) fn transfer(&mut self, account: usize, asset: &str, amount: Decimal) -> Result<(), Insufficient> {
        let free = self.free(account, asset).checked_add(amount).ok_or(Insufficient)?;
        if account >= self.accounts.len() || (free.is_sign_negative() && !free.is_zero()) {
            return Err(Insufficient);
        }
        self.change(account, asset, amount, Decimal::ZERO);
        Ok(())
    }

    pub(crate) fn get(&self, account: usize) -> Option<&Account> {
        self.accounts.get(account)
    }

    pub(crate) fn free(&self, account: usize, asset: &str) -> Decimal {
        self.get(account).map_or(Decimal::ZERO, |found| found.holding(asset).free)
    }

    fn change(&mut self, account: usize, asset: &str, free: Decimal, locked: Decimal) {
        if let Some(found) = self.accounts.get_mut(account) {
            let holding = found.holdings.entry(asset.to_owned()).or_default();
            holding.free = holding.free.saturating_add(free);
            holding.locked = holding.locked.saturating_add(locked);
            if !found.changed.contains(asset) {
                found.changed.insert(asset.to_owned());
            }
        }
    }

    /// Moves from free to locked.
    pub(crate) fn lock(&mut self, account: usize, asset: &str, amount: Decimal) -> Result<(), Insufficient> {
        if self.free(account, asset) < amount {
            return Err(Insufficient);
        }
        self.change(account, asset, -amount, amount);
        Ok(())
    }

    /// Moves from locked to free.
    pub(crate) fn unlock(&mut self, account: usize, asset: &str, amount: Decimal) {
        self.change(account, asset, amount, -amount);
    }

    /// Books one fill and returns the commission (on the received asset, rounded down to
    /// eight places: the venue does not publish the direction). The other side is the
    /// market's ledger; with two own orders the two bookings there cancel out.
    pub(crate) fn settle(&mut self, account: usize, fill: Settlement<'_>) -> Decimal {
        let (spent_asset, spent, got_asset, got) = match fill.side {
            Side::Buy => (fill.quote, fill.notional, fill.base, fill.quantity),
            Side::Sell => (fill.base, fill.quantity, fill.quote, fill.notional),
        };
        let commission = got
            .checked_mul(fill.rate)
            .unwrap_or(Decimal::ZERO)
            .round_dp_with_strategy(8, rust_decimal::RoundingStrategy::ToZero);
        self.change(account, spent_asset, fill.release.saturating_sub(spent), -fill.release);
        self.change(account, got_asset, got.saturating_sub(commission), Decimal::ZERO);
        add(&mut self.pot, got_asset, commission);
        add(&mut self.market, spent_asset, spent);
        add(&mut self.market, got_asset, -got);
        commission
    }

    /// Assets that may have changed since the last call, with what stands there now.
    pub(crate) fn take_changed(&mut self, account: usize, now: Timestamp) -> Vec<Balance> {
        let Some(found) = self.accounts.get_mut(account) else {
            return Vec::new();
        };
        if found.changed.is_empty() {
            return Vec::new();
        }
        found.updated = now;
        let changed = std::mem::take(&mut found.changed);
        changed
            .into_iter()
            .map(|asset| {
                let holding = found.holding(&asset);
                Balance { asset, free: holding.free, locked: holding.locked }
            })
            .collect()
    }

    /// All that exists of an asset: constant over the life of the exchange.
    pub(crate) fn total(&self, asset: &str) -> Decimal {
        let own = self.accounts.iter().fold(Decimal::ZERO, |sum, account| {
            let holding = account.holding(asset);
            sum.saturating_add(holding.free).saturating_add(holding.locked)
        });
        let of = |ledger: &BTreeMap<String, Decimal>| ledger.get(asset).copied().unwrap_or_default();
        own.saturating_add(of(&self.pot)).saturating_add(of(&self.market))
    }
}

fn add(ledger: &mut BTreeMap<String, Decimal>, asset: &str, amount: Decimal) {
    let entry = ledger.entry(asset.to_owned()).or_default();
    *entry = entry.saturating_add(amount);
}

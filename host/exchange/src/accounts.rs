//! What accounts own, exact to the last unit. No order logic: the caller says what to
//! lock, free and settle.
//!
//! Nothing is made or lost: whatever leaves an account goes to another one, into the
//! commission pot, or to the market's own ledger. [`Accounts::total`] is constant.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ringfence_model::{Balance, Decimal, Timestamp};

use crate::config::{AccountConfig, SymbolConfig};
use crate::fixed::Fixed;
use crate::keys::ApiKey;
use crate::matching::Owner;

/// The account can't pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Insufficient;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Holding {
    pub(crate) free: Fixed,
    pub(crate) locked: Fixed,
}

/// One account.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    /// The first key: it names the account.
    pub(crate) api_key: String,
    pub(crate) can_trade: bool,
    pub(crate) trade_group: Option<u32>,
    pub(crate) pays_with_discount: bool,
    pub(crate) updated: Timestamp,
    /// By the asset's number.
    holdings: Vec<Holding>,
    /// Assets that may have changed since the last account position event.
    changed: BTreeSet<usize>,
}

impl Account {
    pub(crate) fn holding(&self, asset: usize) -> Holding {
        self.holdings.get(asset).copied().unwrap_or_default()
    }
}

/// What one fill moves, from the view of one order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settlement {
    pub(crate) spent_asset: usize,
    pub(crate) spent: Fixed,
    pub(crate) got_asset: usize,
    pub(crate) got: Fixed,
    pub(crate) commission_asset: usize,
    pub(crate) commission: Fixed,
}

/// All accounts, the commission pot and the market's ledger.
#[derive(Debug, Clone)]
pub(crate) struct Accounts {
    /// Names of the assets, sorted.
    assets: Vec<String>,
    by_name: HashMap<String, usize>,
    accounts: Vec<Account>,
    /// Keys of all accounts, each with its account.
    keys: BTreeMap<String, (usize, ApiKey)>,
    pot: Vec<Fixed>,
    /// What the rest of the market won or lost against own orders.
    market: Vec<Fixed>,
}

impl Accounts {
    pub(crate) fn new(configs: &[AccountConfig], symbols: &[SymbolConfig], start: Timestamp) -> Self {
        let of_symbols = symbols.iter().flat_map(|symbol| [&symbol.base, &symbol.quote]);
        let of_accounts = configs.iter().flat_map(|config| config.balances.iter().map(|(asset, _)| asset));
        let assets: BTreeSet<&String> = of_symbols.chain(of_accounts).collect();
        let assets: Vec<String> = assets.into_iter().cloned().collect();
        let by_name: HashMap<String, usize> = assets.iter().cloned().zip(0..).collect();
        let none = vec![Fixed::ZERO; assets.len()];
        let accounts = configs
            .iter()
            .map(|config| {
                let mut holdings = vec![Holding::default(); assets.len()];
                for (asset, amount) in &config.balances {
                    if let Some(holding) = by_name.get(asset).and_then(|asset| holdings.get_mut(*asset)) {
                        holding.free += Fixed::floor(*amount);
                    }
                }
                Account {
                    api_key: config.api_key.clone(),
                    can_trade: config.can_trade,
                    trade_group: config.trade_group,
                    pays_with_discount: config.pays_with_discount,
                    updated: start,
                    holdings,
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
        Accounts { assets, by_name, accounts, keys, pot: none.clone(), market: none }
    }

    /// The number of an asset.
    pub(crate) fn asset(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn asset_name(&self, asset: usize) -> &str {
        self.assets.get(asset).map(String::as_str).unwrap_or_default()
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
    pub(crate) fn bring(&mut self, account: usize, asset: &str, amount: Decimal) -> Result<(), Insufficient> {
        let asset = self.asset(asset).ok_or(Insufficient)?;
        let amount = Fixed::exact(amount).ok_or(Insufficient)?;
        if account >= self.accounts.len() || self.free(account, asset) + amount < Fixed::ZERO {
            return Err(Insufficient);
        }
        self.change(account, asset, amount, Fixed::ZERO);
        Ok(())
    }

    pub(crate) fn get(&self, account: usize) -> Option<&Account> {
        self.accounts.get(account)
    }

    pub(crate) fn owner(&self, account: usize) -> Owner {
        Owner { account, group: self.get(account).and_then(|account| account.trade_group) }
    }

    pub(crate) fn free(&self, account: usize, asset: usize) -> Fixed {
        self.get(account).map_or(Fixed::ZERO, |found| found.holding(asset).free)
    }

    /// What an account has of every asset, by name.
    pub(crate) fn balances(&self, account: usize) -> Vec<Balance> {
        let holdings = self.get(account).map(|account| account.holdings.as_slice()).unwrap_or_default();
        self.assets.iter().zip(holdings).map(|(asset, holding)| balance(asset, *holding)).collect()
    }

    fn change(&mut self, account: usize, asset: usize, free: Fixed, locked: Fixed) {
        if let Some(found) = self.accounts.get_mut(account)
            && let Some(holding) = found.holdings.get_mut(asset)
        {
            holding.free += free;
            holding.locked += locked;
            found.changed.insert(asset);
        }
    }

    /// Moves from free to locked.
    pub(crate) fn lock(&mut self, account: usize, asset: usize, amount: Fixed) -> Result<(), Insufficient> {
        if self.free(account, asset) < amount {
            return Err(Insufficient);
        }
        self.change(account, asset, -amount, amount);
        Ok(())
    }

    /// Moves from locked to free.
    pub(crate) fn unlock(&mut self, account: usize, asset: usize, amount: Fixed) {
        self.change(account, asset, amount, -amount);
    }

    /// Books one fill; what is spent is free already. The other side is the market's
    /// ledger; with two own orders the two bookings there cancel out.
    pub(crate) fn settle(&mut self, account: usize, fill: Settlement) {
        self.change(account, fill.spent_asset, -fill.spent, Fixed::ZERO);
        self.change(account, fill.got_asset, fill.got, Fixed::ZERO);
        self.change(account, fill.commission_asset, -fill.commission, Fixed::ZERO);
        add(&mut self.pot, fill.commission_asset, fill.commission);
        add(&mut self.market, fill.spent_asset, fill.spent);
        add(&mut self.market, fill.got_asset, -fill.got);
    }

    /// Moves a free amount from one account to another.
    pub(crate) fn transfer(&mut self, from: usize, to: usize, asset: usize, amount: Fixed) {
        self.change(from, asset, -amount, Fixed::ZERO);
        self.change(to, asset, amount, Fixed::ZERO);
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
            .filter_map(|asset| Some(balance(self.assets.get(asset)?, *found.holdings.get(asset)?)))
            .collect()
    }

    /// All that exists of an asset: constant over the life of the exchange.
    pub(crate) fn total(&self, name: &str) -> Decimal {
        let Some(asset) = self.asset(name) else {
            return Decimal::ZERO;
        };
        let own = self.accounts.iter().fold(Fixed::ZERO, |sum, account| {
            let holding = account.holding(asset);
            sum + holding.free + holding.locked
        });
        let of = |ledger: &[Fixed]| ledger.get(asset).copied().unwrap_or_default();
        (own + of(&self.pot) + of(&self.market)).decimal()
    }
}

fn balance(asset: &str, holding: Holding) -> Balance {
    Balance { asset: asset.to_owned(), free: holding.free.decimal(), locked: holding.locked.decimal() }
}

fn add(ledger: &mut [Fixed], asset: usize, amount: Fixed) {
    if let Some(entry) = ledger.get_mut(asset) {
        *entry += amount;
    }
}

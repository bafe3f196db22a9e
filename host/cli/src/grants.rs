//! What a plugin gets: the operator's configuration held against the plugin's own
//! manifest. A manifest can only narrow a grant, never widen it.

use std::collections::{BTreeMap, BTreeSet};

use ringfence_engine::SeatConfig;
use ringfence_model::strategy::{Manifest, ParameterSpec, Value, ValueRange};
use ringfence_model::{Balance, Decimal, Instrument};
use ringfence_sandbox::{Settings, Trust};

use crate::config::{Config, Grant};

/// The operator's grants over one account.
#[derive(Debug)]
pub(crate) struct Grants {
    config: Config,
    instruments: Vec<Instrument>,
    /// What no plugin has been given yet, by asset.
    unallocated: BTreeMap<String, Decimal>,
}

impl Grants {
    /// Grants out of what is free in the account.
    pub(crate) fn new(config: Config, instruments: Vec<Instrument>, account: &[Balance]) -> Self {
        let unallocated = account.iter().map(|balance| (balance.asset.clone(), balance.free)).collect();
        Grants { config, instruments, unallocated }
    }

    /// Whose files are taken.
    pub(crate) fn trust(&self) -> Trust {
        self.config.trust()
    }

    pub(crate) fn table(&self, name: &str) -> String {
        let file = self.config.file.as_ref().map_or_else(|| "ringfence.toml".to_owned(), |f| f.display().to_string());
        if self.config.plugins.contains_key(name) {
            format!("[plugins.{name}] of {file}")
        } else {
            format!("[defaults] of {file}")
        }
    }

    /// The seat of a plugin; its allocation is taken out of what is left.
    pub(crate) fn seat(&mut self, name: &str) -> Result<SeatConfig, String> {
        let table = self.table(name);
        let grant = self.config.grant(name);
        if !grant.enabled {
            return Err(format!("disabled in {table}; set enabled = true to run it"));
        }
        let instruments: Vec<_> = self
            .instruments
            .iter()
            .filter(|instrument| grant.symbols.as_ref().is_none_or(|symbols| symbols.contains(&instrument.symbol)))
            .collect();
        // Assets that none of its instruments can move are of no use to it.
        let useful = |asset: &str| instruments.iter().any(|i| i.base == asset || i.quote == asset);
        let allocation: Vec<_> = grant.allocation.iter().filter(|(asset, _)| useful(asset)).cloned().collect();
        for (asset, amount) in &allocation {
            let left = self.unallocated.get(asset).copied().unwrap_or_default();
            if *amount > left {
                return Err(format!(
                    "allocation of {amount} {asset} in {table} is more than the {left} {asset} that the account has left for it; \
                     lower this allocation or another plugin's"
                ));
            }
        }
        let config = SeatConfig {
            name: name.to_owned(),
            instruments: instruments.iter().map(|instrument| instrument.id).collect(),
            allocation: allocation.clone(),
            limits: grant.limits.clone(),
            permissions: grant.permissions.clone(),
        };
        for (asset, amount) in allocation {
            if let Some(left) = self.unallocated.get_mut(&asset) {
                *left = left.saturating_sub(amount);
            }
        }
        Ok(config)
    }

    /// Budgets and policies of a plugin.
    pub(crate) fn settings(&self, name: &str) -> Settings {
        self.config.grant(name).settings.clone()
    }

    /// A new configuration. What a running seat has (symbols, allocation, limits, what it may send
    /// and follow) it keeps: the answer names what needs a restart.
    pub(crate) fn replace(&mut self, config: Config) -> Vec<String> {
        let mut restart = Vec::new();
        if config.venue != self.config.venue || config.sim != self.config.sim {
            restart.push("[venue] and [sim]".to_owned());
        }
        if config.defaults.permissions != self.config.defaults.permissions {
            restart.push("order_types and streams of [defaults]".to_owned());
        }
        let names: BTreeSet<_> = config.plugins.keys().chain(self.config.plugins.keys()).cloned().collect();
        for name in names {
            let (old, new) = (self.config.grant(&name), config.grant(&name));
            let fixed =
                |grant: &Grant| (grant.enabled, grant.symbols.clone(), grant.allocation.clone(), grant.limits.clone());
            if fixed(old) != fixed(new) {
                restart.push(format!("symbols, allocation and limits of {name}"));
            }
            if old.permissions != new.permissions {
                restart.push(format!("order_types and streams of {name}"));
            }
        }
        self.config = config;
        restart
    }

    /// What a seat was given that could not be opened.
    pub(crate) fn give_back(&mut self, allocation: &[(String, Decimal)]) {
        for (asset, amount) in allocation {
            if let Some(left) = self.unallocated.get_mut(asset) {
                *left = left.saturating_add(*amount);
            }
        }
    }

    /// The plugin's parameters: its defaults, overridden by the operator's values, all checked.
    pub(crate) fn parameters(&self, name: &str, manifest: &Manifest) -> Result<Vec<(String, Value)>, String> {
        let table = self.table(name);
        let values = &self.config.grant(name).parameters;
        let mut problems: Vec<String> = values
            .keys()
            .filter(|key| !manifest.parameters.iter().any(|spec| spec.name == **key))
            .map(|key| {
                let known: Vec<_> = manifest.parameters.iter().map(|spec| spec.name.as_str()).collect();
                format!("parameter `{key}` in {table} is not one of this plugin's ({})", known.join(", "))
            })
            .collect();
        let mut parameters = Vec::new();
        for spec in &manifest.parameters {
            match values.get(&spec.name).map_or_else(|| Ok(spec.default.clone()), |value| fit(spec, value)) {
                Ok(value) => parameters.push((spec.name.clone(), value)),
                Err(why) => problems.push(format!("parameter `{}` in {table} {why}", spec.name)),
            }
        }
        if problems.is_empty() { Ok(parameters) } else { Err(problems.join("; ")) }
    }
}

/// The value as the plugin declared it, or why it isn't one.
fn fit(spec: &ParameterSpec, value: &Value) -> Result<Value, String> {
    let value = match (&spec.default, value) {
        (Value::Number(_), Value::Integer(whole)) => Value::Number(Decimal::from(*whole)),
        (Value::Number(_), Value::Text(text)) => {
            Value::Number(Decimal::from_str_exact(text).map_err(|_| format!("must be a number, found \"{text}\""))?)
        }
        (Value::Integer(_), Value::Integer(_))
        | (Value::Number(_), Value::Number(_))
        | (Value::Boolean(_), Value::Boolean(_))
        | (Value::Text(_), Value::Text(_)) => value.clone(),
        (Value::Integer(_), _) => return Err("must be a whole number".to_owned()),
        (Value::Number(_), _) => return Err("must be a number".to_owned()),
        (Value::Boolean(_), _) => return Err("must be true or false".to_owned()),
        (Value::Text(_), _) => return Err("must be a text".to_owned()),
    };
    match (&spec.range, &value) {
        (ValueRange::Integer(low, high), Value::Integer(number)) if number < low || number > high => {
            Err(format!("must be from {low} to {high}, found {number}"))
        }
        (ValueRange::Number(low, high), Value::Number(number)) if number < low || number > high => {
            Err(format!("must be from {low} to {high}, found {number}"))
        }
        (ValueRange::Choice(choices), Value::Text(text)) if !choices.contains(text) => {
            Err(format!("must be one of {}, found \"{text}\"", choices.join(", ")))
        }
        _ => Ok(value),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let spec = |name: &str, default, range| ParameterSpec {
            name: name.to_owned(),
            description: String::new(),
            default,
            range,
        };
        Manifest {
            name: "a".to_owned(),
            version: "1".to_owned(),
            description: String::new(),
            language: "rust".to_owned(),
            wishes: Vec::new(),
            parameters: vec![
                spec("fast", Value::Integer(10), ValueRange::Integer(1, 50)),
                spec("size", Value::Number(Decimal::new(1, 3)), ValueRange::Number(Decimal::ZERO, Decimal::ONE)),
                spec("how", Value::Text("x".into()), ValueRange::Choice(vec!["x".into(), "y".into()])),
            ],
        }
    }

    fn grants(text: &str, account: i64) -> Grants {
        let config = Config::parse(text, "ringfence.toml").unwrap();
        let balance =
            |asset: &str| Balance { asset: asset.to_owned(), free: Decimal::from(account), locked: Decimal::ZERO };
        Grants::new(config, Vec::new(), &[balance("USDT"), balance("BTC")])
    }

    #[test]
    fn values_override_defaults_and_are_checked() {
        let good =
            grants("[plugins.a.parameters]\nfast = 20\nsize = \"0.25\"", 1).parameters("a", &manifest()).unwrap();
        assert_eq!(good[0].1, Value::Integer(20));
        assert_eq!(good[1].1, Value::Number(Decimal::new(25, 2)));
        assert_eq!(good[2].1, Value::Text("x".into()));
        let bad = grants("[plugins.a.parameters]\nfast = 51\nsize = true\nhow = \"z\"\nslow = 1", 1)
            .parameters("a", &manifest())
            .unwrap_err();
        for part in ["`fast`", "from 1 to 50", "`size`", "`how`", "one of x, y", "`slow`", "not one of this plugin's"] {
            assert!(bad.contains(part), "{bad}");
        }
    }
}

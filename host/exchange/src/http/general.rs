//! General calls, and which symbols a request names.

use ringfence_wire::rest;

use super::call::{Ask, Call, Run};
use super::params::Params;
use super::tickers;
use crate::answer::Refusal;
use crate::config::SymbolStatus;
use crate::exchange::Exchange;
use crate::payload::info;

/// Permissions whose symbols are listed when none are asked for.
const USUAL: [&str; 3] = ["SPOT", "MARGIN", "LEVERAGED"];

pub(super) const CALLS: &[Call] = &[
    Call::new(&[("GET", "ping")], &["ping"], |_| 1, Run::Public(|_, _| Ok("{}".to_owned()))),
    Call::new(&[("GET", "time")], &["time"], |_| 1, Run::Public(Exchange::time)),
    Call::new(&[("GET", "exchangeInfo")], &["exchangeInfo"], |_| 20, Run::Public(Exchange::exchange_info)),
    Call::new(&[("GET", "executionRules")], &["executionRules"], rules_weight, Run::Public(Exchange::execution_rules)),
];

fn rules_weight(params: &Params) -> u64 {
    match tickers::named(params) {
        Some(symbols) => symbols.max(1).saturating_mul(2).min(40),
        None => 40,
    }
}

pub(super) fn invalid() -> Refusal {
    Refusal::new(-1121, "Invalid symbol.")
}

fn bad_combination() -> Refusal {
    Refusal::new(-1128, "Combination of optional parameters invalid.")
}

/// `symbolStatus`, if it is sent.
fn wanted_status(params: &Params) -> Result<Option<SymbolStatus>, Refusal> {
    match params.get("symbolStatus") {
        None => Ok(None),
        Some(word) => SymbolStatus::read(word).map(Some).ok_or_else(|| Refusal::new(-1122, "Invalid symbolStatus.")),
    }
}

impl Exchange {
    /// The one symbol that a call needs.
    pub(super) fn symbol(&self, params: &Params) -> Result<usize, Refusal> {
        self.symbol_index(params.symbol()?).ok_or_else(invalid)
    }

    /// A symbol whose status is not the one that was asked for is refused.
    pub(super) fn status_matches(&self, symbol: usize, params: &Params) -> Result<(), Refusal> {
        match wanted_status(params)? {
            Some(status) if self.status(symbol) != status => {
                Err(Refusal::new(-1220, "The symbol's status does not match the requested symbolStatus."))
            }
            _ => Ok(()),
        }
    }

    /// `symbols`, checked; `None` if it is not sent.
    fn listed(&self, params: &Params) -> Result<Option<Vec<usize>>, Refusal> {
        let Some(names) = params.list("symbols")? else {
            return Ok(None);
        };
        if names.is_empty() {
            return Err(Refusal::missing("symbols"));
        }
        if tickers::repeated(&names) {
            return Err(Refusal::new(-1151, "Symbol is present multiple times in the list."));
        }
        names.iter().map(|name| self.symbol_index(name).ok_or_else(invalid)).collect::<Result<Vec<_>, _>>().map(Some)
    }

    /// `symbol`, `symbols`, or all, with the status that was asked for; and whether it was
    /// one symbol.
    pub(super) fn symbols(&self, params: &Params) -> Result<(Vec<usize>, bool), Refusal> {
        let status = wanted_status(params)?;
        if params.get("symbol").is_some() {
            if params.get("symbols").is_some() {
                return Err(bad_combination());
            }
            let symbol = self.symbol(params)?;
            self.status_matches(symbol, params)?;
            return Ok((vec![symbol], true));
        }
        let found = self.listed(params)?.unwrap_or_else(|| (0..self.config.symbols.len()).collect());
        let fits = |symbol: &usize| status.is_none_or(|status| self.status(*symbol) == status);
        Ok((found.into_iter().filter(fits).collect(), false))
    }

    fn time(&mut self, ask: &Ask<'_>) -> Result<String, Refusal> {
        Ok(rest::write(&rest::ServerTime { server_time: ask.unit.write(ask.now) }))
    }

    fn exchange_info(&mut self, ask: &Ask<'_>) -> Result<String, Refusal> {
        let params = ask.params;
        let named = params.get("symbol").is_some() || params.get("symbols").is_some();
        let permissions = params.words("permissions")?;
        if named && (permissions.is_some() || params.get("symbolStatus").is_some()) {
            return Err(bad_combination());
        }
        let show_sets = params.get("showPermissionSets").is_none() || params.flag("showPermissionSets")?;
        let (wanted, _) = self.symbols(params)?;
        let permissions =
            permissions.unwrap_or_else(|| USUAL.iter().map(|permission| (*permission).to_owned()).collect());
        let rows: Vec<_> = wanted
            .iter()
            .filter_map(|index| Some((self.config.symbols.get(*index)?, self.status(*index))))
            .filter(|(rules, _)| {
                named || rules.permission_sets.iter().flatten().any(|permission| permissions.contains(permission))
            })
            .collect();
        Ok(info::exchange_info(&rows, &self.config.filters, self.limits.config(), ask, show_sets))
    }

    fn execution_rules(&mut self, ask: &Ask<'_>) -> Result<String, Refusal> {
        let selectors = ["symbol", "symbols", "symbolStatus"];
        if selectors.iter().filter(|name| ask.params.get(name).is_some()).count() > 1 {
            return Err(bad_combination());
        }
        let (wanted, _) = self.symbols(ask.params)?;
        let symbols = wanted.iter().filter_map(|index| self.config.symbols.get(*index));
        Ok(info::execution_rules(symbols))
    }
}

//! General calls, and which symbols a request names.

use ringfence_wire::rest;

use super::call::{Ask, Call, Run};
use super::params::Params;
use crate::answer::Refusal;
use crate::exchange::Exchange;
use crate::payload;

pub(super) const CALLS: &[Call] = &[
    Call::new(&[("GET", "ping")], &["ping"], |_| 1, Run::Public(|_, _| Ok("{}".to_owned()))),
    Call::new(&[("GET", "time")], &["time"], |_| 1, Run::Public(Exchange::time)),
    Call::new(&[("GET", "exchangeInfo")], &["exchangeInfo"], |_| 20, Run::Public(Exchange::exchange_info)),
];

pub(super) fn invalid() -> Refusal {
    Refusal::new(-1121, "Invalid symbol.")
}

impl Exchange {
    /// The one symbol that a call needs.
    pub(super) fn symbol(&self, params: &Params) -> Result<usize, Refusal> {
        self.symbol_index(params.need("symbol")?).ok_or_else(invalid)
    }

    /// `symbol`, `symbols`, or all; and whether it was one symbol.
    pub(super) fn symbols(&self, params: &Params) -> Result<(Vec<usize>, bool), Refusal> {
        if params.get("symbol").is_some() {
            if params.get("symbols").is_some() {
                return Err(Refusal::new(-1128, "Combination of optional parameters invalid."));
            }
            return Ok((vec![self.symbol(params)?], true));
        }
        let found = match params.list("symbols")? {
            Some(names) => {
                names.iter().map(|name| self.symbol_index(name).ok_or_else(invalid)).collect::<Result<Vec<_>, _>>()?
            }
            None => (0..self.config.symbols.len()).collect(),
        };
        Ok((found, false))
    }

    fn time(&mut self, ask: &Ask<'_>) -> Result<String, Refusal> {
        Ok(rest::write(&rest::ServerTime { server_time: ask.unit.write(ask.now) }))
    }

    fn exchange_info(&mut self, ask: &Ask<'_>) -> Result<String, Refusal> {
        let (wanted, _) = self.symbols(ask.params)?;
        let symbols = wanted.iter().filter_map(|symbol| self.config.symbols.get(*symbol));
        Ok(payload::exchange_info(symbols, self.limits.config(), ask.now))
    }
}

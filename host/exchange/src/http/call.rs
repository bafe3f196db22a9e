//! What a call is: its REST path and WebSocket API method, its weight, its rights, and
//! what carries it out. The calls themselves stand in the files of their families, each
//! with a table of its own; here is the list of tables.

use ringfence_model::Timestamp;

use super::params::Params;
use super::{account, general, listen_keys, lists, market_data, queries, tickers, trade, wallet};
use crate::answer::Refusal;
use crate::exchange::Exchange;
use crate::units::TimeUnit;

/// All calls, family by family.
const FAMILIES: [&[Call]; 9] = [
    general::CALLS,
    market_data::CALLS,
    tickers::CALLS,
    account::CALLS,
    trade::CALLS,
    lists::CALLS,
    queries::CALLS,
    listen_keys::CALLS,
    wallet::CALLS,
];

/// By which API a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    Rest,
    WsApi,
}

/// A request on its way to what carries it out; rights and limits are checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) now: Timestamp,
    pub(crate) params: &'a Params,
    pub(crate) unit: TimeUnit,
    pub(crate) door: Door,
}

/// What a key must be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    Trade,
    UserData,
    UserStream,
}

type Answer = Result<String, Refusal>;

/// Who may call, and what carries it out. A signed call is handed the account.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Run {
    Public(fn(&mut Exchange, &Ask<'_>) -> Answer),
    Signed(Right, fn(&mut Exchange, usize, &Ask<'_>) -> Answer),
    /// Listen keys: a key, but no signature; served only if the configuration says so.
    Keyed(fn(&mut Exchange, usize, &Ask<'_>) -> Answer),
}

/// A call.
#[derive(Debug)]
pub(crate) struct Call {
    /// Method and path after `/api/v3/`; a path of another API is whole.
    pub(crate) http: &'static [(&'static str, &'static str)],
    /// Methods of the WebSocket API.
    pub(crate) ws: &'static [&'static str],
    /// Request weight.
    pub(crate) weight: fn(&Params) -> u64,
    /// Whether it costs nothing now that it has succeeded.
    pub(crate) refunded: fn(&Exchange) -> bool,
    /// The answer tells the unfilled order counts.
    pub(crate) counts_orders: bool,
    pub(crate) run: Run,
}

impl Call {
    /// A call that is not refunded and tells no order counts.
    pub(crate) const fn new(
        http: &'static [(&'static str, &'static str)],
        ws: &'static [&'static str],
        weight: fn(&Params) -> u64,
        run: Run,
    ) -> Self {
        Call { http, ws, weight, refunded: |_| false, counts_orders: false, run }
    }

    /// Costs nothing if it succeeds.
    pub(crate) const fn refunded(self) -> Self {
        self.refunded_if(|_| true)
    }

    /// Costs nothing if it succeeds and left the exchange like this.
    pub(crate) const fn refunded_if(mut self, refunded: fn(&Exchange) -> bool) -> Self {
        self.refunded = refunded;
        self
    }

    /// The answer tells the unfilled order counts.
    pub(crate) const fn counts_orders(mut self) -> Self {
        self.counts_orders = true;
        self
    }

    /// Listen keys are served only if they are wanted.
    pub(crate) const fn is_served(&self, listen_keys: bool) -> bool {
        listen_keys || !matches!(self.run, Run::Keyed(_))
    }

    /// Every call of the tables.
    pub(crate) fn all() -> impl Iterator<Item = &'static Call> {
        FAMILIES.into_iter().flatten()
    }

    pub(crate) fn of_http(method: &str, path: &str) -> Option<&'static Self> {
        let spot = path.strip_prefix("/api/v3/").filter(|rest| !rest.starts_with('/'));
        let path = spot.or_else(|| path.starts_with("/sapi/").then_some(path))?;
        Self::all().find(|call| call.http.contains(&(method, path)))
    }

    pub(crate) fn of_ws(method: &str) -> Option<&'static Self> {
        let method = method.strip_prefix("v3/").unwrap_or(method);
        Self::all().find(|call| call.ws.contains(&method))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_path_and_each_method_stand_in_one_table_only() {
        let mut paths = BTreeSet::new();
        let mut methods = BTreeSet::new();
        for call in Call::all() {
            assert!(call.http.iter().all(|path| paths.insert(path)), "{call:?}");
            assert!(call.ws.iter().all(|method| methods.insert(method)), "{call:?}");
        }
    }
}

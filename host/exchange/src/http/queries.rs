//! What an account asks about its orders and trades.

use ringfence_wire::rest;

use super::call::{Ask, Call, Right, Run};
use super::params::Params;
use crate::answer::Refusal;
use crate::exchange::Exchange;
use crate::order::Order;
use crate::payload;

pub(super) const CALLS: &[Call] = &[
    Call::new(&[("GET", "order")], &["order.status"], |_| 4, Run::Signed(Right::UserData, Exchange::query_order)),
    Call::new(
        &[("GET", "openOrders")],
        &["openOrders.status"],
        |params| if params.get("symbol").is_some() { 6 } else { 80 },
        Run::Signed(Right::UserData, Exchange::open_orders),
    ),
    Call::new(&[("GET", "allOrders")], &["allOrders"], |_| 20, Run::Signed(Right::UserData, Exchange::all_orders)),
    Call::new(
        &[("GET", "myTrades")],
        &["myTrades"],
        |params| if params.get("orderId").is_some() { 5 } else { 20 },
        Run::Signed(Right::UserData, Exchange::my_trades),
    ),
];

impl Exchange {
    /// The order that `orderId` or `origClientOrderId` name, open or done.
    pub(super) fn find_order(&self, account: usize, params: &Params) -> Result<Option<&Order>, Refusal> {
        let symbol = self.symbol(params)?;
        let by_client = params.get("origClientOrderId");
        let found = match (params.integer("orderId")?, by_client) {
            (None, None) => {
                return Err(Refusal::new(
                    -1102,
                    "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!",
                ));
            }
            (Some(id), _) => self.orders.get(&id),
            (None, Some(name)) => self.by_client.get(&(account, name.to_owned())).and_then(|id| self.orders.get(id)),
        };
        let found = found.filter(|order| order.account == account && order.symbol == symbol);
        match (found, by_client) {
            (Some(order), Some(name)) if order.client_order_id != name => {
                Err(Refusal::new(-2039, "Client order ID is not correct for this order ID."))
            }
            _ => Ok(found),
        }
    }

    pub(super) fn open_of(&self, account: usize, symbol: Option<usize>) -> Vec<u64> {
        self.open
            .iter()
            .filter_map(|id| self.orders.get(id))
            .filter(|order| order.account == account && symbol.is_none_or(|symbol| order.symbol == symbol))
            .map(|order| order.id)
            .collect()
    }

    pub(super) fn symbol_name(&self, symbol: usize) -> &str {
        self.config.symbols.get(symbol).map(|config| config.symbol.as_str()).unwrap_or_default()
    }

    fn query_order(&mut self, account: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        let params = ask.params;
        let order = self.find_order(account, params)?.ok_or_else(|| Refusal::new(-2013, "Order does not exist."))?;
        Ok(rest::write(&payload::order_info(order, self.symbol_name(order.symbol))))
    }

    fn open_orders(&mut self, account: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        let params = ask.params;
        let symbol = match params.get("symbol") {
            Some(_) => Some(self.symbol(params)?),
            None => None,
        };
        let rows: Vec<_> = self
            .open_of(account, symbol)
            .iter()
            .filter_map(|id| self.orders.get(id))
            .map(|order| payload::order_info(order, self.symbol_name(order.symbol)))
            .collect();
        Ok(rest::write(&rows))
    }

    fn all_orders(&mut self, account: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        let params = ask.params;
        let symbol = self.symbol(params)?;
        let (from, limit) = (params.integer("orderId")?, params.limit(500, 1_000)?);
        let (start, end) = (params.time("startTime")?, params.time("endTime")?);
        let mut found: Vec<_> = self
            .orders
            .values()
            .filter(|order| order.account == account && order.symbol == symbol)
            .filter(|order| from.is_none_or(|from| order.id >= from))
            .filter(|order| start.is_none_or(|start| order.created >= start))
            .filter(|order| end.is_none_or(|end| order.created <= end))
            .collect();
        found.sort_by_key(|order| order.id);
        let found = page(found, from.is_some() || start.is_some(), limit);
        let rows: Vec<_> =
            found.into_iter().map(|order| payload::order_info(order, self.symbol_name(symbol))).collect();
        Ok(rest::write(&rows))
    }

    fn my_trades(&mut self, account: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        let params = ask.params;
        let symbol = self.symbol(params)?;
        let (order, from) = (params.integer("orderId")?, params.integer("fromId")?);
        let (start, end) = (params.time("startTime")?, params.time("endTime")?);
        if (order.is_some() || from.is_some()) && (start.is_some() || end.is_some()) {
            return Err(Refusal::new(-1128, "Combination of optional parameters invalid."));
        }
        let limit = params.limit(500, 1_000)?;
        let found: Vec<_> = self
            .trades
            .iter()
            .filter(|trade| trade.account == account && trade.symbol == symbol)
            .filter(|trade| order.is_none_or(|order| trade.order == order))
            .filter(|trade| from.is_none_or(|from| trade.id >= from))
            .filter(|trade| start.is_none_or(|start| trade.time >= start))
            .filter(|trade| end.is_none_or(|end| trade.time <= end))
            .collect();
        let found = page(found, from.is_some() || start.is_some(), limit);
        let rows: Vec<_> = found.into_iter().map(|trade| payload::my_trade(trade, self.symbol_name(symbol))).collect();
        Ok(rest::write(&rows))
    }
}

/// With a lower bound the oldest rows, else the newest; oldest first.
fn page<T>(mut rows: Vec<T>, from_start: bool, limit: usize) -> Vec<T> {
    if from_start {
        rows.truncate(limit);
        rows
    } else {
        rows.split_off(rows.len().saturating_sub(limit))
    }
}

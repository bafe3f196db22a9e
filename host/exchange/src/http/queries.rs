//! What an account asks about its orders, lists and trades.

use ringfence_model::Timestamp;
use ringfence_wire::rest;

use super::call::{Ask, Call, Right, Run};
use super::params::Params;
use crate::answer::Refusal;
use crate::exchange::Exchange;
use crate::order::list::OrderList;
use crate::payload::orders;
use crate::units::TimeUnit;

const DAY_US: u64 = 86_400_000_000;

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
        &[("GET", "orderList")],
        &["orderList.status"],
        |_| 4,
        Run::Signed(Right::UserData, Exchange::query_list),
    ),
    Call::new(
        &[("GET", "openOrderList")],
        &["openOrderLists.status"],
        |_| 6,
        Run::Signed(Right::UserData, Exchange::open_lists),
    ),
    Call::new(
        &[("GET", "allOrderList")],
        &["allOrderLists"],
        |_| 20,
        Run::Signed(Right::UserData, Exchange::all_lists),
    ),
    Call::new(
        &[("GET", "myTrades")],
        &["myTrades"],
        |params| if params.get("orderId").is_some() { 5 } else { 20 },
        Run::Signed(Right::UserData, Exchange::my_trades),
    ),
    Call::new(
        &[("GET", "order/amendments")],
        &["order.amendments"],
        |_| 4,
        Run::Signed(Right::UserData, Exchange::order_amendments),
    ),
    Call::new(
        &[("GET", "myPreventedMatches")],
        &["myPreventedMatches"],
        |params| if params.get("orderId").is_some() { 20 } else { 2 },
        Run::Signed(Right::UserData, Exchange::my_prevented_matches),
    ),
    Call::new(
        &[("GET", "myAllocations")],
        &["myAllocations"],
        |_| 20,
        Run::Signed(Right::UserData, Exchange::my_allocations),
    ),
];

fn bad_combination() -> Refusal {
    Refusal::new(-1128, "Combination of optional parameters invalid.")
}

/// `startTime` and `endTime`, at most a day apart.
fn range(params: &Params) -> Result<(Option<Timestamp>, Option<Timestamp>), Refusal> {
    let (start, end) = (params.time("startTime")?, params.time("endTime")?);
    if let (Some(start), Some(end)) = (start, end)
        && end.0.saturating_sub(start.0) > DAY_US
    {
        return Err(Refusal::new(-1127, "More than 24 hours between startTime and endTime."));
    }
    Ok((start, end))
}

fn within(time: Timestamp, (start, end): (Option<Timestamp>, Option<Timestamp>)) -> bool {
    start.is_none_or(|start| time >= start) && end.is_none_or(|end| time <= end)
}

/// With a lower bound the oldest rows, else the newest; oldest first. The rows come oldest
/// first.
fn page<T>(rows: impl DoubleEndedIterator<Item = T>, from_start: bool, limit: usize) -> Vec<T> {
    if from_start {
        rows.take(limit).collect()
    } else {
        let mut rows: Vec<T> = rows.rev().take(limit).collect();
        rows.reverse();
        rows
    }
}

impl Exchange {
    fn query_order(&mut self, account: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        let order =
            self.find_order(account, ask.params)?.ok_or_else(|| Refusal::new(-2013, "Order does not exist."))?;
        Ok(rest::write(&orders::order_info(order, self.style(order.symbol, ask.unit))))
    }

    fn open_orders(&mut self, account: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        let symbol = match ask.params.get("symbol") {
            Some(_) => Some(self.symbol(ask.params)?),
            None => None,
        };
        let open = self.orders.open(account, symbol);
        let rows: Vec<_> = open
            .iter()
            .filter_map(|id| self.orders.get(*id))
            .map(|order| orders::listed_order(order, self.style(order.symbol, ask.unit)))
            .collect();
        Ok(rest::write(&rows))
    }

    fn all_orders(&mut self, account: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        let params = ask.params;
        let symbol = self.symbol(params)?;
        let (from, limit, range) = (params.integer("orderId")?, params.limit(500, 1_000)?, range(params)?);
        let Some(desk) = self.orders.desk(account, symbol) else {
            return Ok("[]".to_owned());
        };
        let found = desk
            .all
            .range(from.unwrap_or(0)..)
            .filter_map(|id| self.orders.get(*id))
            .filter(|order| within(order.created, range));
        let style = self.style(symbol, ask.unit);
        let rows: Vec<_> = page(found, from.is_some() || range.0.is_some(), limit)
            .into_iter()
            .map(|order| orders::listed_order(order, style))
            .collect();
        Ok(rest::write(&rows))
    }

    fn list_body<'a>(&'a self, list: &'a OrderList, unit: TimeUnit) -> orders::ListBody<'a, ()> {
        let of_list = list.orders.iter().filter_map(|id| self.orders.get(*id));
        orders::list(list, of_list, self.style(list.symbol, unit), None)
    }

    fn query_list(&mut self, account: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        let list = self
            .find_list(account, ask.params, "origClientOrderId")?
            .ok_or_else(|| Refusal::new(-2013, "Order list does not exist."))?;
        Ok(rest::write(&self.list_body(list, ask.unit)))
    }

    fn open_lists(&mut self, account: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        let rows: Vec<_> = self.orders.lists_of(account, true).map(|list| self.list_body(list, ask.unit)).collect();
        Ok(rest::write(&rows))
    }

    fn all_lists(&mut self, account: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        let params = ask.params;
        let (from, limit, range) = (params.integer("fromId")?, params.limit(500, 1_000)?, range(params)?);
        if from.is_some() && (range.0.is_some() || range.1.is_some()) {
            return Err(bad_combination());
        }
        let found = self
            .orders
            .lists_of(account, false)
            .filter(|list| from.is_none_or(|from| list.id >= from) && within(list.created, range));
        let rows: Vec<_> = page(found, from.is_some() || range.0.is_some(), limit)
            .into_iter()
            .map(|list| self.list_body(list, ask.unit))
            .collect();
        Ok(rest::write(&rows))
    }

    fn my_trades(&mut self, account: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        let params = ask.params;
        let symbol = self.symbol(params)?;
        let (order, from) = (params.integer("orderId")?, params.integer("fromId")?);
        let range = range(params)?;
        if (order.is_some() || from.is_some()) && (range.0.is_some() || range.1.is_some()) {
            return Err(bad_combination());
        }
        let limit = params.limit(500, 1_000)?;
        let Some(desk) = self.orders.desk(account, symbol) else {
            return Ok("[]".to_owned());
        };
        let found = desk
            .trades
            .iter()
            .filter(|trade| order.is_none_or(|order| trade.order == order))
            .filter(|trade| from.is_none_or(|from| trade.id >= from) && within(trade.time, range));
        let style = self.style(symbol, ask.unit);
        let rows: Vec<_> = page(found, from.is_some() || range.0.is_some(), limit)
            .into_iter()
            .map(|trade| orders::my_trade(trade, style, &self.accounts))
            .collect();
        Ok(rest::write(&rows))
    }

    fn order_amendments(&mut self, account: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        let params = ask.params;
        let symbol = self.symbol(params)?;
        let id = params.integer("orderId")?.ok_or_else(|| Refusal::missing("orderId"))?;
        let (from, limit) = (params.integer("fromExecutionId")?, params.limit(500, 1_000)?);
        let owned = self.orders.get(id).is_some_and(|order| order.account == account && order.symbol == symbol);
        let found = if owned { self.orders.amendments(id) } else { &[] };
        let style = self.style(symbol, ask.unit);
        let rows: Vec<_> = found
            .iter()
            .filter(|amendment| from.is_none_or(|from| amendment.execution >= from))
            .take(limit)
            .map(|amendment| orders::amendment(id, amendment, style))
            .collect();
        Ok(rest::write(&rows))
    }

    fn my_prevented_matches(&mut self, account: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        let params = ask.params;
        let symbol = self.symbol(params)?;
        let (id, order) = (params.integer("preventedMatchId")?, params.integer("orderId")?);
        let from = params.integer("fromPreventedMatchId")?;
        let limit = params.limit(500, 1_000)?;
        match (id, order, from) {
            (None, None, _) => {
                return Err(Refusal::new(
                    -1102,
                    "Param 'preventedMatchId' or 'orderId' must be sent, but both were empty/null!",
                ));
            }
            (Some(_), Some(_), _) | (Some(_), None, Some(_)) => return Err(bad_combination()),
            _ => {}
        }
        let style = self.style(symbol, ask.unit);
        let rows: Vec<_> = self
            .orders
            .prevented_matches(symbol)
            .filter(|row| row.taker_account == account || row.maker_account == account)
            .filter(|row| id.is_none_or(|id| row.id == id))
            .filter(|row| order.is_none_or(|order| row.taker_order == order || row.maker_order == order))
            .filter(|row| from.is_none_or(|from| row.id >= from))
            .take(limit)
            .map(|row| orders::prevented_match(row, style))
            .collect();
        Ok(rest::write(&rows))
    }

    /// No symbol has smart order routing, so there are none.
    fn my_allocations(&mut self, _account: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        self.symbol(ask.params)?;
        range(ask.params)?;
        ask.params.limit(500, 1_000)?;
        Ok("[]".to_owned())
    }
}

//! Orders and account.

use ringfence_model::{Decimal, TimeInForce, Timestamp};
use ringfence_wire::enums;
use ringfence_wire::rest;

use super::params::Params;
use crate::answer::Refusal;
use crate::exchange::Exchange;
use crate::order::{Order, OrderType, OwnTrade, SelfTrade, Status};
use crate::payload::{self, ResponseType};
use crate::trading::{Placement, Size};

const STOPS: [(&str, &str); 4] = [
    ("STOP_LOSS", "Stop loss orders are not supported for this symbol."),
    ("STOP_LOSS_LIMIT", "Stop loss limit orders are not supported for this symbol."),
    ("TAKE_PROFIT", "Take profit orders are not supported for this symbol."),
    ("TAKE_PROFIT_LIMIT", "Take profit limit orders are not supported for this symbol."),
];

impl Exchange {
    /// Reads a new order; what is wrong with its form is refused here.
    fn read_order(&self, account: usize, params: &Params) -> Result<(Placement, ResponseType), Refusal> {
        let symbol = self.symbol(params)?;
        let side = enums::side(params.need("side")?).ok_or_else(|| Refusal::new(-1117, "Invalid side."))?;
        let word = params.need("type")?;
        if let Some((_, msg)) = STOPS.iter().find(|(stop, _)| *stop == word) {
            return Err(Refusal::rejected(msg));
        }
        let order_type = [OrderType::Limit, OrderType::LimitMaker, OrderType::Market]
            .into_iter()
            .find(|kind| kind.word() == word)
            .ok_or_else(|| Refusal::new(-1116, "Invalid orderType."))?;
        if params.decimal("icebergQty")?.is_some_and(|quantity| !quantity.is_zero()) {
            return Err(Refusal::rejected("Iceberg orders are not supported for this symbol."));
        }
        if params.get("trailingDelta").is_some() {
            return Err(Refusal::rejected("Trailing stop orders are not supported for this symbol."));
        }
        if params.get("pegPriceType").is_some() {
            return Err(Refusal::rejected("Pegged orders are not supported for this symbol."));
        }
        if params.get("stopPrice").is_some() {
            return Err(Refusal::not_required("stopPrice"));
        }
        let time_in_force = match (order_type, params.get("timeInForce")) {
            (OrderType::Limit, None) => return Err(Refusal::missing("timeInForce")),
            (OrderType::Limit, Some(word)) => {
                enums::time_in_force(word).ok_or_else(|| Refusal::new(-1115, "Invalid timeInForce."))?
            }
            (_, Some(_)) => return Err(Refusal::not_required("timeInForce")),
            (_, None) => TimeInForce::Gtc,
        };
        let quote = params.decimal("quoteOrderQty")?;
        let (price, amount) = if order_type == OrderType::Market {
            if params.get("price").is_some() {
                return Err(Refusal::not_required("price"));
            }
            let amount = match (params.decimal("quantity")?, quote) {
                (Some(quantity), None) => Size::Base(quantity),
                (None, Some(notional)) => Size::Quote(notional),
                (None, None) => return Err(Refusal::missing("quantity")),
                (Some(_), Some(_)) => return Err(Refusal::not_required("quoteOrderQty")),
            };
            (Decimal::ZERO, amount)
        } else {
            if quote.is_some() {
                return Err(Refusal::not_required("quoteOrderQty"));
            }
            (params.need_decimal("price")?, Size::Base(params.need_decimal("quantity")?))
        };
        let self_trade = match params.get("selfTradePreventionMode") {
            None => SelfTrade::ALLOWED[0],
            Some(word) => SelfTrade::read(word).ok_or_else(|| {
                Refusal::new(-1013, "This symbol does not allow the specified self-trade prevention mode.")
            })?,
        };
        let response = match (params.get("newOrderRespType"), order_type) {
            (Some("ACK"), _) | (None, OrderType::LimitMaker) => ResponseType::Ack,
            (Some("RESULT"), _) => ResponseType::Result,
            (Some("FULL"), _) | (None, _) => ResponseType::Full,
            (Some(_), _) => {
                return Err(Refusal::new(-1130, "Data sent for parameter 'newOrderRespType' is not valid."));
            }
        };
        let client_order_id = params.client_id("newClientOrderId")?.map(str::to_owned);
        let placement =
            Placement { account, symbol, side, order_type, time_in_force, price, amount, client_order_id, self_trade };
        Ok((placement, response))
    }

    fn symbol_name(&self, symbol: usize) -> &str {
        self.config.symbols.get(symbol).map(|config| config.symbol.as_str()).unwrap_or_default()
    }

    pub(super) fn place_order(&mut self, now: Timestamp, account: usize, params: &Params) -> Result<String, Refusal> {
        let (placement, response) = self.read_order(account, params)?;
        self.limits.may_order(now, account).map_err(Refusal::too_many_orders)?;
        let id = self.place(now, placement)?;
        let order = self
            .orders
            .get(&id)
            .ok_or_else(|| Refusal::new(-1000, "An unknown error occurred while processing the request."))?;
        // The newest trades are at the end; this order's came just now.
        let mut trades: Vec<&OwnTrade> =
            self.trades.iter().rev().take_while(|trade| trade.time == now).filter(|trade| trade.order == id).collect();
        trades.reverse();
        Ok(payload::placed(order, self.symbol_name(order.symbol), &trades, response))
    }

    pub(super) fn test_order(&mut self, account: usize, params: &Params) -> Result<String, Refusal> {
        let (placement, _) = self.read_order(account, params)?;
        self.check_filters(&placement)?;
        Ok("{}".to_owned())
    }

    /// The order that `orderId` or `origClientOrderId` name, open or done.
    fn find_order(&self, account: usize, params: &Params) -> Result<Option<&Order>, Refusal> {
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

    pub(super) fn cancel_order(&mut self, now: Timestamp, account: usize, params: &Params) -> Result<String, Refusal> {
        let unknown = || Refusal::new(-2011, "Unknown order sent.");
        let cancel_id = params.client_id("newClientOrderId")?.map(str::to_owned);
        let order = self.find_order(account, params)?.filter(|order| order.status.is_open()).ok_or_else(unknown)?;
        let restricted = match params.get("cancelRestrictions") {
            None => false,
            Some("ONLY_NEW") => order.status != Status::New,
            Some("ONLY_PARTIALLY_FILLED") => order.status != Status::PartiallyFilled,
            Some(_) => return Err(Refusal::new(-1145, "Invalid cancelRestrictions")),
        };
        if restricted {
            return Err(Refusal::new(-2011, "Order was not canceled due to cancel restrictions."));
        }
        let id = order.id;
        let cancel_id = self.cancel(id, cancel_id.as_deref(), now).ok_or_else(unknown)?;
        let order = self.orders.get(&id).ok_or_else(unknown)?;
        Ok(rest::write(&payload::canceled(order, self.symbol_name(order.symbol), &cancel_id)))
    }

    fn open_of(&self, account: usize, symbol: Option<usize>) -> Vec<u64> {
        self.open
            .iter()
            .filter_map(|id| self.orders.get(id))
            .filter(|order| order.account == account && symbol.is_none_or(|symbol| order.symbol == symbol))
            .map(|order| order.id)
            .collect()
    }

    pub(super) fn cancel_all(&mut self, now: Timestamp, account: usize, params: &Params) -> Result<String, Refusal> {
        let symbol = self.symbol(params)?;
        let open = self.open_of(account, Some(symbol));
        if open.is_empty() {
            return Err(Refusal::new(-2011, "Unknown order sent."));
        }
        // One action has one name.
        let cancel_id = self.random_id();
        let mut rows = Vec::new();
        for id in open {
            if self.cancel(id, Some(&cancel_id), now).is_some()
                && let Some(order) = self.orders.get(&id)
            {
                rows.push(payload::canceled(order, self.symbol_name(symbol), &cancel_id));
            }
        }
        Ok(rest::write(&rows))
    }

    pub(super) fn amend_order(&mut self, now: Timestamp, account: usize, params: &Params) -> Result<String, Refusal> {
        let unknown = || Refusal::new(-2013, "Order does not exist.");
        let quantity = params.need_decimal("newQty")?;
        let new_id = params.client_id("newClientOrderId")?.map(str::to_owned);
        let id = self
            .find_order(account, params)?
            .filter(|order| order.status.is_open())
            .map(|order| order.id)
            .ok_or_else(unknown)?;
        let (old_id, execution) = self.amend(id, quantity, new_id.as_deref(), now)?;
        let order = self.orders.get(&id).ok_or_else(unknown)?;
        Ok(payload::amended(order, self.symbol_name(order.symbol), &old_id, execution))
    }

    pub(super) fn query_order(&self, account: usize, params: &Params) -> Result<String, Refusal> {
        let order = self.find_order(account, params)?.ok_or_else(|| Refusal::new(-2013, "Order does not exist."))?;
        Ok(rest::write(&payload::order_info(order, self.symbol_name(order.symbol))))
    }

    pub(super) fn open_orders(&self, account: usize, params: &Params) -> Result<String, Refusal> {
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

    pub(super) fn all_orders(&self, account: usize, params: &Params) -> Result<String, Refusal> {
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

    pub(super) fn my_trades(&self, account: usize, params: &Params) -> Result<String, Refusal> {
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

    pub(super) fn account(&self, account: usize, params: &Params) -> Result<String, Refusal> {
        let omit = params.flag("omitZeroBalances")?;
        let found = self
            .accounts
            .get(account)
            .ok_or_else(|| Refusal::new(-2015, "Invalid API-key, IP, or permissions for action."))?;
        Ok(payload::account(found, self.config.commission, omit))
    }

    pub(super) fn order_count(&mut self, now: Timestamp, account: usize) -> String {
        let counts = self.limits.order_counts(now, account);
        let rows: Vec<_> = payload::rate_limits(self.limits.config(), None, Some(counts))
            .into_iter()
            .filter(|row| row.rate_limit_type == "ORDERS")
            .collect();
        rest::write(&rows)
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

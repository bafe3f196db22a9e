//! Orders: placing, testing, cancelling, amending.

use ringfence_model::{Decimal, TimeInForce};
use ringfence_wire::enums;
use ringfence_wire::rest;

use super::call::{Ask, Call, Right, Run};
use super::params::Params;
use crate::answer::Refusal;
use crate::exchange::Exchange;
use crate::order::{OrderType, OwnTrade, SelfTrade, Status};
use crate::payload::{self, ResponseType};
use crate::trading::{Placement, Size};

const NO_REPLACE: &str = "Order cancel-replace is not supported for this symbol.";

pub(super) const CALLS: &[Call] = &[
    Call::new(&[("POST", "order")], &["order.place"], |_| 1, Run::Signed(Right::Trade, Exchange::place_order))
        .refunded()
        .counts_orders(),
    Call::new(&[("POST", "order/test")], &["order.test"], test_weight, Run::Signed(Right::Trade, Exchange::test_order)),
    Call::new(&[("DELETE", "order")], &["order.cancel"], |_| 1, Run::Signed(Right::Trade, Exchange::cancel_order))
        .refunded(),
    Call::new(
        &[("DELETE", "openOrders")],
        &["openOrders.cancelAll"],
        |_| 1,
        Run::Signed(Right::Trade, Exchange::cancel_all),
    )
    .refunded(),
    Call::new(
        &[("POST", "order/cancelReplace")],
        &["order.cancelReplace"],
        |_| 1,
        Run::Signed(Right::Trade, |_, _, _| Err(Refusal::rejected(NO_REPLACE))),
    ),
    Call::new(
        &[("PUT", "order/amend/keepPriority")],
        &["order.amend.keepPriority"],
        |_| 4,
        Run::Signed(Right::Trade, Exchange::amend_order),
    ),
];

fn test_weight(params: &Params) -> u64 {
    if params.get("computeCommissionRates") == Some("true") { 20 } else { 1 }
}

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

    fn place_order(&mut self, account: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        let (now, params) = (ask.now, ask.params);
        let (placement, response) = self.read_order(account, params)?;
        self.takes_orders(account, placement.symbol)?;
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

    fn test_order(&mut self, account: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        let params = ask.params;
        let (placement, _) = self.read_order(account, params)?;
        self.takes_orders(account, placement.symbol)?;
        self.check_filters(&placement)?;
        Ok("{}".to_owned())
    }

    fn cancel_order(&mut self, account: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        let (now, params) = (ask.now, ask.params);
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

    fn cancel_all(&mut self, account: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        let (now, params) = (ask.now, ask.params);
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

    fn amend_order(&mut self, account: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        let (now, params) = (ask.now, ask.params);
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
}

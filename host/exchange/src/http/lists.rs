//! Order lists: reading them, placing them, cancelling them.

use ringfence_model::Side;
use ringfence_wire::rest;

use super::call::{Ask, Call, Right, Run};
use super::order_params::{Common, OrderParams, order_type, side};
use super::params::Params;
use crate::answer::Refusal;
use crate::exchange::Exchange;
use crate::order::list::OrderList;
use crate::order::{Order, OrderType};
use crate::payload::orders::{self, ResponseType};
use crate::trading::lists::ListPlacement;
use crate::trading::{Placement, Size};

pub(super) const CALLS: &[Call] = &[
    Call::new(&[("POST", "order/oco")], &["orderList.place"], |_| 1, Run::Signed(Right::Trade, Exchange::old_oco))
        .refunded()
        .counts_orders(),
    Call::new(&[("POST", "orderList/oco")], &["orderList.place.oco"], |_| 1, Run::Signed(Right::Trade, Exchange::oco))
        .refunded()
        .counts_orders(),
    Call::new(
        &[("POST", "orderList/oto")],
        &["orderList.place.oto"],
        |_| 1,
        Run::Signed(Right::Trade, |exchange, account, ask| exchange.oto(account, ask, false)),
    )
    .refunded()
    .counts_orders(),
    Call::new(
        &[("POST", "orderList/otoco")],
        &["orderList.place.otoco"],
        |_| 1,
        Run::Signed(Right::Trade, |exchange, account, ask| exchange.otoco(account, ask, false)),
    )
    .refunded()
    .counts_orders(),
    Call::new(
        &[("POST", "orderList/opo")],
        &["orderList.place.opo"],
        |_| 1,
        Run::Signed(Right::Trade, |exchange, account, ask| exchange.oto(account, ask, true)),
    )
    .refunded()
    .counts_orders(),
    Call::new(
        &[("POST", "orderList/opoco")],
        &["orderList.place.opoco"],
        |_| 1,
        Run::Signed(Right::Trade, |exchange, account, ask| exchange.otoco(account, ask, true)),
    )
    .refunded()
    .counts_orders(),
    Call::new(
        &[("DELETE", "orderList")],
        &["orderList.cancel"],
        |_| 1,
        Run::Signed(Right::Trade, Exchange::cancel_order_list),
    )
    .refunded(),
];

/// A pair's legs: which types they may have and which of them stands above.
fn check_types(side: Side, above: OrderType, below: OrderType) -> Result<(), Refusal> {
    let unsupported = |kind| matches!(kind, OrderType::Limit | OrderType::Market);
    if unsupported(above) || unsupported(below) {
        return Err(Refusal::new(-1158, "Order type not supported in OCO."));
    }
    if above == OrderType::LimitMaker && below == OrderType::LimitMaker {
        return Err(Refusal::new(-1168, "At least one OCO order must be contingent."));
    }
    // What must stand above when selling must stand below when buying, and the other way.
    let (winning, losing) = if side == Side::Sell { (above, below) } else { (below, above) };
    if winning.is_stop_loss() {
        return Err(match side {
            Side::Buy => Refusal::new(-1196, "A stop loss order in a buy OCO must be above."),
            Side::Sell => Refusal::new(-1197, "A stop loss order in a sell OCO must be below."),
        });
    }
    if losing.is_take_profit() {
        return Err(match side {
            Side::Buy => Refusal::new(-1198, "A take profit order in a buy OCO must be below."),
            Side::Sell => Refusal::new(-1199, "A take profit order in a sell OCO must be above."),
        });
    }
    if losing == OrderType::LimitMaker {
        return Err(match side {
            Side::Buy => Refusal::new(-1165, "A limit order in a buy OCO must be below."),
            Side::Sell => Refusal::new(-1166, "A limit order in a sell OCO must be above."),
        });
    }
    Ok(())
}

/// Prefixes of a pair's parameters.
struct PairNames {
    above: &'static str,
    below: &'static str,
}

/// A pair, stop loss first.
fn read_pair(
    common: Common,
    params: &Params,
    side: Side,
    size: Size,
    names: &PairNames,
) -> Result<Vec<Placement>, Refusal> {
    let (above, below) = (OrderParams::new(params, names.above), OrderParams::new(params, names.below));
    let above_type = order_type(params, &above.name("type"))?;
    let below_type = order_type(params, &below.name("type"))?;
    check_types(side, above_type, below_type)?;
    let above = above.read(common, side, above_type, Some(size))?;
    let below = below.read(common, side, below_type, Some(size))?;
    Ok(if above.order_type.is_stop_loss() { vec![above, below] } else { vec![below, above] })
}

/// The working order of an OTO.
fn read_working(common: Common, params: &Params, pays_other: bool) -> Result<Placement, Refusal> {
    let kind = order_type(params, "workingType")?;
    if !matches!(kind, OrderType::Limit | OrderType::LimitMaker) {
        return Err(Refusal::new(-1116, "Invalid orderType."));
    }
    let side = side(params, "workingSide")?;
    if pays_other && side != Side::Buy {
        return Err(Refusal::new(-1222, "Working order in an OPO list must be a bid."));
    }
    OrderParams::new(params, "working").read(common, side, kind, None)
}

/// Side and size of the pending orders.
fn read_pending(params: &Params, pays_other: bool) -> Result<(Side, Size), Refusal> {
    let side = side(params, "pendingSide")?;
    if !pays_other {
        let quantity = params.amount("pendingQuantity")?.ok_or_else(|| Refusal::missing("pendingQuantity"))?;
        return Ok((side, Size::Base(quantity)));
    }
    if side != Side::Sell {
        return Err(Refusal::new(-1223, "Pending orders in an OPO list must be asks."));
    }
    if params.get("pendingQuantity").is_some() {
        return Err(Refusal::new(-1225, "Pending orders should not include the 'pendingQuantity' tag."));
    }
    Ok((side, Size::Received))
}

/// The parameters of the deprecated OCO under the names of legs.
fn renamed(params: &Params) -> Result<Params, Refusal> {
    const NAMES: [(&str, &str); 14] = [
        ("price", "limitPrice"),
        ("limitClientOrderId", "limitClientOrderId"),
        ("limitIcebergQty", "limitIcebergQty"),
        ("limitStrategyId", "limitStrategyId"),
        ("limitStrategyType", "limitStrategyType"),
        ("stopPrice", "stopStopPrice"),
        ("stopLimitPrice", "stopPrice"),
        ("stopLimitTimeInForce", "stopTimeInForce"),
        ("stopClientOrderId", "stopClientOrderId"),
        ("stopIcebergQty", "stopIcebergQty"),
        ("stopStrategyId", "stopStrategyId"),
        ("stopStrategyType", "stopStrategyType"),
        ("trailingDelta", "stopTrailingDelta"),
        ("quantity", "quantity"),
    ];
    Params::of_pairs(
        NAMES.iter().filter_map(|(old, new)| Some(((*new).to_owned(), params.get(old)?.to_owned()))).collect(),
    )
}

impl Exchange {
    fn common(&self, account: usize, params: &Params) -> Result<Common, Refusal> {
        Ok(Common { account, symbol: self.symbol(params)?, self_trade: params.self_trade()? })
    }

    fn place_read(&mut self, account: usize, ask: &Ask<'_>, list: &ListPlacement) -> Result<String, Refusal> {
        let response = ask.params.response_type(ResponseType::Result)?;
        let count = u64::try_from(list.len()).unwrap_or(u64::MAX);
        self.limits.may_order(ask.now, account, count).map_err(Refusal::too_many_orders)?;
        self.place_list(ask.now, list, |exchange, id| {
            let list = exchange.orders.list(id)?;
            let style = exchange.style(list.symbol, ask.unit);
            let of_list: Vec<&Order> = list.orders.iter().filter_map(|id| exchange.orders.get(*id)).collect();
            let reports = list.orders.iter().filter_map(|id| exchange.shown(*id, response, ask.unit)).collect();
            Some(rest::write(&orders::list(list, of_list.into_iter(), style, Some(reports))))
        })?
        .ok_or_else(|| Refusal::new(-1000, "An unknown error occurred while processing the request."))
    }

    fn list_name(params: &Params) -> Result<Option<String>, Refusal> {
        Ok(params.client_id("listClientOrderId")?.map(str::to_owned))
    }

    /// The deprecated form: a limit leg and a stop leg.
    fn old_oco(&mut self, account: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        let params = ask.params;
        let common = self.common(account, params)?;
        let side = side(params, "side")?;
        let quantity = params.amount("quantity")?.ok_or_else(|| Refusal::missing("quantity"))?;
        for name in ["price", "stopPrice"] {
            params.need(name)?;
        }
        let stop_type = if params.get("stopLimitPrice").is_some() {
            params.need("stopLimitTimeInForce")?;
            OrderType::StopLossLimit
        } else {
            OrderType::StopLoss
        };
        let legs = renamed(params)?;
        let size = Some(Size::Base(quantity));
        let list = ListPlacement {
            client_order_id: Self::list_name(params)?,
            working: None,
            legs: vec![
                OrderParams::new(&legs, "stop").read(common, side, stop_type, size)?,
                OrderParams::new(&legs, "limit").read(common, side, OrderType::LimitMaker, size)?,
            ],
        };
        self.place_read(account, ask, &list)
    }

    fn oco(&mut self, account: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        let params = ask.params;
        let common = self.common(account, params)?;
        let side = side(params, "side")?;
        let quantity = params.amount("quantity")?.ok_or_else(|| Refusal::missing("quantity"))?;
        let names = PairNames { above: "above", below: "below" };
        let list = ListPlacement {
            client_order_id: Self::list_name(params)?,
            working: None,
            legs: read_pair(common, params, side, Size::Base(quantity), &names)?,
        };
        self.place_read(account, ask, &list)
    }

    /// OTO, and with `pays_other` OPO.
    fn oto(&mut self, account: usize, ask: &Ask<'_>, pays_other: bool) -> Result<String, Refusal> {
        let params = ask.params;
        let common = self.common(account, params)?;
        let working = read_working(common, params, pays_other)?;
        let kind = order_type(params, "pendingType")?;
        let (side, size) = read_pending(params, pays_other)?;
        let pending = OrderParams::new(params, "pending").read(common, side, kind, Some(size))?;
        let list =
            ListPlacement { client_order_id: Self::list_name(params)?, working: Some(working), legs: vec![pending] };
        self.place_read(account, ask, &list)
    }

    /// OTOCO, and with `pays_other` OPOCO.
    fn otoco(&mut self, account: usize, ask: &Ask<'_>, pays_other: bool) -> Result<String, Refusal> {
        let params = ask.params;
        let common = self.common(account, params)?;
        let working = read_working(common, params, pays_other)?;
        let (side, size) = read_pending(params, pays_other)?;
        let names = PairNames { above: "pendingAbove", below: "pendingBelow" };
        let list = ListPlacement {
            client_order_id: Self::list_name(params)?,
            working: Some(working),
            legs: read_pair(common, params, side, size, &names)?,
        };
        self.place_read(account, ask, &list)
    }

    /// The list that two parameters name, open or done.
    pub(super) fn find_list(
        &self,
        account: usize,
        params: &Params,
        name_name: &str,
    ) -> Result<Option<&OrderList>, Refusal> {
        let by_name = params.get(name_name);
        let found = match (params.integer("orderListId")?, by_name) {
            (None, None) => {
                let msg = format!("Param '{name_name}' or 'orderListId' must be sent, but both were empty/null!");
                return Err(Refusal::new(-1102, msg));
            }
            (Some(id), _) => self.orders.list(id),
            (None, Some(name)) => self.orders.list_by_name(account, name),
        };
        let named = |list: &&OrderList| by_name.is_none_or(|name| *list.client_order_id == *name);
        Ok(found.filter(|list| list.account == account).filter(named))
    }

    fn cancel_order_list(&mut self, account: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        let params = ask.params;
        let unknown = || Refusal::new(-2011, "Unknown order sent.");
        let symbol = self.symbol(params)?;
        let cancel_id = params.client_id("newClientOrderId")?.map(str::to_owned);
        let id = self
            .find_list(account, params, "listClientOrderId")?
            .filter(|list| !list.done && list.symbol == symbol)
            .map(|list| list.id)
            .ok_or_else(unknown)?;
        let cancel_id = match cancel_id {
            Some(name) => name,
            None => self.random_id(),
        };
        self.cancel_list(id, &cancel_id, ask.now);
        let body = self.cancelled_list(id, &cancel_id, ask.unit).ok_or_else(unknown)?;
        self.settle(symbol, ask.now);
        Ok(body)
    }
}

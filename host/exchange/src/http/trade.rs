//! Orders: placing, testing, cancelling, replacing, amending.

use ringfence_wire::rest;
use serde::Serialize;

use super::call::{Ask, Call, Right, Run};
use super::order_params::{Common, OrderParams, order_type, side};
use super::params::Params;
use crate::answer::Refusal;
use crate::exchange::Exchange;
use crate::fixed::Fixed;
use crate::limits::Exceeded;
use crate::order::{Order, OrderType, Status};
use crate::payload::orders::{self, Placed, ResponseType, Style};
use crate::trading::fills::rate;
use crate::trading::{Placement, Reject};
use crate::units::TimeUnit;

pub(super) const CALLS: &[Call] = &[
    Call::new(&[("POST", "order")], &["order.place"], |_| 1, Run::Signed(Right::Trade, Exchange::place_order))
        .refunded()
        .counts_orders(),
    Call::new(&[("POST", "order/test")], &["order.test"], test_weight, Run::Signed(Right::Trade, Exchange::test_order)),
    Call::new(&[("POST", "sor/order")], &["sor.order.place"], |_| 1, Run::Signed(Right::Trade, Exchange::no_sor))
        .refunded(),
    Call::new(
        &[("POST", "sor/order/test")],
        &["sor.order.test"],
        test_weight,
        Run::Signed(Right::Trade, Exchange::no_sor),
    ),
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
        Run::Signed(Right::Trade, Exchange::cancel_replace),
    )
    .refunded()
    .counts_orders(),
    Call::new(
        &[("PUT", "order/amend/keepPriority")],
        &["order.amend.keepPriority"],
        |_| 4,
        Run::Signed(Right::Trade, Exchange::amend_order),
    )
    // The venue's changelog of 2026-04-02: only an amendment that ends its order is free.
    .refunded_if(|exchange| exchange.amended_away),
];

fn test_weight(params: &Params) -> u64 {
    if params.get("computeCommissionRates") == Some("true") { 20 } else { 1 }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RatesForOrder {
    standard_commission_for_order: MakerTaker,
    special_commission_for_order: MakerTaker,
    tax_commission_for_order: MakerTaker,
    discount: DiscountRow,
}

#[derive(Serialize)]
struct MakerTaker {
    maker: Fixed,
    taker: Fixed,
}

/// What is told of the discount asset.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DiscountRow {
    enabled_for_account: bool,
    enabled_for_symbol: bool,
    discount_asset: String,
    discount: Fixed,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Replaced<C, N> {
    cancel_result: &'static str,
    new_order_result: &'static str,
    cancel_response: C,
    new_order_response: N,
}

/// One half of a cancel-replace.
enum Half {
    Success(String),
    Failure(Refusal),
    NotAttempted,
}

impl Half {
    const fn word(&self) -> &'static str {
        match self {
            Half::Success(_) => "SUCCESS",
            Half::Failure(_) => "FAILURE",
            Half::NotAttempted => "NOT_ATTEMPTED",
        }
    }

    fn body(&self) -> Result<Box<serde_json::value::RawValue>, Refusal> {
        let text = match self {
            Half::Success(body) => body.clone(),
            Half::Failure(refusal) => refusal.body(),
            Half::NotAttempted => "null".to_owned(),
        };
        serde_json::value::RawValue::from_string(text).map_err(|_| lost())
    }
}

fn lost() -> Refusal {
    Refusal::new(-1000, "An unknown error occurred while processing the request.")
}

/// The names of a cancel's parameters.
struct CancelNames {
    id: &'static str,
    name: &'static str,
    cancel_name: &'static str,
}

const CANCEL: CancelNames = CancelNames { id: "orderId", name: "origClientOrderId", cancel_name: "newClientOrderId" };
const REPLACE: CancelNames =
    CancelNames { id: "cancelOrderId", name: "cancelOrigClientOrderId", cancel_name: "cancelNewClientOrderId" };

impl Exchange {
    pub(super) fn style(&self, symbol: usize, unit: TimeUnit) -> Style<'_> {
        Style { symbol: self.symbol_name(symbol), unit }
    }

    /// Reads a new order; what is wrong with its form is refused here.
    fn read_order(&self, account: usize, params: &Params) -> Result<(Placement, ResponseType), Refusal> {
        let symbol = self.symbol(params)?;
        let (side, order_type) = (side(params, "side")?, order_type(params, "type")?);
        let common = Common { account, symbol, self_trade: params.self_trade()? };
        let placement = OrderParams::new(params, "").read(common, side, order_type, None)?;
        let usual = match order_type {
            OrderType::Limit | OrderType::Market => ResponseType::Full,
            _ => ResponseType::Ack,
        };
        Ok((placement, params.response_type(usual)?))
    }

    /// An order as the answer to placing it shows it. Its trades and prevented matches are
    /// the newest ones.
    pub(super) fn shown(&self, id: u64, response: ResponseType, unit: TimeUnit) -> Option<Placed<'_>> {
        let order = self.orders.get(id)?;
        let desk = self.orders.desk(order.account, order.symbol)?;
        let newest = desk.trades.iter().rev().take_while(|trade| trade.id >= self.first_trade);
        let mut trades: Vec<_> = newest.filter(|trade| trade.order == id).collect();
        trades.reverse();
        let newest = self.orders.prevented_matches(order.symbol).rev().take_while(|row| row.id >= self.first_prevented);
        let mut rows: Vec<_> = newest.filter(|row| row.taker_order == id).collect();
        rows.reverse();
        let style = self.style(order.symbol, unit);
        Some(orders::placed(order, style, response, trades.into_iter(), rows.into_iter(), &self.accounts))
    }

    fn shown_text(&self, id: u64, response: ResponseType, unit: TimeUnit) -> String {
        self.shown(id, response, unit).map(|placed| rest::write(&placed)).unwrap_or_default()
    }

    fn place_order(&mut self, account: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        let (placement, response) = self.read_order(account, ask.params)?;
        self.limits.may_order(ask.now, account, 1).map_err(Refusal::too_many_orders)?;
        self.place(ask.now, &placement, |exchange, id| exchange.shown_text(id, response, ask.unit))
            .map_err(Reject::refusal)
    }

    fn test_order(&mut self, account: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        let (placement, _) = self.read_order(account, ask.params)?;
        let rates = ask.params.flag("computeCommissionRates")?;
        self.check(ask.now, &placement).map_err(Reject::refusal)?;
        if !rates {
            return Ok("{}".to_owned());
        }
        let commission = self.commission(placement.symbol);
        let row =
            |rates| MakerTaker { maker: rate(rates, placement.side, true), taker: rate(rates, placement.side, false) };
        Ok(rest::write(&RatesForOrder {
            standard_commission_for_order: row(&commission.standard),
            special_commission_for_order: row(&commission.special),
            tax_commission_for_order: row(&commission.tax),
            discount: self.discount_row(account),
        }))
    }

    /// The discount asset as an account sees it.
    pub(super) fn discount_row(&self, account: usize) -> DiscountRow {
        let discount = self.config.discount.as_ref();
        DiscountRow {
            enabled_for_account: self.accounts.get(account).is_some_and(|found| found.pays_with_discount),
            enabled_for_symbol: discount.is_some(),
            discount_asset: discount.map_or_else(|| "BNB".to_owned(), |discount| discount.asset.clone()),
            discount: discount.map_or(Fixed::ZERO, |discount| Fixed::floor(discount.rate)),
        }
    }

    fn no_sor(&mut self, account: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        self.read_order(account, ask.params)?;
        Err(Refusal::new(-1013, "This symbol has no SOR."))
    }

    /// The order that two parameters name, open or done.
    fn find_by(
        &self,
        account: usize,
        params: &Params,
        id_name: &str,
        name_name: &str,
    ) -> Result<Option<&Order>, Refusal> {
        let symbol = self.symbol(params)?;
        let by_name = params.get(name_name);
        let found = match (params.integer(id_name)?, by_name) {
            (None, None) => {
                let msg = format!("Param '{name_name}' or '{id_name}' must be sent, but both were empty/null!");
                return Err(Refusal::new(-1102, msg));
            }
            (Some(id), _) => self.orders.get(id),
            (None, Some(name)) => self.orders.by_name(account, name),
        };
        let found = found.filter(|order| order.account == account && order.symbol == symbol);
        match (found, by_name) {
            (Some(order), Some(name)) if &*order.client_order_id != name => {
                Err(Refusal::new(-2039, "Client order ID is not correct for this order ID."))
            }
            _ => Ok(found),
        }
    }

    /// The order that `orderId` or `origClientOrderId` name, open or done.
    pub(super) fn find_order(&self, account: usize, params: &Params) -> Result<Option<&Order>, Refusal> {
        self.find_by(account, params, CANCEL.id, CANCEL.name)
    }

    /// Cancels what the parameters name, and its list; the caller ends the action.
    fn cancel_named(&mut self, account: usize, ask: &Ask<'_>, names: &CancelNames) -> Result<String, Refusal> {
        let params = ask.params;
        let unknown = || Refusal::new(-2011, "Unknown order sent.");
        let cancel_id = params.client_id(names.cancel_name)?.map(str::to_owned);
        let order = self
            .find_by(account, params, names.id, names.name)?
            .filter(|order| order.status.is_open())
            .ok_or_else(unknown)?;
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
        let cancel_id = match cancel_id {
            Some(name) => name,
            None => self.random_id(),
        };
        match self.cancel(id, &cancel_id, ask.now) {
            Some(list) => self.cancelled_list(list, &cancel_id, ask.unit).ok_or_else(unknown),
            None => self.cancelled_order(id, &cancel_id, ask.unit).ok_or_else(unknown),
        }
    }

    fn cancelled_order(&self, id: u64, cancel_id: &str, unit: TimeUnit) -> Option<String> {
        let order = self.orders.get(id)?;
        Some(rest::write(&orders::canceled(order, self.style(order.symbol, unit), cancel_id)))
    }

    /// A cancelled list with reports of its orders.
    pub(super) fn cancelled_list(&self, id: u64, cancel_id: &str, unit: TimeUnit) -> Option<String> {
        let list = self.orders.list(id)?;
        let style = self.style(list.symbol, unit);
        let of_list: Vec<&Order> = list.orders.iter().filter_map(|id| self.orders.get(*id)).collect();
        let reports = of_list
            .iter()
            .filter(|order| order.status == Status::Canceled)
            .map(|order| orders::canceled(order, style, cancel_id))
            .collect();
        Some(rest::write(&orders::list(list, of_list.into_iter(), style, Some(reports))))
    }

    fn cancel_order(&mut self, account: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        let symbol = self.symbol(ask.params)?;
        let body = self.cancel_named(account, ask, &CANCEL)?;
        self.settle(symbol, ask.now);
        Ok(body)
    }

    fn cancel_all(&mut self, account: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        let symbol = self.symbol(ask.params)?;
        let open = self.orders.open(account, Some(symbol));
        if open.is_empty() {
            return Err(Refusal::new(-2011, "Unknown order sent."));
        }
        // One action has one name.
        let cancel_id = self.random_id();
        let (mut rows, mut lists) = (Vec::new(), Vec::new());
        for id in open {
            if self.orders.get(id).is_none_or(|order| !order.status.is_open()) {
                continue;
            }
            match self.cancel(id, &cancel_id, ask.now) {
                Some(list) => lists.extend(self.cancelled_list(list, &cancel_id, ask.unit)),
                None => rows.extend(self.cancelled_order(id, &cancel_id, ask.unit)),
            }
        }
        self.settle(symbol, ask.now);
        rows.append(&mut lists);
        Ok(format!("[{}]", rows.join(",")))
    }

    fn amend_order(&mut self, account: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        let params = ask.params;
        let unknown = || Refusal::new(-2013, "Order does not exist.");
        let quantity = params.amount("newQty")?.ok_or_else(|| Refusal::missing("newQty"))?;
        let new_id = params.client_id("newClientOrderId")?.map(str::to_owned);
        let id = self
            .find_order(account, params)?
            .filter(|order| order.status.is_open())
            .map(|order| order.id)
            .ok_or_else(unknown)?;
        let amended = self.amend(id, quantity, new_id.as_deref(), ask.now)?;
        let order = self.orders.get(id).ok_or_else(unknown)?;
        let style = self.style(order.symbol, ask.unit);
        let of_list = order.list.and_then(|list| self.orders.list(list)).map(|list| {
            let of_list = list.orders.iter().filter_map(|id| self.orders.get(*id));
            orders::list(list, of_list, style, None)
        });
        Ok(orders::amended(order, style, &amended.old_id, amended.execution, of_list))
    }

    /// Cancels one order and places another.
    fn cancel_replace(&mut self, account: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        let params = ask.params;
        let (placement, response) = self.read_order(account, params)?;
        let not_valid = |name| Refusal::new(-1130, format!("Data sent for parameter '{name}' is not valid."));
        let allow_failure = match params.need("cancelReplaceMode")? {
            "STOP_ON_FAILURE" => false,
            "ALLOW_FAILURE" => true,
            _ => return Err(not_valid("cancelReplaceMode")),
        };
        let cancel_only = match params.get("orderRateLimitExceededMode") {
            None | Some("DO_NOTHING") => false,
            Some("CANCEL_ONLY") => true,
            Some(_) => return Err(not_valid("orderRateLimitExceededMode")),
        };
        if params.get(REPLACE.id).is_none() && params.get(REPLACE.name).is_none() {
            let msg = format!("Param '{}' or '{}' must be sent, but both were empty/null!", REPLACE.name, REPLACE.id);
            return Err(Refusal::new(-1102, msg));
        }
        // Filters and the order count come before anything happens.
        self.check(ask.now, &placement).map_err(Reject::refusal)?;
        let exceeded: Option<Exceeded> = self.limits.may_order(ask.now, account, 1).err();
        if let Some(exceeded) = exceeded
            && !cancel_only
        {
            return Err(Refusal::too_many_orders(exceeded));
        }
        let cancel = match self.cancel_named(account, ask, &REPLACE) {
            Ok(body) => Half::Success(body),
            Err(refusal) if refusal.code == -2011 || refusal.code == -2039 => Half::Failure(refusal),
            Err(refusal) => return Err(refusal),
        };
        let canceled = matches!(cancel, Half::Success(_));
        let new_order = if !canceled && !allow_failure {
            // Counted all the same.
            self.limits.ordered(ask.now, account);
            Half::NotAttempted
        } else if let Some(exceeded) = exceeded {
            Half::Failure(Refusal::too_many_orders(exceeded))
        } else {
            let response = |exchange: &Exchange, id| {
                rest::write(&exchange.shown(id, response, ask.unit).map(Placed::in_replacement))
            };
            match self.place(ask.now, &placement, response) {
                Ok(body) => Half::Success(body),
                Err(reject) => {
                    if canceled {
                        self.tell_rejected(&placement, &reject, ask.now);
                    }
                    Half::Failure(reject.refusal())
                }
            }
        };
        self.settle(placement.symbol, ask.now);
        let placed = matches!(new_order, Half::Success(_));
        let body = rest::write(&Replaced {
            cancel_result: cancel.word(),
            new_order_result: new_order.word(),
            cancel_response: cancel.body()?,
            new_order_response: new_order.body()?,
        });
        let (status, code, msg) = match (canceled, placed) {
            (true, true) => return Ok(body),
            (false, false) => (400, -2022, "Order cancel-replace failed."),
            _ => (409, -2021, "Order cancel-replace partially failed."),
        };
        let mut refusal = Refusal::new(code, msg);
        refusal.status = status;
        if let Some(exceeded) = exceeded
            && !allow_failure
        {
            refusal.status = 429;
            refusal.retry_after = Some(exceeded.retry_after);
        }
        refusal.data = Some(body);
        Err(refusal)
    }
}

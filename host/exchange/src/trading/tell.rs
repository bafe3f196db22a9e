//! Events of an account, in the venue's order.

use std::collections::BTreeSet;

use ringfence_model::Timestamp;

use crate::exchange::Exchange;
use crate::order::list::OrderList;
use crate::order::{OwnTrade, Phase, Status};
use crate::payload::events::{self, Happened};
use crate::payload::orders::Style;
use crate::trading::{Placement, Reject};

impl Exchange {
    pub(crate) fn symbol_name(&self, symbol: usize) -> &str {
        self.config.symbols.get(symbol).map(|config| config.symbol.as_str()).unwrap_or_default()
    }

    /// Tells the account of an order what happened to it.
    pub(super) fn tell(&mut self, id: u64, happened: &Happened<'_>, now: Timestamp) {
        let execution = self.next_execution;
        self.next_execution = execution.saturating_add(1);
        let Some(order) = self.orders.get(id) else {
            return;
        };
        let Some(account) = self.accounts.get(order.account) else {
            return;
        };
        let symbol = self.symbol_name(order.symbol);
        let write = |unit| events::report(order, Style { symbol, unit }, happened, now, execution);
        let message = self.user_message(account.api_key.clone(), write);
        self.user.push(message);
    }

    /// A new order that was refused after the cancel it came with was done. Other refused
    /// orders are not told.
    pub(crate) fn tell_rejected(&mut self, placement: &Placement, reject: &Reject, now: Timestamp) {
        let name = match &placement.client_order_id {
            Some(name) => name.clone(),
            None => self.random_id(),
        };
        let mut order = self.order_of(placement, &name, None, now);
        order.id = self.orders.number();
        order.status = Status::Rejected;
        order.phase = Phase::Done;
        let execution = self.next_execution;
        self.next_execution = execution.saturating_add(1);
        if let Some(account) = self.accounts.get(order.account) {
            let symbol = self.symbol_name(order.symbol);
            let happened = Happened::Rejected { reject: reject.word() };
            let write = |unit| events::report(&order, Style { symbol, unit }, &happened, now, execution);
            let message = self.user_message(account.api_key.clone(), write);
            self.user.push(message);
        }
    }

    pub(super) fn tell_trade(&mut self, id: u64, trade: &OwnTrade, now: Timestamp) {
        let asset = self.accounts.asset_name(trade.commission_asset).to_owned();
        self.tell(id, &Happened::Trade { trade, asset: &asset }, now);
    }

    /// Tells of a list; `renamed` if one of its orders has another name.
    pub(super) fn tell_list(&mut self, list: &OrderList, renamed: bool, now: Timestamp) {
        let Some(account) = self.accounts.get(list.account) else {
            return;
        };
        let symbol = self.symbol_name(list.symbol);
        let message = self.user_message(account.api_key.clone(), |unit| {
            let orders = list.orders.iter().filter_map(|id| self.orders.get(*id));
            events::list_status(list, orders, Style { symbol, unit }, renamed, now)
        });
        self.user.push(message);
    }

    /// Tells of the lists that began or ended in this action.
    pub(super) fn tell_lists(&mut self, now: Timestamp) {
        for id in std::mem::take(&mut self.changed_lists) {
            if let Some(list) = self.orders.list(id).cloned() {
                self.tell_list(&list, false, now);
            }
        }
    }

    /// Ends an action: one account position for each account that it touched.
    pub(crate) fn tell_positions(&mut self, now: Timestamp) {
        let touched: BTreeSet<usize> = std::mem::take(&mut self.touched);
        for account in touched {
            let changed = self.accounts.take_changed(account, now);
            let Some(found) = self.accounts.get(account) else {
                continue;
            };
            if !changed.is_empty() {
                let message = self.user_message(found.api_key.clone(), |unit| events::position(&changed, unit, now));
                self.user.push(message);
            }
        }
    }
}

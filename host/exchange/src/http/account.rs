//! What an account asks about itself.

use ringfence_wire::rest;

use super::call::{Ask, Call, Right, Run};
use super::general::invalid;
use crate::answer::Refusal;
use crate::exchange::Exchange;
use crate::limits::OrderCounts;
use crate::payload::{account as payload, info};

pub(super) const CALLS: &[Call] = &[
    Call::new(&[("GET", "account")], &["account.status"], |_| 20, Run::Signed(Right::UserData, Exchange::account)),
    Call::new(
        &[("GET", "account/commission")],
        &["account.commission"],
        |_| 20,
        Run::Signed(Right::UserData, Exchange::account_commission),
    ),
    Call::new(
        &[("GET", "rateLimit/order")],
        &["account.rateLimits.orders"],
        |_| 40,
        Run::Signed(Right::UserData, Exchange::order_count),
    ),
    Call::new(&[("GET", "myFilters")], &["myFilters"], |_| 40, Run::Signed(Right::UserData, Exchange::my_filters)),
];

impl Exchange {
    fn account(&mut self, account: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        let omit = ask.params.flag("omitZeroBalances")?;
        let found = self.accounts.get(account).ok_or_else(Refusal::no_rights)?;
        Ok(payload::account(account, found, self.accounts.balances(account), &self.config.commission, omit, ask.unit))
    }

    fn account_commission(&mut self, account: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        let symbol = self.symbol(ask.params)?;
        let rules = self.config.symbols.get(symbol).ok_or_else(invalid)?;
        let rates = rules.commission.unwrap_or(self.config.commission);
        let pays = self.config.accounts.get(account).is_some_and(|config| config.pays_with_discount);
        Ok(payload::commission(&rules.symbol, &rates, self.config.discount.as_ref(), pays))
    }

    fn order_count(&mut self, account: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        let OrderCounts { short, day } = self.limits.order_counts(ask.now, account);
        Ok(rest::write(&info::order_limits(self.limits.config(), Some((short, day)))))
    }

    fn my_filters(&mut self, _account: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        let symbol = self.symbol(ask.params)?;
        let rules = self.config.symbols.get(symbol).ok_or_else(invalid)?;
        Ok(info::my_filters(&rules.filters, &self.config.filters))
    }
}

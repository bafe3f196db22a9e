//! What an account asks about itself.

use ringfence_wire::rest;

use super::call::{Ask, Call, Right, Run};
use crate::answer::Refusal;
use crate::exchange::Exchange;
use crate::payload;

pub(super) const CALLS: &[Call] = &[
    Call::new(&[("GET", "account")], &["account.status"], |_| 20, Run::Signed(Right::UserData, Exchange::account)),
    Call::new(
        &[("GET", "rateLimit/order")],
        &["account.rateLimits.orders"],
        |_| 40,
        Run::Signed(Right::UserData, Exchange::order_count),
    ),
];

impl Exchange {
    fn account(&mut self, account: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        let params = ask.params;
        let omit = params.flag("omitZeroBalances")?;
        let found = self
            .accounts
            .get(account)
            .ok_or_else(|| Refusal::new(-2015, "Invalid API-key, IP, or permissions for action."))?;
        Ok(payload::account(found, self.config.commission.standard.taker, omit))
    }

    fn order_count(&mut self, account: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        let counts = self.limits.order_counts(ask.now, account);
        let rows: Vec<_> = payload::rate_limits(self.limits.config(), None, Some(counts))
            .into_iter()
            .filter(|row| row.rate_limit_type == "ORDERS")
            .collect();
        Ok(rest::write(&rows))
    }
}

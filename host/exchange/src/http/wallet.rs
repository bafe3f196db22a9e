//! The few calls of the wallet API that trading programs make before they trade. Nothing
//! else of it is served: transfers and withdrawals have no place here.
//!
//! Source: Binance, "Wallet": "Trade Fee", "System Status". It has no WebSocket API.

use super::call::{Ask, Call, Right, Run};
use crate::answer::Refusal;
use crate::exchange::Exchange;
use crate::payload::account as payload;

pub(super) const CALLS: &[Call] = &[
    Call::new(&[("GET", "/sapi/v1/system/status")], &[], |_| 1, Run::Public(Exchange::system_status)),
    Call::new(&[("GET", "/sapi/v1/asset/tradeFee")], &[], |_| 1, Run::Signed(Right::UserData, Exchange::trade_fees)),
];

impl Exchange {
    fn system_status(&mut self, _ask: &Ask<'_>) -> Result<String, Refusal> {
        Ok(r#"{"status":0,"msg":"normal"}"#.to_owned())
    }

    fn trade_fees(&mut self, _account: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        let wanted = match ask.params.get("symbol") {
            Some(_) => Some(self.symbol(ask.params)?),
            None => None,
        };
        let symbols = self.config.symbols.iter().enumerate();
        let rows = symbols
            .filter(|(place, _)| wanted.is_none_or(|wanted| wanted == *place))
            .map(|(_, rules)| (rules.symbol.as_str(), rules.commission.unwrap_or(self.config.commission).standard));
        Ok(payload::trade_fees(rows))
    }
}

//! Requests as values: parameters, rights, limits, then the call. The server and the
//! lock-step backtest come in through the same door.
//!
//! | module | holds |
//! |--|--|
//! | `params` | query and body, percent-decoding, checked reading of values |
//! | `auth` | key, signature, timestamp |
//! | `call` | what a call is: paths, weight, rights; the list of the families |
//! | `general`, `market_data` | calls without a key |
//! | `account` | the account itself |
//! | `trade`, `lists` | orders and order lists |
//! | `queries` | what became of orders |

mod account;
pub(crate) mod auth;
pub(crate) mod call;
mod general;
mod lists;
mod market_data;
pub(crate) mod params;
mod queries;
mod trade;

use ringfence_model::Timestamp;

use crate::answer::Refusal;
use crate::exchange::Exchange;
use auth::Credentials;
use call::{Ask, Call, Run, TimeUnit};
use params::Params;

/// A request.
#[derive(Debug, Clone, Copy)]
pub struct HttpRequest<'a> {
    /// `GET`, `POST`, `PUT` or `DELETE`.
    pub method: &'a str,
    /// Without the query, for example `/api/v3/order`.
    pub path: &'a str,
    /// Without the `?`, exactly as sent: it is signed.
    pub query: &'a str,
    /// A form, exactly as sent: it is signed.
    pub body: &'a str,
    /// `X-MBX-APIKEY`.
    pub api_key: Option<&'a str>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// HTTP status.
    pub status: u16,
    /// Headers that the venue adds.
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: String,
}

impl Exchange {
    /// Answers a request.
    pub fn http(&mut self, now: Timestamp, request: &HttpRequest<'_>) -> HttpResponse {
        let Some(call) = Call::of_http(request.method, request.path) else {
            return self.finish(now, 1, None, Err(Refusal::not_found(request.path)));
        };
        let params = match Params::of_http(request.query, request.body) {
            Ok(params) => params,
            Err(refusal) => return self.finish(now, 1, None, Err(refusal)),
        };
        let weight = (call.weight)(&params);
        if let Err(exceeded) = self.limits.request(now, weight) {
            return self.finish(now, 0, None, Err(Refusal::too_much_weight(exceeded)));
        }
        let credentials = Credentials {
            api_key: request.api_key,
            payload: &auth::http_payload(request.query, request.body),
            signature: params.get("signature"),
        };
        let ask = Ask { now, params: &params, unit: TimeUnit::default() };
        let mut account = None;
        let result = match call.run {
            Run::Public(run) => run(self, &ask),
            Run::Signed(_, run) => self.authenticate(now, &credentials, &params).and_then(|found| {
                account = Some(found);
                run(self, found, &ask)
            }),
        };
        let cost = if result.is_ok() && call.refunded { 0 } else { weight };
        let orders = account.filter(|_| call.counts_orders && result.is_ok());
        self.finish(now, cost, orders, result)
    }

    fn finish(
        &mut self,
        now: Timestamp,
        weight: u64,
        orders_of: Option<usize>,
        result: Result<String, Refusal>,
    ) -> HttpResponse {
        let used = self.limits.add_weight(now, weight).to_string();
        let mut headers = vec![("X-MBX-USED-WEIGHT", used.clone()), ("X-MBX-USED-WEIGHT-1M", used)];
        if let Some(account) = orders_of {
            let (short, day) = self.limits.order_counts(now, account);
            headers.push(("X-MBX-ORDER-COUNT-10S", short.to_string()));
            headers.push(("X-MBX-ORDER-COUNT-1D", day.to_string()));
        }
        match result {
            Ok(body) => HttpResponse { status: 200, headers, body },
            Err(refusal) => {
                if let Some(seconds) = refusal.retry_after {
                    headers.push(("Retry-After", seconds.to_string()));
                }
                HttpResponse { status: refusal.status, headers, body: refusal.body() }
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
#[path = "http/tests.rs"]
mod tests;

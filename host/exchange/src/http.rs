//! Requests as values: parameters, rights, limits, then the call. The server and the
//! lock-step backtest come in through the same door.
//!
//! | module | holds |
//! |--|--|
//! | `params` | query and body, percent-decoding, checked reading of values |
//! | `auth` | key, signature, timestamp |
//! | `call` | which calls there are, their weights and their rights |
//! | `public` | market data calls |
//! | `private` | orders and account |

pub(crate) mod auth;
pub(crate) mod call;
pub(crate) mod params;
mod private;
mod public;

use ringfence_model::Timestamp;
use ringfence_wire::rest::{self, ErrorBody};

use crate::answer::Refusal;
use crate::exchange::Exchange;
use auth::Credentials;
use call::Call;
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
        let weight = call.weight(&params);
        if let Err(exceeded) = self.limits.request(now, weight) {
            return self.finish(now, 0, None, Err(Refusal::too_much_weight(exceeded)));
        }
        let credentials = Credentials {
            api_key: request.api_key,
            payload: &auth::http_payload(request.query, request.body),
            signature: params.get("signature"),
        };
        let mut account = None;
        let result = if call.signed() {
            self.authenticate(now, &credentials, &params).and_then(|found| {
                account = Some(found);
                self.call(now, call, &params, Some(found))
            })
        } else {
            self.call(now, call, &params, None)
        };
        let cost = if result.is_ok() && call.refunded() { 0 } else { weight };
        let orders = account.filter(|_| call == Call::Place && result.is_ok());
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
                let body = rest::write(&ErrorBody { code: refusal.code, msg: refusal.msg });
                HttpResponse { status: refusal.status, headers, body }
            }
        }
    }

    /// Carries out a call whose rights and limits were checked.
    pub(crate) fn call(
        &mut self,
        now: Timestamp,
        call: Call,
        params: &Params,
        account: Option<usize>,
    ) -> Result<String, Refusal> {
        match (call, account) {
            (Call::Ping, _) => Ok("{}".to_owned()),
            (Call::Time, _) => Ok(rest::write(&rest::ServerTime { server_time: now.as_millis() })),
            (Call::ExchangeInfo, _) => self.exchange_info(now, params),
            (Call::Depth, _) => self.depth(params),
            (Call::Klines, _) => self.klines(now, params),
            (Call::TickerPrice, _) => self.ticker_price(params),
            (Call::TickerBook, _) => self.ticker_book(params),
            (Call::Unsupported(msg), _) => Err(Refusal::rejected(msg)),
            (Call::Account, Some(account)) => self.account(account, params),
            (Call::Place, Some(account)) => self.place_order(now, account, params),
            (Call::Test, Some(account)) => self.test_order(account, params),
            (Call::Cancel, Some(account)) => self.cancel_order(now, account, params),
            (Call::CancelAll, Some(account)) => self.cancel_all(now, account, params),
            (Call::Amend, Some(account)) => self.amend_order(now, account, params),
            (Call::Query, Some(account)) => self.query_order(account, params),
            (Call::OpenOrders, Some(account)) => self.open_orders(account, params),
            (Call::AllOrders, Some(account)) => self.all_orders(account, params),
            (Call::MyTrades, Some(account)) => self.my_trades(account, params),
            (Call::OrderCount, Some(account)) => Ok(self.order_count(now, account)),
            (_, None) => Err(Refusal::new(-2014, "API-key format invalid.")),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
#[path = "http/tests.rs"]
mod tests;

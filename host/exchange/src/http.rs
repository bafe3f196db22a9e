//! Requests as values: parameters, rights, limits, then the call. The server and the
//! lock-step backtest come in through the same door.
//!
//! | module | holds |
//! |--|--|
//! | `params` | query and body, percent-decoding, checked reading of values |
//! | `auth` | key, rights, signature, timestamp |
//! | `call` | what a call is: paths, weight, rights; the list of the families |
//! | `general`, `market_data`, `tickers` | calls without a key |
//! | `account` | the account itself |
//! | `trade`, `lists`, `order_params` | orders and order lists |
//! | `queries` | what became of orders |
//! | `listen_keys` | user data as it was subscribed to before 2026 |
//! | `wallet` | what programs ask of the wallet API before they trade |

mod account;
pub(crate) mod auth;
pub(crate) mod call;
mod general;
pub(crate) mod listen_keys;
mod lists;
mod market_data;
mod order_params;
pub(crate) mod params;
mod queries;
mod tickers;
mod trade;
mod wallet;

use std::net::{IpAddr, Ipv4Addr};

use ringfence_model::Timestamp;

use crate::answer::Refusal;
use crate::exchange::Exchange;
use crate::limits::OrderCounts;
use crate::units::TimeUnit;
use auth::{Credentials, Failed, Moments};
use call::{Ask, Call, Door, Right, Run};
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
    /// `X-MBX-TIME-UNIT`.
    pub time_unit: Option<&'a str>,
    /// Where it came from: limits are counted per address.
    pub ip: IpAddr,
    /// When it came, if that was before it is carried out: the time window is tested at
    /// both moments.
    pub received: Option<Timestamp>,
}

impl Default for HttpRequest<'_> {
    /// `GET` of nothing, from this machine.
    fn default() -> Self {
        HttpRequest {
            method: "GET",
            path: "",
            query: "",
            body: "",
            api_key: None,
            time_unit: None,
            ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            received: None,
        }
    }
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

/// What an answer costs and tells besides its body.
#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    weight: u64,
    orders_of: Option<usize>,
}

impl Exchange {
    /// Answers a request.
    pub fn http(&mut self, now: Timestamp, request: &HttpRequest<'_>) -> HttpResponse {
        let served = self.config.listen_keys;
        let known = Call::of_http(request.method, request.path);
        let call = known.filter(|call| call.is_served(served));
        // What a GET carries in its body is no parameter at the venue.
        let body = if request.method == "GET" { "" } else { request.body };
        let request = &HttpRequest { body, ..*request };
        let params = Params::of_http(request.query, request.body);
        let weight = match (call, &params) {
            (Some(call), Ok(params)) => (call.weight)(params),
            _ => 1,
        };
        if let Err(refused) = self.limits.request(now, request.ip, weight) {
            return self.finish(now, request.ip, Cost::default(), Err(Refusal::limited(now, refused)));
        }
        let mut cost = Cost { weight, orders_of: None };
        let result = match (call, params) {
            (None, _) if known.is_some() => Err(Refusal { status: 410, ..Refusal::not_found() }),
            (None, _) => Err(Refusal::not_found()),
            (Some(_), Err(refusal)) => Err(refusal),
            (Some(call), Ok(params)) => {
                let result = self.http_call(now, request, call, &params, &mut cost);
                if result.is_ok() && (call.refunded)(self) {
                    cost.weight = 0;
                }
                result
            }
        };
        self.finish(now, request.ip, cost, result)
    }

    fn http_call(
        &mut self,
        now: Timestamp,
        request: &HttpRequest<'_>,
        call: &Call,
        params: &Params,
        cost: &mut Cost,
    ) -> Result<String, Refusal> {
        let unit = match request.time_unit {
            None => TimeUnit::default(),
            Some(word) => TimeUnit::read(word).ok_or_else(Refusal::bad_time_unit)?,
        };
        let ask = Ask { now, params, unit, door: Door::Rest };
        match call.run {
            Run::Public(run) => run(self, &ask),
            Run::Keyed(run) => {
                let account = self.key_account(request.api_key, request.ip, Right::UserStream)?;
                run(self, account, &ask)
            }
            Run::Signed(right, run) => {
                let credentials = Credentials {
                    api_key: request.api_key,
                    payload: &auth::http_payload(request.query, request.body),
                    signature: params.get("signature"),
                    ip: request.ip,
                };
                let moments = Moments { received: request.received.unwrap_or(now), now };
                let account = self
                    .authenticate(moments, &credentials, params, right)
                    .map_err(|failed| self.late(now, call, failed))?;
                let result = run(self, account, &ask);
                cost.orders_of = Some(account).filter(|_| call.counts_orders && result.is_ok());
                result
            }
        }
    }

    /// A request that is too late at the engine's door counts as an unfilled order.
    pub(crate) fn late(&mut self, now: Timestamp, call: &Call, failed: Failed) -> Refusal {
        if let Some(account) = failed.late_for.filter(|_| call.counts_orders) {
            self.limits.ordered(now, account);
        }
        failed.refusal
    }

    fn finish(&mut self, now: Timestamp, ip: IpAddr, cost: Cost, result: Result<String, Refusal>) -> HttpResponse {
        let used = self.limits.add_weight(now, ip, cost.weight).to_string();
        let mut headers = vec![("X-MBX-USED-WEIGHT", used.clone()), ("X-MBX-USED-WEIGHT-1M", used)];
        if let Some(account) = cost.orders_of {
            let OrderCounts { short, day } = self.limits.order_counts(now, account);
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

    /// A socket wants to be opened: counted as an attempt to connect, and for the WebSocket
    /// API with its weight.
    ///
    /// # Errors
    /// The answer to give instead of the upgrade: too many attempts, or a ban.
    pub fn connect(&mut self, now: Timestamp, ip: IpAddr, ws_api: bool) -> Result<(), HttpResponse> {
        let asked = self.limits.connect(now, ip).and_then(|()| {
            if !ws_api {
                return Ok(());
            }
            self.limits.request(now, ip, CONNECT_WEIGHT)?;
            self.limits.add_weight(now, ip, CONNECT_WEIGHT);
            Ok(())
        });
        asked.map_err(|refused| self.finish(now, ip, Cost::default(), Err(Refusal::limited(now, refused))))
    }
}

/// Weight of opening a WebSocket API connection.
const CONNECT_WEIGHT: u64 = 2;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
#[path = "http/tests.rs"]
mod tests;

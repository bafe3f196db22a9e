//! The WebSocket API: the same calls as REST in frames, and the session's own methods.
//!
//! | module | holds |
//! |--|--|
//! | `frame` | reading requests and writing answers |
//! | `session` | logging on, subscriptions to user data |

mod frame;
mod session;

use ringfence_model::Timestamp;

use crate::answer::{Refusal, TOO_MANY_ORDERS};
use crate::exchange::Exchange;
use crate::http::auth::{Credentials, Failed, Moments};
use crate::http::call::{Ask, Call, Door, Right, Run};
use crate::http::params::Params;
use crate::limits::{OrderCounts, Refused};
use crate::payload::info;
use frame::{Request, Told};

pub use session::WsSession;

/// Weight of the session and subscription methods.
const SESSION_WEIGHT: u64 = 2;

/// The goodbye before the server ends: no subscription, no envelope.
pub fn server_shutdown(now: Timestamp) -> String {
    format!(r#"{{"event":{{"e":"serverShutdown","E":{}}}}}"#, now.as_millis())
}

/// What a request costs and whose order counts its answer tells.
#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    weight: u64,
    orders_of: Option<usize>,
}

impl Exchange {
    /// Answers one frame of the WebSocket API. Events that the frame causes in its own
    /// session wait in [`WsSession::take_events`]; a session that [`WsSession::is_ended`]
    /// is closed after its answer.
    pub fn ws_api(&mut self, now: Timestamp, session: &mut WsSession, text: &str) -> String {
        self.ws_api_received(now, now, session, text)
    }

    /// [`Exchange::ws_api`] of a frame that came some time before it is carried out.
    pub fn ws_api_received(
        &mut self,
        received: Timestamp,
        now: Timestamp,
        session: &mut WsSession,
        text: &str,
    ) -> String {
        let read = Request::read(text);
        let (id, request) = match &read {
            Ok(request) => (request.id, Some(request)),
            Err(unreadable) => (unreadable.id, None),
        };
        let method = request.map(|request| request.method.strip_prefix("v3/").unwrap_or(&request.method));
        let served = self.config.listen_keys;
        let call = method.and_then(Call::of_ws).filter(|call| call.is_served(served));
        let weight = match (call, request) {
            (Some(call), Some(request)) => (call.weight)(&request.params),
            _ => SESSION_WEIGHT,
        };
        if let Err(refused) = self.limits.request(now, session.ip, weight) {
            session.ended = matches!(refused, Refused::Banned { .. });
            let refusal = Refusal::limited(now, refused);
            return self.told(now, session, id, request, Cost::default(), Err(refusal));
        }
        let mut cost = Cost { weight, orders_of: None };
        let result = match (request, &read) {
            (Some(request), _) => {
                let moments = Moments { received, now };
                match call {
                    Some(call) => self.ws_call(moments, session, call, &request.params, &mut cost),
                    None => self.session_call(moments, session, method.unwrap_or_default(), &request.params),
                }
            }
            (None, Err(unreadable)) => Err(unreadable.refusal.clone()),
            (None, Ok(_)) => Err(Refusal::not_found()),
        };
        if result.is_ok() && call.is_some_and(|call| (call.refunded)(self)) {
            cost.weight = 0;
        }
        self.told(now, session, id, request, cost, result)
    }

    fn ws_call(
        &mut self,
        moments: Moments,
        session: &WsSession,
        call: &Call,
        params: &Params,
        cost: &mut Cost,
    ) -> Result<String, Refusal> {
        let ask = Ask { now: moments.now, params, unit: session.unit, door: Door::WsApi };
        match call.run {
            Run::Public(run) => run(self, &ask),
            Run::Keyed(run) => {
                let account = self.key_account(params.get("apiKey"), session.ip, Right::UserStream)?;
                run(self, account, &ask)
            }
            Run::Signed(right, run) => {
                let account = self
                    .ws_account(moments, session, params, right)
                    .map_err(|failed| self.late(moments.now, call, failed))?;
                cost.orders_of = Some(account).filter(|_| call.counts_orders);
                run(self, account, &ask)
            }
        }
    }

    /// The account that signed the request, or whose key the session is logged on with.
    pub(super) fn ws_account(
        &self,
        moments: Moments,
        session: &WsSession,
        params: &Params,
        right: Right,
    ) -> Result<usize, Failed> {
        let signed = params.get("apiKey").is_some() || params.get("signature").is_some();
        if let Some(key) = session.logged_on_key().filter(|_| !signed) {
            let account = self.key_account(Some(key), session.ip, right)?;
            self.session_in_time(moments, account, params)?;
            return Ok(account);
        }
        let credentials = Credentials {
            api_key: params.get("apiKey"),
            payload: &params.payload(),
            signature: params.get("signature"),
            ip: session.ip,
        };
        self.authenticate(moments, &credentials, params, right)
    }

    fn told(
        &mut self,
        now: Timestamp,
        session: &WsSession,
        id: &str,
        request: Option<&Request<'_>>,
        cost: Cost,
        mut result: Result<String, Refusal>,
    ) -> String {
        // "Unfilled Order Count" says that every 429 tells when to try again; the example of
        // this method shows the one that does not.
        if let Err(refusal) = &mut result
            && refusal.code == TOO_MANY_ORDERS
            && request.is_some_and(|request| request.method.ends_with("order.cancelReplace"))
        {
            refusal.retry_after = None;
        }
        let used = self.limits.add_weight(now, session.ip, cost.weight);
        let shown = match request.and_then(|request| request.params.get("returnRateLimits")) {
            Some(word) => word.eq_ignore_ascii_case("true"),
            None => session.shows_limits,
        };
        let limits = shown.then(|| {
            let orders = cost.orders_of.map(|account| {
                let OrderCounts { short, day } = self.limits.order_counts(now, account);
                info::order_limits(self.limits.config(), Some((short, day)))
            });
            let mut rows: Vec<_> = orders.into_iter().flatten().collect();
            rows.push(info::weight_limit(self.limits.config(), Some(used)));
            rows
        });
        Told { id, now, unit: session.unit, result, limits }.write()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
#[path = "ws_api_tests.rs"]
mod tests;

//! The WebSocket API: the same calls as REST in frames, and user data subscriptions.

use std::collections::BTreeMap;

use ringfence_model::Timestamp;
use ringfence_wire::rest::{self, ErrorBody};
use ringfence_wire::ws_api::{Request, Response, Subscribed};
use serde_json::{Value, json};

use crate::answer::Refusal;
use crate::exchange::Exchange;
use crate::http::auth::Credentials;
use crate::http::call::{Ask, Call, Run, TimeUnit};
use crate::http::params::Params;
use crate::payload;

/// Weight of the session and subscription methods.
const SESSION_WEIGHT: u64 = 2;

/// One connection of the WebSocket API.
#[derive(Debug, Clone, Default)]
pub struct WsSession {
    subscriptions: BTreeMap<u64, String>,
    next: u64,
}

impl WsSession {
    /// Subscriptions to accounts: their number and the account's key.
    pub fn subscriptions(&self) -> impl Iterator<Item = (u64, &str)> {
        self.subscriptions.iter().map(|(id, key)| (*id, key.as_str()))
    }
}

impl Exchange {
    /// Answers one frame of the WebSocket API.
    pub fn ws_api(&mut self, now: Timestamp, session: &mut WsSession, text: &str) -> String {
        let request: Request = match serde_json::from_str(text) {
            Ok(request) => request,
            Err(_) => {
                let refusal = Refusal::new(-1135, "Invalid JSON Request");
                return self.frame(now, Value::Null, None, Err(refusal));
            }
        };
        let params = Params::of_json(&request.params);
        let method = request.method.strip_prefix("v3/").unwrap_or(&request.method).to_owned();
        let call = Call::of_ws(&method);
        let weight = call.map_or(SESSION_WEIGHT, |call| (call.weight)(&params));
        if let Err(exceeded) = self.limits.request(now, weight) {
            return self.frame(now, request.id, None, Err(Refusal::too_much_weight(exceeded)));
        }
        let mut account = None;
        let ask = Ask { now, params: &params, unit: TimeUnit::default() };
        let result = match call.map(|call| call.run) {
            Some(Run::Signed(_, run)) => self.ws_account(now, &params).and_then(|found| {
                account = Some(found);
                run(self, found, &ask)
            }),
            Some(Run::Public(run)) => run(self, &ask),
            None => self.session_call(now, session, &method, &params),
        };
        let refunded = result.is_ok() && call.is_some_and(|call| call.refunded);
        self.limits.add_weight(now, if refunded { 0 } else { weight });
        let orders_of = account.filter(|_| call.is_some_and(|call| call.counts_orders));
        let hidden = request.params.get("returnRateLimits") == Some(&Value::Bool(false));
        let result = result.and_then(|body| {
            serde_json::from_str(&body)
                .map_err(|_| Refusal::new(-1000, "An unknown error occurred while processing the request."))
        });
        let frame = self.answer(now, request.id, orders_of, result, hidden);
        rest::write(&frame)
    }

    fn ws_account(&self, now: Timestamp, params: &Params) -> Result<usize, Refusal> {
        let credentials = Credentials {
            api_key: params.get("apiKey"),
            payload: &params.payload(),
            signature: params.get("signature"),
        };
        self.authenticate(now, &credentials, params)
    }

    fn session_call(
        &mut self,
        now: Timestamp,
        session: &mut WsSession,
        method: &str,
        params: &Params,
    ) -> Result<String, Refusal> {
        match method {
            "userDataStream.subscribe.signature" => {
                let account = self.ws_account(now, params)?;
                let key = self.accounts.get(account).map(|found| found.api_key.clone()).unwrap_or_default();
                if session.subscriptions.values().any(|subscribed| *subscribed == key) {
                    return Err(Refusal::new(-2035, "User Data Stream subscription already active."));
                }
                let subscription_id = session.next;
                session.next = session.next.saturating_add(1);
                session.subscriptions.insert(subscription_id, key);
                Ok(rest::write(&Subscribed { subscription_id }))
            }
            "userDataStream.unsubscribe" => {
                match params.integer("subscriptionId")? {
                    Some(id) => {
                        if session.subscriptions.remove(&id).is_none() {
                            return Err(Refusal::new(-2036, "User Data Stream subscription not active."));
                        }
                    }
                    None => session.subscriptions.clear(),
                }
                Ok("{}".to_owned())
            }
            "session.subscriptions" => {
                let rows: Vec<_> = session.subscriptions.keys().map(|id| json!({ "subscriptionId": id })).collect();
                Ok(rest::write(&rows))
            }
            "session.status" => Ok(json!({
                "apiKey": null,
                "authorizedSince": null,
                "connectedSince": null,
                "returnRateLimits": true,
                "serverTime": now.as_millis(),
                "userDataStream": !session.subscriptions.is_empty(),
            })
            .to_string()),
            // Logging on needs an Ed25519 key; accounts here have HMAC keys.
            "session.logon" | "userDataStream.subscribe" => Err(Refusal::new(
                -1020,
                "This operation is not supported: session.logon needs an Ed25519 key; use userDataStream.subscribe.signature.",
            )),
            other => Err(Refusal::new(-1020, format!("This operation is not supported: {other}"))),
        }
    }

    fn frame(&mut self, now: Timestamp, id: Value, orders_of: Option<usize>, result: Result<Value, Refusal>) -> String {
        let frame = self.answer(now, id, orders_of, result, false);
        rest::write(&frame)
    }

    fn answer(
        &mut self,
        now: Timestamp,
        id: Value,
        orders_of: Option<usize>,
        result: Result<Value, Refusal>,
        hide_limits: bool,
    ) -> Response {
        let weight = self.limits.add_weight(now, 0);
        let orders = orders_of.map(|account| self.limits.order_counts(now, account));
        let rate_limits = payload::rate_limits(self.limits.config(), Some(weight), orders)
            .into_iter()
            .filter(|row| !hide_limits && row.count.is_some())
            .collect();
        let (status, result, error) = match result {
            Ok(result) => (200, Some(result), None),
            Err(refusal) => (refusal.status, None, Some(ErrorBody { code: refusal.code, msg: refusal.msg })),
        };
        Response { id, status, result, error, rate_limits }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
#[path = "ws_api_tests.rs"]
mod tests;

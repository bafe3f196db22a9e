//! One connection of the WebSocket API: who is logged on, and which accounts' events it
//! hears.
//!
//! Only Ed25519 keys log on. A subscription is made by the session that is logged on, or
//! by a signature of its own with any key; logging off ends the first kind only.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use ringfence_model::Timestamp;
use ringfence_wire::rest;
use ringfence_wire::user;
use ringfence_wire::ws_api::Subscribed;
use serde::Serialize;

use crate::answer::Refusal;
use crate::exchange::{Exchange, UserMessage};
use crate::http::auth::{Failed, Moments};
use crate::http::call::Right;
use crate::http::params::{self, Params};
use crate::units::TimeUnit;

/// Subscriptions at a time, and over the life of a session.
const MOST_ACTIVE: usize = 1_000;
const MOST_EVER: u64 = 65_535;

#[derive(Debug, Clone)]
struct LoggedOn {
    api_key: String,
    since: Timestamp,
}

#[derive(Debug, Clone)]
struct Subscription {
    /// The account's first key.
    account: String,
    by_logon: bool,
}

/// One connection of the WebSocket API.
#[derive(Debug, Clone)]
pub struct WsSession {
    pub(super) ip: IpAddr,
    pub(super) unit: TimeUnit,
    pub(super) shows_limits: bool,
    pub(super) ended: bool,
    connected: Timestamp,
    logged_on: Option<LoggedOn>,
    subscriptions: BTreeMap<u64, Subscription>,
    next: u64,
    events: Vec<String>,
}

impl Default for WsSession {
    /// From this machine, with the venue's defaults.
    fn default() -> Self {
        WsSession {
            ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            unit: TimeUnit::default(),
            shows_limits: true,
            ended: false,
            connected: Timestamp(0),
            logged_on: None,
            subscriptions: BTreeMap::new(),
            next: 0,
            events: Vec::new(),
        }
    }
}

impl WsSession {
    /// A connection; `query` is that of its address (`returnRateLimits`, `timeUnit`).
    ///
    /// # Errors
    /// The body of the answer to give instead (400): a parameter is not valid.
    pub fn open(now: Timestamp, ip: IpAddr, query: &str) -> Result<Self, String> {
        let mut session = WsSession { ip, connected: now, ..WsSession::default() };
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let value = params::decode(value).unwrap_or_default();
            match name {
                "timeUnit" => {
                    session.unit = TimeUnit::read(&value).ok_or_else(|| Refusal::bad_time_unit().body())?;
                }
                "returnRateLimits" => session.shows_limits = !value.eq_ignore_ascii_case("false"),
                _ => {}
            }
        }
        Ok(session)
    }

    /// Subscriptions to accounts: their number and the account's first key.
    pub fn subscriptions(&self) -> impl Iterator<Item = (u64, &str)> {
        self.subscriptions.iter().map(|(id, subscription)| (*id, subscription.account.as_str()))
    }

    /// An event of an account as this session hears it.
    pub fn event(&self, subscription: u64, message: &UserMessage) -> String {
        user::wrap(subscription, message.text(self.unit))
    }

    /// Events that the last frame caused in this session alone, in their envelopes. They
    /// are sent after its answer.
    pub fn take_events(&mut self) -> Vec<String> {
        std::mem::take(&mut self.events)
    }

    /// The address was banned: the connection is to be closed.
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    pub(super) fn logged_on_key(&self) -> Option<&str> {
        self.logged_on.as_ref().map(|logged_on| logged_on.api_key.as_str())
    }

    fn status(&self, now: Timestamp) -> String {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Status<'a> {
            api_key: Option<&'a str>,
            authorized_since: Option<u64>,
            connected_since: u64,
            return_rate_limits: bool,
            server_time: u64,
            user_data_stream: bool,
        }
        rest::write(&Status {
            api_key: self.logged_on_key(),
            authorized_since: self.logged_on.as_ref().map(|logged_on| self.unit.write(logged_on.since)),
            connected_since: self.unit.write(self.connected),
            return_rate_limits: self.shows_limits,
            server_time: self.unit.write(now),
            user_data_stream: !self.subscriptions.is_empty(),
        })
    }

    fn subscribe(&mut self, account: String, by_logon: bool) -> Result<String, Refusal> {
        if self.subscriptions.values().any(|known| known.account == account) {
            return Err(Refusal::new(-2035, "User Data Stream subscription already active."));
        }
        if self.subscriptions.len() >= MOST_ACTIVE || self.next >= MOST_EVER {
            return Err(Refusal::new(-2042, "Maximum subscription ID reached for this connection."));
        }
        let subscription_id = self.next;
        self.next = self.next.saturating_add(1);
        self.subscriptions.insert(subscription_id, Subscription { account, by_logon });
        Ok(rest::write(&Subscribed { subscription_id }))
    }

    /// Ends the subscriptions that `ends` says, each with its last event.
    fn unsubscribe(&mut self, now: Timestamp, ends: impl Fn(u64, bool) -> bool) {
        let ended: Vec<u64> = self
            .subscriptions
            .iter()
            .filter(|(id, subscription)| ends(**id, subscription.by_logon))
            .map(|(id, _)| *id)
            .collect();
        for id in ended {
            self.subscriptions.remove(&id);
            let event = format!(r#"{{"e":"eventStreamTerminated","E":{}}}"#, self.unit.write(now));
            self.events.push(user::wrap(id, &event));
        }
    }
}

impl Exchange {
    fn first_key(&self, account: usize) -> String {
        self.accounts.get(account).map(|found| found.api_key.clone()).unwrap_or_default()
    }

    fn log_on(&mut self, moments: Moments, session: &mut WsSession, params: &Params) -> Result<String, Refusal> {
        let name = params.need("apiKey")?;
        let allowed = self.accounts.key(name).map(|(_, key)| (key.verifier.kind(), key.rights));
        if let Some((kind, _)) = allowed.filter(|(kind, _)| *kind != "ED25519") {
            // Seen at the venue; its documents do not list the code.
            return Err(Refusal::new(-4056, format!("{kind} API key is not supported.")));
        }
        // What the key may do is tested with each request that it is used for.
        let rights = allowed.map(|(_, rights)| rights);
        let right = match rights {
            Some(rights) if !rights.user_data && rights.user_stream => Right::UserStream,
            Some(rights) if !rights.user_data && rights.trade => Right::Trade,
            _ => Right::UserData,
        };
        let signed = WsSession { logged_on: None, ip: session.ip, ..WsSession::default() };
        params.need("signature")?;
        self.ws_account(moments, &signed, params, right).map_err(|failed| failed.refusal)?;
        session.logged_on = Some(LoggedOn { api_key: name.to_owned(), since: moments.now });
        Ok(session.status(moments.now))
    }

    /// The methods that concern the session itself.
    pub(super) fn session_call(
        &mut self,
        moments: Moments,
        session: &mut WsSession,
        method: &str,
        params: &Params,
    ) -> Result<String, Refusal> {
        let now = moments.now;
        match method {
            "session.logon" => self.log_on(moments, session, params),
            "session.status" => Ok(session.status(now)),
            "session.logout" => {
                session.logged_on = None;
                session.unsubscribe(now, |_, by_logon| by_logon);
                Ok(session.status(now))
            }
            "session.subscriptions" => {
                let rows: Vec<_> = session
                    .subscriptions
                    .keys()
                    .map(|subscription_id| Subscribed { subscription_id: *subscription_id })
                    .collect();
                Ok(rest::write(&rows))
            }
            "userDataStream.subscribe" => {
                let key = session.logged_on_key().ok_or_else(Refusal::no_rights)?;
                let account = self.key_account(Some(key), session.ip, Right::UserStream)?;
                self.tells_micros |= session.unit == TimeUnit::Microseconds;
                session.subscribe(self.first_key(account), true)
            }
            "userDataStream.subscribe.signature" => {
                params.need("apiKey")?;
                params.need("signature")?;
                let account = self
                    .ws_account(moments, session, params, Right::UserStream)
                    .map_err(|failed: Failed| failed.refusal)?;
                self.tells_micros |= session.unit == TimeUnit::Microseconds;
                session.subscribe(self.first_key(account), false)
            }
            "userDataStream.unsubscribe" => {
                match params.integer("subscriptionId")? {
                    Some(id) if !session.subscriptions.contains_key(&id) => {
                        return Err(Refusal::new(-2036, "User Data Stream subscription not active."));
                    }
                    Some(id) => session.unsubscribe(now, |known, _| known == id),
                    None => session.unsubscribe(now, |_, _| true),
                }
                Ok("{}".to_owned())
            }
            _ => Err(Refusal::new(-1020, "This operation is not supported.")),
        }
    }
}

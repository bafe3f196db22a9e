//! Listen keys: how user data was subscribed to until the venue removed it in February
//! 2026. Older clients still ask for them; they are served if the configuration says so.
//!
//! A key lives for an hour from its last renewal. An account has one at a time.

use ringfence_model::{Micros, Timestamp};

use super::call::{Ask, Call, Run};
use crate::answer::Refusal;
use crate::exchange::Exchange;

const LIFE: Micros = Micros::from_secs(3_600);

pub(super) const CALLS: &[Call] = &[
    Call::new(&[("POST", "userDataStream")], &["userDataStream.start"], |_| 2, Run::Keyed(Exchange::start_listen_key)),
    Call::new(&[("PUT", "userDataStream")], &["userDataStream.ping"], |_| 2, Run::Keyed(Exchange::ping_listen_key)),
    Call::new(&[("DELETE", "userDataStream")], &["userDataStream.stop"], |_| 2, Run::Keyed(Exchange::stop_listen_key)),
];

/// The listen key of an account.
#[derive(Debug, Clone)]
pub(crate) struct ListenKey {
    account: usize,
    key: String,
    until: Timestamp,
}

impl Exchange {
    fn start_listen_key(&mut self, account: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        let now = ask.now;
        self.listen_keys.retain(|known| known.until > now);
        let until = now.plus(LIFE);
        let known = self.listen_keys.iter_mut().find(|known| known.account == account);
        let key = match known {
            Some(known) => {
                known.until = until;
                known.key.clone()
            }
            None => {
                let key = format!("{}{}{}", self.random_id(), self.random_id(), self.random_id());
                let key = key.get(..60).unwrap_or(&key).to_owned();
                self.listen_keys.push(ListenKey { account, key: key.clone(), until });
                key
            }
        };
        Ok(format!(r#"{{"listenKey":"{key}"}}"#))
    }

    /// Place of the account's listen key that the request names.
    fn listen_key(&self, account: usize, ask: &Ask<'_>) -> Result<usize, Refusal> {
        let name = ask.params.need("listenKey")?;
        self.listen_keys
            .iter()
            .position(|known| known.account == account && known.key == name && known.until > ask.now)
            .ok_or_else(|| Refusal::new(-1125, "This listenKey does not exist."))
    }

    fn ping_listen_key(&mut self, account: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        let place = self.listen_key(account, ask)?;
        if let Some(known) = self.listen_keys.get_mut(place) {
            known.until = ask.now.plus(LIFE);
        }
        Ok("{}".to_owned())
    }

    fn stop_listen_key(&mut self, account: usize, ask: &Ask<'_>) -> Result<String, Refusal> {
        let place = self.listen_key(account, ask)?;
        self.listen_keys.remove(place);
        Ok("{}".to_owned())
    }

    /// The stream that carries the events of an account (by its first key): its listen key,
    /// if it has one.
    pub fn listen_key_of(&self, now: Timestamp, account: &str) -> Option<&str> {
        let of = |known: &ListenKey| self.accounts.get(known.account).is_some_and(|found| found.api_key == account);
        self.listen_keys.iter().find(|known| of(known) && known.until > now).map(|known| known.key.as_str())
    }
}

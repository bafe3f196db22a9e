//! Opening a socket and staying within what the venue allows there.

use std::time::Duration;

use ringfence_model::Micros;
use ringfence_wire::WireError;
use tokio::sync::watch;

use super::transport::Socket;
use super::{ClientEvent, Shared, closed, lock};
use crate::answer::TOO_MANY_ORDERS;
use crate::credentials::without_signatures;
use crate::limits::{Cost, Ended, Priority, Requester};

const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// How often a ping is sent. The venue counts pings, so none is sent at the start.
pub(super) const PING_EVERY: Duration = Duration::from_secs(15);
/// A connection without any frame for so long is dead: it should have answered pings.
pub(super) const SILENT_AFTER: Duration = Duration::from_secs(45);
/// How long the venue may take to confirm what it was asked for.
pub(super) const CONFIRM_WITHIN: Duration = Duration::from_secs(10);
/// The venue's goodbye; it promises no time after it.
pub(super) const SHUTDOWN: &str = "serverShutdown";

impl Shared {
    /// Connects when the venue's limits leave room for this weight, and never while it wants to
    /// hear nothing from this address. `Ok(None)` if the client is closed.
    pub(super) async fn open(
        &self,
        url: &str,
        weight: u64,
        stopped: &mut watch::Receiver<bool>,
    ) -> Result<Option<Socket>, String> {
        loop {
            let now = self.now();
            let wait = {
                let mut limits = lock(&self.limits);
                if limits.blocked(now).0 > 0 {
                    limits.blocked(now)
                } else if let Err(wait) = limits.connections.admit(now) {
                    wait
                } else if weight == 0 {
                    break;
                } else {
                    match limits.admit(now, Requester::Host, Priority::Cancel, Cost::query(weight)) {
                        // The venue counts it whether the socket opens or not.
                        Ok(ticket) => {
                            limits.settle(now, ticket, Ended::Counted, &[]);
                            break;
                        }
                        Err(refusal) => refusal.wait,
                    }
                }
            };
            tokio::select! {
                biased;
                () = closed(stopped) => return Ok(None),
                () = tokio::time::sleep(Duration::from_micros(wait.0)) => {}
            }
        }
        let connecting = tokio::time::timeout(CONNECT_WITHIN, self.transport.open(url.to_owned()));
        let connected = tokio::select! {
            biased;
            () = closed(stopped) => return Ok(None),
            connected = connecting => connected.map_err(|_| "no connection in time".to_owned())?,
        };
        connected.map(Some).map_err(|error| {
            if let Some(status) = error.status {
                self.heed(status, None, error.retry_after);
            }
            error.why
        })
    }

    /// Keeps silent for as long as the venue wants, if this status says that it wants that.
    pub(super) fn heed(&self, status: u16, code: Option<i64>, retry_after_seconds: Option<u64>) {
        if !matches!(status, 418 | 429) {
            return;
        }
        let (banned, orders_only) = (status == 418, code == Some(TOO_MANY_ORDERS));
        let now = self.now();
        let wait = lock(&self.limits).block(now, banned, orders_only, retry_after_seconds.map(Micros::from_secs));
        self.save_state();
        let what = if orders_only { "no order" } else { "nothing" };
        self.notice(format!("the venue says {status}: {what} is sent for {} s", wait.0.div_ceil(1_000_000)));
    }

    /// A message of this stream or connection that can't be read.
    pub(super) fn unparsed(&self, of: &str, error: &WireError) {
        self.unparsed.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        (self.sink)(ClientEvent::Unparsed { error: without_signatures(&format!("{of}: {error}")) });
    }
}

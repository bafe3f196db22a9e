//! What plugins get while a host runs: seats from the grants, and a configuration that is
//! read again when its file changes. Parameters, budgets and policies change at once; what is
//! money (symbols, allocation, limits) or wiring needs a restart, and that is told.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::SystemTime;

use ringfence_model::SeatId;
use ringfence_model::strategy::{Manifest, Value};
use ringfence_sandbox::{Operator, Refreshed, Settings, Trust};

use super::hub::HubSender;
use crate::config::Config;
use crate::grants::Grants;
use crate::view::Feed;

/// What tells one state of the file from another.
type Stamp = (u64, Option<SystemTime>);

/// Opens seats for the plugins of the folder.
pub(super) struct LiveOperator {
    grants: Grants,
    hub: HubSender,
    feed: Feed,
    seats: HashMap<String, SeatId>,
    file: Option<PathBuf>,
    read: Option<Stamp>,
    /// Seen once: taken when it still looks so the next time.
    seen: Option<Stamp>,
}

fn stamp(file: &std::path::Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.len(), metadata.modified().ok()))
}

impl LiveOperator {
    pub(super) fn new(grants: Grants, file: Option<PathBuf>, hub: HubSender, feed: Feed) -> Self {
        let read = file.as_deref().and_then(stamp);
        LiveOperator { grants, hub, feed, seats: HashMap::new(), read, seen: read, file }
    }
}

impl Operator for LiveOperator {
    fn open(&mut self, name: &str, _manifest: &Manifest) -> Result<Box<dyn ringfence_model::desk::Desk>, String> {
        let config = self.grants.seat(name)?;
        let allocation = config.allocation.clone();
        if config.permissions.order_types.is_empty() || allocation.is_empty() {
            let table = self.grants.table(name);
            let why = if allocation.is_empty() { "nothing is allocated to it" } else { "no order type is granted" };
            self.feed.say(format!("{name}: market data only: {why} in {table}; its orders are denied"));
        }
        let (seat, desk) = self.hub.open_seat(config).inspect_err(|_| self.grants.give_back(&allocation))?;
        self.seats.insert(name.to_owned(), seat);
        Ok(Box::new(desk))
    }

    fn parameters(&mut self, name: &str, manifest: &Manifest) -> Result<Vec<(String, Value)>, String> {
        self.grants.parameters(name, manifest)
    }

    fn settings(&mut self, name: &str) -> Settings {
        self.grants.settings(name)
    }

    fn refresh(&mut self) -> Refreshed {
        let Some(file) = &self.file else { return Refreshed::Same };
        let now = stamp(file);
        if now == self.read || std::mem::replace(&mut self.seen, now) != now {
            return Refreshed::Same;
        }
        self.read = now;
        match Config::read(file) {
            Ok(config) => {
                let restart = self.grants.replace(config);
                if restart.is_empty() {
                    Refreshed::Changed
                } else {
                    Refreshed::Partly(format!("{} count after a restart", restart.join(", ")))
                }
            }
            Err(error) => Refreshed::Wrong(format!("{error}; what counted before goes on")),
        }
    }

    fn trust(&self) -> Trust {
        self.grants.trust()
    }

    fn seat_id(&self, name: &str) -> Option<SeatId> {
        self.seats.get(name).copied()
    }
}

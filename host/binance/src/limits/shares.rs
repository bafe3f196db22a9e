//! Fair shares of each limit between those who ask.
//!
//! Whoever has asked lately has a claim to an equal part of what a limit leaves. Below that part
//! a request always fits; above it only into what the others can't claim any more. So one
//! plugin alone may use everything, and two of them get their halves however fast one asks. The host
//! itself keeps a quarter, however many plugins there are: a book's snapshot alone weighs 250.

use ringfence_model::{Micros, Timestamp};

use super::{COUNTERS, Requester};

/// Who has not asked for so long has no claim.
pub(super) const QUIET: Micros = Micros::from_secs(60);
/// The host's part is never less than this part of what a limit leaves: a quarter.
const HOSTS: u64 = 4;
/// How often it is looked for who has gone quiet.
const LOOK_EVERY: Micros = Micros::from_secs(1);

#[derive(Debug, Clone)]
struct Claim {
    requester: Requester,
    /// When it last asked for something of each limit.
    asked: [Timestamp; COUNTERS],
    active: [bool; COUNTERS],
    used: [u64; COUNTERS],
}

impl Claim {
    const fn new(requester: Requester) -> Self {
        let none = [Timestamp(0); COUNTERS];
        Claim { requester, asked: none, active: [false; COUNTERS], used: [0; COUNTERS] }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Shares {
    /// The host's is the first.
    claims: Vec<Claim>,
    /// Limits that the host has a claim to even when it is quiet.
    hosts: [bool; COUNTERS],
    active: [u64; COUNTERS],
    look_at: Timestamp,
    /// What all of them have used; the rest is other clients' of the same address or account.
    used: [u64; COUNTERS],
}

/// The place of a claim; good until the next look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place(usize);

impl Default for Shares {
    fn default() -> Self {
        Shares {
            claims: vec![Claim::new(Requester::Host)],
            hosts: [false; COUNTERS],
            active: [0; COUNTERS],
            look_at: Timestamp(0),
            used: [0; COUNTERS],
        }
    }
}

impl Shares {
    /// All limits begin anew. The host's questions decide what happened to orders, so it always has
    /// a claim to the limits that `hosts` names.
    pub(super) fn begin(&mut self, hosts: [bool; COUNTERS]) {
        self.hosts = hosts;
        (0..COUNTERS).for_each(|index| self.roll(index));
        self.look_at = Timestamp(0);
    }

    /// Somebody asks.
    pub(super) fn place(&mut self, now: Timestamp, requester: Requester) -> Place {
        if now >= self.look_at {
            self.look(now);
        }
        Place(self.find(requester).unwrap_or_else(|| {
            self.claims.push(Claim::new(requester));
            self.claims.len().saturating_sub(1)
        }))
    }

    fn find(&self, requester: Requester) -> Option<usize> {
        self.claims.iter().position(|claim| claim.requester == requester)
    }

    /// It asks for something of limit `index`, and has a claim to it from now on.
    pub(super) fn asked(&mut self, now: Timestamp, place: Place, index: usize) {
        let Some(claim) = self.claims.get_mut(place.0) else { return };
        let (Some(asked), Some(active), Some(all)) =
            (claim.asked.get_mut(index), claim.active.get_mut(index), self.active.get_mut(index))
        else {
            return;
        };
        *asked = now;
        if !std::mem::replace(active, true) {
            *all = all.saturating_add(1);
        }
    }

    /// Looks who has gone quiet.
    fn look(&mut self, now: Timestamp) {
        self.look_at = now.plus(LOOK_EVERY);
        self.active = [0; COUNTERS];
        for claim in &mut self.claims {
            let lately = claim.asked.iter().zip(&self.hosts).map(|(asked, hosts)| {
                (*hosts && claim.requester == Requester::Host) || (asked.0 > 0 && now.since(*asked) < QUIET)
            });
            for ((active, all), lately) in claim.active.iter_mut().zip(&mut self.active).zip(lately) {
                *active = lately;
                *all = all.saturating_add(u64::from(lately));
            }
        }
        self.claims.retain(|claim| {
            claim.requester == Requester::Host
                || claim.active.contains(&true)
                || claim.used.iter().any(|used| *used > 0)
        });
    }

    /// Whether a request fits into what `part` of limit `index` leaves to this requester.
    pub(super) fn fits(&self, index: usize, place: Place, used: u64, cost: u64, part: u64) -> bool {
        let at = |list: &[u64; COUNTERS]| list.get(index).copied().unwrap_or(0);
        let left = part.saturating_sub(used.saturating_sub(at(&self.used)));
        let active = at(&self.active).max(1);
        let is_active = |claim: &Claim| claim.active.get(index) == Some(&true);
        // However many plugins there are, what the host must know of orders and books can be asked.
        let (host, plugins) = match self.claims.first() {
            Some(host) if is_active(host) => ((left / active).max(left / HOSTS), active.saturating_sub(1)),
            _ => (0, active),
        };
        let plugin = left.saturating_sub(host) / plugins.max(1);
        let share = |place: usize| if place == 0 { host } else { plugin };
        let after = used.saturating_add(cost);
        if after <= share(place.0) {
            return true;
        }
        if self.claims.get(place.0).is_some_and(|claim| at(&claim.used).saturating_add(cost) <= share(place.0)) {
            return true;
        }
        let claimed = self
            .claims
            .iter()
            .enumerate()
            .filter(|(other, claim)| *other != place.0 && is_active(claim))
            .fold(0u64, |sum, (other, claim)| sum.saturating_add(share(other).saturating_sub(at(&claim.used))));
        after.saturating_add(claimed) <= part
    }

    pub(super) fn add(&mut self, index: usize, place: Place, cost: u64) {
        self.change(index, place.0, |used| used.saturating_add(cost));
    }

    pub(super) fn take_back(&mut self, index: usize, requester: Requester, cost: u64) {
        if cost > 0
            && let Some(place) = self.find(requester)
        {
            self.change(index, place, |used| used.saturating_sub(cost));
        }
    }

    fn change(&mut self, index: usize, place: usize, change: impl Fn(u64) -> u64) {
        let claim = self.claims.get_mut(place);
        if let (Some(mine), Some(all)) = (claim.and_then(|claim| claim.used.get_mut(index)), self.used.get_mut(index)) {
            let after = change(*mine);
            *all = all.saturating_sub(*mine).saturating_add(after);
            *mine = after;
        }
    }

    /// Limit `index` begins anew.
    pub(super) fn roll(&mut self, index: usize) {
        for used in self.claims.iter_mut().filter_map(|claim| claim.used.get_mut(index)) {
            *used = 0;
        }
        if let Some(used) = self.used.get_mut(index) {
            *used = 0;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use ringfence_model::SeatId;
    use ringfence_wire::rest::RateLimit;

    use super::*;
    use crate::limits::{Cost, Ended, Limits, Priority};

    /// Sixty plugins trade as fast as they may. A book's snapshot and the account can still be asked for.
    #[test]
    fn the_host_can_ask_however_many_plugins_trade() {
        let (kind, interval) = ("REQUEST_WEIGHT".to_owned(), "MINUTE".to_owned());
        let rule = RateLimit { rate_limit_type: kind, interval, interval_num: 1, limit: 6_000, count: None };
        let mut limits = Limits::new(&[rule]);
        let now = Timestamp(7 * 60_000_000);
        let mut ask = |requester, priority, weight| match limits.admit(now, requester, priority, Cost::query(weight)) {
            Ok(ticket) => {
                limits.settle(now, ticket, Ended::Counted, &[]);
                true
            }
            Err(_) => false,
        };
        let seats = || (0..60).map(|number| Requester::Seat(SeatId(number)));
        assert!(seats().all(|seat| ask(seat, Priority::Order, 1)), "all of them have a claim");
        let mut used = 60;
        for seat in seats() {
            while ask(seat, Priority::Order, 1) {
                used += 1;
            }
        }
        assert!(used > 3_500, "they are not kept from trading: {used}");
        assert!(ask(Requester::Host, Priority::Query, 250), "a snapshot of the book, after {used}");
        assert!(ask(Requester::Host, Priority::Query, 100), "the account and its open orders");
    }
}

//! Order lists: orders that depend on each other. Data only.

use ringfence_model::Timestamp;

use crate::fixed::Fixed;

/// How the orders of a list depend on each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contingency {
    /// One cancels the other.
    Oco,
    /// One triggers the other, or a pair of which one cancels the other.
    Oto,
}

impl Contingency {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Contingency::Oco => "OCO",
            Contingency::Oto => "OTO",
        }
    }
}

/// A list.
#[derive(Debug, Clone)]
pub(crate) struct OrderList {
    pub(crate) id: u64,
    pub(crate) account: usize,
    pub(crate) symbol: usize,
    pub(crate) client_order_id: Box<str>,
    pub(crate) contingency: Contingency,
    /// In the order of their numbers. The first of an OTO is the working order.
    pub(crate) orders: Vec<u64>,
    /// The pending orders get what the working order receives.
    pub(crate) pays_other: bool,
    /// What they got so far and holds for them, in base.
    pub(crate) received: Fixed,
    /// An OTO's pending orders were placed.
    pub(crate) phase_two: bool,
    /// Of an OCO pair, one was triggered or filled.
    pub(crate) triggered: bool,
    pub(crate) done: bool,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
}

impl OrderList {
    /// The working order of an OTO.
    pub(crate) fn working(&self) -> Option<u64> {
        match self.contingency {
            Contingency::Oto => self.orders.first().copied(),
            Contingency::Oco => None,
        }
    }

    /// The pair of an OCO or OTOCO, or the one pending order of an OTO.
    pub(crate) fn legs(&self) -> &[u64] {
        match self.contingency {
            Contingency::Oco => &self.orders,
            Contingency::Oto => self.orders.get(1..).unwrap_or_default(),
        }
    }

    /// The other one of a pair.
    pub(crate) fn other_leg(&self, order: u64) -> Option<u64> {
        let legs = self.legs();
        legs.contains(&order).then(|| legs.iter().copied().find(|leg| *leg != order)).flatten()
    }

    pub(crate) const fn status_type(&self) -> &'static str {
        if self.done { "ALL_DONE" } else { "EXEC_STARTED" }
    }

    pub(crate) const fn order_status(&self) -> &'static str {
        if self.done { "ALL_DONE" } else { "EXECUTING" }
    }
}

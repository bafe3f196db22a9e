//! All orders, lists, trades and what else is asked for later, with an index for each
//! question, so that no answer looks at what it does not tell.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

use super::list::OrderList;
use super::{Amendment, Order, OwnTrade, PreventedMatch};
use crate::fixed::Fixed;
use ringfence_model::Side;

/// Done orders that queries still find.
const KEPT_ORDERS: usize = 20_000;
/// Trades that `myTrades` still finds, for each account and symbol.
const KEPT_TRADES: usize = 20_000;
/// Lists that queries still find.
const KEPT_LISTS: usize = 10_000;
/// Prevented matches that queries still find.
const KEPT_PREVENTED: usize = 10_000;

/// Order numbers count up; spreading them costs less than a general hash.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }
}

type ByNumber<T> = HashMap<u64, T, BuildHasherDefault<NumberHasher>>;

/// What an account has on one symbol.
#[derive(Debug, Clone, Default)]
pub(crate) struct Desk {
    /// Open orders by age.
    pub(crate) open: BTreeSet<u64>,
    /// All kept orders by age.
    pub(crate) all: BTreeSet<u64>,
    pub(crate) trades: VecDeque<OwnTrade>,
    pub(crate) counts: Counts,
}

/// Open orders as the filters count them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) orders: u32,
    pub(crate) algo: u32,
    pub(crate) icebergs: u32,
    pub(crate) lists: u32,
    /// Quantity of open buys.
    pub(crate) buying: Fixed,
}

impl Counts {
    fn add(&mut self, order: &Order) {
        self.orders = self.orders.saturating_add(1);
        self.algo = self.algo.saturating_add(u32::from(order.order_type.is_contingent()));
        self.icebergs = self.icebergs.saturating_add(u32::from(order.iceberg.is_some()));
    }

    fn remove(&mut self, order: &Order) {
        self.orders = self.orders.saturating_sub(1);
        self.algo = self.algo.saturating_sub(u32::from(order.order_type.is_contingent()));
        self.icebergs = self.icebergs.saturating_sub(u32::from(order.iceberg.is_some()));
    }
}

/// Names that a client gave.
type Names = HashMap<Box<str>, u64>;

/// One account's part.
#[derive(Debug, Clone, Default)]
struct Part {
    desks: Vec<Desk>,
    total: Counts,
    /// Newest order of each client order id.
    names: Names,
    /// Newest list of each list client order id.
    list_names: Names,
    open_lists: BTreeSet<u64>,
    lists: BTreeSet<u64>,
}

/// All orders. Nothing here decides anything.
#[derive(Debug, Clone)]
pub(crate) struct Orders {
    orders: ByNumber<Order>,
    parts: Vec<Part>,
    done: VecDeque<u64>,
    lists: BTreeMap<u64, OrderList>,
    done_lists: VecDeque<u64>,
    amendments: ByNumber<Vec<Amendment>>,
    /// By symbol.
    prevented: Vec<VecDeque<PreventedMatch>>,
    next_order: u64,
    next_list: u64,
}

impl Orders {
    pub(crate) fn new(accounts: usize, symbols: usize) -> Self {
        let part = Part { desks: vec![Desk::default(); symbols], ..Part::default() };
        Orders {
            orders: HashMap::default(),
            parts: vec![part; accounts],
            done: VecDeque::new(),
            lists: BTreeMap::new(),
            done_lists: VecDeque::new(),
            amendments: HashMap::default(),
            prevented: vec![VecDeque::new(); symbols],
            next_order: 1,
            next_list: 0,
        }
    }

    /// The number of the next order.
    pub(crate) fn number(&mut self) -> u64 {
        let id = self.next_order;
        self.next_order = id.saturating_add(1);
        id
    }

    /// The number of the next list.
    pub(crate) fn list_number(&mut self) -> u64 {
        let id = self.next_list;
        self.next_list = id.saturating_add(1);
        id
    }

    pub(crate) fn get(&self, id: u64) -> Option<&Order> {
        self.orders.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: u64) -> Option<&mut Order> {
        self.orders.get_mut(&id)
    }

    pub(crate) fn desk(&self, account: usize, symbol: usize) -> Option<&Desk> {
        self.parts.get(account)?.desks.get(symbol)
    }

    fn desk_mut(&mut self, account: usize, symbol: usize) -> Option<&mut Desk> {
        self.parts.get_mut(account)?.desks.get_mut(symbol)
    }

    /// Open orders of an account over all symbols.
    pub(crate) fn total(&self, account: usize) -> Counts {
        self.parts.get(account).map(|part| part.total).unwrap_or_default()
    }

    /// Takes an open order in.
    pub(crate) fn insert(&mut self, order: Order) {
        if let Some(part) = self.parts.get_mut(order.account) {
            part.total.add(&order);
            part.names.insert(order.client_order_id.clone(), order.id);
            if let Some(desk) = part.desks.get_mut(order.symbol) {
                desk.counts.add(&order);
                if order.side == Side::Buy {
                    desk.counts.buying += order.quantity.unwrap_or(Fixed::ZERO);
                }
                desk.open.insert(order.id);
                desk.all.insert(order.id);
            }
        }
        self.orders.insert(order.id, order);
    }

    /// An open order has another quantity.
    pub(crate) fn buying_changed(&mut self, account: usize, symbol: usize, less: Fixed) {
        if let Some(desk) = self.desk_mut(account, symbol) {
            desk.counts.buying -= less;
        }
    }

    /// An order is over; the oldest ones are dropped.
    pub(crate) fn close(&mut self, id: u64) {
        let Some(order) = self.orders.get(&id) else {
            return;
        };
        let Some(part) = self.parts.get_mut(order.account) else {
            return;
        };
        let Some(desk) = part.desks.get_mut(order.symbol) else {
            return;
        };
        if !desk.open.remove(&id) {
            return;
        }
        desk.counts.remove(order);
        part.total.remove(order);
        if order.side == Side::Buy {
            desk.counts.buying -= order.quantity.unwrap_or(Fixed::ZERO);
        }
        self.done.push_back(id);
        if self.done.len() > KEPT_ORDERS
            && let Some(old) = self.done.pop_front()
        {
            self.drop_order(old);
        }
    }

    fn drop_order(&mut self, id: u64) {
        let Some(order) = self.orders.remove(&id) else {
            return;
        };
        self.amendments.remove(&id);
        if let Some(part) = self.parts.get_mut(order.account) {
            if part.names.get(&order.client_order_id) == Some(&id) {
                part.names.remove(&order.client_order_id);
            }
            if let Some(desk) = part.desks.get_mut(order.symbol) {
                desk.all.remove(&id);
            }
        }
    }

    /// The newest order of a name.
    pub(crate) fn by_name(&self, account: usize, name: &str) -> Option<&Order> {
        self.orders.get(self.parts.get(account)?.names.get(name)?)
    }

    /// The open order of a name.
    pub(crate) fn open_by_name(&self, account: usize, name: &str) -> Option<u64> {
        self.by_name(account, name).filter(|order| order.status.is_open()).map(|order| order.id)
    }

    /// An order is called otherwise from now on.
    pub(crate) fn rename(&mut self, id: u64, name: &str) {
        let Some(order) = self.orders.get_mut(&id) else {
            return;
        };
        let old = std::mem::replace(&mut order.client_order_id, name.into());
        if let Some(part) = self.parts.get_mut(order.account) {
            if part.names.get(&old) == Some(&id) {
                part.names.remove(&old);
            }
            part.names.insert(name.into(), id);
        }
    }

    /// Open orders of an account on one symbol or on all, oldest first.
    pub(crate) fn open(&self, account: usize, symbol: Option<usize>) -> Vec<u64> {
        let Some(part) = self.parts.get(account) else {
            return Vec::new();
        };
        match symbol {
            Some(symbol) => part.desks.get(symbol).map(|desk| desk.open.iter().copied().collect()).unwrap_or_default(),
            None => {
                let mut open: Vec<u64> = part.desks.iter().flat_map(|desk| desk.open.iter().copied()).collect();
                open.sort_unstable();
                open
            }
        }
    }

    pub(crate) fn trade(&mut self, trade: OwnTrade) {
        if let Some(desk) = self.desk_mut(trade.account, trade.symbol) {
            desk.trades.push_back(trade);
            if desk.trades.len() > KEPT_TRADES {
                desk.trades.pop_front();
            }
        }
    }

    pub(crate) fn amended(&mut self, id: u64, amendment: Amendment) {
        self.amendments.entry(id).or_default().push(amendment);
    }

    pub(crate) fn amendments(&self, id: u64) -> &[Amendment] {
        self.amendments.get(&id).map(Vec::as_slice).unwrap_or_default()
    }

    pub(crate) fn prevented(&mut self, prevented: PreventedMatch) {
        if let Some(rows) = self.prevented.get_mut(prevented.symbol) {
            rows.push_back(prevented);
            if rows.len() > KEPT_PREVENTED {
                rows.pop_front();
            }
        }
    }

    /// Prevented matches of a symbol, oldest first.
    pub(crate) fn prevented_matches(&self, symbol: usize) -> impl DoubleEndedIterator<Item = &PreventedMatch> {
        self.prevented.get(symbol).into_iter().flatten()
    }

    pub(crate) fn list(&self, id: u64) -> Option<&OrderList> {
        self.lists.get(&id)
    }

    pub(crate) fn list_mut(&mut self, id: u64) -> Option<&mut OrderList> {
        self.lists.get_mut(&id)
    }

    pub(crate) fn insert_list(&mut self, list: OrderList) {
        if let Some(part) = self.parts.get_mut(list.account) {
            part.total.lists = part.total.lists.saturating_add(1);
            part.list_names.insert(list.client_order_id.clone(), list.id);
            part.open_lists.insert(list.id);
            part.lists.insert(list.id);
            if let Some(desk) = part.desks.get_mut(list.symbol) {
                desk.counts.lists = desk.counts.lists.saturating_add(1);
            }
        }
        self.lists.insert(list.id, list);
    }

    /// A list is over; the oldest ones are dropped.
    pub(crate) fn close_list(&mut self, id: u64) {
        let Some(list) = self.lists.get(&id) else {
            return;
        };
        if let Some(part) = self.parts.get_mut(list.account) {
            if !part.open_lists.remove(&id) {
                return;
            }
            part.total.lists = part.total.lists.saturating_sub(1);
            if let Some(desk) = part.desks.get_mut(list.symbol) {
                desk.counts.lists = desk.counts.lists.saturating_sub(1);
            }
        }
        self.done_lists.push_back(id);
        if self.done_lists.len() > KEPT_LISTS
            && let Some(old) = self.done_lists.pop_front()
            && let Some(list) = self.lists.remove(&old)
            && let Some(part) = self.parts.get_mut(list.account)
        {
            part.lists.remove(&old);
            if part.list_names.get(&list.client_order_id) == Some(&old) {
                part.list_names.remove(&list.client_order_id);
            }
        }
    }

    /// The newest list of a name.
    pub(crate) fn list_by_name(&self, account: usize, name: &str) -> Option<&OrderList> {
        self.lists.get(self.parts.get(account)?.list_names.get(name)?)
    }

    /// Lists of an account, newest last.
    pub(crate) fn lists_of(&self, account: usize, open_only: bool) -> impl DoubleEndedIterator<Item = &OrderList> {
        let ids = self.parts.get(account).map(|part| if open_only { &part.open_lists } else { &part.lists });
        ids.into_iter().flatten().filter_map(|id| self.lists.get(id))
    }

    /// Every order that is kept; the order is that of their numbers.
    #[cfg(test)]
    pub(crate) fn all(&self) -> Vec<&Order> {
        let mut all: Vec<_> = self.orders.values().collect();
        all.sort_by_key(|order| order.id);
        all
    }
}

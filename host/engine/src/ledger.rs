//! One plugin's money: its allocation, what its open orders reserve, what its fills
//! changed. Exact; nothing is rounded and nothing is guessed.

use std::collections::{BTreeMap, HashMap};

use ringfence_model::event::Fill;
use ringfence_model::{Balance, Decimal, Instrument, InstrumentId, Position, Side};

/// Allocation, reservations and positions.
#[derive(Debug, Clone)]
pub struct Ledger {
    initial: BTreeMap<String, Decimal>,
    total: BTreeMap<String, Decimal>,
    locked: BTreeMap<String, Decimal>,
    positions: BTreeMap<u32, Holding>,
    instruments: HashMap<InstrumentId, (String, String)>,
}

/// A position as it is kept: cost instead of an average, so that nothing is rounded until it is shown.
#[derive(Debug, Clone, Copy, Default)]
struct Holding {
    quantity: Decimal,
    /// What the open quantity cost (sign of the quantity).
    cost: Decimal,
    realised: Decimal,
}

impl Holding {
    /// A change of quantity at a price.
    fn change(&mut self, quantity: Decimal, price: Decimal) {
        let adds = self.quantity.is_zero() || self.quantity.is_sign_negative() == quantity.is_sign_negative();
        let value = quantity.saturating_mul(price);
        if adds {
            self.quantity = self.quantity.saturating_add(quantity);
            self.cost = self.cost.saturating_add(value);
            return;
        }
        // The part that closes; the rest, if any, opens the other side.
        let closing = if quantity.abs() <= self.quantity.abs() { quantity } else { -self.quantity };
        let cost_of_closed = if closing == -self.quantity {
            self.cost
        } else {
            // Not zero: `adds` covers an empty position.
            self.cost.saturating_mul(closing.abs()).checked_div(self.quantity.abs()).unwrap_or_default()
        };
        let proceeds = -closing.saturating_mul(price);
        self.realised = self.realised.saturating_add(proceeds.saturating_sub(cost_of_closed));
        self.quantity = self.quantity.saturating_add(closing);
        self.cost = self.cost.saturating_sub(cost_of_closed);
        let rest = quantity.saturating_sub(closing);
        if !rest.is_zero() {
            self.quantity = rest;
            self.cost = rest.saturating_mul(price);
        }
    }
}

impl Ledger {
    /// A ledger with its allocation and nothing else.
    pub fn new(allocation: &[(String, Decimal)], instruments: &[Instrument]) -> Self {
        let mut initial = BTreeMap::new();
        for (asset, amount) in allocation {
            let entry: &mut Decimal = initial.entry(asset.clone()).or_default();
            *entry = entry.saturating_add(*amount);
        }
        Ledger {
            total: initial.clone(),
            initial,
            locked: BTreeMap::new(),
            positions: BTreeMap::new(),
            instruments: instruments.iter().map(|i| (i.id, (i.base.clone(), i.quote.clone()))).collect(),
        }
    }

    /// What may be spent of an asset; negative if fills took more than was reserved.
    pub fn free(&self, asset: &str) -> Decimal {
        let of = |map: &BTreeMap<String, Decimal>| map.get(asset).copied().unwrap_or_default();
        of(&self.total).saturating_sub(of(&self.locked))
    }

    /// Changes what open orders hold of an asset.
    pub fn lock(&mut self, asset: &str, change: Decimal) {
        if !change.is_zero() {
            let entry = self.locked.entry(asset.to_owned()).or_default();
            *entry = entry.saturating_add(change);
        }
    }

    /// What open orders hold of an asset.
    pub fn locked(&self, asset: &str) -> Decimal {
        self.locked.get(asset).copied().unwrap_or_default()
    }

    fn add(&mut self, asset: &str, change: Decimal) {
        let entry = self.total.entry(asset.to_owned()).or_default();
        *entry = entry.saturating_add(change);
    }

    /// Books a fill; the assets that it changed.
    pub fn fill(&mut self, fill: &Fill) -> Vec<String> {
        let Some((base, quote)) = self.instruments.get(&fill.instrument).cloned() else {
            return Vec::new();
        };
        let signed = match fill.side {
            Side::Buy => fill.quantity,
            Side::Sell => -fill.quantity,
        };
        self.add(&base, signed);
        self.add(&quote, -signed.saturating_mul(fill.price));
        let holding = self.positions.entry(fill.instrument.0).or_default();
        holding.change(signed, fill.price);
        let mut assets = vec![base.clone(), quote.clone()];
        if !fill.commission.is_zero() {
            if fill.commission_asset == base {
                // Leaves the position without proceeds, which is a loss of what it cost; a short
                // grows by it at no proceeds, a loss that shows when it is bought back.
                holding.change(-fill.commission, Decimal::ZERO);
            } else if fill.commission_asset == quote {
                holding.realised = holding.realised.saturating_sub(fill.commission);
            }
            let asset = fill.commission_asset.clone();
            self.add(&asset, -fill.commission);
            if !assets.contains(&asset) {
                assets.push(asset);
            }
        }
        assets
    }

    /// An asset's balance.
    pub fn balance(&self, asset: &str) -> Balance {
        Balance { asset: asset.to_owned(), free: self.free(asset), locked: self.locked(asset) }
    }

    /// All assets of the allocation and those that fills brought.
    pub fn balances(&self) -> Vec<Balance> {
        self.total.keys().map(|asset| self.balance(asset)).collect()
    }

    /// Signed quantity in base.
    pub fn quantity(&self, instrument: InstrumentId) -> Decimal {
        self.positions.get(&instrument.0).map(|holding| holding.quantity).unwrap_or_default()
    }

    /// One position.
    pub fn position(&self, instrument: InstrumentId) -> Position {
        let holding = self.positions.get(&instrument.0).copied().unwrap_or_default();
        Position {
            instrument,
            quantity: holding.quantity,
            average_price: holding.cost.checked_div(holding.quantity).unwrap_or_default(),
            realised_pnl: holding.realised,
        }
    }

    /// Every position that was ever opened.
    pub fn positions(&self) -> Vec<Position> {
        self.positions.keys().map(|id| self.position(InstrumentId(*id))).collect()
    }

    /// What fills and commissions changed, by asset; zero ones left out.
    pub fn changes(&self) -> Vec<(String, Decimal)> {
        self.total
            .iter()
            .map(|(asset, total)| {
                (asset.clone(), total.saturating_sub(self.initial.get(asset).copied().unwrap_or_default()))
            })
            .filter(|(_, change)| !change.is_zero())
            .collect()
    }

    /// Realised and unrealised profit and loss at these prices; a position without a price counts at cost.
    pub fn pnl(&self, price: impl Fn(InstrumentId) -> Option<Decimal>) -> Decimal {
        self.positions.iter().fold(Decimal::ZERO, |sum, (id, holding)| {
            let value = price(InstrumentId(*id)).map_or(holding.cost, |price| holding.quantity.saturating_mul(price));
            sum.saturating_add(holding.realised).saturating_add(value.saturating_sub(holding.cost))
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ringfence_model::{OrderId, OrderStatus};

    pub(crate) fn instrument() -> Instrument {
        let zero = Decimal::ZERO;
        Instrument {
            id: InstrumentId(0),
            symbol: "BTCUSDT".into(),
            base: "BTC".into(),
            quote: "USDT".into(),
            price_scale: 2,
            quantity_scale: 5,
            tick_size: Decimal::new(1, 2),
            min_price: zero,
            max_price: zero,
            step_size: Decimal::new(1, 5),
            min_quantity: zero,
            max_quantity: zero,
            market_max_quantity: zero,
            min_notional: zero,
            max_notional: zero,
            min_notional_on_market: false,
            max_open_orders: 0,
            trading: true,
            filters: ringfence_model::instrument::Filters::default(),
        }
    }

    fn fill(side: Side, price: i64, quantity: i64, commission: i64, asset: &str) -> Fill {
        Fill {
            order: OrderId(1),
            instrument: InstrumentId(0),
            side,
            trade_id: 1,
            price: Decimal::new(price, 2),
            quantity: Decimal::new(quantity, 5),
            commission: Decimal::new(commission, 8),
            commission_asset: asset.into(),
            maker: false,
            status: OrderStatus::Filled,
            recovered: false,
        }
    }

    #[test]
    fn a_round_trip_realises_the_difference_and_the_commissions() {
        let mut ledger = Ledger::new(&[("USDT".into(), Decimal::from(1_000))], &[instrument()]);
        ledger.fill(&fill(Side::Buy, 10_000, 100_000, 0, "BTC")); // 1 at 100
        ledger.fill(&fill(Side::Sell, 11_000, 100_000, 11_000_000, "USDT")); // 1 at 110, 0.11 commission
        let position = ledger.position(InstrumentId(0));
        assert_eq!(position.quantity, Decimal::ZERO);
        assert_eq!(position.realised_pnl, Decimal::new(989, 2));
        assert_eq!(ledger.changes(), [("USDT".to_owned(), Decimal::new(989, 2))]);
    }

    #[test]
    fn a_position_may_turn_over() {
        let mut ledger = Ledger::new(&[], &[instrument()]);
        ledger.fill(&fill(Side::Buy, 10_000, 100_000, 0, "BTC"));
        ledger.fill(&fill(Side::Sell, 12_000, 300_000, 0, "USDT"));
        let position = ledger.position(InstrumentId(0));
        assert_eq!(position.quantity, Decimal::from(-2));
        assert_eq!(position.average_price, Decimal::from(120));
        assert_eq!(position.realised_pnl, Decimal::from(20));
    }

    proptest! {
        /// However the fills fall: profit and loss is exactly what the assets are worth now, less what they were.
        #[test]
        fn pnl_is_the_change_of_wealth(
            fills in prop::collection::vec((any::<bool>(), 1i64..20_000, 1i64..100_000, 0i64..5_000, any::<bool>()), 1..40),
            last in 1i64..20_000,
        ) {
            let mut ledger = Ledger::new(&[], &[instrument()]);
            for (buy, price, quantity, commission, in_base) in fills {
                let side = if buy { Side::Buy } else { Side::Sell };
                ledger.fill(&fill(side, price, quantity, commission, if in_base { "BTC" } else { "USDT" }));
            }
            let last = Decimal::new(last, 2);
            let changes: BTreeMap<_, _> = ledger.changes().into_iter().collect();
            let of = |asset: &str| changes.get(asset).copied().unwrap_or_default();
            let wealth = of("USDT") + of("BTC") * last;
            let pnl = ledger.pnl(|_| Some(last));
            // Splitting a cost in two may cut the last of 28 digits.
            prop_assert!((wealth - pnl).abs() < Decimal::new(1, 15), "{} {}", wealth, pnl);
            prop_assert_eq!(ledger.quantity(InstrumentId(0)), of("BTC"));
        }
    }
}

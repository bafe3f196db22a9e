//! The filters of a symbol on new orders, with the venue's formulas and words.
//!
//! Source: Binance, "Filters". The rules are the configuration in exact units, made once.

use ringfence_model::{Decimal, Side};

use crate::answer::Refusal;
use crate::config::SymbolConfig;
use crate::config::filters::{ExchangeFilters, LotSize, TrailingDelta};
use crate::fixed::Fixed;
use crate::order::OrderType;
use crate::order::store::Counts;

#[derive(Debug, Clone, Copy)]
struct Lot {
    min: Fixed,
    max: Fixed,
    step: Fixed,
}

impl Lot {
    fn new(lot: &LotSize) -> Self {
        Lot { min: Fixed::floor(lot.min), max: Fixed::floor(lot.max), step: Fixed::floor(lot.step) }
    }

    fn fits(&self, quantity: Fixed) -> bool {
        quantity >= self.min && quantity <= self.max && quantity.fits(self.step)
    }
}

#[derive(Debug, Clone, Copy)]
struct Band {
    up: Fixed,
    down: Fixed,
}

impl Band {
    fn new(up: Decimal, down: Decimal) -> Self {
        Band { up: Fixed::floor(up), down: Fixed::floor(down) }
    }

    fn holds(&self, price: Fixed, reference: Fixed) -> bool {
        price <= reference.times(self.up) && price >= reference.times(self.down)
    }
}

/// Bounds on the notional.
#[derive(Debug, Clone, Copy)]
struct NotionalRule {
    name: &'static str,
    min: Fixed,
    min_on_market: bool,
    max: Fixed,
    max_on_market: bool,
    minutes: u32,
}

/// A symbol's rules.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) tick: Fixed,
    min_price: Fixed,
    max_price: Fixed,
    lot: Lot,
    market_lot: Option<Lot>,
    iceberg_parts: Option<u32>,
    trailing: Option<TrailingDelta>,
    percent: Option<(Band, u32)>,
    percent_by_side: Option<(Band, Band, u32)>,
    notional: [Option<NotionalRule>; 2],
    max_orders: Option<u32>,
    max_lists: Option<u32>,
    max_algo: Option<u32>,
    max_icebergs: Option<u32>,
    max_amends: Option<u32>,
    max_position: Option<Fixed>,
}

/// An order as the filters look at it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checked {
    pub(crate) side: Side,
    pub(crate) order_type: OrderType,
    /// Limit price, if it has one.
    pub(crate) price: Option<Fixed>,
    pub(crate) stop_price: Option<Fixed>,
    /// Base quantity, if it is known.
    pub(crate) quantity: Option<Fixed>,
    pub(crate) quote_quantity: Option<Fixed>,
    pub(crate) iceberg: Option<Fixed>,
    pub(crate) trailing: Option<u32>,
}

fn pass(fits: bool, name: &str) -> Result<(), Refusal> {
    if fits { Ok(()) } else { Err(Refusal::filter(name)) }
}

fn below(count: u32, more: u32, most: Option<u32>, name: &str) -> Result<(), Refusal> {
    pass(most.is_none_or(|most| count.saturating_add(more) <= most), name)
}

impl Rules {
    pub(crate) fn new(config: &SymbolConfig) -> Self {
        let filters = &config.filters;
        let (fixed, zero) = (Fixed::floor, Fixed::ZERO);
        Rules {
            tick: fixed(filters.price.tick),
            min_price: fixed(filters.price.min),
            max_price: fixed(filters.price.max),
            lot: Lot::new(&filters.lot_size),
            market_lot: filters.market_lot_size.as_ref().map(Lot::new),
            iceberg_parts: filters.iceberg_parts,
            trailing: filters.trailing_delta,
            percent: filters.percent_price.map(|rule| (Band::new(rule.up, rule.down), rule.minutes)),
            percent_by_side: filters.percent_price_by_side.map(|rule| {
                (Band::new(rule.bid_up, rule.bid_down), Band::new(rule.ask_up, rule.ask_down), rule.minutes)
            }),
            notional: [
                filters.notional.map(|rule| NotionalRule {
                    name: "NOTIONAL",
                    min: fixed(rule.min),
                    min_on_market: rule.min_on_market,
                    max: fixed(rule.max),
                    max_on_market: rule.max_on_market,
                    minutes: rule.minutes,
                }),
                filters.min_notional.map(|rule| NotionalRule {
                    name: "MIN_NOTIONAL",
                    min: fixed(rule.min),
                    min_on_market: rule.on_market,
                    max: zero,
                    max_on_market: false,
                    minutes: rule.minutes,
                }),
            ],
            max_orders: filters.max_num_orders,
            max_lists: filters.max_num_order_lists,
            max_algo: filters.max_num_algo_orders,
            max_icebergs: filters.max_num_iceberg_orders,
            max_amends: filters.max_num_order_amends,
            max_position: filters.max_position.map(fixed),
        }
    }

    /// LOT_SIZE's `stepSize`.
    pub(crate) fn step(&self) -> Fixed {
        self.lot.step
    }

    /// LOT_SIZE's `minQty`.
    pub(crate) fn min_quantity(&self) -> Fixed {
        self.lot.min
    }

    /// A received quantity cut to what LOT_SIZE (and MARKET_LOT_SIZE) take.
    pub(crate) fn cut(&self, quantity: Fixed, market: bool) -> Fixed {
        let quantity = quantity.min(self.lot.max).cut(self.lot.step);
        match self.market_lot {
            Some(lot) if market => quantity.min(lot.max).cut(lot.step),
            _ => quantity,
        }
    }

    fn price(&self, price: Fixed) -> Result<(), Refusal> {
        let above = self.min_price.is_zero() || price >= self.min_price;
        let below = self.max_price.is_zero() || price <= self.max_price;
        pass(above && below && price.fits(self.tick), "PRICE_FILTER")
    }

    /// PRICE_FILTER and PERCENT_PRICE of one price. `reference` tells the average price of
    /// so many minutes.
    pub(crate) fn prices(
        &self,
        side: Side,
        price: Fixed,
        reference: &dyn Fn(u32) -> Option<Fixed>,
    ) -> Result<(), Refusal> {
        self.price(price)?;
        let within = |band: Band, minutes| reference(minutes).is_none_or(|reference| band.holds(price, reference));
        if let Some((band, minutes)) = self.percent {
            pass(within(band, minutes), "PERCENT_PRICE")?;
        }
        if let Some((bid, ask, minutes)) = self.percent_by_side {
            let band = if side == Side::Buy { bid } else { ask };
            pass(within(band, minutes), "PERCENT_PRICE_BY_SIDE")?;
        }
        Ok(())
    }

    /// NOTIONAL and MIN_NOTIONAL.
    pub(crate) fn notional(&self, notional: &dyn Fn(u32) -> Option<Fixed>, is_market: bool) -> Result<(), Refusal> {
        for rule in self.notional.iter().flatten() {
            let Some(notional) = notional(rule.minutes) else {
                continue;
            };
            let (low, high) = (!is_market || rule.min_on_market, !is_market || rule.max_on_market);
            pass(!low || notional >= rule.min, rule.name)?;
            pass(!high || rule.max.is_zero() || notional <= rule.max, rule.name)?;
        }
        Ok(())
    }

    /// Everything that the order itself must pass; what is open already is for
    /// [`Rules::counts`].
    pub(crate) fn order(&self, order: &Checked, reference: &dyn Fn(u32) -> Option<Fixed>) -> Result<(), Refusal> {
        if let Some(price) = order.price {
            self.prices(order.side, price, reference)?;
        }
        if let Some(stop) = order.stop_price {
            self.price(stop)?;
        }
        if let Some(quantity) = order.quantity {
            pass(self.lot.fits(quantity), "LOT_SIZE")?;
            if let Some(iceberg) = order.iceberg {
                if iceberg > quantity {
                    return Err(Refusal::rejected("IcebergQty exceeds QTY."));
                }
                pass(self.lot.fits(iceberg), "LOT_SIZE")?;
            }
            if order.order_type.is_market() {
                pass(self.market_lot.is_none_or(|lot| lot.fits(quantity)), "MARKET_LOT_SIZE")?;
            }
        }
        let is_market = order.order_type.is_market();
        let price = |minutes| order.price.or(order.stop_price.filter(|_| is_market)).or_else(|| reference(minutes));
        self.notional(
            &|minutes| match (order.quote_quantity, order.quantity) {
                (Some(notional), _) => Some(notional),
                (None, Some(quantity)) => price(minutes).map(|price| price.times(quantity)),
                (None, None) => None,
            },
            is_market,
        )?;
        if let (Some(iceberg), Some(quantity)) = (order.iceberg, order.quantity) {
            let parts = quantity.parts(iceberg);
            pass(self.iceberg_parts.is_none_or(|most| parts <= i128::from(most)), "ICEBERG_PARTS")?;
        }
        if let (Some(delta), Some(bounds)) = (order.trailing, self.trailing) {
            let (min, max) = if order.order_type.triggers_above(order.side) {
                (bounds.min_above, bounds.max_above)
            } else {
                (bounds.min_below, bounds.max_below)
            };
            pass(delta >= min && delta <= max, "TRAILING_DELTA")?;
        }
        Ok(())
    }

    /// What an account may have open; `more` is what would come.
    pub(crate) fn counts(
        &self,
        open: Counts,
        total: Counts,
        more: Counts,
        exchange: &ExchangeFilters,
    ) -> Result<(), Refusal> {
        below(open.orders, more.orders, self.max_orders, "MAX_NUM_ORDERS")?;
        below(total.orders, more.orders, exchange.max_num_orders, "EXCHANGE_MAX_NUM_ORDERS")?;
        if more.algo > 0 {
            below(open.algo, more.algo, self.max_algo, "MAX_NUM_ALGO_ORDERS")?;
            below(total.algo, more.algo, exchange.max_num_algo_orders, "EXCHANGE_MAX_NUM_ALGO_ORDERS")?;
        }
        if more.icebergs > 0 {
            below(open.icebergs, more.icebergs, self.max_icebergs, "MAX_NUM_ICEBERG_ORDERS")?;
            below(total.icebergs, more.icebergs, exchange.max_num_iceberg_orders, "EXCHANGE_MAX_NUM_ICEBERG_ORDERS")?;
        }
        if more.lists > 0 {
            below(open.lists, more.lists, self.max_lists, "MAX_NUM_ORDER_LISTS")?;
            below(total.lists, more.lists, exchange.max_num_order_lists, "EXCHANGE_MAX_NUM_ORDER_LISTS")?;
        }
        Ok(())
    }

    /// MAX_POSITION; `position` is what the account has and its open buys.
    pub(crate) fn position(&self, position: Fixed, more: Fixed) -> Result<(), Refusal> {
        pass(self.max_position.is_none_or(|most| position + more <= most), "MAX_POSITION")
    }

    /// The quantity of an amendment, and how often an order may be amended.
    pub(crate) fn amendment(&self, amendments: u32) -> Result<(), Refusal> {
        if self.max_amends.is_some_and(|most| amendments >= most) {
            return Err(Refusal::new(-2038, "Filter failure: MAX_NUM_ORDER_AMENDS"));
        }
        Ok(())
    }

    /// LOT_SIZE alone.
    pub(crate) fn quantity(&self, quantity: Fixed) -> Result<(), Refusal> {
        pass(self.lot.fits(quantity), "LOT_SIZE")
    }
}

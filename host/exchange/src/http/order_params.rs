//! Parameters of new orders, alone or as a leg of a list (then their names carry the
//! leg's prefix). What is wrong with their form is refused here.

use ringfence_model::{Side, TimeInForce};
use ringfence_wire::enums;

use super::params::Params;
use crate::answer::Refusal;
use crate::fixed::Fixed;
use crate::matching::SelfTrade;
use crate::order::{OrderType, Peg};
use crate::payload::orders::ResponseType;
use crate::trading::{Placement, Size};

/// Values below are reserved.
const LEAST_STRATEGY_TYPE: u64 = 1_000_000;
/// Levels that a peg may stand behind the best one.
const DEEPEST_PEG: u64 = 100;

/// What all orders of a request share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Common {
    pub(super) account: usize,
    pub(super) symbol: usize,
    pub(super) self_trade: SelfTrade,
}

/// Parameters of one order.
#[derive(Debug, Clone, Copy)]
pub(super) struct OrderParams<'a> {
    params: &'a Params,
    prefix: &'a str,
}

impl Params {
    /// An exact amount, not below zero.
    pub(super) fn amount(&self, name: &str) -> Result<Option<Fixed>, Refusal> {
        let Some(value) = self.decimal(name)? else {
            return Ok(None);
        };
        if value.normalize().scale() > 8 {
            return Err(Refusal::new(-1111, format!("Parameter '{name}' has too much precision.")));
        }
        Fixed::exact(value).map(Some).ok_or_else(|| Refusal::new(-1108, format!("Parameter '{name}' overflowed.")))
    }

    pub(super) fn self_trade(&self) -> Result<SelfTrade, Refusal> {
        match self.get("selfTradePreventionMode") {
            None => Ok(SelfTrade::ALL[0]),
            Some(word) => SelfTrade::read(word).ok_or_else(|| {
                Refusal::new(-1013, "This symbol does not allow the specified self-trade prevention mode.")
            }),
        }
    }

    /// `newOrderRespType`, or the one that the order's type brings.
    pub(super) fn response_type(&self, usual: ResponseType) -> Result<ResponseType, Refusal> {
        match self.get("newOrderRespType") {
            None => Ok(usual),
            Some("ACK") => Ok(ResponseType::Ack),
            Some("RESULT") => Ok(ResponseType::Result),
            Some("FULL") => Ok(ResponseType::Full),
            Some(_) => Err(Refusal::new(-1130, "Data sent for parameter 'newOrderRespType' is not valid.")),
        }
    }
}

/// A word that must be there.
pub(super) fn side(params: &Params, name: &str) -> Result<Side, Refusal> {
    enums::side(params.need(name)?).ok_or_else(|| Refusal::new(-1117, "Invalid side."))
}

pub(super) fn order_type(params: &Params, name: &str) -> Result<OrderType, Refusal> {
    OrderType::read(params.need(name)?).ok_or_else(|| Refusal::new(-1116, "Invalid orderType."))
}

impl<'a> OrderParams<'a> {
    pub(super) fn new(params: &'a Params, prefix: &'a str) -> Self {
        OrderParams { params, prefix }
    }

    /// A parameter's name with the leg's prefix: `stopPrice` of `above` is `aboveStopPrice`.
    pub(super) fn name(&self, name: &str) -> String {
        if self.prefix.is_empty() {
            return name.to_owned();
        }
        let mut letters = name.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        self.prefix.chars().chain(first).chain(letters).collect()
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        self.params.get(&self.name(name))
    }

    fn amount(&self, name: &str) -> Result<Option<Fixed>, Refusal> {
        self.params.amount(&self.name(name))
    }

    fn need(&self, name: &str) -> Result<Fixed, Refusal> {
        let name = self.name(name);
        self.params.amount(&name)?.ok_or_else(|| Refusal::missing(&name))
    }

    /// None of these belongs to the order's type.
    fn refuse(&self, names: &[&str]) -> Result<(), Refusal> {
        match names.iter().find(|name| self.get(name).is_some()) {
            Some(name) => Err(Refusal::not_required(&self.name(name))),
            None => Ok(()),
        }
    }

    fn time_in_force(&self, order_type: OrderType) -> Result<TimeInForce, Refusal> {
        let needs = matches!(order_type, OrderType::Limit | OrderType::StopLossLimit | OrderType::TakeProfitLimit);
        match self.get("timeInForce") {
            None if needs => Err(Refusal::missing(&self.name("timeInForce"))),
            None => Ok(TimeInForce::Gtc),
            Some(word) if needs => {
                enums::time_in_force(word).ok_or_else(|| Refusal::new(-1115, "Invalid timeInForce."))
            }
            Some(_) => Err(Refusal::not_required(&self.name("timeInForce"))),
        }
    }

    fn trailing(&self) -> Result<Option<u32>, Refusal> {
        let name = self.name("trailingDelta");
        let Some(delta) = self.params.integer(&name)? else {
            return Ok(None);
        };
        u32::try_from(delta).map(Some).map_err(|_| Refusal::filter("TRAILING_DELTA"))
    }

    fn peg(&self, order_type: OrderType, time_in_force: TimeInForce) -> Result<Option<Peg>, Refusal> {
        let Some(word) = self.get("pegPriceType") else {
            self.refuse(&["pegOffsetType", "pegOffsetValue"])?;
            return Ok(None);
        };
        let market = match word {
            "PRIMARY_PEG" => false,
            "MARKET_PEG" => true,
            _ => return Err(Refusal::new(-1210, "Invalid pegPriceType.")),
        };
        if order_type.is_market() {
            return Err(Refusal::rejected("This order type may not use pegged price."));
        }
        let passive_only = order_type == OrderType::LimitMaker && market;
        let rests = order_type == OrderType::Limit && !market && time_in_force != TimeInForce::Gtc;
        if passive_only || rests {
            return Err(Refusal::rejected("This price peg cannot be used with this order type."));
        }
        let (kind, value) = (self.name("pegOffsetType"), self.name("pegOffsetValue"));
        let offset = match (self.params.get(&kind), self.params.integer(&value)?) {
            (None, None) => None,
            (Some("PRICE_LEVEL"), Some(levels)) if levels <= DEEPEST_PEG => u32::try_from(levels).ok(),
            (Some("PRICE_LEVEL"), Some(_)) => {
                let msg = format!("'{value}' contains unexpected value. Cannot be greater than {DEEPEST_PEG}.");
                return Err(Refusal::new(-1102, msg));
            }
            (Some("PRICE_LEVEL"), None) | (None, Some(_)) => {
                let msg = format!("Fields [{kind}, {value}] must be sent together or omitted entirely.");
                return Err(Refusal::new(-1128, msg));
            }
            (Some(_), _) => return Err(Refusal::new(-1211, "Invalid pegOffsetType.")),
        };
        Ok(Some(Peg { market, offset, price: None }))
    }

    fn strategy(&self) -> Result<(Option<u64>, Option<u64>), Refusal> {
        let id = self.params.integer(&self.name("strategyId"))?;
        let kind = self.params.integer(&self.name("strategyType"))?;
        if kind.is_some_and(|kind| kind < LEAST_STRATEGY_TYPE) {
            return Err(Refusal::new(-1134, format!("`{}` was less than 1000000.", self.name("strategyType"))));
        }
        Ok((id, kind))
    }

    /// Reads the order. `size` is given if the request names it elsewhere (pairs share
    /// one quantity).
    pub(super) fn read(
        &self,
        common: Common,
        side: Side,
        order_type: OrderType,
        size: Option<Size>,
    ) -> Result<Placement, Refusal> {
        let time_in_force = self.time_in_force(order_type)?;
        let peg = self.peg(order_type, time_in_force)?;
        let size = match size {
            Some(size) => size,
            None if order_type == OrderType::Market => {
                let quote = if self.prefix.is_empty() { self.amount("quoteOrderQty")? } else { None };
                match (self.amount("quantity")?, quote) {
                    (Some(quantity), None) => Size::Base(quantity),
                    (None, Some(notional)) => Size::Quote(notional),
                    (None, None) => return Err(Refusal::missing(&self.name("quantity"))),
                    (Some(_), Some(_)) => return Err(Refusal::not_required("quoteOrderQty")),
                }
            }
            None => {
                if self.prefix.is_empty() {
                    self.refuse(&["quoteOrderQty"])?;
                }
                Size::Base(self.need("quantity")?)
            }
        };
        let price = if order_type.is_market() {
            self.refuse(&["price"])?;
            None
        } else if peg.is_some() {
            self.amount("price")?
        } else {
            Some(self.need("price")?)
        };
        let (stop_price, trailing) = if order_type.is_contingent() {
            let (stop_price, trailing) = (self.amount("stopPrice")?, self.trailing()?);
            if stop_price.is_none() && trailing.is_none() {
                let (stop, delta) = (self.name("stopPrice"), self.name("trailingDelta"));
                let msg = format!("Param '{stop}' or '{delta}' must be sent, but both were empty/null!");
                return Err(Refusal::new(-1102, msg));
            }
            (stop_price, trailing)
        } else {
            self.refuse(&["stopPrice", "trailingDelta"])?;
            (None, None)
        };
        let iceberg = if order_type.is_market() {
            self.refuse(&["icebergQty"])?;
            None
        } else {
            self.amount("icebergQty")?.filter(|iceberg| iceberg.is_positive())
        };
        if iceberg.is_some() && time_in_force != TimeInForce::Gtc {
            return Err(if self.prefix.is_empty() {
                Refusal::new(-1014, "Unsupported order combination.")
            } else {
                let (iceberg, tif) = (self.name("icebergQty"), self.name("timeInForce"));
                Refusal::new(-1160, format!("Parameter '{iceberg}' is not supported if `{tif}` is not GTC."))
            });
        }
        let (strategy_id, strategy_type) = self.strategy()?;
        let name = if self.prefix.is_empty() { "newClientOrderId".to_owned() } else { self.name("clientOrderId") };
        Ok(Placement {
            account: common.account,
            symbol: common.symbol,
            side,
            order_type,
            time_in_force,
            price,
            size,
            client_order_id: self.params.client_id(&name)?.map(str::to_owned),
            iceberg,
            stop_price,
            trailing,
            peg,
            strategy_id,
            strategy_type,
            self_trade: common.self_trade,
        })
    }
}

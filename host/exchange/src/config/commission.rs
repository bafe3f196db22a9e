//! Commission rates, as `account/commission` lists them.
//!
//! Source: Binance, "Commission Rates". The rates of a trade are added: (maker or taker)
//! + (buyer or seller), of each of the three kinds.

use ringfence_model::Decimal;

/// Rates of one kind, as parts of what is received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rates {
    /// On trades of a resting order.
    pub maker: Decimal,
    /// On trades of an incoming order.
    pub taker: Decimal,
    /// On buys.
    pub buyer: Decimal,
    /// On sells.
    pub seller: Decimal,
}

/// The three kinds of rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Commission {
    /// Reduced by the discount.
    pub standard: Rates,
    /// Extra in special circumstances.
    pub special: Rates,
    /// Tax.
    pub tax: Rates,
}

impl Commission {
    /// The same standard rate for makers and takers, nothing else.
    pub fn flat(rate: Decimal) -> Self {
        Commission { standard: Rates { maker: rate, taker: rate, ..Rates::default() }, ..Commission::default() }
    }
}

/// The asset in which commissions are cheaper, and by how much. It is taken from accounts
/// that have enough of it, at the last price of a symbol that links both assets; else the
/// whole commission is taken from what was received.
///
/// The standard rate is multiplied by one minus `rate`, as the field's description says
/// (the venue's worked example multiplies by the rate itself).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discount {
    /// `discountAsset`.
    pub asset: String,
    /// `discount`, a part of one.
    pub rate: Decimal,
}

impl Default for Discount {
    fn default() -> Self {
        Discount { asset: "BNB".to_owned(), rate: Decimal::new(25, 2) }
    }
}

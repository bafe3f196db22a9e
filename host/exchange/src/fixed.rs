//! Exact amounts: whole numbers of 10^-8, the venue's own unit. Prices, quantities and
//! money inside the exchange are these; decimals stand at its border.
//!
//! Additions saturate at a bound that no checked input comes near; a product is rounded
//! down to the unit, and both sides of a trade use the same product, so nothing is lost.

use std::fmt;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

use ringfence_model::Decimal;
use serde::ser::{Serialize, Serializer};

/// Units in one.
const ONE: i128 = 100_000_000;
/// Inputs are below this, so a product of two fits (2^63 units; some 92 thousand million).
const INPUT_BOUND: i128 = 1 << 63;

/// Bytes of the longest amount that can be held, sign and point included.
const LONGEST: usize = 41;

/// A price, a quantity or money, in units of 10^-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Fixed(i128);

impl Fixed {
    /// Nothing.
    pub const ZERO: Fixed = Fixed(0);
    /// More than anything that can be asked for.
    pub const MAX: Fixed = Fixed(INPUT_BOUND);

    /// From units of 10^-8.
    pub const fn from_units(units: i128) -> Self {
        Fixed(units)
    }

    /// In units of 10^-8.
    pub const fn units(self) -> i128 {
        self.0
    }

    /// A whole number.
    pub const fn whole(number: u32) -> Self {
        Fixed((number as i128).saturating_mul(ONE))
    }

    /// The exact value; `None` if it has more than eight places or is too large.
    pub fn exact(value: Decimal) -> Option<Self> {
        let value = value.normalize();
        let missing = 8u32.checked_sub(value.scale())?;
        let units = value.mantissa().checked_mul(10i128.checked_pow(missing)?)?;
        (units.unsigned_abs() < INPUT_BOUND.unsigned_abs()).then_some(Fixed(units))
    }

    /// The value rounded down to the unit, held within what can be counted with.
    pub fn floor(value: Decimal) -> Self {
        let scale = value.scale();
        let units = if scale <= 8 {
            value.mantissa().saturating_mul(10i128.saturating_pow(8u32.saturating_sub(scale)))
        } else {
            value.mantissa().div_euclid(10i128.saturating_pow(scale.saturating_sub(8)))
        };
        Fixed(units.clamp(-INPUT_BOUND, INPUT_BOUND))
    }

    /// As a decimal with eight places.
    pub fn decimal(self) -> Decimal {
        Decimal::try_from_i128_with_scale(self.0, 8).unwrap_or(Decimal::MAX)
    }

    /// Whether it is nothing.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Whether it is above nothing.
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// The product, rounded down to the unit.
    pub const fn times(self, other: Fixed) -> Fixed {
        Fixed(self.0.saturating_mul(other.0).div_euclid(ONE))
    }

    /// The product with `numerator / denominator`, rounded down to the unit.
    pub const fn ratio(self, numerator: i128, denominator: i128) -> Fixed {
        if denominator <= 0 {
            return Fixed::ZERO;
        }
        Fixed(self.0.saturating_mul(numerator).div_euclid(denominator))
    }

    /// The product with `numerator / denominator`, rounded up to the unit.
    pub const fn ratio_up(self, numerator: i128, denominator: i128) -> Fixed {
        if denominator <= 0 {
            return Fixed::ZERO;
        }
        Fixed(self.0.saturating_mul(numerator).saturating_add(denominator.saturating_sub(1)).div_euclid(denominator))
    }

    /// The quotient, rounded down to the unit; `None` for a divisor that is not above zero.
    pub const fn over(self, other: Fixed) -> Option<Fixed> {
        if other.0 <= 0 { None } else { Some(Fixed(self.0.saturating_mul(ONE).div_euclid(other.0))) }
    }

    /// Cut down to whole steps; a step of zero cuts nothing.
    pub const fn cut(self, step: Fixed) -> Fixed {
        if step.0 <= 0 { self } else { Fixed(self.0.saturating_sub(self.0.rem_euclid(step.0))) }
    }

    /// Raised to whole steps; a step of zero raises nothing.
    pub const fn raise(self, step: Fixed) -> Fixed {
        if step.0 <= 0 { self } else { Fixed(self.0.saturating_add(step.0.saturating_sub(1))).cut(step) }
    }

    /// Whether it is a whole number of steps; a step of zero fits everything.
    pub const fn fits(self, step: Fixed) -> bool {
        step.0 <= 0 || self.0.rem_euclid(step.0) == 0
    }

    /// How many parts of this size are needed, at least; zero for a part of zero.
    pub const fn parts(self, part: Fixed) -> i128 {
        if part.0 <= 0 { 0 } else { self.0.saturating_add(part.0.saturating_sub(1)).div_euclid(part.0) }
    }
}

impl Add for Fixed {
    type Output = Fixed;
    fn add(self, other: Fixed) -> Fixed {
        Fixed(self.0.saturating_add(other.0))
    }
}

impl Sub for Fixed {
    type Output = Fixed;
    fn sub(self, other: Fixed) -> Fixed {
        Fixed(self.0.saturating_sub(other.0))
    }
}

impl AddAssign for Fixed {
    fn add_assign(&mut self, other: Fixed) {
        *self = *self + other;
    }
}

impl SubAssign for Fixed {
    fn sub_assign(&mut self, other: Fixed) {
        *self = *self - other;
    }
}

impl Neg for Fixed {
    type Output = Fixed;
    fn neg(self) -> Fixed {
        Fixed(self.0.saturating_neg())
    }
}

/// Writes a number with at least so many digits before `end`, and tells where it begins.
fn put(text: &mut [u8; LONGEST], end: usize, mut number: u64, least: usize) -> usize {
    let mut from = end;
    while number > 0 || end.saturating_sub(from) < least {
        from = from.saturating_sub(1);
        if let Some(place) = text.get_mut(from) {
            *place = b'0'.saturating_add(u8::try_from(number % 10).unwrap_or_default());
        }
        number /= 10;
    }
    from
}

impl Fixed {
    /// With eight places, as the venue writes amounts; it stands at the end of `text`.
    fn write(self, text: &mut [u8; LONGEST]) -> &str {
        /// The largest power of ten in 64 bits.
        const HIGH: u128 = 10_000_000_000_000_000_000;
        let units = self.0.unsigned_abs();
        let (whole, part) = (units / ONE.unsigned_abs(), units % ONE.unsigned_abs());
        let low = |number: u128| u64::try_from(number % HIGH).unwrap_or_default();
        let mut from = put(text, LONGEST, low(part), 8).saturating_sub(1);
        text.get_mut(from).into_iter().for_each(|place| *place = b'.');
        from = if whole < HIGH {
            put(text, from, low(whole), 1)
        } else {
            let from = put(text, from, low(whole), 19);
            put(text, from, low(whole / HIGH), 1)
        };
        if self.0 < 0 {
            from = from.saturating_sub(1);
            text.get_mut(from).into_iter().for_each(|place| *place = b'-');
        }
        text.get(from..).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
    }
}

/// With eight places, as the venue writes amounts.
impl fmt::Display for Fixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; LONGEST];
        f.write_str(self.write(&mut text))
    }
}

impl Serialize for Fixed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Amounts are most of what an answer says: the formatting machinery would be, too.
        serializer.serialize_str(self.write(&mut [0; LONGEST]))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fixed(text: &str) -> Fixed {
        Fixed::exact(Decimal::from_str_exact(text).unwrap()).unwrap()
    }

    #[test]
    fn values_are_exact_or_refused() {
        assert_eq!(fixed("0.5").to_string(), "0.50000000");
        assert_eq!(fixed("-1.00000001").to_string(), "-1.00000001");
        assert_eq!(fixed("92000000000").decimal(), Decimal::new(92_000_000_000, 0));
        for text in ["0.000000001", "92233720369", "79228162514264337593543950335"] {
            assert_eq!(Fixed::exact(Decimal::from_str_exact(text).unwrap()), None, "{text}");
        }
        assert_eq!(fixed("0.00000003").times(fixed("0.5")).units(), 1);
        assert_eq!(fixed("1").over(fixed("3")).unwrap().to_string(), "0.33333333");
        assert_eq!(fixed("1").over(Fixed::ZERO), None);
        assert_eq!((fixed("1.7").cut(fixed("0.5")), fixed("1.7").parts(fixed("0.5"))), (fixed("1.5"), 4));
        assert_eq!((fixed("1.7").raise(fixed("0.5")), fixed("1.5").raise(fixed("0.5"))), (fixed("2"), fixed("1.5")));
        assert!(fixed("1.5").fits(fixed("0.5")) && fixed("1.5").fits(Fixed::ZERO) && !fixed("1.6").fits(fixed("0.5")));
    }

    #[test]
    fn the_largest_are_written_too() {
        let written = |units: i128| Fixed::from_units(units).to_string();
        assert_eq!(written(i128::MIN), "-1701411834604692317316873037158.84105728");
        assert_eq!(written(i128::MAX), "1701411834604692317316873037158.84105727");
        assert_eq!(written(10i128.pow(27)), "10000000000000000000.00000000");
        assert_eq!((written(0), written(-1)), ("0.00000000".to_owned(), "-0.00000001".to_owned()));
    }

    proptest! {
        #[test]
        fn what_is_cut_into_pieces_costs_no_more_than_the_whole(
            price in 1i64.., pieces in prop::collection::vec(0i64..=i64::MAX / 64, 1..50),
        ) {
            let price = Fixed::from_units(price.into());
            let whole = pieces.iter().fold(Fixed::ZERO, |sum, piece| sum + Fixed::from_units((*piece).into()));
            let sum = pieces.iter().fold(Fixed::ZERO, |sum, piece| sum + price.times(Fixed::from_units((*piece).into())));
            prop_assert!(sum <= price.times(whole));
        }

        #[test]
        fn decimals_go_there_and_back(units in -(1i64 << 62)..(1i64 << 62)) {
            let value = Fixed::from_units(units.into());
            prop_assert_eq!(Fixed::exact(value.decimal()), Some(value));
            prop_assert_eq!(value.to_string(), value.decimal().to_string());
        }
    }
}

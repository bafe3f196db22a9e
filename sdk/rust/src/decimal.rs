//! Exact decimals for money: `mantissa / 10^scale`. What lives here: arithmetic that is either exact or
//! says so. What may not: binary floats, except where a caller asks for one by name.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Neg;
use std::str::FromStr;

pub use crate::bindings::ringfence::strategy::types::Decimal;

/// Most decimal places that the host takes.
pub const MAX_SCALE: u8 = 18;

/// An exact [`Decimal`] from a literal, checked when the strategy is compiled.
///
/// ```
/// use ringfence_sdk::{Decimal, decimal};
/// assert_eq!(decimal!("0.002"), Decimal::new(2, 3));
/// ```
#[macro_export]
macro_rules! decimal {
    ($text:literal) => {
        const { $crate::Decimal::literal($text) }
    };
}

/// A text that is no decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParseDecimalError {
    /// Something else than an optional sign, digits and at most one point after a digit.
    Malformed,
    /// More than 18 decimal places, or more digits than 64 bits hold.
    TooLong,
}

impl fmt::Display for ParseDecimalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ParseDecimalError::Malformed => "not a decimal number",
            ParseDecimalError::TooLong => "more digits than an exact decimal holds",
        })
    }
}

impl std::error::Error for ParseDecimalError {}

/// `10^exponent`, while 128 bits hold it.
const fn power(exponent: u32) -> Option<i128> {
    10i128.checked_pow(exponent)
}

impl Decimal {
    /// Zero.
    pub const ZERO: Decimal = Decimal::new(0, 0);
    /// One.
    pub const ONE: Decimal = Decimal::new(1, 0);

    /// `mantissa / 10^scale`.
    pub const fn new(mantissa: i64, scale: u8) -> Decimal {
        Decimal { mantissa, scale }
    }

    /// The number that an integer of a column stands for at the instrument's own scale.
    pub const fn from_scaled(scaled: i64, scale: u8) -> Decimal {
        Decimal::new(scaled, scale)
    }

    /// Reads `[+-]digits[.digits]`; zeros at the end are kept.
    pub const fn parse(text: &str) -> Result<Decimal, ParseDecimalError> {
        let bytes = text.as_bytes();
        let signed = !bytes.is_empty() && (bytes[0] == b'-' || bytes[0] == b'+');
        let negative = signed && bytes[0] == b'-';
        let (mut at, mut mantissa, mut scale) = (signed as usize, 0i128, 0u8);
        let (mut digits, mut point) = (false, false);
        while at < bytes.len() {
            match bytes[at] {
                b'.' if digits && !point => point = true,
                digit @ b'0'..=b'9' => {
                    digits = true;
                    mantissa = mantissa * 10 + (digit - b'0') as i128;
                    scale += point as u8;
                    if mantissa > i64::MAX as i128 + 1 || scale > MAX_SCALE {
                        return Err(ParseDecimalError::TooLong);
                    }
                }
                _ => return Err(ParseDecimalError::Malformed),
            }
            at += 1;
        }
        if !digits {
            return Err(ParseDecimalError::Malformed);
        }
        let mantissa = if negative { -mantissa } else { mantissa };
        if mantissa > i64::MAX as i128 {
            return Err(ParseDecimalError::TooLong);
        }
        Ok(Decimal::new(mantissa as i64, scale))
    }

    /// Behind [`decimal!`](crate::decimal).
    #[doc(hidden)]
    pub const fn literal(text: &str) -> Decimal {
        let parsed = Decimal::parse(text);
        assert!(parsed.is_ok(), "not an exact decimal");
        match parsed {
            Ok(decimal) => decimal,
            Err(_) => Decimal::ZERO,
        }
    }

    /// Rounds a binary number to `places`. For statistics that become a price; money that is known stays exact.
    pub fn from_f64(value: f64, places: u8) -> Option<Decimal> {
        let scaled = (value * 10f64.powi(i32::from(places))).round();
        // 2^63 is the first float that no longer fits; NaN fails the comparison too.
        let fits = scaled.abs() < 9_223_372_036_854_775_808.0 && places <= MAX_SCALE;
        fits.then(|| Decimal::new(scaled as i64, places))
    }

    /// The nearest binary number, for statistics.
    pub fn to_f64(self) -> f64 {
        // Powers up to 10^22 are exact in binary, so the division rounds once.
        self.mantissa as f64 / 10f64.powi(i32::from(self.scale))
    }

    /// The mantissa at `scale`, if it is a whole number there. May be longer than 64 bits.
    fn widened(self, scale: u8) -> Option<i128> {
        let mantissa = i128::from(self.mantissa);
        if scale >= self.scale {
            return mantissa.checked_mul(power(u32::from(scale - self.scale))?);
        }
        if mantissa == 0 {
            return Some(0);
        }
        let by = power(u32::from(self.scale - scale))?;
        (mantissa % by == 0).then_some(mantissa / by)
    }

    /// A wide mantissa as a decimal; zeros at its end give way when it is too long.
    fn fitted(mut mantissa: i128, mut scale: u32) -> Option<Decimal> {
        loop {
            if let (Ok(short), true) = (i64::try_from(mantissa), scale <= u32::from(MAX_SCALE)) {
                return Some(Decimal::new(short, u8::try_from(scale).ok()?));
            }
            if scale == 0 || mantissa % 10 != 0 {
                return None;
            }
            mantissa /= 10;
            scale -= 1;
        }
    }

    /// Both mantissas at the larger of both scales, and that scale.
    fn aligned(self, other: Decimal) -> Option<(i128, i128, u8)> {
        let scale = self.scale.max(other.scale);
        Some((self.widened(scale)?, other.widened(scale)?, scale))
    }

    /// The exact sum; `None` if it does not fit.
    pub fn checked_add(self, other: Decimal) -> Option<Decimal> {
        let (a, b, scale) = self.aligned(other)?;
        Decimal::fitted(a.checked_add(b)?, u32::from(scale))
    }

    /// The exact difference; `None` if it does not fit.
    pub fn checked_sub(self, other: Decimal) -> Option<Decimal> {
        let (a, b, scale) = self.aligned(other)?;
        Decimal::fitted(a.checked_sub(b)?, u32::from(scale))
    }

    /// The exact product; `None` if it does not fit.
    pub fn checked_mul(self, other: Decimal) -> Option<Decimal> {
        // Two factors of 64 bits always fit 128.
        let product = i128::from(self.mantissa) * i128::from(other.mantissa);
        Decimal::fitted(product, u32::from(self.scale) + u32::from(other.scale))
    }

    /// The quotient with `scale` decimal places, rounded towards zero; `None` by zero or if it does not fit.
    pub fn checked_div(self, other: Decimal, scale: u8) -> Option<Decimal> {
        if scale > MAX_SCALE {
            return None;
        }
        // self / other * 10^scale = a * 10^(scale + other.scale) / (b * 10^self.scale)
        let (mut up, mut down) = (u32::from(scale) + u32::from(other.scale), u32::from(self.scale));
        let common = up.min(down);
        (up, down) = (up - common, down - common);
        let a = i128::from(self.mantissa).checked_mul(power(up)?)?;
        let b = i128::from(other.mantissa).checked_mul(power(down)?)?;
        Some(Decimal::new(i64::try_from(a.checked_div(b)?).ok()?, scale))
    }

    /// The largest multiple of `step` that is not above; `None` if `step` is not above zero or it does not fit.
    pub fn floor_to(self, step: Decimal) -> Option<Decimal> {
        self.to_step(step, i128::div_euclid)
    }

    /// The smallest multiple of `step` that is not below; `None` if `step` is not above zero or it does not fit.
    pub fn ceil_to(self, step: Decimal) -> Option<Decimal> {
        self.to_step(step, |a, b| -(-a).div_euclid(b))
    }

    fn to_step(self, step: Decimal, divide: fn(i128, i128) -> i128) -> Option<Decimal> {
        if step.mantissa <= 0 {
            return None;
        }
        let (a, b, _) = self.aligned(step)?;
        Decimal::fitted(divide(a, b).checked_mul(i128::from(step.mantissa))?, u32::from(step.scale))
    }

    /// The same number with `scale` decimal places; `None` if that would lose digits or not fit.
    pub fn rescale(self, scale: u8) -> Option<Decimal> {
        if scale > MAX_SCALE {
            return None;
        }
        Some(Decimal::new(i64::try_from(self.widened(scale)?).ok()?, scale))
    }

    /// The same number without zeros at its end.
    pub const fn normalize(self) -> Decimal {
        let Decimal { mut mantissa, mut scale } = self;
        while scale > 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            scale -= 1;
        }
        Decimal::new(mantissa, scale)
    }

    /// The number without its sign; the one mantissa that has no positive twin becomes the largest.
    pub const fn abs(self) -> Decimal {
        Decimal::new(self.mantissa.saturating_abs(), self.scale)
    }

    /// Whether it is zero.
    pub const fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// Whether it is above zero.
    pub const fn is_positive(self) -> bool {
        self.mantissa > 0
    }

    /// Whether it is below zero.
    pub const fn is_negative(self) -> bool {
        self.mantissa < 0
    }
}

/// The one mantissa that has no positive twin becomes the largest.
impl Neg for Decimal {
    type Output = Decimal;

    fn neg(self) -> Decimal {
        Decimal::new(self.mantissa.saturating_neg(), self.scale)
    }
}

/// By value: `1.0` is `1`.
impl Ord for Decimal {
    fn cmp(&self, other: &Decimal) -> Ordering {
        match self.aligned(*other) {
            Some((a, b, _)) => a.cmp(&b),
            // The scales are so far apart that the coarse number outweighs any fine one, unless it is zero.
            None if self.scale < other.scale && self.mantissa != 0 => self.mantissa.cmp(&0),
            None if other.scale < self.scale && other.mantissa != 0 => 0.cmp(&other.mantissa),
            None => self.mantissa.cmp(&other.mantissa),
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Decimal) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Decimal) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl Hash for Decimal {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Decimal { mantissa, scale } = self.normalize();
        (mantissa, scale).hash(state);
    }
}

impl Default for Decimal {
    fn default() -> Self {
        Decimal::ZERO
    }
}

impl From<i32> for Decimal {
    fn from(whole: i32) -> Self {
        Decimal::new(i64::from(whole), 0)
    }
}

impl From<i64> for Decimal {
    fn from(whole: i64) -> Self {
        Decimal::new(whole, 0)
    }
}

impl FromStr for Decimal {
    type Err = ParseDecimalError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Decimal::parse(text)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = usize::from(self.scale);
        let mut text = format!("{:0>width$}", self.mantissa.unsigned_abs(), width = scale + 1);
        if scale > 0 {
            text.insert(text.len() - scale, '.');
        }
        f.pad_integral(self.mantissa >= 0, "", &text)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn d(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn reads_and_writes() {
        for text in
            ["0", "0.002", "-0.05", "60000.10", "9223372036854775807", "-9223372036854775808", "0.000000000000000001"]
        {
            assert_eq!(d(text).to_string(), text);
        }
        assert_eq!(d("+1.").to_string(), "1");
        for bad in ["", "-", ".5", "1.2.3", "1e3", " 1", "１"] {
            assert_eq!(Decimal::parse(bad), Err(ParseDecimalError::Malformed), "{bad:?}");
        }
        for long in ["9223372036854775808", "0.0000000000000000001"] {
            assert_eq!(Decimal::parse(long), Err(ParseDecimalError::TooLong), "{long:?}");
        }
        assert_eq!(format!("{:>8}|{:<6}|{:08.3}", d("-1.5"), d("2.25"), d("-1.5")), "    -1.5|2.25  |-00001.5");
    }

    #[test]
    fn steps_go_the_right_way_on_both_sides_of_zero() {
        let step = decimal!("0.05");
        assert_eq!(d("1.27").floor_to(step), Some(d("1.25")));
        assert_eq!(d("1.27").ceil_to(step), Some(d("1.30")));
        assert_eq!(d("-1.27").floor_to(step), Some(d("-1.30")));
        assert_eq!(d("-1.27").ceil_to(step), Some(d("-1.25")));
        assert_eq!(d("1.25").ceil_to(step), Some(d("1.25")));
        assert_eq!(d("1").floor_to(Decimal::ZERO), None);
    }

    #[test]
    fn refuses_what_does_not_fit() {
        let max = Decimal::new(i64::MAX, 0);
        assert_eq!(max.checked_add(Decimal::ONE), None);
        assert_eq!(max.checked_mul(d("2")), None);
        assert_eq!(Decimal::ONE.checked_div(Decimal::ZERO, 2), None);
        assert_eq!(d("0.1").checked_div(d("3"), 4), Some(d("0.0333")));
        assert_eq!(d("1.05").rescale(1), None);
        assert_eq!(d("1.50").rescale(1), Some(d("1.5")));
        assert_eq!(Decimal::new(1, 18).checked_mul(Decimal::new(1, 1)), None);
        assert_eq!(Decimal::new(5, 18).checked_mul(Decimal::new(20, 1)), Some(Decimal::new(10, 18)));
        assert_eq!(-Decimal::new(i64::MIN, 0), max);
        assert_eq!(Decimal::from_f64(f64::NAN, 2), None);
        assert_eq!(Decimal::from_f64(60_000.129, 2), Some(d("60000.13")));
    }

    #[test]
    fn scales_from_a_careless_hand_still_have_an_order() {
        assert!(Decimal::new(1, 255) < Decimal::new(1, 0));
        assert!(Decimal::new(-1, 0) < Decimal::new(-1, 255));
        assert!(Decimal::new(0, 0) < Decimal::new(1, 255));
        assert_eq!(Decimal::new(0, 0), Decimal::new(0, 255));
    }

    fn hash(decimal: Decimal) -> u64 {
        let mut hasher = std::hash::DefaultHasher::new();
        decimal.hash(&mut hasher);
        hasher.finish()
    }

    prop_compose! {
        fn any_decimal()(mantissa in prop_oneof![any::<i64>(), -1000i64..1000, Just(i64::MIN), Just(i64::MAX)], scale in 0u8..=18) -> Decimal {
            Decimal::new(mantissa, scale)
        }
    }

    /// At scale 18, where every decimal is a whole number. 64 bits times 10^18 fit 128.
    fn whole(decimal: Decimal) -> i128 {
        i128::from(decimal.mantissa) * 10i128.pow(18 - u32::from(decimal.scale))
    }

    proptest! {
        #[test]
        fn order_is_by_value(a in any_decimal(), b in any_decimal()) {
            prop_assert_eq!(a.cmp(&b), whole(a).cmp(&whole(b)));
            prop_assert_eq!(a == b, whole(a) == whole(b));
            prop_assert_eq!(hash(a), hash(a.normalize()));
        }

        #[test]
        fn sums_are_exact(a in any_decimal(), b in any_decimal()) {
            // Two of them at scale 18 stay below 2 * 9.3e36.
            if let Some(sum) = a.checked_add(b) {
                prop_assert_eq!(whole(sum), whole(a) + whole(b));
            } else {
                let scale = a.scale.max(b.scale);
                let sum = (whole(a) + whole(b)) / 10i128.pow(18 - u32::from(scale));
                prop_assert!(i64::try_from(sum).is_err());
            }
            if let Some(difference) = a.checked_sub(b) {
                prop_assert_eq!(whole(difference), whole(a) - whole(b));
            }
        }

        #[test]
        fn products_are_exact(a in any_decimal(), b in any_decimal()) {
            let wide = i128::from(a.mantissa) * i128::from(b.mantissa);
            let scale = a.scale + b.scale;
            match a.checked_mul(b) {
                Some(product) => {
                    prop_assert!(product.scale <= scale);
                    prop_assert_eq!(i128::from(product.mantissa).checked_mul(10i128.pow(u32::from(scale - product.scale))), Some(wide));
                }
                None => prop_assert!(i64::try_from(wide).is_err() || scale > 18),
            }
        }

        #[test]
        fn quotients_round_towards_zero(a in -1_000_000_000i64..1_000_000_000, a_scale in 0u8..9, b in 1i64..1_000_000_000, b_scale in 0u8..9, scale in 0u8..9, negative: bool) {
            let b = if negative { -b } else { b };
            let expected = i128::from(a) * 10i128.pow(u32::from(scale) + u32::from(b_scale)) / (i128::from(b) * 10i128.pow(u32::from(a_scale)));
            let quotient = Decimal::new(a, a_scale).checked_div(Decimal::new(b, b_scale), scale);
            prop_assert_eq!(quotient.map(|q| (i128::from(q.mantissa), q.scale)), i64::try_from(expected).ok().map(|m| (i128::from(m), scale)));
        }

        #[test]
        fn steps_bracket(a in -10_000_000_000i64..10_000_000_000, scale in 0u8..9, step in 1i64..100_000, step_scale in 0u8..9) {
            let (a, step) = (Decimal::new(a, scale), Decimal::new(step, step_scale));
            let (floor, ceil) = (a.floor_to(step).unwrap(), a.ceil_to(step).unwrap());
            prop_assert!(floor <= a && a <= ceil);
            prop_assert!(whole(a) - whole(floor) < whole(step) && whole(ceil) - whole(a) < whole(step));
            prop_assert_eq!(whole(floor) % whole(step), 0);
            prop_assert_eq!(whole(ceil) % whole(step), 0);
        }

        #[test]
        fn text_comes_back(a in any_decimal()) {
            let back = d(&a.to_string());
            prop_assert_eq!((back.mantissa, back.scale), (a.mantissa, a.scale));
        }

        #[test]
        fn rescaling_keeps_the_value(a in any_decimal(), scale in 0u8..=18) {
            if let Some(same) = a.rescale(scale) {
                prop_assert_eq!(same, a);
                prop_assert_eq!(same.scale, scale);
            }
        }
    }
}

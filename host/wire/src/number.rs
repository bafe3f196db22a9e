//! Decimals as the venue writes them: text with eight places. Never a float.

use std::fmt;

use ringfence_model::Decimal;
use serde::de::{Deserializer, Error, Visitor};
use serde::ser::Serializer;

/// The venue's places for amounts of spot.
pub const PLACES: u32 = 8;

/// With at least eight places, more only if the value needs them.
pub fn text(value: Decimal) -> String {
    plain(value).unwrap_or_else(|| other(value))
}

/// What nearly all amounts are: not negative, of eight places at most, in 64 bits.
fn plain(value: Decimal) -> Option<String> {
    let more = PLACES.checked_sub(value.scale())?;
    let units = u64::try_from(value.mantissa()).ok()?.checked_mul(10u64.checked_pow(more)?)?;
    Some(format!("{}.{:08}", units / 100_000_000, units % 100_000_000))
}

fn other(mut value: Decimal) -> String {
    if value.scale() > PLACES {
        let short = value.round_dp(PLACES);
        if short == value {
            value = short;
        }
    }
    if value.scale() < PLACES {
        value.rescale(PLACES);
    }
    value.to_string()
}

/// Without trailing zeros, as a request's parameter.
pub fn short(value: Decimal) -> String {
    value.normalize().to_string()
}

struct AmountVisitor;

impl Visitor<'_> for AmountVisitor {
    type Value = Decimal;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a decimal as text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Decimal, E> {
        Decimal::from_str_exact(text).map_err(|_| E::custom(format_args!("`{text}` is no decimal")))
    }
}

/// Reads a decimal from text.
///
/// # Errors
/// The text is no decimal that fits.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    deserializer.deserialize_str(AmountVisitor)
}

/// Writes a decimal as [`text`].
///
/// # Errors
/// Only those of the serializer.
pub fn serialize<S: Serializer>(value: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text(*value))
}

/// A decimal that may be missing or `null`.
pub mod optional {
    use ringfence_model::Decimal;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Amount;

    /// Reads a decimal from text, or `None` from `null`.
    ///
    /// # Errors
    /// The text is no decimal that fits.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Decimal>, D::Error> {
        Ok(Option::<Amount>::deserialize(deserializer)?.map(|amount| amount.0))
    }

    /// Writes a decimal as [`super::text`], `None` as `null`.
    ///
    /// # Errors
    /// Only those of the serializer.
    pub fn serialize<S: Serializer>(value: &Option<Decimal>, serializer: S) -> Result<S::Ok, S::Error> {
        value.map(Amount).serialize(serializer)
    }
}

/// A decimal within a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Amount(#[serde(with = "crate::number")] pub Decimal);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn eight_places_or_more() {
        assert_eq!(text(Decimal::new(5, 1)), "0.50000000");
        assert_eq!(text(Decimal::new(123_456_789_012, 12)), "0.123456789012");
        assert_eq!(text(Decimal::new(1_000_000_000_000, 12)), "1.00000000");
        assert_eq!(short(Decimal::new(1_500, 3)), "1.5");
    }

    proptest! {
        #[test]
        fn the_short_way_writes_the_same(mantissa in prop_oneof![any::<i64>(), 0i64..10_000], scale in 0u32..18) {
            let value = Decimal::new(mantissa, scale);
            prop_assert_eq!(text(value), other(value));
        }

        #[test]
        fn what_is_written_is_read(mantissa in any::<i64>(), scale in 0u32..18) {
            let value = Decimal::new(mantissa, scale);
            let json = serde_json::to_string(&Amount(value)).unwrap();
            prop_assert_eq!(serde_json::from_str::<Amount>(&json).unwrap().0, value);
        }
    }
}

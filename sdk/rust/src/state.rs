//! State of a strategy as bytes, for `save` and `restore`. What lives here: a small fixed encoding with a
//! version in front. The host never looks inside.
//!
//! ```
//! use ringfence_sdk::indicators::Ema;
//! use ringfence_sdk::state::{pack, unpack};
//!
//! let bytes = pack(1, &(Ema::new(10), 42u64));
//! let (ema, count): (Ema, u64) = unpack(1, &bytes)?;
//! assert_eq!((ema.length(), count), (10, 42));
//! # Ok::<(), ringfence_sdk::RestoreError>(())
//! ```

use std::collections::VecDeque;

use crate::{Decimal, RestoreError};

/// Something that can be packed into state.
pub trait Keep: Sized {
    /// Appends its bytes.
    fn write(&self, out: &mut Vec<u8>);
    /// Takes its bytes off the front.
    fn read(from: &mut Reader<'_>) -> Result<Self, RestoreError>;
}

/// The bytes that are still to be read.
#[derive(Debug)]
pub struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], RestoreError> {
        let (front, rest) =
            self.0.split_first_chunk().ok_or_else(|| RestoreError::Corrupt("it ends too early".to_owned()))?;
        self.0 = rest;
        Ok(*front)
    }
}

/// Packs a value; `version` names the strategy's own layout.
pub fn pack<T: Keep>(version: u32, value: &T) -> Vec<u8> {
    let mut out = version.to_le_bytes().to_vec();
    value.write(&mut out);
    out
}

/// Unpacks what [`pack`] made with the same version, to the last byte.
pub fn unpack<T: Keep>(version: u32, bytes: &[u8]) -> Result<T, RestoreError> {
    let mut from = Reader(bytes);
    let found = u32::read(&mut from)?;
    if found != version {
        return Err(RestoreError::Version(format!("state of version {found}, this one reads {version}")));
    }
    let value = T::read(&mut from)?;
    if !from.0.is_empty() {
        return Err(RestoreError::Corrupt(format!("{} bytes too many", from.0.len())));
    }
    Ok(value)
}

macro_rules! numbers {
    ($($kind:ty),*) => {$(
        impl Keep for $kind {
            fn write(&self, out: &mut Vec<u8>) {
                out.extend(self.to_le_bytes());
            }

            fn read(from: &mut Reader<'_>) -> Result<Self, RestoreError> {
                Ok(<$kind>::from_le_bytes(from.take()?))
            }
        }
    )*};
}

numbers!(u8, u32, u64, i32, i64, f64);

impl Keep for usize {
    fn write(&self, out: &mut Vec<u8>) {
        (*self as u64).write(out);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, RestoreError> {
        usize::try_from(u64::read(from)?).map_err(|_| RestoreError::Corrupt("a length is too large".to_owned()))
    }
}

impl Keep for bool {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, RestoreError> {
        match u8::read(from)? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(RestoreError::Corrupt(format!("{other} is neither true nor false"))),
        }
    }
}

impl Keep for Decimal {
    fn write(&self, out: &mut Vec<u8>) {
        self.mantissa.write(out);
        self.scale.write(out);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, RestoreError> {
        Ok(Decimal::new(i64::read(from)?, u8::read(from)?))
    }
}

impl<T: Keep> Keep for Option<T> {
    fn write(&self, out: &mut Vec<u8>) {
        self.is_some().write(out);
        if let Some(value) = self {
            value.write(out);
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, RestoreError> {
        bool::read(from)?.then(|| T::read(from)).transpose()
    }
}

impl<T: Keep> Keep for Vec<T> {
    fn write(&self, out: &mut Vec<u8>) {
        self.len().write(out);
        for value in self {
            value.write(out);
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, RestoreError> {
        let length = usize::read(from)?;
        // Each element takes a byte at least, so a wrong length cannot ask for memory.
        if length > from.0.len() {
            return Err(RestoreError::Corrupt("it ends too early".to_owned()));
        }
        (0..length).map(|_| T::read(from)).collect()
    }
}

impl<T: Keep> Keep for VecDeque<T> {
    fn write(&self, out: &mut Vec<u8>) {
        self.len().write(out);
        for value in self {
            value.write(out);
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, RestoreError> {
        Vec::read(from).map(VecDeque::from)
    }
}

impl Keep for String {
    fn write(&self, out: &mut Vec<u8>) {
        self.len().write(out);
        out.extend(self.as_bytes());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, RestoreError> {
        String::from_utf8(Vec::read(from)?).map_err(|_| RestoreError::Corrupt("a text is not UTF-8".to_owned()))
    }
}

macro_rules! tuples {
    ($(($($name:ident),*))*) => {$(
        #[allow(non_snake_case)]
        impl<$($name: Keep),*> Keep for ($($name,)*) {
            fn write(&self, out: &mut Vec<u8>) {
                let ($($name,)*) = self;
                $($name.write(out);)*
            }

            fn read(from: &mut Reader<'_>) -> Result<Self, RestoreError> {
                Ok(($($name::read(from)?,)*))
            }
        }
    )*};
}

tuples!((A)(A, B)(A, B, C)(A, B, C, D)(A, B, C, D, E)(A, B, C, D, E, F)(A, B, C, D, E, F, G)(A, B, C, D, E, F, G, H));

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::decimal;
    use proptest::prelude::*;

    type Everything = (u64, (i64, bool), Option<f64>, Vec<Decimal>, String);

    #[test]
    fn comes_back() {
        let value: Everything = (7, (-1, true), Some(1.5), vec![decimal!("0.1"), decimal!("-2")], "é".to_owned());
        assert_eq!(unpack::<Everything>(3, &pack(3, &value)).unwrap(), value);
    }

    #[test]
    fn says_what_is_wrong() {
        let bytes = pack(1, &(1u64, true));
        assert!(matches!(unpack::<(u64, bool)>(2, &bytes), Err(RestoreError::Version(_))));
        assert!(matches!(unpack::<u64>(1, &bytes), Err(RestoreError::Corrupt(_))));
        assert!(matches!(unpack::<(u64, bool, u8)>(1, &bytes), Err(RestoreError::Corrupt(_))));
        assert!(matches!(unpack::<Vec<u8>>(1, &pack(1, &u64::MAX)), Err(RestoreError::Corrupt(_))));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = unpack::<Everything>(1, &bytes);
            let with_version: Vec<u8> = 1u32.to_le_bytes().into_iter().chain(bytes).collect();
            let _ = unpack::<Everything>(1, &with_version);
        }
    }
}

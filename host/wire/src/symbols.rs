//! Which instrument a symbol is: asked once a message, so it is a small table of its own
//! instead of a general map.

use ringfence_model::{Instrument, InstrumentId};

/// Symbols by their bytes: open addressing, at most half full. Keys are the host's own
/// configuration; what the venue sends is only looked up.
#[derive(Debug, Clone)]
pub(crate) struct Symbols {
    /// A power of two of places.
    table: Vec<Option<(Box<[u8]>, InstrumentId)>>,
}

/// The first and the last eight bytes, and the length: symbols differ there.
fn hash(symbol: &[u8]) -> u64 {
    let (first, last) = match (symbol.first_chunk::<8>(), symbol.last_chunk::<8>()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => (symbol.iter().fold(0, |word, byte| (word << 8) | u64::from(*byte)), 0),
    };
    let mixed = (first ^ last.rotate_left(23)).wrapping_add(symbol.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ (mixed >> 32)
}

impl Symbols {
    pub(crate) fn new(instruments: &[Instrument]) -> Self {
        let places = instruments.len().saturating_mul(2).next_power_of_two().max(2);
        let mut symbols = Symbols { table: vec![None; places] };
        for instrument in instruments {
            let symbol = instrument.symbol.as_bytes();
            let mut place = symbols.first_place(symbol);
            while symbols
                .table
                .get(place)
                .is_some_and(|taken| taken.as_ref().is_some_and(|(known, _)| **known != *symbol))
            {
                place = symbols.next_place(place);
            }
            if let Some(free) = symbols.table.get_mut(place) {
                *free = Some((symbol.into(), instrument.id));
            }
        }
        symbols
    }

    fn first_place(&self, symbol: &[u8]) -> usize {
        // The low bits of the hash are enough: the table is far smaller than 2^32.
        (hash(symbol) as u32 as usize) & self.table.len().wrapping_sub(1)
    }

    fn next_place(&self, place: usize) -> usize {
        place.wrapping_add(1) & self.table.len().wrapping_sub(1)
    }

    pub(crate) fn find(&self, symbol: &[u8]) -> Option<InstrumentId> {
        let mut place = self.first_place(symbol);
        // Ends at a free place, of which there are as many as taken ones.
        while let Some(Some((known, id))) = self.table.get(place) {
            if **known == *symbol {
                return Some(*id);
            }
            place = self.next_place(place);
        }
        None
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::rest::{self, SymbolInfo};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn instrument(symbol: &str, id: usize) -> Instrument {
        let info = serde_json::json!({"symbol": symbol, "status": "TRADING", "baseAsset": "B", "baseAssetPrecision": 8,
            "quoteAsset": "Q", "quoteAssetPrecision": 8, "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
                {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"}]});
        let info: SymbolInfo = rest::read(info.to_string().as_bytes()).unwrap();
        info.instrument(InstrumentId(u32::try_from(id).unwrap())).unwrap()
    }

    proptest! {
        /// Each known symbol is found and no other, however alike they are.
        #[test]
        fn the_right_one_is_found(
            known in prop::collection::btree_set("[AB]{1,3}|[A-C]{8,10}|币安[0-9]{0,9}USDT", 0..60),
            others in prop::collection::vec("[AB]{0,4}|[A-C]{7,10}|币安[0-9]{0,3}USDT", 60),
        ) {
            let all: Vec<_> = known.iter().enumerate().map(|(id, symbol)| instrument(symbol, id)).collect();
            let symbols = Symbols::new(&all);
            let asked: BTreeSet<_> = others.into_iter().chain(known.iter().cloned()).collect();
            for symbol in asked {
                let expected = all.iter().find(|instrument| instrument.symbol == symbol).map(|instrument| instrument.id);
                prop_assert_eq!(symbols.find(symbol.as_bytes()), expected);
            }
        }
    }
}

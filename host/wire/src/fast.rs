//! The three payloads that come by the thousand, read straight from their bytes: fixed
//! shapes, plain digits, no escapes. Whatever looks different is left to the general
//! parser, which says what is wrong with it; so this module can only be quicker, never
//! more lenient. A property test holds both to the same results.
//!
//! A payload is first tried with its fields in the order in which the venue writes them,
//! then in any order. Digits and text go eight bytes at a time.

use ringfence_model::Decimal;
use ringfence_model::event::Level;

/// Where a payload is read. Every method returns `None` at the first surprise.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

/// Digits that fit into 64 bits whatever they are.
const DIGITS: usize = 19;

impl<'a> Cursor<'a> {
    pub(crate) const fn new(raw: &'a [u8]) -> Self {
        Cursor { rest: raw }
    }

    pub(crate) fn eat(&mut self, wanted: u8) -> Option<()> {
        match self.rest {
            [first, rest @ ..] if *first == wanted => {
                self.rest = rest;
                Some(())
            }
            _ => None,
        }
    }

    /// Whether this byte is next; it is eaten then.
    fn try_eat(&mut self, wanted: u8) -> bool {
        self.eat(wanted).is_some()
    }

    /// Nothing may follow.
    pub(crate) fn end(&self) -> Option<()> {
        self.rest.is_empty().then_some(())
    }

    /// Text without escapes and control characters.
    pub(crate) fn text(&mut self) -> Option<&'a [u8]> {
        let body = self.rest.strip_prefix(b"\"")?;
        let mut end = 0usize;
        loop {
            let rest = body.get(end..)?;
            if let Some(eight) = rest.first_chunk::<8>() {
                match special(*eight) {
                    8 => end = end.wrapping_add(8),
                    before => {
                        end = end.wrapping_add(before);
                        break;
                    }
                }
            } else {
                end = end.wrapping_add(rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?);
                break;
            }
        }
        let (text, rest) = body.split_at_checked(end)?;
        self.rest = rest.strip_prefix(b"\"")?;
        Some(text)
    }

    /// The next key with its colon.
    fn key(&mut self) -> Option<&'a [u8]> {
        let key = self.text()?;
        self.eat(b':')?;
        Some(key)
    }

    /// After a value: whether another one follows.
    fn more(&mut self) -> Option<bool> {
        match self.rest {
            [b',', rest @ ..] => {
                self.rest = rest;
                Some(true)
            }
            [b'}', rest @ ..] => {
                self.rest = rest;
                Some(false)
            }
            _ => None,
        }
    }

    /// Exactly these bytes.
    fn literal<const N: usize>(&mut self, wanted: &[u8; N]) -> Option<()> {
        let (found, rest) = self.rest.split_first_chunk::<N>()?;
        (found == wanted).then(|| self.rest = rest)
    }

    /// A whole number without sign, exponent or leading zero.
    pub(crate) fn whole(&mut self) -> Option<u64> {
        let mut value = 0u64;
        let mut count = 0usize;
        let mut rest = self.rest;
        if let Some((eight, after)) = rest.split_first_chunk::<8>()
            && let Some(digits) = eight_digits(*eight)
        {
            (value, count, rest) = (digits, 8, after);
        }
        while let [digit @ b'0'..=b'9', after @ ..] = rest {
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit.wrapping_sub(b'0')));
            count = count.wrapping_add(1);
            rest = after;
        }
        let leading_zero = count > 1 && self.rest.first() == Some(&b'0');
        if count == 0 || count > DIGITS || leading_zero || matches!(rest.first(), Some(b'.' | b'e' | b'E')) {
            return None;
        }
        self.rest = rest;
        Some(value)
    }

    pub(crate) fn boolean(&mut self) -> Option<bool> {
        if let Some(rest) = self.rest.strip_prefix(b"true") {
            self.rest = rest;
            return Some(true);
        }
        self.rest = self.rest.strip_prefix(b"false")?;
        Some(false)
    }

    /// A decimal as text: digits, perhaps a point and more digits.
    pub(crate) fn decimal(&mut self) -> Option<Decimal> {
        self.eat(b'"')?;
        let mut value = 0u64;
        let mut count = 0usize;
        let mut rest = self.rest;
        while let [digit @ b'0'..=b'9', after @ ..] = rest {
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit.wrapping_sub(b'0')));
            count = count.wrapping_add(1);
            rest = after;
        }
        if count == 0 {
            return None;
        }
        let mut scale = 0u32;
        if let [b'.', after @ ..] = rest {
            let whole = count;
            rest = after;
            // The venue writes eight places.
            if let Some((eight, after)) = rest.split_first_chunk::<8>()
                && let Some(digits) = eight_digits(*eight)
            {
                value = value.wrapping_mul(100_000_000).wrapping_add(digits);
                count = count.wrapping_add(8);
                rest = after;
            }
            while let [digit @ b'0'..=b'9', after @ ..] = rest {
                value = value.wrapping_mul(10).wrapping_add(u64::from(digit.wrapping_sub(b'0')));
                count = count.wrapping_add(1);
                rest = after;
            }
            scale = u32::try_from(count.wrapping_sub(whole)).ok()?;
            if scale == 0 {
                return None;
            }
        }
        if count > DIGITS {
            return None;
        }
        let [b'"', rest @ ..] = rest else {
            return None;
        };
        self.rest = rest;
        let low = u32::try_from(value & 0xffff_ffff).ok()?;
        let middle = u32::try_from(value >> 32).ok()?;
        Some(Decimal::from_parts(low, middle, 0, false, scale))
    }

    /// `[["price","quantity"],…]`, of which so many sides share what is left.
    pub(crate) fn levels(&mut self, sides: usize) -> Option<Vec<Level>> {
        self.eat(b'[')?;
        if self.try_eat(b']') {
            return Some(Vec::new());
        }
        // A level takes some 30 bytes. One too many is cheaper than growing.
        let mut levels = Vec::with_capacity((self.rest.len() / (28 * sides.max(1))).clamp(4, 1_024));
        loop {
            self.eat(b'[')?;
            let price = self.decimal()?;
            self.eat(b',')?;
            let quantity = self.decimal()?;
            levels.push(Level { price, quantity });
            if self.literal(b"],").is_none() {
                self.literal(b"]]")?;
                return Some(levels);
            }
        }
    }

    /// A value that nobody needs.
    fn skip(&mut self) -> Option<()> {
        match self.rest {
            [b'"', ..] => _ = self.text()?,
            [b'0'..=b'9', ..] => _ = self.whole()?,
            [b'-', ..] => {
                self.eat(b'-')?;
                _ = self.whole()?;
            }
            [b't' | b'f', ..] => _ = self.boolean()?,
            [b'n', ..] => self.rest = self.rest.strip_prefix(b"null")?,
            _ => return None,
        }
        Some(())
    }
}

/// The value of eight digits; `None` if one of them is none. All eight at once: neighbours
/// are added pairwise with their weights, three times.
const fn eight_digits(bytes: [u8; 8]) -> Option<u64> {
    const HIGH: u64 = 0xf0f0_f0f0_f0f0_f0f0;
    const SIX: u64 = 0x0606_0606_0606_0606;
    const ZEROS: u64 = 0x3030_3030_3030_3030;
    const PAIR: u64 = 0x0000_00ff_0000_00ff;
    let word = u64::from_le_bytes(bytes);
    // A digit's high half is 3, and still is when 6 is added.
    if (word & HIGH) != ZEROS || (word.wrapping_add(SIX) & HIGH) != ZEROS {
        return None;
    }
    let digits = word & !HIGH;
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let low = (pairs & PAIR).wrapping_mul(100 + (1_000_000 << 32));
    let high = ((pairs >> 16) & PAIR).wrapping_mul(1 + (10_000 << 32));
    Some(low.wrapping_add(high) >> 32)
}

/// How many bytes stand before the first quote, backslash or control character; eight if
/// there is none.
const fn special(bytes: [u8; 8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    /// The top bit of the first byte below `limit`, and perhaps of some after it.
    const fn below(word: u64, limit: u64) -> u64 {
        word.wrapping_sub(ONES.wrapping_mul(limit)) & !word & TOPS
    }
    let word = u64::from_le_bytes(bytes);
    let quote = below(word ^ ONES.wrapping_mul(b'"' as u64), 1);
    let backslash = below(word ^ ONES.wrapping_mul(b'\\' as u64), 1);
    ((quote | backslash | below(word, 0x20)).trailing_zeros() / 8) as usize
}

/// Sets a field once; twice is a surprise.
fn once<T>(field: &mut Option<T>, value: Option<T>) -> Option<()> {
    let value = value?;
    field.replace(value).is_none().then_some(())
}

/// `trade` or `aggTrade`.
#[derive(Debug, Default)]
pub(crate) struct Trade<'a> {
    pub(crate) symbol: Option<&'a [u8]>,
    pub(crate) trade_id: Option<u64>,
    pub(crate) aggregate_id: Option<u64>,
    pub(crate) price: Option<Decimal>,
    pub(crate) quantity: Option<Decimal>,
    pub(crate) time: Option<u64>,
    pub(crate) buyer_is_maker: Option<bool>,
}

impl<'a> Trade<'a> {
    pub(crate) fn read(raw: &'a [u8]) -> Option<Self> {
        Self::in_order(raw).or_else(|| Self::any_order(raw))
    }

    fn in_order(raw: &'a [u8]) -> Option<Self> {
        let mut at = Cursor::new(raw);
        let mut trade = Trade::default();
        let aggregate = at.literal(b"{\"e\":\"trade\",\"E\":").is_none();
        if aggregate {
            at.literal(b"{\"e\":\"aggTrade\",\"E\":")?;
        }
        at.whole()?;
        at.literal(b",\"s\":")?;
        trade.symbol = Some(at.text()?);
        if aggregate {
            at.literal(b",\"a\":")?;
            trade.aggregate_id = Some(at.whole()?);
        } else {
            at.literal(b",\"t\":")?;
            trade.trade_id = Some(at.whole()?);
        }
        at.literal(b",\"p\":")?;
        trade.price = Some(at.decimal()?);
        at.literal(b",\"q\":")?;
        trade.quantity = Some(at.decimal()?);
        if aggregate {
            at.literal(b",\"f\":")?;
            at.whole()?;
            at.literal(b",\"l\":")?;
            at.whole()?;
        }
        at.literal(b",\"T\":")?;
        trade.time = Some(at.whole()?);
        at.literal(b",\"m\":")?;
        trade.buyer_is_maker = Some(at.boolean()?);
        at.literal(b",\"M\":")?;
        at.boolean()?;
        at.eat(b'}')?;
        at.end()?;
        Some(trade)
    }

    fn any_order(raw: &'a [u8]) -> Option<Self> {
        let mut at = Cursor::new(raw);
        let mut trade = Trade::default();
        at.eat(b'{')?;
        loop {
            match at.key()? {
                b"s" => once(&mut trade.symbol, at.text())?,
                b"t" => once(&mut trade.trade_id, at.whole())?,
                b"a" => once(&mut trade.aggregate_id, at.whole())?,
                b"p" => once(&mut trade.price, at.decimal())?,
                b"q" => once(&mut trade.quantity, at.decimal())?,
                b"T" => once(&mut trade.time, at.whole())?,
                b"m" => once(&mut trade.buyer_is_maker, at.boolean())?,
                [b'e' | b'E' | b'M' | b'f' | b'l' | b'b' | b'X' | b'n'] => at.skip()?,
                _ => return None,
            }
            if !at.more()? {
                at.end()?;
                return Some(trade);
            }
        }
    }
}

/// `bookTicker`.
#[derive(Debug, Default)]
pub(crate) struct BookTicker<'a> {
    pub(crate) symbol: Option<&'a [u8]>,
    pub(crate) update_id: Option<u64>,
    pub(crate) bid: Option<Decimal>,
    pub(crate) bid_quantity: Option<Decimal>,
    pub(crate) ask: Option<Decimal>,
    pub(crate) ask_quantity: Option<Decimal>,
    pub(crate) event_time: Option<u64>,
}

impl<'a> BookTicker<'a> {
    pub(crate) fn read(raw: &'a [u8]) -> Option<Self> {
        Self::in_order(raw).or_else(|| Self::any_order(raw))
    }

    fn in_order(raw: &'a [u8]) -> Option<Self> {
        let mut at = Cursor::new(raw);
        let mut ticker = BookTicker::default();
        at.literal(b"{\"u\":")?;
        ticker.update_id = Some(at.whole()?);
        at.literal(b",\"s\":")?;
        ticker.symbol = Some(at.text()?);
        at.literal(b",\"b\":")?;
        ticker.bid = Some(at.decimal()?);
        at.literal(b",\"B\":")?;
        ticker.bid_quantity = Some(at.decimal()?);
        at.literal(b",\"a\":")?;
        ticker.ask = Some(at.decimal()?);
        at.literal(b",\"A\":")?;
        ticker.ask_quantity = Some(at.decimal()?);
        at.eat(b'}')?;
        at.end()?;
        Some(ticker)
    }

    fn any_order(raw: &'a [u8]) -> Option<Self> {
        let mut at = Cursor::new(raw);
        let mut ticker = BookTicker::default();
        at.eat(b'{')?;
        loop {
            match at.key()? {
                b"s" => once(&mut ticker.symbol, at.text())?,
                b"u" => once(&mut ticker.update_id, at.whole())?,
                b"b" => once(&mut ticker.bid, at.decimal())?,
                b"B" => once(&mut ticker.bid_quantity, at.decimal())?,
                b"a" => once(&mut ticker.ask, at.decimal())?,
                b"A" => once(&mut ticker.ask_quantity, at.decimal())?,
                b"E" => once(&mut ticker.event_time, at.whole())?,
                [b'e' | b'T'] => at.skip()?,
                _ => return None,
            }
            if !at.more()? {
                at.end()?;
                return Some(ticker);
            }
        }
    }
}

/// `depthUpdate`.
#[derive(Debug, Default)]
pub(crate) struct Depth<'a> {
    pub(crate) symbol: Option<&'a [u8]>,
    pub(crate) event_time: Option<u64>,
    pub(crate) first: Option<u64>,
    pub(crate) last: Option<u64>,
    pub(crate) previous: Option<u64>,
    pub(crate) bids: Option<Vec<Level>>,
    pub(crate) asks: Option<Vec<Level>>,
}

impl<'a> Depth<'a> {
    pub(crate) fn read(raw: &'a [u8]) -> Option<Self> {
        Self::in_order(raw).or_else(|| Self::any_order(raw))
    }

    fn in_order(raw: &'a [u8]) -> Option<Self> {
        let mut at = Cursor::new(raw);
        let mut depth = Depth::default();
        at.literal(b"{\"e\":\"depthUpdate\",\"E\":")?;
        depth.event_time = Some(at.whole()?);
        at.literal(b",\"s\":")?;
        depth.symbol = Some(at.text()?);
        at.literal(b",\"U\":")?;
        depth.first = Some(at.whole()?);
        at.literal(b",\"u\":")?;
        depth.last = Some(at.whole()?);
        at.literal(b",\"b\":")?;
        depth.bids = Some(at.levels(2)?);
        at.literal(b",\"a\":")?;
        depth.asks = Some(at.levels(1)?);
        at.eat(b'}')?;
        at.end()?;
        Some(depth)
    }

    fn any_order(raw: &'a [u8]) -> Option<Self> {
        let mut at = Cursor::new(raw);
        let mut depth = Depth::default();
        at.eat(b'{')?;
        loop {
            match at.key()? {
                b"s" => once(&mut depth.symbol, at.text())?,
                b"E" => once(&mut depth.event_time, at.whole())?,
                b"U" => once(&mut depth.first, at.whole())?,
                b"u" => once(&mut depth.last, at.whole())?,
                b"pu" => once(&mut depth.previous, at.whole())?,
                b"b" => once(&mut depth.bids, at.levels(2))?,
                b"a" => once(&mut depth.asks, at.levels(2))?,
                [b'e' | b'T'] => at.skip()?,
                _ => return None,
            }
            if !at.more()? {
                at.end()?;
                return Some(depth);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// A decimal that is taken is the one that the general parser reads.
        #[test]
        fn decimals_agree(text in "[0-9]{0,21}(\\.[0-9]{0,12})?") {
            let quoted = format!("\"{text}\"");
            if let Some(quick) = Cursor::new(quoted.as_bytes()).decimal() {
                let slow = Decimal::from_str_exact(&text).unwrap();
                prop_assert_eq!((quick, quick.scale()), (slow, slow.scale()));
            }
        }

        /// Eight bytes at once are what they are one by one.
        #[test]
        fn eight_at_once_agree(bytes in any::<[u8; 8]>(), digits in "[0-9]{8}", at in 0usize..8, other in any::<u8>()) {
            let mut nearly: [u8; 8] = digits.as_bytes().try_into().unwrap();
            nearly[at] = other;
            for bytes in [bytes, nearly, digits.as_bytes().try_into().unwrap()] {
                let text = std::str::from_utf8(&bytes).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
                prop_assert_eq!(eight_digits(bytes), text.map(|text| text.parse().unwrap()));
                let before = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).unwrap_or(8);
                prop_assert_eq!(special(bytes), before);
            }
        }

        #[test]
        fn whole_numbers_agree(text in "[0-9]{1,22}(\\.[0-9])?") {
            let quick = Cursor::new(text.as_bytes()).whole();
            if let Some(quick) = quick {
                prop_assert_eq!(serde_json::from_str::<u64>(&text).unwrap(), quick);
            }
        }
    }

    #[test]
    fn what_is_common_is_taken() {
        for (text, value) in [("61837.63000000", "61837.63000000"), ("0.00001000", "0.00001"), ("100", "100")] {
            let quoted = format!("\"{text}\"");
            assert_eq!(Cursor::new(quoted.as_bytes()).decimal(), Some(Decimal::from_str_exact(value).unwrap()));
        }
        for text in ["\"\"", "\".5\"", "\"1.\"", "\"-1\"", "\"1e5\"", "\"1_0\"", "1", "\"1", "\"12345678901234567890\""]
        {
            assert_eq!(Cursor::new(text.as_bytes()).decimal(), None, "{text}");
        }
    }
}

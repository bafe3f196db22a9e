//! Files of Binance's public archive: trades, aggregate trades and klines, as CSV or as the
//! zip they come in; with or without a header line; times in milliseconds or microseconds.
//!
//! A row becomes what a stream would have told. There is no book in these files, so a
//! small one is put around each trade:
//!
//! - Who sold met the best bid, who bought met the best ask: that side's best price is the
//!   trade's, the other side's is one tick away.
//! - Each side shows ten levels, a tick apart, each with the mean quantity of the last
//!   hundred trades. Each trade shows the book anew: what traded is back, what own orders
//!   took of a level comes back as more trades there.
//! - A kline becomes four trades of a quarter of its volume each: open, then low and high
//!   (falling: high and low), then close, spread over the interval.
//!
//! What may not live here: other formats, and what happens to own orders.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::Path;

use flate2::read::DeflateDecoder;
use ringfence_model::event::{Book, Level};
use ringfence_model::venue::MarketData;
use ringfence_model::{Decimal, InstrumentId, Side, Timestamp};

use super::RecordingError;

/// A row is far shorter.
const LONGEST_ROW: u64 = 4_096;
/// Levels of a side.
const LEVELS: u32 = 10;
/// Trades whose mean quantity a level shows.
const WINDOW: usize = 100;
/// From 2025 on times are in microseconds; a number this large is no millisecond.
const MICROSECONDS: u64 = 1_000_000_000_000_000;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Trades,
    AggregateTrades,
    Klines,
}

/// What the name of a file tells: `BTCUSDT-aggTrades-2024-03-01.zip`.
fn named(path: &Path) -> Option<(String, Kind)> {
    let mut parts = path.file_stem()?.to_str()?.split('-');
    let symbol = parts.next()?;
    let kind = match parts.next()? {
        "trades" => Kind::Trades,
        "aggTrades" => Kind::AggregateTrades,
        interval => {
            let (number, unit) = interval.split_at_checked(interval.len().checked_sub(1)?)?;
            let known = matches!(unit, "s" | "m" | "h" | "d" | "w") || interval.ends_with("mo");
            (known && number.trim_end_matches('m').bytes().all(|byte| byte.is_ascii_digit())).then_some(Kind::Klines)?
        }
    };
    let legal = !symbol.is_empty() && symbol.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    legal.then(|| (symbol.to_owned(), kind))
}

/// Whether a file is one of the archive, by its name.
pub fn is_archive(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "csv" || end == "zip")
}

/// The symbol in the name of a file of the archive.
///
/// # Errors
/// The name is not one of the archive's.
pub fn symbol_of(path: &Path) -> Result<String, RecordingError> {
    named(path).map(|(symbol, _)| symbol).ok_or_else(|| RecordingError::ArchiveName { path: path.to_owned() })
}

/// When the first row of a file happened.
///
/// # Errors
/// The file can't be read or has no whole row.
pub fn first_time(path: &Path) -> Result<Timestamp, RecordingError> {
    let mut first = None;
    read(path, Decimal::new(1, 2), &mut |row| match row {
        Ok((at, _)) => {
            first = Some(Ok(at));
            false
        }
        Err(error @ (RecordingError::Open { .. } | RecordingError::Cut { .. })) => {
            first = Some(Err(error));
            false
        }
        Err(_) => true,
    })?;
    first.unwrap_or_else(|| Err(RecordingError::NoSymbol { path: path.to_owned() }))
}

/// Reads a file from its start and hands over what happened, in order, until `next` says
/// that it is enough. `tick` is the distance of the levels.
///
/// # Errors
/// The file can't be opened; broken rows are handed over instead.
pub fn read(
    path: &Path,
    tick: Decimal,
    next: &mut dyn FnMut(Result<(Timestamp, MarketData), RecordingError>) -> bool,
) -> Result<(), RecordingError> {
    let (_, kind) = named(path).ok_or_else(|| RecordingError::ArchiveName { path: path.to_owned() })?;
    let open = |source| RecordingError::Open { path: path.to_owned(), source };
    let file = File::open(path).map_err(open)?;
    let mut rows = Rows { kind, number: 0, ladder: Ladder::new(tick), next };
    if path.extension().is_none_or(|end| end != "zip") {
        rows.all(BufReader::with_capacity(1 << 16, file));
        return Ok(());
    }
    let entry = entry(BufReader::with_capacity(1 << 16, file)).map_err(open)?;
    rows.all(BufReader::with_capacity(1 << 16, entry));
    Ok(())
}

/// The first file within a zip; the archive's zips have one. Deflate tells its own end, so
/// the header's sizes, which may be missing, are not needed.
fn entry(mut reader: impl Read + 'static) -> std::io::Result<Box<dyn Read>> {
    let wrong = |what: &str| std::io::Error::new(ErrorKind::InvalidData, what.to_owned());
    let mut head = [0u8; 30];
    reader.read_exact(&mut head)?;
    let number = |at: usize| match (head.get(at), head.get(at.saturating_add(1))) {
        (Some(low), Some(high)) => u16::from_le_bytes([*low, *high]),
        _ => 0,
    };
    let (flags, method, name, extra) = (number(6), number(8), number(26), number(28));
    let size = u64::from(number(18)) | u64::from(number(20)) << 16;
    if !head.starts_with(b"PK\x03\x04") {
        return Err(wrong("it is no zip file"));
    }
    if flags & 1 != 0 {
        return Err(wrong("it is encrypted"));
    }
    let rest = u64::from(name).saturating_add(u64::from(extra));
    std::io::copy(&mut (&mut reader).take(rest), &mut std::io::sink())?;
    match method {
        0 => Ok(Box::new(reader.take(size))),
        8 => Ok(Box::new(DeflateDecoder::new(reader))),
        _ => Err(wrong("it is packed in another way than deflate")),
    }
}

struct Rows<'n> {
    kind: Kind,
    number: u64,
    ladder: Ladder,
    next: &'n mut dyn FnMut(Result<(Timestamp, MarketData), RecordingError>) -> bool,
}

impl Rows<'_> {
    fn all(&mut self, mut reader: impl BufRead) {
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            let read = (&mut reader).take(LONGEST_ROW).read_until(b'\n', &mut bytes);
            match read {
                Ok(0) => return,
                Ok(_) => self.number = self.number.saturating_add(1),
                Err(source) => {
                    (self.next)(Err(RecordingError::Cut { after: self.number, source }));
                    return;
                }
            }
            let whole = bytes.last() == Some(&b'\n') || u64::try_from(bytes.len()) != Ok(LONGEST_ROW);
            if !whole && reader.skip_until(b'\n').is_err() {
                return;
            }
            let text = std::str::from_utf8(&bytes).map(str::trim).unwrap_or_default();
            let goes_on = match self.row(text) {
                // A header, or an empty line.
                Ok(None) => true,
                Ok(Some(happened)) if whole => happened.into_iter().all(|one| (self.next)(Ok(one))),
                Ok(Some(_)) => self.tell_broken(text, "the row is too long"),
                Err(what) => self.tell_broken(text, what),
            };
            if !goes_on {
                return;
            }
        }
    }

    fn tell_broken(&mut self, text: &str, what: &'static str) -> bool {
        (self.next)(Err(RecordingError::Row { number: self.number, what, excerpt: text.chars().take(80).collect() }))
    }

    fn row(&mut self, text: &str) -> Result<Option<Vec<(Timestamp, MarketData)>>, &'static str> {
        let starts_as_number = text.bytes().next().is_some_and(|byte| byte.is_ascii_digit());
        if text.is_empty() || (self.number == 1 && !starts_as_number) {
            return Ok(None);
        }
        let fields: Vec<&str> = text.split(',').map(str::trim).collect();
        match self.kind {
            Kind::Trades | Kind::AggregateTrades => self.trade(&fields).map(Some),
            Kind::Klines => self.kline(&fields).map(Some),
        }
    }

    fn trade(&mut self, fields: &[&str]) -> Result<Vec<(Timestamp, MarketData)>, &'static str> {
        // id, price, quantity, quote quantity, time, is buyer maker, is best match; or
        // id, price, quantity, first id, last id, time, is buyer maker, is best match.
        let (id, price, quantity, at, maker) = match (self.kind, fields) {
            (Kind::AggregateTrades, [id, price, quantity, _, _, at, maker, ..]) => (id, price, quantity, at, maker),
            (_, [id, price, quantity, _, at, maker, ..]) => (id, price, quantity, at, maker),
            _ => return Err("too few fields"),
        };
        let id = id.parse().map_err(|_| "the id is no whole number")?;
        let (price, quantity, at) = (amount(price)?, amount(quantity)?, time(at)?);
        let aggressor = match maker.to_ascii_lowercase().as_str() {
            "true" => Side::Sell,
            "false" => Side::Buy,
            _ => return Err("`is buyer maker` is neither true nor false"),
        };
        Ok(self.happened(id, price, quantity, at, aggressor))
    }

    fn happened(
        &mut self,
        id: u64,
        price: Decimal,
        quantity: Decimal,
        at: Timestamp,
        aggressor: Side,
    ) -> Vec<(Timestamp, MarketData)> {
        let instrument = InstrumentId(0);
        let trade = match self.kind {
            Kind::AggregateTrades => MarketData::AggregateTrade { instrument, ts: at, id, price, quantity, aggressor },
            _ => MarketData::Trade { instrument, ts: at, id, price, quantity, aggressor },
        };
        let book = self.ladder.around(price, quantity, aggressor);
        vec![(at, trade), (at, MarketData::Book { ts: Some(at), book })]
    }

    fn kline(&mut self, fields: &[&str]) -> Result<Vec<(Timestamp, MarketData)>, &'static str> {
        let [from, open, high, low, close, volume, until, ..] = fields else {
            return Err("too few fields");
        };
        let (open, high, low, close) = (amount(open)?, amount(high)?, amount(low)?, amount(close)?);
        let (from, until) = (time(from)?, time(until)?);
        if low > open.min(close) || high < open.max(close) || until < from {
            return Err("the prices or times of the kline contradict each other");
        }
        // An interval without trades.
        let volume: Decimal = volume.parse().map_err(|_| "the volume is no number")?;
        let quarter = volume.checked_div(Decimal::new(4, 0)).unwrap_or_default().round_dp(8);
        if quarter <= Decimal::ZERO {
            return Ok(Vec::new());
        }
        let path = if close >= open { [open, low, high, close] } else { [open, high, low, close] };
        let length = until.since(from).0;
        let mut all = Vec::with_capacity(8);
        let mut last = open;
        for (place, price) in (0u64..).zip(path) {
            let aggressor = if price >= last { Side::Buy } else { Side::Sell };
            last = price;
            let id = self.number.saturating_mul(4).saturating_add(place);
            let at = Timestamp(from.0.saturating_add(length.saturating_mul(place) / 3));
            all.extend(self.happened(id, price, quarter, at, aggressor));
        }
        Ok(all)
    }
}

fn amount(text: &str) -> Result<Decimal, &'static str> {
    let amount = Decimal::from_str_exact(text).map_err(|_| "a price or quantity is no number")?;
    if amount <= Decimal::ZERO || amount > Decimal::new(1_000_000_000_000, 0) {
        return Err("a price or quantity is not above zero, or too large");
    }
    Ok(amount)
}

fn time(text: &str) -> Result<Timestamp, &'static str> {
    let number: u64 = text.parse().map_err(|_| "a time is no whole number")?;
    Ok(if number >= MICROSECONDS { Timestamp(number) } else { Timestamp::from_millis(number) })
}

/// The book that is put around trades.
struct Ladder {
    tick: Decimal,
    window: VecDeque<Decimal>,
    sum: Decimal,
    update_id: u64,
}

impl Ladder {
    fn new(tick: Decimal) -> Self {
        Ladder { tick, window: VecDeque::with_capacity(WINDOW), sum: Decimal::ZERO, update_id: 0 }
    }

    fn around(&mut self, price: Decimal, quantity: Decimal, aggressor: Side) -> Book {
        if self.window.len() == WINDOW
            && let Some(oldest) = self.window.pop_front()
        {
            self.sum = self.sum.saturating_sub(oldest);
        }
        self.window.push_back(quantity);
        self.sum = self.sum.saturating_add(quantity);
        self.update_id = self.update_id.saturating_add(1);
        let mean = self.sum.checked_div(Decimal::from(self.window.len())).unwrap_or(quantity);
        let places = quantity.scale().clamp(2, 8);
        let shown = mean.round_dp(places).max(Decimal::new(1, places));
        let away = |levels: u32| self.tick.saturating_mul(Decimal::from(levels));
        let (bid, ask) = match aggressor {
            Side::Sell => (price, price.saturating_add(self.tick)),
            Side::Buy => (price.saturating_sub(self.tick), price),
        };
        let rows = |best: Decimal, sign: Decimal| {
            (0..LEVELS)
                .map(|level| best.saturating_add(away(level).saturating_mul(sign)))
                .filter(|price| *price > Decimal::ZERO)
                .map(|price| Level { price, quantity: shown })
                .collect()
        };
        Book {
            instrument: InstrumentId(0),
            last_update_id: self.update_id,
            best: None,
            bids: rows(bid, Decimal::NEGATIVE_ONE),
            asks: rows(ask, Decimal::ONE),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
#[path = "archive_tests.rs"]
mod tests;

//! Names of market streams: every one that the venue has for spot, and which of them
//! plugins can have. A name is made here and read here, nowhere else.
//!
//! Source: Binance, "WebSocket Streams", spot, "Detailed Stream information" of 2026-07.

use ringfence_model::StreamKind;

use crate::enums::{interval, interval_text};

/// A length of klines that the venue has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Interval(&'static str);

impl Interval {
    /// By its length in seconds; `None` if the venue has no such klines.
    pub fn of_seconds(seconds: u32) -> Option<Self> {
        interval_text(seconds).map(Interval)
    }

    /// By the venue's name, for example `1m`.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::of_seconds(interval(name)?)
    }

    /// The venue's name.
    pub const fn name(self) -> &'static str {
        self.0
    }

    /// Length; a month counts 30 days.
    pub fn seconds(self) -> u32 {
        interval(self.0).unwrap_or_default()
    }
}

/// Where days begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Zone {
    /// At midnight UTC.
    Utc,
    /// At midnight of UTC+8. Times in the payload are UTC all the same.
    East8,
}

/// Length of the windows of rolling statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Window {
    OneHour,
    FourHours,
    OneDay,
}

impl Window {
    /// All of them.
    pub const ALL: [Window; 3] = [Window::OneHour, Window::FourHours, Window::OneDay];

    /// The venue's name.
    pub const fn name(self) -> &'static str {
        match self {
            Window::OneHour => "1h",
            Window::FourHours => "4h",
            Window::OneDay => "1d",
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|window| window.name() == name)
    }
}

/// Levels of a partial book, on each side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Levels {
    Five,
    Ten,
    Twenty,
}

impl Levels {
    /// All of them.
    pub const ALL: [Levels; 3] = [Levels::Five, Levels::Ten, Levels::Twenty];

    /// How many.
    pub const fn count(self) -> u8 {
        match self {
            Levels::Five => 5,
            Levels::Ten => 10,
            Levels::Twenty => 20,
        }
    }

    fn of_count(count: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|levels| levels.count() == count)
    }
}

/// How often depth is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Speed {
    /// Every second.
    Slow,
    /// Every 100 ms.
    Fast,
}

impl Speed {
    const fn suffix(self) -> &'static str {
        match self {
            Speed::Slow => "",
            Speed::Fast => "@100ms",
        }
    }
}

/// A stream of one symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are the venue's")]
pub enum SymbolStream {
    Trade,
    AggregateTrade,
    BlockTrade,
    BookTicker,
    AveragePrice,
    ReferencePrice,
    MiniTicker,
    Ticker,
    WindowTicker(Window),
    Kline(Interval, Zone),
    PartialDepth(Levels, Speed),
    Depth(Speed),
}

impl SymbolStream {
    /// The one that carries what plugins ask for; `None` if the venue has no such stream.
    pub fn of(kind: StreamKind) -> Option<Self> {
        Some(match kind {
            StreamKind::Trades => SymbolStream::Trade,
            StreamKind::AggregateTrades => SymbolStream::AggregateTrade,
            StreamKind::Quotes => SymbolStream::BookTicker,
            StreamKind::Depth => SymbolStream::Depth(Speed::Fast),
            StreamKind::Book(levels) => SymbolStream::PartialDepth(Levels::of_count(levels)?, Speed::Fast),
            StreamKind::Klines(seconds) => SymbolStream::Kline(Interval::of_seconds(seconds)?, Zone::Utc),
            StreamKind::Ticker => SymbolStream::Ticker,
        })
    }

    /// What its messages are to plugins, at whatever speed; `None` if their contract has no such thing.
    pub fn kind(self) -> Option<StreamKind> {
        Some(match self {
            SymbolStream::Trade => StreamKind::Trades,
            SymbolStream::AggregateTrade => StreamKind::AggregateTrades,
            SymbolStream::BookTicker => StreamKind::Quotes,
            SymbolStream::Depth(_) => StreamKind::Depth,
            SymbolStream::PartialDepth(levels, _) => StreamKind::Book(levels.count()),
            SymbolStream::Kline(interval, Zone::Utc) => StreamKind::Klines(interval.seconds()),
            SymbolStream::Ticker => StreamKind::Ticker,
            SymbolStream::BlockTrade
            | SymbolStream::AveragePrice
            | SymbolStream::ReferencePrice
            | SymbolStream::MiniTicker
            | SymbolStream::WindowTicker(_)
            | SymbolStream::Kline(_, Zone::East8) => return None,
        })
    }

    /// Whether messages may be far apart for good reasons, so that silence means nothing.
    pub const fn is_rare(self) -> bool {
        matches!(self, SymbolStream::BlockTrade)
    }

    fn suffix(self) -> String {
        match self {
            SymbolStream::Trade => "trade".to_owned(),
            SymbolStream::AggregateTrade => "aggTrade".to_owned(),
            SymbolStream::BlockTrade => "blockTrade".to_owned(),
            SymbolStream::BookTicker => "bookTicker".to_owned(),
            SymbolStream::AveragePrice => "avgPrice".to_owned(),
            SymbolStream::ReferencePrice => "referencePrice".to_owned(),
            SymbolStream::MiniTicker => "miniTicker".to_owned(),
            SymbolStream::Ticker => "ticker".to_owned(),
            SymbolStream::WindowTicker(window) => format!("ticker_{}", window.name()),
            SymbolStream::Kline(interval, Zone::Utc) => format!("kline_{}", interval.name()),
            SymbolStream::Kline(interval, Zone::East8) => format!("kline_{}{EAST_8}", interval.name()),
            SymbolStream::PartialDepth(levels, speed) => format!("depth{}{}", levels.count(), speed.suffix()),
            SymbolStream::Depth(speed) => format!("depth{}", speed.suffix()),
        }
    }

    fn of_suffix(suffix: &str) -> Option<Self> {
        Some(match suffix {
            "trade" => SymbolStream::Trade,
            "aggTrade" => SymbolStream::AggregateTrade,
            "blockTrade" => SymbolStream::BlockTrade,
            "bookTicker" => SymbolStream::BookTicker,
            "avgPrice" => SymbolStream::AveragePrice,
            "referencePrice" => SymbolStream::ReferencePrice,
            "miniTicker" => SymbolStream::MiniTicker,
            "ticker" => SymbolStream::Ticker,
            other => {
                if let Some(window) = other.strip_prefix("ticker_") {
                    return Window::of_name(window).map(SymbolStream::WindowTicker);
                }
                if let Some(kline) = other.strip_prefix("kline_") {
                    let (name, zone) = match kline.strip_suffix(EAST_8) {
                        Some(name) => (name, Zone::East8),
                        None => (kline, Zone::Utc),
                    };
                    return Some(SymbolStream::Kline(Interval::of_name(name)?, zone));
                }
                let depth = other.strip_prefix("depth")?;
                let (levels, speed) = match depth.strip_suffix(Speed::Fast.suffix()) {
                    Some(levels) => (levels, Speed::Fast),
                    None => (depth, Speed::Slow),
                };
                match levels {
                    "" => SymbolStream::Depth(speed),
                    "5" | "10" | "20" => SymbolStream::PartialDepth(Levels::of_count(levels.parse().ok()?)?, speed),
                    _ => return None,
                }
            }
        })
    }
}

const EAST_8: &str = "@+08:00";

/// Any market stream of the venue.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MarketStream {
    /// Of one symbol.
    Symbol {
        /// In upper case.
        symbol: String,
        /// What of it.
        stream: SymbolStream,
    },
    /// `!miniTicker@arr`: of all symbols that have changed.
    AllMiniTickers,
    /// `!ticker_1h@arr` and its like: of all symbols that have changed.
    AllWindowTickers(Window),
}

impl MarketStream {
    /// A stream of a symbol, in whatever case it is written.
    pub fn of(symbol: &str, stream: SymbolStream) -> Self {
        MarketStream::Symbol { symbol: symbol.to_uppercase(), stream }
    }

    /// The venue's name, for example `btcusdt@kline_1m`.
    pub fn name(&self) -> String {
        match self {
            MarketStream::Symbol { symbol, stream } => format!("{}@{}", symbol.to_lowercase(), stream.suffix()),
            MarketStream::AllMiniTickers => "!miniTicker@arr".to_owned(),
            MarketStream::AllWindowTickers(window) => format!("!ticker_{}@arr", window.name()),
        }
    }

    /// Reads [`MarketStream::name`]; `None` if it is no name of a market stream.
    pub fn of_name(name: &str) -> Option<Self> {
        if let Some(all) = name.strip_prefix('!') {
            let all = all.strip_suffix("@arr")?;
            if all == "miniTicker" {
                return Some(MarketStream::AllMiniTickers);
            }
            return Window::of_name(all.strip_prefix("ticker_")?).map(MarketStream::AllWindowTickers);
        }
        let (symbol, suffix) = name.split_once('@').filter(|(symbol, _)| !symbol.is_empty())?;
        Some(MarketStream::of(symbol, SymbolStream::of_suffix(suffix)?))
    }
}

/// The venue's name of what plugins ask for, for example `btcusdt@kline_1m`; `None` if the
/// venue has no such stream. Depth is the faster one (100 ms).
pub fn stream_name(symbol: &str, kind: StreamKind) -> Option<String> {
    Some(MarketStream::of(symbol, SymbolStream::of(kind)?).name())
}

/// Symbol (upper case) and kind of a stream name, if plugins can have what it carries.
pub fn parse_stream_name(name: &str) -> Option<(String, StreamKind)> {
    match MarketStream::of_name(name)? {
        MarketStream::Symbol { symbol, stream } => Some((symbol, stream.kind()?)),
        MarketStream::AllMiniTickers | MarketStream::AllWindowTickers(_) => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::enums::INTERVALS;
    use std::collections::BTreeSet;

    fn all() -> Vec<MarketStream> {
        let speeds = [Speed::Slow, Speed::Fast];
        let mut streams = vec![
            SymbolStream::Trade,
            SymbolStream::AggregateTrade,
            SymbolStream::BlockTrade,
            SymbolStream::BookTicker,
            SymbolStream::AveragePrice,
            SymbolStream::ReferencePrice,
            SymbolStream::MiniTicker,
            SymbolStream::Ticker,
        ];
        streams.extend(Window::ALL.map(SymbolStream::WindowTicker));
        streams.extend(speeds.map(SymbolStream::Depth));
        for speed in speeds {
            streams.extend(Levels::ALL.map(|levels| SymbolStream::PartialDepth(levels, speed)));
        }
        for (name, _) in INTERVALS {
            let interval = Interval::of_name(name).unwrap();
            streams.extend([Zone::Utc, Zone::East8].map(|zone| SymbolStream::Kline(interval, zone)));
        }
        let mut all: Vec<_> = streams.into_iter().map(|stream| MarketStream::of("1000satsusdt", stream)).collect();
        all.push(MarketStream::AllMiniTickers);
        all.extend(Window::ALL.map(MarketStream::AllWindowTickers));
        all
    }

    #[test]
    fn each_name_is_another_and_is_read_back() {
        let all = all();
        let names: BTreeSet<_> = all.iter().map(MarketStream::name).collect();
        assert_eq!((names.len(), all.len()), (55, 55));
        for stream in all {
            assert_eq!(MarketStream::of_name(&stream.name()), Some(stream.clone()));
            // What plugins can have goes by one name only.
            if let MarketStream::Symbol { symbol, stream } = &stream
                && let Some(kind) = stream.kind()
            {
                let back = SymbolStream::of(kind).unwrap();
                assert!(
                    back == *stream
                        || matches!(
                            stream,
                            SymbolStream::Depth(Speed::Slow) | SymbolStream::PartialDepth(_, Speed::Slow)
                        )
                );
                assert_eq!(parse_stream_name(&stream_name(symbol, kind).unwrap()), Some((symbol.clone(), kind)));
            }
        }
    }

    #[test]
    fn names_are_the_documents() {
        let name = |stream| MarketStream::of("BNBBTC", stream).name();
        assert_eq!(name(SymbolStream::Kline(Interval::of_name("1M").unwrap(), Zone::East8)), "bnbbtc@kline_1M@+08:00");
        assert_eq!(name(SymbolStream::PartialDepth(Levels::Ten, Speed::Slow)), "bnbbtc@depth10");
        assert_eq!(name(SymbolStream::PartialDepth(Levels::Five, Speed::Fast)), "bnbbtc@depth5@100ms");
        assert_eq!(name(SymbolStream::WindowTicker(Window::FourHours)), "bnbbtc@ticker_4h");
        assert_eq!(MarketStream::AllWindowTickers(Window::OneDay).name(), "!ticker_1d@arr");
        for wrong in ["", "@trade", "btcusdt", "btcusdt@", "btcusdt@kline_7m", "btcusdt@depth7", "!ticker@arr", "!x"] {
            assert_eq!(MarketStream::of_name(wrong), None, "{wrong}");
        }
    }
}

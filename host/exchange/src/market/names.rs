//! Names of the venue's streams, and what they ask for. A name that is not known, or in
//! upper case, is no error: it stays silent, as at the venue.

use ringfence_wire::enums;

use super::grid::Grid;

/// The one time zone besides UTC that kline streams have.
const UTC_8: i32 = 8 * 3_600;

/// Lengths of the rolling-window tickers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rolling {
    Hour,
    FourHours,
    Day,
}

impl Rolling {
    const ALL: [Rolling; 3] = [Rolling::Hour, Rolling::FourHours, Rolling::Day];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Rolling::Hour => "1h",
            Rolling::FourHours => "4h",
            Rolling::Day => "1d",
        }
    }

    pub(crate) const fn seconds(self) -> u64 {
        match self {
            Rolling::Hour => 3_600,
            Rolling::FourHours => 14_400,
            Rolling::Day => 86_400,
        }
    }

    fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|window| window.word() == word)
    }
}

/// A stream of one symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stream {
    Trade,
    AggregateTrade,
    /// There are no block trades here: silent.
    BlockTrade,
    BookTicker,
    Depth {
        slow: bool,
    },
    Book {
        levels: u8,
        slow: bool,
    },
    Kline(Grid),
    MiniTicker,
    Ticker,
    Rolling(Rolling),
    AveragePrice,
    ReferencePrice,
}

/// What a name asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Channel {
    Symbol(usize, Stream),
    /// `!miniTicker@arr`
    MiniTickers {
        seconds: u64,
    },
    /// `!ticker_1h@arr`
    Rollings(Rolling),
}

fn stream(kind: &str) -> Option<Stream> {
    Some(match kind {
        "trade" => Stream::Trade,
        "aggTrade" => Stream::AggregateTrade,
        "blockTrade" => Stream::BlockTrade,
        "bookTicker" => Stream::BookTicker,
        "miniTicker" => Stream::MiniTicker,
        "ticker" => Stream::Ticker,
        "avgPrice" => Stream::AveragePrice,
        "referencePrice" => Stream::ReferencePrice,
        other => {
            if let Some(window) = other.strip_prefix("ticker_") {
                return Rolling::read(window).map(Stream::Rolling);
            }
            if let Some(kline) = other.strip_prefix("kline_") {
                let (interval, offset) = match kline.strip_suffix("@+08:00") {
                    Some(interval) => (interval, UTC_8),
                    None => (kline, 0),
                };
                return Some(Stream::Kline(Grid { interval: enums::interval(interval)?, offset }));
            }
            let depth = other.strip_prefix("depth")?;
            let (levels, slow) = match depth.strip_suffix("@100ms") {
                Some(levels) => (levels, false),
                None => (depth.strip_suffix("@1000ms").unwrap_or(depth), true),
            };
            match levels {
                "" => Stream::Depth { slow },
                "5" | "10" | "20" => Stream::Book { levels: levels.parse().ok()?, slow },
                _ => return None,
            }
        }
    })
}

/// Reads a name; `symbols` are the lower-case names of the symbols.
pub(crate) fn channel(name: &str, symbols: &[String]) -> Option<Channel> {
    if let Some(all) = name.strip_prefix('!') {
        return match all {
            // The documents know no speeds of it. Clients ask for these (the venue's own
            // pages for the slow one), and the venue tells them.
            "miniTicker@arr" | "miniTicker@arr@1000ms" => Some(Channel::MiniTickers { seconds: 1 }),
            "miniTicker@arr@3000ms" => Some(Channel::MiniTickers { seconds: 3 }),
            _ => {
                let window = all.strip_prefix("ticker_")?.strip_suffix("@arr")?;
                Rolling::read(window).map(Channel::Rollings)
            }
        };
    }
    let (symbol, kind) = name.split_once('@')?;
    let symbol = symbols.iter().position(|known| known == symbol)?;
    Some(Channel::Symbol(symbol, stream(kind)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_word_for_word() {
        let symbols = ["btcusdt".to_owned(), "币安人生usdt".to_owned()];
        let read = |name: &str| channel(name, &symbols);
        let one = |stream| Some(Channel::Symbol(0, stream));
        assert_eq!(read("btcusdt@trade"), one(Stream::Trade));
        assert_eq!(read("币安人生usdt@trade"), Some(Channel::Symbol(1, Stream::Trade)));
        assert_eq!(read("btcusdt@depth"), one(Stream::Depth { slow: true }));
        assert_eq!(read("btcusdt@depth@100ms"), one(Stream::Depth { slow: false }));
        assert_eq!(read("btcusdt@depth10@100ms"), one(Stream::Book { levels: 10, slow: false }));
        assert_eq!(read("btcusdt@kline_1M"), one(Stream::Kline(Grid::utc(2_592_000))));
        assert_eq!(read("btcusdt@kline_1m@+08:00"), one(Stream::Kline(Grid { interval: 60, offset: 28_800 })));
        assert_eq!(read("btcusdt@ticker_4h"), one(Stream::Rolling(Rolling::FourHours)));
        assert_eq!(read("!ticker_1d@arr"), Some(Channel::Rollings(Rolling::Day)));
        for (name, seconds) in [("!miniTicker@arr", 1), ("!miniTicker@arr@1000ms", 1), ("!miniTicker@arr@3000ms", 3)] {
            assert_eq!(read(name), Some(Channel::MiniTickers { seconds }));
        }
        for silent in [
            "",
            "@",
            "!",
            "btcusdt",
            "BTCUSDT@trade",
            "nopeusdt@trade",
            "btcusdt@Trade",
            "btcusdt@depth7",
            "btcusdt@depth@10ms",
            "btcusdt@kline_2m",
            "btcusdt@kline_1m@+09:00",
            "btcusdt@ticker_2h",
            "!ticker@arr",
            "!miniTicker@arr@2000ms",
            "!ticker_1h@arr@1000ms",
            "!bookTicker",
        ] {
            assert_eq!(read(silent), None, "{silent}");
        }
    }
}

//! Bad input from the venue, by the thousand: every documented payload, cut off, with wrong
//! types, huge numbers and noise in it, through every parser. The answer is an error of
//! bounded length that names what was read, or a value; never a panic.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use ringfence_model::venue::MarketData;
use ringfence_model::{Instrument, InstrumentId};
use ringfence_wire::rest::{self, account, market, orders};
use ringfence_wire::stream::payload::Payload;
use ringfence_wire::stream::{MarketStream, StreamParser};
use ringfence_wire::ws_api::Incoming;
use ringfence_wire::{WireError, user};

fn corpus() -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/binance");
    let mut all = Vec::new();
    for room in ["rest", "ws-api", "streams", "user-data"] {
        for entry in std::fs::read_dir(root.join(room)).unwrap() {
            let path = entry.unwrap().path();
            let value: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            all.push((path.file_name().unwrap().to_string_lossy().into_owned(), value.to_string().into_bytes()));
        }
    }
    all.sort();
    assert!(all.len() > 250, "{}", all.len());
    all
}

fn instrument(symbol: &str, id: u32) -> Instrument {
    let info = r#"{"symbol":"SYMBOL","status":"TRADING","baseAsset":"BNB","baseAssetPrecision":8,"quoteAsset":"BTC","quoteAssetPrecision":8,
        "filters":[{"filterType":"PRICE_FILTER","minPrice":"0.01","maxPrice":"1000000","tickSize":"0.01"},
        {"filterType":"LOT_SIZE","minQty":"0.00001","maxQty":"9000","stepSize":"0.00001"}]}"#;
    let info = info.replace("SYMBOL", symbol);
    rest::read::<rest::SymbolInfo>(info.as_bytes()).unwrap().instrument(InstrumentId(id)).unwrap()
}

fn parser() -> StreamParser {
    let instruments = [instrument("BNBBTC", 0), instrument("BNBUSDT", 1), instrument("BTCUSDT", 2)];
    StreamParser::new(&instruments).with_bare_snapshot(InstrumentId(0))
}

const STREAMS: &[&str] = &[
    "trade",
    "aggTrade",
    "blockTrade",
    "bookTicker",
    "depth@100ms",
    "depth",
    "depth5@100ms",
    "depth20",
    "kline_1m",
    "kline_1d@+08:00",
    "ticker",
    "ticker_4h",
    "miniTicker",
    "avgPrice",
    "referencePrice",
];

/// A recording of real traffic, message by message.
fn traffic() -> Vec<Vec<u8>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/recordings/spot_btcusdt_cut.gz");
    let packed = std::process::Command::new("gzip").arg("-dc").arg(file).output().unwrap();
    assert!(packed.status.success());
    let lines = packed.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let all: Vec<_> =
        lines.map(|line| line[line.iter().position(|byte| *byte == b' ').unwrap() + 1..].to_vec()).collect();
    assert!(all.len() > 2_000, "{}", all.len());
    all
}

/// Through everything that reads bytes of the venue; every error it gives.
fn read_all(parser: &StreamParser, raw: &[u8]) -> Vec<WireError> {
    let mut errors = Vec::new();
    let mut keep = |result: Result<(), WireError>| errors.extend(result.err());
    keep(parser.parse(raw).map(drop));
    let arrays = ["!miniTicker@arr".to_owned(), "!ticker_1h@arr".to_owned()];
    for name in STREAMS.iter().map(|stream| format!("bnbbtc@{stream}")).chain(arrays) {
        keep(Payload::read(&MarketStream::of_name(&name).unwrap(), raw).map(drop));
    }
    for stream in STREAMS {
        let mut combined = format!("{{\"stream\":\"bnbbtc@{stream}\",\"data\":").into_bytes();
        combined.extend_from_slice(raw);
        combined.push(b'}');
        keep(parser.parse(&combined).map(drop));
    }
    keep(user::parse(raw).map(drop));
    keep(Incoming::parse(raw).map(drop));
    macro_rules! bodies {
        ($($body:ty),* $(,)?) => { $( keep(rest::read::<$body>(raw).map(drop)); )* };
    }
    bodies!(
        rest::ErrorBody,
        rest::ServerTime,
        rest::AccountInfo,
        rest::OrderInfo,
        Vec<rest::MyTrade>,
        rest::DepthSnapshot,
        Vec<rest::KlineRow>,
        Vec<rest::RateLimit>,
        market::VenueRules,
        market::OneOrMany<market::Statistics>,
        Vec<market::PublicTrade>,
        market::ReferencePrice,
        orders::OrderReport,
        orders::OrderListReport,
        Vec<orders::Canceled>,
        orders::CancelReplaceError,
        orders::AmendReport,
        account::Account,
        account::Commission,
        account::RelevantFilters,
        account::TestOrder,
        user::FullReport,
        user::AccountPositionPayload,
        user::ListStatusPayload,
        market::OneOrMany<market::BookTicker>,
        market::OneOrMany<market::PriceTicker>,
        market::AveragePrice,
        market::ExecutionRules,
        Vec<market::AggregateTrade>,
        Vec<orders::Allocation>,
        Vec<orders::PreventedMatch>,
        Vec<orders::Amendment>,
        Vec<orders::AccountTrade>,
    );
    // Rules that can be read may still be unusable.
    if let Ok(info) = rest::read::<rest::ExchangeInfo>(raw) {
        let symbols: Vec<_> = info.symbols.iter().map(|symbol| symbol.symbol.clone()).collect();
        keep(info.instruments(&symbols).map(drop));
    }
    errors
}

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((x ^ (x >> 31)) % u64::try_from(end.max(1)).unwrap()).unwrap()
    }
}

const NASTY: &[&str] = &[
    "null",
    "true",
    "-1",
    "1e400",
    "-0",
    "18446744073709551616",
    "99999999999999999999999999999999999999",
    "0.1",
    "\"\"",
    "\"x\"",
    "\"-1\"",
    "\"1e5\"",
    "\"NaN\"",
    "\"79228162514264337593543950336\"",
    "[]",
    "{}",
    "[[]]",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "[[\"1\",\"1\"],[\"1\"]]",
    "9223372036854775807",
];

/// Another value in the place of one: keys stay, so that parsers get far.
fn mutate(chance: &mut Chance, raw: &[u8]) -> Vec<u8> {
    let mut bytes = raw.to_vec();
    match chance.below(6) {
        0 => bytes.truncate(chance.below(raw.len())),
        1 => {
            let at = chance.below(raw.len());
            bytes[at] = u8::try_from(chance.below(256)).unwrap();
        }
        2 => {
            let (one, other) = (chance.below(raw.len()), chance.below(raw.len()));
            let cut = raw[one.min(other)..one.max(other)].to_vec();
            let at = chance.below(raw.len());
            bytes.splice(at..at, cut);
        }
        _ => {
            let colons: Vec<_> = raw
                .windows(2)
                .enumerate()
                .filter(|(_, two)| two[1] == b':' && two[0] == b'"')
                .map(|(at, _)| at + 2)
                .collect();
            if let Some(at) = colons.get(chance.below(colons.len())) {
                let rest = &raw[*at..];
                let end = if rest[0] == b'"' {
                    rest[1..].iter().position(|byte| *byte == b'"').map_or(rest.len(), |end| end + 2)
                } else {
                    rest.iter().position(|byte| matches!(byte, b',' | b'}' | b']')).unwrap_or(rest.len())
                };
                bytes.splice(*at..*at + end, NASTY[chance.below(NASTY.len())].bytes());
            }
        }
    }
    bytes
}

#[test]
fn nothing_panics_and_errors_say_what_and_where() {
    let (parser, corpus) = (parser(), corpus());
    let seed = std::env::var("RINGFENCE_SEED").map_or(1, |seed| seed.parse().unwrap());
    let mut chance = Chance(seed);
    let mut count = 0;
    for (name, raw) in &corpus {
        for _ in 0..40 {
            let bytes = mutate(&mut chance, raw);
            for error in read_all(&parser, &bytes) {
                let text = error.to_string();
                assert!(!text.is_empty() && text.len() < 1_500, "{name}: {} bytes of error", text.len());
                // What was read, and where it stops to be that; of an order or an error in its place there is no one place.
                if let WireError::Json { what, why, excerpt } = &error {
                    assert!(
                        !what.is_empty() && ["column", "missing", "untagged"].iter().any(|word| why.contains(word)),
                        "{text}"
                    );
                    assert!(!excerpt.is_empty() || bytes.is_empty(), "{text}");
                }
                count += 1;
            }
        }
    }
    assert!(count > 10_000, "{count}");
}

/// Cut off anywhere, a message is an error, whichever way it is read.
#[test]
fn truncated_messages_are_errors() {
    let parser = parser();
    for name in [
        "trade-streams.1",
        "diff-depth-stream.1",
        "individual-symbol-ticker-streams.1",
        "kline-candlestick-streams-for-utc.1",
    ] {
        let raw = &corpus().into_iter().find(|(known, _)| known == &format!("{name}.json")).unwrap().1;
        assert!(parser.parse(raw).is_ok(), "{name}");
        for end in 0..raw.len() {
            assert!(parser.parse(&raw[..end]).is_err(), "{name} cut at {end}");
        }
    }
}

/// Found by fuzzing: the quick way into a combined message was stricter about fields that
/// follow, and more lenient about names, than JSON is.
#[test]
fn envelopes_are_read_as_json_is() {
    let parser = parser();
    let payload = r#"{"u":5,"s":"BNBBTC","b":"1.5","B":"1","a":"1.6","A":"2"}"#;
    let named = |name: &str, rest: &str| format!(r#"{{"stream":"{name}","data":{payload}{rest}}}"#);
    let wanted = parser.parse(named("bnbbtc@bookTicker", "").as_bytes()).unwrap();
    assert_eq!(parser.parse(named("bnbbtc@bookTicker", r#","new":[1]"#).as_bytes()), Ok(wanted));
    assert!(parser.parse(named("bnb\u{0}btc@bookTicker", "").as_bytes()).is_err());
}

#[test]
fn ten_megabytes_are_an_error_of_a_few_words() {
    let parser = parser();
    const MANY: usize = 10_000_000;
    let digits = format!(
        r#"{{"e":"trade","E":1,"s":"BNBBTC","t":1,"p":"{}","q":"1","T":1,"m":true,"M":true}}"#,
        "9".repeat(MANY)
    );
    let text = format!(r#"{{"e":"trade","s":"{}"}}"#, "x".repeat(MANY));
    let deep = "[".repeat(MANY);
    let deeper = "{\"e\":".repeat(MANY / 5);
    let within = format!(r#"{{"stream":"bnbbtc@depth","data":{{"e":"depthUpdate","b":{}"#, "[".repeat(MANY));
    let blanks = " ".repeat(MANY);
    for input in [digits, text, deep, deeper, within, blanks] {
        for error in read_all(&parser, input.as_bytes()) {
            assert!(error.to_string().len() < 1_500);
        }
        assert!(parser.parse(input.as_bytes()).is_err());
    }
    // Large and right is no error.
    let levels = vec![r#"["0.01","1"]"#; MANY / 13].join(",");
    let large = format!(r#"{{"e":"depthUpdate","E":1,"s":"BNBBTC","U":1,"u":2,"b":[{levels}],"a":[]}}"#);
    let MarketData::Depth { update, .. } = parser.parse(large.as_bytes()).unwrap() else { panic!() };
    assert_eq!(update.bids.len(), MANY / 13);
}

/// The quick way and the general one agree on whatever they are given: documented payloads and
/// real traffic, whole and damaged.
#[test]
fn quick_and_general_parsers_agree() {
    let parser = parser();
    let mut chance = Chance(7);
    let documented = [
        "trade-streams.1.json",
        "aggregate-trade-streams.1.json",
        "diff-depth-stream.1.json",
        "individual-symbol-book-ticker-streams.1.json",
    ];
    let mut inputs: Vec<_> = corpus()
        .into_iter()
        .filter(|(name, _)| documented.contains(&name.as_str()))
        .map(|(_, raw)| (raw, 3_000))
        .collect();
    assert_eq!(inputs.len(), documented.len());
    inputs.extend(traffic().into_iter().map(|raw| (raw, 6)));
    // Of both, with the payload that a combined message carries: a blank in it sends it the general way.
    let (mut agreed, mut refused) = (0, 0);
    for (raw, times) in &inputs {
        for time in 0..*times {
            let bytes = if time == 0 { raw.clone() } else { mutate(&mut chance, raw) };
            const DATA: &[u8] = b"\"data\":{";
            let at = bytes.windows(DATA.len()).position(|window| window == DATA).map_or(0, |at| at + DATA.len() - 1);
            let Some(b'{') = bytes.get(at) else { continue };
            let mut general = bytes.clone();
            general.insert(at + 1, b' ');
            match (parser.parse(&bytes), parser.parse(&general)) {
                (Ok(quick), Ok(general)) => {
                    assert_eq!(quick, general, "{}", String::from_utf8_lossy(&bytes));
                    agreed += 1;
                }
                (Err(_), Err(_)) => refused += 1,
                (quick, general) => panic!("{quick:?} but {general:?} of {}", String::from_utf8_lossy(&bytes)),
            }
        }
    }
    assert!(agreed > 4_000 && refused > 4_000, "{agreed} {refused}");
}

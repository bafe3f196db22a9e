//! Messages of market streams, which are text: sockets check that. The quick parser may only be quicker: with a blank in front it
//! leaves a message to the general one, which must read the same in it.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use ringfence_exchange::SymbolConfig;
use ringfence_model::InstrumentId;
use ringfence_wire::stream::{StreamParser, parse_stream_name, split};

static PARSER: LazyLock<StreamParser> = LazyLock::new(|| {
    let instruments: Vec<_> = ["BTCUSDT", "ETHUSDT"]
        .into_iter()
        .filter_map(SymbolConfig::known)
        .zip(0..)
        .map(|(symbol, id)| symbol.instrument(InstrumentId(id)))
        .collect();
    StreamParser::new(&instruments)
});

fuzz_target!(|text: &str| {
    let raw = text.as_bytes();
    let quick = PARSER.parse(raw);
    let blank = [b" ", raw].concat();
    assert_eq!(quick.as_ref().ok(), PARSER.parse(&blank).as_ref().ok());
    if let Some((name, payload)) = split(raw) {
        let _ = parse_stream_name(name);
        let spaced = [b"{\"stream\" :\"", name.as_bytes(), b"\",\"data\":", payload, b"}"].concat();
        assert_eq!(quick.as_ref().ok(), PARSER.parse(&spaced).as_ref().ok());
    }
});

//! Bytes of the three payloads that come by the thousand: to our types (symbol looked up,
//! decimals read), beside `serde_json` to a plain struct that borrows its text and reads no
//! decimal. `cargo bench -p ringfence-wire`.

#![allow(missing_docs, reason = "criterion's macros make undocumented items")]
#![allow(clippy::unwrap_used)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ringfence_model::InstrumentId;
use ringfence_wire::rest::{self, SymbolInfo};
use ringfence_wire::stream::StreamParser;
use serde::Deserialize;

const TRADE: &str = r#"{"e":"trade","E":1723161254035,"s":"BTCUSDT","t":3756371246,"p":"61837.63000000","q":"0.00082000","T":1723161254034,"m":true,"M":true}"#;
const QUOTE: &str =
    r#"{"u":50001234567,"s":"BTCUSDT","b":"61837.62000000","B":"1.20000000","a":"61837.63000000","A":"0.80000000"}"#;

#[derive(Deserialize)]
#[allow(dead_code, non_snake_case)]
struct Trade<'a> {
    e: &'a str,
    E: u64,
    s: &'a str,
    t: u64,
    p: &'a str,
    q: &'a str,
    T: u64,
    m: bool,
    M: bool,
}

#[derive(Deserialize)]
#[allow(dead_code, non_snake_case)]
struct Quote<'a> {
    u: u64,
    s: &'a str,
    b: &'a str,
    B: &'a str,
    a: &'a str,
    A: &'a str,
}

#[derive(Deserialize)]
#[allow(dead_code, non_snake_case)]
struct Depth<'a> {
    e: &'a str,
    E: u64,
    s: &'a str,
    U: u64,
    u: u64,
    #[serde(borrow)]
    b: Vec<(&'a str, &'a str)>,
    #[serde(borrow)]
    a: Vec<(&'a str, &'a str)>,
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct Combined<'a, T> {
    stream: &'a str,
    data: T,
}

fn depth() -> String {
    let side = |from: i64, step: i64| {
        (0..20)
            .map(|level| {
                format!(
                    r#"["{}.{:02}000000","{}.{:05}000"]"#,
                    (from + step * level) / 100,
                    (from + step * level) % 100,
                    level % 3,
                    7 * level + 123
                )
            })
            .collect::<Vec<_>>()
            .join(",")
    };
    format!(
        r#"{{"e":"depthUpdate","E":1723161254035,"s":"BTCUSDT","U":50001234567,"u":50001234600,"b":[{}],"a":[{}]}}"#,
        side(6_183_762, -1),
        side(6_183_763, 1)
    )
}

fn parse(c: &mut Criterion) {
    // As many symbols as a large host follows: the look-up is part of the work.
    let instruments: Vec<_> = (0..200u32)
        .map(|number| {
            let symbol = if number == 77 { "BTCUSDT".to_owned() } else { format!("S{number}USDT") };
            let info = format!(
                r#"{{"symbol":"{symbol}","status":"TRADING","baseAsset":"B","baseAssetPrecision":8,"quoteAsset":"Q","quoteAssetPrecision":8,
                "filters":[{{"filterType":"PRICE_FILTER","minPrice":"0.01","maxPrice":"1000000","tickSize":"0.01"}},
                {{"filterType":"LOT_SIZE","minQty":"0.00001","maxQty":"9000","stepSize":"0.00001"}}]}}"#
            );
            rest::read::<SymbolInfo>(info.as_bytes()).unwrap().instrument(InstrumentId(number)).unwrap()
        })
        .collect();
    let parser = StreamParser::new(&instruments);
    let combined = |stream: &str, data: &str| format!(r#"{{"stream":"btcusdt@{stream}","data":{data}}}"#);
    let (trade, quote, depth) =
        (combined("trade", TRADE), combined("bookTicker", QUOTE), combined("depth@100ms", &depth()));
    for (name, text) in [("trade", &trade), ("bookTicker", &quote), ("depthUpdate of 20 levels a side", &depth)] {
        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function("ours, from bytes to our types", |b| {
            b.iter(|| parser.parse(black_box(text.as_bytes())).unwrap());
        });
        group.bench_function("serde_json, to a plain borrowed struct", |b| {
            let raw = text.as_bytes();
            match name {
                "trade" => b.iter(|| serde_json::from_slice::<Combined<'_, Trade<'_>>>(black_box(raw)).unwrap()),
                "bookTicker" => b.iter(|| serde_json::from_slice::<Combined<'_, Quote<'_>>>(black_box(raw)).unwrap()),
                _ => b.iter(|| serde_json::from_slice::<Combined<'_, Depth<'_>>>(black_box(raw)).unwrap()),
            }
        });
        group.finish();
    }
}

criterion_group!(benches, parse);
criterion_main!(benches);

use std::io::Write;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

const TRADES: &str = "\
1,60000.10,0.50000000,30000.05,1717200000123,True,True
2,60000.20,0.25000000,15000.05,1717200000456,False,True
";
const AGGREGATE: &str = "\
agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker,is_best_match
7,60000.10,0.5,1,2,1717200000123456,true,true
8,60000.30,0.1,3,3,1717200000999999,false,true
";
const KLINES: &str = "\
1717200000000,100.00,110.00,90.00,105.00,4.0,1717200059999,400,9,2,200,0
1717200060000,105.00,105.00,105.00,105.00,0,1717200119999,0,0,0,0,0
";

fn file(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// A zip as the archive has them: one packed file, sizes only behind it.
fn zipped(dir: &Path, name: &str, text: &str) -> PathBuf {
    let mut packed = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    let inside = name.replace(".zip", ".csv");
    let mut bytes = b"PK\x03\x04\x14\0\x08\0\x08\0".to_vec();
    bytes.extend([0; 16]);
    bytes.extend(u16::try_from(inside.len()).unwrap().to_le_bytes());
    bytes.extend([0, 0]);
    bytes.extend(inside.as_bytes());
    bytes.extend(packed.finish().unwrap());
    bytes.extend(b"PK\x07\x08");
    let path = dir.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn all(path: &Path) -> Vec<Result<(Timestamp, MarketData), String>> {
    let mut rows = Vec::new();
    read(path, Decimal::new(1, 2), &mut |row| {
        rows.push(row.map_err(|error| error.to_string()));
        true
    })
    .unwrap();
    rows
}

fn shape(rows: &[Result<(Timestamp, MarketData), String>]) -> Vec<(u64, String, Side)> {
    rows.iter()
        .filter_map(|row| match row.as_ref().unwrap() {
            (at, MarketData::Trade { price, aggressor, .. } | MarketData::AggregateTrade { price, aggressor, .. }) => {
                Some((at.0, price.to_string(), *aggressor))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn trades_plain_and_zipped_are_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let plain = all(&file(dir.path(), "BTCUSDT-trades-2024-06-01.csv", TRADES));
    assert_eq!(
        shape(&plain),
        [
            (1_717_200_000_123_000, "60000.10".to_owned(), Side::Sell),
            (1_717_200_000_456_000, "60000.20".to_owned(), Side::Buy)
        ]
    );
    let path = zipped(dir.path(), "BTCUSDT-trades-2024-06-01.zip", TRADES);
    assert_eq!(all(&path), plain);
    assert_eq!(symbol_of(&path).unwrap(), "BTCUSDT");
    assert_eq!(first_time(&path).unwrap(), Timestamp(1_717_200_000_123_000));
    let (_, MarketData::Book { book, .. }) = plain[1].clone().unwrap() else { panic!("a book") };
    assert_eq!((book.bids.len(), book.asks.len()), (10, 10));
    assert_eq!(
        (book.bids[0].price.to_string(), book.asks[0].price.to_string()),
        ("60000.10".into(), "60000.11".into())
    );
    assert_eq!(book.bids[9].quantity, Decimal::new(5, 1));
}

#[test]
fn a_header_is_passed_over_and_microseconds_are_understood() {
    let dir = tempfile::tempdir().unwrap();
    let rows = all(&file(dir.path(), "ETHUSDT-aggTrades-2025-01-01.csv", AGGREGATE));
    assert_eq!(shape(&rows)[0], (1_717_200_000_123_456, "60000.10".to_owned(), Side::Sell));
    assert!(matches!(rows[0], Ok((_, MarketData::AggregateTrade { id: 7, .. }))));
}

#[test]
fn a_kline_is_four_trades() {
    let dir = tempfile::tempdir().unwrap();
    let rows = all(&file(dir.path(), "BTCUSDT-1m-2024-06.csv", KLINES));
    let prices: Vec<_> = shape(&rows).into_iter().map(|(at, price, _)| (at / 1_000 % 60_000, price)).collect();
    let wanted = [(0, "100.00"), (19_999, "90.00"), (39_999, "110.00"), (59_999, "105.00")];
    assert_eq!(prices, wanted.map(|(at, price)| (at, price.to_owned())));
}

#[test]
fn broken_rows_are_told_with_their_number_and_the_rest_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let long = "9".repeat(10_000);
    let text = format!(
        "1,2\n{TRADES}3,x,1,1,1717200000999,true,true\n{long}\n4,1,1,1,1717200000999,perhaps,true\n\n5,1,-1,1,1,true\n{TRADES}"
    );
    let rows = all(&file(dir.path(), "BTCUSDT-trades-2024-06-01.csv", &text));
    let wrong: Vec<_> = rows.iter().filter_map(|row| row.as_ref().err()).collect();
    assert_eq!(wrong.len(), 5, "{wrong:?}");
    for (what, row) in wrong.iter().zip([1, 4, 5, 6, 8]) {
        assert!(what.contains(&format!("row {row} ")), "{what}");
    }
    assert_eq!(rows.iter().filter(|row| row.is_ok()).count(), 8);
}

#[test]
fn names_that_tell_nothing_are_refused() {
    for name in ["trades.csv", "BTCUSDT-book-2024.csv", "btcusdt-trades-2024.csv", "BTCUSDT--2024.csv"] {
        assert!(matches!(symbol_of(Path::new(name)), Err(RecordingError::ArchiveName { .. })), "{name}");
    }
    for (name, kind) in [
        ("BTCUSDT-1s-2024.csv", Kind::Klines),
        ("X1-12h-2024-01-02.zip", Kind::Klines),
        ("A-1mo-2024.zip", Kind::Klines),
    ] {
        assert_eq!(named(Path::new(name)).unwrap().1, kind, "{name}");
    }
    let dir = tempfile::tempdir().unwrap();
    let no_zip = file(dir.path(), "BTCUSDT-trades-2024-06-01.zip", &"no zip".repeat(20));
    assert!(matches!(first_time(&no_zip), Err(RecordingError::Open { .. })));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000), kind in 0usize..3) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(["A-trades-1.csv", "A-aggTrades-1.zip", "A-1m-1.csv"][kind]);
        let head: &[u8] = if kind == 1 { b"PK\x03\x04\x14\0\x08\0\x08\0" } else { b"" };
        std::fs::write(&path, [head, &bytes].concat()).unwrap();
        let _ = read(&path, Decimal::ONE, &mut |_| true);
    }
}

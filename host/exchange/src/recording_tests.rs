use std::io::Write;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::NamedTempFile;

use super::*;

fn fixture() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/recordings/spot_btcusdt_cut.gz"))
}

fn file(bytes: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file.flush().unwrap();
    file
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Numbers of the lines that were read and of those that are broken.
fn numbers(path: &Path) -> (Vec<u64>, Vec<u64>) {
    let (mut good, mut broken) = (Vec::new(), Vec::new());
    for line in Recording::open(path).unwrap() {
        match line {
            Ok(line) => good.push(line.number),
            Err(RecordingError::Line { number, .. }) => broken.push(number),
            Err(other) => panic!("{other}"),
        }
    }
    (good, broken)
}

const MIXED: &str = concat!(
    "1000 {\"a\":1}\n",
    "no time at all\n",
    "2000{\"a\":1}\n",
    "\n",
    "-5 {\"a\":1}\r\n",
    "3000 [1]\n",
    "4000 {\"a\":\n",
    "5999 {\"b\": 2}\r\n",
    "6000 {\"cut\":\"of",
);

#[test]
fn broken_lines_are_named_and_reading_goes_on() {
    for bytes in [MIXED.as_bytes().to_vec(), gzip(MIXED.as_bytes())] {
        assert_eq!(numbers(file(&bytes).path()), (vec![1, 8], vec![2, 3, 5, 6, 7, 9]));
    }
    let path = file(MIXED.as_bytes());
    let lines: Vec<_> = Recording::open(path.path()).unwrap().collect();
    let last = lines[6].as_ref().unwrap();
    assert_eq!((last.received, last.raw.as_slice()), (Timestamp(5), br#"{"b": 2}"#.as_slice()));
    let text = lines[1].as_ref().unwrap_err().to_string();
    assert!(text.contains("line 2") && text.contains("no time at all"), "{text}");
}

#[test]
fn a_line_beyond_all_bounds_is_one_broken_line() {
    let mut bytes = b"1000 {\"a\":\"".to_vec();
    bytes.resize(usize::try_from(LONGEST_LINE).unwrap() * 2 + 77, b'x');
    bytes.extend_from_slice(b"\"}\n2000 {\"a\":1}\n");
    assert_eq!(numbers(file(&gzip(&bytes)).path()), (vec![2], vec![1]));
}

#[test]
fn a_cut_gzip_gives_all_lines_before_the_cut_and_then_ends() {
    let whole = std::fs::read(fixture()).unwrap();
    let path = file(&whole[..whole.len() / 2]);
    let mut reading = Recording::open(path.path()).unwrap();
    let mut good = 0;
    let cut = loop {
        match reading.next().unwrap() {
            Ok(line) => {
                good += 1;
                assert_eq!(line.number, good);
            }
            Err(error) => break error,
        }
    };
    assert!(good > 1_000);
    assert!(matches!(cut, RecordingError::Cut { after, .. } if after == good), "{cut}");
    assert!(reading.next().is_none());
}

#[test]
fn gzip_members_may_follow_each_other() {
    let mut bytes = gzip(b"1000 {}\n");
    bytes.extend(gzip(b"2000 {}\n"));
    assert_eq!(numbers(file(&bytes).path()), (vec![1, 2], vec![]));
}

#[test]
fn the_fixture_is_whole_and_names_its_symbol_and_time() {
    assert_eq!(symbol_of(&fixture()).unwrap(), "BTCUSDT");
    assert_eq!(first_time(&fixture()).unwrap(), Timestamp(1_723_161_253_937_085));
    let (good, broken) = numbers(&fixture());
    assert_eq!((good.len(), broken.len()), (3_000, 0));
    let lines: Vec<_> = Recording::open(&fixture()).unwrap().flatten().collect();
    let bare: Vec<_> = lines.iter().filter(|line| stream_of(&line.raw).is_none()).collect();
    assert_eq!(bare.len(), 1, "the snapshot stands without an envelope");
    assert!(data_of(&bare[0].raw).is_none());
    for line in lines.iter().filter(|line| line.number != bare[0].number) {
        assert!(stream_of(&line.raw).unwrap().starts_with("btcusdt@"));
        assert!(data_of(&line.raw).unwrap().starts_with('{'));
    }
}

#[test]
fn what_is_no_recording_is_refused_with_its_path() {
    let open = Recording::open(Path::new("/nowhere/at/all.gz")).unwrap_err().to_string();
    assert!(open.contains("/nowhere/at/all.gz"), "{open}");
    let path = file(b"1000 {\"result\":null,\"id\":1}\n2000 {\"e\":\"x\"}\n");
    assert!(matches!(symbol_of(path.path()), Err(RecordingError::NoSymbol { .. })));
    assert_eq!(first_time(path.path()).unwrap(), Timestamp(1));
    let empty = file(b"");
    assert!(matches!(first_time(empty.path()), Err(RecordingError::NoSymbol { .. })));
    assert_eq!(numbers(empty.path()), (vec![], vec![]));
    let raw = file(b"1 {\"e\":\"trade\",\"s\":\"ETHUSDT\"}\n");
    assert_eq!(symbol_of(raw.path()).unwrap(), "ETHUSDT");
}

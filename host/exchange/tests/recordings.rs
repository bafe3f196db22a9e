//! Damaged recordings: any bytes, and real traffic with a few of them changed, are read line by
//! line without a panic, and each error says which line.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::Write as _;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use ringfence_exchange::recording::{Recording, RecordingError, first_time, symbol_of};

fn cut() -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/recordings/spot_btcusdt_cut.gz"))
        .unwrap()
}

/// Lines that can be read, and errors.
fn read(name: &str, bytes: &[u8]) -> (usize, usize) {
    let path: PathBuf = std::env::temp_dir().join(format!("ringfence-recording-{}-{name}", std::process::id()));
    std::fs::File::create(&path).unwrap().write_all(bytes).unwrap();
    drop((first_time(&path), symbol_of(&path)));
    let (mut lines, mut errors) = (0, 0);
    if let Ok(recording) = Recording::open(&path) {
        for line in recording {
            match line {
                Ok(_) => lines += 1,
                Err(error) => {
                    let text = error.to_string();
                    assert!(text.len() < 1_500, "{text}");
                    assert!(matches!(error, RecordingError::Line { .. } | RecordingError::Cut { .. }), "{text}");
                    assert!(text.contains("line "), "{text}");
                    errors += 1;
                }
            }
        }
    }
    std::fs::remove_file(&path).unwrap();
    (lines, errors)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn any_bytes(bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b' '), Just(b'1')], 0..2_000)) {
        read("any", &bytes);
    }

    #[test]
    fn a_damaged_archive(places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4), keep in any::<prop::sample::Index>()) {
        let mut bytes = cut();
        let length = bytes.len();
        for (at, byte) in places {
            bytes[at.index(length)] = byte;
        }
        bytes.truncate(keep.index(length) + 1);
        let (lines, errors) = read("damaged", &bytes);
        prop_assert!(lines + errors > 0, "not a word of what is wrong");
    }
}

#[test]
fn the_undamaged_one_is_whole() {
    assert_eq!(read("whole", &cut()), (3_000, 0));
}

//! The compiled functions of a plugin's last build are kept for its next one, and for no other plugin's.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use ringfence_sandbox::admission::hash;
use ringfence_sandbox::admission::snapshot::Snapshot;
use ringfence_sandbox::compiler::{CompileLimits, Compiler};
use ringfence_sandbox::{Sandbox, SandboxConfig};

/// The example with one more section that nobody reads: another content, the same code.
fn build(dir: &Path, name: &str, number: u8) -> Snapshot {
    let file = dir.join(format!("{name}.wasm"));
    let mut bytes =
        std::fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../plugins/ema-cross.wasm")).unwrap();
    bytes.extend_from_slice(&[0, 3, 1, b'n', number]);
    std::fs::write(&file, bytes).unwrap();
    Snapshot::take(&file, 1 << 20).unwrap()
}

/// Names, sizes and hashes of the kept functions.
fn kept(cache: &Path) -> Vec<(PathBuf, usize, String)> {
    let mut kept: Vec<_> = std::fs::read_dir(cache)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("functions-"))
        .map(|entry| {
            let bytes = std::fs::read(entry.path()).unwrap();
            (entry.path(), bytes.len(), format!("{:x?}", hash(&bytes)))
        })
        .collect();
    kept.sort();
    kept
}

#[test]
fn functions_are_kept_for_each_name() {
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("cache");
    let program = env!("CARGO_BIN_EXE_ringfence-compile").into();
    let config = SandboxConfig {
        cache_dir: Some(cache.clone()),
        compiler: Compiler::child_of(program, CompileLimits::default()),
        ..SandboxConfig::in_process()
    };
    let sandbox = Sandbox::new(config).unwrap();
    sandbox.admit_file(&build(dir.path(), "one", 1)).unwrap();
    let first = kept(&cache);
    assert_eq!(first.len(), 1);
    assert!(first[0].1 > 100_000, "{first:?}");

    // A new content under the same name is compiled with them, and leaves its own in their place.
    let second = sandbox.admit_file(&build(dir.path(), "one", 2)).unwrap();
    assert!(!second.admission().0, "it was not in the cache");
    let first = kept(&cache);
    assert_eq!(first.len(), 1);

    // Another name starts with nothing.
    sandbox.admit_file(&build(dir.path(), "other", 3)).unwrap();
    let both = kept(&cache);
    assert_eq!(both.len(), 2);
    assert!(both.contains(&first[0]));

    // Whoever changes what was kept gains nothing: it is wiped, and all is compiled.
    let file = &first[0].0;
    let mut bad = std::fs::read(file).unwrap();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    std::fs::write(file, bad).unwrap();
    sandbox.admit_file(&build(dir.path(), "one", 4)).unwrap();
    assert!(kept(&cache).iter().any(|(of, length, _)| of == file && *length > 100_000));

    // A look at a stranger's file of that name leaves nothing behind.
    std::fs::remove_file(file).unwrap();
    build(dir.path(), "one", 5);
    assert!(sandbox.examine_file(&dir.path().join("one.wasm")).outcome.is_ok());
    assert!(!file.exists());
}

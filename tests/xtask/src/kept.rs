//! Builds that are kept in the repository. What lives here: `plugins/KEPT`, one line a plugin: its name,
//! the hash of the sources that went in, the hash of the `.wasm`. So that a stale build is noticed without
//! building.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::build::{Language, language_of};

const FILE: &str = "plugins/KEPT";
const HEAD: &str = "# plugin, sha256 of its sources, sha256 of its .wasm; written by `cargo xtask plugins`\n";
/// Folders whose content does not go into a build.
const LEFT_OUT: [&str; 6] = ["target", "node_modules", "tests", "test", "__pycache__", "build"];

/// Writes the line of a plugin that was just built.
pub(crate) fn record(root: &Path, name: &str) -> Result<()> {
    let mut lines = read(root)?;
    lines.insert(name.to_owned(), (sources(root, name)?, wasm(root, name)?));
    let lines = lines.iter().map(|(name, (sources, wasm))| format!("{name} {sources} {wasm}\n"));
    let text = HEAD.to_owned() + &lines.collect::<String>();
    std::fs::write(root.join(FILE), text).with_context(|| format!("can't write {FILE}"))
}

/// Fails if a kept build is missing, changed, or older than its sources.
pub(crate) fn check(root: &Path, names: &[String]) -> Result<()> {
    let lines = read(root)?;
    let mut stale = Vec::new();
    for name in names {
        let problem = match lines.get(name) {
            None => format!("{FILE} has no line for it"),
            Some(_) if !root.join(format!("plugins/{name}.wasm")).is_file() => "the .wasm is missing".to_owned(),
            Some((_, kept)) if *kept != wasm(root, name)? => {
                format!("the .wasm is not the one in {FILE}")
            }
            Some((kept, _)) if *kept != sources(root, name)? => "its sources changed since it was built".to_owned(),
            Some(_) => continue,
        };
        stale.push(format!("plugins/{name}.wasm: {problem}; run `cargo xtask plugins {name}`"));
    }
    if !stale.is_empty() {
        bail!("{}", stale.join("\n"));
    }
    println!("{} kept builds are as new as their sources", names.len());
    Ok(())
}

/// The hashes of each plugin.
fn read(root: &Path) -> Result<BTreeMap<String, (String, String)>> {
    let text = match std::fs::read_to_string(root.join(FILE)) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(error).with_context(|| format!("can't read {FILE}")),
    };
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    lines
        .map(|line| match line.split_whitespace().collect::<Vec<_>>()[..] {
            [name, sources, wasm] => Ok((name.to_owned(), (sources.to_owned(), wasm.to_owned()))),
            _ => bail!("{FILE} has a line that is not `name sources wasm`: {line}"),
        })
        .collect()
}

fn wasm(root: &Path, name: &str) -> Result<String> {
    let file = format!("plugins/{name}.wasm");
    let bytes = std::fs::read(root.join(&file)).with_context(|| format!("can't read {file}"))?;
    Ok(hex(&Sha256::digest(bytes)))
}

/// Hash over all sources that go into a plugin: its folder, the SDK of its language, the contract.
fn sources(root: &Path, name: &str) -> Result<String> {
    let language = language_of(root, name)?;
    let mut files = Vec::new();
    for folder in [&format!("plugins/{name}"), language.sdk(), "wit"] {
        collect(root, Path::new(folder), &mut files)?;
    }
    if language == Language::Rust {
        files.extend(["plugins/Cargo.toml", "plugins/Cargo.lock"].map(PathBuf::from));
    }
    // By the bytes of the path as it is written everywhere.
    let mut files: Vec<_> = files.iter().map(|file| file.to_string_lossy().replace('\\', "/")).collect();
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        let bytes = std::fs::read(root.join(&file)).with_context(|| format!("can't read {file}"))?;
        let bytes = unix_lines(&bytes);
        hash.update(format!("{file}\0{}\0", bytes.len()));
        hash.update(bytes);
    }
    Ok(hex(&hash.finalize()))
}

fn collect(root: &Path, folder: &Path, into: &mut Vec<PathBuf>) -> Result<()> {
    let entries = std::fs::read_dir(root.join(folder)).with_context(|| format!("can't read {}", folder.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("can't read {}", folder.display()))?;
        let name = entry.file_name();
        let text = name.to_string_lossy();
        if text.starts_with('.') || text.ends_with(".egg-info") {
            continue;
        }
        let path = folder.join(&name);
        if entry.path().is_dir() {
            if !LEFT_OUT.contains(&&*text) {
                collect(root, &path, into)?;
            }
        } else {
            into.push(path);
        }
    }
    Ok(())
}

/// A checkout on Windows may have other line ends.
fn unix_lines(bytes: &[u8]) -> Vec<u8> {
    let mut rest = bytes.iter().copied().peekable();
    let mut lines = Vec::with_capacity(bytes.len());
    while let Some(byte) = rest.next() {
        if byte != b'\r' || rest.peek() != Some(&b'\n') {
            lines.push(byte);
        }
    }
    lines
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A project with one JavaScript plugin, its SDK and a contract.
    fn project() -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a folder");
        for (file, text) in [
            ("plugins/demo/package.json", "{}\n"),
            ("plugins/demo/strategy.js", "one\ntwo\n"),
            ("plugins/demo.wasm", "\0asm"),
            ("sdk/js/ringfence.js", "sdk\n"),
            ("sdk/js/test/sdk.test.js", "test\n"),
            ("wit/types.wit", "wit\n"),
        ] {
            write(dir.path(), file, text);
        }
        dir
    }

    fn write(root: &Path, file: &str, text: &str) {
        let file = root.join(file);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(file, text).expect("a file");
    }

    fn verdict(root: &Path) -> String {
        check(root, &["demo".to_owned()]).map_or_else(|error| error.to_string(), |()| "fresh".to_owned())
    }

    #[test]
    fn a_build_is_fresh_until_something_that_goes_in_changes() {
        let dir = project();
        let root = dir.path();
        assert!(verdict(root).ends_with("has no line for it; run `cargo xtask plugins demo`"));
        record(root, "demo").expect("recorded");
        assert_eq!(verdict(root), "fresh");

        write(root, "plugins/demo/strategy.js", "one\r\ntwo\r\n");
        write(root, "sdk/js/test/sdk.test.js", "another test\n");
        assert_eq!(verdict(root), "fresh", "line ends and tests do not go in");

        for file in ["plugins/demo/strategy.js", "sdk/js/ringfence.js", "wit/types.wit"] {
            record(root, "demo").expect("recorded");
            write(root, file, "changed\n");
            let told = "plugins/demo.wasm: its sources changed since it was built; run `cargo xtask plugins demo`";
            assert_eq!(verdict(root), told, "{file}");
        }

        record(root, "demo").expect("recorded");
        write(root, "plugins/demo.wasm", "\0asm of another build");
        assert!(verdict(root).contains("the .wasm is not the one in plugins/KEPT"));
        std::fs::remove_file(root.join("plugins/demo.wasm")).expect("removed");
        assert!(verdict(root).contains("the .wasm is missing"));
    }

    #[test]
    fn a_spoiled_file_is_told() {
        let dir = project();
        write(dir.path(), FILE, "demo onehash\n");
        assert!(verdict(dir.path()).contains("not `name sources wasm`"));
    }
}

//! From a folder of `plugins/` to its `.wasm`. What lives here: one builder a language, and the check that
//! no path of this machine went in.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

const TARGET: &str = "wasm32-unknown-unknown";

/// What a plugin is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Rust,
    JavaScript,
    Python,
}

impl Language {
    /// The folder of its SDK.
    pub(crate) fn sdk(self) -> &'static str {
        match self {
            Language::Rust => "sdk/rust",
            Language::JavaScript => "sdk/js",
            Language::Python => "sdk/python",
        }
    }
}

/// What a folder is written in, by the file that says so.
pub(crate) fn language(folder: &Path) -> Option<Language> {
    let has = |name: &str| folder.join(name).is_file();
    if has("Cargo.toml") {
        Some(Language::Rust)
    } else if has("package.json") {
        Some(Language::JavaScript)
    } else if has("pyproject.toml") || has("strategy.py") || has("app.py") {
        Some(Language::Python)
    } else {
        None
    }
}

/// The language of a plugin, or why it has none.
pub(crate) fn language_of(root: &Path, name: &str) -> Result<Language> {
    language(&root.join("plugins").join(name)).with_context(|| {
        format!("plugins/{name} has no Cargo.toml (Rust), no package.json (JavaScript) and no pyproject.toml (Python)")
    })
}

/// Builds `plugins/NAME/` into `plugins/NAME.wasm`.
pub(crate) fn plugin(root: &Path, name: &str) -> Result<()> {
    let folder = format!("plugins/{name}");
    let wasm = format!("plugins/{name}.wasm");
    let language = language_of(root, name)?;
    match language {
        Language::Rust => rust(root, name, &root.join(&wasm))?,
        Language::JavaScript => run(Command::new("node").current_dir(root).args(["sdk/js/build.mjs", &folder, &wasm]))?,
        Language::Python => {
            run(Command::new(python()).current_dir(root).args(["sdk/python/build.py", &folder, &wasm]))?
        }
    }
    let bytes = std::fs::read(root.join(&wasm)).with_context(|| format!("the build brought no {wasm}"))?;
    ensure!(bytes.starts_with(b"\0asm"), "{wasm} is not WebAssembly");
    // The builders of the other languages look for themselves: their engines carry paths of whoever built those.
    let places =
        if language == Language::Rust { vec![Some(root.to_owned()), home(), cargo_home()] } else { Vec::new() };
    for path in places.into_iter().flatten() {
        ensure!(!contains(&bytes, &path), "{wasm} contains the path {} of this machine", path.display());
    }
    println!("{wasm}: {} bytes", bytes.len());
    Ok(())
}

fn python() -> &'static str {
    if cfg!(windows) { "python" } else { "python3" }
}

fn rust(root: &Path, name: &str, wasm: &Path) -> Result<()> {
    let sysroot = PathBuf::from(output(Command::new("rustc").current_dir(root).args(["--print", "sysroot"]))?);
    if !sysroot.join("lib/rustlib").join(TARGET).is_dir() {
        eprintln!("adding the target {TARGET}");
        run(Command::new("rustup").current_dir(root).args(["target", "add", TARGET])).with_context(|| {
            format!(
                "the Rust target {TARGET} is missing and could not be added; \
                 run `rustup target add {TARGET}`, or install it the way this Rust was installed"
            )
        })?;
    }
    let target_dir = root.join("plugins/target");
    // Panics name their source file: under names that are the same on every machine.
    let mut renamed = vec![(root.to_owned(), "ringfence"), (sysroot.join("lib/rustlib/src/rust"), "rust")];
    renamed.extend(cargo_home().map(|home| (home, "cargo")));
    let flags = renamed.iter().map(|(path, to)| {
        let mut flag = OsString::from("--remap-path-prefix=");
        flag.push(path);
        flag.push(format!("={to}"));
        flag
    });
    let flags = flags.collect::<Vec<_>>().join(std::ffi::OsStr::new("\u{1f}"));
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(root)
        .args([
            "build",
            "--release",
            "--locked",
            "--manifest-path",
            "plugins/Cargo.toml",
            "--target",
            TARGET,
            "-p",
            name,
        ])
        .arg("--target-dir")
        .arg(&target_dir)
        .env("CARGO_ENCODED_RUSTFLAGS", flags)
        .env_remove("RUSTFLAGS");
    run(&mut cargo)?;
    let built = target_dir.join(TARGET).join("release").join(format!("{}.wasm", name.replace('-', "_")));
    // Moved into place at once: a host may be watching the folder.
    let bytes = std::fs::read(&built).with_context(|| {
        format!("no {}; does plugins/{name}/Cargo.toml say crate-type = [\"cdylib\", \"rlib\"]?", built.display())
    })?;
    let beside = wasm.with_extension("wasm.tmp");
    std::fs::write(&beside, bytes).with_context(|| format!("can't write {}", beside.display()))?;
    std::fs::rename(&beside, wasm).with_context(|| format!("can't write {}", wasm.display()))
}

fn home() -> Option<PathBuf> {
    std::env::home_dir().filter(|home| home.components().count() > 1)
}

fn cargo_home() -> Option<PathBuf> {
    std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| home().map(|home| home.join(".cargo")))
}

/// Whether bytes contain a path as a folder: `/root` alone may be anything, `/root/` is a place.
fn contains(bytes: &[u8], path: &Path) -> bool {
    let mut needle = path.as_os_str().as_encoded_bytes().to_vec();
    needle.push(std::path::MAIN_SEPARATOR as u8);
    bytes.windows(needle.len()).any(|window| window == needle)
}

fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("can't start `{}`; is it installed?", describe(command)))?;
    ensure!(status.success(), "`{}` failed ({status})", describe(command));
    Ok(())
}

fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("can't start `{}`; is it installed?", describe(command)))?;
    if !output.status.success() {
        bail!("`{}` failed: {}", describe(command), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_path_only_as_a_folder() {
        assert!(contains(b"..\0/root/.cargo/x.rs\0", Path::new("/root")));
        assert!(!contains(b"..\0/rooted/x.rs\0", Path::new("/root")));
    }

    #[test]
    fn the_kept_plugins_have_a_language() {
        let root = crate::root().expect("the project");
        let languages = crate::KEPT.map(|name| language_of(&root, name).expect("a language"));
        assert_eq!(languages, [Language::Rust, Language::Rust, Language::JavaScript]);
    }
}

//! `cargo xtask`: what the project builds besides its own crates. What lives here: the command line.

mod build;
mod kept;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

const USAGE: &str = "\
usage: cargo xtask plugins [NAME..]           build plugins/NAME/ into plugins/NAME.wasm (default: all kept ones)
       cargo xtask plugins --check [NAME..]   fail if a kept .wasm is not from the sources as they are now";

/// The plugins whose builds are kept in the repository.
const KEPT: [&str; 3] = ["ema-cross", "market-maker", "rsi-reversion"];

fn main() -> ExitCode {
    match task() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn task() -> Result<()> {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some("plugins") => plugins(args),
        Some("--help" | "-h" | "help") => {
            println!("{USAGE}");
            Ok(())
        }
        Some(task) => bail!("no such task: {task}\n{USAGE}"),
        None => bail!("no task given\n{USAGE}"),
    }
}

fn plugins(args: impl Iterator<Item = String>) -> Result<()> {
    let root = root()?;
    let (options, mut names): (Vec<_>, Vec<_>) = args.partition(|arg| arg.starts_with('-'));
    if let Some(option) = options.iter().find(|option| *option != "--check") {
        bail!("no such option: {option}\n{USAGE}");
    }
    if names.is_empty() {
        names = KEPT.map(str::to_owned).to_vec();
    }
    for name in &names {
        let known = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if !known || !root.join("plugins").join(name).is_dir() {
            bail!("no such plugin: there is no folder plugins/{name}; there are: {}", folders(&root)?.join(", "));
        }
    }
    if !options.is_empty() {
        return kept::check(&root, &names);
    }
    for name in &names {
        build::plugin(&root, name).with_context(|| format!("plugins/{name} was not built"))?;
        if KEPT.contains(&name.as_str()) {
            kept::record(&root, name)?;
        }
    }
    Ok(())
}

/// The project's root, wherever the task is started from.
fn root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    here.canonicalize().with_context(|| format!("the project is no longer at {}", here.display()))
}

fn folders(root: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(root.join("plugins")).context("can't read plugins/")?;
    let folders = entries.flatten().filter(|entry| build::language(&entry.path()).is_some());
    let mut names: Vec<_> = folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

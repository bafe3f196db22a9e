//! Why a file is not taken: a code for machines, and words that say what is wrong, what was
//! found, what is allowed, and what to do.

use serde::{Deserialize, Serialize};

use crate::admission::rules::Rule;
use crate::text::escaped;

/// The contract's package.
pub(crate) const PACKAGE: &str = "ringfence:strategy";
/// The version that this host speaks.
pub(crate) const VERSION: &str = "0.1.0";

/// How the compiler's process ended without an answer that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CompilerFailure {
    /// It could not be started.
    Start,
    /// It died of a signal or gave up.
    Crash,
    /// It used up its memory.
    Memory,
    /// It used up its CPU time.
    Cpu,
    /// It was not done in time by the clock on the wall.
    Wall,
    /// Its answer is none.
    Garbage,
}

/// Why a file is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "code", content = "detail", rename_all = "kebab-case")]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say it")]
pub enum Refusal {
    #[error("its name \"{name}\" must be 1 to 64 letters, digits, `-` or `_`, then `.wasm`; rename it")]
    Name { name: String },
    #[error("it is {found}, not a regular file; put the file itself into the folder")]
    NotAFile { found: String },
    #[error("the file can't be read: {0}")]
    Unreadable(String),
    #[error("the file is empty; if it is still being written, it is taken when it is complete")]
    Empty,
    #[error(
        "the file is no WebAssembly (it starts with \"{starts_with}\"); build it for wasm32-unknown-unknown or as a component"
    )]
    NotWasm { starts_with: String },
    #[error(
        "the file is broken at byte {offset}: {what}; if it is still being written, it is taken when it is complete"
    )]
    Broken { offset: u64, what: String },
    #[error("{} is {found}, the limit is {allowed} (rule {rule}: {})", rule.words(), rule.reason())]
    TooLarge { rule: Rule, found: u64, allowed: u64 },
    #[error("it has no signature {file}, and the configuration asks for one; sign it with `ringfence sign`")]
    Unsigned { file: String },
    #[error("its signature is bad: {0}; get both files again from whoever made them")]
    BadSignature(String),
    #[error("it is signed with key {key}, which is not among [signing] keys of the configuration")]
    UnknownSigner { key: String },
    #[error("its grant is pinned to {pinned}, the file has {found}; change the pin or put the pinned file back")]
    Pinned { pinned: String, found: String },
    #[error(
        "the file is a core module without the contract in it; build it with a Ringfence SDK or with wit-bindgen from wit/"
    )]
    NoContract,
    #[error("the module can't be made a component: {0}")]
    Encoding(String),
    #[error("the compiler refuses it: {0}")]
    Compile(String),
    #[error("the compiler's process {}: {detail}", failed(*how))]
    Compiler { how: CompilerFailure, detail: String },
    #[error("the compiler failed twice on exactly this content, which is not tried again: {0}")]
    Quarantined(String),
    #[error(
        "it speaks version {found} of ringfence:strategy; this host speaks {VERSION}; rebuild it with the SDK of this version"
    )]
    Version { found: String },
    #[error(
        "it is no strategy: it does not export {PACKAGE}/handler@{VERSION} (it exports {found}); build it for world `strategy` of wit/"
    )]
    WrongWorld { found: String },
    #[error(
        "it wants {import}, which no plugin gets; a plugin may import {PACKAGE} and, of WASI 0.2, \
         cli, clocks, io, random and a filesystem without files{}",
        hint(import)
    )]
    Import { import: String },
    #[error("it does not fit the contract: {0}")]
    Contract(String),
    #[error("it failed when it was asked to describe itself: {0}")]
    Describe(String),
    #[error("its manifest is wrong: {0}")]
    Manifest(String),
    #[error("it failed when its start was tried out without any grant: {0}")]
    Probe(String),
    #[error(
        "it wishes for {symbol}, which is not granted (granted are: {granted}); add it to [venue] symbols and to the plugin's symbols in ringfence.toml"
    )]
    NotGranted { symbol: String, granted: String },
    #[error("its wish for {stream} of {symbol} is denied: {why}")]
    Wish { symbol: String, stream: String, why: String },
    #[error("it refuses to start: {0}")]
    Init(String),
    #[error("it can't take over the state of the generation before: {0}")]
    Restore(String),
    #[error("it failed at its start: {0}")]
    Fault(String),
    #[error("{0}")]
    Operator(String),
}

const fn failed(how: CompilerFailure) -> &'static str {
    match how {
        CompilerFailure::Start => "could not be started",
        CompilerFailure::Crash => "crashed on it",
        CompilerFailure::Memory => "ran out of its memory on it",
        CompilerFailure::Cpu => "ran out of its CPU time on it",
        CompilerFailure::Wall => "was not done with it in time",
        CompilerFailure::Garbage => "gave an answer that is none",
    }
}

fn hint(import: &str) -> &'static str {
    if import.starts_with("wasi:") { "; build it without it (Python, JavaScript: with stubbed WASI)" } else { "" }
}

impl Refusal {
    /// The machine's word for it; the same as `code` in JSON.
    pub const fn code(&self) -> &'static str {
        match self {
            Refusal::Name { .. } => "name",
            Refusal::NotAFile { .. } => "not-a-file",
            Refusal::Unreadable(_) => "unreadable",
            Refusal::Empty => "empty",
            Refusal::NotWasm { .. } => "not-wasm",
            Refusal::Broken { .. } => "broken",
            Refusal::TooLarge { .. } => "too-large",
            Refusal::Unsigned { .. } => "unsigned",
            Refusal::BadSignature(_) => "bad-signature",
            Refusal::UnknownSigner { .. } => "unknown-signer",
            Refusal::Pinned { .. } => "pinned",
            Refusal::NoContract => "no-contract",
            Refusal::Encoding(_) => "encoding",
            Refusal::Compile(_) => "compile",
            Refusal::Compiler { .. } => "compiler",
            Refusal::Quarantined(_) => "quarantined",
            Refusal::Version { .. } => "version",
            Refusal::WrongWorld { .. } => "wrong-world",
            Refusal::Import { .. } => "import",
            Refusal::Contract(_) => "contract",
            Refusal::Describe(_) => "describe",
            Refusal::Manifest(_) => "manifest",
            Refusal::Probe(_) => "probe",
            Refusal::NotGranted { .. } => "not-granted",
            Refusal::Wish { .. } => "wish",
            Refusal::Init(_) => "init",
            Refusal::Restore(_) => "restore",
            Refusal::Fault(_) => "fault",
            Refusal::Operator(_) => "operator",
        }
    }
}

/// The first line of a text that a stranger wrote, short, and with nothing in it that a terminal obeys.
pub(crate) fn first_line(text: &str) -> String {
    escaped(text.lines().next().unwrap_or_default(), 300)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_the_one_in_json() {
        for refusal in [
            Refusal::Empty,
            Refusal::NotWasm { starts_with: "x".into() },
            Refusal::TooLarge { rule: Rule::Functions, found: 2, allowed: 1 },
            Refusal::Compiler { how: CompilerFailure::Wall, detail: "30 s".into() },
            Refusal::BadSignature("x".into()),
            Refusal::NotAFile { found: "a link".into() },
            Refusal::Probe("x".into()),
        ] {
            let json = serde_json::to_value(&refusal).unwrap();
            assert_eq!(json["code"], refusal.code());
            assert_eq!(serde_json::from_value::<Refusal>(json).unwrap(), refusal);
        }
    }

    #[test]
    fn a_strangers_text_cannot_command_a_terminal() {
        assert_eq!(first_line("a\x1b[2Jb\u{202e}c\nd"), "a\\u{1b}[2Jb\\u{202e}c");
        assert!(first_line(&"x".repeat(1_000)).len() <= 300);
    }
}

//! Why a file is not taken, in words that say what is wrong and what to do.

/// The contract's package.
pub(crate) const PACKAGE: &str = "ringfence:strategy";
/// The version that this host speaks.
pub(crate) const VERSION: &str = "0.1.0";

/// Why a file is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum Refusal {
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
    #[error("{what} is {found}, the limit is {allowed}")]
    TooLarge { what: &'static str, found: usize, allowed: usize },
    #[error(
        "the file is a core module without the contract in it; build it with a Ringfence SDK or with wit-bindgen from wit/"
    )]
    NoContract,
    #[error("the module can't be made a component: {0}")]
    Encoding(String),
    #[error("the compiler refuses it: {0}")]
    Compile(String),
    #[error(
        "it speaks version {found} of ringfence:strategy; this host speaks {VERSION}; rebuild it with the SDK of this version"
    )]
    Version { found: String },
    #[error(
        "it is no strategy: it does not export {PACKAGE}/handler@{VERSION} (it exports {found}); build it for world `strategy` of wit/"
    )]
    WrongWorld { found: String },
    #[error("it wants {import}, which no plugin gets; a plugin may import {PACKAGE} and WASI 0.2 only")]
    Import { import: String },
    #[error("it does not fit the contract: {0}")]
    Contract(String),
    #[error("it failed when it was asked to describe itself: {0}")]
    Describe(String),
    #[error("its manifest is wrong: {0}")]
    Manifest(String),
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

/// One line of an error that may have many.
pub(crate) fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.chars().take(300).collect()
}

//! The sandbox: plugins from bytes to running strategies. The only room that knows
//! wasmtime; it knows nothing of venues, orders or money beyond the words of `model`.
//!
//! | module | holds |
//! |--|--|
//! | [`sandbox`] | [`Sandbox`]: the engine, its settings, the 1 ms beat |
//! | [`budgets`] | every limit of a plugin in one place |
//! | [`admission`] | from a file to a [`Plugin`] |
//! | [`refusal`] | why a file is not taken: [`Refusal`] |
//! | [`trust`] | whose files are taken: signatures and pins |
//! | [`compiler`] | compiling, in a process of its own |
//! | `artefact` | compiled code as bytes, the one unsafe place |
//! | `cache` | compiled code on disk |
//! | `bindings`, `convert` | the contract's types, and the model's words for them |
//! | `host`, `imports` | what a guest can call |
//! | `virtual_wasi` | an inert WASI for languages that insist on one |
//! | `instance` | one running guest, entered under a budget only |
//! | [`fault`] | what a guest can do wrong |
//! | [`life`] | the life of a name and its generations, pure |
//! | [`mitigation`] | what a test may switch off |
//! | [`meter`] | a plugin's share of a core over time, pure |
//! | `rate` | how often something may happen, pure |
//! | [`text`] | text of plugins, made harmless |
//! | `batch` | events in columns |
//! | `queue` | what waits for a plugin; conflation when it is slow |
//! | `timers` | timers in event time |
//! | [`seat`] | [`Seat`]: what outlives the generations of a plugin |
//! | [`fleet`] | [`Fleet`]: a folder of plugins on worker threads, reloaded when files change |

#![deny(unsafe_code)]

pub mod admission;
mod artefact;
mod batch;
#[allow(missing_docs, missing_debug_implementations, unreachable_pub, unsafe_code, clippy::all)]
mod bindings;
#[cfg(test)]
mod boundary_tests;
pub mod budgets;
mod cache;
pub mod compiler;
mod convert;
#[doc(hidden)]
pub mod crossing;
pub mod fault;
pub mod fleet;
mod host;
mod imports;
mod instance;
pub mod life;
pub mod meter;
pub mod mitigation;
mod queue;
mod rate;
pub mod refusal;
pub mod sandbox;
pub mod seat;
pub mod text;
mod timers;
pub mod trust;
mod virtual_wasi;

pub use admission::snapshot::{NoSnapshot, Snapshot};
pub use admission::{Examination, Plugin};
pub use budgets::Budgets;
pub use compiler::{CompileLimits, Compiler};
pub use fault::FaultKind;
pub use fleet::control::{Control, PluginCommand};
pub use fleet::{Fleet, FleetConfig, FleetError, FleetEvent, Mailbox, Operator, Refreshed};
pub use host::LogLevel;
pub use mitigation::Mitigation;
pub use refusal::Refusal;
pub use sandbox::{Sandbox, SandboxConfig, SandboxError};
pub use seat::{Generation, GenerationState, Ran, Seat, SeatConfig, SeatReport, SeatState, Settings, ShadowReport};
pub use trust::{Pin, SignaturePolicy, SignerKey, Trust};

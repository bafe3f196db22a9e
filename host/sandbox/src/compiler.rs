//! From scanned bytes to compiled code, in a process of its own: a hostile file may make the
//! compiler loop, crash or eat memory, and then it is the child that ends, not the host.
//!
//! ```text
//!  host ── form, bytes, functions of the last build ──▶ child: limits first, then contract, encode, compile
//!       ◀── verdict, code or refusal, functions ──
//! ```
//!
//! The child is this same program with a hidden command. It has no environment, no other pipe
//! than these two, and limits of memory, CPU time, files and wall-clock time. Whatever it does
//! but answer well is a refusal; after the second time the content is not tried again.

pub mod child;
pub(crate) mod functions;
mod process;

use std::collections::HashMap;
use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use process::Work;
use wasmtime::Engine;

use crate::admission::contract;
use crate::admission::scan::Form;
use crate::artefact::Artefact;
use crate::compiler::functions::Functions;
use crate::refusal::{Refusal, first_line};

/// Contents that are remembered for having brought the compiler down.
const REMEMBERED: usize = 1_024;

/// What the compiler's process may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompileLimits {
    /// Address space. A Python build of 18 MB needs some 600 MB.
    pub memory_bytes: u64,
    /// CPU time, in whole seconds. A Python build needs some 7 s.
    pub cpu: Duration,
    /// Time on the wall, for a machine that is busy with trading.
    pub wall: Duration,
    /// Largest code.
    pub artefact_bytes: u64,
    /// Most that is kept for the plugin's next build, as functions. A Python build has some 60 MB.
    pub function_bytes: u64,
}

impl Default for CompileLimits {
    fn default() -> Self {
        CompileLimits {
            memory_bytes: 2 << 30,
            cpu: Duration::from_secs(60),
            wall: Duration::from_secs(180),
            artefact_bytes: 256 << 20,
            function_bytes: 128 << 20,
        }
    }
}

/// Where plugins are compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compiler {
    /// In a process of its own: what a host does.
    Child {
        /// The program.
        program: PathBuf,
        /// What makes it the compiler; its limits follow.
        arguments: Vec<OsString>,
        /// What it may use.
        limits: CompileLimits,
    },
    /// In this process, with panics caught: for tests and tools that compile only what they made.
    InProcess,
}

impl Compiler {
    /// This program as its own compiler. Its `main` must begin with [`child::run_if_asked`].
    pub fn this_program() -> Self {
        // The link survives that the program's file is replaced while it runs.
        let itself = if cfg!(target_os = "linux") { Some(PathBuf::from("/proc/self/exe")) } else { None };
        let program = itself.or_else(|| std::env::current_exe().ok()).unwrap_or_default();
        Compiler::child_of(program, CompileLimits::default())
    }

    /// Another program that begins with [`child::run_if_asked`].
    pub fn child_of(program: PathBuf, limits: CompileLimits) -> Self {
        Compiler::Child { program, arguments: vec![child::COMMAND.into()], limits }
    }
}

/// The compiler with what it must remember.
#[derive(Debug)]
pub(crate) struct Compilers {
    compiler: Compiler,
    /// Contents on which it failed twice, and how.
    quarantine: Mutex<HashMap<[u8; 32], String>>,
    /// Children that may still be started at a time.
    free: Mutex<usize>,
    freed: Condvar,
}

impl Compilers {
    pub(crate) fn new(compiler: Compiler) -> Self {
        let free = std::thread::available_parallelism().map_or(1, usize::from);
        Compilers { compiler, quarantine: Mutex::default(), free: Mutex::new(free), freed: Condvar::new() }
    }

    /// What the compiler may use, if it runs in a process of its own.
    pub(crate) const fn limits(&self) -> Option<&CompileLimits> {
        match &self.compiler {
            Compiler::Child { limits, .. } => Some(limits),
            Compiler::InProcess => None,
        }
    }

    /// Compiles a content that passed the scan, helped by the functions of the same plugin's last build; with the
    /// code come those of this one.
    pub(crate) fn compile(
        &self,
        engine: &Engine,
        bytes: &[u8],
        form: Form,
        hash: &[u8; 32],
        functions: Option<&Functions>,
    ) -> Result<(Artefact, Functions), Refusal> {
        let quarantine = || self.quarantine.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(why) = quarantine().get(hash) {
            return Err(Refusal::Quarantined(why.clone()));
        }
        let Compiler::Child { program, arguments, limits } = &self.compiler else {
            return compile(engine, bytes, form).map(|code| (Artefact::vouched_for(code), Functions::default()));
        };
        let _permit = self.permit();
        let nothing = Functions::default();
        let once = |functions| process::compile(program, arguments, *limits, Work { bytes, form, functions });
        let mut answer = once(functions);
        if let Err(refusal @ Refusal::Compiler { .. }) = &answer {
            tracing::warn!(%refusal, "the compiler is asked once more");
            // Whatever it stumbled over, it shall not be what was kept.
            answer = once(functions.map(|_| &nothing));
        }
        if let Err(refusal @ Refusal::Compiler { .. }) = &answer {
            let mut quarantine = quarantine();
            if quarantine.len() >= REMEMBERED {
                // Whoever makes thousands of such files may have one of them tried again.
                quarantine.clear();
            }
            quarantine.insert(*hash, refusal.to_string());
        }
        answer.map(|(code, functions)| (Artefact::vouched_for(code), functions))
    }

    /// Waits until one more child may run: a folder of files must not become a crowd of compilers.
    fn permit(&self) -> Permit<'_> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free == 0 {
            free = self.freed.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free = free.saturating_sub(1);
        Permit(self)
    }
}

struct Permit<'a>(&'a Compilers);

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut free = self.0.free.lock().unwrap_or_else(PoisonError::into_inner);
        *free = free.saturating_add(1);
        self.0.freed.notify_one();
    }
}

/// The work itself: the contract first, then a module becomes a component, then code.
fn compile(engine: &Engine, bytes: &[u8], form: Form) -> Result<Vec<u8>, Refusal> {
    // Neither the encoder nor the compiler promises never to panic on hostile input.
    let compiled = catch_unwind(AssertUnwindSafe(|| {
        let encoded;
        let bytes = match form {
            Form::Component => bytes,
            Form::Module => {
                encoded = encode(bytes)?;
                &encoded
            }
        };
        // Only the binary format is compiled in; text is no WebAssembly here.
        engine.precompile_component(bytes).map_err(|error| Refusal::Compile(first_line(&format!("{error:#}"))))
    }));
    compiled.unwrap_or_else(|_| Err(Refusal::Compile("it panicked".to_owned())))
}

fn encode(module: &[u8]) -> Result<Vec<u8>, Refusal> {
    let told = |error: &dyn std::fmt::Display| Refusal::Encoding(first_line(&format!("{error:#}")));
    // The contract that it carries is a stranger's: it is compared before anything is made of it.
    let (_, carried) = wit_component::metadata::decode(module).map_err(|error| told(&error))?;
    contract::check_embedded(&carried.resolve, carried.world)?;
    wit_component::ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| told(&error))
}

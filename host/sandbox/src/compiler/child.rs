//! The compiler's own process: sets its limits before it reads a byte, compiles one file from
//! its input to its output, and ends.
//!
//! ```text
//! asked:    form 1 byte, content, functions of the plugin's last build
//! answers:  magic 8 bytes, verdict 1 byte, code or refusal, functions of this one
//! ```
//! Content, functions, code and refusal each follow their length (u64 LE).

use std::ffi::OsString;
use std::io::{Read, Write};
use std::process::ExitCode;
use std::sync::Arc;

use rlimit::{Resource, setrlimit};

use super::compile;
use super::functions::Store;
use crate::admission::scan::Form;
use crate::refusal::Refusal;

/// The hidden command that makes the program a compiler.
pub const COMMAND: &str = "__compile";

/// Leads an answer; what doesn't begin with it is none.
pub(super) const MAGIC: [u8; 8] = *b"RFCODE\x02\n";
/// The answer is code.
pub(super) const CODE: u8 = 0;
/// The answer is a refusal, as JSON.
pub(super) const REFUSED: u8 = 1;
/// Bytes of an answer before its first length.
pub(super) const HEAD: usize = MAGIC.len() + 1;

/// What is compiled, in one byte.
pub(super) const fn form_byte(form: Form) -> u8 {
    match form {
        Form::Component => b'c',
        Form::Module => b'm',
    }
}

/// Does the compiler's work if the arguments ask for it; a program that is its own compiler calls
/// this first of all. `None`: it was not asked.
pub fn run_if_asked(mut arguments: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    let _program = arguments.next();
    if arguments.next().is_none_or(|word| word != COMMAND) {
        return None;
    }
    let mut number = || arguments.next()?.into_string().ok()?.parse::<u64>().ok();
    let (Some(memory), Some(cpu), Some(functions)) = (number(), number(), number()) else {
        eprintln!("this command is the host's own: it compiles one plugin from its input");
        return Some(ExitCode::from(2));
    };
    if let Err(error) = limit(memory, cpu) {
        eprintln!("limits can't be set: {error}");
        return Some(ExitCode::FAILURE);
    }
    Some(match answer(functions) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    })
}

/// From here on this process can't take more than its share, nor open or write anything.
fn limit(memory_bytes: u64, cpu_seconds: u64) -> std::io::Result<()> {
    // Trading goes first. Where that can't be said, compiling is as important as the rest.
    let _ = rustix::process::nice(10);
    let both = |resource, value| setrlimit(resource, value, value);
    both(Resource::CORE, 0)?;
    both(Resource::FSIZE, 0)?;
    // The three standard ones are open; nothing else can be, no file and no socket.
    both(Resource::NOFILE, 3)?;
    // At the soft limit the system's signal says why; at the hard one there is no way on.
    setrlimit(Resource::CPU, cpu_seconds, cpu_seconds.saturating_add(1))?;
    // macOS knows the limit of address space but does not keep it; CPU and wall time hold there.
    if cfg!(not(target_os = "macos")) {
        both(Resource::AS, memory_bytes)?;
    }
    Ok(())
}

/// One part of a question or an answer: its length, then its bytes.
fn part(input: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut length = [0u8; 8];
    input.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    let mut bytes = Vec::new();
    if input.take(length).read_to_end(&mut bytes)? as u64 != length {
        return Err(std::io::Error::other("the input ended early"));
    }
    Ok(bytes)
}

fn answer(most_functions: u64) -> std::io::Result<()> {
    let mut input = std::io::stdin().lock();
    let mut form = [0u8; 1];
    input.read_exact(&mut form)?;
    let form = if form == *b"m" { Form::Module } else { Form::Component };
    let bytes = part(&mut input)?;
    let given = part(&mut input)?;
    // Where nothing is to be kept, nothing is looked up.
    let functions = (most_functions > 0).then(|| Arc::new(Store::new(given)));
    let store = functions.clone().map(|store| -> Arc<dyn wasmtime::CacheStore> { store });
    let compiled = match crate::sandbox::engine(store) {
        Ok(engine) => compile(&engine, &bytes, form),
        Err(error) => Err(Refusal::Compile(format!("the engine can't start: {error:#}"))),
    };
    let (verdict, content, functions) = match compiled {
        Ok(code) => (CODE, code, functions.map(|store| store.answer(most_functions)).unwrap_or_default()),
        Err(refusal) => (REFUSED, serde_json::to_vec(&refusal)?, Vec::new()),
    };
    let mut output = std::io::stdout().lock();
    output.write_all(&MAGIC)?;
    output.write_all(&[verdict])?;
    for part in [content, functions] {
        output.write_all(&(part.len() as u64).to_le_bytes())?;
        output.write_all(&part)?;
    }
    output.flush()
}

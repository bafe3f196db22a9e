//! The host's side of the compiler's process: start it, feed it, wait no longer than is
//! allowed, and believe only a whole answer.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::CompileLimits;
use super::child::{CODE, HEAD, MAGIC, REFUSED, form_byte};
use super::functions::Functions;
use crate::admission::scan::Form;
use crate::refusal::{CompilerFailure, Refusal, first_line};

/// What a child may say on its way out, for a log.
const LAST_WORDS: u64 = 4 << 10;
/// Largest refusal.
const REFUSAL_BYTES: usize = 64 << 10;
/// How long a child that has answered may take to end.
const END_WITHIN: Duration = Duration::from_secs(2);

fn failure(how: CompilerFailure, detail: impl Into<String>) -> Refusal {
    Refusal::Compiler { how, detail: detail.into() }
}

/// What is to be compiled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) form: Form,
    /// What the same plugin's last build left, if its next one is to be helped.
    pub(super) functions: Option<&'a Functions>,
}

/// Threads of a compiler, where the machine has them; each takes address space for its own heap.
const THREADS: usize = 4;

/// One compilation in a process of its own: the code, and what to give to the plugin's next one.
pub(super) fn compile(
    program: &Path,
    arguments: &[OsString],
    limits: CompileLimits,
    work: Work<'_>,
) -> Result<(Vec<u8>, Functions), Refusal> {
    let deadline = Instant::now() + limits.wall;
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS);
    let mut child = Command::new(program)
        .args(arguments)
        .arg(limits.memory_bytes.to_string())
        .arg(limits.cpu.as_secs().max(1).to_string())
        .arg(work.functions.map_or(0, |_| limits.function_bytes).to_string())
        .env_clear()
        .env("RAYON_NUM_THREADS", threads.to_string())
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failure(CompilerFailure::Start, error.to_string()))?;
    let outcome = talk(&mut child, limits, work, deadline);
    // Whatever happened, nothing of it is left behind.
    let _ = child.kill();
    let _ = child.wait();
    outcome
}

fn talk(
    child: &mut Child,
    limits: CompileLimits,
    work: Work<'_>,
    deadline: Instant,
) -> Result<(Vec<u8>, Functions), Refusal> {
    let (Some(mut input), Some(output), Some(errors)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(failure(CompilerFailure::Start, "it has no pipes"));
    };
    let Work { bytes, form, functions } = work;
    let none = Functions::default();
    let functions = functions.unwrap_or(&none);
    let mut request = Vec::with_capacity(bytes.len().saturating_add(functions.bytes().len()).saturating_add(17));
    request.push(form_byte(form));
    for part in [bytes, functions.bytes()] {
        request.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        request.extend_from_slice(part);
    }
    // The threads end when the child's ends of the pipes do; nobody waits for them longer than for the child.
    let start = |name: &str, run: Box<dyn FnOnce() + Send>| {
        std::thread::Builder::new().name(name.to_owned()).spawn(run).map(drop)
    };
    let no_thread = |error: std::io::Error| failure(CompilerFailure::Start, error.to_string());
    // A child that ends early doesn't want the rest; its answer or its end says why.
    start("compile-in", Box::new(move || drop(input.write_all(&request)))).map_err(no_thread)?;
    let (answered, answer) = channel();
    let heads = u64::try_from(HEAD).unwrap_or(0).saturating_add(16);
    let most = limits.artefact_bytes.saturating_add(limits.function_bytes).saturating_add(heads).saturating_add(1);
    start(
        "compile-out",
        Box::new(move || {
            let mut all = Vec::new();
            let read = output.take(most).read_to_end(&mut all);
            drop(answered.send(read.map(|_| all)));
        }),
    )
    .map_err(no_thread)?;
    let (said, words) = channel();
    start(
        "compile-err",
        Box::new(move || {
            let mut all = Vec::new();
            let _ = errors.take(LAST_WORDS).read_to_end(&mut all);
            drop(said.send(all));
        }),
    )
    .map_err(no_thread)?;
    let wall = || failure(CompilerFailure::Wall, format!("the limit is {} s", limits.wall.as_secs_f64()));
    let answer = match answer.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        Ok(answer) => answer.unwrap_or_default(),
        Err(RecvTimeoutError::Timeout) => return Err(wall()),
        Err(RecvTimeoutError::Disconnected) => Vec::new(),
    };
    let status = end(child, deadline.min(Instant::now() + END_WITHIN)).ok_or_else(wall)?;
    if !status.success() {
        let words = words.recv_timeout(Duration::from_millis(200)).unwrap_or_default();
        return Err(cause_of_death(status, &String::from_utf8_lossy(&words), limits));
    }
    let (code, functions) = read(&answer, functions)?;
    if u64::try_from(code.len()).unwrap_or(u64::MAX) > limits.artefact_bytes {
        return Err(failure(
            CompilerFailure::Garbage,
            format!("its code is larger than {} bytes", limits.artefact_bytes),
        ));
    }
    Ok((code, functions))
}

/// Waits for the child's end, which is due.
fn end(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if Instant::now() >= deadline {
            return None;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

fn cause_of_death(status: ExitStatus, words: &str, limits: CompileLimits) -> Refusal {
    use std::os::unix::process::ExitStatusExt;
    const SIGXCPU: i32 = 24;
    if status.signal() == Some(SIGXCPU) {
        return failure(CompilerFailure::Cpu, format!("the limit is {} s", limits.cpu.as_secs()));
    }
    if words.contains("memory allocation of") || words.contains("Cannot allocate memory") {
        return failure(CompilerFailure::Memory, format!("the limit is {} MiB", limits.memory_bytes >> 20));
    }
    let last = words.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    failure(CompilerFailure::Crash, first_line(&format!("{status} {last}")))
}

/// Only a whole answer counts.
fn read(answer: &[u8], given: &Functions) -> Result<(Vec<u8>, Functions), Refusal> {
    let garbage = |what: &str| failure(CompilerFailure::Garbage, what);
    let (head, rest) = answer.split_at_checked(HEAD).ok_or_else(|| garbage("it is too short"))?;
    let (magic, verdict) = head.split_at(MAGIC.len());
    if magic != MAGIC {
        return Err(garbage("it does not begin like one"));
    }
    let (content, rest) = part(rest).ok_or_else(|| garbage("its content is not whole"))?;
    let (functions, rest) = part(rest).ok_or_else(|| garbage("its functions are not whole"))?;
    if !rest.is_empty() {
        return Err(garbage("it is too long"));
    }
    match *verdict {
        [CODE] if !content.is_empty() => {
            let functions = given.renewed(functions).ok_or_else(|| garbage("its functions make no sense"))?;
            Ok((content.to_vec(), functions))
        }
        [REFUSED] if content.len() <= REFUSAL_BYTES => {
            Err(serde_json::from_slice(content).map_err(|_| garbage("its refusal can't be read"))?)
        }
        _ => Err(garbage("its verdict is unknown")),
    }
}

/// A length and as many bytes, and what follows them.
fn part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn run(program: &str, arguments: &[OsString], limits: CompileLimits) -> Result<Vec<u8>, Refusal> {
        let work = Work { bytes: b"bytes", form: Form::Component, functions: None };
        compile(Path::new(program), arguments, limits, work).map(|(code, _)| code)
    }

    fn with(script: &str, limits: CompileLimits) -> Result<Vec<u8>, Refusal> {
        run("/bin/sh", &["-c".into(), script.into()], limits)
    }

    fn how(script: &str) -> CompilerFailure {
        let limits = CompileLimits {
            wall: Duration::from_millis(400),
            artefact_bytes: 1_000,
            function_bytes: 0,
            ..CompileLimits::default()
        };
        match with(script, limits).unwrap_err() {
            Refusal::Compiler { how, .. } => how,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn whatever_is_no_answer_is_a_failure_with_its_name() {
        assert_eq!(how("exec sleep 100"), CompilerFailure::Wall);
        assert_eq!(how("kill -SEGV $$"), CompilerFailure::Crash);
        assert_eq!(how("kill -XCPU $$"), CompilerFailure::Cpu);
        assert_eq!(how("echo 'memory allocation of 10 bytes failed' >&2; kill -ABRT $$"), CompilerFailure::Memory);
        assert_eq!(how("exit 3"), CompilerFailure::Crash);
        assert_eq!(how("cat >/dev/null"), CompilerFailure::Garbage);
        assert_eq!(how("cat >/dev/null; echo garbage that is long enough to hold a head"), CompilerFailure::Garbage);
        // It would go on for ever; no more than the largest answer is read.
        assert_eq!(how("exec cat /dev/zero"), CompilerFailure::Crash);
        let missing = run("/no/such/program", &[], CompileLimits::default());
        assert!(matches!(missing, Err(Refusal::Compiler { how: CompilerFailure::Start, .. })), "{missing:?}");
    }

    fn answer(verdict: u8, parts: [&[u8]; 2]) -> Vec<u8> {
        let mut all = MAGIC.to_vec();
        all.push(verdict);
        for part in parts {
            all.extend_from_slice(&(part.len() as u64).to_le_bytes());
            all.extend_from_slice(part);
        }
        all
    }

    #[test]
    fn only_a_whole_answer_counts() {
        let none = Functions::default();
        let function = [[7; 32].as_slice(), &2u32.to_le_bytes(), b"ab"].concat();
        let mut whole = answer(CODE, [b"abc", &function]);
        assert_eq!(read(&whole, &none).unwrap(), (b"abc".to_vec(), Functions::vouched_for(function)));
        for cut in 0..whole.len() {
            assert!(read(&whole[..cut], &none).is_err(), "{cut}");
        }
        whole.push(0);
        assert!(read(&whole, &none).is_err());
        assert!(read(&answer(CODE, [b"abc", b"half a function"]), &none).is_err());
        let json = serde_json::to_vec(&Refusal::Compile("no".into())).unwrap();
        assert_eq!(read(&answer(REFUSED, [&json, b""]), &none).unwrap_err(), Refusal::Compile("no".into()));
    }

    /// The child starts with nothing of the host's: no variable of its environment, and another folder.
    #[test]
    fn the_child_inherits_no_secrets() {
        let script = "cat >/dev/null; env >&2; pwd >&2; exit 1";
        let refusal = with(script, CompileLimits::default()).unwrap_err().to_string();
        assert!(!refusal.contains("HOME") && !refusal.contains("CARGO"), "{refusal}");
    }
}

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

/// One compilation in a process of its own.
pub(super) fn compile(
    program: &Path,
    arguments: &[OsString],
    limits: CompileLimits,
    bytes: &[u8],
    form: Form,
) -> Result<Vec<u8>, Refusal> {
    let deadline = Instant::now() + limits.wall;
    let mut child = Command::new(program)
        .args(arguments)
        .arg(limits.memory_bytes.to_string())
        .arg(limits.cpu.as_secs().max(1).to_string())
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failure(CompilerFailure::Start, error.to_string()))?;
    let outcome = talk(&mut child, limits, bytes, form, deadline);
    // Whatever happened, nothing of it is left behind.
    let _ = child.kill();
    let _ = child.wait();
    outcome
}

fn talk(
    child: &mut Child,
    limits: CompileLimits,
    bytes: &[u8],
    form: Form,
    deadline: Instant,
) -> Result<Vec<u8>, Refusal> {
    let (Some(mut input), Some(output), Some(errors)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(failure(CompilerFailure::Start, "it has no pipes"));
    };
    let mut request = Vec::with_capacity(bytes.len().saturating_add(9));
    request.push(form_byte(form));
    request.extend_from_slice(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
    request.extend_from_slice(bytes);
    // The threads end when the child's ends of the pipes do; nobody waits for them longer than for the child.
    let start = |name: &str, run: Box<dyn FnOnce() + Send>| {
        std::thread::Builder::new().name(name.to_owned()).spawn(run).map(drop)
    };
    let no_thread = |error: std::io::Error| failure(CompilerFailure::Start, error.to_string());
    // A child that ends early doesn't want the rest; its answer or its end says why.
    start("compile-in", Box::new(move || drop(input.write_all(&request)))).map_err(no_thread)?;
    let (answered, answer) = channel();
    let most = limits.artefact_bytes.saturating_add(1).saturating_add(u64::try_from(HEAD).unwrap_or(0));
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
    read(&answer)
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
fn read(answer: &[u8]) -> Result<Vec<u8>, Refusal> {
    let garbage = |what: &str| failure(CompilerFailure::Garbage, what);
    let (head, content) = answer.split_at_checked(HEAD).ok_or_else(|| garbage("it is too short"))?;
    let (magic, rest) = head.split_at_checked(MAGIC.len()).ok_or_else(|| garbage("it is too short"))?;
    if magic != MAGIC {
        return Err(garbage("it does not begin like one"));
    }
    let [verdict, length @ ..] = rest else { return Err(garbage("it is too short")) };
    let length = <[u8; 8]>::try_from(length).map(u64::from_le_bytes).unwrap_or(u64::MAX);
    if usize::try_from(length).ok() != Some(content.len()) {
        return Err(garbage("its length is wrong"));
    }
    match *verdict {
        CODE if !content.is_empty() => Ok(content.to_vec()),
        REFUSED if content.len() <= REFUSAL_BYTES => {
            Err(serde_json::from_slice(content).map_err(|_| garbage("its refusal can't be read"))?)
        }
        _ => Err(garbage("its verdict is unknown")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn with(script: &str, limits: CompileLimits) -> Result<Vec<u8>, Refusal> {
        compile(Path::new("/bin/sh"), &["-c".into(), script.into()], limits, b"bytes", Form::Component)
    }

    fn how(script: &str) -> CompilerFailure {
        let limits =
            CompileLimits { wall: Duration::from_millis(400), artefact_bytes: 1_000, ..CompileLimits::default() };
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
        let missing = compile(Path::new("/no/such/program"), &[], CompileLimits::default(), b"", Form::Component);
        assert!(matches!(missing, Err(Refusal::Compiler { how: CompilerFailure::Start, .. })), "{missing:?}");
    }

    #[test]
    fn only_a_whole_answer_counts() {
        let mut whole = MAGIC.to_vec();
        whole.push(CODE);
        whole.extend_from_slice(&3u64.to_le_bytes());
        whole.extend_from_slice(b"abc");
        assert_eq!(read(&whole).unwrap(), b"abc");
        for cut in 0..whole.len() {
            assert!(read(&whole[..cut]).is_err(), "{cut}");
        }
        whole.push(0);
        assert!(read(&whole).is_err());
        let mut refusal = MAGIC.to_vec();
        refusal.push(REFUSED);
        let json = serde_json::to_vec(&Refusal::Compile("no".into())).unwrap();
        refusal.extend_from_slice(&(json.len() as u64).to_le_bytes());
        refusal.extend_from_slice(&json);
        assert_eq!(read(&refusal).unwrap_err(), Refusal::Compile("no".into()));
    }

    /// The child starts with nothing of the host's: no variable of its environment, and another folder.
    #[test]
    fn the_child_inherits_no_secrets() {
        let script = "cat >/dev/null; env >&2; pwd >&2; exit 1";
        let refusal = with(script, CompileLimits::default()).unwrap_err().to_string();
        assert!(!refusal.contains("HOME") && !refusal.contains("CARGO"), "{refusal}");
    }
}

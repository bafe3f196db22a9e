//! Asks a running host.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::{Answer, LINE, Request, socket};

/// A new file may have to be compiled before there is an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks the host of a state folder; its refusal is an error.
pub(crate) fn ask(state: &Path, request: &Request) -> anyhow::Result<serde_json::Value> {
    let path = socket(state);
    let mut stream = UnixStream::connect(&path).with_context(|| {
        format!(
            "no host answers at {}; start it with `ringfence run` in this folder, or name its state folder with --state DIR",
            path.display()
        )
    })?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = String::new();
    // A list of many plugins is longer than a question may be.
    BufReader::new(stream.take(LINE << 8)).read_line(&mut answer).context("the host does not answer in time")?;
    let answer: Answer = serde_json::from_str(&answer).context("the host's answer can't be read")?;
    match (answer.ok, answer.result, answer.error) {
        (true, result, _) => Ok(result.unwrap_or_default()),
        (false, _, Some(error)) => bail!(error),
        (false, _, None) => bail!("the host refuses without a reason"),
    }
}

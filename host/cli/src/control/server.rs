//! The host's side of the control socket.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

use super::{Answer, LINE, Request, make_state, socket};

/// Does what is asked. Called on a thread that may wait.
pub(crate) type Handler = Arc<dyn Fn(Request) -> Result<serde_json::Value, String> + Send + Sync>;

/// The open socket; dropping it closes and removes it.
#[derive(Debug)]
pub(crate) struct Server {
    path: PathBuf,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(path = %self.path.display(), %error, "the control socket is gone already");
        }
    }
}

impl Server {
    /// Opens the socket. A socket that nobody listens to is taken over.
    pub(crate) fn open(state: &Path, handler: Handler) -> anyhow::Result<Self> {
        let path = socket(state);
        make_state(state).with_context(|| format!("can't make the state folder {}", state.display()))?;
        if std::os::unix::net::UnixStream::connect(&path).is_ok() {
            bail!("another host runs with the state folder {}", state.display());
        }
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("can't replace {}", path.display()));
            }
            _ => {}
        }
        let listener =
            UnixListener::bind(&path).with_context(|| format!("can't open the control socket {}", path.display()))?;
        // The folder lets nobody else in while this is being set.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))
            .with_context(|| format!("can't protect {}", path.display()))?;
        let task = tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => drop(tokio::spawn(serve(stream, Arc::clone(&handler)))),
                    Err(error) => {
                        tracing::warn!(%error, "the control socket");
                        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    }
                }
            }
        });
        Ok(Server { path, task })
    }
}

async fn serve(stream: UnixStream, handler: Handler) {
    let (input, mut output) = stream.into_split();
    let mut input = BufReader::new(input);
    loop {
        let mut line = Vec::new();
        match (&mut input).take(LINE).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let answer = answer(&line, &handler).await;
        let Ok(mut text) = serde_json::to_vec(&answer) else { return };
        text.push(b'\n');
        if output.write_all(&text).await.is_err() || !line.ends_with(b"\n") {
            return;
        }
    }
}

async fn answer(line: &[u8], handler: &Handler) -> Answer {
    let wrong = |error: String| Answer { ok: false, result: None, error: Some(error) };
    let request = match serde_json::from_slice::<Request>(line) {
        Ok(request) => request,
        Err(error) => return wrong(format!("this is no question that the host knows: {error}")),
    };
    let handler = Arc::clone(handler);
    match tokio::task::spawn_blocking(move || handler(request)).await {
        Ok(Ok(result)) => Answer { ok: true, result: Some(result), error: None },
        Ok(Err(error)) => wrong(error),
        Err(_) => wrong("the host failed to answer (this is a bug of Ringfence)".to_owned()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::client;
    use super::*;

    #[tokio::test]
    async fn questions_are_answered_and_nonsense_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        let handler: Handler = Arc::new(|request| match request {
            Request::Pause { name } if name == "a" => Ok(serde_json::json!("it is paused")),
            Request::Pause { name } => Err(format!("there is no plugin {name}")),
            other => Ok(serde_json::to_value(other).unwrap()),
        });
        let server = Server::open(&state, Arc::clone(&handler)).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&state), mode(&socket(&state))), (0o700, 0o600));
        assert!(Server::open(&state, Arc::clone(&handler)).unwrap_err().to_string().contains("another host"));
        let asks = {
            let state = state.clone();
            tokio::task::spawn_blocking(move || {
                let ask = |request| client::ask(&state, &request).map_err(|error| error.to_string());
                assert_eq!(ask(Request::Pause { name: "a".into() }), Ok(serde_json::json!("it is paused")));
                assert_eq!(ask(Request::Pause { name: "b".into() }), Err("there is no plugin b".into()));
                assert_eq!(ask(Request::Halt), Ok(serde_json::json!({"command": "halt"})));
            })
        };
        asks.await.unwrap();
        let raw = answer(b"{\"command\":\"pause\",\"name\":\"a\",\"more\":1}", &handler).await;
        assert!(!raw.ok, "{raw:?}");
        assert!(!answer(b"\xff\xfe", &handler).await.ok);
        drop(server);
        assert!(client::ask(&state, &Request::List).unwrap_err().to_string().contains("no host answers"));
        // What a crashed host left behind is taken over.
        drop(std::os::unix::net::UnixListener::bind(socket(&state)).unwrap());
        drop(Server::open(&state, handler).unwrap());
    }
}

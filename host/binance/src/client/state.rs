//! What must outlive a restart, in a small file: bans, and what is used of the venue's windows.
//! Written soon after it has changed, at once when the venue bans, and at the end.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::{Shared, closed, lock};
use crate::limits::Saved;

const VERSION: u32 = 1;
/// How much of the counts a crash may lose. The venue's next answer tells them again.
const EVERY: Duration = Duration::from_secs(1);

/// The file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    version: u32,
    /// Of the venue's clock over the machine's, so that a ban's end is known before the venue is asked.
    pub(super) offset_us: i64,
    pub(super) limits: Saved,
}

/// Reads the file; `None` if there is none yet.
pub(super) fn load(file: &Path) -> Result<Option<State>, String> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let state: State = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    if state.version == VERSION { Ok(Some(state)) } else { Err(format!("it is of version {}", state.version)) }
}

/// Replaces the file, whole or not at all.
fn store(file: &Path, state: &State) -> std::io::Result<()> {
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let fresh = file.with_file_name(name);
    let text = serde_json::to_string(state)?;
    let mut opened = std::fs::File::create(&fresh)?;
    opened.write_all(text.as_bytes())?;
    // A name that is on the disk before its content would be an empty file after a loss of power, and a ban forgotten.
    opened.sync_all()?;
    drop(opened);
    std::fs::rename(&fresh, file)
}

impl Shared {
    fn state(&self) -> State {
        let offset_us = self.estimate().map_or(0, |estimate| estimate.offset_us);
        State { version: VERSION, offset_us, limits: lock(&self.limits).save() }
    }

    /// Writes the file if one is wanted. What another process knows of bans is kept.
    pub(super) fn save_state(&self) {
        let Some(file) = &self.config.state_file else {
            return;
        };
        let mut state = self.state();
        if let Ok(Some(other)) = load(file) {
            state.limits.keep_blocks(&other.limits);
        }
        if let Err(error) = store(file, &state) {
            self.notice(format!("can't write {}: {error}; a restart would forget the venue's limits", file.display()));
        }
    }
}

/// Runs until the client is closed.
pub(super) async fn run(shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    if shared.config.state_file.is_none() {
        return;
    }
    let mut interval = tokio::time::interval(EVERY);
    let mut saved = None;
    loop {
        let over = tokio::select! {
            biased;
            () = closed(&mut stopped) => true,
            _ = interval.tick() => false,
        };
        let state = shared.state();
        if saved.as_ref() != Some(&state) {
            // The disk may take its time; nobody else shall wait for it. A failure is told there.
            let of = Arc::clone(&shared);
            drop(tokio::task::spawn_blocking(move || of.save_state()).await);
            saved = Some(state);
        }
        if over {
            return;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stored_is_loaded_and_rubbish_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("deep/limits.json");
        assert_eq!(load(&file), Ok(None));
        let state = State { version: VERSION, offset_us: -30_000_000, limits: Saved::default() };
        store(&file, &state).unwrap();
        assert_eq!(load(&file), Ok(Some(state.clone())));
        store(&file, &State { version: 9, ..state }).unwrap();
        assert_eq!(load(&file), Err("it is of version 9".to_owned()));
        std::fs::write(&file, "{").unwrap();
        assert!(load(&file).is_err());
        assert_eq!(std::fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
    }
}

//! How an operator speaks with a running host: a Unix socket `control.sock` (mode 0600) in the
//! state folder (mode 0700). One line of JSON asks, one line answers, as often as one likes:
//!
//! ```text
//! {"command":"list"}
//! {"command":"history","name":"ema-cross"}
//! {"command":"pause","name":"ema-cross"}      also resume, reload, rollback
//! {"command":"halt"}                          trading: no new orders of any plugin
//! {"command":"unhalt"}
//!
//! {"ok":true,"result":…}
//! {"ok":false,"error":"there is no plugin ema; there are: ema-cross"}
//! ```
//!
//! | module | holds |
//! |--|--|
//! | [`server`] | the host's side |
//! | [`client`] | the other commands' side |

pub(crate) mod client;
pub(crate) mod server;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Longest line that is read.
const LINE: u64 = 64 << 10;

/// A question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Request {
    List,
    History { name: String },
    Pause { name: String },
    Resume { name: String },
    Reload { name: String },
    Rollback { name: String },
    Halt,
    Unhalt,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) ok: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) result: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

/// The socket of a state folder.
pub(crate) fn socket(state: &Path) -> PathBuf {
    state.join("control.sock")
}

/// Makes the state folder, for its owner alone.
pub(crate) fn make_state(state: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(state)?;
    std::fs::set_permissions(state, std::fs::Permissions::from_mode(0o700))
}

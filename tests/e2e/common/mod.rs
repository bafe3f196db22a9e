//! Starts the program as a user would.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(unreachable_pub, reason = "a module of each test file")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The top of the project.
pub fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the project's folder")
}

/// The kept builds of the example strategies.
pub fn plugins() -> PathBuf {
    top().join("plugins")
}

/// `ringfence run` with these arguments, in a folder of its own so that no `ringfence.toml` is found by chance.
pub fn command(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringfence"));
    command.arg("run").args(args).current_dir(dir).stdin(Stdio::null());
    command
}

/// Runs to the end.
pub fn run(dir: &Path, args: &[&str]) -> Output {
    command(dir, args).output().expect("ringfence starts")
}

/// The summary of a run that must succeed.
pub fn summary(dir: &Path, args: &[&str]) -> Value {
    let output = run(dir, args);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{stderr}"))
}

/// The summary without what the speed of the machine decides.
pub fn without_timing(mut summary: Value) -> Value {
    let object = summary.as_object_mut().expect("an object");
    object.remove("timing");
    for plugin in object["plugins"].as_array_mut().expect("plugins") {
        plugin.as_object_mut().expect("a plugin").remove("handler_ns");
    }
    summary
}

/// A plugin's entry.
pub fn plugin<'a>(summary: &'a Value, name: &str) -> &'a Value {
    summary["plugins"]
        .as_array()
        .and_then(|plugins| plugins.iter().find(|plugin| plugin["name"] == name))
        .unwrap_or_else(|| panic!("no plugin {name} in {summary:#}"))
}

/// A folder with some of the kept builds.
pub fn folder_with(names: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    for name in names {
        std::fs::copy(plugins().join(format!("{name}.wasm")), dir.path().join(format!("{name}.wasm")))
            .expect("a kept build");
    }
    dir
}

/// What must hold after every healthy run.
pub fn assert_healthy(summary: &Value) {
    assert_eq!(summary["messages"]["unparsed"], 0, "{summary:#}");
    assert_eq!(summary["ledger_difference"], serde_json::json!({}), "{summary:#}");
    assert_eq!(summary["left_open"], 0, "{summary:#}");
    for line in summary["account"].as_array().expect("an account") {
        assert_eq!(line["locked"], "0", "{summary:#}");
    }
    for plugin in summary["plugins"].as_array().expect("plugins") {
        assert_eq!(plugin["faults"], 0, "{summary:#}");
        assert_eq!(plugin["state"], "running", "{summary:#}");
    }
}

//! The compiler's process as a program of its own, for tests and for hosts whose `main` is not
//! theirs to change. `ringfence` itself does the same work under its hidden command.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    ringfence_sandbox::compiler::child::run_if_asked(std::env::args_os()).unwrap_or_else(|| {
        eprintln!("this program is started by a host, to compile one plugin from its input");
        ExitCode::from(2)
    })
}

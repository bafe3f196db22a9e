//! `ringfence halt` and `ringfence resume`: trading of a running host, all plugins at once.
//! Halted means: no new orders; cancels go on, and open orders stay until somebody cancels them.

use crate::args::HostArgs;
use crate::control::{Request, client};

/// Asks the host and says what came of it.
pub(crate) fn run(host: &HostArgs, request: &Request) -> anyhow::Result<()> {
    let result = client::ask(&host.state, request)?;
    if host.json {
        say!("{}", serde_json::to_string_pretty(&result)?);
    } else {
        say!("{}", result["trading"].as_str().unwrap_or("done"));
    }
    Ok(())
}

//! Where the server program is.

use std::env;
use std::path::PathBuf;

use anyhow::{Result, bail};

/// The programs looked for on the `PATH`, the first one first.
const NAMES: [&str; 2] = ["redis-server", "valkey-server"];

/// The server program: what `REDIS_SERVER` names, else one on the `PATH`.
pub fn find() -> Result<PathBuf> {
    if let Some(named) = env::var_os("REDIS_SERVER").filter(|value| !value.is_empty()) {
        return Ok(named.into());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let in_directories = |name| env::split_paths(&path).map(move |directory| directory.join(name));
    match NAMES.into_iter().flat_map(in_directories).find(|file| file.is_file()) {
        Some(file) => Ok(file),
        None => bail!(
            "neither {} nor {} is on the PATH, and REDIS_SERVER names none; `cargo xtask test` installs one where it can",
            NAMES[0],
            NAMES[1]
        ),
    }
}

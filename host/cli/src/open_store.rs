//! Which store the command works on.

use std::ffi::OsString;
use std::path::PathBuf;

use task_state_host::Settings;
use task_state_host::store::{self, SharedStore, StoreUrl};

use crate::exit::Misuse;
use crate::output::Screen;

/// Opens the store that `--store` names, else the one that the environment names, else the user's own file, which is
/// then named on standard error.
pub(crate) async fn open(given: Option<StoreUrl>, screen: &Screen) -> anyhow::Result<SharedStore> {
    let mut settings = Settings::from_env()?;
    let url = match (given, settings.write_url.clone()) {
        (Some(url), write_url) => {
            // The read URL belongs to the write URL beside it: another store has its listings elsewhere.
            if write_url.as_ref() != Some(&url) {
                settings.read_url = None;
            }
            url
        }
        (None, Some(url)) => url,
        (None, None) => {
            settings.read_url = None;
            let url = StoreUrl::Sqlite(data_directory(|name| std::env::var_os(name))?.join("task-state/tasks.db"));
            screen.line(&format!("store: {url}"));
            url
        }
    };
    let opened = store::open(&url, &settings).await;
    opened.map_err(|error| located(error.into(), &url.to_string()))
}

/// An error that names the store that it comes from.
pub(crate) fn located(error: anyhow::Error, store: &str) -> anyhow::Error {
    if format!("{error:#}").contains(store) { error } else { error.context(store.to_owned()) }
}

/// The user's data directory as the XDG Base Directory Specification has it: a relative path there counts as none.
fn data_directory(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, Misuse> {
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .ok_or_else(|| Misuse("no store: give --store, or set DMS_REDIS_WRITE_URL, XDG_DATA_HOME or HOME".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(variables: &[(&str, &str)]) -> Option<PathBuf> {
        let find = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        data_directory(find).ok()
    }

    #[test]
    fn the_data_directory_is_the_one_of_the_xdg_specification() {
        assert_eq!(directory(&[("XDG_DATA_HOME", "/data"), ("HOME", "/home/a")]), Some("/data".into()));
        assert_eq!(directory(&[("XDG_DATA_HOME", "data"), ("HOME", "/home/a")]), Some("/home/a/.local/share".into()));
        assert_eq!(directory(&[("XDG_DATA_HOME", ""), ("HOME", "/home/a")]), Some("/home/a/.local/share".into()));
        assert_eq!(directory(&[("HOME", "")]), None);
    }
}

//! The tables of the file, and their values.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;
use task_state_host::plugin::parse_duration;
use task_state_host::record::InvalidValue;
use task_state_host::store::StoreUrl;
use task_state_host::{LoadLimits, Manifest};
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::plugins;
use super::source::{Source, Span};
use super::tokens::TokenTable;
use super::{DEFAULT_LISTEN, PlatformConfig, TlsConfig, tokens};

/// What numbers of runs and tasks may be.
pub(super) const COUNTS: RangeInclusive<i64> = 1..=1_000_000;

/// The keys of `[loading]`, which a manifest has among its limits.
const LOADING: [&str; 3] = ["component", "compile-memory", "compile-time"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct PlatformTable {
    store: Option<Spanned<String>>,
    listen: Option<Spanned<String>>,
    token_file: Option<Spanned<String>>,
    max_concurrent_runs: Option<Spanned<i64>>,
    max_waiting_tasks: Option<Spanned<i64>>,
    settle: Option<Spanned<String>>,
    adopt_after: Option<Spanned<String>>,
    drain: Option<Spanned<String>>,
    tls: Option<TlsTable>,
    #[serde(default)]
    tokens: Vec<Spanned<TokenTable>>,
    frontend: Option<FrontendTable>,
    /// Here to be named among the keys: it was taken out before.
    #[serde(rename = "loading")]
    _loading: Option<IgnoredAny>,
    /// The same.
    #[serde(rename = "plugins")]
    _plugins: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct FrontendTable {
    #[serde(default)]
    open_user_routes: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsTable {
    certificate: Spanned<String>,
    key: Spanned<String>,
}

/// Reads the whole file. What is wrong is noted; something is, if there is no answer.
pub(super) fn read(source: &mut Source<'_>, path: &Path, text: &str) -> Option<PlatformConfig> {
    let whole = 0..0;
    let mut root = match DeTable::parse(text) {
        Ok(root) => root.into_inner(),
        Err(error) => {
            source.refused(&whole, &error);
            return None;
        }
    };
    let directory = path.parent().unwrap_or(Path::new(""));
    let plugins = match root.remove("plugins") {
        Some(plugins) => plugins::read(source, directory, plugins),
        None => {
            source.wrong(&whole, plugins::NONE);
            Vec::new()
        }
    };
    let load_limits = root.remove("loading").map(|table| loading(source, table)).unwrap_or_default();
    let table = Spanned::new(whole.clone(), DeValue::Table(root));
    match PlatformTable::deserialize(ValueDeserializer::from(table)) {
        Ok(table) => table.read(source, path, load_limits, plugins),
        Err(error) => {
            source.refused(&whole, &error);
            None
        }
    }
}

impl PlatformTable {
    fn read(
        self,
        source: &mut Source<'_>,
        path: &Path,
        load_limits: LoadLimits,
        plugins: Vec<super::PluginConfig>,
    ) -> Option<PlatformConfig> {
        let directory = path.parent().unwrap_or(Path::new(""));
        let mut seconds = |time, default| duration(source, time).unwrap_or(Duration::from_secs(default));
        let (settle, adopt_after, drain) =
            (seconds(self.settle, 2), seconds(self.adopt_after, 60), seconds(self.drain, 30));
        let token_file = self.token_file.and_then(|file| file_path(source, directory, file));
        let tls = self.tls.and_then(|TlsTable { certificate, key }| {
            let [certificate, key] = [certificate, key].map(|file| file_path(source, directory, file));
            Some(TlsConfig { certificate: certificate?, key: key? })
        });
        let tokens = self.tokens.into_iter().filter_map(|token| tokens::read(source, directory, token)).collect();
        let max_concurrent_runs = number(source, "number of runs", self.max_concurrent_runs, COUNTS);
        let max_waiting_tasks = number(source, "number of tasks", self.max_waiting_tasks, 1..=1_000_000_000);
        let store = self.store.map(|url| source.right(&url.span(), StoreUrl::parse(url.get_ref())));
        let listen = self.listen.unwrap_or_else(|| Spanned::new(0..0, DEFAULT_LISTEN.to_owned()));
        Some(PlatformConfig {
            path: path.to_owned(),
            store: store.flatten(),
            listen: source.right(&listen.span(), address(listen.get_ref()))?,
            tls,
            token_file,
            tokens,
            open_user_routes: self.frontend.is_some_and(|frontend| frontend.open_user_routes),
            max_concurrent_runs: max_concurrent_runs.unwrap_or(256),
            max_waiting_tasks: max_waiting_tasks.unwrap_or(1_000_000),
            settle,
            adopt_after,
            drain,
            load_limits,
            plugins,
        })
    }
}

/// The limits of loading, which are those of a manifest.
fn loading(source: &mut Source<'_>, table: Spanned<DeValue<'_>>) -> LoadLimits {
    let span = table.span();
    if let DeValue::Table(keys) = table.get_ref() {
        let unknown = keys.keys().find(|key| !LOADING.contains(&key.get_ref().as_ref()));
        if let Some(key) = unknown {
            let known = LOADING.map(|key| format!("`{key}`")).join(", ");
            source.wrong(&key.span(), format!("unknown field `{}`, expected one of {known}", key.get_ref()));
            return LoadLimits::default();
        }
    }
    let key = Spanned::new(span.clone(), "limits".into());
    let manifest: DeTable<'_> = [(key, table)].into_iter().collect();
    match Manifest::from_table(Spanned::new(span.clone(), DeValue::Table(manifest.clone())).into()) {
        Ok(manifest) => manifest.load_limits,
        Err(error) => {
            source.refused_manifest(&span, &manifest, &error);
            LoadLimits::default()
        }
    }
}

/// The keys of a manifest's limits that are the whole platform's, with their places.
pub(super) fn platform_wide(limits: &DeTable<'_>) -> impl Iterator<Item = (Span, &'static str)> {
    LOADING.into_iter().filter_map(|key| Some((limits.get_key_value(key)?.0.span(), key)))
}

fn address(text: &str) -> Result<SocketAddr, InvalidValue> {
    let form = "it is an IP address and a port, such as 127.0.0.1:9000, [::1]:9000 or 0.0.0.0:9000 for every interface";
    text.parse().map_err(|_| InvalidValue::new("address", text, form))
}

/// A length of time, if it is given and right.
pub(super) fn duration(source: &mut Source<'_>, text: Option<Spanned<String>>) -> Option<Duration> {
    let text = text?;
    source.right(&text.span(), parse_duration(text.get_ref()))
}

/// A number, if it is given and in the range.
pub(super) fn number<N: TryFrom<i64>>(
    source: &mut Source<'_>,
    what: &'static str,
    number: Option<Spanned<i64>>,
    range: RangeInclusive<i64>,
) -> Option<N> {
    let number = number?;
    let read =
        Some(*number.get_ref()).filter(|number| range.contains(number)).and_then(|number| number.try_into().ok());
    let why = || format!("it is a whole number from {} to {}", range.start(), range.end());
    source.right(&number.span(), read.ok_or_else(|| InvalidValue::new(what, &number.get_ref().to_string(), why())))
}

/// A path, relative to the directory that the file is in.
pub(super) fn file_path(source: &mut Source<'_>, directory: &Path, file: Spanned<String>) -> Option<PathBuf> {
    if file.get_ref().is_empty() {
        source.wrong(&file.span(), InvalidValue::new("path", "", "it is empty"));
        return None;
    }
    Some(directory.join(file.get_ref()))
}

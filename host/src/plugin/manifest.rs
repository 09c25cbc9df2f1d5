//! Grants, capabilities and limits from a TOML file beside the component.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;

use super::capabilities::{CapabilitiesTable, HttpLimitsTable};
use super::{Capabilities, Grants, Limits, LoadLimits, Operation, Quotas, Sha256, parse_bytes, parse_duration};
use crate::record::InvalidValue;
use crate::store::Allowed;
use crate::units::{in_units, spell};

/// What a platform lets a plugin do and use.
///
/// ```
/// use task_state_host::{Manifest, Operation};
///
/// let manifest = Manifest::from_toml(
///     r#"
///     sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"     # any component, if absent
///
///     [grants]
///     services = ["analytics"]
///     users = ["alice"]                  # anyone, if absent
///     operations = ["read", "list"]      # read, write and sequence, if absent
///
///     [capabilities]                     # nothing, if absent
///     directories = [{ host = "reports", guest = "/reports" }, { host = "/tmp/x", guest = "/x", write = true }]
///     http = ["api.example.com", "*.example.org:8443", { host = "localhost:8080", private = true }]
///     environment = { MODE = "fast" }
///     secrets = ["API_TOKEN", { name = "DB_PASSWORD", file = "/run/secrets/db" }]
///
///     [limits]
///     memory = "64MiB"
///     cpu-time = "1m"
///     wall-clock = "10m"
///     grace = "5s"
///     output = "64KiB"
///     failure = "16KiB"                  # the text of an error
///     call = "1MiB"                      # what is handed over in one call
///     entry = "16KiB"                    # one log entry
///     entries = "1MiB"                   # all log entries of a run
///     call-entries = 1000                # log entries in one call
///     result = "64KiB"                   # one field of a result
///     record = "256KiB"                  # a task that is saved
///     calls-per-second = 1000
///     component = "64MiB"
///     compile-memory = "2GiB"
///     compile-time = "2m"
///
///     [limits.http]
///     connect = "10s"
///     first-byte = "60s"
///     total = "5m"
///     sent = "64MiB"
///     received = "256MiB"
///     connections = 16
///     "#,
/// )?;
/// assert!(manifest.grants.permit(Operation::List).is_ok());
/// assert_eq!(manifest.limits.memory_bytes, 64 << 20);
/// # Ok::<(), task_state_host::ManifestError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Manifest {
    /// What the plugin may do. No service unless the manifest names it.
    pub grants: Grants,
    /// What the plugin may reach besides tasks. Relative paths are as they stand: see
    /// [`Capabilities::relative_to`].
    pub capabilities: Capabilities,
    /// What a run may use: the defaults, except for what the manifest sets.
    pub limits: Limits,
    /// How large the component may be, and what its compilation may take: the defaults, except for what the manifest
    /// sets.
    pub load_limits: LoadLimits,
    /// The sum that the component must have, if it is pinned.
    pub sha256: Option<Sha256>,
}

/// A manifest that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// It is not TOML, or has an unknown key, or a value of another type.
    #[error(transparent)]
    Toml(toml::de::Error),
    /// Its tables are nested too deeply to be read: some eighty levels.
    #[error("the manifest's tables are nested too deeply")]
    TooDeep,
    /// A value that cannot be used.
    #[error("{key}: {why}")]
    Value {
        /// Its key.
        key: &'static str,
        /// What is wrong with it.
        why: InvalidValue,
    },
}

impl ManifestError {
    /// What the parser cannot read for its depth has no place: it says no more than that there is a limit.
    fn of_toml(error: toml::de::Error) -> Self {
        if error.span().is_some() { Self::Toml(error) } else { Self::TooDeep }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    sha256: Option<String>,
    #[serde(default)]
    grants: GrantsTable,
    #[serde(default)]
    capabilities: CapabilitiesTable,
    #[serde(default)]
    limits: LimitsTable,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct GrantsTable {
    #[serde(default)]
    services: Vec<String>,
    users: Option<Vec<String>>,
    operations: Option<Vec<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct LimitsTable {
    memory: Option<Amount>,
    cpu_time: Option<String>,
    wall_clock: Option<String>,
    grace: Option<String>,
    output: Option<Amount>,
    failure: Option<Amount>,
    call: Option<Amount>,
    entry: Option<Amount>,
    entries: Option<Amount>,
    call_entries: Option<usize>,
    result: Option<Amount>,
    record: Option<Amount>,
    calls_per_second: Option<u32>,
    #[serde(default)]
    http: HttpLimitsTable,
    component: Option<Amount>,
    compile_memory: Option<Amount>,
    compile_time: Option<String>,
}

/// Bytes, as a number or as a text with a unit.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a number of bytes, or a text such as \"64MiB\"")]
pub(super) enum Amount {
    Number(usize),
    Text(String),
}

impl Manifest {
    /// Reads a manifest. Unknown keys are errors.
    ///
    /// # Errors
    /// [`ManifestError`], naming the key and the value.
    pub fn from_toml(text: &str) -> Result<Self, ManifestError> {
        Self::of(toml::from_str(text).map_err(ManifestError::of_toml)?)
    }

    /// Reads a manifest that is a table of a larger document, such as what a platform's configuration says of one plugin.
    /// What is wrong with its shape has its place in that document as its [span](toml::de::Error::span).
    ///
    /// ```
    /// use task_state_host::{Manifest, toml};
    ///
    /// let document = "[plugin.limits]\nmemory = '64MiB'";
    /// let mut tables = toml::de::DeTable::parse(document)?.into_inner();
    /// let manifest = Manifest::from_table(tables.remove("plugin").unwrap().into())?;
    /// assert_eq!(manifest.limits.memory_bytes, 64 << 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`from_toml`](Self::from_toml).
    pub fn from_table(table: toml::de::ValueDeserializer<'_>) -> Result<Self, ManifestError> {
        Self::of(File::deserialize(table).map_err(ManifestError::Toml)?)
    }

    fn of(file: File) -> Result<Self, ManifestError> {
        let File { sha256, grants, capabilities, limits } = file;
        let sha256 = sha256.map(|sum| sum.parse()).transpose();
        let (limits, load_limits) = limits.read(Limits::default(), LoadLimits::default())?;
        Ok(Self {
            grants: grants.read()?,
            capabilities: capabilities.read()?,
            limits,
            load_limits,
            sha256: sha256.map_err(|why| ManifestError::Value { key: "sha256", why })?,
        })
    }

    /// Sets a limit by its key under `[limits]`, such as `cpu-time` or `http.total`, to a value as a manifest would have
    /// it, without quotes.
    ///
    /// ```
    /// let mut manifest = task_state_host::Manifest::from_toml("")?;
    /// manifest.set_limit("memory", "64MiB")?;
    /// assert_eq!(manifest.limits.memory_bytes, 64 << 20);
    /// # Ok::<(), task_state_host::ManifestError>(())
    /// ```
    ///
    /// # Errors
    /// [`ManifestError`], naming the key and the value; nothing is set.
    pub fn set_limit(&mut self, key: &str, value: &str) -> Result<(), ManifestError> {
        let number = value.parse().map(toml::Value::Integer);
        let value = number.unwrap_or_else(|_| toml::Value::String(value.to_owned()));
        let inner = |value, key: &str| toml::Value::Table([(key.to_owned(), value)].into_iter().collect());
        let table: LimitsTable = key.rsplit('.').fold(value, inner).try_into().map_err(ManifestError::Toml)?;
        (self.limits, self.load_limits) = table.read(self.limits.clone(), self.load_limits.clone())?;
        Ok(())
    }

    /// The limits by their keys, with their values as a manifest would have them.
    pub fn limit_values(&self) -> Vec<(&'static str, String)> {
        let (run, load) = (&self.limits, &self.load_limits);
        let (quotas, http) = (&run.quotas, &run.http);
        vec![
            ("memory", in_units(run.memory_bytes)),
            ("cpu-time", spell(run.cpu_time)),
            ("wall-clock", spell(run.wall_clock)),
            ("grace", spell(run.grace)),
            ("output", in_units(run.output_bytes)),
            ("failure", in_units(run.failure_bytes)),
            ("call", in_units(run.call_bytes)),
            ("entry", in_units(quotas.entry_bytes)),
            ("entries", in_units(quotas.entries_bytes)),
            ("call-entries", quotas.call_entries.to_string()),
            ("result", in_units(quotas.result_bytes)),
            ("record", in_units(quotas.record_bytes)),
            ("calls-per-second", quotas.calls_per_second.to_string()),
            ("http.connect", spell(http.connect)),
            ("http.first-byte", spell(http.first_byte)),
            ("http.total", spell(http.total)),
            ("http.sent", in_units(http.sent_bytes)),
            ("http.received", in_units(http.received_bytes)),
            ("http.connections", http.connections.to_string()),
            ("component", in_units(load.component_bytes)),
            ("compile-memory", in_units(load.compile_memory_bytes)),
            ("compile-time", spell(load.compile_time)),
        ]
    }
}

impl GrantsTable {
    fn read(self) -> Result<Grants, ManifestError> {
        let mut grants = Grants::for_services(self.services);
        if let Some(users) = self.users {
            grants.users = Allowed::only(users);
        }
        if let Some(operations) = self.operations {
            let operations: Result<BTreeSet<Operation>, InvalidValue> =
                operations.iter().map(|name| name.parse()).collect();
            grants.operations = operations.map_err(|why| ManifestError::Value { key: "grants.operations", why })?;
        }
        Ok(grants)
    }
}

impl LimitsTable {
    /// The limits that are set, and those of the default for the rest.
    fn read(self, default: Limits, load_default: LoadLimits) -> Result<(Limits, LoadLimits), ManifestError> {
        let load_limits = LoadLimits {
            component_bytes: bytes("limits.component", self.component, load_default.component_bytes)?,
            compile_memory_bytes: bytes(
                "limits.compile-memory",
                self.compile_memory,
                load_default.compile_memory_bytes,
            )?,
            compile_time: duration("limits.compile-time", self.compile_time, load_default.compile_time)?,
            ..load_default
        };
        let quotas = default.quotas;
        let limits = Limits {
            memory_bytes: bytes("limits.memory", self.memory, default.memory_bytes)?,
            cpu_time: duration("limits.cpu-time", self.cpu_time, default.cpu_time)?,
            wall_clock: duration("limits.wall-clock", self.wall_clock, default.wall_clock)?,
            grace: duration("limits.grace", self.grace, default.grace)?,
            output_bytes: bytes("limits.output", self.output, default.output_bytes)?,
            failure_bytes: bytes("limits.failure", self.failure, default.failure_bytes)?,
            call_bytes: bytes("limits.call", self.call, default.call_bytes)?,
            quotas: Quotas {
                entry_bytes: bytes("limits.entry", self.entry, quotas.entry_bytes)?,
                entries_bytes: bytes("limits.entries", self.entries, quotas.entries_bytes)?,
                call_entries: self.call_entries.unwrap_or(quotas.call_entries),
                result_bytes: bytes("limits.result", self.result, quotas.result_bytes)?,
                record_bytes: bytes("limits.record", self.record, quotas.record_bytes)?,
                calls_per_second: self.calls_per_second.unwrap_or(quotas.calls_per_second),
            },
            http: self.http.read(default.http)?,
        };
        Ok((limits, load_limits))
    }
}

/// An amount of bytes, if the manifest sets one.
pub(super) fn bytes(key: &'static str, amount: Option<Amount>, default: usize) -> Result<usize, ManifestError> {
    match amount {
        None => Ok(default),
        Some(Amount::Number(bytes)) => Ok(bytes),
        Some(Amount::Text(text)) => parse_bytes(&text).map_err(|why| ManifestError::Value { key, why }),
    }
}

/// A length of time, if the manifest sets one.
pub(super) fn duration(key: &'static str, text: Option<String>, default: Duration) -> Result<Duration, ManifestError> {
    text.map_or(Ok(default), |text| parse_duration(&text)).map_err(|why| ManifestError::Value { key, why })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_manifest_leaves_out_takes_its_default() {
        let manifest = Manifest::from_toml("").unwrap();
        assert_eq!((manifest.limits, manifest.load_limits), (Limits::default(), LoadLimits::default()));
        assert_eq!(manifest.sha256, None);
        assert!(manifest.grants.permit_service("analytics").is_err());
        let manifest = Manifest::from_toml("[grants]\nservices = [\"analytics\"]").unwrap();
        assert_eq!(manifest.grants, Grants::for_services(["analytics"]));
    }

    #[test]
    fn every_key_is_read() {
        let sum = Sha256::of(b"");
        let manifest = Manifest::from_toml(&format!(
            "sha256='{sum}'\n[grants]\nservices=['a','b']\nusers=['u']\noperations=['delete']\n\
             [limits]\nmemory=1024\nwall-clock='10m'\ngrace='250ms'\noutput='1KiB'\n\
             cpu-time='1s'\nfailure=1\ncall=2\nentry=3\nentries=4\nresult=5\nrecord=6\ncalls-per-second=7\n\
             call-entries=8\n\
             component=2048\ncompile-memory='1KiB'\ncompile-time='3s'"
        ))
        .unwrap();
        assert_eq!(manifest.sha256, Some(sum));
        let load = manifest.load_limits;
        assert_eq!((load.component_bytes, load.compile_memory_bytes), (2_048, 1_024));
        assert_eq!(load.compile_time, Duration::from_secs(3));
        assert_eq!(manifest.grants.services, Allowed::only(["a", "b"]));
        assert_eq!(manifest.grants.users, Allowed::only(["u"]));
        assert_eq!(manifest.grants.operations, BTreeSet::from([Operation::Delete]));
        assert_eq!((manifest.limits.memory_bytes, manifest.limits.output_bytes), (1_024, 1_024));
        assert_eq!(manifest.limits.wall_clock, Duration::from_secs(600));
        assert_eq!(manifest.limits.grace, Duration::from_millis(250));
        assert_eq!(manifest.limits.cpu_time, Duration::from_secs(1));
        assert_eq!((manifest.limits.failure_bytes, manifest.limits.call_bytes), (1, 2));
        let quotas = Quotas {
            entry_bytes: 3,
            entries_bytes: 4,
            call_entries: 8,
            result_bytes: 5,
            record_bytes: 6,
            calls_per_second: 7,
        };
        assert_eq!(manifest.limits.quotas, quotas);
    }

    #[test]
    fn every_limit_that_a_manifest_has_can_be_told_and_set() {
        let defaults = Manifest::from_toml("").unwrap();
        for (key, value) in defaults.limit_values() {
            let mut manifest = defaults.clone();
            manifest.set_limit(key, &value).unwrap();
            assert_eq!(manifest, defaults, "{key}");
            let other = ["7", "7s"].into_iter().find(|value| manifest.set_limit(key, value).is_ok());
            assert!(other.is_some(), "{key}");
            let differ = std::iter::zip(manifest.limit_values(), defaults.limit_values()).filter(|(a, b)| a != b);
            assert_eq!(differ.map(|(new, _)| new.0).collect::<Vec<_>>(), [key]);
        }
        // serde tells of a key that does not exist which there are.
        let known = defaults.clone().set_limit("none", "1").unwrap_err().to_string();
        let known: BTreeSet<&str> = known.split('`').skip(3).step_by(2).collect();
        let told = defaults.limit_values();
        let told: BTreeSet<&str> = told.iter().filter_map(|(key, _)| key.split('.').next()).collect();
        assert_eq!(known, told);
    }

    #[test]
    fn a_limit_that_cannot_be_set_is_named() {
        let mut manifest = Manifest::from_toml("").unwrap();
        for (key, value, named) in [
            ("memry", "1", "`memry`"),
            ("http.totals", "1s", "`totals`"),
            ("memory", "lots", "limits.memory: invalid amount of bytes \"lots\""),
            ("grace", "10", "`10`"),
            ("calls-per-second", "-1", "`-1`"),
        ] {
            let error = manifest.set_limit(key, value).unwrap_err().to_string();
            assert!(error.contains(named), "{key}: {error}");
        }
        assert_eq!(manifest.limits, Limits::default());
    }

    #[test]
    fn what_cannot_be_used_is_an_error_that_names_it() {
        for (text, named) in [
            ("[grant]\nservices = []", "grant"),
            ("[grants]\nservice = []", "service"),
            ("[limits]\nmemory_bytes = 1", "memory_bytes"),
            ("[grants]\noperations = ['append']", "grants.operations: invalid operation \"append\""),
            ("[limits]\nmemory = 'lots'", "limits.memory: invalid amount of bytes \"lots\""),
            ("sha256 = 'abc'", "sha256: invalid SHA-256 sum \"abc\": it is 64 hexadecimal digits"),
            ("[limits]\nwall-clock = '10'", "limits.wall-clock: invalid length of time \"10\""),
            ("[limits]\nmemory = -1", "a number of bytes"),
            ("[limits", "expected"),
        ] {
            let error = Manifest::from_toml(text).unwrap_err().to_string();
            assert!(error.contains(named), "{text}: {error}");
        }
    }
}

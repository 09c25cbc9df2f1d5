//! Grants, capabilities and limits from a TOML file beside the component.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;

use super::capabilities::{CapabilitiesTable, HttpLimitsTable};
use super::{Capabilities, Grants, Limits, Operation, Quotas, parse_bytes, parse_duration};
use crate::record::InvalidValue;
use crate::store::Allowed;

/// What a platform lets a plugin do and use.
///
/// ```
/// use task_state_host::{Manifest, Operation};
///
/// let manifest = Manifest::from_toml(
///     r#"
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
///     result = "64KiB"                   # one field of a result
///     record = "256KiB"                  # a task that is saved
///     calls-per-second = 1000
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
}

/// A manifest that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// It is not TOML, or has an unknown key, or a value of another type.
    #[error(transparent)]
    Toml(#[from] toml::de::Error),
    /// A value that cannot be used.
    #[error("{key}: {why}")]
    Value {
        /// Its key.
        key: &'static str,
        /// What is wrong with it.
        why: InvalidValue,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
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
    result: Option<Amount>,
    record: Option<Amount>,
    calls_per_second: Option<u32>,
    #[serde(default)]
    http: HttpLimitsTable,
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
        let File { grants, capabilities, limits } = toml::from_str(text)?;
        Ok(Self { grants: grants.read()?, capabilities: capabilities.read()?, limits: limits.read()? })
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
    fn read(self) -> Result<Limits, ManifestError> {
        let default = Limits::default();
        let quotas = default.quotas;
        Ok(Limits {
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
                result_bytes: bytes("limits.result", self.result, quotas.result_bytes)?,
                record_bytes: bytes("limits.record", self.record, quotas.record_bytes)?,
                calls_per_second: self.calls_per_second.unwrap_or(quotas.calls_per_second),
            },
            http: self.http.read()?,
        })
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
        assert_eq!(manifest.limits, Limits::default());
        assert!(manifest.grants.permit_service("analytics").is_err());
        let manifest = Manifest::from_toml("[grants]\nservices = [\"analytics\"]").unwrap();
        assert_eq!(manifest.grants, Grants::for_services(["analytics"]));
    }

    #[test]
    fn every_key_is_read() {
        let manifest = Manifest::from_toml(
            "[grants]\nservices=['a','b']\nusers=['u']\noperations=['delete']\n\
             [limits]\nmemory=1024\nwall-clock='10m'\ngrace='250ms'\noutput='1KiB'\n\
             cpu-time='1s'\nfailure=1\ncall=2\nentry=3\nentries=4\nresult=5\nrecord=6\ncalls-per-second=7",
        )
        .unwrap();
        assert_eq!(manifest.grants.services, Allowed::only(["a", "b"]));
        assert_eq!(manifest.grants.users, Allowed::only(["u"]));
        assert_eq!(manifest.grants.operations, BTreeSet::from([Operation::Delete]));
        assert_eq!((manifest.limits.memory_bytes, manifest.limits.output_bytes), (1_024, 1_024));
        assert_eq!(manifest.limits.wall_clock, Duration::from_secs(600));
        assert_eq!(manifest.limits.grace, Duration::from_millis(250));
        assert_eq!(manifest.limits.cpu_time, Duration::from_secs(1));
        assert_eq!((manifest.limits.failure_bytes, manifest.limits.call_bytes), (1, 2));
        let quotas = Quotas { entry_bytes: 3, entries_bytes: 4, result_bytes: 5, record_bytes: 6, calls_per_second: 7 };
        assert_eq!(manifest.limits.quotas, quotas);
    }

    #[test]
    fn what_cannot_be_used_is_an_error_that_names_it() {
        for (text, named) in [
            ("[grant]\nservices = []", "grant"),
            ("[grants]\nservice = []", "service"),
            ("[limits]\nmemory_bytes = 1", "memory_bytes"),
            ("[grants]\noperations = ['append']", "grants.operations: invalid operation \"append\""),
            ("[limits]\nmemory = 'lots'", "limits.memory: invalid amount of bytes \"lots\""),
            ("[limits]\nwall-clock = '10'", "limits.wall-clock: invalid length of time \"10\""),
            ("[limits]\nmemory = -1", "a number of bytes"),
            ("[limits", "expected"),
        ] {
            let error = Manifest::from_toml(text).unwrap_err().to_string();
            assert!(error.contains(named), "{text}: {error}");
        }
    }
}

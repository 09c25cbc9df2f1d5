//! The tables of a manifest that are about capabilities.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Capabilities, Directory, HttpGrant, HttpLimits, Secret, Variable};
use crate::plugin::ManifestError;
use crate::plugin::manifest::{Amount, bytes, duration};
use crate::record::InvalidValue;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(in crate::plugin) struct CapabilitiesTable {
    #[serde(default)]
    directories: Vec<DirectoryTable>,
    #[serde(default)]
    http: Vec<HttpEntry>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    #[serde(default)]
    secrets: Vec<SecretEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DirectoryTable {
    host: String,
    guest: String,
    #[serde(default)]
    write: bool,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a host such as \"api.example.com:443\", or { host = \"..\", private = true }")]
enum HttpEntry {
    Host(String),
    Table(HttpTable),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HttpTable {
    host: String,
    #[serde(default)]
    private: bool,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a name such as \"API_TOKEN\", or { name = \"..\" } with either env or file")]
enum SecretEntry {
    Name(String),
    Table(SecretTable),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretTable {
    name: String,
    env: Option<String>,
    file: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::plugin) struct HttpLimitsTable {
    connect: Option<String>,
    first_byte: Option<String>,
    total: Option<String>,
    sent: Option<Amount>,
    received: Option<Amount>,
    connections: Option<usize>,
}

impl CapabilitiesTable {
    pub(in crate::plugin) fn read(self) -> Result<Capabilities, ManifestError> {
        let mut all = Capabilities::none();
        for DirectoryTable { host, guest, write } in self.directories {
            let key = "capabilities.directories";
            once(key, &guest, all.directories.iter().any(|other| other.guest() == guest))?;
            let directory = Directory::new(host, guest).map_err(|why| ManifestError::Value { key, why })?;
            all = all.directory(if write { directory.writable() } else { directory });
        }
        for entry in self.http {
            let key = "capabilities.http";
            let (host, grant) = entry.read().map_err(|why| ManifestError::Value { key, why })?;
            once(key, &host, all.http.iter().any(|other| other.is_for_same(&grant)))?;
            all = all.http(grant);
        }
        for (name, value) in self.environment {
            let key = "capabilities.environment";
            all = all.variable(Variable::new(name, value).map_err(|why| ManifestError::Value { key, why })?);
        }
        for entry in self.secrets {
            let key = "capabilities.secrets";
            let secret = entry.read().map_err(|why| ManifestError::Value { key, why })?;
            once(key, &secret.name, all.environment.contains_key(&secret.name))?;
            all = all.secret(secret);
        }
        Ok(all)
    }
}

/// Refuses what is there twice.
fn once(key: &'static str, name: &str, again: bool) -> Result<(), ManifestError> {
    let why = || InvalidValue::new("grant", name, "it is there twice");
    if again { Err(ManifestError::Value { key, why: why() }) } else { Ok(()) }
}

impl HttpEntry {
    fn read(self) -> Result<(String, HttpGrant), InvalidValue> {
        let (host, private) = match self {
            Self::Host(host) => (host, false),
            Self::Table(HttpTable { host, private }) => (host, private),
        };
        let grant = HttpGrant::new(&host)?;
        Ok((host, if private { grant.private() } else { grant }))
    }
}

impl SecretEntry {
    fn read(self) -> Result<Secret, InvalidValue> {
        let SecretTable { name, env, file } = match self {
            Self::Name(name) => return Secret::new(name),
            Self::Table(table) => table,
        };
        match (Secret::new(&name)?, env, file) {
            (secret, None, None) => Ok(secret),
            (secret, Some(variable), None) => secret.from_variable(variable),
            (secret, None, Some(path)) if !path.is_empty() => Ok(secret.from_file(path)),
            _ => Err(InvalidValue::new("secret", &name, "it has either env or file, and a file has a path")),
        }
    }
}

impl HttpLimitsTable {
    /// The limits that are set, and those of the default for the rest.
    pub(in crate::plugin) fn read(self, default: HttpLimits) -> Result<HttpLimits, ManifestError> {
        Ok(HttpLimits {
            connect: duration("limits.http.connect", self.connect, default.connect)?,
            first_byte: duration("limits.http.first-byte", self.first_byte, default.first_byte)?,
            total: duration("limits.http.total", self.total, default.total)?,
            sent_bytes: bytes("limits.http.sent", self.sent, default.sent_bytes)?,
            received_bytes: bytes("limits.http.received", self.received, default.received_bytes)?,
            connections: self.connections.unwrap_or(default.connections),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::plugin::Manifest;

    use super::*;

    #[test]
    fn every_kind_of_grant_is_read() {
        let manifest = Manifest::from_toml(
            r#"
            [capabilities]
            directories = [{ host = "in", guest = "/in" }, { host = "/out", guest = "/out", write = true }]
            http = ["api.example.com", "*.example.org:8443", { host = "127.0.0.1:8080", private = true }]
            environment = { MODE = "fast" }
            secrets = ["TOKEN", { name = "KEY", env = "OTHER" }, { name = "PASSWORD", file = "password" }]

            [limits.http]
            connect = "1s"
            first-byte = "2s"
            total = "3s"
            sent = 4
            received = "5KiB"
            connections = 6
            "#,
        )
        .unwrap();
        let expected = Capabilities::none()
            .directory("in::/in".parse().unwrap())
            .directory("/out::/out:rw".parse().unwrap())
            .http("api.example.com".parse().unwrap())
            .http("*.example.org:8443".parse().unwrap())
            .http("127.0.0.1:8080,private".parse().unwrap())
            .variable("MODE=fast".parse().unwrap())
            .secret("TOKEN".parse().unwrap())
            .secret("KEY=env:OTHER".parse().unwrap())
            .secret("PASSWORD=file:password".parse().unwrap());
        assert_eq!(manifest.capabilities, expected);
        let limits = manifest.limits.http;
        let times = [limits.connect, limits.first_byte, limits.total].map(|time| time.as_secs());
        assert_eq!((times, limits.sent_bytes, limits.received_bytes), ([1, 2, 3], 4, 5 << 10));
        assert_eq!(limits.connections, 6);
    }

    #[test]
    fn nothing_is_granted_unless_it_is_named() {
        for text in ["", "[capabilities]", "[capabilities]\nhttp = []"] {
            let manifest = Manifest::from_toml(text).unwrap();
            assert!(manifest.capabilities.is_empty());
            assert_eq!(manifest.limits.http, HttpLimits::default());
        }
    }

    #[test]
    fn what_cannot_be_used_is_an_error_that_names_it() {
        for (table, named) in [
            ("directory = []", "directory"),
            ("directories = [{ host = 'a', guest = '/a', writable = true }]", "writable"),
            ("directories = [{ host = 'a', guest = 'a' }]", "capabilities.directories: invalid guest path \"a\""),
            ("directories = [{host='a',guest='/a'},{host='b',guest='/a'}]", "invalid grant \"/a\": it is there twice"),
            ("http = ['https://a.example']", "capabilities.http: invalid host \"https://a.example\""),
            ("http = [{ host = 'a.example', privat = true }]", "private = true"),
            ("http = ['a.example', {host = 'A.example', private = true}]", "twice"),
            ("environment = { A = 1 }", "string"),
            ("environment = { 'A=' = '1' }", "capabilities.environment: invalid environment variable \"A=\""),
            ("secrets = [{ name = 'A', value = 'x' }]", "env or file"),
            ("secrets = [{ name = 'A', env = 'B', file = 'c' }]", "capabilities.secrets: invalid secret \"A\""),
            ("environment = { A = '1' }\nsecrets = ['A']", "invalid grant \"A\": it is there twice"),
        ] {
            let error = Manifest::from_toml(&format!("[capabilities]\n{table}")).unwrap_err().to_string();
            assert!(error.contains(named), "{table}: {error}");
        }
        for (limit, named) in [("totals = '1s'", "totals"), ("total = 'soon'", "limits.http.total: invalid length")] {
            let error = Manifest::from_toml(&format!("[limits.http]\n{limit}")).unwrap_err().to_string();
            assert!(error.contains(named), "{limit}: {error}");
        }
    }
}

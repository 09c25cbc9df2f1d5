//! What a plugin may reach besides its tasks: nothing, unless it is granted here by name.
//!
//! A grant is data, which a [`Manifest`](super::Manifest), an embedder or the command gives. Each kind has its file.

mod directories;
mod environment;
mod http;
mod manifest;
mod opened;
mod secrets;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

pub use directories::Directory;
pub use environment::Variable;
pub use http::{HttpGrant, HttpLimits};
pub use secrets::{Secret, SecretSource};

pub(super) use http::Http;
pub(super) use manifest::{CapabilitiesTable, HttpLimitsTable};
pub(super) use opened::Opened;

/// What a plugin may reach besides its tasks: nothing, unless it is added here. With nothing granted a plugin has no
/// files, no network, no environment and no arguments.
///
/// ```
/// use task_state_host::plugin::{Capabilities, Directory, Secret, Variable};
///
/// let capabilities = Capabilities::none()
///     .directory(Directory::new("/srv/reports", "/reports")?)
///     .http("api.example.com".parse()?)
///     .variable(Variable::new("MODE", "fast")?)
///     .secret(Secret::new("API_TOKEN")?);
/// assert_eq!(
///     capabilities.to_string(),
///     "directory /reports (\"/srv/reports\", read-only)\nhttp api.example.com\nenvironment MODE\nsecret API_TOKEN\n",
/// );
/// # Ok::<(), task_state_host::record::InvalidValue>(())
/// ```
///
/// It displays as one line for each grant, with the names of variables and secrets alone. What is added later takes the
/// place of what has the same guest path, host or name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    directories: Vec<Directory>,
    http: Vec<HttpGrant>,
    environment: BTreeMap<String, Value>,
}

/// Where the value of an environment variable comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Plain(String),
    Secret(SecretSource),
}

impl Capabilities {
    /// Nothing.
    pub fn none() -> Self {
        Self::default()
    }

    /// The same with one more directory.
    pub fn directory(mut self, directory: Directory) -> Self {
        self.directories.retain(|other| other.guest() != directory.guest());
        self.directories.push(directory);
        self
    }

    /// The same with HTTP requests to one more host.
    pub fn http(mut self, grant: HttpGrant) -> Self {
        self.http.retain(|other| !other.is_for_same(&grant));
        self.http.push(grant);
        self
    }

    /// The same with one more environment variable.
    pub fn variable(mut self, variable: Variable) -> Self {
        self.environment.insert(variable.name, Value::Plain(variable.value));
        self
    }

    /// The same with one more secret, an environment variable of the guest.
    pub fn secret(mut self, secret: Secret) -> Self {
        self.environment.insert(secret.name, Value::Secret(secret.source));
        self
    }

    /// All that is granted here and there; of two grants of one name that of `more`.
    pub fn and(mut self, more: Self) -> Self {
        self.environment.extend(more.environment);
        let with_directories = more.directories.into_iter().fold(self, Self::directory);
        more.http.into_iter().fold(with_directories, Self::http)
    }

    /// The same with the relative paths of the host read from a directory, such as the one that a manifest is in.
    pub fn relative_to(mut self, base: &Path) -> Self {
        self.directories.iter_mut().for_each(|directory| directory.rebase(base));
        for value in self.environment.values_mut() {
            if let Value::Secret(SecretSource::File(path)) = value {
                *path = base.join(&*path);
            }
        }
        self
    }

    /// The directories that are lent.
    pub fn directories(&self) -> &[Directory] {
        &self.directories
    }

    /// The hosts that HTTP requests may go to.
    pub fn http_grants(&self) -> &[HttpGrant] {
        &self.http
    }

    /// The names of the environment variables that are not secret, in their order.
    pub fn variable_names(&self) -> impl Iterator<Item = &str> {
        self.names(|value| matches!(value, Value::Plain(_)))
    }

    /// The names of the secrets, in their order.
    pub fn secret_names(&self) -> impl Iterator<Item = &str> {
        self.names(|value| matches!(value, Value::Secret(_)))
    }

    fn names(&self, of: impl Fn(&Value) -> bool) -> impl Iterator<Item = &str> {
        self.environment.iter().filter(move |(_, value)| of(value)).map(|(name, _)| name.as_str())
    }

    /// Whether nothing is granted.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.directories.iter().try_for_each(|directory| writeln!(f, "directory {directory}"))?;
        self.http.iter().try_for_each(|grant| writeln!(f, "http {grant}"))?;
        self.variable_names().try_for_each(|name| writeln!(f, "environment {name}"))?;
        self.secret_names().try_for_each(|name| writeln!(f, "secret {name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(host: &str, guest: &str, value: &str) -> Capabilities {
        Capabilities::none()
            .directory(Directory::new(host, guest).unwrap())
            .http("a.example:80".parse().unwrap())
            .variable(Variable::new("MODE", value).unwrap())
    }

    #[test]
    fn nothing_is_granted_unless_it_is_added() {
        let nothing = Capabilities::none();
        assert!(nothing.is_empty() && nothing.to_string().is_empty());
        assert!(!some("a", "/a", "x").is_empty());
    }

    #[test]
    fn what_comes_later_takes_the_place_of_its_namesake() {
        let private = "a.example:80,private".parse().unwrap();
        let more = some("b", "/a", "y").http(private).secret(Secret::new("MODE").unwrap());
        let all = some("a", "/a", "x").and(more.clone());
        assert_eq!(all, more);
        assert_eq!(all.to_string(), "directory /a (\"b\", read-only)\nhttp a.example:80, private\nsecret MODE\n");
    }

    #[test]
    fn relative_paths_are_read_from_a_directory() {
        let secret = |path: &str| Secret::new("T").unwrap().from_file(path);
        let there = some("a", "/a", "x").secret(secret("t")).relative_to(Path::new("/m"));
        assert_eq!(there, some("/m/a", "/a", "x").secret(secret("/m/t")));
        assert_eq!(there.clone().relative_to(Path::new("/n")), there);
    }

    #[test]
    fn no_value_is_displayed() {
        assert!(!some("a", "/a", "hidden").to_string().contains("hidden"));
    }
}

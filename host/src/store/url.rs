//! Store URLs: which engine, and where.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use ::redis::IntoConnectionInfo;

use super::redis::{RedisOptions, RedisStore};
use super::sqlite::{SqliteOptions, SqliteStore};
use super::{Result, SharedStore};
use crate::record::{InvalidValue, SystemClock};
use crate::settings::Settings;

/// Where a store is. It shows no password, neither as text nor in `Debug`.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreUrl {
    /// `redis://[user:password@]host[:port][/database]`, or `rediss://` for TLS.
    Redis(RedisUrl),
    /// `sqlite:PATH`: a file, made if it is missing.
    Sqlite(PathBuf),
    /// `memory:`: a store that ends with the process.
    Memory,
}

/// The URL of a Redis server, checked, with its password.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl(String);

impl StoreUrl {
    /// Reads a store URL.
    ///
    /// # Errors
    /// [`InvalidValue`] for an unknown scheme or a URL that its engine cannot use; a password in it is left out.
    pub fn parse(text: &str) -> std::result::Result<Self, InvalidValue> {
        match text.split_once(':') {
            Some(("redis" | "rediss", _)) => Self::parse_redis(text),
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(path.into())),
            Some(("sqlite", _)) => Err(invalid(text, "the path is missing: sqlite:PATH")),
            Some(("memory", "")) => Ok(Self::Memory),
            _ => Err(invalid(text, "it is one of redis://HOST, rediss://HOST, sqlite:PATH and memory:")),
        }
    }

    /// Reads a `redis://` or `rediss://` URL.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), and for every other scheme.
    pub fn parse_redis(text: &str) -> std::result::Result<Self, InvalidValue> {
        if !(text.starts_with("redis://") || text.starts_with("rediss://")) {
            return Err(invalid(text, "it begins with neither redis:// nor rediss://"));
        }
        match text.into_connection_info() {
            Ok(_) => Ok(Self::Redis(RedisUrl(text.to_owned()))),
            Err(error) => Err(invalid(text, &error.to_string())),
        }
    }
}

fn invalid(text: &str, why: &str) -> InvalidValue {
    InvalidValue::new("store URL", &without_password(text), why)
}

impl RedisUrl {
    /// The URL with its password, for the connection.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

/// The URL with `***` in the place of a password. Everything before the last `@` of the authority counts as one.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    // A password may hold an unescaped slash: then the last @ of all ends it.
    let Some(at) = rest[..authority].rfind('@').or_else(|| rest.rfind('@')) else { return url.to_owned() };
    let user = rest[..at].split(':').next().unwrap_or_default();
    let secret = if rest[..at].contains(':') { ":***" } else { "" };
    format!("{scheme}://{user}{secret}{}", &rest[at..])
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_password(&self.0))
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisUrl({self})")
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Redis(url) => url.fmt(f),
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Memory => f.write_str("memory:"),
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({self})")
    }
}

/// Opens a store with the system's clock.
///
/// # Errors
/// [`Error::Unavailable`](super::Error::Unavailable) if it cannot be reached,
/// [`Error::Failed`](super::Error::Failed) if it does not let us in or is nothing that we can use.
pub async fn open(url: &StoreUrl, settings: &Settings) -> Result<SharedStore> {
    let clock = Arc::new(SystemClock::new(settings.time_zone.clone()));
    let sqlite_options = SqliteOptions { task_ttl: settings.task_ttl, ..SqliteOptions::default() };
    Ok(match url {
        StoreUrl::Redis(url) => {
            let mut options = RedisOptions::new(url.clone());
            if let Some(StoreUrl::Redis(read)) = &settings.read_url {
                options.read_url = Some(read.clone());
            }
            options.task_ttl = settings.task_ttl;
            Arc::new(RedisStore::connect(options, clock).await?)
        }
        StoreUrl::Sqlite(path) => Arc::new(SqliteStore::open(path, sqlite_options, clock).await?),
        StoreUrl::Memory => Arc::new(SqliteStore::in_memory(sqlite_options, clock)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_is_read() {
        for text in ["redis://h", "redis://u:p@h:1/2", "rediss://h:6380/0", "sqlite:a/b.db", "sqlite:/x", "memory:"] {
            assert!(StoreUrl::parse(text).is_ok(), "{text}");
        }
        for text in ["", "postgres://h", "h:6379", "sqlite:", "memory:x", "redis://h:port", "redis://h/db"] {
            let error = StoreUrl::parse(text).unwrap_err().to_string();
            assert!(error.contains(&format!("{text:?}")), "{error}");
        }
    }

    #[test]
    fn no_password_is_shown() {
        for (url, shown) in [
            ("redis://u:s3cret@h:1/2", "redis://u:***@h:1/2"),
            ("redis://:s3cret@h", "redis://:***@h"),
            ("redis://u:s3/cr@et@h/0", "redis://u:***@h/0"),
            ("redis://h/0", "redis://h/0"),
        ] {
            assert_eq!(without_password(url), shown);
        }
        let url = StoreUrl::parse("redis://u:s3cret@h:1/2").unwrap();
        assert!(!format!("{url} {url:?}").contains("s3cret"));
        assert!(!StoreUrl::parse("redis://u:s3cret@h:port").unwrap_err().to_string().contains("s3cret"));
    }
}

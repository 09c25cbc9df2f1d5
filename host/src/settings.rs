//! What the environment says of the store: the same variables, with the same defaults, as the Python package.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::record::{InvalidValue, TimeZone};
use crate::store::StoreUrl;

/// How long a record lives after its last change unless something else is set: 90 days.
pub const DEFAULT_TTL: Duration = Duration::from_secs(7_776_000);

/// The times to live that every engine takes. The longest, 100 years, is one that Redis can add to the present without
/// overflow, with room to spare.
const TTL_RANGE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3_153_600_000);

/// Settings of the store, from the environment or by hand.
///
/// | variable | meaning | default |
/// |---|---|---|
/// | `DMS_REDIS_WRITE_URL` | the primary | none |
/// | `DMS_REDIS_READ_URL` | where listings are read | the write URL |
/// | `DMS_REDIS_TASK_TTL_SECONDS` | seconds a record lives after its last change, 1 to 3,153,600,000 | 7776000 |
/// | `DMS_TIMEZONE` | IANA name of the zone in which times are written | `Asia/Seoul` |
///
/// An empty variable is an absent one.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// The store that `DMS_REDIS_WRITE_URL` names.
    pub write_url: Option<StoreUrl>,
    /// Where listings are read, if not from the primary.
    pub read_url: Option<StoreUrl>,
    /// How long a record lives after its last change. Whole seconds, from one to 3,153,600,000.
    pub task_ttl: Duration,
    /// The zone in which times are written, and in which a time without an offset is taken to be.
    pub time_zone: TimeZone,
}

/// A variable of the environment has a value that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {error}")]
pub struct BadVariable {
    /// The variable.
    pub name: &'static str,
    /// What is wrong with its value.
    pub error: InvalidValue,
}

impl Settings {
    /// What the process's environment says.
    ///
    /// # Errors
    /// [`BadVariable`], naming the variable and, but for that of a URL, its value.
    pub fn from_env() -> Result<Self, BadVariable> {
        Self::from_vars(|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }

    /// What a look-up of variables says.
    ///
    /// # Errors
    /// As [`from_env`](Self::from_env).
    pub fn from_vars(get: impl Fn(&str) -> Option<String>) -> Result<Self, BadVariable> {
        let read = |name: &'static str| get(name).filter(|value| !value.is_empty());
        let bad = |name| move |error| BadVariable { name, error };
        let url = |name| read(name).map(|text| StoreUrl::parse_redis(&text)).transpose().map_err(bad(name));
        let ttl = "DMS_REDIS_TASK_TTL_SECONDS";
        let task_ttl = read(ttl).map_or(Ok(DEFAULT_TTL), |text| parse_ttl(&text)).map_err(bad(ttl))?;
        let zone = read("DMS_TIMEZONE").unwrap_or_else(|| "Asia/Seoul".to_owned());
        Ok(Self {
            write_url: url("DMS_REDIS_WRITE_URL")?,
            read_url: url("DMS_REDIS_READ_URL")?,
            task_ttl,
            time_zone: TimeZone::named(&zone).map_err(bad("DMS_TIMEZONE"))?,
        })
    }
}

fn parse_ttl(text: &str) -> Result<Duration, InvalidValue> {
    let ttl = text.trim().parse().map(Duration::from_secs);
    ttl.ok().filter(|ttl| TTL_RANGE.contains(ttl)).ok_or_else(|| bad_ttl(text))
}

/// Whether an engine takes a time to live.
pub(crate) fn check_ttl(ttl: Duration) -> Result<(), InvalidValue> {
    if TTL_RANGE.contains(&ttl) { Ok(()) } else { Err(bad_ttl(&ttl.as_secs_f64().to_string())) }
}

fn bad_ttl(text: &str) -> InvalidValue {
    let why = format!("it is not a number of seconds from 1 to {}", TTL_RANGE.end().as_secs());
    InvalidValue::new("time to live", text, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(vars: &[(&str, &str)]) -> Result<Settings, BadVariable> {
        let find = |name: &str| vars.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Settings::from_vars(find)
    }

    #[test]
    fn the_defaults_are_those_of_the_python_package() {
        let defaults = settings(&[("DMS_REDIS_WRITE_URL", ""), ("DMS_TIMEZONE", "")]).unwrap();
        assert!(defaults.write_url.is_none() && defaults.read_url.is_none());
        assert_eq!(defaults.task_ttl.as_secs(), 7_776_000);
        assert!(format!("{defaults:?}").contains("Asia/Seoul"));
    }

    #[test]
    fn a_bad_value_is_named_with_its_variable_and_a_url_is_not_shown() {
        for (name, value) in [
            ("DMS_REDIS_TASK_TTL_SECONDS", "0"),
            ("DMS_REDIS_TASK_TTL_SECONDS", "-1"),
            ("DMS_REDIS_TASK_TTL_SECONDS", "1.5"),
            ("DMS_REDIS_TASK_TTL_SECONDS", "99999999999999"),
            ("DMS_TIMEZONE", "Mars/Olympus"),
        ] {
            let error = settings(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(value), "{error}");
        }
        for name in ["DMS_REDIS_WRITE_URL", "DMS_REDIS_READ_URL"] {
            for value in ["http://u:PW@h", "sqlite:PW", "redis//u:PW@h", "u:PW@h:6379", "redis://u:pa@PW/x@h"] {
                let error = settings(&[(name, value)]).unwrap_err().to_string();
                assert!(error.contains(name) && !error.contains("PW"), "{error}");
            }
        }
    }
}

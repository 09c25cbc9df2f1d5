//! Secrets: environment variables whose values the host reads at the start of each run and keeps out of all that the
//! plugin says.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::environment::checked_name;
use crate::record::InvalidValue;

/// The least and the most bytes of a value. A shorter one stands in any text by chance, so that its place tells it.
const MIN_BYTES: usize = 4;
const MAX_BYTES: usize = 64 << 10;

/// A secret: the guest has its value in an environment variable. The host reads the value at the start of each run,
/// and in all that the guest says of its tasks or prints, the name in angle brackets takes its place. A value is text of
/// 4 bytes to 64 KiB; one line break at its end is not part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    pub(super) name: String,
    pub(super) source: SecretSource,
}

/// Where the host reads the value of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretSource {
    /// In this variable of its own environment.
    Environment(String),
    /// In this file.
    File(PathBuf),
}

impl Secret {
    /// A secret that the host has in a variable of the same name, unless it is said where else.
    ///
    /// # Errors
    /// [`InvalidValue`] if the name cannot be that of a variable.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidValue> {
        let name = checked_name(name.into())?;
        Ok(Self { source: SecretSource::Environment(name.clone()), name })
    }

    /// The same, read from another variable of the host's environment.
    ///
    /// # Errors
    /// [`InvalidValue`] if the name cannot be that of a variable.
    pub fn from_variable(self, name: impl Into<String>) -> Result<Self, InvalidValue> {
        Ok(Self { source: SecretSource::Environment(checked_name(name.into())?), ..self })
    }

    /// The same, read from a file.
    pub fn from_file(self, path: impl Into<PathBuf>) -> Self {
        Self { source: SecretSource::File(path.into()), ..self }
    }
}

/// Reads `NAME`, `NAME=env:VARIABLE` or `NAME=file:PATH`.
impl FromStr for Secret {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let Some((name, source)) = text.split_once('=') else { return Self::new(text) };
        let secret = Self::new(name)?;
        match source.split_once(':') {
            Some(("env", variable)) => secret.from_variable(variable),
            Some(("file", path)) if !path.is_empty() => Ok(secret.from_file(path)),
            // What follows the name may be a value by mistake, and is not shown.
            _ => {
                let why = "a secret is given as NAME, NAME=env:VARIABLE or NAME=file:PATH, and never by its value";
                Err(InvalidValue::new("secret", name, why))
            }
        }
    }
}

impl SecretSource {
    /// Reads the value; the error says what is wrong without it.
    pub(super) fn read(&self) -> Result<String, String> {
        let mut value = match self {
            Self::Environment(name) => read_variable(name)?,
            Self::File(path) => read_file(path).map_err(|why| format!("the file {path:?}: {why}"))?,
        };
        let end = value.strip_suffix('\n').map_or(value.len(), |line| line.strip_suffix('\r').unwrap_or(line).len());
        value.truncate(end);
        match value.len() {
            0 => Err("its value is empty".to_owned()),
            bytes if bytes < MIN_BYTES => Err(format!("its value has fewer than {MIN_BYTES} bytes")),
            bytes if bytes > MAX_BYTES => Err(format!("its value has more than {MAX_BYTES} bytes")),
            _ if value.contains('\0') => Err("its value holds a NUL".to_owned()),
            _ => Ok(value),
        }
    }
}

fn read_variable(name: &str) -> Result<String, String> {
    match std::env::var(name) {
        Ok(value) => Ok(value),
        Err(std::env::VarError::NotPresent) => Err(format!("the host's environment variable {name} is not set")),
        Err(std::env::VarError::NotUnicode(_)) => Err(format!("the host's environment variable {name} is not UTF-8")),
    }
}

fn read_file(path: &Path) -> Result<String, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    // One more than may be, and room for a line break.
    file.take(MAX_BYTES as u64 + 3).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_names_where_its_value_is() {
        let secret = || Secret::new("T").unwrap();
        assert_eq!("T".parse(), Ok(secret()));
        assert_eq!("T=env:OTHER".parse(), secret().from_variable("OTHER"));
        assert_eq!("T=file:/run/t".parse(), Ok(secret().from_file("/run/t")));
        for text in ["", "=env:A", "T=hunter2", "T=env:", "T=file:"] {
            let error = text.parse::<Secret>().unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_file_is_read_without_its_last_line_break() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let most = "x".repeat(MAX_BYTES);
        for (content, value) in [
            ("hunter2", Ok("hunter2")),
            ("hunter2\n", Ok("hunter2")),
            ("hunter2\r\n", Ok("hunter2")),
            ("one\ntwo\n\n", Ok("one\ntwo\n")),
            (&format!("{most}\r\n"), Ok(&most)),
            ("", Err("its value is empty")),
            ("\n", Err("its value is empty")),
            ("abc", Err("its value has fewer than 4 bytes")),
            (&format!("{most}y"), Err("its value has more than 65536 bytes")),
            ("a\0bcd", Err("its value holds a NUL")),
        ] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(SecretSource::File(path.clone()).read(), value.map(str::to_owned).map_err(str::to_owned));
        }
        std::fs::write(&path, b"\xff\xff\xff\xff").unwrap();
        assert!(SecretSource::File(path).read().unwrap_err().ends_with("it is not UTF-8"));
        assert!(SecretSource::File("/dev/zero".into()).read().unwrap_err().contains("more than"));
        let missing = SecretSource::File(folder.path().join("missing")).read().unwrap_err();
        assert!(missing.contains("missing"), "{missing}");
    }

    #[test]
    fn a_variable_that_is_not_there_is_named() {
        let missing = SecretSource::Environment("TASK_STATE_NO_SUCH".to_owned()).read().unwrap_err();
        assert_eq!(missing, "the host's environment variable TASK_STATE_NO_SUCH is not set");
        assert!(SecretSource::Environment("PATH".to_owned()).read().is_ok());
    }
}

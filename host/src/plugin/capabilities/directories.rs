//! Directories that a plugin is lent.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

use crate::record::InvalidValue;

const FORM: &str = "it has the form HOST::GUEST, with :rw after it if the plugin may write, such as data::/data";

/// A directory of the host at a path of the guest, read-only unless it is made [writable](Self::writable). Neither `..`
/// nor a link leads out of it. How much a plugin writes there is bounded by the file system alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    host: PathBuf,
    guest: String,
    write: bool,
}

impl Directory {
    /// A directory of the host that the guest sees at an absolute path. It is opened when a run starts.
    ///
    /// # Errors
    /// [`InvalidValue`] if a path is empty, or the guest's is not absolute or holds `.`, `..` or `//`.
    pub fn new(host: impl Into<PathBuf>, guest: impl Into<String>) -> Result<Self, InvalidValue> {
        let (host, guest) = (host.into(), guest.into());
        if host.as_os_str().is_empty() {
            return Err(InvalidValue::new("directory", "", "its path on the host is empty"));
        }
        let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\0');
        let is_absolute = guest == "/" || guest.strip_prefix('/').is_some_and(|path| path.split('/').all(plain));
        if !is_absolute {
            let why = "the guest's path of a directory is absolute, such as /data, without '.', '..' and '//'";
            return Err(InvalidValue::new("guest path", &guest, why));
        }
        Ok(Self { host, guest, write: false })
    }

    /// The same, where the guest may make, change and remove files.
    pub fn writable(mut self) -> Self {
        self.write = true;
        self
    }

    /// The path on the host.
    pub fn host(&self) -> &Path {
        &self.host
    }

    /// The path that the guest sees.
    pub fn guest(&self) -> &str {
        &self.guest
    }

    /// Whether the guest may write.
    pub fn is_writable(&self) -> bool {
        self.write
    }

    pub(super) fn rebase(&mut self, base: &Path) {
        self.host = base.join(&self.host);
    }

    /// Opens it for a run.
    pub(super) fn open(&self, wasi: &mut WasiCtxBuilder) -> io::Result<()> {
        if !std::fs::metadata(&self.host)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        let perms = if self.write { FsPerms::ReadWrite } else { FsPerms::ReadOnly };
        match wasi.preopened_dir(&self.host, &self.guest, perms) {
            Ok(_) => Ok(()),
            Err(error) => Err(error.downcast().unwrap_or_else(|error| io::Error::other(format!("{error:#}")))),
        }
    }
}

/// `/data ("/srv/data", read-only)`.
impl fmt::Display for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let access = if self.write { "writable" } else { "read-only" };
        write!(f, "{} ({:?}, {access})", self.guest, self.host)
    }
}

/// Reads `HOST::GUEST[:rw]`.
impl FromStr for Directory {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let (host, guest) = text.rsplit_once("::").ok_or_else(|| InvalidValue::new("directory", text, FORM))?;
        match guest.strip_suffix(":rw") {
            Some(guest) => Ok(Self::new(host, guest)?.writable()),
            None => Self::new(host, guest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_read_only_unless_it_says_otherwise() {
        for (text, host, guest, write) in
            [("a::/b", "a", "/b", false), ("/x/y::/:rw", "/x/y", "/", true), ("c::d::/b/c", "c::d", "/b/c", false)]
        {
            let directory: Directory = text.parse().unwrap();
            let expected = Directory::new(host, guest).unwrap();
            assert_eq!(directory, if write { expected.writable() } else { expected }, "{text}");
        }
    }

    #[test]
    fn what_is_no_directory_is_an_error_that_names_it() {
        for text in ["", "a", "a:/b", "::/b", "a::", "a::b", "a::/b/../c", "a::/b//c", "a::/b/", "a::/./b", "a::/b:ro/"]
        {
            let error = text.parse::<Directory>().unwrap_err().to_string();
            assert!(error.starts_with("invalid directory ") || error.starts_with("invalid guest path "), "{error}");
        }
    }
}

//! What was pulled, kept by its digest. Several processes share it: what is there is whole, and is checked each time.

use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use task_state_host::Sha256;

/// The most bytes that are kept: some hundred plugins of Python. What was read or written longest ago goes first.
const MAX_BYTES: u64 = 2 << 30;

/// A directory of files, each named by its digest; or none, if there is no place for one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cache(Option<PathBuf>);

impl Cache {
    pub(crate) fn in_directory(directory: Option<PathBuf>) -> Self {
        Self(directory)
    }

    /// What has the digest, if it is there and has at most so many bytes.
    pub(crate) async fn read(&self, digest: Sha256, most: u64) -> Option<Vec<u8>> {
        let path = self.path(digest)?;
        // Only what was asked for is given, whatever has become of the file.
        let read = move || read(&path, most).ok().filter(|bytes| Sha256::of(bytes) == digest);
        tokio::task::spawn_blocking(read).await.ok()?
    }

    /// Keeps bytes that were found to have the digest. What cannot be kept is pulled again.
    pub(crate) async fn write(&self, digest: Sha256, bytes: bytes::Bytes) {
        let Some(path) = self.path(digest) else { return };
        let keep = move || match write_whole(&path, &bytes) {
            Err(error) => tracing::warn!(?path, %error, "what was pulled is not kept"),
            Ok(()) => {
                if let Err(error) = make_room(&path, MAX_BYTES) {
                    tracing::warn!(?path, %error, "what was pulled earlier cannot be removed");
                }
            }
        };
        let _ = tokio::task::spawn_blocking(keep).await;
    }

    fn path(&self, digest: Sha256) -> Option<PathBuf> {
        Some(self.0.as_ref()?.join(digest.to_string()))
    }
}

fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = fs::File::open(path)?;
    if file.metadata()?.len() > most {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    // Where that is not allowed it is taken for older than it is.
    let _ = file.set_modified(SystemTime::now());
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Removes the files beside this one that were read or written longest ago, until there are no more bytes than may be.
///
/// # Errors
/// Those of the file system. What could be removed is removed then.
fn make_room(written: &Path, most: u64) -> io::Result<()> {
    let Some(directory) = written.parent() else { return Ok(()) };
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        // Another process may be removing the same ones.
        let Ok(about) = entry.metadata() else { continue };
        if about.is_file() {
            files.push((about.modified()?, about.len(), entry.path()));
        }
    }
    files.sort_unstable_by(|one, other| other.cmp(one));
    let (mut bytes, mut removed) = (0_u64, Ok(()));
    for (_, size, path) in files {
        bytes = bytes.saturating_add(size);
        if bytes > most && path != written {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => removed = Err(error),
                _ => {}
            }
        }
    }
    removed
}

/// Writes a file that is whole as soon as it can be seen under its name. Directories on the way to it are made.
///
/// # Errors
/// Those of the file system; what was there under the name is there then.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    // In containers that share the directory all processes may have the same number.
    let unfinished = directory.join(format!(".{:016x}.part", RandomState::new().hash_one(std::process::id())));
    let mut file = fs::File::create_new(&unfinished)?;
    let written = file.write_all(bytes).and_then(|()| fs::rename(&unfinished, path));
    if written.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    written
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn what_is_kept_is_given_back_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::in_directory(Some(directory.path().join("new")));
        let digest = Sha256::of(b"component");
        assert_eq!(cache.read(digest, 100).await, None);
        cache.write(digest, "component".into()).await;
        assert_eq!(cache.read(digest, 9).await.as_deref(), Some(&b"component"[..]));
        assert_eq!(cache.read(digest, 8).await, None);
        let files: Vec<_> = fs::read_dir(directory.path().join("new")).unwrap().map(Result::unwrap).collect();
        assert_eq!(files.len(), 1, "{files:?}");
        fs::write(files[0].path(), "something").unwrap();
        assert_eq!(cache.read(digest, 100).await, None);
        cache.write(digest, "component".into()).await;
        assert!(cache.read(digest, 100).await.is_some());
    }

    #[tokio::test]
    async fn what_was_read_longest_ago_makes_room() {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::in_directory(Some(directory.path().to_owned()));
        let names = ["first", "second", "third"];
        let digests = names.map(|name| Sha256::of(name.as_bytes()));
        for (age, (name, digest)) in names.iter().zip(digests).enumerate() {
            cache.write(digest, (*name).into()).await;
            let file = fs::File::open(directory.path().join(digest.to_string())).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(age as u64)).unwrap();
        }
        // It is the newest from now on.
        assert!(cache.read(digests[0], 100).await.is_some());
        // What is no file is nobody's concern.
        fs::create_dir(directory.path().join("else")).unwrap();
        make_room(&directory.path().join(digests[2].to_string()), 10).unwrap();
        let mut left = Vec::new();
        for digest in digests {
            left.push(cache.read(digest, 100).await.is_some());
        }
        assert_eq!(left, [true, false, true]);
        // What has just been written stays, however large it is.
        make_room(&directory.path().join(digests[2].to_string()), 0).unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }

    #[tokio::test]
    async fn without_a_directory_nothing_is_kept() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for cache in [Cache::default(), Cache::in_directory(Some(file.path().join("below a file")))] {
            let digest = Sha256::of(b"component");
            cache.write(digest, "component".into()).await;
            assert_eq!(cache.read(digest, 100).await, None);
        }
    }
}

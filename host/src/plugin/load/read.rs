//! Reading a component, never more of it than a limit.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::LoadError;
use super::limits::Limit;

/// Reads a file, or a pipe that has a name. A device has no end, and is refused.
///
/// Blocks for as long as that takes, which for a pipe is until its writers are gone.
pub(super) fn file(path: &Path, most: usize) -> Result<Vec<u8>, LoadError> {
    let failed = |error| LoadError::File { path: path.to_owned(), error };
    let open = || {
        let file = File::open(path)?;
        let kind = file.metadata()?;
        if kind.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory, and a plugin is a file"));
        }
        if is_device(&kind) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a device, and a plugin is a file"));
        }
        Ok((file, kind.len()))
    };
    let (file, size) = open().map_err(failed)?;
    check_size(size, most)?;
    let bytes = bounded(file, most).map_err(failed)?;
    // A pipe does not know its size, and a file may have grown.
    if bytes.len() > most {
        return Err(Limit::ComponentBytes.reached(most as u64).into());
    }
    Ok(bytes)
}

/// Refuses a component of more bytes than the limit.
pub(super) fn check_size(size: u64, most: usize) -> Result<(), LoadError> {
    Ok(Limit::ComponentBytes.check(size, most as u64)?)
}

/// Reads up to one byte past a limit, so that it shows whether there is more.
fn bounded(source: impl Read, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take((most as u64).saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(unix)]
fn is_device(kind: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    kind.file_type().is_char_device() || kind.file_type().is_block_device()
}

#[cfg(not(unix))]
fn is_device(_: &std::fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_read_than_one_byte_past_the_limit() {
        let mut endless = io::repeat(7);
        assert_eq!(bounded(&mut endless, 10).unwrap().len(), 11);
        let mut source = &[1; 20][..];
        bounded(&mut source, 10).unwrap();
        assert_eq!(source.len(), 9);
    }
}

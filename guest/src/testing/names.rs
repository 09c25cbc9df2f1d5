//! Names of tasks, services and users, and what an argument is refused with.

use crate::Error;

/// The longest name that a save takes, in bytes.
const MAX_NAME_BYTES: usize = 128;

/// The id under which a store would keep its sequence of ids, were it a task.
const SEQUENCE: &str = "id:sequence";

/// The error for an argument, which is quoted, and shortened if it is long.
pub(super) fn invalid(what: &str, value: &str, why: impl AsRef<str>) -> Error {
    const MAX_CHARS: usize = 80;
    let quoted = match value.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{:?}… ({} bytes)", &value[..end], value.len()),
        None => format!("{value:?}"),
    };
    Error::InvalidArgument(format!("invalid {what} {quoted}: {}", why.as_ref()))
}

/// Whether a save takes a name.
pub(super) fn check_new(what: &str, name: &str) -> Result<(), Error> {
    let is_bad = |c: &char| matches!(c, ':' | '{' | '}') || c.is_whitespace() || c.is_control();
    let why = if name.is_empty() {
        "it is empty".to_owned()
    } else if name.len() > MAX_NAME_BYTES {
        format!("it has {} bytes, and at most {MAX_NAME_BYTES} are allowed", name.len())
    } else if let Some(bad) = name.chars().find(is_bad) {
        format!("it contains {bad:?}; ':', '{{', '}}', white space and control characters are not allowed")
    } else {
        return Ok(());
    };
    Err(invalid(what, name, why))
}

/// Whether a task may have this id at all: others may have saved stranger ones than [`check_new`] allows.
pub(super) fn check_stored_id(id: &str) -> Result<(), Error> {
    match id {
        "" => Err(invalid("task id", id, "it is empty")),
        SEQUENCE => Err(invalid("task id", id, "the store keeps its sequence of ids under it")),
        _ => Ok(()),
    }
}

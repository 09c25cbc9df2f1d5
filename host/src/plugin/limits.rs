//! How much one run may use.

use std::time::Duration;

use jiff::SignedDuration;

use crate::record::InvalidValue;

/// How much one run may use. A run that reaches a limit of memory or time fails, and its last log entry names the limit
/// and its value; output past its limit is cut.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of linear memory and tables, summed over all of the guest's. 256 MiB unless set.
    pub memory_bytes: usize,
    /// Time from the start of the guest to its end, whatever it does in between. One hour unless set;
    /// [`Duration::MAX`] is as good as none.
    pub wall_clock: Duration,
    /// How long a guest may go on after its cancellation has been noticed. 5 seconds unless set.
    pub grace: Duration,
    /// Bytes of what the guest prints that are kept as the task's output: the last ones. 64 KiB unless set.
    pub output_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 256 << 20,
            wall_clock: Duration::from_secs(3_600),
            grace: Duration::from_secs(5),
            output_bytes: 64 << 10,
        }
    }
}

/// The longest time that is counted, some thirty years. A later moment is one that clocks and stores may not know.
const MAX_TIME: Duration = Duration::from_secs(30 * 365 * 24 * 3_600);

impl Limits {
    /// The same, with longer times cut to what can be counted.
    pub(super) fn countable(&self) -> Self {
        Self { wall_clock: self.wall_clock.min(MAX_TIME), grace: self.grace.min(MAX_TIME), ..self.clone() }
    }
}

/// Units of bytes, the largest first.
const UNITS: [(&str, usize); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// Reads an amount of bytes: a whole number with a unit (`256MiB`, `64 KiB`, `1GB`), or without one for bytes.
///
/// # Errors
/// [`InvalidValue`] for anything else, and for more bytes than the machine can count.
pub fn parse_bytes(text: &str) -> Result<usize, InvalidValue> {
    let invalid =
        || InvalidValue::new("amount of bytes", text, "it is a whole number with a unit, such as 256MiB or 64KiB");
    let (number, unit) = UNITS
        .iter()
        .find_map(|(name, unit)| text.strip_suffix(name).map(|number| (number, *unit)))
        .unwrap_or((text, 1));
    let number: usize = number.trim().parse().map_err(|_| invalid())?;
    number.checked_mul(unit).ok_or_else(invalid)
}

/// Reads a length of time: whole numbers with units (`10m`, `90s`, `1h 30m`, `250ms`).
///
/// # Errors
/// [`InvalidValue`] for anything else, and for a negative time.
pub fn parse_duration(text: &str) -> Result<Duration, InvalidValue> {
    let parsed: Option<SignedDuration> = text.trim().parse().ok();
    parsed.and_then(|duration| Duration::try_from(duration).ok()).ok_or_else(|| {
        InvalidValue::new("length of time", text, "it is a number with a unit, such as 10m, 90s or 250ms")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_with_and_without_a_unit() {
        for (text, bytes) in
            [("0", 0), ("1024", 1_024), ("64KiB", 64 << 10), ("256 MiB", 256 << 20), ("1GB", 1_000_000_000)]
        {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        }
        for text in ["", "MiB", "-1", "1.5GiB", "1TB", "99999999999999999999", "99999999999999GiB"] {
            let error = parse_bytes(text).unwrap_err().to_string();
            assert!(error.contains(&format!("{text:?}")), "{error}");
        }
    }

    #[test]
    fn times_are_read_with_their_unit() {
        for (text, millis) in [("10m", 600_000), ("90s", 90_000), ("1h 30m", 5_400_000), ("250ms", 250), ("0s", 0)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "10", "-5s", "1 fortnight"] {
            let error = parse_duration(text).unwrap_err().to_string();
            assert!(error.contains(&format!("{text:?}")), "{error}");
        }
    }
}

//! Amounts and times as people write them.

use std::time::Duration;

use jiff::SignedDuration;

use crate::record::InvalidValue;

/// Units of bytes, the largest first.
const UNITS: [(&str, usize); 8] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
    // As `in_units` writes it.
    ("bytes", 1),
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

/// An amount of bytes in the largest unit that gives a whole number, such as `64 MiB`.
pub fn in_units(bytes: usize) -> String {
    let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.into_iter().find(|(_, unit)| bytes >= *unit && bytes.is_multiple_of(*unit)) {
        Some((name, unit)) => format!("{} {name}", bytes / unit),
        None => format!("{bytes} bytes"),
    }
}

/// A length of time with its units.
pub(crate) fn spell(time: Duration) -> String {
    format!("{:#}", SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX))
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

    #[test]
    fn a_limit_is_named_in_whole_units_and_read_as_it_is_named() {
        for (bytes, text) in [(64 << 20, "64 MiB"), (1 << 30, "1 GiB"), (1_000_000, "1000000 bytes"), (0, "0 bytes")] {
            assert_eq!(in_units(bytes), text);
            assert_eq!(parse_bytes(text), Ok(bytes));
        }
    }
}

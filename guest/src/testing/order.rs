//! The order of a listing.

/// A key that sorts as a listing orders ids: those that Python's `int()` reads come first, by value, then the rest; ties
/// and the rest by code point.
pub(super) fn sort_key(id: &str) -> (u8, Vec<u8>, String) {
    let (kind, magnitude) = match integer(id) {
        None => (2, Vec::new()),
        Some((is_negative, digits)) => {
            let length = (digits.len() as u64).to_be_bytes();
            let magnitude = length.into_iter().chain(digits);
            // Of two negative integers the larger magnitude comes first.
            if is_negative { (0, magnitude.map(|byte| !byte).collect()) } else { (1, magnitude.collect()) }
        }
    };
    (kind, magnitude, id.to_owned())
}

/// Reads what `int()` reads: white space around, one sign, digits, and single underscores between them. Gives whether it
/// is below zero, and its digits without leading zeros.
fn integer(text: &str) -> Option<(bool, Vec<u8>)> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}'));
    let (is_negative, body) = match text.strip_prefix('-') {
        Some(body) => (true, body),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut digits = Vec::new();
    let mut after_digit = false;
    for c in body.chars() {
        if c == '_' && after_digit {
            after_digit = false;
            continue;
        }
        let digit = decimal_value(c)?;
        after_digit = true;
        if !(digits.is_empty() && digit == 0) {
            digits.push(digit);
        }
    }
    after_digit.then_some((is_negative && !digits.is_empty(), digits))
}

/// The value of a decimal digit of any script. The digits of each stand in a row, from these zeros on (Unicode 14).
fn decimal_value(c: char) -> Option<u8> {
    const ZEROS: &[u32] = &[
        0x0030, 0x0660, 0x06f0, 0x07c0, 0x0966, 0x09e6, 0x0a66, 0x0ae6, 0x0b66, 0x0be6, 0x0c66, 0x0ce6, 0x0d66, 0x0de6,
        0x0e50, 0x0ed0, 0x0f20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40,
        0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10, 0x104a0, 0x10d30, 0x11066, 0x110f0,
        0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950, 0x11c50, 0x11d50,
        0x11da0, 0x16a60, 0x16ac0, 0x16b50, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e950,
        0x1fbf0,
    ];
    let after = ZEROS.partition_point(|zero| *zero <= u32::from(c));
    let value = u32::from(c) - ZEROS.get(after.checked_sub(1)?)?;
    u8::try_from(value).ok().filter(|value| *value < 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_any_script_are_numbers() {
        let mut ids = ["b", "٣", "10", " 4", "２", "-1", "³"];
        ids.sort_by_key(|id| sort_key(id));
        assert_eq!(ids, ["-1", "２", "٣", " 4", "10", "b", "³"]);
    }
}

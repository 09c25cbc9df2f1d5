//! The order of a listing.

use std::cmp::Ordering;

/// Compare two task ids as a listing orders them: those that Python's `int()` reads come first, by value, then the
/// rest; ties and the rest by code point.
pub fn compare_ids(a: &str, b: &str) -> Ordering {
    match (Form::of(a), Form::of(b)) {
        (Form::Digits, Form::Digits) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
        (Form::Word, Form::Word) => a.cmp(b),
        (Form::Digits, Form::Word) => Ordering::Less,
        (Form::Word, Form::Digits) => Ordering::Greater,
        _ => sort_key(a).cmp(&sort_key(b)),
    }
}

/// What an id is seen to be without a key: a listing of many is sorted without one for each.
#[derive(Clone, Copy)]
enum Form {
    /// An integer of decimal digits alone, the first of them not zero.
    Digits,
    /// It begins with a letter of ASCII, and so is no integer.
    Word,
    /// It has to be read.
    Other,
}

impl Form {
    fn of(id: &str) -> Self {
        match id.as_bytes() {
            [b'1'..=b'9', rest @ ..] if rest.len() < MAX_DIGITS && rest.iter().all(u8::is_ascii_digit) => Self::Digits,
            [first, ..] if first.is_ascii_alphabetic() => Self::Word,
            _ => Self::Other,
        }
    }
}

/// Bytes that compare as [`compare_ids`] compares the ids themselves, for a store that sorts by bytes. No two ids have
/// the same, and none is empty.
pub(crate) fn sort_key(id: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(2 * id.len() + 9);
    match integer(id) {
        Some((negative, digits)) => {
            let length = (digits.len() as u64).to_be_bytes();
            key.push(if negative { 1 } else { 2 });
            // Of two negative integers the larger magnitude comes first.
            key.extend(length.iter().chain(&digits).map(|byte| if negative { !byte } else { *byte }));
        }
        None => key.push(3),
    }
    key.extend(id.as_bytes());
    key
}

/// The most digits that Python's `int(text)` takes, leading zeros counted.
const MAX_DIGITS: usize = 4_300;

/// Reads what Python's `int(text)` reads: white space around, one sign, decimal digits of any script, and single
/// underscores between digits. Gives whether it is negative, and its digits without leading zeros; none for zero.
fn integer(text: &str) -> Option<(bool, Vec<u8>)> {
    // Not what `str.strip()` takes off: the information separators stay.
    let text = text.trim();
    let (negative, body) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let mut digits = Vec::with_capacity(body.len());
    let mut count = 0;
    let mut after_digit = false;
    for c in body.chars() {
        if c == '_' && after_digit {
            after_digit = false;
            continue;
        }
        let digit = decimal_value(c)?;
        after_digit = true;
        count += 1;
        if !(digits.is_empty() && digit == 0) {
            digits.push(digit);
        }
    }
    let negative = negative && !digits.is_empty();
    (after_digit && count <= MAX_DIGITS).then_some((negative, digits))
}

/// The value of a decimal digit (Unicode general category Nd). Each script's ten digits are contiguous and in order;
/// these are the first of each run in Unicode 14, which Python 3.11 knows.
fn decimal_value(c: char) -> Option<u8> {
    const ZEROS: &[u32] = &[
        0x0030, 0x0660, 0x06f0, 0x07c0, 0x0966, 0x09e6, 0x0a66, 0x0ae6, 0x0b66, 0x0be6, 0x0c66, 0x0ce6, 0x0d66, 0x0de6,
        0x0e50, 0x0ed0, 0x0f20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40,
        0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10, 0x104a0, 0x10d30, 0x11066, 0x110f0,
        0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950, 0x11c50, 0x11d50,
        0x11da0, 0x16a60, 0x16ac0, 0x16b50, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e950,
        0x1fbf0,
    ];
    let code = u32::from(c);
    let next = ZEROS.partition_point(|&zero| zero <= code);
    let offset = code - ZEROS.get(next.checked_sub(1)?)?;
    u8::try_from(offset).ok().filter(|&value| value < 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_listed_in_the_recorded_order() {
        let vector: serde_json::Value =
            serde_json::from_str(include_str!("../../../tests/vectors/listing-order.json")).unwrap();
        let strings = |name: &str| -> Vec<String> { serde_json::from_value(vector[name].clone()).unwrap() };
        let mut ids = strings("input");
        ids.sort_by(|a, b| compare_ids(a, b));
        assert_eq!(ids, strings("sorted"));
    }

    #[test]
    fn an_integer_is_what_python_reads_as_one() {
        let zeros = |count| "0".repeat(count);
        for text in ["0", "+1", "-1", "1_000", "\t7\n", "\u{3000}7\u{85}", "٣", "-0", &zeros(4_300)] {
            assert!(integer(text).is_some(), "{text:?}");
        }
        for text in [
            "",
            "_1",
            "1_",
            "1__0",
            "+",
            "+-1",
            "- 1",
            "1.0",
            "0x1",
            "²",
            "\u{1c}7",
            "7\u{1f}",
            "\u{200b}7",
            &zeros(4_301),
        ] {
            assert!(integer(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn ids_compare_as_their_keys_do() {
        let (many, too_many) = ("9".repeat(MAX_DIGITS), "9".repeat(MAX_DIGITS + 1));
        let ids = [
            "1", "2", "10", "9", "19", "0", "-1", "-10", "+1", "01", "1_0", " 1", "1 ", "٣", "3", "a", "b", "ab", "A",
            "é", "1a", "a1", "_", "~", "-", "²", &many, &too_many,
        ];
        for a in ids {
            for b in ids {
                assert_eq!(compare_ids(a, b), sort_key(a).cmp(&sort_key(b)), "{a:?} and {b:?}");
            }
        }
    }

    #[test]
    fn integers_of_any_size_compare_by_value() {
        let mut ids = ["100000000000000000000", "99999999999999999999", "-100000000000000000000", "-1", "0"];
        ids.sort_by(|a, b| compare_ids(a, b));
        assert_eq!(ids, ["-100000000000000000000", "-1", "0", "99999999999999999999", "100000000000000000000"]);
    }
}

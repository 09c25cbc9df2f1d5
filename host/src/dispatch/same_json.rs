//! Whether two JSON values are the same to Python: objects whatever the order of their names, numbers by their values.
//!
//! The Python programs of the platform read parameters and compare what they have read. So does whoever takes their place.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// Whether two texts of JSON say the same: as Python's `==` compares what its `json` reads. `1`, `1.0` and `true` are the
/// same, `1` and `"1"` are not. A text that is no JSON is the same as none.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    match (serde_json::from_str(one), serde_json::from_str(other)) {
        (Ok(one), Ok(other)) => same(one, other),
        _ => false,
    }
}

/// As deep as the one that is less deep.
fn same(one: &RawValue, other: &RawValue) -> bool {
    match (Value::of(one.get()), Value::of(other.get())) {
        (Value::Null, Value::Null) => true,
        (Value::Text(one), Value::Text(other)) => one == other,
        (Value::Integer(one), Value::Integer(other)) => one == other,
        (Value::Float(one), Value::Float(other)) => one == other,
        (Value::Integer(integer), Value::Float(float)) | (Value::Float(float), Value::Integer(integer)) => {
            // A float without a fraction is written with all of its digits.
            float.fract() == 0.0 && format!("{:.0}", float + 0.0) == integer
        }
        (Value::List(one), Value::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let has_same =
                |(name, value): (&String, &&RawValue)| other.get(name).is_some_and(|found| same(value, found));
            one.len() == other.len() && one.iter().all(has_same)
        }
        _ => false,
    }
}

enum Value<'a> {
    Null,
    Text(String),
    /// Its digits, with a sign if it is less than zero.
    Integer(String),
    Float(f64),
    List(Vec<&'a RawValue>),
    Object(BTreeMap<String, &'a RawValue>),
    /// A text that Python does not read.
    Unread,
}

impl<'a> Value<'a> {
    /// Reads one level of a text that is JSON.
    fn of(text: &'a str) -> Self {
        let read = match text.as_bytes().first() {
            Some(b'n') => Some(Self::Null),
            Some(b't') => Some(Self::Integer("1".to_owned())),
            Some(b'f') => Some(Self::Integer("0".to_owned())),
            Some(b'"') => serde_json::from_str(text).ok().map(Self::Text),
            Some(b'[') => serde_json::from_str(text).ok().map(Self::List),
            // Of a name that is given twice the last value counts, there as here.
            Some(b'{') => serde_json::from_str(text).ok().map(Self::Object),
            _ if text.contains(['.', 'e', 'E']) => text.parse().ok().map(Self::Float),
            _ if text == "-0" => Some(Self::Integer("0".to_owned())),
            _ => Some(Self::Integer(text.to_owned())),
        };
        read.unwrap_or(Self::Unread)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_the_same_if_python_finds_them_equal() {
        for (one, other) in [
            (r#"{"a":1,"b":[1,2]}"#, r#"{"b":[1.0,2],"a":1}"#),
            ("1", "1.0"),
            ("1", "true"),
            ("0", "-0.0"),
            ("-0", "0"),
            ("false", "0.0"),
            ("100", "1e2"),
            ("9007199254740992", "9007199254740992.0"),
            ("100000000000000000000", "1e20"),
            (r#""é""#, r#""\u00e9""#),
            (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
            ("0.1", "0.10000000000000000555"),
            ("null", "null"),
            ("1e999", "2e999"),
        ] {
            assert!(is_same(one, other) && is_same(other, one), "{one} {other}");
        }
    }

    #[test]
    fn values_differ_if_python_finds_them_different() {
        for (one, other) in [
            ("1", r#""1""#),
            ("1", "2"),
            ("1", "1.5"),
            ("null", "0"),
            ("null", "false"),
            ("[1,2]", "[2,1]"),
            ("[]", "{}"),
            ("[1]", "[1,1]"),
            (r#"{"a":1}"#, r#"{"b":1}"#),
            (r#"{"a":1}"#, r#"{"a":1,"b":null}"#),
            // A float is not the integer that it was rounded from.
            ("9007199254740993", "9007199254740993.0"),
            ("1e999", "1"),
            ("true", r#""true""#),
            ("{", "{"),
        ] {
            assert!(!is_same(one, other) && !is_same(other, one), "{one} {other}");
        }
    }
}

//! What is known of one column.

use std::cmp::Ordering;

use serde::Serialize;

use crate::distinct::Distinct;
use crate::mean::Mean;

/// The longest text that is kept of a value, in bytes.
const MAX_TEXT_BYTES: usize = 256;

/// What the values of a column are. Empty ones do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// There are none.
    Empty,
    /// All are numbers.
    Number,
    /// None is a number.
    Text,
    /// Some are numbers.
    Mixed,
}

/// The statistics of one column.
///
/// White space around a value is no part of it, and a value of nothing else is empty. A number is a decimal number with
/// or without sign, fraction and exponent, within the range of a double.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// How many values are not empty.
    pub(crate) count: u64,
    pub(crate) empty: u64,
    /// The different values among those that are not empty.
    pub(crate) distinct: Distinct,
    /// The mean of those that are numbers.
    pub(crate) mean: Mean,
    /// The least and the greatest.
    numbers: Option<(Number, Number)>,
    texts: Option<(String, String)>,
}

impl Column {
    /// A column without values, whose different values are counted up to `most_distinct`.
    pub(crate) fn new(name: &str, most_distinct: usize) -> Self {
        Self {
            name: name.to_owned(),
            count: 0,
            empty: 0,
            distinct: Distinct::new(most_distinct),
            mean: Mean::default(),
            numbers: None,
            texts: None,
        }
    }

    /// Takes the value of one more row.
    pub(crate) fn add(&mut self, value: &str) {
        let value = value.trim();
        if value.is_empty() {
            self.empty += 1;
            return;
        }
        self.count += 1;
        self.distinct.add(value);
        match parse(value) {
            Some(number) => {
                self.mean.add(number);
                widen(&mut self.numbers, |end| end.compare(number, value), || Number::new(number, value));
            }
            None => {
                let text = &value[..value.floor_char_boundary(MAX_TEXT_BYTES)];
                widen(&mut self.texts, |end| end.as_str().cmp(text), || text.to_owned());
            }
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        match (self.mean.count, self.count) {
            (_, 0) => Kind::Empty,
            (0, _) => Kind::Text,
            (numbers, count) if numbers == count => Kind::Number,
            _ => Kind::Mixed,
        }
    }

    /// The least and the greatest value as they are spelled: of the numbers, if there are any, else of the texts by code
    /// point, the first bytes of them.
    pub(crate) fn range(&self) -> Option<(&str, &str)> {
        let numbers = self.numbers.as_ref().map(|(min, max)| (min.text.as_str(), max.text.as_str()));
        numbers.or_else(|| self.texts.as_ref().map(|(min, max)| (min.as_str(), max.as_str())))
    }
}

/// Widens a range by a value, which is made only to be an end of it.
fn widen<T>(range: &mut Option<(T, T)>, compare: impl Fn(&T) -> Ordering, make: impl Fn() -> T) {
    match range {
        None => *range = Some((make(), make())),
        Some((min, _)) if compare(min).is_gt() => *min = make(),
        Some((_, max)) if compare(max).is_lt() => *max = make(),
        Some(_) => {}
    }
}

/// A number with its spelling, which may hold more digits than a double.
#[derive(Debug, Clone)]
struct Number {
    value: f64,
    text: String,
}

impl Number {
    fn new(value: f64, text: &str) -> Self {
        let text = if text.len() <= MAX_TEXT_BYTES { text.to_owned() } else { format!("{value:e}") };
        Self { value, text }
    }

    /// Large whole numbers that share a double are told apart by their digits.
    fn compare(&self, value: f64, text: &str) -> Ordering {
        self.value.total_cmp(&value).then_with(|| match (self.text.parse::<i128>(), text.parse::<i128>()) {
            (Ok(this), Ok(other)) => this.cmp(&other),
            _ => Ordering::Equal,
        })
    }
}

/// The value as a number, if it is one. Rust also reads `inf` and `nan`, which are words to most people.
fn parse(value: &str) -> Option<f64> {
    let may_be = matches!(value.as_bytes()[0], b'0'..=b'9' | b'+' | b'-' | b'.');
    if may_be { value.parse().ok().filter(|number: &f64| number.is_finite()) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(values: &[&str]) -> Column {
        let mut column = Column::new("c", 100);
        values.iter().for_each(|value| column.add(value));
        column
    }

    #[test]
    fn empty_values_count_apart() {
        let column = column(&["", "x", "  ", "\t", "x"]);
        assert_eq!((column.count, column.empty, column.distinct.count()), (2, 3, Some(1)));
    }

    #[test]
    fn a_column_is_what_all_of_its_values_are() {
        for (values, kind) in [
            (&["", " "][..], Kind::Empty),
            (&["1", "", "-2.5e3", "+.5", " 7 "], Kind::Number),
            (&["x", "1 000", "1,5", "0x1f", "inf", "-inf", "NaN", "-", ".", "1e999"], Kind::Text),
            (&["1", "n/a"], Kind::Mixed),
        ] {
            assert_eq!(column(values).kind(), kind, "{values:?}");
        }
    }

    #[test]
    fn numbers_are_compared_by_value_and_told_in_their_own_spelling() {
        let column = column(&["10", "9", "n/a", "-0.50", "1e1", "007"]);
        assert_eq!(column.range(), Some(("-0.50", "10")));
        assert_eq!((column.mean.count, column.mean.mean()), (5, Some(7.1)));
    }

    #[test]
    fn texts_are_compared_by_code_point_and_whole_numbers_beyond_a_double_are_told_apart() {
        for (values, least, greatest) in [
            (&["9007199254740993", "9007199254740992", "9007199254740995"][..], "9007199254740992", "9007199254740995"),
            (&["b", "Zürich", "a", "é", "서울"], "Zürich", "서울"),
            (&["2026-11-23", "2025-01-02"], "2025-01-02", "2026-11-23"),
        ] {
            assert_eq!(column(values).range(), Some((least, greatest)));
        }
    }

    #[test]
    fn a_long_value_is_kept_in_part() {
        let long = "é".repeat(MAX_TEXT_BYTES);
        assert_eq!(column(&["a", &long]).range(), Some(("a", &*"é".repeat(MAX_TEXT_BYTES / 2))));
        let digits = format!("0.{}", "3".repeat(1_000));
        assert_eq!(column(&[&digits]).range(), Some(("3.333333333333333e-1", "3.333333333333333e-1")));
    }
}

//! Points in time: read, compared, and spelled as the host spells them.

use std::ops::RangeInclusive;
use std::time::{SystemTime, UNIX_EPOCH};

use super::names::invalid;
use crate::Error;

/// The zone in which a host writes times unless it is told another, in seconds east of Greenwich.
const ZONE: i64 = 9 * 3_600;

/// The first and the last microsecond of the years 1 to 9999 in UTC.
const PORTABLE: RangeInclusive<i64> = -62_135_596_800_000_000..=253_402_300_799_999_999;

const SECOND: i64 = 1_000_000;

/// A point in time to the microsecond.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timestamp {
    /// Since the Unix epoch.
    pub(super) micros: i64,
    /// Seconds east of Greenwich.
    offset: i64,
}

impl Timestamp {
    /// Now. Its fraction is never zero, so that all have the same width.
    pub(super) fn now() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::with_fraction(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
    }

    /// Now, or the microsecond after another time if that is later.
    pub(super) fn now_after(other: Self) -> Self {
        let now = Self::now();
        if now.micros > other.micros { now } else { Self::with_fraction(other.micros + 1) }
    }

    fn with_fraction(micros: i64) -> Self {
        Self { micros: if micros.rem_euclid(SECOND) == 0 { micros + 1 } else { micros }, offset: ZONE }
    }

    /// Reads an ISO 8601 date and time with an offset.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let wrong = "it is not an ISO 8601 date and time with an offset of hours and minutes";
        let (local, offset) = read(text).ok_or_else(|| invalid("timestamp", text, wrong))?;
        let offset = offset.ok_or_else(|| invalid("timestamp", text, "it has no offset"))?;
        Ok(Self { micros: local - offset * SECOND, offset })
    }

    /// Whether its year in UTC is one that every reader of the store can hold.
    pub(super) fn is_portable(self) -> bool {
        PORTABLE.contains(&self.micros)
    }

    /// As Python's `isoformat()` spells it: six digits of fraction, or none if they are zero.
    pub(super) fn spell(self) -> String {
        let local = self.micros + self.offset * SECOND;
        let (days, second) = (local.div_euclid(86_400 * SECOND), local.rem_euclid(86_400 * SECOND) / SECOND);
        let (year, month, day) = date(days);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        let fraction = match local.rem_euclid(SECOND) {
            0 => String::new(),
            micros => format!(".{micros:06}"),
        };
        let (sign, east) = if self.offset < 0 { ('-', -self.offset) } else { ('+', self.offset) };
        let (hours, minutes) = (east / 3_600, east / 60 % 60);
        format!(
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{sign}{hours:02}:{minutes:02}"
        )
    }
}

/// The microseconds of a local time, and its offset in seconds if it names one.
fn read(text: &str) -> Option<(i64, Option<i64>)> {
    let mut rest = text;
    let rest = &mut rest;
    let year = number(rest, 4, 1..=9_999)?;
    take(rest, "-")?;
    let month = number(rest, 2, 1..=12)?;
    take(rest, "-")?;
    let day = number(rest, 2, 1..=days_of(year, month))?;
    let midnight = days(year, month, day) * 86_400;
    if rest.is_empty() {
        return Some((midnight * SECOND, None));
    }
    take(rest, "Tt _")?;
    let hour = number(rest, 2, 0..=23)?;
    take(rest, ":")?;
    let minute = number(rest, 2, 0..=59)?;
    let (mut second, mut micros) = (0, 0);
    if take(rest, ":").is_some() {
        second = number(rest, 2, 0..=59)?;
        if take(rest, ".,").is_some() {
            micros = fraction(rest)?;
        }
    }
    let offset = match take(rest, "Zz+-\u{2212}") {
        None => None,
        Some('Z' | 'z') => Some(0),
        Some(sign) => {
            let hours = number(rest, 2, 0..=23)?;
            take(rest, ":");
            let east = hours * 3_600 + number(rest, 2, 0..=59)? * 60;
            Some(if sign == '+' { east } else { -east })
        }
    };
    let seconds = midnight + hour * 3_600 + minute * 60 + second;
    rest.is_empty().then_some((seconds * SECOND + micros, offset))
}

/// Takes a number of so many digits off the beginning of a text.
fn number(rest: &mut &str, width: usize, range: RangeInclusive<i64>) -> Option<i64> {
    let (digits, after) = rest.split_at_checked(width)?;
    *rest = after;
    let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())??;
    range.contains(&number).then_some(number)
}

/// Takes one of these characters off the beginning of a text.
fn take(rest: &mut &str, wanted: &str) -> Option<char> {
    let first = rest.chars().next().filter(|c| wanted.contains(*c))?;
    *rest = &rest[first.len_utf8()..];
    Some(first)
}

/// Takes the digits of a fraction off the beginning of a text: its microseconds, those past the sixth digit dropped.
fn fraction(rest: &mut &str) -> Option<i64> {
    let (digits, after) = rest.split_at(rest.bytes().take_while(u8::is_ascii_digit).count());
    *rest = after;
    format!("{:0<6}", &digits[..digits.len().min(6)]).parse().ok().filter(|_| !digits.is_empty())
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from the Unix epoch to a date. Years are counted from March, so that the leap day is their last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (153 * month + 2) / 5 + day
        - 719_469
}

/// The date so many days after the Unix epoch.
fn date(since_epoch: i64) -> (i64, i64, i64) {
    // By years of average length, and one or two too early, so that it is never too late.
    let mut year = 1_970 + (since_epoch * 400).div_euclid(146_097) - 2;
    while days(year + 1, 1, 1) <= since_epoch {
        year += 1;
    }
    let mut month = 1;
    while month < 12 && days(year, month + 1, 1) <= since_epoch {
        month += 1;
    }
    (year, month, since_epoch - days(year, month, 1) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_spelled_as_it_is_read() {
        for text in [
            "1970-01-01T00:00:00+00:00",
            "1969-12-31T23:59:59.999999+00:00",
            "2000-02-29T12:00:00.000001+09:00",
            "2025-11-17T10:00:16.515926-05:30",
            "9999-12-31T23:59:59.999999+00:00",
            "0001-01-01T00:00:00+00:00",
            "1900-03-01T00:00:00+14:00",
        ] {
            assert_eq!(Timestamp::parse(text).unwrap().spell(), text);
        }
        assert_eq!(Timestamp::parse("1970-01-01T09:00:01+09:00").unwrap().micros, SECOND);
        assert_eq!(Timestamp::parse("2000-03-01T00:00:00Z").unwrap().micros, 951_868_800 * SECOND);
    }

    #[test]
    fn the_time_of_a_change_is_later_than_that_of_the_one_before_and_has_a_fraction() {
        let far = Timestamp::parse("9000-01-01T00:00:00.999999+00:00").unwrap();
        let next = Timestamp::now_after(far);
        assert_eq!(next.micros, far.micros + 2);
        assert!(Timestamp::now_after(Timestamp { micros: 0, offset: 0 }).micros > 0);
    }
}

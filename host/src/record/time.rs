//! Points in time: how the datastore spells them, and the clock that gives them.

use std::fmt::{self, Write as _};
use std::ops::RangeInclusive;
use std::sync::Arc;

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time, date};
use jiff::tz::{Offset, TimeZone as Zone};

use super::InvalidValue;

/// Bytes of a time as `isoformat()` spells it, with a fraction and an offset.
const ISOFORMAT_BYTES: usize = 32;

const EPOCH: DateTime = date(1970, 1, 1).at(0, 0, 0, 0);

/// The first and the last microsecond of the years 1 to 9999 in UTC. No Python `datetime` is beyond them.
const PORTABLE: RangeInclusive<i64> = -62_135_596_800_000_000..=253_402_300_799_999_999;

/// A greater number since the Unix epoch is one of milliseconds.
const MAX_UNIX_SECONDS: f64 = 2e10;

/// The time zone in which the host writes times, and in which a time without an offset is taken to be.
#[derive(Debug, Clone)]
pub struct TimeZone(Zone);

impl TimeZone {
    /// A zone by its IANA name, such as `Asia/Seoul`. The database is built in.
    ///
    /// # Errors
    /// [`InvalidValue`] if the database has no such zone.
    pub fn named(name: &str) -> Result<Self, InvalidValue> {
        let unknown = |_| InvalidValue::new("time zone", name, "it is not the name of an IANA time zone");
        Zone::get(name).map(Self).map_err(unknown)
    }

    /// Coordinated Universal Time.
    pub fn utc() -> Self {
        Self(Zone::UTC)
    }

    /// Its IANA name.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }
}

/// A point in time to the microsecond, with the text it was read from.
///
/// Two timestamps compare by instant, however they are spelled.
#[derive(Debug, Clone)]
pub struct Timestamp {
    text: Arc<str>,
    offset: Offset,
    /// Microseconds since the Unix epoch.
    micros: i64,
}

impl Timestamp {
    /// Reads a time as the Python package does: an ISO 8601 date and time, with `T`, a space or an underscore between
    /// them, any number of fraction digits (those past the sixth are dropped), and an offset of `Z` or hours and minutes;
    /// or the seconds since the Unix epoch, which are milliseconds if there are more than 20,000,000,000. A time without
    /// an offset is taken to be in `zone`, one that is only a date to be its midnight.
    ///
    /// # Errors
    /// [`InvalidValue`] if the text is not a time of these kinds.
    pub fn parse(text: &str, zone: &TimeZone) -> Result<Self, InvalidValue> {
        match IsoTime::read(text) {
            Some(time) => Ok(time.resolve(text, zone)),
            // A string has a point where a number may have an exponent alone.
            None if text.contains('.') || !text.contains(['e', 'E']) => Self::from_unix(text),
            None => Err(not_a_time(text)),
        }
    }

    /// Reads an ISO 8601 date and time that names its offset.
    ///
    /// # Errors
    /// [`InvalidValue`] if the text is not a time of that kind, or has no offset.
    pub fn parse_with_offset(text: &str) -> Result<Self, InvalidValue> {
        match IsoTime::read(text) {
            Some(time) if time.offset.is_some() => Ok(time.resolve(text, &TimeZone::utc())),
            Some(_) => Err(InvalidValue::new("timestamp", text, "it has no offset")),
            None => Err(not_a_time(text)),
        }
    }

    /// Reads the seconds or milliseconds since the Unix epoch, told apart as the Python package does.
    pub(super) fn from_unix(text: &str) -> Result<Self, InvalidValue> {
        unix_micros(text).and_then(|micros| Self::spell(micros, Offset::UTC)).ok_or_else(|| not_a_time(text))
    }

    /// Whether its year in UTC is one that every reader of the datastore can hold.
    pub(super) fn is_portable(&self) -> bool {
        PORTABLE.contains(&self.micros)
    }

    /// The instant so many milliseconds after the Unix epoch, as a clock in this zone spells it.
    pub(crate) fn from_millis(millis: i64, zone: &TimeZone) -> Option<Self> {
        let instant = jiff::Timestamp::from_millisecond(millis).ok()?;
        Self::spell(instant.as_microsecond(), zone.0.to_offset(instant))
    }

    /// The instant `micros` microseconds after the Unix epoch, spelled with `offset`, as Python's `isoformat()` does.
    fn spell(micros: i64, offset: Offset) -> Option<Self> {
        // A zone of long ago may have an offset with seconds, which no reader takes.
        let offset = Offset::from_seconds(offset.seconds() / 60 * 60).unwrap_or(Offset::UTC);
        let since_epoch = SignedDuration::from_micros(micros) + SignedDuration::from_secs(offset.seconds().into());
        let local = EPOCH.checked_add(since_epoch).ok()?;
        let (year, month, day) = (local.year(), local.month(), local.day());
        let (hour, minute, second) = (local.hour(), local.minute(), local.second());
        let fraction = micros.rem_euclid(1_000_000);
        let east = offset.seconds();
        let (sign, east) = if east < 0 { ('-', -east) } else { ('+', east) };
        let (east_hours, east_minutes) = (east / 3_600, east / 60 % 60);
        let mut text = String::with_capacity(ISOFORMAT_BYTES);
        // Writing into a string cannot fail.
        let _ = write!(text, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
        if fraction != 0 {
            let _ = write!(text, ".{fraction:06}");
        }
        let _ = write!(text, "{sign}{east_hours:02}:{east_minutes:02}");
        Some(Self { text: text.into(), offset, micros })
    }

    /// The text that it was read from, or was written with.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Microseconds since the Unix epoch.
    pub fn micros(&self) -> i64 {
        self.micros
    }

    /// The same instant as `isoformat()` spells it: six digits of fraction, or none when they are zero, and a numeric
    /// offset.
    pub fn to_isoformat(&self) -> Self {
        // Most are, and it costs less to see that than to spell them anew.
        if is_isoformat(&self.text) {
            return self.clone();
        }
        Self::spell(self.micros, self.offset).unwrap_or_else(|| self.clone())
    }
}

fn not_a_time(text: &str) -> InvalidValue {
    InvalidValue::new("timestamp", text, "it is not an ISO 8601 date and time with an offset of hours and minutes")
}

/// Whether a time that was read is spelled as `isoformat()` spells it.
fn is_isoformat(text: &str) -> bool {
    let Some((time, offset)) = text.len().checked_sub(6).and_then(|end| text.split_at_checked(end)) else {
        return false;
    };
    let has_usual_fraction = match time.split_at_checked(19) {
        Some((_, "")) => true,
        Some((_, fraction)) => fraction.len() == 7 && fraction.starts_with('.') && fraction != ".000000",
        None => false,
    };
    let has_usual_offset = matches!(offset.as_bytes(), [b'+' | b'-', _, _, b':', _, _]) && offset != "-00:00";
    time.as_bytes().get(10) == Some(&b'T') && has_usual_fraction && has_usual_offset
}

/// A date and time as it is spelled.
struct IsoTime {
    local: DateTime,
    /// Seconds east of Greenwich.
    offset: Option<i32>,
}

impl IsoTime {
    /// Reads the spellings of ISO 8601 that the Python package reads, and no others.
    fn read(text: &str) -> Option<Self> {
        let mut rest = text;
        let rest = &mut rest;
        let year = digits(rest, 4).filter(|year| *year > 0)?;
        one_of(rest, "-")?;
        let month = digits(rest, 2)?;
        one_of(rest, "-")?;
        let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(digits(rest, 2)?).ok()?).ok()?;
        if rest.is_empty() {
            return Some(Self { local: date.to_datetime(Time::midnight()), offset: None });
        }
        one_of(rest, "Tt _")?;
        let hour = digits(rest, 2)?;
        one_of(rest, ":")?;
        let minute = digits(rest, 2)?;
        let (mut second, mut micros) = (0, 0);
        if one_of(rest, ":").is_some() {
            second = digits(rest, 2)?;
            if one_of(rest, ".,").is_some() {
                micros = fraction(rest)?;
            }
        }
        let [hour, minute, second] = [hour, minute, second].map(|part| i8::try_from(part).unwrap_or(i8::MAX));
        let local = date.to_datetime(Time::new(hour, minute, second, micros * 1_000).ok()?);
        let offset = match one_of(rest, "Zz+-\u{2212}") {
            None => None,
            Some('Z' | 'z') => Some(0),
            Some(sign) => {
                let hours = digits(rest, 2).filter(|hours| *hours < 24)?;
                one_of(rest, ":");
                let minutes = digits(rest, 2).filter(|minutes| *minutes < 60)?;
                let east = i32::from(hours) * 3_600 + i32::from(minutes) * 60;
                Some(if sign == '+' { east } else { -east })
            }
        };
        rest.is_empty().then_some(Self { local, offset })
    }

    /// The instant that is meant; `zone` says what offset is, if the text does not.
    fn resolve(self, text: &str, zone: &TimeZone) -> Timestamp {
        let in_zone = || zone.0.to_ambiguous_timestamp(self.local).compatible().map(|at| zone.0.to_offset(at)).ok();
        let offset = self.offset.map_or_else(in_zone, |east| Offset::from_seconds(east).ok()).unwrap_or(Offset::UTC);
        let since_epoch = self.local.duration_since(EPOCH) - SignedDuration::from_secs(offset.seconds().into());
        let micros = i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX);
        Timestamp { text: text.into(), offset, micros }
    }
}

/// Takes a number of so many digits off the beginning of a text.
fn digits(rest: &mut &str, width: usize) -> Option<i16> {
    let (number, after) = rest.split_at_checked(width)?;
    *rest = after;
    number.bytes().try_fold(0_i16, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| i16::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// Takes one of these characters off the beginning of a text.
fn one_of(rest: &mut &str, wanted: &str) -> Option<char> {
    let first = rest.chars().next().filter(|c| wanted.contains(*c))?;
    *rest = &rest[first.len_utf8()..];
    Some(first)
}

/// Takes the digits of a fraction off the beginning of a text: its microseconds.
fn fraction(rest: &mut &str) -> Option<i32> {
    let (digits, after) = rest.split_at(rest.bytes().take_while(u8::is_ascii_digit).count());
    *rest = after;
    let micros: i32 = digits.get(..6).unwrap_or(digits).parse().ok()?;
    Some(micros * 10_i32.pow(6_u32.saturating_sub(digits.len() as u32)))
}

/// The microseconds in a number of seconds or milliseconds since the Unix epoch.
fn unix_micros(text: &str) -> Option<i64> {
    let (value, whole) = match text.parse::<i64>() {
        Ok(whole) => (whole as f64, whole),
        Err(_) => text.parse().ok().map(|value: f64| (value, value.floor() as i64))?,
    };
    let unit = if value.abs() > MAX_UNIX_SECONDS { 1_000 } else { 1_000_000 };
    let part = ((value - value.floor()) * unit as f64).round() as i64;
    whole.checked_mul(unit)?.checked_add(part).filter(|micros| value.is_finite() && PORTABLE.contains(micros))
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl PartialEq for Timestamp {
    fn eq(&self, other: &Self) -> bool {
        self.micros == other.micros
    }
}

impl Eq for Timestamp {}

impl PartialOrd for Timestamp {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timestamp {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.micros.cmp(&other.micros)
    }
}

/// Gives the present time.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Now. Its fraction is never zero, so that a spelled time always has the same width.
    fn now(&self) -> Timestamp;

    /// The zone in which times are written, and times without an offset are taken to be.
    fn zone(&self) -> &TimeZone;
}

/// The system's clock.
#[derive(Debug, Clone)]
pub struct SystemClock {
    zone: TimeZone,
}

impl SystemClock {
    /// The system's clock, spelled in `zone`.
    pub fn new(zone: TimeZone) -> Self {
        Self { zone }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let now = jiff::Timestamp::now();
        let micros = with_fraction(now.as_microsecond());
        Timestamp::spell(micros, self.zone.0.to_offset(now)).unwrap_or_else(|| Timestamp {
            text: "1970-01-01T00:00:00.000001+00:00".into(),
            offset: Offset::UTC,
            micros: 1,
        })
    }

    fn zone(&self) -> &TimeZone {
        &self.zone
    }
}

/// The next microsecond whose fraction is not zero, this one included.
fn with_fraction(micros: i64) -> i64 {
    if micros.rem_euclid(1_000_000) == 0 { micros + 1 } else { micros }
}

/// `now`, or the microsecond after `before` if that is later: a change leaves a record with a later time than it found.
pub(crate) fn later_than(before: &Timestamp, now: &Timestamp) -> Timestamp {
    if now > before {
        return now.clone();
    }
    let next = before.micros.checked_add(1);
    next.and_then(|micros| Timestamp::spell(with_fraction(micros), now.offset)).unwrap_or_else(|| now.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seoul() -> TimeZone {
        TimeZone::named("Asia/Seoul").unwrap()
    }

    fn read(text: &str) -> Timestamp {
        Timestamp::parse(text, &seoul()).unwrap()
    }

    #[test]
    fn every_spelling_that_others_use_is_read() {
        for (text, isoformat) in [
            ("2025-11-17T10:00:16.515926+09:00", "2025-11-17T10:00:16.515926+09:00"),
            ("2025-11-17T01:00:16.5Z", "2025-11-17T01:00:16.500000+00:00"),
            ("2025-11-17t01:00:16z", "2025-11-17T01:00:16+00:00"),
            ("2025-11-17 01:00:16.1234567899+05:30", "2025-11-17T01:00:16.123456+05:30"),
            ("2025-11-17T01:00:16", "2025-11-17T01:00:16+09:00"),
            ("2025-11-17T01:00", "2025-11-17T01:00:00+09:00"),
            ("2025-11-17", "2025-11-17T00:00:00+09:00"),
            ("2025-11-16T17:00:16.515926-08:00", "2025-11-16T17:00:16.515926-08:00"),
            ("1969-12-31T23:59:59.999999+00:00", "1969-12-31T23:59:59.999999+00:00"),
            ("2025-11-17_10:00:16,5\u{2212}0930", "2025-11-17T10:00:16.500000-09:30"),
            // Nearly as they are to be.
            ("2025-11-17T10:00:16.000000+09:00", "2025-11-17T10:00:16+09:00"),
            ("2025-11-17T10:00:16.515926-00:00", "2025-11-17T10:00:16.515926+00:00"),
            ("2025-11-17T10:00:16,515926+09:00", "2025-11-17T10:00:16.515926+09:00"),
            ("2025-11-17 10:00:16.515926+09:00", "2025-11-17T10:00:16.515926+09:00"),
            ("2025-11-17T10:00:16.51592+09:00", "2025-11-17T10:00:16.515920+09:00"),
            ("2025-11-17T10:00:16.5159260+09:00", "2025-11-17T10:00:16.515926+09:00"),
            ("2025-11-17T10:00:16.5159261+0900", "2025-11-17T10:00:16.515926+09:00"),
            ("2025-11-17T10:00:16.51592612Z", "2025-11-17T10:00:16.515926+00:00"),
            // Seoul was 8 h 27 min 52 s east of Greenwich, and no reader takes seconds in an offset.
            ("1905-01-01T00:00:00", "1904-12-31T23:59:08+08:27"),
        ] {
            let time = read(text);
            assert_eq!(time.as_str(), text);
            assert_eq!(time.to_isoformat().as_str(), isoformat);
            assert_eq!(time.to_isoformat(), time);
        }
    }

    #[test]
    fn what_is_no_time_is_refused_by_name() {
        for text in [
            "",
            "now",
            "2025-13-01T00:00:00Z",
            "12:00",
            "-000001-01-01T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "2025-11-17T10:00:16+09:00[Asia/Seoul]",
            "2025-11-17T10:00:16+24:00",
            "2025-11-17T10:00:16-25:59",
            "2025-11-17T10:00:16+09:60",
            "2025-11-17T10:00:16+09:00:30",
            "2025-11-17T10:00:16+09",
            "2025-11-17T10:00:16.Z",
            "2025-11-17T10:00.5Z",
            "2025-11-17T10:00:60Z",
            "2025-11-17T",
            "2025-11-17Z",
            "20251117T100016Z",
            " 2025-11-17T10:00:16Z",
            "2025-11-17T10:00:16Z\n",
            "1e9",
            "NaN",
            "1763341216515926",
        ] {
            for result in [Timestamp::parse(text, &seoul()), Timestamp::parse_with_offset(text)] {
                let error = result.unwrap_err().to_string();
                assert!(error.starts_with(&format!("invalid timestamp {text:?}")), "{error}");
            }
        }
        for text in ["2025-11-17T10:00:16", "1763341216"] {
            assert!(Timestamp::parse_with_offset(text).is_err(), "{text}");
        }
        assert!(TimeZone::named("Mars/Olympus").is_err());
    }

    #[test]
    fn times_compare_by_instant() {
        assert_eq!(read("2025-11-17T10:00:16+09:00"), read("2025-11-17T01:00:16.000Z"));
        assert!(read("2025-11-17T10:00:16+09:00") < read("2025-11-17T01:00:16.000001Z"));
    }

    #[test]
    fn a_later_time_has_a_fraction_and_the_usual_width() {
        let now = read("2025-11-17T10:00:16.515926+09:00");
        assert_eq!(later_than(&read("2025-11-17T10:00:16.5+09:00"), &now).as_str(), now.as_str());
        let ahead = read("2030-01-01T00:00:00.999999+00:00");
        let later = later_than(&ahead, &now);
        assert!(later > ahead);
        assert_eq!(later.as_str(), "2030-01-01T09:00:01.000001+09:00");
        assert!(!later_than(&read("9999-12-31T23:59:59.999999-23:00"), &now).as_str().is_empty());
        assert_eq!(SystemClock::new(seoul()).now().as_str().len(), now.as_str().len());
    }
}

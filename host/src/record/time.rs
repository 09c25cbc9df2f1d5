//! Points in time: how the datastore spells them, and the clock that gives them.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use jiff::SignedDuration;
use jiff::civil::{DateTime, date};
use jiff::fmt::temporal::{DateTimeParser, PiecesOffset};
use jiff::tz::{Offset, TimeZone as Zone};

use super::InvalidValue;

/// Bytes of a time as `isoformat()` spells it, with a fraction and an offset.
const ISOFORMAT_BYTES: usize = 32;

const EPOCH: DateTime = date(1970, 1, 1).at(0, 0, 0, 0);

/// The time zone in which the host writes times, and in which a time without an offset is taken to be.
#[derive(Debug, Clone)]
pub struct TimeZone(Zone);

impl TimeZone {
    /// A zone by its IANA name, such as `Asia/Seoul`. The database is built in.
    ///
    /// # Errors
    /// [`InvalidValue`] if the database has no such zone.
    pub fn named(name: &str) -> Result<Self, InvalidValue> {
        Zone::get(name).map(Self).map_err(|_| InvalidValue::new("time zone", name, "it is no IANA time zone name"))
    }

    /// Coordinated Universal Time.
    pub fn utc() -> Self {
        Self(Zone::UTC)
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
    /// Reads an ISO 8601 date and time: `T`, a space or an underscore between them, any number of fraction digits (those
    /// past the sixth are dropped), an offset of `Z` or hours and minutes. One without an offset is taken to be in
    /// `zone`, one without a time to be midnight.
    ///
    /// # Errors
    /// [`InvalidValue`] if the text is nothing of that kind.
    pub fn parse(text: &str, zone: &TimeZone) -> Result<Self, InvalidValue> {
        Self::parse_in(text, Some(zone))
    }

    /// Reads an ISO 8601 date and time that names its offset: what [`parse`](Self::parse) takes, but for that.
    ///
    /// # Errors
    /// [`InvalidValue`] if the text is nothing of that kind, or has no offset.
    pub fn parse_with_offset(text: &str) -> Result<Self, InvalidValue> {
        Self::parse_in(text, None)
    }

    fn parse_in(text: &str, zone: Option<&TimeZone>) -> Result<Self, InvalidValue> {
        let invalid = |why: String| InvalidValue::new("timestamp", text, why);
        let plain = plain(text);
        let pieces = DateTimeParser::new()
            .parse_pieces(&plain)
            .map_err(|_| invalid("it is no ISO 8601 date and time with an offset".to_owned()))?;
        if pieces.time_zone_annotation().is_some() {
            return Err(invalid("a zone in brackets is not allowed".to_owned()));
        }
        let local = pieces.date().to_datetime(pieces.time().unwrap_or_default());
        let offset = match (pieces.offset(), zone) {
            (Some(PiecesOffset::Zulu), _) => Offset::UTC,
            (Some(PiecesOffset::Numeric(numeric)), _) => numeric.offset(),
            (_, Some(zone)) => {
                zone.0.to_ambiguous_timestamp(local).compatible().map(|at| zone.0.to_offset(at)).unwrap_or(Offset::UTC)
            }
            (_, None) => return Err(invalid("it has no offset".to_owned())),
        };
        if !(1..=9999).contains(&local.year()) {
            return Err(invalid("its year is not between 1 and 9999".to_owned()));
        }
        let since_epoch = local.duration_since(EPOCH) - SignedDuration::from_secs(offset.seconds().into());
        let micros = since_epoch.as_nanos().div_euclid(1_000);
        Ok(Self { text: text.into(), offset, micros: i64::try_from(micros).unwrap_or(i64::MAX) })
    }

    /// The instant `micros` microseconds after the Unix epoch, spelled with `offset`, as Python's `isoformat()` does.
    fn spell(micros: i64, offset: Offset) -> Option<Self> {
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
        Self::spell(self.micros, self.offset).unwrap_or_else(|| self.clone())
    }
}

/// The text with its date and time separated by `T` and at most nine digits of fraction.
fn plain(text: &str) -> String {
    let mut plain: String =
        text.char_indices().map(|(at, c)| if at == 10 && matches!(c, ' ' | '_' | 't') { 'T' } else { c }).collect();
    if let Some(point) = plain.find(['.', ',']) {
        let digits = plain[point + 1..].bytes().take_while(u8::is_ascii_digit).count();
        if digits > 9 {
            plain.replace_range(point + 10..point + 1 + digits, "");
        }
    }
    plain
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
    before
        .micros
        .checked_add(1)
        .and_then(|micros| Timestamp::spell(with_fraction(micros), now.offset))
        .unwrap_or_else(|| now.clone())
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
            "2025-11-17T10:00:16+09:00[Asia/Seoul]",
        ] {
            let error = Timestamp::parse(text, &seoul()).unwrap_err().to_string();
            assert!(error.starts_with(&format!("invalid timestamp {text:?}")), "{error}");
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

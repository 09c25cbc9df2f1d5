//! How far a task has come. It is kept beside the record, which other programs rewrite without what they do not know.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::InvalidValue;

/// How far a task has come: so many units of any kind, of so many in all if that is known, and a few words on what is done
/// now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    done: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl Progress {
    /// The progress of a task.
    ///
    /// # Errors
    /// [`InvalidValue`] if more is done than there is in all.
    pub fn new(done: u64, total: Option<u64>, note: Option<String>) -> Result<Self, InvalidValue> {
        match total {
            Some(total) if done > total => {
                let why = format!("it is more than the total of {total}");
                Err(InvalidValue::new("progress", &done.to_string(), why))
            }
            _ => Ok(Self { done, total, note }),
        }
    }

    /// How many units are done.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// How many there are in all.
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    /// What is done now.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// The whole per cent that are done, if the total is known. All of nothing is all.
    pub fn percent(&self) -> Option<u64> {
        let total = u128::from(self.total?);
        let percent = (u128::from(self.done) * 100).checked_div(total).unwrap_or(100);
        u64::try_from(percent).ok()
    }

    /// The text that stores keep.
    pub(crate) fn encode(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What a store has kept. None if it is not what [`encode`](Self::encode) gives.
    pub(crate) fn decode(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

/// As people read it: `30 of 120 (25 %), reading rows`.
impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.done)?;
        if let (Some(total), Some(percent)) = (self.total, self.percent()) {
            write!(f, " of {total} ({percent} %)")?;
        }
        self.note.iter().try_for_each(|note| write!(f, ", {note}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(done: u64, total: Option<u64>, note: Option<&str>) -> Progress {
        Progress::new(done, total, note.map(str::to_owned)).unwrap()
    }

    #[test]
    fn it_reads_as_people_say_it_and_comes_back_from_a_store_as_it_went() {
        for (progress, shown) in [
            (progress(30, Some(120), Some("reading rows")), "30 of 120 (25 %), reading rows"),
            (progress(7, None, None), "7"),
            (progress(0, Some(0), None), "0 of 0 (100 %)"),
            (progress(2, Some(3), Some("")), "2 of 3 (66 %), "),
            (progress(u64::MAX, Some(u64::MAX), None), "18446744073709551615 of 18446744073709551615 (100 %)"),
        ] {
            assert_eq!(progress.to_string(), shown);
            assert_eq!(Progress::decode(&progress.encode()), Some(progress));
        }
        assert_eq!(Progress::decode("what others have left there"), None);
    }

    #[test]
    fn no_more_is_done_than_there_is() {
        let error = Progress::new(11, Some(10), None).unwrap_err().to_string();
        assert_eq!(error, "invalid progress \"11\": it is more than the total of 10");
    }
}

//! Entries of a log: how they are told, and how one knows them again.

use serde::Serialize;
use task_state_host::record::{TaskId, Timestamp};
use task_state_host::store::{Access, Result, SharedStore};

/// How many entries one event has at the most, and how many bytes of them.
pub(super) const MAX_EVENT: usize = 500;
pub(super) const MAX_EVENT_BYTES: usize = 256 << 10;

/// How many bytes of entries are read at once for one who is behind: the most that he costs.
const MAX_PAGE_BYTES: usize = 1 << 20;

/// The longest text that is looked at for a time.
const MAX_TIME_BYTES: usize = 40;

/// An entry of a log, with its time apart if it has one.
#[derive(Debug, Serialize)]
pub(crate) struct Entry<'a> {
    time: Option<&'a str>,
    message: &'a str,
}

impl<'a> Entry<'a> {
    /// An entry as it stands in the log: `<time>,<message>`.
    pub(crate) fn of(text: &'a str) -> Self {
        match text.split_once(',') {
            Some((time, message)) if time.len() <= MAX_TIME_BYTES && Timestamp::parse_with_offset(time).is_ok() => {
                Self { time: Some(time), message }
            }
            _ => Self { time: None, message: text },
        }
    }

    /// Its JSON.
    pub(super) fn encode(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Some entries of a log.
#[derive(Debug)]
pub(crate) struct Page {
    /// When the task was registered: another task may have its id later.
    pub(crate) born: i64,
    /// What the entries before them add up to.
    pub(super) before: Sum,
    /// The entries.
    pub(crate) entries: Vec<String>,
    /// How many the log has.
    pub(crate) total: usize,
}

/// Entries of a log from one on, as many as one who is behind is given at once.
pub(crate) async fn page_of(store: &SharedStore, id: &TaskId, access: &Access, from: usize) -> Result<Page> {
    let record = store.get(id, access).await?;
    let (born, mut logs) = (record.created_at().micros(), record.logs());
    drop(record);
    let total = logs.len();
    let from = from.min(total);
    let before = logs[..from].iter().fold(Sum::EMPTY, |sum, entry| sum.and(entry));
    logs.drain(..from);
    let mut bytes = 0;
    let fits = logs.iter().take_while(|entry| {
        bytes += entry.len();
        bytes <= MAX_PAGE_BYTES
    });
    let fits = fits.count().max(1);
    logs.truncate(fits);
    logs.shrink_to_fit();
    Ok(Page { born, before, entries: logs, total })
}

/// What entries add up to, in their order: other entries have another sum, as good as surely. The same in every process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sum(pub(super) u64);

impl Sum {
    /// That of no entries.
    pub(super) const EMPTY: Self = Self(0xcbf2_9ce4_8422_2325);

    /// The sum with one more entry: FNV-1a over its bytes, and one that is in no text.
    pub(super) fn and(self, entry: &str) -> Self {
        let bytes = entry.bytes().chain([0xff]);
        Self(bytes.fold(self.0, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)))
    }
}

/// A number by which a text is known again; never 0, which is that of none.
pub(super) fn digest(text: &str) -> u64 {
    Sum::EMPTY.and(text).0.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_an_entry_is_told_apart_if_there_is_one() {
        for (text, time, message) in [
            ("2026-11-24T07:58:21.839261+09:00,hello, alice", Some("2026-11-24T07:58:21.839261+09:00"), "hello, alice"),
            ("2026-11-24T07:58:21Z,", Some("2026-11-24T07:58:21Z"), ""),
            ("hello, alice", None, "hello, alice"),
            ("hello", None, "hello"),
            (",", None, ","),
        ] {
            let entry = Entry::of(text);
            assert_eq!((entry.time, entry.message), (time, message), "{text}");
        }
    }

    #[test]
    fn other_entries_have_another_sum() {
        let sum = |entries: &[&str]| entries.iter().fold(Sum::EMPTY, |sum, entry| sum.and(entry));
        assert_ne!(sum(&["a", "b"]), sum(&["ab"]));
        assert_ne!(sum(&["a", "b"]), sum(&["b", "a"]));
        assert_ne!(sum(&[""]), sum(&[]));
        assert_eq!(sum(&["a", "b"]), sum(&["a"]).and("b"));
    }
}

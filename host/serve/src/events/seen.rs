//! What a watcher has seen of a task. It is the id of each event, so that any process can go on from there.

use std::fmt;
use std::str::FromStr;

use task_state_host::record::Status;

use super::entries::Sum;

/// What a watcher has seen of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// When the task was registered, in microseconds: another one may have its id. None before anything was seen.
    pub(super) born: Option<i64>,
    /// How many entries.
    pub(super) entries: usize,
    /// What they add up to, if that is known.
    pub(super) sum: Option<Sum>,
    /// The status.
    pub(super) status: Option<Status>,
    /// The digest of the progress, 0 for none.
    pub(super) progress: u64,
    /// The digest of the output, 0 for none.
    pub(super) output: u64,
}

impl Seen {
    /// Nothing but so many entries, whatever they say.
    pub(crate) fn entries(entries: usize) -> Self {
        let sum = (entries == 0).then_some(Sum::EMPTY);
        Self { born: None, entries, sum, status: None, progress: 0, output: 0 }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { born, entries, sum, status, progress, output } = self;
        let (born, sum) = (born.unwrap_or_default(), sum.map_or(0, |Sum(sum)| sum));
        let status = status.map_or("none", Status::as_str);
        write!(f, "{born}.{entries}.{sum:x}.{status}.{progress:x}.{output:x}")
    }
}

/// It is no id that an event of a task has.
#[derive(Debug)]
pub(crate) struct NoId;

impl FromStr for Seen {
    type Err = NoId;

    fn from_str(text: &str) -> Result<Self, NoId> {
        let parts: Vec<&str> = text.split('.').collect();
        let [born, entries, sum, status, progress, output] = parts[..] else { return Err(NoId) };
        let hex = |text: &str| u64::from_str_radix(text, 16).map_err(|_| NoId);
        Ok(Self {
            born: Some(born.parse().map_err(|_| NoId)?),
            entries: entries.parse().map_err(|_| NoId)?,
            sum: Some(Sum(hex(sum)?)),
            status: if status == "none" { None } else { Some(status.parse().map_err(|_| NoId)?) },
            progress: hex(progress)?,
            output: hex(output)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_was_written() {
        let nothing = Seen { born: Some(1), ..Seen::entries(0) };
        let much = Seen {
            born: Some(-5),
            entries: 17,
            sum: Some(Sum(u64::MAX)),
            status: Some(Status::CancelRequested),
            progress: 3,
            output: u64::MAX,
        };
        for seen in [nothing, much] {
            assert_eq!(seen.to_string().parse::<Seen>().unwrap(), seen);
        }
        for bad in [
            "",
            "1",
            "1.2.3.running.5",
            "1.2.3.walking.5.6",
            "1.-2.3.running.5.6",
            "1.2.3.running.5.6.7",
            "앨.2.3.running.5.6",
        ] {
            assert!(bad.parse::<Seen>().is_err(), "{bad}");
        }
    }
}

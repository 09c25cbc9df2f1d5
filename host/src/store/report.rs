//! What a check of a store finds.

use std::fmt;

/// How many disagreements a report lists. Further ones are counted: what a check finds may be as large as the store.
pub const MAX_FINDINGS: usize = 10_000;

/// What a check went over, found and mended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Records that were looked at.
    pub records: u64,
    /// Index entries that were looked at.
    pub entries: u64,
    /// The first [`MAX_FINDINGS`] disagreements, in the order in which they were found.
    pub findings: Vec<Finding>,
    /// Disagreements beyond those that are listed and that were repaired.
    pub more_repaired: usize,
    /// Disagreements beyond those that are listed and that are left.
    pub more_remaining: usize,
}

impl Report {
    /// How many disagreements were found.
    pub fn found(&self) -> usize {
        self.findings.len() + self.more_repaired + self.more_remaining
    }

    /// How many disagreements are left: those that were not repaired.
    pub fn remaining(&self) -> usize {
        self.findings.iter().filter(|finding| !finding.repaired).count() + self.more_remaining
    }

    /// Lists a disagreement, or counts it if there are too many.
    pub(crate) fn add(&mut self, finding: Finding) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(finding);
        } else if finding.repaired {
            self.more_repaired += 1;
        } else {
            self.more_remaining += 1;
        }
    }
}

/// One disagreement.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What kind of disagreement it is.
    pub kind: FindingKind,
    /// Where: a key, or a member of one.
    pub place: String,
    /// Whether it was repaired.
    pub repaired: bool,
}

impl Finding {
    /// A finding that was not repaired.
    pub(crate) fn new(kind: FindingKind, place: impl Into<String>) -> Self {
        Self { kind, place: place.into(), repaired: false }
    }

    /// The same, repaired or not.
    pub(crate) fn repaired(self, repaired: bool) -> Self {
        Self { repaired, ..self }
    }
}

/// The kinds of disagreement between records and indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FindingKind {
    /// An index names a task, or a user, that is not there.
    StaleEntry,
    /// A task is missing from one of its indexes.
    MissingEntry,
    /// A record has no metadata, or metadata that names another owner.
    Metadata,
    /// A key that must expire never would, or an index would before its records.
    Expiry,
    /// A run has the task no longer, because its host is gone: the task is ended.
    Orphan,
    /// A record is empty: others read it as a task that is not there.
    Empty,
    /// A record cannot be read. Not repaired: its text may still be worth something.
    Unreadable,
    /// A key holds a value of another type. Not repaired.
    WrongType,
    /// A member of an index is no text. Not repaired.
    Undecodable,
    /// A key that begins like an index is none that a store has. Not repaired.
    Foreign,
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::StaleEntry => "stale entry",
            Self::MissingEntry => "missing entry",
            Self::Metadata => "metadata",
            Self::Expiry => "expiry",
            Self::Orphan => "orphaned task",
            Self::Empty => "empty record",
            Self::Unreadable => "unreadable record",
            Self::WrongType => "wrong type",
            Self::Undecodable => "undecodable member",
            Self::Foreign => "foreign key",
        })
    }
}

//! The stages of a task's life, and its priority.

use std::fmt;
use std::str::FromStr;

/// An enum whose cases are words of the stored record.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$case_doc:meta])* $case:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub enum $name {
            $($(#[$case_doc])* $case,)+
        }

        impl $name {
            /// Every one, in the order in which they are declared.
            pub const ALL: [Self; [$($word),+].len()] = [$(Self::$case),+];

            /// The spelling in the stored record, such as `low` or `cancel_requested`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$case => $word,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = ParseError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let found = Self::ALL.into_iter().find(|word| word.as_str() == text);
                found.ok_or_else(|| ParseError { what: $what, value: text.to_owned() })
            }
        }
    };
}

words! {
    /// A stage in the life of a task. A status moves forward only, in this order; steps may be skipped.
    TaskStatus, "status" {
        /// Registered, not yet picked up.
        #[default]
        Pending = "pending",
        /// Picked up by a scheduler, not yet started.
        Dispatching = "dispatching",
        /// At work.
        Running = "running",
        /// Ended well. Terminal.
        Completed = "completed",
        /// Ended with an error. Terminal.
        Failed = "failed",
        /// Someone has asked for the task to stop.
        CancelRequested = "cancel_requested",
        /// Stopped because it was asked to. Terminal.
        Cancelled = "cancelled",
    }
}

words! {
    /// How urgently the platform should schedule a task.
    Priority, "priority" {
        /// Before the others.
        High = "high",
        /// The default.
        #[default]
        Low = "low",
    }
}

impl TaskStatus {
    /// Whether the task has ended.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// A text that names no status or no priority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    what: &'static str,
    value: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no {}", self.value, self.what)
    }
}

impl std::error::Error for ParseError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_as_it_is_written() {
        for status in TaskStatus::ALL {
            assert_eq!(status.to_string().parse(), Ok(status));
        }
        for priority in Priority::ALL {
            assert_eq!(priority.to_string().parse(), Ok(priority));
        }
        let error = |read: Result<(), ParseError>| read.unwrap_err().to_string();
        assert_eq!(error("cancel-requested".parse::<TaskStatus>().map(drop)), "\"cancel-requested\" is no status");
        assert_eq!(error("urgent".parse::<Priority>().map(drop)), "\"urgent\" is no priority");
    }

    #[test]
    fn a_task_has_ended_when_it_completed_failed_or_was_cancelled() {
        let ended: Vec<_> = TaskStatus::ALL.into_iter().filter(|status| status.is_terminal()).collect();
        assert_eq!(ended, [TaskStatus::Completed, TaskStatus::Failed, TaskStatus::Cancelled]);
    }
}

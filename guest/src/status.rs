//! The stages of a task's life, and its priority.

use std::fmt;
use std::str::FromStr;

/// A stage in the life of a task. A status moves forward only, in this order; steps may be skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum TaskStatus {
    /// Registered, not yet picked up.
    #[default]
    Pending,
    /// Picked up by a scheduler, not yet started.
    Dispatching,
    /// At work.
    Running,
    /// Ended well. Terminal.
    Completed,
    /// Ended with an error. Terminal.
    Failed,
    /// Someone has asked for the task to stop.
    CancelRequested,
    /// Stopped because it was asked to. Terminal.
    Cancelled,
}

impl TaskStatus {
    /// Every status, in the order in which they are declared.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Dispatching,
        Self::Running,
        Self::Completed,
        Self::Failed,
        Self::CancelRequested,
        Self::Cancelled,
    ];

    /// The spelling in the stored record, such as `cancel_requested`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Dispatching => "dispatching",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::CancelRequested => "cancel_requested",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the task has ended.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

impl fmt::Display for TaskStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for TaskStatus {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let found = Self::ALL.into_iter().find(|status| status.as_str() == text);
        found.ok_or_else(|| ParseError { what: "status", value: text.to_owned() })
    }
}

/// How urgently the platform should schedule a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Priority {
    /// Before the others.
    High,
    /// The default.
    #[default]
    Low,
}

impl Priority {
    /// The spelling in the stored record.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Low => "low",
        }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Priority {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "high" => Ok(Self::High),
            "low" => Ok(Self::Low),
            _ => Err(ParseError { what: "priority", value: text.to_owned() }),
        }
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
    fn every_status_is_read_as_it_is_written() {
        for status in TaskStatus::ALL {
            assert_eq!(status.to_string().parse(), Ok(status));
        }
        assert_eq!(
            "cancel-requested".parse::<TaskStatus>().unwrap_err().to_string(),
            "\"cancel-requested\" is no status"
        );
    }

    #[test]
    fn every_priority_is_read_as_it_is_written() {
        for priority in [Priority::High, Priority::Low] {
            assert_eq!(priority.to_string().parse(), Ok(priority));
        }
        assert_eq!("urgent".parse::<Priority>().unwrap_err().to_string(), "\"urgent\" is no priority");
    }

    #[test]
    fn a_task_has_ended_when_it_completed_failed_or_was_cancelled() {
        let ended: Vec<_> = TaskStatus::ALL.into_iter().filter(|status| status.is_terminal()).collect();
        assert_eq!(ended, [TaskStatus::Completed, TaskStatus::Failed, TaskStatus::Cancelled]);
    }
}

//! The stages of a task's life and the moves between them.

/// An enum whose cases are words: of the wire, or of a manifest.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$case_doc:meta])* $case:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$case_doc])* $case,)+
        }

        impl $name {
            /// Every one, in the order in which they are declared.
            pub const ALL: [Self; [$($word),+].len()] = [$(Self::$case),+];

            /// The word.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$case => $word,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::record::InvalidValue;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let found = Self::ALL.into_iter().find(|word| word.as_str() == text);
                found.ok_or_else(|| {
                    let known = Self::ALL.map(Self::as_str).join(", ");
                    $crate::record::InvalidValue::new($what, text, format!("it must be one of {known}"))
                })
            }
        }
    };
}
pub(crate) use words;

words! {
    /// A stage in the life of a task.
    Status, "status" {
        /// Registered, not yet picked up.
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
    #[derive(Default)]
    Priority, "priority" {
        /// Before the others.
        High = "high",
        /// The default.
        #[default]
        Low = "low",
    }
}

impl Status {
    /// Whether the task has ended.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// Which moves between statuses a change may make. The same status again is not a move, and is always allowed; a save
/// replaces a record and may set any status.
///
/// Under [`Forward`](Self::Forward), the default:
///
/// | from | to |
/// |---|---|
/// | `pending` | `dispatching`, `running`, `completed`, `failed`, `cancel_requested`, `cancelled` |
/// | `dispatching` | `running`, `completed`, `failed`, `cancel_requested`, `cancelled` |
/// | `running` | `completed`, `failed`, `cancel_requested`, `cancelled` |
/// | `cancel_requested` | `completed`, `failed`, `cancelled` |
/// | `completed`, `failed`, `cancelled` | nothing |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum TransitionRule {
    /// A status moves forward only, as in the table above.
    #[default]
    Forward,
    /// Any status may follow any other, as in the Python package, which has no rule.
    Any,
}

impl TransitionRule {
    /// Whether a task may move from one status to another.
    pub const fn allows(self, from: Status, to: Status) -> bool {
        use Status::*;
        if matches!(self, Self::Any) {
            return true;
        }
        match from {
            Pending => true,
            Dispatching => !matches!(to, Pending),
            Running => !matches!(to, Pending | Dispatching),
            CancelRequested => !matches!(to, Pending | Dispatching | Running),
            Completed | Failed | Cancelled => from as u8 == to as u8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_is_exactly_the_documented_table() {
        use Status::*;
        let moves: &[(Status, &[Status])] = &[
            (Pending, &[Dispatching, Running, Completed, Failed, CancelRequested, Cancelled]),
            (Dispatching, &[Running, Completed, Failed, CancelRequested, Cancelled]),
            (Running, &[Completed, Failed, CancelRequested, Cancelled]),
            (CancelRequested, &[Completed, Failed, Cancelled]),
            (Completed, &[]),
            (Failed, &[]),
            (Cancelled, &[]),
        ];
        for &(from, allowed) in moves {
            for to in Status::ALL {
                let expected = from == to || allowed.contains(&to);
                assert_eq!(TransitionRule::Forward.allows(from, to), expected, "{from} to {to}");
                assert!(TransitionRule::Any.allows(from, to));
            }
        }
    }

    #[test]
    fn a_status_is_read_only_in_its_own_spelling() {
        for status in Status::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
        }
        let error = "PENDING".parse::<Status>().unwrap_err().to_string();
        assert!(error.starts_with("invalid status \"PENDING\": it must be one of pending, "), "{error}");
    }
}

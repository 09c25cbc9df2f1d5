//! Faults on purpose: errors and a cancellation that a guest meets at chosen calls, so that its author can see what it makes
//! of them.

use std::collections::HashMap;

use serde::Deserialize;

use super::bindings::dms::task_state::types::Error as GuestError;
use crate::record::{InvalidValue, Status};

/// The functions of the interface, as a fault names them. All but the last can fail.
const FUNCTIONS: [&str; 20] = [
    "current-task.get",
    "current-task.set-status",
    "current-task.log",
    "current-task.flush",
    "current-task.set-progress",
    "current-task.update-result",
    "current-task.set-active-jobs",
    "repository.next-task-id",
    "repository.peek-next-task-id",
    "repository.save",
    "repository.get",
    "repository.delete",
    "repository.set-status",
    "repository.append-logs",
    "repository.update-result",
    "repository.set-active-jobs",
    "repository.set-priority",
    "repository.list-tasks",
    "repository.list-users",
    "current-task.cancel-requested",
];

/// What a run meets on purpose. Two runs with the same faults that make the same calls meet the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Faults {
    /// Calls that answer an error and do nothing.
    pub errors: Vec<Fault>,
    /// Before which call of the run somebody asks for its task to stop: from 1, of any function.
    pub cancel_before: Option<u64>,
}

/// A call that answers an error and does nothing.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Fault {
    /// The function, such as `current-task.flush`.
    pub call: String,
    /// Which call of that function, from 1.
    pub nth: u64,
    /// What it answers.
    pub error: CallError,
}

impl Fault {
    /// A fault of the `nth` call of a function, from 1.
    ///
    /// # Errors
    /// [`InvalidValue`] if there is no such function or it cannot fail, or for the call 0.
    pub fn new(call: &str, nth: u64, error: CallError) -> Result<Self, InvalidValue> {
        let fault = Self { call: call.to_owned(), nth, error };
        fault.check()?;
        Ok(fault)
    }

    /// Whether such a call can be made, and can fail. One that was read from a file need not.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn check(&self) -> Result<(), InvalidValue> {
        let [fallible @ .., infallible] = &FUNCTIONS;
        if self.call == *infallible {
            return Err(InvalidValue::new("call", &self.call, "it cannot fail"));
        }
        if !fallible.contains(&self.call.as_str()) {
            let why = format!("it must be one of {}", fallible.join(", "));
            return Err(InvalidValue::new("call", &self.call, why));
        }
        if self.nth == 0 {
            return Err(InvalidValue::new("nth", "0", "calls are counted from 1"));
        }
        Ok(())
    }
}

/// An error of the interface, as files spell it: `"conflict"`, `{ unavailable = "the store is away" }`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CallError {
    /// No such task.
    NotFound,
    /// An argument that the store cannot hold.
    InvalidArgument(String),
    /// The plugin holds no grant for this.
    Denied(String),
    /// The task is not as the save's precondition wants it.
    Conflict,
    /// The task may not move from the status that it is in.
    InvalidTransition(WitStatus),
    /// The plugin has used up a quota.
    QuotaExceeded(String),
    /// The store did not answer in time.
    Unavailable(String),
    /// The store refused.
    Internal(String),
}

/// A status in the spelling of the interface, such as `cancel-requested`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct WitStatus(pub Status);

impl TryFrom<String> for WitStatus {
    type Error = InvalidValue;

    fn try_from(text: String) -> Result<Self, InvalidValue> {
        text.replace('-', "_").parse().map(Self)
    }
}

impl From<CallError> for GuestError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::NotFound => Self::NotFound,
            CallError::InvalidArgument(text) => Self::InvalidArgument(text),
            CallError::Denied(text) => Self::Denied(text),
            CallError::Conflict => Self::Conflict,
            CallError::InvalidTransition(WitStatus(status)) => Self::InvalidTransition(status.into()),
            CallError::QuotaExceeded(text) => Self::QuotaExceeded(text),
            CallError::Unavailable(text) => Self::Unavailable(text),
            CallError::Internal(text) => Self::Internal(text),
        }
    }
}

/// The faults of one run, and how far it has come.
#[derive(Debug)]
pub(super) struct Meeting {
    faults: Faults,
    calls: u64,
    of_each: HashMap<&'static str, u64>,
}

impl Meeting {
    pub(super) fn new(faults: Faults) -> Self {
        Self { faults, calls: 0, of_each: HashMap::new() }
    }

    /// Counts a call. Says whether its task is to be asked to stop before it, and what it answers instead of doing its work.
    pub(super) fn count(&mut self, call: &'static str) -> (bool, Option<GuestError>) {
        self.calls += 1;
        let nth = self.of_each.entry(call).or_default();
        *nth += 1;
        let error = self.faults.errors.iter().find(|fault| fault.call == call && fault.nth == *nth);
        (self.faults.cancel_before == Some(self.calls), error.map(|fault| fault.error.clone().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_names_a_function_of_the_interface_that_can_fail() {
        for function in &FUNCTIONS[..19] {
            Fault::new(function, 1, CallError::Conflict).unwrap();
        }
        for (call, nth, why) in [
            ("flush", 1, "invalid call \"flush\": it must be one of current-task.get, "),
            ("current-task.cancel-requested", 1, "it cannot fail"),
            ("repository.get", 0, "invalid nth \"0\""),
        ] {
            let error = Fault::new(call, nth, CallError::Conflict).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn the_list_of_functions_is_that_of_the_interface() {
        let mut named = Vec::new();
        for (interface, text) in [
            ("current-task", include_str!("../../../wit/current-task.wit")),
            ("repository", include_str!("../../../wit/repository.wit")),
        ] {
            let functions = text.lines().filter_map(|line| line.trim().split_once(": func(")).map(|(name, _)| name);
            named.extend(functions.map(|name| format!("{interface}.{name}")));
        }
        let mut listed = FUNCTIONS.map(str::to_owned).to_vec();
        named.sort();
        listed.sort();
        assert_eq!(listed, named);
    }

    #[test]
    fn each_function_is_counted_by_itself_and_all_of_them_together() {
        let fault = Fault::new("current-task.flush", 2, CallError::Unavailable("away".to_owned())).unwrap();
        let mut meeting = Meeting::new(Faults { errors: vec![fault], cancel_before: Some(3) });
        let met: Vec<_> = ["current-task.flush", "repository.get", "current-task.flush", "current-task.flush"]
            .map(|call| meeting.count(call))
            .into_iter()
            .map(|(cancel, error)| (cancel, error.is_some()))
            .collect();
        assert_eq!(met, [(false, false), (false, false), (true, true), (false, false)]);
    }
}

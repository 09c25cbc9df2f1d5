//! What a plugin is given in a test.

use std::cell::RefCell;
use std::rc::Rc;

use super::session::{Fault, Session};
use super::store::Store;
use super::{Curtain, Grants, Run, Stage};
use crate::streams::Streams;
use crate::worker::describe;
use crate::{Error, Failure, Plugin, Precondition, Priority, TaskDraft, TaskRecord, TaskStatus};

/// The functions that can be made to fail.
const CALLS: &[&str] = &[
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
];

/// A task for a plugin, and the store around it. See the [module](super).
///
/// What it is given is checked when it is run: a test that gives what no store takes panics, with the error of the store.
#[derive(Debug, Clone)]
#[must_use = "a task does nothing until it is run"]
pub struct Task {
    draft: TaskDraft,
    input: Vec<u8>,
    grants: Option<Grants>,
    others: Vec<TaskDraft>,
    faults: Vec<Fault>,
    cancel_before: Option<u64>,
}

impl Task {
    /// A task of a service and a user, without parameters, of low priority, with an empty input. The plugin has the grants
    /// that it has unless more is said: [`Grants::for_services`] of this service.
    pub fn new(service: impl Into<String>, user_id: impl Into<String>) -> Self {
        Self {
            draft: TaskDraft::new(service, user_id).task_id("t1").status(TaskStatus::Running),
            input: Vec::new(),
            grants: None,
            others: Vec::new(),
            faults: Vec::new(),
            cancel_before: None,
        }
    }

    /// The same task under another id than `t1`.
    pub fn task_id(self, id: impl Into<String>) -> Self {
        Self { draft: self.draft.task_id(id), ..self }
    }

    /// The same task with these parameters: a JSON object, as text.
    pub fn parameters(self, json: impl Into<String>) -> Self {
        Self { draft: self.draft.parameters(json), ..self }
    }

    /// The same task with another priority.
    pub fn priority(self, priority: Priority) -> Self {
        Self { draft: self.draft.priority(priority), ..self }
    }

    /// The same task with this input, which the plugin reads from [`input`](crate::input).
    pub fn input(self, bytes: impl Into<Vec<u8>>) -> Self {
        Self { input: bytes.into(), ..self }
    }

    /// The same task, whose plugin has these grants.
    pub fn grants(self, grants: Grants) -> Self {
        Self { grants: Some(grants), ..self }
    }

    /// The same task in a store that holds one more task before it starts.
    pub fn with_stored(mut self, task: TaskDraft) -> Self {
        self.others.push(task);
        self
    }

    /// The same task, where the `nth` call (from 1) of a function answers an error and does nothing. Functions are named
    /// as in the WIT, `current-task.flush` or `repository.save`, and each is counted by itself.
    ///
    /// ```
    /// # use task_state_guest::{Error, testing::Task};
    /// let task = Task::new("analytics", "alice").fail("repository.save", 2, Error::Conflict);
    /// ```
    ///
    /// # Panics
    /// If there is no such function, if it cannot fail, or if `nth` is 0.
    #[track_caller]
    pub fn fail(mut self, call: &str, nth: u64, error: Error) -> Self {
        assert!(CALLS.contains(&call), "{call:?} is no call that can fail; there are {}", CALLS.join(", "));
        assert!(nth > 0, "calls of {call} are counted from 1");
        self.faults.push(Fault { call: call.to_owned(), nth, error });
        self
    }

    /// The same task, which somebody asks to stop right before the plugin's `nth` call (from 1), whatever it calls: the
    /// task is [`CancelRequested`](TaskStatus::CancelRequested) then, unless it has ended.
    ///
    /// # Panics
    /// If `nth` is 0.
    #[track_caller]
    pub fn cancel_before_call(self, nth: u64) -> Self {
        assert!(nth > 0, "calls are counted from 1");
        Self { cancel_before: Some(nth), ..self }
    }

    /// Runs a plugin on the task, on this thread.
    ///
    /// # Panics
    /// As the plugin does; and if a store would not take the task or one that is stored beside it, or if the task's id is
    /// that of another.
    #[track_caller]
    pub fn run<P: Plugin>(self) -> Run {
        self.run_with(P::run)
    }

    /// Runs a function on the task, as if it were a plugin's [`run`](Plugin::run): to test a part of a plugin by itself.
    ///
    /// ```
    /// # use task_state_guest::{TaskStatus, current_task, testing::Task};
    /// let run = Task::new("analytics", "alice").run_with(|_| {
    ///     current_task::set_status(TaskStatus::Failed, "no rows")?;
    ///     Ok(())
    /// });
    /// assert_eq!(run.statuses(), [TaskStatus::Running, TaskStatus::Failed]);
    /// ```
    ///
    /// # Panics
    /// As [`run`](Self::run).
    #[track_caller]
    pub fn run_with(self, plugin: impl FnOnce(TaskRecord) -> Result<(), Failure>) -> Run {
        let mut store = Store::default();
        for draft in self.others {
            register(&mut store, draft);
        }
        let grants = self.grants.unwrap_or_else(|| Grants::for_services([self.draft.service.clone()]));
        let task = register(&mut store, self.draft);
        let session = Session::new(store, &task, grants).with_trouble(self.faults, self.cancel_before);
        let stage = Rc::new(Stage { session: RefCell::new(session), streams: Streams::new(self.input) });
        let task_id = task.task_id.clone();
        let curtain = Curtain::open(stage.clone());
        let ended = plugin(task);
        drop(curtain);
        let failure = ended.err().map(|failure| describe(&*failure));
        let printed = stage.streams.printed();
        let mut session = stage.session.borrow_mut();
        session.finish(failure.as_deref(), &printed);
        Run::new(&mut session, task_id, failure, &printed)
    }
}

/// Registers a task that is there before the run.
#[track_caller]
fn register(store: &mut Store, draft: TaskDraft) -> TaskRecord {
    let saved = store.save(draft, &Precondition::Absent, |_, _| Ok(())).and_then(|id| store.find(&id).cloned());
    saved.unwrap_or_else(|error| panic!("a store would not take a task of this test: {error}"))
}

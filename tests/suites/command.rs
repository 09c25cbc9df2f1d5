//! The `task-state` command: real processes on real stores.

#[path = "command/bad_input.rs"]
mod bad_input;
#[path = "command/output.rs"]
mod output;
#[path = "command/run.rs"]
mod run;
#[path = "command/run_ended.rs"]
mod run_ended;
#[path = "command/story.rs"]
mod story;
#[path = "command/waiting.rs"]
mod waiting;

//! The `task-state` command: real processes on real stores.

mod bad_input;
mod capabilities;
mod inspect;
mod loading;
mod output;
mod run;
mod run_ended;
mod run_shown;
mod story;
mod waiting;

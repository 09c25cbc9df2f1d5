//! A plugin that profiles a CSV file: what each column holds, in one pass and in bounded memory.
//!
//! It reads the task's standard input, which starts with a row of column names, tells how many rows it has come, and prints
//! the profile, which the host keeps as the task's `launcher_output`. Parameters:
//!
//! | name | value | default |
//! |---|---|---|
//! | `format` | `table` or `json` | `table` |
//! | `log_every` | rows between two entries in the task's log that say where it is, at least 1 | 100000 |
//!
//! The host keeps the end of what is printed: 64 KiB unless its limit for output is set higher, which is the profile of
//! some 300 columns as JSON and of 600 as a table.
//!
//! A task that is asked to stop ends without a profile. Input that is no well-formed CSV fails the task with the number
//! of the line: a row with more or fewer fields than there are columns, text that is not UTF-8 (replacing bytes would
//! make different values equal), a quote that is never closed.
//!
//! The modules beside this one do the reading (`rows`), the statistics (`profile`) and the printing (`report`), and know
//! nothing of tasks.

mod column;
mod distinct;
mod mean;
mod profile;
mod report;
mod rows;
mod source;

use std::io::{self, Write};
use std::num::NonZeroU64;

use task_state_guest::{Failure, Plugin, TaskRecord, TaskStatus, current_task, input, output};

use profile::Profile;
use report::Format;
use rows::Rows;

struct CsvProfile;

impl Plugin for CsvProfile {
    fn run(task: TaskRecord) -> Result<(), Failure> {
        let format: Format = task.parameter("format")?.unwrap_or_default();
        let log_every = task.parameter("log_every")?.unwrap_or(LOG_EVERY);

        let mut rows = Rows::new(input())?;
        current_task::log(format!("profiling {} columns", rows.names().len()))?;
        let Some(profile) = read(&mut rows, log_every)? else {
            current_task::log(format!("stopped at line {}, as was asked", rows.line()))?;
            return Ok(());
        };
        let mut out = output();
        report::write(&profile, format, &mut out)?;
        out.flush()?;
        current_task::log(format!("profiled {} rows", profile.rows))?;
        Ok(())
    }
}

task_state_guest::export!(CsvProfile);

/// About a second of work.
const LOG_EVERY: NonZeroU64 = NonZeroU64::new(100_000).unwrap();

/// How many bytes of input may pass before the plugin tells its progress and looks whether it should stop.
const CHECK_EVERY: u64 = 1 << 20;

/// Profiles all rows; `None` if someone has asked for the task to stop.
fn read(rows: &mut Rows<impl io::Read>, log_every: NonZeroU64) -> Result<Option<Profile>, Failure> {
    let mut profile = Profile::new(rows.names());
    let mut next_check = CHECK_EVERY;
    while let Some(row) = rows.next_row()? {
        profile.add(row);
        let mut stop = false;
        if profile.rows.is_multiple_of(log_every.get()) {
            let status = current_task::log(format!("{} rows, line {}", profile.rows, rows.line()))?;
            stop = status == TaskStatus::CancelRequested;
        }
        if rows.bytes() >= next_check {
            next_check = rows.bytes() + CHECK_EVERY;
            tell_progress(&profile)?;
            stop |= current_task::cancel_requested();
        }
        if stop {
            return Ok(None);
        }
    }
    tell_progress(&profile)?;
    Ok(Some(profile))
}

/// How many rows there will be is not known before the end of the input.
fn tell_progress(profile: &Profile) -> Result<(), Failure> {
    current_task::set_progress(profile.rows, None, "rows")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use task_state_guest::testing::{Run, Task};

    use super::*;

    const SAMPLE: &str = include_str!("../sample.csv");

    fn profile(task: Task, input: &str) -> Run {
        task.input(input).run::<CsvProfile>()
    }

    fn task() -> Task {
        Task::new("analytics", "alice")
    }

    #[test]
    fn the_profile_is_the_output_and_the_rows_are_the_progress() {
        let run = profile(task(), SAMPLE);
        assert_eq!(run.status(), TaskStatus::Completed);
        assert_eq!(run.messages(), ["profiling 7 columns", "profiled 35 rows"]);
        assert_eq!(run.output().lines().next(), Some("35 rows, 7 columns"));
        let progress = run.progress().unwrap();
        assert_eq!((progress.done, progress.note.as_deref()), (35, Some("rows")));
    }

    #[test]
    fn a_task_that_is_asked_to_stop_ends_without_a_profile() {
        let every_row = task().parameters("{\"log_every\": 1}").cancel_before_call(2);
        let run = profile(every_row, "n\n1\n2\n3\n4\n");
        assert_eq!((run.status(), run.output()), (TaskStatus::Cancelled, ""));
        assert_eq!(run.messages(), ["profiling 1 columns", "1 rows, line 2", "stopped at line 2, as was asked"]);
    }

    #[test]
    fn input_that_is_no_csv_fails_with_the_number_of_the_line() {
        let run = profile(task(), "a,b\n1,2\n3\n");
        assert_eq!(run.failure(), Some("line 3: the row has 1 fields, but there are 2 columns"));
    }
}

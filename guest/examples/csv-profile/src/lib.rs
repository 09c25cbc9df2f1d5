//! A plugin that profiles a CSV file: what each column holds, in one pass and in bounded memory.
//!
//! It reads the task's standard input, which starts with a row of column names, logs its progress, and prints the profile,
//! which the host keeps as the task's `launcher_output`. Parameters:
//!
//! | name | value | default |
//! |---|---|---|
//! | `format` | `table` or `json` | `table` |
//! | `log_every` | rows between two progress entries in the task's log, at least 1 | 100000 |
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

use task_state_guest::{Failure, Plugin, TaskRecord, TaskStatus, current_task};

use profile::Profile;
use report::Format;
use rows::Rows;

struct CsvProfile;

impl Plugin for CsvProfile {
    fn run(task: TaskRecord) -> Result<(), Failure> {
        let format: Format = task.parameter("format")?.unwrap_or_default();
        let log_every = task.parameter("log_every")?.unwrap_or(LOG_EVERY);

        let mut rows = Rows::new(io::stdin().lock())?;
        current_task::log(format!("profiling {} columns", rows.names().len()))?;
        let Some(profile) = read(&mut rows, log_every)? else {
            current_task::log(format!("stopped at line {}, as was asked", rows.line()))?;
            return Ok(());
        };
        let mut out = io::stdout().lock();
        report::write(&profile, format, &mut out)?;
        out.flush()?;
        current_task::log(format!("profiled {} rows", profile.rows))?;
        Ok(())
    }
}

task_state_guest::export!(CsvProfile);

/// About a second of work.
const LOG_EVERY: NonZeroU64 = NonZeroU64::new(100_000).unwrap();

/// How many bytes of input may pass before the plugin looks whether it should stop.
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
            stop |= current_task::cancel_requested();
        }
        if stop {
            return Ok(None);
        }
    }
    Ok(Some(profile))
}

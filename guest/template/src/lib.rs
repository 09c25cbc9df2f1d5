//! A plugin that counts the lines of its input.
//!
//! | parameter | value | default |
//! |---|---|---|
//! | `greeting` | how it greets the user | `hello` |

use std::io::{BufRead, Write};

use task_state_guest::{Failure, Plugin, ProgressIterator, TaskRecord, current_task, input, output};

/// How many lines may pass before the plugin looks whether it should stop.
const CHECK_EVERY: u64 = 1_000;

struct LineCount;

impl Plugin for LineCount {
    fn run(task: TaskRecord) -> Result<(), Failure> {
        let greeting: String = task.parameter("greeting")?.unwrap_or_else(|| "hello".to_owned());
        current_task::log(format!("{greeting}, {}", task.user_id))?;

        let (mut lines, mut bytes) = (0, 0);
        for line in input().lines().with_progress().note("reading lines") {
            bytes += line?.len();
            lines += 1;
            if lines % CHECK_EVERY == 0 && current_task::cancel_requested() {
                break;
            }
        }
        writeln!(output(), "{lines} lines, {bytes} bytes without their ends")?;
        current_task::log(format!("{lines} lines"))?;
        Ok(())
    }
}

task_state_guest::export!(LineCount);

#[cfg(test)]
mod tests {
    use task_state_guest::TaskStatus;
    use task_state_guest::testing::Task;

    use super::*;

    fn task() -> Task {
        Task::new("analytics", "alice")
    }

    #[test]
    fn it_greets_the_user_and_counts_the_lines() {
        let run = task().parameters(r#"{"greeting": "good morning"}"#).input("a\nbc\n").run::<LineCount>();
        assert_eq!(run.status(), TaskStatus::Completed);
        assert_eq!(run.messages(), ["good morning, alice", "2 lines"]);
        assert_eq!(run.output(), "2 lines, 3 bytes without their ends\n");
        assert_eq!(run.progress().map(|progress| progress.done), Some(2));
    }

    #[test]
    fn it_stops_when_it_is_asked_to() {
        let run = task().input("\n".repeat(5_000)).cancel_before_call(2).run::<LineCount>();
        assert_eq!(run.status(), TaskStatus::Cancelled);
        assert_eq!(run.messages(), ["hello, alice", "1000 lines"]);
    }
}

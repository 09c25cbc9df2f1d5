//! The plugin that the benchmark of the platform runs. Its parameter `do` says what: `nothing`, `tell` when it began, by the
//! clock of the machine, or `compute`.

use std::hint::black_box;
use std::time::SystemTime;

use task_state_guest::{Failure, Plugin, TaskRecord};

/// Some tens of milliseconds of a core.
const ROUNDS: u64 = 20_000_000;

struct Work;

impl Plugin for Work {
    fn run(task: TaskRecord) -> Result<(), Failure> {
        let began = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        match task.parameter::<String>("do")?.as_deref() {
            None | Some("nothing") => {}
            Some("tell") => println!("{}", began.as_nanos()),
            Some("compute") => {
                let sum = (0..ROUNDS).fold(0_u64, |sum, n| black_box(sum.wrapping_mul(31).wrapping_add(n)));
                black_box(sum);
            }
            other => return Err(format!("unknown parameter do: {other:?}").into()),
        }
        Ok(())
    }
}

task_state_guest::export!(Work);

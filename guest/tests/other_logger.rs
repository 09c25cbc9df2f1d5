//! A process with a logger of another kind: a process of its own, since a logger is never removed.

use log::{Log, Metadata, Record};
use task_state_guest::TaskLogger;

struct Other;

impl Log for Other {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        false
    }

    fn log(&self, _: &Record<'_>) {}

    fn flush(&self) {}
}

#[test]
fn a_logger_of_another_kind_is_not_replaced() {
    log::set_logger(&Other).unwrap();
    for _ in 0..2 {
        let error = TaskLogger::entries().install().unwrap_err();
        assert_eq!(error.to_string(), "another logger than that of the task is installed");
    }
}

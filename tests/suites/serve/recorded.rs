//! Requests whose answers were recorded, and what is done with them whatever contract they are of.

use std::net::SocketAddr;

use anyhow::Result;
use task_state_tests::tasks::SharedStore;

use crate::fixture::{Answer, Request, Task};

/// A request that was recorded.
pub(crate) trait Recorded {
    /// The tasks that are there before.
    fn tasks(&self) -> &[Task];
    fn request(&self) -> Request;
}

/// Asks all of it, one after the other, and gives the answers.
pub(crate) async fn ask_all(cases: &[impl Recorded], at: SocketAddr, store: &SharedStore) -> Result<Vec<Answer>> {
    let mut answers = Vec::new();
    for case in cases {
        for task in case.tasks() {
            task.save(store).await?;
        }
        answers.push(case.request().send(at).await?);
    }
    Ok(answers)
}

pub(crate) fn assert_none(problems: Vec<String>) {
    assert!(problems.is_empty(), "{} answers differ:\n{}", problems.len(), problems.join("\n"));
}

//! The examples of both ways to embed the host, as an embedder runs them.

use std::path::Path;
use std::process::Command;

use task_state_tests::examples::example;
use task_state_tests::guests::guest;

/// What an example prints when it has run a plugin.
fn printed(name: &str, plugin: &Path) -> String {
    let output = Command::new(example(name)).arg(plugin).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Asserts that a record is one of a completed task with this entry alone.
fn assert_completed(record: &str, entry: &str) {
    let record: serde_json::Value = serde_json::from_str(record).unwrap();
    assert_eq!(record["status"], "completed", "{record}");
    let log = record["logs"].as_array().unwrap();
    assert!(log.len() == 1 && log[0].as_str().unwrap().ends_with(&format!(",{entry}")), "{record}");
}

#[test]
fn a_platform_on_the_host_serves_imports_of_its_own_and_sees_what_happens() {
    let printed = printed("embedded_host", guest("extended"));
    let lines: Vec<&str> = printed.lines().collect();
    let (told, record) = lines.split_at(lines.len() - 1);
    assert_eq!(told, ["task 1", "status running", "entry in the north", "status completed"]);
    assert_completed(record[0], "in the north");
}

#[test]
fn a_platform_with_a_linker_of_its_own_takes_the_imports_alone() {
    let printed = printed("foreign_linker", guest("greeting"));
    assert_completed(printed.lines().last().unwrap(), "hello, alice");
}

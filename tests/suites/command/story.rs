//! A task's life, each step of it a process of its own.

use anyhow::Result;
use task_state_tests::command::Shell;
use task_state_tests::redis_server::RedisServer;

#[test]
fn a_task_lives_through_separate_processes_on_sqlite() -> Result<()> {
    live(&Shell::new()?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_lives_through_separate_processes_on_redis() -> Result<()> {
    let server = RedisServer::start().await?;
    let shell = Shell::at(server.url())?;
    tokio::task::spawn_blocking(move || live(&shell)).await?
}

fn live(shell: &Shell) -> Result<()> {
    let parameters = r#"{"day":"2026-11-23","n":123456789012345678901234567890}"#;
    shell.done(["save", "t-1", "--service", "analytics", "--user", "alice", "--parameters", parameters])?;
    assert_eq!(shell.done(["set-status", "t-1", "running", "--log", "worker started"])?, "t-1: running\n");
    assert_eq!(shell.done(["append-log", "t-1", "one", "two"])?, "t-1: running, 2 entries added\n");
    shell.done(["update-result", "t-1", "--pod-status", "Running", "--launcher-output", "line 1\nline 2"])?;
    shell.done(["set-active-jobs", "t-1", "job-17", "job-18"])?;

    let record = shell.run(["get", "t-1", "--output", "json"])?;
    assert!(record.stdout.contains(&format!(r#""parameters":{parameters},"#)), "{record:?}");
    let record = record.json()?;
    assert_eq!(record["status"], "running");
    assert_eq!(record["active_jobs"], serde_json::json!(["job-17", "job-18"]));
    assert_eq!(record["result"]["launcher_output"], "line 1\nline 2");
    assert_eq!(record["result"]["pod_status"], "Running");

    let text = shell.done(["get", "t-1"])?;
    for part in ["analytics", "alice", "running", parameters, "job-17", "worker started", "line 2"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let logs = shell.done(["logs", "t-1", "--tail", "2"])?;
    let messages: Vec<&str> = logs.lines().filter_map(|line| line.split_once("  ")).map(|(_, text)| text).collect();
    assert_eq!(messages, ["one", "two"]);

    let list = shell.run(["list", "--service", "analytics", "--status", "running"])?;
    assert!(list.stdout.lines().any(|row| row.starts_with("t-1 ") && row.ends_with("two")), "{list:?}");
    assert_eq!(list.stderr, "1 task: 1 running\n");
    assert_eq!(shell.run(["list", "--user", "bob"])?.stderr, "no tasks\n");
    assert_eq!(shell.done(["users", "analytics"])?, "alice\n");

    assert_eq!(shell.done(["peek-id"])?, "1\n");
    assert_eq!(shell.done(["next-id"])?, "1\n");
    assert_eq!(shell.done(["peek-id"])?, "2\n");

    assert_eq!(shell.done(["cancel", "t-1"])?, "t-1: cancel_requested\n");
    assert_eq!(shell.done(["cancel", "t-1"])?, "t-1: cancel_requested\n", "a second request is none");
    shell.done(["set-status", "t-1", "cancelled", "--log", "stopped"])?;
    let wait = shell.run(["wait", "t-1"])?;
    assert_eq!((wait.code, wait.stdout.as_str()), (Some(3), "t-1: cancelled\n"));
    let logs = shell.done(["logs", "t-1"])?;
    assert_eq!(logs.matches("cancellation requested").count(), 1, "{logs}");
    assert_eq!(logs.lines().count(), 5, "{logs}");

    assert_eq!(shell.done(["delete", "t-1"])?, "t-1: deleted\n");
    assert_eq!(shell.run(["get", "t-1"])?.code, Some(4));
    assert_eq!(shell.run(["list"])?.stderr, "no tasks\n");
    assert_eq!(shell.done(["users", "analytics"])?, "");
    Ok(())
}

#[test]
fn lines_from_standard_input_become_entries_in_their_order_among_the_messages() -> Result<()> {
    let shell = Shell::with_task("pending")?;
    let input: String = (0..3_000).map(|n| format!("line {n}\r\n")).collect();
    let added = shell.run_with_input(["append-log", "t", "first", "-", "last"], &input)?;
    assert_eq!((added.code, added.stdout.as_str()), (Some(0), "t: pending, 3002 entries added\n"));
    let logs = shell.run(["logs", "t", "--output", "json"])?.json()?;
    let logs: Vec<&str> = logs["logs"].as_array().into_iter().flatten().filter_map(|entry| entry.as_str()).collect();
    assert_eq!(logs.len(), 3_002);
    assert!(logs[0].ends_with(",first") && logs[3_001].ends_with(",last"));
    assert!((0..3_000).all(|n| logs[n + 1].ends_with(&format!(",line {n}"))));
    Ok(())
}

#[test]
fn without_a_store_a_file_in_the_users_data_directory_is_used_and_named() -> Result<()> {
    let shell = Shell::new()?;
    let save = |id: &str| {
        let mut command = shell.bare_command();
        command.args(["save", id, "--service", "s", "--user", "u"]);
        task_state_tests::command::finish(&mut command)
    };
    let file = shell.directory().join("task-state/tasks.db");
    let saved = save("a")?;
    assert_eq!((saved.code, saved.stderr), (Some(0), format!("store: sqlite:{}\n", file.display())));
    assert_eq!(save("b")?.code, Some(0));
    let there = Shell::at(format!("sqlite:{}", file.display()))?;
    assert_eq!(there.run(["list"])?.stderr, "2 tasks: 2 pending\n");
    Ok(())
}

#[test]
fn a_listing_walks_as_many_pages_as_it_takes_and_says_where_it_stopped() -> Result<()> {
    let shell = Shell::new()?;
    for id in ["10", "9", "b", "a"] {
        shell.done(["save", id, "--service", "s", "--user", "u"])?;
    }
    let ids = |list: &serde_json::Value| -> Vec<String> {
        let tasks = list["tasks"].as_array().cloned().unwrap_or_default();
        tasks.iter().filter_map(|task| task["task_id"].as_str()).map(str::to_owned).collect()
    };
    let first = shell.run(["list", "--limit", "3", "--output", "json"])?.json()?;
    assert_eq!(ids(&first), ["9", "10", "a"]);
    assert_eq!(first["counts"]["pending"], 4);
    let cursor = first["next"].as_str().unwrap_or_default();
    let rest = shell.run(["list", "--cursor", cursor, "--output", "json"])?.json()?;
    assert_eq!(ids(&rest), ["b"]);
    assert!(rest["next"].is_null());
    let text = shell.run(["list", "--limit", "3"])?;
    assert_eq!(text.stderr, format!("3 shown of 4: 4 pending; more with --cursor {cursor:?}\n"));
    Ok(())
}

//! Commands that go on until something happens.

use anyhow::Result;
use task_state_tests::command::Shell;

#[test]
fn logs_are_followed_until_the_task_ends() -> Result<()> {
    let shell = Shell::with_task("running")?;
    shell.done(["append-log", "t", "one", "two"])?;
    let mut follower = shell.start(["logs", "t", "--tail", "1", "--follow"])?;
    follower.wait_for_result("two")?;
    shell.done(["append-log", "t", "three"])?;
    follower.wait_for_result("three")?;
    shell.done(["set-status", "t", "failed", "--log", "broken"])?;
    let finished = follower.finish()?;
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""));
    let messages: Vec<&str> = finished.stdout.lines().filter_map(|line| line.split("  ").nth(1)).collect();
    assert_eq!(messages, ["two", "three", "broken"]);
    Ok(())
}

#[test]
fn following_a_task_that_is_deleted_ends_with_its_absence() -> Result<()> {
    let shell = Shell::with_task("running")?;
    shell.done(["append-log", "t", "one"])?;
    let mut follower = shell.start(["logs", "t", "--follow"])?;
    follower.wait_for_result("one")?;
    shell.done(["delete", "t"])?;
    let finished = follower.finish()?;
    assert_eq!(finished.code, Some(4), "{finished:?}");
    Ok(())
}

#[test]
fn a_wait_ends_as_the_task_does() -> Result<()> {
    let shell = Shell::new()?;
    for (status, code) in [("completed", 0), ("failed", 1), ("cancelled", 3)] {
        shell.done(["save", "t", "--service", "s", "--user", "u", "--status", "running"])?;
        let waiter = shell.start(["wait", "t", "--timeout", "2m"])?;
        shell.done(["set-status", "t", status])?;
        let finished = waiter.finish()?;
        assert_eq!((finished.code, finished.stdout), (Some(code), format!("t: {status}\n")));
        let again = shell.run(["wait", "t", "--output", "json"])?;
        assert_eq!(again.code, Some(code));
        assert_eq!(again.stdout, shell.done(["get", "t", "--output", "json"])?);
    }
    Ok(())
}

#[test]
fn a_wait_that_runs_out_says_so() -> Result<()> {
    let shell = Shell::with_task("pending")?;
    let finished = shell.run(["wait", "t", "--timeout", "10ms"])?;
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(124), ""));
    assert_eq!(finished.stderr, "error: task \"t\" has not ended within 10ms\n");
    Ok(())
}

//! Whatever cannot be used has its exit code and one line on standard error, and leaves the store as it was.

use anyhow::{Result, ensure};
use task_state_tests::command::{Finished, Shell, finish};

/// One line that begins with `error: ` and contains each of the texts.
pub(crate) fn refused(finished: &Finished, code: i32, texts: &[&str]) -> Result<()> {
    ensure!(finished.code == Some(code), "not {code}: {finished:?}");
    ensure!(finished.stdout.is_empty(), "{finished:?}");
    let is_one_line = finished.stderr.starts_with("error: ") && finished.stderr.lines().count() == 1;
    ensure!(is_one_line, "{finished:?}");
    for text in texts {
        ensure!(finished.stderr.contains(text), "{text:?} is not in {finished:?}");
    }
    Ok(())
}

#[test]
fn a_value_that_cannot_be_used_is_named_and_nothing_is_written() -> Result<()> {
    let shell = Shell::with_task("pending")?;
    let before = shell.done(["list", "--output", "json"])?;
    let long = "x".repeat(129);
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(128), "]".repeat(128));
    let save = ["save", "new", "--service", "s", "--user", "u"];
    let with = |more: &[&'static str]| -> Vec<&'static str> { save.iter().chain(more).copied().collect() };
    let cases: Vec<(Vec<&str>, &str)> = vec![
        (vec!["save", "a:b", "--service", "s", "--user", "u"], r#""a:b""#),
        (vec!["save", "a\nb", "--service", "s", "--user", "u"], r#""a\nb""#),
        (vec!["save", &long, "--service", "s", "--user", "u"], "129 bytes"),
        (vec!["save", "", "--service", "s", "--user", "u"], "empty"),
        (vec!["save", "new", "--service", "s:t", "--user", "u"], r#""s:t""#),
        (vec!["save", "new", "--service", "s", "--user", "u v"], r#""u v""#),
        (with(&["--status", "on-fire"]), r#""on-fire""#),
        (with(&["--parameters", "[1]"]), r#""[1]""#),
        (with(&["--parameters", r#"{"a":NaN}"#]), "parameters"),
        (with(&["--parameters", r#"{"a":"\ud800"}"#]), "parameters"),
        (vec!["save", "new", "--service", "s", "--user", "u", "--parameters", &deep], "128"),
        (with(&["--priority", "urgent"]), r#""urgent""#),
        (vec!["save", "new", "--service", "s"], "--user"),
        (vec!["set-status", "t", "done"], r#""done""#),
        (vec!["set-status", "t"], "<STATUS>"),
        (vec!["get", ""], "task id"),
        (vec!["delete", "id:sequence"], r#""id:sequence""#),
        (vec!["update-result", "t"], "--pod-status"),
        (vec!["append-log", "t"], "<MESSAGE>"),
        (vec!["list", "--limit", "0"], "0"),
        (vec!["wait", "t", "--timeout", "soon"], r#""soon""#),
        (vec!["get", "t", "--output", "xml"], "xml"),
        (vec!["frobnicate"], "frobnicate"),
        (vec!["get", "t", "--frobnicate\nplease"], "--frobnicate"),
    ];
    for (arguments, named) in cases {
        refused(&shell.run(&arguments)?, 2, &[named])?;
    }
    assert_eq!(shell.done(["list", "--output", "json"])?, before);
    assert_eq!(shell.done(["peek-id"])?, "1\n");
    Ok(())
}

#[test]
fn a_task_that_is_not_there_is_named() -> Result<()> {
    let shell = Shell::new()?;
    let lines = "get no:pe, logs no:pe, logs no:pe --follow, set-status no:pe running, append-log no:pe message, \
                 append-log no:pe -, update-result no:pe --pod-status x, set-active-jobs no:pe, cancel no:pe, \
                 delete no:pe, wait no:pe";
    for line in lines.split(", ") {
        refused(&shell.run(line.split(' '))?, 4, &[r#""no:pe""#])?;
    }
    assert_eq!(shell.run(["list"])?.stderr, "no tasks\n");
    Ok(())
}

#[test]
fn a_refused_change_names_both_statuses_and_changes_nothing() -> Result<()> {
    let shell = Shell::with_task("completed")?;
    let before = shell.done(["get", "t", "--output", "json"])?;
    let changed = shell.run(["set-status", "t", "running", "--log", "again"])?;
    refused(&changed, 6, &[r#""t""#, "completed", "running"])?;
    refused(&shell.run(["cancel", "t"])?, 6, &[r#""t""#, "completed"])?;
    refused(&shell.run(["save", "t", "--service", "s", "--user", "u", "--if-absent"])?, 6, &[r#""t""#])?;
    assert_eq!(shell.done(["get", "t", "--output", "json"])?, before);
    Ok(())
}

#[test]
fn a_store_that_cannot_be_used_is_named_without_its_password() -> Result<()> {
    for url in [
        "postgres://u:s3cret@h/db",
        "redis//u:s3cret@h",
        "u:s3cret@h:6379",
        "redis:/:s3cret@h",
        "redis://u:pa@s3cret/x@h",
    ] {
        let answers =
            [Shell::at(url)?.run(["list"])?, finish(Shell::new()?.command(["list"]).env("DMS_REDIS_WRITE_URL", url))?];
        for answer in answers {
            refused(&answer, 2, &["store URL", "redis://"])?;
            assert!(!answer.stderr.contains("s3cret"), "{answer:?}");
        }
    }
    let away = Shell::at(format!("redis://u:s3cret@127.0.0.1:{}/0", task_state_tests::port::free()?))?;
    let answer = away.run(["list"])?;
    refused(&answer, 5, &["redis://u:***@127.0.0.1"])?;
    assert!(!answer.stderr.contains("s3cret"));
    let directory = tempfile::tempdir()?;
    let no_file = Shell::at(format!("sqlite:{}", directory.path().display()))?;
    refused(&no_file.run(["list"])?, 7, &[&directory.path().display().to_string()])
}

#[test]
fn a_setting_that_cannot_be_used_is_named_with_its_value() -> Result<()> {
    let shell = Shell::new()?;
    for (name, value) in [
        ("DMS_REDIS_TASK_TTL_SECONDS", "0"),
        ("DMS_REDIS_TASK_TTL_SECONDS", "forever"),
        ("DMS_TIMEZONE", "Mars/Olympus"),
    ] {
        let list = finish(shell.command(["save", "t", "--service", "s", "--user", "u"]).env(name, value))?;
        refused(&list, 2, &[name, value])?;
    }
    assert_eq!(shell.run(["list"])?.stderr, "no tasks\n");
    Ok(())
}

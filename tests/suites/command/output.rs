//! What is written where, and what happens when nobody reads it.

use std::fs::File;
use std::io::pipe;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use task_state_host::Settings;
use task_state_host::record::{Change, Draft, Service, TaskId, UserId};
use task_state_host::store::{self, Access, Precondition, Query, Scope, StoreUrl};
use task_state_tests::command::{Finished, Shell, finish, program};
use task_state_tests::guests::guest;
use task_state_tests::redis_server::RedisServer;

#[tokio::test(flavor = "multi_thread")]
async fn json_output_is_the_wire_format_byte_for_byte() -> Result<()> {
    let shell = Shell::new()?;
    let store = store::open(&StoreUrl::parse(shell.store())?, &Settings::from_vars(|_| None)?).await?;
    for id in ["1", "앨리스", "external-1"] {
        let draft = Draft::new(Service::new("analytics")?, UserId::new("alice")?).with_id(TaskId::new(id)?);
        let id = store.save(draft, Precondition::Absent, &Access::ANY).await?;
        store.change(&id, Change::logs(["a \"quoted\" entry\u{1}\u{7f}", "\u{1f600}"]), &Access::ANY).await?;
        let record = store.get(&id, &Access::ANY).await?;
        assert_eq!(shell.done(["get", id.as_str(), "--output", "json"])?, format!("{}\n", record.encode()));
    }
    let records: Vec<String> =
        store.list(&Query::new(Scope::All)).await?.tasks.iter().map(|task| task.encode()).collect();
    let list = shell.done(["list", "--output", "json"])?;
    assert!(list.starts_with(&format!("{{\"tasks\":[{}],\"next\":null,\"counts\":{{", records.join(","))), "{list}");
    Ok(())
}

#[test]
fn every_command_answers_with_one_json_document_and_nothing_on_standard_error() -> Result<()> {
    let shell = Shell::new()?;
    let lines = "save t --service s --user u, set-status t running, append-log t a b, update-result t --pod-status x, \
                 set-active-jobs t j, get t, logs t, list, users s, next-id, peek-id, check, set-status t completed, \
                 logs t --follow, wait t, delete t, list, check --repair";
    for line in lines.split(", ") {
        let finished = shell.run(line.split(' ').chain(["--output", "json"]))?;
        assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""), "{line}");
        assert!(finished.json()?.is_object(), "{finished:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_says_once_which_record_it_leaves_out() -> Result<()> {
    let server = RedisServer::start().await?;
    let shell = Shell::at(server.url())?;
    shell.done(["save", "good", "--service", "s", "--user", "u"])?;
    server.run::<()>(&["SET", "task:bad", "{ half a record"]).await;
    server.run::<()>(&["SADD", "index:tasks", "bad"]).await;
    for (format, last) in [("text", Some("1 task: 1 pending")), ("json", None)] {
        let list = shell.run(["list", "--output", format])?;
        let mut said = list.stderr.lines();
        let warning = said.next().context("no warning")?;
        assert!(warning.starts_with("warning: task bad is left out, its record cannot be read: "), "{list:?}");
        assert_eq!((list.code, said.next(), said.next()), (Some(0), last, None), "{list:?}");
        assert!(list.stdout.contains("good") && !list.stdout.contains("bad"), "{list:?}");
    }
    // Of many, the first few are named, and the others counted.
    for number in 0..30 {
        server.run::<()>(&["SET", &format!("task:bad{number}"), "{"]).await;
        server.run::<()>(&["SADD", "index:tasks", &format!("bad{number}")]).await;
    }
    let list = shell.run(["list"])?;
    assert_eq!(list.stderr.matches("is left out").count(), 10, "{list:?}");
    assert!(list.stderr.contains("warning: 21 more records cannot be read"), "{list:?}");
    let get = shell.run(["get", "bad"])?;
    assert_eq!(get.code, Some(7));
    assert!(get.stderr.starts_with("error: ") && get.stderr.contains("\"bad\""), "{get:?}");
    Ok(())
}

#[test]
fn what_others_wrote_does_not_reach_the_terminal_as_control_characters() -> Result<()> {
    let shell = Shell::with_task("pending")?;
    shell.done(["append-log", "t", "\u{1b}[2J\u{7}red\u{202e}der\u{2066}\nsecond line"])?;
    for arguments in [&["get", "t"][..], &["logs", "t"], &["list"]] {
        let shown = shell.done(arguments)?;
        assert!(shown.contains("red") && !shown.contains(['\u{1b}', '\u{7}', '\u{202e}', '\u{2066}']), "{shown:?}");
    }
    assert_eq!(shell.done(["list"])?.lines().count(), 2);
    Ok(())
}

/// Runs a command whose standard output nobody reads.
fn unread(command: &mut Command) -> Result<Finished> {
    let (reader, writer) = pipe()?;
    drop(reader);
    finish(command.stdout(writer))
}

#[test]
fn a_reader_that_has_gone_away_has_had_enough() -> Result<()> {
    let shell = Shell::with_task("pending")?;
    shell.done(["append-log", "t", "something to write"])?;
    let lines = "get t, logs t, logs t --follow, list, list --output json, users s, peek-id, check --output json, \
                 set-status t running, help, run --help";
    for line in lines.split(", ") {
        let finished = unread(&mut shell.command(line.split(' ')))?;
        let quiet = finished.stderr.is_empty() || line == "list";
        assert!(finished.code == Some(0) && quiet, "{line}: {finished:?}");
    }
    let finished = unread(shell.command(["get", "no"]).stderr(Stdio::null()))?;
    assert_eq!(finished.code, Some(4));
    Ok(())
}

#[test]
fn a_result_that_cannot_be_written_is_an_error() -> Result<()> {
    let shell = Shell::with_task("pending")?;
    let full = File::options().write(true).open("/dev/full")?;
    let finished = finish(shell.command(["get", "t"]).stdout(full))?;
    assert_eq!(finished.code, Some(7));
    assert!(finished.stderr.starts_with("error: cannot write to standard output: "), "{finished:?}");
    Ok(())
}

/// The names of the commands, as the help lists them.
fn commands(shell: &Shell) -> Result<Vec<String>> {
    let help = finish(shell.bare_command().arg("--help"))?;
    assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""));
    let lines = help.stdout.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = lines.take_while(|line| !line.is_empty()).filter_map(|line| line.split_whitespace().next());
    Ok(names.filter(|name| *name != "help").map(str::to_owned).collect())
}

#[test]
fn the_examples_of_every_help_work_as_they_stand() -> Result<()> {
    let shell = Shell::new()?;
    let default = Shell::at(format!("sqlite:{}", shell.directory().join("task-state/tasks.db").display()))?;
    let names = commands(&shell)?;
    assert!(names.len() >= 16, "{names:?}");
    let path = program().parent().context("the program is in a directory")?;
    for plugin in ["quickstart", "csv-profile"] {
        std::fs::copy(guest(plugin), shell.directory().join(plugin).with_extension("wasm"))?;
    }
    let platform = "[[plugins]]\ncomponent = \"quickstart.wasm\"\nservices = [\"analytics\"]\n";
    std::fs::write(shell.directory().join("platform.toml"), platform)?;
    // The suite `languages` goes the way of those that need a project, and `registry` that of those that need a registry.
    let elsewhere = ["run", "build", "test", "dev", "push", "pull"];
    for name in names.iter().filter(|name| !elsewhere.contains(&name.as_str())) {
        let status = if ["logs", "wait"].contains(&name.as_str()) { "completed" } else { "pending" };
        default.done(["save", "external-1", "--service", "analytics", "--user", "alice", "--status", status])?;
        let help = finish(shell.bare_command().args([name, "--help"]))?;
        let (_, examples) = help.stdout.split_once("Example:\n").with_context(|| name.clone())?;
        for example in examples.lines().map(str::trim) {
            assert!(example.contains(&format!("task-state {name}")) || example.contains("$(task-state"), "{example}");
            // The suite `serve` goes the way of a platform, which does not end by itself.
            let serves = name == "serve" && !example.ends_with("--check");
            let example = if serves { format!("{example} --check") } else { example.to_owned() };
            let script = format!("PATH={}:$PATH; {example}", path.display());
            let mut command = shell.bare_command();
            let mut sh = Command::new("sh");
            sh.args(["-euc", &script]).current_dir(shell.directory()).stdin(Stdio::null());
            for (name, value) in command.envs(std::iter::empty::<(&str, &str)>()).get_envs() {
                match value {
                    Some(value) => sh.env(name, value),
                    None => sh.env_remove(name),
                };
            }
            let finished = finish(&mut sh)?;
            let refused = example.contains("--if-absent") && finished.code == Some(6);
            assert!(finished.code == Some(0) || refused, "{example}: {finished:?}");
        }
    }
    Ok(())
}

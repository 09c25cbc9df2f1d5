//! Those who watch: they lose nothing and see nothing twice, whatever is cut, and one who is slow is nobody's loss but his own.

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use task_state_host::record::Progress;
use task_state_tests::command::Shell;
use task_state_tests::proxy::Proxy;
use task_state_tests::redis_server::RedisServer;
use task_state_tests::redis_store;
use task_state_tests::tasks::{Access, Change, Draft, Precondition, Service, Status, TaskId, TaskResult, UserId};
use task_state_tests::wait::eventually;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::api::{create, send};
use crate::events::{Events, Seen};
use crate::fixture::{Request, Serving, Task, plugin};

const ANALYTICS: &str = "'analytics'";

/// Both engines, each on a store of its own.
async fn both() -> Result<(RedisServer, [Serving; 2])> {
    let server = RedisServer::start().await?;
    let config = plugin(ANALYTICS, "");
    let serving = [Serving::on_sqlite(&config).await?, Serving::start(Shell::at(server.url())?, &config).await?];
    Ok((server, serving))
}

/// Writes to a task.
async fn change(serving: &Serving, id: &str, change: Change) -> Result<()> {
    serving.store.change(&TaskId::new(id)?, change, &Access::ANY).await?;
    Ok(())
}

/// A task that nobody runs.
async fn save(serving: &Serving, id: &str, entries: usize) -> Result<()> {
    let mut task = Task::to(id, "nothing");
    task.status = "running".to_owned();
    task.save(&serving.store).await?;
    if entries > 0 {
        change(serving, id, Change::logs((0..entries).map(|number| format!("entry {number}")))).await?;
    }
    Ok(())
}

fn numbered(entries: usize) -> Vec<String> {
    (0..entries).map(|number| format!("entry {number}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_cut_goes_on_without_loss_and_without_doubles() -> Result<()> {
    let (_server, all) = both().await?;
    for serving in &all {
        save(serving, "t", 0).await?;
        let mut seen = Seen::default();
        let mut last_id = None::<String>;
        for round in 0..12 {
            let mut events = match &last_id {
                Some(id) => Events::resume(serving.address, "/api/v2/tasks/t/events", id).await?,
                None => Events::open(serving.address, "/api/v2/tasks/t/events").await?,
            };
            for number in 0..40 {
                change(serving, "t", Change::logs([format!("entry {}", 40 * round + number)])).await?;
            }
            // It is cut somewhere on the way.
            let wanted = 40 * round + 7;
            seen.until(&mut events, |seen| seen.log.len() >= wanted).await?;
            last_id = Some(events.last_id.clone());
        }
        let mut events = Events::resume(serving.address, "/api/v2/tasks/t/events", &last_id.unwrap()).await?;
        change(serving, "t", Change::status(Status::Completed)).await?;
        seen.until(&mut events, |seen| seen.over.as_deref() == Some("end")).await?;
        assert_eq!((seen.log, seen.rewritten), (numbered(480), 0));
        assert_eq!(seen.status.as_deref(), Some("completed"));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_while_the_store_was_away_is_told_also_of_a_log_that_was_empty() -> Result<()> {
    let server = RedisServer::start().await?;
    let proxy = Proxy::start(server.port()).await?;
    let variables = [("RUST_LOG", "task_state_serve=debug")];
    let mut serving = Serving::start_with(Shell::at(proxy.url())?, &plugin(ANALYTICS, ""), &variables).await?;
    // What the test writes goes another way.
    serving.store = redis_store::connect(&server.url(), |_| {}).await;
    save(&serving, "t", 0).await?;
    let mut events = Events::open(serving.address, "/api/v2/tasks/t/events").await?;
    let mut seen = Seen::default();
    seen.until(&mut events, |seen| seen.status.is_some()).await?;
    proxy.refuse().await;
    proxy.cut_all();
    serving.running.wait_for("a task that is watched cannot be followed for now")?;
    change(&serving, "t", Change::logs(["entry 0", "entry 1"])).await?;
    proxy.accept()?;
    seen.until(&mut events, |seen| seen.log.len() == 2).await?;
    change(&serving, "t", Change::status(Status::Completed).log("entry 2")).await?;
    seen.until(&mut events, |seen| seen.over.as_deref() == Some("end")).await?;
    assert_eq!(seen.log, numbered(3));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_being_read_does_not_go_on_with_that_of_another_task() -> Result<()> {
    let serving = Serving::on_sqlite(&plugin(ANALYTICS, "")).await?;
    let save = async |user: &str| -> Result<TaskId> {
        let mut draft = Draft::new(Service::new("analytics")?, UserId::new(user)?);
        draft.task_id = Some(TaskId::new("nightly")?);
        draft.status = Status::Running;
        let time = "2026-11-24T07:58:21.839261+09:00";
        draft.logs = (0..20).map(|_| format!("{time},of {user} {}", "x".repeat(1 << 20))).collect();
        Ok(serving.store.save(draft, Precondition::Absent, &Access::ANY).await?)
    };
    let id = save("alice").await?;
    let mut stream = TcpStream::connect(serving.address).await?;
    let host = serving.address;
    stream.write_all(format!("GET /api/v2/tasks/nightly/logs.txt HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).await?;
    let mut beginning = vec![0; 1 << 16];
    stream.read_exact(&mut beginning).await?;
    assert!(String::from_utf8_lossy(&beginning).contains("of alice"));
    assert!(serving.store.delete(&id, &Access::ANY).await?);
    save("bob").await?;
    let mut rest = Vec::new();
    // It breaks off: the end of the answer is missing.
    let _ = stream.read_to_end(&mut rest).await;
    let rest = String::from_utf8_lossy(&rest);
    assert!(!rest.contains("of bob") && !rest.ends_with("\r\n0\r\n\r\n"), "{} bytes", rest.len());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_goes_on_where_one_has_ended() -> Result<()> {
    let shell = Shell::new()?;
    let store = shell.store().to_owned();
    let one = Serving::start(shell, &plugin(ANALYTICS, "")).await?;
    save(&one, "t", 30).await?;
    let mut events = Events::open(one.address, "/api/v2/tasks/t/events").await?;
    let mut platform = Events::open(one.address, "/api/v2/events").await?;
    platform.until("hello").await?;
    let mut seen = Seen::default();
    seen.until(&mut events, |seen| seen.log.len() == 30).await?;
    // It says so when it ends, and does not wait for those who watch.
    let shell = one.shell.clone();
    assert_eq!(one.stop().await?.code, Some(0));
    seen.until(&mut events, |seen| seen.over.as_deref() == Some("bye")).await?;
    assert_eq!(events.next().await?, None);
    platform.until("bye").await?;
    seen.over = None;

    let other = Serving::start(Shell::at(store)?, &plugin(ANALYTICS, "")).await?;
    change(&other, "t", Change::logs(["entry 30", "entry 31"])).await?;
    let mut events = Events::resume(other.address, "/api/v2/tasks/t/events", &events.last_id).await?;
    seen.until(&mut events, |seen| seen.log.len() == 32).await?;
    assert_eq!((seen.log, seen.rewritten), (numbered(32), 0));
    // What the other has told of all tasks is not known here.
    let mut platform = Events::resume(other.address, "/api/v2/events", &platform.last_id).await?;
    platform.until("reset").await?;
    drop(shell);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_stream_that_is_cut_goes_on_with_what_was_missed() -> Result<()> {
    let (_server, all) = both().await?;
    for serving in &all {
        let mut events = Events::open(serving.address, "/api/v2/events").await?;
        events.until("hello").await?;
        save(serving, "before", 0).await?;
        while events.until("task").await?["task_id"] != "before" {}
        let last_id = events.last_id.clone();
        drop(events);
        save(serving, "meanwhile", 0).await?;
        save(serving, "gone", 0).await?;
        let mut other = Events::open(serving.address, "/api/v2/events").await?;
        other.until("hello").await?;
        assert_eq!(send(serving, "DELETE", "/tasks/gone").await?.status, 204);
        assert_eq!(other.until("gone").await?, json!({"task_id": "gone"}));
        let mut events = Events::resume(serving.address, "/api/v2/events", &last_id).await?;
        let mut told = Vec::new();
        loop {
            let event = events.next().await?.context("the stream ends")?;
            match event.name.as_str() {
                "task" => told.push(event.data["task_id"].as_str().unwrap().to_owned()),
                "gone" => break,
                "overview" => {}
                name => panic!("what is {name}?"),
            }
        }
        assert!(told.contains(&"meanwhile".to_owned()) && !told.contains(&"before".to_owned()), "{told:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_output_and_changes_of_the_platform_are_told() -> Result<()> {
    let (_server, all) = both().await?;
    for serving in &all {
        save(serving, "t", 1).await?;
        let mut events = Events::open(serving.address, "/api/v2/tasks/t/events?start=1").await?;
        let mut seen = Seen { log: numbered(1), ..Seen::default() };
        seen.until(&mut events, |seen| seen.status.is_some()).await?;
        let progress = Progress::new(3, Some(10), Some("reading".to_owned()))?;
        change(serving, "t", Change::default().progress(progress)).await?;
        let told = Some(json!({"done": 3, "total": 10, "note": "reading"}));
        seen.until(&mut events, |seen| seen.progress == told).await?;
        let output = "x".repeat(100_000) + "the end";
        let result = TaskResult { launcher_output: Some(output), ..TaskResult::default() };
        change(serving, "t", Change::result(result)).await?;
        seen.until(&mut events, |seen| seen.output.is_some()).await?;
        let output = seen.output.clone().unwrap();
        let text = output["launcher_output"].as_str().unwrap();
        assert!(output["cut"] == true && text.len() <= 65_536 && text.ends_with("xthe end"));
        // Who comes later is told the same, and not what he has seen.
        let mut other = Events::resume(serving.address, "/api/v2/tasks/t/events", &events.last_id).await?;
        change(serving, "t", Change::logs(["entry 1"])).await?;
        let event = other.next().await?.unwrap();
        assert_eq!((event.name.as_str(), &event.data["start"]), ("entries", &json!(1)));
        let mut fresh = Seen::default();
        let mut events = Events::open(serving.address, "/api/v2/tasks/t/events").await?;
        fresh.until(&mut events, |fresh| fresh.log.len() == 2 && fresh.output.is_some()).await?;
        assert_eq!((fresh.progress, fresh.output), (told, Some(output)));
        serving.store.delete(&TaskId::new("t")?, &Access::ANY).await?;
        other.until("gone").await?;
        assert_eq!(other.next().await?, None);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_a_writer_without_a_guard_takes_back_is_told_as_it_is() -> Result<()> {
    let server = RedisServer::start().await?;
    let serving = Serving::start(Shell::at(server.url())?, &plugin(ANALYTICS, "")).await?;
    save(&serving, "t", 3).await?;
    let write = async |text: &str| server.run::<()>(&["SET", "task:t", text, "EX", "7776000"]).await;
    let old: String = server.run(&["GET", "task:t"]).await;
    let mut events = Events::open(serving.address, "/api/v2/tasks/t/events").await?;
    let mut seen = Seen::default();
    change(&serving, "t", Change::logs(["entry 3", "entry 4"])).await?;
    seen.until(&mut events, |seen| seen.log.len() == 5).await?;
    // The Python package writes back what it has read before, with an entry of its own.
    let stale = old.replace("entry 2\"]", "entry 2\",\"2026-11-24T07:58:21+00:00,its own\"]");
    assert_ne!(stale, old);
    write(&stale).await;
    let mut expected = numbered(3);
    expected.push("its own".to_owned());
    seen.until(&mut events, |seen| seen.log == expected).await?;
    // One who has seen what is there no longer is told what is there.
    let last_id = events.last_id.clone();
    drop(events);
    write(&old).await;
    change(&serving, "t", Change::logs(["another", "one more", "and one"])).await?;
    let mut events = Events::resume(serving.address, "/api/v2/tasks/t/events", &last_id).await?;
    let expected: Vec<String> =
        numbered(3).into_iter().chain(["another", "one more", "and one"].map(str::to_owned)).collect();
    seen.until(&mut events, |seen| seen.log == expected).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_log_is_told_whole_to_one_who_comes_late() -> Result<()> {
    const ENTRIES: usize = 20_000;
    let (_server, all) = both().await?;
    for serving in &all {
        save(serving, "t", 0).await?;
        for part in 0..10 {
            let entries =
                (0..ENTRIES / 10).map(|number| format!("entry {} {}", part * ENTRIES / 10 + number, "x".repeat(100)));
            change(serving, "t", Change::logs(entries)).await?;
        }
        let mut events = Events::open(serving.address, "/api/v2/tasks/t/events").await?;
        let mut seen = Seen::default();
        seen.until(&mut events, |seen| seen.log.len() == ENTRIES).await?;
        let is_in_order = |(number, entry): (usize, &String)| entry.starts_with(&format!("entry {number} "));
        assert!(seen.rewritten == 0 && seen.log.iter().enumerate().all(is_in_order));
        let text = serving.ask(Request::get("/api/v2/tasks/t/logs.txt")).await?;
        assert!(text.body.ends_with('\n') || text.body.contains("entry 19999 "));
    }
    Ok(())
}

/// As many open files as there may be, here and in what is started from here: each watcher has one on each side.
fn allow_open_files() -> Result<()> {
    let most = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: most.maximum, ..most })?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_watchers_of_one_task_are_told_the_same() -> Result<()> {
    const WATCHERS: usize = 1_000;
    allow_open_files()?;
    let serving = Serving::on_sqlite(&plugin(ANALYTICS, "")).await?;
    save(&serving, "t", 5).await?;
    let address = serving.address;
    let mut watching = tokio::task::JoinSet::new();
    for _ in 0..WATCHERS {
        watching.spawn(async move {
            let mut events = Events::open(address, "/api/v2/tasks/t/events").await?;
            let mut seen = Seen::default();
            seen.until(&mut events, |seen| seen.log.len() == 5).await?;
            anyhow::Ok((events, seen))
        });
    }
    let all: Vec<_> = watching.join_all().await.into_iter().collect::<Result<_>>()?;
    for number in 5..50 {
        change(&serving, "t", Change::logs([format!("entry {number}")])).await?;
    }
    change(&serving, "t", Change::status(Status::Failed)).await?;
    // Others are answered meanwhile.
    assert_eq!(send(&serving, "GET", "/tasks/t").await?.status, 200);
    let mut watching = tokio::task::JoinSet::new();
    for (mut events, mut seen) in all {
        watching.spawn(async move {
            seen.until(&mut events, |seen| seen.over.is_some()).await?;
            anyhow::Ok(seen)
        });
    }
    for seen in watching.join_all().await {
        let seen = seen?;
        assert_eq!((seen.log, seen.rewritten, seen.status.as_deref()), (numbered(50), 0, Some("failed")));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_who_takes_nothing_is_cut_and_no_other_is_disturbed() -> Result<()> {
    let serving = Serving::on_sqlite(&plugin(ANALYTICS, "")).await?;
    save(&serving, "t", 0).await?;
    let mut idle = TcpStream::connect(serving.address).await?;
    idle.write_all(b"GET /api/v2/tasks/t/events HTTP/1.1\r\nhost: localhost\r\n\r\n").await?;
    let mut events = Events::open(serving.address, "/api/v2/tasks/t/events").await?;
    let mut seen = Seen::default();
    // More than the connection holds.
    let mut count = 0;
    for _ in 0..30 {
        change(&serving, "t", Change::logs((0..100).map(|number| format!("{number} {}", "x".repeat(4_000))))).await?;
        count += 100;
        seen.until(&mut events, |seen| seen.log.len() == count).await?;
    }
    let open = async |count: usize| {
        let metrics = serving.ask(Request::get("/metrics")).await;
        metrics.is_ok_and(|metrics| metrics.body.contains(&format!("\ntask_state_streams {count}\n")))
    };
    eventually("the watcher is cut", async || open(1).await).await;
    // It finds what was on its way, and then the end.
    let mut taken = Vec::new();
    let _ = idle.read_to_end(&mut taken).await;
    assert!(taken.len() < 12_000_000, "{}", taken.len());
    change(&serving, "t", Change::logs(["the last"])).await?;
    seen.until(&mut events, |seen| seen.log.last().is_some_and(|last| last == "the last")).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_is_saved_anew_is_not_taken_for_the_one_before() -> Result<()> {
    let serving = Serving::on_sqlite(&plugin(ANALYTICS, "")).await?;
    save(&serving, "t", 3).await?;
    let mut events = Events::open(serving.address, "/api/v2/tasks/t/events").await?;
    let mut seen = Seen::default();
    seen.until(&mut events, |seen| seen.log.len() == 3).await?;
    serving.store.delete(&TaskId::new("t")?, &Access::ANY).await?;
    seen.until(&mut events, |seen| seen.over.as_deref() == Some("gone")).await?;
    create(&serving, "wait", json!({"task_id": "t"})).await?;
    let mut events = Events::resume(serving.address, "/api/v2/tasks/t/events", &events.last_id).await?;
    assert_eq!(events.next().await?.map(|event| event.name).as_deref(), Some("reset"));
    let mut seen = Seen::default();
    seen.until(&mut events, |seen| seen.log == ["at work"]).await?;
    Ok(())
}

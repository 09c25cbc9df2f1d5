//! `/api/v2`: what it answers, on real stores.

use anyhow::Result;
use serde_json::{Value, json};
use task_state_tests::command::Shell;
use task_state_tests::redis_server::RedisServer;
use task_state_tests::tasks::{Status, TaskId};
use task_state_tests::wait::eventually;

use crate::events::{Events, Seen};
use crate::fixture::{Answer, Request, Serving, plugin};

const ANALYTICS: &str = "'analytics'";

/// A new task that is to do something.
pub(crate) fn task(what: &str, more: Value) -> Value {
    let mut task = json!({"service": "analytics", "user_id": "alice", "parameters": {"do": what}});
    task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    task
}

/// Creates a task, and gives its id.
pub(crate) async fn create(serving: &Serving, what: &str, more: Value) -> Result<String> {
    let answer = serving.ask(Request::post("/api/v2/tasks", &task(what, more))).await?;
    assert_eq!(answer.status, 201, "{answer:?}");
    Ok(answer.json()["task_id"].as_str().unwrap().to_owned())
}

pub(crate) async fn get(serving: &Serving, path: &str) -> Result<Value> {
    let answer = serving.ask(Request::get(&format!("/api/v2{path}"))).await?;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    Ok(answer.json())
}

pub(crate) async fn post(serving: &Serving, path: &str, body: Value) -> Result<Answer> {
    serving.ask(Request::post(&format!("/api/v2{path}"), &body)).await
}

pub(crate) async fn send(serving: &Serving, method: &str, path: &str) -> Result<Answer> {
    serving.ask(Request::new(method, &format!("/api/v2{path}"))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_created_runs_and_is_shown() -> Result<()> {
    let serving = Serving::on_sqlite(&plugin(ANALYTICS, "")).await?;
    let answer = post(&serving, "/tasks", task("nothing", json!({"priority": "high"}))).await?;
    assert_eq!(answer.status, 201, "{answer:?}");
    let created = answer.json();
    assert_eq!((&created["service"], &created["priority"]), (&json!("analytics"), &json!("high")), "{created}");
    let id = created["task_id"].as_str().unwrap();
    assert!(answer.head.contains(&format!("location: /api/v2/tasks/{id}")), "{answer:?}");
    serving.until(id, Status::Completed).await;

    let shown = get(&serving, &format!("/tasks/{id}")).await?;
    assert_eq!((&shown["status"], &shown["waiting"]), (&json!("completed"), &json!(false)), "{shown}");
    assert_eq!((&shown["parameters"], &shown["entries"]), (&json!({"do": "nothing"}), &json!(1)), "{shown}");
    let logs = get(&serving, &format!("/tasks/{id}/logs")).await?;
    assert_eq!((&logs["total"], &logs["entries"][0]["message"]), (&json!(1), &json!("at work")), "{logs}");
    let text = serving.ask(Request::get(&format!("/api/v2/tasks/{id}/logs.txt"))).await?;
    assert!(text.body.contains(",at work\n") && text.head.contains("attachment; filename"), "{text:?}");
    let list = get(&serving, "/tasks?status=completed&service=analytics").await?;
    assert_eq!((&list["tasks"][0]["task_id"], &list["next"]), (&json!(id), &Value::Null), "{list}");
    let count = get(&serving, "/tasks/count").await?;
    assert_eq!(count, json!({"count": 1, "by_status": {"completed": 1}}));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_is_watched_is_told_from_its_first_entry_to_its_end() -> Result<()> {
    let server = RedisServer::start().await?;
    for shell in [Shell::new()?, Shell::at(server.url())?] {
        let serving = Serving::start(shell, &plugin(ANALYTICS, "")).await?;
        let mut platform = Events::open(serving.address, "/api/v2/events").await?;
        platform.until("hello").await?;
        let id = create(&serving, "wait", json!({"task_id": "watched"})).await?;
        let mut events = Events::open(serving.address, &format!("/api/v2/tasks/{id}/events")).await?;
        let mut seen = Seen::default();
        seen.until(&mut events, |seen| seen.log == ["at work"] && seen.status.as_deref() == Some("running")).await?;
        let answer = post(&serving, &format!("/tasks/{id}/cancel"), json!({})).await?;
        assert_eq!((answer.status, answer.json()["status"].as_str()), (202, Some("cancelled")), "{answer:?}");
        seen.until(&mut events, |seen| seen.over.is_some()).await?;
        assert_eq!((seen.status.as_deref(), seen.over.as_deref()), (Some("cancelled"), Some("end")), "{seen:?}");
        // What the guest says last and the notice of the host may come in either order, and are told as they are stored.
        let stored = get(&serving, &format!("/tasks/{id}/logs")).await?;
        let messages = stored["entries"].as_array().into_iter().flatten().map(|entry| &entry["message"]);
        assert!(messages.eq(seen.log.iter()), "{seen:?} {stored}");
        assert!(seen.log.iter().any(|message| message == "stopping"), "{seen:?}");
        assert_eq!(events.next().await?, None);
        assert_eq!(post(&serving, &format!("/tasks/{id}/cancel"), json!({})).await?.status, 409);

        while platform.until("task").await?["status"] != "cancelled" {}
        assert_eq!(send(&serving, "DELETE", &format!("/tasks/{id}")).await?.status, 204);
        assert_eq!(platform.until("gone").await?, json!({"task_id": id}));
        assert_eq!(send(&serving, "GET", &format!("/tasks/{id}")).await?.status, 404);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_has_pages_filters_and_counts() -> Result<()> {
    let serving = Serving::on_sqlite(&plugin("'analytics', 'sync'", "")).await?;
    assert_eq!(send(&serving, "PUT", "/pauses/all").await?.status, 204);
    for number in 0..5 {
        let mut task = crate::fixture::Task::to(&format!("Job-{number}"), "nothing");
        if number == 4 {
            (task.service, task.user_id) = ("sync".to_owned(), "bob".to_owned());
        }
        task.save(&serving.store).await?;
    }
    let ids = |page: &Value| -> Vec<String> {
        page["tasks"].as_array().unwrap().iter().map(|task| task["task_id"].as_str().unwrap().to_owned()).collect()
    };
    let first = get(&serving, "/tasks?limit=2").await?;
    assert_eq!(ids(&first), ["Job-4", "Job-3"]);
    let cursor = first["next"].as_str().unwrap();
    let second = get(&serving, &format!("/tasks?limit=2&cursor={}", crate::api::escaped(cursor))).await?;
    assert_eq!(ids(&second), ["Job-2", "Job-1"]);
    assert_eq!(ids(&get(&serving, "/tasks?order=oldest&text=JOB-&user=alice&limit=1").await?), ["Job-0"]);
    assert_eq!(ids(&get(&serving, "/tasks?service=sync&status=pending,running").await?), ["Job-4"]);
    assert_eq!(ids(&get(&serving, "/tasks?status=failed&status=running").await?), Vec::<String>::new());
    let count = get(&serving, "/tasks/count?user=alice&text=job").await?;
    assert_eq!(count, json!({"count": 4, "by_status": {"pending": 4}}));
    Ok(())
}

/// A text as it stands in a URL.
pub(crate) fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_request_is_said_and_nothing_is_done() -> Result<()> {
    let serving = Serving::on_sqlite(&plugin(ANALYTICS, "")).await?;
    let new = |more: Value| task("nothing", more).to_string();
    let json = "application/json";
    for (method, path, kind, body, status, said) in [
        ("GET", "/nothing", "", String::new(), 404, "there is nothing at this path"),
        ("PATCH", "/tasks", "", String::new(), 405, "does not take this method"),
        ("GET", "/tasks?limit=0", "", String::new(), 422, "limit is no whole number from 1 to 1000"),
        ("GET", "/tasks?limit=ten", "", String::new(), 422, "limit is no whole number"),
        ("GET", "/tasks?limit=1&limit=2", "", String::new(), 422, "more than once"),
        ("GET", "/tasks?status=RUNNING", "", String::new(), 422, "a status is one of pending"),
        ("GET", "/tasks?order=up", "", String::new(), 422, "order is one of newest, oldest"),
        ("GET", "/tasks?sort=up", "", String::new(), 400, "there is no such parameter; there are service"),
        ("GET", "/tasks?text=%ff", "", String::new(), 400, "the query is not UTF-8"),
        ("GET", "/tasks?cursor=%00nonsense", "", String::new(), 200, ""),
        ("GET", &format!("/tasks?text={}", "x".repeat(200)), "", String::new(), 422, "at most 128"),
        ("GET", "/tasks/none", "", String::new(), 404, "there is no such task"),
        ("GET", "/tasks/id%3Asequence", "", String::new(), 422, "the store keeps its sequence"),
        ("GET", "/tasks/%ff", "", String::new(), 400, "a name in a path is UTF-8"),
        ("GET", "/tasks/none/logs", "", String::new(), 404, "no such task"),
        ("GET", "/tasks/none/logs.txt", "", String::new(), 404, "no such task"),
        ("GET", "/tasks/none/events", "", String::new(), 404, "no such task"),
        ("GET", "/tasks/none/events?start=-1", "", String::new(), 422, "start is no whole number"),
        ("POST", "/tasks/none/cancel", json, "{}".to_owned(), 404, "no such task"),
        ("DELETE", "/tasks/none", "", String::new(), 404, "no such task"),
        ("POST", "/tasks/none/again", json, "{}".to_owned(), 404, "no such task"),
        ("PUT", "/tasks/none/priority", json, "{\"priority\": \"high\"}".to_owned(), 404, "no such task"),
        (
            "PUT",
            "/tasks/none/priority",
            json,
            "{\"priority\": \"urgent\"}".to_owned(),
            422,
            "it must be one of high, low",
        ),
        ("POST", "/tasks", "text/plain", new(json!({})), 415, "application/json"),
        ("POST", "/tasks", json, "{".to_owned(), 400, "the body is not JSON"),
        ("POST", "/tasks", json, "1".to_owned(), 422, "invalid type"),
        ("POST", "/tasks", json, "{\"service\": \"analytics\"}".to_owned(), 422, "missing field `user_id`"),
        ("POST", "/tasks", json, new(json!({"colour": 1})), 422, "unknown field `colour`, expected one of"),
        ("POST", "/tasks", json, new(json!({"task_id": "a b"})), 422, "invalid task id \"a b\": it contains ' '"),
        ("POST", "/tasks", json, new(json!({"service": "a:b"})), 422, "invalid service"),
        ("POST", "/tasks", json, new(json!({"parameters": [1]})), 422, "it is not a JSON object"),
        ("POST", "/tasks", json, new(json!({"priority": "urgent"})), 422, "invalid priority \"urgent\""),
        ("POST", "/tasks", json, new(json!({"service": "sync"})), 403, "no plugin runs tasks of the service \"sync\""),
        ("POST", "/tasks", json, new(json!({"input_id": "x"})), 422, "32 digits"),
        ("POST", "/tasks", json, new(json!({"input_id": "0".repeat(32)})), 422, "there is no such input"),
        (
            "POST",
            "/tasks",
            json,
            new(json!({"input": "x", "input_id": "0".repeat(32)})),
            422,
            "either input or input_id",
        ),
        ("POST", "/tasks", json, format!("\"{}\"", "x".repeat(5 << 20)), 413, "more than 4194304 bytes"),
        ("POST", "/tasks/cancel", json, "{\"filter\": {}}".to_owned(), 422, "say \"all\": true"),
        ("POST", "/tasks/delete", json, "{\"filter\": {\"service\": \"\"}}".to_owned(), 422, "say \"all\": true"),
        ("POST", "/tasks/delete", json, "{\"filter\": {\"state\": 1}}".to_owned(), 422, "unknown field `state`"),
        ("POST", "/tasks/delete", json, "{\"filter\": {\"status\": [\"x\"]}}".to_owned(), 422, "a status is one of"),
        ("PUT", "/pauses/users/a%20b", "", String::new(), 422, "invalid user id"),
        ("GET", "/events?colour=1", "", String::new(), 400, "there are service, user"),
        ("GET", "/overview?x=1", "", String::new(), 200, ""),
    ] {
        let request = Request::new(method, &format!("/api/v2{path}")).body(body);
        let request = if kind.is_empty() { request } else { request.header("content-type", kind) };
        let answer = serving.ask(request).await?;
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        if status >= 400 {
            let problem = answer.json();
            assert!(answer.head.contains("application/problem+json"), "{method} {path}: {answer:?}");
            assert_eq!(problem["status"], status, "{answer:?}");
            assert!(
                problem["detail"].as_str().is_some_and(|detail| detail.contains(said)),
                "{method} {path}: {answer:?}"
            );
        }
    }
    for path in ["/api/v2/tasks/t/events", "/api/v2/events"] {
        crate::fixture::Task::to("t", "nothing").save(&serving.store).await?;
        let answer = serving.ask(Request::get(path).header("last-event-id", "nonsense")).await?;
        assert_eq!((answer.status, &answer.json()["value"]), (422, &json!("nonsense")), "{answer:?}");
    }
    // Nothing was left behind by what was refused.
    let count = get(&serving, "/tasks/count").await?;
    assert_eq!(count["count"], 1, "{count}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_is_given_once() -> Result<()> {
    let serving = Serving::on_sqlite(&plugin(ANALYTICS, "")).await?;
    create(&serving, "wait", json!({"task_id": "앨/리스?"})).await?;
    let answer = post(&serving, "/tasks", task("nothing", json!({"task_id": "앨/리스?"}))).await?;
    assert_eq!((answer.status, &answer.json()["value"]), (409, &json!("앨/리스?")), "{answer:?}");
    let path = format!("/tasks/{}", escaped("앨/리스?"));
    assert_eq!(get(&serving, &path).await?["task_id"], "앨/리스?");
    let changed = Request::new("PUT", &format!("/api/v2{path}/priority")).header("content-type", "application/json");
    let answer = serving.ask(changed.body("{\"priority\": \"high\"}")).await?;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(get(&serving, &path).await?["priority"], "high");
    assert_eq!(send(&serving, "DELETE", &path).await?.status, 204);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_reads_the_input_that_was_uploaded_for_it() -> Result<()> {
    let serving = Serving::on_sqlite(&plugin(ANALYTICS, "")).await?;
    let text = "line\n".repeat(200_000);
    let answer = serving.ask(Request::new("POST", "/api/v2/inputs").body(text.clone())).await?;
    assert_eq!((answer.status, &answer.json()["bytes"]), (201, &json!(1_000_000)), "{answer:?}");
    let input = answer.json()["input_id"].as_str().unwrap().to_owned();
    // One task takes it.
    let id = create(&serving, "wait", json!({"input_id": input})).await?;
    let answer = post(&serving, "/tasks", task("nothing", json!({"input_id": input}))).await?;
    assert_eq!(answer.status, 422, "{answer:?}");
    let (task_id, store) = (TaskId::new(&*id)?, &serving.store);
    let piece = store.input(&task_id, 999_990, 100).await?;
    assert_eq!(piece.as_deref(), Some(&b"line\nline\n"[..]));
    // Another like it has it too, as long as this one has not ended.
    let answer = post(&serving, &format!("/tasks/{id}/again"), json!({})).await?;
    assert_eq!(answer.status, 201, "{answer:?}");
    let again = TaskId::new(answer.json()["task_id"].as_str().unwrap())?;
    assert_eq!(store.input(&again, 999_995, 100).await?.as_deref(), Some(&b"line\n"[..]));
    for id in [&*id, again.as_str()] {
        assert_eq!(post(&serving, &format!("/tasks/{id}/cancel"), json!({})).await?.status, 202);
        serving.until(id, Status::Cancelled).await;
    }
    eventually("the input is removed", async || matches!(store.input(&task_id, 0, 1).await, Ok(None))).await;
    // More than there may be is refused, whether it is said before or not.
    let large = vec![b'x'; (16 << 20) + 1];
    let answer = serving.ask(Request::new("POST", "/api/v2/inputs").body(large)).await?;
    assert_eq!((answer.status, &answer.json()["allowed"]), (413, &json!(16 << 20)), "{answer:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_to_all_is_tried_first_and_then_done() -> Result<()> {
    let serving = Serving::on_sqlite(&plugin(ANALYTICS, "concurrency = 2")).await?;
    for number in 0..6 {
        create(
            &serving,
            "wait",
            json!({"task_id": format!("job-{number}"), "user_id": format!("user-{}", number % 2)}),
        )
        .await?;
    }
    for id in ["job-0", "job-1"] {
        serving.until_logged(id, "at work").await;
    }
    let of_user = json!({"user": "user-0", "text": "JOB"});
    let tried = post(&serving, "/tasks/cancel", json!({"filter": of_user, "dry_run": true})).await?.json();
    assert_eq!((&tried["matched"], &tried["affected"]), (&json!(3), &json!(0)), "{tried}");
    let done = post(&serving, "/tasks/cancel", json!({"filter": of_user})).await?.json();
    assert_eq!((&done["matched"], &done["affected"], &done["failed"]), (&json!(3), &json!(3), &json!([])), "{done}");
    assert_eq!(done["task_ids"], json!(["job-0", "job-2", "job-4"]));
    for id in ["job-0", "job-2", "job-4"] {
        serving.until(id, Status::Cancelled).await;
    }
    let ids = json!({"filter": {"task_ids": ["job-1", "job-2", "none"]}});
    let done = post(&serving, "/tasks/delete", ids).await?.json();
    assert_eq!((&done["matched"], &done["affected"]), (&json!(2), &json!(2)), "{done}");
    let done = post(&serving, "/tasks/delete", json!({"filter": {}, "all": true})).await?.json();
    assert_eq!(done["affected"], 4, "{done}");
    assert_eq!(get(&serving, "/tasks/count").await?["count"], 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_platform_tells_of_its_hosts_services_and_pauses() -> Result<()> {
    let shell = Shell::new()?;
    let store = shell.store().to_owned();
    let more = "[plugins.capabilities]\nenvironment = { MODE = 'not-for-you' }\nsecrets = ['PATH']\n";
    let serving = Serving::start(shell, &plugin(ANALYTICS, more)).await?;
    let other = Serving::start(Shell::at(store)?, &plugin("'sync'", "users = ['alice']")).await?;
    eventually("both say that they are there", async || {
        get(&serving, "/hosts").await.is_ok_and(|hosts| hosts["hosts"].as_array().unwrap().len() == 2)
    })
    .await;
    let hosts = get(&serving, "/hosts").await?;
    let plugins: Vec<&Value> = hosts["hosts"].as_array().unwrap().iter().map(|host| &host["plugins"][0]).collect();
    let analytics = plugins.iter().find(|plugin| plugin["services"] == json!(["analytics"])).unwrap();
    assert_eq!(analytics["capabilities"], json!(["environment MODE", "secret PATH"]), "{analytics}");
    assert_eq!((&analytics["users"], &analytics["limits"]["grace"]), (&Value::Null, &json!("5s")), "{analytics}");
    assert!(!hosts.to_string().contains("not-for-you") && !hosts.to_string().contains("/bin"), "{hosts}");

    // What another process runs can be submitted here.
    assert_eq!(get(&serving, "/services").await?, json!({"services": ["analytics", "sync"]}));
    let id = create(&serving, "wait", json!({"service": "sync"})).await?;
    serving.until_logged(&id, "at work").await;
    let shown = get(&serving, &format!("/tasks/{id}")).await?;
    assert_eq!((&shown["attempt"], &shown["waiting"]), (&json!(1), &json!(false)), "{shown}");
    let name = shown["host"].as_str().unwrap();
    let hosts = get(&serving, "/hosts").await?;
    let its = hosts["hosts"].as_array().unwrap().iter().find(|host| host["name"] == name).unwrap();
    assert_eq!(its["runs"], json!([{"task_id": id, "attempt": 1}]), "{hosts}");
    let answer = post(&serving, "/tasks", task("nothing", json!({"service": "sync", "user_id": "bob"}))).await?;
    assert_eq!(answer.status, 403, "{answer:?}");

    for (path, pauses) in [
        ("/pauses/services/sync", json!({"all": false, "services": ["sync"], "users": []})),
        ("/pauses/users/alice", json!({"all": false, "services": [], "users": ["alice"]})),
        ("/pauses/all", json!({"all": true, "services": [], "users": []})),
    ] {
        assert_eq!(send(&serving, "PUT", path).await?.status, 204);
        assert_eq!(get(&serving, "/pauses").await?, pauses);
        let answer = post(&serving, "/tasks", task("nothing", json!({"service": "sync"}))).await?;
        assert_eq!(answer.status, 403, "{answer:?}");
        assert!(answer.body.contains("is paused"), "{answer:?}");
        assert_eq!(send(&serving, "DELETE", path).await?.status, 204);
    }
    let overview = get(&serving, "/overview").await?;
    assert_eq!(overview["services"][0]["counts"], json!({"running": 1}), "{overview}");
    assert_eq!(post(&serving, &format!("/tasks/{id}/cancel"), json!({})).await?.json()["status"], "cancelled");
    other.stop().await?;
    // A process that ends is there no longer.
    eventually("one is left", async || {
        get(&serving, "/hosts").await.is_ok_and(|hosts| hosts["hosts"].as_array().unwrap().len() == 1)
    })
    .await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_sees_and_does_what_is_his() -> Result<()> {
    let tokens = "[[tokens]]\nenv = 'OPERATOR'\nrole = 'operator'\n\
        [[tokens]]\nenv = 'ALICE'\nrole = 'user'\nservices = ['analytics']\nusers = ['alice']\n";
    let config = format!("{tokens}{}", plugin("'analytics', 'sync'", ""));
    let serving = Serving::start_with(Shell::new()?, &config, &[("OPERATOR", "op3rator"), ("ALICE", "al1ce")]).await?;
    let asks = async |token: &str, request: Request| {
        serving.ask(request.header("authorization", &format!("Bearer {token}"))).await
    };
    let path = |rest: &str| format!("/api/v2{rest}");
    for (user, service) in [("alice", "analytics"), ("bob", "analytics"), ("alice", "sync")] {
        let new = task("wait", json!({"task_id": format!("{user}-{service}"), "user_id": user, "service": service}));
        assert_eq!(asks("op3rator", Request::post(&path("/tasks"), &new)).await?.status, 201);
        let expected = if (user, service) == ("alice", "analytics") { 409 } else { 403 };
        assert_eq!(asks("al1ce", Request::post(&path("/tasks"), &new)).await?.status, expected);
    }
    let list = asks("al1ce", Request::get(&path("/tasks"))).await?.json();
    assert_eq!(list["tasks"].as_array().unwrap().len(), 1, "{list}");
    assert_eq!(asks("al1ce", Request::get(&path("/tasks/count"))).await?.json()["count"], 1);
    let overview = asks("al1ce", Request::get(&path("/overview"))).await?.json();
    assert!(!overview.to_string().contains("bob") && !overview.to_string().contains("sync"), "{overview}");
    for rest in ["", "/logs", "/logs.txt", "/events"] {
        for other in ["bob-analytics", "alice-sync"] {
            let answer = asks("al1ce", Request::get(&path(&format!("/tasks/{other}{rest}")))).await?;
            assert_eq!(answer.status, 404, "{other}{rest}: {answer:?}");
        }
    }
    for (method, rest) in [("POST", "/cancel"), ("POST", "/again"), ("DELETE", ""), ("PUT", "/priority")] {
        let request = Request::new(method, &path(&format!("/tasks/bob-analytics{rest}")));
        let request = request.header("content-type", "application/json").body("{\"priority\": \"high\"}");
        assert_eq!(asks("al1ce", request).await?.status, 404, "{method} {rest}");
    }
    for (method, rest) in [("GET", "/hosts"), ("PUT", "/pauses/all"), ("DELETE", "/pauses/users/alice")] {
        assert_eq!(asks("al1ce", Request::new(method, &path(rest))).await?.status, 403, "{method} {rest}");
    }
    let all = json!({"filter": {"task_ids": ["alice-analytics", "bob-analytics", "alice-sync"]}});
    let done = asks("al1ce", Request::post(&path("/tasks/delete"), &all)).await?.json();
    assert_eq!(done["task_ids"], json!(["alice-analytics"]), "{done}");
    let list = asks("op3rator", Request::get(&path("/tasks"))).await?.json();
    assert_eq!(list["tasks"].as_array().unwrap().len(), 2, "{list}");
    for rest in ["/tasks", "/tasks/x", "/tasks/x/events", "/events", "/overview", "/services", "/pauses", "/hosts"] {
        assert_eq!(serving.ask(Request::get(&path(rest))).await?.status, 401, "{rest}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_watches_hears_of_nobody_else() -> Result<()> {
    let tokens = "[[tokens]]\nenv = 'OPERATOR'\nrole = 'operator'\n\
        [[tokens]]\nenv = 'ALICE'\nrole = 'user'\nusers = ['alice']\n";
    let config = format!("{tokens}{}", plugin(ANALYTICS, ""));
    let serving = Serving::start_with(Shell::new()?, &config, &[("OPERATOR", "op3rator"), ("ALICE", "al1ce")]).await?;
    let headers = [("authorization", "Bearer al1ce")];
    let mut events = Events::open_with(serving.address, "/api/v2/events", &headers).await?;
    events.until("hello").await?;
    for (id, user) in [("bobs", "bob"), ("hers", "alice"), ("bobs-too", "bob"), ("last", "alice")] {
        let new = task("nothing", json!({"task_id": id, "user_id": user}));
        let request = Request::post("/api/v2/tasks", &new).header("authorization", "Bearer op3rator");
        assert_eq!(serving.ask(request).await?.status, 201);
        serving.until(id, Status::Completed).await;
    }
    loop {
        let event = events.next().await?.expect("the stream ends");
        assert!(!event.data.to_string().contains("bob"), "{event:?}");
        if event.data["task_id"] == "last" && event.data["status"] == "completed" {
            return Ok(());
        }
    }
}

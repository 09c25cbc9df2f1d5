//! The HTTP contract of the DMS frontend: what it answers to each of the requests of `frontend.json`, one after the other,
//! is recorded there, and where a platform differs on purpose, with the reason. Both are held to it.

use anyhow::Result;
use serde::Deserialize;
use serde_json::Value;
use task_state_host::Settings;
use task_state_host::store::{self, StoreUrl};
use task_state_tests::command::Shell;
use task_state_tests::peers::Checkout;
use task_state_tests::redis_server::RedisServer;

use crate::fixture::{Answer, Request, Serving, Task, plugin};
use crate::recorded::{Recorded, ask_all, assert_none};

/// What the recording shows as an operator.
const TOKEN: &str = "t0ken";

/// A request, and what it is answered.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What it shows.
    name: String,
    method: String,
    path: String,
    #[serde(default)]
    headers: serde_json::Map<String, Value>,
    #[serde(default)]
    body: String,
    /// The tasks that are there before.
    #[serde(default)]
    tasks: Vec<Task>,
    /// The frontend's answer.
    theirs: Expected,
    /// The platform's, where it differs.
    ours: Option<Expected>,
    /// Why it does.
    why: Option<String>,
    /// Only the names in the answer are compared: what they hold is another each time.
    #[serde(default)]
    shape: bool,
    /// This field alone of each task is compared: the others depend on how far the task has come.
    only: Option<String>,
}

/// An answer. Times are written as `T`: they are others each time.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    status: u16,
    /// An empty text, if there is none.
    body: Value,
    /// Where the client is sent.
    location: Option<String>,
    /// The method that is allowed instead.
    allow: Option<String>,
}

impl Recorded for Case {
    fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    fn request(&self) -> Request {
        let request = Request::new(&self.method, &self.path).body(self.body.clone());
        let value = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        self.headers.iter().fold(request, |request, (name, text)| request.header(name, &value(text)))
    }
}

impl Case {
    /// What is wrong with an answer.
    fn compare(&self, expected: &Expected, answer: &Answer) -> Option<String> {
        let mut body = answer.json();
        without_times(&mut body, "");
        let compared = |body: &Value| match &self.only {
            _ if self.shape => shape(body),
            Some(field) => body["tasks"].as_array().into_iter().flatten().map(|task| task[field].clone()).collect(),
            None => body.clone(),
        };
        let (body, wanted) = (compared(&body), compared(&expected.body));
        let location = answer.header("location").map(path);
        let is_same = answer.status == expected.status
            && body == wanted
            && location == expected.location.as_deref()
            && answer.header("allow") == expected.allow.as_deref();
        (!is_same).then(|| format!("{}: {}\n{}\n  instead of {expected:?}", self.name, answer.head, answer.body))
    }
}

/// The path of a URL.
fn path(url: &str) -> &str {
    let behind = url.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..]));
    behind.unwrap_or(url)
}

/// The names in a document, whatever they hold.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), shape(value))).collect(),
        _ => Value::Null,
    }
}

/// Replaces times by a letter: those of records, and those at the beginning of entries.
fn without_times(value: &mut Value, name: &str) {
    match value {
        Value::Object(fields) => fields.iter_mut().for_each(|(name, value)| without_times(value, name)),
        Value::Array(items) => items.iter_mut().for_each(|item| without_times(item, name)),
        Value::String(text) => match name {
            "created_at" | "updated_at" => *text = "T".to_owned(),
            "logs" => {
                let message = text.split_once(',').map(|(_, message)| message.to_owned()).unwrap_or_default();
                *text = format!("T,{message}");
            }
            _ => {}
        },
        _ => {}
    }
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("frontend.json")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_frontend_answers_as_it_was_recorded() -> Result<()> {
    let (Some(frontend), Some(scheduler)) =
        (Checkout::find("TASK_STATE_FRONTEND"), Checkout::find("TASK_STATE_SCHEDULER"))
    else {
        return Ok(());
    };
    let redis = RedisServer::start().await?;
    let scheduler = scheduler.scheduler(&redis.url()).await?;
    let frontend = frontend.frontend(&redis.url(), &format!("http://{}", scheduler.address)).await?;
    let store = store::open(&StoreUrl::parse(&redis.url())?, &Settings::from_vars(|_| None)?).await?;
    let cases = cases();
    let answers = ask_all(&cases, frontend.address, &store).await?;
    assert_none(cases.iter().zip(&answers).filter_map(|(case, answer)| case.compare(&case.theirs, answer)).collect());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_on_redis_answers_as_the_frontend_or_differs_on_purpose() -> Result<()> {
    let redis = RedisServer::start().await?;
    holds_the_contract(Shell::at(redis.url())?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_on_sqlite_answers_as_the_frontend_or_differs_on_purpose() -> Result<()> {
    holds_the_contract(Shell::new()?).await
}

async fn holds_the_contract(shell: Shell) -> Result<()> {
    // What is registered waits, so that it stands as it was recorded.
    let config = format!(
        "[[tokens]]\nenv = 'OPERATOR'\nrole = 'operator'\n[frontend]\nopen-user-routes = true\n{}",
        plugin("'made'", "")
    );
    let serving = Serving::start_with(shell, &config, &[("OPERATOR", TOKEN)]).await?;
    let cases = cases();
    let answers = ask_all(&cases, serving.address, &serving.store).await?;
    let answered = cases.iter().zip(&answers);
    assert_none(
        answered
            .filter_map(|(case, answer)| case.compare(case.ours.as_ref().unwrap_or(&case.theirs), answer))
            .collect(),
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_frontends_own_client_is_answered() -> Result<()> {
    let Some(frontend) = Checkout::find("TASK_STATE_FRONTEND") else { return Ok(()) };
    let config = format!(
        "[[tokens]]\nenv = 'OPERATOR'\nrole = 'operator'\n[frontend]\nopen-user-routes = true\n{}",
        plugin("'sync', 'rm', 'hotcold'", "")
    );
    let serving = Serving::start_with(Shell::new()?, &config, &[("OPERATOR", TOKEN)]).await?;
    let mut client = frontend.client(&format!("http://{}", serving.address), TOKEN);
    let said = tokio::task::spawn_blocking(move || client.output()).await??;
    let lines = String::from_utf8(said.stderr)?;
    assert!(said.status.success(), "{lines}");
    let failed: Vec<&str> = lines.lines().filter(|line| !line.starts_with("0 ")).collect();
    assert!(failed.is_empty() && lines.lines().count() > 30, "{lines}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_routes_for_users_need_a_token_unless_they_are_opened() -> Result<()> {
    let config = format!(
        "[[tokens]]\nenv = 'OPERATOR'\nrole = 'operator'\n\
         [[tokens]]\nenv = 'ALICE'\nrole = 'user'\nservices = ['made']\nusers = ['alice']\n{}",
        plugin("'made'", "")
    );
    let serving = Serving::start_with(Shell::new()?, &config, &[("OPERATOR", TOKEN), ("ALICE", "al1ce")]).await?;
    let ask = async |method: &str, path: &str, token: Option<&str>| -> Result<Answer> {
        let request = Request::new(method, &format!("/api/v1/services/{path}"));
        let bearing = |token| request.clone().header("authorization", &format!("Bearer {token}"));
        serving.ask(token.map_or(request.clone(), bearing)).await
    };
    let made = ask("POST", "made/users/alice/tasks?a=1", Some("al1ce")).await?;
    let id = made.json()["task_id"].as_str().unwrap_or_default().to_owned();
    assert_eq!((made.status, id.is_empty()), (202, false), "{made:?}");
    let one = format!("made/tasks/{id}?user_id=alice");
    for (method, path) in [
        ("POST", "made/users/alice/tasks"),
        ("GET", "made/users/alice/tasks"),
        ("DELETE", "users/alice/tasks"),
        ("POST", "users/alice/tasks/cancel"),
        ("GET", one.as_str()),
        ("DELETE", one.as_str()),
    ] {
        assert_eq!(ask(method, path, None).await?.status, 401, "{method} {path}");
        assert_eq!(ask(method, path, Some("other")).await?.status, 401, "{method} {path}");
    }
    for (path, status) in [("other/users/alice/tasks", 403), ("made/users/bob/tasks", 403), ("users/bob/tasks", 403)] {
        assert_eq!(ask("GET", path, Some("al1ce")).await?.status, status, "{path}");
        assert_eq!(ask("GET", path, Some(TOKEN)).await?.status, 200, "{path}");
    }
    assert_eq!(ask("GET", &one, Some("al1ce")).await?.status, 200);
    let admin = Request::get("/api/v1/admin/tasks").header("authorization", "Bearer al1ce");
    assert_eq!(serving.ask(admin).await?.status, 401);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_shows_all_there_is_although_a_record_cannot_be_read() -> Result<()> {
    let server = RedisServer::start().await?;
    let serving = Serving::start(Shell::at(server.url())?, &plugin("'made'", "")).await?;
    for number in 0..1_200 {
        Task::to(&number.to_string(), "nothing").save(&serving.store).await?;
    }
    let mut connection = redis::Client::open(server.url())?.get_multiplexed_async_connection().await?;
    let _: () = redis::cmd("SET").arg("task:7").arg("{").query_async(&mut connection).await?;
    let listed = serving.ask(Request::get("/api/v1/admin/tasks")).await?.json();
    let ids: Vec<&str> =
        listed["tasks"].as_array().unwrap().iter().filter_map(|task| task["task_id"].as_str()).collect();
    let expected: Vec<String> = (0..1_200).filter(|number| *number != 7).map(|number| number.to_string()).collect();
    assert_eq!(ids, expected);
    Ok(())
}

#[test]
fn each_answer_that_differs_has_a_reason_and_none_is_told_for_nothing() {
    for case in cases() {
        assert_eq!(case.ours.is_some(), case.why.is_some(), "{}", case.name);
        assert_ne!(case.ours.as_ref(), Some(&case.theirs), "{}", case.name);
    }
}

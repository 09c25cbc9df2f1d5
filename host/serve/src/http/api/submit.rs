//! New tasks.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::header::LOCATION;
use http::{HeaderValue, Request, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;
use task_state_host::dispatch::{Submission, SubmitError};
use task_state_host::record::{Draft, JsonObject, Priority, Service, TaskId, UserId};
use task_state_host::store::{Access, Denied, Error, InputId, MAX_INPUT_PIECE, Pause, Precondition, SharedStore};

use super::errors::{ended, invalid, store_problem};
use super::params::{Id, unprocessable};
use super::platform::hosts_of;
use super::{read, task};
use crate::access::Caller;
use crate::http::answer::line;
use crate::http::{Problem, Shared, document};

/// A task as somebody submits it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    service: String,
    user_id: String,
    task_id: Option<String>,
    parameters: Option<Box<RawValue>>,
    priority: Option<String>,
    input: Option<String>,
    input_id: Option<String>,
}

/// The input of a new task.
enum Input {
    None,
    Text(Bytes),
    Uploaded(InputId),
    /// That of another task, as far as it is there.
    Of(TaskId),
}

pub(super) async fn create(
    State(shared): State<Shared>,
    caller: Caller,
    request: Request<Body>,
) -> Result<Response, Problem> {
    caller.known()?;
    let (draft, input) = checked(read::document(request).await?)?;
    submit(shared, caller, draft, input).await
}

pub(super) async fn again(State(shared): State<Shared>, caller: Caller, Id(id): Id) -> Result<Response, Problem> {
    let record = shared.store().get(&id, &caller.access()?).await.map_err(store_problem)?;
    let service = Service::new(record.service()).map_err(|why| invalid(&why))?;
    let mut draft = Draft::new(service, UserId::new(record.user_id()).map_err(|why| invalid(&why))?);
    draft.parameters = JsonObject::parse("parameters", record.parameters()).map_err(|why| invalid(&why))?;
    draft.priority = record.priority();
    submit(shared, caller, draft, Input::Of(id)).await
}

fn checked(new: New) -> Result<(Draft, Input), Problem> {
    let New { service, user_id, task_id, parameters, priority, input, input_id } = new;
    let names = Service::new(service).and_then(|service| Ok((service, UserId::new(user_id)?)));
    let (service, user_id) = names.map_err(|why| invalid(&why))?;
    let mut draft = Draft::new(service, user_id);
    draft.task_id = task_id.map(TaskId::new).transpose().map_err(|why| invalid(&why))?;
    if let Some(parameters) = parameters {
        draft.parameters = JsonObject::parse("parameters", parameters.get()).map_err(|why| invalid(&why))?;
    }
    draft.priority = priority.map_or(Ok(Priority::default()), |word| read_priority(&word))?;
    let input = match (input, input_id) {
        (None, None) => Input::None,
        (Some(text), None) => Input::Text(text.into()),
        (None, Some(id)) => Input::Uploaded(InputId::parse(&id).map_err(|why| invalid(&why))?),
        (Some(_), Some(_)) => return Err(unprocessable("a task has one input: either input or input_id")),
    };
    Ok((draft, input))
}

pub(super) fn read_priority(word: &str) -> Result<Priority, Problem> {
    let allowed = Priority::ALL.map(Priority::as_str).to_vec();
    word.parse().map_err(|why| invalid(&why).with("parameter", "priority").with("allowed", allowed))
}

/// What has begun is not broken off, whatever becomes of the connection.
async fn submit(shared: Shared, caller: Caller, draft: Draft, input: Input) -> Result<Response, Problem> {
    let submitted = tokio::spawn(async move { submit_whole(&shared, &caller, draft, input).await });
    submitted.await.map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the task was not submitted"))?
}

async fn submit_whole(shared: &Shared, caller: &Caller, draft: Draft, input: Input) -> Result<Response, Problem> {
    let (service, user) = (draft.service.as_str(), draft.user_id.as_str());
    caller.owners()?.check(service, user).map_err(|denied| not_yours(denied, service, user))?;
    check_pauses(shared, service, user).await?;
    check_served(shared, service, user).await?;
    let store = shared.store();
    let input = stored(store, input).await?;
    let submission = |task_id: &TaskId| Submission {
        task_id: task_id.clone(),
        service: service.to_owned(),
        user_id: user.to_owned(),
        parameters: draft.parameters.clone(),
    };
    let given = draft.task_id.clone();
    let id = store.save(draft.clone(), Precondition::Absent, &Access::ANY).await.map_err(|error| match error {
        Error::Conflict | Error::Held => {
            let problem = Problem::new(StatusCode::CONFLICT, "there is a task with this id already");
            given.iter().fold(problem, |problem, id| problem.with("value", id.as_str()))
        }
        error => store_problem(error),
    })?;
    let accepted = async {
        if let Some(input) = &input {
            store.attach_input(input, &id, &Access::ANY).await.map_err(|error| not_attached(input, error))?;
        }
        shared.dispatcher.submit_to_any(&submission(&id)).await.map_err(refused)
    };
    if let Err(problem) = accepted.await {
        // Nobody was told of it, so nothing is left of it. Whether it waits is not known if the store was away.
        if problem.status() != StatusCode::SERVICE_UNAVAILABLE
            && let Err(error) = store.delete(&id, &Access::ANY).await
        {
            tracing::warn!(task = %id, %error, "a task that was refused is left");
        }
        return Err(problem.with("task_id", id.as_str()));
    }
    tracing::info!(task = %id, "accepted");
    let record = store.get(&id, &Access::ANY).await.map_err(store_problem)?;
    let mut response = document(StatusCode::CREATED, &task::shown(shared, &record).await?);
    if let Ok(location) = HeaderValue::from_str(&format!("/api/v2/tasks/{}", escaped(id.as_str()))) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

fn not_yours(denied: Denied, service: &str, user: &str) -> Problem {
    let (what, value) = if denied == Denied::Service { ("service", service) } else { ("user", user) };
    Problem::new(StatusCode::FORBIDDEN, format!("the token does not open this {what}")).with("value", value)
}

async fn check_pauses(shared: &Shared, service: &str, user: &str) -> Result<(), Problem> {
    let pauses = shared.store().queue().pauses().await.map_err(store_problem)?;
    let holds = |pause: &&Pause| match pause {
        Pause::Service(paused) => paused.as_str() == service,
        Pause::User(paused) => paused.as_str() == user,
        _ => true,
    };
    match pauses.iter().find(holds) {
        Some(pause) => Err(Problem::new(StatusCode::FORBIDDEN, format!("{pause} is paused"))),
        None => Ok(()),
    }
}

/// Some process runs such tasks.
async fn check_served(shared: &Shared, service: &str, user: &str) -> Result<(), Problem> {
    let routes = shared.dispatcher.routes();
    if routes.iter().any(|route| route.services.contains(service) && route.users.contains(user)) {
        return Ok(());
    }
    let hosts = hosts_of(shared).await?;
    if hosts.iter().any(|host| host.serves(service, user)) {
        return Ok(());
    }
    let why = format!("no plugin runs tasks of the service {service:?} for the user {user:?}");
    Err(Problem::new(StatusCode::FORBIDDEN, line(why)).with("value", service))
}

fn refused(error: SubmitError) -> Problem {
    match error {
        SubmitError::Paused => Problem::new(StatusCode::FORBIDDEN, "the service or the user is paused"),
        SubmitError::Full { .. } => Problem::new(StatusCode::TOO_MANY_REQUESTS, line(error)),
        SubmitError::Ended(status) => ended(status),
        SubmitError::Store(error) => store_problem(error),
        SubmitError::Invalid(why) => invalid(&why),
        error => Problem::new(StatusCode::CONFLICT, line(error)),
    }
}

fn not_attached(input: &InputId, error: Error) -> Problem {
    let why = match error {
        Error::NotFound => "there is no such input: one that no task takes is gone after an hour",
        Error::Conflict => "another task has this input",
        error => return store_problem(error),
    };
    unprocessable(why).with("parameter", "input_id").with("value", input.as_str())
}

/// An input as the store has it.
async fn stored(store: &SharedStore, input: Input) -> Result<Option<InputId>, Problem> {
    match input {
        Input::None => Ok(None),
        Input::Uploaded(id) => Ok(Some(id)),
        Input::Text(text) => {
            let id = InputId::unique();
            store.put_input(&id, 0, text).await.map_err(store_problem)?;
            Ok(Some(id))
        }
        Input::Of(task) => copied(store, &task).await.map_err(store_problem),
    }
}

async fn copied(store: &SharedStore, task: &TaskId) -> Result<Option<InputId>, Error> {
    let id = InputId::unique();
    let mut offset = 0;
    loop {
        let Some(piece) = store.input(task, offset, MAX_INPUT_PIECE).await? else {
            // It has ended meanwhile, and its input with it: what there is of the copy is nobody's.
            return Ok(None);
        };
        let length = piece.len() as u64;
        if length > 0 || offset == 0 {
            store.put_input(&id, offset, piece).await?;
        }
        if length == 0 {
            return Ok(Some(id));
        }
        offset += length;
    }
}

/// An id as it stands in a path.
pub(super) fn escaped(id: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    id.bytes().map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// The services that tasks can be submitted for, to this user or anyone.
pub(super) fn services_here(shared: &Shared) -> BTreeSet<String> {
    shared.dispatcher.routes().into_iter().flat_map(|route| route.services).collect()
}

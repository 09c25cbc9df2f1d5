//! Tasks for the suites to work on, of `analytics` and `alice` where nothing else is said. What is asked of a store here
//! is asked as an operator, and must succeed.

use std::sync::Arc;
use std::time::Duration;

use task_state_host::record::SystemClock;

// What nearly every test names.
pub use task_state_host::record::{
    Change, Draft, JsonObject, Service, Status, TaskId, TaskRecord, TaskResult, TimeZone, Timestamp, UserId,
};
pub use task_state_host::store::{
    Access, Allowed, Claim, Counts, Denied, Error, FindingKind, Owners, Page, Precondition, Query, Report, RunId,
    Scope, SharedStore, TaskStore,
};

/// The id of a task.
pub fn task_id(text: &str) -> TaskId {
    TaskId::new(text).unwrap()
}

/// A pending task.
pub fn draft(id: &str) -> Draft {
    owned_draft(id, "analytics", "alice")
}

/// A pending task of somebody.
pub fn owned_draft(id: &str, service: &str, user: &str) -> Draft {
    unnamed_draft(service, user).with_id(task_id(id))
}

/// A pending task of somebody that is to get the next id.
pub fn unnamed_draft(service: &str, user: &str) -> Draft {
    Draft::new(Service::new(service).unwrap(), UserId::new(user).unwrap())
}

/// A task in a status.
pub fn draft_in(id: &str, status: Status) -> Draft {
    let mut draft = draft(id);
    draft.status = status;
    draft
}

/// A pending task with entries, each after the time `t`.
pub fn logged_draft<M: AsRef<str>>(id: &str, messages: impl IntoIterator<Item = M>) -> Draft {
    let mut draft = draft(id);
    draft.logs = messages.into_iter().map(|message| format!("t,{}", message.as_ref())).collect();
    draft
}

/// Parameters.
pub fn json(text: &str) -> JsonObject {
    JsonObject::parse("parameters", text).unwrap()
}

/// A claim of a run of its own on a task.
pub fn claim(id: &str) -> Claim {
    let (service, user) = (Service::new("analytics").unwrap(), UserId::new("alice").unwrap());
    let mut claim = Claim::new(service, user, RunId::unique(), Duration::from_secs(3_600));
    claim.task_id = Some(task_id(id));
    claim
}

/// A change of the pod's status.
pub fn pod(text: &str) -> Change {
    Change::result(TaskResult { pod_status: Some(text.to_owned()), ..TaskResult::default() })
}

/// A change of the launcher's output.
pub fn output(text: &str) -> Change {
    Change::result(TaskResult { launcher_output: Some(text.to_owned()), ..TaskResult::default() })
}

/// What one owner's programs may touch.
pub fn owner(service: &str, user: &str) -> Access {
    Access::of(Owners::only(service, user))
}

/// The clock of a host, in a zone that every build has; the promises hold in any.
pub fn clock() -> Arc<SystemClock> {
    Arc::new(SystemClock::new(TimeZone::named("Asia/Seoul").unwrap()))
}

/// Saves whatever is there.
pub async fn save(store: &Arc<impl TaskStore + ?Sized>, draft: Draft) -> TaskId {
    store.save(draft, Precondition::None, &Access::ANY).await.unwrap()
}

/// A task as it is now.
pub async fn get(store: &Arc<impl TaskStore + ?Sized>, id: &TaskId) -> TaskRecord {
    store.get(id, &Access::ANY).await.unwrap()
}

/// What an entry says, without its time.
pub fn message(entry: &str) -> &str {
    entry.split_once(',').expect("an entry is a time, a comma and a message").1
}

/// What the entries of a record say, without their times.
pub fn messages(record: &TaskRecord) -> Vec<String> {
    record.logs().iter().map(|entry| message(entry).to_owned()).collect()
}

/// Every page of a listing.
pub async fn pages(store: &Arc<impl TaskStore + ?Sized>, mut query: Query) -> Vec<Page> {
    let mut pages: Vec<Page> = Vec::new();
    loop {
        let page = store.list(&query).await.unwrap();
        let next = page.next.clone();
        assert!(page.tasks.len() <= query.limit, "a page of {} tasks for a limit of {}", page.tasks.len(), query.limit);
        assert!(next.is_none() || next != query.cursor, "the next page starts where this one did: {next:?}");
        pages.push(page);
        match next {
            Some(next) => query.cursor = Some(next),
            None => return pages,
        }
    }
}

/// The ids on some pages.
pub fn ids(pages: &[Page]) -> Vec<String> {
    pages.iter().flat_map(|page| &page.tasks).map(|task| task.task_id().to_owned()).collect()
}

/// The ids on some pages of what is left out because it cannot be read.
pub fn skipped(pages: &[Page]) -> Vec<&str> {
    pages.iter().flat_map(|page| &page.skipped).map(|skipped| skipped.id.as_str()).collect()
}

/// The ids that a listing shows, over all its pages.
pub async fn listed(store: &Arc<impl TaskStore + ?Sized>, query: Query) -> Vec<String> {
    ids(&pages(store, query).await)
}

/// The ids of all tasks of a scope.
pub async fn listed_in(store: &Arc<impl TaskStore + ?Sized>, scope: Scope) -> Vec<String> {
    listed(store, Query::new(scope)).await
}

/// A query for pages of a size.
pub fn paged(scope: Scope, limit: usize) -> Query {
    let mut query = Query::new(scope);
    query.limit = limit;
    query
}

/// The tasks of a service.
pub fn service_scope(service: &str) -> Scope {
    Scope::Service(service.to_owned())
}

/// The tasks of a user.
pub fn user_scope(user: &str) -> Scope {
    Scope::User(user.to_owned())
}

/// The tasks of a service's user.
pub fn pair_scope(service: &str, user: &str) -> Scope {
    Scope::ServiceUser(service.to_owned(), user.to_owned())
}

/// These tasks.
pub fn ids_scope<I: AsRef<str>>(ids: &[I]) -> Scope {
    Scope::Ids(ids.iter().map(|id| id.as_ref().to_owned()).collect())
}

/// Every scope that a task of analytics and alice with one of these ids is in.
pub fn scopes<I: AsRef<str>>(ids: &[I]) -> [Scope; 5] {
    [Scope::All, service_scope("analytics"), user_scope("alice"), pair_scope("analytics", "alice"), ids_scope(ids)]
}

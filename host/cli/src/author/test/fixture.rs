//! A fixture: a task for a plugin, what it meets, and what it is to leave.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use task_state_host::plugin::{WitStatus, parse_duration};
use task_state_host::record::{Draft, JsonObject, Priority, Service, TaskId, UserId};
use task_state_host::store::Allowed;
use task_state_host::{Fault, Faults, Grants, Input, Operation, RunRequest};

use crate::exit::Misuse;

/// One fixture, as its file has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Fixture {
    #[serde(default)]
    pub(super) task: Task,
    input: Option<String>,
    input_file: Option<PathBuf>,
    grants: Option<GrantsTable>,
    /// What else is in the store.
    #[serde(default)]
    pub(super) tasks: Vec<Task>,
    #[serde(default)]
    faults: Vec<Fault>,
    #[serde(default)]
    cancel: Cancel,
    pub(super) expect: Expected,
}

/// A task as a fixture describes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct Task {
    task_id: Option<String>,
    service: String,
    user_id: String,
    parameters: toml::Table,
    priority: Option<String>,
    /// Of a task that is there already.
    status: Option<WitStatus>,
    logs: Vec<String>,
}

impl Default for Task {
    fn default() -> Self {
        Self {
            task_id: None,
            service: "test".to_owned(),
            user_id: "tester".to_owned(),
            parameters: toml::Table::new(),
            priority: None,
            status: None,
            logs: Vec::new(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantsTable {
    services: Option<Vec<String>>,
    users: Option<Vec<String>>,
    operations: Option<Vec<String>>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Cancel {
    before_call: Option<u64>,
    after: Option<String>,
}

/// What a task is to be in the end. What is absent is not looked at.
#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Expected {
    /// The task, where it is not the plugin's own.
    pub(super) task_id: Option<String>,
    pub(super) status: Option<WitStatus>,
    /// Its entries in order, as patterns.
    pub(super) logs: Option<Vec<String>>,
    /// A pattern of its `launcher-output`; an empty one is none.
    pub(super) output: Option<String>,
    pub(super) pod_status: Option<String>,
    pub(super) active_jobs: Option<Vec<String>>,
    pub(super) progress: Option<ExpectedProgress>,
    /// What other tasks are to be.
    #[serde(default)]
    pub(super) tasks: Vec<Expected>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedProgress {
    pub(super) done: Option<u64>,
    pub(super) total: Option<u64>,
    pub(super) note: Option<String>,
}

impl Fixture {
    /// Reads a fixture, and checks all that can be checked before anything is run.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).map_err(|error| Misuse(error.to_string()))?;
        let fixture: Self = toml::from_str(&text).map_err(|error| Misuse(error.to_string()))?;
        fixture.check(path.parent().unwrap_or(Path::new("")))?;
        Ok(fixture)
    }

    fn check(&self, folder: &Path) -> anyhow::Result<()> {
        self.faults.iter().try_for_each(Fault::check)?;
        self.cancel_after()?;
        self.request(folder)?;
        self.grants(None)?;
        self.tasks.iter().try_for_each(|task| task.draft().map(|_| ()))?;
        self.expect.tasks.iter().try_for_each(|expected| expected.id().map(|_| ()))?;
        // What nobody would look at is a mistake.
        let unused = [
            ("task.status", self.task.status.is_some()),
            ("task.logs", !self.task.logs.is_empty()),
            ("expect.task-id", self.expect.task_id.is_some()),
            ("expect.tasks.tasks", self.expect.tasks.iter().any(|expected| !expected.tasks.is_empty())),
            ("cancel.before-call = 0", self.cancel.before_call == Some(0)),
        ];
        match unused.into_iter().find(|(_, is_there)| *is_there) {
            Some((field, _)) => Err(Misuse(format!("{field} means nothing there")).into()),
            None => Ok(()),
        }
    }

    /// The run that it describes; relative paths start in the folder of the fixture.
    pub(super) fn request(&self, folder: &Path) -> anyhow::Result<RunRequest> {
        let mut request = RunRequest::new(self.task.service()?, self.task.user_id()?);
        request.task_id = self.task.task_id()?;
        request.parameters = Some(self.task.parameters()?);
        request.priority = self.task.priority()?;
        request.input = match (&self.input, &self.input_file) {
            (Some(_), Some(file)) => {
                let why = "it has input and input-file, which is one too many";
                return Err(Misuse(format!("{why}: {}", file.display())).into());
            }
            (Some(text), None) => Input::Bytes(text.as_bytes().into()),
            (None, Some(file)) if !folder.join(file).is_file() => {
                return Err(Misuse(format!("there is no input-file {}", folder.join(file).display())).into());
            }
            (None, Some(file)) => Input::File(folder.join(file)),
            (None, None) => Input::Empty,
        };
        let mut faults = Faults::default();
        faults.errors.clone_from(&self.faults);
        faults.cancel_before = self.cancel.before_call;
        request.faults = Some(faults);
        Ok(request)
    }

    /// After what time somebody asks for the task to stop.
    pub(super) fn cancel_after(&self) -> anyhow::Result<Option<Duration>> {
        self.cancel.after.as_deref().map(|text| Ok(parse_duration(text)?)).transpose()
    }

    /// What the plugin is granted: what the fixture says, else what the manifest does.
    pub(super) fn grants(&self, manifest: Option<&Grants>) -> anyhow::Result<Grants> {
        let own = || Grants::for_services([self.task.service.as_str()]);
        let Some(table) = &self.grants else { return Ok(manifest.cloned().unwrap_or_else(own)) };
        let mut grants = table.services.as_ref().map_or_else(own, Grants::for_services);
        if let Some(users) = &table.users {
            grants.users = Allowed::only(users.iter().cloned());
        }
        if let Some(operations) = &table.operations {
            grants.operations = operations.iter().map(|name| name.parse::<Operation>()).collect::<Result<_, _>>()?;
        }
        Ok(grants)
    }
}

impl Expected {
    /// The task that it is of, which is not the plugin's own.
    pub(super) fn id(&self) -> anyhow::Result<TaskId> {
        let id = self.task_id.as_deref().ok_or_else(|| Misuse("a table of expect.tasks has no task-id".to_owned()))?;
        Ok(TaskId::stored(id)?)
    }
}

impl Task {
    fn service(&self) -> anyhow::Result<Service> {
        Ok(Service::new(self.service.as_str())?)
    }

    fn user_id(&self) -> anyhow::Result<UserId> {
        Ok(UserId::new(self.user_id.as_str())?)
    }

    fn task_id(&self) -> anyhow::Result<Option<TaskId>> {
        Ok(self.task_id.as_deref().map(TaskId::new).transpose()?)
    }

    fn priority(&self) -> anyhow::Result<Priority> {
        Ok(self.priority.as_deref().map(str::parse).transpose()?.unwrap_or_default())
    }

    fn parameters(&self) -> anyhow::Result<JsonObject> {
        Ok(JsonObject::parse("parameters", &serde_json::to_string(&self.parameters)?)?)
    }

    /// The task as somebody saves it before the run.
    pub(super) fn draft(&self) -> anyhow::Result<Draft> {
        let mut draft = Draft::new(self.service()?, self.user_id()?);
        draft.task_id = self.task_id()?;
        draft.parameters = self.parameters()?;
        draft.priority = self.priority()?;
        draft.logs.clone_from(&self.logs);
        if let Some(WitStatus(status)) = self.status {
            draft.status = status;
        }
        Ok(draft)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        fs::write(&path, text).unwrap();
        format!("{:#}", Fixture::read(&path).unwrap_err())
    }

    #[test]
    fn what_a_fixture_cannot_have_is_named() {
        for (text, why) in [
            ("", "missing field `expect`"),
            ("nonsense = 1\n[expect]", "unknown field `nonsense`"),
            ("[expect]\nstatus = 'on-fire'", "invalid status \"on_fire\""),
            ("faults = [{call = 'flush', nth = 1, error = 'conflict'}]\n[expect]", "invalid call \"flush\""),
            ("faults = [{call = 'repository.get', nth = 1, error = 'boom'}]\n[expect]", "unknown variant `boom`"),
            ("cancel = {after = 'soon'}\n[expect]", "invalid length of time \"soon\""),
            ("input = 'a'\ninput-file = 'b'\n[expect]", "one too many: b"),
            ("[task]\nservice = 'a:b'\n[expect]", "invalid service \"a:b\""),
            ("input-file = 'none.csv'\n[expect]", "there is no input-file"),
            ("[task]\nstatus = 'pending'\n[expect]", "task.status means nothing there"),
            ("[expect]\ntask-id = 'x'", "expect.task-id means nothing there"),
            ("[[expect.tasks]]\nstatus = 'pending'", "has no task-id"),
            ("cancel = {before-call = 0}\n[expect]", "cancel.before-call = 0 means nothing there"),
            ("[grants]\noperations = ['fly']\n[expect]", "invalid operation \"fly\""),
            ("[[tasks]]\ntask-id = 'a b'\n[expect]", "invalid task id \"a b\""),
            ("[task]\npriority = 'urgent'\n[expect]", "invalid priority \"urgent\""),
        ] {
            let error = refused(text);
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}

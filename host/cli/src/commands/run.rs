//! `run`: runs a plugin on a task, and shows what happens to it.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use serde::de::IgnoredAny;
use task_state_host::record::{JsonObject, Service, UserId};
use task_state_host::store::{self, Access, News};
use task_state_host::{Grants, Input, Limits, Outcome, OutputSink, Run, RunEvent, RunEvents, RunRequest};

use super::interrupt::Interrupt;
use super::plugin_file::PluginFile;
use super::{AboutTask, Session};
use crate::args::{RunArgs, TaskArgs};
use crate::exit::{Exit, Misuse};
use crate::output::Live;

/// How long the last news may take after the end of a run.
const LAST_NEWS: Duration = Duration::from_secs(2);

/// A run as the arguments and the manifest have it; nothing was opened but the manifest.
pub(super) struct Job {
    plugin: PluginFile,
    request: RunRequest,
}

impl Job {
    /// Reads the manifest, and puts together what the run needs.
    pub(super) fn new(args: RunArgs) -> anyhow::Result<Self> {
        let mut plugin = PluginFile::find(args.plugin, Grants::for_services([args.service.as_str()]))?;
        plugin.manifest.capabilities = args.capabilities.added_to(plugin.manifest.capabilities)?;
        let mut limits = plugin.manifest.limits.clone();
        limits.wall_clock = args.time_limit.unwrap_or(limits.wall_clock);
        limits.memory_bytes = args.memory_limit.unwrap_or(limits.memory_bytes);
        limits.grace = args.grace.unwrap_or(limits.grace);
        let request = request(args.service, args.user, args.task, limits)?;
        Ok(Self { plugin, request })
    }

    /// A run of a plugin with what its manifest says, and nothing else.
    pub(super) fn of(plugin: PluginFile, service: Service, user: UserId, task: TaskArgs) -> anyhow::Result<Self> {
        let request = request(service, user, task, plugin.manifest.limits.clone())?;
        Ok(Self { plugin, request })
    }
}

fn request(service: Service, user: UserId, task: TaskArgs, limits: Limits) -> anyhow::Result<RunRequest> {
    let mut request = RunRequest::new(service, user);
    request.task_id = task.task_id;
    request.parameters = parameters(task.parameters, &task.params)?;
    request.priority = task.priority;
    request.limits = Some(limits);
    request.input = match task.input {
        None => Input::Empty,
        Some(path) if path == Path::new("-") => Input::Stdin,
        Some(path) => Input::File(path),
    };
    Ok(request)
}

/// The parameters of `--parameters` with those of each `--param` after them.
fn parameters(base: Option<JsonObject>, added: &[(String, String)]) -> anyhow::Result<Option<JsonObject>> {
    if added.is_empty() {
        return Ok(base);
    }
    let base = base.unwrap_or_default();
    let fields: HashMap<String, IgnoredAny> = serde_json::from_str(base.as_str())?;
    let mut names: HashSet<&str> = fields.keys().map(String::as_str).collect();
    let mut text = base.as_str().strip_suffix('}').unwrap_or_default().to_owned();
    for (key, value) in added {
        if !names.insert(key) {
            return Err(Misuse(format!("the parameter {key:?} is given twice")).into());
        }
        let comma = if names.len() > 1 { "," } else { "" };
        text.push_str(&format!("{comma}{}:{}", serde_json::to_string(key)?, serde_json::to_string(value)?));
    }
    Ok(Some(JsonObject::parse("parameters", &format!("{text}}}"))?))
}

pub(super) async fn run(job: Job, session: &mut Session) -> anyhow::Result<Exit> {
    run_until(job, Interrupt::listen()?, session).await
}

/// The same for a caller who listens for an interrupt already.
pub(super) async fn run_until(mut job: Job, mut interrupt: Interrupt, session: &mut Session) -> anyhow::Result<Exit> {
    let screen = session.screen.clone();
    job.request.output = OutputSink::callback(move |bytes| screen.guest(bytes));
    let events = job.request.events();
    let host = job.plugin.host(session.store.clone())?;
    let loaded = tokio::select! {
        loaded = job.plugin.load(&host, &session.screen) => loaded,
        () = interrupt.requested() => {
            session.screen.line("interrupted before the task was started");
            return Ok(Exit::Cancelled);
        }
    };
    let plugin = loaded?;
    let asked_for = job.request.task_id.clone();
    let started = plugin.start(job.request).await;
    let run = match &asked_for {
        Some(id) => started.about(id)?,
        None => started?,
    };
    let task_id = run.task_id().clone();
    let outcome = view(run, events, &mut interrupt, session).await;
    match outcome.task().await {
        Ok(record) => {
            // What cannot be had is not shown: the run has ended, and that is what counts.
            let progress = session.store.progress(&task_id, &Access::ANY).await.unwrap_or_default();
            session.out.record(&record, progress.as_ref())?;
        }
        Err(error) => {
            return Err(error).about(&task_id).with_context(|| {
                format!("the run ended ({}), but its record was not written or read", outcome.status)
            });
        }
    }
    Ok(Exit::of_status(outcome.status))
}

/// Shows a run until its end, and passes an interrupt on to it.
///
/// Statuses and progress come from the run, which tells those too that are over before the store could be asked. Entries
/// come from the store, whoever has written them.
async fn view(run: Run, mut events: RunEvents, interrupt: &mut Interrupt, session: &Session) -> Outcome {
    // Before anything is shown, and not where it is: that may have to wait for whoever reads it.
    let (cancelled, mut requested) = (run.clone(), interrupt.clone());
    tokio::spawn(async move {
        requested.requested().await;
        cancelled.cancel();
    });
    let mut live = Live::new(&session.screen, run.task_id());
    let mut news = match session.store.follow(run.task_id(), 0, &Access::ANY).await {
        Ok(stream) => Some(stream),
        Err(error) => {
            live.say(&format!("warning: the task cannot be followed: {error}"));
            None
        }
    };
    let mut end = pin!(run.wait());
    let mut asked = false;
    let outcome = loop {
        tokio::select! {
            biased;
            () = interrupt.requested(), if !asked => {
                asked = true;
                live.say("interrupted: the task is asked to stop, a second interrupt ends this command at once");
            }
            Some(event) = events.next() => match event {
                RunEvent::Status(status) => live.status(status),
                RunEvent::Progress(progress) => live.progress(&progress),
                _ => {}
            },
            outcome = &mut end => break outcome,
            heard = next(&mut news) => show(heard, &mut live),
        }
    };
    let rest = async {
        while news.is_some() {
            show(next(&mut news).await, &mut live);
        }
    };
    // The store may be away by now: then the last news never come.
    let _ = tokio::time::timeout(LAST_NEWS, rest).await;
    live.finish(outcome.status);
    outcome
}

type Following = Option<BoxStream<'static, store::Result<News>>>;

/// The next news; none, once, at the end of the stream, and never any after that.
async fn next(news: &mut Following) -> Option<store::Result<News>> {
    let Some(stream) = news else { return std::future::pending().await };
    let next = stream.next().await;
    if next.is_none() {
        *news = None;
    }
    next
}

fn show(heard: Option<store::Result<News>>, live: &mut Live) {
    match heard {
        Some(Ok(news)) => live.entries(&news),
        Some(Err(error)) => live.say(&format!("warning: {error}")),
        None => (),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(base: Option<&str>, added: &[(&str, &str)]) -> anyhow::Result<Option<String>> {
        let base = base.map(|text| JsonObject::parse("parameters", text).unwrap());
        let added: Vec<(String, String)> = added.iter().map(|&(key, value)| (key.into(), value.into())).collect();
        Ok(parameters(base, &added)?.map(|object| object.as_str().to_owned()))
    }

    #[test]
    fn each_param_is_a_string_after_the_parameters_given_as_json() {
        assert_eq!(add(None, &[]).unwrap(), None);
        assert_eq!(add(None, &[("format", "json"), ("n", "1")]).unwrap().unwrap(), r#"{"format":"json","n":"1"}"#);
        let base = r#"{"a": {"b": {}}, "n": 123456789012345678901234567890}"#;
        assert_eq!(
            add(Some(base), &[("q", "say \"hi\"")]).unwrap().unwrap(),
            r#"{"a":{"b":{}},"n":123456789012345678901234567890,"q":"say \"hi\""}"#
        );
        assert_eq!(add(Some("{}"), &[("a", "}")]).unwrap().unwrap(), r#"{"a":"}"}"#);
    }

    #[test]
    fn a_parameter_given_twice_is_refused_by_name() {
        for (base, added) in [(None, &[("a", "1"), ("a", "2")][..]), (Some(r#"{"a":1}"#), &[("a", "2")])] {
            let error = add(base, added).unwrap_err();
            assert_eq!(Exit::of_error(&error), Exit::Usage);
            assert!(error.to_string().contains("\"a\""), "{error}");
        }
    }
}

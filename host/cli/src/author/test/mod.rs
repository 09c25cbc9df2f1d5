//! `test`: runs a component on a host of its own, on a store in memory, once for each fixture.

mod expect;
mod fixture;
mod record;
mod report;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::Context as _;
use task_state_host::record::TaskId;
use task_state_host::store::{self, Access, Precondition, SharedStore, StoreUrl};
use task_state_host::{BadVariable, Host, LoadRequest, Manifest, OutputSink, RunRequest, Settings};
use task_state_registry::Component;

pub(crate) use record::record;
pub(crate) use report::Report;

use self::fixture::{Expected, Fixture};
use self::report::Tested;
use crate::exit::Misuse;

/// Runs all fixtures of a project on its component. `host` makes a host that the component can be loaded into; what came of
/// each fixture is told at once.
///
/// # Errors
/// [`Misuse`] if there are no fixtures, or one of them cannot be used; nothing was run then.
pub(crate) async fn test(
    folder: &Path,
    component: &Path,
    manifest: &Manifest,
    has_manifest: bool,
    host: impl Fn(SharedStore) -> anyhow::Result<Host>,
    mut tell: impl FnMut(&str) -> anyhow::Result<()>,
) -> anyhow::Result<Report> {
    let mut fixtures = Vec::new();
    for path in find(folder)? {
        fixtures.push((Fixture::read(&path).with_context(|| named(&path))?, path));
    }
    let mut report = Report::default();
    for (fixture, path) in fixtures {
        let mut load = LoadRequest::from(manifest.clone());
        load.grants = fixture.grants(has_manifest.then_some(&manifest.grants))?;
        let store = store::open(&StoreUrl::Memory, &settings()?).await?;
        let host = host(store.clone())?;
        let plugin = host.load_file(component, load).await;
        let plugin =
            plugin.map_err(|error| crate::commands::not_loaded(&Component::File(component.to_owned()), error))?;
        let output = Tail::default();
        let mut request = fixture.request(path.parent().unwrap_or(folder))?;
        request.limits = Some(manifest.limits.clone());
        request.output = output.sink(manifest.limits.output_bytes);
        let began = Instant::now();
        // What keeps a fixture from being played is its failure, and not the end of the others.
        let played = play(&fixture, &plugin, request, &store).await;
        let differences = played.unwrap_or_else(|error| vec![format!("it could not be played: {error:#}")]);
        host.shutdown().await;
        let fixture = path.strip_prefix(folder).unwrap_or(&path).to_owned();
        let tested = Tested { fixture, time: began.elapsed(), differences, output: output.text() };
        tell(&tested.text())?;
        report.tested.push(tested);
    }
    Ok(report)
}

/// The last of what a plugin prints.
#[derive(Clone, Default)]
struct Tail(Arc<Mutex<Vec<u8>>>);

impl Tail {
    /// Keeps the last so many bytes, and up to as many more.
    fn sink(&self, most: usize) -> OutputSink {
        let kept = self.0.clone();
        OutputSink::callback(move |bytes| {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.extend_from_slice(bytes);
            if kept.len() > 2 * most {
                let over = kept.len() - most;
                kept.drain(..over);
            }
        })
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

fn named(path: &Path) -> String {
    format!("fixture {}", path.display())
}

/// The fixtures of a project, in the order of their names.
fn find(folder: &Path) -> Result<Vec<PathBuf>, Misuse> {
    let entries = fs::read_dir(folder.join("tests")).into_iter().flatten().filter_map(Result::ok);
    let mut found: Vec<_> = entries.map(|entry| entry.path()).filter(|path| is_fixture(path)).collect();
    found.sort();
    if found.is_empty() {
        return Err(Misuse(format!("there are no fixtures: no {}", folder.join("tests/*.toml").display())));
    }
    Ok(found)
}

fn is_fixture(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "toml") && path.is_file()
}

/// Whether a project has fixtures.
pub(crate) fn has_fixtures(folder: &Path) -> bool {
    find(folder).is_ok()
}

/// What holds for a store in memory: of the environment the time zone alone, which is the same for all stores.
pub(crate) fn settings() -> Result<Settings, BadVariable> {
    Settings::from_vars(|name| if name == "DMS_TIMEZONE" { std::env::var(name).ok() } else { None })
}

/// Runs a plugin on the task of a fixture. Gives what differs from what it expects.
async fn play(
    fixture: &Fixture,
    plugin: &task_state_host::Plugin,
    request: RunRequest,
    store: &SharedStore,
) -> anyhow::Result<Vec<String>> {
    for task in &fixture.tasks {
        store.save(task.draft()?, Precondition::None, &Access::ANY).await?;
    }
    let run = plugin.start(request).await?;
    if let Some(after) = fixture.cancel_after()? {
        let run = run.clone();
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            run.cancel();
        });
    }
    let id = run.task_id().clone();
    run.wait().await;
    let mut differences = compare(&fixture.expect, &id, store).await?;
    for expected in &fixture.expect.tasks {
        let id = expected.id()?;
        let found = compare(expected, &id, store).await?;
        differences.extend(found.into_iter().map(|difference| format!("task {id}: {difference}")));
    }
    Ok(differences)
}

async fn compare(expected: &Expected, id: &TaskId, store: &SharedStore) -> anyhow::Result<Vec<String>> {
    match store.get(id, &Access::ANY).await {
        Ok(task) => {
            let progress = store.progress(id, &Access::ANY).await?;
            Ok(expect::differences(expected, &task, progress.as_ref()))
        }
        Err(store::Error::NotFound) => Ok(vec!["there is no such task".to_owned()]),
        Err(error) => Err(error.into()),
    }
}

//! `test`: runs a component on a host of its own, on a store in memory, once for each fixture.

mod expect;
mod fixture;
mod record;
mod report;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use task_state_host::record::TaskId;
use task_state_host::store::{self, Access, Precondition, SharedStore, StoreUrl};
use task_state_host::{Host, LoadRequest, Manifest, OutputSink, RunRequest, Settings};

pub(crate) use record::record;
pub(crate) use report::Report;

use self::fixture::{Expected, Fixture};
use self::report::Tested;
use crate::exit::Misuse;

/// Runs all fixtures of a project on its component. `load` makes a host that the component can be loaded into; each that
/// has ended is told at once.
///
/// # Errors
/// [`Misuse`] if there are no fixtures, or one cannot be read; nothing was run then.
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
        let fixture = Fixture::read(&path)?;
        fixtures.push((path, fixture));
    }
    let mut report = Report::default();
    for (path, fixture) in fixtures {
        let grants = fixture.grants(has_manifest.then_some(&manifest.grants)).with_context(|| named(&path))?;
        let mut request = LoadRequest::from(manifest.clone());
        request.grants = grants;
        let store = memory().await?;
        let host = host(store.clone())?;
        let plugin = host.load_file(component, request).await;
        let plugin = plugin.map_err(|error| crate::commands::not_loaded(component, error))?;
        let began = Instant::now();
        let shown = Arc::<std::sync::Mutex<Vec<u8>>>::default();
        let sink = shown.clone();
        let mut run = fixture.request(path.parent().unwrap_or(folder)).with_context(|| named(&path))?;
        run.limits = Some(manifest.limits.clone());
        run.output = OutputSink::callback(move |bytes| {
            if let Ok(mut shown) = sink.lock() {
                shown.extend_from_slice(bytes);
            }
        });
        let differences = play(&fixture, &plugin, run, &store).await.with_context(|| named(&path))?;
        host.shutdown().await;
        let output = shown.lock().map(|shown| String::from_utf8_lossy(&shown).into_owned()).unwrap_or_default();
        let fixture = path.strip_prefix(folder).unwrap_or(&path).to_owned();
        let tested = Tested { fixture, time: began.elapsed(), differences, output };
        tell(&tested.text())?;
        report.tested.push(tested);
    }
    Ok(report)
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

/// A store of nobody else's. What the environment says of stores is not for it, but the time zone is.
async fn memory() -> anyhow::Result<SharedStore> {
    Ok(store::open(&StoreUrl::Memory, &Settings::from_env()?).await?)
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
        let id = TaskId::stored(expected.task_id.clone().unwrap_or_default())?;
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

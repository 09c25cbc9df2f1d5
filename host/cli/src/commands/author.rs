//! `new`, `build`, `test` and `dev`: what an author of plugins does.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use task_state_host::Grants;
use task_state_host::store::{self, Access, StoreUrl};
use tokio::task::block_in_place;

use super::interrupt::Interrupt;
use super::plugin_file::PluginFile;
use super::run::{self, Job};
use super::{AboutTask, Session};
use crate::args::{BuildArgs, DevArgs, Format, NewArgs, TestArgs};
use crate::author::{self, Project};
use crate::exit::{Exit, Misuse};
use crate::output::{Out, Screen, name};

/// How often `dev` looks for a change. A person does not notice it.
const LOOK_EVERY: Duration = Duration::from_millis(200);

pub(super) fn new(args: &NewArgs, screen: &Screen) -> anyhow::Result<Exit> {
    author::new(&args.name, args.language, Path::new(&args.name))?;
    screen.line(&format!("made {0}: cd {0} && task-state build && task-state test", args.name));
    Ok(Exit::Done)
}

pub(super) fn build(args: &BuildArgs, screen: &Screen) -> anyhow::Result<Exit> {
    let mut project = Project::find(&args.source)?;
    if let Some(component) = &args.component {
        project.component.clone_from(component);
    }
    block_in_place(|| author::build(&project, screen))?;
    Ok(Exit::Done)
}

/// Runs a component on the fixtures of its project.
pub(super) async fn test(args: &TestArgs, out: &mut Out, screen: &Screen) -> anyhow::Result<Exit> {
    let component = match &args.component {
        Some(component) => component.clone(),
        None => Project::find(&args.folder)?.component,
    };
    if !component.is_file() {
        let why = "there is no such component: `task-state build` makes it";
        return Err(Misuse(format!("{}: {why}", component.display())).into());
    }
    let report = tested(&args.folder, &component, out).await?;
    if let Some(file) = &args.junit {
        let suite = component.file_stem().unwrap_or_default().to_string_lossy();
        std::fs::write(file, report.junit(&suite)).with_context(|| format!("cannot write {}", file.display()))?;
    }
    if out.is_json() {
        out.result("", &report.json())?;
    } else {
        screen.line(&report.summary());
    }
    Ok(if report.passed() { Exit::Done } else { Exit::Failed })
}

async fn tested(folder: &Path, component: &Path, out: &mut Out) -> anyhow::Result<author::Report> {
    let file = PluginFile::beside(component, Grants::none())?;
    let has_manifest = file.manifest_path.is_some();
    let tell = |text: &str| if out.is_json() { Ok(()) } else { out.write(text).and_then(|()| out.flush()) };
    author::test(folder, component, &file.manifest, has_manifest, |store| file.host(store), tell).await
}

/// Makes a fixture of a task that is in the store.
pub(super) async fn record(args: &TestArgs, session: &mut Session) -> anyhow::Result<Exit> {
    let id = args.record.as_ref().context("no task was named")?;
    let task = session.store.get(id, &Access::ANY).await.about(id)?;
    let progress = session.store.progress(id, &Access::ANY).await.about(id)?;
    let path = author::record(&task, progress.as_ref(), &args.folder)?.display().to_string();
    session.out.result(&name(&path), &serde_json::json!({"fixture": path}))?;
    Ok(Exit::Done)
}

/// Builds, tests and runs a plugin, and again whenever a source changes, until it is interrupted.
pub(super) async fn dev(args: DevArgs, format: Format, screen: &Screen) -> anyhow::Result<Exit> {
    let mut interrupt = Interrupt::listen()?;
    loop {
        let seen = author::sources(&args.folder);
        if let Err(error) = turn(&args, format, &interrupt, screen).await {
            screen.line(&format!("error: {}", crate::args::flat(&format!("{error:#}"))));
        }
        screen.line("waiting for a source to change; Ctrl-C ends this");
        loop {
            tokio::select! {
                biased;
                () = interrupt.requested() => return Ok(Exit::Done),
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            if author::sources(&args.folder) != seen {
                break;
            }
        }
    }
}

/// Builds, tests and runs once, unless it is interrupted.
async fn turn(args: &DevArgs, format: Format, interrupt: &Interrupt, screen: &Screen) -> anyhow::Result<()> {
    let project = Project::find(&args.folder)?;
    block_in_place(|| author::build(&project, screen))?;
    let mut out = Out::new(format);
    if author::has_fixtures(&args.folder) {
        let mut interrupted = interrupt.clone();
        let report = tokio::select! {
            biased;
            () = interrupted.requested() => return Ok(()),
            report = tested(&args.folder, &project.component, &mut out) => report?,
        };
        screen.line(&report.summary());
    }
    let plugin = PluginFile::beside(&project.component, Grants::for_services([args.service.as_str()]))?;
    let job = Job::of(plugin, args.service.clone(), args.user.clone(), args.task.clone())?;
    let store = store::open(&StoreUrl::Memory, &author::settings()?).await?;
    let mut session = Session { store, out, screen: screen.clone() };
    run::run_until(job, interrupt.clone(), &mut session).await?;
    Ok(())
}

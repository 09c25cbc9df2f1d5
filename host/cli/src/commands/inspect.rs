//! `inspect`: shows what a component is.

use task_state_host::Grants;

use super::plugin_file::{PluginFile, no_store};
use super::run::not_loaded;
use crate::args::InspectArgs;
use crate::exit::Exit;
use crate::output::{Inspected, Out};

pub(super) async fn inspect(args: InspectArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let file = PluginFile::find(args.plugin, Grants::none())?;
    let host = file.host(no_store()?)?;
    let inspection = host.inspect_file(&file.path, file.manifest.clone()).await;
    let inspection = inspection.map_err(|error| not_loaded(&file.path, error))?;
    let manifest = file.manifest_path.as_deref().map(|path| (path, &file.manifest));
    let inspected = Inspected { path: &file.path, inspection: &inspection, manifest };
    out.result(inspected.text().trim_end(), &inspected.json())?;
    Ok(if inspection.refusal.is_none() { Exit::Done } else { Exit::Usage })
}

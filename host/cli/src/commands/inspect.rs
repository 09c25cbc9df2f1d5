//! `inspect`: shows what a component is.

use task_state_host::Grants;

use super::plugin_file::{PluginFile, no_store};
use crate::args::InspectArgs;
use crate::exit::Exit;
use crate::output::{Inspected, Out, Screen};

pub(super) async fn inspect(args: InspectArgs, out: &mut Out, screen: &Screen) -> anyhow::Result<Exit> {
    let file = PluginFile::find(args.plugin, Grants::none())?;
    let host = file.host(no_store()?)?;
    let inspection = file.inspect(&host, screen).await?;
    let manifest = file.manifest_path.as_deref().map(|path| (path, &file.manifest));
    let inspected = Inspected { component: file.component.to_string(), inspection: &inspection, manifest };
    out.result(inspected.text().trim_end(), &inspected.json())?;
    Ok(if inspection.refusal.is_none() { Exit::Done } else { Exit::Usage })
}

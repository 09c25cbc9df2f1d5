//! What a component is, for people and for machines. All names in it are a stranger's.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use task_state_host::plugin::{Inspection, Interface, Need, Tool};
use task_state_host::store::Allowed;
use task_state_host::{Capabilities, Grants, Manifest};

use super::text::name;

/// A component that was inspected, with its manifest, if there is one.
pub(crate) struct Inspected<'a> {
    /// Where it is.
    pub(crate) component: String,
    pub(crate) inspection: &'a Inspection,
    pub(crate) manifest: Option<(&'a Path, &'a Manifest)>,
}

impl Inspected<'_> {
    /// For people.
    pub(crate) fn text(&self) -> String {
        let of = self.inspection;
        let mut rows = Rows::default();
        rows.add("component", name(&self.component));
        rows.add("size", size(of.size));
        rows.add("sha256", of.sha256.to_string());
        rows.all("language", of.languages.iter().map(tool));
        rows.all("made with", of.tools.iter().map(tool));
        rows.all("imports", of.imports.iter().map(interface));
        rows.all("exports", of.exports.iter().map(interface));
        let (may_use, never): (Vec<Need>, Vec<Need>) = of.needs.iter().partition(|need| need.can_be_granted());
        rows.all("may use", grantable(&may_use));
        rows.all("not granted", never.iter().map(|need| format!("{need}: every call of theirs fails")));
        if let Some((path, manifest)) = self.manifest {
            rows.add("manifest", name(&path.to_string_lossy()));
            rows.all("grants", grants(&manifest.grants).map(|(name, value)| format!("{name}: {value}")));
            rows.all("reaches", manifest.capabilities.to_string().lines().map(name));
            rows.all("limits", manifest.limit_values().iter().map(|(key, value)| format!("{key}: {value}")));
        }
        rows.add(
            "loads",
            of.refusal.as_ref().map_or("yes".to_owned(), |why| format!("no: {}", name(&why.to_string()))),
        );
        rows.0
    }

    /// For machines.
    pub(crate) fn json(&self) -> Value {
        let of = self.inspection;
        let tools = |tools: &[Tool]| -> Value {
            tools.iter().map(|tool| json!({"name": tool.name, "version": tool.version})).collect()
        };
        let interfaces = |interfaces: &[Interface]| -> Value {
            let json = |of: &Interface| json!({"name": of.name, "version": of.version, "functions": of.functions});
            interfaces.iter().map(json).collect()
        };
        let needs = |wanted: fn(&Need) -> bool| -> Vec<String> {
            of.needs.iter().filter(|need| wanted(need)).map(Need::to_string).collect()
        };
        let is_operation = |need: &Need| matches!(need, Need::Operation(_));
        let object = |pairs: Vec<(&'static str, String)>| -> Value { pairs.into_iter().collect() };
        json!({
            "component": self.component,
            "size": of.size,
            "sha256": of.sha256.to_string(),
            "languages": tools(&of.languages),
            "tools": tools(&of.tools),
            "imports": interfaces(&of.imports),
            "exports": interfaces(&of.exports),
            "may_use": {
                "operations": needs(is_operation),
                "capabilities": needs(|need| need.can_be_granted() && !matches!(need, Need::Operation(_))),
            },
            "never_granted": needs(|need| !need.can_be_granted()),
            "manifest": self.manifest.map(|(path, manifest)| json!({
                "path": path.to_string_lossy(),
                "grants": object(grants(&manifest.grants).collect()),
                "capabilities": capabilities(&manifest.capabilities),
                "limits": object(manifest.limit_values()),
            })),
            "loads": of.refusal.is_none(),
            "refusal": of.refusal.as_ref().map(ToString::to_string),
        })
    }
}

/// Lines with a label before them.
#[derive(Default)]
struct Rows(String);

impl Rows {
    fn add(&mut self, label: &str, value: String) {
        let _ = writeln!(self.0, "{label:<11}  {value}");
    }

    /// Values below one another, of which the first has the label.
    fn all(&mut self, label: &str, values: impl Iterator<Item = String>) {
        values.enumerate().for_each(|(index, value)| self.add(if index == 0 { label } else { "" }, value));
    }
}

fn size(bytes: usize) -> String {
    match bytes {
        0..1_024 => format!("{bytes} bytes"),
        1_024..1_048_576 => format!("{:.1} KiB ({bytes} bytes)", bytes as f64 / 1_024.0),
        _ => format!("{:.1} MiB ({bytes} bytes)", bytes as f64 / 1_048_576.0),
    }
}

fn tool(tool: &Tool) -> String {
    name(format!("{} {}", tool.name, tool.version).trim_end())
}

/// An interface with its functions. Of many those alone are shown that need a grant.
fn interface(of: &Interface) -> String {
    let version = of.version.as_deref().map_or(String::new(), |version| format!("@{version}"));
    let is_ours = of.name.starts_with("dms:");
    let functions = if is_ours && !of.functions.is_empty() { of.functions.join(", ") } else { String::new() };
    let colon = if functions.is_empty() { "" } else { ": " };
    name(&format!("{}{version}{colon}{functions}", of.name))
}

/// The operations on one line, and each other grant on one of its own.
fn grantable(needs: &[Need]) -> impl Iterator<Item = String> {
    let (operations, others): (Vec<&Need>, Vec<&Need>) =
        needs.iter().partition(|need| matches!(need, Need::Operation(_)));
    let operations: Vec<String> = operations.iter().map(ToString::to_string).collect();
    let line = (!operations.is_empty()).then(|| format!("operations {}", operations.join(", ")));
    let others: Vec<String> = others.iter().map(ToString::to_string).collect();
    line.into_iter().chain(others)
}

/// What a manifest lets a plugin do with tasks.
fn grants(grants: &Grants) -> impl Iterator<Item = (&'static str, String)> {
    let names = |allowed: &Allowed| match allowed {
        Allowed::Any => "any".to_owned(),
        Allowed::Only(names) => list(names.iter().map(|one| name(one))),
    };
    let operations = list(grants.operations.iter().map(ToString::to_string));
    [("services", names(&grants.services)), ("users", names(&grants.users)), ("operations", operations)].into_iter()
}

/// What a manifest lets a plugin reach besides its tasks. Of variables and secrets the names are shown.
fn capabilities(granted: &Capabilities) -> Value {
    json!({
        "directories": granted.directories().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "http": granted.http_grants().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "environment": granted.variable_names().collect::<Vec<_>>(),
        "secrets": granted.secret_names().collect::<Vec<_>>(),
    })
}

fn list(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

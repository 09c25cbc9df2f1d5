//! What a component is, without running it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::host::Inner;
use super::load::{Depth, Fetched, Item, Producer, Source, Surface, blocking, survey};
use super::{LoadError, LoadRequest, Operation, Plugin, Sha256};

/// What a component is, as far as its bytes tell without running it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Inspection {
    /// How many bytes it has.
    pub size: usize,
    /// The sum by which a manifest may pin it.
    pub sha256: Sha256,
    /// The languages that it says it was written in. It may say anything, or nothing.
    pub languages: Vec<Tool>,
    /// The programs and libraries that it says it was made with.
    pub tools: Vec<Tool>,
    /// What it imports, in its own order.
    pub imports: Vec<Interface>,
    /// What it exports, in its own order.
    pub exports: Vec<Interface>,
    /// What it would have to be granted to use all that it imports. Language runtimes import more than a plugin uses:
    /// the standard library of Rust always has files and the environment.
    pub needs: BTreeSet<Need>,
    /// Why the host does not load it; none if it does.
    pub refusal: Option<LoadError>,
}

/// An interface that a component imports or exports.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Interface {
    /// Its name without the version, such as `wasi:cli/environment`.
    pub name: String,
    /// Its version, if it has one.
    pub version: Option<String>,
    /// Its functions, in the component's order; none if the component could not be read that far.
    pub functions: Vec<String>,
}

/// A language or a program that a component names as its maker.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// Its version; may be empty.
    pub version: String,
}

/// What a plugin would have to be granted to use something that it imports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Need {
    /// An operation of the repository: `grants.operations` of a manifest.
    Operation(Operation),
    /// Directories of the host.
    Directories,
    /// Environment variables, secrets among them.
    Environment,
    /// Outgoing HTTP requests.
    Http,
    /// Sockets, which no host grants: each call of theirs fails.
    Sockets,
}

impl Need {
    /// Whether there is a grant for it.
    pub fn can_be_granted(self) -> bool {
        self != Self::Sockets
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operation(operation) => write!(f, "{operation}"),
            Self::Directories => f.write_str("directories"),
            Self::Environment => f.write_str("environment"),
            Self::Http => f.write_str("http"),
            Self::Sockets => f.write_str("sockets"),
        }
    }
}

impl Inspection {
    /// Reads a component, looks at it, and has it loaded as far as it goes.
    pub(super) async fn of(host: Arc<Inner>, source: Source, mut request: LoadRequest) -> Result<Self, LoadError> {
        let limits = host.loading.limits.clone();
        let pinned = request.sha256.take();
        let component = blocking(move || Fetched::fetch(source, &limits, None).map(Arc::new)).await?;
        let (size, sum, limits) = (component.bytes.len(), component.sum, host.loading.limits.clone());
        let refusal = Plugin::load_fetched(host, component.clone(), request).await.err();
        // One that cannot be compiled is not looked at more closely here than it has to be.
        let depth = match refusal {
            Some(LoadError::Limit(_) | LoadError::Compile(_)) => Depth::Parsed,
            _ => Depth::Validated,
        };
        let (surface, _) = blocking(move || Ok(survey(&component.bytes, &limits, depth))).await?;
        let refusal = match pinned {
            Some(pinned) if pinned != sum => Some(LoadError::Pinned { found: sum, pinned }),
            _ => refusal,
        };
        Ok(Self::new(size, sum, surface, refusal))
    }

    fn new(size: usize, sha256: Sha256, surface: Surface, refusal: Option<LoadError>) -> Self {
        let (languages, tools): (Vec<Producer>, Vec<Producer>) =
            surface.producers.into_iter().partition(|producer| producer.field == "language");
        let imports: Vec<Interface> = surface.imports.into_iter().map(Interface::from).collect();
        Self {
            size,
            sha256,
            languages: languages.into_iter().map(Tool::from).collect(),
            tools: tools.into_iter().map(Tool::from).collect(),
            needs: imports.iter().flat_map(needs).collect(),
            imports,
            exports: surface.exports.into_iter().map(Interface::from).collect(),
            refusal,
        }
    }
}

impl From<Item> for Interface {
    fn from(Item { name, functions }: Item) -> Self {
        match name.split_once('@') {
            Some((name, version)) => Self { name: name.to_owned(), version: Some(version.to_owned()), functions },
            None => Self { name, version: None, functions },
        }
    }
}

impl From<Producer> for Tool {
    fn from(Producer { name, version, .. }: Producer) -> Self {
        Self { name, version }
    }
}

/// What an import is of no use without.
fn needs(import: &Interface) -> Vec<Need> {
    let Some((package, interface)) = import.name.split_once('/') else { return Vec::new() };
    match (package, interface) {
        ("dms:task-state", "repository") => {
            import.functions.iter().filter_map(|function| operation(function)).map(Need::Operation).collect()
        }
        ("wasi:filesystem", _) => vec![Need::Directories],
        ("wasi:cli", "environment") => vec![Need::Environment],
        ("wasi:http", "outgoing-handler") => vec![Need::Http],
        ("wasi:sockets", _) => vec![Need::Sockets],
        _ => Vec::new(),
    }
}

/// The operation that a function of the repository is part of.
fn operation(function: &str) -> Option<Operation> {
    Some(match function {
        "get" => Operation::Read,
        "save" | "set-status" | "append-logs" | "update-result" | "set-active-jobs" | "set-priority" => {
            Operation::Write
        }
        "delete" => Operation::Delete,
        "list-tasks" | "list-users" => Operation::List,
        "next-task-id" | "peek-next-task-id" => Operation::Sequence,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_of_the_repository_is_part_of_an_operation() {
        let functions =
            include_str!("../../../wit/repository.wit").lines().filter_map(|line| line.split_once(": func("));
        let names: Vec<&str> = functions.map(|(name, _)| name.trim()).collect();
        assert!(names.contains(&"list-users"), "{names:?}");
        for name in names {
            assert!(operation(name).is_some(), "{name}");
        }
    }

    #[test]
    fn an_import_tells_what_it_needs() {
        let import = |name: &str| Interface::from(Item { name: name.to_owned(), functions: vec!["get".to_owned()] });
        for (name, needed) in [
            ("dms:task-state/repository@0.1.2", Some(Need::Operation(Operation::Read))),
            ("dms:task-state/current-task@0.1.2", None),
            ("wasi:cli/environment@0.2.6", Some(Need::Environment)),
            ("wasi:cli/stdout@0.2.6", None),
            ("wasi:filesystem/preopens@0.2.6", Some(Need::Directories)),
            ("wasi:sockets/tcp@0.2.6", Some(Need::Sockets)),
            ("wasi:http/types@0.2.6", None),
            ("wasi:http/outgoing-handler@0.2.6", Some(Need::Http)),
            ("plain", None),
        ] {
            assert_eq!(needs(&import(name)), needed.into_iter().collect::<Vec<_>>(), "{name}");
        }
        let versioned = import("wasi:cli/environment@0.2.6");
        assert_eq!((versioned.name.as_str(), versioned.version.as_deref()), ("wasi:cli/environment", Some("0.2.6")));
    }
}

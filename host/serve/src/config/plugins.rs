//! The tables `[[plugins]]`: which component, whose tasks it runs, and what it may do and use.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;
use task_state_host::record::{InvalidValue, Service, UserId};
use task_state_host::store::Allowed;
use task_state_host::{Grants, LoadRequest, Manifest};
use task_state_registry::{Artifact, Component, Reference};
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::source::{Source, Span};
use super::tables::{COUNTS, duration, file_path, number, platform_wide};

/// The keys of a plugin that are a manifest's.
const OF_MANIFEST: [&str; 4] = ["sha256", "grants", "capabilities", "limits"];

/// What is said of a platform that has nothing to run tasks on.
pub(super) const NONE: &str = "it names no plugin: each is a table [[plugins]] with component and services";

/// A plugin of a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PluginConfig {
    /// The component: a file, or an artifact in a registry. One that is not pinned is refused when it is loaded, with the
    /// digest that it has then.
    pub component: Component,
    /// The services whose tasks it runs: at least one.
    pub services: BTreeSet<String>,
    /// The users whose tasks it runs.
    pub users: Allowed,
    /// How many tasks this process runs on it at once; as many as there is room for unless set.
    pub concurrency: Option<usize>,
    /// How many of one user's.
    pub per_user_concurrency: Option<usize>,
    /// How often a task is begun, at most: once unless set.
    pub attempts: u32,
    /// The time before the second attempt. Ten seconds unless set.
    pub backoff: Duration,
    /// What it may do, reach and use, with the paths of the host made absolute. What it may do is confined to its own
    /// services and users unless the file says otherwise.
    pub manifest: Manifest,
}

impl PluginConfig {
    /// What it is loaded with.
    pub fn load_request(&self) -> LoadRequest {
        LoadRequest::from(self.manifest.clone())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct PluginTable {
    component: Spanned<String>,
    services: Spanned<Vec<Spanned<String>>>,
    users: Option<Spanned<Vec<Spanned<String>>>>,
    concurrency: Option<Spanned<i64>>,
    per_user_concurrency: Option<Spanned<i64>>,
    attempts: Option<Spanned<i64>>,
    backoff: Option<Spanned<String>>,
    plain_http: Option<Spanned<bool>>,
    /// Here to be named among the keys, as those that follow: they were taken out before.
    #[serde(rename = "sha256")]
    _sha256: Option<IgnoredAny>,
    #[serde(rename = "grants")]
    _grants: Option<IgnoredAny>,
    #[serde(rename = "capabilities")]
    _capabilities: Option<IgnoredAny>,
    #[serde(rename = "limits")]
    _limits: Option<IgnoredAny>,
}

/// Reads the plugins. What is wrong is noted; something is, if one is left out.
pub(super) fn read(source: &mut Source<'_>, directory: &Path, plugins: Spanned<DeValue<'_>>) -> Vec<PluginConfig> {
    let span = plugins.span();
    let DeValue::Array(plugins) = plugins.into_inner() else {
        source.wrong(&span, "`plugins` is not a list of tables: each plugin is a table [[plugins]]");
        return Vec::new();
    };
    if plugins.is_empty() {
        source.wrong(&span, NONE);
    }
    let mut claims = Claims::default();
    plugins.into_iter().filter_map(|plugin| read_one(source, directory, plugin, &mut claims)).collect()
}

fn read_one(
    source: &mut Source<'_>,
    directory: &Path,
    plugin: Spanned<DeValue<'_>>,
    claims: &mut Claims,
) -> Option<PluginConfig> {
    let span = plugin.span();
    let DeValue::Table(mut own) = plugin.into_inner() else {
        source.wrong(&span, "it is not a table: each plugin is a table [[plugins]]");
        return None;
    };
    let taken = OF_MANIFEST.into_iter().filter_map(|key| own.remove_entry(key));
    let of_manifest: DeTable<'_> = taken.collect();
    let table = match PluginTable::deserialize(ValueDeserializer::from(Spanned::new(span.clone(), DeValue::Table(own))))
    {
        Ok(table) => Some(table),
        Err(error) => {
            source.refused(&span, &error);
            None
        }
    };
    let manifest = manifest(source, directory, &span, of_manifest.clone());
    table?.read(source, directory, manifest?, &of_manifest, claims)
}

/// What a plugin may do, reach and use.
fn manifest(source: &mut Source<'_>, directory: &Path, span: &Span, table: DeTable<'_>) -> Option<Manifest> {
    if let Some(DeValue::Table(limits)) = table.get("limits").map(Spanned::get_ref) {
        for (span, key) in platform_wide(limits) {
            source.wrong(&span, format!("`{key}` is the whole platform's: it belongs into the table [loading]"));
        }
    }
    match Manifest::from_table(Spanned::new(span.clone(), DeValue::Table(table.clone())).into()) {
        Ok(mut manifest) => {
            manifest.capabilities = manifest.capabilities.relative_to(directory);
            Some(manifest)
        }
        Err(error) => {
            source.refused_manifest(span, &table, &error);
            None
        }
    }
}

impl PluginTable {
    fn read(
        self,
        source: &mut Source<'_>,
        directory: &Path,
        mut manifest: Manifest,
        of_manifest: &DeTable<'_>,
        claims: &mut Claims,
    ) -> Option<PluginConfig> {
        let services = names(source, "service", &self.services, |name| Service::new(name).map(drop));
        let users = self.users.as_ref().map(|users| names(source, "user", users, |name| UserId::new(name).map(drop)));
        let users = users.map_or(Allowed::Any, Allowed::only);
        claims.add(source, &self.services, self.users.as_ref().map(Spanned::span), &users);
        let is_granted = |key: &str| {
            let grants = of_manifest.get("grants").map(Spanned::get_ref);
            matches!(grants, Some(DeValue::Table(grants)) if grants.contains_key(key))
        };
        let default = Grants::for_services(services.iter().cloned());
        if !is_granted("services") {
            manifest.grants.services = default.services;
        }
        if !is_granted("users") {
            manifest.grants.users = users.clone();
        }
        let attempts = number(source, "number of attempts", self.attempts, 1..=1_000);
        Some(PluginConfig {
            component: component(source, directory, self.component, self.plain_http)?,
            services,
            users,
            concurrency: number(source, "number of runs", self.concurrency, COUNTS),
            per_user_concurrency: number(source, "number of runs", self.per_user_concurrency, COUNTS),
            attempts: attempts.unwrap_or(1),
            backoff: duration(source, self.backoff).unwrap_or(Duration::from_secs(10)),
            manifest,
        })
    }
}

/// Where a component is: a path relative to the directory that the file is in, or a reference.
fn component(
    source: &mut Source<'_>,
    directory: &Path,
    text: Spanned<String>,
    plain_http: Option<Spanned<bool>>,
) -> Option<Component> {
    if Reference::is_meant(text.get_ref()) {
        let mut artifact = Artifact::new(source.right(&text.span(), text.get_ref().parse())?);
        artifact.plain_http = plain_http.is_some_and(Spanned::into_inner);
        return Some(Component::Artifact(artifact));
    }
    if let Some(said) = plain_http {
        source.wrong(&said.span(), "`plain-http` is said of a component in a registry, and this one is a file");
    }
    file_path(source, directory, text).map(Component::File)
}

/// A list of names, each there once.
fn names(
    source: &mut Source<'_>,
    what: &'static str,
    list: &Spanned<Vec<Spanned<String>>>,
    check: impl Fn(&str) -> Result<(), InvalidValue>,
) -> BTreeSet<String> {
    if list.get_ref().is_empty() {
        source.wrong(&list.span(), format!("it names no {what}: a plugin for none runs nothing"));
    }
    let mut names = BTreeSet::new();
    for name in list.get_ref() {
        let checked = check(name.get_ref());
        source.right(&name.span(), checked);
        if !names.insert(name.get_ref().clone()) {
            source.wrong(&name.span(), InvalidValue::new(what, name.get_ref(), "it is there twice"));
        }
    }
    names
}

/// Whose tasks the plugins so far run, and where that is said.
#[derive(Default)]
struct Claims(Vec<(String, Allowed, Span)>);

impl Claims {
    /// Notes whose tasks one more plugin runs, unless another one does.
    fn add(
        &mut self,
        source: &mut Source<'_>,
        services: &Spanned<Vec<Spanned<String>>>,
        said_of_users: Option<Span>,
        users: &Allowed,
    ) {
        let before = self.0.len();
        for service in services.get_ref() {
            let name = service.get_ref();
            let earlier = self.0[..before].iter().filter(|(other, ..)| other == name);
            let contested = earlier.filter_map(|(_, others, at)| Some((shared_user(others, users)?, at))).next();
            if let Some((user, at)) = contested {
                let line = source.line(at);
                let span = said_of_users.clone().filter(|_| user.is_some()).unwrap_or_else(|| service.span());
                let whose = user.map_or("everybody's tasks".to_owned(), |user| format!("the tasks of {user:?}"));
                source.wrong(&span, format!("the plugin of line {line} runs {whose} of service {name:?} already"));
            }
            self.0.push((name.clone(), users.clone(), service.span()));
        }
    }
}

/// Whose tasks both would run: a user's, or everybody's. None if nobody's.
fn shared_user(one: &Allowed, other: &Allowed) -> Option<Option<String>> {
    match (one, other) {
        (Allowed::Any, Allowed::Any) => Some(None),
        (Allowed::Any, Allowed::Only(names)) | (Allowed::Only(names), Allowed::Any) => names.first().cloned().map(Some),
        (Allowed::Only(one), Allowed::Only(other)) => one.intersection(other).next().cloned().map(Some),
    }
}

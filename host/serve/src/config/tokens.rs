//! The tables `[[tokens]]`: where a token is, and what it opens.

use std::path::Path;

use serde::Deserialize;
use task_state_host::record::{InvalidValue, Service, UserId};
use task_state_host::store::Allowed;
use toml::Spanned;

use super::source::Source;
use super::tables::file_path;
use super::{TokenConfig, TokenSource};
use crate::access::Role;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenTable {
    file: Option<Spanned<String>>,
    env: Option<Spanned<String>>,
    role: Spanned<String>,
    services: Option<Vec<Spanned<String>>>,
    users: Option<Vec<Spanned<String>>>,
}

/// Reads one. What is wrong is noted; something is, if there is no answer.
pub(super) fn read(source: &mut Source<'_>, directory: &Path, table: Spanned<TokenTable>) -> Option<TokenConfig> {
    let span = table.span();
    let TokenTable { file, env, role, services, users } = table.into_inner();
    let place = match (file, env) {
        (Some(file), None) => file_path(source, directory, file).map(TokenSource::File),
        (None, Some(name)) => {
            let given = name.get_ref();
            let is_name = !given.is_empty() && !given.contains(['=', '\0']);
            let why = "it is the name of a variable of the environment";
            let read = if is_name { Ok(given.clone()) } else { Err(InvalidValue::new("variable", given, why)) };
            source.right(&name.span(), read).map(TokenSource::Variable)
        }
        _ => {
            source.wrong(&span, "a token has either a file or a variable that holds it: file = \"…\" or env = \"…\"");
            None
        }
    };
    let opens = match role.get_ref().as_str() {
        "operator" => {
            if services.is_some() || users.is_some() {
                source.wrong(&span, "an operator's token opens everything: it names no services and no users");
            }
            Some(Role::Operator)
        }
        "user" => {
            if users.as_ref().is_none_or(Vec::is_empty) {
                source.wrong(&span, "the token of a user names at least one: users = [\"…\"]");
            }
            let services = names(source, services, |name| Service::new(name).map(drop));
            Some(Role::User { services, users: names(source, users, |name| UserId::new(name).map(drop)) })
        }
        other => {
            source.wrong(&role.span(), InvalidValue::new("role", other, "it is operator or user"));
            None
        }
    };
    Some(TokenConfig { source: place?, role: opens? })
}

/// Names that are allowed: all of them, if none are given.
fn names(
    source: &mut Source<'_>,
    names: Option<Vec<Spanned<String>>>,
    check: fn(&str) -> Result<(), InvalidValue>,
) -> Allowed {
    let Some(names) = names else { return Allowed::Any };
    let right = names.into_iter().filter(|name| source.right(&name.span(), check(name.get_ref())).is_some());
    Allowed::only(right.map(Spanned::into_inner).collect::<Vec<_>>())
}

//! The script that finds the users of a service that have no tasks with it.

use std::sync::LazyLock;

use crate::record::quote;
use crate::store::redis::RedisStore;
use crate::store::redis::keys;
use crate::store::redis::server::{Answer, Script};

static PRUNE_USERS: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("prune_users.lua")));

impl RedisStore {
    /// The ones without tasks among members of the index of a service's users, which are taken out if asked to.
    pub(super) async fn prune_users<'a>(
        &self,
        service: &str,
        users: &'a [String],
        remove: bool,
    ) -> Answer<Vec<&'a str>> {
        let mut keys = vec![keys::service_users(service)];
        keys.extend(users.iter().flat_map(|user| [keys::service_user(service, user), keys::record(user)]));
        // Of a service with a strange name, several owners may have an index of this name.
        let other = if service.contains(':') {
            String::new()
        } else {
            format!("\"service\":{},", quote(&format!("{service}:users")))
        };
        let mut args = vec![if remove { "1" } else { "" }, &other];
        args.extend(users.iter().map(String::as_str));
        let stale: Vec<usize> = PRUNE_USERS.run(&self.primary, &keys, &args, self.deadline()).await?;
        Ok(stale.into_iter().filter_map(|at| users.get(at.checked_sub(1)?)).map(String::as_str).collect())
    }
}

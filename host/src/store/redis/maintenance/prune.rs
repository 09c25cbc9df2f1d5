//! The script that finds the stale members of an index of tasks.

use std::sync::LazyLock;

use crate::store::redis::RedisStore;
use crate::store::redis::keys;
use crate::store::redis::server::{Answer, Script};
use crate::store::redis::task::Expected;

static PRUNE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("prune.lua")));

/// A member of an index that may be stale.
pub(super) struct Suspect<'a> {
    pub(super) member: &'a str,
    /// What its record is, if that belongs to somebody else. Without it the member is stale only if there is no record.
    pub(super) foreign: Option<Expected>,
}

impl RedisStore {
    /// The stale ones among members of an index, which are taken out if asked to.
    pub(super) async fn prune<'a>(
        &self,
        index: &str,
        suspects: Vec<Suspect<'a>>,
        remove: bool,
    ) -> Answer<Vec<&'a str>> {
        if suspects.is_empty() {
            return Ok(Vec::new());
        }
        let mut keys = vec![index.to_owned()];
        keys.extend(suspects.iter().map(|suspect| keys::record(suspect.member)));
        let members: Vec<&str> = suspects.iter().map(|suspect| suspect.member).collect();
        let mut args = vec![if remove { "1" } else { "" }.to_owned()];
        for Suspect { member, foreign } in suspects {
            args.extend([member.to_owned(), foreign.map(Expected::into_arg).unwrap_or_default()]);
        }
        let stale: Vec<usize> = PRUNE.run(&self.primary, &keys, &args, self.deadline()).await?;
        Ok(stale.into_iter().filter_map(|at| members.get(at.checked_sub(1)?).copied()).collect())
    }
}

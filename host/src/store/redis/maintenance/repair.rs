//! The scripts of the check: one compares a record with its metadata and its index entries, one finds empty records.

use std::sync::LazyLock;

use crate::store::redis::keys::{self, Owner};
use crate::store::redis::server::Script;
use crate::store::redis::task::Expected;
use crate::store::redis::{OUTLIVES, RedisStore};
use crate::store::{Finding, FindingKind, Result};

static REPAIR: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("repair.lua")));
static REMOVE_EMPTY: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("remove_empty.lua")));

/// A record to be compared.
pub(super) struct Comparison<'a> {
    pub(super) id: &'a str,
    pub(super) owner: Owner,
    /// What the record must still be.
    pub(super) expected: Expected,
}

/// What the script has found.
pub(super) enum Compared {
    /// Nothing: the record is another by now, or gone.
    Another,
    /// What disagreed, and was put in order if asked to.
    Same(Vec<Finding>),
}

impl RedisStore {
    /// Compares records, each in a step of its own.
    pub(super) async fn compare(&self, records: Vec<Comparison<'_>>, repair: bool) -> Result<Vec<Compared>> {
        let call = |Comparison { id, owner, expected }: Comparison<'_>| {
            let mut keys = vec![keys::record(id), keys::metadata(id)];
            keys.extend(keys::indexes(&owner));
            let repair = if repair { "1" } else { "" };
            let Owner { service, user_id } = owner;
            let (ttl, outlives, repair) = (self.ttl.clone(), OUTLIVES.to_owned(), repair.to_owned());
            (keys, vec![expected.into_arg(), service, user_id, id.to_owned(), ttl, outlives, repair])
        };
        let calls: Vec<_> = records.into_iter().map(call).collect();
        let answers: Vec<Vec<String>> = REPAIR.run_each(&self.primary, &calls, self.deadline()).await?;
        let compared = |((keys, args), answer): (&(Vec<String>, Vec<String>), Vec<String>)| {
            if answer.first().is_some_and(|word| word == "another") {
                return Compared::Another;
            }
            let found = answer.chunks_exact(2).filter_map(|found| disagreement(keys, args, &found[0], &found[1]));
            Compared::Same(found.map(|found| found.repaired(repair)).collect())
        };
        Ok(calls.iter().zip(answers).map(compared).collect())
    }

    /// The keys among those of some tasks that hold an empty string, which are removed if asked to.
    pub(super) async fn empty_records(&self, ids: &[&str], remove: bool) -> Result<Vec<String>> {
        let remove = if remove { "1" } else { "" };
        let calls: Vec<_> = ids.iter().map(|id| (vec![keys::record(id)], vec![remove.to_owned()])).collect();
        let empty: Vec<u8> = REMOVE_EMPTY.run_each(&self.primary, &calls, self.deadline()).await?;
        let keys = calls.into_iter().flat_map(|(keys, _)| keys);
        Ok(keys.zip(empty).filter(|(_, empty)| *empty == 1).map(|(key, _)| key).collect())
    }
}

fn disagreement(keys: &[String], args: &[String], word: &str, position: &str) -> Option<Finding> {
    let position = position.parse::<usize>().ok()?.checked_sub(1)?;
    let key = keys.get(position)?;
    // The users of a service are the fifth key.
    let member = if position == 4 { &args[2] } else { &args[3] };
    Some(match word {
        "metadata" => Finding::new(FindingKind::Metadata, key),
        "entry" => Finding::new(FindingKind::MissingEntry, format!("{key} {member}")),
        _ => Finding::new(FindingKind::Expiry, key),
    })
}

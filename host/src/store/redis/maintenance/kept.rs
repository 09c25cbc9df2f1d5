//! What stands under the keys of records. Of most, the beginning tells.

use crate::record::{Opening, TaskRecord};
use crate::store::Result;
use crate::store::redis::RedisStore;
use crate::store::redis::keys::{self, Owner};
use crate::store::redis::server::right_typed;
use crate::store::redis::task::{Expected, OPENING_BYTES};

/// What stands under the key of a record.
pub(super) enum Kept {
    /// No record: the key is missing, or holds an empty string.
    Nothing,
    /// A record: whose it is, and what it must still be when it is looked at again.
    Record {
        owner: Owner,
        expected: Expected,
    },
    Unreadable(String),
    WrongType,
}

impl RedisStore {
    pub(super) async fn kept(&self, ids: &[&str]) -> Result<Vec<Kept>> {
        let mut kept = Vec::with_capacity(ids.len());
        for (id, text) in ids.iter().zip(self.read_ranges(ids, OPENING_BYTES).await?) {
            kept.push(match text.as_deref() {
                None => Kept::WrongType,
                Some([]) => Kept::Nothing,
                Some(text) => match Opening::read(text) {
                    Some(opening) => Kept::Record {
                        owner: Owner { service: opening.service, user_id: opening.user_id },
                        expected: Expected::Begins(opening.owner_text),
                    },
                    None => self.kept_whole(id).await?,
                },
            });
        }
        Ok(kept)
    }

    async fn kept_whole(&self, id: &str) -> Result<Kept> {
        let Some(Some(text)) = self.read_ranges(&[id], usize::MAX >> 1).await?.pop() else {
            return Ok(Kept::WrongType);
        };
        if text.is_empty() {
            return Ok(Kept::Nothing);
        }
        Ok(match TaskRecord::decode(&text, self.clock.zone()) {
            Ok(record) => Kept::Record {
                owner: Owner::new(record.service(), record.user_id()),
                expected: Expected::same_owner(&text),
            },
            Err(why) => Kept::Unreadable(why.to_string()),
        })
    }

    /// The beginnings of records: empty for those that are gone, None for what is no string.
    async fn read_ranges(&self, ids: &[&str], bytes: usize) -> Result<Vec<Option<Vec<u8>>>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipeline = redis::pipe();
        pipeline.ignore_errors();
        for id in ids {
            pipeline.cmd("GETRANGE").arg(keys::record(id)).arg(0).arg(bytes);
        }
        right_typed(self.primary.query_all(&pipeline, self.deadline()).await?)
    }
}

//! Scans of keys and members, step by step. What is no text is reported.

use super::findings::Findings;
use crate::store::redis::RedisStore;
use crate::store::redis::server::Answer;
use crate::store::{Finding, FindingKind, Result};

/// How many keys or members one step looks at.
const SCAN_COUNT: usize = 500;

impl RedisStore {
    /// One step of a scan of the keys of a pattern.
    pub(super) async fn scan_keys(
        &self,
        pattern: &str,
        cursor: u64,
        findings: &mut Findings,
    ) -> Result<(u64, Vec<String>)> {
        let mut command = redis::cmd("SCAN");
        command.arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(SCAN_COUNT);
        let (next, keys) = self.primary.query(&command, self.deadline()).await?;
        Ok((next, texts(keys, "the key", findings)))
    }

    /// One step of a scan of the members of a set.
    pub(super) async fn scan_members(
        &self,
        key: &str,
        cursor: u64,
        findings: &mut Findings,
    ) -> Answer<(u64, Vec<String>)> {
        let mut command = redis::cmd("SSCAN");
        command.arg(key).arg(cursor).arg("COUNT").arg(SCAN_COUNT);
        let (next, members) = self.primary.query(&command, self.deadline()).await?;
        Ok((next, texts(members, key, findings)))
    }
}

/// Those that are text. The others are reported.
fn texts(raw: Vec<Vec<u8>>, place: &str, findings: &mut Findings) -> Vec<String> {
    let mut texts = Vec::with_capacity(raw.len());
    for bytes in raw {
        match String::from_utf8(bytes) {
            Ok(text) => texts.push(text),
            Err(error) => {
                let place = format!("{place} {}", String::from_utf8_lossy(error.as_bytes()));
                findings.add(Finding::new(FindingKind::Undecodable, place));
            }
        }
    }
    texts
}

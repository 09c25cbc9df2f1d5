//! Scans of keys and members, step by step, and the report that is made of what they come upon.

use std::collections::HashSet;

use crate::store::redis::RedisStore;
use crate::store::redis::server::Answer;
use crate::store::{Finding, FindingKind, MAX_FINDINGS, Report};

/// How many keys or members one step looks at.
const SCAN_COUNT: usize = 500;

/// A report in the making: a scan may come upon the same thing twice.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) report: Report,
    known: HashSet<(FindingKind, String)>,
}

impl Findings {
    pub(super) fn add(&mut self, finding: Finding) {
        // What is not listed is not remembered either: it may be as much as the store holds.
        if self.known.len() >= MAX_FINDINGS || self.known.insert((finding.kind, finding.place.clone())) {
            self.report.add(finding);
        }
    }
}

/// What a scan goes over.
#[derive(Clone, Copy)]
pub(super) enum Scan<'a> {
    /// The keys of a pattern.
    Keys(&'a str),
    /// The members of the set under a key.
    Members(&'a str),
}

impl RedisStore {
    /// The next step of a scan, whose cursor is `Some(0)` before the first one; None after the last. What is no text is
    /// reported.
    pub(super) async fn scan(
        &self,
        scan: Scan<'_>,
        cursor: &mut Option<u64>,
        findings: &mut Findings,
    ) -> Answer<Option<Vec<String>>> {
        let Some(at) = *cursor else { return Ok(None) };
        let mut command = redis::Cmd::new();
        let place = match scan {
            Scan::Keys(pattern) => {
                command.arg("SCAN").arg(at).arg("MATCH").arg(pattern);
                "the key"
            }
            Scan::Members(key) => {
                command.arg("SSCAN").arg(key).arg(at);
                key
            }
        };
        command.arg("COUNT").arg(SCAN_COUNT);
        let (next, found): (u64, Vec<Vec<u8>>) = self.primary.query(&command, self.deadline()).await?;
        *cursor = (next != 0).then_some(next);
        let mut texts = Vec::with_capacity(found.len());
        for bytes in found {
            match String::from_utf8(bytes) {
                Ok(text) => texts.push(text),
                Err(error) => {
                    let place = format!("{place} {}", String::from_utf8_lossy(error.as_bytes()));
                    findings.add(Finding::new(FindingKind::Undecodable, place));
                }
            }
        }
        Ok(Some(texts))
    }
}

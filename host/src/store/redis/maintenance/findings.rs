//! A report in the making: a scan may come upon the same thing twice.

use std::collections::HashSet;

use crate::store::{Finding, FindingKind, MAX_FINDINGS, Report};

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

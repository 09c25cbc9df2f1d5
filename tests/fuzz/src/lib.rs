//! What the fuzzer holds the host to: one function a target, which panics where a promise is broken.
//!
//! The programs in `fuzz_targets` run them under libFuzzer; the suite `fuzz` runs them on the corpora, without it.

pub mod change;
mod generate;
pub mod ids;
pub mod listing;
pub mod manifest;
pub mod record;

/// A target: it takes whatever bytes the fuzzer makes up.
pub type Target = fn(&[u8]);

/// Every target with its name, which is also that of its corpus.
pub const TARGETS: [(&str, Target); 5] = [
    ("change", change::fuzz),
    ("ids", ids::fuzz),
    ("listing", listing::fuzz),
    ("manifest", manifest::fuzz),
    ("record", record::fuzz),
];

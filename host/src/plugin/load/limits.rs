//! How large a component may be, and what its compilation may take.

use std::fmt;
use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::units::in_units;

/// How large a component may be, and what its compilation may take. One that goes past a limit is refused with
/// [`LoadError::Limit`](super::LoadError::Limit), which names the limit.
///
/// The defaults are several times what ordinary components have. The largest that were measured are named below: CPython
/// 3.14 with a large part of its standard library (componentize-py 0.25, 27 MB) and StarlingMonkey (jco 1.34, 13 MB).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LoadLimits {
    /// Bytes of the component. 64 MiB unless set. No more than this and one byte is read of any file.
    pub component_bytes: usize,
    /// Bytes of memory that its compilation may take. 2 GiB unless set. Holds in a
    /// [`CompilerProcess`](super::CompilerProcess).
    pub compile_memory_bytes: usize,
    /// Processor time that its compilation may take, summed over threads, in whole seconds. Two minutes unless set.
    /// Holds in a [`CompilerProcess`](super::CompilerProcess), which may take five times as long by the clock.
    pub compile_time: Duration,
    /// How deep components, and the types that they describe, may lie in one another. 32 unless set; both
    /// have 2.
    pub nesting: u64,
    /// Definitions: types, imports, exports, aliases, globals, segments and the like, over all parts of the component.
    /// 200,000 unless set; CPython has 14,220.
    pub definitions: u64,
    /// Instances of components and core modules, each counted as often as it is made. 1,000 unless set;
    /// CPython has 16.
    pub instances: u64,
    /// Functions of core modules, and functions that cross a component's border, each as often as it is made. 80,000
    /// unless set; CPython has 13,526.
    pub functions: u64,
    /// The size of the types that functions at a component's border have, written out. 100,000 unless set; CPython has
    /// 7,663.
    pub type_size: u64,
    /// Bytes of one function. 2 MiB unless set; CPython's largest has 426,843.
    pub function_bytes: u64,
    /// Local variables of one function. 5,000 unless set; CPython has up to 273.
    pub locals: u64,
    /// How deep blocks may lie in one another in a function. 4,000 unless set; CPython has 781.
    pub block_nesting: u64,
    /// Blocks and targets of branch tables in one function, times the values that are alive in each: local variables
    /// and what a block takes or gives. 2,000,000 unless set; StarlingMonkey has up to 228,536.
    pub flow: u64,
}

impl Default for LoadLimits {
    fn default() -> Self {
        Self {
            component_bytes: 64 << 20,
            compile_memory_bytes: 2 << 30,
            compile_time: Duration::from_secs(120),
            nesting: 32,
            definitions: 200_000,
            instances: 1_000,
            functions: 80_000,
            type_size: 100_000,
            function_bytes: 2 << 20,
            locals: 5_000,
            block_nesting: 4_000,
            flow: 2_000_000,
        }
    }
}

/// How much longer than the processor time of a compilation its time by the clock may be: it shares the machine.
const CLOCK_FACTOR: u32 = 5;

impl LoadLimits {
    /// The processor time of a compilation as it is limited: in seconds, of which one is the least.
    pub(super) fn compile_seconds(&self) -> u64 {
        self.compile_time.as_secs().max(1)
    }

    /// How long a compilation may take by the clock.
    pub(super) fn compile_wall_clock(&self) -> Duration {
        Duration::from_secs(self.compile_seconds()).saturating_mul(CLOCK_FACTOR)
    }
}

/// A limit of loading that a component went past.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitExceeded {
    pub(super) limit: Limit,
    pub(super) most: u64,
    /// What the component has, where it was counted to its end.
    pub(super) found: Option<u64>,
}

/// The limits, by the names that messages have for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Limit {
    ComponentBytes,
    CompileMemory,
    CompileTime,
    CompileClock,
    Nesting,
    Definitions,
    Instances,
    Functions,
    TypeSize,
    FunctionBytes,
    Locals,
    BlockNesting,
    Flow,
}

/// What numbers of a limit count.
enum Unit {
    Bytes,
    Seconds,
    Things,
}

impl Limit {
    fn name(self) -> (&'static str, Unit) {
        match self {
            Self::ComponentBytes => ("component size", Unit::Bytes),
            Self::CompileMemory => ("compilation memory", Unit::Bytes),
            Self::CompileTime => ("compilation time", Unit::Seconds),
            Self::CompileClock => ("compilation wall-clock", Unit::Seconds),
            Self::Nesting => ("component nesting", Unit::Things),
            Self::Definitions => ("definition", Unit::Things),
            Self::Instances => ("instance", Unit::Things),
            Self::Functions => ("function", Unit::Things),
            Self::TypeSize => ("type size", Unit::Things),
            Self::FunctionBytes => ("function size", Unit::Bytes),
            Self::Locals => ("local variable", Unit::Things),
            Self::BlockNesting => ("block nesting", Unit::Things),
            Self::Flow => ("control flow", Unit::Things),
        }
    }

    /// Refuses what is more than the limit.
    pub(super) fn check(self, found: u64, most: u64) -> Result<(), LimitExceeded> {
        if found <= most { Ok(()) } else { Err(LimitExceeded { limit: self, most, found: Some(found) }) }
    }

    /// The limit was reached, and nobody knows how much more it would have been.
    pub(super) fn reached(self, most: u64) -> LimitExceeded {
        LimitExceeded { limit: self, most, found: None }
    }
}

impl std::error::Error for LimitExceeded {}

impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, unit) = self.limit.name();
        let (most, bytes) = match unit {
            Unit::Bytes => (in_units(usize::try_from(self.most).unwrap_or(usize::MAX)), " bytes"),
            Unit::Seconds => {
                let time = SignedDuration::from_secs(i64::try_from(self.most).unwrap_or(i64::MAX));
                (format!("{time:#}"), "")
            }
            Unit::Things => (self.most.to_string(), ""),
        };
        write!(f, "{name} limit of {most} exceeded")?;
        match self.found {
            Some(u64::MAX) => write!(f, ": it has more than can be counted"),
            Some(found) => write!(f, ": it has {found}{bytes}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_named_with_its_value_and_what_was_found() {
        for (exceeded, text) in [
            (Limit::Functions.check(100_000, 80_000).unwrap_err(), "function limit of 80000 exceeded: it has 100000"),
            (
                Limit::Instances.check(u64::MAX, 9).unwrap_err(),
                "instance limit of 9 exceeded: it has more than can be counted",
            ),
            (
                Limit::ComponentBytes.check(2_000, 1_024).unwrap_err(),
                "component size limit of 1 KiB exceeded: it has 2000 bytes",
            ),
            (Limit::CompileMemory.reached(2 << 30), "compilation memory limit of 2 GiB exceeded"),
            (Limit::CompileTime.reached(90), "compilation time limit of 1m 30s exceeded"),
        ] {
            assert_eq!(exceeded.to_string(), text);
        }
        assert_eq!(Limit::Locals.check(5, 5), Ok(()));
    }
}

//! The limit of a guest's memory.

use wasmtime::ResourceLimiter;

use super::engine::{MAX_INSTANCES, MAX_MEMORIES, MAX_TABLES};
use crate::units::in_units;

/// Bytes of one element of a table.
const ELEMENT_BYTES: usize = size_of::<usize>();

/// Counts the bytes of a guest's memories and tables, and traps the guest that wants more than its limit.
///
/// What was granted stays counted, although the engine may not have been able to give it: it also tells of failures that
/// it never asked for, so that giving back on its word could be made to give back memory that is in use.
#[derive(Debug)]
pub(super) struct MemoryLimit {
    most: usize,
    used: usize,
    exceeded: bool,
}

/// A guest wanted more memory than its limit.
#[derive(Debug, thiserror::Error)]
#[error("memory limit of {} exceeded", in_units(*.0))]
pub(super) struct MemoryExceeded(usize);

impl MemoryLimit {
    pub(super) fn new(most: usize) -> Self {
        Self { most, used: 0, exceeded: false }
    }

    /// The limit, if the guest has wanted more.
    pub(super) fn exceeded(&self) -> Option<MemoryExceeded> {
        self.exceeded.then_some(MemoryExceeded(self.most))
    }

    /// Whether a memory or a table may have so many more elements. What its own type forbids only fails.
    fn grow(&mut self, current: usize, desired: usize, maximum: Option<usize>, size: usize) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        match self.used.checked_add(desired.saturating_sub(current).saturating_mul(size)) {
            Some(used) if used <= self.most => {
                self.used = used;
                Ok(true)
            }
            _ => {
                self.exceeded = true;
                Err(MemoryExceeded(self.most).into())
            }
        }
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        self.grow(current, desired, maximum, 1)
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        self.grow(current, desired, maximum, ELEMENT_BYTES)
    }

    // The pool refuses a component with more when it is loaded. Without a pool it is stopped when it starts.
    fn memories(&self) -> usize {
        MAX_MEMORIES as usize
    }

    fn tables(&self) -> usize {
        MAX_TABLES as usize
    }

    fn instances(&self) -> usize {
        MAX_INSTANCES as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_and_tables_count_together() {
        let mut limit = MemoryLimit::new(1 << 20);
        assert!(limit.memory_growing(0, 1 << 19, None).unwrap());
        assert!(limit.table_growing(0, (1 << 19) / ELEMENT_BYTES, None).unwrap());
        assert!(limit.exceeded().is_none());
        let error = limit.memory_growing(1 << 19, (1 << 19) + 1, None).unwrap_err();
        assert_eq!(error.to_string(), "memory limit of 1 MiB exceeded");
        assert!(limit.exceeded().is_some());
    }

    #[test]
    fn what_a_type_forbids_is_refused_and_not_counted() {
        let mut limit = MemoryLimit::new(100);
        for _ in 0..3 {
            assert!(!limit.memory_growing(0, 100, Some(50)).unwrap());
        }
        assert!(limit.memory_growing(0, 100, Some(100)).unwrap());
        assert!(limit.exceeded().is_none());
    }

    #[test]
    fn a_failure_gives_nothing_back() {
        let mut limit = MemoryLimit::new(100);
        assert!(limit.memory_growing(0, 100, None).unwrap());
        limit.table_grow_failed(wasmtime::Error::msg("not asked for")).unwrap();
        assert!(limit.memory_growing(100, 101, None).is_err());
    }
}

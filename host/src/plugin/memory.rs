//! The limit of a guest's memory.

use wasmtime::ResourceLimiter;

/// Bytes of one element of a table.
const ELEMENT_BYTES: usize = size_of::<usize>();

/// Counts the bytes of a guest's memories and tables, and traps the guest that wants more than its limit.
#[derive(Debug)]
pub(super) struct MemoryLimit {
    most: usize,
    used: usize,
    /// What was granted last, in case the engine cannot give it.
    last: usize,
    exceeded: bool,
}

/// A guest wanted more memory than its limit.
#[derive(Debug, thiserror::Error)]
#[error("memory limit of {} exceeded", in_units(*.0))]
pub(super) struct MemoryExceeded(usize);

impl MemoryLimit {
    pub(super) fn new(most: usize) -> Self {
        Self { most, used: 0, last: 0, exceeded: false }
    }

    /// The limit, if the guest has wanted more.
    pub(super) fn exceeded(&self) -> Option<MemoryExceeded> {
        self.exceeded.then_some(MemoryExceeded(self.most))
    }

    fn grow(&mut self, bytes: usize) -> wasmtime::Result<bool> {
        match self.used.checked_add(bytes) {
            Some(used) if used <= self.most => {
                (self.used, self.last) = (used, bytes);
                Ok(true)
            }
            _ => {
                self.exceeded = true;
                Err(MemoryExceeded(self.most).into())
            }
        }
    }

    fn give_back(&mut self) {
        self.used -= std::mem::take(&mut self.last);
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        self.grow(desired.saturating_sub(current))
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.give_back();
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        self.grow(desired.saturating_sub(current).saturating_mul(ELEMENT_BYTES))
    }

    fn table_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.give_back();
        Ok(())
    }
}

/// An amount of bytes in the largest unit that gives a whole number.
fn in_units(bytes: usize) -> String {
    let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.into_iter().find(|(_, unit)| bytes >= *unit && bytes.is_multiple_of(*unit)) {
        Some((name, unit)) => format!("{} {name}", bytes / unit),
        None => format!("{bytes} bytes"),
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
    fn what_the_engine_could_not_give_is_not_counted() {
        let mut limit = MemoryLimit::new(100);
        for _ in 0..3 {
            assert!(limit.memory_growing(0, 100, Some(50)).unwrap());
            limit.memory_grow_failed(wasmtime::Error::msg("no room")).unwrap();
        }
        assert!(limit.exceeded().is_none());
    }

    #[test]
    fn a_limit_is_named_in_whole_units() {
        for (bytes, text) in [(64 << 20, "64 MiB"), (1 << 30, "1 GiB"), (1_000_000, "1000000 bytes"), (0, "0 bytes")] {
            assert_eq!(in_units(bytes), text);
        }
    }
}

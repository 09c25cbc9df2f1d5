//! Plugins that the suites run, each an example of this package. A plugin that can do several things is told which by
//! the first line of its input.

/// Computes for ever.
pub fn spin() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = std::hint::black_box(turns + 1);
    }
}

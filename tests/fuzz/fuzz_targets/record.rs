//! Records under libFuzzer, beside the parsers that the Python package's reader stands on.

#![no_main]

mod peer;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    task_state_fuzz::record::fuzz(data);
    peer::reads_the_same(data);
});

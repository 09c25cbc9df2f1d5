//! Changes to records under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| task_state_fuzz::change::fuzz(data));

//! Manifests under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| task_state_fuzz::manifest::fuzz(data));

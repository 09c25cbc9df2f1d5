//! Free ports on the loopback interface.
//!
//! They lie below the range that the kernel gives to outgoing connections: a client that keeps trying a port of that
//! range while its server is down may be given the very port as its own, and then connects to itself.

use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, Result};

const LOWEST: u16 = 10_000;
const DEFAULT_EPHEMERAL: u16 = 32_768;
const TRIES: usize = 1_000;

/// A port on 127.0.0.1 that nothing listened on a moment ago. Another process may still be faster: whoever binds it
/// must be ready to ask for the next one.
pub fn free() -> Result<u16> {
    let end = ephemeral_start();
    let span = u64::from(end - LOWEST);
    let mut candidates = (0..TRIES).map(|n| {
        let offset = RandomState::new().hash_one(n) % span;
        LOWEST + u16::try_from(offset).unwrap_or_default()
    });
    candidates
        .find(|&port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok())
        .with_context(|| format!("no free port found between {LOWEST} and {end} in {TRIES} tries"))
}

/// Where the kernel's range for outgoing connections begins.
fn ephemeral_start() -> u16 {
    std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .ok()
        .and_then(|range| range.split_whitespace().next()?.parse().ok())
        .filter(|&start| start > LOWEST + 1_000)
        .unwrap_or(DEFAULT_EPHEMERAL)
}

//! What a Redis server has spent: its processor time and the bytes that it was sent and has sent.

use std::ops::{Add, Sub};

use anyhow::{Context, Result};
use redis::aio::MultiplexedConnection;
use task_state_tests::redis_server::RedisServer;

/// How often the cost of looking is measured.
const CALIBRATIONS: usize = 31;

/// Looks at a server's counters, over a connection of its own.
#[derive(Debug, Clone)]
pub(crate) struct Meter {
    connection: MultiplexedConnection,
    /// What one look costs.
    look: Spent,
}

/// Processor time and bytes; since the server's start, or between two looks.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spent {
    /// Seconds of processor time, in user mode and in the kernel.
    pub(crate) cpu: f64,
    /// Bytes that clients have sent.
    pub(crate) sent: f64,
    /// Bytes that the server has sent.
    pub(crate) received: f64,
}

impl Meter {
    pub(crate) async fn new(server: &RedisServer) -> Result<Self> {
        let mut meter = Self { connection: server.connection().await?, look: Spent::default() };
        let mut looks = Vec::new();
        for _ in 0..CALIBRATIONS {
            let start = meter.look().await?;
            looks.push(meter.look().await? - start);
        }
        looks.sort_by(|a, b| a.cpu.total_cmp(&b.cpu));
        meter.look = looks[CALIBRATIONS / 2];
        Ok(meter)
    }

    /// The counters now.
    pub(crate) async fn look(&self) -> Result<Spent> {
        let mut connection = self.connection.clone();
        let info: String = redis::cmd("INFO").arg("cpu").arg("stats").query_async(&mut connection).await?;
        let field = |name: &str| -> Result<f64> {
            let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            Ok(line.with_context(|| format!("INFO has no {name}"))?.trim().parse()?)
        };
        Ok(Spent {
            cpu: field("used_cpu_user")? + field("used_cpu_sys")?,
            sent: field("total_net_input_bytes")?,
            received: field("total_net_output_bytes")?,
        })
    }

    /// Does something, and gives what came of it and what the server spent on it.
    pub(crate) async fn around<T>(&self, work: impl Future<Output = Result<T>>) -> Result<(T, Spent)> {
        let start = self.look().await?;
        let done = work.await?;
        Ok((done, self.since(start).await?))
    }

    /// What was spent since a look, but for the looking itself.
    pub(crate) async fn since(&self, start: Spent) -> Result<Spent> {
        Ok(self.look().await? - start - self.look)
    }
}

impl Add for Spent {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { cpu: self.cpu + other.cpu, sent: self.sent + other.sent, received: self.received + other.received }
    }
}

impl Sub for Spent {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { cpu: self.cpu - other.cpu, sent: self.sent - other.sent, received: self.received - other.received }
    }
}

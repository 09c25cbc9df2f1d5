//! What is measured on: one server, and every side of the comparison connected to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use task_state_host::record::{TaskRecord, TimeZone};
use task_state_host::store::redis::RedisStore;
use task_state_tests::proxy::Proxy;
use task_state_tests::redis_server::RedisServer;

use crate::guest::Guests;
use crate::meter::Meter;
use crate::native;
use crate::peer::Peer;
use crate::probe::{Probe, ProbedStore};

/// Lifecycles that every side goes through before anything is measured.
const WARM_UP: usize = 64;

/// One server, and every side connected to it.
#[derive(Debug)]
pub(crate) struct Fixture {
    pub(crate) server: RedisServer,
    pub(crate) meter: Meter,
    /// The store that is called natively.
    pub(crate) store: Arc<RedisStore>,
    pub(crate) probe: Arc<ProbedStore>,
    /// Guests whose host has the probe for a store: what is measured begins and ends inside of a run.
    pub(crate) probed_guests: Guests,
    /// Guests whose host has the store itself: what is measured are whole runs.
    pub(crate) guests: Guests,
    pub(crate) peer: Option<Peer>,
    plugin: PathBuf,
    connection: MultiplexedConnection,
    serial: u64,
}

/// A proxy that records, and the store by way of it.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub(crate) proxy: Proxy,
    pub(crate) store: Arc<RedisStore>,
}

impl Fixture {
    pub(crate) async fn new(plugin: &Path, python: Option<&Path>, checkout: Option<&Path>) -> Result<Self> {
        let server = RedisServer::start().await?;
        let meter = Meter::new(&server).await?;
        let store = native::connect(&server.url()).await;
        // A host takes its store's connection to its own threads, so that each side has a store of its own.
        let probe = Probe::around(native::connect(&server.url()).await, meter.clone());
        let probed_guests = Guests::new(Arc::clone(&probe) as _, plugin).await?;
        let guests = Guests::new(native::connect(&server.url()).await, plugin).await?;
        let peer = python.map(|python| Peer::start(python, &server.url(), checkout)).transpose()?;
        let connection = server.connection().await?;
        let plugin = plugin.to_owned();
        let mut fixture =
            Self { server, meter, store, probe, probed_guests, guests, peer, plugin, connection, serial: 0 };
        fixture.warm_up().await?;
        Ok(fixture)
    }

    async fn warm_up(&mut self) -> Result<()> {
        let ids = self.ids(WARM_UP);
        native::lifecycles(&self.store, &ids, 8).await?;
        for what in ["lifecycle", "lifecycle-log"] {
            let ids = self.ids(WARM_UP);
            self.guests.lifecycles(&ids, 8, what).await?;
        }
        let ids = self.ids(WARM_UP);
        if let Some(peer) = &mut self.peer {
            peer.lifecycles(&ids, 8).await?;
        }
        Ok(())
    }

    /// Ids that no task has had yet.
    pub(crate) fn ids(&mut self, count: usize) -> Vec<String> {
        self.serial += 1;
        (0..count).map(|number| format!("bench-{}-{number}", self.serial)).collect()
    }

    /// Removes everything, so that every measurement finds the same server. Its scripts stay.
    pub(crate) async fn flush(&mut self) -> Result<()> {
        Ok(redis::cmd("FLUSHALL").arg("SYNC").query_async(&mut self.connection).await?)
    }

    /// The record of a task, straight from the server.
    pub(crate) async fn record(&mut self, id: &str) -> Result<TaskRecord> {
        let text: Option<Vec<u8>> = self.connection.get(format!("task:{id}")).await?;
        let text = text.with_context(|| format!("there is no record of task {id}"))?;
        Ok(TaskRecord::decode(&text, &TimeZone::utc())?)
    }

    /// A store whose commands are recorded from its first one on.
    pub(crate) async fn recorder(&mut self) -> Result<Recorder> {
        let proxy = Proxy::start(self.server.port()).await?;
        proxy.record();
        let store = native::connect(&proxy.url()).await;
        Ok(Recorder { proxy, store })
    }

    /// A host on a recorded store.
    pub(crate) async fn recorded_guests(&self, recorder: &Recorder) -> Result<Guests> {
        Guests::new(Arc::clone(&recorder.store) as _, &self.plugin).await
    }

    /// What was measured against what.
    pub(crate) async fn describe(&mut self) -> Result<String> {
        let info = self.server.info("server").await?;
        let version = info.get("valkey_version").or(info.get("redis_version")).map(String::as_str).unwrap_or("?");
        let peer = match &mut self.peer {
            Some(peer) => peer.describe().await?,
            None => "left out".to_owned(),
        };
        let cores = std::thread::available_parallelism()?;
        Ok(format!("Server {version} and all its clients on {cores} cores, over loopback. The peer: {peer}."))
    }
}

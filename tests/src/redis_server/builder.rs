//! A server's options.

use std::fmt::Write as _;

use anyhow::{Context, Result, bail};

use super::{Failure, RedisServer, program};
use crate::port;
use crate::tls::Certificates;

/// How often another port is tried when one was taken in the meantime.
const PORT_TRIES: usize = 20;

/// Options of a server to be started.
#[derive(Debug, Clone, Default)]
pub struct Builder {
    password: Option<String>,
    tls: bool,
    directives: Vec<(String, String)>,
}

impl Builder {
    /// A password for the default user. It stands in URLs and in a configuration file as it is: letters and digits.
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self
    }

    /// A user of the access control list, with its rules: `on >secret ~* +@all -config`, say.
    pub fn user(self, name: &str, rules: &str) -> Self {
        self.directive("user", &format!("{name} {rules}"))
    }

    /// Every acknowledged write survives a `kill -9`: an append-only file, synchronised at every write.
    pub fn durable(self) -> Self {
        self.directive("appendonly", "yes").directive("appendfsync", "always")
    }

    /// The memory, in bytes, at which the server refuses writes.
    pub fn max_memory(self, bytes: u64) -> Self {
        self.directive("maxmemory", &bytes.to_string()).directive("maxmemory-policy", "noeviction")
    }

    /// The longest string that the server holds, in bytes; at least 1 MiB.
    pub fn max_value(self, bytes: u64) -> Self {
        self.directive("proto-max-bulk-len", &bytes.to_string())
    }

    /// A replica of another server. It may lag: see [`RedisServer::synchronised`].
    pub fn replica_of(mut self, primary: &RedisServer) -> Self {
        if let Some(password) = &primary.password {
            self = self.directive("masterauth", password);
        }
        self.directive("replicaof", &format!("127.0.0.1 {}", primary.port()))
    }

    /// TLS only, with certificates of its own: see [`RedisServer::authority`].
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Any line of the configuration file. It comes after the ones that every server here has, and so wins.
    pub fn directive(mut self, name: &str, value: &str) -> Self {
        self.directives.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts the server and waits until it answers.
    pub async fn start(self) -> Result<RedisServer> {
        let program = program::find()?;
        for _ in 0..PORT_TRIES {
            let directory = tempfile::Builder::new().prefix("task-state-redis-").tempdir()?;
            let certificates = self.tls.then(|| Certificates::generate(directory.path())).transpose()?;
            let mut server = RedisServer {
                program: program.clone(),
                directory,
                port: port::free()?,
                password: self.password.clone(),
                certificates,
                process: None,
            };
            let configuration = self.configuration(&server);
            std::fs::write(server.directory().join("redis.conf"), configuration).context("redis.conf")?;
            match server.launch().await {
                Ok(()) => return Ok(server),
                Err(Failure::PortTaken) => {}
                Err(Failure::Other(error)) => return Err(error),
            }
        }
        bail!("{PORT_TRIES} ports in a row were taken between finding them free and listening on them")
    }

    fn configuration(&self, server: &RedisServer) -> String {
        let mut lines =
            "bind 127.0.0.1\nlogfile log\nsave \"\"\nappendonly no\nenable-debug-command local\n".to_owned();
        lines += "repl-diskless-sync yes\nrepl-diskless-sync-delay 0\n";
        let mut line = |name: &str, value: &str| writeln!(lines, "{name} {value}").unwrap_or_default();
        let port = server.port.to_string();
        match &server.certificates {
            None => line("port", &port),
            Some(files) => {
                line("port", "0");
                line("tls-port", &port);
                line("tls-cert-file", &files.certificate.display().to_string());
                line("tls-key-file", &files.key.display().to_string());
                line("tls-ca-cert-file", &files.authority.display().to_string());
                line("tls-auth-clients", "no");
            }
        }
        if let Some(password) = &self.password {
            line("requirepass", password);
        }
        for (name, value) in &self.directives {
            line(name, value);
        }
        lines
    }
}

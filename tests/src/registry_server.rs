//! A real registry of a test's own: on a free loopback port, in a directory that goes with it.
//!
//! The program is what the variable `DOCKER_REGISTRY` names, else `docker-registry` on the `PATH`.

use std::env;
use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::port;
use crate::tls::Certificates;

/// How long a registry may take until it listens.
const START_LIMIT: Duration = Duration::from_secs(30);

/// Pause between two looks at its log.
const POLL: Duration = Duration::from_millis(5);

/// How often another port is tried when one was taken in the meantime.
const PORT_TRIES: usize = 20;

/// Who may use a registry that asks for credentials.
pub const USER: &str = "alice";

/// The password of [`USER`].
pub const PASSWORD: &str = "s3cret-of-alice";

/// Both, as `htpasswd -B` writes them.
const HTPASSWD: &str = "alice:$2y$04$Wlaj27hJmimDV4tjigd2v.QZ3XNiLVS7FnB6C0N2e598XWsZHKIZ.\n";

/// A running registry. It is killed, and what was pushed to it removed, when the handle is dropped.
#[derive(Debug)]
pub struct RegistryServer {
    directory: TempDir,
    port: u16,
    certificates: Option<Certificates>,
    process: Option<Child>,
}

impl RegistryServer {
    /// A registry that anybody may use, without TLS.
    pub fn start() -> Result<Self> {
        Self::start_with(false)
    }

    /// One that speaks TLS, with certificates of its own, and asks for [`USER`] and [`PASSWORD`].
    pub fn with_tls_and_password() -> Result<Self> {
        Self::start_with(true)
    }

    fn start_with(is_guarded: bool) -> Result<Self> {
        for _ in 0..PORT_TRIES {
            let directory = tempfile::Builder::new().prefix("task-state-registry-").tempdir()?;
            let certificates = is_guarded.then(|| Certificates::generate(directory.path())).transpose()?;
            let mut server = Self { directory, port: port::free()?, certificates, process: None };
            std::fs::write(server.directory.path().join("htpasswd"), HTPASSWD)?;
            std::fs::write(server.directory.path().join("config.yml"), server.configuration())?;
            if server.launch()? {
                return Ok(server);
            }
        }
        bail!("{PORT_TRIES} ports in a row were taken between finding them free and listening on them")
    }

    fn configuration(&self) -> String {
        let directory = self.directory.path().display();
        let mut text = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage: {{filesystem: {{rootdirectory: {directory}/data}}}}\n\
             http:\n  addr: 127.0.0.1:{}\n",
            self.port
        );
        if let Some(Certificates { certificate, key, .. }) = &self.certificates {
            let (certificate, key) = (certificate.display(), key.display());
            let _ = writeln!(text, "  tls: {{certificate: {certificate}, key: {key}}}");
            let _ = writeln!(text, "auth: {{htpasswd: {{realm: tests, path: {directory}/htpasswd}}}}");
        }
        text
    }

    /// Starts the process and waits until it listens. Whether it does: the port may be taken by now.
    fn launch(&mut self) -> Result<bool> {
        let log = self.directory.path().join("log");
        let process = Command::new(program()?)
            .args(["serve", "config.yml"])
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()
            .context("cannot start the registry")?;
        let process = self.process.insert(process);
        let start = Instant::now();
        while start.elapsed() < START_LIMIT {
            let said = std::fs::read_to_string(&log)?;
            if said.contains("listening on 127.0.0.1") {
                return Ok(true);
            }
            if process.try_wait()?.is_some() {
                let said = std::fs::read_to_string(&log)?;
                return if said.contains("address already in use") {
                    Ok(false)
                } else {
                    bail!("it ended at once: {said}")
                };
            }
            std::thread::sleep(POLL);
        }
        bail!("the registry does not listen after {START_LIMIT:?}: {}", std::fs::read_to_string(&log)?)
    }

    /// Where it is, as references have it.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The certificate that a client has to trust, of a registry that speaks TLS.
    pub fn authority(&self) -> Option<&Path> {
        self.certificates.as_ref().map(|files| files.authority.as_path())
    }

    /// The bytes that a digest stands for, as the registry holds them: changed there, they are a lie.
    pub fn blob(&self, digest: &str) -> PathBuf {
        let sum = digest.trim_start_matches("sha256:");
        let blobs = self.directory.path().join("data/docker/registry/v2/blobs/sha256");
        blobs.join(sum.get(..2).unwrap_or_default()).join(sum).join("data")
    }

    /// Kills it. Its port and what was pushed to it stay.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // Both fail only if it has ended already.
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Starts it anew on the same port, with what was pushed to it.
    pub fn restart(&mut self) -> Result<()> {
        self.kill();
        if self.launch()? { Ok(()) } else { bail!("port {} was taken while the registry was down", self.port) }
    }
}

fn program() -> Result<PathBuf> {
    if let Some(named) = env::var_os("DOCKER_REGISTRY").filter(|value| !value.is_empty()) {
        return Ok(named.into());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let mut files = env::split_paths(&path).map(|directory| directory.join("docker-registry"));
    files.find(|file| file.is_file()).context(
        "docker-registry is not on the PATH, and DOCKER_REGISTRY names none; `cargo xtask test` installs one where it can",
    )
}

impl Drop for RegistryServer {
    fn drop(&mut self) {
        self.kill();
    }
}

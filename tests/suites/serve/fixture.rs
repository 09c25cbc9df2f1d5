//! A platform of a test's own, and a client that sends exactly what it is told to.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use task_state_host::Settings;
use task_state_host::store::{self, StoreUrl};
use task_state_tests::command::{Finished, Running, Shell, Signal};
use task_state_tests::guests::guest;
use task_state_tests::tasks::{Access, Draft, JsonObject, Precondition, Service, SharedStore, Status, TaskId, UserId};
use task_state_tests::wait::eventually;

/// How long an answer may take. It only bounds a test that fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The part of a configuration that names one plugin, which does what the parameter `do` of a task says.
pub(crate) fn plugin(services: &str, more: &str) -> String {
    format!("[[plugins]]\ncomponent = {:?}\nservices = [{services}]\n{more}\n", guest("served"))
}

/// A platform that runs as a process.
pub(crate) struct Serving {
    pub(crate) shell: Arc<Shell>,
    pub(crate) running: Running,
    pub(crate) address: SocketAddr,
    pub(crate) store: SharedStore,
}

impl Serving {
    /// A platform on a store of its own in a SQLite file.
    pub(crate) async fn on_sqlite(config: &str) -> Result<Self> {
        Self::start(Shell::new()?, config).await
    }

    /// A platform on a store, with the listening left to the system.
    pub(crate) async fn start(shell: Shell, config: &str) -> Result<Self> {
        Self::start_with(shell, config, &[]).await
    }

    /// The same with variables of the environment.
    pub(crate) async fn start_with(shell: Shell, config: &str, variables: &[(&str, &str)]) -> Result<Self> {
        Self::start_as(shell, config, &[], variables).await
    }

    /// The same with arguments as well.
    pub(crate) async fn start_as(
        shell: Shell,
        config: &str,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Result<Self> {
        let shell = Arc::new(shell);
        let path = shell.directory().join("platform.toml");
        std::fs::write(&path, format!("listen = '127.0.0.1:0'\n{config}"))?;
        let mut command = shell.command(["serve", "--config", "platform.toml"]);
        command.args(arguments).envs(variables.iter().copied());
        let (running, address) = tokio::task::spawn_blocking(move || -> Result<_> {
            let mut running = Running::start(&mut command)?;
            let line = running.wait_for("listening at ")?;
            let (_, address) = line.split_once("listening at ").context("no address")?;
            let end = address.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':')).unwrap_or(address.len());
            Ok((running, address[..end].parse()?))
        })
        .await??;
        let url = StoreUrl::parse(shell.store())?;
        let store = store::open(&url, &Settings::from_vars(|_| None)?).await?;
        Ok(Self { shell, running, address, store })
    }

    /// Writes another configuration, of which something cannot be taken over, has it read, and gives what is said of that.
    pub(crate) fn reload_in_part(&mut self, config: &str) -> Result<String> {
        self.write(config)?;
        self.running.signal(Signal::HUP)?;
        let said = self.running.wait_for("warning: ")?;
        self.running.wait_for("the configuration was read anew")?;
        Ok(said)
    }

    fn write(&self, config: &str) -> Result<()> {
        let path = self.shell.directory().join("platform.toml");
        Ok(std::fs::write(path, format!("listen = '127.0.0.1:0'\n{config}"))?)
    }

    /// Writes another configuration, and has it read.
    pub(crate) fn reload(&mut self, config: &str) -> Result<String> {
        self.write(config)?;
        self.running.signal(Signal::HUP)?;
        self.running.wait_for("the configuration was read anew")
    }

    /// Asks it something.
    pub(crate) async fn ask(&self, request: Request) -> Result<Answer> {
        request.send(self.address).await
    }

    /// Submits a task that was saved as its frontend does.
    pub(crate) async fn submit(&self, task: &Task) -> Result<Answer> {
        self.ask(Request::post("/tasks/task", &task.submission())).await
    }

    /// Saves a task and submits it.
    pub(crate) async fn run(&self, task: &Task) -> Result<()> {
        task.save(&self.store).await?;
        let answer = self.submit(task).await?;
        ensure!(answer.status == 202, "{answer:?}");
        Ok(())
    }

    /// Waits until a task is in a status.
    pub(crate) async fn until(&self, id: &str, status: Status) {
        let id = TaskId::new(id).unwrap();
        eventually(&format!("{id} is {status}"), async || {
            self.store.status(&id, &Access::ANY).await.is_ok_and(|now| now == status)
        })
        .await;
    }

    /// Waits until a log holds a text.
    pub(crate) async fn until_logged(&self, id: &str, text: &str) {
        let id = TaskId::new(id).unwrap();
        eventually(&format!("{id} logs {text}"), async || {
            let record = self.store.get(&id, &Access::ANY).await;
            record.is_ok_and(|record| record.logs().iter().any(|entry| entry.contains(text)))
        })
        .await;
    }

    /// Asks the process to end, and waits for that.
    pub(crate) async fn stop(self) -> Result<Finished> {
        self.running.signal(Signal::TERM)?;
        tokio::task::spawn_blocking(move || self.running.finish()).await?
    }
}

/// A task as its frontend saves it.
#[derive(Debug, Clone, serde::Deserialize)]
pub(crate) struct Task {
    pub(crate) task_id: String,
    pub(crate) service: String,
    pub(crate) user_id: String,
    pub(crate) status: String,
    pub(crate) parameters: Value,
}

impl Task {
    /// A pending task of `analytics` and `alice` that is to do something.
    pub(crate) fn to(id: &str, what: &str) -> Self {
        Self {
            task_id: id.to_owned(),
            service: "analytics".to_owned(),
            user_id: "alice".to_owned(),
            status: "pending".to_owned(),
            parameters: serde_json::json!({"do": what}),
        }
    }

    pub(crate) async fn save(&self, store: &SharedStore) -> Result<()> {
        let mut draft = Draft::new(Service::new(&*self.service)?, UserId::new(&*self.user_id)?)
            .with_id(TaskId::new(&*self.task_id)?);
        draft.status = self.status.parse()?;
        draft.parameters = JsonObject::parse("parameters", &self.parameters.to_string())?;
        store.save(draft, Precondition::None, &Access::ANY).await?;
        Ok(())
    }

    /// What the frontend says of it.
    pub(crate) fn submission(&self) -> Value {
        serde_json::json!({
            "task_id": self.task_id,
            "service": self.service,
            "user_id": self.user_id,
            "parameters": self.parameters,
        })
    }

    /// What the frontend says when it is to stop.
    pub(crate) fn cancellation(&self) -> Value {
        serde_json::json!({"task_id": self.task_id, "service": self.service, "user_id": self.user_id})
    }
}

/// A request, to the letter.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        Self { method: method.to_owned(), path: path.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    pub(crate) fn post(path: &str, body: &Value) -> Self {
        Self::new("POST", path).header("content-type", "application/json").body(body.to_string())
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Its text on the wire.
    fn encode(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nconnection: close\r\n", self.method, self.path);
        if !self.headers.iter().any(|(name, _)| name == "host") {
            head.push_str("host: localhost\r\n");
        }
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let _ = write!(head, "content-length: {}\r\n\r\n", self.body.len());
        [head.as_bytes(), &self.body].concat()
    }

    /// Sends it, and waits for the answer.
    pub(crate) async fn send(&self, to: SocketAddr) -> Result<Answer> {
        let request = self.encode();
        tokio::task::spawn_blocking(move || {
            let stream = TcpStream::connect(to)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            converse(stream, &request)
        })
        .await?
    }

    /// The same over a stream of the caller's.
    pub(crate) fn send_over(&self, stream: impl Read + Write) -> Result<Answer> {
        converse(stream, &self.encode())
    }
}

fn converse(mut stream: impl Read + Write, request: &[u8]) -> Result<Answer> {
    // One that is refused before it was read to its end may not be taken whole.
    let _ = stream.write_all(request).and_then(|()| stream.flush());
    let mut bytes = Vec::new();
    let read = stream.read_to_end(&mut bytes);
    ensure!(!bytes.is_empty(), "no answer: {read:?}");
    let text = String::from_utf8(bytes)?;
    let (head, body) = text.split_once("\r\n\r\n").with_context(|| format!("no answer: {text:?}"))?;
    let status = head.split(' ').nth(1).context("no status")?.parse()?;
    let is_chunked = head.to_ascii_lowercase().contains("\r\ntransfer-encoding: chunked");
    let body = if is_chunked { whole(body).context("a chunk is missing")? } else { body.to_owned() };
    Ok(Answer { status, head: head.to_owned(), body })
}

/// A body that was sent in chunks. None if it broke off.
fn whole(mut chunks: &str) -> Option<String> {
    let mut body = String::new();
    loop {
        let (length, rest) = chunks.split_once("\r\n")?;
        let length = usize::from_str_radix(length, 16).ok()?;
        if length == 0 {
            return Some(body);
        }
        body.push_str(rest.get(..length)?);
        chunks = rest.get(length..)?.strip_prefix("\r\n")?;
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// A field of its head.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The body, which is JSON unless it is a text.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| Value::String(self.body.clone()))
    }
}

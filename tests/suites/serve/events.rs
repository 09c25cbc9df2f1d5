//! Streams of server-sent events, read as a browser reads them.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::fixture::PATIENCE;

/// An event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) data: Value,
}

/// A stream that is open.
pub(crate) struct Events {
    stream: BufReader<TcpStream>,
    /// The id of the last event.
    pub(crate) last_id: String,
}

impl Events {
    /// Opens a stream.
    pub(crate) async fn open(to: SocketAddr, path: &str) -> Result<Self> {
        Self::open_with(to, path, &[]).await
    }

    /// Goes on with a stream after an event.
    pub(crate) async fn resume(to: SocketAddr, path: &str, last_id: &str) -> Result<Self> {
        let mut events = Self::open_with(to, path, &[("last-event-id", last_id)]).await?;
        last_id.clone_into(&mut events.last_id);
        Ok(events)
    }

    /// Opens a stream with header fields.
    pub(crate) async fn open_with(to: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Result<Self> {
        let mut stream = BufReader::new(TcpStream::connect(to).await?);
        let fields: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        // Without chunks, which hide where an event begins.
        let request = format!("GET {path} HTTP/1.0\r\nhost: localhost\r\naccept: text/event-stream\r\n{fields}\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            ensure!(timeout(PATIENCE, stream.read_line(&mut head)).await?? > 0, "no answer: {head:?}");
        }
        ensure!(head.split(' ').nth(1) == Some("200"), "{head}");
        ensure!(head.to_ascii_lowercase().contains("content-type: text/event-stream"), "{head}");
        Ok(Self { stream, last_id: String::new() })
    }

    /// The next event; none after the end of the stream.
    pub(crate) async fn next(&mut self) -> Result<Option<Event>> {
        let (mut name, mut data) = ("message".to_owned(), None);
        loop {
            let mut line = String::new();
            if timeout(PATIENCE, self.stream.read_line(&mut line)).await.context("no event comes")?? == 0 {
                return Ok(None);
            }
            let line = line.trim_end_matches('\n');
            match line.split_once(": ").unwrap_or((line, "")) {
                ("event", value) => value.clone_into(&mut name),
                ("data", value) => data = Some(serde_json::from_str(value)?),
                ("id", value) => value.clone_into(&mut self.last_id),
                ("", _) if data.is_some() => {
                    return Ok(Some(Event { name, data: data.unwrap_or_default() }));
                }
                ("" | "retry" | ":", _) => {}
                _ => bail!("no line of an event: {line:?}"),
            }
        }
    }

    /// The data of the next event of a name; others are passed over.
    pub(crate) async fn until(&mut self, name: &str) -> Result<Value> {
        loop {
            let event = self.next().await?.with_context(|| format!("the stream ends before {name}"))?;
            if event.name == name {
                return Ok(event.data);
            }
        }
    }
}

/// What a page makes of a task's stream: the log and the last of everything else.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) log: Vec<String>,
    pub(crate) status: Option<String>,
    pub(crate) progress: Option<Value>,
    pub(crate) output: Option<Value>,
    /// How often entries took the place of others.
    pub(crate) rewritten: usize,
    pub(crate) over: Option<String>,
}

impl Seen {
    /// Takes note of an event.
    pub(crate) fn take(&mut self, event: &Event) {
        let data = &event.data;
        match event.name.as_str() {
            "entries" => {
                let start = usize::try_from(data["start"].as_u64().unwrap()).unwrap();
                assert!(start <= self.log.len(), "entries are missing before {start}: {}", self.log.len());
                self.rewritten += usize::from(start < self.log.len());
                self.log.truncate(start);
                let entries = data["entries"].as_array().unwrap();
                self.log.extend(entries.iter().map(|entry| entry["message"].as_str().unwrap().to_owned()));
            }
            "status" => self.status = data["status"].as_str().map(str::to_owned),
            "progress" => self.progress = Some(data.clone()),
            "output" => self.output = Some(data.clone()),
            "reset" => *self = Self::default(),
            "end" | "gone" | "bye" => self.over = Some(event.name.clone()),
            name => panic!("what is {name}?"),
        }
    }

    /// Takes events until something is so, or the stream is over.
    pub(crate) async fn until(&mut self, events: &mut Events, is_so: impl Fn(&Self) -> bool) -> Result<()> {
        while self.over.is_none() && !is_so(self) {
            let event = events.next().await?.context("the stream ends")?;
            self.take(&event);
        }
        ensure!(is_so(self), "the stream is over: {self:?}");
        Ok(())
    }
}

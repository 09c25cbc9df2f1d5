//! A web server on the loopback interface that answers as a test says, right or wrong, and remembers what it was asked.

use std::io::{BufRead, BufReader, Read, Result, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// What it was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    /// `GET`, say.
    pub method: String,
    /// The path, with the query.
    pub target: String,
    /// The headers, with their names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, if its length was said.
    pub body: Vec<u8>,
}

impl Asked {
    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// What it does about that.
#[derive(Debug, Clone)]
pub enum Script {
    /// A status such as `200 OK`, headers, and a body with its length.
    Answer(&'static str, Vec<(&'static str, String)>, Vec<u8>),
    /// A body that is shorter than its length, and then the end of the connection.
    Cut(Vec<u8>),
    /// A body without an end, and without a length.
    Endless,
    /// A head without an end.
    EndlessHead,
    /// A head and one byte of the body, and nothing more.
    Stalls,
    /// Nothing at all, and the connection stays open.
    Silent,
}

impl Script {
    /// A page.
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::Answer("200 OK", Vec::new(), body.into())
    }

    /// An answer without a body.
    pub fn status(status: &'static str, headers: Vec<(&'static str, String)>) -> Self {
        Self::Answer(status, headers, Vec::new())
    }
}

/// A server that answers until it is dropped.
#[derive(Debug)]
pub struct ScriptedServer {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl ScriptedServer {
    /// Starts one on a free port of `127.0.0.1`.
    pub fn start(script: impl Fn(&Asked) -> Script + Send + Sync + 'static) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let server = Self { address: listener.local_addr()?, stop: Arc::default(), asked: Arc::default() };
        let (stop, asked, script) = (server.stop.clone(), server.asked.clone(), Arc::new(script));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let (stop, seen, script) = (stop.clone(), asked.clone(), script.clone());
                thread::spawn(move || -> Result<()> {
                    let mut stream = BufReader::new(stream);
                    let Some(asked) = read(&mut stream)? else { return Ok(()) };
                    seen.lock().unwrap_or_else(PoisonError::into_inner).push(asked.clone());
                    // A client that goes away in the middle is what some tests are about.
                    play(script(&asked), stream.get_mut(), &stop)
                });
            }
        });
        Ok(server)
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it was asked until now.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the listener.
        let _ = TcpStream::connect(self.address);
    }
}

/// Reads a request. None of what is none: a greeting in TLS is answered as a server without it does.
fn read(stream: &mut BufReader<TcpStream>) -> Result<Option<Asked>> {
    if stream.fill_buf()?.first().is_none_or(|byte| !byte.is_ascii_uppercase()) {
        stream.get_mut().write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n")?;
        return Ok(None);
    }
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut first = lines.first().map(|line| line.split(' ')).into_iter().flatten().map(str::to_owned);
    let (method, target) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
    let header = |line: &String| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    let mut asked =
        Asked { method, target, headers: lines.iter().skip(1).filter_map(header).collect(), body: Vec::new() };
    let length = asked.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    stream.take(length).read_to_end(&mut asked.body)?;
    Ok(Some(asked))
}

fn play(script: Script, stream: &mut TcpStream, stop: &AtomicBool) -> Result<()> {
    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\n";
    let waits = || {
        while !stop.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(5));
        }
    };
    match script {
        Script::Answer(status, headers, body) => {
            let mut head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n", body.len());
            headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
            stream.write_all(format!("{head}\r\n").as_bytes())?;
            stream.write_all(&body)?;
        }
        Script::Cut(body) => {
            stream.write_all(HEAD)?;
            stream.write_all(format!("content-length: {}\r\n\r\n", body.len() + 1).as_bytes())?;
            stream.write_all(&body)?;
        }
        Script::Endless | Script::EndlessHead => {
            stream.write_all(HEAD)?;
            let piece =
                if matches!(script, Script::Endless) { vec![b'x'; 64 << 10] } else { b"x: y\r\n".repeat(1_000) };
            if matches!(script, Script::Endless) {
                stream.write_all(b"\r\n")?;
            }
            while !stop.load(Ordering::SeqCst) {
                stream.write_all(&piece)?;
            }
        }
        Script::Stalls => {
            stream.write_all(HEAD)?;
            stream.write_all(b"content-length: 100\r\n\r\nx")?;
            waits();
        }
        Script::Silent => waits(),
    }
    stream.flush()
}

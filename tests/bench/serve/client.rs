//! A client of HTTP that costs as little as can be: requests over one connection, one after the other.

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// A connection.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    host: String,
}

impl Client {
    pub(crate) async fn connect(port: u16) -> Result<Self> {
        let host = format!("127.0.0.1:{port}");
        let stream = TcpStream::connect(&host).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), host })
    }

    /// Whether a path answers 200.
    pub(crate) async fn is_ok(&mut self, path: &str) -> Result<bool> {
        Ok(self.request("GET", path, "").await?.0 == 200)
    }

    /// Posts JSON, which is to be accepted.
    pub(crate) async fn post(&mut self, path: &str, body: &str) -> Result<()> {
        let (status, answer) = self.request("POST", path, body).await?;
        ensure!((200..300).contains(&status), "{path} answered {status}: {answer}");
        Ok(())
    }

    /// The bytes of what a path answers, which may be in parts. Nothing can be asked after that.
    pub(crate) async fn bytes_of(mut self, path: &str, headers: &str) -> Result<usize> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}\r\n", self.host);
        self.stream.write_all(request.as_bytes()).await?;
        let mut line = String::new();
        self.stream.read_line(&mut line).await?;
        ensure!(line.contains(" 200 "), "{path} answered {line:?}");
        let mut part = vec![0; 1 << 16];
        let mut all = 0;
        loop {
            match self.stream.read(&mut part).await? {
                0 => return Ok(all),
                read => all += read,
            }
        }
    }

    async fn request(&mut self, method: &str, path: &str, body: &str) -> Result<(u16, String)> {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}",
            self.host
        );
        self.stream.write_all(request.as_bytes()).await?;
        let mut line = String::new();
        self.stream.read_line(&mut line).await?;
        let status = line.split_whitespace().nth(1).with_context(|| format!("not HTTP: {line:?}"))?.parse()?;
        let mut length = 0;
        loop {
            line.clear();
            self.stream.read_line(&mut line).await?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse()?;
            }
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer).await?;
        Ok((status, String::from_utf8_lossy(&answer).into_owned()))
    }
}

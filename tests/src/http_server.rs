//! A web server on the loopback interface, some of whose pages behave badly.

use std::io::{BufRead, BufReader, Read, Result, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::tls::Certificates;

/// What every page but the bad ones is.
pub const PAGE: &str = "hello";

/// A server that answers until it is dropped:
///
/// | path | answer |
/// |---|---|
/// | `/hello` | [`PAGE`] |
/// | `/redirect/URL` | a redirect there |
/// | `/authorization` | what the request's header `authorization` holds |
/// | `/take` | reads a body, and tells its length |
/// | `/v1/traces` | nothing, and [keeps](HttpServer::kept) the body, as a collector of traces does |
/// | `/endless` | a body without an end |
/// | `/endless-head` | a head without an end |
/// | `/drip` | a body without an end, slowly |
/// | `/silent` | nothing, and the connection stays open |
/// | any other | 404 |
#[derive(Debug)]
pub struct HttpServer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    requests: Mutex<Vec<String>>,
    kept: Mutex<Vec<Vec<u8>>>,
}

/// What a connection reads from and writes to.
trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}

impl HttpServer {
    /// Starts one on a free port of `127.0.0.1`.
    pub fn start() -> Result<Self> {
        Self::serve(|stream| Ok(Box::new(stream)))
    }

    /// Starts one that speaks TLS.
    pub fn with_tls(certificates: &Certificates) -> Result<Self> {
        let chain = CertificateDer::from_pem_file(&certificates.certificate).map_err(std::io::Error::other)?;
        let key = PrivateKeyDer::from_pem_file(&certificates.key).map_err(std::io::Error::other)?;
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![chain], key);
        let config = Arc::new(config.map_err(std::io::Error::other)?);
        Self::serve(move |stream| {
            let connection = ServerConnection::new(config.clone()).map_err(std::io::Error::other)?;
            Ok(Box::new(StreamOwned::new(connection, stream)))
        })
    }

    fn serve(open: impl Fn(TcpStream) -> Result<Box<dyn Stream>> + Send + 'static) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let server = Self { address: listener.local_addr()?, shared: Arc::default() };
        let shared = server.shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if shared.stop.load(Ordering::SeqCst) {
                    return;
                }
                if let Ok(stream) = open(stream) {
                    let shared = shared.clone();
                    // A client that goes away in the middle is what some tests are about.
                    thread::spawn(move || drop(shared.answer(stream)));
                }
            }
        });
        Ok(server)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The URL of a page, with a host of the caller's choice.
    pub fn url(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.port())
    }

    /// The first lines of all requests until now.
    pub fn requests(&self) -> Vec<String> {
        self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The bodies that were sent to a collector of traces until now.
    pub fn kept(&self) -> Vec<Vec<u8>> {
        self.shared.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        // Wakes the listener.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::SeqCst)
    }

    fn answer(&self, stream: Box<dyn Stream>) -> Result<()> {
        let mut stream = BufReader::new(stream);
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line)? == 0 {
                return Ok(());
            }
            match line.trim_end() {
                "" => break,
                line => head.push(line.to_owned()),
            }
        }
        let first = head.first().cloned().unwrap_or_default();
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(first.clone());
        let path = first.split(' ').nth(1).unwrap_or_default();
        let header = |name: &str| {
            let of = |line: &String| {
                Some(line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name))?.1.to_owned())
            };
            head.iter().find_map(of).unwrap_or_default()
        };
        match path.trim_start_matches('/') {
            "hello" => page(stream.get_mut(), "200 OK", "", PAGE),
            "authorization" => page(stream.get_mut(), "200 OK", "", &header("authorization")),
            "take" => {
                let bytes = read_body(&mut stream, &header("content-length"))?;
                page(stream.get_mut(), "200 OK", "", &format!("{bytes} bytes"))
            }
            "v1/traces" => {
                let length = header("content-length").parse().map_err(std::io::Error::other)?;
                let mut body = Vec::new();
                stream.by_ref().take(length).read_to_end(&mut body)?;
                self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(body);
                page(stream.get_mut(), "200 OK", "", "")
            }
            "endless" => self.endless(stream.get_mut(), b"HTTP/1.1 200 OK\r\n\r\n", &[b'x'; 64 << 10], Duration::ZERO),
            "endless-head" => self.endless(stream.get_mut(), b"HTTP/1.1 200 OK\r\n", b"x: y\r\n", Duration::ZERO),
            "drip" => self.endless(stream.get_mut(), b"HTTP/1.1 200 OK\r\n\r\n", b"x", Duration::from_millis(10)),
            "silent" => self.endless(stream.get_mut(), b"", b"", Duration::from_millis(10)),
            other => match other.strip_prefix("redirect/") {
                Some(to) => page(stream.get_mut(), "302 Found", &format!("location: {to}\r\n"), ""),
                None => page(stream.get_mut(), "404 Not Found", "", "no such page"),
            },
        }
    }

    fn endless(&self, stream: &mut dyn Stream, head: &[u8], piece: &[u8], pause: Duration) -> Result<()> {
        stream.write_all(head)?;
        while self.goes_on() {
            stream.write_all(piece)?;
            stream.flush()?;
            thread::sleep(pause);
        }
        Ok(())
    }
}

fn page(stream: &mut dyn Stream, status: &str, headers: &str, body: &str) -> Result<()> {
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n", body.len());
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())?;
    stream.flush()
}

/// Reads a body of a known length, or in chunks, and counts its bytes.
fn read_body(stream: &mut impl BufRead, length: &str) -> Result<u64> {
    if let Ok(length) = length.parse() {
        return std::io::copy(&mut stream.take(length), &mut std::io::sink());
    }
    let mut bytes = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let size = u64::from_str_radix(line.trim_end(), 16).map_err(std::io::Error::other)?;
        std::io::copy(&mut stream.by_ref().take(size + 2), &mut std::io::sink())?;
        if size == 0 {
            return Ok(bytes);
        }
        bytes += size;
    }
}

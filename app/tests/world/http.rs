//! A small HTTP server on loopback that answers as a test wants it to.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// What was asked.
pub struct Request {
    /// Path and query.
    pub target: String,
    /// First and last byte, both inclusive, of a `Range: bytes=A-B` field.
    pub range: Option<(usize, usize)>,
}

/// What is answered: head, and body as it goes out. The connection is closed after it.
pub type Answer = (String, Vec<u8>);

/// A server that lives as long as the test.
pub struct Server {
    pub address: SocketAddr,
    pub requests: Arc<AtomicUsize>,
}

impl Server {
    pub fn start(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let (answer, requests) = (Arc::new(answer), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, count) = (Arc::clone(&answer), Arc::clone(&count));
                // A client that hangs up early is none of the server's business.
                thread::spawn(move || serve(stream, &*answer, &count).ok());
            }
        });
        Self { address, requests }
    }

    /// Serves files of `folder`, with ranges.
    pub fn of_files(folder: PathBuf) -> Self {
        Self::start(move |request| {
            let path = folder.join(request.target.trim_start_matches('/'));
            match std::fs::read(path) {
                Ok(bytes) => part(&bytes, request.range),
                Err(_) => status("404 Not Found", "text/html", b"<html>not here</html>"),
            }
        })
    }

    /// Answers everything with one text.
    pub fn of_text(code: &'static str, kind: &'static str, body: &'static [u8]) -> Self {
        Self::start(move |_| status(code, kind, body))
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }
}

/// An answer with a body and its right length.
pub fn status(code: &str, kind: &str, body: &[u8]) -> Answer {
    let length = body.len();
    (format!("HTTP/1.1 {code}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"), body.to_vec())
}

/// An answer with the part of a file that was asked for, or all of it.
pub fn part(bytes: &[u8], range: Option<(usize, usize)>) -> Answer {
    let Some((first, last)) = range else { return status("200 OK", "application/octet-stream", bytes) };
    let last = last.min(bytes.len() - 1);
    let (length, all) = (last + 1 - first, bytes.len());
    let head = format!(
        "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {first}-{last}/{all}\r\nContent-Length: {length}\r\n\r\n"
    );
    (head, bytes[first..=last].to_vec())
}

fn serve(stream: TcpStream, answer: &dyn Fn(&Request) -> Answer, count: &AtomicUsize) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut request = Request { target, range: None };
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        if let Some(range) = line.to_ascii_lowercase().trim().strip_prefix("range: bytes=") {
            request.range = range.split_once('-').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
        }
    }
    count.fetch_add(1, Ordering::Relaxed);
    let (head, body) = answer(&request);
    let mut stream = reader.into_inner();
    stream.write_all(head.as_bytes())?;
    stream.write_all(&body)
}

//! A web seed for the demo: one file over HTTP/1.1, with ranges, at a limited rate.

use engine::RateLimit;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A request's head is not longer.
const MAX_HEAD: usize = 8 << 10;

/// Connections served at once; the others wait in the system's queue.
const MAX_CONNECTIONS: usize = 16;

/// Bytes sent in one go.
const QUANTUM: usize = 64 << 10;

/// The file and its rate.
struct Shelf {
    path: String,
    file: File,
    length: u64,
    limit: RateLimit,
}

/// A running server; it ends when dropped.
pub(super) struct HttpFile {
    url: String,
    _accepting: JoinSet<()>,
}

impl HttpFile {
    /// Serves the file at `path` on loopback, at most `rate` bytes per second in all.
    pub(super) async fn start(path: &Path, rate: u64) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let url = format!("http://{}/{name}", listener.local_addr()?);
        let shelf = Shelf { path: format!("/{name}"), file, length, limit: RateLimit::new(Some(rate)) };
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, Arc::new(shelf)));
        Ok(Self { url, _accepting: accepting })
    }

    /// Where the file is.
    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

async fn accept(listener: TcpListener, shelf: Arc<Shelf>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.len() >= MAX_CONNECTIONS {
            let _ = connections.join_next().await;
        }
        while connections.try_join_next().is_some() {}
        // A connection that went away before it was accepted is nobody's loss.
        let Ok((stream, _)) = listener.accept().await else { continue };
        let shelf = Arc::clone(&shelf);
        connections.spawn(async move {
            // A client may hang up when it likes.
            let _ = serve(stream, &shelf).await;
        });
    }
}

/// Answers requests until the client hangs up.
async fn serve(mut stream: TcpStream, shelf: &Shelf) -> io::Result<()> {
    let mut received = Vec::new();
    loop {
        let Some(head) = read_head(&mut stream, &mut received).await? else { return Ok(()) };
        let answer = shelf.answer(&head);
        stream.write_all(answer.head.as_bytes()).await?;
        let mut at = answer.body.start;
        let mut buffer = vec![0; QUANTUM];
        while at < answer.body.end {
            let length = (answer.body.end - at).min(QUANTUM as u64) as usize;
            shelf.file.read_exact_at(&mut buffer[..length], at)?;
            stream.write_all(&buffer[..length]).await?;
            shelf.limit.pace(length).await;
            at += length as u64;
        }
    }
}

/// The next request's head; `None` at the end of the connection.
async fn read_head(stream: &mut TcpStream, received: &mut Vec<u8>) -> io::Result<Option<String>> {
    loop {
        if let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") {
            let rest = received.split_off(end + 4);
            let head = std::mem::replace(received, rest);
            return Ok(Some(String::from_utf8_lossy(&head).into_owned()));
        }
        if received.len() > MAX_HEAD || stream.read_buf(received).await? == 0 {
            return Ok(None);
        }
    }
}

/// An answer: its head, and the part of the file that is its body.
struct Answer {
    head: String,
    body: Range<u64>,
}

impl Shelf {
    fn answer(&self, head: &str) -> Answer {
        let mut lines = head.split("\r\n");
        let mut request = lines.next().unwrap_or_default().split(' ');
        let (method, path) = (request.next().unwrap_or_default(), request.next().unwrap_or_default());
        if !matches!(method, "GET" | "HEAD") {
            return empty("405 Method Not Allowed", "");
        }
        if path != self.path {
            return empty("404 Not Found", "");
        }
        let range = lines.find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("range").then(|| value.trim())
        });
        let (status, body) = match range {
            None => ("200 OK", 0..self.length),
            Some(range) => match parse_range(range, self.length) {
                Some(body) => ("206 Partial Content", body),
                None => {
                    return empty(
                        "416 Range Not Satisfiable",
                        &format!("Content-Range: bytes */{}\r\n", self.length),
                    );
                }
            },
        };
        let place = match range {
            Some(_) => format!("Content-Range: bytes {}-{}/{}\r\n", body.start, body.end - 1, self.length),
            None => String::new(),
        };
        let length = body.end - body.start;
        let head =
            format!("HTTP/1.1 {status}\r\nAccept-Ranges: bytes\r\n{place}Content-Length: {length}\r\n\r\n");
        Answer { head, body: if method == "HEAD" { 0..0 } else { body } }
    }
}

fn empty(status: &str, field: &str) -> Answer {
    Answer { head: format!("HTTP/1.1 {status}\r\n{field}Content-Length: 0\r\n\r\n"), body: 0..0 }
}

/// The bytes that `bytes=FIRST-LAST`, `bytes=FIRST-` or `bytes=-COUNT` names of a file (RFC 9110, 14.1.2).
fn parse_range(text: &str, length: u64) -> Option<Range<u64>> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let range = match (first, last) {
        ("", count) => length.saturating_sub(count.parse().ok()?)..length,
        (first, "") => first.parse().ok()?..length,
        (first, last) => first.parse().ok()?..last.parse::<u64>().ok()?.saturating_add(1).min(length),
    };
    (range.start < range.end).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        assert_eq!(parse_range("bytes=0-9", 100), Some(0..10));
        assert_eq!(parse_range("bytes=90-200", 100), Some(90..100));
        assert_eq!(parse_range("bytes=90-", 100), Some(90..100));
        assert_eq!(parse_range("bytes=-5", 100), Some(95..100));
        for wrong in ["bytes=100-", "bytes=9-3", "bytes=-", "pieces=0-1", "bytes=a-b", "bytes=-0"] {
            assert_eq!(parse_range(wrong, 100), None, "{wrong}");
        }
    }

    #[tokio::test]
    async fn one_connection_serves_ranges_and_misses() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let bytes: Vec<u8> = (0..200_000_u32).map(|i| (i % 251) as u8).collect();
        std::fs::write(&path, &bytes).unwrap();
        let server = HttpFile::start(&path, 1 << 30).await.unwrap();
        let address = server.url().trim_start_matches("http://").trim_end_matches("/file");
        let mut stream = TcpStream::connect(address).await.unwrap();
        let mut received = Vec::new();
        let asked = "GET /file HTTP/1.1\r\nRange: bytes=10-150009\r\n\r\nGET /other HTTP/1.1\r\n\r\n";
        stream.write_all(asked.as_bytes()).await.unwrap();
        let head = read_head(&mut stream, &mut received).await.unwrap().unwrap();
        assert!(head.starts_with("HTTP/1.1 206") && head.contains("bytes 10-150009/200000"), "{head}");
        while received.len() < 150_000 {
            stream.read_buf(&mut received).await.unwrap();
        }
        let mut rest = received.split_off(150_000);
        assert!(received == bytes[10..150_010]);
        let head = read_head(&mut stream, &mut rest).await.unwrap().unwrap();
        assert!(head.starts_with("HTTP/1.1 404"), "{head}");
    }
}

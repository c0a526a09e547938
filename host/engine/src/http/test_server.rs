//! An HTTP server for tests, whose every byte is scripted.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use url::Url;

/// What came in.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Path and query.
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    /// Which connection it came on, from 0.
    pub(crate) connection: usize,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// First and last byte of the range asked for.
    pub(crate) fn range(&self) -> Option<(usize, usize)> {
        let (first, last) = self.header("range").strip_prefix("bytes=")?.split_once('-')?;
        Some((first.parse().ok()?, last.parse().ok()?))
    }
}

/// What goes out.
pub(crate) enum Reply {
    /// Bytes; then the next request is awaited.
    Keep(Vec<u8>),
    /// Bytes; then the connection is closed.
    Close(Vec<u8>),
    /// Bytes; then nothing.
    Hang(Vec<u8>),
    /// Bytes; then other bytes for ever, with a pause before each time.
    Endless(Vec<u8>, Vec<u8>, Duration),
}

#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<Request>>,
    /// Connections that the other end closed.
    closed: Mutex<usize>,
}

/// A running server; it ends when dropped.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    seen: Arc<Seen>,
    _tasks: JoinSet<()>,
}

impl TestServer {
    pub(crate) async fn start(script: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let (script, seen_by_task) = (Arc::new(script), seen.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            for number in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let (script, seen) = (script.clone(), seen_by_task.clone());
                connections.spawn(async move { serve(stream, number, &*script, &seen).await });
            }
        });
        Self { address, seen, _tasks: tasks }
    }

    pub(crate) fn url(&self, path: &str) -> Url {
        Url::parse(&format!("http://{}{path}", self.address)).unwrap()
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.seen.requests.lock().unwrap().clone()
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.requests().into_iter().map(|request| request.path).collect()
    }

    /// Waits until so many connections were closed by the other end.
    pub(crate) async fn closed(&self, connections: usize) {
        while *self.seen.closed.lock().unwrap() < connections {
            tokio::task::yield_now().await;
        }
    }
}

async fn serve(
    mut stream: TcpStream,
    number: usize,
    script: &(dyn Fn(&Request) -> Reply + Sync),
    seen: &Seen,
) {
    let mut buffer = Vec::new();
    loop {
        while !buffer.windows(4).any(|window| window == b"\r\n\r\n") {
            match stream.read_buf(&mut buffer).await {
                Ok(n) if n > 0 => {}
                _ => {
                    *seen.closed.lock().unwrap() += 1;
                    return;
                }
            }
        }
        let end = buffer.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        let head = String::from_utf8(buffer.drain(..end).collect()).unwrap();
        let mut lines = head.lines();
        let path = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
        let headers = lines.filter_map(|line| line.split_once(':'));
        let headers =
            headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
        let request = Request { path, headers, connection: number };
        let reply = script(&request);
        seen.requests.lock().unwrap().push(request);
        match answer(&mut stream, reply).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(_) => {
                *seen.closed.lock().unwrap() += 1;
                return;
            }
        }
    }
}

/// True if another request may come.
async fn answer(stream: &mut TcpStream, reply: Reply) -> std::io::Result<bool> {
    match reply {
        Reply::Keep(bytes) => stream.write_all(&bytes).await.map(|()| true),
        Reply::Close(bytes) => stream.write_all(&bytes).await.map(|()| false),
        Reply::Hang(bytes) => {
            stream.write_all(&bytes).await?;
            stream.read_exact(&mut [0]).await.map(|_| true)
        }
        Reply::Endless(first, more, pause) => {
            stream.write_all(&first).await?;
            loop {
                if !pause.is_zero() {
                    tokio::time::sleep(pause).await;
                }
                stream.write_all(&more).await?;
            }
        }
    }
}

/// An answer with these header lines and, unless they name one, the body's length.
pub(crate) fn reply(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut bytes = head(status, headers);
    if !headers.iter().any(|(name, _)| matches!(*name, "Content-Length" | "Transfer-Encoding")) {
        bytes.truncate(bytes.len() - 2);
        bytes.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
    }
    bytes.extend(body);
    bytes
}

/// Status and header lines alone.
pub(crate) fn head(status: u16, headers: &[(&str, &str)]) -> Vec<u8> {
    let lines = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
    let lines = std::iter::once(format!("HTTP/1.1 {status} Status\r\n")).chain(lines);
    lines.chain(["\r\n".to_owned()]).flat_map(String::into_bytes).collect()
}

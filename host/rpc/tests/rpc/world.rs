//! A daemon with its server on loopback, and a client that says on the wire exactly what it is told to.

use daemon::{Config, Daemon};
use rpc::{AllSettings, Server, ServerConfig, SettingsFile};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Nothing in these tests takes longer on any machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A daemon, its server, and the folder they live in.
pub(crate) struct World {
    pub(crate) daemon: Daemon,
    pub(crate) server: Server,
    pub(crate) file: Arc<SettingsFile>,
    _folder: tempfile::TempDir,
}

impl World {
    /// A world whose settings are changed before it begins.
    pub(crate) async fn with(change: impl FnOnce(&mut AllSettings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = Arc::new(SettingsFile::open(folder.path().join("settings.json")).unwrap());
        file.change(|all| {
            all.http.bind_address = "127.0.0.1".into();
            all.http.port = 0;
            all.session.peer_port = 0;
            all.session.download_directory = folder.path().join("downloads");
            (all.session.dht, all.session.lpd, all.session.port_forwarding) = (false, false, false);
            all.session.port_test_url.clear();
            change(all);
        })
        .unwrap();
        let mut config = Config::new(folder.path().to_path_buf(), file.current().session);
        config.save_settings = Some(file.saver());
        config.bind = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let daemon = Daemon::start(config).await.unwrap();
        let server = Server::start(ServerConfig {
            daemon: daemon.clone(),
            settings: Arc::clone(&file),
            update_blocklist: None,
            following: None,
            handed_in: None,
        })
        .unwrap();
        Self { daemon, server, file, _folder: folder }
    }

    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn address(&self) -> SocketAddr {
        timeout(PATIENCE, self.server.address()).await.unwrap().unwrap()
    }

    /// A new connection.
    pub(crate) async fn connect(&self) -> Client<TcpStream> {
        Client::new(TcpStream::connect(self.address().await).await.unwrap())
    }

    pub(crate) async fn end(self) {
        self.server.shutdown().await;
        self.daemon.shutdown().await;
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// One connection.
pub(crate) struct Client<S> {
    stream: BufReader<S>,
    session_id: String,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream: BufReader::new(stream), session_id: String::new() }
    }

    /// Sends a request and reads its answer. `head` is the request line and headers, each with its line end.
    pub(crate) async fn request(&mut self, head: &str, body: &[u8]) -> Answer {
        let length =
            if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
        let mut request = format!("{head}{length}\r\n").into_bytes();
        request.extend_from_slice(body);
        self.send(&request).await;
        self.answer().await
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        timeout(PATIENCE, self.stream.write_all(bytes)).await.unwrap().unwrap();
    }

    pub(crate) async fn answer(&mut self) -> Answer {
        timeout(PATIENCE, self.read_answer()).await.unwrap()
    }

    async fn read_answer(&mut self) -> Answer {
        let first = self.line().await;
        let status = first.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        let mut headers = Vec::new();
        loop {
            let line = self.line().await;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Answer { status, headers, body: Vec::new() };
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        answer.body.resize(length, 0);
        self.stream.read_exact(&mut answer.body).await.unwrap();
        answer
    }

    /// The next line without its end; empty at the end of the stream.
    pub(crate) async fn line(&mut self) -> String {
        let mut line = Vec::new();
        while let Ok(byte) = self.stream.read_u8().await {
            if byte == b'\n' {
                break;
            }
            line.push(byte);
        }
        String::from_utf8(line).unwrap().trim_end().to_owned()
    }

    /// Posts a call, with the handshake of the session id where it is needed.
    pub(crate) async fn post(&mut self, body: &[u8], headers: &str) -> Answer {
        loop {
            let head = format!(
                "POST /transmission/rpc HTTP/1.1\r\nhost: localhost\r\nx-transmission-session-id: {}\r\n{headers}",
                self.session_id
            );
            let answer = self.request(&head, body).await;
            match answer.header("x-transmission-session-id") {
                Some(id) if answer.status == 409 => id.clone_into(&mut self.session_id),
                _ => return answer,
            }
        }
    }

    /// A call in the legacy dialect: its `result` and `arguments`.
    pub(crate) async fn legacy(&mut self, method: &str, arguments: Value) -> (String, Value) {
        let answer =
            self.post(json!({"method": method, "arguments": arguments}).to_string().as_bytes(), "").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let mut answer = answer.json();
        (answer["result"].as_str().unwrap().to_owned(), answer["arguments"].take())
    }

    /// A call in JSON-RPC: its result or error.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        let call = json!({"jsonrpc": "2.0", "method": method, "params": params, "id": 7});
        let mut answer = self.post(call.to_string().as_bytes(), "").await.json();
        assert_eq!((&answer["jsonrpc"], &answer["id"]), (&json!("2.0"), &json!(7)));
        match answer.get("error") {
            Some(error) => Err(error.clone()),
            None => Ok(answer["result"].take()),
        }
    }

    /// Is the connection closed without a word?
    pub(crate) async fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        // A reset is an end as well.
        let _ = timeout(PATIENCE, self.stream.read_to_end(&mut rest)).await.unwrap();
        rest.is_empty()
    }
}

/// A torrent file of two files, `one` and `two`, with 20,000 bytes each.
pub(crate) fn torrent(name: &str) -> Vec<u8> {
    const LENGTH: usize = 20_000;
    const PIECE: usize = 16_384;
    let data = vec![7u8; 2 * LENGTH];
    let pieces: Vec<u8> = data.chunks(PIECE).flat_map(Sha1::digest).collect();
    let file = |name: &str| format!("d6:lengthi{LENGTH}e4:pathl{}:{name}ee", name.len());
    let mut text = format!(
        "d4:infod5:filesl{}{}e4:name{}:{name}12:piece lengthi{PIECE}e6:pieces{}:",
        file("one"),
        file("two"),
        name.len(),
        pieces.len()
    )
    .into_bytes();
    text.extend_from_slice(&pieces);
    text.extend_from_slice(b"ee");
    text
}

/// Base64, as far as tests need it.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits =
            group.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = ALPHABET[(bits >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= group.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

/// Asks until the answer is yes.
pub(crate) async fn until<F: Future<Output = bool>>(mut ask: impl FnMut() -> F) {
    let asking = async {
        while !ask().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, asking).await.expect("it happens in time");
}

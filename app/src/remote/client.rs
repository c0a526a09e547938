//! Calls to the daemon: one HTTP request each, with the handshake that the session id needs.

use super::dialect::{self, Dialect, Object, Request, Said};
use super::limits::{BLOCKLIST_TIMEOUT, CALL_TIMEOUT, MAX_ANSWER_BYTES, MAX_HANDSHAKES};
use super::server::Server;
use super::tls;
use crate::log;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::read::GzDecoder;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderMap, USER_AGENT,
};
use hyper_util::rt::TokioIo;
use std::fmt;
use std::io::{self, Read};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Runtime;
use tokio::time::timeout;

/// The header that carries the session id in both directions.
const SESSION_ID: &str = "X-Transmission-Session-Id";
/// The header by which a daemon says that it speaks JSON-RPC.
const RPC_VERSION: &str = "X-Transmission-Rpc-Version";

/// A connection to a daemon, as far as there is one: what is remembered between calls.
pub(super) struct Client {
    pub(super) server: Server,
    /// Requests and answers are told on standard error.
    pub(super) debug: bool,
    runtime: Runtime,
    session_id: Option<String>,
    dialect: Dialect,
    calls: u64,
}

/// What a call brought.
pub(super) struct Answer {
    /// The body as it came.
    pub(super) text: String,
    /// `None` if the daemon only took notice.
    pub(super) result: Option<Object>,
}

/// Why a call brought nothing.
#[derive(Debug)]
pub(super) enum CallError {
    /// No answer came.
    Unreachable { url: String, reason: String },
    /// The answer is not one of an RPC that works: its status and its body.
    Status(u16, String),
    /// The answer cannot be read.
    Unreadable(String),
    /// The daemon said no. The body is there for those who want JSON.
    Refused { reason: String, text: String },
    /// The daemon has no such method.
    Unknown { method: &'static str, text: String },
}

/// A stream of any kind that carries HTTP.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// An answer of HTTP.
struct Response {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Client {
    /// A client that has not asked anything yet.
    pub(super) fn new(server: Server, debug: bool) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { server, debug, runtime, session_id: None, dialect: Dialect::Legacy, calls: 0 })
    }

    /// Calls a method and waits for the answer.
    pub(super) fn call(&mut self, request: &Request) -> Result<Answer, CallError> {
        self.calls += 1;
        let patience = if request.method == "blocklist_update" { BLOCKLIST_TIMEOUT } else { CALL_TIMEOUT };
        for _ in 0..MAX_HANDSHAKES {
            let body = self.dialect.body(request, self.calls);
            self.tell("posting", &body);
            let posted = self.runtime.block_on(async {
                match timeout(patience, post(&self.server, self.session_id.as_deref(), body)).await {
                    Ok(posted) => posted,
                    Err(_) => Err(format!("no answer within {} seconds", patience.as_secs())),
                }
            });
            let response = posted.map_err(|reason| CallError::Unreachable { url: self.url(), reason })?;
            if response.status == 409 && self.learn(&response.headers) {
                continue;
            }
            let text = String::from_utf8_lossy(&response.body).into_owned();
            self.tell("got response", &text);
            return judge(request.method, response.status, text);
        }
        Err(CallError::Status(409, "the daemon takes none of the session ids that it gives".to_owned()))
    }

    /// Takes session id and dialect from a refusal.
    fn learn(&mut self, headers: &HeaderMap) -> bool {
        let id = headers.get(SESSION_ID).and_then(|id| id.to_str().ok());
        self.session_id = id.map(str::to_owned);
        self.dialect = if headers.contains_key(RPC_VERSION) { Dialect::JsonRpc } else { Dialect::Legacy };
        self.session_id.is_some()
    }

    fn tell(&self, what: &str, body: &str) {
        if self.debug {
            log::line(&format!("{what} ({} bytes):\n--------\n{body}\n--------", body.len()));
        }
    }

    fn url(&self) -> String {
        match &self.server.unix_socket {
            Some(path) => format!("unix:{}", path.display()),
            None => format!("http{}://{}", if self.server.tls { "s" } else { "" }, self.server.shown()),
        }
    }
}

/// What an answer of HTTP means for a call.
fn judge(method: &'static str, status: u16, text: String) -> Result<Answer, CallError> {
    match status {
        200 => match dialect::read(text.as_bytes()) {
            Some(Said::Done(result)) => Ok(Answer { text, result: Some(result) }),
            Some(Said::Failed(reason)) => Err(CallError::Refused { reason, text }),
            Some(Said::Unknown) => Err(CallError::Unknown { method, text }),
            None => Err(CallError::Unreadable(text)),
        },
        204 => Ok(Answer { text, result: None }),
        _ => Err(CallError::Status(status, text)),
    }
}

/// One POST on a connection of its own.
async fn post(server: &Server, session_id: Option<&str>, body: String) -> Result<Response, String> {
    let stream = connect(server).await?;
    let told = |error: hyper::Error| format!("the connection broke: {error}");
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(told)?;
    let connection = tokio::spawn(connection);
    let mut request = hyper::Request::post(&server.path)
        .header(HOST, server.authority())
        .header(USER_AGENT, concat!("starling-remote/", env!("CARGO_PKG_VERSION")))
        .header(CONTENT_TYPE, "application/json")
        .header(ACCEPT_ENCODING, "gzip");
    if let Some(id) = session_id {
        request = request.header(SESSION_ID, id);
    }
    if let Some(credentials) = &server.credentials {
        request = request.header(AUTHORIZATION, format!("Basic {}", BASE64.encode(credentials)));
    }
    let request = request.body(Full::new(Bytes::from(body))).map_err(|error| error.to_string())?;
    let (head, body) = sender.send_request(request).await.map_err(told)?.into_parts();
    let limit = usize::try_from(MAX_ANSWER_BYTES).unwrap_or(usize::MAX);
    let body = Limited::new(body, limit)
        .collect()
        .await
        .map_err(|error| format!("the answer broke off: {error}"))?;
    connection.abort();
    let is_packed = head.headers.get(CONTENT_ENCODING).is_some_and(|coding| coding == "gzip");
    let body = body.to_bytes().to_vec();
    let body = if is_packed { unpacked(&body)? } else { body };
    Ok(Response { status: head.status.as_u16(), headers: head.headers, body })
}

async fn connect(server: &Server) -> Result<Box<dyn Stream>, String> {
    let plain = |error: io::Error| error.to_string();
    if let Some(path) = &server.unix_socket {
        return Ok(Box::new(UnixStream::connect(path).await.map_err(plain)?));
    }
    let stream = TcpStream::connect((server.host.as_str(), server.port)).await.map_err(plain)?;
    stream.set_nodelay(true).map_err(plain)?;
    if !server.tls {
        return Ok(Box::new(stream));
    }
    Ok(Box::new(tls::handshake(&server.host, stream).await?))
}

fn unpacked(body: &[u8]) -> Result<Vec<u8>, String> {
    let mut plain = Vec::new();
    let read = GzDecoder::new(body).take(MAX_ANSWER_BYTES).read_to_end(&mut plain);
    read.map_err(|error| format!("the answer cannot be unpacked: {error}"))?;
    Ok(plain)
}

impl CallError {
    /// What the daemon answered, where it is JSON.
    pub(super) fn json(&self) -> Option<&str> {
        match self {
            CallError::Refused { text, .. } | CallError::Unknown { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Did the daemon answer, and say no? That is told where answers are told.
    pub(super) fn is_answer(&self) -> bool {
        matches!(self, CallError::Refused { .. } | CallError::Unknown { .. })
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallError::Unreachable { url, reason } => {
                write!(f, "Unable to send request to '{url}': {reason}")
            }
            CallError::Status(status, body) => {
                let hint = match status {
                    401 => "; user name and password are given with -n, -ne or -N",
                    403 => "; the daemon does not admit this address",
                    404 => "; there is no RPC at this path",
                    421 => "; the daemon does not know itself by this host name",
                    _ => "",
                };
                write!(f, "Unexpected response: {} (status {status}{hint})", body.trim())
            }
            CallError::Unreadable(text) => write!(f, "Unable to parse response '{}'", text.trim()),
            CallError::Refused { reason, .. } => write!(f, "Error: {reason}"),
            CallError::Unknown { method, .. } => {
                let method = dialect::kebab(method);
                write!(f, "Error: this daemon does not know {method}")?;
                let is_ours =
                    ["web-seed", "why", "doctor", "follow"].iter().any(|word| method.contains(word));
                if is_ours { write!(f, "; it takes a daemon of starling") } else { Ok(()) }
            }
        }
    }
}

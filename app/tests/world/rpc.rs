//! A daemon as far as a remote can see: RPC over HTTP with its handshake, answers from a script.

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

/// What the daemon speaks and whom it admits.
#[derive(Clone, Default)]
pub struct Manners {
    /// It says that it speaks JSON-RPC.
    pub json_rpc: bool,
    /// The Basic authorization it wants.
    pub authorization: Option<&'static str>,
    /// It gives a new session id at this request, counted from 0.
    pub forgets_at: Option<usize>,
}

/// A daemon that lives as long as the test.
pub struct Daemon {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Value>>>,
}

/// What a method is answered with.
pub enum Reply {
    Done(Value),
    /// An error's code in JSON-RPC, and its text.
    Refused(i64, &'static str),
}

/// Answers a method and its parameters.
pub type Script = fn(&str, &Value) -> Reply;

struct Scripted {
    manners: Manners,
    script: Script,
    seen: Arc<Mutex<Vec<Value>>>,
}

impl Daemon {
    /// A daemon on loopback.
    pub fn start(manners: Manners, script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let seen = Arc::default();
        let daemon = Scripted { manners, script, seen: Arc::clone(&seen) };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that hangs up early is none of the daemon's business.
                let _ = daemon.serve(&stream);
            }
        });
        Self { address, seen }
    }

    /// A daemon on loopback behind TLS, with a certificate that it signed itself as far as anybody knows.
    pub fn start_with_tls(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let seen = Arc::default();
        let daemon = Scripted { manners: Manners::default(), script, seen: Arc::clone(&seen) };
        let config = tls();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let session = ServerConnection::new(Arc::clone(&config)).expect("a session");
                let _ = daemon.serve(StreamOwned::new(session, stream));
            }
        });
        Self { address, seen }
    }

    /// A daemon at a socket of this machine.
    pub fn start_at(path: &Path, script: Script) -> Self {
        let listener = UnixListener::bind(path).expect("a socket");
        let seen = Arc::default();
        let daemon = Scripted { manners: Manners::default(), script, seen: Arc::clone(&seen) };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = daemon.serve(&stream);
            }
        });
        Self { address: SocketAddr::from(([127, 0, 0, 1], 0)), seen }
    }

    /// The bodies of the requests that passed the handshake.
    pub fn seen(&self) -> Vec<Value> {
        self.seen.lock().expect("not poisoned").clone()
    }
}

fn tls() -> Arc<ServerConfig> {
    let data =
        |name| Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/engine/src/http/testdata").join(name);
    let certificate = CertificateDer::from_pem_file(data("localhost.pem")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(data("localhost.key.pem")).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key);
    Arc::new(config.expect("a key that fits"))
}

impl Scripted {
    fn serve(&self, stream: impl Read + Write) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream);
        let (mut line, mut length, mut id, mut authorization) =
            (String::new(), 0, String::new(), String::new());
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 || line == "\r\n" {
                break;
            }
            let (name, value) = line.trim().split_once(": ").unwrap_or((line.trim(), ""));
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().unwrap_or(0),
                "x-transmission-session-id" => value.clone_into(&mut id),
                "authorization" => value.clone_into(&mut authorization),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let (status, head, body) = self.answer(&body, &id, &authorization);
        let length = body.len();
        let output = reader.get_mut();
        write!(
            output,
            "HTTP/1.1 {status}\r\n{head}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
    }

    fn answer(&self, body: &[u8], id: &str, authorization: &str) -> (&'static str, String, String) {
        if self.manners.authorization.is_some_and(|wanted| wanted != authorization) {
            return ("401 Unauthorized", String::new(), "<h1>401: Unauthorized</h1>".to_owned());
        }
        let mut seen = self.seen.lock().expect("not poisoned");
        let right_id =
            if self.manners.forgets_at.is_some_and(|at| seen.len() >= at) { "second" } else { "first" };
        if id != right_id {
            let version = if self.manners.json_rpc { "X-Transmission-Rpc-Version: 6.0.1\r\n" } else { "" };
            return (
                "409 Conflict",
                format!("X-Transmission-Session-Id: {right_id}\r\n{version}"),
                String::new(),
            );
        }
        let request: Value = serde_json::from_slice(body).expect("JSON");
        seen.push(request.clone());
        drop(seen);
        let method = request["method"].as_str().expect("a method").to_owned();
        if self.manners.json_rpc {
            assert_eq!(request["jsonrpc"], "2.0");
            let answered = (self.script)(&method, &request["params"]);
            let body = match (&request["id"], answered) {
                (Value::Null, _) => return ("204 No Content", String::new(), String::new()),
                (id, Reply::Done(result)) => json!({ "jsonrpc": "2.0", "result": result, "id": id }),
                (id, Reply::Refused(code, text)) => {
                    json!({ "jsonrpc": "2.0", "error": { "code": code, "message": text }, "id": id })
                }
            };
            return ("200 OK", String::new(), body.to_string());
        }
        let body = match (self.script)(&method, &request["arguments"]) {
            Reply::Done(arguments) => {
                json!({ "result": "success", "arguments": arguments, "tag": request["tag"] })
            }
            Reply::Refused(_, text) => json!({ "result": text, "arguments": {} }),
        };
        ("200 OK", String::new(), body.to_string())
    }
}

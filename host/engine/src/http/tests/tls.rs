//! Secure connections, to a server with an authority of its own.

use super::*;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use std::convert::Infallible;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/http/testdata").join(name)
}

/// A server; it ends when dropped.
struct Server {
    address: SocketAddr,
    /// Told of each request that gets no answer.
    hanging: Arc<Notify>,
    _tasks: JoinSet<()>,
}

/// A server whose certificate is for `localhost`; its body is the protocol spoken and the header lines it saw.
/// A request for `/hang` gets no answer.
async fn start(protocol: &'static [u8]) -> Server {
    let certificate = CertificateDer::from_pem_file(data("localhost.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(data("localhost.key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    config.alpn_protocols = vec![protocol.to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    let hanging = Arc::new(Notify::new());
    let told = hanging.clone();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, told) = (acceptor.clone(), told.clone());
            connections.spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let service = service_fn(move |request: hyper::Request<Incoming>| {
                    let told = told.clone();
                    async move {
                        if request.uri().path() == "/hang" {
                            told.notify_one();
                            std::future::pending::<()>().await;
                        }
                        let range = request.headers().get(RANGE);
                        let text = format!("{:?} {} {range:?}", request.version(), request.uri());
                        Ok::<_, Infallible>(hyper::Response::new(Full::new(Bytes::from(text))))
                    }
                });
                let stream = TokioIo::new(stream);
                let _ = if protocol == b"h2" {
                    hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                        .serve_connection(stream, service)
                        .await
                } else {
                    hyper::server::conn::http1::Builder::new().serve_connection(stream, service).await
                };
            });
        }
    });
    Server { address, hanging, _tasks: tasks }
}

fn trusting() -> Client {
    Client::with(HttpSettings { extra_ca: Some(data("authority.pem")), ..HttpSettings::default() })
}

#[tokio::test]
async fn http1_and_http2_over_tls() {
    for (protocol, spoken) in [(&b"http/1.1"[..], "HTTP/1.1 /a?b"), (b"h2", "HTTP/2.0 https://localhost")] {
        let server = start(protocol).await;
        let url = Url::parse(&format!("https://localhost:{}/a?b", server.address.port())).unwrap();
        let client = trusting();
        for _ in 0..3 {
            let get = Get { range: Some(10..20), ..get(&url) };
            let body = client.get(&get).await.unwrap().read_small(1000).await.unwrap();
            let text = String::from_utf8(body).unwrap();
            assert!(text.starts_with(spoken) && text.ends_with("Some(\"bytes=10-19\")"), "{text}");
        }
    }
}

#[tokio::test]
async fn a_lost_connection_is_nobodys_fault() {
    for protocol in [&b"http/1.1"[..], b"h2"] {
        let server = start(protocol).await;
        let url = Url::parse(&format!("https://localhost:{}/hang", server.address.port())).unwrap();
        let client = trusting();
        let request = get(&url);
        let (answer, ()) = tokio::join!(client.get(&request), async {
            server.hanging.notified().await;
            drop(server);
        });
        assert_eq!(answer.err(), Some(HttpError::Truncated));
    }
}

#[tokio::test]
async fn certificates_are_verified() {
    let server = start(b"h2").await;
    let port = server.address.port();
    let url = Url::parse(&format!("https://localhost:{port}/")).unwrap();
    let unknown = fetch(&client(), &url).await;
    assert!(matches!(&unknown, Err(HttpError::Tls { .. })), "an authority nobody knows: {unknown:?}");
    let url = Url::parse(&format!("https://127.0.0.1:{port}/")).unwrap();
    let wrong = fetch(&trusting(), &url).await;
    assert!(matches!(&wrong, Err(HttpError::Tls { .. })), "a certificate for another name: {wrong:?}");
    let missing =
        Client::with(HttpSettings { extra_ca: Some(data("nothing.pem")), ..HttpSettings::default() });
    let missing = fetch(&missing, &url).await;
    assert!(
        matches!(&missing, Err(HttpError::Tls { reason, .. }) if reason.contains("nothing.pem")),
        "{missing:?}"
    );
}

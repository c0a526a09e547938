//! HTTP as clients and others use it.

use crate::world::{Client, World, base64};
use rpc::{Server, ServerConfig, SettingsFile};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

const HOST: &str = "host: localhost\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_serves_many_requests() {
    let world = World::new().await;
    let mut client = world.connect().await;
    let refused = client.request(&format!("POST /transmission/rpc HTTP/1.1\r\n{HOST}"), b"{}").await;
    assert_eq!(refused.status, 409);
    assert_eq!(refused.header("x-transmission-rpc-version"), Some("6.0.1"));
    assert_eq!(refused.header("x-transmission-session-id").map(str::len), Some(48));
    for tag in 0..3 {
        let answer =
            client.post(json!({"method": "session-get", "tag": tag}).to_string().as_bytes(), "").await;
        assert_eq!((answer.status, &answer.json()["tag"]), (200, &json!(tag)));
        assert_eq!(answer.header("content-type"), Some("application/json; charset=UTF-8"));
        assert_eq!(answer.header("server"), Some("Transmission"));
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_packed_when_asked_for() {
    let world = World::new().await;
    let mut client = world.connect().await;
    let body = br#"{"method":"session-get"}"#;
    let plain = client.post(body, "").await;
    assert_eq!(plain.header("content-encoding"), None);
    let packed = client.post(body, "accept-encoding: deflate, gzip\r\n").await;
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(packed.body.len() < plain.body.len());
    let mut text = String::new();
    flate2::read::GzDecoder::new(&packed.body[..]).read_to_string(&mut text).unwrap();
    assert!(text.contains("\"rpc-version\":18"));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_long_is_refused_and_nothing_is_harmed() {
    let world = World::new().await;
    let mut client = world.connect().await;
    client.post(b"{}", "").await;
    let refused = client.post(&vec![b'x'; 100 << 20], "").await;
    assert_eq!(refused.status, 413);
    let mut other = world.connect().await;
    assert_eq!(other.legacy("session-get", json!({})).await.0, "success");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_first_request_is_told_the_session_id() {
    let world = World::new().await;
    let mut client = world.connect().await;
    let call = json!({"method": "session-get", "arguments": {"fields": ["x".repeat(8 << 20)]}}).to_string();
    assert_eq!(client.post(call.as_bytes(), "").await.status, 200, "after a 409 that was read");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn places_are_limited_and_given_back() {
    let world = World::with(|all| all.http.whitelist = "127.0.0.*".into()).await;
    let mut clients = Vec::new();
    for _ in 0..100 {
        let mut client = world.connect().await;
        assert_eq!(client.request(&format!("GET /healthz HTTP/1.1\r\n{HOST}"), b"").await.status, 200);
        clients.push(client);
    }
    assert!(world.connect().await.is_closed().await, "nobody waits for ever");
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = Client::new(socket.connect(world.address().await).await.unwrap());
    let answer = other.request(&format!("GET /healthz HTTP/1.1\r\n{HOST}"), b"").await;
    assert_eq!(answer.status, 200, "one address does not take every place");
    let mut waiting = world.connect().await;
    waiting.send(format!("GET /healthz HTTP/1.1\r\n{HOST}\r\n").as_bytes()).await;
    drop(clients.pop());
    assert_eq!(waiting.answer().await.status, 200, "a place was given back");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_requests_end_their_connection_and_no_more() {
    let world = World::new().await;
    for broken in [
        "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n".to_owned(),
        "GET\r\n\r\n".to_owned(),
        format!("GET / HTTP/1.1\r\n{HOST}x: {}\r\n\r\n", "y".repeat(64 << 10)),
        format!("GET / HTTP/1.1\r\n{HOST}{}\r\n", "x: y\r\n".repeat(200)),
        format!("POST /transmission/rpc HTTP/1.1\r\n{HOST}content-length: -1\r\n\r\n"),
        format!("POST /transmission/rpc HTTP/1.1\r\n{HOST}content-length: 1\r\ncontent-length: 2\r\n\r\n"),
    ] {
        let mut client = world.connect().await;
        client.send(broken.as_bytes()).await;
        let status = client.line().await;
        assert!(!status.contains("200"), "{broken:.40}: {status}");
    }
    let mut client = world.connect().await;
    assert_eq!(client.legacy("session-stats", json!({})).await.0, "success");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unix_socket_serves_without_host_or_whitelist() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rpc.sock");
    let bind_address = format!("unix:{}", path.display());
    let world = World::with(|all| {
        all.http.bind_address = bind_address;
        all.http.whitelist = "10.0.0.1".into();
    })
    .await;
    crate::world::until(|| async { path.exists() }).await;
    let mut client = Client::new(UnixStream::connect(&path).await.unwrap());
    let answer = client.request("GET /transmission/web/ HTTP/1.1\r\nhost: any.name\r\n", b"").await;
    assert_eq!(answer.status, 200);
    assert_eq!(client.legacy("session-get", json!({})).await.0, "success");
    world.end().await;
    assert!(!path.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_was_taken_is_opened_when_the_settings_change() {
    let holder = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = holder.local_addr().unwrap().port();
    let world = World::with(|all| all.http.port = port).await;
    world.file.change(|all| all.http.port = 0).unwrap();
    world.server.settings_changed();
    let mut client = world.connect().await;
    assert_eq!(client.legacy("session-get", json!({})).await.0, "success");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_rules_count_at_once() {
    let world = World::new().await;
    let address = world.address().await;
    let mut client = world.connect().await;
    world
        .file
        .change(|all| {
            all.http.authentication_required = true;
            (all.http.username, all.http.password) = ("ana".into(), "pw".into());
        })
        .unwrap();
    world.server.settings_changed();
    assert_eq!(client.post(b"{}", "").await.status, 401);
    let auth = format!("authorization: Basic {}\r\n", base64(b"ana:pw"));
    assert_eq!(client.post(br#"{"method":"session-get"}"#, &auth).await.status, 200);
    assert_eq!(world.address().await, address, "the port stays open");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_built_in_page_stands_at_the_web_clients_place() {
    let world = World::new().await;
    let mut client = world.connect().await;
    let moved = client.request(&format!("GET / HTTP/1.1\r\n{HOST}"), b"").await;
    assert_eq!((moved.status, moved.header("location")), (301, Some("/transmission/web/")));
    for (path, kind) in [("", "text/html"), ("page.js", "text/javascript"), ("page.css", "text/css")] {
        let page = client.request(&format!("GET /transmission/web/{path} HTTP/1.1\r\n{HOST}"), b"").await;
        assert_eq!(page.status, 200);
        assert!(page.header("content-type").unwrap().starts_with(kind));
        assert!(page.header("content-security-policy").unwrap().contains("default-src 'none'"));
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_tell_what_they_should() {
    let world = World::new().await;
    let mut client = world.connect().await;
    let mut get = async |path: &str| client.request(&format!("GET {path} HTTP/1.1\r\n{HOST}"), b"").await;
    assert_eq!(get("/healthz").await.body, b"ok\n");
    let metrics = String::from_utf8(get("/metrics").await.body).unwrap();
    assert!(metrics.contains("\nstarling_torrents{status=\"seeding\"} 0\n"), "{metrics}");
    assert!(metrics.lines().all(|line| line.starts_with('#') || line.split(' ').count() == 2));
    assert_eq!(get("/openapi.json").await.json()["openapi"], "3.1.0");
    world.end().await;
}

/// Speaks HTTPS with a server whose certificate is the one in a file, and sees that it speaks nothing else.
async fn speak_https(world: World, certificate: &Path) {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let connector = TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()));
    let stream = TcpStream::connect(world.address().await).await.unwrap();
    let stream = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
    assert_eq!(Client::new(stream).legacy("session-get", json!({})).await.0, "success");
    let mut plain = world.connect().await;
    plain.send(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert!(!plain.line().await.contains("HTTP"), "nothing is told in the clear");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn https_with_the_users_certificate() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rpc/data");
    let certificate = data.join("localhost.pem");
    let world = World::with(|all| {
        all.http.tls_certificate = Some(certificate.clone());
        all.http.tls_key = Some(data.join("localhost.key.pem"));
    });
    speak_https(world.await, &certificate).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn https_with_a_certificate_of_our_own_that_nobody_else_may_read() {
    let world = World::with(|all| all.http.tls_self_signed = true).await;
    let folder = world.daemon.config_directory().to_path_buf();
    let certificate = folder.join("rpc-tls-cert.pem");
    let before = std::fs::read(&certificate).unwrap();
    let mode = std::fs::metadata(folder.join("rpc-tls-key.pem")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let (daemon, settings) = (world.daemon.clone(), Arc::clone(&world.file));
    let again = ServerConfig { daemon, settings, update_blocklist: None, following: None, handed_in: None };
    Server::start(again).unwrap().shutdown().await;
    assert_eq!(std::fs::read(&certificate).unwrap(), before, "it is made once");
    speak_https(world, &certificate).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_cannot_be_used_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = Arc::new(SettingsFile::open(folder.path().join("settings.json")).unwrap());
    let world = World::new().await;
    for key in [None, Some(folder.path().join("missing.pem"))] {
        file.change(|all| {
            all.http.tls_certificate = Some(folder.path().join("missing.pem"));
            all.http.tls_key = key;
        })
        .unwrap();
        let settings = Arc::clone(&file);
        let config = ServerConfig {
            daemon: world.daemon.clone(),
            settings,
            update_blocklist: None,
            following: None,
            handed_in: None,
        };
        assert!(Server::start(config).is_err());
    }
    world.end().await;
}

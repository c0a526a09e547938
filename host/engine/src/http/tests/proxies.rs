//! Through proxies: tiny ones that connect where they are told, or do not.

use super::*;
use crate::limits::PROXY_TIMEOUT;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What a proxy heard: names and passwords as `user:password`, places as `host:port`.
type Heard = Arc<Mutex<Vec<String>>>;

/// A running proxy; it ends when dropped.
struct TestProxy {
    address: SocketAddr,
    heard: Heard,
    _tasks: JoinSet<()>,
}

/// What happens on one connection.
type Conversation = Pin<Box<dyn Future<Output = std::io::Result<()>> + Send>>;

/// What it does with every connection that it accepts.
type Manner = fn(TcpStream, Heard) -> Conversation;

impl TestProxy {
    async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Heard::default();
        let told = Arc::clone(&heard);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let told = Arc::clone(&told);
                connections.spawn(async move { manner(stream, told).await });
            }
        });
        Self { address, heard, _tasks: tasks }
    }

    fn client(&self, scheme: &str, login: &str) -> Client {
        let proxy = Some(format!("{scheme}://{login}{}", self.address).parse().unwrap());
        Client::with(HttpSettings { proxy, ..HttpSettings::default() })
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

/// Joins both ends, at the port that was asked for on this machine, whatever the name.
async fn join(mut stream: TcpStream, port: u16) -> std::io::Result<()> {
    let mut server = TcpStream::connect(("127.0.0.1", port)).await?;
    copy_bidirectional(&mut stream, &mut server).await.map(drop)
}

/// A SOCKS5 proxy that wants a name and password if it is offered one.
fn socks(mut stream: TcpStream, heard: Heard) -> Conversation {
    Box::pin(async move {
        let mut head = [0; 2];
        stream.read_exact(&mut head).await?;
        let mut methods = vec![0; usize::from(head[1])];
        stream.read_exact(&mut methods).await?;
        let method = if methods.contains(&2) { 2 } else { 0 };
        stream.write_all(&[5, method]).await?;
        if method == 2 {
            let version = stream.read_u8().await?;
            let (user, password) = (text(&mut stream).await?, text(&mut stream).await?);
            let is_right = version == 1 && password == "right";
            heard.lock().unwrap().push(format!("{user}:{password}"));
            stream.write_all(&[1, u8::from(!is_right)]).await?;
        }
        let mut request = [0; 4];
        stream.read_exact(&mut request).await?;
        assert_eq!(request[..3], [5, 1, 0]);
        let host = match request[3] {
            1 => std::net::Ipv4Addr::from(stream.read_u32().await?).to_string(),
            4 => std::net::Ipv6Addr::from(stream.read_u128().await?).to_string(),
            3 => text(&mut stream).await?,
            other => panic!("address type {other}"),
        };
        let port = stream.read_u16().await?;
        heard.lock().unwrap().push(format!("{host}:{port}"));
        let reply = u8::from(host == "refused.example") * 5;
        // Its own end, as a name, which is legal and rare.
        stream.write_all(&[5, reply, 0, 3, 1, b'x', 0, 80]).await?;
        if reply == 0 { join(stream, port).await } else { Ok(()) }
    })
}

async fn text(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut text = vec![0; usize::from(stream.read_u8().await?)];
    stream.read_exact(&mut text).await?;
    Ok(String::from_utf8(text).unwrap())
}

async fn request_head(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8(head).unwrap())
}

/// An HTTP proxy that makes tunnels.
fn tunnels(mut stream: TcpStream, heard: Heard) -> Conversation {
    Box::pin(async move {
        let head = request_head(&mut stream).await?;
        let place = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).unwrap_or_default();
        heard.lock().unwrap().extend(authorization(&head));
        heard.lock().unwrap().push(place.to_owned());
        if place.starts_with("locked.example") {
            return stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await;
        }
        stream.write_all(b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n").await?;
        join(stream, place.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap()).await
    })
}

/// An HTTP proxy that makes no tunnels, and answers requests that name their server.
fn requests_only(mut stream: TcpStream, heard: Heard) -> Conversation {
    Box::pin(async move {
        let head = request_head(&mut stream).await?;
        heard.lock().unwrap().extend(authorization(&head));
        if head.starts_with("CONNECT ") {
            return stream.write_all(b"HTTP/1.0 403 Forbidden\r\nContent-Length: 0\r\n\r\n").await;
        }
        heard.lock().unwrap().push(head.split(' ').nth(1).unwrap().to_owned());
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nproxy!").await
    })
}

/// No proxy at all.
fn babble(mut stream: TcpStream, _: Heard) -> Conversation {
    Box::pin(async move { stream.write_all(b"SSH-2.0-x\r\n").await })
}

fn authorization(head: &str) -> Option<String> {
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with("proxy-authorization: "))?;
    Some(line[21..].to_owned())
}

async fn server() -> TestServer {
    TestServer::start(|request| Reply::Keep(reply(200, &[], request.path.as_bytes()))).await
}

/// A URL of a name that only the proxy can look up.
fn named(server: &TestServer, host: &str) -> Url {
    Url::parse(&format!("http://{host}:{}/x", server.address.port())).unwrap()
}

#[tokio::test]
async fn names_are_looked_up_by_the_proxy() {
    let server = server().await;
    let port = server.address.port();
    for (scheme, manner, login) in [
        ("socks5", socks as Manner, "us%20er:right@"),
        ("socks5h", socks, "us%20er:right@"),
        ("http", tunnels, "us%20er:right@"),
    ] {
        let proxy = TestProxy::start(manner).await;
        let client = proxy.client(scheme, login);
        for _ in 0..2 {
            assert_eq!(fetch(&client, &named(&server, "mirror.example")).await.unwrap(), b"/x", "{scheme}");
        }
        let login = if scheme == "http" { "Basic dXMgZXI6cmlnaHQ=" } else { "us er:right" };
        assert_eq!(
            proxy.heard(),
            [login.to_owned(), format!("mirror.example:{port}")],
            "one connection is kept"
        );
    }
    let requests = server.requests();
    assert!(requests.iter().all(|it| it.header("proxy-authorization").is_empty()), "servers do not hear it");
}

#[tokio::test]
async fn addresses_go_as_they_are() {
    let server = server().await;
    let proxy = TestProxy::start(socks).await;
    fetch(&proxy.client("socks5", ""), &server.url("/y")).await.unwrap();
    assert_eq!(proxy.heard(), [server.address.to_string()]);
}

#[tokio::test]
async fn a_proxy_without_tunnels_is_handed_requests() {
    let proxy = TestProxy::start(requests_only).await;
    let client = proxy.client("http", "u:p@");
    let url = Url::parse("http://mirror.example/a?b").unwrap();
    assert_eq!(fetch(&client, &url).await.unwrap(), b"proxy!");
    assert_eq!(proxy.heard(), ["Basic dTpw", "Basic dTpw", "http://mirror.example/a?b"]);
    let secure = Url::parse("https://mirror.example/a").unwrap();
    let error = fetch(&client, &secure).await.unwrap_err();
    assert!(matches!(&error, HttpError::Proxy { reason, .. } if reason.contains("403")), "{error}");
}

#[tokio::test]
async fn what_the_proxy_refuses_goes_no_other_way() {
    let server = server().await;
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let proxies = [TestProxy::start(socks).await, TestProxy::start(tunnels).await];
    let other = TestProxy::start(babble).await;
    let absent = |text: &str| {
        Client::with(HttpSettings { proxy: Some(Proxy::or_nothing(text)), ..HttpSettings::default() })
    };
    for (client, url, words) in [
        (proxies[0].client("socks5", "u:wrong@"), server.url("/"), "another user name"),
        (proxies[0].client("socks5", ""), named(&server, "refused.example"), "refused"),
        (other.client("socks5", ""), server.url("/"), "SOCKS5"),
        (proxies[1].client("http", ""), named(&server, "locked.example"), "another user name"),
        (absent(&format!("http://{nobody}")), server.url("/"), "refuses"),
        (absent("nonsense"), server.url("/"), "a proxy is a URL"),
    ] {
        let error = fetch(&client, &url).await.unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, HttpError::Proxy { .. }) && text.contains(words), "no {words} in {text}");
        assert!(!text.contains("wrong"), "no password in {text}");
    }
    assert!(server.requests().is_empty(), "{:?}", server.requests());
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_says_nothing_is_not_waited_for() {
    fn mute(stream: TcpStream, _: Heard) -> Conversation {
        Box::pin(async move {
            let _open = stream;
            std::future::pending().await
        })
    }
    let proxy = TestProxy::start(mute).await;
    let began = Instant::now();
    let url = Url::parse("http://mirror.example/").unwrap();
    let error = fetch(&proxy.client("socks5", ""), &url).await.unwrap_err();
    assert!(error.to_string().contains("too long") && began.elapsed() < 2 * PROXY_TIMEOUT, "{error}");
}

#[tokio::test]
async fn strangers_lead_the_proxy_to_no_local_service() {
    let (server, proxy) = (server().await, TestProxy::start(socks).await);
    let client = proxy.client("socks5", "");
    for host in ["127.0.0.1", "localhost"] {
        let url = Url::parse(&format!("http://{host}:{}/rpc?delete=all", server.address.port())).unwrap();
        let get = Get { via: Via::Named(Origin::Torrent), ..get(&url) };
        assert!(matches!(client.get(&get).await.err(), Some(HttpError::LocalAddress(_))), "{host}");
    }
    assert!(proxy.heard().is_empty());
}

#[tokio::test]
async fn a_proxy_set_later_takes_over_at_once() {
    let (server, proxy) = (server().await, TestProxy::start(socks).await);
    let client = client();
    fetch(&client, &server.url("/")).await.unwrap();
    client.set_proxy(Some(format!("socks5://{}", proxy.address).parse().unwrap()));
    fetch(&client, &server.url("/")).await.unwrap();
    assert_eq!(proxy.heard().len(), 1, "the connection of before is not used again");
}

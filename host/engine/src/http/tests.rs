//! The client against servers that misbehave.

mod proxies;
mod tls;

use super::test_server::{Reply, Request, TestServer, head, reply};
use super::*;
use crate::limits::REDIRECTS;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write as _;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::Instant;

fn client() -> Client {
    Client::with(HttpSettings::default())
}

fn get(url: &Url) -> Get<'_> {
    static PURPOSE: Purpose = Purpose::Document { own_query: String::new() };
    let via = Via::Named(Origin::User);
    Get { url, via, purpose: &PURPOSE, range: None, gzip: true, redirects: REDIRECTS }
}

/// The body of one URL, at most 1 MiB of it.
async fn fetch(client: &Client, url: &Url) -> Result<Vec<u8>, HttpError> {
    client.get(&get(url)).await?.read_small(1 << 20).await
}

/// What comes of one scripted answer.
async fn outcome(script: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Result<Vec<u8>, HttpError> {
    let server = TestServer::start(script).await;
    fetch(&client(), &server.url("/")).await
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn connections_are_kept_and_requests_say_who_asks() {
    let server = TestServer::start(|request| Reply::Keep(reply(200, &[], request.path.as_bytes()))).await;
    let client = client();
    for path in ["/a", "/b?c=%20", "/d"] {
        assert_eq!(fetch(&client, &server.url(path)).await.unwrap(), path.as_bytes());
    }
    let requests = server.requests();
    assert!(requests.iter().all(|request| request.connection == 0), "{requests:?}");
    assert_eq!(requests[0].header("host"), server.address.to_string());
    assert!(requests[0].header("user-agent").starts_with("starling/"));
    assert_eq!(requests[0].header("accept-encoding"), "gzip");
}

#[tokio::test]
async fn a_kept_connection_that_is_closed_costs_nothing() {
    let server = TestServer::start(|request| {
        // The second request on a connection gets no answer.
        if request.path == "/first" { Reply::Keep(reply(200, &[], b"1")) } else { Reply::Close(Vec::new()) }
    })
    .await;
    let client = client();
    assert_eq!(fetch(&client, &server.url("/first")).await.unwrap(), b"1");
    assert_eq!(fetch(&client, &server.url("/second")).await, Err(HttpError::Truncated));
    let connections: Vec<_> = server.requests().iter().map(|request| request.connection).collect();
    assert_eq!(connections, [0, 0, 1], "tried again once, on a new connection");
}

#[tokio::test(start_paused = true)]
async fn idle_connections_are_closed_in_time() {
    let server = TestServer::start(|_| Reply::Keep(reply(200, &[], b"x"))).await;
    let client = client();
    fetch(&client, &server.url("/")).await.unwrap();
    tokio::time::sleep(2 * crate::limits::IDLE_CONNECTION_LIFE).await;
    server.closed(1).await;
    fetch(&client, &server.url("/")).await.unwrap();
    drop(client);
    server.closed(2).await;
}

#[tokio::test]
async fn redirects_are_followed_to_a_limit() {
    let server = TestServer::start(|request| {
        let number: usize = request.path.trim_start_matches("/r/").parse().unwrap();
        if number == 0 {
            return Reply::Keep(reply(200, &[], b"here"));
        }
        Reply::Keep(reply(302, &[("Location", &(number - 1).to_string())], b"moved"))
    })
    .await;
    let client = client();
    assert_eq!(fetch(&client, &server.url("/r/10")).await.unwrap(), b"here");
    assert!(server.requests().iter().all(|request| request.connection == 0), "redirects keep the connection");
    assert_eq!(fetch(&client, &server.url("/r/11")).await, Err(HttpError::RedirectLoop(10)));
    assert_eq!(server.requests().len(), 22);
}

#[tokio::test]
async fn a_circle_ends_at_once() {
    let server = TestServer::start(|_| Reply::Keep(reply(301, &[("Location", "/a")], b""))).await;
    assert_eq!(fetch(&client(), &server.url("/a")).await, Err(HttpError::RedirectLoop(10)));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn credentials_stay_with_their_server() {
    let other = TestServer::start(|_| Reply::Keep(reply(200, &[], b"x"))).await;
    let target = other.url("/end").to_string().replace("http://", "http://evil:twin@");
    let server = TestServer::start(move |request| {
        let location = if request.path == "/a" { "/b" } else { &target };
        Reply::Keep(reply(302, &[("Location", location)], b""))
    })
    .await;
    let mut url = server.url("/a");
    url.set_username("us%20er").unwrap();
    url.set_password(Some("pa:ss")).unwrap();
    fetch(&client(), &url).await.unwrap();
    for request in server.requests() {
        assert_eq!(request.header("authorization"), "Basic dXMgZXI6cGE6c3M=", "{}", request.path);
    }
    assert_eq!(other.requests()[0].header("authorization"), "");
    assert_eq!(without_credentials(&url), server.url("/a").to_string());
}

#[tokio::test]
async fn nobody_is_sent_to_local_services() {
    let canary = TestServer::start(|_| Reply::Keep(reply(200, &[], b"secret"))).await;
    let target = canary.url("/rpc?remove=all").to_string();
    let named = target.clone();
    let server =
        TestServer::start(move |_| Reply::Keep(reply(302, &[("Location", target.as_str())], b""))).await;
    let refused = Err(HttpError::LocalAddress("127.0.0.1".into()));
    assert_eq!(fetch(&client(), &server.url("/")).await, refused, "a redirect with a query");
    let named = Url::parse(&named).unwrap();
    let of_torrent = Get { via: Via::Named(Origin::Torrent), ..get(&named) };
    assert_eq!(client().get(&of_torrent).await.err(), refused.clone().err());
    let plain = canary.url("/file.torrent");
    let from_afar = Get { via: Via::Redirect { from_local: false, same_server: false }, ..get(&plain) };
    assert_eq!(client().get(&from_afar).await.err(), refused.err());
    assert!(canary.requests().is_empty());
}

#[tokio::test]
async fn an_allowed_connection_is_not_reused_where_it_is_forbidden() {
    let server = TestServer::start(|_| Reply::Keep(reply(200, &[], b"x"))).await;
    let (client, url) = (client(), server.url("/file?query"));
    fetch(&client, &url).await.unwrap();
    let of_torrent = Get { via: Via::Named(Origin::Torrent), ..get(&url) };
    assert_eq!(client.get(&of_torrent).await.err(), Some(HttpError::LocalAddress("127.0.0.1".into())));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn header_lines_are_bounded() {
    let endless = |_: &Request| {
        Reply::Endless(b"HTTP/1.1 200 OK\r\n".to_vec(), b"X-Pad: aaaaaaaaa\r\n".repeat(50), Duration::ZERO)
    };
    assert!(matches!(outcome(endless).await, Err(HttpError::Malformed(_))));
    let long =
        |_: &Request| Reply::Endless(b"HTTP/1.1 200 OK\r\nX: ".to_vec(), vec![b'a'; 1000], Duration::ZERO);
    assert!(matches!(outcome(long).await, Err(HttpError::Malformed(_))));
    let many = |lines: usize| move |_: &Request| Reply::Close(reply(200, &vec![("X", "y"); lines], b"x"));
    assert!(matches!(outcome(many(100)).await, Err(HttpError::Malformed(_))), "one more is Content-Length");
    assert_eq!(outcome(many(99)).await.unwrap(), b"x");
}

#[tokio::test]
async fn broken_answers_are_errors_never_hangs() {
    for (bytes, wanted) in [
        (reply(200, &[("Content-Length", "-1")], b"x"), None),
        (reply(200, &[("Content-Length", "99999999999999999999999")], b"x"), None),
        (
            reply(200, &[("Content-Length", "9223372036854775808")], b"x"),
            Some(HttpError::TooLarge { limit: 1 << 20 }),
        ),
        (reply(200, &[("Content-Length", "10")], b"short"), Some(HttpError::Truncated)),
        (reply(200, &[("Transfer-Encoding", "chunked")], b"ffffffffffffffff\r\nabc"), None),
        (reply(200, &[("Transfer-Encoding", "chunked")], b"3\r\nabc\r\n"), Some(HttpError::Truncated)),
        (b"HTTP/9.9 -1 what\r\n\r\n".to_vec(), None),
        (b"SSH-2.0-OpenSSH\r\n".to_vec(), None),
        (Vec::new(), Some(HttpError::Truncated)),
        (reply(302, &[], b""), Some(HttpError::RedirectForbidden("it names no target"))),
    ] {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let error = outcome(move |_| Reply::Close(bytes.clone())).await.unwrap_err();
        assert!(wanted.is_none_or(|wanted| wanted == error), "{text}: {error:?}");
        assert!(!error.to_string().contains(['\r', '\n']), "{error}");
    }
    assert_eq!(
        outcome(|_| Reply::Close(head(200, &[]))).await.unwrap(),
        b"",
        "an end without a length is an end"
    );
}

#[tokio::test]
async fn bodies_are_bounded_before_and_after_inflating() {
    let (limit, too_large) = (1 << 20, Err(HttpError::TooLarge { limit: 1 << 20 }));
    let encoded = [("Content-Encoding", "gzip")];
    let send = |body: Vec<u8>| outcome(move |_| Reply::Close(reply(200, &encoded, &body)));
    assert_eq!(send(gzip(b"hello")).await.unwrap(), b"hello");
    assert_eq!(send([gzip(b"hel"), gzip(b"lo")].concat()).await.unwrap(), b"hello");
    assert_eq!(send(gzip(&vec![0; limit])).await.unwrap().len(), limit);
    assert_eq!(send(gzip(&vec![0; 64 << 20])).await, too_large);
    assert_eq!(
        send(gzip(b"hello")[..15].to_vec()).await,
        Err(HttpError::Encoding("the gzip data ends early"))
    );
    assert_eq!(send(b"plain text, not gzip".to_vec()).await, Err(HttpError::Encoding("it is not gzip")));
    let brotli = outcome(|_| Reply::Close(reply(200, &[("Content-Encoding", "br")], b"x"))).await;
    assert_eq!(brotli, Err(HttpError::Encoding("an encoding that was not asked for")));
    let endless = |_: &Request| Reply::Endless(head(200, &[]), vec![b'x'; 65_536], Duration::ZERO);
    assert_eq!(outcome(endless).await, too_large);
    let chunk = [&b"1000\r\n"[..], &[b'0'; 4096], b"\r\n"].concat();
    let chunked = head(200, &[("Transfer-Encoding", "chunked")]);
    let endless = move |_: &Request| Reply::Endless(chunked.clone(), chunk.clone(), Duration::ZERO);
    assert_eq!(outcome(endless).await, too_large);
}

/// An outcome, and after how many seconds.
async fn timed(
    script: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> (Result<Vec<u8>, HttpError>, u64) {
    let start = Instant::now();
    (outcome(script).await, start.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn patience_ends() {
    let answer = Err(HttpError::Timeout("the answer"));
    assert_eq!(timed(|_| Reply::Hang(Vec::new())).await, (answer.clone(), 30));
    assert_eq!(timed(|_| Reply::Hang(b"HTTP/1.1 200 OK\r\nX: ".to_vec())).await, (answer.clone(), 30));
    let early = b"HTTP/1.1 102 Processing\r\n\r\n".repeat(10);
    let flood = move |_: &Request| Reply::Endless(Vec::new(), early.clone(), Duration::from_millis(10));
    assert_eq!(timed(flood).await, (answer, 30));
    let body = Err(HttpError::Timeout("the body"));
    assert_eq!(timed(|_| Reply::Hang(head(200, &[("Content-Length", "9")]))).await, (body.clone(), 20));
    let drip = |_: &Request| Reply::Endless(head(200, &[]), b"x".to_vec(), Duration::from_secs(1));
    let (result, seconds) = timed(drip).await;
    assert!(result == body && (20..25).contains(&seconds), "{result:?} after {seconds} s");
}

#[tokio::test]
async fn dropping_an_answer_closes_its_connection() {
    let server = TestServer::start(|_| Reply::Endless(head(200, &[]), vec![0; 65_536], Duration::ZERO)).await;
    let (client, url) = (client(), server.url("/"));
    let mut response = client.get(&get(&url)).await.unwrap();
    assert!(response.body.next().await.unwrap().is_some());
    drop(response);
    tokio::time::timeout(Duration::from_secs(1), server.closed(1)).await.expect("closed within a second");
}

#[tokio::test]
async fn one_line_for_what_cannot_be_reached() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = |text: &str| Url::parse(text).unwrap();
    assert_eq!(fetch(&client(), &url(&format!("http://{address}/"))).await, Err(HttpError::Refused(address)));
    let unknown = fetch(&client(), &url("http://no-such-name.invalid/")).await;
    assert!(matches!(unknown, Err(HttpError::Dns { .. })), "{unknown:?}");
    assert!(matches!(fetch(&client(), &url("ftp://h/")).await, Err(HttpError::BadUrl(_))));
    assert!(matches!(fetch(&client(), &url("http://127.0.0.1:0/")).await, Err(HttpError::BadUrl(_))));
}

#[tokio::test]
async fn both_families_of_a_name_are_tried() {
    let server = TestServer::start(|_| Reply::Keep(reply(200, &[], b"x"))).await;
    let url = Url::parse(&format!("http://localhost:{}/", server.address.port())).unwrap();
    assert_eq!(fetch(&client(), &url).await.unwrap(), b"x", "whether or not ::1 comes first");
    let bound =
        Client::with(HttpSettings { bind: IpAddr::from([127, 0, 0, 1]).into(), ..HttpSettings::default() });
    assert_eq!(fetch(&bound, &url).await.unwrap(), b"x");
    let v6 = Client::with(HttpSettings {
        bind: IpAddr::from(std::net::Ipv6Addr::LOCALHOST).into(),
        ..HttpSettings::default()
    });
    assert!(fetch(&v6, &url).await.is_err(), "nothing leaves by another family than --bind's");
}

#[tokio::test]
async fn a_third_web_seed_of_one_host_is_told_to_wait_and_the_server_is_not_asked() {
    let server = TestServer::start(|_| Reply::Keep(reply(200, &[], b"x"))).await;
    let (client, url) = (client(), server.url("/"));
    let purpose = Purpose::WebSeed { file_name: b"x".to_vec() };
    let ask = || async { client.get(&Get { purpose: &purpose, ..get(&url) }).await };
    let (first, _second) = (ask().await.unwrap(), ask().await.unwrap());
    let refused = ask().await.err();
    assert_eq!(refused, Some(HttpError::NoSeat("127.0.0.1".to_owned())));
    assert_eq!(server.requests().len(), 2);
    drop(first);
    assert!(ask().await.is_ok(), "a seat that is left is free");
}

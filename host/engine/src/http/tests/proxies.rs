//! Through proxies: tiny ones that connect where they are told, or do not.

use super::*;
use crate::limits::PROXY_TIMEOUT;
use crate::proxy::Proxy;
use crate::proxy_server::{Conversation, Manner, Notes, TestProxy, babble, requests_only, socks, tunnels};
use tokio::net::{TcpListener, TcpStream};

fn client_of(proxy: &TestProxy, scheme: &str, login: &str) -> Client {
    let proxy = Some(proxy.url(scheme, login).parse().unwrap());
    Client::with(HttpSettings { proxy, ..HttpSettings::default() })
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
        let client = client_of(&proxy, scheme, login);
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
    fetch(&client_of(&proxy, "socks5", ""), &server.url("/y")).await.unwrap();
    assert_eq!(proxy.heard(), [server.address.to_string()]);
}

#[tokio::test]
async fn a_proxy_without_tunnels_is_handed_requests() {
    let proxy = TestProxy::start(requests_only).await;
    let client = client_of(&proxy, "http", "u:p@");
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
        (client_of(&proxies[0], "socks5", "u:wrong@"), server.url("/"), "another user name"),
        (client_of(&proxies[0], "socks5", ""), named(&server, "refused.example"), "refused"),
        (client_of(&other, "socks5", ""), server.url("/"), "SOCKS5"),
        (client_of(&proxies[1], "http", ""), named(&server, "locked.example"), "another user name"),
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
    fn mute(stream: TcpStream, _: Arc<Notes>) -> Conversation {
        Box::pin(async move {
            let _open = stream;
            std::future::pending().await
        })
    }
    let proxy = TestProxy::start(mute).await;
    let began = Instant::now();
    let url = Url::parse("http://mirror.example/").unwrap();
    let error = fetch(&client_of(&proxy, "socks5", ""), &url).await.unwrap_err();
    assert!(error.to_string().contains("too long") && began.elapsed() < 2 * PROXY_TIMEOUT, "{error}");
}

#[tokio::test]
async fn strangers_lead_the_proxy_to_no_local_service() {
    let (server, proxy) = (server().await, TestProxy::start(socks).await);
    let client = client_of(&proxy, "socks5", "");
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
    let exit = client.0.exit.clone();
    exit.set(Some(proxy.url("socks5", "").parse().unwrap()), ProxyFor::default());
    client.close_idle();
    fetch(&client, &server.url("/")).await.unwrap();
    assert_eq!(proxy.heard().len(), 1, "the connection of before is not used again");
}

#[tokio::test]
async fn what_is_not_chosen_goes_straight_and_shares_no_connection() {
    let (server, proxy) = (server().await, TestProxy::start(socks).await);
    let chosen = ProxyFor { trackers: true, web_seeds: false, peers: false };
    let exit = Exit::new(Bind::default(), Some(proxy.url("socks5", "").parse().unwrap()), chosen);
    let client = Client::new(exit, None);
    let url = server.url("/");
    let ask = async |purpose: Purpose| {
        let get = Get { purpose: &purpose, ..get(&url) };
        let mut body = client.get(&get).await.unwrap().body;
        while body.next().await.unwrap().is_some() {}
    };
    ask(Purpose::WebSeed { file_name: b"x".to_vec() }).await;
    assert!(proxy.heard().is_empty());
    ask(Purpose::Tracker { own_query: String::new() }).await;
    assert_eq!(proxy.heard().len(), 1);
    ask(Purpose::WebSeed { file_name: b"x".to_vec() }).await;
    ask(Purpose::Document { own_query: String::new() }).await;
    assert_eq!(proxy.heard().len(), 1, "documents have the connection of the tracker");
}

//! Proxies by their URLs, and the way through them.

use super::*;
use crate::dial::Dialler;
use crate::proxy_server::{Manner, TestProxy, babble, requests_only, socks, tunnels};
use crate::transport::Transports;
use swarm::ConnectFailure;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

#[test]
fn a_proxy_is_named_by_a_url() {
    for (text, shown) in [
        ("socks5h://127.0.0.1:9050", "socks5h://127.0.0.1:9050"),
        ("socks5://u:p@[::1]", "socks5://[::1]"),
        ("http://proxy.example:3128/", "http://proxy.example:3128"),
    ] {
        let proxy: Proxy = text.parse().unwrap();
        assert_eq!(proxy.to_string(), shown);
        assert_eq!(Proxy::from_str(proxy.as_str()), Ok(proxy));
    }
    let proxy: Proxy = "socks5://us%20er:p%3Aw@h".parse().unwrap();
    assert_eq!((proxy.port, proxy.credentials), (1080, Some((b"us er".to_vec(), b"p:w".to_vec()))));
    assert_eq!("ftp://h".parse::<Proxy>(), Err(ProxyError::Unknown("ftp".into())));
    for wrong in ["", "proxy.example", "127.0.0.1:9050", "socks5://", "http://h:0"] {
        assert!(wrong.parse::<Proxy>().is_err(), "{wrong}");
    }
    let nowhere = Proxy::or_nothing("127.0.0.1:9050");
    assert!(nowhere.problem().is_some() && Proxy::or_nothing("http://h").problem().is_none());
    let long = format!("socks5://{}:x@h", "u".repeat(256));
    assert_eq!(long.parse::<Proxy>(), Err(ProxyError::LongCredentials));
}

#[test]
fn a_relay_is_where_the_proxy_says_or_at_the_proxy() {
    let at = |text: &str| text.parse::<SocketAddr>().unwrap();
    let proxy = at("203.0.113.1:1080");
    for (told, relay) in [
        ("203.0.113.9:7", "203.0.113.9:7"),
        ("0.0.0.0:7", "203.0.113.1:7"),
        ("[::]:7", "203.0.113.1:7"),
        ("127.0.0.1:7", "203.0.113.1:7"),
        ("[2001:db8::1]:7", "[2001:db8::1]:7"),
    ] {
        assert_eq!(relay_at(Some(at(told).into()), proxy), Some(at(relay)), "{told}");
    }
    assert_eq!(relay_at(Place::new("relay.example", 7), proxy), Some(at("203.0.113.1:7")));
    assert_eq!(relay_at(Some(at("203.0.113.9:0").into()), proxy), None);
    assert_eq!(relay_at(None, proxy), None);
    assert_eq!(relay_at(Some(at("127.0.0.1:7").into()), at("127.0.0.1:1080")), Some(at("127.0.0.1:7")));
}

fn peer_dialler(proxy: &TestProxy, scheme: &str, login: &str) -> Dialler {
    let exit =
        Exit::new(Bind::default(), Some(proxy.url(scheme, login).parse().unwrap()), ProxyFor::default());
    Dialler {
        exit,
        sockets: crate::PeerSockets::default(),
        transports: Transports::TcpOnly,
        encryption: crate::Encryption::Off,
        ports: [None, None],
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_proxy_is_not_blamed_on_peers() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for (manner, scheme, login, failure, words) in [
        (
            socks as Manner,
            "socks5",
            "u:wrong@",
            ConnectFailure::Local,
            Some("it wants another user name and password"),
        ),
        (tunnels, "http", "u:wrong@", ConnectFailure::Local, Some("it wants another user name and password")),
        (requests_only, "http", "", ConnectFailure::Local, Some("it answers: HTTP/1.0 403 Forbidden")),
        (babble, "socks5h", "", ConnectFailure::Local, Some("it does not speak SOCKS5")),
        (socks, "socks5", "u:right@", ConnectFailure::Refused, None),
        (tunnels, "http", "u:right@", ConnectFailure::Unreachable, None),
    ] {
        let proxy = TestProxy::start(manner).await;
        let dialler = peer_dialler(&proxy, scheme, login);
        let mut hello = [0; ::wire::HANDSHAKE_LENGTH];
        hello[..20].copy_from_slice(b"\x13BitTorrent protocol");
        let hello = ::wire::Handshake::decode(&hello).unwrap();
        assert_eq!(dialler.connect(nobody, hello).await.err(), Some(failure), "{scheme} {login}");
        assert_eq!(dialler.exit.complaint().as_deref(), words, "{scheme} {login}");
    }
}

/// What a client of a proxy says until it has an association, its datagrams in hand.
struct Inside {
    listener: TcpListener,
    relay: UdpSocket,
}

impl Inside {
    async fn start() -> (Self, Relay) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let relay = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let proxy = format!("socks5://{}", listener.local_addr().unwrap()).parse().unwrap();
        (Self { listener, relay }, Relay::open(proxy, Bind::default()))
    }

    /// Makes an association, whose address is told as "here".
    async fn associate(&self) -> TcpStream {
        let (mut stream, _) = self.listener.accept().await.unwrap();
        let (mut methods, mut request) = ([0; 3], [0; 10]);
        stream.read_exact(&mut methods).await.unwrap();
        stream.write_all(&[5, 0]).await.unwrap();
        stream.read_exact(&mut request).await.unwrap();
        assert_eq!((methods, request), ([5, 1, 0], [5, 3, 0, 1, 0, 0, 0, 0, 0, 0]));
        let [high, low] = self.relay.local_addr().unwrap().port().to_be_bytes();
        stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, high, low]).await.unwrap();
        stream
    }

    /// The next datagram, and who sent it.
    async fn received(&self) -> (Vec<u8>, SocketAddr) {
        let mut buffer = [0; 2048];
        let received = timeout(PROXY_TIMEOUT, self.relay.recv_from(&mut buffer)).await.expect("a datagram");
        let (length, from) = received.unwrap();
        (buffer[..length].to_vec(), from)
    }
}

#[tokio::test]
async fn only_the_relay_is_heard_and_only_whole_datagrams() {
    let (inside, relay) = Inside::start().await;
    let mut answers = relay.answers_of_trackers();
    let _control = inside.associate().await;
    relay.up().await;
    relay.try_send(&Place::new("tracker.example", 6969).unwrap(), b"\0ask");
    let (asked, client) = inside.received().await;
    assert_eq!(asked, b"\0\0\0\x03\x0ftracker.example\x1b\x39\0ask");
    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    stranger.send_to(b"\0\0\0\x01\x01\x02\x03\x04\0\x50\0forged", client).await.unwrap();
    for datagram in [
        &b"\0\0\x01\x01\x01\x02\x03\x04\0\x50\0fragment"[..],
        b"\0\0\0\x07\x01\x02\x03\x04\0\x50\0unknown",
        b"\0\0\0",
        b"\0\0\0\x01\x01\x02\x03\x04\0\x50\0good",
    ] {
        inside.relay.send_to(datagram, client).await.unwrap();
    }
    let heard = timeout(PROXY_TIMEOUT, answers.recv()).await.expect("an answer").unwrap();
    assert_eq!(heard, (Place::new("1.2.3.4", 80).unwrap(), b"\0good".to_vec()));
    assert!(answers.try_recv().is_err(), "nothing else");
}

#[tokio::test(start_paused = true)]
async fn an_association_is_made_anew_and_nothing_is_sent_meanwhile() {
    let (inside, relay) = Inside::start().await;
    let to = Place::new("192.0.2.1", 6969).unwrap();
    relay.try_send(&to, b"too soon");
    let control = inside.associate().await;
    relay.up().await;
    assert_eq!(relay.problem(), None);
    relay.try_send(&to, b"first");
    let (first, before) = inside.received().await;
    assert!(first.ends_with(b"first"), "what was said before is lost");
    drop(control);
    while relay.is_up() {
        tokio::task::yield_now().await;
    }
    assert_eq!(relay.problem().as_deref(), Some("it ended the association"));
    relay.try_send(&to, b"lost");
    let _control = inside.associate().await;
    relay.up().await;
    relay.send(([192, 0, 2, 1], 6969).into(), b"onetwo", 3).unwrap();
    let (one, after) = inside.received().await;
    assert!(one.ends_with(b"\x1b\x39one") && inside.received().await.0.ends_with(b"\x1b\x39two"), "{one:?}");
    assert_ne!(before, after);
}

#[tokio::test]
async fn a_proxy_without_udp_carries_none() {
    let proxy = TestProxy::start(socks).await;
    proxy.notes.take_udp(false);
    let exit =
        Exit::new(Bind::default(), Some(proxy.url("socks5", "").parse().unwrap()), ProxyFor::default());
    let UdpWay::Relayed(relay) = exit.udp(Traffic::Trackers) else { panic!("a relay") };
    while relay.problem().is_none_or(|problem| problem.contains("not answered")) {
        tokio::task::yield_now().await;
    }
    assert_eq!(relay.problem().as_deref(), Some("it carries no UDP: it does not do that"));
    let trackers = crate::udp_tracker::UdpTrackers::new(exit);
    let url = Url::parse("udp://tracker.example:6969/announce").unwrap();
    let error = trackers.scrape(&url, vec![[0; 20]]).await.unwrap_err().to_string();
    assert!(
        error.ends_with("cannot be asked through the proxy: it carries no UDP: it does not do that"),
        "{error}"
    );
}

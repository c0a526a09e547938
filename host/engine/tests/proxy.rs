//! Peers, the DHT and trackers through proxies, and nothing past them.
//!
//! Whoever is to be met keeps off the address that we have without a proxy: what arrives has come through it.

#[allow(dead_code, reason = "what only the tests of HTTP need")]
mod proxy_server;
mod world;

use blocklist::{Blocklist, parse};
use engine::{
    AddTorrent, DhtSettings, Encryption, Event, ProxyFor, Session, Settings, SourceKind, Torrent,
    TrackerServer, Transports,
};
use metainfo::Metainfo;
use proxy_server::{FROM, Manner, TestProxy, socks, tunnels};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::timeout;
use url::Url;
use world::{FOREVER, Scratch, settings, torrent_of, wait_for};

/// A session at an address of its own that nobody at 127.0.0.1 reaches.
fn aloof(last: u8) -> Settings {
    let settings = Settings { bind: IpAddr::from([127, 0, last, 1]).into(), ..settings() };
    settings.address_filter.replace(Blocklist::new(parse(b"127.0.0.1").unwrap().ranges));
    settings
}

fn behind(proxy: &TestProxy, scheme: &str, login: &str) -> Settings {
    Settings { proxy: Some(proxy.url(scheme, login).parse().unwrap()), ..settings() }
}

/// A torrent whole in the folder `seed`, and what is in it.
struct Image {
    scratch: Scratch,
    metainfo: Arc<Metainfo>,
    contents: Vec<Vec<u8>>,
}

impl Image {
    fn new(bytes: usize, number: u64) -> Self {
        let (scratch, files) = (Scratch::new(), [("image.iso", bytes)]);
        let (metainfo, contents) = torrent_of("image.iso", &files, 65_536, number);
        scratch.write("seed", &files, &contents);
        Self { scratch, metainfo, contents }
    }

    fn add(&self, folder: &str) -> AddTorrent {
        self.scratch.add(folder, &self.metainfo, FOREVER)
    }

    async fn seed(&self, session: &Session, trackers: &[&str]) -> Torrent {
        let mut add = self.add("seed");
        add.tuning.trackers = Some(trackers.iter().map(|url| vec![(*url).to_owned()]).collect());
        let mut seed = session.add(add).await.unwrap();
        wait_for(&mut seed, |event| *event == Event::Complete).await;
        seed
    }

    async fn fetch(&self, session: &Session, change: impl FnOnce(&mut AddTorrent)) -> Torrent {
        let mut add = self.add("leech");
        change(&mut add);
        let mut leech = session.add(add).await.unwrap();
        wait_for(&mut leech, |event| *event == Event::Complete).await;
        assert!(self.scratch.read("leech/image.iso") == self.contents[0]);
        leech
    }
}

fn at(last: u8, session: &Session) -> SocketAddr {
    ([127, 0, last, 1], session.port()).into()
}

#[tokio::test]
async fn peers_are_met_over_tcp_through_either_kind_of_proxy() {
    for (scheme, manner, login, encryption) in [
        ("socks5", socks as Manner, "", Encryption::Off),
        ("socks5h", socks, "u:right@", Encryption::Required),
        ("http", tunnels, "", Encryption::Required),
        ("http", tunnels, "u:right@", Encryption::Off),
    ] {
        let (image, proxy) = (Image::new(1 << 20, 1), TestProxy::start(manner).await);
        let seed_session = Session::start(Settings { encryption, ..aloof(41) }).unwrap();
        let _seed = image.seed(&seed_session, &[]).await;
        let transports = Transports::TcpOnly;
        let session =
            Session::start(Settings { transports, encryption, ..behind(&proxy, scheme, login) }).unwrap();
        assert_eq!(session.port(), 0, "nobody is to connect to us");
        let peer = at(41, &seed_session);
        image.fetch(&session, |add| add.peers = vec![peer]).await;
        assert!(proxy.heard().contains(&peer.to_string()), "{scheme}: {:?}", proxy.heard());
    }
}

#[tokio::test]
async fn utp_goes_through_an_association_and_through_the_next() {
    let proxy = TestProxy::start(socks).await;
    let transports = Transports::UtpOnly;
    let seed_session = Session::start(Settings { transports, ..aloof(42) }).unwrap();
    let session = Session::start(Settings { transports, ..behind(&proxy, "socks5", "u:right@") }).unwrap();
    for round in 1..=2 {
        let image = Image::new(3 << 20, round);
        let _seed = image.seed(&seed_session, &[]).await;
        let peer = at(42, &seed_session);
        image.fetch(&session, |add| add.peers = vec![peer]).await;
        let associations = proxy.heard().iter().filter(|words| *words == "associate").count();
        assert_eq!(associations as u64, round, "{:?}", proxy.heard());
        assert!(proxy.heard().contains(&format!("udp {peer}")));
        proxy.notes.end_associations();
    }
}

#[tokio::test]
async fn the_dht_is_entered_by_a_name_that_the_proxy_looks_up() {
    let (image, proxy) = (Image::new(300_000, 3), TestProxy::start(socks).await);
    let dht = |routers| Some(DhtSettings { routers, ..DhtSettings::default() });
    let router = Session::start(Settings { dht: dht(Vec::new()), ..aloof(43) }).unwrap();
    let routers = vec![("127.0.43.1".to_owned(), router.port())];
    let transports = Transports::TcpOnly;
    let seed_session = Session::start(Settings { dht: dht(routers), transports, ..aloof(44) }).unwrap();
    let _seed = image.seed(&seed_session, &[]).await;
    let routers = vec![("at-127-0-43-1.example".to_owned(), router.port())];
    let session =
        Session::start(Settings { dht: dht(routers), transports, ..behind(&proxy, "socks5", "") }).unwrap();
    image.fetch(&session, |_| ()).await;
    assert!(proxy.heard().contains(&format!("udp at-127-0-43-1.example:{}", router.port())));
    assert_eq!(session.dht_tables().await, None, "what was met here is not kept");
}

#[tokio::test]
async fn udp_trackers_are_asked_through_the_proxy_by_name_and_by_address() {
    for host in ["at-127-0-45-1.example", "127.0.45.1"] {
        let (image, proxy) = (Image::new(300_000, 4), TestProxy::start(socks).await);
        let tracker =
            TrackerServer::start("127.0.45.1:0".parse().unwrap(), Duration::from_mins(2)).await.unwrap();
        let seed_session = Session::start(aloof(46)).unwrap();
        let _seed = image.seed(&seed_session, &[&tracker.udp_url()]).await;
        let known =
            Session::start(Settings { bind: IpAddr::from([127, 0, 47, 1]).into(), ..settings() }).unwrap();
        let count = async || known.scrape(&tracker.udp_url(), &[image.metainfo.wire_info_hash()]).await;
        while count().await.unwrap()[0].is_none_or(|counts| counts.seeders == 0) {}
        let session = Session::start(behind(&proxy, "socks5", "")).unwrap();
        let port = tracker.address().port();
        let url = format!("udp://{host}:{port}/announce");
        let leech = image.fetch(&session, |add| add.tuning.trackers = Some(vec![vec![url.clone()]])).await;
        assert!(proxy.heard().contains(&format!("udp {host}:{port}")), "{:?}", proxy.heard());
        let listed = wait_for_peers(&tracker, &image).await;
        assert!(listed.contains(&SocketAddr::from((FROM, 1))), "{listed:?}");
        assert!(listed.iter().all(|peer| peer.ip() != IpAddr::from([127, 0, 0, 1])), "{listed:?}");
        leech.stop().await;
    }
}

/// Whom a tracker names to a stranger that asks over HTTP.
async fn wait_for_peers(tracker: &TrackerServer, image: &Image) -> Vec<SocketAddr> {
    let hash = percent_encoding::percent_encode(
        &image.metainfo.wire_info_hash(),
        percent_encoding::NON_ALPHANUMERIC,
    )
    .to_string();
    let url = format!(
        "{}?info_hash={hash}&peer_id=-XX0000-abcdefghijkl&port=9&uploaded=0&downloaded=0&left=1&compact=1",
        tracker.http_url()
    );
    let settings = engine::HttpSettings::default();
    let body = engine::fetch_file(Url::parse(&url).unwrap(), settings, 1 << 16).await.unwrap();
    tracker::http::parse_announce_response(&body).unwrap().peers
}

#[tokio::test]
async fn nothing_goes_past_a_proxy_that_is_gone() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for scheme in ["socks5", "http"] {
        let image = Image::new(300_000, 5);
        let (peer, web) = (
            TcpListener::bind("127.0.48.1:0").await.unwrap(),
            TcpListener::bind("127.0.48.1:0").await.unwrap(),
        );
        let peer_udp = UdpSocket::bind(peer.local_addr().unwrap()).await.unwrap();
        let (node, udp) =
            (UdpSocket::bind("127.0.48.1:0").await.unwrap(), UdpSocket::bind("127.0.48.1:0").await.unwrap());
        let routers = vec![("127.0.48.1".to_owned(), node.local_addr().unwrap().port())];
        let session = Session::start(Settings {
            proxy: Some(format!("{scheme}://{gone}").parse().unwrap()),
            dht: Some(DhtSettings { routers, ..DhtSettings::default() }),
            lsd: true,
            transports: Transports::UtpFirst,
            ..settings()
        })
        .unwrap();
        let mut add = image.add("leech");
        add.peers = vec![peer.local_addr().unwrap()];
        add.use_web_seeds = true;
        add.web_seeds = vec![Url::parse(&format!("http://{}/image.iso", web.local_addr().unwrap())).unwrap()];
        let trackers = ["udp", "http"].map(|kind| {
            let at = if kind == "udp" { udp.local_addr() } else { web.local_addr() }.unwrap();
            vec![format!("{kind}://{at}/announce")]
        });
        add.tuning.trackers = Some(trackers.to_vec());
        let mut leech = session.add(add).await.unwrap();
        let mut told = Vec::new();
        let all = async {
            while told.len() < 3 {
                let event = leech.next_event().await.expect("it goes on");
                if let Event::Source { kind: kind @ (SourceKind::Tracker | SourceKind::WebSeed), name, state } =
                    event
                    && !told.contains(&name)
                {
                    assert!(kind == SourceKind::WebSeed || state.contains("proxy"), "{name}: {state}");
                    told.push(name);
                }
            }
        };
        timeout(Duration::from_mins(1), all).await.expect("trackers and the web seed say why");
        let mut buffer = [0; 2048];
        for socket in [&peer_udp, &node, &udp] {
            assert!(socket.try_recv(&mut buffer).is_err(), "{scheme}: a datagram went straight");
        }
        for listener in [&peer, &web] {
            let accepted = timeout(Duration::ZERO, listener.accept()).await;
            assert!(accepted.is_err(), "{scheme}: a connection went straight");
        }
    }
}

#[tokio::test]
async fn a_proxy_set_while_torrents_run_takes_over_and_is_taken_away() {
    let (image, proxy) = (Image::new(4 << 20, 6), TestProxy::start(socks).await);
    let limit = Some(256 * 1024);
    let open = Settings { up_limit_bytes_per_second: limit, ..aloof(49) };
    open.address_filter.replace(Blocklist::default());
    let seed_session = Session::start(open).unwrap();
    let seed = image.seed(&seed_session, &[]).await;
    let session = Session::start(settings()).unwrap();
    let port = session.port();
    let mut add = image.add("leech");
    add.peers = vec![at(49, &seed_session)];
    let _leech = session.add(add).await.unwrap();
    let from = async |wanted: IpAddr| {
        let seen = async {
            loop {
                let peers = seed.control().report().await.unwrap().peers;
                if !peers.is_empty() && peers.iter().all(|it| it.peer.address.ip() == wanted) {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_mins(1), seen).await.expect("the seed sees us come from there alone");
    };
    from([127, 0, 0, 1].into()).await;
    TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let url = proxy.url("socks5", "").parse().unwrap();
    session.set_proxy(Some(url), ProxyFor::default()).unwrap();
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err(), "nobody is to connect to us any more");
    assert_eq!(session.port(), 0);
    from(FROM.into()).await;
    session.set_proxy(None, ProxyFor::default()).unwrap();
    assert_ne!(session.port(), 0);
    from([127, 0, 0, 1].into()).await;
}

#[tokio::test]
async fn what_the_user_keeps_off_the_proxy_goes_straight() {
    let (image, proxy) = (Image::new(300_000, 7), TestProxy::start(socks).await);
    let seed_session =
        Session::start(Settings { bind: IpAddr::from([127, 0, 50, 1]).into(), ..settings() }).unwrap();
    let _seed = image.seed(&seed_session, &[]).await;
    let proxy_for = "trackers,web-seeds".parse().unwrap();
    let session = Session::start(Settings { proxy_for, ..behind(&proxy, "socks5", "") }).unwrap();
    assert_ne!(session.port(), 0);
    image.fetch(&session, |add| add.peers = vec![at(50, &seed_session)]).await;
    assert!(proxy.heard().is_empty(), "{:?}", proxy.heard());
}

//! The server with our own client at the other end, over both transports, on loopback.

use super::*;
use crate::udp_tracker::UdpTrackers;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tracker::http::{announce_url, scrape_url};
use tracker::{AnnounceError, AnnounceEvent, AnnounceRequest};
use url::Url;

const V4: &str = "127.0.0.1:0";
const V6: &str = "[::1]:0";

async fn server(address: &str) -> TrackerServer {
    TrackerServer::start(address.parse().unwrap(), Duration::from_mins(2)).await.unwrap()
}

fn request(peer: u8, left: u64) -> AnnounceRequest {
    AnnounceRequest {
        info_hash: [1; 20],
        peer_id: metainfo::PeerId([peer; 20]),
        port: 5000 + u16::from(peer),
        key: 1,
        downloaded: 0,
        uploaded: 0,
        left,
        event: AnnounceEvent::Started,
        numwant: 50,
        tracker_id: None,
        ipv4: None,
        ipv6: None,
    }
}

async fn get(server: &TrackerServer, requests: &[&str]) -> Vec<Vec<u8>> {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let mut bodies = Vec::new();
    for (number, url) in requests.iter().enumerate() {
        let target = url.split_once("://").unwrap().1;
        let target = &target[target.find('/').unwrap()..];
        let close = if number + 1 == requests.len() { "Connection: close\r\n" } else { "" };
        stream
            .write_all(format!("GET {target} HTTP/1.1\r\nHost: x\r\n{close}\r\n").as_bytes())
            .await
            .unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        stream.read_exact(&mut body).await.unwrap();
        bodies.push(body);
    }
    bodies
}

#[tokio::test]
async fn two_peers_find_each_other_over_udp_of_either_family() {
    for address in [V4, V6] {
        let server = server(address).await;
        let url = Url::parse(&server.udp_url()).unwrap();
        let trackers = UdpTrackers::new(crate::Bind::default().into());
        let seed = trackers.announce(&url, &request(1, 0)).await.unwrap();
        assert!(seed.peers.is_empty());
        let leech = trackers.announce(&url, &request(2, 9)).await.unwrap();
        assert_eq!(leech.peers, [SocketAddr::new(server.address().ip(), 5001)]);
        assert_eq!((leech.seeders, leech.leechers), (Some(1), Some(1)));
        assert_eq!(leech.interval, Some(Duration::from_mins(2)));
    }
}

#[tokio::test]
async fn http_and_udp_serve_one_swarm_over_one_connection() {
    let server = server(V4).await;
    let udp = Url::parse(&server.udp_url()).unwrap();
    UdpTrackers::new(crate::Bind::default().into()).announce(&udp, &request(1, 0)).await.unwrap();
    let announce = announce_url(&server.http_url(), &request(2, 9));
    let scrape = scrape_url(&server.http_url(), &[[1; 20]]).unwrap();
    let bodies = get(&server, &[&announce, &scrape]).await;
    let peer = b"5:peers6:\x7f\0\0\x01\x13\x89";
    assert!(bodies[0].windows(peer.len()).any(|window| window == peer), "{}", bodies[0].escape_ascii());
    let counts = b"8:completei1e10:downloadedi0e10:incompletei1e";
    assert!(bodies[1].windows(counts.len()).any(|window| window == counts), "{}", bodies[1].escape_ascii());
}

#[tokio::test]
async fn a_query_that_lacks_something_is_told_so() {
    let server = server(V4).await;
    let bodies = get(&server, &["http://x/announce?port=1"]).await;
    assert_eq!(bodies[0], b"d14:failure reason28:missing or invalid info_hashe");
}

#[tokio::test]
async fn a_local_tracker_with_a_query_is_not_asked() {
    let server = server(V4).await;
    let url = Url::parse(&format!("{}?delete=all", server.udp_url())).unwrap();
    let refused = UdpTrackers::new(crate::Bind::default().into()).announce(&url, &request(1, 0)).await;
    assert!(matches!(refused, Err(AnnounceError::Unreachable(_))), "{refused:?}");
}

#[tokio::test]
async fn a_guessed_connection_id_is_not_answered() {
    let server = server(V4).await;
    let socket = UdpSocket::bind(V4).await.unwrap();
    let guess =
        UdpRequest::Announce { connection: 7, transaction: 1, request: request(1, 0), url_data: Vec::new() };
    socket.send_to(&guess.encode(), server.address()).await.unwrap();
    let connect = UdpRequest::Connect { transaction: 2 };
    socket.send_to(&connect.encode(), server.address()).await.unwrap();
    let mut buffer = [0; 100];
    let (length, _) = socket.recv_from(&mut buffer).await.unwrap();
    let first = UdpResponse::decode(&buffer[..length], false).unwrap();
    assert_eq!(first.transaction(), 2, "the guess was passed over");
}

#[tokio::test]
async fn a_name_of_no_host_fails_and_waiting_can_be_given_up() {
    let trackers = UdpTrackers::new(crate::Bind::default().into());
    for url in ["udp://127.0.0.1/announce", "udp:///announce"] {
        let failed = trackers.announce(&Url::parse(url).unwrap(), &request(1, 0)).await;
        assert!(matches!(failed, Err(AnnounceError::BadUrl(_))), "{url}: {failed:?}");
    }
    // A socket that never answers: the future is dropped, and the next announce is served all the same.
    let silent = UdpSocket::bind(V4).await.unwrap();
    let url = Url::parse(&format!("udp://{}", silent.local_addr().unwrap())).unwrap();
    let mut buffer = [0; 100];
    let question = request(1, 0);
    tokio::select! {
        answer = trackers.announce(&url, &question) => panic!("{answer:?}"),
        received = silent.recv_from(&mut buffer) => assert_eq!(received.unwrap().0, 16),
    }
    let server = server(V4).await;
    let url = Url::parse(&server.udp_url()).unwrap();
    assert!(trackers.announce(&url, &request(1, 0)).await.is_ok());
}

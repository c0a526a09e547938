//! Mapping at fake routers on loopback.

mod pinholes;

use super::*;
use crate::api::Settings;
use crate::{AddMagnet, DhtNode, DhtSettings, Session};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::mpsc;

/// What a router was asked: protocol, internal port, seconds.
type Asked = (&'static str, u16, u32);

/// What a router granted in seconds; short, so that renewals come soon.
const GRANTED: u32 = 2;

/// The port that it gives outside.
const OUTSIDE: u16 = 40_123;

fn lookout(pcp: Option<SocketAddr>, ssdp: SocketAddr) -> Lookout {
    Lookout::V4(Place { bind: std::net::IpAddr::from([127, 0, 0, 1]).into(), pcp, ssdp })
}

async fn udp() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// A router that speaks NAT-PMP, and PCP if it is `modern`.
async fn nat_router(modern: bool) -> (SocketAddr, mpsc::UnboundedReceiver<Asked>) {
    let (socket, address) = udp().await;
    let (told, asked) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut bytes = [0; 1100];
        while let Ok((n, from)) = socket.recv_from(&mut bytes).await {
            let request = &bytes[..n];
            let number = |at: usize| u32::from_be_bytes(request[at..at + 4].try_into().unwrap());
            let port = |at: usize| u16::from_be_bytes([request[at], request[at + 1]]);
            let answer = match (request[0], modern) {
                (2, true) => {
                    assert_eq!((n, request[1], &request[18..24]), (60, 1, &[0xff, 0xff, 127, 0, 0, 1][..]));
                    let _ = told.send((if request[36] == 6 { "tcp" } else { "udp" }, port(40), number(4)));
                    let mut answer = request.to_vec();
                    answer[1] |= 0x80;
                    answer[3] = 0;
                    answer[4..8].copy_from_slice(&GRANTED.min(number(4)).to_be_bytes());
                    answer[42..44].copy_from_slice(&OUTSIDE.to_be_bytes());
                    answer
                }
                (2, false) => vec![0, request[1] | 0x80, 0, 1, 0, 0, 0, 0],
                _ => {
                    let _ = told.send((if request[1] == 2 { "tcp" } else { "udp" }, port(4), number(8)));
                    let mut answer = vec![0, request[1] | 0x80, 0, 0, 0, 0, 0, 9];
                    answer.extend_from_slice(&request[4..6]);
                    answer.extend_from_slice(&OUTSIDE.to_be_bytes());
                    answer.extend_from_slice(&GRANTED.min(number(8)).to_be_bytes());
                    answer
                }
            };
            socket.send_to(&answer, from).await.unwrap();
        }
    });
    (address, asked)
}

/// A router that speaks UPnP and says `answers` to what it is asked, one after the other, the last one for ever.
async fn upnp_router(answers: Vec<String>) -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    let (socket, address) = udp().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let (told, asked) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut bytes = [0; 2048];
        while let Ok((n, from)) = socket.recv_from(&mut bytes).await {
            assert!(bytes[..n].starts_with(b"M-SEARCH * HTTP/1.1\r\n"));
            let answer = format!("HTTP/1.1 200 OK\r\nLOCATION: http://{at}/desc.xml\r\n\r\n");
            socket.send_to(answer.as_bytes(), from).await.unwrap();
        }
    });
    tokio::spawn(async move {
        let mut answers = answers.into_iter().peekable();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            // A call ends with its envelope, a question with its head.
            while !request.ends_with(b"</s:Envelope>") && !request.ends_with(b"\r\n\r\n")
                || request.starts_with(b"POST") && request.ends_with(b"\r\n\r\n")
            {
                stream.read_buf(&mut request).await.unwrap();
            }
            let text = String::from_utf8(request).unwrap();
            let (status, body) = if text.starts_with("GET /desc.xml ") {
                let service = "urn:schemas-upnp-org:service:WANIPConnection:1";
                let body = format!(
                    "<root><service><serviceType>{service}</serviceType><controlURL>/c</controlURL></service></root>"
                );
                ("200 OK", body)
            } else {
                let answer = answers.next().unwrap_or_default();
                let _ = told.send(text);
                (if answer.is_empty() { "200 OK" } else { "500 Internal Server Error" }, answer)
            };
            let length = body.len();
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (address, asked)
}

/// Maps port 7001, with what was told of it.
fn map(lookout: Lookout) -> (PortMap, watch::Sender<u16>, mpsc::UnboundedReceiver<Option<u16>>) {
    let (told, heard) = mpsc::unbounded_channel();
    let port = watch::Sender::new(7001);
    let mapping = PortMap::start(lookout, port.subscribe(), move |external| {
        let _ = told.send(external);
    });
    (mapping, port, heard)
}

async fn next<T>(receiver: &mut mpsc::UnboundedReceiver<T>) -> T {
    timeout(Duration::from_secs(20), receiver.recv()).await.expect("in time").expect("something")
}

/// A router of either protocol is asked, asked again before the lease ends, and told at the end.
async fn mapped_renewed_and_given_back(modern: bool) {
    let (router, mut asked) = nat_router(modern).await;
    let (mapping, port, mut heard) = map(lookout(Some(router), udp().await.1));
    assert_eq!(next(&mut heard).await, Some(OUTSIDE));
    let lease = PORT_LEASE.as_secs() as u32;
    let first: Vec<Asked> = [next(&mut asked).await, next(&mut asked).await, next(&mut asked).await].into();
    assert_eq!(first, [("tcp", 7001, lease), ("tcp", 7001, lease), ("udp", 7001, lease)]);
    let again = [next(&mut asked).await, next(&mut asked).await];
    assert_eq!(again, [("tcp", 7001, lease), ("udp", 7001, lease)], "renewed");
    // Another port: the old one goes first.
    port.send_replace(7002);
    while next(&mut asked).await != ("tcp", 7001, 0) {}
    assert_eq!(next(&mut asked).await, ("udp", 7001, 0));
    while next(&mut asked).await != ("udp", 7002, lease) {}
    mapping.release().await;
    while next(&mut asked).await != ("tcp", 7002, 0) {}
    assert_eq!(next(&mut asked).await, ("udp", 7002, 0));
    while next(&mut heard).await.is_some() {}
}

#[tokio::test]
async fn pcp() {
    mapped_renewed_and_given_back(true).await;
}

#[tokio::test]
async fn nat_pmp_where_the_router_knows_nothing_newer() {
    mapped_renewed_and_given_back(false).await;
}

#[tokio::test]
async fn upnp_with_a_port_that_is_taken_and_leases_that_do_not_end() {
    let fault = |code| format!("<e><errorCode>{code}</errorCode></e>");
    let (router, mut asked) = upnp_router(vec![fault(725), fault(718)]).await;
    let (mapping, _port, mut heard) = map(lookout(None, router));
    let external = next(&mut heard).await.expect("a port");
    assert!(external >= 49_152, "another one than the one that is taken");
    let value = |call: &str, name: &str| {
        let (_, rest) = call.split_once(&format!("<{name}>")).expect(name);
        rest.split('<').next().expect("its end").to_owned()
    };
    let mut calls = Vec::new();
    for _ in 0..4 {
        calls.push(next(&mut asked).await);
    }
    let leases: Vec<String> = calls.iter().map(|call| value(call, "NewLeaseDuration")).collect();
    assert_eq!(leases, ["3600", "0", "0", "0"]);
    assert_eq!(value(&calls[2], "NewExternalPort"), external.to_string());
    assert_eq!(
        (value(&calls[3], "NewProtocol"), value(&calls[3], "NewInternalPort")),
        ("UDP".into(), "7001".into())
    );
    mapping.release().await;
    for protocol in ["TCP", "UDP"] {
        let call = next(&mut asked).await;
        assert!(call.contains("#DeletePortMapping\"") && value(&call, "NewProtocol") == protocol);
    }
}

#[tokio::test]
async fn a_device_that_sends_us_elsewhere_is_not_followed() {
    let (socket, address) = udp().await;
    let elsewhere = TcpListener::bind("127.0.0.2:0").await.unwrap();
    let at = elsewhere.local_addr().unwrap();
    tokio::spawn(async move {
        let mut bytes = [0; 2048];
        while let Ok((_, from)) = socket.recv_from(&mut bytes).await {
            let answer = format!("HTTP/1.1 200 OK\r\nLOCATION: http://{at}/\r\n\r\n");
            socket.send_to(answer.as_bytes(), from).await.unwrap();
        }
    });
    let (_mapping, _port, mut heard) = map(lookout(None, address));
    tokio::select! {
        _ = elsewhere.accept() => panic!("it was followed"),
        told = next(&mut heard) => assert_eq!(told, None),
    }
}

/// A session whose port a router has mapped.
async fn mapped_session() -> Session {
    let (router, _asked) = nat_router(true).await;
    let bind = std::net::IpAddr::from([127, 0, 0, 1]).into();
    let session = Session::start(Settings { port: 0, bind, lsd: false, ..Settings::default() }).unwrap();
    session.map_port([Some(lookout(Some(router), udp().await.1)), None]);
    while session.shared.announced_port() != OUTSIDE {
        tokio::task::yield_now().await;
    }
    session
}

#[tokio::test]
async fn trackers_are_told_the_port_that_peers_outside_see() {
    let session = mapped_session().await;
    let tracker = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/announce", tracker.local_addr().unwrap());
    let mut add = AddMagnet::new(format!("magnet:?xt=urn:btih:{}", "ab".repeat(20)).parse().unwrap());
    add.trackers = Some(vec![vec![url]]);
    let _fetch = session.add_magnet(add).unwrap();
    let (mut stream, _) = timeout(Duration::from_secs(20), tracker.accept()).await.unwrap().unwrap();
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        stream.read_buf(&mut request).await.unwrap();
    }
    assert!(String::from_utf8(request).unwrap().contains(&format!("&port={OUTSIDE}&")));
    session.shutdown().await;
}

#[tokio::test]
async fn a_dht_that_is_switched_on_later_announces_the_port_that_peers_outside_see() {
    let session = mapped_session().await;
    let enter = |host: &str, port| DhtSettings {
        routers: vec![(host.to_owned(), port)],
        read_only: false,
        ..DhtSettings::default()
    };
    let node = |last: u8, settings: DhtSettings| async move {
        let bind = std::net::IpAddr::from([127, 0, last, 1]).into();
        DhtNode::start(bind, 0, &settings).await.unwrap()
    };
    // Told of a node on loopback, the first knows that its network is a local one.
    let entrance = node(141, enter("127.0.0.1", 9)).await;
    let asking = node(142, enter("127.0.141.1", entrance.port())).await;
    session.set_dht(Some(&enter("127.0.141.1", entrance.port())));
    let add = AddMagnet::new(format!("magnet:?xt=urn:btih:{}", "ab".repeat(20)).parse().unwrap());
    let _fetch = session.add_magnet(add).unwrap();
    let found = async {
        loop {
            if let Some(peers) = asking.find_peers([0xab; 20]).unwrap().next().await {
                return peers;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let found = timeout(Duration::from_mins(1), found).await.expect("it is announced");
    assert_eq!(found, [std::net::SocketAddr::from(([127, 0, 0, 1], OUTSIDE))]);
    session.shutdown().await;
}

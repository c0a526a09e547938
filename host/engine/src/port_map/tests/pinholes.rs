//! Pinholes of IPv6 at fake routers on loopback, where our address of the internet is `::1`.

use super::*;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU16, Ordering};

const OWN: Ipv6Addr = Ipv6Addr::LOCALHOST;

async fn udp_v6() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("[::1]:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// Looks at `::1` for a router by PCP at the port that `bind` hides in its address of IPv4, and one by UPnP at the next.
/// A place to look is a bare function, so that it can be called again; what it knows comes by `bind`.
fn look(bind: Bind) -> Option<(Ipv6Addr, Place)> {
    let [a, b, c, d] = bind.v4?.octets();
    let at = |port: [u8; 2]| SocketAddr::from((OWN, u16::from_be_bytes(port)));
    let pcp = Some(at([a, b])).filter(|pcp| pcp.port() != 0);
    Some((OWN, Place { bind: IpAddr::V6(OWN).into(), pcp, ssdp: at([c, d]) }))
}

fn lookout_v6(pcp: Option<SocketAddr>, ssdp: SocketAddr) -> Lookout {
    let [a, b] = pcp.map_or(0, |pcp| pcp.port()).to_be_bytes();
    let [c, d] = ssdp.port().to_be_bytes();
    Lookout::V6 { look, bind: IpAddr::from([a, b, c, d]).into() }
}

/// A router that lets in by PCP, or refuses with a code; the epoch of its answers can be set back, as by a restart.
async fn pcp_firewall(code: u8, epoch: Arc<Mutex<u32>>) -> (SocketAddr, mpsc::UnboundedReceiver<Asked>) {
    let (socket, address) = udp_v6().await;
    let (told, asked) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut bytes = [0; 1100];
        while let Ok((n, from)) = socket.recv_from(&mut bytes).await {
            let request = &bytes[..n];
            assert_eq!((n, request[0], request[1]), (60, 2, 1));
            let own = OWN.octets();
            assert_eq!(
                (&request[8..24], &request[44..60]),
                (&own[..], &own[..]),
                "inside and outside the same"
            );
            assert_eq!(request[40..42], request[42..44], "and so is the port");
            let seconds = u32::from_be_bytes(request[4..8].try_into().unwrap());
            let port = u16::from_be_bytes([request[40], request[41]]);
            let _ = told.send((if request[36] == 6 { "tcp" } else { "udp" }, port, seconds));
            let mut answer = request.to_vec();
            (answer[1], answer[3]) = (0x81, code);
            answer[4..8].copy_from_slice(&GRANTED.min(seconds).to_be_bytes());
            answer[8..12].copy_from_slice(&epoch.lock().unwrap().to_be_bytes());
            socket.send_to(&answer, from).await.unwrap();
        }
    });
    (address, asked)
}

#[tokio::test]
async fn pcp_lets_peers_in_and_makes_pinholes_anew_after_a_restart_of_the_router() {
    let epoch = Arc::new(Mutex::new(50_000));
    let (router, mut asked) = pcp_firewall(0, Arc::clone(&epoch)).await;
    let (mapping, _port, mut heard) = map(lookout_v6(Some(router), udp_v6().await.1));
    assert_eq!(next(&mut heard).await, Some(7001), "the port is our own");
    let lease = PORT_LEASE.as_secs() as u32;
    let first: Vec<Asked> = [next(&mut asked).await, next(&mut asked).await, next(&mut asked).await].into();
    assert_eq!(first, [("tcp", 7001, lease), ("tcp", 7001, lease), ("udp", 7001, lease)]);
    *epoch.lock().unwrap() = 1;
    let again = [next(&mut asked).await, next(&mut asked).await];
    assert_eq!(again, [("tcp", 7001, lease), ("udp", 7001, lease)], "a renewal makes what is gone anew");
    mapping.release().await;
    while next(&mut asked).await != ("tcp", 7001, 0) {}
    assert_eq!(next(&mut asked).await, ("udp", 7001, 0));
}

/// What a router is asked by UPnP: the action and its body.
type Call = (String, String);

/// A router of IGD 2 that makes pinholes, numbered from 1, and says `faults` first, one a call.
async fn upnp_firewall(faults: Vec<u16>) -> (SocketAddr, mpsc::UnboundedReceiver<Call>) {
    let (socket, address) = udp_v6().await;
    let listener = TcpListener::bind("[::1]:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let (told, asked) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut bytes = [0; 2048];
        while let Ok((_, from)) = socket.recv_from(&mut bytes).await {
            let answer = format!("HTTP/1.1 200 OK\r\nLOCATION: http://{at}/d.xml\r\n\r\n");
            socket.send_to(answer.as_bytes(), from).await.unwrap();
        }
    });
    tokio::spawn(async move {
        let (mut faults, pinholes) = (faults.into_iter(), AtomicU16::new(1));
        while let Ok((mut stream, from)) = listener.accept().await {
            assert_eq!(from.ip(), IpAddr::V6(OWN), "asked from the address that is to be reached");
            let mut request = Vec::new();
            let ends = |request: &[u8]| {
                let is_question = request.starts_with(b"GET");
                request.ends_with(if is_question { b"\r\n\r\n".as_slice() } else { b"</s:Envelope>" })
            };
            while !ends(&request) {
                stream.read_buf(&mut request).await.unwrap();
            }
            let text = String::from_utf8(request).unwrap();
            let service = "urn:schemas-upnp-org:service:WANIPv6FirewallControl:1";
            let action =
                text.split_once(&format!("{service}#")).map(|(_, rest)| rest.split('"').next().unwrap());
            let (status, body) = match action {
                None => (
                    200,
                    format!(
                        "<r><service><serviceType>{service}</serviceType><controlURL>/f</controlURL></service></r>"
                    ),
                ),
                Some(action) => {
                    let _ = told.send((action.to_owned(), text.clone()));
                    match faults.next().filter(|fault| *fault != 0) {
                        Some(fault) => (500, format!("<e><errorCode>{fault}</errorCode></e>")),
                        None if action == "AddPinhole" => {
                            let id = pinholes.fetch_add(1, Ordering::Relaxed);
                            (200, format!("<a><UniqueID>{id}</UniqueID></a>"))
                        }
                        None => (200, String::new()),
                    }
                }
            };
            let length = body.len();
            let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (address, asked)
}

fn value<'a>((_, body): &'a Call, name: &str) -> &'a str {
    let (_, rest) = body.split_once(&format!("<{name}>")).expect(name);
    rest.split('<').next().expect("its end")
}

#[tokio::test]
async fn upnp_makes_pinholes_and_closes_them() {
    let (router, mut asked) = upnp_firewall(Vec::new()).await;
    // A router that knows PCP and refuses.
    let (refusing, _) = pcp_firewall(2, Arc::default()).await;
    let (mapping, _port, mut heard) = map(lookout_v6(Some(refusing), router));
    assert_eq!(next(&mut heard).await, Some(7001));
    for protocol in ["6", "17"] {
        let call = next(&mut asked).await;
        assert_eq!((call.0.as_str(), value(&call, "Protocol")), ("AddPinhole", protocol));
        assert_eq!((value(&call, "InternalClient"), value(&call, "InternalPort")), ("::1", "7001"));
        assert_eq!((value(&call, "RemotePort"), value(&call, "LeaseTime")), ("0", "3600"));
    }
    mapping.release().await;
    for pinhole in ["1", "2"] {
        let call = next(&mut asked).await;
        assert_eq!((call.0.as_str(), value(&call, "UniqueID")), ("DeletePinhole", pinhole));
    }
}

#[tokio::test]
async fn pinholes_are_kept_open_and_made_anew_where_the_router_forgot() {
    let (router, mut asked) = upnp_firewall(vec![0, 0, 704]).await;
    let own = OWN;
    let mut firewall = Firewall::find(IpAddr::V6(own).into(), own, router).await.unwrap();
    let wish = |protocol| Wish { protocol, port: 7001, external_port: 7001, lifetime: PORT_LEASE };
    let mut names = Vec::new();
    for protocol in [Protocol::Tcp, Protocol::Udp, Protocol::Tcp, Protocol::Tcp] {
        let lease = firewall.map(wish(protocol)).await.unwrap();
        assert_eq!(lease, Lease { external_port: 7001, lifetime: PORT_LEASE });
    }
    firewall.unmap(wish(Protocol::Tcp)).await.unwrap();
    firewall.unmap(wish(Protocol::Tcp)).await.unwrap();
    while let Ok(call) = asked.try_recv() {
        let pinhole = call.1.contains("UniqueID").then(|| value(&call, "UniqueID").to_owned());
        names.push((call.0, pinhole));
    }
    let expected = [
        ("AddPinhole", None),
        ("AddPinhole", None),
        ("UpdatePinhole", Some("1")),
        ("AddPinhole", None),
        ("UpdatePinhole", Some("3")),
        ("DeletePinhole", Some("3")),
    ];
    assert_eq!(names, expected.map(|(action, pinhole)| (action.to_owned(), pinhole.map(str::to_owned))));
}

#[tokio::test]
async fn a_router_that_allows_no_pinholes_is_told_as_none() {
    let (router, mut asked) = upnp_firewall(vec![703]).await;
    let (_mapping, _port, mut heard) = map(lookout_v6(None, router));
    assert_eq!(next(&mut heard).await, None);
    assert_eq!(next(&mut asked).await.0, "AddPinhole");
}

//! UPnP Internet Gateway Devices, versions 1 and 2: found by SSDP, described in XML, asked by SOAP.

mod firewall;
mod soap;

pub(super) use firewall::Firewall;

use super::{Lease, Wish};
use crate::bind::Bind;
use crate::limits::{UPNP_DEVICES, UPNP_DOCUMENT, UPNP_PORTS_TRIED, UPNP_REQUEST_TIMEOUT, UPNP_SEARCH};
use crate::udp;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use soap::Control;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout, timeout_at};
use url::{Host, Url};

/// Where devices of the local network listen.
pub(super) const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 255, 250);
pub(super) const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xc);
pub(super) const PORT: u16 = 1900;

/// The largest datagram of SSDP that means anything.
const DATAGRAM: usize = 2048;

/// Why a router does not map a port, by the numbers of the specification.
const CONFLICT: u16 = 718;
const ONLY_PERMANENT_LEASES: u16 = 725;

/// A router.
pub(super) struct Upnp {
    /// Our end of connections with it.
    bind: Bind,
    /// Our address as it is told.
    client: IpAddr,
    at: SocketAddr,
    service: Control,
    /// It takes leases that end by themselves.
    leases_end: bool,
}

/// A device that answered, and the service of it that we look for.
struct Device {
    at: SocketAddr,
    service: Control,
    /// Our end of the connection with it.
    own: IpAddr,
}

/// What a router answered.
struct Answer {
    is_success: bool,
    body: String,
    /// Our end of the connection.
    own: IpAddr,
}

impl Upnp {
    /// Asks who is there, and takes the first router with a connection that maps ports.
    pub(super) async fn find(bind: Bind, ssdp: SocketAddr) -> io::Result<Self> {
        let own = bind.v4.ok_or(io::ErrorKind::AddrNotAvailable)?;
        let socket = udp::open(bind, own.into(), 0)?;
        let raw = socket2::SockRef::from(&socket);
        if !own.is_unspecified() {
            raw.set_multicast_if_v4(&own)?;
        }
        raw.set_multicast_ttl_v4(2)?;
        let device = discover(bind, &socket, ssdp, soap::service).await?;
        Ok(Self { bind, client: device.own, at: device.at, service: device.service, leases_end: true })
    }

    /// Maps a port or renews its mapping. A port that is taken outside gives way to another.
    pub(super) async fn map(&mut self, wish: Wish) -> io::Result<Lease> {
        let mut wish = wish;
        for _ in 0..UPNP_PORTS_TRIED {
            let lifetime = if self.leases_end { wish.lifetime } else { Duration::ZERO };
            let answer = self.call(self.service.add(Wish { lifetime, ..wish }, self.client)).await?;
            if answer.is_success {
                let external_port = soap::reserved_port(&answer.body).unwrap_or(wish.external_port);
                return Ok(Lease { external_port, lifetime: wish.lifetime });
            }
            match soap::error_code(&answer.body) {
                Some(ONLY_PERMANENT_LEASES) if self.leases_end => self.leases_end = false,
                Some(CONFLICT) => wish.external_port = fastrand::u16(49_152..),
                code => return Err(refused(code)),
            }
        }
        Err(refused(Some(CONFLICT)))
    }

    /// Takes a mapping back.
    pub(super) async fn unmap(&mut self, wish: Wish) -> io::Result<()> {
        let answer = self.call(self.service.delete(wish)).await?;
        if answer.is_success { Ok(()) } else { Err(refused(soap::error_code(&answer.body))) }
    }

    async fn call(&self, call: soap::Call) -> io::Result<Answer> {
        request(self.bind, self.at, &self.service.path, Some(call)).await
    }
}

/// Asks by a socket who is there, and takes the first device with a service that is looked for.
async fn discover(
    bind: Bind,
    socket: &UdpSocket,
    ssdp: SocketAddr,
    service: fn(&str) -> Option<Control>,
) -> io::Result<Device> {
    for version in [1, 2] {
        socket.send_to(soap::search(ssdp, version).as_bytes(), ssdp).await?;
    }
    let until = Instant::now() + UPNP_SEARCH;
    let (mut bytes, mut asked) = ([0; DATAGRAM], Vec::new());
    while asked.len() < UPNP_DEVICES
        && let Ok(received) = timeout_at(until, socket.recv_from(&mut bytes)).await
    {
        let Ok((n, from)) = received else { continue };
        let Some(location) = soap::location(&bytes[..n]) else { continue };
        // A device describes itself: nobody sends us to a third party.
        let Some(at) = address(&location, from).filter(|at| at.ip() == from.ip()) else { continue };
        if asked.contains(&location) {
            continue;
        }
        if let Ok(description) = request(bind, at, soap::path(&location), None).await
            && let Some(service) = service(&description.body)
        {
            return Ok(Device { at, service, own: description.own });
        }
        asked.push(location);
    }
    Err(io::ErrorKind::TimedOut.into())
}

/// One request on a connection of its own: a call, or a document where there is none.
async fn request(bind: Bind, at: SocketAddr, path: &str, call: Option<soap::Call>) -> io::Result<Answer> {
    let attempt = async {
        let stream = bind.socket(at)?.connect(at).await?;
        let own = stream.local_addr()?.ip();
        let (mut sender, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        let request = Request::builder().uri(path).header(HOST, host(at)).header(CONNECTION, "close");
        let request = match call {
            None => request.body(Full::default()),
            Some(call) => request
                .method(Method::POST)
                .header(CONTENT_TYPE, "text/xml; charset=\"utf-8\"")
                .header("SOAPAction", call.action)
                .body(Full::new(Bytes::from(call.body))),
        };
        let answer = sender.send_request(request.map_err(io::Error::other)?);
        let read = async {
            let answer = answer.await.map_err(io::Error::other)?;
            let is_success = answer.status().is_success();
            let body =
                Limited::new(answer.into_body(), UPNP_DOCUMENT).collect().await.map_err(io::Error::other)?;
            let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
            Ok(Answer { is_success, body, own })
        };
        tokio::pin!(read);
        tokio::select! {
            read = &mut read => read,
            // The connection ends behind its answer, which may be read to its end then.
            _ = driver => read.await,
        }
    };
    timeout(UPNP_REQUEST_TIMEOUT, attempt).await.unwrap_or(Err(io::ErrorKind::TimedOut.into()))
}

fn refused(code: Option<u16>) -> io::Error {
    io::Error::other(match code {
        Some(code) => format!("the router refuses (code {code})"),
        None => "the router refuses".to_owned(),
    })
}

/// The address in a URL that has one. One of a link is of the link that the answer came by, `from`.
fn address(url: &Url, from: SocketAddr) -> Option<SocketAddr> {
    let port = url.port_or_known_default().filter(|_| url.scheme() == "http")?;
    match (url.host()?, from) {
        (Host::Ipv4(ip), _) => Some((ip, port).into()),
        (Host::Ipv6(ip), SocketAddr::V6(from)) => {
            Some(SocketAddrV6::new(ip, port, 0, from.scope_id()).into())
        }
        _ => None,
    }
}

/// How a server is called in a request: links are a matter of this machine.
fn host(at: SocketAddr) -> String {
    match at {
        SocketAddr::V4(at) => at.to_string(),
        SocketAddr::V6(at) => format!("[{}]:{}", at.ip(), at.port()),
    }
}

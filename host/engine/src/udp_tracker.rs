//! UDP trackers on real sockets: names resolved, one socket a family, one task that drives [`UdpClient`].

use crate::http::is_local;
use crate::limits::{MAX_UDP_PACKET, RETRY_PAUSE, SECOND_FAMILY_GRACE, UDP_ASK_QUEUE};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::OnceLock;
use std::time::Instant;
use tokio::net::{UdpSocket, lookup_host};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, sleep_until, timeout};
use tracing::debug;
use tracker::limits::ANNOUNCE_TIMEOUT;
use tracker::udp::url_data;
use tracker::{
    AnnounceError, AnnounceRequest, AnnounceResponse, UdpClient, UdpOutput, UdpRequestKey, usable_peers,
};
use url::Url;

type Answer = Result<AnnounceResponse, AnnounceError>;

/// The UDP trackers of a session. Its task starts with the first announce and ends with this handle.
#[derive(Debug)]
pub(crate) struct UdpTrackers {
    bind: Option<IpAddr>,
    asks: OnceLock<Option<mpsc::Sender<Ask>>>,
}

/// One announce to one address.
#[derive(Debug)]
struct Ask {
    to: SocketAddr,
    url_data: String,
    request: AnnounceRequest,
    reply: oneshot::Sender<Answer>,
}

impl UdpTrackers {
    /// Trackers reached from the address `bind`, or from any.
    pub(crate) const fn new(bind: Option<IpAddr>) -> Self {
        Self { bind, asks: OnceLock::new() }
    }

    /// Announces to one tracker, over IPv4 and IPv6 where its name has both, and gives the peers of both. Takes
    /// [`ANNOUNCE_TIMEOUT`] at most. Dropping the future ends the announce.
    ///
    /// An address of the local network is asked only if the URL has no query: a torrent from afar must not talk to
    /// services at home.
    pub(crate) async fn announce(&self, url: &Url, request: &AnnounceRequest) -> Answer {
        let addresses = self.resolve(url).await?;
        let asks = self.asks.get_or_init(|| start(self.bind)).as_ref();
        let asks = asks.ok_or_else(|| AnnounceError::Unreachable("no UDP socket".into()))?;
        let ask = |to: Option<SocketAddr>| async move {
            match to {
                Some(to) => Some(ask(asks, to, url, request).await),
                None => None,
            }
        };
        let v4 = addresses.iter().copied().find(SocketAddr::is_ipv4);
        let v6 = addresses.iter().copied().find(SocketAddr::is_ipv6);
        either(ask(v4), ask(v6)).await
    }

    /// The addresses that may be asked, at least one.
    async fn resolve(&self, url: &Url) -> Result<Vec<SocketAddr>, AnnounceError> {
        let host = url.host_str().ok_or(AnnounceError::BadUrl("it names no host"))?;
        let port = url.port().filter(|port| *port != 0).ok_or(AnnounceError::BadUrl("it names no port"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let unknown =
            |error: io::Error| AnnounceError::Unreachable(format!("{host} cannot be looked up: {error}"));
        let found = lookup_host((host, port)).await.map_err(unknown)?;
        let reachable =
            |address: &SocketAddr| self.bind.is_none_or(|bind| bind.is_ipv4() == address.is_ipv4());
        let found: Vec<SocketAddr> = found.filter(reachable).collect();
        if found.is_empty() {
            return Err(AnnounceError::Unreachable(format!(
                "{host} has no address that can be reached from here"
            )));
        }
        let allowed: Vec<SocketAddr> =
            found.into_iter().filter(|address| url.query().is_none() || !is_local(address.ip())).collect();
        if allowed.is_empty() {
            return Err(AnnounceError::Unreachable("a local address with a query is not asked".into()));
        }
        Ok(allowed)
    }
}

/// Hands one question to the task and waits for its answer.
async fn ask(asks: &mpsc::Sender<Ask>, to: SocketAddr, url: &Url, request: &AnnounceRequest) -> Answer {
    let (reply, answer) = oneshot::channel();
    let url_data = url_data(url.as_str()).to_owned();
    let gone = || AnnounceError::Unreachable("the session ends".into());
    asks.send(Ask { to, url_data, request: request.clone(), reply }).await.map_err(|_| gone())?;
    let mut response = answer.await.map_err(|_| gone())??;
    if !is_local(to.ip()) {
        response.peers.retain(|peer| !is_local(peer.ip()));
    }
    Ok(response)
}

/// The answers over both families as one. Once one is good the other has only a short time left.
async fn either(
    first: impl Future<Output = Option<Answer>>,
    second: impl Future<Output = Option<Answer>>,
) -> Answer {
    tokio::pin!(first, second);
    let (early, late) = tokio::select! {
        early = &mut first => match early {
            Some(Ok(good)) => (Some(Ok(good)), timeout(SECOND_FAMILY_GRACE, second).await.unwrap_or(None)),
            other => (other, second.await),
        },
        early = &mut second => match early {
            Some(Ok(good)) => (Some(Ok(good)), timeout(SECOND_FAMILY_GRACE, first).await.unwrap_or(None)),
            other => (other, first.await),
        },
    };
    match (early, late) {
        (Some(Ok(one)), Some(Ok(other))) => Ok(join(one, other)),
        (Some(Ok(good)), _) | (_, Some(Ok(good))) => Ok(good),
        (Some(Err(error)), _) | (_, Some(Err(error))) => Err(error),
        (None, None) => Err(AnnounceError::Unreachable("no address to ask".into())),
    }
}

fn join(one: AnnounceResponse, other: AnnounceResponse) -> AnnounceResponse {
    AnnounceResponse {
        interval: one.interval.max(other.interval),
        seeders: one.seeders.max(other.seeders),
        leechers: one.leechers.max(other.leechers),
        peers: usable_peers(one.peers.into_iter().chain(other.peers)),
        ..one
    }
}

/// Opens the sockets and starts the task; `None` if there is no socket at all.
fn start(bind: Option<IpAddr>) -> Option<mpsc::Sender<Ask>> {
    let open = |ip: IpAddr| match open_socket(ip) {
        Ok(socket) => Some(socket),
        Err(error) => {
            debug!(%ip, %error, "no socket for UDP trackers");
            None
        }
    };
    let (v4, v6) = match bind {
        Some(ip) if ip.is_ipv4() => (open(ip), None),
        Some(ip) => (None, open(ip)),
        None => (open(Ipv4Addr::UNSPECIFIED.into()), open(Ipv6Addr::UNSPECIFIED.into())),
    };
    if v4.is_none() && v6.is_none() {
        return None;
    }
    let (asks, receiver) = mpsc::channel(UDP_ASK_QUEUE);
    let driver = Driver { v4, v6, client: UdpClient::new(fastrand::u64(..)), replies: BTreeMap::new() };
    tokio::spawn(driver.run(receiver));
    Some(asks)
}

fn open_socket(ip: IpAddr) -> io::Result<UdpSocket> {
    let address = SocketAddr::new(ip, 0);
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::DGRAM, None)?;
    if ip.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

/// The task: sockets on one side, the machine in the middle, those who wait on the other side.
struct Driver {
    v4: Option<UdpSocket>,
    v6: Option<UdpSocket>,
    client: UdpClient,
    replies: BTreeMap<UdpRequestKey, oneshot::Sender<Answer>>,
}

impl Driver {
    async fn run(mut self, mut asks: mpsc::Receiver<Ask>) {
        let (mut buffer_v4, mut buffer_v6) = (vec![0; MAX_UDP_PACKET], vec![0; MAX_UDP_PACKET]);
        loop {
            let wake = self.client.poll_timeout();
            tokio::select! {
                ask = asks.recv() => match ask {
                    Some(ask) => self.handle_ask(ask),
                    None => return,
                },
                (bytes, from) = receive(self.v4.as_ref(), &mut buffer_v4) => {
                    self.client.handle_datagram(Instant::now(), from, bytes);
                }
                (bytes, from) = receive(self.v6.as_ref(), &mut buffer_v6) => {
                    self.client.handle_datagram(Instant::now(), from, bytes);
                }
                () = sleep_until(wake.unwrap_or_else(Instant::now).into()), if wake.is_some() => {
                    self.forget_the_dropped();
                    self.client.handle_timeout(Instant::now());
                }
            }
            self.drain().await;
        }
    }

    fn handle_ask(&mut self, ask: Ask) {
        self.forget_the_dropped();
        let key = self.client.announce(Instant::now(), ask.to, &ask.url_data, ask.request, ANNOUNCE_TIMEOUT);
        self.replies.insert(key, ask.reply);
    }

    /// Ends the requests whose askers stopped waiting.
    fn forget_the_dropped(&mut self) {
        let client = &mut self.client;
        self.replies.retain(|key, reply| {
            if reply.is_closed() {
                client.cancel(*key);
            }
            !reply.is_closed()
        });
    }

    async fn drain(&mut self) {
        while let Some(output) = self.client.poll_output() {
            match output {
                UdpOutput::Transmit { to, packet } => {
                    if let Err(error) = self.transmit(to, &packet).await {
                        debug!(%to, %error, "a UDP tracker cannot be reached");
                        self.client.handle_unreachable(to, &error.to_string());
                    }
                }
                UdpOutput::Announced(key, answer) => {
                    if let Some(reply) = self.replies.remove(&key) {
                        // An error means that the asker stopped waiting.
                        let _ = reply.send(answer);
                    }
                }
                UdpOutput::Scraped(..) => {}
            }
        }
    }

    async fn transmit(&self, to: SocketAddr, packet: &[u8]) -> io::Result<()> {
        let socket = if to.is_ipv4() { &self.v4 } else { &self.v6 };
        let socket = socket.as_ref().ok_or(io::ErrorKind::AddrNotAvailable)?;
        socket.send_to(packet, to).await.map(drop)
    }
}

/// The next datagram; pending without a socket. An error of the socket is an ICMP message about some earlier
/// packet, which anybody can forge: it says nothing.
async fn receive<'a>(socket: Option<&UdpSocket>, buffer: &'a mut [u8]) -> (&'a [u8], SocketAddr) {
    let Some(socket) = socket else { return std::future::pending().await };
    loop {
        match socket.recv_from(buffer).await {
            Ok((length, from)) => return (&buffer[..length], from),
            Err(_) => sleep(RETRY_PAUSE).await,
        }
    }
}

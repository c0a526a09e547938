//! UDP trackers on real sockets: names resolved, one socket a family, one task that drives [`UdpClient`].

use crate::bind::Bind;
use crate::http::is_local;
use crate::limits::{MAX_UDP_PACKET, RETRY_PAUSE, SECOND_FAMILY_GRACE, UDP_ASK_QUEUE};
use crate::udp;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;
use std::time::Instant;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, sleep_until, timeout};
use tracing::debug;
use tracker::limits::ANNOUNCE_TIMEOUT;
use tracker::udp::url_data;
use tracker::{
    AnnounceError, AnnounceRequest, AnnounceResponse, ScrapeCounts, UdpClient, UdpOutput, UdpRequestKey,
    usable_peers,
};
use url::Url;

type Answer = Result<AnnounceResponse, AnnounceError>;
type Counts = Result<Vec<ScrapeCounts>, AnnounceError>;

/// The UDP trackers of a session. Its task starts with the first announce and ends with this handle.
#[derive(Debug)]
pub(crate) struct UdpTrackers {
    bind: Bind,
    asks: OnceLock<Option<mpsc::Sender<Ask>>>,
}

/// One question to one address.
#[derive(Debug)]
enum Ask {
    Announce {
        to: SocketAddr,
        url_data: String,
        request: Box<AnnounceRequest>,
        reply: oneshot::Sender<Answer>,
    },
    Scrape {
        to: SocketAddr,
        info_hashes: Vec<[u8; 20]>,
        reply: oneshot::Sender<Counts>,
    },
}

/// Who waits for an answer.
#[derive(Debug)]
enum Reply {
    Announce(oneshot::Sender<Answer>),
    Scrape(oneshot::Sender<Counts>),
}

impl Reply {
    fn is_closed(&self) -> bool {
        match self {
            Self::Announce(reply) => reply.is_closed(),
            Self::Scrape(reply) => reply.is_closed(),
        }
    }
}

impl UdpTrackers {
    /// Trackers reached from these addresses.
    pub(crate) const fn new(bind: Bind) -> Self {
        Self { bind, asks: OnceLock::new() }
    }

    /// Announces to one tracker, over IPv4 and IPv6 where its name has both, and gives the peers of both. Takes
    /// [`ANNOUNCE_TIMEOUT`] at most. Dropping the future ends the announce.
    ///
    /// An address of the local network is asked only if the URL has no query: a torrent from afar must not talk to
    /// services at home.
    pub(crate) async fn announce(&self, url: &Url, request: &AnnounceRequest) -> Answer {
        let addresses = self.resolve(url).await?;
        let asks = self.asks()?;
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

    /// Asks one tracker for the counts of torrents, in their order; fewer if it tells fewer.
    pub(crate) async fn scrape(&self, url: &Url, info_hashes: Vec<[u8; 20]>) -> Counts {
        let addresses = self.resolve(url).await?;
        let to = addresses.iter().copied().min_by_key(SocketAddr::is_ipv6).ok_or_else(ends)?;
        let (reply, answer) = oneshot::channel();
        self.asks()?.send(Ask::Scrape { to, info_hashes, reply }).await.map_err(|_| ends())?;
        answer.await.map_err(|_| ends())?
    }

    /// The way to the task, which is started if nothing was asked before.
    fn asks(&self) -> Result<&mpsc::Sender<Ask>, AnnounceError> {
        let asks = self.asks.get_or_init(|| start(self.bind)).as_ref();
        asks.ok_or_else(|| AnnounceError::Unreachable("no UDP socket".into()))
    }

    /// The addresses that may be asked, at least one.
    async fn resolve(&self, url: &Url) -> Result<Vec<SocketAddr>, AnnounceError> {
        let host = url.host_str().ok_or(AnnounceError::BadUrl("it names no host"))?;
        let port = url.port().filter(|port| *port != 0).ok_or(AnnounceError::BadUrl("it names no port"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let unknown =
            |error: io::Error| AnnounceError::Unreachable(format!("{host} cannot be looked up: {error}"));
        let found = self.bind.look_up(host, port).await.map_err(unknown)?;
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
    let announce = Ask::Announce { to, url_data, request: Box::new(request.clone()), reply };
    asks.send(announce).await.map_err(|_| ends())?;
    let mut response = answer.await.map_err(|_| ends())??;
    if !is_local(to.ip()) {
        response.peers.retain(|peer| !is_local(peer.ip()));
    }
    Ok(response)
}

fn ends() -> AnnounceError {
    AnnounceError::Unreachable("the session ends".into())
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
fn start(bind: Bind) -> Option<mpsc::Sender<Ask>> {
    let open = |ip: IpAddr| match udp::open(bind, ip, 0) {
        Ok(socket) => Some(socket),
        Err(error) => {
            debug!(%ip, %error, "no socket for UDP trackers");
            None
        }
    };
    let v4 = bind.v4.and_then(|ip| open(ip.into()));
    let v6 = bind.v6.and_then(|ip| open(ip.into()));
    if v4.is_none() && v6.is_none() {
        return None;
    }
    let (asks, receiver) = mpsc::channel(UDP_ASK_QUEUE);
    let driver = Driver { v4, v6, client: UdpClient::new(fastrand::u64(..)), replies: BTreeMap::new() };
    tokio::spawn(driver.run(receiver));
    Some(asks)
}

/// The task: sockets on one side, the machine in the middle, those who wait on the other side.
struct Driver {
    v4: Option<UdpSocket>,
    v6: Option<UdpSocket>,
    client: UdpClient,
    replies: BTreeMap<UdpRequestKey, Reply>,
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
        let now = Instant::now();
        let (key, reply) = match ask {
            Ask::Announce { to, url_data, request, reply } => {
                let key = self.client.announce(now, to, &url_data, *request, ANNOUNCE_TIMEOUT);
                (key, Reply::Announce(reply))
            }
            Ask::Scrape { to, info_hashes, reply } => {
                (self.client.scrape(now, to, info_hashes, ANNOUNCE_TIMEOUT), Reply::Scrape(reply))
            }
        };
        self.replies.insert(key, reply);
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
                // An error means that the asker stopped waiting.
                UdpOutput::Announced(key, answer) => {
                    if let Some(Reply::Announce(reply)) = self.replies.remove(&key) {
                        let _ = reply.send(answer);
                    }
                }
                UdpOutput::Scraped(key, counts) => {
                    if let Some(Reply::Scrape(reply)) = self.replies.remove(&key) {
                        let _ = reply.send(counts);
                    }
                }
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

//! UDP trackers: names resolved, and one task that drives [`UdpClient`], over one socket a family or through a proxy.

mod ground;
mod locating;

use crate::http::{is_local, names_local};
use crate::limits::{LOCATE_TRIES, LOCATE_TRY, MAX_UDP_PACKET, SECOND_FAMILY_GRACE, UDP_ASK_QUEUE};
use crate::proxy::{Exit, Place, Relay, Traffic, UdpWay};
use ground::Ground;
use locating::Locating;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep_until, timeout};
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

/// The UDP trackers of a session. Its task starts with the first announce, and ends with this handle or with the way that
/// datagrams took.
#[derive(Debug)]
pub(crate) struct UdpTrackers {
    exit: Exit,
    line: Mutex<Option<Line>>,
}

/// The way to the task.
#[derive(Clone, Debug)]
struct Line {
    asks: mpsc::Sender<Ask>,
    /// How often the way out had changed when it began.
    changes: u64,
    relay: Option<Arc<Relay>>,
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
    /// Through a proxy: who answers to a name.
    Locate {
        place: Place,
        reply: oneshot::Sender<SocketAddr>,
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
    /// Trackers reached that way.
    pub(crate) const fn new(exit: Exit) -> Self {
        Self { exit, line: Mutex::new(None) }
    }

    /// Announces to one tracker, over IPv4 and IPv6 where its name has both, and gives the peers of both. Takes
    /// [`ANNOUNCE_TIMEOUT`] at most. Dropping the future ends the announce.
    ///
    /// An address of the local network is asked only if the URL has no query: a torrent from afar must not talk to
    /// services at home.
    pub(crate) async fn announce(&self, url: &Url, request: &AnnounceRequest) -> Answer {
        let line = self.line()?;
        tokio::select! {
            answer = self.announce_by(&line, url, request) => answer,
            () = self.exit.changed_since(line.changes) => Err(ends()),
        }
    }

    async fn announce_by(&self, line: &Line, url: &Url, request: &AnnounceRequest) -> Answer {
        let addresses = self.resolve(line, url).await?;
        let asks = &line.asks;
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
        let line = self.line()?;
        tokio::select! {
            counts = self.scrape_by(&line, url, info_hashes) => counts,
            () = self.exit.changed_since(line.changes) => Err(ends()),
        }
    }

    async fn scrape_by(&self, line: &Line, url: &Url, info_hashes: Vec<[u8; 20]>) -> Counts {
        let addresses = self.resolve(line, url).await?;
        let to = addresses.iter().copied().min_by_key(SocketAddr::is_ipv6).ok_or_else(ends)?;
        let (reply, answer) = oneshot::channel();
        line.asks.send(Ask::Scrape { to, info_hashes, reply }).await.map_err(|_| ends())?;
        answer.await.map_err(|_| ends())?
    }

    /// The way to the task, which is started if nothing was asked before, or only by another way.
    fn line(&self) -> Result<Line, AnnounceError> {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = self.exit.changes();
        if line.as_ref().is_none_or(|line| line.changes != changes) {
            *line = None;
            let way = self.exit.udp(Traffic::Trackers);
            let relay = if let UdpWay::Relayed(relay) = &way { Some(Arc::clone(relay)) } else { None };
            let ground = match way {
                UdpWay::Straight(bind) => Ground::open(bind),
                UdpWay::Relayed(relay) => Some(Ground::through(relay)),
                UdpWay::None => return Err(no_udp("an HTTP proxy carries no UDP")),
            };
            let ground = ground.ok_or_else(|| AnnounceError::Unreachable("no UDP socket".into()))?;
            *line = Some(Line { asks: start(ground), changes, relay });
        }
        line.clone().ok_or_else(ends)
    }

    /// The addresses that may be asked, at least one.
    async fn resolve(&self, line: &Line, url: &Url) -> Result<Vec<SocketAddr>, AnnounceError> {
        let host = url.host_str().ok_or(AnnounceError::BadUrl("it names no host"))?;
        let port = url.port().filter(|port| *port != 0).ok_or(AnnounceError::BadUrl("it names no port"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let may_be_local = url.query().is_none();
        let local = || AnnounceError::Unreachable("a local address with a query is not asked".into());
        if let Some(relay) = &line.relay {
            if names_local(host) && !may_be_local {
                return Err(local());
            }
            return Ok(vec![locate(line, relay, host, port).await?]);
        }
        let unknown =
            |error: io::Error| AnnounceError::Unreachable(format!("{host} cannot be looked up: {error}"));
        let found = self.exit.bind().look_up(host, port).await.map_err(unknown)?;
        if found.is_empty() {
            return Err(AnnounceError::Unreachable(format!(
                "{host} has no address that can be reached from here"
            )));
        }
        let allowed: Vec<SocketAddr> =
            found.into_iter().filter(|address| may_be_local || !is_local(address.ip())).collect();
        if allowed.is_empty() { Err(local()) } else { Ok(allowed) }
    }
}

/// The address of a tracker behind a proxy, which alone looks names up: it shows when the tracker answers.
async fn locate(line: &Line, relay: &Relay, host: &str, port: u16) -> Result<SocketAddr, AnnounceError> {
    relay.settled().await;
    if let Some(problem) = relay.problem() {
        return Err(no_udp(&problem));
    }
    let place = Place::new(host, port).ok_or(AnnounceError::BadUrl("its host's name is too long"))?;
    if let Place::Address(address) = place {
        return Ok(address);
    }
    for _ in 0..LOCATE_TRIES {
        let (reply, answer) = oneshot::channel();
        line.asks.send(Ask::Locate { place: place.clone(), reply }).await.map_err(|_| ends())?;
        if let Ok(found) = timeout(LOCATE_TRY, answer).await {
            return found.map_err(|_| ends());
        }
    }
    Err(AnnounceError::TimedOut)
}

/// Datagrams do not pass the proxy, and to go around it is not what a proxy is for.
fn no_udp(reason: &str) -> AnnounceError {
    AnnounceError::Unreachable(format!("a UDP tracker cannot be asked through the proxy: {reason}"))
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
    AnnounceError::Unreachable("the session ends, or goes another way from now on".into())
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

/// Starts the task.
fn start(ground: Ground) -> mpsc::Sender<Ask> {
    let (asks, receiver) = mpsc::channel(UDP_ASK_QUEUE);
    let (client, locating) = (UdpClient::new(fastrand::u64(..)), Locating::default());
    tokio::spawn(Driver { ground, client, replies: BTreeMap::new(), locating }.run(receiver));
    asks
}

/// The task: the network on one side, the machine in the middle, those who wait on the other side.
struct Driver {
    ground: Ground,
    client: UdpClient,
    replies: BTreeMap<UdpRequestKey, Reply>,
    locating: Locating,
}

impl Driver {
    async fn run(mut self, mut asks: mpsc::Receiver<Ask>) {
        let mut buffers = [vec![0; MAX_UDP_PACKET], vec![0; MAX_UDP_PACKET]];
        loop {
            let wake = self.client.poll_timeout();
            tokio::select! {
                ask = asks.recv() => match ask {
                    Some(ask) => self.handle_ask(ask),
                    None => return,
                },
                (from, bytes) = self.ground.receive(&mut buffers) => {
                    let now = Instant::now();
                    if !self.locating.handle_datagram(now, from, &bytes) {
                        self.client.handle_datagram(now, from, &bytes);
                    }
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
            Ask::Locate { place, reply } => {
                if let Some(packet) = self.locating.ask(now, &place, reply) {
                    self.ground.send_to_name(&place, &packet);
                }
                return;
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
                    if let Err(error) = self.ground.send(to, &packet).await {
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
}

//! A small tracker on real sockets, HTTP and UDP on one port number: for demonstrations, tests and a few friends.
//!
//! One task owns the [`Swarms`] and the UDP socket; each HTTP connection has a task that hands its question over.

mod http;

use crate::limits::{MAX_TRACKER_CONNECTIONS, MAX_TRACKER_REQUEST, RETRY_PAUSE, TRACKER_ASK_QUEUE};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::debug;
use tracker::limits::CONNECTION_ID_LIFE;
use tracker::server::{HttpRequest, ServerConfig, Swarms, announce_response, scrape_response};
use tracker::udp::{UdpRequest, UdpResponse};

/// Tries to find a port that is free for TCP and UDP alike, before giving up.
const PORT_ATTEMPTS: u32 = 16;

/// A tracker that runs as long as this handle lives.
#[derive(Debug)]
pub struct TrackerServer {
    address: SocketAddr,
    /// Ends with the handle.
    _tasks: JoinSet<()>,
}

/// A question of an HTTP client, for the task that knows the swarms.
struct Ask {
    from: IpAddr,
    request: HttpRequest,
    reply: oneshot::Sender<Vec<u8>>,
}

impl TrackerServer {
    /// Listens on `address`, TCP and UDP; with port 0 the system chooses one for both. Clients are told to announce
    /// every `interval`.
    pub async fn start(address: SocketAddr, interval: Duration) -> io::Result<Self> {
        let (listener, udp) = bind_both(address).await?;
        let address = listener.local_addr()?;
        let (asks, receiver) = mpsc::channel(TRACKER_ASK_QUEUE);
        let owner = Owner {
            swarms: Swarms::new(ServerConfig { interval }, fastrand::u64(..)),
            keys: RandomState::new(),
            started: Instant::now(),
            udp,
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(owner.run(receiver));
        tasks.spawn(accept(listener, asks));
        Ok(Self { address, _tasks: tasks })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its announce URL over HTTP.
    pub fn http_url(&self) -> String {
        format!("http://{}/announce", self.address)
    }

    /// Its announce URL over UDP.
    pub fn udp_url(&self) -> String {
        format!("udp://{}/announce", self.address)
    }
}

async fn bind_both(address: SocketAddr) -> io::Result<(TcpListener, UdpSocket)> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let listener = TcpListener::bind(address).await?;
        match UdpSocket::bind(listener.local_addr()?).await {
            Ok(udp) => return Ok((listener, udp)),
            Err(error) if address.port() != 0 || attempt == PORT_ATTEMPTS => return Err(error),
            Err(_) => {}
        }
    }
}

/// Takes HTTP connections in; beyond the limit, new ones wait in the system's queue.
async fn accept(listener: TcpListener, asks: mpsc::Sender<Ask>) {
    let slots = Arc::new(Semaphore::new(MAX_TRACKER_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, from)) => {
                let asks = asks.clone();
                connections.spawn(async move {
                    http::serve(stream, from.ip(), &asks).await;
                    drop(slot);
                });
            }
            Err(error) => {
                debug!(%error, "the tracker cannot accept");
                sleep(RETRY_PAUSE).await;
            }
        }
    }
}

/// The task that knows the swarms and answers over UDP.
struct Owner {
    swarms: Swarms,
    /// The secret behind connection ids.
    keys: RandomState,
    started: Instant,
    udp: UdpSocket,
}

impl Owner {
    async fn run(mut self, mut asks: mpsc::Receiver<Ask>) {
        let mut buffer = vec![0; MAX_TRACKER_REQUEST];
        loop {
            tokio::select! {
                ask = asks.recv() => match ask {
                    Some(Ask { from, request, reply }) => {
                        // An error means that the client went away.
                        let _ = reply.send(self.answer_http(from, &request));
                    }
                    None => return,
                },
                received = self.udp.recv_from(&mut buffer) => match received {
                    Ok((length, from)) => self.handle_datagram(from, &buffer[..length]).await,
                    Err(_) => sleep(RETRY_PAUSE).await,
                },
            }
        }
    }

    fn answer_http(&mut self, from: IpAddr, request: &HttpRequest) -> Vec<u8> {
        match request {
            HttpRequest::Announce { request, compact } => {
                let response = self.swarms.handle_announce(Instant::now(), from, request);
                announce_response(&response, *compact)
            }
            HttpRequest::Scrape { info_hashes } => {
                scrape_response(info_hashes.iter().map(|hash| (*hash, self.swarms.scrape(hash))))
            }
        }
    }

    async fn handle_datagram(&mut self, from: SocketAddr, bytes: &[u8]) {
        if let Some(answer) = self.answer_udp(from, bytes) {
            // A client that cannot be reached asks again.
            let _ = self.udp.send_to(&answer.encode(from.is_ipv6()), from).await;
        }
    }

    /// What a datagram is answered: nothing without a connection id given to its sender, so that a forged sender
    /// address gets no more than it sent.
    fn answer_udp(&mut self, from: SocketAddr, bytes: &[u8]) -> Option<UdpResponse> {
        match UdpRequest::decode(bytes)? {
            UdpRequest::Connect { transaction } => {
                let connection = self.connection_id(from, self.age());
                Some(UdpResponse::Connect { transaction, connection })
            }
            UdpRequest::Announce { connection, transaction, request, .. } => {
                self.is_known(from, connection).then(|| {
                    let response = self.swarms.handle_announce(Instant::now(), from.ip(), &request);
                    UdpResponse::Announce { transaction, response }
                })
            }
            UdpRequest::Scrape { connection, transaction, info_hashes } => {
                self.is_known(from, connection).then(|| {
                    let counts = info_hashes.iter().map(|hash| self.swarms.scrape(hash)).collect();
                    UdpResponse::Scrape { transaction, counts }
                })
            }
        }
    }

    /// Connection ids change each minute; those of this and the last two serve (BEP 15 asks for two minutes).
    fn is_known(&self, from: SocketAddr, connection: u64) -> bool {
        let age = self.age();
        (age.saturating_sub(2)..=age).any(|age| self.connection_id(from, age) == connection)
    }

    fn connection_id(&self, from: SocketAddr, age: u64) -> u64 {
        self.keys.hash_one((from, age))
    }

    /// Minutes since the start.
    fn age(&self) -> u64 {
        self.started.elapsed().as_secs() / CONNECTION_ID_LIFE.as_secs()
    }
}

#[cfg(test)]
mod tests;

//! The client of UDP trackers: connection ids, transactions, repetitions (BEP 15).
//!
//! A request waits for its tracker's connection id, which all requests to one address share, then leaves under a
//! transaction id of its own. An answer counts only if it comes from the address asked, with the id of a request
//! under way, and fits what was asked; each id serves once. Everything else is ignored.

use crate::announce::{AnnounceError, AnnounceRequest, AnnounceResponse, ScrapeCounts};
use crate::limits::{
    CONNECTION_ID_LIFE, MAX_UDP_CONNECTIONS, MAX_UDP_REQUESTS, UDP_MAX_DOUBLINGS, UDP_RETRY,
};
use crate::udp::packet::{UdpRequest, UdpResponse};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Names one request of one [`UdpClient`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct UdpRequestKey(pub u64);

/// What a [`UdpClient`] wants done or has to tell.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum UdpOutput {
    /// Send a datagram from the socket of the address's family.
    Transmit {
        /// Where to.
        to: SocketAddr,
        /// The whole payload.
        packet: Vec<u8>,
    },
    /// The end of an announce.
    Announced(UdpRequestKey, Result<AnnounceResponse, AnnounceError>),
    /// The end of a scrape: counts in the order asked, fewer if the tracker sent fewer.
    Scraped(UdpRequestKey, Result<Vec<ScrapeCounts>, AnnounceError>),
}

/// A client of UDP trackers, for all torrents of a session and both families.
#[derive(Debug)]
pub struct UdpClient {
    rng: fastrand::Rng,
    next_key: u64,
    requests: BTreeMap<UdpRequestKey, Request>,
    connections: BTreeMap<SocketAddr, Connection>,
    outputs: VecDeque<UdpOutput>,
}

#[derive(Debug)]
struct Request {
    address: SocketAddr,
    question: Question,
    give_up_at: Instant,
    /// `None` while it waits for a connection id.
    flight: Option<Flight>,
    /// A connection id was asked for on behalf of this request: another is not.
    connected_afresh: bool,
    repetitions: u32,
}

#[derive(Debug)]
enum Question {
    Announce(Box<AnnounceRequest>, Vec<u8>),
    Scrape(Vec<[u8; 20]>),
}

#[derive(Debug)]
enum Connection {
    Asking(Flight, u32),
    Known { id: u64, until: Instant },
}

/// A packet under way.
#[derive(Clone, Copy, Debug)]
struct Flight {
    transaction: u32,
    repeat_at: Instant,
}

impl Flight {
    fn new(now: Instant, transaction: u32, repetitions: u32) -> Self {
        Self { transaction, repeat_at: now + UDP_RETRY * (1 << repetitions.min(UDP_MAX_DOUBLINGS)) }
    }
}

impl UdpClient {
    /// A client that knows nothing yet.
    pub fn new(seed: u64) -> Self {
        Self {
            rng: fastrand::Rng::with_seed(seed),
            next_key: 0,
            requests: BTreeMap::new(),
            connections: BTreeMap::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Asks a tracker for peers. `url_data`: path and query of its URL (BEP 41, see [`url_data`](crate::udp::url_data)).
    /// The end comes as [`UdpOutput::Announced`] within `timeout`.
    pub fn announce(
        &mut self,
        now: Instant,
        address: SocketAddr,
        url_data: &str,
        mut request: AnnounceRequest,
        timeout: Duration,
    ) -> UdpRequestKey {
        if address.is_ipv6() {
            // The field holds an IPv4 address, and BEP 15 wants it zero over IPv6.
            request.ipv4 = None;
        }
        self.ask(now, address, Question::Announce(Box::new(request), url_data.as_bytes().to_vec()), timeout)
    }

    /// Asks a tracker for counts of at most [`MAX_SCRAPE_HASHES`](crate::limits::MAX_SCRAPE_HASHES) torrents.
    /// The end comes as [`UdpOutput::Scraped`] within `timeout`.
    pub fn scrape(
        &mut self,
        now: Instant,
        address: SocketAddr,
        info_hashes: Vec<[u8; 20]>,
        timeout: Duration,
    ) -> UdpRequestKey {
        self.ask(now, address, Question::Scrape(info_hashes), timeout)
    }

    /// Forgets a request; its end is not told.
    pub fn cancel(&mut self, key: UdpRequestKey) {
        if let Some(request) = self.requests.remove(&key) {
            self.drop_idle_connection(request.address);
        }
    }

    /// Datagrams to this address cannot be sent: what waits for it fails at once.
    pub fn handle_unreachable(&mut self, address: SocketAddr, reason: &str) {
        let lost: Vec<UdpRequestKey> = self
            .requests
            .iter()
            .filter(|(_, request)| request.address == address)
            .map(|(key, _)| *key)
            .collect();
        for key in lost {
            self.finish(key, AnnounceError::Unreachable(reason.to_owned()));
        }
    }

    /// A datagram came in.
    pub fn handle_datagram(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        let Some(response) = UdpResponse::decode(bytes, from.is_ipv6()) else { return };
        let transaction = response.transaction();
        if self.is_asking(from, transaction) {
            match response {
                UdpResponse::Connect { connection, .. } => self.connected(now, from, connection),
                UdpResponse::Error { message, .. } => self.connection_refused(from, &message),
                UdpResponse::Announce { .. } | UdpResponse::Scrape { .. } => {}
            }
            return;
        }
        let answered = self.requests.iter().find(|(_, request)| {
            request.address == from && request.flight.is_some_and(|flight| flight.transaction == transaction)
        });
        if let Some((key, _)) = answered {
            self.answered(now, *key, response);
        }
    }

    /// Time has passed: repeats, gives up, forgets.
    pub fn handle_timeout(&mut self, now: Instant) {
        let late: Vec<UdpRequestKey> = self
            .requests
            .iter()
            .filter(|(_, request)| request.give_up_at <= now)
            .map(|(key, _)| *key)
            .collect();
        for key in late {
            self.finish(key, AnnounceError::TimedOut);
        }
        self.repeat_connects(now);
        self.connections.retain(|_, connection| match connection {
            Connection::Asking(..) => true,
            Connection::Known { until, .. } => *until > now,
        });
        let unanswered: Vec<UdpRequestKey> = self
            .requests
            .iter()
            .filter(|(_, request)| request.flight.is_some_and(|flight| flight.repeat_at <= now))
            .map(|(key, _)| *key)
            .collect();
        for key in unanswered {
            if let Some(request) = self.requests.get_mut(&key) {
                request.repetitions += 1;
                request.flight = None;
            }
            self.advance(now, key);
        }
    }

    /// The next thing to do or to hear; drain to `None`.
    pub fn poll_output(&mut self) -> Option<UdpOutput> {
        self.outputs.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub fn poll_timeout(&self) -> Option<Instant> {
        let requests = self.requests.values().map(|request| {
            request.flight.map_or(request.give_up_at, |flight| flight.repeat_at.min(request.give_up_at))
        });
        let connections = self.connections.values().map(|connection| match connection {
            Connection::Asking(flight, _) => flight.repeat_at,
            Connection::Known { until, .. } => *until,
        });
        requests.chain(connections).min()
    }

    fn ask(
        &mut self,
        now: Instant,
        address: SocketAddr,
        question: Question,
        timeout: Duration,
    ) -> UdpRequestKey {
        let key = UdpRequestKey(self.next_key);
        self.next_key += 1;
        let request = Request {
            address,
            question,
            give_up_at: now + timeout,
            flight: None,
            connected_afresh: false,
            repetitions: 0,
        };
        let full = self.requests.len() >= MAX_UDP_REQUESTS;
        self.requests.insert(key, request);
        if full {
            self.finish(key, AnnounceError::Unreachable("too many announces at once".into()));
        } else {
            self.advance(now, key);
        }
        key
    }

    /// Takes a request as far as it can go: onto the wire, or to the wait for a connection id.
    fn advance(&mut self, now: Instant, key: UdpRequestKey) {
        let Some(request) = self.requests.get_mut(&key) else { return };
        match self.connections.get(&request.address) {
            Some(Connection::Known { id, until }) if *until > now => {
                let transaction = self.rng.u32(..);
                request.flight = Some(Flight::new(now, transaction, request.repetitions));
                let packet = request.question.packet(*id, transaction);
                self.outputs.push_back(UdpOutput::Transmit { to: request.address, packet });
            }
            Some(Connection::Asking(..)) => request.connected_afresh = true,
            _ => {
                request.connected_afresh = true;
                let (address, repetitions) = (request.address, request.repetitions);
                self.make_room();
                self.connect(now, address, repetitions);
            }
        }
    }

    fn connect(&mut self, now: Instant, to: SocketAddr, repetitions: u32) {
        let transaction = self.rng.u32(..);
        self.connections
            .insert(to, Connection::Asking(Flight::new(now, transaction, repetitions), repetitions));
        self.outputs
            .push_back(UdpOutput::Transmit { to, packet: UdpRequest::Connect { transaction }.encode() });
    }

    /// Makes room for one more connection: the id that ends soonest goes. Those being asked for are as few as
    /// the requests.
    fn make_room(&mut self) {
        if self.connections.len() < MAX_UDP_CONNECTIONS {
            return;
        }
        let known = self.connections.iter().filter_map(|(address, connection)| match connection {
            Connection::Known { until, .. } => Some((*until, *address)),
            Connection::Asking(..) => None,
        });
        if let Some((_, address)) = known.min() {
            self.connections.remove(&address);
        }
    }

    fn is_asking(&self, address: SocketAddr, transaction: u32) -> bool {
        matches!(self.connections.get(&address),
            Some(Connection::Asking(flight, _)) if flight.transaction == transaction)
    }

    fn connected(&mut self, now: Instant, address: SocketAddr, id: u64) {
        self.connections.insert(address, Connection::Known { id, until: now + CONNECTION_ID_LIFE });
        for key in self.waiting_for(address) {
            self.advance(now, key);
        }
    }

    fn connection_refused(&mut self, address: SocketAddr, message: &str) {
        for key in self.waiting_for(address) {
            self.finish(key, refused(message));
        }
        self.drop_idle_connection(address);
    }

    fn waiting_for(&self, address: SocketAddr) -> Vec<UdpRequestKey> {
        let waits = |request: &Request| request.address == address && request.flight.is_none();
        self.requests.iter().filter(|(_, request)| waits(request)).map(|(key, _)| *key).collect()
    }

    fn answered(&mut self, now: Instant, key: UdpRequestKey, response: UdpResponse) {
        let Some(request) = self.requests.get_mut(&key) else { return };
        match (&request.question, response) {
            (Question::Announce(..), UdpResponse::Announce { response, .. }) => {
                self.requests.remove(&key);
                self.outputs.push_back(UdpOutput::Announced(key, Ok(response)));
            }
            (Question::Scrape(info_hashes), UdpResponse::Scrape { mut counts, .. }) => {
                counts.truncate(info_hashes.len());
                self.requests.remove(&key);
                self.outputs.push_back(UdpOutput::Scraped(key, Ok(counts)));
            }
            (_, UdpResponse::Error { message, .. }) => {
                // A tracker that restarted does not know an id it gave before: one new id is asked for.
                let address = request.address;
                if request.connected_afresh {
                    self.finish(key, refused(&message));
                } else {
                    request.flight = None;
                    if matches!(self.connections.get(&address), Some(Connection::Known { .. })) {
                        self.connections.remove(&address);
                    }
                    self.advance(now, key);
                }
            }
            _ => {}
        }
    }

    fn repeat_connects(&mut self, now: Instant) {
        let unanswered: Vec<(SocketAddr, u32)> = self
            .connections
            .iter()
            .filter_map(|(address, connection)| match connection {
                Connection::Asking(flight, repetitions) if flight.repeat_at <= now => {
                    Some((*address, *repetitions))
                }
                _ => None,
            })
            .collect();
        for (address, repetitions) in unanswered {
            self.connect(now, address, repetitions + 1);
        }
    }

    fn finish(&mut self, key: UdpRequestKey, error: AnnounceError) {
        let Some(request) = self.requests.remove(&key) else { return };
        self.outputs.push_back(match request.question {
            Question::Announce(..) => UdpOutput::Announced(key, Err(error)),
            Question::Scrape(_) => UdpOutput::Scraped(key, Err(error)),
        });
        self.drop_idle_connection(request.address);
    }

    /// Nobody waits for this connection id any more: it is not asked for again.
    fn drop_idle_connection(&mut self, address: SocketAddr) {
        let asking = matches!(self.connections.get(&address), Some(Connection::Asking(..)));
        if asking && self.waiting_for(address).is_empty() {
            self.connections.remove(&address);
        }
    }
}

impl Question {
    fn packet(&self, connection: u64, transaction: u32) -> Vec<u8> {
        match self {
            Self::Announce(request, url_data) => UdpRequest::Announce {
                connection,
                transaction,
                request: request.as_ref().clone(),
                url_data: url_data.clone(),
            },
            Self::Scrape(hashes) => {
                UdpRequest::Scrape { connection, transaction, info_hashes: hashes.clone() }
            }
        }
        .encode()
    }
}

fn refused(message: &str) -> AnnounceError {
    let reason = if message.is_empty() { "no reason given".to_owned() } else { message.to_owned() };
    AnnounceError::Refused { reason, retry: None }
}

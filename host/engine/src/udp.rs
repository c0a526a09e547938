//! UDP beside the listener: one port for each address family, shared by uTP and the DHT. A port is a socket of ours, or a
//! part of what goes through a proxy.
//!
//! One task a port receives many datagrams in one system call, tells whose they are, and sends what uTP has to send, a
//! batch in one call as well. The DHT is handed its datagrams through a channel and sends by itself.

mod marked;
mod socket;

pub(crate) use socket::{Socket, open};

use crate::bind::{Bind, PeerSockets};
use crate::limits::{MAX_DHT_PACKET, RELAY_PATIENCE, UDP_BUFFER, UDP_BUFFERS, UDP_DHT_QUEUE};
use crate::proxy::{Place, Relay, UdpWay};
use crate::utp::{Streams, UtpStream};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::mpsc;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{sleep_until, timeout};
use tracing::debug;

/// A datagram for the DHT and who sent it.
pub(crate) type DhtDatagram = (SocketAddr, Vec<u8>);

/// One family's datagrams.
pub(crate) struct Port {
    line: Line,
    is_v4: bool,
    pub(crate) streams: Streams,
    /// Who takes the streams that others open, while they may.
    incoming: Mutex<Option<mpsc::Sender<IncomingStream>>>,
    /// The DHT, while it is on.
    dht: Mutex<Option<mpsc::Sender<DhtDatagram>>>,
    /// Another port has taken its place: it ends with its last stream.
    is_replaced: AtomicBool,
}

/// What the datagrams of a port go over.
enum Line {
    Own(Socket),
    Relayed(Arc<Relay>),
}

/// The ports and their tasks, which end with this.
pub(crate) struct Udp {
    /// IPv4 and IPv6.
    ports: [Option<Arc<Port>>; 2],
    way: UdpWay,
    tasks: JoinSet<()>,
}

/// A stream that another opened, and who did.
pub(crate) type IncomingStream = (UtpStream, SocketAddr);

impl Udp {
    /// Opens sockets at `port`, or at any port where that is taken.
    pub(crate) fn start(bind: Bind, port: u16) -> Self {
        let open = |ip: IpAddr| match Socket::open(bind, ip, port) {
            Ok(socket) => Some(Port::new(Line::Own(socket), ip.is_ipv4())),
            Err(error) => {
                debug!(%ip, %error, "no UDP socket");
                None
            }
        };
        let ports = [bind.v4.and_then(|ip| open(ip.into())), bind.v6.and_then(|ip| open(ip.into()))];
        Self::run(ports, UdpWay::Straight(bind))
    }

    /// Has all datagrams go by way of a proxy.
    pub(crate) fn through(relay: Arc<Relay>) -> Self {
        let ports = [true, false].map(|is_v4| Port::new(Line::Relayed(Arc::clone(&relay)), is_v4));
        relay.deliver_to(ports.each_ref().map(Arc::downgrade));
        Self::run(ports.map(Some), UdpWay::Relayed(relay))
    }

    fn run(ports: [Option<Arc<Port>>; 2], way: UdpWay) -> Self {
        let mut tasks = JoinSet::new();
        for port in ports.iter().flatten() {
            tasks.spawn(Task { port: Arc::clone(port), blocked: None }.run());
        }
        Self { ports, way, tasks }
    }

    /// How the datagrams leave.
    pub(crate) const fn way(&self) -> &UdpWay {
        &self.way
    }

    /// Sends the streams that others open there from now on; nowhere: they are refused.
    pub(crate) fn accept(&self, incoming: Option<&mpsc::Sender<IncomingStream>>) {
        for port in self.ports.iter().flatten() {
            *port.incoming.lock().unwrap_or_else(PoisonError::into_inner) = incoming.cloned();
        }
    }

    /// Marks what is sent from now on.
    pub(crate) fn mark(&self, sockets: &PeerSockets) {
        for port in self.ports.iter().flatten() {
            if let Line::Own(socket) = &port.line {
                socket.mark(sockets);
            }
        }
    }

    /// Others have taken the place of these ports: they go on for the streams that stand, and no longer.
    pub(crate) fn retire(mut self) {
        self.accept(None);
        for port in self.ports.iter().flatten() {
            port.is_replaced.store(true, Ordering::Relaxed);
            port.streams.wake();
        }
        self.tasks.detach_all();
    }

    /// The ports of IPv4 and IPv6.
    pub(crate) const fn ports(&self) -> &[Option<Arc<Port>>; 2] {
        &self.ports
    }
}

impl Port {
    fn new(line: Line, is_v4: bool) -> Arc<Self> {
        let streams = match &line {
            Line::Own(_) => Streams::new(fastrand::u64(..)),
            Line::Relayed(_) => Streams::wrapped(fastrand::u64(..), Relay::bytes_around(is_v4)),
        };
        Arc::new(Self {
            line,
            is_v4,
            streams,
            incoming: Mutex::default(),
            dht: Mutex::default(),
            is_replaced: AtomicBool::new(false),
        })
    }

    /// From now on the datagrams of the DHT arrive here.
    pub(crate) fn hand_over_dht(&self) -> mpsc::Receiver<DhtDatagram> {
        let (sender, receiver) = mpsc::channel(UDP_DHT_QUEUE);
        *self.dht.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        receiver
    }

    pub(crate) const fn is_v4(&self) -> bool {
        self.is_v4
    }

    /// The port it is bound to; 0 where that is not ours.
    pub(crate) fn number(&self) -> u16 {
        if let Line::Own(socket) = &self.line { socket.number() } else { 0 }
    }

    /// Whether datagrams can leave now.
    pub(crate) fn is_up(&self) -> bool {
        if let Line::Relayed(relay) = &self.line { relay.is_up() } else { true }
    }

    /// Waits until it is known whether they can.
    pub(crate) async fn settled(&self) {
        if let Line::Relayed(relay) = &self.line {
            relay.settled().await;
        }
    }

    /// Waits until datagrams can leave: what is sent before is lost. A proxy is not waited for for ever.
    pub(crate) async fn begins(&self) {
        match &self.line {
            Line::Own(socket) => socket.writable().await,
            Line::Relayed(relay) => {
                // A later association serves as well.
                let _ = timeout(RELAY_PATIENCE, relay.up()).await;
            }
        }
    }

    /// Sends one datagram at once or not at all: it may be lost anyway.
    pub(crate) fn try_send(&self, to: SocketAddr, datagram: &[u8]) {
        match &self.line {
            Line::Own(socket) => socket.try_send(to, datagram),
            Line::Relayed(relay) => relay.try_send(&Place::Address(to), datagram),
        }
    }

    /// Sends one datagram to a place that only a proxy can look up; without one it is not sent.
    pub(crate) fn try_send_to(&self, to: &Place, datagram: &[u8]) {
        if let Line::Relayed(relay) = &self.line {
            relay.try_send(to, datagram);
        }
    }

    fn send(&self, to: SocketAddr, contents: &[u8], segment: usize) -> io::Result<()> {
        match &self.line {
            Line::Own(socket) => socket.send(to, contents, segment),
            Line::Relayed(relay) => relay.send(to, contents, segment),
        }
    }

    fn send_fragmentable(&self, to: SocketAddr, contents: &[u8]) {
        match &self.line {
            Line::Own(socket) => socket.send_fragmentable(to, contents),
            Line::Relayed(relay) => relay.send_fragmentable(to, contents),
        }
    }

    async fn writable(&self) {
        match &self.line {
            Line::Own(socket) => socket.writable().await,
            Line::Relayed(relay) => relay.writable().await,
        }
    }

    /// Waits for datagrams; for ever where others bring them.
    async fn readable(&self) {
        match &self.line {
            Line::Own(socket) => socket.readable().await,
            Line::Relayed(_) => std::future::pending().await,
        }
    }

    /// A datagram came through the proxy.
    pub(crate) fn take(&self, from: SocketAddr, datagram: &[u8]) {
        self.deliver(from, std::iter::once(datagram));
        self.streams.wake();
    }

    /// Gives datagrams of one sender to whom they are for.
    fn deliver<'a>(&self, from: SocketAddr, datagrams: impl Iterator<Item = &'a [u8]>) {
        let for_others = self.streams.handle_datagrams(from, datagrams);
        let dht = self.dht.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(dht) = dht.as_ref() else { return };
        for datagram in for_others.into_iter().filter(|datagram| datagram.len() <= MAX_DHT_PACKET) {
            // One that is overwhelmed or gone misses it.
            let _ = dht.try_send((from, datagram.to_vec()));
        }
    }
}

/// Datagrams that found the socket full.
struct Blocked {
    to: SocketAddr,
    contents: Vec<u8>,
    segment: usize,
}

/// The task of one port.
struct Task {
    port: Arc<Port>,
    blocked: Option<Blocked>,
}

impl Task {
    async fn run(mut self) {
        let port = Arc::clone(&self.port);
        let mut memory =
            if let Line::Own(_) = port.line { vec![0; UDP_BUFFERS * UDP_BUFFER] } else { Vec::new() };
        while !port.is_replaced.load(Ordering::Relaxed) || !port.streams.are_over() {
            let wake = port.streams.wakes_at();
            tokio::select! {
                () = port.readable() => {
                    if let Line::Own(socket) = &port.line {
                        socket.receive(&mut memory, |from, datagrams| port.deliver(from, datagrams));
                    }
                }
                () = port.writable(), if self.blocked.is_some() => {}
                () = port.streams.wanted() => {}
                () = sleep_until(wake.unwrap_or_else(Instant::now).into()), if wake.is_some() => {
                    port.streams.handle_timeout();
                }
            }
            let incoming = port.incoming.lock().unwrap_or_else(PoisonError::into_inner).clone();
            port.streams.tell(&port, incoming.as_ref());
            self.transmit();
            // Those who were told get their turn before more is received for them.
            yield_now().await;
        }
    }

    /// Sends what there is to send, until the socket is full.
    fn transmit(&mut self) {
        let port = &self.port;
        if let Some(Blocked { to, contents, segment }) = self.blocked.take()
            && port.send(to, &contents, segment).is_err()
        {
            self.blocked = Some(Blocked { to, contents, segment });
            return;
        }
        let blocked = &mut self.blocked;
        port.streams.transmit(|transmit| {
            let (to, segment) = (transmit.to, transmit.segment_size);
            if transmit.may_fragment {
                transmit.datagrams().for_each(|datagram| port.send_fragmentable(to, datagram));
            } else if port.send(to, transmit.contents, segment).is_err() {
                *blocked = Some(Blocked { to, contents: transmit.contents.to_vec(), segment });
            }
            blocked.is_none()
        });
    }
}

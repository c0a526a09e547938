//! The UDP socket beside the listener: one for each address family, shared by uTP and the DHT.
//!
//! One task a socket receives many datagrams in one system call, tells whose they are, and sends what uTP has to send, a
//! batch in one call as well. The DHT is handed its datagrams through a channel and sends by itself.

mod marked;

use crate::bind::{Bind, PeerSockets};
use crate::limits::{
    MAX_DHT_PACKET, UDP_BUFFER, UDP_BUFFERS, UDP_BURST, UDP_DHT_QUEUE, UDP_RECEIVES_A_TURN, UDP_SOCKET_BUFFER,
};
use crate::utp::{Streams, UtpStream};
use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::{JoinSet, yield_now};
use tokio::time::sleep_until;
use tracing::debug;

/// A datagram for the DHT and who sent it.
pub(crate) type DhtDatagram = (SocketAddr, Vec<u8>);

/// A socket.
pub(crate) struct Port {
    socket: UdpSocket,
    state: UdpSocketState,
    pub(crate) streams: Streams,
    /// Who takes the streams that others open, while they may.
    incoming: Mutex<Option<mpsc::Sender<IncomingStream>>>,
    /// The DHT, while it is on.
    dht: Mutex<Option<mpsc::Sender<DhtDatagram>>>,
    /// Datagrams bear a traffic class of ours.
    is_marked: AtomicBool,
    /// Another socket has taken its place: it ends with its last stream.
    is_replaced: AtomicBool,
}

/// The sockets and their tasks, which end with this.
pub(crate) struct Udp {
    /// IPv4 and IPv6.
    ports: [Option<Arc<Port>>; 2],
    bind: Bind,
    tasks: JoinSet<()>,
}

/// A stream that another opened, and who did.
pub(crate) type IncomingStream = (UtpStream, SocketAddr);

impl Udp {
    /// Opens the sockets at `port`, or at any port where that is taken.
    pub(crate) fn start(bind: Bind, port: u16) -> Self {
        let open = |ip: IpAddr| match Port::open(bind, ip, port) {
            Ok(port) => Some(Arc::new(port)),
            Err(error) => {
                debug!(%ip, %error, "no UDP socket");
                None
            }
        };
        let ports = [bind.v4.and_then(|ip| open(ip.into())), bind.v6.and_then(|ip| open(ip.into()))];
        let mut tasks = JoinSet::new();
        for port in ports.iter().flatten() {
            tasks.spawn(Task { port: Arc::clone(port), blocked: None }.run());
        }
        Self { ports, bind, tasks }
    }

    /// What the sockets are bound to.
    pub(crate) const fn bind(&self) -> Bind {
        self.bind
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
            port.is_marked.store(sockets.traffic_class.is_some(), Ordering::Relaxed);
            if let Ok(own) = port.socket.local_addr() {
                sockets.mark(&port.socket, own.ip());
            }
        }
    }

    /// Others have taken the place of these sockets: they go on for the streams that stand, and no longer.
    pub(crate) fn retire(mut self) {
        self.accept(None);
        for port in self.ports.iter().flatten() {
            port.is_replaced.store(true, Ordering::Relaxed);
            port.streams.wake();
        }
        self.tasks.detach_all();
    }

    /// The sockets of IPv4 and IPv6.
    pub(crate) const fn ports(&self) -> &[Option<Arc<Port>>; 2] {
        &self.ports
    }
}

impl Port {
    fn open(bind: Bind, ip: IpAddr, port: u16) -> io::Result<Self> {
        let socket = open(bind, ip, port).or_else(|_| open(bind, ip, 0))?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        for set in [UdpSocketState::set_recv_buffer_size, UdpSocketState::set_send_buffer_size] {
            // The system gives less without asking back; only a socket that is none fails.
            let _ = set(&state, UdpSockRef::from(&socket), UDP_SOCKET_BUFFER);
        }
        Ok(Self {
            socket,
            state,
            streams: Streams::new(fastrand::u64(..)),
            incoming: Mutex::default(),
            dht: Mutex::default(),
            is_marked: AtomicBool::new(false),
            is_replaced: AtomicBool::new(false),
        })
    }

    /// From now on the datagrams of the DHT arrive here.
    pub(crate) fn hand_over_dht(&self) -> mpsc::Receiver<DhtDatagram> {
        let (sender, receiver) = mpsc::channel(UDP_DHT_QUEUE);
        *self.dht.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        receiver
    }

    pub(crate) fn is_v4(&self) -> bool {
        self.socket.local_addr().is_ok_and(|address| address.is_ipv4())
    }

    /// The port it is bound to.
    pub(crate) fn number(&self) -> u16 {
        self.socket.local_addr().map_or(0, |address| address.port())
    }

    /// Waits until the system says that the socket takes datagrams: until then [`Self::try_send`] sends none.
    pub(crate) async fn writable(&self) {
        // An error is one that sending meets as well.
        let _ = self.socket.writable().await;
    }

    /// Sends one datagram at once or not at all: it may be lost anyway.
    pub(crate) fn try_send(&self, to: SocketAddr, datagram: &[u8]) {
        let _ = self.socket.try_send_to(datagram, to);
    }

    /// Sends datagrams of `segment` bytes each. Errors other than a full socket are those of the path: datagrams get
    /// lost there.
    fn send(&self, to: SocketAddr, contents: &[u8], segment: usize) -> io::Result<()> {
        let is_marked = self.is_marked.load(Ordering::Relaxed);
        let most =
            if is_marked && !marked::CAN_BATCH { 1 } else { self.state.max_gso_segments().min(UDP_BURST) };
        for contents in contents.chunks((segment * most).max(1)) {
            let sent = self.socket.try_io(Interest::WRITABLE, || {
                if is_marked {
                    return marked::send(&self.socket, to, contents, segment);
                }
                let segment_size = (contents.len() > segment).then_some(segment);
                let transmit = Transmit { destination: to, ecn: None, contents, segment_size, src_ip: None };
                self.state.try_send(UdpSockRef::from(&self.socket), &transmit)
            });
            if let Err(error) = sent
                && error.kind() == io::ErrorKind::WouldBlock
            {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Sends datagrams that the network may cut to pieces.
    fn send_fragmentable(&self, to: SocketAddr, contents: &[u8]) {
        use rustix::net::sockopt::{self, Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery};
        // Rare enough for two more system calls: packets made before a path turned narrow.
        let set = |may: bool| {
            if to.is_ipv4() {
                let value = if may { Ipv4PathMtuDiscovery::DONT } else { Ipv4PathMtuDiscovery::PROBE };
                let _ = sockopt::set_ip_mtu_discover(&self.socket, value);
            } else {
                let value = if may { Ipv6PathMtuDiscovery::DONT } else { Ipv6PathMtuDiscovery::PROBE };
                let _ = sockopt::set_ipv6_mtu_discover(&self.socket, value);
            }
        };
        set(true);
        self.try_send(to, contents);
        set(false);
    }
}

/// A socket of one family only; port 0 lets the system choose.
pub(crate) fn open(bind: Bind, ip: IpAddr, port: u16) -> io::Result<UdpSocket> {
    let address = SocketAddr::new(ip, port);
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::DGRAM, None)?;
    bind.hold(&socket)?;
    if ip.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

/// Datagrams that found the socket full.
struct Blocked {
    to: SocketAddr,
    contents: Vec<u8>,
    segment: usize,
}

/// The task of one socket.
struct Task {
    port: Arc<Port>,
    blocked: Option<Blocked>,
}

impl Task {
    async fn run(mut self) {
        let mut memory = vec![0; UDP_BUFFERS * UDP_BUFFER];
        let port = Arc::clone(&self.port);
        while !port.is_replaced.load(Ordering::Relaxed) || !port.streams.are_over() {
            let wake = port.streams.wakes_at();
            tokio::select! {
                _ = port.socket.readable() => self.receive(&mut memory),
                _ = port.socket.writable(), if self.blocked.is_some() => {}
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

    fn receive(&mut self, memory: &mut [u8]) {
        let port = &self.port;
        let mut meta = [RecvMeta::default(); UDP_BUFFERS];
        for _ in 0..UDP_RECEIVES_A_TURN {
            let mut chunks = memory.chunks_mut(UDP_BUFFER);
            let mut slices: [IoSliceMut<'_>; UDP_BUFFERS] =
                std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
            let received = port.socket.try_io(Interest::READABLE, || {
                port.state.recv(UdpSockRef::from(&port.socket), &mut slices, &mut meta)
            });
            // An error is an ICMP message about some earlier packet, which anybody can forge: it says nothing.
            let Ok(count) = received else { return };
            for (buffer, meta) in memory.chunks(UDP_BUFFER).zip(&meta).take(count) {
                let datagrams = buffer.get(..meta.len).unwrap_or_default().chunks(meta.stride.max(1));
                self.deliver(meta.addr, datagrams);
            }
            if count < UDP_BUFFERS {
                return;
            }
        }
    }

    /// Gives datagrams of one sender to whom they are for.
    fn deliver<'a>(&self, from: SocketAddr, datagrams: impl Iterator<Item = &'a [u8]>) {
        let for_others = self.port.streams.handle_datagrams(from, datagrams);
        let dht = self.port.dht.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(dht) = dht.as_ref() else { return };
        for datagram in for_others.into_iter().filter(|datagram| datagram.len() <= MAX_DHT_PACKET) {
            // One that is overwhelmed or gone misses it.
            let _ = dht.try_send((from, datagram.to_vec()));
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

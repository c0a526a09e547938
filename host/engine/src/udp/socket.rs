//! One UDP socket: many datagrams in one system call, each way.

use super::marked;
use crate::bind::{Bind, PeerSockets};
use crate::limits::{UDP_BUFFER, UDP_BUFFERS, UDP_BURST, UDP_RECEIVES_A_TURN, UDP_SOCKET_BUFFER};
use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::slice::Chunks;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// A socket of one family.
pub(crate) struct Socket {
    inner: UdpSocket,
    state: UdpSocketState,
    /// Datagrams bear a traffic class of ours.
    is_marked: AtomicBool,
}

impl Socket {
    /// At `port`, or at any where that is taken.
    pub(crate) fn open(bind: Bind, ip: IpAddr, port: u16) -> io::Result<Self> {
        let socket = open(bind, ip, port).or_else(|_| open(bind, ip, 0))?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        for set in [UdpSocketState::set_recv_buffer_size, UdpSocketState::set_send_buffer_size] {
            // The system gives less without asking back; only a socket that is none fails.
            let _ = set(&state, UdpSockRef::from(&socket), UDP_SOCKET_BUFFER);
        }
        Ok(Self { inner: socket, state, is_marked: AtomicBool::new(false) })
    }

    /// The port it is bound to.
    pub(super) fn number(&self) -> u16 {
        self.inner.local_addr().map_or(0, |address| address.port())
    }

    /// Marks what is sent from now on.
    pub(super) fn mark(&self, sockets: &PeerSockets) {
        self.is_marked.store(sockets.traffic_class.is_some(), Ordering::Relaxed);
        if let Ok(own) = self.inner.local_addr() {
            sockets.mark(&self.inner, own.ip());
        }
    }

    /// Waits for datagrams.
    pub(crate) async fn readable(&self) {
        // An error is one that receiving meets as well.
        let _ = self.inner.readable().await;
    }

    /// Waits until the system says that the socket takes datagrams: until then [`Self::try_send`] sends none.
    pub(crate) async fn writable(&self) {
        // An error is one that sending meets as well.
        let _ = self.inner.writable().await;
    }

    /// Sends one datagram at once or not at all: it may be lost anyway.
    pub(crate) fn try_send(&self, to: SocketAddr, datagram: &[u8]) {
        let _ = self.inner.try_send_to(datagram, to);
    }

    /// Sends datagrams of `segment` bytes each. Errors other than a full socket are those of the path: datagrams get
    /// lost there.
    pub(crate) fn send(&self, to: SocketAddr, contents: &[u8], segment: usize) -> io::Result<()> {
        let is_marked = self.is_marked.load(Ordering::Relaxed);
        let most =
            if is_marked && !marked::CAN_BATCH { 1 } else { self.state.max_gso_segments().min(UDP_BURST) };
        for contents in contents.chunks((segment * most).max(1)) {
            let sent = self.inner.try_io(Interest::WRITABLE, || {
                if is_marked {
                    return marked::send(&self.inner, to, contents, segment);
                }
                let segment_size = (contents.len() > segment).then_some(segment);
                let transmit = Transmit { destination: to, ecn: None, contents, segment_size, src_ip: None };
                self.state.try_send(UdpSockRef::from(&self.inner), &transmit)
            });
            if let Err(error) = sent
                && error.kind() == io::ErrorKind::WouldBlock
            {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Sends a datagram that the network may cut to pieces.
    pub(crate) fn send_fragmentable(&self, to: SocketAddr, contents: &[u8]) {
        use rustix::net::sockopt::{self, Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery};
        // Rare enough for two more system calls: packets made before a path turned narrow.
        let set = |may: bool| {
            if to.is_ipv4() {
                let value = if may { Ipv4PathMtuDiscovery::DONT } else { Ipv4PathMtuDiscovery::PROBE };
                let _ = sockopt::set_ip_mtu_discover(&self.inner, value);
            } else {
                let value = if may { Ipv6PathMtuDiscovery::DONT } else { Ipv6PathMtuDiscovery::PROBE };
                let _ = sockopt::set_ipv6_mtu_discover(&self.inner, value);
            }
        };
        set(true);
        self.try_send(to, contents);
        set(false);
    }

    /// Takes what has come, the datagrams of one sender together. `memory`: [`UDP_BUFFERS`] of [`UDP_BUFFER`] bytes.
    pub(crate) fn receive(&self, memory: &mut [u8], mut take: impl FnMut(SocketAddr, Chunks<'_, u8>)) {
        let mut meta = [RecvMeta::default(); UDP_BUFFERS];
        for _ in 0..UDP_RECEIVES_A_TURN {
            let mut chunks = memory.chunks_mut(UDP_BUFFER);
            let mut slices: [IoSliceMut<'_>; UDP_BUFFERS] =
                std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
            let received = self.inner.try_io(Interest::READABLE, || {
                self.state.recv(UdpSockRef::from(&self.inner), &mut slices, &mut meta)
            });
            // An error is an ICMP message about some earlier packet, which anybody can forge: it says nothing.
            let Ok(count) = received else { return };
            for (buffer, meta) in memory.chunks(UDP_BUFFER).zip(&meta).take(count) {
                take(meta.addr, buffer.get(..meta.len).unwrap_or_default().chunks(meta.stride.max(1)));
            }
            if count < UDP_BUFFERS {
                return;
            }
        }
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

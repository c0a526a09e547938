//! Peers on the local network (BEP 14): announces by multicast over IPv4 and IPv6, and listens for others.
//!
//! A machine without multicast is an ordinary machine: what cannot be joined or sent is left out.

mod discovery;
mod interfaces;
mod message;

use crate::bind::Bind;
use crate::limits::{LSD_PEER_QUEUE, MAX_LSD_PACKET, MAX_LSD_TORRENTS, RETRY_PAUSE};
use discovery::Discovery;
use message::Announce;
use socket2::{Domain, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;
use tokio::net::UdpSocket;
use tokio::sync::{broadcast, mpsc};
use tokio::time::{sleep, sleep_until};
use tracing::debug;

const GROUP_V4: Ipv4Addr = Ipv4Addr::new(239, 192, 152, 143);
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff15, 0, 0, 0, 0, 0, 0xefc0, 0x988f);
const GROUP_PORT: u16 = 6771;

/// A peer of a torrent, heard on the local network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LocalPeer {
    /// Its torrent, one of those announced here.
    pub(crate) info_hash: [u8; 20],
    /// Where it takes connections.
    pub(crate) address: SocketAddr,
}

/// Discovery on the local network; ends with this handle.
#[derive(Debug)]
pub(crate) struct Lsd {
    commands: mpsc::Sender<Command>,
    peers: broadcast::Sender<LocalPeer>,
}

#[derive(Debug)]
enum Command {
    Announce([u8; 20]),
    Forget([u8; 20]),
    Port(u16),
}

impl Lsd {
    /// Starts discovery for a client that takes connections at `port`, on the interfaces of our addresses. `None` if
    /// no multicast group can be joined.
    pub(crate) fn start(bind: Bind, port: u16, seed: u64) -> Option<Self> {
        Self::start_at(GROUP_PORT, bind, port, seed)
    }

    /// As [`start`](Self::start), with another port of the groups.
    fn start_at(group_port: u16, bind: Bind, port: u16, seed: u64) -> Option<Self> {
        let v4 = opened(Group::open(SocketAddr::from((GROUP_V4, group_port)), bind));
        let v6 = opened(Group::open(SocketAddr::from((GROUP_V6, group_port)), bind));
        if v4.is_none() && v6.is_none() {
            return None;
        }
        let (commands, receiver) = mpsc::channel(MAX_LSD_TORRENTS);
        let (peers, _) = broadcast::channel(LSD_PEER_QUEUE);
        let driver = Driver { v4, v6, discovery: Discovery::new(seed), port, peers: peers.clone() };
        tokio::spawn(driver.run(receiver));
        Some(Self { commands, peers })
    }

    /// Announces a torrent from now on. Not for private ones.
    pub(crate) fn announce(&self, info_hash: [u8; 20]) {
        // A full queue means more torrents than are announced anyhow.
        let _ = self.commands.try_send(Command::Announce(info_hash));
    }

    /// Announces a torrent no more.
    pub(crate) fn forget(&self, info_hash: [u8; 20]) {
        let _ = self.commands.try_send(Command::Forget(info_hash));
    }

    /// Peers reach us at another port from now on.
    pub(crate) fn set_port(&self, port: u16) {
        let _ = self.commands.try_send(Command::Port(port));
    }

    /// Every peer heard from now on, for all torrents announced.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<LocalPeer> {
        self.peers.subscribe()
    }
}

fn opened(group: io::Result<Group>) -> Option<Group> {
    group.inspect_err(|error| debug!(%error, "no discovery on the local network over one family")).ok()
}

/// The socket of one multicast group.
struct Group {
    address: SocketAddr,
    bind: Bind,
    socket: UdpSocket,
}

impl Group {
    fn open(address: SocketAddr, bind: Bind) -> io::Result<Self> {
        bind.facing(address.ip()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
        bind.hold(&socket)?;
        // Every client on the machine listens at the same port.
        socket.set_reuse_address(true)?;
        #[cfg(unix)]
        socket.set_reuse_port(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_nonblocking(true)?;
        // Bound to the group, a socket hears nothing but the group: no stranger's unicast gets in.
        let listen = if cfg!(target_os = "linux") { address } else { unspecified(address) };
        socket.bind(&listen.into())?;
        let group = Self { address, bind, socket: UdpSocket::from_std(socket.into())? };
        if group.join() == 0 {
            return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, "no interface can join the group"));
        }
        Ok(group)
    }

    /// Joins the group on every interface that did not yet, and counts those that are in.
    fn join(&self) -> usize {
        let joined = |result: &io::Result<()>| match result {
            Ok(()) => true,
            Err(error) => error.kind() == io::ErrorKind::AddrInUse,
        };
        match self.address.ip() {
            IpAddr::V4(group) => {
                let joins =
                    interfaces::v4(self.bind).into_iter().map(|at| self.socket.join_multicast_v4(group, at));
                joins.filter(joined).count()
            }
            IpAddr::V6(group) => {
                let joins =
                    interfaces::v6(self.bind).into_iter().map(|at| self.socket.join_multicast_v6(&group, at));
                joins.filter(joined).count()
            }
        }
    }

    /// Sends on every interface, those included that appeared since.
    async fn send(&self, announce: &Announce) {
        self.join();
        let packet = announce.encode(self.address);
        let socket = socket2::SockRef::from(&self.socket);
        if self.address.is_ipv4() {
            for interface in interfaces::v4(self.bind) {
                if socket.set_multicast_if_v4(&interface).is_ok() {
                    self.send_packet(&packet).await;
                }
            }
        } else {
            for interface in interfaces::v6(self.bind) {
                if socket.set_multicast_if_v6(interface).is_ok() {
                    self.send_packet(&packet).await;
                }
            }
        }
    }

    async fn send_packet(&self, packet: &[u8]) {
        if let Err(error) = self.socket.send_to(packet, self.address).await {
            debug!(%error, group = %self.address, "cannot announce on one interface");
        }
    }
}

/// The next peer found on the local network; pending where nobody listens.
pub(crate) async fn local_peer(peers: &mut Option<broadcast::Receiver<LocalPeer>>) -> LocalPeer {
    loop {
        let Some(receiver) = peers else { return std::future::pending().await };
        match receiver.recv().await {
            Ok(peer) => return peer,
            Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => *peers = None,
        }
    }
}

fn unspecified(address: SocketAddr) -> SocketAddr {
    let ip: IpAddr =
        if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    SocketAddr::new(ip, address.port())
}

/// The task.
struct Driver {
    v4: Option<Group>,
    v6: Option<Group>,
    discovery: Discovery,
    port: u16,
    peers: broadcast::Sender<LocalPeer>,
}

impl Driver {
    async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let (mut buffer_v4, mut buffer_v6) = (vec![0; MAX_LSD_PACKET], vec![0; MAX_LSD_PACKET]);
        loop {
            let wake = self.discovery.poll_timeout();
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::Announce(hash)) => self.discovery.handle_announce(Instant::now(), hash),
                    Some(Command::Forget(hash)) => self.discovery.handle_forget(&hash),
                    Some(Command::Port(port)) => self.port = port,
                    None => return,
                },
                (bytes, from) = receive(self.v4.as_ref(), &mut buffer_v4) => self.heard(from, bytes),
                (bytes, from) = receive(self.v6.as_ref(), &mut buffer_v6) => self.heard(from, bytes),
                () = sleep_until(wake.unwrap_or_else(Instant::now).into()), if wake.is_some() => {}
            }
            if let Some(info_hashes) = self.discovery.poll_announce(Instant::now()) {
                let cookie = Some(self.discovery.cookie().to_owned());
                let announce = Announce { port: self.port, info_hashes, cookie };
                for group in [&self.v4, &self.v6].into_iter().flatten() {
                    group.send(&announce).await;
                }
            }
        }
    }

    fn heard(&mut self, from: SocketAddr, bytes: &[u8]) {
        for peer in self.discovery.handle_datagram(Instant::now(), from, bytes) {
            // An error means that no torrent listens just now.
            let _ = self.peers.send(peer);
        }
    }
}

/// The next datagram of a group; pending without one.
async fn receive<'a>(group: Option<&Group>, buffer: &'a mut [u8]) -> (&'a [u8], SocketAddr) {
    let Some(group) = group else { return std::future::pending().await };
    loop {
        match group.socket.recv_from(buffer).await {
            Ok((length, from)) => return (&buffer[..length], from),
            Err(_) => sleep(RETRY_PAUSE).await,
        }
    }
}

#[cfg(test)]
mod tests;

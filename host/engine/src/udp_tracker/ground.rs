//! What datagrams to and from trackers go over.

use crate::bind::Bind;
use crate::limits::RETRY_PAUSE;
use crate::proxy::{Datagram, Place, Relay};
use crate::udp;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tracing::debug;

pub(super) enum Ground {
    /// A socket of each family.
    Own([Option<UdpSocket>; 2]),
    /// A proxy.
    Relayed(Arc<Relay>, mpsc::Receiver<Datagram>),
}

impl Ground {
    /// Opens the sockets; `None` if there is no socket at all.
    pub(super) fn open(bind: Bind) -> Option<Self> {
        let open = |ip: IpAddr| match udp::open(bind, ip, 0) {
            Ok(socket) => Some(socket),
            Err(error) => {
                debug!(%ip, %error, "no socket for UDP trackers");
                None
            }
        };
        let sockets = [bind.v4.and_then(|ip| open(ip.into())), bind.v6.and_then(|ip| open(ip.into()))];
        sockets.iter().any(Option::is_some).then_some(Self::Own(sockets))
    }

    /// Goes through a proxy.
    pub(super) fn through(relay: Arc<Relay>) -> Self {
        let answers = relay.answers_of_trackers();
        Self::Relayed(relay, answers)
    }

    /// Sends a datagram; the error is one of the way.
    pub(super) async fn send(&self, to: SocketAddr, packet: &[u8]) -> io::Result<()> {
        match self {
            Self::Own([v4, v6]) => {
                let socket = if to.is_ipv4() { v4 } else { v6 };
                let socket = socket.as_ref().ok_or(io::ErrorKind::AddrNotAvailable)?;
                socket.send_to(packet, to).await.map(drop)
            }
            Self::Relayed(relay, _) => match relay.problem() {
                None => {
                    relay.try_send(&Place::Address(to), packet);
                    Ok(())
                }
                Some(problem) => Err(io::Error::other(problem)),
            },
        }
    }

    /// Sends a datagram to a host that the proxy looks up.
    pub(super) fn send_to_name(&self, to: &Place, packet: &[u8]) {
        if let Self::Relayed(relay, _) = self {
            relay.try_send(to, packet);
        }
    }

    /// The next datagram and who sent it.
    pub(super) async fn receive(
        &mut self,
        [buffer_v4, buffer_v6]: &mut [Vec<u8>; 2],
    ) -> (SocketAddr, Vec<u8>) {
        match self {
            Self::Own([v4, v6]) => tokio::select! {
                (bytes, from) = receive(v4.as_ref(), buffer_v4) => (from, bytes.to_vec()),
                (bytes, from) = receive(v6.as_ref(), buffer_v6) => (from, bytes.to_vec()),
            },
            Self::Relayed(_, datagrams) => loop {
                match datagrams.recv().await {
                    Some((Place::Address(from), bytes)) => return (from, bytes),
                    // Whoever gives a name as the sender's address does not say who it is.
                    Some((Place::Named(..), _)) => {}
                    None => std::future::pending().await,
                }
            },
        }
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

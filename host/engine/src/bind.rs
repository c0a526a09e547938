//! Our own end of every connection: the addresses it has, and how the sockets of peers are marked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::net::TcpSocket;

/// The address of each family that every socket is bound to: unspecified for any, `None` for a family that is not
/// used at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bind {
    /// Of IPv4.
    pub v4: Option<Ipv4Addr>,
    /// Of IPv6.
    pub v6: Option<Ipv6Addr>,
}

impl Default for Bind {
    fn default() -> Self {
        Self { v4: Some(Ipv4Addr::UNSPECIFIED), v6: Some(Ipv6Addr::UNSPECIFIED) }
    }
}

impl From<IpAddr> for Bind {
    /// One address, and nothing over the other family.
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(v4) => Self { v4: Some(v4), v6: None },
            IpAddr::V6(v6) => Self { v4: None, v6: Some(v6) },
        }
    }
}

impl Bind {
    /// Our address towards another; `None` if that cannot be reached.
    pub(crate) fn facing(self, other: IpAddr) -> Option<IpAddr> {
        match other {
            IpAddr::V4(_) => self.v4.map(IpAddr::V4),
            IpAddr::V6(_) => self.v6.map(IpAddr::V6),
        }
    }

    /// A socket that may connect to `address`.
    pub(crate) fn socket(self, address: SocketAddr) -> std::io::Result<TcpSocket> {
        let ip = self.facing(address.ip()).ok_or(std::io::ErrorKind::NetworkUnreachable)?;
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if !ip.is_unspecified() {
            socket.bind(SocketAddr::new(ip, 0))?;
        }
        Ok(socket)
    }
}

/// How the sockets of peers are set up.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PeerSockets {
    /// The traffic class (DSCP and ECN) of what is sent.
    pub traffic_class: Option<u8>,
    /// The kernel's congestion control by name.
    pub congestion_algorithm: Option<String>,
}

impl PeerSockets {
    /// Sets a socket up. A kernel that does not want to is no reason not to talk.
    pub(crate) fn apply<'s>(&self, socket: impl Into<socket2::SockRef<'s>>, remote: IpAddr) {
        let socket = socket.into();
        if let Some(name) = &self.congestion_algorithm {
            tell(socket.set_tcp_congestion(name.as_bytes()));
        }
        if self.traffic_class.is_some() {
            self.mark(socket, remote);
        }
    }

    /// Sets the traffic class of a socket of the family of `remote`; the usual one if there is none.
    pub(crate) fn mark<'s>(&self, socket: impl Into<socket2::SockRef<'s>>, remote: IpAddr) {
        let (socket, class) = (socket.into(), u32::from(self.traffic_class.unwrap_or_default()));
        tell(match remote.to_canonical() {
            IpAddr::V4(_) => socket.set_tos_v4(class),
            IpAddr::V6(_) => socket.set_tclass_v6(class),
        });
    }
}

fn tell(result: std::io::Result<()>) {
    if let Err(error) = result {
        tracing::debug!(%error, "a peer's socket is not set up as wished");
    }
}

//! Our own end of every connection: the interface and the addresses it has, and how the sockets of peers are marked.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use tokio::net::TcpSocket;

/// Bytes of an interface's name at most (`IFNAMSIZ`, its closing zero left out).
const LONGEST_NAME: usize = 15;

/// What every socket is bound to: the address of each family, unspecified for any, `None` for a family that is not
/// used at all; and the interface, if all has to go by one.
///
/// With an interface nothing goes by another, whatever the routes say: where it is down or gone, sending fails. Names
/// are then resolved by asking the system's name servers by way of that interface, or not at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bind {
    /// Of IPv4.
    pub v4: Option<Ipv4Addr>,
    /// Of IPv6.
    pub v6: Option<Ipv6Addr>,
    /// The only interface used.
    pub interface: Option<Interface>,
}

/// A version of the Internet Protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// A network interface, by its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interface {
    name: [u8; LONGEST_NAME],
    length: u8,
}

/// What cannot be bound to.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BindError {
    /// Neither an interface nor an address of this machine.
    #[error("this machine has no interface and no address {wanted}; it has {present}")]
    NotHere {
        /// What was asked for.
        wanted: String,
        /// What there is.
        present: String,
    },
    /// The system does not tell its interfaces.
    #[error("the interfaces of this machine cannot be listed: {0}")]
    NoList(String),
}

impl Default for Bind {
    fn default() -> Self {
        Self { v4: Some(Ipv4Addr::UNSPECIFIED), v6: Some(Ipv6Addr::UNSPECIFIED), interface: None }
    }
}

impl From<IpAddr> for Bind {
    /// One address, and nothing over the other family.
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(v4) => Self { v4: Some(v4), v6: None, interface: None },
            IpAddr::V6(v6) => Self { v4: None, v6: Some(v6), interface: None },
        }
    }
}

impl FromStr for Bind {
    type Err = BindError;

    /// The name of an interface, or an address, which means the interface that has it too. Loopback is bound to by its
    /// address alone.
    fn from_str(text: &str) -> Result<Self, BindError> {
        let all = if_addrs::get_if_addrs().map_err(|error| BindError::NoList(error.to_string()))?;
        if let Ok(ip) = text.parse::<IpAddr>() {
            if ip.is_unspecified() || ip.is_loopback() {
                return Ok(ip.into());
            }
            if let Some(holder) = all.iter().find(|candidate| candidate.ip() == ip) {
                return Ok(Self { interface: Interface::named(&holder.name), ..ip.into() });
            }
        }
        let interface = Interface::named(text).filter(|_| all.iter().any(|other| other.name == text));
        match interface {
            Some(_) => Ok(Self { interface, ..Self::default() }),
            None => Err(BindError::NotHere { wanted: text.to_owned(), present: list(&all) }),
        }
    }
}

fn list(all: &[if_addrs::Interface]) -> String {
    let each = all.iter().map(|interface| format!("{} ({})", interface.name, interface.ip()));
    each.collect::<Vec<_>>().join(", ")
}

impl Interface {
    /// One that no machine has: nothing goes by it.
    pub const NOWHERE: Self = Self { name: *b"/\0\0\0\0\0\0\0\0\0\0\0\0\0\0", length: 1 };

    /// `None` for what no interface can be called.
    pub fn named(name: &str) -> Option<Self> {
        let mut bytes = [0; LONGEST_NAME];
        bytes.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
        (!name.is_empty()).then_some(Self { name: bytes, length: name.len() as u8 })
    }

    /// Its name, as bytes.
    pub fn name(&self) -> &[u8] {
        self.name.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// The system's own words name no interface, and could as well be about a port.
    #[cfg(target_os = "linux")]
    fn absent(&self) -> io::Error {
        let name = String::from_utf8_lossy(self.name());
        io::Error::new(io::ErrorKind::NotFound, format!("there is no interface {name}"))
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

    /// The same over one family only.
    #[must_use]
    pub fn only(self, family: Family) -> Self {
        match family {
            Family::V4 => Self { v6: None, ..self },
            Family::V6 => Self { v4: None, ..self },
        }
    }

    /// Whether nobody but this machine can be reached.
    pub fn is_loopback(self) -> bool {
        let all = [self.v4.map(IpAddr::V4), self.v6.map(IpAddr::V6)];
        all.into_iter().flatten().all(|ip| ip.is_loopback())
    }

    /// A socket that may connect to `address`.
    pub(crate) fn socket(self, address: SocketAddr) -> io::Result<TcpSocket> {
        let ip = self.facing(address.ip()).ok_or(io::ErrorKind::NetworkUnreachable)?;
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        self.hold(&socket)?;
        if !ip.is_unspecified() {
            socket.bind(SocketAddr::new(ip, 0))?;
        }
        Ok(socket)
    }

    /// Ties a socket to the interface, if there is one. To be done before anything else with it.
    pub(crate) fn hold<'s>(self, socket: impl Into<socket2::SockRef<'s>>) -> io::Result<()> {
        match self.interface {
            None => Ok(()),
            #[cfg(target_os = "linux")]
            Some(interface) => socket.into().bind_device(Some(interface.name())).map_err(|error| {
                let is_absent = error.raw_os_error() == Some(rustix::io::Errno::NODEV.raw_os_error());
                if is_absent { interface.absent() } else { error }
            }),
            #[cfg(not(target_os = "linux"))]
            Some(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Whether this address of ours may be used.
    pub(crate) fn allows(self, interface: &if_addrs::Interface) -> bool {
        let ip = interface.ip();
        let own = self.facing(ip);
        own.is_some_and(|own| own.is_unspecified() || own == ip)
            && self.interface.is_none_or(|only| only.name() == interface.name.as_bytes())
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

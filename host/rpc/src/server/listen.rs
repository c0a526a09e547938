//! Opening the RPC port: an address, a unix socket, or a socket that was handed in.

use crate::http::gate::Caller;
use crate::http::rules::HttpSettings;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io::{Error, ErrorKind, Result};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// Connections that the kernel holds until we take them.
const BACKLOG: i32 = 128;

/// Where to listen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// An address and port.
    Tcp(SocketAddr),
    /// A unix socket and its mode.
    Unix(PathBuf, u32),
}

impl Place {
    /// Where the settings say. An address that cannot be read is taken as this machine alone.
    pub(crate) fn of(settings: &HttpSettings) -> Self {
        let text = settings.bind_address.trim();
        if let Some(path) = text.strip_prefix("unix:") {
            return Self::Unix(PathBuf::from(path), settings.socket_mode);
        }
        let bare = text.trim_start_matches('[').trim_end_matches(']');
        let address = bare.parse().unwrap_or_else(|_| {
            tracing::warn!(address = text, "rpc-bind-address is no address: listening on 127.0.0.1");
            IpAddr::V4(Ipv4Addr::LOCALHOST)
        });
        Self::Tcp(SocketAddr::new(guarded(address, settings), settings.port))
    }
}

/// An address that others can reach needs a password or a whitelist before it; without either we stay at home.
fn guarded(address: IpAddr, settings: &HttpSettings) -> IpAddr {
    let is_guarded = settings.whitelist_enabled || settings.authentication_required;
    if is_guarded || address.to_canonical().is_loopback() {
        return address;
    }
    tracing::warn!(
        %address,
        "neither rpc-authentication-required nor rpc-whitelist-enabled is set: listening on this machine alone"
    );
    match address {
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    }
}

/// An open port.
#[derive(Debug)]
pub enum Listener {
    /// An address.
    Tcp(TcpListener),
    /// A unix socket; its file goes with it.
    Unix(UnixListener, Option<PathBuf>),
}

/// A new connection.
pub(crate) enum Connection {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Listener {
    /// Opens the port.
    pub(crate) fn open(place: &Place) -> Result<Self> {
        match place {
            Place::Tcp(address) => open_tcp(*address).map(Self::Tcp),
            Place::Unix(path, mode) => {
                make_way(path)?;
                let listener = UnixListener::bind(path)?;
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(*mode))?;
                Ok(Self::Unix(listener, Some(path.clone())))
            }
        }
    }

    /// The port, if it is one of TCP.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix(..) => None,
        }
    }

    /// The next connection.
    pub(crate) async fn accept(&self) -> Result<(Connection, Caller)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, from) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok((Connection::Tcp(stream), Caller::Address(from.ip().to_canonical())))
            }
            Self::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                Ok((Connection::Unix(stream), Caller::Socket))
            }
        }
    }
}

/// Removes a socket of a run that was killed; one that is in use answers. Nothing but a socket is ever removed.
fn make_way(path: &Path) -> Result<()> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(found) if !found.file_type().is_socket() => {
            Err(Error::new(ErrorKind::AlreadyExists, "something that is no socket is there already"))
        }
        Ok(_) => match std::os::unix::net::UnixStream::connect(path) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => std::fs::remove_file(path),
            _ => Err(Error::from(ErrorKind::AddrInUse)),
        },
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Self::Unix(_, Some(path)) = self
            && let Err(error) = std::fs::remove_file(&*path)
        {
            tracing::debug!(path = %path.display(), %error, "the socket's file is gone already");
        }
    }
}

fn open_tcp(address: SocketAddr) -> Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for the connections of the run before.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // `::` stands for every address of the machine, as it does for Transmission.
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::from(address))?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(bind_address: &str, whitelist_enabled: bool) -> Place {
        let bind_address = bind_address.to_owned();
        Place::of(&HttpSettings { bind_address, whitelist_enabled, port: 1, ..HttpSettings::default() })
    }

    #[test]
    fn places() {
        assert_eq!(place("0.0.0.0", true), Place::Tcp("0.0.0.0:1".parse().unwrap()));
        assert_eq!(place("::", true), Place::Tcp("[::]:1".parse().unwrap()));
        assert_eq!(place("nonsense", true), Place::Tcp("127.0.0.1:1".parse().unwrap()));
        assert_eq!(place("unix:/run/x", true), Place::Unix("/run/x".into(), 0o750));
    }

    #[test]
    fn without_any_guard_nobody_else_gets_in() {
        assert_eq!(place("0.0.0.0", false), Place::Tcp("127.0.0.1:1".parse().unwrap()));
        assert_eq!(place("::", false), Place::Tcp("[::1]:1".parse().unwrap()));
        assert_eq!(place("127.0.0.1", false), Place::Tcp("127.0.0.1:1".parse().unwrap()));
    }

    #[tokio::test]
    async fn a_unix_socket_has_its_mode_and_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rpc.sock");
        let place = Place::Unix(path.clone(), 0o700);
        let listener = Listener::open(&place).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(Listener::open(&place).unwrap_err().kind(), ErrorKind::AddrInUse);
        drop(listener);
        assert!(!path.exists());
        std::os::unix::net::UnixListener::bind(&path).unwrap();
        Listener::open(&place).unwrap();
    }

    #[tokio::test]
    async fn a_file_that_is_no_socket_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("precious.txt");
        std::fs::write(&path, "precious").unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        for place in [&path, &link] {
            let error = Listener::open(&Place::Unix(place.clone(), 0o700)).unwrap_err();
            assert!(error.to_string().contains("no socket"), "{error}");
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
        assert!(link.is_symlink());
    }
}

//! Sockets for peers: listening and connecting, bound where the user said.

use crate::limits::{CONNECT_TIMEOUT, LISTEN_BACKLOG};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use swarm::ConnectFailure;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

/// Connects to a peer, from the address `bind` if that is given.
pub(crate) async fn connect(address: SocketAddr, bind: Option<IpAddr>) -> Result<TcpStream, ConnectFailure> {
    let attempt = async {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if let Some(ip) = bind {
            socket.bind(SocketAddr::new(ip, 0))?;
        }
        let stream = socket.connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    };
    match timeout(CONNECT_TIMEOUT, attempt).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(failure(&error)),
        Err(_) => Err(ConnectFailure::Unreachable),
    }
}

fn failure(error: &io::Error) -> ConnectFailure {
    match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => ConnectFailure::Refused,
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied => {
            ConnectFailure::Local
        }
        _ if error.raw_os_error().is_some_and(is_out_of_handles) => ConnectFailure::Local,
        _ => ConnectFailure::Unreachable,
    }
}

/// EMFILE and ENFILE: the process or the machine has no file handle left.
pub(crate) const fn is_out_of_handles(code: i32) -> bool {
    matches!(code, 23 | 24)
}

/// Listens on `port` of the address `bind`, or of all addresses of both families. With port 0 the system chooses
/// one, the same for both families.
pub(crate) fn listen(bind: Option<IpAddr>, port: u16) -> Result<Vec<TcpListener>, (SocketAddr, io::Error)> {
    if let Some(ip) = bind {
        return Ok(vec![listen_at(SocketAddr::new(ip, port))?]);
    }
    let v4 = listen_at((Ipv4Addr::UNSPECIFIED, port).into())?;
    let port = v4.local_addr().map_or(port, |address| address.port());
    // A machine without IPv6 is an ordinary machine.
    let v6 = listen_at((Ipv6Addr::UNSPECIFIED, port).into()).ok();
    Ok(std::iter::once(v4).chain(v6).collect())
}

fn listen_at(address: SocketAddr) -> Result<TcpListener, (SocketAddr, io::Error)> {
    let open = || {
        let domain = socket2::Domain::for_address(address);
        let socket = socket2::Socket::new(domain, socket2::Type::STREAM, Some(socket2::Protocol::TCP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // A port in TIME_WAIT from the run before must not keep this one from starting.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(LISTEN_BACKLOG)?;
        TcpListener::from_std(socket.into())
    };
    open().map_err(|error| (address, error))
}

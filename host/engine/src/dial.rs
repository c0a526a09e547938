//! Sockets for peers: listening, connecting and greeting, bound where the user said.

use crate::bind::{Bind, PeerSockets};
use crate::encryption::{self, Encryption, Manner};
use crate::limits::{
    CONNECT_TIMEOUT, GREETING_TIMEOUT, LISTEN_BACKLOG, PROXY_TIMEOUT, TRANSPORT_HEAD_START,
    TRANSPORT_LAST_CHANCE,
};
use crate::proxy::{Blame, Exit, Place, Proxy, Refusal, Traffic};
use crate::transport::{Carrier, Stream, Transports};
use crate::udp::Port;
use crate::utp::UtpStream;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use swarm::ConnectFailure;
use tokio::net::TcpListener;
use tokio::time::timeout;
use wire::Handshake;

/// Connects to peers, by the transports that the user wants.
#[derive(Clone)]
pub(crate) struct Dialler {
    /// Where connections come from, and what they go through.
    pub(crate) exit: Exit,
    pub(crate) sockets: PeerSockets,
    pub(crate) transports: Transports,
    pub(crate) encryption: Encryption,
    /// What uTP of each family goes over.
    pub(crate) ports: [Option<Arc<Port>>; 2],
}

impl Dialler {
    /// Connects to a peer and greets it; the stream stands before its answer. Who does not take it encrypted, or does not
    /// take it plain, is connected to once more in the other manner, and who closes a TCP connection whatever is said on
    /// it is tried by uTP, as far as the settings allow.
    pub(crate) async fn connect(
        &self,
        address: SocketAddr,
        hello: Handshake,
    ) -> Result<Stream, ConnectFailure> {
        let moves = self.exit.moves();
        tokio::select! {
            met = self.meet(address, hello) => met,
            // Nobody is met by a way that is not to be used any more.
            () = self.exit.moved_since(moves) => Err(ConnectFailure::Local),
        }
    }

    async fn meet(&self, address: SocketAddr, hello: Handshake) -> Result<Stream, ConnectFailure> {
        match self.connect_by(self.transports, address, hello).await {
            Err(Unmet::Closed) if matches!(self.transports, Transports::TcpFirst | Transports::UtpFirst) => {
                self.connect_by(Transports::UtpOnly, address, hello).await
            }
            met => met,
        }
        .map_err(|unmet| match unmet {
            Unmet::Unreached(failure) => failure,
            Unmet::Closed | Unmet::Silent => ConnectFailure::Refused,
        })
    }

    async fn connect_by(
        &self,
        transports: Transports,
        address: SocketAddr,
        hello: Handshake,
    ) -> Result<Stream, Unmet> {
        let mut unmet = Unmet::Silent;
        for manner in self.encryption.manners() {
            // Where nobody is reached, there is no use in another manner.
            let carrier = self.reach(transports, address).await.map_err(Unmet::Unreached)?;
            let by_tcp = matches!(carrier, Carrier::Tcp(_));
            let mut stream = Stream::new(carrier);
            match timeout(GREETING_TIMEOUT, greet(&mut stream, *manner, self.encryption, hello)).await {
                Ok(Ok(())) => return Ok(stream),
                Ok(Err(_)) if by_tcp => unmet = Unmet::Closed,
                Ok(Err(_)) | Err(_) => unmet = Unmet::Silent,
            }
            tracing::trace!(%address, ?manner, "no answer to our greeting");
        }
        Err(unmet)
    }

    /// Connects to a peer. With two transports the second has its chance when the first fails or is slow, and the first to
    /// be connected is taken.
    async fn reach(&self, transports: Transports, address: SocketAddr) -> Result<Carrier, ConnectFailure> {
        let proxy = self.exit.of(Traffic::Peers);
        // A proxy looks for a way before it answers.
        let patience = if proxy.is_some() { CONNECT_TIMEOUT + PROXY_TIMEOUT } else { CONNECT_TIMEOUT };
        let has_utp = self.port(address).is_some_and(|port| port.is_up());
        let transports = if transports.tcp() && !has_utp { Transports::TcpOnly } else { transports };
        let (tcp, utp) = (self.connect_tcp(proxy.as_ref(), address), self.connect_utp(address));
        let attempt = async {
            match transports {
                Transports::TcpOnly => tcp.await,
                Transports::UtpOnly => utp.await,
                Transports::TcpFirst => race(tcp, utp).await,
                Transports::UtpFirst => race(utp, tcp).await,
            }
        };
        timeout(patience, attempt).await.unwrap_or(Err(ConnectFailure::Unreachable))
    }

    /// Sets up a connection that came from outside.
    pub(crate) fn set_up(&self, stream: &Stream, remote: IpAddr) {
        if let Carrier::Tcp(stream) = stream.carrier() {
            self.sockets.apply(stream, remote);
        }
    }

    async fn connect_tcp(
        &self,
        proxy: Option<&Proxy>,
        address: SocketAddr,
    ) -> Result<Carrier, ConnectFailure> {
        if let Some(proxy) = proxy {
            return self.connect_through(proxy, address).await;
        }
        let attempt = async {
            let socket = self.exit.bind().socket(address)?;
            self.sockets.apply(&socket, address.ip());
            let stream = socket.connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(Carrier::Tcp(stream))
        };
        attempt.await.map_err(|error| failure(&error))
    }

    fn port(&self, address: SocketAddr) -> Option<&Arc<Port>> {
        let [v4, v6] = &self.ports;
        if address.is_ipv4() { v4.as_ref() } else { v6.as_ref() }
    }

    async fn connect_through(&self, proxy: &Proxy, address: SocketAddr) -> Result<Carrier, ConnectFailure> {
        match proxy.connect(self.exit.bind(), &Place::Address(address)).await {
            Ok(stream) => {
                self.exit.praise(proxy);
                if let Ok(proxy) = stream.peer_addr() {
                    self.sockets.apply(&stream, proxy.ip());
                }
                Ok(Carrier::Tcp(stream))
            }
            Err(Refusal { blame: Blame::Refused, .. }) => Err(ConnectFailure::Refused),
            Err(Refusal { blame: Blame::Unreachable, .. }) => Err(ConnectFailure::Unreachable),
            Err(Refusal { blame: Blame::Proxy | Blame::Tunnels, reason }) => {
                self.exit.complain(proxy, &reason);
                Err(ConnectFailure::Local)
            }
        }
    }

    async fn connect_utp(&self, address: SocketAddr) -> Result<Carrier, ConnectFailure> {
        let port = self.port(address).ok_or(ConnectFailure::Local)?;
        port.settled().await;
        if !port.is_up() {
            return Err(ConnectFailure::Local);
        }
        UtpStream::connect(port, address).await.map(Carrier::Utp)
    }
}

/// Why a peer was not met.
enum Unmet {
    /// There is no connection.
    Unreached(ConnectFailure),
    /// It closes TCP connections.
    Closed,
    /// It does not answer.
    Silent,
}

/// Says our handshake, and hears that it is understood.
async fn greet(
    stream: &mut Stream,
    manner: Manner,
    encryption: Encryption,
    hello: Handshake,
) -> io::Result<()> {
    match manner {
        Manner::Plain => {
            stream.write_all(&hello.encode()).await?;
            stream.hear().await
        }
        Manner::Encrypted => encryption::open(stream, encryption, hello.info_hash, &hello.encode()).await,
    }
}

/// The preferred attempt with a head start, then both; when one has failed, the other has not much longer. The failure is
/// that of the first to fail.
async fn race<T>(
    preferred: impl Future<Output = Result<T, ConnectFailure>>,
    other: impl Future<Output = Result<T, ConnectFailure>>,
) -> Result<T, ConnectFailure> {
    let (mut preferred, mut other) = (pin!(preferred), pin!(other));
    let failure = match timeout(TRANSPORT_HEAD_START, &mut preferred).await {
        Ok(Ok(connected)) => return Ok(connected),
        Ok(Err(failure)) => failure,
        Err(_) => tokio::select! {
            result = &mut preferred => match result {
                Ok(connected) => return Ok(connected),
                Err(failure) => failure,
            },
            result = &mut other => return match result {
                Ok(connected) => Ok(connected),
                Err(failure) => last_chance(preferred).await.ok_or(failure),
            },
        },
    };
    last_chance(other).await.ok_or(failure)
}

async fn last_chance<T>(attempt: impl Future<Output = Result<T, ConnectFailure>>) -> Option<T> {
    timeout(TRANSPORT_LAST_CHANCE, attempt).await.ok()?.ok()
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

/// Listens on `port` of our addresses. With port 0 the system chooses one, the same for both families.
pub(crate) fn listen(bind: Bind, port: u16) -> Result<Vec<TcpListener>, (SocketAddr, io::Error)> {
    let v4 = bind.v4.map(|ip| listen_at(bind, (ip, port).into())).transpose()?;
    let port = v4.as_ref().and_then(|v4| v4.local_addr().ok()).map_or(port, |address| address.port());
    let v6 = match bind.v6.map(|ip| listen_at(bind, (ip, port).into())).transpose() {
        // A machine without IPv6 is an ordinary machine.
        Err(_) if v4.is_some() => None,
        v6 => v6?,
    };
    Ok(v4.into_iter().chain(v6).collect())
}

fn listen_at(bind: Bind, address: SocketAddr) -> Result<TcpListener, (SocketAddr, io::Error)> {
    let open = || {
        let domain = socket2::Domain::for_address(address);
        let socket = socket2::Socket::new(domain, socket2::Type::STREAM, Some(socket2::Protocol::TCP))?;
        bind.hold(&socket)?;
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

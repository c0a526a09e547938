//! PCP (RFC 6887) and its forerunner NAT-PMP (RFC 6886), which share a port: a mapping is one packet and its answer.

use super::{Lease, Protocol, Wish};
use crate::bind::Bind;
use crate::limits::PORT_MAP_TRIES;
use crate::udp;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::timeout;

/// Where routers listen.
pub(super) const PORT: u16 = 5351;

/// The largest answer of either protocol.
const ANSWER: usize = 1100;

const PCP_VERSION: u8 = 2;
const NAT_PMP_VERSION: u8 = 0;
/// Added to what was asked, in an answer.
const IS_ANSWER: u8 = 0x80;
const MAP: u8 = 1;
const SUCCESS: u8 = 0;
const UNSUPPORTED_VERSION: u8 = 1;

/// Bytes of a PCP request for a mapping, and of its answer.
const PCP_LENGTH: usize = 60;

/// A router that speaks either.
pub(super) struct NatPmp {
    socket: UdpSocket,
    version: Version,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Version {
    NatPmp,
    /// What proves that a mapping is ours, and our address as the router is to know it.
    Pcp {
        nonce: [u8; 12],
        own: IpAddr,
    },
}

/// What came of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Answer {
    Mapped(Lease),
    Refused(u8),
    /// The router speaks another version only.
    OtherVersion,
}

impl NatPmp {
    /// Finds out by a first wish which of the two the gateway speaks, if it grants it.
    ///
    /// A router of IPv6 is asked by PCP alone, and `bind` has the address that packets are to be let in to.
    pub(super) async fn find(bind: Bind, gateway: SocketAddr, first: Wish) -> io::Result<Self> {
        let own = bind.facing(gateway.ip()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        let socket = udp::open(bind, own, 0)?;
        socket.connect(gateway).await?;
        let own = socket.local_addr()?.ip();
        let mut router =
            Self { socket, version: Version::Pcp { nonce: std::array::from_fn(|_| fastrand::u8(..)), own } };
        match router.ask(first).await {
            Ok(Answer::Mapped(_)) => return Ok(router),
            Ok(Answer::Refused(code)) => return Err(refused(code)),
            Ok(Answer::OtherVersion) if gateway.is_ipv6() => return Err(io::ErrorKind::Unsupported.into()),
            Ok(Answer::OtherVersion) => {}
            // Some routers of the old protocol do not answer the new one at all.
            Err(error) if error.kind() == io::ErrorKind::TimedOut && gateway.is_ipv4() => {}
            Err(error) => return Err(error),
        }
        router.version = Version::NatPmp;
        router.map(first).await?;
        Ok(router)
    }

    /// Our address as the router knows it, if it was told.
    pub(super) const fn own(&self) -> Option<IpAddr> {
        match self.version {
            Version::NatPmp => None,
            Version::Pcp { own, .. } => Some(own),
        }
    }

    /// Maps a port, renews its mapping, or takes it back.
    pub(super) async fn map(&mut self, wish: Wish) -> io::Result<Lease> {
        match self.ask(wish).await? {
            Answer::Mapped(lease) => Ok(lease),
            Answer::Refused(code) => Err(refused(code)),
            Answer::OtherVersion => Err(io::Error::other("the router speaks another version now")),
        }
    }

    async fn ask(&self, wish: Wish) -> io::Result<Answer> {
        let request = self.version.request(wish);
        let mut bytes = [0; ANSWER];
        for patience in PORT_MAP_TRIES {
            self.socket.send(&request).await?;
            let answer = async {
                loop {
                    let n = self.socket.recv(&mut bytes).await?;
                    if let Some(answer) = self.version.answer(wish, &bytes[..n]) {
                        return Ok::<_, io::Error>(answer);
                    }
                }
            };
            if let Ok(answer) = timeout(patience, answer).await {
                return answer;
            }
        }
        Err(io::ErrorKind::TimedOut.into())
    }
}

impl Version {
    fn request(self, wish: Wish) -> Vec<u8> {
        let lifetime = (wish.lifetime.as_secs() as u32).to_be_bytes();
        let ports = [wish.port.to_be_bytes(), wish.external_port.to_be_bytes()];
        match self {
            Self::NatPmp => {
                [&[NAT_PMP_VERSION, operation(wish.protocol), 0, 0], &ports.concat()[..], &lifetime].concat()
            }
            Self::Pcp { nonce, own } => {
                // Outside, packets to us bear any address that the router likes, or our own.
                let outside = match own {
                    IpAddr::V4(_) => Ipv6Addr::from([0, 0, 0, 0, 0, 0xffff, 0, 0]).octets(),
                    IpAddr::V6(own) => own.octets(),
                };
                let head = [&[PCP_VERSION, MAP, 0, 0], &lifetime[..], &mapped(own)].concat();
                [&head, &nonce[..], &[wish.protocol.number(), 0, 0, 0], &ports.concat(), &outside].concat()
            }
        }
    }

    /// Reads an answer; `None` for what is none to this request.
    fn answer(self, wish: Wish, bytes: &[u8]) -> Option<Answer> {
        let (&[version, operation], rest) = bytes.split_first_chunk()?;
        match self {
            Self::NatPmp => {
                let answer: [u8; 14] = *rest.first_chunk()?;
                let [r0, r1, _, _, _, _, i0, i1, e0, e1, lifetime @ ..] = answer;
                let is_ours = version == NAT_PMP_VERSION
                    && operation == self::operation(wish.protocol) | IS_ANSWER
                    && (u16::from_be_bytes([i0, i1]) == wish.port || [r0, r1] != [0, 0]);
                is_ours.then(|| judge(r0 | r1, [e0, e1], lifetime))
            }
            Self::Pcp { nonce, .. } => {
                let result = *rest.get(1)?;
                if version != PCP_VERSION || result == UNSUPPORTED_VERSION {
                    return (operation & IS_ANSWER != 0).then_some(Answer::OtherVersion);
                }
                let answer: &[u8; PCP_LENGTH] = bytes.first_chunk()?;
                let is_ours = operation == MAP | IS_ANSWER
                    && answer[24..36] == nonce
                    && answer[36] == wish.protocol.number()
                    && answer[40..42] == wish.port.to_be_bytes();
                let lifetime = [answer[4], answer[5], answer[6], answer[7]];
                is_ours.then(|| judge(result, [answer[42], answer[43]], lifetime))
            }
        }
    }
}

fn refused(code: u8) -> io::Error {
    io::Error::other(format!("the router refuses (code {code})"))
}

fn judge(result: u8, external_port: [u8; 2], lifetime: [u8; 4]) -> Answer {
    if result != SUCCESS {
        return Answer::Refused(result);
    }
    Answer::Mapped(Lease {
        external_port: u16::from_be_bytes(external_port),
        lifetime: Duration::from_secs(u32::from_be_bytes(lifetime).into()),
    })
}

/// What NAT-PMP calls a mapping of a protocol.
const fn operation(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Udp => 1,
        Protocol::Tcp => 2,
    }
}

/// An address as PCP has it: of IPv6, or of IPv4 within that.
fn mapped(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

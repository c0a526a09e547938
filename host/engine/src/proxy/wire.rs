//! SOCKS5 as bytes (RFC 1928, 1929): what is said over TCP, and the header of datagrams.

use std::net::{IpAddr, SocketAddr};

/// The only version.
const VERSION: u8 = 5;
const V4: u8 = 1;
const NAME: u8 = 3;
const V6: u8 = 4;

/// The longest name of a host, user name or password: their lengths are one byte.
pub(crate) const MAX_TEXT: usize = 255;

/// Bytes of a datagram's header, towards an address of IPv4 and of IPv6.
pub(crate) const DATAGRAM_HEADER: [u16; 2] = [10, 22];

/// What a proxy is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Request {
    /// A connection.
    Connect = 1,
    /// A relay for datagrams.
    Associate = 3,
}

/// Where something goes, or comes from.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Place {
    /// An address.
    Address(SocketAddr),
    /// A host by its name, which the proxy looks up.
    Named(Name, u16),
}

/// A name of 1 to 255 bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Name(String);

/// How a proxy wants to know who asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Method {
    /// Not at all.
    Nothing,
    /// By user name and password.
    Login,
    /// It takes none of those offered.
    NoneOfThem,
}

/// The beginning of an answer to a [`Request`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Reply {
    /// 0 if it was granted.
    pub(super) code: u8,
    kind: u8,
}

impl Place {
    /// An address, or a name; `None` for what can be neither.
    pub(crate) fn new(host: &str, port: u16) -> Option<Self> {
        match host.parse::<IpAddr>() {
            Ok(ip) => Some(Self::Address((ip, port).into())),
            Err(_) if host.is_empty() || host.len() > MAX_TEXT => None,
            Err(_) => Some(Self::Named(Name(host.to_owned()), port)),
        }
    }

    /// Appends type, address and port.
    fn encode(&self, to: &mut Vec<u8>) {
        match self {
            Self::Address(address) => encode_address(*address, to),
            Self::Named(Name(name), port) => {
                to.extend([NAME, name.len() as u8]);
                to.extend_from_slice(name.as_bytes());
                to.extend(port.to_be_bytes());
            }
        }
    }

    /// Reads one behind its type, and gives what follows it.
    fn decode(kind: u8, bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (host, bytes) = match kind {
            V4 => bytes.split_first_chunk::<4>().map(|(ip, rest)| (Ok(IpAddr::from(*ip)), rest))?,
            V6 => bytes.split_first_chunk::<16>().map(|(ip, rest)| (Ok(IpAddr::from(*ip)), rest))?,
            NAME => {
                let (length, rest) = bytes.split_first()?;
                let (name, rest) = rest.split_at_checked(usize::from(*length))?;
                (Err(String::from_utf8_lossy(name).into_owned()), rest)
            }
            _ => return None,
        };
        let (port, rest) = bytes.split_first_chunk::<2>()?;
        let port = u16::from_be_bytes(*port);
        let place = match host {
            Ok(ip) => Self::Address(SocketAddr::new(ip.to_canonical(), port)),
            Err(name) => Self::new(&name, port)?,
        };
        Some((place, rest))
    }
}

impl From<SocketAddr> for Place {
    fn from(address: SocketAddr) -> Self {
        Self::Address(address)
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Named(Name(name), port) => write!(f, "{name}:{port}"),
        }
    }
}

fn encode_address(address: SocketAddr, to: &mut Vec<u8>) {
    match address.ip() {
        IpAddr::V4(ip) => {
            to.push(V4);
            to.extend(ip.octets());
        }
        IpAddr::V6(ip) => {
            to.push(V6);
            to.extend(ip.octets());
        }
    }
    to.extend(address.port().to_be_bytes());
}

/// The first words to a proxy: how we may say who we are.
pub(super) const fn methods(has_login: bool) -> &'static [u8] {
    if has_login { &[VERSION, 2, 0, 2] } else { &[VERSION, 1, 0] }
}

/// The answer to [`methods`]; `None` if it is not SOCKS5.
pub(super) const fn method(bytes: [u8; 2]) -> Option<Method> {
    match bytes {
        [VERSION, 0] => Some(Method::Nothing),
        [VERSION, 2] => Some(Method::Login),
        [VERSION, 0xff] => Some(Method::NoneOfThem),
        _ => None,
    }
}

/// User name and password of at most [`MAX_TEXT`] bytes each (RFC 1929).
pub(super) fn login(user: &[u8], password: &[u8]) -> Vec<u8> {
    [&[1, user.len() as u8], user, &[password.len() as u8], password].concat()
}

/// Asks for something. What it is about comes last: where to connect to, or where datagrams will come from.
pub(super) fn request(request: Request, place: &Place) -> Vec<u8> {
    let mut bytes = vec![VERSION, request as u8, 0];
    place.encode(&mut bytes);
    bytes
}

impl Reply {
    /// The first bytes of an answer; `None` if it is not SOCKS5.
    pub(super) const fn decode([version, code, _, kind]: [u8; 4]) -> Option<Self> {
        if version == VERSION { Some(Self { code, kind }) } else { None }
    }

    /// How many bytes follow, by the first of them; `None` for an unknown type of address.
    pub(super) const fn rest(self, first: u8) -> Option<usize> {
        match self.kind {
            V4 => Some(3 + 2),
            V6 => Some(15 + 2),
            NAME => Some(first as usize + 2),
            _ => None,
        }
    }

    /// The place that an answer ends with.
    pub(super) fn place(self, bytes: &[u8]) -> Option<Place> {
        // A name may be empty here: it is of no use, and no fault.
        Place::decode(self.kind, bytes).map(|(place, _)| place)
    }

    /// What a code other than 0 means.
    pub(super) const fn reason(self) -> &'static str {
        match self.code {
            1 => "a general failure",
            2 => "it is not allowed to",
            3 => "the network is unreachable",
            4 => "the host is unreachable",
            5 => "the connection was refused",
            6 => "it took too long",
            7 => "it does not do that",
            8 => "it does not know this kind of address",
            _ => "no reason is given",
        }
    }
}

/// Appends the header of a datagram to an address.
pub(super) fn seal(to: SocketAddr, datagram: &mut Vec<u8>) {
    datagram.extend([0, 0, 0]);
    encode_address(to, datagram);
}

/// A datagram to a place.
pub(super) fn sealed(to: &Place, payload: &[u8]) -> Vec<u8> {
    let mut datagram = vec![0, 0, 0];
    to.encode(&mut datagram);
    datagram.extend_from_slice(payload);
    datagram
}

/// What a datagram of the relay says, and who said it. `None` for fragments, which nobody sends, and for what is none.
pub(super) fn open(datagram: &[u8]) -> Option<(Place, &[u8])> {
    let ([_, _, fragment, kind], rest) = datagram.split_first_chunk()?;
    if *fragment == 0 { Place::decode(*kind, rest) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Place {
        let (host, port) = text.rsplit_once(':').unwrap();
        Place::new(host.trim_matches(['[', ']']), port.parse().unwrap()).unwrap()
    }

    #[test]
    fn a_place_is_asked_for_as_the_standard_has_it() {
        assert_eq!(request(Request::Connect, &place("10.0.0.1:80")), [5, 1, 0, 1, 10, 0, 0, 1, 0, 80]);
        assert_eq!(request(Request::Associate, &place("a.b:258")), [5, 3, 0, 3, 3, b'a', b'.', b'b', 1, 2]);
        let v6 = request(Request::Connect, &place("[2001:db8::1]:1"));
        assert_eq!((v6.len(), v6[3], &v6[4..8]), (22, 4, &[0x20, 1, 0x0d, 0xb8][..]));
        assert_eq!(Place::new("", 1), None);
        assert_eq!(Place::new(&"x".repeat(256), 1), None);
        assert_eq!(login(b"me", b"pass"), *b"\x01\x02me\x04pass");
    }

    #[test]
    fn datagrams_go_and_come_back() {
        for (text, length) in [("10.0.0.1:80", 10), ("[2001:db8::1]:81", 22), ("tracker.example:82", 22)] {
            let datagram = sealed(&place(text), b"hello");
            assert_eq!(datagram.len(), length + 5);
            assert_eq!(open(&datagram), Some((place(text), &b"hello"[..])), "{text}");
            if let Place::Address(address) = place(text) {
                let mut same = Vec::new();
                seal(address, &mut same);
                assert_eq!(same, datagram[..length]);
                assert_eq!(DATAGRAM_HEADER[usize::from(address.is_ipv6())], length as u16);
            }
            for end in 0..length {
                assert_eq!(open(&datagram[..end]), None, "{text} cut at {end}");
            }
            let mut fragment = datagram.clone();
            fragment[2] = 1;
            assert_eq!(open(&fragment), None, "a fragment");
        }
        assert_eq!(open(&[0, 0, 0, 9, 1, 1, 1, 1, 0, 1]), None, "an unknown type");
        assert_eq!(open(&[0, 0, 0, 3, 0, 0, 1]), None, "nobody");
    }

    #[test]
    fn answers_are_read_piece_by_piece() {
        let reply = Reply::decode([5, 0, 0, 3]).unwrap();
        assert_eq!(reply.rest(2), Some(4));
        assert_eq!(reply.place(&[2, b'a', b'b', 1, 0]), Some(place("ab:256")));
        assert_eq!(reply.place(&[0, 1, 0]), None);
        assert_eq!(reply.place(b"\x0810.0.0.1\x01"), None, "cut short");
        assert_eq!(reply.place(b"\x0810.0.0.1\x01\x00"), Some(place("10.0.0.1:256")));
        assert_eq!(Reply::decode([4, 0, 0, 1]), None);
        assert_eq!(Reply::decode([5, 0, 0, 7]).unwrap().rest(0), None);
        assert_eq!(method([5, 0xff]), Some(Method::NoneOfThem));
        assert_eq!(method([b'S', b'S']), None);
    }
}

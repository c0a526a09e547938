//! Names to addresses. The system's resolver chooses its own way to the name servers; where everything has to go by one
//! interface they are asked from here, by way of that.

use crate::bind::Bind;
use crate::limits::{DNS_ANSWER, DNS_ATTEMPTS, DNS_TRY, MAX_NAME_SERVERS};
use crate::udp;
use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, Question, TYPE};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::net::{UdpSocket, lookup_host};
use tokio::time::timeout;

/// Where the system keeps the addresses of its name servers.
const RESOLV_CONF: &str = "/etc/resolv.conf";

const DNS_PORT: u16 = 53;

impl Bind {
    /// The addresses of a host that can be reached from here; none if it has only others.
    pub async fn look_up(self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let found: Vec<IpAddr> = match (host.parse(), self.interface) {
            (Ok(ip), _) => vec![ip],
            (Err(_), None) => lookup_host((host, port)).await?.map(|address| address.ip()).collect(),
            (Err(_), Some(_)) => {
                // A line or two on the system's own disk.
                let text = std::fs::read_to_string(RESOLV_CONF)?;
                self.ask(&name_servers(&text), host).await?
            }
        };
        let reachable = found.into_iter().filter(|ip| self.facing(*ip).is_some());
        Ok(reachable.map(|ip| SocketAddr::new(ip, port)).collect())
    }

    /// Asks one server after the other.
    async fn ask(self, servers: &[SocketAddr], host: &str) -> io::Result<Vec<IpAddr>> {
        let mut failure = io::Error::new(io::ErrorKind::NotFound, format!("{RESOLV_CONF} names no server"));
        for server in std::iter::repeat_n(servers, DNS_ATTEMPTS).flatten() {
            match self.ask_one(*server, host).await {
                Ok(found) => return Ok(found),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    async fn ask_one(self, server: SocketAddr, host: &str) -> io::Result<Vec<IpAddr>> {
        let own = self.facing(server.ip()).ok_or(io::ErrorKind::NetworkUnreachable)?;
        let socket = udp::open(self, own, 0)?;
        socket.connect(server).await?;
        let mut questions = Vec::new();
        for (kind, is_used) in [(TYPE::A, self.v4.is_some()), (TYPE::AAAA, self.v6.is_some())] {
            if is_used {
                let id = fastrand::u16(..);
                socket.send(&question(id, host, kind)?).await?;
                questions.push(id);
            }
        }
        let mut found = Vec::new();
        let answers = timeout(DNS_TRY, collect(&socket, host, &mut questions, &mut found)).await;
        match answers {
            Err(_) if found.is_empty() => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("the name server {server} does not answer"),
            )),
            Ok(Err(error)) if found.is_empty() => Err(error),
            Ok(_) if found.is_empty() => {
                Err(io::Error::new(io::ErrorKind::NotFound, "no address is known of that name"))
            }
            Ok(_) | Err(_) => Ok(found),
        }
    }
}

/// Takes in answers until every question has one.
async fn collect(
    socket: &UdpSocket,
    host: &str,
    questions: &mut Vec<u16>,
    found: &mut Vec<IpAddr>,
) -> io::Result<()> {
    let mut buffer = vec![0; DNS_ANSWER];
    while !questions.is_empty() {
        let length = socket.recv(&mut buffer).await?;
        let Some((id, addresses)) = buffer.get(..length).and_then(|bytes| answer(bytes, host)) else {
            continue;
        };
        if let Some(at) = questions.iter().position(|asked| *asked == id) {
            questions.swap_remove(at);
            found.extend(addresses);
        }
    }
    Ok(())
}

fn question(id: u16, host: &str, kind: TYPE) -> io::Result<Vec<u8>> {
    let bad = |_| io::Error::new(io::ErrorKind::InvalidInput, "that is no name of a host");
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    packet.questions.push(Question::new(Name::new(host).map_err(bad)?, kind.into(), CLASS::IN.into(), false));
    packet.build_bytes_vec().map_err(bad)
}

/// The addresses in an answer to a question about `host`, and the question's number.
fn answer(bytes: &[u8], host: &str) -> Option<(u16, Vec<IpAddr>)> {
    let packet = Packet::parse(bytes).ok()?;
    let asked = packet.questions.first()?.qname.to_string();
    if !packet.has_flags(PacketFlag::RESPONSE) || !asked.eq_ignore_ascii_case(host.trim_end_matches('.')) {
        return None;
    }
    let address = |record: &simple_dns::ResourceRecord<'_>| match &record.rdata {
        RData::A(a) => Some(Ipv4Addr::from(a.address).into()),
        RData::AAAA(aaaa) => Some(Ipv6Addr::from(aaaa.address).into()),
        _ => None,
    };
    Some((packet.id(), packet.answers.iter().filter_map(address).collect()))
}

/// The name servers of a `resolv.conf`.
fn name_servers(text: &str) -> Vec<SocketAddr> {
    let server = |line: &str| {
        let mut words = line.split_whitespace();
        let ip: IpAddr = words.next().filter(|key| *key == "nameserver").and(words.next())?.parse().ok()?;
        Some(SocketAddr::new(ip, DNS_PORT))
    };
    text.lines().filter_map(server).take(MAX_NAME_SERVERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use simple_dns::ResourceRecord;
    use simple_dns::rdata::{A, AAAA, CNAME};

    fn reply(to: &[u8], host: &str, answers: &[RData<'static>]) -> Vec<u8> {
        let asked = Packet::parse(to).unwrap();
        let mut packet = Packet::new_reply(asked.id());
        packet.questions = asked.questions;
        let name = Name::new(host).unwrap();
        packet.answers =
            answers.iter().map(|it| ResourceRecord::new(name.clone(), CLASS::IN, 60, it.clone())).collect();
        packet.build_bytes_vec().unwrap()
    }

    #[test]
    fn servers_are_read_from_the_file() {
        let text = "# made by hand\nsearch example\nnameserver 10.8.0.1\nnameserver fe80::zz\nnameserver ::1 # here\n";
        assert_eq!(name_servers(text), ["10.8.0.1:53".parse().unwrap(), "[::1]:53".parse().unwrap()]);
    }

    #[test]
    fn only_answers_to_the_question_count() {
        let host = "mirror.example";
        let asked = question(7, host, TYPE::A).unwrap();
        let alias = RData::CNAME(CNAME(Name::new("cdn.example").unwrap()));
        let address = RData::A(A { address: 0x0a08_0001 });
        let good = reply(&asked, host, &[alias, address.clone()]);
        assert_eq!(answer(&good, host), Some((7, vec!["10.8.0.1".parse().unwrap()])));
        assert_eq!(answer(&good, "other.example"), None);
        assert_eq!(answer(&asked, host), None, "a question is no answer");
        assert_eq!(answer(&good[..good.len() - 3], host), None);
    }

    #[tokio::test]
    async fn both_families_are_asked_of_one_server() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let to = server.local_addr().unwrap();
        let answering = async {
            let mut buffer = [0; 512];
            for _ in 0..2 {
                let (length, from) = server.recv_from(&mut buffer).await.unwrap();
                let is_v4 = Packet::parse(&buffer[..length]).unwrap().questions[0].qtype == TYPE::A.into();
                let address =
                    if is_v4 { RData::A(A { address: 1 }) } else { RData::AAAA(AAAA { address: 1 }) };
                server.send_to(&reply(&buffer[..length], "a.example", &[address]), from).await.unwrap();
            }
        };
        let bind = Bind::default();
        let servers = [to];
        let (found, ()) = tokio::join!(bind.ask(&servers, "a.example"), answering);
        let mut found = found.unwrap();
        found.sort_unstable();
        assert_eq!(found, [IpAddr::from([0, 0, 0, 1]), IpAddr::V6(Ipv6Addr::LOCALHOST)]);
        assert!(bind.ask(&[], "a.example").await.is_err());
    }
}

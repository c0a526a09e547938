//! Who gets a place among the connections, and who gives one up.

use crate::contract::{PeerKey, Refusal};
use crate::limits;
use std::net::IpAddr;
use std::time::Duration;

/// What a connection is worth, least first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Standing {
    /// It never traded, or not for long, and promises nothing.
    Idle,
    /// It has what we want, or is served by us, but gave and took nothing lately.
    Promising,
    /// Payload went over it lately.
    Trading,
}

/// One connection held.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    pub(crate) key: PeerKey,
    pub(crate) host: IpAddr,
    pub(crate) standing: Standing,
    pub(crate) age: Duration,
}

/// The verdict over a newcomer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// There is a place.
    Admit,
    /// There is one if this connection is closed.
    Replace(PeerKey),
    /// There is none.
    Refuse(Refusal),
}

/// How many connections are held, in all and from one host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Admission {
    pub(crate) most: usize,
    pub(crate) most_per_host: usize,
    /// From one host of the local network, or this machine.
    pub(crate) most_per_local_host: usize,
}

impl Admission {
    /// So many connections in all, and from one host; the local network's hosts may have more.
    pub(crate) fn new(most: usize, most_per_host: usize) -> Self {
        let most_per_host = most_per_host.max(1);
        Self { most, most_per_host, most_per_local_host: most_per_host.max(limits::PEERS_PER_LOCAL_HOST) }
    }

    /// Whether a connection with `host` is taken in. `named`: the user named the address, and may name several
    /// of one host.
    pub(crate) fn judge(self, host: IpAddr, named: bool, held: &[Held]) -> Verdict {
        let neighbours = || held.iter().filter(|it| group(it.host) == group(host));
        let most_per_host = if is_local(host) { self.most_per_local_host } else { self.most_per_host };
        if !named && neighbours().count() >= most_per_host {
            return match worst(neighbours()) {
                Some(it) if it.standing == Standing::Idle => Verdict::Replace(it.key),
                _ => Verdict::Refuse(Refusal::TooManyFromAddress),
            };
        }
        if held.len() < self.most {
            return Verdict::Admit;
        }
        match worst(held.iter()) {
            Some(it) if is_expendable(it) => Verdict::Replace(it.key),
            _ => Verdict::Refuse(Refusal::Full),
        }
    }
}

/// The connection worth least of those that had time to become worth something.
pub(crate) fn worst<'a>(held: impl Iterator<Item = &'a Held>) -> Option<&'a Held> {
    least(held.filter(|it| it.age >= limits::NEWCOMER_GRACE))
}

/// The connection worth least; of equals the oldest, which had most time to become worth more.
pub(crate) fn least<'a>(held: impl Iterator<Item = &'a Held>) -> Option<&'a Held> {
    held.min_by_key(|it| (it.standing, std::cmp::Reverse(it.age)))
}

fn is_expendable(held: &Held) -> bool {
    match held.standing {
        Standing::Idle => true,
        Standing::Promising => held.age >= limits::IDLE_AFTER,
        Standing::Trading => false,
    }
}

/// Whether the host is this machine or in its network, where nobody meets strangers.
fn is_local(host: IpAddr) -> bool {
    match host.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// What counts as one host: an IPv4 address, or an IPv6 /64, which one machine can hold whole.
pub(crate) fn group(host: IpAddr) -> IpAddr {
    match host.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) >> 64 << 64).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADMISSION: Admission = Admission { most: 3, most_per_host: 2, most_per_local_host: 3 };

    fn held(key: u32, host: &str, standing: Standing, age: u64) -> Held {
        Held { key: PeerKey(key), host: host.parse().unwrap(), standing, age: Duration::from_secs(age) }
    }

    fn host(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_oldest_idle_stranger_makes_room() {
        let full = [
            held(1, "10.0.0.1", Standing::Trading, 900),
            held(2, "10.0.0.2", Standing::Idle, 5),
            held(3, "10.0.0.3", Standing::Idle, 50),
        ];
        assert_eq!(ADMISSION.judge(host("10.0.0.4"), false, &full), Verdict::Replace(PeerKey(3)));
        assert_eq!(ADMISSION.judge(host("10.0.0.4"), false, &full[..2]), Verdict::Admit);
    }

    #[test]
    fn traders_and_newcomers_stay() {
        let full = [
            held(1, "10.0.0.1", Standing::Trading, 900),
            held(2, "10.0.0.2", Standing::Promising, 5),
            held(3, "10.0.0.3", Standing::Idle, 0),
        ];
        assert_eq!(ADMISSION.judge(host("10.0.0.4"), false, &full), Verdict::Refuse(Refusal::Full));
        let mut old = full;
        old[1].age = limits::IDLE_AFTER;
        assert_eq!(ADMISSION.judge(host("10.0.0.4"), false, &old), Verdict::Replace(PeerKey(2)));
    }

    #[test]
    fn a_host_of_the_local_network_has_more_places() {
        for (ours, strange) in
            [("192.168.1.7", "192.0.2.7"), ("fe80::7", "2001:db8::7"), ("127.0.0.1", "1.0.0.1")]
        {
            let two_of = |host| [held(1, host, Standing::Trading, 9), held(2, host, Standing::Promising, 9)];
            assert_eq!(ADMISSION.judge(host(ours), false, &two_of(ours)), Verdict::Admit);
            let refused = Verdict::Refuse(Refusal::TooManyFromAddress);
            assert_eq!(ADMISSION.judge(host(strange), false, &two_of(strange)), refused);
        }
    }

    #[test]
    fn one_host_fills_only_its_own_places() {
        let two =
            [held(1, "2001:db8::1", Standing::Trading, 9), held(2, "2001:db8::2", Standing::Promising, 900)];
        let third = host("2001:db8::3");
        assert_eq!(ADMISSION.judge(third, false, &two), Verdict::Refuse(Refusal::TooManyFromAddress));
        assert_eq!(ADMISSION.judge(third, true, &two), Verdict::Admit);
        let idle = [two[0], held(2, "2001:db8::2", Standing::Idle, 9)];
        assert_eq!(ADMISSION.judge(third, false, &idle), Verdict::Replace(PeerKey(2)));
    }
}

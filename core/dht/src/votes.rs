//! What others say our address is, and when enough of them agree (BEP 42).

use crate::address::Subnet;
use crate::limits::{MAX_VOTES, MIN_AGREEING_VOTES};
use std::collections::VecDeque;
use std::net::IpAddr;

/// The latest votes, one for each voter's network: one voice, however often it speaks, decides nothing.
#[derive(Debug, Default)]
pub(crate) struct Votes {
    votes: VecDeque<(Subnet, IpAddr)>,
    agreed: Option<IpAddr>,
}

impl Votes {
    /// The address last agreed on.
    pub(crate) const fn agreed(&self) -> Option<IpAddr> {
        self.agreed
    }

    /// Counts a vote. Returns the address when enough agree on a new one.
    pub(crate) fn vote(&mut self, voter: IpAddr, address: IpAddr) -> Option<IpAddr> {
        let voter = Subnet::of(voter);
        self.votes.retain(|(earlier, _)| *earlier != voter);
        self.votes.push_back((voter, address));
        if self.votes.len() > MAX_VOTES {
            self.votes.pop_front();
        }
        let agreeing = self.votes.iter().filter(|(_, vote)| *vote == address).count();
        let majority = agreeing * 2 > self.votes.len();
        if agreeing < MIN_AGREEING_VOTES || !majority || self.agreed == Some(address) {
            return None;
        }
        self.agreed = Some(address);
        self.agreed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_voice_decides_nothing() {
        let mut votes = Votes::default();
        for last in 0..50 {
            let voter = IpAddr::from([9, 9, 9, last]);
            assert_eq!(votes.vote(voter, ip("8.8.8.8")), None);
        }
        assert_eq!(votes.agreed(), None);
    }

    #[test]
    fn a_majority_of_networks_decides_once() {
        let mut votes = Votes::default();
        for network in 0..3 {
            assert_eq!(votes.vote(IpAddr::from([5, network, 0, 1]), ip("8.8.8.8")), None);
        }
        let told: Vec<IpAddr> = (0..10)
            .filter_map(|network| votes.vote(IpAddr::from([6, network, 0, 1]), ip("1.2.3.4")))
            .collect();
        assert_eq!(told, [ip("1.2.3.4")]);
        assert_eq!(votes.agreed(), Some(ip("1.2.3.4")));
    }

    #[test]
    fn a_new_address_is_noticed_once_the_old_votes_are_outvoted() {
        let mut votes = Votes::default();
        for n in 0..20 {
            votes.vote(IpAddr::from([6, n, 0, 1]), ip("1.2.3.4"));
        }
        let told: Vec<IpAddr> =
            (0..40).filter_map(|n| votes.vote(IpAddr::from([7, n, 0, 1]), ip("5.6.7.8"))).collect();
        assert_eq!(told, [ip("5.6.7.8")]);
    }
}

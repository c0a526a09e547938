//! What goes through a proxy.

use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// A kind of traffic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Traffic {
    /// Connections to peers, and the DHT.
    Peers,
    /// Announces and scrapes.
    Trackers,
    /// Ranges of files over HTTP.
    WebSeeds,
    /// What the user asks for by its address.
    Documents,
}

/// What goes through a proxy where there is one. The rest goes without it, but for documents (torrent files, sums,
/// signatures, keys, blocklists), which always go through it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProxyFor {
    /// Connections to peers, over TCP and uTP, and the DHT. Then nobody can connect to us, and the local network does not
    /// hear of us.
    pub peers: bool,
    /// Announces to trackers, over HTTP and UDP.
    pub trackers: bool,
    /// Web seeds.
    pub web_seeds: bool,
}

/// A word that names nothing that could go through a proxy.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{0:?} is nothing that goes through a proxy: write some of peers, trackers, web-seeds, with commas")]
pub struct UnknownTraffic(pub String);

impl Default for ProxyFor {
    /// Everything.
    fn default() -> Self {
        Self { peers: true, trackers: true, web_seeds: true }
    }
}

impl ProxyFor {
    /// Nothing but documents.
    const NOTHING: Self = Self { peers: false, trackers: false, web_seeds: false };

    pub(crate) const fn holds(self, traffic: Traffic) -> bool {
        match traffic {
            Traffic::Peers => self.peers,
            Traffic::Trackers => self.trackers,
            Traffic::WebSeeds => self.web_seeds,
            Traffic::Documents => true,
        }
    }

    /// The words for what is in it.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        let all = [(self.peers, "peers"), (self.trackers, "trackers"), (self.web_seeds, "web-seeds")];
        all.into_iter().filter_map(|(is_in, word)| is_in.then_some(word))
    }

    /// What words mean together. None at all: only documents.
    pub fn of_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, UnknownTraffic> {
        let mut all = Self::NOTHING;
        for word in words {
            match word.trim() {
                "peers" => all.peers = true,
                "trackers" => all.trackers = true,
                "web-seeds" | "web_seeds" => all.web_seeds = true,
                other => return Err(UnknownTraffic(other.to_owned())),
            }
        }
        Ok(all)
    }
}

impl FromStr for ProxyFor {
    type Err = UnknownTraffic;

    /// Words with commas between them, at least one.
    fn from_str(text: &str) -> Result<Self, UnknownTraffic> {
        Self::of_words(text.split(','))
    }
}

impl fmt::Display for ProxyFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().collect::<Vec<_>>().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_as_a_list() {
        assert_eq!("peers,trackers,web-seeds".parse(), Ok(ProxyFor::default()));
        let some: ProxyFor = "web-seeds, peers".parse().unwrap();
        assert_eq!(some, ProxyFor { peers: true, trackers: false, web_seeds: true });
        assert_eq!(some.to_string(), "peers,web-seeds");
        assert!(some.holds(Traffic::Documents) && !some.holds(Traffic::Trackers));
        for wrong in ["", "peers,", "all", "Peers", "peers trackers"] {
            assert!(wrong.parse::<ProxyFor>().is_err(), "{wrong}");
        }
        assert_eq!(ProxyFor::of_words([]), Ok(ProxyFor::NOTHING));
    }
}

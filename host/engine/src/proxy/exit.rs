//! The way out: straight, or through a proxy, for each kind of traffic. It may change while everything runs.

use super::{Proxy, ProxyFor, Relay, Traffic};
use crate::bind::Bind;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use tokio::sync::watch;
use tracing::{info, warn};

/// The ways of a session. Cloning shares them.
#[derive(Clone, Debug)]
pub(crate) struct Exit(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    bind: Bind,
    state: RwLock<State>,
    /// How often any of the ways changed.
    changes: watch::Sender<u64>,
    /// How often the way to peers changed.
    moves: watch::Sender<u64>,
    /// What is wrong with the proxy, as it was last told.
    complaint: Mutex<Option<String>>,
}

#[derive(Debug, Default)]
struct State {
    proxy: Option<Proxy>,
    used_for: ProxyFor,
    /// The relay of datagrams, once somebody wants it.
    relay: Option<Arc<Relay>>,
}

/// How datagrams leave.
#[derive(Clone, Debug)]
pub(crate) enum UdpWay {
    /// By sockets of our own.
    Straight(Bind),
    /// Through the proxy.
    Relayed(Arc<Relay>),
    /// Not at all: the proxy carries none.
    None,
}

/// What a change of the ways has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Changed {
    /// Any of them.
    pub(crate) any: bool,
    /// The way to peers.
    pub(crate) peers: bool,
}

impl From<Bind> for Exit {
    /// Straight.
    fn from(bind: Bind) -> Self {
        Self::new(bind, None, ProxyFor::default())
    }
}

impl Exit {
    /// Everything that `used_for` names goes through `proxy`, if there is one.
    pub(crate) fn new(bind: Bind, proxy: Option<Proxy>, used_for: ProxyFor) -> Self {
        let state = RwLock::new(State { proxy, used_for, ..State::default() });
        let (changes, moves) = (watch::Sender::new(0), watch::Sender::new(0));
        Self(Arc::new(Inner { bind, state, changes, moves, complaint: Mutex::default() }))
    }

    /// Our own end of every connection, to the proxy too.
    pub(crate) fn bind(&self) -> Bind {
        self.0.bind
    }

    /// The proxy that this goes through; `None`: straight, as nobody wants it otherwise.
    pub(crate) fn of(&self, traffic: Traffic) -> Option<Proxy> {
        let state = self.state();
        state.proxy.clone().filter(|_| state.used_for.holds(traffic))
    }

    /// Peers are met through a proxy: nobody reaches us, and nobody may learn where we are.
    pub(crate) fn hides_us(&self) -> bool {
        let state = self.state();
        state.proxy.is_some() && state.used_for.peers
    }

    /// How often the ways changed.
    pub(crate) fn changes(&self) -> u64 {
        *self.0.changes.borrow()
    }

    /// Ends when the ways are others than after so many changes.
    pub(crate) async fn changed_since(&self, changes: u64) {
        // The sender lives as long as this.
        let _ = self.0.changes.subscribe().wait_for(|now| *now != changes).await;
    }

    /// How often the way to peers changed.
    pub(crate) fn moves(&self) -> u64 {
        *self.0.moves.borrow()
    }

    /// Ends when the way to peers is another one than after so many changes.
    pub(crate) async fn moved_since(&self, moves: u64) {
        // The sender lives as long as this.
        let _ = self.0.moves.subscribe().wait_for(|now| *now != moves).await;
    }

    /// Changes the ways for everything that begins from now on.
    pub(crate) fn set(&self, proxy: Option<Proxy>, used_for: ProxyFor) -> Changed {
        let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
        let by = |proxy: &Option<Proxy>, used_for: ProxyFor, traffic| {
            proxy.clone().filter(|_| used_for.holds(traffic))
        };
        let changes = |traffic| by(&state.proxy, state.used_for, traffic) != by(&proxy, used_for, traffic);
        let peers = changes(Traffic::Peers);
        let any = [Traffic::Trackers, Traffic::WebSeeds, Traffic::Documents].into_iter().any(changes);
        let changed = Changed { any: peers || any, peers };
        if !changed.any {
            return changed;
        }
        let relay = if state.proxy == proxy { state.relay.take() } else { None };
        *state = State { proxy, used_for, relay };
        self.0.changes.send_modify(|changes| *changes += 1);
        if peers {
            self.0.moves.send_modify(|moves| *moves += 1);
        }
        drop(state);
        *self.0.complaint.lock().unwrap_or_else(PoisonError::into_inner) = None;
        changed
    }

    /// How datagrams of a kind leave. The relay is opened by the first who asks.
    pub(crate) fn udp(&self, traffic: Traffic) -> UdpWay {
        let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
        match &state.proxy {
            Some(proxy) if state.used_for.holds(traffic) => {
                if !proxy.carries_udp() {
                    return UdpWay::None;
                }
                let proxy = proxy.clone();
                let relay = state.relay.get_or_insert_with(|| Arc::new(Relay::open(proxy, self.0.bind)));
                UdpWay::Relayed(Arc::clone(relay))
            }
            _ => UdpWay::Straight(self.0.bind),
        }
    }

    /// The addresses of a peer that is named. Where peers are met through a proxy no name is looked up, as only the own
    /// resolver would do that.
    pub(crate) async fn look_up_peer(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        match host.parse::<IpAddr>() {
            Ok(ip) if self.hides_us() => Ok(vec![SocketAddr::new(ip, port)]),
            Err(_) if self.hides_us() => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "the name of a peer is not looked up where peers are met through a proxy",
            )),
            _ => self.0.bind.look_up(host, port).await,
        }
    }

    /// The proxy is at fault: said once, until it works or another fault shows.
    pub(crate) fn complain(&self, proxy: &Proxy, reason: &str) {
        let mut complaint = self.0.complaint.lock().unwrap_or_else(PoisonError::into_inner);
        if complaint.as_deref() != Some(reason) {
            warn!(%proxy, "peers cannot be met through the proxy: {reason}");
            *complaint = Some(reason.to_owned());
        }
    }

    /// What is wrong with the proxy, as it was last said.
    #[cfg(test)]
    pub(super) fn complaint(&self) -> Option<String> {
        self.0.complaint.lock().unwrap().clone()
    }

    /// The proxy has let somebody through.
    pub(crate) fn praise(&self, proxy: &Proxy) {
        let complaint = self.0.complaint.lock().unwrap_or_else(PoisonError::into_inner).take();
        if complaint.is_some() {
            info!(%proxy, "peers are met through the proxy again");
        }
    }

    /// Says what goes around the proxy because the user wants it so, and what it cannot carry.
    pub(crate) fn tell_of_gaps(&self) {
        let state = self.state();
        let Some(proxy) = &state.proxy else { return };
        let ProxyFor { peers, trackers, web_seeds } = state.used_for;
        let straight = [(peers, "peers, the DHT"), (trackers, "trackers"), (web_seeds, "web seeds")];
        let straight: Vec<&str> =
            straight.iter().filter_map(|(is_in, word)| (!is_in).then_some(*word)).collect();
        if !straight.is_empty() {
            warn!(%proxy, "met without the proxy, as asked for: {}", straight.join(", "));
        }
        if !proxy.carries_udp() && proxy.problem().is_none() && (peers || trackers) {
            let off = match (peers, trackers) {
                (true, true) => "uTP, the DHT and UDP trackers are",
                (true, false) => "uTP and the DHT are",
                (false, _) => "UDP trackers are",
            };
            warn!(%proxy, "an HTTP proxy carries no UDP: {off} left out");
        }
    }

    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.0.state.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_kind_of_traffic_has_its_way() {
        let proxy: Proxy = "http://127.0.0.1:9".parse().unwrap();
        let exit = Exit::new(Bind::default(), None, ProxyFor::default());
        assert!(!exit.hides_us() && exit.of(Traffic::Documents).is_none());
        let trackers = ProxyFor { peers: false, trackers: true, web_seeds: false };
        assert_eq!(exit.set(Some(proxy.clone()), trackers), Changed { any: true, peers: false });
        assert!(!exit.hides_us() && exit.of(Traffic::WebSeeds).is_none());
        assert_eq!(exit.of(Traffic::Trackers), Some(proxy.clone()));
        assert_eq!(exit.of(Traffic::Documents), Some(proxy.clone()), "whatever is chosen");
        assert!(matches!(exit.udp(Traffic::Trackers), UdpWay::None), "never straight");
        assert!(matches!(exit.udp(Traffic::Peers), UdpWay::Straight(_)));
        let before = exit.moves();
        assert_eq!(exit.set(Some(proxy.clone()), ProxyFor::default()), Changed { any: true, peers: true });
        assert!(exit.hides_us());
        exit.moved_since(before).await;
        assert_eq!(exit.set(Some(proxy), ProxyFor::default()), Changed::default());
        assert!(exit.look_up_peer("localhost", 1).await.is_err(), "no name is looked up");
        assert_eq!(exit.look_up_peer("::1", 1).await.unwrap().len(), 1);
    }
}

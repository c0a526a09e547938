//! Where peers reach us: the sockets we listen at, and the port that a router maps to them.

use super::{Session, Shared};
use crate::api::{Settings, StartError};
use crate::bind::Family;
use crate::dial;
use crate::http::is_local;
use crate::listen::{self, Hall};
use crate::port_map::{Lookout, PortMap};
use crate::proxy::{Proxy, ProxyFor};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The port that trackers are told of where nobody reaches us.
const UNREACHABLE_PORT: u16 = 1;

/// Our ports, and who came through them.
#[derive(Debug)]
pub(crate) struct Reach {
    /// Where we listen; 0 if we do not.
    port: watch::Sender<u16>,
    /// What a router has mapped to it, outside; 0 for nothing.
    external: AtomicU16,
    /// A peer from outside has begun a connection, over IPv4 and over IPv6.
    met: [AtomicBool; 2],
    /// What a router is asked for: a mapping of IPv4, pinholes of IPv6.
    mappings: Mutex<[Option<PortMap>; 2]>,
}

impl Reach {
    pub(super) fn new(port: u16) -> Self {
        Self {
            port: watch::Sender::new(port),
            external: AtomicU16::new(0),
            met: Default::default(),
            mappings: Mutex::default(),
        }
    }
}

impl Reach {
    /// The port that peers outside are told of; 0 if we do not listen.
    fn announced(&self) -> u16 {
        match (*self.port.borrow(), self.external.load(Ordering::Relaxed)) {
            (0, _) => 0,
            (port, 0) => port,
            (_, mapped) => mapped,
        }
    }

    /// A peer's handshake came to us.
    pub(crate) fn note_visitor(&self, from: IpAddr) {
        if !is_local(from) {
            self.met[usize::from(from.is_ipv6())].store(true, Ordering::Relaxed);
        }
    }
}

/// What is known of how peers reach a session. Clones are of the same session, which may end before them.
#[derive(Clone, Debug)]
pub struct Reachability(Arc<Reach>);

impl Reachability {
    /// The port that peers outside are told of: what a router maps to ours, if there is such; 0 if we do not listen.
    pub fn announced_port(&self) -> u16 {
        self.0.announced()
    }

    /// Has a peer from outside reached us since the session began, over this family or over any?
    pub fn is_proved(&self, family: Option<Family>) -> bool {
        let families = [(Family::V4, &self.0.met[0]), (Family::V6, &self.0.met[1])];
        let asked = families.iter().filter(|(of, _)| family.is_none_or(|family| family == *of));
        asked.into_iter().any(|(_, met)| met.load(Ordering::Relaxed))
    }
}

impl Session {
    /// What is known of how peers reach us.
    pub fn reachability(&self) -> Reachability {
        Reachability(Arc::clone(&self.shared.reach))
    }

    /// The port we listen at; 0 if it does not.
    pub fn port(&self) -> u16 {
        self.shared.port()
    }

    /// Listens on another port from now on, over TCP and UDP; if that cannot be had over TCP, all stays as it was.
    /// Connections that stand stay. Where peers are met through a proxy, it counts once they are not.
    pub fn set_port(&self, port: u16) -> Result<u16, StartError> {
        if !self.shared.listens() {
            let mut wishes = self.shared.wishes();
            wishes.port = wishes.port.map(|_| port);
            return Ok(self.port());
        }
        let (listeners, port) = listen(&self.shared.settings, port)?;
        self.listen(listeners);
        self.shared.wishes().port = Some(port);
        self.shared.reach.port.send_replace(port);
        self.shared.discovery.set_port(port, self.shared.announced_port());
        self.shared.move_udp(&self.utp_streams);
        Ok(port)
    }

    /// Takes in connections from these on, and from no others.
    pub(super) fn listen(&self, listeners: Vec<TcpListener>) {
        let hall = Hall {
            registry: self.shared.registry.clone(),
            dormitory: Arc::clone(&self.dormitory),
            encryption: self.shared.encryption.clone(),
            reach: Arc::clone(&self.shared.reach),
        };
        let is_tcp_used = self.shared.ways().transports.tcp();
        let listening = if is_tcp_used { listen_on(listeners, &hall) } else { JoinSet::new() };
        *self.listeners.lock().unwrap_or_else(PoisonError::into_inner) = listening;
    }

    /// Asks the router for our port from now on, or gives it back. Without a router there is nobody to ask.
    pub fn set_port_mapping(&self, on: bool) {
        self.shared.wishes().port_mapping = on;
        self.follow_port_mapping();
    }

    pub(super) fn follow_port_mapping(&self) {
        let on = self.shared.wishes().port_mapping && !self.shared.exit.hides_us();
        let bind = self.shared.settings.bind;
        self.map_port(if on { [Lookout::usual(bind), Lookout::usual_v6(bind)] } else { [None, None] });
    }

    /// Has everything that `used_for` names go through another proxy, or through none, from now on. HTTP that is under way
    /// ends as it began; if peers are met another way, every connection to one is closed, and nobody can connect to us
    /// while that way is a proxy.
    pub fn set_proxy(&self, proxy: Option<Proxy>, used_for: ProxyFor) -> Result<(), StartError> {
        let changed = self.shared.exit.set(proxy, used_for);
        if changed.any {
            self.shared.exit.tell_of_gaps();
            self.shared.http.close_idle();
        }
        if !changed.peers {
            return Ok(());
        }
        self.shared.discovery.stop();
        // Ends its tasks at once: what is on its way does not leave any more.
        drop(self.shared.udp().take());
        self.follow_port_mapping();
        let listening = match self.shared.wishes().port.filter(|_| self.shared.listens()) {
            Some(port) => listen(&self.shared.settings, port),
            None => Ok((Vec::new(), 0)),
        };
        let (result, (listeners, port)) = match listening {
            Ok(listening) => (Ok(()), listening),
            Err(error) => (Err(error), (Vec::new(), 0)),
        };
        self.listen(listeners);
        self.shared.reach.external.store(0, Ordering::Relaxed);
        self.shared.reach.port.send_replace(port);
        self.follow_port_mapping();
        self.shared.follow_utp(&self.utp_streams);
        self.shared.follow_wishes();
        // Everybody looks again at how peers are met.
        self.shared.discovery.announce_change();
        result
    }

    /// Asks where these say, of IPv4 and of IPv6, or no longer.
    pub(crate) fn map_port(&self, lookouts: [Option<Lookout>; 2]) {
        let mut mappings = self.shared.reach.mappings.lock().unwrap_or_else(PoisonError::into_inner);
        for (mapping, lookout) in mappings.iter_mut().zip(lookouts) {
            match (lookout, mapping.take()) {
                (Some(lookout), None) if self.port() != 0 => *mapping = Some(self.start_mapping(lookout)),
                (Some(_), running) => *mapping = running,
                (None, Some(running)) => drop(tokio::spawn(running.release())),
                (None, None) => {}
            }
        }
    }

    fn start_mapping(&self, lookout: Lookout) -> PortMap {
        let shared = Arc::downgrade(&self.shared);
        let is_pinhole = matches!(lookout, Lookout::V6 { .. });
        let tell = move |external| {
            // A pinhole is of the port that we have anyway.
            if let Some(shared) = shared.upgrade().filter(|_| !is_pinhole) {
                shared.set_external_port(external);
            }
        };
        PortMap::start(lookout, self.shared.reach.port.subscribe(), tell)
    }

    /// Gives back what a router maps and lets in.
    pub(super) async fn release_port(&self) {
        let mappings =
            std::mem::take(&mut *self.shared.reach.mappings.lock().unwrap_or_else(PoisonError::into_inner));
        let [v4, v6] = mappings.map(|mapping| async {
            if let Some(mapping) = mapping {
                mapping.release().await;
            }
        });
        tokio::join!(v4, v6);
    }
}

impl Shared {
    /// The port we listen at; 0 if we do not.
    pub(crate) fn port(&self) -> u16 {
        *self.reach.port.borrow()
    }

    /// Whether peers may connect to us.
    pub(super) fn listens(&self) -> bool {
        self.settings.listen && !self.exit.hides_us()
    }

    /// The port that trackers are told of. Where nobody reaches us it is one that nobody serves at: trackers refuse 0.
    pub(crate) fn tracker_port(&self) -> u16 {
        if self.exit.hides_us() { UNREACHABLE_PORT } else { self.announced_port() }
    }

    /// The port that peers outside are told of; 0 where they do not reach us.
    pub(crate) fn announced_port(&self) -> u16 {
        self.reach.announced()
    }

    fn set_external_port(&self, external: Option<u16>) {
        let before = self.announced_port();
        self.reach.external.store(external.unwrap_or_default(), Ordering::Relaxed);
        if self.announced_port() != before {
            self.discovery.set_port(self.port(), self.announced_port());
        }
    }
}

/// Listens as the settings say. With the port that this came to, 0 for none.
pub(super) fn listen(settings: &Settings, port: u16) -> Result<(Vec<TcpListener>, u16), StartError> {
    let listeners = dial::listen(settings.bind, port)
        .map_err(|(address, source)| StartError::Listen { address, source })?;
    let port =
        listeners.first().and_then(|first| first.local_addr().ok()).map_or(0, |address| address.port());
    Ok((listeners, port))
}

pub(super) fn listen_on(listeners: Vec<TcpListener>, hall: &Hall) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for listener in listeners {
        tasks.spawn(listen::accept(listener, hall.clone()));
    }
    tasks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_visitors_from_outside_prove_that_we_are_reached() {
        let reach = Arc::new(Reach::new(6881));
        let reachability = Reachability(Arc::clone(&reach));
        for local in ["127.0.0.1", "192.168.1.7", "fe80::1", "fd00::1"] {
            reach.note_visitor(local.parse().expect("an address"));
        }
        assert!(!reachability.is_proved(None));
        reach.note_visitor("2606:4700::1111".parse().expect("an address"));
        assert!(reachability.is_proved(None) && reachability.is_proved(Some(Family::V6)));
        assert!(!reachability.is_proved(Some(Family::V4)), "that says nothing of IPv4");
        assert_eq!(reachability.announced_port(), 6881);
    }
}

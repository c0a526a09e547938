//! Asking the router for our port, so that peers outside reach us.
//!
//! Routers speak PCP, its forerunner NAT-PMP, or UPnP; they are tried in this order, and what answers is kept. A mapping is a
//! lease: it is renewed at half its time, and given back at the end. The RPC's port is never mapped.
//!
//! IPv6 needs no mapping, but routers let nobody in by themselves: there a pinhole is asked for, by PCP or UPnP, to the one
//! address that peers see us by. It is a lease like a mapping, and moves with the address.

mod gateway;
mod pcp;
#[cfg(test)]
mod tests;
mod upnp;

use crate::bind::Bind;
use crate::limits::{
    PORT_LEASE, PORT_LEASE_SHORTEST, PORT_MAP_PAUSE_FIRST, PORT_MAP_PAUSE_LONGEST, PORT_RELEASE_TIMEOUT,
};
use pcp::NatPmp;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use upnp::{Firewall, Upnp};

/// What is mapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Protocol {
    Tcp,
    Udp,
}

impl Protocol {
    const BOTH: [Self; 2] = [Self::Tcp, Self::Udp];

    /// Its number in the headers of packets.
    const fn number(self) -> u8 {
        match self {
            Self::Udp => 17,
            Self::Tcp => 6,
        }
    }
}

/// What a router is asked for.
#[derive(Clone, Copy, Debug)]
struct Wish {
    protocol: Protocol,
    /// Where we listen.
    port: u16,
    /// What peers outside should see, as far as the router has no other idea.
    external_port: u16,
    /// For how long; none takes the mapping back.
    lifetime: Duration,
}

/// What a router has given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Lease {
    /// The port that peers outside see.
    external_port: u16,
    lifetime: Duration,
}

/// Where routers are looked for.
#[derive(Clone, Debug)]
pub(crate) enum Lookout {
    /// For a mapping of IPv4.
    V4(Place),
    /// For pinholes of IPv6, to the address that `bind` has, or wherever that may change by `look`.
    V6 {
        /// Tells our address and where its router is, or that there is none.
        look: fn(Bind) -> Option<(Ipv6Addr, Place)>,
        bind: Bind,
    },
}

/// Where a router may be.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    bind: Bind,
    /// Who speaks PCP or NAT-PMP; `None` without a router.
    pcp: Option<SocketAddr>,
    /// Where devices of the local network are asked who they are.
    ssdp: SocketAddr,
}

impl Lookout {
    /// Where routers usually are. `None` where none can be: bound to loopback, or without IPv4.
    pub(crate) fn usual(bind: Bind) -> Option<Self> {
        bind.v4.filter(|own| !own.is_loopback())?;
        let pcp = gateway::default_gateway(bind).map(|gateway| (gateway, pcp::PORT).into());
        Some(Self::V4(Place { bind, pcp, ssdp: (upnp::GROUP, upnp::PORT).into() }))
    }

    /// Where those of IPv6 usually are. `None` where none can be: bound to loopback, or without IPv6.
    pub(crate) fn usual_v6(bind: Bind) -> Option<Self> {
        bind.v6.filter(|own| !own.is_loopback())?;
        Some(Self::V6 { look: look_v6, bind })
    }

    /// Where to look now, and our address of IPv6 if packets are to be let in to it.
    fn place(&self) -> Option<(Option<Ipv6Addr>, Place)> {
        match self {
            Self::V4(place) => Some((None, place.clone())),
            Self::V6 { look, bind } => look(*bind).map(|(own, place)| (Some(own), place)),
        }
    }
}

fn look_v6(bind: Bind) -> Option<(Ipv6Addr, Place)> {
    let own = gateway::outward_v6(bind)?;
    let bind = Bind { v4: None, v6: Some(own), ..bind };
    let link = gateway::interface_of(own).unwrap_or_default();
    let pcp = gateway::default_gateway_v6(own, pcp::PORT);
    Some((own, Place { bind, pcp, ssdp: SocketAddrV6::new(upnp::GROUP_V6, upnp::PORT, 0, link).into() }))
}

/// A router that was found.
enum Router {
    Pcp(NatPmp),
    Upnp(Upnp),
    Firewall(Firewall),
}

impl Router {
    /// Finds one that grants a first wish.
    async fn find(own: Option<Ipv6Addr>, place: &Place, first: Wish) -> io::Result<Self> {
        if let Some(gateway) = place.pcp
            && let Ok(router) = NatPmp::find(place.bind, gateway, first).await
        {
            return Ok(Self::Pcp(router));
        }
        match own {
            Some(own) => Firewall::find(place.bind, own, place.ssdp).await.map(Self::Firewall),
            None => Upnp::find(place.bind, place.ssdp).await.map(Self::Upnp),
        }
    }

    /// Does it serve another address of ours than this one?
    fn is_of_another(&self, own: Option<Ipv6Addr>) -> bool {
        let served = match self {
            Self::Pcp(router) => router.own(),
            Self::Firewall(router) => Some(IpAddr::V6(router.own())),
            Self::Upnp(_) => None,
        };
        own.is_some_and(|own| served != Some(IpAddr::V6(own)))
    }

    async fn map(&mut self, wish: Wish) -> io::Result<Lease> {
        match self {
            Self::Pcp(router) => router.map(wish).await,
            Self::Upnp(router) => router.map(wish).await,
            Self::Firewall(router) => router.map(wish).await,
        }
    }

    async fn unmap(&mut self, wish: Wish) -> io::Result<()> {
        match self {
            Self::Pcp(router) => router.map(wish).await.map(drop),
            Self::Upnp(router) => router.unmap(wish).await,
            Self::Firewall(router) => router.unmap(wish).await,
        }
    }
}

/// A port that is being mapped. Dropping it leaves the mapping to run out.
#[derive(Debug)]
pub(crate) struct PortMap {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl PortMap {
    /// Maps the port that `port` holds from now on, and tells the external one, and when there is none any more.
    pub(crate) fn start(
        lookout: Lookout,
        port: watch::Receiver<u16>,
        tell: impl Fn(Option<u16>) + Send + 'static,
    ) -> Self {
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(Mapper { lookout, router: None, held: Vec::new() }.run(port, tell, stopped));
        Self { stop, task }
    }

    /// Gives the mapping back, as far as the router answers in time.
    pub(crate) async fn release(self) {
        drop(self.stop);
        let mut task = self.task;
        if timeout(PORT_RELEASE_TIMEOUT, &mut task).await.is_err() {
            task.abort();
        }
    }
}

struct Mapper {
    lookout: Lookout,
    router: Option<Router>,
    /// What is mapped, as it would be asked for again.
    held: Vec<Wish>,
}

impl Mapper {
    async fn run(
        mut self,
        mut port: watch::Receiver<u16>,
        tell: impl Fn(Option<u16>),
        mut stopped: oneshot::Receiver<()>,
    ) {
        let (mut wake, mut pause) = (Instant::now(), PORT_MAP_PAUSE_FIRST);
        loop {
            tokio::select! {
                biased;
                _ = &mut stopped => break,
                Ok(()) = port.changed() => {
                    self.release().await;
                    wake = Instant::now();
                    continue;
                }
                () = sleep_until(wake) => {}
            }
            let wanted = *port.borrow_and_update();
            let mapped = tokio::select! {
                biased;
                _ = &mut stopped => break,
                mapped = self.map(wanted) => mapped,
            };
            match mapped {
                Ok(lease) => {
                    pause = PORT_MAP_PAUSE_FIRST;
                    wake = Instant::now() + (lease.lifetime / 2).max(PORT_LEASE_SHORTEST);
                    tell(Some(lease.external_port));
                }
                Err(error) => {
                    tracing::debug!(%error, "no router maps our port");
                    self.router = None;
                    wake = Instant::now() + pause;
                    pause = (pause * 2).min(PORT_MAP_PAUSE_LONGEST);
                    tell(None);
                }
            }
        }
        self.release().await;
        tell(None);
    }

    /// Maps the port for both protocols, anew or for longer. The lease of TCP, for as long as both last.
    async fn map(&mut self, port: u16) -> io::Result<Lease> {
        let mut external_port = self.held.first().map_or(port, |held| held.external_port);
        let (own, place) = self.lookout.place().ok_or(io::ErrorKind::AddrNotAvailable)?;
        if self.router.as_ref().is_some_and(|router| router.is_of_another(own)) {
            self.release().await;
            self.router = None;
        }
        let first = Wish { protocol: Protocol::Tcp, port, external_port, lifetime: PORT_LEASE };
        let router = match &mut self.router {
            Some(router) => router,
            none => none.insert(Router::find(own, &place, first).await?),
        };
        let mut lifetime = PORT_LEASE;
        for protocol in Protocol::BOTH {
            let wish = Wish { protocol, external_port, ..first };
            // Noted before it is granted: should we be told to stop meanwhile, it is given back all the same.
            self.held.retain(|held| held.protocol != protocol);
            self.held.push(wish);
            let lease = router.map(wish).await?;
            if let Some(held) = self.held.last_mut() {
                held.external_port = lease.external_port;
            }
            lifetime = lifetime.min(lease.lifetime);
            if protocol == Protocol::Tcp {
                external_port = lease.external_port;
                let what = if own.is_some() { "lets peers in to our address" } else { "maps our port" };
                tracing::debug!(own = ?own, port, external_port, "the router {what}");
            }
        }
        Ok(Lease { external_port, lifetime })
    }

    async fn release(&mut self) {
        let Some(router) = &mut self.router else { return };
        for held in self.held.drain(..) {
            let wish = Wish { lifetime: Duration::ZERO, ..held };
            if let Err(error) = router.unmap(wish).await {
                tracing::debug!(%error, "the router keeps the mapping of our port until it runs out");
            }
        }
    }
}

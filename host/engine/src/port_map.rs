//! Asking the router for our port, so that peers outside reach us.
//!
//! Routers speak PCP, its forerunner NAT-PMP, or UPnP; they are tried in this order, and what answers is kept. A mapping is a
//! lease: it is renewed at half its time, and given back at the end. The RPC's port is never mapped.

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
use std::net::{SocketAddr, SocketAddrV4};
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use upnp::Upnp;

/// What is mapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Protocol {
    Tcp,
    Udp,
}

impl Protocol {
    const BOTH: [Self; 2] = [Self::Tcp, Self::Udp];
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
pub(crate) struct Lookout {
    bind: Bind,
    /// Who speaks PCP or NAT-PMP; `None` without a router.
    pcp: Option<SocketAddr>,
    /// Where devices of the local network are asked who they are.
    ssdp: SocketAddrV4,
}

impl Lookout {
    /// Where routers usually are. `None` where none can be: bound to loopback, or without IPv4.
    pub(crate) fn usual(bind: Bind) -> Option<Self> {
        bind.v4.filter(|own| !own.is_loopback())?;
        let pcp = gateway::default_gateway(bind).map(|gateway| (gateway, pcp::PORT).into());
        Some(Self { bind, pcp, ssdp: SocketAddrV4::new(upnp::GROUP, upnp::PORT) })
    }
}

/// A router that was found.
enum Router {
    Pcp(NatPmp),
    Upnp(Upnp),
}

impl Router {
    /// Finds one that grants a first wish.
    async fn find(lookout: &Lookout, first: Wish) -> io::Result<Self> {
        if let Some(gateway) = lookout.pcp
            && let Ok(router) = NatPmp::find(lookout.bind, gateway, first).await
        {
            return Ok(Self::Pcp(router));
        }
        Upnp::find(lookout.bind, lookout.ssdp).await.map(Self::Upnp)
    }

    async fn map(&mut self, wish: Wish) -> io::Result<Lease> {
        match self {
            Self::Pcp(router) => router.map(wish).await,
            Self::Upnp(router) => router.map(wish).await,
        }
    }

    async fn unmap(&mut self, wish: Wish) -> io::Result<()> {
        match self {
            Self::Pcp(router) => router.map(wish).await.map(drop),
            Self::Upnp(router) => router.unmap(wish).await,
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
        let first = Wish { protocol: Protocol::Tcp, port, external_port, lifetime: PORT_LEASE };
        let router = match &mut self.router {
            Some(router) => router,
            none => none.insert(Router::find(&self.lookout, first).await?),
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
                tracing::debug!(port, external_port, "the router maps our port");
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

//! Pinholes by UPnP (`WANIPv6FirewallControl:1` of IGD 2): the router lets packets to our address and port in.

use super::{Answer, discover, refused, request, soap};
use crate::bind::Bind;
use crate::port_map::{Lease, Protocol, Wish};
use crate::udp;
use soap::Control;
use std::io;
use std::net::{Ipv6Addr, SocketAddr};

/// A pinhole that the router does not know, by the numbers of the specification: it has begun anew.
const NO_SUCH_PINHOLE: u16 = 704;

/// A router that makes pinholes.
pub(in crate::port_map) struct Firewall {
    /// Bound to the address that is to be reached: routers let nobody open the way to others.
    bind: Bind,
    own: Ipv6Addr,
    at: SocketAddr,
    service: Control,
    /// What the router calls our pinholes.
    pinholes: Vec<(Protocol, u16)>,
}

impl Firewall {
    /// Asks who is there on the link of our address `own`, and takes the first router that makes pinholes.
    pub(in crate::port_map) async fn find(bind: Bind, own: Ipv6Addr, ssdp: SocketAddr) -> io::Result<Self> {
        let bind = Bind { v4: None, v6: Some(own), ..bind };
        let socket = udp::open(bind, own.into(), 0)?;
        if let SocketAddr::V6(group) = ssdp
            && group.scope_id() != 0
        {
            socket2::SockRef::from(&socket).set_multicast_if_v6(group.scope_id())?;
        }
        let device = discover(bind, &socket, ssdp, soap::firewall).await?;
        Ok(Self { bind, own, at: device.at, service: device.service, pinholes: Vec::new() })
    }

    /// The address that is reached.
    pub(in crate::port_map) const fn own(&self) -> Ipv6Addr {
        self.own
    }

    /// Makes a pinhole, or keeps the one there is.
    pub(in crate::port_map) async fn map(&mut self, wish: Wish) -> io::Result<Lease> {
        let lease = Lease { external_port: wish.port, lifetime: wish.lifetime };
        if let Some(pinhole) = self.pinhole(wish.protocol) {
            let answer = self.call(self.service.keep_open(pinhole, wish)).await?;
            if answer.is_success {
                return Ok(lease);
            }
            self.forget(wish.protocol);
            match soap::error_code(&answer.body) {
                Some(NO_SUCH_PINHOLE) => {}
                code => return Err(refused(code)),
            }
        }
        let answer = self.call(self.service.open(wish, self.own)).await?;
        let pinhole = soap::pinhole(&answer.body).filter(|_| answer.is_success);
        let pinhole = pinhole.ok_or_else(|| refused(soap::error_code(&answer.body)))?;
        self.pinholes.push((wish.protocol, pinhole));
        Ok(lease)
    }

    /// Closes a pinhole.
    pub(in crate::port_map) async fn unmap(&mut self, wish: Wish) -> io::Result<()> {
        let Some(pinhole) = self.pinhole(wish.protocol) else { return Ok(()) };
        self.forget(wish.protocol);
        let answer = self.call(self.service.shut(pinhole)).await?;
        if answer.is_success { Ok(()) } else { Err(refused(soap::error_code(&answer.body))) }
    }

    fn pinhole(&self, protocol: Protocol) -> Option<u16> {
        self.pinholes.iter().find(|(of, _)| *of == protocol).map(|(_, pinhole)| *pinhole)
    }

    fn forget(&mut self, protocol: Protocol) {
        self.pinholes.retain(|(of, _)| *of != protocol);
    }

    async fn call(&self, call: soap::Call) -> io::Result<Answer> {
        request(self.bind, self.at, &self.service.path, Some(call)).await
    }
}

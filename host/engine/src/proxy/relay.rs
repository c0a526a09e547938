//! Datagrams through a proxy (RFC 1928, section 7): one association for all of them.
//!
//! It lives as long as the TCP connection that it was asked for on. When that ends it is made anew, after a pause, and
//! until then nothing is sent.

use super::wire::{self, Place};
use super::{Proxy, Refusal};
use crate::bind::Bind;
use crate::limits::{
    RELAY_KEEPALIVE, RELAY_PATIENCE, RELAY_PAUSE_FIRST, RELAY_PAUSE_LONGEST, RELAY_TRACKER_QUEUE, UDP_BUFFER,
    UDP_BUFFERS,
};
use crate::udp::{Port, Socket};
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Instant;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

/// What the header of IPv6 has more than that of IPv4.
const V6_BEYOND_V4: u16 = 20;

/// A datagram and who sent it.
pub(crate) type Datagram = (Place, Vec<u8>);

/// The way through a proxy for datagrams. It ends when this is dropped.
pub(crate) struct Relay {
    inner: Arc<Inner>,
    _task: JoinSet<()>,
}

struct Inner {
    line: watch::Sender<Line>,
    /// Who takes datagrams of peers and nodes, of IPv4 and IPv6.
    ports: Mutex<[Weak<Port>; 2]>,
    /// Who takes those of trackers.
    trackers: Mutex<Option<mpsc::Sender<Datagram>>>,
}

enum Line {
    /// The proxy has not answered yet.
    Asking,
    Up(Arc<Wire>),
    /// Why there is no way.
    Down(String),
}

/// One association.
struct Wire {
    socket: Socket,
    relay: SocketAddr,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay").field("problem", &self.problem()).finish_non_exhaustive()
    }
}

impl Relay {
    /// Asks `proxy` for an association, and for another whenever one ends.
    pub(super) fn open(proxy: Proxy, bind: Bind) -> Self {
        let inner = Arc::new(Inner {
            line: watch::Sender::new(Line::Asking),
            ports: Mutex::default(),
            trackers: Mutex::default(),
        });
        let mut task = JoinSet::new();
        task.spawn(Arc::clone(&inner).run(proxy, bind));
        Self { inner, _task: task }
    }

    /// Bytes that a header takes of a datagram to a peer. The relay itself may be at an address of IPv6, whose header is
    /// longer than that of IPv4.
    pub(crate) const fn bytes_around(is_v4: bool) -> u16 {
        let [v4, v6] = wire::DATAGRAM_HEADER;
        if is_v4 { v4 + V6_BEYOND_V4 } else { v6 }
    }

    /// Datagrams of uTP and the DHT go there from now on.
    pub(crate) fn deliver_to(&self, ports: [Weak<Port>; 2]) {
        *self.inner.ports.lock().unwrap_or_else(PoisonError::into_inner) = ports;
    }

    /// Datagrams of trackers go there from now on.
    pub(crate) fn answers_of_trackers(&self) -> mpsc::Receiver<Datagram> {
        let (sender, receiver) = mpsc::channel(RELAY_TRACKER_QUEUE);
        *self.inner.trackers.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        receiver
    }

    /// Why nothing goes through, if nothing does.
    pub(crate) fn problem(&self) -> Option<String> {
        match &*self.inner.line.borrow() {
            Line::Asking => Some("it has not answered yet".to_owned()),
            Line::Up(_) => None,
            Line::Down(reason) => Some(reason.clone()),
        }
    }

    /// Datagrams go through.
    pub(crate) fn is_up(&self) -> bool {
        matches!(*self.inner.line.borrow(), Line::Up(_))
    }

    /// Waits until datagrams go through.
    pub(crate) async fn up(&self) {
        // The sender lives as long as this.
        let _ = self.inner.line.subscribe().wait_for(|line| matches!(line, Line::Up(_))).await;
    }

    /// Waits for the proxy's first answer, not for ever.
    pub(crate) async fn settled(&self) {
        let mut line = self.inner.line.subscribe();
        // Whoever goes on without an answer sees that there is none.
        let _ = timeout(RELAY_PATIENCE, line.wait_for(|line| !matches!(line, Line::Asking))).await;
    }

    /// Waits until the socket takes datagrams; not at all where there is none.
    pub(crate) async fn writable(&self) {
        if let Some(wire) = self.wire() {
            wire.socket.writable().await;
        }
    }

    /// Sends one datagram at once or not at all.
    pub(crate) fn try_send(&self, to: &Place, payload: &[u8]) {
        if let Some(wire) = self.wire() {
            wire.socket.try_send(wire.relay, &wire::sealed(to, payload));
        }
    }

    /// Sends datagrams of `segment` bytes each to one address. The error is that the socket is full; without an
    /// association they are lost.
    pub(crate) fn send(&self, to: SocketAddr, contents: &[u8], segment: usize) -> io::Result<()> {
        let Some(wire) = self.wire() else { return Ok(()) };
        let header = header_length(to);
        let segment = segment.clamp(1, contents.len().max(1));
        let mut sealed = Vec::with_capacity(contents.len() + contents.len().div_ceil(segment) * header);
        for payload in contents.chunks(segment) {
            wire::seal(to, &mut sealed);
            sealed.extend_from_slice(payload);
        }
        wire.socket.send(wire.relay, &sealed, segment + header)
    }

    /// Sends one datagram that the network may cut to pieces.
    pub(crate) fn send_fragmentable(&self, to: SocketAddr, payload: &[u8]) {
        if let Some(wire) = self.wire() {
            wire.socket.send_fragmentable(wire.relay, &wire::sealed(&to.into(), payload));
        }
    }

    fn wire(&self) -> Option<Arc<Wire>> {
        if let Line::Up(wire) = &*self.inner.line.borrow() { Some(Arc::clone(wire)) } else { None }
    }
}

fn header_length(to: SocketAddr) -> usize {
    let [v4, v6] = wire::DATAGRAM_HEADER;
    usize::from(if to.is_ipv4() { v4 } else { v6 })
}

impl Inner {
    async fn run(self: Arc<Self>, proxy: Proxy, bind: Bind) {
        let (mut pause, mut complaint) = (RELAY_PAUSE_FIRST, None);
        loop {
            let reason = match associate(&proxy, bind).await {
                Ok((control, wire)) => {
                    if complaint.take().is_some() {
                        info!(%proxy, "datagrams go through the proxy again");
                    }
                    let began = Instant::now();
                    let reason = self.serve(control, wire).await;
                    if began.elapsed() > RELAY_PAUSE_LONGEST {
                        pause = RELAY_PAUSE_FIRST;
                    }
                    reason
                }
                Err(refusal) => refusal.reason,
            };
            if complaint.as_ref() != Some(&reason) {
                warn!(%proxy, "no uTP, no DHT and no UDP trackers through the proxy: {reason}");
                complaint = Some(reason.clone());
            }
            self.line.send_replace(Line::Down(reason));
            sleep(pause).await;
            pause = (pause * 2).min(RELAY_PAUSE_LONGEST);
        }
    }

    /// Receives until the association ends; why it did.
    async fn serve(&self, mut control: TcpStream, wire: Wire) -> String {
        let wire = Arc::new(wire);
        self.line.send_replace(Line::Up(Arc::clone(&wire)));
        let mut memory = vec![0; UDP_BUFFERS * UDP_BUFFER];
        let mut said = [0; 64];
        loop {
            tokio::select! {
                read = control.read(&mut said) => match read {
                    // Nobody has anything to say there.
                    Ok(n) if n > 0 => {}
                    Ok(_) => break "it ended the association".to_owned(),
                    Err(error) => break error.to_string(),
                },
                () = wire.socket.readable() => {
                    wire.socket.receive(&mut memory, |from, datagrams| {
                        // Whoever else sends here is nobody's peer.
                        if from == wire.relay {
                            datagrams.for_each(|datagram| self.deliver(datagram));
                        }
                    });
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    /// Gives a datagram to whom it is for: trackers' answers begin with a zero, which nothing else does.
    fn deliver(&self, datagram: &[u8]) {
        let Some((from, payload)) = wire::open(datagram) else { return };
        if payload.first() == Some(&0) {
            let trackers = self.trackers.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(trackers) = trackers.as_ref() {
                // One that is overwhelmed or gone misses it.
                let _ = trackers.try_send((from, payload.to_vec()));
            }
        } else if let Place::Address(from) = from {
            let ports = self.ports.lock().unwrap_or_else(PoisonError::into_inner);
            let [v4, v6] = &*ports;
            if let Some(port) = if from.is_ipv4() { v4 } else { v6 }.upgrade() {
                port.take(from, payload);
            }
        }
    }
}

async fn associate(proxy: &Proxy, bind: Bind) -> Result<(TcpStream, Wire), Refusal> {
    let (control, relay) = proxy.associate(bind).await?;
    // A proxy that is gone without a word is noticed.
    let keepalive = TcpKeepalive::new().with_time(RELAY_KEEPALIVE).with_interval(RELAY_KEEPALIVE);
    SockRef::from(&control).set_tcp_keepalive(&keepalive)?;
    let own = bind.facing(relay.ip()).ok_or_else(|| io::Error::from(io::ErrorKind::NetworkUnreachable))?;
    let socket = Socket::open(bind, own, 0)?;
    // What is sent before is not sent.
    socket.writable().await;
    Ok((control, Wire { socket, relay }))
}

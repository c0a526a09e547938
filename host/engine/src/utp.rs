//! Byte streams over uTP, as peer tasks use them.
//!
//! The machine of a socket's streams sits behind a lock, as the system's TCP sits behind its own: peer tasks copy payload
//! straight into and out of its buffers, without a queue between them and the socket's task. The lock is held for a
//! copy and never over a wait, and with all sockets on one thread nobody ever waits for it.

use crate::udp::Port;
use std::collections::BTreeMap;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use swarm::ConnectFailure;
use tokio::sync::{Notify, mpsc};
use utp::{Endpoint, Event, Reason, Received, StreamId, Transmit};

/// The streams of one socket.
pub(crate) struct Streams {
    inner: Mutex<Inner>,
    /// There may be something to send.
    wanted: Notify,
}

struct Inner {
    endpoint: Endpoint,
    watched: BTreeMap<StreamId, Watched>,
}

/// What a stream's user waits for.
#[derive(Clone, Default)]
struct Watched {
    news: Arc<Notify>,
    is_connected: bool,
    closed: Option<Reason>,
}

impl Streams {
    pub(crate) fn new(seed: u64) -> Self {
        Self::wrapped(seed, 0)
    }

    /// Streams where something else puts so many bytes around each packet.
    pub(crate) fn wrapped(seed: u64, bytes: u16) -> Self {
        let endpoint = Endpoint::new(seed, Instant::now()).with_bytes_around(bytes);
        Self { inner: Mutex::new(Inner { endpoint, watched: BTreeMap::new() }), wanted: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes datagrams of one sender, and gives back those that are not uTP.
    pub(crate) fn handle_datagrams<'a>(
        &self,
        from: SocketAddr,
        datagrams: impl Iterator<Item = &'a [u8]>,
    ) -> Vec<&'a [u8]> {
        let (now, mut inner) = (Instant::now(), self.lock());
        let mut others = Vec::new();
        for datagram in datagrams {
            if utp::is_utp(datagram) {
                inner.endpoint.handle_datagram(now, from, datagram);
            } else {
                others.push(datagram);
            }
        }
        others
    }

    /// When [`Self::handle_timeout`] is to be called.
    pub(crate) fn wakes_at(&self) -> Option<Instant> {
        self.lock().endpoint.poll_timeout()
    }

    pub(crate) fn handle_timeout(&self) {
        self.lock().endpoint.handle_timeout(Instant::now());
    }

    /// Nobody has a stream any more, and nothing waits to be sent or acknowledged.
    pub(crate) fn are_over(&self) -> bool {
        let inner = self.lock();
        inner.watched.is_empty() && inner.endpoint.poll_timeout().is_none()
    }

    /// There is something to look at.
    pub(crate) fn wake(&self) {
        self.wanted.notify_one();
    }

    /// Somebody wrote, opened or closed a stream.
    pub(crate) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Tells those who wait what happened. Streams from outside go to `incoming`, or nowhere.
    pub(crate) fn tell(&self, port: &Arc<Port>, incoming: Option<&mpsc::Sender<(UtpStream, SocketAddr)>>) {
        let mut inner = self.lock();
        while let Some(event) = inner.endpoint.poll_event() {
            match event {
                Event::Incoming(id, from) => match incoming.map(mpsc::Sender::try_reserve) {
                    Some(Ok(place)) => place.send((inner.watch(port, id), from)),
                    _ => inner.endpoint.reset(Instant::now(), id),
                },
                Event::Connected(id) => inner.note(id, |watched| watched.is_connected = true),
                Event::Readable(id) | Event::Writable(id) => inner.note(id, |_| ()),
                Event::Closed(id, reason) => inner.note(id, |watched| watched.closed = Some(reason)),
            }
        }
    }

    /// Gives what is to be sent to `send`, until that says no.
    pub(crate) fn transmit(&self, mut send: impl FnMut(&Transmit<'_>) -> bool) {
        let (now, mut inner) = (Instant::now(), self.lock());
        while let Some(transmit) = inner.endpoint.poll_transmit(now) {
            if !send(&transmit) {
                return;
            }
        }
    }
}

impl Inner {
    fn watch(&mut self, port: &Arc<Port>, id: StreamId) -> UtpStream {
        let watched = Watched::default();
        let news = Arc::clone(&watched.news);
        self.watched.insert(id, watched);
        UtpStream { port: Arc::clone(port), id, news }
    }

    fn note(&mut self, id: StreamId, note: impl FnOnce(&mut Watched)) {
        if let Some(watched) = self.watched.get_mut(&id) {
            note(watched);
            watched.news.notify_waiters();
        }
    }
}

/// One stream. Dropped, it ends behind what was written.
pub(crate) struct UtpStream {
    port: Arc<Port>,
    id: StreamId,
    news: Arc<Notify>,
}

impl UtpStream {
    /// Opens a stream.
    pub(crate) async fn connect(port: &Arc<Port>, to: SocketAddr) -> Result<Self, ConnectFailure> {
        let stream = {
            let mut inner = port.streams.lock();
            let id = inner.endpoint.connect(Instant::now(), to).ok_or(ConnectFailure::Local)?;
            inner.watch(port, id)
        };
        stream.wake();
        loop {
            let news = stream.news.notified();
            match stream.watched() {
                Watched { closed: Some(Reason::TimedOut), .. } => return Err(ConnectFailure::Unreachable),
                Watched { closed: Some(Reason::Refused | Reason::Reset), .. } => {
                    return Err(ConnectFailure::Refused);
                }
                Watched { is_connected: true, .. } => break,
                Watched { .. } => news.await,
            }
        }
        Ok(stream)
    }

    fn watched(&self) -> Watched {
        self.port.streams.lock().watched.get(&self.id).cloned().unwrap_or_default()
    }

    /// The socket's task should see what there is to send.
    fn wake(&self) {
        self.port.streams.wake();
    }

    /// Waits until a read gives bytes or the end.
    pub(crate) async fn readable(&self) {
        loop {
            let news = self.news.notified();
            if self.port.streams.lock().endpoint.is_readable(self.id) {
                return;
            }
            news.await;
        }
    }

    /// Waits until a write takes bytes or fails.
    pub(crate) async fn writable(&self) {
        loop {
            let news = self.news.notified();
            if self.port.streams.lock().endpoint.is_writable(self.id) {
                return;
            }
            news.await;
        }
    }

    /// Reads what is there; no bytes are the end.
    pub(crate) fn try_read_vectored(&self, to: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let (now, mut inner) = (Instant::now(), self.port.streams.lock());
        let (mut total, mut is_end) = (0, false);
        for slice in to {
            match inner.endpoint.read(now, self.id, slice) {
                Received::Bytes(n) => {
                    total += n;
                    if n < slice.len() {
                        break;
                    }
                }
                Received::Nothing if slice.is_empty() => {}
                Received::Nothing => break,
                Received::End => {
                    is_end = true;
                    break;
                }
            }
        }
        let wants_transmit = inner.endpoint.wants_transmit();
        drop(inner);
        if wants_transmit {
            self.wake();
        }
        if total == 0 && !is_end { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(total) }
    }

    /// Writes what there is room for.
    pub(crate) fn try_write_vectored(&self, from: &[IoSlice<'_>]) -> io::Result<usize> {
        let (now, mut inner) = (Instant::now(), self.port.streams.lock());
        let mut total = 0;
        for slice in from {
            let taken = inner.endpoint.write(now, self.id, slice);
            total += taken;
            if taken < slice.len() {
                break;
            }
        }
        if total > 0 {
            drop(inner);
            self.wake();
            return Ok(total);
        }
        let is_closed = inner.watched.get(&self.id).is_none_or(|watched| watched.closed.is_some());
        Err(if is_closed { io::ErrorKind::ConnectionReset } else { io::ErrorKind::WouldBlock }.into())
    }
}

impl Drop for UtpStream {
    fn drop(&mut self) {
        let mut inner = self.port.streams.lock();
        inner.watched.remove(&self.id);
        inner.endpoint.close(Instant::now(), self.id);
        drop(inner);
        self.wake();
    }
}

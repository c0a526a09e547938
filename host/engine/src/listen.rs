//! Incoming connections: one short timer for the whole handshake, then off to the torrent it names.

use crate::dial::is_out_of_handles;
use crate::dormitory::Dormitory;
use crate::encryption::{self, EncryptionSwitch, HiddenNames};
use crate::limits::{
    ACCEPT_PAUSE, HANDSHAKE_TIMEOUT, HANDSHAKES_AT_ONCE, HANDSHAKES_PER_ADDRESS, INCOMING_QUEUE,
};
use crate::session::Reach;
use crate::transport::{Carrier, Stream};
use crate::udp::IncomingStream;
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};
use wire::Handshake;

/// A connection whose handshake was read and that names a torrent of ours.
pub(crate) struct Incoming {
    pub(crate) stream: Stream,
    pub(crate) address: SocketAddr,
    pub(crate) handshake: Handshake,
}

/// Which torrent takes connections for which info-hash.
#[derive(Clone, Default)]
pub(crate) struct Registry(Arc<Mutex<Torrents>>);

#[derive(Default)]
struct Torrents {
    doors: BTreeMap<[u8; 20], mpsc::Sender<Incoming>>,
    hidden: HiddenNames,
}

impl Registry {
    /// Enters a torrent; the receiver gets its connections. `None` if the info-hash is taken.
    pub(crate) fn enter(&self, info_hash: [u8; 20]) -> Option<mpsc::Receiver<Incoming>> {
        let mut torrents = self.lock();
        if torrents.doors.get(&info_hash).is_some_and(|sender| !sender.is_closed()) {
            return None;
        }
        let (sender, receiver) = mpsc::channel(INCOMING_QUEUE);
        torrents.doors.insert(info_hash, sender);
        torrents.hidden.insert(info_hash);
        Some(receiver)
    }

    /// A torrent whose receiver is gone takes no more connections; one that has entered since stays.
    pub(crate) fn leave(&self, info_hash: &[u8; 20]) {
        let mut torrents = self.lock();
        if torrents.doors.get(info_hash).is_some_and(mpsc::Sender::is_closed) {
            torrents.doors.remove(info_hash);
            torrents.hidden.remove(info_hash);
        }
    }

    fn find(&self, info_hash: &[u8; 20]) -> Option<mpsc::Sender<Incoming>> {
        self.lock().doors.get(info_hash).cloned()
    }

    /// The torrent that is asked for by its hidden name.
    fn reveal(&self, name: &[u8; 20]) -> Option<[u8; 20]> {
        self.lock().hidden.find(name)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Torrents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where connections go: to torrents that have a task, or to those that sleep.
#[derive(Clone)]
pub(crate) struct Hall {
    pub(crate) registry: Registry,
    pub(crate) dormitory: Arc<Dormitory>,
    pub(crate) encryption: EncryptionSwitch,
    pub(crate) reach: Arc<Reach>,
}

impl Hall {
    async fn lead(&self, incoming: Incoming) {
        let torrent = self.registry.find(&incoming.handshake.info_hash);
        let turned_away = match torrent {
            Some(torrent) => torrent.send(incoming).await.err().map(|error| error.0),
            None => Some(incoming),
        };
        if let Some(incoming) = turned_away {
            self.dormitory.visit(incoming);
        }
    }

    fn reveal(&self, name: &[u8; 20]) -> Option<[u8; 20]> {
        self.registry.reveal(name).or_else(|| self.dormitory.reveal(name))
    }
}

/// Handshakes under way. Oldest first, so that a crowd of silent strangers gives way to newcomers.
#[derive(Default)]
struct Waiting {
    tasks: JoinSet<IpAddr>,
    oldest: VecDeque<(IpAddr, AbortHandle)>,
    by_address: BTreeMap<IpAddr, usize>,
}

impl Waiting {
    fn admit(&mut self, stream: Stream, address: SocketAddr, hall: Hall) {
        let ip = address.ip();
        let count = self.by_address.entry(ip).or_default();
        *count += 1;
        let crowded = *count > HANDSHAKES_PER_ADDRESS;
        let handle = self.tasks.spawn(async move {
            // Silence, garbage and unknown info-hashes all end the same way: closed without a word.
            let _ = timeout(HANDSHAKE_TIMEOUT, welcome(stream, address, hall)).await;
            ip
        });
        self.oldest.push_back((ip, handle));
        if crowded {
            self.drop_oldest(|other| other == ip);
        } else if self.tasks.len() > HANDSHAKES_AT_ONCE {
            self.drop_oldest(|_| true);
        }
    }

    fn drop_oldest(&mut self, which: impl Fn(IpAddr) -> bool) {
        self.oldest.retain(|(_, handle)| !handle.is_finished());
        if let Some(at) = self.oldest.iter().position(|(ip, _)| which(*ip))
            && let Some((ip, handle)) = self.oldest.remove(at)
        {
            handle.abort();
            self.forget(ip);
        }
    }

    /// Waits for a handshake to end, well or not; for ever while none is under way.
    async fn one_ends(&mut self) {
        match self.tasks.join_next().await {
            Some(Ok(ip)) => {
                self.forget(ip);
                if self.oldest.len() > 2 * HANDSHAKES_AT_ONCE {
                    self.oldest.retain(|(_, handle)| !handle.is_finished());
                }
            }
            // An aborted task was forgotten when it was dropped.
            Some(Err(_)) => {}
            None => std::future::pending().await,
        }
    }

    fn forget(&mut self, ip: IpAddr) {
        if let Some(count) = self.by_address.get_mut(&ip) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&ip);
            }
        }
    }
}

/// Accepts until dropped.
pub(crate) async fn accept(listener: TcpListener, hall: Hall) {
    let mut waiting = Waiting::default();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => {
                    let address = SocketAddr::new(address.ip().to_canonical(), address.port());
                    if stream.set_nodelay(true).is_ok() {
                        waiting.admit(Stream::new(Carrier::Tcp(stream)), address, hall.clone());
                    }
                }
                Err(error) => {
                    // Out of handles the listener stays readable: wait for some to come back.
                    if error.raw_os_error().is_some_and(is_out_of_handles) {
                        tracing::warn!("no file handles left for incoming connections; raise `ulimit -n`");
                        sleep(ACCEPT_PAUSE).await;
                    }
                }
            },
            () = waiting.one_ends() => {}
        }
    }
}

/// Takes in the uTP streams that others open, until none can come any more.
pub(crate) async fn accept_utp(mut streams: mpsc::Receiver<IncomingStream>, hall: Hall) {
    let mut waiting = Waiting::default();
    loop {
        tokio::select! {
            stream = streams.recv() => match stream {
                Some((stream, address)) => {
                    waiting.admit(Stream::new(Carrier::Utp(stream)), address, hall.clone());
                }
                None => return,
            },
            () = waiting.one_ends() => {}
        }
    }
}

/// Reads the handshake, behind that of encryption if the connection begins with one, and hands it to its torrent.
async fn welcome(mut stream: Stream, address: SocketAddr, hall: Hall) -> Option<()> {
    let encryption = hall.encryption.get();
    let mut is_secured = false;
    let mut bytes = [0u8; wire::HANDSHAKE_LENGTH];
    let mut length = 0;
    while length < bytes.len() {
        let n = stream.read(&mut bytes[length..]).await.ok().filter(|n| *n > 0)?;
        length += n;
        if Handshake::looks_wrong(&bytes[..length]) {
            if is_secured || !encryption.takes_encrypted() {
                return None;
            }
            let find = |name: &[u8; 20]| hall.reveal(name);
            encryption::accept(&mut stream, encryption, &bytes[..length], find).await.ok()?;
            (length, is_secured) = (0, true);
        }
    }
    if !is_secured && !encryption.takes_plain() {
        return None;
    }
    let handshake = Handshake::decode(&bytes).ok()?;
    hall.reach.note_visitor(address.ip());
    hall.lead(Incoming { stream, address, handshake }).await;
    Some(())
}

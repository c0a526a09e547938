//! The other end: peers that do as little as a peer can, all in one process.

use crate::payload::{PATTERN, Payload, pattern};
use anyhow::Context;
use metainfo::{BLOCK_LENGTH, Bitfield, BlockRequest, Geometry, PeerId, PieceIndex};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use wire::{Handshake, Message};

/// Requests that a taking peer keeps under way.
const UNDER_WAY: u64 = 64;

/// How often an idle peer says that it is there; real ones say so every two minutes.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// Connections opened before the earlier ones are served.
const AT_ONCE: usize = 32;

/// What the peers do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Habit {
    /// Nothing: they have nothing, want something, and wait.
    Idle,
    /// They fetch blocks, in all a number of bytes.
    Take,
    /// They serve: the first has everything, the others six pieces in ten.
    Give,
}

/// A crowd, as the parent asks for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crowd {
    pub(crate) habit: Habit,
    pub(crate) port: u16,
    /// Peers of each torrent.
    pub(crate) peers: usize,
    /// Torrents, numbered from 0.
    pub(crate) torrents: u32,
    pub(crate) length: u64,
    pub(crate) piece_length: u32,
    /// Bytes to take in all.
    pub(crate) bytes: u64,
}

impl Crowd {
    pub(crate) fn arguments(&self) -> Vec<String> {
        let habit = match self.habit {
            Habit::Idle => "idle",
            Habit::Take => "take",
            Habit::Give => "give",
        };
        let numbers = [
            self.port.into(),
            self.peers as u64,
            self.torrents.into(),
            self.length,
            self.piece_length.into(),
            self.bytes,
        ];
        [String::from("crowd"), habit.into()].into_iter().chain(numbers.map(|it| it.to_string())).collect()
    }

    pub(crate) fn from_arguments(arguments: &[String]) -> Option<Self> {
        let [habit, numbers @ ..] = arguments else { return None };
        let habit = match habit.as_str() {
            "idle" => Habit::Idle,
            "take" => Habit::Take,
            "give" => Habit::Give,
            _ => return None,
        };
        let numbers: Vec<u64> = numbers.iter().map(|text| text.parse().ok()).collect::<Option<_>>()?;
        let [port, peers, torrents, length, piece_length, bytes] = numbers[..] else { return None };
        Some(Self {
            habit,
            port: port.try_into().ok()?,
            peers: peers as usize,
            torrents: torrents.try_into().ok()?,
            length,
            piece_length: piece_length.try_into().ok()?,
            bytes,
        })
    }
}

/// What the peers of one torrent share.
struct Shared {
    habit: Habit,
    info_hash: [u8; 20],
    geometry: Arc<Geometry>,
    /// Bytes still to be asked for by all of them.
    left: Arc<AtomicU64>,
    pattern: Arc<Vec<u8>>,
}

/// Connects everybody, says "ready", and ends when all connections have: everything asked for was taken, or the
/// parent is gone.
pub(crate) fn run(crowd: &Crowd) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let pattern = Arc::new(pattern());
        let left = Arc::new(AtomicU64::new(crowd.bytes));
        let mut tasks = tokio::task::JoinSet::new();
        let mut number = 0;
        for torrent in 0..crowd.torrents {
            let payload = Payload { number: torrent, length: crowd.length, piece_length: crowd.piece_length };
            let metainfo = payload.metainfo()?;
            let shared = Arc::new(Shared {
                habit: crowd.habit,
                info_hash: metainfo.wire_info_hash(),
                geometry: Arc::clone(&metainfo.geometry),
                left: Arc::clone(&left),
                pattern: Arc::clone(&pattern),
            });
            for peer in 0..crowd.peers {
                let stream = connect(crowd.port, number).await.context("a connection")?;
                let shared = Arc::clone(&shared);
                tasks.spawn(Box::pin(async move { Peer::new(stream, shared, number, peer).live().await }));
                number += 1;
                if (number as usize).is_multiple_of(AT_ONCE) {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        }
        println!("ready");
        // Those who serve or idle end when the parent does, which closes their connections.
        while let Some(ended) = tasks.join_next().await {
            if crowd.habit == Habit::Take {
                ended??;
            }
        }
        println!("done");
        Ok(())
    })
}

/// Six pieces in ten.
fn some_of(pieces: u32, rng: &mut fastrand::Rng) -> Bitfield {
    let mut have = Bitfield::new(pieces);
    for piece in (0..pieces).map(PieceIndex).filter(|_| rng.u8(..10) < 6) {
        have.insert(piece);
    }
    have
}

/// Each peer comes from an address of its own: all of 127.0.0.0/8 is this machine.
async fn connect(port: u16, number: u32) -> std::io::Result<TcpStream> {
    let [_, _, high, low] = number.to_be_bytes();
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((Ipv4Addr::new(127, 1, high, low), 0)))?;
    let stream = socket.connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

struct Peer {
    stream: TcpStream,
    shared: Arc<Shared>,
    have: Bitfield,
    out: Vec<u8>,
    /// The next block to ask for, counted through the torrent.
    next: u64,
    under_way: u64,
    unchoked: bool,
}

impl Peer {
    fn new(stream: TcpStream, shared: Arc<Shared>, number: u32, peer: usize) -> Self {
        let pieces = shared.geometry.piece_count();
        let mut rng = fastrand::Rng::with_seed(number.into());
        let have = match shared.habit {
            Habit::Give if peer == 0 => Bitfield::full(pieces),
            Habit::Give => some_of(pieces, &mut rng),
            Habit::Idle | Habit::Take => Bitfield::new(pieces),
        };
        let mut id = PeerId([b'x'; 20]);
        id.0[16..].copy_from_slice(&number.to_be_bytes());
        let handshake =
            Handshake { reserved: [0, 0, 0, 0, 0, 0x10, 0, 4], info_hash: shared.info_hash, peer_id: id };
        let mut out = handshake.encode().to_vec();
        Message::Bitfield(have.as_bytes()).encode(&mut out);
        Message::Extended(0, b"d1:mde4:reqqi500e1:v11:crowd 1.0.0e").encode(&mut out);
        let blocks = shared.geometry.total_length() / u64::from(BLOCK_LENGTH);
        Self { stream, next: rng.u64(..blocks), shared, have, out, under_way: 0, unchoked: false }
    }

    async fn live(mut self) -> anyhow::Result<()> {
        let first = if self.shared.habit == Habit::Give { Message::Unchoke } else { Message::Interested };
        first.encode(&mut self.out);
        let mut buffer = vec![0; if self.shared.habit == Habit::Idle { 256 } else { 256 << 10 }];
        let mut filled = 0;
        // The answer to the handshake is as long as the handshake.
        let mut skip = wire::HANDSHAKE_LENGTH;
        loop {
            if self.unchoked {
                self.ask();
                if self.under_way == 0 {
                    return Ok(());
                }
            }
            self.stream.write_all(&self.out).await?;
            self.out.clear();
            let read = tokio::time::timeout(KEEPALIVE, self.stream.read(&mut buffer[filled..])).await;
            let Ok(read) = read else {
                Message::KeepAlive.encode(&mut self.out);
                continue;
            };
            let n = read?;
            if n == 0 {
                return Ok(());
            }
            filled += n;
            let mut at = 0;
            while at < filled {
                let now = skip.min(filled - at);
                (at, skip) = (at + now, skip - now);
                let Some(length) = buffer[at..filled].first_chunk().copied().map(u32::from_be_bytes) else {
                    break;
                };
                let length = length as usize + 4;
                // Of long messages only the beginning matters, of others all.
                if filled - at < length.min(17) {
                    break;
                }
                let head = length.min(17);
                self.hear(&buffer[at..at + head]);
                (at, skip) = (at + head, length - head);
            }
            buffer.copy_within(at..filled, 0);
            filled -= at;
        }
    }

    /// The first bytes of a message, prefix and all.
    fn hear(&mut self, message: &[u8]) {
        let number = |at: usize| {
            message.get(at..).and_then(<[u8]>::first_chunk).copied().map_or(0, u32::from_be_bytes)
        };
        match message.get(4) {
            Some(0) => self.unchoked = false,
            Some(1) => self.unchoked = self.shared.habit == Habit::Take,
            Some(6) => {
                let request =
                    BlockRequest { piece: PieceIndex(number(5)), begin: number(9), length: number(13) };
                self.serve(request);
            }
            Some(7) => self.under_way -= 1,
            _ => {}
        }
    }

    fn serve(&mut self, request: BlockRequest) {
        if !self.have.contains(request.piece) {
            return Message::Reject(request).encode(&mut self.out);
        }
        let from = self.shared.geometry.piece_offset(request.piece) as usize + request.begin as usize;
        let from = from % PATTERN;
        self.out.extend_from_slice(&wire::piece_header(&request));
        self.out.extend_from_slice(&self.shared.pattern[from..from + request.length as usize]);
    }

    /// Asks for more once half of the queue is used up, as clients do.
    fn ask(&mut self) {
        if self.under_way > UNDER_WAY / 2 {
            return;
        }
        while self.under_way < UNDER_WAY {
            let block = u64::from(BLOCK_LENGTH);
            let take = self
                .shared
                .left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(block));
            if take.is_err() {
                return;
            }
            let offset = self.next * block % self.shared.geometry.total_length();
            let piece_length = u64::from(self.shared.geometry.piece_length());
            let request = BlockRequest {
                piece: PieceIndex((offset / piece_length) as u32),
                begin: (offset % piece_length) as u32,
                length: BLOCK_LENGTH,
            };
            Message::Request(request).encode(&mut self.out);
            self.next += 1;
            self.under_way += 1;
        }
    }
}

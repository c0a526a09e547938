//! One peer: a task that owns the socket and the [`wire::Connection`] behind it.
//!
//! Facts go up to the torrent in batches, orders come down; block payloads go sideways, from the socket to storage
//! and from the page cache to the socket, and never pass the torrent.

mod receive;
mod send;

use crate::limits::{FACT_BATCH, READS_IN_A_ROW};
use crate::rate_limit::RateLimit;
use crate::transport::Stream;
use metainfo::BlockRequest;
use receive::{Received, Receiver, Surroundings};
use send::{Filled, Sender};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use storage::{Block, BlockBuffer, BlockPool, DiskError, TorrentStore};
use swarm::{PeerKey, SourceKey};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use wire::{Close, Connection, Fact, Order};

/// What the peers of one torrent share.
#[derive(Clone)]
pub(crate) struct PeerContext {
    /// Where blocks go and come from.
    pub(crate) store: TorrentStore,
    /// Buffers for blocks coming in; the one back-pressure of the whole data path.
    pub(crate) pool: BlockPool,
    /// Buffers for blocks going out, apart so that a full disk queue does not stop the giving.
    pub(crate) upload_pool: BlockPool,
    /// Limit of bytes coming in.
    pub(crate) down: Arc<RateLimit>,
    /// Limit of bytes going out.
    pub(crate) up: Arc<RateLimit>,
    /// The way up to the torrent.
    pub(crate) facts: mpsc::Sender<(PeerKey, Vec<Fact>)>,
}

/// A block being read by a storage worker.
type SlowRead = Pin<Box<dyn Future<Output = (BlockRequest, Result<BlockBuffer, DiskError>)> + Send>>;

/// One peer's task.
pub(crate) struct Peer {
    key: PeerKey,
    stream: Stream,
    connection: Connection,
    context: PeerContext,
    orders: mpsc::Receiver<Vec<Order>>,
    receiver: Receiver,
    sender: Sender,
    slow_read: Option<SlowRead>,
    /// Facts not yet taken by the torrent. While any wait, nothing more is read.
    facts: Vec<Fact>,
    blocks: Vec<Block>,
    read_from: Option<Instant>,
    write_from: Option<Instant>,
    /// The last read found no free buffer.
    starved: bool,
    /// The last fill found no free upload buffer.
    upload_starved: bool,
}

/// What woke the task.
enum Woken {
    Orders(Option<Vec<Order>>),
    Readable,
    Writable,
    FactsTaken,
    Buffer(BlockBuffer),
    UploadBuffer,
    SlowRead(BlockRequest, Result<BlockBuffer, DiskError>),
    Timer,
    TorrentGone,
}

impl Peer {
    /// A task for `stream`, whose handshake `connection` conducts.
    pub(crate) fn new(
        key: PeerKey,
        stream: Stream,
        connection: Connection,
        context: PeerContext,
        orders: mpsc::Receiver<Vec<Order>>,
    ) -> Self {
        Self {
            key,
            stream,
            connection,
            context,
            orders,
            receiver: Receiver::default(),
            sender: Sender::default(),
            slow_read: None,
            facts: Vec::new(),
            blocks: Vec::new(),
            read_from: None,
            write_from: None,
            starved: false,
            upload_starved: false,
        }
    }

    /// With bytes, sealed already, that go out before all others: the rest of what another task began.
    pub(crate) fn with_unsent(mut self, bytes: Vec<u8>) -> Self {
        self.sender.push_sealed(bytes);
        self
    }

    /// Runs until the connection is closed. The last fact is always [`Fact::Closed`].
    pub(crate) async fn run(mut self) {
        loop {
            self.settle();
            if self.connection.is_closed() {
                break;
            }
            match self.wait().await {
                Woken::Orders(Some(orders)) => self.obey(orders),
                Woken::Orders(None) => self.connection.handle_order(now(), Order::Close(Close::Stopped)),
                Woken::TorrentGone => return,
                Woken::Readable => self.read(),
                // What became possible is done by `settle`.
                Woken::Writable | Woken::FactsTaken => {}
                Woken::Buffer(buffer) => {
                    self.receiver.lend(buffer);
                    self.starved = false;
                    self.read();
                }
                Woken::UploadBuffer => self.upload_starved = false,
                Woken::SlowRead(request, result) => self.finish_slow_read(request, result),
                Woken::Timer => self.connection.handle_timeout(now()),
            }
        }
        self.receiver.clear();
        let facts = std::mem::take(&mut self.facts);
        // A last word to the other end (a reject, a choke) is not worth waiting for.
        let _ = self.sender.write(now(), &mut self.stream, &mut self.connection);
        let _ = self.context.facts.send((self.key, facts)).await;
    }

    /// Lines up and writes what can be written, collects facts, hands whole blocks to storage.
    fn settle(&mut self) {
        if self.slow_read.is_none()
            && !self.upload_starved
            && self.write_from.is_none_or(|when| when <= Instant::now())
        {
            self.write();
        } else if !self.connection.is_closed() {
            self.sender.fill_control(&mut self.connection);
            self.push_out();
        }
        while let Some(fact) = self.connection.poll_fact() {
            self.facts.push(fact);
        }
        if !self.facts.is_empty()
            && let Ok(slot) = self.context.facts.try_reserve()
        {
            slot.send((self.key, std::mem::take(&mut self.facts)));
        }
        // After the facts, so that the torrent hears of a block before storage tells of its piece.
        self.context.store.write_all(&mut self.blocks);
        self.receiver.release(&self.connection);
    }

    async fn wait(&mut self) -> Woken {
        let may_read = self.facts.len() < FACT_BATCH && !self.starved;
        let read_from = self.read_from.filter(|when| *when > Instant::now());
        let write_from = self.write_from.filter(|when| *when > Instant::now());
        let may_fill = self.connection.uploads_pending() && self.slow_read.is_none() && !self.upload_starved;
        let may_write = self.sender.is_pending() || (may_fill && write_from.is_none());
        let deadline = self.connection.poll_timeout().map(Instant::from_std);
        let wake = [deadline, read_from, write_from].into_iter().flatten().min();
        tokio::select! {
            biased;
            orders = self.orders.recv() => Woken::Orders(orders),
            slot = self.context.facts.reserve(), if !self.facts.is_empty() => match slot {
                Ok(slot) => {
                    slot.send((self.key, std::mem::take(&mut self.facts)));
                    Woken::FactsTaken
                }
                Err(_) => Woken::TorrentGone,
            },
            (request, result) = wait_for(&mut self.slow_read) => Woken::SlowRead(request, result),
            () = self.stream.readable(), if may_read && read_from.is_none() => Woken::Readable,
            () = self.stream.writable(), if may_write => Woken::Writable,
            buffer = self.context.pool.acquire(), if self.starved => Woken::Buffer(buffer),
            _ = self.context.upload_pool.acquire(), if self.upload_starved => Woken::UploadBuffer,
            () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => Woken::Timer,
        }
    }

    fn obey(&mut self, orders: Vec<Order>) {
        for order in orders {
            self.connection.handle_order(now(), order);
        }
    }

    fn read(&mut self) {
        self.read_some();
        // They may be the last that come: who waits for more would wait for ever.
        self.starved |= self.receiver.holds_bytes();
    }

    fn read_some(&mut self) {
        for _ in 0..READS_IN_A_ROW {
            let mut around = Surroundings {
                connection: &mut self.connection,
                pool: &self.context.pool,
                source: SourceKey::Peer(self.key).to_tag(),
                blocks: &mut self.blocks,
            };
            let budget = self.context.down.quantum();
            match self.receiver.read(now(), &mut self.stream, budget, &mut around) {
                Ok(Received::Bytes(n)) => {
                    self.read_from = self.context.down.charge(Instant::now(), n);
                    if self.read_from.is_some() || self.connection.is_closed() {
                        return;
                    }
                }
                Ok(Received::Nothing) => return,
                Ok(Received::NoBuffer) => {
                    self.starved = true;
                    return;
                }
                Ok(Received::Closed) | Err(_) => {
                    self.connection.handle_order(now(), Order::Close(Close::Remote));
                    return;
                }
            }
        }
    }

    fn write(&mut self) {
        let budget = self.context.up.quantum();
        let context = &self.context;
        match self.sender.fill(now(), &mut self.connection, &context.store, &context.upload_pool, budget) {
            Filled::Enough => {}
            Filled::NoBuffer => self.upload_starved = true,
            Filled::Slow(request) => {
                let store = context.store.clone();
                let pool = context.upload_pool.clone();
                self.slow_read = Some(Box::pin(async move {
                    let buffer = pool.acquire().await;
                    (request, store.read(request, buffer).await)
                }));
            }
        }
        self.push_out();
    }

    /// Writes what is lined up, and pays for it.
    fn push_out(&mut self) {
        match self.sender.write(now(), &mut self.stream, &mut self.connection) {
            Ok(0) => {}
            Ok(n) => {
                if let Some(when) = self.context.up.charge(Instant::now(), n) {
                    self.write_from = Some(when);
                }
            }
            Err(_) => self.connection.handle_order(now(), Order::Close(Close::Remote)),
        }
    }

    fn finish_slow_read(&mut self, request: BlockRequest, result: Result<BlockBuffer, DiskError>) {
        self.slow_read = None;
        match result {
            Ok(buffer) => self.sender.push_block(request, buffer),
            Err(error) => {
                tracing::debug!(%error, piece = %request.piece, "cannot read a block for a peer");
                self.connection.handle_unavailable(now(), request);
            }
        }
    }
}

/// The slow read under way, or never.
async fn wait_for(read: &mut Option<SlowRead>) -> (BlockRequest, Result<BlockBuffer, DiskError>) {
    match read {
        Some(read) => read.await,
        None => std::future::pending().await,
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

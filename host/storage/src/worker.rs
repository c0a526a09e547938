//! The workers: each owns the pieces under way that fall to it, hashes complete ones side by side, and writes each
//! verified piece at once.

use crate::block::Block;
use crate::events::DiskEvent;
use crate::hashing::BlockDigester;
use crate::limits::{BLOCKS_LEFT, FAILED_PIECES, OUTBOX_TICK, PROBE_BYTES};
use crate::partial::{Partial, Run};
use crate::ripe::Ripe;
use crate::sync::SyncHandle;
use crate::torrent::{Torrent, locked};
use crate::transfer::Transfer;
use crate::{BlockPool, DiskError};
use metainfo::{BlockIndex, BlockRequest, PieceIndex};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::Instant;
use tokio::sync::oneshot;

/// What a worker is asked to do.
pub(crate) enum Job {
    /// Take in blocks.
    Write(Arc<Torrent>, Vec<Block>),
    /// Forget the blocks of a piece.
    Discard(Arc<Torrent>, PieceIndex),
    /// Try again where a write failed.
    Probe(Arc<Torrent>, PieceIndex),
    /// The pool is low: wake up and look.
    Relieve,
    /// Take up blocks of unfinished pieces that an earlier run left on disk.
    TakeUp(Arc<Torrent>, Vec<BlockPlace>),
    /// Write the blocks of unfinished pieces and say which are on disk: [`Job::Close`] is next.
    Leave(Arc<Torrent>, oneshot::Sender<Vec<BlockPlace>>),
    /// Forget everything of a torrent, then answer.
    Close(Arc<Torrent>, oneshot::Sender<()>),
    /// End the thread.
    Stop,
}

/// What all workers share.
pub(crate) struct Surroundings {
    pub(crate) pool: BlockPool,
    pub(crate) transfer: Arc<Transfer>,
    pub(crate) digester: BlockDigester,
    pub(crate) sync: SyncHandle,
}

/// What others may know of a worker.
#[derive(Default)]
pub(crate) struct Gauge {
    /// Blocks are held in memory.
    pub(crate) holds: AtomicBool,
    /// A [`Job::Relieve`] is on its way.
    pub(crate) relief_asked: AtomicBool,
}

type Key = (u64, PieceIndex);

/// A block of a piece.
pub(crate) type BlockPlace = (PieceIndex, BlockIndex);

/// A piece with all its blocks, not yet verified.
struct RipePiece {
    torrent: Arc<Torrent>,
    piece: PieceIndex,
    partial: Partial,
}

/// One worker thread's state.
pub(crate) struct Worker {
    around: Arc<Surroundings>,
    gauge: Arc<Gauge>,
    partials: BTreeMap<Key, (Arc<Torrent>, Partial)>,
    ripe: Ripe<RipePiece>,
    /// Pieces that failed their hash: the next try is reported block by block.
    failed: BTreeSet<Key>,
    /// Torrents whose events wait for room.
    untold: BTreeMap<u64, Arc<Torrent>>,
    /// Pieces begun so far.
    begun: u64,
}

impl Worker {
    pub(crate) fn new(around: Arc<Surroundings>, gauge: Arc<Gauge>) -> Self {
        Self {
            around,
            gauge,
            partials: BTreeMap::new(),
            ripe: Ripe::new(),
            failed: BTreeSet::new(),
            untold: BTreeMap::new(),
            begun: 0,
        }
    }

    /// Works until told to stop or nobody is left to ask.
    pub(crate) fn run(mut self, jobs: &Receiver<Job>) {
        loop {
            match self.next(jobs) {
                Ok(Job::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(job) => self.handle(job),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// The next job. Before it waits for one, everything sent so far is taken in, and what is due is done.
    fn next(&mut self, jobs: &Receiver<Job>) -> Result<Job, RecvTimeoutError> {
        loop {
            match jobs.try_recv() {
                Ok(job) => return Ok(job),
                Err(TryRecvError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
                Err(TryRecvError::Empty) => {}
            }
            if self.ripe.is_empty() || !self.around.pool.is_low() {
                break;
            }
            // That takes long enough for more to have come.
            self.store_ripe();
        }
        if self.around.pool.is_low() {
            self.relieve();
        }
        let mut patience = self.ripe.patience(Instant::now());
        if patience.is_some_and(|left| left.is_zero()) {
            self.store_ripe();
            patience = None;
        }
        self.untold.retain(|_, torrent| torrent.flush_events());
        let holds =
            !self.ripe.is_empty() || self.partials.values().any(|(_, partial)| partial.in_memory() > 0);
        self.gauge.holds.store(holds, Ordering::Release);
        let outbox = (!self.untold.is_empty()).then_some(OUTBOX_TICK);
        match [patience, outbox].into_iter().flatten().min() {
            Some(wait) => jobs.recv_timeout(wait),
            None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    fn handle(&mut self, job: Job) {
        match job {
            Job::Write(torrent, blocks) => {
                for block in blocks {
                    self.take(&torrent, block);
                }
            }
            Job::Discard(torrent, piece) => drop(self.partials.remove(&(torrent.id, piece))),
            Job::Probe(torrent, piece) => {
                self.store_ripe();
                self.probe(&torrent, piece);
            }
            // Before it waits again, the worker looks at the pool.
            Job::Relieve => self.gauge.relief_asked.store(false, Ordering::Release),
            Job::TakeUp(torrent, _) if torrent.is_closed() => {}
            Job::TakeUp(torrent, blocks) => {
                for (piece, block) in blocks {
                    self.partial(&torrent, piece).find(block);
                    self.look_for_completion(&torrent, piece);
                }
            }
            Job::Leave(torrent, answer) => {
                self.store_ripe();
                let _ = answer.send(self.leave(&torrent));
            }
            Job::Close(torrent, done) => {
                self.store_ripe();
                self.partials.retain(|(id, _), _| *id != torrent.id);
                self.failed.retain(|(id, _)| *id != torrent.id);
                self.untold.remove(&torrent.id);
                let _ = done.send(());
            }
            Job::Stop => {}
        }
    }

    fn tell(&mut self, torrent: &Arc<Torrent>, event: DiskEvent) {
        if torrent.tell(event) {
            self.untold.insert(torrent.id, torrent.clone());
        }
    }

    fn take(&mut self, torrent: &Arc<Torrent>, block: Block) {
        let piece = block.request.piece;
        let size = torrent.layout.geometry.piece_size(piece);
        if torrent.is_closed()
            || size == 0
            || torrent.stored.contains(piece)
            || self.ripe.any(|ripe| ripe.torrent.id == torrent.id && ripe.piece == piece)
        {
            return;
        }
        self.partial(torrent, piece).insert(block);
        self.look_for_completion(torrent, piece);
    }

    /// A piece that has all its blocks is ripe.
    fn look_for_completion(&mut self, torrent: &Torrent, piece: PieceIndex) {
        let key = (torrent.id, piece);
        if self.partials.get(&key).is_some_and(|(_, partial)| partial.is_complete())
            && let Some((torrent, partial)) = self.partials.remove(&key)
        {
            self.ripe.push(RipePiece { torrent, piece, partial }, Instant::now());
            if self.ripe.is_full() {
                self.store_ripe();
            }
        }
    }

    /// The piece under way, begun if it is not.
    fn partial(&mut self, torrent: &Arc<Torrent>, piece: PieceIndex) -> &mut Partial {
        let begun = &mut self.begun;
        let (_, partial) = self.partials.entry((torrent.id, piece)).or_insert_with(|| {
            *begun += 1;
            (torrent.clone(), Partial::new(torrent.layout.geometry.piece_size(piece), *begun))
        });
        partial
    }

    /// Writes what there is of a torrent's unfinished pieces and forgets them. What cannot be written is fetched again.
    fn leave(&mut self, torrent: &Arc<Torrent>) -> Vec<BlockPlace> {
        let of_torrent = (torrent.id, PieceIndex(0))..=(torrent.id, PieceIndex(u32::MAX));
        let keys: Vec<Key> = self.partials.range(of_torrent).map(|(key, _)| *key).collect();
        let mut left = Vec::new();
        for key in keys {
            let Some((_, partial)) = self.partials.remove(&key) else { continue };
            let naming = torrent.naming.read().unwrap_or_else(PoisonError::into_inner);
            let written = self.around.transfer.write(torrent, key.1, &partial.runs());
            drop(naming);
            if written.is_ok() && left.len() < BLOCKS_LEFT {
                left.extend(partial.present().map(|block| (key.1, block)));
            }
        }
        left
    }

    /// Verifies the pieces that have all their blocks, stores them, and tells what became of each; its buffers are
    /// free by then.
    fn store_ripe(&mut self) {
        let ripe = self.ripe.take();
        let wholes: Vec<_> = ripe.iter().map(|ripe| ripe.partial.whole()).collect();
        let messages: Vec<_> = wholes.iter().flatten().map(Vec::as_slice).collect();
        let mut hashed = hash::sha1_many(&messages).into_iter();
        let hashes: Vec<_> = wholes.iter().map(|whole| whole.as_ref().and_then(|_| hashed.next())).collect();
        for (RipePiece { torrent, piece, partial }, hash) in ripe.into_iter().zip(hashes) {
            match self.store(&torrent, piece, partial, hash) {
                Ok(event) => self.stored(&torrent, piece, event),
                Err(error) => self.write_failed(&torrent, piece, error),
            }
        }
    }

    /// A stored piece is told of before the sync thread can tell of the end of its file.
    fn stored(&mut self, torrent: &Arc<Torrent>, piece: PieceIndex, event: DiskEvent) {
        let around = Arc::clone(&self.around);
        if matches!(event, DiskEvent::PieceStored { .. }) {
            around.sync.stored(torrent, piece, || self.tell(torrent, event));
        } else {
            self.tell(torrent, event);
        }
    }

    /// Stores a piece if its hash is right; `hash` is `None` where blocks of it are on disk already.
    fn store(
        &mut self,
        torrent: &Arc<Torrent>,
        piece: PieceIndex,
        mut partial: Partial,
        hash: Option<[u8; 20]>,
    ) -> Result<DiskEvent, DiskError> {
        let Surroundings { transfer, digester, .. } = &*self.around;
        let naming = torrent.naming.read().unwrap_or_else(PoisonError::into_inner);
        let read = |begin, into: &mut [u8]| {
            let request = BlockRequest { piece, begin, length: into.len() as u32 };
            transfer.read(torrent, request, into)
        };
        let hash = match hash.map_or_else(|| partial.finish_hash(read), Ok) {
            Ok(hash) => hash,
            // Files chosen anew lie elsewhere: what was written for them before is gone, and fetched again.
            Err(DiskError::Vanished { .. }) => {
                return Ok(DiskEvent::PieceFailed { piece, blocks: Vec::new() });
            }
            Err(error) => return Err(error),
        };
        let key = (torrent.id, piece);
        if torrent.layout.piece_hash(piece) != Some(&hash) {
            if self.failed.len() < FAILED_PIECES {
                self.failed.insert(key);
            }
            return Ok(DiskEvent::PieceFailed { piece, blocks: partial.reports(digester) });
        }
        transfer.write(torrent, piece, &partial.runs())?;
        let blocks = if self.failed.remove(&key) { partial.reports(digester) } else { Vec::new() };
        torrent.insert_stored(piece);
        drop(naming);
        Ok(DiskEvent::PieceStored { piece, blocks })
    }

    fn write_failed(&mut self, torrent: &Arc<Torrent>, piece: PieceIndex, error: DiskError) {
        *locked(&torrent.fault) = Some(piece);
        self.tell(torrent, DiskEvent::WriteFailed { piece, error });
    }

    /// Makes the pool larger, and where that ends flushes the oldest pieces' blocks, unverified, until it has room again.
    fn relieve(&mut self) {
        while !self.around.pool.is_relieved() {
            if self.around.pool.grow() {
                continue;
            }
            let holding = self.partials.iter().filter(|(_, (_, partial))| partial.in_memory() > 0);
            let oldest = holding.min_by_key(|(_, (_, partial))| partial.born).map(|(key, _)| *key);
            let Some(key) = oldest else { return };
            self.flush(key);
        }
    }

    fn flush(&mut self, key: Key) {
        let Some((torrent, partial)) = self.partials.get_mut(&key) else { return };
        let torrent = torrent.clone();
        let naming = torrent.naming.read().unwrap_or_else(PoisonError::into_inner);
        match self.around.transfer.write(&torrent, key.1, &partial.runs()) {
            Ok(_) => partial.mark_flushed(&self.around.digester),
            Err(error) => {
                drop(naming);
                self.partials.remove(&key);
                self.write_failed(&torrent, key.1, error);
            }
        }
    }

    /// Writes zeros where a write failed: the piece is not stored, so its place holds nothing of worth.
    fn probe(&mut self, torrent: &Arc<Torrent>, piece: PieceIndex) {
        let flushed =
            self.partials.get(&(torrent.id, piece)).is_some_and(|(_, partial)| partial.is_flushed());
        if !flushed && !torrent.stored.contains(piece) {
            let naming = torrent.naming.read().unwrap_or_else(PoisonError::into_inner);
            let zeros = vec![0; PROBE_BYTES];
            let mut slices = Vec::new();
            let mut left = torrent.layout.geometry.piece_size(piece) as usize;
            while left > 0 {
                let part = left.min(PROBE_BYTES);
                slices.push(&zeros[..part]);
                left -= part;
            }
            let result = self.around.transfer.write(torrent, piece, &[Run { begin: 0, slices }]);
            drop(naming);
            if result.is_err() {
                return;
            }
        }
        if locked(&torrent.fault).take_if(|failed| *failed == piece).is_some() {
            self.tell(torrent, DiskEvent::Recovered);
        }
    }
}

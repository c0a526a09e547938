//! What the swarm knows of one connection.

use crate::admission::{Held, Standing};
use crate::choker::Client;
use crate::contract::{Direction, PeerKey, SourceKey};
use crate::limits;
use crate::pex::{self, Exchange};
use crate::picker::Pace;
use crate::pipeline::Pipeline;
use crate::rate::Rate;
use crate::stats::PeerSnapshot;
use metainfo::{Bitfield, BlockRequest, PeerId, PieceIndex};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// One connection's state.
pub(crate) struct Peer {
    pub(crate) key: PeerKey,
    pub(crate) address: SocketAddr,
    pub(crate) direction: Direction,
    /// It is of our own network.
    pub(crate) is_local: bool,
    /// Where it listens, if that is known: the address it is remembered by.
    pub(crate) listens_at: Option<SocketAddr>,
    pub(crate) connected_at: Instant,
    pub(crate) id: Option<PeerId>,
    pub(crate) client: Option<String>,
    pub(crate) fast: bool,
    pub(crate) extended: bool,
    pub(crate) upload_only: bool,

    pub(crate) have: Bitfield,
    pub(crate) told_availability: bool,
    /// It had every piece from the start and is not counted piece by piece.
    pub(crate) uncounted: bool,
    /// Pieces it has that we want and miss.
    pub(crate) wanted: u32,

    pub(crate) am_choking: bool,
    pub(crate) am_interested: bool,
    pub(crate) chokes_us: bool,
    pub(crate) is_interested: bool,
    /// When we last choked or unchoked it.
    pub(crate) choke_changed_at: Instant,

    pub(crate) pipeline: Pipeline,
    /// What it was asked for, oldest first.
    pub(crate) outstanding: VecDeque<BlockRequest>,
    pub(crate) suggested: Vec<PieceIndex>,
    pub(crate) allowed_fast: Vec<PieceIndex>,
    rejected: BTreeMap<PieceIndex, Instant>,
    rejects_in_a_row: u32,
    /// Asked for nothing until then.
    rests_until: Option<Instant>,
    /// The picker's epoch when nothing was free for it.
    pub(crate) dry_at: Option<u64>,
    /// Nothing to double for it either, until the clock says so.
    pub(crate) end_game_dry: bool,
    pub(crate) on_parole: bool,
    /// What it was told of other peers, if it takes part in that.
    pub(crate) exchange: Option<Exchange>,
    /// How many addresses it told of (BEP 11), and which.
    pub(crate) exchanged: usize,
    pub(crate) told_of: Vec<SocketAddr>,
    /// It helps others to connect to each other (BEP 55).
    pub(crate) punches_holes: bool,
    /// What it asked for of that kind.
    pub(crate) punches: usize,

    up: Rate,
    pub(crate) bytes_down: u64,
    pub(crate) bytes_up: u64,
    traded_at: Option<Instant>,
}

impl Peer {
    pub(crate) fn new(
        key: PeerKey,
        address: SocketAddr,
        direction: Direction,
        pieces: u32,
        now: Instant,
    ) -> Self {
        Self {
            key,
            address,
            direction,
            is_local: false,
            listens_at: (direction == Direction::Outgoing).then_some(address),
            connected_at: now,
            id: None,
            client: None,
            fast: false,
            extended: false,
            upload_only: false,
            have: Bitfield::new(pieces),
            told_availability: false,
            uncounted: false,
            wanted: 0,
            am_choking: true,
            am_interested: false,
            chokes_us: true,
            is_interested: false,
            choke_changed_at: now,
            pipeline: Pipeline::new(now),
            outstanding: VecDeque::new(),
            suggested: Vec::new(),
            allowed_fast: Vec::new(),
            rejected: BTreeMap::new(),
            rejects_in_a_row: 0,
            rests_until: None,
            dry_at: None,
            end_game_dry: false,
            on_parole: false,
            exchange: None,
            exchanged: 0,
            told_of: Vec::new(),
            punches_holes: false,
            punches: 0,
            up: Rate::new(now),
            bytes_down: 0,
            bytes_up: 0,
            traded_at: None,
        }
    }

    pub(crate) const fn source(&self) -> SourceKey {
        SourceKey::Peer(self.key)
    }

    pub(crate) const fn is_handshaken(&self) -> bool {
        self.id.is_some()
    }

    /// What others are told of it (BEP 11).
    pub(crate) fn exchange_flags(&self) -> u8 {
        let seed = if self.is_seed() { pex::SEED } else { 0 };
        let reachable = if self.direction == Direction::Outgoing { pex::REACHABLE } else { 0 };
        let punches = if self.punches_holes { pex::PUNCHES_HOLES } else { 0 };
        seed | reachable | punches
    }

    /// It wants no more pieces.
    pub(crate) const fn is_seed(&self) -> bool {
        self.upload_only || (self.told_availability && self.have.is_full())
    }

    /// Whether anything was ever received from it or taken by it.
    pub(crate) const fn has_traded(&self) -> bool {
        self.traded_at.is_some()
    }

    /// Whether requests may be sent: it serves us, or offered pieces in spite of not doing so.
    pub(crate) fn is_askable(&self, now: Instant) -> bool {
        self.is_handshaken()
            && self.am_interested
            && (!self.chokes_us || !self.allowed_fast.is_empty())
            && self.rests_until.is_none_or(|until| until <= now)
    }

    /// How the picker should treat it.
    pub(crate) fn pace(&self, now: Instant, piece_length: u32) -> Pace {
        if self.on_parole {
            return Pace::OnParole;
        }
        if self.pipeline.is_snubbed() {
            return Pace::Snubbed;
        }
        let within = self.pipeline.rate(now) * limits::WHOLE_PIECE_WITHIN.as_secs();
        if within >= u64::from(piece_length) { Pace::Fast } else { Pace::Slow }
    }

    /// Takes a request off the list of outstanding ones; true if it was there.
    pub(crate) fn settle(&mut self, request: BlockRequest) -> bool {
        // Answers come in the order of the requests, so the search ends at once.
        match self.outstanding.iter().position(|it| *it == request) {
            Some(0) => self.outstanding.pop_front().is_some(),
            Some(at) => self.outstanding.remove(at).is_some(),
            None => false,
        }
    }

    /// A block came from it.
    pub(crate) fn on_block(&mut self, now: Instant, bytes: u32) {
        self.pipeline.on_block(now, bytes);
        self.bytes_down += u64::from(bytes);
        self.traded_at = Some(now);
        self.rejects_in_a_row = 0;
    }

    /// Payload went to it.
    pub(crate) fn on_uploaded(&mut self, now: Instant, bytes: u32) {
        self.up.add(now, u64::from(bytes));
        self.bytes_up += u64::from(bytes);
        self.traded_at = Some(now);
    }

    /// It rejected a request of a piece: the piece is left alone for a while, the longer the more it rejects.
    pub(crate) fn on_rejected(&mut self, now: Instant, piece: PieceIndex) {
        let pause = limits::REJECT_PAUSE * 2u32.pow((self.rejects_in_a_row / 8).min(10));
        let until = now + pause.min(limits::REJECT_PAUSE_LONGEST);
        self.rejects_in_a_row = self.rejects_in_a_row.saturating_add(1);
        self.rejected.retain(|_, until| *until > now);
        if self.rejected.len() >= limits::REJECTED_PIECES {
            self.rests_until = Some(until);
        } else {
            self.rejected.insert(piece, until);
        }
    }

    /// Whether the piece is left alone for now.
    pub(crate) fn bars(&self, now: Instant, piece: PieceIndex) -> bool {
        self.rejected.get(&piece).is_some_and(|until| *until > now)
    }

    pub(crate) fn set_choking(&mut self, now: Instant, choking: bool) {
        (self.am_choking, self.choke_changed_at) = (choking, now);
    }

    /// How long nothing useful happened on the connection.
    pub(crate) fn idle_for(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.traded_at.unwrap_or(self.connected_at))
    }

    pub(crate) fn held(&self, now: Instant) -> Held {
        let standing = if self.has_traded() && self.idle_for(now) < limits::IDLE_AFTER {
            Standing::Trading
        } else if self.am_interested || (self.is_interested && !self.am_choking) {
            Standing::Promising
        } else {
            Standing::Idle
        };
        let age = now.saturating_duration_since(self.connected_at);
        Held { key: self.key, host: self.address.ip(), standing, age }
    }

    pub(crate) fn client_view(&self) -> Client {
        Client {
            key: self.key,
            is_local: self.is_local,
            interested: self.is_interested && self.is_handshaken(),
            served: !self.am_choking,
            since: self.choke_changed_at,
            bytes_down: self.bytes_down,
            bytes_up: self.bytes_up,
            progress: f64::from(self.have.count()) / f64::from(self.have.length().max(1)),
        }
    }

    pub(crate) fn snapshot(&self, now: Instant) -> PeerSnapshot {
        PeerSnapshot {
            key: self.key,
            address: self.address,
            direction: self.direction,
            peer_id: self.id,
            client: self.client.clone(),
            pieces: self.have.count(),
            bytes_down: self.bytes_down,
            bytes_up: self.bytes_up,
            down_rate: self.pipeline.rate(now),
            up_rate: self.up.per_second(now),
            outstanding: self.outstanding.len() as u32,
            am_choking: self.am_choking,
            is_optimistic: false,
            am_interested: self.am_interested,
            peer_choking: self.chokes_us,
            peer_interested: self.is_interested,
            snubbed: self.pipeline.is_snubbed(),
            source: None,
        }
    }
}

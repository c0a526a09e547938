//! Judging what the peer says: every message is legal only in its state, every index inside the torrent, and
//! what is cheap to send has a price.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::early::Told;
use super::{Connection, Payload, Phase};
use crate::handshake::HANDSHAKE_LENGTH;
use crate::limits::{ALLOWED_FAST_TAKEN, PEX_FIRST_PEERS, PEX_PAUSE, PEX_PEERS, REQUEST_TOLERATED, price};
use crate::message::Message;
use crate::requests::{Arrival, Rejection};
use crate::uploads::Verdict;
use crate::{Close, ExtendedHandshake, Fact, Handshake, Holepunch, Violation, extended, pex};
use metainfo::{Bitfield, BlockRequest, PieceIndex};
use std::net::SocketAddr;
use std::time::Instant;

/// The judgement of one message.
pub(super) type Judged = Result<(), Violation>;

impl Connection {
    /// Takes the handshake off the front of `bytes`, as far as it came.
    pub(super) fn read_handshake(&mut self, bytes: &mut &[u8]) {
        let Phase::Handshake { bytes: theirs, filled, .. } = &mut self.phase else { return };
        let (part, rest) = bytes.split_at_checked(HANDSHAKE_LENGTH - *filled).unwrap_or((bytes, &[]));
        if let Some(room) = theirs.get_mut(*filled..*filled + part.len()) {
            room.copy_from_slice(part);
        }
        *filled += part.len();
        *bytes = rest;
        if theirs.get(..*filled).is_some_and(Handshake::looks_wrong) {
            self.violate(Violation::BadHandshake);
        } else if *filled == HANDSHAKE_LENGTH {
            match Handshake::decode(theirs) {
                Ok(theirs) => self.greet(&theirs),
                Err(violation) => self.violate(violation),
            }
        }
    }

    /// Judges the peer's handshake and opens the connection.
    pub(super) fn greet(&mut self, theirs: &Handshake) {
        if theirs.info_hash != self.config.info_hash {
            self.violate(Violation::BadHandshake);
        } else if theirs.peer_id == self.config.peer_id {
            self.close(Close::Myself);
        } else {
            self.phase = Phase::Open;
            self.fast = theirs.fast();
            self.extended = theirs.extended();
            self.dht = theirs.dht();
            let (fast, extended) = (self.fast, self.extended);
            if let Some(early) = &mut self.early {
                early.peer_id = Some(theirs.peer_id);
            }
            self.facts.push_back(Fact::Handshaken { peer_id: theirs.peer_id, fast, extended });
        }
    }

    /// Takes messages off the front of `bytes` until a payload begins or all are taken.
    pub(super) fn read_messages(&mut self, now: Instant, bytes: &mut &[u8]) {
        while self.payload.is_none() && matches!(self.phase, Phase::Open) && !bytes.is_empty() {
            let judged = match self.decoder.next(bytes) {
                Ok(Some(frame)) => self.judge(now, frame.message()),
                Ok(None) => Ok(()),
                Err(violation) => Err(violation),
            };
            if let Err(violation) = judged {
                self.violate(violation);
            }
        }
    }

    fn judge(&mut self, now: Instant, message: Message<'_>) -> Judged {
        match message {
            Message::Piece(block) => self.on_piece(block),
            Message::Request(request) => self.on_request(now, request),
            Message::Have(piece) => self.on_have(piece),
            Message::Cancel(request) => self.on_cancel(now, request),
            Message::Choke => self.on_choke(now),
            Message::Unchoke => self.on_unchoke(now),
            Message::Interested => self.on_interest(now, true),
            Message::NotInterested => self.on_interest(now, false),
            Message::Bitfield(bytes) if self.early.is_some() => {
                self.on_early_availability(now, Told::Pieces(bytes.to_vec()))
            }
            Message::Bitfield(bytes) => {
                let pieces = Bitfield::from_bytes(bytes, self.geometry.piece_count());
                self.on_bitfield(now, pieces.ok_or(Violation::BadBitfield)?)
            }
            Message::HaveAll | Message::HaveNone => {
                self.needs_fast()?;
                if self.availability_known {
                    return Err(Violation::Unexpected);
                }
                let all = message == Message::HaveAll;
                if self.early.is_some() {
                    return self.on_early_availability(now, if all { Told::All } else { Told::None });
                }
                let piece_count = self.geometry.piece_count();
                let pieces = if all { Bitfield::full(piece_count) } else { Bitfield::new(piece_count) };
                self.on_availability(pieces);
                Ok(())
            }
            Message::Suggest(piece) => {
                self.on_advice(now, piece)?;
                self.facts.push_back(Fact::Suggested(piece));
                Ok(())
            }
            Message::AllowedFast(piece) => self.on_allowed_fast(now, piece),
            Message::Reject(request) => self.on_reject(request),
            Message::Extended(number, content) => self.on_extended(now, number, content),
            Message::KeepAlive => self.pay(now, price::PLAIN),
            Message::Port(port) => self.on_port(now, port),
            Message::Unknown(_, length) => self.pay(now, price::PLAIN + length / price::UNKNOWN_BYTES),
        }
    }

    pub(super) fn pay(&mut self, now: Instant, price: u32) -> Judged {
        if self.cheap.pay(now, price) { Ok(()) } else { Err(Violation::Flood) }
    }

    pub(super) fn pay_churn(&mut self, now: Instant, price: u32) -> Judged {
        if self.churn.pay(now, price) { Ok(()) } else { Err(Violation::Flood) }
    }

    fn needs_fast(&self) -> Judged {
        if self.fast { Ok(()) } else { Err(Violation::Unexpected) }
    }

    pub(super) fn in_torrent(&self, piece: PieceIndex) -> Judged {
        if piece.0 < self.geometry.piece_count() { Ok(()) } else { Err(Violation::OutOfRange) }
    }

    /// Told once, before any `have`, request or block; choke, interest and advice may come before it, since
    /// clients differ in what they hurry to say.
    fn on_availability(&mut self, pieces: Bitfield) {
        self.availability_known = true;
        self.facts.push_back(Fact::Availability(pieces));
    }

    /// The first one belongs before everything else (BEP 3). Later ones are what aria2 sends in place of many
    /// `have`, and cost accordingly.
    fn on_bitfield(&mut self, now: Instant, pieces: Bitfield) -> Judged {
        if self.availability_known {
            self.pay(now, price::PLAIN + pieces.as_bytes().len() as u32 / price::UNKNOWN_BYTES)?;
        }
        self.on_availability(pieces);
        Ok(())
    }

    /// From here on the peer that told nothing has nothing.
    fn settle_availability(&mut self) {
        if !self.availability_known {
            self.availability_known = true;
            if self.early.is_none() {
                self.facts.push_back(Fact::Availability(Bitfield::new(self.geometry.piece_count())));
            }
        }
    }

    fn on_have(&mut self, piece: PieceIndex) -> Judged {
        self.in_torrent(piece)?;
        self.haves_left = self.haves_left.checked_sub(1).ok_or(Violation::Flood)?;
        self.settle_availability();
        match &mut self.early {
            Some(early) => early.have(piece),
            None => self.facts.push_back(Fact::Have(piece)),
        }
        Ok(())
    }

    fn on_choke(&mut self, now: Instant) -> Judged {
        self.pay(now, price::PLAIN)?;
        if self.we_are_choked {
            return Ok(());
        }
        self.we_are_choked = true;
        self.facts.push_back(Fact::Choked);
        if !self.fast {
            self.facts.extend(self.requests.lose_all().into_iter().map(Fact::Rejected));
        }
        Ok(())
    }

    fn on_unchoke(&mut self, now: Instant) -> Judged {
        self.pay(now, price::UNCHOKE)?;
        if std::mem::take(&mut self.we_are_choked) {
            self.facts.push_back(Fact::Unchoked);
        }
        Ok(())
    }

    fn on_interest(&mut self, now: Instant, interested: bool) -> Judged {
        self.pay(now, price::INTEREST)?;
        if self.peer_is_interested != interested {
            self.peer_is_interested = interested;
            self.facts.push_back(if interested { Fact::Interested } else { Fact::NotInterested });
        }
        Ok(())
    }

    fn on_request(&mut self, now: Instant, request: BlockRequest) -> Judged {
        if !self.geometry.holds(request) || request.length > REQUEST_TOLERATED {
            return Err(Violation::OutOfRange);
        }
        self.settle_availability();
        match self.uploads.request(request) {
            Verdict::Queued => Ok(()),
            Verdict::Repeated => self.pay_churn(now, price::REPEAT),
            Verdict::Duplicate => self.pay_churn(now, price::CHURN),
            Verdict::Refused => {
                self.pay_churn(now, price::CHURN)?;
                self.reject(now, request);
                Ok(())
            }
        }
    }

    fn on_cancel(&mut self, now: Instant, request: BlockRequest) -> Judged {
        if !self.geometry.holds(request) {
            return Err(Violation::OutOfRange);
        }
        self.pay_churn(now, price::CHURN)?;
        if self.uploads.cancel(request) {
            self.reject(now, request);
        }
        Ok(())
    }

    fn on_piece(&mut self, block: BlockRequest) -> Judged {
        if block.length > 0 && !self.geometry.holds(block) {
            return Err(Violation::OutOfRange);
        }
        self.in_torrent(block.piece)?;
        self.settle_availability();
        let wanted = match self.requests.arrived(block) {
            Arrival::Wanted => true,
            Arrival::Lapsed => false,
            Arrival::WrongLength => return Err(Violation::WrongLength),
            Arrival::Unrequested => {
                let left = self.unrequested_blocks_left.checked_sub(1);
                self.unrequested_blocks_left = left.ok_or(Violation::Unrequested)?;
                false
            }
        };
        if block.length > 0 {
            self.payload = Some(Payload { request: block, received: 0, wanted });
        }
        Ok(())
    }

    fn on_reject(&mut self, request: BlockRequest) -> Judged {
        self.needs_fast()?;
        match self.requests.rejected(request) {
            Rejection::Outstanding => self.facts.push_back(Fact::Rejected(request)),
            Rejection::Lapsed => {}
            Rejection::Unrequested => {
                let left = self.unrequested_rejects_left.checked_sub(1);
                self.unrequested_rejects_left = left.ok_or(Violation::Flood)?;
            }
        }
        Ok(())
    }

    fn on_advice(&mut self, now: Instant, piece: PieceIndex) -> Judged {
        self.needs_fast()?;
        self.in_torrent(piece)?;
        self.pay(now, price::PLAIN)
    }

    fn on_allowed_fast(&mut self, now: Instant, piece: PieceIndex) -> Judged {
        self.on_advice(now, piece)?;
        if self.allowed_fast.len() < ALLOWED_FAST_TAKEN && !self.allowed_fast.contains(&piece) {
            self.allowed_fast.push(piece);
            self.facts.push_back(Fact::AllowedFast(piece));
        }
        Ok(())
    }

    fn on_extended(&mut self, now: Instant, number: u8, content: &[u8]) -> Judged {
        if !self.extended {
            return Err(Violation::Unexpected);
        }
        if number == extended::DONT_HAVE {
            return self.on_dont_have(now, content);
        }
        if number == extended::PEX {
            return self.on_peers(now, content);
        }
        if number == extended::HOLEPUNCH {
            return self.on_holepunch(now, content);
        }
        if number == extended::METADATA {
            return self.on_metadata(now, content);
        }
        if number == extended::UPLOAD_ONLY {
            self.pay(now, price::PLAIN)?;
            let upload_only = content.first().map(|flag| *flag != 0);
            self.facts.push_back(Fact::Extended(ExtendedHandshake { upload_only, ..Default::default() }));
            return Ok(());
        }
        self.pay(now, price::EXTENDED_HANDSHAKE)?;
        let mut received = extended::decode(content).ok_or(Violation::BadExtension)?;
        if let Some(number) = received.metadata_number {
            self.exchange.number = Some(number).filter(|number| *number != 0);
        }
        if let Some(number) = received.pex_number {
            self.pex_number = Some(number).filter(|number| *number != 0);
        }
        if let Some(number) = received.holepunch_number {
            self.holepunch_number = Some(number).filter(|number| *number != 0);
        }
        if let Some(number) = received.dont_have_number {
            self.dont_have_number = Some(number).filter(|number| *number != 0);
        }
        // A size without a way to ask is of no use.
        received.told.metadata_size = received.told.metadata_size.filter(|_| self.exchange.number.is_some());
        if let Some(number) = received.upload_only_number {
            self.upload_only_number = Some(number).filter(|number| *number != 0);
        }
        if let Some(early) = &mut self.early {
            early.extended(&received.told);
        }
        self.facts.push_back(Fact::Extended(received.told));
        Ok(())
    }

    /// Where the peer's node of the DHT is; told once, so that nobody is made to ask strangers again and again.
    fn on_port(&mut self, now: Instant, port: u16) -> Judged {
        self.pay(now, price::PORT)?;
        if self.config.dht_port.is_some() && port != 0 && !std::mem::replace(&mut self.dht_told, true) {
            self.facts.push_back(Fact::DhtNode(SocketAddr::new(self.config.remote.ip(), port)));
        }
        Ok(())
    }

    /// About a connection with somebody else (BEP 55). A private torrent's peers are nobody's business.
    fn on_holepunch(&mut self, now: Instant, content: &[u8]) -> Judged {
        self.pay(now, price::HOLEPUNCH)?;
        if !self.config.punches_holes() {
            return Ok(());
        }
        let message = Holepunch::decode(content).ok_or(Violation::BadExtension)?;
        self.facts.push_back(Fact::Holepunch(message));
        Ok(())
    }

    /// A piece is lost (BEP 54). Before the metadata is known the peer is taken at its earlier word, and rejects later.
    fn on_dont_have(&mut self, now: Instant, content: &[u8]) -> Judged {
        self.pay(now, price::PLAIN)?;
        let bytes = <[u8; 4]>::try_from(content).map_err(|_| Violation::BadExtension)?;
        let piece = PieceIndex(u32::from_be_bytes(bytes));
        self.in_torrent(piece)?;
        if self.early.is_none() {
            self.settle_availability();
            self.facts.push_back(Fact::DontHave(piece));
        }
        Ok(())
    }

    /// Peer exchange: what comes too soon is passed over, and what comes too often closes.
    fn on_peers(&mut self, now: Instant, content: &[u8]) -> Judged {
        if !self.config.exchange_peers {
            return self.pay(now, price::PEERS);
        }
        let most = if self.pex_at.is_none() { PEX_FIRST_PEERS } else { PEX_PEERS };
        if self.pex_at.is_some_and(|last| now.saturating_duration_since(last) < PEX_PAUSE) {
            return self.pay(now, price::PEERS);
        }
        let peers = pex::decode(content, most).ok_or(Violation::BadExtension)?;
        self.pex_at = Some(now);
        self.facts.push_back(Fact::Peers(peers));
        Ok(())
    }
}

//! Doing what the swarm wants.

use super::Connection;
use crate::message::Message;
use crate::{Fact, Order, extended, pex};
use metainfo::{Bitfield, BlockRequest, PieceIndex};
use std::time::Instant;

impl Connection {
    /// One order of an open connection. An order that changes nothing sends nothing.
    pub(super) fn obey(&mut self, now: Instant, order: Order) {
        match order {
            Order::Availability(pieces) => self.tell_availability(now, &pieces),
            Order::Have(piece) => self.send(now, &Message::Have(piece)),
            Order::DontHave(piece) => {
                if let Some(number) = self.dont_have_number {
                    self.send(now, &Message::Extended(number, &piece.0.to_be_bytes()));
                }
            }
            Order::Request(request) => self.ask(now, request),
            Order::Cancel(request) => {
                if self.requests.cancel(request) {
                    self.send(now, &Message::Cancel(request));
                }
            }
            Order::Choke => self.choke(now),
            Order::Unchoke => {
                if self.uploads.is_choking() {
                    self.uploads.unchoke();
                    self.send(now, &Message::Unchoke);
                }
            }
            Order::Interested => self.tell_interest(now, true),
            Order::NotInterested => self.tell_interest(now, false),
            Order::AllowedFast(pieces) => self.allow_fast(now, &pieces),
            Order::UploadOnly(upload_only) => self.tell_upload_only(now, upload_only),
            Order::AskMetadata(piece) => self.ask_metadata(now, piece),
            Order::Peers { added, dropped } => {
                if let Some(number) = self.pex_number.filter(|_| self.config.exchange_peers) {
                    self.send(now, &Message::Extended(number, &pex::encode(&added, &dropped)));
                }
            }
            Order::Holepunch(message) => {
                if let Some(number) = self.holepunch_number.filter(|_| self.config.punches_holes()) {
                    self.send(now, &Message::Extended(number, &message.encode()));
                }
            }
            Order::Close(why) => self.close(why),
        }
    }

    /// What we have goes first (BEP 3), the extension handshake right behind it.
    fn tell_availability(&mut self, now: Instant, pieces: &Bitfield) {
        if self.availability_sent {
            return;
        }
        self.availability_sent = true;
        match pieces {
            all if self.fast && all.is_full() => self.send(now, &Message::HaveAll),
            none if self.fast && none.is_empty() => self.send(now, &Message::HaveNone),
            none if none.is_empty() => {}
            some => self.send(now, &Message::Bitfield(some.as_bytes())),
        }
        self.upload_only |= pieces.is_full();
        if self.extended {
            self.send_extended_handshake(now);
        }
        if let Some(port) = self.config.dht_port.filter(|port| self.dht && *port != 0) {
            self.send(now, &Message::Port(port));
        }
    }

    pub(super) fn send_extended_handshake(&mut self, now: Instant) {
        let content = extended::encode(&self.config, self.upload_only);
        self.send(now, &Message::Extended(extended::HANDSHAKE, &content));
    }

    /// A block under way since before it was taken back needs no second request. A request that the peer would not
    /// answer (it choked us while the order was on its way) is not made, so that
    /// the swarm hears of it at once and not when it gives up waiting.
    fn ask(&mut self, now: Instant, request: BlockRequest) {
        if self.payload.is_some_and(|payload| payload.wanted && payload.request == request) {
            return;
        }
        let may_ask = !self.we_are_choked || self.allowed_fast.contains(&request.piece);
        if may_ask && self.requests.add(request) {
            self.send(now, &Message::Request(request));
        } else {
            self.facts.push_back(Fact::Rejected(request));
        }
    }

    fn choke(&mut self, now: Instant) {
        if self.uploads.is_choking() {
            return;
        }
        let dropped = self.uploads.choke();
        self.send(now, &Message::Choke);
        for request in dropped {
            self.reject(now, request);
        }
    }

    fn tell_interest(&mut self, now: Instant, interested: bool) {
        if self.we_are_interested != interested {
            self.we_are_interested = interested;
            let message = if interested { Message::Interested } else { Message::NotInterested };
            self.send(now, &message);
        }
    }

    fn allow_fast(&mut self, now: Instant, pieces: &[PieceIndex]) {
        if !self.fast {
            return;
        }
        for piece in pieces {
            if self.uploads.allow_fast(*piece) {
                self.send(now, &Message::AllowedFast(*piece));
            }
        }
    }

    /// By the message of its own if the peer takes one, else by another handshake (BEP 10 allows them at any time).
    fn tell_upload_only(&mut self, now: Instant, upload_only: bool) {
        if self.upload_only == upload_only {
            return;
        }
        self.upload_only = upload_only;
        if !self.extended || !self.availability_sent {
            return;
        }
        match self.upload_only_number {
            Some(number) => self.send(now, &Message::Extended(number, &[u8::from(upload_only)])),
            None => self.send_extended_handshake(now),
        }
    }
}

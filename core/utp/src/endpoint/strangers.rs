//! Packets of no stream: those that may open one, and the rest.

use super::Endpoint;
use crate::limits::{HEADER_BYTES, MAX_INCOMING_PER_SOURCE, MAX_REPLIES, MAX_STREAMS, RECEIVE_WINDOW};
use crate::packet::{Header, Kind};
use crate::stream::{Now, Stream};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

impl Endpoint {
    /// A packet of no stream. Gives the stream that it opens, if it does.
    pub(super) fn handle_stranger(&mut self, now: Now, from: SocketAddr, header: &Header) -> Option<u32> {
        match header.kind {
            Kind::Reset => None,
            Kind::Syn => {
                self.answer_syn(now, from, header);
                None
            }
            Kind::Data | Kind::Fin | Kind::State => {
                let name = (from, header.id);
                if let Some(send_id) = self.guard.ended(&name) {
                    self.answer_late(now, from, header, send_id);
                    return None;
                }
                match self.guard.proved_syn(name, header) {
                    Some(syn) if self.has_room_for(from) => {
                        let first = header.ack.next();
                        *self.sources.entry(source(from)).or_default() += 1;
                        Some(self.insert(now, Stream::incoming(now, from, header.id, syn, first)))
                    }
                    None if self.guard.greeted(&name) => None,
                    _ => {
                        self.refuse(now, from, header);
                        None
                    }
                }
            }
        }
    }

    fn has_room_for(&self, from: SocketAddr) -> bool {
        let opened = self.sources.get(&source(from)).copied().unwrap_or(0);
        self.stats.streams < MAX_STREAMS && opened < MAX_INCOMING_PER_SOURCE
    }

    /// One packet, as long as the SYN, and nothing remembered.
    fn answer_syn(&mut self, now: Now, from: SocketAddr, header: &Header) {
        let name = (from, header.id.wrapping_add(1));
        self.guard.forget_ended(&name);
        if !self.has_room_for(from) {
            return self.refuse(now, from, header);
        }
        let answer = Header {
            kind: Kind::State,
            id: header.id,
            sent_us: now.us,
            delay_us: now.us.wrapping_sub(header.sent_us),
            window: RECEIVE_WINDOW as u32,
            seq: self.guard.first_number(name, header.seq),
            ack: header.seq,
        };
        self.guard.note_greeted(now.at, name);
        self.reply_with(from, &answer);
    }

    /// A packet of a stream that ended lately: its end is acknowledged once more, and nothing said to an ack.
    fn answer_late(&mut self, now: Now, from: SocketAddr, header: &Header, send_id: u16) {
        match header.kind {
            Kind::Fin => self.answer(now, from, header, (Kind::State, send_id)),
            Kind::Data => self.refuse(now, from, header),
            Kind::State | Kind::Reset | Kind::Syn => {}
        }
    }

    /// Without a stream there is no other id than theirs to give back.
    fn refuse(&mut self, now: Now, from: SocketAddr, header: &Header) {
        self.answer(now, from, header, (Kind::Reset, header.id));
    }

    /// An answer that takes its numbers from the packet, within what strangers may cost.
    fn answer(&mut self, now: Now, from: SocketAddr, header: &Header, (kind, id): (Kind, u16)) {
        if self.guard.may_reply(now.at) {
            let (seq, ack) = (header.ack.next(), header.seq);
            self.reply_with(from, &Header { kind, id, sent_us: now.us, delay_us: 0, window: 0, seq, ack });
        }
    }

    fn reply_with(&mut self, to: SocketAddr, header: &Header) {
        let mut bytes = [0; HEADER_BYTES];
        header.write(0, &mut bytes);
        self.reply(to, bytes);
    }

    pub(super) fn reply(&mut self, to: SocketAddr, packet: [u8; HEADER_BYTES]) {
        if self.replies.len() < MAX_REPLIES {
            self.replies.push_back((to, packet));
        }
    }

    /// A stream that this address opened is gone.
    pub(super) fn note_gone(&mut self, from: SocketAddr) {
        let source = source(from);
        if let Some(count) = self.sources.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                self.sources.remove(&source);
            }
        }
    }
}

/// Who counts as one: an address of IPv4, a network of IPv6.
fn source(from: SocketAddr) -> IpAddr {
    match from.ip() {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
    }
}

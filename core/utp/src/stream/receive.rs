//! Packets coming in: what they acknowledge, and what they bring.

use super::{Ack, Memory, Now, Phase, Stream};
use crate::contract::Reason;
use crate::ledbat::Acked;
use crate::limits::{
    DUPLICATE_ACKS, MAX_ACK_AGE, MAX_AHEAD, MAX_PACKET_V4, MAX_RESET_AGE, PACKETS_PER_ACK, RECEIVE_WINDOW,
};
use crate::packet::{Header, Kind, Packet};
use crate::sequence::Seq;

impl Stream {
    /// Takes a packet of this stream.
    pub(crate) fn handle(&mut self, now: Now, packet: &Packet<'_>, memory: &mut Memory) {
        let header = &packet.header;
        match (header.kind, self.phase) {
            (_, Phase::Ended) => {}
            (Kind::Reset, _) => self.handle_reset(header, memory),
            // The answer to their SYN was lost or is late. One with another number is none of this stream's.
            (Kind::Syn, _) => {
                if !self.we_opened && header.seq == self.syn {
                    self.ack = Ack::Due;
                }
            }
            (Kind::State, Phase::Connecting { .. }) => self.handle_accepted(now, header),
            (_, Phase::Connecting { .. }) => {}
            (_, Phase::Open) => self.handle_open(now, packet, memory),
        }
    }

    /// Our SYN was answered. The answer has the number that the first packet will have.
    fn handle_accepted(&mut self, now: Now, header: &Header) {
        if header.ack != self.syn {
            return;
        }
        if let Phase::Connecting { sent: 1, .. } = self.phase {
            self.rtt.sample(now.at.saturating_duration_since(self.spoke_at));
        }
        self.phase = Phase::Open;
        self.next = header.seq;
        self.peer_window = header.window as usize;
        self.heard_at = now.at;
        self.note_delay(now, header);
        self.resend_at = None;
        self.news.connected = true;
        // The other end may know nothing of the stream until it hears from us once more.
        self.ack_later(now);
    }

    /// Whoever forges a RESET has to guess a number that we sent lately, besides the id.
    fn handle_reset(&mut self, header: &Header, memory: &mut Memory) {
        let newest = if let Phase::Connecting { .. } = self.phase { self.syn } else { self.out.next() };
        let oldest = self.out.first().minus(1);
        if newest.ahead_of(header.ack) <= newest.ahead_of(oldest).saturating_add(MAX_RESET_AGE) {
            let refused = matches!(self.phase, Phase::Connecting { .. });
            self.end(if refused { Reason::Refused } else { Reason::Reset }, memory);
        }
    }

    fn handle_open(&mut self, now: Now, packet: &Packet<'_>, memory: &mut Memory) {
        let header = &packet.header;
        if !self.is_plausible(header) {
            return;
        }
        self.heard_at = now.at;
        self.note_delay(now, header);
        self.handle_acks(now, packet, memory);
        self.note_window(now, header.window as usize);
        match header.kind {
            Kind::Data => self.handle_data(now, header.seq, packet.payload, memory),
            Kind::Fin => self.handle_fin(header.seq, memory),
            Kind::State | Kind::Reset | Kind::Syn => {}
        }
    }

    /// Does the packet acknowledge what we sent, and is its number near what we wait for? The rest is forged or very late.
    fn is_plausible(&self, header: &Header) -> bool {
        let newest = self.out.next().minus(1);
        let ahead = header.seq.ahead_of(self.next);
        let behind = self.next.ahead_of(header.seq);
        newest.ahead_of(header.ack) <= MAX_ACK_AGE && (ahead < MAX_AHEAD || behind <= MAX_AHEAD)
    }

    /// What was sent against a closed window was dropped: when it opens, there is nothing to wait for.
    fn note_window(&mut self, now: Now, window: usize) {
        let packet = usize::from(MAX_PACKET_V4);
        if self.peer_window < packet && window >= packet && self.rtt.backed_off() > 0 {
            self.rtt.heard();
            self.out.lose_all(|_| ());
            self.arm(now);
        }
        self.peer_window = window;
    }

    fn note_delay(&mut self, now: Now, header: &Header) {
        self.reply_us = now.us.wrapping_sub(header.sent_us);
        self.delays.handle_theirs(now.at, self.reply_us);
    }

    fn handle_acks(&mut self, now: Now, packet: &Packet<'_>, memory: &mut Memory) {
        let header = &packet.header;
        let in_flight = self.out.in_flight();
        let acknowledged = self.out.acknowledge(header.ack, packet.selective, &mut memory.send);
        if acknowledged.packets > 0 {
            self.duplicate_acks = 0;
            self.rtt.heard();
            if let Some(sent_at) = acknowledged.sent_at {
                self.rtt.sample(now.at.saturating_duration_since(sent_at));
            }
            if let Some(probe) = self.size.probe().filter(|probe| self.out.is_acked(*probe)) {
                self.size.handle_acked(now.at, probe);
            }
            self.may_fragment &= self.out.is_outstanding();
            self.note_queue(now, header.delay_us);
            let acked = Acked {
                bytes: acknowledged.bytes,
                in_flight,
                round_trip: self.rtt.mean(),
                least: self.rtt.least(),
                packet: self.size.payload(),
            };
            self.ledbat.handle_acked(now.at, acked);
            self.resend_at = None;
            if self.out.is_outstanding() {
                self.arm(now);
            }
            self.offer_room();
        }
        self.find_losses(now, packet, acknowledged.packets == 0);
    }

    /// A delay of ours that the other end measured. No queue is longer than the round trip, whatever they say.
    fn note_queue(&mut self, now: Now, delay_us: u32) {
        if delay_us != 0 {
            let queue_us = self.delays.handle_ours(now.at, delay_us);
            let most = u32::try_from(self.rtt.mean().as_micros()).unwrap_or(u32::MAX);
            self.ledbat.handle_delay(now.at, queue_us.min(most));
        }
    }

    fn offer_room(&mut self) {
        if self.is_blocked && self.out.buffered() <= self.write_limit() / 2 {
            self.handle_memory();
        }
    }

    fn find_losses(&mut self, now: Now, packet: &Packet<'_>, is_duplicate: bool) {
        let (mut cut, recovered_at) = (false, self.recovered_at);
        let Self { out, size, ledbat, .. } = self;
        let mut tell = |lost: crate::send_buffer::Lost| {
            if !size.handle_lost(now.at, lost.seq) {
                ledbat.handle_lost(lost.bytes);
                cut |= lost.order > recovered_at;
            }
        };
        let header = &packet.header;
        let is_duplicate = is_duplicate
            && header.kind == Kind::State
            && packet.selective.is_empty()
            && header.ack.next() == out.first()
            && out.is_outstanding();
        if is_duplicate {
            self.duplicate_acks = self.duplicate_acks.saturating_add(1);
            if self.duplicate_acks == DUPLICATE_ACKS {
                out.lose_first().into_iter().for_each(&mut tell);
            }
        }
        out.find_lost(tell);
        if cut {
            self.cut();
        }
    }

    fn handle_data(&mut self, now: Now, seq: Seq, payload: &[u8], memory: &mut Memory) {
        if self.end.is_some_and(|end| !seq.is_before(end)) {
            return;
        }
        if seq != self.next {
            // Beyond a gap, or doubled: the other end should know.
            self.ack = Ack::Due;
            self.reorder.insert(self.next, seq, payload, &mut memory.reorder);
            return;
        }
        let had_gap = !self.reorder.is_empty();
        self.unacked_packets = self.unacked_packets.saturating_add(1);
        if !self.take(payload, memory) || had_gap || self.unacked_packets >= PACKETS_PER_ACK {
            self.ack = Ack::Due;
        } else {
            self.ack_later(now);
        }
        self.take_held(memory);
    }

    /// The next packet's payload goes to the reader. False: there is no room for it, and it has to come again.
    fn take(&mut self, payload: &[u8], memory: &mut Memory) -> bool {
        if !self.is_abandoned() {
            if self.inbox.len() + payload.len() > RECEIVE_WINDOW
                || !self.inbox.push(payload, &mut memory.receive)
            {
                return false;
            }
            self.news.readable |= !payload.is_empty();
        }
        self.received += payload.len() as u64;
        self.next = self.next.next();
        true
    }

    /// What was held beyond the gap follows, as far as it goes.
    pub(super) fn take_held(&mut self, memory: &mut Memory) {
        while !self.reorder.is_empty() {
            // Out of the way while the payload is borrowed from it.
            let mut reorder = std::mem::take(&mut self.reorder);
            let taken = reorder.first(self.next).is_some_and(|payload| self.take(payload, memory));
            if taken {
                reorder.drop_first(&mut memory.reorder);
            }
            self.reorder = reorder;
            if !taken {
                break;
            }
        }
        if self.end == Some(self.next) {
            self.next = self.next.next();
            self.reorder.clear(&mut memory.reorder);
            self.news.readable |= !self.is_abandoned();
        }
    }

    /// The last packet of the other end, perhaps ahead of others. Its number, once told, stays.
    fn handle_fin(&mut self, seq: Seq, memory: &mut Memory) {
        self.ack = Ack::Due;
        if self.end.is_none() && seq.ahead_of(self.next) < MAX_AHEAD {
            self.end = Some(seq);
        }
        self.take_held(memory);
    }
}

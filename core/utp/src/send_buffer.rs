//! Bytes of a stream on their way out.
//!
//! What is written is laid out at once as packets, each with room for its header in front, one behind the other in a
//! pooled buffer. A run of them goes to the socket as it lies there, and again if it has to; no byte is copied twice.

use crate::limits::{
    HEADER_BYTES, LARGE_BUFFER, LOSS_THRESHOLD, MAX_BATCH_BYTES, MAX_PACKETS_IN_FLIGHT, MAX_SEGMENTS,
};
use crate::packet::{Header, Kind};
use crate::pool::{Buffer, Pool};
use crate::sack;
use crate::sequence::Seq;
use std::collections::VecDeque;
use std::ops::Range;
use std::time::Instant;

/// A pooled buffer with packets in it.
#[derive(Debug)]
struct Sheet {
    bytes: Buffer,
    used: usize,
    /// Packets in it that are not yet done with.
    live: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Status {
    /// Never sent.
    Fresh,
    InFlight,
    /// To be sent again.
    Lost,
    /// Acknowledged, while one before it is not.
    Acked,
}

/// A packet with a number.
#[derive(Clone, Copy, Debug)]
struct Outgoing {
    /// Which sheet it lies on, counted from the first ever.
    sheet: u32,
    at: u32,
    /// Bytes of payload.
    length: u32,
    status: Status,
    is_fin: bool,
    sent_once: bool,
    /// The place of its last transmission among all transmissions.
    order: u64,
    sent_at: Option<Instant>,
}

/// Packets that lie one behind the other and go out together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Run {
    /// Indices of the packets.
    pub(crate) packets: Range<usize>,
    /// Which of the sheets at hand they lie on, and where.
    pub(crate) sheet: usize,
    pub(crate) bytes: Range<usize>,
    /// Bytes of each packet but the last.
    pub(crate) segment: usize,
}

/// What an ack said.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Acknowledged {
    pub(crate) packets: usize,
    pub(crate) bytes: usize,
    /// When the one of these packets that was sent last was sent, if it was sent only once.
    pub(crate) sent_at: Option<Instant>,
}

/// A packet that counts as lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Lost {
    pub(crate) seq: Seq,
    pub(crate) bytes: usize,
    pub(crate) order: u64,
}

/// Packets from the first that is not acknowledged to the last that was written.
#[derive(Debug)]
pub(crate) struct SendBuffer {
    packets: VecDeque<Outgoing>,
    /// The number of the first.
    first: Seq,
    /// How many of them were sent.
    sent: usize,
    sheets: VecDeque<Sheet>,
    first_sheet: u32,
    /// Payload the last packet still takes while it waits.
    tail_room: usize,
    buffered: usize,
    in_flight: usize,
    lost_bytes: usize,
    /// Packets to be sent again; those that were acknowledged meanwhile are skipped.
    lost: VecDeque<Seq>,
    order: u64,
    newest_acked: u64,
    /// The last packet that went out with less payload than it could hold.
    small: Option<Seq>,
}

impl SendBuffer {
    pub(crate) const fn new(first: Seq) -> Self {
        Self {
            packets: VecDeque::new(),
            first,
            sent: 0,
            sheets: VecDeque::new(),
            first_sheet: 0,
            tail_room: 0,
            buffered: 0,
            in_flight: 0,
            lost_bytes: 0,
            lost: VecDeque::new(),
            order: 0,
            newest_acked: 0,
            small: None,
        }
    }

    /// The number of the next packet that was never sent.
    pub(crate) fn next(&self) -> Seq {
        self.first.plus(self.sent as u16)
    }

    /// The number of the last packet that was laid out.
    pub(crate) fn last(&self) -> Seq {
        self.first.plus(self.packets.len() as u16).minus(1)
    }

    /// The first number that is not acknowledged.
    pub(crate) const fn first(&self) -> Seq {
        self.first
    }

    /// Bytes of payload that are neither acknowledged nor lost.
    pub(crate) const fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Bytes of payload that were sent and not acknowledged, lost ones too.
    pub(crate) const fn outstanding(&self) -> usize {
        self.in_flight + self.lost_bytes
    }

    /// Bytes of payload held.
    pub(crate) const fn buffered(&self) -> usize {
        self.buffered
    }

    /// Is anything sent and not acknowledged?
    pub(crate) const fn is_outstanding(&self) -> bool {
        self.sent > 0
    }

    /// Does anything wait that was never sent?
    pub(crate) fn has_fresh(&self) -> bool {
        self.packets.len() > self.sent
    }

    /// The number of transmissions so far.
    pub(crate) const fn order(&self) -> u64 {
        self.order
    }

    /// Takes bytes until `limit` are held or memory is short; `payload` go into a packet.
    pub(crate) fn write(&mut self, mut data: &[u8], payload: usize, limit: usize, pool: &mut Pool) -> usize {
        let offered = data.len();
        while !data.is_empty() && self.buffered < limit {
            if self.tail_room == 0 && !self.begin_packet(data.len(), payload, pool) {
                break;
            }
            let (Some(packet), Some(sheet)) = (self.packets.back_mut(), self.sheets.back_mut()) else {
                break;
            };
            let (these, rest) = data.split_at(data.len().min(self.tail_room));
            sheet.bytes[sheet.used..sheet.used + these.len()].copy_from_slice(these);
            sheet.used += these.len();
            packet.length += these.len() as u32;
            self.tail_room -= these.len();
            self.buffered += these.len();
            data = rest;
        }
        offered - data.len()
    }

    /// The end of the stream as a packet. False: memory is short.
    pub(crate) fn write_fin(&mut self, pool: &mut Pool) -> bool {
        let done = self.begin_packet(0, 0, pool);
        if done && let Some(packet) = self.packets.back_mut() {
            packet.is_fin = true;
        }
        self.tail_room = 0;
        done
    }

    /// An empty packet at the end, on a sheet that has room for it when it is full.
    fn begin_packet(&mut self, wanted: usize, payload: usize, pool: &mut Pool) -> bool {
        let room = self.sheets.back().map_or(0, |sheet| sheet.bytes.len() - sheet.used);
        if room < HEADER_BYTES + payload {
            // A stream that fills buffers gets large ones.
            let headers = HEADER_BYTES * (wanted / payload.max(1) + 1);
            let wanted = if self.sheets.is_empty() { wanted + headers } else { LARGE_BUFFER };
            let Some(bytes) = pool.take(wanted) else { return false };
            self.sheets.push_back(Sheet { bytes, used: 0, live: 0 });
        }
        let index = self.first_sheet.wrapping_add(self.sheets.len() as u32 - 1);
        let Some(sheet) = self.sheets.back_mut() else { return false };
        self.packets.push_back(Outgoing {
            sheet: index,
            at: sheet.used as u32,
            length: 0,
            status: Status::Fresh,
            is_fin: false,
            sent_once: false,
            order: 0,
            sent_at: None,
        });
        sheet.used += HEADER_BYTES;
        sheet.live += 1;
        self.tail_room = payload;
        true
    }

    /// The next packets to be sent again, of at most `room` bytes.
    pub(crate) fn lost_run(&mut self, room: usize) -> Option<Run> {
        while let Some(seq) = self.lost.front() {
            let start = usize::from(seq.ahead_of(self.first));
            let follow = self.lost.iter().take(MAX_SEGMENTS).enumerate();
            let is_next = |n: usize, seq: Seq| {
                let index = usize::from(seq.ahead_of(self.first));
                index == start + n
                    && self.packets.get(index).is_some_and(|packet| packet.status == Status::Lost)
            };
            let count = follow.take_while(|(n, seq)| is_next(*n, **seq)).count();
            if count > 0 {
                return self.run(start..start + count, room);
            }
            self.lost.pop_front();
        }
        None
    }

    /// The next packets never sent, of at most `room` bytes. A packet that is not full and the last waits while another
    /// such is under way: more may be written to it meanwhile (Nagle's algorithm as Minshall modified it).
    pub(crate) fn fresh_run(&self, room: usize) -> Option<Run> {
        let mut end = self.packets.len().min(MAX_PACKETS_IN_FLIGHT);
        if self.tail_room > 0 && end == self.packets.len() && self.small_is_under_way() {
            end -= 1;
        }
        if end <= self.sent { None } else { self.run(self.sent..end, room) }
    }

    fn small_is_under_way(&self) -> bool {
        self.small.is_some_and(|small| usize::from(small.ahead_of(self.first)) < self.sent)
    }

    /// As many of these packets as one batch takes.
    fn run(&self, among: Range<usize>, room: usize) -> Option<Run> {
        let first = self.packets.get(among.start)?;
        let segment = HEADER_BYTES + first.length as usize;
        let (mut end, mut bytes, mut payload) = (among.start, 0, 0);
        for packet in self.packets.range(among.clone()).take(MAX_SEGMENTS) {
            let size = HEADER_BYTES + packet.length as usize;
            payload += packet.length as usize;
            let fits = size <= segment && bytes + size <= MAX_BATCH_BYTES && packet.sheet == first.sheet;
            if !fits || payload > room || packet.is_fin && end > among.start {
                break;
            }
            (end, bytes) = (end + 1, bytes + size);
            if size < segment {
                break;
            }
        }
        let at = first.at as usize;
        let sheet = first.sheet.wrapping_sub(self.first_sheet) as usize;
        (end > among.start).then(|| Run { packets: among.start..end, sheet, bytes: at..at + bytes, segment })
    }

    /// Writes the headers of a run, which is sent now. `header` has what they have in common.
    pub(crate) fn send(&mut self, now: Instant, run: &Run, mut header: Header) {
        let Some(sheet) = self.sheets.get_mut(run.sheet) else { return };
        for index in run.packets.clone() {
            let Some(packet) = self.packets.get_mut(index) else { return };
            header.seq = self.first.plus(index as u16);
            header.kind = if packet.is_fin { Kind::Fin } else { Kind::Data };
            header.write(0, &mut sheet.bytes[packet.at as usize..]);
            self.order += 1;
            if packet.status == Status::Lost {
                self.lost_bytes -= packet.length as usize;
                self.lost.pop_front();
            }
            packet.sent_once = packet.status == Status::Fresh;
            (packet.status, packet.order, packet.sent_at) = (Status::InFlight, self.order, Some(now));
            self.in_flight += packet.length as usize;
        }
        if run.packets.end == self.packets.len() && self.tail_room > 0 {
            self.small = Some(self.first.plus(run.packets.end as u16 - 1));
            self.tail_room = 0;
        }
        self.sent = self.sent.max(run.packets.end);
    }

    /// The payload of a run of one packet.
    pub(crate) fn payload(&self, run: &Run) -> &[u8] {
        self.bytes(run.sheet, &(run.bytes.start + HEADER_BYTES..run.bytes.end))
    }

    /// Bytes of a sheet.
    pub(crate) fn bytes(&self, sheet: usize, range: &Range<usize>) -> &[u8] {
        self.sheets.get(sheet).and_then(|sheet| sheet.bytes.get(range.clone())).unwrap_or_default()
    }

    /// Takes an ack of everything up to `ack`, which was sent, and of what the mask names beyond.
    pub(crate) fn acknowledge(&mut self, ack: Seq, mask: &[u8], pool: &mut Pool) -> Acknowledged {
        let mut result = Acknowledged::default();
        let mut newest = 0;
        let done = usize::from(ack.next().ahead_of(self.first));
        if done <= self.sent {
            for index in 0..done {
                self.settle(index, &mut result, &mut newest);
            }
            self.drop_first(done, pool);
        }
        for seq in sack::named(ack, mask) {
            self.settle(usize::from(seq.ahead_of(self.first)), &mut result, &mut newest);
        }
        self.newest_acked = self.newest_acked.max(newest);
        result
    }

    /// One packet arrived, if it was sent.
    fn settle(&mut self, index: usize, result: &mut Acknowledged, newest: &mut u64) {
        let Some(packet) = self.packets.get_mut(index).filter(|packet| packet.status != Status::Fresh) else {
            return;
        };
        let bytes = packet.length as usize;
        match packet.status {
            Status::InFlight => self.in_flight -= bytes,
            Status::Lost => self.lost_bytes -= bytes,
            Status::Acked | Status::Fresh => return,
        }
        packet.status = Status::Acked;
        self.buffered -= bytes;
        result.packets += 1;
        result.bytes += bytes;
        if packet.order > *newest {
            *newest = packet.order;
            result.sent_at = packet.sent_at.filter(|_| packet.sent_once);
        }
    }

    fn drop_first(&mut self, count: usize, pool: &mut Pool) {
        for packet in self.packets.drain(..count) {
            if let Some(sheet) = self.sheets.get_mut(packet.sheet.wrapping_sub(self.first_sheet) as usize) {
                sheet.live -= 1;
            }
        }
        self.first = self.first.plus(count as u16);
        self.sent -= count;
        let is_empty = self.packets.is_empty();
        while self.sheets.front().is_some_and(|sheet| sheet.live == 0)
            && (is_empty || self.sheets.len() > 1)
            && let Some(sheet) = self.sheets.pop_front()
        {
            pool.give_back(sheet.bytes);
            self.first_sheet = self.first_sheet.wrapping_add(1);
        }
        if is_empty {
            self.tail_room = 0;
        }
    }

    /// Finds packets that later ones overtook, and gives each to `tell`.
    pub(crate) fn find_lost(&mut self, mut tell: impl FnMut(Lost)) {
        let newest = self.newest_acked;
        for index in 0..self.sent {
            let Some(packet) = self.packets.get(index) else { return };
            if packet.status != Status::InFlight {
                continue;
            }
            if packet.order + LOSS_THRESHOLD <= newest {
                self.lose(index).into_iter().for_each(&mut tell);
            } else if packet.sent_once {
                // All behind were sent later, at first or again.
                return;
            }
        }
    }

    /// Declares a packet lost.
    fn lose(&mut self, index: usize) -> Option<Lost> {
        let seq = self.first.plus(index as u16);
        let packet = self.packets.get_mut(index).filter(|packet| packet.status == Status::InFlight)?;
        let bytes = packet.length as usize;
        packet.status = Status::Lost;
        self.in_flight -= bytes;
        self.lost_bytes += bytes;
        self.lost.push_back(seq);
        Some(Lost { seq, bytes, order: packet.order })
    }

    /// The first packet is lost, say duplicate acks.
    pub(crate) fn lose_first(&mut self) -> Option<Lost> {
        if self.sent > 0 { self.lose(0) } else { None }
    }

    /// Everything that is under way is lost, says silence.
    pub(crate) fn lose_all(&mut self, mut tell: impl FnMut(Lost)) {
        self.lost.clear();
        for index in 0..self.sent {
            self.lose(index).into_iter().for_each(&mut tell);
            if self.packets.get(index).is_some_and(|packet| packet.status == Status::Lost)
                && self.lost.back() != Some(&self.first.plus(index as u16))
            {
                self.lost.push_back(self.first.plus(index as u16));
            }
        }
    }

    /// Did this packet arrive? True also for what was never sent before the first.
    pub(crate) fn is_acked(&self, seq: Seq) -> bool {
        let index = usize::from(seq.ahead_of(self.first));
        index >= self.packets.len()
            || self.packets.get(index).is_some_and(|packet| packet.status == Status::Acked)
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self, pool: &mut Pool) {
        self.sheets.drain(..).for_each(|sheet| pool.give_back(sheet.bytes));
        self.packets.clear();
        self.lost.clear();
        (self.sent, self.buffered, self.in_flight, self.lost_bytes, self.tail_room) = (0, 0, 0, 0, 0);
    }
}

#[cfg(test)]
mod tests;

//! Packets going out: which, and when.

use super::{Ack, Memory, Now, Phase, Stream};
use crate::contract::Reason;
use crate::limits::{FIRST_TIMEOUT, HEADER_BYTES, MAX_MASK_BYTES, MAX_PACKET_V4};
use crate::packet::{Header, Kind, SELECTIVE_ACK, write_padded};
use crate::sack;
use crate::send_buffer::Run;
use std::ops::Range;

/// Where packets are put together that do not lie in a buffer as they go out.
pub(crate) type Scratch = [u8; MAX_PACKET_V4 as usize];

/// Datagrams to be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Batch {
    /// The sheet they lie on; `None` for the scratch.
    pub(crate) sheet: Option<usize>,
    pub(crate) bytes: Range<usize>,
    pub(crate) segment: usize,
    pub(crate) may_fragment: bool,
    /// How many datagrams, and how many of them for another time.
    pub(crate) packets: usize,
    pub(crate) resent: usize,
}

impl Stream {
    /// The next datagrams to be sent now, if any.
    pub(crate) fn transmit(&mut self, now: Now, memory: &mut Memory, scratch: &mut Scratch) -> Option<Batch> {
        match self.phase {
            Phase::Ended | Phase::Connecting { due: false, .. } => None,
            Phase::Connecting { sent, due: true } => Some(self.connect(now, sent, scratch)),
            Phase::Open => {
                self.lay_out_fin(memory);
                let batch = self
                    .resend(now, memory)
                    .or_else(|| self.probe_size(now, memory, scratch))
                    .or_else(|| self.send(now, memory))
                    .or_else(|| self.acknowledge(now, memory, scratch));
                if batch.is_some() {
                    self.spoke_at = now.at;
                }
                batch
            }
        }
    }

    fn connect(&mut self, now: Now, sent: u32, scratch: &mut Scratch) -> Batch {
        self.phase = Phase::Connecting { sent: sent + 1, due: false };
        self.spoke_at = now.at;
        self.resend_at = Some(now.at + FIRST_TIMEOUT * (1 << sent.min(4)));
        let window = crate::limits::RECEIVE_WINDOW as u32;
        let header = Header {
            kind: Kind::Syn,
            id: self.receive_id,
            sent_us: now.us,
            delay_us: 0,
            window,
            seq: self.syn,
            ack: crate::sequence::Seq(0),
        };
        header.write(0, scratch);
        Batch::scratch(HEADER_BYTES)
    }

    /// The end becomes a packet when everything before it is one.
    fn lay_out_fin(&mut self, memory: &mut Memory) {
        if self.is_closing && self.fin.is_none() && self.out.write_fin(&mut memory.send) {
            self.fin = Some(self.out.last());
        }
    }

    fn header(&mut self, now: Now, memory: &Memory) -> Header {
        let window = self.window(memory);
        self.allowed = self.received + window as u64;
        Header {
            kind: Kind::State,
            id: self.send_id,
            sent_us: now.us,
            delay_us: self.reply_us,
            window: window as u32,
            seq: self.out.next(),
            ack: self.next.minus(1),
        }
    }

    /// Lost packets first.
    fn resend(&mut self, now: Now, memory: &Memory) -> Option<Batch> {
        let room = self.congestion_room();
        let run = self.out.lost_run(room)?;
        let resent = run.packets.len();
        Some(Batch { resent, ..self.send_run(now, run, memory) })
    }

    /// A full packet made longer, to see whether the path carries it.
    fn probe_size(&mut self, now: Now, memory: &Memory, scratch: &mut Scratch) -> Option<Batch> {
        let wanted = self.size.wanted_probe(now.at)?;
        let payload = self.size.payload();
        let room = self.room().min(payload);
        let run = self.out.fresh_run(room)?;
        if run.segment != payload + HEADER_BYTES {
            return None;
        }
        let seq = self.out.next();
        let mut header = self.header(now, memory);
        self.send_run(now, run.clone(), memory);
        (header.kind, header.seq) = (Kind::Data, seq);
        write_padded(&header, self.out.payload(&run), &mut scratch[..wanted]);
        self.size.handle_probe_sent(seq);
        Some(Batch::scratch(wanted))
    }

    /// What was never sent, as far as both windows allow.
    fn send(&mut self, now: Now, memory: &Memory) -> Option<Batch> {
        let mut room = self.room();
        if std::mem::take(&mut self.may_probe_window) {
            room = MAX_PACKET_V4.into();
        }
        let run = self.out.fresh_run(room);
        if run.is_none() && self.out.has_fresh() && !self.out.is_outstanding() {
            self.arm_window_probe(now);
        }
        Some(self.send_run(now, run?, memory))
    }

    /// Bytes that may go out for the first time.
    fn room(&self) -> usize {
        self.congestion_room().min(self.peer_window.saturating_sub(self.out.outstanding()))
    }

    /// Bytes that may be added to what is under way. One packet always may be, also one from a time of larger packets.
    fn congestion_room(&self) -> usize {
        let in_flight = self.out.in_flight();
        let window = if in_flight == 0 {
            self.ledbat.window().max(MAX_PACKET_V4.into())
        } else {
            self.ledbat.window()
        };
        window.saturating_sub(in_flight)
    }

    fn send_run(&mut self, now: Now, run: Run, memory: &Memory) -> Batch {
        if !self.out.is_outstanding() {
            if now.at.saturating_duration_since(self.spoke_at) > self.rtt.timeout() {
                self.ledbat.handle_idle(self.size.payload());
            }
            self.arm(now);
        } else if self.resend_at.is_none() {
            self.arm(now);
        }
        let header = self.header(now, memory);
        self.out.send(now.at, &run, header);
        // The ack rides along; what lies beyond a gap needs a packet of its own.
        if self.reorder.is_empty() {
            (self.ack, self.unacked_packets) = (Ack::NotDue, 0);
        }
        Batch {
            sheet: Some(run.sheet),
            bytes: run.bytes,
            segment: run.segment,
            may_fragment: self.may_fragment,
            packets: run.packets.len(),
            resent: 0,
        }
    }

    fn acknowledge(&mut self, now: Now, memory: &Memory, scratch: &mut Scratch) -> Option<Batch> {
        if self.ack != Ack::Due {
            return None;
        }
        (self.ack, self.unacked_packets) = (Ack::NotDue, 0);
        let header = self.header(now, memory);
        let mut mask = [0; MAX_MASK_BYTES];
        let length = sack::write(header.ack, self.reorder.numbers(), &mut mask);
        if length == 0 {
            header.write(0, scratch);
            return Some(Batch::scratch(HEADER_BYTES));
        }
        header.write(SELECTIVE_ACK, scratch);
        let end = HEADER_BYTES + 2 + length;
        scratch[HEADER_BYTES..HEADER_BYTES + 2].copy_from_slice(&[0, length as u8]);
        scratch[HEADER_BYTES + 2..end].copy_from_slice(&mask[..length]);
        Some(Batch::scratch(end))
    }

    /// Ends the stream at once, with a last packet that tells the other end, if it knows of the stream.
    pub(crate) fn reset(&mut self, now: Now, memory: &mut Memory) -> Option<[u8; HEADER_BYTES]> {
        let is_open = self.phase == Phase::Open;
        let header = Header { kind: Kind::Reset, ..self.header(now, memory) };
        let mut bytes = [0; HEADER_BYTES];
        header.write(0, &mut bytes);
        self.end(Reason::Reset, memory);
        is_open.then_some(bytes)
    }
}

impl Batch {
    const fn scratch(length: usize) -> Self {
        Self { sheet: None, bytes: 0..length, segment: length, may_fragment: false, packets: 1, resent: 0 }
    }
}

//! One stream: two byte streams between two ends, and the state to carry them.
//!
//! This file holds the state, what the caller does with it, and the timers; [`receive`] takes packets in and [`transmit`]
//! sends them.

mod receive;
mod transmit;

pub(crate) use transmit::{Batch, Scratch};

use crate::contract::{Reason, Received, StreamStats};
use crate::delay::Delays;
use crate::inbox::Inbox;
use crate::ledbat::Ledbat;
use crate::limits::{
    ACK_DELAY, BASE_INTERVAL, BLACK_HOLE_TIMEOUTS, HEADER_BYTES, IDLE_TIMEOUT, KEEP_ALIVE, LINGER,
    MAX_PACKET_V4, MAX_SEND_BUFFER, MAX_SYNS, MAX_TIMEOUTS, MAX_WINDOW_PROBE, MIN_SEND_BUFFER,
    RECEIVE_MEMORY, RECEIVE_WINDOW, SEND_MEMORY,
};
use crate::mtu::PacketSize;
use crate::pool::Pool;
use crate::reorder::{Reorder, ReorderMemory};
use crate::rtt::RoundTrip;
use crate::send_buffer::SendBuffer;
use crate::sequence::Seq;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Instant;

/// The time, and what our clock in packets shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    pub(crate) at: Instant,
    pub(crate) us: u32,
}

/// The memory that all streams share.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) send: Pool,
    pub(crate) receive: Pool,
    pub(crate) reorder: ReorderMemory,
}

impl Memory {
    pub(crate) fn new() -> Self {
        Self {
            send: Pool::new(SEND_MEMORY),
            receive: Pool::new(RECEIVE_MEMORY),
            reorder: ReorderMemory::default(),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Our SYN is not answered. `sent`: how often it went out; `due`: it has to go out.
    Connecting {
        sent: u32,
        due: bool,
    },
    Open,
    Ended,
}

/// When an acknowledgement goes out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ack {
    NotDue,
    At(Instant),
    Due,
}

/// What the caller was not told yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct News {
    pub(crate) incoming: bool,
    pub(crate) connected: bool,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    pub(crate) closed: Option<Reason>,
}

/// One stream.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) peer: SocketAddr,
    /// The id in packets to us, and in packets from us.
    pub(crate) receive_id: u16,
    pub(crate) send_id: u16,
    pub(crate) news: News,
    phase: Phase,
    /// The number of the SYN, ours or theirs.
    syn: Seq,
    we_opened: bool,

    out: SendBuffer,
    ledbat: Ledbat,
    delays: Delays,
    rtt: RoundTrip,
    size: PacketSize,
    peer_window: usize,
    /// The transmission from which on a loss cuts the window again.
    recovered_at: u64,
    duplicate_acks: u8,
    /// A write was not taken whole.
    is_blocked: bool,
    /// The caller is done; `None` until the end is laid out as a packet.
    is_closing: bool,
    fin: Option<Seq>,
    /// One packet may go out against a closed window.
    may_probe_window: bool,
    may_fragment: bool,

    inbox: Inbox,
    reorder: Reorder,
    /// The first number that was not received.
    next: Seq,
    /// The number of the other end's FIN, once known.
    end: Option<Seq>,
    ack: Ack,
    unacked_packets: u8,
    /// Bytes received in order, and up to where they were allowed.
    received: u64,
    allowed: u64,
    /// Our clock less theirs, of the last packet.
    reply_us: u32,

    /// When silence counts as loss, an unanswered SYN as lost, or a closed window is tried.
    resend_at: Option<Instant>,
    heard_at: Instant,
    spoke_at: Instant,
    linger_until: Option<Instant>,
    minute_at: Instant,
}

impl Stream {
    /// A stream that we open: its SYN has number `syn`.
    pub(crate) fn outgoing(now: Now, peer: SocketAddr, receive_id: u16, syn: Seq) -> Self {
        let mut stream = Self::new(now, peer, [receive_id, receive_id.wrapping_add(1)], syn.next());
        (stream.syn, stream.we_opened) = (syn, true);
        stream.phase = Phase::Connecting { sent: 0, due: true };
        stream
    }

    /// A stream that `peer` opened with number `syn`; our first packet has number `first`.
    pub(crate) fn incoming(now: Now, peer: SocketAddr, receive_id: u16, syn: Seq, first: Seq) -> Self {
        let mut stream = Self::new(now, peer, [receive_id, receive_id.wrapping_sub(1)], first);
        (stream.syn, stream.next) = (syn, syn.next());
        stream.news.incoming = true;
        stream
    }

    /// The stream, where something else puts `bytes` around each packet.
    pub(crate) fn with_bytes_around(mut self, bytes: u16) -> Self {
        self.size = PacketSize::new(self.peer.is_ipv4(), bytes);
        self
    }

    fn new(now: Now, peer: SocketAddr, [receive_id, send_id]: [u16; 2], first: Seq) -> Self {
        let size = PacketSize::new(peer.is_ipv4(), 0);
        Self {
            peer,
            receive_id,
            send_id,
            news: News::default(),
            phase: Phase::Open,
            syn: first,
            we_opened: false,
            out: SendBuffer::new(first),
            ledbat: Ledbat::new(now.at, size.payload()),
            delays: Delays::new(now.at),
            rtt: RoundTrip::new(),
            size,
            peer_window: 0,
            recovered_at: 0,
            duplicate_acks: 0,
            is_blocked: false,
            is_closing: false,
            fin: None,
            may_probe_window: false,
            may_fragment: false,
            inbox: Inbox::default(),
            reorder: Reorder::default(),
            next: first,
            end: None,
            ack: Ack::NotDue,
            unacked_packets: 0,
            received: 0,
            allowed: RECEIVE_WINDOW as u64,
            reply_us: 0,
            resend_at: None,
            heard_at: now.at,
            spoke_at: now.at,
            linger_until: None,
            minute_at: now.at + BASE_INTERVAL,
        }
    }

    /// Takes as many bytes as the stream has room for.
    pub(crate) fn write(&mut self, data: &[u8], memory: &mut Memory) -> usize {
        if self.phase != Phase::Open || self.is_closing || self.fin.is_some() {
            return 0;
        }
        let limit = self.write_limit();
        let taken = self.out.write(data, self.size.payload(), limit, &mut memory.send);
        self.is_blocked = taken < data.len();
        taken
    }

    fn write_limit(&self) -> usize {
        (2 * self.ledbat.window()).clamp(MIN_SEND_BUFFER, MAX_SEND_BUFFER)
    }

    /// Memory to write to became free.
    pub(crate) const fn handle_memory(&mut self) {
        self.news.writable |= self.is_blocked;
        self.is_blocked = false;
    }

    /// Bytes that arrived in order.
    pub(crate) fn read(&mut self, now: Now, to: &mut [u8], memory: &mut Memory) -> Received {
        let bytes = self.inbox.read(to, &mut memory.receive);
        if bytes > 0 {
            self.take_held(memory);
            self.offer_window(now, memory);
            return Received::Bytes(bytes);
        }
        if self.is_finished() || self.phase == Phase::Ended { Received::End } else { Received::Nothing }
    }

    /// Would a read give something: bytes, or the end?
    pub(crate) fn is_readable(&self) -> bool {
        !self.inbox.is_empty() || self.is_finished() || self.phase == Phase::Ended
    }

    /// Would a write take something, or be in vain for good?
    pub(crate) fn is_writable(&self) -> bool {
        match self.phase {
            Phase::Connecting { .. } => false,
            Phase::Open => self.is_closing || !self.is_blocked,
            Phase::Ended => true,
        }
    }

    /// Does an acknowledgement wait to be sent?
    pub(crate) fn owes_ack(&self) -> bool {
        self.ack == Ack::Due
    }

    /// Whether it acknowledges something now or soon.
    pub(crate) fn will_ack(&self) -> bool {
        self.ack != Ack::NotDue
    }

    /// No more is written; what was, is delivered, and then the end. Reading goes on.
    pub(crate) fn shut_down(&mut self) {
        self.is_closing = true;
    }

    /// The caller is done with the stream: what was written is delivered, what still comes is dropped.
    pub(crate) fn close(&mut self, now: Now, memory: &mut Memory) {
        self.is_closing = true;
        self.linger_until = Some(now.at + LINGER);
        self.inbox.clear(&mut memory.receive);
        self.news = News::default();
        if self.phase != Phase::Open {
            self.phase = Phase::Ended;
        }
    }

    fn is_abandoned(&self) -> bool {
        self.linger_until.is_some()
    }

    /// Did all that the other end had to say arrive?
    fn is_finished(&self) -> bool {
        self.end.is_some_and(|end| end.is_before(self.next))
    }

    /// Is there nothing left to do, for nobody?
    pub(crate) fn is_done(&self) -> bool {
        self.is_abandoned()
            && (self.phase == Phase::Ended
                || self.fin.is_some_and(|fin| fin.is_before(self.out.first())) && self.ack == Ack::NotDue)
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.phase == Phase::Ended
    }

    pub(crate) const fn we_opened(&self) -> bool {
        self.we_opened
    }

    /// Ends at once, for a reason.
    fn end(&mut self, reason: Reason, memory: &mut Memory) {
        self.phase = Phase::Ended;
        self.out.clear(&mut memory.send);
        self.reorder.clear(&mut memory.reorder);
        (self.ack, self.resend_at) = (Ack::NotDue, None);
        if !self.is_abandoned() {
            self.news.closed = Some(reason);
        }
    }

    /// Gives all memory back.
    pub(crate) fn clear(&mut self, memory: &mut Memory) {
        self.out.clear(&mut memory.send);
        self.inbox.clear(&mut memory.receive);
        self.reorder.clear(&mut memory.reorder);
    }

    /// Bytes that the other end may send now.
    fn window(&self, memory: &Memory) -> usize {
        let most = RECEIVE_WINDOW.min(memory.receive.free_bytes() / 4);
        most.saturating_sub(self.inbox.len() + self.reorder.bytes())
    }

    /// Tells the other end when reading made much more room than it knows of.
    fn offer_window(&mut self, now: Now, memory: &Memory) {
        let known = self.allowed.saturating_sub(self.received) as usize;
        let window = self.window(memory);
        if known < RECEIVE_WINDOW / 4 && window >= known + RECEIVE_WINDOW / 4 {
            self.ack = Ack::Due;
        } else if known < usize::from(MAX_PACKET_V4) && window > known {
            self.ack_later(now);
        }
    }

    fn ack_later(&mut self, now: Now) {
        if self.ack == Ack::NotDue {
            self.ack = Ack::At(now.at + ACK_DELAY);
        }
    }

    /// When [`Self::handle_timeout`] is to be called.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Ended => None,
            Phase::Connecting { .. } => self.resend_at,
            Phase::Open => {
                let ack_at = if let Ack::At(at) = self.ack { Some(at) } else { None };
                let always = [self.spoke_at + KEEP_ALIVE, self.heard_at + IDLE_TIMEOUT];
                [ack_at, self.resend_at, self.linger_until].into_iter().flatten().chain(always).min()
            }
        }
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, now: Now, memory: &mut Memory) {
        let is_due = |when: Option<Instant>| when.is_some_and(|when| when <= now.at);
        if self.phase == Phase::Ended {
            return;
        }
        if is_due(self.linger_until) || is_due(Some(self.heard_at + IDLE_TIMEOUT)) {
            return self.end(Reason::TimedOut, memory);
        }
        if now.at >= self.minute_at {
            self.minute_at = now.at + BASE_INTERVAL;
            self.ledbat.handle_minute();
        }
        if matches!(self.ack, Ack::At(when) if when <= now.at) || is_due(Some(self.spoke_at + KEEP_ALIVE)) {
            self.ack = Ack::Due;
        }
        if is_due(self.resend_at) {
            self.resend_at = None;
            match self.phase {
                Phase::Connecting { sent, .. } if sent >= MAX_SYNS => self.end(Reason::TimedOut, memory),
                Phase::Connecting { sent, .. } => self.phase = Phase::Connecting { sent, due: true },
                Phase::Open if self.out.is_outstanding() => self.handle_silence(now, memory),
                Phase::Open => self.may_probe_window = true,
                Phase::Ended => {}
            }
        }
    }

    /// Nothing was acknowledged for a whole timeout.
    fn handle_silence(&mut self, now: Now, memory: &mut Memory) {
        self.rtt.back_off();
        // Whoever answers and takes nothing keeps his window closed.
        if self.rtt.backed_off() > MAX_TIMEOUTS && self.heard_at < self.spoke_at {
            return self.end(Reason::TimedOut, memory);
        }
        if self.rtt.backed_off() == BLACK_HOLE_TIMEOUTS && self.out.outstanding() >= self.size.payload() {
            self.size.handle_black_hole();
            self.may_fragment = true;
        }
        let size = &mut self.size;
        self.out.lose_all(|lost| {
            size.handle_lost(now.at, lost.seq);
        });
        self.ledbat.handle_timeout(self.size.payload());
        self.recovered_at = self.out.order();
        self.arm(now);
    }

    /// Starts the timer anew: something was heard, or is waited for.
    fn arm(&mut self, now: Now) {
        self.resend_at = Some(now.at + self.rtt.timeout());
    }

    /// A window that stays closed is tried less and less often.
    fn arm_window_probe(&mut self, now: Now) {
        if self.resend_at.is_none() {
            let pause = self.rtt.timeout().saturating_mul(2).min(MAX_WINDOW_PROBE);
            self.resend_at = Some(now.at + pause);
        }
    }

    /// Cuts the window, once a window: `lost` are packets of it.
    fn cut(&mut self) {
        self.ledbat.cut(self.rtt.least(), self.size.payload());
        self.recovered_at = self.out.order();
    }

    /// Bytes of a sheet that packets were laid out on.
    pub(crate) fn bytes(&self, sheet: usize, range: &Range<usize>) -> &[u8] {
        self.out.bytes(sheet, range)
    }

    /// The number that is waited for, and the last that was sent.
    #[cfg(test)]
    pub(crate) fn numbers(&self) -> (Seq, Seq) {
        (self.next, self.out.next().minus(1))
    }

    pub(crate) fn stats(&self) -> StreamStats {
        StreamStats {
            round_trip: self.rtt.mean(),
            window_bytes: self.ledbat.window(),
            in_flight_bytes: self.out.in_flight(),
            packet_bytes: self.size.payload() + HEADER_BYTES,
        }
    }
}

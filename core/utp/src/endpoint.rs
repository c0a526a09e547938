//! One UDP socket's streams: who a datagram belongs to, whose turn it is to send, who has something to tell.

mod output;
mod strangers;

use crate::contract::{Received, Stats, StreamId, StreamStats};
use crate::guard::{Guard, Name};
use crate::limits::{HEADER_BYTES, LARGE_BUFFER, MAX_PACKET_V4, MAX_STREAMS};
use crate::packet::{self, Header, Kind};
use crate::sequence::Seq;
use crate::stream::{Memory, News, Now, Scratch, Stream};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// A place for a stream.
#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    stream: Option<Box<Stream>>,
    /// It is in the queue of those that may send, or in that of those with news.
    is_ready: bool,
    has_news: bool,
    /// The entry among the timers.
    wakes_at: Option<Instant>,
}

/// The streams of one UDP socket.
#[derive(Debug)]
pub struct Endpoint {
    /// When the clock in our packets showed `clock_us`.
    started: Instant,
    clock_us: u32,
    rng: fastrand::Rng,
    slots: Vec<Slot>,
    free: Vec<u32>,
    names: BTreeMap<Name, u32>,
    /// The stream of the last datagram: the next is most often for the same.
    last: Option<(Name, u32)>,
    /// Streams that each source opened.
    sources: BTreeMap<IpAddr, usize>,
    ready: VecDeque<u32>,
    news: VecDeque<u32>,
    timers: BTreeSet<(Instant, u32)>,
    /// Streams that found no memory to write to.
    starved: VecDeque<u32>,
    replies: VecDeque<(SocketAddr, [u8; HEADER_BYTES])>,
    scratch: Box<Scratch>,
    memory: Memory,
    guard: Guard,
    stats: Stats,
    /// Bytes that something else puts around each packet.
    around: u16,
}

impl Endpoint {
    /// An endpoint without streams.
    pub fn new(seed: u64, now: Instant) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let secret = [rng.u64(..), rng.u64(..)];
        Self {
            started: now,
            clock_us: rng.u32(..),
            rng,
            slots: Vec::new(),
            free: Vec::new(),
            names: BTreeMap::new(),
            last: None,
            sources: BTreeMap::new(),
            ready: VecDeque::new(),
            news: VecDeque::new(),
            timers: BTreeSet::new(),
            starved: VecDeque::new(),
            replies: VecDeque::new(),
            scratch: Box::new([0; MAX_PACKET_V4 as usize]),
            memory: Memory::new(),
            guard: Guard::new(now, secret),
            stats: Stats::default(),
            around: 0,
        }
    }

    /// The endpoint, where something else puts `bytes` around each packet, which may be that much shorter for it.
    #[must_use]
    pub fn with_bytes_around(mut self, bytes: u16) -> Self {
        self.around = bytes;
        self
    }

    fn now(&self, at: Instant) -> Now {
        let passed = at.saturating_duration_since(self.started).as_micros();
        Now { at, us: self.clock_us.wrapping_add(passed as u32) }
    }

    /// A datagram arrived, one that [`is_utp`](crate::is_utp) or any other.
    pub fn handle_datagram(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) {
        let Some(packet) = packet::read(datagram) else { return };
        let now = self.now(now);
        let found = self.find(from, &packet.header);
        let Some(index) = found.or_else(|| self.handle_stranger(now, from, &packet.header)) else { return };
        self.stats.packets_received += 1;
        if let Some(stream) = stream_at(&mut self.slots, index) {
            stream.handle(now, &packet, &mut self.memory);
            self.touch(now, index);
        }
        self.feed_the_starved(now);
    }

    /// The stream that a packet belongs to.
    fn find(&mut self, from: SocketAddr, header: &Header) -> Option<u32> {
        let id = header.id;
        if header.kind == Kind::Syn {
            // The one packet with the id that its sender receives with.
            return self.names.get(&(from, id.wrapping_add(1))).copied();
        }
        if let Some((_, index)) = self.last.filter(|(name, _)| *name == (from, id)) {
            return Some(index);
        }
        if let Some(&index) = self.names.get(&(from, id)) {
            self.last = Some(((from, id), index));
            return Some(index);
        }
        if header.kind != Kind::Reset {
            return None;
        }
        // Who has no stream of that name gives the id of our packet back.
        [id.wrapping_sub(1), id.wrapping_add(1)].into_iter().find_map(|receive_id| {
            let index = *self.names.get(&(from, receive_id))?;
            stream_at(&mut self.slots, index).filter(|stream| stream.send_id == id).map(|_| index)
        })
    }

    /// Opens a stream. `None`: there are too many.
    pub fn connect(&mut self, now: Instant, to: SocketAddr) -> Option<StreamId> {
        if self.stats.streams >= MAX_STREAMS {
            return None;
        }
        let name = (0..64).map(|_| (to, self.rng.u16(..))).find(|name| !self.names.contains_key(name))?;
        let now = self.now(now);
        self.guard.forget_ended(&name);
        let syn = Seq(self.rng.u16(..));
        let index = self.insert(now, Stream::outgoing(now, to, name.1, syn));
        Some(self.id(index))
    }

    /// Writes to a stream and tells how many bytes it took. If not all: there will be an [`Event::Writable`].
    pub fn write(&mut self, now: Instant, id: StreamId, data: &[u8]) -> usize {
        let Some(stream) = stream_of(&mut self.slots, id) else { return 0 };
        let taken = stream.write(data, &mut self.memory);
        let is_short = self.memory.send.free_bytes() < LARGE_BUFFER;
        if taken < data.len() && is_short && self.starved.len() < MAX_STREAMS {
            self.starved.push_back(id.slot);
        }
        self.touch(self.now(now), id.slot);
        taken
    }

    /// Reads from a stream. A stream that is not there is at its end.
    pub fn read(&mut self, now: Instant, id: StreamId, to: &mut [u8]) -> Received {
        let now = self.now(now);
        let Some(stream) = stream_of(&mut self.slots, id) else { return Received::End };
        let acked_anyway = stream.will_ack();
        let received = stream.read(now, to, &mut self.memory);
        if stream.owes_ack() || (stream.will_ack() && !acked_anyway) {
            self.touch(now, id.slot);
        }
        received
    }

    /// Would a read give something: bytes, or the end?
    pub fn is_readable(&self, id: StreamId) -> bool {
        self.stream(id).is_none_or(Stream::is_readable)
    }

    /// Would a write take something, or be in vain for good?
    pub fn is_writable(&self, id: StreamId) -> bool {
        self.stream(id).is_none_or(Stream::is_writable)
    }

    /// Has anything to be sent, perhaps? Where calls come from many sides, one of them should see to it.
    pub fn wants_transmit(&self) -> bool {
        !(self.ready.is_empty() && self.replies.is_empty())
    }

    /// Ends our side of a stream behind what was written. The other side goes on.
    pub fn shut_down(&mut self, now: Instant, id: StreamId) {
        if let Some(stream) = stream_of(&mut self.slots, id) {
            stream.shut_down();
            self.touch(self.now(now), id.slot);
        }
    }

    /// Gives a stream up: what was written is still delivered, what comes is dropped. Its name is good no more.
    pub fn close(&mut self, now: Instant, id: StreamId) {
        let now = self.now(now);
        if let Some(stream) = stream_of(&mut self.slots, id) {
            stream.close(now, &mut self.memory);
            self.forget_name(id.slot);
            self.touch(now, id.slot);
        }
    }

    /// Ends a stream at once, both sides. Its name is good no more.
    pub fn reset(&mut self, now: Instant, id: StreamId) {
        let now = self.now(now);
        if let Some(stream) = stream_of(&mut self.slots, id) {
            if let Some(reset) = stream.reset(now, &mut self.memory) {
                let to = stream.peer;
                self.reply(to, reset);
            }
            self.remove(now, id.slot);
        }
    }

    /// How a stream does.
    pub fn stream_stats(&self, id: StreamId) -> Option<StreamStats> {
        self.stream(id).map(Stream::stats)
    }

    fn stream(&self, id: StreamId) -> Option<&Stream> {
        let slot = self.slots.get(id.slot as usize).filter(|slot| slot.generation == id.generation)?;
        slot.stream.as_deref()
    }

    /// What was counted so far.
    pub fn stats(&self) -> Stats {
        Stats { reorder_bytes: self.memory.reorder.bytes(), ..self.stats }
    }

    fn id(&self, index: u32) -> StreamId {
        StreamId { slot: index, generation: self.slots.get(index as usize).map_or(0, |slot| slot.generation) }
    }

    fn insert(&mut self, now: Now, stream: Stream) -> u32 {
        let name = (stream.peer, stream.receive_id);
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() as u32 - 1
        });
        if let Some(slot) = self.slots.get_mut(index as usize) {
            slot.stream = Some(Box::new(stream.with_bytes_around(self.around)));
        }
        self.names.insert(name, index);
        self.stats.streams += 1;
        self.touch(now, index);
        index
    }

    /// The caller's name for a stream is good no more; the stream may still have work.
    fn forget_name(&mut self, index: u32) {
        if let Some(slot) = self.slots.get_mut(index as usize) {
            slot.generation = slot.generation.wrapping_add(1);
        }
    }

    /// Something happened to a stream: it may have packets to send and news to tell, or be over.
    fn touch(&mut self, now: Now, index: u32) {
        let Some(slot) = self.slots.get_mut(index as usize) else { return };
        let Some(stream) = slot.stream.as_deref() else { return };
        if stream.is_done() {
            return self.remove(now, index);
        }
        if !slot.is_ready {
            slot.is_ready = true;
            self.ready.push_back(index);
        }
        if !slot.has_news && stream.news != News::default() {
            slot.has_news = true;
            self.news.push_back(index);
        }
        if stream.is_ended() {
            let (name, send_id) = ((stream.peer, stream.receive_id), stream.send_id);
            self.unname(now, name, send_id, index);
        }
    }

    /// Datagrams of this name find no stream any more.
    fn unname(&mut self, now: Now, name: Name, send_id: u16, index: u32) {
        if self.names.get(&name) == Some(&index) {
            self.names.remove(&name);
            self.guard.note_ended(now.at, name, send_id);
        }
        self.last = None;
    }

    fn remove(&mut self, now: Now, index: u32) {
        self.forget_name(index);
        let Some(slot) = self.slots.get_mut(index as usize) else { return };
        if let Some(when) = slot.wakes_at.take() {
            self.timers.remove(&(when, index));
        }
        let Some(mut stream) = slot.stream.take() else { return };
        stream.clear(&mut self.memory);
        self.free.push(index);
        self.stats.streams -= 1;
        if !stream.we_opened() {
            self.note_gone(stream.peer);
        }
        self.unname(now, (stream.peer, stream.receive_id), stream.send_id, index);
        self.feed_the_starved(now);
    }

    /// Whoever found no memory to write to, and waits longest, may try again.
    fn feed_the_starved(&mut self, now: Now) {
        while !self.starved.is_empty() && self.memory.send.free_bytes() >= LARGE_BUFFER {
            let Some(index) = self.starved.pop_front() else { return };
            if let Some(stream) = stream_at(&mut self.slots, index) {
                stream.handle_memory();
                return self.touch(now, index);
            }
        }
    }
}

/// The stream at an index.
fn stream_at(slots: &mut [Slot], index: u32) -> Option<&mut Stream> {
    slots.get_mut(index as usize)?.stream.as_deref_mut()
}

/// The stream that the caller names.
fn stream_of(slots: &mut [Slot], id: StreamId) -> Option<&mut Stream> {
    slots.get_mut(id.slot as usize).filter(|slot| slot.generation == id.generation)?.stream.as_deref_mut()
}

#[cfg(test)]
mod tests;

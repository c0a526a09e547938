//! Two endpoints and a path between them that delays, loses, doubles, reorders, and queues.

use crate::contract::{Event, Reason, Received, StreamId};
use crate::endpoint::Endpoint;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Where time starts in a test. There is no other way to make an instant.
#[expect(clippy::disallowed_methods, reason = "a world made for tests has to start somewhere")]
pub(crate) fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}

/// What becomes of a datagram on its way, in each direction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path {
    pub(crate) delay: Duration,
    /// Chances of a thousand.
    pub(crate) loss: u32,
    pub(crate) double: u32,
    /// A datagram takes up to so much longer, whatever left before or after it.
    pub(crate) jitter: Duration,
    /// Bytes a second; none for no limit.
    pub(crate) rate: Option<u64>,
    /// Bytes that wait for the rate.
    pub(crate) queue: u64,
    /// Longer datagrams vanish.
    pub(crate) mtu: usize,
}

impl Path {
    pub(crate) const CLEAN: Self = Self {
        delay: Duration::from_millis(20),
        loss: 0,
        double: 0,
        jitter: Duration::ZERO,
        rate: None,
        queue: u64::MAX,
        mtu: 1472,
    };
}

/// One end: its endpoint, and a caller that sends all it has and keeps all it gets.
pub(crate) struct End {
    pub(crate) endpoint: Endpoint,
    pub(crate) address: SocketAddr,
    /// The streams in the order they came to be, with what is still to be written and what was read.
    pub(crate) streams: Vec<StreamId>,
    to_send: BTreeMap<StreamId, VecDeque<u8>>,
    pub(crate) got: BTreeMap<StreamId, Vec<u8>>,
    pub(crate) ended: Vec<StreamId>,
    pub(crate) closed: Vec<(StreamId, Reason)>,
    pub(crate) connected: Vec<StreamId>,
    /// It reads nothing while this is set.
    pub(crate) is_deaf: bool,
    /// When the path is free again, in the direction away from here.
    free_at: Instant,
}

/// The world.
pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) ends: [End; 2],
    pub(crate) path: Path,
    rng: fastrand::Rng,
    wire: BTreeMap<(Instant, u64), (usize, Vec<u8>)>,
    count: u64,
    /// Payload and headers that went each way.
    pub(crate) bytes_sent: [u64; 2],
    pub(crate) packets_sent: [u64; 2],
}

impl World {
    pub(crate) fn new(path: Path, seed: u64) -> Self {
        let end = |n: u8| End {
            endpoint: Endpoint::new(seed + u64::from(n), start()),
            address: SocketAddr::from(([10, 0, 0, n], 6881)),
            streams: Vec::new(),
            to_send: BTreeMap::new(),
            got: BTreeMap::new(),
            ended: Vec::new(),
            closed: Vec::new(),
            connected: Vec::new(),
            is_deaf: false,
            free_at: start(),
        };
        Self {
            now: start(),
            ends: [end(1), end(2)],
            path,
            rng: fastrand::Rng::with_seed(seed),
            wire: BTreeMap::new(),
            count: 0,
            bytes_sent: [0; 2],
            packets_sent: [0; 2],
        }
    }

    /// A stream from the first end to the second.
    pub(crate) fn connect(&mut self) -> StreamId {
        let to = self.ends[1].address;
        let id = self.ends[0].endpoint.connect(self.now, to).expect("there is room");
        self.ends[0].streams.push(id);
        self.drain(0);
        id
    }

    /// A stream that both ends know: `hello` went across.
    pub(crate) fn pair(path: Path, seed: u64) -> (Self, StreamId, StreamId) {
        let mut world = Self::new(path, seed);
        let here = world.connect();
        world.send(0, here, b"hello");
        world.run_until(|world| world.ends[1].got.values().any(|got| got == b"hello"));
        let there = world.ends[1].streams[0];
        world.ends[1].got.clear();
        (world, here, there)
    }

    /// Has an end send bytes, as soon as the stream takes them.
    pub(crate) fn send(&mut self, end: usize, stream: StreamId, bytes: &[u8]) {
        self.ends[end].to_send.entry(stream).or_default().extend(bytes);
        self.ends[end].write(self.now, stream);
        self.drain(end);
    }

    /// Lets an end do something with its endpoint.
    pub(crate) fn act<T>(&mut self, end: usize, act: impl FnOnce(&mut Endpoint, Instant) -> T) -> T {
        let result = act(&mut self.ends[end].endpoint, self.now);
        self.drain(end);
        result
    }

    pub(crate) fn got(&self, end: usize, stream: StreamId) -> &[u8] {
        self.ends[end].got.get(&stream).map_or(&[], Vec::as_slice)
    }

    /// A datagram from anywhere arrives at an end.
    pub(crate) fn inject(&mut self, end: usize, from: SocketAddr, datagram: &[u8]) {
        self.ends[end].endpoint.handle_datagram(self.now, from, datagram);
        self.drain(end);
    }

    pub(crate) fn drain(&mut self, end: usize) {
        self.ends[end].tell(self.now);
        let mut datagrams = Vec::new();
        while let Some(transmit) = self.ends[end].endpoint.poll_transmit(self.now) {
            let (to, may_fragment) = (transmit.to, transmit.may_fragment);
            datagrams.extend(transmit.datagrams().map(|datagram| (to, may_fragment, datagram.to_vec())));
        }
        for (to, may_fragment, datagram) in datagrams {
            self.bytes_sent[end] += datagram.len() as u64;
            self.packets_sent[end] += 1;
            if to == self.ends[1 - end].address && (may_fragment || datagram.len() <= self.path.mtu) {
                self.carry(end, &datagram);
            }
        }
    }

    fn carry(&mut self, from: usize, datagram: &[u8]) {
        let mut leaves = self.now;
        if let Some(rate) = self.path.rate {
            let free_at = self.ends[from].free_at.max(self.now);
            let waiting = (free_at - self.now).as_micros() as u64 * rate / 1_000_000;
            if waiting > self.path.queue {
                return;
            }
            leaves = free_at + Duration::from_micros(datagram.len() as u64 * 1_000_000 / rate);
            self.ends[from].free_at = leaves;
        }
        if self.rng.u32(0..1000) < self.path.loss {
            return;
        }
        for _ in 0..if self.rng.u32(0..1000) < self.path.double { 2 } else { 1 } {
            let jitter = self.path.jitter.mul_f64(self.rng.f64());
            self.count += 1;
            self.wire.insert((leaves + self.path.delay + jitter, self.count), (1 - from, datagram.to_vec()));
        }
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while self.step(end) {}
        self.now = end;
    }

    /// Runs until something holds, an hour at most.
    pub(crate) fn run_until(&mut self, mut holds: impl FnMut(&Self) -> bool) {
        let end = self.now + Duration::from_hours(1);
        while !holds(self) {
            assert!(self.step(end), "it does not come to pass");
        }
    }

    fn step(&mut self, end: Instant) -> bool {
        let arrival = self.wire.first_key_value().map(|((when, _), _)| *when);
        let timers = self.ends.iter().filter_map(|end| end.endpoint.poll_timeout());
        let Some(next) = arrival.into_iter().chain(timers).min().filter(|next| *next <= end) else {
            return false;
        };
        self.now = self.now.max(next);
        while let Some(entry) = self.wire.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let (to, datagram) = entry.remove();
            let from = self.ends[1 - to].address;
            self.ends[to].endpoint.handle_datagram(self.now, from, &datagram);
            self.drain(to);
        }
        for end in 0..2 {
            if self.ends[end].endpoint.poll_timeout().is_some_and(|when| when <= self.now) {
                self.ends[end].endpoint.handle_timeout(self.now);
                self.drain(end);
            }
        }
        true
    }
}

impl End {
    /// Takes news, reads and writes.
    fn tell(&mut self, now: Instant) {
        while let Some(event) = self.endpoint.poll_event() {
            match event {
                Event::Incoming(stream, _) => self.streams.push(stream),
                Event::Connected(stream) => {
                    self.connected.push(stream);
                    self.write(now, stream);
                }
                Event::Writable(stream) => self.write(now, stream),
                Event::Readable(stream) => self.read(now, stream),
                Event::Closed(stream, reason) => self.closed.push((stream, reason)),
            }
        }
    }

    fn write(&mut self, now: Instant, stream: StreamId) {
        if let Some(bytes) = self.to_send.get_mut(&stream) {
            let taken = self.endpoint.write(now, stream, bytes.make_contiguous());
            bytes.drain(..taken);
        }
    }

    pub(crate) fn read(&mut self, now: Instant, stream: StreamId) {
        let mut buffer = [0; 16 << 10];
        while !self.is_deaf {
            match self.endpoint.read(now, stream, &mut buffer) {
                Received::Bytes(n) => self.got.entry(stream).or_default().extend_from_slice(&buffer[..n]),
                Received::Nothing => break,
                Received::End => {
                    self.ended.push(stream);
                    break;
                }
            }
        }
    }
}

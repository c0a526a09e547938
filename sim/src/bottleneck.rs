//! Streams of uTP and of TCP that share one bottleneck: a rate, a queue before it, and a delay.
//!
//! The uTP streams are real [`utp::Endpoint`]s; TCP is a model of Reno's window, which is all of it that others feel.

use crate::world::first_instant;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use utp::{Endpoint, Event, Received, StreamId};

/// Bytes of a TCP segment on the wire.
const SEGMENT: u64 = 1500;

/// Bytes of the headers of IPv4 and UDP.
const UDP_HEADERS: u64 = 28;

/// What all share, in the direction of the data. Acks have a way of their own, of the same delay.
#[derive(Clone, Copy, Debug)]
pub struct Bottleneck {
    /// Bytes a second.
    pub rate: u64,
    /// One way.
    pub delay: Duration,
    /// Bytes that may wait; what comes on top is dropped.
    pub queue: u64,
    /// Of a thousand packets so many are lost by chance, in either direction.
    pub loss: u32,
}

/// Names a flow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FlowId(usize);

/// A uTP stream from a sender that never runs out to a receiver that reads at once.
struct UtpFlow {
    ends: [Endpoint; 2],
    stream: StreamId,
    delivered: u64,
}

/// A TCP flow of Reno's kind that never runs out.
struct TcpFlow {
    window: f64,
    threshold: f64,
    next: u64,
    /// Segments under way, and how many later ones were acknowledged.
    in_flight: BTreeMap<u64, u8>,
    recovered_at: u64,
    heard_at: Instant,
    delivered: u64,
    is_stopped: bool,
}

enum Flow {
    Utp(Box<UtpFlow>),
    Tcp(TcpFlow),
}

enum Arrival {
    Datagram { end: usize, bytes: Vec<u8> },
    Segment(u64),
    Ack(u64),
}

/// The world: flows and their bottleneck.
pub struct SharedPath {
    now: Instant,
    started: Instant,
    bottleneck: Bottleneck,
    flows: Vec<Flow>,
    wire: BTreeMap<(Instant, u64), (usize, Arrival)>,
    count: u64,
    free_at: Instant,
    rng: fastrand::Rng,
}

/// Addresses of the two ends of a stream.
fn address(end: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1 + end as u8], 6881))
}

impl SharedPath {
    /// A path without flows.
    pub fn new(bottleneck: Bottleneck, seed: u64) -> Self {
        let now = first_instant();
        Self {
            now,
            started: now,
            bottleneck,
            flows: Vec::new(),
            wire: BTreeMap::new(),
            count: 0,
            free_at: now,
            rng: fastrand::Rng::with_seed(seed),
        }
    }

    /// A uTP stream that begins now.
    pub fn add_utp(&mut self) -> FlowId {
        let mut ends = [0, 1].map(|_| Endpoint::new(self.rng.u64(..), self.now));
        let stream = ends[0].connect(self.now, address(1)).expect("an empty endpoint has room");
        self.flows.push(Flow::Utp(Box::new(UtpFlow { ends, stream, delivered: 0 })));
        let flow = self.flows.len() - 1;
        self.drain(flow);
        FlowId(flow)
    }

    /// A TCP flow that begins now.
    pub fn add_tcp(&mut self) -> FlowId {
        self.flows.push(Flow::Tcp(TcpFlow {
            window: 10.0,
            threshold: f64::INFINITY,
            next: 0,
            in_flight: BTreeMap::new(),
            recovered_at: 0,
            heard_at: self.now,
            delivered: 0,
            is_stopped: false,
        }));
        let flow = self.flows.len() - 1;
        self.drain(flow);
        FlowId(flow)
    }

    /// A TCP flow has nothing more to send.
    pub fn stop(&mut self, flow: FlowId) {
        if let Flow::Tcp(tcp) = &mut self.flows[flow.0] {
            tcp.is_stopped = true;
        }
    }

    /// Bytes that a flow's receiver got so far.
    pub fn delivered(&self, flow: FlowId) -> u64 {
        match &self.flows[flow.0] {
            Flow::Utp(utp) => utp.delivered,
            Flow::Tcp(tcp) => tcp.delivered,
        }
    }

    /// Runs for a while and tells what part of the rate each flow got.
    pub fn shares(&mut self, time: Duration) -> Vec<f64> {
        let all: Vec<FlowId> = (0..self.flows.len()).map(FlowId).collect();
        let before: Vec<u64> = all.iter().map(|flow| self.delivered(*flow)).collect();
        self.run_for(time);
        let most = self.bottleneck.rate as f64 * time.as_secs_f64();
        all.iter().zip(before).map(|(flow, before)| (self.delivered(*flow) - before) as f64 / most).collect()
    }

    /// How long a packet would wait now.
    pub fn queue_delay(&self) -> Duration {
        self.free_at.saturating_duration_since(self.now)
    }

    /// The time since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.now - self.started
    }

    /// Lets time pass.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let arrival = self.wire.first_key_value().map(|((when, _), _)| *when);
            let timers = self.flows.iter().filter_map(Flow::wakes_at);
            let Some(next) = arrival.into_iter().chain(timers).min().filter(|next| *next <= end) else {
                break;
            };
            self.now = self.now.max(next);
            while let Some(entry) = self.wire.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let (flow, arrival) = entry.remove();
                self.arrive(flow, arrival);
                self.drain(flow);
            }
            for flow in 0..self.flows.len() {
                if self.flows[flow].wakes_at().is_some_and(|when| when <= self.now) {
                    self.flows[flow].handle_timeout(self.now);
                    self.drain(flow);
                }
            }
        }
        self.now = end;
    }

    fn arrive(&mut self, flow: usize, arrival: Arrival) {
        match (&mut self.flows[flow], arrival) {
            (Flow::Utp(utp), Arrival::Datagram { end, bytes }) => {
                utp.ends[end].handle_datagram(self.now, address(1 - end), &bytes);
            }
            (Flow::Tcp(tcp), Arrival::Segment(number)) => {
                tcp.delivered += SEGMENT - 40;
                self.send_back(flow, Arrival::Ack(number));
            }
            (Flow::Tcp(tcp), Arrival::Ack(number)) => tcp.handle_ack(self.now, number),
            _ => {}
        }
    }

    /// Sends all that a flow may send.
    fn drain(&mut self, flow: usize) {
        let now = self.now;
        let mut sent = Vec::new();
        match &mut self.flows[flow] {
            Flow::Utp(utp) => {
                utp.serve(now);
                for end in 0..2 {
                    while let Some(transmit) = utp.ends[end].poll_transmit(now) {
                        sent.extend(transmit.datagrams().map(|bytes| (end, bytes.to_vec())));
                    }
                }
                for (end, bytes) in sent {
                    let size = bytes.len() as u64 + UDP_HEADERS;
                    let arrival = Arrival::Datagram { end: 1 - end, bytes };
                    if end == 0 {
                        self.send_forth(flow, size, arrival);
                    } else {
                        self.send_back(flow, arrival);
                    }
                }
            }
            Flow::Tcp(_) => {
                while let Flow::Tcp(tcp) = &mut self.flows[flow]
                    && let Some(number) = tcp.next_segment()
                {
                    self.send_forth(flow, SEGMENT, Arrival::Segment(number));
                }
            }
        }
    }

    fn send_forth(&mut self, flow: usize, size: u64, arrival: Arrival) {
        let Bottleneck { rate, delay, queue, .. } = self.bottleneck;
        let waiting = self.queue_delay().as_micros() as u64 * rate / 1_000_000;
        if waiting + size > queue || self.is_lost() {
            return;
        }
        self.free_at = self.free_at.max(self.now) + Duration::from_nanos(size * 1_000_000_000 / rate);
        self.count += 1;
        self.wire.insert((self.free_at + delay, self.count), (flow, arrival));
    }

    fn send_back(&mut self, flow: usize, arrival: Arrival) {
        if !self.is_lost() {
            self.count += 1;
            self.wire.insert((self.now + self.bottleneck.delay, self.count), (flow, arrival));
        }
    }

    fn is_lost(&mut self) -> bool {
        self.rng.u32(0..1000) < self.bottleneck.loss
    }
}

impl Flow {
    fn wakes_at(&self) -> Option<Instant> {
        match self {
            Self::Utp(utp) => utp.ends.iter().filter_map(Endpoint::poll_timeout).min(),
            Self::Tcp(tcp) => (!tcp.in_flight.is_empty()).then(|| tcp.heard_at + Duration::from_secs(1)),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::Utp(utp) => utp.ends.iter_mut().for_each(|end| end.handle_timeout(now)),
            Self::Tcp(tcp) => tcp.handle_timeout(now),
        }
    }
}

impl UtpFlow {
    /// Writes what the stream takes, reads what is there.
    fn serve(&mut self, now: Instant) {
        const BLOCK: [u8; 16 << 10] = [7; 16 << 10];
        while let Some(event) = self.ends[0].poll_event() {
            if matches!(event, Event::Connected(_) | Event::Writable(_)) {
                while self.ends[0].write(now, self.stream, &BLOCK) == BLOCK.len() {}
            }
        }
        let mut buffer = BLOCK;
        while let Some(event) = self.ends[1].poll_event() {
            if let Event::Readable(stream) = event {
                while let Received::Bytes(n) = self.ends[1].read(now, stream, &mut buffer) {
                    self.delivered += n as u64;
                }
            }
        }
    }
}

impl TcpFlow {
    fn next_segment(&mut self) -> Option<u64> {
        if self.is_stopped || self.in_flight.len() >= self.window as usize {
            return None;
        }
        self.next += 1;
        self.in_flight.insert(self.next, 0);
        Some(self.next)
    }

    fn handle_ack(&mut self, now: Instant, number: u64) {
        self.heard_at = now;
        if self.in_flight.remove(&number).is_none() {
            return;
        }
        self.window += if self.window < self.threshold { 1.0 } else { 1.0 / self.window };
        // Three later ones make a loss.
        self.in_flight.range_mut(..number).for_each(|(_, later)| *later += 1);
        let lost: Vec<u64> =
            self.in_flight.iter().filter(|(_, later)| **later >= 3).map(|(n, _)| *n).collect();
        for number in lost {
            self.in_flight.remove(&number);
            if number > self.recovered_at {
                self.recovered_at = self.next;
                self.threshold = (self.window / 2.0).max(2.0);
                self.window = self.threshold;
            }
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.in_flight.clear();
        self.threshold = (self.window / 2.0).max(2.0);
        (self.window, self.heard_at, self.recovered_at) = (2.0, now, self.next);
    }
}

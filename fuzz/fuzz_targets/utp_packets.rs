//! Two endpoints of uTP that speak with each other while somebody drops, delays, changes and invents packets (BEP 29).
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use utp::{Endpoint, Event, Received, StreamId};

#[derive(Arbitrary, Debug)]
enum Step {
    /// The next packet on its way arrives.
    Deliver,
    /// It is lost.
    Lose,
    /// It arrives twice.
    Double,
    /// It arrives with one byte changed.
    Change(u16, u8),
    /// One of these bytes arrives at the listener, from the opener or from a stranger.
    Invent(bool, Vec<u8>),
    /// The opener has something to say.
    Write(u16),
    /// It closes.
    Close,
    /// Milliseconds go by.
    Wait(u16),
}

struct World {
    now: Instant,
    ends: [Endpoint; 2],
    /// Packets on their way: to whom, and the bytes.
    under_way: Vec<(usize, Vec<u8>)>,
    /// The streams that each end knows.
    streams: [Option<StreamId>; 2],
}

fuzz_target!(|steps: Vec<Step>| {
    let now = Instant::now();
    let mut world = World {
        now,
        ends: [Endpoint::new(1, now), Endpoint::new(2, now)],
        under_way: Vec::new(),
        streams: [None, None],
    };
    world.streams[0] = world.ends[0].connect(now, address(1));
    for step in steps {
        world.collect();
        world.take(step);
    }
});

impl World {
    fn take(&mut self, step: Step) {
        match step {
            Step::Deliver => self.deliver(|_| {}),
            Step::Lose => _ = self.next(),
            Step::Double => {
                if let Some((to, packet)) = self.next() {
                    self.arrive(to, &packet);
                    self.arrive(to, &packet);
                }
            }
            Step::Change(at, by) => self.deliver(|packet| {
                if let Some(byte) = packet.get_mut(usize::from(at)) {
                    *byte ^= by;
                }
            }),
            Step::Invent(stranger, packet) => {
                let from = if stranger { address(9) } else { address(0) };
                self.ends[1].handle_datagram(self.now, from, &packet);
            }
            Step::Write(length) => {
                if let Some(stream) = self.streams[0] {
                    self.ends[0].write(self.now, stream, &vec![7; length.into()]);
                }
            }
            Step::Close => {
                if let Some(stream) = self.streams[0].take() {
                    self.ends[0].close(self.now, stream);
                }
            }
            Step::Wait(milliseconds) => {
                self.now += Duration::from_millis(milliseconds.into());
                self.ends.iter_mut().for_each(|end| end.handle_timeout(self.now));
            }
        }
    }

    fn next(&mut self) -> Option<(usize, Vec<u8>)> {
        (!self.under_way.is_empty()).then(|| self.under_way.remove(0))
    }

    fn deliver(&mut self, change: impl FnOnce(&mut Vec<u8>)) {
        if let Some((to, mut packet)) = self.next() {
            change(&mut packet);
            self.arrive(to, &packet);
        }
    }

    fn arrive(&mut self, to: usize, packet: &[u8]) {
        self.ends[to].handle_datagram(self.now, address(1 - to), packet);
    }

    /// Takes what both ends have to send and to tell.
    fn collect(&mut self) {
        for end in 0..2 {
            while let Some(transmit) = self.ends[end].poll_transmit(self.now) {
                for datagram in transmit.datagrams() {
                    self.under_way.push((1 - end, datagram.to_vec()));
                }
            }
            while let Some(event) = self.ends[end].poll_event() {
                if let Event::Readable(stream) = event {
                    let mut buffer = [0; 4096];
                    while let Received::Bytes(_) = self.ends[end].read(self.now, stream, &mut buffer) {}
                }
            }
        }
    }
}

fn address(end: usize) -> SocketAddr {
    ([192, 0, 2, end as u8], 6881).into()
}

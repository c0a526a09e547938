//! The largest packet that the path carries (RFC 8899 in the small).
//!
//! All packets go out unfragmentable. A probe is an ordinary data packet made longer by padding, so that its loss costs
//! one retransmission without the padding and never a byte of the stream.

use crate::limits::{
    FIRST_PACKET, HEADER_BYTES, MAX_BYTES_AROUND, MAX_PACKET_V4, MAX_PACKET_V6, MIN_PACKET_V4, MIN_PACKET_V6,
    PACKET_SIZE_STEP, PROBES_OF_A_SIZE, SIZE_LIFE,
};
use crate::sequence::Seq;
use std::time::Instant;

/// The search.
#[derive(Debug)]
pub(crate) struct PacketSize {
    floor: u16,
    ceiling: u16,
    /// Known to pass, or taken to.
    good: u16,
    /// The largest that may still pass.
    limit: u16,
    /// The packet that tries a size.
    probe: Option<(Seq, u16)>,
    lost_probes: u8,
    search_again: Option<Instant>,
}

impl PacketSize {
    /// `around`: bytes that something else puts around each packet.
    pub(crate) fn new(is_v4: bool, around: u16) -> Self {
        let (floor, ceiling) =
            if is_v4 { (MIN_PACKET_V4, MAX_PACKET_V4) } else { (MIN_PACKET_V6, MAX_PACKET_V6) };
        let around = around.min(MAX_BYTES_AROUND);
        let (floor, ceiling) = (floor - around, ceiling - around);
        let good = FIRST_PACKET.max(floor);
        Self { floor, ceiling, good, limit: ceiling, probe: None, lost_probes: 0, search_again: None }
    }

    /// Bytes of payload in a full packet.
    pub(crate) fn payload(&self) -> usize {
        usize::from(self.good) - HEADER_BYTES
    }

    /// The size that the next full packet should try, if one should.
    pub(crate) fn wanted_probe(&mut self, now: Instant) -> Option<usize> {
        if self.search_again.is_some_and(|when| when <= now) {
            (self.search_again, self.limit) = (None, self.ceiling);
        }
        let searching = self.limit - self.good >= PACKET_SIZE_STEP;
        (searching && self.probe.is_none()).then(|| usize::from(self.next_size()))
    }

    /// The usual sizes first: most paths carry the largest.
    fn next_size(&self) -> u16 {
        if self.limit == self.ceiling { self.limit } else { self.good.midpoint(self.limit) }
    }

    /// A probe went out as packet `seq`.
    pub(crate) fn handle_probe_sent(&mut self, seq: Seq) {
        self.probe = Some((seq, self.next_size()));
    }

    /// The packet that tries a size, while its fate is open.
    pub(crate) fn probe(&self) -> Option<Seq> {
        self.probe.map(|(seq, _)| seq)
    }

    /// A packet arrived: if it was the probe, its size passes.
    pub(crate) fn handle_acked(&mut self, now: Instant, seq: Seq) {
        if let Some((_, size)) = self.probe.filter(|(probe, _)| *probe == seq) {
            self.good = size;
            (self.probe, self.lost_probes) = (None, 0);
            self.rest(now);
        }
    }

    /// A packet was lost. True: it was the probe, whose loss says nothing about congestion.
    pub(crate) fn handle_lost(&mut self, now: Instant, seq: Seq) -> bool {
        let Some((_, size)) = self.probe.filter(|(probe, _)| *probe == seq) else { return false };
        self.probe = None;
        self.lost_probes += 1;
        if self.lost_probes >= PROBES_OF_A_SIZE {
            self.lost_probes = 0;
            self.limit = size - 1;
            self.rest(now);
        }
        true
    }

    fn rest(&mut self, now: Instant) {
        if self.limit - self.good < PACKET_SIZE_STEP {
            self.search_again = Some(now + SIZE_LIFE);
        }
    }

    /// Nothing passes any more: begin again with what every path carries. Gives the size above which packets that were
    /// made before have to be fragmented.
    pub(crate) fn handle_black_hole(&mut self) -> usize {
        self.limit = (self.good - 1).max(self.floor);
        self.good = self.floor;
        (self.probe, self.lost_probes, self.search_again) = (None, 0, None);
        usize::from(self.floor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::start;

    /// Runs the search over a path that carries `path` bytes.
    fn search(size: &mut PacketSize, path: usize) -> usize {
        for n in 0..200 {
            let Some(probe) = size.wanted_probe(start()) else { return size.payload() + HEADER_BYTES };
            size.handle_probe_sent(Seq(n));
            if probe <= path {
                size.handle_acked(start(), Seq(n));
            } else {
                assert!(size.handle_lost(start(), Seq(n)));
            }
        }
        panic!("the search does not end");
    }

    #[test]
    fn an_ethernet_path_is_known_after_one_probe() {
        let mut size = PacketSize::new(true, 0);
        assert_eq!(size.payload(), 1180);
        assert_eq!(size.wanted_probe(start()), Some(1472));
        size.handle_probe_sent(Seq(1));
        assert_eq!(size.wanted_probe(start()), None, "one probe at a time");
        size.handle_acked(start(), Seq(1));
        assert_eq!(size.payload(), 1452);
        assert_eq!(size.wanted_probe(start()), None);
    }

    #[test]
    fn every_path_is_measured_to_a_step() {
        for path in [1200, 1300, 1400, 1464, 1472] {
            let found = search(&mut PacketSize::new(true, 0), path);
            assert!(found <= path && found + usize::from(PACKET_SIZE_STEP) > path, "{found} for {path}");
        }
    }

    #[test]
    fn what_is_put_around_packets_leaves_less_room() {
        let mut size = PacketSize::new(true, 30);
        assert_eq!(search(&mut size, 1472 - 30), 1442);
        assert_eq!(size.handle_black_hole(), 518);
        assert_eq!(search(&mut PacketSize::new(false, 22), 1500), 1430);
        assert_eq!(search(&mut PacketSize::new(true, u16::MAX), 1500), 1472 - MAX_BYTES_AROUND as usize);
    }

    #[test]
    fn a_probe_lost_by_chance_does_not_end_the_search() {
        let mut size = PacketSize::new(true, 0);
        for n in 0..2 {
            size.wanted_probe(start());
            size.handle_probe_sent(Seq(n));
            assert!(size.handle_lost(start(), Seq(n)) && !size.handle_lost(start(), Seq(n)));
        }
        assert_eq!(search(&mut size, 1500), 1472);
    }

    #[test]
    fn a_black_hole_starts_from_the_floor() {
        let mut size = PacketSize::new(true, 0);
        search(&mut size, 1500);
        assert_eq!(size.handle_black_hole(), 548);
        assert_eq!(size.payload(), 528);
        let found = search(&mut size, 900);
        assert!(found <= 900 && found > 880, "{found}");
    }

    #[test]
    fn larger_packets_are_tried_again_after_a_while() {
        let mut size = PacketSize::new(true, 0);
        let found = search(&mut size, 1300);
        assert_eq!(size.wanted_probe(start() + SIZE_LIFE), Some(1472));
        assert!(found < 1472);
    }
}

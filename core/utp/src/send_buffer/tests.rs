use super::*;
use crate::limits::SEND_MEMORY;
use crate::world::start;

const PAYLOAD: usize = 1000;
const LIMIT: usize = 1 << 20;

struct Fixture {
    buffer: SendBuffer,
    pool: Pool,
}

impl Fixture {
    fn new(first: u16) -> Self {
        Self { buffer: SendBuffer::new(Seq(first)), pool: Pool::new(SEND_MEMORY) }
    }

    fn write(&mut self, bytes: usize) -> usize {
        self.buffer.write(&vec![7; bytes], PAYLOAD, LIMIT, &mut self.pool)
    }

    /// Sends all that may go, and gives the number and length of each packet's payload.
    fn send(&mut self, room: usize) -> Vec<(u16, usize)> {
        let mut sent = Vec::new();
        let mut left = room;
        loop {
            let run = match self.buffer.lost_run(left) {
                Some(run) => run,
                None => match self.buffer.fresh_run(left) {
                    Some(run) => run,
                    None => return sent,
                },
            };
            self.buffer.send(start(), &run, header());
            for datagram in self.buffer.bytes(run.sheet, &run.bytes).chunks(run.segment) {
                let packet = crate::packet::read(datagram).expect("a packet");
                left -= packet.payload.len();
                sent.push((packet.header.seq.0, packet.payload.len()));
            }
        }
    }

    fn acknowledge(&mut self, ack: u16, mask: &[u8]) -> Acknowledged {
        self.buffer.acknowledge(Seq(ack), mask, &mut self.pool)
    }

    fn lost(&mut self) -> Vec<u16> {
        let mut lost = Vec::new();
        self.buffer.find_lost(|packet| lost.push(packet.seq.0));
        lost
    }
}

fn header() -> Header {
    Header { kind: Kind::Data, id: 1, sent_us: 2, delay_us: 3, window: 4, seq: Seq(0), ack: Seq(6) }
}

#[test]
fn bulk_goes_out_in_runs_of_full_packets() {
    let mut it = Fixture::new(65530);
    assert_eq!(it.write(200_000), 200_000);
    let run = it.buffer.fresh_run(usize::MAX).expect("something to send");
    assert_eq!((run.packets.len(), run.segment), (64, PAYLOAD + HEADER_BYTES));
    let sent = it.send(usize::MAX);
    let expected: Vec<(u16, usize)> = (0..200).map(|n| (65530u16.wrapping_add(n), PAYLOAD)).collect();
    assert_eq!(sent, expected);
    assert_eq!(it.buffer.in_flight(), 200_000);
    it.acknowledge(65530u16.wrapping_add(199), &[]);
    assert_eq!(it.pool.free_bytes(), SEND_MEMORY, "no buffer stays");
}

#[test]
fn the_window_bounds_a_run() {
    let mut it = Fixture::new(1);
    it.write(10_000);
    assert_eq!(it.send(3500).len(), 3);
    assert_eq!(it.send(400).len(), 0);
}

#[test]
fn writes_beyond_the_limit_wait() {
    let mut it = Fixture::new(1);
    let taken = it.write(2 * LIMIT);
    assert!((LIMIT..LIMIT + PAYLOAD).contains(&taken), "{taken}");
    assert_eq!(it.write(1), 0);
}

#[test]
fn small_writes_share_a_packet_while_one_is_under_way() {
    let mut it = Fixture::new(1);
    it.write(10);
    assert_eq!(it.send(LIMIT), [(1, 10)], "the first goes at once");
    (0..5).for_each(|_| assert_eq!(it.write(17), 17));
    assert_eq!(it.send(LIMIT), [], "the others wait for it");
    it.acknowledge(1, &[]);
    assert_eq!(it.send(LIMIT), [(2, 85)]);
    it.write(10);
    it.buffer.write_fin(&mut it.pool);
    assert_eq!(it.send(LIMIT), [(3, 10), (4, 0)], "the end waits for nothing");
}

#[test]
fn what_three_others_overtook_is_sent_again_once() {
    let mut it = Fixture::new(1);
    it.write(10_000);
    it.send(LIMIT);
    it.acknowledge(0, &[0b11, 0, 0, 0]);
    assert_eq!(it.lost(), [] as [u16; 0], "2 and 3 arrived, two later than 1");
    let acknowledged = it.acknowledge(0, &[0b111, 0, 0, 0]);
    assert_eq!((acknowledged.packets, acknowledged.bytes), (1, PAYLOAD));
    assert_eq!(it.lost(), [1]);
    assert_eq!(it.send(LIMIT), [(1, PAYLOAD)]);
    it.acknowledge(0, &[0xff, 1, 0, 0]);
    assert_eq!(it.lost(), [] as [u16; 0], "all were sent before the repetition");
    it.write(4000);
    it.send(LIMIT);
    it.acknowledge(0, &[0xff, 0xf, 0, 0]);
    assert_eq!(it.lost(), [1], "three sent after the repetition arrived, and it did not");
}

#[test]
fn silence_loses_all_that_is_under_way() {
    let mut it = Fixture::new(1);
    it.write(6000);
    it.send(LIMIT);
    it.acknowledge(1, &[0b10, 0, 0, 0]);
    let mut lost = Vec::new();
    it.buffer.lose_all(|packet| lost.push(packet.seq.0));
    assert_eq!((lost, it.buffer.in_flight()), (vec![2, 3, 5, 6], 0));
    it.acknowledge(2, &[]);
    assert_eq!(it.send(LIMIT), [(3, PAYLOAD), (5, PAYLOAD), (6, PAYLOAD)]);
    it.acknowledge(6, &[]);
    assert_eq!((it.buffer.buffered(), it.buffer.outstanding()), (0, 0));
}

#[test]
fn a_repeated_packet_measures_no_round_trip() {
    let mut it = Fixture::new(1);
    it.write(1000);
    it.send(LIMIT);
    it.buffer.lose_all(|_| ());
    it.send(LIMIT);
    assert_eq!(it.acknowledge(1, &[]).sent_at, None);
    it.write(1000);
    it.send(LIMIT);
    assert_eq!(it.acknowledge(2, &[]).sent_at, Some(start()));
}

#[test]
fn acks_of_nothing_are_harmless() {
    let mut it = Fixture::new(1);
    it.write(3000);
    it.send(2000);
    for ack in [3, 100, 40_000, 65_535] {
        assert_eq!(it.acknowledge(ack, &[]).packets, 0, "{ack}");
    }
    assert_eq!(it.acknowledge(0, &[0xff; 252]).packets, 1, "of those named one was sent");
}

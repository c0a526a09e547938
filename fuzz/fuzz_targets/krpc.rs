//! Packets from anywhere into a node of the DHT that looks for peers (BEP 5, 32, 42, 44, 51).
#![no_main]

use arbitrary::Arbitrary;
use dht::{Config, Family, Goal, Id, Node, Output};
use libfuzzer_sys::fuzz_target;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

#[derive(Arbitrary, Debug)]
enum Step {
    /// A packet from one of 256 addresses.
    Packet(u8, Vec<u8>),
    /// An answer to the last query, whose transaction it repeats, from whom it was sent to.
    Answer(Vec<u8>),
    /// A torrent is looked for.
    LookUp([u8; 20]),
    /// Milliseconds go by.
    Wait(u16),
}

fuzz_target!(|steps: Vec<Step>| {
    let mut now = Instant::now();
    let mut node = Node::new(Config::new(Family::V4, |_, _, _| true), 1, now);
    node.bootstrap(now, &[address(1), address(2)]);
    let mut asked: Option<(SocketAddr, Vec<u8>)> = None;
    for step in steps {
        match step {
            Step::Packet(from, packet) => node.handle_packet(now, address(from), &packet),
            Step::Answer(body) => {
                if let Some((to, transaction)) = &asked {
                    node.handle_packet(now, *to, &answer(transaction, &body));
                }
            }
            Step::LookUp(target) => _ = node.look_up(now, Id(target), Goal::Peers(None)),
            Step::Wait(milliseconds) => {
                now += Duration::from_millis(milliseconds.into());
                node.handle_timeout(now);
            }
        }
        while let Some(output) = node.poll_output() {
            if let Output::Transmit { to, packet } = output {
                assert!(packet.len() <= 1500, "{} bytes in one packet", packet.len());
                asked = transaction(&packet).map(|transaction| (to, transaction));
            }
        }
    }
});

fn address(number: u8) -> SocketAddr {
    ([198, 51, number, 7], 6881).into()
}

/// The transaction id of a query of ours.
fn transaction(packet: &[u8]) -> Option<Vec<u8>> {
    let document = bencode::decode(packet, bencode::Limits::default()).expect("what we send is bencode");
    document.root().get(b"t")?.bytes().map(<[u8]>::to_vec)
}

/// `body` as what is in the answer.
fn answer(transaction: &[u8], body: &[u8]) -> Vec<u8> {
    let mut packet = b"d1:rd2:id20:abcdefghij0123456789".to_vec();
    packet.extend_from_slice(body);
    packet.extend_from_slice(format!("e1:t{}:", transaction.len()).as_bytes());
    packet.extend_from_slice(transaction);
    packet.extend_from_slice(b"1:y1:re");
    packet
}

use super::*;
use proptest::prelude::*;

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")).collect()
}

/// The vectors of `corpus/vectors.json`, `utp_headers.cases`.
#[test]
fn vectors_of_bep_29() {
    let fin = bytes("1103784c88b0964c75449a8100100000d585d47d00040000000f");
    let packet = read(&fin).expect("a packet with a close reason");
    let header = Header {
        kind: Kind::Fin,
        id: 30796,
        sent_us: 2_293_274_188,
        delay_us: 1_967_430_273,
        window: 1_048_576,
        seq: Seq(54661),
        ack: Seq(54397),
    };
    assert_eq!(packet, Packet { header, selective: &[], payload: &[] });

    let state = bytes("2101000700000005000000060000800000640032000401010000");
    let packet = read(&state).expect("a packet with a selective ack");
    assert_eq!((packet.header.kind, packet.selective), (Kind::State, &[1, 1, 0, 0][..]));

    let data = bytes("010000070000000500000006000080000065003268656c6c6f");
    let packet = read(&data).expect("a packet with payload");
    assert_eq!((packet.header.kind, packet.payload), (Kind::Data, &b"hello"[..]));

    let reset = bytes("3100000700000005000000060000000000650032");
    assert_eq!(read(&reset).expect("a reset").header.kind, Kind::Reset);

    for dropped in ["0200000700000005000000060000800000650032", "5100000700000005000000060000800000650032"] {
        let dropped = bytes(dropped);
        assert!(read(&dropped).is_none() && !is_utp(&dropped));
    }
    for packet in [fin, state, data, reset] {
        assert!(is_utp(&packet));
    }
}

#[test]
fn other_protocols_of_the_port_are_told_apart() {
    assert!(!is_utp(b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe"));
    assert!(!is_utp(&[0; 40]), "an answer of a UDP tracker");
    assert!(!is_utp(&[1; 19]), "too short");
}

#[test]
fn extensions_that_reach_too_far_spoil_the_packet() {
    let head = |extension| [&[0x21, extension][..], &[0; 18]].concat();
    for rest in [&[][..], &[0], &[0, 1], &[1, 0], &[0, 255, 1, 2, 3]] {
        assert!(read(&[&head(1), rest].concat()).is_none(), "{rest:?}");
    }
}

#[test]
fn masks_of_any_length_count() {
    for length in [0, 1, 3, 4, 5, 255] {
        let mask = vec![1; length];
        let packet = [&[0x21, 1][..], &[0; 18], &[0, length as u8], &mask].concat();
        assert_eq!(read(&packet).expect("a packet").selective, mask);
    }
}

proptest! {
    #[test]
    fn a_padded_packet_has_its_size_and_its_payload(payload in proptest::collection::vec(any::<u8>(), 0..300), gap in 2usize..1400) {
        let header = Header { kind: Kind::Data, id: 7, sent_us: 1, delay_us: 2, window: 3, seq: Seq(4), ack: Seq(5) };
        let mut buffer = vec![0xaa; HEADER_BYTES + gap + payload.len()];
        write_padded(&header, &payload, &mut buffer);
        let packet = read(&buffer).expect("a packet");
        prop_assert_eq!(packet.header, header);
        prop_assert_eq!(packet.payload, &payload[..]);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(datagram in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Some(packet) = read(&datagram) {
            prop_assert!(is_utp(&datagram));
            prop_assert!(packet.payload.len() <= datagram.len());
        }
    }
}

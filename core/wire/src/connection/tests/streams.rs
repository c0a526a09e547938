//! Any stream of bytes, cut anywhere, and any order of calls.

use super::*;
use proptest::prelude::*;

/// Messages of a peer, mostly inside the torrent, blocks with their payloads.
fn any_message() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![20 => 0..PIECE_COUNT, 1 => any::<u32>()].prop_map(PieceIndex);
    let begin = prop_oneof![10 => (0..4u32).prop_map(|n| n * BLOCK_LENGTH), 1 => any::<u32>()];
    let length = prop_oneof![10 => Just(BLOCK_LENGTH), 1 => 0..BLOCK_LENGTH, 1 => any::<u32>()];
    let request = (piece, begin, length).prop_map(|(piece, begin, length)| {
        // The short last block of a piece is asked for as such.
        let left = PIECE_LENGTH.saturating_sub(begin);
        BlockRequest { piece, begin, length: if length == BLOCK_LENGTH { left.min(length) } else { length } }
    });
    let plain = prop::sample::select(vec![
        encode(&[Message::KeepAlive]),
        encode(&[Message::Choke]),
        encode(&[Message::Unchoke]),
        encode(&[Message::Interested]),
        encode(&[Message::NotInterested]),
        encode(&[Message::HaveAll]),
        encode(&[Message::Bitfield(&[0xff, 0, 0x10])]),
        encode(&[Message::Extended(0, b"d1:md11:upload_onlyi9ee4:reqqi5ee")]),
        encode(&[Message::Extended(3, &[1])]),
        encode(&[Message::Extended(7, b"whatever")]),
    ]);
    let about_pieces = (request, 0..7u8).prop_map(|(request, which)| match which {
        0 => encode(&[Message::Request(request)]),
        1 => encode(&[Message::Cancel(request)]),
        2 => encode(&[Message::Reject(request)]),
        3 => encode(&[Message::Have(request.piece)]),
        4 => encode(&[Message::AllowedFast(request.piece)]),
        _ => {
            let payload = vec![b'Z'; request.length.min(BLOCK_LENGTH) as usize];
            [&crate::piece_header(&request)[..], &payload].concat()
        }
    });
    prop_oneof![1 => plain, 2 => about_pieces]
}

fn any_order() -> impl Strategy<Value = Order> {
    let request = (0..PIECE_COUNT - 1, 0..4u32).prop_map(|(piece, number)| block(piece, number));
    prop_oneof![
        1 => Just(Order::Availability(Bitfield::full(PIECE_COUNT))),
        1 => request.clone().prop_map(Order::Cancel),
        1 => request.prop_map(|request| Order::Have(request.piece)),
        1 => Just(Order::Choke),
        3 => Just(Order::Unchoke),
        1 => Just(Order::Interested),
        1 => Just(Order::AllowedFast(vec![PieceIndex(1), PieceIndex(2)])),
        1 => any::<bool>().prop_map(Order::UploadOnly),
    ]
}

/// One call.
#[derive(Clone, Debug)]
enum Step {
    Hear(Vec<u8>),
    Order(Order),
    Serve(usize),
    Spoken,
    Pass(u64),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any_message().prop_map(Step::Hear),
        1 => prop::collection::vec(any::<u8>(), 0..30).prop_map(Step::Hear),
        4 => any_order().prop_map(Step::Order),
        2 => (0..4usize).prop_map(Step::Serve),
        1 => Just(Step::Spoken),
        1 => (0..40_000u64).prop_map(Step::Pass),
    ]
}

/// Everything that may be asked for is.
fn asking() -> Lone {
    let mut lone = Lone::new();
    lone.hear(&Message::Unchoke);
    for piece in 0..5 {
        for number in 0..4 {
            lone.order(Order::Request(block(piece, number)));
        }
    }
    lone
}

proptest! {
    #[test]
    fn cuts_do_not_matter(
        messages in prop::collection::vec(any_message(), 0..30),
        sizes in prop::collection::vec(prop_oneof![1..20usize, 1..20_000usize], 1..20),
    ) {
        let stream = messages.concat();
        let mut whole = asking();
        whole.hear_bytes(&stream);
        let mut cut = asking();
        let mut rest = &stream[..];
        for size in sizes.iter().cycle() {
            let (part, more) = rest.split_at(rest.len().min(*size));
            cut.hear_bytes(part);
            rest = more;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(whole.facts(), cut.facts());
        prop_assert_eq!(whole.spoken(), cut.spoken());
        prop_assert_eq!((whole.kept, whole.thrown), (cut.kept, cut.thrown));
    }

    #[test]
    fn garbage_never_panics(stream in prop::collection::vec(prop_oneof![3 => Just(0u8), 2 => 0..24u8, 1 => any::<u8>()], 0..400)) {
        asking().hear_bytes(&stream);
    }

    #[test]
    fn any_calls_keep_the_contract(steps in prop::collection::vec(any_step(), 0..60)) {
        let mut lone = asking();
        let mut facts = Vec::new();
        let mut asked: Vec<_> = (0..5).flat_map(|piece| (0..4).map(move |number| block(piece, number))).collect();
        for step in steps {
            match step {
                Step::Hear(bytes) => lone.hear_bytes(&bytes),
                Step::Order(order) => lone.order(order),
                Step::Serve(most) => _ = lone.serve(most),
                Step::Spoken => _ = lone.spoken(),
                Step::Pass(time_ms) => lone.pass(Duration::from_millis(time_ms)),
            }
            facts.extend(lone.facts());
        }
        for fact in &facts {
            match fact {
                Fact::BlockReceived(request) | Fact::Rejected(request) => {
                    let at = asked.iter().position(|other| other == request);
                    prop_assert!(at.is_some(), "answered twice or never asked: {:?}", request);
                    asked.remove(at.unwrap());
                }
                Fact::Have(piece) | Fact::AllowedFast(piece) => prop_assert!(piece.0 < PIECE_COUNT),
                _ => {}
            }
        }
        let ends = facts.iter().filter(|fact| matches!(fact, Fact::Closed(_))).count();
        prop_assert_eq!(ends, usize::from(lone.connection.is_closed()));
        prop_assert!(ends == 0 || matches!(facts.last(), Some(Fact::Closed(_))));
        // What a peer has is known before anything that rests on it.
        let is_known = |fact: &Fact| matches!(fact, Fact::Availability(_));
        let rests = |fact: &Fact| matches!(fact, Fact::Have(_) | Fact::BlockReceived(_));
        let first = |kind: &dyn Fn(&Fact) -> bool| facts.iter().position(kind).unwrap_or(usize::MAX);
        prop_assert!(first(&is_known) <= first(&rests));
    }
}

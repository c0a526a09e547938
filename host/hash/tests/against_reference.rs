//! Every backend against the `sha1` and `sha2` crates.

use hash::{Backend, Sha1Stream, sha1_advance, sha1_many, sha1_many_with, sha256_many, sha256_many_with};
use proptest::prelude::*;
use sha1::{Digest, Sha1};
use sha2::Sha256;

fn check(messages: &[Vec<Vec<u8>>]) {
    let slices: Vec<Vec<&[u8]>> = messages.iter().map(|m| m.iter().map(Vec::as_slice).collect()).collect();
    let views: Vec<&[&[u8]]> = slices.iter().map(Vec::as_slice).collect();
    let expected: Vec<([u8; 20], [u8; 32])> = messages
        .iter()
        .map(|message| {
            let whole = message.concat();
            (Sha1::digest(&whole).into(), Sha256::digest(&whole).into())
        })
        .collect();
    for backend in [Backend::Single, Backend::Lanes8, Backend::Lanes16] {
        let both = sha1_many_with(backend, &views).zip(sha256_many_with(backend, &views));
        if let Some((sha1, sha256)) = both {
            assert!(sha1.into_iter().zip(sha256).eq(expected.iter().copied()), "{backend:?}");
        }
    }
    assert!(sha1_many(&views).into_iter().zip(sha256_many(&views)).eq(expected));
}

#[test]
fn padding_at_every_length_around_a_block() {
    check(&(0..200).map(|length| vec![vec![0x5a; length]]).collect::<Vec<_>>());
}

#[test]
fn more_messages_than_lanes_and_none() {
    check(&[]);
    check(&(0..50).map(|i| vec![vec![i as u8; 1000 + 64 * i]]).collect::<Vec<_>>());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_messages_in_any_slices(
        messages in prop::collection::vec(prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..6), 0..40)
    ) {
        check(&messages);
    }
}

#[test]
fn streams_side_by_side_in_steps() {
    for count in [1, 3, 7, 16, 20] {
        for length in [0, 63, 64, 1000, 4096] {
            let messages: Vec<Vec<u8>> = (0..count).map(|i| vec![i as u8; length]).collect();
            let mut streams = vec![Sha1Stream::default(); count];
            let mut done = 0;
            while length - done >= 64 {
                let end = length.min(done + 640);
                let mut rows: Vec<_> =
                    streams.iter_mut().zip(&messages).map(|(stream, m)| (stream, &m[done..end])).collect();
                done += sha1_advance(&mut rows);
            }
            for (stream, message) in streams.into_iter().zip(&messages) {
                let expected: [u8; 20] = Sha1::digest(message).into();
                assert_eq!(stream.finish(&message[done..]), expected, "{count} of {length} bytes");
            }
        }
    }
    assert_eq!(sha1_advance(&mut []), 0);
}

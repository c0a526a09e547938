//! Every backend against the `sha1` and `sha2` crates.

use hash::{Backend, sha1_many, sha1_many_with, sha256_many, sha256_many_with};
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

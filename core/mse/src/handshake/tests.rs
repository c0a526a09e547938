use super::*;
use crate::exchange::VERIFICATION;
use crate::hidden_name;
use crate::keys::{KEY, KeyPair};
use crate::limits::{INITIAL_PAYLOAD, PAD};
use proptest::prelude::*;

const TORRENT: [u8; 20] = [7; 20];
const BOTH: [Method; 2] = [Method::Rc4, Method::Plain];

type End = Result<Secured, Fault>;

/// Lets both ends talk, so many bytes at a time, until neither has more to say. The acceptor has [`TORRENT`].
fn talk(opener: &mut Handshake, acceptor: &mut Handshake, at_once: usize) -> [Option<End>; 2] {
    loop {
        let (mut there, mut back) = (Vec::new(), Vec::new());
        let told = opener.poll_transmit(&mut there) | acceptor.poll_transmit(&mut back);
        if !told {
            return [opener.poll_end(), acceptor.poll_end()];
        }
        for bytes in there.chunks(at_once) {
            acceptor.handle_bytes(bytes);
            if let Some(name) = acceptor.poll_lookup() {
                acceptor.handle_lookup(Some(TORRENT).filter(|ours| hidden_name(ours) == name));
            }
        }
        back.chunks(at_once).for_each(|bytes| opener.handle_bytes(bytes));
    }
}

fn meet(offers: &[Method], choices: &[Method], seed: u64, at_once: usize) -> [Option<End>; 2] {
    let mut opener = Handshake::open(TORRENT, offers, b"first words", seed);
    talk(&mut opener, &mut Handshake::accept(choices, !seed), at_once)
}

/// What the best acceptor of an offer makes of bytes that are sent in place of the opener's behind its key.
fn accept(after_key: impl FnOnce(&mut Exchange)) -> Option<Fault> {
    let mut acceptor = Handshake::accept(&BOTH, 1);
    let mut exchange = Exchange::new(2);
    exchange.send_key();
    let mut bytes = Vec::new();
    exchange.transmit(&mut bytes);
    acceptor.handle_bytes(&bytes);
    bytes.clear();
    acceptor.poll_transmit(&mut bytes);
    exchange.receive(&bytes);
    after_key(&mut exchange);
    bytes.clear();
    exchange.transmit(&mut bytes);
    acceptor.handle_bytes(&bytes);
    if acceptor.poll_lookup().is_some() {
        acceptor.handle_lookup(Some(TORRENT));
    }
    acceptor.poll_end()?.err()
}

/// The opener's part up to its offer, with an offer of our own in place of its own.
fn offer(exchange: &mut Exchange, parts: &[&[u8]]) {
    let secret = exchange.take_key().expect("a key came").expect("a good one");
    exchange.send(&secret.mark());
    exchange.send(&secret.veil(hidden_name(&TORRENT)));
    let (inbound, outbound) = (secret.of_acceptor(&TORRENT), secret.of_opener(&TORRENT));
    exchange.set_ciphers(Ciphers { inbound, outbound });
    for part in parts {
        exchange.send_secret(part);
    }
}

#[test]
fn the_acceptor_chooses_among_what_is_offered() {
    use Method::{Plain, Rc4};
    for (offers, choices, chosen) in [
        (&[Rc4, Plain][..], &[Rc4, Plain][..], Some(Rc4)),
        (&[Rc4, Plain], &[Plain, Rc4], Some(Plain)),
        (&[Plain], &[Rc4, Plain], Some(Plain)),
        (&[Rc4], &[Plain, Rc4], Some(Rc4)),
        (&[Plain], &[Rc4], None),
        (&[Rc4], &[Plain], None),
    ] {
        let [here, there] = meet(offers, choices, 5, 1000);
        match chosen {
            Some(method) => {
                let (here, there) = (here.expect("an end"), there.expect("an end"));
                let (here, there) = (here.expect("agreed"), there.expect("agreed"));
                assert_eq!(here.ciphers.is_some(), method == Rc4);
                assert_eq!(there.ciphers.is_some(), method == Rc4);
                assert_eq!(there.received, b"first words");
            }
            None => assert_eq!(there.and_then(End::err), Some(Fault::NoMethod)),
        }
    }
}

#[test]
fn what_comes_glued_behind_the_handshake_is_kept() {
    for method in [Method::Rc4, Method::Plain] {
        let mut opener = Handshake::open(TORRENT, &BOTH, b"first", 3);
        let mut acceptor = Handshake::accept(&[method], 4);
        let mut bytes = Vec::new();
        for _ in 0..2 {
            bytes.clear();
            opener.poll_transmit(&mut bytes);
            acceptor.handle_bytes(&bytes);
            if acceptor.poll_lookup().is_some() {
                acceptor.handle_lookup(Some(TORRENT));
            }
            bytes.clear();
            acceptor.poll_transmit(&mut bytes);
            if let Some(Ok(mut secured)) = acceptor.poll_end() {
                let mut glued = *b"glued behind";
                if let Some(ciphers) = &mut secured.ciphers {
                    ciphers.outbound.apply(&mut glued);
                }
                bytes.extend_from_slice(&glued);
            }
            opener.handle_bytes(&bytes);
        }
        assert_eq!(opener.poll_end().expect("over").expect("well").received, b"glued behind");
    }
}

#[test]
fn a_torrent_that_is_not_here_ends_it_without_an_answer() {
    let mut opener = Handshake::open([8; 20], &BOTH, &[], 1);
    let mut acceptor = Handshake::accept(&BOTH, 2);
    let [here, there] = talk(&mut opener, &mut acceptor, 1000);
    assert!(here.is_none());
    assert_eq!(there.and_then(End::err), Some(Fault::UnknownTorrent));
}

#[test]
fn weak_keys_and_endless_padding_are_refused() {
    let mut weak = [0; KEY];
    weak[KEY - 1] = 1;
    let mut acceptor = Handshake::accept(&BOTH, 1);
    acceptor.handle_bytes(&weak);
    assert_eq!(acceptor.poll_end().and_then(End::err), Some(Fault::WeakKey));
    let mut opener = Handshake::open(TORRENT, &BOTH, &[], 1);
    opener.handle_bytes(&weak);
    assert_eq!(opener.poll_end().and_then(End::err), Some(Fault::WeakKey));

    let key = KeyPair::new(&mut fastrand::Rng::with_seed(9)).public();
    for (mut end, mark) in [(Handshake::accept(&BOTH, 1), 20), (Handshake::open(TORRENT, &BOTH, &[], 1), 8)] {
        end.handle_bytes(&key);
        end.handle_bytes(&vec![0; PAD + mark - 1]);
        assert!(end.poll_end().is_none(), "a mark may still come");
        end.handle_bytes(&[0]);
        assert_eq!(end.poll_end().and_then(End::err), Some(Fault::NoMark));
    }
}

#[test]
fn padding_counts_up_to_its_bound() {
    let longest: [&[u8]; 5] = [&VERIFICATION, &[0, 0, 0, 3], &512u16.to_be_bytes(), &[0; PAD], &[0, 0]];
    assert_eq!(accept(|exchange| offer(exchange, &longest)), None);
    // With the random bytes behind the key this is more than may lie before the mark.
    let too_much = |exchange: &mut Exchange| {
        exchange.send(&[0xaa; PAD]);
        offer(exchange, &longest);
    };
    assert_eq!(accept(too_much), Some(Fault::NoMark));
}

#[test]
fn offers_that_break_the_rules_are_refused() {
    let cases: [(&[&[u8]], Fault); 5] = [
        (&[&[1; 8], &[0, 0, 0, 3], &[0, 0, 0, 0]], Fault::BadVerification),
        (&[&VERIFICATION, &[0, 0, 0, 0], &[0, 0, 0, 0]], Fault::NoMethod),
        (&[&VERIFICATION, &[0, 0, 0, 4], &[0, 0, 0, 0]], Fault::NoMethod),
        (&[&VERIFICATION, &[0, 0, 0, 3], &[2, 1, 0, 0]], Fault::TooMuch),
        (&[&VERIFICATION, &[0, 0, 0, 3], &[0, 0, 0xff, 0xff]], Fault::TooMuch),
    ];
    for (parts, fault) in cases {
        assert_eq!(accept(|exchange| offer(exchange, parts)), Some(fault), "{parts:?}");
    }
}

#[test]
fn a_choice_that_was_not_offered_is_refused() {
    let mut opener = Handshake::open(TORRENT, &[Method::Rc4], &[], 1);
    let mut exchange = Exchange::new(2);
    let mut bytes = Vec::new();
    opener.poll_transmit(&mut bytes);
    exchange.receive(&bytes);
    let secret = exchange.take_key().expect("a key came").expect("a good one");
    exchange.send_key();
    let (inbound, outbound) = (secret.of_opener(&TORRENT), secret.of_acceptor(&TORRENT));
    exchange.set_ciphers(Ciphers { inbound, outbound });
    for part in [&VERIFICATION[..], &[0, 0, 0, 1], &[0, 0]] {
        exchange.send_secret(part);
    }
    bytes.clear();
    exchange.transmit(&mut bytes);
    opener.handle_bytes(&bytes);
    assert_eq!(opener.poll_end().and_then(End::err), Some(Fault::NoMethod));
}

#[test]
fn what_was_recorded_is_worth_nothing_to_another_acceptor() {
    let mut opener = Handshake::open(TORRENT, &BOTH, b"hello", 1);
    let mut acceptor = Handshake::accept(&BOTH, 2);
    let mut replayed = Handshake::accept(&BOTH, 3);
    for _ in 0..2 {
        let mut bytes = Vec::new();
        opener.poll_transmit(&mut bytes);
        replayed.handle_bytes(&bytes);
        acceptor.handle_bytes(&bytes);
        if acceptor.poll_lookup().is_some() {
            acceptor.handle_lookup(Some(TORRENT));
        }
        bytes.clear();
        acceptor.poll_transmit(&mut bytes);
        opener.handle_bytes(&bytes);
    }
    assert!(acceptor.poll_end().is_some_and(|end| end.is_ok()));
    assert_eq!(replayed.poll_lookup(), None);
}

proptest! {
    #[test]
    fn any_two_ends_agree_however_their_bytes_are_cut(seed: u64, at_once in 1usize..2000) {
        let [here, there] = meet(&BOTH, &BOTH, seed, at_once);
        let (mut here, mut there) = (here.unwrap().unwrap(), there.unwrap().unwrap());
        prop_assert_eq!(&there.received, b"first words");
        let mut bytes = [seed as u8; 100];
        here.ciphers.as_mut().unwrap().outbound.apply(&mut bytes);
        there.ciphers.as_mut().unwrap().inbound.apply(&mut bytes);
        prop_assert_eq!(bytes, [seed as u8; 100]);
        there.ciphers.as_mut().unwrap().outbound.apply(&mut bytes);
        here.ciphers.as_mut().unwrap().inbound.apply(&mut bytes);
        prop_assert_eq!(bytes, [seed as u8; 100]);
    }

    #[test]
    fn random_bytes_never_panic_and_are_never_kept(
        parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..700), 0..60),
        opens: bool,
    ) {
        let mut end = if opens { Handshake::open(TORRENT, &BOTH, &[], 1) } else { Handshake::accept(&BOTH, 1) };
        let mut all = 0;
        for part in &parts {
            end.handle_bytes(part);
            all += part.len();
            if end.poll_lookup().is_some() {
                end.handle_lookup(Some(TORRENT));
            }
        }
        let least = KEY + PAD + 20;
        prop_assert!(all < least || end.is_over, "noise must end it");
    }

    #[test]
    fn a_good_beginning_followed_by_noise_never_panics(
        noise in proptest::collection::vec(any::<u8>(), 0..INITIAL_PAYLOAD),
        at in 0usize..1400,
    ) {
        let mut opener = Handshake::open(TORRENT, &BOTH, &[1; 68], 1);
        let mut acceptor = Handshake::accept(&BOTH, 2);
        let mut bytes = Vec::new();
        opener.poll_transmit(&mut bytes);
        acceptor.handle_bytes(&bytes);
        let mut answer = Vec::new();
        acceptor.poll_transmit(&mut answer);
        opener.handle_bytes(&answer);
        bytes.clear();
        opener.poll_transmit(&mut bytes);
        let kept = at.min(bytes.len());
        acceptor.handle_bytes(&bytes[..kept]);
        if acceptor.poll_lookup().is_some() {
            acceptor.handle_lookup(Some(TORRENT));
        }
        acceptor.handle_bytes(&noise);
        acceptor.poll_transmit(&mut answer);
        opener.handle_bytes(&noise);
    }
}

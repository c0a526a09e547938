use super::forge::{Forged, Order, THEN, armored, certificate, packet, subkey};
use crate::hash::Pass;
use crate::keys::Keys;
use crate::signature::{Signature, SignatureError, open_signed};
use proptest::prelude::*;

const DATA: &[u8] = b"an image";
const NOW: u64 = THEN as u64 + 1000;
const SIGN: &[u8] = &[0x02];
const CERTIFY: &[u8] = &[0x01];

fn binary() -> Order {
    Order::new(0)
}

/// A key that may sign.
fn plain(key: &Forged) -> Vec<u8> {
    certificate(key, &[], &[Order::new(0x13).with(27, SIGN)])
}

fn checked(certificate: &[u8], signature: &[u8]) -> Result<String, SignatureError> {
    let keys = Keys::parse(certificate).expect("a key");
    Signature::parse(signature)?.check_document(&keys, DATA, NOW)
}

fn signed(key: &Forged, order: &Order) -> Vec<u8> {
    packet(2, &key.sign(order, DATA))
}

#[test]
fn a_good_signature_in_every_wrapping() {
    let key = Forged::new(1);
    let (certificate, signature) = (plain(&key), signed(&key, &binary()));
    let signer = crate::sum::to_hex(&key.fingerprint()).to_uppercase();
    assert_eq!(checked(&certificate, &signature), Ok(signer.clone()));
    let wrapped = armored("SIGNATURE", &signature);
    let certificate = armored("PUBLIC KEY BLOCK", &certificate);
    assert_eq!(checked(certificate.as_bytes(), wrapped.as_bytes()), Ok(signer.clone()));
    let other = signed(&Forged::new(2), &binary());
    let both = [other, signature].concat();
    assert_eq!(checked(certificate.as_bytes(), &both), Ok(signer), "one of several is enough");
}

#[test]
fn a_stream_is_as_good_as_a_document() {
    let key = Forged::new(1);
    let keys = Keys::parse(&plain(&key)).unwrap();
    let signature = Signature::parse(&signed(&key, &binary())).unwrap();
    let mut pass = Pass::default();
    signature.want(&keys, &mut pass);
    DATA.chunks(3).for_each(|part| pass.update(part));
    assert!(signature.check(&keys, &pass, NOW).is_ok());
    let text = Signature::parse(&signed(&key, &Order::new(1))).unwrap();
    assert_eq!(text.check(&keys, &pass, NOW), Err(SignatureError::Unsupported), "an image is no text");
}

#[test]
fn other_bytes_and_other_keys_fail() {
    let key = Forged::new(1);
    let mut changed = signed(&key, &binary());
    let last = changed.len() - 1;
    changed[last] ^= 1;
    assert!(matches!(checked(&plain(&key), &changed), Err(SignatureError::Bad(_))));
    let elsewhere = packet(2, &key.sign(&binary(), b"another image"));
    assert!(matches!(checked(&plain(&key), &elsewhere), Err(SignatureError::Bad(_))));
    let other = signed(&Forged::new(2), &binary());
    assert!(matches!(checked(&plain(&key), &other), Err(SignatureError::OtherKey { .. })));
}

#[test]
fn revoked_and_expired_keys_sign_nothing() {
    let key = Forged::new(1);
    let signature = signed(&key, &binary());
    let word = || Order::new(0x13).with(27, SIGN);
    let revoked = certificate(&key, &[Order::new(0x20)], &[word()]);
    assert!(matches!(checked(&revoked, &signature), Err(SignatureError::Revoked(_))));
    let lifetime = |seconds: u32| seconds.to_be_bytes().to_vec();
    let expired = certificate(&key, &[], &[word().with(9, &lifetime(500))]);
    assert!(matches!(checked(&expired, &signature), Err(SignatureError::KeyExpired(_))));
    let prolonged = [word().with(9, &lifetime(500)), word().with(9, &lifetime(5000)).at(THEN + 100)];
    assert!(checked(&certificate(&key, &[], &prolonged), &signature).is_ok(), "the newest word counts");
    let shortened = [word(), word().with(9, &lifetime(500)).at(THEN + 100)];
    let shortened = certificate(&key, &[], &shortened);
    assert!(matches!(checked(&shortened, &signature), Err(SignatureError::KeyExpired(_))));
}

#[test]
fn strangers_neither_revoke_nor_vouch() {
    let (key, stranger) = (Forged::new(1), Forged::new(2));
    let mut certificate = packet(6, &key.body);
    certificate.extend(packet(2, &stranger.sign(&Order::new(0x20), &key.hashed())));
    let certificate = [certificate, plain(&key)[packet(6, &key.body).len()..].to_vec()].concat();
    assert!(checked(&certificate, &signed(&key, &binary())).is_ok());
    let bare = [packet(6, &key.body), packet(13, b"A")].concat();
    let error = checked(&bare, &signed(&key, &binary())).unwrap_err();
    assert!(matches!(error, SignatureError::NotForSigning(_)), "{error}");
    let revoked_user = [Order::new(0x13).with(27, SIGN), Order::new(0x30).at(THEN + 1)];
    let revoked_user = super::forge::certificate(&key, &[], &revoked_user);
    assert!(checked(&revoked_user, &signed(&key, &binary())).is_err());
}

#[test]
fn subkeys_need_consent_and_the_right_to_sign() {
    let (key, sub) = (Forged::new(1), Forged::new(2));
    let primary = certificate(&key, &[], &[Order::new(0x13).with(27, CERTIFY)]);
    let signature = signed(&sub, &binary());
    let outcome = |orders: &[Order], consent: Option<&Forged>| {
        checked(&[primary.clone(), subkey(&key, &sub, orders, consent)].concat(), &signature)
    };
    let binding = || Order::new(0x18).with(27, SIGN);
    let signer = crate::sum::to_hex(&key.fingerprint()).to_uppercase();
    assert_eq!(outcome(&[binding()], Some(&sub)), Ok(signer), "told is the primary key");
    for (orders, consent) in [
        (vec![binding()], None),
        (vec![binding()], Some(&key)),
        (vec![Order::new(0x18).with(27, &[0x0c])], Some(&sub)),
        (vec![Order::new(0x18)], Some(&sub)),
        (vec![], Some(&sub)),
    ] {
        assert!(matches!(outcome(&orders, consent), Err(SignatureError::NotForSigning(_))));
    }
    let expired = outcome(&[binding().with(9, &500_u32.to_be_bytes())], Some(&sub));
    assert!(matches!(expired, Err(SignatureError::KeyExpired(_))));
    let revoked = outcome(&[binding(), Order::new(0x28)], Some(&sub));
    assert!(matches!(revoked, Err(SignatureError::Revoked(_))));
    let by_primary = checked(&primary, &signed(&key, &binary()));
    assert!(matches!(by_primary, Err(SignatureError::NotForSigning(_))), "it may only certify");
}

#[test]
fn a_signature_has_its_time_and_its_kind() {
    let key = Forged::new(1);
    let outcome = |order: &Order| checked(&plain(&key), &signed(&key, order));
    let short = binary().with(3, &100_u32.to_be_bytes());
    assert!(matches!(outcome(&short), Err(SignatureError::OutOfTime(_))));
    assert!(matches!(outcome(&binary().at(THEN + 200_000)), Err(SignatureError::OutOfTime(_))));
    assert!(matches!(outcome(&binary().at(THEN - 200_000)), Err(SignatureError::OutOfTime(_))));
    assert!(outcome(&Order::new(1)).is_ok(), "a document may be a text");
    assert_eq!(outcome(&Order::new(0x13)), Err(SignatureError::Unsupported));
    let weak = Order { hash: 2, ..binary() };
    assert_eq!(outcome(&weak), Err(SignatureError::WeakHash));
    let critical = binary().with(0x80 | 0x64, b"?");
    assert!(matches!(outcome(&critical), Err(SignatureError::Bad(_))));
    assert!(outcome(&binary().with(0x64, b"?")).is_ok());
}

#[test]
fn what_is_not_a_detached_signature_says_so() {
    let key = Forged::new(1);
    let signature = signed(&key, &binary());
    assert_eq!(Signature::parse(b"<html>").err(), Some(SignatureError::Unreadable));
    assert_eq!(Signature::parse(&signature[..40]).err(), Some(SignatureError::Unreadable));
    assert_eq!(Signature::parse(&[]).err(), Some(SignatureError::Unsupported));
    let attached = [packet(4, &[3]), packet(11, b"b"), signature.clone()].concat();
    assert_eq!(Signature::parse(&attached).err(), Some(SignatureError::Unreadable));
    let inline = cleartext(&key, "hello", "");
    assert_eq!(Signature::parse(inline.as_bytes()).err(), Some(SignatureError::Inline));
}

fn cleartext(key: &Forged, text: &str, more: &str) -> String {
    let signature = packet(2, &key.sign(&Order::new(1), text.replace('\n', "\r\n").as_bytes()));
    format!(
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{text}{more}\n{}",
        armored("SIGNATURE", &signature)
    )
}

#[test]
fn only_the_signed_text_comes_out() {
    let key = Forged::new(1);
    let keys = Keys::parse(&plain(&key)).unwrap();
    let open = |file: &str| open_signed(file.as_bytes(), &keys, NOW);
    let (text, _) = open(&cleartext(&key, "a\nb", "")).unwrap().unwrap();
    assert_eq!(text, "a\nb\n");
    assert!(matches!(open(&cleartext(&key, "a\nb", "c")), Some(Err(SignatureError::Bad(_)))));
    assert_eq!(open(&format!("c\n{}", cleartext(&key, "a", ""))), Some(Err(SignatureError::TextAround)));
    assert_eq!(open("a\nb\n"), None);
    let other = cleartext(&Forged::new(2), "a", "");
    assert!(matches!(open(&other), Some(Err(SignatureError::OtherKey { .. }))));
}

#[test]
fn keys_are_chosen_by_their_fingerprint() {
    let (key, other) = (Forged::new(1), Forged::new(2));
    let both = [plain(&other), plain(&key)].concat();
    let fingerprint = crate::openpgp::Fingerprint::parse(&crate::sum::to_hex(&key.fingerprint())).unwrap();
    let keys = Keys::parse(&both).unwrap().only(&[fingerprint]);
    let signature = Signature::parse(&signed(&other, &binary())).unwrap();
    assert!(signature.check_document(&keys, DATA, NOW).is_err());
    let signature = Signature::parse(&signed(&key, &binary())).unwrap();
    assert!(signature.check_document(&keys, DATA, NOW).is_ok());
}

proptest! {
    #[test]
    fn no_bytes_are_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let key = Forged::new(1);
        let keys = Keys::parse(&plain(&key)).unwrap();
        for data in [bytes.clone(), packet(2, &bytes), packet(2, &[&[4, 0, 22, 10][..], &bytes].concat())] {
            if let Ok(signature) = Signature::parse(&data) {
                prop_assert!(signature.check_document(&keys, DATA, NOW).is_err());
            }
            let _ = Keys::parse(&data);
            let _ = Keys::parse(&[packet(6, &key.body), data].concat());
        }
    }

    #[test]
    fn no_changed_bit_is_overlooked(at in 0_usize..1000, bit in 0_u8..8) {
        let key = Forged::new(1);
        // The unhashed part holds hints only; everything before it is signed, everything behind it signs.
        let mut changed = signed(&key, &binary());
        let at = at % changed.len();
        changed[at] ^= 1 << bit;
        let hints = 2 + 4 + 2 + 6 + 2..2 + 4 + 2 + 6 + 2 + 10;
        if !hints.contains(&at) && at > 1 {
            prop_assert!(checked(&plain(&key), &changed).is_err(), "byte {at}");
        }
    }
}

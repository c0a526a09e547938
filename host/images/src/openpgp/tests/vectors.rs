//! What GnuPG made, once: `data/` holds its keys and its signatures of the bytes below.

use crate::hash::Pass;
use crate::keys::Keys;
use crate::signature::{Signature, SignatureError, open_signed};

const RSA: &[u8] = include_bytes!("data/rsa.asc");
const RSA_SIGNATURE: &[u8] = include_bytes!("data/image.sig.asc");
const ED25519: &[u8] = include_bytes!("data/ed25519.asc");
const ED25519_SIGNATURE: &[u8] = include_bytes!("data/ed25519.sig.asc");
const CLEARSIGNED: &[u8] = include_bytes!("data/clearsigned.txt");

/// Some day in 2026; the keys are of 2024.
const NOW: u64 = 1_790_000_000;

fn image() -> Vec<u8> {
    (0_u64..300_000).map(|i| ((i * i / 7 + i) % 251) as u8).collect()
}

fn signer(key: &[u8], signature: &[u8], data: &[u8]) -> Result<String, SignatureError> {
    let keys = Keys::parse(key).expect("a key");
    let signature = Signature::parse(signature)?;
    let mut pass = Pass::default();
    signature.want(&keys, &mut pass);
    pass.update(data);
    signature.check(&keys, &pass, NOW)
}

#[test]
fn gnupgs_signatures_hold() {
    let rsa = signer(RSA, RSA_SIGNATURE, &image());
    assert_eq!(rsa.as_deref(), Ok("48EACB48BF5F87AD6368575FBE001A56E4813149"));
    let ed25519 = signer(ED25519, ED25519_SIGNATURE, &image());
    assert_eq!(ed25519.as_deref(), Ok("F7D59208D2E76B28934AA8697A52BF04C735AB86"));
}

#[test]
fn one_changed_byte_is_enough() {
    let mut image = image();
    image[123_456] ^= 1;
    for (key, signature) in [(RSA, RSA_SIGNATURE), (ED25519, ED25519_SIGNATURE)] {
        assert!(matches!(signer(key, signature, &image), Err(SignatureError::Bad(_))));
    }
    assert!(matches!(signer(RSA, ED25519_SIGNATURE, &image), Err(SignatureError::OtherKey { .. })));
}

#[test]
fn gnupgs_clearsigned_text_is_opened() {
    let keys = Keys::parse(RSA).unwrap();
    let (text, _) = open_signed(CLEARSIGNED, &keys, NOW).unwrap().unwrap();
    assert_eq!(text, "first\n- dashed\ntrailing\n");
    let changed = String::from_utf8_lossy(CLEARSIGNED).replace("first", "First");
    assert!(matches!(open_signed(changed.as_bytes(), &keys, NOW), Some(Err(SignatureError::Bad(_)))));
}

use super::*;
use crate::signing;

fn hex<const N: usize>(text: &str) -> [u8; N] {
    std::array::from_fn(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
}

/// Test 2 of BEP 44: a mutable item with salt.
fn vector() -> MutableItem {
    MutableItem {
        key: hex("77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548"),
        salt: b"foobar".to_vec(),
        sequence: 1,
        signature: hex(
            "6834284b6b24c3204eb2fea824d82f88883a3d95e8b4a21b8c0ded553d17d17ddf9a8a7104b1258f30bed3787e6cb896fca78c58f8e0\
             3b5f18f14951a87d9a08",
        ),
        value: b"12:Hello World!".to_vec(),
    }
}

#[test]
fn the_mutable_item_of_the_specification() {
    let item = vector();
    assert_eq!(signed_bytes(&item.salt, 1, &item.value), b"4:salt6:foobar3:seqi1e1:v12:Hello World!");
    assert_eq!(signed_bytes(b"", 4, b"1:x"), b"3:seqi4e1:v1:x");
    let item = Item::Mutable(item);
    assert_eq!(item.target(), Id(hex("411eba73b6f087ca51a3795d9c8c938d365e32c1")));
    assert_eq!(item.check(signing::verify), Ok(()));
}

#[test]
fn the_immutable_item_of_the_specification() {
    let item = Item::Immutable { value: b"12:Hello World!".to_vec() };
    assert_eq!(item.target(), Id(hex("e5f96f6f38320f0f33959cb4d3d656452117aadb")));
    assert_eq!(item.check(signing::verify), Ok(()));
}

#[test]
fn a_signature_covers_salt_number_and_value() {
    let wrong: [fn(&mut MutableItem); 4] = [
        |item| item.salt = Vec::new(),
        |item| item.sequence = 2,
        |item| item.value = b"12:Hello World?".to_vec(),
        |item| item.signature[3] ^= 1,
    ];
    for change in wrong {
        let mut item = vector();
        change(&mut item);
        assert_eq!(Item::Mutable(item).check(signing::verify), Err(ItemFault::BadSignature));
    }
}

#[test]
fn keys_that_prove_nobody_are_refused() {
    for key in [
        [0; 32],
        hex("0100000000000000000000000000000000000000000000000000000000000000"),
        hex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        hex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"),
        hex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85"),
    ] {
        let item = Item::Mutable(MutableItem { key, ..vector() });
        // Even where the arithmetic would hold.
        assert_eq!(item.check(|_, _, _| true), Err(ItemFault::BadSignature));
    }
}

#[test]
fn sizes_are_bounded() {
    let value =
        |bytes: usize| Item::Immutable { value: format!("{}:{}", bytes, "v".repeat(bytes)).into_bytes() };
    assert_eq!(value(996).check(signing::verify), Ok(()));
    assert_eq!(value(997).check(signing::verify), Err(ItemFault::TooBig));
    let salted = |bytes: usize| Item::Mutable(MutableItem { salt: vec![b's'; bytes], ..vector() });
    assert_eq!(salted(65).check(|_, _, _| true), Err(ItemFault::SaltTooBig));
    assert_eq!(salted(64).check(|_, _, _| true), Ok(()));
    let negative = Item::Mutable(MutableItem { sequence: -1, ..vector() });
    assert_eq!(negative.check(|_, _, _| true), Err(ItemFault::BadSequence));
}

#[test]
fn values_are_canonical_or_refused() {
    for value in [&b"d1:bi1e1:ai2ee"[..], b"d1:ai1e1:ai2ee", b"i-0e", b"i03e", b"02:ab", b"", b"1:ab", b"i1"]
    {
        let item = Item::Immutable { value: value.to_vec() };
        assert_eq!(item.check(signing::verify), Err(ItemFault::NotCanonical), "{}", value.escape_ascii());
    }
    let deep = [b"l".repeat(400), b"e".repeat(400)].concat();
    assert_eq!(Item::Immutable { value: deep }.check(signing::verify), Err(ItemFault::NotCanonical));
    let fine = Item::Immutable { value: b"d1:ali1ei-2e0:e1:bd1:x1:yee".to_vec() };
    assert_eq!(fine.check(signing::verify), Ok(()));
}

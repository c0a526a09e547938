use crate::{DictWriter, Document, Fault, Limits, ListWriter, Value, decode, decode_prefix};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn fault(input: &[u8]) -> (usize, Fault) {
    let error = decode(input, Limits::default()).expect_err("must be refused");
    (error.offset, error.fault)
}

fn read(input: &[u8]) -> Document<'_> {
    decode(input, Limits::default()).expect("must be read")
}

#[test]
fn values_of_each_kind() {
    assert_eq!(read(b"i12453e").root().integer(), Some(12453));
    assert_eq!(read(b"i-9223372036854775808e").root().integer(), Some(i64::MIN));
    assert_eq!(read(b"26:abcdefghijklmnopqrstuvwxyz").root().bytes().map(<[u8]>::len), Some(26));
    let document = read(b"d1:ai1e1:b3:foo1:cli1ei2ee1:dd1:xi1eee");
    let root = document.root();
    assert_eq!(root.get(b"b").and_then(Value::text), Some("foo"));
    let numbers: Vec<_> = root.get(b"c").unwrap().list().unwrap().map(Value::integer).collect();
    assert_eq!(numbers, [Some(1), Some(2)]);
    assert_eq!(root.get(b"d").map(|value| (value.raw(), value.offset())), Some((&b"d1:xi1ee"[..], 29)));
    assert_eq!(root.get(b"a").map(|value| (value.bytes(), value.get(b"x").is_none())), Some((None, true)));
    assert_eq!(read(b"d3:a\0bi1ee").root().dict().unwrap().next().unwrap().0, b"a\0b");
}

#[test]
fn what_can_only_mean_one_thing_is_read() {
    assert_eq!(read(b"06:foobar").root().bytes(), Some(&b"foobar"[..]));
    assert_eq!(read(b"i-007e").root().integer(), Some(-7));
    let unsorted = read(b"d2:bbi1e2:aai2e2:bbi3ee");
    assert_eq!(unsorted.root().get(b"bb").and_then(Value::integer), Some(1));
    assert_eq!(unsorted.root().dict().map(Iterator::count), Some(3));
    assert_eq!(read(b"i18446744073709551615e").root().integer(), None);
}

#[test]
fn faults_name_their_byte() {
    let cases: [(&[u8], usize, Fault); 22] = [
        (b"", 0, Fault::Truncated),
        (b"e", 0, Fault::ExpectedValue),
        (b"d1:ai1e1:be", 10, Fault::MissingValue),
        (b"-10:foobar", 0, Fault::ExpectedValue),
        (b"99999999:foobar", 0, Fault::StringTooLong),
        (b"9223372036854775808:abc", 0, Fault::StringTooLong),
        (b"99999999999999999999999999999:abc", 0, Fault::StringTooLong),
        (b"ie", 1, Fault::ExpectedDigit),
        (b"i-e", 2, Fault::ExpectedDigit),
        (b"i35412-5633e", 6, Fault::ExpectedDigit),
        (b"i184467440737095516154e", 21, Fault::IntegerTooBig),
        (b"i92337203t854775807e", 9, Fault::ExpectedDigit),
        (b"i-0e", 0, Fault::MinusZero),
        (b"l2:..0", 6, Fault::Truncated),
        (b"d1000:", 1, Fault::StringTooLong),
        (b"d1000", 5, Fault::Truncated),
        (b"df00:", 1, Fault::ExpectedKey),
        (b"di1ei2ee", 1, Fault::ExpectedKey),
        (b"i10", 3, Fault::Truncated),
        (b"4spam", 1, Fault::ExpectedColon),
        (b"d1:ai1e1:b3:foo1:cli1e-i2eee", 22, Fault::ExpectedValue),
        (b"de\n", 2, Fault::Trailing),
    ];
    for (input, offset, expected) in cases {
        assert_eq!(fault(input), (offset, expected), "{}", input.escape_ascii());
    }
    let text = decode(b"d1:ae", Limits::default()).unwrap_err().to_string();
    assert_eq!(text, "not valid bencode at byte 4: a key without a value");
}

#[test]
fn limits_hold() {
    let mut bomb = vec![b'l'; 1_000_000];
    bomb.extend(vec![b'e'; 1_000_000]);
    assert_eq!(fault(&bomb), (100, Fault::TooDeep(100)));
    let deepest = [vec![b'l'; 100], vec![b'e'; 100]].concat();
    assert!(decode(&deepest, Limits::default()).is_ok());
    let wide = [&b"l"[..], &b"le".repeat(100_000), b"e"].concat();
    assert_eq!(fault(&wide).1, Fault::TooManyTokens(100_000));
    assert_eq!(fault(&vec![b'l'; (2 << 20) + 1]).1, Fault::TooLong(2 << 20));
}

#[test]
fn a_prefix_tells_where_the_rest_begins() {
    let message = b"d8:msg_typei1e5:piecei0eeDATA";
    let (document, used) = decode_prefix(message, Limits::default()).expect("a dict and data");
    assert_eq!(
        (document.root().get(b"msg_type").and_then(Value::integer), &message[used..]),
        (Some(1), &b"DATA"[..])
    );
}

#[derive(Clone, PartialEq, Debug)]
enum Tree {
    Integer(i64),
    Bytes(Vec<u8>),
    List(Vec<Tree>),
    Dict(BTreeMap<Vec<u8>, Tree>),
}

impl Tree {
    fn encode(&self) -> Vec<u8> {
        match self {
            Self::Integer(value) => format!("i{value}e").into_bytes(),
            Self::Bytes(bytes) => [format!("{}:", bytes.len()).as_bytes(), bytes].concat(),
            Self::List(items) => {
                let mut list = ListWriter::new();
                for item in items {
                    list.raw(item.encode());
                }
                list.encode()
            }
            Self::Dict(entries) => {
                let mut dict = DictWriter::new();
                for (key, value) in entries {
                    dict.raw(key, value.encode());
                }
                dict.encode()
            }
        }
    }

    fn of(value: Value<'_, '_>) -> Self {
        if let Some(list) = value.list() {
            return Self::List(list.map(Self::of).collect());
        }
        if let Some(dict) = value.dict() {
            return Self::Dict(dict.map(|(key, value)| (key.to_vec(), Self::of(value))).collect());
        }
        let bytes = value.bytes().map(|bytes| Self::Bytes(bytes.to_vec()));
        bytes.unwrap_or_else(|| Self::Integer(value.integer().expect("nothing else is left")))
    }
}

fn tree() -> impl Strategy<Value = Tree> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..12);
    let leaf = prop_oneof![any::<i64>().prop_map(Tree::Integer), bytes().prop_map(Tree::Bytes)];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Tree::List),
            prop::collection::btree_map(bytes(), inner, 0..6).prop_map(Tree::Dict),
        ]
    })
}

proptest! {
    #[test]
    fn encoding_and_decoding_are_inverse(tree in tree()) {
        let encoded = tree.encode();
        let document = decode(&encoded, Limits::default()).expect("our own encoding");
        prop_assert_eq!(document.root().raw(), &encoded[..]);
        prop_assert_eq!(Tree::of(document.root()), tree);
    }

    #[test]
    fn any_bytes_are_read_or_refused(input in prop::collection::vec(prop_oneof![
        4 => prop::sample::select(&b"idle0123456789:-"[..]), 1 => any::<u8>()], 0..200)) {
        if let Ok((document, used)) = decode_prefix(&input, Limits::default()) {
            prop_assert_eq!(document.root().raw(), &input[..used]);
        }
    }

    #[test]
    fn a_damaged_document_is_read_or_refused(tree in tree(), at in any::<prop::sample::Index>(), byte: u8) {
        let mut encoded = tree.encode();
        let at = at.index(encoded.len());
        encoded[at] = byte;
        let _ = decode(&encoded, Limits::default());
        encoded.truncate(at);
        prop_assert!(decode(&encoded, Limits::default()).is_err());
    }
}

//! The extension handshake (BEP 10): what we tell in it, and the useful part of what a peer tells.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

use crate::limits::{EXTENDED_LENGTH, HANDSHAKE_DEPTH, HANDSHAKE_TOKENS, METADATA_SIZE, NAME_CHARACTERS};
use crate::{Config, ExtendedHandshake};
use bencode::{DictWriter, Limits, Value};
use std::net::IpAddr;

/// The number of the handshake itself.
pub(crate) const HANDSHAKE: u8 = 0;

/// Our number of peer exchange (BEP 11).
pub(crate) const PEX: u8 = 1;

/// The name of peer exchange.
const PEX_NAME: &str = "ut_pex";

/// Our number of the metadata messages (BEP 9).
pub(crate) const METADATA: u8 = 2;

/// The name of the metadata messages.
const METADATA_NAME: &str = "ut_metadata";

/// Our number of the upload-only message: one byte, 0 or 1, which some clients send beside BEP 21.
pub(crate) const UPLOAD_ONLY: u8 = 3;

/// Our number of the message that a piece was lost (BEP 54): four bytes, its index.
pub(crate) const DONT_HAVE: u8 = 4;

/// The name of that message.
const DONT_HAVE_NAME: &str = "lt_donthave";

/// Our number of holepunching (BEP 55).
pub(crate) const HOLEPUNCH: u8 = 5;

/// The name of holepunching.
const HOLEPUNCH_NAME: &str = "ut_holepunch";

/// The name of the upload-only message, and of the key of BEP 21.
const UPLOAD_ONLY_NAME: &str = "upload_only";

const LIMITS: Limits =
    Limits { max_bytes: EXTENDED_LENGTH as usize, max_depth: HANDSHAKE_DEPTH, max_tokens: HANDSHAKE_TOKENS };

/// What a peer's extension handshake brings.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Received {
    /// What the swarm is told.
    pub(crate) told: ExtendedHandshake,
    /// The peer's number of the upload-only message, if it spoke of it; 0 turns it off.
    pub(crate) upload_only_number: Option<u8>,
    /// The peer's number of the message that a piece was lost, likewise.
    pub(crate) dont_have_number: Option<u8>,
    /// The peer's number of peer exchange, likewise.
    pub(crate) pex_number: Option<u8>,
    /// The peer's number of the metadata messages, likewise.
    pub(crate) metadata_number: Option<u8>,
    /// The peer's number of holepunching, likewise.
    pub(crate) holepunch_number: Option<u8>,
}

/// Our handshake.
pub(crate) fn encode(config: &Config, upload_only: bool) -> Vec<u8> {
    let mut extensions = DictWriter::new();
    extensions.integer(DONT_HAVE_NAME, i64::from(DONT_HAVE));
    extensions.integer(METADATA_NAME, i64::from(METADATA));
    extensions.integer(UPLOAD_ONLY_NAME, i64::from(UPLOAD_ONLY));
    if config.punches_holes() {
        extensions.integer(HOLEPUNCH_NAME, i64::from(HOLEPUNCH));
    }
    if config.exchange_peers {
        extensions.integer(PEX_NAME, i64::from(PEX));
    }
    let mut dict = DictWriter::new();
    dict.dict("m", &extensions)
        .integer("reqq", i64::from(config.request_queue))
        .integer(UPLOAD_ONLY_NAME, i64::from(upload_only))
        .bytes("v", &config.client);
    if let Some(port) = config.listen_port {
        dict.integer("p", i64::from(port));
    }
    if let Some(metadata) = &config.metadata {
        dict.integer("metadata_size", i64::from(metadata.len() as u32));
    }
    match config.remote.ip().to_canonical() {
        IpAddr::V4(ip) => dict.bytes("yourip", ip.octets()),
        IpAddr::V6(ip) => dict.bytes("yourip", ip.octets()),
    };
    dict.encode()
}

/// A peer's handshake. A value of the wrong type or range is as good as absent; `None` if it is no dict at all.
pub(crate) fn decode(content: &[u8]) -> Option<Received> {
    let (document, _) = bencode::decode_prefix(content, LIMITS).ok()?;
    let root = document.root();
    root.dict()?;
    let integer = |key: &[u8]| root.get(key).and_then(Value::integer);
    let number = |name: &str| {
        let number = root.get(b"m").and_then(|names| names.get(name.as_bytes())).and_then(Value::integer);
        number.and_then(|n| u8::try_from(n).ok())
    };
    let told = ExtendedHandshake {
        client: root.get(b"v").and_then(Value::bytes).map(clean_name).filter(|name| !name.is_empty()),
        request_queue: integer(b"reqq").filter(|n| *n > 0).map(|n| u32::try_from(n).unwrap_or(u32::MAX)),
        upload_only: integer(UPLOAD_ONLY_NAME.as_bytes()).map(|n| n != 0),
        listen_port: integer(b"p").and_then(|n| u16::try_from(n).ok()).filter(|port| *port != 0),
        your_ip: root.get(b"yourip").and_then(Value::bytes).and_then(address),
        exchanges_peers: number(PEX_NAME).is_some_and(|number| number != 0),
        punches_holes: number(HOLEPUNCH_NAME).is_some_and(|number| number != 0),
        metadata_size: integer(b"metadata_size")
            .filter(|n| (1..=METADATA_SIZE).contains(n))
            .and_then(|n| u32::try_from(n).ok()),
    };
    Some(Received {
        told,
        upload_only_number: number(UPLOAD_ONLY_NAME),
        dont_have_number: number(DONT_HAVE_NAME),
        pex_number: number(PEX_NAME),
        metadata_number: number(METADATA_NAME),
        holepunch_number: number(HOLEPUNCH_NAME),
    })
}

/// An address of 4 or 16 bytes.
fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok().map(|ip| ip.to_canonical())
}

/// A name fit for logs, terminals and web pages: at most 64 characters, what is not text replaced.
fn clean_name(bytes: &[u8]) -> String {
    // No more bytes are looked at than so many characters can take.
    let bytes = bytes.get(..4 * NAME_CHARACTERS).unwrap_or(bytes);
    let text = String::from_utf8_lossy(bytes);
    text.chars()
        .take(NAME_CHARACTERS)
        .map(|c| if is_plain(c) { c } else { char::REPLACEMENT_CHARACTER })
        .collect()
}

/// Neither a control character nor one that hides itself or turns the text around it.
fn is_plain(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::config;

    fn told(content: &[u8]) -> ExtendedHandshake {
        decode(content).expect("a dict").told
    }

    #[test]
    fn ours_has_its_keys_in_order() {
        let bytes = encode(&config(), false);
        let expected = b"d1:md11:lt_donthavei4e11:upload_onlyi3e11:ut_metadatai2ee1:pi6881e4:reqqi500e11:upload_onlyi0e1:v12:starling 0.16:yourip4:\x7f\0\0\x01e";
        assert_eq!(bytes, expected, "{}", bytes.escape_ascii());
    }

    #[test]
    fn what_we_tell_is_what_we_understand() {
        let mut ours = config();
        ours.remote = "[2001:db8::7]:1".parse().unwrap();
        ours.listen_port = None;
        let received = decode(&encode(&ours, true)).expect("a dict");
        assert_eq!(received.upload_only_number, Some(UPLOAD_ONLY));
        let expected = ExtendedHandshake {
            client: Some("starling 0.1".into()),
            request_queue: Some(500),
            upload_only: Some(true),
            listen_port: None,
            your_ip: Some("2001:db8::7".parse().unwrap()),
            exchanges_peers: false,
            punches_holes: false,
            metadata_size: None,
        };
        assert_eq!(received.told, expected);
    }

    #[test]
    fn a_handshake_as_libtorrent_sends_it() {
        let content =
            b"d12:complete_agoi1e1:md11:lt_donthavei7e10:share_modei8e11:upload_onlyi3e12:ut_holepunchi4e\
            11:ut_metadatai2e6:ut_pexi1ee13:metadata_sizei31235e4:reqqi2000e1:v18:libtorrent/2.0.9.06:yourip4\
            :\x7f\x00\x00\x01e";
        let received = decode(content).expect("a dict");
        assert_eq!((received.upload_only_number, received.metadata_number), (Some(3), Some(2)));
        assert_eq!(received.told.client.as_deref(), Some("libtorrent/2.0.9.0"));
        assert_eq!((received.told.request_queue, received.told.metadata_size), (Some(2000), Some(31235)));
        assert_eq!(received.told.your_ip, Some("127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn silly_numbers_are_as_good_as_absent() {
        let content =
            b"d4:ipv41:11:md11:upload_onlyi256e6:ut_pexi-1ee13:metadata_sizei-1e1:pi70000e4:reqqi-5e\
            11:upload_onlyi7e6:yourip3:abce";
        let expected = ExtendedHandshake { upload_only: Some(true), ..Default::default() };
        assert_eq!(decode(content), Some(Received { told: expected, ..Received::default() }));
        assert_eq!(told(b"d13:metadata_sizei1099511627776e1:pi0e4:reqqi0ee"), ExtendedHandshake::default());
        assert_eq!(told(b"d13:metadata_sizei0e4:reqqi9223372036854775807ee").request_queue, Some(u32::MAX));
    }

    #[test]
    fn wrong_types_are_as_good_as_absent_and_no_dict_is_no_handshake() {
        let content = b"d1:mli1ei2ee13:metadata_size4:many1:p1:x4:reqqli1ee1:vd1:ai1ee6:youripi4ee";
        assert_eq!(decode(content), Some(Received::default()));
        for content in [&b"li1ei2ei3ee"[..], b"", b"i1e", b"not bencode", b"d1:v2147483647:abce"] {
            assert_eq!(decode(content), None, "{}", content.escape_ascii());
        }
        assert_eq!(decode(b"d1:v9223372036854775808:abce"), None);
    }

    #[test]
    fn nesting_costs_nothing() {
        let lists = [&b"d1:m"[..], &b"l".repeat(60_000), &b"e".repeat(60_000), b"e"].concat();
        assert_eq!(decode(&lists), None);
        assert_eq!(decode(&b"d1:a".repeat(30_000)), None);
    }

    #[test]
    fn names_are_cleaned() {
        let name = |bytes: &[u8]| {
            told(&[b"d1:v", bytes.len().to_string().as_bytes(), b":", bytes, b"e"].concat()).client
        };
        assert_eq!(name(b"\x1b[2J\x07x").as_deref(), Some("\u{fffd}[2J\u{fffd}x"));
        assert_eq!(name(b"a\xffb").as_deref(), Some("a\u{fffd}b"));
        assert_eq!(name("µTorrent 3.5".as_bytes()).as_deref(), Some("µTorrent 3.5"));
        assert_eq!(name("a\u{202e}b".as_bytes()).as_deref(), Some("a\u{fffd}b"));
        assert_eq!(name(&b"A".repeat(100_000)).unwrap().chars().count(), NAME_CHARACTERS);
        assert_eq!(name("€".repeat(1000).as_bytes()).unwrap(), "€".repeat(NAME_CHARACTERS));
        assert_eq!(name(b""), None);
    }
}

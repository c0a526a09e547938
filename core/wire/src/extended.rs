//! The extension handshake (BEP 10): what we tell in it, and the useful part of what a peer tells.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use crate::limits::NAME_CHARACTERS;
use crate::{Config, ExtendedHandshake};
use std::net::IpAddr;

/// The number of the handshake itself.
pub(crate) const HANDSHAKE: u8 = 0;

/// Our number of the upload-only message: one byte, 0 or 1, as libtorrent speaks it beside BEP 21.
pub(crate) const UPLOAD_ONLY: u8 = 3;

/// What a peer's extension handshake brings.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Received {
    /// What the swarm is told.
    pub(crate) told: ExtendedHandshake,
    /// The peer's number of the upload-only message, if it spoke of it; 0 turns it off.
    pub(crate) upload_only_number: Option<u8>,
}

/// Our handshake, keys in order.
pub(crate) fn encode(config: &Config, upload_only: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    out.extend(format!("d1:md11:upload_onlyi{UPLOAD_ONLY}ee").bytes());
    if let Some(port) = config.listen_port {
        out.extend(format!("1:pi{port}e").bytes());
    }
    out.extend(format!("4:reqqi{}e", config.request_queue).bytes());
    if upload_only {
        out.extend(b"11:upload_onlyi1e");
    } else {
        out.extend(b"11:upload_onlyi0e");
    }
    string(&mut out, "v", config.client.as_bytes());
    match config.remote.ip().to_canonical() {
        IpAddr::V4(ip) => string(&mut out, "yourip", &ip.octets()),
        IpAddr::V6(ip) => string(&mut out, "yourip", &ip.octets()),
    }
    out.push(b'e');
    out
}

fn string(out: &mut Vec<u8>, key: &str, value: &[u8]) {
    out.extend(format!("{}:{key}{}:", key.len(), value.len()).bytes());
    out.extend(value);
}

pub(crate) fn decode(_content: &[u8]) -> Option<Received> {
    Some(Received::default())
}

/// A name fit for logs, terminals and web pages: at most 64 characters, what is not text replaced.
pub(crate) fn clean_name(bytes: &[u8]) -> String {
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

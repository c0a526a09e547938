//! `starling dht get` and `starling dht put`.

use super::options::{GetItem, Name, Network, PutItem};
use super::{check_way_in, key_file, start, tell, within};
use crate::exit::{Failure, Kind};
use crate::get::block_on;
use crate::log;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use engine::{DhtKey, Kept};
use metainfo::{Publisher, hex};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;

/// Bytes read of what is to be put: more than any node takes, so that too much is seen.
const MOST: u64 = 4096;

/// What a value may be in bencode.
const LIMITS: bencode::Limits = bencode::Limits { max_bytes: 4096, max_depth: 64, max_tokens: 4096 };

/// Gets an item and prints its value.
pub(super) async fn get(network: &Network, get: &GetItem) -> Result<(), Failure> {
    check_way_in(network)?;
    let salt = get.salt.as_bytes();
    if matches!(get.name, Name::Target(_)) && !salt.is_empty() {
        let words = "--salt is for mutable items, which are found by the 64 digits of a public key";
        return Err(Failure::new(Kind::Usage, words));
    }
    let (value, sequence) = within(network, async {
        let node = start(network).await?;
        Ok(match get.name {
            Name::Target(target) => (node.get_immutable(target).await?, None),
            Name::Key(key) => {
                let item = node.get_mutable(key, salt).await?;
                (item.value, Some(item.sequence))
            }
        })
    })
    .await?;
    if network.json {
        return log::print(&json(&value, sequence).to_string());
    }
    if let Some(sequence) = sequence {
        log::line(&format!("sequence number {sequence}"));
        if let Some(info_hash) = Publisher::info_hash_of(&value) {
            log::line(&format!("names the torrent {}", hex(&info_hash)));
        }
    }
    let text = text_of(&value).filter(|_| !get.bencoded).unwrap_or(value);
    if io::stdout().is_terminal() {
        return log::print(
            &String::from_utf8_lossy(&text).replace(|c: char| c.is_control() && c != '\n', "?"),
        );
    }
    log::print_bytes(&text)
}

/// The bytes of a value that is a string; `None` for one of another kind.
fn text_of(bencoded: &[u8]) -> Option<Vec<u8>> {
    let document = bencode::decode(bencoded, LIMITS).ok()?;
    document.root().bytes().map(<[u8]>::to_vec)
}

/// An item as JSON: its value in bencode, and as text where it is one.
fn json(value: &[u8], sequence: Option<i64>) -> Value {
    let text = text_of(value).and_then(|bytes| String::from_utf8(bytes).ok());
    let info_hash = sequence.and_then(|_| Publisher::info_hash_of(value)).map(|hash| hex(&hash));
    json!({ "sequence": sequence, "text": text, "bencoded": BASE64.encode(value), "info_hash": info_hash })
}

/// Puts an item and tells what it is found by.
pub(super) fn put(network: &Network, put: &PutItem) -> Result<(), Failure> {
    check_way_in(network)?;
    let is_signed = put.key.is_some() || put.new_key.is_some();
    if !is_signed && (!put.salt.is_empty() || put.cas.is_some()) {
        let words =
            "--salt and --cas are for mutable items: name a key with --key, or make one with --new-key";
        return Err(Failure::new(Kind::Usage, words));
    }
    if !is_signed && put.torrent.is_some() {
        let words = "--torrent needs a key, which newer ones are put with: --key, or --new-key to make one";
        return Err(Failure::new(Kind::Usage, words));
    }
    let value = if put.torrent.is_some() { Vec::new() } else { read(&put.file, put.bencoded)? };
    let key = match (&put.key, &put.new_key) {
        (Some(path), _) => Some(key_file::read(path)?),
        (None, Some(path)) => Some(key_file::create(path)?),
        (None, None) => None,
    };
    block_on(async {
        match key {
            Some(key) => put_mutable(network, &key, put, &value).await,
            None => put_immutable(network, &value).await,
        }
    })
}

async fn put_immutable(network: &Network, value: &[u8]) -> Result<(), Failure> {
    let (target, kept) = within(network, async { start(network).await?.put_immutable(value).await }).await?;
    let target = hex(&target);
    let json = json!({ "target": target, "nodes": kept.taken, "nodes_sent": kept.sent });
    tell(network, &[("Target", target), ("Kept by", words(kept))], &json)
}

async fn put_mutable(network: &Network, key: &DhtKey, put: &PutItem, value: &[u8]) -> Result<(), Failure> {
    let salt = put.salt.as_bytes();
    let kept = async {
        let node = start(network).await?;
        match &put.torrent {
            Some(info_hash) => node.publish(key, salt, info_hash, put.cas).await,
            None => node.put_mutable(key, salt, value, put.cas).await,
        }
    };
    let (item, kept) = within(network, kept).await?;
    let public = hex(&item.key);
    let publisher = Publisher { key: item.key, salt: item.salt };
    let link = put.torrent.map(|_| format!("magnet:?{publisher}"));
    let json = json!({
        "public_key": public,
        "salt": put.salt,
        "sequence": item.sequence,
        "nodes": kept.taken,
        "nodes_sent": kept.sent,
        "magnet": link,
    });
    let mut lines =
        vec![("Public key", public), ("Sequence", item.sequence.to_string()), ("Kept by", words(kept))];
    lines.extend(link.map(|link| ("Link", link)));
    tell(network, &lines, &json)
}

fn words(kept: Kept) -> String {
    format!("{} of {} nodes", kept.taken, kept.sent)
}

/// Reads what is to be put, and makes a bencoded string of it if it is not in bencode yet.
fn read(file: &OsStr, is_bencoded: bool) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = if file == "-" {
        io::stdin().lock().take(MOST).read_to_end(&mut bytes)
    } else {
        File::open(file).and_then(|file| file.take(MOST).read_to_end(&mut bytes))
    };
    read.map_err(|error| Failure::new(Kind::Disk, format_args!("{}: {error}", Path::new(file).display())))?;
    Ok(if is_bencoded { bytes } else { [format!("{}:", bytes.len()).as_bytes(), &bytes].concat() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_shown_as_its_bytes_and_all_else_in_bencode() {
        assert_eq!(text_of(b"5:hello").as_deref(), Some(&b"hello"[..]));
        assert_eq!(text_of(b"i7e"), None);
        assert_eq!(
            json(b"5:hello", Some(3)),
            json!({ "sequence": 3, "text": "hello", "bencoded": "NTpoZWxsbw==", "info_hash": null })
        );
        assert_eq!(
            json(b"i7e", None),
            json!({ "sequence": null, "text": null, "bencoded": "aTdl", "info_hash": null })
        );
    }

    #[test]
    fn what_is_put_is_bencoded_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("value");
        std::fs::write(&path, b"i7e").unwrap();
        assert_eq!(read(path.as_os_str(), false).unwrap(), b"3:i7e");
        assert_eq!(read(path.as_os_str(), true).unwrap(), b"i7e");
        let missing = read(folder.path().join("none").as_os_str(), true);
        assert_eq!(missing.err().map(|failure| failure.kind), Some(Kind::Disk));
    }
}

//! The piece layers of v2 (BEP 52), which lie beside the info dict and are proved by the roots in it.

use super::{RawFile, Value};
use crate::error::ParseError;
use crate::merkle;
use std::collections::BTreeMap;
use std::sync::Arc;

const KEY: &str = "piece layers";

/// Checks the layers against the roots of the files and hands each file its own. A file may lack its layer: then its
/// pieces are proved by hashes from peers.
pub(super) fn attach(
    files: &mut [RawFile<'_>],
    layers: Option<Value<'_, '_>>,
    piece_length: u32,
) -> Result<(), ParseError> {
    let Some(layers) = layers else { return Ok(()) };
    let entries = layers.dict().ok_or_else(|| ParseError::kind(KEY, layers, "a dict"))?;
    let mut by_root: BTreeMap<[u8; 32], Vec<&mut RawFile<'_>>> = BTreeMap::new();
    for file in files {
        if let Some(root) = file.pieces_root {
            by_root.entry(root).or_default().push(file);
        }
    }
    for (root, layer) in entries {
        let hex = || quoted(root);
        let key = <[u8; 32]>::try_from(root).ok();
        let owners = key.and_then(|key| Some((key, by_root.get_mut(&key)?)));
        let Some((key, owners)) = owners else {
            return Err(ParseError::new(KEY, format_args!("{} is the root of no file", hex())));
        };
        let bytes = layer.bytes().ok_or_else(|| ParseError::kind(KEY, layer, "a string"))?;
        let (hashes, rest) = bytes.as_chunks::<32>();
        if !rest.is_empty() {
            let problem = format_args!("{}: length {} is not a multiple of 32", hex(), bytes.len());
            return Err(ParseError::new(KEY, problem));
        }
        // The root of a file of one piece is the hash of that piece already.
        owners.retain(|file| file.length > u64::from(piece_length));
        for file in owners.iter() {
            let expected = file.length.div_ceil(u64::from(piece_length));
            if hashes.len() as u64 != expected {
                let problem = format_args!("{}: {} hashes for {expected} pieces", hex(), hashes.len());
                return Err(ParseError::new(KEY, problem));
            }
        }
        if !owners.is_empty() && merkle::root_of_layer(hashes, piece_length) != key {
            return Err(ParseError::new(KEY, format_args!("{}: the hashes do not lead to this root", hex())));
        }
        let shared: Arc<[[u8; 32]]> = hashes.into();
        // A root that comes twice is checked once.
        for file in by_root.remove(&key).unwrap_or_default() {
            file.piece_layer = Arc::clone(&shared);
        }
    }
    Ok(())
}

/// The first bytes of a root, for an error message.
fn quoted(root: &[u8]) -> String {
    let head: [u8; 4] = root.first_chunk().copied().unwrap_or_default();
    format!("{:08x}...", u32::from_be_bytes(head))
}

//! Merkle trees over 16 KiB blocks (BEP 52).
//!
//! The leaves of a file's tree are the SHA-256 of its blocks, the last one short; leaves that are missing to a
//! power of two are 32 zero bytes. A piece layer is the level of the tree where one node covers one piece.

use crate::BLOCK_LENGTH;
use sha2::{Digest, Sha256};

/// A SHA-256 hash.
pub type Node = [u8; 32];

/// The node above two others.
pub fn parent(left: &Node, right: &Node) -> Node {
    let mut hash = Sha256::new();
    hash.update(left);
    hash.update(right);
    hash.finalize().into()
}

/// The leaf of one block of at most 16 KiB.
pub fn leaf(block: &[u8]) -> Node {
    Sha256::digest(block).into()
}

/// The root of a tree of `2^level` leaves that are all missing: what stands for a missing node `level` above the leaves.
pub fn pad(level: u32) -> Node {
    (0..level).fold([0; 32], |node, _| parent(&node, &node))
}

/// The root over `nodes`, filled up to a power of two with `pad`. Of no nodes at all it is `pad` itself.
pub fn root(nodes: &[Node], mut pad: Node) -> Node {
    let mut level = nodes.to_vec();
    while level.len() > 1 {
        if level.len() % 2 == 1 {
            level.push(pad);
        }
        level = level.chunks_exact(2).map(|pair| parent(&pair[0], &pair[1])).collect();
        pad = parent(&pad, &pad);
    }
    level.first().copied().unwrap_or(pad)
}

/// The root of a file's tree, from the file's piece layer. `piece_length` is a power of two of at least 16 KiB.
pub fn root_of_layer(layer: &[Node], piece_length: u32) -> Node {
    root(layer, pad((piece_length / BLOCK_LENGTH).ilog2()))
}

/// The piece layer of a file longer than one piece, from the leaves of all its blocks.
pub fn piece_layer(leaves: &[Node], piece_length: u32) -> Vec<Node> {
    let blocks = (piece_length / BLOCK_LENGTH) as usize;
    let fill = |piece: &[Node]| {
        let mut piece = piece.to_vec();
        piece.resize(blocks, [0; 32]);
        root(&piece, [0; 32])
    };
    leaves.chunks(blocks).map(fill).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(node: &Node) -> String {
        crate::InfoHash::V2(*node).to_string()
    }

    /// The big-endian 32-bit numbers 0, 1, 2, ... cut to `size` bytes.
    fn leaves(size: usize) -> Vec<Node> {
        let content: Vec<u8> = (0..=size as u32 / 4).flat_map(u32::to_be_bytes).take(size).collect();
        content.chunks(BLOCK_LENGTH as usize).map(leaf).collect()
    }

    #[test]
    fn pads_by_level() {
        assert_eq!(hex(&pad(1)), "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b");
        assert_eq!(hex(&pad(6)), "d88ddfeed400a8755596b21942c1497e114c302e6118290f91e6772976041fa1");
    }

    #[test]
    fn roots_of_known_contents() {
        let cases = [
            (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
            (16_384, "f3641a1e67168de9eab1170abc1f5c75d75bd7720ea7f57b7b065c17cafc8745"),
            (65_536, "cf69429642525c24ddac79705ccdf5920937dad43db0ada5664738f96ff54e47"),
            (81_920, "cf32120c33443eeaddb8292c635892d4d2bef116544faa77550a0f40482c1a5f"),
            (1_048_577, "e38c098b186ebc106df0e6ddfe0f2583eeadfc1bf85a6e0069fc7c903aa9b488"),
        ];
        for (size, expected) in cases {
            assert_eq!(hex(&root(&leaves(size), [0; 32])), expected, "{size} bytes");
        }
    }

    #[test]
    fn a_layer_has_the_root_of_its_leaves() {
        for (size, piece_length) in
            [(65_536, 16_384), (65_536, 32_768), (1_048_577, 65_536), (81_920, 16_384)]
        {
            let leaves = leaves(size);
            let layer = piece_layer(&leaves, piece_length);
            assert_eq!(layer.len(), size.div_ceil(piece_length as usize));
            assert_eq!(root_of_layer(&layer, piece_length), root(&leaves, [0; 32]));
        }
        let layer = piece_layer(&leaves(65_536), 32_768);
        assert_eq!(hex(&layer[0]), "b732887e845a589eefb7486e5d3dc96a785a63c487424c0a0b149f8283a13f30");
    }
}

//! The pieces a peer may ask for while choked, computed from its address so that reconnecting wins nothing (BEP 6).

use crate::limits::ALLOWED_FAST_GIVEN;
use metainfo::PieceIndex;
use sha1::{Digest, Sha1};
use std::net::IpAddr;

/// The first `k` pieces of the set of a peer at `ip`, in the order BEP 6 finds them. Fewer if the torrent has
/// fewer; never more than 32. An IPv6 address counts by its /64, as an IPv4 address does by its /24.
pub fn allowed_fast_set(ip: IpAddr, info_hash: &[u8; 20], piece_count: u32, k: usize) -> Vec<PieceIndex> {
    let wanted = k.min(ALLOWED_FAST_GIVEN).min(piece_count as usize);
    let mut set = Vec::with_capacity(wanted);
    let mut state = Sha1::new();
    match ip.to_canonical() {
        IpAddr::V4(ip) => state.update((u32::from(ip) & 0xffff_ff00).to_be_bytes()),
        IpAddr::V6(ip) => state.update((u128::from(ip) & !u128::from(u64::MAX)).to_be_bytes()),
    }
    state.update(info_hash);
    while set.len() < wanted {
        let digest: [u8; 20] = state.finalize().into();
        for number in digest.as_chunks::<4>().0 {
            let piece = PieceIndex(u32::from_be_bytes(*number) % piece_count);
            if set.len() < wanted && !set.contains(&piece) {
                set.push(piece);
            }
        }
        state = Sha1::new_with_prefix(digest);
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ip: &str, hash: u8, piece_count: u32, k: usize) -> Vec<u32> {
        allowed_fast_set(ip.parse().unwrap(), &[hash; 20], piece_count, k)
            .iter()
            .map(|piece| piece.0)
            .collect()
    }

    #[test]
    fn vectors_of_bep_6() {
        let expected = [1059, 431, 808, 1217, 287, 376, 1188];
        assert_eq!(set("80.4.4.200", 0xaa, 1313, 7), expected);
        assert_eq!(set("80.4.4.1", 0xaa, 1313, 7), expected, "the last byte of the address does not count");
        assert_eq!(set("80.4.4.200", 0xaa, 1313, 9), [1059, 431, 808, 1217, 287, 376, 1188, 353, 508]);
        assert_eq!(set("198.51.100.1", 0xff, 10, 10), [1, 2, 5, 6, 7, 3, 8, 4, 9, 0]);
    }

    #[test]
    fn small_torrents_and_both_families() {
        assert_eq!(set("80.4.4.200", 1, 0, 10), []);
        assert_eq!(set("80.4.4.200", 1, 1, 10), [0]);
        assert_eq!(set("::ffff:80.4.4.200", 0xaa, 1313, 7), set("80.4.4.200", 0xaa, 1313, 7));
        assert_eq!(set("2001:db8::1", 1, 500, 10), set("2001:db8::ffff:1", 1, 500, 10));
        assert_ne!(set("2001:db8::1", 1, 500, 10), set("2001:db8:0:1::1", 1, 500, 10));
        assert_eq!(set("2001:db8::1", 1, 100_000, 1000).len(), ALLOWED_FAST_GIVEN);
    }
}

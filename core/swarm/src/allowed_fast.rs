//! Which pieces a peer may ask for while it is choked (BEP 6): the same few for everybody behind one /24, so
//! that coming back under another port gains nothing.

use crate::limits;
use metainfo::PieceIndex;
use std::net::IpAddr;

/// The pieces for a host, at most [`limits::ALLOWED_FAST_GIVEN`]. `seed` keeps others from foretelling them.
pub(crate) fn set(host: IpAddr, seed: u64, pieces: u32) -> Vec<PieceIndex> {
    let network = match host.to_canonical() {
        IpAddr::V4(v4) => u64::from(u32::from(v4) >> 8),
        IpAddr::V6(v6) => (u128::from(v6) >> 80) as u64 | 1 << 63,
    };
    let mut rng = fastrand::Rng::with_seed(seed ^ network.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut set: Vec<PieceIndex> = Vec::new();
    while set.len() < limits::ALLOWED_FAST_GIVEN.min(pieces as usize) {
        let piece = PieceIndex(rng.u32(0..pieces));
        if !set.contains(&piece) {
            set.push(piece);
        }
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_network_has_one_set() {
        let set_of = |host: &str| set(host.parse().unwrap(), 7, 1313);
        assert_eq!(set_of("80.4.4.200").len(), limits::ALLOWED_FAST_GIVEN);
        assert_eq!(set_of("80.4.4.200"), set_of("80.4.4.1"));
        assert_eq!(set_of("80.4.4.200"), set_of("::ffff:80.4.4.1"));
        assert_ne!(set_of("80.4.4.200"), set_of("80.4.5.200"));
        assert_eq!(set("::1".parse().unwrap(), 1, 3).len(), 3);
    }
}

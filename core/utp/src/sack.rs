//! Selective acks: which packets beyond a gap arrived (BEP 29).
//!
//! Bit 0 of byte 0 stands for `ack + 2`; `ack + 1` is what is missing.

use crate::limits::MAX_MASK_BYTES;
use crate::sequence::Seq;

/// Numbers of the packets that a mask says were received, in order.
pub(crate) fn named(ack: Seq, mask: &[u8]) -> impl Iterator<Item = Seq> {
    mask.iter().enumerate().filter(|(_, byte)| **byte != 0).flat_map(move |(at, byte)| {
        (0..8u16).filter(move |bit| byte >> bit & 1 == 1).map(move |bit| ack.plus(2 + 8 * at as u16 + bit))
    })
}

/// Writes the mask for `held` (in order, all beyond `ack + 1`) and gives its length: a multiple of 4, as short as can
/// be. What lies beyond the longest mask goes unsaid.
pub(crate) fn write(ack: Seq, held: impl Iterator<Item = Seq>, mask: &mut [u8; MAX_MASK_BYTES]) -> usize {
    mask.fill(0);
    let mut length = 0;
    for seq in held {
        let bit = usize::from(seq.ahead_of(ack.plus(2)));
        let Some(byte) = mask.get_mut(bit / 8) else { break };
        *byte |= 1 << (bit % 8);
        length = (bit / 8 + 1).next_multiple_of(4);
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_of_the_specification() {
        let mut mask = [0; MAX_MASK_BYTES];
        assert_eq!(write(Seq(50), [Seq(52), Seq(60)].into_iter(), &mut mask), 4);
        assert_eq!(mask[..4], [1, 1, 0, 0]);
        assert_eq!(named(Seq(50), &mask[..4]).collect::<Vec<_>>(), [Seq(52), Seq(60)]);
    }

    #[test]
    fn masks_wrap_and_end() {
        let held = [Seq(1), Seq(32), Seq(33), Seq(5000)];
        let mut mask = [0; MAX_MASK_BYTES];
        let length = write(Seq(65535), held.into_iter(), &mut mask);
        assert_eq!(length, 8, "number 33 is bit 32");
        assert_eq!(named(Seq(65535), &mask[..length]).collect::<Vec<_>>(), held[..3]);
    }
}

//! Packets: the frames that all OpenPGP data comes in (RFC 9580, section 4).

use super::Malformed;

/// The kinds of packet that matter here.
pub(super) const SIGNATURE: u8 = 2;
pub(super) const PUBLIC_KEY: u8 = 6;
pub(super) const MARKER: u8 = 10;
pub(super) const TRUST: u8 = 12;
pub(super) const USER_ID: u8 = 13;
pub(super) const PUBLIC_SUBKEY: u8 = 14;
pub(super) const USER_ATTRIBUTE: u8 = 17;
pub(super) const PADDING: u8 = 21;

/// One packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Packet<'a> {
    pub(super) tag: u8,
    pub(super) body: &'a [u8],
}

/// The packets of some bytes, one after the other; ends after the first that cannot be read.
pub(super) fn packets(bytes: &[u8]) -> impl Iterator<Item = Result<Packet<'_>, Malformed>> {
    let mut input = Input(bytes);
    let mut failed = false;
    std::iter::from_fn(move || {
        if failed || input.0.is_empty() {
            return None;
        }
        let packet = packet(&mut input);
        failed = packet.is_err();
        Some(packet)
    })
}

fn packet<'a>(input: &mut Input<'a>) -> Result<Packet<'a>, Malformed> {
    let first = input.byte()?;
    if first & 0x80 == 0 {
        return Err(Malformed);
    }
    let (tag, length) = if first & 0x40 == 0 {
        let length = match first & 3 {
            0 => u32::from(input.byte()?),
            1 => u32::from(input.u16()?),
            2 => input.u32()?,
            // Without an end: only what carries data is written so.
            _ => return Err(Malformed),
        };
        (first >> 2 & 15, length)
    } else {
        (first & 63, new_length(input)?)
    };
    Ok(Packet { tag, body: input.take(length as usize)? })
}

/// A length as new packets have it. In pieces come only packets that carry data.
fn new_length(input: &mut Input<'_>) -> Result<u32, Malformed> {
    match input.byte()? {
        short @ 0..=191 => Ok(u32::from(short)),
        high @ 192..=223 => Ok(((u32::from(high) - 192) << 8) + u32::from(input.byte()?) + 192),
        255 => input.u32(),
        _ => Err(Malformed),
    }
}

/// Bytes being read from the front.
#[derive(Clone, Copy)]
pub(super) struct Input<'a>(pub(super) &'a [u8]);

impl<'a> Input<'a> {
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (head, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(head)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.try_into().map_err(|_| Malformed)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    /// A multi-precision integer: its length in bits, then as many bytes as that takes.
    pub(super) fn integer(&mut self) -> Result<&'a [u8], Malformed> {
        let bits = self.u16()?;
        self.take(usize::from(bits).div_ceil(8))
    }

    /// The body and kind of the next subpacket.
    pub(super) fn subpacket(&mut self) -> Result<(u8, &'a [u8]), Malformed> {
        let length = match self.byte()? {
            short @ 0..=191 => u32::from(short),
            high @ 192..=254 => ((u32::from(high) - 192) << 8) + u32::from(self.byte()?) + 192,
            255 => self.u32()?,
        };
        let body = self.take(length as usize)?;
        let (kind, body) = body.split_first().ok_or(Malformed)?;
        Ok((*kind, body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn old_and_new_lengths_are_read() {
        let long = [&[0xc2, 0xc0, 0x08][..], &[9; 200]].concat();
        for (bytes, tag, length) in [
            (&[0x88, 2, 1, 1][..], SIGNATURE, 2),
            (&[0x89, 0, 2, 1, 1], SIGNATURE, 2),
            (&[0x9a, 0, 0, 0, 1, 7], PUBLIC_KEY, 1),
            (&[0xc6, 3, 1, 2, 3], PUBLIC_KEY, 3),
            (&[0xcd, 255, 0, 0, 0, 1, 5], USER_ID, 1),
            (&long, SIGNATURE, 200),
        ] {
            let all: Vec<_> = packets(bytes).collect();
            let [Ok(packet)] = all[..] else { panic!("{bytes:?}: {all:?}") };
            assert_eq!((packet.tag, packet.body.len()), (tag, length), "{bytes:?}");
        }
    }

    #[test]
    fn what_does_not_fit_ends_it() {
        for bytes in [&[0x88, 3, 1][..], &[0x8b, 1, 1], &[0xc2, 224, 1], &[0x12], &[0xc2]] {
            assert_eq!(packets(bytes).collect::<Vec<_>>(), [Err(Malformed)], "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(packets(&bytes).count() <= bytes.len());
            let mut input = Input(&bytes);
            while input.subpacket().is_ok() {}
        }
    }
}

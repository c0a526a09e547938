//! The stream cipher RC4, without the beginning of its stream, which leaks the key.

use std::fmt;

/// Bytes of the stream that are thrown away.
const DISCARDED: usize = 1024;

/// One direction of an encrypted connection.
#[derive(Clone)]
pub struct Rc4 {
    state: [u8; 256],
    /// The place in the state where the next step begins.
    next: u8,
    sum: u8,
}

impl Rc4 {
    pub(crate) fn new(key: &[u8; 20]) -> Self {
        let mut state: [u8; 256] = std::array::from_fn(|byte| byte as u8);
        let mut sum = 0u8;
        for (at, byte) in (0..=255u8).zip(key.iter().cycle()) {
            sum = sum.wrapping_add(state[usize::from(at)]).wrapping_add(*byte);
            state.swap(at.into(), sum.into());
        }
        let mut cipher = Self { state, next: 1, sum: 0 };
        cipher.apply(&mut [0; DISCARDED]);
        cipher
    }

    /// Encrypts or decrypts in place. Every byte of the stream passes here once, in its order.
    ///
    /// Eight bytes of the stream are gathered in a register before they touch the data: nearly twice as fast as byte by byte.
    pub fn apply(&mut self, bytes: &mut [u8]) {
        let here = self.state[usize::from(self.next)];
        let mut steps = Steps { state: &mut self.state, next: self.next, here, sum: self.sum };
        let (words, rest) = bytes.as_chunks_mut::<8>();
        for word in words {
            let mut stream = [0; 8];
            for byte in &mut stream {
                *byte = steps.step();
            }
            *word = (u64::from_ne_bytes(*word) ^ u64::from_ne_bytes(stream)).to_ne_bytes();
        }
        for byte in rest {
            *byte ^= steps.step();
        }
        (self.next, self.sum) = (steps.next, steps.sum);
    }
}

/// The cipher at work, its places in registers.
struct Steps<'a> {
    state: &'a mut [u8; 256],
    next: u8,
    /// What stands at `next`.
    here: u8,
    sum: u8,
}

impl Steps<'_> {
    /// One byte of the stream.
    #[inline]
    fn step(&mut self) -> u8 {
        let (at, here) = (self.next, self.here);
        self.sum = self.sum.wrapping_add(here);
        let there = self.state[usize::from(self.sum)];
        // The next step's byte is read before this one's are written, so that it need not wait for them.
        self.next = at.wrapping_add(1);
        let ahead = self.state[usize::from(self.next)];
        self.state[usize::from(at)] = there;
        self.state[usize::from(self.sum)] = here;
        self.here = if self.next == self.sum { here } else { ahead };
        self.state[usize::from(here.wrapping_add(there))]
    }
}

impl fmt::Debug for Rc4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rc4")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The cipher as it is written in books.
    fn stream(key: &[u8; 20], length: usize) -> Vec<u8> {
        let mut state: Vec<u8> = (0..=255).collect();
        let mut j = 0usize;
        for i in 0..256 {
            j = (j + usize::from(state[i]) + usize::from(key[i % 20])) % 256;
            state.swap(i, j);
        }
        let (mut i, mut j) = (0, 0);
        let step = || {
            i = (i + 1) % 256;
            j = (j + usize::from(state[i])) % 256;
            state.swap(i, j);
            state[(usize::from(state[i]) + usize::from(state[j])) % 256]
        };
        std::iter::repeat_with(step).skip(DISCARDED).take(length).collect()
    }

    proptest! {
        #[test]
        fn the_stream_is_the_same_however_it_is_cut(key: [u8; 20], cuts in proptest::collection::vec(0usize..300, 0..30)) {
            let mut bytes = vec![0; cuts.iter().sum()];
            let (mut cipher, mut rest) = (Rc4::new(&key), &mut bytes[..]);
            for cut in cuts {
                let (part, behind) = rest.split_at_mut(cut);
                cipher.apply(part);
                rest = behind;
            }
            let expected = stream(&key, bytes.len());
            prop_assert_eq!(bytes, expected);
        }
    }
}

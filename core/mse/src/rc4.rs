//! The stream cipher RC4, without the beginning of its stream, which leaks the key.

use std::fmt;

/// Bytes of the stream that are thrown away.
const DISCARDED: usize = 1024;

/// One direction of an encrypted connection.
#[derive(Clone)]
pub struct Rc4 {
    state: [u8; 256],
    at: u8,
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
        let mut cipher = Self { state, at: 0, sum: 0 };
        cipher.apply(&mut [0; DISCARDED]);
        cipher
    }

    /// Encrypts or decrypts in place. Every byte of the stream passes here once, in its order.
    pub fn apply(&mut self, bytes: &mut [u8]) {
        let Self { state, at, sum } = self;
        for byte in bytes {
            *at = at.wrapping_add(1);
            let here = state[usize::from(*at)];
            *sum = sum.wrapping_add(here);
            let there = state[usize::from(*sum)];
            state[usize::from(*at)] = there;
            state[usize::from(*sum)] = here;
            *byte ^= state[usize::from(here.wrapping_add(there))];
        }
    }
}

impl fmt::Debug for Rc4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rc4")
    }
}

//! What both ends of a handshake do alike: keys, and bytes that wait for a step or for the socket.

use crate::keys::{KEY, KeyPair, Secret};
use crate::limits::{PAD, RECEIVED};
use crate::{Ciphers, Fault, Method, Secured};

/// What proves that both ends have the same secret, before it is encrypted.
pub(crate) const VERIFICATION: [u8; 8] = [0; 8];

/// One end's keys and bytes.
pub(crate) struct Exchange {
    keys: KeyPair,
    rng: fastrand::Rng,
    received: Vec<u8>,
    out: Vec<u8>,
    ciphers: Option<Ciphers>,
}

impl Exchange {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let keys = KeyPair::new(&mut rng);
        Self { keys, rng, received: Vec::new(), out: Vec::new(), ciphers: None }
    }

    /// Takes bytes in. False if too many wait.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> bool {
        self.received.extend_from_slice(bytes);
        self.received.len() <= RECEIVED
    }

    /// Takes a number of bytes off the front as they came; `None` until all of them are here.
    pub(crate) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let bytes = *self.received.first_chunk()?;
        self.received.drain(..N);
        Some(bytes)
    }

    /// The same, decrypted.
    pub(crate) fn take_secret<const N: usize>(&mut self) -> Option<[u8; N]> {
        let mut bytes = self.take()?;
        if let Some(ciphers) = &mut self.ciphers {
            ciphers.inbound.apply(&mut bytes);
        }
        Some(bytes)
    }

    /// The same for a length that was told.
    pub(crate) fn take_secret_bytes(&mut self, length: usize) -> Option<Vec<u8>> {
        if self.received.len() < length {
            return None;
        }
        let rest = self.received.split_off(length);
        let mut bytes = std::mem::replace(&mut self.received, rest);
        if let Some(ciphers) = &mut self.ciphers {
            ciphers.inbound.apply(&mut bytes);
        }
        Some(bytes)
    }

    /// The other end's key, and the secret that follows from it.
    pub(crate) fn take_key(&mut self) -> Option<Result<Secret, Fault>> {
        self.take::<KEY>().map(|theirs| self.keys.secret(&theirs).ok_or(Fault::WeakKey))
    }

    /// Drops the random bytes in front of a mark, and the mark. False until it is here.
    pub(crate) fn skip_to(&mut self, mark: &[u8]) -> Result<bool, Fault> {
        if let Some(at) = self.received.windows(mark.len()).take(PAD + 1).position(|bytes| bytes == mark) {
            self.received.drain(..at + mark.len());
            return Ok(true);
        }
        if self.received.len() >= PAD + mark.len() { Err(Fault::NoMark) } else { Ok(false) }
    }

    /// Our key goes out, with random bytes behind it so that the length tells nothing.
    pub(crate) fn send_key(&mut self) {
        self.out.extend_from_slice(&self.keys.public());
        for _ in 0..self.rng.usize(..=PAD) {
            self.out.push(self.rng.u8(..));
        }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Sends bytes encrypted.
    pub(crate) fn send_secret(&mut self, bytes: &[u8]) {
        let from = self.out.len();
        self.out.extend_from_slice(bytes);
        if let Some(ciphers) = &mut self.ciphers {
            ciphers.outbound.apply(&mut self.out[from..]);
        }
    }

    pub(crate) fn set_ciphers(&mut self, ciphers: Ciphers) {
        self.ciphers = Some(ciphers);
    }

    /// Moves what is to be sent to the end of `out`. False if there is nothing.
    pub(crate) fn transmit(&mut self, out: &mut Vec<u8>) -> bool {
        let any = !self.out.is_empty();
        out.append(&mut self.out);
        any
    }

    /// The stream from here on: bytes that rode on the handshake, and what came behind.
    pub(crate) fn secured(&mut self, method: Method, initial: Vec<u8>) -> Secured {
        let mut ciphers = self.ciphers.take().filter(|_| method == Method::Rc4);
        if let Some(ciphers) = &mut ciphers {
            ciphers.inbound.apply(&mut self.received);
        }
        let mut received = initial;
        received.append(&mut self.received);
        Secured { ciphers, received }
    }
}

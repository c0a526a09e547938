//! The end that opens a connection: it names a torrent and offers methods.

use crate::exchange::{Exchange, VERIFICATION};
use crate::handshake::Step;
use crate::keys::hidden_name;
use crate::limits::PAD;
use crate::rc4::Rc4;
use crate::{Ciphers, Fault, Method};

pub(crate) struct Opener {
    info_hash: [u8; 20],
    /// What is offered, as bits.
    offers: u32,
    initial: Vec<u8>,
    awaits: Awaits,
}

/// What comes next.
#[derive(Clone, Copy)]
enum Awaits {
    Key,
    /// The encrypted verification constant, behind random bytes.
    Mark([u8; VERIFICATION.len()]),
    Answer,
    Pad(Method, usize),
}

impl Opener {
    pub(crate) fn new(info_hash: [u8; 20], offers: &[Method], initial: &[u8]) -> Self {
        let offers = offers.iter().fold(0, |bits, method| bits | method.bit());
        Self { info_hash, offers, initial: initial.to_vec(), awaits: Awaits::Key }
    }

    pub(crate) fn step(&mut self, exchange: &mut Exchange) -> Result<Step, Fault> {
        match self.awaits {
            Awaits::Key => {
                let Some(secret) = exchange.take_key() else { return Ok(Step::Waits) };
                let secret = secret?;
                exchange.send(&secret.mark());
                exchange.send(&secret.veil(hidden_name(&self.info_hash)));
                let mut inbound = secret.of_acceptor(&self.info_hash);
                self.awaits = Awaits::Mark(encrypted_verification(&mut inbound));
                let outbound = secret.of_opener(&self.info_hash);
                exchange.set_ciphers(Ciphers { inbound, outbound });
                self.send_offer(exchange);
            }
            Awaits::Mark(mark) => {
                if !exchange.skip_to(&mark)? {
                    return Ok(Step::Waits);
                }
                self.awaits = Awaits::Answer;
            }
            Awaits::Answer => {
                let Some([a, b, c, d, pad @ ..]) = exchange.take_secret::<6>() else {
                    return Ok(Step::Waits);
                };
                let method = self.chosen(u32::from_be_bytes([a, b, c, d]))?;
                let pad = usize::from(u16::from_be_bytes(pad));
                if pad > PAD {
                    return Err(Fault::TooMuch);
                }
                self.awaits = Awaits::Pad(method, pad);
            }
            Awaits::Pad(method, length) => {
                return Ok(match exchange.take_secret_bytes(length) {
                    Some(_) => Step::Over { method, initial: Vec::new() },
                    None => Step::Waits,
                });
            }
        }
        Ok(Step::Done)
    }

    fn send_offer(&self, exchange: &mut Exchange) {
        exchange.send_secret(&VERIFICATION);
        exchange.send_secret(&self.offers.to_be_bytes());
        // Padding here would hide nothing that the random bytes behind the key do not.
        exchange.send_secret(&0u16.to_be_bytes());
        exchange.send_secret(&(self.initial.len() as u16).to_be_bytes());
        exchange.send_secret(&self.initial);
    }

    fn chosen(&self, choice: u32) -> Result<Method, Fault> {
        let mut offered = [Method::Plain, Method::Rc4].into_iter().filter(|it| self.offers & it.bit() != 0);
        offered.find(|method| method.bit() == choice).ok_or(Fault::NoMethod)
    }
}

fn encrypted_verification(cipher: &mut Rc4) -> [u8; VERIFICATION.len()] {
    let mut bytes = VERIFICATION;
    cipher.apply(&mut bytes);
    bytes
}

//! The end that takes a connection in: it learns which torrent is meant, and chooses a method.

use crate::exchange::{Exchange, VERIFICATION};
use crate::handshake::Step;
use crate::keys::Secret;
use crate::limits::{INITIAL_PAYLOAD, PAD};
use crate::{Ciphers, Fault, Method};

pub(crate) struct Acceptor {
    /// The best one first.
    choices: Vec<Method>,
    /// Once both keys are known.
    secret: Option<Secret>,
    awaits: Awaits,
    /// The name of the torrent, until the host takes it.
    name: Option<[u8; 20]>,
}

/// What comes next.
#[derive(Clone, Copy)]
enum Awaits {
    Key,
    /// What ends the random bytes behind the key.
    Mark([u8; 20]),
    Name,
    /// The host knows whether we have the torrent.
    Lookup,
    Offer,
    /// Padding of so many bytes, and the length of the initial payload.
    Pad(Method, usize),
    Initial(Method, usize),
}

impl Acceptor {
    pub(crate) fn new(choices: &[Method]) -> Self {
        Self { choices: choices.to_vec(), secret: None, awaits: Awaits::Key, name: None }
    }

    pub(crate) const fn poll_lookup(&mut self) -> Option<[u8; 20]> {
        self.name.take()
    }

    /// The torrent is ours.
    pub(crate) fn handle_lookup(&mut self, exchange: &mut Exchange, info_hash: &[u8; 20]) {
        if let (Awaits::Lookup, Some(secret)) = (self.awaits, &self.secret) {
            let (inbound, outbound) = (secret.of_opener(info_hash), secret.of_acceptor(info_hash));
            exchange.set_ciphers(Ciphers { inbound, outbound });
            self.awaits = Awaits::Offer;
        }
    }

    pub(crate) fn step(&mut self, exchange: &mut Exchange) -> Result<Step, Fault> {
        Ok(match self.try_step(exchange)? {
            Some(step) => step,
            None => Step::Waits,
        })
    }

    /// One step; `None` if bytes are missing for it.
    fn try_step(&mut self, exchange: &mut Exchange) -> Result<Option<Step>, Fault> {
        self.awaits = match self.awaits {
            Awaits::Key => {
                let Some(secret) = exchange.take_key() else { return Ok(None) };
                let secret = self.secret.insert(secret?);
                exchange.send_key();
                Awaits::Mark(secret.mark())
            }
            Awaits::Mark(mark) => {
                if !exchange.skip_to(&mark)? {
                    return Ok(None);
                }
                Awaits::Name
            }
            Awaits::Name => {
                let Some(veiled) = exchange.take() else { return Ok(None) };
                self.name = self.secret.as_ref().map(|secret| secret.veil(veiled));
                Awaits::Lookup
            }
            Awaits::Lookup => return Ok(None),
            Awaits::Offer => match exchange.take_secret::<14>() {
                Some(offer) => self.judge(&offer)?,
                None => return Ok(None),
            },
            Awaits::Pad(method, pad) => match exchange.take_secret_bytes(pad + 2).as_deref() {
                Some([.., high, low]) => Awaits::Initial(method, bounded([*high, *low], INITIAL_PAYLOAD)?),
                _ => return Ok(None),
            },
            Awaits::Initial(method, length) => {
                let Some(initial) = exchange.take_secret_bytes(length) else { return Ok(None) };
                exchange.send_secret(&VERIFICATION);
                exchange.send_secret(&method.bit().to_be_bytes());
                exchange.send_secret(&0u16.to_be_bytes());
                return Ok(Some(Step::Over { method, initial }));
            }
        };
        Ok(Some(Step::Done))
    }

    /// Chooses among what is offered.
    fn judge(&self, offer: &[u8; 14]) -> Result<Awaits, Fault> {
        let [verification @ .., o0, o1, o2, o3, p0, p1] = *offer;
        if verification != VERIFICATION {
            return Err(Fault::BadVerification);
        }
        let offers = u32::from_be_bytes([o0, o1, o2, o3]);
        let method = self.choices.iter().find(|method| offers & method.bit() != 0);
        Ok(Awaits::Pad(*method.ok_or(Fault::NoMethod)?, bounded([p0, p1], PAD)?))
    }
}

/// Reads a length that may not be beyond a limit.
fn bounded(bytes: [u8; 2], most: usize) -> Result<usize, Fault> {
    Some(u16::from_be_bytes(bytes).into()).filter(|length| *length <= most).ok_or(Fault::TooMuch)
}

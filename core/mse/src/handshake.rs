//! Either end of a handshake, as its host sees it.

use crate::acceptor::Acceptor;
use crate::exchange::Exchange;
use crate::opener::Opener;
use crate::rc4::Rc4;
use thiserror::Error;

/// How the stream behind a handshake is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// As it is.
    Plain,
    /// Encrypted.
    Rc4,
}

impl Method {
    /// The bit that stands for it in an offer and in an answer.
    pub(crate) const fn bit(self) -> u32 {
        match self {
            Self::Plain => 1,
            Self::Rc4 => 2,
        }
    }
}

/// Both directions of an encrypted stream.
#[derive(Clone, Debug)]
pub struct Ciphers {
    /// What comes in.
    pub inbound: Rc4,
    /// What goes out.
    pub outbound: Rc4,
}

/// What a handshake gives that went well.
#[derive(Clone, Debug)]
pub struct Secured {
    /// What the stream passes from here on; `None` if it is sent as it is.
    pub ciphers: Option<Ciphers>,
    /// Bytes of the stream that came behind the handshake, decrypted.
    pub received: Vec<u8>,
}

/// Why a handshake ended in nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum Fault {
    /// The other end's public key would give the secret away.
    #[error("a weak public key")]
    WeakKey,
    /// What must follow a public key did not come.
    #[error("no mark behind the public key")]
    NoMark,
    /// The torrent that is asked for is not here.
    #[error("an unknown torrent")]
    UnknownTorrent,
    /// What proves that both ends have the same secret is wrong.
    #[error("a wrong verification constant")]
    BadVerification,
    /// None of the methods offered is one of ours, or one was chosen that was not offered.
    #[error("no method in common")]
    NoMethod,
    /// More than a [limit](crate::limits) of anything.
    #[error("too many bytes")]
    TooMuch,
}

/// One end of a handshake.
pub struct Handshake {
    exchange: Exchange,
    side: Side,
    end: Option<Result<Secured, Fault>>,
    is_over: bool,
}

enum Side {
    Opener(Opener),
    Acceptor(Acceptor),
}

/// How a step of a side went.
pub(crate) enum Step {
    /// There may be another.
    Done,
    /// Bytes are missing, or an answer of the host.
    Waits,
    /// That was the last one: how the stream is sent, and the bytes of it that rode on the handshake.
    Over { method: Method, initial: Vec<u8> },
}

impl Handshake {
    /// The end that opens a connection for a torrent. `initial` are the first bytes of the stream behind, which may thus
    /// arrive a round trip earlier; at most [`INITIAL_PAYLOAD`](crate::limits::INITIAL_PAYLOAD).
    pub fn open(info_hash: [u8; 20], offers: &[Method], initial: &[u8], seed: u64) -> Self {
        let mut exchange = Exchange::new(seed);
        exchange.send_key();
        Self::new(exchange, Side::Opener(Opener::new(info_hash, offers, initial)))
    }

    /// The end that takes a connection in, and its methods, the best one first.
    pub fn accept(choices: &[Method], seed: u64) -> Self {
        Self::new(Exchange::new(seed), Side::Acceptor(Acceptor::new(choices)))
    }

    const fn new(exchange: Exchange, side: Side) -> Self {
        Self { exchange, side, end: None, is_over: false }
    }

    /// Bytes arrived. Once the handshake is over nothing is looked at.
    pub fn handle_bytes(&mut self, bytes: &[u8]) {
        if self.is_over {
            return;
        }
        if self.exchange.receive(bytes) {
            self.go_on();
        } else {
            self.finish(Err(Fault::TooMuch));
        }
    }

    /// The [hidden name](crate::hidden_name) of the torrent that is asked for, once, for
    /// [`Self::handle_lookup`] to answer.
    pub const fn poll_lookup(&mut self) -> Option<[u8; 20]> {
        match &mut self.side {
            Side::Opener(_) => None,
            Side::Acceptor(acceptor) => acceptor.poll_lookup(),
        }
    }

    /// The info-hash whose hidden name was asked for; `None` ends the handshake.
    pub fn handle_lookup(&mut self, info_hash: Option<[u8; 20]>) {
        let Side::Acceptor(acceptor) = &mut self.side else { return };
        match info_hash {
            Some(info_hash) => {
                acceptor.handle_lookup(&mut self.exchange, &info_hash);
                self.go_on();
            }
            None => self.finish(Err(Fault::UnknownTorrent)),
        }
    }

    /// Appends what is to be sent. False if there is nothing.
    pub fn poll_transmit(&mut self, out: &mut Vec<u8>) -> bool {
        self.exchange.transmit(out)
    }

    /// How it ended, once. What is left to be sent is to be sent all the same.
    pub const fn poll_end(&mut self) -> Option<Result<Secured, Fault>> {
        self.end.take()
    }

    fn go_on(&mut self) {
        while !self.is_over {
            let step = match &mut self.side {
                Side::Opener(opener) => opener.step(&mut self.exchange),
                Side::Acceptor(acceptor) => acceptor.step(&mut self.exchange),
            };
            match step {
                Ok(Step::Done) => {}
                Ok(Step::Waits) => return,
                Ok(Step::Over { method, initial }) => {
                    let secured = self.exchange.secured(method, initial);
                    self.finish(Ok(secured));
                }
                Err(fault) => self.finish(Err(fault)),
            }
        }
    }

    fn finish(&mut self, end: Result<Secured, Fault>) {
        if !self.is_over {
            self.is_over = true;
            self.end = Some(end);
        }
    }
}

#[cfg(test)]
mod tests;

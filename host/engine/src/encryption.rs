//! Whether connections to peers are encrypted, and the handshakes of those that are.

use crate::limits::FIRST_READ;
use crate::transport::Stream;
use mse::{Handshake, Method};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Whether connections to peers are encrypted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Encryption {
    /// None is, either way.
    Off,
    /// Those are that the other end wants so, or that cannot be had otherwise.
    #[default]
    Allowed,
    /// All are where the other end takes part.
    Preferred,
    /// All are, or there is no connection.
    Required,
}

/// How an outgoing connection is begun.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Manner {
    Plain,
    Encrypted,
}

impl Encryption {
    const ALL: [Self; 4] = [Self::Off, Self::Allowed, Self::Preferred, Self::Required];

    /// How to begin an outgoing connection, one attempt after the other.
    pub(crate) const fn manners(self) -> &'static [Manner] {
        match self {
            Self::Off => &[Manner::Plain],
            Self::Allowed => &[Manner::Plain, Manner::Encrypted],
            Self::Preferred => &[Manner::Encrypted, Manner::Plain],
            Self::Required => &[Manner::Encrypted],
        }
    }

    /// Whether a connection may come that is not encrypted at all.
    pub(crate) const fn takes_plain(self) -> bool {
        !matches!(self, Self::Required)
    }

    /// Whether a connection may come that begins with a handshake of encryption.
    pub(crate) const fn takes_encrypted(self) -> bool {
        !matches!(self, Self::Off)
    }

    /// What may follow a handshake of encryption, the best first.
    const fn methods(self) -> &'static [Method] {
        match self {
            Self::Off => &[],
            Self::Allowed => &[Method::Plain, Method::Rc4],
            Self::Preferred => &[Method::Rc4, Method::Plain],
            Self::Required => &[Method::Rc4],
        }
    }
}

/// What a session's settings say, followed by every connection made from now on.
#[derive(Clone, Debug, Default)]
pub(crate) struct EncryptionSwitch(Arc<AtomicU8>);

impl EncryptionSwitch {
    pub(crate) fn new(encryption: Encryption) -> Self {
        let switch = Self::default();
        switch.set(encryption);
        switch
    }

    pub(crate) fn set(&self, encryption: Encryption) {
        self.0.store(encryption as u8, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> Encryption {
        Encryption::ALL.get(usize::from(self.0.load(Ordering::Relaxed))).copied().unwrap_or_default()
    }
}

/// Torrents by the names under which they are asked for in secret, so that nothing is hashed when somebody does.
#[derive(Debug, Default)]
pub(crate) struct HiddenNames(BTreeMap<[u8; 20], [u8; 20]>);

impl HiddenNames {
    pub(crate) fn insert(&mut self, info_hash: [u8; 20]) {
        self.0.insert(mse::hidden_name(&info_hash), info_hash);
    }

    pub(crate) fn remove(&mut self, info_hash: &[u8; 20]) {
        self.0.remove(&mse::hidden_name(info_hash));
    }

    pub(crate) fn find(&self, name: &[u8; 20]) -> Option<[u8; 20]> {
        self.0.get(name).copied()
    }
}

/// Encrypts a stream that we opened; `hello` goes along as its first bytes.
pub(crate) async fn open(
    stream: &mut Stream,
    encryption: Encryption,
    info_hash: [u8; 20],
    hello: &[u8],
) -> io::Result<()> {
    let handshake = Handshake::open(info_hash, encryption.methods(), hello, fastrand::u64(..));
    conduct(stream, handshake, |_| None).await
}

/// Encrypts a stream that begins with `first`, which is no handshake of BitTorrent. `find` knows torrents by their hidden names.
pub(crate) async fn accept(
    stream: &mut Stream,
    encryption: Encryption,
    first: &[u8],
    find: impl Fn(&[u8; 20]) -> Option<[u8; 20]>,
) -> io::Result<()> {
    let mut handshake = Handshake::accept(encryption.methods(), fastrand::u64(..));
    handshake.handle_bytes(first);
    conduct(stream, handshake, find).await
}

async fn conduct(
    stream: &mut Stream,
    mut handshake: Handshake,
    find: impl Fn(&[u8; 20]) -> Option<[u8; 20]>,
) -> io::Result<()> {
    let (mut bytes, mut out) = ([0; FIRST_READ], Vec::new());
    loop {
        if let Some(name) = handshake.poll_lookup() {
            handshake.handle_lookup(find(&name));
        }
        out.clear();
        handshake.poll_transmit(&mut out);
        stream.write_all(&out).await?;
        if let Some(end) = handshake.poll_end() {
            stream.secure(end.map_err(io::Error::other)?);
            return Ok(());
        }
        match stream.read(&mut bytes).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => handshake.handle_bytes(&bytes[..n]),
        }
    }
}

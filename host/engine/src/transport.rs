//! What carries a connection to a peer: TCP or uTP, as it is or encrypted.

use crate::limits::FIRST_READ;
use crate::utp::UtpStream;
use mse::{Ciphers, Secured};
use std::io::{self, IoSlice, IoSliceMut};
use tokio::net::TcpStream;

/// Which transports carry connections to peers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Transports {
    /// TCP alone.
    TcpOnly,
    /// Both; TCP is tried first.
    #[default]
    TcpFirst,
    /// Both; uTP is tried first.
    UtpFirst,
    /// uTP alone (BEP 29).
    UtpOnly,
}

impl Transports {
    /// Is TCP among them?
    pub const fn tcp(self) -> bool {
        !matches!(self, Self::UtpOnly)
    }

    /// Is uTP among them?
    pub const fn utp(self) -> bool {
        !matches!(self, Self::TcpOnly)
    }
}

/// How the bytes of a connection travel.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Link {
    /// Others on the way see something else than BitTorrent.
    pub is_encrypted: bool,
    /// By uTP; else by TCP.
    pub is_utp: bool,
}

/// What moves the bytes of a [`Stream`].
pub(crate) enum Carrier {
    Tcp(TcpStream),
    Utp(UtpStream),
}

/// A byte stream to a peer.
pub(crate) struct Stream {
    carrier: Carrier,
    /// Boxed, as most streams have none.
    ciphers: Option<Box<Ciphers>>,
    /// Bytes that were read ahead, decrypted; they come before what the carrier has.
    ahead: Vec<u8>,
}

impl Stream {
    /// A stream that is not encrypted so far.
    pub(crate) const fn new(carrier: Carrier) -> Self {
        Self { carrier, ciphers: None, ahead: Vec::new() }
    }

    /// What moves the bytes.
    pub(crate) const fn carrier(&self) -> &Carrier {
        &self.carrier
    }

    /// How the bytes travel.
    pub(crate) const fn link(&self) -> Link {
        Link { is_encrypted: self.ciphers.is_some(), is_utp: matches!(self.carrier, Carrier::Utp(_)) }
    }

    /// Goes on as a handshake has agreed.
    pub(crate) fn secure(&mut self, secured: Secured) {
        self.ciphers = secured.ciphers.map(Box::new);
        self.ahead = secured.received;
    }

    /// Waits for bytes of the other end, and keeps them to be read. Without any it is an error.
    pub(crate) async fn hear(&mut self) -> io::Result<()> {
        let mut bytes = [0; FIRST_READ];
        let n = self.read(&mut bytes).await?;
        self.ahead.extend_from_slice(&bytes[..n]);
        if n == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    /// Waits until a read gives bytes, the end or an error.
    pub(crate) async fn readable(&self) {
        if !self.ahead.is_empty() {
            return;
        }
        match &self.carrier {
            // An error of the wait shows in the read as well.
            Carrier::Tcp(stream) => drop(stream.readable().await),
            Carrier::Utp(stream) => stream.readable().await,
        }
    }

    /// Waits until a write takes bytes or fails.
    pub(crate) async fn writable(&self) {
        match &self.carrier {
            Carrier::Tcp(stream) => drop(stream.writable().await),
            Carrier::Utp(stream) => stream.writable().await,
        }
    }

    /// Reads what is there; no bytes are the end.
    pub(crate) fn try_read_vectored(&mut self, to: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        if !self.ahead.is_empty() {
            return Ok(self.take_ahead(to));
        }
        let n = match &self.carrier {
            Carrier::Tcp(stream) => stream.try_read_vectored(to)?,
            Carrier::Utp(stream) => stream.try_read_vectored(to)?,
        };
        if let Some(ciphers) = &mut self.ciphers {
            let mut left = n;
            for slice in to {
                let part = left.min(slice.len());
                ciphers.inbound.apply(&mut slice[..part]);
                left -= part;
            }
        }
        Ok(n)
    }

    fn take_ahead(&mut self, to: &mut [IoSliceMut<'_>]) -> usize {
        let mut taken = 0;
        for slice in to {
            let part = slice.len().min(self.ahead.len() - taken);
            slice[..part].copy_from_slice(&self.ahead[taken..taken + part]);
            taken += part;
        }
        self.ahead.drain(..taken);
        if self.ahead.is_empty() {
            self.ahead = Vec::new();
        }
        taken
    }

    /// Makes bytes ready to be written: each of them passes here once, in the order in which all are written.
    pub(crate) fn seal(&mut self, bytes: &mut [u8]) {
        if let Some(ciphers) = &mut self.ciphers {
            ciphers.outbound.apply(bytes);
        }
    }

    /// Writes sealed bytes as far as there is room for them.
    pub(crate) fn try_write_vectored(&self, from: &[IoSlice<'_>]) -> io::Result<usize> {
        match &self.carrier {
            Carrier::Tcp(stream) => stream.try_write_vectored(from),
            Carrier::Utp(stream) => stream.try_write_vectored(from),
        }
    }

    /// Reads what is there into one buffer; no bytes are the end.
    pub(crate) fn try_read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.try_read_vectored(&mut [IoSliceMut::new(to)])
    }

    /// Writes sealed bytes of one buffer as far as there is room for them.
    pub(crate) fn try_write(&self, from: &[u8]) -> io::Result<usize> {
        self.try_write_vectored(&[IoSlice::new(from)])
    }

    /// Waits for bytes and reads them; no bytes are the end.
    pub(crate) async fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        loop {
            self.readable().await;
            match self.try_read(to) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
        }
    }

    /// Writes sealed bytes, all of them.
    pub(crate) async fn write_all(&self, mut from: &[u8]) -> io::Result<()> {
        while !from.is_empty() {
            self.writable().await;
            match self.try_write(from) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => from = &from[result?..],
            }
        }
        Ok(())
    }
}

//! What carries a connection to a peer: TCP, or uTP.

use crate::utp::UtpStream;
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

/// A byte stream to a peer.
pub(crate) enum Stream {
    Tcp(TcpStream),
    Utp(UtpStream),
}

impl Stream {
    /// Waits until a read gives bytes, the end or an error.
    pub(crate) async fn readable(&self) {
        match self {
            // An error of the wait shows in the read as well.
            Self::Tcp(stream) => drop(stream.readable().await),
            Self::Utp(stream) => stream.readable().await,
        }
    }

    /// Waits until a write takes bytes or fails.
    pub(crate) async fn writable(&self) {
        match self {
            Self::Tcp(stream) => drop(stream.writable().await),
            Self::Utp(stream) => stream.writable().await,
        }
    }

    /// Reads what is there; no bytes are the end.
    pub(crate) fn try_read_vectored(&self, to: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_read_vectored(to),
            Self::Utp(stream) => stream.try_read_vectored(to),
        }
    }

    /// Writes what there is room for.
    pub(crate) fn try_write_vectored(&self, from: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_write_vectored(from),
            Self::Utp(stream) => stream.try_write_vectored(from),
        }
    }

    /// Reads what is there into one buffer; no bytes are the end.
    pub(crate) fn try_read(&self, to: &mut [u8]) -> io::Result<usize> {
        self.try_read_vectored(&mut [IoSliceMut::new(to)])
    }

    /// Writes what there is room for from one buffer.
    pub(crate) fn try_write(&self, from: &[u8]) -> io::Result<usize> {
        self.try_write_vectored(&[IoSlice::new(from)])
    }

    /// Waits for bytes and reads them; no bytes are the end.
    pub(crate) async fn read(&self, to: &mut [u8]) -> io::Result<usize> {
        loop {
            self.readable().await;
            match self.try_read(to) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
        }
    }
}

//! The packets of uTP as bytes (BEP 29).

use crate::limits::HEADER_BYTES;
use crate::sequence::Seq;

/// The only version there is.
const VERSION: u8 = 1;

/// The extension that names packets received beyond a gap.
pub(crate) const SELECTIVE_ACK: u8 = 1;

/// An extension that nobody knows and everybody skips: it makes a packet as long as a path is to be tried with.
const PADDING: u8 = 0x70;

/// What a packet is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Payload.
    Data = 0,
    /// The last packet of a direction.
    Fin = 1,
    /// An acknowledgement alone.
    State = 2,
    /// The end, at once.
    Reset = 3,
    /// The wish for a stream.
    Syn = 4,
}

impl Kind {
    const fn read(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Data,
            1 => Self::Fin,
            2 => Self::State,
            3 => Self::Reset,
            4 => Self::Syn,
            _ => return None,
        })
    }
}

/// The 20 bytes that every packet begins with, its first extension apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    /// The connection id.
    pub(crate) id: u16,
    /// The sender's clock when it sent this, in microseconds.
    pub(crate) sent_us: u32,
    /// Sender's clock less receiver's clock of the last packet in the other direction, in microseconds.
    pub(crate) delay_us: u32,
    /// Bytes that may be under way to the sender of this packet.
    pub(crate) window: u32,
    pub(crate) seq: Seq,
    pub(crate) ack: Seq,
}

impl Header {
    /// Writes the header in front of what `to` holds. Shorter targets are left alone: there are none.
    pub(crate) fn write(&self, extension: u8, to: &mut [u8]) {
        let Some(to) = to.first_chunk_mut::<HEADER_BYTES>() else { return };
        to[0] = (self.kind as u8) << 4 | VERSION;
        to[1] = extension;
        to[2..4].copy_from_slice(&self.id.to_be_bytes());
        to[4..8].copy_from_slice(&self.sent_us.to_be_bytes());
        to[8..12].copy_from_slice(&self.delay_us.to_be_bytes());
        to[12..16].copy_from_slice(&self.window.to_be_bytes());
        to[16..18].copy_from_slice(&self.seq.0.to_be_bytes());
        to[18..20].copy_from_slice(&self.ack.0.to_be_bytes());
    }
}

/// A packet as it was received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Packet<'a> {
    pub(crate) header: Header,
    /// The mask of a selective ack, empty without one.
    pub(crate) selective: &'a [u8],
    pub(crate) payload: &'a [u8],
}

/// Is this datagram a packet of uTP, as far as its first bytes tell? Queries and answers of the DHT begin with `d`,
/// answers of UDP trackers with four bytes of which the first is 0.
pub fn is_utp(datagram: &[u8]) -> bool {
    datagram.len() >= HEADER_BYTES
        && datagram.first().is_some_and(|byte| byte & 0x0f == VERSION && Kind::read(byte >> 4).is_some())
}

/// Reads a packet. `None`: it is none, or its extensions reach beyond its end.
pub(crate) fn read(datagram: &[u8]) -> Option<Packet<'_>> {
    let (head, mut rest) = datagram.split_first_chunk::<HEADER_BYTES>()?;
    if head[0] & 0x0f != VERSION {
        return None;
    }
    let short = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
    let long = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let header = Header {
        kind: Kind::read(head[0] >> 4)?,
        id: short(2),
        sent_us: long(4),
        delay_us: long(8),
        window: long(12),
        seq: Seq(short(16)),
        ack: Seq(short(18)),
    };
    let (mut extension, mut selective) = (head[1], &[][..]);
    while extension != 0 {
        let (&[next, length], behind) = rest.split_first_chunk::<2>()?;
        let (content, behind) = behind.split_at_checked(usize::from(length))?;
        // BEP 29 has masks of a multiple of four bytes; libtorrent sends as many as it needs.
        if extension == SELECTIVE_ACK {
            selective = content;
        }
        (extension, rest) = (next, behind);
    }
    Some(Packet { header, selective, payload: rest })
}

/// Writes a packet of exactly `to.len()` bytes that carries `payload` behind padding. The caller leaves no gap of a
/// single byte, which no extension can fill.
pub(crate) fn write_padded(header: &Header, payload: &[u8], to: &mut [u8]) {
    let at = to.len() - payload.len();
    let (front, back) = to.split_at_mut(at);
    back.copy_from_slice(payload);
    header.write(PADDING, front);
    let mut gap = &mut front[HEADER_BYTES..];
    while gap.len() >= 2 {
        // The rest is either nothing or long enough for one more extension.
        let mut length = (gap.len() - 2).min(255);
        if gap.len() - 2 - length == 1 {
            length -= 1;
        }
        let (extension, behind) = gap.split_at_mut(2 + length);
        extension.fill(0);
        extension[0] = if behind.is_empty() { 0 } else { PADDING };
        extension[1] = length as u8;
        gap = behind;
    }
}

#[cfg(test)]
mod tests;

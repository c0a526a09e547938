//! Framing: from a stream of bytes, cut anywhere, to messages. Lengths are checked against the largest legal
//! message of their id before a byte of it is kept; block payloads never come here.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::Violation;
use crate::limits::{EXTENDED_LENGTH, PIECE_PAYLOAD, UNKNOWN_LENGTH};
use crate::message::{Message, id};
use metainfo::{BlockRequest, PieceIndex};

/// Bytes of the longest message of fixed length: a request with its prefix.
const LONGEST_FIXED: usize = 17;

/// Bytes of length prefix and id.
const ID_END: usize = 5;

/// The extension messages that are kept; others are passed over.
const EXTENSIONS_KEPT: [u8; 6] = [
    crate::extended::DONT_HAVE,
    crate::extended::HANDSHAKE,
    crate::extended::HOLEPUNCH,
    crate::extended::PEX,
    crate::extended::METADATA,
    crate::extended::UPLOAD_ONLY,
];

/// What the next bytes are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Part of a header.
    Header,
    /// So many bytes of a bitfield.
    Bitfield(usize),
    /// So many bytes of an extension message.
    Extended(u8, usize),
    /// So many bytes that nobody looks at.
    Skip(usize),
}

/// One message as it came out of the stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Frame {
    /// Of fixed length, or without content that anybody looks at.
    Plain(Message<'static>),
    /// A bitfield.
    Bitfield(Vec<u8>),
    /// An extension message: our number of it, and its content.
    Extended(u8, Vec<u8>),
}

impl Frame {
    /// The message.
    pub(crate) fn message(&self) -> Message<'_> {
        match self {
            Self::Plain(message) => *message,
            Self::Bitfield(bytes) => Message::Bitfield(bytes),
            Self::Extended(number, content) => Message::Extended(*number, content),
        }
    }
}

/// Cuts one stream into messages.
#[derive(Clone, Debug)]
pub(crate) struct Decoder {
    state: State,
    header: [u8; LONGEST_FIXED],
    filled: usize,
    /// A bitfield or extension message as far as it came; empty otherwise.
    body: Vec<u8>,
    bitfield_length: u32,
    /// The torrent's sizes are known: a bitfield has that length and no other.
    is_exact: bool,
}

impl Decoder {
    /// A decoder for a torrent of `piece_count` pieces.
    pub(crate) const fn new(piece_count: u32) -> Self {
        Self {
            state: State::Header,
            header: [0; LONGEST_FIXED],
            filled: 0,
            body: Vec::new(),
            bitfield_length: piece_count.div_ceil(8),
            is_exact: true,
        }
    }

    /// A decoder for a torrent of at most so many pieces.
    pub(crate) const fn early(most_pieces: u32) -> Self {
        let mut decoder = Self::new(most_pieces);
        decoder.is_exact = false;
        decoder
    }

    /// It is known how many pieces there are.
    pub(crate) const fn learn(&mut self, piece_count: u32) {
        self.bitfield_length = piece_count.div_ceil(8);
        self.is_exact = true;
    }

    /// Takes bytes off the front of `bytes` up to the end of one message, or all of them. After
    /// [`Message::Piece`] the caller takes the payload off the stream itself.
    pub(crate) fn next(&mut self, bytes: &mut &[u8]) -> Result<Option<Frame>, Violation> {
        loop {
            let left = match self.state {
                State::Header => {
                    if let Some(message) = self.header(bytes)? {
                        self.filled = 0;
                        return Ok(Some(Frame::Plain(message)));
                    }
                    if self.state == State::Header {
                        return Ok(None);
                    }
                    continue;
                }
                State::Skip(left) => left.saturating_sub(take(bytes, left).len()),
                State::Bitfield(left) | State::Extended(_, left) => self.keep(bytes, left),
            };
            let frame = match &mut self.state {
                State::Skip(now_left) | State::Bitfield(now_left) | State::Extended(_, now_left)
                    if left > 0 =>
                {
                    *now_left = left;
                    return Ok(None);
                }
                State::Header | State::Skip(_) => None,
                State::Bitfield(_) => Some(Frame::Bitfield(std::mem::take(&mut self.body))),
                State::Extended(number, _) => Some(Frame::Extended(*number, std::mem::take(&mut self.body))),
            };
            self.state = State::Header;
            if frame.is_some() {
                return Ok(frame);
            }
        }
    }

    fn keep(&mut self, bytes: &mut &[u8], left: usize) -> usize {
        let part = take(bytes, left);
        self.body.extend_from_slice(part);
        left.saturating_sub(part.len())
    }

    /// Goes on with the header. A whole message of fixed length comes out of it; others change the state.
    fn header(&mut self, bytes: &mut &[u8]) -> Result<Option<Message<'static>>, Violation> {
        if !self.fill(bytes, 4) {
            return Ok(None);
        }
        let length = self.number(0);
        if length == 0 {
            return Ok(Some(Message::KeepAlive));
        }
        if length > self.longest() {
            return Err(Violation::Oversized);
        }
        if !self.fill(bytes, ID_END) {
            return Ok(None);
        }
        let kind = self.byte(4);
        match kind {
            id::CHOKE..=id::NOT_INTERESTED | id::HAVE_ALL | id::HAVE_NONE => self.fixed(bytes, length, 1),
            id::HAVE | id::SUGGEST | id::ALLOWED_FAST => self.fixed(bytes, length, 5),
            id::REQUEST | id::CANCEL | id::REJECT => self.fixed(bytes, length, 13),
            id::PORT => self.fixed(bytes, length, 3),
            id::PIECE => self.piece(bytes, length),
            id::BITFIELD => self.bitfield(length),
            id::EXTENDED => self.extended(bytes, length),
            _ => self.unknown(kind, length),
        }
    }

    fn fixed(
        &mut self,
        bytes: &mut &[u8],
        length: u32,
        right: usize,
    ) -> Result<Option<Message<'static>>, Violation> {
        if length as usize != right {
            return Err(Violation::WrongLength);
        }
        if !self.fill(bytes, right.saturating_add(4)) {
            return Ok(None);
        }
        let piece = PieceIndex(self.number(5));
        let request = BlockRequest { piece, begin: self.number(9), length: self.number(13) };
        Ok(Some(match self.byte(4) {
            id::CHOKE => Message::Choke,
            id::UNCHOKE => Message::Unchoke,
            id::INTERESTED => Message::Interested,
            id::NOT_INTERESTED => Message::NotInterested,
            id::HAVE_ALL => Message::HaveAll,
            id::HAVE_NONE => Message::HaveNone,
            id::HAVE => Message::Have(piece),
            id::SUGGEST => Message::Suggest(piece),
            id::ALLOWED_FAST => Message::AllowedFast(piece),
            id::REQUEST => Message::Request(request),
            id::CANCEL => Message::Cancel(request),
            id::REJECT => Message::Reject(request),
            _ => Message::Port(u16::from_be_bytes([self.byte(5), self.byte(6)])),
        }))
    }

    fn piece(&mut self, bytes: &mut &[u8], length: u32) -> Result<Option<Message<'static>>, Violation> {
        let payload = length.checked_sub(9).ok_or(Violation::WrongLength)?;
        if payload > PIECE_PAYLOAD {
            return Err(Violation::Oversized);
        }
        if !self.fill(bytes, 13) {
            return Ok(None);
        }
        let request =
            BlockRequest { piece: PieceIndex(self.number(5)), begin: self.number(9), length: payload };
        Ok(Some(Message::Piece(request)))
    }

    fn bitfield(&mut self, length: u32) -> Result<Option<Message<'static>>, Violation> {
        let content = length.saturating_sub(1);
        if content > self.bitfield_length || self.is_exact && content != self.bitfield_length {
            return Err(Violation::BadBitfield);
        }
        self.go_to(State::Bitfield(content as usize));
        Ok(None)
    }

    fn extended(&mut self, bytes: &mut &[u8], length: u32) -> Result<Option<Message<'static>>, Violation> {
        let content = length.checked_sub(2).ok_or(Violation::BadExtension)?;
        if content > EXTENDED_LENGTH {
            return Err(Violation::Oversized);
        }
        if !self.fill(bytes, 6) {
            return Ok(None);
        }
        let number = self.byte(5);
        if EXTENSIONS_KEPT.contains(&number) {
            self.go_to(State::Extended(number, content as usize));
            return Ok(None);
        }
        self.go_to(State::Skip(content as usize));
        Ok(Some(Message::Unknown(id::EXTENDED, content)))
    }

    fn unknown(&mut self, kind: u8, length: u32) -> Result<Option<Message<'static>>, Violation> {
        let content = length.saturating_sub(1);
        if content > UNKNOWN_LENGTH {
            return Err(Violation::Oversized);
        }
        self.go_to(State::Skip(content as usize));
        Ok(Some(Message::Unknown(kind, content)))
    }

    fn go_to(&mut self, state: State) {
        self.state = state;
        self.filled = 0;
    }

    /// The largest length prefix of any message of this torrent.
    fn longest(&self) -> u32 {
        EXTENDED_LENGTH.saturating_add(2).max(self.bitfield_length.saturating_add(1))
    }

    /// Fills the header up to `end`. False if the bytes ran out before.
    fn fill(&mut self, bytes: &mut &[u8], end: usize) -> bool {
        if let Some(room) = self.header.get_mut(self.filled..end)
            && !room.is_empty()
        {
            let part = take(bytes, room.len());
            if let Some(room) = room.get_mut(..part.len()) {
                room.copy_from_slice(part);
            }
            self.filled = self.filled.saturating_add(part.len());
        }
        self.filled >= end
    }

    fn byte(&self, at: usize) -> u8 {
        self.header.get(at).copied().unwrap_or_default()
    }

    fn number(&self, at: usize) -> u32 {
        let bytes = self.header.get(at..).and_then(<[u8]>::first_chunk).copied();
        bytes.map_or(0, u32::from_be_bytes)
    }
}

/// Takes up to `most` bytes off the front.
fn take<'a>(bytes: &mut &'a [u8], most: usize) -> &'a [u8] {
    let (part, rest) = bytes.split_at_checked(most).unwrap_or((bytes, &[]));
    *bytes = rest;
    part
}

#[cfg(test)]
mod tests;

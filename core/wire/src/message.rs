//! Messages and their wire form (BEP 3, 6, 10).

use metainfo::{BlockRequest, PieceIndex};

/// Message ids.
pub(crate) mod id {
    pub(crate) const CHOKE: u8 = 0;
    pub(crate) const UNCHOKE: u8 = 1;
    pub(crate) const INTERESTED: u8 = 2;
    pub(crate) const NOT_INTERESTED: u8 = 3;
    pub(crate) const HAVE: u8 = 4;
    pub(crate) const BITFIELD: u8 = 5;
    pub(crate) const REQUEST: u8 = 6;
    pub(crate) const PIECE: u8 = 7;
    pub(crate) const CANCEL: u8 = 8;
    pub(crate) const PORT: u8 = 9;
    pub(crate) const SUGGEST: u8 = 13;
    pub(crate) const HAVE_ALL: u8 = 14;
    pub(crate) const HAVE_NONE: u8 = 15;
    pub(crate) const REJECT: u8 = 16;
    pub(crate) const ALLOWED_FAST: u8 = 17;
    pub(crate) const EXTENDED: u8 = 20;
}

/// Bytes of a `piece` message before its payload.
pub(crate) const PIECE_HEADER_LENGTH: u64 = 13;

/// One message. Block payloads are never part of it: they pass beside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Message<'a> {
    /// No id, no content: the connection is alive.
    KeepAlive,
    /// The sender does not serve.
    Choke,
    /// The sender serves.
    Unchoke,
    /// The sender wants something.
    Interested,
    /// The sender wants nothing.
    NotInterested,
    /// The sender got a piece.
    Have(PieceIndex),
    /// The pieces the sender has; one bit a piece, the high bit first.
    Bitfield(&'a [u8]),
    /// The sender asks for a block.
    Request(BlockRequest),
    /// The header of a block; its `length` bytes follow.
    Piece(BlockRequest),
    /// The sender takes a request back.
    Cancel(BlockRequest),
    /// The sender's DHT node listens here (BEP 5).
    Port(u16),
    /// The sender advises to ask for a piece (BEP 6).
    Suggest(PieceIndex),
    /// The sender has everything (BEP 6).
    HaveAll,
    /// The sender has nothing (BEP 6).
    HaveNone,
    /// The sender will not answer a request (BEP 6).
    Reject(BlockRequest),
    /// This piece may be asked for while choked (BEP 6).
    AllowedFast(PieceIndex),
    /// A message of the extension protocol (BEP 10): the receiver's number of it, and its content.
    Extended(u8, &'a [u8]),
    /// A message passed over: its id and the length of its content.
    Unknown(u8, u32),
}

impl Message<'_> {
    /// Appends the wire form to `out`. For [`Message::Piece`] that is the 13-byte header; an unknown message has
    /// none.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match *self {
            Self::KeepAlive => out.extend([0; 4]),
            Self::Choke => plain(out, id::CHOKE),
            Self::Unchoke => plain(out, id::UNCHOKE),
            Self::Interested => plain(out, id::INTERESTED),
            Self::NotInterested => plain(out, id::NOT_INTERESTED),
            Self::HaveAll => plain(out, id::HAVE_ALL),
            Self::HaveNone => plain(out, id::HAVE_NONE),
            Self::Have(piece) => numbered(out, id::HAVE, piece),
            Self::Suggest(piece) => numbered(out, id::SUGGEST, piece),
            Self::AllowedFast(piece) => numbered(out, id::ALLOWED_FAST, piece),
            Self::Request(request) => ranged(out, id::REQUEST, &request),
            Self::Cancel(request) => ranged(out, id::CANCEL, &request),
            Self::Reject(request) => ranged(out, id::REJECT, &request),
            Self::Piece(request) => out.extend(piece_header(&request)),
            Self::Port(port) => {
                head(out, 3, id::PORT);
                out.extend(port.to_be_bytes());
            }
            Self::Bitfield(bytes) => {
                head(out, 1 + bytes.len(), id::BITFIELD);
                out.extend(bytes);
            }
            Self::Extended(number, content) => {
                head(out, 2 + content.len(), id::EXTENDED);
                out.push(number);
                out.extend(content);
            }
            Self::Unknown(..) => {}
        }
    }
}

/// The 13 bytes before a block's payload.
pub fn piece_header(request: &BlockRequest) -> [u8; 13] {
    let mut header = [0; 13];
    header[..4].copy_from_slice(&request.length.saturating_add(9).to_be_bytes());
    header[4] = id::PIECE;
    header[5..9].copy_from_slice(&request.piece.0.to_be_bytes());
    header[9..].copy_from_slice(&request.begin.to_be_bytes());
    header
}

fn head(out: &mut Vec<u8>, length: usize, id: u8) {
    out.extend((length as u32).to_be_bytes());
    out.push(id);
}

fn plain(out: &mut Vec<u8>, id: u8) {
    head(out, 1, id);
}

fn numbered(out: &mut Vec<u8>, id: u8, piece: PieceIndex) {
    head(out, 5, id);
    out.extend(piece.0.to_be_bytes());
}

fn ranged(out: &mut Vec<u8>, id: u8, request: &BlockRequest) {
    head(out, 13, id);
    for number in [request.piece.0, request.begin, request.length] {
        out.extend(number.to_be_bytes());
    }
}

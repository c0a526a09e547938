//! An HTTP server as the swarm sees it: ranges in, blocks out.

use crate::network::Pipe;
use metainfo::{BLOCK_LENGTH, BlockIndex, BlockRequest, Geometry, PieceIndex};
use std::time::{Duration, Instant};

/// How a server behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServerState {
    /// Sends what is asked for.
    Sound,
    /// Has no such file.
    Missing,
    /// Asks to be left alone for so long.
    Busy(Duration),
    /// Sends wrong bytes.
    Corrupt,
    /// Takes the request and sends nothing.
    Silent,
}

pub(crate) struct WebSeed {
    pub(crate) state: ServerState,
    pub(crate) latency: Duration,
    pub(crate) pipe: Pipe,
    /// The number of the range under way; blocks of earlier ones are late.
    pub(crate) range: u64,
    pub(crate) active: bool,
    /// Requests seen.
    pub(crate) requests: Vec<Instant>,
}

/// The blocks of a byte range, in order.
pub(crate) fn blocks(geometry: &Geometry, offset: u64, length: u64) -> Vec<BlockRequest> {
    let piece_length = u64::from(geometry.piece_length());
    let (mut at, end) = (offset, (offset + length).min(geometry.total_length()));
    let mut blocks = Vec::new();
    while at < end {
        let piece = PieceIndex((at / piece_length) as u32);
        let block = BlockIndex((at % piece_length) as u32 / BLOCK_LENGTH);
        let Some(request) = geometry.block(piece, block) else { break };
        blocks.push(request);
        at += u64::from(request.length);
    }
    blocks
}

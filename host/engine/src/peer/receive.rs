//! From the socket into block buffers, without a copy in user space.
//!
//! A downloading peer's stream is almost nothing but `piece` messages: a 13-byte header, 16 KiB of payload, again.
//! So one vectored read is laid out as exactly that, `[rest of this block][header][block][header][block]...`, and
//! when the guess holds every payload lands where the hasher wants it. Where it does not hold (a control message
//! between, a short block) the bytes behind the mistake are copied once and nothing else is lost.

use crate::limits::{READ_SCRATCH, SCATTER_BLOCKS};
use crate::transport::Stream;
use metainfo::BLOCK_LENGTH;
use std::io::{self, IoSliceMut};
use std::time::Instant;
use storage::{Block, BlockBuffer, BlockPool};
use wire::Connection;

/// Bytes of a `piece` message before its payload.
const HEADER: usize = 13;

/// How a read ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Received {
    /// So many bytes came.
    Bytes(usize),
    /// The socket has nothing now.
    Nothing,
    /// The other end closed.
    Closed,
    /// No block buffer is free; nothing was read, or some bytes wait in here for one.
    NoBuffer,
}

/// The receiving half of one peer.
#[derive(Default)]
pub(super) struct Receiver {
    /// The block under way.
    current: Option<BlockBuffer>,
    /// Bytes read but not yet understood for want of a buffer; at most one read's worth.
    held: Vec<u8>,
}

/// What one read works with.
pub(super) struct Surroundings<'a> {
    pub(super) connection: &'a mut Connection,
    pub(super) pool: &'a BlockPool,
    /// The tag that names this peer as the blocks' source.
    pub(super) source: u64,
    /// Where whole blocks go.
    pub(super) blocks: &'a mut Vec<Block>,
}

impl Receiver {
    /// Reads once, at most about `budget` bytes, and hands what came to the connection and to `blocks`.
    pub(super) fn read(
        &mut self,
        now: Instant,
        stream: &mut Stream,
        budget: Option<usize>,
        around: &mut Surroundings<'_>,
    ) -> io::Result<Received> {
        if !self.held.is_empty() && !self.feed_held(now, around) {
            return Ok(Received::NoBuffer);
        }
        if !self.have_buffer(around) {
            return Ok(Received::NoBuffer);
        }
        let limit = budget.unwrap_or(usize::MAX);
        let depth = scatter_depth(around.connection, limit);
        let mut blocks: [Option<BlockBuffer>; SCATTER_BLOCKS] = Default::default();
        let mut taken = 0;
        while taken < depth {
            let Some(buffer) = around.pool.try_acquire() else { break };
            blocks[taken] = Some(buffer);
            taken += 1;
        }
        let mut headers = [[0u8; HEADER]; SCATTER_BLOCKS];
        let mut scratch = [0u8; READ_SCRATCH];
        let lead = self.lead(around.connection, limit);
        let lead_length = lead.len();
        let n = {
            let mut slices: [IoSliceMut<'_>; 2 * SCATTER_BLOCKS + 2] =
                std::array::from_fn(|_| IoSliceMut::new(&mut []));
            let mut used = 0;
            let mut push = |slice| {
                slices[used] = IoSliceMut::new(slice);
                used += 1;
            };
            if lead_length > 0 {
                push(lead);
            }
            for (header, block) in headers.iter_mut().zip(blocks.iter_mut().flatten()) {
                push(header);
                push(&mut block[..]);
            }
            // Under a small limit the scratch would let a whole control-sized read past it; it is 2 KiB, fine.
            push(&mut scratch);
            match stream.try_read_vectored(&mut slices[..used]) {
                Ok(0) => return Ok(Received::Closed),
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Received::Nothing),
                Err(error) => return Err(error),
            }
        };
        let mut left = n;
        let mut part = |most: usize| {
            let length = left.min(most);
            left -= length;
            length
        };
        let length = part(lead_length);
        if length > 0 {
            self.took(now, length, around);
        }
        for (header, block) in headers.iter().zip(blocks.iter_mut()) {
            let Some(whole) = block.as_ref().map(|block| block.len()) else { break };
            let length = part(HEADER);
            self.feed(now, &header[..length], around);
            let length = part(whole);
            if length > 0 {
                self.place(now, block, length, around);
            }
        }
        self.feed(now, &scratch[..left], around);
        Ok(Received::Bytes(n))
    }

    /// Makes sure that a payload that begins in the next read has somewhere to go.
    fn have_buffer(&mut self, around: &Surroundings<'_>) -> bool {
        if self.current.is_none() && around.connection.outstanding() > 0 {
            self.current = around.pool.try_acquire();
            return self.current.is_some();
        }
        true
    }

    /// The rest of the block under way.
    fn lead(&mut self, connection: &Connection, limit: usize) -> &mut [u8] {
        match (connection.payload(), &mut self.current) {
            (Some(payload), Some(buffer)) if payload.wanted => {
                let from = payload.received as usize;
                let to = (payload.request.length as usize).min(from.saturating_add(limit));
                &mut buffer[from..to]
            }
            _ => &mut [],
        }
    }

    /// `length` bytes of `block` came in; they are a block's payload from its start if the guess was right.
    fn place(
        &mut self,
        now: Instant,
        block: &mut Option<BlockBuffer>,
        length: usize,
        around: &mut Surroundings<'_>,
    ) {
        let right = self.held.is_empty()
            && around.connection.payload().is_some_and(|payload| {
                payload.wanted && payload.received == 0 && payload.request.length == BLOCK_LENGTH
            });
        if right {
            self.current = block.take();
            self.took(now, length, around);
        } else if let Some(buffer) = block {
            self.feed(now, &buffer[..length], around);
        }
    }

    /// `length` bytes of the payload under way are in its buffer.
    fn took(&mut self, now: Instant, length: usize, around: &mut Surroundings<'_>) {
        let Some(payload) = around.connection.payload() else { return };
        around.connection.handle_payload(now, length as u32);
        if payload.received as usize + length == payload.request.length as usize
            && payload.wanted
            && let Some(buffer) = self.current.take()
        {
            around.blocks.push(Block { request: payload.request, data: buffer, source: around.source });
        }
    }

    fn feed_held(&mut self, now: Instant, around: &mut Surroundings<'_>) -> bool {
        let held = std::mem::take(&mut self.held);
        self.feed(now, &held, around);
        self.held.is_empty()
    }

    /// Hands bytes to the connection, payloads copied into block buffers; what finds no buffer is held.
    fn feed(&mut self, now: Instant, mut bytes: &[u8], around: &mut Surroundings<'_>) {
        if !self.held.is_empty() {
            self.held.extend_from_slice(bytes);
            return;
        }
        while !bytes.is_empty() && !around.connection.is_closed() {
            let Some(payload) = around.connection.payload() else {
                let used = around.connection.handle_bytes(now, bytes);
                bytes = &bytes[used.min(bytes.len())..];
                continue;
            };
            let missing = (payload.request.length - payload.received) as usize;
            let (now_part, rest) = bytes.split_at(missing.min(bytes.len()));
            if payload.wanted {
                if self.current.is_none() {
                    self.current = around.pool.try_acquire();
                }
                let Some(buffer) = &mut self.current else {
                    self.held.extend_from_slice(bytes);
                    return;
                };
                let from = payload.received as usize;
                buffer[from..from + now_part.len()].copy_from_slice(now_part);
            }
            self.took(now, now_part.len(), around);
            bytes = rest;
        }
    }

    /// Whether bytes wait for a buffer.
    pub(super) const fn holds_bytes(&self) -> bool {
        !self.held.is_empty()
    }

    /// Takes in a buffer that [`Received::NoBuffer`] asked for.
    pub(super) fn lend(&mut self, buffer: BlockBuffer) {
        self.current.get_or_insert(buffer);
    }

    /// Drops everything not yet whole.
    pub(super) fn clear(&mut self) {
        self.current = None;
        self.held = Vec::new();
    }

    /// Gives the spare buffer back while the peer owes us nothing.
    pub(super) fn release(&mut self, connection: &Connection) {
        if connection.outstanding() == 0 && connection.payload().is_none() {
            self.current = None;
        }
    }
}

/// How many whole blocks to expect behind the one under way.
fn scatter_depth(connection: &Connection, limit: usize) -> usize {
    if connection.payload().is_some_and(|payload| !payload.wanted) {
        return 0;
    }
    let expected = connection.outstanding().saturating_sub(usize::from(connection.payload().is_some()));
    expected.min(SCATTER_BLOCKS).min(limit / BLOCK_LENGTH as usize)
}

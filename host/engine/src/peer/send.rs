//! From control messages and blocks on disk to the socket: one vectored write of many `[header, block]` pairs.

use crate::limits::{GATHER_SLICES, SEND_AHEAD};
use crate::transport::Stream;
use metainfo::BlockRequest;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::time::Instant;
use storage::{BlockBuffer, BlockPool, TorrentStore, TryRead};
use wire::Connection;

/// What is lined up for the socket, in order.
enum Part {
    Control(Vec<u8>),
    Block { header: [u8; 13], buffer: BlockBuffer, request: BlockRequest },
}

impl Part {
    fn slices(&self) -> [&[u8]; 2] {
        match self {
            Self::Control(bytes) => [bytes, &[]],
            Self::Block { header, buffer, request } => [header, &buffer[..request.length as usize]],
        }
    }

    fn seal(&mut self, stream: &mut Stream) {
        match self {
            Self::Control(bytes) => stream.seal(bytes),
            Self::Block { header, buffer, request } => {
                stream.seal(header);
                stream.seal(&mut buffer[..request.length as usize]);
            }
        }
    }

    fn length(&self) -> usize {
        self.slices().iter().map(|slice| slice.len()).sum()
    }
}

/// What keeps the sender from lining up more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Filled {
    /// Nothing: the peer's queue is empty, or enough is lined up.
    Enough,
    /// No buffer is free.
    NoBuffer,
    /// This block is not in the page cache: a storage worker must read it.
    Slow(BlockRequest),
}

/// The sending half of one peer.
#[derive(Default)]
pub(super) struct Sender {
    parts: VecDeque<Part>,
    /// Parts at the front that are ready to be written as they are.
    sealed: usize,
    /// Bytes of the front part already written.
    written: usize,
    /// Bytes in `parts` not yet written.
    ahead: usize,
}

impl Sender {
    /// Whether bytes wait for the socket.
    pub(super) fn is_pending(&self) -> bool {
        self.ahead > 0
    }

    /// Lines up control messages, then blocks the peer asked for, up to about `budget` bytes of payload.
    pub(super) fn fill(
        &mut self,
        now: Instant,
        connection: &mut Connection,
        store: &TorrentStore,
        pool: &BlockPool,
        budget: Option<usize>,
    ) -> Filled {
        self.fill_control(connection);
        let most = budget.unwrap_or(SEND_AHEAD).min(SEND_AHEAD);
        while self.ahead < most && connection.uploads_pending() {
            let Some(mut buffer) = pool.try_acquire() else { return Filled::NoBuffer };
            let Some(request) = connection.next_upload() else { break };
            match store.try_read(request, &mut buffer[..request.length as usize]) {
                TryRead::Done => self.push_block(request, buffer),
                TryRead::WouldBlock => return Filled::Slow(request),
                TryRead::Unavailable => {
                    connection.handle_unavailable(now, request);
                    self.fill_control(connection);
                }
            }
        }
        Filled::Enough
    }

    /// Lines up a block that a storage worker read.
    pub(super) fn push_block(&mut self, request: BlockRequest, buffer: BlockBuffer) {
        self.push(Part::Block { header: wire::piece_header(&request), buffer, request });
    }

    pub(super) fn fill_control(&mut self, connection: &mut Connection) {
        let mut bytes = Vec::new();
        connection.poll_transmit(&mut bytes);
        self.push_control(bytes);
    }

    fn push_control(&mut self, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            self.push(Part::Control(bytes));
        }
    }

    /// Lines up the first bytes of all, which are sealed already.
    pub(super) fn push_sealed(&mut self, bytes: Vec<u8>) {
        self.push_control(bytes);
        self.sealed = self.parts.len();
    }

    fn push(&mut self, part: Part) {
        self.ahead += part.length();
        self.parts.push_back(part);
    }

    /// Writes until everything is out or the socket is full. The answer is the number of bytes written.
    pub(super) fn write(
        &mut self,
        now: Instant,
        stream: &mut Stream,
        connection: &mut Connection,
    ) -> io::Result<usize> {
        self.parts.range_mut(self.sealed..).for_each(|part| part.seal(stream));
        self.sealed = self.parts.len();
        let mut total = 0;
        while self.ahead > 0 {
            match stream.try_write_vectored(&self.gather()[..]) {
                Ok(n) => {
                    total += n;
                    self.advance(now, n, connection);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        if total > 0 {
            connection.handle_written(now, total);
        }
        Ok(total)
    }

    fn gather(&self) -> Vec<IoSlice<'_>> {
        let mut slices = Vec::with_capacity(GATHER_SLICES);
        let mut skip = self.written;
        for slice in self.parts.iter().flat_map(Part::slices) {
            if slices.len() == GATHER_SLICES {
                break;
            }
            let cut = skip.min(slice.len());
            skip -= cut;
            if cut < slice.len() {
                slices.push(IoSlice::new(&slice[cut..]));
            }
        }
        slices
    }

    fn advance(&mut self, now: Instant, n: usize, connection: &mut Connection) {
        self.ahead -= n;
        self.written += n;
        while let Some(length) = self.parts.front().map(Part::length)
            && self.written >= length
        {
            self.written -= length;
            self.sealed -= 1;
            if let Some(Part::Block { request, .. }) = self.parts.pop_front() {
                connection.handle_uploaded(now, request);
            }
        }
    }
}

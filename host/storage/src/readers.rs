//! Threads that read blocks not in the page cache, apart from the workers so that nothing waits for them but the
//! peer that asked.

use crate::sync::SyncHandle;
use crate::torrent::Torrent;
use crate::transfer::Transfer;
use crate::{BlockBuffer, DiskError};
use metainfo::BlockRequest;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, PoisonError};
use tokio::sync::oneshot;

/// One block to read.
pub(crate) struct Read {
    pub(crate) torrent: Arc<Torrent>,
    pub(crate) request: BlockRequest,
    pub(crate) buffer: BlockBuffer,
    pub(crate) reply: oneshot::Sender<Result<BlockBuffer, DiskError>>,
}

/// Reads until nobody is left to ask.
pub(crate) fn run(transfer: &Transfer, sync: &SyncHandle, reads: &Receiver<Read>) {
    while let Ok(Read { torrent, request, mut buffer, reply }) = reads.recv() {
        // The peer may be gone by now.
        if reply.is_closed() {
            continue;
        }
        let result = {
            let _names = torrent.naming.read().unwrap_or_else(PoisonError::into_inner);
            transfer.read(&torrent, request, &mut buffer[..request.length as usize])
        };
        let answer = match result {
            Ok(()) => Ok(buffer),
            Err(error) => {
                torrent.remove_stored(request.piece, &error);
                sync.touched(&torrent);
                Err(error)
            }
        };
        let _ = reply.send(answer);
    }
}

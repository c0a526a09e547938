//! A block of payload on its way from a source to the disk.

use crate::pool::BlockBuffer;
use metainfo::BlockRequest;

/// A received block and where it belongs.
pub struct Block {
    /// Where the bytes belong.
    pub request: BlockRequest,
    /// The first `request.length` bytes are the block's.
    pub data: BlockBuffer,
    /// Who sent it: a tag that storage carries and does not read.
    pub source: u64,
}

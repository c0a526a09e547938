//! One message on its way through a hash: runs of whole 64-byte blocks, and the padding at its end.

/// Bytes a hash takes in at a time (FIPS 180-4).
pub(crate) const BLOCK: usize = 64;

/// Where a message stands.
pub(crate) struct Cursor<'a> {
    /// The slices not yet used up; the first one begins at `offset`.
    slices: &'a [&'a [u8]],
    offset: usize,
    /// Bits of the whole message, for the padding.
    bits: u64,
    /// A block put together from several slices, or the padding.
    joint: [u8; 2 * BLOCK],
    /// Bytes of `joint` in use and not yet hashed, from `joint_offset`.
    joint_length: usize,
    joint_offset: usize,
    padded: bool,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(slices: &'a [&'a [u8]]) -> Self {
        Self::after(0, slices)
    }

    /// The rest of a message of which `hashed` bytes, a multiple of [`BLOCK`], are done.
    pub(crate) fn after(hashed: u64, slices: &'a [&'a [u8]]) -> Self {
        let bytes = hashed + slices.iter().map(|slice| slice.len() as u64).sum::<u64>();
        let mut cursor = Self {
            slices,
            offset: 0,
            bits: bytes.wrapping_mul(8),
            joint: [0; 2 * BLOCK],
            joint_length: 0,
            joint_offset: 0,
            padded: false,
        };
        cursor.prepare();
        cursor
    }

    /// The next bytes, a multiple of [`BLOCK`]; empty once everything is hashed.
    pub(crate) fn run(&self) -> &[u8] {
        if self.joint_length > 0 {
            return &self.joint[self.joint_offset..self.joint_offset + self.joint_length];
        }
        match self.slices.first() {
            Some(slice) => {
                let rest = &slice[self.offset..];
                &rest[..rest.len() / BLOCK * BLOCK]
            }
            None => &[],
        }
    }

    /// `bytes` of the run, a multiple of [`BLOCK`], were hashed.
    pub(crate) fn advance(&mut self, bytes: usize) {
        if self.joint_length > 0 {
            self.joint_offset += bytes;
            self.joint_length -= bytes;
        } else {
            self.offset += bytes;
        }
        self.prepare();
    }

    /// Makes sure that the run is not empty before the end.
    fn prepare(&mut self) {
        if !self.run().is_empty() || self.padded {
            return;
        }
        self.joint_offset = 0;
        while let Some(slice) = self.slices.first() {
            if self.joint_length == BLOCK {
                return;
            }
            let rest = &slice[self.offset..];
            let length = rest.len().min(BLOCK - self.joint_length);
            self.joint[self.joint_length..self.joint_length + length].copy_from_slice(&rest[..length]);
            self.joint_length += length;
            self.offset += length;
            if self.offset == slice.len() {
                self.slices = &self.slices[1..];
                self.offset = 0;
            }
        }
        if self.joint_length < BLOCK {
            self.pad();
        }
    }

    /// A one bit, zeros, and the length, up to the end of a block.
    fn pad(&mut self) {
        self.padded = true;
        let end = if self.joint_length < BLOCK - 8 { BLOCK } else { 2 * BLOCK };
        self.joint[self.joint_length] = 0x80;
        self.joint[self.joint_length + 1..end - 8].fill(0);
        self.joint[end - 8..end].copy_from_slice(&self.bits.to_be_bytes());
        self.joint_length = end;
    }
}

//! Messages that are hashed side by side as their bytes come, for those too large to be in memory at once.

use crate::algorithm::{Algorithm, Sha1, States, bytes};
use crate::lanes::{Backend, finish, put, take};
use crate::message::{BLOCK, Cursor};

/// One SHA-1 under way.
#[derive(Clone)]
pub struct Sha1Stream {
    state: [u32; 5],
    /// Bytes taken in.
    hashed: u64,
}

impl Default for Sha1Stream {
    fn default() -> Self {
        Self { state: Sha1::START, hashed: 0 }
    }
}

impl Sha1Stream {
    /// The digest, after the last bytes of the message.
    pub fn finish(mut self, rest: &[u8]) -> [u8; 20] {
        finish::<5, Sha1>(&mut self.state, Cursor::after(self.hashed, &[rest]));
        bytes(self.state)
    }
}

/// Takes bytes into several hashes side by side: whole 64-byte blocks, as many of each as the shortest has.
/// The answer is the number of bytes taken of each; the rest comes with the next call or [`Sha1Stream::finish`].
pub fn sha1_advance(rows: &mut [(&mut Sha1Stream, &[u8])]) -> usize {
    let Some(blocks) = rows.iter().map(|(_, data)| data.len() / BLOCK).min() else { return 0 };
    let backend = Backend::detect();
    for group in rows.chunks_mut(16) {
        #[cfg(target_arch = "x86_64")]
        if group.len() >= backend.worthwhile() {
            match backend {
                Backend::Lanes16 => in_lanes(group, blocks, Sha1::compress_16),
                Backend::Lanes8 => {
                    group.chunks_mut(8).for_each(|half| in_lanes(half, blocks, Sha1::compress_8));
                }
                Backend::Single => one_by_one(group, blocks),
            }
            continue;
        }
        one_by_one(group, blocks);
    }
    blocks * BLOCK
}

fn one_by_one(rows: &mut [(&mut Sha1Stream, &[u8])], blocks: usize) {
    for (stream, data) in rows {
        Sha1::compress(&mut stream.state, &data.as_chunks::<BLOCK>().0[..blocks]);
        stream.hashed += (blocks * BLOCK) as u64;
    }
}

#[cfg(target_arch = "x86_64")]
fn in_lanes<const L: usize>(
    rows: &mut [(&mut Sha1Stream, &[u8])],
    blocks: usize,
    compress: fn(&mut States<5, L>, &[&[u8]; L], usize),
) {
    let mut states: States<5, L> = [[0; L]; 5];
    for (lane, (stream, _)) in rows.iter().enumerate() {
        put(&mut states, lane, stream.state);
    }
    // An idle lane hashes somebody else's bytes for nothing.
    let data = std::array::from_fn(|lane| rows[lane % rows.len()].1);
    compress(&mut states, &data, blocks);
    for (lane, (stream, _)) in rows.iter_mut().enumerate() {
        stream.state = take(&states, lane);
        stream.hashed += (blocks * BLOCK) as u64;
    }
}

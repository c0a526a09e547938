//! Puts messages into lanes, refills a lane when its message ends, and finishes the last few one by one.

use crate::algorithm::{Algorithm, Sha1, Sha256, States};
use crate::message::{BLOCK, Cursor};

/// Which code hashes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Backend {
    /// One message at a time, with the processor's SHA extensions where it has them.
    Single,
    /// Eight at a time (x86-64 with AVX2).
    Lanes8,
    /// Sixteen at a time (x86-64 with AVX-512 F and BW).
    Lanes16,
}

impl Backend {
    /// The best this processor has for many messages.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") {
                return Self::Lanes16;
            }
            // Eight lanes are no faster than the SHA extensions on one.
            if is_x86_feature_detected!("avx2") && !is_x86_feature_detected!("sha") {
                return Self::Lanes8;
            }
        }
        Self::Single
    }

    /// Whether this processor can run it.
    pub fn is_supported(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        return match self {
            Self::Single => true,
            Self::Lanes8 => is_x86_feature_detected!("avx2"),
            Self::Lanes16 => is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw"),
        };
        #[cfg(not(target_arch = "x86_64"))]
        return self == Self::Single;
    }

    /// How many messages must wait before hashing them together beats hashing them one by one.
    pub const fn worthwhile(self) -> usize {
        match self {
            Self::Single => 1,
            Self::Lanes8 => 3,
            Self::Lanes16 => 7,
        }
    }
}

/// [`sha1_many`](crate::sha1_many) by one backend, for tests and benches of it. `None` if this processor cannot.
pub fn sha1_many_with(backend: Backend, messages: &[&[&[u8]]]) -> Option<Vec<[u8; 20]>> {
    let states = backend.is_supported().then(|| hash_many::<5, Sha1>(messages, backend))?;
    Some(states.into_iter().map(crate::algorithm::bytes).collect())
}

/// [`sha256_many`](crate::sha256_many) by one backend, for tests and benches of it. `None` if this processor cannot.
pub fn sha256_many_with(backend: Backend, messages: &[&[&[u8]]]) -> Option<Vec<[u8; 32]>> {
    let states = backend.is_supported().then(|| hash_many::<8, Sha256>(messages, backend))?;
    Some(states.into_iter().map(crate::algorithm::bytes).collect())
}

/// The final states of all messages.
pub(crate) fn hash_many<const W: usize, A: Algorithm<W>>(
    messages: &[&[&[u8]]],
    backend: Backend,
) -> Vec<[u32; W]> {
    let mut done = vec![A::START; messages.len()];
    #[cfg(target_arch = "x86_64")]
    if messages.len() >= backend.worthwhile() {
        match backend {
            Backend::Single => {}
            Backend::Lanes8 => in_lanes::<W, 8, A>(messages, backend.worthwhile(), A::compress_8, &mut done),
            Backend::Lanes16 => {
                in_lanes::<W, 16, A>(messages, backend.worthwhile(), A::compress_16, &mut done);
            }
        }
        if backend != Backend::Single {
            return done;
        }
    }
    for (state, message) in done.iter_mut().zip(messages) {
        finish::<W, A>(state, Cursor::new(message));
    }
    done
}

/// Hashes what is left of one message.
pub(crate) fn finish<const W: usize, A: Algorithm<W>>(state: &mut [u32; W], mut cursor: Cursor<'_>) {
    while !cursor.run().is_empty() {
        let run = cursor.run();
        A::compress(state, run.as_chunks::<BLOCK>().0);
        let length = run.len();
        cursor.advance(length);
    }
}

/// A lane at work: which message, and how far it is.
type Lane<'a> = Option<(usize, Cursor<'a>)>;

#[cfg(target_arch = "x86_64")]
fn in_lanes<'a, const W: usize, const L: usize, A: Algorithm<W>>(
    messages: &[&'a [&'a [u8]]],
    worthwhile: usize,
    compress: fn(&mut States<W, L>, &[&[u8]; L], usize),
    done: &mut [[u32; W]],
) {
    let mut states: States<W, L> = [[0; L]; W];
    let mut lanes: [Lane<'a>; L] = [const { None }; L];
    let mut waiting = messages.iter().copied().enumerate();
    loop {
        let mut busy = 0;
        for (at, lane) in lanes.iter_mut().enumerate() {
            if lane.is_none()
                && let Some((index, message)) = waiting.next()
            {
                *lane = Some((index, Cursor::new(message)));
                put(&mut states, at, A::START);
            }
            busy += usize::from(lane.is_some());
        }
        if busy < worthwhile {
            break;
        }
        step(&mut states, &mut lanes, compress, done);
    }
    for (at, lane) in lanes.into_iter().enumerate() {
        if let Some((index, cursor)) = lane {
            let mut state = take(&states, at);
            finish::<W, A>(&mut state, cursor);
            done[index] = state;
        }
    }
}

/// Advances all lanes by as many blocks as every one of them has in a row.
fn step<const W: usize, const L: usize>(
    states: &mut States<W, L>,
    lanes: &mut [Lane<'_>; L],
    compress: fn(&mut States<W, L>, &[&[u8]; L], usize),
    done: &mut [[u32; W]],
) {
    let runs = || lanes.iter().flatten().map(|(_, cursor)| cursor.run());
    let Some(shortest) = runs().min_by_key(|run| run.len()) else { return };
    let length = shortest.len();
    // An idle lane hashes somebody else's bytes for nothing.
    let data = std::array::from_fn(|at| lanes[at].as_ref().map_or(shortest, |(_, cursor)| cursor.run()));
    compress(states, &data, length / BLOCK);
    for (at, lane) in lanes.iter_mut().enumerate() {
        if let Some((index, cursor)) = lane {
            cursor.advance(length);
            if cursor.run().is_empty() {
                done[*index] = take(states, at);
                *lane = None;
            }
        }
    }
}

pub(crate) fn put<const W: usize, const L: usize>(states: &mut States<W, L>, lane: usize, state: [u32; W]) {
    for (words, word) in states.iter_mut().zip(state) {
        words[lane] = word;
    }
}

pub(crate) fn take<const W: usize, const L: usize>(states: &States<W, L>, lane: usize) -> [u32; W] {
    std::array::from_fn(|word| states[word][lane])
}

//! The vector code: one macro writes both hashes for one register width.
//!
//! Each lane's 64 bytes are loaded as they lie, swapped to big-endian words and transposed, so that register `t`
//! holds word `t` of every lane's block; from there on the code is the standard's, one operation for all lanes.

use crate::algorithm::States;
use crate::message::BLOCK;
use std::arch::x86_64::*;

/// Round constants of SHA-256 (FIPS 180-4, 4.2.2).
const K: [u32; 64] = [
    0x428a_2f98,
    0x7137_4491,
    0xb5c0_fbcf,
    0xe9b5_dba5,
    0x3956_c25b,
    0x59f1_11f1,
    0x923f_82a4,
    0xab1c_5ed5,
    0xd807_aa98,
    0x1283_5b01,
    0x2431_85be,
    0x550c_7dc3,
    0x72be_5d74,
    0x80de_b1fe,
    0x9bdc_06a7,
    0xc19b_f174,
    0xe49b_69c1,
    0xefbe_4786,
    0x0fc1_9dc6,
    0x240c_a1cc,
    0x2de9_2c6f,
    0x4a74_84aa,
    0x5cb0_a9dc,
    0x76f9_88da,
    0x983e_5152,
    0xa831_c66d,
    0xb003_27c8,
    0xbf59_7fc7,
    0xc6e0_0bf3,
    0xd5a7_9147,
    0x06ca_6351,
    0x1429_2967,
    0x27b7_0a85,
    0x2e1b_2138,
    0x4d2c_6dfc,
    0x5338_0d13,
    0x650a_7354,
    0x766a_0abb,
    0x81c2_c92e,
    0x9272_2c85,
    0xa2bf_e8a1,
    0xa81a_664b,
    0xc24b_8b70,
    0xc76c_51a3,
    0xd192_e819,
    0xd699_0624,
    0xf40e_3585,
    0x106a_a070,
    0x19a4_c116,
    0x1e37_6c08,
    0x2748_774c,
    0x34b0_bcb5,
    0x391c_0cb3,
    0x4ed8_aa4a,
    0x5b9c_ca4f,
    0x682e_6ff3,
    0x748f_82ee,
    0x78a5_636f,
    0x84c8_7814,
    0x8cc7_0208,
    0x90be_fffa,
    0xa450_6ceb,
    0xbef9_a3f7,
    0xc671_78f2,
];

macro_rules! hashes {
    (
        feature $feature:literal, lanes $lanes:literal, vector $vector:ty, load $load:ident,
        add $add:ident, set $set:ident, xor $xor:ident,
        functions $sha1:ident $sha1_inner:ident $sha256:ident $sha256_inner:ident, ops $ops:ident
    ) => {
        /// SHA-1 of whole blocks, one message a lane.
        pub(crate) fn $sha1(states: &mut States<5, $lanes>, data: &[&[u8]; $lanes], blocks: usize) {
            assert!(data.iter().all(|run| run.len() >= blocks * BLOCK), "a run is shorter than its blocks");
            // SAFETY: the callers in `lanes` have found the feature at run time; the lengths are checked above.
            unsafe { $sha1_inner(states, data, blocks) }
        }

        #[target_feature(enable = $feature)]
        unsafe fn $sha1_inner(states: &mut States<5, $lanes>, data: &[&[u8]; $lanes], blocks: usize) {
            // SAFETY: arrays of `$lanes` words and vectors of `$lanes` words have the same size and no padding.
            let mut state: [$vector; 5] = unsafe { std::mem::transmute_copy(states) };
            for block in 0..blocks {
                // SAFETY: every run has `blocks` whole blocks.
                let mut w = unsafe { $load(data, block * BLOCK) };
                let [mut a, mut b, mut c, mut d, mut e] = state;
                macro_rules! round {
                    ($t:expr, $f:ident, $k:expr) => {{
                        let t = $t;
                        if t >= 16 {
                            let mixed = $ops::parity(w[(t + 13) % 16], w[(t + 8) % 16], w[(t + 2) % 16]);
                            w[t % 16] = $ops::rol::<1>($xor(mixed, w[t % 16]));
                        }
                        let sum =
                            $add($add($ops::rol::<5>(a), $ops::$f(b, c, d)), $add($add(e, $k), w[t % 16]));
                        e = d;
                        d = c;
                        c = $ops::rol::<30>(b);
                        b = a;
                        a = sum;
                    }};
                }
                let k = $set(0x5a82_7999);
                for t in 0..16 {
                    round!(t, choose, k);
                }
                for t in 16..20 {
                    round!(t, choose, k);
                }
                let k = $set(0x6ed9_eba1);
                for t in 20..40 {
                    round!(t, parity, k);
                }
                let k = $set(0x8f1b_bcdc_u32.cast_signed());
                for t in 40..60 {
                    round!(t, majority, k);
                }
                let k = $set(0xca62_c1d6_u32.cast_signed());
                for t in 60..80 {
                    round!(t, parity, k);
                }
                for (word, new) in state.iter_mut().zip([a, b, c, d, e]) {
                    *word = $add(*word, new);
                }
            }
            // SAFETY: as above, the other way round.
            *states = unsafe { std::mem::transmute_copy(&state) };
        }

        /// SHA-256 of whole blocks, one message a lane.
        pub(crate) fn $sha256(states: &mut States<8, $lanes>, data: &[&[u8]; $lanes], blocks: usize) {
            assert!(data.iter().all(|run| run.len() >= blocks * BLOCK), "a run is shorter than its blocks");
            // SAFETY: the callers in `lanes` have found the feature at run time; the lengths are checked above.
            unsafe { $sha256_inner(states, data, blocks) }
        }

        #[target_feature(enable = $feature)]
        unsafe fn $sha256_inner(states: &mut States<8, $lanes>, data: &[&[u8]; $lanes], blocks: usize) {
            // SAFETY: arrays of `$lanes` words and vectors of `$lanes` words have the same size and no padding.
            let mut state: [$vector; 8] = unsafe { std::mem::transmute_copy(states) };
            for block in 0..blocks {
                // SAFETY: every run has `blocks` whole blocks.
                let mut w = unsafe { $load(data, block * BLOCK) };
                let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = state;
                for sixteen in 0..4 {
                    for t in 0..16 {
                        if sixteen > 0 {
                            let (w15, w2) = (w[(t + 1) % 16], w[(t + 14) % 16]);
                            let s0 =
                                $ops::parity($ops::ror::<7>(w15), $ops::ror::<18>(w15), $ops::shr::<3>(w15));
                            let s1 =
                                $ops::parity($ops::ror::<17>(w2), $ops::ror::<19>(w2), $ops::shr::<10>(w2));
                            w[t] = $add($add(w[t], s0), $add(w[(t + 9) % 16], s1));
                        }
                        let s1 = $ops::parity($ops::ror::<6>(e), $ops::ror::<11>(e), $ops::ror::<25>(e));
                        let k = $set(K[sixteen * 16 + t].cast_signed());
                        let t1 = $add($add($add(h, s1), $add($ops::choose(e, f, g), k)), w[t]);
                        let s0 = $ops::parity($ops::ror::<2>(a), $ops::ror::<13>(a), $ops::ror::<22>(a));
                        let t2 = $add(s0, $ops::majority(a, b, c));
                        h = g;
                        g = f;
                        f = e;
                        e = $add(d, t1);
                        d = c;
                        c = b;
                        b = a;
                        a = $add(t1, t2);
                    }
                }
                for (word, new) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
                    *word = $add(*word, new);
                }
            }
            // SAFETY: as above, the other way round.
            *states = unsafe { std::mem::transmute_copy(&state) };
        }
    };
}

hashes! {
    feature "avx512f,avx512bw", lanes 16, vector __m512i, load load_16,
    add _mm512_add_epi32, set _mm512_set1_epi32, xor _mm512_xor_si512,
    functions sha1_16 sha1_16_inner sha256_16 sha256_16_inner, ops ops_16
}

hashes! {
    feature "avx2", lanes 8, vector __m256i, load load_8,
    add _mm256_add_epi32, set _mm256_set1_epi32, xor _mm256_xor_si256,
    functions sha1_8 sha1_8_inner sha256_8 sha256_8_inner, ops ops_8
}

/// The standard's functions on sixteen lanes.
mod ops_16 {
    use std::arch::x86_64::*;

    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn choose(x: __m512i, y: __m512i, z: __m512i) -> __m512i {
        _mm512_ternarylogic_epi32::<0xca>(x, y, z)
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn parity(x: __m512i, y: __m512i, z: __m512i) -> __m512i {
        _mm512_ternarylogic_epi32::<0x96>(x, y, z)
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn majority(x: __m512i, y: __m512i, z: __m512i) -> __m512i {
        _mm512_ternarylogic_epi32::<0xe8>(x, y, z)
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn rol<const N: i32>(x: __m512i) -> __m512i {
        _mm512_rol_epi32::<N>(x)
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn ror<const N: i32>(x: __m512i) -> __m512i {
        _mm512_ror_epi32::<N>(x)
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn shr<const N: u32>(x: __m512i) -> __m512i {
        _mm512_srli_epi32::<N>(x)
    }
}

/// The standard's functions on eight lanes.
mod ops_8 {
    use std::arch::x86_64::*;

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn choose(x: __m256i, y: __m256i, z: __m256i) -> __m256i {
        _mm256_xor_si256(z, _mm256_and_si256(x, _mm256_xor_si256(y, z)))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn parity(x: __m256i, y: __m256i, z: __m256i) -> __m256i {
        _mm256_xor_si256(_mm256_xor_si256(x, y), z)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn majority(x: __m256i, y: __m256i, z: __m256i) -> __m256i {
        _mm256_or_si256(_mm256_and_si256(x, y), _mm256_and_si256(z, _mm256_or_si256(x, y)))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn rol<const N: i32>(x: __m256i) -> __m256i {
        let right = _mm_cvtsi32_si128(32 - N);
        _mm256_or_si256(_mm256_slli_epi32::<N>(x), _mm256_srl_epi32(x, right))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn ror<const N: i32>(x: __m256i) -> __m256i {
        let left = _mm_cvtsi32_si128(32 - N);
        _mm256_or_si256(_mm256_srli_epi32::<N>(x), _mm256_sll_epi32(x, left))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn shr<const N: i32>(x: __m256i) -> __m256i {
        _mm256_srli_epi32::<N>(x)
    }
}

/// Word `t` of sixteen lanes' blocks at byte `at`, for each `t`.
///
/// # Safety
/// Every run has 64 bytes from `at`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn load_16(data: &[&[u8]; 16], at: usize) -> [__m512i; 16] {
    let swap = _mm512_set4_epi32(0x0c0d_0e0f, 0x0809_0a0b, 0x0405_0607, 0x0001_0203);
    let mut rows = [_mm512_setzero_si512(); 16];
    for (row, run) in rows.iter_mut().zip(data) {
        // SAFETY: the caller promises 64 readable bytes there; the load needs no alignment.
        *row = _mm512_shuffle_epi8(unsafe { _mm512_loadu_si512(run.as_ptr().add(at).cast()) }, swap);
    }
    // Transposes 2x2, then 4x4 inside each 128-bit part, then the parts.
    let mut fours = [_mm512_setzero_si512(); 16];
    for i in 0..4 {
        let [a, b, c, d] = [rows[4 * i], rows[4 * i + 1], rows[4 * i + 2], rows[4 * i + 3]];
        let (ab_low, ab_high) = (_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
        let (cd_low, cd_high) = (_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
        fours[4 * i] = _mm512_unpacklo_epi64(ab_low, cd_low);
        fours[4 * i + 1] = _mm512_unpackhi_epi64(ab_low, cd_low);
        fours[4 * i + 2] = _mm512_unpacklo_epi64(ab_high, cd_high);
        fours[4 * i + 3] = _mm512_unpackhi_epi64(ab_high, cd_high);
    }
    let mut words = [_mm512_setzero_si512(); 16];
    for t in 0..4 {
        let [a, b, c, d] = [fours[t], fours[4 + t], fours[8 + t], fours[12 + t]];
        let (ab_even, ab_odd) = (_mm512_shuffle_i32x4::<0x88>(a, b), _mm512_shuffle_i32x4::<0xdd>(a, b));
        let (cd_even, cd_odd) = (_mm512_shuffle_i32x4::<0x88>(c, d), _mm512_shuffle_i32x4::<0xdd>(c, d));
        words[t] = _mm512_shuffle_i32x4::<0x88>(ab_even, cd_even);
        words[8 + t] = _mm512_shuffle_i32x4::<0xdd>(ab_even, cd_even);
        words[4 + t] = _mm512_shuffle_i32x4::<0x88>(ab_odd, cd_odd);
        words[12 + t] = _mm512_shuffle_i32x4::<0xdd>(ab_odd, cd_odd);
    }
    words
}

/// Word `t` of eight lanes' blocks at byte `at`, for each `t`.
///
/// # Safety
/// Every run has 64 bytes from `at`.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn load_8(data: &[&[u8]; 8], at: usize) -> [__m256i; 16] {
    let swap = _mm256_broadcastsi128_si256(_mm_set_epi32(0x0c0d_0e0f, 0x0809_0a0b, 0x0405_0607, 0x0001_0203));
    let mut words = [_mm256_setzero_si256(); 16];
    for half in 0..2 {
        let mut rows = [_mm256_setzero_si256(); 8];
        for (row, run) in rows.iter_mut().zip(data) {
            // SAFETY: the caller promises 64 readable bytes from `at`; the load needs no alignment.
            let bytes = unsafe { _mm256_loadu_si256(run.as_ptr().add(at + 32 * half).cast()) };
            *row = _mm256_shuffle_epi8(bytes, swap);
        }
        let mut fours = [_mm256_setzero_si256(); 8];
        for i in 0..2 {
            let [a, b, c, d] = [rows[4 * i], rows[4 * i + 1], rows[4 * i + 2], rows[4 * i + 3]];
            let (ab_low, ab_high) = (_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
            let (cd_low, cd_high) = (_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
            fours[4 * i] = _mm256_unpacklo_epi64(ab_low, cd_low);
            fours[4 * i + 1] = _mm256_unpackhi_epi64(ab_low, cd_low);
            fours[4 * i + 2] = _mm256_unpacklo_epi64(ab_high, cd_high);
            fours[4 * i + 3] = _mm256_unpackhi_epi64(ab_high, cd_high);
        }
        for t in 0..4 {
            words[8 * half + t] = _mm256_permute2x128_si256::<0x20>(fours[t], fours[4 + t]);
            words[8 * half + 4 + t] = _mm256_permute2x128_si256::<0x31>(fours[t], fours[4 + t]);
        }
    }
    words
}

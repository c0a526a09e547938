//! Arithmetic modulo the prime of the key exchange, for numbers of 768 bits.
//!
//! A power is computed in Montgomery's representation: a number `a` stands for `a * 2^-768`, and a product costs no
//! division.

/// 64-bit parts of a number, the least significant first.
type Limbs = [u64; LIMBS];

const LIMBS: usize = 12;

/// Bytes of a number.
pub(crate) const BYTES: usize = 8 * LIMBS;

/// The prime that both ends know.
const PRIME: Limbs = [
    0x0000_0000_0009_0563,
    0xf44c_42e9_a63a_3621,
    0xe485_b576_625e_7ec6,
    0x4fe1_356d_6d51_c245,
    0x302b_0a6d_f25f_1437,
    0xef95_19b3_cd3a_431b,
    0x514a_0879_8e34_04dd,
    0x020b_bea6_3b13_9b22,
    0x2902_4e08_8a67_cc74,
    0xc4c6_628b_80dc_1cd1,
    0xc90f_daa2_2168_c234,
    0xffff_ffff_ffff_ffff,
];

/// `-1 / PRIME` modulo 2^64.
const NEGATIVE_INVERSE: u64 = {
    // Each round of Newton's doubles the bits that are right; an odd number is its own inverse modulo 8.
    let mut inverse = PRIME[0];
    let mut round = 0;
    while round < 5 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(PRIME[0].wrapping_mul(inverse)));
        round += 1;
    }
    inverse.wrapping_neg()
};

/// One, as Montgomery has it: 2^768, of which the prime fits in once.
const ONE: Limbs = subtract(&[0; LIMBS], &PRIME).0;

/// What a number is multiplied by to become Montgomery's: 2^1536.
const SQUARE: Limbs = {
    let mut limbs = ONE;
    let mut round = 0;
    while round < 64 * LIMBS {
        limbs = double(&limbs);
        round += 1;
    }
    limbs
};

/// A number below the prime.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Number(Limbs);

impl Number {
    /// The generator of the key exchange.
    pub(crate) const TWO: Self = Self([2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

    /// Reads a number that can be a public key: not one that leaves a power of it no choice, nor one beyond the prime.
    pub(crate) fn public_key(bytes: &[u8; BYTES]) -> Option<Self> {
        let mut limbs = [0; LIMBS];
        for (limb, bytes) in limbs.iter_mut().rev().zip(bytes.as_chunks::<8>().0) {
            *limb = u64::from_be_bytes(*bytes);
        }
        let is_small = limbs[0] < 2 && limbs[1..].iter().all(|limb| *limb == 0);
        let (next, _) = subtract(&PRIME, &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let (_, is_below) = subtract(&limbs, &next);
        (!is_small && is_below).then_some(Self(limbs))
    }

    pub(crate) fn to_bytes(self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        for (to, limb) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(self.0.iter().rev()) {
            *to = limb.to_be_bytes();
        }
        bytes
    }

    /// The power of an exponent whose most significant byte comes first.
    pub(crate) fn power(self, exponent: &[u8]) -> Self {
        let base = multiply(&self.0, &SQUARE);
        let mut power = ONE;
        for bit in exponent.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)) {
            power = multiply(&power, &power);
            if bit == 1 {
                power = multiply(&power, &base);
            }
        }
        Self(multiply(&power, &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]))
    }
}

/// `a * b / 2^768` modulo the prime.
fn multiply(a: &Limbs, b: &Limbs) -> Limbs {
    let mut low = [0; LIMBS];
    let mut high = 0;
    for by in b {
        let mut carry = 0;
        for (sum, limb) in low.iter_mut().zip(a) {
            (*sum, carry) = multiply_add(*limb, *by, *sum, carry);
        }
        let (sum, overflow) = carrying_add(high, carry);
        high = sum;
        // As many primes as make the lowest limb zero, which then falls off.
        let primes = low[0].wrapping_mul(NEGATIVE_INVERSE);
        (_, carry) = multiply_add(primes, PRIME[0], low[0], 0);
        for at in 1..LIMBS {
            (low[at - 1], carry) = multiply_add(primes, PRIME[at], low[at], carry);
        }
        let (sum, overflow_again) = carrying_add(high, carry);
        low[LIMBS - 1] = sum;
        high = overflow + overflow_again;
    }
    let (reduced, is_below) = subtract(&low, &PRIME);
    if high == 0 && is_below { low } else { reduced }
}

/// `a * b + c + d`, as low and high half.
const fn multiply_add(a: u64, b: u64, c: u64, d: u64) -> (u64, u64) {
    let sum = a as u128 * b as u128 + c as u128 + d as u128;
    (sum as u64, (sum >> 64) as u64)
}

const fn carrying_add(a: u64, b: u64) -> (u64, u64) {
    let (sum, overflow) = a.overflowing_add(b);
    (sum, overflow as u64)
}

/// `a - b` modulo 2^768, and whether `a` is below `b`.
const fn subtract(a: &Limbs, b: &Limbs) -> (Limbs, bool) {
    let mut difference = [0; LIMBS];
    let mut borrow = false;
    let mut at = 0;
    while at < LIMBS {
        let (part, first) = a[at].overflowing_sub(b[at]);
        let (part, second) = part.overflowing_sub(borrow as u64);
        difference[at] = part;
        borrow = first || second;
        at += 1;
    }
    (difference, borrow)
}

/// `2 * a` modulo the prime.
const fn double(a: &Limbs) -> Limbs {
    let mut sum = [0; LIMBS];
    let mut carry = 0;
    let mut at = 0;
    while at < LIMBS {
        sum[at] = a[at] << 1 | carry;
        carry = a[at] >> 63;
        at += 1;
    }
    let (reduced, is_below) = subtract(&sum, &PRIME);
    if carry == 0 && is_below { sum } else { reduced }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(byte: u8) -> Number {
        let mut limbs = [0; LIMBS];
        limbs[0] = byte.into();
        Number(limbs)
    }

    #[test]
    fn small_powers() {
        assert_eq!(Number::TWO.power(&[0]), number(1));
        assert_eq!(Number::TWO.power(&[7]), number(128));
        assert_eq!(number(3).power(&[0, 5]), number(243));
    }

    #[test]
    fn fermat_holds_for_the_prime() {
        let (exponent, _) = subtract(&PRIME, &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        for base in [2, 3, 5, 255] {
            assert_eq!(number(base).power(&Number(exponent).to_bytes()), number(1));
        }
    }

    #[test]
    fn powers_of_powers_commute() {
        let (a, b) = ([0xfe; 20], [0x31; 20]);
        assert_eq!(Number::TWO.power(&a).power(&b), Number::TWO.power(&b).power(&a));
    }

    #[test]
    fn weak_and_impossible_public_keys_are_refused() {
        let prime = Number(PRIME).to_bytes();
        let below = |by: u8| {
            let mut bytes = prime;
            bytes[BYTES - 1] -= by;
            Number::public_key(&bytes)
        };
        assert_eq!(Number::public_key(&number(0).to_bytes()), None);
        assert_eq!(Number::public_key(&number(1).to_bytes()), None);
        assert!(Number::public_key(&number(2).to_bytes()).is_some());
        assert_eq!(Number::public_key(&[0xff; BYTES]), None);
        assert_eq!((below(0), below(1)), (None, None));
        assert_eq!(below(2).map(Number::to_bytes).map(|bytes| bytes[BYTES - 1]), Some(prime[BYTES - 1] - 2));
    }
}

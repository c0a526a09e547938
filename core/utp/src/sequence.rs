//! Numbers of packets, which count modulo 65,536.

/// The number of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Seq(pub(crate) u16);

impl Seq {
    pub(crate) const fn plus(self, n: u16) -> Self {
        Self(self.0.wrapping_add(n))
    }

    pub(crate) const fn minus(self, n: u16) -> Self {
        Self(self.0.wrapping_sub(n))
    }

    pub(crate) const fn next(self) -> Self {
        self.plus(1)
    }

    /// How far this number is ahead of `origin`; huge when it is behind.
    pub(crate) const fn ahead_of(self, origin: Self) -> u16 {
        self.0.wrapping_sub(origin.0)
    }

    /// Does this number come before `other`? Each has half the circle before it.
    pub(crate) const fn is_before(self, other: Self) -> bool {
        let ahead = other.ahead_of(self);
        ahead != 0 && ahead < 0x8000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of `corpus/vectors.json`, `utp_headers.sequence_compare`.
    #[test]
    fn numbers_compare_around_the_circle() {
        for (a, b, before) in [(1, 2, true), (100, 200, true), (65520, 15, true), (65520, 65280, false)] {
            assert_eq!(Seq(a).is_before(Seq(b)), before, "{a} before {b}");
        }
        assert!(!Seq(7).is_before(Seq(7)));
    }

    #[test]
    fn distances_wrap() {
        assert_eq!(Seq(3).ahead_of(Seq(65534)), 5);
        assert_eq!(Seq(65535).next(), Seq(0));
        assert_eq!(Seq(1).minus(3), Seq(65534));
    }
}

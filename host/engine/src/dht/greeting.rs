//! Nodes to begin at whose names a proxy looks up: they are pinged by name, and where an answer comes from one is.

/// Bytes that mark our pings: longer than the marks of the node's own queries.
const MARK: usize = 8;

/// The pings of one task.
#[derive(Debug)]
pub(super) struct Greeting {
    mark: [u8; MARK],
    is_answered: bool,
}

impl Default for Greeting {
    fn default() -> Self {
        Self { mark: fastrand::u64(..).to_be_bytes(), is_answered: false }
    }
}

impl Greeting {
    /// What to say to nodes that are named; `None` once one has answered.
    pub(super) fn packet(&self) -> Option<Vec<u8>> {
        // Of no node that anybody has to remember, and one that answers nothing (BEP 43).
        let id: [u8; 20] = std::array::from_fn(|_| fastrand::u8(..));
        let packet = [&b"d1:ad2:id20:"[..], &id, b"e1:q4:ping2:roi1e1:t8:", &self.mark, b"1:y1:qe"].concat();
        (!self.is_answered).then_some(packet)
    }

    /// Whether somebody answers to it.
    pub(super) fn hears(&mut self, bytes: &[u8]) -> bool {
        let marked = [&b"1:t8:"[..], &self.mark].concat();
        let is_answer = bytes.starts_with(b"d")
            && bytes.windows(marked.len()).any(|window| window == marked)
            && bytes.windows(6).any(|window| window == b"1:y1:r");
        self.is_answered |= is_answer;
        is_answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_known_by_its_mark() {
        let mut greeting = Greeting::default();
        let question = greeting.packet().unwrap();
        assert!(!greeting.hears(&question), "a question is no answer");
        let answer = |mark: &[u8]| {
            [&b"d1:rd2:id20:abcdefghijklmnopqrste1:t8:"[..], mark, b"1:v4:LT011:y1:re"].concat()
        };
        let mut other = greeting.mark;
        other[0] ^= 1;
        assert!(!greeting.hears(&answer(&other)));
        assert!(greeting.packet().is_some());
        let mark = greeting.mark;
        assert!(greeting.hears(&answer(&mark)));
        assert_eq!(greeting.packet(), None, "one is enough");
    }
}

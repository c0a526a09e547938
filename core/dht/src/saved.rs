//! What a node keeps for its next run, and how that is read back: as if anybody had written it.

use crate::contract::{Contact, Family};
use crate::id::Id;
use crate::krpc::{nodes_from, nodes_to};
use crate::limits::{MAX_SAVED_BYTES, MAX_SAVED_NODES};
use bencode::{DictWriter, Value};

/// An id and some nodes that answered once.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Saved {
    pub(crate) id: Option<Id>,
    pub(crate) nodes: Vec<Contact>,
}

impl Saved {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut dict = DictWriter::new();
        if let Some(id) = self.id {
            dict.bytes("id", id.0);
        }
        dict.bytes("nodes", nodes_to(self.nodes.iter().take(MAX_SAVED_NODES))).encode()
    }

    /// Reads what can be read; of anything broken nothing is taken.
    pub(crate) fn decode(bytes: &[u8], family: Family) -> Self {
        let limits = bencode::Limits { max_bytes: MAX_SAVED_BYTES, max_depth: 2, max_tokens: 16 };
        let Ok(document) = bencode::decode(bytes, limits) else { return Self::default() };
        let bytes = |key: &[u8]| document.root().get(key).and_then(Value::bytes);
        let mut nodes = nodes_from(bytes(b"nodes").unwrap_or_default(), family);
        nodes.truncate(MAX_SAVED_NODES);
        Self { id: bytes(b"id").and_then(Id::from_slice), nodes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn saved() -> Saved {
        let contact = |n| Contact { id: Id([n; 20]), address: ([1, 2, 3, n], 6881).into() };
        Saved { id: Some(Id([9; 20])), nodes: (0..50).map(contact).collect() }
    }

    #[test]
    fn it_comes_back_as_it_went() {
        assert_eq!(Saved::decode(&saved().encode(), Family::V4), saved());
    }

    #[test]
    fn what_is_broken_gives_nothing() {
        assert_eq!(Saved::decode(b"", Family::V4), Saved::default());
        assert_eq!(Saved::decode(b"d2:id3:abc5:nodes3:abce", Family::V4), Saved::default());
        assert_eq!(Saved::decode(b"d2:idi1e5:nodesleee", Family::V4), Saved::default());
    }

    proptest! {
        #[test]
        fn damage_does_not_panic(at in 0usize..1300, byte: u8) {
            let mut bytes = saved().encode();
            let at = at % bytes.len();
            bytes[at] = byte;
            prop_assert!(Saved::decode(&bytes, Family::V4).nodes.len() <= MAX_SAVED_NODES);
        }
    }
}

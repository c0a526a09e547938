//! The items that others stored here (BEP 44).

use crate::id::Id;
use crate::item::{Item, ItemFault};
use crate::limits::{ITEM_LIFE, MAX_ITEMS_PER_ADDRESS, MAX_STORED_ITEMS};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Instant;

/// Items by target. Each was checked before it came here.
#[derive(Debug, Default)]
pub(crate) struct ItemStore {
    items: BTreeMap<Id, Stored>,
}

#[derive(Debug)]
struct Stored {
    item: Item,
    by: IpAddr,
    until: Instant,
}

impl ItemStore {
    pub(crate) fn get(&self, target: Id) -> Option<&Item> {
        self.items.get(&target).map(|stored| &stored.item)
    }

    /// Keeps a checked item for [`ITEM_LIFE`]. A mutable one replaces only an older one, and with `cas` only the one
    /// that has this number.
    pub(crate) fn put(
        &mut self,
        now: Instant,
        item: Item,
        cas: Option<i64>,
        by: IpAddr,
    ) -> Result<(), ItemFault> {
        let target = item.target();
        if let (Some(Item::Mutable(held)), Item::Mutable(new)) = (self.get(target), &item) {
            if cas.is_some_and(|cas| cas != held.sequence) {
                return Err(ItemFault::CasMismatch);
            }
            let same = new.sequence == held.sequence && new.value == held.value;
            if new.sequence <= held.sequence && !same {
                return Err(ItemFault::Older);
            }
        }
        if !self.items.contains_key(&target) {
            if self.items.values().filter(|stored| stored.by == by).count() >= MAX_ITEMS_PER_ADDRESS {
                return Err(ItemFault::NoRoom);
            }
            if self.items.len() >= MAX_STORED_ITEMS {
                let first =
                    self.items.iter().min_by_key(|(_, stored)| stored.until).map(|(target, _)| *target);
                first.and_then(|target| self.items.remove(&target));
            }
        }
        self.items.insert(target, Stored { item, by, until: now + ITEM_LIFE });
        Ok(())
    }

    /// Forgets what was not put again.
    pub(crate) fn expire(&mut self, now: Instant) {
        self.items.retain(|_, stored| stored.until > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::signed;
    use crate::world::start;

    const BY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(9, 8, 7, 6));

    fn mutable(sequence: i64, value: &[u8]) -> Item {
        Item::Mutable(signed(1, b"", sequence, value))
    }

    #[test]
    fn a_newer_item_replaces_an_older_one_only() {
        let (now, mut store) = (start(), ItemStore::default());
        let target = mutable(0, b"").target();
        assert_eq!(store.put(now, mutable(5, b"4:five"), None, BY), Ok(()));
        assert_eq!(store.put(now, mutable(4, b"4:four"), None, BY), Err(ItemFault::Older));
        assert_eq!(store.put(now, mutable(5, b"5:other"), None, BY), Err(ItemFault::Older));
        assert_eq!(store.put(now, mutable(5, b"4:five"), None, BY), Ok(()), "the same again renews it");
        assert_eq!(store.put(now, mutable(6, b"3:six"), Some(4), BY), Err(ItemFault::CasMismatch));
        assert_eq!(store.get(target), Some(&mutable(5, b"4:five")));
        assert_eq!(store.put(now, mutable(6, b"3:six"), Some(5), BY), Ok(()));
        assert_eq!(store.get(target), Some(&mutable(6, b"3:six")));
    }

    #[test]
    fn cas_without_a_value_is_ignored_and_items_end() {
        let (now, mut store) = (start(), ItemStore::default());
        assert_eq!(store.put(now, mutable(1, b"1:x"), Some(77), BY), Ok(()));
        store.expire(now + ITEM_LIFE);
        assert!(store.items.is_empty());
    }

    #[test]
    fn items_are_bounded_altogether_and_by_address() {
        let (now, mut store) = (start(), ItemStore::default());
        let item = |number: u32| Item::Immutable { value: format!("i{number}e").into_bytes() };
        let one = (0..500).filter(|n| store.put(now, item(*n), None, BY).is_ok()).count();
        assert_eq!(one, MAX_ITEMS_PER_ADDRESS);
        for number in 1000..5000u32 {
            let by = IpAddr::from((0x0200_0000 + number).to_be_bytes());
            assert_eq!(store.put(now, item(number), None, by), Ok(()));
        }
        assert_eq!(store.items.len(), MAX_STORED_ITEMS);
        assert!(store.get(item(4999).target()).is_some());
    }
}

//! Items of the table (BEP 44): one lookup each, at the nodes of both families.

use super::errands::{Errand, Finding};
use super::node::{DhtError, Kept};
use super::{Command, Dht};
use crate::limits::DHT_ERRAND_QUEUE;
use dht::{Goal, Id, Item, MutableItem, Stored, target_of_key};
use tokio::sync::mpsc;

impl Dht {
    /// The newest item of a key and a salt.
    pub(super) async fn get_mutable(&self, key: [u8; 32], salt: &[u8]) -> Result<MutableItem, DhtError> {
        match self.get(target_of_key(&key, salt), salt).await? {
            Item::Mutable(item) => Ok(item),
            Item::Immutable { .. } => Err(DhtError::NotFound),
        }
    }

    /// The newest item under a target; an immutable one is as good as any other.
    pub(super) async fn get(&self, target: Id, salt: &[u8]) -> Result<Item, DhtError> {
        let mut findings = self.run(target, Goal::Get { salt: salt.to_vec() })?;
        let (mut newest, mut answered): (Option<Item>, _) = (None, 0);
        while let Some(finding) = findings.recv().await {
            match finding {
                Finding::Item(item @ Item::Immutable { .. }) => return Ok(item),
                Finding::Item(item)
                    if newest.as_ref().is_none_or(|held| sequence(held) < sequence(&item)) =>
                {
                    newest = Some(item);
                }
                Finding::Ended(outcome) => answered += outcome.answered,
                _ => {}
            }
        }
        newest.ok_or(if answered == 0 { DhtError::NobodyAnswers } else { DhtError::NotFound })
    }

    /// Stores an item. `cas`: only nodes that hold this number, or nothing, take it.
    pub(super) async fn put(&self, item: Item, cas: Option<i64>) -> Result<Kept, DhtError> {
        let mut findings = self.run(item.target(), Goal::Put { item, cas })?;
        let (mut kept, mut answered, mut refusals) = (Kept { taken: 0, sent: 0 }, 0, Vec::new());
        while let Some(finding) = findings.recv().await {
            match finding {
                Finding::Ended(outcome) => {
                    answered += outcome.answered;
                    kept.sent += outcome.stored_at;
                }
                Finding::Stored(Stored::Taken) => kept.taken += 1,
                Finding::Stored(Stored::Refused(code)) => refusals.push(code),
                _ => {}
            }
        }
        match cas {
            _ if kept.taken > 0 => Ok(kept),
            Some(cas) if refusals.contains(&Stored::CAS_MISMATCH) => Err(DhtError::Conflict(cas)),
            _ if refusals.contains(&Stored::OLDER) => Err(DhtError::Older),
            _ if answered == 0 => Err(DhtError::NobodyAnswers),
            _ => Err(DhtError::NotKept(kept.sent)),
        }
    }

    /// Begins a lookup, which ends when its receiver is dropped.
    pub(super) fn run(&self, target: Id, goal: Goal) -> Result<mpsc::Receiver<Finding>, DhtError> {
        let (sender, findings) = mpsc::channel(DHT_ERRAND_QUEUE);
        let errand = Errand::new(target, goal, sender);
        self.commands.try_send(Command::Run(errand)).map_err(|_| DhtError::Busy)?;
        Ok(findings)
    }
}

fn sequence(item: &Item) -> i64 {
    if let Item::Mutable(item) = item { item.sequence } else { 0 }
}

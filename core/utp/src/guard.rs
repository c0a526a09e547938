//! What strangers get: an answer to a SYN that costs us nothing to remember, and a bounded number of RESETs.
//!
//! Anybody can send a SYN in anybody's name. The answer is one header, as long as the SYN, and its number is a keyed hash
//! of who asked for what (a SYN cookie, RFC 4987). Who acknowledges that number received the answer, and only for him
//! is there a stream. However many SYNs come, what is remembered of them is bounded and may be forgotten.

use crate::limits::{
    ENDED_LIFE, GREETED_LIFE, MAX_ENDED, MAX_FIRST_PACKETS, MAX_GREETED, STRAY_REPLIES_PER_SECOND,
};
use crate::packet::Header;
use crate::sequence::Seq;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A stream as datagrams name it: the other end's address and the id that we receive with.
pub(crate) type Name = (SocketAddr, u16);

/// The guard.
#[derive(Debug)]
pub(crate) struct Guard {
    secret: [u64; 2],
    /// Streams that ended lately and the ids we sent with.
    ended: Lately<u16>,
    /// Streams whose SYN was answered lately: their packets are no strays, whatever they look like.
    greeted: Lately<()>,
    replies_left: u32,
    refills_at: Instant,
}

impl Guard {
    pub(crate) const fn new(now: Instant, secret: [u64; 2]) -> Self {
        Self {
            secret,
            ended: Lately::new(now, ENDED_LIFE, MAX_ENDED),
            greeted: Lately::new(now, GREETED_LIFE, MAX_GREETED),
            replies_left: STRAY_REPLIES_PER_SECOND,
            refills_at: now,
        }
    }

    /// Our first number for a stream whose SYN had number `syn`.
    pub(crate) fn first_number(&self, name: Name, syn: Seq) -> Seq {
        let mut hasher = DefaultHasher::new();
        (self.secret, name, syn.0).hash(&mut hasher);
        Seq(hasher.finish() as u16)
    }

    /// The number of the SYN that this first packet follows, if it acknowledges our answer to one. A number of 16 bits is soon
    /// guessed by whoever sends many packets: a SYN must have come too, as far as that can be remembered.
    pub(crate) fn proved_syn(&self, name: Name, header: &Header) -> Option<Seq> {
        if !self.greeted.may_hold(&name) {
            return None;
        }
        (1..=MAX_FIRST_PACKETS)
            .map(|behind| header.seq.minus(behind))
            .find(|syn| self.first_number(name, *syn) == header.ack.next())
    }

    /// A stream ended.
    pub(crate) fn note_ended(&mut self, now: Instant, name: Name, send_id: u16) {
        self.ended.note(now, name, send_id);
    }

    /// If a stream of this name ended lately: the id that we sent with.
    pub(crate) fn ended(&self, name: &Name) -> Option<u16> {
        self.ended.get(name)
    }

    /// A new stream of the same name is wanted.
    pub(crate) fn forget_ended(&mut self, name: &Name) {
        self.ended.remove(name);
    }

    /// A SYN is answered.
    pub(crate) fn note_greeted(&mut self, now: Instant, name: Name) {
        self.greeted.note(now, name, ());
    }

    /// Was a SYN of this name answered lately? Packets of it that overtook the first one are not refused.
    pub(crate) fn greeted(&self, name: &Name) -> bool {
        self.greeted.get(name).is_some()
    }

    /// May another packet of no stream be answered?
    pub(crate) fn may_reply(&mut self, now: Instant) -> bool {
        if now >= self.refills_at {
            self.refills_at = now + Duration::from_secs(1);
            self.replies_left = STRAY_REPLIES_PER_SECOND;
        }
        self.replies_left = self.replies_left.wrapping_sub(u32::from(self.replies_left > 0));
        self.replies_left > 0
    }
}

/// What happened lately, in two generations, the former of which goes when the latter is old or full.
#[derive(Debug)]
struct Lately<V> {
    latest: BTreeMap<Name, V>,
    former: BTreeMap<Name, V>,
    turns_at: Instant,
    life: Duration,
    most: usize,
    /// Some were forgotten before their time.
    has_lost: bool,
}

impl<V: Copy> Lately<V> {
    const fn new(now: Instant, life: Duration, most: usize) -> Self {
        Self { latest: BTreeMap::new(), former: BTreeMap::new(), turns_at: now, life, most, has_lost: false }
    }

    fn note(&mut self, now: Instant, name: Name, value: V) {
        if now >= self.turns_at || self.latest.len() >= self.most / 2 {
            self.has_lost = now < self.turns_at && !self.former.is_empty();
            self.former = std::mem::take(&mut self.latest);
            self.turns_at = now + self.life;
        }
        self.latest.insert(name, value);
    }

    fn get(&self, name: &Name) -> Option<V> {
        self.latest.get(name).or_else(|| self.former.get(name)).copied()
    }

    /// Whether a name was noted, or may have been.
    fn may_hold(&self, name: &Name) -> bool {
        self.has_lost || self.get(name).is_some()
    }

    fn remove(&mut self, name: &Name) {
        self.latest.remove(name);
        self.former.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Kind;
    use crate::world::start;

    fn name() -> Name {
        (SocketAddr::from(([10, 0, 0, 1], 6881)), 77)
    }

    fn header(seq: u16, ack: Seq) -> Header {
        Header { kind: Kind::Data, id: 77, sent_us: 0, delay_us: 0, window: 0, seq: Seq(seq), ack }
    }

    #[test]
    fn only_who_received_the_answer_can_acknowledge_it() {
        let mut guard = Guard::new(start(), [1, 2]);
        let ack = guard.first_number(name(), Seq(65535)).minus(1);
        assert_eq!(guard.proved_syn(name(), &header(0, ack)), None, "there was no SYN");
        guard.note_greeted(start(), name());
        assert_eq!(guard.proved_syn(name(), &header(0, ack)), Some(Seq(65535)));
        assert_eq!(guard.proved_syn(name(), &header(3, ack)), Some(Seq(65535)), "three were overtaken");
        assert_eq!(guard.proved_syn(name(), &header(100, ack)), None);
        let other = (SocketAddr::from(([10, 0, 0, 2], 6881)), 77);
        guard.note_greeted(start(), other);
        assert_eq!(guard.proved_syn(other, &header(0, ack)), None);
        let guesses = (0..=u16::MAX).filter(|ack| guard.proved_syn(other, &header(0, Seq(*ack))).is_some());
        assert!(guesses.count() <= usize::from(MAX_FIRST_PACKETS), "a guess hits one in four thousand times");
    }

    #[test]
    fn what_ended_is_remembered_for_a_while_and_bounded() {
        let mut guard = Guard::new(start(), [1, 2]);
        guard.note_ended(start(), name(), 78);
        assert_eq!(guard.ended(&name()), Some(78));
        guard.forget_ended(&name());
        assert_eq!(guard.ended(&name()), None);
        for n in 0..50_000u32 {
            guard.note_ended(start(), (SocketAddr::from((n.to_be_bytes(), 1)), 1), 2);
        }
        assert!(guard.ended.latest.len() + guard.ended.former.len() <= MAX_ENDED);
    }

    #[test]
    fn in_a_flood_of_syns_the_number_alone_counts() {
        let mut guard = Guard::new(start(), [1, 2]);
        let ack = guard.first_number(name(), Seq(5)).minus(1);
        guard.note_greeted(start(), name());
        for n in 0..2 * MAX_GREETED as u32 {
            guard.note_greeted(start(), (SocketAddr::from((n.to_be_bytes(), 1)), 1));
        }
        assert!(!guard.greeted(&name()), "it was forgotten");
        assert_eq!(guard.proved_syn(name(), &header(6, ack)), Some(Seq(5)));
    }

    #[test]
    fn replies_are_bounded() {
        let mut guard = Guard::new(start(), [1, 2]);
        let replied =
            (0..30_000u64).filter(|n| guard.may_reply(start() + Duration::from_micros(100 * n))).count();
        assert!(
            (2000..=3 * STRAY_REPLIES_PER_SECOND as usize).contains(&replied),
            "{replied} in three seconds"
        );
    }
}

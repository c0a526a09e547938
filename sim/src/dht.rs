//! A simulated DHT of many thousand nodes, one event queue, and time that passes only from event to event.
//!
//! A member is a row until somebody sends it a packet: then it wakes as a real [`dht::Node`] with the table that a node
//! of its place and age would have, drawn from the membership. Woken members answer; only those added as active keep
//! their timers, so that ten thousand nodes cost what the packets among them cost.

use crate::world::first_instant;
use dht::{Config, Contact, Family, Goal, Id, LookupKey, Node, Outcome, Output, id_for};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// Nodes that a bucket of a woken member holds.
const BUCKET: usize = 8;

/// The port of every node.
const PORT: u16 = 6881;

/// Where the members' addresses lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ground {
    /// Public addresses, with the ids that BEP 42 allows them.
    Public,
    /// 127/8, where any id is allowed.
    Loopback,
}

/// Names a member.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Member(usize);

struct Row {
    contact: Contact,
    alive: bool,
    /// Knows nothing and remembers nothing from one packet to the next: it swallows what is stored at it.
    forgetful: bool,
    /// Keeps its timers.
    active: bool,
    node: Option<Box<Node>>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Packet { from: SocketAddr, to: SocketAddr, bytes: Vec<u8> },
    Timer(usize),
}

/// Many nodes and the network between them.
pub struct DhtWorld {
    started: Instant,
    now: Instant,
    rng: fastrand::Rng,
    ground: Ground,
    latency: Duration,
    rows: Vec<Row>,
    by_address: BTreeMap<SocketAddr, usize>,
    /// Members in the order of their ids, the dead of late included: tables still name them.
    by_id: Vec<(Id, usize)>,
    queue: BinaryHeap<Reverse<(Instant, u64, Event)>>,
    events: u64,
    told: Vec<(Instant, Member, Output)>,
    /// Packets delivered to each member.
    packets_to: BTreeMap<usize, usize>,
}

impl DhtWorld {
    /// `count` members, of which `dead_percent` do not answer, `latency` apart.
    pub fn new(seed: u64, ground: Ground, count: usize, dead_percent: u8, latency: Duration) -> Self {
        let now = first_instant();
        let mut world = Self {
            started: now,
            now,
            rng: fastrand::Rng::with_seed(seed),
            ground,
            latency,
            rows: Vec::new(),
            by_address: BTreeMap::new(),
            by_id: Vec::new(),
            queue: BinaryHeap::new(),
            events: 0,
            told: Vec::new(),
            packets_to: BTreeMap::new(),
        };
        world.join(count);
        for index in 0..count {
            world.rows[index].alive = world.rng.u8(0..100) >= dead_percent;
        }
        world
    }

    /// Time since the start.
    pub fn elapsed(&self) -> Duration {
        self.now - self.started
    }

    /// The node of a member that is awake.
    pub fn node(&self, member: Member) -> Option<&Node> {
        self.rows[member.0].node.as_deref()
    }

    /// A member's id, address, and whether it answers.
    pub fn contact(&self, member: Member) -> (Contact, bool) {
        (self.rows[member.0].contact, self.rows[member.0].alive)
    }

    /// The member at an address.
    pub fn member_at(&self, address: SocketAddr) -> Option<Member> {
        self.by_address.get(&address).map(|index| Member(*index))
    }

    /// Packets that arrived at a member.
    pub fn packets_to(&self, member: Member) -> usize {
        self.packets_to.get(&member.0).copied().unwrap_or(0)
    }

    /// Adds members that others know from now on.
    pub fn join(&mut self, count: usize) {
        for _ in 0..count {
            let address = self.next_address();
            let id = match self.ground {
                Ground::Public => id_for(address.ip(), &mut self.rng),
                Ground::Loopback => Id::random(&mut self.rng),
            };
            self.add_row(Contact { id, address }, false);
        }
        self.by_id.sort_unstable();
    }

    /// Each member that answers dies with this chance; active ones do not.
    pub fn kill(&mut self, percent: u8) {
        for row in self.rows.iter_mut().filter(|row| row.alive && !row.active) {
            row.alive = self.rng.u8(0..100) >= percent;
        }
    }

    /// The dead are named by nobody any more.
    pub fn forget_the_dead(&mut self) {
        let rows = &self.rows;
        self.by_id.retain(|(_, index)| rows[*index].alive);
    }

    /// Adds `count` forgetful members of one /24 whose ids lie next to `target`.
    pub fn add_sybils(&mut self, target: Id, count: u8) -> Vec<Member> {
        let sybils = (1..=count).map(|last| {
            let ip = if self.ground == Ground::Public { [66, 66, 6, last] } else { [127, 250, 6, last] };
            let id = target.random_sharing(40 + last % 80, &mut self.rng);
            self.add_row(Contact { id, address: SocketAddr::new(IpAddr::from(ip), PORT) }, true)
        });
        let sybils: Vec<Member> = sybils.collect::<Vec<usize>>().into_iter().map(Member).collect();
        self.by_id.sort_unstable();
        sybils
    }

    /// Adds a node that knows `routers` only and keeps its timers.
    pub fn add_active(&mut self, routers: &[SocketAddr]) -> Member {
        let address = self.next_address();
        let id = Id::random(&mut self.rng);
        let index = self.add_row(Contact { id, address }, false);
        self.by_id.pop();
        let mut node = Node::new(config(Vec::new(), None), self.rng.u64(..), self.now);
        node.bootstrap(self.now, routers);
        let row = &mut self.rows[index];
        (row.active, row.contact.id, row.node) = (true, node.id(), Some(Box::new(node)));
        self.drain(index);
        Member(index)
    }

    /// Some members to begin with, dead or alive.
    pub fn routers(&mut self, count: usize) -> Vec<SocketAddr> {
        (0..count).map(|_| self.rows[self.rng.usize(..self.rows.len())].contact.address).collect()
    }

    /// Starts a lookup of an active node.
    pub fn look_up(&mut self, member: Member, target: Id, goal: Goal) -> LookupKey {
        let node = self.rows[member.0].node.as_mut().expect("an active node is awake");
        let key = node.look_up(self.now, target, goal);
        self.drain(member.0);
        key
    }

    /// Runs until a lookup of an active node ends, and gives how.
    pub fn finish(&mut self, member: Member, key: LookupKey) -> Option<Outcome> {
        let ended = move |(_, from, output): &(Instant, Member, Output)| match output {
            Output::Finished(ended, outcome) if *ended == key && *from == member => Some(*outcome),
            _ => None,
        };
        self.run(Duration::from_secs(70), |world| world.told.iter().any(|told| ended(told).is_some()));
        self.told.iter().find_map(ended)
    }

    /// The peers that a lookup of an active node found so far, and after which time the first came.
    pub fn peers(&self, member: Member, key: LookupKey) -> (Vec<SocketAddr>, Option<Instant>) {
        let (mut peers, mut first) = (Vec::new(), None);
        for (when, from, output) in &self.told {
            if let Output::Peers(of, found) = output
                && *of == key
                && *from == member
            {
                first = first.or(Some(*when));
                peers.extend(found);
            }
        }
        (peers, first)
    }

    /// The instant now.
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// Runs until the condition holds, for `time` at most. True if it does.
    pub fn run(&mut self, time: Duration, mut until: impl FnMut(&Self) -> bool) -> bool {
        let end = self.now + time;
        while !until(self) {
            let Some(Reverse((when, ..))) = self.queue.peek() else { return false };
            if *when > end {
                self.now = end;
                return false;
            }
            let Some(Reverse((when, _, event))) = self.queue.pop() else { return false };
            self.now = self.now.max(when);
            match event {
                Event::Packet { from, to, bytes } => self.deliver(from, to, &bytes),
                Event::Timer(index) => self.ring(index),
            }
        }
        true
    }

    /// Lets time pass.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        self.run(time, |_| false);
        self.now = end;
    }

    fn add_row(&mut self, contact: Contact, forgetful: bool) -> usize {
        let index = self.rows.len();
        self.rows.push(Row { contact, alive: true, forgetful, active: false, node: None });
        self.by_address.insert(contact.address, index);
        self.by_id.push((contact.id, index));
        index
    }

    /// Each member has a /24 of its own.
    fn next_address(&self) -> SocketAddr {
        let [_, high, middle, low] = (self.rows.len() as u32 + 1).to_be_bytes();
        let first = if self.ground == Ground::Public { 60 + high } else { 127 };
        SocketAddr::new(IpAddr::from([first, middle, low, 1 + low % 7]), PORT)
    }

    fn deliver(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let Some(index) = self.by_address.get(&to).copied().filter(|index| self.rows[*index].alive) else {
            return;
        };
        *self.packets_to.entry(index).or_default() += 1;
        self.wake(index);
        if let Some(node) = &mut self.rows[index].node {
            node.handle_packet(self.now, from, bytes);
        }
        self.drain(index);
        if self.rows[index].forgetful {
            self.rows[index].node = None;
        }
    }

    fn wake(&mut self, index: usize) {
        if self.rows[index].node.is_none() {
            let known = if self.rows[index].forgetful { Vec::new() } else { self.table_of(index) };
            let config = config(known, Some(self.rows[index].contact.id));
            self.rows[index].node = Some(Box::new(Node::new(config, self.rng.u64(..), self.now)));
        }
    }

    /// A few members of every distance, as a node that has been around for a while knows them.
    fn table_of(&mut self, index: usize) -> Vec<Contact> {
        let own = self.rows[index].contact.id;
        let mut range = 0..self.by_id.len();
        let mut known = Vec::new();
        for bits in 0..160u8 {
            if range.len() <= BUCKET {
                break;
            }
            // Members of the range share `bits` bits with us; those that share no more are one half of it.
            let (byte, mask) = (usize::from(bits / 8), 0x80u8 >> (bits % 8));
            let half =
                range.start + self.by_id[range.clone()].partition_point(|(id, _)| id.0[byte] & mask == 0);
            let (near, far) = if own.0[byte] & mask == 0 {
                (range.start..half, half..range.end)
            } else {
                (half..range.end, range.start..half)
            };
            let picks: Vec<usize> = (0..BUCKET.min(far.len())).map(|_| self.rng.usize(far.clone())).collect();
            known.extend(picks.into_iter().map(|pick| self.rows[self.by_id[pick].1].contact));
            range = near;
        }
        known.extend(self.by_id[range].iter().map(|(_, near)| self.rows[*near].contact));
        known.retain(|contact| contact.id != own);
        known
    }

    fn ring(&mut self, index: usize) {
        if let Some(node) = &mut self.rows[index].node
            && node.poll_timeout() <= self.now
        {
            node.handle_timeout(self.now);
            self.drain(index);
        }
    }

    /// Puts what a node wants done into the queue.
    fn drain(&mut self, index: usize) {
        let (now, latency) = (self.now, self.latency);
        let row = &mut self.rows[index];
        let Some(node) = &mut row.node else { return };
        let mut events = Vec::new();
        while let Some(output) = node.poll_output() {
            match output {
                Output::Transmit { to, packet } => {
                    events.push((
                        now + latency,
                        Event::Packet { from: row.contact.address, to, bytes: packet },
                    ));
                }
                output if row.active => self.told.push((now, Member(index), output)),
                _ => {}
            }
        }
        if row.active {
            events.push((node.poll_timeout().max(now), Event::Timer(index)));
        }
        for (when, event) in events {
            self.events += 1;
            self.queue.push(Reverse((when, self.events, event)));
        }
    }
}

/// No signatures are checked here: the scenarios store peers.
fn config(known: Vec<Contact>, id: Option<Id>) -> Config {
    Config { known, id, ..Config::new(Family::V4, |_, _, _| false) }
}

//! An HTTP server as the swarm sees it: ranges in, blocks out.

use crate::disk::TRUE_CONTENT;
use crate::network::Pipe;
use crate::node::NodeId;
use crate::world::{Happening, World};
use metainfo::{BLOCK_LENGTH, BlockIndex, BlockRequest, Geometry, PieceIndex};
use std::time::{Duration, Instant};
use swarm::{Fault, FetchEnd, SourceKey, WebSeedFact, WebSeedInfo, WebSeedKey, WebSeedOrder};

/// How a server behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServerState {
    /// Sends what is asked for.
    Sound,
    /// Has no such file.
    Missing,
    /// Nobody listens there.
    Refusing,
    /// Asks to be left alone for so long.
    Busy(Duration),
    /// Sends wrong bytes.
    Corrupt,
    /// Takes the request and sends nothing.
    Silent,
    /// Sends so many blocks, then nothing.
    Stalling(u32),
    /// Cuts each answer off in the middle.
    Cutting,
    /// Sends the file from its first byte, whatever is asked for.
    NoRanges,
}

/// A server.
#[derive(Clone, Copy, Debug)]
pub struct Server {
    /// How it behaves.
    pub state: ServerState,
    /// Bytes per second that it sends.
    pub rate: u64,
    /// One way to it.
    pub latency: Duration,
}

/// What happens between a node and a server.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Exchange {
    /// The answer begins.
    Answer,
    /// The server has room for the block at this torrent offset; `until` is where its answer ends, and how.
    Send { position: u64, until: u64, end: Option<FetchEnd> },
    /// A block is there.
    Block { request: BlockRequest, content: u64 },
    /// The answer is over.
    End(FetchEnd),
}

pub(crate) struct WebSeed {
    state: ServerState,
    latency: Duration,
    rate: u64,
    pipe: Pipe,
    /// The number of the range under way; what belongs to earlier ones is late.
    range: u64,
    active: bool,
    /// Requests seen.
    requests: Vec<Instant>,
    bytes: u64,
    /// Bytes on their way.
    in_flight: usize,
    /// What it goes on with once there is room on the way.
    held: Option<Exchange>,
}

impl WebSeed {
    fn new(server: Server, now: Instant) -> Self {
        let Server { state, rate, latency } = server;
        Self {
            state,
            latency,
            rate,
            pipe: Pipe::new(rate, now),
            range: 0,
            active: false,
            requests: Vec::new(),
            bytes: 0,
            in_flight: 0,
            held: None,
        }
    }
}

/// Bytes of one answer on their way at most, as TCP has it.
const WINDOW: usize = 256 * 1024;

impl World {
    /// Gives `node` an HTTP server of the whole torrent, on a host of its own.
    pub fn add_web_seed(
        &mut self,
        node: NodeId,
        state: ServerState,
        rate: u64,
        latency: Duration,
    ) -> WebSeedKey {
        self.add_web_seeds(node, &[Server { state, rate, latency }])[0]
    }

    /// Gives `node` many HTTP servers at once, each on a host of its own.
    pub fn add_web_seeds(&mut self, node: NodeId, servers: &[Server]) -> Vec<WebSeedKey> {
        let now = self.now();
        let target = &mut self.nodes[node.0];
        let first = target.web_seeds.len();
        let infos = (first..first + servers.len())
            .map(|number| WebSeedInfo { host: format!("mirror-{number}.example"), ..WebSeedInfo::default() });
        let keys = target.swarm.add_web_seeds(now, infos);
        for (key, server) in keys.iter().zip(servers) {
            target.web_seeds.insert(*key, WebSeed::new(*server, now));
        }
        self.settle(node);
        keys
    }

    /// Requests that a server saw, as times since the world began.
    pub fn requests(&self, node: NodeId, seed: WebSeedKey) -> Vec<Duration> {
        let seen = self.nodes[node.0].web_seeds.get(&seed).map(|seed| seed.requests.as_slice());
        seen.unwrap_or_default().iter().map(|at| *at - self.start()).collect()
    }

    /// Payload bytes that a server sent to a node.
    pub fn served(&self, node: NodeId, seed: WebSeedKey) -> u64 {
        self.nodes[node.0].web_seeds.get(&seed).map_or(0, |seed| seed.bytes)
    }

    /// Servers with a range under way.
    pub fn servers_busy(&self, node: NodeId) -> usize {
        self.nodes[node.0].web_seeds.values().filter(|seed| seed.active).count()
    }

    /// Changes how a server behaves; a range under way goes on as it began, unless it becomes silent.
    pub fn set_server(&mut self, node: NodeId, seed: WebSeedKey, state: ServerState) {
        if let Some(seed) = self.nodes[node.0].web_seeds.get_mut(&seed) {
            seed.state = state;
        }
    }

    /// Changes how fast a server sends from now on.
    pub fn set_server_rate(&mut self, node: NodeId, seed: WebSeedKey, bytes_per_second: u64) {
        if let Some(seed) = self.nodes[node.0].web_seeds.get_mut(&seed) {
            seed.rate = bytes_per_second;
            seed.pipe.set_rate(bytes_per_second);
        }
    }

    pub(crate) fn obey_web_seed_order(&mut self, id: NodeId, key: WebSeedKey, order: &WebSeedOrder) {
        match *order {
            WebSeedOrder::Fetch { offset, length } => self.fetch(id, key, offset, length),
            WebSeedOrder::Cancel => self.exchange(id, key, self.now(), Exchange::End(FetchEnd::Cancelled)),
        }
    }

    /// Plans what happens next in the range under way.
    fn exchange(&mut self, node: NodeId, seed: WebSeedKey, at: Instant, exchange: Exchange) {
        let Some(range) = self.nodes[node.0].web_seeds.get(&seed).map(|seed| seed.range) else { return };
        self.queue(at, Happening::Server { node, seed, range, exchange });
    }

    fn fetch(&mut self, id: NodeId, key: WebSeedKey, offset: u64, length: u64) {
        let now = self.now();
        let total = self.geometry().total_length();
        let Some(seed) = self.nodes[id.0].web_seeds.get_mut(&key) else { return };
        (seed.in_flight, seed.held) = (0, None);
        seed.range += 1;
        seed.active = true;
        seed.requests.push(now);
        seed.pipe = Pipe::new(seed.rate, now);
        let first = now + 2 * seed.latency;
        let failed = |fault| Exchange::End(FetchEnd::Failed(fault));
        let block = u64::from(BLOCK_LENGTH);
        let (until, end) = match seed.state {
            ServerState::Sound | ServerState::Corrupt => (offset + length, Some(FetchEnd::Complete)),
            ServerState::NoRanges => (total, Some(FetchEnd::Complete)),
            ServerState::Stalling(blocks) => (offset + length.min(u64::from(blocks) * block), None),
            ServerState::Cutting => {
                let half = (length / 2).next_multiple_of(block).min(length);
                (offset + half, Some(FetchEnd::Failed(Fault::CutOff)))
            }
            ServerState::Silent => return,
            ServerState::Missing => return self.exchange(id, key, first, failed(Fault::NotThere(404))),
            ServerState::Refusing => return self.exchange(id, key, first, failed(Fault::Refused)),
            ServerState::Busy(wait) => {
                let busy = Fault::Busy { status: 503, retry_after: Some(wait) };
                return self.exchange(id, key, first, failed(busy));
            }
        };
        let seed_sends_from_the_start = seed.state == ServerState::NoRanges;
        self.exchange(id, key, first, Exchange::Answer);
        if seed_sends_from_the_start && offset > 0 {
            return self.exchange(id, key, first, Exchange::End(FetchEnd::Cancelled));
        }
        self.exchange(id, key, first, Exchange::Send { position: offset, until, end });
    }

    /// Something happens in a range; nothing, if it is over.
    pub(crate) fn server_happens(&mut self, id: NodeId, key: WebSeedKey, range: u64, exchange: Exchange) {
        let now = self.now();
        let Some(seed) = self.nodes[id.0].web_seeds.get_mut(&key) else { return };
        if seed.range != range || !seed.active {
            return;
        }
        let fact = match exchange {
            Exchange::Answer if seed.state == ServerState::NoRanges => WebSeedFact::NoRanges,
            Exchange::Answer => WebSeedFact::Answered { redirected: None },
            Exchange::Send { position, until, end } => {
                return self.server_sends(id, key, position, until, end);
            }
            Exchange::Block { request, content } => {
                seed.in_flight -= request.length as usize;
                if let Some(next) = seed.held.take() {
                    self.exchange(id, key, now, next);
                }
                self.store(id, request, SourceKey::WebSeed(key), content);
                WebSeedFact::BlockReceived(request)
            }
            Exchange::End(end) => {
                seed.active = false;
                WebSeedFact::Ended(end)
            }
        };
        self.nodes[id.0].swarm.handle_web_seed(now, key, fact);
        self.settle(id);
    }

    fn server_sends(
        &mut self,
        id: NodeId,
        key: WebSeedKey,
        position: u64,
        until: u64,
        end: Option<FetchEnd>,
    ) {
        let now = self.now();
        let block = block_at(self.geometry(), position).filter(|_| position < until);
        let Some(seed) = self.nodes[id.0].web_seeds.get_mut(&key) else { return };
        let range = seed.range;
        let next = |exchange| Box::new(Happening::Server { node: id, seed: key, range, exchange });
        if seed.state == ServerState::Silent {
            return;
        }
        let Some(request) = block else {
            if let Some(end) = end {
                let next = next(Exchange::End(end));
                self.queue(now, Happening::Reaches { to: id, bytes: 0, next });
            }
            return;
        };
        let lies = seed.state == ServerState::Corrupt;
        let content = if lies { 1_000_000 + u64::from(key.0) } else { TRUE_CONTENT };
        let bytes = request.length as usize;
        if seed.in_flight >= WINDOW {
            seed.held = Some(Exchange::Send { position, until, end });
            return;
        }
        seed.in_flight += bytes;
        let sent = seed.pipe.send(now, bytes);
        seed.bytes += u64::from(request.length);
        let here = next(Exchange::Block { request, content });
        self.queue(sent, Happening::Reaches { to: id, bytes, next: here });
        let position = position + u64::from(request.length);
        self.exchange(id, key, sent, Exchange::Send { position, until, end });
    }
}

fn block_at(geometry: &Geometry, offset: u64) -> Option<BlockRequest> {
    let piece_length = u64::from(geometry.piece_length());
    let piece = PieceIndex((offset / piece_length) as u32);
    geometry.block(piece, BlockIndex((offset % piece_length) as u32 / BLOCK_LENGTH))
}

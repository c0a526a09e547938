//! Every bound of the engine, each with its reason.

use std::time::Duration;

/// How much unspent time a rate limit saves up: enough to ride over a scheduling hiccup, too little for a burst
/// that a person's video call would feel.
pub(crate) const RATE_BURST: Duration = Duration::from_millis(100);

/// Bytes moved in one go under a rate limit at most; above, a limited connection would be served in lumps.
pub(crate) const RATE_QUANTUM_MAX: u64 = 256 * 1024;

/// Block buffers laid out behind one read of a peer's socket. Sixteen blocks a system call is where the cost of
/// the call itself disappears behind the cost of the copy.
pub(crate) const SCATTER_BLOCKS: usize = 16;

/// Room behind the scattered blocks for whatever else arrives: control messages, or the first bytes of more.
pub(crate) const READ_SCRATCH: usize = 2048;

/// Bytes a peer's task has lined up for its socket before it reads more blocks from disk. Twice as much falls out of a
/// core's cache between the read and the write.
pub(crate) const SEND_AHEAD: usize = 256 * 1024;

/// Slices handed to one vectored write; the system takes 1024, few of them fill a socket buffer.
pub(crate) const GATHER_SLICES: usize = 64;

/// Batches of facts on their way from all peers to their torrent. A full queue stops the peers' reading.
pub(crate) const FACT_QUEUE: usize = 512;

/// Batches of orders on their way to one peer. A full queue makes the torrent hold orders back, see
/// [`ORDERS_HELD`].
pub(crate) const ORDER_QUEUE: usize = 32;

/// Orders held back for a peer whose queue is full; a peer that lets more pile up is closed.
pub(crate) const ORDERS_HELD: usize = 16 * 1024;

/// Facts one peer collects while its torrent is busy before it stops reading.
pub(crate) const FACT_BATCH: usize = 1024;

/// Reads of one peer before the others get their turn.
pub(crate) const READS_IN_A_ROW: usize = 4;

/// Threads for name look-ups, the only blocking call on the runtime: a slow resolver must not queue up more.
pub(crate) const BLOCKING_THREADS: usize = 16;

/// How long an outgoing connection may take; a farther peer is not worth a slot.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);

/// How long the other end of an outgoing connection may take to agree on encryption, or to say its first word: less than
/// its own handshake may take, for there may be another attempt in the other manner.
pub(crate) const GREETING_TIMEOUT: Duration = Duration::from_secs(6);

/// Bytes read at once while a connection is greeted: a whole public key with its padding.
pub(crate) const FIRST_READ: usize = 1024;

/// Connections the kernel keeps for us before they are accepted.
pub(crate) const LISTEN_BACKLOG: i32 = 512;

/// The whole incoming handshake, however its bytes drip.
pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(8);

/// Incoming handshakes under way; beyond, the oldest goes.
pub(crate) const HANDSHAKES_AT_ONCE: usize = 256;

/// Of one address; a crowded home behind one router stays below.
pub(crate) const HANDSHAKES_PER_ADDRESS: usize = 32;

/// Pause of the listener when the system has no file handles left.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(250);

/// Connections waiting for a busy torrent to take them in.
pub(crate) const INCOMING_QUEUE: usize = 64;

/// Buffers for blocks on their way out, in all: 8 MiB, so that a few fast readers and many slow ones find one.
pub(crate) const UPLOAD_POOL_BLOCKS: usize = 512;

/// Commands of handles on their way to a torrent.
pub(crate) const COMMAND_QUEUE: usize = 16;

/// Changes to a torrent kept until its check is over.
pub(crate) const CHANGES_HELD: usize = 256;

/// Disk events on their way to a torrent: one a piece, so pieces finish no faster than they are announced.
pub(crate) const DISK_EVENT_QUEUE: usize = 1024;

/// Events on their way to the listener of a torrent.
pub(crate) const EVENT_QUEUE: usize = 256;

/// Events kept for a listener whose queue is full; beyond, news about sources is dropped, never the ends.
pub(crate) const EVENTS_UNTOLD: usize = 1024;

/// How often a torrent at work shows what it is doing.
pub(crate) const SNAPSHOT_INTERVAL: Duration = Duration::from_millis(250);

/// How often it is counted what connected peers offer.
pub(crate) const AVAILABLE_INTERVAL: Duration = Duration::from_secs(2);

/// How often a seed that nobody talks to shows that: thousands of them cost next to nothing.
pub(crate) const IDLE_SNAPSHOT_INTERVAL: Duration = Duration::from_secs(10);

/// How long a seed waits for somebody to come before it gives up its task: short, for getting up costs a millisecond.
pub(crate) const SLEEP_AFTER: Duration = Duration::from_secs(5);

/// Sleeping torrents that announce themselves at the same moment; the rest waits: after a start all of them are due.
pub(crate) const SLEEPERS_ANNOUNCING: usize = 64;

/// The shortest pause between two looks at what one sleeper has to announce.
pub(crate) const SLEEPER_PAUSE: Duration = Duration::from_secs(1);

/// How often one more sleeper is announced in the DHT: ten thousand of them take their turns over
/// [`DHT_REPEAT`].
pub(crate) const SLEEPERS_ENTER_DHT: Duration = Duration::from_millis(100);

/// Connections that wait for one sleeping torrent to get up.
pub(crate) const VISITORS_WAITING: usize = 8;

/// Sleepers that say goodbye at the same moment: all of them within the seconds that an end may take.
pub(crate) const GOODBYES_AT_ONCE: usize = 256;

/// How long goodbye may take: trackers that do not answer by then are not told.
pub(crate) const GOODBYE_TIMEOUT: Duration = Duration::from_millis(1200);

/// Batches of facts taken in before their consequences are carried out.
pub(crate) const FACT_BATCHES_A_TURN: usize = 32;

/// Pause before something held back is tried again.
pub(crate) const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// Connections of one torrent.
pub(crate) const MAX_PEERS: usize = 120;

/// Outgoing connections of one torrent under way.
pub(crate) const MAX_HALF_OPEN: usize = 30;

/// Connections of one torrent from one address: a household or a test machine runs a few clients, not dozens.
pub(crate) const MAX_PEERS_PER_ADDRESS: usize = 3;

/// Peers of one torrent served at once.
pub(crate) const UPLOAD_SLOTS: usize = 8;

/// Requests of one peer that we queue (`reqq`), as most clients do.
pub(crate) const REQUEST_QUEUE: u32 = 500;

/// Requests of one peer that a user may have us queue: 32 MiB, which no link is long enough to need more of.
pub(crate) const MAX_REQUEST_QUEUE: u32 = 2000;

/// The time over which shown rates are measured.
pub(crate) const RATE_WINDOW: Duration = Duration::from_secs(3);

/// Pause before a disk that failed is tried again.
pub(crate) const DISK_RETRY: Duration = Duration::from_secs(15);

/// Announces of one torrent under way; the rest wait their turn.
pub(crate) const ANNOUNCES_AT_ONCE: usize = 8;

/// Connections of a torrent whose metadata is not known: a few that have it are enough.
pub(crate) const MAX_MAGNET_PEERS: usize = 50;

/// Bytes of one read from a peer before the metadata is known.
pub(crate) const EARLY_READ: usize = 8 * 1024;

/// How long peers' tasks may take to give their connections to the torrent.
pub(crate) const HANDOVER_TIMEOUT: Duration = Duration::from_millis(500);

/// How long peers met wait for their torrent once its metadata is known.
pub(crate) const PARKED_FOR: Duration = Duration::from_secs(30);

/// What a magnet link's look-ups found and its task did not take yet.
pub(crate) const MAGNET_SOURCE_QUEUE: usize = 8;

/// First pause before the torrent files that a magnet link names are asked for again; it doubles.
pub(crate) const SOURCE_RETRY: Duration = Duration::from_secs(30);

/// The longest such pause.
pub(crate) const SOURCE_RETRY_LONGEST: Duration = Duration::from_mins(30);

/// Web seeds of one torrent; the longest list seen in the wild has some 400.
pub(crate) const MAX_WEB_SEEDS: usize = 1024;

/// Connections to one host that serves web seeds, whatever names and redirects lead there: mirrors are gifts.
pub(crate) const MAX_WEB_SEED_CONNECTIONS_PER_HOST: usize = 2;

/// Connections to web seeds of one torrent, where the user does not say.
pub const WEB_SEED_CONNECTIONS: usize = 96;

/// Connections that a torrent claims beyond those it knows a use for: a URL may lead to many servers.
pub(crate) const WEB_SEED_ROOM: usize = 8;

/// How long mirrors of a new torrent may be without its files.
pub(crate) const MIRRORS_LAG: Duration = Duration::from_hours(48);

/// Orders on their way to a web seed's task: a cancel and a fetch, twice over.
pub(crate) const WEB_SEED_ORDER_QUEUE: usize = 8;

/// The largest UDP datagram that is read whole: a tracker's answer with as many peers as we keep fits.
pub(crate) const MAX_UDP_PACKET: usize = 20 * 1024;

/// How long the second family of a UDP tracker may still take once the first has answered: peers wait for it.
pub(crate) const SECOND_FAMILY_GRACE: Duration = Duration::from_secs(2);

/// Torrents in one scrape: a URL of some 3,300 bytes, and less than a UDP tracker takes.
pub const SCRAPE_HASHES: usize = 50;

/// Announces on their way to the task that speaks to UDP trackers.
pub(crate) const UDP_ASK_QUEUE: usize = 64;

/// HTTP connections of clients to a tracker of ours.
pub(crate) const MAX_TRACKER_CONNECTIONS: usize = 256;

/// The longest request to a tracker of ours, header lines and all: a scrape of 74 torrents fits.
pub(crate) const MAX_TRACKER_REQUEST: usize = 16 * 1024;

/// How long a client of a tracker of ours may take for a request, or for reading its answer.
pub(crate) const TRACKER_REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Questions of HTTP clients on their way to a tracker's swarms.
pub(crate) const TRACKER_ASK_QUEUE: usize = 64;

/// Torrents announced on the local network.
pub(crate) const MAX_LSD_TORRENTS: usize = 10_000;

/// Info-hashes in one announce on the local network: 1400 bytes, which no network splits (BEP 14).
pub(crate) const LSD_HASHES_PER_PACKET: usize = 24;

/// The longest announce on the local network that is read.
pub(crate) const MAX_LSD_PACKET: usize = 4096;

/// Peers heard on the local network that wait for the torrents to take them up.
pub(crate) const LSD_PEER_QUEUE: usize = 256;

/// Peers on the local network remembered as answered; beyond, the oldest is forgotten and answered again.
pub(crate) const MAX_LSD_HEARD: usize = 512;

/// Network interfaces announced on; a machine with more has containers, not neighbours.
pub(crate) const MAX_LSD_INTERFACES: usize = 16;

/// How often a torrent is announced on the local network (BEP 14).
pub(crate) const LSD_INTERVAL: Duration = Duration::from_mins(5);

/// Pause between two announces on the local network, whatever the torrents (BEP 14).
pub(crate) const LSD_PAUSE: Duration = Duration::from_mins(1);

/// How long a new torrent waits for others, to be announced with them in one packet.
pub(crate) const LSD_GATHER: Duration = Duration::from_millis(250);

/// The lines before an HTTP body, in bytes.
pub(crate) const MAX_HTTP_HEADER_BYTES: usize = 64 * 1024;

/// What one read of an HTTP body takes in at most. Sixteen blocks make the call itself cheap, and still lie in a core's
/// cache when they are copied to their buffers.
pub(crate) const MAX_HTTP_READ: usize = 256 * 1024;

/// Header lines of an HTTP answer.
pub(crate) const MAX_HTTP_HEADERS: usize = 100;

/// The longest URL that is asked or that a redirect may lead to.
pub(crate) const MAX_URL_BYTES: usize = 8 * 1024;

/// A name look-up; a slower resolver answers the next attempt from its cache.
pub(crate) const DNS_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one name server is waited for, where we ask it ourselves; the next one is asked then.
pub(crate) const DNS_TRY: Duration = Duration::from_secs(2);
/// How often each name server is asked.
pub(crate) const DNS_ATTEMPTS: usize = 2;
/// Name servers asked at most, as the system's resolver does (`MAXNS`).
pub(crate) const MAX_NAME_SERVERS: usize = 3;
/// Bytes of an answer of a name server over UDP at most, as we offer no more (RFC 1035).
pub(crate) const DNS_ANSWER: usize = 512;

/// Addresses of one host that are tried.
pub(crate) const MAX_HOST_ADDRESSES: usize = 8;

/// The lead that one address of a host has over the next (RFC 8305).
pub(crate) const CONNECT_STAGGER: Duration = Duration::from_millis(250);

/// A proxy's way to a server: it looks the name up and connects.
pub(crate) const PROXY_TIMEOUT: Duration = Duration::from_secs(20);

/// A proxy's answer to CONNECT, in bytes.
pub(crate) const MAX_CONNECT_ANSWER: usize = 16 * 1024;

/// The pause after an association with a proxy ended or was refused, doubled up to the longest.
pub(crate) const RELAY_PAUSE_FIRST: Duration = Duration::from_secs(1);

/// See [`RELAY_PAUSE_FIRST`]. One that stood for longer is made anew after the first pause.
pub(crate) const RELAY_PAUSE_LONGEST: Duration = Duration::from_mins(1);

/// How long the connection that an association lives on may be silent before the system asks whether the proxy is there.
pub(crate) const RELAY_KEEPALIVE: Duration = Duration::from_secs(30);

/// How long the first datagrams wait for a proxy that is to relay them: what is sent later is sent again by itself.
pub(crate) const RELAY_PATIENCE: Duration = Duration::from_secs(5);

/// Answers of trackers through a proxy that wait for the task that speaks to them; more are lost, as any may be.
pub(crate) const RELAY_TRACKER_QUEUE: usize = 64;

/// How long the answer of a tracker is waited for whose name the proxy looks up, before it is asked again.
pub(crate) const LOCATE_TRY: Duration = Duration::from_secs(4);

/// How often it is asked.
pub(crate) const LOCATE_TRIES: usize = 3;

/// How long the address of a tracker counts that answered to its name: sleeping torrents announce one after the other.
pub(crate) const LOCATED_LIFE: Duration = Duration::from_mins(2);

/// Names of trackers that are asked for or known at a time.
pub(crate) const MAX_LOCATED: usize = 256;

/// The first pause before nodes that a proxy looks up are asked again, while none has answered; it doubles up to
/// [`DHT_NAMES_PAUSE`].
pub(crate) const DHT_GREETING_PAUSE: Duration = Duration::from_secs(2);

/// TLS and HTTP/2 handshakes.
pub(crate) const TLS_TIMEOUT: Duration = Duration::from_secs(10);

/// From the request to the end of the header lines, whatever comes in between (1xx answers).
pub(crate) const HTTP_HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// Silence in the middle of a body.
pub(crate) const HTTP_IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// Bytes of a body that must come in each [`HTTP_IDLE_TIMEOUT`] of waiting; fewer is a stall that drips.
pub(crate) const HTTP_SLOWEST_BYTES: usize = 16 * 1024;

/// A tracker's whole answer, redirects and all.
pub(crate) const TRACKER_TIMEOUT: Duration = Duration::from_secs(30);

/// A tracker's body, after inflating.
pub(crate) const MAX_TRACKER_BODY: usize = 2 << 20;

/// Redirects of one announce.
pub(crate) const TRACKER_REDIRECTS: usize = 5;

/// Redirects of one range, or of one torrent file.
pub(crate) const REDIRECTS: usize = 10;

/// A torrent file, after inflating; the largest in the wild are a few MiB.
pub(crate) const MAX_TORRENT_BYTES: usize = 64 << 20;

/// Fetching a torrent file in all: the largest allowed at 220 KiB/s.
pub(crate) const TORRENT_TIMEOUT: Duration = Duration::from_mins(5);

/// Bytes of an error page or redirect that are read to keep its connection.
pub(crate) const MAX_DISCARDED_BODY: u64 = 16 * 1024;

/// How long the end of a body is waited for once everything wanted is here, to keep its connection.
pub(crate) const BODY_END_TIMEOUT: Duration = Duration::from_secs(1);

/// Idle HTTP connections kept for the next request, in all and to one server.
pub(crate) const MAX_IDLE_CONNECTIONS: usize = 64;

/// See [`MAX_IDLE_CONNECTIONS`].
pub(crate) const MAX_IDLE_PER_SERVER: usize = 4;

/// How long an idle HTTP connection is worth trying; servers close theirs after 5 to 75 s.
pub(crate) const IDLE_CONNECTION_LIFE: Duration = Duration::from_mins(1);

/// What an HTTP/2 server may send ahead of our reading on one connection: 80 MiB/s at 25 ms.
pub(crate) const HTTP2_WINDOW: u32 = 2 << 20;

/// The longest pause that `Retry-After` may ask for.
pub(crate) const MAX_RETRY_AFTER: Duration = Duration::from_hours(24);

/// Redirect targets remembered by one web seed; beyond, all are forgotten and learnt again.
pub(crate) const MAX_REMEMBERED_REDIRECTS: usize = 4096;

/// Orders to the DHT's task that wait: a session's torrents ask once each.
pub(crate) const DHT_COMMAND_QUEUE: usize = 256;

/// Finds of one search that wait for its torrent; a torrent that takes none has enough peers.
pub(crate) const DHT_PEER_QUEUE: usize = 32;

/// Torrents that are looked for in the DHT.
pub(crate) const MAX_DHT_SEARCHES: usize = 10_000;

/// Lookups and pings of the DHT that are made once and are under way at the same time.
pub(crate) const MAX_DHT_ERRANDS: usize = 64;

/// What one such lookup brings and its caller has not taken yet: each of 100 packets to each of two families may bring
/// one find, and each of 16 nodes says what became of an item.
pub(crate) const DHT_ERRAND_QUEUE: usize = 256;

/// Pings until a node counts as silent: any datagram may be lost.
pub(crate) const DHT_PINGS: usize = 4;

/// How long an answer to a ping is waited for before the next.
pub(crate) const DHT_PING_PAUSE: Duration = Duration::from_secs(1);

/// How long the names of bootstrap nodes are waited for where somebody waits for the answer.
pub(crate) const DHT_NAMES_WAIT: Duration = Duration::from_secs(10);

/// The longest datagram that is read whole; the node refuses more than 1,500 bytes.
pub(crate) const MAX_DHT_PACKET: usize = 2048;

/// Datagrams that wait for the DHT's task; more are lost, as any may be.
pub(crate) const UDP_DHT_QUEUE: usize = 256;

/// A buffer for datagrams of one sender that arrived together: the system joins up to 64 KiB of them.
pub(crate) const UDP_BUFFER: usize = 64 * 1024;

/// Datagrams of one stream that leave back to back at most: what QUIC stacks allow themselves too, as routers on the way
/// drop from longer bursts. Most of what batches save is saved by then.
pub(crate) const UDP_BURST: usize = 10;

/// Such buffers filled by one system call.
pub(crate) const UDP_BUFFERS: usize = 8;

/// Such calls before what came is answered and read.
pub(crate) const UDP_RECEIVES_A_TURN: usize = 2;

/// What the system is asked to hold for a UDP socket: a few batches each way, or what comes while others have their turn.
pub(crate) const UDP_SOCKET_BUFFER: usize = 4 << 20;

/// How long the preferred transport has before the other is tried beside it.
pub(crate) const TRANSPORT_HEAD_START: Duration = Duration::from_millis(500);

/// How long one transport has when the other has failed: a peer whose TCP port is closed may still be reached by uTP, and a
/// dead one must not keep its place for the whole of [`CONNECT_TIMEOUT`].
pub(crate) const TRANSPORT_LAST_CHANCE: Duration = Duration::from_secs(2);

/// Datagrams taken in one turn of the DHT's task, beside the first.
pub(crate) const DHT_PACKETS_A_TURN: usize = 64;

/// How often a torrent is looked for and announced in the DHT; nodes forget an announce after half an hour.
pub(crate) const DHT_REPEAT: Duration = Duration::from_mins(15);

/// First pause after a lookup that found no peer; it doubles up to [`DHT_REPEAT`].
pub(crate) const DHT_FIRST_REPEAT: Duration = Duration::from_secs(5);

/// How often a publisher's item is looked for and stored anew (BEP 44, BEP 46): nodes may forget it after two hours.
pub(crate) const DHT_UPDATE_INTERVAL: Duration = Duration::from_hours(1);

/// How long a DHT that has just begun may take to find its first node before that is told.
pub(crate) const DHT_WARM_UP: Duration = Duration::from_secs(30);

/// The pause between two questions to a DHT that has no node yet.
pub(crate) const DHT_WARM_UP_PAUSE: Duration = Duration::from_millis(250);

/// What a publisher said and its reader has not taken yet; more waits.
pub(crate) const UPDATE_QUEUE: usize = 4;

/// How often the nodes of both families hear of each other's table.
pub(crate) const DHT_BRIDGE_INTERVAL: Duration = Duration::from_mins(1);

/// Names of bootstrap nodes that are looked up at once.
pub(crate) const MAX_DHT_NAMES: usize = 32;

/// How often names of bootstrap nodes are looked up while none is found.
pub(crate) const DHT_NAMES_TRIES: usize = 20;

/// The pause between two of these.
pub(crate) const DHT_NAMES_PAUSE: Duration = Duration::from_secs(30);

/// How often a document is asked for while its server asks for patience.
pub(crate) const DOCUMENT_TRIES: u32 = 3;

/// The longest pause that a person waits for a document; a server that asks for more is not asked again.
pub(crate) const DOCUMENT_PATIENCE: Duration = Duration::from_mins(1);

/// Bytes of a document in which a metalink must have named what it is.
pub(crate) const MAX_XML_PROLOGUE: usize = 4096;

/// After so long half of a mirror's remembered speed is believed: servers and lines change over months.
pub(crate) const MIRROR_HALF_LIFE: Duration = Duration::from_hours(24 * 30);

/// For so long a mirror that brought nothing is tried after all others.
pub(crate) const MIRROR_DOUBTED: Duration = Duration::from_hours(24);

/// Hosts whose worth is known at a time: as many as the database keeps.
pub(crate) const MIRRORS_REMEMBERED: usize = 8192;

/// How long a mapping of our port is asked for: what a router forgets by itself should we end without a word. Renewed at
/// half of what is granted.
pub(crate) const PORT_LEASE: Duration = Duration::from_hours(1);

/// The shortest time between two renewals, whatever a router grants.
pub(crate) const PORT_LEASE_SHORTEST: Duration = Duration::from_secs(1);

/// The pause after no router was found or one refused, doubled up to the longest: it may have been switched off.
pub(crate) const PORT_MAP_PAUSE_FIRST: Duration = Duration::from_secs(30);

/// See [`PORT_MAP_PAUSE_FIRST`].
pub(crate) const PORT_MAP_PAUSE_LONGEST: Duration = Duration::from_mins(30);

/// How long an answer by PCP or NAT-PMP is waited for, request by request; the router is one hop away.
pub(crate) const PORT_MAP_TRIES: [Duration; 3] =
    [Duration::from_millis(250), Duration::from_millis(500), Duration::from_secs(1)];

/// How long devices of the local network have to say by UPnP who they are.
pub(crate) const UPNP_SEARCH: Duration = Duration::from_secs(3);

/// One request to a router by UPnP, from the connection to the last byte of the answer; some are slow.
pub(crate) const UPNP_REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// Devices that are asked for their description, of those that call themselves routers.
pub(crate) const UPNP_DEVICES: usize = 4;

/// The largest description or answer of a router that is read.
pub(crate) const UPNP_DOCUMENT: usize = 128 * 1024;

/// External ports that a router may call taken before we give up.
pub(crate) const UPNP_PORTS_TRIED: usize = 4;

/// How long giving a mapping back may take when we end.
pub(crate) const PORT_RELEASE_TIMEOUT: Duration = Duration::from_millis(1500);

//! Packets of the UDP tracker protocol, written and read at either end (BEP 15; options BEP 41).

#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

use crate::announce::{AnnounceEvent, AnnounceRequest, AnnounceResponse, ScrapeCounts};
use crate::limits::{MAX_COUNT, MAX_SCRAPE_HASHES, MAX_URL_DATA_BYTES};
use crate::peers::{compact_v4, compact_v6, to_compact, usable_peers};
use crate::text::clean_text;
use metainfo::PeerId;
use std::net::Ipv4Addr;
use std::time::Duration;

/// The number that stands for a connection id in a connect request.
pub const MAGIC: u64 = 0x0417_2710_1980;

const ACTION_CONNECT: u32 = 0;
const ACTION_ANNOUNCE: u32 = 1;
const ACTION_SCRAPE: u32 = 2;
const ACTION_ERROR: u32 = 3;

const OPTION_END: u8 = 0;
const OPTION_NOP: u8 = 1;
const OPTION_URL_DATA: u8 = 2;

/// What a client sends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum UdpRequest {
    /// Asks for a connection id.
    Connect {
        /// Comes back in the answer.
        transaction: u32,
    },
    /// Asks for peers.
    Announce {
        /// As given by the tracker.
        connection: u64,
        /// Comes back in the answer.
        transaction: u32,
        /// What to say. Tracker id and IPv6 address have no place in this protocol.
        request: AnnounceRequest,
        /// Path and query of the announce URL (BEP 41); may be empty.
        url_data: Vec<u8>,
    },
    /// Asks for counts.
    Scrape {
        /// As given by the tracker.
        connection: u64,
        /// Comes back in the answer.
        transaction: u32,
        /// The torrents, at most [`MAX_SCRAPE_HASHES`].
        info_hashes: Vec<[u8; 20]>,
    },
}

/// What a tracker sends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum UdpResponse {
    /// A connection id.
    Connect {
        /// As asked.
        transaction: u32,
        /// To be used within a minute.
        connection: u64,
    },
    /// Peers.
    Announce {
        /// As asked.
        transaction: u32,
        /// What the packet has room for: interval, counts, peers.
        response: AnnounceResponse,
    },
    /// Counts, in the order asked.
    Scrape {
        /// As asked.
        transaction: u32,
        /// One entry a torrent.
        counts: Vec<ScrapeCounts>,
    },
    /// A refusal.
    Error {
        /// As asked.
        transaction: u32,
        /// Why, cleaned.
        message: String,
    },
}

impl UdpRequest {
    /// The packet.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(128);
        match self {
            Self::Connect { transaction } => put_head(&mut bytes, MAGIC, ACTION_CONNECT, *transaction),
            Self::Announce { connection, transaction, request, url_data } => {
                put_head(&mut bytes, *connection, ACTION_ANNOUNCE, *transaction);
                put_announce(&mut bytes, request);
                for part in url_data.get(..MAX_URL_DATA_BYTES).unwrap_or(url_data).chunks(255) {
                    bytes.extend([OPTION_URL_DATA, part.len() as u8]);
                    bytes.extend(part);
                }
            }
            Self::Scrape { connection, transaction, info_hashes } => {
                put_head(&mut bytes, *connection, ACTION_SCRAPE, *transaction);
                info_hashes.iter().take(MAX_SCRAPE_HASHES).for_each(|hash| bytes.extend(hash));
            }
        }
        bytes
    }

    /// Reads a client's packet; `None` if it is none. Fields that this protocol lacks are left empty.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let connection = reader.u64()?;
        let action = reader.u32()?;
        let transaction = reader.u32()?;
        match action {
            ACTION_CONNECT => (connection == MAGIC).then_some(Self::Connect { transaction }),
            ACTION_ANNOUNCE => {
                let request = take_announce(&mut reader)?;
                let url_data = take_url_data(reader);
                Some(Self::Announce { connection, transaction, request, url_data })
            }
            ACTION_SCRAPE => {
                let info_hashes =
                    reader.0.as_chunks::<20>().0.iter().take(MAX_SCRAPE_HASHES).copied().collect();
                Some(Self::Scrape { connection, transaction, info_hashes })
            }
            _ => None,
        }
    }
}

impl UdpResponse {
    /// The packet. `v6`: the client's address is IPv6, and only peers of that family fit.
    pub fn encode(&self, v6: bool) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64);
        let mut put = |fields: &[u32]| bytes.extend(fields.iter().flat_map(|field| field.to_be_bytes()));
        match self {
            Self::Connect { transaction, connection } => {
                put(&[ACTION_CONNECT, *transaction]);
                bytes.extend(connection.to_be_bytes());
            }
            Self::Announce { transaction, response } => {
                let interval =
                    response.interval.map_or(0, |interval| interval.as_secs().min(u64::from(MAX_COUNT)));
                let leechers = response.leechers.unwrap_or(0);
                let seeders = response.seeders.unwrap_or(0);
                put(&[ACTION_ANNOUNCE, *transaction, interval as u32, leechers, seeders]);
                bytes.extend(to_compact(&response.peers, v6));
            }
            Self::Scrape { transaction, counts } => {
                put(&[ACTION_SCRAPE, *transaction]);
                for count in counts {
                    put(&[count.seeders, count.downloads, count.leechers]);
                }
            }
            Self::Error { transaction, message } => {
                put(&[ACTION_ERROR, *transaction]);
                bytes.extend(message.as_bytes());
            }
        }
        bytes
    }

    /// Reads a tracker's packet; `None` if it is none. `v6`: it came from an IPv6 address. Longer packets than
    /// known are fine, as the protocol asks.
    pub fn decode(bytes: &[u8], v6: bool) -> Option<Self> {
        let mut reader = Reader(bytes);
        let action = reader.u32()?;
        let transaction = reader.u32()?;
        match action {
            ACTION_CONNECT => Some(Self::Connect { transaction, connection: reader.u64()? }),
            ACTION_ANNOUNCE => {
                let interval = reader.u32()?;
                let leechers = Some(count(reader.u32()?));
                let seeders = Some(count(reader.u32()?));
                let peers =
                    if v6 { usable_peers(compact_v6(reader.0)) } else { usable_peers(compact_v4(reader.0)) };
                // The interval is signed; a negative one says nothing.
                let interval =
                    i32::try_from(interval).ok().map(|seconds| Duration::from_secs(seconds as u64));
                let response =
                    AnnounceResponse { interval, seeders, leechers, peers, ..AnnounceResponse::default() };
                Some(Self::Announce { transaction, response })
            }
            ACTION_SCRAPE => {
                let mut counts = Vec::new();
                while let (Some(seeders), Some(downloads), Some(leechers)) =
                    (reader.u32(), reader.u32(), reader.u32())
                {
                    let entry = ScrapeCounts {
                        seeders: count(seeders),
                        downloads: count(downloads),
                        leechers: count(leechers),
                    };
                    counts.push(entry);
                    if counts.len() == MAX_SCRAPE_HASHES {
                        break;
                    }
                }
                Some(Self::Scrape { transaction, counts })
            }
            ACTION_ERROR => Some(Self::Error { transaction, message: clean_text(reader.0) }),
            _ => None,
        }
    }

    /// The transaction it answers.
    pub const fn transaction(&self) -> u32 {
        match self {
            Self::Connect { transaction, .. }
            | Self::Announce { transaction, .. }
            | Self::Scrape { transaction, .. }
            | Self::Error { transaction, .. } => *transaction,
        }
    }
}

/// What BEP 41 carries of an announce URL: path and query. Empty if the URL has nothing behind its host.
pub fn url_data(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
    let path = rest.find(['/', '?']).and_then(|start| rest.get(start..)).unwrap_or("");
    if path == "/" { "" } else { path }
}

/// A signed count: negative ones count nothing, absurd ones are cut.
fn count(raw: u32) -> u32 {
    if raw > i32::MAX as u32 { 0 } else { raw.min(MAX_COUNT) }
}

fn put_head(bytes: &mut Vec<u8>, connection: u64, action: u32, transaction: u32) {
    bytes.extend(connection.to_be_bytes());
    bytes.extend(action.to_be_bytes());
    bytes.extend(transaction.to_be_bytes());
}

fn put_announce(bytes: &mut Vec<u8>, request: &AnnounceRequest) {
    let event: u32 = match request.event {
        AnnounceEvent::None => 0,
        AnnounceEvent::Completed => 1,
        AnnounceEvent::Started => 2,
        AnnounceEvent::Stopped => 3,
    };
    bytes.extend(request.info_hash);
    bytes.extend(request.peer_id.0);
    bytes.extend(request.downloaded.to_be_bytes());
    bytes.extend(request.left.to_be_bytes());
    bytes.extend(request.uploaded.to_be_bytes());
    bytes.extend(event.to_be_bytes());
    bytes.extend(request.ipv4.unwrap_or(Ipv4Addr::UNSPECIFIED).octets());
    bytes.extend(request.key.to_be_bytes());
    bytes.extend(request.numwant.to_be_bytes());
    bytes.extend(request.port.to_be_bytes());
}

fn take_announce(reader: &mut Reader<'_>) -> Option<AnnounceRequest> {
    let info_hash = reader.array()?;
    let peer_id = PeerId(reader.array()?);
    let downloaded = reader.u64()?;
    let left = reader.u64()?;
    let uploaded = reader.u64()?;
    let event = match reader.u32()? {
        1 => AnnounceEvent::Completed,
        2 => AnnounceEvent::Started,
        3 => AnnounceEvent::Stopped,
        _ => AnnounceEvent::None,
    };
    let address = Ipv4Addr::from(reader.array::<4>()?);
    let key = reader.u32()?;
    let numwant = reader.u32()?;
    let port = u16::from_be_bytes(reader.array()?);
    Some(AnnounceRequest {
        info_hash,
        peer_id,
        port,
        key,
        downloaded,
        uploaded,
        left,
        event,
        numwant,
        tracker_id: None,
        ipv4: (!address.is_unspecified()).then_some(address),
        ipv6: None,
    })
}

/// Joins the URL data of all options; what cannot be read ends the list.
fn take_url_data(mut reader: Reader<'_>) -> Vec<u8> {
    let mut data = Vec::new();
    while let Some([option]) = reader.array::<1>() {
        match option {
            OPTION_END => break,
            OPTION_NOP => {}
            _ => {
                let Some(value) = reader.array::<1>().and_then(|[length]| reader.take(usize::from(length)))
                else {
                    break;
                };
                if option == OPTION_URL_DATA && data.len() + value.len() <= MAX_URL_DATA_BYTES {
                    data.extend(value);
                }
            }
        }
    }
    data
}

/// The unread part of a packet.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }
}

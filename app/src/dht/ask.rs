//! `starling dht ping` and `starling dht peers`.

use super::options::Network;
use super::{check_way_in, start, tell, within};
use crate::exit::{Failure, Kind};
use crate::log;
use engine::{DhtError, DhtNode, DhtSettings, Pong};
use metainfo::hex;
use serde_json::json;
use std::collections::BTreeSet;
use std::net::SocketAddr;

/// Asks a node whether it is there.
pub(super) async fn ping(network: &Network, (host, port): &(String, u16)) -> Result<(), Failure> {
    let bind = network.bind.unwrap_or_default();
    let pong = within(network, async {
        let alone = DhtSettings { routers: Vec::new(), read_only: true, ..DhtSettings::default() };
        let node = DhtNode::start(bind, network.port, &alone).await?;
        let found = bind.look_up(host, *port).await;
        let addresses = found.map_err(|error| DhtError::NoWayIn(format!("{host}: {error}")))?;
        for address in addresses {
            if let Ok(pong) = node.ping(address).await {
                return Ok(pong);
            }
        }
        Err(DhtError::NobodyAnswers)
    })
    .await
    .map_err(|failure| match failure.kind {
        Kind::Incomplete => Failure::new(failure.kind, format_args!("{host}:{port}: {}", failure.message)),
        _ => failure,
    })?;
    show_pong(network, &pong)
}

fn show_pong(network: &Network, pong: &Pong) -> Result<(), Failure> {
    let client = client(&pong.version);
    let (id, address) = (hex(&pong.contact.id.0), pong.contact.address);
    let milliseconds = pong.round_trip.as_secs_f64() * 1e3;
    let json = json!({
        "address": address.to_string(),
        "id": id,
        "round_trip_ms": milliseconds,
        "client": client,
        "seen_at": pong.seen_at.map(|own| own.to_string()),
    });
    let not_told = || "not told".to_owned();
    let lines = [
        ("Node", address.to_string()),
        ("Id", id),
        ("Round trip", format!("{milliseconds:.1} ms")),
        ("Client", client.unwrap_or_else(not_told)),
        ("Sees us at", pong.seen_at.map_or_else(not_told, |own| own.to_string())),
    ];
    tell(network, &lines, &json)
}

/// A client and its version: two letters, and numbers after them.
fn client(version: &[u8]) -> Option<String> {
    let (letters, numbers) = version.split_first_chunk::<2>()?;
    if !letters.iter().all(u8::is_ascii_graphic) {
        return Some(hex(version));
    }
    let numbers: Vec<String> = numbers.iter().map(u8::to_string).collect();
    let text = format!("{}{} {}", char::from(letters[0]), char::from(letters[1]), numbers.join("."));
    Some(text.trim_end().to_owned())
}

/// Looks for peers of a torrent and prints each once.
pub(super) async fn peers(network: &Network, info_hash: [u8; 20]) -> Result<(), Failure> {
    check_way_in(network)?;
    let mut found = BTreeSet::new();
    let mut printed = Ok(());
    let searched = within(network, async {
        let node = start(network).await?;
        let mut lookup = node.find_peers(info_hash)?;
        while let Some(peers) = lookup.next().await {
            let fresh: Vec<SocketAddr> = peers.into_iter().filter(|peer| found.insert(*peer)).collect();
            printed = fresh.iter().try_for_each(|peer| show_peer(network, *peer));
            if printed.is_err() {
                break;
            }
        }
        match lookup.answered() {
            0 if found.is_empty() => Err(DhtError::NobodyAnswers),
            answered => Ok(answered),
        }
    })
    .await;
    printed?;
    match searched {
        // What was found until the time was over counts.
        Err(failure) if failure.kind != Kind::Incomplete || found.is_empty() => Err(failure),
        searched => end(network, found.len(), searched.ok()),
    }
}

fn show_peer(network: &Network, peer: SocketAddr) -> Result<(), Failure> {
    if network.json {
        return log::print(&json!({ "peer": peer.to_string() }).to_string());
    }
    log::print(&peer.to_string())
}

/// The count: on standard error, so that standard output is a list of peers and nothing else.
fn end(network: &Network, peers: usize, nodes: Option<usize>) -> Result<(), Failure> {
    if network.json {
        log::print(&json!({ "peers": peers, "nodes": nodes }).to_string())?;
    } else if peers > 0 {
        let asked = nodes.map(|nodes| format!("; nodes that answered: {nodes}")).unwrap_or_default();
        log::line(&format!("peers: {peers}{asked}"));
    }
    if peers == 0 {
        let nodes = nodes.unwrap_or_default();
        let words = format_args!("no peers; nodes that answered: {nodes}");
        return Err(Failure::new(Kind::Incomplete, words));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_letters_and_numbers() {
        assert_eq!(client(b"LT\x02\x00").as_deref(), Some("LT 2.0"));
        assert_eq!(client(b"XY").as_deref(), Some("XY"));
        assert_eq!(client(b"\x1b[2J").as_deref(), Some("1b5b324a"), "nothing steers the terminal");
        assert_eq!(client(b""), None);
    }
}

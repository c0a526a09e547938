//! Fields about peers and web seeds.

use super::Row;
use crate::json::Json;
use daemon::PeerDetails;

pub(super) fn peers(row: &Row<'_>, out: &mut Json) {
    out.list(&row.details.peers, |out, peer| out.object(|out| write(peer, out)));
}

fn write(peer: &PeerDetails, out: &mut Json) {
    out.key("address").string(&peer.address.ip().to_canonical().to_string());
    out.key("bytes_to_client").unsigned(peer.bytes_down);
    out.key("bytes_to_peer").unsigned(peer.bytes_up);
    out.key("client_is_choked").boolean(peer.client_is_choked);
    out.key("client_is_interested").boolean(peer.client_is_interested);
    out.key("client_name").string(&peer.client);
    out.key("flag_str").string(&peer.flags);
    out.key("is_downloading_from").boolean(downloads(peer));
    out.key("is_encrypted").boolean(peer.is_encrypted);
    out.key("is_incoming").boolean(peer.is_incoming);
    out.key("is_uploading_to").boolean(uploads(peer));
    out.key("is_utp").boolean(peer.is_utp);
    out.key("peer_id").base64(&peer.peer_id);
    out.key("peer_is_choked").boolean(peer.peer_is_choked);
    out.key("peer_is_interested").boolean(peer.peer_is_interested);
    out.key("port").unsigned(peer.address.port().into());
    out.key("progress").number(super::words::cut(peer.progress));
    out.key("rate_to_client").unsigned(peer.down_rate);
    out.key("rate_to_peer").unsigned(peer.up_rate);
}

fn downloads(peer: &PeerDetails) -> bool {
    peer.client_is_interested && !peer.client_is_choked
}

fn uploads(peer: &PeerDetails) -> bool {
    peer.peer_is_interested && !peer.peer_is_choked
}

pub(super) fn peers_from(row: &Row<'_>, out: &mut Json) {
    let from = row.entry.progress().peers_from;
    out.object(|out| {
        out.key("from_cache").unsigned(from.cache.into());
        out.key("from_dht").unsigned(from.dht.into());
        out.key("from_incoming").unsigned(from.incoming.into());
        out.key("from_lpd").unsigned(from.lpd.into());
        out.key("from_ltep").unsigned(from.ltep.into());
        out.key("from_pex").unsigned(from.pex.into());
        out.key("from_tracker").unsigned(from.tracker.into());
    });
}

pub(super) fn web_seeds(row: &Row<'_>, out: &mut Json) {
    out.list(&row.details.web_seeds, |out, seed| {
        out.object(|out| {
            out.key("download_bytes_per_second").unsigned(seed.down_rate);
            out.key("is_downloading").boolean(seed.is_downloading);
            out.key("url").string(&seed.url);
        });
    });
}

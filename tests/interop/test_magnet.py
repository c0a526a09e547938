"""Magnet links: the metadata comes from other clients, and goes to them."""

import dataclasses
import socketserver
import threading
from http.server import BaseHTTPRequestHandler

import pytest

from clients import CLIENTS, Libtorrent, Rtorrent, Transmission
from torrents import KIB, make_torrent, odd_folder, single_file
from waiting import wait_for

EACH = pytest.mark.parametrize("kind", CLIENTS, ids=lambda c: c.name)


def by_link(torrent, parameters=""):
    """The torrent as somebody sees it who has the link alone."""
    return dataclasses.replace(torrent, path=f"magnet:?xt=urn:btih:{torrent.info_hash}&dn=x{parameters}")


@pytest.mark.row("fetches metadata and data from it by a magnet link")
@EACH
def test_metadata_comes_from(kind, place):
    """The link, and a seed that is dialled. Its metadata has several pieces."""
    # rtorrent does not begin without a tracker; the link does not name it.
    announce = place.tracker().url
    torrent = make_torrent(place.folder("torrent"), single_file(size=20_000_001), 16 * KIB, announce=announce)
    seed = place.client(kind).seed(torrent)
    get = place.starling(by_link(torrent), "--peer", seed.address).complete()
    torrent.check(get.folder)
    assert [event["info_hash"] for event in get.events("metadata")] == [torrent.info_hash]


def test_the_link_names_peers_and_trackers(place):
    tracker = place.tracker()
    torrent = make_torrent(place.folder("torrent"), odd_folder())
    seed = place.client(Libtorrent).seed(torrent)
    get = place.starling(by_link(torrent, f"&x.pe={seed.address}&tr.1={tracker.url}")).complete()
    torrent.check(get.folder)
    events = [event for event in tracker.events(get.port) if event]
    assert events == ["started", "completed", "stopped"], "one life, the search for the metadata counted"


@pytest.mark.row("gives metadata and data to it by a magnet link")
@pytest.mark.parametrize("kind", [Libtorrent, Transmission, Rtorrent], ids=lambda c: c.name)
def test_metadata_goes_to(kind, place):
    """A leech with the link alone gets everything from us."""
    torrent = make_torrent(place.folder("torrent"), single_file(size=12_000_001), 16 * KIB)
    here = place.folder("complete")
    torrent.content.lay_out(here)
    # rtorrent does not begin without a tracker; nobody announces us to it.
    leech = place.client(kind).leech(by_link(torrent, f"&tr={place.tracker().url}"))
    get = place.starling(torrent, "--seed", "--peer", leech.address, folder=here).wait_seeding()
    wait_for(leech.done, 60, lambda: f"{leech.name} to complete: {leech.tail()}; starling: {get.tail()}")
    torrent.check_flushed(leech.folder)
    get.interrupt()


def test_a_torrent_file_named_by_the_link_needs_no_peer(place):
    """xs= and ws= on a web server, --no-peers; a second run needs neither xs nor anybody for the metadata."""
    torrent = make_torrent(place.folder("torrent"), single_file(size=2_000_001))
    with open(torrent.path, "rb") as f:
        metainfo = f.read()
    content = dict(torrent.content.paths())
    ((name, data),) = content.items()

    class Site(BaseHTTPRequestHandler):
        def do_GET(self):
            body = metainfo if self.path == "/x.torrent" else data
            self.send_response(206 if "Range" in self.headers else 200)
            start, end = 0, len(body)
            if "Range" in self.headers:
                first, last = self.headers["Range"].removeprefix("bytes=").split("-")
                start, end = int(first), int(last) + 1
                self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(body)}")
            self.send_header("Content-Length", str(end - start))
            self.end_headers()
            self.wfile.write(body[start:end])

        def log_message(self, *_):
            pass

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Site) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        site = f"http://127.0.0.1:{server.server_address[1]}"
        link = by_link(torrent, f"&xs={site}/x.torrent&ws={site}/{name.replace(' ', '%2520')}")
        get = place.starling(link, "--no-peers").complete()
        torrent.check(get.folder)
        server.shutdown()
    get.source = by_link(torrent).path
    get.start()
    get.complete()


def test_nobody_is_there(place):
    # Data of its own: neighbours on loopback hear each other, and other tests run at the same time.
    torrent = make_torrent(place.folder("torrent"), single_file(name="nobody has it", size=1_000_001, seed=99))
    get = place.starling(by_link(torrent), "--timeout", "2s")
    wait_for(lambda: not get.process.running(), 20, "starling to give up")
    assert get.process.code() == 3
    assert {event["phase"] for event in get.events("progress")} == {"metadata"}

"""Finding each other by opentracker, over HTTP and UDP, and what our announces say."""

import pytest

from clients import Libtorrent
from torrents import make_torrent, single_file
from waiting import wait_for


@pytest.mark.parametrize("scheme", ["http", "udp"])
def test_opentracker(scheme, place):
    content = single_file()
    info_hash = make_torrent(place.folder("plain"), content).info_hash
    tracker = place.opentracker(info_hash)
    torrent = make_torrent(place.folder("torrent"), content, announce=tracker.url(scheme))
    place.client(Libtorrent).seed(torrent)
    get = place.starling(torrent).complete()
    torrent.check(get.folder)


@pytest.mark.parametrize("scheme", ["http", "udp"])
def test_found_by_opentracker(scheme, place):
    """The other way: starling seeds, and a leech learns of it from opentracker."""
    content = single_file()
    info_hash = make_torrent(place.folder("plain"), content).info_hash
    tracker = place.opentracker(info_hash)
    torrent = make_torrent(place.folder("torrent"), content, announce=tracker.url(scheme))
    here = place.folder("complete")
    content.lay_out(here)
    get = place.starling(torrent, "--seed", folder=here).wait_seeding()
    leech = place.client(Libtorrent).leech(torrent)
    wait_for(leech.done, 120, lambda: f"libtorrent to complete: {leech.tail()}; starling: {get.tail()}")
    torrent.check_flushed(leech.folder)


def test_dead_trackers_do_not_stop_a_live_one(place):
    """Tiers (BEP 12): refused connections and an unknown scheme before the tracker that answers."""
    tracker = place.tracker()
    tiers = [["http://127.0.0.1:1/announce", "udp://127.0.0.1:1"], ["wss://127.0.0.1:1/announce"], [tracker.url]]
    torrent = make_torrent(place.folder("torrent"), single_file(), **{"announce": tiers[0][0], "announce-list": tiers})
    tracker.wait_for(place.client(Libtorrent).seed(torrent).port)
    get = place.starling(torrent).complete()
    torrent.check(get.folder)


def test_announces_are_consistent(place):
    """One key of fixed length in every announce; `left` falls to 0; nothing is claimed beyond the size."""
    tracker = place.tracker()
    torrent = make_torrent(place.folder("torrent"), single_file(), announce=tracker.url)
    tracker.wait_for(place.client(Libtorrent).seed(torrent).port)
    get = place.starling(torrent).complete()
    mine = [a for a in tracker.announces if int(a["port"]) == get.port]
    assert len({a["key"] for a in mine}) == 1 and len(mine[0]["key"]) == 8
    assert {a["info_hash"].hex() for a in mine} == {torrent.info_hash}
    assert all(a["compact"] == b"1" for a in mine)
    total = torrent.content.total()
    assert int(mine[0]["left"]) == total and int(mine[-1]["left"]) == 0
    assert int(mine[-1]["downloaded"]) >= total


def test_no_completed_event_for_data_already_there(place):
    tracker = place.tracker()
    torrent = make_torrent(place.folder("torrent"), single_file(), announce=tracker.url)
    here = place.folder("complete")
    torrent.content.lay_out(here)
    get = place.starling(torrent, "--seed", folder=here).wait_seeding()
    wait_for(lambda: tracker.events(get.port), 20, "the first announce")
    get.interrupt()
    assert "completed" not in tracker.events(get.port)

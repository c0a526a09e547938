"""The harness itself: libtorrent and each client, both ways. When these fail, the fault is not starling's."""

import pytest

from clients import CLIENTS, Libtorrent
from torrents import make_torrent, odd_folder
from waiting import wait_for

OTHERS = [c for c in CLIENTS if c is not Libtorrent]


@pytest.mark.parametrize("kind", OTHERS, ids=lambda c: c.name)
def test_libtorrent_leeches_from(kind, place):
    tracker = place.tracker()
    torrent = make_torrent(place.folder("torrent"), odd_folder(), announce=tracker.url)
    seed = place.client(kind).seed(torrent)
    leech = place.client(Libtorrent).leech(torrent)
    leech.dial(seed.port)
    wait_for(leech.done, 60, lambda: f"libtorrent to complete: {leech.tail()}; seed: {seed.tail()}")
    torrent.check_flushed(leech.folder)


@pytest.mark.parametrize("kind", OTHERS, ids=lambda c: c.name)
def test_libtorrent_seeds_to(kind, place):
    tracker = place.tracker()
    torrent = make_torrent(place.folder("torrent"), odd_folder(), announce=tracker.url)
    seed = place.client(Libtorrent).seed(torrent)
    leech = place.client(kind).leech(torrent)
    if not kind.dials_loopback:
        seed.dial(leech.port)
    wait_for(leech.done, 60, lambda: f"{leech.name} to complete: {leech.tail()}; seed: {seed.tail()}")
    torrent.check_flushed(leech.folder, without_empty=not kind.creates_empty_files)

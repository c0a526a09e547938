"""Message stream encryption with each client, both ways, and who falls back to what."""

import pytest

from clients import ENCRYPTING, Libtorrent
from torrents import make_torrent, single_file
from waiting import wait_for

EACH = pytest.mark.parametrize("kind", ENCRYPTING, ids=lambda c: c.name)


def image(place, tracker=None):
    # rtorrent does not check what it has of a torrent without a tracker.
    return make_torrent(place.folder("torrent"), single_file(size=3_000_001), announce=(tracker or place.tracker()).url)


@pytest.mark.row("fetches from it, encrypted")
@EACH
@pytest.mark.parametrize("how", ["required", "preferred", "allowed"])
def test_leeches_encrypted_from(kind, how, place):
    """The seed takes nothing plain: whoever would rather have it plain falls back."""
    torrent = image(place)
    seed = place.client(kind).encrypted().seed(torrent)
    get = place.starling(torrent, "--peer", seed.address, "--encryption", how).complete()
    torrent.check(get.folder)


@pytest.mark.row("gives to it, encrypted")
@EACH
@pytest.mark.parametrize("how", ["required", "allowed"])
def test_seeds_encrypted_to(kind, how, place):
    tracker = place.tracker()
    torrent = image(place, tracker)
    here = place.folder("complete")
    torrent.content.lay_out(here)
    leech = place.client(kind).encrypted()
    if kind.dials_loopback:
        get = place.starling(torrent, "--seed", "--encryption", how, folder=here).wait_seeding()
        tracker.wait_for(get.port)
        leech.leech(torrent)
    else:
        leech.leech(torrent)
        options = ["--seed", "--peer", leech.address, "--encryption", how]
        get = place.starling(torrent, *options, folder=here).wait_seeding()
    wait_for(leech.done, 60, lambda: f"{leech.name} to complete: {leech.tail()}; starling: {get.tail()}")
    torrent.check_flushed(leech.folder)


def test_prefers_encryption_and_takes_it_plain(place):
    """A seed that knows no encryption."""
    torrent = image(place)
    off = {"in_enc_policy": 2, "out_enc_policy": 2}
    seed = place.client(Libtorrent, **off).seed(torrent)
    get = place.starling(torrent, "--peer", seed.address, "--encryption", "preferred").complete()
    torrent.check(get.folder)


@pytest.mark.parametrize("mine, theirs", [("off", {"in_enc_policy": 0}), ("required", {"in_enc_policy": 2})])
def test_no_connection_where_wishes_cannot_meet(mine, theirs, place):
    torrent = image(place)
    seed = place.client(Libtorrent, **theirs).seed(torrent)
    options = ["--peer", seed.address, "--encryption", mine, "--timeout", "4s"]
    get = place.starling(torrent, *options)
    wait_for(lambda: not get.process.running(), 20, "starling to give up")
    assert get.process.code() == 3, get.tail()
    assert not get.events("complete")


def test_encrypted_by_utp_alone(place):
    torrent = image(place)
    utp = {"enable_incoming_utp": True, "enable_outgoing_utp": True}
    utp |= {"enable_incoming_tcp": False, "enable_outgoing_tcp": False}
    seed = place.client(Libtorrent, **utp).encrypted().seed(torrent)
    options = ["--peer", seed.address, "--utp", "only", "--encryption", "required"]
    get = place.starling(torrent, *options).complete()
    torrent.check(get.folder)

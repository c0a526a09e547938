"""A multi-file torrent with odd sizes to and from each client, byte for byte."""

import socket

import pytest

from clients import CLIENTS, Libtorrent
from torrents import KIB, listing, make_torrent, odd_folder, single_file
from waiting import wait_for

EACH = pytest.mark.parametrize("kind", CLIENTS, ids=lambda c: c.name)


@pytest.mark.row("fetches from it, told its address")
@EACH
def test_leeches_from(kind, place):
    """starling dials a seed that it was told with --peer."""
    torrent = make_torrent(place.folder("torrent"), odd_folder(), announce=place.tracker().url)
    seed = place.client(kind).seed(torrent)
    get = place.starling(torrent, "--peer", seed.address).complete()
    torrent.check(get.folder)


@pytest.mark.row("fetches from it, found by a tracker")
@EACH
def test_leeches_from_by_tracker(kind, place):
    """starling finds the seed by an HTTP tracker alone, and tells the tracker its life exactly once."""
    if not kind.announces_port:
        pytest.skip(f"{kind.name} does not tell trackers its port")
    tracker = place.tracker()
    torrent = make_torrent(place.folder("torrent"), odd_folder(), announce=tracker.url)
    tracker.wait_for(place.client(kind).seed(torrent).port)
    get = place.starling(torrent).complete()
    torrent.check(get.folder)
    events = [e for e in tracker.events(get.port) if e]
    assert events == ["started", "completed", "stopped"]


@pytest.mark.row("gives to it")
@EACH
def test_seeds_to(kind, place):
    """starling has the files already, checks them, and gives them to a client that started with nothing."""
    tracker = place.tracker()
    torrent = make_torrent(place.folder("torrent"), odd_folder(), announce=tracker.url)
    here = place.folder("complete")
    torrent.content.lay_out(here)
    if kind.dials_loopback:
        get = place.starling(torrent, "--seed", folder=here).wait_seeding()
        tracker.wait_for(get.port)
        leech = place.client(kind).leech(torrent)
    else:
        leech = place.client(kind).leech(torrent)
        get = place.starling(torrent, "--seed", "--peer", leech.address, folder=here).wait_seeding()
    wait_for(leech.done, 90, lambda: f"{leech.name} to complete: {leech.tail()}; starling: {get.tail()}")
    torrent.check_flushed(leech.folder, without_empty=not kind.creates_empty_files)
    get.interrupt()


def test_seed_dials_a_leech_from_the_tracker(place):
    """A leech behind a wall is helped only by a seed that dials."""
    tracker = place.tracker()
    torrent = make_torrent(place.folder("torrent"), odd_folder(), announce=tracker.url)
    leech = place.client(Libtorrent).leech(torrent)
    tracker.wait_for(leech.port)
    here = place.folder("complete")
    torrent.content.lay_out(here)
    get = place.starling(torrent, "--seed", folder=here)
    wait_for(leech.done, 60, lambda: f"libtorrent to complete: {leech.tail()}; starling: {get.tail()}")
    torrent.check_flushed(leech.folder)


@pytest.mark.parametrize("piece_length", [16 * KIB, 40_000, 5_000, 1024 * KIB], ids=str)
def test_piece_lengths(piece_length, place):
    """Lengths that are no multiple of a block, below a block, and above: both ways with libtorrent."""
    torrent = make_torrent(place.folder("torrent"), odd_folder(), piece_length)
    seed = place.client(Libtorrent).seed(torrent)
    get = place.starling(torrent, "--peer", seed.address, "--seed").wait_seeding()
    torrent.check(get.folder)
    seed.stop()
    leech = place.client(Libtorrent).leech(torrent)
    leech.dial(get.port)
    wait_for(leech.done, 60, lambda: f"libtorrent to complete: {leech.tail()}; starling: {get.tail()}")
    torrent.check_flushed(leech.folder)


def test_ipv6(place):
    """Both ways between [::1] and [::1]."""
    with socket.socket(socket.AF_INET6) as s:
        try:
            s.bind(("::1", 0))
        except OSError as refusal:
            pytest.skip(f"no IPv6 loopback: {refusal}")
    torrent = make_torrent(place.folder("torrent"), odd_folder())
    seed = place.client(Libtorrent, address="::1").seed(torrent)
    get = place.starling(torrent, "--peer", f"[::1]:{seed.port}", "--seed", bind="::1").wait_seeding()
    torrent.check(get.folder)
    seed.stop()
    leech = place.client(Libtorrent, address="::1").leech(torrent)
    leech.dial(get.port, "::1")
    wait_for(leech.done, 60, lambda: f"libtorrent to complete: {leech.tail()}; starling: {get.tail()}")
    torrent.check_flushed(leech.folder)


def test_single_file_from_all_at_once(place):
    """Every client here seeds the same torrent, and starling takes it from all of them."""
    tracker = place.tracker()
    torrent = make_torrent(place.folder("torrent"), single_file(size=30_000_001), announce=tracker.url)
    kinds = [kind for kind in CLIENTS if kind.announces_port and not kind.absent()]
    seeds = [place.client(kind).seed(torrent) for kind in kinds]
    assert seeds, "no client is installed"
    for seed in seeds:
        tracker.wait_for(seed.port)
    get = place.starling(torrent).complete()
    torrent.check(get.folder)


def test_selected_files_only(place):
    """Of the unselected files nothing appears under its own name; the selected are complete."""
    torrent = make_torrent(place.folder("torrent"), odd_folder())
    seed = place.client(Libtorrent).seed(torrent)
    get = place.starling(torrent, "--peer", seed.address, "--select", "*.bin").complete()
    wanted = {path: digest for path, digest in torrent.digests.items() if path.endswith(".bin")}
    torrent.digests = wanted
    torrent.check(get.folder)
    got = get.events("complete")
    assert len(got) == 1, got
    unwanted = {path for path, _ in torrent.content.paths()} - set(wanted)
    assert not unwanted & {path for path, size in listing(get.folder) if size}


def test_chain_of_strangers(place):
    """starling leeches from one client and gives to another at the same time."""
    torrent = make_torrent(place.folder("torrent"), single_file(size=20_000_003))
    seed = place.client(Libtorrent).seed(torrent)
    seed.limit_upload(8_000_000)
    get = place.starling(torrent, "--peer", seed.address, "--seed")
    wait_for(lambda: get.events("added"), 20, lambda: f"starling to start: {get.tail()}")
    leech = place.client(Libtorrent).leech(torrent)
    leech.dial(get.port)
    wait_for(leech.done, 90, lambda: f"libtorrent to complete: {leech.tail()}; starling: {get.tail()}")
    torrent.check_flushed(leech.folder)
    torrent.check(get.wait_seeding().folder)

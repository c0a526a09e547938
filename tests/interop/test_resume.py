"""Stopping and going on: nothing verified is lost, nothing is fetched twice, NAME is only ever the whole file."""

import os

from clients import Libtorrent
from torrents import listing, make_torrent, single_file
from waiting import wait_for

SIZE = 64_000_003


def half_done(place, torrent, seed, *options):
    """A download stopped by SIGTERM somewhere in the middle."""
    seed.limit_upload(24_000_000)
    get = place.starling(torrent, "--peer", seed.address, *options)
    wait_for(lambda: seed.uploaded() > SIZE // 3, 60, lambda: f"a third: {get.tail()}, {seed.tail()}")
    return get


def test_sigterm_and_resume(place):
    torrent = make_torrent(place.folder("torrent"), single_file(size=SIZE), 256 * 1024)
    seed = place.client(Libtorrent).seed(torrent)
    get = half_done(place, torrent, seed)
    code = get.interrupt()
    assert code not in (0, 1, 2, 101) and code > 0, f"interrupted has an exit code of its own, not {code}"
    assert [path for path, _ in listing(get.folder)] == [f"{torrent.content.name}.part"]
    before = seed.uploaded()
    seed.limit_upload(0)
    get.start()
    get.complete()
    torrent.check(get.folder)
    assert [path for path, _ in listing(get.folder)] == [torrent.content.name]
    # What was on the wire at the stop was paid for and is not kept: unfinished pieces and requests under way.
    assert seed.uploaded() < SIZE + 8_000_000, (before, seed.uploaded())


def test_complete_file_is_not_fetched(place):
    torrent = make_torrent(place.folder("torrent"), single_file())
    seed = place.client(Libtorrent).seed(torrent)
    here = place.folder("complete")
    torrent.content.lay_out(here)
    place.starling(torrent, "--peer", seed.address, folder=here).complete(30)
    assert seed.uploaded() == 0


def test_damaged_file_is_repaired(place):
    """Data already present is checked first: one bad byte costs one piece."""
    torrent = make_torrent(place.folder("torrent"), single_file(), 64 * 1024)
    seed = place.client(Libtorrent).seed(torrent)
    here = place.folder("damaged")
    torrent.content.lay_out(here)
    path = os.path.join(here, torrent.content.name)
    with open(path, "r+b") as f:
        f.seek(1_000_000)
        f.write(bytes([torrent.content.files[""][1_000_000] ^ 1]))
    get = place.starling(torrent, "--peer", seed.address, folder=here).complete()
    torrent.check(get.folder)
    assert seed.uploaded() == 64 * 1024


def test_seed_ratio_ends_it(place):
    torrent = make_torrent(place.folder("torrent"), single_file())
    here = place.folder("complete")
    torrent.content.lay_out(here)
    get = place.starling(torrent, "--seed-ratio", "1.0", folder=here).wait_seeding()
    leech = place.client(Libtorrent).leech(torrent)
    leech.dial(get.port)
    wait_for(leech.done, 60, lambda: f"libtorrent to complete: {leech.tail()}")
    get.complete(30)

"""SIGKILL at random moments of a download, again and again: the end is right, and little is fetched twice.

The rounds, the size and the seed of the moments are options: `pytest test_kill.py --kill-rounds 30
--kill-size-mib 1024 --seed 7`.
"""

import os
import random
import time

from clients import Libtorrent
from torrents import MIB, make_torrent, single_file
from waiting import wait_for

# Mean time from one start to its kill, in seconds.
MEAN_ROUND = 1.5


def test_kill_and_resume(place, request, remark):
    rounds, size = request.config.getoption("--kill-rounds"), request.config.getoption("--kill-size-mib") * MIB
    seed_of_moments = request.config.getoption("--seed")
    moments = random.Random(seed_of_moments)
    torrent = make_torrent(place.folder("torrent"), single_file(size=size + 12_345), 512 * 1024)
    seed = place.client(Libtorrent).seed(torrent)
    # Slow enough that the download outlives the kills.
    seed.limit_upload(int(size / (rounds * MEAN_ROUND * 1.3)))

    get = place.starling(torrent, "--peer", seed.address)
    final = os.path.join(get.folder, torrent.content.name)
    lost = []
    for round_number in range(rounds):
        wait_for(lambda: get.events("added"), 30, lambda: f"the start of round {round_number}: {get.tail()}")
        time.sleep(moments.uniform(0.1, 2 * MEAN_ROUND - 0.1))  # the random moment itself
        get.kill()
        given = seed.uploaded()
        assert not os.path.exists(final), f"round {round_number}: NAME appeared before it was complete"
        get.start()
        present = wait_for(lambda: bytes_present(get), 60, lambda: f"resume data of round {round_number}: {get.tail()}")
        assert present[0] <= given, "more is claimed than was ever sent"
        lost.append(given - sum(lost) - present[0])
    seed.limit_upload(0)
    get.complete(120)
    torrent.check(get.folder)
    again = seed.uploaded() - torrent.content.total()
    remark(
        f"kill: {rounds} rounds, seed {seed_of_moments}, {size // MIB} MiB: fetched again "
        f"{again / MIB:.1f} MiB in all, per kill {', '.join(f'{b / MIB:.1f}' for b in lost)} MiB"
    )
    assert again < rounds * 32 * MIB


def bytes_present(get):
    """What this run says it found on disk, as a one-element list once it has said so."""
    told = [e["bytes_present"] for e in get.events("added") if "bytes_present" in e]
    told += [e["bytes_done"] for e in get.events("progress") if e.get("phase") == "downloading"]
    return told[:1]

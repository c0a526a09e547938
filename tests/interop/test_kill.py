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
PIECE_LENGTH = 512 * 1024


def test_kill_and_resume(place, request, remark):
    rounds, size = request.config.getoption("--kill-rounds"), request.config.getoption("--kill-size-mib") * MIB
    seed_of_moments = request.config.getoption("--seed")
    moments = random.Random(seed_of_moments)
    torrent = make_torrent(place.folder("torrent"), single_file(size=size + 12_345), PIECE_LENGTH)
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
        right = bytes_right(final + ".part", torrent.content.files[""])
        assert not os.path.exists(final), f"round {round_number}: NAME appeared before it was complete"
        get.start()
        present = wait_for(lambda: bytes_present(get), 60, lambda: f"resume data of round {round_number}: {get.tail()}")
        assert present[0] <= right, f"round {round_number}: more is claimed than is right on disk"
        lost.append(right - present[0])
    seed.limit_upload(0)
    get.complete(120)
    torrent.check(get.folder)
    again = seed.uploaded() - torrent.content.total()
    remark(
        f"kill: {rounds} rounds, seed {seed_of_moments}, {size // MIB} MiB: fetched again "
        f"{again / MIB:.1f} MiB in all; written and not yet claimed at each kill: "
        f"{', '.join(f'{b / MIB:.1f}' for b in lost)} MiB"
    )
    assert again < rounds * 32 * MIB


def bytes_right(path, data):
    """Bytes of the pieces that stand on disk as they should."""
    if not os.path.exists(path):
        return 0
    with open(path, "rb") as f:
        pieces = ((data[at : at + PIECE_LENGTH], f.read(PIECE_LENGTH)) for at in range(0, len(data), PIECE_LENGTH))
        return sum(len(piece) for piece, found in pieces if piece == found)


def bytes_present(get):
    """What this run says it found on disk, as a one-element list once it has said so."""
    return [e["bytes_done"] for e in get.events("progress") if e["phase"] == "checking"][-1:]

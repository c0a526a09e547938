"""`starling remote` drives a daemon that nobody here wrote, and tells of it what that daemon's own remote tells."""

import os
import re
import shutil
import subprocess

import pytest

import starling as subject
from clients import Transmission
from torrents import KIB, Content, make_torrent, random_bytes
from waiting import wait_for

STOCK = "transmission-remote"


@pytest.fixture
def daemon(place):
    """A Transmission that seeds one torrent."""
    content = Content("image", {"a.iso": random_bytes(700 * KIB, 1), "SHA256SUMS": b"none yet\n"})
    return place.client(Transmission).seed(make_torrent(place.folder("torrent"), content))


def run(program, daemon, *options):
    """(exit code, standard output) of a remote."""
    argv = [*program, str(daemon.rpc_port), *map(str, options)]
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": daemon.work}
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, env=environment)
    return done.returncode, done.stdout


def remote(daemon, *options):
    code, output = run([subject.PROGRAM, "remote"], daemon, *options)
    assert code == 0, output
    return output


def plain(page):
    """A page without what may differ between versions: decimals that are zeros, and blanks."""
    page = re.sub(r"\.0+\b", "", page)
    return [re.sub(r"\s+", " ", line).strip() for line in page.splitlines() if line.strip()]


@pytest.mark.parametrize("options", [["-l"], ["-t1", "-if"], ["-t", "1", "-ic"], ["-st"]], ids=" ".join)
def test_says_what_the_stock_remote_says(daemon, options):
    if not shutil.which(STOCK):
        pytest.skip(f"{STOCK} is not installed")
    ours, theirs = remote(daemon, *options), run([STOCK], daemon, *options)[1]
    # Time goes on between the two; small sizes and ratios of nothing have other words since version 4.
    moving = ("Duration:", "Ratio:", "SHA256SUMS")
    pages = [[line for line in plain(page) if not any(word in line for word in moving)] for page in (ours, theirs)]
    assert pages[0] == pages[1] != []


def test_details_name_what_the_stock_remote_names(daemon):
    if not shutil.which(STOCK):
        pytest.skip(f"{STOCK} is not installed")
    pages = [remote(daemon, "-t", "1", "-i"), run([STOCK], daemon, "-t", "1", "-i")[1]]
    ours, theirs = (re.findall(r"^ *(\w[\w &]*):", page, re.MULTILINE) for page in pages)
    assert set(theirs) - set(ours) <= {"Corrupt DL"}


def test_adds_sets_stops_and_removes(daemon, place):
    torrent = make_torrent(place.folder("more"), Content("more", {"b.bin": random_bytes(100 * KIB, 2), "c": b"c"}))
    remote(daemon, "-a", torrent.path, "-w", daemon.folder, "-G", "1", "-Bh", "-S")

    def row():
        fields = ["name", "status", "wanted", "bandwidthPriority", "downloadLimit", "downloadLimited", "id"]
        rows = daemon.rpc("torrent-get", fields=fields)["torrents"]
        return next((row for row in rows if row["name"] == "more"), None)

    wait_for(lambda: row()["status"] == 0, 30, "the added torrent to stand still")
    assert row()["wanted"] == [1, 0] and row()["bandwidthPriority"] == 1
    number = row()["id"]
    remote(daemon, "-t", number, "-d", "123", "-d5", "-e=6", "-s")
    assert (row()["downloadLimit"], row()["downloadLimited"]) == (5, True)
    assert daemon.rpc("session-get")["cache-size-mb"] == 6
    wait_for(lambda: row()["status"] != 0, 30, "the torrent to start")
    remote(daemon, "-t", number, "-rad")
    wait_for(lambda: row() is None, 30, "the torrent to be gone")


def test_failures_are_exit_code_1(daemon):
    code, output = run([subject.PROGRAM, "remote"], daemon, "-a", "/nowhere.torrent", "-l")
    assert code == 1 and output.startswith("Error: ") and "image" in output
    code, output = run([subject.PROGRAM, "remote"], daemon, "-t", "1", "--why")
    assert code == 1 and "takes a daemon of starling" in output


def test_ends_the_daemon(daemon):
    remote(daemon, "--exit")
    wait_for(lambda: not daemon.process.running(), 30, "the daemon to end")

"""`starling daemon` in Transmission's place: its remote, its config directory, its way to be started."""

import hashlib
import os
import shutil
import signal
import socket
import subprocess

import pytest

import starling as subject
from clients import Transmission
from daemons import Daemon
from torrents import KIB, MIB, Content, make_torrent, random_bytes
from waiting import wait_for

STOCK = "transmission-remote"


@pytest.fixture
def daemon(place):
    def make(**settings):
        return place._keep(Daemon(place.folder("daemon"), **settings))

    return make


@pytest.mark.parametrize("program", [None, STOCK], ids=["ours", "stock"])
def test_a_torrent_from_its_url_to_the_end(place, daemon, program):
    """The how-to: daemon, remote -a URL, remote -l, remote --exit, with nothing but a web seed behind the torrent."""
    if program and not shutil.which(program):
        pytest.skip(f"{program} is not installed")
    root = place.folder("mirror")
    content = Content("image-2026.iso", {"": random_bytes(5 * MIB, 3)})
    content.lay_out(root)
    web = place.nginx(root)
    torrent = make_torrent(root, content, **{"url-list": [web.url()]})
    subjected = daemon().start_in_background()

    def listed():
        code, output = subjected.remote("-l", program=program)
        assert code == 0, output
        return next((line for line in output.splitlines() if "image-2026.iso" in line), "")

    try:
        code, output = subjected.remote("-a", web.url("test.torrent"), program=program)
        assert code == 0, output
        wait_for(lambda: "100%" in listed(), 60, lambda: f"100 %: {listed()}")
        wait_for(lambda: subjected.torrents("status")[0]["status"] == 6, 30, "seeding")
        torrent.check(subjected.folder)
        code, output = subjected.remote("--exit", program=program)
        assert code == 0, output
        wait_for(lambda: not answers(subjected), 15, "the daemon to end")
    finally:
        stop_background(subjected)


def answers(daemon):
    try:
        return daemon.answers()
    except (OSError, ValueError):
        return None


def stop_background(daemon):
    """A daemon that a failed test left behind."""
    if answers(daemon):
        daemon.rpc("session-close")


def snapshot(folder):
    """Every file below the folder with its digest."""
    found = {}
    for top, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(top, name)
            with open(path, "rb") as f:
                found[os.path.relpath(path, folder)] = hashlib.file_digest(f, "sha256").hexdigest()
    return found


def test_goes_on_where_transmission_left_off(place):
    """The first start in Transmission's own directory: all is there, nothing is hashed, its files stay as they were."""
    content = Content("bundle", {"a.iso": random_bytes(3 * MIB, 1), "b.iso": random_bytes(700 * KIB, 2)})
    torrent = make_torrent(place.folder("torrent"), content)
    old = place.client(Transmission).seed(torrent)
    wait_for(old.done, 60, "Transmission to seed")
    old.rpc("torrent-set", ids=[1], uploadLimit=55, uploadLimited=True, **{"peer-limit": 33})
    old.stop()
    theirs = {name: snapshot(os.path.join(old.work, name)) for name in ("torrents", "resume")}
    # Bytes that a check would find wrong, under the old time of change: whoever trusts does not see them.
    path = os.path.join(old.folder, "bundle", "a.iso")
    times = os.stat(path)
    with open(path, "r+b") as f:
        f.seek(MIB)
        f.write(b"not what it was")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    ours = place._keep(Daemon(place.folder("ours"), config=old.work)).start()
    fields = ["percentDone", "downloadDir", "uploadLimit", "uploadLimited", "peer-limit", "status", "haveValid"]
    wait_for(lambda: ours.torrents("status")[0]["status"] == 6, 30, lambda: f"seeding: {ours.torrents(*fields)}")
    [found] = ours.torrents(*fields)
    assert found["hashString"] == torrent.info_hash and found["haveValid"] == content.total()
    assert found["downloadDir"] == old.folder
    assert (found["uploadLimit"], found["uploadLimited"], found["peer-limit"]) == (55, True, 33)
    for name, before in theirs.items():
        after = snapshot(os.path.join(old.work, name))
        assert {path: after.get(path) for path in before} == before, f"{name} was changed"
    ours.stop()
    ours.start()
    assert len(ours.torrents()) == 1, "it is taken over once"


def test_import_by_hand_says_first_what_it_would_do(place):
    content = Content("bundle", {"a.iso": random_bytes(MIB, 1), "b.iso": random_bytes(700 * KIB, 2)})
    old = place.client(Transmission).seed(make_torrent(place.folder("torrent"), content))
    wait_for(old.done, 60, "Transmission to seed")
    old.stop()
    before = snapshot(old.work)
    ours = place._keep(Daemon(place.folder("ours")))
    command = [subject.PROGRAM, "import", "transmission", old.work, "-g", ours.config]
    done = subprocess.run([*command, "--dry-run"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "bundle: 100% trusted" in done.stdout, done
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "1 taken over" in done.stdout, done
    assert snapshot(old.work) == before
    ours.start()
    wait_for(lambda: ours.torrents("status")[0]["status"] == 6, 30, "seeding")


def test_takes_the_socket_that_systemd_hands_over(daemon):
    subjected = daemon()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        subjected.rpc_port = port
        # The shell becomes the daemon, so that its number is the daemon's.
        script = 'export LISTEN_FDS=1 LISTEN_PID=$$; exec "$@"'
        child = subprocess.Popen(
            ["sh", "-c", script, "sh", *subjected.argv("-f")],
            pass_fds=[3],
            preexec_fn=lambda: os.dup2(listener.fileno(), 3),
            env={**os.environ, **subjected.environment()},
        )
    try:
        wait_for(subjected.answers, 60, "the RPC at the socket")
        child.send_signal(signal.SIGTERM)
        assert child.wait(15) == 0
    finally:
        child.kill()
        child.wait()


def test_a_taken_rpc_port_does_not_end_it(daemon):
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        subjected = daemon(**{"rpc-port": squatter.getsockname()[1]})
        subjected.start("-x", os.path.join(subjected.work, "pid"), wait=False)
        wait_for(lambda: os.path.exists(os.path.join(subjected.work, "pid")), 30, "the daemon to serve")
    assert subjected.process.running()
    assert subjected.process.stop(), "SIGTERM is heeded"
    assert subjected.process.code() == 0


def test_a_taken_peer_port_does_not_end_it(daemon):
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        port = squatter.getsockname()[1]
        subjected = daemon(**{"peer-port": port}).start()
        assert subjected.rpc("session-get", fields=["peer-port"])["peer-port"] == port, "the wish is kept"

"""`--proxy` with a libtorrent seed: everything arrives by way of the proxy, and the seed sees the proxy's address alone.

starling is in a network namespace whose one line leads to another namespace, where the proxy, the seed and its tracker are.
The seed could be reached without the proxy as well. What leaves is written down packet by packet.
"""

import os
import shutil
import subprocess
import sys
import time

import pytest

import starling as subject
from test_bind import ip
from torrents import MIB, Content, make_torrent, random_bytes
from waiting import Process, wait_for

pytest.importorskip("libtorrent")

HERE = os.path.dirname(os.path.abspath(__file__))
# The line, the proxy's outer address, and the seed's.
US, PROXY, OUT, SEED = "10.7.0.2", "10.7.0.1", "10.9.0.1", "10.9.0.2"
PORT, UDP_PORT, PEER, TRACKER = 1080, 1081, 6881, 6969


class World:
    def __init__(self, place):
        if os.geteuid() != 0 or not shutil.which("ip"):
            pytest.skip("network namespaces need root and iproute2")
        self.place, self.us, self.far = place, f"starling-in-{os.getpid()}", f"starling-out-{os.getpid()}"
        try:
            self.build()
        except Exception as error:
            self.stop()
            pytest.skip(f"network namespaces: {error}")

    def build(self):
        os.makedirs(f"/etc/netns/{self.us}", exist_ok=True)
        with open(f"/etc/netns/{self.us}/resolv.conf", "w") as f:
            f.write(f"nameserver {PROXY}\n")
        for namespace in (self.us, self.far):
            ip("netns", "add", namespace)
            off = "f=/proc/sys/net/ipv6/conf/all/disable_ipv6; [ ! -e $f ] || echo 1 > $f"
            ip("netns", "exec", namespace, "sh", "-c", off)
            ip("-n", namespace, "link", "set", "lo", "up")
        ip("-n", self.us, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", self.far)
        for namespace, address in ((self.us, US), (self.far, PROXY)):
            ip("-n", namespace, "addr", "add", f"{address}/24", "dev", "eth0")
            ip("-n", namespace, "link", "set", "eth0", "up")
        for address in (OUT, SEED):
            ip("-n", self.far, "addr", "add", f"{address}/32", "dev", "lo")
        ip("-n", self.us, "route", "add", "default", "via", PROXY)

    def run(self, namespace, script, *argv):
        log = os.path.join(self.place.folder(script), "log")
        prefix = ["ip", "netns", "exec", namespace]
        process = Process([*prefix, sys.executable, os.path.join(HERE, script), *argv], log)
        return self.place._keep(process)

    def stop(self):
        for namespace in (self.us, self.far):
            try:
                ip("netns", "del", namespace)
            except Exception:
                pass
        shutil.rmtree(f"/etc/netns/{self.us}", ignore_errors=True)

    def proxy(self, *login):
        proxy = self.run(self.far, "socks.py", PROXY, PORT, UDP_PORT, OUT, SEED, *login)
        listens = ["ip", "netns", "exec", self.far, "ss", "-Hltn", f"sport = :{PORT}"]
        wait_for(lambda: subprocess.run(listens, capture_output=True).stdout, 10, "the proxy")
        return proxy

    def seed(self, torrent):
        folder = self.place.folder("seed")
        torrent.content.lay_out(folder)
        seed = self.run(self.far, "far_peer.py", torrent.path, folder, SEED, PEER, TRACKER)
        wait_for(lambda: "seeding" in seed.output(), 30, lambda: f"the seed: {seed.output()}")
        return seed

    def watch(self):
        sniffer = self.run(self.us, "sniff.py", "eth0")
        wait_for(lambda: "ready" in sniffer.output(), 10, "the sniffer")
        return sniffer

    def get(self, torrent, *options):
        prefix = ("ip", "netns", "exec", self.us)
        return self.place._keep(
            subject.Get(self.place.folder("starling"), torrent, options, port=PEER, prefix=prefix)
        )


@pytest.fixture
def world(place):
    return place._keep(World(place))


def torrent_of(place, size=8 * MIB):
    content = Content("image.iso", {"": random_bytes(size, 1)})
    trackers = [[f"udp://tracker.example:{TRACKER}/announce"], ["http://web.example:8080/announce"]]
    return make_torrent(
        place.folder("torrent"),
        content,
        **{"announce-list": trackers, "url-list": ["http://mirror.example:8080/image.iso"]},
    )


def lines(process, word):
    return {line.removeprefix(f"{word} ") for line in process.output().splitlines() if line.startswith(f"{word} ")}


def went(sniffer):
    return {tuple(line.split()) for line in sniffer.output().splitlines() if line != "ready"}


ALLOWED = {("tcp", PROXY, str(PORT)), ("udp", PROXY, str(UDP_PORT))}


@pytest.mark.parametrize("utp", ["off", "on", "only"])
def test_everything_goes_through_the_proxy(place, world, utp):
    torrent = torrent_of(place)
    proxy, seed, sniffer = world.proxy("me", "secret"), world.seed(torrent), world.watch()
    url = f"socks5h://me:secret@{PROXY}:{PORT}"
    options = ("--utp", utp, "--port-map", "--dht-bootstrap", "node.example:6881", "--down-limit", "4MiB")
    get = world.get(torrent, "--proxy", url, *options).complete()
    torrent.check(get.folder)
    assert lines(seed, "peer") == {OUT}
    assert lines(seed, "announce") == {f"{OUT} 1"}
    assert went(sniffer) <= ALLOWED, went(sniffer)
    asked = proxy.output()
    assert (f"connect {SEED}:{PEER}" in asked) == (utp != "only")
    assert "connect mirror.example:8080" in asked and "udp node.example:6881" in asked
    assert f"udp tracker.example:{TRACKER}" in asked


def test_nothing_goes_around_a_proxy_that_ends(place, world):
    torrent = torrent_of(place, 16 * MIB)
    proxy, _, sniffer = world.proxy(), world.seed(torrent), world.watch()
    peer = ("--peer", f"{SEED}:{PEER}", "--dht-bootstrap", f"{SEED}:{PEER}")
    get = world.get(torrent, "--proxy", f"socks5://{PROXY}:{PORT}", *peer, "--down-limit", "1MiB")
    wait_for(lambda: any(e.get("bytes_done", 0) > 0 for e in get.events("progress")), 30, get.tail)
    proxy.kill()
    time.sleep(5)  # the time in which something might go wrong
    assert get.process.running()
    assert went(sniffer) <= ALLOWED, went(sniffer)
    world.proxy()
    get.complete()
    assert went(sniffer) <= ALLOWED, went(sniffer)


def test_a_wrong_password_is_told(place, world):
    torrent = torrent_of(place)
    world.proxy("me", "secret")
    sniffer = world.watch()
    get = world.get(torrent, "--proxy", f"socks5://me:hunter2@{PROXY}:{PORT}", "--peer", f"{SEED}:{PEER}")
    words = "peers cannot be met through the proxy: it wants another user name and password"
    wait_for(lambda: words in get.tail(), 20, get.tail)
    assert "hunter2" not in get.process.output()
    assert went(sniffer) <= ALLOWED, went(sniffer)


def test_names_of_peers_are_not_looked_up(place, world):
    torrent = torrent_of(place)
    sniffer = world.watch()
    get = world.get(torrent, "--proxy", f"socks5://{PROXY}:{PORT}", "--peer", "peer.example:6881")
    wait_for(lambda: not get.process.running(), 10, "its end")
    assert get.process.code() == 2 and "only the proxy may look names up" in get.tail()
    assert not went(sniffer)

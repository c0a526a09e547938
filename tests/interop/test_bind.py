"""`--bind vpn0` on a machine with two networks: everything goes by vpn0, or nothing does.

The machine is a network namespace with eth0, which has the default route and the name server, and vpn0. The same seed can be
reached over both. What eth0 sent is counted by the kernel.
"""

import os
import shutil
import subprocess
import time

import pytest

import starling as subject
from torrents import MIB, Content, make_torrent, random_bytes
from waiting import wait_for

PORT = 6881


class Networks:
    """The namespaces `us` and `far`, with one line each for eth0 and vpn0."""

    def __init__(self):
        if os.geteuid() != 0 or not shutil.which("ip"):
            pytest.skip("network namespaces need root and iproute2")
        self.us, self.far = (f"starling-{side}-{os.getpid()}" for side in ("us", "far"))
        try:
            self.build()
        except subprocess.CalledProcessError as error:
            self.stop()
            pytest.skip(f"network namespaces: {error.stderr.decode(errors='replace').strip()}")

    def build(self):
        os.makedirs(f"/etc/netns/{self.us}", exist_ok=True)
        with open(f"/etc/netns/{self.us}/resolv.conf", "w") as f:
            f.write("nameserver 10.7.0.1\n")
        for namespace in (self.us, self.far):
            ip("netns", "add", namespace)
            self.run(namespace, "sh", "-c", "f=/proc/sys/net/ipv6/conf/all/disable_ipv6; [ ! -e $f ] || echo 1 > $f")
            ip("-n", namespace, "link", "set", "lo", "up")
        for name, net in (("eth0", "10.7.0"), ("vpn0", "10.8.0")):
            ip("-n", self.us, "link", "add", name, "type", "veth", "peer", "name", name, "netns", self.far)
            for namespace, own in ((self.us, 2), (self.far, 1)):
                ip("-n", namespace, "addr", "add", f"{net}.{own}/24", "dev", name)
                ip("-n", namespace, "link", "set", name, "up")
        ip("-n", self.us, "route", "add", "default", "via", "10.7.0.1")

    def run(self, namespace, *argv):
        argv = ["ip", "netns", "exec", namespace, *argv]
        return subprocess.run(argv, check=True, capture_output=True).stdout

    def sent(self, interface):
        return int(self.run(self.us, "cat", f"/sys/class/net/{interface}/statistics/tx_packets"))

    def received(self, interface):
        return int(self.run(self.us, "cat", f"/sys/class/net/{interface}/statistics/rx_bytes"))

    def stop(self):
        for namespace in (self.us, self.far):
            subprocess.run(["ip", "netns", "del", namespace], capture_output=True)
        shutil.rmtree(f"/etc/netns/{self.us}", ignore_errors=True)


def ip(*argv):
    subprocess.run(["ip", *argv], check=True, capture_output=True)


@pytest.fixture
def networks(place):
    return place._keep(Networks())


def torrent(place):
    """One that has something to ask on either side, by number and by name."""
    content = Content("image.iso", {"": random_bytes(8 * MIB, 1)})
    hosts = ("10.7.0.1", "10.8.0.1", "tracker.example")
    trackers = [f"{kind}/announce" for host in hosts for kind in (f"http://{host}:8080", f"udp://{host}:6969")]
    web_seeds = ["http://10.7.0.1:8080/image.iso", "http://mirror.example:8080/image.iso"]
    return make_torrent(place.folder("torrent"), content, **{"announce-list": [trackers], "url-list": web_seeds})


def get(place, namespace, torrent, *options, folder=None):
    prefix = ("ip", "netns", "exec", namespace)
    return place._keep(subject.Get(place.folder("starling"), torrent, options, folder, port=PORT, prefix=prefix))


def seed(place, networks, torrent, *options):
    folder = place.folder("seed")
    torrent.content.lay_out(folder)
    return get(place, networks.far, torrent, "--seed", "--no-dht", *options, folder=folder).wait_seeding()


def leech(place, networks, torrent, *options):
    peers = [word for net in (7, 8) for word in ("--peer", f"10.{net}.0.1:{PORT}")]
    return get(place, networks.us, torrent, *peers, "--dht-bootstrap", "10.7.0.1:6882", *options)


@pytest.mark.parametrize("bind", ["vpn0", "10.8.0.2"])
def test_nothing_goes_elsewhere(place, networks, bind):
    file = torrent(place)
    seed(place, networks, file)
    leech(place, networks, file, "--bind", bind).complete(30)
    assert networks.sent("eth0") == 0
    leech(place, networks, file).complete(30)
    assert networks.sent("eth0") > 0, "without --bind that is where it goes"


def test_nothing_goes_elsewhere_when_the_interface_goes_down(place, networks):
    file = torrent(place)
    seed(place, networks, file, "--up-limit", "1MiB")
    leecher = leech(place, networks, file, "--bind", "vpn0")
    wait_for(lambda: networks.received("vpn0") > MIB, 30, "a part of the image")
    ip("-n", networks.us, "link", "set", "vpn0", "down")
    time.sleep(4)  # the time in which something might go wrong
    assert networks.sent("eth0") == 0
    assert leecher.process.running()


def test_what_is_not_there_is_said(place, networks):
    file = torrent(place)
    leecher = leech(place, networks, file, "--bind", "tun7")
    wait_for(lambda: not leecher.process.running(), 10, "its end")
    assert leecher.process.code() == 2
    assert "no interface and no address tun7; it has" in leecher.tail()

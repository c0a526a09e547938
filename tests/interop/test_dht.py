"""`starling dht` and libtorrent's nodes: what one side puts the other gets."""

import dataclasses
import hashlib
import json
import os
import subprocess

import pytest

import starling as subject
from clients import Libtorrent
from torrents import KIB, make_torrent, single_file
from waiting import free_port, wait_for

libtorrent = pytest.importorskip("libtorrent")


class Node:
    """A libtorrent session that is a node of the DHT and nothing else."""

    def __init__(self, address):
        self.address, self.port = address, free_port()
        self.session = libtorrent.session({
            "listen_interfaces": f"{address}:{self.port}",
            "enable_dht": True,
            "enable_lsd": False,
            "enable_upnp": False,
            "enable_natpmp": False,
            "dht_bootstrap_nodes": "",
            "dht_restrict_routing_ips": False,
            "dht_restrict_search_ips": False,
            "dht_ignore_dark_internet": False,
            "dht_enforce_node_id": False,
            "alert_mask": libtorrent.alert.category_t.all_categories,
        })
        self.seen = []

    @property
    def place(self):
        return f"{self.address}:{self.port}"

    def alert(self, kind, is_it=lambda alert: True, seconds=30):
        """The first alert of a kind that `is_it`."""
        found = []

        def look():
            for alert in self.session.pop_alerts():
                self.seen.append(str(alert))
                if isinstance(alert, kind) and is_it(alert):
                    found.append(alert)
            return bool(found)

        wait_for(look, seconds, lambda: f"{kind.__name__}: {self.seen[-10:]}")
        return found[0]

    def knows(self, others):
        """Introduces others, and says whether all are in its table."""
        for other in others:
            self.session.add_dht_node(other)
        self.session.post_dht_stats()
        alert = self.alert(libtorrent.dht_stats_alert)
        return sum(bucket["num_nodes"] for bucket in alert.routing_table) >= len(others)


@pytest.fixture(scope="module")
def nodes():
    """Three nodes that know each other."""
    all_nodes = [Node(f"127.0.{n}.1") for n in (5, 6, 7)]
    for node in all_nodes:
        others = [(other.address, other.port) for other in all_nodes if other is not node]
        node.alert(libtorrent.listen_succeeded_alert, lambda alert: "uTP" in str(alert))
        wait_for(lambda node=node, others=others: node.knows(others), 30, "libtorrent's nodes to know each other")
    return all_nodes


def dht(place, nodes, *args, value=None):
    """What `starling dht` tells."""
    if not subject.PROGRAM:
        pytest.fail("there is no starling: `cargo build --release`, or set STARLING")
    command = [subject.PROGRAM, "dht", *args, "--json", "--bind", "127.0.0.1"]
    if args[0] != "ping":
        command += ["--dht-bootstrap", nodes[0].place]
    ended = subprocess.run(command, input=value, capture_output=True, timeout=60, cwd=place.folder("dht"))
    assert ended.returncode == 0, f"{command}: {ended.returncode}: {ended.stderr.decode()}"
    return json.loads(ended.stdout)


def expanded(seed):
    """A secret key as libtorrent takes it: the hash of the seed, clamped as RFC 8032 says."""
    secret = bytearray(hashlib.sha512(seed).digest())
    secret[0] &= 248
    secret[31] = secret[31] & 63 | 64
    return bytes(secret)


def test_a_node_of_libtorrent_answers_a_ping(place, nodes):
    pong = dht(place, nodes, "ping", nodes[0].place)
    assert pong["client"].startswith("LT ") and len(pong["id"]) == 40
    assert pong["seen_at"].startswith("127.0.0.1:")


def test_an_immutable_item_that_we_put_libtorrent_gets(place, nodes):
    put = dht(place, nodes, "put", value=b"from starling")
    assert put["target"] == hashlib.sha1(b"13:from starling").hexdigest() and put["nodes"] >= 1
    asking = nodes[2]
    asking.session.dht_get_immutable_item(libtorrent.sha1_hash(bytes.fromhex(put["target"])))
    got = asking.alert(libtorrent.dht_immutable_item_alert)
    assert bytes.fromhex(str(got.target)) == bytes.fromhex(put["target"])
    assert got.item == b"from starling"


def test_an_immutable_item_that_libtorrent_puts_we_get(place, nodes):
    target = nodes[1].session.dht_put_immutable_item(b"from libtorrent")
    nodes[1].alert(libtorrent.dht_put_alert)
    assert dht(place, nodes, "get", str(target))["text"] == "from libtorrent"


def test_mutable_items_go_both_ways(place, nodes):
    key = os.path.join(place.folder("keys"), "key")
    first = dht(place, nodes, "put", "--new-key", key, "--salt", "news", value=b"one")
    second = dht(place, nodes, "put", "--key", key, "--salt", "news", "--cas", "1", value=b"two")
    assert (first["sequence"], second["sequence"]) == (1, 2)
    public = bytes.fromhex(second["public_key"])
    asking = nodes[2]
    asking.session.dht_get_mutable_item(public, b"news")
    got = asking.alert(libtorrent.dht_mutable_item_alert, lambda alert: alert.authoritative)
    assert (got.item, got.seq, got.salt) == (b"two", 2, b"news")

    with open(key) as file:
        secret = expanded(bytes.fromhex(file.read()))
    nodes[1].session.dht_put_mutable_item(secret, public, b"from libtorrent", b"other")
    nodes[1].alert(libtorrent.dht_put_alert)
    got = dht(place, nodes, "get", public.hex(), "--salt", "other")
    assert got["text"] == "from libtorrent" and got["sequence"] >= 1


def by_key(torrent, public, salt, seed):
    """The torrent as somebody sees it who has its publisher's key alone (BEP 46)."""
    link = f"magnet:?xs=urn:btpk:{public.hex()}&s={salt.hex()}&dn=news&x.pe={seed.address}"
    return dataclasses.replace(torrent, path=link)


def test_a_publisher_s_newest_torrent_is_fetched(place, nodes):
    """One torrent is published, then another under the same key, and each is fetched by the same link. libtorrent's nodes
    keep the item, and libtorrent seeds; its binding for Python signs strings only, so the item is put by us."""
    key, new = os.path.join(place.folder("keys"), "key"), ["--new-key"]
    options = ["--dht-bootstrap", nodes[0].place]
    for number, name in enumerate(["old.iso", "new.iso"], start=1):
        folder = place.folder(f"torrent{number}")
        torrent = make_torrent(folder, single_file(name=name, size=3_000_001 + number), 16 * KIB)
        seed = place.client(Libtorrent).seed(torrent)
        put = dht(place, nodes, "put", "--torrent", torrent.info_hash, *new, key, "--salt", "news")
        new = ["--key"]
        public = bytes.fromhex(put["public_key"])
        get = place.starling(by_key(torrent, public, b"news", seed), *options).complete()
        torrent.check(get.folder)
        (resolved,) = get.events("resolved")
        assert (resolved["info_hash"], resolved["sequence"]) == (torrent.info_hash, put["sequence"])


def test_the_torrent_that_we_publish_libtorrent_reads(place, nodes):
    key, info_hash = os.path.join(place.folder("keys"), "key"), "ab" * 20
    put = dht(place, nodes, "put", "--torrent", info_hash, "--new-key", key, "--salt", "news")
    assert put["magnet"] == f"magnet:?xs=urn:btpk:{put['public_key']}&s={b'news'.hex()}"
    nodes[2].session.dht_get_mutable_item(bytes.fromhex(put["public_key"]), b"news")
    got = nodes[2].alert(libtorrent.dht_mutable_item_alert, lambda alert: alert.authoritative)
    assert got.item == {b"ih": bytes.fromhex(info_hash)}
    assert dht(place, nodes, "get", put["public_key"], "--salt", "news")["info_hash"] == info_hash

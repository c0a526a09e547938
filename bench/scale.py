#!/usr/bin/env python3
"""What very many idle torrents cost a daemon: `bench/scale.py [--count 10000] [--binary starling] [--home DIR]`.

Makes COUNT torrents of one small file each, all complete, and lets a daemon seed them on loopback without trackers.
Prints one line of JSON: seconds from the start of the process to the first answer and to the first full list, the full
list of twelve fields (milliseconds, bytes) in both dialects as objects and as a table, `recently-active`, idle
processor time, and memory for each torrent over that of an empty daemon. Needs nothing but Python's own library.
"""

import argparse
import base64
import hashlib
import http.client
import json
import os
import pathlib
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time

PIECE = 16 << 10
LENGTH = 2 * PIECE
LEGACY_FIELDS = ["id", "name", "status", "percentDone", "rateDownload", "rateUpload", "uploadRatio", "eta",
                 "sizeWhenDone", "leftUntilDone", "peersConnected", "error"]
FIELDS = ["id", "name", "status", "percent_done", "rate_download", "rate_upload", "upload_ratio", "eta",
          "size_when_done", "left_until_done", "peers_connected", "error"]
TICKS = os.sysconf("SC_CLK_TCK")


def metainfo(number: int) -> tuple[bytes, bytes, str]:
    """The torrent, its payload and the payload's name."""
    seed = number.to_bytes(4, "big")
    payload = hashlib.shake_128(seed).digest(LENGTH)
    pieces = b"".join(hashlib.sha1(payload[at:at + PIECE]).digest() for at in range(0, LENGTH, PIECE))
    name = f"image-{number:06}.iso"
    info = b"d6:lengthi%de4:name%d:%s12:piece lengthi%de6:pieces%d:%se" % (
        LENGTH, len(name), name.encode(), PIECE, len(pieces), pieces)
    return b"d4:info" + info + b"e", payload, name


class Rpc:
    """One connection to the daemon."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self.session = ""

    def post(self, body: bytes) -> bytes:
        while True:
            headers = {"X-Transmission-Session-Id": self.session, "Content-Type": "application/json"}
            try:
                self.connection.request("POST", "/transmission/rpc", body, headers)
            except BrokenPipeError:
                # An idle connection was closed; the request opens another.
                self.connection.close()
                continue
            reply = self.connection.getresponse()
            data = reply.read()
            if reply.status != 409:
                return data
            self.session = reply.headers["X-Transmission-Session-Id"]

    def legacy(self, method: str, **arguments: object) -> dict:
        answer = json.loads(self.post(json.dumps({"method": method, "arguments": arguments}).encode()))
        assert answer["result"] == "success", answer
        return answer["arguments"]


class Daemon:
    """A daemon on the directory `home`."""

    def __init__(self, binary: str, home: pathlib.Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        (home / "config").mkdir(parents=True, exist_ok=True)
        settings = {"bind-address-ipv4": "127.0.0.1", "rpc-bind-address": "127.0.0.1", "dht-enabled": False,
                    "lpd-enabled": False, "port-forwarding-enabled": False, "peer-port": 0, "utp-enabled": False,
                    "seed-queue-enabled": False, "download-queue-enabled": False, "rpc-port": self.port,
                    "download-dir": str(home / "downloads")}
        path = home / "config" / "settings.json"
        if not path.exists():
            path.write_text(json.dumps(settings))
        self.started = time.monotonic()
        self.process = subprocess.Popen([binary, "daemon", "-f", "-g", home / "config", "-p", str(self.port)],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.rpc = Rpc(self.port)
        while True:
            try:
                self.rpc.legacy("session-stats")
                break
            except (ConnectionError, http.client.HTTPException):
                self.rpc = Rpc(self.port)
                if self.process.poll() is not None or time.monotonic() - self.started > 300:
                    sys.exit("the daemon does not serve")
                time.sleep(0.002)
        self.serving_s = time.monotonic() - self.started

    def cpu(self) -> float:
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def rss_kib(self) -> int:
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    def seeding(self) -> int:
        return sum(torrent["status"] == 6 for torrent in self.rpc.legacy("torrent-get", fields=["status"])["torrents"])

    def stop(self) -> float:
        begun = time.monotonic()
        self.process.terminate()
        self.process.wait(120)
        return time.monotonic() - begun


def milliseconds(work, runs: int = 9) -> float:
    spans = []
    for _ in range(runs):
        begun = time.perf_counter()
        work()
        spans.append((time.perf_counter() - begun) * 1000)
    return round(statistics.median(spans), 2)


def settle(daemon: Daemon, count: int) -> None:
    """Waits until all seed and nothing is done any more."""
    deadline = time.monotonic() + 600
    while daemon.seeding() < count and time.monotonic() < deadline:
        time.sleep(1)
    before = -1.0
    while daemon.cpu() - before > 0.1 and time.monotonic() < deadline:
        before = daemon.cpu()
        time.sleep(5)


def add_all(daemon: Daemon, home: pathlib.Path, count: int) -> None:
    """Adds torrents whose data is there already, over a few connections."""

    def some(first: int) -> None:
        rpc = Rpc(daemon.port)
        for number in range(first, count, 8):
            torrent, payload, name = metainfo(number)
            (home / "downloads" / name).write_bytes(payload)
            rpc.legacy("torrent-add", metainfo=base64.b64encode(torrent).decode())

    (home / "downloads").mkdir(parents=True, exist_ok=True)
    threads = [threading.Thread(target=some, args=(first,)) for first in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def copy_state(home: pathlib.Path, count: int) -> None:
    """Writes records of further torrents after the pattern of the one that is there. Their files are holes: nobody
    reads them."""
    state = sqlite3.connect(home / "config" / "state.db")
    pattern = json.loads(state.execute("SELECT record FROM torrents").fetchone()[0])
    download = state.execute("SELECT * FROM downloads").fetchone()
    for number in range(1, count):
        torrent, _, name = metainfo(number)
        info_hash = hashlib.sha1(torrent[len(b"d4:info"):-1]).digest()
        record = {**pattern, "name": name, "order": number}
        record["about"] = {**pattern["about"], "largest_file": name}
        state.execute("INSERT INTO torrents VALUES (?, ?)", (info_hash, json.dumps(record)))
        state.execute("INSERT INTO downloads VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (info_hash, *download[1:]))
        (home / "config" / "torrents" / f"{info_hash.hex()}.torrent").write_bytes(torrent)
        with open(home / "downloads" / name, "wb") as file:
            file.truncate(LENGTH)
    state.commit()
    state.close()


def measure(binary: str, home: pathlib.Path, count: int, idle_s: float, copies: bool) -> dict:
    row: dict = {"count": count}
    empty = Daemon(binary, home / "empty")
    time.sleep(2)
    row["empty_kib"] = empty.rss_kib()
    empty.stop()

    if copies:
        daemon = Daemon(binary, home)
        add_all(daemon, home, 1)
        settle(daemon, 1)
        daemon.stop()
        copy_state(home, count)
    daemon = Daemon(binary, home)
    present = len(daemon.rpc.legacy("torrent-get", fields=["id"])["torrents"])
    if present < count:
        begun = time.monotonic()
        add_all(daemon, home, count)
        row["add_s"] = round(time.monotonic() - begun, 2)
    settle(daemon, count)
    row["rss_after_add_kib"] = daemon.rss_kib()
    row["stop_s"] = round(daemon.stop(), 2)

    daemon = Daemon(binary, home)
    row["serving_s"] = round(daemon.serving_s, 3)
    listed = daemon.rpc.legacy("torrent-get", fields=LEGACY_FIELDS)["torrents"]
    row["restart_list_s"] = round(time.monotonic() - daemon.started, 3)
    assert len(listed) == count, len(listed)
    settle(daemon, count)
    row["restart_cpu_s"] = daemon.cpu()

    legacy = {"method": "torrent-get", "arguments": {"fields": LEGACY_FIELDS}}
    modern = {"jsonrpc": "2.0", "id": 1, "method": "torrent_get", "params": {"fields": FIELDS}}
    for name, call in [("legacy", legacy), ("jsonrpc", modern)]:
        for form in ["objects", "table"]:
            call["arguments" if name == "legacy" else "params"]["format"] = form
            body = json.dumps(call).encode()
            row[f"{name}_{form}_bytes"] = len(daemon.rpc.post(body))
            row[f"{name}_{form}_ms"] = milliseconds(lambda body=body: daemon.rpc.post(body))
    begun = time.monotonic()
    before = daemon.cpu()
    time.sleep(idle_s)
    row["idle_percent"] = round((daemon.cpu() - before) / (time.monotonic() - begun) * 100, 3)
    # What was changed at the start is recent for a minute.
    time.sleep(max(0.0, 65 - (time.monotonic() - daemon.started)))
    recent = json.dumps({"method": "torrent-get",
                         "arguments": {"fields": LEGACY_FIELDS, "ids": "recently-active"}}).encode()
    row["recently_active_count"] = len(json.loads(daemon.rpc.post(recent))["arguments"]["torrents"])
    row["recently_active_ms"] = milliseconds(lambda: daemon.rpc.post(recent), 25)
    row["rss_kib"] = daemon.rss_kib()
    row["kib_per_torrent"] = round((row["rss_kib"] - row["empty_kib"]) / count, 2)
    row["stop_again_s"] = round(daemon.stop(), 2)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--binary", default="starling")
    parser.add_argument("--idle", type=float, default=20, help="seconds of idleness that are measured")
    parser.add_argument("--home", type=pathlib.Path, help="kept and used again; without it all is removed at the end")
    parser.add_argument("--copies", action="store_true",
                        help="add one torrent and copy its record, where adding all of them takes too long")
    options = parser.parse_args()
    home = options.home or pathlib.Path(tempfile.mkdtemp(prefix="starling-scale-"))
    try:
        print(json.dumps(measure(options.binary, home, options.count, options.idle, options.copies)))
    finally:
        if not options.home:
            shutil.rmtree(home)


if __name__ == "__main__":
    main()

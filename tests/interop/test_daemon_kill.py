"""SIGKILL of a daemon with 200 torrents, again and again, while torrents come, go, change and download.

Whatever was acknowledged is there at the next start, in the first answer; no piece is claimed whose bytes are not right
on the disk; what was complete is neither hashed nor fetched again; and left alone, everything ends right. The seed of the
moments and choices is an option: `pytest test_daemon_kill.py --seed 7`.
"""

import base64
import hashlib
import http.server
import os
import random
import threading
import time

from daemons import Daemon
from servers import QuietServer
from torrents import KIB, Content, bencode, piece_hashes, random_bytes
from waiting import wait_for

TORRENTS, ROUNDS = 200, 8
SIZE, PIECE_LENGTH = 96 * KIB + 77, 32 * KIB
# Bytes per second of one body: slow enough that every kill falls into downloads.
RATE = 256 * KIB


class Files:
    """A web seed of files in memory that are sent slowly."""

    def __init__(self):
        self.files, self.sent, self.rate = {}, 0, RATE
        files = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                data = files.files[self.path.rsplit("/", 1)[1]]
                first, last = self.headers["Range"].removeprefix("bytes=").split("-")
                first, last = int(first), int(last)
                self.send_response(206)
                self.send_header("Content-Length", str(last + 1 - first))
                self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
                self.end_headers()
                for at in range(first, last + 1, PIECE_LENGTH):
                    part = data[at : min(at + PIECE_LENGTH, last + 1)]
                    self.wfile.write(part)
                    files.sent += len(part)
                    time.sleep(len(part) / files.rate)  # the rate itself

            def log_message(self, *_):
                pass

        self.server = QuietServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.1,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/"

    def add(self, number):
        """The torrent file of one more file."""
        content = Content(f"image-{number}.iso", {"": random_bytes(SIZE, number)})
        self.files[content.name] = content.files[""]
        hashes = piece_hashes(content, PIECE_LENGTH)
        info = {"length": SIZE, "name": content.name, "piece length": PIECE_LENGTH, "pieces": hashes}
        torrent = bencode({"info": info, "url-list": self.url + content.name})
        return hashlib.sha1(bencode(info)).hexdigest(), content.name, base64.b64encode(torrent).decode()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Book:
    """What the daemon has acknowledged, and what was under way when it died."""

    def __init__(self):
        self.lock = threading.Lock()
        self.torrents, self.complete, self.labels, self.limit = set(), set(), {}, None
        self.maybe_added, self.maybe_removed, self.maybe_labels, self.maybe_limits = set(), set(), {}, set()

    def settle(self, listed, limit):
        """Takes over what is so now: from here on it is what was acknowledged."""
        self.torrents, self.limit = set(listed), limit
        self.complete = {key for key, row in listed.items() if row["leftUntilDone"] == 0}
        self.labels = {key: row["labels"] for key, row in listed.items()}
        self.maybe_added, self.maybe_removed, self.maybe_labels, self.maybe_limits = set(), set(), {}, set()


class Hand(threading.Thread):
    """Somebody who commands the daemon until it dies."""

    def __init__(self, daemon, book, todo, seed):
        super().__init__(daemon=True)
        self.server, self.book, self.todo, self.choices = daemon, book, todo, random.Random(seed)

    def run(self):
        try:
            while True:
                self.choices.choice([self.add, self.add, self.add, self.remove, self.label, self.limit])()
        except (OSError, ValueError, TypeError):
            return  # it is dead

    def add(self):
        with self.book.lock:
            if not self.todo:
                return
            key, _, torrent = self.todo.pop()
            self.book.maybe_added.add(key)
        self.call("torrent-add", metainfo=torrent)
        with self.book.lock:
            self.book.torrents.add(key)
            self.book.labels.setdefault(key, [])

    def remove(self):
        with self.book.lock:
            if len(self.book.torrents) < TORRENTS * 3 // 4:
                return
            key = self.choices.choice(sorted(self.book.torrents))
            self.book.torrents.discard(key)
            self.book.complete.discard(key)
            self.book.maybe_removed.add(key)
            self.book.maybe_labels.setdefault(key, []).append(self.book.labels.pop(key, []))
        self.call("torrent-remove", ids=[key], **{"delete-local-data": True})
        with self.book.lock:
            self.book.maybe_removed.discard(key)

    def label(self):
        with self.book.lock:
            if not self.book.torrents:
                return
            key = self.choices.choice(sorted(self.book.torrents))
            labels = [f"label-{self.choices.randrange(1000)}"]
            self.book.maybe_labels.setdefault(key, []).append(labels)
        self.call("torrent-set", ids=[key], labels=labels)

    def limit(self):
        with self.book.lock:
            limit = self.choices.randrange(10_000, 20_000)
            self.book.maybe_limits.add(limit)
            self.call("session-set", **{"speed-limit-down": limit})
            self.book.limit = limit
            self.book.maybe_limits = set()

    def call(self, method, **arguments):
        if self.server.rpc(method, **arguments) is None:
            raise OSError("no answer")


def test_two_hundred_torrents_outlive_kills(place, request, remark):
    seed = request.config.getoption("--seed")
    print(f"seed {seed}")
    moments = random.Random(seed)
    files = place._keep(Files())
    all_torrents = [files.add(number) for number in range(TORRENTS)]
    names = {key: name for key, name, _ in all_torrents}
    book = Book()
    daemon = place._keep(Daemon(place.folder("daemon"), **{"download-queue-enabled": False}))
    for number in range(ROUNDS):
        daemon.start()
        listed = check(daemon, book, files, names)
        book.settle(listed, daemon.rpc("session-get")["speed-limit-down"])
        todo = [torrent for torrent in all_torrents if torrent[0] not in listed]
        hands = [Hand(daemon, book, todo, moments.random()) for _ in range(4)]
        for hand in hands:
            hand.start()
        time.sleep(moments.uniform(0.3, 2.0))  # the random moment itself
        daemon.kill()
        for hand in hands:
            hand.join(15)
    daemon.start()
    listed = check(daemon, book, files, names)
    assert any(row["leftUntilDone"] == 0 for row in listed.values()), "the rounds are too short"
    files.rate = float("inf")
    wait_for(lambda: all(row["status"] == 6 for row in daemon.torrents("status")), 90, "every torrent to be whole")
    for key in listed:
        with open(os.path.join(daemon.folder, names[key]), "rb") as f:
            assert f.read() == files.files[names[key]], f"{names[key]} has other bytes"
    remark(f"daemon kill: {len(listed)} torrents, {ROUNDS} rounds, seed {seed}: {files.sent >> 20} MiB sent in all")


def check(daemon, book, files, names):
    """The first answer after a kill is held against what was acknowledged and against the disk."""
    rows = daemon.torrents("labels", "pieces", "pieceCount", "leftUntilDone", "status", "haveValid")
    listed = {row["hashString"]: row for row in rows}
    missing = book.torrents - set(listed)
    assert not missing, f"acknowledged and gone: {missing}"
    strange = set(listed) - book.torrents - book.maybe_added - book.maybe_removed
    assert not strange, f"removed and there again: {strange}"
    for key, row in listed.items():
        allowed = [book.labels.get(key, []), *book.maybe_labels.get(key, [])]
        assert row["labels"] in allowed, f"{row['labels']} is none of {allowed}"
        claimed = base64.b64decode(row["pieces"])
        data, path = files.files[names[key]], os.path.join(daemon.folder, names[key])
        path = path if os.path.exists(path) else path + ".part"
        for piece in range(row["pieceCount"]):
            if claimed[piece // 8] >> (7 - piece % 8) & 1:
                with open(path, "rb") as f:
                    f.seek(piece * PIECE_LENGTH)
                    right = data[piece * PIECE_LENGTH : (piece + 1) * PIECE_LENGTH]
                    assert f.read(len(right)) == right, f"piece {piece} of {key} is claimed and wrong"
        if key in book.complete:
            assert row["leftUntilDone"] == 0, f"{key} was complete at the last start and lost something"
            assert row["status"] == 6, f"{key} was complete at the last start and is checked again"
    if book.limit is not None:
        limit = daemon.rpc("session-get")["speed-limit-down"]
        assert limit in {book.limit, *book.maybe_limits}, f"{limit} is not {book.limit}"
    return listed

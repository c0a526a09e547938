"""Torrents made here, from data made here: what is compared at the end depends on nobody's client."""

import hashlib
import os
import random
from dataclasses import dataclass, field

from waiting import wait_for

KIB, MIB = 1024, 1024 * 1024


def bencode(value):
    """Canonical bencode (BEP 3) of int, bytes, str, list and dict."""
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    if isinstance(value, list):
        return b"l" + b"".join(map(bencode, value)) + b"e"
    pairs = sorted((k.encode() if isinstance(k, str) else k, v) for k, v in value.items())
    return b"d" + b"".join(bencode(k) + bencode(v) for k, v in pairs) + b"e"


def random_bytes(size, seed):
    source = random.Random(seed)
    return b"".join(source.randbytes(min(MIB, size - at)) for at in range(0, size, MIB))


@dataclass
class Content:
    """What a torrent holds. `files` maps a path below the torrent's name to its bytes; the path "" is the only
    one of a single-file torrent."""

    name: str
    files: dict

    def paths(self):
        """(path below the download folder, bytes) in the torrent's order."""
        return [(f"{self.name}/{path}" if path else self.name, data) for path, data in self.files.items()]

    def lay_out(self, folder):
        """Writes the complete files below `folder`."""
        for path, data in self.paths():
            full = os.path.join(folder, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "wb") as f:
                f.write(data)

    def total(self):
        return sum(len(data) for data in self.files.values())


def odd_folder():
    """Odd sizes, an empty file, one byte, nested folders, and names that need escapes in a URL."""
    return Content(
        "Vögel & Co #1",
        {
            "stare.iso": random_bytes(11_234_567, 1),
            "empty.txt": b"",
            "tief/nested/amsel 100%25+.bin": random_bytes(1_234_567, 2),
            "tief/a=b;c,d.bin": random_bytes(77_777, 3),
            "one": b"1",
            "z.bin": random_bytes(3 * 49_152, 4),
        },
    )


def single_file(name="starling test.iso", size=9_876_543, seed=5):
    return Content(name, {"": random_bytes(size, seed)})


@dataclass
class Torrent:
    """A .torrent file on disk beside the content that it describes."""

    content: Content
    path: str
    info_hash: str
    digests: dict = field(repr=False)

    def check_flushed(self, folder, without_empty=False):
        """`check`, for a client that calls itself complete before its last bytes are in the file."""

        def flushed():
            try:
                self.check(folder, without_empty)
                return True
            except AssertionError:
                return False

        wait_for(flushed, 20, lambda: self.check(folder, without_empty))

    def check(self, folder, without_empty=False):
        """Fails unless every file lies below `folder` with the right SHA-256."""
        for path, digest in self.digests.items():
            full = os.path.join(folder, path)
            if without_empty and digest == hashlib.sha256(b"").hexdigest():
                continue
            assert os.path.isfile(full), f"{path} is missing; there is {listing(folder)}"
            with open(full, "rb") as f:
                assert hashlib.file_digest(f, "sha256").hexdigest() == digest, f"{path} has other bytes"


def listing(folder):
    """Every file below `folder` with its size, for messages."""
    return sorted(
        (os.path.relpath(os.path.join(top, f), folder), os.path.getsize(os.path.join(top, f)))
        for top, _, files in os.walk(folder)
        for f in files
    )


def piece_hashes(content, piece_length):
    whole = memoryview(b"".join(content.files.values()))
    return b"".join(hashlib.sha1(whole[i : i + piece_length]).digest() for i in range(0, len(whole), piece_length))


def make_torrent(folder, content, piece_length=48 * KIB, **keys):
    """Writes `folder`/NAME.torrent; `keys` go beside the info dict (`announce`, `url-list`, ...)."""
    info = {"name": content.name, "piece length": piece_length, "pieces": piece_hashes(content, piece_length)}
    if list(content.files) == [""]:
        info["length"] = content.total()
    else:
        info["files"] = [{"length": len(data), "path": path.split("/")} for path, data in content.files.items()]
    path = os.path.join(folder, "test.torrent")
    with open(path, "wb") as f:
        f.write(bencode({**keys, "info": info}))
    digests = {path: hashlib.sha256(data).hexdigest() for path, data in content.paths()}
    return Torrent(content, path, hashlib.sha1(bencode(info)).hexdigest(), digests)
